//! One source of block lists: its state, and its list indexed by identity (OMA-17, XDM-32).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use hashbrown::hash_map::Entry as Slot;
use hashbrown::{HashMap, HashSet};

use super::class::{self, Class};
use super::rules::{RuleSet, RuleSettings, Rules};
use super::{Changed, Entry, SourceState, Update, Via};
use crate::uri::{Form, Identity, IdentityRules, Steps, identity};

#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: Arc<str>,
    pub(super) state: SourceState,
    pub(super) etag: Option<String>,
    /// The list held, if one ever came.
    pub(super) held: Option<Held>,
    /// The last word on the list held is that it is all there is (XDM-52).
    pub(super) whole: bool,
}

/// A list as it is held. Its `Debug` shows how many are blocked, not who (SEC-14).
#[derive(Clone, Default)]
pub(super) struct Held {
    pub(super) index: HashMap<String, Blocking>,
    /// Classes of the identities in the index.
    pub(super) classes: HashSet<Class>,
    pub(super) entries: usize,
    complete: bool,
    pub(super) rules: Option<HeldRules>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("entries", &self.entries)
            .field("complete", &self.complete)
            .field("rules", &self.rules.as_ref().map(|rules| rules.ready.len()))
            .finish_non_exhaustive()
    }
}

/// The rules of a source, as read and ready.
#[derive(Clone)]
pub(super) struct HeldRules {
    pub(super) set: Arc<RuleSet>,
    pub(super) ready: Rules,
}

/// The first entry of a source for one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocking {
    pub(super) entry: Entry,
    pub(super) steps: Steps,
}

impl Source {
    /// Configured, and nothing known of it yet.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: Arc::from(name),
            state: SourceState::Unavailable,
            etag: None,
            held: None,
            whole: false,
        }
    }

    /// Takes an update; gives the identities that are blocked now and were not, the other way round, or by another
    /// entry than before, and everybody when rules change.
    pub(super) fn update(
        &mut self,
        update: Update,
        rules: &IdentityRules,
        settings: &RuleSettings,
    ) -> Changed {
        if update.etag.is_some() || update.list.is_some() {
            self.etag = update.etag;
        }
        self.state = update.state;
        let mut changed = Vec::new();
        let mut new_rules = false;
        let news = update.list.is_some();
        if let Some(list) = update.list {
            let before = self.held.take().unwrap_or_default();
            let mut held = Held::new(list.entries, list.complete, rules);
            let set = |rules: &Option<HeldRules>| rules.as_ref().map(|rules| rules.set.clone());
            new_rules = set(&before.rules) != list.rules;
            held.rules = if new_rules {
                list.rules.map(|set| HeldRules {
                    ready: Rules::new(&set, settings, rules),
                    set,
                })
            } else {
                before.rules
            };
            held.entries += held.rules.as_ref().map_or(0, |rules| rules.ready.len());
            changed = differences(&before.index, &held.index);
            self.held = Some(held);
        } else if update.state == SourceState::Empty && self.held.is_none() {
            self.held = Some(Held::new(Vec::new(), true, rules));
        }
        let complete = self.held.as_ref().is_some_and(|held| held.complete);
        // Of rules it is said for each user what their open lists mean for him.
        let rules = self.held.as_ref().is_some_and(|held| held.rules.is_some());
        self.whole = match update.state {
            SourceState::Fresh | SourceState::Empty => complete,
            SourceState::Stale if news => complete,
            SourceState::Stale => self.whole,
            SourceState::Incomplete if rules => complete,
            SourceState::Incomplete | SourceState::Unavailable => false,
        };
        if new_rules {
            Changed::Everything
        } else {
            Changed::Identities(changed)
        }
    }
}

impl Held {
    fn new(list: Vec<Entry>, complete: bool, rules: &IdentityRules) -> Self {
        let entries = list.len();
        let mut index = HashMap::with_capacity(entries);
        for entry in list {
            let identity = identity(&entry.uri, rules);
            // Anonymous rows are nobody's: such an entry would match strangers (URI-22).
            if identity.form != Form::Anonymous
                && let Slot::Vacant(slot) = index.entry(identity.canonical)
            {
                slot.insert(Blocking {
                    entry,
                    steps: identity.steps,
                });
            }
        }
        Self {
            classes: index.keys().map(|key| class::of_canonical(key)).collect(),
            index,
            entries,
            complete,
            rules: None,
        }
    }

    /// The entry for the first of some identities that has one, and what was done to that identity.
    pub(super) fn entry_for(
        &self,
        candidates: &[(Via, Identity)],
    ) -> Option<(Via, Steps, &Blocking)> {
        candidates.iter().find_map(|(via, candidate)| {
            let blocking = self.index.get(&candidate.canonical)?;
            Some((*via, candidate.steps, blocking))
        })
    }
}

/// Identities whose entry is not the same in both.
fn differences(
    before: &HashMap<String, Blocking>,
    after: &HashMap<String, Blocking>,
) -> Vec<String> {
    let gone = before.keys().filter(|&key| !after.contains_key(key));
    let new = after
        .iter()
        .filter(|&(key, blocking)| before.get(key) != Some(blocking))
        .map(|(key, _)| key);
    gone.chain(new).cloned().collect()
}
