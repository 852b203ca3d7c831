//! resource-lists documents: who is on the block lists of a user (RFC 4826 §3, XDM-37…55).
//!
//! [`parse`] reads a document for itself. [`Resolution`] also asks for what it refers to elsewhere, as values: it names
//! what is to be fetched, takes what came, and gives the list at the end.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use rollmark_core::blocklist::{BlockList, Entry};

use crate::client::Target;
use crate::document::{Document, Element, Id};
pub use crate::document::{DocumentError, MAX_ATTRIBUTES, MAX_DEPTH, MAX_DOCUMENT};
use crate::reference::{Location, Reference};
use crate::selector::{RESOURCE_LISTS, XcapRoot};

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

/// Most nodes of other documents fetched for one list; what is beyond makes the list incomplete (XDM-51).
pub const MAX_FETCHES: usize = 32;
/// Most octets of other documents read for one list; what is beyond makes the list incomplete (XDM-51).
pub const MAX_FETCHED: usize = 4 * MAX_DOCUMENT;

/// What is known about a document before it is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The user whose document it is, unescaped: references into it are resolved in it, wherever their host (XDM-46,
    /// XDM-47); without it references to any user's are.
    pub own_xui: Option<String>,
    /// Lists within lists are block lists too, by their name (XDM-43). Default: off.
    pub nested: bool,
}

/// The blocked contacts in a resource-lists document, taken for itself.
///
/// `own_xui` is as in [`Options`]. References to other documents, and what cannot be read, leave the list incomplete
/// (XDM-52). A document with none of the lists is a known empty list.
pub fn parse(octets: &[u8], own_xui: Option<&str>) -> Result<BlockList, DocumentError> {
    parse_with(octets, &own(own_xui))
}

/// The same, in another way than by default.
pub fn parse_with(octets: &[u8], options: &Options) -> Result<BlockList, DocumentError> {
    let mut members = Members::new(read(octets)?, options.clone());
    members.take_block_lists();
    members.list.complete &= members.wanted.is_empty();
    Ok(members.list)
}

/// The default for a user's document.
pub(crate) fn own(own_xui: Option<&str>) -> Options {
    Options {
        own_xui: own_xui.map(str::to_owned),
        ..Options::default()
    }
}

/// Reads a document and checks its root element.
pub(crate) fn read(octets: &[u8]) -> Result<Document, DocumentError> {
    let document = Document::parse(octets)?;
    if let Some(root) = document.element(Document::ROOT)
        && !root.is(NAMESPACE, "resource-lists")
    {
        return Err(DocumentError::Root {
            found: root.expanded_name(),
            expected: "{urn:ietf:params:xml:ns:resource-lists}resource-lists",
        });
    }
    Ok(document)
}

/// Names of the lists that block in a document: [`OMA_BLOCKED`], or where it is missing [`RCS_BLOCKED`] (XDM-39).
pub(crate) fn blocking_names(document: &Document) -> &'static [&'static str] {
    const OMA: &[&str] = &[OMA_BLOCKED];
    let mut top = document.children(Document::ROOT);
    match top.any(|(_, element)| is_list_named(element, OMA_BLOCKED)) {
        true => OMA,
        false => &RCS_BLOCKED,
    }
}

fn is_list_named(element: &Element, name: &str) -> bool {
    element.is(NAMESPACE, "list") && element.attribute("name") == Some(name)
}

/// A block list whose references are being followed (XDM-45…52).
///
/// Call [`Self::next_target`], GET what it names, hand it to [`Self::take`], until there is no more; or stop at any point:
/// [`Self::finish`] gives the list, incomplete if something was left.
pub struct Resolution {
    members: Members,
    root: XcapRoot,
    /// Other servers whose nodes may be fetched, without credentials (XDM-48).
    allowed: Vec<XcapRoot>,
    asked: HashSet<String>,
    current: Option<Wanted>,
    octets: usize,
}

/// Shows how many are blocked, not who (SEC-14).
impl std::fmt::Debug for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolution")
            .field("entries", &self.members.list.entries.len())
            .field("wanted", &self.members.wanted.len())
            .field("asked", &self.asked.len())
            .finish_non_exhaustive()
    }
}

/// A reference into another document.
#[derive(Clone)]
struct Wanted {
    reference: Reference,
    kind: &'static str,
    label: Arc<str>,
    depth: usize,
    foreign: bool,
}

impl Resolution {
    /// Begins with the user's document. `root` is where it came from; `allowed` are other servers that anchors may lead to,
    /// usually none.
    pub fn begin(
        octets: &[u8],
        options: Options,
        root: XcapRoot,
        allowed: Vec<XcapRoot>,
    ) -> Result<Self, DocumentError> {
        let mut members = Members::new(read(octets)?, options);
        members.take_block_lists();
        Ok(Self {
            members,
            root,
            allowed,
            asked: HashSet::new(),
            current: None,
            octets: 0,
        })
    }

    /// What to fetch next; none when there is nothing left that may be fetched.
    pub fn next_target(&mut self) -> Option<Target> {
        if self.current.take().is_some() {
            self.members.list.complete = false; // asked for, and never came
        }
        while let Some(wanted) = self.members.wanted.pop_front() {
            let own = self.members.options.own_xui.as_deref();
            let location = wanted.reference.location(&self.root, own);
            let (url, foreign) = match location {
                // A relative reference in another server's document is relative to that server's root.
                Some(Location::UnderRoot(url)) if !wanted.foreign || wanted.reference.is_url() => {
                    (url, false)
                }
                Some(Location::Foreign(url)) if self.allows(&url) => (url, true),
                _ => {
                    self.members.list.complete = false;
                    continue;
                }
            };
            if self.asked.contains(url.as_str()) {
                continue;
            }
            if self.asked.len() == MAX_FETCHES {
                self.members.list.complete = false;
                self.members.wanted.clear();
                return None;
            }
            self.asked.insert(url.as_str().to_owned());
            let node = wanted.reference.node().clone();
            self.current = Some(Wanted { foreign, ..wanted });
            return Some(Target::anchor(self.root.clone(), url, RESOURCE_LISTS, node));
        }
        None
    }

    /// Begins with a list that something else refers to; none if the anchor cannot be read.
    #[cfg(feature = "reqwest")]
    pub(crate) fn of_list(
        anchor: &str,
        options: Options,
        root: XcapRoot,
        allowed: Vec<XcapRoot>,
    ) -> Option<Self> {
        let reference = Reference::parse(anchor)?;
        let label = reference.node().to_string();
        let mut members = Members {
            own: None,
            documents: 1,
            options,
            visited: HashSet::new(),
            wanted: VecDeque::new(),
            list: BlockList {
                entries: Vec::new(),
                complete: true,
                rules: None,
            },
        };
        members.take_reference(Wanted {
            reference,
            kind: "list",
            label: label.into(),
            depth: 1,
            foreign: false,
        });
        Some(Self {
            members,
            root,
            allowed,
            asked: HashSet::new(),
            current: None,
            octets: 0,
        })
    }

    fn allows(&self, url: &url::Url) -> bool {
        let allowed = |root: &XcapRoot| root.is_origin_of(url) && root.is_above(url);
        self.allowed.iter().any(allowed)
    }

    /// Takes the element that came, an xcap-el fragment (XDM-23); none if it could not be had.
    pub fn take(&mut self, fragment: Option<&[u8]>) {
        let Some(wanted) = self.current.take() else {
            return;
        };
        let room = MAX_FETCHED.saturating_sub(self.octets);
        let document = fragment
            .filter(|fragment| fragment.len() <= room)
            .and_then(|fragment| {
                self.octets += fragment.len();
                let bindings = wanted.reference.node().bindings();
                Document::parse_fragment(fragment, Some(NAMESPACE), bindings).ok()
            })
            .filter(|document| {
                let root = document.element(Document::ROOT);
                root.is_some_and(|root| root.is(NAMESPACE, wanted.kind))
            });
        match document {
            Some(document) => self.members.take_fragment(document, &wanted),
            None => self.members.list.complete = false,
        }
    }

    /// Takes a copy of the element from an earlier time, where it cannot be had now: its entries still mark.
    pub fn take_old(&mut self, fragment: &[u8]) {
        self.take(Some(fragment));
        self.members.list.complete = false;
    }

    /// The list as far as it is known.
    pub fn finish(mut self) -> BlockList {
        let left = self.current.is_some() || !self.members.wanted.is_empty();
        self.members.list.complete &= !left;
        self.members.list
    }
}

/// Where an element is: which of the documents held, and its index there.
type Place = (usize, Id);

/// Collects the members of lists, each list and each entry once.
struct Members {
    /// The user's document, if it is what is read.
    own: Option<Arc<Document>>,
    /// How many documents have been looked at.
    documents: usize,
    options: Options,
    visited: HashSet<Place>,
    wanted: VecDeque<Wanted>,
    list: BlockList,
}

impl Members {
    fn new(document: Document, options: Options) -> Self {
        Self {
            own: Some(Arc::new(document)),
            documents: 1,
            options,
            visited: HashSet::new(),
            wanted: VecDeque::new(),
            list: BlockList {
                entries: Vec::new(),
                complete: true,
                rules: None,
            },
        }
    }

    fn take_block_lists(&mut self) {
        let Some(document) = self.own.clone() else {
            return;
        };
        if !self.take_lists_named(&document, OMA_BLOCKED) {
            for name in RCS_BLOCKED {
                self.take_lists_named(&document, name);
            }
        }
    }

    /// Takes the lists of that very name, top-level ones or all (XDM-43); false if there is none.
    fn take_lists_named(&mut self, document: &Document, name: &str) -> bool {
        let label: Arc<str> = name.into();
        let mut named = Vec::new();
        let mut parents = vec![Document::ROOT];
        while let Some(parent) = parents.pop() {
            for (id, element) in document.children(parent) {
                if is_list_named(element, name) {
                    named.push(id);
                } else if self.options.nested && element.is(NAMESPACE, "list") {
                    parents.push(id);
                }
            }
        }
        named.sort_unstable(); // document order
        for &id in &named {
            self.take_list(document, (0, id), &label, 1, false);
        }
        !named.is_empty()
    }

    /// Takes a fetched list or entry.
    fn take_fragment(&mut self, document: Document, wanted: &Wanted) {
        let place = (self.documents, Document::ROOT);
        self.documents += 1;
        match wanted.kind {
            "entry" => self.take_entry(&document, place, &wanted.label),
            _ => self.take_list(
                &document,
                place,
                &wanted.label,
                wanted.depth,
                wanted.foreign,
            ),
        }
    }

    /// Entries of a list, of the lists in it, and of what it refers to, in document order (XDM-44, XDM-51).
    fn take_list(
        &mut self,
        document: &Document,
        (number, id): Place,
        label: &Arc<str>,
        depth: usize,
        foreign: bool,
    ) {
        if !self.visited.insert((number, id)) {
            return;
        }
        if depth > MAX_LIST_DEPTH {
            self.list.complete = false;
            return;
        }
        for (child, element) in document.children(id) {
            if element.namespace.as_deref() != Some(NAMESPACE) {
                continue; // extensions say nothing about membership (XDM-53, XDM-54)
            }
            let place = (number, child);
            match element.name.as_str() {
                "entry" => self.take_entry(document, place, label),
                "list" => self.take_list(document, place, label, depth + 1, foreign),
                "entry-ref" | "external" => {
                    let (kind, text) = match element.name.as_str() {
                        "entry-ref" => ("entry", element.attribute("ref")),
                        _ => ("list", element.attribute("anchor")),
                    };
                    match text.and_then(Reference::parse) {
                        Some(reference) => self.take_reference(Wanted {
                            reference,
                            kind,
                            label: label.clone(),
                            depth: depth + 1,
                            foreign,
                        }),
                        None => self.list.complete = false,
                    }
                }
                _ => {}
            }
        }
    }

    fn take_entry(&mut self, document: &Document, (number, id): Place, label: &Arc<str>) {
        if !self.visited.insert((number, id)) {
            return;
        }
        let uri = document
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

    /// Follows a reference into the user's document at once, if what it names is of the right kind (XDM-45, XDM-46,
    /// XDM-49, XDM-50); keeps others for later.
    fn take_reference(&mut self, wanted: Wanted) {
        let own = self.options.own_xui.as_deref();
        if self.own.is_none() || !wanted.reference.is_within(own) {
            match self.wanted.len() < MAX_MEMBERS {
                true => self.wanted.push_back(wanted),
                false => self.list.complete = false,
            }
            return;
        }
        let Some(document) = self.own.clone() else {
            return;
        };
        let target = wanted.reference.find(&document).filter(|&id| {
            let element = document.element(id);
            element.is_some_and(|element| element.is(NAMESPACE, wanted.kind))
        });
        match (target, wanted.kind) {
            (None, _) => self.list.complete = false,
            (Some(id), "entry") => self.take_entry(&document, (0, id), &wanted.label),
            (Some(id), _) => self.take_list(&document, (0, id), &wanted.label, wanted.depth, false),
        }
    }
}

#[cfg(test)]
#[path = "resource_lists_tests.rs"]
mod tests;
