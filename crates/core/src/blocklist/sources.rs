//! All sources of block lists together, and what they say of a user (OMA-17, XDM-32).
//! What their rules say is asked where there are any.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashSet;

use super::class::{self, Class};
use super::rules::{Outcome, Requester, RuleSettings, Rules};
use super::source::Source;
use super::{BlockedBy, Candidates, Mark, SourceState, Update, Via};
use crate::uri::{Form, Identity, IdentityRules, Scheme, Step, Steps, Uri, identity};
use crate::wall_time::WallTime;

/// Any number of named sources in configured order, and the IM user's own identities.
/// Its `Debug` shows them as they show themselves, and of the user how many identities (SEC-16).
#[derive(Clone, Default)]
pub struct BlockLists {
    rules: IdentityRules,
    match_endpoints: bool,
    sources: Vec<Source>,
    own: HashSet<String>,
    own_classes: HashSet<Class>,
    rule_settings: RuleSettings,
    wall_time: Option<WallTime>,
}

impl fmt::Debug for BlockLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockLists")
            .field("sources", &self.sources)
            .field("own", &self.own.len())
            .field("wall_time", &self.wall_time)
            .finish_non_exhaustive()
    }
}

/// What a change can have done to marks. Its `Debug` shows to how many, not to whom (SEC-16).
#[derive(Clone, PartialEq, Eq)]
pub enum Changed {
    /// Only users with one of these canonical identities can be marked otherwise; none: no mark changes.
    Identities(Vec<String>),
    /// Any user can be marked otherwise.
    Everything,
}

impl fmt::Debug for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identities(identities) => f
                .debug_tuple("Identities")
                .field(&identities.len())
                .finish(),
            Self::Everything => f.write_str("Everything"),
        }
    }
}

/// A source as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStatus<'a> {
    /// Name that the host gave it.
    pub name: &'a str,
    /// State of its last update; [`SourceState::Unavailable`] before the first.
    pub state: SourceState,
    /// Entries held, as the source lists them; rules count as entries.
    pub entries: usize,
    /// Entity tag of the document held.
    pub etag: Option<&'a str>,
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

    /// How rules are read.
    pub fn set_rule_settings(&mut self, settings: RuleSettings) -> Changed {
        if settings == self.rule_settings {
            return Changed::Identities(Vec::new());
        }
        self.rule_settings = settings;
        for held in self
            .sources
            .iter_mut()
            .filter_map(|source| source.held.as_mut())
        {
            if let Some(rules) = &mut held.rules {
                rules.ready = Rules::new(&rules.set, &self.rule_settings, &self.rules);
            }
        }
        self.changed_rules()
    }

    /// Tells the wall time, on which rules with a validity depend (XDM-60). Until it is told their outcome is unknown.
    pub fn set_wall_time(&mut self, now: WallTime) -> Changed {
        let before = self.wall_time.replace(now);
        let same = match before {
            Some(before) => self
                .next_boundary_after(before.min(now))
                .is_none_or(|at| at > before.max(now)),
            None => self
                .next_boundary_after(WallTime::from_unix_millis(i64::MIN))
                .is_none(),
        };
        if same {
            Changed::Identities(Vec::new())
        } else {
            self.changed_rules()
        }
    }

    /// The first moment after the wall time last told at which a mark can change by itself: [`Self::set_wall_time`] is to
    /// be called then.
    #[must_use]
    pub fn next_boundary(&self) -> Option<WallTime> {
        self.next_boundary_after(self.wall_time?)
    }

    fn next_boundary_after(&self, now: WallTime) -> Option<WallTime> {
        self.rules()
            .filter_map(|rules| rules.next_boundary(now))
            .min()
    }

    fn rules(&self) -> impl Iterator<Item = &Rules> {
        let held = self
            .sources
            .iter()
            .filter_map(|source| source.held.as_ref());
        held.filter_map(|held| Some(&held.rules.as_ref()?.ready))
    }

    /// Who is concerned when rules change: everybody, if there are any.
    fn changed_rules(&self) -> Changed {
        if self.rules().next().is_some() {
            Changed::Everything
        } else {
            Changed::Identities(Vec::new())
        }
    }

    /// Sets up a source at the end of the order, if there is none of this name. It counts as configured at once: until
    /// its first update nobody is clear.
    pub fn configure(&mut self, source: &str) -> Changed {
        if self.sources.iter().any(|s| *s.name == *source) {
            return Changed::Identities(Vec::new());
        }
        let before = self.all_whole();
        self.sources.push(Source::new(source));
        self.changed(before, Vec::new())
    }

    /// Takes news from a source, sets it up if need be, and says whose marks that can change.
    pub fn set(&mut self, source: &str, update: Update) -> Changed {
        let before = self.all_whole();
        self.configure(source);
        let (rules, settings) = (self.rules, &self.rule_settings);
        let changed = match self.sources.iter_mut().find(|s| *s.name == *source) {
            Some(source) => source.update(update, &rules, settings),
            None => Changed::Identities(Vec::new()),
        };
        match changed {
            Changed::Identities(identities) => self.changed(before, identities),
            Changed::Everything => Changed::Everything,
        }
    }

    /// Removes a source with all it held.
    pub fn remove(&mut self, source: &str) -> Changed {
        let before = self.all_whole();
        let mut identities = Vec::new();
        let mut rules = None;
        self.sources.retain_mut(|s| {
            let goes = *s.name == *source;
            if goes {
                let held = s.held.take().unwrap_or_default();
                identities = held.index.into_keys().collect();
                rules = held.rules;
            }
            !goes
        });
        if rules.is_some() {
            return Changed::Everything;
        }
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
        if listed || self.rules().next().is_some() {
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

    /// The verdict by identities and rules.
    fn judge(&self, user: &Candidates<'_>) -> Mark {
        let entity = self.identity(user.entity);
        if user.yours || self.own.contains(&entity.canonical) {
            return Mark::Own;
        }
        let anonymous = user.anonymous || entity.form == Form::Anonymous;
        let found = if anonymous {
            // Only a rule for anonymous users can mean him (XDM-71).
            self.judge_by_rules(None, &Requester::anonymous(), &[Via::Entity])
        } else {
            self.judge_known(entity, user)
        };
        match found {
            Found::Blocked(by) => Mark::Blocked(Arc::new(by)),
            _ if anonymous => Mark::Anonymous,
            Found::Open => Mark::Unknown,
            Found::Nothing => self.unlisted(),
        }
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

    fn judge_known(&self, entity: Identity, user: &Candidates<'_>) -> Found {
        let aors = user.associated_aors.iter();
        let endpoints = user
            .endpoints
            .iter()
            .filter(|uri| self.match_endpoints && names_a_user(uri));
        let mut candidates = Vec::with_capacity(1 + user.associated_aors.len());
        candidates.push((Via::Entity, entity));
        candidates.extend(
            aors.clone()
                .map(|uri| (Via::AssociatedAor, self.identity(uri))),
        );
        candidates.extend(
            endpoints
                .clone()
                .map(|uri| (Via::Endpoint, self.identity(uri))),
        );
        if self.rules().next().is_none() {
            return self.judge_by_rules(Some(&candidates), &Requester::default(), &[]);
        }
        let uris = core::iter::once(&user.entity).chain(aors).chain(endpoints);
        let requester = Requester::new(uris.copied(), &self.rules);
        let vias: Vec<Via> = candidates.iter().map(|(via, _)| *via).collect();
        self.judge_by_rules(Some(&candidates), &requester, &vias)
    }

    /// The first source that blocks: by an entry for one of `candidates`, or by its rules. `vias` says what the URIs of
    /// `requester` are.
    fn judge_by_rules(
        &self,
        candidates: Option<&[(Via, Identity)]>,
        requester: &Requester,
        vias: &[Via],
    ) -> Found {
        let mut found = Found::Nothing;
        for source in &self.sources {
            let Some(held) = &source.held else {
                continue;
            };
            let entry = candidates.and_then(|candidates| held.entry_for(candidates));
            if let Some((via, steps, blocking)) = entry {
                return Found::Blocked(BlockedBy {
                    source: source.name.clone(),
                    list: blocking.entry.list.clone(),
                    rule: blocking.entry.rule.clone(),
                    entry: shown(&blocking.entry.uri, blocking.steps),
                    via,
                    steps: blocking.steps.union(steps),
                });
            }
            let Some(rules) = &held.rules else {
                continue;
            };
            let verdict = rules.ready.evaluate(requester, self.wall_time);
            let blocks = verdict.blocks(self.rule_settings.polite_block);
            if let Some(by) = verdict.deciding.filter(|_| blocks) {
                return Found::Blocked(BlockedBy {
                    source: source.name.clone(),
                    list: by.list,
                    rule: Some(by.rule),
                    entry: by.entry,
                    via: vias.get(by.uri).copied().unwrap_or(Via::Entity),
                    steps: by.steps,
                });
            }
            if verdict.outcome == Outcome::Unknown {
                found = Found::Open;
            }
        }
        found
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

/// What the sources say of a user.
enum Found {
    Blocked(BlockedBy),
    /// Rules whose outcome is unknown.
    Open,
    Nothing,
}

/// True for an entity at a host under .invalid.
fn is_anonymous(entity: &str, rules: &IdentityRules) -> bool {
    !class::is_usual(entity) && identity(entity, rules).form == Form::Anonymous
}

/// True for a URI with a user part or a number: an endpoint's device address alone names nobody (URI-20).
fn names_a_user(uri: &str) -> bool {
    Uri::parse(uri.trim()).is_ok_and(|uri| uri.user().is_some() || uri.scheme() == Scheme::Tel)
}

/// The entry as it may be shown: without a password (URI-06).
pub(super) fn shown(entry: &Arc<str>, steps: Steps) -> Arc<str> {
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
