//! How documents are read: mode and limits (SEC-07).

use crate::xml;

/// How far notifiers are followed that do not keep to RFC 4575.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// RFC 4575 §4.4–4.6 word for word.
    Strict,
    /// The same result on a conforming notifier, and a right roster on those that exist.
    #[default]
    Lenient,
}

/// Mode and limits of one [`Conference`](super::Conference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// Strict or lenient.
    pub mode: Mode,
    /// Upper bounds.
    pub limits: Limits,
}

/// Upper bounds on documents and on what is held. A document that would go over one is refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bounds on the body as XML.
    pub xml: xml::Limits,
    /// Users in a document, those in sidebars included, and users held.
    pub users: usize,
    /// Endpoints of a user.
    pub endpoints: usize,
    /// Media of an endpoint.
    pub media: usize,
    /// Entries of `sidebars-by-val`, and of `sidebars-by-ref`.
    pub sidebars: usize,
    /// Bytes of all users held, those in sidebars apart: partial documents without end must not fill the memory.
    pub store: usize,
}

/// Extension elements kept of a user, and of an endpoint; more are passed over.
pub const MAX_EXTENSIONS: usize = 16;
/// Bytes kept of an extension element; a longer one is passed over.
pub const MAX_EXTENSION: usize = 4096;

impl Limits {
    /// Users held.
    pub const USERS: usize = 20_000;
    /// Endpoints of a user.
    pub const ENDPOINTS: usize = 64;
    /// Media of an endpoint.
    pub const MEDIA: usize = 64;
    /// Sidebars of a conference.
    pub const SIDEBARS: usize = 1_024;
    /// Bytes of all users held.
    pub const STORE: usize = 64 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            xml: xml::Limits::default(),
            users: Self::USERS,
            endpoints: Self::ENDPOINTS,
            media: Self::MEDIA,
            sidebars: Self::SIDEBARS,
            store: Self::STORE,
        }
    }
}
