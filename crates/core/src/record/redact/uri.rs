//! URIs, hosts and phone numbers with other words in them: what was equal stays equal, what differed still differs
//! (RFC 3261 §19.1.4, RFC 3966 §4; [`crate::uri`]).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::Redactor;
use crate::uri::digits;

/// Parameters of URIs whose values say nothing of anybody.
const PLAIN: [&str; 12] = [
    "transport",
    "user",
    "method",
    "ttl",
    "lr",
    "comp",
    "expires",
    "q",
    "index",
    "purpose",
    "isfocus",
    "cause",
];
/// Segments of XCAP paths that are no names.
const SEGMENTS: [&str; 19] = [
    "resource-lists",
    "rls-services",
    "pres-rules",
    "pidf-manipulation",
    "xcap-caps",
    "xcap-directory",
    "users",
    "global",
    "index",
    "~~",
    "xcap-root",
    "access-rules",
    "list",
    "entry",
    "entry-ref",
    "external",
    "ruleset",
    "rule",
    "namespace::*",
];

/// One character and how it is written.
struct Unit<'t> {
    c: char,
    /// Its escapes, or none.
    escaped: Option<&'t str>,
}

/// A text with its escapes undone; octets that are no UTF-8 stay as they are written.
fn units(text: &str) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let octet = |at: usize| {
            let part = rest.as_bytes().get(3 * at..3 * at + 3)?;
            let [b'%', high, low] = part else { return None };
            let digit = |b: u8| char::from(b).to_digit(16);
            Some((digit(*high)? * 16 + digit(*low)?) as u8)
        };
        let escaped = octet(0).and_then(|first| {
            let count = match first {
                0..=0x7f => 1,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0.. => 4,
                _ => return None,
            };
            let octets: Vec<u8> = (0..count).map_while(octet).collect();
            let decoded = core::str::from_utf8(&octets).ok()?;
            decoded.chars().next().map(|c| (c, 3 * count))
        });
        let (c, length, raw) = match escaped {
            Some((c, length)) => (c, length, rest.get(..length)),
            None => (c, c.len_utf8(), None),
        };
        units.push(Unit { c, escaped: raw });
        rest = rest.get(length..).unwrap_or_default();
    }
    units
}

fn write(unit: &Unit<'_>, c: char, text: &mut String) {
    let Some(raw) = unit.escaped else {
        text.push(c);
        return;
    };
    if c == unit.c {
        text.push_str(raw);
        return;
    }
    let lower = raw.contains(|c: char| c.is_ascii_lowercase());
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        text.push_str(&match lower {
            true => alloc::format!("%{byte:02x}"),
            false => alloc::format!("%{byte:02X}"),
        });
    }
}

impl Redactor {
    /// Every word of a text, written bare or escaped.
    pub(super) fn escaped_words(&mut self, text: &str) -> String {
        let units = units(text);
        let mut written = String::with_capacity(text.len());
        for run in units.chunk_by(|a, b| a.c.is_alphanumeric() == b.c.is_alphanumeric()) {
            self.write_run(run, &mut written);
        }
        written
    }

    /// The letters and digits of a number as one word, whatever stands between them.
    fn number(&mut self, text: &str) -> String {
        let units = units(text);
        let mut written = String::with_capacity(text.len());
        self.write_run(&units, &mut written);
        written
    }

    fn write_run(&mut self, run: &[Unit<'_>], written: &mut String) {
        let word: String = run
            .iter()
            .map(|unit| unit.c)
            .filter(|c| c.is_alphanumeric())
            .collect();
        let other = match word.is_empty() {
            true => word,
            false => self.words.word(&word),
        };
        let mut other = other.chars();
        for unit in run {
            let c = match unit.c.is_alphanumeric() {
                true => other.next().unwrap_or(unit.c),
                false => unit.c,
            };
            write(unit, c, written);
        }
    }

    /// A URI, or what stands in the place of one; blanks around it stay.
    pub(super) fn uri(&mut self, text: &str) -> String {
        let core = text.trim();
        let Some(at) = text.find(core).filter(|_| !core.is_empty()) else {
            return text.into();
        };
        let (before, after) = (
            text.get(..at).unwrap_or_default(),
            text.get(at + core.len()..).unwrap_or_default(),
        );
        alloc::format!("{before}{}{after}", self.bare_uri(core))
    }

    fn bare_uri(&mut self, text: &str) -> String {
        if let Some((scheme, rest)) = text.split_once(':') {
            let lower = scheme.to_ascii_lowercase();
            let other = match lower.as_str() {
                "sip" | "sips" | "im" | "pres" | "mailto" | "xmpp" => Some(self.address(rest)),
                "tel" => Some(self.subscriber(rest)),
                "http" | "https" | "msrp" | "msrps" => Some(self.http(rest)),
                "urn" => Some(match rest.split_once(':') {
                    Some((namespace, name)) => {
                        alloc::format!("{namespace}:{}", self.escaped_words(name))
                    }
                    None => self.escaped_words(rest),
                }),
                _ => None,
            };
            if let Some(other) = other {
                return alloc::format!("{scheme}:{other}");
            }
        }
        if text.contains('@') {
            return self.address(text);
        }
        if digits(text).is_some_and(|digits| digits.starts_with('+')) {
            return self.number(text);
        }
        self.escaped_words(text)
    }

    /// `user:password@host:port;parameters?headers`.
    fn address(&mut self, rest: &str) -> String {
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let mut text = String::new();
        if let Some(user) = user {
            let (user, password) = match user.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (user, None),
            };
            text.push_str(&self.subscriber(user));
            if let Some(password) = password {
                text.push(':');
                text.push_str(&self.escaped_words(password));
            }
            text.push('@');
        }
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        let (place, params) = match rest.split_once(';') {
            Some((place, params)) => (place, Some(params)),
            None => (rest, None),
        };
        text.push_str(&self.host_port(place));
        if let Some(params) = params {
            text.push(';');
            text.push_str(&self.params(params));
        }
        if let Some(headers) = headers {
            text.push('?');
            for (index, header) in headers.split('&').enumerate() {
                if index > 0 {
                    text.push('&');
                }
                match header.split_once('=') {
                    Some((name, value)) => {
                        let value = self.escaped_words(value);
                        text.extend([name, "=", &value]);
                    }
                    None => text.push_str(header),
                }
            }
        }
        text
    }

    /// `number;parameters`, or any user with them.
    fn subscriber(&mut self, text: &str) -> String {
        let (number, params) = match text.split_once(';') {
            Some((number, params)) => (number, Some(params)),
            None => (text, None),
        };
        let mut other = match digits(number) {
            Some(_) => self.number(number),
            None => self.escaped_words(number),
        };
        if let Some(params) = params {
            other.push(';');
            other.push_str(&self.params(params));
        }
        other
    }

    fn params(&mut self, params: &str) -> String {
        let params: Vec<String> = params
            .split(';')
            .map(|param| match param.split_once('=') {
                Some((name, value)) => alloc::format!("{name}={}", self.uri_param(name, value)),
                None => param.into(),
            })
            .collect();
        params.join(";")
    }

    fn uri_param(&mut self, name: &str, value: &str) -> String {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "maddr" | "received" => self.host(value),
            "phone-context" if value.starts_with('+') || value.starts_with('%') => {
                self.number(value)
            }
            "phone-context" => self.host(value),
            "tag" => self.token(value),
            "ext" | "isub" if digits(value).is_some() => self.number(value),
            name if PLAIN.contains(&name) => value.into(),
            _ => self.escaped_words(value),
        }
    }

    /// `host:port`.
    pub(super) fn host_port(&mut self, text: &str) -> String {
        let from = text.find(']').unwrap_or(0);
        match text.get(from..).and_then(|rest| rest.find(':')) {
            Some(colon) => {
                let (host, port) = text.split_at(from + colon);
                // A port says nothing; what is none may be a name.
                let number = port.get(1..).unwrap_or_default();
                match number.bytes().all(|b| b.is_ascii_digit()) {
                    true => self.host(host) + port,
                    false => self.host(host) + &self.escaped_words(port),
                }
            }
            None => self.host(text),
        }
    }

    /// A host name or an IP address.
    pub(super) fn host(&mut self, text: &str) -> String {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return alloc::format!("{}", self.words.ipv4(address));
        }
        if let Some(inner) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            && let Some(other) = self.words.ipv6(inner)
        {
            return alloc::format!("[{other}]");
        }
        if text.matches(':').count() > 1
            && let Some(other) = self.words.ipv6(text)
        {
            return other;
        }
        if text.is_ascii() && !text.to_ascii_lowercase().contains("xn--") {
            return self.escaped_words(text);
        }
        let labels: Vec<String> = text
            .split('.')
            .map(|label| match self.words.idn_label(label) {
                Some(other) => other,
                None => self.escaped_words(label),
            })
            .collect();
        labels.join(".")
    }

    /// `//host/path`.
    fn http(&mut self, rest: &str) -> String {
        let Some(after) = rest.strip_prefix("//") else {
            return self.escaped_words(rest);
        };
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        let place = match authority.rsplit_once('@') {
            Some((user, place)) => {
                let user = self.escaped_words(user);
                alloc::format!("{user}@{}", self.host_port(place))
            }
            None => self.host_port(authority),
        };
        alloc::format!("//{place}{}", self.path(path))
    }

    /// A path, as XCAP has it: users and names are others, what tells documents apart by kind stays (RFC 4825 §6).
    pub(super) fn path(&mut self, path: &str) -> String {
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| self.segment(segment))
            .collect();
        segments.join("/")
    }

    fn segment(&mut self, segment: &str) -> String {
        let name = segment.split(['[', '?']).next().unwrap_or_default();
        let plain = SEGMENTS.contains(&name)
            || name.starts_with("org.openmobilealliance.")
            || name.starts_with("xcap");
        if plain && name.len() == segment.len() {
            return segment.into();
        }
        let scheme = segment.split(':').next().unwrap_or_default();
        if ["sip", "sips", "tel", "im", "pres"].contains(&scheme) && !segment.contains('[') {
            return self.bare_uri(segment);
        }
        if plain && let Some((name, selector)) = segment.split_once('[') {
            // list%5b@name="x"%5d and the like: the attribute stays, its value does not.
            return match selector.split_once('=') {
                Some((attribute, value)) => {
                    let value = self.list_name(value);
                    alloc::format!("{name}[{attribute}={value}")
                }
                None => alloc::format!("{name}[{selector}"),
            };
        }
        self.escaped_words(segment)
    }

    /// The name of a list: those that a standard has given stay.
    pub(super) fn list_name(&mut self, name: &str) -> String {
        let bare = name
            .trim_start_matches(['"', '\''])
            .trim_start_matches("%22");
        if bare.starts_with("oma_") || bare.starts_with("rcs_") {
            return name.into();
        }
        self.escaped_words(name)
    }

    /// The name of a block-list source: `file:` and a path, `xdms:` and a URL.
    pub(super) fn source(&mut self, name: &str) -> String {
        match name.split_once(':') {
            Some(("xdms", url)) => alloc::format!("xdms:{}", self.bare_uri(url)),
            Some(("file", path)) => alloc::format!("file:{}", self.escaped_words(path)),
            _ => self.bare_uri(name),
        }
    }
}
