//! What a packed user says: who is present (CONF-48–CONF-51).

use super::record::{Items, tag};

/// Where somebody stands with the conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    /// All endpoints are disconnected.
    Left,
    /// A status that RFC 4575 does not know.
    Unknown,
    /// On the way in.
    Expected,
    /// In the conference, or leaving it just now.
    Present,
}

impl Presence {
    /// Of an endpoint with that status.
    pub(super) fn of_status(status: Option<&str>) -> Self {
        match status {
            None => Self::Present,
            Some("connected" | "on-hold" | "muted-via-focus" | "disconnecting") => Self::Present,
            Some("pending" | "dialing-in" | "dialing-out" | "alerting") => Self::Expected,
            Some("disconnected") => Self::Left,
            Some(_) => Self::Unknown,
        }
    }

    /// Of a user: that of the endpoint that is furthest in.
    pub(super) fn of(text: &str) -> Self {
        let all = statuses(text).map(Self::of_status);
        all.max().unwrap_or(Self::Present)
    }
}

/// The status of each endpoint, in order.
fn statuses(text: &str) -> impl Iterator<Item = Option<&str>> {
    let mut items = Items(text);
    // An endpoint has begun whose status has not come yet.
    let mut open = false;
    core::iter::from_fn(move || {
        loop {
            match items.next() {
                Some(item) if item.tag == tag::ENDPOINT => {
                    if core::mem::replace(&mut open, true) {
                        return Some(None);
                    }
                }
                Some(item) if item.tag == tag::STATUS => {
                    open = false;
                    return Some(Some(item.text));
                }
                Some(_) => {}
                None => return core::mem::take(&mut open).then_some(None),
            }
        }
    })
}

/// The status of the first endpoint that makes the user present, else of the last one.
pub(super) fn status(text: &str) -> Option<&str> {
    let mut last = None;
    for status in statuses(text) {
        last = status;
        if Presence::of_status(status) == Presence::Present {
            break;
        }
    }
    last
}
