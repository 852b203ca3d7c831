//! Node selectors: what within a document a request names (RFC 4825 §6.3).

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::name::QName;
use thiserror::Error;

use crate::binding::Bindings;
use crate::tree::{Name, Tree, split};
use crate::well_formed::is_name;

/// Why a text is no node selector of this server.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum SelectorFault {
    /// 400 (RFC 4825 §8).
    #[error("a prefix is not bound in the query")]
    UnboundPrefix,
    /// An extension that is not understood here: 404 (RFC 4825 §8).
    #[error("not understood")]
    NotUnderstood,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// None for `*`.
    pub(crate) name: Option<Name>,
    /// Counted from 1.
    pub(crate) position: Option<usize>,
    test: Option<(Name, String)>,
    /// As the request spelled it, decoded.
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Terminal {
    Element,
    Attribute(Name),
    Namespaces,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeSelector {
    pub(crate) steps: Vec<Step>,
    pub(crate) terminal: Terminal,
}

impl Step {
    /// The children of an element, or the root of the document, that the step selects.
    pub(crate) fn select(&self, tree: &Tree, context: Option<usize>) -> Vec<usize> {
        let named: Vec<usize> = match context {
            None => vec![0],
            Some(context) => tree.children(context).collect(),
        };
        let named = named
            .into_iter()
            .filter(|child| self.names(&tree.element(*child).name));
        let placed: Vec<usize> = match self.position {
            None => named.collect(),
            Some(position) => named.skip(position.wrapping_sub(1)).take(1).collect(),
        };
        placed
            .into_iter()
            .filter(|child| self.test_holds(tree, *child))
            .collect()
    }

    pub(crate) fn names(&self, name: &Name) -> bool {
        let same = |own: &Name| name.is(own.namespace.as_deref(), &own.local);
        self.name.as_ref().is_none_or(same)
    }

    fn test_holds(&self, tree: &Tree, element: usize) -> bool {
        self.test.as_ref().is_none_or(|(name, value)| {
            let attributes = &tree.element(element).attributes;
            attributes.iter().any(|attribute| {
                attribute.name.is(name.namespace.as_deref(), &name.local)
                    && attribute.value == *value
            })
        })
    }
}

impl NodeSelector {
    /// Reads a decoded node selector. `default` is the default document namespace of the application usage.
    pub(crate) fn parse(
        text: &str,
        bindings: &Bindings,
        default: Option<&str>,
    ) -> Result<Self, SelectorFault> {
        let names = Names { bindings, default };
        let mut steps = Vec::new();
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (step, behind) = cut(text);
            rest = behind;
            let terminal = match (step, step.strip_prefix('@')) {
                ("namespace::*", _) => Terminal::Namespaces,
                (_, Some(name)) => Terminal::Attribute(names.attribute(name)?),
                _ => {
                    steps.push(names.step(step)?);
                    continue;
                }
            };
            // A terminal selector stands last, below an element.
            return match rest.is_some() || steps.is_empty() {
                true => Err(SelectorFault::NotUnderstood),
                false => Ok(Self { steps, terminal }),
            };
        }
        let terminal = Terminal::Element;
        Ok(Self { steps, terminal })
    }

    /// The element that these many steps select; `Err` has the number of steps that did.
    pub(crate) fn element(&self, tree: &Tree, steps: usize) -> Result<Option<usize>, usize> {
        let mut context = None;
        for (taken, step) in self.steps.iter().take(steps).enumerate() {
            match step.select(tree, context).as_slice() {
                [one] => context = Some(*one),
                _ => return Err(taken),
            }
        }
        Ok(context)
    }

    /// The element that all steps select.
    pub(crate) fn selected(&self, tree: &Tree) -> Option<usize> {
        self.element(tree, self.steps.len()).ok().flatten()
    }

    /// The first steps, decoded, as the request spelled them.
    pub(crate) fn text(&self, steps: usize) -> String {
        let steps: Vec<&str> = self
            .steps
            .iter()
            .take(steps)
            .map(|step| step.text.as_str())
            .collect();
        steps.join("/")
    }
}

/// Up to the first slash that is not within quotes, and what follows it.
fn cut(text: &str) -> (&str, Option<&str>) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '/') => return (&text[..at], text.get(at + 1..)),
            _ => {}
        }
    }
    (text, None)
}

struct Names<'a> {
    bindings: &'a Bindings,
    default: Option<&'a str>,
}

impl Names<'_> {
    fn step(&self, text: &str) -> Result<Step, SelectorFault> {
        let (name, mut rest) = text.split_at(text.find('[').unwrap_or(text.len()));
        let mut step = Step {
            name: match name {
                "*" => None,
                name => Some(self.name(name, self.default)?),
            },
            position: None,
            test: None,
            text: text.to_owned(),
        };
        let not_understood = SelectorFault::NotUnderstood;
        while !rest.is_empty() {
            let inner = rest.strip_prefix('[').ok_or(not_understood)?;
            if let Some(test) = inner.strip_prefix('@') {
                let (name, value) = test.split_once('=').ok_or(not_understood)?;
                let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
                let (quote, value) = (
                    quote.ok_or(not_understood)?,
                    value.get(1..).unwrap_or_default(),
                );
                let (value, behind) = value.split_once(quote).ok_or(not_understood)?;
                // The last of all.
                if step.test.is_some() || behind != "]" {
                    return Err(not_understood);
                }
                let value = attribute_value(value).ok_or(not_understood)?;
                step.test = Some((self.attribute(name)?, value.into_owned()));
                rest = "";
            } else {
                let (position, behind) = inner.split_once(']').ok_or(not_understood)?;
                let digits = !position.is_empty() && position.bytes().all(|b| b.is_ascii_digit());
                if step.position.is_some() || !digits {
                    return Err(not_understood);
                }
                // A number that is too large is beyond every list.
                step.position = Some(position.parse().unwrap_or(usize::MAX));
                rest = behind;
            }
        }
        Ok(step)
    }

    fn attribute(&self, name: &str) -> Result<Name, SelectorFault> {
        self.name(name, None)
    }

    fn name(&self, qname: &str, default: Option<&str>) -> Result<Name, SelectorFault> {
        let (prefix, local) = split(qname).ok_or(SelectorFault::NotUnderstood)?;
        let sound = is_name(local) && prefix.is_none_or(is_name);
        if !sound {
            return Err(SelectorFault::NotUnderstood);
        }
        let namespace = match prefix {
            None => default,
            Some(prefix) => {
                let bound = self.bindings.namespace(prefix);
                Some(bound.ok_or(SelectorFault::UnboundPrefix)?)
            }
        };
        Ok(Name {
            prefix: prefix.map(str::to_owned),
            local: local.to_owned(),
            namespace: namespace.map(str::to_owned),
        })
    }
}

/// What is between the quotes of an AttValue, normalised, references resolved (XML 1.0 §3.3.3).
pub(crate) fn attribute_value(raw: &str) -> Option<Cow<'_, str>> {
    let sound = !raw.contains('<') && raw.chars().all(crate::well_formed::is_xml_char);
    let attribute = Attribute {
        key: QName("value"),
        value: Cow::Borrowed(raw),
    };
    let value = attribute.normalized_value(XmlVersion::Explicit1_0);
    value.ok().filter(|_| sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"<foo xmlns="urn:d">
        <n:bar xmlns:n="urn:1" xmlns="urn:1" a="1"><baz/><m:baz xmlns:m="urn:2" n:a="q'"/></n:bar>
        <x a="1"/><y a="1"/><x a="2" b="&#34;/"/><x a="2"/>
    </foo>"#;

    fn parse(text: &str) -> Result<NodeSelector, SelectorFault> {
        let bindings = Bindings::of("xmlns(a=urn:1)xmlns(b=urn:2)xmlns(d=urn:d)").unwrap();
        NodeSelector::parse(text, &bindings, Some("urn:d"))
    }

    /// XDM-08: every production of RFC 4825 §6.3, and the examples of §6.4.
    #[test]
    fn each_step_selects_one_element() {
        let tree = Tree::document(DOCUMENT).unwrap();
        for (text, selected) in [
            ("foo", Some(0)),
            ("d:foo", Some(0)),
            ("*", Some(0)),
            ("*[1]", Some(0)),
            ("*[2]", None),
            ("a:foo", None),
            ("foo/a:bar/a:baz", Some(2)),
            ("foo/a:bar/b:baz", Some(3)),
            ("d:foo/a:bar/b:baz", Some(3)),
            ("foo/a:bar/*", None),
            ("foo/a:bar/*[2]", Some(3)),
            ("foo/bar", None),
            ("foo/x", None),
            ("foo/x[1]", Some(4)),
            ("foo/x[3]", Some(7)),
            ("foo/x[4]", None),
            ("foo/x[0]", None),
            ("foo/x[99999999999999999999999]", None),
            ("foo/*[3]", Some(5)),
            ("foo/y[@a=\"1\"]", Some(5)),
            ("foo/x[@a='1']", Some(4)),
            ("foo/x[@a=\"2\"]", None),
            ("foo/x[3][@a=\"2\"]", Some(7)),
            ("foo/x[1][@a=\"2\"]", None),
            ("foo/*[3][@a=\"1\"]", Some(5)),
            ("foo/*[@b='\"/']", Some(6)),
            ("foo/*[@b=\"&quot;/\"]", Some(6)),
            ("foo/a:bar/*[@a:a=\"q'\"]", Some(3)),
            ("foo/a:bar/*[@a=\"q'\"]", None),
            ("foo/*[@xmlns=\"urn:1\"]", None),
            ("foo/*[@xmlns:n=\"urn:1\"]", None),
        ] {
            let selector = parse(text).expect(text);
            assert_eq!(selector.selected(&tree), selected, "{text}");
        }
    }

    #[test]
    fn terminals_stand_last() {
        let attribute = parse("foo/x[1]/@a").unwrap();
        assert!(matches!(attribute.terminal, Terminal::Attribute(name) if name.is(None, "a")));
        let attribute = parse("foo/@a:b").unwrap();
        assert!(
            matches!(attribute.terminal, Terminal::Attribute(name) if name.is(Some("urn:1"), "b"))
        );
        assert_eq!(
            parse("foo/namespace::*").unwrap().terminal,
            Terminal::Namespaces
        );
        for text in ["@a", "namespace::*", "foo/@a/b", "foo/namespace::*/x"] {
            assert_eq!(parse(text), Err(SelectorFault::NotUnderstood), "{text}");
        }
    }

    /// RFC 4825 §8: a prefix without binding is a bad request, an extension that is not understood is not found.
    #[test]
    fn what_is_no_selector_is_told_apart() {
        for text in ["c:foo", "foo/c:x", "foo/x[@c:a=\"1\"]", "foo/@c:a"] {
            assert_eq!(parse(text), Err(SelectorFault::UnboundPrefix), "{text}");
        }
        for text in [
            "",
            "/",
            "foo/",
            "//foo",
            "foo//x",
            "foo[",
            "foo[]",
            "foo[a]",
            "foo[1",
            "foo[-1]",
            "foo[1]x",
            "foo[1][2]",
            "foo[@a]",
            "foo[@a=1]",
            "foo[@a=\"1]",
            "foo[@a=\"1\"][1]",
            "foo[@a=\"1\"][@b=\"1\"]",
            "foo[@a=\"<\"]",
            "foo[@a=\"&\"]",
            "foo[@a=\"&x;\"]",
            "1foo",
            "a:b:c",
            "text()",
            "foo/@",
            "foo/@*",
            "foo/..",
            "foo/namespace::a",
            "foo[ 1 ]",
        ] {
            assert_eq!(parse(text), Err(SelectorFault::NotUnderstood), "{text}");
        }
    }
}
