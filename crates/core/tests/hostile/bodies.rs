//! Bodies that are hostile or broken: the fault is named, the former roster stands, full state is asked for once, and no
//! more is read than the limits allow (SEC-06…08, CONF-34…36).

use core::time::Duration;

use rollmark_core::conference::{
    Conference, DeviationCode, Limits, Outcome, Refusal, RosterState, Settings,
};
use rollmark_core::engine::What;
use rollmark_core::host::Capabilities;
use rollmark_core::xml::{Fault, Limits as XmlLimits};

use crate::world::{BODY, world};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:conference-info";

/// A full document of version 2 around `inner`.
fn document(inner: &str) -> String {
    format!(
        "<conference-info xmlns='{NAMESPACE}' entity='sip:c@x' version='2'>{inner}</conference-info>"
    )
}

/// A conference that holds bob alone.
fn held() -> Conference {
    let mut conference = Conference::new(Settings::default());
    conference.begin_subscription();
    assert!(conference.apply(Duration::ZERO, BODY.as_bytes()).first);
    conference
}

fn names(conference: &Conference) -> Vec<&str> {
    conference.users().map(|user| user.entity()).collect()
}

fn nested(depth: usize) -> String {
    document(&("<a>".repeat(depth) + &"</a>".repeat(depth)))
}

/// Bodies that no XML reader may accept here, each with its fault and the last byte at which that has to be seen.
fn malformed() -> Vec<(&'static str, Vec<u8>, Fault, usize)> {
    let bomb = format!(
        "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>{}]>{}",
        (1..10)
            .map(|n| format!("<!ENTITY a{n} '{}'>", "&a;".repeat(10)))
            .collect::<String>(),
        document("&a9;")
    );
    let root = document("").len();
    let case = |name, body: &str, fault, end| (name, body.as_bytes().to_vec(), fault, end);
    let mut cases = vec![
        case("not closed", "<conference-info>", Fault::UnexpectedEnd, 17),
        case(
            "crossed tags",
            &document("<users><user></users></user>"),
            Fault::MismatchedEndTag,
            root,
        ),
        case("no XML", "404 Not Found", Fault::TextOutsideRoot, 0),
        case("two roots", "<a/><a/>", Fault::SecondRoot, 4),
        case(
            "a DOCTYPE",
            "<!DOCTYPE conference-info><a/>",
            Fault::Doctype,
            0,
        ),
        case(
            "an external DTD",
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
            Fault::Doctype,
            0,
        ),
        case("an entity bomb", &bomb, Fault::Doctype, 0),
        case(
            "an entity of its own",
            &document("<subject>&bomb;</subject>"),
            Fault::UnknownEntity,
            root,
        ),
        case(
            "100,000 elements in one another",
            &nested(100_000),
            Fault::TooDeep,
            root + 3 * XmlLimits::DEPTH,
        ),
        case(
            "one element too deep",
            &nested(XmlLimits::DEPTH),
            Fault::TooDeep,
            root + 3 * XmlLimits::DEPTH,
        ),
        case(
            "a text over its limit",
            &document(&format!(
                "<subject>{}</subject>",
                " ".repeat(XmlLimits::TEXT + 1)
            )),
            Fault::TextTooLong,
            root,
        ),
        case(
            "spaces over the limit of a body",
            &(" ".repeat(XmlLimits::BODY) + BODY),
            Fault::TooLong,
            XmlLimits::BODY,
        ),
        case(
            "attributes over their limit",
            &document(&format!(
                "<a {}/>",
                (0..=XmlLimits::ATTRIBUTES)
                    .map(|n| format!(" a{n}=''"))
                    .collect::<String>()
            )),
            Fault::TooManyAttributes,
            root + 8 * XmlLimits::ATTRIBUTES,
        ),
        case("NUL", &document("\0"), Fault::IllegalCharacter, root),
        case(
            "NUL by reference",
            &document("&#0;"),
            Fault::IllegalCharacterReference,
            root,
        ),
        case(
            "a surrogate by reference",
            &document("&#xD800;"),
            Fault::IllegalCharacterReference,
            root,
        ),
        case(
            "a character above Unicode",
            &document("&#x110000;"),
            Fault::IllegalCharacterReference,
            root,
        ),
        case(
            "another encoding by name",
            "<?xml version='1.0' encoding='UTF-16'?><a/>",
            Fault::UnsupportedEncoding,
            40,
        ),
        case(
            "a prefix of nobody",
            &document("<x:users/>"),
            Fault::UnboundPrefix,
            root,
        ),
    ];
    let mut raw = |name, inner: &[u8], tail: bool| {
        let body = document("<display-text>|</display-text>");
        let (head, rest) = body.split_once('|').unwrap();
        let rest = if tail { rest.as_bytes() } else { b"" };
        let body = [head.as_bytes(), inner, rest].concat();
        cases.push((name, body, Fault::NotUtf8, head.len()));
    };
    raw("a lone surrogate", b"\xED\xA0\x80", true);
    raw("a byte of Latin-1", b"\xFC", true);
    raw("an overlong form", b"\xC0\xAF", true);
    raw("a character cut off", b"\xC3", true);
    raw("a body cut off in a character", b"\xF0\x9F\x98", false);
    let utf16: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    cases.push(("UTF-16", utf16.clone(), Fault::IllegalCharacter, 1));
    cases.push((
        "UTF-16 with its mark",
        [&b"\xFF\xFE"[..], &utf16].concat(),
        Fault::NotUtf8,
        0,
    ));
    cases
}

#[test]
fn what_is_no_document_is_refused_with_its_fault_and_changes_nothing() {
    // SEC-06…08, CONF-34: the offset shows how far was read.
    for (name, body, fault, end) in malformed() {
        let mut conference = held();
        let applied = conference.apply(Duration::ZERO, &body);
        let Outcome::Refused(Refusal::Malformed(error)) = applied.outcome else {
            panic!("{name}: {:?}", applied.outcome);
        };
        assert_eq!(error.fault, fault, "{name}");
        assert!(
            error.offset <= end,
            "{name}: read up to {}, not {end}",
            error.offset
        );
        assert_eq!(names(&conference), ["sip:bob@x"], "{name}");
        assert_eq!(conference.state(), RosterState::Uncertain, "{name}");
        assert_eq!(conference.version(), Some(1), "{name}");
        let told: Vec<_> = applied.deviations.iter().map(|d| d.code).collect();
        assert_eq!(told, [DeviationCode::MalformedBody], "{name}");
        assert!(
            applied.deviations[0].detail.contains(&fault.to_string()),
            "{name}"
        );
    }
}

#[test]
fn a_body_over_the_limit_is_not_looked_at() {
    // A gigabyte, of which no page is ever touched: the length alone refuses it.
    let body = vec![0; 1 << 30];
    let mut conference = held();
    let Outcome::Refused(Refusal::Malformed(error)) =
        conference.apply(Duration::ZERO, &body).outcome
    else {
        panic!("a gigabyte was read");
    };
    assert_eq!(
        (error.fault, error.offset),
        (Fault::TooLong, XmlLimits::BODY)
    );
    assert_eq!(names(&conference), ["sip:bob@x"]);
}

#[test]
fn white_space_up_to_the_limit_is_only_passed_over() {
    let spaces = " ".repeat(XmlLimits::BODY - BODY.len());
    let mut conference = held();
    let applied = conference.apply(Duration::ZERO, (spaces + BODY).as_bytes());
    assert_eq!(applied.outcome, Outcome::Unchanged);
}

#[test]
fn a_million_users_are_refused_and_none_is_kept() {
    // By length with the usual limits, by number where bodies may be longer.
    let user = |n: usize| format!("<user entity='{n}'/>");
    let body = document(&format!(
        "<users>{}</users>",
        (0..1_000_000).map(user).collect::<String>()
    ));
    let wide = Settings {
        limits: Limits {
            xml: XmlLimits {
                body: usize::MAX,
                ..XmlLimits::default()
            },
            ..Limits::default()
        },
        ..Settings::default()
    };
    for (settings, expected) in [
        (Settings::default(), "a body over the limit"),
        (wide, "more users than the limit"),
    ] {
        let mut conference = Conference::new(settings);
        conference.begin_subscription();
        conference.apply(Duration::ZERO, BODY.as_bytes());
        let applied = conference.apply(Duration::ZERO, body.as_bytes());
        let Outcome::Refused(refusal) = applied.outcome else {
            panic!("{:?}", applied.outcome);
        };
        assert!(refusal.to_string().contains(expected), "{refusal}");
        assert_eq!(names(&conference), ["sip:bob@x"]);
    }
}

#[test]
fn a_document_of_another_kind_is_refused() {
    for body in [
        document("").replace(NAMESPACE, "urn:ietf:params:xml:ns:conference-info2"),
        document("")
            .replace("conference-info ", "presence ")
            .replace("</conference-info", "</presence"),
        "<html><body>503 Service Unavailable</body></html>".into(),
    ] {
        let mut conference = held();
        let applied = conference.apply(Duration::ZERO, body.as_bytes());
        assert_eq!(
            applied.outcome,
            Outcome::Refused(Refusal::NotConferenceInfo),
            "{body}"
        );
        assert_eq!(names(&conference), ["sip:bob@x"]);
    }
}

#[test]
fn a_foreign_element_named_users_is_not_taken_for_ours() {
    let foreign = "<users xmlns='urn:x' state='full'><user entity='sip:mallory@x'/></users>";
    let ours = "<users><user entity='sip:eve@x' xmlns:x='urn:x' x:entity='sip:mallory@x'/></users>";
    let mut conference = held();
    conference.apply(
        Duration::ZERO,
        document(&format!("{foreign}{ours}")).as_bytes(),
    );
    assert_eq!(names(&conference), ["sip:eve@x"]);
    let unqualified = foreign.replace("urn:x", "");
    conference.apply(
        Duration::ZERO,
        document(&format!("{unqualified}{ours}"))
            .replace("'2'", "'3'")
            .as_bytes(),
    );
    assert_eq!(names(&conference), ["sip:eve@x"]);
}

#[test]
fn of_users_with_one_key_the_last_counts() {
    // CONF-35
    let users = "<users><user entity='sip:eve@x'><display-text>1</display-text></user>\
        <user entity='sip:eve@x'><display-text>2</display-text></user></users>";
    let mut conference = held();
    let applied = conference.apply(Duration::ZERO, document(users).as_bytes());
    assert_eq!(names(&conference), ["sip:eve@x"]);
    assert_eq!(
        conference
            .user("sip:eve@x")
            .and_then(|user| user.display_text()),
        Some("2")
    );
    assert_eq!(applied.deviations[0].code, DeviationCode::DuplicateEntity);
}

#[test]
fn numbers_out_of_range_are_as_if_they_were_not_there() {
    for number in [
        "4294967296",
        "99999999999999999999999999",
        "-1",
        "1e3",
        "٣",
        "0x1",
        "1 2",
        "",
    ] {
        let mut conference = held();
        let inner =
            format!("<conference-state><user-count>{number}</user-count></conference-state>");
        let applied = conference.apply(Duration::ZERO, document(&inner).as_bytes());
        assert_eq!(applied.outcome, Outcome::Applied, "{number}");
        assert_eq!(conference.hidden_users(), 0, "{number}");
        assert_eq!(
            applied.deviations[0].code,
            DeviationCode::UnknownValue,
            "{number}"
        );
        let body = document("").replace("'2'", &format!("'{number}'"));
        let applied = conference.apply(Duration::ZERO, body.as_bytes());
        assert_eq!(
            applied.deviations[0].code,
            DeviationCode::MissingVersion,
            "{number}"
        );
        assert_eq!(
            conference.version(),
            Some(2),
            "{number}: a wrapped number would count"
        );
    }
}

#[test]
fn dates_that_are_none_are_left_out() {
    for date in [
        "yesterday",
        "2005-02-30T00:00:00Z",
        "99999999999999-01-01",
        "2005-03-04T25:00:00Z",
        "é",
        "",
    ] {
        let mut conference = held();
        let inner = format!(
            "<users><user entity='sip:eve@x'><endpoint entity='e'><joining-info><when>{date}</when>\
             <by>sip:bob@x</by></joining-info></endpoint></user></users>"
        );
        let applied = conference.apply(Duration::ZERO, document(&inner).as_bytes());
        assert_eq!(
            applied.deviations[0].code,
            DeviationCode::UnknownValue,
            "{date}"
        );
        let eve = conference.user("sip:eve@x").unwrap();
        let info = eve.endpoints().next().unwrap().joining_info().unwrap();
        assert_eq!(
            (info.when(), info.by()),
            (None, Some("sip:bob@x")),
            "{date}"
        );
    }
}

#[test]
fn bad_bodies_are_told_once_and_full_state_is_asked_for_once() {
    // CONF-09, SUB-34: whatever comes until it is answered.
    let mut world = world(Capabilities::TRANSACTION);
    let (transaction, subscribe) = world.sent().remove(0);
    world.respond(transaction, 200, &[("Expires", "3600")]);
    assert_eq!(world.notify(&subscribe, "active", BODY.as_bytes(), 0), 200);
    world.events();
    let mut told = 0;
    let mut asked = 0;
    for (name, body, _, _) in malformed() {
        assert_eq!(world.notify(&subscribe, "active", &body, 0), 200, "{name}");
        asked += world.sent().len();
        let events = world.events();
        told += events
            .iter()
            .filter(|event| matches!(event.what, What::Deviation { .. }))
            .count();
        assert!(
            !events
                .iter()
                .any(|event| matches!(event.what, What::Left { .. } | What::Roster(_)))
        );
        let roster = world.engine.roster(world.conference).unwrap();
        assert_eq!(roster.rows().count(), 1, "{name}");
        assert_eq!(roster.state(), RosterState::Uncertain, "{name}");
    }
    assert_eq!((told, asked), (1, 1));
    let full = document("<users><user entity='sip:eve@x'/></users>");
    assert_eq!(world.notify(&subscribe, "active", full.as_bytes(), 0), 200);
    let roster = world.engine.roster(world.conference).unwrap();
    assert_eq!(roster.state(), RosterState::Current);
}
