//! Between ezk's messages and the neutral ones: header values stay raw, because ezk's typed ones lose data.

use std::str::FromStr;

use bytes::Bytes;
use bytesstr::BytesStr;
use ezk_sip_core::transaction::TsxResponse;
use ezk_sip_core::{IncomingRequest, Request as EzkRequest};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Headers as EzkHeaders, Method, Name};
use rollmark::core::header::Address;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Headers, Request, Response};

fn headers(headers: &EzkHeaders) -> Headers {
    headers
        .iter()
        .map(|(name, value)| (name.as_print_str().to_string(), value.as_str()))
        .collect()
}

/// A received request as a neutral message.
#[must_use]
pub fn request(request: &IncomingRequest) -> Request {
    Request {
        method: request.line.method.to_string(),
        uri: format!("{:?}", request.line.uri),
        headers: headers(&request.headers),
        body: request.body.to_vec(),
    }
}

/// A received response.
pub(crate) fn response(response: &TsxResponse) -> Response {
    Response {
        status: response.line.code.into_u16(),
        reason: response
            .line
            .reason
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        headers: headers(&response.headers),
        body: response.body.to_vec(),
    }
}

/// A header name for ezk.
pub(crate) fn name(name: &str) -> Name {
    Name::from(BytesStr::from(name))
}

/// Why ezk cannot send a request, or could not receive what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsendable {
    #[error(
        "ezk cannot send to this Request-URI: it must be a sip: or sips: URI, and a host name without _"
    )]
    RequestUri,
    #[error(
        "ezk drops every message with such a URI in {0}, a tel: URI for one: give the identity as sip:NUMBER@DOMAIN;user=phone"
    )]
    Identity(&'static str),
}

impl From<Unsendable> for SendFailure {
    /// Says it in the log, for the failure itself does not.
    fn from(fault: Unsendable) -> Self {
        tracing::error!("{fault}");
        Self::Unreachable
    }
}

/// A request to be sent.
pub(crate) fn outgoing(request: &Request) -> Result<EzkRequest, Unsendable> {
    let uri = SipUri::from_str(&request.uri).map_err(|_| Unsendable::RequestUri)?;
    for name in ["From", "To"] {
        let address = request.headers.get(name).and_then(Address::parse);
        // Responses and NOTIFYs bring it back, and ezk answers none of them.
        if address.is_some_and(|address| SipUri::from_str(&address.uri).is_err()) {
            return Err(Unsendable::Identity(name));
        }
    }
    let mut outgoing = EzkRequest::new(Method::from(request.method.as_str()), uri);
    for header in request.headers.iter() {
        outgoing
            .headers
            .insert(name(&header.name), header.value.as_str());
    }
    outgoing.body = Bytes::copy_from_slice(&request.body);
    Ok(outgoing)
}

/// Bytes on the wire: what ezk adds is Via and Content-Length.
pub(crate) fn size(request: &Request) -> usize {
    const ADDED: usize = 150;
    let line = request.method.len() + request.uri.len() + 12;
    let headers = request
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.len() + 4);
    line + headers.sum::<usize>() + ADDED + request.body.len()
}
