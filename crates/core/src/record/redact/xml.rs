//! Documents with other words in them: what is markup stays where it is, octet for octet, malformed or not (RFC 4575,
//! RFC 4826, RFC 5874, RFC 3680).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Redactor;
use crate::message::Headers;

/// Texts that are words of the documents' own, or what most servers write.
const PLAIN: [&str; 48] = [
    "active",
    "alerting",
    "audio",
    "booted",
    "busy",
    "chair",
    "connected",
    "created",
    "deactivated",
    "deleted",
    "departed",
    "dialed-in",
    "dialed-out",
    "dialing-in",
    "dialing-out",
    "disconnected",
    "disconnecting",
    "expired",
    "failed",
    "false",
    "focus-owner",
    "full",
    "guest",
    "host",
    "inactive",
    "init",
    "initial-registration",
    "main",
    "message",
    "moderator",
    "muted-via-focus",
    "on-hold",
    "organizer",
    "owner",
    "partial",
    "participant",
    "pending",
    "probation",
    "recvonly",
    "refreshed",
    "registered",
    "sendonly",
    "sendrecv",
    "shortened",
    "terminated",
    "text",
    "true",
    "video",
];
/// Elements whose text is what somebody has written, or who it is of.
const FREE: [&str; 10] = [
    "display-text",
    "display-name",
    "subject",
    "free-text",
    "keywords",
    "uri",
    "by",
    "web-page",
    "note",
    "entry",
];
/// Attributes that stay.
const PLAIN_ATTRIBUTES: [&str; 13] = [
    "version",
    "state",
    "event",
    "expires",
    "cseq",
    "q",
    "lang",
    "retry-after",
    "duration-registered",
    "first-cseq",
    "yourown",
    "type",
    "encoding",
];
/// Elements kept apart by name while their content is read; deeper ones are taken for the one around them.
const MAX_DEPTH: usize = 64;

impl Redactor {
    /// The body of a message with these headers.
    #[must_use]
    pub fn body(&mut self, headers: &Headers, body: &[u8]) -> Vec<u8> {
        if self.keeps || body.is_empty() {
            return body.to_vec();
        }
        let mut other = Vec::with_capacity(body.len());
        let boundary = headers.get("Content-Type").and_then(boundary);
        let mut first = true;
        for chunk in body.utf8_chunks() {
            let text = match (&boundary, first) {
                (Some(boundary), true) => self.multipart(boundary, chunk.valid()),
                (None, true) => self.document(chunk.valid()),
                (_, false) => self.escaped_words(chunk.valid()),
            };
            other.extend_from_slice(text.as_bytes());
            other.extend_from_slice(chunk.invalid());
            first = false;
        }
        other
    }

    /// Lines that are boundaries, headers of parts, documents.
    fn multipart(&mut self, boundary: &str, text: &str) -> String {
        let mut other = String::with_capacity(text.len());
        let (mut in_headers, mut part) = (false, String::new());
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end();
            if bare
                .strip_prefix("--")
                .is_some_and(|rest| rest.starts_with(boundary))
            {
                other.push_str(&self.document(&part));
                part.clear();
                other.push_str(line);
                in_headers = true;
            } else if !in_headers {
                part.push_str(line);
            } else if let Some((name, value)) = line.split_once(':').filter(|_| !bare.is_empty()) {
                let value = match name.eq_ignore_ascii_case("Content-ID") {
                    true => self.escaped_words(value),
                    false => self.header(name, value),
                };
                other.extend([name, ":", &value]);
            } else {
                other.push_str(line);
                in_headers &= !bare.is_empty();
            }
        }
        other + &self.document(&part)
    }

    /// An XML document or any other text.
    #[must_use]
    pub fn document(&mut self, text: &str) -> String {
        if self.keeps {
            return text.into();
        }
        let mut other = String::with_capacity(text.len());
        let mut open: Vec<String> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let Some(at) = rest.find('<') else {
                other.push_str(&self.content(&open, rest));
                break;
            };
            let (before, tag) = rest.split_at(at);
            other.push_str(&self.content(&open, before));
            let end = |close: &str| tag.find(close).map_or(tag.len(), |at| at + close.len());
            let length = if tag.starts_with("<!--") {
                let end = end("-->");
                other.push_str(&self.escaped_words(tag.get(..end).unwrap_or_default()));
                end
            } else if tag.starts_with("<![CDATA[") {
                let end = end("]]>");
                let inner = tag.get(9..end).unwrap_or_default();
                other.push_str("<![CDATA[");
                let close = inner.len() - inner.strip_suffix("]]>").map_or(inner.len(), str::len);
                let (inner, close) = inner.split_at(inner.len() - close);
                other.push_str(&self.value(
                    open.last().map_or("", String::as_str),
                    parent(&open),
                    inner,
                ));
                other.push_str(close);
                end
            } else if tag.starts_with("<?xml") {
                let end = end("?>");
                other.push_str(tag.get(..end).unwrap_or_default());
                end
            } else if tag.starts_with("<!DOCTYPE") {
                let end = end(">");
                other.push_str("<!DOCTYPE");
                other.push_str(&self.escaped_words(tag.get(9..end).unwrap_or_default()));
                end
            } else if tag.starts_with("</") {
                open.pop();
                let end = end(">");
                other.push_str(tag.get(..end).unwrap_or_default());
                end
            } else {
                let (length, written) = self.start_tag(tag, &mut open);
                other.push_str(&written);
                length
            };
            rest = tag.get(length..).unwrap_or_default();
        }
        other
    }

    /// A start tag, and how long it is.
    fn start_tag(&mut self, tag: &str, open: &mut Vec<String>) -> (usize, String) {
        let name_end = tag
            .get(1..)
            .and_then(|rest| rest.find([' ', '\t', '\r', '\n', '>', '/', '<']))
            .map_or(tag.len(), |at| at + 1);
        let (head, mut rest) = tag.split_at(name_end);
        let mut text = String::from(head);
        loop {
            let end = rest.find(['=', '>', '<']).unwrap_or(rest.len());
            let (before, after) = rest.split_at(end);
            text.push_str(before);
            rest = after;
            let Some(value) = rest.strip_prefix('=') else {
                break;
            };
            text.push('=');
            let trimmed = value.trim_start();
            text.push_str(value.get(..value.len() - trimmed.len()).unwrap_or_default());
            rest = trimmed;
            let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
                continue;
            };
            let inner = rest.get(1..).unwrap_or_default();
            let Some(close) = inner.find(quote) else {
                // No such document is read further than to here.
                text.push(quote);
                text.push_str(&self.escaped_words(inner));
                return (tag.len(), text);
            };
            let (value, after) = inner.split_at(close);
            text.push(quote);
            text.push_str(&self.attribute(before.trim(), value));
            text.push(quote);
            rest = after.get(1..).unwrap_or_default();
        }
        let mut length = tag.len() - rest.len();
        if rest.starts_with('>') {
            if !text.ends_with('/') && open.len() < MAX_DEPTH {
                open.push(local(head.get(1..).unwrap_or_default()).to_string());
            }
            text.push('>');
            length += 1;
        }
        (length, text)
    }

    fn attribute(&mut self, name: &str, value: &str) -> String {
        if name == "xmlns" || name.starts_with("xmlns:") {
            return value.into();
        }
        let name = local(name);
        spelled(value, |value| match name {
            "entity" | "uri" | "aor" | "anchor" | "auid" => self.uri(value),
            "xcap-root" => self.uri(value),
            "sel" | "ref" | "doc-selector" => self.path(value),
            "callid" => self.escaped_words(value),
            "name" if value.starts_with('+') => value.into(),
            "name" => self.list_name(value),
            name if PLAIN_ATTRIBUTES.contains(&name) || is_plain(value) => value.into(),
            _ => self.uri(value),
        })
    }

    fn content(&mut self, open: &[String], text: &str) -> String {
        if text.trim().is_empty() {
            return text.into();
        }
        let element = open.last().map_or("", String::as_str);
        spelled(text, |text| self.value(element, parent(open), text))
    }

    /// The text of an element.
    fn value(&mut self, element: &str, parent: &str, text: &str) -> String {
        let free = FREE.contains(&element) && !(element == "entry" && parent == "roles");
        match element {
            "languages" | "service-info" | "action" | "type" if !free => text.into(),
            "reason" => {
                let before = text.find(':').map_or(0, |at| at + 1);
                match text.to_ascii_lowercase().contains("cause") {
                    true => {
                        let (name, value) = text.split_at(before);
                        alloc::format!("{name}{}", self.reason_header(value))
                    }
                    false => self.escaped_words(text),
                }
            }
            _ if !free && is_plain(text) => text.into(),
            _ if text.trim().contains(char::is_whitespace) => {
                let words: Vec<String> = text
                    .split_inclusive(char::is_whitespace)
                    .map(|word| self.uri(word))
                    .collect();
                words.concat()
            }
            _ => self.uri(text),
        }
    }
}

fn parent(open: &[String]) -> &str {
    open.iter().rev().nth(1).map_or("", String::as_str)
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or_default()
}

/// A word of the documents' own, a number, a time.
fn is_plain(text: &str) -> bool {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    PLAIN.contains(&lower.as_str())
        || text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b'+' | b'T' | b'Z'))
}

fn boundary(content_type: &str) -> Option<String> {
    let lower = content_type.to_ascii_lowercase();
    let at = lower
        .trim_start()
        .starts_with("multipart")
        .then(|| lower.find("boundary="))??;
    let value = content_type.get(at + 9..)?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(';').next(),
    };
    Some(value?.trim().to_string()).filter(|boundary| !boundary.is_empty())
}

/// Lets `other` see a text without its references, and writes each character as it was written.
fn spelled(text: &str, other: impl FnOnce(&str) -> String) -> String {
    if !text.contains('&') {
        return other(text);
    }
    let mut units: Vec<(char, &str)> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let reference = rest
            .strip_prefix('&')
            .and_then(|rest| rest.split_once(';'))
            .filter(|(name, _)| name.len() <= 12)
            .and_then(|(name, _)| reference(name).map(|c| (c, name.len() + 2)));
        let (c, length) = reference.unwrap_or((c, c.len_utf8()));
        units.push((c, rest.get(..length).unwrap_or_default()));
        rest = rest.get(length..).unwrap_or_default();
    }
    let bare: String = units.iter().map(|(c, _)| *c).collect();
    let other = other(&bare);
    let same_length = other.chars().count() == units.len();
    let mut written = String::with_capacity(text.len());
    for (index, c) in other.chars().enumerate() {
        match units.get(index).filter(|_| same_length) {
            Some((was, raw)) if *was == c => written.push_str(raw),
            Some((_, raw)) if raw.len() > 1 && raw.starts_with('&') => {
                let hex = raw.starts_with("&#x");
                let width = raw.len().saturating_sub(if hex { 4 } else { 3 });
                written.push_str(&match hex {
                    true => alloc::format!("&#x{:0width$x};", u32::from(c)),
                    false => alloc::format!("&#{:0width$};", u32::from(c)),
                });
            }
            _ => match c {
                '&' => written.push_str("&amp;"),
                '<' => written.push_str("&lt;"),
                '"' => written.push_str("&quot;"),
                '\'' => written.push_str("&apos;"),
                c => written.push(c),
            },
        }
    }
    written
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        name => {
            let code = name.strip_prefix('#')?;
            let code = match code.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => code.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
