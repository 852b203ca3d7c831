//! Marks as last told, and which rows a change of the block lists can concern (XDM-80).

use hashbrown::{HashMap, HashTable};
use smallvec::SmallVec;

use crate::blocklist::{Class, Mark};

/// Classes of the URIs of one user.
pub(super) type Classes = SmallVec<[Class; 2]>;

/// The marks of all rows, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Marks {
    told: HashMap<u64, Told>,
    /// Rows by the classes of their users' URIs.
    rows: HashTable<(Class, u64)>,
}

#[derive(Debug)]
struct Told {
    mark: Mark,
    classes: Classes,
}

impl Marks {
    pub(super) fn clear(&mut self) {
        self.told.clear();
        self.rows.clear();
    }

    /// The mark last told of a row.
    pub(super) fn get(&self, row: u64) -> Mark {
        let told = self.told.get(&row);
        told.map_or(Mark::Unknown, |told| told.mark.clone())
    }

    /// Notes the mark that is told of a row now; gives the one told before.
    pub(super) fn tell(&mut self, row: u64, mark: Mark, classes: Classes) -> Option<Mark> {
        if let Some(told) = self.told.get_mut(&row)
            && told.classes == classes
        {
            return Some(core::mem::replace(&mut told.mark, mark));
        }
        let before = self.forget(row);
        for &class in &classes {
            self.rows
                .insert_unique(class, (class, row), |&(class, _)| class);
        }
        self.told.insert(row, Told { mark, classes });
        before
    }

    /// A row is gone.
    pub(super) fn forget(&mut self, row: u64) -> Option<Mark> {
        let told = self.told.remove(&row)?;
        for class in told.classes {
            if let Ok(entry) = self.rows.find_entry(class, |&held| held == (class, row)) {
                entry.remove();
            }
        }
        Some(told.mark)
    }

    /// The rows with a URI of that class.
    pub(super) fn rows_of(&self, class: Class) -> impl Iterator<Item = u64> {
        self.rows
            .iter_hash(class)
            .filter(move |held| held.0 == class)
            .map(|held| held.1)
    }
}
