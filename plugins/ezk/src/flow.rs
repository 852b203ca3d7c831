//! Flows: for each next hop one transport handle, resolved once and shared, dropped when its connection closes
//! (RFC 3261 §18.1.1).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ezk_sip_core::Endpoint;
use ezk_sip_core::transport::{TpHandle, TransportState};
use ezk_sip_types::host::HostPort;
use ezk_sip_types::uri::SipUri;
use rollmark::Reporter;
use rollmark::core::host::Fact;
use tokio::sync::watch;

/// A connection that takes longer to make has failed: Timer F (RFC 3261 §17.1.2.2).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(32);

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
    #[error("the next hop {0:?} is no SIP URI that ezk can use")]
    Uri(String),
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
    #[error(transparent)]
    Transport(#[from] ezk_sip_core::Error),
}

type Slot = Arc<tokio::sync::Mutex<Option<Flow>>>;

/// The flows in use, by next hop.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    held: Mutex<HashMap<String, Slot>>,
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
        let slot = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(next_hop.to_owned())
            .or_default()
            .clone();
        let mut held = slot.lock().await;
        if let Some(flow) = held.as_ref().filter(|flow| flow.is_open()) {
            return Ok(flow.clone());
        }
        let uri = SipUri::from_str(next_hop).map_err(|_| FlowError::Uri(next_hop.to_owned()))?;
        let (transport, destination) =
            tokio::time::timeout(CONNECT_TIMEOUT, endpoint.select_transport(&uri))
                .await
                .map_err(|_| FlowError::TimedOut)??;
        let flow = Flow {
            transport,
            destination,
            tls: uri.sips
                || uri
                    .uri_params
                    .get_val("transport")
                    .is_some_and(|transport| transport.eq_ignore_ascii_case("tls")),
        };
        flow.watch(reporter.clone(), self.lost.clone());
        *held = Some(flow.clone());
        Ok(flow)
    }

    /// Whether a message came by one of the flows in use: over TLS by its very connection, else from the address of a next
    /// hop (IMS-32, SEC-03).
    pub(crate) fn of(&self, source: SocketAddr) -> rollmark::Flow {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut foreign = rollmark::Flow::Unknown;
        for slot in held.values() {
            // One that is being made is not known yet.
            let Ok(slot) = slot.try_lock() else { continue };
            let Some(flow) = slot.as_ref() else { continue };
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
    fn watch(&self, reporter: Reporter, lost: watch::Sender<u64>) {
        if self.transport.is_udp() {
            return;
        }
        let mut state = self.transport.watch_state();
        let destination = self.destination;
        tokio::spawn(async move {
            let closed = |state: &TransportState| !matches!(state, TransportState::Ok);
            if state.wait_for(closed).await.is_ok() {
                tracing::warn!(%destination, "the connection was closed; refreshing on a new one");
                lost.send_modify(|count| *count += 1);
                reporter.fact(Fact::FlowLost);
            }
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

    /// What Via must say when the socket is bound to no address of its own.
    pub(crate) fn via(&self) -> Option<HostPort> {
        self.transport
            .bound()
            .ip()
            .is_unspecified()
            .then(|| self.local().into())
    }

    fn local(&self) -> SocketAddr {
        let mut address = self.transport.bound();
        if address.ip().is_unspecified()
            && let Some(ip) = local_ip_towards(self.destination)
        {
            address.set_ip(ip);
        }
        address
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
