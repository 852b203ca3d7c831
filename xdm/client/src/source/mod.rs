//! Block-list sources that are watched: a file, a document on an XDMS (XDM-32, XDM-52).
//!
//! A source has a `name()`, and `next()`, which returns when its list or its state has changed. `next()` may be
//! dropped at any point: nothing is lost, the next call goes on.

#[cfg(feature = "reqwest")]
mod control;
#[cfg(feature = "reqwest")]
mod copies;
#[cfg(feature = "reqwest")]
mod document;
#[cfg(feature = "reqwest")]
mod fetching;
mod file;
mod held;
#[cfg(feature = "reqwest")]
mod live;
#[cfg(feature = "reqwest")]
mod polling;
#[cfg(feature = "reqwest")]
mod xdms;

#[cfg(feature = "reqwest")]
pub use control::XdmsControl;
#[cfg(feature = "reqwest")]
pub use fetching::{RESOLVING_TIME, Reading};
pub use file::{FILE_POLL, FileSource};
#[cfg(feature = "reqwest")]
pub use live::Followed;
#[cfg(feature = "reqwest")]
pub use polling::{DEFAULT_POLL, FIRST_RETRY, MIN_POLL, Polling};
#[cfg(feature = "reqwest")]
pub use xdms::{WORD_BURST, WORD_PAUSE, XdmsSource};

/// A length of time for a person to read: `5 seconds`, `3 hours`.
#[cfg(feature = "reqwest")]
pub fn ago(age: std::time::Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}
