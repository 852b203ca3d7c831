//! Calls that come in on ezk: INVITE is answered with a 200 that is repeated until its ACK, BYE ends (RFC 3261 §9.2, §13.3.1.4,
//! §15.1.2).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ezk_sip_core::transport::OutgoingResponse;
use ezk_sip_core::{Endpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, Name, StatusCode};
use rollmark::core::message::{Headers, Request};
use rollmark::core::session::Role;
use rollmark_ezk::{Requests, neutral_request};
use tokio::time::Instant;

use super::dialog::Dialog;
use super::{
    Key, MAX_SESSIONS, Table, keep, outgoing, random, sdp, stream_address, token, user_of,
};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// Takes INVITE, ACK, BYE and CANCEL of our sessions; everything else passes.
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
        let Some((caller, accepted)) = inviting.as_ref() else {
            return Err(480);
        };
        if self.table.sessions().len() >= MAX_SESSIONS {
            return Err(486);
        }
        if !sdp::has_messages(&invite.body) {
            return Err(488);
        }
        let dialog = Dialog::invited(&invite, token()).ok_or(400u16)?;
        let contact = match caller.registration.contact.as_str() {
            "" => Requests::contact_of(request, &user_of(&caller.identity)),
            known => known.to_owned(),
        };
        let mut headers = caller.headers(&contact);
        headers.remove("Accept-Contact");
        headers.push("Content-Type", sdp::CONTENT_TYPE);
        let mut response = response(endpoint, request, 200, Some(dialog.local()), &headers);
        for value in request.headers.get_raw(&Name::RECORD_ROUTE) {
            response
                .msg
                .headers
                .insert(Name::RECORD_ROUTE, value.as_str());
        }
        response.msg.body = Bytes::from(sdp::description(stream_address(&contact), random()));
        let (session, key, acknowledged) = keep(
            &self.table,
            endpoint,
            &self.requests,
            dialog,
            (Role::ClientInvited, invite.headers),
            (caller.credentials.clone(), outgoing::in_dialog(&headers)),
        );
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
            let refusal = accepted
                .as_ref()
                .err()
                .map(|status| response(endpoint, &request, *status, None, &Headers::new()));
            let transaction = endpoint.create_server_inv_tsx(&mut request);
            match (accepted, refusal) {
                (Ok((response, key, acknowledged)), _) => {
                    repeat(
                        transaction.respond_success(response).await,
                        acknowledged,
                        || {
                            self.end(&key);
                        },
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
        let neutral = neutral_request(&request);
        let status = {
            let mut sessions = self.table.sessions();
            let Some(entry) = sessions.get_mut(&key) else {
                return;
            };
            if method == Method::ACK {
                entry.acknowledged.send_replace(true);
                None
            } else if method == Method::BYE {
                Some(entry.dialog.receive(&neutral.headers))
            } else if method == Method::INVITE {
                // What was agreed on stays (RFC 3261 §14.2).
                Some(488)
            } else {
                return;
            }
        };
        match status {
            None => drop(request.take()),
            Some(status) if method == Method::INVITE => {
                let mut request = request.take();
                let response = response(endpoint, &request, status, None, &Headers::new());
                let transaction = endpoint.create_server_inv_tsx(&mut request);
                if let Err(error) = transaction.respond_failure(response).await {
                    tracing::warn!(%error, "a new offer was refused, and no ACK came");
                }
            }
            Some(status) => {
                answer(endpoint, request.take(), status).await;
                if status == 200 {
                    self.end(&key);
                }
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
