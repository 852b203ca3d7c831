//! Captures made here, octet by octet: nothing that is read panics or grows without bound, and a message is found however it
//! was cut up.

use std::time::Duration;

use proptest::prelude::*;

use super::capture::{self, Fault, Link, Packet};
use super::follow::{Follower, MAX_SUBSCRIPTIONS};
use super::message::{Cutter, Start, in_datagram};
use super::packet::{Carried, Fragments, MAX_DATAGRAMS, Segment, Way};
use super::story::Entry;
use super::stream::{MAX_STREAMS, MAX_WAITING, Streams};
use super::traced::Trace;

const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=1\r\nFrom: <sip:c@b>;tag=1\r\nTo: <sip:a@b>\r\n\
    Call-ID: x\r\nCSeq: 1 OPTIONS\r\nl: 4\r\n\r\nbody";

fn way() -> Way {
    Way {
        from: "192.0.2.1:5060".parse().unwrap(),
        to: "192.0.2.2:5070".parse().unwrap(),
    }
}

fn entries(file: &[u8]) -> (Vec<Entry>, Result<(), Fault>) {
    let mut entries = Vec::new();
    let mut trace = Trace::new(|entry| entries.push(entry));
    let read = trace.read(file);
    drop(trace);
    (entries, read)
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .udp(5060, 5070);
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

/// A classic capture in this byte order.
fn classic(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
    file.extend(link.to_le_bytes());
    for (second, packet) in (100u32..).zip(packets) {
        let length = (packet.len() as u32).to_le_bytes();
        file.extend(second.to_le_bytes());
        file.extend(0u32.to_le_bytes());
        file.extend(length);
        file.extend(length);
        file.extend(packet);
    }
    file
}

#[test]
fn a_datagram_is_told_with_its_time() {
    let file = classic(1, &[udp(MESSAGE), udp(MESSAGE)]);
    let (entries, read) = entries(&file);
    assert_eq!(read, Ok(()));
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].at, Duration::from_secs(1));
    assert!(
        entries[1].odd[0].contains("retransmission"),
        "{:?}",
        entries[1]
    );
}

proptest! {
    /// Whatever is in a file: no panic, and at most a fault.
    #[test]
    fn no_file_panics(octets in prop::collection::vec(any::<u8>(), 0..600), at in 0usize..200, magic in 0usize..5) {
        let mut file = [
            &[0xa1, 0xb2, 0xc3, 0xd4][..],
            &[0xd4, 0xc3, 0xb2, 0xa1],
            &[0x4d, 0x3c, 0xb2, 0xa1],
            &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0],
            &[],
        ][magic].to_vec();
        file.extend(&octets);
        let _ = entries(&file);
        // A good one with something else in its midst.
        let mut whole = classic(1, &[udp(MESSAGE), udp(MESSAGE)]);
        let at = 24 + at % (whole.len() - 24);
        for (place, octet) in whole[at..].iter_mut().zip(octets.iter().take(8)) {
            *place = *octet;
        }
        let _ = entries(&whole);
        whole.truncate(at);
        let _ = entries(&whole);
    }

    /// Whatever is in a packet, of whatever link type.
    #[test]
    fn no_packet_panics(octets in prop::collection::vec(any::<u8>(), 0..300), start in prop::sample::select(vec![0x45u8, 0x60, 0x46, 0])) {
        let mut fragments = Fragments::default();
        for link in [Link::Ethernet, Link::Cooked, Link::Cooked2, Link::RawIp, Link::Loopback] {
            let mut octets = octets.clone();
            let at = match link { Link::RawIp => 0, Link::Loopback => 4, Link::Ethernet => 14, Link::Cooked => 16, Link::Cooked2 => 20 };
            if let Some(first) = octets.get_mut(at) {
                *first = start;
            }
            for _ in 0..2 {
                let packet = Packet { at: Duration::ZERO, link, octets: &octets, is_short: false };
                let _ = fragments.take(&packet);
            }
        }
        let _ = in_datagram(&octets);
        let _ = Cutter::default().add(&octets);
    }

    /// Segments in any order, sent twice and overlapping, are one stream; messages in it are found wherever it is cut.
    #[test]
    fn a_stream_is_put_in_order_again(
        first in any::<u32>(),
        cuts in prop::collection::vec(1usize..60, 1..12),
        order in prop::collection::vec(any::<u16>(), 24),
        overlap in 0usize..20,
    ) {
        let stream: Vec<u8> = MESSAGE.repeat(3);
        let mut segments = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            if at >= stream.len() {
                break;
            }
            let end = (at + cut + overlap).min(stream.len());
            segments.push((at, &stream[at..end]));
            at += cut;
        }
        // Some twice, in another order; the opening segment says where it begins.
        let mut shuffled: Vec<_> = segments.iter().chain(segments.iter().take(5)).copied().collect();
        for (index, other) in order.iter().enumerate() {
            let count = shuffled.len();
            shuffled.swap(index % count, usize::from(*other) % count);
        }
        let mut streams = Streams::default();
        let mut cutter = Cutter::default();
        let mut messages = Vec::new();
        let syn = Segment { sequence: first.wrapping_sub(1), syn: true, ends: false, payload: Vec::new() };
        prop_assert!(streams.take(way(), syn).parts.is_empty());
        for (at, payload) in shuffled {
            let sequence = first.wrapping_add(at as u32);
            let segment = Segment { sequence, syn: false, ends: false, payload: payload.to_vec() };
            for (gap, octets) in streams.take(way(), segment).parts {
                prop_assert!(!gap);
                messages.extend(cutter.add(&octets));
            }
        }
        prop_assert_eq!(messages.len(), 3);
        prop_assert!(messages.iter().all(|message| message.body == b"body"));
    }
}

/// A segment that never comes holds up what follows only so long.
#[test]
fn what_is_lost_is_passed_over_in_the_end() {
    let mut streams = Streams::default();
    let segment = |sequence: usize, payload: &[u8]| Segment {
        sequence: sequence as u32,
        syn: false,
        ends: false,
        payload: payload.to_vec(),
    };
    streams.take(way(), segment(0, b"x"));
    let mut cutter = Cutter::default();
    let (mut at, mut found, mut gaps) = (1000, 0, 0);
    while found == 0 && at < 4 * MAX_WAITING {
        for (gap, octets) in streams.take(way(), segment(at, MESSAGE)).parts {
            if gap {
                gaps += 1;
                cutter.gap();
            }
            found += cutter.add(&octets).len();
        }
        at += MESSAGE.len();
    }
    assert_eq!(gaps, 1);
    assert!(found > 100 && at < 2 * MAX_WAITING, "{found} {at}");
}

/// A capture that begins in the midst of a message finds the next one; what is no SIP is let go.
#[test]
fn a_stream_that_is_joined_late_is_read_from_the_next_message() {
    let mut cutter = Cutter::default();
    assert!(cutter.add(b"rest of a body\r\nwith lines\r\n").is_empty());
    let found = cutter.add(&MESSAGE.repeat(2));
    assert_eq!(found.len(), 2);
    assert!(matches!(&found[0].start, Start::Request { method, .. } if method == "OPTIONS"));
    for _ in 0..100 {
        assert!(cutter.add(&[b'y'; 4000]).is_empty());
        assert!(cutter.len() <= super::message::MAX_HEAD + 4000);
    }
    let huge = MESSAGE.to_vec();
    let huge = String::from_utf8(huge)
        .unwrap()
        .replace("l: 4", "l: 4294967290");
    let mut cutter = Cutter::default();
    let found = cutter.add(huge.as_bytes());
    assert!(found[0].is_cut && found[0].body.is_empty());
    assert_eq!(cutter.len(), 0);
}

/// IPv4 and IPv6 fragments, the last one first.
#[test]
fn fragments_become_one_datagram() {
    let mut payload = Vec::new();
    payload.extend(5060u16.to_be_bytes());
    payload.extend(5070u16.to_be_bytes());
    payload.extend(((8 + MESSAGE.len()) as u16).to_be_bytes());
    payload.extend([0, 0]);
    payload.extend(MESSAGE);
    let (one, two) = payload.split_at(80);
    let v4 = |part: &[u8], offset: u16, more: bool| {
        let mut packet = vec![0x45, 0];
        packet.extend(((20 + part.len()) as u16).to_be_bytes());
        packet.extend([0, 7]);
        packet.extend(((offset / 8) | (u16::from(more) << 13)).to_be_bytes());
        packet.extend([64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        packet.extend(part);
        packet
    };
    let v6 = |part: &[u8], offset: u16, more: bool| {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(((8 + part.len()) as u16).to_be_bytes());
        packet.extend([44, 64]);
        packet.extend([0x20; 16]);
        packet.extend([0x21; 16]);
        packet.extend([17, 0]);
        packet.extend((offset | u16::from(more)).to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(part);
        packet
    };
    type Write<'a> = &'a dyn Fn(&[u8], u16, bool) -> Vec<u8>;
    let packets: [(_, Write<'_>); 2] = [("v4", &v4), ("v6", &v6)];
    for (name, packet) in packets {
        let mut fragments = Fragments::default();
        let mut take = |octets: &[u8]| {
            let packet = Packet {
                at: Duration::ZERO,
                link: Link::RawIp,
                octets,
                is_short: false,
            };
            fragments.take(&packet)
        };
        assert_eq!(take(&packet(two, 80, false)), None, "{name}");
        let Some((way, Carried::Udp(found))) = take(&packet(one, 0, true)) else {
            panic!("{name}: not put together");
        };
        assert_eq!((way.from.port(), way.to.port()), (5060, 5070), "{name}");
        assert_eq!(found, MESSAGE, "{name}");
    }
}

#[test]
fn faults_say_what_is_wrong() {
    assert_eq!(entries(b"").1, Err(Fault::NoCapture));
    assert_eq!(
        entries(&classic(127, &[udp(MESSAGE)])).1,
        Err(Fault::LinkType(127))
    );
    let whole = classic(1, &[udp(MESSAGE), udp(MESSAGE)]);
    let (found, read) = entries(&whole[..whole.len() - 3]);
    assert_eq!((found.len(), read), (1, Err(Fault::Cut(1))));
    assert!(capture::is_capture(&whole));
}

/// A capture of beginnings without ends fills no memory: of fragments, streams and subscriptions only so many are kept, and
/// the newest still work.
#[test]
fn what_never_ends_is_given_up_for_what_is_newer() {
    let fragment = |id: u16, offset: u16, more: bool, part: &[u8]| {
        let mut packet = vec![0x45, 0];
        packet.extend(((20 + part.len()) as u16).to_be_bytes());
        packet.extend(id.to_be_bytes());
        packet.extend(((offset / 8) | (u16::from(more) << 13)).to_be_bytes());
        packet.extend([64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        packet.extend(part);
        packet
    };
    let mut payload = vec![0x13, 0xc4, 0x13, 0xce, 0, 24, 0, 0];
    payload.extend(b"sixteen octets!!");
    let (one, two) = payload.split_at(16);
    let mut fragments = Fragments::default();
    let mut take = |octets: &[u8]| {
        let packet = Packet {
            at: Duration::ZERO,
            link: Link::RawIp,
            octets,
            is_short: false,
        };
        fragments.take(&packet).is_some()
    };
    let count = MAX_DATAGRAMS as u16;
    for id in 0..=count {
        assert!(!take(&fragment(id, 0, true, one)));
    }
    assert!(!take(&fragment(0, 16, false, two)), "the oldest is kept");
    assert!(take(&fragment(count, 16, false, two)), "the newest is lost");

    let mut streams = Streams::default();
    let way = |port: u16| Way {
        from: std::net::SocketAddr::from(([192, 0, 2, 1], port)),
        ..way()
    };
    let ports = 1..=(MAX_STREAMS as u16 + 1);
    for port in ports.clone() {
        let segment = Segment {
            sequence: 1,
            syn: false,
            ends: false,
            payload: b"x".to_vec(),
        };
        streams.take(way(port), segment);
    }
    let kept: Vec<u16> = ports.filter(|port| streams.has(&way(*port))).collect();
    assert_eq!((kept.len(), kept[0]), (MAX_STREAMS, 2));

    let message = |call: usize, method: &str| {
        let text = format!(
            "{method} sip:a@b SIP/2.0\r\nVia: v{call}{method}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {call}\r\n\
             CSeq: 1 {method}\r\nEvent: conference\r\nExpires: 9\r\nContact: <sip:c@d>\r\nSubscription-State: active\r\n\r\n"
        );
        in_datagram(text.as_bytes()).unwrap()
    };
    let mut follower = Follower::new(true);
    for call in 0..=MAX_SUBSCRIPTIONS {
        follower.take(Duration::ZERO, "a".into(), &message(call, "SUBSCRIBE"));
    }
    let mut is_known = |call| {
        let entry = follower.take(Duration::ZERO, "b".into(), &message(call, "NOTIFY"));
        !entry
            .odd
            .iter()
            .any(|odd| odd.contains("no SUBSCRIBE of this trace"))
    };
    assert!(is_known(MAX_SUBSCRIPTIONS));
    assert!(!is_known(0));
}

/// A block that claims to be larger than any is damage, not a reason for a larger buffer; one that is merely large is read.
#[test]
fn only_so_large_a_block_is_read() {
    let large = classic(1, &[vec![0; 1_000_000], udp(MESSAGE)]);
    let (found, read) = entries(&large);
    assert_eq!((found.len(), read), (1, Ok(())));
    let mut endless = classic(1, &[]);
    endless.extend([0; 8]);
    endless.extend(u32::MAX.to_le_bytes());
    endless.extend(u32::MAX.to_le_bytes());
    endless.resize(endless.len() + 40_000_000, 0);
    assert_eq!(entries(&endless).1, Err(Fault::Damaged(0)));
}
