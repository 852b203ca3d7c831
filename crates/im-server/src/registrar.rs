//! The part of an IMS core that a user agent meets before the notifier: registrar and P-CSCF in one, as far as a demo needs them
//! (TS 24.229 §5.2.6.3, §5.4.1.2.2, RFC 3608, RFC 7315 §4.1). The access is believed: nobody is challenged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ezk_sip_core::transport::OutgoingResponse;
use ezk_sip_core::{Endpoint as SipEndpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, Name};
use tokio::time::Instant;

use crate::notifier::{raw, response};
use crate::server::Shared;

/// Bindings kept at a time; further ones are refused.
pub const MAX_BINDINGS: usize = 256;

/// An IMS core: who its users are, and where their requests go.
#[derive(Clone, Debug, Default)]
pub struct Ims {
    /// The identities of the one subscriber, the default one first, as P-Associated-URI tells them. Only these register.
    pub associated: Vec<String>,
    /// URI of the S-CSCF, the Service-Route.
    pub service_route: String,
}

/// Its place in the SIP endpoint, before the notifier's.
pub(crate) struct RegistrarLayer {
    shared: std::sync::Arc<Shared>,
    ims: Ims,
    /// Until when a contact is bound.
    bindings: Mutex<HashMap<String, Instant>>,
}

impl RegistrarLayer {
    pub(crate) fn new(shared: std::sync::Arc<Shared>, ims: Ims) -> Self {
        Self {
            shared,
            ims,
            bindings: Mutex::default(),
        }
    }

    /// Code and reason of the answer to a REGISTER, with the seconds granted.
    fn register(&self, request: &IncomingRequest) -> Result<u32, (u16, &'static str)> {
        let identity = raw(request, &Name::TO).and_then(uri).unwrap_or_default();
        if !self.ims.associated.iter().any(|own| own == identity) {
            return Err((403, "No Such User"));
        }
        let contact = raw(request, &Name::CONTACT).and_then(uri);
        let contact = contact.ok_or((400, "No Contact"))?;
        let asked = match raw(request, &Name::EXPIRES).map(str::trim) {
            Some(text) => text.parse().map_err(|_| (400, "Bad Expires"))?,
            None => u32::MAX,
        };
        let granted = asked.min(self.shared.settings.max_expires);
        let now = Instant::now();
        let mut bindings = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        bindings.retain(|_, until| *until > now);
        if granted == 0 {
            bindings.remove(contact);
        } else if bindings.len() < MAX_BINDINGS || bindings.contains_key(contact) {
            let until = now + Duration::from_secs(granted.into());
            bindings.insert(contact.to_owned(), until);
        } else {
            return Err((503, "Too Many Bindings"));
        }
        Ok(granted)
    }

    /// What a P-CSCF checks of an initial request (TS 24.229 §5.2.6.3); the answer when it goes no further.
    fn refusal(&self, request: &IncomingRequest) -> Option<(u16, &'static str)> {
        let contact = raw(request, &Name::CONTACT).and_then(uri);
        let bindings = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        let until = contact.and_then(|contact| bindings.get(contact));
        if until.is_none_or(|until| *until <= Instant::now()) {
            return Some((403, "You Must Register First"));
        }
        let routes: Vec<_> = request.headers.get_raw(&Name::ROUTE).collect();
        let follows = match routes[..] {
            [_, second] => uri(second).is_some_and(|second| second == self.ims.service_route),
            _ => false,
        };
        if !follows {
            return Some((400, "Not Following The Service-Route"));
        }
        let preferred = Name::from("P-Preferred-Identity");
        let preferred = raw(request, &preferred).and_then(uri);
        match preferred {
            Some(preferred) if !self.ims.associated.iter().any(|own| own == preferred) => {
                Some((403, "Not Your Identity"))
            }
            _ => None,
        }
    }

    fn registered(
        &self,
        endpoint: &SipEndpoint,
        request: &IncomingRequest,
        granted: u32,
    ) -> OutgoingResponse {
        let tag = self.shared.new_tag();
        let mut response = response(endpoint, request, 200, "OK", Some(&tag));
        let headers = &mut response.msg.headers;
        if granted > 0 {
            let contact = raw(request, &Name::CONTACT).unwrap_or_default();
            headers.insert(Name::CONTACT, format!("{contact};expires={granted}"));
        }
        let route = format!("<{}>", self.ims.service_route);
        headers.insert(Name::from("Service-Route"), route);
        for identity in &self.ims.associated {
            headers.insert(Name::from("P-Associated-URI"), format!("<{identity}>"));
        }
        response
    }
}

#[async_trait::async_trait]
impl Layer for RegistrarLayer {
    fn name(&self) -> &'static str {
        "ims-registrar"
    }

    async fn receive(&self, endpoint: &SipEndpoint, request: MayTake<'_, IncomingRequest>) {
        if self.shared.is_stopped() {
            return;
        }
        let is_initial = request.base_headers.to.tag.is_none();
        let answer = match &request.line.method {
            method if *method == Method::REGISTER => self.register(&request),
            method if *method == Method::SUBSCRIBE && is_initial => match self.refusal(&request) {
                Some(refusal) => Err(refusal),
                None => return,
            },
            _ => return,
        };
        let mut request = request.take();
        let response = match answer {
            Ok(granted) => self.registered(endpoint, &request, granted),
            Err((code, reason)) => {
                let tag = self.shared.new_tag();
                response(endpoint, &request, code, reason, Some(&tag))
            }
        };
        let transaction = endpoint.create_server_tsx(&mut request);
        if let Err(error) = transaction.respond(response).await {
            tracing::warn!(%error, "the answer of the IMS core could not be sent");
        }
    }
}

/// The URI of a name-addr.
fn uri(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once('<')?;
    rest.split_once('>').map(|(uri, _)| uri)
}
