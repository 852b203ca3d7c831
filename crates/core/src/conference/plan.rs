//! What the users of a document would do to a table, worked out before anything is changed (CONF-34).

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::change::{Cause, Fields};
use super::deviation::{DeviationCode, Report};
use super::document::{Listed, State};
use super::key;
use super::patch::{patch_user, with_extensions};
use super::record::Record;
use super::refusal::Refusal;
use super::row::Presence;
use super::settings::Limits;
use super::table::{SlotId, Table};
use super::user::User;

/// The users of a document read against one table. Nothing is changed until [`Plan::commit`].
#[derive(Debug)]
pub(super) struct Plan {
    operations: SmallVec<[Operation; 2]>,
    /// The rows that listed users mean, those to be removed included.
    matched: SmallVec<[SlotId; 4]>,
    /// Rows of the table that no listed user means.
    unlisted: usize,
    /// Users present if the listed ones are merged in.
    pub(super) present_merged: usize,
    /// Users present among those listed.
    pub(super) present_listed: usize,
    /// Rows if the listed ones are merged in.
    pub(super) len_merged: usize,
    /// Bytes of all rows if the listed ones are merged in, or a few more.
    pub(super) bytes_merged: usize,
    /// A listed user is partial or deleted.
    pub(super) partial: bool,
    additions: usize,
    replaces: bool,
    removals: bool,
}

#[derive(Debug)]
enum Operation {
    Add(Record, Presence),
    Replace(SlotId, Record, Presence),
    /// Nothing changes but the segment in which the row is held.
    Move(SlotId, Record),
    Remove(SlotId),
}

/// How listed users are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// Other spellings of a key are understood, and anonymous users may share keys (lenient).
    pub(super) lenient: bool,
    /// The document is a full one.
    pub(super) full: bool,
    pub(super) limits: &'a Limits,
}

/// What becomes of the rows that no listed user means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    Stay,
    Vanish,
}

impl Plan {
    /// Reads `listed` against `table`, each user by its own state.
    ///
    /// # Errors
    /// A user would go over a limit.
    pub(super) fn new(
        table: &Table,
        listed: Vec<Listed>,
        terms: Terms<'_>,
        report: &mut Report,
    ) -> Result<Self, Refusal> {
        let mut distinct = Distinct::new(table, listed, terms, report);
        distinct.resolve(table, terms, report);
        let listed = distinct.entries;
        let mut plan = Self {
            operations: SmallVec::with_capacity(listed.len()),
            matched: SmallVec::with_capacity(listed.len()),
            unlisted: 0,
            present_merged: table.present(),
            present_listed: 0,
            len_merged: table.len(),
            bytes_merged: table.bytes(),
            partial: false,
            additions: 0,
            replaces: false,
            removals: false,
        };
        for entry in listed {
            let held = entry
                .meant
                .and_then(|slot| table.row(slot).map(|user| (slot, user)));
            plan.take(entry.listed, held, terms.limits)?;
        }
        plan.unlisted = table.len() - plan.matched.len();
        Ok(plan)
    }

    fn take(
        &mut self,
        listed: Listed,
        held: Option<(SlotId, &User)>,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        self.matched.extend(held.map(|(slot, _)| slot));
        let was_present = held.is_some_and(|(_, user)| user.present());
        let full = listed.state == State::Full;
        self.partial |= !full;
        let record = match listed.state {
            State::Full => listed.record,
            State::Partial => {
                patch_user(held.map(|(_, user)| user.record()), &listed.record, limits)?
            }
            State::Deleted => {
                if let Some((slot, user)) = held {
                    self.bytes_merged -= user.text().len();
                    self.operations.push(Operation::Remove(slot));
                    self.len_merged -= 1;
                    self.present_merged -= usize::from(was_present);
                    self.removals = true;
                }
                return Ok(());
            }
        };
        self.bytes_merged += record.text().len();
        self.bytes_merged -= held.map_or(0, |(_, user)| user.text().len());
        let presence = Presence::of(record.text());
        let present = presence == Presence::Present;
        self.present_listed += usize::from(present);
        self.present_merged += usize::from(present);
        self.present_merged -= usize::from(was_present);
        match held {
            None => {
                self.operations.push(Operation::Add(record, presence));
                self.len_merged += 1;
                self.additions += 1;
            }
            Some((slot, user)) if !Fields::between(user.record(), &record).is_empty() => {
                self.replaces = true;
                self.operations
                    .push(Operation::Replace(slot, record, presence));
            }
            // The old segment is let go, so that not one row of each document keeps the others of it alive.
            Some((slot, user)) if full && user.text() == record.text() => {
                self.operations.push(Operation::Move(slot, record));
            }
            // New extension data is no change to tell (CONF-60).
            Some((slot, user)) => {
                if let Some(record) = with_extensions(user.record(), &record) {
                    self.operations.push(Operation::Move(slot, record));
                }
            }
        }
        Ok(())
    }

    /// The listed users, none of them deleted, are exactly those of the table.
    pub(super) fn same_keys(&self) -> bool {
        self.unlisted == 0 && self.additions == 0 && !self.removals
    }

    /// Every row is meant by a listed user: merging and replacing come to the same.
    pub(super) fn names_all(&self) -> bool {
        self.unlisted == 0
    }

    /// True when committing would change the table.
    pub(super) fn changes(&self, others: Others) -> bool {
        self.additions > 0
            || self.replaces
            || self.removals
            || (others == Others::Vanish && self.unlisted > 0)
    }

    /// Carries the plan out on the table it was made for, and tells `changed` of each row: as it was, as it is, and
    /// why it went if it did.
    pub(super) fn commit(
        self,
        table: &mut Table,
        others: Others,
        mut changed: impl FnMut(Option<&User>, Option<&User>, Cause),
    ) {
        table.reserve(self.additions);
        if others == Others::Vanish && self.unlisted > 0 {
            let mut meant = vec![false; table.slot_end()];
            for slot in self.matched {
                if let Some(meant) = meant.get_mut(slot) {
                    *meant = true;
                }
            }
            for (slot, meant) in meant.into_iter().enumerate() {
                if !meant && let Some(user) = table.remove(slot) {
                    changed(Some(&user), None, Cause::Vanished);
                }
            }
        }
        for operation in self.operations {
            match operation {
                Operation::Add(record, presence) => {
                    let user = table.add(record, presence);
                    changed(None, Some(&user), Cause::Departed);
                }
                Operation::Replace(slot, record, presence) => {
                    if let Some((old, new)) = table.replace(slot, record, presence) {
                        changed(Some(&old), Some(&new), Cause::Departed);
                    }
                }
                Operation::Move(slot, record) => table.move_to(slot, record),
                Operation::Remove(slot) => {
                    if let Some(user) = table.remove(slot) {
                        changed(Some(&user), None, Cause::Departed);
                    }
                }
            }
        }
        table.compact();
    }
}

/// The listed users when those of one key are sorted out.
struct Distinct {
    entries: Vec<Entry>,
    /// The entries by key; of those that share a key, the last.
    index: HashTable<usize>,
}

struct Entry {
    listed: Listed,
    hash: u64,
    /// How many users of the same key are listed before it.
    before: usize,
    /// The row that it means, if there is one.
    meant: Option<SlotId>,
}

impl Distinct {
    /// Of users with one key the last counts, in the place of the first. In a full document, leniently, anonymous ones
    /// are rows of their own.
    fn new(table: &Table, listed: Vec<Listed>, terms: Terms<'_>, report: &mut Report) -> Self {
        let mut entries: Vec<Entry> = Vec::with_capacity(listed.len());
        let mut index: HashTable<usize> = HashTable::new();
        let single = listed.len() < 2;
        for listed in listed {
            let hash = table.hash(listed.entity());
            let mut entry = Entry {
                listed,
                hash,
                before: 0,
                meant: None,
            };
            if single {
                entries.push(entry);
                break;
            }
            let entity = entry.listed.entity();
            let same = |&at: &usize| {
                entries
                    .get(at)
                    .is_some_and(|other| other.listed.entity() == entity)
            };
            if let Some(at) = index.find_mut(hash, same) {
                let deleted = entry.listed.state == State::Deleted;
                let shared = terms.full && terms.lenient && key::may_be_shared(entity);
                if let Some(other) = entries.get_mut(*at) {
                    let both = !deleted && other.listed.state != State::Deleted;
                    if shared && both {
                        entry.before = other.before + 1;
                        *at = entries.len();
                        entries.push(entry);
                    } else {
                        report.add(DeviationCode::DuplicateEntity, || format!("{entity:?}"));
                        entry.before = other.before;
                        *other = entry;
                    }
                }
            } else {
                index.insert_unique(hash, entries.len(), |&at| {
                    entries.get(at).map_or(0, |other| other.hash)
                });
                entries.push(entry);
            }
        }
        Self { entries, index }
    }

    /// Finds the row that each entry means.
    fn resolve(&mut self, table: &Table, terms: Terms<'_>, report: &mut Report) {
        let mut respelled: Vec<SlotId> = Vec::new();
        for at in 0..self.entries.len() {
            let Some(entry) = self.entries.get(at) else {
                continue;
            };
            let entity = entry.listed.entity();
            let mut slot = table.find_nth(entry.hash, entity, entry.before);
            if slot.is_none() && terms.lenient && entry.listed.state != State::Full {
                slot = table.find_spelling(entity);
                // A row that the document also names as it is spelled is not meant twice.
                slot = slot.filter(|slot| {
                    let row = table.row(*slot).map(User::entity);
                    row.is_some_and(|key| !respelled.contains(slot) && !self.names(table, key))
                });
                if let Some(slot) = slot {
                    respelled.push(slot);
                    let row = table.row(slot).map_or("", User::entity);
                    report.add(DeviationCode::KeySpelling, || {
                        format!("{entity:?} means {row:?}")
                    });
                }
            }
            if let Some(entry) = self.entries.get_mut(at) {
                entry.meant = slot;
            }
        }
    }

    fn names(&self, table: &Table, key: &str) -> bool {
        let same = |&at: &usize| {
            let entry = self.entries.get(at);
            entry.is_some_and(|entry| entry.listed.entity() == key)
        };
        self.index.find(table.hash(key), same).is_some()
    }
}
