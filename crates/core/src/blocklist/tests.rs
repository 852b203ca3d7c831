//! Verdicts as a user would notice them, and against a slow pairwise oracle.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::uri::{Form, IdentityRules, Step, identity, same_identity};

fn lists() -> BlockLists {
    BlockLists::new(IdentityRules::default())
}

fn fresh(uris: &[&str]) -> Update {
    Update {
        state: SourceState::Fresh,
        list: Some(plain::parse(&uris.join("\n"))),
        etag: None,
    }
}

fn state(state: SourceState) -> Update {
    Update {
        state,
        list: None,
        etag: None,
    }
}

fn user(entity: &str) -> Candidates<'_> {
    Candidates {
        entity,
        ..Candidates::default()
    }
}

#[test]
fn plain_lines_are_read_as_people_write_them() {
    let list =
        plain::parse("\u{feff}# mine\r\n\r\n  sip:bob@x \t\r\n#sip:no@x\n\ntel:+1\nnot a uri");
    let uris: Vec<_> = list.entries.iter().map(|entry| &*entry.uri).collect();
    assert_eq!(uris, ["sip:bob@x", "tel:+1", "not a uri"]);
    assert!(list.complete);
    assert!(
        list.entries
            .iter()
            .all(|e| e.list.is_none() && e.rule.is_none())
    );
    assert!(plain::parse("").complete && plain::parse("").entries.is_empty());
}

#[test]
fn a_user_on_a_list_is_blocked_and_the_reason_is_told() {
    // OMA-15, OMA-16, URI-20
    let mut lists = lists();
    lists.set(
        "xdms:x",
        Update {
            state: SourceState::Fresh,
            list: Some(BlockList {
                entries: vec![Entry {
                    uri: Arc::from("SIP:Bob:pw@X"),
                    list: Some(Arc::from("oma_blockedcontacts")),
                    rule: Some(Arc::from("r1")),
                }],
                complete: true,
                rules: None,
            }),
            etag: Some("\"1\"".to_string()),
        },
    );
    let mark = lists.mark(&user("sip:Bob@x;transport=tcp"));
    assert_eq!(mark.as_str(), "blocked");
    let by = mark.blocked_by().unwrap();
    assert_eq!(&*by.source, "xdms:x");
    assert_eq!(by.list.as_deref(), Some("oma_blockedcontacts"));
    assert_eq!(by.rule.as_deref(), Some("r1"));
    assert_eq!(&*by.entry, "SIP:Bob@X", "URI-06: no password");
    assert_eq!(by.via, Via::Entity);
    assert_eq!(
        by.steps.iter().collect::<Vec<_>>(),
        [Step::HostCase, Step::StripParams, Step::StripPassword]
    );
    assert_eq!(lists.mark(&user("sip:bob@x")), Mark::Clear);
}

#[test]
fn every_uri_of_a_user_counts_but_endpoints_only_when_switched_on() {
    // URI-20, URI-21, CONF-44, CONF-45
    let mut lists = lists();
    lists.set("file:a", fresh(&["sip:b@x", "tel:+1", "sip:host.x"]));
    let via = |lists: &BlockLists, user: &Candidates<'_>| {
        lists.mark(user).blocked_by().map(|by| by.via.as_str())
    };
    let mut by_aor = user("sip:z@x");
    by_aor.associated_aors = vec!["sip:y@x", "tel:+1"];
    assert_eq!(via(&lists, &by_aor), Some("associated-aor"));
    by_aor.entity = "sip:b@x";
    assert_eq!(via(&lists, &by_aor), Some("entity"));

    let mut by_endpoint = user("sip:z@x");
    by_endpoint.endpoints = vec!["device 1", "sip:host.x", "sip:b@x;gr=1"];
    assert_eq!(lists.mark(&by_endpoint), Mark::Clear);
    lists.match_endpoints(true);
    assert_eq!(via(&lists, &by_endpoint), Some("endpoint"));
    by_endpoint.endpoints = vec!["sip:host.x"];
    assert_eq!(lists.mark(&by_endpoint), Mark::Clear, "no user part");
}

#[test]
fn clear_needs_a_list_and_all_lists_whole() {
    // XDM-52, SW-17
    use SourceState::{Empty, Fresh, Incomplete, Stale, Unavailable};
    let partial = |at: SourceState| Update {
        state: at,
        list: Some(BlockList {
            complete: false,
            ..plain::parse("sip:b@x")
        }),
        etag: None,
    };
    let loaded = |at: SourceState| Update {
        state: at,
        ..fresh(&["sip:b@x"])
    };
    // the updates of one source; what a listed and an unlisted user are then
    for (updates, listed, unlisted) in [
        (vec![], "unknown", "unknown"),
        (vec![state(Unavailable)], "unknown", "unknown"),
        (vec![state(Fresh)], "unknown", "unknown"),
        (vec![state(Stale)], "unknown", "unknown"),
        (vec![state(Empty)], "clear", "clear"),
        (vec![loaded(Fresh)], "blocked", "clear"),
        (vec![loaded(Stale)], "blocked", "clear"),
        (vec![loaded(Fresh), state(Stale)], "blocked", "clear"),
        (vec![loaded(Fresh), state(Fresh)], "blocked", "clear"),
        (vec![loaded(Fresh), fresh(&[])], "clear", "clear"),
        (vec![partial(Incomplete)], "blocked", "unknown"),
        (vec![partial(Fresh)], "blocked", "unknown"),
        (
            vec![partial(Incomplete), state(Stale)],
            "blocked",
            "unknown",
        ),
        (vec![loaded(Fresh), state(Incomplete)], "blocked", "unknown"),
        (
            vec![loaded(Fresh), state(Incomplete), state(Stale)],
            "blocked",
            "unknown",
        ),
        (
            vec![loaded(Fresh), state(Incomplete), state(Fresh)],
            "blocked",
            "clear",
        ),
        (
            vec![loaded(Fresh), state(Unavailable)],
            "blocked",
            "unknown",
        ),
    ] {
        let story = format!("{updates:?}");
        let mut lists = lists();
        assert_eq!(lists.mark(&user("sip:b@x")), Mark::Unknown, "no list");
        lists.configure("file:a");
        for update in updates {
            lists.set("file:a", update);
        }
        assert_eq!(lists.mark(&user("sip:b@x")).as_str(), listed, "{story}");
        assert_eq!(lists.mark(&user("sip:c@x")).as_str(), unlisted, "{story}");
        // A second source that was never read takes away what is clear, but no block.
        lists.configure("file:b");
        assert_eq!(lists.mark(&user("sip:c@x")), Mark::Unknown, "{story}");
        assert_eq!(
            lists.mark(&user("sip:b@x")).as_str() == "blocked",
            listed == "blocked"
        );
    }
}

#[test]
fn the_user_himself_is_never_blocked() {
    let mut lists = lists();
    lists.set("file:a", fresh(&["sip:me@x", "tel:+1"]));
    lists.set_own(&["sip:me@X", "tel:+1"]);
    assert_eq!(lists.mark(&user("sip:me@x;ob")), Mark::Own);
    assert_eq!(lists.mark(&user("sip:+1@x")).as_str(), "self");
    let mut mine = user("sip:anonymous1@anonymous.invalid");
    assert_eq!(lists.mark(&mine), Mark::Anonymous);
    mine.yours = true;
    assert_eq!(lists.mark(&mine), Mark::Own);
    lists.set_own::<&str>(&[]);
    assert_eq!(lists.mark(&user("sip:me@x")).as_str(), "blocked");
}

#[test]
fn nobody_anonymous_is_matched_by_identity() {
    // URI-22, RFC 4575 §5.6
    let mut lists = lists();
    let hidden = "sip:anonymous1@anonymous.invalid";
    lists.set("file:a", fresh(&[hidden, "sip:b@x"]));
    assert_eq!(lists.mark(&user(hidden)).as_str(), "anonymous");
    let mut by_flag = user("sip:b@x");
    by_flag.anonymous = true;
    assert_eq!(lists.mark(&by_flag), Mark::Anonymous);
    let mut by_aor = user("sip:c@x");
    by_aor.associated_aors = vec![hidden];
    assert_eq!(lists.mark(&by_aor), Mark::Clear);
}

#[test]
fn sources_keep_their_order_and_the_first_that_matches_is_named() {
    // XDM-32, OMA-17
    let mut lists = lists();
    lists.configure("file:a");
    lists.set("xdms:b", fresh(&["sip:b@x", "sip:c@x"]));
    lists.set("file:a", fresh(&["sip:b@x", "sip:B@x", "sip:b@X"]));
    let source = |lists: &BlockLists, uri: &str| {
        let mark = lists.mark(&user(uri));
        mark.blocked_by().map(|by| by.source.to_string())
    };
    assert_eq!(source(&lists, "sip:b@x").as_deref(), Some("file:a"));
    assert_eq!(source(&lists, "sip:c@x").as_deref(), Some("xdms:b"));
    let told: Vec<_> = lists
        .sources()
        .map(|s| (s.name.to_string(), s.entries))
        .collect();
    assert_eq!(told, [("file:a".to_string(), 3), ("xdms:b".to_string(), 2)]);
    lists.remove("file:a");
    assert_eq!(source(&lists, "sip:b@x").as_deref(), Some("xdms:b"));
    lists.remove("xdms:b");
    assert_eq!(lists.mark(&user("sip:b@x")), Mark::Unknown);
}

#[test]
fn state_and_etag_are_those_of_the_last_update() {
    let mut lists = lists();
    lists.set(
        "xdms:a",
        Update {
            etag: Some("\"1\"".to_string()),
            ..fresh(&["sip:b@x"])
        },
    );
    lists.set("xdms:a", state(SourceState::Stale));
    let told = |lists: &BlockLists| {
        let s = lists.sources().next().unwrap();
        (s.state, s.entries, s.etag.map(String::from))
    };
    assert_eq!(
        told(&lists),
        (SourceState::Stale, 1, Some("\"1\"".to_string()))
    );
    lists.set("xdms:a", fresh(&[]));
    assert_eq!(told(&lists), (SourceState::Fresh, 0, None));
}

#[test]
fn an_update_tells_whose_marks_can_change() {
    // XDM-80, SW-16
    let sorted = |changed: Changed| match changed {
        Changed::Identities(mut identities) => {
            identities.sort();
            Some(identities.join(" "))
        }
        Changed::Everything => None,
    };
    let mut lists = lists();
    assert_eq!(sorted(lists.configure("a")).as_deref(), Some(""));
    assert_eq!(
        sorted(lists.set("a", fresh(&["sip:b@x"]))),
        None,
        "all are clear now"
    );
    assert_eq!(
        sorted(lists.set("a", fresh(&["sip:b@x", "sip:C@X", "sip:d@x"]))).as_deref(),
        Some("sip:C@x sip:d@x")
    );
    assert_eq!(
        sorted(lists.set("a", fresh(&["sip:d@X", "sip:C@X"]))).as_deref(),
        Some("sip:b@x sip:d@x"),
        "b is gone, d is another entry"
    );
    assert_eq!(
        sorted(lists.set("a", state(SourceState::Stale))).as_deref(),
        Some("")
    );
    assert_eq!(
        sorted(lists.set_own(&["sip:me@x"])).as_deref(),
        Some("sip:me@x")
    );
    assert_eq!(
        sorted(lists.configure("b")),
        None,
        "nobody is clear any more"
    );
    assert_eq!(sorted(lists.remove("b")), None);
    assert_eq!(sorted(lists.remove("none")).as_deref(), Some(""));
    assert_eq!(sorted(lists.remove("a")), None);
}

#[test]
fn a_big_list_and_a_big_roster_are_matched_by_look_up() {
    // URI-26: 10,000 entries, 1,000 users; pairwise this would be ten million comparisons
    let entries: Vec<_> = (0..10_000).map(|n| format!("sip:u{}@X", n * 2)).collect();
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let mut lists = lists();
    lists.set("file:a", fresh(&entries));
    let blocked = (0..1_000)
        .filter(|n| lists.mark(&user(&format!("sip:u{n}@x;ob"))).as_str() == "blocked")
        .count();
    assert_eq!(blocked, 500);
}

/// The verdict by comparing everything with everything.
fn oracle(
    rules: &IdentityRules,
    sources: &[(Vec<String>, bool)],
    own: &[String],
    user: &Candidates<'_>,
) -> (&'static str, Option<(usize, String, Via)>) {
    let same = |a: &str, b: &str| same_identity(a, b, rules).matches;
    if user.yours || own.iter().any(|own| same(own, user.entity)) {
        return ("self", None);
    }
    if user.anonymous || identity(user.entity, rules).form == Form::Anonymous {
        return ("anonymous", None);
    }
    let candidates = core::iter::once((Via::Entity, user.entity)).chain(
        user.associated_aors
            .iter()
            .map(|&uri| (Via::AssociatedAor, uri)),
    );
    for (at, (entries, _)) in sources.iter().enumerate() {
        for (via, uri) in candidates.clone() {
            if let Some(entry) = entries.iter().find(|entry| same(entry, uri)) {
                return ("blocked", Some((at, entry.clone(), via)));
            }
        }
    }
    let whole = !sources.is_empty() && sources.iter().all(|(_, complete)| *complete);
    (if whole { "clear" } else { "unknown" }, None)
}

fn uri_text() -> impl Strategy<Value = String> {
    "(sip:|SIP:|sips:|im:|)(a|b|B|%61|\\+1|\\+1-2)@(h|H|h\\.|g|x\\.invalid)(|:5060|:5070)(|;user=phone|;gr|;gr=1|;ob)|tel:\\+(1|12|1-2)(;ext=1|;npdi)?|::::|urn:[aA]"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn marks_are_those_of_the_pairwise_oracle(
        sources in prop::collection::vec((prop::collection::vec(uri_text(), 0..6), any::<bool>()), 0..4),
        own in prop::collection::vec(uri_text(), 0..2),
        entity in uri_text(),
        aors in prop::collection::vec(uri_text(), 0..3),
        (yours, anonymous) in prop::sample::select(vec![(false, false), (false, false), (true, false), (false, true)]),
        strict in any::<bool>(),
    ) {
        let rules = IdentityRules { strict, plus_user: !strict };
        let mut lists = BlockLists::new(rules);
        lists.set_own(&own);
        for (at, (entries, complete)) in sources.iter().enumerate() {
            let mut list = plain::parse(&entries.join("\n"));
            list.complete = *complete;
            let news = Update { state: SourceState::Fresh, list: Some(list), etag: None };
            lists.set(&at.to_string(), news);
        }
        let user = Candidates {
            entity: &entity,
            associated_aors: aors.iter().map(String::as_str).collect(),
            endpoints: Vec::new(),
            yours,
            anonymous,
        };
        let mark = lists.mark(&user);
        let reason = mark.blocked_by().map(|by| {
            (by.source.parse().unwrap(), by.entry.to_string(), by.via)
        });
        prop_assert_eq!((mark.as_str(), reason), oracle(&rules, &sources, &own, &user));
    }

    #[test]
    fn a_mark_changes_only_for_the_identities_told(
        before in prop::collection::vec(uri_text(), 0..6),
        after in prop::collection::vec(uri_text(), 0..6),
        entity in uri_text(),
    ) {
        let mut lists = lists();
        let update = |uris: &[String]| Update {
            state: SourceState::Fresh,
            list: Some(plain::parse(&uris.join("\n"))),
            etag: None,
        };
        lists.set("a", update(&before));
        let old = lists.mark(&user(&entity));
        let changed = lists.set("a", update(&after));
        let new = lists.mark(&user(&entity));
        let told = match changed {
            Changed::Everything => true,
            Changed::Identities(all) => all.contains(&lists.identity(&entity).canonical),
        };
        prop_assert!(old == new || told, "{:?} {:?}", old, new);
    }
}

/// SEC-14: what a host logs of lists, of news from a source, or of everything held tells how many are blocked, and not who.
#[test]
fn debug_output_names_nobody_who_is_blocked() {
    use super::rules::{Condition, Rule, RuleSet, Who};

    let rule = Rule {
        id: "secret-rule".into(),
        conditions: vec![Condition::Identity(vec![Who::One(
            "sip:secret-one@example.org".into(),
        )])],
        ..Rule::default()
    };
    let list = BlockList {
        entries: vec![
            Entry {
                uri: "sip:secret-bob@example.org".into(),
                list: Some("secret-list".into()),
                rule: None,
            },
            Entry {
                uri: "tel:+15550100".into(),
                list: None,
                rule: Some("secret-rule".into()),
            },
        ],
        complete: true,
        rules: Some(Arc::new(RuleSet { rules: vec![rule] })),
    };
    let update = Update {
        state: SourceState::Fresh,
        list: Some(list.clone()),
        etag: Some("\"7\"".into()),
    };
    let mut lists = lists();
    lists.set("mine", update.clone());
    for (shown, told) in [
        (
            format!("{list:?}"),
            "BlockList { entries: 2, complete: true, rules: Some(1) }",
        ),
        (
            format!("{:?}", list.entries[0]),
            "Entry { of_list: true, of_rule: false, .. }",
        ),
        (
            format!("{update:?}"),
            "Update { state: Fresh, list: Some(BlockList { entries: 2,",
        ),
        (
            format!("{lists:?}"),
            "Held { entries: 3, complete: true, rules: Some(1), .. }",
        ),
        (format!("{lists:#?}"), "entries: 3,"),
    ] {
        assert!(shown.contains(told), "{shown}");
        assert!(
            !shown.contains("secret") && !shown.contains("5550100"),
            "{shown}"
        );
    }
}
