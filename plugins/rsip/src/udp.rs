//! A wire over one UDP socket, for a stack that has nothing else (RFC 3261 §18).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rollmark::core::uri::{Scheme, Uri};
use rollmark::local_ip_towards;
use rsip::{Method, SipMessage, Transport};
use tokio::net::UdpSocket;

use crate::host::{Flow, Host, Wire};
use crate::read::{bytes, read};

/// The longest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
const DEFAULT_PORT: u16 = 5060;

/// One UDP socket. Next hops are looked up as addresses; of NAPTR and SRV it knows nothing.
#[derive(Clone, Debug)]
pub struct Udp {
    socket: Arc<UdpSocket>,
    server: Option<SocketAddr>,
}

impl Udp {
    /// A wire over this socket. With a server, every request goes there (outbound proxy).
    #[must_use]
    pub fn new(socket: UdpSocket, server: Option<SocketAddr>) -> Self {
        Self {
            socket: Arc::new(socket),
            server,
        }
    }

    fn flow(&self, remote: SocketAddr) -> io::Result<Flow> {
        let mut local = self.socket.local_addr()?;
        if local.ip().is_unspecified() {
            local.set_ip(local_ip_towards(remote)?);
        }
        Ok(Flow {
            transport: Transport::Udp,
            local,
            remote,
        })
    }

    /// Gives the host all that is received, for ever. What it does not want is answered: 481 to a NOTIFY
    /// (RFC 6665 §4.1.3), 405 to anything else.
    ///
    /// # Errors
    /// When the socket cannot be read.
    pub async fn serve(&self, host: &Host<Self>) -> io::Result<()> {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let (length, remote) = match self.socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                // Nobody listened where an earlier datagram went; its request ends by Timer F.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            // Keep-alives of RFC 5626 §3.5.
            if datagram.iter().all(|b| b.is_ascii_whitespace()) {
                continue;
            }
            let flow = self.flow(remote)?;
            match read(datagram) {
                Err(error) => tracing::warn!(%error, %remote, "a datagram was dropped"),
                Ok(message) => {
                    if let Some(SipMessage::Request(request)) = host.receive(message, flow).await {
                        let status = match request.method {
                            Method::Notify => 481,
                            _ => 405,
                        };
                        host.answer(&request, flow, status).await;
                    }
                }
            }
        }
    }
}

impl Wire for Udp {
    async fn route(&self, next_hop: &str, _length: usize) -> io::Result<Flow> {
        if let Some(server) = self.server {
            return self.flow(server);
        }
        let wrong = || io::Error::new(io::ErrorKind::Unsupported, "not a SIP URI for UDP");
        let uri = Uri::parse(next_hop).map_err(|_| wrong())?;
        let udp = uri
            .param("transport")
            .is_none_or(|transport| transport.eq_ignore_ascii_case("udp"));
        if uri.scheme() != Scheme::Sip || !udp {
            return Err(wrong());
        }
        let host = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']);
        let port = uri.port().unwrap_or(DEFAULT_PORT);
        let like_ours = self.socket.local_addr()?.is_ipv4();
        let mut found = tokio::net::lookup_host((host, port)).await?;
        let remote = found
            .find(|address| address.is_ipv4() == like_ours)
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        self.flow(remote)
    }

    async fn send(&self, message: &SipMessage, flow: Flow) -> io::Result<()> {
        self.socket.send_to(&bytes(message), flow.remote).await?;
        Ok(())
    }
}
