//! Versions: CONF-02, CONF-04–CONF-15.

use alloc::vec;

use super::*;

/// CONF-02, CONF-03, CONF-05…08, CONF-13, CONF-14
#[test]
fn the_version_decides_what_becomes_of_a_document() {
    let kim = |state| users(state, &named("kim"));
    let full_kim = |head| document(head, &kim("full"));
    let part_kim = |head| document(head, &kim("partial"));
    // Onto bob and eve of version 5: (bodies, strict verdict, lenient verdict).
    let cases: Vec<(&str, Vec<String>, &str, &str)> = vec![
        (
            "full without version",
            vec![full_kim("full")],
            "refused; missing-version; bob eve; uncertain needed 5",
            "applied; missing-version; kim; current - 5",
        ),
        (
            "full with unreadable version",
            vec![full_kim("full 1e3")],
            "refused; missing-version; bob eve; uncertain needed 5",
            "applied; missing-version; kim; current - 5",
        ),
        (
            "full with a version over 32 bit",
            vec![full_kim("full 4294967296")],
            "refused; missing-version; bob eve; uncertain needed 5",
            "applied; missing-version; kim; current - 5",
        ),
        (
            "partial with negative version",
            vec![part_kim("partial -1")],
            "refused; missing-version; bob eve; uncertain needed 5",
            "applied; missing-version; bob eve kim; uncertain wanted 5",
        ),
        (
            "full, next version",
            vec![full_kim("full 6")],
            "applied; ; kim; current - 6",
            "applied; ; kim; current - 6",
        ),
        (
            "full, gap",
            vec![full_kim("full 4294967295")],
            "applied; ; kim; current - 4294967295",
            "applied; ; kim; current - 4294967295",
        ),
        (
            "full, same version, same content in other order",
            vec![document("full 5", &users("full", &named("eve bob")))],
            "unchanged; ; bob eve; current - 5",
            "unchanged; ; bob eve; current - 5",
        ),
        (
            "full, lower version, same content",
            vec![document("full 2", &users("full", &named("bob eve")))],
            "unchanged; ; bob eve; current - 5",
            "unchanged; ; bob eve; current - 5",
        ),
        (
            "full, lower version, other content",
            vec![full_kim("full 2")],
            "discarded; version-not-increasing; bob eve; current - 5",
            "applied; version-not-increasing; kim; current - 2",
        ),
        (
            "full, same version, other content",
            vec![full_kim("full 5")],
            "discarded; version-not-increasing; bob eve; current - 5",
            "applied; version-not-increasing; kim; current - 5",
        ),
        (
            "partial, next version",
            vec![part_kim("partial 6")],
            "applied; ; bob eve kim; current - 6",
            "applied; ; bob eve kim; current - 6",
        ),
        (
            "partial, gap",
            vec![part_kim("partial 7")],
            "discarded; version-gap; bob eve; stale needed 5",
            "discarded; version-gap; bob eve; stale needed 5",
        ),
        (
            "a gap is reported once",
            vec![part_kim("partial 7"), part_kim("partial 8")],
            "discarded; ; bob eve; stale needed 5",
            "discarded; ; bob eve; stale needed 5",
        ),
        (
            "partial, next version while full state is awaited",
            vec![part_kim("partial 7"), part_kim("partial 6")],
            "applied; ; bob eve kim; stale needed 6",
            "applied; ; bob eve kim; stale needed 6",
        ),
        (
            "full after a gap",
            vec![part_kim("partial 7"), full_kim("full 7")],
            "applied; ; kim; current - 7",
            "applied; ; kim; current - 7",
        ),
        (
            "full of the held version with the same content answers a request",
            vec![
                part_kim("partial 7"),
                document("full 5", &users("full", &named("bob eve"))),
            ],
            "unchanged; ; bob eve; current - 5",
            "unchanged; ; bob eve; current - 5",
        ),
        (
            "partial, the very same again",
            vec![part_kim("partial 6"), part_kim("partial 6")],
            "discarded; ; bob eve kim; current - 6",
            "discarded; ; bob eve kim; current - 6",
        ),
        (
            "partial, the same again but not at once",
            vec![
                part_kim("partial 6"),
                document("partial 7", ""),
                part_kim("partial 6"),
            ],
            "discarded; version-not-increasing; bob eve kim; current - 7",
            "discarded; version-not-increasing; bob eve kim; stale needed 7",
        ),
        (
            "partial, same version, other content",
            vec![part_kim("partial 5")],
            "discarded; version-not-increasing; bob eve; current - 5",
            "discarded; version-not-increasing; bob eve; stale needed 5",
        ),
        (
            "partial without version while full state is needed",
            vec![part_kim("partial 7"), part_kim("partial")],
            "refused; missing-version; bob eve; stale needed 5",
            "discarded; missing-version; bob eve; stale needed 5",
        ),
        (
            "a refused body after a gap leaves the roster stale",
            vec![part_kim("partial 7"), "<".into()],
            "refused; malformed-body; bob eve; stale needed 5",
            "refused; malformed-body; bob eve; stale needed 5",
        ),
        (
            "a gap after a refused body makes the roster stale",
            vec!["<".into(), part_kim("partial 7")],
            "discarded; version-gap; bob eve; stale needed 5",
            "discarded; version-gap; bob eve; stale needed 5",
        ),
        (
            "deleted, next version",
            vec![document("deleted 6", "")],
            "ended; ; ; ended - 6",
            "ended; ; ; ended - 6",
        ),
        (
            "deleted, old version",
            vec![document("deleted 5", "")],
            "discarded; version-not-increasing; bob eve; current - 5",
            "ended; ; ; ended - 5",
        ),
        (
            "deleted without version",
            vec![document("deleted", "")],
            "refused; missing-version; bob eve; uncertain needed 5",
            "ended; ; ; ended - 5",
        ),
        (
            "what comes after the end",
            vec![document("deleted 6", ""), full_kim("full 7")],
            "ignored; ; ; ended - 6",
            "ignored; ; ; ended - 6",
        ),
    ];
    for (name, bodies, strict, lenient) in cases {
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        assert_eq!(after(Mode::Strict, &bodies), strict, "strict: {name}");
        assert_eq!(after(Mode::Lenient, &bodies), lenient, "lenient: {name}");
    }
}

/// CONF-04
#[test]
fn the_first_full_document_sets_the_version_whatever_it_is() {
    for mode in BOTH {
        for version in ["0", "1", "4711"] {
            let mut conference = conference(mode);
            let head = format!("full {version}");
            let applied = apply(
                &mut conference,
                &document(&head, &users("full", &named("bob"))),
            );
            assert!(applied.first && applied.changes.is_empty());
            assert_eq!(conference.version(), version.parse().ok());
        }
    }
}

/// CONF-10
#[test]
fn a_partial_document_before_any_full_one_asks_for_full_state() {
    let body = document("partial 1", &users("partial", &named("bob")));
    for mode in BOTH {
        let mut conference = conference(mode);
        let applied = apply(&mut conference, &body);
        assert_eq!(
            verdict(&conference, &applied),
            "discarded; partial-first; ; none needed -"
        );
        let applied = apply(
            &mut conference,
            &document("full 3", &users("full", &named("eve"))),
        );
        assert!(applied.first);
        assert_eq!(
            verdict(&conference, &applied),
            "applied; ; eve; current - 3"
        );
    }
    let mut conference = conference(Mode::Lenient);
    let applied = apply(&mut conference, &body.replace("version='1'", ""));
    assert_eq!(
        verdict(&conference, &applied),
        "discarded; missing-version partial-first; ; none needed -"
    );
}

#[test]
fn without_versions_full_state_is_wanted_once_when_full_documents_have_none_either() {
    let mut conference = conference(Mode::Lenient);
    let full = document("full", &users("full", &named("bob")));
    let partial = |name| document("partial", &users("partial", &named(name)));
    apply(&mut conference, &full);
    let applied = apply(&mut conference, &partial("eve"));
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob eve; uncertain wanted -"
    );
    let applied = apply(&mut conference, &partial("kim"));
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob eve kim; uncertain wanted -"
    );
    let applied = apply(&mut conference, &full);
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob; current - -"
    );
    let applied = apply(&mut conference, &partial("eve"));
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob eve; uncertain - -"
    );
    // A new subscription asks anew.
    conference.begin_subscription();
    apply(&mut conference, &full);
    let applied = apply(&mut conference, &partial("eve"));
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob eve; uncertain wanted -"
    );
}

#[test]
fn a_version_that_appears_late_is_taken_from_there() {
    let mut conference = conference(Mode::Lenient);
    apply(
        &mut conference,
        &document("full", &users("full", &named("bob"))),
    );
    let body = document("partial 9", &users("partial", &named("eve")));
    let applied = apply(&mut conference, &body);
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob eve; current - 9"
    );
}

/// CONF-11, CONF-12
#[test]
fn a_new_subscription_forgets_the_version_and_compares_the_roster() {
    for mode in BOTH {
        let mut conference = held(mode);
        conference.begin_subscription();
        assert_eq!(
            (conference.state(), conference.version()),
            (RosterState::Stale, None)
        );
        assert_eq!(roster(&conference), "bob eve");
        let applied = apply(
            &mut conference,
            &document("partial 1", &users("partial", &named("kim"))),
        );
        assert_eq!(
            verdict(&conference, &applied),
            "discarded; partial-first; bob eve; stale needed -"
        );
        let applied = apply(
            &mut conference,
            &document("full 0", &users("full", &named("eve kim"))),
        );
        assert!(!applied.first);
        assert_eq!(changes(&applied), "left bob vanished gone, joined kim");
        assert_eq!(
            verdict(&conference, &applied),
            "applied; ; eve kim; current - 0"
        );
    }
}

#[test]
fn the_same_roster_after_a_resubscription_raises_no_event() {
    for mode in BOTH {
        let mut conference = held(mode);
        conference.begin_subscription();
        let applied = apply(
            &mut conference,
            &document("full 1", &users("full", &named("eve bob"))),
        );
        assert_eq!(changes(&applied), "");
        assert!(!applied.first && !applied.info_changed);
        assert_eq!(
            verdict(&conference, &applied),
            "applied; ; bob eve; current - 1"
        );
    }
}

/// CONF-15
#[test]
fn a_deleted_root_lets_everybody_leave() {
    let inner = users(
        "full",
        &(named("bob") + &with_status("eve", "dialing-out") + &with_status("kim", "disconnected")),
    );
    for mode in BOTH {
        let mut conference = conference(mode);
        let state = "<conference-state><user-count>9</user-count></conference-state>";
        apply(
            &mut conference,
            &document("full 1", &(inner.clone() + state)),
        );
        assert_eq!(conference.hidden_users(), 8);
        let applied = apply(
            &mut conference,
            &document("deleted 2", &users("full", &named("mia"))),
        );
        assert_eq!(
            changes(&applied),
            "left bob vanished gone, not_joined eve vanished gone, unlisted kim"
        );
        assert_eq!(conference.hidden_users(), 0);
        // The next subscription begins a new roster.
        conference.begin_subscription();
        assert_eq!(conference.state(), RosterState::None);
        assert!(apply(&mut conference, &document("full 1", &inner)).first);
    }
}

#[test]
fn a_conference_that_is_gone_at_once_has_no_roster_to_show() {
    let mut conference = conference(Mode::Lenient);
    let applied = apply(&mut conference, &document("deleted 1", ""));
    assert!(!applied.first);
    assert_eq!(verdict(&conference, &applied), "ended; ; ; ended - 1");
}

#[test]
fn a_refused_document_leaves_everything_as_it_was() {
    // The fault comes behind users that could be applied.
    let inner = named("kim")
        + "<user entity='sip:bob@x' state='deleted'/>"
        + "<user entity='sip:mia@x'>&bad;</user>";
    for mode in BOTH {
        for head in ["partial 6", "full 6"] {
            let mut conference = held(mode);
            let before: Vec<User> = conference.users().cloned().collect();
            let applied = apply(&mut conference, &document(head, &users("partial", &inner)));
            assert_eq!(outcome(&applied), "refused");
            assert!(conference.users().eq(&before));
            assert_eq!(conference.version(), Some(5));
        }
    }
}
