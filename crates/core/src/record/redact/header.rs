//! Header values with other words in them, header by header; and those of them that are secrets, which no recording has
//! (RFC 7616 §3.4, RFC 3310, SEC-16).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Redactor;
use crate::message::{Headers, long_name};

/// Headers that name nobody.
const PLAIN: [&str; 45] = [
    "accept",
    "accept-contact",
    "accept-encoding",
    "accept-language",
    "accept-resource-priority",
    "allow",
    "allow-events",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-transfer-encoding",
    "content-type",
    "cseq",
    "date",
    "event",
    "expires",
    "feature-caps",
    "last-modified",
    "max-forwards",
    "mime-version",
    "min-expires",
    "min-se",
    "p-asserted-service",
    "p-early-media",
    "p-preferred-service",
    "priority",
    "privacy",
    "proxy-require",
    "rack",
    "reject-contact",
    "request-disposition",
    "require",
    "retry-after",
    "rseq",
    "security-client",
    "security-server",
    "security-verify",
    "server",
    "session-expires",
    "subscription-state",
    "supported",
    "timestamp",
    "unsupported",
];
/// Headers that challenge and answer.
const DIGEST: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
];
/// Parameters of those that a password or a key could be found by.
const SECRET: [&str; 7] = [
    "response",
    "cnonce",
    "rspauth",
    "auts",
    "ck",
    "ik",
    "integrity-key",
];
/// Parameters of those that say nothing of anybody.
const DIGEST_PLAIN: [&str; 6] = ["algorithm", "qop", "stale", "nc", "charset", "userhash"];
/// Parameters of addresses and of Via that say nothing of anybody.
const ADDRESS_PLAIN: [&str; 22] = [
    "audio",
    "automata",
    "cause",
    "class",
    "comp",
    "data",
    "duplex",
    "events",
    "expires",
    "isfocus",
    "lr",
    "message",
    "methods",
    "mobility",
    "ob",
    "q",
    "reg-id",
    "rport",
    "text",
    "transport",
    "ttl",
    "video",
];
/// What people write of requests that fail; such words stay, for some of them are read.
const PHRASES: &str = " accepted access address ambiguous at authentication available bad be busy call cannot conference \
    contact credentials denied does error event everywhere exist expired extension failed failure forbidden found from \
    gateway gone here identity in internal interval invalid is length loop me media method message missing moved multiple \
    no not notify ok or package permanently policy proxy p-cscf registrar rejected request required response \
    s-cscf security server service sip subscribe subscription supported temporarily temporary time timeout to too \
    transaction trying type unauthorized unavailable unknown unsupported unwanted uri use user version violation ";

/// The same value without what a password or a key could be found by: stars are in its place.
pub(super) fn without_secrets(value: &str) -> String {
    digest_params(value, &mut |name, value| match SECRET.contains(&name) {
        true => "*".repeat(value.chars().count()),
        false => value.to_string(),
    })
}

/// A header of authentication, each value by what `other` makes of it; quotes stay.
fn digest_params(value: &str, other: &mut dyn FnMut(&str, &str) -> String) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals);
        let name = before
            .rsplit([' ', ',', '\t'])
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let after = after.get(1..).unwrap_or_default();
        let trimmed = after.trim_start();
        text.push_str(before);
        text.push('=');
        text.push_str(after.get(..after.len() - trimmed.len()).unwrap_or_default());
        let (quote, value, tail) = match trimmed.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted);
                (
                    "\"",
                    quoted.get(..end).unwrap_or_default(),
                    quoted.get(end..).unwrap_or_default(),
                )
            }
            None => {
                let end = trimmed.find([',', ' ', '\t']).unwrap_or(trimmed.len());
                (
                    "",
                    trimmed.get(..end).unwrap_or_default(),
                    trimmed.get(end..).unwrap_or_default(),
                )
            }
        };
        text.push_str(quote);
        text.push_str(&other(&name, value));
        // The closing quote stands in the tail.
        rest = match tail.strip_prefix('"').filter(|_| !quote.is_empty()) {
            Some(tail) => {
                text.push('"');
                tail
            }
            None => tail,
        };
    }
    text.push_str(rest);
    text
}

/// Where the closing quote is, or the end.
fn end_of_quoted(text: &str) -> usize {
    let mut escape = false;
    let end = text.bytes().position(|byte| {
        let end = byte == b'"' && !escape;
        escape = byte == b'\\' && !escape;
        end
    });
    end.unwrap_or(text.len())
}

impl Redactor {
    /// All headers.
    pub fn headers(&mut self, headers: &Headers) -> Headers {
        let mut others = Headers::new();
        for header in headers.iter() {
            others.push(
                header.name.clone(),
                self.header(&header.name, &header.value),
            );
        }
        others
    }

    /// The value of a header with this name, long or compact.
    #[must_use]
    pub fn header(&mut self, name: &str, value: &str) -> String {
        let name = long_name(name).to_ascii_lowercase();
        if DIGEST.contains(&name.as_str()) {
            let value = without_secrets(value);
            return match self.keeps {
                true => value,
                false => digest_params(&value, &mut |name, value| match name {
                    name if SECRET.contains(&name) || DIGEST_PLAIN.contains(&name) => {
                        value.to_string()
                    }
                    "username" | "uri" => self.uri(value),
                    "realm" => self.host(value),
                    "domain" => {
                        let uris: Vec<String> = value.split(' ').map(|uri| self.uri(uri)).collect();
                        uris.join(" ")
                    }
                    _ => self.escaped_words(value),
                }),
            };
        }
        if self.keeps || PLAIN.contains(&name.as_str()) {
            return value.into();
        }
        match name.as_str() {
            "call-id" | "in-reply-to" => self.call_id(value),
            "via" => self.via(value),
            "user-agent" => value.into(),
            "warning" => self.warning(value),
            "reason" => self.reason_header(value),
            "p-access-network-info" | "p-visited-network-id" | "cellular-network-info" => {
                self.access_network(value)
            }
            "subject" | "organization" | "sip-etag" | "suppress-if-match" | "sip-if-match" => {
                self.escaped_words(value)
            }
            _ => self.addresses(value),
        }
    }

    /// The reason phrase of a response.
    #[must_use]
    pub fn reason(&mut self, text: &str) -> String {
        match self.keeps {
            true => text.into(),
            false => self.phrase(text),
        }
    }

    /// Words of people: those that stand in everybody's responses stay.
    fn phrase(&mut self, text: &str) -> String {
        let words: Vec<String> = text
            .split(' ')
            .map(|word| {
                let bare = word
                    .trim_matches(|c: char| c.is_ascii_punctuation())
                    .to_ascii_lowercase();
                let known = PHRASES.split(' ').any(|known| known == bare);
                let number = bare.len() <= 3 && bare.bytes().all(|b| b.is_ascii_digit());
                match known || number || bare.contains("regist") {
                    true => word.into(),
                    false => self.uri(word),
                }
            })
            .collect();
        words.join(" ")
    }

    /// `id@host`.
    fn call_id(&mut self, value: &str) -> String {
        match value.split_once('@') {
            Some((id, host)) => alloc::format!("{}@{}", self.token(id), self.host(host)),
            None => self.token(value),
        }
    }

    /// A tag, a branch, a Call-ID: those that the engine has made are those that a replay makes.
    pub(super) fn token(&mut self, text: &str) -> String {
        match self.names.other(text) {
            Some(other) => other,
            None => self.escaped_words(text),
        }
    }

    fn via(&mut self, value: &str) -> String {
        let vias: Vec<String> = value
            .split(',')
            .map(|via| {
                let mut params = via.split(';');
                let first = params.next().unwrap_or_default();
                let place = first.rsplit([' ', '\t']).next().unwrap_or_default();
                let before = first.get(..first.len() - place.len()).unwrap_or_default();
                let mut text = alloc::format!("{before}{}", self.host_port(place));
                for param in params {
                    text.push(';');
                    text.push_str(&self.address_param(param));
                }
                text
            })
            .collect();
        vias.join(",")
    }

    /// `code agent "text"`.
    fn warning(&mut self, value: &str) -> String {
        let (before, text) = match value.find('"') {
            Some(at) => value.split_at(at),
            None => (value, ""),
        };
        let words: Vec<String> = before
            .split(' ')
            .map(|word| match word.parse::<u16>() {
                Ok(_) => word.into(),
                Err(_) => self.host_port(word),
            })
            .collect();
        words.join(" ") + &self.phrase(text)
    }

    /// `protocol;cause=number;text="…"`, also where a document quotes it.
    pub(super) fn reason_header(&mut self, value: &str) -> String {
        let parts: Vec<String> = value
            .split(';')
            .map(|part| {
                let lower = part.to_ascii_lowercase();
                let lower = lower.trim();
                let plain = lower.starts_with("cause")
                    || lower.ends_with("sip")
                    || lower.ends_with("q.850");
                match (plain, part.find('"')) {
                    (true, None) => part.into(),
                    (_, Some(at)) => {
                        let (name, text) = part.split_at(at);
                        alloc::format!("{name}{}", self.phrase(text))
                    }
                    (false, None) => self.phrase(part),
                }
            })
            .collect();
        parts.join(";")
    }

    /// The kind of access stays, the cell does not.
    pub(super) fn access_network(&mut self, value: &str) -> String {
        match value.split_once(';') {
            Some((kind, rest)) => {
                let params: Vec<String> = rest
                    .split(';')
                    .map(|param| match param.split_once('=') {
                        Some((name, value)) => {
                            alloc::format!("{name}={}", self.escaped_words(value))
                        }
                        None => param.into(),
                    })
                    .collect();
                alloc::format!("{kind};{}", params.join(";"))
            }
            None => value.into(),
        }
    }

    /// Addresses with display names and parameters, and any header that is not known here.
    pub(super) fn addresses(&mut self, value: &str) -> String {
        let mut text = String::with_capacity(value.len());
        let mut rest = value;
        while let Some(c) = rest.chars().next() {
            let length = match c {
                '"' => {
                    let inner = rest.get(1..).unwrap_or_default();
                    let end = end_of_quoted(inner);
                    text.push('"');
                    text.push_str(&self.escaped_words(inner.get(..end).unwrap_or_default()));
                    if end < inner.len() {
                        text.push('"');
                    }
                    (end + 2).min(rest.len())
                }
                '<' => {
                    let end = rest.find('>').unwrap_or(rest.len());
                    text.push('<');
                    text.push_str(&self.uri(rest.get(1..end).unwrap_or_default()));
                    end
                }
                ';' => {
                    let inner = rest.get(1..).unwrap_or_default();
                    let end = end_of_param(inner);
                    text.push(';');
                    text.push_str(&self.address_param(inner.get(..end).unwrap_or_default()));
                    end + 1
                }
                ',' | '>' => {
                    text.push(c);
                    1
                }
                _ => {
                    let end = rest.find(['"', '<', ';', ',']).unwrap_or(rest.len());
                    text.push_str(&self.uri(rest.get(..end).unwrap_or_default()));
                    end
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        text
    }

    fn address_param(&mut self, param: &str) -> String {
        let Some((name, value)) = param.split_once('=') else {
            return param.into();
        };
        let lower = name.trim().to_ascii_lowercase();
        let value = match lower.as_str() {
            "tag" | "to-tag" | "from-tag" => self.token(value),
            "branch" => match value.strip_prefix("z9hG4bK") {
                Some(rest) => alloc::format!("z9hG4bK{}", self.token(rest)),
                None => self.token(value),
            },
            "received" | "maddr" => self.host(value),
            name if name == "+sip.instance" || name.ends_with("gruu") => {
                match value.strip_prefix('"') {
                    Some(quoted) => {
                        let inner = quoted.trim_end_matches('"');
                        let end = quoted.get(inner.len()..).unwrap_or_default();
                        let core = inner.trim_matches(['<', '>']);
                        let at = inner.find(core).unwrap_or(0);
                        let before = inner.get(..at).unwrap_or_default();
                        let after = inner.get(at + core.len()..).unwrap_or_default();
                        alloc::format!("\"{before}{}{after}{end}", self.uri(core))
                    }
                    None => self.uri(value),
                }
            }
            name if ADDRESS_PLAIN.contains(&name) || name.starts_with("+g.") => value.into(),
            _ => self.escaped_words(value),
        };
        alloc::format!("{name}={value}")
    }
}

/// Where a parameter ends, quotes looked at.
fn end_of_param(text: &str) -> usize {
    let (mut quoted, mut escape) = (false, false);
    let end = text.bytes().position(|byte| {
        let end = !quoted && matches!(byte, b';' | b',');
        quoted ^= byte == b'"' && !escape;
        escape = byte == b'\\' && !escape;
        end
    });
    end.unwrap_or(text.len())
}
