//! A simulated world around the engine: no socket, no real time, everything from a seed (RFC 3261 §17, RFC 6665, RFC 4575).
//!
//! [`stage`] is for one clause at a time: a transaction host whose server the test plays message by message. [`simulation`]
//! is for thousands of runs: a host, a network that loses, delays, doubles and reorders, transactions that repeat and time
//! out, a notifier with a truth of its own that can be told to misbehave, and a [`monitor`] that knows what must hold after
//! every step. A run is recorded; one that fails leaves a file that fails again when it is played.

pub mod dice;
mod driven;
pub mod monitor;
pub mod network;
pub mod notifier;
pub mod simulation;
pub mod stage;
