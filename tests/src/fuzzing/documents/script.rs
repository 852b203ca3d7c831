//! Documents as lists of choices, and as text.

use std::fmt::Write;

use arbitrary::{Result, Unstructured};
use rollmark_core::conference::Mode;

use super::rows::{SPELLINGS, is_shared};

pub(super) const STATUSES: [Option<&str>; 7] = [
    None,
    Some("connected"),
    Some("on-hold"),
    Some("pending"),
    Some("disconnected"),
    Some("disconnecting"),
    Some("odd"),
];
pub(super) const KEYS: [&str; 7] = [
    SPELLINGS[0],
    "sip:b@x",
    "tel:+1",
    "sip:c@x",
    SPELLINGS[1],
    "sip:anonymous@anonymous.invalid",
    "sip:anonymous@x",
];
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Full,
    Partial,
    Deleted,
}

impl Kind {
    /// The effective state under a parent that is full.
    pub(super) fn under(self, full: bool) -> Self {
        match self {
            Self::Partial if full => Self::Full,
            other => other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Medium {
    pub(super) id: Option<u8>,
    pub(super) label: u8,
}

#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) key: Option<u8>,
    pub(super) kind: Kind,
    pub(super) status: Option<&'static str>,
    pub(super) text: Option<u8>,
    pub(super) media: Vec<Medium>,
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) key: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) text: Option<u8>,
    pub(super) role: Option<u8>,
    pub(super) devices: Vec<Device>,
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) kind: Kind,
    pub(super) version: Option<u32>,
    /// The root names the conference.
    pub(super) entity: bool,
    /// `conference-state`, with or without `user-count`.
    pub(super) state: Option<Option<u32>>,
    pub(super) users: Option<(Kind, Vec<Person>)>,
}
fn kind(u: &mut Unstructured<'_>) -> Result<Kind> {
    Ok(*u.choose(&[Kind::Full, Kind::Partial, Kind::Partial, Kind::Deleted])?)
}

pub(super) fn script(u: &mut Unstructured<'_>, mode: Mode, local: Option<u32>) -> Result<Script> {
    let kind_of_root = match u.int_in_range(0..=19)? {
        0 => Kind::Deleted,
        1..=6 => Kind::Full,
        _ => Kind::Partial,
    };
    let next = local.map_or(1, |local| local.wrapping_add(1));
    let version = match u.int_in_range(0..=9)? {
        0 => None,
        1 => Some(next.wrapping_sub(1)),
        2 => Some(next.saturating_add(1)),
        3 => Some(*u.choose(&[0, 1, 2, u32::MAX])?),
        _ => Some(next),
    };
    let strict = mode == Mode::Strict;
    let users = if u.ratio(9, 10)? {
        let kind = match u.int_in_range(0..=9)? {
            0 => Kind::Deleted,
            1..=4 => Kind::Full,
            _ => Kind::Partial,
        };
        let mut people = Vec::new();
        for _ in 0..u.int_in_range(0..=5)? {
            people.push(person(u, kind_of_root, strict)?);
        }
        Some((kind, people))
    } else {
        None
    };
    let state = match u.int_in_range(0..=5)? {
        0 => Some(None),
        1 | 2 => Some(Some(u.int_in_range(0..=6)?)),
        _ => None,
    };
    Ok(Script {
        kind: kind_of_root,
        version,
        entity: !u.ratio(1, 40)?,
        state,
        users,
    })
}

fn person(u: &mut Unstructured<'_>, root: Kind, strict: bool) -> Result<Person> {
    let key = *u.choose(&KEYS)?;
    let missing = u.ratio(1, if strict { 60 } else { 20 })?;
    let mut kind = match u.int_in_range(0..=3)? {
        0 | 1 => Kind::Full,
        _ => kind(u)?,
    };
    // Whether one that is deleted among twins takes one of them away is not laid down.
    if root == Kind::Full && is_shared(key) && kind == Kind::Deleted {
        kind = Kind::Full;
    }
    let mut devices = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let mut media = Vec::new();
        for _ in 0..u.int_in_range(0..=2)? {
            media.push(Medium {
                id: optional(u, strict)?,
                label: u.int_in_range(0..=2)?,
            });
        }
        devices.push(Device {
            key: optional(u, strict)?,
            kind: self::kind(u)?,
            status: *u.choose(&STATUSES)?,
            text: u.ratio(1, 4)?.then(|| u.int_in_range(0..=2)).transpose()?,
            media,
        });
    }
    Ok(Person {
        key: (!missing).then_some(key),
        kind,
        text: u.ratio(1, 3)?.then(|| u.int_in_range(0..=2)).transpose()?,
        role: u.ratio(1, 5)?.then(|| u.int_in_range(0..=2)).transpose()?,
        devices,
    })
}

/// A key that is sometimes missing, seldom where that refuses the document.
fn optional(u: &mut Unstructured<'_>, strict: bool) -> Result<Option<u8>> {
    let missing = u.ratio(1, if strict { 100 } else { 10 })?;
    let key = u.int_in_range(0..=2)?;
    Ok((!missing).then_some(key))
}

fn state(kind: Kind) -> &'static str {
    match kind {
        // The default of the schema.
        Kind::Full => "",
        Kind::Partial => " state='partial'",
        Kind::Deleted => " state=' deleted'",
    }
}

/// The document as text.
pub(super) fn written(script: &Script) -> String {
    let mut out = String::from("<conference-info xmlns='urn:ietf:params:xml:ns:conference-info'");
    if script.entity {
        out.push_str(" entity='sip:c@x'");
    }
    out.push_str(state(script.kind));
    if let Some(version) = script.version {
        let _ = write!(out, " version='{version}'");
    }
    out.push('>');
    match script.state {
        None => {}
        Some(None) => out.push_str("<conference-state/>"),
        Some(Some(count)) => {
            let _ = write!(
                out,
                "<conference-state><user-count>{count}</user-count></conference-state>"
            );
        }
    }
    if let Some((kind, people)) = &script.users {
        let _ = write!(out, "<users{}>", state(*kind));
        people
            .iter()
            .for_each(|person| write_person(&mut out, person));
        out.push_str("</users>");
    }
    out.push_str("</conference-info>");
    out
}

fn write_person(out: &mut String, person: &Person) {
    out.push_str("<user");
    if let Some(key) = person.key {
        let _ = write!(out, " entity='{key}'");
    }
    let _ = write!(out, "{}>", state(person.kind));
    if let Some(text) = person.text {
        let _ = write!(out, "<display-text>{text}</display-text>");
    }
    if let Some(role) = person.role {
        let _ = write!(out, "<roles><entry>{role}</entry></roles>");
    }
    for device in &person.devices {
        out.push_str("<endpoint");
        if let Some(key) = device.key {
            let _ = write!(out, " entity='{key}'");
        }
        let _ = write!(out, "{}>", state(device.kind));
        if let Some(text) = device.text {
            let _ = write!(out, "<display-text>{text}</display-text>");
        }
        if let Some(status) = device.status {
            let _ = write!(out, "<status>{status}</status>");
        }
        for medium in &device.media {
            out.push_str("<media");
            if let Some(id) = medium.id {
                let _ = write!(out, " id='{id}'");
            }
            let _ = write!(out, "><label>{}</label></media>", medium.label);
        }
        out.push_str("</endpoint>");
    }
    out.push_str("</user>");
}
