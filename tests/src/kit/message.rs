//! SIP messages as the kit reads and writes them (RFC 3261 §7). Nothing here is shared with the core, so that no fault of
//! its parsers is mirrored.

use std::fmt::Write as _;

/// A request or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line.
    pub first: String,
    /// Headers in order, names in their long form.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

const COMPACT: [(&str, &str); 9] = [
    ("c", "Content-Type"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("o", "Event"),
    ("t", "To"),
    ("v", "Via"),
];

impl Message {
    /// Takes one message off the front of what a connection or a datagram brought; none while more must come.
    pub fn take(buffer: &mut Vec<u8>, stream: bool) -> Option<Self> {
        // Line ends between messages are keep-alives (RFC 5626 §3.5.1).
        let start = buffer.iter().position(|b| !b"\r\n".contains(b))?;
        buffer.drain(..start);
        let head = buffer.windows(4).position(|w| w == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
        let mut lines = text.split("\r\n");
        let mut message = Self {
            first: lines.next()?.to_owned(),
            ..Self::default()
        };
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = message.headers.last_mut() {
                    let _ = write!(value, " {}", line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                let name = name.trim();
                let long = COMPACT.iter().find(|(c, _)| name.eq_ignore_ascii_case(c));
                let name = long.map_or(name, |(_, long)| long);
                message.headers.push((name.into(), value.trim().into()));
            }
        }
        let length = message.get("Content-Length").and_then(|l| l.parse().ok());
        let there = buffer.len() - head - 4;
        let length: usize = length.unwrap_or(if stream { 0 } else { there });
        if there < length {
            return None;
        }
        message.body = buffer[head + 4..head + 4 + length].to_vec();
        buffer.drain(..head + 4 + length);
        Some(message)
    }

    /// As it goes over the wire, with the Content-Length of its body.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", self.body.len());
        [text.into_bytes(), self.body.clone()].concat()
    }

    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All lines of a header.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        let mine =
            move |(n, v): &'a (String, String)| n.eq_ignore_ascii_case(&name).then_some(v.as_str());
        self.headers.iter().filter_map(mine)
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Status code of a response.
    pub fn status(&self) -> Option<u16> {
        self.first.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Method of a request.
    pub fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// Request-URI of a request.
    pub fn uri(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// Number of its CSeq.
    pub fn cseq(&self) -> u32 {
        let cseq = self.get("CSeq").unwrap_or_default();
        let number = cseq.split_whitespace().next().unwrap_or_default();
        number.parse().unwrap_or(u32::MAX)
    }

    /// A response to this request: what RFC 3261 §8.2.6.2 copies, and the tag where To has none.
    #[must_use]
    pub fn response(&self, status: u16, tag: &str) -> Self {
        let mut response = Self {
            first: format!("SIP/2.0 {status} {}", reason(status)),
            ..Self::default()
        };
        for (name, value) in &self.headers {
            let copied = ["Via", "From", "To", "Call-ID", "CSeq"];
            if !copied.iter().any(|c| c.eq_ignore_ascii_case(name)) {
                continue;
            }
            let untagged = name.eq_ignore_ascii_case("To") && param(value, "tag").is_none();
            let value = if untagged && !tag.is_empty() {
                format!("{value};tag={tag}")
            } else {
                value.clone()
            };
            response.headers.push((name.clone(), value));
        }
        response
    }
}

/// The URI of an address: what stands between < and >, else all before the parameters.
pub fn uri_of(address: &str) -> &str {
    match address.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => address.split(';').next().unwrap_or_default().trim(),
    }
}

/// A parameter of an address or value, behind the URI.
pub fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let behind = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    let mut params = behind.split(';').skip(1).map(str::trim);
    params.find_map(|p| {
        let (n, v) = p.split_once('=').unwrap_or((p, ""));
        n.trim().eq_ignore_ascii_case(name).then_some(v.trim())
    })
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        423 => "Interval Too Brief",
        481 => "Subscription Does Not Exist",
        _ => "As The Script Says",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_off_a_stream_one_by_one() {
        let one = b"\r\nNOTIFY sip:a@x SIP/2.0\r\nt: <sip:a@x>;tag=1\r\nSubject: a\r\n  b\r\nl: 2\r\n\r\nhiSIP/2.0 200";
        let mut buffer = one.to_vec();
        let message = Message::take(&mut buffer, true).unwrap();
        assert_eq!((message.method(), message.uri()), ("NOTIFY", "sip:a@x"));
        assert_eq!(message.get("subject"), Some("a b"));
        assert_eq!(param(message.get("To").unwrap(), "tag"), Some("1"));
        assert_eq!(message.body, b"hi");
        assert_eq!(Message::take(&mut buffer, true), None);
        buffer.extend_from_slice(b" OK\r\nContent-Length: 0\r\n\r\n");
        let answer = Message::take(&mut buffer, true).unwrap();
        assert_eq!(answer.status(), Some(200));
        assert!(buffer.is_empty());
    }
}
