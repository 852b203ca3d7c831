//! `users` said to be full in a partial document: two readings, and how a notifier is learnt.

use super::*;

fn count(count: u32) -> String {
    format!("<conference-state><user-count>{count}</user-count></conference-state>")
}

#[test]
fn by_the_letter_full_users_replace_all() {
    for attribute in ["", "state='full'", "state='odd'"] {
        let inner = format!(
            "<users {attribute}>{}{}</users>",
            user("kim", "partial"),
            user("bob", "deleted")
        );
        let mut conference = held(Mode::Strict);
        let applied = apply(&mut conference, &document("partial 6", &inner));
        assert_eq!(roster(&conference), "kim");
        assert!(!codes(&applied).contains("users-full-in-partial"));
        assert_eq!(
            (conference.state(), conference.full_state()),
            (RosterState::Current, None)
        );
    }
}

#[test]
fn leniently_the_document_shows_which_reading_is_meant() {
    let delta = "users-full-in-partial";
    let cases = [
        (
            "a deleted user",
            user("bob", "deleted"),
            None,
            delta,
            "eve",
            "current -",
        ),
        (
            "a partial user",
            user("kim", "partial"),
            None,
            delta,
            "bob eve kim",
            "current -",
        ),
        (
            "the count after merging",
            named("kim"),
            Some(3),
            delta,
            "bob eve kim",
            "current -",
        ),
        (
            "the count of those listed",
            named("kim"),
            Some(1),
            "",
            "kim",
            "current -",
        ),
        (
            "the count of nobody",
            String::new(),
            Some(0),
            "",
            "",
            "current -",
        ),
        (
            "the count of those held",
            String::new(),
            Some(2),
            delta,
            "bob eve",
            "current -",
        ),
        (
            "both readings are equal",
            named("eve bob kim"),
            None,
            "",
            "bob eve kim",
            "current -",
        ),
        (
            "both readings are equal, other count",
            named("eve bob"),
            Some(7),
            "",
            "bob eve",
            "current -",
        ),
        (
            "nothing",
            named("kim"),
            None,
            delta,
            "bob eve kim",
            "uncertain wanted",
        ),
        (
            "a count that fits neither",
            named("kim"),
            Some(9),
            delta,
            "bob eve kim",
            "uncertain wanted",
        ),
        (
            "nobody listed",
            String::new(),
            None,
            delta,
            "bob eve",
            "uncertain wanted",
        ),
        (
            "present users are counted only",
            with_status("kim", "pending") + &named("eve"),
            Some(1),
            "",
            "eve (kim)",
            "current -",
        ),
    ];
    for (name, listed, number, code, expected, state) in cases {
        let inner = users("full", &listed) + &number.map(count).unwrap_or_default();
        assert_eq!(
            after(Mode::Lenient, &[&document("partial 6", &inner)]),
            format!("applied; {code}; {expected}; {state} 6"),
            "{name}"
        );
    }
}

/// Feeds `bodies` to a lenient conference that holds bob and eve of version 5; the verdicts but the codes.
fn story(bodies: &[(u64, String)]) -> Vec<String> {
    let mut conference = held(Mode::Lenient);
    let tell = |(seconds, body): &(u64, String)| {
        let applied = conference.apply(Duration::from_secs(*seconds), body.as_bytes());
        let verdict = verdict(&conference, &applied);
        let parts: Vec<&str> = verdict.split("; ").collect();
        format!("{}; {}", parts[2], parts[3])
    };
    bodies.iter().map(tell).collect()
}

fn guess(version: u32, names: &str) -> String {
    document(&format!("partial {version}"), &users("full", &named(names)))
}

fn full(version: u32, names: &str) -> String {
    document(&format!("full {version}"), &users("full", &named(names)))
}

#[test]
fn a_full_document_that_fits_one_reading_proves_it() {
    // It meant a delta.
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, full(6, "bob eve kim")),
        (2, guess(7, "mia")),
    ]);
    assert_eq!(
        verdicts,
        [
            "bob eve kim; uncertain wanted 6",
            "bob eve kim; current - 6",
            "bob eve kim mia; current - 7"
        ]
    );
    // It meant a replacement: the wrong guess is repaired, the next one is right.
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, full(6, "kim")),
        (2, guess(7, "mia")),
    ]);
    assert_eq!(
        verdicts,
        [
            "bob eve kim; uncertain wanted 6",
            "kim; current - 6",
            "mia; current - 7"
        ]
    );
}

#[test]
fn a_full_document_that_fits_neither_or_does_not_follow_proves_nothing() {
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, full(6, "bob")),
        (700, guess(7, "mia")),
    ]);
    assert_eq!(verdicts[2], "bob mia; uncertain wanted 7");
    let between = document("partial 7", "");
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, between),
        (2, full(8, "kim")),
        (700, guess(9, "mia")),
    ]);
    assert_eq!(verdicts[3], "kim mia; uncertain wanted 9");
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, "<".into()),
        (2, full(8, "kim")),
        (700, guess(9, "mia")),
    ]);
    assert_eq!(verdicts[3], "kim mia; uncertain wanted 9");
    // An empty body is no document.
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, String::new()),
        (2, full(8, "kim")),
        (700, guess(9, "mia")),
    ]);
    assert_eq!(verdicts[3], "mia; current - 9");
}

#[test]
fn unproven_guesses_ask_again_at_most_every_ten_minutes() {
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, full(7, "bob")),
        (599, guess(8, "eve")),
        (600, guess(9, "mia")),
        (601, full(10, "zoe")),
        (1199, guess(11, "kim")),
        (1200, guess(12, "mia")),
    ]);
    assert_eq!(verdicts[2], "bob eve; uncertain - 8");
    assert_eq!(verdicts[3], "bob eve mia; uncertain wanted 9");
    assert_eq!(verdicts[5], "zoe kim; uncertain - 11");
    assert_eq!(verdicts[6], "zoe kim mia; uncertain wanted 12");
}

#[test]
fn what_a_document_shows_proves_too_and_the_newest_proof_counts() {
    let shown = |version: u32, names: &str, number: u32| {
        document(
            &format!("partial {version}"),
            &(users("full", &named(names)) + &count(number)),
        )
    };
    let verdicts = story(&[
        (0, shown(6, "kim", 3)),
        (0, guess(7, "mia")),
        (0, shown(8, "bob", 1)),
        (0, guess(9, "eve")),
        (
            0,
            document("partial 10", &users("full", &user("kim", "partial"))),
        ),
        (0, guess(11, "mia")),
    ]);
    assert_eq!(
        verdicts,
        [
            "bob eve kim; current - 6",
            "bob eve kim mia; current - 7",
            "bob; current - 8",
            "eve; current - 9",
            "eve kim; current - 10",
            "eve kim mia; current - 11",
        ]
    );
}

#[test]
fn equal_readings_prove_nothing() {
    let verdicts = story(&[(0, guess(6, "bob eve")), (0, guess(7, "kim"))]);
    assert_eq!(
        verdicts,
        ["bob eve; current - 6", "bob eve kim; uncertain wanted 7"]
    );
}

#[test]
fn what_was_learnt_ends_with_the_subscription() {
    let mut conference = held(Mode::Lenient);
    apply(&mut conference, &guess(6, "kim"));
    apply(&mut conference, &full(6, "bob eve kim"));
    conference.begin_subscription();
    apply(&mut conference, &full(1, "bob eve"));
    let applied = apply(&mut conference, &guess(2, "kim"));
    assert_eq!(
        verdict(&conference, &applied),
        "applied; users-full-in-partial; bob eve kim; uncertain wanted 2"
    );
}

#[test]
fn users_listed_twice_prove_by_what_is_said_of_them_last() {
    // Only the last user of a key counts (RFC 4575 §4.5), here that eve is none: the guess meant a replacement.
    let gone = user("eve", "full") + &user("eve", "deleted") + &named("kim");
    let verdicts = story(&[
        (0, guess(6, "kim")),
        (1, document("full 6", &users("full", &gone))),
        (2, guess(7, "mia")),
    ]);
    assert_eq!(
        verdicts,
        [
            "bob eve kim; uncertain wanted 6",
            "kim; current - 6",
            "mia; current - 7"
        ]
    );
}
