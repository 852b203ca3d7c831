//! The IMS lab: P-, I-, S-CSCF and application server by Kamailio, an HSS with Milenage, on loopback (TS 23.228).

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::held::Held;
use crate::process::PATIENCE;

/// What to do when a server or tool of the lab is missing.
pub const INSTALL: &str = "Run ./tests/run, which installs it, or: apt-get install kamailio \
kamailio-ims-modules kamailio-presence-modules python3";

/// alice's keys, as an AKA file has them (the published test set 1 of TS 35.208).
pub const ALICE_AKA: &str =
    "k = 465b5ce8b199b49faa5f0a2ee238a6bc\nopc = cd63cb71954a9f4e48a5994e37a02baf\n";

/// One running IMS core on ports of its own. Dropping it stops it and removes its folder.
#[derive(Debug)]
pub struct ImsLab(Held);

impl ImsLab {
    /// Starts a core; `settings` are the environment variables at the top of `lab-start.sh`.
    ///
    /// # Panics
    /// When Kamailio or its IMS modules are not installed, or the core does not come up.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self(Held::start("ims", settings, INSTALL))
    }

    /// The P-CSCF, UDP and TCP, that puts a wrong route set right: `127.0.0.1:PORT`.
    pub fn pcscf(&self) -> String {
        self.0.address("LAB_PCSCF_PORT")
    }

    /// The P-CSCF, UDP, that answers 400 to a wrong route set: `127.0.0.1:PORT`.
    pub fn strict_pcscf(&self) -> String {
        self.0.address("LAB_STRICT_PORT")
    }

    /// The S-CSCF: `127.0.0.1:PORT`.
    pub fn scscf(&self) -> String {
        self.0.address("LAB_SCSCF_PORT")
    }

    /// The SIP URI of a user or room of the home domain. Rooms begin with `conf-`.
    pub fn uri(name: &str) -> String {
        format!("sip:{name}@ims.test")
    }

    /// Its run folder.
    pub fn dir(&self) -> &Path {
        self.0.dir()
    }

    /// Writes a file into the run folder and gives its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: &str) -> String {
        self.0.file(name, content)
    }

    /// Asks the HSS, or tells it something: `{"cmd":"set","impi":…}`; see `hss.py`.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn hss(&self, command: &Value) -> Value {
        let answer = ask(
            self.0.value("LAB_HSS_CONTROL_PORT"),
            command.to_string().as_bytes(),
        );
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }

    /// Waits until the HSS knows that a private identity is not registered: it is told a moment after the user agent is answered.
    ///
    /// # Panics
    /// When that lasts longer than [`PATIENCE`].
    pub fn wait_deregistered(&self, impi: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let user = self.hss(&json!({"cmd": "user", "impi": impi}));
            if user["registered"] == false {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{impi} is still registered: {user:#}\n{:#?}",
                self.hss_log()
            );
        }
    }

    /// What the HSS was asked, oldest first.
    pub fn hss_log(&self) -> Vec<String> {
        let log = self.hss(&json!({"cmd": "log"}));
        let lines = log.as_array().into_iter().flatten();
        lines.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Every request of a method as a node (`pcscf`, `icscf`, `scscf`, `as`) received it, oldest first.
    pub fn received(&self, node: &str, method: &str) -> Vec<String> {
        let mut found = Vec::new();
        let files = std::fs::read_dir(self.dir())
            .into_iter()
            .flatten()
            .flatten();
        for path in files.map(|file| file.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with(&format!("{node}-")) || !name.ends_with(".data") {
                continue;
            }
            let text =
                String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
            for record in text.split("\n||||||||||||||||||||\n") {
                let Some((about, message)) = record.split_once("\n~~~~~~~~~~~~~~~~~~~~\n") else {
                    continue;
                };
                if about.lines().any(|line| line == "tag: rcv")
                    && message.starts_with(&format!("{method} "))
                {
                    found.push(message.to_owned());
                }
            }
        }
        found
    }

    /// The first such request for which `matches` is true: nodes write theirs down a moment after they act.
    ///
    /// # Panics
    /// When it does not come within [`PATIENCE`].
    pub fn wait_received(
        &self,
        node: &str,
        method: &str,
        matches: impl Fn(&str) -> bool,
    ) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let received = self.received(node, method);
            if let Some(message) = received.iter().find(|message| matches(message)) {
                return message.clone();
            }
            assert!(
                Instant::now() < deadline,
                "no such {method} at the {node}; it received {received:#?}"
            );
        }
    }

    /// Plays the focus: gives a conference its users (entity, status) at the application server (PUBLISH, RFC 3903).
    ///
    /// # Panics
    /// When the server refuses.
    pub fn publish(&self, room: &str, users: &[(&str, &str)]) {
        use std::fmt::Write as _;
        let conference = Self::uri(room);
        let mut rows = String::new();
        for (name, status) in users {
            let entity = Self::uri(name);
            let _ = write!(
                rows,
                "<user entity=\"{entity}\"><endpoint entity=\"{entity}\"><status>{status}</status></endpoint></user>"
            );
        }
        let body = format!(
            "<?xml version=\"1.0\"?>\n<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" \
             entity=\"{conference}\" state=\"full\" version=\"1\"><users>{rows}</users></conference-info>"
        );
        let unique = format!("{}-{:?}", room, Instant::now())
            .replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let message = format!(
            "PUBLISH {conference} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{unique}\r\n\
             Max-Forwards: 70\r\nFrom: <{conference}>;tag=f\r\nTo: <{conference}>\r\nCall-ID: {unique}\r\n\
             CSeq: 1 PUBLISH\r\nEvent: conference\r\nExpires: 3600\r\n\
             Content-Type: application/conference-info+xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(self.0.value("LAB_AS_PORT"), message.as_bytes());
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    }

    /// The log of a node, or of `hss`.
    pub fn log(&self, node: &str) -> String {
        self.0.log(node)
    }
}

/// Sends a datagram until it is answered; the servers take repeated ones for one.
fn ask(port: &str, datagram: &[u8]) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a timeout above zero");
    let deadline = Instant::now() + PATIENCE;
    let mut answer = vec![0; 65535];
    while Instant::now() < deadline {
        let _ = socket.send_to(datagram, format!("127.0.0.1:{port}"));
        if let Ok(length) = socket.recv(&mut answer) {
            return String::from_utf8_lossy(&answer[..length]).into_owned();
        }
    }
    panic!(
        "no answer on port {port} to {}",
        String::from_utf8_lossy(datagram)
    );
}

/// The values of a header in a message as text, one a line.
pub fn values<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(n, _)| n.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

impl Drop for ImsLab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in ["hss", "scscf", "pcscf"] {
                eprintln!("log of {node}:\n{}", self.log(node));
            }
        }
    }
}
