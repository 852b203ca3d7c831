//! Calls that come in on ezk, and what comes in a session: INVITE is answered with a 200 that is repeated until its ACK, another
//! INVITE or an UPDATE refreshes or moves the session, BYE ends it (RFC 3261 §9.2, §11, §13.3.1.4, §14.2, §15.1.2, RFC 3311, RFC 4028).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ezk_sip_core::transport::OutgoingResponse;
use ezk_sip_core::{Endpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, Name, StatusCode};
use rollmark::core::header;
use rollmark::core::message::{Headers, Request};
use rollmark::core::session::Role;
use rollmark_ezk::{Requests, neutral_request};
use tokio::time::Instant;

use super::dialog::Dialog;
use super::timer::{OPTION, SessionTimer};
use super::{
    ALLOW, Key, Line, MAX_SESSIONS, Table, called, keep, random, sdp, stream_address, token,
    user_of,
};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// What a request in a session is answered with.
struct Answer {
    status: u16,
    headers: Headers,
    body: Bytes,
}

impl Answer {
    fn of(status: u16) -> Self {
        Self {
            status,
            headers: Headers::new(),
            body: Bytes::new(),
        }
    }
}

/// Takes INVITE, and whatever is of our sessions but NOTIFY; everything else passes.
#[derive(Debug)]
pub(crate) struct SessionLayer {
    pub(crate) table: Arc<Table>,
    pub(crate) requests: Requests,
}

impl SessionLayer {
    pub(crate) fn new(table: Arc<Table>, requests: Requests) -> Self {
        Self { table, requests }
    }

    fn key(request: &IncomingRequest) -> Option<Key> {
        let tag = request.base_headers.to.tag.as_ref()?;
        Some((request.base_headers.call_id.0.to_string(), tag.to_string()))
    }

    /// Accepts an INVITE, or says by which status not.
    fn accept(
        &self,
        endpoint: &Endpoint,
        request: &mut IncomingRequest,
    ) -> Result<(OutgoingResponse, Key, tokio::sync::watch::Receiver<bool>), u16> {
        let invite: Request = neutral_request(request);
        let inviting = self.table.inviting();
        let Some((caller, accepted)) = called(&inviting, &invite.headers) else {
            return Err(480);
        };
        if self.table.sessions().len() >= MAX_SESSIONS {
            return Err(486);
        }
        if !sdp::has_messages(&invite.body) {
            return Err(488);
        }
        if unsupported(&invite.headers).is_some() {
            return Err(420);
        }
        let dialog = Dialog::invited(&invite, token()).ok_or(400u16)?;
        let contact = match caller.registration.contact.as_str() {
            "" => self
                .requests
                .contact_of(request, &user_of(&caller.identity)),
            known => known.to_owned(),
        };
        let description = sdp::description(stream_address(&contact), random());
        let terms = caller.terms(&contact, description);
        let timer = SessionTimer::asked(&invite.headers);
        let mut headers = terms.answers.clone();
        if let Some(timer) = timer {
            timer.answer(&invite.headers, &mut headers);
        }
        headers.push("Content-Type", sdp::CONTENT_TYPE);
        let mut response = response(endpoint, request, 200, Some(dialog.local()), &headers);
        for value in request.headers.get_raw(&Name::RECORD_ROUTE) {
            response
                .msg
                .headers
                .insert(Name::RECORD_ROUTE, value.as_str());
        }
        response.msg.body = Bytes::from(terms.description.clone());
        let line = Line {
            table: self.table.clone(),
            endpoint: endpoint.clone(),
            requests: self.requests.clone(),
        };
        let role = Role::ClientInvited;
        let (session, key, acknowledged) = keep(line, dialog, terms, timer, role, invite.headers);
        if let Err(unwanted) = accepted.send(session) {
            // Nobody takes it any more; dropping it sends BYE once the ACK is there.
            drop(unwanted);
        }
        Ok((response, key, acknowledged))
    }
}

#[async_trait]
impl Layer for SessionLayer {
    fn name(&self) -> &'static str {
        "im-session"
    }

    async fn receive(&self, endpoint: &Endpoint, request: MayTake<'_, IncomingRequest>) {
        let key = Self::key(&request);
        let method = request.line.method.clone();
        if method == Method::INVITE && key.is_none() {
            let mut request = request.take();
            let accepted = self.accept(endpoint, &mut request);
            let refusal = accepted.as_ref().err().map(|status| {
                let mut more = Headers::new();
                if *status == 420
                    && let Some(options) = unsupported(&neutral_request(&request).headers)
                {
                    more.push("Unsupported", options);
                }
                response(endpoint, &request, *status, None, &more)
            });
            let transaction = endpoint.create_server_inv_tsx(&mut request);
            match (accepted, refusal) {
                (Ok((response, key, acknowledged)), _) => {
                    repeat(
                        transaction.respond_success(response).await,
                        acknowledged,
                        || self.give_up(&key),
                    )
                    .await;
                }
                (Err(status), Some(response)) => {
                    if let Err(error) = transaction.respond_failure(response).await {
                        tracing::warn!(%error, status, "an INVITE was refused, and no ACK came");
                    }
                }
                (Err(_), None) => {}
            }
            return;
        }
        if method == Method::CANCEL {
            // The final response has left already, so it changes nothing (RFC 3261 §9.2).
            let call_id = request.base_headers.call_id.0.to_string();
            let ours = self.table.sessions().keys().any(|(id, _)| *id == call_id);
            if ours {
                answer(endpoint, request.take(), 200).await;
            }
            return;
        }
        let Some(key) = key else { return };
        if method == Method::NOTIFY || !self.table.sessions().contains_key(&key) {
            return;
        }
        let neutral = neutral_request(&request);
        let mut request = request.take();
        if method == Method::ACK {
            self.acknowledged(&key, &neutral.headers);
        } else if method == Method::INVITE {
            self.invited_again(endpoint, request, &neutral, &key).await;
        } else {
            let answer = self.answer(&key, &neutral);
            let ends = method == Method::BYE && answer.status == 200;
            let mut response = response(endpoint, &request, answer.status, None, &answer.headers);
            response.msg.body = answer.body;
            let transaction = endpoint.create_server_tsx(&mut request);
            if let Err(error) = transaction.respond(response).await {
                tracing::warn!(%error, "an answer could not be sent");
            }
            if ends {
                self.end(&key);
            }
        }
    }
}

impl SessionLayer {
    fn end(&self, key: &Key) {
        if let Some(entry) = self.table.sessions().remove(key) {
            entry.ended.send_replace(true);
        }
    }

    fn give_up(&self, key: &Key) {
        if let Some(entry) = self.table.sessions().get(key) {
            entry.give_up();
        }
    }

    fn acknowledged(&self, key: &Key, ack: &Headers) {
        if let Some(entry) = self.table.sessions().get(key)
            && entry.dialog.acknowledges(ack)
        {
            entry.acknowledged.send_replace(true);
        }
    }

    /// Another INVITE in a session: it is answered as the first, and its ACK is waited for.
    async fn invited_again(
        &self,
        endpoint: &Endpoint,
        mut request: IncomingRequest,
        neutral: &Request,
        key: &Key,
    ) {
        let answer = self.answer(key, neutral);
        let mut response = response(endpoint, &request, answer.status, None, &answer.headers);
        response.msg.body = answer.body;
        let transaction = endpoint.create_server_inv_tsx(&mut request);
        if answer.status != 200 {
            if let Err(error) = transaction.respond_failure(response).await {
                tracing::warn!(%error, "a new offer was refused, and no ACK came");
            }
            return;
        }
        let acknowledged = {
            let sessions = self.table.sessions();
            let Some(entry) = sessions.get(key) else {
                return;
            };
            entry.acknowledged.send_replace(false);
            entry.acknowledged.subscribe()
        };
        let sent = transaction.respond_success(response).await;
        repeat(sent, acknowledged, || self.give_up(key)).await;
    }

    /// What a request of the peer in a session comes to.
    fn answer(&self, key: &Key, request: &Request) -> Answer {
        let mut sessions = self.table.sessions();
        let Some(entry) = sessions.get_mut(key) else {
            return Answer::of(481);
        };
        if entry.leaving && request.method != "BYE" {
            return Answer::of(481);
        }
        match entry.dialog.receive(&request.headers) {
            200 => {}
            status => return Answer::of(status),
        }
        if let Some(options) = unsupported(&request.headers) {
            let mut answer = Answer::of(420);
            answer.headers.push("Unsupported", options);
            return answer;
        }
        match request.method.as_str() {
            "BYE" => Answer::of(200),
            "OPTIONS" => {
                let mut answer = Answer::of(200);
                for (name, value) in [
                    ("Allow", ALLOW),
                    ("Accept", sdp::CONTENT_TYPE),
                    ("Supported", OPTION),
                ] {
                    answer.headers.push(name, value);
                }
                answer
            }
            // Two offers at once (RFC 3261 §14.2).
            "INVITE" if entry.inviting => Answer::of(491),
            // What was agreed on stays, and this offer would end it.
            "INVITE" | "UPDATE"
                if !request.body.is_empty() && !sdp::has_messages(&request.body) =>
            {
                Answer::of(488)
            }
            "INVITE" | "UPDATE" => {
                let timer = SessionTimer::asked(&request.headers);
                entry.refreshed(&request.headers, timer);
                let mut headers = entry.terms.answers.clone();
                if let Some(timer) = timer {
                    timer.answer(&request.headers, &mut headers);
                }
                let mut body = Bytes::new();
                // Without an offer an INVITE asks for ours, which is the one that stands.
                if request.method == "INVITE" || !request.body.is_empty() {
                    headers.push("Content-Type", sdp::CONTENT_TYPE);
                    body = Bytes::from(entry.terms.description.clone());
                }
                Answer {
                    status: 200,
                    headers,
                    body,
                }
            }
            _ => {
                let mut answer = Answer::of(405);
                answer.headers.push("Allow", ALLOW);
                answer
            }
        }
    }
}

/// The options that a request demands and that are not known here, for Unsupported (RFC 3261 §8.2.2.3).
fn unsupported(headers: &Headers) -> Option<String> {
    let required = header::tokens(headers.all("Require"));
    let unknown: Vec<&str> = required
        .filter(|option| !option.eq_ignore_ascii_case(OPTION))
        .collect();
    (!unknown.is_empty()).then(|| unknown.join(", "))
}

/// Sends the 2xx again until its ACK is there; without one the session is given up (RFC 3261 §13.3.1.4).
async fn repeat(
    sent: ezk_sip_core::Result<ezk_sip_core::transaction::Accepted>,
    mut acknowledged: tokio::sync::watch::Receiver<bool>,
    give_up: impl FnOnce(),
) {
    let Ok(mut sent) = sent else {
        give_up();
        return;
    };
    let until = Instant::now() + T1 * 64;
    let mut pause = T1;
    while Instant::now() < until {
        let wait = tokio::time::timeout(pause, acknowledged.wait_for(|known| *known));
        let told = wait.await.map(|_| ());
        match told {
            // The ACK, or the end of the session.
            Ok(()) => return,
            Err(_) if sent.retransmit().await.is_err() => break,
            Err(_) => pause = (pause * 2).min(T2),
        }
    }
    tracing::warn!("no ACK for an accepted INVITE; the session is given up");
    give_up();
}

async fn answer(endpoint: &Endpoint, mut request: IncomingRequest, status: u16) {
    let response = response(endpoint, &request, status, None, &Headers::new());
    let transaction = endpoint.create_server_tsx(&mut request);
    if let Err(error) = transaction.respond(response).await {
        tracing::warn!(%error, status, "an answer could not be sent");
    }
}

/// A response with From and To as the request had them, which ezk's own would shorten.
fn response(
    endpoint: &Endpoint,
    request: &IncomingRequest,
    status: u16,
    to: Option<&str>,
    more: &Headers,
) -> OutgoingResponse {
    let mut response = endpoint.create_response(request, StatusCode::from(status), None);
    let headers = &mut response.msg.headers;
    for name in [Name::FROM, Name::TO] {
        let raw = request
            .headers
            .get_raw(&name)
            .next()
            .map(|raw| raw.as_str().trim().to_owned());
        let value = match to {
            Some(to) if name == Name::TO => Some(to.to_owned()),
            _ => raw,
        };
        if let Some(value) = value {
            headers.remove(&name);
            headers.insert(name, value);
        }
    }
    // An error response has a To tag, too (RFC 3261 §8.2.6.2).
    if to.is_none() && request.base_headers.to.tag.is_none() {
        let raw = request.headers.get_raw(&Name::TO).next();
        let tagged = format!(
            "{};tag={}",
            raw.map_or("", |raw| raw.as_str().trim()),
            token()
        );
        headers.remove(&Name::TO);
        headers.insert(Name::TO, tagged);
    }
    for header in more.iter() {
        headers.insert(
            Name::from(bytesstr::BytesStr::from(header.name.as_str())),
            header.value.as_str(),
        );
    }
    response
}
