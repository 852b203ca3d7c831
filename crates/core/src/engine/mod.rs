//! The one owner of accounts, subscriptions and rosters: input → output, no I/O (SW-11).
//!
//! Commands and `handle_*` put something in; then drain [`Engine::poll_action`] and [`Engine::poll_event`] until both are
//! empty, and call [`Engine::handle_timeout`] at [`Engine::poll_timeout`]. `now` is the host's monotonic time since its
//! own start and must not go back.

mod access;
mod again;
mod begin;
mod counts;
mod documents;
mod event;
mod lists;
mod notify;
mod package;
mod recover;
mod send;
mod session;
#[cfg(test)]
mod tests;
mod wall_time;
mod watch;

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use hashbrown::HashMap;

use crate::account::{Account, AccountId, AccountSettings};
use crate::conference::DeviationCode;
use crate::host::{Action, Capabilities, Fact, SubscriptionId, TransactionId};
use crate::profile::Registration;
use crate::random::{Random, Token};
use crate::roster::Roster;
use crate::subscription::{EndReason, Purpose};
use crate::wall_time::WallTime;
pub use access::{REGISTER_PATIENCE, SWITCH_SETTLE};
pub use again::{MAX_AGAIN, MAX_REDIRECTS};
pub use begin::WatchError;
pub use counts::Counts;
pub use event::{Event, Rates, State, What};
use package::Package;
pub use package::{Body, PackageSettings};
use session::Sessions;
pub use wall_time::WALL_TIME_TRUST;
use watch::Watch;
pub use watch::{
    FLOW_LOST_AT_ONCE, FLOW_LOST_PAUSE_MAX, FLOW_LOST_SPACING, RESYNC_BACKOFF_FIRST,
    RESYNC_BACKOFF_MAX,
};

/// Names what is watched: one resource and one event package of it. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(pub u64);

/// Owner of everything that the standards say.
#[derive(Debug)]
pub struct Engine {
    capabilities: Capabilities,
    random: Random,
    /// Wall time as last told, and when.
    wall_time: Option<(Duration, WallTime)>,
    /// When a rule begins or ceases to hold.
    rules_due: Option<Duration>,
    sessions: Sessions,
    accounts: HashMap<AccountId, Account>,
    watches: HashMap<WatchId, Box<Watch>>,
    /// Call-ID of each live dialog of a transaction host.
    by_call_id: HashMap<Token, WatchId>,
    by_transaction: HashMap<TransactionId, Sent>,
    by_subscription: HashMap<SubscriptionId, WatchId>,
    timers: BTreeSet<(Duration, WatchId)>,
    /// When registrations are over that nobody renews.
    lapses: BTreeSet<(Duration, AccountId)>,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
    next_id: u64,
    counts: Counts,
    /// Set once the host stops: everything that is not ended by then is abandoned (SW-13).
    deadline: Option<Duration>,
    /// The latest time that was told: a host's clock that goes back stands still (SW-14).
    latest: Duration,
}

/// A request of a transaction host that awaits its response.
#[derive(Clone, Copy, Debug)]
struct Sent {
    watch: WatchId,
    purpose: Purpose,
    expires: u32,
    /// It named the state that is held (RFC 5839).
    suppressed: bool,
    /// Attempt it belongs to; a response to an older attempt means nothing any more.
    attempt: u32,
}

impl Engine {
    /// An engine for a host of this kind. The seed must be unguessable and fresh (SEC-01).
    #[must_use]
    pub fn new(capabilities: Capabilities, seed: [u8; 32]) -> Self {
        Self {
            capabilities,
            random: Random::new(seed),
            wall_time: None,
            rules_due: None,
            sessions: Sessions::default(),
            accounts: HashMap::new(),
            watches: HashMap::new(),
            by_call_id: HashMap::new(),
            by_transaction: HashMap::new(),
            by_subscription: HashMap::new(),
            timers: BTreeSet::new(),
            lapses: BTreeSet::new(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
            next_id: 0,
            counts: Counts::default(),
            deadline: None,
            latest: Duration::ZERO,
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Adds a user on a SIP core.
    pub fn add_account(
        &mut self,
        settings: AccountSettings,
        registration: Registration,
    ) -> AccountId {
        let id = AccountId(self.fresh_id() as u32);
        let mut account = Account::new(settings, registration);
        if let Some((_, wall_time)) = self.wall_time {
            account.lists.set_wall_time(wall_time);
        }
        self.accounts.insert(id, account);
        id
    }

    /// The host's time, which does not go back.
    fn at(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Asks the notifier for its state now, as often as is decent (RFC 6665 §4.4.3, SUB-70).
    pub fn refresh(&mut self, now: Duration, id: WatchId) {
        let now = self.at(now);
        self.with(now, id, |_, watch| {
            if !watch.subscription.is_leaving() {
                watch.resync.wanted(now);
            }
        });
    }

    /// How many names (tags, Call-IDs, cnonces) were drawn from the seed so far, for [`crate::record::Redactor`].
    pub(crate) fn names_drawn(&self) -> u64 {
        self.random.drawn()
    }

    /// The rates of notification that the notifier said to keep (RFC 6446 §4, SUB-72); none when it said nothing.
    #[must_use]
    pub fn rates(&self, id: WatchId) -> Option<Rates> {
        let watch = self.watches.get(&id)?;
        watch.rates.as_deref().copied()
    }

    /// Ends a subscription; an [`What::Ended`] follows (SUB-66…68).
    pub fn unsubscribe(&mut self, now: Duration, id: WatchId) {
        let now = self.at(now);
        self.with(now, id, |_, watch| {
            watch.subscription.unsubscribe(now);
        });
    }

    /// Ends all subscriptions; whatever is not ended after `patience` is abandoned (SW-13).
    pub fn stop(&mut self, now: Duration, patience: Duration) {
        let now = self.at(now);
        self.deadline = Some(now.saturating_add(patience));
        for id in self.all() {
            self.unsubscribe(now, id);
        }
    }

    /// Removes what has ended; its roster is gone. One that has not ended stays.
    pub fn remove(&mut self, id: WatchId) {
        if self
            .watches
            .get(&id)
            .is_some_and(|watch| watch.subscription.is_ended())
            && let Some(watch) = self.watches.remove(&id)
        {
            self.forget_dialog(&watch);
            self.sessions.forget(id);
            if let Some(at) = watch.armed {
                self.timers.remove(&(at, id));
            }
        }
    }

    /// All that is watched, ended ones included until they are removed.
    #[must_use]
    pub fn watches(&self) -> Vec<WatchId> {
        let told = self.watches.iter().filter(|(_, watch)| !watch.is_quiet);
        let mut ids: Vec<_> = told.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// The same with those that the engine has for itself: old subscriptions on their way out, registration state.
    fn all(&self) -> Vec<WatchId> {
        let mut ids: Vec<_> = self.watches.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Dialog and watching hosts: the watch that a dialog is of, and so its account; none once it is forgotten.
    #[must_use]
    pub fn watch_of(&self, subscription: SubscriptionId) -> Option<WatchId> {
        self.by_subscription.get(&subscription).copied()
    }

    /// The URI subscribed to, as given.
    #[must_use]
    pub fn target(&self, id: WatchId) -> Option<&str> {
        self.watches.get(&id).map(|watch| &*watch.uri)
    }

    /// The roster as it stands; none before the first document, nor of an event package without one.
    #[must_use]
    pub fn roster(&self, id: WatchId) -> Option<&Roster> {
        self.watches
            .get(&id)
            .and_then(|watch| watch.package.roster())
    }

    /// The state as last told.
    #[must_use]
    pub fn state(&self, id: WatchId) -> Option<State> {
        self.watches.get(&id).and_then(|watch| watch.state.clone())
    }

    /// How long the subscription lives yet, as far as the notifier has said (RFC 6665 §4.2.1.1); none while there is none.
    #[must_use]
    pub fn life(&self, now: Duration, id: WatchId) -> Option<Duration> {
        let watch = self.watches.get(&id)?;
        watch.subscription.remaining(now)
    }

    /// A host reports a response, a failure or the end of a dialog.
    pub fn handle_fact(&mut self, now: Duration, fact: Fact) {
        let now = self.at(now);
        match fact {
            Fact::Response {
                transaction,
                response,
            } => self.handle_response(now, transaction, &response),
            Fact::Failed {
                transaction,
                failure,
            } => {
                if let Some(sent) = self.by_transaction.remove(&transaction) {
                    self.handle_failure(now, sent, failure);
                }
            }
            Fact::DialogResponse {
                subscription,
                response,
            } => {
                if let Some(sent) = self.sent_in(subscription) {
                    self.handle_final(now, sent, &response);
                }
            }
            Fact::DialogFailed {
                subscription,
                failure,
            } => {
                if let Some(sent) = self.sent_in(subscription) {
                    self.handle_failure(now, sent, failure);
                }
            }
            Fact::FlowLost => {
                let mut place = 0usize;
                for id in self.all() {
                    let behind = place.saturating_sub(FLOW_LOST_AT_ONCE - 1);
                    let behind = FLOW_LOST_SPACING.saturating_mul(behind as u32);
                    let asks = self.with(now, id, |_, watch| {
                        // What waits or has ended has nothing by this flow.
                        let asks = watch.subscription.expects_notify();
                        if asks && behind.is_zero() {
                            watch.resync.lost();
                        } else if asks {
                            watch.resync.lost_among(now, behind);
                        }
                        asks
                    });
                    place += usize::from(asks == Some(true));
                }
            }
            Fact::TooLarge => {
                for id in self.all() {
                    self.with(now, id, |engine, watch| {
                        if watch.subscription.expects_notify() {
                            engine.tell_deviation(
                                id,
                                watch,
                                DeviationCode::MessageTooLarge,
                                "the server sent a message larger than this softphone takes, perhaps of this conference; what \
                                 it said is not known: have the server send smaller documents",
                            );
                        }
                    });
                }
            }
            Fact::Terminated { subscription } => {
                if let Some(id) = self.by_subscription.remove(&subscription) {
                    self.with(now, id, |engine, watch| {
                        watch.subscription.handle_failure(
                            now,
                            Purpose::Refresh,
                            crate::subscription::Cause::Expired,
                            &mut engine.random,
                        );
                    });
                }
            }
        }
    }

    /// Time has come to [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Duration) {
        let now = self.at(now);
        self.handle_rules_timeout(now);
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            for id in self.all() {
                self.with(now, id, |_, watch| {
                    watch.subscription.abandon(EndReason::Unsubscribed);
                });
            }
        }
        self.lapse(now);
        // A timer that is set anew for this very moment waits for the next call.
        let due: Vec<_> = self
            .timers
            .range(..=(now, WatchId(u64::MAX)))
            .copied()
            .collect();
        for (at, id) in due {
            self.timers.remove(&(at, id));
            if let Some(watch) = self.watches.get_mut(&id) {
                watch.armed = None;
            }
            self.with(now, id, |engine, watch| {
                watch.subscription.handle_timeout(now, &mut engine.random);
                engine.handle_session_timeout(now, id, watch);
            });
        }
    }

    /// When [`Self::handle_timeout`] wants to be called; none while nothing is pending.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let first = self.timers.first().map(|(at, _)| *at);
        first
            .into_iter()
            .chain(self.deadline)
            .chain(self.rules_due)
            .chain(self.lapses.first().map(|(at, _)| *at))
            .min()
    }

    /// The next thing the host is to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next thing a user would want to see.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn tell(&mut self, id: WatchId, what: What) {
        self.events.push_back(Event { watch: id, what });
    }

    /// Does something to a watch, then carries out its steps and arms its timer.
    fn with<R>(
        &mut self,
        now: Duration,
        id: WatchId,
        action: impl FnOnce(&mut Self, &mut Watch) -> R,
    ) -> Option<R> {
        // Taken out for the time being, so that the engine's own parts stay at hand.
        let mut watch = self.watches.remove(&id)?;
        let result = action(self, &mut watch);
        self.settle(now, id, &mut watch);
        self.put_back(id, watch);
        Some(result)
    }

    /// The end of what the engine has for itself is nobody's to remove.
    fn put_back(&mut self, id: WatchId, watch: Box<Watch>) {
        if watch.is_quiet && watch.subscription.is_ended() {
            self.forget_dialog(&watch);
        } else {
            self.watches.insert(id, watch);
        }
    }

    fn sent_in(&self, subscription: SubscriptionId) -> Option<Sent> {
        let id = *self.by_subscription.get(&subscription)?;
        let watch = self.watches.get(&id)?;
        Some(Sent {
            watch: id,
            purpose: watch.last_purpose,
            expires: watch.last_expires,
            suppressed: watch.last_suppressed,
            attempt: watch.attempt,
        })
    }
}
