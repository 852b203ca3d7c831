//! rollmark-xdm: block lists from an XDMS (XCAP, RFC 4825; resource-lists, RFC 4826) and from files.
//!
//! Without features all is values: [`selector`] names a document, [`client`] builds requests and reads
//! responses, [`resource_lists`] and [`mod@file`] turn documents into a
//! [`BlockList`](rollmark_core::blocklist::BlockList). A host with an HTTP client of its own needs no more (XDM-19).
//!
//! With feature `tokio` there is `FileSource`, with feature `reqwest` `Http` and `XdmsSource`: sources whose
//! `next()` says when the block list or its state has changed.

pub mod client;
pub mod document;
pub mod file;
#[cfg(feature = "reqwest")]
mod http;
mod node;
pub mod resource_lists;
pub mod rules;
pub mod selector;
#[cfg(feature = "tokio")]
pub mod source;

#[cfg(feature = "reqwest")]
pub use http::{CONNECT_TIMEOUT, Http, HttpError, HttpSettings, TIMEOUT};
