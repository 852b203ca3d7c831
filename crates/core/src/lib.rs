//! rollmark-core: the conference-state subscriber without I/O (RFC 6665, RFC 4575, RFC 4826).
//!
//! No socket, no clock, no thread, no runtime, no SIP library: the host's monotonic time comes in as a
//! [`core::time::Duration`] since the host's own start, randomness as a seed, wall time where a rule needs it.
//! Inputs go in by `handle_*`, outputs are drained by `poll_*` until there are none.
//!
//! Entry point: [`engine::Engine`].
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

extern crate alloc;

mod access;
pub mod account;
pub mod blocklist;
pub mod conference;
mod dialog;
pub mod digest;
pub mod engine;
pub mod header;
pub mod host;
pub mod message;
pub mod profile;
mod random;
pub mod record;
pub mod reginfo;
pub mod registration;
mod restoration;
pub mod roster;
pub mod session;
pub mod subscription;
pub mod uri;
pub mod wall_time;
pub mod xcap_diff;
pub mod xml;

pub use dialog::routing;
