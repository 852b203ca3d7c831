//! Where a request in a dialog goes: route set, loose and strict routers, remote target (RFC 3261 §12.1.1, §12.2.1.1). For
//! whoever has dialogs of his own, too.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::header::{self, Address};
use crate::message::Headers;
use crate::uri::{Scheme, Uri};

/// Proxies in a route set, at most: a longer Record-Route is a mistake or an attack, and is cut off (SEC-18).
pub const MAX_ROUTES: usize = 32;

/// How a request is sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Way {
    /// Request-URI.
    pub uri: String,
    /// Route values, topmost first.
    pub routes: Vec<String>,
    /// URI of the next hop.
    pub next_hop: String,
}

/// The way to a target by a route set: to the topmost route, which is the Request-URI as well when it is a strict router.
#[must_use]
pub fn way(target: &str, route_set: &[Box<str>]) -> Way {
    let uri = request_uri(target);
    let mut routes: Vec<String> = route_set.iter().map(ToString::to_string).collect();
    let Some(first) = routes.first().and_then(|route| Address::parse(route)) else {
        return Way {
            next_hop: uri.clone(),
            uri,
            routes,
        };
    };
    let loose = Uri::parse(&first.uri).is_ok_and(|uri| uri.param("lr").is_some());
    if loose {
        return Way {
            uri,
            routes,
            next_hop: first.uri,
        };
    }
    routes.remove(0);
    routes.push(["<", target, ">"].concat());
    Way {
        uri: request_uri(&first.uri),
        routes,
        next_hop: first.uri,
    }
}

/// The URI without what a Request-URI must not have: headers and `method` (RFC 3261 §19.1.1).
fn request_uri(text: &str) -> String {
    let Ok(uri) = Uri::parse(text) else {
        return text.to_string();
    };
    let mut plain = text;
    if let Some(rest) = uri.headers().and_then(|headers| text.strip_suffix(headers)) {
        plain = rest.strip_suffix('?').unwrap_or(rest);
    }
    if uri.param("method").is_none() {
        return plain.to_string();
    }
    let (user, host) = match plain.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, plain),
    };
    let is_method = |param: &&str| {
        let name = param.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("method")
    };
    let host: Vec<&str> = host.split(';').filter(|param| !is_method(param)).collect();
    let host = host.join(";");
    match user {
        Some(user) => [user, "@", &host].concat(),
        None => host,
    }
}

/// True for a Contact that requests can be sent to: a SIP URI, and a protected one when the dialog is (SEC-05).
#[must_use]
pub fn usable_target(contact: &str, remote: &str) -> bool {
    let secure = Uri::parse(remote).is_ok_and(|uri| uri.scheme() == Scheme::Sips);
    Uri::parse(contact).is_ok_and(|uri| match uri.scheme() {
        Scheme::Sips => true,
        Scheme::Sip => !secure,
        _ => false,
    })
}

/// The Record-Route values in their order, and whether some had to be left out.
#[must_use]
pub fn record_route(headers: &Headers) -> (Box<[Box<str>]>, bool) {
    let mut bad = false;
    let mut routes: Vec<Box<str>> = Vec::new();
    for route in headers.all("Record-Route").flat_map(header::split_list) {
        let usable = Address::parse(route).is_some_and(|address| usable_target(&address.uri, ""));
        if usable && routes.len() < MAX_ROUTES {
            routes.push(route.into());
        } else {
            bad = true;
        }
    }
    (routes.into(), bad)
}
