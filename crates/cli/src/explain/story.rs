//! The story of a trace: one entry a message, for people or as JSON.

use std::fmt::Write;
use std::time::Duration;

use rollmark::core::uri::{IdentityRules, same_identity};
use serde_json::{Value, json};

use crate::text::safe;

/// What is told of one message.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Since the first one, or the start of the program.
    pub(super) at: Duration,
    /// From where to where, as far as that is known.
    pub(super) way: String,
    /// Its first line, or what else it is.
    pub(super) what: String,
    /// What it is for.
    pub(super) is: String,
    /// The clauses behind that: RFCs, and the ids of this project's own list.
    pub(super) clauses: Vec<&'static str>,
    /// What rollmark made of it.
    pub(super) made: Vec<String>,
    /// What is odd about it, and by which clause.
    pub(super) odd: Vec<String>,
    /// The conference that it is about.
    pub(super) conference: Option<String>,
}

/// What the whole comes to.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) messages: usize,
    pub(super) odd: usize,
    pub(super) blocked: usize,
    /// Datagrams and streams without SIP that can be read.
    pub(super) others: usize,
    /// Packets that are not whole in the capture, or damaged.
    pub(super) short: usize,
}

/// Writes entries, those of one conference if that is wanted.
pub(super) struct Teller<'a> {
    pub(super) json: bool,
    pub(super) conference: Option<&'a str>,
    pub(super) summary: Summary,
    /// False once nobody reads any more.
    pub(super) goes_on: bool,
}

impl<'a> Teller<'a> {
    pub(super) fn new(json: bool, conference: Option<&'a str>) -> Self {
        Self {
            json,
            conference,
            summary: Summary::default(),
            goes_on: true,
        }
    }

    pub(super) fn tell(&mut self, entry: &Entry) {
        if let Some(wanted) = self.conference {
            let rules = IdentityRules::default();
            let is = |named: &String| same_identity(named, wanted, &rules).matches;
            if !entry.conference.as_ref().is_some_and(is) {
                return;
            }
        }
        self.summary.messages += 1;
        self.summary.odd += usize::from(!entry.odd.is_empty());
        let text = if self.json { json(entry) } else { text(entry) };
        self.write(&text);
    }

    /// The last line.
    pub(super) fn end(&mut self) {
        let Summary {
            messages,
            odd,
            blocked,
            others,
            short,
        } = self.summary;
        let text = if self.json {
            json!({ "summary": { "messages": messages, "odd": odd, "blocked": blocked,
                "without_sip": others, "packets_cut_short": short } })
            .to_string()
        } else {
            let mut text = format!("{messages} messages, {odd} of them odd");
            if others > 0 {
                let _ = write!(
                    text,
                    "; {others} datagrams and streams without SIP that can be read (TLS cannot)"
                );
            }
            if short > 0 {
                let _ = write!(
                    text,
                    "; {short} packets that the capture has not whole, or damaged"
                );
            }
            text
        };
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        use std::io::Write as _;
        if self.goes_on {
            let mut out = std::io::stdout().lock();
            self.goes_on = writeln!(out, "{text}").is_ok();
        }
    }
}

fn json(entry: &Entry) -> String {
    let seconds = (entry.at.as_secs_f64() * 1e6).round() / 1e6;
    let line: Value = json!({
        "t": seconds,
        "way": entry.way,
        "message": entry.what,
        "is": entry.is,
        "clauses": entry.clauses,
        "made": entry.made,
        "odd": entry.odd,
        "conference": entry.conference,
    });
    crate::json::escape(&line.to_string())
}

fn text(entry: &Entry) -> String {
    let time = format!("{:10.3} s  ", entry.at.as_secs_f64());
    let indent = " ".repeat(time.len());
    let mut text = format!("{time}{}", safe(&entry.what));
    if !entry.way.is_empty() {
        let _ = write!(text, "   {}", safe(&entry.way));
    }
    if !entry.is.is_empty() {
        let _ = write!(text, "\n{indent}is    {}", safe(&entry.is));
        if !entry.clauses.is_empty() {
            let _ = write!(text, " [{}]", entry.clauses.join(", "));
        }
    }
    for (name, lines) in [("made", &entry.made), ("ODD", &entry.odd)] {
        for (index, line) in lines.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            let _ = write!(text, "\n{indent}{name:<6}{line}");
        }
    }
    text
}
