//! Streams of TCP put in order again: segments out of order, sent twice, overlapping, or missing (RFC 9293 §3.4).

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::packet::{Segment, Way};

/// Directions of connections that are followed at a time; the oldest is given up for one more.
pub(super) const MAX_STREAMS: usize = 512;
/// Octets that wait for a segment before them, in one stream; with more it counts as lost.
pub(super) const MAX_WAITING: usize = 128 * 1024;

/// One direction of a connection.
#[derive(Default)]
struct Stream {
    /// The number of the next octet; none before the first segment.
    next: Option<u32>,
    /// Segments behind a gap, by how far behind.
    waiting: BTreeMap<u32, Vec<u8>>,
    octets: usize,
}

/// All of them.
#[derive(Default)]
pub(super) struct Streams {
    open: HashMap<Way, Stream>,
    order: VecDeque<Way>,
}

/// What a segment brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Brought {
    /// What is next in the stream; before it, octets that the capture does not have, if there is a gap.
    pub(super) parts: Vec<(bool, Vec<u8>)>,
    /// It was there already.
    pub(super) again: bool,
    /// Nothing follows.
    pub(super) ended: bool,
}

impl Streams {
    /// Whether it is followed.
    pub(super) fn has(&self, way: &Way) -> bool {
        self.open.contains_key(way)
    }

    /// Takes a segment.
    pub(super) fn take(&mut self, way: Way, segment: Segment) -> Brought {
        if segment.syn || !self.open.contains_key(&way) {
            self.order.retain(|open| *open != way);
            if self.order.len() == MAX_STREAMS
                && let Some(oldest) = self.order.pop_front()
            {
                self.open.remove(&oldest);
            }
            self.order.push_back(way);
            self.open.insert(way, Stream::default());
        }
        let mut brought = Brought::default();
        if let Some(stream) = self.open.get_mut(&way) {
            stream.take(&segment, &mut brought);
            if segment.ends {
                stream.give_up_gap(&mut brought);
            }
        }
        if segment.ends {
            self.order.retain(|open| *open != way);
            self.open.remove(&way);
            brought.ended = true;
        }
        brought
    }
}

impl Stream {
    fn take(&mut self, segment: &Segment, brought: &mut Brought) {
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        let next = *self.next.get_or_insert(first);
        if segment.payload.is_empty() {
            return;
        }
        // Behind what is there (half of all numbers), or before it.
        let ahead = first.wrapping_sub(next);
        if ahead < 1 << 31 && ahead > 0 {
            if self.waiting.contains_key(&first) {
                brought.again = true;
                return;
            }
            self.octets += segment.payload.len();
            self.waiting.insert(first, segment.payload.clone());
            if self.octets > MAX_WAITING {
                self.give_up_gap(brought);
            }
            return;
        }
        let known = next.wrapping_sub(first) as usize;
        match segment.payload.get(known..).filter(|rest| !rest.is_empty()) {
            None => brought.again = true,
            Some(rest) => {
                self.next = Some(next.wrapping_add(rest.len() as u32));
                brought.parts.push((false, rest.to_vec()));
                self.join(brought);
            }
        }
    }

    /// What waits and follows now.
    fn join(&mut self, brought: &mut Brought) {
        while let Some(next) = self.next {
            let ready = self
                .waiting
                .keys()
                .copied()
                .find(|first| next.wrapping_sub(*first) < 1 << 31);
            let Some(first) = ready else {
                return;
            };
            let payload = self.waiting.remove(&first).unwrap_or_default();
            self.octets -= payload.len();
            let known = next.wrapping_sub(first) as usize;
            if let Some(rest) = payload.get(known..).filter(|rest| !rest.is_empty()) {
                self.next = Some(next.wrapping_add(rest.len() as u32));
                brought.parts.push((false, rest.to_vec()));
            }
        }
    }

    /// The segment before what waits is not in the capture.
    fn give_up_gap(&mut self, brought: &mut Brought) {
        while let Some(next) = self.next {
            let nearest = self
                .waiting
                .keys()
                .copied()
                .min_by_key(|first| first.wrapping_sub(next));
            let Some(first) = nearest else {
                return;
            };
            self.next = Some(first);
            let from = brought.parts.len();
            self.join(brought);
            if let Some((gap, _)) = brought.parts.get_mut(from) {
                *gap = true;
            }
        }
    }
}
