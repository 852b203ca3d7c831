//! `rollmark doctor`: a healthy core has no failed check, and each fault is found where it is, with its mending (CLI contract).

mod core;
mod examination;
mod healthy;
mod ims;
mod page;
mod reach;
mod xdms;
