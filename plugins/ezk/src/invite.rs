//! INVITE over the flows that the plugin uses, for hosts that call on them (RFC 3261 §9.1, §13.2, §17.1.1). The plugin itself
//! sends none.

use std::time::Duration;

use ezk_sip_core::transaction::{ClientInvTsx, TsxKey};
use ezk_sip_core::transport::{OutgoingParts, OutgoingRequest, TargetTransportInfo};
use ezk_sip_core::{Endpoint, Error, IncomingRequest};
use ezk_sip_types::{Method, Name};
use rollmark::Redacted;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Request, Response};

use crate::convert;
use crate::flow::Flow;
use crate::requests::{LARGEST_DATAGRAM, Requests};

/// How often a CANCEL is sent, over UDP, while no final response comes: nothing else repeats it.
const CANCELS: u32 = 4;
const T1: Duration = Duration::from_millis(500);

/// An INVITE on its way: its responses, and how to give it up. A non-2xx is acknowledged by itself, a 2xx is not.
#[derive(Debug)]
pub struct Invitation {
    transaction: ClientInvTsx,
    endpoint: Endpoint,
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
        let mut flow = self.flow(endpoint, next_hop).await?;
        crate::host::name_contact(&mut request, &flow);
        let outgoing = convert::outgoing(&request)?;
        if flow.transport.is_udp() && convert::size(&request) > LARGEST_DATAGRAM {
            flow = self.connection(endpoint, next_hop).await.unwrap_or(flow);
        }
        let transaction = endpoint.send_invite(outgoing, &mut target(&flow)).await;
        let transaction = transaction.map_err(|error| {
            tracing::error!(%error, next_hop = %Redacted(next_hop), "the INVITE could not be sent");
            SendFailure::Unreachable
        })?;
        Ok(Invitation {
            transaction,
            endpoint: endpoint.clone(),
        })
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
        let flow = self.flow(endpoint, next_hop).await?;
        let mut outgoing = convert::outgoing(&request)?;
        let key = TsxKey::client(&Method::ACK);
        let via = endpoint.create_via(&flow.transport, &key, flow.via());
        outgoing.headers.insert_named_front(&via);
        let sent = async {
            let mut ack = endpoint
                .create_outgoing(outgoing, &mut target(&flow))
                .await?;
            endpoint.send_outgoing_request(&mut ack).await?;
            Ok::<_, Error>(())
        };
        sent.await.map_err(|error| {
            tracing::error!(%error, next_hop = %Redacted(next_hop), "an ACK could not be sent");
            SendFailure::Unreachable
        })
    }

    /// The URI at which `user` is reached over the flow that a request came on.
    #[must_use]
    pub fn contact_of(request: &IncomingRequest, user: &str) -> String {
        let info = &request.tp_info;
        // ezk does not tell what a connection is; the topmost Via does.
        let via = request.base_headers.via.first();
        let tls = via.is_some_and(|via| via.transport.eq_ignore_ascii_case("TLS"));
        Flow::of(info.transport.clone(), info.source, tls).contact(user)
    }
}

impl Invitation {
    /// The next response; none once nothing more will come.
    ///
    /// # Errors
    /// When there is no answer (Timer B), or the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Response>, SendFailure> {
        match self.transaction.receive().await {
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
        let invite = self.transaction.request();
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
        if self
            .endpoint
            .send_outgoing_request(&mut outgoing)
            .await
            .is_err()
        {
            return false;
        }
        let endpoint = self.endpoint.clone();
        tokio::spawn(async move {
            for repeat in 1..repeats {
                tokio::time::sleep(T1 * (1 << (repeat - 1))).await;
                let _ = endpoint.send_outgoing_request(&mut outgoing).await;
            }
        });
        true
    }
}

fn target(flow: &Flow) -> TargetTransportInfo {
    TargetTransportInfo {
        via_host_port: flow.via(),
        transport: Some((flow.transport.clone(), flow.destination)),
    }
}
