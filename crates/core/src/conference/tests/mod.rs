//! Documents of every kind in both modes, and what they make of the roster.

mod ambiguous;
mod causes;
mod content;
mod endpoints;
mod extensions;
mod keys;
mod limits;
mod packing;
mod root;
mod sequences;
mod users;
mod versions;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::*;

pub(super) const BOTH: [Mode; 2] = [Mode::Strict, Mode::Lenient];

pub(super) fn conference(mode: Mode) -> Conference {
    let mut conference = Conference::new(Settings {
        mode,
        ..Settings::default()
    });
    conference.begin_subscription();
    conference
}

/// A root with `attributes` around `inner`.
pub(super) fn root(attributes: &str, inner: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@x' {attributes}>{inner}</conference-info>"
    )
}

/// `full 1`, `partial`, `deleted 7` …
pub(super) fn document(head: &str, inner: &str) -> String {
    let (state, version) = head.split_once(' ').unwrap_or((head, ""));
    let version = match version {
        "" => String::new(),
        number => format!("version='{number}'"),
    };
    root(&format!("state='{state}' {version}"), inner)
}

pub(super) fn users(state: &str, inner: &str) -> String {
    format!("<users state='{state}'>{inner}</users>")
}

/// A user by short name, without endpoints: present.
pub(super) fn user(name: &str, state: &str) -> String {
    format!("<user entity='sip:{name}@x' state='{state}'/>")
}

/// Full users by short names.
pub(super) fn named(names: &str) -> String {
    names
        .split_whitespace()
        .map(|name| user(name, "full"))
        .collect()
}

/// A user with one endpoint of that status.
pub(super) fn with_status(name: &str, status: &str) -> String {
    format!(
        "<user entity='sip:{name}@x'><endpoint entity='e'><status>{status}</status></endpoint></user>"
    )
}

pub(super) fn apply(conference: &mut Conference, body: &str) -> Applied {
    conference.apply(Duration::ZERO, body.as_bytes())
}

/// A conference that holds a full document of version 5 with bob and eve.
pub(super) fn held(mode: Mode) -> Conference {
    let mut conference = conference(mode);
    let applied = apply(
        &mut conference,
        &document("full 5", &users("full", &named("bob eve"))),
    );
    assert!(applied.first);
    conference
}

fn short(entity: &str) -> &str {
    entity
        .strip_prefix("sip:")
        .and_then(|entity| entity.strip_suffix("@x"))
        .unwrap_or(entity)
}

/// The roster by short names, in order; those not present in brackets.
pub(super) fn roster(conference: &Conference) -> String {
    let names: Vec<String> = conference
        .users()
        .map(|user| match user.present() {
            true => short(user.entity()).to_string(),
            false => format!("({})", short(user.entity())),
        })
        .collect();
    names.join(" ")
}

/// The changes in words.
pub(super) fn changes(applied: &Applied) -> String {
    let words: Vec<String> = applied
        .changes
        .iter()
        .map(|change| {
            let name = short(change.user().entity());
            match change {
                Change::Left { cause, row, .. } => {
                    format!("left {name} {} {}", cause.as_str(), row.as_str())
                }
                Change::NotJoined { cause, row, .. } => {
                    format!("not_joined {name} {} {}", cause.as_str(), row.as_str())
                }
                Change::Unlisted(_) => format!("unlisted {name}"),
                Change::Joined(_) => format!("joined {name}"),
                Change::Listed(_) => format!("listed {name}"),
                Change::Updated { fields, .. } => {
                    let fields: Vec<_> = fields.iter().collect();
                    format!("updated {name} {}", fields.join("+"))
                }
            }
        })
        .collect();
    words.join(", ")
}

pub(super) fn codes(applied: &Applied) -> String {
    let codes: Vec<_> = applied.deviations.iter().map(|d| d.code.as_str()).collect();
    codes.join(" ")
}

/// One word for the outcome.
pub(super) fn outcome(applied: &Applied) -> &'static str {
    match applied.outcome {
        Outcome::Applied => "applied",
        Outcome::Unchanged => "unchanged",
        Outcome::Discarded => "discarded",
        Outcome::Refused(_) => "refused",
        Outcome::Ended => "ended",
        Outcome::Ignored => "ignored",
        Outcome::Empty => "empty",
    }
}

/// Outcome, codes, roster, state, need and version in one line.
pub(super) fn verdict(conference: &Conference, applied: &Applied) -> String {
    let need = match conference.full_state() {
        None => "-",
        Some(Need::Wanted) => "wanted",
        Some(Need::Needed) => "needed",
    };
    let version = conference
        .version()
        .map_or("-".to_string(), |version| version.to_string());
    format!(
        "{}; {}; {}; {} {need} {version}",
        outcome(applied),
        codes(applied),
        roster(conference),
        conference.state().as_str(),
    )
}

/// What `verdict` says of the last of `bodies` on a conference that holds bob and eve of version 5.
pub(super) fn after(mode: Mode, bodies: &[&str]) -> String {
    let mut conference = held(mode);
    let mut last = String::new();
    for body in bodies {
        let applied = apply(&mut conference, body);
        last = verdict(&conference, &applied);
    }
    last
}
