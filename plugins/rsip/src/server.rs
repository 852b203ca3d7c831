//! Non-INVITE server transactions: one answer to a request, however often it comes (RFC 3261 §17.2.2, §17.2.3).

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rollmark::Reporter;
use rollmark::core::header::tag;
use rollmark::core::message::{Headers, Request, names_equal};
use rsip::{Header, Method, SipMessage};

use crate::convert;
use crate::host::{Flow, Wire};
use crate::remembered::Remembered;
use crate::request::T1;
use crate::via::{self, COOKIE, Via};

/// How long an answer is kept for retransmissions over UDP.
const TIMER_J: Duration = T1.saturating_mul(64);
/// How many answers are kept at most; what comes again after that is answered anew.
const MAX_ANSWERS: usize = 4096;

/// Answers that were given, and requests that are being answered. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    given: Arc<Mutex<Remembered<Option<Sent>>>>,
    tags: RandomState,
}

type Sent = (Arc<SipMessage>, Flow);

impl Default for Answers {
    fn default() -> Self {
        Self {
            given: Arc::new(Mutex::new(Remembered::new(TIMER_J, MAX_ANSWERS))),
            tags: RandomState::new(),
        }
    }
}

impl Answers {
    fn given(&self) -> MutexGuard<'_, Remembered<Option<Sent>>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request again, or offers it to the plugin. Gives back what is not for the plugin.
    pub(crate) async fn request(
        &self,
        wire: &impl Wire,
        reporter: &Reporter,
        request: rsip::Request,
        from: Flow,
    ) -> Option<rsip::Request> {
        if request.method == Method::Ack {
            return Some(request);
        }
        let Some(key) = key(&request) else {
            return Some(request);
        };
        let again = self.given().get_mut(&key).cloned();
        if let Some(again) = again {
            if let Some((answer, flow)) = again {
                send(wire, &answer, flow).await;
            }
            return None;
        }
        if request.method != Method::Notify {
            return Some(request);
        }
        self.given().insert(key.clone(), None);
        let neutral = convert::request_from_rsip(&request);
        let Some(answering) = reporter.request(neutral).await else {
            self.given().remove(&key);
            return Some(request);
        };
        self.finish(
            wire,
            key,
            &request,
            from,
            answering.status,
            &answering.headers,
        )
        .await;
        // The plugin may end now that the answer has left.
        drop(answering);
        None
    }

    /// Answers a request of the stack's own.
    pub(crate) async fn answer(
        &self,
        wire: &impl Wire,
        request: &rsip::Request,
        from: Flow,
        status: u16,
    ) {
        if request.method == Method::Ack {
            return;
        }
        // Without a Via that can be read there is no way back.
        if let Some(key) = key(request) {
            self.finish(wire, key, request, from, status, &Headers::new())
                .await;
        }
    }

    async fn finish(
        &self,
        wire: &impl Wire,
        key: String,
        request: &rsip::Request,
        from: Flow,
        status: u16,
        headers: &Headers,
    ) {
        let vias = via::values(&request.headers);
        let top = vias.first().map(String::as_str).unwrap_or_default();
        let back = Via::parse(top).map_or(from, |via| via.way_back(from));
        let local_tag = format!("{:016x}", self.tags.hash_one(&key));
        let answer = Arc::new(response(request, from, status, headers, &vias, &local_tag));
        if from.is_reliable() {
            self.given().remove(&key);
        } else {
            self.given().insert(key, Some((answer.clone(), back)));
        }
        send(wire, &answer, back).await;
    }
}

async fn send(wire: &impl Wire, answer: &SipMessage, flow: Flow) {
    if let Err(error) = wire.send(answer, flow).await {
        tracing::warn!(%error, remote = %flow.remote, "an answer could not be sent; the server will ask again");
    }
}

/// What makes two requests one (RFC 3261 §17.2.3); none without a Via that can be read.
fn key(request: &rsip::Request) -> Option<String> {
    let vias = via::values(&request.headers);
    let top = Via::parse(vias.first()?)?;
    let method = request.method;
    if let Some(branch) = top.branch().filter(|branch| branch.starts_with(COOKIE)) {
        return Some(format!("{method} {branch} {}", top.sent_by));
    }
    let Request { uri, headers, .. } = convert::request_from_rsip(request);
    let names = ["From", "To", "Call-ID", "CSeq"];
    let [sender, to, call_id, cseq] = names.map(|name| headers.get(name).unwrap_or_default());
    let via = vias.first()?;
    Some(format!(
        "{method} {uri}\n{sender}\n{to}\n{call_id}\n{cseq}\n{via}"
    ))
}

/// RFC 3261 §8.2.6.2: Via, From, To, Call-ID and CSeq as they came; Record-Route for a dialog that begins (§12.1.1).
fn response(
    request: &rsip::Request,
    from: Flow,
    status: u16,
    added: &Headers,
    vias: &[String],
    local_tag: &str,
) -> SipMessage {
    let mut headers: Vec<Header> = Vec::new();
    for (place, via) in vias.iter().enumerate() {
        let via = match place {
            0 => via::received(via, from.remote),
            _ => via.clone(),
        };
        headers.push(Header::Via(via.into()));
    }
    for header in request.headers.iter() {
        let (name, value) = convert::header_from_rsip(header);
        let is = |known: &str| names_equal(&name, known);
        if is("To") && tag(&value).is_none() {
            headers.push(Header::To(format!("{value};tag={local_tag}").into()));
        } else if ["From", "To", "Call-ID", "CSeq"].into_iter().any(is)
            || is("Record-Route") && (200..300).contains(&status)
        {
            headers.push(header.clone());
        }
    }
    headers.extend(convert::headers_to_rsip(added));
    headers.push(Header::ContentLength(0u32.into()));
    SipMessage::Response(rsip::Response {
        status_code: convert::status(status, ""),
        version: rsip::Version::V2,
        headers: headers.into(),
        body: Vec::new(),
    })
}
