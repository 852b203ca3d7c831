//! resource-lists documents: where an entry goes or stands, as a change of the text and as one of a node (RFC 4826 §3,
//! XDM-29, XDM-30, XDM-39).

use std::ops::Range;

use super::{Change, EditError, Edited, names};
use crate::document::{Document, DocumentError, Element, Id, MAX_DOCUMENT};
use crate::node::NodeSelector;
use crate::reference::Reference;
use crate::resource_lists::{NAMESPACE, OMA_BLOCKED, blocking_names, read};

/// Most references that an error names.
const MAX_PLACES: usize = 4;

/// A change of a document that is to be written.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The whole document afterwards.
    pub(super) text: String,
    /// The same as a change of one node, where one node can be named.
    pub(super) node: Option<NodeChange>,
}

/// A change of one node.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum NodeChange {
    Put(NodeSelector, String),
    Delete(NodeSelector),
}

/// Why there is no plan.
pub(super) enum NoPlan {
    Unreadable(DocumentError),
    Refused(EditError),
}

impl From<DocumentError> for NoPlan {
    fn from(error: DocumentError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<EditError> for NoPlan {
    fn from(error: EditError) -> Self {
        Self::Refused(error)
    }
}

/// A document with nobody but this user on its list.
#[cfg(feature = "reqwest")]
pub(super) fn new_document(entry: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"{NAMESPACE}\">\n  <list name=\"{OMA_BLOCKED}\">\n    <entry uri=\"{}\"/>\n  </list>\n</resource-lists>\n",
        escaped(entry)
    )
}

/// What is to be done with a document; no plan in the answer if nothing is.
pub(super) fn plan(
    octets: &[u8],
    change: Change,
    entry: &str,
    own_xui: Option<&str>,
) -> Result<(Option<Plan>, Edited), NoPlan> {
    let document = read(octets)?;
    let text = std::str::from_utf8(octets).unwrap_or_default(); // the document has been read
    let found = Found::collect(&document, own_xui, entry);
    let edited = |entry: &str, changed| Edited {
        entry: entry.into(),
        changed,
        list: found.name.map(str::to_owned),
    };
    let there = found
        .own
        .first()
        .or(found.by_reference.first().map(|(id, _)| id));
    let as_written = there.and_then(|&id| document.element(id)?.attribute("uri"));
    match change {
        Change::Block => {
            if let Some(entry) = as_written {
                return Ok((None, edited(entry, false)));
            }
            let plan = block(&document, text, &found, entry)?;
            checked(plan, edited(entry, true))
        }
        Change::Unblock => {
            let list = found.name.unwrap_or(OMA_BLOCKED).to_owned();
            if let Some((_, place)) = found.by_reference.first() {
                let place = place.clone();
                return Err(EditError::ByReference { list, place }.into());
            }
            let Some(as_written) = as_written else {
                let places = found.places;
                return match places.is_empty() {
                    true => Ok((
                        None,
                        Edited {
                            entry: entry.into(),
                            changed: false,
                            list: found.name.map(str::to_owned),
                        },
                    )),
                    false => Err(EditError::PerhapsElsewhere { list, places }.into()),
                };
            };
            let plan = unblock(&document, text, &found.own);
            checked(plan, edited(as_written, true))
        }
    }
}

fn checked(plan: Plan, edited: Edited) -> Result<(Option<Plan>, Edited), NoPlan> {
    match plan.text.len() > MAX_DOCUMENT {
        true => Err(EditError::TooLarge.into()),
        false => Ok((Some(plan), edited)),
    }
}

/// The lists that block, and what of them concerns one user.
struct Found {
    /// Name of the list that is written to; none if there is no list.
    name: Option<&'static str>,
    /// That list.
    list: Option<Id>,
    /// Entries of the user in the lists themselves.
    own: Vec<Id>,
    /// Entries of the user that the lists refer to in this document, and the reference.
    by_reference: Vec<(Id, String)>,
    /// References that lead out of this document, or nowhere.
    places: Vec<String>,
}

impl Found {
    fn collect(document: &Document, own_xui: Option<&str>, entry: &str) -> Self {
        let mut found = Self {
            name: None,
            list: None,
            own: Vec::new(),
            by_reference: Vec::new(),
            places: Vec::new(),
        };
        let is_users = |id: Id| {
            let uri = document.element(id).and_then(|e| e.attribute("uri"));
            uri.is_some_and(|uri| names(uri, entry))
        };
        let mut visited = std::collections::HashSet::new();
        // Elements to look at, and the reference that led there.
        let mut open: Vec<(Id, Option<String>)> = Vec::new();
        for &name in blocking_names(document) {
            for (id, element) in document.children(Document::ROOT) {
                if element.is(NAMESPACE, "list") && element.attribute("name") == Some(name) {
                    if found.list.is_none() {
                        (found.list, found.name) = (Some(id), Some(name));
                    }
                    open.push((id, None));
                }
            }
        }
        open.reverse();
        while let Some((id, by)) = open.pop() {
            if !visited.insert(id) {
                continue;
            }
            for (child, element) in document.children(id) {
                if element.namespace.as_deref() != Some(NAMESPACE) {
                    continue;
                }
                let (kind, text) = match element.name.as_str() {
                    "list" => {
                        open.push((child, by.clone()));
                        continue;
                    }
                    "entry" => {
                        match &by {
                            _ if !is_users(child) => {}
                            None => found.own.push(child),
                            Some(by) => found.by_reference.push((child, by.clone())),
                        }
                        continue;
                    }
                    "external" => ("list", element.attribute("anchor")),
                    "entry-ref" => ("entry", element.attribute("ref")),
                    _ => continue,
                };
                let text = text.unwrap_or_default();
                let target = Reference::parse(text)
                    .filter(|reference| reference.is_within(own_xui))
                    .and_then(|reference| reference.find(document))
                    .filter(|&id| document.element(id).is_some_and(|e| e.is(NAMESPACE, kind)));
                match target {
                    Some(target) if kind == "list" => {
                        open.push((target, Some(by.clone().unwrap_or_else(|| text.into()))));
                    }
                    Some(target) if is_users(target) => {
                        found.by_reference.push((target, text.into()));
                    }
                    Some(_) => {}
                    None if found.places.len() < MAX_PLACES => found.places.push(text.into()),
                    None => {}
                }
            }
        }
        // What stands in a list itself is no less its own for being referred to as well.
        let own = found.own.clone();
        found.by_reference.retain(|(id, _)| !own.contains(id));
        found
    }
}

fn block(document: &Document, text: &str, found: &Found, entry: &str) -> Result<Plan, EditError> {
    let escaped = escaped(entry);
    let path = NodeSelector::new().element("resource-lists");
    let (Some(list), Some(name)) = (found.list, found.name) else {
        // The list is missing, the document is there.
        let list = |p: &str| {
            format!("<{p}list name=\"{OMA_BLOCKED}\"><{p}entry uri=\"{escaped}\"/></{p}list>")
        };
        let put = format!(
            "<list xmlns=\"{NAMESPACE}\" name=\"{OMA_BLOCKED}\"><entry uri=\"{escaped}\"/></list>"
        );
        return Ok(Plan {
            text: inserted(document, text, Document::ROOT, list),
            node: Some(NodeChange::Put(
                path.element_with("list", "name", OMA_BLOCKED),
                put,
            )),
        });
    };
    let children = || document.children(list).map(|(_, element)| element);
    let is = |element: &Element, kinds: [&str; 2]| kinds.iter().any(|k| element.is(NAMESPACE, k));
    let refers = |element: &&Element| is(element, ["external", "entry-ref"]);
    if children().any(|e| refers(&e)) && !children().any(|e| is(e, ["entry", "list"])) {
        let reference = |e: &Element| {
            e.attribute("anchor")
                .or(e.attribute("ref"))
                .map(str::to_owned)
        };
        return Err(EditError::OnlyRefersElsewhere {
            list: name.into(),
            places: children()
                .filter(refers)
                .filter_map(reference)
                .take(MAX_PLACES)
                .collect(),
        });
    }
    let list_path = path.element_with("list", "name", name);
    let node = (list_path.find(document, Some(NAMESPACE)) == Some(list)).then(|| {
        NodeChange::Put(
            list_path.element_with("entry", "uri", entry),
            format!("<entry xmlns=\"{NAMESPACE}\" uri=\"{escaped}\"/>"),
        )
    });
    Ok(Plan {
        text: inserted(document, text, list, |p| {
            format!("<{p}entry uri=\"{escaped}\"/>")
        }),
        node,
    })
}

fn unblock(document: &Document, text: &str, entries: &[Id]) -> Plan {
    let spans = entries
        .iter()
        .filter_map(|&id| document.element(id).map(|e| e.span.clone()));
    let mut left = String::with_capacity(text.len());
    let mut done = 0;
    let mut spans: Vec<Range<usize>> = spans.collect();
    spans.sort_by_key(|span| span.start);
    for span in spans {
        let before = text.get(done..span.start).unwrap_or_default();
        // The entry's indentation goes with it.
        left.push_str(before.trim_end());
        done = span.end;
    }
    left.push_str(text.get(done..).unwrap_or_default());
    let node = match entries {
        [id] => selector_of(document, *id).map(NodeChange::Delete),
        _ => None,
    };
    Plan { text: left, node }
}

/// A selector of an entry by names and URI, if that leads to it and to nothing else.
fn selector_of(document: &Document, entry: Id) -> Option<NodeSelector> {
    let mut path = Vec::new();
    let mut at = Document::ROOT;
    while at != entry {
        // Children stand behind their parents: the last child that begins no later than the entry leads to it.
        let (child, element) = document
            .children(at)
            .filter(|(id, _)| *id <= entry)
            .last()?;
        path.push(element);
        at = child;
    }
    let mut selector = NodeSelector::new().element("resource-lists");
    for element in path {
        selector = match element.name.as_str() {
            "entry" => selector.element_with("entry", "uri", element.attribute("uri")?),
            _ => match element.attribute("name") {
                Some(name) => selector.element_with("list", "name", name),
                None => selector.element("list"),
            },
        };
    }
    (selector.find(document, Some(NAMESPACE)) == Some(entry)).then_some(selector)
}

/// The text with a new last child in an element, before extensions of other namespaces and indented like its siblings.
fn inserted(document: &Document, text: &str, parent: Id, child: impl Fn(&str) -> String) -> String {
    let Some(element) = document.element(parent) else {
        return text.to_owned();
    };
    let part = |range: Range<usize>| text.get(range).unwrap_or_default();
    // The element's name as written, with its prefix: the new child gets the same.
    let tag = part(element.span.clone());
    let name = tag.trim_start_matches('<');
    let name = name
        .split(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/'))
        .next()
        .unwrap_or_default();
    let prefix = name
        .find(':')
        .map_or("", |colon| name.get(..=colon).unwrap_or_default());
    let new = child(prefix);
    let siblings = document.children(parent).map(|(_, sibling)| sibling);
    let last = siblings
        .filter(|sibling| sibling.namespace.as_deref() == Some(NAMESPACE))
        .last();
    match last {
        Some(last) => {
            let before = part(0..last.span.start);
            let indent = before.get(before.trim_end().len()..).unwrap_or_default();
            let (head, tail) = (part(0..last.span.end), part(last.span.end..text.len()));
            format!("{head}{indent}{new}{tail}")
        }
        None if element.content.is_empty() && tag.ends_with("/>") => {
            let end = element.span.end;
            let (head, tail) = (part(0..end - 2), part(end..text.len()));
            format!("{}>{new}</{name}>{tail}", head.trim_end())
        }
        None => {
            let at = element.content.start;
            format!("{}{new}{}", part(0..at), part(at..text.len()))
        }
    }
}

/// A text as attribute value.
fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
