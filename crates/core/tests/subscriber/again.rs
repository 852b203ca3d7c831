//! Requests sent once more: redirections, option tags, lives, challenges; and their bounds (RFC 3261 §8.1.3).

use rollmark_core::account::AccountSettings;
use rollmark_core::engine::{Engine, MAX_AGAIN, MAX_REDIRECTS, What};
use rollmark_core::host::{Action, Capabilities, Fact, SendFailure};
use rollmark_core::message::{Headers, Response};
use rollmark_core::profile::{Facts, Kind, Mode, ModeReason, Plain, Profile, Registration};
use rollmark_core::subscription::{EndReason, Shown};

use crate::world::{ROOM, World, document, s};

/// SUB-19: by preference, in the same call, and the dialog is with whom it led to.
#[test]
fn a_redirection_is_followed_in_the_order_of_preference() {
    let mut world = World::new();
    let first = world.sent();
    let contacts = "<sip:a@one.example.org>;q=0.2, <sip:b@two.example.org>;q=0.9, <tel:+1>";
    world.respond(&first, 302, &[("Contact", contacts)]);
    let second = world.sent();
    assert_eq!(second.request.uri, "sip:b@two.example.org");
    assert_eq!(second.next_hop, "sip:b@two.example.org");
    assert_eq!(second.get("To"), format!("<{ROOM}>"));
    assert_eq!(second.get("Call-ID"), first.get("Call-ID"));
    assert_eq!(second.get("From"), first.get("From"));
    assert_eq!(second.get("CSeq"), "2 SUBSCRIBE");
    // It refuses, and the next is asked; that one cannot be reached, and nobody is left.
    world.respond(&second, 480, &[]);
    let third = world.sent();
    assert_eq!(third.request.uri, "sip:a@one.example.org");
    world.fail(&third, SendFailure::Unreachable);
    assert!(world.is_quiet());
    assert_eq!(world.ended(), None, "it is tried again later");
    world.wake();
    let again = world.sent();
    assert_eq!(again.request.uri, ROOM, "a new attempt begins at the start");
    assert_ne!(again.get("Call-ID"), first.get("Call-ID"));
    world.respond(&again, 301, &[("Contact", "<sip:c@three.example.org>")]);
    let last = world.sent();
    world.respond(&last, 200, &[]);
    world.notify(&last, "active", &document(1), &[]);
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
}

/// SUB-19, SEC-18: nobody is asked twice, and no more than five in a row.
#[test]
fn redirections_without_end_have_one() {
    let mut world = World::new();
    let mut asked = Vec::new();
    let mut sent = world.sent();
    for n in 0.. {
        asked.push(sent.request.uri.clone());
        let contacts = format!("<sip:x@h{n}.example.org>, <{ROOM}>, <sip:x@H0.example.org>");
        world.respond(&sent, 302, &[("Contact", &contacts)]);
        match world.next() {
            Some(next) => sent = next,
            None => break,
        }
    }
    assert_eq!(asked.len(), 1 + MAX_REDIRECTS);
    assert_eq!(world.ended(), Some(EndReason::Redirected));
    // In a circle.
    let mut world = World::new();
    let first = world.sent();
    world.respond(&first, 302, &[("Contact", "<sip:a@x>")]);
    let second = world.sent();
    world.respond(&second, 302, &[("Contact", &format!("<{ROOM}>"))]);
    assert!(world.is_quiet());
    assert_eq!(world.ended(), Some(EndReason::Redirected));
    // To nowhere.
    for contact in ["", "*", "<mailto:a@x>"] {
        let mut world = World::new();
        let first = world.sent();
        world.respond(&first, 302, &[("Contact", contact)]);
        assert_eq!(world.ended(), Some(EndReason::Redirected), "{contact}");
    }
    // 305 names a proxy, and 380 another service.
    for status in [305, 380] {
        let mut world = World::new();
        let first = world.sent();
        world.respond(&first, status, &[("Contact", "<sip:a@x>")]);
        assert_eq!(world.ended(), Some(EndReason::Redirected), "{status}");
    }
}

/// SEC-05: from a protected target nothing leads to an unprotected one, and our own Contact is protected.
#[test]
fn a_protected_target_stays_protected() {
    let mut world = World::with(|_| {}, "sips:room@conf.example.org");
    let first = world.sent();
    assert!(first.get("Contact").starts_with("<sips:alice@"));
    let contacts = "<sip:a@x>;q=1, <sips:b@y>;q=0.1";
    world.respond(&first, 302, &[("Contact", contacts)]);
    let second = world.sent();
    assert_eq!(second.request.uri, "sips:b@y");
    world.respond(&second, 200, &[]);
    // Its Contact is not protected, so it is not used.
    assert!(world.deviations().contains(&"contact-missing"));
    world.notify(&second, "active", "", &[("Contact", "<sips:f@z>")]);
    world.wake();
    assert_eq!(world.sent().request.uri, "sips:f@z");
}

/// A core that wants an extension, and supports one that servers may demand.
#[derive(Debug)]
struct Picky;

impl Profile for Picky {
    fn mode(&self, registration: &Registration) -> (Mode, ModeReason) {
        Plain::default().mode(registration)
    }
    fn route(&self, facts: &Facts<'_>) -> Vec<String> {
        Plain::default().route(facts)
    }
    fn decorate(&self, kind: Kind, facts: &Facts<'_>, headers: &mut Headers) {
        Plain::default().decorate(kind, facts, headers);
        if kind != Kind::Answer {
            headers.push("Require", "pref, sec-agree");
        }
    }
    fn follows_redirections(&self, _mode: Mode) -> bool {
        false
    }
    fn supports(&self, option: &str) -> bool {
        option == "gruu"
    }
}

fn picky(settings: &mut AccountSettings) {
    settings.profile = Box::new(Picky);
}

/// SUB-16: 420 once without what is not known, on refreshes as well; what must stay stays.
#[test]
fn unknown_options_are_left_out_once() {
    let mut world = World::with(picky, ROOM);
    let first = world.sent();
    world.respond(&first, 420, &[("Unsupported", "Pref")]);
    let second = world.sent();
    assert_eq!(second.get("Require"), "sec-agree");
    assert_eq!(second.get("CSeq"), "2 SUBSCRIBE");
    world.respond(&second, 200, &[]);
    world.notify(&second, "active", &document(1), &[]);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.get("Require"), "sec-agree");
    // IMS-38: never without that.
    let mut world = World::with(picky, ROOM);
    let first = world.sent();
    world.respond(&first, 420, &[("Unsupported", "sec-agree")]);
    assert!(world.is_quiet());
    assert_eq!(world.ended(), Some(EndReason::Refused));
    // Of what was never asked for nothing can be left out; and once is enough.
    let mut world = World::with(picky, ROOM);
    let first = world.sent();
    world.respond(&first, 420, &[("Unsupported", "timer")]);
    assert_eq!(world.ended(), Some(EndReason::Refused));
    let mut world = World::with(picky, ROOM);
    for _ in 0..2 {
        let sent = world.sent();
        world.respond(&sent, 420, &[("Unsupported", "pref")]);
    }
    assert_eq!(world.ended(), Some(EndReason::Refused));
}

/// SUB-16: 421 once with what is demanded, if it is supported.
#[test]
fn a_demanded_option_is_offered_once() {
    let mut world = World::with(picky, ROOM);
    let first = world.sent();
    assert_eq!(first.get("Supported"), "");
    world.respond(&first, 421, &[("Require", "gruu")]);
    let second = world.sent();
    assert_eq!(second.get("Supported"), "gruu");
    world.respond(&second, 421, &[("Require", "gruu")]);
    assert_eq!(world.ended(), Some(EndReason::Refused));
    for demanded in ["100rel", "gruu, 100rel", ""] {
        let mut world = World::with(picky, ROOM);
        let first = world.sent();
        world.respond(&first, 421, &[("Require", demanded)]);
        assert_eq!(world.ended(), Some(EndReason::Refused), "{demanded}");
    }
}

/// IMS-45: a core whose requests all go by one proxy reports redirections and does not follow them.
#[test]
fn a_profile_may_forbid_redirections() {
    let mut world = World::with(picky, ROOM);
    let first = world.sent();
    world.respond(&first, 302, &[("Contact", "<sip:a@x>")]);
    assert!(world.is_quiet());
    assert_eq!(world.ended(), Some(EndReason::Redirected));
}

/// SUB-10, SUB-11: in the same call with what the server insists on; the next subscription there begins with that.
#[test]
fn a_learnt_life_is_asked_for_from_the_start() {
    let mut world = World::new();
    let first = world.sent();
    assert_eq!(first.get("Expires"), "3600");
    world.respond(&first, 423, &[("Min-Expires", "7200")]);
    let second = world.sent();
    assert_eq!(second.get("Expires"), "7200");
    assert_eq!(second.get("Call-ID"), first.get("Call-ID"));
    assert_eq!(second.get("CSeq"), "2 SUBSCRIBE");
    world.respond(&second, 423, &[("Min-Expires", "9000")]);
    assert_eq!(world.ended(), Some(EndReason::IntervalTooBrief));
    let mut asked = |settings: Option<AccountSettings>, room| {
        let account = match settings {
            Some(settings) => world
                .engine
                .add_account(settings, crate::world::registration()),
            None => world.account,
        };
        world.engine.watch(world.now, account, room).unwrap();
        world.sent().get("Expires").to_string()
    };
    assert_eq!(asked(None, "sip:next@CONF.example.org"), "9000");
    assert_eq!(asked(None, "sip:next@other.example.org"), "3600");
    let other = AccountSettings::new("sip:other@example.org");
    assert_eq!(asked(Some(other), ROOM), "3600", "it learnt nothing");
}

/// SUB-17: what says how to ask is followed although a NOTIFY came first, and the dialog is dropped.
#[test]
fn a_challenge_after_a_notify_goes_on_with_the_attempt() {
    let challenge = "Digest realm=\"r\", nonce=\"n\"";
    for (status, name, value) in [
        (401, "WWW-Authenticate", challenge),
        (407, "Proxy-Authenticate", challenge),
        (423, "Min-Expires", "7200"),
        (302, "Contact", "<sip:elsewhere@x>"),
    ] {
        let mut world = World::new();
        let first = world.sent();
        let route = [("Record-Route", "<sip:p1;lr>")];
        world.notify(&first, "active", &document(1), &route);
        world.respond(&first, status, &[(name, value)]);
        let second = world.sent();
        assert_eq!(second.get("To"), format!("<{ROOM}>"), "{status}");
        assert_eq!(second.get("Call-ID"), first.get("Call-ID"));
        assert!(second.routes().is_empty(), "{status}");
        let shown = world.engine.state(world.id).unwrap().shown;
        assert_eq!(shown, Shown::Subscribing, "{status}");
        assert_eq!(world.ended(), None);
    }
}

/// SUB-17: an error of the very server that notified ends it; one of another fork is no more than a doubt, which a refresh
/// settles. Either way the inconsistency is told.
#[test]
fn a_late_error_counts_by_whom_it_comes_from() {
    let mut world = World::new();
    let first = world.sent();
    world.notify(&first, "active", &document(1), &[]);
    world.respond(&first, 403, &[]);
    assert!(world.is_quiet());
    assert_eq!(world.ended(), Some(EndReason::Forbidden));
    assert!(world.deviations().contains(&"error-after-notify"));

    let other = [("To", "<sip:room@conf.example.org>;tag=another")];
    let mut world = World::new();
    let first = world.sent();
    world.notify(&first, "active", &document(1), &[]);
    world.respond(&first, 403, &other);
    let refresh = world.sent();
    assert_eq!(refresh.get("To"), format!("<{ROOM}>;tag=focus"));
    world.respond(&refresh, 200, &[]);
    world.notify(&first, "active", &document(2), &[]);
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
    assert!(world.deviations().contains(&"error-after-notify"));

    let mut world = World::new();
    let first = world.sent();
    world.notify(&first, "active", &document(1), &[]);
    world.respond(&first, 403, &other);
    let refresh = world.sent();
    world.respond(&refresh, 403, &[]);
    assert_eq!(world.ended(), Some(EndReason::Forbidden));
}

/// SUB-12, SUB-13: each of several realms is answered, with the URI that is asked for, and again on the refresh.
#[test]
fn credentials_are_of_their_realm_and_uri() {
    let mut world = World::new();
    let first = world.sent();
    let proxy = "Digest realm=\"proxy\", nonce=\"p\", qop=\"auth\"";
    world.respond(&first, 407, &[("Proxy-Authenticate", proxy)]);
    let second = world.sent();
    assert!(
        second
            .get("Proxy-Authorization")
            .contains("realm=\"proxy\"")
    );
    let server = "Digest realm=\"server\", nonce=\"s\", qop=\"auth\"";
    world.respond(&second, 401, &[("WWW-Authenticate", server)]);
    let third = world.sent();
    assert!(third.get("Proxy-Authorization").contains("nc=00000002"));
    assert!(third.get("Authorization").contains("realm=\"server\""));
    assert!(
        third
            .get("Authorization")
            .contains(&format!("uri=\"{ROOM}\""))
    );
    world.respond(&third, 200, &[("Expires", "3600")]);
    world.notify(&third, "active", &document(1), &[]);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.request.uri, "sip:focus@192.0.2.9");
    assert!(
        refresh
            .get("Authorization")
            .contains("uri=\"sip:focus@192.0.2.9\"")
    );
    assert!(refresh.get("Authorization").contains("nc=00000002"));
    assert!(refresh.get("Proxy-Authorization").contains("nc=00000003"));
    // A nonce that is stale is answered in the dialog, and nothing is lost.
    let stale = "Digest realm=\"server\", nonce=\"t\", qop=\"auth\", stale=true";
    world.respond(&refresh, 401, &[("WWW-Authenticate", stale)]);
    let again = world.sent();
    assert!(again.get("Authorization").contains("nonce=\"t\""));
    assert_eq!(again.get("To"), refresh.get("To"));
    world.respond(&again, 200, &[("Expires", "3600")]);
    world.notify(&third, "active", &document(2), &[]);
    assert_eq!(world.engine.state(world.id).unwrap().shown, Shown::Active);
    // The end is authorised as well.
    world.engine.unsubscribe(world.now, world.id);
    let last = world.sent();
    assert!(last.get("Authorization").contains("nc=00000002"));
    let stale = "Digest realm=\"server\", nonce=\"u\", stale=true";
    world.respond(&last, 401, &[("WWW-Authenticate", stale)]);
    let last = world.sent();
    assert_eq!(last.get("Expires"), "0");
}

/// SEC-18: a server that finds another fault with each request is told good-bye.
#[test]
fn faults_without_end_have_one() {
    let mut world = World::with(picky, ROOM);
    let mut count = 0;
    let mut sent = world.sent();
    for n in 0..100 {
        count += 1;
        let realm = format!("Digest realm=\"r{n}\", nonce=\"n\", stale=true");
        let contact = format!("<sip:a@h{n}>");
        match n % 4 {
            0 => world.respond(&sent, 401, &[("WWW-Authenticate", &realm)]),
            1 => world.respond(&sent, 407, &[("Proxy-Authenticate", &realm)]),
            2 => world.respond(&sent, 302, &[("Contact", &contact)]),
            _ => world.respond(&sent, 420, &[("Unsupported", "pref")]),
        }
        match world.next() {
            Some(next) => sent = next,
            None => break,
        }
    }
    assert!(count <= 1 + usize::from(MAX_AGAIN), "{count} requests");
    assert!(world.ended().is_some());
}

/// SUB-68: who is leaving answers no challenge of a request that he no longer wants.
#[test]
fn who_leaves_does_not_ask_again() {
    let mut world = World::new();
    let first = world.sent();
    world.engine.unsubscribe(world.now, world.id);
    let challenge = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")];
    world.respond(&first, 401, &challenge);
    assert!(world.is_quiet());
    assert_eq!(world.ended(), Some(EndReason::Unsubscribed));
}

/// SUB-18: whatever happens before Retry-After is over, nothing is asked for by itself.
#[test]
fn retry_after_outlasts_the_subscription() {
    let (mut world, _) = World::active();
    world.wake();
    let refresh = world.sent();
    let left = 3600 - (world.now - s(1000)).as_secs();
    let pause = left + 1000;
    let until = world.now + s(pause);
    world.respond(&refresh, 503, &[("Retry-After", &pause.to_string())]);
    while world.now < until {
        assert!(world.is_quiet(), "{:?} before its time", until - world.now);
        world.wake();
    }
    let next = world.sent();
    assert_eq!(
        next.get("To"),
        format!("<{ROOM}>"),
        "the old one has expired"
    );
    assert_eq!(world.ended(), None);
}

/// SUB-19, SW-12: a host that owns dialogs is asked to make another one, with whom the redirection names.
#[test]
fn a_dialog_host_is_led_elsewhere() {
    let mut engine = Engine::new(Capabilities::DIALOG, [1; 32]);
    let settings = AccountSettings::new("sip:alice@example.org");
    let account = engine.add_account(settings, crate::world::registration());
    engine.watch(s(1), account, ROOM).unwrap();
    let Some(Action::Subscribe { subscription, .. }) = engine.poll_action() else {
        panic!("no SUBSCRIBE");
    };
    let response = |status, headers: &[(&str, &str)]| Response {
        status,
        reason: String::new(),
        headers: headers.iter().copied().collect(),
        body: Vec::new(),
    };
    engine.handle_fact(
        s(1),
        Fact::DialogResponse {
            subscription,
            response: response(302, &[("Contact", "<sip:other@x>")]),
        },
    );
    assert_eq!(engine.poll_action(), Some(Action::Forget { subscription }));
    let Some(Action::Subscribe {
        subscription: second,
        target,
        ..
    }) = engine.poll_action()
    else {
        panic!("it is not followed");
    };
    assert_eq!(target, "sip:other@x");
    assert_ne!(second, subscription);
    // A provisional response is no outcome.
    let provisional = Fact::DialogResponse {
        subscription: second,
        response: response(180, &[]),
    };
    engine.handle_fact(s(1), provisional);
    assert_eq!(engine.poll_action(), None);
    let refused = Fact::DialogResponse {
        subscription: second,
        response: response(404, &[]),
    };
    engine.handle_fact(s(1), refused);
    let end = std::iter::from_fn(|| engine.poll_event()).last().unwrap();
    assert!(matches!(
        end.what,
        What::Ended {
            reason: EndReason::NotFound,
            status: Some(404)
        }
    ));
}
