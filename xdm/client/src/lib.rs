//! rollmark-xdm: block lists from an XDMS (XCAP, RFC 4825; resource-lists, RFC 4826) and from files.
//!
//! Without features all is values: [`selector`] and [`node`] name documents and nodes, [`client`] builds requests and reads
//! responses, [`resource_lists`], [`rules`] and [`mod@file`] turn documents into a
//! [`BlockList`](rollmark_core::blocklist::BlockList), [`edit`] changes one. A host with an HTTP client of its own needs no
//! more (XDM-19).
//!
//! With feature `tokio` there is `FileSource`, with feature `reqwest` `Http`, `Connection` and `XdmsSource`: sources whose
//! `next()` says when the block list or its state has changed.

pub mod capabilities;
pub mod client;
#[cfg(feature = "reqwest")]
mod connection;
pub mod document;
pub mod edit;
pub mod external_list;
pub mod file;
#[cfg(feature = "reqwest")]
mod http;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod node;
mod private_file;
mod reference;
pub mod resource_lists;
mod root;
pub mod rules;
pub mod selector;
#[cfg(feature = "tokio")]
pub mod source;

#[cfg(feature = "reqwest")]
pub use connection::{Bootstrap, Connection, XdmsError};
#[cfg(feature = "reqwest")]
pub use http::{CONNECT_TIMEOUT, Exchanged, Http, HttpError, HttpSettings, TIMEOUT};
