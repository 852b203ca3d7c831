//! Percent-encoding (RFC 3261 §19.1.4, RFC 2396 §2).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

const fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        )
}

const fn is_reserved(b: u8) -> bool {
    matches!(
        b,
        b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b','
    )
}

/// One octet and whether it was escaped.
fn octets(text: &str) -> impl Iterator<Item = (u8, bool)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    core::iter::from_fn(move || {
        let &byte = bytes.get(at)?;
        let hex = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
        if byte == b'%'
            && let (Some(high), Some(low)) = (hex(1), hex(2))
        {
            at += 3;
            return Some((u8::try_from(high * 16 + low).unwrap_or(byte), true));
        }
        at += 1;
        Some((byte, false))
    })
}

/// Index of a percent sign that is followed by no two hexadecimal digits.
pub(super) fn malformed(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'%', bytes)
        .find(|at| !(1..=2).all(|offset| bytes.get(at + offset).is_some_and(u8::is_ascii_hexdigit)))
}

/// One form for all texts that RFC 3261 §19.1.4 calls equivalent: unreserved characters bare, a reserved one as it was
/// written, since bare and escaped it means two things, all others escaped, in capitals.
pub(super) fn normal(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| is_unreserved(b) || is_reserved(b)) {
        return Cow::Borrowed(text);
    }
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).map_or('0', |&d| char::from(d));
    let mut normal = String::with_capacity(text.len());
    for (octet, escaped) in octets(text) {
        if is_unreserved(octet) || is_reserved(octet) && !escaped {
            normal.push(char::from(octet));
        } else {
            normal.push('%');
            normal.push(digit(octet >> 4));
            normal.push(digit(octet & 15));
        }
    }
    Cow::Owned(normal)
}

/// As [`normal`], and in lower case but for the digits of escapes, so that it is the normal form of itself.
pub(super) fn normal_ignoring_case(text: &str) -> String {
    let mut digits = 0;
    normal(text)
        .chars()
        .map(|c| match (digits, c) {
            (0, '%') => {
                digits = 2;
                c
            }
            (0, _) => c.to_ascii_lowercase(),
            _ => {
                digits -= 1;
                c
            }
        })
        .collect()
}

/// The text with every escape undone; none when that is not UTF-8.
pub(super) fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let octets: Vec<u8> = octets(text).map(|(octet, _)| octet).collect();
    String::from_utf8(octets).ok().map(Cow::Owned)
}

/// Equal but for escapes of characters that need none.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || normal(a) == normal(b)
}

/// Equal but for case and for escapes of characters that need none.
pub(super) fn same_ignoring_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || normal(a).eq_ignore_ascii_case(&normal(b))
}
