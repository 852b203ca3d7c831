//! XCAP client as values: requests out, responses in, no I/O (RFC 4825 §7, XDM-09…31).
//!
//! [`Operation`] says what is to be done; [`Exchange`] is one operation under way with all that belongs to it: condition,
//! digest challenge, redirect. Whoever has an HTTP client sends what comes out and hands in what came back.

mod conflict;
mod exchange;
mod failure;
mod message;
mod operation;

pub use conflict::{Conflict, Exists, MAX_EXISTS, MAX_PHRASE, Reason};
pub use exchange::{
    Authenticated, Exchange, Fetched, GBA_PRODUCT, MAX_REDIRECTS, Outcome, Settings, Step,
    USER_AGENT, Written,
};
pub use failure::{Failure, MAX_RETRY_AFTER};
#[cfg(feature = "reqwest")]
pub(crate) use message::place;
pub use message::{HttpRequest, HttpResponse};
pub use operation::{
    ATTRIBUTE_TYPE, Condition, ELEMENT_TYPE, Method, NAMESPACES_TYPE, Operation, Target,
};
