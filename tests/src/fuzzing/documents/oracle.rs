//! How conference-info documents become a roster, written a second time: plain lists, searched from end to end, every
//! reading worked out in full (RFC 4575 §4.4–4.6, and the lenient mode of rollmark).

use std::collections::BTreeSet;

use rollmark_core::conference::{GUESS_INTERVAL, Mode, Need};

use super::rows::{Row, distinct, same_rows};
use super::script::{Kind, Person, Script};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Delta,
    Replacement,
}

/// What a step came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) outcome: &'static str,
    pub(super) first: bool,
    pub(super) codes: BTreeSet<&'static str>,
    pub(super) joined: Vec<&'static str>,
    pub(super) left: Vec<&'static str>,
}

#[derive(Debug)]
pub(super) struct Oracle {
    pub(super) strict: bool,
    pub(super) rows: Vec<Row>,
    pub(super) numbers: u64,
    conference_state: Option<Option<u32>>,
    pub(super) state: &'static str,
    pub(super) need: Option<Need>,
    pub(super) local: Option<u32>,
    shown: bool,
    based: bool,
    proven: Option<Reading>,
    /// Keys listed by the last document, if reading it was a guess.
    guess: Option<BTreeSet<&'static str>>,
    guess_asked: Option<u64>,
    versionless: bool,
    versionless_asked: bool,
    last_partial: Option<Vec<u8>>,
    /// What follows from here is not laid down.
    pub(super) undefined: bool,
    pub(super) seen: BTreeSet<&'static str>,
}

impl Oracle {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            strict: mode == Mode::Strict,
            rows: Vec::new(),
            numbers: 0,
            conference_state: None,
            state: "none",
            need: None,
            local: None,
            shown: false,
            based: false,
            proven: None,
            guess: None,
            guess_asked: None,
            versionless: false,
            versionless_asked: false,
            last_partial: None,
            undefined: false,
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn hidden(&self) -> usize {
        let present = self.rows.iter().filter(|row| row.present()).count();
        let count = self.conference_state.flatten().unwrap_or(0);
        (count as usize).saturating_sub(present)
    }

    /// A new subscription: the roster stays on show, everything learnt is forgotten.
    pub(super) fn subscribe(&mut self) {
        let shown = self.shown && self.state != "ended";
        *self = Self {
            strict: self.strict,
            rows: std::mem::take(&mut self.rows),
            numbers: self.numbers,
            conference_state: self.conference_state,
            shown,
            state: if shown { "stale" } else { "none" },
            ..Self::new(Mode::Lenient)
        };
    }

    /// A body that is no document.
    pub(super) fn malformed(&mut self) -> Told {
        if self.state == "ended" {
            return self.told("ignored", &[]);
        }
        self.guess = None;
        self.last_partial = None;
        self.refuse();
        self.told("refused", &["malformed-body"])
    }

    fn refuse(&mut self) {
        self.need = Some(Need::Needed);
        self.doubt();
    }

    fn doubt(&mut self) {
        if self.state == "current" {
            self.state = "uncertain";
        }
    }

    fn lose(&mut self) {
        self.need = Some(Need::Needed);
        if self.shown {
            self.state = "stale";
        }
    }

    /// Each code once a subscription.
    fn told(&mut self, outcome: &'static str, codes: &[&'static str]) -> Told {
        let codes = codes
            .iter()
            .copied()
            .filter(|code| self.seen.insert(code))
            .collect();
        Told {
            outcome,
            codes,
            ..Told::default()
        }
    }

    /// The document `script`, written as `body`, `now` seconds after the beginning.
    pub(super) fn apply(&mut self, now: u64, script: &Script, body: &[u8]) -> Told {
        if self.state == "ended" {
            return self.told("ignored", &[]);
        }
        let last_partial = self.last_partial.take();
        let guess = self.guess.take();
        let mut codes = self.codes_of_reading(script);
        let fatal = [
            "missing-entity",
            "missing-version",
            "user-without-entity",
            "endpoint-without-entity",
            "media-without-id",
        ];
        if self.strict && codes.iter().any(|code| fatal.contains(code)) {
            self.refuse();
            // Which fault is met first, and what before it, is not laid down: the caller adds what was told.
            return self.told("refused", &[]);
        }
        let before = self.rows.clone();
        let mut told = match script.kind {
            Kind::Deleted => self.deleted(script, &mut codes),
            Kind::Full => self.full(script, guess, &mut codes),
            Kind::Partial => {
                let repeated = last_partial.as_deref() == Some(body);
                self.last_partial = Some(body.to_vec());
                self.partial(now, script, repeated, &mut codes)
            }
        };
        if matches!(told.outcome, "applied" | "ended") && !told.first {
            let present =
                |rows: &[Row], number| rows.iter().any(|row| row.number == number && row.present());
            let keys = |rows: &[Row], others: &[Row]| {
                let mut keys: Vec<_> = rows
                    .iter()
                    .filter(|row| row.present() && !present(others, row.number))
                    .map(|row| row.key)
                    .collect();
                keys.sort_unstable();
                keys
            };
            told.joined = keys(&self.rows, &before);
            told.left = keys(&before, &self.rows);
        }
        told
    }

    /// What is met while the document is read, whatever becomes of it.
    fn codes_of_reading(&self, script: &Script) -> Vec<&'static str> {
        let mut codes = Vec::new();
        if !script.entity {
            codes.push("missing-entity");
        }
        let counts = script.kind != Kind::Deleted || self.strict;
        if script.version.is_none() && counts {
            codes.push("missing-version");
        }
        let (Some((kind, people)), true) = (&script.users, script.kind != Kind::Deleted) else {
            return codes;
        };
        if *kind == Kind::Deleted {
            return codes;
        }
        for person in people {
            if person.key.is_none() {
                codes.push("user-without-entity");
            } else if person.kind != Kind::Deleted {
                for device in &person.devices {
                    if device.key.is_none() {
                        codes.push("endpoint-without-entity");
                    }
                    if device.kind == Kind::Deleted {
                        continue;
                    }
                    if device.media.iter().any(|medium| medium.id.is_none()) {
                        codes.push("media-without-id");
                    }
                    if device.status == Some("odd") {
                        codes.push("unknown-value");
                    }
                }
            }
        }
        codes
    }

    fn deleted(&mut self, script: &Script, codes: &mut Vec<&'static str>) -> Told {
        if self.strict && script.version <= self.local {
            codes.push("version-not-increasing");
            return self.told("discarded", codes);
        }
        self.rows.clear();
        self.conference_state = None;
        self.local = script.version.or(self.local);
        self.state = "ended";
        self.need = None;
        self.shown = true;
        self.told("ended", codes)
    }

    fn full(
        &mut self,
        script: &Script,
        guess: Option<BTreeSet<&'static str>>,
        codes: &mut Vec<&'static str>,
    ) -> Told {
        let people = match &script.users {
            Some((kind, people)) if *kind != Kind::Deleted => people.as_slice(),
            _ => &[],
        };
        let (rows, numbers) = self.read(people, true, Reading::Replacement, codes);
        let old = script.version.is_some() && script.version <= self.local;
        let same = old && script.state == self.conference_state && same_rows(&rows, &self.rows);
        if old && !same {
            codes.push("version-not-increasing");
            if self.strict {
                return self.told("discarded", codes);
            }
        }
        if let Some(guess) = guess {
            let keys = |rows: &[Row]| rows.iter().map(|row| row.key).collect::<BTreeSet<_>>();
            let meant = keys(&rows);
            let delta = meant == keys(&self.rows);
            let replacement = meant == guess;
            // Whether the number of anonymous twins counts when keys are compared is not laid down.
            self.undefined |= meant.len() < rows.len() || keys(&self.rows).len() < self.rows.len();
            self.proven = match (delta, replacement) {
                (true, false) => Some(Reading::Delta),
                (false, true) => Some(Reading::Replacement),
                _ => self.proven,
            };
        }
        self.state = "current";
        self.need = None;
        if same {
            return self.told("unchanged", codes);
        }
        self.based = true;
        self.versionless |= script.version.is_none();
        self.local = script.version.or(self.local);
        self.rows = rows;
        self.numbers = numbers;
        self.conference_state = script.state;
        let first = !std::mem::replace(&mut self.shown, true);
        Told {
            first,
            ..self.told("applied", codes)
        }
    }

    fn partial(
        &mut self,
        now: u64,
        script: &Script,
        repeated: bool,
        codes: &mut Vec<&'static str>,
    ) -> Told {
        if !self.based {
            self.lose();
            codes.push("partial-first");
            return self.told("discarded", codes);
        }
        match (script.version, self.local) {
            (Some(version), Some(local)) if version <= local => {
                if !repeated {
                    codes.push("version-not-increasing");
                    if !self.strict {
                        self.lose();
                    }
                }
                return self.told("discarded", codes);
            }
            (Some(version), Some(local)) if version > local + 1 => {
                self.lose();
                codes.push("version-gap");
                return self.told("discarded", codes);
            }
            (Some(_), Some(_)) => {}
            _ if self.need == Some(Need::Needed) => {
                self.lose();
                return self.told("discarded", codes);
            }
            _ => {}
        }
        if script.version.is_none() {
            self.doubt();
            if !(self.versionless && self.versionless_asked) {
                self.versionless_asked = true;
                self.need = self.need.max(Some(Need::Wanted));
            }
        }
        let listed = script.users.as_ref();
        if let Some((kind, people)) = listed {
            let reading = match kind {
                Kind::Deleted => Reading::Replacement,
                Kind::Partial => Reading::Delta,
                Kind::Full if self.strict => Reading::Replacement,
                Kind::Full => self.ambiguous(now, script, people, codes),
            };
            let people = if *kind == Kind::Deleted {
                &[]
            } else {
                people.as_slice()
            };
            let under_full = self.strict && *kind == Kind::Full;
            (self.rows, self.numbers) = self.read(people, under_full, reading, codes);
        }
        if script.state.is_some() {
            self.conference_state = script.state;
        }
        self.local = script.version.or(self.local);
        self.told("applied", codes)
    }

    /// `users` said to be full in a partial document.
    fn ambiguous(
        &mut self,
        now: u64,
        script: &Script,
        people: &[Person],
        codes: &mut Vec<&'static str>,
    ) -> Reading {
        let mut unused = Vec::new();
        let people = distinct(people, false, &mut unused);
        let present = |rows: &[Row]| rows.iter().filter(|row| row.present()).count() as u32;
        let (merged, _) = self.read(&people, false, Reading::Delta, &mut unused);
        let (replaced, _) = self.read(&people, false, Reading::Replacement, &mut unused);
        let count = script.state.flatten();
        let shows_merged = count == Some(present(&merged));
        let shows_listed = count == Some(present(&replaced));
        let (reading, proves) = if people.iter().any(|person| person.kind != Kind::Full)
            || (shows_merged && !shows_listed)
        {
            (Reading::Delta, true)
        } else if shows_listed && !shows_merged {
            (Reading::Replacement, true)
        } else if merged.len() == replaced.len() {
            (Reading::Replacement, false)
        } else if let Some(proven) = self.proven {
            (proven, false)
        } else {
            self.doubt();
            self.guess = Some(people.iter().filter_map(|person| person.key).collect());
            let recently = self
                .guess_asked
                .is_some_and(|at| now - at < GUESS_INTERVAL.as_secs());
            if !recently {
                self.guess_asked = Some(now);
                self.need = self.need.max(Some(Need::Wanted));
            }
            (Reading::Delta, false)
        };
        if proves {
            self.proven = Some(reading);
        }
        if reading == Reading::Delta {
            codes.push("users-full-in-partial");
        }
        reading
    }
}
