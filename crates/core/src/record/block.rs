//! One input as lines: its kind and fields, headers and body below, or the entries of a list.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::fields::{Fields, escaped, unescaped};
use super::{Fault, INDENT, rules};
use crate::blocklist::BlockList;
use crate::message::Headers;

#[derive(Debug)]
pub(super) struct Block {
    pub(super) fields: Fields,
    reading: bool,
    /// The indented lines, without indentation, by their number in the file.
    below: Vec<(usize, String)>,
}

impl Block {
    pub(super) fn to_write() -> Self {
        Self {
            fields: Fields::to_write(),
            reading: false,
            below: Vec::new(),
        }
    }

    pub(super) fn to_read(fields: Fields, below: Vec<(usize, String)>) -> Self {
        Self {
            fields,
            reading: true,
            below,
        }
    }

    /// The indented lines.
    pub(super) fn take_below(&mut self) -> Vec<(usize, String)> {
        core::mem::take(&mut self.below)
    }

    /// Headers as `Name: value`, body as lines after `|`.
    pub(super) fn message(
        &mut self,
        headers: &mut Headers,
        body: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if !self.reading {
            for header in headers.iter() {
                let name = escaped(header.name.as_bytes(), true)
                    .replace(':', "\\:")
                    .replace(' ', "\\ ");
                // A name that looks like a body.
                let name = match name.strip_prefix('|') {
                    Some(rest) => format!("\\x7c{rest}"),
                    None => name,
                };
                let value = escaped(header.value.as_bytes(), false);
                self.below.push((0, format!("{name}: {value}")));
            }
            if !body.is_empty() {
                for line in body.split(|byte| *byte == b'\n') {
                    self.below.push((0, format!("|{}", escaped(line, false))));
                }
            }
            return Ok(());
        }
        *headers = Headers::new();
        let mut lines: Option<Vec<u8>> = None;
        for (line, text) in core::mem::take(&mut self.below) {
            let syntax = || Fault::Syntax { line };
            if let Some(text) = text.strip_prefix('|') {
                let bytes = unescaped(text).ok_or_else(syntax)?;
                match &mut lines {
                    Some(body) => {
                        body.push(b'\n');
                        body.extend_from_slice(&bytes);
                    }
                    None => lines = Some(bytes),
                }
                continue;
            }
            let plain = |text: &str| {
                unescaped(text)
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(syntax)
            };
            let (name, value) = split_name(&text).ok_or_else(syntax)?;
            if lines.is_some() {
                return Err(syntax());
            }
            headers.push(plain(name)?, plain(value)?);
        }
        *body = lines.unwrap_or_default();
        Ok(())
    }

    /// Entries and rules of a block list, one a line.
    pub(super) fn list(&mut self, list: &mut Option<BlockList>) -> Result<(), Fault> {
        let mut complete = list.as_ref().map(|list| list.complete);
        let mut with_rules = list.as_ref().map(|list| list.rules.is_some());
        self.fields.value("complete", &mut complete)?;
        self.fields.value("rules", &mut with_rules)?;
        if !self.reading {
            let lines = list.iter().flat_map(rules::write);
            self.below.extend(lines.map(|line| (0, line)));
            return Ok(());
        }
        *list = match (complete, with_rules) {
            (Some(complete), Some(with_rules)) => {
                let lines = core::mem::take(&mut self.below);
                Some(rules::read(lines, complete, with_rules)?)
            }
            _ => None,
        };
        Ok(())
    }

    /// The lines of what was written.
    pub(super) fn text(&self, kind: &str) -> String {
        let mut text = kind.to_string();
        let fields = self.fields.text();
        if !fields.is_empty() {
            text.push(' ');
            text.push_str(&fields);
        }
        text.push('\n');
        for (_, below) in &self.below {
            text.push_str(INDENT);
            text.push_str(below);
            text.push('\n');
        }
        text
    }

    /// The end of reading: nothing may be left that was not understood.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        self.fields.finish()?;
        match self.below.first() {
            Some((line, _)) if self.reading => Err(Fault::Syntax { line: *line }),
            _ => Ok(()),
        }
    }
}

/// Splits at the first `: ` that is not escaped.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let mut escape = false;
    let at = text.bytes().position(|byte| {
        let colon = byte == b':' && !escape;
        escape = byte == b'\\' && !escape;
        colon
    })?;
    let (name, rest) = text.split_at(at);
    let value = rest.strip_prefix(':')?;
    Some((name, value.strip_prefix(' ').unwrap_or(value)))
}
