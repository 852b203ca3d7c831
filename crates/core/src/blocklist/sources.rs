//! All sources of block lists together: their content, indexed by identity, and what it says of a user (OMA-17, XDM-32).

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::hash_map::Entry as Slot;
use hashbrown::{HashMap, HashSet};

use super::class::{self, Class};
use super::{BlockedBy, Candidates, Entry, Mark, SourceState, Update, Via};
use crate::uri::{Form, Identity, IdentityRules, Scheme, Step, Steps, Uri, identity};

/// Any number of named sources in configured order, and the IM user's own identities.
#[derive(Clone, Debug, Default)]
pub struct BlockLists {
    rules: IdentityRules,
    match_endpoints: bool,
    sources: Vec<Source>,
    own: HashSet<String>,
    own_classes: HashSet<Class>,
}

/// What a change can have done to marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Only users with one of these canonical identities can be marked otherwise; none: no mark changes.
    Identities(Vec<String>),
    /// Any user can be marked otherwise.
    Everything,
}

/// A source as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStatus<'a> {
    /// Name that the host gave it.
    pub name: &'a str,
    /// State of its last update; [`SourceState::Unavailable`] before the first.
    pub state: SourceState,
    /// Entries held, as the source lists them.
    pub entries: usize,
    /// Entity tag of the document held.
    pub etag: Option<&'a str>,
}

#[derive(Clone, Debug)]
struct Source {
    name: Arc<str>,
    state: SourceState,
    etag: Option<String>,
    /// The list held, if one ever came.
    held: Option<Held>,
    /// The last word on the list held is that it is all there is (XDM-52).
    whole: bool,
}

#[derive(Clone, Debug, Default)]
struct Held {
    index: HashMap<String, Blocking>,
    /// Classes of the identities in the index.
    classes: HashSet<Class>,
    entries: usize,
    complete: bool,
}

/// The first entry of a source for one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blocking {
    entry: Entry,
    steps: Steps,
}

impl BlockLists {
    /// No sources, no own identities.
    #[must_use]
    pub fn new(rules: IdentityRules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Whether endpoint entities take part in matching; off by default (URI-20).
    pub const fn match_endpoints(&mut self, on: bool) -> Changed {
        self.match_endpoints = on;
        Changed::Everything
    }

    /// Whether endpoint entities take part in matching.
    pub(crate) const fn uses_endpoints(&self) -> bool {
        self.match_endpoints
    }

    /// Sets up a source at the end of the order, if there is none of this name. It counts as configured at once: until
    /// its first update nobody is clear.
    pub fn configure(&mut self, source: &str) -> Changed {
        if self.sources.iter().any(|s| *s.name == *source) {
            return Changed::Identities(Vec::new());
        }
        let before = self.all_whole();
        self.sources.push(Source {
            name: Arc::from(source),
            state: SourceState::Unavailable,
            etag: None,
            held: None,
            whole: false,
        });
        self.changed(before, Vec::new())
    }

    /// Takes news from a source, sets it up if need be, and says whose marks that can change.
    pub fn set(&mut self, source: &str, update: Update) -> Changed {
        let before = self.all_whole();
        self.configure(source);
        let rules = self.rules;
        let identities = match self.sources.iter_mut().find(|s| *s.name == *source) {
            Some(source) => source.update(update, &rules),
            None => Vec::new(),
        };
        self.changed(before, identities)
    }

    /// Removes a source with all it held.
    pub fn remove(&mut self, source: &str) -> Changed {
        let before = self.all_whole();
        let mut identities = Vec::new();
        self.sources.retain_mut(|s| {
            let goes = *s.name == *source;
            if goes {
                identities = s
                    .held
                    .take()
                    .unwrap_or_default()
                    .index
                    .into_keys()
                    .collect();
            }
            !goes
        });
        self.changed(before, identities)
    }

    /// Replaces the IM user's own identities, all URIs of the account: they are never blocked.
    pub fn set_own<S: AsRef<str>>(&mut self, identities: &[S]) -> Changed {
        let own = identities
            .iter()
            .map(|text| identity(text.as_ref(), &self.rules))
            .filter(|identity| identity.form != Form::Anonymous)
            .map(|identity| identity.canonical)
            .collect();
        let before = core::mem::replace(&mut self.own, own);
        let classes = self.own.iter().map(|own| class::of_canonical(own));
        self.own_classes = classes.collect();
        Changed::Identities(before.symmetric_difference(&self.own).cloned().collect())
    }

    /// The sources in configured order.
    pub fn sources(&self) -> impl Iterator<Item = SourceStatus<'_>> {
        self.sources.iter().map(|source| SourceStatus {
            name: &source.name,
            state: source.state,
            entries: source.held.as_ref().map_or(0, |held| held.entries),
            etag: source.etag.as_deref(),
        })
    }

    /// The canonical identity of a URI under the rules in force: what [`Changed::Identities`] is compared with.
    #[must_use]
    pub fn identity(&self, uri: &str) -> Identity {
        identity(uri, &self.rules)
    }

    /// The verdict on a user. Where several entries match, the first source in order is named, in it the user's entity
    /// before its other URIs.
    #[must_use]
    pub fn mark(&self, user: &Candidates<'_>) -> Mark {
        self.mark_in_classes(user, |_| {})
    }

    /// As [`Self::mark`]; tells the class of each URI of the user on which the verdict rests.
    pub(crate) fn mark_in_classes(
        &self,
        user: &Candidates<'_>,
        mut tell: impl FnMut(Class),
    ) -> Mark {
        let endpoints = user.endpoints.iter().filter(|_| self.match_endpoints);
        let texts = core::iter::once(&user.entity)
            .chain(&user.associated_aors)
            .chain(endpoints);
        let mut listed = false;
        for text in texts {
            let class = class::of(text, &self.rules);
            tell(class);
            listed |= self.own_classes.contains(&class)
                || self.sources.iter().any(|source| {
                    let held = source.held.as_ref();
                    held.is_some_and(|held| held.classes.contains(&class))
                });
        }
        if listed {
            return self.judge(user);
        }
        // No identity of the user is on any list, whatever it is.
        if user.yours {
            Mark::Own
        } else if user.anonymous || is_anonymous(user.entity, &self.rules) {
            Mark::Anonymous
        } else {
            self.unlisted()
        }
    }

    /// The verdict by identities.
    fn judge(&self, user: &Candidates<'_>) -> Mark {
        let entity = self.identity(user.entity);
        if user.yours || self.own.contains(&entity.canonical) {
            return Mark::Own;
        }
        if user.anonymous || entity.form == Form::Anonymous {
            return Mark::Anonymous;
        }
        if let Some(by) = self.blocked_by(entity, user) {
            return Mark::Blocked(Arc::new(by));
        }
        self.unlisted()
    }

    /// The verdict on somebody who is on no list.
    fn unlisted(&self) -> Mark {
        if self.all_whole() {
            Mark::Clear
        } else {
            Mark::Unknown
        }
    }

    /// The classes of canonical identities, as [`Changed::Identities`] names them.
    pub(crate) fn classes<'i>(identities: &'i [String]) -> impl Iterator<Item = Class> + use<'i> {
        identities.iter().map(|text| class::of_canonical(text))
    }

    fn blocked_by(&self, entity: Identity, user: &Candidates<'_>) -> Option<BlockedBy> {
        let aors = user.associated_aors.iter();
        let endpoints = user.endpoints.iter().filter(|_| self.match_endpoints);
        let mut candidates = Vec::with_capacity(1 + user.associated_aors.len());
        candidates.push((Via::Entity, entity));
        candidates.extend(aors.map(|uri| (Via::AssociatedAor, self.identity(uri))));
        candidates.extend(
            endpoints
                .filter(|uri| names_a_user(uri))
                .map(|uri| (Via::Endpoint, self.identity(uri))),
        );
        self.sources.iter().find_map(|source| {
            let index = &source.held.as_ref()?.index;
            let (via, candidate, blocking) = candidates.iter().find_map(|(via, candidate)| {
                Some((*via, candidate, index.get(&candidate.canonical)?))
            })?;
            Some(BlockedBy {
                source: source.name.clone(),
                list: blocking.entry.list.clone(),
                rule: blocking.entry.rule.clone(),
                entry: shown(&blocking.entry.uri, blocking.steps),
                via,
                steps: blocking.steps.union(candidate.steps),
            })
        })
    }

    /// True when absence from the lists proves something.
    fn all_whole(&self) -> bool {
        !self.sources.is_empty() && self.sources.iter().all(|source| source.whole)
    }

    fn changed(&self, whole_before: bool, identities: Vec<String>) -> Changed {
        if self.all_whole() == whole_before {
            Changed::Identities(identities)
        } else {
            Changed::Everything
        }
    }
}

impl Source {
    /// Takes an update; gives the identities that are blocked now and were not, the other way round, or by another
    /// entry than before.
    fn update(&mut self, update: Update, rules: &IdentityRules) -> Vec<String> {
        if update.etag.is_some() || update.list.is_some() {
            self.etag = update.etag;
        }
        self.state = update.state;
        let mut changed = Vec::new();
        let news = update.list.is_some();
        if let Some(list) = update.list {
            let held = Held::new(list.entries, list.complete, rules);
            let before = self.held.take().unwrap_or_default();
            changed = differences(&before.index, &held.index);
            self.held = Some(held);
        } else if update.state == SourceState::Empty && self.held.is_none() {
            self.held = Some(Held::new(Vec::new(), true, rules));
        }
        let complete = self.held.as_ref().is_some_and(|held| held.complete);
        self.whole = match update.state {
            SourceState::Fresh | SourceState::Empty => complete,
            SourceState::Stale if news => complete,
            SourceState::Stale => self.whole,
            SourceState::Incomplete | SourceState::Unavailable => false,
        };
        changed
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
        }
    }
}

/// True for an entity at a host under .invalid.
fn is_anonymous(entity: &str, rules: &IdentityRules) -> bool {
    !class::is_usual(entity) && identity(entity, rules).form == Form::Anonymous
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

/// True for a URI with a user part or a number: an endpoint's device address alone names nobody (URI-20).
fn names_a_user(uri: &str) -> bool {
    Uri::parse(uri.trim()).is_ok_and(|uri| uri.user().is_some() || uri.scheme() == Scheme::Tel)
}

/// The entry as it may be shown.
fn shown(entry: &Arc<str>, steps: Steps) -> Arc<str> {
    if !steps.contains(Step::StripPassword) {
        return entry.clone();
    }
    let with_scheme = |text: &str| Uri::parse(text).map(|uri| uri.to_string());
    let text = entry.trim();
    let shown = with_scheme(text)
        .or_else(|_| with_scheme(&["sip:", text].concat()))
        .unwrap_or_else(|_| text.to_owned());
    Arc::from(shown)
}
