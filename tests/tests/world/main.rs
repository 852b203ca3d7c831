//! The engine in a simulated world: one clause at a time, thousands of random runs, whatever a server may do (RFC 6665).

mod bad;
mod display;
mod life;
mod notify;
mod random;
mod request;
