//! Embedded XDMS (XCAP server, RFC 4825) for demos and tests: whole documents in memory, over HTTP.
//!
//! [`Xdms`] listens and is the hand on the documents: code puts them as a client would, and sees every change.

mod condition;
mod conflict;
mod http;
mod selector;
mod server;
mod store;
mod well_formed;

pub use http::MAX_BODY;
pub use server::{Xdms, XdmsError};
pub use store::{CHANGE_BACKLOG, Document, DocumentChange, PutError};
pub use well_formed::Fault;
