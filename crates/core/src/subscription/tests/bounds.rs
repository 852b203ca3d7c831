//! Bounds of the subscriber: lives, pauses, doubts, one attempt only (SUB-17, SUB-18, SUB-47, SUB-69, SEC-18).

use super::*;

/// SUB-47, SEC-18: whatever life is granted, the refresh comes before its end, or after the shortest pause there is.
#[test]
fn a_refresh_is_early_but_not_a_flood() {
    for life in [0, 1, 2, 5, 6, 7, 30, 1199, 1200, 1201, 3600] {
        let mut world = World::new(Settings::default());
        world.steps();
        world.respond(Purpose::Initial, 200, &[("expires", life)]);
        world.notify("active");
        world.steps();
        let slept = world.wake();
        assert!(slept >= REFRESH_PAUSE_MIN, "{life}: {slept:?}");
        let end = s(u64::from(life)).max(LIFE_MIN);
        assert!(slept < end, "{life}: {slept:?}");
        assert_eq!(world.acts(), [Step::Refresh { expires: 3600 }], "{life}");
    }
}

/// SUB-47: a thousand subscriptions made at one moment are not refreshed at one moment.
#[test]
fn refreshes_are_spread() {
    let mut random = Random::new([9; 32]);
    let mut times: Vec<Duration> = (0..1000)
        .map(|_| {
            let settings = Arc::new(Settings::default());
            let mut one = Subscription::new(settings, HostKind::Transaction, 3600);
            one.start(s(0));
            let state = SubscriptionState::parse("active;expires=3600").unwrap();
            one.handle_notify(s(0), &state, &mut random);
            one.poll_timeout().unwrap()
        })
        .collect();
    times.sort_unstable();
    let (first, last) = (times[0], times[999]);
    assert!(
        last <= s(3000) && last - first > s(100),
        "{first:?} {last:?}"
    );
    times.dedup();
    assert!(times.len() > 900);
}

/// SUB-18, SUB-49: an error with Retry-After on a refresh puts off the next try, in time and beyond the end.
#[test]
fn retry_after_on_a_refresh_is_heeded() {
    for (retry_after, pause) in [(10, None), (500, Some(500)), (5000, Some(5000))] {
        let mut world = World::active();
        world.wake();
        world.steps();
        let from = world.now;
        world.respond(Purpose::Refresh, 503, &[("retry-after", retry_after)]);
        let asked = loop {
            world.wake();
            let acts = world.acts();
            if acts.iter().any(|step| *step != Step::Forget) {
                break acts;
            }
        };
        let waited = world.now - from;
        match pause {
            // Half of what is left is later than what the server asks for.
            None => assert!(waited > s(250), "{waited:?}"),
            Some(pause) => assert!(waited >= s(pause), "{waited:?}"),
        }
        let anew = asked == [Step::Subscribe { expires: 3600 }];
        assert_eq!(anew, retry_after == 5000, "{asked:?}");
    }
}

/// SUB-49: the tries of a refresh that fails come closer to each other, never closer than the shortest pause.
#[test]
fn a_refresh_that_keeps_failing_is_tried_within_its_life() {
    let mut world = World::active();
    let mut tries = 0;
    let end = world.now + s(3600);
    loop {
        let slept = world.wake();
        let acts = world.acts();
        if acts.first() != Some(&Step::Refresh { expires: 3600 }) {
            assert_eq!(acts, [Step::Forget, Step::Subscribe { expires: 3600 }]);
            break;
        }
        assert!(slept >= REFRESH_PAUSE_MIN, "{slept:?}");
        tries += 1;
        world.respond(Purpose::Refresh, 500, &[]);
    }
    assert_eq!(world.now, end);
    assert!((5..15).contains(&tries), "{tries} tries");
}

/// Ambiguity 11 of SUB-49: 403 on a refresh is tried once more at half of what is left, and a 2xx in between forgets it.
#[test]
fn a_forbidden_refresh_is_tried_once_more() {
    let mut world = World::active();
    world.wake();
    world.steps();
    let left = world.subscription.remaining(world.now).unwrap();
    world.respond(Purpose::Refresh, 403, &[]);
    assert_eq!(world.acts(), []);
    assert_eq!(world.wake(), left / 2);
    world.steps();
    world.respond(Purpose::Refresh, 200, &[]);
    world.notify("active;expires=3600");
    world.wake();
    world.steps();
    world.respond(Purpose::Refresh, 403, &[]);
    assert!(!world.subscription.is_ended(), "the first since a success");
}

/// SUB-17: a doubt is settled by the refresh that it brings about.
#[test]
fn a_doubt_is_settled_by_a_refresh() {
    for (status, end) in [
        (200, None),
        (404, Some(EndReason::NotFound)),
        (603, Some(EndReason::Refused)),
    ] {
        let mut world = World::new(Settings::default());
        world.notify("active;expires=600");
        world.steps();
        world.subscription.doubt(world.now);
        assert_eq!(world.acts(), [Step::Refresh { expires: 3600 }]);
        world.respond(Purpose::Refresh, status, &[]);
        match end {
            None => assert_eq!(world.subscription.shown(), Shown::Active),
            Some(reason) => assert_eq!(world.acts(), [Step::Forget, Step::Ended(reason)]),
        }
    }
    // A server that is silent has lost it.
    let mut world = World::new(Settings::default());
    world.notify("active;expires=600");
    world.subscription.doubt(world.now);
    world.steps();
    assert_eq!(world.wake(), s(32));
    assert_eq!(world.acts().first(), Some(&Step::Forget));
}

/// SUB-69: a fetch makes one attempt, whatever becomes of it.
#[test]
fn a_fetch_is_one_attempt() {
    let fetch = || {
        let settings = Arc::new(Settings::default());
        let mut world = World::new(Settings::default());
        world.subscription = Subscription::once(settings, HostKind::Transaction);
        world.subscription.start(world.now);
        assert_eq!(world.acts(), [Step::Subscribe { expires: 0 }]);
        world
    };
    let table = [
        ("timeout", EndReason::Fetched),
        ("deactivated", EndReason::Fetched),
        ("xyz", EndReason::Fetched),
        ("rejected", EndReason::Rejected),
        ("noresource", EndReason::NoResource),
    ];
    for (reason, end) in table {
        let mut world = fetch();
        world.respond(Purpose::Initial, 200, &[("expires", 0)]);
        world.notify(&alloc::format!("terminated;reason={reason};retry-after=1"));
        assert_eq!(world.acts(), [Step::Forget, Step::Ended(end)], "{reason}");
        assert_eq!(world.subscription.poll_timeout(), None);
    }
    for (cause, end) in [
        (Cause::NoAnswer, EndReason::NoAnswer),
        (Cause::Unreachable, EndReason::Unreachable),
    ] {
        let mut world = fetch();
        let now = world.now;
        world
            .subscription
            .handle_failure(now, Purpose::Initial, cause, &mut world.random);
        assert_eq!(world.acts(), [Step::Forget, Step::Ended(end)]);
    }
    // It asks for nothing more while it is there.
    let mut world = fetch();
    world.notify("active;expires=600");
    assert!(!world.subscription.refresh_now(world.now));
    world.subscription.unsubscribe(world.now);
    assert_eq!(world.acts(), [Step::Unsubscribe]);
}

/// SUB-55, SUB-59, SUB-60: over whatever else it says; at once after a time-out, with back-off when given up.
#[test]
fn terminated_is_terminated() {
    let mut world = World::active();
    world.notify("terminated;reason=timeout;expires=500;retry-after=99");
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Subscribe { expires: 3600 }]
    );
    let mut world = World::active();
    world.notify("terminated;reason=giveup");
    assert_eq!(world.acts(), [Step::Forget]);
    let slept = world.wake();
    assert!(
        slept > Duration::ZERO && slept <= BACKOFF_FIRST,
        "{slept:?}"
    );
    assert_eq!(world.acts(), [Step::Subscribe { expires: 3600 }]);
}

/// SUB-54: what waits for permission is pending until it is told otherwise, over refreshes too.
#[test]
fn pending_stays_pending() {
    let mut world = World::new(Settings::default());
    world.respond(Purpose::Initial, 202, &[("expires", 600)]);
    world.notify("pending;expires=600");
    world.wake();
    world.steps();
    world.respond(Purpose::Refresh, 202, &[]);
    world.notify("pending");
    assert_eq!(world.subscription.shown(), Shown::Pending);
    world.notify("terminated;reason=rejected");
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Ended(EndReason::Rejected)]
    );
}

/// SUB-21: where a NOTIFY has made the subscription, a 2xx that is lost on the way changes nothing; a refresh that nobody
/// answers does.
#[test]
fn a_lost_response_matters_only_where_nothing_was_heard() {
    let mut world = World::new(Settings::default());
    world.notify("active;expires=3600");
    world.steps();
    world.subscription.handle_failure(
        world.now,
        Purpose::Initial,
        Cause::NoAnswer,
        &mut world.random,
    );
    assert_eq!(world.steps(), []);
    assert!(world.subscription.is_live() && world.subscription.expects_notify());
    world.wake();
    assert!(matches!(
        world.acts()[..],
        [Step::Refresh { expires: 3600 }]
    ));
    assert!(world.subscription.is_refreshing());
    world.subscription.handle_failure(
        world.now,
        Purpose::Refresh,
        Cause::NoAnswer,
        &mut world.random,
    );
    assert!(world.acts().contains(&Step::Subscribe { expires: 3600 }));
    assert!(!world.subscription.is_live() && !world.subscription.is_refreshing());
}

/// SUB-18, SUB-54: what others ask of a subscription is what it is: its life, its pause, whether a NOTIFY may come.
#[test]
fn it_says_what_it_is() {
    let mut world = World::active();
    assert_eq!(world.subscription.asked(), 3600);
    assert_eq!(world.subscription.not_before(), Duration::ZERO);
    world.wake();
    world.respond(Purpose::Refresh, 503, &[("retry-after", 40)]);
    assert_eq!(world.subscription.not_before(), world.now + s(40));
    world.notify("terminated;reason=noresource");
    assert!(!world.subscription.is_live() && !world.subscription.expects_notify());
}

/// SUB-52: a NOTIFY stands for a response that the host does not show.
#[test]
fn a_notify_stands_for_a_response_that_is_not_shown() {
    let mut world = World::active();
    world.subscription.responded();
    assert!(world.subscription.can_ask(), "nothing was under way");
    world.subscription.ask_anew(world.now);
    assert!(!world.subscription.can_ask(), "one at a time");
    world.subscription.responded();
    assert!(world.subscription.can_ask());
}
