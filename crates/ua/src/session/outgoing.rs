//! Calls of ours on ezk: INVITE, CANCEL when it takes too long, ACK and the ACK of repeated 2xx, BYE (RFC 3261 §9.1, §13.2, §15.1.1).

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use ezk_sip_core::Endpoint;
use rollmark::core::digest::Credentials;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Headers, Response};
use rollmark::core::session::Role;
use rollmark_ezk::{Invitation, Requests};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::dialog::{Dialog, Outcome};
use super::{
    Caller, Fault, Key, MAX_SESSIONS, Session, Table, keep, random, sdp, stream_address, token,
    user_of,
};

/// How long a cancelled INVITE may take to end (RFC 3261 §9.1); a focus that is there answers at once.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

impl From<SendFailure> for Fault {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::NoAnswer => Self::NoAnswer,
            SendFailure::Unreachable => Self::Unreachable,
        }
    }
}

/// Calls a conference. If there is no final response when `give_up` resolves the call is cancelled.
pub(crate) async fn join(
    table: &Arc<Table>,
    endpoint: &Endpoint,
    requests: &Requests,
    conference: &str,
    caller: &Caller,
    give_up: impl Future<Output = ()>,
) -> Result<Session, Fault> {
    if table.sessions().len() >= MAX_SESSIONS {
        return Err(Fault::TooMany);
    }
    let route = caller.route();
    let mut dialog = Dialog::inviting(&caller.identity, conference, route, token(), token());
    let next_hop = dialog.next_hop();
    let contact = match caller.registration.contact.as_str() {
        "" => {
            requests
                .contact(endpoint, &next_hop, &user_of(&caller.identity))
                .await?
        }
        known => known.to_owned(),
    };
    let mut headers = caller.headers(&contact);
    headers.push("Content-Type", sdp::CONTENT_TYPE);
    let offer = sdp::description(stream_address(&contact), random());
    let mut give_up = pin!(give_up);
    let (response, invitation) = loop {
        let credentials = caller.credentials.as_ref();
        let invite = dialog.request("INVITE", &headers, offer.clone(), credentials);
        let mut invitation = requests.invite(endpoint, invite, &next_hop).await?;
        let response = final_response(&mut invitation, give_up.as_mut()).await?;
        match dialog.handle_response(&response, credentials.is_some(), &token()) {
            Outcome::Begun => break (response, invitation),
            Outcome::Again | Outcome::Proceeding => {}
            Outcome::Refused(fault) => return Err(fault),
        }
    };
    let credentials = caller.credentials.clone();
    let ack = dialog.request("ACK", &Headers::new(), Vec::new(), credentials.as_ref());
    let ack_hop = dialog.next_hop();
    requests
        .acknowledge(endpoint, ack.clone(), &ack_hop)
        .await?;
    let is_session = sdp::has_messages(&response.body);
    let identified = dialog
        .is_repeated(&response)
        .then(|| response.headers.get("To").map(str::to_owned));
    let (session, ..) = keep(
        table,
        endpoint,
        requests,
        dialog,
        (Role::ClientOriginated, response.headers),
        (credentials, in_dialog(&headers)),
    );
    // The 2xx comes again until the ACK has arrived.
    let (endpoint, requests) = (endpoint.clone(), requests.clone());
    tokio::spawn(async move {
        let mut invitation = invitation;
        while let Ok(Some(again)) = invitation.next().await {
            let same = Some(again.headers.get("To").map(str::to_owned)) == identified;
            if same && (200..300).contains(&again.status) {
                let _ = requests.acknowledge(&endpoint, ack.clone(), &ack_hop).await;
            }
        }
    });
    if !is_session {
        session.leave(CANCEL_PATIENCE).await;
        return Err(Fault::NoMessages);
    }
    Ok(session)
}

/// The final response, or none in time, which cancels the call. A 2xx that crosses the CANCEL counts.
async fn final_response(
    invitation: &mut Invitation,
    mut give_up: Pin<&mut impl Future<Output = ()>>,
) -> Result<Response, Fault> {
    let mut cancelled: Option<Instant> = None;
    loop {
        let too_long = async {
            match cancelled {
                Some(at) => tokio::time::sleep_until(at + CANCEL_PATIENCE).await,
                None => give_up.as_mut().await,
            }
        };
        tokio::select! {
            next = invitation.next() => match next? {
                Some(response) if response.status >= 200 => {
                    return match response.status {
                        487 if cancelled.is_some() => Err(Fault::NoAnswer),
                        _ => Ok(response),
                    };
                }
                Some(_) => continue,
                None => return Err(Fault::NoAnswer),
            },
            () = too_long => {}
        }
        if cancelled.is_some() || !invitation.cancel().await {
            return Err(Fault::NoAnswer);
        }
        cancelled = Some(Instant::now());
    }
}

/// Headers of requests in a dialog, out of those that made it.
pub(super) fn in_dialog(headers: &Headers) -> Headers {
    let mut kept = Headers::new();
    for header in headers.iter() {
        if header.name == "User-Agent" {
            kept.push(header.name.clone(), &header.value);
        }
    }
    kept
}

/// Waits until the session is over, or is to be left: then BYE.
pub(super) async fn hang_up(
    table: Arc<Table>,
    (endpoint, requests): (Endpoint, Requests),
    key: Key,
    mut left: mpsc::UnboundedReceiver<()>,
    mut ended: watch::Receiver<bool>,
    (credentials, headers): (Option<Credentials>, Headers),
    unacknowledged: Option<watch::Receiver<bool>>,
) {
    let by_peer = tokio::select! {
        _ = left.recv() => false,
        _ = ended.wait_for(|ended| *ended) => true,
    };
    if !by_peer && let Some(mut acknowledged) = unacknowledged {
        // Whoever was called does not hang up before the ACK is there (RFC 3261 §15); without one the session ends by itself.
        let over = ended.wait_for(|ended| *ended);
        tokio::select! {
            _ = acknowledged.wait_for(|known| *known) => {}
            _ = over => {}
        }
    }
    let entry = table.sessions().remove(&key);
    let Some(mut entry) = entry.filter(|_| !by_peer) else {
        return;
    };
    let next_hop = entry.dialog.next_hop();
    loop {
        let bye = entry
            .dialog
            .request("BYE", &headers, Vec::new(), credentials.as_ref());
        match requests.send(&endpoint, bye, &next_hop).await {
            Ok(response)
                if matches!(response.status, 401 | 407)
                    && credentials.is_some()
                    && entry.dialog.answers(&response, &token()) => {}
            // Whatever the answer, the session is over (RFC 3261 §15.1.1).
            _ => break,
        }
    }
    entry.ended.send_replace(true);
}
