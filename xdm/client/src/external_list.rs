//! Members of an external list of a rule, out of a file that holds it: plain lines or resource-lists (RFC 4826 §3, XDM-62).

use std::collections::HashSet;

use rollmark_core::blocklist::rules::{ExternalList, Members};

use crate::document::{Document, DocumentError, Id};
use crate::file::{self, FileError};
use crate::reference::Reference;
use crate::resource_lists::{MAX_LIST_DEPTH, MAX_MEMBERS, NAMESPACE};
use crate::rules;

/// Reads the members of `list` from a file. Of a resource-lists document it takes the list that the anchor names, else
/// the only top-level list; none if that leaves a choice. References to other documents leave the list incomplete.
///
/// # Errors
/// When the file is neither.
pub fn parse(octets: &[u8], list: &ExternalList) -> Result<Option<Members>, FileError> {
    if !file::is_xml(octets) {
        return Ok(Some(rules::members(&file::parse(octets, None)?)));
    }
    let document = Document::parse(octets).map_err(FileError::Document)?;
    let root = document.element(Document::ROOT);
    if let Some(root) = root.filter(|root| !root.is(NAMESPACE, "resource-lists")) {
        return Err(FileError::Document(DocumentError::Root {
            found: root.expanded_name(),
            expected: "{urn:ietf:params:xml:ns:resource-lists}resource-lists",
        }));
    }
    let Some(id) = find(&document, list) else {
        return Ok(None);
    };
    let mut collected = Collected {
        document: &document,
        visited: HashSet::new(),
        members: Members {
            uris: Vec::new(),
            complete: true,
        },
    };
    collected.take_list(id, 1);
    Ok(Some(collected.members))
}

/// The list meant: where the anchor leads, whatever document it means, then by its name, then the only one.
fn find(document: &Document, list: &ExternalList) -> Option<Id> {
    let is_list = |id: &Id| {
        let element = document.element(*id);
        element.is_some_and(|element| element.is(NAMESPACE, "list"))
    };
    let reference = Reference::parse(&list.anchor);
    let led = reference.and_then(|reference| reference.find(document));
    led.filter(is_list).or_else(|| {
        let top: Vec<_> = document
            .children(Document::ROOT)
            .filter(|(_, element)| element.is(NAMESPACE, "list"))
            .collect();
        let name = list.name.as_deref().unwrap_or(&list.anchor);
        let named = top
            .iter()
            .find(|(_, element)| element.attribute("name") == Some(name));
        match (named, &top[..]) {
            (Some((id, _)), _) | (None, [(id, _)]) => Some(*id),
            _ => None,
        }
    })
}

struct Collected<'a> {
    document: &'a Document,
    visited: HashSet<Id>,
    members: Members,
}

impl Collected<'_> {
    /// Entries of a list, of the lists in it, and of what it refers to in this document, each once.
    fn take_list(&mut self, id: Id, depth: usize) {
        if !self.visited.insert(id) {
            return;
        }
        if depth > MAX_LIST_DEPTH {
            self.members.complete = false;
            return;
        }
        let document = self.document;
        for (child, element) in document.children(id) {
            if element.namespace.as_deref() != Some(NAMESPACE) {
                continue;
            }
            match element.name.as_str() {
                "entry" => self.take_entry(child),
                "list" => self.take_list(child, depth + 1),
                "entry-ref" => match self.resolve(element.attribute("ref"), "entry") {
                    Some(target) => self.take_entry(target),
                    None => self.members.complete = false,
                },
                "external" => match self.resolve(element.attribute("anchor"), "list") {
                    Some(target) => self.take_list(target, depth + 1),
                    None => self.members.complete = false,
                },
                _ => {}
            }
        }
    }

    fn take_entry(&mut self, id: Id) {
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
            Some(uri) if self.members.uris.len() < MAX_MEMBERS => {
                self.members.uris.push(uri.into());
            }
            _ => self.members.complete = false,
        }
    }

    fn resolve(&self, reference: Option<&str>, kind: &str) -> Option<Id> {
        let reference = Reference::parse(reference?)?;
        let id = reference
            .is_within(None)
            .then(|| reference.find(self.document))??;
        let element = self.document.element(id)?;
        element.is(NAMESPACE, kind).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(anchor: &str) -> ExternalList {
        ExternalList {
            anchor: anchor.into(),
            name: crate::reference::list_name(anchor).map(Into::into),
            members: None,
        }
    }

    fn shown(octets: &str, anchor: &str) -> Option<(Vec<String>, bool)> {
        let members = parse(octets.as_bytes(), &list(anchor)).expect(octets)?;
        let uris = members.uris.iter().map(ToString::to_string).collect();
        Some((uris, members.complete))
    }

    fn document(lists: &str) -> String {
        format!("<resource-lists xmlns='{NAMESPACE}'>{lists}</resource-lists>")
    }

    const BASE: &str = "http://h/resource-lists/users/sip:a@h/index/~~/resource-lists";

    /// XDM-62: the list that the anchor names, else the only one there is.
    #[test]
    fn the_list_meant_is_found() {
        let two = document(
            "<list name='a'><entry uri='sip:a@x'/><list name='in'><entry uri='sip:in@x'/></list></list>\
             <list name='b'><entry uri='sip:b@x'/></list>",
        );
        let one = document("<list name='c'><entry uri='sip:c@x'/></list>");
        for (text, anchor, expected) in [
            (
                &two,
                format!("{BASE}/list%5b@name=%22b%22%5d"),
                Some("sip:b@x"),
            ),
            (&two, format!("{BASE}/list[2]"), Some("sip:b@x")),
            (
                &two,
                format!("{BASE}/list[1]/list[@name=\"in\"]"),
                Some("sip:in@x"),
            ),
            (&two, "list[@name='a']".into(), Some("sip:a@x sip:in@x")),
            (&two, "b".into(), Some("sip:b@x")),
            (&two, "c".into(), None),
            (&two, format!("{BASE}/list[@name=\"c\"]"), None),
            (&one, format!("{BASE}/list[@name=\"b\"]"), Some("sip:c@x")),
            (&one, "anything".into(), Some("sip:c@x")),
            (&document(""), "c".into(), None),
        ] {
            let found = shown(text, &anchor).map(|(uris, complete)| {
                assert!(complete, "{anchor}");
                uris.join(" ")
            });
            assert_eq!(found.as_deref(), expected, "{anchor}");
        }
    }

    #[test]
    fn plain_lines_are_members_whatever_the_anchor() {
        let expected = Some((vec!["sip:a@x".into(), "+1555".into()], true));
        assert_eq!(shown("# friends\nsip:a@x\r\n +1555 \n", "x"), expected);
        assert_eq!(shown("", "x"), Some((vec![], true)));
    }

    /// XDM-50…XDM-52.
    #[test]
    fn what_cannot_be_followed_leaves_the_list_incomplete() {
        let external = |list: &str| format!("<external anchor='{BASE}/list[@name=\"{list}\"]'/>");
        let cycle = format!(
            "<list name='a'><entry uri='sip:a@x'/>{}</list><list name='b'>{}<entry uri='sip:b@x'/></list>",
            external("b"),
            external("a")
        );
        let both = (vec!["sip:a@x".to_owned(), "sip:b@x".to_owned()], true);
        assert_eq!(shown(&document(&cycle), "a"), Some(both));
        for broken in [
            external("gone"),
            "<external anchor='http://h/other/users/u/index/~~/resource-lists/list[1]'/>".into(),
            "<external/>".into(),
            "<entry-ref ref='x'/>".into(),
            "<entry/>".into(),
        ] {
            let text = document(&format!(
                "<list name='a'><entry uri='sip:a@x'/>{broken}</list>"
            ));
            let expected = (vec!["sip:a@x".to_owned()], false);
            assert_eq!(shown(&text, "a"), Some(expected), "{broken}");
        }
    }

    /// XDM-51.
    #[test]
    fn a_long_way_through_references_ends_at_the_limit() {
        let chain = |lists: usize| {
            let all: String = (1..=lists)
                .map(|n| {
                    format!(
                        "<list name='n{n}'><entry uri='sip:{n}@x'/>{}</list>",
                        if n < lists {
                            format!("<external anchor='{BASE}/list[{}]'/>", n + 1)
                        } else {
                            String::new()
                        }
                    )
                })
                .collect();
            let (uris, complete) = shown(&document(&all), "n1").unwrap();
            (uris.len(), complete)
        };
        assert_eq!(chain(MAX_LIST_DEPTH), (MAX_LIST_DEPTH, true));
        assert_eq!(chain(MAX_LIST_DEPTH + 1), (MAX_LIST_DEPTH, false));
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        for text in ["<html/>", "<resource-lists>", "sip:a@x\n\u{0}<"] {
            let octets = text.as_bytes();
            assert_eq!(
                parse(octets, &list("x")).is_err(),
                text.starts_with('<'),
                "{text}"
            );
        }
    }
}
