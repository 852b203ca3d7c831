//! Header values as peers write them, good, odd and broken (in the manner of RFC 4475).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::multipart::{MAX_PART_HEADERS, MAX_PARTS, Part, parts};
use super::*;

#[test]
fn events_match_byte_by_byte_on_package_and_id_alone() {
    // SUB-23, RFC 6665 §8.2.1
    let ours = Event::parse("conference").unwrap();
    for (value, same) in [
        ("conference", true),
        ("  conference ", true),
        ("conference;max-rate=1", true),
        ("conference\r\n ;x=\";id=4\"", true),
        ("Conference", false),
        ("conference;id=1", false),
        ("conference;id", false),
        ("conference.winfo", false),
    ] {
        let theirs = Event::parse(value).unwrap();
        assert_eq!(ours.matches(&theirs), same, "{value}");
    }
    let with_id = Event::parse("conference;id=Ab").unwrap();
    for (value, same) in [
        ("conference ; a=b ; ID = Ab", true),
        ("conference;id=ab", false),
        ("conference", false),
    ] {
        assert_eq!(
            with_id.matches(&Event::parse(value).unwrap()),
            same,
            "{value}"
        );
    }
    for value in ["", "  ", ";id=1", "conference presence", "\"conference\""] {
        assert_eq!(Event::parse(value), None, "{value}");
    }
}

#[test]
fn subscription_states_are_read_whatever_their_case_and_parameters() {
    // SUB-53, SUB-65, RFC 6665 §8.2.3
    let read = |value| {
        let s = SubscriptionState::parse(value)?;
        let reason = s.reason.as_ref().map(|r| r.as_str().to_string());
        Some((s.state, reason, s.expires, s.retry_after))
    };
    use Substate::{Active, Other, Pending, Terminated};
    let reason = |text: &str| Some(text.to_string());
    for (value, expected) in [
        ("active;expires=3600", (Active, None, Some(3600), None)),
        ("Active ; Expires = 60", (Active, None, Some(60), None)),
        ("pending", (Pending, None, None, None)),
        (
            "terminated;reason=NoResource",
            (Terminated, reason("noresource"), None, None),
        ),
        (
            "TERMINATED\r\n\t;reason=probation;retry-after=10",
            (Terminated, reason("probation"), None, Some(10)),
        ),
        (
            "terminated;reason=\"giveup\";retry-after=\"5\"",
            (Terminated, reason("giveup"), None, Some(5)),
        ),
        (
            "terminated;reason=xYz;expires=99999999999",
            (Terminated, reason("xYz"), Some(u32::MAX), None),
        ),
        (
            "terminated;reason=;expires=soon",
            (Terminated, None, None, None),
        ),
        (
            "Waiting;expires=1",
            (Other("Waiting".into()), None, Some(1), None),
        ),
    ] {
        assert_eq!(read(value), Some(expected), "{value}");
    }
    for value in ["", ";reason=timeout", "active pending", "<active>"] {
        assert_eq!(read(value), None, "{value}");
    }
}

#[test]
fn every_known_reason_reads_back_as_itself() {
    // SUB-56…62
    for text in [
        "deactivated",
        "probation",
        "rejected",
        "timeout",
        "giveup",
        "noresource",
        "invariant",
    ] {
        let reason = Reason::parse(&text.to_uppercase()).unwrap();
        assert!(!matches!(reason, Reason::Other(_)), "{text}");
        assert_eq!(reason.as_str(), text);
    }
}

#[test]
fn seconds_are_read_with_comments_and_parameters_and_never_wrap() {
    // RFC 3261 §20.19, §20.33
    for (value, expected) in [
        ("3600", Some(3600)),
        (" 0 ", Some(0)),
        ("0000000000000000000000000000060", Some(60)),
        ("36893488147419103232", Some(u32::MAX)),
        ("4294967295", Some(u32::MAX)),
        ("120 (in a meeting)", Some(120)),
        ("120(in a (long) meeting);duration=60", Some(120)),
        ("18000;duration=3600", Some(18000)),
        ("18000 ;duration=3600", Some(18000)),
        ("\r\n 7", Some(7)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("60s", None),
        ("Thu, 01 Dec 2044 16:00:00 GMT", None),
        ("٣٦", None),
    ] {
        assert_eq!(retry_after(value), expected, "{value}");
        assert_eq!(delta_seconds(value), expected, "{value}");
    }
}

/// Display, URI and parameters of every address of a value.
fn read(value: &str) -> Vec<(String, String, String)> {
    addresses(core::iter::once(value))
        .into_iter()
        .map(|a| {
            let params = a.params.into_iter().map(|(name, value)| match value {
                Some(value) => format!("[{name}={value}]"),
                None => format!("[{name}]"),
            });
            (a.display.unwrap_or_default(), a.uri, params.collect())
        })
        .collect()
}

#[test]
fn addresses_are_read_in_every_form_peers_write() {
    // RFC 3261 §20.10, §25.1
    for (value, expected) in [
        ("<sip:a@x>", &[("", "sip:a@x", "")][..]),
        ("sip:a@x;lr;tag=1", &[("", "sip:a@x", "[lr][tag=1]")]),
        ("<sip:a@x;lr>;tag=1", &[("", "sip:a@x;lr", "[tag=1]")]),
        ("sip:a@x ; tag = 1", &[("", "sip:a@x", "[tag=1]")]),
        ("caller<sip:a@x>;tag=1", &[("caller", "sip:a@x", "[tag=1]")]),
        ("A. G. Bell <sip:agb@x>", &[("A. G. Bell", "sip:agb@x", "")]),
        ("\"\" <sip:a@x>", &[("", "sip:a@x", "")]),
        (
            "\"Bell, \\\"A\\\" <G>; \\\\\"<sip:a@x>",
            &[("Bell, \"A\" <G>; \\", "sip:a@x", "")],
        ),
        (
            "\"J Rosenberg\\\\\\\"\" <sip:jdr@x> ; tag=1",
            &[("J Rosenberg\\\"", "sip:jdr@x", "[tag=1]")],
        ),
        (
            "\"two\r\n   lines\" <sip:a@x>",
            &[("two lines", "sip:a@x", "")],
        ),
        (
            "\"Jürgen\" <sip:j@x>;+g.m=\"<a;b>, \\\"c\\\"\"",
            &[("Jürgen", "sip:j@x", "[+g.m=<a;b>, \"c\"]")],
        ),
        ("< sip:a@x >", &[("", "sip:a@x", "")]),
        (
            "tel:+1-555;phone-context=x",
            &[("", "tel:+1-555", "[phone-context=x]")],
        ),
        (
            "<tel:+1-555;ext=2>, <sip:a@[2001:db8::1]:5060;lr>",
            &[
                ("", "tel:+1-555;ext=2", ""),
                ("", "sip:a@[2001:db8::1]:5060;lr", ""),
            ],
        ),
        ("<sip:a,b@x;p=\"y\">;q=1,,sip:c@x,", &[("", "sip:c@x", "")]),
        (
            "<sip:a,b@x?Route=%3Csip:c%3E>,<sip:d@x>",
            &[("", "sip:a,b@x?Route=%3Csip:c%3E", ""), ("", "sip:d@x", "")],
        ),
        // broken ones: what can still be read is, the rest is left out
        ("", &[]),
        ("*", &[]),
        ("bob", &[]),
        ("<>", &[]),
        ("<sip:a@x", &[]),
        ("1sip:a@x", &[]),
        ("s(p:a@x", &[]),
        ("\"no end <sip:a@x>", &[("\"no end", "sip:a@x", "")]),
        ("<sip:a b@x>, <sip:c@x>", &[("", "sip:c@x", "")]),
        ("<sip:a@x> junk, <sip:c@x>", &[("", "sip:c@x", "")]),
        ("Smith, Bob <sip:bob@x>", &[("Bob", "sip:bob@x", "")]),
    ] {
        let got = read(value);
        let got: Vec<_> = got
            .iter()
            .map(|(d, u, p)| (d.as_str(), u.as_str(), p.as_str()))
            .collect();
        assert_eq!(got, expected, "{value}");
    }
}

#[test]
fn addresses_of_several_lines_keep_their_order_and_find_parameters_by_any_case() {
    let lines = ["<sip:a@x>;Expires=5, <sip:b@x>", "sip:c@x;ob"];
    let read = addresses(lines.into_iter());
    let uris: Vec<_> = read.iter().map(|a| a.uri.as_str()).collect();
    assert_eq!(uris, ["sip:a@x", "sip:b@x", "sip:c@x"]);
    assert_eq!(read[0].param("expires"), Some("5"));
    assert_eq!(read[1].param("expires"), None);
    assert_eq!(read[2].param("OB"), Some(""));
}

#[test]
fn a_value_is_split_before_and_after_its_separator() {
    assert_eq!(lex::split_once("a;b;c", b';'), Some(("a", "b;c")));
    assert_eq!(lex::split_once("\";\"<;>;b", b';'), Some(("\";\"<;>", "b")));
    assert_eq!(lex::split_once("\";\"", b';'), None);
}

#[test]
fn list_elements_keep_their_text() {
    // RFC 3261 §12.1.2: the route set is kept with all URI parameters
    let value = " <sip:p1.x;lr;k=\"a,b\"> ,\"A, B\"\r\n <sip:p2.x;lr>;r=2,, sip:p3.x;lr ";
    let elements: Vec<_> = split_list(value).collect();
    assert_eq!(
        elements,
        [
            "<sip:p1.x;lr;k=\"a,b\">",
            "\"A, B\"\r\n <sip:p2.x;lr>;r=2",
            "sip:p3.x;lr"
        ]
    );
}

#[test]
fn quotes_and_brackets_that_never_close_do_not_make_reading_slow() {
    // SEC-18: a quadratic reader would need minutes here.
    for element in ["\" \\\", ", "<, ", "\\\", \"", ";\"<\\", "\\\","] {
        let text = format!("\" {}", element.repeat(256 * 1024));
        assert!(addresses(core::iter::once(text.as_str())).is_empty());
        assert_eq!(tag(&text), None);
    }
}

#[test]
fn tags_are_those_of_the_header_not_of_the_uri_or_the_display_name() {
    for (value, expected) in [
        ("<sip:a@x>;tag=1", Some("1")),
        ("sip:a@x;tag=1", Some("1")),
        ("<sip:a@x;tag=1>", None),
        ("\"a;tag=1\" <sip:a@x;tag=2>;x=y;TAG = 3 ", Some("3")),
        ("<sip:a@x>\r\n ;tag=1928301774", Some("1928301774")),
        ("<sip:a@x>;tag=a/b==", Some("a/b==")),
        ("<sip:a@x>;tag=1 junk", Some("1")),
        ("<sip:a@x>;tag=", None),
        ("<sip:a@x>;tag", None),
        ("<sip:a@x>", None),
        ("", None),
    ] {
        assert_eq!(tag(value), expected, "{value}");
    }
}

#[test]
fn cseq_gives_number_and_method_and_never_wraps() {
    for (value, expected) in [
        ("1 NOTIFY", Some((1, "NOTIFY"))),
        ("0009\r\n   NOTIFY ", Some((9, "NOTIFY"))),
        ("4294967295\tnotify", Some((u32::MAX, "notify"))),
        ("4294967296 NOTIFY", None),
        ("36893488147419103232 NOTIFY", None),
        ("-1 NOTIFY", None),
        ("+1 NOTIFY", None),
        ("1", None),
        ("1NOTIFY", None),
        ("1 NOTIFY SUBSCRIBE", None),
        ("", None),
    ] {
        assert_eq!(cseq(value), expected, "{value}");
    }
}

#[test]
fn media_types_ignore_case_blanks_and_parameters() {
    for (value, is) in [
        ("application/conference-info+xml", true),
        (
            "Application / Conference-Info+XML ; charset=\"utf-8\"",
            true,
        ),
        ("application/conference-info+xml\r\n ;charset=utf-8", true),
        ("application/conference-info", false),
        ("text/conference-info+xml", false),
    ] {
        let media = MediaType::parse(value).unwrap();
        assert_eq!(media.is("application/conference-info+xml"), is, "{value}");
    }
    let media = MediaType::parse("a/b;Charset=\"u\\tf-8\";x").unwrap();
    assert_eq!(
        (media.param("charset"), media.param("X")),
        (Some("utf-8"), Some(""))
    );
    for value in ["", "application", "/", "a/", "a b/c", "a/b/c"] {
        assert_eq!(MediaType::parse(value), None, "{value}");
    }
}

fn split_body<'a>(boundary: &str, body: &'a str) -> Option<Vec<Part<'a>>> {
    let media = MediaType::parse(&format!("multipart/mixed;boundary={boundary}")).unwrap();
    parts(&media, body.as_bytes())
}

#[test]
fn multipart_bodies_are_split_at_their_boundaries_only() {
    // RFC 2046 §5.1.1, RFC 5621 §3
    for (boundary, body, expected) in [
        (
            "b",
            "--b\r\nContent-Type: a/b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
            &["a/b|one", "|two"][..],
        ),
        (
            "\"b b\"",
            "pre\r\n--b b \t\r\n\r\none\r\n\r\n--b b--\r\nepilogue --b b",
            &["|one\r\n"],
        ),
        ("b", "--b\nc: a/b;\n x=y\n\none\n--b--", &["a/b; x=y|one"]),
        (
            "b",
            "--b\r\n\r\none --b\r\n--bb\r\n--b",
            &["|one --b\r\n--bb", "|"],
        ),
        ("b", "--b\r\nContent-Type: a/b\r\n--b--", &["a/b|"]),
        ("b", "--b\r\n\r\nno close", &["|no close"]),
        (
            "b",
            "--b\r\nno colon\r\nc: a/b\r\n\r\nx\r\n--b--",
            &["a/b|x"],
        ),
    ] {
        let got: Vec<String> = split_body(boundary, body)
            .unwrap_or_default()
            .iter()
            .map(|part| {
                let text = core::str::from_utf8(part.body).unwrap();
                format!("{}|{text}", part.headers.get("Content-Type").unwrap_or(""))
            })
            .collect();
        assert_eq!(got, expected, "{body}");
    }
}

#[test]
fn a_body_that_is_no_multipart_or_goes_over_a_limit_is_not_split() {
    assert_eq!(split_body("b", ""), None);
    assert_eq!(split_body("b", "no boundary"), None);
    assert_eq!(split_body("b", "--b--\r\n"), None);
    assert_eq!(split_body("\"\"", "--\r\n\r\nx\r\n----"), None);
    let most = "b".repeat(multipart::MAX_BOUNDARY);
    assert!(split_body(&most, &format!("--{most}\r\n\r\nx")).is_some());
    let long = "b".repeat(multipart::MAX_BOUNDARY + 1);
    assert_eq!(split_body(&long, &format!("--{long}\r\n\r\nx")), None);
    let other = MediaType::parse("text/plain;boundary=b").unwrap();
    assert_eq!(parts(&other, b"--b\r\n\r\nx\r\n--b--"), None);
    let body = |parts: usize| format!("{}--b--", "--b\r\n\r\nx\r\n".repeat(parts));
    assert_eq!(
        split_body("b", &body(MAX_PARTS)).map(|p| p.len()),
        Some(MAX_PARTS)
    );
    assert_eq!(split_body("b", &body(MAX_PARTS + 1)), None);
    let body = |headers: usize| format!("--b\r\n{}\r\nx\r\n--b--", "a: b\r\n".repeat(headers));
    assert!(split_body("b", &body(MAX_PART_HEADERS)).is_some());
    assert_eq!(split_body("b", &body(MAX_PART_HEADERS + 1)), None);
}

#[test]
fn a_part_tells_its_own_media_type() {
    let parts = split_body("b", "--b\r\nContent-Type: A/B\r\n\r\n\r\n--b\r\n\r\n--b--").unwrap();
    let types: Vec<_> = parts
        .iter()
        .map(|p| p.media_type().map(|m| m.kind))
        .collect();
    assert_eq!(types, vec![Some("a".to_string()), None]);
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        text in "([\"\\\\<>;,= \r\n\t*:@/()-]|\\PC|tag|sip:|=1|--b){0,60}",
    ) {
        let _ = Event::parse(&text);
        let _ = SubscriptionState::parse(&text);
        let _ = retry_after(&text);
        let _ = tag(&text);
        let _ = cseq(&text);
        let _ = MediaType::parse(&text);
        let _ = split_body("b", &text);
        for address in addresses(core::iter::once(text.as_str())) {
            prop_assert!(!address.uri.is_empty());
            prop_assert!(!address.uri.contains(['\r', '\n', ' ', '<', '>']));
        }
    }

    #[test]
    fn an_address_reads_back_from_its_quoted_form(
        display in "[^\r\n\t]{0,20}",
        value in "[^\r\n\t]{0,20}",
        uri in "sip:[a-z0-9,;?=%:]{1,20}",
    ) {
        let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let text = format!("{} <{uri}>;p={}", quote(&display), quote(&value));
        let list = format!("<sip:a@x>, {text},<sip:b@x>");
        let read = addresses(core::iter::once(list.as_str()));
        prop_assert_eq!(read.len(), 3);
        prop_assert_eq!(read[1].display.clone().unwrap_or_default(), display);
        prop_assert_eq!(&read[1].uri, &uri);
        prop_assert_eq!(read[1].param("p"), Some(value.as_str()));
        prop_assert_eq!(split_list(&list).nth(1), Some(text.as_str()));
    }
}
