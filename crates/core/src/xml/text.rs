//! Character data and attribute values: references (XML 1.0 §4.1, §4.6), line ends (§2.11), normalisation (§3.3.3).

use alloc::borrow::Cow;
use alloc::string::String;

use memchr::{memchr, memchr_iter};

use super::chars::is_char;
use super::error::{Error, Fault};

/// A text as written in the document, checked but not yet decoded.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    raw: &'a str,
    form: Form,
}

/// What has to be done to read a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing.
    Plain,
    /// References and line ends.
    Escaped,
    /// Line ends only (CDATA section).
    LineEnds,
    /// References, and white space to spaces (attribute value of type CDATA).
    Attribute,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str, form: Form) -> Self {
        Self { raw, form }
    }

    /// The text with references replaced and line ends normalised; borrowed when nothing had to be replaced.
    pub fn decoded(&self) -> Cow<'a, str> {
        if self.form == Form::Plain {
            return Cow::Borrowed(self.raw);
        }
        let mut out = String::with_capacity(self.raw.len());
        self.push_to(&mut out);
        Cow::Owned(out)
    }

    /// Appends the decoded text to `out`.
    pub fn push_to(&self, out: &mut String) {
        if self.form == Form::Plain {
            out.push_str(self.raw);
            return;
        }
        let special: fn(u8) -> bool = match self.form {
            Form::Attribute => |b| matches!(b, b'&' | b'\r' | b'\n' | b'\t'),
            Form::LineEnds => |b| b == b'\r',
            Form::Escaped | Form::Plain => |b| matches!(b, b'&' | b'\r'),
        };
        let mut rest = self.raw;
        while let Some(at) = rest.bytes().position(special) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.push_str(before);
            rest = if let Some(after) = from.strip_prefix('&') {
                let (name, after) = after.split_once(';').unwrap_or((after, ""));
                // Checked by `check_references` when the text was read.
                out.extend(reference(name));
                after
            } else {
                out.push(if self.form == Form::Attribute {
                    ' '
                } else {
                    '\n'
                });
                from.strip_prefix("\r\n")
                    .or_else(|| from.get(1..))
                    .unwrap_or_default()
            };
        }
        out.push_str(rest);
    }
}

/// The character a reference stands for; `name` is what is between `&` and `;`.
fn reference(name: &str) -> Result<char, Fault> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "amp" => Ok('&'),
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ if super::chars::ncname_len(name) == name.len() && !name.is_empty() => {
                Err(Fault::UnknownEntity)
            }
            _ => Err(Fault::MalformedReference),
        };
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(Fault::MalformedReference);
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|&c| is_char(c))
        .ok_or(Fault::IllegalCharacterReference)
}

/// Checks every reference in `raw`, which begins at `offset` of the document.
pub(super) fn check_references(raw: &str, offset: usize) -> Result<(), Error> {
    let mut end = 0;
    for at in memchr_iter(b'&', raw.as_bytes()) {
        if at < end {
            continue;
        }
        let fault = |fault| Error {
            fault,
            offset: offset + at,
        };
        let after = raw.get(at + 1..).unwrap_or_default();
        let length =
            memchr(b';', after.as_bytes()).ok_or_else(|| fault(Fault::MalformedReference))?;
        reference(after.get(..length).unwrap_or_default()).map_err(fault)?;
        end = at + 1 + length;
    }
    Ok(())
}
