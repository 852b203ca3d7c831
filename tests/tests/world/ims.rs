//! IMS mode: what is sent, what is held back, what is refused (TS 24.229; IMS-01…37, SEC-03, OMA-20, OMA-26).

use rollmark_core::account::AccountSettings;
use rollmark_core::host::Flow;
use rollmark_core::profile::{Auto, Ims, Registration, Settings};
use rollmark_core::registration::{Mechanism, RegistrationState};
use rollmark_core::subscription::{Cause, Shown};
use rollmark_tests::world::stage::{ALICE, CONTACT, FOCUS, Notify, ROOM, Stage, full};

use crate::core::{digest, ims, ims_active, ims_with, is_ims, register, registered};

fn why(stage: &Stage) -> Option<Cause> {
    stage.engine.state(stage.watch).expect("a state").why
}

/// IMS-09, IMS-12, IMS-16, IMS-21, IMS-22, IMS-24, IMS-29, IMS-51, OMA-20, OMA-26, OMA-27, OMA-28: the whole first
/// SUBSCRIBE over IPsec.
#[test]
fn the_golden_subscribe() {
    let first = ims().expect();
    let random = ["From", "Call-ID"];
    let lines: Vec<String> = first
        .request
        .headers
        .iter()
        .filter(|line| !random.contains(&line.name.as_str()))
        .map(|line| format!("{}: {}", line.name, line.value))
        .collect();
    let product = concat!(
        "User-Agent: IM-client/OMA1.0 rollmark/",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        lines,
        [
            "Route: <sip:pcscf.test:5064;lr>",
            "Route: <sip:orig@s1.test;lr>",
            "Route: <sip:s2.test;lr>",
            "Max-Forwards: 70",
            "To: <sip:room@example.org;gr=urn:x>",
            "CSeq: 1 SUBSCRIBE",
            "Event: conference",
            "Accept: application/conference-info+xml",
            "Expires: 3600",
            "Contact: <sip:alice@192.0.2.1:5060>;+g.oma.sip-im",
            "Accept-Contact: *;+g.oma.sip-im;require;explicit",
            "P-Preferred-Identity: <sip:alice@example.org>",
            "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1",
            "Security-Verify: ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=1;port-s=5064",
            "Require: sec-agree",
            "Proxy-Require: sec-agree",
            "Allow: NOTIFY",
            product,
        ]
    );
    assert!(
        first
            .get("From")
            .starts_with("<sip:alice@example.org>;tag=")
    );
    assert_eq!(first.next_hop, "sip:pcscf.test:5064;lr");
    assert_eq!(first.request.uri, ROOM);
}

/// OMA-20, OMA-29, SW-02, SW-03: the same user on a plain core says nothing of IMS, whatever the registration holds.
#[test]
fn plain_mode_says_nothing_of_ims() {
    let mut stage = Stage::registered(|_| {}, |facts| *facts = registered());
    let first = stage.begin();
    assert!(!is_ims(&first), "{first:?}");
    assert_eq!(first.routes()[0], "<sip:pcscf.test:4060;lr>");
    stage.wake();
    assert!(!is_ims(&stage.expect()));
    let answer = stage.answer(Notify::of(&first, &full(2, &[1])));
    assert!(answer.unwrap().headers.is_empty());
}

/// IMS-01: nothing is sent before there is a registration; it is said why, and what waits goes out with it.
#[test]
fn nothing_is_sent_before_the_registration() {
    for state in [
        RegistrationState::Unknown,
        RegistrationState::Unregistered,
        RegistrationState::Pending,
        RegistrationState::Ended,
    ] {
        let mut stage = ims_with(|_| {}, |facts| facts.state = state);
        assert!(stage.sent().is_none(), "{state:?}");
        assert_eq!(stage.told(), ["subscribing not-registered"]);
        stage.pass_secs(4000);
        assert!(stage.sent().is_none());
        register(&mut stage, registered());
        let first = stage.expect();
        assert!(first.is_initial() && is_ims(&first));
        assert!(stage.sent().is_none());
        assert_eq!(stage.told(), ["subscribing"]);
    }
    // Whoever has enough of waiting goes at once.
    let mut stage = ims_with(|_| {}, |facts| facts.state = RegistrationState::Pending);
    stage.told();
    stage.unsubscribe();
    assert_eq!(stage.told().last().unwrap(), "ended unsubscribed");
    register(&mut stage, registered());
    assert!(stage.sent().is_none());
}

/// IMS-03, IMS-04, IMS-23: the identity that is asked for, unless it is barred; then the first of P-Associated-URI, and
/// none at all when there is none.
#[test]
fn identities() {
    let used = |associated: &[&str]| {
        let mut stage = ims_with(
            |settings| settings.identity = "sip:second@example.org".into(),
            |facts| facts.associated = Some(associated.iter().map(|uri| (*uri).into()).collect()),
        );
        let sent = stage.sent()?;
        let from = sent.get("From").split(";tag").next().unwrap().to_string();
        assert_eq!(sent.get("P-Preferred-Identity"), from);
        Some(from)
    };
    let second = "<sip:second@example.org>";
    assert_eq!(
        used(&[ALICE, "sip:second@example.org"]).as_deref(),
        Some(second)
    );
    assert_eq!(
        used(&[ALICE, "tel:+1"]).as_deref(),
        Some("<sip:alice@example.org>")
    );
    assert_eq!(used(&["tel:+1", ALICE]).as_deref(), Some("<tel:+1>"));
    let mut stage = ims_with(|_| {}, |facts| facts.associated = Some(Vec::new()));
    assert!(stage.sent().is_none() || stage.told().contains(&"subscribing no-identity".into()));
    let mut stage = ims_with(
        |settings| settings.anonymous = true,
        |facts| facts.temporary_gruu = Some("sip:t@example.org;gr".into()),
    );
    let first = stage.expect();
    assert!(
        first
            .get("From")
            .starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=")
    );
    assert_eq!(first.get("Privacy"), "id");
    assert_eq!(first.get("P-Preferred-Identity"), "<sip:alice@example.org>");
    // SEC-17.
    assert_eq!(first.get("Contact"), "<sip:t@example.org;gr>;+g.oma.sip-im");
    assert_eq!(first.get("User-Agent"), "IM-client/OMA1.0");
}

/// OMA-37: 403 to who asked for anonymity is told as such, on an IMS core and without one.
#[test]
fn a_refusal_of_anonymity_is_told_as_such() {
    for anonymous in [true, false] {
        let end = match anonymous {
            true => "ended anonymity-refused",
            false => "ended forbidden",
        };
        let set = move |settings: &mut AccountSettings| settings.anonymous = anonymous;
        for mut stage in [ims_with(set, |_| {}), Stage::registered(set, |_| {})] {
            let first = stage.expect();
            assert_eq!(first.get("Privacy") == "id", anonymous);
            stage.respond(&first, 403, &[("Server", "as")]);
            assert!(
                stage.told().iter().any(|told| told.as_str() == end),
                "{end}"
            );
        }
    }
}

/// IMS-06, IMS-16, IMS-24, IMS-30, IMS-31: in the dialog its own route set, and the access network and agreement of the
/// moment; a new dialog has the new Service-Route.
#[test]
fn a_new_registration_changes_what_follows_and_not_the_route_set() {
    let mut stage = ims();
    let first = stage.expect();
    let record = "<sip:pcscf.test:5064;lr;x=1>, <sip:s1.test;lr;y=2>";
    stage.respond(&first, 200, &[("Expires", "3600")]);
    let notify = Notify::of(&first, &full(1, &[1]))
        .state("active;expires=3600")
        .with("Record-Route", record);
    assert_eq!(stage.notify(notify), 200);
    let mut next = registered();
    next.service_route = Some(vec!["<sip:orig@new.test;lr>".into()]);
    next.access_network = Some("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2".into());
    next.security_server = vec!["ipsec-3gpp;spi-c=9".into()];
    register(&mut stage, next.clone());
    assert!(stage.sent().is_none());
    stage.wake();
    let refresh = stage.expect();
    assert_eq!(
        refresh.routes(),
        ["<sip:pcscf.test:5064;lr;x=1>", "<sip:s1.test;lr;y=2>"]
    );
    assert_eq!(
        refresh.get("P-Access-Network-Info"),
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2"
    );
    assert_eq!(refresh.get("Security-Verify"), "ipsec-3gpp;spi-c=9");
    assert_eq!(refresh.get("Require"), "sec-agree");
    assert_eq!(refresh.get("Proxy-Require"), "sec-agree");
    for absent in [
        "P-Preferred-Identity",
        "Accept-Contact",
        "P-Preferred-Service",
    ] {
        assert_eq!(refresh.get(absent), "", "{absent}");
    }
    // IMS-36: the dialog is gone, so a new one is made, by the new route.
    stage.respond(&refresh, 481, &[]);
    let anew = stage.expect();
    assert_eq!(
        anew.routes(),
        ["<sip:pcscf.test:5064;lr>", "<sip:orig@new.test;lr>"]
    );
    // IMS-07, IMS-08: an answer without Service-Route leaves none; the Path is none.
    next.service_route = Some(Vec::new());
    register(&mut stage, next);
    stage.respond(&anew, 503, &[("Retry-After", "5")]);
    stage.pass_secs(6);
    assert_eq!(stage.expect().routes(), ["<sip:pcscf.test:5064;lr>"]);
}

/// IMS-32, SEC-03: a NOTIFY by another way than the registration's is refused, said once, and changes nothing; a host that
/// does not tell is not believed where the registration is protected.
#[test]
fn a_notify_by_another_way_is_refused() {
    let (mut stage, first) = ims_active();
    for flow in [Flow::Foreign, Flow::Unknown] {
        stage.flow = flow;
        let forged = Notify::of(&first, "").state("terminated;reason=noresource");
        let answer = stage.answer(forged).unwrap();
        assert_eq!(answer.status, 403);
        // A stranger is not told where the user is.
        assert!(answer.headers.is_empty());
        assert_eq!(stage.shown(), Shown::Active);
    }
    assert_eq!(stage.told(), ["deviation foreign-flow"]);
    stage.flow = Flow::Registered;
    assert_eq!(stage.notify(Notify::of(&first, &full(2, &[1, 2, 3]))), 200);
    assert_eq!(stage.users().len(), 3);
    // Without protection the address of the next hop is all there is to go by.
    let mut stage = ims_with(|_| {}, |facts| *facts = digest());
    stage.flow = Flow::Unknown;
    let first = stage.begin();
    stage.flow = Flow::Foreign;
    assert_eq!(stage.notify(Notify::of(&first, &full(2, &[]))), 403);
    // Plain: whoever knows Call-ID and tag.
    let (mut stage, first) = Stage::active();
    stage.flow = Flow::Foreign;
    assert_eq!(stage.notify(Notify::of(&first, &full(2, &[1]))), 200);
}

/// IMS-16, IMS-17, IMS-18, IMS-33: the answer to a NOTIFY says where the user is, over a protected path or with consent;
/// the answer to a CANCEL does not.
#[test]
fn answers_carry_the_access_network() {
    let (mut stage, first) = ims_active();
    let cell = "P-Access-Network-Info";
    let answer = stage.answer(Notify::of(&first, &full(2, &[1]))).unwrap();
    assert_eq!(
        answer.headers.get(cell),
        Some("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1")
    );
    let cancel = Notify::of(&first, "").with("CSeq", "9 CANCEL");
    let answer = stage.request("CANCEL", cancel).unwrap();
    assert_eq!((answer.status, answer.headers.get(cell)), (200, None));
    for (consent, told) in [
        (false, None),
        (true, Some("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1")),
    ] {
        let mut stage = ims_with(
            |_| {},
            |facts| {
                *facts = digest();
                facts.access_network_unprotected = consent;
            },
        );
        let first = stage.begin();
        assert_eq!(first.request.headers.get(cell), told);
        let answer = stage.answer(Notify::of(&first, &full(2, &[1]))).unwrap();
        assert_eq!(answer.headers.get(cell), told);
    }
    // IMS-19: a value that would end its line is sent nowhere.
    let mut stage = ims_with(
        |_| {},
        |facts| facts.access_network = Some("a\r\nX-Bad: 1".into()),
    );
    let first = stage.expect();
    assert_eq!((first.get(cell), first.get("X-Bad")), ("", ""));
}

/// IMS-34, IMS-35: who a request says to be from, or for, changes nothing here.
#[test]
fn asserted_identities_change_nothing() {
    let (mut stage, first) = ims_active();
    let notify = Notify::of(&first, &full(2, &[1, 2]))
        .with("P-Asserted-Identity", "<sip:mallory@evil.test>")
        .with("P-Called-Party-ID", "<sip:bob@example.org>");
    assert_eq!(stage.notify(notify), 200);
    let state = stage.engine.state(stage.watch).unwrap();
    assert_eq!(format!("<{}>;isfocus", state.server.unwrap()), FOCUS);
    assert_eq!(stage.users().len(), 2);
    assert!(stage.told().is_empty());
}

/// IMS-05, SW-07: the end of the registration ends the subscription here, without a word; its late NOTIFYs get 481; the
/// roster stays as stale, and the next registration brings it back without false joins (SW-06).
#[test]
fn the_end_of_the_registration_ends_subscriptions_without_a_word() {
    for state in [
        RegistrationState::Ended,
        RegistrationState::Unregistered,
        RegistrationState::Pending,
    ] {
        let (mut stage, first) = ims_active();
        let mut over = registered();
        if state == RegistrationState::Ended {
            over.end();
        }
        over.state = state;
        register(&mut stage, over);
        assert!(stage.sent().is_none(), "{state:?}");
        assert_eq!(stage.told(), ["stale not-registered"]);
        assert_eq!(stage.notify(Notify::of(&first, &full(2, &[]))), 481);
        assert_eq!(stage.users().len(), 2);
        stage.pass_secs(10_000);
        assert!(stage.sent().is_none());
        register(&mut stage, registered());
        let again = stage.begin_with(&[1, 2]);
        assert_ne!(again.get("Call-ID"), first.get("Call-ID"));
        assert_eq!(stage.told(), ["subscribing", "active"]);
        assert_eq!(stage.shown(), Shown::Active);
    }
}

/// IMS-05: a registration that the host does not renew lapses by its own time.
#[test]
fn a_registration_lapses() {
    let mut stage = ims_with(|_| {}, |facts| facts.expires = Some(100));
    stage.begin();
    stage.pass_secs(99);
    // News of the access network renew nothing.
    let mut moved = registered();
    moved.expires = Some(100);
    moved.access_network = Some("IEEE-802.11".into());
    register(&mut stage, moved.clone());
    assert_eq!(stage.shown(), Shown::Active);
    stage.pass_secs(1);
    assert_eq!(stage.told(), ["stale not-registered"]);
    assert!(stage.sent().is_none());
    register(&mut stage, moved.clone());
    stage.begin();
    stage.pass_secs(60);
    register(&mut stage, moved);
    stage.pass_secs(60);
    assert_eq!(stage.shown(), Shown::Active);
}

/// IMS-04, IMS-05: the identity in use is barred by a later registration: the subscription is made anew by another one.
#[test]
fn a_later_bar_changes_the_identity() {
    let (mut stage, first) = ims_active();
    let mut barred = registered();
    barred.associated = Some(vec!["sip:second@example.org".into()]);
    register(&mut stage, barred);
    let old = stage.expect();
    assert_eq!(
        (old.get("Call-ID"), old.get("Expires")),
        (first.get("Call-ID"), "0")
    );
    assert!(old.get("From").starts_with("<sip:alice@"));
    stage.pass_secs(1);
    let new = stage.expect();
    assert!(new.get("From").starts_with("<sip:second@example.org>"));
    assert_eq!(new.get("P-Preferred-Identity"), "<sip:second@example.org>");
}

/// IMS-37: a digest challenge is answered with the private identity; over IPsec it is a failure.
#[test]
fn challenges() {
    let challenge = [(
        "Proxy-Authenticate",
        "Digest realm=\"ims.test\", nonce=\"n\", qop=\"auth\"",
    )];
    let credentials = |settings: &mut AccountSettings| {
        settings.credentials = Some(rollmark_core::digest::Credentials {
            username: "alice@private.ims.test".into(),
            password: "secret".into(),
        });
    };
    let mut stage = ims_with(credentials, |facts| *facts = digest());
    let first = stage.expect();
    stage.respond(&first, 407, &challenge);
    let second = stage.expect();
    let answer = second.get("Proxy-Authorization");
    assert!(
        answer.contains("username=\"alice@private.ims.test\""),
        "{answer}"
    );
    let mut stage = ims_with(credentials, |_| {});
    let first = stage.expect();
    stage.respond(&first, 407, &challenge);
    assert!(stage.sent().is_none());
    assert_eq!(stage.told().last().unwrap(), "ended authentication-failed");
}

/// SW-01, SW-10, IMS-02: three settings × what the registration shows; the state says the mode and why. Automatic: a
/// registration that is being made is waited for, and its end does not make a core a plain one.
#[test]
fn modes() {
    let mode = |set: fn(&mut AccountSettings), facts: Registration| {
        let mut stage = Stage::registered(set, |held| *held = facts);
        let sent = stage.sent();
        let state = stage.engine.state(stage.watch).unwrap();
        (
            state.mode.as_str(),
            state.mode_reason.to_string(),
            sent.map(|sent| is_ims(&sent)),
        )
    };
    let plain = Registration {
        contact: CONTACT.into(),
        ..Registration::default()
    };
    let set = "the account is set to it".to_string();
    assert_eq!(
        mode(|_| {}, plain.clone()),
        ("sip", set.clone(), Some(false))
    );
    assert_eq!(
        mode(|_| {}, registered()),
        ("sip", set.clone(), Some(false))
    );
    let ims = |settings: &mut AccountSettings| {
        settings.profile = Box::new(Ims::default());
    };
    assert_eq!(mode(ims, plain.clone()), ("ims", set.clone(), None));
    assert_eq!(mode(ims, registered()), ("ims", set, Some(true)));
    let auto = |settings: &mut AccountSettings| {
        settings.profile = Box::new(Auto::default());
    };
    let (core, reason, sent) = mode(auto, plain.clone());
    assert_eq!((core, sent), ("sip", Some(false)), "{reason}");
    let (core, reason, sent) = mode(auto, registered());
    assert_eq!((core, sent), ("ims", Some(true)), "{reason}");
    assert!(reason.contains("IPsec"), "{reason}");
    let pending = Registration {
        state: RegistrationState::Pending,
        ..plain
    };
    let mut stage = Stage::registered(auto, |facts| *facts = pending);
    stage.flow = Flow::Registered;
    assert!(stage.sent().is_none());
    register(&mut stage, registered());
    stage.pass_secs(1);
    let first = stage.begin();
    assert!(is_ims(&first));
    let mut over = registered();
    over.end();
    register(&mut stage, over);
    stage.pass_secs(1000);
    assert!(stage.sent().is_none());
    assert_eq!(why(&stage), Some(Cause::NotRegistered));
    assert_eq!(
        stage.engine.state(stage.watch).unwrap().mode.as_str(),
        "ims"
    );
}

/// IMS-26, IMS-25: an operator's ICSI; no agreement with digest, NASS and GIBA.
#[test]
fn operators() {
    for mechanism in [Mechanism::Digest, Mechanism::Nass, Mechanism::Giba] {
        let mut stage = ims_with(
            |settings| {
                settings.profile = Box::new(Ims(Settings {
                    icsi: Some("urn:urn-7:3gpp-service.ims.icsi.im".into()),
                    ..Settings::default()
                }));
            },
            |facts| facts.mechanism = Some(mechanism),
        );
        let first = stage.begin();
        // IMS-10.
        assert_eq!(first.routes()[0], "<sip:pcscf.test:4060;lr>");
        assert_eq!(
            first.get("P-Preferred-Service"),
            "urn:urn-7:3gpp-service.ims.icsi.im"
        );
        stage.wake();
        for sent in [first, stage.expect()] {
            for absent in [
                "Security-Verify",
                "Require",
                "Proxy-Require",
                "Security-Client",
            ] {
                assert_eq!(sent.get(absent), "");
            }
        }
    }
}
