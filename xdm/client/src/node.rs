//! Node selectors, and references into XDM documents (RFC 4825 §6.3, §6.4; RFC 4826 §3.1).

use std::fmt;

use percent_encoding::{AsciiSet, utf8_percent_encode};
use quick_xml::escape;
use url::Url;

use crate::document::{Document, Element, Id};
use crate::resource_lists::NAMESPACE;
use crate::selector::{INDEX, RESOURCE_LISTS, SEGMENT, XcapRoot, drop_userinfo, unescape};

/// Most steps of a node selector that is read.
pub const MAX_STEPS: usize = 64;
/// Most octets of an anchor or `ref` that is read.
pub const MAX_REFERENCE: usize = 4096;

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

/// The last name of a list that an anchor tells: of `…/list[@name="a"]/list[@name="b"]` it is `b`. Also of an anchor that is
/// no full reference.
pub(crate) fn list_name(anchor: &str) -> Option<String> {
    let anchor = unescape(anchor.trim())?;
    let (_, behind) = anchor.rsplit_once("@name=")?;
    let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = behind.get(1..)?.split_once(quote)?;
    Some(escape::unescape(name).ok()?.into_owned())
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

/// A reference that could be read: which document, and which node in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Where it points, for a reference that is a URL.
    url: Option<Url>,
    /// Path segments before `~~`, unescaped.
    document: Vec<String>,
    node: NodeSelector,
}

impl Reference {
    /// Reads an `anchor` (absolute URL) or a `ref` (relative to the XCAP root). None if it is not a reference
    /// to an element of a resource-lists document.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_REFERENCE {
            return None;
        }
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (url, path) = match path.split_once("://") {
            Some((_, rest)) => (Url::parse(text).ok(), rest.split_once('/')?.1),
            None => (None, path),
        };
        let mut document = Vec::new();
        let mut rest = path;
        loop {
            // Only the first `~~` separates, escaped or not (XDM-06).
            let (segment, behind) = rest.split_once('/')?;
            let segment = unescape(segment)?;
            rest = behind;
            if segment == "~~" {
                break;
            }
            document.push(segment);
        }
        let node = NodeSelector::parse(rest, query).ok()?;
        (node.kind() == NodeKind::Element).then_some(Self {
            url,
            document,
            node,
        })
    }

    /// Whether it is a URL, not relative to a root.
    pub(crate) fn is_url(&self) -> bool {
        self.url.is_some()
    }

    /// The node selector.
    pub(crate) fn node(&self) -> &NodeSelector {
        &self.node
    }

    /// Whether the document is the resource-lists document of that user, on whatever host (XDM-46, XDM-47).
    /// Without a user any user's is taken.
    pub(crate) fn is_within(&self, xui: Option<&str>) -> bool {
        let Some([auid, tree, user, document]) = self.document.last_chunk() else {
            return false;
        };
        auid == RESOURCE_LISTS
            && tree == "users"
            && document == INDEX
            && xui.is_none_or(|xui| xui == user)
    }

    /// Where to GET the node: under the root where the reference is relative, points below it, or names one of this
    /// user's documents on the server behind the root (XDM-47, XDM-49); else where it points itself.
    pub(crate) fn location(&self, root: &XcapRoot, xui: Option<&str>) -> Option<Location> {
        let Some(url) = &self.url else {
            let segments = self.document.iter().map(String::as_str);
            return Some(Location::UnderRoot(self.under(root, segments)));
        };
        if root.is_origin_of(url) && root.is_above(url) {
            let below = self.document.iter().skip(root.depth());
            return Some(Location::UnderRoot(
                self.under(root, below.map(String::as_str)),
            ));
        }
        if let Some([auid, tree, user, document]) = self.document.last_chunk()
            && auid == RESOURCE_LISTS
            && tree == "users"
            && Some(user.as_str()) == xui
        {
            let tail = [auid, tree, user, document].map(String::as_str);
            return Some(Location::UnderRoot(self.under(root, tail.into_iter())));
        }
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let mut url = url.clone();
        drop_userinfo(&mut url);
        url.set_fragment(None);
        Some(Location::Foreign(url))
    }

    fn under<'a>(&self, root: &XcapRoot, document: impl Iterator<Item = &'a str>) -> Url {
        let segments: Vec<_> = document.filter(|segment| !segment.is_empty()).collect();
        root.url_of(&segments, Some(&self.node))
    }

    /// The one element that the steps lead to; none if there is none or more than one (RFC 4825 §6.3).
    pub(crate) fn find(&self, document: &Document) -> Option<Id> {
        self.node.find(document, Some(NAMESPACE))
    }
}

/// Where the node of a reference is had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// Below the configured root.
    UnderRoot(Url),
    /// On another server, or elsewhere on this one (XDM-48).
    Foreign(Url),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCUMENT: &str = r#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:o="u:o">
        <list name="friends"><entry uri="sip:a/b@h"/><entry uri="sip:c@h"/></list>
        <o:list name="blocked"/>
        <list name="blocked"><list name="inner"/><entry uri="sip:d@h"/></list>
        <list name="twice"/><list name="twice"/>
    </resource-lists>"#;

    /// `name` or `uri` of what a reference finds.
    fn found(reference: &str) -> Option<String> {
        let document = Document::parse(DOCUMENT.as_bytes()).unwrap();
        let id = Reference::parse(reference)?.find(&document)?;
        let element = document.element(id).unwrap();
        let label = element.attribute("name").or(element.attribute("uri"));
        Some(label.unwrap_or("root").to_owned())
    }

    /// RFC 4825 §6.3, §6.4; XDM-06, XDM-07, XDM-08.
    #[test]
    fn a_node_selector_finds_one_element_or_none() {
        let base = "http://h/x/resource-lists/users/sip:me@h/index/~~";
        let bound = "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)";
        for (selector, expected) in [
            ("/resource-lists", Some("root")),
            (
                "/resource-lists/list%5B@name=%22friends%22%5D",
                Some("friends"),
            ),
            ("/resource-lists/list[@name=\"friends\"]", Some("friends")),
            ("/resource-lists/list%5b@name='blocked'%5d", Some("blocked")),
            ("/resource-lists/list[2]", Some("blocked")),
            ("/resource-lists/*[2][@name=\"blocked\"]", Some("blocked")),
            ("/resource-lists/list[2]/list", Some("inner")),
            ("/resource-lists/list[2]/entry", Some("sip:d@h")),
            ("/*/list[1]/entry[@uri=\"sip:a/b@h\"]", Some("sip:a/b@h")),
            (
                "/*/list[1]/entry[@uri=%22sip:a%2Fb@h%22]",
                Some("sip:a/b@h"),
            ),
            ("/*/list[1]/entry[@uri=\"sip:&#99;@h\"]", Some("sip:c@h")),
            ("/resource-lists/list[1][@name=\"blocked\"]", None),
            ("/resource-lists/list[@name=\"blocked\"][2]", None),
            ("/resource-lists/list[@name=\"twice\"]", None),
            ("/resource-lists/list[@name=\"Friends\"]", None),
            ("/resource-lists/list", None),
            ("/resource-lists/list[0]", None),
            ("/resource-lists/list[9]", None),
            ("/resource-lists/list[1]/@name", None),
            ("/resource-lists/list[@name=friends]", None),
            ("/resource-lists/list[1", None),
            ("/resource-lists//list[1]", None),
            ("/r:resource-lists/r:list[1]", None),
            ("", None),
        ] {
            let reference = format!("{base}{selector}");
            assert_eq!(found(&reference).as_deref(), expected, "{selector}");
        }
        let prefixed = format!("{base}/r:resource-lists/r:list%5B1%5D{bound}");
        assert_eq!(found(&prefixed).as_deref(), Some("friends"));
        let foreign = format!("{base}/r:resource-lists/r:list%5B1%5D?xmlns(r=u:o)");
        assert_eq!(found(&foreign), None);
    }

    /// XDM-06, XDM-07, XDM-08; RFC 4825 §6.3, §6.4.
    #[test]
    fn a_selector_is_written_so_that_servers_read_what_was_meant() {
        let list = || NodeSelector::new().element("resource-lists");
        for (selector, written, encoded, query) in [
            (
                list().element_with("list", "name", "rcs"),
                "resource-lists/list[@name=\"rcs\"]",
                "resource-lists/list%5B@name=%22rcs%22%5D",
                None,
            ),
            (
                list()
                    .element_with("list", "name", "a\"b/c")
                    .nth_element("entry", 2)
                    .attribute("uri"),
                "resource-lists/list[@name='a\"b/c']/entry[2]/@uri",
                "resource-lists/list%5B@name=%27a%22b%2Fc%27%5D/entry%5B2%5D/@uri",
                None,
            ),
            (
                list().element_with("list", "name", "'\"&<[]").namespaces(),
                "resource-lists/list[@name=\"'&quot;&amp;&lt;[]\"]/namespace::*",
                "resource-lists/list%5B@name=%22%27&quot;&amp;&lt;%5B%5D%22%5D/namespace::*",
                None,
            ),
            (
                NodeSelector::new()
                    .element("cr:ruleset")
                    .bind("cr", "urn:n")
                    .bind("x", "http://h/(a)^"),
                "cr:ruleset",
                "cr:ruleset",
                Some("xmlns(cr=urn:n)xmlns(x=http://h/%5E(a%5E)%5E%5E)"),
            ),
        ] {
            assert_eq!(selector.to_string(), written);
            assert_eq!(selector.encoded(), encoded);
            assert_eq!(selector.query().as_deref(), query);
            let query = query.unwrap_or_default();
            assert_eq!(
                NodeSelector::parse(encoded, query).as_ref(),
                Ok(&selector),
                "{encoded}"
            );
            assert_eq!(
                NodeSelector::parse(written, query).as_ref(),
                Ok(&selector),
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        let deep = "a/".repeat(MAX_STEPS + 1);
        for text in [
            "",
            "/",
            "a//b",
            "a[",
            "a[0]",
            "a[@b=c]",
            "a[@b=\"c]",
            "a[1][2]",
            "@a",
            "a/@",
            "a/@b/c",
            "p:a",
            "a/namespace::x",
            "1a",
            "a b",
            "%ff",
            deep.as_str(),
        ] {
            let error = NodeSelector::parse(text, "").expect_err(text);
            assert_eq!(error.text, text);
        }
        assert!(NodeSelector::parse(&"a/".repeat(MAX_STEPS), "").is_ok());
        let long = format!("https://h/x/~~/a{}", "a".repeat(MAX_REFERENCE));
        assert_eq!(Reference::parse(&long), None);
    }

    proptest! {
        /// XDM-07: whatever is in a value, the element meant is found by what was written.
        #[test]
        fn every_value_is_found_by_the_selector_written_for_it(value in "\\PC{0,12}") {
            let text = format!("<r xmlns='u:1'><e a=\"x{0}\"/><e a=\"{0}\"/></r>", escape::escape(&value));
            let document = Document::parse(text.as_bytes()).unwrap();
            let selector = NodeSelector::new().element("r").element_with("e", "a", &value);
            prop_assert_eq!(selector.find(&document, Some("u:1")), Some(2));
            let read = NodeSelector::parse(&selector.encoded(), "");
            prop_assert_eq!(read, Ok(selector));
        }
    }

    /// XDM-46, XDM-47, XDM-49; RFC 3986 §6.2.2.2.
    #[test]
    fn a_reference_points_into_the_document_held_by_the_tail_of_its_path() {
        let own = Some("sip:me@h.example");
        for (path, xui, expected) in [
            (
                "http://x/a/b/resource-lists/users/sip:me@h.example/index",
                own,
                true,
            ),
            (
                "https://x:1/resource-lists/users/sip%3Ame%40h.example/%69ndex",
                own,
                true,
            ),
            ("resource-lists/users/sip:me@h.example/index", own, true),
            ("/resource-lists/users/sip:me@h.example/index", own, true),
            (
                "http://x/resource-lists/users/sip:you@h.example/index",
                own,
                false,
            ),
            (
                "http://x/resource-lists/users/sip:you@h.example/index",
                None,
                true,
            ),
            (
                "http://x/resource-lists/users/sip:me@h.example/other",
                own,
                false,
            ),
            (
                "http://x/resource-lists/global/sip:me@h.example/index",
                own,
                false,
            ),
            (
                "http://x/rls-services/users/sip:me@h.example/index",
                own,
                false,
            ),
            ("index", own, false),
        ] {
            for separator in ["~~", "%7E%7E", "%7e~"] {
                let text = format!("{path}/{separator}/resource-lists/list[1]");
                let reference = Reference::parse(&text).expect(&text);
                assert_eq!(reference.is_within(xui), expected, "{text}");
            }
        }
        assert_eq!(
            Reference::parse("http://x/resource-lists/users/sip:me@h/index"),
            None
        );
        assert_eq!(Reference::parse("http://x"), None);
        assert_eq!(Reference::parse("%ff/~~/resource-lists"), None);
    }
}
