//! What identifies and orders messages in a dialog: tags and CSeq (RFC 3261 §20.16, §20.20, §20.39).

use super::lex;

/// Tag of a From or To value, as written; none without one or with an empty one.
#[must_use]
pub fn tag(value: &str) -> Option<&str> {
    let (_, params) = lex::split_once(value, b';')?;
    let tag = lex::raw_param(params, "tag")?;
    let end = tag
        .find(|c| lex::is_blank(c) || c == ',')
        .unwrap_or(tag.len());
    tag.get(..end).filter(|tag| !tag.is_empty())
}

/// Number and method of a CSeq value. A number over `u32::MAX` is none: it must not wrap into a small one.
#[must_use]
pub fn cseq(value: &str) -> Option<(u32, &str)> {
    let (number, method) = lex::trim(value).split_once(lex::is_blank)?;
    let method = lex::trim(method);
    if !number.bytes().all(|b| b.is_ascii_digit()) || !lex::is_token(method) {
        return None;
    }
    Some((number.parse().ok()?, method))
}
