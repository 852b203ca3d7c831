//! An input as its parts, for other forms of a recording than the text of this module: what has a name and a value, and what
//! hangs below.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Fault;
use super::block::Block;
use super::engine_line::describe_engine;
use super::fields::Fields;
use super::input::Input;
use crate::host::Capabilities;
use crate::message::Headers;

/// Names and values, in order; a name may come several times.
pub type Pairs = Vec<(String, String)>;

/// One input as its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Its kind, as in the text.
    pub kind: String,
    /// Its fields.
    pub fields: Pairs,
    /// Headers of a message.
    pub headers: Headers,
    /// Body of a message.
    pub body: Vec<u8>,
    /// Entries and rules of a block list: a word, and its fields.
    pub list: Vec<(String, Pairs)>,
}

/// The kind whose parts below are those of a list.
const LIST: &str = "block-list";

impl Input {
    /// True for the name of a kind of input.
    #[must_use]
    pub fn is_kind(kind: &str) -> bool {
        Self::blank(kind).is_some()
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let mut block = Block::to_write();
        // Writing finds no fault.
        let _ = self.clone().describe(&mut block);
        let mut parts = Parts {
            kind: self.kind().to_string(),
            fields: block.fields.take_pairs(),
            ..Parts::default()
        };
        let below = block.take_below();
        if parts.kind == LIST {
            for (_, line) in below {
                let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
                let pairs = Fields::to_read(0, rest).map(|mut fields| fields.take_pairs());
                parts
                    .list
                    .push((word.to_string(), pairs.unwrap_or_default()));
            }
        } else {
            let mut below = Block::to_read(Fields::to_write(), below);
            let _ = below.message(&mut parts.headers, &mut parts.body);
        }
        parts
    }

    /// The input of these parts, which stand on this line.
    ///
    /// # Errors
    /// What is missing, too much or no value of its field.
    pub fn of_parts(line: usize, parts: Parts) -> Result<Self, Fault> {
        let mut input = Self::blank(&parts.kind).ok_or_else(|| Fault::UnknownInput {
            line,
            kind: parts.kind.clone(),
        })?;
        let mut below = Block::to_write();
        let Parts {
            kind,
            fields,
            mut headers,
            mut body,
            list,
        } = parts;
        let lines = if kind == LIST {
            list.into_iter()
                .map(|(word, pairs)| {
                    let text = Fields::of_pairs(0, pairs).text();
                    let blank = if text.is_empty() { "" } else { " " };
                    (line, [&*word, blank, &text].concat())
                })
                .collect()
        } else {
            below.message(&mut headers, &mut body)?;
            let below = below.take_below();
            below.into_iter().map(|(_, text)| (line, text)).collect()
        };
        let mut block = Block::to_read(Fields::of_pairs(line, fields), lines);
        input.describe(&mut block)?;
        block.finish()?;
        Ok(input)
    }
}

/// What an engine was made with, as pairs.
#[must_use]
pub fn engine_parts(mut capabilities: Capabilities, mut seed: [u8; 32]) -> Pairs {
    let mut fields = Fields::to_write();
    // Writing finds no fault.
    let _ = describe_engine(&mut capabilities, &mut seed, &mut fields);
    fields.take_pairs()
}

/// The engine of these pairs, which stand on this line.
///
/// # Errors
/// What is missing, too much or no value of its field.
pub fn engine_of_parts(line: usize, pairs: Pairs) -> Result<(Capabilities, [u8; 32]), Fault> {
    let mut engine = (Capabilities::TRANSACTION, [0; 32]);
    let mut fields = Fields::of_pairs(line, pairs);
    describe_engine(&mut engine.0, &mut engine.1, &mut fields)?;
    fields.finish()?;
    Ok(engine)
}
