//! Answers by which an IMS core says that the registration, not the request, is what is wrong (TS 24.229 §5.1.2A.1, RFC 3329
//! §2.3.1; IMS-38…44): the host is asked to register anew, and the request is sent once more after that, once.

use core::time::Duration;

use super::access::REGISTER_PATIENCE;
use super::watch::Watch;
use super::{Engine, Purpose, Sent};
use crate::access::Access;
use crate::header;
use crate::host::Trouble;
use crate::message::Response;
use crate::profile::{Mode, SEC_AGREE};
use crate::restoration;
use crate::subscription::{Cause, HEALTHY_AFTER};

impl Engine {
    /// True when the request waits for a registration now, so that the error is no outcome yet.
    pub(super) fn recovers(
        &mut self,
        now: Duration,
        sent: Sent,
        watch: &mut Watch,
        response: &Response,
    ) -> bool {
        if sent.purpose == Purpose::Unsubscribe || watch.subscription.is_leaving() {
            return false;
        }
        let Some(account) = self.accounts.get(&watch.account) else {
            return false;
        };
        let access = watch.access(account);
        let timer_f = account.subscription.t1.saturating_mul(64);
        if access.mode != Mode::Ims {
            return false;
        }
        let Some(trouble) = trouble(access, watch.recovery.has_waited, timer_f, response) else {
            watch.recovery.has_waited |= matches!(response.status, 500 | 503);
            return false;
        };
        if !watch.recovery.may_ask(now) {
            return false;
        }
        watch.recovery.awaited = true;
        watch.recovery.has_waited = false;
        self.ask_to_register(watch.account, trouble);
        if sent.purpose == Purpose::Refresh {
            // The dialog outlives it; what follows a refused refresh does not wait.
            return false;
        }
        let until = now.saturating_add(REGISTER_PATIENCE);
        watch
            .subscription
            .hold(Cause::Status(response.status), Some(until));
        true
    }

    /// A request got no answer at all: the host may want to register anew; what follows does not wait (IMS-44, SUB-50).
    pub(super) fn tell_no_answer(&mut self, watch: &Watch) {
        let account = self.accounts.get(&watch.account);
        if account.is_some_and(|account| watch.access(account).mode == Mode::Ims)
            && watch.pinned.is_none()
        {
            self.ask_to_register(watch.account, Trouble::NoAnswer);
        }
    }
}

impl super::access::Recovery {
    /// Not while one is awaited, nor soon after one that did not help.
    fn may_ask(&self, now: Duration) -> bool {
        let last = self.last.map(|last| last.saturating_add(HEALTHY_AFTER));
        !self.awaited && last.is_none_or(|again| now >= again)
    }
}

fn trouble(
    access: &Access,
    has_waited: bool,
    timer_f: Duration,
    response: &Response,
) -> Option<Trouble> {
    let lists = |name| header::lists(response.headers.all(name), SEC_AGREE);
    let retry_after = response.headers.get("Retry-After");
    let retry_after = retry_after.and_then(header::retry_after);
    let is_short = retry_after.is_some_and(|s| Duration::from_secs(s.into()) <= timer_f);
    match response.status {
        403 if says_not_registered(response) => Some(Trouble::NotRegistered),
        420 if lists("Unsupported") => Some(Trouble::Agreement),
        421 if lists("Require") => Some(Trouble::Agreement),
        494 => Some(Trouble::Agreement),
        503 if !is_short || has_waited => Some(Trouble::Path),
        504 if restoration::asks_for_registration(response, &access.registration) => {
            Some(Trouble::Restoration)
        }
        _ => None,
    }
}

/// A P-CSCF that knows of no registration says so in words; an application server that refuses a user has others. The
/// codes are the same.
fn says_not_registered(response: &Response) -> bool {
    let warnings = response.headers.all("Warning");
    core::iter::once(response.reason.as_str())
        .chain(warnings)
        .any(|text| text.to_ascii_lowercase().contains("regist"))
}
