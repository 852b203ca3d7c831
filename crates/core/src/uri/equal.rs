//! Equality of URIs as their schemes define it (RFC 3261 §19.1.4, RFC 3966 §4).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Scheme, Uri, escape, host, phone::Subscriber};

/// URI parameters that count even when only one side has them. transport is among them by the standard's own example
/// of unequal URIs.
const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// True for URIs that are equal: sip and sips by RFC 3261 §19.1.4, with IPv6 addresses by value; tel by RFC 3966 §4;
/// others by octets. The relation is not transitive, and not the one for block lists: see [`super::same_identity`].
#[must_use]
pub fn equal(a: &Uri, b: &Uri) -> bool {
    match (a.scheme(), b.scheme()) {
        (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => equal_sip(a, b),
        (Scheme::Tel, Scheme::Tel) => match (Subscriber::of(a), Subscriber::of(b)) {
            (Some(a), Some(b)) => a.comparable() == b.comparable(),
            _ => false,
        },
        _ => a.as_str() == b.as_str(),
    }
}

fn equal_sip(a: &Uri, b: &Uri) -> bool {
    same_text(a.user(), b.user())
        && same_text(a.password(), b.password())
        && same_host(a, b)
        && a.port() == b.port()
        && params_agree(a, b)
        && params_agree(b, a)
        && headers(a) == headers(b)
}

fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => escape::same(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn same_host(a: &Uri, b: &Uri) -> bool {
    let (a, b) = (a.host().unwrap_or_default(), b.host().unwrap_or_default());
    escape::same_ignoring_case(a, b) || host::ipv6(a).is_some_and(|a| Some(a) == host::ipv6(b))
}

/// True when `b` contradicts no parameter of `a`. Of a name written twice, which RFC 3261 §19.1.1 forbids, the first
/// value counts, so that a URI equals itself.
fn params_agree(a: &Uri, b: &Uri) -> bool {
    a.params().all(|(name, _)| match b.param(name) {
        Some(other) => escape::same_ignoring_case(a.param(name).unwrap_or_default(), other),
        None => !DECISIVE
            .iter()
            .any(|decisive| escape::same_ignoring_case(decisive, name)),
    })
}

/// Names and values of the headers, in an order that does not depend on the writing.
fn headers(uri: &Uri) -> Vec<(String, Cow<'_, str>)> {
    let mut headers: Vec<_> = uri
        .headers()
        .into_iter()
        .flat_map(|headers| headers.split('&'))
        .map(|header| {
            let (name, value) = header.split_once('=').unwrap_or((header, ""));
            (
                escape::normal(name).to_ascii_lowercase(),
                escape::normal(value),
            )
        })
        .collect();
    headers.sort_unstable();
    headers
}
