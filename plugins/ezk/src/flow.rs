//! Flows: for each next hop one transport handle, resolved once and shared, dropped when its connection closes
//! (RFC 3261 §18.1.1).

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytesstr::BytesStr;
use ezk_sip_core::Endpoint;
use ezk_sip_core::transport::{TpHandle, TransportCloseReason, TransportState};
use ezk_sip_types::host::{Host, HostPort};
use ezk_sip_types::uri::SipUri;
use rollmark::Reporter;
use rollmark::core::host::Fact;
use tokio::sync::watch;
use tokio::time::Instant;

/// A connection that takes longer to make has failed: Timer F (RFC 3261 §17.1.2.2).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(32);
/// The same where a datagram is the other choice.
const CONNECT_TIMEOUT_LARGE: Duration = Duration::from_secs(3);
/// A next hop that took no connection for a large request is not asked for one again for so long.
const NO_CONNECTION_FOR: Duration = Duration::from_secs(600);
/// Next hops remembered; beyond that those are forgotten that nobody uses, for a server may name a new one in every
/// Contact (SEC-18).
const MAX_NEXT_HOPS: usize = 256;

/// A transport and the address it is used towards.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) transport: TpHandle,
    pub(crate) destination: SocketAddr,
    /// By the next hop's URI; ezk does not tell what a connection is.
    tls: bool,
}

/// Why there is no flow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlowError {
    #[error("the next hop is no SIP URI that ezk can use (a host name with _ is none)")]
    Uri,
    #[error("no connection within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// ezk says why only in its own log, and names the whole URI here.
    #[error("none of its servers could be reached, or their certificate names another host")]
    Transport(#[from] ezk_sip_core::Error),
}

#[derive(Debug, Default)]
struct Held {
    flow: Option<Flow>,
    /// It is looked up anew for the next request; messages by it are still its.
    stale: bool,
    /// No connection before then: the server takes none.
    refuses_until: Option<Instant>,
}

type Slot = Arc<tokio::sync::Mutex<Held>>;

/// The flows in use, by next hop.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    held: Mutex<HashMap<String, Slot>>,
    /// Where messages were too large for ezk, as told.
    too_large: Arc<Mutex<HashSet<SocketAddr>>>,
    /// How many connections were lost.
    lost: watch::Sender<u64>,
}

impl Flows {
    /// The flow to a next hop: the one in use while it lives, else a new one. Who comes meanwhile waits for it, so that
    /// a hundred requests do not make a hundred connections.
    pub(crate) async fn to(
        &self,
        endpoint: &Endpoint,
        next_hop: &str,
        reporter: &Reporter,
    ) -> Result<Flow, FlowError> {
        let uri = SipUri::from_str(next_hop).map_err(|_| FlowError::Uri)?;
        self.make(endpoint, &uri, reporter, CONNECT_TIMEOUT).await
    }

    /// A TCP connection to a next hop of datagrams, for a request that is too large for one (RFC 3261 §18.1.1). None:
    /// the server takes none.
    pub(crate) async fn connection(
        &self,
        endpoint: &Endpoint,
        next_hop: &str,
        reporter: &Reporter,
    ) -> Option<Flow> {
        let uri = SipUri::from_str(&over_tcp(next_hop)).ok()?;
        let slot = self.slot(&uri);
        let refuses = slot.lock().await.refuses_until;
        if refuses.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        match self
            .make(endpoint, &uri, reporter, CONNECT_TIMEOUT_LARGE)
            .await
        {
            Ok(flow) => Some(flow),
            Err(error) => {
                tracing::warn!(
                    %error,
                    "a request is larger than a datagram should be, but the server takes no TCP connection; it goes by UDP"
                );
                slot.lock().await.refuses_until = Some(Instant::now() + NO_CONNECTION_FOR);
                None
            }
        }
    }

    /// A next hop that did not answer is looked up anew: another server may have taken its name (RFC 3263 §4.3).
    pub(crate) async fn forget(&self, next_hop: &str) {
        if let Ok(uri) = SipUri::from_str(next_hop) {
            self.slot(&uri).lock().await.stale = true;
        }
    }

    /// Whether a message came by one of the flows in use: over TLS by its very connection, else from the address of a next
    /// hop (IMS-32, SEC-03).
    pub(crate) fn of(&self, source: SocketAddr) -> rollmark::Flow {
        let held = self.held();
        let mut foreign = rollmark::Flow::Unknown;
        for slot in held.values() {
            // One that is being made is not known yet.
            let Ok(slot) = slot.try_lock() else { continue };
            let Some(flow) = slot.flow.as_ref() else {
                continue;
            };
            foreign = rollmark::Flow::Foreign;
            let is_its = if flow.tls {
                source == flow.destination
            } else {
                source.ip() == flow.destination.ip()
            };
            if is_its {
                return rollmark::Flow::Registered;
            }
        }
        foreign
    }

    /// Changes with each connection that is lost.
    pub(crate) fn lost(&self) -> watch::Receiver<u64> {
        self.lost.subscribe()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, uri: &SipUri) -> Slot {
        let key = key(uri);
        let mut held = self.held();
        if held.len() >= MAX_NEXT_HOPS && !held.contains_key(&key) {
            held.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        held.entry(key).or_default().clone()
    }

    async fn make(
        &self,
        endpoint: &Endpoint,
        uri: &SipUri,
        reporter: &Reporter,
        patience: Duration,
    ) -> Result<Flow, FlowError> {
        let slot = self.slot(uri);
        let mut held = slot.lock().await;
        if !held.stale
            && let Some(flow) = held.flow.as_ref().filter(|flow| flow.is_open())
        {
            return Ok(flow.clone());
        }
        let (transport, destination) =
            tokio::time::timeout(patience, endpoint.select_transport(uri))
                .await
                .map_err(|_| FlowError::TimedOut(patience))??;
        let flow = Flow {
            transport,
            destination,
            tls: uri.sips || transport_of(uri).is_some_and(|t| t.eq_ignore_ascii_case("tls")),
        };
        flow.watch(self, reporter.clone());
        held.flow = Some(flow.clone());
        held.stale = false;
        Ok(flow)
    }
}

impl Flow {
    /// The flow that something came on.
    pub(crate) fn of(transport: TpHandle, source: SocketAddr, tls: bool) -> Self {
        Self {
            transport,
            destination: source,
            tls,
        }
    }

    /// Reports the end of a connection, so that the subscriptions on it are told to the server anew.
    fn watch(&self, flows: &Flows, reporter: Reporter) {
        if self.transport.is_udp() {
            return;
        }
        let mut state = self.transport.watch_state();
        let destination = self.destination;
        let (lost, too_large) = (flows.lost.clone(), flows.too_large.clone());
        tokio::spawn(async move {
            let closed = |state: &TransportState| !matches!(state, TransportState::Ok);
            let why = match state.wait_for(closed).await {
                Ok(state) => match &*state {
                    TransportState::Closed(TransportCloseReason::Err(error)) => error.to_string(),
                    _ => "it was idle".into(),
                },
                Err(_) => return,
            };
            let known = || {
                let mut told = too_large.lock().unwrap_or_else(PoisonError::into_inner);
                !told.insert(destination)
            };
            // ezk's own words; it has no other mark of it.
            if why.contains("too large") && !known() {
                tracing::error!(
                    %destination,
                    "the server sent a message of more than 65,535 bytes, which ezk cannot receive over TCP: it closed the \
                     connection. The roster of a conference is too large for this softphone: have the server send smaller \
                     documents, or use a SIP stack without this limit. It is tried again, ever more rarely"
                );
            } else {
                tracing::warn!(%destination, why, "the connection was closed; refreshing on a new one");
            }
            lost.send_modify(|count| *count += 1);
            reporter.fact(Fact::FlowLost);
        });
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.transport.watch_state().borrow(), TransportState::Ok)
    }

    /// The URI at which this flow is reached from its other end, for Contact (RFC 3261 §8.1.1.8).
    pub(crate) fn contact(&self, user: &str) -> String {
        let address = self.local();
        let transport = match (self.transport.is_udp(), self.tls) {
            (true, _) => "",
            (false, true) => ";transport=tls",
            (false, false) => ";transport=tcp",
        };
        format!("sip:{user}@{address}{transport}")
    }

    /// What Via must say: the address, when the socket is bound to none of its own, and over UDP `rport`, which ezk does
    /// not send by itself: responses then come back through a NAT (RFC 3581 §3).
    pub(crate) fn via(&self) -> Option<HostPort> {
        let local = self.local();
        if self.transport.is_udp() {
            // The only way to a parameter of Via that ezk leaves open.
            let text = BytesStr::from(format!("{local};rport"));
            return Some(HostPort {
                host: Host::Name(text),
                port: None,
            });
        }
        self.transport
            .bound()
            .ip()
            .is_unspecified()
            .then(|| local.into())
    }

    fn local(&self) -> SocketAddr {
        let mut address = self.transport.bound();
        if address.ip().is_unspecified()
            && let Some(ip) = local_ip_towards(self.destination)
        {
            address.set_ip(ip);
        }
        // Without the scope of a link-local address, which no URI can have.
        SocketAddr::new(address.ip(), address.port())
    }
}

/// The local address that the system would send from. Connecting a UDP socket sends nothing.
fn local_ip_towards(destination: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if destination.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(destination).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn transport_of(uri: &SipUri) -> Option<&str> {
    uri.uri_params
        .get_val("transport")
        .map(|transport| &**transport)
}

/// What of a URI decides where it leads: neither user nor the parameters of a route do.
fn key(uri: &SipUri) -> String {
    let scheme = if uri.sips { "sips" } else { "sip" };
    let transport = transport_of(uri).unwrap_or_default();
    let HostPort { host, port } = &uri.host_port;
    let port = port.unwrap_or_default();
    format!("{scheme}:{host}:{port};{transport}").to_ascii_lowercase()
}

/// The same next hop by TCP.
fn over_tcp(next_hop: &str) -> String {
    let mut parts: Vec<&str> = next_hop.split(';').collect();
    parts.retain(|part| !part.to_ascii_lowercase().starts_with("transport="));
    parts.push("transport=tcp");
    parts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_one_next_hop_whatever_else_its_uris_say() {
        let key = |text: &str| key(&SipUri::from_str(text).unwrap());
        let proxy = key("sip:Proxy.example.org:5060;transport=TCP;lr");
        assert_eq!(proxy, key("sip:room@proxy.example.org:5060;transport=tcp"));
        assert_ne!(proxy, key("sip:proxy.example.org:5060"));
        assert_ne!(proxy, key("sips:proxy.example.org:5060;transport=tcp"));
        assert_ne!(proxy, key("sip:proxy.example.org:5061;transport=tcp"));
    }

    #[test]
    fn a_next_hop_is_rewritten_for_tcp() {
        for (next_hop, tcp) in [
            ("sip:x:5060;lr", "sip:x:5060;lr;transport=tcp"),
            ("sip:a@x;Transport=udp;lr", "sip:a@x;lr;transport=tcp"),
        ] {
            assert_eq!(over_tcp(next_hop), tcp);
        }
    }
}
