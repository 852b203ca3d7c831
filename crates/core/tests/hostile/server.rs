//! What a server or a slow host can bring about that means harm (SEC-18, OMA-19).

use core::time::Duration;

use rollmark_core::blocklist::{SourceState, Update, plain};
use rollmark_core::conference::DeviationCode;
use rollmark_core::engine::{Event, RESYNC_BACKOFF_FIRST, What};
use rollmark_core::header;
use rollmark_core::host::{Action, Capabilities, Fact, TransactionId};
use rollmark_core::message::Request;

use crate::world::{BODY, World, response, world};

#[test]
fn notifies_that_are_always_cut_off_draw_few_refreshes() {
    // RFC 3261 §18.3: what was cut off is asked for again; CONF-09, SEC-18: with back-off.
    let mut world = world(Capabilities::TRANSACTION);
    let (transaction, subscribe) = world.sent().remove(0);
    world.respond(transaction, 200, &[("Expires", "3600")]);
    assert_eq!(world.notify(&subscribe, "active", BODY.as_bytes(), 0), 200);
    let mut refreshes = 0;
    let end = world.now + Duration::from_secs(60);
    while world.now < end {
        assert_eq!(world.notify(&subscribe, "active", BODY.as_bytes(), 1), 400);
        for (transaction, _) in world.sent() {
            refreshes += 1;
            world.respond(transaction, 200, &[("Expires", "3600")]);
        }
        world.now += Duration::from_millis(100);
        world.engine.handle_timeout(world.now);
    }
    let most = 60 / RESYNC_BACKOFF_FIRST.as_secs();
    assert!((1..=most).contains(&refreshes), "{refreshes} refreshes");
    assert_eq!(world.notify(&subscribe, "active", BODY.as_bytes(), 0), 200);
    world.now += Duration::from_secs(600);
    world.engine.handle_timeout(world.now);
    // What was decided before may still be sent, then no more.
    assert!(world.sent().len() <= 1);
    world.now += Duration::from_secs(60);
    world.engine.handle_timeout(world.now);
    assert!(world.sent().is_empty(), "it came whole");
}

#[test]
fn nothing_follows_the_end() {
    let mut world = world(Capabilities::TRANSACTION);
    let (transaction, subscribe) = world.sent().remove(0);
    assert_eq!(
        world.notify(&subscribe, "terminated;reason=noresource", b"", 0),
        200
    );
    let events = world.events();
    assert!(matches!(
        events.last().map(|event| &event.what),
        Some(What::Ended { .. })
    ));
    // The response comes late, with a life longer than asked for and no Contact that can be used.
    world.respond(transaction, 200, &[("Expires", "99999"), ("Contact", "*")]);
    let list = Update {
        state: SourceState::Fresh,
        list: Some(plain::parse("sip:bob@x")),
        etag: None,
    };
    world.engine.handle_block_list(world.account, "list", list);
    world.engine.handle_fact(world.now, Fact::FlowLost);
    assert!(world.events().is_empty());
    assert!(world.sent().is_empty());
}

#[test]
fn a_dialog_host_that_is_granted_what_was_asked_for_reports_no_deviation() {
    // RFC 6665 §4.2.1.1: only a longer life than asked for is one.
    for (granted, expected) in [("3600", false), ("60", false), ("7200", true)] {
        let mut world = world(Capabilities::DIALOG);
        let Some(Action::Subscribe { subscription, .. }) = world.engine.poll_action() else {
            panic!("no SUBSCRIBE");
        };
        let response = response(200, &[("Expires", granted)]);
        let fact = Fact::DialogResponse {
            subscription,
            response,
        };
        world.engine.handle_fact(world.now, fact);
        let longer = |event: &Event| {
            matches!(
                event.what,
                What::Deviation {
                    code: DeviationCode::ExpiresLongerThanAsked,
                    ..
                }
            )
        };
        assert_eq!(world.events().iter().any(longer), expected, "{granted}");
    }
}

/// How a hostile server answers a request: at once, so that only the subscriber sets the pace.
type Answers = fn(&mut World, TransactionId, &Request);

fn gap(version: u32) -> String {
    BODY.replace(
        "version='1'",
        &format!("state='partial' version='{version}'"),
    )
}

/// Requests in the worst minute of ten.
fn worst_minute(answers: Answers) -> usize {
    let mut world = world(Capabilities::TRANSACTION);
    let end = world.now + Duration::from_secs(600);
    let mut sent: Vec<Duration> = Vec::new();
    while world.now < end {
        let requests = world.sent();
        if requests.is_empty() {
            let Some(at) = world.engine.poll_timeout() else {
                break;
            };
            // An answer takes a moment.
            world.now = at.max(world.now + Duration::from_millis(1));
            world.engine.handle_timeout(world.now);
        }
        for (transaction, request) in requests {
            sent.push(world.now);
            answers(&mut world, transaction, &request);
        }
        assert!(sent.len() < 100_000, "requests without end");
    }
    let within = |from: &Duration| {
        let minute = *from..*from + Duration::from_secs(60);
        sent.iter().filter(|at| minute.contains(at)).count()
    };
    sent.iter().map(within).max().unwrap_or(0)
}

#[test]
fn no_server_draws_more_than_a_bounded_number_of_requests_in_a_minute() {
    // SEC-18: each strategy with the most that it may draw.
    let strategies: [(&str, usize, Answers); 10] = [
        (
            "takes and ends it at once",
            12,
            |world, transaction, request| {
                world.respond(transaction, 200, &[("Expires", "3600")]);
                world.notify(request, "terminated;reason=deactivated", b"", 0);
            },
        ),
        (
            "lets it try again at once",
            12,
            |world, transaction, request| {
                world.respond(transaction, 200, &[("Expires", "3600")]);
                world.notify(request, "terminated;reason=probation;retry-after=0", b"", 0);
            },
        ),
        (
            "has an interval that is too brief every time",
            4,
            |world, transaction, request| {
                let asked = request
                    .headers
                    .get("Expires")
                    .and_then(header::delta_seconds);
                let more = (asked.unwrap() + 1).to_string();
                world.respond(transaction, 423, &[("Min-Expires", &more)]);
            },
        ),
        ("is unavailable for no time", 12, |world, transaction, _| {
            world.respond(transaction, 503, &[("Retry-After", "0")]);
        }),
        (
            "challenges with another realm every time",
            12,
            |world, transaction, request| {
                let number = request
                    .headers
                    .get("CSeq")
                    .and_then(header::cseq)
                    .unwrap()
                    .0;
                let challenge = format!("Digest realm=\"{number}\", nonce=\"n\", stale=true");
                world.respond(transaction, 401, &[("WWW-Authenticate", &challenge)]);
            },
        ),
        ("grants one second", 130, |world, transaction, request| {
            world.respond(transaction, 200, &[("Expires", "1")]);
            world.notify(request, "active;expires=1", BODY.as_bytes(), 0);
        }),
        (
            "grants no time at all",
            60,
            |world, transaction, request| {
                world.respond(transaction, 200, &[("Expires", "0")]);
                world.notify(request, "active;expires=0", BODY.as_bytes(), 0);
            },
        ),
        (
            "leaves a gap after every full document",
            32,
            |world, transaction, request| {
                world.respond(transaction, 200, &[("Expires", "3600")]);
                world.notify(request, "active", BODY.as_bytes(), 0);
                for version in [7, 9, 11] {
                    world.notify(request, "active", gap(version).as_bytes(), 0);
                }
            },
        ),
        (
            "sends what is no document",
            12,
            |world, transaction, request| {
                world.respond(transaction, 200, &[("Expires", "3600")]);
                world.notify(request, "active", b"<", 0);
            },
        ),
        (
            "grants one second and finds every other nonce stale",
            250,
            |world, transaction, request| {
                let number = request
                    .headers
                    .get("CSeq")
                    .and_then(header::cseq)
                    .unwrap()
                    .0;
                if number % 2 == 0 {
                    world.respond(transaction, 200, &[("Expires", "1")]);
                    world.notify(request, "active;expires=1", BODY.as_bytes(), 0);
                } else {
                    let challenge = format!("Digest realm=\"r\", nonce=\"{number}\", stale=true");
                    world.respond(transaction, 401, &[("WWW-Authenticate", &challenge)]);
                }
            },
        ),
    ];
    for (name, most, answers) in strategies {
        let count = worst_minute(answers);
        assert!(
            count <= most,
            "a server that {name} drew {count} requests in a minute"
        );
    }
}
