//! The dialog as its server sees it: routes, targets, tags, sequence numbers, strangers (RFC 3261 §12, RFC 6665 §4.4.1).

use rollmark_core::host::Answer;
use rollmark_core::subscription::Shown;

use crate::world::{ROOM, World, document, s};

fn status(answer: Option<Answer>) -> Option<u16> {
    answer.map(|answer| answer.status)
}

/// SUB-24, SUB-25: the NOTIFY's Record-Route as received, not the 2xx's reversed, once there is one.
#[test]
fn the_route_set_is_the_notifys() {
    let mut world = World::new();
    let first = world.sent();
    let of_response = [
        ("Record-Route", "<sip:r1;lr>, <sip:r2;lr>"),
        ("Expires", "60"),
    ];
    world.respond(&first, 200, &of_response);
    let early = world.engine.poll_timeout();
    assert!(early.is_some());
    world.engine.unsubscribe(world.now, world.id);
    // No NOTIFY yet: provisionally by the response, reversed.
    let last = world.sent();
    assert_eq!(last.routes(), ["<sip:r2;lr>", "<sip:r1;lr>"]);
    assert_eq!(last.next_hop, "sip:r2;lr");
    assert_eq!(last.request.uri, "sip:focus@192.0.2.9");

    let mut world = World::new();
    let first = world.sent();
    world.respond(&first, 200, &of_response);
    let of_notify = [("Record-Route", "<sip:n1;lr>;x=y, <sip:n2;lr>")];
    world.notify(&first, "active", &document(1), &of_notify);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.routes(), ["<sip:n1;lr>;x=y", "<sip:n2;lr>"]);
    // SUB-52: a later NOTIFY moves the target, not the routes.
    world.respond(&refresh, 200, &[("Contact", "<sip:moved@192.0.2.10>")]);
    let later = [
        ("Record-Route", "<sip:other;lr>"),
        ("Contact", "<sip:again@192.0.2.11:5070>"),
    ];
    world.notify(&first, "active", &document(2), &later);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.routes(), ["<sip:n1;lr>;x=y", "<sip:n2;lr>"]);
    assert_eq!(refresh.request.uri, "sip:again@192.0.2.11:5070");
}

/// A strict router is asked by its own name, the target at the end; what no Request-URI may have is left out
/// (RFC 3261 §12.2.1.1).
#[test]
fn a_strict_router_is_served() {
    let mut world = World::new();
    let first = world.sent();
    let strict = [
        ("Record-Route", "<sip:strict@p1?Subject=x>, <sip:p2;lr>"),
        (
            "Contact",
            "<sip:fo?cus@192.0.2.9;method=INVITE;x=y?Subject=z>",
        ),
    ];
    world.notify(&first, "active", &document(1), &strict);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.request.uri, "sip:strict@p1");
    assert!(refresh.next_hop.starts_with("sip:strict@p1"));
    assert_eq!(
        refresh.routes(),
        [
            "<sip:p2;lr>",
            "<sip:fo?cus@192.0.2.9;method=INVITE;x=y?Subject=z>"
        ]
    );
    let loose = [
        ("Record-Route", "<sip:p1;lr>"),
        (
            "Contact",
            "<sip:fo?cus@192.0.2.9;method=INVITE;x=y?Subject=z>",
        ),
    ];
    let mut world = World::new();
    let first = world.sent();
    world.notify(&first, "active", &document(1), &loose);
    world.wake();
    assert_eq!(world.sent().request.uri, "sip:fo?cus@192.0.2.9;x=y");
}

/// OMA-12: no Contact, or one that no request can go to, leaves the target as it was, and is told once.
#[test]
fn a_contact_that_is_none_moves_nothing() {
    for contact in [
        "",
        "*",
        "<tel:+15551234>",
        "<mailto:a@x>",
        "no uri at all",
        "<sip:>",
    ] {
        let (mut world, first) = World::active();
        for version in 2..5 {
            let answer = world.notify(
                &first,
                "active",
                &document(version),
                &[("Contact", contact)],
            );
            assert_eq!(status(answer), Some(200), "{contact}");
        }
        assert_eq!(world.deviations(), ["contact-missing"], "{contact}");
        world.wake();
        assert_eq!(world.sent().request.uri, "sip:focus@192.0.2.9", "{contact}");
    }
}

/// SEC-18: a Record-Route that is absurd is left out and told; one without end is cut off.
#[test]
fn an_absurd_record_route_does_no_harm() {
    let mut world = World::new();
    let first = world.sent();
    let routes = "garbage, <tel:+1;lr>, <sip:p1;lr>, <>, \"x";
    world.notify(&first, "active", &document(1), &[("Record-Route", routes)]);
    assert_eq!(
        world.deviations(),
        ["notify-before-response", "record-route"]
    );
    world.wake();
    assert_eq!(world.sent().routes(), ["<sip:p1;lr>"]);
    let mut world = World::new();
    let first = world.sent();
    let routes = vec!["<sip:p1;lr>"; 10_000].join(",");
    world.notify(&first, "active", &document(1), &[("Record-Route", &routes)]);
    world.wake();
    assert_eq!(world.sent().routes().len(), 32);
}

/// SUB-22, SUB-27, SUB-38, SUB-39, SEC-01: who does not know call and tags is nobody's; another fork gets 481, and its 2xx
/// changes nothing.
#[test]
fn strangers_and_forks_change_nothing() {
    let (mut world, first) = World::active();
    let tag_of = |value: &str| value.rsplit_once("tag=").unwrap().1.to_string();
    let guessed = first
        .get("From")
        .replace(&tag_of(first.get("From")), &"0".repeat(24));
    let untagged = first.get("From").split(';').next().unwrap().to_string();
    let short = first.get("Call-ID").get(..23).unwrap().to_string();
    for stranger in [
        ("To", guessed.as_str()),
        ("To", &untagged),
        ("Call-ID", "000000000000000000000000"),
        ("Call-ID", &short),
        ("Call-ID", ""),
        ("Call-ID", &first.get("Call-ID").to_ascii_uppercase()),
    ] {
        let answer = world.notify(&first, "terminated", "", &[stranger]);
        assert!(answer.is_none(), "{stranger:?}");
    }
    let fork = [("From", "<sip:room@conf.example.org>;tag=fork")];
    assert_eq!(
        status(world.notify(&first, "terminated", "", &fork)),
        Some(481)
    );
    assert_eq!(status(world.notify(&first, "active", "", &[])), Some(200));
    world.wake();
    let refresh = world.sent();
    let other = [
        ("To", "<sip:room@conf.example.org>;tag=fork"),
        ("Contact", "<sip:fork@192.0.2.99>"),
    ];
    world.respond(&refresh, 200, &other);
    world.notify(&first, "active", "", &[("Contact", "")]);
    world.wake();
    assert_eq!(world.sent().request.uri, "sip:focus@192.0.2.9");
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
}

/// SUB-25: a first NOTIFY of another fork than the 2xx's takes the dialog over.
#[test]
fn the_first_notify_decides_between_forks() {
    let mut world = World::new();
    let first = world.sent();
    world.respond(&first, 200, &[]);
    let fork = [("From", "<sip:room@conf.example.org>;tag=fork")];
    assert_eq!(status(world.notify(&first, "active", "", &fork)), Some(200));
    assert_eq!(status(world.notify(&first, "active", "", &[])), Some(481));
    world.wake();
    assert_eq!(world.sent().get("To"), format!("<{ROOM}>;tag=fork"));
}

/// SUB-29, SUB-30, SUB-31: without state, out of order, once more; each with its answer, and only once taken.
#[test]
fn order_and_repetition() {
    let (mut world, first) = World::active();
    let cseq = |number: &'static str| ("CSeq", number);
    let body = document(9);
    let wrong = [cseq("10 NOTIFY"), ("Content-Type", "text/plain")];
    let answer = world.notify(&first, "active", &body, &wrong).unwrap();
    assert_eq!(answer.status, 415);
    assert_eq!(answer.headers.get("Accept"), Some(crate::world::TYPE));
    let again = world.notify(&first, "active", &body, &wrong).unwrap();
    assert_eq!(again, answer, "the same answer, headers and all");
    // What is refused in between does not stand in for it.
    let odd = [cseq("10 NOTIFY"), ("Subscription-State", "")];
    assert_eq!(world.notify(&first, "", "", &odd).unwrap(), answer);
    let odd = [cseq("11 NOTIFY"), ("Subscription-State", "")];
    assert_eq!(status(world.notify(&first, "", "", &odd)), Some(400));
    let odd = [cseq("12 NOTIFY"), ("Event", "presence")];
    assert_eq!(status(world.notify(&first, "active", "", &odd)), Some(489));
    assert_eq!(
        world
            .notify(&first, "active", "", &[cseq("10 NOTIFY")])
            .unwrap(),
        answer
    );
    let late = [cseq("9 NOTIFY")];
    assert_eq!(
        status(world.notify(&first, "terminated", "", &late)),
        Some(500)
    );
    for bad in [
        "",
        "x NOTIFY",
        "2147483648 NOTIFY",
        "4294967296 NOTIFY",
        "13",
    ] {
        let answer = world.notify(&first, "terminated", "", &[("CSeq", bad)]);
        assert_eq!(status(answer), Some(400), "{bad}");
    }
    let untagged = [("From", "<sip:room@conf.example.org>")];
    assert_eq!(
        status(world.notify(&first, "terminated", "", &untagged)),
        Some(400)
    );
    // Encoded, and once more.
    let encoded = [cseq("20 NOTIFY"), ("Content-Encoding", "gzip")];
    let answer = world.notify(&first, "active", &body, &encoded).unwrap();
    assert_eq!(answer.headers.get("Accept-Encoding"), Some("identity"));
    assert_eq!(
        world.notify(&first, "active", &body, &encoded).unwrap(),
        answer
    );
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
    // The highest number there is; nothing can follow it, so the subscription is made anew in the end.
    let highest = [cseq("2147483647 NOTIFY")];
    assert_eq!(
        status(world.notify(&first, "active", "", &highest)),
        Some(200)
    );
    world.wake();
    let refresh = world.sent();
    world.respond(&refresh, 200, &[]);
    assert_eq!(
        status(world.notify(&first, "active", "", &[cseq("1 NOTIFY")])),
        Some(500)
    );
    world.pass(s(32));
    let anew = world.sent();
    assert_ne!(anew.get("Call-ID"), first.get("Call-ID"));
}

/// SUB-08, SUB-40: a CANCEL is answered and changes nothing; nobody can subscribe to us in our dialog; the rest is the host's.
#[test]
fn other_requests_in_the_dialog() {
    let (mut world, first) = World::active();
    let told = world.told.len();
    assert_eq!(
        status(world.request("CANCEL", &first, "terminated", "", &[])),
        Some(200)
    );
    assert_eq!(
        status(world.request("SUBSCRIBE", &first, "", "", &[])),
        Some(489)
    );
    assert_eq!(status(world.request("BYE", &first, "", "", &[])), None);
    assert_eq!(status(world.request("MESSAGE", &first, "", "x", &[])), None);
    let elsewhere = [("Call-ID", "another")];
    assert_eq!(
        status(world.request("SUBSCRIBE", &first, "", "", &elsewhere)),
        None
    );
    assert_eq!(world.told.len(), told);
    assert!(world.is_quiet());
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
}

/// SUB-26: a first NOTIFY that ends it makes nothing, and its body is shown all the same.
#[test]
fn a_first_notify_that_ends_it() {
    let mut world = World::new();
    let first = world.sent();
    let answer = world.notify(&first, "terminated;reason=noresource", &document(1), &[]);
    assert_eq!(status(answer), Some(200));
    assert!(world.ended().is_some());
    assert_eq!(world.engine.roster(world.id).unwrap().rows().count(), 1);
    let late = world.notify(&first, "active", "", &[]);
    assert_eq!(status(late), None, "481 by the host");
}

/// SUB-52: a 2xx without To tag makes no dialog; the NOTIFY does.
#[test]
fn a_response_without_tag_makes_nothing() {
    let mut world = World::new();
    let first = world.sent();
    world.respond(&first, 200, &[("To", &format!("<{ROOM}>"))]);
    assert_eq!(status(world.notify(&first, "active", "", &[])), Some(200));
    world.wake();
    assert_eq!(world.sent().get("To"), format!("<{ROOM}>;tag=focus"));
}
