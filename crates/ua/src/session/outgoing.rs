//! Calls of ours on ezk: INVITE, CANCEL when it takes too long, ACK and the ACK of repeated 2xx (RFC 3261 §9.1, §13.2).

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use ezk_sip_core::Endpoint;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Request, Response};
use rollmark::core::session::Role;
use rollmark_ezk::{Invitation, Requests};
use tokio::time::Instant;

use super::dialog::{Dialog, Outcome};
use super::timer::SessionTimer;
use super::{
    Caller, Fault, Line, MAX_SESSIONS, Session, Table, keep, random, sdp, stream_address, token,
    user_of,
};

/// How long a focus may take to say a first word to an INVITE that is given up, and then to end the cancelled one (RFC 3261
/// §9.1); one that is there answers at once.
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
    let mut give_up = pin!(give_up);
    let user = user_of(&caller.identity);
    // Makes the flow where there is none, which may take its time.
    let own = tokio::select! {
        own = requests.contact(endpoint, &next_hop, &user) => own?,
        () = give_up.as_mut() => return Err(Fault::NoAnswer),
    };
    let contact = match caller.registration.contact.as_str() {
        "" => own,
        known => known.to_owned(),
    };
    let mut headers = caller.invite(&contact);
    headers.push("Content-Type", sdp::CONTENT_TYPE);
    let offer = sdp::description(stream_address(&contact), random());
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
    let terms = caller.terms(&contact, offer);
    let ack = dialog.request("ACK", &terms.ack(), Vec::new(), caller.credentials.as_ref());
    let ack_hop = dialog.next_hop();
    requests
        .acknowledge(endpoint, ack.clone(), &ack_hop)
        .await?;
    let is_session = sdp::has_messages(&response.body);
    let line = Line {
        table: table.clone(),
        endpoint: endpoint.clone(),
        requests: requests.clone(),
    };
    acknowledge_again(line.clone(), invitation, &response, ack, ack_hop);
    let timer = SessionTimer::accepted(&response.headers);
    let role = Role::ClientOriginated;
    let (session, ..) = keep(line, dialog, terms, timer, role, response.headers);
    if !is_session {
        session.leave(CANCEL_PATIENCE).await;
        return Err(Fault::NoMessages);
    }
    Ok(session)
}

/// Each 2xx that comes again wants its ACK again, unless it is of another fork.
pub(super) fn acknowledge_again(
    line: Line,
    mut invitation: Invitation,
    response: &Response,
    ack: Request,
    next_hop: String,
) {
    let to = response.headers.get("To").map(str::to_owned);
    tokio::spawn(async move {
        while let Ok(Some(again)) = invitation.next().await {
            let same = again.headers.get("To") == to.as_deref();
            if same && (200..300).contains(&again.status) {
                let (requests, endpoint) = (&line.requests, &line.endpoint);
                let _ = requests.acknowledge(endpoint, ack.clone(), &next_hop).await;
            }
        }
    });
}

/// The final response, or none in time, which cancels the call. A 2xx that crosses the CANCEL counts. Before the focus has
/// said anything there is nothing to cancel: its first word is waited for (RFC 3261 §9.1).
async fn final_response(
    invitation: &mut Invitation,
    mut give_up: Pin<&mut impl Future<Output = ()>>,
) -> Result<Response, Fault> {
    let mut proceeding = false;
    let mut cancelled = false;
    let mut deadline: Option<Instant> = None;
    loop {
        let too_long = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => give_up.as_mut().await,
            }
        };
        tokio::select! {
            next = invitation.next() => match next? {
                Some(response) if response.status >= 200 => {
                    return match response.status {
                        487 if cancelled => Err(Fault::NoAnswer),
                        _ => Ok(response),
                    };
                }
                Some(_) => proceeding = true,
                None => return Err(Fault::NoAnswer),
            },
            () = too_long => {
                if deadline.is_some() {
                    return Err(Fault::NoAnswer);
                }
                deadline = Some(Instant::now() + CANCEL_PATIENCE);
            }
        }
        if deadline.is_some() && proceeding && !cancelled {
            if !invitation.cancel().await {
                return Err(Fault::NoAnswer);
            }
            cancelled = true;
            deadline = Some(Instant::now() + CANCEL_PATIENCE);
        }
    }
}
