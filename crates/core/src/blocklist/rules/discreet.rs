//! What rules show of themselves in `Debug`, and with that in logs: which rules, how many users, never who (SEC-16).

use core::fmt::{Debug, Formatter, Result};

use super::{Deciding, Except, ExternalList, Members, Requester, Rules, Verdict, Who};

impl Debug for Who {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::One(_) => f.write_str("One"),
            Self::Many { domain, except } => f
                .debug_struct("Many")
                .field("of_domain", &domain.is_some())
                .field("except", &except.len())
                .finish(),
        }
    }
}

impl Debug for Except {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Id(_) => "Id",
            Self::Domain(_) => "Domain",
        })
    }
}

impl Debug for ExternalList {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("ExternalList")
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

impl Debug for Members {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Members")
            .field("uris", &self.uris.len())
            .field("complete", &self.complete)
            .finish()
    }
}

impl Debug for Rules {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Rules")
            .field("rules", &self.len())
            .finish_non_exhaustive()
    }
}

impl Debug for Requester {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Requester")
            .field("uris", &self.known.len())
            .field("anonymous", &self.anonymous)
            .finish()
    }
}

impl Debug for Deciding {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Deciding")
            .field("rule", &self.rule)
            .field("class", &self.class)
            .field("actions", &self.actions)
            .field("by_list", &self.list.is_some())
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

impl Debug for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Verdict")
            .field("outcome", &self.outcome)
            .field("deciding", &self.deciding)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::sync::Arc;
    use alloc::vec;

    use super::super::{Actions, Condition, Rule, RuleSet, SubHandling};
    use super::*;
    use crate::blocklist::rules::RuleSettings;
    use crate::blocklist::{BlockLists, Candidates, Changed, SourceState, Update, plain};
    use crate::uri::IdentityRules;

    const BOB: &str = "sip:secret-bob@secret.example";

    /// SEC-16: rules, what they say, marks and whom was asked about, as a host may log them: how many and why, never who.
    #[test]
    fn debug_output_of_rules_and_marks_names_nobody() {
        let bob: Arc<str> = BOB.into();
        let external = ExternalList {
            anchor: "/resource-lists/users/sip:secret-carol@secret.example/index".into(),
            name: Some("secret-friends".into()),
            members: Some(Members {
                uris: vec![bob.clone()],
                complete: true,
            }),
        };
        let many = Who::Many {
            domain: Some("secret.example".into()),
            except: vec![Except::Id(bob.clone()), Except::Domain("secret.org".into())],
        };
        let set = RuleSet {
            rules: vec![Rule {
                id: "blocked".into(),
                conditions: vec![
                    Condition::Identity(vec![Who::One(bob), many]),
                    Condition::ExternalList(vec![external]),
                ],
                actions: Actions {
                    sub_handling: Some(SubHandling::Block),
                    ..Actions::default()
                },
            }],
        };
        let by_identity = RuleSet {
            rules: vec![Rule {
                conditions: vec![set.rules[0].conditions[0].clone()],
                ..set.rules[0].clone()
            }],
        };
        let identities = IdentityRules::default();
        let rules = Rules::new(&by_identity, &RuleSettings::default(), &identities);
        let requester = Requester::new([BOB], &identities);
        let verdict = rules.evaluate(&requester, None);
        assert!(verdict.deciding.is_some(), "{verdict:?}");
        let mut lists = BlockLists::new(identities);
        let changed = Changed::Identities(vec![BOB.into()]);
        lists.set_own(&[BOB]);
        let candidates = Candidates {
            entity: BOB,
            associated_aors: vec![BOB],
            ..Candidates::default()
        };
        let mut others = BlockLists::new(IdentityRules::default());
        others.set(
            "mine",
            Update {
                state: SourceState::Fresh,
                list: Some(plain::parse(BOB)),
                etag: None,
            },
        );
        let mark = others.mark(&candidates);
        assert!(mark.blocked_by().is_some(), "{mark:?}");
        for (shown, told) in [
            (
                format!("{set:?}"),
                "[One, Many { of_domain: true, except: 2 }]",
            ),
            (format!("{set:?}"), "Members { uris: 1, complete: true }"),
            (format!("{rules:?}"), "Rules { rules: 1, .. }"),
            (
                format!("{requester:?}"),
                "Requester { uris: 1, anonymous: false }",
            ),
            (format!("{verdict:?}"), "rule: \"blocked\""),
            (format!("{changed:?}"), "Identities(1)"),
            (format!("{lists:?}"), "own: 1"),
            (format!("{candidates:?}"), "associated_aors: 1"),
            (format!("{mark:?}"), "source: \"mine\", of_list: false"),
        ] {
            assert!(shown.contains(told), "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
