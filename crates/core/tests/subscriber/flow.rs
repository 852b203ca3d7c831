//! Flows that are lost at every point of a subscription: whatever may have gone with them is asked for again, one request
//! at a time (SUB-09, SUB-66, SEC-18).

use rollmark_core::engine::{FLOW_LOST_PAUSE_MAX, RESYNC_BACKOFF_FIRST, What};
use rollmark_core::host::{Fact, SendFailure};
use rollmark_core::subscription::{EndReason, Shown};

use crate::world::{ROOM, Sent, World, document, s};

fn lose_flow(world: &mut World) {
    world.engine.handle_fact(world.now, Fact::FlowLost);
}

/// A subscription with a refresh under way.
fn refreshing() -> (World, Sent, Sent) {
    let (mut world, first) = World::active();
    world.engine.refresh(world.now, world.id);
    let refresh = world.sent();
    (world, first, refresh)
}

fn life(sent: &Sent) -> &str {
    sent.get("Expires")
}

fn has_tag(sent: &Sent) -> bool {
    sent.get("To").contains(";tag=")
}

/// SUB-09: the answer to the refresh under way was on its way already, over the flow that was lost: its NOTIFY may have
/// gone with that, and the server does not know the new flow.
#[test]
fn a_refresh_that_was_answered_over_the_lost_flow_is_sent_once_more() {
    let (mut world, first, refresh) = refreshing();
    lose_flow(&mut world);
    lose_flow(&mut world);
    assert!(world.is_quiet(), "one at a time");
    world.respond(&refresh, 200, &[("Expires", "3600")]);
    world.pass(RESYNC_BACKOFF_FIRST);
    let again = world.sent();
    assert_eq!(again.get("Call-ID"), first.get("Call-ID"));
    assert_ne!(life(&again), "0");
    world.respond(&again, 200, &[("Expires", "3600")]);
    world.notify(&first, "active;expires=3600", &document(2), &[]);
    world.pass(FLOW_LOST_PAUSE_MAX * 4);
    assert!(world.is_quiet(), "once");
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
}

/// SUB-09: a refresh that fails with its flow is sent again by the new one, and that is all.
#[test]
fn a_refresh_that_is_lost_with_its_flow_is_sent_once_more() {
    let (mut world, first, refresh) = refreshing();
    lose_flow(&mut world);
    world.fail(&refresh, SendFailure::Unreachable);
    let again = world.sent();
    assert!(world.is_quiet(), "one at a time");
    world.respond(&again, 200, &[("Expires", "3600")]);
    world.notify(&first, "active;expires=3600", &document(2), &[]);
    world.pass(FLOW_LOST_PAUSE_MAX * 4);
    assert!(world.is_quiet(), "once");
}

/// SUB-09: an error that leaves the subscription as it is does not make up for what was lost.
#[test]
fn a_refresh_that_is_refused_makes_up_for_nothing() {
    let (mut world, first, refresh) = refreshing();
    lose_flow(&mut world);
    world.respond(&refresh, 500, &[]);
    world.pass(RESYNC_BACKOFF_FIRST);
    let again = world.sent();
    assert_eq!(again.get("Call-ID"), first.get("Call-ID"));
}

/// SUB-48, SUB-51: one refresh too many may meet a dialog that the server has ended meanwhile; a watch is neither lost nor
/// ended by that, whichever is seen first.
#[test]
fn a_refresh_that_crosses_the_end_of_the_dialog_does_no_harm() {
    for (state, end) in [
        ("terminated;reason=noresource", Some(EndReason::NoResource)),
        ("terminated;reason=deactivated", None),
        ("terminated;reason=timeout", None),
    ] {
        for refused_first in [true, false] {
            let (mut world, first, refresh) = refreshing();
            lose_flow(&mut world);
            world.respond(&refresh, 200, &[("Expires", "3600")]);
            world.pass(RESYNC_BACKOFF_FIRST);
            let again = world.sent();
            if refused_first {
                world.respond(&again, 481, &[]);
            }
            let answer = world.notify(&first, state, "", &[]);
            assert_eq!(answer.is_none(), refused_first, "its dialog is forgotten");
            if !refused_first {
                world.respond(&again, 481, &[]);
            }
            if !refused_first && end.is_some() {
                assert_eq!(world.ended(), end);
                assert!(world.is_quiet());
                continue;
            }
            // A new subscription; what is true of the conference comes out there.
            let anew = world.sent();
            assert!(world.is_quiet(), "one");
            assert_ne!(anew.get("Call-ID"), first.get("Call-ID"));
            assert_eq!(world.ended(), None);
            world.respond(&anew, 200, &[("Expires", "3600")]);
            world.notify(&anew, "active;expires=3600", &document(0), &[]);
            assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
            world.pass(FLOW_LOST_PAUSE_MAX * 4);
            assert!(world.is_quiet(), "what was lost before is no more");
        }
    }
}

/// SUB-09, SUB-25: the first NOTIFY may have gone with the flow; the dialog of the 2xx is asked for another.
#[test]
fn the_first_notify_may_be_what_was_lost() {
    for accepted_first in [true, false] {
        let mut world = World::with(
            |settings| settings.subscription.retry_unreachable = false,
            ROOM,
        );
        let first = world.sent();
        if accepted_first {
            world.respond(&first, 200, &[("Expires", "3600")]);
            lose_flow(&mut world);
        } else {
            lose_flow(&mut world);
            assert!(world.is_quiet(), "there is no dialog to ask in");
            world.respond(&first, 200, &[("Expires", "3600")]);
        }
        let refresh = world.sent();
        assert!(has_tag(&refresh));
        assert_eq!(refresh.get("Call-ID"), first.get("Call-ID"));
        world.respond(&refresh, 200, &[("Expires", "3600")]);
        world.notify(&first, "active;expires=3600", &document(1), &[]);
        assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
        world.pass(FLOW_LOST_PAUSE_MAX * 4);
        assert!(world.is_quiet());
    }
}

/// SUB-21: the same where the 2xx is what was lost.
#[test]
fn the_first_response_may_be_what_was_lost() {
    let mut world = World::new();
    let first = world.sent();
    lose_flow(&mut world);
    world.notify(&first, "active;expires=3600", &document(1), &[]);
    let refresh = world.sent();
    assert!(has_tag(&refresh));
    world.fail(&first, SendFailure::Unreachable);
    assert!(world.is_quiet());
    world.respond(&refresh, 200, &[("Expires", "3600")]);
    world.notify(&first, "active;expires=3600", &document(2), &[]);
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
}

/// SUB-42, SEC-18: a server that accepts, never notifies and breaks every connection ends the attempt by Timer N of its
/// first request, and a life of seconds does not put that off either.
#[test]
fn a_first_notify_that_never_comes_is_not_waited_for_without_end() {
    for (life, loses) in [("3600", true), ("8", false), ("8", true)] {
        let mut world = World::with(
            |settings| settings.subscription.retry_unreachable = false,
            ROOM,
        );
        let begun = world.now;
        let mut asked = 0;
        while world.ended().is_none() {
            while let Some(sent) = world.next() {
                asked += 1;
                world.respond(&sent, 200, &[("Expires", life)]);
                if loses {
                    lose_flow(&mut world);
                }
            }
            if world.ended().is_none() {
                world.wake();
            }
            assert!(world.now <= begun + s(32), "life {life}, loses {loses}");
        }
        assert_eq!(world.ended(), Some(EndReason::NoNotify));
        assert!(asked <= 16, "{asked}");
    }
}

/// SUB-66, SUB-67: the last NOTIFY may have gone with the flow: the end is said once more, and the 481 to that is the end.
#[test]
fn the_last_notify_may_be_what_was_lost() {
    for accepted_first in [true, false] {
        let (mut world, first) = World::active();
        world.engine.unsubscribe(world.now, world.id);
        let bye = world.sent();
        assert_eq!(life(&bye), "0");
        if accepted_first {
            world.respond(&bye, 200, &[("Expires", "0")]);
            lose_flow(&mut world);
        } else {
            lose_flow(&mut world);
            assert!(world.is_quiet(), "one at a time");
            world.respond(&bye, 200, &[("Expires", "0")]);
        }
        let again = world.sent();
        assert_eq!(life(&again), "0");
        assert_eq!(again.get("Call-ID"), first.get("Call-ID"));
        assert_eq!(world.ended(), None);
        world.respond(&again, 481, &[]);
        assert_eq!(world.ended(), Some(EndReason::Unsubscribed));
        assert!(world.is_quiet());
        assert_eq!(world.engine.poll_timeout(), None);
    }
}

/// SUB-66: a server that says nothing more holds nobody up for longer than Timer N, however often the flow is lost.
#[test]
fn an_end_that_is_said_again_ends_by_the_first_timer_n() {
    let (mut world, _) = World::active();
    world.engine.unsubscribe(world.now, world.id);
    let begun = world.now;
    while world.ended().is_none() {
        while let Some(sent) = world.next() {
            world.respond(&sent, 200, &[("Expires", "0")]);
            lose_flow(&mut world);
        }
        world.wake();
        assert!(world.now <= begun + s(32));
    }
    assert_eq!(world.ended(), Some(EndReason::Unsubscribed));
}

/// SUB-68: the end that waits for the first response is said by the new flow anyway.
#[test]
fn an_end_that_is_not_said_yet_is_said_once() {
    let mut world = World::new();
    let first = world.sent();
    world.engine.unsubscribe(world.now, world.id);
    lose_flow(&mut world);
    assert!(world.is_quiet());
    world.respond(&first, 200, &[("Expires", "3600")]);
    assert_eq!(life(&world.sent()), "0");
    assert!(world.is_quiet());
}

/// SUB-20, SEC-18: who waits to try again asks at his time, and once.
#[test]
fn a_loss_while_an_attempt_is_waited_for_changes_nothing() {
    let mut world = World::new();
    let first = world.sent();
    world.respond(&first, 503, &[("Retry-After", "40")]);
    let began = world.now;
    lose_flow(&mut world);
    assert!(world.is_quiet());
    world.wake();
    assert!(world.now >= began + s(40));
    let again = world.sent();
    world.respond(&again, 200, &[("Expires", "3600")]);
    world.notify(&again, "active;expires=3600", &document(1), &[]);
    world.pass(FLOW_LOST_PAUSE_MAX * 4);
    assert!(world.is_quiet());
}

/// SUB-66, SUB-67: a refresh that the end overtakes is refused by the server, which has ended it; that refusal is no news.
#[test]
fn a_refresh_that_the_end_overtakes_says_nothing_about_it() {
    let (mut world, first, refresh) = refreshing();
    world.engine.unsubscribe(world.now, world.id);
    let bye = world.sent();
    world.respond(&bye, 200, &[("Expires", "0")]);
    world.respond(&refresh, 481, &[]);
    assert_eq!(world.ended(), None, "the last NOTIFY is still to come");
    world.notify(&first, "terminated;reason=timeout", "", &[]);
    let end = world.told.last();
    assert!(
        matches!(
            end,
            Some(What::Ended {
                reason: EndReason::Unsubscribed,
                status: None
            })
        ),
        "{end:?}"
    );
}

/// SEC-18: a message that the host could not take is told, once, and changes nothing else.
#[test]
fn a_message_too_large_for_the_host_is_told() {
    let (mut world, _) = World::active();
    let codes = |world: &World| {
        let code = |what: &What| match what {
            What::Deviation { code, .. } => Some(code.as_str()),
            _ => None,
        };
        world.told.iter().filter_map(code).collect::<Vec<_>>()
    };
    let before = codes(&world).len();
    for _ in 0..2 {
        world.engine.handle_fact(world.now, Fact::TooLarge);
    }
    world.pass(FLOW_LOST_PAUSE_MAX);
    assert!(world.is_quiet());
    assert_eq!(codes(&world)[before..], ["message-too-large"]);
}
