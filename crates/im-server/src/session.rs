//! IM sessions with the focus: a user calls it or is called by it, and is in the roster as long as the session lasts (RFC
//! 4579 §3, §5, RFC 3261 §13, §15, RFC 4975 §8). No message of a session is carried.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ezk_sip_core::transaction::{Accepted, ClientInvTsx, TsxKey, TsxResponse};
use ezk_sip_core::transport::TargetTransportInfo;
use ezk_sip_core::{Endpoint as SipEndpoint, IncomingRequest, Layer, MayTake, Request};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{CodeKind, Headers, Method, Name};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::conference::{
    Disconnection, DisconnectionMethod, Endpoint, JoiningMethod, Status, User,
};
use crate::focus::{FinalDocument, Focus, TerminationReason};
use crate::notifier::{ALLOW_EVENTS, contact, contact_uri, flow, raw, response};
use crate::server::{ConferenceKey, Shared, State};
use crate::subscription::{Dialog, DialogId};

/// Sessions that a server holds at one time; who calls beyond that gets 486.
pub const MAX_SESSIONS: usize = 1024;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// How long somebody who is called may ring.
const RINGING: Duration = Duration::from_secs(32);

const SDP: &str = "application/sdp";

/// Why a user could not be called into a conference.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InviteError {
    /// There is no such conference.
    #[error("there is no conference {uri}: create it first")]
    NoConference {
        /// What was given.
        uri: String,
    },
    /// The address of the user cannot be read.
    #[error("{uri} is not a SIP URI: write sip:alice@192.0.2.1:5060")]
    Uri {
        /// What was given.
        uri: String,
    },
    /// He did not take the call.
    #[error("{entity} did not take the call: {status}")]
    Refused {
        /// The user.
        entity: String,
        /// What his user agent answered.
        status: u16,
    },
    /// His user agent did not answer, or cannot be reached.
    #[error("{entity} does not answer")]
    NoAnswer {
        /// The user.
        entity: String,
    },
}

/// One session with a user.
#[derive(Debug)]
pub(crate) struct Session {
    conference: ConferenceKey,
    /// Keys of the user and of his endpoint in the roster.
    entity: String,
    endpoint: String,
    dialog: Dialog,
    cseq: u32,
    acknowledged: watch::Sender<bool>,
    /// Whoever holds this sends BYE when told to.
    bye: mpsc::UnboundedSender<()>,
}

impl State {
    /// Ends the sessions of a conference that `select` picks by the user, with BYE.
    pub(crate) fn hang_up(&mut self, key: &ConferenceKey, select: impl Fn(&str) -> bool) {
        for session in self.sessions.values() {
            if session.conference == *key && select(&session.entity) {
                // Fails only once the session is over.
                let _ = session.bye.send(());
            }
        }
    }

    /// The conference that a URI names: its own, or an IM Session Identity of it.
    pub(crate) fn resolve(&self, key: ConferenceKey) -> ConferenceKey {
        self.identities.get(&key).cloned().unwrap_or(key)
    }
}

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

/// Puts a session that has begun into the table and its user into the roster.
fn begin(
    shared: &Arc<Shared>,
    endpoint: &SipEndpoint,
    key: &ConferenceKey,
    (entity, display_text): (String, Option<String>),
    dialog: Dialog,
    method: JoiningMethod,
) -> watch::Receiver<bool> {
    let (acknowledged, is_acknowledged) = watch::channel(false);
    let (bye, told) = mpsc::unbounded_channel();
    let id = dialog.id.clone();
    let endpoint_entity = format!("{:?}", dialog.target);
    let session = Session {
        conference: key.clone(),
        entity: entity.clone(),
        endpoint: endpoint_entity.clone(),
        dialog,
        cseq: 1,
        acknowledged,
        bye,
    };
    shared.state().sessions.insert(id.clone(), session);
    tokio::spawn(hold(shared.clone(), endpoint.clone(), id, told));
    show(
        shared,
        key,
        (&entity, display_text),
        &endpoint_entity,
        Status::Connected,
        method,
    );
    is_acknowledged
}

/// Shows an endpoint of a user in the roster.
fn show(
    shared: &Arc<Shared>,
    key: &ConferenceKey,
    (entity, display_text): (&str, Option<String>),
    endpoint: &str,
    status: Status,
    method: JoiningMethod,
) {
    let endpoint = Endpoint {
        joining_method: Some(method),
        ..Endpoint::new(endpoint, status)
    };
    let focus = Focus::new(shared.clone(), key.clone());
    let shown = focus.change(|conference| match conference.user_mut(entity) {
        Ok(user) => {
            user.put_endpoint(endpoint);
            Ok(())
        }
        Err(_) => {
            let mut user = User::new(entity).endpoint(endpoint);
            user.display_text = display_text;
            conference.join(user)
        }
    });
    if let Err(error) = shown {
        tracing::warn!(%error, "a session is not in the roster");
    }
}

/// A session is over: its endpoint left the conference in this way.
fn over(shared: &Arc<Shared>, id: &DialogId, method: DisconnectionMethod) {
    let Some(session) = shared.state().sessions.remove(id) else {
        return;
    };
    let focus = Focus::new(shared.clone(), session.conference.clone());
    let left = Disconnection::from(method);
    // The conference may have ended with it, or have shown him out already.
    let _ = focus.change(|conference| {
        let user = conference.user_mut(&session.entity)?;
        let endpoint = user
            .endpoints
            .iter_mut()
            .find(|known| known.entity == session.endpoint);
        if let Some(endpoint) = endpoint.filter(|known| known.disconnection.is_none()) {
            endpoint.status = Some(Status::Disconnected);
            endpoint.disconnection = Some(left);
        }
        Ok(())
    });
    if shared.settings.ends_subscription_with_session {
        let of_user = |remote: &str| contact_uri(remote).map(address_of_record);
        shared.state().terminate(
            &session.conference,
            |subscription| of_user(&subscription.dialog.remote).as_ref() == Some(&session.entity),
            TerminationReason::Noresource,
            None,
            FinalDocument::None,
        );
    }
}

/// Sends BYE when told to.
async fn hold(
    shared: Arc<Shared>,
    endpoint: SipEndpoint,
    id: DialogId,
    mut told: mpsc::UnboundedReceiver<()>,
) {
    if told.recv().await.is_none() || shared.is_stopped() {
        return;
    }
    let (bye, mut flow) = {
        let mut state = shared.state();
        let Some(session) = state.sessions.get_mut(&id) else {
            return;
        };
        session.cseq += 1;
        (
            in_dialog(&session.dialog, Method::BYE, session.cseq),
            session.dialog.flow.clone(),
        )
    };
    over(&shared, &id, DisconnectionMethod::Booted);
    match endpoint.send_request(bye, &mut flow).await {
        Ok(mut transaction) => {
            if let Err(error) = transaction.receive_final().await {
                tracing::warn!(%error, "BYE was not answered");
            }
        }
        Err(error) => tracing::warn!(%error, "BYE could not be sent"),
    }
}

fn in_dialog(dialog: &Dialog, method: Method, cseq: u32) -> Request {
    let name = method.to_string();
    let mut request = Request::new(method, dialog.target.clone());
    let headers = &mut request.headers;
    for route in &dialog.route {
        headers.insert(Name::ROUTE, route.as_str());
    }
    headers.insert(Name::MAX_FORWARDS, "70");
    headers.insert(Name::FROM, dialog.local.as_str());
    headers.insert(Name::TO, dialog.remote.as_str());
    headers.insert(Name::CALL_ID, dialog.id.call_id.as_str());
    headers.insert(Name::CSEQ, format!("{cseq} {name}"));
    request
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

/// The Contact of a session: an IM Session Identity by which its conference can be subscribed to, with what routing needs.
fn identify(
    shared: &Shared,
    state: &mut State,
    key: &ConferenceKey,
    (address, parameter): &(SocketAddr, &'static str),
) -> String {
    let tag = shared.new_tag();
    let uri = format!("sip:{}-{tag}@{address};gr={tag}{parameter}", key.user);
    let parsed: Option<SipUri> = uri.parse().ok();
    if let Some(identity) = parsed.and_then(|uri| ConferenceKey::of(&uri))
        && !shared.settings.forgets_session_identities
    {
        state.identities.insert(identity, key.clone());
    }
    format!("<{uri}>;isfocus")
}

fn describe(headers: &mut Headers, contact: &str) {
    headers.insert(Name::CONTACT, contact);
    headers.insert(Name::ALLOW, "INVITE, ACK, BYE, SUBSCRIBE");
    headers.insert(Name::ALLOW_EVENTS, ALLOW_EVENTS);
    headers.insert(Name::CONTENT_TYPE, SDP);
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

/// An MSRP stream that nobody serves.
fn description(address: SocketAddr, name: &str) -> Bytes {
    let ip = address.ip();
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=message {port} TCP/MSRP *\r\n\
         a=accept-types:message/cpim text/plain\r\na=path:msrp://{address}/{name};tcp\r\na=setup:passive\r\n",
        port = address.port()
    )
    .into()
}

fn offers_messages(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let stream = |line: &str| line.starts_with("m=message ") && line.contains("/MSRP");
    text.lines().any(stream) && text.lines().any(|line| line.starts_with("a=path:"))
}

/// The URI without parameters and headers, by which the roster knows a user.
fn address_of_record(uri: &str) -> String {
    uri.split([';', '?']).next().unwrap_or(uri).to_owned()
}

fn display_name(from: &str) -> Option<String> {
    let (name, _) = from.split_once('<')?;
    let name = name.trim().trim_matches('"').trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Calls a user into a conference. He is in the roster as the call goes on, and afterwards by how it ended.
pub(crate) async fn invite(
    shared: &Arc<Shared>,
    endpoint: &SipEndpoint,
    conference: &str,
    entity: &str,
    target: &str,
) -> Result<(), InviteError> {
    let no_conference = || InviteError::NoConference {
        uri: conference.to_owned(),
    };
    let bad = || InviteError::Uri {
        uri: target.to_owned(),
    };
    let no_answer = || InviteError::NoAnswer {
        entity: entity.to_owned(),
    };
    let uri: SipUri = conference.parse().map_err(|_| no_conference())?;
    let key = ConferenceKey::of(&uri).ok_or_else(no_conference)?;
    let target_uri: SipUri = target.parse().map_err(|_| bad())?;
    let chosen = endpoint.select_transport(&target_uri).await;
    let (transport, destination) = chosen.map_err(|_| no_answer())?;
    let parameter = if transport.is_udp() {
        ""
    } else {
        ";transport=tcp"
    };
    let address = (transport.bound(), parameter);
    let tag = shared.new_tag();
    let contact = {
        let mut state = shared.state();
        if !state.conferences.contains_key(&key) {
            return Err(no_conference());
        }
        identify(shared, &mut state, &key, &address)
    };
    let mut dialog = Dialog {
        id: DialogId {
            call_id: format!("invite-{}", shared.new_tag()),
            local_tag: tag.clone(),
            remote_tag: String::new(),
        },
        local: format!("<{conference}>;tag={tag}"),
        remote: format!("<{entity}>"),
        remote_cseq: 0,
        target: target_uri.clone(),
        route: Vec::new(),
        contact,
        flow: TargetTransportInfo {
            via_host_port: None,
            transport: Some((transport, destination)),
        },
    };
    let mut request = in_dialog(&dialog, Method::INVITE, 1);
    describe(&mut request.headers, &dialog.contact);
    request.body = description(address.0, &tag);
    let shown = format!("{target_uri:?}");
    let show_as = |status| {
        show(
            shared,
            &key,
            (entity, None),
            &shown,
            status,
            JoiningMethod::DialedOut,
        );
    };
    show_as(Status::DialingOut);
    let failed = |method: DisconnectionMethod| {
        let focus = Focus::new(shared.clone(), key.clone());
        let left = Some(method.into());
        // The conference may have ended meanwhile.
        let _ = focus.set_status(entity, &shown, Status::Disconnected, left);
    };
    let sent = endpoint
        .send_invite(request, &mut dialog.flow.clone())
        .await;
    let Ok(mut transaction) = sent else {
        failed(DisconnectionMethod::Failed);
        return Err(no_answer());
    };
    let answer = tokio::time::timeout(
        RINGING,
        final_response(&mut transaction, || {
            show_as(Status::Alerting);
        }),
    );
    let Ok(Some(answer)) = answer.await else {
        failed(DisconnectionMethod::Failed);
        return Err(no_answer());
    };
    let status = answer.line.code.into_u16();
    let to = answer
        .headers
        .get_raw(&Name::TO)
        .next()
        .map(|to| to.as_str().trim().to_owned());
    let reached = answer.headers.get_raw(&Name::CONTACT).next();
    let reached = reached.and_then(|value| contact_uri(value.as_str())?.parse().ok());
    let (true, Some(to), Some(reached)) =
        (answer.line.code.kind() == CodeKind::Success, to, reached)
    else {
        failed(match status {
            486 | 600 => DisconnectionMethod::Busy,
            _ => DisconnectionMethod::Failed,
        });
        return Err(InviteError::Refused {
            entity: entity.to_owned(),
            status,
        });
    };
    let remote_tag = to.split_once(";tag=").map_or("", |(_, tag)| tag);
    dialog.id.remote_tag = remote_tag.split(';').next().unwrap_or_default().to_owned();
    dialog.remote = to;
    dialog.target = reached;
    let record_route = answer.headers.get_raw(&Name::RECORD_ROUTE);
    dialog.route = record_route
        .map(|value| value.as_str().to_owned())
        .collect();
    dialog.route.reverse();
    let ack = in_dialog(&dialog, Method::ACK, 1);
    let flow = dialog.flow.clone();
    acknowledge(endpoint, &ack, &flow).await;
    // One row for the call and the session.
    let focus = Focus::new(shared.clone(), key.clone());
    let _ = focus.change(|conference| {
        let user = conference.user_mut(entity)?;
        user.endpoints.retain(|known| known.entity != shown);
        user.put_endpoint(Endpoint {
            joining_method: Some(JoiningMethod::DialedOut),
            ..Endpoint::new(format!("{:?}", dialog.target), Status::Connected)
        });
        Ok(())
    });
    begin(
        shared,
        endpoint,
        &key,
        (entity.to_owned(), None),
        dialog,
        JoiningMethod::DialedOut,
    );
    let endpoint = endpoint.clone();
    tokio::spawn(async move {
        // Each 2xx that comes again wants its ACK again.
        while let Ok(Some(_)) = transaction.receive().await {
            acknowledge(&endpoint, &ack, &flow).await;
        }
    });
    Ok(())
}

async fn final_response(transaction: &mut ClientInvTsx, ringing: impl Fn()) -> Option<TsxResponse> {
    loop {
        let response = transaction.receive().await.ok()??;
        match response.line.code.into_u16() {
            180 => ringing(),
            ..=199 => {}
            _ => return Some(response),
        }
    }
}

/// Sends an ACK, which is no transaction.
async fn acknowledge(endpoint: &SipEndpoint, ack: &Request, flow: &TargetTransportInfo) {
    let Some((transport, _)) = &flow.transport else {
        return;
    };
    let mut request = Request::new(Method::ACK, ack.line.uri.clone());
    request.headers = ack.headers.clone();
    let via = endpoint.create_via(transport, &TsxKey::client(&Method::ACK), None);
    request.headers.insert_named_front(&via);
    let sent = async {
        let mut outgoing = endpoint.create_outgoing(request, &mut flow.clone()).await?;
        endpoint.send_outgoing_request(&mut outgoing).await?;
        Ok::<_, ezk_sip_core::Error>(())
    };
    if let Err(error) = sent.await {
        tracing::warn!(%error, "an ACK could not be sent");
    }
}
