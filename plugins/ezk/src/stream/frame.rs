//! Where one message ends on a connection and the next begins (RFC 3261 §18.3, RFC 5626 §4.4.1). Whatever pieces the bytes come
//! in, the same messages come out.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter};
use rollmark::core::message::names_equal;

/// Longest head, from the first line to the empty one, in bytes (SEC-18).
pub const MAX_HEAD: usize = 65_536;
/// Longest body in bytes: a full roster of some thousand users (SEC-18).
pub const MAX_BODY: usize = 1_048_576;

/// What comes off a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A message, whole.
    Message {
        /// With the empty line.
        head: Bytes,
        /// As long as Content-Length says.
        body: Bytes,
    },
    /// A line end between messages: the answer to a keep-alive, or the first half of one.
    LineEnd,
    /// The second line end in a row: a keep-alive to be answered by one line end.
    Ping,
}

/// After this nothing on the connection can be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameFault {
    #[error("a message has more than {MAX_HEAD} bytes of headers")]
    Head,
    #[error("a message of {0} bytes is too large: {MAX_BODY} are taken")]
    Body(u64),
    /// RFC 3261 §20.14: over a connection it must be there.
    #[error("a message is malformed: no Content-Length tells its end")]
    NoLength,
    #[error("a message is malformed: its Content-Length is no number, or there are two")]
    Length,
}

/// Bytes as they came, and how far they have been looked at.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: BytesMut,
    /// Where the line begins that is not known to be whole.
    line: usize,
    /// Length of the head, and of head and body, once the head is there.
    ends: Option<(usize, usize)>,
    /// A line end came that may be half of a keep-alive.
    half: bool,
}

impl Framer {
    /// Where what is read goes.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next frame; none while more must come.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameFault> {
        if self.line == 0
            && self.ends.is_none()
            && let Some(frame) = self.between()
        {
            return Ok(Some(frame));
        }
        let Some((head, all)) = self.ends()? else {
            return Ok(None);
        };
        if self.buffer.len() < all {
            self.buffer.reserve(all - self.buffer.len());
            return Ok(None);
        }
        let mut message = self.buffer.split_to(all).freeze();
        let body = message.split_off(head);
        (self.line, self.ends, self.half) = (0, None, false);
        Ok(Some(Frame::Message {
            head: message,
            body,
        }))
    }

    /// Line ends before a message.
    fn between(&mut self) -> Option<Frame> {
        loop {
            match self.buffer.first()? {
                b'\n' => {
                    self.buffer.advance(1);
                    self.half = !self.half;
                    return Some(if self.half {
                        Frame::LineEnd
                    } else {
                        Frame::Ping
                    });
                }
                b'\r' => self.buffer.advance(1),
                _ => return None,
            }
        }
    }

    fn ends(&mut self) -> Result<Option<(usize, usize)>, FrameFault> {
        if self.ends.is_some() {
            return Ok(self.ends);
        }
        loop {
            let rest = self.buffer.get(self.line..).unwrap_or_default();
            let Some(length) = memchr(b'\n', rest) else {
                return match self.buffer.len() > MAX_HEAD {
                    true => Err(FrameFault::Head),
                    false => Ok(None),
                };
            };
            let is_last = matches!(rest.get(..length), Some(b"" | b"\r"));
            self.line += length + 1;
            if self.line > MAX_HEAD {
                return Err(FrameFault::Head);
            }
            if is_last {
                let body = content_length(self.buffer.get(..self.line).unwrap_or_default())?;
                self.ends = Some((self.line, self.line + body));
                return Ok(self.ends);
            }
        }
    }
}

/// Content-Length, in any place and in its compact form; twice only if it says the same.
fn content_length(head: &[u8]) -> Result<usize, FrameFault> {
    let mut found = None;
    let mut start = 0;
    for end in memchr_iter(b'\n', head) {
        let line = head.get(start..end).unwrap_or_default();
        start = end + 1;
        let Some(colon) = memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let is_length = std::str::from_utf8(name.trim_ascii_end())
            .is_ok_and(|name| names_equal(name, "Content-Length"));
        if !is_length {
            continue;
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().filter(|_| digits);
        // A number beyond u64 is a number all the same.
        let length = number
            .ok_or(FrameFault::Length)?
            .parse()
            .unwrap_or(u64::MAX);
        if found.is_some_and(|known| known != length) {
            return Err(FrameFault::Length);
        }
        found = Some(length);
    }
    let length = found.ok_or(FrameFault::NoLength)?;
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_BODY)
        .ok_or(FrameFault::Body(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that comes out of these pieces.
    fn frames(pieces: &[&[u8]]) -> Result<Vec<Frame>, FrameFault> {
        let (mut framer, mut frames) = (Framer::default(), Vec::new());
        for piece in pieces {
            framer.buffer().extend_from_slice(piece);
            while let Some(frame) = framer.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn message(head: &str, body: &str) -> Frame {
        Frame::Message {
            head: Bytes::copy_from_slice(head.as_bytes()),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    const HEAD: &str = "NOTIFY sip:a@x SIP/2.0\r\nl : 4\r\nSubject: Content-Length: 9\r\n\r\n";

    /// RFC 3261 §18.3: at each place where a message may be cut in two.
    #[test]
    fn a_message_in_two_pieces_is_one_message() {
        let whole = format!("{HEAD}body\r\n\r\n{HEAD}more");
        let expected = [
            message(HEAD, "body"),
            Frame::LineEnd,
            Frame::Ping,
            message(HEAD, "more"),
        ];
        for at in 0..=whole.len() {
            let (one, two) = whole.as_bytes().split_at(at);
            assert_eq!(frames(&[one, two]).unwrap(), expected, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = whole.as_bytes().chunks(1).collect();
        assert_eq!(frames(&bytes).unwrap(), expected);
    }

    /// RFC 3261 §20.14: the length is found wherever and however it is written, and a wrong one is refused.
    #[test]
    fn the_length_is_read_however_it_is_written() {
        let length = |lines: &str| content_length(format!("X\r\n{lines}\r\n\r\n").as_bytes());
        for (lines, expected) in [
            ("Content-Length: 7", Ok(7)),
            ("CONTENT-LENGTH:7 ", Ok(7)),
            ("l\t: 7", Ok(7)),
            ("A: b\nL: 7\nC: d", Ok(7)),
            ("l: 7\r\nContent-Length: 7", Ok(7)),
            ("l: 7\r\nContent-Length: 8", Err(FrameFault::Length)),
            ("l: -1", Err(FrameFault::Length)),
            ("l: +1", Err(FrameFault::Length)),
            ("l: x", Err(FrameFault::Length)),
            ("l:", Err(FrameFault::Length)),
            ("A: b", Err(FrameFault::NoLength)),
            ("no colon", Err(FrameFault::NoLength)),
            ("l: 1048576", Ok(MAX_BODY)),
            ("l: 1048577", Err(FrameFault::Body(1_048_577))),
            ("l: 99999999999999999999", Err(FrameFault::Body(u64::MAX))),
        ] {
            assert_eq!(length(lines), expected, "{lines:?}");
        }
    }

    /// SEC-18: neither a head without end nor one that is too long is kept.
    #[test]
    fn a_head_is_bounded() {
        let line = "a".repeat(MAX_HEAD + 1);
        assert_eq!(frames(&[line.as_bytes()]), Err(FrameFault::Head));
        let lines = "a: b\r\n".repeat(MAX_HEAD / 6 + 1);
        assert_eq!(frames(&[lines.as_bytes()]), Err(FrameFault::Head));
        let longest = format!("l: 0\r\n{}\r\n\r\n", "b".repeat(MAX_HEAD - 10));
        assert_eq!(frames(&[longest.as_bytes()]).unwrap().len(), 1);
    }

    /// What a reader that has everything at once would find.
    fn expected(parts: &[(bool, String)]) -> Vec<Frame> {
        let (mut frames, mut ends) = (Vec::new(), 0);
        for (is_end, body) in parts {
            if *is_end {
                ends += 1;
                frames.push(if ends % 2 == 1 {
                    Frame::LineEnd
                } else {
                    Frame::Ping
                });
            } else {
                ends = 0;
                frames.push(message(&head(body), body));
            }
        }
        frames
    }

    fn head(body: &str) -> String {
        format!("A: b\r\ncontent-length:  {}\r\nC: d\r\n\r\n", body.len())
    }

    proptest! {
        /// Any cut of any sequence of messages and keep-alives gives the same.
        #[test]
        fn any_cut_gives_the_same_frames(
            parts in prop::collection::vec((any::<bool>(), "[\r\na-z]{0,40}"), 0..8),
            cuts in prop::collection::vec(1usize..30, 0..40),
        ) {
            let text: String = parts
                .iter()
                .map(|(is_end, body)| match is_end {
                    true => "\r\n".to_owned(),
                    false => head(body) + body,
                })
                .collect();
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            pieces.push(rest);
            prop_assert_eq!(frames(&pieces).unwrap(), expected(&parts));
        }
    }
}
