//! Where a SIP URI leads: transports, addresses and their order (RFC 3263 §4), so that the next server is known when one is dead.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, SocketAddr};

use ezk_sip_types::host::Host;
use ezk_sip_types::uri::SipUri;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

/// Addresses of one next hop; more are not tried (SEC-18).
pub(crate) const MAX_CANDIDATES: usize = 16;

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
    Tls,
}

impl Protocol {
    fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::Udp => "_sip._udp",
            Self::Tcp => "_sip._tcp",
            Self::Tls => "_sips._tcp",
        }
    }

    fn of_service(service: &[u8]) -> Option<Self> {
        let is = |name: &str| service.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("SIP+D2U") => Some(Self::Udp),
            () if is("SIP+D2T") => Some(Self::Tcp),
            () if is("SIPS+D2T") => Some(Self::Tls),
            () => None,
        }
    }

    /// What the URI itself says; none when DNS decides.
    pub(crate) fn of(uri: &SipUri) -> Option<Self> {
        let parameter = uri.uri_params.get_val("transport").map(|text| &**text);
        let is = |name: &str| parameter.is_some_and(|text: &str| text.eq_ignore_ascii_case(name));
        match parameter {
            Some(_) if is("tls") || uri.sips => Some(Self::Tls),
            Some(_) if is("tcp") => Some(Self::Tcp),
            Some(_) if is("udp") => Some(Self::Udp),
            // Whatever it is, ezk knows it no better.
            Some(_) => None,
            None if uri.sips => Some(Self::Tls),
            None => None,
        }
    }
}

/// One server to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
}

/// The servers of a URI, in the order in which they are to be tried; none where DNS knows nothing of it.
pub(crate) async fn candidates(
    resolver: Option<&TokioResolver>,
    uri: &SipUri,
    takes_tls: bool,
) -> Vec<Candidate> {
    let said = Protocol::of(uri);
    let protocol = said.unwrap_or(Protocol::Udp);
    let port = uri.host_port.port;
    let at = |ip: IpAddr| Candidate {
        protocol,
        address: SocketAddr::new(ip, port.unwrap_or(protocol.default_port())),
    };
    let name = match &uri.host_port.host {
        Host::IP4(ip) => return vec![at((*ip).into())],
        Host::IP6(ip) => return vec![at((*ip).into())],
        Host::Name(name) => name.as_str(),
    };
    let Some(resolver) = resolver else {
        return Vec::new();
    };
    let Ok(mut zone) = Name::from_utf8(name) else {
        return Vec::new();
    };
    zone.set_fqdn(true);
    let lookup = Lookup { resolver };
    let mut found = match (port, said) {
        // A port means: no service records (RFC 3263 §4.2).
        (Some(port), _) => lookup.addresses_of(name, protocol, port).await,
        (None, Some(protocol)) => lookup.service(&zone, protocol).await,
        (None, None) => lookup.any(&zone, takes_tls).await,
    };
    if found.is_empty() && port.is_none() {
        let port = protocol.default_port();
        found = lookup.addresses_of(name, protocol, port).await;
    }
    found.truncate(MAX_CANDIDATES);
    found
}

struct Lookup<'a> {
    resolver: &'a TokioResolver,
}

impl Lookup<'_> {
    /// By NAPTR; where there is none by SRV of what a sip: URI may be sent by (RFC 3263 §4.1).
    async fn any(&self, zone: &Name, takes_tls: bool) -> Vec<Candidate> {
        let mut pointers: Vec<NAPTR> = self
            .records(zone.clone(), RecordType::NAPTR)
            .await
            .into_iter()
            .filter_map(|data| match data {
                RData::NAPTR(naptr) => Some(naptr),
                _ => None,
            })
            .collect();
        pointers.sort_by_key(|naptr| (naptr.order, naptr.preference));
        let mut found = Vec::new();
        for naptr in pointers.iter().take(MAX_CANDIDATES) {
            let protocol = Protocol::of_service(&naptr.services);
            let Some(protocol) = protocol.filter(|p| takes_tls || *p != Protocol::Tls) else {
                continue;
            };
            let target = naptr.replacement.clone();
            if naptr.flags.eq_ignore_ascii_case(b"s") {
                found.extend(self.servers(target, protocol).await);
            } else if naptr.flags.eq_ignore_ascii_case(b"a") {
                let port = protocol.default_port();
                found.extend(self.addresses(target, protocol, port).await);
            }
        }
        if found.is_empty() {
            for protocol in [Protocol::Udp, Protocol::Tcp] {
                found.extend(self.service(zone, protocol).await);
            }
        }
        found
    }

    async fn service(&self, zone: &Name, protocol: Protocol) -> Vec<Candidate> {
        match Name::from_utf8(protocol.service()).and_then(|name| name.append_domain(zone)) {
            Ok(name) => self.servers(name, protocol).await,
            Err(_) => Vec::new(),
        }
    }

    /// By SRV: priority, and among equals by weight (RFC 2782).
    async fn servers(&self, name: Name, protocol: Protocol) -> Vec<Candidate> {
        let mut servers: Vec<SRV> = self
            .records(name, RecordType::SRV)
            .await
            .into_iter()
            .filter_map(|data| match data {
                RData::SRV(srv) if !srv.target.is_root() => Some(srv),
                _ => None,
            })
            .take(MAX_CANDIDATES)
            .collect();
        let random = RandomState::new();
        servers.sort_by_cached_key(|srv| {
            // The larger the weight, the likelier a small number.
            let dice = random.hash_one((srv.target.to_string(), srv.port)) >> 16;
            (srv.priority, dice / (u64::from(srv.weight) + 1))
        });
        let mut found = Vec::new();
        for srv in servers {
            found.extend(self.addresses(srv.target, protocol, srv.port).await);
        }
        found
    }

    async fn addresses(&self, name: Name, protocol: Protocol, port: u16) -> Vec<Candidate> {
        self.addresses_of(&name.to_utf8(), protocol, port).await
    }

    async fn addresses_of(&self, name: &str, protocol: Protocol, port: u16) -> Vec<Candidate> {
        let Ok(found) = self.resolver.lookup_ip(name).await else {
            return Vec::new();
        };
        let candidate = |ip| Candidate {
            protocol,
            address: SocketAddr::new(ip, port),
        };
        found.iter().map(candidate).collect()
    }

    async fn records(&self, name: Name, kind: RecordType) -> Vec<RData> {
        match self.resolver.lookup(name, kind).await {
            Ok(found) => found
                .answers()
                .iter()
                .map(|record| record.data.clone())
                .collect(),
            // Nothing there, or no DNS: what is left is tried.
            Err(_) => Vec::new(),
        }
    }
}
