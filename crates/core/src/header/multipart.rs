//! Multipart bodies in SIP (RFC 2046 §5.1, RFC 5621 §3).

use alloc::string::String;
use alloc::vec::Vec;

use memchr::memmem;

use super::{MediaType, is_encoded, lex};
use crate::message::Headers;

/// Most parts that a body may have; one with more is not read at all.
pub const MAX_PARTS: usize = 64;
/// Most header lines that a part may have.
pub const MAX_PART_HEADERS: usize = 64;
/// Longest boundary (RFC 2046 §5.1.1).
pub const MAX_BOUNDARY: usize = 70;

/// How deep multipart bodies are opened in each other.
pub const MAX_DEPTH: usize = 4;

/// One part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Headers of the part, Content-Type and Content-ID among them.
    pub headers: Headers,
    /// Content, without the line end before the next boundary.
    pub body: &'a [u8],
}

impl Part<'_> {
    /// The part's media type; none when it names none that can be read (then it is plain text, RFC 2045 §5.2).
    #[must_use]
    pub fn media_type(&self) -> Option<MediaType> {
        MediaType::parse(self.headers.get("Content-Type")?)
    }

    /// True when the body stands as it is: no Content-Encoding, no Content-Transfer-Encoding that changes octets
    /// (RFC 2045 §6.2).
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let plain = ["7bit", "8bit", "binary"];
        let transfer = self.headers.get("Content-Transfer-Encoding");
        !is_encoded(self.headers.all("Content-Encoding"))
            && transfer.is_none_or(|coding| plain.iter().any(|p| p.eq_ignore_ascii_case(coding)))
    }
}

/// The bodies of wanted media types in a message, in order: the whole body, or those among the parts of a multipart body,
/// of multipart bodies in it too, to [`MAX_DEPTH`] and [`MAX_PARTS`] in all; what goes beyond is left out. Parts that are
/// encoded are left out too.
#[must_use]
pub fn documents<'a>(
    content_type: MediaType,
    body: &'a [u8],
    wanted: &dyn Fn(&MediaType) -> bool,
) -> Vec<(MediaType, &'a [u8])> {
    if wanted(&content_type) {
        return [(content_type, body)].into();
    }
    let mut found = Vec::new();
    let mut left = MAX_PARTS;
    collect(
        &content_type,
        body,
        wanted,
        MAX_DEPTH,
        &mut left,
        &mut found,
    );
    found
}

fn collect<'a>(
    content_type: &MediaType,
    body: &'a [u8],
    wanted: &dyn Fn(&MediaType) -> bool,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<(MediaType, &'a [u8])>,
) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for part in parts(content_type, body).unwrap_or_default() {
        let Some(rest) = left.checked_sub(1) else {
            return;
        };
        *left = rest;
        match part.media_type().filter(|_| part.is_plain()) {
            Some(media) if wanted(&media) => found.push((media, part.body)),
            Some(media) => collect(&media, part.body, wanted, depth, left, found),
            None => {}
        }
    }
}

/// Splits a multipart body in its parts, nested ones unopened. Preamble and epilogue are dropped, bare LF line ends and
/// a missing close delimiter are tolerated. None for another media type, without a usable boundary, without any part,
/// or over a limit.
#[must_use]
pub fn parts<'a>(content_type: &MediaType, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let boundary = content_type.param("boundary")?.trim_end();
    if content_type.kind != "multipart" || boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return None;
    }
    let dashed = ["--", boundary].concat();
    let delimiters = memmem::find_iter(body, dashed.as_bytes())
        .filter_map(|at| Delimiter::read(body, at, dashed.len()));
    let mut parts = Vec::new();
    let mut begin = None;
    let mut push = |text: &'a [u8]| {
        if parts.len() == MAX_PARTS {
            return None;
        }
        parts.push(part(text)?);
        Some(())
    };
    for delimiter in delimiters {
        if let Some(begin) = begin {
            push(body.get(begin..delimiter.begin).unwrap_or_default())?;
        }
        begin = (!delimiter.close).then_some(delimiter.end);
        if delimiter.close {
            break;
        }
    }
    if let Some(begin) = begin {
        push(body.get(begin..)?)?;
    }
    (!parts.is_empty()).then_some(parts)
}

struct Delimiter {
    /// Where the line end before the delimiter begins: it belongs to the delimiter.
    begin: usize,
    /// Where the line after the delimiter begins.
    end: usize,
    close: bool,
}

impl Delimiter {
    /// Reads the delimiter line whose dashes and boundary, `length` bytes, stand at `at`; none when they are not alone
    /// on their line.
    fn read(body: &[u8], at: usize, length: usize) -> Option<Self> {
        let before = body.get(..at)?;
        let begin = match before.strip_suffix(b"\n") {
            Some(rest) => rest.strip_suffix(b"\r").unwrap_or(rest).len(),
            None if at == 0 => 0,
            None => return None,
        };
        let rest = body.get(at + length..)?;
        let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let text = rest.get(..line)?;
        let padding = text.strip_prefix(b"--").unwrap_or(text);
        padding.iter().all(u8::is_ascii_whitespace).then_some(Self {
            begin,
            end: at + length + line,
            close: padding.len() < text.len(),
        })
    }
}

fn part(text: &[u8]) -> Option<Part<'_>> {
    let mut headers: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at_checked(end)?;
        rest = after;
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        match headers.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(lex::trim(line));
            }
            _ => {
                if headers.len() == MAX_PART_HEADERS {
                    return None;
                }
                headers.push(line.into());
            }
        }
    }
    Some(Part {
        headers: headers
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (lex::trim(name), value))
            .collect(),
        body: rest,
    })
}
