//! Embedded XDMS (XCAP server, RFC 4825) for demos, trials and tests: documents and their nodes, in memory or in a folder.
//!
//! [`Xdms`] listens and is the hand on the documents: code puts them as a client would, and sees every change. It serves whole documents,
//! elements, attributes and namespace bindings; checks resource-lists against its schema and constraints (RFC 4826); makes
//! `xcap-caps/global/index` and the OMA directory; and, if users are set, authenticates them by digest. Changes come as a stream
//! ([`Xdms::changes`]), from which [`xcap_diff`] makes the documents of a notifier (RFC 5874).
//!
//! It reads and writes XML with quick-xml and shares no code with the XCAP client of the project, so that no bug is mirrored.

mod access;
mod address;
mod binding;
mod condition;
mod conflict;
mod diff;
mod digest;
mod edit;
mod folder;
mod growing;
mod http;
mod listener;
mod made;
mod node;
mod node_selector;
mod percent;
mod resource_lists;
mod server;
mod settings;
mod store;
mod tree;
mod usage;
mod users;
mod well_formed;

pub use address::MAX_SELECTOR;
pub use conflict::Conflict;
pub use diff::{XCAP_DIFF, watches, xcap_diff};
pub use digest::{DigestAlgorithm, MAX_NONCES};
pub use folder::MAX_FILE_NAME;
pub use http::MAX_BODY;
pub use listener::{TlsError, TlsFiles};
pub use server::{Xdms, XdmsError};
pub use settings::Settings;
pub use store::{CHANGE_BACKLOG, Document, DocumentChange, FolderError, MAX_DOCUMENTS, PutError};
pub use tree::{MAX_DEPTH, MAX_ELEMENTS};
pub use usage::Usage;
pub use users::{User, UsersFault, read_users};
