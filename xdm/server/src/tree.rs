//! A document as a tree of places in its text, so that an edit touches nothing else (XML 1.0, Namespaces in XML 1.0).

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;
use thiserror::Error;

use crate::growing::Growing;
use crate::well_formed::{Place, is_xml_char};

/// Most elements within each other.
pub const MAX_DEPTH: usize = 64;

/// Most elements of a document.
pub const MAX_ELEMENTS: usize = 50_000;

pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Why a text is no tree.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[error("{what} at octet {at}")]
    NotWellFormed { what: &'static str, at: usize },
    #[error("declared to be in another encoding than UTF-8")]
    Encoding,
    #[error("more than {MAX_DEPTH} elements within each other")]
    TooDeep,
    #[error("more than {MAX_ELEMENTS} elements")]
    TooManyElements,
}

/// An expanded name, with the prefix it is written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) prefix: Option<String>,
    pub(crate) local: String,
    pub(crate) namespace: Option<String>,
}

impl Name {
    pub(crate) fn is(&self, namespace: Option<&str>, local: &str) -> bool {
        self.local == local && self.namespace.as_deref() == namespace
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    /// Normalised, references resolved.
    pub(crate) value: String,
    /// From the first letter of the name to the closing quote.
    pub(crate) span: Range<usize>,
    /// The value with its quotes.
    pub(crate) quoted: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) parent: Option<usize>,
    pub(crate) children: Vec<usize>,
    pub(crate) name: Name,
    /// From `<` of the start tag to `>` of the end tag.
    pub(crate) span: Range<usize>,
    /// The start tag, or the whole of an empty-element tag.
    pub(crate) tag: Range<usize>,
    /// Between the tags; none of an empty-element tag.
    pub(crate) content: Option<Range<usize>>,
    pub(crate) attributes: Vec<Attribute>,
    /// Behind the last attribute or declaration, or the name: a new attribute goes here.
    pub(crate) attributes_end: usize,
    /// Namespace declarations: prefix (none for the default) and URI (empty: none).
    pub(crate) declarations: Vec<(Option<String>, String)>,
    /// Whether there is text other than white space directly within it.
    pub(crate) has_text: bool,
}

/// The elements of a document in the order of their start tags; the root has number 0.
#[derive(Debug)]
pub(crate) struct Tree {
    elements: Vec<Element>,
}

impl Tree {
    /// Reads a document.
    pub(crate) fn document(text: &str) -> Result<Self, Flaw> {
        Self::parse(text, false)
    }

    /// Reads one element alone; prefixes may be declared where it is put.
    pub(crate) fn fragment(text: &str) -> Result<Self, Flaw> {
        let flaw = |what| Flaw::NotWellFormed { what, at: 0 };
        if !text.starts_with('<') || text.starts_with("<?") {
            return Err(flaw("no start tag"));
        }
        let tree = Self::parse(text, true)?;
        match tree.root().span == (0..text.len()) {
            true => Ok(tree),
            false => Err(flaw("something beside the element")),
        }
    }

    fn parse(text: &str, open_prefixes: bool) -> Result<Self, Flaw> {
        if let Some((at, _)) = text.char_indices().find(|(_, c)| !is_xml_char(*c)) {
            let what = "a character that XML forbids";
            return Err(Flaw::NotWellFormed { what, at });
        }
        // The reader would skip it, and count from behind it.
        let base = if text.starts_with('\u{FEFF}') {
            '\u{FEFF}'.len_utf8()
        } else {
            0
        };
        let text_read = text.get(base..).unwrap_or_default();
        let mut reader = Reader::from_str(text_read);
        reader.config_mut().check_comments = true;
        let mut place = Place::default();
        let mut growing = Growing::new(text, open_prefixes);
        loop {
            let start = base + position(&reader);
            let event = reader.read_event().map_err(|_| Flaw::NotWellFormed {
                what: "broken markup",
                at: start,
            })?;
            if matches!(event, Event::Eof) {
                break;
            }
            place.pass(&event, start)?;
            growing.take(&event, start..base + position(&reader))?;
        }
        if !place.is_complete() {
            let what = "the end comes too early";
            return Err(Flaw::NotWellFormed {
                what,
                at: text.len(),
            });
        }
        Ok(Self {
            elements: growing.finish(),
        })
    }

    pub(crate) fn root(&self) -> &Element {
        &self.elements[0]
    }

    pub(crate) fn element(&self, number: usize) -> &Element {
        &self.elements[number]
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = (usize, &Element)> {
        self.elements.iter().enumerate()
    }

    pub(crate) fn children(&self, number: usize) -> impl Iterator<Item = usize> {
        self.elements[number].children.iter().copied()
    }

    /// Bindings in scope: prefix (none for the default) and URI, nearest declarations only, the default first.
    pub(crate) fn in_scope(&self, number: usize) -> Vec<(Option<&str>, &str)> {
        let mut bindings: Vec<(Option<&str>, &str)> = Vec::new();
        let mut at = Some(number);
        while let Some(element) = at.map(|at| &self.elements[at]) {
            for (prefix, uri) in &element.declarations {
                let prefix = prefix.as_deref();
                if bindings.iter().all(|(known, _)| *known != prefix) {
                    bindings.push((prefix, uri));
                }
            }
            at = element.parent;
        }
        bindings.retain(|(_, uri)| !uri.is_empty());
        bindings.sort_unstable();
        bindings
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// Namespace of a prefix that needs no declaration.
pub(crate) fn reserved(prefix: &str) -> Option<&'static str> {
    match prefix {
        "xml" => Some(XML),
        "xmlns" => Some(XMLNS),
        _ => None,
    }
}

/// Prefix and local part of a QName.
pub(crate) fn split(qname: &str) -> Option<(Option<&str>, &str)> {
    match qname.split_once(':') {
        None => Some((None, qname)),
        Some((prefix, local)) => {
            let sound = !prefix.is_empty() && !local.is_empty() && !local.contains(':');
            sound.then_some((Some(prefix), local))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\u{FEFF}<?xml version='1.0'?>\n<r xmlns='urn:d' xmlns:p='urn:p'>\n \
        <p:a  x = '1 &lt;' p:y=\"2\" />t\u{e9}<b xmlns=''><c>&amp;</c><!-- <d/> --></b></r>\n<!-- e -->";

    #[test]
    fn every_place_is_where_it_is_in_the_text() {
        let tree = Tree::document(DOCUMENT).unwrap();
        let text = |range: &Range<usize>| &DOCUMENT[range.clone()];
        let names: Vec<_> = tree
            .elements()
            .map(|(_, e)| {
                (
                    e.name.namespace.as_deref(),
                    e.name.local.as_str(),
                    text(&e.span),
                )
            })
            .collect();
        assert_eq!(names[0].0, Some("urn:d"));
        assert!(names[0].2.starts_with("<r ") && names[0].2.ends_with("</r>"));
        assert_eq!(
            names[1],
            (Some("urn:p"), "a", "<p:a  x = '1 &lt;' p:y=\"2\" />")
        );
        assert_eq!(
            names[2],
            (None, "b", "<b xmlns=''><c>&amp;</c><!-- <d/> --></b>")
        );
        assert_eq!(names[3], (None, "c", "<c>&amp;</c>"));
        let a = tree.element(1);
        assert_eq!(
            (a.attributes[0].value.as_str(), text(&a.attributes[0].span)),
            ("1 <", "x = '1 &lt;'")
        );
        assert_eq!(text(&a.attributes[1].quoted), "\"2\"");
        assert_eq!(&DOCUMENT[a.attributes_end..a.tag.end], " />");
        assert_eq!(
            text(tree.element(2).content.as_ref().unwrap()),
            "<c>&amp;</c><!-- <d/> -->"
        );
        assert_eq!(tree.in_scope(3), [(Some("p"), "urn:p")]);
        assert_eq!(tree.in_scope(1), [(None, "urn:d"), (Some("p"), "urn:p")]);
        assert!(tree.root().has_text && tree.element(3).has_text && !tree.element(2).has_text);
    }

    #[test]
    fn namespaces_are_well_formed_too() {
        for text in [
            "<p:a/>",
            "<a p:x='1'/>",
            "<a:b:c xmlns:a='u'/>",
            "<a xmlns:p=''/>",
            "<a xmlns:xmlns='u'/>",
            "<a xmlns:xml='u'/>",
            "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
        ] {
            assert!(
                matches!(Tree::document(text), Err(Flaw::NotWellFormed { .. })),
                "{text}"
            );
        }
        for text in ["<a xml:lang='en'/>", "<a x='1' xmlns:p='u' p:x='2'/>"] {
            assert!(Tree::document(text).is_ok(), "{text}");
        }
    }

    /// RFC 4825 §8.2.2: one element, balanced.
    #[test]
    fn a_fragment_is_one_element() {
        assert!(Tree::fragment("<p:a x='1'><b/></p:a>").is_ok());
        for text in [
            "",
            "t",
            "<a/><b/>",
            "<a/>t",
            "<!-- c --><a/>",
            "<a/><!-- c -->",
            "<?xml version='1.0'?><a/>",
            "<a>",
            "<?p?><a/>",
        ] {
            assert!(Tree::fragment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_and_number_of_elements_have_limits() {
        let deep = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(Tree::document(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(
            Tree::document(&deep(MAX_DEPTH + 1)).unwrap_err(),
            Flaw::TooDeep
        );
        let wide = |elements: usize| format!("<a>{}</a>", "<b/>".repeat(elements - 1));
        assert!(Tree::document(&wide(MAX_ELEMENTS)).is_ok());
        assert_eq!(
            Tree::document(&wide(MAX_ELEMENTS + 1)).unwrap_err(),
            Flaw::TooManyElements
        );
    }
}
