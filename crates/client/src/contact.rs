//! What adapters that own sockets have in common: the address at which they are reached (RFC 3261 §8.1.1.8).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rollmark_core::header::Address;
use rollmark_core::message::Request;
use rollmark_core::uri::Uri;

/// The local address that the system would send from. Connecting a UDP socket sends nothing.
///
/// # Errors
/// When there is no way there.
pub fn local_ip_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if remote.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}

/// Fills the Contact that the account left open, `<>`, with the address of the flow that the request leaves by: `contact` gives
/// the `sip:` URI at which a user is reached there (SUB-09).
pub fn name_contact(request: &mut Request, contact: impl FnOnce(&str) -> String) {
    let open = request.headers.get("Contact");
    let Some(rest) = open.and_then(|contact| contact.strip_prefix("<>")) else {
        return;
    };
    let from = request.headers.get("From").and_then(Address::parse);
    let uri = from.and_then(|from| Uri::parse(&from.uri).ok());
    let contact = contact(uri.as_ref().and_then(Uri::user).unwrap_or("rollmark"));
    // A protected target is told a protected Contact (RFC 3261 §8.1.1.8, SEC-05).
    let contact = match contact.strip_prefix("sip:") {
        Some(address) if request.uri.starts_with("sips:") => format!("sips:{address}"),
        _ => contact,
    };
    let contact = format!("<{contact}>{rest}");
    request.headers.set("Contact", contact);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollmark_core::message::Headers;

    fn named(uri: &str, from: &str, contact: &str) -> String {
        let headers = [("From", from), ("Contact", contact)];
        let mut request = Request {
            method: "SUBSCRIBE".into(),
            uri: uri.into(),
            headers: headers.into_iter().collect::<Headers>(),
            body: Vec::new(),
        };
        name_contact(&mut request, |user| format!("sip:{user}@192.0.2.1:5060"));
        request.headers.get("Contact").unwrap().to_owned()
    }

    /// SUB-09, SEC-05.
    #[test]
    fn an_open_contact_is_filled_and_no_other() {
        for (uri, from, contact, expected) in [
            (
                "sip:r@x",
                "<sip:alice@x>;tag=1",
                "<>",
                "<sip:alice@192.0.2.1:5060>",
            ),
            (
                "sip:r@x",
                "<sip:alice@x>",
                "<>;a=b",
                "<sip:alice@192.0.2.1:5060>;a=b",
            ),
            (
                "sips:r@x",
                "<sip:alice@x>",
                "<>",
                "<sips:alice@192.0.2.1:5060>",
            ),
            ("sip:r@x", "<sip:x>", "<>", "<sip:rollmark@192.0.2.1:5060>"),
            ("sip:r@x", "<sip:alice@x>", "<sip:b@y>", "<sip:b@y>"),
        ] {
            assert_eq!(named(uri, from, contact), expected);
        }
    }

    #[test]
    fn loopback_is_reached_from_loopback() {
        let at = |text: &str| local_ip_towards(text.parse().unwrap()).unwrap().to_string();
        assert_eq!(at("127.0.0.1:9"), "127.0.0.1");
    }
}
