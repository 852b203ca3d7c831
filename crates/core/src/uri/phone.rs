//! Telephone numbers: the telephone-subscriber of tel URIs and of `user=phone` (RFC 3966, RFC 3261 §19.1.6).

use alloc::string::String;
use alloc::vec::Vec;

use super::escape;
use super::host;
use super::steps::{Step, Steps};

/// A telephone-subscriber: its number, reduced to digits, and its parameters as written.
pub(super) struct Subscriber<'a> {
    raw: &'a str,
    number: String,
    params: Vec<(&'a str, Option<&'a str>)>,
}

/// The number without separators and in lower case (RFC 3966 §4); none when it is no number. `#` comes out as `%23`,
/// since it cannot stand bare in a URI.
pub(crate) fn digits(number: &str) -> Option<String> {
    let plain: String = escape::normal(number)
        .chars()
        .filter(|c| !matches!(c, '-' | '.' | '(' | ')'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let valid = match plain.strip_prefix('+') {
        Some(rest) => !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()),
        None => {
            !plain.is_empty()
                && plain
                    .replace("%23", "#")
                    .bytes()
                    .all(|b| b.is_ascii_hexdigit() || b == b'*' || b == b'#')
        }
    };
    valid.then_some(plain)
}

/// True for a number in global form, once it is reduced to digits.
fn is_global(digits: &str) -> bool {
    digits.starts_with('+')
}

/// phone-context in one form: digits, or host name (RFC 3966 §4).
fn context(value: &str) -> String {
    digits(value)
        .filter(|digits| is_global(digits))
        .or_else(|| host::canonical(value, &mut Steps::default()))
        .unwrap_or_else(|| escape::normal_ignoring_case(value))
}

/// A parameter's value in the form in which RFC 3966 §4 compares it.
fn comparable(name: &str, value: &str) -> String {
    match name {
        "phone-context" => context(value),
        "ext" => digits(value).unwrap_or_else(|| escape::normal_ignoring_case(value)),
        _ => escape::normal_ignoring_case(value),
    }
}

impl<'a> Subscriber<'a> {
    /// Reads `number;parameters`; none when there is no number.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (raw, params) = text.split_once(';').unwrap_or((text, ""));
        Some(Self::new(raw, digits(raw)?, super::params(params)))
    }

    fn new(
        raw: &'a str,
        number: String,
        params: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Self {
        Self {
            raw,
            number,
            params: params.collect(),
        }
    }

    /// The subscriber of a tel URI.
    pub(super) fn of(uri: &'a super::Uri) -> Option<Self> {
        let raw = uri.number()?;
        Some(Self::new(raw, digits(raw)?, uri.params()))
    }

    pub(super) fn is_global(&self) -> bool {
        is_global(&self.number)
    }

    /// True for a local number that does not say where it is valid.
    pub(super) fn lacks_context(&self) -> bool {
        !self.is_global() && !self.params.iter().any(|(name, _)| is_context(name))
    }

    /// True when the number could not be a word: no letters among its digits.
    pub(super) fn is_decimal(&self) -> bool {
        !self.number.contains(|c: char| c.is_ascii_alphabetic())
    }

    /// Number and parameters as RFC 3966 §4 compares them, without order.
    pub(super) fn comparable(&self) -> (&str, Vec<(String, Option<String>)>) {
        let mut params: Vec<_> = self
            .params
            .iter()
            .map(|(name, value)| {
                let name = escape::normal_ignoring_case(name);
                let value = value.map(|value| comparable(&name, value));
                (name, value)
            })
            .collect();
        params.sort_unstable();
        (&self.number, params)
    }

    /// `number;parameters` that are the same for all writings of one line's number: ext, isub, mandatory parameters, and
    /// the context of a local number; other optional parameters are dropped (URI-09…12).
    pub(super) fn canonical(&self, steps: &mut Steps) -> String {
        let mut text = self.number.clone();
        let raw = escape::normal(self.raw);
        steps.insert_if(Step::PhoneDigits, raw != self.number);
        steps.insert_if(
            Step::PercentDecoding,
            self.raw.contains('%') && raw != self.raw,
        );
        let mut kept: Vec<(String, Option<String>)> = Vec::new();
        for (raw_name, raw_value) in &self.params {
            let name = escape::normal_ignoring_case(raw_name);
            let counts = match name.as_str() {
                "ext" | "isub" => true,
                "phone-context" => !self.is_global(),
                other => other.starts_with("m-"),
            };
            if !counts {
                steps.insert(Step::StripParams);
                continue;
            }
            let value = raw_value.map(|value| comparable(&name, value));
            steps.insert_if(
                Step::PhoneDigits,
                name != *raw_name || value.as_deref() != *raw_value,
            );
            kept.push((name, value));
        }
        // Of two of one name the first counts.
        kept.sort_by(|(a, _), (b, _)| a.cmp(b));
        let all = kept.len();
        kept.dedup_by(|(next, _), (first, _)| next == first);
        steps.insert_if(Step::StripParams, kept.len() < all);
        for (name, value) in kept {
            text.push(';');
            text.push_str(&name);
            if let Some(value) = value {
                text.push('=');
                text.push_str(&value);
            }
        }
        text
    }
}

fn is_context(name: &str) -> bool {
    escape::same_ignoring_case(name, "phone-context")
}

/// `+` and digits alone, perhaps with separators: a number that somebody wrote without `tel:`.
pub(super) fn is_bare_global(text: &str) -> bool {
    digits(text).is_some_and(|digits| is_global(&digits))
}
