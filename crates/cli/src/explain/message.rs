//! SIP messages found in datagrams and streams, on any port (RFC 3261 §7, §18.3).

use rollmark::core::message::Headers;

/// Octets of start line and headers, at most.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// Octets of a body, at most.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Request { method: String, uri: String },
    Response { status: u16, reason: String },
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) start: Start,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    /// Content-Length says that there is more.
    pub(super) is_cut: bool,
}

impl Start {
    /// None for any other line.
    fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
            let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let status = status.parse().ok().filter(|s| (100..700).contains(s))?;
            let reason = reason.to_owned();
            return Some(Self::Response { status, reason });
        }
        let (method, rest) = line.split_once(' ')?;
        let uri = rest.strip_suffix(" SIP/2.0")?;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
        (!method.is_empty() && method.bytes().all(token) && !uri.is_empty()).then(|| {
            Self::Request {
                method: method.to_owned(),
                uri: uri.to_owned(),
            }
        })
    }
}

/// Where the headers end, the empty line included.
fn head_end(octets: &[u8]) -> Option<usize> {
    let crlf = octets.windows(4).position(|w| w == b"\r\n\r\n");
    let lf = octets.windows(2).position(|w| w == b"\n\n");
    match (crlf.map(|at| at + 4), lf.map(|at| at + 2)) {
        (Some(crlf), Some(lf)) => Some(crlf.min(lf)),
        (crlf, lf) => crlf.or(lf),
    }
}

fn read_head(head: &[u8]) -> Option<(Start, Headers)> {
    let mut lines = head
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let start = Start::parse(lines.next()?)?;
    let mut unfolded: Vec<String> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let text = String::from_utf8_lossy(line);
        match unfolded.last_mut() {
            Some(last) if text.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(text.trim());
            }
            _ => unfolded.push(text.into_owned()),
        }
    }
    let mut headers = Headers::new();
    for line in unfolded {
        if let Some((name, value)) = line.split_once(':') {
            headers.push(name.trim(), value);
        }
    }
    Some((start, headers))
}

fn content_length(headers: &Headers) -> Option<usize> {
    headers.get("Content-Length")?.trim().parse().ok()
}

/// The message of a datagram; none where there is no SIP.
pub(super) fn in_datagram(octets: &[u8]) -> Option<Message> {
    let start = octets.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let octets = octets.get(start..)?;
    let end = head_end(octets).unwrap_or(octets.len());
    let (start, headers) = read_head(octets.get(..end)?)?;
    let rest = octets.get(end..).unwrap_or_default();
    let length = content_length(&headers).unwrap_or(rest.len());
    Some(Message {
        start,
        headers,
        body: rest.get(..length).unwrap_or(rest).to_vec(),
        is_cut: rest.len() < length,
    })
}

/// The messages of one stream.
#[derive(Default)]
pub(super) struct Cutter {
    buffer: Vec<u8>,
    /// Octets of a body too large that are yet to be passed over.
    skip: usize,
    /// How much of the buffer is known to have no end of headers.
    seen: usize,
    found: bool,
}

impl Cutter {
    /// There was a message.
    pub(super) fn has_found(&self) -> bool {
        self.found
    }

    /// Octets that are no whole message yet.
    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Octets are missing: what is there of a message is lost.
    pub(super) fn gap(&mut self) {
        let found = self.found;
        *self = Self {
            found,
            ..Self::default()
        };
    }

    /// More of the stream; the messages that are whole now.
    pub(super) fn add(&mut self, octets: &[u8]) -> Vec<Message> {
        let passed = self.skip.min(octets.len());
        self.skip -= passed;
        self.buffer
            .extend_from_slice(octets.get(passed..).unwrap_or_default());
        let mut messages = Vec::new();
        while let Some(message) = self.next() {
            messages.push(message);
        }
        self.found |= !messages.is_empty();
        messages
    }

    fn drop_first(&mut self, count: usize) {
        self.buffer.drain(..count.min(self.buffer.len()));
        self.seen = 0;
    }

    fn next(&mut self) -> Option<Message> {
        loop {
            let blank = self
                .buffer
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'))
                .count();
            if blank > 0 {
                self.drop_first(blank);
            }
            let from = self.seen.saturating_sub(3);
            let Some(end) = self
                .buffer
                .get(from..)
                .and_then(head_end)
                .map(|at| from + at)
            else {
                self.seen = self.buffer.len();
                if self.buffer.len() > MAX_HEAD {
                    // No SIP; but it may begin again at the end of this.
                    let keep = self.buffer.len() - MAX_HEAD / 2;
                    self.drop_first(keep);
                    self.seen = self.buffer.len();
                }
                return None;
            };
            let head = self.buffer.get(..end).unwrap_or_default();
            let read = match read_head(head) {
                Some(read) => Some((0, read)),
                // The capture began within a message: it may be behind a line of its body.
                None => (1..head.len())
                    .filter(|at| head.get(at - 1) == Some(&b'\n'))
                    .find_map(|at| read_head(head.get(at..)?).map(|read| (at, read))),
            };
            let Some((_, (start, headers))) = read else {
                self.drop_first(end);
                continue;
            };
            let length = content_length(&headers).unwrap_or(0);
            if length > MAX_BODY {
                let there = self.buffer.len() - end;
                self.skip = length.saturating_sub(there);
                self.drop_first(end + length.min(there));
                return Some(Message {
                    start,
                    headers,
                    body: Vec::new(),
                    is_cut: true,
                });
            }
            if self.buffer.len() < end + length {
                // Found again when the rest is there.
                self.seen = 0;
                return None;
            }
            let body = self
                .buffer
                .get(end..end + length)
                .unwrap_or_default()
                .to_vec();
            self.drop_first(end + length);
            return Some(Message {
                start,
                headers,
                body,
                is_cut: false,
            });
        }
    }
}
