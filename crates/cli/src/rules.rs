//! `rollmark rules`: what a common-policy document says of each URI, and why (RFC 4745, XDM-56…71).

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rollmark::core::blocklist::rules::{
    ExternalList, Members, Outcome, Requester, RuleClass, RuleSet, Rules, Verdict,
};
use rollmark::core::wall_time::WallTime;
use rollmark_xdm::document::MAX_DOCUMENT;
use rollmark_xdm::{external_list, rules};
use serde_json::{Value, json};

use crate::args::Rules as Args;
use crate::fault::Fault;
use crate::offline::read;
use crate::show;
use crate::text::safe;

/// A file that stands in for an external list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListFile {
    /// The anchor as written in the rule, or the name of the list.
    name: String,
    path: PathBuf,
}

/// Reads `NAME=FILE`; a name may have equals signs, a file may not.
pub(crate) fn list_file(text: &str) -> Result<ListFile, String> {
    match text.rsplit_once('=') {
        Some((name, path)) if !name.trim().is_empty() && !path.is_empty() => Ok(ListFile {
            name: name.trim().into(),
            path: path.into(),
        }),
        _ => Err("give the name of a list or its anchor, =, and a file".into()),
    }
}

/// Reads a time of RFC 3339.
pub(crate) fn time(text: &str) -> Result<WallTime, String> {
    rfc3339(text).ok_or_else(|| "give a time of RFC 3339, such as 2026-03-01T08:00:00Z".into())
}

/// An xs:dateTime with a year of four digits and an offset; letters may be small, and there may be a leap second.
fn rfc3339(text: &str) -> Option<WallTime> {
    let mut text = text.to_ascii_uppercase();
    let (date, rest) = text.split_at_checked(10)?;
    let offset = rest.contains(['Z', '+', '-']);
    if !date.starts_with(|c: char| c.is_ascii_digit()) || !rest.starts_with(['T', ' ']) || !offset {
        return None;
    }
    if rest.starts_with(' ') {
        text.replace_range(10..11, "T");
    }
    if text.get(16..19) == Some(":60") {
        text.replace_range(17..19, "59");
        let second = std::time::Duration::from_secs(1);
        return WallTime::parse(&text).map(|time| time.after(second));
    }
    WallTime::parse(&text)
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<(), Fault> {
    let mut set = document(&args.rules)?;
    resolve(&mut set, &args.list);
    let identities = args.identities.rules();
    let ready = Rules::new(&set, &args.reading.settings(), &identities);
    let now = args.at.unwrap_or_else(now);
    let verdicts = args.uris.iter().map(|uri| {
        let user = Requester::new([uri.as_str()], &identities);
        (uri.as_str(), ready.evaluate(&user, Some(now)))
    });
    show::outcome(&if args.json {
        let results: Vec<Value> = verdicts
            .map(|(uri, verdict)| result(uri, &verdict, args.reading.polite_block))
            .collect();
        crate::json::escape(&json!({ "results": results }).to_string())
    } else {
        verdicts
            .map(|(uri, verdict)| text(uri, &verdict, args.reading.polite_block))
            .collect::<Vec<_>>()
            .join("\n")
    })
}

/// What time it is.
pub(crate) fn now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallTime::from_unix(since.unwrap_or_default())
}

fn document(path: &Path) -> Result<RuleSet, Fault> {
    let octets = read(path, MAX_DOCUMENT).map_err(|error| Fault::Rules {
        path: path.to_owned(),
        error: error.to_string(),
    })?;
    rules::parse(&octets).map_err(|error| Fault::Rules {
        path: path.to_owned(),
        error: error.to_string(),
    })
}

/// Puts in what the files say. A list without file, or with one that cannot be read, stays unknown.
fn resolve(set: &mut RuleSet, files: &[ListFile]) {
    let mut used = vec![false; files.len()];
    for list in set.external_lists_mut() {
        let named = |name: &str| -> Vec<usize> {
            (0..files.len())
                .filter(|&at| files.get(at).is_some_and(|file| file.name == name))
                .collect()
        };
        let mut chosen = named(&list.anchor);
        if chosen.is_empty()
            && let Some(name) = &list.name
        {
            chosen = named(name);
        }
        for at in chosen {
            let Some(file) = files.get(at) else { continue };
            if let Some(used) = used.get_mut(at) {
                *used = true;
            }
            let members = members(&file.path, list).unwrap_or_else(|error| {
                warn(&format!(
                    "the list {} cannot be read from {}: {error}; who is on it is unknown",
                    list.name.as_deref().unwrap_or(&list.anchor),
                    file.path.display()
                ));
                Members::default()
            });
            let all = list.members.get_or_insert_with(|| Members {
                uris: Vec::new(),
                complete: true,
            });
            all.uris.extend(members.uris);
            all.complete &= members.complete;
        }
    }
    for (file, used) in files.iter().zip(used) {
        if !used {
            warn(&format!("no rule refers to a list {}", file.name));
        }
    }
}

fn members(path: &Path, list: &ExternalList) -> Result<Members, String> {
    let octets = read(path, MAX_DOCUMENT).map_err(|error| error.to_string())?;
    let members = external_list::parse(&octets, list).map_err(|error| error.to_string())?;
    members.ok_or_else(|| "it has no such list, and not just one".into())
}

fn warn(text: &str) {
    eprintln!("rollmark: {}", safe(text));
}

/// The outcome, with a polite block as what it counts as (XDM-69).
fn outcome(verdict: &Verdict, polite_block: bool) -> &'static str {
    match verdict.outcome {
        Outcome::PoliteBlocked if polite_block => Outcome::Blocked.as_str(),
        outcome => outcome.as_str(),
    }
}

fn result(uri: &str, verdict: &Verdict, polite_block: bool) -> Value {
    let deciding = verdict.deciding.as_ref();
    json!({
        "uri": uri,
        "outcome": outcome(verdict, polite_block),
        "rule": deciding.map(|by| &*by.rule),
        "class": deciding.and_then(|by| by.class).map(RuleClass::as_str),
        "why": verdict.why(),
    })
}

fn text(uri: &str, verdict: &Verdict, polite_block: bool) -> String {
    format!(
        "{}: {}\n  {}",
        safe(uri),
        outcome(verdict, polite_block),
        safe(&verdict.why())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (text, expected) in [
            ("1970-01-01T00:00:10Z", Some(10_000)),
            ("1970-01-01t00:00:10.25z", Some(10_250)),
            ("1970-01-01 01:00:10+01:00", Some(10_000)),
            ("1969-12-31T23:59:60-00:00", Some(0)),
            ("1970-01-01T00:00:10", None),
            ("1970-01-01", None),
            ("11970-01-01T00:00:10Z", None),
            ("-1970-01-01T00:00:10Z", None),
            ("1970-02-30T00:00:10Z", None),
            ("tomorrow", None),
            ("\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", None),
            ("", None),
        ] {
            let read = rfc3339(text).map(WallTime::unix_millis);
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_list_is_told_from_its_file_at_the_last_equals_sign() {
        let list = list_file("list[@name=\"a\"]=b.txt").unwrap();
        assert_eq!(
            (list.name.as_str(), list.path),
            ("list[@name=\"a\"]", "b.txt".into())
        );
        for wrong in ["", "a", "=b", "a=", " =b"] {
            assert!(list_file(wrong).is_err(), "{wrong}");
        }
    }
}
