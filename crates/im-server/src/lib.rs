//! Embedded IM server for demos and tests: a conference focus with a notifier for the event package `conference`
//! (RFC 6665, RFC 4575) over UDP and TCP, which users enter by INVITE (RFC 4579), and one for `xcap-diff` (RFC 5875); with
//! [`Ims`] the core before them as well.
//!
//! [`ImServer`] listens, [`Focus`] is the hand on one conference, [`DocumentNotifier`] that on the documents of an XDMS, [`network`] is the lossy network between a client and
//! the server. The documents are written by a writer of this crate's own; nothing here is shared with the client under
//! test, so that a mistake in one is not hidden by the same mistake in the other.

mod conference;
mod dns;
mod document;
mod focus;
pub mod network;
mod notifier;
mod registrar;
mod server;
mod session;
mod subscription;
mod xcap_diff;

pub use conference::{
    Conference, Disconnection, DisconnectionMethod, Endpoint, JoiningMethod, RosterError, Status,
    User,
};
pub use document::CONTENT_TYPE;
pub use focus::{FinalDocument, Focus, FocusError, TerminationReason};
pub use registrar::{Ims, MAX_BINDINGS};
pub use server::{CreateError, ImServer, ServerError, Settings};
pub use session::{InviteError, MAX_SESSIONS};
pub use xcap_diff::{DocumentNotifier, MAX_WAITING, MAX_WATCHED};
