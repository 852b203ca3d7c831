//! A configuration file as it stands: keys and values with their places, and what is wrong with it where.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// A larger file is none that somebody wrote.
pub(super) const MAX_FILE: u64 = 1 << 20;

/// Why a configuration file is of no use.
#[derive(Debug)]
pub(super) enum Fault {
    /// It cannot be read.
    Unreadable { path: PathBuf, why: String },
    /// Something in it is wrong.
    Wrong {
        path: PathBuf,
        place: Place,
        what: String,
    },
}

impl Fault {
    /// As the CLI contract has it: wrong use, or failed.
    pub(super) const fn exit_status(&self) -> i32 {
        match self {
            Self::Unreadable { .. } => 1,
            Self::Wrong { .. } => 2,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, why } => write!(
                f,
                "the configuration {} cannot be read: {why}; give a TOML file with options by their names (rollmark config prints one)",
                path.display()
            ),
            Self::Wrong { path, place, what } => {
                let Place { line, column } = place;
                write!(f, "{}:{line}:{column}: {what}", path.display())
            }
        }
    }
}

/// A place in a file: line and column, in characters, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// Of this octet.
    fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

/// A value of one key, or of the array that it has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Flag(bool),
    /// As decimal digits.
    Number(String),
    Text(String),
    /// An array in an array, a table, a date: by its name in TOML.
    Other(&'static str),
}

/// A key and what it is set to.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) place: Place,
    /// More than one, or none, only of an array.
    pub(super) values: Vec<(Value, Place)>,
    pub(super) is_array: bool,
}

/// Reads a file: its lines in their order.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, Fault> {
    let unreadable = |why: String| Fault::Unreadable {
        path: path.to_owned(),
        why,
    };
    let mut octets = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut octets))
        .map_err(|error| unreadable(error.to_string()))?;
    if octets.len() as u64 > MAX_FILE {
        return Err(unreadable(format!("it is larger than {MAX_FILE} octets")));
    }
    parse(path, &octets)
}

/// Reads the text of a file.
pub(super) fn parse(path: &Path, octets: &[u8]) -> Result<Vec<Line>, Fault> {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let wrong = |place, what: String| Fault::Wrong {
        path: path.to_owned(),
        place,
        what,
    };
    let text = std::str::from_utf8(octets).map_err(|fault| {
        let good = octets.get(..fault.valid_up_to()).unwrap_or_default();
        let good = std::str::from_utf8(good).unwrap_or_default();
        wrong(
            Place::of(good, good.len()),
            "this is not UTF-8; save the file as UTF-8".into(),
        )
    })?;
    let table = DeTable::parse(text).map_err(|fault| {
        let at = fault.span().map_or(text.len(), |span| span.start);
        let line = fault.message().lines().collect::<Vec<_>>().join(", ");
        wrong(
            Place::of(text, at),
            format!("this is no TOML: {line}; write KEY = VALUE, texts in quotes"),
        )
    })?;
    let place = |span: Range<usize>| Place::of(text, span.start);
    let mut lines: Vec<Line> = table
        .into_inner()
        .into_iter()
        .map(|(key, value)| {
            let at = place(value.span());
            let (values, is_array) = match value.into_inner() {
                DeValue::Array(values) => {
                    let values = values.into_iter();
                    let each = values.map(|value| {
                        let at = place(value.span());
                        (single(value.get_ref()), at)
                    });
                    (each.collect(), true)
                }
                value => (vec![(single(&value), at)], false),
            };
            Line {
                place: place(key.span()),
                key: key.into_inner().into_owned(),
                values,
                is_array,
            }
        })
        .collect();
    lines.sort_by_key(|line| line.place);
    Ok(lines)
}

fn single(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(number) => Value::Number(
            i128::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()),
        ),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        other => Value::Other(other.type_str()),
    }
}
