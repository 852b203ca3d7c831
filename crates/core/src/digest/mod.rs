//! Digest access authentication, the client's half, for SIP and HTTP (RFC 7616, RFC 2617, RFC 8760).
//!
//! A 401 or 407 brings challenges: [`Challenge::all`] reads them, [`choose`] picks one, [`Session`] answers it
//! and stays for the next requests. Which header the answer goes into (`Authorization`,
//! `Proxy-Authorization`) is the caller's choice: the value is the same.

mod algorithm;
mod challenge;
mod credentials;
mod scan;
mod session;

pub use algorithm::Algorithm;
pub use challenge::{Challenge, Policy, Qop, choose};
pub use credentials::{Credentials, Secret};
pub use session::{Session, Unanswerable};
