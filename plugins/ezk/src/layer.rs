//! The ezk layer: takes the NOTIFYs of our dialogs, wherever it stands among other layers (RFC 6665 §4.1.3).

use std::sync::Mutex;

use async_trait::async_trait;
use ezk_sip_core::{Endpoint, EndpointBuilder, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, Name, StatusCode};
use rollmark::core::host::Answer;
use rollmark::record::Recorder;
use rollmark::{Account, Capabilities, Conferences, Port, Reporter};

use crate::answers::Answers;
use crate::connections::Connections;
use crate::order::Order;
use crate::requests::Requests;
use crate::{convert, host};

/// The plugin as ezk loads it. Give it to `EndpointBuilder::add_layer`; it works once the endpoint is built.
#[derive(Debug)]
pub struct ConferencePlugin {
    port: Mutex<Option<Port>>,
    reporter: Reporter,
    requests: Requests,
    order: Order,
    answers: Answers,
}

/// Every message is a task of its own in ezk.
const CAPABILITIES: Capabilities = Capabilities {
    keeps_order: false,
    ..Capabilities::TRANSACTION
};

impl ConferencePlugin {
    /// The plugin and its handle, for one account. Must be called on the tokio runtime that the endpoint runs on.
    #[must_use]
    pub fn new(account: Account) -> (Self, Conferences) {
        Self::with_connections(account, Connections::default())
    }

    /// The same with TLS, with a DNS resolver, or over the endpoint's own connections.
    #[must_use]
    pub fn with_connections(account: Account, connections: Connections) -> (Self, Conferences) {
        let (conferences, port) = Conferences::start(CAPABILITIES, account);
        (Self::with(port, connections), conferences)
    }

    /// The same, recorded from the start ([`Conferences::start_recorded`]).
    #[must_use]
    pub fn recorded(
        account: Account,
        connections: Connections,
        recorder: &Recorder,
    ) -> (Self, Conferences) {
        let (conferences, port) = Conferences::start_recorded(CAPABILITIES, account, recorder);
        (Self::with(port, connections), conferences)
    }

    fn with(port: Port, connections: Connections) -> Self {
        Self {
            reporter: port.reporter(),
            requests: Requests::new(port.reporter(), connections.into_flows()),
            port: Mutex::new(Some(port)),
            order: Order::default(),
            answers: Answers::default(),
        }
    }

    /// For requests of the host's own, over the connections that the plugin uses: what is registered over them is where
    /// NOTIFYs come.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }
}

#[async_trait]
impl Layer for ConferencePlugin {
    fn name(&self) -> &'static str {
        "rollmark"
    }

    fn init(&mut self, builder: &mut EndpointBuilder) {
        let port = match self.port.get_mut() {
            Ok(port) => port.take(),
            Err(poisoned) => poisoned.into_inner().take(),
        };
        if let Some(port) = port {
            tokio::spawn(host::run(port, builder.subscribe(), self.requests.clone()));
        }
    }

    async fn receive(&self, endpoint: &Endpoint, request: MayTake<'_, IncomingRequest>) {
        if request.line.method != Method::NOTIFY || request.base_headers.to.tag.is_none() {
            return;
        }
        // It came over a connection of the plugin's own, and is none of its.
        let Some(flow) = self.requests.flow_of(&request.tp_info) else {
            return;
        };
        if request.tp_info.transport.is_udp() && self.answers.again(&Answers::key(&request)).await {
            drop(request.take());
            return;
        }
        let neutral = convert::request(&request);
        let call_id = request.base_headers.call_id.0.to_string();
        let turn = self
            .order
            .turn(&call_id, request.base_headers.cseq.cseq)
            .await;
        let answer = self.reporter.request_by(flow, neutral).await;
        drop(turn);
        let Some(answer) = answer else {
            self.order.forget(&call_id);
            return;
        };
        let last = request
            .headers
            .get_raw(&Name::SUBSCRIPTION_STATE)
            .next()
            .is_some_and(|state| state.trim_start().starts_with("terminated"));
        if last || answer.status == 481 {
            self.order.forget(&call_id);
        }
        respond(endpoint, request.take(), &answer, &self.answers).await;
        // The plugin may end now that the answer has left.
        drop(answer);
    }
}

async fn respond(
    endpoint: &Endpoint,
    mut request: IncomingRequest,
    answer: &Answer,
    answers: &Answers,
) {
    let mut response = endpoint.create_response(&request, StatusCode::from(answer.status), None);
    // ezk prints From and To without port and transport; the raw text must come back as it was (RFC 3261 §8.2.6.2).
    for name in [Name::FROM, Name::TO] {
        if let Some(raw) = request.headers.get_raw(&name).next() {
            response.msg.headers.remove(&name);
            response.msg.headers.insert(name, raw.clone());
        }
    }
    for header in answer.headers.iter() {
        let name = convert::name(&header.name);
        response.msg.headers.insert(name, header.value.as_str());
    }
    let sent = if request.tp_info.transport.is_udp() {
        let sent = endpoint.send_outgoing_response(&mut response).await;
        answers.keep(Answers::key(&request), response.parts);
        // Only now do repetitions come here; until then ezk holds them off.
        drop(request);
        sent.map_err(Into::into)
    } else {
        let transaction = endpoint.create_server_tsx(&mut request);
        transaction.respond(response).await
    };
    if let Err(error) = sent {
        tracing::warn!(%error, "the answer to a NOTIFY could not be sent; the server will send it again");
    }
}
