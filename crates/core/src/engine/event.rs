//! What the engine tells: one event a fact, in the order of the command line's event stream (OMA-14, OMA-15, OMA-19).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::WatchId;
use crate::blocklist::SourceState;
use crate::conference::{Cause as LeaveCause, DeviationCode, Info, RosterState};
use crate::header::Rate;
use crate::profile::{Mode, ModeReason};
use crate::roster::Row;
use crate::subscription::{Cause, EndReason, Shown};
use crate::xcap_diff::Diff;

/// Something a user would want to see.
#[derive(Clone, Debug)]
pub struct Event {
    /// What is watched.
    pub watch: WatchId,
    /// What happened.
    pub what: What,
}

/// What happened in a conference.
#[derive(Clone, Debug)]
pub enum What {
    /// The subscription or the quality of the roster changed.
    State(State),
    /// Conference-level information changed.
    Conference(Arc<Info>),
    /// The whole roster: the first event about users, and again for a consumer that fell behind.
    Roster(Vec<Row>),
    /// A user who was present is not any more.
    Left {
        /// His last row.
        row: Row,
        /// How he left.
        cause: LeaveCause,
        /// Whether the row stays in the roster.
        kept: bool,
    },
    /// An expected user will not come.
    NotJoined {
        /// His last row.
        row: Row,
        /// Why.
        cause: LeaveCause,
        /// Whether the row stays in the roster.
        kept: bool,
    },
    /// A user became present.
    Joined(Row),
    /// A present user's row changed.
    Updated {
        /// The row from now on.
        row: Row,
        /// What changed, by the names of the event stream; `mark` among them.
        fields: Vec<&'static str>,
    },
    /// A row of a user who is not present appeared or changed.
    Listed(Row),
    /// A row of a user who was not present went.
    Unlisted(Row),
    /// A present user is marked as blocked (SW-18).
    Blocked(Row),
    /// A present user is no longer marked as blocked.
    Unblocked(Row),
    /// A block-list source reported.
    BlockList {
        /// Its name.
        source: Arc<str>,
        /// Its state.
        state: SourceState,
        /// Entries in force.
        entries: usize,
        /// Entity tag of the document.
        etag: Option<String>,
    },
    /// A NOTIFY of an event package that core does not read itself brought this document.
    Document {
        /// Its type, `type/subtype` in lower case.
        content_type: String,
        /// Its content.
        body: Arc<[u8]>,
    },
    /// Documents of an XDMS changed, or were found to be there ([`Engine::watch_documents`], XDM-75).
    ///
    /// [`Engine::watch_documents`]: super::Engine::watch_documents
    DocumentsChanged(Arc<Diff>),
    /// Something was told of the watched documents that cannot be read: each may have changed (XDM-77).
    DocumentsUncertain,
    /// The notifier departed from the RFCs; reported once a subscription and code.
    Deviation {
        /// Which way.
        code: DeviationCode,
        /// Where exactly.
        detail: String,
    },
    /// Nothing follows for this conference.
    Ended {
        /// Why.
        reason: EndReason,
        /// The status code behind it, where there is one.
        status: Option<u16>,
    },
}

/// Rates of notification (RFC 6446 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Most notifications per second.
    pub max: Option<Rate>,
    /// Fewest notifications per second.
    pub min: Option<Rate>,
}

/// State of a subscription and of the roster it feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The subscription.
    pub shown: Shown,
    /// Why it changed, where there is a reason.
    pub why: Option<Cause>,
    /// Time to the next attempt, where one will be made.
    pub retry_in: Option<Duration>,
    /// The IM Server's address, from the Contact of the 2xx or of the latest NOTIFY (OMA-10).
    pub server: Option<Arc<str>>,
    /// The SIP core's kind.
    pub mode: Mode,
    /// Why it is that (SW-10).
    pub mode_reason: ModeReason,
    /// The next hop is protected (SEC-02).
    pub protected: bool,
    /// How far the roster can be trusted; [`RosterState::None`] of an event package without one.
    pub roster: RosterState,
    /// Users that are counted but not listed.
    pub hidden_users: usize,
}
