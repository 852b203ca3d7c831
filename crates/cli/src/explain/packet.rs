//! From a captured packet to what UDP and TCP carry: link headers, IPv4 and IPv6, fragments put together (RFC 791, RFC 8200).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use etherparse::defrag::IpDefragBuf;
use etherparse::{
    EtherType, IpNumber, Ipv6ExtensionSlice, NetSlice, SlicedPacket, TcpSlice, TransportSlice,
    UdpSlice,
};

use super::capture::{Link, Packet};

/// Datagrams that are put together at a time; the oldest is given up for one more.
pub(super) const MAX_DATAGRAMS: usize = 128;
/// Octets of the header of a Linux cooked packet, version 2.
const COOKED2: usize = 20;

/// What a packet carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Carried {
    Udp(Vec<u8>),
    Tcp(Segment),
}

/// A segment of TCP (RFC 9293).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) sequence: u32,
    pub(super) syn: bool,
    /// FIN or RST.
    pub(super) ends: bool,
    pub(super) payload: Vec<u8>,
}

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// Which datagram a fragment is of.
type Whose = (IpAddr, IpAddr, u32, u8);

/// Puts fragments together.
#[derive(Default)]
pub(super) struct Fragments {
    open: HashMap<Whose, IpDefragBuf>,
    order: VecDeque<Whose>,
}

impl Fragments {
    /// What a packet carries, once it is whole; nothing of what is neither UDP nor TCP, or damaged.
    pub(super) fn take(&mut self, packet: &Packet<'_>) -> Option<(Way, Carried)> {
        let octets = packet.octets;
        let sliced = match packet.link {
            Link::Ethernet => SlicedPacket::from_ethernet(octets).ok(),
            Link::Cooked => SlicedPacket::from_linux_sll(octets).ok(),
            Link::Cooked2 => {
                let [high, low] = octets.get(..2)?.try_into().ok()?;
                let kind = EtherType(u16::from_be_bytes([high, low]));
                SlicedPacket::from_ether_type(kind, octets.get(COOKED2..)?).ok()
            }
            Link::RawIp => SlicedPacket::from_ip(octets).ok(),
            Link::Loopback => SlicedPacket::from_ip(octets.get(4..)?).ok(),
        }?;
        let (from, to, whose, offset, more) = match sliced.net? {
            NetSlice::Ipv4(ip) => {
                let header = ip.header();
                let from = IpAddr::from(header.source_addr());
                let to = IpAddr::from(header.destination_addr());
                let number = ip.payload().ip_number;
                if !header.is_fragmenting_payload() {
                    return carried(from, to, sliced.transport?);
                }
                let whose = (from, to, header.identification().into(), number.0);
                (
                    from,
                    to,
                    (whose, ip.payload().payload),
                    header.fragments_offset(),
                    header.more_fragments(),
                )
            }
            NetSlice::Ipv6(ip) => {
                let from = IpAddr::from(ip.header().source_addr());
                let to = IpAddr::from(ip.header().destination_addr());
                let number = ip.payload().ip_number;
                let fragment =
                    ip.extensions()
                        .clone()
                        .into_iter()
                        .find_map(|extension| match extension {
                            Ipv6ExtensionSlice::Fragment(fragment) => Some(fragment.to_header()),
                            _ => None,
                        });
                match fragment.filter(|fragment| fragment.is_fragmenting_payload()) {
                    Some(fragment) => {
                        let whose = (from, to, fragment.identification, number.0);
                        (
                            from,
                            to,
                            (whose, ip.payload().payload),
                            fragment.fragment_offset,
                            fragment.more_fragments,
                        )
                    }
                    None => return carried(from, to, sliced.transport?),
                }
            }
            NetSlice::Arp(_) => return None,
        };
        let (whose, part) = whose;
        let number = IpNumber(whose.3);
        if !self.open.contains_key(&whose) {
            if self.order.len() == MAX_DATAGRAMS
                && let Some(oldest) = self.order.pop_front()
            {
                self.open.remove(&oldest);
            }
            self.order.push_back(whose);
            let buffer = IpDefragBuf::new(number, Vec::new(), Vec::new());
            self.open.insert(whose, buffer);
        }
        let buffer = self.open.get_mut(&whose)?;
        let added = buffer.add(offset, more, part);
        if added.is_ok() && !buffer.is_complete() {
            return None;
        }
        let buffer = self.open.remove(&whose);
        self.order.retain(|open| *open != whose);
        added.ok()?;
        let (payload, _) = buffer?.take_bufs();
        match number {
            IpNumber::UDP => carried(
                from,
                to,
                TransportSlice::Udp(UdpSlice::from_slice(&payload).ok()?),
            ),
            IpNumber::TCP => carried(
                from,
                to,
                TransportSlice::Tcp(TcpSlice::from_slice(&payload).ok()?),
            ),
            _ => None,
        }
    }
}

fn carried(from: IpAddr, to: IpAddr, transport: TransportSlice<'_>) -> Option<(Way, Carried)> {
    let way = |source, destination| Way {
        from: SocketAddr::new(from, source),
        to: SocketAddr::new(to, destination),
    };
    match transport {
        TransportSlice::Udp(udp) => Some((
            way(udp.source_port(), udp.destination_port()),
            Carried::Udp(udp.payload().to_vec()),
        )),
        TransportSlice::Tcp(tcp) => Some((
            way(tcp.source_port(), tcp.destination_port()),
            Carried::Tcp(Segment {
                sequence: tcp.sequence_number(),
                syn: tcp.syn(),
                ends: tcp.fin() || tcp.rst(),
                payload: tcp.payload().to_vec(),
            }),
        )),
        _ => None,
    }
}
