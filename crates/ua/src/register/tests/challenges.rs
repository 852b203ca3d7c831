//! Challenges: digest, AKA, and those that lead nowhere (RFC 3261 §22, RFC 3310, SEC-10, SEC-11).

use rollmark::core::registration::{Evidence, SipCore};

use super::*;

/// IMS-02, TS 24.229 §5.1.1.2: what the registrar is told, and what the host then knows.
#[test]
fn a_registration_by_digest_from_the_first_request_to_its_facts() {
    let mut world = World::new(with_password());
    let (request, next_hop) = &world.sent[0];
    assert_eq!(
        (request.uri.as_str(), next_hop.as_str()),
        ("sip:ims.test", PROXY)
    );
    let headers = &request.headers;
    assert_eq!(headers.get("To"), Some("<sip:alice@ims.test>"));
    assert_eq!(
        headers.get("Contact"),
        Some("<sip:alice@192.0.2.1:5060>;+g.oma.sip-im")
    );
    assert_eq!(headers.get("Expires"), Some("600000"));
    assert_eq!(headers.get("Supported"), Some("path"));
    for absent in [
        "Authorization",
        "Route",
        "Security-Client",
        "Require",
        "P-Access-Network-Info",
    ] {
        assert_eq!(headers.get(absent), None, "{absent}");
    }
    assert_eq!(world.state(), RegistrationState::Pending);

    world.answer(&challenge(SHA256));
    let authorization = world.last().get("Authorization").unwrap();
    assert!(
        authorization.contains("username=\"alice-private\"") && authorization.contains("SHA-256")
    );
    assert_eq!(world.last().get("CSeq"), Some("2 REGISTER"));
    assert_eq!(
        world.last().get("Call-ID"),
        world.sent[0].0.headers.get("Call-ID")
    );
    world.answer(&ok("3600"));
    let facts = world.registrar.facts();
    assert_eq!(facts.state, RegistrationState::Active);
    assert_eq!(facts.sip_core(), (SipCore::Ims, Evidence::Answer));
    assert_eq!(facts.mechanism, Some(Mechanism::Digest));
    assert_eq!(facts.default_identity(), Some("sip:alice@ims.test"));
    assert_eq!(facts.next_hop(), Some(PROXY));
    assert_eq!(world.faults, []);
    // RFC 7616 §3.3: the renewal is authorized at once, with the nonce count gone up.
    assert_eq!(world.wake(), 3000);
    assert!(
        world
            .last()
            .get("Authorization")
            .unwrap()
            .contains("nc=00000002")
    );
    assert_eq!(
        world.state(),
        RegistrationState::Active,
        "while it is renewed"
    );
}

/// RFC 3310, TS 24.229 §5.1.1.5.1: the sequence number is kept before the answer goes out.
#[test]
fn a_registration_by_aka() {
    let mut world = World::new(with_sim(32));
    let first = world.last().get("Authorization").unwrap();
    assert!(first.contains("username=\"alice@ims.test\"") && first.contains("response=\"\""));
    world
        .registrar
        .handle_response(world.now, &challenge(&aka(K, 64)));
    assert!(matches!(
        world.registrar.poll_output(),
        Some(Output::KeepSequence(64))
    ));
    assert!(matches!(
        world.registrar.poll_output(),
        Some(Output::Send { .. })
    ));
    world.answer(&ok("600"));
    assert_eq!(world.state(), RegistrationState::Active);
    // The same challenge once more is not believed.
    assert_eq!(world.wake(), 300);
    world.answer(&challenge(&aka(K, 64)));
    assert!(
        world
            .last()
            .get("Authorization")
            .unwrap()
            .contains("auts=\"")
    );
    world.answer(&challenge(&aka(K, 96))).answer(&ok("600"));
    assert_eq!(world.state(), RegistrationState::Active);
    assert_eq!(world.kept, [96]);
    assert_eq!(world.faults, []);
}

#[test]
fn a_sequence_number_that_cannot_be_kept_sends_no_answer() {
    let mut world = World::new(with_sim(0));
    world
        .registrar
        .handle_response(world.now, &challenge(&aka(K, 32)));
    assert!(matches!(
        world.registrar.poll_output(),
        Some(Output::KeepSequence(32))
    ));
    world
        .registrar
        .handle_store_failure(world.now, "disk full".into());
    world.drain();
    assert_eq!(world.sent.len(), 1);
    assert_eq!(world.faults, [(Fault::Store("disk full".into()), None)]);
}

/// Who asks twice, and what the user is told.
#[test]
fn challenges_that_lead_nowhere_end_with_their_reason() {
    let stale = format!("{DIGEST}, stale=true");
    let aka_new = aka(K, 64);
    let aka_old = aka(K, 1);
    let aka_forged = aka([1; 16], 64);
    let junk = r#"Digest realm="r", nonce="AAAA", algorithm=AKAv1-MD5"#;
    let basic = r#"Basic realm="r""#;
    let v2 = r#"Digest realm="r", nonce="n", algorithm=AKAv2-MD5"#;
    let table: [(&str, Settings, Vec<&str>, Fault); 10] = [
        (
            "wrong password",
            with_password(),
            vec![DIGEST, DIGEST],
            Fault::WrongSecret,
        ),
        (
            "stale for ever",
            with_password(),
            vec![DIGEST, &stale, &stale, &stale],
            Fault::WrongSecret,
        ),
        (
            "no password",
            settings(),
            vec![DIGEST],
            Fault::NoSecret("MD5".into()),
        ),
        (
            "no SIM",
            with_password(),
            vec![&aka_new],
            Fault::NoSecret("AKAv1-MD5".into()),
        ),
        (
            "a SIM, but digest",
            with_sim(0),
            vec![DIGEST],
            Fault::NoSecret("MD5".into()),
        ),
        (
            "AKAv2",
            with_sim(0),
            vec![v2],
            Fault::NoSecret("AKAv2-MD5".into()),
        ),
        (
            "no digest at all",
            with_password(),
            vec![basic],
            Fault::NoSecret("something other than digest".into()),
        ),
        (
            "not the network's",
            with_sim(0),
            vec![&aka_forged, &aka_forged],
            Fault::NetworkNotAuthentic,
        ),
        (
            "out of step for ever",
            with_sim(32),
            vec![&aka_old, &aka_old],
            Fault::Sequence,
        ),
        (
            "no challenge in the nonce",
            with_sim(0),
            vec![junk],
            Fault::Challenge,
        ),
    ];
    for (what, settings, challenges, fault) in table {
        let mut world = World::new(settings);
        let count = challenges.len();
        for value in challenges {
            world.answer(&challenge(value));
        }
        assert_eq!(world.faults, [(fault, None)], "{what}");
        assert_eq!(world.sent.len(), count, "{what}: nothing more is sent");
        assert_eq!(world.registrar.next_wake(), None, "{what}");
        assert_eq!(world.state(), RegistrationState::Ended, "{what}");
    }
}

/// TS 24.229 §5.1.1.5.3: a forged challenge is answered without response and without auts.
#[test]
fn a_network_that_does_not_know_the_key_learns_nothing() {
    let mut world = World::new(with_sim(0));
    world.answer(&challenge(&aka([1; 16], 32)));
    let authorization = world.last().get("Authorization").unwrap();
    assert!(authorization.contains("response=\"\"") && !authorization.contains("auts"));
    world.answer(&ok("600"));
    assert_eq!(
        world.state(),
        RegistrationState::Ended,
        "not even a 200 makes it ours"
    );
    assert_eq!(*world.fault(), Fault::NetworkNotAuthentic);
}

/// A stale nonce is no wrong password.
#[test]
fn a_stale_nonce_is_answered_again() {
    let mut world = World::new(with_password());
    let fresh = DIGEST.replace("n1", "n2");
    world
        .answer(&challenge(DIGEST))
        .answer(&challenge(&format!("{fresh}, stale=TRUE")))
        .answer(&ok("600"));
    assert_eq!(world.faults, []);
    assert_eq!(world.state(), RegistrationState::Active);
}
