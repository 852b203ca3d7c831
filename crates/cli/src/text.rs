//! The event stream as text for people: who is there, who is blocked and why, who came and went.

use rollmark::core::conference::{Info, RosterState};
use rollmark::core::engine::State;
use rollmark::core::profile::{Mode, ModeReason};
use rollmark::core::subscription::{self, Shown};
use rollmark::{Event, Mark, Row, What};

/// The stream as text; it remembers what it has shown, to show only what is new.
#[derive(Debug, Default)]
pub(crate) struct Text {
    conference: String,
    server: String,
    /// The mode shown last, and why; plain SIP without a reason worth telling at first.
    mode: (Mode, ModeReason),
}

impl Text {
    /// The lines for one event; empty where there is nothing a person would miss.
    pub(crate) fn lines(&mut self, event: &Event) -> Vec<String> {
        let time = time(event.at);
        let indent = " ".repeat(time.len());
        let mut lines = match &event.what {
            What::State(state) => vec![self.state(state)],
            What::Conference(info) => self.conference(info).into_iter().collect(),
            what => body(what),
        };
        for (index, line) in lines.iter_mut().enumerate() {
            line.insert_str(0, if index == 0 { &time } else { &indent });
        }
        lines
    }

    fn state(&mut self, state: &State) -> String {
        let mut parts = Vec::new();
        if let (Shown::Active | Shown::Pending, Some(server)) = (state.shown, &state.server)
            && **server != *self.server
        {
            server.as_ref().clone_into(&mut self.server);
            parts.push(format!("IM server {}", safe(server)));
        }
        let mode = (state.mode, state.mode_reason);
        if mode != self.mode {
            self.mode = mode;
            parts.push(self::mode(state));
        }
        if let Some(why) = state.why {
            parts.push(subscription::describe(why));
        }
        if let Some(wait) = state.retry_in {
            parts.push(format!("next try in {:.1} s", wait.as_secs_f64()));
        }
        match (state.shown, state.roster) {
            (Shown::Active, RosterState::Stale) => {
                parts.push("something is missing, the whole state is asked for".into());
            }
            (Shown::Active, RosterState::Uncertain) => {
                parts.push("the roster is uncertain, the whole state is asked for".into());
            }
            (Shown::Active, RosterState::Current) if parts.is_empty() => {
                parts.push("the roster is complete".into());
            }
            _ => {}
        }
        if state.hidden_users > 0 {
            parts.push(format!(
                "{} users are counted but not listed",
                state.hidden_users
            ));
        }
        format!("{:<12}{}", state.shown.as_str(), parts.join("; "))
            .trim_end()
            .to_owned()
    }

    /// Subject and lock; the count of users changes with every join, which is shown anyway.
    fn conference(&mut self, info: &Info) -> Option<String> {
        let description = info.description.clone().unwrap_or_default();
        let subject = description.subject.or(description.display_text);
        let mut text = safe(&subject.unwrap_or_default());
        if info.state.as_ref().and_then(|state| state.locked) == Some(true) {
            text.push_str(" (locked)");
        }
        if text.is_empty() || text == self.conference {
            return None;
        }
        self.conference = text;
        Some(format!("{:<12}{}", "subject", self.conference))
    }
}

/// When something happened, as each line begins.
pub(crate) fn time(at: std::time::Duration) -> String {
    format!("{:6.1} s  ", at.as_secs_f64())
}

/// What kind of core it is, by what that shows, and whether anybody vouches for the way (SW-10, SEC-02).
fn mode(state: &State) -> String {
    let core = match state.mode {
        Mode::Sip => "plain SIP",
        Mode::Ims => "IMS",
    };
    let way = match (state.mode, state.protected) {
        (Mode::Ims, false) => ", without security association",
        _ => "",
    };
    format!("{core}{way} ({})", state.mode_reason)
}

/// What happened, without its time.
pub(crate) fn body(what: &What) -> Vec<String> {
    match what {
        What::State(_) => Vec::new(),
        What::Conference(info) => {
            let description = info.description.clone().unwrap_or_default();
            let mut parts = Vec::new();
            let subject = description.subject.as_deref();
            if let Some(subject) = subject.filter(|subject| !subject.trim().is_empty()) {
                parts.push(format!("subject: {}", flat(subject)));
            }
            if let Some(count) = info.state.as_ref().and_then(|state| state.user_count) {
                parts.push(format!("{count} users counted"));
            }
            if info.state.as_ref().and_then(|state| state.locked) == Some(true) {
                parts.push("locked".into());
            }
            if parts.is_empty() {
                Vec::new()
            } else {
                vec![format!("conference  {}", parts.join(", "))]
            }
        }
        What::Roster(rows) => roster(rows),
        What::Left { row, cause, .. } => {
            vec![format!("- {} left ({})", name(row), cause.as_str())]
        }
        What::NotJoined { row, cause, .. } => {
            vec![format!("- {} did not come ({})", name(row), cause.as_str())]
        }
        What::Joined(row) => vec![format!("+ {} joined", name(row))],
        What::Updated { fields, .. } if fields == &["mark"] => Vec::new(),
        What::Updated { row, fields } => {
            vec![format!("  {} changed: {}", name(row), fields.join(", "))]
        }
        What::Listed(row) => vec![format!(
            "  {} is listed as {}",
            name(row),
            safe(row.user.status().unwrap_or("absent"))
        )],
        What::Unlisted(row) => vec![format!("  {} is no longer listed", name(row))],
        What::Blocked(row) => vec![format!("! {} is here: {}", name(row), why(&row.mark))],
        What::Unblocked(row) => vec![format!("  {} is no longer blocked", name(row))],
        What::BlockList {
            source,
            state,
            entries,
            ..
        } => vec![format!(
            "{:<12}{}: {}, {entries} {}",
            "block list",
            place(source),
            crate::json::source_state(*state),
            if *entries == 1 { "entry" } else { "entries" }
        )],
        What::DocumentsChanged(diff) => {
            vec![format!("{:<12}{} changed", "documents", diff.changes.len())]
        }
        What::DocumentsUncertain => vec![format!("{:<12}any may have changed", "documents")],
        What::Document { content_type, body } => vec![format!(
            "{:<12}{}, {} bytes",
            "document",
            safe(content_type),
            body.len()
        )],
        What::Deviation { code, detail } => {
            vec![format!(
                "{:<12}{}: {}",
                "server",
                code.as_str(),
                safe(detail)
            )]
        }
        What::Ended { reason, .. } => vec![format!("{:<12}{}", "ended", reason.as_str())],
    }
}

fn roster(rows: &[Row]) -> Vec<String> {
    let here: Vec<&Row> = rows.iter().filter(|row| row.user.present()).collect();
    let mut lines = vec![how_many_here(here.len())];
    if let Some(first) = lines.first_mut().filter(|_| !here.is_empty()) {
        first.push(':');
    }
    for row in here {
        let sign = if row.mark.blocked_by().is_some() {
            '!'
        } else {
            ' '
        };
        lines.push(format!("  {sign} {}{}", name(row), remark(&row.mark)));
    }
    lines
}

/// `4 users are here`.
pub(crate) fn how_many_here(count: usize) -> String {
    match count {
        0 => "nobody is here".to_owned(),
        1 => "1 user is here".to_owned(),
        n => format!("{n} users are here"),
    }
}

fn remark(mark: &Mark) -> String {
    match mark {
        Mark::Blocked(_) => "  BLOCKED".into(),
        Mark::Own => "  (you)".into(),
        Mark::Anonymous => "  (anonymous)".into(),
        _ => String::new(),
    }
}

/// What blocks somebody.
pub(crate) fn why(mark: &Mark) -> String {
    let Some(by) = mark.blocked_by() else {
        return "BLOCKED".into();
    };
    let what = match (&by.list, &by.rule) {
        (Some(list), Some(rule)) => {
            let (rule, entry) = (safe(rule), safe(&by.entry));
            format!("rule {rule} ({entry} on the list {})", safe(list))
        }
        (Some(list), None) => format!("entry {} of {}", safe(&by.entry), safe(list)),
        (None, Some(rule)) => format!("rule {} ({})", safe(rule), safe(&by.entry)),
        (None, None) => format!("entry {}", safe(&by.entry)),
    };
    format!("BLOCKED by {what}, {}", place(&by.source))
}

/// A block-list source in few words: the file, or the server of the XDMS, with its document where that is none of lists.
pub(crate) fn place(source: &str) -> String {
    if let Some(url) = source.strip_prefix("xdms:") {
        let host = url.split("://").nth(1).unwrap_or(url);
        let host = host.split('/').next().unwrap_or(host);
        let document = url.rsplit('/').next().filter(|name| *name != "index");
        let document = document.map_or_else(String::new, |name| format!(" {}", safe(name)));
        return format!("XDMS {}{document}", safe(host));
    }
    safe(source.strip_prefix("file:").unwrap_or(source))
}

/// Who it is.
pub(crate) fn name(row: &Row) -> String {
    let entity = short(safe(row.user.entity()));
    match row.user.display_text() {
        Some(text) if !text.trim().is_empty() => format!("{} <{entity}>", flat(text)),
        _ => entity,
    }
}

/// True for what could act on a terminal or turn text around: controls and bidirectional marks (SEC-09).
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// A text on one line: runs of white space, as documents have them, are one blank each, and its end is left out if it is
/// very long.
pub(crate) fn flat(text: &str) -> String {
    short(safe(&text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Most characters of one text that people are shown.
const LONGEST: usize = 200;

fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The text with everything unsafe written out.
pub(crate) fn safe(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_unsafe(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_raw() {
        assert_eq!(safe("a\u{1b}[2J\u{202e}b"), "a\\u{1b}[2J\\u{202e}b");
        assert_eq!(safe("Zoë 你好"), "Zoë 你好");
        assert_eq!(flat("\n  Zoë\u{2028}\u{1b}\tB.\n"), "Zoë \\u{1b} B.");
        assert_eq!(flat(&"é".repeat(LONGEST)), "é".repeat(LONGEST));
        assert_eq!(flat(&"é".repeat(LONGEST + 1)).chars().count(), LONGEST + 1);
    }
}
