//! `rollmark roster`: what documents come to, in both modes, seen from outside (RFC 4575 §4.4–4.6).

mod command;
mod contract;
mod hostile;
mod marks;
mod presence;
mod root;
mod users;
mod vendors;
mod version;
