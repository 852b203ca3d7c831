//! Rules out of documents: what each element becomes, and what is refused by which name.

use super::*;
use proptest::prelude::*;

fn document(rules: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<cr:ruleset xmlns:cr=\"{NAMESPACE}\" xmlns:ocp=\"{OMA_COMMON_POLICY}\" \
         xmlns:e=\"{OMA_EXTENSIONS}\" xmlns:pr=\"{PRES_RULES}\" xmlns:poc=\"{POC_RULES}\" xmlns:x=\"urn:x\">\n\
         {rules}\n</cr:ruleset>"
    )
}

fn read_rules(rules: &str) -> RuleSet {
    parse(document(rules).as_bytes()).expect(rules)
}

fn conditions(conditions: &str) -> Vec<Condition> {
    let set = read_rules(&format!(
        "<cr:rule id='r'><cr:conditions>{conditions}</cr:conditions></cr:rule>"
    ));
    set.rules.into_iter().next().unwrap().conditions
}

fn actions(actions: &str) -> Actions {
    let set = read_rules(&format!(
        "<cr:rule id='r'><cr:actions>{actions}</cr:actions></cr:rule>"
    ));
    set.rules[0].actions
}

fn one(uri: &str) -> Who {
    Who::One(uri.into())
}

/// XDM-56…XDM-58, XDM-61, XDM-62, XDM-70, XDM-34.
#[test]
fn each_condition_is_told_by_its_namespace() {
    let many = |domain: Option<&str>, except: Vec<Except>| Who::Many {
        domain: domain.map(Into::into),
        except,
    };
    let table: [(&str, Condition); 16] = [
        (
            "<cr:identity> <cr:one id=' sip:b&amp;c@x '/><!-- --><cr:one/><x:one id='sip:no@x'/><cr:id>sip:no@x</cr:id></cr:identity>",
            Condition::Identity(vec![one("sip:b&c@x")]),
        ),
        ("<cr:identity/>", Condition::Identity(vec![])),
        (
            "<cr:identity><cr:many/><cr:many domain='X.example'><cr:except id='sip:a@x'/><cr:except domain='y'/>\
             <cr:except id='sip:b@x' domain='z'/><cr:except/><x:except id='sip:no@x'/></cr:many><cr:many domain=''/></cr:identity>",
            Condition::Identity(vec![
                many(None, vec![]),
                many(
                    Some("X.example"),
                    vec![
                        Except::Id("sip:a@x".into()),
                        Except::Domain("y".into()),
                        Except::Id("sip:b@x".into()),
                        Except::Domain("z".into()),
                    ],
                ),
                many(Some(""), vec![]),
            ]),
        ),
        ("<cr:sphere value='work home'/>", Condition::Sphere("work home".into())),
        ("<ocp:other-identity/>", Condition::OtherIdentity),
        ("<ocp:anonymous-request/>", Condition::AnonymousRequest),
        (
            "<ocp:external-list><ocp:entry anc='http://h/resource-lists/users/u/index/~~/resource-lists/list%5b@name=%22a%22%5d'/>\
             <ocp:entry/><x:entry anc='no'/><ocp:entry anc='friends'/></ocp:external-list>",
            Condition::ExternalList(vec![
                ExternalList {
                    anchor: "http://h/resource-lists/users/u/index/~~/resource-lists/list%5b@name=%22a%22%5d".into(),
                    name: Some("a".into()),
                    members: None,
                },
                ExternalList {
                    anchor: "friends".into(),
                    name: None,
                    members: None,
                },
            ]),
        ),
        (
            "<e:service-list><e:service enabler='org.openmobilealliance.IM'/><e:service>poc</e:service><x:service/>\
             <e:all-services-except><e:service enabler='a'/></e:all-services-except></e:service-list>",
            Condition::Services(vec![
                Services::Only("org.openmobilealliance.IM".into()),
                Services::Only("poc".into()),
                Services::AllExcept(vec!["a".into()]),
            ]),
        ),
        (
            "<e:service enabler='im'/>",
            Condition::Services(vec![Services::Only("im".into())]),
        ),
        (
            "<e:all-services-except/>",
            Condition::Services(vec![Services::AllExcept(vec![])]),
        ),
        ("<x:identity/>", Condition::Unknown),
        ("<cr:other-identity/>", Condition::Unknown),
        ("<x:anonymous-request/>", Condition::Unknown),
        ("<e:external-list/>", Condition::Unknown),
        ("<anonymous-request/>", Condition::Unknown),
        ("<cr:new-condition/>", Condition::Unknown),
    ];
    for (text, expected) in table {
        assert_eq!(conditions(text), [expected], "{text}");
    }
    assert_eq!(conditions(""), []);
    assert_eq!(read_rules("<cr:rule id='r'/>").rules[0].conditions, []);
}

/// XDM-60, RFC 4745 §7.4.
#[test]
fn a_from_goes_with_the_until_after_it() {
    let at = |minute: i64| WallTime::from_unix_millis(minute * 60_000);
    let interval = |from, until| Interval {
        from: at(from),
        until: at(until),
    };
    let from = |minute: i64| format!("<cr:from> 1970-01-01T00:{minute:02}:00Z\n</cr:from>");
    let until = |minute: i64| {
        format!("<cr:until><![CDATA[1970-01-01T01:{minute:02}:00+01:00]]></cr:until>")
    };
    let table = [
        (from(1) + &until(2), vec![interval(1, 2)]),
        (
            from(1) + &until(2) + &from(3) + &until(4),
            vec![interval(1, 2), interval(3, 4)],
        ),
        (
            from(1) + &from(2) + &until(3),
            vec![interval(1, 3), interval(2, 3)],
        ),
        (from(1), vec![]),
        (until(1), vec![]),
        (until(1) + &from(2), vec![]),
        ("<cr:from>today</cr:from>".to_owned() + &until(1), vec![]),
        (from(1) + "<cr:until>ever</cr:until>" + &until(2), vec![]),
        (from(1) + "<cr:until/>", vec![]),
        (
            "<x:from>1970-01-01T00:01:00Z</x:from>".to_owned() + &until(1),
            vec![],
        ),
        (
            format!(
                "<cr:from>1970-01-01T00:&#48;<!-- -->1:00</cr:from>{}",
                until(2)
            ),
            vec![interval(1, 2)],
        ),
    ];
    for (text, expected) in table {
        let text = format!("<cr:validity>{text}</cr:validity>");
        assert_eq!(conditions(&text), [Condition::Validity(expected)], "{text}");
    }
}

/// XDM-36, XDM-66, XDM-67.
#[test]
fn each_action_is_told_by_its_namespace_and_value() {
    let none = Actions::default();
    let sub = |value| Actions {
        sub_handling: Some(value),
        ..none
    };
    let invite = |value| Actions {
        allow_invite: Some(value),
        ..none
    };
    let reject = |value| Actions {
        allow_reject_invite: Some(value),
        ..none
    };
    for (text, expected) in [
        (
            "<pr:sub-handling>block</pr:sub-handling>",
            sub(SubHandling::Block),
        ),
        (
            "<pr:sub-handling>\n confirm\t</pr:sub-handling>",
            sub(SubHandling::Confirm),
        ),
        (
            "<pr:sub-handling>polite-block</pr:sub-handling>",
            sub(SubHandling::PoliteBlock),
        ),
        (
            "<pr:sub-handling>a<!-- -->llow</pr:sub-handling>",
            sub(SubHandling::Allow),
        ),
        ("<pr:sub-handling>Block</pr:sub-handling>", none),
        ("<pr:sub-handling/>", none),
        ("<x:sub-handling>block</x:sub-handling>", none),
        ("<cr:sub-handling>block</cr:sub-handling>", none),
        (
            "<poc:allow-invite>reject</poc:allow-invite>",
            invite(AllowInvite::Reject),
        ),
        (
            "<poc:allow-invite>pass</poc:allow-invite>",
            invite(AllowInvite::Pass),
        ),
        (
            "<poc:allow-invite>accept</poc:allow-invite>",
            invite(AllowInvite::Accept),
        ),
        ("<e:allow-invite>reject</e:allow-invite>", none),
        (
            "<e:allow-reject-invite>true</e:allow-reject-invite>",
            reject(true),
        ),
        (
            "<e:allow-reject-invite>1</e:allow-reject-invite>",
            reject(true),
        ),
        (
            "<e:allow-reject-invite>false</e:allow-reject-invite>",
            reject(false),
        ),
        (
            "<e:allow-reject-invite>0</e:allow-reject-invite>",
            reject(false),
        ),
        ("<e:allow-reject-invite>yes</e:allow-reject-invite>", none),
        (
            "<pr:sub-handling>block</pr:sub-handling><pr:sub-handling>allow</pr:sub-handling>",
            sub(SubHandling::Allow),
        ),
    ] {
        assert_eq!(actions(text), expected, "{text}");
    }
}

/// XDM-55: prefixes, a byte order mark, comments, white space, foreign elements.
#[test]
fn rules_are_found_whatever_surrounds_them() {
    let set = parse(
        format!(
            "\u{feff}<?xml version='1.0' encoding='UTF-8'?><!-- a --><ruleset xmlns='{NAMESPACE}'>text<x xmlns='urn:x'>\
             <rule xmlns='{NAMESPACE}' id='no'/></x><rule id=' a '/><rule/><rule id='a'><transformations/></rule></ruleset>"
        )
        .as_bytes(),
    )
    .unwrap();
    let ids: Vec<_> = set.rules.iter().map(|rule| &*rule.id).collect();
    assert_eq!(ids, ["a", "", "a"]);
}

/// SEC-08, RFC 4745 §7.1.3.
#[test]
fn utf_16_is_read_where_a_byte_order_mark_says_so() {
    let text = document("<cr:rule id='b\u{fc}cher \u{1f4d6}'/>").replacen(
        "version=\"1.0\"",
        "version=\"1.0\" encoding=\"UTF-16\"",
        1,
    );
    let little: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let big: Vec<u8> = little
        .chunks(2)
        .flat_map(|pair| [pair[1], pair[0]])
        .collect();
    for octets in [&little, &big] {
        let set = parse(octets).unwrap();
        assert_eq!(&*set.rules[0].id, "b\u{fc}cher \u{1f4d6}");
        let odd = parse(&octets[..octets.len() - 1]).unwrap_err();
        assert!(matches!(odd, RulesError::NotUtf16), "{odd}");
    }
    let half = parse(b"\xff\xfe\x00\xd8<\x00").unwrap_err();
    assert!(matches!(half, RulesError::NotUtf16), "{half}");
    // Declared, and not what it is.
    let lie = parse(text.as_bytes()).unwrap_err();
    assert!(
        matches!(&lie, RulesError::Document(DocumentError::Encoding { declared }) if declared == "UTF-16"),
        "{lie}"
    );
    let lie = parse(&[0xff; 1 + MAX_DOCUMENT]).unwrap_err();
    assert!(matches!(lie, RulesError::Document(_)), "{lie}");
    let mut long = vec![0xff, 0xfe];
    long.resize(MAX_DOCUMENT + 2, 0);
    assert!(matches!(
        parse(&long).unwrap_err(),
        RulesError::Document(DocumentError::TooLarge)
    ));
}

/// SEC-06, SEC-08: an unreadable document is an error with a name, never an empty policy.
#[test]
fn what_cannot_be_read_whole_is_refused() {
    type Check = fn(&DocumentError) -> bool;
    let table: [(&[u8], Check); 8] = [
        (b"", |e| matches!(e, DocumentError::NoRoot)),
        (b"sip:bob@x\n", |e| matches!(e, DocumentError::OutsideRoot { .. })),
        (b"<html><body>404</body></html>", |e| {
            matches!(e, DocumentError::Root { found, .. } if found == "html")
        }),
        (b"<ruleset/>", |e| matches!(e, DocumentError::Root { .. })),
        (b"<cp:ruleset/>", |e| matches!(e, DocumentError::Root { .. })),
        (b"<!DOCTYPE r [<!ENTITY x 'y'>]><ruleset xmlns='urn:ietf:params:xml:ns:common-policy'>&x;</ruleset>", |e| {
            matches!(e, DocumentError::Doctype { .. })
        }),
        (b"<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'><rule>", |e| {
            matches!(e, DocumentError::Unclosed { .. })
        }),
        (b"<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'>\xff</ruleset>", |e| {
            matches!(e, DocumentError::NotUtf8 { .. })
        }),
    ];
    for (octets, check) in table {
        let text = String::from_utf8_lossy(octets);
        match parse(octets).expect_err(&text) {
            RulesError::Document(error) => assert!(check(&error), "{text}: {error}"),
            other => panic!("{text}: {other}"),
        }
    }
}

/// SEC-07.
#[test]
fn a_policy_at_the_limits_is_read_and_one_beyond_them_is_refused() {
    let rules = |n: usize| parse(document(&"<cr:rule id='r'/>".repeat(n)).as_bytes());
    assert_eq!(rules(MAX_RULES).unwrap().rules.len(), MAX_RULES);
    assert!(matches!(
        rules(MAX_RULES + 1),
        Err(RulesError::TooManyRules)
    ));
    let named = |n: usize| {
        let one = "<cr:one id='a@x'/>".repeat(n);
        let rule = format!(
            "<cr:rule id='r'><cr:conditions><cr:identity>{one}</cr:identity></cr:conditions></cr:rule>"
        );
        parse(document(&rule).as_bytes())
    };
    assert!(named(MAX_NAMED).is_ok());
    assert!(matches!(
        named(MAX_NAMED + 1),
        Err(RulesError::TooManyNamed)
    ));
}

#[test]
fn the_name_of_a_list_is_the_last_in_its_anchor() {
    for (anchor, expected) in [
        (
            "http://h/r/users/u/index/~~/resource-lists/list[@name=\"a\"]",
            Some("a"),
        ),
        (
            "http://h/r/users/u/index/~~/resource-lists/list%5B@name=%22a%20b%22%5D",
            Some("a b"),
        ),
        (
            "/resource-lists/list%5b%40name%3D%27a%27%5d/list[@name='b&amp;c']",
            Some("b&c"),
        ),
        ("list[@name=\"it's\"]", Some("it's")),
        ("http://h/resource-lists/users/u/index", None),
        ("list[@name=a]", None),
        ("list[@name=\"a", None),
        ("friends", None),
        ("@name=", None),
        ("%ff", None),
    ] {
        assert_eq!(list_name(anchor).as_deref(), expected, "{anchor}");
    }
}

proptest! {
    #[test]
    fn no_scrap_of_a_policy_makes_the_reader_fail(
        text in "(<cr:rule id='r'>|</cr:rule>|<cr:conditions>|</cr:conditions>|<cr:identity>|</cr:identity>|<cr:many>|</cr:many>|\
                 <cr:validity><cr:from>2003|</cr:from><cr:until/></cr:validity>|<ocp:external-list><ocp:entry anc='%@name='/>|\
                 </ocp:external-list>|<e:service/>|x|&#0;|&lt;)*",
    ) {
        let _ = parse(document(&text).as_bytes());
    }
}
