//! The engine in a simulated world: one clause at a time, thousands of random runs, whatever a server may do (RFC 6665).

mod bad;
mod core;
mod display;
mod ims;
mod life;
mod notify;
mod random;
mod recovery;
mod reg;
mod request;
mod switch;
