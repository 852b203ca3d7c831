//! rollmark's neutral messages as rsip's and back (RFC 3261 §7). Header values go through as text, in their order.

use rollmark::core::message::{Headers, Request, Response, names_equal};
use rollmark::core::uri::{Scheme, Uri};
use rsip::common::uri::Auth;
use rsip::headers::header::Tokenizer;
use rsip::{Header, Host, HostWithPort, Method, Param, StatusCode};

/// rsip has no such method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rsip has no method {0:?}; send this request without it")]
pub struct UnknownMethod(pub String);

/// A request for rsip. It has neither Via nor Content-Length; the stack adds them.
///
/// # Errors
/// When rsip has no such method.
pub fn request_to_rsip(request: &Request) -> Result<rsip::Request, UnknownMethod> {
    Ok(rsip::Request {
        method: method(&request.method).ok_or_else(|| UnknownMethod(request.method.clone()))?,
        uri: uri_to_rsip(&request.uri),
        version: rsip::Version::V2,
        headers: headers_to_rsip(&request.headers),
        body: request.body.clone(),
    })
}

/// A request of rsip's, without its Via and Content-Length.
#[must_use]
pub fn request_from_rsip(request: &rsip::Request) -> Request {
    Request {
        method: request.method.to_string(),
        uri: request.uri.to_string(),
        headers: headers_from_rsip(&request.headers),
        body: request.body.clone(),
    }
}

/// A response for rsip, with the headers as they are. The reason phrase lasts only where rsip has none of its own.
#[must_use]
pub fn response_to_rsip(response: &Response) -> rsip::Response {
    rsip::Response {
        status_code: status(response.status, &response.reason),
        version: rsip::Version::V2,
        headers: headers_to_rsip(&response.headers),
        body: response.body.clone(),
    }
}

/// A response of rsip's, without its Via and Content-Length.
#[must_use]
pub fn response_from_rsip(response: &rsip::Response) -> Response {
    let line = response.status_code.to_string();
    let reason = line.split_once(' ').map_or("", |(_, reason)| reason);
    Response {
        status: response.status_code.code(),
        reason: reason.to_owned(),
        headers: headers_from_rsip(&response.headers),
        body: response.body.clone(),
    }
}

/// A URI for rsip that prints exactly as this text. What rsip cannot parse, or would print otherwise, stands whole in the
/// place of the host.
#[must_use]
pub fn uri_to_rsip(text: &str) -> rsip::Uri {
    parsed(text).unwrap_or_else(|| rsip::Uri {
        scheme: None,
        auth: None,
        host_with_port: HostWithPort {
            host: Host::Domain(text.into()),
            port: None,
        },
        params: Vec::new(),
        headers: Vec::new(),
    })
}

/// Read by rollmark's reader, since rsip's takes `alice.smith@example.org` for a host.
fn parsed(text: &str) -> Option<rsip::Uri> {
    let written = Uri::parse(text).ok()?;
    let uri = rsip::Uri {
        scheme: Some(match written.scheme() {
            Scheme::Sip => rsip::Scheme::Sip,
            Scheme::Sips => rsip::Scheme::Sips,
            _ => return None,
        }),
        auth: written.user().map(|user| Auth {
            user: user.to_owned(),
            password: written.password().map(str::to_owned),
        }),
        host_with_port: HostWithPort {
            host: Host::from(written.host()?),
            port: written.port().map(Into::into),
        },
        params: written.params().map(|(n, v)| param(n, v)).collect(),
        headers: Vec::new(),
    };
    (uri.to_string() == text).then_some(uri)
}

/// A parameter of the type that rsip has for it, where that prints as it was written: rsip prints transports in capitals,
/// and servers that compare texts, as for digest, want what was written.
fn param(name: &str, value: Option<&str>) -> Param {
    let other = Param::Other(name.into(), value.map(Into::into));
    match Param::try_from((name, value)) {
        Ok(param) if param.to_string() == other.to_string() => param,
        _ => other,
    }
}

/// The headers that rsip has a type for and that have a compact form (RFC 3261 §7.3.3, RFC 6665 §8.4).
const LONG: [&str; 11] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "Contact",
    "Content-Type",
    "Content-Encoding",
    "Content-Length",
    "Event",
    "Subject",
    "Supported",
];

/// A header for rsip, of the type that its parser would give it; `Other` where it has none. Compact names become long.
#[must_use]
pub fn header_to_rsip(name: &str, value: &str) -> Header {
    let long = match name.len() {
        1 => LONG.into_iter().find(|long| names_equal(long, name)),
        _ => None,
    };
    let name = long.unwrap_or(name);
    let line = Tokenizer::from((name.as_bytes(), value.as_bytes()));
    line.try_into()
        .unwrap_or_else(|_| Header::Other(name.into(), value.into()))
}

/// Name and value of a header of rsip's.
#[must_use]
pub fn header_from_rsip(header: &Header) -> (String, String) {
    if let Header::Other(name, value) = header {
        return (name.clone(), value.clone());
    }
    let line = header.to_string();
    let (name, value) = line.split_once(':').unwrap_or((&line, ""));
    (name.trim().to_owned(), value.trim().to_owned())
}

/// Headers for rsip, in their order.
#[must_use]
pub fn headers_to_rsip(headers: &Headers) -> rsip::Headers {
    let headers = headers.iter().map(|h| header_to_rsip(&h.name, &h.value));
    headers.collect::<Vec<_>>().into()
}

/// Headers of rsip's in their order, without Via and Content-Length, which are the host's.
#[must_use]
pub fn headers_from_rsip(headers: &rsip::Headers) -> Headers {
    headers
        .iter()
        .map(header_from_rsip)
        .filter(|(name, _)| !names_equal(name, "Via") && !names_equal(name, "Content-Length"))
        .collect()
}

/// A method by its name. Methods are case-sensitive (RFC 3261 §7.1), in rsip they are not.
pub(crate) fn method(name: &str) -> Option<Method> {
    let method: Method = name.parse().ok()?;
    (method.to_string() == name).then_some(method)
}

/// A status with rsip's name for it, else with this reason.
pub(crate) fn status(code: u16, reason: &str) -> StatusCode {
    match StatusCode::from(code) {
        StatusCode::Other(code, _) => StatusCode::Other(code, reason.to_owned()),
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_prints_as_it_was_written_whatever_rsip_makes_of_it() {
        for text in [
            "sip:room@example.org",
            "sips:room@example.org:5061;lr",
            "sip:room@example.org;transport=tcp",
            "sip:room@EXAMPLE.org;Transport=TCP;x=y",
            "sip:room@[2001:db8::1]:5060",
            "sip:room@example.org?subject=a",
            "tel:+12125551212",
            "urn:service:sos",
            "im:bob@example.org",
            "sip:a%20b:secret@example.org;gr=urn:uuid:1",
            "SIP:room@example.org",
            "sip:room@example.org:05060",
            "not a URI",
        ] {
            assert_eq!(uri_to_rsip(text).to_string(), text);
        }
        for (text, host) in [
            ("sip:room.one@example.org:5070;transport=tcp", "example.org"),
            ("sips:room.one@[2001:db8::1]:5070", "[2001:db8::1]"),
        ] {
            let uri = uri_to_rsip(text);
            assert_eq!(uri.user(), Some("room.one"));
            assert_eq!(uri.host().to_string(), host);
            assert_eq!(uri.port().map(|port| *port.value()), Some(5070));
        }
    }

    #[test]
    fn header_text_survives_both_ways() {
        let headers: Headers = [
            ("From", "\"A \\\"B\\\" C\" <sip:alice@example.org>;tag=1"),
            ("To", "<tel:+12125551212>"),
            (
                "Contact",
                "<sip:alice@[2001:db8::1]>;+sip.instance=\"<urn:gsma:imei:1>\"",
            ),
            ("Event", "conference;id=7"),
            ("Subscription-State", "active;expires=60"),
            ("Accept-Contact", "*;+g.oma.sip-im"),
            (
                "P-Access-Network-Info",
                "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2",
            ),
            ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"),
            ("Record-Route", "<sip:p3;lr>"),
            ("CSeq", "4294967295 SUBSCRIBE"),
            ("X-Empty", ""),
        ]
        .into_iter()
        .collect();
        assert_eq!(headers_from_rsip(&headers_to_rsip(&headers)), headers);
    }

    #[test]
    fn compact_names_reach_the_type_that_rsip_has_for_them() {
        assert!(matches!(header_to_rsip("v", "x"), Header::Via(_)));
        assert!(matches!(
            header_to_rsip("O", "conference"),
            Header::Event(_)
        ));
        assert!(matches!(header_to_rsip("l", "0"), Header::ContentLength(_)));
        // No type for it: as written.
        let expected = Header::Other("u".into(), "conference".into());
        assert_eq!(header_to_rsip("u", "conference"), expected);
    }

    #[test]
    fn an_unknown_method_is_named() {
        let request = Request {
            method: "PING".into(),
            uri: "sip:a@example.org".into(),
            headers: Headers::new(),
            body: Vec::new(),
        };
        assert_eq!(request_to_rsip(&request), Err(UnknownMethod("PING".into())));
    }

    #[test]
    fn a_status_keeps_its_code_and_a_reason_that_rsip_does_not_know() {
        let response = |status, reason: &str| Response {
            status,
            reason: reason.into(),
            headers: Headers::new(),
            body: b"\xff".to_vec(),
        };
        let back = response_from_rsip(&response_to_rsip(&response(202, "Accepted")));
        assert_eq!(back, response(202, "Accepted"));
        let back = response_from_rsip(&response_to_rsip(&response(489, "Bad Event")));
        assert_eq!(back, response(489, "BadEvent"));
    }
}
