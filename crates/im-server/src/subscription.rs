//! One subscription of the notifier: its dialog, its document version, its NOTIFY requests (RFC 6665 §4.2.2).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ezk_sip_core::transaction::ServerTsx;
use ezk_sip_core::transport::{OutgoingResponse, TargetTransportInfo, TransportState};
use ezk_sip_core::{Endpoint as SipEndpoint, Error as SipError, Request};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Method, Name};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::conference::Conference;
use crate::document;
use crate::focus::{FinalDocument, TerminationReason};
use crate::server::{ConferenceKey, Entry, Shared, State};
use crate::xcap_diff::{self, Documents, Next, Watch};

/// Call-ID, local tag, remote tag (RFC 3261 §12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DialogId {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: String,
}

/// The notifier's side of the dialog. Header values are kept as text: ezk's typed ones lose parameters and quotes.
#[derive(Debug)]
pub(crate) struct Dialog {
    pub(crate) id: DialogId,
    /// From of our requests.
    pub(crate) local: String,
    /// To of our requests.
    pub(crate) remote: String,
    pub(crate) remote_cseq: u32,
    pub(crate) target: SipUri,
    /// Route header values, in the order of the Record-Route of the SUBSCRIBE (RFC 3261 §12.1.1).
    pub(crate) route: Vec<String>,
    pub(crate) contact: String,
    /// The flow that the last SUBSCRIBE came on.
    pub(crate) flow: TargetTransportInfo,
}

/// What leaves on a subscription, in this order.
pub(crate) enum Outgoing {
    /// The answer to a SUBSCRIBE.
    Response(ServerTsx, Box<OutgoingResponse>),
    /// A NOTIFY.
    Notify {
        cseq: u32,
        request: Box<Request>,
        flow: TargetTransportInfo,
    },
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) dialog: Dialog,
    /// The conference, or the notifier of documents.
    conference: ConferenceKey,
    /// The documents that are watched; none of a conference.
    pub(crate) watch: Option<Watch>,
    /// Value of the Event header, with the subscriber's `id` (RFC 6665 §8.2.1).
    event: String,
    /// CSeq of the last NOTIFY.
    cseq: u32,
    /// Version of the last document, counted even if the NOTIFY gets lost (RFC 4575 §5.2).
    version: u32,
    /// CSeq of the last NOTIFY before the last sign of life of the subscriber.
    heard_at: u32,
    expires_at: Instant,
    outbox: mpsc::UnboundedSender<Outgoing>,
}

impl Subscription {
    /// A new subscription, and the queue from which [`deliver`] sends.
    pub(crate) fn new(
        dialog: Dialog,
        conference: ConferenceKey,
        event: String,
    ) -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (outbox, queue) = mpsc::unbounded_channel();
        let subscription = Self {
            dialog,
            conference,
            watch: None,
            event,
            cseq: 0,
            version: 0,
            heard_at: 0,
            expires_at: Instant::now(),
            outbox,
        };
        (subscription, queue)
    }

    pub(crate) fn conference(&self) -> &ConferenceKey {
        &self.conference
    }

    pub(crate) fn expires_at(&self) -> Instant {
        self.expires_at
    }

    /// The subscriber asked for (more) time and gets `granted`.
    pub(crate) fn refresh(&mut self, granted: Duration) {
        self.expires_at = Instant::now() + granted;
        self.heard_at = self.cseq;
    }

    /// The subscriber answered the NOTIFY with this CSeq.
    pub(crate) fn heard(&mut self, cseq: u32) {
        self.heard_at = self.heard_at.max(cseq);
    }

    /// Whether the subscriber gave no sign of life since the NOTIFY with this CSeq left.
    pub(crate) fn silent_since(&self, cseq: u32) -> bool {
        self.heard_at < cseq
    }

    pub(crate) fn respond(&self, transaction: ServerTsx, response: OutgoingResponse) {
        self.send(Outgoing::Response(transaction, Box::new(response)));
    }

    /// NOTIFY with the full state.
    pub(crate) fn notify_full(&mut self, entry: &Entry) {
        let version = self.next_version();
        let body = document::full(&entry.uri, version, &entry.conference);
        self.notify(&self.active(), body);
    }

    /// NOTIFY with what changed since `before`.
    pub(crate) fn notify_change(&mut self, entry: &Entry, before: &Conference) {
        let version = self.next_version();
        let body = document::partial(&entry.uri, version, before, &entry.conference);
        self.notify(&self.active(), body);
    }

    /// The last NOTIFY of the subscription.
    pub(crate) fn notify_terminated(
        &mut self,
        entry: &Entry,
        reason: TerminationReason,
        retry_after: Option<Duration>,
        document: FinalDocument,
    ) {
        let body = match document {
            FinalDocument::None => Bytes::new(),
            FinalDocument::Full => {
                let version = self.next_version();
                document::full(&entry.uri, version, &entry.conference)
            }
            FinalDocument::Deleted => document::deleted(&entry.uri, self.next_version()),
        };
        let mut state = format!("terminated;reason={}", reason.as_str());
        if let Some(wait) = retry_after {
            state.push_str(&format!(";retry-after={}", wait.as_secs()));
        }
        self.notify(&state, body);
    }

    /// NOTIFY with all that is there among the watched documents (RFC 5875 §4.7).
    pub(crate) fn notify_current(&mut self, documents: &Documents) {
        let Some(watch) = &mut self.watch else {
            return;
        };
        watch.told_everything();
        let body = documents.current(watch);
        self.notify(&self.active(), body);
    }

    /// NOTIFY, or none, to who watches documents.
    pub(crate) fn tell(&mut self, next: Next, documents: &Documents) {
        match next {
            Next::Nothing => {}
            Next::Change(body) => self.notify(&self.active(), body),
            Next::Everything => self.notify_current(documents),
        }
    }

    /// The last NOTIFY to who watches documents, when his time is over.
    pub(crate) fn end_watch(&mut self) {
        let reason = TerminationReason::Timeout.as_str();
        self.notify(&format!("terminated;reason={reason}"), Bytes::new());
    }

    fn next_version(&mut self) -> u32 {
        self.version = self.version.wrapping_add(1);
        self.version
    }

    fn active(&self) -> String {
        let left = self.expires_at.saturating_duration_since(Instant::now());
        // Rounded up, which never exceeds what was granted in whole seconds.
        format!("active;expires={}", left.as_millis().div_ceil(1000))
    }

    fn notify(&mut self, state: &str, body: Bytes) {
        self.cseq += 1;
        let mut request = Request::new(Method::NOTIFY, self.dialog.target.clone());
        let headers = &mut request.headers;
        for route in &self.dialog.route {
            headers.insert(Name::ROUTE, route.as_str());
        }
        headers.insert(Name::MAX_FORWARDS, "70");
        headers.insert(Name::FROM, self.dialog.local.as_str());
        headers.insert(Name::TO, self.dialog.remote.as_str());
        headers.insert(Name::CALL_ID, self.dialog.id.call_id.as_str());
        headers.insert(Name::CSEQ, format!("{} NOTIFY", self.cseq));
        headers.insert(Name::CONTACT, self.dialog.contact.as_str());
        headers.insert(Name::EVENT, self.event.as_str());
        headers.insert(Name::SUBSCRIPTION_STATE, state);
        if !body.is_empty() {
            let content_type = match self.watch {
                Some(_) => xcap_diff::CONTENT_TYPE,
                None => document::CONTENT_TYPE,
            };
            headers.insert(Name::CONTENT_TYPE, content_type);
        }
        if let Some(watch) = &mut self.watch {
            watch.sent(self.cseq);
        }
        request.body = body;
        self.send(Outgoing::Notify {
            cseq: self.cseq,
            request: Box::new(request),
            flow: self.dialog.flow.clone(),
        });
    }

    fn send(&self, outgoing: Outgoing) {
        // Fails only once the task has ended with the server.
        let _ = self.outbox.send(outgoing);
    }
}

/// Sends what one subscription has to send: one after the other, without waiting for the answers to NOTIFY.
pub(crate) async fn deliver(
    shared: Arc<Shared>,
    endpoint: SipEndpoint,
    id: DialogId,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
) {
    let mut stopped = shared.stopped.subscribe();
    loop {
        let outgoing = tokio::select! {
            biased;
            () = stop(&mut stopped) => return,
            outgoing = queue.recv() => outgoing,
        };
        match outgoing {
            None => return,
            Some(Outgoing::Response(transaction, response)) => {
                if let Err(error) = transaction.respond(*response).await {
                    tracing::warn!(%error, "SUBSCRIBE could not be answered");
                }
            }
            Some(Outgoing::Notify {
                cseq,
                request,
                flow,
            }) => send_notify(&shared, &endpoint, &id, cseq, *request, flow).await,
        }
    }
}

async fn send_notify(
    shared: &Arc<Shared>,
    endpoint: &SipEndpoint,
    id: &DialogId,
    cseq: u32,
    request: Request,
    mut flow: TargetTransportInfo,
) {
    // ezk reports a write to a connection that the peer has closed as sent.
    let closed = flow.transport.as_ref().is_some_and(|(transport, _)| {
        matches!(
            *transport.watch_state().borrow(),
            TransportState::Closed(..)
        )
    });
    if closed {
        tracing::info!(call_id = id.call_id, "flow closed, subscription removed");
        shared.state().remove(id);
        return;
    }
    let mut transaction = match endpoint.send_request(request, &mut flow).await {
        Ok(transaction) => transaction,
        Err(error) => {
            tracing::warn!(%error, cseq, "NOTIFY could not be sent, subscription removed");
            shared.state().remove(id);
            return;
        }
    };
    let (shared, id) = (shared.clone(), id.clone());
    let mut stopped = shared.stopped.subscribe();
    tokio::spawn(async move {
        let answer = tokio::select! {
            biased;
            () = stop(&mut stopped) => return,
            answer = transaction.receive_final() => answer,
        };
        let answer = answer.map(|response| response.line.code.into_u16());
        handle_answer(&shared, &id, cseq, answer);
    });
}

/// What an answer to NOTIFY, or none, does to the subscription (RFC 6665 §4.2.2).
fn handle_answer(shared: &Shared, id: &DialogId, cseq: u32, answer: Result<u16, SipError>) {
    let mut guard = shared.state();
    let state: &mut State = &mut guard;
    let Some(subscription) = state.subscriptions.get_mut(id) else {
        return;
    };
    let documents = state.documents.get(subscription.conference());
    if let (Some(watch), Ok(code), Some(documents)) = (&mut subscription.watch, &answer, documents)
    {
        let next = watch.answered(cseq, (200..=299).contains(code));
        subscription.tell(next, documents);
    }
    let why = match &answer {
        Ok(code) => code.to_string(),
        Err(error) => error.to_string(),
    };
    let ends = match answer {
        Ok(200..=299) => {
            subscription.heard(cseq);
            false
        }
        Ok(404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604) => true,
        Ok(_) => false,
        // No answer speaks of a subscriber who is gone, but not if he was heard of since: that NOTIFY was only lost.
        // One who watches documents must not miss a change (RFC 5875 §4.7).
        Err(_) => subscription.watch.is_some() || subscription.silent_since(cseq),
    };
    if ends {
        tracing::info!(
            call_id = id.call_id,
            cseq,
            why,
            "NOTIFY failed, subscription removed"
        );
        state.remove(id);
    }
}

async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server is gone altogether.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Settings;

    const TIMEOUT: Result<u16, SipError> = Err(SipError::RequestTimedOut);

    fn subscription(id: &DialogId) -> (Subscription, mpsc::UnboundedReceiver<Outgoing>) {
        let target: SipUri = "sip:watcher@192.0.2.1".parse().unwrap();
        let key = ConferenceKey::of(&target).unwrap();
        let dialog = Dialog {
            id: id.clone(),
            local: String::new(),
            remote: String::new(),
            remote_cseq: 1,
            target,
            route: Vec::new(),
            contact: String::new(),
            flow: TargetTransportInfo::default(),
        };
        Subscription::new(dialog, key, "conference".into())
    }

    /// Whether the subscription is kept after two NOTIFY requests, `then`, and an answer to the first.
    fn kept(then: impl FnOnce(&mut Subscription), answer: Result<u16, SipError>) -> bool {
        let id = DialogId {
            call_id: "c".into(),
            local_tag: "l".into(),
            remote_tag: "r".into(),
        };
        let (mut subscription, _queue) = subscription(&id);
        subscription.notify("active", Bytes::new());
        subscription.notify("active", Bytes::new());
        then(&mut subscription);
        let shared = Shared::new(Settings::default(), 0);
        let key = id.clone();
        shared.state().subscriptions.insert(key, subscription);
        handle_answer(&shared, &id, 1, answer);
        shared.state().subscriptions.contains_key(&id)
    }

    #[test]
    fn an_answer_to_notify_decides_whether_the_subscription_stays() {
        // RFC 6665 §4.2.2
        for (code, stays) in [
            (200, true),
            (400, true),
            (404, false),
            (408, true),
            (481, false),
            (485, false),
            (486, true),
            (489, false),
            (500, true),
            (501, false),
            (603, true),
            (604, false),
        ] {
            assert_eq!(kept(|_| {}, Ok(code)), stays, "{code}");
        }
    }

    #[test]
    fn an_unanswered_notify_ends_the_subscription_of_a_silent_subscriber_only() {
        // RFC 6665 §4.2.2
        assert!(!kept(|_| {}, TIMEOUT));
        assert!(kept(|s| s.heard(2), TIMEOUT), "a later one was answered");
        let refresh = |s: &mut Subscription| s.refresh(Duration::from_secs(60));
        assert!(kept(refresh, TIMEOUT), "it was refreshed since");
    }
}
