//! What an engine has done so far, in plain numbers, for whoever measures: hosts make rates and metrics of them.

use super::Engine;

/// How often an engine has decided on something since it was made, over all accounts. Each number only grows; a request that is repeated
/// for a challenge, a redirection or a longer life counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts to subscribe: a SUBSCRIBE that makes a dialog.
    pub subscribes: u64,
    /// Refreshes, whatever for: a SUBSCRIBE in a dialog that asks for more life.
    pub refreshes: u64,
    /// Requests for the whole state, because what is held has a gap or may be wrong (RFC 4575 §4.6). Each is a refresh, too.
    pub resyncs: u64,
    /// Refreshes because the way to the server, or a message on it, was lost (SW-13).
    pub recoveries: u64,
    /// Subscriptions ended from here.
    pub unsubscribes: u64,
    /// Documents that showed that one before them was missed (a gap of versions, RFC 4575 §4.6). Unlike the deviation
    /// `version-gap`, which is told once a subscription, each counts.
    pub gaps: u64,
}

impl Engine {
    /// What has been done so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}
