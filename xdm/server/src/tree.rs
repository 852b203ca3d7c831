//! A document as a tree of places in its text, so that an edit touches nothing else (XML 1.0, Namespaces in XML 1.0).

use std::ops::Range;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use thiserror::Error;

use crate::well_formed::{Place, is_xml_char};

/// Most elements within each other.
pub const MAX_DEPTH: usize = 64;

/// Most elements of a document.
pub const MAX_ELEMENTS: usize = 50_000;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
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
        let mut growing = Growing {
            text,
            open_prefixes,
            elements: Vec::new(),
            open: Vec::new(),
        };
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
            elements: growing.elements,
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

struct Growing<'a> {
    text: &'a str,
    open_prefixes: bool,
    elements: Vec<Element>,
    open: Vec<usize>,
}

impl Growing<'_> {
    fn take(&mut self, event: &Event<'_>, span: Range<usize>) -> Result<(), Flaw> {
        match event {
            Event::Start(tag) => {
                let number = self.begin(tag, span)?;
                self.open.push(number);
                if self.open.len() > MAX_DEPTH {
                    return Err(Flaw::TooDeep);
                }
            }
            Event::Empty(tag) => {
                let number = self.begin(tag, span)?;
                self.elements[number].content = None;
            }
            Event::End(_) => {
                if let Some(number) = self.open.pop() {
                    let element = &mut self.elements[number];
                    element.span.end = span.end;
                    element.content = Some(element.tag.end..span.start);
                }
            }
            Event::Text(text) => {
                let text: &str = text;
                if !text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
                    self.text_seen();
                }
            }
            Event::CData(_) | Event::GeneralRef(_) => self.text_seen(),
            _ => {}
        }
        Ok(())
    }

    fn text_seen(&mut self) {
        if let Some(number) = self.open.last() {
            self.elements[*number].has_text = true;
        }
    }

    fn begin(&mut self, tag: &BytesStart<'_>, span: Range<usize>) -> Result<usize, Flaw> {
        if self.elements.len() == MAX_ELEMENTS {
            return Err(Flaw::TooManyElements);
        }
        let flaw = |what| Flaw::NotWellFormed {
            what,
            at: span.start,
        };
        let parent = self.open.last().copied();
        let qname = tag.name();
        let (prefix, local) = split(qname.as_ref()).ok_or(flaw("a name with two colons"))?;
        let mut scan = Scan {
            text: self.text,
            at: span.start + 1 + qname.as_ref().len(),
        };
        let mut declarations = Vec::new();
        let mut attributes = Vec::new();
        let mut attributes_end = scan.at;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| flaw("a broken attribute"))?;
            let (span, quoted) = scan.attribute().ok_or(flaw("a broken attribute"))?;
            attributes_end = span.end;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value = value.map_err(|_| flaw("a broken reference"))?.into_owned();
            let key: &str = attribute.key.as_ref();
            let (prefix, local) = split(key).ok_or(flaw("a name with two colons"))?;
            match (prefix, local) {
                (None, "xmlns") => declarations.push((None, value)),
                (Some("xmlns"), "xmlns") => return Err(flaw("the prefix xmlns is declared")),
                (Some("xmlns"), "xml") if value != XML => {
                    return Err(flaw("the prefix xml is declared to be something else"));
                }
                (Some("xmlns"), "xml") => {}
                (Some("xmlns"), _) if value.is_empty() => {
                    return Err(flaw("a prefix is declared to be nothing"));
                }
                (Some("xmlns"), local) => declarations.push((Some(local.to_owned()), value)),
                (prefix, local) => attributes.push(Attribute {
                    name: Name {
                        prefix: prefix.map(str::to_owned),
                        local: local.to_owned(),
                        namespace: None,
                    },
                    value,
                    span,
                    quoted,
                }),
            }
        }
        let number = self.elements.len();
        self.elements.push(Element {
            parent,
            children: Vec::new(),
            name: Name {
                prefix: prefix.map(str::to_owned),
                local: local.to_owned(),
                namespace: None,
            },
            span: span.clone(),
            tag: span.clone(),
            content: None,
            attributes: Vec::new(),
            attributes_end,
            declarations,
            has_text: false,
        });
        let namespace = self
            .resolve(number, prefix)
            .ok_or(flaw("a prefix that is not declared"))?;
        for attribute in &mut attributes {
            if let Some(prefix) = &attribute.name.prefix {
                let namespace = self.resolve(number, Some(prefix));
                attribute.name.namespace =
                    namespace.ok_or(flaw("a prefix that is not declared"))?;
            }
        }
        let twice = attributes.iter().enumerate().any(|(n, one)| {
            one.name.prefix.is_some()
                && attributes[..n].iter().any(|other| {
                    other.name.prefix.is_some()
                        && other
                            .name
                            .is(one.name.namespace.as_deref(), &one.name.local)
                        && one.name.namespace.is_some()
                })
        });
        if twice {
            return Err(flaw("an attribute twice"));
        }
        let element = &mut self.elements[number];
        element.name.namespace = namespace;
        element.attributes = attributes;
        if let Some(parent) = parent {
            self.elements[parent].children.push(number);
        }
        Ok(number)
    }

    /// The namespace of a prefix; `None` if it is declared nowhere.
    fn resolve(&self, number: usize, prefix: Option<&str>) -> Option<Option<String>> {
        match prefix {
            Some("xml") => return Some(Some(XML.to_owned())),
            Some("xmlns") => return None,
            _ => {}
        }
        let mut at = Some(number);
        while let Some(element) = at.map(|at| &self.elements[at]) {
            let declared = element
                .declarations
                .iter()
                .find(|(known, _)| known.as_deref() == prefix);
            if let Some((_, uri)) = declared {
                return Some((!uri.is_empty()).then(|| uri.clone()));
            }
            at = element.parent;
        }
        (prefix.is_none() || self.open_prefixes).then_some(None)
    }
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

/// Finds the places of attributes in a tag that is known to be sound.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn attribute(&mut self) -> Option<(Range<usize>, Range<usize>)> {
        self.skip(|c| c.is_ascii_whitespace());
        let start = self.at;
        self.skip(|c| c != '=');
        self.at += 1;
        self.skip(|c| c.is_ascii_whitespace());
        let open = self.at;
        let quote = self.text.get(open..)?.chars().next()?;
        self.at += 1;
        self.skip(|c| c != quote);
        self.at += 1;
        Some((start..self.at, open..self.at))
    }

    fn skip(&mut self, while_: impl Fn(char) -> bool) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find(|c| !while_(c)).unwrap_or(rest.len());
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
