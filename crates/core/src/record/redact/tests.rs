//! Who is replaced stays as equal to others as he was; what is no name stays; secrets go (SEC-16).

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::uri::{IdentityRules, Uri, equal, same_identity};

fn redactor() -> Redactor {
    Redactor::new([3; 32], [5; 32])
}

/// Writings of a few people, one line a person.
const PEOPLE: [&str; 26] = [
    "sip:alice@example.org",
    "sip:Alice@example.org",
    "SIP:alice@EXAMPLE.org:5060;transport=tcp",
    "sip:%61lice@example.org",
    "sips:alice@example.org",
    "pres:alice@example.org",
    "alice@example.org",
    "sip:alice:secret@example.org",
    "sip:alice@sub.example.org;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "sip:alice@example.org;gr",
    "sip:al.ice@example.org",
    "tel:+1-212-555-1234",
    "tel:+12125551234",
    "sip:+12125551234@example.org",
    "sip:+1(212)5551234@other.example;user=phone",
    "+1.212.555.1234",
    "tel:5551234;phone-context=+1212",
    "tel:555-1234;phone-context=+1-212",
    "tel:bad;phone-context=example.org",
    "sip:5551234@example.org;user=phone",
    "sip:555.1234@example.org",
    "sip:alice@[2001:DB8::1]",
    "sip:alice@[2001:db8:0:0::1]",
    "sip:alice@192.0.2.7",
    "sip:alice@bücher.example",
    "sip:alice@xn--bcher-kva.example",
];

/// URI-01: all comparisons come to the same, by the same steps.
#[test]
fn people_stay_as_equal_as_they_were() {
    let mut redactor = redactor();
    let others: Vec<String> = PEOPLE.map(|person| redactor.identity(person)).into();
    let rules = IdentityRules::default();
    for (a, other_a) in PEOPLE.iter().zip(&others) {
        assert_ne!(a, other_a);
        assert!(!other_a.to_ascii_lowercase().contains("alice"), "{other_a}");
        for (b, other_b) in PEOPLE.iter().zip(&others) {
            let was = same_identity(a, b, &rules);
            let is = same_identity(other_a, other_b, &rules);
            let pair = (a, b, other_a, other_b);
            assert_eq!(was.matches, is.matches, "{pair:?}");
            assert_eq!(was.steps, is.steps, "{pair:?}");
            assert_eq!(a == b, other_a == other_b, "{pair:?}");
            if let (Ok(a), Ok(b)) = (Uri::parse(a), Uri::parse(b)) {
                let read = |text: &String| Uri::parse(text).expect("still a URI");
                assert_eq!(
                    equal(&a, &b),
                    equal(&read(other_a), &read(other_b)),
                    "{pair:?}"
                );
            }
        }
    }
}

proptest! {
    /// Any two texts: users, hosts, numbers, escapes and parameters in all their writings.
    #[test]
    fn any_two_stay_as_equal_as_they_were(
        users in prop::collection::vec("(%6[1-6a-f]|[a-fx-z0-9+*.-]){1,5}", 2),
        hosts in prop::collection::vec("[a-cA-C]{1,2}(-[a-c])?(\\.(com|org|invalid|[0-9a-b]{1,2}))?|1\\.2\\.3\\.[45]|\\[2001:d[Bb]8::[12]\\]", 2),
        ends in prop::collection::vec("(:5060|:99)?(;(user=phone|transport=tcp|gr=?|x=[ab]))?", 2),
        schemes in prop::collection::vec("(sip:|sips:|tel:|SIP:|)", 2),
    ) {
        let text = |index: usize| {
            let [scheme, user, host, end] = [&schemes, &users, &hosts, &ends].map(|parts| &*parts[index]);
            match scheme {
                "tel:" => alloc::format!("{scheme}{user}"),
                _ => alloc::format!("{scheme}{user}@{host}{end}"),
            }
        };
        let (a, b) = (text(0), text(1));
        let mut redactor = redactor();
        let (other_a, other_b) = (redactor.identity(&a), redactor.identity(&b));
        prop_assert_eq!(a.len(), other_a.len());
        prop_assert_eq!(a == b, other_a == other_b);
        let rules = IdentityRules::default();
        let (was, is) = (same_identity(&a, &b, &rules), same_identity(&other_a, &other_b, &rules));
        prop_assert_eq!(was.matches, is.matches, "{} {} {} {}", a, b, other_a, other_b);
        prop_assert_eq!(was.steps, is.steps, "{} {} {} {}", a, b, other_a, other_b);
        if let (Ok(a), Ok(b)) = (Uri::parse(&a), Uri::parse(&b)) {
            let (other_a, other_b) = (Uri::parse(&other_a).unwrap(), Uri::parse(&other_b).unwrap());
            prop_assert_eq!(equal(&a, &b), equal(&other_a, &other_b));
        }
    }

    /// Nothing that is read panics, nor does a document change its length or its markup.
    #[test]
    fn any_document_keeps_its_shape(text in "(<[a-z:]{1,4}( [a-z]{1,3}=[\"'][a-z&;:]{0,6}[\"'])?/?>|</?|[a-z &;#x0-9]{0,5}|<!--|-->|<!\\[CDATA\\[|\\]\\]>|[\"'=>é你]){0,20}") {
        let other = redactor().document(&text);
        prop_assert_eq!(other.len(), text.len(), "{}", other);
        for (from, to) in text.chars().zip(other.chars()) {
            prop_assert_eq!(from.is_alphanumeric(), to.is_alphanumeric(), "{}", other);
        }
    }
}

/// A word of few letters has few that could stand for it; each gets one of its own all the same.
#[test]
fn words_of_one_shape_never_meet() {
    let mut redactor = redactor();
    let mut others = BTreeMap::new();
    let letters = ('a'..='z').map(|c| c.to_string());
    let digits = (0..1000).map(|n| n.to_string());
    for word in letters
        .chain(digits)
        .chain(('a'..='f').map(|c| alloc::format!("{c}{c}")))
    {
        let other = redactor.text(&word);
        assert_eq!(other.len(), word.len());
        assert_eq!(
            others.insert(other.clone(), word.clone()),
            None,
            "{other} for {word}"
        );
    }
    let addresses = (0..=255u8).map(|n| alloc::format!("10.0.0.{n}"));
    let mut seen = Vec::new();
    for address in addresses {
        let other = redactor.host(&address);
        assert_eq!(other.len(), address.len());
        assert!(!seen.contains(&other), "{other}");
        seen.push(other);
    }
    assert_eq!(redactor.host("127.0.0.1"), "127.0.0.1");
}

/// Where passwords could be found by what stands in a header, there are stars, whether names are kept or not.
#[test]
fn no_header_keeps_what_a_password_could_be_found_by() {
    let answer = "Digest username=\"alice\", realm=\"example.org\", nonce=\"abc\", uri=\"sip:example.org\", \
                  response=\"6629fae49393a05397450978507c4ef1\", cnonce=\"0a4f113b\", qop=auth, nc=00000001, algorithm=MD5";
    for mut redactor in [redactor(), Redactor::of_secrets()] {
        for name in ["Authorization", "Proxy-Authorization"] {
            let other = redactor.header(name, answer);
            assert!(
                !other.contains("6629fae") && !other.contains("0a4f113b"),
                "{other}"
            );
            assert!(
                other.contains("qop=auth, nc=00000001, algorithm=MD5"),
                "{other}"
            );
            assert_eq!(other.len(), answer.len());
        }
        let info = redactor.header(
            "Authentication-Info",
            "rspauth=\"77\", cnonce=\"88\", nextnonce=\"new\"",
        );
        assert!(!info.contains("77") && !info.contains("88"), "{info}");
        let keys = redactor.header(
            "WWW-Authenticate",
            "Digest realm=\"x\", nonce=\"y\", ik=\"0011\", ck=\"2233\"",
        );
        assert!(!keys.contains("0011") && !keys.contains("2233"), "{keys}");
    }
    let kept = Redactor::of_secrets().header("From", "<sip:alice@example.org>;tag=1");
    assert_eq!(kept, "<sip:alice@example.org>;tag=1");
}

/// Headers that name somebody name somebody else; the others are as they were.
#[test]
fn headers_are_replaced_by_what_they_say() {
    let mut redactor = redactor();
    let other = redactor.identity("sip:alice@example.org");
    for (name, value) in [
        ("From", "\"Alice L\" <sip:alice@example.org>;tag=abc"),
        ("t", "<sip:alice@example.org>"),
        (
            "P-Asserted-Identity",
            "<sip:alice@example.org>, <tel:+12125551234>",
        ),
        ("X-Anything", "alice sip:alice@example.org"),
        (
            "Contact",
            "<sip:alice@example.org>;+sip.instance=\"<urn:uuid:0-1>\";expires=60",
        ),
    ] {
        let written = redactor.header(name, value);
        assert!(
            written.contains(&other) || name == "X-Anything",
            "{written}"
        );
        assert!(!written.to_ascii_lowercase().contains("alice"), "{written}");
        assert_eq!(written.len(), value.len());
    }
    for (name, value) in [
        ("CSeq", "1 NOTIFY"),
        ("Subscription-State", "terminated;reason=noresource"),
        ("Content-Type", "application/conference-info+xml"),
        ("Event", "conference;id=7"),
        ("Reason", "SIP;cause=603;text=\"Decline\""),
        ("Warning", "399 local \"not registered\""),
    ] {
        let written = redactor.header(name, value);
        let same =
            written == value || name == "Reason" && written.starts_with("SIP;cause=603;text=");
        assert!(same, "{written}");
    }
    assert_eq!(
        redactor.reason("User Not Registered"),
        "User Not Registered"
    );
    assert!(!redactor.reason("No Alice here").contains("Alice"));
    assert_eq!(
        redactor.reason("No such thing").len(),
        "No such thing".len()
    );
}

/// RFC 4575: users, texts and addresses of a document are others; states, roles, media and versions are not.
#[test]
fn a_document_says_the_same_of_others() {
    let document = "<?xml version=\"1.0\"?><conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" \
        entity=\"sip:room@example.org\" state=\"full\" version=\"7\"><conference-description><subject>Lunch &amp; more \
        with Bob</subject></conference-description><users><user entity=\"sip:bob@example.org\"><display-text>B&#111;b \
        Jones</display-text><roles><entry>participant</entry></roles><endpoint entity=\"sip:bob@192.0.2.1\"><status>\
        connected</status><joining-info><when>2005-03-04T20:00:00Z</when><by>sip:carol@example.org</by></joining-info>\
        </endpoint></user></users></conference-info>";
    let mut redactor = redactor();
    let bob = redactor.identity("sip:bob@example.org");
    let other = redactor.document(document);
    assert_eq!(other.len(), document.len());
    for name in ["ob", "Jones", "carol", "Lunch", "room@", "192.0.2.1"] {
        assert!(!other.contains(name), "{name} in {other}");
    }
    let whole = [
        "state=\"full\" version=\"7\"",
        "<entry>participant</entry>",
        "connected<",
        "2005-03-04T20:00:00Z",
        &bob,
        " &amp; ",
    ];
    for plain in whole {
        assert!(other.contains(plain), "{plain} in {other}");
    }
    let multipart: Headers = [("Content-Type", "multipart/related;boundary=bob")]
        .into_iter()
        .collect();
    let body =
        "--bob\r\nContent-Type: application/conference-info+xml\r\n\r\n<a>bob</a>\r\n--bob--\r\n";
    let body = String::from_utf8(redactor.body(&multipart, body.as_bytes())).unwrap();
    assert!(
        body.starts_with("--bob\r\nContent-Type: application/conference-info+xml\r\n\r\n<a>"),
        "{body}"
    );
    assert!(
        !body.contains("<a>bob") && body.ends_with("</a>\r\n--bob--\r\n"),
        "{body}"
    );
}

/// RFC 4745: rules decide the same of those who stand for others; documents of an XDMS are found by the same kinds.
#[test]
fn paths_and_lists_keep_what_is_no_name() {
    let mut redactor = redactor();
    let alice = redactor.identity("sip:alice@example.org");
    let path = redactor
        .path("resource-lists/users/sip:alice@example.org/index/~~/resource-lists/list%5b1%5d");
    assert!(
        path.starts_with(&alloc::format!(
            "resource-lists/users/{alice}/index/~~/resource-lists/"
        )),
        "{path}"
    );
    assert_eq!(
        redactor.list_name("oma_blockedcontacts"),
        "oma_blockedcontacts"
    );
    assert_ne!(redactor.list_name("Enemies"), "Enemies");
    let source = redactor.source_of(
        "xdms:http://xcap.example.org/root/resource-lists/users/sip:alice@example.org/index",
    );
    assert!(
        source.contains(&alice) && source.ends_with("/index"),
        "{source}"
    );
    let mut update = Update {
        state: crate::blocklist::SourceState::Fresh,
        list: Some(BlockList {
            entries: vec![],
            complete: true,
            rules: Some(Arc::new(RuleSet {
                rules: vec![crate::blocklist::rules::Rule {
                    conditions: vec![Condition::Identity(vec![Who::Many {
                        domain: Some("Example.ORG".into()),
                        except: vec![Except::Id("sip:alice@example.org".into())],
                    }])],
                    ..Default::default()
                }],
            })),
        }),
        etag: None,
    };
    redactor.update(&mut update);
    let rules = update.list.unwrap().rules.unwrap();
    let Condition::Identity(parts) = &rules.rules[0].conditions[0] else {
        panic!("{rules:?}");
    };
    let Who::Many { domain, except } = &parts[0] else {
        panic!("{parts:?}");
    };
    let host = redactor.host("example.org");
    assert!(domain.as_ref().unwrap().eq_ignore_ascii_case(&host));
    assert_eq!(except, &[Except::Id(alice.into())]);
}

/// SEC-01: the seed of a recording gives the same times and other names, and not the key.
#[test]
fn the_seed_that_is_told_is_another_one() {
    let seed = Redactor::seed([3; 32], [5; 32]);
    assert_ne!(seed[..16], [3; 16]);
    assert_eq!(seed[16..], [3; 16]);
    assert_ne!(seed, Redactor::seed([3; 32], [6; 32]));
}
