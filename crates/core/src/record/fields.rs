//! Lines of a recording: a kind, `key=value` pairs, and indented lines below. Written and read by one description, so
//! that the two cannot drift apart.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

use super::Fault;
use crate::header::Rate;

/// Something that one value of a pair stands for.
pub(super) trait Value: Sized {
    /// As text; none for what is left out.
    fn write(&self) -> Option<String>;
    /// From text; none when the text says nothing of the kind.
    fn read(text: &str) -> Option<Self>;
    /// The value of a pair that was left out; none where it must be there.
    fn absent() -> Option<Self> {
        None
    }
}

impl Value for String {
    fn write(&self) -> Option<String> {
        Some(self.clone())
    }
    fn read(text: &str) -> Option<Self> {
        Some(text.to_string())
    }
}

impl<T: Value> Value for Option<T> {
    fn write(&self) -> Option<String> {
        self.as_ref().and_then(Value::write)
    }
    fn read(text: &str) -> Option<Self> {
        T::read(text).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

macro_rules! by_from_str {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn write(&self) -> Option<String> {
                Some(self.to_string())
            }
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

by_from_str!(bool, u8, u16, u32, u64, usize);

/// Notifications per second.
impl Value for Rate {
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// Seconds with up to nine decimals.
impl Value for Duration {
    fn write(&self) -> Option<String> {
        let text = format!("{}.{:09}", self.as_secs(), self.subsec_nanos());
        let text = text.trim_end_matches('0').trim_end_matches('.');
        Some(text.to_string())
    }
    fn read(text: &str) -> Option<Self> {
        let (seconds, decimals) = text.split_once('.').unwrap_or((text, ""));
        if decimals.len() > 9 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let nanos = format!("{decimals:0<9}").parse().ok()?;
        Some(Self::new(seconds.parse().ok()?, nanos))
    }
}

/// The seed: 64 hex digits.
impl Value for [u8; 32] {
    fn write(&self) -> Option<String> {
        let mut text = String::with_capacity(64);
        for byte in self {
            let _ = write!(text, "{byte:02x}");
        }
        Some(text)
    }
    fn read(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut seed = [0; 32];
        for (at, byte) in seed.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(seed)
    }
}

/// A value that is one of a few words.
macro_rules! words {
    ($type:ty { $($variant:ident = $word:literal),* $(,)? }) => {
        impl crate::record::fields::Value for $type {
            fn write(&self) -> Option<alloc::string::String> {
                Some(match self {
                    $(Self::$variant => $word.into(),)*
                })
            }
            fn read(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
pub(super) use words;

/// Pairs of one line. Writing adds to them, reading takes away.
#[derive(Debug)]
pub(super) struct Fields {
    reading: bool,
    /// In the file, counted from one; zero while writing.
    line: usize,
    pairs: Vec<(String, String)>,
}

impl Fields {
    pub(super) fn to_write() -> Self {
        Self {
            reading: false,
            line: 0,
            pairs: Vec::new(),
        }
    }

    /// Reads `key=value key="value" …`.
    pub(super) fn to_read(line: usize, text: &str) -> Result<Self, Fault> {
        let syntax = || Fault::Syntax { line };
        let mut pairs = Vec::new();
        let mut rest = text.trim_start_matches(' ');
        while !rest.is_empty() {
            let (key, value) = rest.split_once('=').ok_or_else(syntax)?;
            let value = match value.strip_prefix('"') {
                Some(quoted) => {
                    let end = end_of_quoted(quoted).ok_or_else(syntax)?;
                    let (value, after) = quoted.split_at(end);
                    rest = after.strip_prefix('"').ok_or_else(syntax)?;
                    unescaped(value).ok_or_else(syntax)?
                }
                None => {
                    let end = value.find(' ').unwrap_or(value.len());
                    let (value, after) = value.split_at(end);
                    rest = after;
                    value.as_bytes().to_vec()
                }
            };
            if !rest.is_empty() && !rest.starts_with(' ') {
                return Err(syntax());
            }
            rest = rest.trim_start_matches(' ');
            let value = String::from_utf8(value).map_err(|_| syntax())?;
            pairs.push((key.to_string(), value));
        }
        Ok(Self {
            reading: true,
            line,
            pairs,
        })
    }

    /// Pairs that were read elsewhere.
    pub(super) fn of_pairs(line: usize, pairs: Vec<(String, String)>) -> Self {
        Self {
            reading: true,
            line,
            pairs,
        }
    }

    /// All pairs.
    pub(super) fn take_pairs(&mut self) -> Vec<(String, String)> {
        core::mem::take(&mut self.pairs)
    }

    pub(super) fn value<T: Value>(
        &mut self,
        key: &'static str,
        value: &mut T,
    ) -> Result<(), Fault> {
        if !self.reading {
            if let Some(text) = value.write() {
                self.pairs.push((key.to_string(), text));
            }
            return Ok(());
        }
        let line = self.line;
        *value = match self.take(key) {
            Some(text) => T::read(&text).ok_or(Fault::BadValue {
                line,
                field: key,
                value: text,
            })?,
            None => T::absent().ok_or(Fault::MissingField { line, field: key })?,
        };
        Ok(())
    }

    /// A key that may be there several times.
    pub(super) fn values(&mut self, key: &'static str, values: &mut Vec<String>) {
        if self.reading {
            values.clear();
            while let Some(text) = self.take(key) {
                values.push(text);
            }
        } else {
            for value in values {
                self.pairs.push((key.to_string(), value.clone()));
            }
        }
    }

    /// The same where "none" and "unknown" are two things: none is told by a key of its own.
    pub(super) fn known_values(
        &mut self,
        key: &'static str,
        none: &'static str,
        values: &mut Option<Vec<String>>,
    ) -> Result<(), Fault> {
        let mut is_none = values
            .as_ref()
            .and_then(|list| list.is_empty().then_some(true));
        self.value(none, &mut is_none)?;
        let mut list = values.take().unwrap_or_default();
        self.values(key, &mut list);
        *values = (is_none.is_some() || !list.is_empty()).then_some(list);
        Ok(())
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(held, _)| held == key)?;
        Some(self.pairs.remove(at).1)
    }

    /// The text of what was written.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.pairs {
            if !text.is_empty() {
                text.push(' ');
            }
            let bare = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            if !value.is_empty() && value.bytes().all(bare) {
                let _ = write!(text, "{key}={value}");
            } else {
                let _ = write!(text, "{key}=\"{}\"", escaped(value.as_bytes(), true));
            }
        }
        text
    }

    /// The end of reading: nothing may be left that was not understood.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.pairs.first() {
            Some((key, _)) if self.reading => Err(Fault::UnknownField {
                line: self.line,
                field: key.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// Where the closing quote is.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escape = false;
    text.bytes().position(|byte| {
        let end = byte == b'"' && !escape;
        escape = byte == b'\\' && !escape;
        end
    })
}

/// Text of any bytes on one line: what is no UTF-8 and what is no printable character as `\xHH` or `\u{…}`.
pub(super) fn escaped(bytes: &[u8], quoted: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' if quoted => text.push_str("\\\""),
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                // Line and direction marks would make the line read otherwise than it is.
                c if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) => {
                    let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The bytes that [`escaped`] has written; none when it cannot have.
pub(super) fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let mut chars = after.chars();
        rest = match chars.next()? {
            'r' => {
                bytes.push(b'\r');
                chars.as_str()
            }
            'n' => {
                bytes.push(b'\n');
                chars.as_str()
            }
            't' => {
                bytes.push(b'\t');
                chars.as_str()
            }
            c @ ('\\' | '"' | ':' | ' ') => {
                bytes.push(c as u8);
                chars.as_str()
            }
            'x' => {
                let (digits, rest) = after.get(1..)?.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest
            }
            'u' => {
                let (digits, rest) = after.get(1..)?.strip_prefix('{')?.split_once('}')?;
                let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest
            }
            _ => return None,
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}
