//! What the user reads: one line an event (OMA-14, OMA-15, OMA-19, SW-17).

use rollmark_core::blocklist::{Mark, SourceState, Update};
use rollmark_core::engine::What;
use rollmark_core::roster::{Roster, Row};

/// The line about an event; none where there is nothing to read.
pub(crate) fn line(conference: &str, what: &What) -> Option<String> {
    let text = match what {
        What::State(state) => {
            let mut text = format!("state {}", state.shown.as_str());
            if let Some(why) = state.why {
                text += " ";
                text += why.as_str();
            }
            if let Some(wait) = state.retry_in {
                text += &format!(", next attempt in {} s", wait.as_secs());
            }
            text
        }
        What::Roster(rows) => format!("roster of {} users; /conf_list shows it", rows.len()),
        What::Joined(row) if matches!(row.mark, Mark::Blocked(_)) => {
            format!("joined {}", marked(row))
        }
        What::Joined(row) => format!("joined {}", name(row)),
        What::Left { row, cause, .. } => format!("left {} ({})", name(row), cause.as_str()),
        What::Blocked(row) => format!("blocked {}", marked(row)),
        What::Unblocked(row) => format!("unblocked {}", name(row)),
        What::BlockList {
            source,
            entries,
            state,
            ..
        } => {
            format!(
                "block-list {source}: {}, {entries} entries",
                state_word(*state)
            )
        }
        What::Deviation { code, detail } => format!("deviation {}: {detail}", code.as_str()),
        What::Ended { reason, status } => match status {
            Some(status) => format!("ended {} ({status})", reason.as_str()),
            None => format!("ended {}", reason.as_str()),
        },
        _ => return None,
    };
    Some(format!("conference {conference}: {}", printable(&text)))
}

/// The whole roster: the number of rows first, then one row a line; `!` before one who is blocked.
pub(crate) fn list(conference: &str, roster: Option<&Roster>) -> String {
    let Some(roster) = roster else {
        return format!(
            "conference {}: not known yet who is there\n",
            printable(conference)
        );
    };
    let rows: Vec<String> = roster
        .rows()
        .map(|row| {
            let sign = if matches!(row.mark, Mark::Blocked(_)) {
                '!'
            } else {
                ' '
            };
            format!("  {sign} {}\n", printable(&marked(&row)))
        })
        .collect();
    format!(
        "conference {}: {} users\n{}",
        printable(conference),
        rows.len(),
        rows.concat()
    )
}

/// A block list: its place and state first, then one entry a line. `owner` is the account that it is of, empty for all.
pub(crate) fn blocked(owner: &str, source: &str, update: &Update) -> String {
    let entries = update.list.iter().flat_map(|list| &list.entries);
    let entries: Vec<String> = entries
        .map(|entry| format!("  ! {}\n", printable(&entry.uri)))
        .collect();
    let rules = update
        .list
        .as_ref()
        .is_some_and(|list| list.rules.is_some());
    format!(
        "block list {}{}{}: {}, {} entries{}\n{}",
        printable(source),
        if owner.is_empty() { "" } else { " of " },
        printable(owner),
        state_word(update.state),
        entries.len(),
        if rules { " and rules" } else { "" },
        entries.concat()
    )
}

/// A line that is about no conference.
pub(crate) fn said(text: &str) -> String {
    format!("conference: {}", printable(text))
}

fn state_word(state: SourceState) -> &'static str {
    match state {
        SourceState::Fresh => "fresh",
        SourceState::Stale => "stale",
        SourceState::Incomplete => "incomplete",
        SourceState::Unavailable => "unavailable",
        SourceState::Empty => "empty",
    }
}

fn name(row: &Row) -> String {
    match row.user.display_text() {
        Some(name) => format!("{} ({name})", row.user.entity()),
        None => row.user.entity().to_owned(),
    }
}

fn marked(row: &Row) -> String {
    match &row.mark {
        Mark::Blocked(by) => format!("{} BLOCKED by {} of {}", name(row), by.entry, by.source),
        mark => format!("{} {}", name(row), mark.as_str()),
    }
}

/// What came from the network may not move the cursor (SEC-09).
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_network_moves_the_cursor() {
        assert_eq!(
            printable("a\u{1b}[2Jb\r\nc"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c"
        );
    }
}
