//! Reading xcap-diff documents (RFC 5874 §3, §4).

use alloc::boxed::Box;
use alloc::vec::Vec;

use thiserror::Error;

use super::{Change, Diff, Fate};
use crate::xml::{self, Event, Limits, Namespace, Reader};

/// Namespace of RFC 5874 §7.2.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-diff";
/// Changes in one document; more cannot be of what is watched.
pub const MAX_CHANGES: usize = 1024;

/// Why an xcap-diff document tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiffError {
    /// Not a document that an XML reader accepts.
    #[error("the body is not readable XML: {0}")]
    Malformed(#[from] xml::Error),
    /// Another root element.
    #[error("the root element is not xcap-diff of RFC 5874")]
    NotXcapDiff,
    /// Something changed that is not named.
    #[error("a changed document is not named: no sel")]
    NoSelector,
    /// More than [`MAX_CHANGES`].
    #[error("more than {MAX_CHANGES} documents are told of")]
    TooManyChanges,
}

pub(super) fn read(body: &[u8]) -> Result<Diff, DiffError> {
    let mut xml = Reader::new(body, Limits::default())?;
    let ours = xml.namespace(NAMESPACE)?;
    let mut told = read_root(&mut xml, ours);
    if !matches!(told, Err(DiffError::Malformed(_))) {
        // What is not well-formed is that first of all.
        while xml.read_markup()?.is_some() {}
    }
    if let Ok(diff) = &mut told {
        diff.changes.shrink_to_fit();
    }
    told
}

fn read_root(xml: &mut Reader<'_>, ours: Namespace) -> Result<Diff, DiffError> {
    match xml.read_markup()? {
        Some(Event::Start(root)) if root.namespace == ours && root.local == "xcap-diff" => {}
        _ => return Err(DiffError::NotXcapDiff),
    }
    let mut diff = Diff {
        root: attribute(xml, "xcap-root").unwrap_or_default(),
        changes: Vec::new(),
    };
    while let Some(event) = xml.read_markup()? {
        match event {
            Event::Start(name) if name.namespace == ours && name.local == "document" => {
                if diff.changes.len() == MAX_CHANGES {
                    return Err(DiffError::TooManyChanges);
                }
                let change = read_document(xml, ours)?;
                diff.changes.push(change);
            }
            // Elements and attributes are not watched; what else there is, nobody here knows.
            Event::Start(_) => xml.skip()?,
            Event::Text(_) => {}
            Event::End => break,
        }
    }
    Ok(diff)
}

fn read_document(xml: &mut Reader<'_>, ours: Namespace) -> Result<Change, DiffError> {
    let document = attribute(xml, "sel").filter(|selector| !selector.is_empty());
    let (new, previous) = (attribute(xml, "new-etag"), attribute(xml, "previous-etag"));
    let (mut patched, mut not_changed) = (false, false);
    while let Some(event) = xml.read_markup()? {
        match event {
            Event::Start(name) => {
                if name.namespace == ours {
                    match name.local {
                        "body-not-changed" => not_changed = true,
                        "add" | "replace" | "remove" => patched = true,
                        _ => {}
                    }
                }
                xml.skip()?;
            }
            Event::Text(_) => {}
            Event::End => break,
        }
    }
    let fate = match (new, previous) {
        (Some(etag), Some(previous)) if not_changed && !patched => {
            Fate::Retagged { previous, etag }
        }
        (None, Some(previous)) if !patched && !not_changed => Fate::Removed { previous },
        // Also where it contradicts itself: then the XDMS knows best.
        (new, _) => Fate::Changed { etag: new },
    };
    Ok(Change {
        document: document.ok_or(DiffError::NoSelector)?,
        fate,
    })
}

/// An attribute in no namespace, without the white space around it.
fn attribute(xml: &Reader<'_>, name: &str) -> Option<Box<str>> {
    let attributes = xml.attributes().iter();
    let mut ours = attributes
        .filter(|attribute| attribute.namespace == Namespace::NONE && attribute.local == name);
    ours.next()
        .map(|attribute| attribute.value().trim_matches(' ').into())
}
