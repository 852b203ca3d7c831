//! Bytes as rsip messages and back (RFC 3261 §7): also those that rsip's own parser refuses or misreads.

use std::str::FromStr;

use rollmark::core::message::names_equal;
use rsip::{Header, SipMessage};

use crate::convert;

/// Why bytes are no message that rsip can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no empty line after the headers.
    #[error("the message ends within its headers")]
    Incomplete,
    /// The first line is no request line and no status line of SIP/2.0.
    #[error("the first line is not of SIP/2.0: {0:?}")]
    FirstLine(String),
    /// rsip has no such method.
    #[error("rsip has no method {0:?}")]
    Method(String),
    /// The body is shorter than Content-Length says (RFC 3261 §18.3).
    #[error("Content-Length is {announced}, but the body has {present} bytes")]
    Truncated {
        /// Content-Length.
        announced: usize,
        /// Bytes after the headers.
        present: usize,
    },
}

/// Reads one whole message. Compact names become long, folded lines are unfolded, a line without colon is skipped, the
/// body is cut at Content-Length; line ends before the message are ignored. Takes time linear in the text.
///
/// # Errors
/// See [`ReadError`].
pub fn read(bytes: &[u8]) -> Result<SipMessage, ReadError> {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n'));
    let bytes = start.map_or(&[][..], |start| &bytes[start..]);
    let (head, body) = split_head(bytes).ok_or(ReadError::Incomplete)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = unfolded(&head).into_iter();
    let first = lines.next().ok_or(ReadError::Incomplete)?;

    let headers: Vec<Header> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some(convert::header_to_rsip(name.trim(), value.trim()))
        })
        .collect();
    let announced = headers
        .iter()
        .map(convert::header_from_rsip)
        .find(|(name, _)| names_equal(name, "Content-Length"))
        .and_then(|(_, value)| usize::from_str(&value).ok());
    let body = match announced {
        None => body,
        Some(announced) => body.get(..announced).ok_or(ReadError::Truncated {
            announced,
            present: body.len(),
        })?,
    };
    message(&first, headers.into(), body.to_vec())
}

fn message(first: &str, headers: rsip::Headers, body: Vec<u8>) -> Result<SipMessage, ReadError> {
    let wrong = || ReadError::FirstLine(first.to_owned());
    let version = rsip::Version::V2;
    let (start, rest) = first.split_once(' ').ok_or_else(wrong)?;
    if start.eq_ignore_ascii_case("SIP/2.0") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let code: u16 = code.parse().map_err(|_| wrong())?;
        if !(100..700).contains(&code) {
            return Err(wrong());
        }
        return Ok(SipMessage::Response(rsip::Response {
            status_code: convert::status(code, reason),
            version,
            headers,
            body,
        }));
    }
    let (uri, end) = rest.trim_end().rsplit_once(' ').ok_or_else(wrong)?;
    let uri = uri.trim();
    if !end.eq_ignore_ascii_case("SIP/2.0") || uri.is_empty() || uri.contains(' ') {
        return Err(wrong());
    }
    Ok(SipMessage::Request(rsip::Request {
        method: convert::method(start).ok_or_else(|| ReadError::Method(start.to_owned()))?,
        uri: convert::uri_to_rsip(uri),
        version,
        headers,
        body,
    }))
}

/// The text before the first empty line, and what follows that line.
fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut line = 0;
    while let Some(length) = bytes.get(line..)?.iter().position(|b| *b == b'\n') {
        let end = line + length;
        if matches!(bytes.get(line..end)?, b"" | b"\r") {
            return Some((bytes.get(..line)?, bytes.get(end + 1..)?));
        }
        line = end + 1;
    }
    None
}

/// The lines of a head, continuation lines joined by a blank (RFC 3261 §7.3.1).
fn unfolded(head: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A message as it goes over the wire. Unlike rsip's own printing it leaves every byte of the body as it is.
#[must_use]
pub fn bytes(message: &SipMessage) -> Vec<u8> {
    let mut message = message.clone();
    let body = std::mem::take(message.body_mut());
    let mut bytes = message.to_string().into_bytes();
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsip::prelude::*;

    const PLAIN: &str = "NOTIFY sip:alice@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
        From: <sip:room@example.org>;tag=a\r\nTo: <sip:alice@example.org>;tag=b\r\nCall-ID: 1@x\r\nCSeq: 1 NOTIFY\r\n\
        Content-Length: 2\r\n\r\nhi";

    #[test]
    fn a_well_formed_message_is_read_as_rsip_reads_it() {
        let ours = read(PLAIN.as_bytes()).unwrap();
        assert_eq!(ours, SipMessage::try_from(PLAIN).unwrap());
        assert_eq!(bytes(&ours), PLAIN.as_bytes());
    }

    #[test]
    fn what_rsip_refuses_is_read() {
        let odd = "\r\nNOTIFY tel:+12125551212 SIP/2.0\r\nv: SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1\r\n\
            f : <tel:+1>;tag=a\r\nt:\t<sip:alice@[2001:db8::2]>\r\n ;tag=b\r\ni: 1@x\r\nnonsense\r\nl: 2\r\n\r\nhi!";
        assert!(SipMessage::try_from(odd).is_err());
        let SipMessage::Request(request) = read(odd.as_bytes()).unwrap() else {
            panic!("a request");
        };
        assert_eq!(request.uri.to_string(), "tel:+12125551212");
        assert_eq!(request.from_header().unwrap().value(), "<tel:+1>;tag=a");
        let to = request.to_header().unwrap().value();
        assert_eq!(to, "<sip:alice@[2001:db8::2]> ;tag=b");
        assert_eq!(request.call_id_header().unwrap().value(), "1@x");
        assert_eq!(request.body, b"hi");
    }

    #[test]
    fn bytes_of_headers_and_bodies_that_are_no_utf_8_lose_nobody() {
        let SipMessage::Response(response) =
            read(b"SIP/2.0 202 Accepted\nX: \xff\nl: 1\n\n\xff").unwrap()
        else {
            panic!("a response");
        };
        assert_eq!(response.status_code.code(), 202);
        assert_eq!(response.body, b"\xff");
        assert!(bytes(&response.into()).ends_with(b"\r\n\r\n\xff"));
    }

    #[test]
    fn what_is_no_message_says_why() {
        let fault = |text: &str| read(text.as_bytes()).unwrap_err();
        assert_eq!(fault(""), ReadError::Incomplete);
        assert_eq!(fault("\r\n\r\n"), ReadError::Incomplete);
        assert_eq!(
            fault("NOTIFY sip:a SIP/2.0\r\nTo: x"),
            ReadError::Incomplete
        );
        for line in [
            "garbage",
            "NOTIFY sip:a SIP/3.0",
            "NOTIFY  SIP/2.0",
            "NOTIFY sip:a b SIP/2.0",
            "SIP/2.0 99 No",
            "SIP/2.0 abc No",
        ] {
            let text = format!("{line}\r\n\r\n");
            assert_eq!(fault(&text), ReadError::FirstLine(line.into()));
        }
        assert_eq!(
            fault("notify sip:a SIP/2.0\r\n\r\n"),
            ReadError::Method("notify".into())
        );
        assert_eq!(
            fault("NOTIFY sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\nhi"),
            ReadError::Truncated {
                announced: 5,
                present: 2
            }
        );
    }
}
