//! Why an XDMS refuses a change: 409 and its xcap-error document (RFC 4825 §11, XDM-28).

use std::fmt;

use super::HttpResponse;
use crate::document::{Document, Element};

/// XML namespace of the documents (RFC 4825 §11.2).
const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-error";
/// XML namespace of OMA's extension.
const OMA_NAMESPACE: &str = "urn:oma:xml:xdm:xcap-error";
/// Most octets of a phrase, a place or a suggestion that are kept.
pub const MAX_PHRASE: usize = 256;
/// Most clashes and suggestions that are kept.
pub const MAX_EXISTS: usize = 16;

/// A change that the server refused with 409.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What is wrong with the change.
    pub reason: Reason,
    /// The server's words for a person.
    pub phrase: Option<String>,
}

/// What is wrong with a change (RFC 4825 §11.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The document is not well-formed.
    NotWellFormed,
    /// The body is no element.
    NotXmlFragment,
    /// What it was to be put into does not exist.
    NoParent {
        /// The nearest thing that does, as a URL.
        ancestor: Option<String>,
    },
    /// The document would break its schema.
    SchemaValidation,
    /// The body is no attribute value.
    NotXmlAttributeValue,
    /// A GET would not give back what was put.
    CannotInsert,
    /// Deleting twice would delete something else.
    CannotDelete,
    /// Something is there already that may be there only once.
    Uniqueness {
        /// What is not unique.
        exists: Vec<Exists>,
    },
    /// The document would break a rule of its application usage.
    ConstraintFailure,
    /// The document would not be UTF-8.
    NotUtf8,
    /// The server's own rules forbid it (OMA `local-constraint-failure`).
    LocalConstraint,
    /// The server does not say, or in a way that is not known (RFC 4825 §11.1, `extension`).
    Unspecified,
}

/// A value that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exists {
    /// Selector of the element or attribute.
    pub field: String,
    /// Values that would do.
    pub alternatives: Vec<String>,
}

impl Conflict {
    /// Reads what came with 409. A body of another kind, or one that cannot be read, is a conflict without reason.
    pub(super) fn of(response: &HttpResponse) -> Self {
        Self::parse(&response.body).unwrap_or(Self {
            reason: Reason::Unspecified,
            phrase: None,
        })
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let document = Document::parse(body).ok()?;
        if !document
            .element(Document::ROOT)?
            .is(NAMESPACE, "xcap-error")
        {
            return None;
        }
        let named = |(_, element): &(_, &Element)| element.namespace.as_deref() == Some(NAMESPACE);
        let (id, error) = document.children(Document::ROOT).find(named)?;
        let children = || document.children(id);
        let mut phrase = error.attribute("phrase").map(short);
        let reason = match error.name.as_str() {
            "not-well-formed" => Reason::NotWellFormed,
            "not-xml-frag" => Reason::NotXmlFragment,
            "no-parent" => Reason::NoParent {
                ancestor: children()
                    .find(|(_, element)| element.is(NAMESPACE, "ancestor"))
                    .map(|(_, element)| short(&element.text)),
            },
            "schema-validation-error" => Reason::SchemaValidation,
            "not-xml-att-value" => Reason::NotXmlAttributeValue,
            "cannot-insert" => Reason::CannotInsert,
            "cannot-delete" => Reason::CannotDelete,
            "uniqueness-failure" => Reason::Uniqueness {
                exists: children()
                    .filter(|(_, element)| element.is(NAMESPACE, "exists"))
                    .take(MAX_EXISTS)
                    .map(|(id, element)| Exists {
                        field: short(element.attribute("field").unwrap_or_default()),
                        alternatives: document
                            .children(id)
                            .filter(|(_, element)| element.is(NAMESPACE, "alt-value"))
                            .take(MAX_EXISTS)
                            .map(|(_, element)| short(&element.text))
                            .collect(),
                    })
                    .collect(),
            },
            "constraint-failure" => Reason::ConstraintFailure,
            "not-utf-8" => Reason::NotUtf8,
            "extension" => {
                let (_, oma) = children()
                    .find(|(_, element)| element.is(OMA_NAMESPACE, "local-constraint-failure"))?;
                phrase = oma.attribute("phrase").map(short).or(phrase);
                Reason::LocalConstraint
            }
            _ => return None,
        };
        Some(Self { reason, phrase })
    }
}

/// What a server wrote, cut to a length that a line can hold.
fn short(text: &str) -> String {
    let text = text.trim();
    let end = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|&end| end <= MAX_PHRASE)
        .last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

impl Reason {
    /// Name of the element that says so; none if none does.
    pub fn element(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotWellFormed => "not-well-formed",
            Self::NotXmlFragment => "not-xml-frag",
            Self::NoParent { .. } => "no-parent",
            Self::SchemaValidation => "schema-validation-error",
            Self::NotXmlAttributeValue => "not-xml-att-value",
            Self::CannotInsert => "cannot-insert",
            Self::CannotDelete => "cannot-delete",
            Self::Uniqueness { .. } => "uniqueness-failure",
            Self::ConstraintFailure => "constraint-failure",
            Self::NotUtf8 => "not-utf-8",
            Self::LocalConstraint => "local-constraint-failure",
            Self::Unspecified => return None,
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::NotWellFormed => f.write_str("what was sent is not well-formed XML"),
            Reason::NotXmlFragment => f.write_str("what was sent is no XML element"),
            Reason::NoParent { ancestor: None } => {
                f.write_str("what it belongs into does not exist")
            }
            Reason::NoParent {
                ancestor: Some(ancestor),
            } => write!(
                f,
                "what it belongs into does not exist, only {ancestor} does"
            ),
            Reason::SchemaValidation => f.write_str("the document would not fit its schema"),
            Reason::NotXmlAttributeValue => f.write_str("what was sent is no attribute value"),
            Reason::CannotInsert => {
                f.write_str("what was sent does not fit the place it was sent to")
            }
            Reason::CannotDelete => f.write_str("deleting it would let another take its place"),
            Reason::Uniqueness { exists } => {
                f.write_str("it is there already")?;
                for exists in exists {
                    write!(f, ", at {}", exists.field)?;
                }
                Ok(())
            }
            Reason::ConstraintFailure => {
                f.write_str("the document would break a rule of its application usage")
            }
            Reason::NotUtf8 => f.write_str("the document would not be UTF-8"),
            Reason::LocalConstraint => f.write_str("the server's own rules forbid it"),
            Reason::Unspecified => f.write_str("the server does not say why"),
        }?;
        match &self.phrase {
            Some(phrase) => write!(f, " ({phrase:?})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Conflict {
        Conflict::of(&HttpResponse {
            status: 409,
            headers: Vec::new(),
            body: body.into(),
        })
    }

    fn error(inner: &str) -> Conflict {
        of(&format!(
            "<?xml version='1.0'?><e:xcap-error xmlns:e='{NAMESPACE}' xmlns:o='{OMA_NAMESPACE}'>\n{inner}</e:xcap-error>"
        ))
    }

    /// XDM-28, RFC 4825 §11.
    #[test]
    fn every_error_element_has_its_reason() {
        let names = [
            "not-well-formed",
            "not-xml-frag",
            "schema-validation-error",
            "not-xml-att-value",
            "cannot-insert",
            "cannot-delete",
            "constraint-failure",
            "not-utf-8",
        ];
        for name in names {
            let conflict = error(&format!("<e:{name} phrase='so &amp; so'/>"));
            assert_eq!(conflict.reason.element(), Some(name));
            assert!(
                conflict.to_string().ends_with("(\"so & so\")"),
                "{conflict}"
            );
            assert_eq!(error(&format!("<e:{name}/>")).phrase, None);
        }
        let parent = error("<e:no-parent><e:ancestor> http://x/a/~~/b </e:ancestor></e:no-parent>");
        assert_eq!(
            parent.reason,
            Reason::NoParent {
                ancestor: Some("http://x/a/~~/b".into())
            }
        );
        assert_eq!(
            error("<e:no-parent/>").reason,
            Reason::NoParent { ancestor: None }
        );
        let unique = error(
            "<e:uniqueness-failure><e:exists field='a/b/@uri'><e:alt-value>c</e:alt-value></e:exists><e:exists/></e:uniqueness-failure>",
        );
        let exists = |field: &str, alternatives: &[&str]| Exists {
            field: field.into(),
            alternatives: alternatives.iter().map(|&text| text.into()).collect(),
        };
        assert_eq!(
            unique.reason,
            Reason::Uniqueness {
                exists: vec![exists("a/b/@uri", &["c"]), exists("", &[])]
            }
        );
        let oma = error("<e:extension><o:local-constraint-failure phrase='full'/></e:extension>");
        assert_eq!(oma.reason, Reason::LocalConstraint);
        assert_eq!(oma.phrase.as_deref(), Some("full"));
    }

    /// XDM-28: what is not understood is a plain 409.
    #[test]
    fn what_is_not_understood_is_a_conflict_without_reason() {
        for conflict in [
            of(""),
            of("<html/>"),
            of("<!DOCTYPE x><xcap-error/>"),
            of("<xcap-error xmlns='urn:x'><not-utf-8/></xcap-error>"),
            error(""),
            error("<e:new-error/>"),
            error("<o:not-utf-8/>"),
            error("<e:extension phrase='p'><o:other/></e:extension>"),
        ] {
            assert_eq!(conflict.reason, Reason::Unspecified);
            assert_eq!(conflict.phrase, None);
        }
    }

    /// SEC-07.
    #[test]
    fn long_texts_of_a_server_are_cut() {
        let phrase = "é".repeat(MAX_PHRASE);
        let conflict = error(&format!("<e:not-utf-8 phrase='{phrase}'/>"));
        assert_eq!(conflict.phrase.map(|text| text.len()), Some(MAX_PHRASE));
        let many = "<e:exists field='f'/>".repeat(MAX_EXISTS + 1);
        let unique = error(&format!(
            "<e:uniqueness-failure>{many}</e:uniqueness-failure>"
        ));
        let Reason::Uniqueness { exists } = unique.reason else {
            panic!("{unique:?}");
        };
        assert_eq!(exists.len(), MAX_EXISTS);
    }
}
