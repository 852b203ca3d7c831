//! resource-lists documents: who is on the block lists of a user (RFC 4826 §3, XDM-37…55).

use std::collections::HashSet;
use std::sync::Arc;

use rollmark_core::blocklist::{BlockList, Entry};

use crate::document::{Document, Id};
pub use crate::document::{DocumentError, MAX_ATTRIBUTES, MAX_DEPTH, MAX_DOCUMENT};
use crate::node::Reference;

/// XML namespace of resource-lists (RFC 4826 §3.2).
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:resource-lists";
/// Content type of the documents (RFC 4826 §3.4.4).
pub const MEDIA_TYPE: &str = "application/resource-lists+xml";
/// The list of blocked contacts as registered with OMNA (XDM-38).
pub const OMA_BLOCKED: &str = "oma_blockedcontacts";
/// The lists that RCS devices keep, read where [`OMA_BLOCKED`] is missing (XDM-39).
pub const RCS_BLOCKED: [&str; 2] = ["rcs_blockedcontacts", "rcs_revokedcontacts"];
/// Most members taken from one document; what is beyond makes the list incomplete (XDM-51).
pub const MAX_MEMBERS: usize = 20_000;
/// Longest way through nested lists and references; what is beyond makes the list incomplete (XDM-51).
pub const MAX_LIST_DEPTH: usize = 64;

/// The blocked contacts in a resource-lists document.
///
/// `own_xui` is the user whose document it is, unescaped: references into it are resolved here, wherever their
/// host (XDM-46, XDM-47); without it references to any user's are. Other references, and what cannot be read,
/// leave the list incomplete (XDM-52). A document with none of the lists is a known empty list.
pub fn parse(octets: &[u8], own_xui: Option<&str>) -> Result<BlockList, DocumentError> {
    let document = Document::parse(octets)?;
    if let Some(root) = document.element(Document::ROOT)
        && !root.is(NAMESPACE, "resource-lists")
    {
        return Err(DocumentError::Root {
            found: root.expanded_name(),
            expected: "{urn:ietf:params:xml:ns:resource-lists}resource-lists",
        });
    }
    let mut members = Members {
        document: &document,
        own_xui,
        visited: HashSet::new(),
        list: BlockList {
            entries: Vec::new(),
            complete: true,
            rules: None,
        },
    };
    if !members.take_lists_named(OMA_BLOCKED) {
        for name in RCS_BLOCKED {
            members.take_lists_named(name);
        }
    }
    Ok(members.list)
}

/// Collects the members of lists, each list and each entry once.
struct Members<'a> {
    document: &'a Document,
    own_xui: Option<&'a str>,
    visited: HashSet<Id>,
    list: BlockList,
}

impl Members<'_> {
    /// Takes the top-level lists of that very name (XDM-43); false if there is none.
    fn take_lists_named(&mut self, name: &str) -> bool {
        let label: Arc<str> = name.into();
        let named: Vec<Id> = self
            .document
            .children(Document::ROOT)
            .filter(|(_, element)| {
                element.is(NAMESPACE, "list") && element.attribute("name") == Some(name)
            })
            .map(|(id, _)| id)
            .collect();
        for &id in &named {
            self.take_list(id, &label, 1);
        }
        !named.is_empty()
    }

    /// Entries of a list, of the lists in it, and of what it refers to, in document order (XDM-44, XDM-51).
    fn take_list(&mut self, id: Id, label: &Arc<str>, depth: usize) {
        if !self.visited.insert(id) {
            return;
        }
        if depth > MAX_LIST_DEPTH {
            self.list.complete = false;
            return;
        }
        let document = self.document;
        for (child, element) in document.children(id) {
            if element.namespace.as_deref() != Some(NAMESPACE) {
                continue; // extensions say nothing about membership (XDM-53, XDM-54)
            }
            match element.name.as_str() {
                "entry" => self.take_entry(child, label),
                "list" => self.take_list(child, label, depth + 1),
                "entry-ref" => match self.resolve(element.attribute("ref"), "entry") {
                    Some(target) => self.take_entry(target, label),
                    None => self.list.complete = false,
                },
                "external" => match self.resolve(element.attribute("anchor"), "list") {
                    Some(target) => self.take_list(target, label, depth + 1),
                    None => self.list.complete = false,
                },
                _ => {}
            }
        }
    }

    fn take_entry(&mut self, id: Id, label: &Arc<str>) {
        if !self.visited.insert(id) {
            return;
        }
        let uri = self
            .document
            .element(id)
            .and_then(|element| element.attribute("uri"))
            .map(str::trim)
            .filter(|uri| !uri.is_empty());
        match uri {
            Some(uri) if self.list.entries.len() < MAX_MEMBERS => self.list.entries.push(Entry {
                uri: uri.into(),
                list: Some(label.clone()),
                rule: None,
            }),
            _ => self.list.complete = false,
        }
    }

    /// The element a reference leads to, if it is in this document and of the right kind (XDM-45, XDM-49, XDM-50).
    fn resolve(&self, reference: Option<&str>, kind: &str) -> Option<Id> {
        let reference = Reference::parse(reference?)?;
        if !reference.is_within(self.own_xui) {
            return None;
        }
        let id = reference.find(self.document)?;
        self.document
            .element(id)
            .is_some_and(|element| element.is(NAMESPACE, kind))
            .then_some(id)
    }
}

#[cfg(test)]
#[path = "resource_lists_tests.rs"]
mod tests;
