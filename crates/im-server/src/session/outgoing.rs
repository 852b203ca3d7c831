//! Users whom the focus calls into a conference (RFC 3261 §13.2, RFC 4579 §5.5).

use std::sync::Arc;
use std::time::Duration;

use ezk_sip_core::transaction::{ClientInvTsx, TsxKey, TsxResponse};
use ezk_sip_core::transport::TargetTransportInfo;
use ezk_sip_core::{Endpoint as SipEndpoint, Request};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{CodeKind, Method, Name};
use thiserror::Error;

use super::{begin, describe, description, identify, in_dialog, show};
use crate::conference::{DisconnectionMethod, Endpoint, JoiningMethod, Status};
use crate::focus::Focus;
use crate::notifier::contact_uri;
use crate::server::{ConferenceKey, Shared};
use crate::subscription::{Dialog, DialogId};

/// How long somebody who is called may ring.
const RINGING: Duration = Duration::from_secs(32);

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
    // The session is known before its ACK: a BYE may follow that at once.
    acknowledge(endpoint, &ack, &flow).await;
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
