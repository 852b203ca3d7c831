//! Hosts: names, internationalised names, IPv4 and IPv6 addresses (RFC 3261 §25.1, RFC 5890).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::net::Ipv6Addr;

use super::escape;
use super::steps::{Step, Steps};

/// The address of an IPv6 reference in its brackets.
pub(super) fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// True for a host name (underscores and non-ASCII letters tolerated), an IPv4 address or an IPv6 reference.
pub(super) fn is_host(host: &str) -> bool {
    ipv6(host).is_some() || escape::decoded(host).is_some_and(|name| is_name(&name))
}

fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.is_empty()
        && name.split('.').all(|label| {
            !label.is_empty()
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || is_letter(c))
        })
}

fn is_letter(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

/// One form for all writings of a host: lower case, ASCII, no dot at the end, IPv6 in its shortest form (URI-07); notes
/// what had to be done. None for an internationalised name that is not valid. No name is ever looked up (URI-08).
pub(super) fn canonical(host: &str, steps: &mut Steps) -> Option<String> {
    if let Some(address) = ipv6(host) {
        let canonical = format!("[{address}]");
        steps.insert_if(Step::Ipv6, canonical != host);
        return Some(canonical);
    }
    let name = escape::decoded(host)?;
    steps.insert_if(Step::PercentDecoding, matches!(name, Cow::Owned(_)));
    let mut name = if name.is_ascii() {
        let lower = name.to_ascii_lowercase();
        steps.insert_if(Step::HostCase, lower != *name);
        lower
    } else {
        steps.insert(Step::Idn);
        idna::domain_to_ascii(&name).ok()?
    };
    if name.ends_with('.') {
        steps.insert(Step::TrailingDot);
        name.pop();
    }
    (name.is_ascii() && is_name(&name)).then_some(name)
}
