//! Conference-info documents (RFC 4575) become a roster: reading, merging, what changed, what the notifier does otherwise.
//!
//! [`Conference`] holds the state of one conference. Each body of a NOTIFY, in the order of their CSeq, goes to
//! [`Conference::apply`]; what comes back says what changed. Sending, timing and repeating requests for full state is
//! the subscriber's affair: [`Conference::full_state`] says whether one is wanted.
//!
//! ```
//! use core::time::Duration;
//! use rollmark_core::conference::{Change, Conference, Settings};
//!
//! let mut conference = Conference::new(Settings::default());
//! conference.begin_subscription();
//! let root = |version, inner| {
//!     format!(
//!         "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@example.com'
//!            state='partial' version='{version}'><users state='partial'>{inner}</users></conference-info>"
//!     )
//! };
//! let first = root(1, "<user entity='sip:bob@example.com'/>").replace("'partial'", "'full'");
//! assert!(conference.apply(Duration::ZERO, first.as_bytes()).first);
//!
//! let second = root(2, "<user entity='sip:eve@example.com'/>");
//! let applied = conference.apply(Duration::ZERO, second.as_bytes());
//! assert!(matches!(&applied.changes[..], [Change::Joined(user)] if user.entity() == "sip:eve@example.com"));
//! assert_eq!(conference.users().count(), 2);
//! ```

mod applied;
mod change;
mod deviation;
mod document;
mod endpoint;
mod groups;
mod info;
mod key;
mod merge;
mod patch;
mod plan;
mod read;
mod read_parts;
mod read_user;
mod record;
mod refusal;
mod row;
mod settings;
mod spelling;
mod state;
mod subscription;
mod table;
#[cfg(test)]
mod tests;
mod user;
mod when;

pub use applied::{Applied, Need, Outcome, RosterState};
pub use change::{Cause, Change, Fields, RowFate};
pub use deviation::{Deviation, DeviationCode};
pub use endpoint::{CallInfo, Endpoint, Execution, Media};
pub use info::{
    AvailableMedium, ConferenceState, Description, HostInfo, Info, InfoExtension, Sidebar, UriEntry,
};
pub use refusal::Refusal;
pub use settings::{Limits, MAX_EXTENSION, MAX_EXTENSIONS, Mode, Settings};
pub use state::Conference;
pub use subscription::GUESS_INTERVAL;
pub use user::{AssociatedAor, Extension, User};
