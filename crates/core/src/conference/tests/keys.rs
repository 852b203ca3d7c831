//! Keys of users: duplicates, anonymous users, spellings (CONF-23, CONF-24, CONF-35, CONF-42).

use super::*;

#[test]
fn of_two_users_of_one_key_the_last_counts() {
    let twice = "<user entity='sip:kim@x'><display-text>1</display-text></user><user entity='sip:mia@x'/>\
                 <user entity='sip:kim@x'><display-text>2</display-text></user>";
    for mode in BOTH {
        for head in ["full 6", "partial 6"] {
            let mut conference = held(mode);
            let applied = apply(&mut conference, &document(head, &users("partial", twice)));
            assert_eq!(codes(&applied), "duplicate-entity");
            let kim = conference.user("sip:kim@x").unwrap();
            assert_eq!(kim.display_text(), Some("2"));
            assert_eq!(conference.users().filter(|user| *user == kim).count(), 1);
        }
    }
}

/// CONF-42, OMA-34
#[test]
fn anonymous_users_of_one_key_are_rows_of_their_own_in_a_lenient_full_document() {
    let anonymous = |text: &str, state: &str| {
        format!(
            "<user entity='sip:anonymous@anonymous.invalid' state='{state}'><display-text>{text}</display-text></user>"
        )
    };
    let names = |conference: &Conference| {
        let texts: Vec<_> = conference
            .users()
            .filter_map(User::display_text)
            .map(str::to_string)
            .collect();
        texts.join(" ")
    };
    let three = users(
        "full",
        &(anonymous("1", "full") + &anonymous("2", "full") + &anonymous("3", "full")),
    );

    let mut strict = conference(Mode::Strict);
    let applied = apply(&mut strict, &document("full 1", &three));
    assert_eq!(
        (codes(&applied).as_str(), names(&strict).as_str()),
        ("duplicate-entity", "3")
    );

    let mut lenient = conference(Mode::Lenient);
    let applied = apply(&mut lenient, &document("full 1", &three));
    assert_eq!(
        (codes(&applied).as_str(), names(&lenient).as_str()),
        ("", "1 2 3")
    );
    assert_eq!(
        apply(&mut lenient, &document("full 1", &three)).outcome,
        Outcome::Unchanged
    );
    // A later partial or deleted user of that key means the first of them.
    apply(
        &mut lenient,
        &document("partial 2", &users("partial", &anonymous("one", "partial"))),
    );
    assert_eq!(names(&lenient), "one 2 3");
    apply(
        &mut lenient,
        &document("partial 3", &users("partial", &anonymous("", "deleted"))),
    );
    assert_eq!(names(&lenient), "2 3");
    apply(
        &mut lenient,
        &document("partial 4", &users("partial", &anonymous("", "deleted"))),
    );
    assert_eq!(names(&lenient), "3");
    // In a partial document duplicates are duplicates.
    let applied = apply(
        &mut lenient,
        &document(
            "partial 5",
            &users(
                "partial",
                &(anonymous("a", "full") + &anonymous("b", "full")),
            ),
        ),
    );
    assert_eq!(
        (codes(&applied).as_str(), names(&lenient).as_str()),
        ("duplicate-entity", "b")
    );
    // Their number may change from one full document to the next.
    let applied = apply(&mut lenient, &document("full 6", &three));
    assert_eq!(names(&lenient), "1 2 3");
    assert_eq!(applied.changes.len(), 3);
    let rows: Vec<u64> = lenient.users().map(User::row).collect();
    let applied = apply(
        &mut lenient,
        &document("full 7", &users("full", &anonymous("1", "full"))),
    );
    assert_eq!(names(&lenient), "1");
    assert!(
        applied
            .changes
            .iter()
            .all(|change| matches!(change, Change::Left { .. }))
    );
    let left: Vec<u64> = applied
        .changes
        .iter()
        .map(|change| change.user().row())
        .collect();
    assert_eq!(left, rows[1..]);
}

/// CONF-24, URI-01
#[test]
fn keys_are_compared_octet_for_octet() {
    for mode in BOTH {
        let mut conference = held(mode);
        let inner = users(
            "partial",
            "<user entity='sip:bob@X'/><user entity='sip:bob@x;a=b'/>",
        );
        apply(&mut conference, &document("partial 6", &inner));
        assert_eq!(roster(&conference), "bob eve sip:bob@X sip:bob@x;a=b");
    }
}

#[test]
fn another_spelling_of_a_key_is_understood_leniently_if_it_fits_one_row() {
    let deleted = users("partial", "<user entity='SIP:bob@X' state='deleted'/>");
    assert_eq!(
        after(Mode::Strict, &[&document("partial 6", &deleted)]),
        "applied; ; bob eve; current - 6"
    );
    assert_eq!(
        after(Mode::Lenient, &[&document("partial 6", &deleted)]),
        "applied; key-spelling; eve; current - 6"
    );

    let partial = users(
        "partial",
        "<user entity='sip:bob@X' state='partial'><display-text>Bob</display-text></user>",
    );
    let mut conference = held(Mode::Lenient);
    let applied = apply(&mut conference, &document("partial 6", &partial));
    assert_eq!(changes(&applied), "updated bob display_text");
    assert_eq!(codes(&applied), "key-spelling");

    // Two rows fit: none is meant. A row that the document names itself is not meant twice.
    let mut conference = held(Mode::Lenient);
    apply(
        &mut conference,
        &document("partial 6", &users("partial", "<user entity='sip:bob@X'/>")),
    );
    let other = users("partial", "<user entity='SIP:bob@x' state='deleted'/>");
    let applied = apply(&mut conference, &document("partial 7", &other));
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob eve sip:bob@X; current - 7"
    );
    let both = users(
        "partial",
        &(user("eve", "deleted") + "<user entity='sip:eve@X' state='partial'/>"),
    );
    let applied = apply(&mut conference, &document("partial 8", &both));
    assert_eq!(
        verdict(&conference, &applied),
        "applied; ; bob sip:bob@X sip:eve@X; current - 8"
    );
}

#[test]
fn spellings_are_found_after_rows_came_and_went() {
    let mut conference = held(Mode::Lenient);
    let spelled = |name: &str| format!("<user entity='sip:{name}@X' state='deleted'/>");
    let steps = [
        (spelled("bob"), "eve"),
        (named("kim"), "eve kim"),
        (spelled("kim"), "eve"),
        (user("eve", "deleted"), ""),
        (spelled("eve"), ""),
        (named("eve"), "eve"),
        (spelled("eve"), ""),
    ];
    for (at, (inner, expected)) in steps.iter().enumerate() {
        let head = format!("partial {}", at + 6);
        apply(&mut conference, &document(&head, &users("partial", inner)));
        assert_eq!(roster(&conference), *expected, "step {at}");
    }
}
