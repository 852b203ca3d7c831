//! Reading the 2xx to REGISTER (RFC 3261 §10.3, RFC 3608 §6.1, RFC 7315 §4.1, RFC 5627 §5.3, RFC 5626 §6).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Registration, RegistrationState, same_uri};
use crate::header::{self, Address};
use crate::message::Headers;
use crate::uri::Uri;

/// What is wrong with an answer that was taken all the same. Its text is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// An element of Service-Route is no SIP URI: a route with a hole leads elsewhere, so the whole is left out.
    #[error("Service-Route {0:?} is no SIP URI; the whole Service-Route is left out")]
    ServiceRoute(String),
    /// P-Associated-URI is there, but no element is a URI that can be an identity.
    #[error("P-Associated-URI names no identity; none of the user's identities may be used")]
    NoIdentity,
}

/// Routes and identities of one answer that are kept, at most (SEC-18). An operator's answers have a handful.
pub(super) const MAX_VALUES: usize = 64;

impl Registration {
    /// Takes what a 2xx to REGISTER says, in place of all that an earlier one said: what is absent now is none
    /// (IMS-06, IMS-07). `contact` (URI) and `instance` (`+sip.instance`, without quotes) tell which binding is the host's
    /// own; `asked` is the life that was asked for, in seconds. What is not in the answer stays as it is.
    pub fn handle_answer(
        &mut self,
        headers: &Headers,
        contact: &str,
        instance: Option<&str>,
        asked: u32,
    ) -> Vec<AnswerFault> {
        let mut faults = Vec::new();
        self.service_route = Some(match service_route(headers) {
            Ok(route) => route,
            Err(fault) => {
                faults.push(fault);
                Vec::new()
            }
        });
        self.path = Some(uris(headers, "Path"));
        let associated: Vec<String> = uris(headers, "P-Associated-URI")
            .into_iter()
            .filter(|uri| Uri::parse(uri).is_ok())
            .collect();
        if associated.is_empty() && headers.get("P-Associated-URI").is_some() {
            faults.push(AnswerFault::NoIdentity);
        }
        self.associated = Some(associated);
        self.outbound = headers
            .all("Require")
            .flat_map(header::split_list)
            .any(|tag| tag.eq_ignore_ascii_case("outbound"));
        let own = own_binding(headers, contact, instance);
        let param = |name| {
            own.as_ref()
                .and_then(|own| own.param(name))
                .filter(|uri| Uri::parse(uri).is_ok())
                .map(ToString::to_string)
        };
        self.public_gruu = param("pub-gruu");
        self.temporary_gruu = param("temp-gruu");
        let granted = own
            .as_ref()
            .and_then(|own| own.param("expires"))
            .and_then(header::delta_seconds)
            .or_else(|| headers.get("Expires").and_then(header::delta_seconds))
            .unwrap_or(asked);
        self.expires = Some(granted);
        self.state = if granted == 0 {
            RegistrationState::Ended
        } else {
            RegistrationState::Active
        };
        faults
    }
}

fn service_route(headers: &Headers) -> Result<Vec<String>, AnswerFault> {
    let mut route = Vec::new();
    for element in headers.all("Service-Route").flat_map(header::split_list) {
        let usable = Address::parse(element)
            .and_then(|address| Uri::parse(&address.uri).ok())
            .is_some_and(|uri| uri.host().is_some());
        if !usable || route.len() == MAX_VALUES {
            return Err(AnswerFault::ServiceRoute(
                element.chars().take(80).collect(),
            ));
        }
        route.push(element.to_string());
    }
    Ok(route)
}

fn uris(headers: &Headers, name: &str) -> Vec<String> {
    header::addresses(headers.all(name))
        .into_iter()
        .take(MAX_VALUES)
        .map(|address| address.uri)
        .collect()
}

/// The host's own binding among those of the answer: by instance (RFC 5627 §5.3), else by its URI.
fn own_binding(headers: &Headers, contact: &str, instance: Option<&str>) -> Option<Address> {
    let mut bindings = header::addresses(headers.all("Contact"));
    let own = bindings
        .iter()
        .position(|binding| same_uri(&binding.uri, contact))
        .or_else(|| {
            let instance = instance?;
            bindings
                .iter()
                .position(|binding| binding.param("+sip.instance") == Some(instance))
        })?;
    Some(bindings.swap_remove(own))
}
