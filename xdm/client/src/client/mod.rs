//! XCAP client as values: requests out, responses in, no I/O (RFC 4825 §7, XDM-09…31).
//!
//! [`Fetch`] is one GET of a document with all that belongs to it: conditional request, digest challenge,
//! redirect. Whoever has an HTTP client sends what comes out and hands in what came back.

mod failure;
mod fetch;
mod message;

pub use failure::{Failure, MAX_RETRY_AFTER};
pub use fetch::{Document, Fetch, MAX_REDIRECTS, Outcome, Settings, Step, USER_AGENT};
pub use message::{HttpRequest, HttpResponse};
