//! The root element: CONF-01, CONF-02, CONF-14, CONF-18, CONF-60; SEC-06, SEC-08.

use super::*;

const CI: &str = "xmlns='urn:ietf:params:xml:ns:conference-info'";

/// CONF-01
#[test]
fn the_root_decides_whether_a_document_is_ours() {
    // (body, strict verdict, lenient verdict)
    let ok = "applied; ; bob; current - 1";
    let malformed = "refused; malformed-body; ; none needed -";
    let foreign = "refused; not-conference-info; ; none needed -";
    let inner = "<users><user entity='sip:bob@x'/></users>";
    let cases = [
        (format!("<conference-info {CI} entity='sip:c@x' version='1'>{inner}</conference-info>"), ok, ok),
        (
            "<p:conference-info xmlns:p='urn:ietf:params:xml:ns:conference-info' entity='sip:c@x' version='1'><p:users><p:user entity='sip:bob@x'/></p:users></p:conference-info>".into(),
            ok, ok,
        ),
        (
            format!("<conference-info entity='sip:c@x' version='1'>{inner}</conference-info>"),
            "refused; no-namespace; ; none needed -",
            "applied; no-namespace; bob; current - 1",
        ),
        (format!("<conference-info xmlns='urn:other' entity='sip:c@x' version='1'>{inner}</conference-info>"), foreign, foreign),
        (format!("<conference {CI} entity='sip:c@x' version='1'>{inner}</conference>"), foreign, foreign),
        (format!("\u{FEFF}<?xml version='1.0'?>{}", root("version='1'", inner)), ok, ok),
        (format!("\r\n <?xml version='1.0' encoding='UTF-8'?>{}", root("version='1'", inner)), ok, ok),
        (format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", root("version='1'", inner)), malformed, malformed),
        (format!("<!DOCTYPE conference-info>{}", root("version='1'", inner)), malformed, malformed),
        (root("version='1'", "<q:users/>"), malformed, malformed),
        (root("version='1'", "<users>"), malformed, malformed),
        (format!("<conference {CI}><users></conference>"), malformed, malformed),
        (
            format!("<conference-info {CI} version='1'>{inner}</conference-info>"),
            "refused; missing-entity; ; none needed -",
            "applied; missing-entity; bob; current - 1",
        ),
        (
            format!("<conference-info {CI} entity='' version='1'>{inner}</conference-info>"),
            "applied; entity-without-scheme entity-mismatch; bob; current - 1",
            "applied; entity-without-scheme entity-mismatch; bob; current - 1",
        ),
        (
            format!("<conference-info {CI} entity='c@x' version='1'>{inner}</conference-info>"),
            "applied; entity-without-scheme; bob; current - 1",
            "applied; entity-without-scheme; bob; current - 1",
        ),
        (
            format!("<conference-info {CI} entity='sip:other@x' version='1'>{inner}</conference-info>"),
            "applied; entity-mismatch; bob; current - 1",
            "applied; entity-mismatch; bob; current - 1",
        ),
        (root("version=' 1\t' state='\nfull '", inner), ok, ok),
        (
            root("version='1' state='whole'", inner),
            "applied; unknown-value; bob; current - 1",
            "applied; unknown-value; bob; current - 1",
        ),
    ];
    for (body, strict, lenient) in cases {
        for (mode, expected) in [(Mode::Strict, strict), (Mode::Lenient, lenient)] {
            let mut conference = conference(mode);
            conference.set_conference("sip:c@X");
            let applied = apply(&mut conference, &body);
            assert_eq!(verdict(&conference, &applied), expected, "{mode:?} {body}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_a_malformed_body() {
    for mode in BOTH {
        let mut conference = held(mode);
        let applied = conference.apply(Duration::ZERO, b"<a>\xFF</a>");
        assert_eq!(
            verdict(&conference, &applied),
            "refused; malformed-body; bob eve; uncertain needed 5"
        );
    }
}

#[test]
fn an_empty_body_is_no_document() {
    for mode in BOTH {
        assert_eq!(after(mode, &[""]), "empty; ; bob eve; current - 5");
    }
}

/// CONF-18
#[test]
fn the_name_a_document_gives_the_conference_is_exposed() {
    let mut conference = conference(Mode::Lenient);
    conference.set_conference("sip:group@x");
    let applied = apply(&mut conference, &document("full 1", ""));
    assert_eq!(codes(&applied), "entity-mismatch");
    assert_eq!(conference.entity(), Some("sip:c@x"));
    let again = apply(&mut conference, &document("full 2", ""));
    assert_eq!(codes(&again), "", "reported once per subscription");
    conference.begin_subscription();
    let again = apply(&mut conference, &document("full 1", ""));
    assert_eq!(codes(&again), "entity-mismatch");
}

#[test]
fn a_missing_scheme_is_no_other_conference() {
    let mut conference = conference(Mode::Lenient);
    conference.set_conference("sip:c@x");
    let body = document("full 1", "").replace("sip:c@x", "c@X");
    assert_eq!(
        codes(&apply(&mut conference, &body)),
        "entity-without-scheme"
    );
}

/// CONF-60
#[test]
fn foreign_elements_and_attributes_are_never_read_as_ours() {
    let foreign = "<x:users xmlns:x='urn:x'><user entity='sip:evil@x'/></x:users>";
    let inner = format!(
        "{foreign}<users x:state='deleted' xmlns:x='urn:x'>{foreign}<x:user entity='sip:evil@x'/>\
         <user entity='sip:bob@x' x:entity='sip:evil@x'>{foreign}<x:display-text>no</x:display-text>\
         <display-text>Bob<x:b>y</x:b>!</display-text><unknown><display-text>no</display-text></unknown>\
         <endpoint entity='e'><x:status>disconnected</x:status><status>connected</status></endpoint></user></users>{foreign}"
    );
    for mode in BOTH {
        let mut conference = conference(mode);
        let applied = apply(&mut conference, &document("full 1", &inner));
        assert_eq!(
            verdict(&conference, &applied),
            "applied; ; bob; current - 1"
        );
        let bob = conference.user("sip:bob@x").unwrap();
        assert_eq!(bob.display_text(), Some("Bob!"));
        assert_eq!(bob.status(), Some("connected"));
    }
}

#[test]
fn of_a_single_element_written_twice_the_first_counts() {
    let inner = "<users><user entity='sip:bob@x'><display-text>1</display-text><display-text>2</display-text>\
                 </user></users><users><user entity='sip:eve@x'/></users>\
                 <conference-state><user-count>1</user-count><user-count>9</user-count></conference-state>";
    for mode in BOTH {
        let mut conference = conference(mode);
        apply(&mut conference, &document("full 1", inner));
        assert_eq!(roster(&conference), "bob");
        assert_eq!(
            conference.user("sip:bob@x").unwrap().display_text(),
            Some("1")
        );
        assert_eq!(conference.hidden_users(), 0);
    }
}
