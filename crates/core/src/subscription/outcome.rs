//! What follows a response, a terminated NOTIFY or a loss: lives, ends, new attempts (RFC 6665 §4.1.2.1–§4.1.3).

use core::time::Duration;

use super::retry::{self, Next};
use super::{
    Answered, Cause, EndReason, HEALTHY_AFTER, LIFE_MIN, Phase, REFRESH_MARGIN, REFRESH_PAUSE_MIN,
    Step, Subscription,
};
use crate::header::SubscriptionState;
use crate::random::Random;

/// Refreshes of many subscriptions are spread over this share of the time before them, in per cent.
const REFRESH_JITTER: u32 = 5;
/// Share by which a back-off may be shortened, in per cent.
const BACKOFF_JITTER: u32 = 20;

impl Subscription {
    pub(super) fn granted(&mut self, now: Duration, answer: Answered, random: &mut Random) {
        self.accepted = true;
        self.resent = false;
        self.followed_423 = false;
        self.forbidden_once = false;
        self.doubtful = false;
        self.not_before = Duration::ZERO;
        match self.phase {
            Phase::Leaving { sent: false } => {
                self.leave(now);
                return;
            }
            Phase::Leaving { sent: true } => return,
            _ => {}
        }
        if answer.status == 204 && answer.suppressed {
            // RFC 5839 §7.1: nothing changed, no NOTIFY follows (SUB-44).
            self.timer_n = None;
        }
        let life = answer.expires.unwrap_or(self.asked).min(self.asked);
        // A life that a NOTIFY gave meanwhile stands (SUB-45).
        if self.ungranted && !self.once {
            self.live_for(now, life, random);
        }
    }

    /// Sets the life: always for a new request, else only if it becomes shorter (SUB-45, SUB-46).
    pub(super) fn live_for(&mut self, now: Duration, seconds: u32, random: &mut Random) {
        let life = Duration::from_secs(u64::from(seconds.min(self.asked))).max(LIFE_MIN);
        let end = now.saturating_add(life);
        if !self.ungranted && self.expires_at.is_some_and(|at| end >= at) {
            return;
        }
        self.ungranted = false;
        if self.host_refreshes {
            return;
        }
        self.expires_at = Some(end);
        let wait = if life > REFRESH_MARGIN * 2 {
            life - REFRESH_MARGIN
        } else {
            life / 2
        };
        let wait = random.shorten(wait, REFRESH_JITTER).max(REFRESH_PAUSE_MIN);
        self.refresh_at = Some(now.saturating_add(wait));
    }

    pub(super) fn initial_refused(&mut self, now: Duration, answer: Answered, random: &mut Random) {
        if matches!(self.phase, Phase::Leaving { .. }) {
            self.end(EndReason::Unsubscribed);
            return;
        }
        self.note_retry_after(now, answer);
        if self.follow_423(answer) {
            self.ask_again(now);
            return;
        }
        let next = retry::initial_error(answer.status, answer.retry_after);
        self.lose(now, Cause::Status(answer.status), next, random);
    }

    /// A first 423 with a usable Min-Expires is followed: that much is asked for (SUB-10).
    fn follow_423(&mut self, answer: Answered) -> bool {
        if answer.status != 423 || self.followed_423 || self.once {
            return false;
        }
        let Some(min) = answer.min_expires.filter(|min| *min > self.asked) else {
            return false;
        };
        self.followed_423 = true;
        self.asked = min;
        true
    }

    /// Nothing is asked for by itself before Retry-After is over, whatever else would lead to a request (SUB-18).
    fn note_retry_after(&mut self, now: Duration, answer: Answered) {
        if let Some(seconds) = answer.retry_after {
            self.not_before = now.saturating_add(Duration::from_secs(u64::from(seconds)));
        }
    }

    pub(super) fn refresh_refused(&mut self, now: Duration, answer: Answered, random: &mut Random) {
        if matches!(self.phase, Phase::Leaving { .. }) {
            return;
        }
        self.note_retry_after(now, answer);
        if self.doubtful {
            let next = retry::initial_error(answer.status, answer.retry_after);
            self.lose(now, Cause::Status(answer.status), next, random);
            return;
        }
        if self.follow_423(answer) {
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
        if self.is_live() {
            self.timer_n = None;
        }
        let half = self.remaining(now).unwrap_or_default() / 2;
        let next = now.saturating_add(half.max(REFRESH_PAUSE_MIN));
        self.refresh_at = Some(next.max(self.not_before));
    }

    pub(super) fn attempt_failed(&mut self, now: Duration, cause: Cause, random: &mut Random) {
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

    pub(super) fn terminated(
        &mut self,
        now: Duration,
        state: &SubscriptionState,
        random: &mut Random,
    ) {
        let reason = state.reason.as_ref();
        if matches!(self.phase, Phase::Leaving { .. }) {
            self.end(EndReason::Unsubscribed);
            return;
        }
        if self.phase == Phase::Subscribing {
            self.live_since = now;
        }
        if self.once {
            self.end(retry::fetched(reason));
            return;
        }
        let next = retry::terminated(reason, state.retry_after);
        self.told = true;
        self.lose(now, Cause::Terminated(reason.into()), next, random);
    }

    /// Why it is over, when no further attempt is made.
    fn final_reason(&self, cause: Cause, next: Next) -> Option<EndReason> {
        match next {
            Next::End(reason) => Some(reason),
            _ if self.closing => Some(EndReason::Unsubscribed),
            // A fetch is one attempt.
            _ if self.once => Some(match cause {
                Cause::NoAnswer => EndReason::NoAnswer,
                Cause::NoNotify => EndReason::NoNotify,
                Cause::Unreachable => EndReason::Unreachable,
                Cause::Status(_)
                | Cause::Terminated(_)
                | Cause::Expired
                | Cause::NotRegistered
                | Cause::NoIdentity
                | Cause::Switched => EndReason::Refused,
            }),
            _ if self.failures >= self.settings.max_attempts => Some(EndReason::GaveUp),
            _ => None,
        }
    }

    /// The attempt or subscription is gone; what follows is decided by its rule, the failures so far and their cap.
    pub(super) fn lose(&mut self, now: Duration, cause: Cause, next: Next, random: &mut Random) {
        let lived = matches!(self.phase, Phase::Live { .. })
            && now.saturating_sub(self.live_since) >= HEALTHY_AFTER;
        if lived {
            self.failures = 0;
        }
        if let Some(reason) = self.final_reason(cause, next) {
            self.end(reason);
            return;
        }
        let wait = match next {
            Next::AtOnce => random.shorten(retry::backoff(self.failures), BACKOFF_JITTER),
            // Not before what was asked for, and a server that asks for nothing is not flooded either (SEC-18).
            Next::After(seconds) => {
                Duration::from_secs(u64::from(seconds)).max(retry::backoff(self.failures))
            }
            _ => random.shorten(retry::backoff(self.failures + 1), BACKOFF_JITTER),
        }
        .max(self.not_before.saturating_sub(now));
        self.failures += 1;
        self.steps.push_back(Step::Forget);
        self.stop_timers();
        self.phase = Phase::Waiting;
        self.changed(Some(cause), Some(wait));
        if wait.is_zero() {
            self.attempt(now);
        } else {
            self.retry_at = Some(now.saturating_add(wait));
        }
    }
}
