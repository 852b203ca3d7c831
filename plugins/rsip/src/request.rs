//! Non-INVITE client transactions (RFC 3261 §17.1.2).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollmark::core::header::cseq;
use rollmark::core::host::{Fact, SendFailure, TransactionId};
use rollmark::core::message::Request;
use rollmark::{Redacted, Reporter, name_contact};
use rsip::{Header, SipMessage};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::convert;
use crate::host::{Flow, Wire};
use crate::remembered::Remembered;
use crate::via::{self, Via};

/// T1, T2, T4 of RFC 3261 §17.1.1.1 and §17.1.2.2.
pub(crate) const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const T4: Duration = Duration::from_secs(5);
/// A request without final response has failed.
const TIMER_F: Duration = T1.saturating_mul(64);
/// How many answered requests are known in order to absorb their answers when these come again.
const MAX_ANSWERED: usize = 1024;
/// About what Via, Content-Length and the first line add to a request.
const OVERHEAD: usize = 200;

/// The requests under way. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    state: Arc<Mutex<State>>,
    reporter: Reporter,
    /// Branches are its keyed hash of a count: nobody else can guess them.
    random: RandomState,
    count: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    open: HashMap<String, Open>,
    /// Timer K.
    answered: Remembered<()>,
}

#[derive(Debug)]
struct Open {
    transaction: TransactionId,
    method: String,
    flow: Flow,
    /// True once a provisional response has come; closed with the transaction.
    proceeding: watch::Sender<bool>,
}

impl Requests {
    pub(crate) fn new(reporter: Reporter) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                open: HashMap::new(),
                answered: Remembered::new(T4, MAX_ANSWERED),
            })),
            reporter,
            random: RandomState::new(),
            count: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request until it is answered or Timer F fires, and reports the outcome, once.
    pub(crate) async fn send(
        &self,
        wire: &impl Wire,
        transaction: TransactionId,
        mut request: Request,
        next_hop: &str,
    ) {
        let failed = |failure| {
            self.reporter.fact(Fact::Failed {
                transaction,
                failure,
            });
        };
        let route = wire.route(next_hop, length(&request));
        let flow = match tokio::time::timeout(TIMER_F, route).await {
            Ok(Ok(flow)) => flow,
            Ok(Err(error)) => {
                tracing::error!(%error, next_hop = %Redacted(next_hop), "the next hop cannot be reached");
                return failed(SendFailure::Unreachable);
            }
            Err(_) => {
                tracing::error!(next_hop = %Redacted(next_hop), "no way to the next hop within 32 s");
                return failed(SendFailure::Unreachable);
            }
        };
        name_contact(&mut request, |user| flow.contact(user));
        let message = match convert::request_to_rsip(&request) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, "the request could not be sent");
                return failed(SendFailure::Unreachable);
            }
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let branch = format!("{}{:016x}", via::COOKIE, self.random.hash_one(number));
        let message = dressed(message, &via::ours(flow, &branch));
        let (proceeding, heard) = watch::channel(false);
        let open = Open {
            transaction,
            method: request.method,
            flow,
            proceeding,
        };
        self.state().open.insert(branch.clone(), open);
        self.repeat(wire, &message, flow, &branch, heard).await;
    }

    /// Timers E and F.
    async fn repeat(
        &self,
        wire: &impl Wire,
        message: &SipMessage,
        flow: Flow,
        branch: &str,
        mut heard: watch::Receiver<bool>,
    ) {
        let deadline = Instant::now() + TIMER_F;
        let mut interval = None;
        let mut again = Instant::now();
        loop {
            tokio::select! {
                changed = heard.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep_until(deadline) => {
                    tracing::warn!(remote = %flow.remote, "no answer (Timer F)");
                    return self.fail(branch, SendFailure::NoAnswer);
                }
                () = tokio::time::sleep_until(again), if interval.is_none() || !flow.is_reliable() => {
                    if let Err(error) = wire.send(message, flow).await {
                        tracing::error!(%error, remote = %flow.remote, "the request could not be sent");
                        return self.fail(branch, SendFailure::Unreachable);
                    }
                    let next = match interval {
                        None => T1,
                        Some(_) if *heard.borrow() => T2,
                        Some(last) => T2.min(last * 2),
                    };
                    interval = Some(next);
                    again = Instant::now() + next;
                }
            }
        }
    }

    fn fail(&self, branch: &str, failure: SendFailure) {
        let open = self.state().open.remove(branch);
        // Otherwise it was answered meanwhile.
        if let Some(Open { transaction, .. }) = open {
            self.reporter.fact(Fact::Failed {
                transaction,
                failure,
            });
        }
    }

    /// Takes a response to a request of ours; gives any other back (RFC 3261 §17.1.3, §8.1.3.3).
    pub(crate) fn answered(&self, response: rsip::Response) -> Option<rsip::Response> {
        let vias = via::values(&response.headers);
        let neutral = convert::response_from_rsip(&response);
        let ([only], Some((_, method))) =
            (vias.as_slice(), neutral.headers.get("CSeq").and_then(cseq))
        else {
            return Some(response);
        };
        let Some(branch) = Via::parse(only).and_then(|via| via.branch()) else {
            return Some(response);
        };
        let mut state = self.state();
        if state.answered.get_mut(branch).is_some() {
            return None;
        }
        match state.open.get(branch) {
            Some(open) if open.method == method => {
                if neutral.status < 200 {
                    open.proceeding.send_replace(true);
                    return None;
                }
            }
            _ => return Some(response),
        }
        if let Some(open) = state.open.remove(branch) {
            if !open.flow.is_reliable() {
                state.answered.insert(branch.to_owned(), ());
            }
            // Within the lock, so that it is told before any message that came after it.
            self.reporter.fact(Fact::Response {
                transaction: open.transaction,
                response: neutral,
            });
        }
        None
    }

    /// What waits for an answer over this flow has failed (RFC 3261 §17.1.4).
    pub(crate) fn lost(&self, flow: Flow) {
        let lost: Vec<_> = {
            let mut state = self.state();
            state.open.extract_if(|_, open| open.flow == flow).collect()
        };
        for (_, open) in lost {
            self.reporter.fact(Fact::Failed {
                transaction: open.transaction,
                failure: SendFailure::Unreachable,
            });
        }
    }
}

fn length(request: &Request) -> usize {
    let headers = request.headers.iter();
    let lines: usize = headers.map(|h| h.name.len() + h.value.len() + 4).sum();
    OVERHEAD + request.uri.len() + lines + request.body.len()
}

/// The request with Via before all other headers and Content-Length after them.
fn dressed(mut request: rsip::Request, via: &str) -> SipMessage {
    let mut headers = vec![Header::Via(via.into())];
    headers.extend(request.headers);
    headers.push(Header::ContentLength((request.body.len() as u32).into()));
    request.headers = headers.into();
    request.into()
}
