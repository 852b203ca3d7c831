//! Which headers stand in which message on a real IMS core, by the table that the core crate walks (OMA-20…29, IMS-09…31).

use std::collections::BTreeSet;

use rollmark_core::message::Headers;
use rollmark_core::profile::{Facts, Ims, Kind, Mode, Profile, Registration, TABLE};
use rollmark_core::registration::{Mechanism, RegistrationState, SipCore};
use rollmark_tests::ims::{ALICE_AKA, ImsLab, values};
use rollmark_tests::watch::Watch;

const ROOM: &str = "conf-room";
const ACCESS: &str = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000001";

/// What alice's host knows on this lab, in words of the contract.
fn facts(lab: &ImsLab, pcscf: &str, consent: bool) -> Registration {
    Registration {
        state: RegistrationState::Active,
        outbound_proxy: Some(format!("sip:{pcscf};lr")),
        service_route: Some(vec![format!("<sip:orig@{};lr>", lab.scscf())]),
        associated: Some(vec![ImsLab::uri("alice")]),
        mechanism: Some(Mechanism::Digest),
        access_network: Some(ACCESS.to_owned()),
        access_network_unprotected: consent,
        told_core: Some(SipCore::Ims),
        ..Registration::default()
    }
}

/// Every header of the table is in the message exactly as the table says, and nowhere else.
fn assert_as_the_table_says(message: &str, kind: Kind, registration: &Registration) {
    let facts = Facts {
        mode: Mode::Ims,
        registration,
        identity: &ImsLab::uri("alice"),
        anonymous: false,
        of_session: true,
    };
    let profile = Ims::default();
    let mut expected = Headers::new();
    profile.decorate(kind, &facts, &mut expected);
    if kind == Kind::Initial {
        for route in profile.route(&facts) {
            expected.push("Route", route);
        }
    }
    for header in TABLE
        .iter()
        .map(|rule| rule.header)
        .collect::<BTreeSet<_>>()
    {
        // In a dialog Route is the dialog's, and a response has none; the address in Contact is the host's.
        if header == "Route" && kind != Kind::Initial {
            continue;
        }
        let there = values(message, header);
        let due: Vec<&str> = expected.all(header).collect();
        if header == "Contact" {
            // Which address it is, the host says.
            if let [due] = due[..] {
                assert_eq!(there.len(), 1, "{message}");
                assert!(there[0].starts_with("<sip:alice@127.0.0.1:"), "{message}");
                let tags = |value: &str| value.split_once('>').map(|(_, tags)| tags.to_owned());
                assert_eq!(tags(there[0]), tags(due), "{message}");
            }
            continue;
        }
        assert_eq!(there, due, "{header} of {kind:?} in\n{message}");
    }
    // IMS-22, IMS-27, IMS-28, OMA-27.
    for never in [
        "P-Asserted-Identity",
        "Feature-Caps",
        "P-Visited-Network-ID",
        "P-Charging-Vector",
        "P-Charging-Function-Addresses",
        "P-Asserted-Service",
        "P-Called-Party-ID",
        "Geolocation",
        "Session-Expires",
        "Min-SE",
    ] {
        assert!(values(message, never).is_empty(), "{never} in\n{message}");
    }
}

/// What arrives at the P-CSCF, and what of it at the application server, for every message of a subscription: the one that
/// makes it, the refresh, the end, and the answers to NOTIFY.
#[test]
fn every_message_is_as_the_table_says() {
    let lab = ImsLab::start(&[]);
    lab.publish(ROOM, &[("bob", "connected")]);
    let aka = lab.file("alice.aka", ALICE_AKA);
    let (room, alice, pcscf) = (ImsLab::uri(ROOM), ImsLab::uri("alice"), lab.strict_pcscf());
    let args = [
        "watch",
        &room,
        "--as",
        &alice,
        "--server",
        &pcscf,
        "--aka-file",
        &aka,
        "--mode",
        "ims",
        "--access-network",
        ACCESS,
        "--expires",
        "8",
    ];
    let mut watch = Watch::start(&args);
    let active = watch.wait_state("active");
    assert_eq!(active["mode"], "ims", "{active:#}");
    assert_eq!(active["protected"], false, "{active:#}");
    let is_conference = |message: &str| values(message, "Event") == ["conference"];
    let refreshed =
        |message: &str| values(message, "CSeq") == ["2 SUBSCRIBE"] && is_conference(message);
    lab.wait_received("as", "SUBSCRIBE", refreshed);
    watch.interrupt();
    assert_eq!(watch.finish().status, Some(0));

    let facts = facts(&lab, &pcscf, true);
    let is_last = |message: &str| values(message, "Expires") == ["0"] && is_conference(message);
    let messages = |node: &str| {
        [
            (
                Kind::Initial,
                lab.wait_received(node, "SUBSCRIBE", |m| {
                    values(m, "CSeq") == ["1 SUBSCRIBE"] && is_conference(m)
                }),
            ),
            (
                Kind::InDialog,
                lab.wait_received(node, "SUBSCRIBE", refreshed),
            ),
            (
                Kind::InDialog,
                lab.wait_received(node, "SUBSCRIBE", is_last),
            ),
            (
                Kind::Answer,
                lab.wait_received(node, "SIP/2.0", |m| {
                    values(m, "CSeq")[0].ends_with("NOTIFY")
                }),
            ),
        ]
    };
    for (kind, message) in messages("pcscf") {
        assert_as_the_table_says(&message, kind, &facts);
        // IMS-29; a response has none.
        let hops = values(&message, "Max-Forwards");
        assert!(kind == Kind::Answer || hops == ["70"], "{message}");
    }

    // What is for the network stops there or is replaced; what is for the server reaches it.
    for (kind, message) in messages("as") {
        let arrived = |header| values(&message, header);
        if kind == Kind::Initial {
            assert_eq!(arrived("P-Asserted-Identity"), [format!("<{alice}>")]);
            assert_eq!(
                arrived("Accept-Contact"),
                ["*;+g.oma.sip-im;require;explicit"]
            );
            assert!(
                arrived("From")[0].starts_with(&format!("<{alice}>")),
                "{message}"
            );
        }
        assert!(arrived("P-Preferred-Identity").is_empty(), "{message}");
        assert_eq!(
            arrived("P-Access-Network-Info"),
            [ACCESS],
            "{kind:?}\n{message}"
        );
        for absent in ["Security-Verify", "Require", "Proxy-Require", "Privacy"] {
            assert!(arrived(absent).is_empty(), "{absent}: {message}");
        }
    }
    let register = lab.received("pcscf", "REGISTER");
    assert_eq!(values(&register[0], "P-Access-Network-Info"), [ACCESS]);
}
