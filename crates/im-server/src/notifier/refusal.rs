//! SUBSCRIBEs that are refused, and the response of each (RFC 6665 §4.2.1.1).

use ezk_sip_core::transport::OutgoingResponse;
use ezk_sip_core::{Endpoint as SipEndpoint, IncomingRequest};
use ezk_sip_types::Name;

use super::{ALLOW_EVENTS, response};
use crate::server::Shared;
use crate::xcap_diff;

/// Why a SUBSCRIBE is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A header is missing or unreadable.
    Malformed(&'static str),
    /// No such conference.
    NotFound,
    /// The tags name no subscription (RFC 6665 §4.1.2.2).
    NoDialog,
    /// Too short a time.
    TooBrief { min_expires: u32 },
    /// Not our event package.
    BadEvent,
    /// A body that is no list of URIs (RFC 5875 §4.4).
    ListType,
    /// Too many URIs in it.
    TooMany,
    /// xcap-diff documents are not accepted (RFC 5875 §4.4).
    NotAcceptable,
    /// CSeq below that of an earlier SUBSCRIBE (RFC 3261 §12.2.2).
    OutOfOrder,
}

impl Refusal {
    pub(super) fn response(
        &self,
        shared: &Shared,
        endpoint: &SipEndpoint,
        request: &IncomingRequest,
    ) -> OutgoingResponse {
        let (code, reason) = match self {
            Self::Malformed(what) => (400, *what),
            Self::NotFound => (404, "No Such Conference"),
            Self::NoDialog => (481, "Subscription Does Not Exist"),
            Self::TooBrief { .. } => (423, "Interval Too Brief"),
            Self::BadEvent => (489, "Bad Event"),
            Self::ListType => (415, "Unsupported Media Type"),
            Self::TooMany => (413, "Too Many URIs"),
            Self::NotAcceptable => (406, "Not Acceptable"),
            Self::OutOfOrder => (500, "CSeq Out Of Order"),
        };
        let tag = match &request.base_headers.to.tag {
            Some(_) => None,
            None => Some(shared.new_tag()),
        };
        let mut response = response(endpoint, request, code, reason, tag.as_deref());
        let headers = &mut response.msg.headers;
        match self {
            Self::TooBrief { min_expires } => {
                headers.insert(Name::MIN_EXPIRES, min_expires.to_string());
            }
            Self::BadEvent => headers.insert(Name::ALLOW_EVENTS, ALLOW_EVENTS),
            Self::ListType => headers.insert(Name::ACCEPT, xcap_diff::LIST_TYPE),
            _ => {}
        }
        response
    }
}
