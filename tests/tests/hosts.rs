//! One engine, two kinds of host: the same scenarios through a host that gives transactions and one that owns dialogs.

use std::time::Duration;

use rollmark_core::blocklist::{BlockList, Entry, SourceState, Update};
use rollmark_core::engine::What;
use rollmark_core::host::{Capabilities, HostKind};
use rollmark_core::subscription::{EndReason, Shown};
use rollmark_tests::hosts::{World, document};

const BOTH: [Capabilities; 2] = [Capabilities::TRANSACTION, Capabilities::DIALOG];

/// Subscribed and active with bob and eve.
fn active(capabilities: Capabilities) -> (World, rollmark_tests::hosts::Asked) {
    let mut world = World::new(capabilities);
    let first = world.expect();
    assert!(first.initial);
    world.respond(&first, 200, &[("Expires", "3600")]);
    let body = document(1, "full", &["bob", "eve"]);
    let answer = world.notify(&first, "active;expires=3600", &body).unwrap();
    assert_eq!(answer.status, 200);
    (world, first)
}

fn names(events: &[What]) -> Vec<String> {
    events
        .iter()
        .filter_map(|what| match what {
            What::State(state) => Some(format!("state {}", state.shown.as_str())),
            What::Roster(rows) => Some(format!("roster {}", rows.len())),
            What::Joined(row) => Some(format!("joined {}", row.user.entity())),
            What::Left { row, .. } => Some(format!("left {}", row.user.entity())),
            What::Blocked(row) => Some(format!("blocked {}", row.user.entity())),
            What::Deviation { code, .. } => Some(format!("deviation {}", code.as_str())),
            What::Ended { reason, .. } => Some(format!("ended {}", reason.as_str())),
            _ => None,
        })
        .collect()
}

/// OMA-13…16, SW-16: a roster, a join, and a mark when the list comes after the roster.
#[test]
fn a_roster_with_joins_and_marks() {
    for host in BOTH {
        let (mut world, first) = active(host);
        let told = names(&world.events());
        assert_eq!(
            told,
            ["state subscribing", "state active", "roster 2"],
            "{host:?}"
        );

        let account = world.account;
        let entry = Entry {
            uri: "sip:eve@example.org".into(),
            list: None,
            rule: None,
        };
        world.engine.handle_block_list(
            account,
            "memory",
            Update {
                state: SourceState::Fresh,
                list: Some(BlockList {
                    entries: vec![entry],
                    complete: true,
                    rules: None,
                }),
                etag: None,
            },
        );
        assert_eq!(names(&world.events()), ["blocked sip:eve@example.org"]);

        world.notify(&first, "active", &document(2, "partial", &["dan"]));
        assert_eq!(names(&world.events()), ["joined sip:dan@example.org"]);
        // SEC-15: the list is nobody's business but ours.
        assert!(world.asked().is_none());
    }
}

/// SUB-47, SUB-48, SUB-51, CONF-11, CONF-12: a refresh in time; 481 leads to a new dialog, and nobody seems to come or go.
#[test]
fn a_refresh_and_a_lost_subscription() {
    for host in BOTH {
        let (mut world, first) = active(host);
        world.events();
        let slept = world.wake();
        assert!(slept < Duration::from_secs(3600), "{slept:?}");
        let refresh = world.expect();
        assert!(!refresh.initial && refresh.dialog == first.dialog);
        world.respond(&refresh, 481, &[]);
        let again = world.expect();
        assert!(again.initial && again.dialog != first.dialog);
        world.respond(&again, 202, &[("Expires", "600")]);
        world.notify(
            &again,
            "active;expires=600",
            &document(0, "full", &["bob", "eve"]),
        );
        let told = names(&world.events());
        assert_eq!(
            told,
            ["state stale", "state subscribing", "state active"],
            "{host:?}"
        );
        // SUB-42: the old dialog is nobody's any more.
        let late = world.notify(&first, "active", "");
        assert!(late.is_none_or(|answer| answer.status == 481));
        assert_eq!(
            world.forgotten().len(),
            usize::from(host.kind == HostKind::Dialog)
        );
    }
}

/// OMA-18, OMA-19, SUB-66: Expires: 0, the last NOTIFY is taken and answered, the end is told once.
#[test]
fn an_unsubscription_waits_for_the_last_notify() {
    for host in BOTH {
        let (mut world, first) = active(host);
        world.events();
        world.unsubscribe();
        let last = world.expect();
        assert!(!last.initial && last.expires == 0);
        world.respond(&last, 200, &[("Expires", "0")]);
        assert_eq!(names(&world.events()), Vec::<String>::new());
        let body = document(2, "full", &["bob"]);
        let answer = world
            .notify(&first, "terminated;reason=timeout", &body)
            .unwrap();
        assert_eq!(answer.status, 200);
        let told = names(&world.events());
        let expected = [
            "state terminated",
            "left sip:eve@example.org",
            "ended unsubscribed",
        ];
        assert_eq!(told, expected, "{host:?}");
        assert_eq!(world.engine.poll_timeout(), None);
    }
}

/// CONF-08, CONF-09: a gap is repaired by one refresh, however many partial documents follow it.
#[test]
fn a_version_gap_asks_for_full_state_once() {
    for host in BOTH {
        let (mut world, first) = active(host);
        world.events();
        for version in [3, 4, 5] {
            world.notify(&first, "active", &document(version, "partial", &["dan"]));
        }
        let refresh = world.expect();
        assert!(!refresh.initial && refresh.expires > 0);
        assert!(world.asked().is_none(), "one is enough");
        world.respond(&refresh, 200, &[]);
        world.notify(
            &first,
            "active",
            &document(6, "full", &["bob", "eve", "dan"]),
        );
        let told = names(&world.events());
        let expected = [
            "state active",
            "deviation version-gap",
            "state active",
            "joined sip:dan@example.org",
        ];
        assert_eq!(told, expected, "{host:?}");
    }
}

/// RFC 3261 §18.3: a NOTIFY whose body was cut off on the way is refused, and the whole state asked for.
#[test]
fn a_body_that_was_cut_off_is_asked_for_again() {
    let (mut world, first) = active(Capabilities::TRANSACTION);
    world.events();
    let answer = world.notify_with(&first, "active", "", 900).unwrap();
    assert_eq!(answer.status, 400);
    assert!(!world.expect().initial);
    assert_eq!(names(&world.events()), Vec::<String>::new());
}

/// SEC-18: whoever loses connections or bodies on purpose cannot make us flood him.
#[test]
fn losses_without_end_are_answered_at_a_bounded_rate() {
    let (mut world, first) = active(Capabilities::TRANSACTION);
    let mut asked = 0;
    for _ in 0..1000 {
        world.notify_with(&first, "active", "", 900);
        world.lose_flow();
        world.pass(Duration::from_millis(60));
        while let Some(refresh) = world.asked() {
            asked += 1;
            world.respond(&refresh, 200, &[]);
        }
    }
    // At once, and then after 2, 4, 8, 16 and 30 seconds.
    assert!((5..=6).contains(&asked), "{asked} requests in a minute");
}

/// SUB-12: a password that is refused is tried once, not on and on.
#[test]
fn a_wrong_password_ends_after_two_requests() {
    let mut world = World::with(Capabilities::TRANSACTION, |settings| {
        settings.credentials = Some(rollmark_core::digest::Credentials {
            username: "alice".into(),
            password: "wrong".into(),
        });
    });
    let challenge = [(
        "WWW-Authenticate",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
    )];
    let first = world.expect();
    world.respond(&first, 401, &challenge);
    let second = world.expect();
    assert_eq!(second.dialog, first.dialog, "the same Call-ID");
    world.respond(&second, 401, &challenge);
    assert!(world.asked().is_none());
    let told = world.events();
    assert!(
        matches!(
            told.last(),
            Some(What::Ended {
                reason: EndReason::AuthenticationFailed,
                status: Some(401)
            })
        ),
        "{told:?}"
    );
}

/// SUB-22, SUB-27, SUB-38, SEC-01: who does not know the dialog's tag, or comes from another fork, changes nothing.
#[test]
fn a_foreign_notify_changes_nothing() {
    let (mut world, first) = active(Capabilities::TRANSACTION);
    world.events();
    let body = document(2, "full", &["mallory"]);
    let forked = world.notify_from(&first, "other-fork", "active", &body);
    assert_eq!(forked.map(|answer| answer.status), Some(481));
    let guessed = world.notify_to("guessed-tag", &first, "active", &body);
    assert!(guessed.is_none());
    assert_eq!(names(&world.events()), Vec::<String>::new());
    assert_eq!(world.state(), Shown::Active);
}
