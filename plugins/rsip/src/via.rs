//! Via: what a request of ours says, and what is added to a received one (RFC 3261 §18.2.1, §20.42; RFC 3581).

use std::net::{IpAddr, SocketAddr};

use rollmark::core::header::split_list;
use rollmark::core::message::names_equal;

use crate::convert;
use crate::host::Flow;

/// The port where sent-by names none (RFC 3261 §18.2.2).
const DEFAULT_PORT: u16 = 5060;
/// A branch of RFC 3261 begins so (§8.1.1.7).
pub(crate) const COOKIE: &str = "z9hG4bK";

/// Via of a request of ours.
pub(crate) fn ours(flow: Flow, branch: &str) -> String {
    format!(
        "SIP/2.0/{} {};branch={branch};rport",
        flow.transport, flow.local
    )
}

/// The topmost Via of a message, if it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Via<'a> {
    /// Host and port as written.
    pub(crate) sent_by: String,
    params: &'a str,
}

impl<'a> Via<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (sent, params) = value.split_once(';').unwrap_or((value, ""));
        let (_, transport) = sent.split_once('/')?.1.split_once('/')?;
        let (_, sent_by) = transport.trim_start().split_once(char::is_whitespace)?;
        let sent_by: String = sent_by.split_whitespace().collect();
        (!sent_by.is_empty()).then_some(Self { sent_by, params })
    }

    fn params(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.params.split(';').map(|param| {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            (name.trim(), value.trim())
        })
    }

    fn param(&self, name: &str) -> Option<&'a str> {
        self.params()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The branch, if there is one.
    pub(crate) fn branch(&self) -> Option<&'a str> {
        self.param("branch").filter(|branch| !branch.is_empty())
    }

    fn host_and_port(&self) -> (&str, Option<u16>) {
        if let Some((host, rest)) = self.sent_by.split_once(']') {
            let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
            return (host.trim_start_matches('['), port);
        }
        match self.sent_by.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (&self.sent_by, None),
        }
    }

    /// Where the response to a request that came by this flow goes: over a connection the way it came; over UDP to the
    /// address it came from, at its port if the client asked for that (RFC 3581 §4), else at the port of sent-by. `maddr`
    /// is not followed: it would let a stranger choose whom we send to.
    pub(crate) fn way_back(&self, from: Flow) -> Flow {
        if from.is_reliable() || self.param("rport").is_some() {
            return from;
        }
        let port = self.host_and_port().1.unwrap_or(DEFAULT_PORT);
        Flow {
            remote: SocketAddr::new(from.remote.ip(), port),
            ..from
        }
    }
}

/// All Via values of a message, topmost first.
pub(crate) fn values(headers: &rsip::Headers) -> Vec<String> {
    headers
        .iter()
        .map(convert::header_from_rsip)
        .filter(|(name, _)| names_equal(name, "Via"))
        .flat_map(|(_, value)| split_list(&value).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The topmost Via with what the server adds: `received` where sent-by is not the address it came from, and the value of
/// `rport`, which asks for both.
pub(crate) fn received(value: &str, from: SocketAddr) -> String {
    let Some(via) = Via::parse(value) else {
        return value.to_owned();
    };
    let asks = via.param("rport").is_some();
    let same = via.host_and_port().0.parse() == Ok::<IpAddr, _>(from.ip());
    let mut text = value
        .split(';')
        .next()
        .unwrap_or(value)
        .trim_end()
        .to_owned();
    for param in via.params.split(';').filter(|param| !param.is_empty()) {
        let name = param.split('=').next().unwrap_or(param).trim();
        // Nobody but us says where it came from.
        if name.eq_ignore_ascii_case("received") {
            continue;
        }
        text.push(';');
        if name.eq_ignore_ascii_case("rport") {
            text.push_str(&format!("rport={}", from.port()));
        } else {
            text.push_str(param);
        }
    }
    if asks || !same {
        text.push_str(&format!(";received={}", from.ip()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(remote: &str) -> Flow {
        Flow {
            transport: rsip::Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
        }
    }

    #[test]
    fn sent_by_and_branch_are_read_however_they_are_written() {
        for (value, sent_by, branch) in [
            (
                "SIP/2.0/UDP a.example:5070;branch=z9hG4bK1",
                "a.example:5070",
                Some("z9hG4bK1"),
            ),
            (
                "SIP / 2.0 / UDP  a.example : 5070 ; Branch = x ;rport",
                "a.example:5070",
                Some("x"),
            ),
            (
                "SIP/2.0/TCP [2001:db8::1]:5060;branch=",
                "[2001:db8::1]:5060",
                None,
            ),
        ] {
            let via = Via::parse(value).unwrap();
            assert_eq!(
                (via.sent_by.as_str(), via.branch()),
                (sent_by, branch),
                "{value}"
            );
        }
        for value in ["", "x", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=1", ";;"] {
            assert_eq!(Via::parse(value), None, "{value}");
        }
    }

    /// RFC 3261 §18.2.1, RFC 3581 §4.
    #[test]
    fn the_server_says_where_a_request_came_from() {
        let at = |value| received(value, "198.51.100.9:4000".parse().unwrap());
        for (value, expected) in [
            (
                "SIP/2.0/UDP 198.51.100.9;branch=b",
                "SIP/2.0/UDP 198.51.100.9;branch=b",
            ),
            (
                "SIP/2.0/UDP 10.0.0.1;branch=b",
                "SIP/2.0/UDP 10.0.0.1;branch=b;received=198.51.100.9",
            ),
            (
                "SIP/2.0/UDP 198.51.100.9:5070;rport;branch=b",
                "SIP/2.0/UDP 198.51.100.9:5070;rport=4000;branch=b;received=198.51.100.9",
            ),
            (
                "SIP/2.0/UDP a.example;received=203.0.113.1;branch=b",
                "SIP/2.0/UDP a.example;branch=b;received=198.51.100.9",
            ),
            ("not a via", "not a via"),
        ] {
            assert_eq!(at(value), expected);
        }
    }

    /// RFC 3261 §18.2.2.
    #[test]
    fn a_response_goes_where_the_client_listens() {
        let back = |value: &str| {
            Via::parse(value)
                .unwrap()
                .way_back(from("198.51.100.9:4000"))
                .remote
        };
        assert_eq!(
            back("SIP/2.0/UDP a.example:5070;branch=b;rport").port(),
            4000
        );
        assert_eq!(back("SIP/2.0/UDP a.example:5070;branch=b").port(), 5070);
        assert_eq!(
            back("SIP/2.0/UDP [2001:db8::1];branch=b;maddr=203.0.113.1").to_string(),
            "198.51.100.9:5060"
        );
        let tcp = Flow {
            transport: rsip::Transport::Tcp,
            ..from("198.51.100.9:4000")
        };
        assert_eq!(
            Via::parse("SIP/2.0/TCP a:5070;branch=b")
                .unwrap()
                .way_back(tcp),
            tcp
        );
    }
}
