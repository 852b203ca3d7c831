//! Every cell of the table against an oracle written from the clauses, the golden messages, and what no message may say.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;
use crate::header;
use crate::registration::Mechanism;

const IDENTITY: &str = "sip:alice@ims.test";
const CONTACT: &str = "sip:alice@192.0.2.1:5063";
const ACCESS: &str = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000000001";
const CELL: &str = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=00101;cell-info-age=5";
const SERVER: [&str; 2] = [
    "ipsec-3gpp;q=0.5;alg=hmac-sha-1-96;  spi-c=1;spi-s=2;port-c=5062;port-s=5064",
    "tls; Q=0.1",
];
const ICSI: &str = "urn:urn-7:3gpp-service.ims.icsi.example";

fn registration() -> Registration {
    Registration {
        state: crate::registration::RegistrationState::Active,
        contact: CONTACT.into(),
        outbound_proxy: Some("sip:pcscf.test:4060;lr".into()),
        protected_proxy: Some("sip:pcscf.test:5064;lr".into()),
        service_route: Some(
            ["<sip:orig@s1.test;lr>", "<sip:s2.test;lr>"]
                .map(Into::into)
                .into(),
        ),
        path: Some(["sip:path.test".into()].into()),
        associated: Some([IDENTITY.into(), "sip:second@ims.test".into()].into()),
        mechanism: Some(Mechanism::Digest),
        ..Registration::default()
    }
}

/// One state of the world: which conditions hold.
struct Case {
    settings: Settings,
    registration: Registration,
    holds: BTreeSet<Condition>,
}

fn case(bits: u32) -> Case {
    let holds: BTreeSet<_> = Condition::ALL
        .into_iter()
        .enumerate()
        .filter(|(at, _)| bits & (1 << at) != 0)
        .map(|(_, condition)| condition)
        .collect();
    let has = |condition| holds.contains(&condition);
    let settings = Settings {
        accept_contact: if has(Condition::AcceptContact) {
            ContactPreference::Strict
        } else {
            ContactPreference::None
        },
        icsi: has(Condition::Icsi).then(|| ICSI.into()),
        trusted_proxy: has(Condition::TrustedProxy),
        ..Settings::default()
    };
    let mut registration = registration();
    registration.access_network = has(Condition::AccessNetwork).then(|| ACCESS.into());
    registration.cellular_network = has(Condition::CellularNetwork).then(|| CELL.into());
    registration.access_network_unprotected = true;
    if has(Condition::Agreement) {
        registration.mechanism = Some(Mechanism::IpsecAka);
        registration.protected = true;
        registration.security_server = SERVER.map(Into::into).into();
    }
    Case {
        settings,
        registration,
        holds,
    }
}

fn facts<'a>(mode: Mode, case: &'a Case) -> Facts<'a> {
    Facts {
        mode,
        registration: &case.registration,
        identity: IDENTITY,
        anonymous: case.holds.contains(&Condition::Anonymous),
        of_session: case.holds.contains(&Condition::OfSession),
    }
}

fn profile(mode: Mode, settings: Settings) -> alloc::boxed::Box<dyn Profile> {
    match mode {
        Mode::Sip => alloc::boxed::Box::new(Plain(settings)),
        Mode::Ims => alloc::boxed::Box::new(Ims(settings)),
    }
}

/// What the clauses want in a header of a message: its lines.
fn wanted(header: &str, kind: Kind, mode: Mode, case: &Case) -> Vec<String> {
    let has = |condition| case.holds.contains(&condition);
    let request = kind != Kind::Answer;
    let first = kind == Kind::Initial;
    let ims = mode == Mode::Ims;
    let agreed = request && ims && has(Condition::Agreement);
    let lines: Vec<&str> = match header {
        "Contact" if request => [concat!("<sip:alice@192.0.2.1:5063>", ";+g.oma.sip-im")].into(),
        "Accept-Contact" if first && has(Condition::OfSession) => {
            let mut lines = Vec::new();
            if has(Condition::AcceptContact) {
                lines.push("*;+g.oma.sip-im;require;explicit");
            }
            if ims && has(Condition::Icsi) {
                lines.push(
                    "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.example\";require;explicit",
                );
            }
            lines
        }
        "P-Preferred-Service" if first && ims && has(Condition::OfSession) => {
            has(Condition::Icsi).then_some(ICSI).into_iter().collect()
        }
        "P-Preferred-Identity" if first && (ims || has(Condition::TrustedProxy)) => {
            ["<sip:alice@ims.test>"].into()
        }
        "P-Access-Network-Info" if ims && has(Condition::AccessNetwork) => [ACCESS].into(),
        "Cellular-Network-Info" if ims && request && has(Condition::CellularNetwork) => {
            [CELL].into()
        }
        "Security-Verify" if agreed => SERVER.into(),
        "Require" | "Proxy-Require" if agreed => ["sec-agree"].into(),
        "Privacy" if request && has(Condition::Anonymous) => ["id"].into(),
        "Allow" if request => ["NOTIFY"].into(),
        "User-Agent" if request && has(Condition::Anonymous) => ["IM-client/OMA1.0"].into(),
        "User-Agent" if request => [concat!(
            "IM-client/OMA1.0 rollmark/",
            env!("CARGO_PKG_VERSION")
        )]
        .into(),
        _ => Vec::new(),
    };
    lines.into_iter().map(ToString::to_string).collect()
}

/// OMA-20…26, OMA-28, OMA-29, IMS-12, IMS-15…18, IMS-20…28, IMS-30, IMS-31, IMS-33, SW-02, SW-03, SEC-17: each header ×
/// message × mode × every set of conditions has exactly the lines that the clauses want.
#[test]
fn every_cell_of_the_table_is_what_the_clauses_want() {
    let mut headers: BTreeSet<&str> = TABLE.iter().map(|rule| rule.header).collect();
    headers.remove("Route");
    headers.extend([
        "P-Asserted-Identity",
        "P-Asserted-Service",
        "P-Called-Party-ID",
        "P-Visited-Network-ID",
        "P-Charging-Vector",
        "P-Charging-Function-Addresses",
        "Feature-Caps",
        "Geolocation",
        "Security-Client",
        "Security-Server",
        "Supported",
        "Session-Expires",
        "Min-SE",
        "Path",
    ]);
    for bits in 0..1 << Condition::ALL.len() {
        let case = case(bits);
        for mode in [Mode::Sip, Mode::Ims] {
            let facts = facts(mode, &case);
            for kind in Kind::ALL {
                let mut made = Headers::new();
                profile(mode, case.settings.clone()).decorate(kind, &facts, &mut made);
                for header in &headers {
                    let lines: Vec<_> = made.all(header).map(ToString::to_string).collect();
                    let cell = (header, kind, mode, &case.holds);
                    assert_eq!(lines, wanted(header, kind, mode, &case), "{cell:?}");
                }
                assert!(made.iter().all(|line| headers.contains(line.name.as_str())));
            }
        }
    }
}

/// Each rule is needed: where its conditions hold its header is there, and some set without them has fewer lines. So no
/// row of the table is idle.
#[test]
fn no_rule_is_idle() {
    for rule in TABLE {
        let all = (1 << Condition::ALL.len()) - 1;
        let case = case(all);
        for mode in rule.modes {
            let facts = facts(*mode, &case);
            let lines = rule.value.lines(&case.settings, &facts);
            assert!(!lines.is_empty(), "{rule:?}");
        }
    }
}

/// IMS-08, IMS-09, IMS-10, SW-02: the P-CSCF first, by the port of its mechanism, then the Service-Route, one URI a
/// value; never the Path. Plain: the proxy, then the Service-Route where it is to be followed.
#[test]
fn routes() {
    let route = |profile: &dyn Profile, registration: &Registration| {
        let (mode, _) = profile.mode(registration);
        profile.route(&Facts {
            mode,
            registration,
            identity: IDENTITY,
            anonymous: false,
            of_session: true,
        })
    };
    let mut held = registration();
    let rest = ["<sip:orig@s1.test;lr>", "<sip:s2.test;lr>"];
    for (mechanism, port) in [
        (Some(Mechanism::IpsecAka), 5064),
        (Some(Mechanism::Tls), 5064),
        (Some(Mechanism::Digest), 4060),
        (Some(Mechanism::Nass), 4060),
        (Some(Mechanism::Giba), 4060),
        (None, 4060),
    ] {
        held.mechanism = mechanism;
        let first = alloc::format!("<sip:pcscf.test:{port};lr>");
        let all = [first.as_str(), rest[0], rest[1]];
        assert_eq!(route(&Ims::default(), &held), all, "{mechanism:?}");
        assert_eq!(
            route(&Plain::default(), &held)[0],
            "<sip:pcscf.test:4060;lr>"
        );
    }
    // IMS-07.
    held.service_route = Some(Vec::new());
    assert_eq!(route(&Ims::default(), &held), ["<sip:pcscf.test:4060;lr>"]);
    held = registration();
    let plain = Plain(Settings {
        service_route: false,
        ..Settings::default()
    });
    assert_eq!(route(&plain, &held), ["<sip:pcscf.test:4060;lr>"]);
    held.outbound_proxy = None;
    assert_eq!(route(&Plain::default(), &held), rest);
}

fn one(
    mode: Mode,
    kind: Kind,
    header: &str,
    registration: &Registration,
    anonymous: bool,
) -> Option<String> {
    let facts = Facts {
        mode,
        registration,
        identity: IDENTITY,
        anonymous,
        of_session: true,
    };
    let mut headers = Headers::new();
    profile(mode, Settings::default()).decorate(kind, &facts, &mut headers);
    assert!(headers.all(header).count() < 2);
    headers.get(header).map(ToString::to_string)
}

/// IMS-12…15: which URI stands in Contact.
#[test]
fn contacts() {
    let contact = |registration: &Registration, anonymous| {
        let value = one(Mode::Ims, Kind::Initial, "Contact", registration, anonymous).unwrap();
        let (uri, rest) = value.split_once('>').unwrap();
        assert_eq!(rest, ";+g.oma.sip-im");
        uri.strip_prefix('<').unwrap().to_string()
    };
    let mut held = registration();
    assert_eq!(contact(&held, false), CONTACT);
    held.outbound = true;
    assert_eq!(contact(&held, false), "sip:alice@192.0.2.1:5063;ob");
    held.contact = "sip:alice@192.0.2.1:5063;transport=tcp?a=b".into();
    assert_eq!(
        contact(&held, false),
        "sip:alice@192.0.2.1:5063;transport=tcp;ob?a=b"
    );
    held.contact = "sip:alice@192.0.2.1:5063;ob".into();
    assert_eq!(contact(&held, false), held.contact);
    held.contact = String::new();
    assert_eq!(contact(&held, false), "");
    held.temporary_gruu = Some("sip:tgruu.7@ims.test;gr".into());
    held.contact = CONTACT.into();
    assert_eq!(contact(&held, false), "sip:alice@192.0.2.1:5063;ob");
    assert_eq!(contact(&held, true), "sip:tgruu.7@ims.test;gr");
    held.public_gruu = Some("sip:alice@ims.test;gr=urn:uuid:1".into());
    assert_eq!(contact(&held, false), "sip:alice@ims.test;gr=urn:uuid:1");
    assert_eq!(contact(&held, true), "sip:tgruu.7@ims.test;gr");
    held.temporary_gruu = None;
    assert_eq!(contact(&held, true), "sip:alice@ims.test;gr=urn:uuid:1");
}

/// IMS-18, IMS-19, IMS-33: access network info goes over a protected path or with consent, never in plain mode, and
/// never when it could end its line.
#[test]
fn access_network_info() {
    let told = |mode, registration: &Registration| {
        Kind::ALL.map(|kind| one(mode, kind, "P-Access-Network-Info", registration, false))
    };
    let mut held = registration();
    held.access_network = Some(ACCESS.into());
    assert_eq!(told(Mode::Ims, &held), [None, None, None]);
    held.protected = true;
    let all = Kind::ALL.map(|_| Some(ACCESS.to_string()));
    assert_eq!(told(Mode::Ims, &held), all);
    assert_eq!(told(Mode::Sip, &held), [None, None, None]);
    held.protected = false;
    held.access_network_unprotected = true;
    assert_eq!(told(Mode::Ims, &held), all);
    assert_eq!(told(Mode::Sip, &held), [None, None, None]);
    for bad in ["IEEE-802.11\r\nX: y", "a\nb", "\0", "", ";x=y", "a b;c"] {
        held.access_network = Some(bad.into());
        assert_eq!(told(Mode::Ims, &held), [None, None, None], "{bad:?}");
    }
}

/// IMS-50: on a 3GPP2 core everything is the same, with its own access types and cell identities.
#[test]
fn the_3gpp2_variant() {
    for text in [
        "3GPP2-1X;ci-3gpp2=\"1234123412341234\"",
        "3GPP2-1X-HRPD;ci-3gpp2=1234123412341234",
        "3GPP2-UMB;ci-3gpp2=\"1\"",
        "3GPP2-1X-Femto;ci-3gpp2-femto=\"1;2\"",
    ] {
        let mut held = registration();
        held.protected = true;
        held.access_network = Some(text.into());
        for kind in Kind::ALL {
            let told = one(Mode::Ims, kind, "P-Access-Network-Info", &held, false);
            assert_eq!(told.as_deref(), Some(text));
        }
        let mut other = held.clone();
        other.access_network = Some(ACCESS.into());
        let made = [held, other].map(|registration| {
            let facts = Facts {
                mode: Mode::Ims,
                registration: &registration,
                identity: IDENTITY,
                anonymous: false,
                of_session: true,
            };
            let mut headers = Headers::new();
            Ims::default().decorate(Kind::Initial, &facts, &mut headers);
            headers.remove("P-Access-Network-Info");
            headers
        });
        assert_eq!(made[0], made[1]);
    }
}

/// IMS-24, IMS-25: an agreement without its list, or a list without an agreement, is none.
#[test]
fn security_verify_needs_both_mechanism_and_list() {
    for (mechanism, list, there) in [
        (Mechanism::IpsecAka, true, true),
        (Mechanism::Tls, true, true),
        (Mechanism::Tls, false, false),
        (Mechanism::Digest, true, false),
        (Mechanism::Giba, true, false),
        (Mechanism::Nass, true, false),
    ] {
        let mut held = registration();
        held.mechanism = Some(mechanism);
        if list {
            held.security_server = [SERVER[0].into()].into();
        }
        for kind in [Kind::Initial, Kind::InDialog] {
            for header in ["Security-Verify", "Require", "Proxy-Require"] {
                let made = one(Mode::Ims, kind, header, &held, false);
                assert_eq!(made.is_some(), there, "{mechanism:?} {header}");
                assert_eq!(one(Mode::Sip, kind, header, &held, false), None);
            }
        }
    }
}

/// OMA-22, OMA-23, OMA-24: settings of Accept-Contact and User-Agent; one tag a value.
#[test]
fn preferences_and_products() {
    let made = |settings: Settings| {
        let registration = registration();
        let facts = Facts {
            mode: Mode::Ims,
            registration: &registration,
            identity: IDENTITY,
            anonymous: false,
            of_session: true,
        };
        let mut headers = Headers::new();
        Ims(settings).decorate(Kind::Initial, &facts, &mut headers);
        headers
    };
    let rcs = made(Settings {
        accept_contact: ContactPreference::Lenient,
        icsi: Some("urn:urn-7:3gpp-service.ims.icsi.a b~".into()),
        product: Some("Phone/1.0".into()),
        ..Settings::default()
    });
    let values: Vec<_> = rcs.all("Accept-Contact").collect();
    assert_eq!(
        values,
        [
            "*;+g.oma.sip-im",
            "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.a%20b%7E\""
        ]
    );
    assert_eq!(rcs.get("User-Agent"), Some("IM-client/OMA1.0 Phone/1.0"));
    for value in made(Settings::default()).all("Accept-Contact") {
        for tag in ["require", "explicit", "+g."] {
            assert_eq!(value.matches(tag).count(), 1, "{value}");
        }
    }
}

/// SW-01, SW-10: the mode that is set, or what the registration shows, and why.
#[test]
fn modes_and_their_reasons() {
    use crate::registration::SipCore;
    let mut held = registration();
    assert_eq!(Plain::default().mode(&held), (Mode::Sip, ModeReason::Set));
    assert_eq!(
        Ims::default().mode(&Registration::default()),
        (Mode::Ims, ModeReason::Set)
    );
    let auto = Auto::default();
    assert_eq!(
        auto.mode(&held),
        (Mode::Ims, ModeReason::Evidence(Evidence::Answer))
    );
    assert_eq!(
        auto.mode(&Registration::default()),
        (Mode::Sip, ModeReason::Evidence(Evidence::Unknown))
    );
    held.told_core = Some(SipCore::Sip);
    assert_eq!(
        auto.mode(&held),
        (Mode::Sip, ModeReason::Evidence(Evidence::Told))
    );
    assert_eq!(ModeReason::Set.to_string(), "the account is set to it");
}

/// The documentation shows the table that the code walks.
#[test]
fn the_documented_table_is_the_table() {
    let shown = include_str!("table.md");
    assert!(
        shown == table_as_markdown(),
        "profile/table.md is out of date; it has to be:\n{}",
        table_as_markdown()
    );
}

/// OMA-23: what is written can be read back as what it is.
#[test]
fn made_headers_can_be_read() {
    let case = case((1 << Condition::ALL.len()) - 1);
    let facts = facts(Mode::Ims, &case);
    let mut headers = Headers::new();
    Ims(case.settings.clone()).decorate(Kind::Initial, &facts, &mut headers);
    let verify: Vec<_> = headers.all("Security-Verify").collect();
    assert_eq!(verify, SERVER);
    assert_eq!(header::mechanisms(verify.into_iter()).len(), 2);
    assert!(header::lists(headers.all("Require"), "SEC-AGREE"));
}
