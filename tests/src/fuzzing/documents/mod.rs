//! Sequences of documents: core against the oracle, step by step, in both modes (RFC 4575 §4.4–4.6, CONF-01…64).

mod oracle;
mod reading;
mod rows;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use rollmark_core::conference::{
    Applied, Change, Conference, Mode, Outcome, RowFate, Settings, User,
};

use oracle::Oracle;
use rows::{Held, Row, sort};
use script::{KEYS, Medium, STATUSES, Script, script, written};

/// Steps of one sequence at most.
const MAX_STEPS: usize = 24;

const MALFORMED: [&str; 5] = [
    "<",
    "<conference-info",
    "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info'><users></conference-info>",
    "<!DOCTYPE a><a/>",
    "\0",
];

enum Step {
    Document(Script, Vec<u8>),
    Malformed(&'static [u8]),
    Empty,
    Subscribe,
}

/// Target: what core makes of any sequence of documents is what the oracle makes of it: outcome, rows, trust, need of
/// full state, version, hidden users, deviations, who joined and who left; and the changes lead from one snapshot to the
/// next.
///
/// # Panics
/// At the first step that differs.
pub fn documents(input: &[u8]) {
    let mut u = Unstructured::new(input);
    // Choices that have run out end the sequence.
    let _ = sequence(&mut u);
}

fn sequence(u: &mut Unstructured<'_>) -> Result<()> {
    let mode = *u.choose(&[Mode::Lenient, Mode::Lenient, Mode::Strict])?;
    let mut conference = Conference::new(Settings {
        mode,
        ..Settings::default()
    });
    conference.begin_subscription();
    let mut oracle = Oracle::new(mode);
    let mut now = 0;
    let mut said = String::new();
    let mut last = None;
    for _ in 0..MAX_STEPS {
        if u.is_empty() {
            break;
        }
        now += *u.choose(&[0, 0, 1, 300, 600])?;
        let step = step(u, mode, conference.version(), last.take())?;
        let old = snapshot(&conference);
        let (applied, told) = match &step {
            Step::Subscribe => {
                said.push_str("subscribe\n");
                conference.begin_subscription();
                oracle.subscribe();
                check_state(&conference, &oracle, &said);
                continue;
            }
            Step::Document(script, body) => {
                let _ = writeln!(said, "{now}: {}", String::from_utf8_lossy(body));
                let applied = conference.apply(Duration::from_secs(now), body);
                (applied, oracle.apply(now, script, body))
            }
            Step::Malformed(body) => {
                let _ = writeln!(said, "{now}: {}", String::from_utf8_lossy(body));
                let applied = conference.apply(Duration::from_secs(now), body);
                (applied, oracle.malformed())
            }
            Step::Empty => {
                let applied = conference.apply(Duration::from_secs(now), b"");
                let expected = if oracle.state == "ended" {
                    "ignored"
                } else {
                    "empty"
                };
                assert_eq!(outcome(&applied), expected, "{mode:?}\n{said}");
                continue;
            }
        };
        assert_eq!(outcome(&applied), told.outcome, "outcome; {mode:?}\n{said}");
        assert_eq!(applied.first, told.first, "first; {mode:?}\n{said}");
        let codes: BTreeSet<&str> = applied.deviations.iter().map(|d| d.code.as_str()).collect();
        if told.outcome == "refused" {
            // Which of several faults is met first is not laid down, nor what was seen before it.
            oracle.seen.extend(&codes);
        } else {
            assert_eq!(codes, told.codes, "deviations; {mode:?}\n{said}");
        }
        check_state(&conference, &oracle, &said);
        check_changes(&conference, old, &applied, &said);
        if !applied.first {
            let keys = |wanted: fn(&Change) -> bool| {
                let chosen = applied.changes.iter().filter(|change| wanted(change));
                let mut keys: Vec<_> = chosen.map(|change| change.user().entity()).collect();
                keys.sort_unstable();
                keys
            };
            let joined = keys(|change| matches!(change, Change::Joined(_)));
            let left = keys(|change| matches!(change, Change::Left { .. }));
            assert_eq!(joined, told.joined, "joined; {mode:?}\n{said}");
            assert_eq!(left, told.left, "left; {mode:?}\n{said}");
        }
        if oracle.undefined {
            break;
        }
        last = Some(step);
    }
    Ok(())
}

fn outcome(applied: &Applied) -> &'static str {
    match applied.outcome {
        Outcome::Applied => "applied",
        Outcome::Unchanged => "unchanged",
        Outcome::Discarded => "discarded",
        Outcome::Refused(_) => "refused",
        Outcome::Ended => "ended",
        Outcome::Ignored => "ignored",
        Outcome::Empty => "empty",
        _ => "another",
    }
}

fn check_state(conference: &Conference, oracle: &Oracle, said: &str) {
    let mut held: Vec<Row> = conference.users().map(row).collect();
    let mut expected = oracle.rows.clone();
    for rows in [&mut held, &mut expected] {
        for row in rows.iter_mut() {
            row.number = 0;
            sort(row);
        }
        rows.sort_by_key(|row| row.key);
    }
    assert_eq!(held, expected, "rows\n{said}");
    assert_eq!(conference.len(), expected.len());
    assert_eq!(conference.is_empty(), expected.is_empty());
    assert_eq!(conference.state().as_str(), oracle.state, "state\n{said}");
    assert_eq!(conference.full_state(), oracle.need, "full state\n{said}");
    assert_eq!(conference.version(), oracle.local, "version\n{said}");
    assert_eq!(
        conference.hidden_users(),
        oracle.hidden(),
        "hidden users\n{said}"
    );
    for key in KEYS {
        let user = conference.user(key).map(User::row);
        let first = conference
            .users()
            .find(|user| user.entity() == key)
            .map(User::row);
        assert_eq!(user, first, "the row found by {key}\n{said}");
        let presence = conference.users().filter(|user| user.entity() == key);
        let presence: Vec<bool> = presence.map(User::present).collect();
        let rows = oracle.rows.iter().filter(|row| row.key == key);
        assert_eq!(
            presence,
            rows.map(Row::present).collect::<Vec<_>>(),
            "present\n{said}"
        );
    }
}

fn snapshot(conference: &Conference) -> BTreeMap<u64, User> {
    conference
        .users()
        .map(|user| (user.row(), user.clone()))
        .collect()
}

/// The old snapshot and the changes give the new one; a document that is not applied changes nothing.
fn check_changes(conference: &Conference, old: BTreeMap<u64, User>, applied: &Applied, said: &str) {
    let mut replayed = old;
    if applied.first {
        assert_eq!(applied.changes, [], "the first roster has no changes");
        return;
    }
    for change in &applied.changes {
        let user = change.user().clone();
        match change {
            Change::Left {
                row: RowFate::Gone, ..
            }
            | Change::NotJoined {
                row: RowFate::Gone, ..
            }
            | Change::Unlisted(_) => replayed.remove(&user.row()),
            _ => replayed.insert(user.row(), user),
        };
    }
    assert_eq!(replayed, snapshot(conference), "replayed\n{said}");
}

/// A row of core in the oracle's terms.
fn row(user: &User) -> Row {
    let number = |text: &str| text.parse::<u8>().expect("texts are numbers here");
    Row {
        number: user.row(),
        key: KEYS
            .into_iter()
            .find(|key| *key == user.entity())
            .expect("a key of ours"),
        text: user.display_text().map(number),
        role: user.roles().next().map(number),
        devices: user
            .endpoints()
            .map(|endpoint| Held {
                key: (!endpoint.entity().is_empty()).then(|| number(endpoint.entity())),
                status: STATUSES
                    .into_iter()
                    .find(|status| *status == endpoint.status())
                    .expect("a status of ours"),
                text: endpoint.display_text().map(number),
                media: endpoint
                    .media()
                    .map(|medium| Medium {
                        id: medium.id().map(number),
                        label: medium.label().map_or(0, number),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn step(
    u: &mut Unstructured<'_>,
    mode: Mode,
    local: Option<u32>,
    last: Option<Step>,
) -> Result<Step> {
    let chance = u.int_in_range(0..=39)?;
    match (chance, last) {
        (0, _) => return Ok(Step::Subscribe),
        (1, _) => return Ok(Step::Empty),
        (2 | 3, _) => return Ok(Step::Malformed(u.choose(&MALFORMED)?.as_bytes())),
        (4 | 5, Some(last)) => return Ok(last),
        _ => {}
    }
    let script = script(u, mode, local)?;
    let body = written(&script).into_bytes();
    Ok(Step::Document(script, body))
}
