//! Between ezk's messages and the neutral ones: header values stay raw, because ezk's typed ones lose data.

use std::str::FromStr;

use bytes::Bytes;
use bytesstr::BytesStr;
use ezk_sip_core::transaction::TsxResponse;
use ezk_sip_core::{IncomingRequest, Request as EzkRequest};
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Headers as EzkHeaders, Method, Name};
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

/// A request to be sent; none when ezk cannot parse the Request-URI.
pub(crate) fn outgoing(request: &Request) -> Option<EzkRequest> {
    let uri = SipUri::from_str(&request.uri).ok()?;
    let mut outgoing = EzkRequest::new(Method::from(request.method.as_str()), uri);
    for header in request.headers.iter() {
        outgoing
            .headers
            .insert(name(&header.name), header.value.as_str());
    }
    outgoing.body = Bytes::copy_from_slice(&request.body);
    Some(outgoing)
}
