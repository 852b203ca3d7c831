//! Answers by which an IMS core says that the registration is what is wrong (RFC 3329 §2.3.1, TS 24.229 §5.1.2A.1.6;
//! IMS-36…45): the host is asked to register anew, the request follows once, and nothing goes round in circles.

use rollmark_core::engine::{REGISTER_PATIENCE, What};
use rollmark_core::host::{SendFailure, Trouble};
use rollmark_core::message::Headers;
use rollmark_core::subscription::Shown;
use rollmark_tests::world::stage::{Notify, ROOM, Sent, Stage, full};

use crate::core::{ims, ims_active, refuse, register, registered};

fn anew(stage: &mut Stage) {
    let mut facts = registered();
    facts.service_route = Some(vec!["<sip:orig@new.test;lr>".into()]);
    register(stage, facts);
}

fn ended(stage: &mut Stage) -> Option<String> {
    stage
        .told()
        .into_iter()
        .find(|told| told.starts_with("ended"))
}

const RESTORATION: &str = "<ims-3gpp version=\"1\"><alternative-service><type>restoration</type><reason>x</reason>\
    <action>initial-registration</action></alternative-service></ims-3gpp>";

fn restore(stage: &mut Stage, sent: &Sent, asserted: Option<&str>, body: &str) {
    let mut headers = Headers::new();
    headers.push("To", format!("<{ROOM}>"));
    headers.push("Content-Type", "application/3gpp-ims+xml");
    if let Some(asserted) = asserted {
        headers.push("P-Asserted-Identity", asserted);
    }
    stage.answer_request(sent, 504, "Server Time-out", headers, body);
}

type Refusal = (
    u16,
    &'static str,
    &'static [(&'static str, &'static str)],
    Trouble,
);

const TABLE: [Refusal; 7] = [
    (
        494,
        "Security Agreement Required",
        &[("Require", "sec-agree")],
        Trouble::Agreement,
    ),
    (
        421,
        "Extension Required",
        &[("Require", "sec-agree")],
        Trouble::Agreement,
    ),
    (
        420,
        "Bad Extension",
        &[("Unsupported", "Sec-Agree")],
        Trouble::Agreement,
    ),
    (403, "You must register first", &[], Trouble::NotRegistered),
    (
        403,
        "Forbidden",
        &[("Warning", "399 pcscf \"not registered\"")],
        Trouble::NotRegistered,
    ),
    (503, "Service Unavailable", &[], Trouble::Path),
    (
        503,
        "Service Unavailable",
        &[("Retry-After", "33")],
        Trouble::Path,
    ),
];

/// IMS-38, IMS-39, IMS-40: each of these asks the host once; its new registration is followed by one request, by the new
/// route; the same answer again is an outcome.
#[test]
fn the_host_registers_and_the_request_follows_once() {
    for (status, reason, headers, trouble) in TABLE {
        let mut stage = ims();
        let first = stage.expect();
        refuse(&mut stage, &first, status, reason, headers);
        assert_eq!(stage.troubles, [trouble], "{status} {reason}");
        assert!(trouble.wants_initial());
        assert!(stage.sent().is_none());
        assert_eq!(stage.told().last().unwrap(), "subscribing refused");
        stage.pass_secs(60);
        assert!(stage.sent().is_none(), "before the host has registered");
        anew(&mut stage);
        let second = stage.expect();
        assert_eq!(second.routes()[1], "<sip:orig@new.test;lr>");
        assert!(second.is_initial() && second.get("Call-ID") != first.get("Call-ID"));
        assert_eq!(second.get("Require"), "sec-agree");
        assert!(stage.sent().is_none());
        refuse(&mut stage, &second, status, reason, headers);
        // Not a second time.
        assert_eq!(stage.troubles.len(), 1);
        if status == 503 {
            assert_eq!(ended(&mut stage), None);
        } else {
            assert!(ended(&mut stage).is_some(), "{status}");
        }
        // SEC-18: and the end of it is near.
        let mut requests = 0;
        for _ in 0..2000 {
            stage.pass_secs(5);
            while let Some(sent) = stage.sent() {
                requests += 1;
                refuse(&mut stage, &sent, status, reason, headers);
                anew(&mut stage);
            }
        }
        assert!(requests <= 25, "{status}: {requests}");
        assert!(stage.troubles.len() <= 13, "{status}: {:?}", stage.troubles);
    }
}

/// IMS-36: other words of the same codes are the server's own, and no reason to register.
#[test]
fn other_refusals_are_none_of_the_registration() {
    for (status, reason, headers, end) in [
        (
            403,
            "Forbidden",
            [("Server", "as")],
            Some("ended forbidden"),
        ),
        (
            404,
            "Not Found",
            [("Server", "as")],
            Some("ended not-found"),
        ),
        (
            420,
            "Bad Extension",
            [("Unsupported", "x")],
            Some("ended refused"),
        ),
        (
            421,
            "Extension Required",
            [("Require", "x")],
            Some("ended refused"),
        ),
        (480, "Gone", [("Server", "as")], None),
        (486, "Busy", [("Server", "as")], None),
        (500, "Oops", [("Server", "as")], None),
        (500, "Oops", [("Retry-After", "5")], None),
        (408, "Timeout", [("Server", "s-cscf")], None),
        (603, "No", [("Server", "as")], Some("ended refused")),
    ] {
        let mut stage = ims();
        let first = stage.expect();
        refuse(&mut stage, &first, status, reason, &headers);
        assert!(stage.troubles.is_empty(), "{status}");
        assert_eq!(ended(&mut stage).as_deref(), end, "{status}");
    }
}

/// IMS-40: a short Retry-After is waited for, once; then the way is broken.
#[test]
fn a_short_wait_is_waited() {
    let mut stage = ims();
    let first = stage.expect();
    refuse(&mut stage, &first, 503, "Busy", &[("Retry-After", "30")]);
    assert!(stage.troubles.is_empty());
    stage.pass_secs(29);
    assert!(stage.sent().is_none());
    stage.pass_secs(1);
    let second = stage.expect();
    refuse(&mut stage, &second, 503, "Busy", &[("Retry-After", "30")]);
    assert_eq!(stage.troubles, [Trouble::Path]);
    stage.pass_secs(60);
    assert!(stage.sent().is_none());
    anew(&mut stage);
    stage.begin();
    assert_eq!(stage.shown(), Shown::Active);
}

/// IMS-41, IMS-42, IMS-43: 504 with the restoration body from a proxy of the registration, and the three that are not it.
#[test]
fn restoration() {
    let own = Some("<sip:orig@s1.test>");
    let other_action = RESTORATION.replace("initial-registration", "emergency-registration");
    for (asserted, body, recovers) in [
        (own, RESTORATION, true),
        (Some("<sip:term@pcscf.test>"), RESTORATION, true),
        (None, RESTORATION, false),
        (Some("<sip:mallory@evil.test>"), RESTORATION, false),
        (own, other_action.as_str(), false),
        (own, "<ims-3gpp", false),
        (own, "", false),
    ] {
        let mut stage = ims();
        let first = stage.expect();
        restore(&mut stage, &first, asserted, body);
        if recovers {
            assert_eq!(stage.troubles, [Trouble::Restoration]);
            stage.pass_secs(60);
            assert!(stage.sent().is_none());
            anew(&mut stage);
            stage.begin();
        } else {
            // As any other 5xx: later, and by itself.
            assert!(stage.troubles.is_empty(), "{asserted:?} {body}");
            stage.pass_secs(2);
            assert!(stage.sent().is_some());
        }
    }
}

/// IMS-39, IMS-40, SUB-49: a refused refresh leaves the subscription as it is; after the host's registration it is sent once
/// more, in the dialog, and nobody has left.
#[test]
fn a_refused_refresh_is_repeated_after_the_registration() {
    let (mut stage, first) = ims_active();
    stage.wake();
    let refresh = stage.expect();
    refuse(
        &mut stage,
        &refresh,
        494,
        "Security Agreement Required",
        &[],
    );
    assert_eq!(stage.troubles, [Trouble::Agreement]);
    assert_eq!(stage.shown(), Shown::Active);
    assert!(stage.sent().is_none());
    let mut facts = registered();
    facts.security_server = vec!["ipsec-3gpp;spi-c=77".into()];
    register(&mut stage, facts);
    let again = stage.expect();
    assert!(!again.is_initial());
    assert_eq!(again.get("Call-ID"), first.get("Call-ID"));
    assert_eq!(again.get("Security-Verify"), "ipsec-3gpp;spi-c=77");
    stage.respond(&again, 200, &[("Expires", "3600")]);
    stage.notify(Notify::of(&first, &full(2, &[1, 2])));
    assert!(stage.told().iter().all(|told| !told.starts_with("left")));
}

/// IMS-44: no answer at all is told to the host; the subscription is handled as ever (SUB-50).
#[test]
fn silence_is_told() {
    let mut stage = ims();
    let first = stage.expect();
    stage.fail(&first, SendFailure::NoAnswer);
    assert_eq!(stage.troubles, [Trouble::NoAnswer]);
    stage.pass_secs(2);
    assert!(stage.sent().is_some());
    let (mut plain, _) = Stage::active();
    plain.wake();
    let refresh = plain.expect();
    plain.fail(&refresh, SendFailure::NoAnswer);
    assert!(plain.troubles.is_empty());
}

/// IMS-45: no redirection leads around the P-CSCF.
#[test]
fn redirections_are_not_followed() {
    for status in [301, 302, 305] {
        let mut stage = ims();
        let first = stage.expect();
        stage.respond(&first, status, &[("Contact", "<sip:other.test>")]);
        assert!(stage.sent().is_none());
        assert_eq!(ended(&mut stage).as_deref(), Some("ended redirected"));
    }
}

/// SEC-18: a host that never registers anew does not hold a subscription up for ever, nor is it asked in a loop.
#[test]
fn a_host_that_does_not_register() {
    let mut stage = ims();
    let first = stage.expect();
    refuse(&mut stage, &first, 494, "Security Agreement Required", &[]);
    stage.pass(REGISTER_PATIENCE);
    let again = stage.expect();
    refuse(&mut stage, &again, 494, "Security Agreement Required", &[]);
    assert_eq!(stage.troubles.len(), 1);
    let told = stage.events();
    assert!(
        matches!(
            told.last(),
            Some(What::Ended {
                status: Some(494),
                ..
            })
        ),
        "{told:?}"
    );
    // The user may go while it is waited for.
    let mut stage = ims();
    let first = stage.expect();
    refuse(&mut stage, &first, 494, "Security Agreement Required", &[]);
    stage.unsubscribe();
    anew(&mut stage);
    assert!(stage.sent().is_none());
}
