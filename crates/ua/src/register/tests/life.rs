//! The life of a registration: answers, waits, renewal, lapse, change of network, end (RFC 3261 §10.2, TS 24.229 §5.1.1.4).

use rollmark::core::registration::SipCore;

use super::*;

/// Final answers: the fault, and whether it tries again by itself.
#[test]
fn final_answers_are_told_and_only_what_passes_is_tried_again() {
    let unavailable = |status| Fault::Unavailable {
        status,
        reason: "Because".into(),
    };
    let refused = |status| Fault::Refused {
        status,
        reason: "Because".into(),
    };
    type Row = (
        u16,
        &'static [(&'static str, &'static str)],
        Fault,
        Option<u64>,
    );
    let table: [Row; 14] = [
        (403, &[], refused(403), None),
        (404, &[], refused(404), None),
        (600, &[], refused(600), None),
        (302, &[("Contact", "<sip:x>")], Fault::Redirected(302), None),
        (305, &[], Fault::Redirected(305), None),
        (
            420,
            &[("Unsupported", "path")],
            Fault::Extension("path".into()),
            None,
        ),
        (
            421,
            &[("Require", "sec-agree")],
            Fault::NoAgreement("421"),
            None,
        ),
        (494, &[], Fault::NoAgreement("494"), None),
        (423, &[], Fault::IntervalTooBrief, None),
        (423, &[("Min-Expires", "5")], Fault::IntervalTooBrief, None),
        (500, &[("Retry-After", "77")], unavailable(500), Some(77)),
        (
            503,
            &[("Retry-After", "7 (soon)")],
            unavailable(503),
            Some(7),
        ),
        (480, &[("Retry-After", "9")], unavailable(480), Some(9)),
        (200, &[("Expires", "0")], Fault::NoBinding, None),
    ];
    for (status, lines, fault, wait) in table {
        let mut world = World::new(with_password());
        world.answer(&response(status, lines));
        assert_eq!(
            world.faults,
            [(fault.clone(), wait.map(Duration::from_secs))],
            "{status}"
        );
        assert_eq!(fault.passes(), wait.is_some());
        match wait {
            Some(wait) => {
                assert_eq!(world.state(), RegistrationState::Pending);
                assert_eq!(world.wake(), wait);
                assert_eq!(world.sent.len(), 2);
            }
            None => assert_eq!(world.registrar.next_wake(), None, "{status}"),
        }
        assert!(!fault.to_string().is_empty());
    }
}

/// RFC 5626 §4.5: without Retry-After the waits grow, within bounds; an asked-for registration is made at once.
#[test]
fn silence_is_met_with_growing_waits() {
    let mut world = World::new(with_password());
    let mut before = 0;
    for (n, failure) in [
        SendFailure::NoAnswer,
        SendFailure::Unreachable,
        SendFailure::NoAnswer,
    ]
    .into_iter()
    .enumerate()
    {
        world.fail(failure);
        let waited = world.wake();
        let bound = 30 << n;
        assert!((bound / 2..=bound).contains(&waited), "{n}: {waited}");
        assert!(waited >= before);
        before = waited;
    }
    assert_eq!(world.sent.len(), 4);
    world.fail(SendFailure::NoAnswer);
    world.registrar.register();
    world.drain();
    assert_eq!(world.sent.len(), 5);
    world.answer(&ok("600"));
    world.fail(SendFailure::NoAnswer);
    assert_eq!(
        world.state(),
        RegistrationState::Active,
        "nothing was under way"
    );
}

/// RFC 3261 §10.2.8.
#[test]
fn an_interval_too_brief_is_lengthened_once() {
    let mut world = World::new(Settings {
        expires: 60,
        ..with_password()
    });
    world.answer(&response(423, &[("Min-Expires", "900")]));
    assert_eq!(world.last().get("Expires"), Some("900"));
    world.answer(&response(423, &[("Min-Expires", "1800")]));
    assert_eq!(*world.fault(), Fault::IntervalTooBrief);
}

/// TS 24.229 §5.1.1.4.1; IMS-07: what the renewal does not say is gone.
#[test]
fn a_registration_is_renewed_and_its_facts_with_it() {
    let mut world = World::new(settings());
    world.answer(&ok("1800"));
    assert_eq!(world.wake(), 1200);
    world.answer(&response(200, &[("Expires", "100")]));
    let facts = world.registrar.facts();
    assert_eq!(facts.service_route, Some(vec![]));
    assert_eq!(facts.sip_core().0, SipCore::Sip);
    assert_eq!(facts.mechanism, None, "nobody asked who it is");
    assert_eq!(world.wake(), 50);
}

/// A registration whose renewal meets silence lapses, is said to have, and comes back.
#[test]
fn a_registration_that_cannot_be_renewed_lapses() {
    let mut world = World::new(settings());
    world.answer(&ok("20"));
    assert_eq!(world.wake(), 10);
    assert_eq!(world.sent.len(), 2);
    assert_eq!(world.wake(), 10);
    assert_eq!(*world.fault(), Fault::Lapsed);
    assert_eq!(world.state(), RegistrationState::Pending);
    assert_eq!(world.registrar.facts().service_route, None);
    world.answer(&ok("20"));
    assert_eq!(world.state(), RegistrationState::Active);
    assert!(world.registrar.facts().service_route.is_some());
}

/// RFC 3261 §10.2.2, SW-13: the binding is removed, whatever state it is in; nothing follows.
#[test]
fn deregistration_in_every_state() {
    // Before anything was sent, there is nothing to remove.
    let mut idle = Registrar::new(settings(), [1; 32]).unwrap();
    idle.deregister();
    assert!(matches!(idle.poll_output(), Some(Output::Facts(_))));
    assert!(matches!(idle.poll_output(), Some(Output::Ended)));

    // Registered, challenged again on the way out.
    let mut world = World::new(with_password());
    world.answer(&ok("600"));
    world.registrar.deregister();
    world.drain();
    assert_eq!(world.last().get("Expires"), Some("0"));
    world.answer(&challenge(DIGEST));
    assert_eq!(world.last().get("Expires"), Some("0"));
    assert!(world.last().get("Authorization").is_some());
    assert!(!world.ended);
    world.answer(&response(200, &[]));
    assert!(world.ended);
    assert_eq!(world.state(), RegistrationState::Ended);
    assert_eq!(world.registrar.next_wake(), None);
    world.registrar.register();
    world.drain();
    assert_eq!(world.sent.len(), 3, "an ended one does not begin again");

    // While the first REGISTER is under way: its binding is removed as soon as it is known.
    let mut world = World::new(settings());
    world.registrar.deregister();
    world.drain();
    assert_eq!(world.sent.len(), 1);
    world.answer(&ok("600"));
    assert_eq!(world.last().get("Expires"), Some("0"));
    world.fail(SendFailure::NoAnswer);
    assert!(world.ended);
    assert_eq!(world.faults, []);
}

/// RFC 3261 §10.2.4: a new address is told at once, once, also when a REGISTER is under way.
#[test]
fn a_change_of_network_registers_anew() {
    let mut world = World::new(settings());
    world
        .registrar
        .handle_network_change("sip:alice@198.51.100.1:7");
    world
        .registrar
        .handle_network_change("sip:alice@198.51.100.1:8");
    world.drain();
    assert_eq!(world.sent.len(), 1);
    world.answer(&ok("600"));
    assert_eq!(world.sent.len(), 2);
    assert!(
        world
            .last()
            .get("Contact")
            .unwrap()
            .contains("198.51.100.1:8")
    );
    world.answer(&ok("600"));
    assert_eq!(world.registrar.facts().contact, "sip:alice@198.51.100.1:8");
}

/// IMS-18: told only where it may be.
#[test]
fn access_network_info_needs_protection_or_consent() {
    let mut settings = settings();
    settings.facts.access_network = Some("IEEE-802.11".into());
    assert_eq!(
        World::new(settings.clone())
            .last()
            .get("P-Access-Network-Info"),
        None
    );
    settings.facts.access_network_unprotected = true;
    let mut world = World::new(settings);
    assert_eq!(
        world.last().get("P-Access-Network-Info"),
        Some("IEEE-802.11")
    );
    world
        .registrar
        .set_access_network(Some("IEEE-802.3".into()));
    world.answer(&ok("600"));
    world.wake();
    assert_eq!(
        world.last().get("P-Access-Network-Info"),
        Some("IEEE-802.3")
    );
}

#[test]
fn an_identity_without_host_needs_a_home_domain() {
    let tel = Settings::new("tel:+1555");
    assert_eq!(
        Registrar::new(tel.clone(), [0; 32]).err(),
        Some(Fault::NoHomeDomain("tel:+1555".into()))
    );
    let home_domain = Some("ims.test".to_owned());
    let settings = Settings { home_domain, ..tel };
    assert_eq!(World::new(settings).sent[0].0.uri, "sip:ims.test");
}

/// A GRUU is asked for with an instance, and found (RFC 5627).
#[test]
fn gruus_are_asked_for_and_kept() {
    let instance = "<urn:uuid:00000000-0000-4000-8000-000000000001>";
    let mut world = World::new(Settings {
        instance: Some(instance.into()),
        ..settings()
    });
    let contact = world.last().get("Contact").unwrap().to_owned();
    assert!(contact.contains(&format!("+sip.instance=\"{instance}\"")));
    assert_eq!(world.last().get("Supported"), Some("path, gruu"));
    let answered = format!(
        "{contact};pub-gruu=\"sip:alice@ims.test;gr=1\";temp-gruu=\"sip:t@ims.test;gr\";expires=90"
    );
    world.answer(&response(200, &[("Contact", &answered)]));
    let facts = world.registrar.facts();
    assert_eq!(
        facts.public_gruu.as_deref(),
        Some("sip:alice@ims.test;gr=1")
    );
    assert_eq!(facts.temporary_gruu.as_deref(), Some("sip:t@ims.test;gr"));
    assert_eq!(world.wake(), 45);
}
