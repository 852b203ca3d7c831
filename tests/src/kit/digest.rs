//! Checks digest credentials as a server does (RFC 7616 §3.4, MD5), with nothing of the core's.

use md5::{Digest, Md5};

use super::message::Message;

fn md5(text: &str) -> String {
    let hash = Md5::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value of `name=value, name="value"`.
pub(super) fn value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let rest = header.split_once(' ').map_or(header, |(_, rest)| rest);
    rest.split(',').find_map(|part| {
        let (n, v) = part.trim().split_once('=')?;
        (n == name).then(|| v.trim_matches('"'))
    })
}

/// The `response` of credentials.
pub(super) fn response(
    message: (&str, &str),
    (user, realm, password): (&str, &str, &str),
    (nonce, nc, cnonce): (&str, &str, &str),
) -> String {
    let ha1 = md5(&format!("{user}:{realm}:{password}"));
    let ha2 = md5(&format!("{}:{}", message.0, message.1));
    md5(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"))
}

/// Asserts that a request proves the password.
///
/// # Panics
/// When it does not.
pub fn check(request: &Message, user: &str, password: &str, nonce: &str) {
    let credentials = request.get("Authorization").unwrap_or_default();
    let get = |name| value(credentials, name).unwrap_or_default();
    assert_eq!(
        (get("username"), get("nonce")),
        (user, nonce),
        "{credentials}"
    );
    assert_eq!(
        get("uri"),
        request.uri(),
        "the digest URI is the Request-URI"
    );
    let expected = response(
        (request.method(), request.uri()),
        (user, get("realm"), password),
        (nonce, get("nc"), get("cnonce")),
    );
    assert_eq!(get("response"), expected, "{credentials}");
}
