//! Faults on the way to the server: name, port, certificate (SEC-05, SEC-13).

use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rollmark_tests::kit::ROOM;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::examination::{Examination, all, file};

fn run(name: &str, server: &str, more: &[&str]) -> Examination {
    let mut args = vec![ROOM, "--server", server, "--patience", "30"];
    args.extend(more);
    Examination::run(name, &args)
}

#[test]
fn a_name_that_does_not_resolve() {
    let found = run("no such name", "nowhere.invalid:5060", &[]);
    found.assert_states(&["resolution"], &[]);
    found.assert_words(
        "resolution",
        &["nowhere.invalid cannot be found", "--server", "DNS"],
    );
    found.assert_skipped("subscribe", "the server's name has no address");
}

#[test]
fn a_port_where_nobody_listens() {
    // Bound and given up: nobody else is told of it so soon.
    let free = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let found = run("udp", &free.to_string(), &[]);
    found.assert_states(&["transport"], &[]);
    found.assert_words("transport", &["ICMP", "check the port", "--transport tcp"]);
    found.assert_skipped("subscribe", "the server cannot be reached");

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for transport in ["tcp", "tls"] {
        let found = run(transport, &free.to_string(), &["--transport", transport]);
        found.assert_states(&["transport"], &[]);
        found.assert_words(
            "transport",
            &["refuses the connection", "firewalls", &free.to_string()],
        );
        found.assert_skipped("tls", "there is no connection");
    }
}

/// An authority, and certificates that it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            file: file("ca.pem", &pem),
        }
    }

    /// A server with a certificate for this name, which has ended long ago or has not.
    fn server(&self, name: &str, expired: bool) -> Tls {
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            leaf.not_before = date_time_ymd(2020, 1, 1);
            leaf.not_after = date_time_ymd(2021, 1, 1);
        }
        let leaf = leaf.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        Tls::start(Arc::new(config))
    }
}

/// A server that makes handshakes and says nothing.
struct Tls {
    address: String,
    over: Arc<AtomicBool>,
}

impl Tls {
    fn start(config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let over = Arc::new(AtomicBool::new(false));
        let wanted = over.clone();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                if wanted.load(Ordering::Relaxed) {
                    return;
                }
                let config = config.clone();
                std::thread::spawn(move || {
                    let mut connection = ServerConnection::new(config).unwrap();
                    // Until the client has seen enough.
                    while connection.complete_io(&mut stream).is_ok() {}
                });
            }
        });
        Self { address, over }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = std::net::TcpStream::connect(&self.address);
    }
}

#[test]
fn certificates_that_cannot_be_trusted() {
    let (authority, stranger) = (Authority::new("Good CA"), Authority::new("Other CA"));
    let rows: [(&str, Tls, &str, &[&str]); 4] = [
        (
            "wrong name",
            authority.server("sip.example.org", false),
            &authority.file,
            &[
                "the certificate is for sip.example.org, not for 127.0.0.1",
                "subjectAltName",
            ],
        ),
        (
            "unknown authority",
            authority.server("127.0.0.1", false),
            &stranger.file,
            &[
                "signed by CN=Good CA",
                "which the CA file does not have",
                "--ca",
            ],
        ),
        (
            "expired",
            authority.server("127.0.0.1", true),
            &authority.file,
            &["has expired", "2021", "renewed", "clock"],
        ),
        (
            "no authority given",
            authority.server("127.0.0.1", false),
            "",
            &["without a CA", "--ca"],
        ),
    ];
    all(&rows, |(name, server, ca, words)| {
        let mut more = vec!["--transport", "tls"];
        if !ca.is_empty() {
            more.extend(["--ca", ca]);
        }
        let found = run(name, &server.address, &more);
        found.assert_states(&["tls"], &[]);
        found.assert_words("tls", words);
        found.assert_skipped(
            "subscribe",
            "no TLS connection to the server that can be trusted",
        );
    });
}

/// A port that takes connections and does not speak TLS.
#[test]
fn a_port_without_tls() {
    let authority = Authority::new("Good CA");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"SIP/2.0 400 Bad Request\r\n\r\n");
    });
    let found = run(
        "no tls",
        &address,
        &["--transport", "tls", "--ca", &authority.file],
    );
    found.assert_states(&["tls"], &[]);
    found.assert_words("tls", &["handshake failed", "speaks TLS"]);
    server.join().unwrap();
}
