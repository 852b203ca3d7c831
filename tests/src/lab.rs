//! The Kamailio lab: a real conference notifier (RFC 4575) and XCAP server (RFC 4825) on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::process::{PATIENCE, Process, labs_dir, run_dir};

/// What to do when a server or tool of the labs is missing.
pub const INSTALL: &str = "Run ./tests/run, which installs it, or: apt-get install kamailio \
kamailio-presence-modules kamailio-sqlite-modules kamailio-tls-modules sip-tester openssl python3 \
baresip-core";

/// One running lab on ports of its own. Dropping it stops it and removes its folder.
#[derive(Debug)]
pub struct Lab {
    process: Process,
    values: BTreeMap<String, String>,
}

impl Lab {
    /// Starts a lab; `settings` are the environment variables at the top of `lab-start.sh`.
    ///
    /// Free ports are chosen a moment before they are bound, so a clash is forgiven, twice.
    ///
    /// # Panics
    /// When Kamailio is not installed or does not come up.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::attempt(settings)
            .or_else(|_| Self::attempt(settings))
            .or_else(|_| Self::attempt(settings))
            .unwrap_or_else(|said| panic!("the Kamailio lab did not start. {INSTALL}\n{said}"))
    }

    fn attempt(settings: &[(&str, &str)]) -> Result<Self, String> {
        let dir = run_dir("kamailio");
        let mut command = Command::new(labs_dir().join("kamailio/lab-start.sh"));
        command
            .arg("--hold")
            .env("LAB_DIR", &dir)
            .envs(settings.iter().copied());
        let mut process = Process::start(&mut command, INSTALL);
        let mut values = BTreeMap::new();
        while let Some(line) = process.line("sign of life from the lab") {
            if line == "ready" {
                return Ok(Self { process, values });
            }
            if let Some((key, value)) = line.split_once('=') {
                values.insert(key.to_owned(), value.to_owned());
            }
        }
        process.finish(PATIENCE);
        Err(process.transcript())
    }

    fn value(&self, key: &str) -> &str {
        self.values
            .get(key)
            .unwrap_or_else(|| panic!("the lab told no {key}\n{}", self.process.transcript()))
    }

    /// Where its SIP side listens, UDP and TCP: `127.0.0.1:PORT`.
    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.value("LAB_SIP_PORT"))
    }

    /// Where its SIP side listens for TLS, with a certificate of the lab's own CA.
    pub fn tls_server(&self) -> String {
        format!("127.0.0.1:{}", self.value("LAB_TLS_PORT"))
    }

    /// Where its HTTP side listens: `127.0.0.1:PORT`.
    pub fn http(&self) -> String {
        format!("127.0.0.1:{}", self.value("LAB_HTTP_PORT"))
    }

    /// The root of its XCAP server.
    pub fn xcap_root(&self) -> String {
        format!("http://{}/xcap-root", self.http())
    }

    /// The same behind TLS.
    pub fn secure_xcap_root(&self) -> String {
        format!(
            "https://127.0.0.1:{}/xcap-root",
            self.value("LAB_HTTPS_PORT")
        )
    }

    /// The PEM file of the authority that signed the lab's certificates.
    pub fn ca(&self) -> String {
        self.value("LAB_CA").to_owned()
    }

    /// The SIP URI of a user or room of the lab's domain.
    pub fn uri(name: &str) -> String {
        format!("sip:{name}@lab.test")
    }

    /// Its run folder.
    pub fn dir(&self) -> &Path {
        Path::new(self.value("LAB_DIR"))
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
        let path = self.dir().join(name);
        std::fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path.display().to_string()
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
        std::fs::read_to_string(self.dir().join("kamailio.log")).unwrap_or_default()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Kamailio's log:\n{}", self.log());
        }
        // End of input is the script's sign to stop Kamailio, which it does in bounded time.
        self.process.close_stdin();
        while self.process.running_after(PATIENCE) {}
    }
}
