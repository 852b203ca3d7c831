//! Lines of a recording: inputs by their parts, and what else is told, as JSON.

use std::fmt::Write;
use std::time::Duration;

use rollmark_core::engine::What;
use rollmark_core::host::{Action, Capabilities};
use rollmark_core::message::Headers;
use rollmark_core::record::{Input, Pairs, Parts, engine_parts};
use serde_json::{Map, Number, Value, json};

use super::{Names, VERSION};

/// The key of the version, first in the first line.
pub(super) const VERSION_KEY: &str = "rollmark-recording";

pub(super) fn first_line(names: Names, capabilities: Capabilities, seed: [u8; 32]) -> String {
    let names = match names {
        Names::Replaced => "replaced",
        Names::Kept => "kept",
    };
    json!({
        VERSION_KEY: VERSION,
        "program": concat!("rollmark ", env!("CARGO_PKG_VERSION")),
        "names": names,
        "engine": pairs(engine_parts(capabilities, seed)),
    })
    .to_string()
}

/// A number where it says the same, else the text.
fn value(text: String) -> Value {
    if text == "true" || text == "false" {
        return Value::Bool(text == "true");
    }
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let number = text.parse::<u64>().ok().map(Number::from);
    let number = number.or_else(|| Number::from_f64(text.parse().ok()?));
    match number.filter(|number| digits && number.to_string() == text) {
        Some(number) => Value::Number(number),
        None => Value::String(text),
    }
}

/// Seconds, to the nanosecond.
pub(super) fn seconds(time: Duration) -> Value {
    let text = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    value(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// Several of one name are a list.
pub(super) fn pairs(pairs: Pairs) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, text) in pairs {
        let value = value(text);
        match map.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value),
            Some(held) => *held = Value::Array(vec![held.take(), value]),
            None => {
                map.insert(name, value);
            }
        }
    }
    map
}

pub(super) fn headers(headers: &Headers) -> Value {
    headers
        .iter()
        .map(|header| json!([header.name, header.value]))
        .collect()
}

/// As text, or in hex where it is none.
pub(super) fn body(bytes: &[u8], map: &mut Map<String, Value>) {
    match std::str::from_utf8(bytes) {
        Ok("") => {}
        Ok(text) => {
            map.insert("body".into(), text.into());
        }
        Err(_) => {
            let mut hex = String::with_capacity(bytes.len() * 2);
            for byte in bytes {
                let _ = write!(hex, "{byte:02x}");
            }
            map.insert("body-hex".into(), hex.into());
        }
    }
}

pub(super) fn line(at: Duration, line: &str, more: Map<String, Value>) -> String {
    let mut map = Map::new();
    map.insert("t".into(), seconds(at));
    map.insert("line".into(), line.into());
    map.extend(more);
    Value::Object(map).to_string()
}

pub(super) fn input(at: Duration, input: &Input) -> String {
    let Parts {
        kind,
        fields,
        headers,
        body,
        list,
    } = input.parts();
    let mut more = pairs(fields);
    if !headers.is_empty() {
        more.insert("headers".into(), self::headers(&headers));
    }
    self::body(&body, &mut more);
    if !list.is_empty() {
        let list = list.into_iter().map(|(word, fields)| {
            let mut item = Map::new();
            item.insert("item".into(), word.into());
            item.extend(pairs(fields));
            Value::Object(item)
        });
        more.insert("list".into(), list.collect());
    }
    line(at, &kind, more)
}

pub(super) fn action(action: &Action) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| {
        map.insert(name.to_owned(), value);
    };
    let message = match action {
        Action::Send {
            transaction,
            request,
            next_hop,
        } => {
            put("transaction", transaction.0.into());
            put("method", request.method.clone().into());
            put("uri", request.uri.clone().into());
            put("by", next_hop.clone().into());
            Some((&request.headers, &*request.body))
        }
        Action::Subscribe {
            subscription,
            target,
            route,
            headers,
            body,
        } => {
            put("subscribe", subscription.0.into());
            put("uri", target.clone().into());
            put("route", route.clone().into());
            Some((headers, &**body))
        }
        Action::Refresh {
            subscription,
            headers,
            body,
        } => {
            put("refresh", subscription.0.into());
            Some((headers, &**body))
        }
        Action::Unsubscribe {
            subscription,
            headers,
        } => {
            put("unsubscribe", subscription.0.into());
            Some((headers, &[][..]))
        }
        Action::Register { account, trouble } => {
            put("register", account.0.into());
            put("trouble", trouble.to_string().into());
            None
        }
        Action::Forget { subscription } => {
            put("forget", subscription.0.into());
            None
        }
    };
    if let Some((headers, body)) = message {
        put("headers", self::headers(headers));
        self::body(body, &mut map);
    }
    map
}

/// The name of an event, and whom it is about.
pub(super) fn event(what: &What) -> (&'static str, Option<String>) {
    let (name, row) = match what {
        What::State(_) => ("state", None),
        What::Conference(_) => ("conference", None),
        What::Roster(_) => ("roster", None),
        What::Left { row, .. } => ("left", Some(row)),
        What::NotJoined { row, .. } => ("not_joined", Some(row)),
        What::Joined(row) => ("joined", Some(row)),
        What::Updated { row, .. } => ("updated", Some(row)),
        What::Listed(row) => ("listed", Some(row)),
        What::Unlisted(row) => ("unlisted", Some(row)),
        What::Blocked(row) => ("blocked", Some(row)),
        What::Unblocked(row) => ("unblocked", Some(row)),
        What::BlockList { .. } => ("block_list", None),
        What::DocumentsChanged(_) | What::DocumentsUncertain => ("documents", None),
        What::Document { .. } => ("document", None),
        What::Deviation { .. } => ("deviation", None),
        What::Ended { .. } => ("ended", None),
    };
    (name, row.map(|row| row.user.entity().to_owned()))
}
