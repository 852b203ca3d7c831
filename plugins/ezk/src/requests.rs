//! Requests over the flows that the plugin uses, for hosts that register or call on the same connections
//! (RFC 3261 §18.1.1, RFC 5626 §4.3).

use std::sync::Arc;

use ezk_sip_core::transaction::ClientTsx;
use ezk_sip_core::transport::{MessageTpInfo, TargetTransportInfo};
use ezk_sip_core::{Endpoint, Error};
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Request, Response};
use rollmark::{Redacted, Reporter};
use tokio::sync::watch;

use crate::flow::{Flow, FlowError, Flows};
use crate::{convert, host};

/// A larger request goes by TCP: the path may not carry it in one datagram (RFC 3261 §18.1.1).
pub const LARGEST_DATAGRAM: usize = 1300;

/// Sends requests as the plugin does: raw headers, retransmission by RFC 3261 §17.1.2.2, one connection to each next hop.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Requests {
    flows: Arc<Flows>,
    reporter: Reporter,
}

impl Requests {
    pub(crate) fn new(reporter: Reporter) -> Self {
        Self {
            flows: Arc::default(),
            reporter,
        }
    }

    /// Sends a request by way of `next_hop` (a SIP URI) and waits for its final response. A Contact that begins with `<>`
    /// gets the address of the flow. A request of more than [`LARGEST_DATAGRAM`] bytes goes by TCP where the server takes
    /// that (RFC 3261 §18.1.1); its Contact stays that of UDP.
    ///
    /// # Errors
    /// When there is no answer (Timer F), or it cannot be sent.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        mut request: Request,
        next_hop: &str,
    ) -> Result<Response, SendFailure> {
        let mut flow = self.flow(endpoint, next_hop).await?;
        host::name_contact(&mut request, &flow);
        let outgoing = convert::outgoing(&request)?;
        if flow.transport.is_udp() && convert::size(&request) > LARGEST_DATAGRAM {
            flow = self.connection(endpoint, next_hop).await.unwrap_or(flow);
        }
        let mut target = TargetTransportInfo {
            via_host_port: flow.via(),
            transport: Some((flow.transport.clone(), flow.destination)),
        };
        let result = match endpoint.send_request(outgoing, &mut target).await {
            Ok(client) => finish(client, &flow).await,
            Err(error) => Err(error),
        };
        let destination = flow.destination;
        match result {
            Ok(response) => Ok(response),
            Err(Error::RequestTimedOut) => {
                tracing::warn!(%destination, "no answer (Timer F)");
                self.flows.forget(next_hop).await;
                Err(SendFailure::NoAnswer)
            }
            Err(error) => {
                tracing::error!(%error, %destination, "the request could not be sent");
                self.flows.forget(next_hop).await;
                Err(SendFailure::Unreachable)
            }
        }
    }

    /// The URI at which `user` is reached over the flow to a next hop; makes the flow if there is none.
    ///
    /// # Errors
    /// When the next hop cannot be reached.
    pub async fn contact(
        &self,
        endpoint: &Endpoint,
        next_hop: &str,
        user: &str,
    ) -> Result<String, SendFailure> {
        Ok(self.flow(endpoint, next_hop).await?.contact(user))
    }

    /// Changes with each connection that is lost: what was registered over it must be registered anew.
    #[must_use]
    pub fn lost(&self) -> watch::Receiver<u64> {
        self.flows.lost()
    }

    /// By which way a message came.
    pub(crate) fn flow_of(&self, message: &MessageTpInfo) -> rollmark::Flow {
        self.flows.of(message.source)
    }

    /// The connection for a request that is too large for a datagram; none where the server takes none.
    pub(crate) async fn connection(&self, endpoint: &Endpoint, next_hop: &str) -> Option<Flow> {
        let connection = self.flows.connection(endpoint, next_hop, &self.reporter);
        connection.await
    }

    pub(crate) async fn flow(
        &self,
        endpoint: &Endpoint,
        next_hop: &str,
    ) -> Result<Flow, SendFailure> {
        let flow = self.flows.to(endpoint, next_hop, &self.reporter).await;
        flow.map_err(|error: FlowError| {
            tracing::error!(%error, next_hop = %Redacted(next_hop), "the next hop cannot be reached");
            SendFailure::Unreachable
        })
    }
}

async fn finish(client: ClientTsx, flow: &Flow) -> Result<Response, Error> {
    Ok(convert::response(&host::finish(client, flow).await?))
}
