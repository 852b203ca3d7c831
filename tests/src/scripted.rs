//! A small server whose answers a test writes: over UDP, TCP and TLS, with connections that can be cut. Nothing here is shared
//! with the core.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::kit::document;
use crate::kit::message::{Message, param, uri_of};

/// What a request is answered by, given the URI of the server.
pub type Script = dyn FnMut(&Message, &str) -> Vec<Message> + Send;

struct Shared {
    script: Mutex<Box<Script>>,
    requests: Mutex<Vec<Message>>,
    connections: watch::Sender<u64>,
    cut: watch::Sender<u64>,
}

/// The server. It ends with its runtime.
#[derive(Clone)]
pub struct Scripted {
    shared: Arc<Shared>,
    /// Where it listens.
    pub address: SocketAddr,
    /// `;transport=…` of its Contact, empty over UDP.
    pub transport: &'static str,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no script panics")
}

/// An authority of the test's own, and a certificate by it.
#[derive(Debug)]
pub struct Identity {
    acceptor_config: Arc<ServerConfig>,
    /// The authority's certificate.
    pub ca_pem: String,
}

impl Identity {
    /// A certificate for this name or address.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn of(name: &str) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).expect("an authority").pem();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("they belong together");
        Self {
            acceptor_config: Arc::new(config),
            ca_pem,
        }
    }
}

impl Scripted {
    fn new(address: SocketAddr, transport: &'static str, script: Box<Script>) -> Self {
        Self {
            shared: Arc::new(Shared {
                script: Mutex::new(script),
                requests: Mutex::default(),
                connections: watch::Sender::new(0),
                cut: watch::Sender::new(0),
            }),
            address,
            transport,
        }
    }

    /// Over UDP, on a port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub async fn udp(script: impl FnMut(&Message, &str) -> Vec<Message> + Send + 'static) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let socket = socket.expect("a UDP port");
        let address = socket.local_addr().expect("it is bound");
        let server = Self::new(address, "", Box::new(script));
        let answering = server.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                    continue;
                };
                let mut datagram = buffer[..length].to_vec();
                if let Some(message) = Message::take(&mut datagram, false) {
                    for answer in answering.answer(&message) {
                        let _ = socket.send_to(&answer.bytes(), from).await;
                    }
                }
            }
        });
        server
    }

    /// Over TCP, or TLS with an identity.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn tcp(
        identity: Option<&Identity>,
        script: impl FnMut(&Message, &str) -> Vec<Message> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a TCP port");
        let address = listener.local_addr().expect("it is bound");
        let transport = match identity {
            Some(_) => ";transport=tls",
            None => ";transport=tcp",
        };
        let acceptor = identity.map(|known| TlsAcceptor::from(known.acceptor_config.clone()));
        let server = Self::new(address, transport, Box::new(script));
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, acceptor) = (accepting.clone(), acceptor.clone());
                tokio::spawn(server.serve(stream, acceptor));
            }
        });
        server
    }

    async fn serve(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        match acceptor {
            None => self.converse(stream).await,
            Some(acceptor) => {
                // Whoever does not trust us hangs up here.
                if let Ok(stream) = acceptor.accept(stream).await {
                    self.converse(stream).await;
                }
            }
        }
    }

    async fn converse(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut cut = self.shared.cut.subscribe();
        self.shared.connections.send_modify(|count| *count += 1);
        let mut buffer = Vec::new();
        loop {
            tokio::select! {
                length = stream.read_buf(&mut buffer) => {
                    if !matches!(length, Ok(1..)) {
                        return;
                    }
                }
                _ = cut.changed() => return,
            }
            while let Some(message) = Message::take(&mut buffer, true) {
                for answer in self.answer(&message) {
                    if stream.write_all(&answer.bytes()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn answer(&self, message: &Message) -> Vec<Message> {
        if message.status().is_some() {
            return Vec::new();
        }
        locked(&self.shared.requests).push(message.clone());
        let here = format!("sip:focus@{}{}", self.address, self.transport);
        locked(&self.shared.script)(message, &here)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Message> {
        locked(&self.shared.requests).clone()
    }

    /// How many connections were made, with a finished handshake.
    pub fn connections(&self) -> u64 {
        *self.shared.connections.borrow()
    }

    /// Closes every connection, as a NAT or a server that starts anew does.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }
}

/// The 200 and the NOTIFY of an active subscription with these users; `contact` is that of the server.
pub fn accepted(asked: &Message, contact: &str, version: u32, users: &[&str]) -> Vec<Message> {
    let contact = format!("<{contact}>");
    let expires = asked.get("Expires").unwrap_or("3600");
    let response = asked
        .response(200, "focus")
        .with("Contact", contact.clone())
        .with("Expires", expires);
    let to = asked.get("To").unwrap_or_default();
    let from = match param(to, "tag") {
        Some(_) => to.to_owned(),
        None => format!("{to};tag=focus"),
    };
    let state = match expires {
        "0" => "terminated;reason=timeout",
        _ => "active;expires=3600",
    };
    let via = asked.get("Via").unwrap_or_default();
    let protocol = via.split([' ', '/']).nth(2).unwrap_or("TCP");
    let target = uri_of(asked.get("Contact").unwrap_or_default());
    let mut notify = Message {
        first: format!("NOTIFY {target} SIP/2.0"),
        ..Message::default()
    }
    .with(
        "Via",
        format!("SIP/2.0/{protocol} 127.0.0.1;branch=z9hG4bKs{version}"),
    )
    .with("Max-Forwards", "70")
    .with("From", from)
    .with("To", asked.get("From").unwrap_or_default())
    .with("Call-ID", asked.get("Call-ID").unwrap_or_default())
    .with("CSeq", format!("{version} NOTIFY"))
    .with("Contact", contact)
    .with("Event", "conference")
    .with("Subscription-State", state)
    .with("Content-Type", "application/conference-info+xml");
    notify.body = document(version, "full", users).into_bytes();
    vec![response, notify]
}
