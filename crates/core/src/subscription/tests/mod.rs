//! Scenarios of the subscriber on a simulated clock (RFC 6665 §4.1; SUB-…).

mod bounds;

use alloc::vec::Vec;

use super::*;
use alloc::sync::Arc;

use crate::header::SubscriptionState;
use crate::host::HostKind;

struct World {
    subscription: Subscription,
    random: Random,
    now: Duration,
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    fn new(settings: Settings) -> Self {
        let mut world = Self {
            subscription: Subscription::new(
                Arc::new(settings.clone()),
                HostKind::Transaction,
                settings.expires,
            ),
            random: Random::new([3; 32]),
            now: s(1000),
        };
        world.subscription.start(world.now);
        world
    }

    /// Subscribed and active for as long as asked.
    fn active() -> Self {
        let mut world = Self::new(Settings::default());
        world.steps();
        world.respond(Purpose::Initial, 200, &[]);
        world.notify("active;expires=3600");
        world.steps();
        world
    }

    fn steps(&mut self) -> Vec<Step> {
        core::iter::from_fn(|| self.subscription.poll_step()).collect()
    }

    /// Steps but for changes of what is shown.
    fn acts(&mut self) -> Vec<Step> {
        let mut steps = self.steps();
        steps.retain(|step| !matches!(step, Step::Changed { .. }));
        steps
    }

    fn respond(&mut self, purpose: Purpose, status: u16, values: &[(&str, u32)]) {
        let value = |name| values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let answer = Answered {
            status,
            expires: value("expires"),
            min_expires: value("min-expires"),
            retry_after: value("retry-after"),
            suppressed: false,
        };
        self.subscription
            .handle_response(self.now, purpose, answer, &mut self.random);
    }

    fn notify(&mut self, state: &str) {
        let state = SubscriptionState::parse(state).unwrap();
        self.subscription
            .handle_notify(self.now, &state, &mut self.random);
    }

    /// Lets time pass until the subscriber wakes up; gives how long that was.
    fn wake(&mut self) -> Duration {
        let at = self.subscription.poll_timeout().unwrap();
        assert!(at >= self.now, "a timer in the past");
        let slept = at - self.now;
        self.now = at;
        self.subscription.handle_timeout(at, &mut self.random);
        slept
    }
}

/// SUB-03, SUB-21, OMA-11: a NOTIFY may come before the 2xx, and 202 is as good as 200.
#[test]
fn a_notify_before_the_response_makes_it_active() {
    for status in [200, 202] {
        let mut world = World::new(Settings::default());
        assert_eq!(world.acts(), [Step::Subscribe { expires: 3600 }]);
        world.notify("active;expires=600");
        assert_eq!(world.subscription.shown(), Shown::Active);
        world.respond(Purpose::Initial, status, &[("expires", 3600)]);
        assert_eq!(world.acts(), []);
        // SUB-45: the life that the NOTIFY gave stands.
        assert!(world.subscription.remaining(world.now) == Some(s(600)));
    }
}

/// SUB-47: 600 s before the end of a long life, half-way through a short one; never late.
#[test]
fn the_refresh_comes_in_time() {
    for (life, earliest, latest) in [(3600, 2850, 3000), (900, 427, 450), (8, 3, 4)] {
        let mut world = World::new(Settings::default());
        world.respond(Purpose::Initial, 200, &[("expires", life)]);
        world.notify("active");
        world.steps();
        let slept = world.wake();
        assert!(
            slept >= s(earliest) && slept <= s(latest),
            "{life}: {slept:?}"
        );
        assert_eq!(world.acts(), [Step::Refresh { expires: 3600 }]);
    }
}

/// SUB-46: a longer life told by a NOTIFY does not postpone the refresh; a shorter one counts.
#[test]
fn a_notify_can_only_shorten_the_life() {
    let mut world = World::new(Settings::default());
    world.respond(Purpose::Initial, 200, &[("expires", 600)]);
    world.notify("active;expires=99999");
    assert_eq!(world.subscription.remaining(world.now), Some(s(600)));
    world.notify("active;expires=60");
    assert_eq!(world.subscription.remaining(world.now), Some(s(60)));
}

/// A refresh gives a whole new life, whichever of 2xx and NOTIFY comes first.
#[test]
fn a_refresh_gives_a_new_life() {
    for notify_first in [true, false] {
        let mut world = World::active();
        world.wake();
        world.steps();
        if notify_first {
            world.notify("active;expires=3600");
            world.respond(Purpose::Refresh, 200, &[("expires", 3600)]);
        } else {
            world.respond(Purpose::Refresh, 200, &[("expires", 3600)]);
            world.notify("active;expires=3600");
        }
        assert_eq!(world.subscription.remaining(world.now), Some(s(3600)));
        assert_eq!(world.acts(), []);
    }
}

/// SUB-41, SUB-42: accepted, and no NOTIFY within 64*T1: the attempt has failed.
#[test]
fn timer_n_ends_an_attempt_without_notify() {
    let mut world = World::new(Settings::default());
    world.steps();
    world.respond(Purpose::Initial, 202, &[("expires", 3600)]);
    assert_eq!(world.wake(), s(32));
    assert_eq!(world.acts(), [Step::Forget]);
    assert_eq!(world.subscription.shown(), Shown::Subscribing);
    world.wake();
    assert_eq!(world.acts(), [Step::Subscribe { expires: 3600 }]);
}

/// SUB-43: a refresh answered 200 but without NOTIFY is a lost subscription.
#[test]
fn timer_n_ends_a_refreshed_subscription_without_notify() {
    let mut world = World::active();
    world.wake();
    world.steps();
    world.respond(Purpose::Refresh, 200, &[("expires", 3600)]);
    assert_eq!(world.wake(), s(32));
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Subscribe { expires: 3600 }]
    );
}

/// SUB-10: 423 is followed once with what the server asks for; a second one, or one without Min-Expires, fails.
#[test]
fn interval_too_brief_is_followed_once() {
    let mut world = World::new(Settings {
        expires: 600,
        ..Settings::default()
    });
    world.steps();
    world.respond(Purpose::Initial, 423, &[("min-expires", 1800)]);
    assert_eq!(world.acts(), [Step::SubscribeAgain { expires: 1800 }]);
    world.respond(Purpose::Initial, 423, &[("min-expires", 3600)]);
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Ended(EndReason::IntervalTooBrief)]
    );

    let mut world = World::new(Settings::default());
    world.steps();
    world.respond(Purpose::Initial, 423, &[]);
    assert!(world.subscription.is_ended());
}

/// OMA-30…32, SUB-14, SUB-15, SUB-18: what an error to the first SUBSCRIBE means.
#[test]
fn errors_to_the_first_subscribe() {
    let table = [
        (401, Some(EndReason::AuthenticationFailed)),
        (403, Some(EndReason::Forbidden)),
        (404, Some(EndReason::NotFound)),
        (406, Some(EndReason::Unsupported)),
        (489, Some(EndReason::Unsupported)),
        (302, Some(EndReason::Redirected)),
        (603, Some(EndReason::Refused)),
        (480, None),
        (500, None),
        (503, None),
    ];
    for (status, end) in table {
        let mut world = World::new(Settings::default());
        world.steps();
        world.respond(Purpose::Initial, status, &[]);
        match end {
            Some(reason) => assert_eq!(
                world.acts(),
                [Step::Forget, Step::Ended(reason)],
                "{status}"
            ),
            None => {
                assert_eq!(world.acts(), [Step::Forget], "{status}");
                world.wake();
                assert_eq!(world.acts(), [Step::Subscribe { expires: 3600 }]);
            }
        }
    }
}

/// SUB-18: not before Retry-After.
#[test]
fn retry_after_delays_the_next_attempt() {
    let mut world = World::new(Settings::default());
    world.steps();
    world.respond(Purpose::Initial, 503, &[("retry-after", 7)]);
    assert_eq!(world.acts(), [Step::Forget]);
    assert_eq!(world.wake(), s(7));
    assert_eq!(world.acts(), [Step::Subscribe { expires: 3600 }]);
}

/// SUB-48: each fatal code ends the subscription; 481 and 408 make a new one at once (SUB-50).
#[test]
fn fatal_answers_to_a_refresh() {
    for status in [404, 405, 410, 416, 482, 483, 484, 485, 489, 501, 604] {
        let mut world = World::active();
        world.wake();
        world.steps();
        world.respond(Purpose::Refresh, status, &[]);
        assert!(world.subscription.is_ended(), "{status}");
    }
    for status in [408, 481] {
        let mut world = World::active();
        world.wake();
        world.steps();
        world.respond(Purpose::Refresh, status, &[]);
        assert_eq!(
            world.acts(),
            [Step::Forget, Step::Subscribe { expires: 3600 }],
            "{status}"
        );
    }
}

/// SUB-49: another error leaves the subscription valid; it is tried again within the remaining life.
#[test]
fn a_refresh_error_that_is_not_fatal_is_tried_again() {
    let mut world = World::active();
    world.wake();
    world.steps();
    world.respond(Purpose::Refresh, 503, &[]);
    assert_eq!(world.subscription.shown(), Shown::Active);
    let slept = world.wake();
    assert!(slept >= s(290) && slept <= s(380), "{slept:?}");
    assert_eq!(world.acts(), [Step::Refresh { expires: 3600 }]);
    world.respond(Purpose::Refresh, 200, &[]);
    world.notify("active");
    assert_eq!(world.subscription.shown(), Shown::Active);
}

/// 403 on a refresh: one more try, then the user is told that he may not (SUB-49).
#[test]
fn a_refresh_forbidden_twice_ends_it() {
    let mut world = World::active();
    world.wake();
    world.respond(Purpose::Refresh, 403, &[]);
    world.wake();
    world.steps();
    world.respond(Purpose::Refresh, 403, &[]);
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Ended(EndReason::Forbidden)]
    );
}

/// SUB-56: at once on a new dialog, and slower when it keeps happening (SEC-18).
#[test]
fn deactivated_means_at_once_but_not_for_ever() {
    let mut world = World::active();
    world.notify("terminated;reason=deactivated;retry-after=3600");
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Subscribe { expires: 3600 }]
    );
    let mut waited = Vec::new();
    while !world.subscription.is_ended() {
        world.notify("terminated;reason=deactivated");
        if world.subscription.shown() == Shown::Terminated && !world.subscription.is_ended() {
            waited.push(world.wake());
        }
    }
    assert!(waited.len() < 20, "{}", waited.len());
    assert!(waited.iter().sum::<Duration>() > s(120));
    assert_eq!(world.steps().last(), Some(&Step::Ended(EndReason::GaveUp)));
}

/// SUB-57, SUB-63: not before retry-after.
#[test]
fn probation_waits() {
    for state in [
        "terminated;reason=probation;retry-after=10",
        "terminated;reason=xyz;retry-after=10",
    ] {
        let mut world = World::active();
        world.notify(state);
        assert_eq!(world.subscription.shown(), Shown::Terminated);
        assert_eq!(world.wake(), s(10));
        assert_eq!(
            world.acts(),
            [Step::Forget, Step::Subscribe { expires: 3600 }]
        );
    }
}

/// SEC-18: a Retry-After of nothing is no invitation to flood.
#[test]
fn a_retry_after_of_zero_backs_off_all_the_same() {
    let mut world = World::active();
    let mut waited = Vec::new();
    for _ in 0..5 {
        world.notify("terminated;reason=probation;retry-after=0");
        world.steps();
        if world.subscription.shown() == Shown::Terminated {
            waited.push(world.wake());
        }
    }
    assert_eq!(waited, [1, 2, 4, 8].map(s));
}

/// SUB-58, SUB-61, SUB-62: over, whatever retry-after says.
#[test]
fn final_reasons_end_it() {
    let table = [
        ("rejected", EndReason::Rejected),
        ("noresource", EndReason::NoResource),
        ("invariant", EndReason::Invariant),
    ];
    for (reason, end) in table {
        let mut world = World::active();
        world.notify(&alloc::format!("terminated;reason={reason};retry-after=1"));
        assert_eq!(world.acts(), [Step::Forget, Step::Ended(end)]);
        assert_eq!(world.subscription.poll_timeout(), None);
    }
}

/// SUB-66: it lives until the terminated NOTIFY, or Timer N; SUB-67: 481 counts as ended.
#[test]
fn unsubscribe_waits_for_the_last_notify() {
    let mut world = World::active();
    world.subscription.unsubscribe(world.now);
    assert_eq!(world.acts(), [Step::Unsubscribe]);
    world.respond(Purpose::Unsubscribe, 200, &[("expires", 0)]);
    world.notify("active;expires=3");
    assert!(!world.subscription.is_ended());
    world.notify("terminated;reason=timeout");
    let ended = [Step::Forget, Step::Ended(EndReason::Unsubscribed)];
    assert_eq!(world.acts(), ended);

    let mut world = World::active();
    world.subscription.unsubscribe(world.now);
    world.steps();
    world.respond(Purpose::Unsubscribe, 481, &[]);
    assert_eq!(world.acts(), ended);

    let mut world = World::active();
    world.subscription.unsubscribe(world.now);
    world.steps();
    assert_eq!(world.wake(), s(32));
    assert_eq!(world.acts(), ended);
}

/// SUB-68: asked for while nothing has come yet, it is sent once there is a dialog.
#[test]
fn an_early_unsubscribe_is_remembered() {
    for by_notify in [true, false] {
        let mut world = World::new(Settings::default());
        world.steps();
        world.subscription.unsubscribe(world.now);
        assert_eq!(world.acts(), []);
        if by_notify {
            world.notify("active;expires=600");
        } else {
            world.respond(Purpose::Initial, 200, &[]);
        }
        assert_eq!(world.acts(), [Step::Unsubscribe]);
    }
}

/// SUB-17: an error that comes after a NOTIFY means that nothing is subscribed.
#[test]
fn a_late_error_drops_what_a_notify_made() {
    let mut world = World::new(Settings::default());
    world.notify("active;expires=600");
    world.steps();
    world.respond(Purpose::Initial, 403, &[]);
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Ended(EndReason::Forbidden)]
    );
}

/// SW-14: after a suspension over the end of its life it subscribes anew.
#[test]
fn a_clock_jump_leads_to_a_new_subscription() {
    let mut world = World::active();
    world.now += s(7200);
    world
        .subscription
        .handle_timeout(world.now, &mut world.random);
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Subscribe { expires: 3600 }]
    );
}

/// At a command line a server that is not there is told at once; once subscribed, it is tried again.
#[test]
fn an_unreachable_server_ends_only_the_first_attempt_and_only_if_so_set() {
    let settings = Settings {
        retry_unreachable: false,
        ..Settings::default()
    };
    let mut world = World::new(settings.clone());
    world.steps();
    let now = world.now;
    world
        .subscription
        .handle_failure(now, Purpose::Initial, Cause::Unreachable, &mut world.random);
    assert_eq!(
        world.acts(),
        [Step::Forget, Step::Ended(EndReason::Unreachable)]
    );

    let mut world = World::new(settings);
    world.respond(Purpose::Initial, 200, &[]);
    world.notify("active");
    world.wake();
    world.steps();
    let now = world.now;
    let mut fail = || {
        world.subscription.handle_failure(
            now,
            Purpose::Refresh,
            Cause::Unreachable,
            &mut world.random,
        );
    };
    fail();
    fail();
    // Once more on another connection, for the dialog outlives it; then it is lost.
    assert_eq!(
        world.acts(),
        [Step::Refresh { expires: 3600 }, Step::Forget]
    );
    assert_eq!(world.subscription.shown(), Shown::Stale);
    world.wake();
    assert_eq!(world.acts(), [Step::Subscribe { expires: 3600 }]);
}

/// SUB-09: what was lost can be asked for when there is a dialog, and nothing is under way in it.
#[test]
fn what_was_lost_is_asked_for_one_request_at_a_time() {
    let mut world = World::new(Settings::default());
    assert!(!world.subscription.can_ask(), "the initial request is out");
    world.respond(Purpose::Initial, 200, &[]);
    assert!(world.subscription.can_ask(), "the 2xx made a dialog");
    world.notify("active;expires=3600");
    world.acts();
    world.subscription.ask_anew(world.now);
    assert_eq!(world.acts(), [Step::Refresh { expires: 3600 }]);
    assert!(!world.subscription.can_ask());
    // A late answer to something else changes nothing about that.
    world.respond(Purpose::Initial, 200, &[]);
    assert!(!world.subscription.can_ask());
    world.respond(Purpose::Refresh, 200, &[]);
    assert!(world.subscription.can_ask());
    assert_eq!(world.acts(), []);
    world.subscription.ask_anew(world.now);
    world.acts();
    // Whoever ends it awaits the answer to that alone.
    world.subscription.unsubscribe(world.now);
    assert_eq!(world.acts(), [Step::Unsubscribe]);
    world.respond(Purpose::Refresh, 200, &[]);
    assert!(!world.subscription.can_ask());
    world.respond(Purpose::Unsubscribe, 200, &[]);
    assert!(world.subscription.can_ask());
    world.subscription.ask_anew(world.now);
    assert_eq!(world.acts(), [Step::Unsubscribe]);
    assert!(!world.subscription.can_ask());
    world.notify("terminated");
    assert!(!world.subscription.can_ask());
}

/// SUB-54: pending is not active, and turns into it.
#[test]
fn pending_then_active() {
    let mut world = World::new(Settings::default());
    world.respond(Purpose::Initial, 202, &[]);
    world.notify("pending;expires=600");
    assert_eq!(world.subscription.shown(), Shown::Pending);
    world.notify("Active;expires=600");
    assert_eq!(world.subscription.shown(), Shown::Active);
}
