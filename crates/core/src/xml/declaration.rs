//! The XML declaration (XML 1.0 §2.8): versions 1.x, encoding UTF-8 or none.

use super::chars::space_len;
use super::error::Fault;

/// Reads the declaration that `text` begins with. The length of it; `None` when `text` begins with none.
///
/// # Errors
/// The fault and its offset in `text`.
pub(super) fn read(text: &str) -> Result<Option<usize>, (Fault, usize)> {
    let Some(after) = text.strip_prefix("<?xml") else {
        return Ok(None);
    };
    if space_len(after.as_bytes()) == 0 {
        // `<?xml-stylesheet …`, or `<?xml?>`, which the reader refuses as a processing instruction.
        return Ok(None);
    }
    let mut cursor = Cursor {
        rest: after,
        whole: text.len(),
    };
    let version = cursor
        .pseudo_attribute("version")?
        .ok_or((Fault::MalformedDeclaration, cursor.offset()))?;
    let digits = version.strip_prefix("1.").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err((Fault::UnsupportedVersion, cursor.offset()));
    }
    if let Some(encoding) = cursor.pseudo_attribute("encoding")?
        && !encoding.eq_ignore_ascii_case("utf-8")
    {
        return Err((Fault::UnsupportedEncoding, cursor.offset()));
    }
    if let Some(standalone) = cursor.pseudo_attribute("standalone")?
        && !matches!(standalone, "yes" | "no")
    {
        return Err((Fault::MalformedDeclaration, cursor.offset()));
    }
    cursor.skip_space();
    match cursor.rest.strip_prefix("?>") {
        Some(rest) => Ok(Some(text.len() - rest.len())),
        None => Err((Fault::MalformedDeclaration, cursor.offset())),
    }
}

struct Cursor<'a> {
    rest: &'a str,
    whole: usize,
}

impl<'a> Cursor<'a> {
    fn offset(&self) -> usize {
        self.whole - self.rest.len()
    }

    fn skip_space(&mut self) -> usize {
        let length = space_len(self.rest.as_bytes());
        self.rest = self.rest.get(length..).unwrap_or_default();
        length
    }

    /// White space, `name`, `=`, a quoted value; `None`, nothing read, when another thing than `name` comes.
    fn pseudo_attribute(&mut self, name: &str) -> Result<Option<&'a str>, (Fault, usize)> {
        let before = self.rest;
        let spaced = self.skip_space() > 0;
        let Some(after) = self.rest.strip_prefix(name).filter(|_| spaced) else {
            self.rest = before;
            return Ok(None);
        };
        self.rest = after;
        let fault = (Fault::MalformedDeclaration, self.offset());
        self.skip_space();
        self.rest = self.rest.strip_prefix('=').ok_or(fault)?;
        self.skip_space();
        let Some(quote @ ('"' | '\'')) = self.rest.chars().next() else {
            return Err(fault);
        };
        let inner = self.rest.get(1..).unwrap_or_default();
        let (value, rest) = inner.split_once(quote).ok_or(fault)?;
        self.rest = rest;
        Ok(Some(value))
    }
}
