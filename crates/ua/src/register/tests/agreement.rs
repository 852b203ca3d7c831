//! Security agreement: offered, agreed on, mirrored, and not come about (RFC 3329 §2.3.1, IMS-24, IMS-25).

use super::*;

/// IMS-24, IMS-25, RFC 3329 §2.3.1: offered, agreed on, mirrored byte for byte.
#[test]
fn a_security_agreement_is_negotiated_and_mirrored() {
    let mut world = World::new(Settings {
        security_client: vec![OFFER.into()],
        protected_contact: "sip:alice@192.0.2.1:5063".into(),
        ..with_sim(0)
    });
    assert_eq!(world.last().get("Security-Client"), Some(OFFER));
    assert_eq!(world.last().get("Require"), Some("sec-agree"));
    assert_eq!(world.last().get("Proxy-Require"), Some("sec-agree"));
    assert_eq!(world.last().get("Security-Verify"), None);
    assert_eq!(world.last().get("Supported"), Some("path, sec-agree"));
    let listed = format!("tls;q=0.9, {SERVER}");
    world.answer(&response(
        401,
        &[
            ("WWW-Authenticate", &aka(K, 32)),
            ("Security-Server", &listed),
        ],
    ));
    assert_eq!(world.agreed, 1);
    let (request, next_hop) = world.sent.last().unwrap();
    assert_eq!(next_hop, "sip:192.0.2.9:5065;lr", "IMS-10: port-s");
    assert_eq!(
        request.headers.get("Security-Verify"),
        Some(listed.as_str())
    );
    assert_eq!(request.headers.get("Security-Client"), Some(OFFER));
    assert!(request.headers.get("Contact").unwrap().contains(":5063"));
    world.answer(&ok("600"));
    let facts = world.registrar.facts();
    assert_eq!(facts.mechanism, Some(Mechanism::IpsecAka));
    assert_eq!(facts.security_server, [listed]);
    assert_eq!(facts.next_hop(), Some("sip:192.0.2.9:5065;lr"));
    assert_eq!(facts.contact, "sip:alice@192.0.2.1:5063");
    assert!(facts.protected);
    // The renewal goes the same way.
    world.wake();
    assert_eq!(world.sent.last().unwrap().1, "sip:192.0.2.9:5065;lr");
    assert!(world.last().get("Security-Verify").is_some());
}

#[test]
fn agreements_that_do_not_come_about() {
    let offering = |settings| Settings {
        security_client: vec![OFFER.into()],
        ..settings
    };
    // AKA without Security-Server, or with nothing in common, is given up (TS 24.229 §5.1.1.5.1).
    for server in [
        None,
        Some("tls;q=0.1"),
        Some("digest"),
        Some(""),
        Some("ipsec-3gpp;port-s=0"),
    ] {
        let mut world = World::new(offering(with_sim(0)));
        let challenge = aka(K, 32);
        let mut lines = vec![("WWW-Authenticate", challenge.as_str())];
        lines.extend(server.map(|server| ("Security-Server", server)));
        world.answer(&response(401, &lines));
        assert!(matches!(world.fault(), Fault::NoAgreement(_)), "{server:?}");
        assert_eq!(world.kept, [0u64; 0], "the challenge was not taken up");
    }
    // Plain digest goes on without any of the headers (IMS-25).
    let mut world = World::new(offering(with_password()));
    world.answer(&challenge(DIGEST));
    for name in [
        "Security-Client",
        "Security-Verify",
        "Require",
        "Proxy-Require",
    ] {
        assert_eq!(world.last().get(name), None, "{name}");
    }
    world.answer(&ok("600"));
    assert_eq!(world.registrar.facts().mechanism, Some(Mechanism::Digest));
    assert!(!world.registrar.facts().protected);
    // Another Security-Server in mid-agreement.
    let mut world = World::new(offering(with_password()));
    let asked = |server| {
        let lines = [("WWW-Authenticate", DIGEST), ("Security-Server", server)];
        response(401, &lines)
    };
    world.answer(&asked(SERVER)).answer(&ok("600"));
    world.wake();
    world.answer(&asked("ipsec-3gpp;q=0.1;port-s=1"));
    assert_eq!(*world.fault(), Fault::AgreementChanged);
    assert!(!world.registrar.facts().protected);
}

/// RFC 3329 §2.3.1: of what both know the P-CSCF's preference counts, then its order.
#[test]
fn the_preferred_of_the_common_mechanisms_is_taken() {
    let both = ["ipsec-3gpp;spi-c=1, tls".to_owned()];
    let ipsec = ["IPSEC-3GPP;spi-c=1".to_owned()];
    let table: [(&[String], &[&str], Option<Mechanism>); 6] = [
        (
            &both,
            &["ipsec-3gpp;q=0.1", "tls;q=0.2"],
            Some(Mechanism::Tls),
        ),
        (
            &both,
            &["ipsec-3gpp;q=0.3, tls;q=0.2"],
            Some(Mechanism::IpsecAka),
        ),
        (
            &both,
            &["tls;q=0.2, ipsec-3gpp;q=0.2"],
            Some(Mechanism::Tls),
        ),
        (
            &ipsec,
            &["tls;q=0.9", "ipsec-3gpp;q=0.1"],
            Some(Mechanism::IpsecAka),
        ),
        (&ipsec, &["ipsec-ike;q=0.9", "digest"], None),
        (&[], &["ipsec-3gpp"], None),
    ];
    for (offered, listed, mechanism) in table {
        let headers: Headers = listed
            .iter()
            .map(|line| ("Security-Server", line))
            .collect();
        let chosen = Agreement::choose(offered, &headers);
        assert_eq!(
            chosen.as_ref().map(|chosen| chosen.mechanism),
            mechanism,
            "{listed:?}"
        );
        if let Some(chosen) = chosen {
            assert_eq!(chosen.server, listed, "all of it is mirrored");
        }
    }
}

/// IMS-10: the proxy's address, with the port that Security-Server names.
#[test]
fn the_protected_port_is_the_one_named() {
    let agreed = |server: &str| {
        let headers: Headers = [("Security-Server", server)].into_iter().collect();
        Agreement::choose(&[OFFER.to_owned()], &headers).unwrap()
    };
    let table = [
        (SERVER, PROXY, Some("sip:192.0.2.9:5065;lr")),
        (
            SERVER,
            "sip:p.test;transport=tcp;lr",
            Some("sip:p.test:5065;transport=tcp;lr"),
        ),
        (
            SERVER,
            "sip:[2001:db8::1]:5060;lr",
            Some("sip:[2001:db8::1]:5065;lr"),
        ),
        ("ipsec-3gpp;port-s=0", PROXY, None),
        ("ipsec-3gpp;port-s=x", PROXY, None),
        ("ipsec-3gpp", PROXY, None),
    ];
    for (server, proxy, protected) in table {
        assert_eq!(
            agreed(server).proxy(proxy).as_deref(),
            protected,
            "{server} {proxy}"
        );
    }
}
