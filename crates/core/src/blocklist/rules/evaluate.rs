//! Evaluating rules for one user (RFC 4745 §10, XDM-56…71).
//!
//! A list that is not at hand and an unknown time make conditions neither true nor false. Then everything that the rules
//! may come to is followed up, and the verdict is sure only if that is one and the same.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::combine::Combinations;
use super::compiled::{Identities, Lists, Many, Ready};
use super::verdict::Note;
use super::{Actions, Deciding, Interval, Outcome, RuleClass, Rules, Verdict};
use crate::uri::{Form, Identity, IdentityRules, Steps, domain, identity};
use crate::wall_time::WallTime;

/// A user as rules see him: one person, by whatever URIs he is known. Its `Debug` shows how many, not which (SEC-16).
#[derive(Clone, Default)]
pub struct Requester {
    pub(super) known: SmallVec<[Known; 1]>,
    pub(super) anonymous: bool,
}

/// One URI of a user.
#[derive(Clone)]
pub(super) struct Known {
    /// Place among the URIs given.
    place: usize,
    identity: Identity,
    domain: Option<String>,
}

impl Requester {
    /// The user with these URIs, his own first. Anonymous if the first is.
    pub fn new<'a>(uris: impl IntoIterator<Item = &'a str>, rules: &IdentityRules) -> Self {
        let mut requester = Self::default();
        for (place, uri) in uris.into_iter().enumerate() {
            let identity = identity(uri, rules);
            if identity.form == Form::Anonymous {
                requester.anonymous |= place == 0;
                continue;
            }
            requester.known.push(Known {
                place,
                domain: domain(uri),
                identity,
            });
        }
        requester
    }

    /// Nobody knows who (XDM-71).
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            anonymous: true,
            ..Self::default()
        }
    }
}

/// A rule that matches, or may.
#[derive(Clone, Copy)]
struct Matching<'r> {
    rule: &'r Ready,
    /// What it depends on; none if it matches for sure.
    open: Option<Open<'r>>,
}

/// What is not known.
#[derive(Clone, Copy)]
enum Open<'r> {
    /// All members of this list.
    List(&'r Arc<str>),
    /// What time it is.
    Time,
}

/// Why a user is one of those whom a rule names.
struct Match {
    entry: Arc<str>,
    list: Option<Arc<str>>,
    uri: usize,
    steps: Steps,
}

/// Classes of users who are known, the highest first (XDM-63).
const CLASSES: [RuleClass; 3] = [
    RuleClass::Identity,
    RuleClass::ExternalList,
    RuleClass::OtherIdentity,
];

impl Rules {
    /// What the rules say of a user. Without `now` rules with a validity may match or not.
    #[must_use]
    pub fn evaluate(&self, user: &Requester, now: Option<WallTime>) -> Verdict {
        let all: Vec<Matching<'_>> = self
            .candidates(user)
            .filter_map(|rule| rule.matching(user, now))
            .collect();
        let of = |class: Option<RuleClass>| {
            all.iter().filter(move |matching| {
                matching.rule.class == class && (class.is_some() || !user.anonymous)
            })
        };
        let classes = if user.anonymous {
            &[RuleClass::AnonymousRequest][..]
        } else {
            &CLASSES
        };

        // Rules of no class count whatever class holds.
        let mut base = Combinations::of(Actions::default());
        for Matching { rule, open } in of(None) {
            let with = base.with(rule.actions);
            base = if open.is_some() { base.or(with) } else { with };
        }
        let mut doubts = of(None).find_map(|matching| matching.open);
        let mut possible = Combinations::default();
        let mut holds = None;
        for &class in classes {
            let sure = of(Some(class)).filter(|matching| matching.open.is_none());
            let certain = sure.clone().next().is_some();
            let sure = sure.fold(base, |all, matching| all.with(matching.rule.actions));
            // Without a rule that matches for sure the class holds only if one of the open ones does.
            let (none, mut some) = if certain {
                (Combinations::default(), sure)
            } else {
                (sure, Combinations::default())
            };
            for Matching { rule, open } in of(Some(class)) {
                if open.is_some() {
                    some = some.or(some.or(none).with(rule.actions));
                    doubts = doubts.or(*open);
                }
            }
            possible = possible.or(some);
            if certain {
                holds = Some(class);
                break;
            }
        }
        if holds.is_none() {
            possible = possible.or(base);
        }
        let Some(outcome) = possible.outcome() else {
            return Verdict {
                outcome: Outcome::Unknown,
                deciding: None,
                note: Note {
                    list: match doubts {
                        Some(Open::List(list)) => Some(list.clone()),
                        _ => None,
                    },
                    ..Note::default()
                },
            };
        };

        // The outcome is the same if nothing that is open matches.
        let counts = |rule: &Ready| match rule.class {
            None => !user.anonymous,
            class => class == holds,
        };
        let sure = all
            .iter()
            .filter(|matching| matching.open.is_none())
            .map(|matching| matching.rule);
        let combined = sure
            .clone()
            .filter(|rule| counts(rule))
            .fold(Actions::default(), |all, rule| all.combined(rule.actions));
        let values = combined.deciding(outcome);
        let deciding = sure
            .clone()
            .filter(|rule| counts(rule))
            .find(|rule| values.shared(rule.actions) != Actions::default());
        let blocks = |rule: &&Ready| rule.actions.outcome() == Outcome::Blocked;
        let note = Note {
            outweighed: sure
                .clone()
                .filter(|rule| outcome != Outcome::Blocked && counts(rule))
                .find(blocks)
                .map(|rule| rule.id.clone()),
            passed_over: sure
                .clone()
                .filter(|rule| !counts(rule))
                .find(|rule| {
                    let other = rule.actions.outcome();
                    other != Outcome::NoRule && other != outcome
                })
                .map(|rule| rule.id.clone()),
            silent: sure
                .clone()
                .find(|rule| counts(rule))
                .map(|rule| rule.id.clone()),
            anonymous: user.anonymous,
            list: None,
        };
        Verdict {
            outcome,
            deciding: deciding.map(|rule| {
                let by = rule.matches(user);
                Deciding {
                    rule: rule.id.clone(),
                    class: rule.class,
                    actions: values.shared(rule.actions),
                    entry: by.entry,
                    list: by.list,
                    uri: by.uri,
                    steps: by.steps,
                }
            }),
            note,
        }
    }

    /// The rules that can match a user, in document order.
    fn candidates(&self, user: &Requester) -> impl Iterator<Item = &Ready> {
        let keyed = user
            .known
            .iter()
            .filter_map(|known| self.keyed.get(&known.identity.canonical))
            .flatten();
        let mut all: SmallVec<[u32; 16]> = self.general.iter().chain(keyed).copied().collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
            .filter_map(|at| self.rules.get(usize::try_from(at).ok()?))
    }
}

impl Ready {
    /// Whether all conditions hold, but for `other-identity`: that one holds when no class above does.
    fn matching(&self, user: &Requester, now: Option<WallTime>) -> Option<Matching<'_>> {
        if user.anonymous != (self.class == Some(RuleClass::AnonymousRequest)) {
            return None;
        }
        let mut open = None;
        for validity in &self.validities {
            let holds = |interval: &Interval| match now {
                Some(now) => interval.from <= now && now < interval.until,
                None => interval.from < interval.until,
            };
            if !validity.iter().any(holds) {
                return None;
            }
            if now.is_none() {
                open = Some(Open::Time);
            }
        }
        for identities in &self.identities {
            identities.find(user)?;
        }
        for lists in &self.lists {
            if lists.find(user).is_none() {
                open = Some(Open::List(lists.open.as_ref()?));
            }
        }
        Some(Matching { rule: self, open })
    }

    /// Whom it names that is the user.
    fn matches(&self, user: &Requester) -> Match {
        let identity = self.identities.first();
        let list = self.lists.first();
        identity
            .and_then(|identities| identities.find(user))
            .or_else(|| list.and_then(|lists| lists.find(user)))
            .unwrap_or_else(|| Match {
                entry: "*".into(),
                list: None,
                uri: 0,
                steps: Steps::default(),
            })
    }
}

impl Identities {
    /// The first URI of the user that is meant, and the first child that means it. An exception takes the whole person
    /// out, by whatever URI.
    fn find(&self, user: &Requester) -> Option<Match> {
        user.known.iter().find_map(|known| {
            let one = self.ones.get(&known.identity.canonical);
            let domain = known.domain.as_ref();
            let domain = domain.and_then(|domain| self.domains.get(domain));
            let many = self
                .any
                .iter()
                .chain(domain.into_iter().flatten())
                .filter_map(|&at| self.many.get(usize::try_from(at).ok()?))
                .filter(|many| !many.excepts(user))
                .min_by_key(|many| many.place);
            match (one, many) {
                (Some(one), many) if many.is_none_or(|many| one.place < many.place) => {
                    Some(Match {
                        entry: one.entry.clone(),
                        list: None,
                        uri: known.place,
                        steps: one.steps.union(known.identity.steps),
                    })
                }
                (_, Some(many)) => Some(Match {
                    entry: many.domain.clone().unwrap_or_else(|| "*".into()),
                    list: None,
                    uri: known.place,
                    steps: Steps::default(),
                }),
                _ => None,
            }
        })
    }
}

impl Many {
    fn excepts(&self, user: &Requester) -> bool {
        user.known.iter().any(|known| {
            self.except_ids.contains(&known.identity.canonical)
                || known
                    .domain
                    .as_ref()
                    .is_some_and(|domain| self.except_domains.contains(domain))
        })
    }
}

impl Lists {
    fn find(&self, user: &Requester) -> Option<Match> {
        user.known.iter().find_map(|known| {
            let member = self.members.get(&known.identity.canonical)?;
            let list = usize::try_from(member.place).ok();
            Some(Match {
                entry: member.entry.clone(),
                list: list.and_then(|list| self.names.get(list)).cloned(),
                uri: known.place,
                steps: member.steps.union(known.identity.steps),
            })
        })
    }
}
