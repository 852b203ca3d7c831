//! The session description of an IM session: one MSRP stream that nothing is ever sent on (RFC 4975 §8, RFC 4566, RFC 3264).

use std::net::SocketAddr;

/// Media type of a session description.
pub(crate) const CONTENT_TYPE: &str = "application/sdp";

/// Our offer or answer: MSRP over TCP at this address. `session` names the MSRP session and the description.
pub(crate) fn description(address: SocketAddr, session: u64) -> Vec<u8> {
    let (ip, port) = (address.ip(), address.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let number = session >> 1;
    format!(
        "v=0\r\no=- {number} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=accept-types:message/cpim text/plain\r\n\
         a=path:msrp://{address}/{session:016x};tcp\r\na=setup:active\r\n"
    )
    .into_bytes()
}

/// The peer offers, or has accepted, an MSRP stream: one that was refused has port 0 (RFC 3264 §6).
pub(crate) fn has_messages(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let mut media = text.lines().filter_map(|line| line.strip_prefix("m="));
    let accepted = media.any(|media| {
        let mut fields = media.split_ascii_whitespace();
        let kind = fields.next() == Some("message");
        let port = fields.next().is_some_and(|port| port != "0");
        let msrp = fields
            .next()
            .is_some_and(|protocol| protocol.ends_with("/MSRP"));
        kind && port && msrp
    });
    let path = text.lines().any(|line| line.starts_with("a=path:msrp"));
    accepted && path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4975 §8: the lines that an MSRP stream must have, for both families.
    #[test]
    fn a_description_offers_messages() {
        for (address, line) in [
            (
                "192.0.2.1:9",
                "a=path:msrp://192.0.2.1:9/00000000000000ff;tcp\r\n",
            ),
            (
                "[2001:db8::1]:9",
                "a=path:msrp://[2001:db8::1]:9/00000000000000ff;tcp\r\n",
            ),
        ] {
            let body = description(address.parse().unwrap(), 255);
            assert!(has_messages(&body));
            let text = String::from_utf8(body).unwrap();
            assert!(text.contains(line), "{text}");
            assert!(text.contains("a=accept-types:"), "{text}");
            assert!(text.contains("m=message 9 TCP/MSRP *\r\n"), "{text}");
        }
    }

    /// RFC 3264 §6, RFC 4975 §8.2: a refused stream, another kind, no path, and no description at all.
    #[test]
    fn what_offers_no_messages_is_seen() {
        for body in [
            "",
            "v=0\r\nm=audio 9 RTP/AVP 0\r\n",
            "v=0\r\nm=message 0 TCP/MSRP *\r\na=path:msrp://h:9/s;tcp\r\n",
            "v=0\r\nm=message 9 TCP/MSRP *\r\n",
            "\u{fffd}m=message",
        ] {
            assert!(!has_messages(body.as_bytes()), "{body}");
        }
        let tls = "m=message 9 TCP/TLS/MSRP *\na=path:msrps://h:9/s;tcp\n";
        assert!(has_messages(tls.as_bytes()));
    }
}
