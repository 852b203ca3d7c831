//! The doctor's findings as one JSON object.

use serde_json::{Value, json};

use super::check::{Check, Examination, State};
use super::subject::Subject;

/// The object; its fields are those of `rollmark doctor`'s documentation.
pub(crate) fn object(found: &Examination, subject: &Subject) -> String {
    let check = |check: &Check| {
        let none = |text: &str| match text {
            "" => Value::Null,
            text => json!(text),
        };
        json!({
            "id": check.id.as_str(),
            "title": check.id.title(),
            "state": check.state.as_str(),
            "did": none(&check.did),
            "got": check.outcome(),
            "mend": check.mend,
            "clause": none(check.clause),
            "seconds": rounded(check.seconds),
        })
    };
    let failed: Vec<&str> = found
        .checks
        .iter()
        .filter(|check| check.state == State::Failed)
        .map(|check| check.id.as_str())
        .collect();
    let mut object = serde_json::Map::new();
    object.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
    object.insert("time".into(), json!(subject.time));
    for (name, value) in &subject.rows {
        object.insert((*name).into(), json!(found.presentable(value)));
    }
    object.insert(
        "checks".into(),
        found.checks.iter().map(check).collect::<Vec<_>>().into(),
    );
    let departures = found.departures.iter().map(|departure| {
        json!({
            "code": departure.code,
            "detail": departure.detail,
            "meaning": departure.meaning,
        })
    });
    object.insert("deviations".into(), departures.collect::<Vec<_>>().into());
    let messages = found.messages.iter().map(|message| {
        json!({
            "at": rounded(message.at),
            "from": if message.sent { "us" } else { "server" },
            "text": message.text,
        })
    });
    object.insert("messages".into(), messages.collect::<Vec<_>>().into());
    object.insert(
        "summary".into(),
        json!({
            "ok": found.count(State::Ok),
            "note": found.count(State::Note),
            "failed": found.count(State::Failed),
            "skipped": found.count(State::Skipped),
            "failed_checks": failed,
            "seconds": rounded(subject.since.elapsed().as_secs_f64()),
        }),
    );
    crate::json::escape(&Value::Object(object).to_string())
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
