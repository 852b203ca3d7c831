//! How users are held: the order of a document does not matter, and what is not needed any more is let go.

use alloc::sync::{Arc, Weak};
use core::iter::repeat_n;

use proptest::prelude::*;

use super::*;
use crate::conference::record::SEGMENT;

/// The children of a user that tells everything, in the order of the schema.
const CHILDREN: [&str; 6] = [
    "<display-text>Bob</display-text>",
    "<associated-aors><entry><display-text>mail</display-text><uri> mailto:b@x </uri></entry><entry/></associated-aors>",
    "<roles><entry>a</entry><entry>b</entry></roles>",
    "<languages>de  en</languages>",
    "<cascaded-focus> sip:f@x </cascaded-focus>",
    "<endpoint entity='e1'><status>on-hold</status></endpoint>",
];

/// The children of an endpoint that tells everything, in the order of the schema.
const ENDPOINT: [&str; 9] = [
    "<display-text>Phone</display-text>",
    "<referred><by>sip:r@x</by><when>2005-03-04T20:00:00Z</when><reason>r</reason></referred>",
    "<status>connected</status>",
    "<joining-method>dialed-out</joining-method>",
    "<joining-info><reason>j</reason></joining-info>",
    "<disconnection-method>booted</disconnection-method>",
    "<disconnection-info><by>sip:d@x</by></disconnection-info>",
    "<media id='1'><status>sendonly</status><type>message</type><display-text>m</display-text></media>",
    "<call-info><sip><to-tag>t</to-tag><call-id>c</call-id></sip></call-info>",
];

fn user_of(children: &[&str], endpoint: &[&str], extra: &str) -> User {
    let inner = format!(
        "<user entity='sip:bob@x'>{}<endpoint entity='e2'>{}</endpoint>{extra}</user>",
        children.concat(),
        endpoint.concat()
    );
    let mut conference = conference(Mode::Lenient);
    apply(&mut conference, &document("full 1", &users("full", &inner)));
    conference.user("sip:bob@x").unwrap().clone()
}

proptest! {
    #[test]
    fn the_order_of_children_does_not_matter(
        children in Just(CHILDREN.to_vec()).prop_shuffle(),
        endpoint in Just(ENDPOINT.to_vec()).prop_shuffle(),
    ) {
        let expected = user_of(&CHILDREN, &ENDPOINT, "");
        prop_assert_eq!(user_of(&children, &endpoint, ""), expected);
    }

    /// Of single elements the first counts, of endpoints with one key the last, in the place of the first.
    #[test]
    fn elements_that_come_twice_are_sorted_out(second in 0..CHILDREN.len() - 1) {
        let expected = user_of(&CHILDREN, &ENDPOINT, "");
        let again = CHILDREN[second].replace(['a', 'b', 'e'], "z");
        let endpoint = "<endpoint entity='e2'/><endpoint entity='e3' state='deleted'/>";
        let again = format!("{again}{endpoint}");
        let found = user_of(&CHILDREN, &ENDPOINT, &again);
        prop_assert_eq!(found.display_text(), expected.display_text());
        prop_assert!(found.roles().eq(expected.roles()));
        prop_assert!(found.languages().eq(expected.languages()));
        prop_assert!(found.associated_aors().eq(expected.associated_aors()));
        prop_assert_eq!(found.cascaded_focus(), expected.cascaded_focus());
        let endpoints: Vec<_> = found.endpoints().map(|e| (e.entity(), e.status())).collect();
        prop_assert_eq!(endpoints, [("e1", Some("on-hold")), ("e2", None)]);
    }
}

#[test]
fn everything_told_of_a_user_is_found_again() {
    let long: String = repeat_n("é", 5_000).collect();
    let extra =
        format!("<endpoint entity='{long}'><display-text>&lt;{long}</display-text></endpoint>");
    let user = user_of(&CHILDREN, &ENDPOINT, &extra);
    let aors: Vec<_> = user.associated_aors().collect();
    assert_eq!((aors.len(), aors[0].uri), (1, "mailto:b@x"));
    assert_eq!(
        (aors[0].display_text, aors[0].purpose),
        (Some("mail"), None)
    );
    assert!(user.roles().eq(["a", "b"]) && user.languages().eq(["de", "en"]));
    assert_eq!(user.cascaded_focus(), Some("sip:f@x"));
    let endpoints: Vec<_> = user.endpoints().collect();
    let [one, two, three] = &endpoints[..] else {
        panic!("{endpoints:?}");
    };
    assert_eq!((one.status(), one.media().count()), (Some("on-hold"), 0));
    assert!(one.referred().is_none() && one.call_info().is_none());
    let referred = two.referred().unwrap();
    assert_eq!(referred.when(), Some("2005-03-04T20:00:00Z"));
    assert_eq!(
        (referred.reason(), referred.by()),
        (Some("r"), Some("sip:r@x"))
    );
    assert_eq!(two.joining_method(), Some("dialed-out"));
    assert_eq!(two.joining_info().unwrap().by(), None);
    assert_eq!(two.disconnection_method(), Some("booted"));
    assert_eq!(two.disconnection_info().unwrap().by(), Some("sip:d@x"));
    let media: Vec<_> = two.media().collect();
    assert_eq!((media.len(), media[0].id()), (1, Some("1")));
    assert_eq!(media[0].media_type(), Some("message"));
    assert_eq!(
        (media[0].status(), media[0].label()),
        (Some("sendonly"), None)
    );
    let call = two.call_info().unwrap();
    assert_eq!(
        (call.call_id(), call.from_tag(), call.to_tag()),
        (Some("c"), None, Some("t"))
    );
    assert!(!format!("{user:?}").contains("call_id"), "CONF-57");
    assert_eq!(three.entity(), long);
    assert_eq!(three.display_text().map(str::len), Some(1 + long.len()));
}

fn many(text: &str) -> String {
    (0..500)
        .map(|i| {
            format!("<user entity='sip:user{i}@x'><display-text>{text} {i}</display-text></user>")
        })
        .collect()
}

fn segments(conference: &Conference) -> Vec<Weak<str>> {
    let users = conference.users();
    users
        .map(|user| Arc::downgrade(user.record().segment()))
        .collect()
}

#[test]
fn a_segment_is_no_longer_than_its_bound_and_one_user() {
    let mut conference = conference(Mode::Strict);
    apply(
        &mut conference,
        &document("full 1", &users("full", &many(&"Somebody ".repeat(5)))),
    );
    let users: Vec<&User> = conference.users().collect();
    let longest = users.iter().map(|user| user.text().len()).max().unwrap();
    let total: usize = users.iter().map(|user| user.text().len()).sum();
    assert!(
        total > 2 * SEGMENT,
        "the document is long enough to show it"
    );
    for user in users {
        assert!(user.record().segment().len() < SEGMENT + longest);
    }
}

#[test]
fn a_full_document_lets_the_segments_of_the_one_before_go() {
    let mut conference = conference(Mode::Strict);
    let before = many("Somebody");
    apply(
        &mut conference,
        &document("full 1", &users("full", &before)),
    );
    let old = segments(&conference);
    let now = before.replace("Somebody 7<", "Somebody else<");
    let applied = apply(&mut conference, &document("full 2", &users("full", &now)));
    assert_eq!(changes(&applied), "updated user7 display_text");
    assert!(old.iter().all(|segment| segment.strong_count() == 0));
}
