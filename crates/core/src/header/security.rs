//! Security mechanisms: Security-Client, Security-Server, Security-Verify (RFC 3329 §2.2, appendix A).
//!
//! Security-Verify must repeat the Security-Server lines byte for byte (IMS-24): keep the lines of
//! [`crate::message::Headers::all`] for that. This reads what they say.

use alloc::vec::Vec;

use super::address::quality;
use super::{Params, lex, split_list};

/// One mechanism of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism<'a> {
    /// The element as it stands on the line.
    pub raw: &'a str,
    /// Name as written: `ipsec-3gpp`, `tls`, `digest` …
    pub name: &'a str,
    /// Parameters: `q`, `alg`, `ealg`, `spi-c`, `port-s`, `d-alg` …
    pub params: Params,
}

impl<'a> Mechanism<'a> {
    fn from_element(raw: &'a str) -> Option<Self> {
        let (name, params) = lex::split_once(raw, b';').unwrap_or((raw, ""));
        let name = lex::trim(name);
        lex::is_token(name).then(|| Self {
            raw,
            name,
            params: lex::params(params),
        })
    }

    /// True for the mechanism of this name, whatever its case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// First value of a parameter, whatever the case of its name; "" for a name alone.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        lex::param(&self.params, name)
    }

    /// Preference in thousandths; 1000 where none can be read.
    #[must_use]
    pub fn q(&self) -> u16 {
        self.param("q").and_then(quality).unwrap_or(1000)
    }
}

/// The mechanisms of a header in the order of its lines; what has no name is left out.
#[must_use]
pub fn mechanisms<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Mechanism<'a>> {
    values
        .flat_map(split_list)
        .filter_map(Mechanism::from_element)
        .collect()
}
