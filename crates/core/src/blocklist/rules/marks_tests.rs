//! Rules as block lists: the marks of users (OMA-15…17, SW-17, XDM-32, XDM-52, XDM-68…72).

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::blocklist::{
    BlockList, BlockLists, Candidates, Changed, Entry, Mark, SourceState, Update, Via,
};
use crate::uri::IdentityRules;

fn rule(id: &str, conditions: Vec<Condition>, value: SubHandling) -> Rule {
    Rule {
        id: id.into(),
        conditions,
        actions: Actions {
            sub_handling: Some(value),
            ..Actions::default()
        },
    }
}

fn one(uri: &str) -> Condition {
    Condition::Identity(vec![Who::One(uri.into())])
}

fn domain(domain: &str) -> Condition {
    Condition::Identity(vec![Who::Many {
        domain: Some(domain.into()),
        except: vec![],
    }])
}

fn open_list() -> Condition {
    Condition::ExternalList(vec![ExternalList {
        anchor: "a".into(),
        name: None,
        members: None,
    }])
}

fn validity(from: i64, until: i64) -> Condition {
    Condition::Validity(vec![Interval {
        from: at(from),
        until: at(until),
    }])
}

fn at(millis: i64) -> WallTime {
    WallTime::from_unix_millis(millis)
}

fn update(state: SourceState, rules: Vec<Rule>) -> Update {
    Update {
        state,
        list: Some(BlockList {
            entries: vec![],
            complete: true,
            rules: Some(Arc::new(RuleSet { rules })),
        }),
        etag: None,
    }
}

fn lists(rules: Vec<Rule>) -> BlockLists {
    let mut lists = BlockLists::new(IdentityRules::default());
    let changed = lists.set("rules", update(SourceState::Fresh, rules));
    assert_eq!(changed, Changed::Everything);
    lists
}

fn mark(lists: &BlockLists, entity: &str, aors: &[&str]) -> Mark {
    lists.mark(&Candidates {
        entity,
        associated_aors: aors.to_vec(),
        ..Candidates::default()
    })
}

/// `mark`, or `blocked rule entry list via`.
fn shown(lists: &BlockLists, entity: &str, aors: &[&str]) -> String {
    let mark = mark(lists, entity, aors);
    match mark.blocked_by() {
        Some(by) => alloc::format!(
            "blocked {} {} {} {}",
            by.rule.as_deref().unwrap_or("-"),
            by.entry,
            by.list.as_deref().unwrap_or("-"),
            by.via.as_str()
        ),
        None => mark.as_str().to_string(),
    }
}

/// XDM-68, XDM-71, XDM-72, SW-17.
#[test]
fn rules_mark_whom_they_block_and_nobody_else() {
    use SubHandling::{Allow, Block};
    let mut lists = lists(vec![
        rule("id", vec![one("sip:eve@x")], Block),
        rule("phone", vec![one("tel:+1555")], Block),
        rule("domain", vec![domain("Evil.Example")], Block),
        rule("friend", vec![one("sip:friend@evil.example")], Allow),
        rule("nobody", vec![Condition::AnonymousRequest], Block),
    ]);
    lists.set_own(&["sip:me@evil.example"]);
    for (entity, aors, expected) in [
        ("sip:eve@X;gr=1", &[][..], "blocked id sip:eve@x - entity"),
        (
            "sip:bob@x",
            &["tel:+1-555"],
            "blocked phone tel:+1555 - associated-aor",
        ),
        (
            "sip:any@evil.example",
            &[],
            "blocked domain Evil.Example - entity",
        ),
        ("sip:friend@evil.example", &[], "clear"),
        ("sip:bob@x", &[], "clear"),
        ("sip:me@evil.example", &[], "self"),
        (
            "sip:anonymous@anonymous.invalid",
            &[],
            "blocked nobody * - entity",
        ),
    ] {
        assert_eq!(shown(&lists, entity, aors), expected, "{entity}");
    }
    let hidden = Candidates {
        entity: "sip:hidden@x",
        anonymous: true,
        ..Candidates::default()
    };
    assert_eq!(lists.mark(&hidden).as_str(), "blocked");
    // Without a rule for them, anonymous users are what they were (URI-22).
    lists.set(
        "rules",
        update(SourceState::Fresh, vec![rule("all", vec![], Block)]),
    );
    assert_eq!(lists.mark(&hidden), Mark::Anonymous);
    assert_eq!(shown(&lists, "sip:bob@x", &[]), "blocked all * - entity");
    assert_eq!(shown(&lists, "sip:me@evil.example", &[]), "self");
}

/// XDM-69.
#[test]
fn a_polite_block_counts_only_when_it_is_set_to() {
    let mut lists = lists(vec![rule("r", vec![], SubHandling::PoliteBlock)]);
    assert_eq!(mark(&lists, "sip:bob@x", &[]), Mark::Clear);
    let settings = RuleSettings {
        polite_block: true,
        ..RuleSettings::default()
    };
    assert_eq!(
        lists.set_rule_settings(settings.clone()),
        Changed::Everything
    );
    assert_eq!(shown(&lists, "sip:bob@x", &[]), "blocked r * - entity");
    assert_eq!(
        lists.set_rule_settings(settings),
        Changed::Identities(vec![])
    );
}

/// XDM-52, SW-17: a list that cannot be had makes unknown only whom it could block or save.
#[test]
fn an_open_list_leaves_unknown_whom_it_concerns() {
    use SubHandling::{Allow, Block};
    let rules = vec![
        rule("friend", vec![one("sip:friend@x")], Allow),
        rule("list", vec![open_list()], Block),
        rule("id", vec![one("sip:eve@x")], Block),
    ];
    let mut lists = BlockLists::new(IdentityRules::default());
    lists.set("rules", update(SourceState::Incomplete, rules));
    assert_eq!(shown(&lists, "sip:friend@x", &[]), "clear");
    assert_eq!(
        shown(&lists, "sip:eve@x", &[]),
        "blocked id sip:eve@x - entity"
    );
    assert_eq!(shown(&lists, "sip:bob@x", &[]), "unknown");
    assert_eq!(
        shown(&lists, "sip:anonymous@anonymous.invalid", &[]),
        "anonymous"
    );
    // The source is away: what it said still marks, but clears nobody.
    let away = Update {
        state: SourceState::Unavailable,
        list: None,
        etag: None,
    };
    lists.set("rules", away);
    assert_eq!(shown(&lists, "sip:friend@x", &[]), "unknown");
    assert_eq!(
        shown(&lists, "sip:eve@x", &[]),
        "blocked id sip:eve@x - entity"
    );
}

/// OMA-17, XDM-32: sources are united, and an allow of one takes nothing from another.
#[test]
fn rules_and_entries_of_several_sources_are_united() {
    let mut lists = lists(vec![
        rule("friend", vec![one("sip:eve@x")], SubHandling::Allow),
        rule("id", vec![one("sip:mallory@x")], SubHandling::Block),
    ]);
    let entry = |uri: &str| Entry {
        uri: uri.into(),
        list: None,
        rule: None,
    };
    lists.set(
        "lines",
        Update {
            state: SourceState::Fresh,
            list: Some(BlockList {
                entries: vec![entry("sip:eve@x"), entry("sip:mallory@x")],
                complete: true,
                rules: None,
            }),
            etag: None,
        },
    );
    let source = |uri: &str| {
        mark(&lists, uri, &[])
            .blocked_by()
            .map(|by| by.source.to_string())
    };
    assert_eq!(source("sip:eve@x").as_deref(), Some("lines"));
    assert_eq!(source("sip:mallory@x").as_deref(), Some("rules"));
    assert_eq!(shown(&lists, "sip:bob@x", &[]), "clear");
    let entries: Vec<_> = lists.sources().map(|source| source.entries).collect();
    assert_eq!(entries, [2, 2]);
    assert_eq!(lists.remove("rules"), Changed::Everything);
    assert_eq!(
        mark(&lists, "sip:mallory@x", &[])
            .blocked_by()
            .map(|by| by.via),
        Some(Via::Entity)
    );
}

/// XDM-60.
#[test]
fn a_validity_marks_from_its_beginning_to_its_end() {
    let mut lists = lists(vec![rule("r", vec![validity(10, 20)], SubHandling::Block)]);
    assert_eq!(shown(&lists, "sip:bob@x", &[]), "unknown");
    assert_eq!(lists.next_boundary(), None);
    for (now, changed, shows, next) in [
        (5, true, "clear", Some(10)),
        (9, false, "clear", Some(10)),
        (10, true, "blocked r * - entity", Some(20)),
        (19, false, "blocked r * - entity", Some(20)),
        (20, true, "clear", None),
        (15, true, "blocked r * - entity", Some(20)),
        (25, true, "clear", None),
        (1, true, "clear", Some(10)),
    ] {
        let expected = if changed {
            Changed::Everything
        } else {
            Changed::Identities(vec![])
        };
        assert_eq!(lists.set_wall_time(at(now)), expected, "{now}");
        assert_eq!(shown(&lists, "sip:bob@x", &[]), shows, "{now}");
        assert_eq!(
            lists.next_boundary().map(WallTime::unix_millis),
            next,
            "{now}"
        );
    }
}

#[test]
fn the_same_rules_again_change_nothing() {
    let rules = || vec![rule("r", vec![one("sip:eve@x")], SubHandling::Block)];
    let mut lists = lists(rules());
    let again = lists.set("rules", update(SourceState::Fresh, rules()));
    assert_eq!(again, Changed::Identities(vec![]));
    assert_eq!(
        shown(&lists, "sip:eve@x", &[]),
        "blocked r sip:eve@x - entity"
    );
    // Rules that are gone take their marks along.
    let none = Update {
        list: Some(BlockList {
            complete: true,
            ..BlockList::default()
        }),
        ..update(SourceState::Empty, vec![])
    };
    assert_eq!(lists.set("rules", none), Changed::Everything);
    assert_eq!(shown(&lists, "sip:eve@x", &[]), "clear");
}
