//! The event stream as text for people: who is there, who is blocked and why, who came and went.

use rollmark::core::engine::State;
use rollmark::core::subscription::{self, Shown};
use rollmark::{Event, Mark, Row, What};

/// The lines for one event; empty where there is nothing a person would miss.
pub(crate) fn lines(event: &Event) -> Vec<String> {
    let time = format!("{:6.1} s  ", event.at.as_secs_f64());
    let indent = " ".repeat(time.len());
    let mut lines = body(&event.what);
    for (index, line) in lines.iter_mut().enumerate() {
        line.insert_str(0, if index == 0 { &time } else { &indent });
    }
    lines
}

fn body(what: &What) -> Vec<String> {
    match what {
        What::State(state) => vec![self::state(state)],
        What::Conference(info) => {
            let description = info.description.clone().unwrap_or_default();
            let mut parts = Vec::new();
            if let Some(subject) = &description.subject {
                parts.push(format!("subject: {}", safe(subject)));
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
            "block list  {} {}, {entries} entries",
            safe(source),
            crate::json::source_state(*state)
        )],
        What::Deviation { code, detail } => {
            vec![format!("server      {}: {}", code.as_str(), safe(detail))]
        }
        What::Ended { reason, .. } => vec![format!("ended       {}", reason.as_str())],
    }
}

fn state(state: &State) -> String {
    let mut text = format!("{:<12}", state.shown.as_str());
    if let (Shown::Active | Shown::Pending, Some(server)) = (state.shown, &state.server) {
        text.push_str(&format!("IM server {}", safe(server)));
    }
    if let Some(why) = state.why {
        text.push_str(&subscription::describe(why));
    }
    if let Some(wait) = state.retry_in {
        text.push_str(&format!("; next try in {:.1} s", wait.as_secs_f64()));
    }
    if !matches!(state.roster.as_str(), "current" | "none") {
        text.push_str(&format!(" [roster {}]", state.roster.as_str()));
    }
    if state.hidden_users > 0 {
        text.push_str(&format!(" [{} hidden users]", state.hidden_users));
    }
    text.trim_end().to_owned()
}

fn roster(rows: &[Row]) -> Vec<String> {
    let here: Vec<&Row> = rows.iter().filter(|row| row.user.present()).collect();
    let mut lines = vec![match here.len() {
        0 => "nobody is here".to_owned(),
        1 => "1 user is here:".to_owned(),
        n => format!("{n} users are here:"),
    }];
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

fn remark(mark: &Mark) -> String {
    match mark {
        Mark::Blocked(_) => "  BLOCKED".into(),
        Mark::Own => "  (you)".into(),
        Mark::Anonymous => "  (anonymous)".into(),
        _ => String::new(),
    }
}

fn why(mark: &Mark) -> String {
    let Some(by) = mark.blocked_by() else {
        return "BLOCKED".into();
    };
    let place = match (&by.list, &by.rule) {
        (Some(list), _) => format!("entry {} of {}", safe(&by.entry), safe(list)),
        (None, Some(rule)) => format!("rule {} ({})", safe(rule), safe(&by.entry)),
        (None, None) => format!("entry {}", safe(&by.entry)),
    };
    format!("BLOCKED by {place} in {}", safe(&by.source))
}

fn name(row: &Row) -> String {
    let entity = safe(row.user.entity());
    match row.user.display_text() {
        Some(text) if !text.trim().is_empty() => format!("{} <{entity}>", safe(text)),
        _ => entity,
    }
}

/// True for what could act on a terminal or turn text around: controls and bidirectional marks (SEC-09).
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
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
    }
}
