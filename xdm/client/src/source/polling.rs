//! How often an XDMS is asked (XDM-27, SEC-18).

use std::time::Duration;

/// Time between two requests, unless set otherwise.
pub const DEFAULT_POLL: Duration = Duration::from_secs(15 * 60);
/// Least time between two requests that a setting can reach, unless the floor is set lower too.
pub const MIN_POLL: Duration = Duration::from_secs(5 * 60);
/// Wait after the first failure; it doubles up to the poll interval.
pub const FIRST_RETRY: Duration = Duration::from_secs(30);

/// How often the XDMS is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Time between two requests. Default [`DEFAULT_POLL`].
    pub interval: Duration,
    /// `interval` is never less than this. Default [`MIN_POLL`]; lower for a server of one's own, in tests and demos.
    pub floor: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            interval: DEFAULT_POLL,
            floor: MIN_POLL,
        }
    }
}

impl Polling {
    /// Wait before the next request, after so many failures in a row (XDM-27, SEC-18).
    pub(super) fn wait(
        self,
        failures: u32,
        temporary: bool,
        retry_after: Option<Duration>,
    ) -> Duration {
        let interval = self.interval.max(self.floor);
        if failures == 0 || !temporary {
            return interval;
        }
        let doubled = FIRST_RETRY.saturating_mul(2u32.saturating_pow(failures - 1));
        doubled.min(interval).max(retry_after.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-27, SEC-18.
    #[test]
    fn waits_double_after_failures_up_to_the_interval_and_heed_the_server() {
        let polling = Polling::default();
        let seconds = Duration::from_secs;
        for (failures, temporary, retry_after, expected) in [
            (0, true, None, DEFAULT_POLL),
            (1, true, None, FIRST_RETRY),
            (2, true, None, seconds(60)),
            (3, true, None, seconds(120)),
            (6, true, None, DEFAULT_POLL),
            (u32::MAX, true, None, DEFAULT_POLL),
            (1, true, Some(seconds(3600)), seconds(3600)),
            (1, true, Some(seconds(1)), FIRST_RETRY),
            (1, false, None, DEFAULT_POLL),
        ] {
            assert_eq!(polling.wait(failures, temporary, retry_after), expected);
        }
        let eager = Polling {
            interval: seconds(1),
            ..Polling::default()
        };
        assert_eq!(eager.wait(0, true, None), MIN_POLL);
        let demo = Polling {
            interval: seconds(1),
            floor: seconds(1),
        };
        assert_eq!(demo.wait(0, true, None), seconds(1));
        assert_eq!(demo.wait(9, true, None), seconds(1));
    }
}
