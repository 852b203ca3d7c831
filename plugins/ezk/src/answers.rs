//! Answers to NOTIFYs that came in datagrams, sent again when the NOTIFY comes again (RFC 3261 §17.2.2, Timer J; SUB-31). A
//! server transaction of ezk does that, too, but holds some 45 kB for 32 s each: a roster that changes a hundred times a
//! second would cost 150 MB.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ezk_sip_core::IncomingRequest;
use ezk_sip_core::transport::OutgoingParts;
use ezk_sip_types::Name;
use tokio::time::Instant;

/// Timer J.
const KEPT_FOR: Duration = Duration::from_secs(32);
/// Most answers kept, some 600 bytes each; beyond that the oldest is forgotten, for the network decides how many come
/// (SEC-18).
const MOST_ANSWERS: usize = 65_536;

/// What names a request and its repetitions.
pub(crate) type Key = Box<str>;

/// The answers that were sent.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Key, OutgoingParts>,
    ages: VecDeque<(Instant, Key)>,
}

impl Answers {
    /// The topmost Via with its branch, and what the transaction belongs to (RFC 3261 §17.2.3).
    pub(crate) fn key(request: &IncomingRequest) -> Key {
        let mut key = String::new();
        for name in [Name::VIA, Name::CALL_ID, Name::CSEQ] {
            let value = request.headers.get_raw(&name).next();
            let _ = writeln!(key, "{}", value.map_or("", |value| value.as_str()));
        }
        key.into()
    }

    /// Keeps an answer that has left.
    pub(crate) fn keep(&self, key: Key, mut sent: OutgoingParts) {
        sent.buffer = Bytes::copy_from_slice(&sent.buffer);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.forget(now, MOST_ANSWERS - 1);
        if kept.answers.insert(key.clone(), sent).is_none() {
            kept.ages.push_back((now, key));
        }
    }

    /// Sends the answer once more; false where this request has had none.
    pub(crate) async fn again(&self, key: &Key) -> bool {
        let sent = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.forget(Instant::now(), MOST_ANSWERS);
            kept.answers.get(key).cloned()
        };
        let Some(sent) = sent else {
            return false;
        };
        if let Err(error) = sent.transport.send(&sent.buffer, sent.destination).await {
            tracing::warn!(%error, "the answer to a NOTIFY could not be sent again");
        }
        true
    }
}

impl Kept {
    /// Drops what is too old, and the oldest until no more than this are left.
    fn forget(&mut self, now: Instant, most: usize) {
        while let Some((at, key)) = self.ages.front() {
            if self.ages.len() <= most && now.duration_since(*at) < KEPT_FOR {
                return;
            }
            self.answers.remove(key);
            self.ages.pop_front();
        }
    }
}
