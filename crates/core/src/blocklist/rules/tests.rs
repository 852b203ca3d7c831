//! Rules by hand: tables of conditions, classes and combinations.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::uri::IdentityRules;

fn one(uri: &str) -> Condition {
    Condition::Identity(vec![Who::One(uri.into())])
}

fn many(domain: Option<&str>, except: &[&str]) -> Condition {
    let except = except
        .iter()
        .map(|text| match text.strip_prefix("domain ") {
            Some(domain) => Except::Domain(domain.into()),
            None => Except::Id((*text).into()),
        });
    Condition::Identity(vec![Who::Many {
        domain: domain.map(Into::into),
        except: except.collect(),
    }])
}

fn list(name: &str, members: Option<(&[&str], bool)>) -> Condition {
    Condition::ExternalList(vec![ExternalList {
        anchor: ["http://h/~~/", name].concat().into(),
        name: Some(name.into()),
        members: members.map(|(uris, complete)| Members {
            uris: uris.iter().map(|&uri| uri.into()).collect(),
            complete,
        }),
    }])
}

fn sub(value: SubHandling) -> Actions {
    Actions {
        sub_handling: Some(value),
        ..Actions::default()
    }
}

const BLOCK: Actions = Actions {
    sub_handling: Some(SubHandling::Block),
    allow_invite: None,
    allow_reject_invite: None,
};
const ALLOW: Actions = Actions {
    sub_handling: Some(SubHandling::Allow),
    allow_invite: None,
    allow_reject_invite: None,
};

/// Rules with ids r0, r1, …
fn set(rules: &[(&[Condition], Actions)]) -> RuleSet {
    let rules = rules
        .iter()
        .enumerate()
        .map(|(at, (conditions, actions))| Rule {
            id: alloc::format!("r{at}").into(),
            conditions: conditions.to_vec(),
            actions: *actions,
        });
    RuleSet {
        rules: rules.collect(),
    }
}

fn verdict_at(set: &RuleSet, settings: &RuleSettings, uris: &[&str], now: Option<i64>) -> Verdict {
    let identities = IdentityRules::default();
    let user = Requester::new(uris.iter().copied(), &identities);
    Rules::new(set, settings, &identities).evaluate(&user, now.map(WallTime::from_unix_millis))
}

fn verdict(set: &RuleSet, uri: &str) -> Verdict {
    verdict_at(set, &RuleSettings::default(), &[uri], Some(0))
}

/// `outcome`, or `outcome rule class`.
fn shown(verdict: &Verdict) -> String {
    let outcome = verdict.outcome.as_str();
    match &verdict.deciding {
        Some(by) => alloc::format!(
            "{outcome} {} {}",
            by.rule,
            by.class.map_or("-", RuleClass::as_str)
        ),
        None => outcome.to_string(),
    }
}

/// What a rule with these conditions and a block does to each user.
#[track_caller]
fn check(conditions: &[Condition], users: &[(&str, bool)]) {
    let set = set(&[(conditions, BLOCK)]);
    for &(uri, matches) in users {
        let verdict = verdict(&set, uri);
        let expected = if matches {
            Outcome::Blocked
        } else {
            Outcome::NoRule
        };
        assert_eq!(verdict.outcome, expected, "{uri}: {}", verdict.why());
    }
}

/// XDM-56, XDM-68.
#[test]
fn a_rule_matches_when_all_its_conditions_are_true() {
    let yes = || one("sip:b@x");
    let no = || one("sip:c@x");
    check(
        &[],
        &[("sip:b@x", true), ("tel:+1", true), ("no uri", true)],
    );
    check(&[yes()], &[("sip:b@x", true)]);
    check(
        &[yes(), many(Some("x"), &[])],
        &[("sip:b@x", true), ("sip:c@x", false)],
    );
    check(&[yes(), no()], &[("sip:b@x", false), ("sip:c@x", false)]);
    check(&[yes(), Condition::Unknown], &[("sip:b@x", false)]);
    check(&[Condition::Unknown], &[("sip:b@x", false)]);
    assert_eq!(
        verdict(&RuleSet::default(), "sip:b@x").outcome,
        Outcome::NoRule
    );
}

/// XDM-57.
#[test]
fn an_identity_condition_is_true_when_any_part_is() {
    let parts = Condition::Identity(vec![
        Who::One("sip:b@x".into()),
        Who::Many {
            domain: Some("y".into()),
            except: vec![],
        },
    ]);
    check(
        &[parts],
        &[("sip:b@x", true), ("sip:any@y", true), ("sip:c@x", false)],
    );
    check(&[Condition::Identity(vec![])], &[("sip:b@x", false)]);
}

/// XDM-58, URI-16, URI-23, URI-24.
#[test]
fn one_many_and_except_say_who_is_meant() {
    check(
        &[one("sip:b@x")],
        &[
            ("sip:b@X;transport=tcp", true),
            ("sips:b@x:5061", true),
            ("im:b@x", true),
            ("sip:B@x", false),
            ("sip:b@sub.x", false),
        ],
    );
    check(
        &[one("tel:+1-212-555-1234")],
        &[
            ("tel:+12125551234", true),
            ("sip:+12125551234@any.example;user=phone", true),
            ("tel:5551234;phone-context=+1212", false),
            ("sip:5551234@any.example;user=phone", false),
        ],
    );
    check(
        &[one("sip:t!.*!@x")],
        &[("sip:t!.*!@x", true), ("sip:team@x", false)],
    );
    check(
        &[one("mailto:b@x")],
        &[("mailto:b@x", true), ("sip:b@x", false)],
    );
    check(
        &[many(None, &[])],
        &[
            ("sip:b@x", true),
            ("tel:+1", true),
            ("mailto:b@x", true),
            ("xmpp:b@x", true),
        ],
    );
    check(
        &[many(Some("x"), &["sip:b@x", "tel:+15551234"])],
        &[
            ("sip:a@x", true),
            ("pres:a@x", true),
            ("sip:b@x;gr=1", false),
            ("sip:a@y", false),
            ("tel:+1", false),
            ("mailto:a@x", false),
            // The host of a sip URI counts, be it a number or not; the exception is by identity.
            ("sip:+1999@x;user=phone", true),
            ("sip:+1-555-1234@x;user=phone", false),
        ],
    );
    check(
        &[many(None, &["domain x", "sip:b@y", "domain y.z"])],
        &[
            ("sip:a@x", false),
            ("sip:a@sub.x", true),
            ("sip:b@y", false),
            ("sip:a@y", true),
            ("sip:a@Y.Z.", false),
            ("tel:+1", true),
        ],
    );
    check(&[many(Some("x"), &["domain x"])], &[("sip:a@x", false)]);
}

/// XDM-59.
#[test]
fn domains_are_compared_as_names_and_not_as_text() {
    for (domain, host, expected) in [
        ("example.com", "EXAMPLE.com", true),
        ("Example.COM.", "example.com", true),
        (" example.com ", "example.com", true),
        ("b\u{fc}cher.example", "xn--bcher-kva.example", true),
        ("B\u{dc}CHER.example", "xn--bcher-kva.example", true),
        ("XN--BCHER-KVA.example", "b%C3%BCcher.example", true),
        ("b%C3%BCcher.example", "xn--bcher-kva.example", true),
        ("ex%61mple.com", "example.com", true),
        ("example.com", "ex%61mple.com", true),
        ("[2001:DB8::1]", "[2001:db8:0::1]", true),
        ("example.com", "sub.example.com", false),
        ("sub.example.com", "example.com", false),
        ("example.com", "xexample.com", false),
        ("bucher.example", "b\u{fc}cher.example", false),
        ("", "example.com", false),
        ("*", "example.com", false),
        ("*.com", "example.com", false),
        ("@example.com", "example.com", false),
        ("%ff.example", "example.com", false),
        ("a..b", "a.b", false),
    ] {
        let uri = ["sip:a@", host].concat();
        check(&[many(Some(domain), &[])], &[(&uri, expected)]);
    }
}

/// XDM-60, RFC 4745 §7.4.
#[test]
fn a_validity_holds_from_its_beginning_to_just_before_its_end() {
    let interval = |from, until| Interval {
        from: WallTime::from_unix_millis(from),
        until: WallTime::from_unix_millis(until),
    };
    let rules = set(&[(
        &[Condition::Validity(vec![
            interval(10, 20),
            interval(30, 40),
            interval(60, 50),
        ])],
        BLOCK,
    )]);
    let settings = RuleSettings::default();
    for (now, blocked) in [
        (9, false),
        (10, true),
        (19, true),
        (20, false),
        (29, false),
        (30, true),
        (40, false),
        (55, false),
        (i64::MAX, false),
    ] {
        let verdict = verdict_at(&rules, &settings, &["sip:b@x"], Some(now));
        assert_eq!(verdict.blocks(false), blocked, "{now}");
        assert_ne!(verdict.outcome, Outcome::Unknown);
    }
    let unknown = verdict_at(&rules, &settings, &["sip:b@x"], None);
    assert_eq!(unknown.outcome, Outcome::Unknown);
    assert!(unknown.why().contains("time"), "{}", unknown.why());

    let ready = Rules::new(&rules, &settings, &IdentityRules::default());
    let mut now = WallTime::from_unix_millis(i64::MIN);
    let mut boundaries = vec![];
    while let Some(next) = ready.next_boundary(now) {
        boundaries.push(next.unix_millis());
        now = next;
    }
    assert_eq!(boundaries, [10, 20, 30, 40, 50, 60]);

    let never = set(&[(&[Condition::Validity(vec![])], BLOCK)]);
    let verdict = verdict_at(&never, &settings, &["sip:b@x"], None);
    assert_eq!(verdict.outcome, Outcome::NoRule);
}

/// XDM-61, RFC 4745 §7.3.
#[test]
fn a_sphere_is_unknown_unless_it_is_set() {
    let set = set(&[(&[Condition::Sphere("work  Home".into())], BLOCK)]);
    for (sphere, blocked) in [
        (None, false),
        (Some("home"), true),
        (Some(" WORK "), true),
        (Some("work home"), false),
        (Some(""), false),
        (Some("travel"), false),
    ] {
        let settings = RuleSettings {
            sphere: sphere.map(Into::into),
            ..RuleSettings::default()
        };
        let verdict = verdict_at(&set, &settings, &["sip:b@x"], Some(0));
        assert_eq!(verdict.blocks(false), blocked, "{sphere:?}");
    }
}

/// XDM-70.
#[test]
fn a_rule_for_another_service_blocks_nobody_here() {
    let only = |name: &str| Services::Only(name.into());
    let all_but = |names: &[&str]| Services::AllExcept(names.iter().map(|&n| n.into()).collect());
    for (services, expected) in [
        (vec![only("org.openmobilealliance.IM")], true),
        (vec![only("org.openmobilealliance.im-group")], true),
        (
            vec![only("urn:urn-7:3gpp-service.ims.icsi.oma.cpm.session")],
            true,
        ),
        (vec![only("+g.oma.sip-im")], true),
        (vec![only("org.openmobilealliance.PoC")], false),
        (vec![only("org.openmobilealliance.IMPS")], false),
        (vec![only("3gpp.ims.mmtel")], false),
        (vec![only("")], false),
        (vec![only("poc"), only("IM")], true),
        (vec![], false),
        (vec![all_but(&["org.openmobilealliance.PoC"])], true),
        (vec![all_but(&["poc", "org.openmobilealliance.IM"])], false),
        (vec![all_but(&[])], true),
    ] {
        let text = alloc::format!("{services:?}");
        let set = set(&[(&[Condition::Services(services)], BLOCK)]);
        assert_eq!(verdict(&set, "sip:b@x").blocks(false), expected, "{text}");
    }
}

/// XDM-62, XDM-63: identity before external list before all others; rules of no class count with each.
#[test]
fn only_the_highest_class_that_matches_counts() {
    let members: &[&str] = &["sip:b@x", "tel:+1555"];
    let blocked = list("blocked", Some((members, true)));
    let by_identity = (&[one("sip:b@x")][..], ALLOW);
    let by_list = (&[blocked][..], BLOCK);
    let others = (
        &[Condition::OtherIdentity][..],
        sub(SubHandling::PoliteBlock),
    );
    let all = set(&[others, by_list, by_identity]);
    for (uri, expected) in [
        ("sip:b@x", "allowed r2 identity"),
        ("sip:+1555@y;user=phone", "blocked r1 external-list"),
        ("sip:c@x", "polite-blocked r0 other-identity"),
    ] {
        assert_eq!(shown(&verdict(&all, uri)), expected, "{uri}");
    }
    let everybody = (&[][..], ALLOW);
    let with_classless = set(&[by_list, everybody]);
    assert_eq!(shown(&verdict(&with_classless, "sip:b@x")), "allowed r1 -");
    let silent = set(&[(&[one("sip:b@x")], Actions::default()), others]);
    assert_eq!(shown(&verdict(&silent, "sip:b@x")), "no-rule");
    assert_eq!(
        shown(&verdict(&silent, "sip:c@x")),
        "polite-blocked r1 other-identity"
    );
    // The others of one domain: those of it whom no other rule matches.
    let others_there = set(&[
        (&[one("sip:b@x")], ALLOW),
        (&[Condition::OtherIdentity, many(Some("x"), &[])], BLOCK),
    ]);
    assert_eq!(
        shown(&verdict(&others_there, "sip:b@x")),
        "allowed r0 identity"
    );
    assert_eq!(
        shown(&verdict(&others_there, "sip:c@x")),
        "blocked r1 other-identity"
    );
    assert_eq!(shown(&verdict(&others_there, "sip:c@y")), "no-rule");
}

/// XDM-62, XDM-71, URI-22.
#[test]
fn anonymous_users_are_met_by_rules_for_them_alone() {
    let nobody = "sip:anonymous@anonymous.invalid";
    let rules = set(&[
        (&[], BLOCK),
        (&[one(nobody)], BLOCK),
        (&[many(None, &[])], BLOCK),
        (&[Condition::OtherIdentity], BLOCK),
        (&[list("l", Some((&[nobody], true)))], BLOCK),
        (&[list("m", None)], BLOCK),
        (&[Condition::AnonymousRequest, one(nobody)], BLOCK),
    ]);
    assert_eq!(shown(&verdict(&rules, nobody)), "no-rule");
    let anonymous = set(&[
        (&[Condition::AnonymousRequest], BLOCK),
        (&[many(None, &[])], ALLOW),
    ]);
    assert_eq!(
        shown(&verdict(&anonymous, nobody)),
        "blocked r0 anonymous-request"
    );
    assert_eq!(
        shown(&verdict(&anonymous, "sip:b@x")),
        "allowed r1 identity"
    );
}

/// XDM-64, XDM-66, XDM-67.
#[test]
fn the_highest_value_of_each_type_holds_and_one_allow_beats_block() {
    use AllowInvite::{Accept, Pass, Reject};
    use SubHandling::{Allow, Block, Confirm, PoliteBlock};
    let invite = |value| Actions {
        allow_invite: Some(value),
        ..Actions::default()
    };
    let reject = |value| Actions {
        allow_reject_invite: Some(value),
        ..Actions::default()
    };
    let none = Actions::default();
    for (actions, expected) in [
        (vec![], "no-rule"),
        (vec![none, none], "no-rule"),
        (vec![none, sub(Block)], "blocked r1 -"),
        (vec![sub(Block), sub(Block)], "blocked r0 -"),
        (vec![sub(Block), sub(Confirm)], "allowed r1 -"),
        (vec![sub(Confirm), sub(PoliteBlock)], "polite-blocked r1 -"),
        (
            vec![sub(PoliteBlock), sub(Allow), sub(Block), sub(Allow)],
            "allowed r1 -",
        ),
        (vec![sub(Confirm), sub(Allow)], "allowed r1 -"),
        (vec![invite(Reject)], "blocked r0 -"),
        (vec![invite(Reject), invite(Pass)], "allowed r1 -"),
        (
            vec![invite(Pass), invite(Accept), invite(Accept)],
            "allowed r1 -",
        ),
        (vec![reject(true)], "blocked r0 -"),
        (vec![reject(false)], "allowed r0 -"),
        // A boolean is true when any is (RFC 4745 §10.2).
        (vec![reject(false), reject(true)], "blocked r1 -"),
        // Types are combined apart; of what they come to the more permissive holds.
        (vec![sub(Block), reject(false)], "allowed r1 -"),
        (
            vec![invite(Reject), sub(PoliteBlock)],
            "polite-blocked r1 -",
        ),
        (vec![reject(true), sub(Allow)], "allowed r1 -"),
        (vec![invite(Reject), reject(true)], "blocked r0 -"),
    ] {
        let rules: Vec<_> = actions.iter().map(|&actions| (&[][..], actions)).collect();
        let verdict = verdict(&set(&rules), "sip:b@x");
        assert_eq!(shown(&verdict), expected, "{actions:?}");
    }
}

/// XDM-52, XDM-60: unknown only where what is not known could change the outcome.
#[test]
fn a_list_that_is_not_at_hand_makes_unknown_only_whom_it_could_change() {
    let open = || list("friends", None);
    let partly = list("friends", Some((&["sip:b@x"], false)));
    let blocks = set(&[(&[open()], BLOCK), (&[one("sip:b@x")], ALLOW)]);
    assert_eq!(shown(&verdict(&blocks, "sip:b@x")), "allowed r1 identity");
    let unknown = verdict(&blocks, "sip:c@x");
    assert_eq!(unknown.outcome, Outcome::Unknown);
    assert!(unknown.why().contains("friends"), "{}", unknown.why());

    let partial = set(&[(&[partly], BLOCK)]);
    assert_eq!(
        shown(&verdict(&partial, "sip:b@x")),
        "blocked r0 external-list"
    );
    assert_eq!(shown(&verdict(&partial, "sip:c@x")), "unknown");
    // Blocked whether on the list or not.
    let both = set(&[(&[open()], BLOCK), (&[Condition::OtherIdentity], BLOCK)]);
    assert_eq!(
        shown(&verdict(&both, "sip:c@x")),
        "blocked r1 other-identity"
    );
    // Allowed whatever the list says.
    let all = set(&[(&[open()], BLOCK), (&[], ALLOW)]);
    assert_eq!(shown(&verdict(&all, "sip:c@x")), "allowed r1 -");
    let silent = set(&[(&[open()], Actions::default())]);
    assert_eq!(shown(&verdict(&silent, "sip:c@x")), "no-rule");
    // Silent if on the list, for a list goes before the others.
    let silenced = set(&[
        (&[open()], Actions::default()),
        (&[Condition::OtherIdentity], BLOCK),
    ]);
    assert_eq!(shown(&verdict(&silenced, "sip:c@x")), "unknown");
}

/// URI-20: a person by several URIs; an exception for one of them is for him.
#[test]
fn a_user_is_one_person_by_whatever_uri() {
    let settings = RuleSettings::default();
    let ask = |set: &RuleSet, uris: &[&str]| verdict_at(set, &settings, uris, Some(0));
    let blocked = set(&[
        (&[one("tel:+1555")], BLOCK),
        (&[Condition::OtherIdentity], ALLOW),
    ]);
    let found = ask(&blocked, &["sip:b@x", "tel:+1-555"]);
    assert_eq!(shown(&found), "blocked r0 identity");
    assert_eq!(found.deciding.unwrap().uri, 1);
    let allowed = set(&[
        (&[one("sip:b@x")], ALLOW),
        (&[Condition::OtherIdentity], BLOCK),
    ]);
    assert_eq!(
        shown(&ask(&allowed, &["sip:b@x", "tel:+1555"])),
        "allowed r0 identity"
    );
    let except = set(&[(&[many(Some("x"), &["tel:+1555"])], BLOCK)]);
    assert_eq!(shown(&ask(&except, &["sip:b@x", "tel:+1555"])), "no-rule");
    assert_eq!(
        shown(&ask(&except, &["sip:b@x", "tel:+1556"])),
        "blocked r0 identity"
    );
    // Another anonymous name of his tells nothing.
    let more = ["sip:b@x", "sip:anonymous@anonymous.invalid"];
    assert_eq!(shown(&ask(&allowed, &more)), "allowed r0 identity");
}

/// URI-06, SW-17: the entry that decides is told as the document has it, without a password.
#[test]
fn the_entry_that_matches_is_told() {
    for (condition, uri, entry, list_name) in [
        (one("SIP:b:secret@X"), "sip:b@x", "SIP:b@X", None),
        (
            many(Some("X.Example"), &[]),
            "sip:b@x.example",
            "X.Example",
            None,
        ),
        (many(None, &[]), "sip:b@x", "*", None),
        (Condition::OtherIdentity, "sip:b@x", "*", None),
        (
            list("friends", Some((&["sip:a@x", "im:b@x"], true))),
            "sip:b@x",
            "im:b@x",
            Some("friends"),
        ),
    ] {
        let verdict = verdict(&set(&[(&[condition], BLOCK)]), uri);
        let why = verdict.why();
        let by = verdict.deciding.unwrap();
        assert_eq!((&*by.entry, by.list.as_deref()), (entry, list_name));
        assert!(
            !why.contains("secret") && why.contains("r0") && why.contains("block"),
            "{why}"
        );
    }
}

#[test]
fn the_reason_names_the_rules_that_lost() {
    let outweighed = set(&[(&[one("sip:b@x")], BLOCK), (&[many(None, &[])], ALLOW)]);
    let why = verdict(&outweighed, "sip:b@x").why();
    assert_eq!(
        why,
        r#"rule "r1" names everybody: sub-handling allow; that outweighs rule "r0""#
    );
    let over = set(&[
        (&[list("l", Some((&["sip:b@x"], true)))], BLOCK),
        (&[one("sip:b@x")], ALLOW),
    ]);
    let why = verdict(&over, "sip:b@x").why();
    assert_eq!(
        why,
        r#"rule "r1" names sip:b@x: sub-handling allow; it goes before rule "r0""#
    );
    let silent = set(&[(&[one("sip:b@x")], Actions::default())]);
    let why = verdict(&silent, "sip:b@x").why();
    assert_eq!(why, r#"rule "r0" matches, but says nothing of blocking"#);
}
