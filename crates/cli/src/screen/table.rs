//! The roster on the screen: who is seen, a line each, in columns that fit.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use rollmark::core::conference::RosterState;
use rollmark::{Mark, Row};

use super::draw::inset;
use super::line::{Palette, clock, put};
use super::model::{Left, Model};
use super::view::Filter;
use crate::text;

/// What the column of marks says, and how; nothing of those who are simply not blocked.
pub(super) fn mark(row: &Row, palette: Palette) -> (&'static str, Style) {
    match row.mark {
        Mark::Blocked(_) => ("BLOCKED", palette.blocked()),
        Mark::Own => ("you", palette.own()),
        Mark::Anonymous => ("nobody", Palette::quiet()),
        Mark::Unknown => ("?", Palette::quiet()),
        Mark::Clear => ("", Style::new()),
    }
}

/// A column: its head, its width, and whether it ends before the next.
type Column = (&'static str, u16);

/// The columns that fit; the widths add up to `width`, one blank between two.
fn columns(width: u16, model: &Model) -> Vec<Column> {
    let left = model.view.filter == Filter::Left;
    let (fixed, names): (Vec<Column>, bool) = match width {
        78.. if left => (vec![("HOW", 12), ("AGO", 8)], true),
        110.. => (
            vec![("STATUS", 14), ("ROLE", 16), ("JOINED", 12), ("DEVICES", 7)],
            true,
        ),
        78.. => (vec![("STATUS", 12), ("ROLE", 11), ("JOINED", 10)], true),
        60.. if left => (vec![("HOW", 9)], true),
        60.. => (vec![("STATUS", 12)], true),
        48.. => (Vec::new(), true),
        _ => (Vec::new(), false),
    };
    let fixed = fixed
        .into_iter()
        .filter(|(head, _)| *head != "ROLE" || model.has_roles);
    let fixed: Vec<Column> = fixed.collect();
    let mark = match width {
        30.. => ("", 7),
        _ => ("", 1),
    };
    let taken = mark.1 + 1 + fixed.iter().map(|(_, width)| width + 1).sum::<u16>();
    let rest = width.saturating_sub(taken);
    let mut all = vec![mark];
    if names {
        let name = rest * 2 / 5;
        all.push(("NAME", name));
        all.push(("IDENTITY", rest - name - 1));
    } else {
        all.push(("NAME", rest));
    }
    all.extend(fixed);
    all
}

pub(super) fn table(
    model: &Model,
    now: Duration,
    area: Rect,
    header: bool,
    buffer: &mut Buffer,
    palette: Palette,
) -> usize {
    let line = inset(area);
    let columns = columns(line.width, model);
    let mut y = area.y;
    if header {
        let mut x = line.x;
        for (head, width) in &columns {
            put(buffer, (x, y), *width, head, Palette::quiet());
            x += width + 1;
        }
        y += 1;
    }
    let (_, seen) = model.view.seen();
    if seen.is_empty() {
        let room = line.width;
        put(buffer, (line.x, y), room, nobody(model), Palette::quiet());
    }
    let mut drawn = 0;
    for number in seen {
        if y >= area.bottom() {
            break;
        }
        let Some(row) = model.row(*number) else {
            continue;
        };
        let left = match model.view.filter {
            Filter::Left => model.left.get(number),
            _ => None,
        };
        let is_selected = model.view.selected() == Some(*number);
        user(
            row,
            left,
            now,
            (line, y),
            &columns,
            is_selected,
            buffer,
            palette,
        );
        drawn += 1;
        y += 1;
    }
    drawn
}

fn nobody(model: &Model) -> &'static str {
    match (model.view.filter, model.view.search.is_empty()) {
        (_, false) => "nobody is found; Esc ends the search",
        (Filter::Blocked, _) => "nobody in the roster is blocked; f shows all",
        (Filter::Left, _) => "nobody has left yet; f shows all",
        (Filter::All, _)
            if model
                .state
                .as_ref()
                .is_none_or(|state| state.roster == RosterState::None) =>
        {
            "no roster yet"
        }
        (Filter::All, _) => "nobody is here",
    }
}

#[allow(clippy::too_many_arguments)]
fn user(
    row: &Row,
    left: Option<&Left>,
    now: Duration,
    (line, y): (Rect, u16),
    columns: &[Column],
    is_selected: bool,
    buffer: &mut Buffer,
    palette: Palette,
) {
    let (word, mark_style) = mark(row, palette);
    let base = match row.user.present() || left.is_some() {
        true if row.mark.blocked_by().is_some() => palette.blocked(),
        true => Style::new(),
        false => Palette::quiet(),
    };
    let base = match is_selected {
        true => base.patch(Palette::turned()),
        false => base,
    };
    if is_selected {
        buffer.set_style(
            Rect {
                y,
                height: 1,
                ..line
            },
            Palette::turned(),
        );
    }
    let mut x = line.x;
    for (at, (head, width)) in columns.iter().enumerate() {
        let cell = match (at, *head) {
            // In one column there is a sign in place of the word.
            (0, _) if *width == 1 => match word {
                "BLOCKED" => "!".to_owned(),
                "you" => "*".to_owned(),
                other => other.chars().next().map(String::from).unwrap_or_default(),
            },
            (0, _) => word.to_owned(),
            (_, "NAME") => name(row),
            (_, "IDENTITY") => identity(row),
            (_, "STATUS") => status(row),
            (_, "ROLE") => roles(row),
            (_, "JOINED") => joined(row),
            (_, "DEVICES") => row.user.endpoints().count().to_string(),
            (_, "HOW") => left.map_or_else(String::new, |left| left.cause.to_owned()),
            (_, "AGO") => left.map_or_else(String::new, |left| clock(now.saturating_sub(left.at))),
            _ => String::new(),
        };
        let style = match at {
            0 => mark_style.patch(if is_selected {
                Palette::turned()
            } else {
                Style::new()
            }),
            _ => base,
        };
        put(buffer, (x, y), *width, &cell, style);
        x += width + 1;
    }
}

/// Display text, else the user part, else the whole identity.
pub(super) fn name(row: &Row) -> String {
    match row.user.display_text() {
        Some(text) if !text.trim().is_empty() => text::flat(text),
        _ => {
            let identity = identity(row);
            let user = identity.split(['@', ';']).next().unwrap_or_default();
            user.to_owned()
        }
    }
}

/// The identity without the scheme that nearly all have.
fn identity(row: &Row) -> String {
    let entity = row.user.entity();
    text::flat(entity.strip_prefix("sip:").unwrap_or(entity))
}

fn status(row: &Row) -> String {
    match (row.user.status(), row.user.present()) {
        (Some(status), _) => text::flat(status),
        (None, true) => "here".into(),
        (None, false) => "absent".into(),
    }
}

fn roles(row: &Row) -> String {
    let roles: Vec<_> = row.user.roles().map(text::flat).collect();
    roles.join(", ")
}

fn joined(row: &Row) -> String {
    let methods = row
        .user
        .endpoints()
        .filter_map(|endpoint| endpoint.joining_method());
    methods.map(text::flat).next().unwrap_or_default()
}
