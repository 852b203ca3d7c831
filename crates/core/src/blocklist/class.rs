//! Classes of URIs that are quickly told: what names one identity is in one class, so that most users are seen to be on
//! no list without their identity being formed.

use crate::uri::{IdentityRules, identity};

/// Two texts of one identity have one class; seldom have two of different ones.
pub(crate) type Class = u64;

/// The class of any text.
pub(crate) fn of(text: &str, rules: &IdentityRules) -> Class {
    usual(text).unwrap_or_else(|| of_canonical(&identity(text, rules).canonical))
}

/// The class of a canonical identity.
pub(crate) fn of_canonical(canonical: &str) -> Class {
    usual(canonical).unwrap_or_else(|| fold(3, canonical.as_bytes(), 0))
}

/// True for a text whose class is told without its identity; such a text is never an anonymous one.
pub(super) fn is_usual(text: &str) -> bool {
    usual(text).is_some()
}

/// The class of a text written as almost all are; `None` for others.
///
/// `sip:user@host:port`, also `sips`, of unreserved characters with a letter that is no hexadecimal digit in the user
/// part, so that it cannot be a number; `tel:+digits` and `sip:+digits@host;user=phone`; `mailto:address`, which is its own
/// identity.
fn usual(text: &str) -> Option<Class> {
    let text = text.as_bytes();
    if let Some(number) = text.strip_prefix(b"tel:+") {
        return number
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| fold(2, number, 0));
    }
    if let Some(address) = text.strip_prefix(b"mailto:") {
        let plain = address
            .iter()
            .all(|&b| in_host(b) || b == b'_' || b == b'@');
        return plain.then(|| fold(3, text, 0));
    }
    let rest = text
        .strip_prefix(b"sip:")
        .or_else(|| text.strip_prefix(b"sips:"))?;
    let (user, rest) = rest.split_at_checked(rest.iter().position(|&b| b == b'@')?)?;
    let rest = rest.get(1..)?;
    let host_end = rest.iter().position(|&b| !in_host(b)).unwrap_or(rest.len());
    let (host, rest) = rest.split_at_checked(host_end)?;
    let last = host.rsplit(|&b| b == b'.').next()?;
    if last.is_empty() || last.eq_ignore_ascii_case(b"invalid") {
        return None;
    }
    if let Some(number) = user.strip_prefix(b"+") {
        let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        return (is_number && rest == b";user=phone").then(|| fold(2, number, 0));
    }
    let mut word = false;
    for &b in user {
        word |= matches!(b | LOWER, b'g'..=b'z');
        if !(in_host(b) || b == b'_') {
            return None;
        }
    }
    let port = rest.strip_prefix(b":").unwrap_or_default();
    let bare = rest.is_empty() || (!port.is_empty() && port.iter().all(u8::is_ascii_digit));
    (word && bare).then(|| fold(fold(1, user, 0), host, LOWER))
}

/// With this bit letters are lower case; digits, dots and hyphens have it anyway.
const LOWER: u8 = 0x20;

#[inline]
fn in_host(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'.' || b == b'-'
}

/// Mixes `bytes`, each with the bits of `with`, into `state`, eight at a time.
fn fold(state: u64, bytes: &[u8], with: u8) -> u64 {
    let with = u64::from_le_bytes([with; 8]);
    let mix = |state: u64, word: u64| {
        let mixed = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words.iter().fold(state, |state, word| {
        mix(state, u64::from_le_bytes(*word) | with)
    });
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let state = mix(state, u64::from_le_bytes(last) | with);
    mix(state, bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::uri::Form;

    /// The class that comes by way of the identity is the one told from the text.
    fn agrees(text: &str) -> bool {
        [false, true].into_iter().all(|strict| {
            let rules = IdentityRules {
                strict,
                plus_user: !strict,
            };
            let identity = identity(text, &rules);
            usual(text).is_none_or(|class| {
                class == of_canonical(&identity.canonical) && identity.form != Form::Anonymous
            })
        })
    }

    #[test]
    fn usual_texts_have_the_class_of_their_identity() {
        for text in [
            "sip:bob@Example.COM",
            "sips:bob@example.com:5061",
            "sip:bob@example.com:5070",
            "sip:user0@10.0.0.1:70000",
            "tel:+15551234",
            "mailto:bob@Example.com",
            "mailto:",
            "sip:+15551234@ims.example.net;user=phone",
        ] {
            assert!(usual(text).is_some(), "{text} is usual");
            assert!(agrees(text), "{text}");
        }
        for text in [
            "sip:abc@x.y",
            "sip:bob@x.invalid",
            "sip:bob@x.",
            "sip:b%6fb@x.y",
            "bob@x",
        ] {
            assert_eq!(usual(text), None, "{text}");
        }
    }

    #[test]
    fn two_writings_of_one_number_have_one_class() {
        let rules = IdentityRules::default();
        let class = of("tel:+1-555-1234", &rules);
        assert_eq!(class, of("sip:+15551234@x.y;user=phone", &rules));
        assert_eq!(class, of("tel:+15551234", &rules));
        assert_ne!(class, of("tel:+15551235", &rules));
    }

    proptest! {
        #[test]
        fn no_text_has_another_class_than_its_identity(
            scheme in "sip:|sips:|SIP:|tel:|mailto:|",
            user in "[+]?[a-gA-G0-9._%-]{0,6}[gz~]?@?",
            host in "[a-cA-C0-9.-]{0,6}(x|\\.invalid|INVALID|\\.)?",
            tail in "(:[0-9]{0,6})?(;user=phone|;gr|;user=ip|\\?a=b| )?",
        ) {
            let text = [scheme, user, host, tail].concat();
            prop_assert!(agrees(&text), "{}", text);
        }
    }
}
