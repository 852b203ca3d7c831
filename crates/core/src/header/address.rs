//! name-addr and addr-spec: From, To, Contact, Record-Route, Service-Route, P-Associated-URI … (RFC 3261 §20, §25.1).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Params, delta_seconds, lex};

/// One address of a header: display name, URI, header parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Display name without quotes and escapes; none where there is none or an empty one.
    pub display: Option<String>,
    /// The URI as written, its own parameters included.
    pub uri: String,
    /// Parameters of the header, not of the URI. Without angle brackets everything after the first semicolon is a
    /// header parameter (RFC 3261 §20.10).
    pub params: Params,
}

impl Address {
    /// Reads the first address of a value; none when there is none, as in `Contact: *`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        addresses(core::iter::once(value)).into_iter().next()
    }

    /// First value of a header parameter, whatever the case of its name; "" for a name alone.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        lex::param(&self.params, name)
    }

    /// Preference of a Contact in thousandths, 1000 where none can be read (RFC 3261 §20.10).
    #[must_use]
    pub fn q(&self) -> u16 {
        self.param("q").and_then(quality).unwrap_or(1000)
    }

    /// Seconds that a Contact's binding lasts; none where they cannot be read.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        delta_seconds(self.param("expires")?)
    }

    fn from_element(element: &str) -> Option<Self> {
        let (address, params) = lex::split_once(element, b';').unwrap_or((element, ""));
        let address = lex::trim(address);
        let (display, uri) = match lex::quoted(address) {
            Some((display, rest)) => (display, in_angles(lex::trim(rest).strip_prefix('<')?)?),
            None => match address.split_once('<') {
                Some((display, rest)) => (lex::unfold(lex::trim(display)), in_angles(rest)?),
                None => (String::new(), with_scheme(address)?),
            },
        };
        let uri = lex::trim(uri);
        if uri.is_empty() || uri.contains(|c| lex::is_blank(c) || matches!(c, '<' | '>' | '"')) {
            return None;
        }
        Some(Self {
            display: (!display.is_empty()).then_some(display),
            uri: uri.to_owned(),
            params: lex::params(params),
        })
    }
}

/// Reads a qvalue (RFC 3261 §25.1), in thousandths; digits after the third decimal are dropped.
pub(super) fn quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let decimals = decimals
        .bytes()
        .chain(core::iter::repeat(b'0'))
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("", decimals) if text.len() > 1 => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

fn in_angles(text: &str) -> Option<&str> {
    let (uri, rest) = text.split_once('>')?;
    lex::trim(rest).is_empty().then_some(uri)
}

fn with_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let lettered = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    (lettered && lex::is_token(scheme)).then_some(text)
}

/// All addresses of a header, whose lines come in order; what is no address is left out.
#[must_use]
pub fn addresses<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Address> {
    values
        .flat_map(split_list)
        .filter_map(Address::from_element)
        .collect()
}

/// The addresses of Contact lines in the order in which to try them: highest `q` first, else as written
/// (RFC 3261 §8.1.3.4). Empty for `*`, which names every contact and no address.
#[must_use]
pub fn contacts<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Address> {
    let mut contacts = addresses(values);
    contacts.sort_by_key(|contact| core::cmp::Reverse(contact.q()));
    contacts
}

/// The elements of a comma-separated value as they stand, without blanks around them and without empty ones. Commas in
/// quotes and angle brackets separate nothing. For headers whose text must be kept: Record-Route, Route, Service-Route.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    lex::split(value, b',').filter(|element| !element.is_empty())
}
