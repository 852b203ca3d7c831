//! The user table (RFC 4575 §4.6): rows in order of first appearance, found by key in constant time.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use super::change::Fields;
use super::key;
use super::record::Record;
use super::row::Presence;
use super::user::User;

/// A place in the table; stays the same until [`Table::compact`].
pub(super) type SlotId = usize;

#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// In order of first appearance; `None` where a row is gone.
    slots: Vec<Option<Slot>>,
    /// By key: of rows with one key the first.
    index: HashTable<SlotId>,
    /// The others of the same key, in order. Mostly empty: only anonymous users share keys.
    twins: HashMap<Box<str>, VecDeque<SlotId>>,
    /// By what all spellings of a URI have in common. Made when first asked for, as most notifiers never need it.
    spellings: Option<HashMap<u64, Vec<SlotId>>>,
    hasher: DefaultHashBuilder,
    len: usize,
    present: usize,
    next_number: u64,
}

#[derive(Debug, Clone)]
struct Slot {
    hash: u64,
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

    pub(super) fn iter(&self) -> impl Iterator<Item = &User> {
        self.slots.iter().flatten().map(|slot| &slot.user)
    }

    /// One above the highest place.
    pub(super) fn slot_end(&self) -> SlotId {
        self.slots.len()
    }

    pub(super) fn row(&self, slot: SlotId) -> Option<&User> {
        self.slots.get(slot)?.as_ref().map(|slot| &slot.user)
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
    pub(super) fn find_spelling(&mut self, key: &str) -> Option<SlotId> {
        let class = spelling_class(&self.hasher, key);
        if self.spellings.is_none() {
            let mut spellings: HashMap<u64, Vec<SlotId>> = HashMap::with_capacity(self.len);
            for (at, slot) in self.slots.iter().enumerate() {
                if let Some(slot) = slot {
                    let class = spelling_class(&self.hasher, slot.user.entity());
                    spellings.entry(class).or_default().push(at);
                }
            }
            self.spellings = Some(spellings);
        }
        let candidates = self.spellings.as_ref()?.get(&class)?;
        if candidates.len() > MAX_SPELLINGS {
            return None;
        }
        let mut equal = candidates.iter().copied().filter(|&slot| {
            self.row(slot)
                .is_some_and(|user| key::same_uri(user.entity(), key))
        });
        let first = equal.next()?;
        equal.next().is_none().then_some(first)
    }

    /// Adds a row at the end.
    pub(super) fn add(&mut self, record: Record, presence: Presence) -> User {
        let hash = self.hash(record.entity());
        let user = User::new(self.next_number, presence, record);
        self.next_number += 1;
        let slot = self.slots.len();
        self.len += 1;
        self.present += usize::from(user.present());
        match self.find(hash, user.entity()) {
            Some(_) => self
                .twins
                .entry(user.entity().into())
                .or_default()
                .push_back(slot),
            None => self.link(hash, slot),
        }
        if let Some(spellings) = &mut self.spellings {
            let class = spelling_class(&self.hasher, user.entity());
            spellings.entry(class).or_default().push(slot);
        }
        self.slots.push(Some(Slot {
            hash,
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
        Some((old, new))
    }

    /// Holds the same content in another segment.
    pub(super) fn move_to(&mut self, slot: SlotId, record: Record) {
        if let Some(Some(held)) = self.slots.get_mut(slot) {
            held.user.move_to(record);
        }
    }

    pub(super) fn remove(&mut self, slot: SlotId) -> Option<User> {
        let Slot { hash, user } = self.slots.get_mut(slot)?.take()?;
        self.len -= 1;
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
        if let Some(spellings) = &mut self.spellings {
            let class = spelling_class(&self.hasher, user.entity());
            if let Some(slots) = spellings.get_mut(&class) {
                slots.retain(|&at| at != slot);
                if slots.is_empty() {
                    spellings.remove(&class);
                }
            }
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

    /// Closes the gaps once most places are empty, so that their cost is spread over the removals.
    pub(super) fn compact(&mut self) {
        if self.slots.len() < 2 * self.len + MIN_GAPS {
            return;
        }
        self.slots.retain(Option::is_some);
        self.index.clear();
        self.twins.clear();
        self.spellings = None;
        for at in 0..self.slots.len() {
            let Some(Slot { hash, user }) = self.slots.get(at).cloned().flatten() else {
                continue;
            };
            match self.find(hash, user.entity()) {
                Some(_) => {
                    let key = Box::from(user.entity());
                    self.twins.entry(key).or_default().push_back(at);
                }
                None => self.link(hash, at),
            }
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

fn spelling_class(hasher: &DefaultHashBuilder, key: &str) -> u64 {
    let mut hasher = hasher.build_hasher();
    key::hash_spelling(key, &mut hasher);
    hasher.finish()
}
