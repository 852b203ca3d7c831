//! Rules of a block list in a running subscription: users are marked anew when a validity begins or ends (XDM-60, XDM-80).

use std::sync::Arc;
use std::time::Duration;

use rollmark_core::blocklist::rules::{
    Actions, Condition, Interval, Rule, RuleSet, SubHandling, Who,
};
use rollmark_core::blocklist::{BlockList, SourceState, Update};
use rollmark_core::engine::{WALL_TIME_TRUST, What};
use rollmark_core::host::Capabilities;
use rollmark_core::wall_time::WallTime;
use rollmark_tests::hosts::{Asked, World, document};

/// 2026-03-01T08:00:00Z.
const EIGHT: i64 = 1_772_352_000;

fn at(seconds: i64) -> WallTime {
    WallTime::from_unix_millis(seconds * 1000)
}

/// Eve is blocked between two times of the wall clock.
fn update(from: i64, until: i64) -> Update {
    let conditions = vec![
        Condition::Identity(vec![Who::One("sip:eve@example.org".into())]),
        Condition::Validity(vec![Interval {
            from: at(from),
            until: at(until),
        }]),
    ];
    let actions = Actions {
        sub_handling: Some(SubHandling::Block),
        ..Actions::default()
    };
    let rule = Rule {
        id: "while".into(),
        conditions,
        actions,
    };
    Update {
        state: SourceState::Fresh,
        list: Some(BlockList {
            entries: Vec::new(),
            complete: true,
            rules: Some(Arc::new(RuleSet { rules: vec![rule] })),
        }),
        etag: None,
    }
}

/// Subscribed, with bob and eve.
fn active() -> (World, Asked) {
    let mut world = World::new(Capabilities::TRANSACTION);
    let first = world.expect();
    world.respond(&first, 200, &[("Expires", "86400")]);
    let body = document(1, "full", &["bob", "eve"]);
    world.notify(&first, "active;expires=86400", &body);
    world.events();
    (world, first)
}

/// Marks that were told, and what came of them.
fn told(world: &mut World) -> Vec<String> {
    let events = world.events();
    let tell = |what: &What| match what {
        What::Blocked(row) => Some(format!("blocked {}", row.user.entity())),
        What::Unblocked(row) => Some(format!("unblocked {}", row.user.entity())),
        What::Updated { row, fields } => Some(format!(
            "{} {} {}",
            fields.join(" "),
            row.user.entity(),
            row.mark.as_str()
        )),
        _ => None,
    };
    events.iter().filter_map(tell).collect()
}

fn mark_of_eve(world: &World) -> String {
    let rows = world.engine.roster(world.conference).expect("a roster");
    let eve = rows
        .rows()
        .find(|row| row.user.entity() == "sip:eve@example.org");
    eve.expect("eve is here").mark.as_str().to_owned()
}

/// XDM-60, XDM-80, SEC-15: blocked when the time comes, unblocked when it is over; nothing is said to the focus.
#[test]
fn present_users_are_marked_when_a_validity_begins_and_ends() {
    let (mut world, _) = active();
    let account = world.account;
    world.engine.set_wall_time(world.now, at(EIGHT));
    world
        .engine
        .handle_block_list(account, "rules", update(EIGHT + 60, EIGHT + 90));
    assert_eq!(
        told(&mut world),
        [
            "mark sip:bob@example.org clear",
            "mark sip:eve@example.org clear"
        ]
    );
    assert_eq!(world.wake(), Duration::from_secs(60));
    assert_eq!(
        told(&mut world),
        [
            "mark sip:eve@example.org blocked",
            "blocked sip:eve@example.org"
        ]
    );
    assert_eq!(world.wake(), Duration::from_secs(30));
    assert_eq!(
        told(&mut world),
        [
            "mark sip:eve@example.org clear",
            "unblocked sip:eve@example.org"
        ]
    );
    assert!(world.asked().is_none());
    // Nothing is left to wait for but the refresh.
    assert!(world.wake() > WALL_TIME_TRUST);
}

/// SW-14, XDM-60: a clock that was set, or a host that was asleep, is found out before long.
#[test]
fn a_clock_that_jumps_is_followed() {
    let (mut world, _) = active();
    let account = world.account;
    world.engine.set_wall_time(world.now, at(EIGHT));
    world
        .engine
        .handle_block_list(account, "rules", update(EIGHT + 36_000, EIGHT + 40_000));
    told(&mut world);
    let due = world.engine.poll_timeout().expect("a timer runs");
    assert_eq!(due, world.now + WALL_TIME_TRUST);
    assert!(!world.engine.wants_wall_time(world.now));
    assert!(world.engine.wants_wall_time(due));
    // Ten hours of wall time went by in five minutes.
    world.now = due;
    world.engine.set_wall_time(due, at(EIGHT + 36_000));
    assert_eq!(
        told(&mut world),
        [
            "mark sip:eve@example.org blocked",
            "blocked sip:eve@example.org"
        ]
    );
    // Set back again.
    world.engine.set_wall_time(due, at(EIGHT));
    assert_eq!(
        told(&mut world),
        [
            "mark sip:eve@example.org clear",
            "unblocked sip:eve@example.org"
        ]
    );
}

/// SW-16, SW-17, XDM-60: roster, list and time may come in any order; without the time nobody is cleared.
#[test]
fn roster_rules_and_time_come_to_the_same_in_any_order() {
    for order in [
        "rules time roster",
        "time rules roster",
        "roster rules time",
        "rules roster time",
    ] {
        let mut world = World::new(Capabilities::TRANSACTION);
        let first = world.expect();
        world.respond(&first, 200, &[("Expires", "86400")]);
        let account = world.account;
        let mut has = (false, false, false);
        for step in order.split(' ') {
            match step {
                "rules" => {
                    world
                        .engine
                        .handle_block_list(account, "rules", update(EIGHT, EIGHT + 60));
                    has.0 = true;
                }
                "time" => {
                    world.engine.set_wall_time(world.now, at(EIGHT));
                    has.1 = true;
                }
                _ => {
                    let body = document(1, "full", &["bob", "eve"]);
                    world.notify(&first, "active;expires=86400", &body);
                    has.2 = true;
                }
            }
            if has == (true, false, true) {
                assert_eq!(mark_of_eve(&world), "unknown", "{order}");
            }
        }
        assert_eq!(mark_of_eve(&world), "blocked", "{order}");
    }
}
