//! Multipart bodies as peers build them, good, odd and hostile (RFC 2046 §5.1).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::multipart::{MAX_DEPTH, MAX_PARTS, documents};
use super::*;

const WANTED: &str = "application/conference-info+xml";

/// The wanted documents as text, joined by bars.
fn found(content_type: &str, body: &str) -> String {
    let media = MediaType::parse(content_type).unwrap();
    let documents = documents(media, body.as_bytes(), &|media| media.is(WANTED));
    let texts: Vec<_> = documents
        .into_iter()
        .map(|(media, document)| {
            assert!(media.is(WANTED));
            core::str::from_utf8(document).unwrap()
        })
        .collect();
    texts.join("|")
}

fn part(headers: &str, body: &str) -> String {
    format!("{headers}\r\n\r\n{body}")
}

#[test]
fn documents_are_found_in_order_wherever_they_stand() {
    // SUB-35, RFC 5621 §3.1
    let document = |text| part("Content-Type: application/conference-info+xml", text);
    let other = part("Content-Type: text/plain", "hello");
    let inner = format!(
        "--in\r\n{}\r\n--in\r\n{}\r\n--in--",
        document("B"),
        document("C")
    );
    let nested = part("c: Multipart/Related;\r\n boundary=\"in\"", &inner);
    let mixed = "multipart/mixed ; boundary = \"out 1\"";
    for (content_type, body, expected) in [
        (WANTED, "--x".into(), "--x"),
        ("text/plain", "A".into(), ""),
        (
            mixed,
            format!("--out 1\r\n{}\r\n--out 1--", document("A")),
            "A",
        ),
        (
            mixed,
            format!(
                "pre\r\n--out 1\r\n{other}\r\n--out 1\r\n{}\r\n--out 1--\r\npost",
                document("A")
            ),
            "A",
        ),
        (
            mixed,
            format!(
                "--out 1\r\n{}\r\n--out 1\r\n{nested}\r\n--out 1\r\n{}\r\n--out 1--\r\n--out 1\r\n{}",
                document("A"),
                document("D"),
                document("after the end"),
            ),
            "A|B|C|D",
        ),
        (mixed, format!("--out 1\r\n{other}\r\n--out 1--"), ""),
    ] {
        assert_eq!(found(content_type, &body), expected, "{body}");
    }
}

#[test]
fn parts_whose_octets_are_not_as_they_stand_are_no_documents() {
    // SUB-34, RFC 2045 §6.2
    for (header, expected) in [
        ("Content-Transfer-Encoding: 8bit", "x"),
        ("Content-Transfer-Encoding: BINARY", "x"),
        ("Content-Transfer-Encoding: 7Bit", "x"),
        ("Content-Transfer-Encoding: base64", ""),
        ("Content-Transfer-Encoding: quoted-printable", ""),
        ("Content-Encoding: gzip", ""),
        ("e: identity", "x"),
        ("Content-Disposition: notify", "x"),
    ] {
        let body = format!("--b\r\n{header}\r\nContent-Type: {WANTED}\r\n\r\nx\r\n--b--");
        assert_eq!(
            found("multipart/mixed;boundary=b", &body),
            expected,
            "{header}"
        );
    }
}

#[test]
fn bodies_in_bodies_are_opened_to_a_depth() {
    // SEC-07
    let nest = |depth: usize| {
        let mut body = part("Content-Type: application/conference-info+xml", "x");
        for level in (0..depth).rev() {
            body = format!("--b{level}\r\n{body}\r\n--b{level}--");
            if level > 0 {
                body = part(
                    &format!("Content-Type: multipart/mixed;boundary=b{level}"),
                    &body,
                );
            }
        }
        found("multipart/mixed;boundary=b0", &body)
    };
    assert_eq!(nest(MAX_DEPTH), "x");
    assert_eq!(nest(MAX_DEPTH + 1), "");
    // A body that is its own part again, as far as its boundary tells.
    let own = "--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n".repeat(1000);
    assert_eq!(found("multipart/mixed;boundary=b", &own), "");
}

#[test]
fn parts_of_all_depths_are_counted_together() {
    let document = part("Content-Type: application/conference-info+xml", "x");
    let half = |boundary: &str| format!("--{boundary}\r\n{document}\r\n").repeat(MAX_PARTS / 2);
    let nested = part("Content-Type: multipart/mixed;boundary=in", &half("in"));
    let body = format!("{}--out\r\n{nested}\r\n--out--", half("out"));
    let all = found("multipart/mixed;boundary=out", &body);
    // The nested body itself is a part too.
    assert_eq!(all.split('|').count(), MAX_PARTS - 1);
}
