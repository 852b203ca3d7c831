//! The doctor's findings for people at a terminal: one block a check, as it is made.

use std::io::{self, IsTerminal, Write};

use super::check::{Check, Examination, State};

/// Column at which findings begin.
const INDENT: usize = 30;
/// Narrowest and widest text.
const NARROW: usize = 40;
const WIDE: usize = 110;

/// Standard output, checks shown as they come.
pub(crate) struct Live {
    width: usize,
    colour: bool,
    /// Titles of checks that were not tried, for one reason, and not shown yet.
    skipped: Vec<&'static str>,
    because: String,
}

impl Live {
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        let columns = rustix::termios::tcgetwinsize(&out)
            .ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0);
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            width: columns.unwrap_or(WIDE).clamp(NARROW, WIDE),
            colour: out.is_terminal() && !no_colour,
            skipped: Vec::new(),
            because: String::new(),
        }
    }

    /// Shows one check. A reader that has gone away misses it; the checks go on, so that what was begun is ended.
    /// Those that were not tried for one reason are one block.
    pub(crate) fn show(&mut self, check: &Check) {
        let lines = self.lines(check);
        write(&lines);
    }

    /// Shows what was not shown yet.
    pub(crate) fn finish(&mut self) {
        let lines = self.not_tried();
        write(&lines);
    }

    /// Writes a line.
    pub(crate) fn say(&self, line: &str) {
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    fn word(&self, state: State) -> String {
        let (word, colour) = match state {
            State::Ok => ("ok", "32"),
            State::Note => ("note", "33"),
            State::Failed => ("FAILED", "1;31"),
            State::Skipped => ("-", "2"),
        };
        match self.colour {
            true => format!("\u{1b}[{colour}m{word:8}\u{1b}[0m"),
            false => format!("{word:8}"),
        }
    }

    fn lines(&mut self, check: &Check) -> Vec<String> {
        let title = check.id.title();
        if check.state == State::Skipped && (self.skipped.is_empty() || self.because == check.got) {
            self.skipped.push(title);
            self.because.clone_from(&check.got);
            return Vec::new();
        }
        let mut lines = self.not_tried();
        if check.state == State::Skipped {
            self.skipped.push(title);
            self.because.clone_from(&check.got);
            return lines;
        }
        lines.extend(self.block(check.state, title, &check.got));
        if check.state == State::Ok {
            return lines;
        }
        let indent = self.indent();
        let pad = " ".repeat(indent);
        let mut labelled = |label: &str, text: &str| {
            let text = format!("{label}{text}");
            let hanging = " ".repeat(label.len());
            let width = self.width - indent - label.len();
            for (index, line) in wrapped(&text, width).into_iter().enumerate() {
                let hanging = if index == 0 { "" } else { &hanging };
                lines.push(format!("{pad}{hanging}{line}"));
            }
        };
        labelled("did:  ", &check.did);
        if let Some(mend) = &check.mend {
            labelled("mend: ", mend);
        }
        if !check.clause.is_empty() {
            labelled("see:  ", check.clause);
        }
        lines
    }

    /// Those that were not tried, for one reason.
    fn not_tried(&mut self) -> Vec<String> {
        match std::mem::take(&mut self.skipped).as_slice() {
            [] => Vec::new(),
            titles => {
                let text = format!("{}: because {}", titles.join(", "), self.because);
                self.block(State::Skipped, "not tried", &text)
            }
        }
    }

    fn is_narrow(&self) -> bool {
        self.width < 70
    }

    fn indent(&self) -> usize {
        if self.is_narrow() { 8 } else { INDENT }
    }

    fn block(&self, state: State, title: &str, text: &str) -> Vec<String> {
        let narrow = self.is_narrow();
        let indent = self.indent();
        let mut lines = Vec::new();
        let first = format!("{}{title:22}", self.word(state));
        let mut found = wrapped(text, self.width - indent).into_iter();
        if narrow {
            lines.push(first.trim_end().to_owned());
        } else {
            let line = format!("{first}{}", found.next().unwrap_or_default());
            lines.push(line.trim_end().to_owned());
        }
        let pad = " ".repeat(indent);
        lines.extend(found.map(|line| format!("{pad}{line}")));
        lines
    }
}

fn write(lines: &[String]) {
    let mut out = io::stdout().lock();
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
}

/// The text in lines of at most so many characters, broken at blanks; a word that is longer has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let length = line.chars().count();
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The last words.
pub(crate) fn summary(found: &Examination) -> String {
    let mut lines = Vec::new();
    if !found.departures.is_empty() {
        lines.push(String::new());
        lines.push("Departures of the server from its standards:".to_owned());
        for departure in &found.departures {
            lines.push(format!("  {}: {}", departure.code, departure.meaning));
            lines.push(format!("      here: {}", departure.detail));
        }
    }
    lines.push(String::new());
    lines.push(format!(
        "{} ok, {} noted, {} failed, {} not tried",
        found.count(State::Ok),
        found.count(State::Note),
        found.count(State::Failed),
        found.count(State::Skipped)
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Id;

    fn check(state: State) -> Check {
        Check {
            id: Id::Subscribe,
            state,
            did: "SUBSCRIBE sip:room@example.org".into(),
            got: "403 Forbidden after a while and a few words more than fit".into(),
            mend: Some("ask".into()),
            clause: "RFC 6665",
            seconds: 0.1,
        }
    }

    #[test]
    fn a_check_is_aligned_wrapped_and_coloured_only_on_a_terminal() {
        let mut live = Live {
            width: 72,
            colour: false,
            skipped: Vec::new(),
            because: String::new(),
        };
        let lines = live.lines(&check(State::Failed));
        assert_eq!(
            lines,
            [
                "FAILED  SUBSCRIBE             403 Forbidden after a while and a few",
                "                              words more than fit",
                "                              did:  SUBSCRIBE sip:room@example.org",
                "                              mend: ask",
                "                              see:  RFC 6665",
            ]
        );
        assert_eq!(
            live.lines(&check(State::Ok)).len(),
            2,
            "calm when it is well"
        );
        assert_eq!(live.lines(&check(State::Skipped)), [""; 0]);
        assert_eq!(live.lines(&check(State::Skipped)), [""; 0]);
        let block = live.not_tried();
        assert!(
            block[0].starts_with("-       not tried             SUBSCRIBE, SUBSCRIBE: because 403"),
            "{block:#?}"
        );
        live.colour = true;
        assert!(live.lines(&check(State::Failed))[0].starts_with("\u{1b}[1;31mFAILED"));
        live.width = 40;
        let narrow = live.lines(&check(State::Note));
        assert!(
            narrow.iter().all(|line| line.chars().count() <= 55),
            "{narrow:#?}"
        );
    }
}
