//! The subscriber as its server sees it: request by request, header by header (RFC 6665 §4.1, RFC 3261 §12).

mod again;
mod dialog;
mod flow;
mod options;
mod sessions;
mod world;
