//! Neutral SIP messages between core and any host: method, URI text, ordered raw headers, body bytes (RFC 3261 §7).
//!
//! Values are kept as text, unfolded and untouched, because every SIP library reads or prints some of them wrongly;
//! meaning is read from them by [`crate::header`].

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One header line: its name as written and its raw value, unfolded, without CR and LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name as written, long or compact.
    pub name: String,
    /// Value without surrounding white space.
    pub value: String,
}

/// Ordered list of headers. Look-ups ignore case and know the compact forms (RFC 3261 §7.3.1, §7.3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a header. CR, LF and NUL in the value become spaces, so that nothing that came from a configuration,
    /// a list or a peer can start a header of its own (SEC-09).
    pub fn push(&mut self, name: impl Into<String>, value: impl AsRef<str>) {
        let value = value.as_ref().trim();
        let value = if value.contains(['\r', '\n', '\0']) {
            value
                .chars()
                .map(|c| {
                    if matches!(c, '\r' | '\n' | '\0') {
                        ' '
                    } else {
                        c
                    }
                })
                .collect()
        } else {
            value.to_string()
        };
        self.0.push(Header {
            name: name.into(),
            value,
        });
    }

    /// First value of a header, by its long name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a header in order, one per line (a line may hold several values).
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let name = long_name(name);
        self.0
            .iter()
            .filter(move |h| long_name(&h.name).eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
    }

    /// Replaces every line of a header by one with this value, where the first of them was; appends it where there was
    /// none.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        let place = self.0.iter().position(|h| names_equal(&h.name, name));
        self.remove(name);
        self.push(name, value);
        if let Some(place) = place
            && let Some(header) = self.0.pop()
        {
            self.0.insert(place, header);
        }
    }

    /// Removes every line of a header.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|h| !names_equal(&h.name, name));
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// Number of header lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(iter: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in iter {
            headers.push(name, value);
        }
        headers
    }
}

/// All registered compact forms (RFC 3261 §7.3.3, RFC 6665 §8.4, and the extensions that have one).
const COMPACT: [(&str, &str); 20] = [
    ("a", "accept-contact"),
    ("b", "referred-by"),
    ("c", "content-type"),
    ("d", "request-disposition"),
    ("e", "content-encoding"),
    ("f", "from"),
    ("i", "call-id"),
    ("j", "reject-contact"),
    ("k", "supported"),
    ("l", "content-length"),
    ("m", "contact"),
    ("n", "identity-info"),
    ("o", "event"),
    ("r", "refer-to"),
    ("s", "subject"),
    ("t", "to"),
    ("u", "allow-events"),
    ("v", "via"),
    ("x", "session-expires"),
    ("y", "identity"),
];

pub(crate) fn long_name(name: &str) -> &str {
    if name.len() == 1 {
        for (compact, long) in COMPACT {
            if name.eq_ignore_ascii_case(compact) {
                return long;
            }
        }
    }
    name
}

/// True when two header names mean the same header: case is ignored, compact forms count as their long form.
#[must_use]
pub fn names_equal(a: &str, b: &str) -> bool {
    long_name(a).eq_ignore_ascii_case(long_name(b))
}

/// A SIP request, outgoing or incoming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method token, in capitals as registered.
    pub method: String,
    /// Request-URI as text.
    pub uri: String,
    /// All headers but Via and Content-Length, which are the host's.
    pub headers: Headers,
    /// Body, empty for none.
    pub body: Vec<u8>,
}

/// A SIP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 699.
    pub status: u16,
    /// Reason phrase, for people.
    pub reason: String,
    /// Headers as received, or to be added to those that the host copies from the request.
    pub headers: Headers,
    /// Body, empty for none.
    pub body: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_long_names_are_one_header() {
        let headers: Headers = [
            ("o", "conference"),
            ("M", "<sip:a@x>"),
            ("contact", "<sip:b@x>"),
        ]
        .into_iter()
        .collect();
        assert_eq!(headers.get("Event"), Some("conference"));
        assert_eq!(
            headers.all("Contact").collect::<Vec<_>>(),
            ["<sip:a@x>", "<sip:b@x>"]
        );
    }

    #[test]
    fn a_header_is_replaced_where_it_stood() {
        let mut headers: Headers = [("A", "1"), ("m", "2"), ("B", "3"), ("Contact", "4")]
            .into_iter()
            .collect();
        headers.set("Contact", "5");
        headers.set("C", "6");
        let values: Vec<_> = headers.iter().map(|h| h.value.as_str()).collect();
        assert_eq!(values, ["1", "5", "3", "6"]);
    }

    #[test]
    fn a_value_cannot_start_a_header_of_its_own() {
        let mut headers = Headers::new();
        headers.push("P-Access-Network-Info", "x\r\nEvil: yes");
        assert_eq!(headers.get("P-Access-Network-Info"), Some("x  Evil: yes"));
    }
}
