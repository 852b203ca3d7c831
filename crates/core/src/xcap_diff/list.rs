//! Which documents are watched, as the body of a SUBSCRIBE says it: one flat list (RFC 5875 §4.4, XDM-73).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::LIST_TYPE;
use crate::engine::Body;

/// Documents that one subscription may name.
pub const MAX_WATCHED: usize = 100;
/// Octets of one URI.
pub const MAX_URI: usize = 2048;

/// Why a list of documents cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListError {
    /// Nothing is named.
    #[error("no document is named; name one to watch")]
    Empty,
    /// More than [`MAX_WATCHED`].
    #[error("more than {MAX_WATCHED} documents are named; leave some out")]
    TooMany,
    /// Not relative to the XCAP root, or with a character that no URI has.
    #[error(
        "{uri:?} is no URI relative to the XCAP root; give one like `resource-lists/users/sip:alice@example.org/index`"
    )]
    Uri {
        /// As given.
        uri: String,
    },
}

/// Documents to be watched, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentList {
    uris: Vec<String>,
}

impl DocumentList {
    /// A list of URIs relative to the XCAP root, percent-encoded.
    ///
    /// # Errors
    /// When there are none, too many, or when one is not such a URI.
    pub fn new<I>(documents: I) -> Result<Self, ListError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut uris: Vec<String> = Vec::new();
        for document in documents {
            let uri = document.as_ref();
            if !is_relative(uri) {
                let uri = uri.to_string();
                return Err(ListError::Uri { uri });
            }
            if uris.iter().any(|known| known == uri) {
                continue;
            }
            if uris.len() == MAX_WATCHED {
                return Err(ListError::TooMany);
            }
            uris.push(uri.to_string());
        }
        if uris.is_empty() {
            return Err(ListError::Empty);
        }
        Ok(Self { uris })
    }

    /// The URIs.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.uris.iter().map(String::as_str)
    }

    /// The body of a SUBSCRIBE.
    #[must_use]
    pub fn body(&self) -> Body {
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>",
        );
        for uri in &self.uris {
            text.push_str("<entry uri=\"");
            for c in uri.chars() {
                match c {
                    '&' => text.push_str("&amp;"),
                    c => text.push(c),
                }
            }
            text.push_str("\"/>");
        }
        text.push_str("</list></resource-lists>");
        Body {
            content_type: LIST_TYPE.to_string(),
            bytes: text.into_bytes(),
        }
    }
}

/// A relative reference, in the characters that a URI may have (RFC 3986 §2): what else would have to be escaped in XML
/// is none of them.
fn is_relative(uri: &str) -> bool {
    let first = uri.split('/').next().unwrap_or_default();
    !first.is_empty()
        && !first.contains(':')
        && uri.len() <= MAX_URI
        && uri
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`'))
}
