//! The event stream: one JSON object a line, for programs.

use rollmark::core::conference::{Endpoint, Execution, Info, UriEntry};
use rollmark::core::engine::State;
use rollmark::{Event, Mark, Row, SourceState, What};
use serde_json::{Map, Value, json};

/// One line of the event stream, without its end.
pub(crate) fn line(event: &Event) -> String {
    let mut object = Map::new();
    let seconds = (event.at.as_secs_f64() * 1000.0).round() / 1000.0;
    object.insert("t".into(), json!(seconds));
    object.insert("conference".into(), json!(&*event.conference));
    let (name, more) = body(&event.what);
    object.insert("event".into(), json!(name));
    if let Value::Object(more) = more {
        object.extend(more);
    }
    escape(&Value::Object(object).to_string())
}

/// The name of an event and its further fields.
pub(crate) fn body(what: &What) -> (&'static str, Value) {
    match what {
        What::State(state) => ("state", self::state(state)),
        What::Conference(info) => ("conference", json!({ "info": self::info(info) })),
        What::Roster(rows) => (
            "roster",
            json!({ "users": rows.iter().map(user).collect::<Vec<_>>() }),
        ),
        What::Left { row, cause, kept } => ("left", gone(row, cause.as_str(), *kept)),
        What::NotJoined { row, cause, kept } => ("not_joined", gone(row, cause.as_str(), *kept)),
        What::Joined(row) => ("joined", json!({ "user": user(row) })),
        What::Updated { row, fields } => {
            ("updated", json!({ "user": user(row), "fields": fields }))
        }
        What::Listed(row) => ("listed", json!({ "user": user(row) })),
        What::Unlisted(row) => ("unlisted", json!({ "user": user(row) })),
        What::Blocked(row) => ("blocked", json!({ "user": user(row) })),
        What::Unblocked(row) => ("unblocked", json!({ "user": user(row) })),
        What::BlockList {
            source,
            state,
            entries,
            etag,
        } => (
            "block_list",
            json!({
                "source": &**source,
                "state": source_state(*state),
                "entries": entries,
                "etag": etag,
            }),
        ),
        What::DocumentsChanged(diff) => ("documents", json!({ "changed": diff.changes.len() })),
        What::DocumentsUncertain => ("documents", json!({ "changed": null })),
        What::Document { content_type, body } => (
            "document",
            json!({ "content_type": content_type, "bytes": body.len() }),
        ),
        What::Deviation { code, detail } => (
            "deviation",
            json!({ "code": code.as_str(), "detail": detail }),
        ),
        What::Ended { reason, status } => (
            "ended",
            json!({ "reason": reason.as_str(), "status": status }),
        ),
    }
}

fn gone(row: &Row, cause: &str, kept: bool) -> Value {
    let row_fate = if kept { "kept" } else { "gone" };
    json!({ "user": user(row), "cause": cause, "row": row_fate })
}

fn state(state: &State) -> Value {
    json!({
        "state": state.shown.as_str(),
        "reason": state.why.map(rollmark::core::subscription::Cause::as_str),
        "retry_in": state.retry_in.map(|d| (d.as_secs_f64() * 1000.0).round() / 1000.0),
        "server": state.server.as_deref(),
        "mode": state.mode.as_str(),
        "mode_reason": state.mode_reason.to_string(),
        "protected": state.protected,
        "roster_state": state.roster.as_str(),
        "hidden_users": state.hidden_users,
    })
}

/// The word for the state of a block-list source.
pub(crate) fn source_state(state: SourceState) -> &'static str {
    match state {
        SourceState::Fresh => "fresh",
        SourceState::Stale => "stale",
        SourceState::Incomplete => "incomplete",
        SourceState::Unavailable => "unavailable",
        SourceState::Empty => "empty",
    }
}

fn uri_entry(entry: &UriEntry) -> Value {
    json!({
        "uri": &*entry.uri,
        "display_text": entry.display_text,
        "purpose": entry.purpose,
    })
}

fn uri_entries(entries: Option<&Vec<UriEntry>>) -> Value {
    entries.map_or(Value::Null, |entries| {
        entries.iter().map(uri_entry).collect()
    })
}

/// What is known of the conference itself.
pub(crate) fn info(info: &Info) -> Value {
    let description = info.description.clone().unwrap_or_default();
    let counts = info.state.clone().unwrap_or_default();
    let media = description.available_media.as_ref().map(|media| {
        media
            .iter()
            .map(|medium| {
                json!({
                    "label": medium.label,
                    "display_text": medium.display_text,
                    "type": medium.media_type,
                    "status": medium.status,
                })
            })
            .collect::<Vec<_>>()
    });
    let host = info.host_info.as_ref().map(|host| {
        json!({
            "display_text": host.display_text,
            "web_page": host.web_page,
            "uris": uri_entries(host.uris.as_ref()),
        })
    });
    json!({
        "display_text": description.display_text,
        "subject": description.subject,
        "free_text": description.free_text,
        "keywords": description.keywords,
        "conf_uris": uri_entries(description.conf_uris.as_ref()),
        "service_uris": uri_entries(description.service_uris.as_ref()),
        "maximum_user_count": description.maximum_user_count,
        "available_media": media,
        "host_info": host,
        "user_count": counts.user_count,
        "active": counts.active,
        "locked": counts.locked,
    })
}

fn execution(execution: Option<Execution<'_>>) -> Value {
    execution.map_or(Value::Null, |execution| {
        json!({
            "when": execution.when(),
            "reason": execution.reason(),
            "by": execution.by(),
        })
    })
}

fn endpoint(endpoint: Endpoint<'_>) -> Value {
    let media: Vec<Value> = endpoint
        .media()
        .map(|media| {
            json!({
                "id": media.id(),
                "type": media.media_type(),
                "status": media.status(),
                "label": media.label(),
            })
        })
        .collect();
    json!({
        "entity": endpoint.entity(),
        "display_text": endpoint.display_text(),
        "status": endpoint.status(),
        "referred": execution(endpoint.referred()),
        "joining_method": endpoint.joining_method(),
        "joining_info": execution(endpoint.joining_info()),
        "disconnection_method": endpoint.disconnection_method(),
        "disconnection_info": execution(endpoint.disconnection_info()),
        "media": media,
    })
}

/// A user and his mark.
pub(crate) fn user(row: &Row) -> Value {
    let user = &row.user;
    let aors: Vec<&str> = user.associated_aors().map(|aor| aor.uri).collect();
    json!({
        "entity": user.entity(),
        "display_text": user.display_text(),
        "present": user.present(),
        "status": user.status(),
        "roles": user.roles().collect::<Vec<_>>(),
        "associated_aors": aors,
        "languages": user.languages().collect::<Vec<_>>(),
        "endpoints": user.endpoints().map(endpoint).collect::<Vec<_>>(),
        "mark": row.mark.as_str(),
        "blocked_by": blocked_by(&row.mark),
    })
}

fn blocked_by(mark: &Mark) -> Value {
    mark.blocked_by().map_or(Value::Null, |by| {
        json!({
            "source": &*by.source,
            "list": by.list.as_deref(),
            "rule": by.rule.as_deref(),
            "entry": &*by.entry,
            "via": by.via.as_str(),
            "steps": by.steps.names().collect::<Vec<_>>(),
        })
    })
}

/// Escapes what could act on a terminal or turn text around: C1 controls and bidirectional marks (SEC-09). They only occur
/// within strings of the JSON text.
pub(crate) fn escape(json: &str) -> String {
    if !json.chars().any(crate::text::is_unsafe) {
        return json.to_owned();
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if crate::text::is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_text_around_is_escaped_and_still_the_same_text() {
        let text = json!({ "display_text": "a\u{202e}b\u{85}c\u{1b}[31m" }).to_string();
        let safe = escape(&text);
        assert!(!safe.chars().any(crate::text::is_unsafe));
        assert_eq!(
            serde_json::from_str::<Value>(&safe).unwrap(),
            serde_json::from_str::<Value>(&text).unwrap()
        );
    }
}
