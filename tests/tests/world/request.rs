//! What a SUBSCRIBE looks like, and what follows its response (RFC 6665 §4.1.2, RFC 3261 §8.1.3).

use rollmark_core::engine::Engine;
use rollmark_core::host::{Fact, SendFailure};
use rollmark_core::subscription::Shown;
use rollmark_tests::world::stage::{ALICE, CONTACT, FOCUS, Notify, ROOM, Stage, full};

/// The word for an end, or the seconds to the next attempt: from, to.
type Then = Result<&'static str, (u64, u64)>;

/// OMA-02…04, OMA-06…08, OMA-21…24, OMA-27…29, SUB-01, SUB-03, SUB-05…07, SUB-09, CONF-63, SW-11: the first request,
/// header by header. Nothing else is in it; Via and Content-Length are the host's.
#[test]
fn the_first_request_is_as_the_clauses_say() {
    let mut stage = Stage::new();
    let first = stage.expect();
    assert_eq!(first.request.method, "SUBSCRIBE");
    assert_eq!(first.request.uri, ROOM, "gr stays");
    assert_eq!(first.next_hop, ROOM);
    assert!(first.request.body.is_empty());
    let (from, tag) = first.get("From").split_once(";tag=").unwrap();
    assert_eq!(from, format!("<{ALICE}>"));
    assert!(tag.len() >= 16 && first.get("Call-ID").len() >= 16);
    let agent = first.get("User-Agent");
    assert!(agent.starts_with("IM-client/OMA1.0 "), "{agent}");
    let expected = [
        ("Max-Forwards", "70".to_string()),
        ("From", first.get("From").to_string()),
        ("To", format!("<{ROOM}>")),
        ("Call-ID", first.get("Call-ID").to_string()),
        ("CSeq", "1 SUBSCRIBE".to_string()),
        ("Event", "conference".to_string()),
        ("Accept", "application/conference-info+xml".to_string()),
        ("Expires", "3600".to_string()),
        ("Contact", format!("<{CONTACT}>;+g.oma.sip-im")),
        (
            "Accept-Contact",
            "*;+g.oma.sip-im;require;explicit".to_string(),
        ),
        ("Allow", "NOTIFY".to_string()),
        ("User-Agent", agent.to_string()),
    ];
    let headers = first.request.headers.iter();
    let headers: Vec<_> = headers
        .map(|h| (h.name.as_str(), h.value.clone()))
        .collect();
    assert_eq!(headers, expected);
    // Another attempt at another conference shares nothing with it.
    let account = stage.account;
    stage.on(|engine, now, _| engine.watch(now, account, "sip:group@example.org").unwrap());
    let other = stage.expect();
    assert_ne!(other.get("Call-ID"), first.get("Call-ID"));
    assert_ne!(other.get("From"), first.get("From"));
}

/// SUB-03, SUB-04: another life can be asked for; a 2xx without Expires grants what was asked for.
#[test]
fn the_life_asked_for_is_a_setting_and_what_a_silent_2xx_grants() {
    let mut stage = Stage::with(|settings| settings.subscription.expires = 900);
    let first = stage.expect();
    assert_eq!(first.get("Expires"), "900");
    stage.respond(&first, 200, &[]);
    stage.notify(Notify::of(&first, &full(1, &[1])));
    let slept = stage.wake().as_secs();
    assert!((400..=450).contains(&slept), "half of 900: {slept}");
    assert_eq!(stage.expect().get("Expires"), "900");
}

/// SUB-02, SUB-51, SUB-66, OMA-18: what is sent in the dialog repeats Event, and counts CSeq up.
#[test]
fn requests_in_the_dialog_repeat_event() {
    let (mut stage, first) = Stage::active();
    stage.on(Engine::refresh);
    let refresh = stage.expect();
    stage.respond(&refresh, 200, &[("Expires", "3600")]);
    stage.notify(Notify::of(&first, ""));
    stage.unsubscribe();
    let last = stage.expect();
    for (number, sent) in [(2, &refresh), (3, &last)] {
        assert_eq!(sent.get("Event"), "conference");
        assert_eq!(sent.get("Call-ID"), first.get("Call-ID"));
        assert_eq!(sent.get("From"), first.get("From"));
        assert_eq!(sent.get("To"), format!("<{ROOM}>;tag=focus"));
        assert_eq!(sent.cseq(), number);
        assert_eq!(sent.request.uri, "sip:focus@198.51.100.7:5070");
        assert!(sent.request.body.is_empty());
    }
    assert_eq!(last.get("Expires"), "0");
}

/// SUB-06, SUB-33: an answer to a NOTIFY is 200, and speaks of no event.
#[test]
fn the_usual_answer_is_200_without_event_headers() {
    let mut stage = Stage::new();
    let first = stage.expect();
    let answer = stage.answer(Notify::of(&first, &full(1, &[1]))).unwrap();
    assert_eq!(answer.status, 200);
    for name in [
        "Event",
        "Subscription-State",
        "Require",
        "Supported",
        "Allow-Events",
    ] {
        assert_eq!(answer.headers.get(name), None, "{name}");
        assert_eq!(first.request.headers.get(name).is_some(), name == "Event");
    }
}

/// SUB-08: whoever subscribes to us is the host's business; in our own dialog he is told that there is nothing.
#[test]
fn a_subscribe_from_outside_is_left_to_the_host() {
    let (mut stage, first) = Stage::active();
    let foreign = Notify::of(&first, "").with("Call-ID", "another");
    assert_eq!(stage.request("SUBSCRIBE", foreign), None);
    let inside = stage.request("SUBSCRIBE", Notify::of(&first, ""));
    assert_eq!(inside.map(|answer| answer.status), Some(489));
    assert_eq!(stage.told(), Vec::<String>::new());
}

/// SUB-10, SUB-11: one more request with what the server wants, in the same Call-ID; not a second time, and not without a
/// number. The server is remembered.
#[test]
fn a_423_is_followed_once() {
    let mut stage = Stage::new();
    let first = stage.expect();
    stage.respond(&first, 423, &[("Min-Expires", "7200")]);
    let second = stage.expect();
    assert_eq!(second.get("Expires"), "7200");
    assert_eq!(second.get("Call-ID"), first.get("Call-ID"));
    assert_eq!(second.get("From"), first.get("From"));
    assert_eq!(second.cseq(), 2);
    stage.respond(&second, 423, &[("Min-Expires", "9000")]);
    assert!(stage.sent().is_none());
    assert_eq!(stage.told().last().unwrap(), "ended interval-too-brief");
    let account = stage.account;
    stage.on(|engine, now, _| engine.watch(now, account, "sip:other@example.org").unwrap());
    assert!(stage.expect().get("Expires").parse::<u32>().unwrap() >= 7200);

    let mut stage = Stage::new();
    let first = stage.expect();
    stage.respond(&first, 423, &[]);
    assert!(stage.sent().is_none());
    assert_eq!(stage.told().last().unwrap(), "ended interval-too-brief");
}

fn with_password() -> Stage {
    Stage::with(|settings| {
        settings.credentials = Some(rollmark_core::digest::Credentials {
            username: "alice".into(),
            password: "secret".into(),
        });
    })
}

const CHALLENGE: (&str, &str) = (
    "Proxy-Authenticate",
    "Digest realm=\"example.org\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256",
);

/// SUB-12, SUB-13: a challenge is answered in the same Call-ID; what was learnt serves the refresh too, counted up.
#[test]
fn credentials_answer_a_challenge_and_are_used_again() {
    let mut stage = with_password();
    let first = stage.expect();
    assert_eq!(first.get("Proxy-Authorization"), "");
    stage.respond(&first, 407, &[CHALLENGE]);
    let second = stage.expect();
    assert_eq!(second.get("Call-ID"), first.get("Call-ID"));
    assert_eq!(second.get("From"), first.get("From"));
    assert_eq!(second.cseq(), 2);
    assert!(second.get("Proxy-Authorization").contains("nc=00000001"));
    stage.respond(&second, 200, &[("Expires", "3600")]);
    stage.notify(Notify::of(&first, &full(1, &[1])));
    stage.wake();
    let refresh = stage.expect();
    let answer = refresh.get("Proxy-Authorization");
    assert!(answer.contains("nc=00000002"), "{answer}");
    assert!(
        answer.contains("uri=\"sip:focus@198.51.100.7:5070\""),
        "{answer}"
    );
}

/// SUB-12: the same challenge again means a wrong password, unless the nonce was only stale.
#[test]
fn a_repeated_challenge_ends_the_attempt() {
    let mut stage = with_password();
    let first = stage.expect();
    stage.respond(&first, 407, &[CHALLENGE]);
    let second = stage.expect();
    let stale = CHALLENGE
        .1
        .replace("nonce=\"n\"", "nonce=\"m\", stale=true");
    stage.respond(&second, 407, &[(CHALLENGE.0, &stale)]);
    let third = stage.expect();
    stage.respond(&third, 407, &[CHALLENGE]);
    assert!(stage.sent().is_none());
    assert_eq!(stage.told().last().unwrap(), "ended authentication-failed");
}

/// OMA-09, OMA-11, OMA-30…32, SUB-14, SUB-15, SUB-17, SUB-18, SUB-20: one row a status code: how it ends, or how long it
/// is before the next attempt.
#[test]
fn every_error_to_the_first_request_has_its_rule() {
    // (status, Retry-After, what follows)
    let rows: [(u16, Option<u32>, Then); 18] = [
        (403, None, Ok("forbidden")),
        (404, None, Ok("not-found")),
        (410, None, Ok("not-found")),
        (604, None, Ok("not-found")),
        (489, None, Ok("unsupported")),
        (406, None, Ok("unsupported")),
        (415, None, Ok("unsupported")),
        (400, None, Ok("refused")),
        (600, None, Ok("refused")),
        (603, None, Ok("refused")),
        (600, Some(9), Err((9, 9))),
        (413, Some(9), Err((9, 9))),
        (408, None, Err((0, 2))),
        (480, Some(40), Err((40, 40))),
        (486, None, Err((0, 2))),
        (500, Some(7), Err((7, 7))),
        (503, Some(7), Err((7, 7))),
        (503, None, Err((0, 2))),
    ];
    for (status, retry_after, expected) in rows {
        let mut stage = Stage::new();
        let first = stage.expect();
        let text = retry_after
            .map(|seconds| seconds.to_string())
            .unwrap_or_default();
        stage.respond(&first, status, &[("Retry-After", &text)]);
        match expected {
            Ok(end) => {
                assert_eq!(
                    stage.told().last().unwrap(),
                    &format!("ended {end}"),
                    "{status}"
                );
                assert_eq!(stage.engine.poll_timeout(), None, "{status}");
            }
            Err((from, to)) => {
                // No subscription, so no NOTIFY of it.
                assert_eq!(stage.notify(Notify::of(&first, "")), 481, "{status}");
                let slept = stage.wake().as_secs();
                assert!((from..=to).contains(&slept), "{status}: {slept}");
                let again = stage.expect();
                assert!(again.is_initial() && again.get("Call-ID") != first.get("Call-ID"));
            }
        }
    }
}

/// SUB-16: an option that the server does not know is left out once if one was sent; one that it demands is offered only
/// if it is supported. Here neither is the case.
#[test]
fn options_that_cannot_be_helped_end_it() {
    for (status, header) in [(420, "Unsupported"), (421, "Require")] {
        let mut stage = Stage::new();
        let first = stage.expect();
        stage.respond(&first, status, &[(header, "eventlist")]);
        assert!(stage.sent().is_none(), "{status}");
        let told = stage.told();
        assert!(told.last().unwrap().starts_with("ended "), "{told:?}");
    }
}

/// SUB-19: the Contacts of a redirection in the order of preference, none twice, five at most; then it ends.
#[test]
fn redirections_are_followed_in_order_and_not_for_ever() {
    let mut stage = Stage::new();
    let first = stage.expect();
    let contacts =
        "<sip:b@example.org>;q=0.5, <sip:a@example.org>;q=0.9, <tel:+1>, <sip:B@example.org>;q=0.1";
    stage.respond(&first, 302, &[("Contact", contacts)]);
    let second = stage.expect();
    assert_eq!(second.request.uri, "sip:a@example.org");
    assert_eq!(second.get("Call-ID"), first.get("Call-ID"));
    assert_eq!((second.get("To"), second.cseq()), (first.get("To"), 2));
    stage.respond(&second, 480, &[]);
    assert_eq!(stage.expect().request.uri, "sip:b@example.org");

    let mut stage = Stage::new();
    let mut asked = Vec::new();
    for number in 0..20 {
        let Some(sent) = stage.sent() else { break };
        assert!(!asked.contains(&sent.request.uri), "{}", sent.request.uri);
        asked.push(sent.request.uri.clone());
        let back = format!("<sip:n{number}@example.org>, <{}>", sent.request.uri);
        stage.respond(&sent, 302, &[("Contact", &back)]);
    }
    assert_eq!(asked.len(), 6, "{asked:?}");
    assert_eq!(stage.told().last().unwrap(), "ended redirected");
}

/// SUB-20, SEC-18: attempts that fail come at growing distances, none at the same instant for all, and end.
#[test]
fn attempts_in_vain_back_off_and_end() {
    let mut stage = Stage::new();
    let mut pauses = Vec::new();
    while let Some(sent) = stage.sent() {
        stage.fail(&sent, SendFailure::Unreachable);
        if stage.engine.poll_timeout().is_some() {
            pauses.push(stage.wake().as_millis());
        }
    }
    assert_eq!(stage.told().last().unwrap(), "ended gave-up");
    assert_eq!(pauses.len(), 10);
    assert!(
        pauses.windows(2).take(7).all(|pair| pair[0] < pair[1]),
        "{pauses:?}"
    );
    assert!(pauses.iter().all(|pause| *pause <= 300_000), "{pauses:?}");
    assert!(
        pauses.iter().any(|pause| pause % 1000 != 0),
        "jitter: {pauses:?}"
    );
}

/// OMA-10, OMA-11, OMA-12: the server's address comes from 200 and 202 alike, and a 2xx without it breaks nothing.
#[test]
fn the_server_is_named_by_the_contact_of_a_2xx() {
    for (status, contact) in [(200, FOCUS), (202, FOCUS), (200, ""), (202, "")] {
        let mut stage = Stage::new();
        let first = stage.expect();
        stage.respond(&first, status, &[("Expires", "3600"), ("Contact", contact)]);
        let server = stage.engine.state(stage.watch).unwrap().server;
        stage.notify(Notify::of(&first, &full(1, &[1, 2])));
        assert_eq!(stage.shown(), Shown::Active, "{status}");
        let told = stage.told();
        let missing = told.iter().any(|told| told == "deviation contact-missing");
        assert_eq!(missing, contact.is_empty(), "{status} {told:?}");
        if !contact.is_empty() {
            let _ = server;
            let named = stage.engine.state(stage.watch).unwrap().server;
            assert_eq!(named.as_deref(), Some("sip:focus@198.51.100.7:5070"));
        }
        stage.wake();
        assert_eq!(stage.expect().request.uri, "sip:focus@198.51.100.7:5070");
    }
}

/// SEC-02, SEC-05: an unprotected path is shown; a sips conference is asked for by a sips Contact.
#[test]
fn protection_is_shown_and_kept() {
    for protected in [false, true] {
        let mut stage = Stage::registered(|_| {}, |facts| facts.protected = protected);
        let first = stage.expect();
        stage.respond(&first, 200, &[]);
        let state = stage.engine.state(stage.watch).unwrap();
        assert_eq!(state.protected, protected);
        let account = stage.account;
        stage.on(|engine, now, _| engine.watch(now, account, "sips:room@example.org").unwrap());
        let secure = stage.expect();
        assert!(
            secure.get("Contact").contains("<sips:alice@"),
            "{}",
            secure.get("Contact")
        );
    }
}

/// SUB-09: a new network is told to the notifier at once.
#[test]
fn a_new_contact_reaches_the_notifier() {
    let (mut stage, _) = Stage::active();
    let account = stage.account;
    stage.on(|engine, now, _| {
        engine.set_registration(
            now,
            account,
            rollmark_core::registration::Registration {
                contact: "sip:alice@203.0.113.9".into(),
                ..Default::default()
            },
        );
        engine.handle_fact(now, Fact::FlowLost);
    });
    assert!(
        stage
            .expect()
            .get("Contact")
            .starts_with("<sip:alice@203.0.113.9>")
    );
}
