//! Timers, refreshes and ends of a subscription (RFC 6665 §4.1.2, §4.1.3, §4.4).

use std::time::Duration;

use rollmark_core::engine::Engine;
use rollmark_core::host::SendFailure;
use rollmark_core::subscription::Shown;
use rollmark_tests::world::stage::{Notify, Stage, full, partial};

/// The word for an end, or the seconds to the next attempt: from, to.
type Then = Result<&'static str, (u64, u64)>;

/// SUB-41, SUB-42: Timer N is 64 times the host's T1; without a NOTIFY by then the attempt has failed.
#[test]
fn no_notify_until_timer_n_is_a_failed_attempt() {
    for (t1, timer_n) in [(500, 32), (2000, 128)] {
        let mut stage = Stage::with(|s| s.subscription.t1 = Duration::from_millis(t1));
        let first = stage.expect();
        stage.respond(&first, 202, &[("Expires", "3600")]);
        assert_eq!(stage.wake().as_secs(), timer_n);
        assert_eq!(stage.notify(Notify::of(&first, &full(1, &[1]))), 481);
        let told = stage.told();
        assert!(
            told.iter().any(|told| told.ends_with("no-notify")),
            "{told:?}"
        );
        stage.pass_secs(2);
        let again = stage.expect();
        assert_ne!(again.get("Call-ID"), first.get("Call-ID"));
    }
}

/// SUB-41, SUB-43: the same after a refresh, although it was granted.
#[test]
fn no_notify_after_a_refresh_is_a_lost_subscription() {
    let (mut stage, first) = Stage::active();
    stage.wake();
    let refresh = stage.expect();
    stage.respond(&refresh, 200, &[("Expires", "3600")]);
    assert_eq!(stage.wake().as_secs(), 32);
    assert_eq!(stage.shown(), Shown::Subscribing);
    let again = stage.expect();
    assert!(again.is_initial() && again.get("Call-ID") != first.get("Call-ID"));
    assert_eq!(stage.users().len(), 2, "what was known is still shown");
}

/// SUB-44, SUB-73: a refresh names the state that is held; 204 says that nothing changed, and no NOTIFY is awaited.
#[test]
fn a_204_stops_timer_n_and_leaves_everything_as_it_was() {
    let mut stage = Stage::with(|s| s.subscription.suppress = true);
    let first = stage.expect();
    stage.respond(&first, 200, &[("Expires", "3600")]);
    stage.notify(Notify::of(&first, &full(1, &[1, 2])).and("SIP-ETag", "abc"));
    stage.told();
    stage.wake();
    let refresh = stage.expect();
    assert_eq!(refresh.get("Suppress-If-Match"), "abc");
    stage.respond(&refresh, 204, &[("Expires", "3600")]);
    stage.pass_secs(1800);
    assert_eq!((stage.shown(), stage.users().len()), (Shown::Active, 2));
    assert_eq!(stage.told(), Vec::<String>::new());
}

/// SUB-45…47: the life is that of the 2xx, shortened and never lengthened by NOTIFYs, and refreshed in time.
#[test]
fn the_life_is_granted_shortened_and_refreshed_in_time() {
    // (Expires of the 2xx, Subscription-State, seconds to the refresh at most, at least)
    for (granted, state, most, least) in [
        ("3600", "active", 3000, 2850),
        ("99999", "active", 3000, 2850),
        ("3600", "active;expires=600", 300, 285),
        ("3600", "active;expires=99999", 3000, 2850),
        ("1200", "active;expires=3600", 600, 570),
        ("", "active;expires=1300", 700, 665),
    ] {
        let mut stage = Stage::new();
        let first = stage.expect();
        stage.respond(&first, 200, &[("Expires", granted)]);
        stage.notify(Notify::of(&first, &full(1, &[1])).state(state));
        let slept = stage.wake().as_secs();
        assert!(
            (least..=most).contains(&slept),
            "{granted} {state}: {slept}"
        );
        assert!(!stage.expect().is_initial());
    }
}

/// SUB-48, SUB-51: exactly these answers to a refresh end the subscription; what follows has nothing of the old dialog.
#[test]
fn some_errors_to_a_refresh_end_the_subscription() {
    for status in [
        404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
    ] {
        let (mut stage, first) = Stage::active();
        stage.notify(Notify::of(&first, "").and("Record-Route", "<sip:p@192.0.2.11;lr>"));
        stage.wake();
        let refresh = stage.expect();
        stage.respond(&refresh, status, &[]);
        assert_ne!(stage.shown(), Shown::Active, "{status}");
        assert_eq!(stage.notify(Notify::of(&first, "")), 481, "{status}");
        if stage.engine.poll_timeout().is_some() {
            stage.pass_secs(2);
            let again = stage.expect();
            assert_ne!(again.get("Call-ID"), first.get("Call-ID"), "{status}");
            assert_ne!(again.get("From"), first.get("From"), "{status}");
            assert!(again.is_initial() && again.routes().is_empty(), "{status}");
        }
    }
}

/// SUB-49: any other error leaves it as it is until it expires, and is tried again before.
#[test]
fn other_errors_to_a_refresh_leave_it_alive() {
    for status in [400, 403, 500, 503, 600] {
        let (mut stage, first) = Stage::active();
        stage.wake();
        let refresh = stage.expect();
        stage.respond(&refresh, status, &[]);
        assert_eq!(stage.shown(), Shown::Active, "{status}");
        assert_eq!(stage.notify(Notify::of(&first, &partial(2, &[3]))), 200);
        let slept = stage.wake().as_secs();
        assert!(slept < 600, "{status}: {slept}");
        let again = stage.expect();
        assert!(!again.is_initial());
        stage.respond(&again, 200, &[("Expires", "3600")]);
        stage.notify(Notify::of(&first, ""));
        assert_eq!(stage.shown(), Shown::Active);
    }
}

/// SUB-50: a refresh that nobody answers ends the dialog, and a new one is tried.
#[test]
fn a_refresh_without_answer_leads_to_a_new_subscription() {
    for timed_out in [true, false] {
        let (mut stage, first) = Stage::active();
        stage.wake();
        let refresh = stage.expect();
        if timed_out {
            stage.fail(&refresh, SendFailure::NoAnswer);
        } else {
            stage.respond(&refresh, 408, &[]);
        }
        stage.pass_secs(2);
        let again = stage.expect();
        assert!(again.is_initial() && again.get("Call-ID") != first.get("Call-ID"));
    }
}

/// SUB-53: reason and retry-after mean nothing while it is active.
#[test]
fn an_active_state_has_no_reason() {
    let (mut stage, first) = Stage::active();
    let state = "active;reason=rejected;retry-after=10;expires=3000";
    assert_eq!(stage.notify(Notify::of(&first, "").state(state)), 200);
    assert_eq!(stage.shown(), Shown::Active);
    assert_eq!(stage.told(), Vec::<String>::new());
}

/// SUB-54: pending is shown as such, and the roster is unknown, not empty.
#[test]
fn pending_waits_for_permission_without_a_roster() {
    let mut stage = Stage::new();
    let first = stage.expect();
    stage.respond(&first, 202, &[("Expires", "3600")]);
    stage.notify(Notify::of(&first, "").state("pending;expires=3600"));
    let state = stage.engine.state(stage.watch).unwrap();
    assert_eq!(
        (state.shown, state.roster.as_str()),
        (Shown::Pending, "none")
    );
    assert!(!stage.told().iter().any(|told| told.starts_with("roster")));
    stage.notify(Notify::of(&first, &full(1, &[1])).state("active"));
    assert_eq!(stage.told(), ["active", "roster 1"]);
}

/// SUB-55…64, SEC-04, OMA-19, OMA-38: what follows each reason: an end with its word, or a new dialog after so long.
#[test]
fn every_reason_of_terminated_has_its_rule() {
    let rows: [(&str, Then); 14] = [
        ("terminated;expires=500;reason=noresource", Ok("noresource")),
        ("terminated;reason=rejected;retry-after=1", Ok("rejected")),
        (
            "terminated;reason=noresource;retry-after=1",
            Ok("noresource"),
        ),
        ("terminated;reason=invariant;retry-after=1", Ok("invariant")),
        ("Terminated ; Reason=NoResource", Ok("noresource")),
        ("terminated;reason=deactivated", Err((0, 0))),
        (
            "terminated;reason=deactivated;retry-after=3600",
            Err((0, 0)),
        ),
        ("terminated;reason=timeout;retry-after=3600", Err((0, 0))),
        ("terminated;reason=probation;retry-after=10", Err((10, 10))),
        ("terminated;reason=probation", Err((0, 2))),
        ("terminated;reason=giveup;retry-after=10", Err((10, 10))),
        ("terminated;reason=giveup", Err((0, 2))),
        ("terminated;reason=xyz;retry-after=5", Err((5, 5))),
        ("terminated;retry-after=5", Err((5, 5))),
    ];
    for (state, expected) in rows {
        let (mut stage, first) = Stage::active();
        stage.pass_secs(70);
        let notify = Notify::of(&first, &partial(2, &[3])).state(state);
        assert_eq!(stage.notify(notify), 200, "{state}");
        assert_eq!(stage.users().len(), 3, "{state}: the last body counts");
        assert_eq!(stage.notify(Notify::of(&first, "")), 481, "{state}");
        match expected {
            Ok(reason) => {
                let ended = format!("ended {reason}");
                assert_eq!(stage.told().last(), Some(&ended), "{state}");
                assert_eq!(stage.engine.poll_timeout(), None, "{state}");
            }
            Err((from, to)) => {
                let mut slept = 0;
                let again = match stage.sent() {
                    Some(again) => again,
                    None => {
                        slept = stage.wake().as_secs();
                        stage.expect()
                    }
                };
                assert!((from..=to).contains(&slept), "{state}: {slept}");
                assert!(again.is_initial() && again.get("Call-ID") != first.get("Call-ID"));
            }
        }
    }
}

/// SUB-56, SEC-18: `deactivated` over and over is followed at growing distances only.
#[test]
fn deactivated_again_and_again_backs_off() {
    let (mut stage, first) = Stage::active();
    stage.notify(Notify::of(&first, "").state("terminated;reason=deactivated"));
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let slept = match stage.sent() {
            Some(sent) => {
                stage.respond(&sent, 200, &[("Expires", "3600")]);
                stage.notify(Notify::of(&sent, "").state("terminated;reason=deactivated"));
                continue;
            }
            None => stage.wake(),
        };
        pauses.push(slept);
    }
    assert!(
        pauses.windows(2).all(|pair| pair[0] < pair[1]),
        "{pauses:?}"
    );
    assert!(!pauses.is_empty());
}

/// SUB-59, SUB-66, OMA-18: `timeout` after our own Expires: 0 is the end that was asked for; with a body or without.
#[test]
fn an_unsubscription_lives_until_the_last_notify() {
    for body in [String::new(), partial(2, &[3])] {
        let (mut stage, first) = Stage::active();
        stage.unsubscribe();
        let last = stage.expect();
        assert_eq!(last.get("Expires"), "0");
        stage.respond(&last, 200, &[("Expires", "0")]);
        assert!(!stage.told().iter().any(|told| told.starts_with("ended")));
        let notify = Notify::of(&first, &body).state("terminated;reason=timeout");
        assert_eq!(stage.notify(notify), 200);
        assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");
        assert_eq!(stage.users().len(), if body.is_empty() { 2 } else { 3 });
        assert!(stage.sent().is_none() && stage.engine.poll_timeout().is_none());
    }
    // Without the last NOTIFY it ends after Timer N.
    let (mut stage, _) = Stage::active();
    stage.unsubscribe();
    let last = stage.expect();
    stage.respond(&last, 200, &[]);
    assert_eq!(stage.wake().as_secs(), 32);
    assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");
}

/// SUB-67: 481 to it says that it was over already.
#[test]
fn an_unsubscription_that_comes_too_late_is_an_end() {
    let (mut stage, _) = Stage::active();
    stage.unsubscribe();
    let last = stage.expect();
    stage.respond(&last, 481, &[]);
    assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");
}

/// SUB-68: an unsubscription that comes before there is a dialog is sent once there is one.
#[test]
fn an_unsubscription_is_remembered_until_there_is_a_dialog() {
    let mut stage = Stage::new();
    let first = stage.expect();
    stage.pass(Duration::from_millis(10));
    stage.unsubscribe();
    assert!(stage.sent().is_none());
    stage.respond(&first, 200, &[("Expires", "3600")]);
    assert_eq!(stage.notify(Notify::of(&first, &full(1, &[1]))), 200);
    let last = stage.expect();
    assert!(!last.is_initial() && last.get("Expires") == "0");
    assert!(stage.sent().is_none());
}

/// SUB-69, SUB-26: a fetch asks once with Expires: 0, shows what comes, and is over.
#[test]
fn a_fetch_shows_the_state_once() {
    let (mut stage, _) = Stage::active();
    let account = stage.account;
    let id =
        stage.on(|engine, now, _| engine.fetch(now, account, "sip:other@example.org").unwrap());
    let fetch = stage.expect();
    assert!(fetch.is_initial() && fetch.get("Expires") == "0");
    stage.respond(&fetch, 200, &[("Expires", "0")]);
    let notify = Notify::of(&fetch, &full(1, &[4])).state("terminated;reason=timeout");
    assert_eq!(stage.notify(notify.with("CSeq", "7 NOTIFY")), 200);
    let roster = stage.engine.roster(id).unwrap();
    assert_eq!(roster.rows().count(), 1);
    let told = stage.told();
    assert!(told.last().unwrap().starts_with("ended "), "{told:?}");
    assert!(stage.sent().is_none());
}

/// SUB-70: the whole state can be asked for at any time without changing the life.
#[test]
fn full_state_can_be_asked_for_at_any_time() {
    let (mut stage, first) = Stage::active();
    stage.pass_secs(100);
    stage.on(Engine::refresh);
    let refresh = stage.expect();
    assert!(!refresh.is_initial());
    let expires: u32 = refresh.get("Expires").parse().unwrap();
    assert!((3000..=3600).contains(&expires), "{expires}");
    stage.respond(&refresh, 200, &[("Expires", "3600")]);
    stage.notify(Notify::of(&first, &full(9, &[1])));
    assert_eq!(stage.users().len(), 1);
}

/// SUB-65: tokens are compared without case; a state that nobody knows keeps the subscription and is told.
#[test]
fn an_unknown_state_is_told_and_ends_nothing() {
    let (mut stage, first) = Stage::active();
    assert_eq!(
        stage.notify(Notify::of(&first, "").state("ACTIVE;Expires=3000")),
        200
    );
    assert_eq!(stage.shown(), Shown::Active);
    assert_eq!(
        stage.notify(Notify::of(&first, &partial(2, &[3])).state("on-ice")),
        200
    );
    assert_ne!(stage.shown(), Shown::Terminated);
    assert_eq!(stage.users().len(), 3);
    let told = stage.told();
    assert!(
        told.contains(&"deviation unknown-state".to_string()),
        "{told:?}"
    );
}

/// SUB-72: a rate is asked for when configured, and what the notifier says of it is read.
#[test]
fn a_rate_is_asked_for_and_read_back() {
    let rate = rollmark_core::header::Rate::parse("0.2").unwrap();
    let mut stage = Stage::with(|s| s.subscription.max_rate = Some(rate));
    let first = stage.expect();
    assert_eq!(first.get("Event"), "conference;max-rate=0.2");
    stage.respond(&first, 200, &[("Expires", "3600")]);
    let state = "active;expires=3600;max-rate=0.1";
    assert_eq!(
        stage.notify(Notify::of(&first, &full(1, &[1])).state(state)),
        200
    );
    let rates = stage.engine.rates(stage.watch).unwrap();
    assert!(format!("{rates:?}").contains("max"), "{rates:?}");
}

/// SW-13: at a stop with a server that is silent everything is over in the time given.
#[test]
fn a_stop_waits_no_longer_than_it_was_told() {
    let (mut stage, _) = Stage::active();
    stage.on(|engine, now, _| engine.stop(now, Duration::from_secs(3)));
    assert_eq!(stage.expect().get("Expires"), "0");
    stage.pass_secs(3);
    assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");
    stage.on(|engine, _, watch| engine.remove(watch));
    assert!(stage.engine.watches().is_empty() && stage.engine.poll_timeout().is_none());
}

/// SW-13, SW-14: full state was still to be asked for when it ended in a sleep: no timer is left of it.
#[test]
fn no_timer_is_left_of_what_has_ended() {
    let (mut stage, first) = Stage::active();
    for _ in 0..6 {
        stage.notify(Notify::of(&first, "<"));
        if let Some(refresh) = stage.sent() {
            stage.respond(&refresh, 200, &[("Expires", "3600")]);
            stage.notify(Notify::of(&first, "<"));
        }
    }
    stage.unsubscribe();
    stage.now += Duration::from_secs(600);
    stage.on(|engine, now, _| engine.handle_timeout(now));
    assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");
    assert_eq!(stage.engine.poll_timeout(), None);
}

/// SW-14: after a sleep it is refreshed if it still lives, and made anew if it does not.
#[test]
fn a_clock_that_jumps_leads_to_a_refresh_or_a_new_subscription() {
    for (slept, lives) in [(3300, true), (7200, false)] {
        let (mut stage, first) = Stage::active();
        stage.jump(Duration::from_secs(slept));
        let next = stage.expect();
        assert_eq!(next.is_initial(), !lives, "{slept}");
        assert_eq!(
            next.get("Call-ID") == first.get("Call-ID"),
            lives,
            "{slept}"
        );
        assert_eq!(stage.users().len(), 2);
    }
}
