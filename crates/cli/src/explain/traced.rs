//! The story of a capture: packets, what they carry, the messages in it (RFC 3261 §18).

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use super::capture::{self, Fault, Packet};
use super::follow::Follower;
use super::message::{Cutter, Message, in_datagram};
use super::packet::{Carried, Fragments, Way};
use super::story::Entry;
use super::stream::{MAX_STREAMS, Streams};

/// Octets of messages that are not whole yet, in all streams; the stream that goes beyond loses its own.
const MAX_UNREAD: usize = 64 * 1024 * 1024;

/// Reads a capture; `tell` is given each entry.
pub(super) struct Trace<T> {
    fragments: Fragments,
    streams: Streams,
    cutters: HashMap<Way, Cutter>,
    unread: usize,
    follower: Follower,
    began: Option<Duration>,
    /// Datagrams and streams without SIP.
    pub(super) others: usize,
    pub(super) short: usize,
    pub(super) tell: T,
}

impl<T: FnMut(Entry)> Trace<T> {
    pub(super) fn new(tell: T) -> Self {
        Self {
            fragments: Fragments::default(),
            streams: Streams::default(),
            cutters: HashMap::new(),
            unread: 0,
            follower: Follower::new(true),
            began: None,
            others: 0,
            short: 0,
            tell,
        }
    }

    /// Reads all of it.
    pub(super) fn read(&mut self, source: impl Read + Send) -> Result<(), Fault> {
        let read = capture::read(source, |packet| self.packet(packet));
        for way in self.cutters.keys().copied().collect::<Vec<_>>() {
            self.close(way);
        }
        read
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        let began = *self.began.get_or_insert(packet.at);
        let at = packet.at.saturating_sub(began);
        self.short += usize::from(packet.is_short);
        match self.fragments.take(packet) {
            None => {}
            Some((way, Carried::Udp(payload))) => match in_datagram(&payload) {
                Some(message) => self.message(at, way, "UDP", &message, Vec::new()),
                // Keep-alives are two line ends, or four octets of a STUN header at least.
                None => self.others += usize::from(payload.len() > 4),
            },
            Some((way, Carried::Tcp(segment))) => {
                if segment.syn {
                    self.close(way);
                }
                let brought = self.streams.take(way, segment);
                for (gap, octets) in brought.parts {
                    let cutter = self.cutters.entry(way).or_default();
                    let before = cutter.len();
                    let mut odd = Vec::new();
                    if gap {
                        cutter.gap();
                        odd.push(
                            "octets of the connection before it are not in the capture".to_owned(),
                        );
                    }
                    let messages = cutter.add(&octets);
                    self.unread = self.unread + cutter.len() - before;
                    if self.unread > MAX_UNREAD {
                        self.unread -= cutter.len();
                        cutter.gap();
                    }
                    for message in messages {
                        self.message(at, way, "TCP", &message, std::mem::take(&mut odd));
                    }
                }
                if brought.ended {
                    self.close(way);
                }
                if self.cutters.len() > MAX_STREAMS {
                    let gone = self.cutters.keys().find(|way| !self.streams.has(way));
                    if let Some(gone) = gone.copied() {
                        self.close(gone);
                    }
                }
            }
        }
    }

    /// Nothing comes in this stream any more.
    fn close(&mut self, way: Way) {
        if let Some(cutter) = self.cutters.remove(&way) {
            self.unread -= cutter.len();
            self.others += usize::from(!cutter.has_found());
        }
    }

    fn message(&mut self, at: Duration, way: Way, by: &str, message: &Message, odd: Vec<String>) {
        let way = format!("{} → {} {by}", way.from, way.to);
        let mut entry = self.follower.take(at, way, message);
        entry.odd.extend(odd);
        (self.tell)(entry);
    }
}
