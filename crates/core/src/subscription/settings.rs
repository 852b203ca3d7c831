//! What a subscriber can be set to (RFC 6665 §4.1.2, SUB-03, SUB-20, SUB-41).

use core::time::Duration;

use crate::header::Rate;

/// Life asked for, in seconds, when nothing else is configured (RFC 4575 §3.3, SUB-03).
pub const DEFAULT_EXPIRES: u32 = 3600;
/// T1 of RFC 3261 §17.1.1.1; IMS uses 2 s.
pub const DEFAULT_T1: Duration = Duration::from_millis(500);
/// Attempts in a row that may fail before the subscriber gives up (SUB-20, SEC-18).
pub const DEFAULT_MAX_ATTEMPTS: u8 = 10;
/// A server that grants a shorter life than this is taken to have granted this much: whoever grants a second must not draw
/// a request a second (SEC-18).
pub const LIFE_MIN: Duration = Duration::from_secs(6);
/// Shortest time from a refresh to the next one that the subscriber makes by itself (SEC-18).
pub const REFRESH_PAUSE_MIN: Duration = Duration::from_secs(3);
/// A refresh comes this long before the end of a life of more than twice that; else half-way (SUB-47).
pub const REFRESH_MARGIN: Duration = Duration::from_secs(600);

/// What a subscriber can be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Expires asked for, in seconds.
    pub expires: u32,
    /// T1 of the host; Timer N is 64 times that (RFC 6665 §4.1.2.2, SUB-41).
    pub t1: Duration,
    /// Attempts in a row that may fail before it ends with [`GaveUp`](super::EndReason::GaveUp).
    pub max_attempts: u8,
    /// False: a server that cannot be reached at the very first attempt ends it at once, as a person at a command line
    /// expects. Once a subscription has been there, a lost server is always tried again.
    pub retry_unreachable: bool,
    /// Most notifications per second that are asked for (`max-rate`, RFC 6446 §4; SUB-72). None asks for nothing.
    pub max_rate: Option<Rate>,
    /// Fewest notifications per second that are asked for (`min-rate`, RFC 6446 §5).
    pub min_rate: Option<Rate>,
    /// A refresh names the state that is held, so that a notifier of RFC 5839 need not send it again (SUB-73).
    pub suppress: bool,
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
            max_rate: None,
            min_rate: None,
            suppress: false,
            host_refreshes: false,
        }
    }
}
