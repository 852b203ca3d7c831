//! A document onto what is held (RFC 4575 §4.6): users by one reading or another, sections, sidebars.

use alloc::vec::Vec;

use super::change::Cause;
use super::deviation::{DeviationCode, Report};
use super::document::{ListedSidebar, Parts, State, Users};
use super::info::{Content, Info, Sidebar, UriEntry};
use super::plan::{Others, Plan, Terms};
use super::refusal::Refusal;
use super::settings::{MAX_EXTENSIONS, Mode, Settings};
use super::table::Table;
use super::user::User;

/// What `users` means that is said to be full in a partial document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Each listed user is merged by its own state.
    Delta,
    /// The listed users replace all.
    Replacement,
}

/// A reading and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// RFC 4575 leaves no choice, or both readings come to the same.
    Plain,
    /// The document shows it.
    Shown,
    /// This notifier was proven to mean it so.
    Proven,
    /// Nothing shows it.
    Guess,
}

/// What a document is merged with.
pub(super) struct Merge<'m> {
    pub(super) settings: &'m Settings,
    pub(super) report: &'m mut Report,
    /// How this notifier was last proven to mean full users in a partial document.
    pub(super) proven: Option<Reading>,
}

/// The users of a document, ready to be committed.
pub(super) struct UsersPlan {
    plan: Plan,
    others: Others,
    pub(super) reading: Reading,
    pub(super) basis: Basis,
}

/// A whole document for one conference or sidebar, ready to be committed.
pub(super) struct Prepared {
    pub(super) users: Option<UsersPlan>,
    sections: Sections,
}

/// The sections that a document puts in place of those held; `None` what it leaves alone.
struct Sections {
    full: bool,
    parts: Parts,
    sidebars_by_ref: Option<Vec<UriEntry>>,
    sidebars_by_val: Option<Vec<Sidebar>>,
}

impl Merge<'_> {
    /// Works out what `parts` do to `info` and `users`, of which only caches change.
    ///
    /// # Errors
    /// Something would go over a limit.
    pub(super) fn prepare(
        &mut self,
        info: &Info,
        table: &mut Table,
        full: bool,
        mut parts: Parts,
    ) -> Result<Prepared, Refusal> {
        let count = parts.state.as_ref().and_then(|state| state.user_count);
        let users = self.prepare_users(table, full, parts.users.take(), count)?;
        let sidebars_by_ref = match parts.sidebars_by_ref.take() {
            None => full.then(Vec::new),
            Some((State::Partial, listed)) => {
                Some(self.patch_references(info.sidebars_by_ref.clone(), listed)?)
            }
            Some((State::Full | State::Deleted, listed)) => Some(listed),
        };
        let sidebars_by_val = match parts.sidebars_by_val.take() {
            None => full.then(Vec::new),
            Some((State::Deleted, _)) => Some(Vec::new()),
            Some((State::Full, listed)) => Some(self.patch_sidebars(Vec::new(), listed)?),
            Some((State::Partial, listed)) => {
                Some(self.patch_sidebars(info.sidebars_by_val.clone(), listed)?)
            }
        };
        Ok(Prepared {
            users,
            sections: Sections {
                full,
                parts,
                sidebars_by_ref,
                sidebars_by_val,
            },
        })
    }

    fn prepare_users(
        &mut self,
        table: &mut Table,
        full: bool,
        users: Option<Users>,
        count: Option<u32>,
    ) -> Result<Option<UsersPlan>, Refusal> {
        let users = match users {
            Some(users) => users,
            None if full => Users {
                state: State::Deleted,
                listed: Vec::new(),
            },
            None => return Ok(None),
        };
        let terms = Terms {
            lenient: self.settings.mode == Mode::Lenient,
            full,
            limits: &self.settings.limits,
        };
        let plan = Plan::new(table, users.listed, terms, self.report)?;
        let (reading, basis) = match users.state {
            State::Partial => (Reading::Delta, Basis::Plain),
            State::Full if !full && terms.lenient => self.read_ambiguous(&plan, count),
            State::Full | State::Deleted => (Reading::Replacement, Basis::Plain),
        };
        let others = match reading {
            Reading::Delta if plan.len_merged > self.settings.limits.users => {
                return Err(Refusal::TooManyUsers);
            }
            Reading::Delta if plan.bytes_merged > self.settings.limits.store => {
                return Err(Refusal::StoreFull);
            }
            Reading::Delta => Others::Stay,
            Reading::Replacement => Others::Vanish,
        };
        Ok(Some(UsersPlan {
            plan,
            others,
            reading,
            basis,
        }))
    }

    /// Full users in a partial document: by the letter they replace all, but many notifiers list only who changed.
    fn read_ambiguous(&mut self, plan: &Plan, count: Option<u32>) -> (Reading, Basis) {
        let count = count.and_then(|count| usize::try_from(count).ok());
        let merged = count == Some(plan.present_merged);
        let listed = count == Some(plan.present_listed);
        let (reading, basis) = if plan.partial || (merged && !listed) {
            (Reading::Delta, Basis::Shown)
        } else if listed && !merged {
            (Reading::Replacement, Basis::Shown)
        } else if plan.names_all() {
            (Reading::Replacement, Basis::Plain)
        } else if let Some(reading) = self.proven {
            (reading, Basis::Proven)
        } else {
            (Reading::Delta, Basis::Guess)
        };
        if reading == Reading::Delta {
            self.report.add(DeviationCode::UsersFullInPartial, || {
                alloc::string::String::from(
                    "users are said to be full in a partial document, which lists only those that changed",
                )
            });
        }
        (reading, basis)
    }

    fn patch_references(
        &self,
        mut held: Vec<UriEntry>,
        listed: Vec<UriEntry>,
    ) -> Result<Vec<UriEntry>, Refusal> {
        for entry in listed {
            match held.iter_mut().find(|held| held.uri == entry.uri) {
                Some(held) => *held = entry,
                None => held.push(entry),
            }
        }
        if held.len() > self.settings.limits.sidebars {
            return Err(Refusal::TooManySidebars);
        }
        Ok(held)
    }

    fn patch_sidebars(
        &mut self,
        mut held: Vec<Sidebar>,
        listed: Vec<ListedSidebar>,
    ) -> Result<Vec<Sidebar>, Refusal> {
        for entry in listed {
            let at = held.iter().position(|held| held.entity == entry.entity);
            let held_entry = at.and_then(|at| held.get_mut(at));
            match (held_entry, entry.state) {
                (Some(_), State::Deleted) => held.retain(|held| held.entity != entry.entity),
                (None, State::Deleted) => {}
                (Some(sidebar), state) => {
                    let full = state == State::Full;
                    self.apply(&mut sidebar.content, full, entry.parts)?;
                }
                (None, state) => {
                    let mut content = Content::default();
                    self.apply(&mut content, state == State::Full, entry.parts)?;
                    held.push(Sidebar {
                        entity: entry.entity,
                        content,
                    });
                }
            }
        }
        if held.len() > self.settings.limits.sidebars {
            return Err(Refusal::TooManySidebars);
        }
        let users: usize = held.iter().map(Sidebar::user_total).sum();
        if users > self.settings.limits.users {
            return Err(Refusal::TooManyUsers);
        }
        let bytes: usize = held.iter().map(Sidebar::bytes).sum();
        if bytes > self.settings.limits.store {
            return Err(Refusal::StoreFull);
        }
        Ok(held)
    }

    /// The same recursion for a sidebar, whose version and changes nobody asks for (CONF-33).
    fn apply(&mut self, content: &mut Content, full: bool, parts: Parts) -> Result<(), Refusal> {
        let prepared = self.prepare(&content.info, &mut content.users, full, parts)?;
        prepared.commit(&mut content.info, &mut content.users, |_, _, _| {});
        Ok(())
    }
}

impl UsersPlan {
    /// The listed users, none of them deleted, are exactly those held.
    pub(super) fn same_keys(&self) -> bool {
        self.plan.same_keys()
    }
}

impl Prepared {
    /// True when committing would change nothing.
    pub(super) fn is_same(&self, info: &Info) -> bool {
        let users = self.users.as_ref();
        !users.is_some_and(|users| users.plan.changes(users.others)) && self.sections.is_same(info)
    }

    /// Puts the document in place. True when something about the conference itself changed.
    pub(super) fn commit(
        self,
        info: &mut Info,
        table: &mut Table,
        changed: impl FnMut(Option<&User>, Option<&User>, Cause),
    ) -> bool {
        if let Some(users) = self.users {
            users.plan.commit(table, users.others, changed);
        }
        self.sections.commit(info)
    }
}

impl Sections {
    fn is_same(&self, info: &Info) -> bool {
        let Self {
            full,
            parts,
            sidebars_by_ref,
            sidebars_by_val,
        } = self;
        fn same<T: PartialEq>(full: bool, held: &Option<T>, new: &Option<T>) -> bool {
            held == new || (!full && new.is_none())
        }
        same(*full, &info.description, &parts.description)
            && same(*full, &info.host_info, &parts.host_info)
            && same(*full, &info.state, &parts.state)
            && sidebars_by_ref
                .as_deref()
                .is_none_or(|new| super::info::same_references(&info.sidebars_by_ref, new))
            && sidebars_by_val
                .as_deref()
                .is_none_or(|new| super::info::same_sidebars(&info.sidebars_by_val, new))
    }

    fn commit(mut self, info: &mut Info) -> bool {
        let full = self.full;
        let new = core::mem::take(&mut self.parts.extensions);
        // An extension element is atomic (CONF-61).
        info.extensions.retain(|held| {
            !full
                && !new.iter().any(|new| {
                    (&new.namespace, &new.local, new.in_description)
                        == (&held.namespace, &held.local, held.in_description)
                })
        });
        info.extensions.extend(new);
        let surplus = info.extensions.len().saturating_sub(MAX_EXTENSIONS);
        info.extensions.drain(..surplus);
        if self.is_same(info) {
            return false;
        }
        fn set<T>(full: bool, held: &mut Option<T>, new: Option<T>) {
            if full || new.is_some() {
                *held = new;
            }
        }
        set(full, &mut info.description, self.parts.description);
        set(full, &mut info.host_info, self.parts.host_info);
        set(full, &mut info.state, self.parts.state);
        if let Some(new) = self.sidebars_by_ref {
            info.sidebars_by_ref = new;
        }
        if let Some(new) = self.sidebars_by_val {
            info.sidebars_by_val = new;
        }
        true
    }
}
