//! From one SIP core to another with a live roster (SW-01…10).

use std::time::Duration;

use rollmark_core::engine::SWITCH_SETTLE;
use rollmark_core::host::Flow;
use rollmark_core::profile::{Ims, Plain, Profile, Registration};
use rollmark_core::subscription::Shown;
use rollmark_tests::world::stage::{CONTACT, Notify, Sent, Stage, full};

use crate::core::{ims_active, is_ims, register, registered};

fn plain() -> Registration {
    Registration {
        contact: CONTACT.into(),
        outbound_proxy: Some("sip:proxy.test;lr".into()),
        ..Registration::default()
    }
}

fn switch(stage: &mut Stage, profile: impl Profile + 'static, registration: Registration) {
    let account = stage.account;
    stage.on(|engine, now, _| engine.switch(now, account, Box::new(profile), registration));
}

fn to_ims(stage: &mut Stage) {
    switch(stage, Ims::default(), registered());
    stage.flow = Flow::Registered;
}

fn to_plain(stage: &mut Stage) {
    switch(stage, Plain::default(), plain());
}

fn no_moves(told: &[String]) {
    let moves = |told: &String| told.starts_with("joined") || told.starts_with("left");
    assert!(!told.iter().any(moves), "{told:?}");
}

/// The old subscription ends as the server wants it; nobody is told.
fn farewell(stage: &mut Stage, old: &Sent) {
    assert_eq!(old.get("Expires"), "0");
    stage.respond(old, 200, &[("Expires", "0")]);
    let last = Notify::of(old, &full(9, &[])).state("terminated;reason=timeout");
    assert_eq!(stage.notify(last), 200);
}

/// SW-04, SW-05, SW-06, SW-10: plain → IMS → plain with a live roster: each subscription ends in its own mode, the new one
/// is wholly of the new mode, the roster stays, nobody joins or leaves, and the versions count anew.
#[test]
fn there_and_back_with_a_live_roster() {
    let (mut stage, first) = Stage::active();
    to_ims(&mut stage);
    let old = stage.expect();
    assert_eq!(old.get("Call-ID"), first.get("Call-ID"));
    assert!(!is_ims(&old) && !old.is_initial());
    assert!(stage.sent().is_none(), "before it has settled");
    assert_eq!(stage.told(), ["stale switched"]);
    assert_eq!(stage.users().len(), 2);
    let state = stage.engine.state(stage.watch).unwrap();
    assert_eq!(state.mode.as_str(), "ims");
    assert_eq!(state.retry_in, Some(SWITCH_SETTLE));
    stage.pass(SWITCH_SETTLE);
    let second = stage.begin_with(&[1, 2]);
    assert!(is_ims(&second));
    assert_ne!(second.get("Call-ID"), first.get("Call-ID"));
    // The old one may end later than the new one begins.
    farewell(&mut stage, &old);
    assert_eq!(stage.told(), ["subscribing", "active"]);
    assert_eq!(stage.users().len(), 2);
    assert_eq!(stage.notify(Notify::of(&second, &full(2, &[1, 2, 3]))), 200);
    assert_eq!(stage.told(), ["joined sip:user3@example.org"]);

    to_plain(&mut stage);
    let old = stage.expect();
    assert!(is_ims(&old), "in its own mode");
    assert_eq!(old.get("Call-ID"), second.get("Call-ID"));
    // Its way is that of its own registration.
    farewell(&mut stage, &old);
    stage.pass(SWITCH_SETTLE);
    let third = stage.begin_with(&[1, 2, 3]);
    assert!(!is_ims(&third));
    assert_eq!(third.routes(), ["<sip:proxy.test;lr>"]);
    no_moves(&stage.told());
    assert_eq!(stage.shown(), Shown::Active);
    // Who left meanwhile did leave.
    assert_eq!(stage.notify(Notify::of(&third, &full(2, &[1]))), 200);
    assert_eq!(stage.told().len(), 2);
    assert_eq!(stage.engine.watches(), [stage.watch]);
}

/// SW-07: nothing is sent by a dead way, and its late NOTIFYs get 481.
#[test]
fn a_dead_way_is_not_used() {
    let (mut stage, first) = ims_active();
    let mut over = registered();
    over.end();
    register(&mut stage, over);
    to_plain(&mut stage);
    assert!(stage.sent().is_none());
    assert_eq!(stage.notify(Notify::of(&first, &full(2, &[]))), 481);
    stage.pass(SWITCH_SETTLE);
    let second = stage.begin_with(&[1, 2]);
    assert!(!is_ims(&second));
    no_moves(&stage.told());
}

/// SW-09: ten switches in a second settle on the last, with one subscription.
#[test]
fn rapid_switching_settles_on_the_last() {
    let (mut stage, first) = Stage::active();
    for n in 0..10 {
        if n % 2 == 0 {
            to_ims(&mut stage);
        } else {
            to_plain(&mut stage);
        }
        stage.pass(Duration::from_millis(100));
    }
    let old = stage.expect();
    assert_eq!(old.get("Call-ID"), first.get("Call-ID"));
    assert_eq!(old.get("Expires"), "0");
    assert!(stage.sent().is_none());
    stage.pass(SWITCH_SETTLE);
    let new = stage.begin_with(&[1, 2]);
    assert!(!is_ims(&new));
    assert!(stage.sent().is_none());
    no_moves(&stage.told());
}

/// SW-04, SW-09: what is under way stays what it is: a request of the old mode is answered in the old mode, and what it
/// made is ended in it.
#[test]
fn a_switch_while_a_request_is_under_way() {
    let mut stage = Stage::new();
    let first = stage.expect();
    to_ims(&mut stage);
    assert!(stage.sent().is_none());
    stage.pass(SWITCH_SETTLE);
    let second = stage.expect();
    assert!(is_ims(&second));
    // The old one comes about after all.
    stage.respond(&first, 200, &[("Expires", "3600")]);
    let old = stage.expect();
    assert_eq!(
        (old.get("Call-ID"), old.get("Expires")),
        (first.get("Call-ID"), "0")
    );
    assert!(!is_ims(&old));
    stage.flow = Flow::Foreign;
    assert_eq!(stage.notify(Notify::of(&first, &full(1, &[1]))), 200);
    assert!(stage.users().is_empty());
    stage.flow = Flow::Registered;
    farewell(&mut stage, &old);
    // A refresh under way: its answer means the old one.
    let (mut stage, _) = Stage::active();
    stage.wake();
    let refresh = stage.expect();
    to_ims(&mut stage);
    let old = stage.expect();
    stage.respond(&refresh, 481, &[]);
    stage.pass(SWITCH_SETTLE);
    assert!(is_ims(&stage.expect()));
    stage.respond(&old, 481, &[]);
    assert!(stage.sent().is_none());
    assert_eq!(stage.engine.watches().len(), 1);
}

/// SW-05, SUB-66: who leaves during a switch has left; who has left is not brought back by one.
#[test]
fn leaving_and_switching() {
    let (mut stage, _) = Stage::active();
    stage.unsubscribe();
    let last = stage.expect();
    to_ims(&mut stage);
    stage.pass_secs(1);
    assert!(stage.sent().is_none());
    farewell(&mut stage, &last);
    assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");

    let (mut stage, _) = Stage::active();
    to_ims(&mut stage);
    let old = stage.expect();
    stage.unsubscribe();
    assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");
    farewell(&mut stage, &old);
    stage.pass_secs(100);
    assert!(stage.sent().is_none());
    assert_eq!(stage.engine.watches(), [stage.watch]);
    assert_eq!(stage.notify(Notify::of(&old, "")), 481);
}

/// SW-05, IMS-01: a core without registration is waited for; the old subscription is gone by then.
#[test]
fn to_a_core_that_is_still_registering() {
    let (mut stage, _) = Stage::active();
    let mut pending = registered();
    pending.state = rollmark_core::registration::RegistrationState::Pending;
    switch(&mut stage, Ims::default(), pending);
    let old = stage.expect();
    farewell(&mut stage, &old);
    stage.pass_secs(10);
    assert!(stage.sent().is_none());
    assert_eq!(stage.told(), ["stale switched", "stale not-registered"]);
    register(&mut stage, registered());
    stage.flow = Flow::Registered;
    stage.begin_with(&[1, 2]);
    no_moves(&stage.told());
}

/// SW-07, SW-13: a server that does not see off the old subscription is waited for in vain, and then forgotten.
#[test]
fn a_silent_old_server() {
    let (mut stage, first) = Stage::active();
    to_ims(&mut stage);
    stage.expect();
    stage.pass_secs(1);
    stage.begin_with(&[1, 2]);
    stage.pass_secs(40);
    assert_eq!(stage.notify(Notify::of(&first, &full(2, &[1, 2]))), 481);
}
