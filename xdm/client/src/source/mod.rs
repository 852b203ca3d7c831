//! Block-list sources that are watched: a file, a document on an XDMS (XDM-32, XDM-52).
//!
//! A source has a `name()`, and `next()`, which returns when its list or its state has changed. `next()` may be
//! dropped at any point: nothing is lost, the next call goes on.

mod file;
mod held;
#[cfg(feature = "reqwest")]
mod xdms;

pub use file::{FILE_POLL, FileSource};
#[cfg(feature = "reqwest")]
pub use xdms::{DEFAULT_POLL, FIRST_RETRY, MIN_POLL, Polling, XdmsError, XdmsSource};
