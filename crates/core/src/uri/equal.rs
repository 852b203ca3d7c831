//! Equality of URIs as their schemes define it (RFC 3261 §19.1.4, RFC 3966 §4).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

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
        && params_agree(a, b, &mut |a, b| a.cmp(b))
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

/// True when no parameter of one contradicts the other. The names are sorted first, so that a URI of many parameters
/// costs little more than its length (SEC-18).
fn params_agree(a: &Uri, b: &Uri, order: &mut impl FnMut(&str, &str) -> Ordering) -> bool {
    let (mut a, mut b) = (
        params(a, order).into_iter().peekable(),
        params(b, order).into_iter().peekable(),
    );
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some((a, _)), Some((b, _))) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return true,
        };
        let agree = match next {
            Ordering::Less => a.next().is_none_or(|(name, _)| !is_decisive(&name)),
            Ordering::Greater => b.next().is_none_or(|(name, _)| !is_decisive(&name)),
            Ordering::Equal => match (a.next(), b.next()) {
                (Some((_, a)), Some((_, b))) => escape::same_ignoring_case(a, b),
                _ => true,
            },
        };
        if !agree {
            return false;
        }
    }
}

fn is_decisive(name: &str) -> bool {
    DECISIVE.contains(&name)
}

/// Names in one form and values as written, by name. Of a name written twice, which RFC 3261 §19.1.1 forbids, the first
/// value counts, so that a URI equals itself.
fn params<'a>(
    uri: &'a Uri,
    order: &mut impl FnMut(&str, &str) -> Ordering,
) -> Vec<(String, &'a str)> {
    let mut params: Vec<_> = uri
        .params()
        .map(|(name, value)| {
            let name = escape::normal_ignoring_case(name);
            (name, value.unwrap_or_default())
        })
        .collect();
    params.sort_by(|(a, _), (b, _)| order(a, b));
    params.dedup_by(|(later, _), (first, _)| order(first, later).is_eq());
    params
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

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// SEC-18: names are compared some n log n times; each with each would be 100 million.
    #[test]
    fn many_parameters_are_not_compared_each_with_each() {
        const COUNT: usize = 10_000;
        let uri = |numbers: &mut dyn Iterator<Item = usize>| {
            let params: String = numbers.map(|n| format!(";p{n}={n}")).collect();
            Uri::parse(&format!("sip:a@h{params}")).unwrap()
        };
        let (up, down) = (uri(&mut (0..COUNT)), uri(&mut (0..COUNT).rev()));
        let other = uri(&mut (COUNT..COUNT * 2));
        for (a, b) in [(&up, &down), (&up, &other), (&up, &up)] {
            let mut compared = 0;
            let agree = params_agree(a, b, &mut |a, b| {
                compared += 1;
                a.cmp(b)
            });
            assert!(agree);
            assert!(compared < COUNT * 50, "{compared} comparisons");
        }
        let more = |more: &str| Uri::parse(&format!("{}{more}", up.as_str())).unwrap();
        assert!(equal(&up, &more(";q=1")) && equal(&more(";q=1"), &down));
        assert!(!equal(&up, &more(";ttl=1")) && !equal(&more(";ttl=1"), &down));
        assert!(!equal(&more(";q=1"), &more(";q=2")));
    }
}
