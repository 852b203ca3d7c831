//! Sequences of documents against a slow oracle: a list of users, searched from end to end (RFC 4575 §4.6).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;

use proptest::prelude::*;

use super::*;

const STATUSES: [Option<&str>; 6] = [
    None,
    Some("connected"),
    Some("on-hold"),
    Some("pending"),
    Some("disconnected"),
    Some("odd"),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Full,
    Partial,
    Deleted,
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Deleted => "deleted",
        }
    }

    fn under(self, full: bool) -> Self {
        match self {
            Self::Partial if full => Self::Full,
            other => other,
        }
    }
}

/// An endpoint as listed: key, state, status, media by id with a label each.
#[derive(Debug, Clone)]
struct Device {
    key: u8,
    kind: Kind,
    status: usize,
    media: Vec<(u8, u8)>,
}

#[derive(Debug, Clone)]
struct Person {
    key: u8,
    kind: Kind,
    text: Option<u8>,
    devices: Vec<Device>,
}

#[derive(Debug, Clone)]
struct Script {
    full: bool,
    /// State of `users`, if there is one.
    users: Option<(Kind, Vec<Person>)>,
}

/// Key, status, and media as id and label.
type HeldDevice = (u8, Option<&'static str>, Vec<(u8, u8)>);

/// A row of the oracle.
#[derive(Debug, Clone, PartialEq, Default)]
struct Row {
    key: u8,
    text: Option<u8>,
    devices: Vec<HeldDevice>,
}

impl Row {
    fn present(&self) -> bool {
        let there = |status: &Option<&str>| matches!(status, None | Some("connected" | "on-hold"));
        self.devices.is_empty() || self.devices.iter().any(|device| there(&device.1))
    }
}

/// Puts `item` where one of the same key is, or at the end.
fn put<T>(list: &mut Vec<T>, same: impl Fn(&T) -> bool, item: T) {
    match list.iter().position(same) {
        Some(at) => list[at] = item,
        None => list.push(item),
    }
}

/// Only the last of each key, in the place of the first.
fn last_of<T: Clone>(list: &[T], key: impl Fn(&T) -> u8) -> Vec<T> {
    let mut out: Vec<T> = Vec::new();
    for item in list {
        let this = key(item);
        put(&mut out, |other| key(other) == this, item.clone());
    }
    out
}

fn merge_person(rows: &mut Vec<Row>, person: &Person, under_full: bool) {
    let kind = person.kind.under(under_full);
    rows.retain(|row| kind != Kind::Deleted || row.key != person.key);
    if kind == Kind::Deleted {
        return;
    }
    let held = rows.iter().find(|row| row.key == person.key).cloned();
    let base = held.filter(|_| kind == Kind::Partial);
    let mut row = base.unwrap_or(Row {
        key: person.key,
        ..Row::default()
    });
    row.text = person.text.or(row.text);
    for device in last_of(&person.devices, |device| device.key) {
        let media = last_of(&device.media, |medium| medium.0);
        let status = STATUSES[device.status];
        let held = row
            .devices
            .iter()
            .find(|held| held.0 == device.key)
            .cloned();
        match (device.kind.under(kind == Kind::Full), held) {
            (Kind::Deleted, _) => row.devices.retain(|held| held.0 != device.key),
            (Kind::Partial, Some(mut held)) => {
                held.1 = status.or(held.1);
                for medium in media {
                    put(&mut held.2, |other| other.0 == medium.0, medium);
                }
                put(&mut row.devices, |other| other.0 == device.key, held);
            }
            _ => put(
                &mut row.devices,
                |other| other.0 == device.key,
                (device.key, status, media),
            ),
        }
    }
    put(rows, |other| other.key == person.key, row);
}

/// RFC 4575 §4.6 word for word.
fn oracle(rows: &mut Vec<Row>, script: &Script) {
    let (kind, people) = match &script.users {
        Some((kind, people)) => (kind.under(script.full), last_of(people, |p| p.key)),
        None if script.full => (Kind::Deleted, Vec::new()),
        None => return,
    };
    match kind {
        Kind::Deleted => rows.clear(),
        Kind::Full => {
            let listed: Vec<u8> = people.iter().map(|p| p.key).collect();
            rows.retain(|row| listed.contains(&row.key));
            for person in &people {
                merge_person(rows, person, true);
            }
        }
        Kind::Partial => {
            for person in &people {
                merge_person(rows, person, false);
            }
        }
    }
}

fn written(script: &Script, version: usize) -> String {
    let mut inner = String::new();
    if let Some((kind, people)) = &script.users {
        let mut list = String::new();
        for person in people {
            let mut body = String::new();
            if let Some(text) = person.text {
                body += &format!("<display-text>{text}</display-text>");
            }
            for device in &person.devices {
                let mut parts = String::new();
                if let Some(status) = STATUSES[device.status] {
                    parts += &format!("<status>{status}</status>");
                }
                for (id, label) in &device.media {
                    parts += &format!("<media id='{id}'><label>{label}</label></media>");
                }
                let kind = device.kind.text();
                body += &format!(
                    "<endpoint entity='{}' state='{kind}'>{parts}</endpoint>",
                    device.key
                );
            }
            let kind = person.kind.text();
            list += &format!(
                "<user entity='sip:{}@x' state='{kind}'>{body}</user>",
                person.key
            );
        }
        inner = users(kind.text(), &list);
    }
    let state = if script.full { "full" } else { "partial" };
    document(&format!("{state} {version}"), &inner)
}

/// What the engine holds, in the oracle's terms.
fn rows_of<'u>(all: impl Iterator<Item = &'u User>) -> Vec<Row> {
    let number = |text: &str| text.parse::<u8>().unwrap();
    all.map(|user| Row {
        key: number(short(user.entity())),
        text: user.display_text().map(number),
        devices: user
            .endpoints()
            .map(|endpoint| {
                let media = endpoint
                    .media()
                    .map(|m| (number(m.id().unwrap()), number(m.label().unwrap())));
                let status = STATUSES
                    .into_iter()
                    .find(|status| *status == endpoint.status());
                (number(endpoint.entity()), status.unwrap(), media.collect())
            })
            .collect(),
    })
    .collect()
}

fn snapshot(conference: &Conference) -> BTreeMap<u64, User> {
    conference
        .users()
        .map(|user| (user.row(), user.clone()))
        .collect()
}

/// The old snapshot and the changes.
fn replayed(mut held: BTreeMap<u64, User>, changes: &[Change]) -> BTreeMap<u64, User> {
    for change in changes {
        let user = change.user().clone();
        match change {
            Change::Left {
                row: RowFate::Gone, ..
            }
            | Change::NotJoined {
                row: RowFate::Gone, ..
            }
            | Change::Unlisted(_) => held.remove(&user.row()),
            _ => held.insert(user.row(), user),
        };
    }
    held
}

fn present(rows: &[Row]) -> BTreeSet<u8> {
    rows.iter()
        .filter(|row| row.present())
        .map(|row| row.key)
        .collect()
}

/// Events against the oracle: one joined and one left a user, whatever way it came about.
fn check_events(before: &[Row], after: &[Row], applied: &Applied) -> Result<(), TestCaseError> {
    let (before, after) = (present(before), present(after));
    let keys = |wanted: fn(&Change) -> bool| -> Vec<u8> {
        let chosen = applied.changes.iter().filter(|change| wanted(change));
        let mut keys: Vec<u8> = chosen
            .map(|c| short(c.user().entity()).parse().unwrap())
            .collect();
        keys.sort_unstable();
        keys
    };
    let joined = keys(|change| matches!(change, Change::Joined(_)));
    let left = keys(|change| matches!(change, Change::Left { .. }));
    prop_assert_eq!(
        joined,
        after.difference(&before).copied().collect::<Vec<_>>()
    );
    prop_assert_eq!(left, before.difference(&after).copied().collect::<Vec<_>>());
    Ok(())
}

fn sequence(mode: Mode, scripts: &[Script]) -> Result<(), TestCaseError> {
    let mut conference = conference(mode);
    let mut rows: Vec<Row> = Vec::new();
    for (version, script) in scripts.iter().enumerate() {
        let script = Script {
            full: script.full || version == 0,
            users: script.users.clone().map(|(kind, people)| match kind {
                // Leniently this would be ambiguous: another property's affair.
                Kind::Full if mode == Mode::Lenient => (Kind::Partial, people),
                _ => (kind, people),
            }),
        };
        let old_rows = rows.clone();
        let old = snapshot(&conference);
        oracle(&mut rows, &script);
        let applied = apply(&mut conference, &written(&script, version));
        prop_assert_eq!(applied.outcome, Outcome::Applied);
        prop_assert_eq!(applied.first, version == 0);
        let mut held = rows_of(conference.users());
        let mut expected = rows.clone();
        // Where a full document only turns keyed entries round, what is held stays as it is.
        for row in held.iter_mut().chain(&mut expected) {
            row.devices.sort_by_key(|device| device.0);
            row.devices
                .iter_mut()
                .for_each(|device| device.2.sort_unstable());
        }
        prop_assert_eq!(held, expected);
        prop_assert_eq!(conference.len(), rows.len());
        for row in &rows {
            let user = conference.user(&format!("sip:{}@x", row.key));
            prop_assert_eq!(user.map(User::present), Some(row.present()));
        }
        if version > 0 {
            check_events(&old_rows, &rows, &applied)?;
            prop_assert_eq!(replayed(old, &applied.changes), snapshot(&conference));
        }
    }
    Ok(())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Full,
        Kind::Partial,
        Kind::Partial,
        Kind::Deleted,
    ])
}

fn device() -> impl Strategy<Value = Device> {
    let media = prop::collection::vec((0..3u8, 0..3u8), 0..3);
    (0..3u8, kind(), 0..STATUSES.len(), media).prop_map(|(key, kind, status, media)| Device {
        key,
        kind,
        status,
        media,
    })
}

fn person() -> impl Strategy<Value = Person> {
    let devices = prop::collection::vec(device(), 0..4);
    (0..6u8, kind(), prop::option::of(0..3u8), devices).prop_map(|(key, kind, text, devices)| {
        Person {
            key,
            kind,
            text,
            devices,
        }
    })
}

fn script() -> impl Strategy<Value = Script> {
    let people = prop::collection::vec(person(), 0..6);
    (
        prop::bool::weighted(0.3),
        prop::option::weighted(0.9, (kind(), people)),
    )
        .prop_map(|(full, users)| Script { full, users })
}

proptest! {
    #[test]
    fn strict_and_lenient_readings_of_conforming_sequences_agree_with_the_oracle(
        scripts in prop::collection::vec(script(), 1..8)
    ) {
        sequence(Mode::Strict, &scripts)?;
        sequence(Mode::Lenient, &scripts)?;
    }

    #[test]
    fn a_full_document_equals_any_split_of_it_into_partial_ones(
        people in prop::collection::vec(person(), 0..6),
        cuts in prop::collection::vec(0..4usize, 6),
        rest in any::<bool>(),
    ) {
        let mut people = last_of(&people, |person| person.key);
        for person in &mut people {
            person.kind = Kind::Full;
            person.devices = last_of(&person.devices, |device| device.key);
            for device in &mut person.devices {
                device.kind = Kind::Full;
                device.media = last_of(&device.media, |medium| medium.0);
            }
        }
        let whole = Script { full: true, users: Some((Kind::Full, people.clone())) };
        // A first full document with everybody or nobody in an old state, then one piece of each user a document.
        let mut scripts = vec![Script { full: true, users: rest.then(|| (Kind::Full, Vec::new())) }];
        for (person, cut) in people.iter().zip(&cuts) {
            let (now, later) = person.devices.split_at(person.devices.len().min(*cut));
            let piece = |devices: &[Device], text| Person {
                kind: Kind::Partial,
                text,
                devices: devices.to_vec(),
                ..*person
            };
            for piece in [piece(now, None), piece(later, person.text)] {
                scripts.push(Script { full: false, users: Some((Kind::Partial, vec![piece])) });
            }
        }
        for mode in BOTH {
            let mut one = conference(mode);
            apply(&mut one, &written(&whole, 1));
            let mut many = conference(mode);
            for (version, script) in scripts.iter().enumerate() {
                prop_assert_eq!(apply(&mut many, &written(script, version)).outcome, Outcome::Applied);
            }
            prop_assert_eq!(rows_of(one.users()), rows_of(many.users()));
            // And the other way round: the full document finds nothing to change.
            let applied = apply(&mut many, &written(&whole, 100));
            prop_assert_eq!(applied.changes, vec![]);
        }
    }

    #[test]
    fn in_any_order_of_documents_the_changes_lead_from_one_snapshot_to_the_next(
        steps in prop::collection::vec((script(), prop::option::of(0..12usize), any::<bool>(), 0..30u8), 1..12)
    ) {
        for mode in BOTH {
            let mut conference = conference(mode);
            for (script, version, unnumbered, chance) in &steps {
                if *chance == 0 {
                    conference.begin_subscription();
                }
                let mut body = written(script, version.unwrap_or(3));
                if *unnumbered && version.is_none() {
                    body = body.replace("version='3'", "");
                }
                if *chance == 1 {
                    body.truncate(body.len() / 2);
                }
                let old = snapshot(&conference);
                let applied = apply(&mut conference, &body);
                let new = snapshot(&conference);
                match applied.outcome {
                    Outcome::Applied if applied.first => prop_assert!(applied.changes.is_empty()),
                    Outcome::Applied => prop_assert_eq!(replayed(old, &applied.changes), new),
                    _ => {
                        prop_assert!(applied.changes.is_empty());
                        prop_assert_eq!(old, new);
                    }
                }
            }
        }
    }

    #[test]
    fn no_byte_string_makes_the_engine_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for mode in BOTH {
            let mut conference = held(mode);
            let applied = conference.apply(Duration::ZERO, &body);
            prop_assert!(matches!(applied.outcome, Outcome::Refused(_) | Outcome::Empty));
            prop_assert_eq!(roster(&conference), "bob eve");
        }
    }

    #[test]
    fn no_damaged_document_makes_the_engine_panic(
        script in script(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = written(&script, 6).into_bytes();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        for mode in BOTH {
            let mut conference = held(mode);
            let applied = conference.apply(Duration::ZERO, &body);
            if let Outcome::Refused(_) = applied.outcome {
                prop_assert_eq!(roster(&conference), "bob eve");
            }
            prop_assert_eq!(conference.users().count(), conference.len());
        }
    }
}
