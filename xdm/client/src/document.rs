//! XDM documents as a tree of elements: namespaces resolved, DTDs refused, sizes limited (SEC-06, SEC-07, SEC-08).

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{NamespaceResolver, ResolveResult};
use quick_xml::reader::NsReader;

/// Largest document, in octets.
pub const MAX_DOCUMENT: usize = 1024 * 1024;
/// Deepest nesting of elements.
pub const MAX_DEPTH: usize = 64;
/// Most attributes of one element, namespace declarations among them.
pub const MAX_ATTRIBUTES: usize = 64;

/// Why a document cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("the document is larger than {MAX_DOCUMENT} octets")]
    TooLarge,
    /// Octets that are not UTF-8 (SEC-08).
    #[error("the document is not UTF-8 from octet {offset} on: save it as UTF-8")]
    NotUtf8 {
        /// Octets before the fault.
        offset: usize,
    },
    /// The XML declaration names another encoding (SEC-08).
    #[error("the document declares the encoding {declared:?}: only UTF-8 is read")]
    Encoding {
        /// The encoding declared.
        declared: String,
    },
    /// A DOCTYPE, whatever is in it (SEC-06).
    #[error("the document has a DOCTYPE at octet {offset}, which is refused: remove it")]
    Doctype {
        /// Octets before the end of it.
        offset: u64,
    },
    /// Not XML.
    #[error("the document is not well-formed at octet {offset}: {source}")]
    Syntax {
        /// Octets before the fault.
        offset: u64,
        /// What is wrong.
        source: quick_xml::Error,
    },
    /// `<` in an attribute value.
    #[error("the document is not well-formed at octet {offset}: \"<\" in an attribute value")]
    AttributeValue {
        /// Octets before the end of the tag.
        offset: u64,
    },
    /// An entity that XML does not define by itself; without DTD there are no others.
    #[error("the document uses the undeclared entity {name:?} at octet {offset}")]
    Entity {
        /// Octets before the end of the reference.
        offset: u64,
        /// Its name.
        name: String,
    },
    /// Ends before the element is closed: cut off on its way.
    #[error("the document ends inside the element {element:?}: it is cut off")]
    Unclosed {
        /// The innermost open element.
        element: String,
    },
    /// Text or a second element outside the root element.
    #[error("the document has content outside its root element at octet {offset}")]
    OutsideRoot {
        /// Octets before the end of the content.
        offset: u64,
    },
    /// No element at all.
    #[error("the document has no root element")]
    NoRoot,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the document nests more than {MAX_DEPTH} elements")]
    TooDeep,
    /// More attributes in one element than [`MAX_ATTRIBUTES`].
    #[error("the element {element:?} has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes {
        /// Name of the element.
        element: String,
    },
    /// The root element is another one than asked for.
    #[error("the document's root element is {found:?}, not {expected}")]
    Root {
        /// `{namespace}name` of the root element.
        found: String,
        /// `{namespace}name` asked for.
        expected: &'static str,
    },
}

/// Index of an element in its [`Document`].
pub(crate) type Id = usize;

/// A document read whole. The root element has index 0.
#[derive(Debug)]
pub(crate) struct Document {
    elements: Vec<Element>,
}

/// An element and where it stands in the text.
#[derive(Debug)]
pub(crate) struct Element {
    /// None without namespace, and for a prefix that is not bound (XDM-55).
    pub(crate) namespace: Option<Arc<str>>,
    /// Local name.
    pub(crate) name: String,
    /// Attributes without prefix.
    pub(crate) attributes: Vec<(String, String)>,
    /// In document order.
    pub(crate) children: Vec<Id>,
    /// Character data directly in the element, references replaced; what is blank beside child elements is left out.
    pub(crate) text: String,
    /// Octets from the start of its first tag to the end of its last.
    pub(crate) span: Range<usize>,
    /// Octets between its two tags; empty at the end of `span` for a tag that ends in `/>`.
    pub(crate) content: Range<usize>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.as_deref() == Some(namespace)
    }

    /// `{namespace}name`.
    pub(crate) fn expanded_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{{{namespace}}}{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Document {
    pub(crate) const ROOT: Id = 0;

    pub(crate) fn element(&self, id: Id) -> Option<&Element> {
        self.elements.get(id)
    }

    /// Children of an element with their indices.
    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = (Id, &Element)> {
        let ids = self
            .element(id)
            .map_or(&[][..], |element| &element.children);
        ids.iter().filter_map(|&id| Some((id, self.element(id)?)))
    }

    /// Reads an element that was cut out of a document without the namespaces in scope there: names without prefix are in
    /// the default namespace, and prefixes have the bindings known (RFC 4825 §8.3, XDM-23).
    pub(crate) fn parse_fragment<'a>(
        octets: &[u8],
        default: Option<&str>,
        bindings: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, DocumentError> {
        if octets.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLarge);
        }
        let text = std::str::from_utf8(octets).map_err(|error| DocumentError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        // Servers put an XML declaration before a fragment too; within an element there can be none.
        let mut text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with("<?xml ")
            && let Some((_, rest)) = text.split_once("?>")
        {
            text = rest;
        }
        let mut scope = String::new();
        for (prefix, namespace) in bindings {
            scope += &format!(" xmlns:{prefix}=\"{}\"", escape(namespace));
        }
        if let Some(namespace) = default {
            scope += &format!(" xmlns=\"{}\"", escape(namespace));
        }
        let mut document = Self::parse_text(&format!("<scope{scope}>{text}</scope>"), "utf-8")?;
        let scope = document.element(Self::ROOT);
        if scope.is_none_or(|scope| scope.children != [1] || !scope.text.trim().is_empty()) {
            return Err(DocumentError::NoRoot);
        }
        // The element stands at 1, and all its descendants behind it.
        document.elements.remove(Self::ROOT);
        for element in &mut document.elements {
            for child in &mut element.children {
                *child -= 1;
            }
        }
        Ok(document)
    }

    /// Reads a document. White space, comments, processing instructions and a byte order mark are passed over (XDM-55).
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, DocumentError> {
        if octets.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLarge);
        }
        let text = std::str::from_utf8(octets).map_err(|error| DocumentError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        Self::parse_text(text, "utf-8")
    }

    /// Reads a document that is text already; its declaration may name `encoding`, and no other. Places are octets of
    /// `text`.
    pub(crate) fn parse_text(text: &str, encoding: &str) -> Result<Self, DocumentError> {
        let bare = text.trim_start_matches('\u{feff}');
        let skipped = text.len() - bare.len();
        let mut reader = NsReader::from_str(bare);
        let config = reader.config_mut();
        config.enable_all_checks(true);
        config.expand_empty_elements = true;

        let mut elements: Vec<Element> = Vec::new();
        let mut open: Vec<Id> = Vec::new();
        let mut namespaces = HashSet::new();
        loop {
            let start = skipped + reader.buffer_position() as usize;
            let event = reader.read_event();
            let offset = reader.buffer_position();
            let end = skipped + offset as usize;
            match event.map_err(|source| DocumentError::Syntax { offset, source })? {
                Event::Decl(declaration) => {
                    if let Some(Ok(declared)) = declaration.encoding()
                        && !declared.eq_ignore_ascii_case(encoding)
                    {
                        let declared = declared.into_owned();
                        return Err(DocumentError::Encoding { declared });
                    }
                }
                Event::Start(tag) => {
                    if open.len() == MAX_DEPTH {
                        return Err(DocumentError::TooDeep);
                    }
                    let id = elements.len();
                    match open.last().and_then(|&parent| elements.get_mut(parent)) {
                        Some(parent) => {
                            parent.children.push(id);
                            if parent.text.trim_ascii().is_empty() {
                                parent.text.clear();
                            }
                        }
                        None if id == 0 => {}
                        None => return Err(DocumentError::OutsideRoot { offset }),
                    }
                    let mut element = read_tag(&tag, offset)?;
                    element.namespace = namespace_of(&tag, reader.resolver(), &mut namespaces);
                    (element.span, element.content) = (start..end, end..end);
                    elements.push(element);
                    open.push(id);
                }
                Event::End(_) => {
                    if let Some(element) = open.pop().and_then(|id| elements.get_mut(id)) {
                        element.span.end = end;
                        element.content.end = start.max(element.content.start);
                        if !element.children.is_empty() && element.text.trim_ascii().is_empty() {
                            element.text = String::new();
                        }
                    }
                }
                Event::GeneralRef(reference) => {
                    let character = reference
                        .resolve_char_ref()
                        .map_err(|source| DocumentError::Syntax { offset, source })?;
                    let mut buffer = [0; 4];
                    let name = reference.into_inner();
                    let text = match character {
                        Some(character) => &*character.encode_utf8(&mut buffer),
                        None => match resolve_predefined_entity(&name) {
                            Some(text) => text,
                            None => {
                                let name = name.into_owned();
                                return Err(DocumentError::Entity { offset, name });
                            }
                        },
                    };
                    take_text(&mut elements, &open, text, offset)?;
                }
                Event::Text(text) if open.is_empty() && text.trim_ascii().is_empty() => {}
                Event::Text(text) => take_text(&mut elements, &open, &text, offset)?,
                Event::CData(text) => take_text(&mut elements, &open, &text, offset)?,
                Event::DocType(_) => return Err(DocumentError::Doctype { offset }),
                Event::Comment(_) | Event::PI(_) | Event::Empty(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(element) = open.last().and_then(|&id| elements.get(id)) {
            let element = element.name.clone();
            return Err(DocumentError::Unclosed { element });
        }
        if elements.is_empty() {
            return Err(DocumentError::NoRoot);
        }
        Ok(Self { elements })
    }
}

/// Adds to the text of the innermost open element.
fn take_text(
    elements: &mut [Element],
    open: &[Id],
    text: &str,
    offset: u64,
) -> Result<(), DocumentError> {
    let element = open.last().and_then(|&id| elements.get_mut(id));
    let element = element.ok_or(DocumentError::OutsideRoot { offset })?;
    if element.children.is_empty() || !text.trim_ascii().is_empty() {
        element.text.push_str(text);
    }
    Ok(())
}

fn read_tag(tag: &BytesStart<'_>, offset: u64) -> Result<Element, DocumentError> {
    let mut element = Element {
        namespace: None,
        name: tag.local_name().as_ref().to_owned(),
        attributes: Vec::new(),
        children: Vec::new(),
        text: String::new(),
        span: 0..0,
        content: 0..0,
    };
    for (n, attribute) in tag.attributes().enumerate() {
        if n == MAX_ATTRIBUTES {
            return Err(DocumentError::TooManyAttributes {
                element: element.name,
            });
        }
        let attribute = attribute.map_err(|source| DocumentError::Syntax {
            offset,
            source: source.into(),
        })?;
        if attribute.value.contains('<') {
            return Err(DocumentError::AttributeValue { offset });
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|source| DocumentError::Syntax { offset, source })?;
        if attribute.key.prefix().is_none() && attribute.key.as_namespace_binding().is_none() {
            let name = attribute.key.as_ref().to_owned();
            element.attributes.push((name, value.into_owned()));
        }
    }
    Ok(element)
}

fn namespace_of(
    tag: &BytesStart<'_>,
    resolver: &NamespaceResolver,
    known: &mut HashSet<Arc<str>>,
) -> Option<Arc<str>> {
    let (ResolveResult::Bound(namespace), _) = resolver.resolve_element(tag.name()) else {
        return None;
    };
    if let Some(known) = known.get(namespace.0) {
        return Some(known.clone());
    }
    let namespace: Arc<str> = namespace.0.into();
    known.insert(namespace.clone());
    Some(namespace)
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
