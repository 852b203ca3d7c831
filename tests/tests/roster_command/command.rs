//! Running `rollmark roster` on documents written here, and its outcome in brief.

use std::path::PathBuf;
use std::process::{Command, Output};

use rollmark_tests::process::run_dir;
use rollmark_tests::watch::binary;
use serde_json::Value;

/// The word that begins a new subscription.
pub(crate) const RESUBSCRIBE: &str = "@resubscribe";

/// A conference-info document of the conference `sip:c@x`.
pub(crate) fn root(attributes: &str, inner: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@x' {attributes}>{inner}</conference-info>"
    )
}

/// A full document of that version with these users.
pub(crate) fn full(version: u32, users: &str) -> String {
    root(
        &format!("state='full' version='{version}'"),
        &format!("<users>{users}</users>"),
    )
}

/// A partial document of that version with a partial list of users.
pub(crate) fn delta(version: u32, users: &str) -> String {
    root(
        &format!("state='partial' version='{version}'"),
        &format!("<users state='partial'>{users}</users>"),
    )
}

/// A partial document of that version with a full list of users.
pub(crate) fn ambiguous(version: u32, inner: &str, users: &str) -> String {
    root(
        &format!("state='partial' version='{version}'"),
        &format!("{inner}<users>{users}</users>"),
    )
}

/// Users by their names, each connected; `~` before one: disconnected; `-`: deleted.
pub(crate) fn users(names: &str) -> String {
    names.split_whitespace().map(user).collect()
}

fn user(name: &str) -> String {
    if let Some(name) = name.strip_prefix('-') {
        return format!("<user entity='sip:{name}@x' state='deleted'/>");
    }
    let (name, status) = match name.strip_prefix('~') {
        Some(name) => (name, "disconnected"),
        None => (name, "connected"),
    };
    format!(
        "<user entity='sip:{name}@x'><endpoint entity='sip:{name}@{name}-pc.x'><status>{status}</status></endpoint></user>"
    )
}

/// `user-count` of the conference.
pub(crate) fn count(n: u32) -> String {
    format!("<conference-state><user-count>{n}</user-count></conference-state>")
}

/// Writes the documents and gives the arguments for them.
pub(crate) fn files<D: AsRef<[u8]>>(documents: &[D]) -> Vec<PathBuf> {
    let folder = run_dir("roster");
    let mut paths = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        if document.as_ref() == RESUBSCRIBE.as_bytes() {
            paths.push(PathBuf::from(RESUBSCRIBE));
            continue;
        }
        let path = folder.join(format!("{}.xml", at + 1));
        std::fs::write(&path, document).expect("a document is written");
        paths.push(path);
    }
    paths
}

/// Runs `rollmark roster` with options and documents.
pub(crate) fn run<D: AsRef<[u8]>>(options: &[&str], documents: &[D]) -> Output {
    Command::new(binary())
        .arg("roster")
        .args(options)
        .args(files(documents))
        .output()
        .expect("rollmark runs")
}

/// As [`run`], with `--json`: the object printed.
#[track_caller]
pub(crate) fn json<D: AsRef<[u8]>>(options: &[&str], documents: &[D]) -> Value {
    let options: Vec<&str> = options.iter().copied().chain(["--json"]).collect();
    outcome(&run(&options, documents))
}

/// The object that a run printed.
#[track_caller]
pub(crate) fn outcome(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// The outcome in brief: users (those not present in brackets), state, version, `!` when full state is asked for, and
/// the codes of the deviations.
pub(crate) fn brief(outcome: &Value) -> String {
    let mut words: Vec<String> = Vec::new();
    for user in outcome["users"].as_array().expect("users") {
        let name = short(user["entity"].as_str().expect("an entity"));
        words.push(match user["present"].as_bool() {
            Some(true) => name,
            _ => format!("({name})"),
        });
    }
    words.push(format!("| {}", outcome["state"].as_str().unwrap_or("?")));
    if let Some(version) = outcome["version"].as_u64() {
        words.push(format!("v{version}"));
    }
    if outcome["needs_full_state"] == true {
        words.push("!".into());
    }
    words.push("|".into());
    let deviations = outcome["deviations"].as_array().expect("deviations");
    words.extend(
        deviations
            .iter()
            .map(|deviation| deviation["code"].as_str().unwrap_or("?").to_owned()),
    );
    words.join(" ").trim().to_owned()
}

/// The events in brief: `document event name`, with the cause and the fate of the row where there is one.
pub(crate) fn story(outcome: &Value) -> Vec<String> {
    let events = outcome["events"].as_array().expect("events");
    let one = |event: &Value| {
        let mut words = vec![
            event["document"].to_string(),
            event["event"].as_str().unwrap_or("?").to_owned(),
        ];
        words.extend(event["user"]["entity"].as_str().map(short));
        for field in ["cause", "row", "reason"] {
            words.extend(event[field].as_str().map(str::to_owned));
        }
        for field in event["fields"].as_array().into_iter().flatten() {
            words.extend(field.as_str().map(str::to_owned));
        }
        words.join(" ")
    };
    events.iter().map(one).collect()
}

fn short(entity: &str) -> String {
    let name = entity.strip_prefix("sip:").unwrap_or(entity);
    name.strip_suffix("@x").unwrap_or(name).to_owned()
}

/// One line of a table: what it shows, the documents, and the outcomes in brief, strictly and leniently.
pub(crate) type Line<'a> = (&'a str, Vec<String>, &'a str, &'a str);

/// Checks a table in both modes; all lines that fail are told together.
#[track_caller]
pub(crate) fn check(table: &[Line<'_>]) {
    let mut wrong = Vec::new();
    for (what, documents, strict, lenient) in table {
        for (options, expected) in [(&["--strict"][..], strict), (&[], lenient)] {
            let found = brief(&json(options, documents));
            if found != *expected {
                wrong.push(format!(
                    "{what} {options:?}\n  due   {expected}\n  found {found}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
