//! Messages as they stand on a connection, and as neutral ones (RFC 3261 §7): also those that ezk's parser drops.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use ezk_sip_types::StatusCode;
use rollmark::core::header::split_list;
use rollmark::core::host::Answer;
use rollmark::core::message::{Headers, Request, Response, names_equal};

/// A message that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Request(Request),
    Response(Response),
}

/// Why a head is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message is malformed: its first line is none of SIP/2.0")]
pub(crate) struct Malformed;

impl Message {
    pub(crate) fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// Reads a head. Folded lines are unfolded, a line without colon is skipped, and bytes that are no UTF-8 are replaced: none of
    /// them costs the message.
    pub(crate) fn read(head: &[u8], body: &[u8]) -> Result<Self, Malformed> {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.lines();
        let first = lines.next().ok_or(Malformed)?;
        let mut headers = Headers::new();
        let mut open: Option<(&str, String)> = None;
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = &mut open {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            if let Some((name, value)) = open.take() {
                headers.push(name, value);
            }
            open = line
                .split_once(':')
                .map(|(name, value)| (name.trim_end(), value.trim().to_owned()));
        }
        let body = body.to_vec();
        let (start, rest) = first.split_once(' ').ok_or(Malformed)?;
        if start.eq_ignore_ascii_case("SIP/2.0") {
            let rest = rest.trim_start();
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = code.trim().parse().ok();
            return Ok(Self::Response(Response {
                status: status.filter(|s| (100..700).contains(s)).ok_or(Malformed)?,
                reason: reason.trim().to_owned(),
                headers,
                body,
            }));
        }
        let (uri, version) = rest.trim_end().rsplit_once(' ').ok_or(Malformed)?;
        let uri = uri.trim();
        let is_whole = version.eq_ignore_ascii_case("SIP/2.0") && !uri.is_empty();
        if !is_whole || start.is_empty() || uri.contains(char::is_whitespace) {
            return Err(Malformed);
        }
        Ok(Self::Request(Request {
            method: start.to_owned(),
            uri: uri.to_owned(),
            headers,
            body,
        }))
    }
}

/// All Via values, topmost first.
pub(crate) fn vias(headers: &Headers) -> Vec<&str> {
    headers.all("Via").flat_map(split_list).collect()
}

/// A parameter of a Via value.
pub(crate) fn param<'a>(via: &'a str, name: &str) -> Option<&'a str> {
    via.split(';').skip(1).find_map(|param| {
        let (key, value) = param.split_once('=').unwrap_or((param, ""));
        let is_it = key.trim().eq_ignore_ascii_case(name);
        is_it.then_some(value.trim())
    })
}

/// Host of sent-by.
fn sent_by_host(via: &str) -> &str {
    let sent = via.split(';').next().unwrap_or_default().trim();
    let sent_by = sent.rsplit(char::is_whitespace).next().unwrap_or_default();
    match sent_by.split_once(']') {
        Some((host, _)) => host.trim_start_matches('['),
        None => sent_by.split(':').next().unwrap_or_default(),
    }
}

/// The method that CSeq names.
pub(crate) fn cseq_method(headers: &Headers) -> Option<&str> {
    headers.get("CSeq")?.split_ascii_whitespace().nth(1)
}

/// A request with this Via on top, as it goes over a connection; none when its first line could not be read.
pub(crate) fn request(request: &Request, via: &str) -> Option<Bytes> {
    let breaks = |text: &str| {
        text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    if breaks(&request.uri) || breaks(&request.method) {
        return None;
    }
    let mut text = String::with_capacity(512 + request.body.len());
    let _ = write!(
        text,
        "{} {} SIP/2.0\r\nVia: {via}\r\n",
        request.method, request.uri
    );
    lines(&mut text, &request.headers);
    Some(ended(text, &request.body))
}

/// The answer to a request, by RFC 3261 §8.2.6.2: what it copies comes as it came.
pub(crate) fn response(request: &Request, answer: &Answer, source: SocketAddr) -> Bytes {
    let reason = StatusCode::from(answer.status).text().unwrap_or_default();
    let mut text = format!("SIP/2.0 {} {reason}\r\n", answer.status);
    for (place, via) in vias(&request.headers).into_iter().enumerate() {
        let _ = write!(text, "Via: {via}");
        if place == 0 && sent_by_host(via).parse() != Ok::<IpAddr, _>(source.ip()) {
            let _ = write!(text, ";received={}", source.ip());
        }
        text.push_str("\r\n");
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        if let Some(value) = request.headers.get(name) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    lines(&mut text, &answer.headers);
    ended(text, &[])
}

fn lines(text: &mut String, headers: &Headers) {
    for header in headers.iter() {
        let ours = ["Via", "Content-Length"];
        if !ours.iter().any(|name| names_equal(&header.name, name)) {
            let _ = write!(text, "{}: {}\r\n", header.name, header.value);
        }
    }
}

fn ended(mut text: String, body: &[u8]) -> Bytes {
    let _ = write!(text, "Content-Length: {}\r\n\r\n", body.len());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Message {
        Message::read(text, b"body").unwrap()
    }

    /// SEC-19: what ezk drops, whole messages at a time, is read.
    #[test]
    fn odd_messages_are_read() {
        let odd = b"NOTIFY tel:+1 SIP/2.0\nv: SIP/2.0/TCP a_b;branch=z9hG4bK1\r\nno colon\r\nf: \"a \\\"b\\\" \xff\" <tel:+1>\r\n ;tag=a\r\n\r\n";
        let Message::Request(request) = read(odd) else {
            panic!("a request");
        };
        assert_eq!(
            (request.method.as_str(), request.uri.as_str()),
            ("NOTIFY", "tel:+1")
        );
        let from = request.headers.get("From");
        assert_eq!(from, Some("\"a \\\"b\\\" \u{fffd}\" <tel:+1> ;tag=a"));
        assert_eq!(request.headers.len(), 2);
        assert_eq!(param(vias(&request.headers)[0], "Branch"), Some("z9hG4bK1"));
        assert_eq!(request.body, b"body");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for line in [
            "",
            "garbage",
            "NOTIFY sip:a SIP/3.0",
            "NOTIFY  SIP/2.0",
            "NOTIFY sip:a b SIP/2.0",
            " sip:a SIP/2.0",
            "SIP/2.0 99 No",
            "SIP/2.0 abc",
            "SIP/3.0 200 OK",
        ] {
            let head = format!("{line}\r\n\r\n");
            assert_eq!(
                Message::read(head.as_bytes(), b""),
                Err(Malformed),
                "{line}"
            );
        }
    }

    /// RFC 3261 §8.2.6.2, §18.2.1.
    #[test]
    fn an_answer_brings_back_what_came() {
        let text = b"NOTIFY sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h:1;branch=1, SIP/2.0/UDP [::1]:2;branch=2\r\n\
            From: <tel:+1>;tag=a\r\nTo: <sip:b:5;transport=tcp>;tag=b\r\nCall-ID: c\r\nCSeq: 3 NOTIFY\r\nEvent: x\r\n\r\n";
        let Message::Request(request) = read(text) else {
            panic!("a request");
        };
        let answer = Answer::new(489).with("Allow-Events", "conference");
        let bytes = response(&request, &answer, "192.0.2.1:9".parse().unwrap());
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            "SIP/2.0 489 Bad Event\r\nVia: SIP/2.0/TCP h:1;branch=1;received=192.0.2.1\r\n\
             Via: SIP/2.0/UDP [::1]:2;branch=2\r\nFrom: <tel:+1>;tag=a\r\nTo: <sip:b:5;transport=tcp>;tag=b\r\n\
             Call-ID: c\r\nCSeq: 3 NOTIFY\r\nAllow-Events: conference\r\nContent-Length: 0\r\n\r\n"
        );
        let same = response(&request, &answer, "[::1]:9".parse().unwrap());
        assert!(
            std::str::from_utf8(&same)
                .unwrap()
                .contains(";received=::1\r\n")
        );
    }

    /// SEC-09: nothing starts a line of its own.
    #[test]
    fn a_request_is_written_as_it_is() {
        let mut headers = Headers::new();
        headers.push("To", "<sip:b>");
        headers.push("l", "9");
        let mut asked = Request {
            method: "SUBSCRIBE".into(),
            uri: "tel:+1".into(),
            headers,
            body: b"xy".to_vec(),
        };
        let bytes = request(&asked, "SIP/2.0/TCP a;branch=b").unwrap();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            "SUBSCRIBE tel:+1 SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=b\r\nTo: <sip:b>\r\nContent-Length: 2\r\n\r\nxy"
        );
        asked.uri = "sip:a\r\nX: y".into();
        assert_eq!(request(&asked, "v"), None);
    }
}
