//! The notifier: what a SUBSCRIBE for the event packages `conference` and `xcap-diff` gets (RFC 6665 §4.2.1).

mod reading;
mod refusal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ezk_sip_core::transport::OutgoingResponse;
use ezk_sip_core::{Endpoint as SipEndpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, Name, StatusCode};

use crate::focus::{FinalDocument, TerminationReason};
use crate::server::{ConferenceKey, Shared, State};
use crate::subscription::{Dialog, DialogId, Subscription, deliver};
use crate::xcap_diff::Watch;
use reading::{Package, event, expires, watched};
pub(crate) use reading::{contact, contact_uri, flow, raw};
use refusal::Refusal;

pub(crate) const ALLOW_EVENTS: &str = "conference, xcap-diff";

/// Below this many seconds a SUBSCRIBE may be refused as too brief (RFC 6665 §4.2.1.1).
const TOO_BRIEF_BELOW: u32 = 3600;

/// The server's place in the SIP endpoint.
pub(crate) struct NotifierLayer {
    shared: Arc<Shared>,
}

impl NotifierLayer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait::async_trait]
impl Layer for NotifierLayer {
    fn name(&self) -> &'static str {
        "conference-notifier"
    }

    async fn receive(&self, endpoint: &SipEndpoint, request: MayTake<'_, IncomingRequest>) {
        if self.shared.is_stopped() {
            // A server that is gone does not answer.
            drop(request.take());
            return;
        }
        if request.line.method != Method::SUBSCRIBE {
            return;
        }
        let mut request = request.take();
        if let Err(refusal) = subscribe(&self.shared, endpoint, &mut request) {
            let response = refusal.response(&self.shared, endpoint, &request);
            let transaction = endpoint.create_server_tsx(&mut request);
            if let Err(error) = transaction.respond(response).await {
                tracing::warn!(%error, "SUBSCRIBE could not be refused");
            }
        }
    }
}

/// Accepts a SUBSCRIBE: answers and notifies, in this order, through the queue of the subscription.
fn subscribe(
    shared: &Arc<Shared>,
    endpoint: &SipEndpoint,
    request: &mut IncomingRequest,
) -> Result<(), Refusal> {
    let (package, event) = event(raw(request, &Name::EVENT))?;
    let watched = match package {
        Package::Conference => None,
        Package::XcapDiff => watched(request)?,
    };
    let requested = expires(raw(request, &Name::EXPIRES))?;
    let call_id = request.base_headers.call_id.0.to_string();
    let remote_tag = request.base_headers.from.tag.as_ref();
    let remote_tag = remote_tag.ok_or(Refusal::Malformed("From Without Tag"))?;
    let id = |local_tag: String| DialogId {
        call_id,
        local_tag,
        remote_tag: remote_tag.to_string(),
    };
    let mut guard = shared.state();
    let state = &mut *guard;
    let (mut subscription, new_tag, granted) = match &request.base_headers.to.tag {
        Some(tag) => {
            let id = id(tag.to_string());
            if !state.subscriptions.contains_key(&id) {
                return Err(Refusal::NoDialog);
            }
            let granted = grant(shared, requested)?;
            let mut subscription = resume(state, request, &id)?;
            // RFC 5875 §4.4: a list in a refresh replaces the one before.
            if let (Some(watch), Some(uris)) = (&mut subscription.watch, watched) {
                watch.uris = uris;
            }
            (subscription, None, granted)
        }
        None => {
            let key = ConferenceKey::of(&request.line.uri).ok_or(Refusal::NotFound)?;
            let key = state.resolve(key);
            let known = match package {
                Package::Conference => state.conferences.contains_key(&key),
                Package::XcapDiff => state.documents.contains_key(&key),
            };
            if !known {
                return Err(Refusal::NotFound);
            }
            let watch = match package {
                Package::Conference => None,
                Package::XcapDiff => {
                    let uris = watched.ok_or(Refusal::Malformed("No Resource List"))?;
                    Some(Watch::new(uris))
                }
            };
            let granted = grant(shared, requested)?;
            let id = id(shared.new_tag());
            let dialog = dialog(state, request, &key, id.clone(), package)?;
            let (mut subscription, queue) = Subscription::new(dialog, key, event);
            subscription.watch = watch;
            let tag = id.local_tag.clone();
            tokio::spawn(deliver(shared.clone(), endpoint.clone(), id, queue));
            (subscription, Some(tag), granted)
        }
    };
    let tag = new_tag.as_deref();
    accept(shared, endpoint, request, &mut subscription, tag, granted);
    let keep = finish(state, &mut subscription, granted);
    state.settle(subscription, keep);
    Ok(())
}

/// Seconds granted for what was asked (RFC 6665 §4.2.1.1): never more.
fn grant(shared: &Shared, requested: Option<u32>) -> Result<u32, Refusal> {
    let settings = &shared.settings;
    let Some(requested) = requested else {
        return Ok(settings.max_expires);
    };
    if (1..TOO_BRIEF_BELOW).contains(&requested) && requested < settings.min_expires {
        return Err(Refusal::TooBrief {
            min_expires: settings.min_expires,
        });
    }
    Ok(requested.min(settings.max_expires))
}

fn dialog(
    state: &State,
    request: &IncomingRequest,
    key: &ConferenceKey,
    id: DialogId,
    package: Package,
) -> Result<Dialog, Refusal> {
    let target = contact(request)?.ok_or(Refusal::Malformed("No Contact"))?;
    let text = |name| raw(request, &name).unwrap_or_default().to_owned();
    let route = request.headers.get_raw(&Name::RECORD_ROUTE);
    Ok(Dialog {
        local: format!("{};tag={}", text(Name::TO), id.local_tag),
        remote: text(Name::FROM),
        remote_cseq: request.base_headers.cseq.cseq,
        target,
        route: route.map(|value| value.to_string()).collect(),
        contact: local_contact(state, request, key, package),
        flow: flow(request),
        id,
    })
}

/// Takes the subscription of a refresh out of the table, with the target and the flow of this SUBSCRIBE.
fn resume(
    state: &mut State,
    request: &IncomingRequest,
    id: &DialogId,
) -> Result<Subscription, Refusal> {
    let known = state.subscriptions.get(id).ok_or(Refusal::NoDialog)?;
    let cseq = request.base_headers.cseq.cseq;
    if cseq < known.dialog.remote_cseq {
        return Err(Refusal::OutOfOrder);
    }
    let target = contact(request)?;
    let removed = state.take(id);
    let mut subscription = removed.ok_or(Refusal::NoDialog)?;
    let package = match subscription.watch {
        Some(_) => Package::XcapDiff,
        None => Package::Conference,
    };
    let contact = local_contact(state, request, subscription.conference(), package);
    let dialog = &mut subscription.dialog;
    dialog.remote_cseq = cseq;
    dialog.flow = flow(request);
    dialog.contact = contact;
    if let Some(target) = target {
        dialog.target = target;
    }
    Ok(subscription)
}

/// Queues the 200-class response.
fn accept(
    shared: &Shared,
    endpoint: &SipEndpoint,
    request: &mut IncomingRequest,
    subscription: &mut Subscription,
    tag: Option<&str>,
    granted: u32,
) {
    let (code, reason) = match shared.settings.answer_202 {
        true => (202, "Accepted"),
        false => (200, "OK"),
    };
    let mut response = response(endpoint, request, code, reason, tag);
    let headers = &mut response.msg.headers;
    for value in request.headers.get_raw(&Name::RECORD_ROUTE) {
        headers.insert(Name::RECORD_ROUTE, value.as_str());
    }
    headers.insert(Name::CONTACT, subscription.dialog.contact.as_str());
    headers.insert(Name::EXPIRES, granted.to_string());
    headers.insert(Name::ALLOW_EVENTS, ALLOW_EVENTS);
    subscription.respond(endpoint.create_server_tsx(request), response);
    shared.accepted.fetch_add(1, Ordering::Relaxed);
    subscription.refresh(Duration::from_secs(granted.into()));
}

/// Queues the NOTIFY with full state that follows every acceptance; false if that was the last one (Expires: 0).
fn finish(state: &State, subscription: &mut Subscription, granted: u32) -> bool {
    if subscription.watch.is_some() {
        match state.documents.get(subscription.conference()) {
            Some(documents) if granted > 0 => subscription.notify_current(documents),
            _ => subscription.end_watch(),
        }
        return granted > 0;
    }
    let Some(entry) = state.conferences.get(subscription.conference()) else {
        return false;
    };
    if granted == 0 {
        let (reason, document) = (TerminationReason::Timeout, FinalDocument::Full);
        subscription.notify_terminated(entry, reason, None, document);
        return false;
    }
    subscription.notify_full(entry);
    true
}

/// A response with From and To as the request had them, which ezk's own would shorten.
pub(crate) fn response(
    endpoint: &SipEndpoint,
    request: &IncomingRequest,
    code: u16,
    reason: &'static str,
    tag: Option<&str>,
) -> OutgoingResponse {
    let code = StatusCode::from(code);
    let mut response = endpoint.create_response(request, code, Some(reason.into()));
    let headers = &mut response.msg.headers;
    for name in [Name::FROM, Name::TO] {
        let mut value = raw(request, &name).unwrap_or_default().to_owned();
        if let (true, Some(tag)) = (name == Name::TO, tag) {
            value.push_str(";tag=");
            value.push_str(tag);
        }
        headers.remove(&name);
        headers.insert(name, value);
    }
    response
}

/// Our Contact: the focus at the address the request came to (RFC 4579 §3.2: with `isfocus`).
fn local_contact(
    state: &State,
    request: &IncomingRequest,
    key: &ConferenceKey,
    package: Package,
) -> String {
    let transport = &request.tp_info.transport;
    let advertised = match transport.is_udp() {
        true => state.advertised_udp,
        false => state.advertised_tcp,
    };
    let addr: SocketAddr = advertised.unwrap_or_else(|| transport.bound());
    let parameter = if transport.is_udp() {
        ""
    } else {
        ";transport=tcp"
    };
    let feature = match package {
        Package::Conference => ";isfocus",
        Package::XcapDiff => "",
    };
    format!("<sip:{}@{addr}{parameter}>{feature}", key.user)
}
