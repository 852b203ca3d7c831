//! Detailed conflict reports: why a change is refused, and the body of the 409 that says so (RFC 4825 §11).

use quick_xml::escape::escape;
use thiserror::Error;

/// MIME type of the report (RFC 4825 §15.2.4).
pub(crate) const CONTENT_TYPE: &str = "application/xcap-error+xml";

/// Why a change is refused: 409 over HTTP.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Conflict {
    /// The body is no well-formed document (RFC 4825 §8.2.2).
    #[error("not a well-formed XML document: {0}")]
    NotWellFormed(String),
    /// Not in UTF-8.
    #[error("not encoded in UTF-8")]
    NotUtf8,
    /// The body is not one balanced element.
    #[error("not one balanced XML element: {0}")]
    NotXmlFragment(String),
    /// The body is no AttValue: quotes around it are part of one.
    #[error("not an XML attribute value in quotes")]
    NotXmlAttributeValue,
    /// Nothing there to put it into (RFC 4825 §8.2.1).
    #[error("what it was to be put into does not exist")]
    NoParent {
        /// URI of the closest parent that exists.
        ancestor: String,
    },
    /// A GET afterwards would not give what was put (RFC 4825 §8.2.3, §8.2.4).
    #[error("afterwards the selector would not select what was put: {0}")]
    CannotInsert(&'static str),
    /// The selector would select something else afterwards (RFC 4825 §8.4).
    #[error("afterwards the selector would select another node: name the node by an attribute")]
    CannotDelete,
    /// The document would not fit the schema of its application usage (RFC 4825 §8.2.5).
    #[error("against the schema: {0}")]
    Schema(String),
    /// A value would not be unique (RFC 4826 §3.4.5).
    #[error("not unique: {}", .0.join(", "))]
    Uniqueness(Vec<String>),
    /// Another constraint of the application usage, or a limit of this server.
    #[error("{0}")]
    Constraint(String),
}

/// The body of the 409.
pub(crate) fn report(conflict: &Conflict) -> String {
    let phrase = conflict.to_string();
    let phrase = escape(phrase.as_str());
    let (name, content) = match conflict {
        Conflict::NotWellFormed(_) => ("not-well-formed", String::new()),
        Conflict::NotUtf8 => ("not-utf-8", String::new()),
        Conflict::NotXmlFragment(_) => ("not-xml-frag", String::new()),
        Conflict::NotXmlAttributeValue => ("not-xml-att-value", String::new()),
        Conflict::NoParent { ancestor } => {
            let ancestor = escape(ancestor.as_str());
            ("no-parent", format!("<ancestor>{ancestor}</ancestor>"))
        }
        Conflict::CannotInsert(_) => ("cannot-insert", String::new()),
        Conflict::CannotDelete => ("cannot-delete", String::new()),
        Conflict::Schema(_) => ("schema-validation-error", String::new()),
        Conflict::Uniqueness(fields) => {
            let fields = fields.iter().map(|field| {
                let field = escape(field.as_str());
                format!("<exists field=\"{field}\"/>")
            });
            ("uniqueness-failure", fields.collect())
        }
        Conflict::Constraint(_) => ("constraint-failure", String::new()),
    };
    let element = match content.as_str() {
        "" => format!("<{name} phrase=\"{phrase}\"/>"),
        content => format!("<{name} phrase=\"{phrase}\">{content}</{name}>"),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\">{element}</xcap-error>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    /// XDM-28 (RFC 4825 §11.1): every condition has an element of its own, and the report is well-formed.
    #[test]
    fn every_conflict_is_reported_by_name() {
        let text = || "<&\"".to_owned();
        for (conflict, name) in [
            (Conflict::NotWellFormed(text()), "not-well-formed"),
            (Conflict::NotUtf8, "not-utf-8"),
            (Conflict::NotXmlFragment(text()), "not-xml-frag"),
            (Conflict::NotXmlAttributeValue, "not-xml-att-value"),
            (Conflict::NoParent { ancestor: text() }, "no-parent"),
            (Conflict::CannotInsert("x"), "cannot-insert"),
            (Conflict::CannotDelete, "cannot-delete"),
            (Conflict::Schema(text()), "schema-validation-error"),
            (
                Conflict::Uniqueness(vec![text(), text()]),
                "uniqueness-failure",
            ),
            (Conflict::Constraint(text()), "constraint-failure"),
        ] {
            let tree = Tree::document(&report(&conflict)).unwrap();
            assert_eq!(tree.root().name.local, "xcap-error");
            let child = tree.children(0).next().unwrap();
            assert_eq!(tree.element(child).name.local, name);
            let phrase = &tree.element(child).attributes[0];
            assert_eq!(phrase.value, conflict.to_string());
        }
    }
}
