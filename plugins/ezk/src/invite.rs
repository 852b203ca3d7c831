//! INVITE over the flows that the plugin uses, for hosts that call on them (RFC 3261 §9.1, §13.2, §17.1.1). The plugin itself
//! sends none.

use std::time::Duration;

use ezk_sip_core::transaction::{ClientInvTsx, TsxKey};
use ezk_sip_core::transport::{OutgoingParts, OutgoingRequest};
use ezk_sip_core::{Endpoint, Error};
use ezk_sip_types::{Method, Name};
use rollmark::Redacted;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Request, Response};

use crate::convert;
use crate::flow::Flow;
use crate::own_invite::OwnInvite;
use crate::requests::Requests;

/// How often a CANCEL is sent, over UDP, while no final response comes: nothing else repeats it.
const CANCELS: u32 = 4;
const T1: Duration = Duration::from_millis(500);

/// An INVITE on its way: its responses, and how to give it up. A non-2xx is acknowledged by itself, a 2xx is not.
#[derive(Debug)]
pub struct Invitation(Way);

#[derive(Debug)]
enum Way {
    Own(Box<OwnInvite>),
    Ezk {
        transaction: Box<ClientInvTsx>,
        endpoint: Endpoint,
    },
}

impl Requests {
    /// Sends an INVITE by way of `next_hop` (a SIP URI). A Contact that begins with `<>` gets the address of the flow. A large one
    /// goes by TCP, as with [`Requests::send`].
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn invite(
        &self,
        endpoint: &Endpoint,
        mut request: Request,
        next_hop: &str,
    ) -> Result<Invitation, SendFailure> {
        let flow = match self.flow_for(endpoint, &mut request, next_hop).await? {
            Flow::Ezk(flow) => flow,
            Flow::Own(connection) => {
                let invite = OwnInvite::send(connection, request).await?;
                return Ok(Invitation(Way::Own(Box::new(invite))));
            }
        };
        let outgoing = convert::outgoing(&request)?;
        let transaction = endpoint.send_invite(outgoing, &mut flow.target()).await;
        let transaction = transaction.map_err(|error| {
            tracing::error!(%error, next_hop = %Redacted(next_hop), "the INVITE could not be sent");
            SendFailure::Unreachable
        })?;
        Ok(Invitation(Way::Ezk {
            transaction: Box::new(transaction),
            endpoint: endpoint.clone(),
        }))
    }

    /// Sends the ACK of a 2xx, which is no transaction: for each 2xx that comes, once (RFC 3261 §13.2.2.4).
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn acknowledge(
        &self,
        endpoint: &Endpoint,
        request: Request,
        next_hop: &str,
    ) -> Result<(), SendFailure> {
        let flow = match self.flow(endpoint, next_hop).await? {
            Flow::Own(connection) => return connection.tell(&request, None).await,
            Flow::Ezk(flow) => flow,
        };
        let mut outgoing = convert::outgoing(&request)?;
        let key = TsxKey::client(&Method::ACK);
        let via = endpoint.create_via(&flow.transport, &key, flow.via());
        outgoing.headers.insert_named_front(&via);
        let sent = async {
            let mut ack = endpoint
                .create_outgoing(outgoing, &mut flow.target())
                .await?;
            endpoint.send_outgoing_request(&mut ack).await?;
            Ok::<_, Error>(())
        };
        sent.await.map_err(|error| {
            tracing::error!(%error, next_hop = %Redacted(next_hop), "an ACK could not be sent");
            SendFailure::Unreachable
        })
    }
}

impl Invitation {
    /// The next response; none once nothing more will come.
    ///
    /// # Errors
    /// When there is no answer (Timer B), or the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Response>, SendFailure> {
        let transaction = match &mut self.0 {
            Way::Own(invite) => return invite.next().await,
            Way::Ezk { transaction, .. } => transaction,
        };
        match transaction.receive().await {
            Ok(response) => Ok(response.as_ref().map(convert::response)),
            Err(Error::RequestTimedOut) => Err(SendFailure::NoAnswer),
            Err(error) => {
                tracing::error!(%error, "the INVITE was lost");
                Err(SendFailure::Unreachable)
            }
        }
    }

    /// Asks for the end of the call before its final response, which still comes. False when it could not be asked.
    pub async fn cancel(&mut self) -> bool {
        let (transaction, endpoint) = match &mut self.0 {
            Way::Own(invite) => return invite.cancel().await,
            Way::Ezk {
                transaction,
                endpoint,
            } => (transaction, endpoint.clone()),
        };
        let invite = transaction.request();
        let transport = invite.parts.transport.clone();
        let destination = invite.parts.destination;
        let mut cancel = ezk_sip_core::Request::new(Method::CANCEL, invite.msg.line.uri.clone());
        let from = &invite.msg.headers;
        // Its Via is that of the INVITE, branch included (RFC 3261 §9.1).
        for name in [Name::VIA, Name::ROUTE, Name::FROM, Name::TO, Name::CALL_ID] {
            if from.clone_into(&mut cancel.headers, name.clone()).is_err() && name != Name::ROUTE {
                return false;
            }
        }
        let cseq = from
            .get_raw(&Name::CSEQ)
            .next()
            .map(|cseq| cseq.as_str().to_owned());
        let number = cseq
            .as_deref()
            .and_then(|cseq| cseq.split_ascii_whitespace().next());
        cancel
            .headers
            .insert(Name::CSEQ, format!("{} CANCEL", number.unwrap_or("1")));
        cancel.headers.insert(Name::MAX_FORWARDS, "70");
        let repeats = if transport.is_udp() { CANCELS } else { 1 };
        let mut outgoing = OutgoingRequest {
            msg: cancel,
            parts: OutgoingParts {
                transport,
                destination,
                buffer: bytes::Bytes::new(),
            },
        };
        if endpoint.send_outgoing_request(&mut outgoing).await.is_err() {
            return false;
        }
        tokio::spawn(async move {
            for repeat in 1..repeats {
                tokio::time::sleep(T1 * (1 << (repeat - 1))).await;
                let _ = endpoint.send_outgoing_request(&mut outgoing).await;
            }
        });
        true
    }
}
