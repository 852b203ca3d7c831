//! Users who call the focus, and what they send in their sessions (RFC 3261 §13.3, §15.1.2, RFC 4579 §5.1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ezk_sip_core::transaction::Accepted;
use ezk_sip_core::{Endpoint as SipEndpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, Name};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{MAX_SESSIONS, address_of_record, begin, describe, description, identify, over};
use crate::conference::{DisconnectionMethod, JoiningMethod};
use crate::notifier::{contact, contact_uri, flow, raw, response};
use crate::server::{ConferenceKey, Shared};
use crate::subscription::{Dialog, DialogId};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// The place of the sessions in the SIP endpoint.
pub(crate) struct SessionLayer {
    shared: Arc<Shared>,
}

impl SessionLayer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn invited(&self, endpoint: &SipEndpoint, mut request: IncomingRequest) {
        let accepted = accept(&self.shared, endpoint, &request);
        let (response, id) = match accepted {
            Ok((response, id)) => (response, Some(id)),
            Err((code, reason)) => {
                let tag = self.shared.new_tag();
                let tag = request.base_headers.to.tag.is_none().then_some(tag);
                (
                    response(endpoint, &request, code, reason, tag.as_deref()),
                    None,
                )
            }
        };
        let transaction = endpoint.create_server_inv_tsx(&mut request);
        let Some((id, acknowledged)) = id else {
            if let Err(error) = transaction.respond_failure(response).await {
                tracing::warn!(%error, "an INVITE was refused, and no ACK came");
            }
            return;
        };
        match transaction.respond_success(response).await {
            Ok(sent) => {
                if !repeat(sent, acknowledged).await {
                    over(&self.shared, &id, DisconnectionMethod::Failed);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "an INVITE could not be answered");
                over(&self.shared, &id, DisconnectionMethod::Failed);
            }
        }
    }
}

#[async_trait::async_trait]
impl Layer for SessionLayer {
    fn name(&self) -> &'static str {
        "conference-sessions"
    }

    async fn receive(&self, endpoint: &SipEndpoint, request: MayTake<'_, IncomingRequest>) {
        if self.shared.is_stopped() {
            return;
        }
        match &request.line.method {
            method if *method == Method::INVITE => self.invited(endpoint, request.take()).await,
            method if *method == Method::ACK => {
                if let Some(id) = dialog_id(&request)
                    && let Some(session) = self.shared.state().sessions.get(&id)
                {
                    session.acknowledged.send_replace(true);
                    drop(request.take());
                }
            }
            method if *method == Method::BYE => {
                let Some(id) = dialog_id(&request) else {
                    return;
                };
                if !self.shared.state().sessions.contains_key(&id) {
                    return;
                }
                let mut request = request.take();
                let response = response(endpoint, &request, 200, "OK", None);
                let transaction = endpoint.create_server_tsx(&mut request);
                if let Err(error) = transaction.respond(response).await {
                    tracing::warn!(%error, "BYE could not be answered");
                }
                over(&self.shared, &id, DisconnectionMethod::Departed);
            }
            _ => {}
        }
    }
}

fn dialog_id(request: &IncomingRequest) -> Option<DialogId> {
    Some(DialogId {
        call_id: request.base_headers.call_id.0.to_string(),
        local_tag: request.base_headers.to.tag.as_ref()?.to_string(),
        remote_tag: request.base_headers.from.tag.as_ref()?.to_string(),
    })
}

type Refusal = (u16, &'static str);
type Begun = (DialogId, watch::Receiver<bool>);

/// Lets a user in who calls, or says by which status not.
fn accept(
    shared: &Arc<Shared>,
    endpoint: &SipEndpoint,
    request: &IncomingRequest,
) -> Result<(ezk_sip_core::transport::OutgoingResponse, Begun), Refusal> {
    if request.base_headers.to.tag.is_some() {
        let id = dialog_id(request).ok_or((400, "From Without Tag"))?;
        let known = shared.state().sessions.contains_key(&id);
        // What was agreed on stays (RFC 3261 §14.2).
        return Err(match known {
            true => (488, "Not Acceptable Here"),
            false => (481, "Session Does Not Exist"),
        });
    }
    let key = ConferenceKey::of(&request.line.uri).ok_or((404, "No Such Conference"))?;
    let remote_tag = request.base_headers.from.tag.as_ref();
    let remote_tag = remote_tag.ok_or((400, "From Without Tag"))?.to_string();
    let from = raw(request, &Name::FROM).unwrap_or_default();
    let entity = contact_uri(from)
        .map(address_of_record)
        .ok_or((400, "Bad From"))?;
    let target = contact(request).map_err(|_| (400, "Bad Contact"))?;
    let target = target.ok_or((400, "No Contact"))?;
    if !offers_messages(&request.body) {
        return Err((488, "Not Acceptable Here"));
    }
    let address = address(shared, request);
    let tag = shared.new_tag();
    let id = DialogId {
        call_id: request.base_headers.call_id.0.to_string(),
        local_tag: tag.clone(),
        remote_tag,
    };
    let (key, contact) = {
        let mut state = shared.state();
        let key = state.resolve(key);
        let entry = state
            .conferences
            .get(&key)
            .ok_or((404, "No Such Conference"))?;
        if entry.conference.locked {
            return Err((403, "Conference Is Locked"));
        }
        if state.sessions.len() >= MAX_SESSIONS {
            return Err((486, "Busy Here"));
        }
        let contact = identify(shared, &mut state, &key, &address);
        (key, contact)
    };
    let mut answer = response(endpoint, request, 200, "OK", Some(&tag));
    let headers = &mut answer.msg.headers;
    let record_route: Vec<String> = request
        .headers
        .get_raw(&Name::RECORD_ROUTE)
        .map(|value| value.as_str().to_owned())
        .collect();
    for value in &record_route {
        headers.insert(Name::RECORD_ROUTE, value.as_str());
    }
    describe(headers, &contact);
    answer.msg.body = description(address.0, &tag);
    let dialog = Dialog {
        local: format!("{};tag={tag}", raw(request, &Name::TO).unwrap_or_default()),
        remote: from.to_owned(),
        remote_cseq: request.base_headers.cseq.cseq,
        target,
        route: record_route,
        contact,
        flow: flow(request),
        id: id.clone(),
    };
    let joined = display_name(from);
    let acknowledged = begin(
        shared,
        endpoint,
        &key,
        (entity, joined),
        dialog,
        JoiningMethod::DialedIn,
    );
    Ok((answer, (id, acknowledged)))
}

/// Where the server is reached on the transport that a request came on.
fn address(shared: &Shared, request: &IncomingRequest) -> (SocketAddr, &'static str) {
    let transport = &request.tp_info.transport;
    let advertised = shared.state().advertised_udp;
    match advertised {
        Some(address) if transport.is_udp() => (address, ""),
        _ if transport.is_udp() => (transport.bound(), ""),
        _ => (transport.bound(), ";transport=tcp"),
    }
}

fn offers_messages(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let stream = |line: &str| line.starts_with("m=message ") && line.contains("/MSRP");
    text.lines().any(stream) && text.lines().any(|line| line.starts_with("a=path:"))
}

fn display_name(from: &str) -> Option<String> {
    let (name, _) = from.split_once('<')?;
    let name = name.trim().trim_matches('"').trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Sends the 2xx again until its ACK has come; false when none does (RFC 3261 §13.3.1.4).
async fn repeat(mut sent: Accepted, mut acknowledged: watch::Receiver<bool>) -> bool {
    let until = Instant::now() + T1 * 64;
    let mut pause = T1;
    while Instant::now() < until {
        let wait = tokio::time::timeout(pause, acknowledged.wait_for(|known| *known));
        let told = wait.await.map(|_| ());
        match told {
            // The ACK, or the end of the session.
            Ok(()) => return true,
            Err(_) if sent.retransmit().await.is_err() => return false,
            Err(_) => pause = (pause * 2).min(T2),
        }
    }
    false
}
