//! A tree while its document is read.

use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::tree::{Attribute, Element, Flaw, MAX_DEPTH, MAX_ELEMENTS, Name, XML, split};

/// The elements begun so far, and which of them are open.
pub(crate) struct Growing<'a> {
    text: &'a str,
    open_prefixes: bool,
    elements: Vec<Element>,
    open: Vec<usize>,
}

impl<'a> Growing<'a> {
    /// Of a text; `open_prefixes` may be declared elsewhere.
    pub(crate) fn new(text: &'a str, open_prefixes: bool) -> Self {
        Self {
            text,
            open_prefixes,
            elements: Vec::new(),
            open: Vec::new(),
        }
    }

    /// The elements in the order of their start tags.
    pub(crate) fn finish(self) -> Vec<Element> {
        self.elements
    }

    /// Takes the next event, with its place in the text.
    pub(crate) fn take(&mut self, event: &Event<'_>, span: Range<usize>) -> Result<(), Flaw> {
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
