//! When a subscriber tries again: reasons, status codes and back-off (RFC 6665 §4.1.2.2, §4.1.3; SUB-18, SUB-20, SUB-48, SUB-56…64).

use core::time::Duration;

use super::{Cause, EndReason};
use crate::header::Reason;

/// First delay of the exponential back-off (SUB-20).
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Longest delay of the back-off (SUB-20).
pub const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// A subscription that lived so long ends a series of failures.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// What follows the end of a subscription or of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it is over.
    End(EndReason),
    /// A new subscription at once; with back-off when that keeps happening.
    AtOnce,
    /// A new subscription after so many seconds, not earlier.
    After(u32),
    /// A new subscription after the back-off.
    BackOff,
}

impl Next {
    fn after(retry_after: Option<u32>) -> Self {
        retry_after.map_or(Self::BackOff, Self::After)
    }
}

/// Rule for each reason of `terminated` (RFC 6665 §4.1.3, SUB-56…64). `retry_after` counts only where the RFC gives it
/// a meaning.
pub(super) fn terminated(reason: Option<&Reason>, retry_after: Option<u32>) -> Next {
    match reason {
        Some(Reason::Deactivated | Reason::Timeout) => Next::AtOnce,
        Some(Reason::Rejected) => Next::End(EndReason::Rejected),
        Some(Reason::Noresource) => Next::End(EndReason::NoResource),
        Some(Reason::Invariant) => Next::End(EndReason::Invariant),
        Some(Reason::Probation | Reason::Giveup | Reason::Other(_)) | None => {
            Next::after(retry_after)
        }
    }
}

/// How a fetch ends: with what was to be fetched, but for the reasons that say that there is nothing to fetch (SUB-69).
pub(super) fn fetched(reason: Option<&Reason>) -> EndReason {
    match reason {
        Some(Reason::Rejected) => EndReason::Rejected,
        Some(Reason::Noresource) => EndReason::NoResource,
        _ => EndReason::Fetched,
    }
}

/// Rule for a final error response to an initial SUBSCRIBE (SUB-14, SUB-15, SUB-17, SUB-18, OMA-30…32).
pub(super) fn initial_error(status: u16, retry_after: Option<u32>) -> Next {
    match status {
        300..=399 => Next::End(EndReason::Redirected),
        401 | 407 => Next::End(EndReason::AuthenticationFailed),
        403 => Next::End(EndReason::Forbidden),
        404 | 410 | 604 => Next::End(EndReason::NotFound),
        406 | 415 | 489 => Next::End(EndReason::Unsupported),
        423 => Next::End(EndReason::IntervalTooBrief),
        408 | 480 | 486 | 500 | 502..=504 => Next::after(retry_after),
        413 | 600 | 603 => retry_after.map_or(Next::End(EndReason::Refused), Next::After),
        _ => Next::End(EndReason::Refused),
    }
}

/// Rule for an error response to a refresh; none means that the subscription stays valid until it expires
/// (RFC 6665 §4.1.2.2, SUB-48…50).
pub(super) fn refresh_error(status: u16, retry_after: Option<u32>) -> Option<Next> {
    Some(match status {
        408 | 481 => Next::AtOnce,
        480 => Next::after(retry_after),
        404 | 410 | 604 => Next::End(EndReason::NotFound),
        489 => Next::End(EndReason::Unsupported),
        405 | 416 | 482..=485 | 501 => Next::End(EndReason::Refused),
        _ => return None,
    })
}

/// Rule for a request that got no answer or could not be sent (SUB-50, IMS-44).
pub(super) fn lost(cause: Cause) -> Next {
    match cause {
        Cause::NoAnswer | Cause::Expired | Cause::NoNotify => Next::AtOnce,
        _ => Next::BackOff,
    }
}

/// The back-off after so many failures in a row; none for the first.
pub(super) fn backoff(failures: u8) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(n) => BACKOFF_MAX.min(BACKOFF_FIRST.saturating_mul(1 << n.min(16))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// SUB-56…64: one rule a reason, and retry-after only where it has a meaning.
    #[test]
    fn every_reason_has_its_retry_rule() {
        let table = [
            (Some(Reason::Deactivated), Next::AtOnce),
            (Some(Reason::Probation), Next::After(9)),
            (Some(Reason::Rejected), Next::End(EndReason::Rejected)),
            (Some(Reason::Timeout), Next::AtOnce),
            (Some(Reason::Giveup), Next::After(9)),
            (Some(Reason::Noresource), Next::End(EndReason::NoResource)),
            (Some(Reason::Invariant), Next::End(EndReason::Invariant)),
            (Some(Reason::Other("xyz".to_string())), Next::After(9)),
            (None, Next::After(9)),
        ];
        for (reason, next) in table {
            assert_eq!(terminated(reason.as_ref(), Some(9)), next, "{reason:?}");
        }
        assert_eq!(terminated(Some(&Reason::Giveup), None), Next::BackOff);
    }

    /// SUB-48: exactly these codes end a subscription when they answer a refresh.
    #[test]
    fn only_the_listed_refresh_errors_are_fatal() {
        let fatal = [
            404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
        ];
        for status in 300..700 {
            assert_eq!(
                refresh_error(status, None).is_some(),
                fatal.contains(&status),
                "{status}"
            );
        }
    }

    #[test]
    fn the_backoff_doubles_up_to_its_limit() {
        assert_eq!(backoff(0), Duration::ZERO);
        assert_eq!(backoff(1), BACKOFF_FIRST);
        assert_eq!(backoff(4), BACKOFF_FIRST * 8);
        assert_eq!(backoff(200), BACKOFF_MAX);
    }
}
