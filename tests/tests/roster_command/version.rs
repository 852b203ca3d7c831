//! Versions: what is applied, discarded, or lacks something (RFC 4575 §4.3, §4.6).

use crate::command::{RESUBSCRIBE, brief, check, delta, full, json, root, story, users};

fn unnumbered(state: &str, list: &str) -> String {
    root(
        &format!("state='{state}'"),
        &format!("<users state='{state}'>{list}</users>"),
    )
}

fn deleted(version: &str) -> String {
    root(&format!("state='deleted' {version}"), "")
}

#[test]
fn every_row_of_versions_is_kept() {
    let a = || full(5, &users("a"));
    check(&[
        (
            "full without version",
            vec![unnumbered("full", &users("a"))],
            "| none ! | missing-version",
            "a | current | missing-version",
        ),
        (
            "full with an unreadable version",
            vec![
                a(),
                unnumbered("full", &users("b")).replace("state", "version='x' state"),
            ],
            "a | uncertain v5 ! | missing-version",
            "b | current v5 | missing-version",
        ),
        (
            "partial without version on a roster",
            vec![a(), unnumbered("partial", &users("b"))],
            "a | uncertain v5 ! | missing-version",
            "a b | uncertain v5 ! | missing-version",
        ),
        (
            "partial without version and without roster",
            vec![unnumbered("partial", &users("b"))],
            "| none ! | missing-version",
            "| none ! | missing-version partial-first",
        ),
        (
            "once a full one without version was seen, full state is asked for once",
            vec![
                unnumbered("full", &users("a")),
                unnumbered("partial", &users("b")),
                unnumbered("full", &users("a b")),
                unnumbered("partial", &users("d")),
            ],
            "| none ! | missing-version",
            "a b d | uncertain | missing-version",
        ),
        (
            "full, first",
            vec![full(0, &users("a"))],
            "a | current v0 |",
            "a | current v0 |",
        ),
        (
            "full, later, over a gap",
            vec![a(), full(9, &users("b"))],
            "b | current v9 |",
            "b | current v9 |",
        ),
        (
            "full, not newer, same content in another order",
            vec![full(5, &users("a b")), full(5, &users("b a"))],
            "a b | current v5 |",
            "a b | current v5 |",
        ),
        (
            "which answers a request for full state",
            vec![a(), delta(9, ""), full(4, &users("a"))],
            "a | current v5 | version-gap",
            "a | current v5 | version-gap",
        ),
        (
            "full, not newer, other content",
            vec![a(), full(5, &users("b"))],
            "a | current v5 | version-not-increasing",
            "b | current v5 | version-not-increasing",
        ),
        (
            "full, older, other content: counting goes on from there",
            vec![a(), full(0, &users("b")), delta(1, &users("c"))],
            "a | current v5 | version-not-increasing",
            "b c | current v1 | version-not-increasing",
        ),
        (
            "partial, first",
            vec![delta(1, &users("a"))],
            "| none ! | partial-first",
            "| none ! | partial-first",
        ),
        (
            "partial, first, then full",
            vec![delta(1, &users("a")), full(1, &users("b"))],
            "b | current v1 | partial-first",
            "b | current v1 | partial-first",
        ),
        (
            "partial with version on a roster without one",
            vec![
                unnumbered("full", &users("a")),
                delta(7, &users("b")),
                delta(8, &users("c")),
            ],
            "| none ! | missing-version partial-first",
            "a b c | current v8 | missing-version",
        ),
        (
            "partial, next",
            vec![a(), delta(6, &users("b")), delta(7, &users("-a"))],
            "b | current v7 |",
            "b | current v7 |",
        ),
        (
            "partial over a gap, and what then follows on what is held",
            vec![a(), delta(7, &users("b")), delta(6, &users("c"))],
            "a c | stale v6 ! | version-gap",
            "a c | stale v6 ! | version-gap",
        ),
        (
            "partial, repeated octet for octet",
            vec![a(), delta(6, &users("b")), delta(6, &users("b"))],
            "a b | current v6 |",
            "a b | current v6 |",
        ),
        (
            "partial, not newer, otherwise",
            vec![a(), delta(6, &users("b")), delta(6, &users("c"))],
            "a b | current v6 | version-not-increasing",
            "a b | stale v6 ! | version-not-increasing",
        ),
        (
            "partial, of long ago",
            vec![a(), delta(1, &users("b"))],
            "a | current v5 | version-not-increasing",
            "a | stale v5 ! | version-not-increasing",
        ),
        (
            "the largest version",
            vec![full(u32::MAX, &users("a")), delta(0, &users("b"))],
            "a | current v4294967295 | version-not-increasing",
            "a | stale v4294967295 ! | version-not-increasing",
        ),
        (
            "a version beyond the largest is unreadable",
            vec![full(1, &users("a")).replace("'1'", "'4294967296'")],
            "| none ! | missing-version",
            "a | current | missing-version",
        ),
        (
            "deleted, later",
            vec![a(), deleted("version='6'"), full(7, &users("b"))],
            "| ended v6 |",
            "| ended v6 |",
        ),
        (
            "deleted, not newer",
            vec![a(), deleted("version='5'")],
            "a | current v5 | version-not-increasing",
            "| ended v5 |",
        ),
        (
            "a new subscription forgets the version",
            vec![
                a(),
                RESUBSCRIBE.into(),
                full(1, &users("b")),
                delta(2, &users("c")),
            ],
            "b c | current v2 |",
            "b c | current v2 |",
        ),
        (
            "and keeps the roster on show as stale until then",
            vec![a(), RESUBSCRIBE.into(), delta(6, &users("b"))],
            "a | stale ! | partial-first",
            "a | stale ! | partial-first",
        ),
        (
            "each departure is reported once a subscription",
            vec![
                a(),
                delta(9, ""),
                delta(12, ""),
                RESUBSCRIBE.into(),
                full(1, ""),
                delta(9, ""),
            ],
            "| stale v1 ! | version-gap version-gap",
            "| stale v1 ! | version-gap version-gap",
        ),
    ]);
}

#[test]
fn a_deleted_root_without_version_ends_it_only_leniently() {
    check(&[(
        "deleted without version",
        vec![full(5, &users("a")), deleted("")],
        "a | uncertain v5 ! | missing-version",
        "| ended v5 |",
    )]);
}

#[test]
fn resubscribing_compares_and_tells_no_false_events() {
    let outcome = json(
        &[],
        &[
            full(9, &users("a b")),
            RESUBSCRIBE.into(),
            full(1, &users("b c")),
            RESUBSCRIBE.into(),
            full(1, &users("b c")),
        ],
    );
    assert_eq!(
        story(&outcome),
        ["1 roster", "2 left a vanished gone", "2 joined c"]
    );
    assert_eq!(brief(&outcome), "b c | current v1 |");
}

#[test]
fn a_deleted_root_empties_the_roster_and_later_documents_are_ignored() {
    let outcome = json(
        &[],
        &[
            full(1, &users("a ~b")),
            deleted("version='2'"),
            full(3, &users("d")),
            RESUBSCRIBE.into(),
            full(1, &users("e")),
        ],
    );
    assert_eq!(
        story(&outcome),
        [
            "1 roster",
            "2 left a vanished gone",
            "2 unlisted b",
            "2 ended deleted",
            "4 roster",
        ]
    );
    assert_eq!(brief(&outcome), "e | current v1 |");
}
