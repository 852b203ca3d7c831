//! Users, endpoints and media: CONF-19–CONF-35, CONF-43; keys.

use super::*;

/// Onto bob and eve of version 5: the verdict and the changes.
fn onto_held(mode: Mode, head: &str, inner: &str) -> (String, String) {
    let mut conference = held(mode);
    let applied = apply(&mut conference, &document(head, inner));
    (verdict(&conference, &applied), changes(&applied))
}

/// CONF-16, CONF-19, CONF-21, CONF-25, CONF-27, CONF-29
#[test]
fn users_are_taken_by_their_effective_state() {
    let kim_and_bob_gone = named("kim") + &user("bob", "deleted");
    // (name, head, users, verdict, changes), the same in both modes.
    let cases = [
        (
            "root full: users replace all",
            "full 6",
            users("full", &named("kim")),
            "applied; ; kim; current - 6",
            "left bob vanished gone, left eve vanished gone, joined kim",
        ),
        (
            "root full: partial users are full",
            "full 6",
            users(
                "partial",
                &(user("kim", "partial") + &user("bob", "partial")),
            ),
            "applied; ; bob kim; current - 6",
            "left eve vanished gone, joined kim",
        ),
        (
            "root full: deleted children are left out",
            "full 6",
            users("full", &kim_and_bob_gone),
            "applied; ; kim; current - 6",
            "left eve vanished gone, left bob departed gone, joined kim",
        ),
        (
            "root full: no users",
            "full 6",
            String::new(),
            "applied; ; ; current - 6",
            "left bob vanished gone, left eve vanished gone",
        ),
        (
            "root full: users deleted",
            "full 6",
            users("deleted", &named("kim")),
            "applied; ; ; current - 6",
            "left bob vanished gone, left eve vanished gone",
        ),
        (
            "root partial: users deleted",
            "partial 6",
            users("deleted", &named("kim")),
            "applied; ; ; current - 6",
            "left bob vanished gone, left eve vanished gone",
        ),
        (
            "root partial: no users",
            "partial 6",
            String::new(),
            "applied; ; bob eve; current - 6",
            "",
        ),
        (
            "root partial, users partial: by each user",
            "partial 6",
            users(
                "partial",
                &(kim_and_bob_gone.clone() + &user("mia", "partial")),
            ),
            "applied; ; eve kim mia; current - 6",
            "left bob departed gone, joined kim, joined mia",
        ),
        (
            "deleting somebody unknown does nothing",
            "partial 6",
            users("partial", &user("kim", "deleted")),
            "applied; ; bob eve; current - 6",
            "",
        ),
    ];
    for mode in BOTH {
        for (name, head, inner, expected, events) in &cases {
            assert_eq!(
                onto_held(mode, head, inner),
                (expected.to_string(), events.to_string()),
                "{mode:?}: {name}"
            );
        }
    }
}

/// CONF-43
#[test]
fn what_has_no_key_is_refused_by_the_letter_and_got_over_leniently() {
    let cases = [
        (
            "<user/><user entity='sip:kim@x'/>",
            "refused; user-without-entity; bob eve; uncertain needed 5",
            "applied; user-without-entity; bob eve kim; current - 6",
        ),
        (
            "<user entity='sip:kim@x'><endpoint><status>pending</status></endpoint></user>",
            "refused; endpoint-without-entity; bob eve; uncertain needed 5",
            "applied; endpoint-without-entity; bob eve (kim); current - 6",
        ),
        (
            "<user entity='sip:kim@x'><endpoint entity='e'><media/></endpoint></user>",
            "refused; media-without-id; bob eve; uncertain needed 5",
            "applied; media-without-id; bob eve kim; current - 6",
        ),
    ];
    for (inner, strict, lenient) in cases {
        let inner = users("partial", inner);
        assert_eq!(onto_held(Mode::Strict, "partial 6", &inner).0, strict);
        assert_eq!(onto_held(Mode::Lenient, "partial 6", &inner).0, lenient);
    }
}

/// CONF-22
#[test]
fn children_of_what_is_deleted_are_ignored() {
    let inner = users(
        "partial",
        "<user entity='sip:bob@x' state='deleted'><endpoint state='odd'><media/></endpoint></user>",
    );
    for mode in BOTH {
        let (verdict, _) = onto_held(mode, "partial 6", &inner);
        assert_eq!(verdict, "applied; ; eve; current - 6", "{mode:?}");
    }
}

/// CONF-28, CONF-46, CONF-47
#[test]
fn a_partial_user_replaces_only_what_it_brings() {
    let start = "<user entity='sip:kim@x' yourown='true'><display-text>Kim</display-text>\
        <associated-aors><entry><uri> tel:+1 </uri></entry></associated-aors><roles><entry>r</entry><entry>s</entry></roles>\
        <languages>de\n en</languages><cascaded-focus>sip:f@x</cascaded-focus></user>";
    for mode in BOTH {
        let mut conference = conference(mode);
        apply(&mut conference, &document("full 1", &users("full", start)));
        let before = conference.user("sip:kim@x").unwrap().clone();
        assert!(before.is_yours() && !before.is_anonymous());
        assert!(before.languages().eq(["de", "en"]));
        assert_eq!(before.cascaded_focus(), Some("sip:f@x"));

        // An associated-aors list is replaced whole, whatever its state says (CONF-20).
        let inner = "<user entity='sip:kim@x' state='partial'><associated-aors state='partial'>\
            <entry><uri>tel:+2</uri><display-text>desk</display-text><purpose>p</purpose></entry></associated-aors></user>";
        let applied = apply(
            &mut conference,
            &document("partial 2", &users("partial", inner)),
        );
        assert_eq!(changes(&applied), "updated kim associated_aors");
        let kim = conference.user("sip:kim@x").unwrap();
        assert!(kim.associated_aors().map(|aor| aor.uri).eq(["tel:+2"]));
        assert_eq!(kim.display_text(), Some("Kim"));
        assert!(kim.roles().eq(["r", "s"]) && kim.is_yours());
        assert_eq!(before.associated_aors().next().unwrap().uri, "tel:+1");

        // A full one replaces the row: what it does not bring is gone.
        let inner = users("partial", &named("kim"));
        let applied = apply(&mut conference, &document("partial 3", &inner));
        assert_eq!(
            changes(&applied),
            "updated kim display_text+roles+associated_aors+languages+cascaded_focus+yourown"
        );
    }
}

/// CONF-62, OMA-36
#[test]
fn the_own_row_is_marked_from_any_namespace() {
    for (attribute, expected) in [
        ("yourown='true'", true),
        ("yourown='yes'", true),
        ("r:yourown='1' xmlns:r='urn:r'", true),
        ("yourown='false'", false),
        ("xmlns:yourown='urn:r'", false),
        ("", false),
    ] {
        let mut conference = conference(Mode::Strict);
        let inner = users("full", &format!("<user entity='sip:kim@x' {attribute}/>"));
        apply(&mut conference, &document("full 1", &inner));
        assert_eq!(
            conference.user("sip:kim@x").unwrap().is_yours(),
            expected,
            "{attribute}"
        );
    }
}

#[test]
fn rows_keep_the_order_in_which_they_first_appeared() {
    for mode in BOTH {
        let mut conference = held(mode);
        let order = |conference: &mut Conference, head: &str, names: &str| {
            apply(
                conference,
                &document(head, &users("partial", &named(names))),
            );
            roster(conference)
        };
        assert_eq!(
            order(&mut conference, "partial 6", "kim bob"),
            "bob eve kim"
        );
        assert_eq!(
            order(&mut conference, "full 7", "mia kim bob"),
            "bob kim mia"
        );
        assert_eq!(
            order(&mut conference, "full 8", "eve bob mia"),
            "bob mia eve"
        );
    }
}

#[test]
fn a_roster_that_grows_and_shrinks_is_still_found_by_key() {
    for mode in BOTH {
        let mut conference = conference(mode);
        let many: String = (0..500).map(|i| user(&format!("u{i}"), "full")).collect();
        apply(&mut conference, &document("full 1", &users("full", &many)));
        for i in 0..490 {
            let head = format!("partial {}", i + 2);
            let inner = users("partial", &user(&format!("u{i}"), "deleted"));
            assert_eq!(
                apply(&mut conference, &document(&head, &inner))
                    .changes
                    .len(),
                1
            );
        }
        assert_eq!(
            roster(&conference),
            "u490 u491 u492 u493 u494 u495 u496 u497 u498 u499"
        );
        assert!(conference.user("sip:u495@x").is_some() && conference.user("sip:u5@x").is_none());
    }
}
