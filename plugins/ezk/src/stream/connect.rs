//! Making a connection: TCP, and TLS with a check of the server's name (RFC 3261 §18.1.1, §26.3.1; RFC 5922 §7; SEC-13).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ezk_sip_core::Endpoint;
use ezk_sip_types::host::Host;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
#[cfg(feature = "tls")]
use tokio_rustls::TlsConnector;
#[cfg(feature = "tls")]
use tokio_rustls::rustls::pki_types::ServerName;

use super::connection::{Connection, Kind};
use super::duct::Ducts;
use super::resolve::{Candidate, Protocol};
use super::wire::Lost;

/// What one server may take where there is another.
const EACH: Duration = Duration::from_secs(4);
/// Octets that were sent and not acknowledged for so long end a connection (Linux and Android): the way is gone.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(40);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectFault {
    #[error("no connection within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("no connection to {0}: {1}")]
    Refused(SocketAddr, io::Error),
    #[error("{0} is not trusted: {1}")]
    Untrusted(SocketAddr, io::Error),
    #[error("there is no server of this name that takes connections")]
    NoServer,
}

/// What it takes to make connections.
#[derive(Clone, Default)]
pub(crate) struct Connecting {
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) ducts: Ducts,
}

impl std::fmt::Debug for Connecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}

impl Connecting {
    pub(crate) fn takes_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }

    /// Connects to the first of these servers that takes it, all within `patience`.
    pub(crate) async fn to(
        &self,
        servers: &[Candidate],
        name: &Host,
        patience: Duration,
        (endpoint, lost): (&Endpoint, Lost),
    ) -> Result<Connection, ConnectFault> {
        let end = Instant::now() + patience;
        let mut fault = ConnectFault::NoServer;
        for (place, server) in servers.iter().enumerate() {
            let until = match place + 1 == servers.len() {
                true => end,
                false => end.min(Instant::now() + EACH),
            };
            let attempt = self.attempt(*server, name, (endpoint, lost.clone()));
            match timeout_at(until, attempt).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(why)) => fault = why,
                Err(_) => fault = ConnectFault::TimedOut(patience),
            }
            if place + 1 < servers.len() {
                tracing::warn!(error = %fault, "the next server is tried");
            }
        }
        Err(fault)
    }

    async fn attempt(
        &self,
        server: Candidate,
        name: &Host,
        (endpoint, lost): (&Endpoint, Lost),
    ) -> Result<Connection, ConnectFault> {
        let refused = |error| ConnectFault::Refused(server.address, error);
        let stream = TcpStream::connect(server.address).await.map_err(refused)?;
        let local = stream.local_addr().map_err(refused)?;
        // Neither is worth a connection.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let (endpoint, ducts) = (endpoint.clone(), self.ducts.clone());
        if server.protocol != Protocol::Tls {
            let what = (Kind::Tcp, local, server.address);
            return Ok(Connection::start(stream, what, endpoint, ducts, lost));
        }
        #[cfg(feature = "tls")]
        if let Some(connector) = &self.tls {
            let untrusted = |error| ConnectFault::Untrusted(server.address, error);
            let name = match name {
                Host::Name(name) => ServerName::try_from(name.as_str().to_owned())
                    .map_err(|error| untrusted(io::Error::other(error)))?,
                Host::IP4(ip) => ServerName::from(std::net::IpAddr::from(*ip)),
                Host::IP6(ip) => ServerName::from(std::net::IpAddr::from(*ip)),
            };
            let stream = connector.connect(name, stream).await.map_err(untrusted)?;
            let what = (Kind::Tls, local, server.address);
            return Ok(Connection::start(stream, what, endpoint, ducts, lost));
        }
        let _ = name;
        Err(ConnectFault::NoServer)
    }
}
