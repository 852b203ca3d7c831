//! Rows of the oracle: users, endpoints and media by key, merged one by one (RFC 4575 §4.6).

use super::script::{Device, Kind, Medium, Person};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Empty for an endpoint without one.
    pub(super) key: Option<u8>,
    pub(super) status: Option<&'static str>,
    pub(super) text: Option<u8>,
    pub(super) media: Vec<Medium>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Who it is, whatever becomes of the content.
    pub(super) number: u64,
    pub(super) key: &'static str,
    pub(super) text: Option<u8>,
    pub(super) role: Option<u8>,
    pub(super) devices: Vec<Held>,
}
/// Two keys that are one URI: the host in another case.
pub(super) const SPELLINGS: [&str; 2] = ["sip:a@x", "sip:a@X"];

/// Keys that several anonymous users may share.
pub(super) fn is_shared(key: &str) -> bool {
    key.contains("anonymous")
}

fn presence(status: Option<&str>) -> &'static str {
    match status {
        None | Some("connected" | "on-hold" | "muted-via-focus" | "disconnecting") => "present",
        Some("pending" | "dialing-in" | "dialing-out" | "alerting") => "expected",
        Some("disconnected") => "left",
        Some(_) => "unknown",
    }
}

impl Row {
    pub(super) fn present(&self) -> bool {
        self.devices.is_empty()
            || self
                .devices
                .iter()
                .any(|device| presence(device.status) == "present")
    }

    fn status(&self) -> Option<&'static str> {
        let there = |device: &&Held| presence(device.status) == "present";
        let chosen = self.devices.iter().find(there).or(self.devices.last());
        chosen.and_then(|device| device.status)
    }

    /// Content without the order of keyed entries, but for the status that the order decides.
    pub(super) fn same(&self, other: &Self) -> bool {
        let sorted = |row: &Self| {
            let mut row = row.clone();
            row.number = 0;
            sort(&mut row);
            row
        };
        self.status() == other.status() && sorted(self) == sorted(other)
    }
}

/// Puts endpoints and media with keys in an order of their own.
pub(super) fn sort(row: &mut Row) {
    row.devices.sort_by_key(|device| device.key);
    for device in &mut row.devices {
        device.media.sort_by_key(|medium| medium.id);
    }
}

/// Puts `item` where one of the same key is, or at the end.
fn put<T>(list: &mut Vec<T>, same: impl Fn(&T) -> bool, item: T) {
    match list.iter().position(same) {
        Some(at) => list[at] = item,
        None => list.push(item),
    }
}

fn put_medium(media: &mut Vec<Medium>, medium: Medium) {
    put(
        media,
        |held| held.id.is_some() && held.id == medium.id,
        medium,
    );
}

fn as_listed(device: &Device) -> Held {
    let mut media = Vec::new();
    for medium in &device.media {
        put_medium(&mut media, *medium);
    }
    Held {
        key: device.key,
        status: device.status,
        text: device.text,
        media,
    }
}

/// A full user: of two endpoints of one key the last wins.
pub(super) fn whole(person: &Person, key: &'static str, number: u64) -> Row {
    let mut devices: Vec<Held> = Vec::new();
    for device in &person.devices {
        if device.kind == Kind::Deleted {
            devices.retain(|held| held.key != device.key);
        } else {
            put(
                &mut devices,
                |held| held.key == device.key,
                as_listed(device),
            );
        }
    }
    Row {
        number,
        key,
        text: person.text,
        role: person.role,
        devices,
    }
}

/// A partial user on what is held of him.
pub(super) fn patched(mut row: Row, person: &Person) -> Row {
    row.text = person.text.or(row.text);
    row.role = person.role.or(row.role);
    let mut last: Vec<&Device> = Vec::new();
    for device in &person.devices {
        put(&mut last, |other| other.key == device.key, device);
    }
    for device in last {
        let held = row
            .devices
            .iter()
            .find(|held| held.key == device.key)
            .cloned();
        match (device.kind, held) {
            (Kind::Deleted, _) => row.devices.retain(|held| held.key != device.key),
            (Kind::Partial, Some(mut held)) => {
                held.status = device.status.or(held.status);
                held.text = device.text.or(held.text);
                let listed = as_listed(device).media;
                if listed.iter().any(|medium| medium.id.is_none()) {
                    held.media = listed;
                } else {
                    for medium in listed {
                        put_medium(&mut held.media, medium);
                    }
                }
                put(&mut row.devices, |other| other.key == device.key, held);
            }
            _ => put(
                &mut row.devices,
                |held| held.key == device.key,
                as_listed(device),
            ),
        }
    }
    row
}

/// Of people of one key the last counts, in the place of the first; users without key are passed over.
pub(super) fn distinct(
    people: &[Person],
    twins: bool,
    codes: &mut Vec<&'static str>,
) -> Vec<Person> {
    let mut out: Vec<Person> = Vec::new();
    for person in people {
        let Some(key) = person.key else {
            continue;
        };
        match out.iter().rposition(|other| other.key == Some(key)) {
            Some(_) if twins && is_shared(key) => out.push(person.clone()),
            Some(at) => {
                codes.push("duplicate-entity");
                out[at] = person.clone();
            }
            None => out.push(person.clone()),
        }
    }
    out
}

/// Equal by key, whatever the order; rows of one key in their order.
pub(super) fn same_rows(a: &[Row], b: &[Row]) -> bool {
    let sorted = |rows: &[Row]| {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| row.key);
        rows
    };
    let (a, b) = (sorted(a), sorted(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.key == b.key && a.same(b))
}
