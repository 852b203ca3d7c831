//! Messages over a TCP connection of the ezk host, however they are cut and however long they are (RFC 3261 §18.3, SEC-18).

use std::time::Duration;

use rollmark_tests::hostile::{PATIENCE, Scene};
use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{ROOM, document};

const T1: Duration = Duration::from_millis(500);

/// RFC 3261 §18.3: a NOTIFY in two pieces, the first of which the host has read before the second leaves, is one NOTIFY: its
/// document is shown, the connection stays, nothing is asked again.
#[test]
fn a_notify_in_two_pieces_is_one() {
    let mut scene = Scene::start(Transport::Tcp, T1);
    let asked = scene.active();
    let head_of = |text: &[u8]| {
        let end = text.windows(4).position(|part| part == b"\r\n\r\n");
        end.expect("an empty line") + 4
    };
    // Within the first line and within the headers, at both ends of the empty line, and within the body.
    for cut in 0..12 {
        let user = format!("cut{cut}");
        let notify = scene
            .notify(&asked, "active;expires=3600")
            .document(&document(100 + cut, "full", &["bob", &user]));
        // Content-Length stands first, as with Kamailio: long read when the second piece comes.
        let text = String::from_utf8(notify.message.bytes()).expect("it is text");
        let length = format!("Content-Length: {}\r\n", notify.message.body.len());
        let text = text.replace(&length, "");
        let bytes = text
            .replacen("\r\n", &format!("\r\n{length}"), 1)
            .into_bytes();
        let head = head_of(&bytes);
        let at = match cut {
            0 => 3,
            1..8 => head * cut as usize / 8,
            8 => head - 4,
            9 => head - 1,
            10 => head,
            _ => head + 50,
        };
        scene.send_and_see_read(&bytes[..at]);
        scene.send_raw(&bytes[at..]);
        assert_eq!(scene.answered(&notify, PATIENCE), Some(200), "cut at {at}");
        scene.told(ROOM, &format!("joined sip:{user}@example.org"));
    }
    assert_eq!(scene.asked, 1, "nothing was asked again");
    assert!(!scene.logged("closed"), "{}", scene.log());
}

/// RFC 3261 §18.3: several messages in one segment are as many, in their order.
#[test]
fn messages_in_one_segment_are_taken_in_order() {
    let mut scene = Scene::start(Transport::Tcp, T1);
    let asked = scene.active();
    let mut all = Vec::new();
    let mut last = None;
    for n in 0..20 {
        let user = format!("u{n}");
        let text = match n {
            0 => document(50, "full", &["bob", &user]),
            _ => document(50 + n, "partial", &[&user]),
        };
        let notify = scene.notify(&asked, "active;expires=3600").document(&text);
        all.extend(notify.message.bytes());
        last = Some(notify);
    }
    scene.send_raw(&all);
    let last = last.expect("twenty were made");
    assert_eq!(scene.answered(&last, PATIENCE), Some(200));
    for n in 0..20 {
        scene.told(ROOM, &format!("joined sip:u{n}@example.org"));
    }
    assert!(!scene.has_told(ROOM, "deviation"), "they came in order");
    assert_eq!(scene.asked, 1, "nothing was asked again");
}

/// SEC-18: a message over the limit costs the connection, is told and named in the log once, and the conference goes on where it was.
#[test]
fn a_message_over_the_limit_is_named_and_the_rest_lives() {
    let mut scene = Scene::start(Transport::Tcp, T1);
    let mut asked = scene.active();
    for _ in 0..2 {
        let notify = scene.notify(&asked, "active;expires=3600");
        let text = String::from_utf8(notify.message.bytes()).expect("it is text");
        let long = text.replace("Content-Length: 0", "Content-Length: 1048577");
        scene.send_raw(long.as_bytes());
        asked = scene.asked();
        scene.respond(&asked, 200, &[]);
    }
    let told = scene.log().matches("1048577 bytes is too large").count();
    let errors = scene.log().matches("have the server send smaller").count();
    assert_eq!((told, errors), (2, 1), "{}", scene.log());
    scene.told(ROOM, "deviation message-too-large");
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(!scene.has_told(ROOM, "ended"));
}

/// SEC-19: what ezk drops comes through over TCP: a tel: URI in From, an escaped quote, a header without colon, bytes that are
/// no UTF-8, a Via that it panics on.
#[test]
fn messages_that_ezk_drops_are_taken() {
    let mut scene = Scene::start(Transport::Tcp, T1);
    let asked = scene.active();
    let odd = [
        ("X-Odd: y", "no colon here"),
        ("X-Odd: y", "X-Odd: \u{e9}"),
        ("Via: SIP/2.0/TCP", "Via: SIP / 2.0 / TCP"),
    ];
    for (n, (from, to)) in odd.into_iter().enumerate() {
        let user = format!("odd{n}");
        let notify = scene
            .notify(&asked, "active;expires=3600")
            .with("X-Odd", "y")
            .document(&document(60 + n as u32, "full", &["bob", &user]));
        let text = String::from_utf8(notify.message.bytes()).expect("it is text");
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        // In Latin-1, of which an e with an accent is no UTF-8.
        let bytes: Vec<u8> = changed.chars().map(|c| c as u8).collect();
        scene.send_raw(&bytes);
        assert_eq!(scene.answered(&notify, PATIENCE), Some(200), "{to}");
        scene.told(ROOM, &format!("joined sip:{user}@example.org"));
    }
    assert_eq!(scene.asked, 1, "nothing was asked again");
}

/// A dialog whose notifier has a tel: URI, which ezk cannot parse: heard over TCP.
#[test]
fn a_notifier_with_a_tel_uri_is_heard() {
    let mut scene = Scene::start(Transport::Tcp, T1);
    let asked = scene.asked();
    scene.respond(&asked, 200, &[]);
    let notify = scene
        .notify(&asked, "active;expires=3600")
        .with("From", "\"The \\\"room\\\"\" <tel:+12125551234>;tag=focus")
        .document(&document(5, "full", &["bob"]));
    assert_eq!(scene.delivered(&notify, PATIENCE), Some(200));
    scene.told(ROOM, "roster");
    scene.told(ROOM, "state active");
}
