//! A flow: the way to one next hop, over a connection of the plugin's own or a transport of ezk's (RFC 3261 §18.1.1).

use std::net::SocketAddr;

use bytesstr::BytesStr;
use ezk_sip_core::transport::{TargetTransportInfo, TpHandle, TransportState};
use ezk_sip_types::host::{Host, HostPort};
use rollmark::local_ip_towards;

use crate::stream::{Connection, Kind};

/// The way to a next hop.
#[derive(Clone, Debug)]
pub(crate) enum Flow {
    /// A connection of the plugin's own.
    Own(Connection),
    /// A transport of ezk's: UDP, and connections where the plugin makes none.
    Ezk(EzkFlow),
}

/// A transport of ezk's and the address it is used towards.
#[derive(Clone, Debug)]
pub(crate) struct EzkFlow {
    pub(crate) transport: TpHandle,
    pub(crate) destination: SocketAddr,
    /// By the next hop's URI; ezk does not tell what a connection is.
    pub(crate) tls: bool,
}

impl Flow {
    pub(crate) fn is_udp(&self) -> bool {
        matches!(self, Self::Ezk(flow) if flow.transport.is_udp())
    }

    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Own(connection) => connection.is_open(),
            Self::Ezk(flow) => {
                matches!(*flow.transport.watch_state().borrow(), TransportState::Ok)
            }
        }
    }

    /// The URI at which this flow is reached from its other end, for Contact (RFC 3261 §8.1.1.8).
    pub(crate) fn contact(&self, user: &str) -> String {
        match self {
            Self::Own(connection) => contact(user, connection.local(), connection.kind()),
            Self::Ezk(flow) => flow.contact(user),
        }
    }
}

/// Where a connection is reached.
pub(crate) fn contact(user: &str, address: SocketAddr, kind: Kind) -> String {
    let transport = match kind {
        Kind::Tls => "tls",
        Kind::Tcp => "tcp",
    };
    format!("sip:{user}@{address};transport={transport}")
}

impl EzkFlow {
    pub(crate) fn contact(&self, user: &str) -> String {
        let address = self.local();
        match (self.transport.is_udp(), self.tls) {
            (true, _) => format!("sip:{user}@{address}"),
            (false, true) => contact(user, address, Kind::Tls),
            (false, false) => contact(user, address, Kind::Tcp),
        }
    }

    /// For a request by this flow.
    pub(crate) fn target(&self) -> TargetTransportInfo {
        TargetTransportInfo {
            via_host_port: self.via(),
            transport: Some((self.transport.clone(), self.destination)),
        }
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
            && let Ok(ip) = local_ip_towards(self.destination)
        {
            address.set_ip(ip);
        }
        // Without the scope of a link-local address, which no URI can have.
        SocketAddr::new(address.ip(), address.port())
    }
}
