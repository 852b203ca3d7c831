//! `rollmark match`: which URIs denote one user, and why (URI-01…26, RFC 3261 §19.1, RFC 3966 §4, RFC 5627).

use std::process::{Command, Output};

use rollmark_tests::watch::binary;
use serde_json::{Value, json};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("match").args(args);
    command.output().expect("rollmark runs")
}

#[track_caller]
fn object(uri: &str, entry: &str) -> Value {
    let output = run(&["--json", "--", uri, entry]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// URI, entry, whether they match, and the steps in the order in which they are told.
type Pair = (&'static str, &'static str, bool, &'static str);

#[track_caller]
fn check(table: &[Pair]) {
    let mut wrong = Vec::new();
    for &(uri, entry, expected, steps) in table {
        let found = object(uri, entry);
        let steps: Vec<&str> = steps.split_whitespace().collect();
        if found["match"] != expected || found["steps"] != json!(steps) {
            wrong.push(format!("{uri} {entry}: {found}"));
        }
        let back = object(entry, uri);
        if back["match"] != found["match"] {
            wrong.push(format!(
                "{entry} {uri}: {back}, and the other way round {found}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// URI-02…URI-08.
#[test]
fn addresses_match_by_user_and_host() {
    check(&[
        ("sip:a@x", "sip:a@x", true, ""),
        ("sip:A@x", "sip:a@X", false, "host-case"),
        ("sip:a@x", "sip:a@X", true, "host-case"),
        ("SIP:a@x", "sip:a@x", true, ""),
        ("sip:%61@x", "sip:a@x", true, "percent-decoding"),
        ("sip:a%2fb@x", "sip:a%2Fb@x", true, "percent-decoding"),
        ("sip:a%2Fb@x", "sip:a/b@x", false, ""),
        ("sip:a@%58", "sip:a@x", true, "percent-decoding host-case"),
        ("sip:a@x;transport=tcp;lr", "sip:a@x", true, "strip-params"),
        ("sip:a@x?Subject=y", "sip:a@x", true, "strip-params"),
        ("sip:a@x:5060", "sip:a@x", true, "default-port"),
        (
            "sips:a@x:5061",
            "sips:a@x",
            true,
            "default-port scheme-class",
        ),
        ("sip:a@x:5070", "sip:a@x", true, "strip-port"),
        ("sips:a@x", "sip:a@x", true, "scheme-class"),
        ("sip:a:pw@x", "sip:a@x", true, "strip-password"),
        ("sip:a@x.", "sip:a@x", true, "trailing-dot"),
        ("sip:a@[2001:DB8::0:1]", "sip:a@[2001:db8::1]", true, "ipv6"),
        (
            "sip:a@[::ffff:1.2.3.4]",
            "sip:a@[::ffff:102:304]",
            true,
            "ipv6",
        ),
        ("sip:a@[::ffff:1.2.3.4]", "sip:a@1.2.3.4", false, ""),
        (
            "sip:a@b\u{fc}cher.example",
            "sip:a@xn--bcher-kva.example",
            true,
            "idn",
        ),
        (
            "sip:a@B\u{dc}CHER.example",
            "sip:a@b%C3%BCcher.example",
            true,
            "percent-decoding idn",
        ),
        ("sip:a@127.0.0.1", "sip:a@localhost", false, ""),
        ("sip:x", "sip:x:5060", true, "default-port"),
        ("sip:x", "sip:a@x", false, ""),
    ]);
}

/// URI-09…URI-16.
#[test]
fn numbers_match_by_their_digits() {
    check(&[
        (
            "tel:+1-212-555-1234",
            "tel:+12125551234",
            true,
            "phone-digits",
        ),
        (
            "tel:+1(212)555.1234",
            "TEL:+12125551234",
            true,
            "phone-digits",
        ),
        ("tel:+1212", "tel:1212;phone-context=+1", false, ""),
        (
            "tel:7042;phone-context=X.com",
            "tel:7042;phone-context=x.com",
            true,
            "phone-digits",
        ),
        (
            "tel:7042;phone-context=+1",
            "tel:7042;phone-context=x.com",
            false,
            "",
        ),
        (
            "tel:7042;phone-context=+1",
            "tel:7042;phone-context=+2",
            false,
            "",
        ),
        (
            "tel:1A*;phone-context=+1",
            "tel:1a*;phone-context=+1",
            true,
            "phone-digits",
        ),
        ("tel:+1;ext=1", "tel:+1", false, ""),
        ("tel:+1;ext=1", "tel:+1;ext=2", false, ""),
        ("tel:+1;isub=2;ext=1", "tel:+1;ext=1;isub=2", true, ""),
        ("tel:+1;isub=2", "tel:+1", false, ""),
        ("tel:+1;ext=2;ext=1", "tel:+1;ext=2", true, "strip-params"),
        ("tel:+1;npdi;cpc=payphone", "tel:+1", true, "strip-params"),
        ("sip:+1212@x;user=phone", "tel:+1212", true, "user-phone"),
        (
            "sip:+1212@x;user=phone",
            "sip:+1212@y;user=phone",
            true,
            "user-phone",
        ),
        (
            "sip:+1-212-555;isub=1@x;user=phone",
            "tel:+1212555;isub=1",
            true,
            "phone-digits user-phone",
        ),
        (
            "sip:+1-212-555;isub=1@x;user=phone",
            "tel:+1212555",
            false,
            "phone-digits user-phone",
        ),
        (
            "sip:+1%2D212@x;user=PHONE",
            "tel:+1212",
            true,
            "percent-decoding phone-digits user-phone",
        ),
        ("sips:+1212@x", "tel:+1212", true, "plus-user"),
        ("sip:1212@x", "tel:+1212", false, ""),
        (
            "sip:7042@x;user=phone",
            "sip:7042@y;user=phone",
            false,
            "user-phone",
        ),
        (
            "sip:7042@x;user=phone",
            "sip:70-42@x;user=phone",
            true,
            "phone-digits user-phone",
        ),
        (
            "sip:7042;phone-context=+1@x;user=phone",
            "tel:7042;phone-context=+1",
            true,
            "user-phone",
        ),
    ]);
}

/// URI-17…URI-19, URI-22, URI-24.
#[test]
fn other_schemes_temporary_names_and_the_anonymous() {
    check(&[
        ("im:a@x", "sip:a@x", true, "scheme-class"),
        ("pres:a@x", "sips:a@x", true, "scheme-class"),
        ("a@x", "sip:a@X", true, "host-case missing-scheme"),
        ("+1212", "tel:+1212", true, "missing-scheme"),
        (
            "+1-212",
            "sip:+1212@x",
            true,
            "phone-digits plus-user missing-scheme",
        ),
        ("sip:a@x;gr=urn:uuid:1", "sip:a@x", true, "strip-gruu"),
        ("sip:t0k@x;gr", "sip:t0k@x", false, ""),
        ("sip:t0k@x;gr", "sip:t0k@x;gr", true, ""),
        ("sip:t0k@x;gr", "sip:t0k@X;gr", false, ""),
        (
            "sip:anonymous@anonymous.invalid",
            "sip:anonymous@anonymous.invalid",
            false,
            "",
        ),
        ("sip:a@x.INVALID", "sip:a@x.invalid", false, "host-case"),
        ("sip:team-!.*!@x", "sip:team-1@x", false, ""),
        ("sip:team-!.*!@x", "sip:team-!.*!@X", true, "host-case"),
        ("urn:service:sos", "urn:service:sos", true, ""),
        ("http://x/a", "http://X/a", false, ""),
    ]);
}

/// URI-25: what is no URI matches its own octets, blanks at both ends aside.
#[test]
fn oddities_are_matched_octet_for_octet() {
    check(&[
        ("::::", "::::", true, ""),
        ("::::", ":::", false, ""),
        ("", "", true, ""),
        ("", "sip:a@x", false, ""),
        (" sip:a@x\t", "sip:a@x", true, ""),
        ("sip:a b@x", "sip:a b@x", true, ""),
        ("sip:a%zz@x", "sip:a%ZZ@x", false, ""),
        ("<sip:a@x>", "sip:a@x", false, ""),
        ("\"A\" <sip:a@x>", "sip:a@x", false, ""),
        ("sip:a@x:99999", "sip:a@x", false, ""),
        ("-", "-", true, ""),
        ("bob", "bob", true, ""),
        ("bob", "Bob", false, ""),
    ]);
}

#[test]
fn canonical_identities_are_told_in_the_order_given() {
    let found = object("sip:+1-5@x;user=phone", "B%6Fb@X;gr=1");
    assert_eq!(
        found,
        json!({
            "match": false,
            "canonical": ["tel:+15", "sip:Bob@x"],
            "steps": ["percent-decoding", "host-case", "strip-gruu", "phone-digits", "user-phone", "missing-scheme"],
        })
    );
}

/// URI-06.
#[test]
fn a_password_is_never_shown() {
    for (uri, entry) in [
        ("sip:a:s3cret@x", "sip:a@x"),
        ("sip:a:s3cret@x;gr", "sip:a:s3cret@X"),
        ("sip:+1:s3cret@x;user=phone", "sips:b:s3cret@x:9"),
    ] {
        for options in [&["--json"][..], &[]] {
            let output = run(&[options, &[uri, entry]].concat());
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[test]
fn people_read_the_verdict_and_the_reason() {
    for (uri, entry, expected) in [
        (
            "sip:bob@EXAMPLE.com;transport=tcp",
            "im:bob@example.com",
            "The same user.\n  roster  sip:bob@example.com\n  entry   sip:bob@example.com\n  after   host-case, strip-params, scheme-class\n",
        ),
        (
            "sip:anonymous@anonymous.invalid",
            "bob",
            "Not the same user.\n  roster  sip:anonymous@anonymous.invalid\n          an anonymous user: it matches nobody, not even itself\n\
             \x20 entry   bob\n          it matches only its own octets: the URI has no scheme; write sip:, sips:, tel:, im: or pres: before it\n",
        ),
    ] {
        let output = run(&[uri, entry]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[test]
fn nothing_comes_out_raw_that_acts_on_a_terminal() {
    for options in [&["--json"][..], &[]] {
        let output = run(&[options, &["\u{202e}a\u{1b}[2J", "sip:\u{9b}@x"]].concat());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let raw = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(raw, None, "{text:?}");
    }
}

#[test]
fn wrong_use_is_status_2() {
    for args in [&[][..], &["sip:a@x"], &["sip:a@x", "sip:b@x", "sip:c@x"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(run(&["-5", "-5"]).status.code(), Some(0));
}
