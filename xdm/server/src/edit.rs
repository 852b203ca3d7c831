//! Elements and attributes put into a document and taken out of it: the rest stays as it is, octet for octet (RFC 4825 §8.2, §8.4).

use std::ops::Range;

use crate::conflict::Conflict;
use crate::node_selector::{NodeSelector, Step, Terminal, attribute_value};
use crate::tree::{Flaw, Name, Tree};

/// A document after an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edited {
    pub(crate) text: String,
    /// Whether something new was made, not something old replaced.
    pub(crate) created: bool,
}

/// The parent of what is to be put (RFC 4825 §8.2.1); `Err` has the number of steps that select something.
pub(crate) fn parent(tree: &Tree, selector: &NodeSelector) -> Result<Option<usize>, usize> {
    let steps = match selector.terminal {
        Terminal::Element => selector.steps.len() - 1,
        _ => selector.steps.len(),
    };
    selector.element(tree, steps)
}

/// Puts an element (RFC 4825 §8.2.3, §8.2.4). `parent` is what [`parent`] found.
pub(crate) fn put_element(
    text: &str,
    tree: &Tree,
    parent: Option<usize>,
    selector: &NodeSelector,
    body: &str,
) -> Result<Edited, Conflict> {
    // White space around it is no part of it: files end with a line feed.
    let body = body.trim_matches([' ', '\t', '\r', '\n']);
    Tree::fragment(body).map_err(fragment_conflict)?;
    let step = selector
        .steps
        .last()
        .ok_or(Conflict::CannotInsert("it names nothing"))?;
    let (edited, place, created) = match step.select(tree, parent).as_slice() {
        [] => {
            let parent = parent.ok_or(Conflict::CannotInsert("a document has one root"))?;
            let (edited, at) = insert(text, tree, parent, step, body)?;
            (edited, at..at + body.len(), true)
        }
        [one] => {
            let old = tree.element(*one).span.clone();
            let edited = splice(text, old.clone(), body);
            (edited, old.start..old.start + body.len(), false)
        }
        _ => return Err(Conflict::CannotInsert("it selects several elements")),
    };
    let after = Tree::document(&edited).map_err(fragment_conflict)?;
    match selector.selected(&after) {
        Some(one) if after.element(one).span == place => Ok(Edited {
            text: edited,
            created,
        }),
        _ => Err(Conflict::CannotInsert(
            "the element does not fit its last step",
        )),
    }
}

fn fragment_conflict(flaw: Flaw) -> Conflict {
    match flaw {
        Flaw::TooDeep | Flaw::TooManyElements => Conflict::Constraint(flaw.to_string()),
        flaw => Conflict::NotXmlFragment(flaw.to_string()),
    }
}

/// Inserts where RFC 4825 §8.2.3 says, and tells where that is.
fn insert(
    text: &str,
    tree: &Tree,
    parent: usize,
    step: &Step,
    body: &str,
) -> Result<(String, usize), Conflict> {
    let siblings: Vec<usize> = tree.children(parent).collect();
    let counted: Vec<usize> = siblings
        .iter()
        .copied()
        .filter(|sibling| step.names(&tree.element(*sibling).name))
        .collect();
    let end_of = |sibling: usize| tree.element(sibling).span.end;
    let at = match step.position {
        // A wildcard without position: the last of all. A name: behind the last of that name.
        None if step.name.is_none() => None,
        None => counted.last().map(|last| end_of(*last)),
        Some(1) => counted.first().map(|first| tree.element(*first).span.start),
        Some(position) => {
            let before = position
                .checked_sub(2)
                .and_then(|before| counted.get(before));
            let too_few = "there are too few elements before that position";
            Some(end_of(*before.ok_or(Conflict::CannotInsert(too_few))?))
        }
    };
    let element = tree.element(parent);
    Ok(match (at, &element.content) {
        (Some(at), _) => (splice(text, at..at, body), at),
        (None, Some(content)) => (splice(text, content.end..content.end, body), content.end),
        (None, None) => {
            // An empty-element tag becomes two tags.
            let slash = element.tag.end - "/>".len();
            let name = qname(&element.name);
            let opened = format!(">{body}</{name}>");
            (splice(text, slash..element.tag.end, &opened), slash + 1)
        }
    })
}

fn qname(name: &Name) -> String {
    match &name.prefix {
        Some(prefix) => format!("{prefix}:{}", name.local),
        None => name.local.clone(),
    }
}

/// Puts an attribute (RFC 4825 §8.2.3, §8.2.4); the body has its quotes (AttValue).
pub(crate) fn put_attribute(
    text: &str,
    tree: &Tree,
    element: usize,
    selector: &NodeSelector,
    name: &Name,
    body: &str,
) -> Result<Edited, Conflict> {
    let body = body.trim_matches([' ', '\t', '\r', '\n']);
    let inner = quoted(body).ok_or(Conflict::NotXmlAttributeValue)?;
    let value = attribute_value(inner).ok_or(Conflict::NotXmlAttributeValue)?;
    let owner = tree.element(element);
    let known = owner
        .attributes
        .iter()
        .find(|attribute| attribute.name.is(name.namespace.as_deref(), &name.local));
    let edited = match known {
        Some(attribute) => splice(text, attribute.quoted.clone(), body),
        None => {
            let name = prefix_in(tree, element, name)?;
            let at = owner.attributes_end;
            splice(text, at..at, &format!(" {name}={body}"))
        }
    };
    let unfit = Conflict::CannotInsert("the value does not fit the step that names its element");
    let after = Tree::document(&edited).map_err(|_| unfit.clone())?;
    let selected = selector.selected(&after).map(|one| after.element(one));
    let fits = selected.is_some_and(|selected| {
        selected.span.start == owner.span.start
            && selected.attributes.iter().any(|attribute| {
                attribute.name.is(name.namespace.as_deref(), &name.local)
                    && attribute.value == value
            })
    });
    match fits {
        true => Ok(Edited {
            text: edited,
            created: known.is_none(),
        }),
        false => Err(unfit),
    }
}

/// The name of a new attribute with a prefix that is bound there: that of the request, or another for the same namespace.
fn prefix_in(tree: &Tree, element: usize, name: &Name) -> Result<String, Conflict> {
    let Some(namespace) = &name.namespace else {
        return Ok(name.local.clone());
    };
    if name.prefix.as_deref() == Some("xml") {
        return Ok(qname(name));
    }
    let scope = tree.in_scope(element);
    let fits = |(prefix, uri): &&(Option<&str>, &str)| prefix.is_some() && uri == namespace;
    let own = scope
        .iter()
        .filter(fits)
        .find(|(prefix, _)| *prefix == name.prefix.as_deref());
    let bound = own.or(scope.iter().find(fits));
    match bound.and_then(|(prefix, _)| *prefix) {
        Some(prefix) => Ok(format!("{prefix}:{}", name.local)),
        None => Err(Conflict::CannotInsert("its namespace has no prefix there")),
    }
}

/// What is between the quotes.
fn quoted(body: &str) -> Option<&str> {
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = body.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

/// Takes an element out; white space around it stays (RFC 4825 §8.4).
pub(crate) fn delete_element(
    text: &str,
    tree: &Tree,
    element: usize,
    selector: &NodeSelector,
) -> Result<String, Conflict> {
    if element == 0 {
        let what = "the document would have no root element".to_owned();
        return Err(Conflict::Schema(what));
    }
    let edited = splice(text, tree.element(element).span.clone(), "");
    // Out of a sound document an element can be taken whole.
    let after = Tree::document(&edited).map_err(|_| Conflict::CannotDelete)?;
    let parent = selector.element(&after, selector.steps.len() - 1);
    let left = parent.ok().zip(selector.steps.last());
    match left.is_some_and(|(parent, step)| !step.select(&after, parent).is_empty()) {
        true => Err(Conflict::CannotDelete),
        false => Ok(edited),
    }
}

/// Takes an attribute out, with the white space before it; `None` if there is none of that name.
pub(crate) fn delete_attribute(
    text: &str,
    tree: &Tree,
    element: usize,
    name: &Name,
) -> Option<String> {
    let attributes = &tree.element(element).attributes;
    let attribute = attributes
        .iter()
        .find(|attribute| attribute.name.is(name.namespace.as_deref(), &name.local))?;
    let before = text.get(..attribute.span.start)?;
    let start = before.trim_end_matches([' ', '\t', '\r', '\n']).len();
    Some(splice(text, start..attribute.span.end, ""))
}

fn splice(text: &str, place: Range<usize>, new: &str) -> String {
    let mut edited = String::with_capacity(text.len() + new.len());
    edited.push_str(text.get(..place.start).unwrap_or_default());
    edited.push_str(new);
    edited.push_str(text.get(place.end..).unwrap_or_default());
    edited
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
