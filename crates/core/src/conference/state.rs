//! The state of one conference over its documents: versions, trust, full state (RFC 4575 §4.6; CONF-01–CONF-18).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::time::Duration;

use hashbrown::{DefaultHashBuilder, HashSet};

use super::applied::{Applied, Need, Outcome, RosterState};
use super::change::{Cause, Change, change};
use super::deviation::DeviationCode;
use super::document::{Document, Parts, State};
use super::info::{Content, Info};
use super::merge::{Basis, Merge, Prepared, Reading};
use super::read;
use super::refusal::Refusal;
use super::settings::{Mode, Settings};
use super::subscription::{Subscription, same_keys};
use super::user::User;

/// What is known of one conference.
#[derive(Debug)]
pub struct Conference {
    settings: Settings,
    /// The URI subscribed to.
    conference: Option<Box<str>>,
    /// The root's `entity` of the last applied document.
    entity: Option<Box<str>>,
    content: Content,
    state: RosterState,
    /// A roster was ever shown, so what comes next is compared with it.
    shown: bool,
    subscription: Subscription,
    hasher: DefaultHashBuilder,
}

impl Conference {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            conference: None,
            entity: None,
            content: Content::default(),
            state: RosterState::None,
            shown: false,
            subscription: Subscription::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The URI subscribed to, with which the documents' own name for the conference is compared (CONF-18).
    pub fn set_conference(&mut self, uri: &str) {
        self.conference = Some(uri.into());
    }

    /// A new subscription begins: version, what was learnt and what was reported are forgotten (CONF-11). The roster
    /// stays on show as stale, and is compared with the next full document (CONF-12).
    pub fn begin_subscription(&mut self) {
        self.subscription = Subscription::default();
        if self.state == RosterState::Ended {
            self.shown = false;
        }
        self.state = if self.shown {
            RosterState::Stale
        } else {
            RosterState::None
        };
    }

    /// The users, in the order in which their rows first appeared.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.content.users.iter()
    }

    /// How many users the roster has, present or not.
    pub fn len(&self) -> usize {
        self.content.users.len()
    }

    /// True when the roster has no user.
    pub fn is_empty(&self) -> bool {
        self.content.users.len() == 0
    }

    /// The user of a key, octet for octet (CONF-24); of those who share it the first.
    pub fn user(&self, entity: &str) -> Option<&User> {
        let users = &self.content.users;
        users.row(users.find(users.hash(entity), entity)?)
    }

    /// The user of a row, by [`User::row`].
    pub fn row(&self, number: u64) -> Option<&User> {
        self.content.users.row_numbered(number)
    }

    /// What was told about the conference itself.
    pub fn info(&self) -> &Info {
        &self.content.info
    }

    /// The name that the last applied document gave the conference.
    pub fn entity(&self) -> Option<&str> {
        self.entity.as_deref()
    }

    /// The version of the last document applied in this subscription.
    pub fn version(&self) -> Option<u32> {
        self.subscription.local
    }

    /// How far the roster can be trusted.
    pub fn state(&self) -> RosterState {
        self.state
    }

    /// Whether full state is to be asked for.
    pub fn full_state(&self) -> Option<Need> {
        self.subscription.need
    }

    /// By how many `user-count` is above the number of present users listed (CONF-41).
    pub fn hidden_users(&self) -> usize {
        let count = self.content.info.user_count().unwrap_or(0);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        count.saturating_sub(self.content.users.present())
    }

    /// Takes the body of the next NOTIFY, in the order of their CSeq. `now` is the host's monotonic time.
    ///
    /// All or nothing: a body that is refused or discarded leaves the roster as it was.
    pub fn apply(&mut self, now: Duration, body: &[u8]) -> Applied {
        let mut applied = if self.state == RosterState::Ended {
            Applied::only(Outcome::Ignored)
        } else if body.is_empty() {
            Applied::only(Outcome::Empty)
        } else {
            self.apply_body(now, body).unwrap_or_else(|refusal| {
                self.refuse(&refusal);
                Applied::only(Outcome::Refused(refusal))
            })
        };
        applied.deviations = self.subscription.report.drain();
        applied
    }

    fn apply_body(&mut self, now: Duration, body: &[u8]) -> Result<Applied, Refusal> {
        let last_partial = self.subscription.last_partial.take();
        let guess = self.subscription.guess.take();
        let report = &mut self.subscription.report;
        let document = read::read(body, &self.settings, self.conference.as_deref(), report)?;
        match document.state {
            State::Deleted => self.apply_deleted(document),
            State::Full => self.apply_full(document, guess),
            State::Partial => {
                let print = (body.len(), self.hasher.hash_one(body));
                self.subscription.last_partial = Some(print);
                self.apply_partial(now, document, last_partial == Some(print))
            }
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        let report = &mut self.subscription.report;
        if let Refusal::Malformed(_) = refusal {
            // What else it seemed to say is not known.
            report.retract();
        }
        report.add(refusal.code(), || format!("{refusal}"));
        self.subscription.need = Some(Need::Needed);
        self.doubt();
    }

    /// `uncertain`, unless there is no roster or it is known to lack something.
    fn doubt(&mut self) {
        if self.state == RosterState::Current {
            self.state = RosterState::Uncertain;
        }
    }

    /// Something is known to be missing, and nothing but full state brings it.
    fn lose(&mut self) {
        self.subscription.need = Some(Need::Needed);
        if self.shown {
            self.state = RosterState::Stale;
        }
    }

    fn report_old_version(&mut self, version: u32) {
        let local = self.subscription.local.unwrap_or_default();
        let report = &mut self.subscription.report;
        report.add(DeviationCode::VersionNotIncreasing, || {
            format!("version {version} after {local}")
        });
    }

    fn strict(&self) -> bool {
        self.settings.mode == Mode::Strict
    }

    /// No readable version: refused by the letter.
    fn check_version(&mut self, document: &Document) -> Result<(), Refusal> {
        if document.version.is_none() {
            if self.strict() {
                return Err(Refusal::MissingVersion);
            }
            let report = &mut self.subscription.report;
            report.add(DeviationCode::MissingVersion, || {
                String::from("conference-info has no readable version")
            });
        }
        Ok(())
    }

    /// The conference is gone: everybody leaves, nothing more is expected (CONF-15).
    fn apply_deleted(&mut self, document: Document) -> Result<Applied, Refusal> {
        if self.strict() {
            self.check_version(&document)?;
            if let (Some(version), Some(local)) = (document.version, self.subscription.local)
                && version <= local
            {
                self.report_old_version(version);
                return Ok(Applied::only(Outcome::Discarded));
            }
        }
        let prepared = self.prepare(true, Parts::default())?;
        let first = !core::mem::replace(&mut self.shown, true);
        let mut applied = self.commit(prepared, document.entity, document.version, first);
        // There is no roster to be shown first.
        applied.first = false;
        applied.outcome = Outcome::Ended;
        self.state = RosterState::Ended;
        self.subscription.need = None;
        Ok(applied)
    }

    fn apply_full(
        &mut self,
        document: Document,
        guess: Option<HashSet<Box<str>>>,
    ) -> Result<Applied, Refusal> {
        self.check_version(&document)?;
        let replaces_guess = guess.map(|keys| {
            let users = document.parts.users.iter();
            same_keys(&keys, users.flat_map(|users| &users.listed))
        });
        let old = match (document.version, self.subscription.local) {
            (Some(version), Some(local)) => version <= local,
            _ => false,
        };
        let prepared = self.prepare(true, document.parts)?;
        let same = old && prepared.is_same(&self.content.info);
        if old && !same {
            self.report_old_version(document.version.unwrap_or_default());
            if self.strict() {
                return Ok(Applied::only(Outcome::Discarded));
            }
        }
        if let Some(replaces) = replaces_guess {
            let merges = prepared
                .users
                .as_ref()
                .is_some_and(|users| users.same_keys());
            self.subscription.proven = match (merges, replaces) {
                (true, false) => Some(Reading::Delta),
                (false, true) => Some(Reading::Replacement),
                _ => self.subscription.proven,
            };
        }
        self.subscription.need = None;
        self.state = RosterState::Current;
        if same {
            return Ok(Applied::only(Outcome::Unchanged));
        }
        self.subscription.based = true;
        self.subscription.versionless |= document.version.is_none();
        let first = !core::mem::replace(&mut self.shown, true);
        Ok(self.commit(prepared, document.entity, document.version, first))
    }

    fn apply_partial(
        &mut self,
        now: Duration,
        document: Document,
        repeated: bool,
    ) -> Result<Applied, Refusal> {
        self.check_version(&document)?;
        let discarded = Ok(Applied::only(Outcome::Discarded));
        if !self.subscription.based {
            self.lose();
            let report = &mut self.subscription.report;
            report.add(DeviationCode::PartialFirst, || {
                String::from("a partial document came before any full one")
            });
            return discarded;
        }
        match (document.version, self.subscription.local) {
            (Some(version), Some(local)) => {
                if version <= local {
                    if !repeated {
                        self.report_old_version(version);
                        if !self.strict() {
                            self.lose();
                        }
                    }
                    return discarded;
                }
                if version - local > 1 {
                    self.lose();
                    let report = &mut self.subscription.report;
                    report.add(DeviationCode::VersionGap, || {
                        format!("version {version} after {local}")
                    });
                    return Ok(Applied {
                        gap: true,
                        ..Applied::only(Outcome::Discarded)
                    });
                }
            }
            _ if self.subscription.need == Some(Need::Needed) => {
                // It cannot be seen to follow on what is held.
                self.lose();
                return discarded;
            }
            _ => {}
        }
        let may_guess = !self.strict() && self.subscription.proven.is_none();
        let users = document.parts.users.as_ref();
        let keys: HashSet<Box<str>> = users
            .filter(|users| may_guess && users.state == State::Full)
            .into_iter()
            .flat_map(|users| &users.listed)
            .map(|user| user.entity().into())
            .collect();
        let prepared = self.prepare(false, document.parts)?;
        if document.version.is_none() {
            self.doubt();
            self.subscription.want_for_version();
        }
        if let Some(users) = &prepared.users {
            match users.basis {
                Basis::Shown => self.subscription.proven = Some(users.reading),
                Basis::Guess => {
                    self.doubt();
                    self.subscription.want_for_guess(now);
                    self.subscription.guess = Some(keys);
                }
                Basis::Plain | Basis::Proven => {}
            }
        }
        Ok(self.commit(prepared, document.entity, document.version, false))
    }

    fn prepare(&mut self, full: bool, parts: Parts) -> Result<Prepared, Refusal> {
        let mut merge = Merge {
            settings: &self.settings,
            report: &mut self.subscription.report,
            proven: self.subscription.proven,
        };
        let Content { info, users } = &mut self.content;
        merge.prepare(info, users, full, parts)
    }

    /// Puts a prepared document in place; from here nothing fails.
    fn commit(
        &mut self,
        prepared: Prepared,
        entity: Option<Box<str>>,
        version: Option<u32>,
        first: bool,
    ) -> Applied {
        let mut changes: Vec<Change> = Vec::new();
        let Content { info, users } = &mut self.content;
        let info_changed = prepared.commit(info, users, |old, new, gone: Cause| {
            if !first {
                changes.extend(change(old, new, gone));
            }
        });
        changes.sort_by_key(Change::rank);
        if entity.is_some() {
            self.entity = entity;
        }
        if version.is_some() {
            self.subscription.local = version;
        }
        Applied {
            first,
            info_changed,
            changes,
            ..Applied::only(Outcome::Applied)
        }
    }
}
