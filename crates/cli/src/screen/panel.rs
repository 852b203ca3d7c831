//! What is shown on demand: a user's details, the conference and its subscription, the log, the last request, help.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, Clear, Widget};
use rollmark::core::conference::{Endpoint, Execution};
use rollmark::core::subscription;
use rollmark::{Mark, Row};

use super::draw::{kind, mode, subject};
use super::line::{Palette, clock, put, wrap};
use super::model::Model;
use super::view::{KEYS, Panel};
use crate::text;

type Lines = Vec<(String, Style)>;

/// Draws a panel over what is at `area`, from the line that is looked at.
pub(super) fn draw(
    model: &mut Model,
    now: Duration,
    open: Panel,
    area: Rect,
    buffer: &mut Buffer,
    palette: Palette,
) {
    if area.is_empty() {
        return;
    }
    let (title, lines) = match open {
        Panel::Details => ("details", details(model, palette)),
        Panel::Help => ("help", help()),
        Panel::Info => ("info", info(model, now, palette)),
        Panel::Log => ("log", log(model, palette)),
        Panel::Request => ("last request", request(model, now)),
    };
    Clear.render(area, buffer);
    // A frame costs two lines, which a low screen does not have.
    let inner = if area.height >= 6 && area.width >= 30 {
        let block = Block::bordered()
            .title(format!(" {title}: Esc closes "))
            .border_style(Palette::quiet());
        let inner = block.inner(area);
        block.render(area, buffer);
        inner
    } else {
        area
    };
    let room = usize::from(inner.width);
    let wrapped: Lines = lines
        .iter()
        .flat_map(|(text, style)| wrap(text, room).into_iter().map(|line| (line, *style)))
        .collect();
    let last = wrapped.len().saturating_sub(usize::from(inner.height));
    model.view.panel_top = model.view.panel_top.min(last);
    for (y, (line, style)) in inner.rows().zip(&wrapped[model.view.panel_top..]) {
        put(buffer, (y.x, y.y), y.width, line, *style);
    }
}

fn plain(text: impl Into<String>) -> (String, Style) {
    (text.into(), Style::new())
}

fn head(text: &str) -> (String, Style) {
    (text.to_owned(), Palette::strong())
}

/// A named value, where there is one.
fn value(name: &str, value: Option<String>) -> Option<(String, Style)> {
    let value = value.filter(|value| !value.is_empty())?;
    Some(plain(format!("{name:<11} {value}")))
}

fn help() -> Lines {
    let mut lines: Lines = KEYS
        .iter()
        .map(|(keys, what)| plain(format!("{keys:<20} {what}")))
        .collect();
    lines.extend([
        plain(""),
        plain("BLOCKED (! where it is narrow): he is on a block list of yours; Enter says on which. Nobody else can tell."),
        plain("you (*): your own row. nobody: an anonymous user."),
        plain("?: not every block list could be read, so he may be blocked."),
    ]);
    lines
}

fn details(model: &Model, palette: Palette) -> Lines {
    let Some(row) = model.selected() else {
        return vec![plain("nobody is selected")];
    };
    let mut lines = vec![head(&text::name(row)), mark(row, palette)];
    if let Some(by) = row.mark.blocked_by() {
        lines.extend(value("list", by.list.as_deref().map(text::safe)));
        lines.extend(value("rule", by.rule.as_deref().map(text::safe)));
        lines.extend(value("entry", Some(text::safe(&by.entry))));
        lines.extend(value("source", Some(text::safe(&by.source))));
        lines.extend(value("matched by", Some(by.via.as_str().to_owned())));
        let steps: Vec<_> = by.steps.names().collect();
        lines.extend(value("steps", Some(steps.join(", "))));
    }
    lines.push(plain(""));
    let presence = match (row.user.present(), row.user.expected()) {
        (true, _) => "here",
        (_, true) => "expected",
        _ => "not here",
    };
    let status = row.user.status().map(text::flat);
    let status = status.map_or_else(String::new, |status| format!(", {status}"));
    lines.extend(value("presence", Some(format!("{presence}{status}"))));
    lines.extend(value("identity", Some(text::flat(row.user.entity()))));
    let list = |items: Vec<String>| Some(items.join(", "));
    let aors = row.user.associated_aors().map(|aor| text::flat(aor.uri));
    lines.extend(value("also", list(aors.collect())));
    lines.extend(value(
        "roles",
        list(row.user.roles().map(text::flat).collect()),
    ));
    let languages = row.user.languages().map(text::flat);
    lines.extend(value("languages", list(languages.collect())));
    let focus = row.user.cascaded_focus().map(text::flat);
    lines.extend(value("conference", focus));
    if let Some(left) = model.left.get(&row.user.row()) {
        lines.extend(value("left", Some(left.cause.to_owned())));
    }
    for device in row.user.endpoints() {
        lines.push(plain(""));
        endpoint(device, &mut lines);
    }
    lines
}

fn mark(row: &Row, palette: Palette) -> (String, Style) {
    match &row.mark {
        Mark::Blocked(_) => (text::why(&row.mark), palette.blocked()),
        Mark::Own => ("you".into(), palette.own()),
        Mark::Anonymous => plain("anonymous: nobody can tell who it is"),
        Mark::Clear => plain("not blocked"),
        Mark::Unknown => plain("not known to be blocked: no block list, or not all could be read"),
    }
}

fn endpoint(device: Endpoint<'_>, lines: &mut Lines) {
    let named = match device.entity() {
        "" => "(without name)".to_owned(),
        entity => text::flat(entity),
    };
    lines.push(head(&format!("device {named}")));
    lines.extend(value("called", device.display_text().map(text::flat)));
    lines.extend(value("status", device.status().map(text::flat)));
    let joined = happened(device.joining_method(), device.joining_info());
    lines.extend(value("joined", joined));
    lines.extend(value("referred", happened(None, device.referred())));
    let left = happened(device.disconnection_method(), device.disconnection_info());
    lines.extend(value("left", left));
    for media in device.media() {
        let parts = [media.media_type(), media.status(), media.label()];
        let parts: Vec<_> = parts.into_iter().flatten().map(text::flat).collect();
        lines.extend(value("media", Some(parts.join(", "))));
    }
}

/// How, when, by whom and why.
fn happened(method: Option<&str>, info: Option<Execution<'_>>) -> Option<String> {
    let mut parts: Vec<String> = method.map(text::flat).into_iter().collect();
    if let Some(info) = info {
        parts.extend(info.when().map(text::flat));
        parts.extend(info.by().map(|by| format!("by {}", text::flat(by))));
        parts.extend(info.reason().map(text::flat));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn info(model: &Model, now: Duration, palette: Palette) -> Lines {
    let mut lines = vec![head("Conference")];
    let info = model.info.as_deref().cloned().unwrap_or_default();
    let description = info.description.unwrap_or_default();
    let state = info.state.unwrap_or_default();
    let flat = |text: Option<Box<str>>| text.map(|text| text::flat(&text));
    lines.extend(value("URI", Some(text::safe(&model.conference))));
    lines.extend(value("subject", Some(subject(model))));
    lines.extend(value("name", flat(description.display_text)));
    lines.extend(value("about", flat(description.free_text)));
    let keywords = description.keywords.unwrap_or_default();
    let keywords: Vec<_> = keywords.iter().map(|word| text::flat(word)).collect();
    lines.extend(value("keywords", Some(keywords.join(", "))));
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    lines.extend(value("counted", number(state.user_count)));
    lines.extend(value("at most", number(description.maximum_user_count)));
    let word = |is: Option<bool>| is.map(|is| if is { "yes" } else { "no" }.to_owned());
    lines.extend(value("active", word(state.active)));
    lines.extend(value("locked", word(state.locked)));
    lines.extend(value(
        "host",
        flat(info.host_info.and_then(|host| host.display_text)),
    ));

    lines.extend([plain(""), head("Subscription")]);
    if let Some(state) = &model.state {
        lines.extend(value("state", Some(state.shown.as_str().to_owned())));
        lines.extend(value("because", state.why.map(subscription::describe)));
        lines.extend(value("roster", Some(state.roster.as_str().to_owned())));
        lines.extend(value("life left", model.life(now).map(clock)));
        lines.extend(value("IM server", state.server.as_deref().map(text::safe)));
        lines.extend(value("mode", Some(mode(model))));
        let hidden = state.hidden_users;
        let hidden = (hidden > 0).then(|| format!("{hidden} users are counted but not listed"));
        lines.extend(value("hidden", hidden));
    } else {
        lines.push(plain(model.doing));
    }

    lines.extend([plain(""), head("Block lists")]);
    for source in &model.sources {
        let state = crate::json::source_state(source.state);
        let (name, entries) = (text::safe(&source.name), source.entries);
        let age = clock(now.saturating_sub(source.at));
        let etag = source.etag.as_deref().map(text::flat);
        let etag = etag.map_or_else(String::new, |etag| format!(", entity tag {etag}"));
        lines.push(plain(format!(
            "{name}: {state}, entries: {entries}, {age} ago{etag}"
        )));
    }
    if model.sources.is_empty() {
        lines.push(plain("none"));
    }

    lines.extend([plain(""), head("Where this server departs from the RFCs")]);
    let deviations = model.deviations.iter();
    lines.extend(deviations.map(|(code, detail)| (format!("{code}: {detail}"), palette.trouble())));
    if model.deviations.is_empty() {
        lines.push(plain("nothing so far"));
    }
    lines
}

fn log(model: &Model, palette: Palette) -> Lines {
    let lines = model.log.iter();
    lines
        .map(|line| (line.text.clone(), kind(line.kind, palette)))
        .collect()
}

fn request(model: &Model, now: Duration) -> Lines {
    let Some(sent) = &model.request else {
        return vec![plain("nothing was sent yet")];
    };
    let age = clock(now.saturating_sub(sent.at));
    let answer = match &sent.answer {
        Some(answer) => format!("answered {}", text::flat(answer)),
        None => "no answer yet".to_owned(),
    };
    let mut lines = vec![head(&format!("sent {age} ago, {answer}"))];
    lines.extend(sent.lines.iter().map(|line| plain(text::safe(line))));
    lines
}
