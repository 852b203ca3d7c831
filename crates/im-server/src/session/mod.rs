//! IM sessions with the focus: a user calls it or is called by it, and is in the roster as long as the session lasts (RFC
//! 4579 §3, §5, RFC 3261 §13, §15, RFC 4975 §8). No message of a session is carried.

mod incoming;
mod outgoing;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use ezk_sip_core::{Endpoint as SipEndpoint, Request};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Headers, Method, Name};
use tokio::sync::{mpsc, watch};

use crate::conference::{
    Disconnection, DisconnectionMethod, Endpoint, JoiningMethod, Status, User,
};
use crate::focus::{FinalDocument, Focus, TerminationReason};
use crate::notifier::{ALLOW_EVENTS, contact_uri};
use crate::server::{ConferenceKey, Shared, State};
use crate::subscription::{Dialog, DialogId};

pub(crate) use incoming::SessionLayer;
pub use outgoing::InviteError;
pub(crate) use outgoing::invite;

/// Sessions that a server holds at one time; who calls beyond that gets 486.
pub const MAX_SESSIONS: usize = 1024;

const SDP: &str = "application/sdp";

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

/// The URI without parameters and headers, by which the roster knows a user.
fn address_of_record(uri: &str) -> String {
    uri.split([';', '?']).next().unwrap_or(uri).to_owned()
}
