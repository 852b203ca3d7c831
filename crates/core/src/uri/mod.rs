//! URIs: reading them (RFC 3261 §19.1, RFC 3966), comparing them, and the identity they name for block matching.
//!
//! Three comparisons, never mixed (URI-01): roster keys by octets (RFC 4575 §4.5), [`equal`] as the URI schemes define
//! it, and [`same_identity`] for "is this the user that the list means".

mod equal;
mod escape;
mod host;
mod identity;
mod phone;
mod steps;

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::ops::Range;

pub use equal::equal;
pub(crate) use identity::canonical_domain;
pub use identity::{Form, Identity, IdentityRules, Match, domain, identity, same_identity};
pub(crate) use phone::digits;
pub use steps::{Step, Steps};

/// The schemes that rollmark reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 3261 §19.1.
    Sip,
    /// RFC 3261 §19.1.
    Sips,
    /// RFC 3966.
    Tel,
    /// RFC 3860.
    Im,
    /// RFC 3859.
    Pres,
    /// Any other; the URI is not looked into.
    Other,
}

/// Why a text is no URI that rollmark can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Nothing before the first colon, or no scheme name.
    #[error("the URI has no scheme; write sip:, sips:, tel:, im: or pres: before it")]
    NoScheme,
    /// A blank, a control character, a quote or an angle bracket.
    #[error("the URI has a character that no URI may have, at byte {at}; write it as %XX")]
    Character {
        /// Index of its first byte.
        at: usize,
    },
    /// A percent sign without two hexadecimal digits.
    #[error("the URI has a % without two hexadecimal digits, at byte {at}; write %25 for the sign")]
    Escape {
        /// Index of the percent sign.
        at: usize,
    },
    /// An at sign with no user before it, or a second colon in the user part.
    #[error("the URI's part before the @ is no user; leave out the @, or write %3A for a colon")]
    User,
    /// No host, or one that is neither a name nor an address.
    #[error("the URI's host is neither a host name nor an IP address")]
    Host,
    /// A port that is no number up to 65535.
    #[error("the URI's port is no number from 0 to 65535")]
    Port,
    /// A tel URI whose number is none.
    #[error(
        "the tel URI's number is none; write + and digits, or a local number with phone-context"
    )]
    Number,
}

/// A URI, read once. `Display` and `Debug` leave the password out (URI-06).
#[derive(Clone)]
pub struct Uri {
    text: String,
    scheme: Scheme,
    /// Everything between the scheme's colon and the parameters.
    body: Range<usize>,
    user: Option<Range<usize>>,
    password: Option<Range<usize>>,
    host: Option<Range<usize>>,
    port: Option<u16>,
    params: Range<usize>,
    headers: Option<Range<usize>>,
}

impl Uri {
    /// Reads a URI. The texts of schemes other than sip, sips, tel, im and pres are only kept.
    ///
    /// # Errors
    ///
    /// One [`UriError`] for each way in which a text is no URI.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, begin) = scheme_of(text)?;
        if let Some((at, _)) = text
            .char_indices()
            .find(|&(_, c)| c.is_whitespace() || c.is_control() || matches!(c, '"' | '<' | '>'))
        {
            return Err(UriError::Character { at });
        }
        if let Some(at) = escape::malformed(text) {
            return Err(UriError::Escape { at });
        }
        let uri = Self {
            text: text.to_owned(),
            scheme,
            body: begin..text.len(),
            user: None,
            password: None,
            host: None,
            port: None,
            params: text.len()..text.len(),
            headers: None,
        };
        match scheme {
            Scheme::Other => Ok(uri),
            Scheme::Tel => uri.read_tel(),
            _ => uri.read_sip(),
        }
    }

    fn read_tel(mut self) -> Result<Self, UriError> {
        let end = self.body.end;
        let number = find(&self.text, self.body.clone(), b";");
        self.params = (number + 1).min(end)..end;
        self.body.end = number;
        digits(self.slice(&self.body)).ok_or(UriError::Number)?;
        Ok(self)
    }

    fn read_sip(mut self) -> Result<Self, UriError> {
        let end = self.body.end;
        let mut begin = self.body.start;
        let at = find(&self.text, begin..end, b"@");
        if at < end {
            let colon = find(&self.text, begin..at, b":");
            if colon == begin {
                return Err(UriError::User);
            }
            if colon < at {
                if find(&self.text, colon + 1..at, b":") < at {
                    return Err(UriError::User);
                }
                self.password = Some(colon + 1..at);
            }
            self.user = Some(begin..colon);
            begin = at + 1;
        }
        let mut host_end = find(&self.text, begin..end, b":;?");
        if self.text.as_bytes().get(begin) == Some(&b'[') {
            host_end = (find(&self.text, begin..end, b"]") + 1).min(end);
        }
        let host = begin..host_end;
        if !host::is_host(self.slice(&host)) {
            return Err(UriError::Host);
        }
        self.host = Some(host);
        let port_end = find(&self.text, host_end..end, b";?");
        if host_end < port_end {
            let port = self.slice(&(host_end..port_end));
            self.port = Some(port_number(port).ok_or(UriError::Port)?);
        }
        self.body.end = port_end;
        let question = find(&self.text, port_end..end, b"?");
        self.params = (port_end + 1).min(question)..question;
        if question < end {
            self.headers = Some(question + 1..end);
        }
        Ok(self)
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// The URI as written, its password included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// User part as written, without password; none without one, and for tel.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|range| self.slice(range))
    }

    /// Password as written.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(|range| self.slice(range))
    }

    /// Host as written, an IPv6 address in its brackets; none for tel and unread schemes.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_ref().map(|range| self.slice(range))
    }

    /// Explicit port.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Number of a tel URI as written; none for others.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        (self.scheme == Scheme::Tel).then(|| self.slice(&self.body))
    }

    /// Parameters of the URI in order as written: name, and value if there is an equals sign.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        params(self.slice(&self.params))
    }

    /// First value of a parameter, as written; "" for a name alone. Case and escapes in the name do not matter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params()
            .find(|(n, _)| escape::same_ignoring_case(n, name))
            .map(|(_, value)| value.unwrap_or_default())
    }

    /// Headers as written, without the question mark.
    #[must_use]
    pub fn headers(&self) -> Option<&str> {
        self.headers.as_ref().map(|range| self.slice(range))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.password {
            Some(password) => {
                f.write_str(self.slice(&(0..password.start.saturating_sub(1))))?;
                f.write_str(self.slice(&(password.end..self.text.len())))
            }
            None => f.write_str(&self.text),
        }
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

/// The scheme and where the text after its colon begins.
fn scheme_of(text: &str) -> Result<(Scheme, usize), UriError> {
    let (name, _) = text.split_once(':').ok_or(UriError::NoScheme)?;
    let mut bytes = name.bytes();
    let valid = bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !valid {
        return Err(UriError::NoScheme);
    }
    let known = [
        ("sip", Scheme::Sip),
        ("sips", Scheme::Sips),
        ("tel", Scheme::Tel),
        ("im", Scheme::Im),
        ("pres", Scheme::Pres),
    ];
    let scheme = known
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or(Scheme::Other, |(_, scheme)| scheme);
    Ok((scheme, name.len() + 1))
}

/// Index of the first of some ASCII characters in a range, else the end of the range.
fn find(text: &str, range: Range<usize>, wanted: &[u8]) -> usize {
    let part = text.as_bytes().get(range.clone()).unwrap_or_default();
    part.iter()
        .position(|b| wanted.contains(b))
        .map_or(range.end, |at| range.start + at)
}

/// Reads `:digits`.
fn port_number(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(':')?;
    let digital = digits.bytes().all(|b| b.is_ascii_digit());
    digital.then(|| digits.parse().ok()).flatten()
}

/// The parameters between semicolons, without empty ones.
fn params(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(';')
        .filter(|param| !param.is_empty())
        .map(|param| match param.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (param, None),
        })
}

#[cfg(test)]
mod tests;
