//! Media types: Content-Type, Accept (RFC 3261 §20.15, RFC 2045 §5.1).

use alloc::string::String;

use super::{Params, lex};

/// A media type with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// Type in lower case: `application`.
    pub kind: String,
    /// Subtype in lower case: `conference-info+xml`.
    pub subtype: String,
    /// Parameters as written.
    pub params: Params,
}

impl MediaType {
    /// Reads a Content-Type value; none when it is not `type/subtype`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (name, params) = lex::split_once(value, b';').unwrap_or((value, ""));
        let (kind, subtype) = name.split_once('/')?;
        let (kind, subtype) = (lex::trim(kind), lex::trim(subtype));
        (lex::is_token(kind) && lex::is_token(subtype)).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            params: lex::params(params),
        })
    }

    /// True for this `type/subtype`, whatever its case and the parameters.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// First value of a parameter, whatever the case of its name; "" for a name alone.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        lex::param(&self.params, name)
    }
}
