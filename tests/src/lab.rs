//! The Kamailio lab: a real conference notifier (RFC 4575) and XCAP server (RFC 4825) on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::held::Held;
use crate::process::PATIENCE;

/// What to do when a server or tool of the labs is missing.
pub const INSTALL: &str = "Run ./tests/run, which installs it, or: apt-get install kamailio \
kamailio-presence-modules kamailio-sqlite-modules kamailio-tls-modules sip-tester openssl python3 \
baresip-core";

/// One running lab on ports of its own. Dropping it stops it and removes its folder.
#[derive(Debug)]
pub struct Lab(Held);

impl Lab {
    /// Starts a lab; `settings` are the environment variables at the top of `lab-start.sh`.
    ///
    /// # Panics
    /// When Kamailio is not installed or does not come up.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self(Held::start("kamailio", settings, INSTALL))
    }

    /// Where its SIP side listens, UDP and TCP: `127.0.0.1:PORT`.
    pub fn server(&self) -> String {
        self.0.address("LAB_SIP_PORT")
    }

    /// Where its SIP side listens for TLS, with a certificate of the lab's own CA.
    pub fn tls_server(&self) -> String {
        self.0.address("LAB_TLS_PORT")
    }

    /// Where its HTTP side listens: `127.0.0.1:PORT`.
    pub fn http(&self) -> String {
        self.0.address("LAB_HTTP_PORT")
    }

    /// The root of its XCAP server.
    pub fn xcap_root(&self) -> String {
        format!("http://{}/xcap-root", self.http())
    }

    /// The same behind TLS.
    pub fn secure_xcap_root(&self) -> String {
        format!(
            "https://127.0.0.1:{}/xcap-root",
            self.0.value("LAB_HTTPS_PORT")
        )
    }

    /// The PEM file of the authority that signed the lab's certificates.
    pub fn ca(&self) -> String {
        self.0.value("LAB_CA").to_owned()
    }

    /// The SIP URI of a user or room of the lab's domain.
    pub fn uri(name: &str) -> String {
        format!("sip:{name}@lab.test")
    }

    /// Its run folder.
    pub fn dir(&self) -> &Path {
        self.0.dir()
    }

    /// The file with its settings, for the lab's own tools.
    pub fn settings_file(&self) -> PathBuf {
        self.dir().join("lab.env")
    }

    /// Writes a file into the run folder and gives its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: &str) -> String {
        self.0.file(name, content)
    }

    /// How often Kamailio has met `what` for a room: `expires-N`, a SUBSCRIBE with that Expires;
    /// `final-CODE`, that answer to the NOTIFY that ends a subscription (RFC 6665 §4.1.2.3).
    ///
    /// # Panics
    /// When Kamailio does not say.
    pub fn seen(&self, room: &str, what: &str) -> u32 {
        let ask = || -> std::io::Result<String> {
            let mut http = TcpStream::connect(self.http())?;
            http.set_read_timeout(Some(PATIENCE))?;
            write!(
                http,
                "GET /lab-seen/{room}/{what} HTTP/1.1\r\nHost: lab\r\n\r\n"
            )?;
            // The connection stays open; the answer is a header, an empty line, and one line.
            let mut answer = BufReader::new(http).lines();
            while !answer.next().unwrap_or(Ok(String::new()))?.is_empty() {}
            answer.next().unwrap_or(Ok(String::new()))
        };
        let answer = ask();
        let count = answer.as_ref().ok().and_then(|line| line.parse().ok());
        count.unwrap_or_else(|| panic!("no count of {what} from Kamailio: {answer:?}"))
    }

    /// Asks until Kamailio has met `what` at least once: it works through its messages in
    /// processes of its own, a moment after its answer is here.
    ///
    /// # Panics
    /// When that lasts longer than [`PATIENCE`].
    pub fn wait_seen(&self, room: &str, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.seen(room, what) == 0 {
            assert!(
                Instant::now() < deadline,
                "Kamailio has not met {what} for {room}; its log:\n{}",
                self.log()
            );
        }
    }

    /// Kamailio's log.
    pub fn log(&self) -> String {
        self.0.log("kamailio")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Kamailio's log:\n{}", self.log());
        }
    }
}
