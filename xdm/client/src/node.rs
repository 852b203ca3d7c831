//! Node selectors (RFC 4825 §6.3, §6.4).

use std::fmt;

use percent_encoding::{AsciiSet, utf8_percent_encode};
use quick_xml::escape;

use crate::document::{Document, Element, Id};
pub use crate::reference::MAX_REFERENCE;
use crate::selector::{SEGMENT, unescape};

/// Most steps of a node selector that is read.
pub const MAX_STEPS: usize = 64;

/// What the query of a node selector may hold plain besides what a path segment may.
const QUERY: &AsciiSet = &SEGMENT.remove(b'/').remove(b'?');

/// Names one element, one attribute or the namespace bindings of an element in a document (RFC 4825 §6.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSelector {
    steps: Vec<Step>,
    terminal: Terminal,
    /// Prefixes and what they stand for (RFC 4825 §6.4).
    bindings: Vec<(String, String)>,
}

/// What a node selector ends in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Terminal {
    /// The element itself.
    #[default]
    Element,
    /// One of its attributes, perhaps with a prefix.
    Attribute(String),
    /// Its namespace bindings.
    Namespaces,
}

/// One step of a node selector: `name`, `*`, with `[2]` and `[@name="x"]` behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Step {
    /// None for `*`; perhaps with a prefix.
    name: Option<String>,
    position: Option<usize>,
    attribute: Option<(String, String)>,
}

/// Kind of node that a selector names: it says of what content type the answer is (RFC 4825 §8.3, XDM-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// `application/xcap-el+xml`.
    Element,
    /// `application/xcap-att+xml`.
    Attribute,
    /// `application/xcap-ns+xml`.
    Namespaces,
}

/// A text that is no node selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no node selector: write it as ROOT/ELEMENT[@NAME=\"VALUE\"]/…, at most {MAX_STEPS} steps, prefixes bound by ?xmlns(PREFIX=URI)"
)]
pub struct NodeError {
    /// The text given.
    pub text: String,
}

impl NodeSelector {
    /// A selector without steps yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One step down to the only child of that name; the first one is the root element. A name without prefix is in
    /// the default document namespace of the application usage (XDM-08).
    #[must_use]
    pub fn element(mut self, name: &str) -> Self {
        self.steps.push(Step {
            name: Some(name.into()),
            ..Step::default()
        });
        self
    }

    /// One step down to the child of that name whose attribute has that value, whatever signs are in it (XDM-07).
    #[must_use]
    pub fn element_with(self, name: &str, attribute: &str, value: &str) -> Self {
        let mut selector = self.element(name);
        if let Some(step) = selector.steps.last_mut() {
            step.attribute = Some((attribute.into(), value.into()));
        }
        selector
    }

    /// One step down to the n-th child of that name, counted from 1.
    #[must_use]
    pub fn nth_element(self, name: &str, position: usize) -> Self {
        let mut selector = self.element(name);
        if let Some(step) = selector.steps.last_mut() {
            step.position = Some(position);
        }
        selector
    }

    /// Selects an attribute of the element.
    #[must_use]
    pub fn attribute(mut self, name: &str) -> Self {
        self.terminal = Terminal::Attribute(name.into());
        self
    }

    /// Selects the namespace bindings of the element.
    #[must_use]
    pub fn namespaces(mut self) -> Self {
        self.terminal = Terminal::Namespaces;
        self
    }

    /// Binds a prefix used in the selector (RFC 4825 §6.4).
    #[must_use]
    pub fn bind(mut self, prefix: &str, namespace: &str) -> Self {
        self.bindings.push((prefix.into(), namespace.into()));
        self
    }

    /// Reads a selector and its query, both percent-encoded or not.
    pub fn parse(selector: &str, query: &str) -> Result<Self, NodeError> {
        let read = || {
            let (selector, query) = (unescape(selector)?, unescape(query)?);
            let mut parsed = parse_steps(selector.trim_end_matches('/'))?;
            parsed.bindings = parse_bindings(&query);
            parsed.is_bound().then_some(parsed)
        };
        read().ok_or_else(|| NodeError {
            text: selector.into(),
        })
    }

    /// What it names.
    pub fn kind(&self) -> NodeKind {
        match self.terminal {
            Terminal::Element => NodeKind::Element,
            Terminal::Attribute(_) => NodeKind::Attribute,
            Terminal::Namespaces => NodeKind::Namespaces,
        }
    }

    /// The prefixes it binds, which are also those that an answer may use without declaring them (XDM-23).
    pub fn bindings(&self) -> impl Iterator<Item = (&str, &str)> {
        let bindings = self.bindings.iter();
        bindings.map(|(prefix, namespace)| (prefix.as_str(), namespace.as_str()))
    }

    /// As it stands behind `~~/` in a URL, percent-encoded (XDM-07).
    pub(crate) fn encoded(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, SEGMENT).to_string();
        let steps = self.steps.iter().map(|step| encode(&step.to_string()));
        let terminal = match &self.terminal {
            Terminal::Element => None,
            Terminal::Attribute(name) => Some(encode(&format!("@{name}"))),
            Terminal::Namespaces => Some("namespace::*".into()),
        };
        steps.chain(terminal).collect::<Vec<_>>().join("/")
    }

    /// The query that binds its prefixes; none without (XDM-08).
    pub(crate) fn query(&self) -> Option<String> {
        // XPointer wants brackets and circumflexes in a scheme's data escaped by a circumflex.
        let escaped = |uri: &str| {
            let signs = uri.chars().flat_map(|c| {
                let circumflex = matches!(c, '^' | '(' | ')').then_some('^');
                circumflex.into_iter().chain([c])
            });
            signs.collect::<String>()
        };
        let bindings = self.bindings.iter().map(|(prefix, namespace)| {
            let data = format!("{prefix}={}", escaped(namespace));
            format!("xmlns({})", utf8_percent_encode(&data, QUERY))
        });
        let query: String = bindings.collect();
        (!query.is_empty()).then_some(query)
    }

    /// The one element that the steps lead to; none if there is none or more than one (RFC 4825 §6.3).
    pub(crate) fn find(&self, document: &Document, default: Option<&str>) -> Option<Id> {
        let (first, steps) = self.steps.split_first()?;
        let root = [(Document::ROOT, document.element(Document::ROOT)?)];
        let mut found = self.select(first, default, root.into_iter())?;
        for step in steps {
            found = self.select(step, default, document.children(found))?;
        }
        Some(found)
    }

    fn select<'a>(
        &self,
        step: &Step,
        default: Option<&str>,
        candidates: impl Iterator<Item = (Id, &'a Element)>,
    ) -> Option<Id> {
        let name = step.name.as_deref().map(|name| self.expand(name, default));
        let mut named = candidates
            .filter(|(_, element)| {
                name.is_none_or(|(namespace, local)| {
                    element.name == local && element.namespace.as_deref() == namespace
                })
            })
            .skip(step.position.map_or(0, |position| position - 1))
            .take(step.position.map_or(usize::MAX, |_| 1))
            .filter(|(_, element)| match &step.attribute {
                Some((name, value)) => element.attribute(name) == Some(value),
                None => true,
            });
        let (id, _) = named.next()?;
        named.next().is_none().then_some(id)
    }

    fn expand<'a>(&'a self, name: &'a str, default: Option<&'a str>) -> (Option<&'a str>, &'a str) {
        match name.split_once(':') {
            Some((prefix, local)) => (self.binding(prefix), local),
            None => (default, name),
        }
    }

    fn binding(&self, prefix: &str) -> Option<&str> {
        let mut bindings = self.bindings.iter();
        let (_, namespace) = bindings.find(|(bound, _)| bound == prefix)?;
        Some(namespace)
    }

    /// Whether every prefix stands for something.
    fn is_bound(&self) -> bool {
        let names = self.steps.iter().filter_map(|step| step.name.as_deref());
        let mut prefixes = names.filter_map(|name| name.split_once(':'));
        prefixes.all(|(prefix, _)| self.binding(prefix).is_some())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("*"))?;
        if let Some(position) = self.position {
            write!(f, "[{position}]")?;
        }
        if let Some((name, value)) = &self.attribute {
            let value = value.replace('&', "&amp;").replace('<', "&lt;");
            match (value.contains('"'), value.contains('\'')) {
                (false, _) => write!(f, "[@{name}=\"{value}\"]")?,
                (true, false) => write!(f, "[@{name}='{value}']")?,
                (true, true) => write!(f, "[@{name}=\"{}\"]", value.replace('"', "&quot;"))?,
            }
        }
        Ok(())
    }
}

/// As it is written, not percent-encoded, without its bindings.
impl fmt::Display for NodeSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.steps.iter().enumerate() {
            let slash = if n == 0 { "" } else { "/" };
            write!(f, "{slash}{step}")?;
        }
        match &self.terminal {
            Terminal::Element => Ok(()),
            Terminal::Attribute(name) => write!(f, "/@{name}"),
            Terminal::Namespaces => f.write_str("/namespace::*"),
        }
    }
}

/// An unescaped node selector.
fn parse_steps(selector: &str) -> Option<NodeSelector> {
    let mut parsed = NodeSelector::new();
    let mut rest = selector;
    loop {
        if !parsed.steps.is_empty() {
            match rest.strip_prefix('@') {
                Some(name) if is_name(name) => return Some(parsed.attribute(name)),
                _ if rest == "namespace::*" => return Some(parsed.namespaces()),
                _ => {}
            }
        }
        if parsed.steps.len() == MAX_STEPS {
            return None;
        }
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (name, mut behind) = rest.split_at_checked(end)?;
        let mut step = Step {
            name: match name {
                "*" => None,
                name => Some(is_name(name).then(|| name.to_owned())?),
            },
            ..Step::default()
        };
        while let Some(predicate) = behind.strip_prefix('[') {
            if let Some(test) = predicate.strip_prefix('@') {
                let (attribute, value) = test.split_once('=')?;
                let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
                let (value, after) = value.get(1..)?.split_once(quote)?;
                let value = escape::unescape(value).ok()?.into_owned();
                if step.attribute.replace((attribute.into(), value)).is_some() {
                    return None;
                }
                behind = after.strip_prefix(']')?;
            } else {
                let (digits, after) = predicate.split_once(']')?;
                let position = digits.parse().ok().filter(|&position| position > 0)?;
                if step.position.replace(position).is_some() || step.attribute.is_some() {
                    return None;
                }
                behind = after;
            }
        }
        parsed.steps.push(step);
        if behind.is_empty() {
            return Some(parsed);
        }
        rest = behind.strip_prefix('/')?;
    }
}

/// Whether a text can be the name of an element or attribute, with or without prefix.
fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        let first = part.chars().next();
        first.is_some_and(|c| c.is_alphabetic() || c == '_' || !c.is_ascii())
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.') || !c.is_ascii())
    };
    match text.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(text),
    }
}

/// The xmlns() expressions of an unescaped query; others are passed over (RFC 4825 §6.4).
fn parse_bindings(query: &str) -> Vec<(String, String)> {
    let mut bindings = Vec::new();
    let mut rest = query;
    while let Some((_, data)) = rest.split_once("xmlns(") {
        let mut text = String::new();
        let mut signs = data.char_indices();
        rest = loop {
            match signs.next() {
                Some((_, '^')) => text.extend(signs.next().map(|(_, c)| c)),
                Some((at, ')')) => break data.get(at + 1..).unwrap_or_default(),
                Some((_, c)) => text.push(c),
                None => return bindings,
            }
        };
        if let Some((prefix, namespace)) = text.split_once('=') {
            bindings.push((prefix.trim().into(), namespace.trim().into()));
        }
    }
    bindings
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
