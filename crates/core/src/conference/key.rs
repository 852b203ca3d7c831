//! Keys of users: anonymous ones, and the spellings of one URI (RFC 4575 §4.5; RFC 3261 §19.1.4).

use core::hash::Hasher;

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

/// True when two keys are one URI.
///
/// PROVISIONAL: of RFC 3261 §19.1.4 only the case of scheme and host is looked at; everything else is compared octet
/// for octet. To be replaced by the equality of [`crate::uri`].
pub(super) fn same_uri(a: &str, b: &str) -> bool {
    let (Some((scheme_a, _)), Some((scheme_b, _))) = (split_scheme(a), split_scheme(b)) else {
        return a == b;
    };
    if !scheme_a.eq_ignore_ascii_case(scheme_b) {
        return false;
    }
    if !scheme_a.eq_ignore_ascii_case("sip") && !scheme_a.eq_ignore_ascii_case("sips") {
        return a.get(scheme_a.len()..) == b.get(scheme_b.len()..);
    }
    let (user_a, host_a, tail_a) = split_host(a);
    let (user_b, host_b, tail_b) = split_host(b);
    user_a == user_b && host_a.eq_ignore_ascii_case(host_b) && tail_a == tail_b
}

/// True when a document's name for the conference is the one subscribed to; a missing scheme is no difference.
pub(super) fn same_conference(document: &str, subscribed: &str) -> bool {
    if same_uri(document, subscribed) {
        return true;
    }
    // Compared under one scheme, so that the case of the host does not matter either.
    let bare = |uri| split_scheme(uri).map_or(uri, |(_, rest)| rest);
    (!has_scheme(document) || !has_scheme(subscribed)) && {
        let under_sip = |uri| alloc::format!("sip:{}", bare(uri));
        same_uri(&under_sip(document), &under_sip(subscribed))
    }
}

/// Feeds `hasher` with what all spellings of one URI have in common: equal URIs give equal hashes, whatever becomes of
/// escapes, case, visual separators and parameters.
pub(super) fn hash_spelling(uri: &str, hasher: &mut impl Hasher) {
    let mut bytes = uri.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b';' | b'?' => break,
            b'%' => {
                let mut ahead = bytes.clone();
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        bytes = ahead;
                        u8::try_from(high * 16 + low).unwrap_or(b'%')
                    }
                    _ => b'%',
                }
            }
            other => other,
        };
        if !matches!(byte, b'-' | b'.' | b'(' | b')') {
            hasher.write_u8(byte.to_ascii_lowercase());
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn scheme_and_host_may_be_spelled_in_any_case() {
        for (a, b, expected) in [
            ("sip:a@X", "SIP:a@x", true),
            ("sip:A@x", "sip:a@x", false),
            ("sip:a@x;p", "sip:a@x", false),
            ("sip:a@x", "sips:a@x", false),
            ("tel:+1", "TEL:+1", true),
            ("tel:+1", "tel:+2", false),
            ("im:a@X", "im:a@x", false),
            ("a@X", "a@x", false),
        ] {
            assert_eq!(same_uri(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_conference_named_without_scheme_is_the_same_conference() {
        assert!(same_conference("room@Host", "sip:room@host"));
        assert!(same_conference("sip:room@host", "sip:room@host"));
        assert!(!same_conference("sip:room@host", "sips:room@host"));
        assert!(!same_conference("other@host", "sip:room@host"));
    }
}
