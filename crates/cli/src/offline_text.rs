//! The outcome of `rollmark roster` for people: the roster, then what each document did, then how the server departs
//! from its standards.

use std::path::Path;

use rollmark::core::blocklist::{BlockLists, SourceStatus, Via};
use rollmark::core::conference::{Need, Outcome, RosterState};
use rollmark::core::roster::Roster;
use rollmark::{Mark, Row, SourceState, What};

use crate::offline::{Document, Step};
use crate::text::{body, flat, name, safe, why};

/// The whole text, without its last line end.
pub(crate) fn text(roster: &Roster, lists: &BlockLists, steps: &[Step]) -> String {
    let mut lines = head(roster);
    lines.extend(lists.sources().map(|list| block_list(&list)));
    let rows: Vec<Row> = roster.rows().collect();
    let (here, away): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.user.present());
    if roster.state() != RosterState::None {
        lines.push(String::new());
        lines.push(match here.len() {
            0 => "Nobody is here.".into(),
            1 => "1 user is here:".into(),
            n => format!("{n} users are here:"),
        });
        lines.extend(here.into_iter().flat_map(row));
        match roster.hidden_users() {
            0 => {}
            1 => lines.push("    and 1 more whom the server does not list".into()),
            n => lines.push(format!("    and {n} more whom the server does not list")),
        }
    }
    if !away.is_empty() {
        lines.push("Listed, but not here:".into());
        lines.extend(away.into_iter().flat_map(row));
    }
    lines.push(String::new());
    lines.push("What the documents did:".into());
    lines.extend(story(steps));
    let deviations = deviations(steps);
    if !deviations.is_empty() {
        lines.push(String::new());
        lines.push("Deviations:".into());
        lines.extend(deviations);
    }
    lines.join("\n")
}

fn head(roster: &Roster) -> Vec<String> {
    let mut lines = vec![
        roster
            .uri()
            .filter(|uri| !uri.trim().is_empty())
            .map_or_else(|| "A conference without a name".into(), safe),
    ];
    let description = roster.info().description.clone().unwrap_or_default();
    for (label, text) in [
        ("Name", description.display_text),
        ("Subject", description.subject),
    ] {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            lines.push(format!("{label}: {}", flat(&text)));
        }
    }
    let state = match roster.state() {
        RosterState::None => "none; no document could be applied",
        RosterState::Current => "current; all that was told is in it",
        RosterState::Stale => "stale; something is known to be missing",
        RosterState::Uncertain => "uncertain; it may be wrong",
        RosterState::Ended => "ended; the conference is gone",
    };
    let version = roster
        .version()
        .map_or_else(String::new, |version| format!(" (version {version})"));
    lines.push(format!("Roster: {state}{version}"));
    match roster.full_state() {
        Some(Need::Needed) => {
            lines.push("Full state is needed before anything else counts.".into())
        }
        Some(Need::Wanted) => lines.push("Full state is wanted, to be sure.".into()),
        None => {}
    }
    lines
}

fn block_list(list: &SourceStatus<'_>) -> String {
    let content = match (list.state, list.entries) {
        (SourceState::Unavailable, _) => "cannot be read; whom it blocks is unknown".into(),
        (SourceState::Incomplete, n) => format!("{n} entries, and others that cannot be read"),
        (_, 0) => "blocks nobody".into(),
        (_, 1) => "1 entry".into(),
        (_, n) => format!("{n} entries"),
    };
    format!("Block list: {}: {content}", safe(list.name))
}

/// A row, and below it why it is blocked.
fn row(row: &Row) -> Vec<String> {
    let user = &row.user;
    let by = row.mark.blocked_by();
    let mut line = format!("  {} {}", if by.is_some() { '!' } else { ' ' }, name(row));
    match &row.mark {
        Mark::Own => line.push_str("  (you)"),
        Mark::Anonymous => line.push_str("  (anonymous)"),
        _ => {}
    }
    // Whoever is plainly here needs no word for it.
    let status = user.status().filter(|status| *status != "connected");
    let words: Vec<String> = status.into_iter().chain(user.roles()).map(flat).collect();
    if !words.is_empty() {
        line.push_str(&format!("  {}", words.join(", ")));
    }
    let mut lines = vec![line];
    if let Some(by) = by {
        let steps: Vec<&str> = by.steps.names().collect();
        let how = match (by.via, steps.is_empty()) {
            (Via::Entity, true) => String::new(),
            (Via::Entity, false) => format!(" (the same after {})", steps.join(", ")),
            (via, true) => format!(" (by his {})", via.as_str()),
            (via, false) => format!(" (by his {}, after {})", via.as_str(), steps.join(", ")),
        };
        lines.push(format!("      {}{how}", why(&row.mark)));
    }
    lines
}

fn story(steps: &[Step]) -> Vec<String> {
    let label = |document: &Document| format!("{:>4} {}", document.number, file(&document.path));
    let width = documents(steps)
        .map(|document| label(document).chars().count())
        .max()
        .unwrap_or(0);
    let mut lines = Vec::new();
    for step in steps {
        let Step::Document(document) = step else {
            lines.push("     a new subscription".to_owned());
            continue;
        };
        let mut margin = label(document);
        for fact in facts(document) {
            lines.push(format!("{margin:<width$}  {fact}").trim_end().to_owned());
            margin.clear();
        }
    }
    lines
}

/// What a document did; at least one line.
fn facts(document: &Document) -> Vec<String> {
    let mut facts: Vec<String> = Vec::new();
    for what in &document.events {
        match what {
            // The roster as a whole stands above.
            What::Roster(rows) => {
                let here = rows.iter().filter(|row| row.user.present()).count();
                facts.push(match here {
                    0 => "the first roster: nobody is here".into(),
                    1 => "the first roster: 1 user is here".into(),
                    n => format!("the first roster: {n} users are here"),
                });
            }
            What::Ended { .. } => facts.push("the conference is gone".into()),
            what => facts.extend(body(what)),
        }
    }
    let fate = match document.outcome {
        Outcome::Refused(refusal) => format!("refused: {refusal}"),
        Outcome::Discarded if document.need == Some(Need::Needed) => {
            "not applied: it does not follow on what is held; full state is needed".into()
        }
        Outcome::Discarded => "not applied: it is not newer than what is held".into(),
        Outcome::Unchanged => "full state that says what is held".into(),
        Outcome::Ignored => "ignored: the conference is gone".into(),
        Outcome::Empty => "empty: no document".into(),
        _ if facts.is_empty() => "nothing changed".into(),
        _ => return facts,
    };
    facts.push(fate);
    facts
}

fn deviations(steps: &[Step]) -> Vec<String> {
    documents(steps)
        .flat_map(|document| {
            document.deviations.iter().map(|deviation| {
                format!(
                    "{:>4} {}: {}",
                    document.number,
                    deviation.code,
                    flat(&deviation.detail)
                )
            })
        })
        .collect()
}

fn documents(steps: &[Step]) -> impl Iterator<Item = &Document> {
    steps.iter().filter_map(|step| match step {
        Step::Document(document) => Some(document),
        Step::Resubscribed => None,
    })
}

/// The last part of a path: the whole is seldom of interest.
fn file(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    safe(&name.to_string_lossy())
}
