//! Security agreement with a P-CSCF: headers and ports, without ESP (RFC 3329, TS 33.203 §7, IMS-10, IMS-24, IMS-25).
//!
//! The platform's part is played by three sockets: one unprotected, one for the protected client port, one for the protected
//! server port.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rollmark_core::digest::Secret;
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::registration::{Mechanism, Registration, RegistrationState, SipCore};
use rollmark_tests::ims::{ALICE_AKA, ImsLab, values};
use rollmark_tests::process::PATIENCE;
use rollmark_ua::aka::AkaFile;
use rollmark_ua::register::{Agreement, Fault, Output, Registrar, Settings};
use serde_json::json;

/// A platform that keeps its promises about ports, and encrypts nothing.
struct Platform {
    plain: UdpSocket,
    client: UdpSocket,
    server: UdpSocket,
    registrar: Registrar,
    agreement: Option<Agreement>,
    started: Instant,
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("it is bound").port()
}

impl Platform {
    fn new(lab: &ImsLab, user: &str, with: impl FnOnce(&mut Settings)) -> Self {
        let [plain, client, server] = [(); 3].map(|()| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
            let timeout = Some(Duration::from_millis(500));
            socket
                .set_read_timeout(timeout)
                .expect("a timeout above zero");
            socket
        });
        let mut settings = Settings {
            announce: true,
            private_identity: Some(format!("{user}@ims.test")),
            security_client: vec![format!(
                "ipsec-3gpp;alg=hmac-sha-1-96;ealg=null;mod=trans;prot=esp;spi-c=11111;spi-s=11112;port-c={};port-s={}",
                port(&client),
                port(&server)
            )],
            protected_contact: format!("sip:{user}@127.0.0.1:{}", port(&server)),
            facts: Registration {
                // Only behind this port the lab's P-CSCF takes a REGISTER for an initial one.
                contact: format!("sip:{user}@127.0.0.1:5060"),
                outbound_proxy: Some(format!("sip:{};lr", lab.pcscf())),
                ..Registration::default()
            },
            ..Settings::new(ImsLab::uri(user))
        };
        with(&mut settings);
        Self {
            registrar: Registrar::new(settings, [7; 32]).expect("the identity names its home"),
            plain,
            client,
            server,
            agreement: None,
            started: Instant::now(),
        }
    }

    /// Does what the registrar says until nothing more is under way; what failed.
    fn run(&mut self) -> Option<Fault> {
        let mut failed = None;
        while let Some(output) = self.registrar.poll_output() {
            match output {
                Output::Agreed(agreement) => self.agreement = Some(*agreement),
                Output::Send { request, next_hop } => {
                    let response = self.transact(&request, &next_hop);
                    let now = self.started.elapsed();
                    self.registrar.handle_response(now, &response);
                }
                Output::Failed { fault, .. } => failed = Some(fault),
                _ => {}
            }
        }
        failed
    }

    fn transact(&self, request: &Request, next_hop: &str) -> Response {
        let to = next_hop
            .trim_start_matches("sip:")
            .trim_end_matches(";lr")
            .to_owned();
        let (from, answers, via) = match &self.agreement {
            None => (&self.plain, &self.plain, "5060;rport".to_owned()),
            Some(_) => (&self.client, &self.server, port(&self.server).to_string()),
        };
        let cseq = request.headers.get("CSeq").expect("a CSeq");
        let branch = cseq.replace(' ', "") + request.headers.get("Call-ID").expect("a Call-ID");
        let mut text = format!(
            "{} {} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{via};branch=z9hG4bK{branch}\r\n",
            request.method, request.uri
        );
        for header in request.headers.iter() {
            text += &format!("{}: {}\r\n", header.name, header.value);
        }
        text += "Content-Length: 0\r\n\r\n";
        let deadline = Instant::now() + PATIENCE;
        let mut answer = vec![0; 65535];
        while Instant::now() < deadline {
            from.send_to(text.as_bytes(), &to)
                .expect("loopback takes it");
            while let Ok((length, _)) = answers.recv_from(&mut answer) {
                let response = read(&String::from_utf8_lossy(&answer[..length]));
                if response.status >= 200 && response.headers.get("CSeq") == Some(cseq) {
                    return response;
                }
            }
        }
        panic!("no answer from {to} to\n{text}");
    }
}

fn read(text: &str) -> Response {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.lines();
    let mut status = lines.next().unwrap_or_default().splitn(3, ' ').skip(1);
    let headers: Headers = lines.filter_map(|line| line.split_once(':')).collect();
    Response {
        status: status
            .next()
            .and_then(|code| code.parse().ok())
            .unwrap_or(0),
        reason: status.next().unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
    }
}

/// IMS-10, IMS-24: offered, agreed on by AKA, mirrored byte for byte, renewed and ended over the protected ports.
#[test]
fn alice_agrees_with_the_p_cscf() {
    let lab = ImsLab::start(&[]);
    let path = lab.file("alice.aka", ALICE_AKA);
    let aka = AkaFile::open(path.as_ref()).expect("it is well-formed");
    let mut platform = Platform::new(&lab, "alice", |settings| {
        settings.sim = Some((aka.sim, aka.sqn));
    });
    platform.registrar.register();
    assert_eq!(platform.run(), None);
    let facts = platform.registrar.facts().clone();
    assert_eq!(facts.state, RegistrationState::Active);
    assert_eq!(facts.sip_core().0, SipCore::Ims);
    assert_eq!(facts.mechanism, Some(Mechanism::IpsecAka));
    assert!(facts.protected);
    let agreement = platform.agreement.clone().expect("it was agreed on");
    assert!(agreement.keys.is_some(), "CK and IK are for the platform");
    let server_port = agreement.param("port-s").expect("a protected port");
    assert_eq!(
        facts.next_hop(),
        Some(format!("sip:127.0.0.1:{server_port};lr").as_str())
    );

    let first = &lab.received("pcscf", "REGISTER")[0];
    assert_eq!(values(first, "Require"), ["sec-agree"]);
    assert_eq!(values(first, "Proxy-Require"), ["sec-agree"]);
    assert!(values(first, "Security-Verify").is_empty());
    let second = lab.wait_received("pcscf", "REGISTER", |m| values(m, "CSeq") == ["2 REGISTER"]);
    assert_eq!(values(&second, "Security-Verify"), facts.security_server);
    assert_eq!(
        values(&second, "Security-Client"),
        values(first, "Security-Client")
    );
    let contact = format!("<sip:alice@127.0.0.1:{}>", port(&platform.server));
    assert!(
        values(&second, "Contact")[0].starts_with(&contact),
        "{second}"
    );
    // What belongs between the two stops at the P-CSCF.
    let inside = lab.wait_received("scscf", "REGISTER", |m| values(m, "CSeq") == ["2 REGISTER"]);
    for absent in ["Security-Verify", "Security-Client", "Proxy-Require"] {
        assert!(values(&inside, absent).is_empty(), "{absent}: {inside}");
    }

    platform.registrar.deregister();
    assert_eq!(platform.run(), None);
    assert_eq!(platform.registrar.facts().state, RegistrationState::Ended);
    let user = lab.hss(&json!({"cmd": "user", "impi": "alice@ims.test"}));
    assert_eq!(user["registered"], false, "{user:#}");
}

/// IMS-25: a P-CSCF that agrees on nothing and asks for digest gets none of the headers.
#[test]
fn bob_goes_on_without_agreement() {
    let lab = ImsLab::start(&[]);
    let mut platform = Platform::new(&lab, "bob", |settings| {
        settings.password = Some(Secret::from("bob-secret"));
    });
    platform.registrar.register();
    assert_eq!(platform.run(), None);
    let facts = platform.registrar.facts();
    assert_eq!(facts.state, RegistrationState::Active);
    assert_eq!(facts.mechanism, Some(Mechanism::Digest));
    assert!(!facts.protected && facts.security_server.is_empty());
    let second = lab.wait_received("pcscf", "REGISTER", |m| values(m, "CSeq") == ["2 REGISTER"]);
    for absent in [
        "Security-Verify",
        "Security-Client",
        "Require",
        "Proxy-Require",
    ] {
        assert!(values(&second, absent).is_empty(), "{absent}: {second}");
    }
}
