//! Documents as a reader sees them (RFC 4575).

use super::*;
use crate::conference::{Disconnection, DisconnectionMethod, JoiningMethod, Status};

const ROOM: &str = "sip:room@example.org";
const ALICE: &str = "sip:alice@example.org";
const BOB: &str = "sip:bob@example.org";

/// The document after the root start tag, checked for well-formedness.
fn content(document: &Bytes) -> &str {
    let text = std::str::from_utf8(document).unwrap();
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                for attribute in element.attributes() {
                    attribute.unwrap();
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let root = text.find("<conference-info").unwrap();
    let body = root + text[root..].find('>').unwrap() + 1;
    text[body..].strip_suffix("</conference-info>").unwrap()
}

fn change(before: &Conference, f: impl FnOnce(&mut Conference)) -> String {
    let mut after = before.clone();
    f(&mut after);
    content(&partial(ROOM, 2, before, &after)).to_owned()
}

fn room() -> Conference {
    Conference::new("Talk").user(User::connected(ALICE).display_text("Alice"))
}

#[test]
fn a_full_document_has_everything() {
    let document = full(ROOM, 7, &room());
    let text = std::str::from_utf8(&document).unwrap();
    let root = "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" \
                entity=\"sip:room@example.org\" state=\"full\" version=\"7\">";
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
    assert!(text.contains(root), "{text}");
    assert_eq!(
        content(&document),
        "<conference-description><subject>Talk</subject></conference-description>\
         <conference-state><user-count>1</user-count><active>true</active><locked>false</locked></conference-state>\
         <users state=\"full\"><user entity=\"sip:alice@example.org\" state=\"full\">\
         <display-text>Alice</display-text>\
         <endpoint entity=\"sip:alice@example.org;gr=1\" state=\"full\"><status>connected</status>\
         <joining-method>dialed-in</joining-method></endpoint></user></users>"
    );
}

#[test]
fn a_join_and_a_removal_tell_only_those_users_and_the_count() {
    // RFC 4575 §4.4
    assert_eq!(
        change(&room(), |c| c.join(User::new(BOB).role("guest")).unwrap()),
        "<conference-state><user-count>2</user-count><active>true</active><locked>false</locked></conference-state>\
         <users state=\"partial\"><user entity=\"sip:bob@example.org\" state=\"full\">\
         <roles><entry>guest</entry></roles></user></users>"
    );
    assert_eq!(
        change(&room(), |c| c.remove(ALICE).unwrap()),
        "<conference-state><user-count>0</user-count><active>true</active><locked>false</locked></conference-state>\
         <users state=\"partial\"><user entity=\"sip:alice@example.org\" state=\"deleted\"/></users>"
    );
}

#[test]
fn a_boot_is_a_partial_user_with_a_partial_endpoint() {
    // RFC 4575 §5.7.6, §5.7.7
    let booted = Disconnection {
        method: DisconnectionMethod::Booted,
        reason: Some("Reason: SIP;text=\"a<b\"".into()),
    };
    let text = change(&room(), |c| c.disconnect(ALICE, &booted).unwrap());
    assert!(text.ends_with(
        "<users state=\"partial\"><user entity=\"sip:alice@example.org\" state=\"partial\">\
         <endpoint entity=\"sip:alice@example.org;gr=1\" state=\"partial\"><status>disconnected</status>\
         <disconnection-method>booted</disconnection-method>\
         <disconnection-info><reason>Reason: SIP;text=&quot;a&lt;b&quot;</reason></disconnection-info>\
         </endpoint></user></users>"
    ), "{text}");
}

#[test]
fn a_new_subject_repeats_the_description_and_nothing_else() {
    // RFC 4575 §4.6 step 3.2: no `state`, so replaced as a whole.
    let mut before = room();
    before.free_text = Some("About".into());
    assert_eq!(
        change(&before, |c| c.subject = Some("News".into())),
        "<conference-description><subject>News</subject><free-text>About</free-text></conference-description>"
    );
}

#[test]
fn what_has_gone_makes_the_element_full() {
    let mut before = room();
    let departed = Disconnection::from(DisconnectionMethod::Departed);
    before.disconnect(ALICE, &departed).unwrap();
    let back = change(&before, |c| {
        let endpoint = format!("{ALICE};gr=1");
        c.set_status(ALICE, &endpoint, Status::Connected, None)
            .unwrap();
    });
    assert!(back.ends_with(
        "state=\"partial\"><endpoint entity=\"sip:alice@example.org;gr=1\" state=\"full\">\
         <status>connected</status><joining-method>dialed-in</joining-method></endpoint></user></users>"
    ), "{back}");
    let nameless = change(&before, |c| c.user_mut(ALICE).unwrap().display_text = None);
    assert!(
        nameless.contains("<user entity=\"sip:alice@example.org\" state=\"full\"><endpoint"),
        "{nameless}"
    );
}

#[test]
fn an_endpoint_that_has_gone_is_deleted() {
    let mut before = room();
    let second = Endpoint {
        joining_method: Some(JoiningMethod::DialedOut),
        ..Endpoint::new("second", Status::OnHold)
    };
    before.user_mut(ALICE).unwrap().put_endpoint(second);
    let text = change(&before, |c| {
        let endpoints = &mut c.user_mut(ALICE).unwrap().endpoints;
        endpoints.retain(|endpoint| endpoint.entity != "second");
    });
    assert_eq!(
        text,
        "<users state=\"partial\"><user entity=\"sip:alice@example.org\" state=\"partial\">\
         <endpoint entity=\"second\" state=\"deleted\"/></user></users>"
    );
}

#[test]
fn names_that_xml_forbids_still_give_a_well_formed_document() {
    let evil = "a\"<&>'\u{1}\u{FFFE}\u{1F600}";
    let conference = Conference::new(evil).user(User::connected(evil).display_text(evil));
    let text = content(&full(evil, 1, &conference)).to_owned();
    assert!(
        text.contains("a&quot;&lt;&amp;&gt;&apos;\u{FFFD}\u{FFFD}\u{1F600}"),
        "{text}"
    );
}

#[test]
fn the_end_is_a_deleted_document() {
    // RFC 4575 §4.6
    let document = deleted(ROOM, 3);
    assert_eq!(content(&document), "");
    assert!(
        std::str::from_utf8(&document)
            .unwrap()
            .contains("state=\"deleted\" version=\"3\"")
    );
}
