//! URIs as the standards list them and as peers write them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn a_uri_is_taken_apart_where_its_grammar_says() {
    // RFC 3261 §19.1.1, §25.1
    let uri = parse("SIPS:a;b?c:pw@[2001:DB8::1]:5061;LR;Method=X;p=a=b?h=1&i=2");
    assert_eq!(uri.scheme(), Scheme::Sips);
    assert_eq!(uri.user(), Some("a;b?c"));
    assert_eq!(uri.password(), Some("pw"));
    assert_eq!(uri.host(), Some("[2001:DB8::1]"));
    assert_eq!(uri.port(), Some(5061));
    assert_eq!(uri.param("lr"), Some(""));
    assert_eq!(uri.param("method"), Some("X"));
    assert_eq!(uri.param("%70"), Some("a=b"));
    assert_eq!(uri.param("q"), None);
    assert_eq!(uri.headers(), Some("h=1&i=2"));
    assert_eq!(uri.number(), None);

    let uri = parse("sip:conference.x?a@b");
    assert_eq!(
        (uri.user(), uri.host()),
        (Some("conference.x?a"), Some("b"))
    );
    let uri = parse("sip:host_1.x.");
    assert_eq!(
        (uri.user(), uri.host(), uri.port()),
        (None, Some("host_1.x."), None)
    );
    let uri = parse("tel:+1-(212).555;phone-context=x;EXT=1");
    assert_eq!(
        (uri.number(), uri.user(), uri.host()),
        (Some("+1-(212).555"), None, None)
    );
    assert_eq!(uri.param("ext"), Some("1"));
    assert_eq!(parse("urn:service:sos").scheme(), Scheme::Other);
    assert_eq!(parse("pres:a@x").user(), Some("a"));
}

#[test]
fn each_fault_has_its_own_name() {
    for (text, fault) in [
        ("", UriError::NoScheme),
        ("bob", UriError::NoScheme),
        ("::::", UriError::NoScheme),
        ("1sip:a@x", UriError::NoScheme),
        ("b@x:5060", UriError::NoScheme),
        ("sip:a b@x", UriError::Character { at: 5 }),
        ("sip:a@x\r\n", UriError::Character { at: 7 }),
        ("<sip:a@x>", UriError::NoScheme),
        ("sip:a@x>", UriError::Character { at: 7 }),
        ("sip:a%4@x", UriError::Escape { at: 5 }),
        ("sip:a@x;p=%", UriError::Escape { at: 10 }),
        ("sip:@x", UriError::User),
        ("sip::pw@x", UriError::User),
        ("sip:a:b:c@x", UriError::User),
        ("sip:", UriError::Host),
        ("sip:a@", UriError::Host),
        ("sip:a@b@c", UriError::Host),
        ("sip:a@x/y", UriError::Host),
        ("sip:a@x..y", UriError::Host),
        ("sip:a@.", UriError::Host),
        ("sip:a@[::1", UriError::Host),
        ("sip:a@[1::2::3]", UriError::Host),
        ("sip:a@%FF", UriError::Host),
        ("sip:a@x:", UriError::Port),
        ("sip:a@x:65536", UriError::Port),
        ("sip:a@x:+5", UriError::Port),
        ("sip:a@[::1]5060", UriError::Port),
        ("tel:", UriError::Number),
        ("tel:+", UriError::Number),
        ("tel:+12a", UriError::Number),
        ("tel:bob", UriError::Number),
    ] {
        assert_eq!(Uri::parse(text).err(), Some(fault), "{text}");
    }
}

#[test]
fn a_password_is_never_shown() {
    // URI-06
    let uri = parse("sip:b:secret@h;p=1");
    assert_eq!(uri.to_string(), "sip:b@h;p=1");
    assert_eq!(format!("{uri:?}"), "Uri(sip:b@h;p=1)");
}

#[test]
fn escapes_in_phone_parameters_have_one_form() {
    // URI-02, URI-09: lower case is for letters, not for the digits of an escape.
    let canonical = |text| identity(text, &IdentityRules::default()).canonical;
    for text in [
        "tel:+12;isub=%C5%91A",
        "tel:+12;ISUB=%c5%91a",
        "sip:+12;isub=\u{151}a@h;user=phone",
    ] {
        assert_eq!(canonical(text), "tel:+12;isub=%C5%91a", "{text}");
    }
    let local = canonical("sip:12;ext=%c5@h;user=phone");
    assert_eq!(canonical(&local), local);
}

#[test]
fn no_canonical_identity_shows_a_password() {
    // URI-06, also where the rest of the text is kept as it is.
    for (text, canonical) in [
        ("sip:a:pw@h", "sip:a@h"),
        ("sip:a:pw@H;gr", "sip:a@H;gr"),
        ("sip:a:pw@\u{fffd}.com", "sip:a@\u{fffd}.com"),
        ("1:pw@xn--a.com;gr", "sip:1@xn--a.com;gr"),
    ] {
        let found = identity(text, &IdentityRules::default());
        assert_eq!(found.canonical, canonical);
        assert!(found.steps.contains(Step::StripPassword), "{text}");
    }
}

#[test]
fn a_uri_with_a_parameter_written_twice_equals_itself() {
    // RFC 3261 §19.1.1 forbids it; the first value counts, as in `Uri::param`.
    let uri = |text| Uri::parse(text).unwrap();
    let twice = uri("sip:a@h;x=1;x=2");
    assert!(equal(&twice, &twice));
    assert!(equal(&twice, &uri("sip:a@h;x=1")) && equal(&uri("sip:a@h;x=1"), &twice));
    assert!(!equal(&twice, &uri("sip:a@h;x=2")) && !equal(&uri("sip:a@h;x=2"), &twice));
}

#[test]
fn equality_is_that_of_the_standards() {
    // URI-02, RFC 3261 §19.1.4 with the sets that it lists; RFC 3966 §4 (URI-09…11); RFC 5954 §4.2 for IPv6
    for (a, b, expected) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
            true,
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com;newparam=5",
            true,
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com;security=on",
            true,
        ),
        (
            "sip:carol@chicago.com;newparam=5",
            "sip:carol@chicago.com;security=on",
            true,
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            true,
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            true,
        ),
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
            false,
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com;transport=udp",
            false,
        ),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
            false,
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
            false,
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
            false,
        ),
        // cases of our own
        ("sip:a@x", "sips:a@x", false),
        ("sip:a@x", "sip:x", false),
        ("sip:a:p@x", "sip:a@x", false),
        ("sip:a:p@x", "sip:a:P@x", false),
        ("sip:a%3bb@x", "sip:a%3Bb@x", true),
        ("sip:a%3Bb@x", "sip:a;b@x", false),
        ("sip:j%C3%BC@x", "sip:jü@x", true),
        ("sip:a@x;user=phone", "sip:a@x", false),
        ("sip:a@x;ttl=1", "sip:a@x", false),
        ("sip:a@x", "sip:a@x;maddr=1.2.3.4", false),
        ("sip:a@x;METHOD=a", "sip:a@x;m%65thod=a", true),
        ("sip:a@x;lr;n=1", "sip:a@x;N=2", false),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false),
        ("sip:a@x?To=1&to=1", "sip:a@x?to=1", false),
        ("tel:+1-212-555-1234", "TEL:+12125551234", true),
        ("tel:+12125551234", "tel:12125551234", false),
        (
            "tel:7042;phone-context=example.com",
            "tel:70-42;phone-context=EXAMPLE.com",
            true,
        ),
        (
            "tel:7042;phone-context=+1",
            "tel:7042;Phone-Context=+(1)",
            true,
        ),
        (
            "tel:7042;phone-context=+1",
            "tel:7042;phone-context=example.com",
            false,
        ),
        ("tel:7042;phone-context=+1", "tel:7042", false),
        ("tel:+1;ext=1-2;isub=3", "tel:+1;isub=3;ext=12", true),
        ("tel:+1;ext=1", "tel:+1;ext=2", false),
        ("tel:+1;npdi", "tel:+1", false),
        (
            "tel:*21%23;phone-context=x",
            "tel:*21#;phone-context=x",
            true,
        ),
        ("tel:aB12;phone-context=x", "tel:Ab12;phone-context=x", true),
        ("im:a@x", "im:a@x", true),
        ("im:a@x", "im:a@X", false),
        ("urn:a", "urn:A", false),
    ] {
        let (a, b) = (parse(a), parse(b));
        assert_eq!(equal(&a, &b), expected, "{a} {b}");
        assert_eq!(equal(&b, &a), expected, "{b} {a}");
        assert!(equal(&a, &a) && equal(&b, &b), "{a} {b}");
    }
}

/// `a`, `b`, whether they match, and the steps told.
type Pair = (&'static str, &'static str, bool, &'static str);

fn assert_pairs(pairs: &[Pair], rules: &IdentityRules) {
    for &(a, b, matches, steps) in pairs {
        let outcome = same_identity(a, b, rules);
        assert_eq!(outcome.matches, matches, "{a} {b} {outcome:?}");
        let names: Vec<_> = outcome.steps.names().collect();
        assert_eq!(names.join(" "), steps, "{a} {b}");
        assert_eq!(same_identity(b, a, rules).matches, matches, "{b} {a}");
    }
}

#[test]
fn identities_match_as_the_requirements_say() {
    assert_pairs(
        &[
            // URI-02
            ("sip:bob@x", "sip:bob@x", true, ""),
            ("sip:bob@x", "SIP:bob@X", true, "host-case"),
            ("sip:Bob@x", "sip:bob@x", false, ""),
            ("sip:%62ob@x", "sip:bob@x", true, "percent-decoding"),
            ("sip:b%3bob@x", "sip:b%3Bob@x", true, "percent-decoding"),
            ("sip:b;ob@x", "sip:b%3Bob@x", false, ""),
            (
                "sip:bob@x",
                "sip:bob@%58",
                true,
                "percent-decoding host-case",
            ),
            // URI-03
            ("sip:b@h;transport=tcp", "sip:b@h", true, "strip-params"),
            (
                "sip:b@h;maddr=1.2.3.4;ttl=1;ob",
                "sip:b@h?Subject=x",
                true,
                "strip-params",
            ),
            ("sip:h;method=INVITE", "sip:h", true, "strip-params"),
            ("sip:h", "sip:b@h", false, ""),
            // URI-04
            ("sip:b@h:5060", "sip:b@h", true, "default-port"),
            (
                "sips:b@h:5061",
                "sips:b@h",
                true,
                "default-port scheme-class",
            ),
            ("sip:b@h:5070", "sip:b@h", true, "strip-port"),
            (
                "sip:b@h:5061",
                "sip:b@h:5060",
                true,
                "default-port strip-port",
            ),
            // URI-05
            ("sips:b@h", "sip:b@h", true, "scheme-class"),
            // URI-06
            ("sip:b:pw@h", "sip:b@h", true, "strip-password"),
            // URI-07
            ("sip:b@h.x.", "sip:b@h.x", true, "trailing-dot"),
            (
                "sip:b@[2001:DB8:0:0::1]",
                "sip:b@[2001:db8::1]",
                true,
                "ipv6",
            ),
            (
                "sip:b@[2001:db8::1]:5070",
                "sip:b@[2001:db8::2]",
                false,
                "strip-port",
            ),
            (
                "sip:b@BÜCHER.example",
                "sip:b@xn--bcher-kva.example",
                true,
                "idn",
            ),
            (
                "sip:b@b%C3%BCcher.example",
                "sip:b@bücher.example",
                true,
                "percent-decoding idn",
            ),
            // URI-08
            ("sip:b@localhost", "sip:b@127.0.0.1", false, ""),
            // URI-09
            (
                "tel:+1-212-555-1234",
                "tel:+12125551234",
                true,
                "phone-digits",
            ),
            (
                "tel:+1.(212)5551234",
                "TEL:+1-2125551234",
                true,
                "phone-digits",
            ),
            ("tel:+12125551234", "tel:12125551234", false, ""),
            (
                "tel:*A1%23;phone-context=x",
                "tel:*a1#;phone-context=x",
                true,
                "phone-digits",
            ),
            // URI-10
            (
                "tel:7042;phone-context=+1",
                "tel:7042;phone-context=example.com",
                false,
                "",
            ),
            (
                "tel:7042;phone-context=+1-2",
                "tel:7042;phone-context=+12",
                true,
                "phone-digits",
            ),
            (
                "tel:7042;phone-context=Example.com.",
                "tel:7042;phone-context=example.com",
                true,
                "phone-digits",
            ),
            ("tel:7042;phone-context=+1", "tel:7042", false, ""),
            ("tel:7042", "tel:7042", true, ""),
            // URI-11
            ("tel:+1;ext=1", "tel:+1", false, ""),
            ("tel:+1;ext=1;isub=2", "tel:+1;isub=2;ext=1", true, ""),
            ("tel:+1;isub=1", "tel:+1;isub=2", false, ""),
            ("tel:+1;m-x=1", "tel:+1", false, ""),
            // URI-12
            (
                "tel:+1;npdi;cpc=ordinary",
                "tel:+1;rn=+2",
                true,
                "strip-params",
            ),
            // URI-13
            ("sip:+1212@h;user=phone", "tel:+1212", true, "user-phone"),
            (
                "sip:+1212@h;user=phone",
                "sips:+1212@other;USER=Phone",
                true,
                "user-phone",
            ),
            ("sip:+1212@h;user=phone", "tel:+1213", false, "user-phone"),
            (
                "sip:7042;phone-context=+1@h;user=phone",
                "tel:7042;phone-context=+1",
                true,
                "user-phone",
            ),
            ("sip:7042@h;user=phone", "tel:7042", false, "user-phone"),
            ("sip:bob@h;user=phone", "sip:bob@h", true, "strip-params"),
            // URI-14
            ("sip:+1212@h", "tel:+1212", true, "plus-user"),
            ("sip:1212@h", "tel:+1212", false, ""),
            ("sip:+bob@h", "tel:+1212", false, ""),
            // URI-15
            (
                "sip:+1-212-555;isub=1@h;user=phone",
                "tel:+1212555;isub=1",
                true,
                "phone-digits user-phone",
            ),
            (
                "sip:+1-212-555;isub=1@h;user=phone",
                "tel:+1212555",
                false,
                "phone-digits user-phone",
            ),
            (
                "sip:555-12@h;user=phone",
                "sip:55512@h",
                true,
                "phone-digits user-phone",
            ),
            // URI-16
            (
                "tel:2125551234;phone-context=+1",
                "tel:+12125551234",
                false,
                "",
            ),
            // URI-17
            ("im:b@h", "sip:b@h", true, "scheme-class"),
            ("pres:b@h", "im:b@H", true, "host-case scheme-class"),
            ("im:b@h", "sip:c@h", false, "scheme-class"),
            // URI-18
            (
                "welcome@app.example",
                "sip:welcome@app.example",
                true,
                "missing-scheme",
            ),
            ("+1-212", "tel:+1212", true, "phone-digits missing-scheme"),
            // URI-19
            ("sip:b@h;gr=urn:uuid:1", "sip:b@h", true, "strip-gruu"),
            (
                "sip:b@h;gr=1;ob",
                "sip:b@h;GR=2",
                true,
                "strip-params strip-gruu",
            ),
            ("sip:tgruu.7@h;gr", "sip:tgruu.7@h", false, ""),
            (
                "sip:tgruu.7@h;gr",
                "sip:tgruu.7@h;gr=x",
                false,
                "strip-gruu",
            ),
            // URI-22
            (
                "sip:anonymous1@anonymous.invalid",
                "sip:anonymous1@anonymous.invalid",
                false,
                "",
            ),
            (
                "sip:+1212@x.INVALID;user=phone",
                "tel:+1212",
                false,
                "host-case user-phone",
            ),
            // URI-24
            ("sip:team-!.*!@h", "sip:team-1@h", false, ""),
            ("sip:team-!.*!@h", "sip:team-!.*!@H", true, "host-case"),
            // URI-25
            ("::::", "::::", true, ""),
            ("::::", ":::", false, ""),
            ("sip:b c@h", "sip:b c@H", false, ""),
            ("", "", true, ""),
            ("urn:x:a", "urn:x:A", false, ""),
            ("urn:x:a", " urn:x:a\r\n", true, ""),
        ],
        &IdentityRules::default(),
    );
}

#[test]
fn strict_rules_keep_ports_and_sips_apart() {
    // URI-04, URI-05
    let rules = IdentityRules {
        strict: true,
        ..IdentityRules::default()
    };
    assert_pairs(
        &[
            ("sip:b@h:5070", "sip:b@h", false, ""),
            ("sip:b@h:5070", "sip:b@h:5070;ob", true, "strip-params"),
            ("sip:b@h:5060", "sip:b@h", true, "default-port"),
            ("sips:b@h", "sip:b@h", false, ""),
            ("sips:b@h:5061", "sips:b@h", true, "default-port"),
            ("im:b@h", "sip:b@h", true, "scheme-class"),
        ],
        &rules,
    );
}

#[test]
fn a_plus_user_is_a_number_only_when_that_is_switched_on() {
    // URI-14
    let rules = IdentityRules {
        plus_user: false,
        ..IdentityRules::default()
    };
    assert_pairs(
        &[
            ("sip:+1212@h", "tel:+1212", false, ""),
            ("sip:+1212@h", "sip:+1212@h;lr", true, "strip-params"),
            ("sip:+1212@h;user=phone", "tel:+1212", true, "user-phone"),
        ],
        &rules,
    );
}

#[test]
fn canonical_identities_print_as_addresses_and_numbers() {
    for (text, canonical, form) in [
        ("SIPS:Bob:pw@H.X.:5061;lr?a=b", "sip:Bob@h.x", Form::Address),
        ("im:bob@X", "sip:bob@x", Form::Address),
        ("sip:X", "sip:x", Form::Address),
        ("sip:+1-212@h;user=phone", "tel:+1212", Form::Phone),
        (
            "tel:70-42;x;phone-context=X.;ext=(1)",
            "tel:7042;ext=1;phone-context=x",
            Form::Phone,
        ),
        ("sip:*2-1%23@h;user=phone", "sip:*21%23@h", Form::Address),
        ("sip:a@invalid", "sip:a@invalid", Form::Anonymous),
        ("sip:a!.*!@h", "sip:a!.*!@h", Form::Wildcard),
        ("sip:A@H;gr", "sip:A@H;gr", Form::TemporaryGruu),
        ("sip:A:pw@H;gr", "sip:A@H;gr", Form::TemporaryGruu),
        ("urn:A", "urn:A", Form::Other),
        (
            "sip:A b@H",
            "sip:A b@H",
            Form::Unreadable(UriError::Character { at: 5 }),
        ),
        (
            "sip:a@\u{ad}",
            "sip:a@\u{ad}",
            Form::Unreadable(UriError::Host),
        ),
    ] {
        let found = identity(text, &IdentityRules::default());
        assert_eq!(
            (found.canonical.as_str(), found.form),
            (canonical, form),
            "{text}"
        );
    }
}

fn uri_text() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(&["sip:", "SIPS:", "tel:", "im:", "pres:", "", "x:"][..]);
    let user = "(|[a-cA-C]{1,2}@|%6[1-3]@|\\+1-?2@|12(;ext=1)?@|\\*1-%23@|a:p@|!b!@)";
    let host = "(h|H|x\\.|\\[::1\\]|\\[0::1\\]|ü|Ü|x\\.invalid|\\+1|12)";
    let rest = "(|:5060|:5070)(|;user=phone|;gr|;gr=1|;lr|;isub=1|;phone-context=h)(|\\?a=b)";
    (scheme, user, host, rest).prop_map(|(s, u, h, r)| format!("{s}{u}{h}{r}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_has_an_identity_and_any_uri_equals_itself(
        text in "(sip:|tel:|im:|)([@:;?=%.+-]|\\[|\\]|\\PC|[0-9a-f]){0,30}",
    ) {
        let found = identity(&text, &IdentityRules::default());
        prop_assert!(found.matches(&found) || found.form == Form::Anonymous);
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(equal(&uri, &uri));
        }
    }

    #[test]
    fn the_canonical_form_of_a_canonical_form_is_itself(text in uri_text()) {
        for rules in [
            IdentityRules::default(),
            IdentityRules { strict: true, plus_user: false },
        ] {
            let once = identity(&text, &rules);
            let twice = identity(&once.canonical, &rules);
            prop_assert_eq!(&once.canonical, &twice.canonical);
        }
    }

    #[test]
    fn equal_uris_name_one_identity(a in uri_text(), b in uri_text()) {
        if let (Ok(x), Ok(y)) = (Uri::parse(&a), Uri::parse(&b))
            && equal(&x, &y)
            && a.contains(";gr") == b.contains(";gr")
        {
            let rules = IdentityRules::default();
            let (a, b) = (identity(&a, &rules), identity(&b, &rules));
            prop_assert_eq!(a.canonical, b.canonical);
        }
    }
}
