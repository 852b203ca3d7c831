//! What a resource-lists document must be: its schema, and the constraints that a server enforces (RFC 4826 §3.2, §3.4.5).

use std::collections::HashSet;

use crate::conflict::Conflict;
use crate::percent::encode;
use crate::tree::{Element, Tree};
use crate::usage::{RESOURCE_LISTS, root};

/// Checks schema, then uniqueness, then URIs (RFC 4825 §8.2.5).
pub(crate) fn check(tree: &Tree) -> Result<(), Conflict> {
    root(tree, RESOURCE_LISTS, "resource-lists")?;
    for (number, element) in tree.elements() {
        if let Some(kind) = kind(tree, element) {
            check_attributes(element, kind)?;
            check_content(tree, number, kind)?;
        } else if element.name.namespace.as_deref() == Some(RESOURCE_LISTS)
            && is_ours(tree, element)
        {
            return Err(schema(element, "has no place there"));
        }
    }
    let mut fields = Vec::new();
    for (number, element) in tree.elements() {
        if matches!(kind(tree, element), Some("list" | "resource-lists")) {
            repeated(tree, number, &mut fields);
        }
    }
    if !fields.is_empty() {
        return Err(Conflict::Uniqueness(fields));
    }
    tree.elements()
        .try_for_each(|(_, element)| check_uri(tree, element))
}

/// Whether the element stands within elements of the schema only.
fn is_ours(tree: &Tree, element: &Element) -> bool {
    let parent = element.parent.map(|parent| tree.element(parent));
    parent.is_none_or(|parent| parent.name.namespace.as_deref() == Some(RESOURCE_LISTS))
}

/// The name of an element that the schema knows where it stands; foreign elements, and all within them, are not looked at.
fn kind(tree: &Tree, element: &Element) -> Option<&'static str> {
    let within = match element.parent {
        None => None,
        Some(parent) => Some(kind(tree, tree.element(parent))?),
    };
    let known = [
        "resource-lists",
        "list",
        "entry",
        "entry-ref",
        "external",
        "display-name",
    ];
    let name = known
        .into_iter()
        .find(|name| element.name.is(Some(RESOURCE_LISTS), name))?;
    let allowed = matches!(
        (within, name),
        (None, "resource-lists")
            | (Some("resource-lists"), "list")
            | (
                Some("list"),
                "list" | "entry" | "entry-ref" | "external" | "display-name"
            )
            | (Some("entry" | "entry-ref" | "external"), "display-name")
    );
    allowed.then_some(name)
}

/// The attribute that names an element among its siblings.
fn key(kind: &str) -> Option<&'static str> {
    match kind {
        "list" => Some("name"),
        "entry" => Some("uri"),
        "entry-ref" => Some("ref"),
        "external" => Some("anchor"),
        _ => None,
    }
}

fn value<'a>(element: &'a Element, attribute: &str) -> Option<&'a str> {
    let found = element
        .attributes
        .iter()
        .find(|known| known.name.is(None, attribute));
    found.map(|attribute| attribute.value.as_str())
}

fn schema(element: &Element, what: &str) -> Conflict {
    Conflict::Schema(format!("{} {what}", element.name.local))
}

fn check_attributes(element: &Element, kind: &str) -> Result<(), Conflict> {
    let foreign_allowed = !matches!(kind, "resource-lists");
    for attribute in &element.attributes {
        let name = &attribute.name;
        let allowed = match name.namespace.as_deref() {
            None => Some(name.local.as_str()) == key(kind),
            Some(RESOURCE_LISTS) => false,
            Some(_) if kind == "display-name" => {
                name.prefix.as_deref() == Some("xml") && name.local == "lang"
            }
            Some(_) => foreign_allowed,
        };
        if !allowed {
            return Err(schema(
                element,
                &format!("cannot have the attribute {}", name.local),
            ));
        }
    }
    match key(kind).filter(|_| matches!(kind, "entry" | "entry-ref")) {
        Some(key) if value(element, key).is_none() => {
            Err(schema(element, &format!("needs the attribute {key}")))
        }
        _ => Ok(()),
    }
}

/// display-name, then what the list consists of, then foreign elements.
fn check_content(tree: &Tree, number: usize, own: &str) -> Result<(), Conflict> {
    let element = tree.element(number);
    if own == "display-name" {
        return match element.children.is_empty() {
            true => Ok(()),
            false => Err(schema(element, "has text only")),
        };
    }
    if element.has_text {
        return Err(schema(element, "has no text of its own"));
    }
    let mut reached = 0;
    for child in tree.children(number) {
        let child = tree.element(child);
        let rank = match (kind(tree, child), child.name.namespace.as_deref()) {
            (Some("display-name"), _) => 0,
            (Some(_), _) => 1,
            (None, Some(RESOURCE_LISTS) | None) => return Err(schema(child, "has no place there")),
            (None, Some(_)) if own == "resource-lists" => {
                return Err(schema(child, "has no place there"));
            }
            (None, Some(_)) => 2,
        };
        if rank < reached {
            return Err(schema(child, "stands too late"));
        }
        // One display-name at most.
        reached = if rank == 0 { 1 } else { rank };
    }
    Ok(())
}

/// Values that siblings share (RFC 4826 §3.4.5: compared as strings).
fn repeated(tree: &Tree, parent: usize, fields: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for child in tree.children(parent) {
        let element = tree.element(child);
        let named = kind(tree, element).and_then(|kind| Some((kind, key(kind)?)));
        if let Some((kind, key)) = named
            && let Some(value) = value(element, key)
            && !seen.insert((kind, value))
        {
            fields.push(field(tree, child, key));
        }
    }
}

fn check_uri(tree: &Tree, element: &Element) -> Result<(), Conflict> {
    let constraint =
        |what: &str, value: &str| Err(Conflict::Constraint(format!("{what}: {value}")));
    match kind(tree, element) {
        Some("entry-ref") => match value(element, "ref") {
            Some(value) if !is_relative_path(value) => {
                constraint("the ref of an entry-ref is no relative path", value)
            }
            _ => Ok(()),
        },
        Some("external") => match value(element, "anchor") {
            Some(value) if !is_http(value) => {
                constraint("the anchor of an external is no absolute HTTP URI", value)
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// RFC 3986 §4.2: no scheme, no slash first.
fn is_relative_path(value: &str) -> bool {
    let first = value.split('/').next().unwrap_or_default();
    !value.is_empty() && !value.starts_with('/') && !first.contains(':')
}

fn is_http(value: &str) -> bool {
    let rest = ["http://", "https://"].into_iter().find_map(|scheme| {
        let (own, rest) = value.split_at_checked(scheme.len())?;
        own.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

/// The relative URI of an attribute for a conflict report, by names and positions (RFC 4825 §11.1).
pub(crate) fn field(tree: &Tree, number: usize, attribute: &str) -> String {
    let mut steps = vec![format!("@{attribute}")];
    let mut bindings: Vec<(String, String)> = Vec::new();
    let mut at = Some(number);
    while let Some(number) = at {
        let element = tree.element(number);
        let name = &element.name;
        let written = match (&name.prefix, &name.namespace) {
            (Some(prefix), Some(namespace)) => {
                if bindings.iter().all(|(known, _)| known != prefix) {
                    bindings.push((prefix.clone(), namespace.clone()));
                }
                format!("{prefix}:{}", name.local)
            }
            _ => name.local.clone(),
        };
        let position = element.parent.map(|parent| {
            let before = tree
                .children(parent)
                .take_while(|sibling| *sibling != number);
            1 + before
                .filter(|sibling| {
                    tree.element(*sibling)
                        .name
                        .is(name.namespace.as_deref(), &name.local)
                })
                .count()
        });
        steps.push(match position {
            Some(position) => encode(&format!("{written}[{position}]")),
            None => encode(&written),
        });
        at = element.parent;
    }
    steps.reverse();
    let query: String = bindings
        .iter()
        .map(|(prefix, namespace)| format!("xmlns({prefix}={})", encode(namespace)))
        .collect();
    match query.is_empty() {
        true => steps.join("/"),
        false => format!("{}?{query}", steps.join("/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(content: &str) -> Result<(), Conflict> {
        let text = format!(
            "<resource-lists xmlns='{RESOURCE_LISTS}' xmlns:x='urn:x'>{content}</resource-lists>"
        );
        check(&Tree::document(&text).unwrap())
    }

    #[test]
    fn what_the_schema_allows_passes() {
        for content in [
            "",
            "<list/><list name='a'/><list name='b'/>",
            "<list name='a' x:y='1' xml:lang='en'><display-name xml:lang='en'>A &amp; B</display-name>\
             <list name='a'><entry uri='sip:a'/></list><entry uri='sip:a'><display-name>A</display-name><x:n uri='1'>t</x:n></entry>\
             <entry-ref ref='resource-lists/users/sip:a@h/index/~~/x'/><external anchor='http://h/x'/><external/>\
             <x:usage><entry/></x:usage></list>",
        ] {
            assert_eq!(lists(content), Ok(()), "{content}");
        }
    }

    #[test]
    fn what_the_schema_forbids_is_named() {
        for content in [
            "text",
            "<entry uri='sip:a'/>",
            "<x:list/>",
            "<list xmlns=''/>",
            "<list other='a'/>",
            "<list>text</list>",
            "<list>&amp;</list>",
            "<list><display-name/><display-name/></list>",
            "<list><entry uri='a'/><display-name/></list>",
            "<list><x:y/><entry uri='a'/></list>",
            "<list><entry/></list>",
            "<list><entry-ref/></list>",
            "<list><entry uri='a'><entry uri='b'/></entry></list>",
            "<list><entry uri='a' name='b'/></list>",
            "<list><unknown/></list>",
            "<list><display-name><b/></display-name></list>",
            "<list><display-name x:y='1'/></list>",
        ] {
            assert!(
                matches!(lists(content), Err(Conflict::Schema(_))),
                "{content}"
            );
        }
        let other = Tree::document("<resource-lists/>").unwrap();
        assert!(matches!(check(&other), Err(Conflict::Schema(_))));
    }

    /// RFC 4826 §3.4.5: within one parent, each kind for itself, by case-sensitive comparison.
    #[test]
    fn keys_are_unique_among_siblings() {
        for (content, field) in [
            (
                "<list name='a'/><list name='a'/>",
                "resource-lists/list%5B2%5D/@name",
            ),
            (
                "<list><entry uri='a'/><entry uri='b'/><entry uri='a'/></list>",
                "resource-lists/list%5B1%5D/entry%5B3%5D/@uri",
            ),
            (
                "<list><entry-ref ref='a'/><entry-ref ref='a'/></list>",
                "resource-lists/list%5B1%5D/entry-ref%5B2%5D/@ref",
            ),
            (
                "<list><external anchor='http://h'/><external anchor='http://h'/></list>",
                "resource-lists/list%5B1%5D/external%5B2%5D/@anchor",
            ),
        ] {
            assert_eq!(
                lists(content),
                Err(Conflict::Uniqueness(vec![field.into()])),
                "{content}"
            );
        }
        assert_eq!(
            lists(
                "<list name='a'><list name='a'/><entry uri='a'/><entry uri='A'/></list><list name='b'><entry uri='a'/></list>"
            ),
            Ok(())
        );
    }

    #[test]
    fn references_are_of_their_kind() {
        for content in [
            "<list><entry-ref ref='http://h/x'/></list>",
            "<list><entry-ref ref='/x'/></list>",
            "<list><entry-ref ref=''/></list>",
            "<list><external anchor='resource-lists/x'/></list>",
            "<list><external anchor='sip:a@h'/></list>",
            "<list><external anchor='https:///x'/></list>",
        ] {
            assert!(
                matches!(lists(content), Err(Conflict::Constraint(_))),
                "{content}"
            );
        }
    }
}
