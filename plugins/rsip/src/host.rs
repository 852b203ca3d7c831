//! A transaction host for stacks that have messages and sockets, but no transactions (RFC 3261 §17).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rollmark::core::host::{Action, Fact};
use rollmark::{Account, Capabilities, Conferences, Port, Redacted, Reporter};
use rsip::{SipMessage, Transport};

use crate::request::Requests;
use crate::server::Answers;

/// The way that a message takes: transport, own address, address of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// For Via. Over anything but UDP nothing is sent twice.
    pub transport: Transport,
    /// Own address as the other end reaches it; Via and Contact name it, so it must not be 0.0.0.0.
    pub local: SocketAddr,
    /// Address of the other end.
    pub remote: SocketAddr,
}

impl Flow {
    pub(crate) fn is_reliable(self) -> bool {
        self.transport != Transport::Udp
    }

    /// The URI at which this flow is reached from its other end, for Contact (RFC 3261 §8.1.1.8).
    pub(crate) fn contact(self, user: &str) -> String {
        let transport = match self.transport {
            Transport::Udp => String::new(),
            other => format!(";transport={}", other.to_string().to_ascii_lowercase()),
        };
        format!("sip:{user}@{}{transport}", self.local)
    }
}

/// How a stack sends messages. What it receives goes to [`Host::receive`].
pub trait Wire: Send + Sync + 'static {
    /// The flow to a next hop, a SIP or SIPS URI. `length` is about that of the whole message: over 1300 bytes it should
    /// not be UDP (RFC 3261 §18.1.1). A connection to the same next hop should be used again.
    ///
    /// # Errors
    /// When there is none; the request then counts as unreachable.
    fn route(&self, next_hop: &str, length: usize)
    -> impl Future<Output = io::Result<Flow>> + Send;

    /// Sends a message, whole, with Via and Content-Length. [`crate::bytes`] is its text.
    ///
    /// # Errors
    /// When it cannot be sent.
    fn send(&self, message: &SipMessage, flow: Flow)
    -> impl Future<Output = io::Result<()>> + Send;
}

/// The plugin in a stack that speaks rsip. Cheap to clone.
#[derive(Debug)]
pub struct Host<W> {
    wire: Arc<W>,
    requests: Requests,
    answers: Answers,
    reporter: Reporter,
}

impl<W> Clone for Host<W> {
    fn clone(&self) -> Self {
        Self {
            wire: self.wire.clone(),
            requests: self.requests.clone(),
            answers: self.answers.clone(),
            reporter: self.reporter.clone(),
        }
    }
}

impl<W: Wire> Host<W> {
    /// Starts the plugin for one account, sending through this wire. It ends with the last [`Conferences`] and
    /// conference.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(account: Account, wire: W) -> (Self, Conferences) {
        let (conferences, port) = Conferences::start(Capabilities::TRANSACTION, account);
        let host = Self {
            wire: Arc::new(wire),
            requests: Requests::new(port.reporter()),
            answers: Answers::default(),
            reporter: port.reporter(),
        };
        tokio::spawn(host.clone().run(port));
        (host, conferences)
    }

    /// Carries out actions until the plugin ends.
    async fn run(self, mut port: Port) {
        while let Some(action) = port.next_action().await {
            match action {
                Action::Send {
                    transaction,
                    request,
                    next_hop,
                } => {
                    let (requests, wire) = (self.requests.clone(), self.wire.clone());
                    tokio::spawn(async move {
                        requests.send(&*wire, transaction, request, &next_hop).await;
                    });
                }
                // A transaction host is asked for nothing else.
                other => tracing::error!(action = ?Redacted(&other), "unexpected action"),
            }
        }
    }

    /// Offers a received message and the flow it came by. Gives it back when it is not for the plugin. Call it in the
    /// order in which messages came, and wait for each: the answer to a NOTIFY is sent meanwhile.
    pub async fn receive(&self, message: SipMessage, from: Flow) -> Option<SipMessage> {
        match message {
            SipMessage::Response(response) => self.requests.answered(response).map(Into::into),
            SipMessage::Request(request) => self
                .answers
                .request(&*self.wire, &self.reporter, request, from)
                .await
                .map(Into::into),
        }
    }

    /// Answers a request that [`Host::receive`] gave back and that the stack has no use for. It is answered in the same
    /// way when it comes again. An ACK is never answered.
    pub async fn answer(&self, request: &rsip::Request, from: Flow, status: u16) {
        self.answers
            .answer(&*self.wire, request, from, status)
            .await;
    }

    /// Tells that a connection is gone: what waits for an answer over it has failed, and every server is told anew
    /// where to send (SUB-09).
    pub fn lost(&self, flow: Flow) {
        self.requests.lost(flow);
        self.reporter.fact(Fact::FlowLost);
    }
}
