//! Registration facts: what an answer means, identities, next hop, kind of core (IMS-02…08, SW-01).

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::message::Headers;

const CONTACT: &str = "sip:alice@192.0.2.1:5060";
const INSTANCE: &str = "<urn:uuid:00000000-0000-4000-8000-000000000001>";

fn answer(lines: &[(&str, &str)]) -> Headers {
    lines.iter().copied().collect()
}

fn registered(lines: &[(&str, &str)]) -> (Registration, Vec<AnswerFault>) {
    let mut registration = Registration {
        registered: Some("sip:alice@ims.test".into()),
        ..Registration::default()
    };
    let faults = registration.handle_answer(&answer(lines), CONTACT, Some(INSTANCE), 600);
    (registration, faults)
}

/// IMS-02, IMS-08: everything an answer tells; Path is kept apart from the routes.
#[test]
fn an_answer_is_read_whole() {
    let (registration, faults) = registered(&[
        (
            "Service-Route",
            "<sip:orig@s1.test;lr>, <sip:b.test;lr>;x=1",
        ),
        ("Service-Route", "<sip:c.test;lr>"),
        ("Path", "<sip:term@p.test;lr>"),
        (
            "P-Associated-URI",
            "\"A, B\" <sip:alice@ims.test>,<tel:+15550100>",
        ),
        (
            "Contact",
            "<sip:alice@192.0.2.7>;expires=9999;pub-gruu=\"sip:other@ims.test;gr=1\"",
        ),
        (
            "m",
            "<sip:alice@192.0.2.1:5060>;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\"\
             ;pub-gruu=\"sip:alice@ims.test;gr=urn:uuid:1\";temp-gruu=\"sip:tgruu.x@ims.test;gr\";expires=540",
        ),
        ("Require", "path, outbound"),
    ]);
    assert_eq!(faults, []);
    assert_eq!(registration.state, RegistrationState::Active);
    assert_eq!(
        registration.service_route.unwrap(),
        [
            "<sip:orig@s1.test;lr>",
            "<sip:b.test;lr>;x=1",
            "<sip:c.test;lr>"
        ]
    );
    assert_eq!(registration.path.unwrap(), ["sip:term@p.test;lr"]);
    assert_eq!(
        registration.associated.unwrap(),
        ["sip:alice@ims.test", "tel:+15550100"]
    );
    assert_eq!(
        registration.public_gruu.unwrap(),
        "sip:alice@ims.test;gr=urn:uuid:1"
    );
    assert_eq!(
        registration.temporary_gruu.unwrap(),
        "sip:tgruu.x@ims.test;gr"
    );
    assert_eq!(registration.expires, Some(540));
    assert!(registration.outbound);
}

/// RFC 5627 §5.3: a registrar that rewrote the contact still names our instance.
#[test]
fn the_own_binding_is_found_by_its_instance() {
    let (registration, _) = registered(&[(
        "Contact",
        "<sip:alice@203.0.113.9:1024>;expires=77;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\"",
    )]);
    assert_eq!(registration.expires, Some(77));
}

/// IMS-06, IMS-07.
#[test]
fn what_a_later_answer_leaves_out_is_gone() {
    let (mut registration, _) = registered(&[
        ("Service-Route", "<sip:orig@s1.test;lr>"),
        ("P-Associated-URI", "<sip:alice@ims.test>"),
        ("Require", "outbound"),
        (
            "Contact",
            "<sip:alice@192.0.2.1:5060>;pub-gruu=\"sip:a@x;gr=1\"",
        ),
    ]);
    registration.handle_answer(
        &answer(&[
            ("Service-Route", "<sip:orig@s2.test;lr>"),
            ("Expires", "100"),
        ]),
        CONTACT,
        None,
        600,
    );
    assert_eq!(
        registration.service_route.as_deref(),
        Some(&["<sip:orig@s2.test;lr>".to_string()][..])
    );
    assert_eq!(registration.associated, Some(vec![]));
    assert_eq!(registration.public_gruu, None);
    assert!(!registration.outbound);
    assert_eq!(registration.expires, Some(100));
    registration.handle_answer(&answer(&[]), CONTACT, None, 600);
    assert_eq!(registration.service_route, Some(vec![]), "IMS-07");
    assert_eq!(
        registration.expires,
        Some(600),
        "nothing granted: as asked for"
    );
}

#[test]
fn a_malformed_service_route_is_left_out_whole_and_named() {
    for bad in ["<sip:a.test;lr>, junk", "<tel:+1>", "<sip:>", "<http://x>"] {
        let (registration, faults) = registered(&[("Service-Route", bad)]);
        assert_eq!(registration.service_route, Some(vec![]), "{bad}");
        assert!(
            matches!(&faults[..], [AnswerFault::ServiceRoute(_)]),
            "{bad}: {faults:?}"
        );
    }
    let endless = vec!["<sip:a.test;lr>"; answer::MAX_VALUES + 1].join(",");
    let (registration, _) = registered(&[("Service-Route", &endless)]);
    assert_eq!(registration.service_route, Some(vec![]));
}

/// IMS-03, IMS-04: the first of the list is the default, whoever is not in it is barred; unknown bars nobody.
#[test]
fn identities_by_p_associated_uri() {
    let facts = |associated: Option<&[&str]>, route: bool| Registration {
        registered: Some("sip:alice@ims.test".into()),
        associated: associated.map(|list| list.iter().map(ToString::to_string).collect()),
        service_route: Some(if route {
            vec!["<sip:s;lr>".into()]
        } else {
            vec![]
        }),
        ..Registration::default()
    };
    // list, default identity, registered one barred
    type Row = (
        Option<&'static [&'static str]>,
        bool,
        Option<&'static str>,
        bool,
    );
    let table: [Row; 6] = [
        (None, true, Some("sip:alice@ims.test"), false),
        (
            Some(&["sip:alice@IMS.test"]),
            true,
            Some("sip:alice@IMS.test"),
            false,
        ),
        (
            Some(&["tel:+1-555", "sip:alice@ims.test"]),
            true,
            Some("tel:+1-555"),
            false,
        ),
        (
            Some(&["sip:public@ims.test", "tel:+1555"]),
            true,
            Some("sip:public@ims.test"),
            true,
        ),
        // An IMS that agreed on nothing and lists nobody shows as plain SIP, where nobody is barred.
        (Some(&[]), true, None, false),
        (
            Some(&["sip:public@ims.test"]),
            false,
            Some("sip:public@ims.test"),
            false,
        ),
    ];
    for (associated, route, default, barred) in table {
        let facts = facts(associated, route);
        assert_eq!(facts.default_identity(), default, "{associated:?}");
        assert_eq!(facts.barred().is_some(), barred, "{associated:?}");
        let usable = if barred {
            default
        } else {
            Some("sip:alice@ims.test")
        };
        assert_eq!(
            facts.usable_identity("sip:alice@ims.test"),
            usable,
            "{associated:?}"
        );
    }
}

#[test]
fn a_list_without_identity_is_named() {
    let (registration, faults) = registered(&[("P-Associated-URI", "*, nonsense")]);
    assert_eq!(faults, [AnswerFault::NoIdentity]);
    assert_eq!(registration.default_identity(), None);
}

/// IMS-10: the port by mechanism.
#[test]
fn the_next_hop_by_mechanism() {
    for (mechanism, protected) in [
        (None, false),
        (Some(Mechanism::IpsecAka), true),
        (Some(Mechanism::Tls), true),
        (Some(Mechanism::Digest), false),
        (Some(Mechanism::Giba), false),
        (Some(Mechanism::Nass), false),
    ] {
        let facts = Registration {
            mechanism,
            outbound_proxy: Some("sip:p.test:5060;lr".into()),
            protected_proxy: Some("sip:p.test:6000;lr".into()),
            ..Registration::default()
        };
        let port = if protected { "6000" } else { "5060" };
        assert!(facts.next_hop().unwrap().contains(port), "{mechanism:?}");
        assert_eq!(mechanism.is_some_and(Mechanism::is_agreed), protected);
    }
}

/// SW-01, SW-10: every combination of what a host can know.
#[test]
fn the_kind_of_core_by_what_the_registrar_said() {
    use Evidence as E;
    use SipCore::{Ims, Sip};
    // Service-Route, P-Associated-URI: unknown, none, some
    let table = [
        (None, None, Sip, E::Unknown),
        (None, Some(1), Sip, E::Unknown),
        (Some(1), None, Sip, E::Unknown),
        (Some(0), Some(0), Sip, E::Neither),
        (Some(1), Some(0), Sip, E::NoAssociatedUri),
        (Some(0), Some(1), Sip, E::NoServiceRoute),
        (Some(1), Some(1), Ims, E::Answer),
        (Some(2), Some(3), Ims, E::Answer),
    ];
    for (routes, identities, core, evidence) in table {
        let mut facts = Registration {
            service_route: routes.map(|n| vec!["<sip:s.test;lr>".into(); n]),
            associated: identities.map(|n| vec!["sip:a@x".into(); n]),
            ..Registration::default()
        };
        assert_eq!(facts.sip_core(), (core, evidence));
        assert!(!evidence.to_string().is_empty());
        // A mechanism without agreement changes nothing; IPsec with its Security-Server does; the host's word above all.
        facts.mechanism = Some(Mechanism::IpsecAka);
        assert_eq!(facts.sip_core(), (core, evidence));
        facts.security_server = vec!["ipsec-3gpp".into()];
        assert_eq!(facts.sip_core(), (Ims, E::Agreement));
        facts.told_core = Some(Sip);
        assert_eq!(facts.sip_core(), (Sip, E::Told));
    }
}

/// IMS-18, IMS-19.
#[test]
fn access_network_info_is_checked_and_kept_back() {
    check_access_network("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0010100010000000001").unwrap();
    check_access_network("IEEE-802.11").unwrap();
    for bad in ["", ";x=1", "two words;x", "3GPP\r\nEvil: 1", "a\0b", "<x>"] {
        assert!(check_access_network(bad).is_err(), "{bad:?}");
    }
    let mut facts = Registration {
        access_network: Some("IEEE-802.11".into()),
        ..Registration::default()
    };
    assert_eq!(facts.tellable_access_network(), None);
    facts.access_network_unprotected = true;
    assert!(facts.tellable_access_network().is_some());
    facts.access_network_unprotected = false;
    facts.protected = true;
    assert!(facts.tellable_access_network().is_some());
}

/// IMS-05: nothing of an ended registration is used.
#[test]
fn an_ended_registration_has_no_routes() {
    let (mut registration, _) = registered(&[
        ("Service-Route", "<sip:orig@s1.test;lr>"),
        ("P-Associated-URI", "<sip:alice@ims.test>"),
    ]);
    registration.end();
    assert_eq!(registration.state, RegistrationState::Ended);
    assert_eq!(registration.service_route, None);
    assert_eq!(registration.sip_core(), (SipCore::Sip, Evidence::Unknown));
}

proptest::proptest! {
    /// SEC-18: any answer is read without fault, within its limits, and nothing is kept that is no URI.
    #[test]
    fn no_answer_makes_the_reader_fail(
        lines in proptest::collection::vec(
            (
                proptest::sample::select(vec![
                    "Service-Route", "Path", "P-Associated-URI", "Contact", "m", "Expires", "Require",
                ]),
                "(<|>|sip:|tel:|a@b|;|,|\"|=|expires|pub-gruu|[0-9]{1,12}|lr|outbound|é|\\PC){0,20}",
            ),
            0..12,
        ),
    ) {
        let headers: Headers = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut registration = Registration::default();
        registration.handle_answer(&headers, CONTACT, Some(INSTANCE), 600);
        let route = registration.service_route.clone().unwrap_or_default();
        let associated = registration.associated.clone().unwrap_or_default();
        proptest::prop_assert!(route.len() <= answer::MAX_VALUES && associated.len() <= answer::MAX_VALUES);
        for uri in associated.iter().chain(&registration.public_gruu) {
            proptest::prop_assert!(Uri::parse(uri).is_ok(), "{uri:?}");
        }
        for element in route {
            let address = crate::header::Address::parse(&element);
            proptest::prop_assert!(address.is_some(), "{element:?}");
        }
        let active = registration.state == RegistrationState::Active;
        proptest::prop_assert_eq!(active, registration.expires != Some(0));
    }
}
