//! Tokens and lists of them: Require, Supported, Unsupported, Allow-Events, Content-Encoding, SIP-ETag, Call-ID
//! (RFC 3261 §20.8, §20.12, §20.32, §20.40; RFC 6665 §8.2.2; RFC 3903 §11.3).

use super::{lex, split_list};

/// All tokens of a header, whose lines come in order, as written; parameters, and what is no token, are left out. For
/// option tags, event packages, content codings, methods.
pub fn tokens<'a>(values: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    values.flat_map(split_list).filter_map(|element| {
        let (token, _) = lex::split_once(element, b';').unwrap_or((element, ""));
        let token = lex::trim(token);
        lex::is_token(token).then_some(token)
    })
}

/// True when the header lists this token, whatever the case of either (RFC 3261 §7.3.1).
#[must_use]
pub fn lists<'a>(values: impl Iterator<Item = &'a str>, token: &str) -> bool {
    tokens(values).any(|listed| listed.eq_ignore_ascii_case(token))
}

/// True when a body under these Content-Encoding lines is not the plain one: any coding but `identity`, and any text that
/// is no list of codings (SUB-34).
#[must_use]
pub fn is_encoded<'a>(values: impl Iterator<Item = &'a str>) -> bool {
    values
        .flat_map(split_list)
        .any(|coding| !coding.eq_ignore_ascii_case("identity"))
}

/// An entity tag as in SIP-ETag, byte by byte; none when it is not one token. The `*` of Suppress-If-Match is one
/// (RFC 5839 §7.2).
#[must_use]
pub fn entity_tag(value: &str) -> Option<&str> {
    let value = lex::trim(value);
    lex::is_token(value).then_some(value)
}

/// A Call-ID, byte by byte; none when it is empty or more than one word.
#[must_use]
pub fn call_id(value: &str) -> Option<&str> {
    let value = lex::trim(value);
    (!value.is_empty() && !value.contains(lex::is_blank)).then_some(value)
}
