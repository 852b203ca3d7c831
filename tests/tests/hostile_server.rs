//! The ezk host and a server that means no good, over UDP and TCP: after each attack the host lives, another conference
//! goes on, the state is the one that the clauses give, the message rate stays bounded, and it is told what was wrong
//! (SEC-01, SEC-04, SEC-18, SEC-19).

use std::time::Duration;

use rollmark_tests::hostile::{PATIENCE, Scene, WELL};
use rollmark_tests::kit::message::param;
use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{ROOM, document};

/// Timer N is 1.28 s.
const QUICK: Duration = Duration::from_millis(20);
/// Timer N of RFC 3261's T1 is 32 s: nothing ends by itself.
const SLOW: Duration = Duration::from_millis(500);
/// How long the rate of messages is looked at.
const WHILE: Duration = Duration::from_secs(4);
/// By the back-off (1 s, 2 s, …, less a fifth at most) so many attempts at most fall into that time.
const MOST_ATTEMPTS: usize = 4;

/// Each attack over both transports.
macro_rules! attacks {
    ($($(#[$doc:meta])* $name:ident)*) => {
        mod udp {
            use super::Transport;
            $($(#[$doc])* #[test] fn $name() { super::$name(Transport::Udp); })*
        }
        mod tcp {
            use super::Transport;
            $($(#[$doc])* #[test] fn $name() { super::$name(Transport::Tcp); })*
        }
    };
}

attacks! {
    /// SEC-19: bytes that are no SIP.
    garbage
    /// SEC-19: a Via that ezk panics on, in one task of its own.
    malformed_via
    /// SEC-19: messages that end in the middle.
    half_messages
    /// SEC-19: Content-Length too long, too short, no number.
    wrong_content_length
    /// SEC-19: headers of 60,000 bytes, and of more than may be.
    huge_headers
    /// SEC-18, SUB-32: a thousand NOTIFYs at once are all answered.
    notify_flood
    /// SEC-01, SUB-22: whoever does not know both Call-ID and tag gets 481 and changes nothing.
    guessed_notifies
    /// SEC-04, SEC-18: `deactivated` for ever.
    deactivated_for_ever
    /// SEC-18: `timeout` for ever, with a 2xx before each.
    timeout_for_ever
    /// SEC-18, SUB-11: 423 with ever more.
    interval_ping_pong
    /// SEC-18, SUB-19: redirected in a circle.
    redirected_in_a_circle
    /// SEC-18, SUB-12: challenged for ever.
    challenged_for_ever
    /// SEC-18: a version gap in each document.
    gap_after_gap
    /// SEC-19: CSeq at and over its limit (RFC 3261 §8.1.1.5).
    cseq_at_its_limit
    /// SEC-19: tags missing.
    tags_missing
    /// SEC-19, SUB-25: Contact missing or of no use.
    contact_missing
    /// SEC-19, SUB-25: Record-Route that leads nowhere.
    record_route_absurd
    /// SEC-18, SUB-41: accepted, then silence.
    accepted_then_silent
    /// SEC-19: the 2xx to a refresh has another To tag.
    another_to_tag
    /// SEC-18: no answer at all.
    never_answered
    /// SEC-18: a life of one second.
    a_life_of_a_second
    /// SEC-18: every connection dies after the SUBSCRIBE.
    dies_after_each_subscribe
}

fn garbage(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    let noise: Vec<u8> = (0..4_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for bytes in [
        &b""[..],
        b"\0\0\0\0",
        b"\x00\x01\x00\x00",
        b"\xff\xfe\xfd\r\n\r\n",
        b"NOTIFY\r\n\r\n",
        b"NOTIFY sip:a@x SIP/2.0\r\nno colon here\r\n\r\n",
        b"SIP/2.0 999999999999 No\r\n\r\n",
        b"SIP/3.0 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &noise,
    ] {
        scene.send_raw(bytes);
    }
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(scene.asked <= 4, "{}", scene.asked);
    assert!(
        scene.logged("incomplete") || scene.logged("malformed") || scene.logged("closed"),
        "{}",
        scene.log()
    );
}

fn malformed_via(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    for via in ["x", "SIP/2.0/UDP", "", ";;;"] {
        let bad = scene.notify(&asked, "active").with("Via", via);
        scene.send(&bad.message);
    }
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(scene.asked <= 3, "{}", scene.asked);
}

fn half_messages(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let mut asked = scene.active();
    for part in [2, 4, 8] {
        let whole = scene
            .notify(&asked, "active")
            .document(&document(90, "full", &["mallory"]))
            .message
            .bytes();
        scene.send_raw(&whole[..whole.len() * (part - 1) / part]);
        scene.hang_up();
        if transport == Transport::Tcp {
            asked = scene.asked();
            scene.respond(&asked, 200, &[]);
        }
    }
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(!scene.has_told(ROOM, "joined sip:mallory@example.org"));
    assert!(scene.asked <= 8, "{}", scene.asked);
    assert!(
        scene.logged("incomplete") || scene.logged("closed"),
        "{}",
        scene.log()
    );
}

fn wrong_content_length(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    for length in ["9999999", "20", "-1", "x", "18446744073709551616", "99999"] {
        let notify = scene
            .notify(&asked, "active")
            .document(&document(91, "full", &["bob"]));
        let text = String::from_utf8(notify.message.bytes()).expect("it is text");
        let right = format!("Content-Length: {}", notify.message.body.len());
        scene.send_raw(
            text.replace(&right, &format!("Content-Length: {length}"))
                .as_bytes(),
        );
        scene.send_raw(b"\r\n\r\n");
    }
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(scene.asked <= 8, "{}", scene.asked);
    let told = scene.has_told(ROOM, "deviation malformed-body");
    assert!(
        told || scene.logged("closed") || scene.logged("incomplete"),
        "{}",
        scene.log()
    );
}

fn huge_headers(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let mut asked = scene.active();
    let long = scene
        .notify(&asked, "active")
        .with("X-Long", &"a".repeat(60_000));
    scene.delivered(&long, Duration::from_secs(2));
    let many = (0..2_000).fold(scene.notify(&asked, "active"), |mut notify, n| {
        notify.message.headers.push((format!("X-{n}"), "y".into()));
        notify
    });
    scene.delivered(&many, Duration::from_secs(2));
    if transport == Transport::Tcp {
        let too_large = scene
            .notify(&asked, "active")
            .with("X-Long", &"a".repeat(80_000));
        scene.send(&too_large.message);
        asked = scene.asked();
        scene.respond(&asked, 200, &[]);
        assert_eq!(
            scene
                .log()
                .matches("more than 65536 bytes of headers")
                .count(),
            1,
            "{}",
            scene.log()
        );
    }
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(scene.asked <= 5, "{}", scene.asked);
}

fn notify_flood(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    let mut last = None;
    for n in 0..1_000 {
        let notify = scene
            .notify(&asked, "active;expires=3600")
            .document(&document(1_000 + n, "partial", &[&format!("u{n}")]));
        scene.send(&notify.message);
        last = Some(notify);
        if n % 50 == 0 {
            // Answers are taken off meanwhile, as the kernel's buffers are small.
            scene.next(Duration::ZERO);
        }
    }
    let last = last.expect("a thousand were sent");
    scene.answered(&last, PATIENCE);
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(
        scene.asked <= 5,
        "{} SUBSCRIBEs for 1000 NOTIFYs",
        scene.asked
    );
}

fn guessed_notifies(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    let evil = document(99, "full", &["mallory"]);
    let from = asked.get("From").expect("it was judged").to_owned();
    let tag = param(&from, "tag").expect("it has a tag").to_owned();
    for n in 0..50 {
        let guess = scene
            .notify(&asked, "terminated;reason=noresource")
            .document(&evil);
        let guess = match n % 3 {
            0 => guess.with("Call-ID", &format!("guess{n}@example.org")),
            1 => guess.with("To", &from.replace(&tag, &format!("{n:032x}"))),
            _ => guess.with("To", &from.replace(&tag, &tag[..tag.len() - 1])),
        };
        assert_eq!(scene.delivered(&guess, PATIENCE), Some(481), "{n}");
    }
    assert!(!scene.has_told(ROOM, "ended") && !scene.has_told(ROOM, "joined"));
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert_eq!(scene.asked, 1);
}

fn ends_for_ever(transport: Transport, reason: &str) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    let end = scene.notify(&asked, reason);
    assert_eq!(scene.delivered(&end, PATIENCE), Some(200));
    let count = scene.count(WHILE, |scene, asked| {
        scene.respond(asked, 200, &[]);
        let end = scene.notify(asked, reason);
        scene.send(&end.message);
    });
    // The first one at once, by RFC 6665 §4.1.3; then by the back-off.
    assert!((1..=MOST_ATTEMPTS + 1).contains(&count), "{count}");
    scene.told(ROOM, "state subscribing");
    assert!(!scene.has_told(ROOM, "ended"), "it goes on trying");
    scene.well_goes_on();
}

fn deactivated_for_ever(transport: Transport) {
    ends_for_ever(transport, "terminated;reason=deactivated");
}

fn timeout_for_ever(transport: Transport) {
    ends_for_ever(transport, "terminated;reason=timeout");
}

fn interval_ping_pong(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let mut min = 3600;
    let count = scene.count(WHILE, |scene, asked| {
        min += 100;
        scene.respond(asked, 423, &[("Min-Expires", &min.to_string())]);
    });
    assert!(count <= MOST_ATTEMPTS, "{count}");
    scene.told(ROOM, "ended interval-too-brief");
    scene.well_goes_on();
}

fn redirected_in_a_circle(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let mut place = 0;
    let count = scene.count(WHILE, |scene, asked| {
        place += 1;
        let here = scene.own_uri(&format!("room{}@", place % 3));
        scene.respond(asked, 302, &[("Contact", &format!("<{here}>"))]);
    });
    assert!((2..=6).contains(&count), "{count}");
    scene.told(ROOM, "ended redirected");
    scene.well_goes_on();
}

fn challenged_for_ever(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let mut nonce = 0;
    let mut counts = Vec::new();
    let count = scene.count(WHILE, |scene, asked| {
        nonce += 1;
        if let Some(answer) = asked.get("Authorization") {
            counts.push(answer.contains("nc=00000001"));
        }
        let challenge = format!(
            "Digest realm=\"example.org\", nonce=\"n{nonce}\", qop=\"auth\", algorithm=SHA-256, stale=true"
        );
        scene.respond(asked, 401, &[("WWW-Authenticate", &challenge)]);
    });
    assert!((2..=14).contains(&count), "{count}");
    assert!(
        counts.iter().all(|first| *first),
        "each nonce is counted from one"
    );
    scene.told(ROOM, "ended authentication-failed");
    scene.well_goes_on();
}

fn gap_after_gap(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    let mut version = 100;
    let mut gap = |scene: &mut Scene, asked: &_| {
        version += 10;
        let notify = scene
            .notify(asked, "active;expires=3600")
            .document(&document(version, "partial", &["bob"]));
        scene.send(&notify.message);
    };
    gap(&mut scene, &asked);
    let count = scene.count(WHILE, |scene, asked| {
        scene.respond(asked, 200, &[]);
        gap(scene, asked);
    });
    assert!((1..=MOST_ATTEMPTS).contains(&count), "{count}");
    scene.told(ROOM, "deviation version-gap");
    scene.well_goes_on();
}

fn cseq_at_its_limit(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    let over = scene
        .notify(&asked, "active")
        .with("CSeq", "4294967296 NOTIFY");
    assert_ne!(scene.delivered(&over, Duration::from_secs(1)), Some(200));
    let highest = scene
        .notify(&asked, "active")
        .with("CSeq", "2147483647 NOTIFY");
    assert_eq!(scene.delivered(&highest, PATIENCE), Some(200));
    let back = scene
        .notify(&asked, "terminated;reason=noresource")
        .with("CSeq", "1 NOTIFY");
    assert_eq!(scene.delivered(&back, PATIENCE), Some(500));
    scene.told(ROOM, "deviation cseq-order");
    assert!(!scene.has_told(ROOM, "ended"));
    scene.well_goes_on();
    assert!(scene.asked <= 3, "{}", scene.asked);
}

fn tags_missing(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.asked();
    // An answer without the tag that makes the dialog.
    scene.send(&asked.response(200, ""));
    let conference = asked.get("To").expect("it was judged").to_owned();
    let without = scene.notify(&asked, "active").with("From", &conference);
    let status = scene.delivered(&without, PATIENCE);
    assert!(matches!(status, Some(400 | 481)), "{status:?}");
    let user = asked.get("From").expect("it was judged");
    let to = user.split(";tag=").next().expect("something").to_owned();
    let without = scene.notify(&asked, "active").with("To", &to);
    let status = scene.delivered(&without, PATIENCE);
    assert!(matches!(status, Some(400 | 481)), "{status:?}");
    // A NOTIFY that is right makes it (RFC 6665 §4.1.2.4).
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(scene.asked <= 3, "{}", scene.asked);
}

fn contact_missing(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.asked();
    scene.respond(&asked, 200, &[("Contact", "")]);
    for contact in ["<tel:+1>", "<http://x/>", "<sip:>", "*", "<<>>"] {
        let notify = scene.notify(&asked, "active").with("Contact", contact);
        let status = scene.delivered(&notify, PATIENCE);
        assert!(matches!(status, Some(200 | 400)), "{contact} {status:?}");
    }
    scene.told(ROOM, "deviation contact-missing");
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
    assert!(scene.asked <= 3, "{}", scene.asked);
}

fn record_route_absurd(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.asked();
    scene.respond(
        &asked,
        200,
        &[
            ("Record-Route", "<tel:+1;lr>"),
            ("Record-Route", "not a route"),
            ("Record-Route", &"<sip:p@x;lr>, ".repeat(200)),
        ],
    );
    scene.told(ROOM, "deviation record-route");
    let notify = scene
        .notify(&asked, "active")
        .document(&document(1, "full", &["bob"]));
    assert_eq!(scene.delivered(&notify, PATIENCE), Some(200));
    scene.told(ROOM, "roster");
    scene.recovers(&asked, "carol");
    scene.well_goes_on();
}

fn accepted_then_silent(transport: Transport) {
    let mut scene = Scene::start(transport, QUICK);
    let count = scene.count(WHILE, |scene, asked| scene.respond(asked, 200, &[]));
    assert!((2..=MOST_ATTEMPTS).contains(&count), "{count}");
    scene.told(ROOM, "state subscribing no-notify");
    scene.well_goes_on();
}

fn another_to_tag(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let asked = scene.active();
    // A gap makes it refresh.
    let gap = scene
        .notify(&asked, "active;expires=3600")
        .document(&document(500, "partial", &["bob"]));
    assert_eq!(scene.delivered(&gap, PATIENCE), Some(200));
    let refresh = scene.asked();
    let mut other = refresh.response(200, "").with("Expires", "3600");
    for (name, value) in &mut other.headers {
        if name == "To" {
            *value = value.replace("tag=focus", "tag=other");
        }
    }
    scene.send(&other);
    scene.recovers(&refresh, "carol");
    scene.well_goes_on();
    assert!(scene.asked <= 4, "{}", scene.asked);
    assert!(!scene.has_told(ROOM, "ended"));
}

fn never_answered(transport: Transport) {
    let mut scene = Scene::start(transport, QUICK);
    let before = scene.messages;
    let count = scene.count(WHILE, |_, _| {});
    assert!((2..=MOST_ATTEMPTS).contains(&count), "{count}");
    // Timer E: four in the first four seconds of each.
    assert!(scene.messages - before <= count * 5, "{}", scene.messages);
    scene.told(ROOM, "state subscribing no-answer");
    scene.well_goes_on();
}

fn a_life_of_a_second(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    let count = scene.count(WHILE, |scene, asked| {
        scene.respond(asked, 200, &[("Expires", "1")]);
        let notify = scene.notify(asked, "active;expires=1");
        scene.send(&notify.message);
    });
    assert!((1..=3).contains(&count), "{count}");
    scene.told(ROOM, "deviation expires-too-short");
    scene.well_goes_on();
}

fn dies_after_each_subscribe(transport: Transport) {
    let mut scene = Scene::start(transport, SLOW);
    scene.active();
    scene.hang_up();
    let count = scene.count(WHILE, |scene, asked| {
        scene.respond(asked, 200, &[]);
        scene.hang_up();
    });
    match transport {
        Transport::Udp => assert_eq!(count, 0),
        Transport::Tcp => assert!((1..=MOST_ATTEMPTS).contains(&count), "{count}"),
    }
    scene.told(WELL, "state active");
    assert!(!scene.has_told(ROOM, "ended"));
    scene.well_goes_on();
}
