//! The course of a subscription: its NOTIFYs and its timers (RFC 6665 §4.1.2.2, §4.1.2.4, §4.1.3).

use core::time::Duration;

use super::retry;
use super::{Cause, EndReason, Phase, Subscription};
use crate::header::{SubscriptionState, Substate};
use crate::random::Random;

impl Subscription {
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
        let before = self.phase;
        self.phase = Phase::Live {
            pending: match state.state {
                Substate::Pending => true,
                // What a state of an extension means is not known: what was known stands (SUB-65).
                Substate::Other(_) => before == Phase::Live { pending: true },
                Substate::Active | Substate::Terminated => false,
            },
        };
        if self.once {
            // It still awaits the terminated one, until Timer N.
            if self.phase != before {
                self.changed(None, None);
            }
            return;
        }
        self.timer_n = None;
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
                // The host's Timer F is as long: without a response it is the server that is silent.
                Phase::Subscribing if !self.accepted => {
                    self.attempt_failed(now, Cause::NoAnswer, random);
                }
                Phase::Subscribing => self.attempt_failed(now, Cause::NoNotify, random),
                Phase::Leaving { .. } => self.end(EndReason::Unsubscribed),
                Phase::Live { .. } if self.once => self.end(EndReason::Fetched),
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
}
