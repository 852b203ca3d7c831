//! Changes of documents on an XDMS, as its notifier tells them (RFC 5874, RFC 5875, XDM-73…77).
//!
//! [`DocumentList`] says which documents are watched; [`Diff`] is what one NOTIFY tells of them. Nothing is patched: a
//! document that changed is fetched by whoever holds it. The engine subscribes ([`Engine::watch_documents`]) and tells
//! diffs as [`What::DocumentsChanged`].
//!
//! [`Engine::watch_documents`]: crate::engine::Engine::watch_documents
//! [`What::DocumentsChanged`]: crate::engine::What::DocumentsChanged

mod list;
mod read;
#[cfg(test)]
mod tests;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

pub use list::{DocumentList, ListError, MAX_URI, MAX_WATCHED};
pub use read::{DiffError, MAX_CHANGES};

/// Event value of a subscription: changes are told by entity tags alone (RFC 5875 §4.3, XDM-73).
pub const EVENT: &str = "xcap-diff;diff-processing=no-patching";
/// The same for a notifier that does not take parameters (489): no-patching is what it must do then, too.
pub const PLAIN_EVENT: &str = "xcap-diff";
/// Document type of what is told (RFC 5874 §7.1).
pub const CONTENT_TYPE: &str = "application/xcap-diff+xml";
/// Document type of what is asked for (RFC 5875 §4.4).
pub const LIST_TYPE: &str = "application/resource-lists+xml";
/// Life asked for in seconds, the package's own (RFC 5875 §4.5).
pub const EXPIRES: u32 = 3600;

/// What one xcap-diff document tells, in its order, which is that of the changes (RFC 5875 §4.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// XCAP root that the documents are under, as written; "" if it names none. Each document has its own (XDM-76).
    pub root: Box<str>,
    /// The changes.
    pub changes: Vec<Change>,
}

/// What became of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is, relative to the root, as written: percent-encoded (RFC 5874 §3).
    pub document: Box<str>,
    /// What became of it.
    pub fate: Fate,
}

/// What is to be done about a document (RFC 5874 §3, figure 1; XDM-75). Entity tags are as the notifier writes them: most
/// leave the quotation marks out that HTTP has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there, was made, or changed: to be fetched. Patches that came along are passed over.
    Changed {
        /// Its entity tag now, if it is told.
        etag: Option<Box<str>>,
    },
    /// It is what it was, under another entity tag.
    Retagged {
        /// The entity tag before.
        previous: Box<str>,
        /// The entity tag now.
        etag: Box<str>,
    },
    /// It is gone.
    Removed {
        /// Its last entity tag.
        previous: Box<str>,
    },
}

impl Diff {
    /// Reads an xcap-diff document; what it holds beyond changes of documents is ignored (XDM-76).
    ///
    /// # Errors
    /// Nothing of it can be relied on: whatever is watched may have changed.
    pub fn read(body: &[u8]) -> Result<Self, DiffError> {
        read::read(body)
    }

    /// The URL of a changed document: below the root, whether or not that ends in a slash.
    #[must_use]
    pub fn url(&self, change: &Change) -> String {
        let root = self.root.strip_suffix('/').unwrap_or(&self.root);
        let document = change.document.trim_start_matches('/');
        [root, "/", document].concat()
    }
}

impl Change {
    /// Whether it is about this document: relative to the root, and however percent-encoded (RFC 4825 §6). A notifier
    /// ought to repeat the URI octet by octet (RFC 5875 §4.6).
    #[must_use]
    pub fn is_of(&self, document: &str) -> bool {
        let told = self.document.trim_start_matches('/');
        let mut told = told.split('/');
        let mut held = document.trim_start_matches('/').split('/');
        loop {
            match (told.next(), held.next()) {
                (None, None) => return true,
                (Some(told), Some(held)) if decoded(told) == decoded(held) => {}
                _ => return false,
            }
        }
    }
}

/// Octets of a segment; an escape that is none stands for itself.
fn decoded(segment: &str) -> Cow<'_, [u8]> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment.as_bytes());
    }
    let mut rest = segment.as_bytes();
    let mut octets = Vec::with_capacity(rest.len());
    while let Some((&first, behind)) = rest.split_first() {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        if first == b'%'
            && let (Some(high), Some(low)) = (digit(0), digit(1))
        {
            octets.push((high * 16 + low) as u8);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            octets.push(first);
            rest = behind;
        }
    }
    Cow::Owned(octets)
}

/// Whether two entity tags are one, with the quotation marks of HTTP or without.
#[must_use]
pub fn same_etag(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

fn bare(etag: &str) -> &str {
    let quoted = |etag: &'_ str| etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"');
    match etag.get(1..etag.len().saturating_sub(1)) {
        Some(inner) if quoted(etag) => inner,
        _ => etag,
    }
}
