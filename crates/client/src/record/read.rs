//! A recording read line by line: what is whole is given, and one fault says where and why it ends there.

use std::io::{BufRead, Read};
use std::time::Duration;

use rollmark_core::host::Capabilities;
use rollmark_core::message::Headers;
use rollmark_core::record::{self, Input, Pairs, Parts, engine_of_parts};
use serde_json::{Map, Value};

use super::{Names, VERSION, json};

/// Octets of one line, at most: a body of the largest size, each of its octets escaped.
pub const MAX_LINE: u64 = 32 * 1024 * 1024;

/// What is wrong with a recording. Lines are counted from one.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The first line is none of a recording.
    #[error("this is no recording: its first line has no \"rollmark-recording\"")]
    NoRecording,
    /// A recording of another version.
    #[error("a recording of version {version}; this program reads version {VERSION}")]
    Version {
        /// As written.
        version: String,
    },
    /// It ends before its last line: the file was cut off, or the run was.
    #[error("it is cut off at line {line}; what is before was read")]
    Cut {
        /// The first that is missing or not whole.
        line: usize,
    },
    /// A line that is none.
    #[error(
        "line {line} cannot be read: it is no JSON object with \"t\" and \"line\"; is it damaged?"
    )]
    Syntax {
        /// Which.
        line: usize,
    },
    /// A line without end.
    #[error("line {line} is longer than {MAX_LINE} octets, which is the limit")]
    TooLong {
        /// Which.
        line: usize,
    },
    /// An input that cannot be read.
    #[error(transparent)]
    Input(#[from] record::Fault),
    /// What the engine does is not what was recorded.
    #[error(
        "line {line}: the replay comes to something else; the recording is of another version of the program"
    )]
    Differs {
        /// Which.
        line: usize,
    },
    /// It could not be read on.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number, from one.
    pub number: usize,
    /// When, since the start of the plugin.
    pub at: Duration,
    /// What it says.
    pub wire: Wire,
}

/// What a line says.
#[derive(Clone, Debug)]
pub enum Wire {
    /// An input of the engine.
    Input(Box<Input>),
    /// What followed: `line`, and all that it says.
    Note(String, Map<String, Value>),
}

/// Reads a recording.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    line: usize,
    inputs: u64,
    over: bool,
    /// What the host could do.
    pub capabilities: Capabilities,
    /// The engine's randomness.
    pub seed: [u8; 32],
    /// What became of names.
    pub names: Names,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// When it is none of a recording, or of one of another version.
    pub fn new(source: R) -> Result<Self, Fault> {
        let mut reader = Self {
            source,
            line: 0,
            inputs: 0,
            over: false,
            capabilities: Capabilities::TRANSACTION,
            seed: [0; 32],
            names: Names::Kept,
        };
        let text = match reader.text() {
            Ok(Some(text)) => text,
            Err(Fault::Io(error)) => return Err(Fault::Io(error)),
            _ => return Err(Fault::NoRecording),
        };
        let first: Map<String, Value> =
            serde_json::from_slice(&text).map_err(|_| Fault::NoRecording)?;
        match first.get(json::VERSION_KEY) {
            Some(version) if *version == VERSION => {}
            Some(version) => {
                let version = version.to_string();
                return Err(Fault::Version { version });
            }
            None => return Err(Fault::NoRecording),
        }
        if first.get("names").and_then(Value::as_str) == Some("replaced") {
            reader.names = Names::Replaced;
        }
        let engine = first.get("engine").and_then(Value::as_object);
        let engine = engine.cloned().ok_or(Fault::Syntax { line: 1 })?;
        let pairs = pairs(engine).ok_or(Fault::Syntax { line: 1 })?;
        (reader.capabilities, reader.seed) = engine_of_parts(1, pairs)?;
        Ok(reader)
    }

    /// The next line as it is; none at the end.
    fn text(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.line += 1;
        let mut text = Vec::new();
        let mut limited = (&mut self.source).take(MAX_LINE + 1);
        limited.read_until(b'\n', &mut text)?;
        if text.is_empty() {
            return Ok(None);
        }
        if text.pop_if(|last| *last == b'\n').is_none() {
            let line = self.line;
            return Err(match text.len() as u64 > MAX_LINE {
                true => Fault::TooLong { line },
                false => Fault::Cut { line },
            });
        }
        Ok(Some(text))
    }

    fn read(&mut self) -> Result<Option<Line>, Fault> {
        let line = self.line + 1;
        let text = self.text()?.ok_or(Fault::Cut { line })?;
        let syntax = || Fault::Syntax { line };
        let mut map: Map<String, Value> = serde_json::from_slice(&text).map_err(|_| syntax())?;
        let at = map
            .shift_remove("t")
            .and_then(|t| time(&t))
            .ok_or_else(syntax)?;
        let Some(Value::String(kind)) = map.shift_remove("line") else {
            return Err(syntax());
        };
        if kind == "end" {
            let inputs = map.get("inputs").and_then(Value::as_u64);
            if inputs != Some(self.inputs) || self.text()?.is_some() {
                return Err(Fault::Syntax { line });
            }
            return Ok(None);
        }
        let wire = if Input::is_kind(&kind) {
            self.inputs += 1;
            let parts = parts(kind, map).ok_or_else(syntax)?;
            Wire::Input(Box::new(Input::of_parts(line, parts)?))
        } else {
            Wire::Note(kind, map)
        };
        Ok(Some(Line {
            number: line,
            at,
            wire,
        }))
    }
}

/// The lines, at last perhaps a fault; without one the recording is whole.
impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Line, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read().transpose();
        self.over = !matches!(read, Some(Ok(_)));
        read
    }
}

fn time(value: &Value) -> Option<Duration> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (seconds, decimals) = text.split_once('.').unwrap_or((&text, ""));
    if decimals.len() > 9 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{decimals:0<9}").parse().ok()?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    }
}

fn pairs(map: Map<String, Value>) -> Option<Pairs> {
    let mut pairs = Pairs::new();
    for (name, value) in map {
        match value {
            Value::Array(values) => {
                for value in values {
                    pairs.push((name.clone(), text(value)?));
                }
            }
            value => pairs.push((name, text(value)?)),
        }
    }
    Some(pairs)
}

fn parts(kind: String, mut map: Map<String, Value>) -> Option<Parts> {
    let headers = match map.shift_remove("headers") {
        Some(value) => headers_of(&value)?,
        None => Headers::new(),
    };
    let body = body_of(&mut map)?;
    let mut list = Vec::new();
    if let Some(items) = map.shift_remove("list") {
        let Value::Array(items) = items else {
            return None;
        };
        for item in items {
            let Value::Object(mut item) = item else {
                return None;
            };
            let word = item.shift_remove("item").and_then(text)?;
            list.push((word, pairs(item)?));
        }
    }
    Some(Parts {
        kind,
        fields: pairs(map)?,
        headers,
        body,
        list,
    })
}

/// Headers as a line has them.
pub(super) fn headers_of(value: &Value) -> Option<Headers> {
    let pair = |header: &Value| match header.as_array()?.as_slice() {
        [Value::String(name), Value::String(value)] => Some((name.clone(), value.clone())),
        _ => None,
    };
    value.as_array()?.iter().map(pair).collect()
}

/// The body of a line; it is taken away.
pub(super) fn body_of(map: &mut Map<String, Value>) -> Option<Vec<u8>> {
    if let Some(body) = map.shift_remove("body") {
        return text(body).map(String::into_bytes);
    }
    let Some(hex) = map.shift_remove("body-hex") else {
        return Some(Vec::new());
    };
    let hex = hex.as_str()?;
    if hex.len() % 2 == 1 {
        return None;
    }
    let digits = hex.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
