//! Requests over the flows that the plugin uses, for hosts that register or call on the same connections
//! (RFC 3261 §18.1.1, RFC 5626 §4.3).

use std::sync::Arc;

use ezk_sip_core::transport::MessageTpInfo;
use ezk_sip_core::{Endpoint, Error, IncomingRequest};
use rollmark::core::host::{Fact, SendFailure, TransactionId};
use rollmark::core::message::{Request, Response};
use rollmark::{Redacted, Reporter, name_contact};
use tokio::sync::watch;

use crate::flow::{EzkFlow, Flow};
use crate::flows::{self, Flows};
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
    pub(crate) fn new(reporter: Reporter, flows: Flows) -> Self {
        Self {
            flows: Arc::new(flows),
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
        match self.flow_for(endpoint, &mut request, next_hop).await? {
            Flow::Ezk(flow) => self.send_by_ezk(endpoint, &request, next_hop, &flow).await,
            Flow::Own(connection) => {
                let mut responses = connection.ask(&request, true).await?;
                while let Some(response) = responses.next().await {
                    if response.status >= 200 {
                        return Ok(response);
                    }
                }
                match connection.is_open() {
                    true => Err(SendFailure::NoAnswer),
                    false => Err(SendFailure::Unreachable),
                }
            }
        }
    }

    /// The same for the plugin, which is told what becomes of it.
    pub(crate) async fn perform(
        &self,
        endpoint: &Endpoint,
        transaction: TransactionId,
        mut request: Request,
        next_hop: &str,
    ) {
        let failed = match self.flow_for(endpoint, &mut request, next_hop).await {
            Ok(Flow::Own(connection)) => connection.perform(&request, transaction).await,
            Ok(Flow::Ezk(flow)) => {
                match self.send_by_ezk(endpoint, &request, next_hop, &flow).await {
                    Err(failure) => Err(failure),
                    Ok(response) => {
                        self.reporter.fact(Fact::Response {
                            transaction,
                            response,
                        });
                        Ok(())
                    }
                }
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = failed {
            self.reporter.fact(Fact::Failed {
                transaction,
                failure,
            });
        }
    }

    /// The flow that this request goes by; its Contact is filled in.
    pub(crate) async fn flow_for(
        &self,
        endpoint: &Endpoint,
        request: &mut Request,
        next_hop: &str,
    ) -> Result<Flow, SendFailure> {
        let flow = self.flow(endpoint, next_hop).await?;
        name_contact(request, |user| flow.contact(user));
        if flow.is_udp() {
            // What ezk cannot carry is not tried by TCP either: NOTIFYs would come by UDP.
            convert::outgoing(request)?;
            if convert::size(request) > LARGEST_DATAGRAM {
                let connection = self.flows.connection(endpoint, next_hop, &self.reporter);
                return Ok(connection.await.unwrap_or(flow));
            }
        }
        Ok(flow)
    }

    async fn send_by_ezk(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        next_hop: &str,
        flow: &EzkFlow,
    ) -> Result<Response, SendFailure> {
        let outgoing = convert::outgoing(request)?;
        let result = match endpoint.send_request(outgoing, &mut flow.target()).await {
            Ok(client) => host::finish(client, flow).await,
            Err(error) => Err(error),
        };
        let destination = flow.destination;
        match result {
            Ok(response) => Ok(convert::response(&response)),
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

    /// The URI at which `user` is reached over the flow that a request came on. The transport of a request that came over a
    /// connection of the plugin's own names another address.
    #[must_use]
    pub fn contact_of(&self, request: &IncomingRequest, user: &str) -> String {
        flows::contact_of(&self.flows, request, user)
    }

    /// Changes with each connection that is lost: what was registered over it must be registered anew.
    #[must_use]
    pub fn lost(&self) -> watch::Receiver<u64> {
        self.flows.lost()
    }

    /// By which way a message came that ezk received; none when it came over one of the plugin's own connections, by which
    /// the plugin has been asked.
    pub(crate) fn flow_of(&self, message: &MessageTpInfo) -> Option<rollmark::Flow> {
        if self.flows.behind(&message.transport).is_some() {
            return None;
        }
        Some(self.flows.of(&message.transport, message.source))
    }

    #[cfg(test)]
    pub(crate) fn judge(
        &self,
        transport: &ezk_sip_core::transport::TpHandle,
        source: std::net::SocketAddr,
    ) -> rollmark::Flow {
        self.flows.of(transport, source)
    }

    #[cfg(test)]
    pub(crate) async fn forget(&self, next_hop: &str) {
        self.flows.forget(next_hop).await;
    }

    pub(crate) async fn flow(
        &self,
        endpoint: &Endpoint,
        next_hop: &str,
    ) -> Result<Flow, SendFailure> {
        let flow = self.flows.to(endpoint, next_hop, &self.reporter).await;
        flow.map_err(|error| {
            tracing::error!(%error, next_hop = %Redacted(next_hop), "the next hop cannot be reached");
            SendFailure::Unreachable
        })
    }
}
