//! The pieces that header values share: blanks, quoted strings, lists, parameters (RFC 3261 §25.1).

use alloc::string::{String, ToString};

use super::Params;

/// Blank in the sense of LWS, folded line ends included.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The text without blanks at its ends.
pub(super) fn trim(text: &str) -> &str {
    // A blank at one end only is seldom, both ends bare the rule.
    let bytes = text.as_bytes();
    let bare = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_graphic());
    if bare(bytes.first()) && bare(bytes.last()) {
        return text;
    }
    text.trim_matches(is_blank)
}

/// True for the characters of `token` (RFC 3261 §25.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

/// Index of the quote that closes the quoted string which the text begins with.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// Walks a text for separators outside of quoted strings and angle brackets. A quote or bracket that is never closed
/// counts as an ordinary character, so that it cannot hide the rest of the line; after the first such none of its kind
/// is closed, which keeps the walk linear.
struct Outside<'a> {
    text: &'a str,
    at: usize,
    quotes: bool,
    angles: bool,
}

impl<'a> Outside<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            quotes: true,
            angles: true,
        }
    }

    /// Index of the next `wanted`, an ASCII character.
    fn next(&mut self, wanted: u8) -> Option<usize> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let found = self.at;
            self.at += 1;
            if byte == wanted {
                return Some(found);
            }
            let close = match byte {
                b'"' if self.quotes => {
                    let close = bytes.get(found..).and_then(closing_quote);
                    self.quotes = close.is_some();
                    close
                }
                b'<' if self.angles => {
                    let close = memchr::memchr(b'>', bytes.get(found..).unwrap_or_default());
                    self.angles = close.is_some();
                    close
                }
                _ => None,
            };
            if let Some(close) = close {
                self.at += close;
            }
        }
        None
    }
}

/// Splits in two at the first `separator` (an ASCII character) outside of quotes and angle brackets.
pub(super) fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = Outside::new(text).next(separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The pieces between separators outside of quotes and angle brackets, trimmed, empty ones included.
pub(super) fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut outside = Outside::new(text);
    let mut begin = Some(0);
    core::iter::from_fn(move || {
        let from = begin?;
        let end = outside.next(separator);
        begin = end.map(|end| end + 1);
        text.get(from..end.unwrap_or(text.len())).map(trim)
    })
}

/// Splits `"quoted string" rest` after the closing quote; the first half is unescaped and unfolded.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    if !text.starts_with('"') {
        return None;
    }
    let close = closing_quote(text.as_bytes())?;
    let mut plain = String::with_capacity(close);
    let mut escaped = false;
    for c in text.get(1..close)?.chars() {
        match c {
            _ if escaped => {
                plain.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            _ => plain.push(c),
        }
    }
    Some((unfold(&plain), text.get(close + 1..)?))
}

/// Text with every folded line end as one blank (RFC 3261 §7.3.1).
pub(super) fn unfold(text: &str) -> String {
    let mut lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    let mut whole = lines.next().unwrap_or_default().to_string();
    for line in lines {
        whole.truncate(whole.trim_end_matches([' ', '\t']).len());
        whole.push(' ');
        whole.push_str(line.trim_start_matches([' ', '\t']));
    }
    whole
}

/// The raw `name[=value]` parameters between semicolons, without empty ones.
pub(super) fn raw_params(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    split(text, b';').filter_map(|param| {
        let (name, value) = match param.split_once('=') {
            Some((name, value)) => (trim(name), Some(trim(value))),
            None => (param, None),
        };
        (!name.is_empty()).then_some((name, value))
    })
}

/// The first raw parameter of this name: its value, "" for a name alone.
pub(super) fn raw_param<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    raw_params(text)
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.unwrap_or_default())
}

/// Parameters as values, unquoted.
pub(super) fn params(text: &str) -> Params {
    raw_params(text)
        .map(|(name, value)| (name.to_string(), value.map(unquoted)))
        .collect()
}

/// First value of a name in a list of parameters, "" for a name alone.
pub(super) fn param<'a>(params: &'a Params, wanted: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.as_deref().unwrap_or_default())
}

/// A parameter's value without quotes and escapes, when it has any.
pub(super) fn unquoted(value: &str) -> String {
    quoted(value).map_or_else(|| unfold(value), |(plain, _)| plain)
}
