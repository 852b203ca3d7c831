//! What all spellings of a key have in common, as a number; for most keys without reading them as URIs.

use core::hash::{Hash as _, Hasher};

use super::key;

/// Equal for keys that are one URI.
pub(super) fn class(key: &str) -> u64 {
    usual(key).unwrap_or_else(|| exact(key))
}

/// By reading the key.
fn exact(key: &str) -> u64 {
    let mut folded = Folded::default();
    key::hash_spelling(key, &mut folded);
    folded.finish()
}

/// As [`exact`], of keys written as almost all are; `None` for others: `sip:user@host:port`, also `sips` or with
/// `;user=phone`, without escapes, and `tel:+digits`.
fn usual(key: &str) -> Option<u64> {
    let mut folded = Folded::default();
    let key = key.as_bytes();
    if let Some(number) = key.strip_prefix(b"tel:") {
        let digits = number.strip_prefix(b"+")?;
        folded.write(number);
        let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        return (plain && key.len() <= LONGEST).then(|| folded.finish());
    }
    let (sips, rest) = match key.strip_prefix(b"sip:") {
        Some(rest) => (0, rest),
        None => (1, key.strip_prefix(b"sips:")?),
    };
    folded.write_u8(sips);
    let (user, rest) = rest.split_at_checked(rest.iter().position(|&b| b == b'@')?)?;
    let rest = rest.get(1..)?;
    let end = rest.iter().position(|&b| !is_plain(b));
    let (host, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    let rest = rest.strip_suffix(b";user=phone").unwrap_or(rest);
    let port = match rest {
        [] => None,
        [b':', b'1'..=b'9', ..] => Some(core::str::from_utf8(rest.get(1..)?).ok()?.parse().ok()?),
        _ => return None,
    };
    if user.is_empty() || host.split(|&b| b == b'.').any(<[u8]>::is_empty) {
        return None;
    }
    for &b in user {
        if !is_plain(b) && b != b'+' {
            return None;
        }
        folded.write_u8(b);
    }
    folded.write_u8(b'@');
    for &b in host {
        folded.write_u8(b.to_ascii_lowercase());
    }
    let port: Option<u16> = port;
    port.hash(&mut folded);
    (key.len() <= LONGEST).then(|| folded.finish())
}

/// Bytes of a usual key.
const LONGEST: usize = 256;

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'.' || b == b'-'
}

/// Folds bytes together. Who makes keys that collide only gets none of them found by another spelling.
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u8(byte);
        }
    }

    #[inline]
    fn write_u8(&mut self, byte: u8) {
        // FNV-1a.
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_keys_need_not_be_read() {
        for key in [
            "sip:bob@Example.COM",
            "sips:+1555@example.com:5061",
            "tel:+1555",
            "sip:+1555@example.com;user=phone",
        ] {
            assert_eq!(usual(key), Some(exact(key)), "{key}");
        }
        for key in ["bob@x", "sip:b%6fb@x", "tel:1-2", "sip:bob@[::1]", "sip:x"] {
            assert_eq!(usual(key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn a_class_is_the_same_whether_the_key_is_read_or_not(
            key in "(sip|sips|tel|SIP|im):[+]?[a-cA-C0-9.%-]{0,5}@?[a-cA-C0-9.-]{0,6}(:[0-9]{0,6})?(;user=phone|;| |[?])?"
        ) {
            prop_assert!(usual(&key).is_none_or(|class| class == exact(&key)), "{}", key);
        }
    }
}
