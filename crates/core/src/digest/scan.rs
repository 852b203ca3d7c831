//! Reading and writing of authentication parameters: tokens, quoted strings (RFC 9110 §11.2, §5.6.4).

use alloc::borrow::Cow;
use alloc::string::String;

/// One piece of a challenge or of `Authentication-Info`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A word on its own: an authentication scheme, or what a broken list left behind.
    Word(&'a str),
    /// `name=value`, the value without its quotes and escapes.
    Param(&'a str, Cow<'a, str>),
}

/// The pieces of a header value, whatever the blanks, commas and quotes between them.
pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(value: &'a str) -> Self {
        Self { rest: value }
    }

    /// Takes the longest beginning without any of `stops`.
    fn take_until(&mut self, stops: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(stops).unwrap_or(self.rest.len());
        let (head, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        head
    }

    /// Takes a quoted string whose first quote is gone; the end of the text closes it too.
    fn take_quoted(&mut self) -> Cow<'a, str> {
        let plain = self.take_until(|c| c == '"' || c == '\\');
        if let Some(rest) = self.rest.strip_prefix('"') {
            self.rest = rest;
            return Cow::Borrowed(plain);
        }
        let mut text = String::from(plain);
        let mut chars = self.rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => text.extend(chars.next()),
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Cow::Owned(text)
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            self.rest = self
                .rest
                .trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
            if self.rest.is_empty() {
                return None;
            }
            if let Some(rest) = self.rest.strip_prefix('"') {
                // A quoted string that belongs to nothing.
                self.rest = rest;
                self.take_quoted();
                continue;
            }
            let word = self.take_until(|c| matches!(c, '=' | ',' | '"') || c.is_ascii_whitespace());
            let Some(rest) = self.rest.trim_ascii_start().strip_prefix('=') else {
                return Some(Piece::Word(word));
            };
            self.rest = rest.trim_ascii_start();
            let value = if let Some(rest) = self.rest.strip_prefix('"') {
                self.rest = rest;
                self.take_quoted()
            } else {
                Cow::Borrowed(self.take_until(|c| c == ',' || c.is_ascii_whitespace()))
            };
            if !word.is_empty() {
                return Some(Piece::Param(word, value));
            }
        }
    }
}

/// Appends `name="value"` with what the quotes ask for escaped. Control characters are left out: no
/// configured text may end the header line (SEC-09).
pub(super) fn push_quoted(out: &mut String, name: &str, value: &str) {
    push_name(out, name);
    out.push('"');
    for c in value.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// Appends `name=value`; the value must be a token.
pub(super) fn push_token(out: &mut String, name: &str, value: &str) {
    push_name(out, name);
    out.push_str(value);
}

fn push_name(out: &mut String, name: &str) {
    out.push_str(if out.is_empty() { "Digest " } else { ", " });
    out.push_str(name);
    out.push('=');
}
