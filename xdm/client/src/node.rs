//! References into XDM documents: document path and node selector of an anchor (RFC 4825 §6.3, §6.4; RFC 4826 §3.1).

use quick_xml::escape;

use crate::document::{Document, Element, Id};
use crate::resource_lists::NAMESPACE;
use crate::selector::{INDEX, RESOURCE_LISTS, unescape};

/// A reference that could be read: which document, and which node in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Path segments before `~~`, unescaped.
    document: Vec<String>,
    steps: Vec<Step>,
}

/// One step of a node selector: `name`, `*`, with `[2]` and `[@name="x"]` behind it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Step {
    /// None for `*`.
    name: Option<String>,
    position: Option<usize>,
    attribute: Option<(String, String)>,
}

impl Reference {
    /// Reads an `anchor` (absolute URL) or a `ref` (relative to the XCAP root). None if it is not a reference
    /// to an element of a resource-lists document.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let path = match path.split_once("://") {
            Some((_, rest)) => rest.split_once('/')?.1,
            None => path,
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
        Some(Self {
            document,
            steps: parse_steps(&unescape(rest)?, &unescape(query)?)?,
        })
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

    /// The one element that the steps lead to; none if there is none or more than one (RFC 4825 §6.3).
    pub(crate) fn find(&self, document: &Document) -> Option<Id> {
        let (first, steps) = self.steps.split_first()?;
        let root = [(Document::ROOT, document.element(Document::ROOT)?)];
        let mut found = first.select(root.into_iter())?;
        for step in steps {
            found = step.select(document.children(found))?;
        }
        Some(found)
    }
}

impl Step {
    fn select<'a>(&self, candidates: impl Iterator<Item = (Id, &'a Element)>) -> Option<Id> {
        let mut named = candidates
            .filter(|(_, element)| {
                let name = self.name.as_deref();
                name.is_none_or(|name| element.is(NAMESPACE, name))
            })
            .skip(self.position.map_or(0, |position| position - 1))
            .take(self.position.map_or(usize::MAX, |_| 1))
            .filter(|(_, element)| match &self.attribute {
                Some((name, value)) => element.attribute(name) == Some(value),
                None => true,
            });
        let (id, _) = named.next()?;
        named.next().is_none().then_some(id)
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

/// Steps of an unescaped node selector; names without prefix are in the namespace of resource-lists, others
/// in what the query binds their prefix to (XDM-08).
fn parse_steps(selector: &str, query: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = selector.trim_end_matches('/');
    loop {
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (name, mut behind) = rest.split_at_checked(end)?;
        let mut step = Step {
            name: match name {
                "*" => None,
                name => Some(local_name(name, query)?.to_owned()),
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
        steps.push(step);
        if behind.is_empty() {
            return Some(steps);
        }
        rest = behind.strip_prefix('/')?;
    }
}

/// The name behind its prefix, if it is in the namespace of resource-lists.
fn local_name<'a>(name: &'a str, query: &str) -> Option<&'a str> {
    let Some((prefix, local)) = name.split_once(':') else {
        return (!name.is_empty()).then_some(name);
    };
    let bound = query.split("xmlns(").any(|binding| {
        let Some((uri, _)) = binding.split_once(')') else {
            return false;
        };
        uri.split_once('=')
            .is_some_and(|(p, uri)| p.trim() == prefix && uri.trim() == NAMESPACE)
    });
    bound.then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

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
