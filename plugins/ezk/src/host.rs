//! A transaction host on ezk: carries out the engine's requests and reports their responses (RFC 3261 §17.1.2).

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use ezk_sip_core::transaction::{ClientTsx, TsxResponse};
use ezk_sip_core::{Endpoint, Error};
use ezk_sip_types::CodeKind;
use rollmark::core::host::Action;
use rollmark::{Port, Redacted};
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::flow::EzkFlow;
use crate::requests::Requests;

/// T1 and T2 of RFC 3261 §17.1.2.2.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// Carries out actions until the plugin ends or the endpoint is never built.
pub(crate) async fn run(
    mut port: Port,
    mut built: broadcast::Receiver<Endpoint>,
    requests: Requests,
) {
    let Ok(endpoint) = built.recv().await else {
        tracing::error!("the ezk endpoint was not built; rollmark cannot send");
        return;
    };
    while let Some(action) = port.next_action().await {
        match action {
            Action::Send {
                transaction,
                request,
                next_hop,
            } => {
                let (endpoint, requests) = (endpoint.clone(), requests.clone());
                let mut perform = Box::pin(async move {
                    let perform = requests.perform(&endpoint, transaction, request, &next_hop);
                    perform.await;
                });
                // Begun here, so that requests leave in the order in which they were made, which in a dialog is that of their
                // CSeq; what has to wait then does so by itself.
                let waits =
                    poll_fn(|context| Poll::Ready(perform.as_mut().poll(context).is_pending()));
                if waits.await {
                    tokio::spawn(perform);
                }
            }
            // A transaction host is asked for nothing else.
            other => tracing::error!(action = ?Redacted(&other), "unexpected action"),
        }
    }
}

/// Waits for the final response. Over UDP the request is sent again by Timer E; ezk would begin after 4 s only. Over a
/// connection its end is the end of the request.
pub(crate) async fn finish(mut client: ClientTsx, flow: &EzkFlow) -> Result<TsxResponse, Error> {
    let parts = client.request().parts.clone();
    let mut state = flow.transport.watch_state();
    let mut interval = T1;
    let mut again = Instant::now() + interval;
    loop {
        tokio::select! {
            response = client.receive() => {
                let response = response?;
                if response.line.code.kind() != CodeKind::Provisional {
                    return Ok(response);
                }
                interval = T2;
                again = Instant::now() + interval;
            }
            () = tokio::time::sleep_until(again), if flow.transport.is_udp() => {
                parts.transport.send(&parts.buffer, parts.destination).await?;
                interval = (interval * 2).min(T2);
                again = Instant::now() + interval;
            }
            _ = state.changed(), if !flow.transport.is_udp() => {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into());
            }
        }
    }
}
