//! Keys of users: anonymous ones, and the spellings of one URI (RFC 4575 §4.5; RFC 3261 §19.1.4).

use alloc::borrow::Cow;
use alloc::format;
use core::hash::{Hash, Hasher};
use core::net::Ipv6Addr;

use crate::uri::{self, Scheme, Uri};

/// The scheme of a URI and what follows its colon (RFC 3986 §3.1).
fn split_scheme(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let mut chars = scheme.chars();
    (chars.next()?.is_ascii_alphabetic()
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
    .then_some((scheme, rest))
}

/// True when `uri` begins with a scheme.
pub(super) fn has_scheme(uri: &str) -> bool {
    split_scheme(uri).is_some()
}

/// User part, if any, host without port, and what follows the host.
fn split_host(uri: &str) -> (Option<&str>, &str, &str) {
    let rest = split_scheme(uri).map_or(uri, |(_, rest)| rest);
    let (user, after) = match rest.split_once('@') {
        Some((user, after)) => (Some(user), after),
        None => (None, rest),
    };
    let end = if after.starts_with('[') {
        after.find(']').map_or(after.len(), |at| at + 1)
    } else {
        after.find([':', ';', '?']).unwrap_or(after.len())
    };
    let (host, tail) = after.split_at_checked(end).unwrap_or((after, ""));
    (user, host, tail)
}

/// Host `invalid` or under `.invalid`: somebody who does not want to be known (CONF-42).
pub(super) fn is_anonymous(uri: &str) -> bool {
    let (_, host, _) = split_host(uri);
    let host = host.strip_suffix('.').unwrap_or(host);
    let label = host.rsplit('.').next().unwrap_or(host);
    label.eq_ignore_ascii_case("invalid")
}

/// Keys that servers give to several users at once: anonymous ones, and those whose user part is `anonymous`.
pub(super) fn may_be_shared(uri: &str) -> bool {
    let (user, _, _) = split_host(uri);
    let name = user.and_then(|user| user.split(':').next());
    is_anonymous(uri) || name.is_some_and(|name| name.eq_ignore_ascii_case("anonymous"))
}

/// Longest key, in octets, that is looked into; a longer one has one spelling only. Comparing is work that a notifier can
/// cause for each user, with each row like him.
const MAX_KEY: usize = 512;

/// Most parameters and headers of a key that is looked into.
const MAX_PARTS: usize = 8;

/// True for a key that is short and simple enough to be looked into.
fn may_be_respelled(key: &str) -> bool {
    let parts = || key.bytes().filter(|b| matches!(b, b';' | b'?' | b'&'));
    key.len() <= MAX_KEY && parts().count() <= MAX_PARTS
}

/// True when two keys are one URI (RFC 3261 §19.1.4; tel: RFC 3966 §4; other schemes, and what is no URI: octets).
pub(super) fn same_uri(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    if !may_be_respelled(a) || !may_be_respelled(b) {
        return false;
    }
    match (Uri::parse(a), Uri::parse(b)) {
        (Ok(a), Ok(b)) => uri::equal(&a, &b),
        _ => false,
    }
}

/// True when a document's name for the conference is the one subscribed to; a missing scheme is no difference.
pub(super) fn same_conference(document: &str, subscribed: &str) -> bool {
    // What has no scheme is compared under that of the other.
    let scheme = |uri| split_scheme(uri).map(|(scheme, _)| scheme);
    match (scheme(document), scheme(subscribed)) {
        (Some(_), Some(_)) => same_uri(document, subscribed),
        (None, scheme) => same_uri(&under(scheme, document), &under(scheme, subscribed)),
        (scheme, None) => same_uri(document, &under(scheme, subscribed)),
    }
}

/// The URI with that scheme, `sip` for want of one, if it has none itself.
fn under<'u>(scheme: Option<&str>, uri: &'u str) -> Cow<'u, str> {
    if has_scheme(uri) {
        return Cow::Borrowed(uri);
    }
    Cow::Owned(format!("{}:{uri}", scheme.unwrap_or("sip")))
}

/// Feeds `hasher` with what all spellings of one URI have in common: what [`same_uri`] calls equal gives equal hashes.
/// Parameters and headers are left out, since not all of them count.
pub(super) fn hash_spelling(key: &str, hasher: &mut impl Hasher) {
    let parsed = may_be_respelled(key).then(|| Uri::parse(key).ok());
    let Some(uri) = parsed.flatten() else {
        return key.hash(hasher);
    };
    match uri.scheme() {
        scheme @ (Scheme::Sip | Scheme::Sips) => {
            hasher.write_u8(u8::from(scheme == Scheme::Sips));
            for octet in unescaped(uri.user().unwrap_or_default()) {
                hasher.write_u8(octet);
            }
            hasher.write_u8(b'@');
            hash_host(uri.host().unwrap_or_default(), hasher);
            uri.port().hash(hasher);
        }
        Scheme::Tel => unescaped(uri.number().unwrap_or_default())
            .filter(|octet| !matches!(octet, b'-' | b'.' | b'(' | b')'))
            .for_each(|octet| hasher.write_u8(octet.to_ascii_lowercase())),
        _ => key.hash(hasher),
    }
}

fn hash_host(host: &str, hasher: &mut impl Hasher) {
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Some(Ok(address)) = address.map(str::parse::<Ipv6Addr>) {
        return address.hash(hasher);
    }
    unescaped(host).for_each(|octet| hasher.write_u8(octet.to_ascii_lowercase()));
}

/// The octets of a text with every escape undone (RFC 3986 §2.1).
fn unescaped(text: &str) -> impl Iterator<Item = u8> {
    let mut bytes = text.bytes();
    core::iter::from_fn(move || {
        let byte = bytes.next()?;
        let mut ahead = bytes.clone();
        let mut digit = || char::from(ahead.next()?).to_digit(16);
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(), digit())
        {
            bytes = ahead;
            return u8::try_from(high * 16 + low).ok();
        }
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use core::hash::BuildHasher;

    use hashbrown::DefaultHashBuilder;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn anonymous_hosts_are_told_from_others() {
        let cases = [
            ("sip:anonymous1@anonymous.invalid", true),
            ("sip:a@INVALID", true),
            ("sip:a@invalid.;x=y", true),
            ("sip:a@x.invalid:5060", true),
            ("a@b.invalid", true),
            ("sip:a@notinvalid", false),
            ("sip:invalid@x", false),
            ("tel:+1", false),
            ("sip:a@x;invalid", false),
        ];
        for (uri, expected) in cases {
            assert_eq!(is_anonymous(uri), expected, "{uri}");
        }
    }

    #[test]
    fn keys_that_servers_share_out_are_anonymous_ones() {
        for (uri, expected) in [
            ("sip:anonymous@example.com", true),
            ("sip:Anonymous@example.com", true),
            ("sip:u7@anonymous.invalid", true),
            ("sip:anonymous2@example.com", false),
            ("sip:bob@anonymous.example.com", false),
        ] {
            assert_eq!(may_be_shared(uri), expected, "{uri}");
        }
    }

    /// RFC 3261 §19.1.4, RFC 3966 §4.
    const SPELLINGS: [(&str, &str, bool); 32] = [
        ("sip:a@X", "SIP:a@x", true),
        ("sip:A@x", "sip:a@x", false),
        (
            "sip:%61lice@x;transport=TCP",
            "sip:alice@X;Transport=tcp",
            true,
        ),
        ("sip:a@x;p", "sip:a@x", true),
        ("sip:a@x;p=1", "sip:a@x;p=2", false),
        ("sip:a@x;transport=tcp", "sip:a@x", false),
        ("sip:a@x;a=1;b=2", "sip:a@x;b=2;a=1", true),
        ("sip:a@x;gr=1", "sip:a@x", true),
        ("sip:a@x?s=1&t=2", "sip:a@x?t=2&s=1", true),
        ("sip:a@x?s=1", "sip:a@x", false),
        ("sip:a%40b@x", "sip:a%40B@x", false),
        ("sip:a%2Bb@x", "sip:a%2bb@x", true),
        ("sip:a%2Bb@x", "sip:a+b@x", false),
        ("sip:a:pw@x", "sip:a@x", false),
        ("sip:x", "sip:@x", false),
        ("sip:x", "SIP:X", true),
        ("sip:a@x", "sip:a@x:5060", false),
        ("sip:a@x:5060", "sip:a@X:05060", true),
        ("sip:a@[::1]", "sip:a@[0:0::1]", true),
        ("sip:a@[FE80::1]", "sip:a@[fe80::1]", true),
        ("sip:a@%65xample.com", "sip:a@EXAMPLE.com", true),
        ("sip:a@x", "sip:a@x.", false),
        ("sip:a@x", "sips:a@x", false),
        ("tel:+1-212", "TEL:+1(21)2", true),
        ("tel:+1", "tel:+2", false),
        (
            "tel:1A;phone-context=X.com",
            "tel:1a;Phone-Context=x.com",
            true,
        ),
        (
            "tel:1;phone-context=x.com",
            "tel:1;phone-context=y.com",
            false,
        ),
        ("tel:+1;ext=5", "tel:+1", false),
        ("tel:1#;phone-context=+1", "tel:1%23;phone-context=+1", true),
        ("im:a@X", "im:a@x", false),
        ("a@X", "a@x", false),
        ("::", "::", true),
    ];

    fn same_hash(a: &str, b: &str) -> bool {
        let seed = DefaultHashBuilder::default();
        let [a, b] = [a, b].map(|key| {
            let mut hasher = seed.build_hasher();
            hash_spelling(key, &mut hasher);
            hasher.finish()
        });
        a == b
    }

    #[test]
    fn keys_are_one_uri_as_their_scheme_defines_it() {
        for (a, b, expected) in SPELLINGS {
            assert_eq!(same_uri(a, b), expected, "{a} {b}");
            assert_eq!(same_uri(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn spellings_of_one_uri_are_found_by_one_hash() {
        for (a, b, expected) in SPELLINGS {
            assert!(!expected || same_hash(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_key_over_a_limit_has_one_spelling_only() {
        let long = |host: &str, n: usize| format!("sip:{}@{host}", "a".repeat(n - 6));
        let many = |host: &str, n: usize| format!("sip:a@{host}{}", ";p".repeat(n));
        for (key, limit) in [
            (&long as &dyn Fn(&str, usize) -> _, MAX_KEY),
            (&many, MAX_PARTS),
        ] {
            assert!(same_uri(&key("x", limit), &key("X", limit)));
            assert!(!same_uri(&key("x", limit + 1), &key("X", limit + 1)));
            assert!(same_uri(&key("x", limit + 1), &key("x", limit + 1)));
        }
    }

    proptest! {
        #[test]
        fn equal_keys_have_equal_hashes(
            a in "(sip|SIP|sips|tel|im):(([aA]|%61|%41|%2[bB]|[+]|%23){1,2}(:p)?@)?(x|X|%58|\\[::1\\]|\\[0::1\\])(:5060|:05060)?(;(p|P|lr|gr=1))?",
            b in "(sip|SIP|sips|tel|im):(([aA]|%61|%41|%2[bB]|[+]|%23){1,2}(:p)?@)?(x|X|%58|\\[::1\\]|\\[0::1\\])(:5060|:05060)?(;(p|P|lr|gr=1))?",
        ) {
            prop_assert!(!same_uri(&a, &b) || same_hash(&a, &b), "{} {}", a, b);
        }

        #[test]
        fn equal_numbers_have_equal_hashes(
            a in "tel:[+]?([1aA.(-]|%31|%2[dD]|%23|%2[aA]|[*]){1,3}(;ext=1)?",
            b in "tel:[+]?([1aA.(-]|%31|%2[dD]|%23|%2[aA]|[*]){1,3}(;ext=1)?",
        ) {
            prop_assert!(!same_uri(&a, &b) || same_hash(&a, &b), "{} {}", a, b);
        }
    }

    #[test]
    fn a_conference_named_without_scheme_is_the_same_conference() {
        for (document, subscribed, expected) in [
            ("room@Host", "sip:room@host", true),
            ("room@host", "sips:room@Host", true),
            ("sip:room@host", "room@HOST", true),
            ("room@host", "ROOM@host", false),
            ("room@host", "room@Host", true),
            ("sip:room@host", "sip:room@host", true),
            ("sip:room@host", "sip:r%6Fom@host;gr=1", true),
            ("sip:room@host", "sips:room@host", false),
            ("other@host", "sip:room@host", false),
            ("+1-212", "tel:+1212", true),
            ("", "sip:room@host", false),
        ] {
            assert_eq!(
                same_conference(document, subscribed),
                expected,
                "{document} {subscribed}"
            );
        }
    }
}
