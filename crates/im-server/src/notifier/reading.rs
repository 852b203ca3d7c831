//! What a SUBSCRIBE says: event package, time, URIs, where it came from (RFC 6665 §8.2, RFC 5875 §4.4, RFC 3261 §20.10).

use ezk_sip_core::IncomingRequest;
use ezk_sip_core::transport::TargetTransportInfo;
use ezk_sip_types::Name;
use ezk_sip_types::uri::SipUri;

use super::refusal::Refusal;
use crate::xcap_diff::{self, ListFault};

const PACKAGE: &str = "conference";

/// What is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    Conference,
    XcapDiff,
}

/// The URIs of an xcap-diff SUBSCRIBE; none without a body (RFC 5875 §4.4).
pub(super) fn watched(request: &IncomingRequest) -> Result<Option<Vec<String>>, Refusal> {
    let mut accepted = request.headers.get_raw(&Name::ACCEPT).peekable();
    if accepted.peek().is_some() {
        let takes = |value: &str| {
            let mut ranges = value.split(',').map(|range| range.split(';').next());
            ranges.any(|range| range.map(str::trim) == Some(xcap_diff::CONTENT_TYPE))
        };
        if !accepted.any(|value| takes(value)) {
            return Err(Refusal::NotAcceptable);
        }
    }
    if request.body.is_empty() {
        return Ok(None);
    }
    let content_type = raw(request, &Name::CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(xcap_diff::LIST_TYPE) {
        return Err(Refusal::ListType);
    }
    match xcap_diff::uris(&request.body) {
        Ok(uris) => Ok(Some(uris)),
        Err(ListFault::Malformed) => Err(Refusal::Malformed("Bad Resource List")),
        Err(ListFault::TooMany) => Err(Refusal::TooMany),
    }
}

/// Where the request came from is where NOTIFY goes.
pub(crate) fn flow(request: &IncomingRequest) -> TargetTransportInfo {
    let info = &request.tp_info;
    TargetTransportInfo {
        via_host_port: None,
        transport: Some((info.transport.clone(), info.source)),
    }
}

pub(crate) fn raw<'a>(request: &'a IncomingRequest, name: &Name) -> Option<&'a str> {
    request
        .headers
        .get_raw(name)
        .next()
        .map(|value| value.trim())
}

/// The Event value of our NOTIFY requests: the package, with the `id` of the SUBSCRIBE (RFC 6665 §8.2.1).
pub(super) fn event(value: Option<&str>) -> Result<(Package, String), Refusal> {
    let mut parts = value.unwrap_or_default().split(';').map(str::trim);
    let (package, name) = match parts.next() {
        Some(PACKAGE) => (Package::Conference, PACKAGE),
        Some(xcap_diff::PACKAGE) => (Package::XcapDiff, xcap_diff::PACKAGE),
        _ => return Err(Refusal::BadEvent),
    };
    let id = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("id").then(|| value.trim())
    });
    let event = match id {
        Some(id) => format!("{name};id={id}"),
        None => name.to_owned(),
    };
    Ok((package, event))
}

/// Seconds of the Expires header (RFC 3261 §20.19).
pub(super) fn expires(value: Option<&str>) -> Result<Option<u32>, Refusal> {
    value
        .map(|value| {
            let digits = value.split(';').next().unwrap_or_default();
            digits.trim().parse()
        })
        .transpose()
        .map_err(|_| Refusal::Malformed("Bad Expires"))
}

/// The remote target; `None` without a Contact header.
pub(crate) fn contact(request: &IncomingRequest) -> Result<Option<SipUri>, Refusal> {
    let Some(value) = raw(request, &Name::CONTACT) else {
        return Ok(None);
    };
    contact_uri(value)
        .and_then(|uri| uri.parse().ok())
        .map(Some)
        .ok_or(Refusal::Malformed("Bad Contact"))
}

/// The URI of a Contact value: in angle brackets after a name, or up to the first parameter (RFC 3261 §20.10).
pub(crate) fn contact_uri(value: &str) -> Option<&str> {
    let mut rest = value;
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut escaped = false;
        let close = quoted.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        })?;
        rest = quoted.get(close + 1..)?;
    }
    match rest.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map(|(uri, _)| uri.trim()),
        None => rest.split([';', ',']).next().map(str::trim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contact_uri_is_found_in_every_form() {
        // RFC 3261 §20.10
        for (value, uri) in [
            ("<sip:a@h;x=1>;expires=5", Some("sip:a@h;x=1")),
            ("sip:a@h;expires=5", Some("sip:a@h")),
            ("A <sip:a@h>", Some("sip:a@h")),
            (r#""A \"<\" B" <sip:a@h>"#, Some("sip:a@h")),
            (r#""A"#, None),
            ("<sip:a@h", None),
        ] {
            assert_eq!(contact_uri(value), uri, "{value}");
        }
    }

    #[test]
    fn only_our_packages_are_accepted_and_their_id_kept() {
        // RFC 6665 §4.2.1.1, §8.2.1
        for (value, package, told) in [
            ("conference", Package::Conference, "conference"),
            (
                "conference ;x=1; ID=7",
                Package::Conference,
                "conference;id=7",
            ),
            (
                "xcap-diff;diff-processing=no-patching",
                Package::XcapDiff,
                "xcap-diff",
            ),
        ] {
            assert_eq!(event(Some(value)), Ok((package, told.into())), "{value}");
        }
        for other in [None, Some("presence"), Some("conference.winfo")] {
            assert_eq!(event(other), Err(Refusal::BadEvent), "{other:?}");
        }
    }

    #[test]
    fn expires_is_a_number_of_seconds() {
        assert_eq!(expires(None), Ok(None));
        assert_eq!(expires(Some("0")), Ok(Some(0)));
        assert_eq!(expires(Some("3600 ;x")), Ok(Some(3600)));
        for bad in ["", "-1", "soon", "99999999999"] {
            assert!(expires(Some(bad)).is_err(), "{bad}");
        }
    }
}
