//! The user table (RFC 4575 §4.6): rows in order of first appearance, found by key in constant time.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use super::change::Fields;
use super::key;
use super::record::Record;
use super::row::Presence;
use super::spelling;
use super::user::User;

/// A place in the table; stays the same until [`Table::compact`].
pub(super) type SlotId = usize;

#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// In order of first appearance; `None` where a row is gone.
    slots: Vec<Option<Slot>>,
    /// The numbers of the rows in `slots`, gone ones included: ascending.
    numbers: Vec<u64>,
    /// By key: of rows with one key the first.
    index: HashTable<SlotId>,
    /// The others of the same key, in order. Mostly empty: only anonymous users share keys.
    twins: HashMap<Box<str>, VecDeque<SlotId>>,
    /// By what all spellings of a URI have in common: all rows.
    spellings: HashTable<SlotId>,
    hasher: DefaultHashBuilder,
    len: usize,
    present: usize,
    /// Bytes of all rows.
    bytes: usize,
    next_number: u64,
}

#[derive(Debug, Clone)]
struct Slot {
    /// Of the key.
    hash: u64,
    /// Of what all spellings of the key have in common.
    class: u64,
    user: User,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many users are present.
    pub(super) fn present(&self) -> usize {
        self.present
    }

    /// Bytes of all rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &User> {
        self.slots.iter().flatten().map(|slot| &slot.user)
    }

    /// One above the highest place.
    pub(super) fn slot_end(&self) -> SlotId {
        self.slots.len()
    }

    pub(super) fn row(&self, slot: SlotId) -> Option<&User> {
        self.slot(slot).map(|slot| &slot.user)
    }

    pub(super) fn row_numbered(&self, number: u64) -> Option<&User> {
        self.row(self.numbers.binary_search(&number).ok()?)
    }

    pub(super) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The first row of a key.
    pub(super) fn find(&self, hash: u64, key: &str) -> Option<SlotId> {
        self.index
            .find(hash, |&slot| {
                self.row(slot).is_some_and(|user| user.entity() == key)
            })
            .copied()
    }

    /// The row of a key that has `before` rows of that key before it.
    pub(super) fn find_nth(&self, hash: u64, key: &str, before: usize) -> Option<SlotId> {
        match before.checked_sub(1) {
            None => self.find(hash, key),
            Some(at) => self.twins.get(key)?.get(at).copied(),
        }
    }

    /// The only row whose key is another spelling of the same URI.
    pub(super) fn find_spelling(&self, key: &str) -> Option<SlotId> {
        let class = self.spelling_class(key);
        let mut candidates = 0;
        let mut equal = None;
        for &at in self.spellings.iter_hash(class) {
            let Some(slot) = self.slot(at).filter(|slot| slot.class == class) else {
                continue;
            };
            candidates += 1;
            if candidates > MAX_SPELLINGS {
                return None;
            }
            if key::same_uri(slot.user.entity(), key) && equal.replace(at).is_some() {
                return None;
            }
        }
        equal
    }

    fn spelling_class(&self, key: &str) -> u64 {
        self.hasher.hash_one(spelling::class(key))
    }

    fn slot(&self, at: SlotId) -> Option<&Slot> {
        self.slots.get(at)?.as_ref()
    }

    /// Adds a row at the end.
    pub(super) fn add(&mut self, record: Record, presence: Presence) -> User {
        let hash = self.hash(record.entity());
        let user = User::new(self.next_number, presence, record);
        self.next_number += 1;
        let slot = self.slots.len();
        self.len += 1;
        self.bytes += user.text().len();
        self.present += usize::from(user.present());
        match self.find(hash, user.entity()) {
            Some(_) => self
                .twins
                .entry(user.entity().into())
                .or_default()
                .push_back(slot),
            None => self.link(hash, slot),
        }
        let class = self.spelling_class(user.entity());
        let slots = &self.slots;
        self.spellings.insert_unique(class, slot, |&at| {
            // Every place in the index is taken, so this is never 0.
            let taken = slots.get(at).and_then(Option::as_ref);
            taken.map_or(0, |slot| slot.class)
        });
        self.numbers.push(user.row());
        self.slots.push(Some(Slot {
            hash,
            class,
            user: user.clone(),
        }));
        user
    }

    /// Puts other content under the same key.
    pub(super) fn replace(
        &mut self,
        slot: SlotId,
        record: Record,
        presence: Presence,
    ) -> Option<(User, User)> {
        let held = self.slots.get_mut(slot)?.as_mut()?;
        let new = User::new(held.user.row(), presence, record);
        let old = core::mem::replace(&mut held.user, new.clone());
        self.present += usize::from(new.present());
        self.present -= usize::from(old.present());
        self.bytes += new.text().len();
        self.bytes -= old.text().len();
        Some((old, new))
    }

    /// Holds the same content in another segment.
    pub(super) fn move_to(&mut self, slot: SlotId, record: Record) {
        if let Some(Some(held)) = self.slots.get_mut(slot) {
            self.bytes -= held.user.text().len();
            self.bytes += record.text().len();
            held.user.move_to(record);
        }
    }

    pub(super) fn remove(&mut self, slot: SlotId) -> Option<User> {
        let Slot { hash, class, user } = self.slots.get_mut(slot)?.take()?;
        self.len -= 1;
        self.bytes -= user.text().len();
        self.present -= usize::from(user.present());
        let head = self.index.find_entry(hash, |&at| at == slot);
        if let Ok(entry) = head {
            entry.remove();
            let next = self.twins.get_mut(user.entity());
            if let Some(next) = next.and_then(VecDeque::pop_front) {
                self.link(hash, next);
            }
        } else if let Some(twins) = self.twins.get_mut(user.entity())
            && let Some(at) = twins.iter().position(|&twin| twin == slot)
        {
            twins.remove(at);
        }
        if self
            .twins
            .get(user.entity())
            .is_some_and(VecDeque::is_empty)
        {
            self.twins.remove(user.entity());
        }
        if let Ok(entry) = self.spellings.find_entry(class, |&at| at == slot) {
            entry.remove();
        }
        Some(user)
    }

    fn link(&mut self, hash: u64, slot: SlotId) {
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |&at| {
            // Every place in the index is taken, so this is never 0.
            let taken = slots.get(at).and_then(Option::as_ref);
            taken.map_or(0, |slot| slot.hash)
        });
    }

    /// Makes room for that many more rows.
    pub(super) fn reserve(&mut self, additional: usize) {
        let slots = &self.slots;
        let hash_of = |of: fn(&Slot) -> u64| {
            move |&at: &SlotId| slots.get(at).and_then(Option::as_ref).map_or(0, of)
        };
        self.index.reserve(additional, hash_of(|slot| slot.hash));
        self.spellings
            .reserve(additional, hash_of(|slot| slot.class));
        self.slots.reserve(additional);
        self.numbers.reserve(additional);
    }

    /// Closes the gaps once most places are empty, so that their cost is spread over the removals.
    pub(super) fn compact(&mut self) {
        if self.slots.len() < 2 * self.len + MIN_GAPS {
            return;
        }
        let mut next = 0;
        let places: Vec<SlotId> = self
            .slots
            .iter()
            .map(|slot| {
                let place = next;
                next += usize::from(slot.is_some());
                place
            })
            .collect();
        self.slots.retain(Option::is_some);
        self.numbers.clear();
        let rows = self.slots.iter().flatten().map(|slot| slot.user.row());
        self.numbers.extend(rows);
        // The hashes stay, so the indexes need only be told the new places.
        let twins = self.twins.values_mut().flatten();
        for at in self
            .index
            .iter_mut()
            .chain(self.spellings.iter_mut())
            .chain(twins)
        {
            *at = places.get(*at).copied().unwrap_or_default();
        }
    }

    /// Same rows by key, whatever their order.
    pub(super) fn same(&self, other: &Self) -> bool {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        self.len == other.len
            && self.iter().all(|user| {
                let before = seen.entry(user.entity()).or_default();
                let hash = other.hash(user.entity());
                let twin = other.find_nth(hash, user.entity(), *before);
                *before += 1;
                twin.and_then(|slot| other.row(slot))
                    .is_some_and(|row| Fields::between(user.record(), row.record()).is_empty())
            })
    }
}

/// Empty places that are never worth closing.
const MIN_GAPS: usize = 64;

/// Rows that may share a class of spellings before none of them is looked for: a bound on the work that one
/// notifier can cause.
const MAX_SPELLINGS: usize = 64;
