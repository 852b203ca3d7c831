//! The driver's meter: turns what happens into the numbers of [`crate::metrics`].

use std::collections::HashMap;

use metrics::{counter, gauge, histogram};
use rollmark_core::blocklist::SourceState;
use rollmark_core::engine::{Counts, WatchId, What};
use rollmark_core::subscription::Shown;
use tokio::time::Instant;

use crate::metrics::{
    BLOCK_LISTS, DEVIATIONS, DROPPED, ENDED, EVENTS, FIRST_ROSTER, GAPS, LAGGED, NOTIFIES,
    RECOVERIES, REFRESHES, RESYNCS, SUBSCRIBES, SUBSCRIPTIONS, UNSUBSCRIBES,
};

/// What is known of the subscriptions there are.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    watches: HashMap<WatchId, Watched>,
    counts: Counts,
}

#[derive(Debug)]
struct Watched {
    package: &'static str,
    since: Instant,
    shown: Option<Shown>,
    has_roster: bool,
}

impl Watched {
    fn is_in(&mut self, shown: Option<Shown>) {
        if shown == self.shown {
            return;
        }
        if let Some(before) = self.shown {
            gauge!(SUBSCRIPTIONS, "package" => self.package, "state" => before.as_str())
                .decrement(1);
        }
        if let Some(now) = shown {
            gauge!(SUBSCRIPTIONS, "package" => self.package, "state" => now.as_str()).increment(1);
        }
        self.shown = shown;
    }
}

impl Meter {
    /// Somebody wants to watch this, from now on if nobody did before.
    pub(crate) fn subscribed(&mut self, id: WatchId, documents: bool) {
        self.watches.entry(id).or_insert_with(|| Watched {
            package: if documents { "xcap-diff" } else { "conference" },
            since: Instant::now(),
            shown: None,
            has_roster: false,
        });
    }

    /// The engine tells this.
    pub(crate) fn told(&mut self, id: WatchId, what: &What) {
        if let What::Deviation { code, .. } = what {
            counter!(DEVIATIONS, "code" => code.as_str()).increment(1);
        }
        let Some(watched) = self.watches.get_mut(&id) else {
            return;
        };
        match what {
            What::State(state) => watched.is_in(Some(state.shown)),
            What::Roster(_) if !std::mem::replace(&mut watched.has_roster, true) => {
                let seconds = watched.since.elapsed().as_secs_f64();
                tracing::debug!(seconds, "first roster");
                histogram!(FIRST_ROSTER).record(seconds);
            }
            What::Ended { reason, .. } => {
                counter!(ENDED, "reason" => reason.as_str()).increment(1);
                watched.is_in(None);
                self.watches.remove(&id);
            }
            _ => {}
        }
    }

    /// What the engine has counted so far.
    pub(crate) fn counted(&mut self, counts: Counts) {
        if counts == self.counts {
            return;
        }
        let before = std::mem::replace(&mut self.counts, counts);
        let Counts {
            subscribes,
            refreshes,
            resyncs,
            recoveries,
            unsubscribes,
            gaps,
        } = counts;
        tracing::debug!(
            subscribes,
            refreshes,
            resyncs,
            recoveries,
            unsubscribes,
            gaps,
            "so far"
        );
        for (name, before, now) in [
            (SUBSCRIBES, before.subscribes, subscribes),
            (REFRESHES, before.refreshes, refreshes),
            (RESYNCS, before.resyncs, resyncs),
            (RECOVERIES, before.recoveries, recoveries),
            (UNSUBSCRIBES, before.unsubscribes, unsubscribes),
            (GAPS, before.gaps, gaps),
        ] {
            if now > before {
                counter!(name).increment(now - before);
            }
        }
    }

    /// A NOTIFY was taken or refused.
    pub(crate) fn notified(&self, status: u16) {
        // The set that an engine answers with.
        let status = match status {
            200 => "200",
            400 => "400",
            403 => "403",
            415 => "415",
            481 => "481",
            489 => "489",
            500 => "500",
            _ => "other",
        };
        counter!(NOTIFIES, "status" => status).increment(1);
    }

    /// A block-list source reported.
    pub(crate) fn block_list(&self, state: SourceState) {
        let state = match state {
            SourceState::Fresh => "fresh",
            SourceState::Stale => "stale",
            SourceState::Incomplete => "incomplete",
            SourceState::Unavailable => "unavailable",
            SourceState::Empty => "empty",
        };
        counter!(BLOCK_LISTS, "state" => state).increment(1);
    }

    /// An event was queued for a consumer.
    pub(crate) fn queued() {
        counter!(EVENTS).increment(1);
    }

    /// One was not.
    pub(crate) fn dropped() {
        counter!(DROPPED).increment(1);
    }

    /// A consumer has fallen behind.
    pub(crate) fn lagged() {
        counter!(LAGGED).increment(1);
    }
}

/// What is not told as ended is over with its driver.
impl Drop for Meter {
    fn drop(&mut self) {
        for watched in self.watches.values_mut() {
            watched.is_in(None);
        }
    }
}
