//! Captures written octet by octet: every form of file, link, IP and transport that `explain` reads.

use std::time::Duration;

/// The form of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// pcap: with this byte order, and nanoseconds or microseconds.
    Classic {
        /// Most significant octet first.
        big: bool,
        /// Fractions of a second are nanoseconds.
        nanos: bool,
    },
    /// pcapng in this byte order.
    Ng {
        /// Most significant octet first.
        big: bool,
    },
}

/// All of them.
pub const FORMS: [Form; 6] = [
    Form::Classic {
        big: false,
        nanos: false,
    },
    Form::Classic {
        big: false,
        nanos: true,
    },
    Form::Classic {
        big: true,
        nanos: false,
    },
    Form::Classic {
        big: true,
        nanos: true,
    },
    Form::Ng { big: false },
    Form::Ng { big: true },
];

/// The kind of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Link {
    Ethernet,
    Vlan,
    Cooked,
    Cooked2,
    RawIp,
    Null,
    Loop,
}

/// All of them.
pub const LINKS: [Link; 7] = [
    Link::Ethernet,
    Link::Vlan,
    Link::Cooked,
    Link::Cooked2,
    Link::RawIp,
    Link::Null,
    Link::Loop,
];

impl Link {
    /// Its number in a file.
    pub fn number(self) -> u16 {
        match self {
            Self::Ethernet | Self::Vlan => 1,
            Self::Cooked => 113,
            Self::Cooked2 => 276,
            Self::RawIp => 101,
            Self::Null => 0,
            Self::Loop => 108,
        }
    }

    /// A packet of IP on it.
    pub fn packet(self, ip: &[u8]) -> Vec<u8> {
        let six = ip[0] >> 4 == 6;
        let kind: [u8; 2] = if six { [0x86, 0xdd] } else { [8, 0] };
        let mut packet = match self {
            Self::Ethernet => [&[2; 12][..], &kind].concat(),
            Self::Vlan => [&[2; 12][..], &[0x81, 0, 0, 42], &kind].concat(),
            Self::Cooked => [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..], &kind].concat(),
            Self::Cooked2 => [
                &kind[..],
                &[0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0],
            ]
            .concat(),
            Self::RawIp => Vec::new(),
            Self::Null => vec![if six { 30 } else { 2 }, 0, 0, 0],
            Self::Loop => vec![0, 0, 0, if six { 30 } else { 2 }],
        };
        packet.extend(ip);
        packet
    }
}

/// One side of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// The last octet of its address.
    pub host: u8,
    /// Its port.
    pub port: u16,
}

/// A packet of IP, version 6 or 4.
pub fn ip(six: bool, protocol: u8, from: Side, to: Side, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16;
    let mut packet = Vec::new();
    if six {
        packet.extend([0x60, 0, 0, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([protocol, 64]);
        for side in [from, to] {
            packet.extend([
                0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, side.host,
            ]);
        }
    } else {
        packet.extend([0x45, 0]);
        packet.extend((20 + length).to_be_bytes());
        packet.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
        for side in [from, to] {
            packet.extend([192, 0, 2, side.host]);
        }
    }
    packet.extend(payload);
    packet
}

/// A datagram of UDP.
pub fn udp(from: Side, to: Side, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(from.port.to_be_bytes());
    datagram.extend(to.port.to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// A segment of TCP.
pub fn tcp(from: Side, to: Side, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(from.port.to_be_bytes());
    segment.extend(to.port.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

/// A whole file.
pub fn file(form: Form, link: u16, packets: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    let big = match form {
        Form::Classic { big, .. } | Form::Ng { big } => big,
    };
    let two = |n: u16| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let four = |n: u32| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut file = Vec::new();
    let block = |kind: u32, content: &[u8]| {
        let length = content.len().next_multiple_of(4) + 12;
        let mut block = Vec::new();
        block.extend(four(kind));
        block.extend(four(length as u32));
        block.extend(content);
        block.resize(length - 4, 0);
        block.extend(four(length as u32));
        block
    };
    match form {
        Form::Classic { nanos, .. } => {
            file.extend(four(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
            file.extend([two(2), two(4)].concat());
            file.extend([four(0), four(0), four(262_144), four(link.into())].concat());
        }
        Form::Ng { .. } => {
            let section = [&four(0x1a2b_3c4d)[..], &two(1), &two(0), &[0xff; 8]].concat();
            file.extend(block(0x0a0d_0d0a, &section));
            let interface = [&two(link)[..], &two(0), &four(0)].concat();
            file.extend(block(1, &interface));
        }
    }
    for (at, packet) in packets {
        let length = four(packet.len() as u32);
        match form {
            Form::Classic { nanos, .. } => {
                let fraction = if nanos {
                    at.subsec_nanos()
                } else {
                    at.subsec_micros()
                };
                file.extend([four(at.as_secs() as u32), four(fraction), length, length].concat());
                file.extend(packet);
            }
            Form::Ng { .. } => {
                let micros = at.as_micros() as u64;
                let time = [four((micros >> 32) as u32), four(micros as u32)].concat();
                let content = [&four(0)[..], &time, &length, &length, packet].concat();
                file.extend(block(6, &content));
            }
        }
    }
    file
}
