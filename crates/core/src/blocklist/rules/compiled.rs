//! Rules made ready: identities in one writing and indexed, so that a user meets only the rules that can match him.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

use super::{
    Actions, Condition, Except, ExternalList, Interval, RuleClass, RuleSet, Services, Who,
};
use crate::blocklist::shown;
use crate::uri::{Form, IdentityRules, Steps, canonical_domain, identity};
use crate::wall_time::WallTime;

/// How rules are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSettings {
    /// A polite block counts as blocked (XDM-69). Default: off.
    pub polite_block: bool,
    /// The sphere the user is in; none makes every sphere condition false (XDM-61). Default: none.
    pub sphere: Option<String>,
}

/// Names of enablers that are the user's messaging: a word of the name is one of these (XDM-70).
const OUR_SERVICES: [&str; 3] = ["im", "cpm", "chat"];

/// A rule set, ready to be asked. Its `Debug` shows how many rules, not whom they name (SEC-16).
#[derive(Clone, Default)]
pub struct Rules {
    /// Those that can ever match, in document order.
    pub(super) rules: Vec<Ready>,
    /// Rules that match only users with one of their identities, by these.
    pub(super) keyed: HashMap<String, SmallVec<[u32; 1]>>,
    /// All others.
    pub(super) general: Vec<u32>,
    /// When a validity begins or ends, in order.
    boundaries: Vec<WallTime>,
    /// Rules of the document.
    count: usize,
    complete: bool,
}

/// A rule without the conditions whose truth is settled.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) id: Arc<str>,
    pub(super) class: Option<RuleClass>,
    pub(super) actions: Actions,
    pub(super) identities: Vec<Identities>,
    pub(super) lists: Vec<Lists>,
    pub(super) validities: Vec<Vec<Interval>>,
    others: bool,
    anonymous: bool,
}

/// An `identity` condition.
#[derive(Clone, Default)]
pub(super) struct Identities {
    pub(super) ones: HashMap<String, Named>,
    pub(super) many: Vec<Many>,
    /// `many` with a domain, by that.
    pub(super) domains: HashMap<String, SmallVec<[u32; 1]>>,
    /// `many` without.
    pub(super) any: Vec<u32>,
}

/// An identity that a rule or a list names.
#[derive(Clone)]
pub(super) struct Named {
    /// As it may be shown.
    pub(super) entry: Arc<str>,
    pub(super) steps: Steps,
    /// Place among the children of the condition.
    pub(super) place: u32,
}

/// A `many` condition.
#[derive(Clone)]
pub(super) struct Many {
    /// As written; none for everybody.
    pub(super) domain: Option<Arc<str>>,
    pub(super) place: u32,
    pub(super) except_ids: HashSet<String>,
    pub(super) except_domains: HashSet<String>,
}

/// An `external-list` condition.
#[derive(Clone, Default)]
pub(super) struct Lists {
    pub(super) members: HashMap<String, Named>,
    /// Names, or anchors, of the lists; [`Named::place`] is an index of it.
    pub(super) names: Vec<Arc<str>>,
    /// The first list that is not known whole.
    pub(super) open: Option<Arc<str>>,
}

impl Rules {
    /// Makes rules ready, with identities formed as block lists form them.
    #[must_use]
    pub fn new(set: &RuleSet, settings: &RuleSettings, identities: &IdentityRules) -> Self {
        let mut rules = Self {
            count: set.rules.len(),
            complete: set.is_complete(),
            ..Self::default()
        };
        for rule in &set.rules {
            let mut ready = Ready {
                id: rule.id.clone(),
                class: None,
                actions: rule.actions,
                identities: Vec::new(),
                lists: Vec::new(),
                validities: Vec::new(),
                others: false,
                anonymous: false,
            };
            let mut conditions = rule.conditions.iter();
            if conditions.all(|condition| ready.take(condition, settings, identities))
                && ready.classify()
            {
                rules.add(ready);
            }
        }
        rules.boundaries.sort_unstable();
        rules.boundaries.dedup();
        rules
    }

    fn add(&mut self, rule: Ready) {
        let Ok(at) = u32::try_from(self.rules.len()) else {
            return;
        };
        let intervals = rule.validities.iter().flatten();
        self.boundaries
            .extend(intervals.flat_map(|interval| [interval.from, interval.until]));
        // The first condition that can be looked up is enough to find the rule.
        let ones = rule.identities.iter().find(|one| one.many.is_empty());
        let list = rule.lists.iter().find(|list| list.open.is_none());
        let keys = ones
            .map(|ones| &ones.ones)
            .or_else(|| list.map(|list| &list.members));
        match keys {
            Some(keys) => {
                for key in keys.keys() {
                    match self.keyed.get_mut(key) {
                        Some(rules) => rules.push(at),
                        None => {
                            let rules = core::iter::once(at).collect();
                            self.keyed.insert(key.clone(), rules);
                        }
                    }
                }
            }
            None => self.general.push(at),
        }
        self.rules.push(rule);
    }

    /// Rules of the document, those that never match included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// True for a document without rules.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True when every external list is known whole.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The next moment after `now` at which a validity begins or ends: verdicts hold until then (XDM-60).
    #[must_use]
    pub fn next_boundary(&self, now: WallTime) -> Option<WallTime> {
        let behind = self.boundaries.partition_point(|&boundary| boundary <= now);
        self.boundaries.get(behind).copied()
    }
}

impl Ready {
    /// Takes a condition in; false if it is false for everybody.
    fn take(
        &mut self,
        condition: &Condition,
        settings: &RuleSettings,
        rules: &IdentityRules,
    ) -> bool {
        match condition {
            Condition::Identity(who) => {
                self.identities.push(Identities::new(who, rules));
            }
            Condition::ExternalList(lists) => {
                self.lists.push(Lists::new(lists, rules));
            }
            Condition::OtherIdentity => self.others = true,
            Condition::AnonymousRequest => self.anonymous = true,
            Condition::Validity(intervals) => self.validities.push(intervals.clone()),
            Condition::Sphere(value) => return is_sphere(value, settings.sphere.as_deref()),
            Condition::Services(services) => return services.iter().any(Services::are_ours),
            Condition::Unknown => return false,
        }
        true
    }

    /// The class, of several conditions on identities. False if they exclude each other: nobody is anonymous and known.
    fn classify(&mut self) -> bool {
        let known = self.others || !self.identities.is_empty() || !self.lists.is_empty();
        self.class = if self.anonymous {
            Some(RuleClass::AnonymousRequest)
        } else if self.others {
            // It waits for all rules without this condition, whomever else it asks for.
            Some(RuleClass::OtherIdentity)
        } else if !self.identities.is_empty() {
            Some(RuleClass::Identity)
        } else if !self.lists.is_empty() {
            Some(RuleClass::ExternalList)
        } else {
            None
        };
        !(self.anonymous && known)
    }
}

impl Identities {
    fn new(who: &[Who], rules: &IdentityRules) -> Self {
        let mut all = Self::default();
        for (place, who) in (0..).zip(who) {
            match who {
                Who::One(uri) => name(&mut all.ones, uri, place, rules),
                Who::Many { domain, except } => {
                    let at = u32::try_from(all.many.len()).unwrap_or(u32::MAX);
                    match domain {
                        None => all.any.push(at),
                        // What is no domain is nobody's.
                        Some(domain) => {
                            if let Some(domain) = canonical_domain(domain) {
                                all.domains.entry(domain).or_default().push(at);
                            }
                        }
                    }
                    let mut many = Many {
                        domain: domain.clone(),
                        place,
                        except_ids: HashSet::new(),
                        except_domains: HashSet::new(),
                    };
                    for except in except {
                        match except {
                            Except::Id(uri) => {
                                many.except_ids.insert(identity(uri, rules).canonical);
                            }
                            Except::Domain(domain) => {
                                many.except_domains.extend(canonical_domain(domain));
                            }
                        }
                    }
                    all.many.push(many);
                }
            }
        }
        all
    }
}

impl Lists {
    fn new(lists: &[ExternalList], rules: &IdentityRules) -> Self {
        let mut all = Self::default();
        for (place, list) in (0..).zip(lists) {
            let shown = list.name.as_ref().unwrap_or(&list.anchor);
            all.names.push(shown.clone());
            let members = list.members.as_ref();
            if !members.is_some_and(|members| members.complete) {
                all.open.get_or_insert_with(|| shown.clone());
            }
            for uri in members.iter().flat_map(|members| &members.uris) {
                name(&mut all.members, uri, place, rules);
            }
        }
        all
    }
}

/// Puts an identity in an index. Anonymous ones are nobody's (URI-22, XDM-71).
fn name(index: &mut HashMap<String, Named>, uri: &Arc<str>, place: u32, rules: &IdentityRules) {
    let identity = identity(uri, rules);
    if identity.form != Form::Anonymous {
        let steps = identity.steps;
        index.entry(identity.canonical).or_insert_with(|| Named {
            entry: shown(uri, steps),
            steps,
            place,
        });
    }
}

/// True when one of the tokens is the sphere that the user is in (RFC 4745 §7.3).
fn is_sphere(value: &str, sphere: Option<&str>) -> bool {
    let lower = |text: &str| text.trim().to_lowercase();
    sphere.map(lower).is_some_and(|sphere| {
        !sphere.is_empty() && value.split_whitespace().any(|token| lower(token) == sphere)
    })
}

impl Services {
    fn are_ours(&self) -> bool {
        let ours = |name: &Arc<str>| {
            name.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| {
                    OUR_SERVICES
                        .iter()
                        .any(|our| word.eq_ignore_ascii_case(our))
                })
        };
        match self {
            Self::Only(name) => ours(name),
            Self::AllExcept(names) => !names.iter().any(ours),
        }
    }
}
