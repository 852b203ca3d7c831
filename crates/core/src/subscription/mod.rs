//! Subscriber of RFC 6665 §4.1 for any event package: states, timers, refresh, retries. No dialog, no headers.
//!
//! ```text
//!           start              NOTIFY pending|active
//!   Idle ─────────► Subscribing ─────────────────────► Live ◄──┐ refresh, NOTIFY
//!                    │    ▲                            │  └────┘
//!      error, Timer N│    │ retry                      │ lost, terminated
//!                    ▼    │                            ▼
//!                   Waiting ◄──────────────────────────┤
//!                                                      │ unsubscribe
//!   Ended ◄── terminated NOTIFY, 481, Timer N ── Leaving
//! ```
//! The engine feeds it what the host saw and carries out the steps it asks for.

mod course;
mod hold;
mod outcome;
mod retry;
mod settings;
mod terms;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

use crate::host::HostKind;
use crate::random::Random;
pub use retry::{BACKOFF_FIRST, BACKOFF_MAX, HEALTHY_AFTER};
pub use settings::{
    DEFAULT_EXPIRES, DEFAULT_MAX_ATTEMPTS, DEFAULT_T1, LIFE_MIN, REFRESH_MARGIN, REFRESH_PAUSE_MIN,
    Settings,
};
pub(crate) use terms::{Answered, Purpose, Step};
pub use terms::{Cause, EndReason, Shown, TerminatedReason, describe};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Subscribing,
    Live { pending: bool },
    Leaving { sent: bool },
    Waiting,
    Ended,
}

/// One subscription over all its attempts.
#[derive(Debug)]
pub(crate) struct Subscription {
    phase: Phase,
    settings: Arc<Settings>,
    /// The host refreshes and times out by itself (SW-12).
    host_refreshes: bool,
    /// One NOTIFY is all that is wanted (SUB-69).
    once: bool,
    /// Expires of the last request.
    asked: u32,
    /// True while the last request has not been given a life by a 2xx or a NOTIFY.
    ungranted: bool,
    /// A 2xx to the initial request was seen: a dialog may exist.
    accepted: bool,
    /// One 423 was followed in this attempt.
    followed_423: bool,
    /// 403 answered a refresh once.
    forbidden_once: bool,
    /// A refresh was lost with its connection and has been sent again on another one.
    resent: bool,
    /// A refresh awaits its response; once it is being ended, the request for that does.
    in_flight: bool,
    /// An error came after the NOTIFY that made it: the refresh under way decides (SUB-17).
    doubtful: bool,
    /// It waits for something that is told, not for a time.
    held: bool,
    /// It has been live at least once.
    was_live: bool,
    /// The last loss was announced by the notifier (`terminated`).
    told: bool,
    /// The session that it belongs to is over: a loss is the end (SUB-71).
    closing: bool,
    failures: u8,
    live_since: Duration,
    /// Retry-After of an error: no request by itself before this (SUB-18).
    not_before: Duration,
    timer_n: Option<Duration>,
    refresh_at: Option<Duration>,
    expires_at: Option<Duration>,
    retry_at: Option<Duration>,
    steps: VecDeque<Step>,
}

impl Subscription {
    /// A subscription that has not started.
    pub(crate) fn new(settings: Arc<Settings>, kind: HostKind, asked: u32) -> Self {
        Self {
            phase: Phase::Idle,
            asked,
            host_refreshes: settings.host_refreshes || kind == HostKind::Watching,
            settings,
            once: false,
            ungranted: true,
            accepted: false,
            followed_423: false,
            forbidden_once: false,
            resent: false,
            in_flight: false,
            doubtful: false,
            held: false,
            was_live: false,
            told: false,
            closing: false,
            failures: 0,
            live_since: Duration::ZERO,
            not_before: Duration::ZERO,
            timer_n: None,
            refresh_at: None,
            expires_at: None,
            retry_at: None,
            steps: VecDeque::new(),
        }
    }

    /// One that asks for the present state only: Expires: 0, one NOTIFY, the end (RFC 6665 §4.4.3, SUB-69).
    pub(crate) fn once(settings: Arc<Settings>, kind: HostKind) -> Self {
        Self {
            once: true,
            ..Self::new(settings, kind, 0)
        }
    }

    /// Makes the first attempt.
    pub(crate) fn start(&mut self, now: Duration) {
        if self.phase == Phase::Idle {
            self.attempt(now);
        }
    }

    /// The state to be shown.
    pub(crate) fn shown(&self) -> Shown {
        match self.phase {
            Phase::Idle | Phase::Subscribing => Shown::Subscribing,
            Phase::Live { pending: true } => Shown::Pending,
            Phase::Live { pending: false } | Phase::Leaving { .. } => Shown::Active,
            Phase::Waiting if self.told => Shown::Terminated,
            Phase::Waiting if self.was_live => Shown::Stale,
            Phase::Waiting => Shown::Subscribing,
            Phase::Ended => Shown::Terminated,
        }
    }

    /// True once nothing follows.
    pub(crate) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// True while a NOTIFY of the present attempt may come.
    pub(crate) fn expects_notify(&self) -> bool {
        matches!(
            self.phase,
            Phase::Subscribing | Phase::Live { .. } | Phase::Leaving { .. }
        )
    }

    /// Remaining life, for a request that asks for full state without changing it (SUB-70).
    pub(crate) fn remaining(&self, now: Duration) -> Option<Duration> {
        self.expires_at.map(|at| at.saturating_sub(now))
    }

    /// Not before this is anything asked for by itself: the server said so (Retry-After, SUB-18).
    pub(crate) fn not_before(&self) -> Duration {
        self.not_before
    }

    /// A NOTIFY has made it, and it is not being ended.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// It is being ended: nothing new is wanted of the server.
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }

    /// Seconds that are asked for.
    pub(crate) fn asked(&self) -> u32 {
        self.asked
    }

    /// The next step, until there is none.
    pub(crate) fn poll_step(&mut self) -> Option<Step> {
        let step = self.steps.pop_front();
        if self.steps.is_empty() {
            // An idle subscription holds no memory for steps.
            self.steps = VecDeque::new();
        }
        step
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        [
            self.timer_n,
            self.refresh_at,
            self.expires_at,
            self.retry_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Asks the notifier for its state now (RFC 6665 §4.4.3). False when there is no dialog to ask in.
    pub(crate) fn refresh_now(&mut self, now: Duration) -> bool {
        if self.host_refreshes || self.once || !self.has_dialog() {
            return false;
        }
        self.send_refresh(now);
        true
    }

    /// A request in its dialog awaits its response.
    pub(crate) fn is_refreshing(&self) -> bool {
        self.in_flight
    }

    /// There is a dialog to ask in: made by a NOTIFY, or provisionally by the 2xx (SUB-25).
    fn has_dialog(&self) -> bool {
        self.is_live() || self.phase == Phase::Subscribing && self.accepted
    }

    /// What was lost on the way can be asked for: there is a dialog, and nothing is under way in it whose response may have
    /// been sent before the loss.
    pub(crate) fn can_ask(&self) -> bool {
        !self.in_flight && (self.has_dialog() || self.phase == Phase::Leaving { sent: true })
    }

    /// A NOTIFY may have been lost, or the flow that the next ones were to come by: the notifier is asked anew. One that is
    /// being ended says so once more, for its last NOTIFY may be what was lost; Timer N of the first time goes on (SUB-66).
    pub(crate) fn ask_anew(&mut self, now: Duration) {
        if self.phase == (Phase::Leaving { sent: true }) {
            self.in_flight = true;
            self.steps.push_back(Step::Unsubscribe);
        } else {
            self.refresh_now(now);
        }
    }

    /// Ends it: at once where nothing is subscribed, else by Expires: 0 as soon as there is a dialog (SUB-66, SUB-68).
    pub(crate) fn unsubscribe(&mut self, now: Duration) {
        match self.phase {
            Phase::Idle | Phase::Waiting => self.end(EndReason::Unsubscribed),
            Phase::Subscribing if !self.accepted => self.phase = Phase::Leaving { sent: false },
            Phase::Subscribing | Phase::Live { .. } => self.leave(now),
            Phase::Leaving { .. } | Phase::Ended => {}
        }
    }

    /// Whether what the notifier ends from now on stays ended, because the session is over (SUB-71).
    pub(crate) fn close(&mut self, closing: bool) {
        self.closing = closing;
        if closing && matches!(self.phase, Phase::Idle | Phase::Waiting) {
            self.end(EndReason::Unsubscribed);
        }
    }

    /// Ends it without a word to the server: the path is gone (SW-07).
    pub(crate) fn abandon(&mut self, reason: EndReason) {
        if self.phase != Phase::Ended {
            self.end(reason);
        }
    }

    /// A final response came.
    pub(crate) fn handle_response(
        &mut self,
        now: Duration,
        purpose: Purpose,
        answer: Answered,
        random: &mut Random,
    ) {
        if matches!(self.phase, Phase::Idle | Phase::Waiting | Phase::Ended) {
            return;
        }
        let awaited = if self.is_leaving() {
            Purpose::Unsubscribe
        } else {
            Purpose::Refresh
        };
        if purpose == awaited {
            self.in_flight = false;
        }
        match (purpose, answer.status) {
            (_, ..=199) => {}
            (Purpose::Unsubscribe, 200..=299) => {}
            (Purpose::Unsubscribe, _) => self.end(EndReason::Unsubscribed),
            (_, 200..=299) => self.granted(now, answer, random),
            (Purpose::Initial, _) => self.initial_refused(now, answer, random),
            (Purpose::Refresh, _) => self.refresh_refused(now, answer, random),
        }
    }

    /// The host does not show the 2xx to a refresh: a NOTIFY says that there was one.
    pub(crate) fn responded(&mut self) {
        self.in_flight = false;
    }

    /// A request got no final response or could not be sent.
    pub(crate) fn handle_failure(
        &mut self,
        now: Duration,
        purpose: Purpose,
        cause: Cause,
        random: &mut Random,
    ) {
        if purpose != Purpose::Initial {
            self.in_flight = false;
        }
        match self.phase {
            Phase::Idle | Phase::Waiting | Phase::Ended => {}
            // The dialog outlives its connection: once more, on another one.
            Phase::Live { .. } | Phase::Subscribing
                if purpose == Purpose::Refresh && cause == Cause::Unreachable && !self.resent =>
            {
                self.resent = true;
                self.send_refresh(now);
            }
            Phase::Leaving { .. } => self.end(EndReason::Unsubscribed),
            Phase::Subscribing if purpose == Purpose::Initial => {
                self.attempt_failed(now, cause, random);
            }
            // A NOTIFY made the dialog, so the server is there although its 2xx was lost.
            Phase::Live { .. } if purpose == Purpose::Initial => {}
            Phase::Subscribing | Phase::Live { .. } => {
                self.lose(now, cause, retry::lost(cause), random);
            }
        }
    }

    fn timer_n_from(&self, now: Duration) -> Option<Duration> {
        (!self.host_refreshes).then(|| now.saturating_add(self.settings.t1.saturating_mul(64)))
    }

    fn attempt(&mut self, now: Duration) {
        self.phase = Phase::Subscribing;
        self.held = false;
        self.accepted = false;
        self.followed_423 = false;
        self.forbidden_once = false;
        self.in_flight = false;
        self.doubtful = false;
        self.told = false;
        self.not_before = Duration::ZERO;
        self.ungranted = true;
        self.timer_n = self.timer_n_from(now);
        self.steps.push_back(Step::Subscribe {
            expires: self.asked,
        });
        self.changed(None, None);
    }

    /// The initial request is sent once more in this attempt, for the server said what was wrong with it; a dialog that a
    /// NOTIFY made meanwhile is dropped (RFC 6665 §4.1.2.1, SUB-17).
    pub(crate) fn ask_again(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Subscribing | Phase::Live { .. }) {
            return;
        }
        let was = core::mem::replace(&mut self.phase, Phase::Subscribing);
        self.accepted = false;
        self.ungranted = true;
        self.in_flight = false;
        self.stop_timers();
        self.timer_n = self.timer_n_from(now);
        self.steps.push_back(Step::SubscribeAgain {
            expires: self.asked,
        });
        if was != self.phase {
            self.changed(None, None);
        }
    }

    /// A request is sent once more as it was: its timers go on (SUB-12).
    pub(crate) fn repeat(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// Another server than the one that sent NOTIFYs refused the initial request: a refresh at once shows whether the
    /// subscription is one (SUB-17).
    pub(crate) fn doubt(&mut self, now: Duration) {
        self.doubtful = self.refresh_now(now);
    }

    /// The dialog cannot be used any more: a new one at once (RFC 3261 §12.2.1.1, the end of CSeq).
    pub(crate) fn renew(&mut self, now: Duration, random: &mut Random) {
        self.lose(now, Cause::Expired, retry::lost(Cause::Expired), random);
    }

    fn changed(&mut self, why: Option<Cause>, retry_in: Option<Duration>) {
        self.steps.push_back(Step::Changed {
            shown: self.shown(),
            why,
            retry_in,
        });
    }

    fn send_refresh(&mut self, now: Duration) {
        self.refresh_at = None;
        self.ungranted = true;
        self.in_flight = true;
        // The first NOTIFY is not waited for longer because of a request that came between (SUB-42).
        if self.phase != Phase::Subscribing || self.timer_n.is_none() {
            self.timer_n = self.timer_n_from(now);
        }
        self.steps.push_back(Step::Refresh {
            expires: self.asked,
        });
    }

    fn leave(&mut self, now: Duration) {
        self.phase = Phase::Leaving { sent: true };
        self.in_flight = true;
        self.refresh_at = None;
        self.timer_n = self.timer_n_from(now);
        self.steps.push_back(Step::Unsubscribe);
    }

    fn end(&mut self, reason: EndReason) {
        if self.expects_notify() {
            self.steps.push_back(Step::Forget);
        }
        self.phase = Phase::Ended;
        self.stop_timers();
        self.steps.push_back(Step::Ended(reason));
    }

    fn stop_timers(&mut self) {
        self.timer_n = None;
        self.refresh_at = None;
        self.expires_at = None;
        self.retry_at = None;
    }
}
