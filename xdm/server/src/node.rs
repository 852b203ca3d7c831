//! A node of a document as a resource: fetched, put, deleted (RFC 4825 §8.2, §8.3, §8.4, §10).

use quick_xml::escape::escape;

use crate::address::NODE_SEPARATOR;
use crate::conflict::Conflict;
use crate::edit::{self, Edited};
use crate::node_selector::{NodeSelector, Terminal};
use crate::percent::encode_path;
use crate::tree::{Name, Tree};

/// MIME type of what a selector selects (RFC 4825 §15.2).
pub(crate) fn content_type(terminal: &Terminal) -> &'static str {
    match terminal {
        Terminal::Element => "application/xcap-el+xml",
        Terminal::Attribute(_) => "application/xcap-att+xml",
        Terminal::Namespaces => "application/xcap-ns+xml",
    }
}

/// URI of the closest ancestor that exists: the document, or its element so many steps down (RFC 4825 §11.1).
pub(crate) fn ancestor(
    document: &str,
    selector: &NodeSelector,
    steps: usize,
    query: Option<&str>,
) -> String {
    if steps == 0 {
        return document.to_owned();
    }
    let node = encode_path(&selector.text(steps));
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{document}/{NODE_SEPARATOR}/{node}{query}")
}

/// A document that is looked into.
pub(crate) struct Node<'a> {
    text: &'a str,
    tree: Tree,
}

impl<'a> Node<'a> {
    /// Always something for a document that was stored.
    pub(crate) fn of(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let tree = Tree::document(text).ok()?;
        Some(Self { text, tree })
    }

    /// See [`edit::parent`].
    pub(crate) fn parent(&self, selector: &NodeSelector) -> Result<Option<usize>, usize> {
        edit::parent(&self.tree, selector)
    }

    /// What is selected, as it is served.
    pub(crate) fn get(&self, selector: &NodeSelector) -> Option<String> {
        let number = selector.selected(&self.tree)?;
        let element = self.tree.element(number);
        match &selector.terminal {
            Terminal::Element => self.text.get(element.span.clone()).map(str::to_owned),
            Terminal::Attribute(name) => {
                let mut attributes = element.attributes.iter();
                let same = |known: &Name| known.is(name.namespace.as_deref(), &name.local);
                let attribute = attributes.find(|attribute| same(&attribute.name))?;
                self.text.get(attribute.quoted.clone()).map(str::to_owned)
            }
            Terminal::Namespaces => Some(self.bindings(number)),
        }
    }

    /// RFC 4825 §10.
    fn bindings(&self, number: usize) -> String {
        let name = &self.tree.element(number).name;
        let name = match &name.prefix {
            Some(prefix) => format!("{prefix}:{}", name.local),
            None => name.local.clone(),
        };
        let bindings = self.tree.in_scope(number).into_iter().map(|(prefix, uri)| {
            let uri = escape(uri);
            match prefix {
                Some(prefix) => format!(" xmlns:{prefix}=\"{uri}\""),
                None => format!(" xmlns=\"{uri}\""),
            }
        });
        format!("<{name}{}/>", bindings.collect::<String>())
    }

    /// Puts a body where the selector says; `parent` is what [`Self::parent`] found.
    pub(crate) fn put(
        &self,
        selector: &NodeSelector,
        parent: Option<usize>,
        body: &[u8],
    ) -> Result<Edited, Conflict> {
        let body = std::str::from_utf8(body).map_err(|_| Conflict::NotUtf8)?;
        match (&selector.terminal, parent) {
            (Terminal::Element, parent) => {
                edit::put_element(self.text, &self.tree, parent, selector, body)
            }
            (Terminal::Attribute(name), Some(element)) => {
                edit::put_attribute(self.text, &self.tree, element, selector, name, body)
            }
            _ => Err(Conflict::CannotInsert("bindings are made by declarations")),
        }
    }

    /// The text without what is selected; `None` if nothing is.
    pub(crate) fn delete(&self, selector: &NodeSelector) -> Option<Result<String, Conflict>> {
        let number = selector.selected(&self.tree)?;
        match &selector.terminal {
            Terminal::Element => Some(edit::delete_element(
                self.text, &self.tree, number, selector,
            )),
            Terminal::Attribute(name) => {
                edit::delete_attribute(self.text, &self.tree, number, name).map(Ok)
            }
            Terminal::Namespaces => None,
        }
    }
}
