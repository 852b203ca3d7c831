//! The engine in a simulated world: one clause at a time, thousands of random runs, whatever a server may do (RFC 6665).

mod random;
mod request;
