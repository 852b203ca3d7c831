//! User name and password as a digest takes them (RFC 7616 §3.4.2).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Who answers a challenge, and with what.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User name, unquoted; non-ASCII is hashed and sent as UTF-8.
    pub username: String,
    /// The password, or what stands in for it (RES for AKA, Ks_NAF for GBA).
    pub password: Secret,
}

/// A password: octets that no log and no message shows. There is no `Display`, and `Debug` hides it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The octets, for a host that derives something from them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_password_does_not_show_in_debug_output() {
        let credentials = Credentials {
            username: "alice".into(),
            password: "open sesame".into(),
        };
        let shown = format!("{credentials:?}");
        assert!(shown.contains("alice") && !shown.contains("sesame"));
        assert_eq!(credentials.password.as_bytes(), b"open sesame");
    }
}
