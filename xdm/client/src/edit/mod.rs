//! Blocking and unblocking: what is to be written where, in a file or on an XDMS (RFC 4825 §7.4, §7.5; XDM-29, XDM-30).
//!
//! [`Change`] is planned on a document as it stands and applied in one write; nothing is written where the list only
//! refers elsewhere.

mod document;
mod file;
mod lines;
#[cfg(feature = "reqwest")]
mod xdms;

use std::path::PathBuf;

use rollmark_core::uri::{Form, IdentityRules, identity};

use crate::document::{DocumentError, MAX_DOCUMENT};
use crate::file::FileError;

pub use file::edit_file;
#[cfg(feature = "reqwest")]
pub use xdms::edit_xdms;

/// What is to be done with a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// He is to be on the list.
    Block,
    /// He is to be on the list no more.
    Unblock,
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The entry: as written, or as it was there already or is there no more.
    pub entry: String,
    /// False if there was nothing to do.
    pub changed: bool,
    /// Name of the list; none in a file of plain lines.
    pub list: Option<String>,
}

/// Why a change was not made. In each case nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// A text that names nobody.
    #[error("{text:?} names nobody that could be blocked: give a sip: or tel: URI")]
    Nobody {
        /// The text.
        text: String,
    },
    /// An anonymous user or a temporary address.
    #[error(
        "{text:?} may be somebody else the next time: give the user's public identity, a sip: or tel: URI"
    )]
    Unsteady {
        /// The text.
        text: String,
    },
    /// The list has no entries of its own, only references.
    #[error("the list {list:?} only refers elsewhere, so nothing was written: change {}", places.join(", "))]
    OnlyRefersElsewhere {
        /// Name of the list.
        list: String,
        /// Where it refers to.
        places: Vec<String>,
    },
    /// The entry is reached through a reference.
    #[error(
        "the entry is in the list {list:?} by reference, so nothing was written: remove it from {place}"
    )]
    ByReference {
        /// Name of the list.
        list: String,
        /// Where it refers to.
        place: String,
    },
    /// The user is not in the list itself; he may be in what it refers to.
    #[error("the user is not in the list {list:?} itself, which also refers to {}: look there", places.join(", "))]
    PerhapsElsewhere {
        /// Name of the list.
        list: String,
        /// Where it refers to.
        places: Vec<String>,
    },
    /// The document would be larger than [`MAX_DOCUMENT`].
    #[error(
        "the block list would grow beyond {MAX_DOCUMENT} octets, so nothing was written: shorten it"
    )]
    TooLarge,
    /// A file that cannot be read or written.
    #[error("the block list {} cannot be {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Rules are not written: what a new one would mean depends on all others.
    #[error(
        "{place} holds rules, which are not changed here: block the user in a list of plain lines or resource-lists"
    )]
    Rules {
        /// Where they are.
        place: String,
    },
    /// A file that is no block list, or one of a kind that is not written.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FileError,
    },
    /// A document on the XDMS that cannot be read.
    #[error("{url}: {source}")]
    Document {
        /// Where it is.
        url: String,
        /// Why.
        source: DocumentError,
    },
    /// The XDMS cannot be asked, or refuses.
    #[cfg(feature = "reqwest")]
    #[error(transparent)]
    Xdms(#[from] crate::connection::XdmsError),
    /// 409: the XDMS does not take the change (XDM-28).
    #[error("{url} does not take the change: {conflict}")]
    Conflict {
        /// Where.
        url: String,
        /// Why.
        conflict: crate::client::Conflict,
    },
    /// 412 twice (XDM-29).
    #[error(
        "{url} is being changed by somebody else at the same time, so nothing was written: try again"
    )]
    Raced {
        /// Where.
        url: String,
    },
}

/// The entry that is written for a user: his canonical identity (XDM-30, RFC 4826 §5).
pub fn canonical_entry(text: &str) -> Result<String, EditError> {
    let identity = identity(text.trim(), &IdentityRules::default());
    let unusable = |c: char| c.is_control() || c.is_whitespace();
    let fault = || text.trim().to_owned();
    match identity.form {
        Form::Unreadable(_) => Err(EditError::Nobody { text: fault() }),
        _ if identity.canonical.contains(unusable) || identity.canonical.is_empty() => {
            Err(EditError::Nobody { text: fault() })
        }
        Form::Anonymous | Form::TemporaryGruu => Err(EditError::Unsteady { text: fault() }),
        Form::Address | Form::Phone | Form::Wildcard | Form::Other => Ok(identity.canonical),
    }
}

/// Whether an entry as written names the user with this canonical identity.
fn names(entry: &str, canonical: &str) -> bool {
    identity(entry.trim(), &IdentityRules::default()).canonical == canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-30, SEC-09, URI-18, URI-24.
    #[test]
    fn what_is_written_is_the_canonical_identity_or_nothing() {
        for (text, expected) in [
            (
                " sip:Bob@Example.COM;transport=tcp ",
                Some("sip:Bob@example.com"),
            ),
            ("bob@example.com", Some("sip:bob@example.com")),
            ("tel:+1-212-555-1234", Some("tel:+12125551234")),
            (
                "sip:+12125551234@example.com;user=phone",
                Some("tel:+12125551234"),
            ),
            (
                "sip:team-!.*!@example.com",
                Some("sip:team-!.*!@example.com"),
            ),
            ("", None),
            ("::::", None),
            ("sip:bob@x\nsip:carol@x", None),
            ("sip:anonymous@anonymous.invalid", None),
        ] {
            assert_eq!(canonical_entry(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
