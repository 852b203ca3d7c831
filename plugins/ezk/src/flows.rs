//! The flows in use: for each next hop one, made once and shared, dropped when its connection closes (RFC 3261 §18.1.1); where a
//! server is dead the next one that DNS names (RFC 3263 §4.3).

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ezk_sip_core::Endpoint;
use ezk_sip_core::transport::{TpHandle, TransportCloseReason, TransportState};
use ezk_sip_types::host::HostPort;
use ezk_sip_types::uri::SipUri;
use hickory_resolver::TokioResolver;
use rollmark::Reporter;
use rollmark::core::host::Fact;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::flow::{self, EzkFlow, Flow};
use crate::stream::{Candidate, ConnectFault, Connecting, Kind, Lost, Protocol, candidates};

/// A connection that takes longer to make has failed: Timer F (RFC 3261 §17.1.2.2).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(32);
/// The same where a datagram is the other choice.
const CONNECT_TIMEOUT_LARGE: Duration = Duration::from_secs(3);
/// A next hop that took no connection for a large request is not asked for one again for so long.
const NO_CONNECTION_FOR: Duration = Duration::from_secs(600);
/// Next hops remembered; beyond that those are forgotten that nobody uses, for a server may name a new one in every
/// Contact (SEC-18).
const MAX_NEXT_HOPS: usize = 256;

/// Why there is no flow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlowError {
    #[error("the next hop is no SIP URI that ezk can use (a host name with _ is none)")]
    Uri,
    #[error("no connection within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    /// ezk says why only in its own log, and names the whole URI here.
    #[error("none of its servers could be reached, or their certificate names another host")]
    Transport(#[from] ezk_sip_core::Error),
}

#[derive(Debug, Default)]
struct Held {
    flow: Option<Flow>,
    /// It is looked up anew for the next request; messages by it are still its.
    stale: bool,
    /// Servers that did not answer: tried last.
    silent: HashSet<SocketAddr>,
    /// No connection before then: the server takes none.
    refuses_until: Option<Instant>,
}

type Slot = Arc<tokio::sync::Mutex<Held>>;

/// The flows in use, by next hop.
#[derive(Debug)]
pub(crate) struct Flows {
    held: Mutex<HashMap<String, Slot>>,
    /// What the plugin makes connections with; none leaves them to ezk.
    own: Option<Connecting>,
    resolver: Option<TokioResolver>,
    /// Where messages were too large, as told.
    too_large: Arc<Mutex<HashSet<SocketAddr>>>,
    /// How many connections were lost.
    lost: watch::Sender<u64>,
}

impl Flows {
    pub(crate) fn new(own: Option<Connecting>, resolver: Option<TokioResolver>) -> Self {
        Self {
            held: Mutex::default(),
            own,
            resolver,
            too_large: Arc::default(),
            lost: watch::Sender::new(0),
        }
    }

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

    /// A next hop that did not answer is looked up anew, and another server is taken where there is one (RFC 3263 §4.3). A
    /// connection knows by itself whether it is dead.
    pub(crate) async fn forget(&self, next_hop: &str) {
        if let Ok(uri) = SipUri::from_str(next_hop) {
            let slot = self.slot(&uri);
            let mut held = slot.lock().await;
            if let Some(Flow::Ezk(flow)) = &held.flow {
                let server = flow.destination;
                held.silent.insert(server);
                held.stale = true;
            }
        }
    }

    /// Whether a message that ezk received came by one of the flows in use: over a connection by that very one, over UDP from
    /// the address of a next hop (IMS-32, SEC-03). What comes over the plugin's own connections is never asked for here.
    pub(crate) fn of(&self, transport: &TpHandle, source: SocketAddr) -> rollmark::Flow {
        let held = self.held();
        let mut foreign = rollmark::Flow::Unknown;
        for slot in held.values() {
            // One that is being made is not known yet.
            let Ok(slot) = slot.try_lock() else { continue };
            let is_its = match &slot.flow {
                None => continue,
                Some(Flow::Own(_)) => false,
                Some(Flow::Ezk(flow)) if flow.transport.is_udp() => {
                    transport.is_udp() && source.ip() == flow.destination.ip()
                }
                Some(Flow::Ezk(flow)) => !transport.is_udp() && source == flow.destination,
            };
            if is_its {
                return rollmark::Flow::Registered;
            }
            foreign = rollmark::Flow::Foreign;
        }
        foreign
    }

    /// The true address and kind of the connection behind a handle; none if it is ezk's own.
    pub(crate) fn behind(&self, transport: &TpHandle) -> Option<(SocketAddr, Kind)> {
        self.own.as_ref()?.ducts.behind(transport)
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
        let find = self.find(endpoint, uri, reporter, patience, &mut held.silent);
        let flow = tokio::time::timeout(patience, find)
            .await
            .map_err(|_| FlowError::TimedOut(patience))??;
        held.flow = Some(flow.clone());
        held.stale = false;
        Ok(flow)
    }

    async fn find(
        &self,
        endpoint: &Endpoint,
        uri: &SipUri,
        reporter: &Reporter,
        patience: Duration,
        silent: &mut HashSet<SocketAddr>,
    ) -> Result<Flow, FlowError> {
        let takes_tls = self.own.as_ref().is_some_and(Connecting::takes_tls);
        let is_ours = self.own.is_some() && (takes_tls || Protocol::of(uri) != Some(Protocol::Tls));
        let mut servers = match is_ours || Protocol::of(uri) == Some(Protocol::Udp) {
            true => candidates(self.resolver.as_ref(), uri, takes_tls).await,
            false => Vec::new(),
        };
        if servers
            .iter()
            .all(|server| silent.contains(&server.address))
        {
            // Each had its turn.
            silent.clear();
        }
        servers.sort_by_key(|server| silent.contains(&server.address));
        match (servers.first(), &self.own) {
            // Also where DNS is unknown to us and known to the endpoint.
            (None, _) => self.by_ezk(endpoint, uri, uri, reporter).await,
            (Some(first), _) if first.protocol == Protocol::Udp => {
                let address = SipUri::from_str(&format!("sip:{}", first.address));
                let address = address.map_err(|_| FlowError::Uri)?;
                self.by_ezk(endpoint, &address, uri, reporter).await
            }
            (Some(_), None) => self.by_ezk(endpoint, uri, uri, reporter).await,
            (Some(_), Some(own)) => {
                let is_connection = |server: &Candidate| server.protocol != Protocol::Udp;
                servers.retain(is_connection);
                let lost = Lost {
                    count: self.lost.clone(),
                    reporter: reporter.clone(),
                    too_large: self.too_large.clone(),
                };
                let host = &uri.host_port.host;
                let made = own.to(&servers, host, patience, (endpoint, lost)).await;
                Ok(Flow::Own(made?))
            }
        }
    }

    /// A transport of ezk's, chosen by `address`; `uri` says what it is.
    async fn by_ezk(
        &self,
        endpoint: &Endpoint,
        address: &SipUri,
        uri: &SipUri,
        reporter: &Reporter,
    ) -> Result<Flow, FlowError> {
        let (transport, destination) = endpoint.select_transport(address).await?;
        let flow = EzkFlow {
            transport,
            destination,
            tls: Protocol::of(uri) == Some(Protocol::Tls),
        };
        self.watch(&flow, reporter.clone());
        Ok(Flow::Ezk(flow))
    }

    /// Reports the end of a connection of ezk's, so that the subscriptions on it are told to the server anew.
    fn watch(&self, flow: &EzkFlow, reporter: Reporter) {
        if flow.transport.is_udp() {
            return;
        }
        let mut state = flow.transport.watch_state();
        let destination = flow.destination;
        let (lost, too_large) = (self.lost.clone(), self.too_large.clone());
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
            let is_size = why.contains("too large");
            if is_size {
                reporter.fact(Fact::TooLarge);
            }
            if is_size && !known() {
                tracing::error!(
                    %destination,
                    "the server sent a message of more than 65,535 bytes, which ezk cannot receive over TCP: it closed the \
                     connection. Let the plugin make connections of its own, or have the server send smaller documents. It is \
                     tried again, ever more rarely"
                );
            } else {
                tracing::warn!(%destination, why, "the connection was closed; refreshing on a new one");
            }
            lost.send_modify(|count| *count += 1);
            reporter.fact(Fact::FlowLost);
        });
    }
}

/// The URI at which `user` is reached over the flow that a request came on.
pub(crate) fn contact_of(
    flows: &Flows,
    request: &ezk_sip_core::IncomingRequest,
    user: &str,
) -> String {
    let info = &request.tp_info;
    if let Some((address, kind)) = flows.behind(&info.transport) {
        return flow::contact(user, address, kind);
    }
    // ezk does not tell what a connection is; the topmost Via does.
    let via = request.base_headers.via.first();
    let flow = EzkFlow {
        transport: info.transport.clone(),
        destination: info.source,
        tls: via.is_some_and(|via| via.transport.eq_ignore_ascii_case("TLS")),
    };
    flow.contact(user)
}

/// What of a URI decides where it leads: neither user nor the parameters of a route do.
fn key(uri: &SipUri) -> String {
    let scheme = if uri.sips { "sips" } else { "sip" };
    let transport = uri.uri_params.get_val("transport");
    let transport = transport.map(|text| &**text).unwrap_or_default();
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
