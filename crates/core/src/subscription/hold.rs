//! Subscriptions that wait for something other than their timers: a registration, the end of a switch (IMS-01, IMS-05, SW-05).

use core::time::Duration;

use super::{Cause, EndReason, Phase, Step, Subscription};

impl Subscription {
    /// Nothing may be sent for now: whatever there was is over without a word, and what follows waits for
    /// [`Self::resume`], or for this time.
    pub(crate) fn hold(&mut self, why: Cause, until: Option<Duration>) {
        if matches!(self.phase, Phase::Leaving { .. }) {
            self.end(EndReason::Unsubscribed);
        }
        if self.phase == Phase::Ended || self.held && until.is_none() {
            return;
        }
        // An attempt that was not made is not told.
        self.steps
            .retain(|step| !matches!(step, Step::Subscribe { .. } | Step::Changed { .. }));
        if self.expects_notify() {
            self.steps.push_back(Step::Forget);
        }
        self.stop_timers();
        self.in_flight = false;
        self.phase = Phase::Waiting;
        self.held = true;
        self.retry_at = until;
        self.changed(Some(why), None);
    }

    /// What it was held for is there. True when it was held.
    pub(crate) fn resume(&mut self, now: Duration) -> bool {
        let held = core::mem::take(&mut self.held);
        if held && self.phase == Phase::Waiting {
            self.retry_at = None;
            self.attempt(now);
        }
        held
    }

    /// Starts anew at a time; what there was must have been given away.
    pub(crate) fn start_at(&mut self, now: Duration, at: Duration, why: Cause) {
        if self.phase == Phase::Ended {
            return;
        }
        self.steps.clear();
        self.stop_timers();
        self.phase = Phase::Waiting;
        self.held = false;
        self.told = false;
        self.failures = 0;
        self.retry_at = Some(at);
        self.changed(Some(why), Some(at.saturating_sub(now)));
    }

    /// One that takes the place of this, which goes on by itself.
    pub(crate) fn successor(&self, asked: u32) -> Self {
        Self {
            once: self.once,
            was_live: self.was_live,
            host_refreshes: self.host_refreshes,
            ..Self::new(
                self.settings.clone(),
                crate::host::HostKind::Transaction,
                asked,
            )
        }
    }

    /// It is one attempt, for the present state only.
    pub(crate) fn is_once(&self) -> bool {
        self.once
    }
}
