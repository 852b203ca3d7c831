//! The softphone's own layers: one that looks at everything before the plugin, one that answers what is left after it, and makes
//! dialogs of ezk-sip-ua.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ezk_sip_core::{Endpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::header::typed::{Contact, FromTo};
use ezk_sip_types::uri::{NameAddr, SipUri};
use ezk_sip_types::{Method, Name, StatusCode};
use ezk_sip_ua::dialog::{Dialog, Usage, UsageGuard};

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

/// Takes what nobody has taken: messages, and notifications of other packages. Who subscribes to the user is in a dialog with him,
/// which is held by the `DialogLayer`.
#[derive(Clone, Debug)]
pub struct Answering {
    seen: Seen,
    contact: SipUri,
    dialogs: Arc<Mutex<Vec<(UsageGuard, Dialog)>>>,
    in_dialogs: Seen,
}

impl Answering {
    pub fn new(contact: SipUri) -> Self {
        Self {
            seen: Seen::default(),
            contact,
            dialogs: Arc::default(),
            in_dialogs: Seen::default(),
        }
    }

    pub fn seen(&self) -> String {
        self.seen.line()
    }

    /// What came in dialogs of the softphone's own.
    pub fn seen_in_dialogs(&self) -> String {
        self.in_dialogs.line()
    }

    async fn begin(&self, endpoint: &Endpoint, mut request: IncomingRequest) {
        let contact = Contact::new(NameAddr::uri(self.contact.clone()));
        let mut response = endpoint.create_response(&request, StatusCode::OK, None);
        match Dialog::new_server(endpoint.clone(), &request, contact) {
            Ok(dialog) => {
                let tag = dialog.local_fromto.tag.clone();
                let tagged = response
                    .msg
                    .headers
                    .edit(Name::TO, |to: &mut FromTo| to.tag = tag);
                if let Err(error) = tagged {
                    eprintln!("a dialog has no tag: {error}");
                }
                let guard = dialog.register_usage(InDialog(self.in_dialogs.clone()));
                let mut dialogs = self.dialogs.lock().unwrap_or_else(PoisonError::into_inner);
                dialogs.push((guard, dialog));
            }
            Err(error) => eprintln!("no dialog: {error}"),
        }
        let transaction = endpoint.create_server_tsx(&mut request);
        if let Err(error) = transaction.respond(response).await {
            eprintln!("an answer could not be sent: {error}");
        }
    }
}

#[async_trait]
impl Layer for Answering {
    fn name(&self) -> &'static str {
        "answering"
    }

    async fn receive(&self, endpoint: &Endpoint, request: MayTake<'_, IncomingRequest>) {
        self.seen.count(&request.line.method);
        let begins = request.base_headers.to.tag.is_none();
        if begins && request.line.method == Method::SUBSCRIBE {
            self.begin(endpoint, request.take()).await;
        } else {
            answer(endpoint, request.take()).await;
        }
    }
}

/// Takes every request in a dialog of the softphone's own.
struct InDialog(Seen);

#[async_trait]
impl Usage for InDialog {
    fn name(&self) -> &'static str {
        "in-dialog"
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
