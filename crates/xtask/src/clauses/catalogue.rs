//! The catalogue of clauses, `tests/clauses.tsv`: what has to be shown by a test, and what not yet or not at all.

use std::collections::BTreeMap;

use super::ids;

/// Whether a clause has to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// By a test, from now on.
    Now,
    /// Not yet.
    Later,
    /// Never; the note says why.
    Not,
}

/// One line.
#[derive(Debug)]
pub(super) struct Clause {
    pub(super) scope: Scope,
    /// The SIP cores that it is about: both, sip, ims, or - for none.
    pub(super) mode: String,
    pub(super) level: String,
    pub(super) words: String,
}

const COLUMNS: &str = "id\tscope\tmode\tlevel\twords\tnote";
const MODES: [&str; 4] = ["both", "sip", "ims", "-"];
const LEVELS: [&str; 7] = [
    "MUST",
    "MUST NOT",
    "SHALL",
    "SHALL NOT",
    "SHOULD",
    "SHOULD NOT",
    "MAY",
];

/// Reads the catalogue; the faults name their line.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Clause>, Vec<String>> {
    let mut clauses = BTreeMap::new();
    let mut faults = Vec::new();
    let mut lines = text.lines();
    if lines.next() != Some(COLUMNS) {
        faults.push(format!("line 1 is not {COLUMNS:?}"));
    }
    for (number, line) in (2..).zip(lines) {
        match clause(line) {
            Ok((id, clause)) => {
                if clauses.insert(id.clone(), clause).is_some() {
                    faults.push(format!("line {number}: {id} was there before"));
                }
            }
            Err(fault) => faults.push(format!("line {number}: {fault}")),
        }
    }
    if faults.is_empty() {
        Ok(clauses)
    } else {
        Err(faults)
    }
}

fn clause(line: &str) -> Result<(String, Clause), String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [id, scope, mode, level, words, note] = columns[..] else {
        return Err(format!("{} columns, not 6", columns.len()));
    };
    let named = ids::in_text(id);
    if !matches!(&named[..], [(0, only)] if only == id) {
        return Err(format!("{id:?} is no id"));
    }
    let scope = match scope {
        "now" => Scope::Now,
        "later" => Scope::Later,
        "not" if !note.is_empty() => Scope::Not,
        "not" => return Err(format!("{id} is left out without a reason in its note")),
        _ => return Err(format!("{scope:?} is no scope: now, later, not")),
    };
    if !MODES.contains(&mode) {
        return Err(format!("{mode:?} is no mode: {}", MODES.join(", ")));
    }
    if level != "-" && !LEVELS.contains(&level) {
        return Err(format!("{level:?} is no level"));
    }
    let clause = Clause {
        scope,
        mode: mode.into(),
        level: level.into(),
        words: words.into(),
    };
    Ok((id.into(), clause))
}
