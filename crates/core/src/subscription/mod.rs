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

mod retry;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use crate::header::{Reason, SubscriptionState, Substate};
use crate::random::Random;
use retry::Next;
pub use retry::{BACKOFF_FIRST, BACKOFF_MAX, HEALTHY_AFTER};

/// Life asked for, in seconds, when nothing else is configured (RFC 4575 §3.3, SUB-03).
pub const DEFAULT_EXPIRES: u32 = 3600;
/// T1 of RFC 3261 §17.1.1.1; IMS uses 2 s.
pub const DEFAULT_T1: Duration = Duration::from_millis(500);
/// Attempts in a row that may fail before the subscriber gives up (SUB-20, SEC-18).
pub const DEFAULT_MAX_ATTEMPTS: u8 = 10;
/// A refresh comes this long before the end of a life of more than twice that; else half-way (SUB-47).
pub const REFRESH_MARGIN: Duration = Duration::from_secs(600);
/// Refreshes of many subscriptions are spread over this share of the time before them, in per cent.
const REFRESH_JITTER: u32 = 5;
/// Share by which a back-off may be shortened, in per cent.
const BACKOFF_JITTER: u32 = 20;
/// Shortest pause before a failed refresh is tried again (SUB-49, SEC-18).
const REFRESH_RETRY_MIN: Duration = Duration::from_secs(1);

/// What a subscriber can be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Expires asked for, in seconds.
    pub expires: u32,
    /// T1 of the host; Timer N is 64 times that (RFC 6665 §4.1.2.2, SUB-41).
    pub t1: Duration,
    /// Attempts in a row that may fail before it ends with [`EndReason::GaveUp`].
    pub max_attempts: u8,
    /// False: a server that cannot be reached at the very first attempt ends it at once, as a person at a command line
    /// expects. Once a subscription has been there, a lost server is always tried again.
    pub retry_unreachable: bool,
    /// The host refreshes and times out by itself; the subscriber only follows what it is told (SW-12).
    pub host_refreshes: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            expires: DEFAULT_EXPIRES,
            t1: DEFAULT_T1,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            retry_unreachable: true,
            host_refreshes: false,
        }
    }
}

/// Which of its requests a response belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The SUBSCRIBE that makes the dialog.
    Initial,
    /// A SUBSCRIBE in the dialog that keeps it.
    Refresh,
    /// The SUBSCRIBE with Expires: 0.
    Unsubscribe,
}

/// What the engine is to do or to show next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a SUBSCRIBE that makes a new dialog: new Call-ID and From tag (SUB-51).
    Subscribe {
        /// Seconds to ask for.
        expires: u32,
    },
    /// Send the initial SUBSCRIBE once more, in the same attempt (423, SUB-10).
    SubscribeAgain {
        /// Seconds to ask for.
        expires: u32,
    },
    /// Send a SUBSCRIBE in the dialog.
    Refresh {
        /// Seconds to ask for.
        expires: u32,
    },
    /// Send the SUBSCRIBE with Expires: 0 in the dialog (SUB-66).
    Unsubscribe,
    /// The dialog is gone: its NOTIFYs get 481 from now on (SUB-42).
    Forget,
    /// The state to be shown changed.
    Changed {
        /// The state from now on.
        shown: Shown,
        /// Why, where there is a reason.
        why: Option<Cause>,
        /// Time until the next attempt, where one will be made.
        retry_in: Option<Duration>,
    },
    /// It is over; nothing follows.
    Ended(EndReason),
}

/// Why a subscription or an attempt was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The notifier said `terminated` with this reason.
    Terminated(TerminatedReason),
    /// An error response.
    Status(u16),
    /// No answer: Timer F of the host's transaction (RFC 3261 §17.1.2.2).
    NoAnswer,
    /// The request could not be sent.
    Unreachable,
    /// Accepted, but no NOTIFY came: Timer N (RFC 6665 §4.1.2.2).
    NoNotify,
    /// The life ran out, as after a suspension (SW-14).
    Expired,
}

/// The reasons of `terminated` as plain values (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminatedReason {
    /// `deactivated`
    Deactivated,
    /// `probation`
    Probation,
    /// `rejected`
    Rejected,
    /// `timeout`
    Timeout,
    /// `giveup`
    Giveup,
    /// `noresource`
    NoResource,
    /// `invariant`
    Invariant,
    /// Another word, or none.
    Other,
}

impl From<Option<&Reason>> for TerminatedReason {
    fn from(reason: Option<&Reason>) -> Self {
        match reason {
            Some(Reason::Deactivated) => Self::Deactivated,
            Some(Reason::Probation) => Self::Probation,
            Some(Reason::Rejected) => Self::Rejected,
            Some(Reason::Timeout) => Self::Timeout,
            Some(Reason::Giveup) => Self::Giveup,
            Some(Reason::Noresource) => Self::NoResource,
            Some(Reason::Invariant) => Self::Invariant,
            Some(Reason::Other(_)) | None => Self::Other,
        }
    }
}

impl Cause {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminated(reason) => match reason {
                TerminatedReason::Deactivated => "deactivated",
                TerminatedReason::Probation => "probation",
                TerminatedReason::Rejected => "rejected",
                TerminatedReason::Timeout => "timeout",
                TerminatedReason::Giveup => "giveup",
                TerminatedReason::NoResource => "noresource",
                TerminatedReason::Invariant => "invariant",
                TerminatedReason::Other => "terminated",
            },
            Self::Status(_) => "refused",
            Self::NoAnswer => "no-answer",
            Self::Unreachable => "unreachable",
            Self::NoNotify => "no-notify",
            Self::Expired => "expired",
        }
    }
}

/// Why a subscription ended for good (OMA-19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user or the host wanted it.
    Unsubscribed,
    /// `terminated;reason=noresource`: the conference is over (SUB-61).
    NoResource,
    /// `terminated;reason=rejected`: the user may not watch it (SUB-58).
    Rejected,
    /// `terminated;reason=invariant`: what was told is final (SUB-62).
    Invariant,
    /// The document said `state="deleted"` (CONF-15).
    Deleted,
    /// 404, 410 or 604: no such session or group (OMA-30).
    NotFound,
    /// 403 (OMA-31).
    Forbidden,
    /// 489, 406 or 415: the server does not do this event package or document type (SUB-14, SUB-15).
    Unsupported,
    /// 401 or 407 that could not be answered, or was repeated (SUB-12).
    AuthenticationFailed,
    /// 3xx.
    Redirected,
    /// 423 twice, or without Min-Expires (SUB-10).
    IntervalTooBrief,
    /// Another error response.
    Refused,
    /// The server could not be reached.
    Unreachable,
    /// The server did not answer.
    NoAnswer,
    /// The server accepted and then sent no NOTIFY (SUB-42).
    NoNotify,
    /// Too many failures in a row (SUB-20).
    GaveUp,
}

impl EndReason {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::NoResource => "noresource",
            Self::Rejected => "rejected",
            Self::Invariant => "invariant",
            Self::Deleted => "deleted",
            Self::NotFound => "not-found",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::AuthenticationFailed => "authentication-failed",
            Self::Redirected => "redirected",
            Self::IntervalTooBrief => "interval-too-brief",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no-answer",
            Self::NoNotify => "no-notify",
            Self::GaveUp => "gave-up",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Subscribing,
    Live { pending: bool },
    Leaving { sent: bool },
    Waiting,
    Ended,
}

/// The state to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Asked, and no NOTIFY yet.
    Subscribing,
    /// Waiting for permission (SUB-54).
    Pending,
    /// Accepted and notified.
    Active,
    /// Lost, and tried again later: what is shown is old.
    Stale,
    /// Over.
    Terminated,
}

impl Shown {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscribing => "subscribing",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Stale => "stale",
            Self::Terminated => "terminated",
        }
    }
}

/// What a response says that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Status code.
    pub(crate) status: u16,
    /// Expires of a 2xx, in seconds.
    pub(crate) expires: Option<u32>,
    /// Min-Expires of a 423, in seconds.
    pub(crate) min_expires: Option<u32>,
    /// Retry-After, in seconds.
    pub(crate) retry_after: Option<u32>,
}

/// One subscription over all its attempts.
#[derive(Debug)]
pub(crate) struct Subscription {
    phase: Phase,
    settings: Settings,
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
    /// A refresh awaits its response.
    in_flight: bool,
    /// Another refresh is due once that response is there.
    again: bool,
    /// It has been live at least once.
    was_live: bool,
    /// The last loss was announced by the notifier (`terminated`).
    told: bool,
    failures: u8,
    live_since: Duration,
    timer_n: Option<Duration>,
    refresh_at: Option<Duration>,
    expires_at: Option<Duration>,
    retry_at: Option<Duration>,
    steps: VecDeque<Step>,
}

impl Subscription {
    /// A subscription that has not started.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            phase: Phase::Idle,
            asked: settings.expires,
            settings,
            ungranted: true,
            accepted: false,
            followed_423: false,
            forbidden_once: false,
            resent: false,
            in_flight: false,
            again: false,
            was_live: false,
            told: false,
            failures: 0,
            live_since: Duration::ZERO,
            timer_n: None,
            refresh_at: None,
            expires_at: None,
            retry_at: None,
            steps: VecDeque::new(),
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

    /// The next step, until there is none.
    pub(crate) fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
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
        if self.settings.host_refreshes || !matches!(self.phase, Phase::Live { .. }) {
            return false;
        }
        self.send_refresh(now);
        true
    }

    /// The flow to the notifier is gone: it must learn the new one, or its NOTIFYs go nowhere. If a refresh is under way,
    /// another one follows its response; should it fail, it is sent again anyway.
    pub(crate) fn flow_lost(&mut self, now: Duration) {
        if self.in_flight {
            self.again = true;
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
        self.in_flight = false;
        match (purpose, answer.status) {
            (_, ..=199) => {}
            (Purpose::Unsubscribe, 200..=299) => {}
            (Purpose::Unsubscribe, _) => self.end(EndReason::Unsubscribed),
            (_, 200..=299) => {
                self.granted(now, answer, random);
                if self.again {
                    self.refresh_now(now);
                }
            }
            (Purpose::Initial, _) => self.initial_refused(now, answer, random),
            (Purpose::Refresh, _) => self.refresh_refused(now, answer, random),
        }
    }

    /// A request got no final response or could not be sent.
    pub(crate) fn handle_failure(
        &mut self,
        now: Duration,
        purpose: Purpose,
        cause: Cause,
        random: &mut Random,
    ) {
        self.in_flight = false;
        match self.phase {
            Phase::Idle | Phase::Waiting | Phase::Ended => {}
            // The dialog outlives its connection: once more, on another one.
            Phase::Live { .. }
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

    /// A NOTIFY of this subscription came, with its Subscription-State.
    pub(crate) fn handle_notify(
        &mut self,
        now: Duration,
        state: &SubscriptionState,
        random: &mut Random,
    ) {
        if !self.expects_notify() {
            return;
        }
        if state.state == Substate::Terminated {
            self.terminated(now, state, random);
            return;
        }
        match self.phase {
            Phase::Leaving { sent: true } => return,
            Phase::Leaving { sent: false } => {
                self.leave(now);
                return;
            }
            Phase::Subscribing => {
                self.live_since = now;
                self.was_live = true;
                self.told = false;
            }
            _ => {}
        }
        self.timer_n = None;
        let before = self.phase;
        self.phase = Phase::Live {
            pending: state.state == Substate::Pending,
        };
        if let Some(expires) = state.expires {
            self.live_for(now, expires, random);
        } else if self.expires_at.is_none() {
            self.live_for(now, self.asked, random);
        }
        if self.phase != before {
            self.changed(None, None);
        }
    }

    /// Time has come to [`Self::poll_timeout`].
    pub(crate) fn handle_timeout(&mut self, now: Duration, random: &mut Random) {
        let due = |timer: Option<Duration>| timer.is_some_and(|at| at <= now);
        if due(self.retry_at) {
            self.retry_at = None;
            self.attempt(now);
            return;
        }
        if due(self.timer_n) {
            self.timer_n = None;
            match self.phase {
                Phase::Subscribing => self.attempt_failed(now, Cause::NoNotify, random),
                Phase::Leaving { .. } => self.end(EndReason::Unsubscribed),
                _ => self.lose(now, Cause::NoNotify, retry::lost(Cause::NoNotify), random),
            }
            return;
        }
        if due(self.expires_at) {
            match self.phase {
                Phase::Leaving { .. } => self.expires_at = None,
                _ => self.lose(now, Cause::Expired, retry::lost(Cause::Expired), random),
            }
            return;
        }
        if due(self.refresh_at) {
            self.send_refresh(now);
        }
    }

    fn timer_n_from(&self, now: Duration) -> Option<Duration> {
        (!self.settings.host_refreshes).then(|| now + self.settings.t1 * 64)
    }

    fn attempt(&mut self, now: Duration) {
        self.phase = Phase::Subscribing;
        self.accepted = false;
        self.followed_423 = false;
        self.forbidden_once = false;
        self.told = false;
        self.ungranted = true;
        self.timer_n = self.timer_n_from(now);
        self.steps.push_back(Step::Subscribe {
            expires: self.asked,
        });
        self.changed(None, None);
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
        self.again = false;
        self.timer_n = self.timer_n_from(now);
        self.steps.push_back(Step::Refresh {
            expires: self.asked,
        });
    }

    fn leave(&mut self, now: Duration) {
        self.phase = Phase::Leaving { sent: true };
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

    fn granted(&mut self, now: Duration, answer: Answered, random: &mut Random) {
        self.accepted = true;
        self.resent = false;
        self.followed_423 = false;
        self.forbidden_once = false;
        match self.phase {
            Phase::Leaving { sent: false } => {
                self.leave(now);
                return;
            }
            Phase::Leaving { sent: true } => return,
            _ => {}
        }
        if answer.status == 204 {
            // RFC 5839 §7.1: nothing changed, no NOTIFY follows (SUB-44).
            self.timer_n = None;
        }
        let life = answer.expires.unwrap_or(self.asked).min(self.asked);
        // A life that a NOTIFY gave meanwhile stands (SUB-45).
        if self.ungranted {
            self.live_for(now, life, random);
        }
    }

    /// Sets the life: always for a new request, else only if it becomes shorter (SUB-45, SUB-46).
    fn live_for(&mut self, now: Duration, seconds: u32, random: &mut Random) {
        let life = Duration::from_secs(u64::from(seconds.min(self.asked)));
        let end = now + life;
        if !self.ungranted && self.expires_at.is_some_and(|at| end >= at) {
            return;
        }
        self.ungranted = false;
        if self.settings.host_refreshes {
            return;
        }
        self.expires_at = Some(end);
        let wait = if life > REFRESH_MARGIN * 2 {
            life - REFRESH_MARGIN
        } else {
            life / 2
        };
        self.refresh_at = Some(now + random.shorten(wait, REFRESH_JITTER));
    }

    fn initial_refused(&mut self, now: Duration, answer: Answered, random: &mut Random) {
        if matches!(self.phase, Phase::Leaving { .. }) {
            self.end(EndReason::Unsubscribed);
            return;
        }
        if answer.status == 423
            && !self.followed_423
            && let Some(min) = answer.min_expires.filter(|min| *min > self.asked)
        {
            self.followed_423 = true;
            self.asked = min;
            self.timer_n = self.timer_n_from(now);
            self.steps.push_back(Step::SubscribeAgain { expires: min });
            return;
        }
        let next = retry::initial_error(answer.status, answer.retry_after);
        self.lose(now, Cause::Status(answer.status), next, random);
    }

    fn refresh_refused(&mut self, now: Duration, answer: Answered, random: &mut Random) {
        if matches!(self.phase, Phase::Leaving { .. }) {
            return;
        }
        if answer.status == 423
            && !self.followed_423
            && let Some(min) = answer.min_expires.filter(|min| *min > self.asked)
        {
            self.followed_423 = true;
            self.asked = min;
            self.send_refresh(now);
            return;
        }
        if let Some(next) = retry::refresh_error(answer.status, answer.retry_after) {
            self.lose(now, Cause::Status(answer.status), next, random);
            return;
        }
        if answer.status == 403 && core::mem::replace(&mut self.forbidden_once, true) {
            let next = Next::End(EndReason::Forbidden);
            self.lose(now, Cause::Status(403), next, random);
            return;
        }
        // Valid until it expires; the next try comes at half of what is left (SUB-49).
        self.timer_n = None;
        let half = self.remaining(now).unwrap_or_default() / 2;
        let asked_wait = Duration::from_secs(u64::from(answer.retry_after.unwrap_or(0)));
        self.refresh_at = Some(now + half.max(asked_wait).max(REFRESH_RETRY_MIN));
    }

    fn attempt_failed(&mut self, now: Duration, cause: Cause, random: &mut Random) {
        if self.was_live || self.settings.retry_unreachable {
            self.lose(now, cause, Next::BackOff, random);
        } else {
            let reason = match cause {
                Cause::NoAnswer => EndReason::NoAnswer,
                Cause::NoNotify => EndReason::NoNotify,
                _ => EndReason::Unreachable,
            };
            self.lose(now, cause, Next::End(reason), random);
        }
    }

    fn terminated(&mut self, now: Duration, state: &SubscriptionState, random: &mut Random) {
        let reason = state.reason.as_ref();
        if matches!(self.phase, Phase::Leaving { .. }) {
            self.end(EndReason::Unsubscribed);
            return;
        }
        if self.phase == Phase::Subscribing {
            self.live_since = now;
        }
        let next = retry::terminated(reason, state.retry_after);
        self.told = true;
        self.lose(now, Cause::Terminated(reason.into()), next, random);
    }

    /// The attempt or subscription is gone; what follows is decided by its rule, the failures so far and their cap.
    fn lose(&mut self, now: Duration, cause: Cause, next: Next, random: &mut Random) {
        let lived = matches!(self.phase, Phase::Live { .. })
            && now.saturating_sub(self.live_since) >= HEALTHY_AFTER;
        if lived {
            self.failures = 0;
        }
        if let Next::End(reason) = next {
            self.end(reason);
            return;
        }
        if self.failures >= self.settings.max_attempts {
            self.end(EndReason::GaveUp);
            return;
        }
        let wait = match next {
            Next::AtOnce => random.shorten(retry::backoff(self.failures), BACKOFF_JITTER),
            Next::After(seconds) => Duration::from_secs(u64::from(seconds)),
            _ => random.shorten(retry::backoff(self.failures + 1), BACKOFF_JITTER),
        };
        self.failures += 1;
        self.steps.push_back(Step::Forget);
        self.stop_timers();
        self.phase = Phase::Waiting;
        self.changed(Some(cause), Some(wait));
        if wait.is_zero() {
            self.attempt(now);
        } else {
            self.retry_at = Some(now + wait);
        }
    }
}

/// Names a cause in a sentence for people.
#[must_use]
pub fn describe(cause: Cause) -> String {
    use alloc::format;
    match cause {
        Cause::Terminated(_) => format!("the notifier ended it ({})", cause.as_str()),
        Cause::Status(status) => format!("the server answered {status}"),
        Cause::NoAnswer => "the server did not answer".into(),
        Cause::Unreachable => "the server could not be reached".into(),
        Cause::NoNotify => "the server accepted but sent no NOTIFY".into(),
        Cause::Expired => "it expired".into(),
    }
}
