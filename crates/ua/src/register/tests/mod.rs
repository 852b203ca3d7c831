//! A registration on a simulated clock, against a registrar that says what the row of the table says.

use data_encoding::BASE64;
use milenage::Milenage;
use rollmark::core::digest::Secret;
use rollmark::core::message::Headers;
use rollmark::core::registration::Mechanism;

use super::*;
use crate::aka::Sim;

mod agreement;
mod challenges;
mod life;
mod wild;

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
