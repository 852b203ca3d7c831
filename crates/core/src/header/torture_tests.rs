//! Headers of whole messages as they arrive: compact names, folded lines, odd blanks, several values on a line, values
//! that contradict the grammar (in the manner of RFC 4475).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::message::Headers;

fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().copied().collect()
}

#[test]
fn one_notify_written_in_three_ways_means_the_same() {
    // RFC 3261 §7.3.1, §7.3.3, RFC 6665 §8.4
    let plain = [
        ("Call-ID", "a84b4c76e66710@192.0.2.1"),
        ("From", "<sip:room@example.org>;tag=f1"),
        ("To", "\"Alice\" <sip:alice@example.org>;tag=t1"),
        ("CSeq", "7 NOTIFY"),
        ("Contact", "<sip:focus@[2001:db8::7]:5070;transport=tcp>"),
        ("Event", "conference"),
        ("Allow-Events", "conference, presence"),
        ("Subscription-State", "active;expires=3600"),
        ("Content-Type", "application/conference-info+xml"),
        ("Content-Encoding", "identity"),
    ];
    let compact = [
        ("i", "a84b4c76e66710@192.0.2.1"),
        ("f", "sip:room@example.org;tag=f1"),
        ("t", "Alice<sip:alice@example.org>;tag=t1"),
        ("cseq", "0000000007\tNOTIFY"),
        ("m", "<sip:focus@[2001:db8::7]:5070;transport=tcp>"),
        ("o", "conference"),
        ("u", "conference,presence"),
        ("SUBSCRIPTION-STATE", "ACTIVE;EXPIRES=3600"),
        ("c", "APPLICATION/CONFERENCE-INFO+XML"),
        ("e", "Identity"),
    ];
    let folded = [
        ("I", "\r\n a84b4c76e66710@192.0.2.1  "),
        ("F", "\r\n\t<sip:room@example.org>\r\n ;\r\n  tag =\r\n f1"),
        (
            "T",
            "\"Ali\\ce\"\r\n <sip:alice@example.org> ;\ttag = t1;x=\"tag=2\"",
        ),
        ("CSEQ", "7\r\n  NOTIFY"),
        ("M", "\r\n < sip:focus@[2001:db8::7]:5070;transport=tcp >"),
        ("O", "conference\r\n ; max-rate=1"),
        ("U", "conference\r\n ,, presence ,"),
        (
            "subscription-state",
            "Active\r\n ;\r\n Expires\t=\t\"3600\"",
        ),
        ("C", "application\r\n / conference-info+xml ; charset=utf-8"),
        ("E", "identity,"),
    ];
    for lines in [&plain, &compact, &folded] {
        let all = headers(lines);
        let get = |name| all.get(name).unwrap();
        assert_eq!(call_id(get("Call-ID")), Some("a84b4c76e66710@192.0.2.1"));
        assert_eq!(tag(get("From")), Some("f1"));
        assert_eq!(tag(get("To")), Some("t1"));
        let to = Address::parse(get("To")).unwrap();
        assert_eq!(to.display.as_deref(), Some("Alice"));
        assert_eq!(to.uri, "sip:alice@example.org");
        assert_eq!(cseq(get("CSeq")), Some((7, "NOTIFY")));
        let contacts = contacts(all.all("Contact"));
        assert_eq!(contacts.len(), 1);
        assert_eq!(
            contacts[0].uri,
            "sip:focus@[2001:db8::7]:5070;transport=tcp"
        );
        let event = Event::parse(get("Event")).unwrap();
        assert!(event.matches(&Event::parse("conference").unwrap()));
        let packages: Vec<_> = tokens(all.all("Allow-Events")).collect();
        assert_eq!(packages, ["conference", "presence"]);
        let state = SubscriptionState::parse(get("Subscription-State")).unwrap();
        assert_eq!((state.state, state.expires), (Substate::Active, Some(3600)));
        let media = MediaType::parse(get("Content-Type")).unwrap();
        assert!(media.is("application/conference-info+xml"));
        assert!(!is_encoded(all.all("Content-Encoding")));
    }
}

#[test]
fn every_registered_compact_name_is_known_in_both_cases() {
    // RFC 3261 §7.3.3, §20; RFC 3515, 3892, 3841, 4028, 6665, 8224
    for (compact, long) in [
        ("a", "Accept-Contact"),
        ("b", "Referred-By"),
        ("c", "Content-Type"),
        ("d", "Request-Disposition"),
        ("e", "Content-Encoding"),
        ("f", "From"),
        ("i", "Call-ID"),
        ("j", "Reject-Contact"),
        ("k", "Supported"),
        ("l", "Content-Length"),
        ("m", "Contact"),
        ("n", "Identity-Info"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("s", "Subject"),
        ("t", "To"),
        ("u", "Allow-Events"),
        ("v", "Via"),
        ("x", "Session-Expires"),
        ("y", "Identity"),
    ] {
        for name in [compact, &compact.to_uppercase()] {
            let all = headers(&[(name, "1"), (long, "2")]);
            assert_eq!(all.all(long).collect::<Vec<_>>(), ["1", "2"], "{long}");
        }
    }
    for (name, long) in [("S", "State"), ("g", "Contact"), ("mm", "Contact")] {
        assert_eq!(headers(&[(name, "1")]).get(long), None, "{name}");
    }
}

#[test]
fn contacts_are_tried_by_preference_and_tell_how_long_they_last() {
    // SUB-19, RFC 3261 §8.1.3.4, §20.10
    let lines = [
        "<sip:c@x>;q=0.25, \"*\" <sip:a@x>;expires=60;Q=1.000,<sip:d@x>;q=0",
        "sip:b@x;q=high, <tel:+1-555;ext=2>;q=.9;expires=\"7\", *",
    ];
    let read: Vec<_> = contacts(lines.into_iter())
        .into_iter()
        .map(|c| (c.q(), c.expires(), c.uri))
        .collect();
    let uri = |text: &str| text.to_string();
    assert_eq!(
        read,
        vec![
            (1000, Some(60), uri("sip:a@x")),
            (1000, None, uri("sip:b@x")),
            (900, Some(7), uri("tel:+1-555;ext=2")),
            (250, None, uri("sip:c@x")),
            (0, None, uri("sip:d@x")),
        ]
    );
    assert!(contacts(["*", " * ; expires=0"].into_iter()).is_empty());
}

#[test]
fn a_quality_is_from_nothing_to_one() {
    // RFC 3261 §25.1
    for (text, expected) in [
        ("0", Some(0)),
        ("0.", Some(0)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("0.1239", Some(123)),
        ("1", Some(1000)),
        ("1.0", Some(1000)),
        (".5", Some(500)),
        ("", None),
        (".", None),
        ("1.1", None),
        ("1.001", None),
        ("2", None),
        ("-0.5", None),
        ("0.x", None),
        ("0,5", None),
    ] {
        assert_eq!(address::quality(text), expected, "{text}");
    }
}

#[test]
fn token_lists_run_over_lines_and_drop_what_is_no_token() {
    // RFC 3261 §20.32, §20.37, §20.40; SUB-16
    let lines = [
        "100rel ,\r\n sec-agree;x=1,,",
        "\"quoted\", two words,gruu",
        "",
    ];
    let all: Vec<_> = tokens(lines.into_iter()).collect();
    assert_eq!(all, ["100rel", "sec-agree", "gruu"]);
    for (token, listed) in [
        ("SEC-Agree", true),
        ("gruu", true),
        ("two", false),
        ("", false),
    ] {
        assert_eq!(lists(lines.into_iter(), token), listed, "{token}");
    }
}

#[test]
fn a_body_is_encoded_when_any_coding_is_not_the_identity() {
    // SUB-34, RFC 3261 §20.12
    for (lines, encoded) in [
        (&[][..], false),
        (&[""], false),
        (&["identity"], false),
        (&["IDENTITY, identity"], false),
        (&["gzip"], true),
        (&["identity", "gzip"], true),
        (&["identity;q=1"], true),
        (&["not a token"], true),
    ] {
        assert_eq!(is_encoded(lines.iter().copied()), encoded, "{lines:?}");
    }
}

#[test]
fn entity_tags_and_call_ids_are_one_word_byte_by_byte() {
    // RFC 5839 §7.2, RFC 3903 §11.3.1, RFC 3261 §8.1.1.4
    for (value, expected) in [
        (" ffg45i ", Some("ffg45i")),
        ("*", Some("*")),
        ("FFG.45'i", Some("FFG.45'i")),
        ("\"quoted\"", None),
        ("a b", None),
        ("a, b", None),
        ("", None),
    ] {
        assert_eq!(entity_tag(value), expected, "{value}");
    }
    for (value, expected) in [
        ("\r\n  a{b}<c>:\"d\"/@host ", Some("a{b}<c>:\"d\"/@host")),
        ("Ab@1", Some("Ab@1")),
        ("two words", None),
        ("folded\r\n word", None),
        ("  ", None),
    ] {
        assert_eq!(call_id(value), expected, "{value}");
    }
}

#[test]
fn rates_are_read_and_written_as_the_parameters_have_them() {
    // RFC 6446 §9.2; SUB-72
    for (value, interval, again) in [
        ("1", 1_000_000_000, "1"),
        ("01.0", 1_000_000_000, "1"),
        ("0.1", 10_000_000_000, "0.1"),
        (" \"0.25\" ", 4_000_000_000, "0.25"),
        ("99.9999999999", 10_000_000, "99.999999999"),
        ("0.003", 333_333_333_333, "0.003"),
        ("0.0000000019", 1_000_000_000_000_000_000, "0.000000001"),
    ] {
        let rate = Rate::parse(value).unwrap();
        assert_eq!(rate.interval(), Duration::from_nanos(interval), "{value}");
        assert_eq!(rate.to_string(), again);
        assert_eq!(Rate::parse(again), Some(rate));
    }
    for value in [
        "",
        ".",
        "0",
        "0.0",
        "0.00000000001",
        "1.",
        ".5",
        "-1",
        "1e3",
        "٣",
        "1 2",
    ] {
        assert_eq!(Rate::parse(value), None, "{value}");
    }
    let most = Rate::parse("999999999999999999999999").unwrap();
    assert_eq!(most.interval(), Duration::from_nanos(1));
    assert_eq!(Rate::parse("1000000000.5"), Some(most));
    let every = |interval| Rate::every(interval).map(|rate| rate.to_string());
    assert_eq!(every(Duration::from_secs(20)).as_deref(), Some("0.05"));
    assert_eq!(every(Duration::from_millis(100)).as_deref(), Some("10"));
    assert_eq!(every(Duration::ZERO), None);
    assert_eq!(every(Duration::MAX), None);
}

#[test]
fn a_notifier_tells_its_rates_beside_the_state() {
    // SUB-72, RFC 6446 §5.3, §6.3, §7.3
    let state = SubscriptionState::parse(
        "active;expires=60;max-rate=0.5;Min-Rate=\"0.1\";adaptive-min-rate=2;max-rate=9;x=\"min-rate=5\"",
    )
    .unwrap();
    assert_eq!(state.max_rate, Rate::parse("0.5"));
    assert_eq!(state.min_rate, Rate::parse("0.1"));
    assert_eq!(state.adaptive_min_rate, Rate::parse("2"));
    let state = SubscriptionState::parse("active;max-rate=fast;min-rate").unwrap();
    assert_eq!((state.max_rate, state.min_rate), (None, None));
}

#[test]
fn security_mechanisms_keep_their_text_and_tell_their_parameters() {
    // IMS-24, RFC 3329 §2.2, appendix A
    let lines = [
        "ipsec-3gpp;q=0.1;alg=hmac-sha-1-96;spi-c=98765432;spi-s=3456789;port-c=8642 ;port-s=7531, tls;q=0.25",
        "digest; d-alg=MD5;d-ver=\"0000000000000000000000000000abcd\",;alg=x",
    ];
    let all = mechanisms(lines.into_iter());
    let names: Vec<_> = all.iter().map(|m| (m.name, m.q())).collect();
    assert_eq!(names, [("ipsec-3gpp", 100), ("tls", 250), ("digest", 1000)]);
    assert!(all[0].is("IPsec-3GPP") && !all[0].is("ipsec-ike"));
    assert_eq!(all[0].param("SPI-C"), Some("98765432"));
    assert_eq!(all[0].param("port-s"), Some("7531"));
    assert_eq!(all[0].param("ealg"), None);
    assert_eq!(
        all[2].param("d-ver"),
        Some("0000000000000000000000000000abcd")
    );
    // What Security-Verify repeats.
    assert_eq!(format!("{}, {}", all[0].raw, all[1].raw), lines[0]);
}

#[test]
fn routes_of_a_registration_keep_their_text_and_order() {
    // RFC 3608 §5, RFC 3327 §4, RFC 7315 §4.1
    let service_route = [
        "<sip:orig@s.example;lr>;x=\"a,b\"\r\n ,  <sip:[2001:db8::1]:5060;lr;ob>",
        "\"S, CSCF\"<sip:s2.example;lr>",
    ];
    let routes: Vec<_> = service_route.into_iter().flat_map(split_list).collect();
    assert_eq!(
        routes,
        [
            "<sip:orig@s.example;lr>;x=\"a,b\"",
            "<sip:[2001:db8::1]:5060;lr;ob>",
            "\"S, CSCF\"<sip:s2.example;lr>"
        ]
    );
    let identities = addresses(
        [
            "<sip:a@x>,<tel:+15551234;phone-context=x.y>",
            "\"A\" <sip:b,c@x>",
        ]
        .into_iter(),
    );
    let uris: Vec<_> = identities.iter().map(|a| a.uri.as_str()).collect();
    assert_eq!(
        uris,
        ["sip:a@x", "tel:+15551234;phone-context=x.y", "sip:b,c@x"]
    );
}

fn element() -> impl Strategy<Value = String> {
    let display = "(\"([^\"\\\\\r\n]|\\\\[\"\\\\,])*\" ?)?";
    let params = "(;[a-z]{1,4}(=[a-z0-9.]{1,4}|=\"([^\"\\\\\r\n]|\\\\[\"\\\\])*\")?){0,3}";
    let pattern = format!("{display}<sip:[a-z0-9,;=]{{1,8}}@[a-z.]{{1,6}}(;lr)?>{params}");
    proptest::string::string_regex(&pattern).expect("a pattern")
}

proptest! {
    #[test]
    fn a_list_that_was_joined_is_split_into_its_elements(
        elements in prop::collection::vec(element(), 0..6),
        separator in "[ \t]{0,2},[ \t]{0,2}(,|\r\n )?",
    ) {
        let line = elements.join(&separator);
        let split: Vec<_> = split_list(&line).collect();
        prop_assert_eq!(&split, &elements);
        prop_assert_eq!(addresses(core::iter::once(line.as_str())).len(), elements.len());
    }

    #[test]
    fn no_text_makes_a_list_reader_panic(
        text in "([\"\\\\<>;,= \r\n\t*:@/().]|\\PC|q=|0\\.|spi-c=|expires=|[0-9]){0,60}",
    ) {
        let line = || core::iter::once(text.as_str());
        for contact in contacts(line()) {
            prop_assert!(contact.q() <= 1000);
            let _ = contact.expires();
        }
        for mechanism in mechanisms(line()) {
            prop_assert!(mechanism.q() <= 1000);
            prop_assert!(text.contains(mechanism.raw) && mechanism.raw.starts_with(mechanism.name));
        }
        for token in tokens(line()) {
            prop_assert!(lists(line(), token));
        }
        let _ = (is_encoded(line()), entity_tag(&text), call_id(&text));
        if let Some(rate) = Rate::parse(&text) {
            prop_assert_eq!(Rate::parse(&rate.to_string()), Some(rate));
        }
    }
}
