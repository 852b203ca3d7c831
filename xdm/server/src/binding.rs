//! Namespace bindings of a node selector, out of the query of a URI (RFC 4825 §6.4, XPointer framework, xmlns() scheme).

use crate::percent::decode;
use crate::tree::reserved;
use crate::well_formed::is_name;

/// The prefixes that a query binds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bindings(Vec<(String, String)>);

impl Bindings {
    /// Reads a query as it stands in the URI; `None` if it is no pointer made of schemes. Other schemes than xmlns() are passed over.
    pub(crate) fn of(query: &str) -> Option<Self> {
        let query = decode(query)?;
        let mut bindings = Vec::new();
        let mut rest = query.trim();
        while !rest.is_empty() {
            let (scheme, behind) = rest.split_once('(')?;
            if !is_name(scheme) {
                return None;
            }
            let (data, behind) = data(behind)?;
            if scheme == "xmlns" {
                let (prefix, uri) = data.split_once('=')?;
                let prefix = prefix.trim();
                if !is_name(prefix) || prefix.contains(':') {
                    return None;
                }
                // These two mean what they mean.
                if reserved(prefix).is_none() {
                    bindings.push((prefix.to_owned(), uri.trim_start().to_owned()));
                }
            }
            rest = behind.trim_start();
        }
        Some(Self(bindings))
    }

    /// The namespace of a prefix; of two bindings the later counts.
    pub(crate) fn namespace(&self, prefix: &str) -> Option<&str> {
        let bound = self.0.iter().rev().find(|(known, _)| known == prefix);
        bound.map(|(_, uri)| uri.as_str()).or(reserved(prefix))
    }
}

/// What is between the parentheses, unescaped, and what follows them: parentheses are balanced, or escaped with `^`.
fn data(text: &str) -> Option<(String, &str)> {
    let mut depth = 0;
    let mut data = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '^' => {
                let (_, escaped) = characters.next()?;
                if !matches!(escaped, '^' | '(' | ')') {
                    return None;
                }
                data.push(escaped);
                continue;
            }
            '(' => depth += 1,
            ')' if depth == 0 => return Some((data, text.get(at + 1..)?)),
            ')' => depth -= 1,
            _ => {}
        }
        data.push(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-08 (RFC 4825 §6.4).
    #[test]
    fn a_query_binds_prefixes() {
        for (query, prefix, namespace) in [
            ("xmlns(a=urn:x)", "a", Some("urn:x")),
            ("xmlns(a=urn:x)xmlns(b=urn:y)", "b", Some("urn:y")),
            ("xmlns(a=urn:x)%20xmlns(b%3Durn:y)", "b", Some("urn:y")),
            ("xmlns(%20a%20=%20urn:x)", "a", Some("urn:x")),
            ("xmlns(a=urn:x)xmlns(a=urn:y)", "a", Some("urn:y")),
            ("xpath(//a)xmlns(a=urn:x)", "a", Some("urn:x")),
            ("xpath(id(1))xmlns(a=urn:^(x^^)", "a", Some("urn:(x^")),
            ("xmlns(a=urn:(x))", "a", Some("urn:(x)")),
            ("", "a", None),
            (
                "xmlns(xml=urn:x)",
                "xml",
                Some("http://www.w3.org/XML/1998/namespace"),
            ),
        ] {
            let bindings = Bindings::of(query).expect(query);
            assert_eq!(bindings.namespace(prefix), namespace, "{query}");
        }
        for query in [
            "x=1",
            "xmlns(a)",
            "xmlns(a=urn:x",
            "xmlns(=x)",
            "xmlns(p:a=x)",
            "xmlns(a=^x)",
            "(a=b)",
            "%zz",
        ] {
            assert_eq!(Bindings::of(query), None, "{query}");
        }
    }
}
