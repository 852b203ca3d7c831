//! The softphone's own layers: one that looks at everything before the plugin, one that answers what is left after it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ezk_sip_core::{Endpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, StatusCode};

/// How many requests of each method came.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, u32>>>);

impl Seen {
    fn count(&self, method: &Method) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(method.to_string()).or_default() += 1;
    }

    fn line(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let words = counts
            .iter()
            .map(|(method, count)| format!("{method} {count}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Looks at every request and takes OPTIONS.
#[derive(Clone, Debug, Default)]
pub struct Log(Seen);

impl Log {
    pub fn seen(&self) -> String {
        self.0.line()
    }
}

#[async_trait]
impl Layer for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    async fn receive(&self, endpoint: &Endpoint, request: MayTake<'_, IncomingRequest>) {
        self.0.count(&request.line.method);
        if request.line.method == Method::OPTIONS {
            answer(endpoint, request.take()).await;
        }
    }
}

/// Takes what nobody has taken: messages, and notifications of other packages.
#[derive(Clone, Debug, Default)]
pub struct Answering(Seen);

impl Answering {
    pub fn seen(&self) -> String {
        self.0.line()
    }
}

#[async_trait]
impl Layer for Answering {
    fn name(&self) -> &'static str {
        "answering"
    }

    async fn receive(&self, endpoint: &Endpoint, request: MayTake<'_, IncomingRequest>) {
        self.0.count(&request.line.method);
        answer(endpoint, request.take()).await;
    }
}

async fn answer(endpoint: &Endpoint, mut request: IncomingRequest) {
    let response = endpoint.create_response(&request, StatusCode::OK, None);
    let transaction = endpoint.create_server_tsx(&mut request);
    if let Err(error) = transaction.respond(response).await {
        eprintln!("an answer could not be sent: {error}");
    }
}
