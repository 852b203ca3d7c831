//! Percent-encoding of path segments (RFC 3986 §2.1, §3.3).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is not `pchar`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// One segment, or one step of a node selector, as it stands in a URI.
pub(crate) fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// A path, segment by segment.
pub(crate) fn encode_path(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(encode).collect();
    segments.join("/")
}

/// Decodes; `None` if it is no percent-encoded UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-05, XDM-07.
    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for text in [
            "sip:a@h;user=phone",
            "a/b?c#d%",
            "list[@name=\"x\"]",
            "\u{e9}~",
        ] {
            let encoded = encode(text);
            assert!(
                !encoded.contains(['/', '?', '#', '[', '"', '\u{e9}']),
                "{encoded}"
            );
            assert_eq!(decode(&encoded).as_deref(), Some(text));
        }
        assert_eq!(encode("sip:a@h;x=1"), "sip:a@h;x=1");
    }

    #[test]
    fn what_is_badly_encoded_is_nothing() {
        for text in ["%", "%4", "%zz", "%ff", "a%C3"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
