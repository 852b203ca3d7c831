//! The picture: a model drawn into cells. Only the rows that are seen are looked at, whatever the size of the roster.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use rollmark::SourceState;
use rollmark::core::conference::RosterState;
use rollmark::core::profile::Mode;
use rollmark::core::subscription::{self, Shown};

use super::line::{Palette, clock, put, put_all, width};
use super::model::{Kind, Model};
use super::panel;
use super::table::table;
use super::view::Panel;
use crate::text;

/// Below so many lines there is the roster, a title and a line of keys, and nothing else.
const LOW: u16 = 8;
/// From so many lines on there are all lines on the conference, and the log.
const HIGH: u16 = 14;
/// From so many columns on details stand beside the roster, not over it.
const WIDE: u16 = 100;
/// Rows that are seen above details.
const FEW: u16 = 5;

/// Draws the model; gives the number of users drawn.
pub(crate) fn draw(
    model: &mut Model,
    now: Duration,
    area: Rect,
    buffer: &mut Buffer,
    palette: Palette,
) -> usize {
    if area.is_empty() {
        return 0;
    }
    let mut lines = split(area);
    let beside = (area.width >= WIDE).then(|| cut(lines.table(), area.width * 2 / 5));
    // Details leave some of the roster to be seen, where there is room.
    let mut over = lines.table().union(lines.log);
    if model.view.panel == Some(Panel::Details) && beside.is_none() && over.height >= 3 * FEW {
        let head = FEW + u16::from(lines.header);
        over.y += head;
        over.height -= head;
        lines.rows.height = FEW;
    }
    model.arrange(usize::from(lines.rows.height));
    title(model, lines.title, buffer, lines.has_counts, palette);
    for (line, text) in lines
        .facts
        .rows()
        .zip(facts(model, now, lines.facts.height, palette))
    {
        put_all(buffer, inset(line), &text);
    }
    let (rows, over) = match (model.view.panel, beside) {
        (Some(Panel::Details), Some((rows, panel))) => (rows, panel),
        _ => (lines.table(), over),
    };
    let drawn = table(model, now, rows, lines.header, buffer, palette);
    log(model, lines.log, buffer, palette);
    if let Some(open) = model.view.panel {
        panel::draw(model, now, open, over, buffer, palette);
    }
    footer(model, now, lines.footer, buffer, palette);
    drawn
}

/// The lines of the screen by what is on them.
struct Lines {
    title: Rect,
    facts: Rect,
    has_counts: bool,
    /// The heads of the columns; empty where there is no room.
    header: bool,
    rows: Rect,
    log: Rect,
    footer: Rect,
}

impl Lines {
    /// The rows with the heads of their columns.
    fn table(&self) -> Rect {
        let head = u16::from(self.header);
        Rect {
            y: self.rows.y - head,
            height: self.rows.height + head,
            ..self.rows
        }
    }
}

fn split(area: Rect) -> Lines {
    let height = area.height;
    let title = u16::from(height >= 2);
    let footer = u16::from(height >= 3);
    let (facts, header, log) = match height {
        HIGH.. => (4, true, (height / 4).clamp(3, 12)),
        LOW.. => (2, true, 0),
        _ => (0, false, 0),
    };
    let above = title + facts + u16::from(header);
    let rows = height - above - log - footer;
    let part = |y: u16, height: u16| Rect {
        y: area.y + y,
        height,
        ..area
    };
    Lines {
        title: part(0, title),
        facts: part(title, facts),
        has_counts: facts > 0,
        header,
        rows: part(above, rows),
        log: part(above + rows, log),
        footer: part(height - footer, footer),
    }
}

/// One column is left free at either side where there are many.
pub(super) fn inset(area: Rect) -> Rect {
    let by = u16::from(area.width > 30);
    Rect {
        x: area.x + by,
        width: area.width - 2 * by,
        ..area
    }
}

/// Cuts `width` columns off at the right.
fn cut(area: Rect, width: u16) -> (Rect, Rect) {
    let left = area.width - width;
    (
        Rect {
            width: left,
            ..area
        },
        Rect {
            x: area.x + left,
            width,
            ..area
        },
    )
}

fn counts(model: &Model) -> (String, String) {
    let (here, blocked) = model.here();
    let blocked = match blocked {
        0 => String::new(),
        n => format!("{n} BLOCKED"),
    };
    (format!("{here} here"), blocked)
}

/// Subject of the conference, its name, or its URI.
pub(super) fn subject(model: &Model) -> String {
    let description = model
        .info
        .as_ref()
        .and_then(|info| info.description.clone());
    let description = description.unwrap_or_default();
    let told = [description.subject, description.display_text]
        .into_iter()
        .flatten()
        .find(|text| !text.trim().is_empty());
    told.map_or_else(|| text::safe(&model.conference), |told| text::flat(&told))
}

fn is_locked(model: &Model) -> bool {
    let state = model.info.as_ref().and_then(|info| info.state.as_ref());
    state.and_then(|state| state.locked) == Some(true)
}

fn title(model: &Model, area: Rect, buffer: &mut Buffer, has_counts: bool, palette: Palette) {
    if area.is_empty() {
        return;
    }
    buffer.set_style(area, Palette::turned());
    let turned = Palette::turned();
    let mut pieces = Vec::new();
    if !has_counts {
        let (here, blocked) = counts(model);
        pieces.push((blocked, palette.blocked().add_modifier(turned.add_modifier)));
        pieces.push((here, turned));
    }
    let locked = if is_locked(model) { " (locked)" } else { "" };
    let subject = format!("{}{locked}", subject(model));
    let line = inset(area);
    let uri = text::safe(&model.conference);
    let (have, both) = (usize::from(line.width), width(&subject) + width(&uri) + 3);
    if has_counts && both <= have && subject != uri {
        let right = u16::try_from(width(&uri)).unwrap_or(line.width);
        put(buffer, (line.right() - right, line.y), right, &uri, turned);
    }
    pieces.push((subject, turned.patch(Palette::strong())));
    put_all(buffer, line, &pieces);
}

type Pieces = Vec<(String, Style)>;

/// What is known of the subscription, the conference and the lists, a line each; the most important in the first of each.
fn facts(model: &Model, now: Duration, lines: u16, palette: Palette) -> Vec<Pieces> {
    let mut all = match lines {
        0 => return Vec::new(),
        1..=2 => vec![subscription_line(model, now, palette)],
        _ => vec![subscription_line(model, now, palette), server_line(model)],
    };
    all.push(people_line(model, palette));
    all.push(lists_line(model, now, palette));
    all.truncate(usize::from(lines));
    all
}

fn subscription_line(model: &Model, now: Duration, palette: Palette) -> Pieces {
    let Some(state) = &model.state else {
        let doing = if model.leaving {
            "leaving"
        } else {
            model.doing
        };
        return vec![(format!("{doing} …"), Style::new())];
    };
    let style = match state.shown {
        Shown::Active => palette.good(),
        Shown::Pending | Shown::Subscribing => Style::new(),
        Shown::Stale | Shown::Terminated => palette.trouble(),
    };
    let word = match model.leaving && state.shown != Shown::Terminated {
        true => "unsubscribing …",
        false => state.shown.as_str(),
    };
    let mut pieces = vec![(word.to_owned(), style)];
    if let Some(why) = state.why {
        pieces.push((subscription::describe(why), Style::new()));
    }
    if let Some(wait) = state.retry_in {
        pieces.push((
            format!("next try in {:.1} s", wait.as_secs_f64()),
            Style::new(),
        ));
    }
    if state.shown == Shown::Active {
        match state.roster {
            RosterState::Stale => pieces.push(("incomplete, asked anew".into(), palette.trouble())),
            RosterState::Uncertain => {
                pieces.push(("uncertain, asked anew".into(), palette.trouble()));
            }
            _ => {}
        }
    }
    if let Some(life) = model.life(now) {
        pieces.push((format!("life {}", clock(life)), Style::new()));
    }
    pieces.push((mode(model), Style::new()));
    pieces
}

/// The kind of core, whether the way is protected, and by what the mode was decided (SW-10, SEC-02).
pub(super) fn mode(model: &Model) -> String {
    let Some(state) = &model.state else {
        return String::new();
    };
    let core = match state.mode {
        Mode::Sip => "plain SIP",
        Mode::Ims => "IMS",
    };
    let way = if state.protected {
        "protected"
    } else {
        "not protected"
    };
    format!("{core}, {way} ({})", state.mode_reason)
}

fn server_line(model: &Model) -> Pieces {
    let server = model.state.as_ref().and_then(|state| state.server.as_ref());
    let server = server.map_or_else(String::new, |server| {
        format!("IM server {}", text::safe(server))
    });
    vec![(server, Style::new())]
}

fn people_line(model: &Model, palette: Palette) -> Pieces {
    let (here, blocked) = counts(model);
    let mut pieces = vec![(blocked, palette.blocked()), (here, Palette::strong())];
    let hidden = model.state.as_ref().map_or(0, |state| state.hidden_users);
    if hidden > 0 {
        pieces.push((format!("{hidden} more not listed"), palette.trouble()));
    }
    let state = model.info.as_ref().and_then(|info| info.state.clone());
    let state = state.unwrap_or_default();
    if let Some(count) = state.user_count {
        pieces.push((format!("{count} counted"), Style::new()));
    }
    if state.locked == Some(true) {
        pieces.push(("locked".into(), palette.trouble()));
    }
    if state.active == Some(false) {
        pieces.push(("not active".into(), Style::new()));
    }
    if !model.left.is_empty() {
        pieces.push((format!("{} left", model.left.len()), Style::new()));
    }
    match model.deviations.len() {
        0 => {}
        1 => pieces.push(("1 deviation of this server".into(), palette.trouble())),
        n => pieces.push((format!("{n} deviations of this server"), palette.trouble())),
    }
    pieces
}

fn lists_line(model: &Model, now: Duration, palette: Palette) -> Pieces {
    if model.sources.is_empty() {
        return vec![("no block list: nobody is marked".into(), Palette::quiet())];
    }
    let mut pieces = vec![("block lists".to_owned(), Style::new())];
    // Those that want attention first.
    let is_fine = |state| matches!(state, SourceState::Fresh | SourceState::Empty);
    let mut sources: Vec<_> = model.sources.iter().collect();
    sources.sort_by_key(|source| is_fine(source.state));
    for source in sources {
        let style = if is_fine(source.state) {
            Style::new()
        } else {
            palette.trouble()
        };
        let plural = if source.entries == 1 {
            "entry"
        } else {
            "entries"
        };
        let state = crate::json::source_state(source.state);
        let (place, entries) = (text::place(&source.name), source.entries);
        let age = clock(now.saturating_sub(source.at));
        pieces.push((
            format!("{place}: {state}, {entries} {plural}, {age} ago"),
            style,
        ));
    }
    pieces
}

fn log(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if area.height < 2 {
        return;
    }
    let rule = "─".repeat(usize::from(area.width));
    put(
        buffer,
        (area.x, area.y),
        area.width,
        &rule,
        Palette::quiet(),
    );
    let line = inset(area);
    let lines = usize::from(area.height - 1);
    let first = model.log.len().saturating_sub(lines);
    for (y, entry) in (area.y + 1..).zip(model.log.range(first..)) {
        put(
            buffer,
            (line.x, y),
            line.width,
            &entry.text,
            kind(entry.kind, palette),
        );
    }
}

pub(super) fn kind(kind: Kind, palette: Palette) -> Style {
    match kind {
        Kind::Plain => Style::new(),
        Kind::Blocked => palette.blocked(),
        Kind::Trouble => palette.trouble(),
    }
}

fn footer(model: &Model, now: Duration, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if area.is_empty() {
        return;
    }
    let line = inset(area);
    let view = &model.view;
    if view.typing {
        let text = format!("/{}", text::safe(&view.search));
        let x = put(
            buffer,
            (line.x, line.y),
            line.width,
            &text,
            Palette::strong(),
        );
        put(
            buffer,
            (x, line.y),
            line.right().saturating_sub(x),
            " ",
            Palette::turned(),
        );
        return;
    }
    let mut pieces = Vec::new();
    let said = model.said(now).filter(|_| area.y < HIGH - 1);
    if let Some(said) = said {
        pieces.push((said.to_owned(), palette.trouble()));
        put_all(buffer, line, &pieces);
        return;
    }
    let (first, seen) = view.seen();
    let mut shown = view.filter.as_str().to_owned();
    if !view.search.is_empty() {
        shown.push_str(&format!(" /{}", text::safe(&view.search)));
    }
    match view.len() {
        0 => {}
        len if len > seen.len() => {
            shown.push_str(&format!(" {}-{} of {len}", first + 1, first + seen.len()));
        }
        len => shown.push_str(&format!(" {len}")),
    }
    pieces.push((shown, Palette::strong()));
    for key in [
        "? help",
        "q quit",
        "f filter",
        "/ search",
        "Enter details",
        "b block",
        "u unblock",
        "m mode",
        "i info",
        "l log",
        "r request",
    ] {
        pieces.push((key.to_owned(), Palette::quiet()));
    }
    put_all(buffer, line, &pieces);
}
