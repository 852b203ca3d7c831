//! Support for the scenarios in `tests/`: labs of foreign servers, and the built `rollmark` between them.
//!
//! A scenario starts a [`lab::Lab`] (Kamailio as conference notifier and XCAP server) or a
//! [`sipp::Sipp`] (a scripted notifier), runs [`watch::Watch`] against it, and asserts what a user
//! would see: the event stream, the exit status, the line on standard error. Nothing here sleeps:
//! every wait is for a message, with [`process::PATIENCE`] as its deadline, and ends with the
//! whole transcript when that passes.
//!
//! [`world`] is a simulated one: the engine between a network, a notifier and a clock that are all made up.
//!
//! [`hostile`] is a server that means no good; [`scripted`] one whose answers the test writes, over UDP, TCP and TLS.
//!
//! [`fuzzing`] holds what the fuzz targets in `fuzz/` check, so that `tests/fuzz_short.rs` checks the same.

pub mod baresip;
pub mod focus;
pub mod fuzzing;
mod held;
pub mod hostile;
pub mod hosts;
pub mod ims;
pub mod kit;
pub mod lab;
pub mod patient;
pub mod pcap;
pub mod pcscf;
pub mod process;
pub mod replaced;
pub mod roster;
pub mod scripted;
pub mod session;
pub mod sipp;
pub mod tmux;
pub mod watch;
pub mod world;
