//! What stands between tags: character data, CDATA sections, comments, processing instructions (XML 1.0 §2.4–§2.7).

use memchr::{memchr, memchr3, memmem};

use super::chars::{ncname_len, space_len};
use super::error::{Error, Fault};
use super::reader::Reader;
use super::text::{Form, Text, check_references};

impl<'a> Reader<'a> {
    /// The rest of the content of the innermost open element up to and with its end, if that is a text in which nothing has
    /// to be decoded. Otherwise `None`, and nothing is read.
    pub fn read_plain(&mut self) -> Option<&'a str> {
        if self.pending_end || self.failed.is_some() || self.carriage_returns {
            return None;
        }
        let bytes = self.src.as_bytes();
        let rest = bytes.get(self.pos..)?;
        let length = memchr3(b'<', b'&', b'>', rest)?;
        let name = self.open.last()?.name.as_bytes();
        let after = rest
            .get(length..)?
            .strip_prefix(b"</")?
            .strip_prefix(name)?
            .strip_prefix(b">")?;
        if self.run + length > self.limits.text {
            return None;
        }
        let text = self.slice(self.pos, self.pos + length);
        self.pos = bytes.len() - after.len();
        self.close().ok()?;
        Some(text)
    }

    /// Passes over white space before a tag. False, and nothing is passed over, when it is something else.
    #[inline]
    pub(super) fn pass_indentation(&mut self) -> bool {
        let rest = self.rest_bytes();
        let length = space_len(rest);
        if rest.get(length) != Some(&b'<') || self.run + length > self.limits.text {
            return false;
        }
        self.run += length;
        self.pos += length;
        true
    }

    /// Character data up to the next `<`; `None` for white space outside the root element.
    pub(super) fn read_text(&mut self) -> Result<Option<Text<'a>>, Error> {
        let start = self.pos;
        let bytes = self.src.as_bytes();
        let mut end = start;
        let mut references = false;
        while let Some(at) = memchr3(b'<', b'&', b'>', bytes.get(end..).unwrap_or_default()) {
            end += at;
            match self.byte(end) {
                Some(b'&') => references = true,
                Some(b'>') => {
                    if end >= start + 2 && self.slice(end - 2, end) == "]]" {
                        return Err(Error {
                            fault: Fault::CdataEndInText,
                            offset: self.base + end - 2,
                        });
                    }
                }
                _ => break,
            }
            end += 1;
        }
        if self.byte(end) != Some(b'<') {
            end = self.src.len();
        }
        let raw = self.slice(start, end);
        if self.open.is_empty() {
            if space_len(raw.as_bytes()) < raw.len() {
                return Err(self.fault(Fault::TextOutsideRoot));
            }
            self.pos = end;
            return Ok(None);
        }
        if references {
            check_references(raw, self.base + start)?;
        }
        self.count_text(raw.len())?;
        self.pos = end;
        let line_ends = self.carriage_returns && memchr(b'\r', raw.as_bytes()).is_some();
        let form = if references || line_ends {
            Form::Escaped
        } else {
            Form::Plain
        };
        Ok(Some(Text::new(raw, form)))
    }

    fn count_text(&mut self, length: usize) -> Result<(), Error> {
        self.run = self.run.saturating_add(length);
        if self.run > self.limits.text {
            return Err(self.fault(Fault::TextTooLong));
        }
        Ok(())
    }

    /// `<!`: a comment, passed over, or a CDATA section.
    pub(super) fn read_bang(&mut self) -> Result<Option<Text<'a>>, Error> {
        let rest = self.rest();
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = memmem::find(comment.as_bytes(), b"--")
                .ok_or_else(|| self.fault(Fault::UnexpectedEnd))?;
            self.pos += 4 + end;
            if self.byte(self.pos + 2) != Some(b'>') {
                return Err(self.fault(Fault::DoubleHyphen));
            }
            self.pos += 3;
            return Ok(None);
        }
        if let Some(section) = rest.strip_prefix("<![CDATA[") {
            if self.open.is_empty() {
                return Err(self.fault(Fault::CdataOutsideRoot));
            }
            let end = memmem::find(section.as_bytes(), b"]]>")
                .ok_or_else(|| self.fault(Fault::UnexpectedEnd))?;
            self.count_text(end)?;
            self.pos += 9 + end + 3;
            let raw = section.get(..end).unwrap_or_default();
            let form = if memchr(b'\r', raw.as_bytes()).is_some() {
                Form::LineEnds
            } else {
                Form::Plain
            };
            return Ok(Some(Text::new(raw, form)));
        }
        Err(self.fault(if rest.starts_with("<!DOCTYPE") {
            Fault::Doctype
        } else {
            Fault::MalformedMarkup
        }))
    }

    pub(super) fn read_processing_instruction(&mut self) -> Result<(), Error> {
        let inner = self.slice(self.pos + 2, self.src.len());
        let target = inner.get(..ncname_len(inner)).unwrap_or_default();
        if target.eq_ignore_ascii_case("xml") {
            return Err(self.fault(Fault::MisplacedDeclaration));
        }
        let end = memmem::find(inner.as_bytes(), b"?>")
            .ok_or_else(|| self.fault(Fault::UnexpectedEnd))?;
        let after = inner.get(target.len()..end).unwrap_or("?");
        if target.is_empty() || (!after.is_empty() && space_len(after.as_bytes()) == 0) {
            return Err(self.fault(Fault::MalformedProcessingInstruction));
        }
        self.pos += 2 + end + 2;
        Ok(())
    }
}
