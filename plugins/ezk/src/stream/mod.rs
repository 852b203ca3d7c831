//! Connections of the plugin's own (RFC 3261 §18): ezk cuts messages that come in two pieces and takes none over 64 KiB, and its
//! transports cannot be added to. What comes here and is not for the plugin goes to ezk's layers all the same.

mod connect;
mod connection;
mod duct;
mod frame;
mod message;
mod resolve;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use connect::{ConnectFault, Connecting};
pub(crate) use connection::{Connection, Kind, Responses};
pub use frame::{MAX_BODY, MAX_HEAD};
pub(crate) use resolve::{Candidate, Protocol, candidates};
pub(crate) use wire::Lost;
