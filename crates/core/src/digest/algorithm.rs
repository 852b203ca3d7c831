//! The digest algorithms and their hashes (RFC 7616 §3.2, RFC 8760 §2, RFC 3310, RFC 4169).

use alloc::string::String;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// An algorithm a challenge can name. The `Sess` forms hash the password once per session (RFC 7616 §3.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`, also meant when the challenge names none.
    Md5,
    /// `MD5-sess`.
    Md5Sess,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Sess,
    /// `SHA-512-256`.
    Sha512_256,
    /// `SHA-512-256-sess`.
    Sha512_256Sess,
    /// `AKAv1-MD5`: MD5 with RES of the SIM as password (RFC 3310 §3.3).
    AkaV1Md5,
    /// `AKAv2-MD5`: MD5 with a password derived from RES, IK and CK (RFC 4169 §3).
    AkaV2Md5,
}

impl Algorithm {
    /// The algorithm of that name, in any case; none if unknown.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            n if n.eq_ignore_ascii_case("MD5") => Self::Md5,
            n if n.eq_ignore_ascii_case("MD5-sess") => Self::Md5Sess,
            n if n.eq_ignore_ascii_case("SHA-256") => Self::Sha256,
            n if n.eq_ignore_ascii_case("SHA-256-sess") => Self::Sha256Sess,
            n if n.eq_ignore_ascii_case("SHA-512-256") => Self::Sha512_256,
            n if n.eq_ignore_ascii_case("SHA-512-256-sess") => Self::Sha512_256Sess,
            n if n.eq_ignore_ascii_case("AKAv1-MD5") => Self::AkaV1Md5,
            n if n.eq_ignore_ascii_case("AKAv2-MD5") => Self::AkaV2Md5,
            _ => return None,
        })
    }

    /// Whether A1 holds the nonce and the cnonce (RFC 7616 §3.4.2).
    pub fn is_session(self) -> bool {
        matches!(
            self,
            Self::Md5Sess | Self::Sha256Sess | Self::Sha512_256Sess
        )
    }

    /// Whether the password comes out of the SIM (SEC-11): no typed password answers it.
    pub fn is_aka(self) -> bool {
        matches!(self, Self::AkaV1Md5 | Self::AkaV2Md5)
    }

    /// Whether the hash is MD5 with a typed password, which a policy may refuse (RFC 8760 §3).
    pub fn is_md5(self) -> bool {
        matches!(self, Self::Md5 | Self::Md5Sess)
    }

    /// Hash of the parts, joined by `:`, as lower-case hex (RFC 8760 §2.2).
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess | Self::AkaV1Md5 | Self::AkaV2Md5 => hex::<Md5>(parts),
            Self::Sha256 | Self::Sha256Sess => hex::<Sha256>(parts),
            Self::Sha512_256 | Self::Sha512_256Sess => hex::<Sha512_256>(parts),
        }
    }
}

fn hex<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hash = D::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}
