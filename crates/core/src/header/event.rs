//! Event (RFC 6665 §8.2.1).

use super::lex;

/// An Event value: the package and, if there is one, the id. Other parameters say nothing about which subscription is
/// meant and are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Package name as written, templates included (`presence.winfo`).
    pub package: &'a str,
    /// Value of the `id` parameter as written; "" for an `id` without value.
    pub id: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Reads an Event value; none when it does not begin with a token.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        let (package, params) = lex::split_once(value, b';').unwrap_or((value, ""));
        let package = lex::trim(package);
        lex::is_token(package).then(|| Self {
            package,
            id: lex::raw_param(params, "id"),
        })
    }

    /// True when both mean the same subscription: package and id byte by byte, an id never equal to none
    /// (RFC 6665 §8.2.1, SUB-23).
    #[must_use]
    pub fn matches(&self, other: &Event<'_>) -> bool {
        self.package == other.package && self.id == other.id
    }
}
