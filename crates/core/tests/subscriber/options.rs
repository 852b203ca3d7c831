//! Fetch, rates, suppression, anonymity, absurd lives, states of extensions (RFC 6665 §4.4.3, RFC 6446, RFC 5839, RFC 3323).

use rollmark_core::account::AccountSettings;
use rollmark_core::engine::{Engine, Rates, What};
use rollmark_core::header::Rate;
use rollmark_core::host::{Action, Capabilities};
use rollmark_core::subscription::{EndReason, LIFE_MIN, REFRESH_PAUSE_MIN, Shown};

use crate::world::{ROOM, World, document, registration, s};

/// A world whose only request is a fetch.
fn fetching() -> World {
    let mut world = World::new();
    world.engine.stop(world.now, s(0));
    world.engine.handle_timeout(world.now);
    while world.engine.poll_action().is_some() || world.engine.poll_event().is_some() {}
    let account = AccountSettings::new("sip:alice@example.org");
    let account = world.engine.add_account(account, registration());
    world.id = world.engine.fetch(world.now, account, ROOM).unwrap();
    world
}

/// SUB-69: one SUBSCRIBE with Expires: 0, one NOTIFY, its roster, the end.
#[test]
fn a_fetch_shows_the_state_once() {
    let mut world = fetching();
    let only = world.sent();
    assert_eq!(only.get("Expires"), "0");
    world.respond(&only, 200, &[("Expires", "0")]);
    let answer = world.notify(&only, "terminated;reason=timeout", &document(1), &[]);
    assert_eq!(answer.unwrap().status, 200);
    let rosters = world
        .told
        .iter()
        .filter(|what| matches!(what, What::Roster(rows) if rows.len() == 1));
    assert_eq!(rosters.count(), 1);
    assert_eq!(world.ended(), Some(EndReason::Fetched));
    assert!(world.is_quiet());
    assert_eq!(world.engine.poll_timeout(), None);
}

/// SUB-69: a notifier that forgets to say that it is over is waited for, and shown; one that is silent or refuses is told.
#[test]
fn a_fetch_ends_whatever_the_notifier_does() {
    let mut world = fetching();
    let only = world.sent();
    world.respond(&only, 202, &[]);
    world.notify(&only, "active;expires=3600", &document(1), &[]);
    assert_eq!(world.ended(), None);
    world.pass(s(32));
    assert_eq!(world.ended(), Some(EndReason::Fetched));
    let mut world = fetching();
    let only = world.sent();
    world.respond(&only, 200, &[]);
    world.pass(s(32));
    assert_eq!(world.ended(), Some(EndReason::NoNotify));
    for (status, reason) in [
        (404, EndReason::NotFound),
        (423, EndReason::IntervalTooBrief),
        (489, EndReason::Unsupported),
        (503, EndReason::Refused),
    ] {
        let mut world = fetching();
        let only = world.sent();
        world.respond(
            &only,
            status,
            &[("Min-Expires", "60"), ("Retry-After", "5")],
        );
        assert_eq!(world.ended(), Some(reason), "{status}");
        assert!(world.is_quiet());
    }
    let mut world = fetching();
    let only = world.sent();
    world.notify(&only, "terminated;reason=noresource", "", &[]);
    assert_eq!(world.ended(), Some(EndReason::NoResource));
}

/// SUB-02, SUB-72: rates on each Event when configured, and what the notifier says of them is read.
#[test]
fn rates_are_asked_for_and_read() {
    let (mut world, first) = World::active_with(|settings| {
        settings.subscription.max_rate = Rate::parse("0.2");
        settings.subscription.min_rate = Rate::every(s(100));
    });
    assert_eq!(first.get("Event"), "conference;max-rate=0.2;min-rate=0.01");
    assert_eq!(world.engine.rates(world.id), None);
    world.notify(
        &first,
        "active;max-rate=0.5",
        "",
        &[("Event", "conference;max-rate=0.2")],
    );
    let max = Rate::parse("0.5");
    assert_eq!(world.engine.rates(world.id), Some(Rates { max, min: None }));
    world.wake();
    assert_eq!(world.sent().get("Event"), first.get("Event"));
}

/// SUB-44, SUB-73: the refresh names the state that is held; 204 means that nothing follows, and nothing is lost.
#[test]
fn a_state_that_is_held_is_not_sent_again() {
    let (mut world, first) = World::active_with(|settings| settings.subscription.suppress = true);
    assert_eq!(first.get("Suppress-If-Match"), "");
    world.notify(&first, "active", &document(2), &[("SIP-ETag", "e1")]);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.get("Suppress-If-Match"), "e1");
    world.respond(&refresh, 204, &[("Expires", "3600")]);
    world.pass(s(60));
    assert!(world.is_quiet());
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
    assert_eq!(world.engine.roster(world.id).unwrap().rows().count(), 1);
    // Where the whole state is wanted, it is not held back (CONF-09).
    world.notify(
        &first,
        "active",
        &document(5).replace("full", "partial"),
        &[("SIP-ETag", "e2")],
    );
    let whole = world.sent();
    assert_eq!(whole.get("Suppress-If-Match"), "");
    world.respond(&whole, 200, &[("Expires", "3600")]);
    world.notify(&first, "active", &document(6), &[("SIP-ETag", "e3")]);
    world.engine.unsubscribe(world.now, world.id);
    assert_eq!(world.sent().get("Suppress-If-Match"), "");
}

/// SUB-43, SUB-44: without suppression 204 is a 2xx like others, and a NOTIFY must follow.
#[test]
fn a_204_that_was_not_asked_for_stops_no_timer() {
    let (mut world, first) = World::active();
    world.notify(&first, "active", &document(2), &[("SIP-ETag", "e1")]);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.get("Suppress-If-Match"), "");
    world.respond(&refresh, 204, &[]);
    world.pass(s(32));
    assert_ne!(world.sent().get("Call-ID"), first.get("Call-ID"));
}

/// OMA-25, SEC-17: nobody is named, the network is asked for silence, and no product is told; otherwise no Privacy.
#[test]
fn anonymity_covers_what_it_can() {
    let mut world = World::with(|settings| settings.anonymous = true, ROOM);
    let first = world.sent();
    assert_eq!(first.get("Privacy"), "id");
    assert!(
        first
            .get("From")
            .starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=")
    );
    assert_eq!(first.get("User-Agent"), "IM-client/OMA1.0");
    let all: Vec<String> = first
        .request
        .headers
        .iter()
        .map(|h| h.value.clone())
        .collect();
    assert!(
        !all.iter().any(|value| value.contains("alice@example.org")),
        "{all:?}"
    );
    world.respond(&first, 200, &[]);
    world.notify(&first, "active", &document(1), &[]);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.get("Privacy"), "id");
    assert_eq!(refresh.get("From"), first.get("From"));
    let mut world = World::new();
    let first = world.sent();
    assert_eq!(first.get("Privacy"), "");
    assert!(
        first
            .get("User-Agent")
            .starts_with("IM-client/OMA1.0 rollmark/")
    );
}

/// OMA-37: 403 to who asked for anonymity may well be about that, and is told so; to anybody else it is a plain refusal.
#[test]
fn a_refusal_of_anonymity_is_told_as_such() {
    for (anonymous, privacy, end) in [
        (true, "id", EndReason::AnonymityRefused),
        (false, "", EndReason::Forbidden),
    ] {
        let mut world = World::with(|settings| settings.anonymous = anonymous, ROOM);
        let first = world.sent();
        assert_eq!(first.get("Privacy"), privacy);
        world.respond(&first, 403, &[]);
        assert_eq!(world.ended(), Some(end));
    }
}

/// OMA-25: a dialog host is told the From that names nobody.
#[test]
fn a_dialog_host_is_told_of_anonymity() {
    let mut engine = Engine::new(Capabilities::DIALOG, [1; 32]);
    let mut settings = AccountSettings::new("sip:alice@example.org");
    settings.anonymous = true;
    let account = engine.add_account(settings, registration());
    engine.watch(s(1), account, ROOM).unwrap();
    let Some(Action::Subscribe { headers, .. }) = engine.poll_action() else {
        panic!("no SUBSCRIBE");
    };
    assert_eq!(headers.get("Privacy"), Some("id"));
    assert!(headers.get("From").unwrap().contains("anonymous.invalid"));
}

/// SEC-18: whoever grants a second, by 2xx or by NOTIFY, draws a request each three seconds at most, and is told of.
#[test]
fn an_absurd_life_does_not_draw_a_flood() {
    let mut world = World::new();
    let first = world.sent();
    world.respond(&first, 200, &[("Expires", "1")]);
    world.notify(&first, "active;expires=1", &document(1), &[]);
    assert!(world.deviations().contains(&"expires-too-short"));
    let mut requests = 0;
    let end = world.now + s(60);
    while world.now < end {
        world.wake();
        while let Some(sent) = world.next() {
            requests += 1;
            assert_eq!(sent.get("Call-ID"), first.get("Call-ID"));
            world.respond(&sent, 200, &[("Expires", "0")]);
            world.notify(&first, "active;expires=0", "", &[]);
        }
    }
    let most = 60 / REFRESH_PAUSE_MIN.as_secs();
    assert!(
        (10..=most).contains(&requests),
        "{requests} requests in a minute"
    );
    assert!(
        REFRESH_PAUSE_MIN * 2 <= LIFE_MIN,
        "or it would expire before it is refreshed"
    );
}

/// SUB-53, SUB-65: tokens in any case; a state of an extension keeps the subscription, pending or not, and is told.
#[test]
fn an_unknown_state_keeps_what_is() {
    let (mut world, first) = World::active();
    world.notify(&first, "Active;reason=rejected;retry-after=9", "", &[]);
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
    world.notify(&first, "dozing;expires=100", "", &[]);
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
    assert_eq!(world.deviations(), ["unknown-state"]);
    world.notify(&first, "PENDING", "", &[]);
    world.notify(&first, "dozing", "", &[]);
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Pending);
    assert_eq!(world.ended(), None);
}

/// SUB-70: the user may ask anew, and the server is not flooded when he hammers on the key.
#[test]
fn a_refresh_on_demand_is_bounded() {
    let (mut world, _) = World::active();
    let mut requests = 0;
    for _ in 0..600 {
        world.engine.refresh(world.now, world.id);
        world.pass(s(1) / 10);
        while let Some(sent) = world.next() {
            requests += 1;
            assert_eq!(sent.get("Expires"), "3600");
            world.respond(&sent, 200, &[("Expires", "3600")]);
        }
    }
    assert!(
        (20..=31).contains(&requests),
        "{requests} requests in a minute"
    );
}

/// SW-14: a clock that goes back stands still, and one at its end stops nothing.
#[test]
fn a_clock_may_be_absurd() {
    let (mut world, first) = World::active();
    world.now = s(3);
    world.notify(&first, "active;expires=600", "", &[]);
    let at = world.engine.poll_timeout().unwrap();
    assert!(at >= s(1000), "{at:?}");
    world.engine.handle_timeout(core::time::Duration::MAX);
    for _ in 0..50 {
        world.engine.handle_timeout(core::time::Duration::MAX);
        while world.engine.poll_action().is_some() || world.engine.poll_event().is_some() {}
    }
}
