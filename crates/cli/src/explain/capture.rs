//! Capture files: pcap of both byte orders and both resolutions, pcapng; one packet after the other.

use std::io::Read;
use std::time::Duration;

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

/// Octets kept of the file at a time, at first.
const BUFFER: usize = 256 * 1024;
/// Octets of one block, at most.
const MAX_BLOCK: usize = 16 * 1024 * 1024;
/// Interfaces of one pcapng section, at most.
const MAX_INTERFACES: usize = 1024;

/// What is wrong with a capture.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it is neither a recording nor a capture (pcap or pcapng)")]
    NoCapture,
    #[error(
        "packets of link type {0} cannot be read; capture Ethernet, Linux cooked, raw IP or loopback"
    )]
    LinkType(i32),
    #[error("it is cut off after packet {0}; what is before was read")]
    Cut(usize),
    #[error("it is damaged after packet {0}; what is before was read")]
    Damaged(usize),
}

/// The link types that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    /// Linux cooked.
    Cooked,
    /// The same, version 2.
    Cooked2,
    RawIp,
    /// Four octets say which version of IP.
    Loopback,
}

impl Link {
    /// By its number in the registry of link types.
    fn of(number: i32) -> Result<Self, Fault> {
        Ok(match number {
            0 | 108 => Self::Loopback,
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::Cooked,
            276 => Self::Cooked2,
            other => return Err(Fault::LinkType(other)),
        })
    }
}

/// One packet.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    /// Since 1970.
    pub(super) at: Duration,
    pub(super) link: Link,
    pub(super) octets: &'a [u8],
    /// The capture has left out its end.
    pub(super) is_short: bool,
}

#[derive(Clone, Copy)]
struct Interface {
    link: i32,
    /// Units of a second.
    resolution: u64,
    offset: i64,
}

/// True for the first octets of a capture.
pub(super) fn is_capture(octets: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 5] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    MAGICS.iter().any(|magic| octets.starts_with(magic))
}

/// A source that fills what it is given, however little comes at a time: the first read has to bring the header.
struct Full<R>(R);

impl<R: Read> Read for Full<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read(rest) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// Reads a capture; `take` is given each packet.
pub(super) fn read(
    source: impl Read + Send,
    mut take: impl FnMut(&Packet<'_>),
) -> Result<(), Fault> {
    let mut reader = create_reader(BUFFER, Full(source)).map_err(|_| Fault::NoCapture)?;
    let mut interfaces: Vec<Interface> = Vec::new();
    let (mut classic, mut nanos, mut count) = (None, false, 0);
    let mut size = BUFFER;
    let mut stuck = 0;
    loop {
        match reader.next() {
            Ok((length, block)) => {
                let found = match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        classic = Some(Link::of(header.network.0)?);
                        nanos = header.is_nanosecond_precision();
                        None
                    }
                    PcapBlockOwned::Legacy(packet) => {
                        let fraction = u64::from(packet.ts_usec) * if nanos { 1 } else { 1000 };
                        classic.map(|link| Packet {
                            at: Duration::from_secs(packet.ts_sec.into())
                                + Duration::from_nanos(fraction),
                            link,
                            octets: packet.data,
                            is_short: packet.caplen < packet.origlen,
                        })
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                        interfaces.clear();
                        None
                    }
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        if interfaces.len() < MAX_INTERFACES {
                            interfaces.push(Interface {
                                link: interface.linktype.0,
                                resolution: interface.ts_resolution().unwrap_or(1_000_000),
                                offset: interface.ts_offset(),
                            });
                        }
                        None
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        let interface = interfaces.get(packet.if_id as usize);
                        let interface = *interface.ok_or(Fault::Damaged(count))?;
                        let length = packet.data.len().min(packet.caplen as usize);
                        let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                        Some(Packet {
                            at: time(units, &interface),
                            link: Link::of(interface.link)?,
                            octets: packet.data.get(..length).unwrap_or_default(),
                            is_short: packet.caplen < packet.origlen,
                        })
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                        let interface = interfaces.first().ok_or(Fault::Damaged(count))?;
                        let length = packet.data.len().min(packet.origlen as usize);
                        Some(Packet {
                            at: Duration::ZERO,
                            link: Link::of(interface.link)?,
                            octets: packet.data.get(..length).unwrap_or_default(),
                            is_short: length < packet.origlen as usize,
                        })
                    }
                    PcapBlockOwned::NG(_) => None,
                };
                if let Some(packet) = found {
                    count += 1;
                    take(&packet);
                }
                stuck = 0;
                reader.consume(length);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => {
                let before = reader.data().len();
                if reader.reader_exhausted() {
                    return Err(Fault::Cut(count));
                }
                if reader.refill().is_err() {
                    return Err(Fault::Cut(count));
                }
                // A block that does not fit wants a larger buffer, up to the limit.
                if reader.data().len() == before {
                    stuck += 1;
                    size *= 2;
                    if size > MAX_BLOCK || stuck > 8 || !reader.grow(size) {
                        return Err(Fault::Damaged(count));
                    }
                }
            }
            Err(PcapError::BufferTooSmall) => {
                size *= 2;
                if size > MAX_BLOCK || !reader.grow(size) {
                    return Err(Fault::Damaged(count));
                }
            }
            Err(PcapError::UnexpectedEof) => return Err(Fault::Cut(count)),
            Err(_) => return Err(Fault::Damaged(count)),
        }
    }
}

fn time(units: u64, interface: &Interface) -> Duration {
    let resolution = interface.resolution.max(1);
    let nanos = u128::from(units % resolution) * 1_000_000_000 / u128::from(resolution);
    let nanos = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
    let seconds = i64::try_from(units / resolution).unwrap_or(i64::MAX);
    let seconds = seconds.saturating_add(interface.offset);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).saturating_add(nanos)
}
