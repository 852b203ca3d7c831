//! A registration on a simulated clock, against a registrar that says what the row of the table says.

use data_encoding::BASE64;
use milenage::Milenage;
use rollmark::core::digest::Secret;
use rollmark::core::message::Headers;
use rollmark::core::registration::{Evidence, SipCore};

use super::*;
use crate::aka::Sim;

const PROXY: &str = "sip:192.0.2.9:5060;lr";
const DIGEST: &str = r#"Digest realm="ims.test", nonce="n1", qop="auth", algorithm=MD5"#;
const SHA256: &str = r#"Digest realm="ims.test", nonce="n1", qop="auth", algorithm=SHA-256"#;
const K: [u8; 16] = [7; 16];
const OPC: [u8; 16] = [9; 16];
const OFFER: &str = "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=5062;port-s=5063";
const SERVER: &str =
    "ipsec-3gpp; q=0.1; alg=hmac-sha-1-96; spi-c=3; spi-s=4; port-c=5064; port-s=5065";

struct World {
    registrar: Registrar,
    now: Duration,
    sent: Vec<(Request, String)>,
    faults: Vec<(Fault, Option<Duration>)>,
    kept: Vec<u64>,
    agreed: usize,
    ended: bool,
}

fn settings() -> Settings {
    let mut settings = Settings::new("sip:alice@ims.test");
    settings.facts.contact = "sip:alice@192.0.2.1:5060".into();
    settings.facts.outbound_proxy = Some(PROXY.into());
    settings
}

fn with_password() -> Settings {
    Settings {
        password: Some(Secret::from("secret")),
        private_identity: Some("alice-private".into()),
        ..settings()
    }
}

fn with_sim(last: u64) -> Settings {
    Settings {
        sim: Some((Sim::new(K, OPC), last)),
        announce: true,
        ..settings()
    }
}

fn response(status: u16, lines: &[(&str, &str)]) -> Response {
    Response {
        status,
        reason: "Because".into(),
        headers: lines.iter().copied().collect(),
        body: Vec::new(),
    }
}

fn ok(expires: &str) -> Response {
    response(
        200,
        &[
            ("Expires", expires),
            ("Service-Route", "<sip:orig@s.test;lr>"),
            ("P-Associated-URI", "<sip:alice@ims.test>, <tel:+1555>"),
        ],
    )
}

fn challenge(value: &str) -> Response {
    response(401, &[("WWW-Authenticate", value)])
}

/// A challenge by a network that knows the key `k`.
fn aka(k: [u8; 16], sqn: u64) -> String {
    let (rand, amf) = ([3; 16], [0x80, 0]);
    let sqn: [u8; 6] = sqn.to_be_bytes()[2..].try_into().unwrap();
    let mut network = Milenage::new_with_opc(k, OPC);
    let mac = network.f1(&rand, &sqn, &amf);
    let ak = network.f2345(&rand).3;
    let concealed: Vec<u8> = sqn.iter().zip(ak).map(|(a, b)| a ^ b).collect();
    let nonce = BASE64.encode(&[&rand[..], &concealed, &amf, &mac].concat());
    format!(r#"Digest realm="ims.test", nonce="{nonce}", qop="auth", algorithm=AKAv1-MD5"#)
}

impl World {
    fn new(settings: Settings) -> Self {
        let mut world = Self {
            registrar: Registrar::new(settings, [5; 32]).unwrap(),
            now: Duration::from_secs(1000),
            sent: Vec::new(),
            faults: Vec::new(),
            kept: Vec::new(),
            agreed: 0,
            ended: false,
        };
        world.registrar.register();
        world.drain();
        world
    }

    fn drain(&mut self) {
        while let Some(output) = self.registrar.poll_output() {
            match output {
                Output::Send { request, next_hop } => self.sent.push((request, next_hop)),
                Output::KeepSequence(sqn) => self.kept.push(sqn),
                Output::Agreed(_) => self.agreed += 1,
                Output::Failed { fault, retry_in } => self.faults.push((fault, retry_in)),
                Output::Ended => self.ended = true,
                Output::Facts(_) | Output::Odd(_) => {}
            }
        }
    }

    fn answer(&mut self, response: &Response) -> &mut Self {
        self.registrar.handle_response(self.now, response);
        self.drain();
        self
    }

    fn fail(&mut self, failure: SendFailure) -> &mut Self {
        self.registrar.handle_failure(self.now, failure);
        self.drain();
        self
    }

    /// Sleeps until the machine wants to be woken; how long that was.
    fn wake(&mut self) -> u64 {
        let at = self.registrar.next_wake().expect("it wants to be woken");
        let slept = at - self.now;
        self.now = at;
        self.registrar.handle_time(self.now);
        self.drain();
        slept.as_secs()
    }

    fn last(&self) -> &Headers {
        &self.sent.last().unwrap().0.headers
    }

    fn state(&self) -> RegistrationState {
        self.registrar.facts().state
    }

    fn fault(&self) -> &Fault {
        &self.faults.last().expect("a fault").0
    }
}

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
    for server in [None, Some("tls;q=0.1"), Some("digest"), Some("")] {
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

/// What a registrar, a network or a user may do at any time.
fn act(world: &mut World, what: u8) {
    let stale = format!("{DIGEST}, stale=true");
    let forged = aka([1; 16], 64);
    let fresh = aka(K, 64 + u64::try_from(world.sent.len()).unwrap());
    let server = [
        ("WWW-Authenticate", fresh.as_str()),
        ("Security-Server", SERVER),
    ];
    match what {
        0 => drop(world.answer(&ok("600"))),
        1 => drop(world.answer(&ok("0"))),
        2 => drop(world.answer(&challenge(DIGEST))),
        3 => drop(world.answer(&challenge(&stale))),
        4 => drop(world.answer(&challenge(&forged))),
        5 => drop(world.answer(&challenge(&fresh))),
        6 => drop(world.answer(&response(401, &server))),
        7 => drop(world.answer(&response(423, &[("Min-Expires", "700000")]))),
        8 => drop(world.answer(&response(503, &[("Retry-After", "4294967295")]))),
        9 => drop(world.answer(&response(403, &[]))),
        10 => drop(world.fail(SendFailure::NoAnswer)),
        11 => world.registrar.register(),
        12 => world
            .registrar
            .handle_network_change("sip:alice@192.0.2.77"),
        13 => world.registrar.deregister(),
        14 => drop(world.answer(&response(100, &[]))),
        _ if world.registrar.next_wake().is_some() => drop(world.wake()),
        _ => {}
    }
    world.drain();
}

proptest::proptest! {
    /// Whatever happens, in whatever order: one request under way at most, none without cause, an end that is one, and no
    /// sequence number taken twice.
    #[test]
    fn no_order_of_events_makes_it_run_wild(events in proptest::collection::vec(0..16u8, 0..60)) {
        let mut world = World::new(Settings {
            password: Some(Secret::from("secret")),
            security_client: vec![OFFER.into()],
            ..with_sim(0)
        });
        let mut ended_with = None;
        for (n, what) in events.into_iter().enumerate() {
            let before = world.sent.len();
            act(&mut world, what);
            proptest::prop_assert!(world.sent.len() <= before + 1, "event {n} sent more than one request");
            if world.ended && ended_with.is_none() {
                ended_with = Some(world.sent.len());
            }
            let active = world.state() == RegistrationState::Active;
            proptest::prop_assert!(!active || world.registrar.next_wake().is_some(), "nobody would renew it");
            proptest::prop_assert!(!active || world.registrar.facts().expires.is_some());
        }
        if let Some(sent) = ended_with {
            proptest::prop_assert_eq!(world.sent.len(), sent, "an end is an end");
            proptest::prop_assert_eq!(world.registrar.next_wake(), None);
        }
        let cseqs: Vec<u32> = world
            .sent
            .iter()
            .filter_map(|(request, _)| header::cseq(request.headers.get("CSeq")?).map(|(n, _)| n))
            .collect();
        proptest::prop_assert!(cseqs.iter().copied().eq(1..=u32::try_from(world.sent.len()).unwrap()));
        proptest::prop_assert!(world.kept.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", world.kept);
    }
}
