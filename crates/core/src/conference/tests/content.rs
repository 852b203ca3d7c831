//! What is told about the conference, its endpoints and its sidebars: CONF-16, CONF-32, CONF-33, CONF-36–CONF-41, CONF-52–CONF-59.

use super::*;

/// CONF-36…40, OMA-35
#[test]
fn all_sections_of_the_conference_are_exposed() {
    let inner = "<conference-description><display-text>D</display-text><subject>S &amp; T</subject>\
        <free-text> F </free-text><keywords> a b\n c </keywords>\
        <conf-uris state='partial'><entry><uri>sip:c@x</uri><display-text>d</display-text><purpose>participation</purpose></entry>\
          <entry><purpose>no uri</purpose></entry></conf-uris>\
        <service-uris><entry><uri>http://x/</uri><purpose>grouptextchat</purpose></entry></service-uris>\
        <maximum-user-count>1</maximum-user-count>\
        <available-media><entry label='1'><display-text>chat</display-text><type>message</type><status>sendrecv</status></entry></available-media>\
        </conference-description>\
        <host-info><display-text>H</display-text><web-page>http://h/</web-page><uris><entry><uri>sip:h@x</uri></entry></uris></host-info>\
        <conference-state><user-count>2</user-count><active>1</active><locked>false</locked></conference-state>\
        <sidebars-by-ref><entry><uri>sip:side@x</uri></entry></sidebars-by-ref>";
    for mode in BOTH {
        let mut conference = conference(mode);
        let body = document(
            "full 1",
            &(inner.to_string() + &users("full", &named("a b"))),
        );
        let applied = apply(&mut conference, &body);
        assert!(applied.info_changed);
        assert_eq!(codes(&applied), "");
        let info = conference.info();
        let description = info.description.as_ref().unwrap();
        assert_eq!(description.display_text.as_deref(), Some("D"));
        assert_eq!(description.subject.as_deref(), Some("S & T"));
        assert_eq!(description.free_text.as_deref(), Some(" F "));
        assert_eq!(description.keywords.as_ref().unwrap().concat(), "abc");
        let conf_uris = description.conf_uris.as_ref().unwrap();
        assert_eq!(conf_uris.len(), 1);
        assert_eq!(conf_uris[0].uri.as_ref(), "sip:c@x");
        assert_eq!(conf_uris[0].display_text.as_deref(), Some("d"));
        assert_eq!(conf_uris[0].purpose.as_deref(), Some("participation"));
        let service = &description.service_uris.as_ref().unwrap()[0];
        assert_eq!(service.purpose.as_deref(), Some("grouptextchat"));
        assert_eq!(description.maximum_user_count, Some(1));
        let medium = &description.available_media.as_ref().unwrap()[0];
        assert_eq!(medium.label.as_deref(), Some("1"));
        assert_eq!(medium.media_type.as_deref(), Some("message"));
        assert_eq!(medium.status.as_deref(), Some("sendrecv"));
        let host = info.host_info.as_ref().unwrap();
        assert_eq!(
            (host.display_text.as_deref(), host.web_page.as_deref()),
            (Some("H"), Some("http://h/"))
        );
        assert_eq!(host.uris.as_ref().unwrap()[0].uri.as_ref(), "sip:h@x");
        let state = info.state.as_ref().unwrap();
        assert_eq!(
            (state.user_count, state.active, state.locked),
            (Some(2), Some(true), Some(false))
        );
        assert_eq!(info.sidebars_by_ref[0].uri.as_ref(), "sip:side@x");
        // The maximum is a hint: both users are in.
        assert_eq!(roster(&conference), "a b");

        // The same again changes nothing.
        let again = body.replace("version='1'", "version='2'");
        assert!(!apply(&mut conference, &again).info_changed);
    }
}

/// CONF-40
#[test]
fn numbers_and_booleans_are_read_in_all_their_spellings() {
    let read = |text: &str| {
        let mut conference = conference(Mode::Lenient);
        let inner = format!(
            "<conference-state><active>{text}</active><user-count>{text}</user-count></conference-state>"
        );
        let applied = apply(&mut conference, &document("full 1", &inner));
        let state = conference.info().state.clone().unwrap();
        (state.active, state.user_count, codes(&applied))
    };
    assert_eq!(read(" 1\n"), (Some(true), Some(1), String::new()));
    assert_eq!(read("0"), (Some(false), Some(0), String::new()));
    assert_eq!(read("true"), (Some(true), None, "unknown-value".into()));
    assert_eq!(read("false"), (Some(false), None, "unknown-value".into()));
    assert_eq!(read("TRUE"), (None, None, "unknown-value".into()));
    assert_eq!(read("4294967296"), (None, None, "unknown-value".into()));
}

/// CONF-32
#[test]
fn sections_are_replaced_whole_kept_when_absent_and_dropped_by_a_full_root() {
    let description =
        |inner: &str| format!("<conference-description>{inner}</conference-description>");
    let state = "<conference-state><user-count>3</user-count></conference-state>";
    for mode in BOTH {
        let mut conference = conference(mode);
        apply(
            &mut conference,
            &document(
                "full 1",
                &(description("<subject>s</subject><free-text>f</free-text>") + state),
            ),
        );
        let applied = apply(
            &mut conference,
            &document("partial 2", &description("<subject>t</subject>")),
        );
        assert!(applied.info_changed);
        let held = conference.info().description.clone().unwrap();
        assert_eq!((held.subject.as_deref(), held.free_text), (Some("t"), None));
        assert_eq!(
            conference.info().state.as_ref().unwrap().user_count,
            Some(3)
        );
        let applied = apply(&mut conference, &document("full 3", &users("full", "")));
        assert!(applied.info_changed);
        assert!(conference.info().description.is_none() && conference.info().state.is_none());
    }
}

/// CONF-52…57
#[test]
fn all_of_an_endpoint_is_exposed() {
    let inner = "<user entity='sip:kim@x'><endpoint entity='sip:kim@pc'><display-text>PC</display-text>\
        <referred><when>2005-03-04T20:00:00Z</when><reason>r</reason><by>sip:a@x</by></referred>\
        <status>disconnected</status><joining-method>dialed-in</joining-method>\
        <joining-info><when> 2005-03-04T20:00:00.5+02:00 </when></joining-info>\
        <disconnection-method>departed</disconnection-method>\
        <disconnection-info><when>yesterday</when><reason>Reason: SIP;cause=415</reason><by>sip:b@x</by></disconnection-info>\
        <media id='1'><display-text>chat</display-text><type>message</type><label>34</label><src-id>9</src-id><status>recvonly</status></media>\
        <call-info><sip><display-text>d</display-text><call-id>secret-call</call-id><from-tag>f</from-tag><to-tag>t</to-tag></sip></call-info>\
        </endpoint></user>";
    for mode in BOTH {
        let mut conference = conference(mode);
        let applied = apply(&mut conference, &document("full 1", &users("full", inner)));
        // The date that is none is dropped, and told.
        assert_eq!(codes(&applied), "unknown-value");
        let kim = conference.user("sip:kim@x").unwrap();
        let endpoint = kim.endpoints().next().unwrap();
        assert_eq!(endpoint.display_text(), Some("PC"));
        let referred = endpoint.referred().unwrap();
        assert_eq!(
            (referred.when(), referred.reason(), referred.by()),
            (Some("2005-03-04T20:00:00Z"), Some("r"), Some("sip:a@x"))
        );
        assert_eq!(endpoint.joining_method(), Some("dialed-in"));
        assert_eq!(
            endpoint.joining_info().unwrap().when(),
            Some("2005-03-04T20:00:00.5+02:00")
        );
        assert_eq!(endpoint.disconnection_method(), Some("departed"));
        let left = endpoint.disconnection_info().unwrap();
        assert_eq!(
            (left.when(), left.reason(), left.by()),
            (None, Some("Reason: SIP;cause=415"), Some("sip:b@x"))
        );
        let medium = endpoint.media().next().unwrap();
        assert_eq!(
            (medium.id(), medium.display_text(), medium.media_type()),
            (Some("1"), Some("chat"), Some("message"))
        );
        assert_eq!(
            (medium.label(), medium.src_id(), medium.status()),
            (Some("34"), Some("9"), Some("recvonly"))
        );
        let call = endpoint.call_info().unwrap();
        assert_eq!(
            (call.display_text(), call.call_id()),
            (Some("d"), Some("secret-call"))
        );
        assert_eq!((call.from_tag(), call.to_tag()), (Some("f"), Some("t")));
        assert!(
            !format!("{kim:?} {call:?}").contains("secret-call"),
            "call identifiers stay out of logs"
        );
    }
}

/// CONF-38, CONF-52
#[test]
fn unknown_words_are_kept_as_text_and_told_once() {
    let inner = "<user entity='sip:kim@x'><endpoint entity='e'><joining-method>beamed</joining-method>\
        <disconnection-method>gone</disconnection-method><media id='1'><status>loud</status></media></endpoint></user>";
    for mode in BOTH {
        let mut conference = conference(mode);
        let applied = apply(&mut conference, &document("full 1", &users("full", inner)));
        assert_eq!(codes(&applied), "unknown-value");
        let kim = conference.user("sip:kim@x").unwrap();
        let endpoint = kim.endpoints().next().unwrap();
        assert_eq!(endpoint.joining_method(), Some("beamed"));
        assert_eq!(endpoint.disconnection_method(), Some("gone"));
        assert_eq!(endpoint.media().next().unwrap().status(), Some("loud"));
    }
}

#[test]
fn keys_and_texts_are_taken_as_written_and_an_empty_element_is_an_empty_text() {
    let inner = "<user entity=' sip:kim@x'><display-text> K\r\n<![CDATA[<i>]]>&#x202E; </display-text>\
        <roles><entry> r </entry></roles></user><user entity='sip:bob@x'><display-text/></user>";
    let mut conference = conference(Mode::Lenient);
    apply(&mut conference, &document("full 1", &users("full", inner)));
    let kim = conference.user(" sip:kim@x").unwrap();
    assert_eq!(kim.display_text(), Some(" K\n<i>\u{202E} "));
    assert!(kim.roles().eq([" r "]));
    assert_eq!(
        conference.user("sip:bob@x").unwrap().display_text(),
        Some("")
    );
}

/// The sidebars as `entity{users}`.
fn sidebars(conference: &Conference) -> String {
    let words: Vec<String> = conference
        .info()
        .sidebars_by_val
        .iter()
        .map(|sidebar| {
            let names: Vec<_> = sidebar.users().map(|user| short(user.entity())).collect();
            format!("{}{{{}}}", sidebar.entity(), names.join(" "))
        })
        .collect();
    words.join(" ")
}

/// CONF-33, CONF-59
#[test]
fn sidebars_by_value_follow_the_same_rules_one_level_down() {
    let entry = |entity: &str, state: &str, inner: &str| {
        format!("<entry entity='{entity}' state='{state}' version='1'>{inner}</entry>")
    };
    let by_val = |state: &str, inner: &str| {
        format!("<sidebars-by-val state='{state}'>{inner}</sidebars-by-val>")
    };
    let start = by_val(
        "full",
        &(entry("1", "full", &users("full", &named("a b")))
            + &entry("2", "full", &users("full", &named("c")))),
    );
    let cases = [
        ("partial", String::new(), "1{a b} 2{c}"),
        ("partial", by_val("deleted", ""), ""),
        ("partial", by_val("full", &entry("3", "full", "")), "3{}"),
        (
            "partial",
            by_val("partial", &entry("1", "deleted", "")),
            "2{c}",
        ),
        (
            "partial",
            by_val("partial", &entry("1", "full", &users("full", &named("d")))),
            "1{d} 2{c}",
        ),
        (
            "partial",
            by_val(
                "partial",
                &entry(
                    "1",
                    "partial",
                    &users("partial", &(named("d") + &user("a", "deleted"))),
                ),
            ),
            "1{b d} 2{c}",
        ),
        (
            "partial",
            by_val(
                "partial",
                &entry("9", "partial", &users("partial", &named("z"))),
            ),
            "1{a b} 2{c} 9{z}",
        ),
        ("full", String::new(), ""),
        (
            "full",
            by_val(
                "partial",
                &(entry("1", "partial", &users("partial", &user("a", "partial")))
                    + &entry("2", "deleted", "")),
            ),
            "1{a}",
        ),
    ];
    for mode in BOTH {
        for (state, inner, expected) in &cases {
            let mut conference = conference(mode);
            let main = users("full", &named("a b c"));
            apply(
                &mut conference,
                &document("full 1", &(main.clone() + &start)),
            );
            let main = if *state == "full" {
                main
            } else {
                String::new()
            };
            let applied = apply(
                &mut conference,
                &document(&format!("{state} 2"), &(main + inner)),
            );
            assert_eq!(sidebars(&conference), *expected, "{state} {inner}");
            assert_eq!(applied.info_changed, *expected != "1{a b} 2{c}");
            // Who is in a sidebar stays in the main roster.
            assert_eq!(
                (changes(&applied).as_str(), roster(&conference).as_str()),
                ("", "a b c")
            );
        }
    }
}

#[test]
fn a_sidebar_has_its_own_description_and_sidebars() {
    let inner = "<sidebars-by-val><entry entity='1'><conference-description><subject>s</subject></conference-description>\
        <sidebars-by-val><entry entity='2'><users><user entity='sip:a@x'/></users></entry></sidebars-by-val></entry></sidebars-by-val>";
    let mut conference = conference(Mode::Strict);
    apply(&mut conference, &document("full 1", inner));
    let sidebar = &conference.info().sidebars_by_val[0];
    let description = sidebar.info().description.as_ref().unwrap();
    assert_eq!(description.subject.as_deref(), Some("s"));
    assert_eq!(sidebar.info().sidebars_by_val[0].users().count(), 1);
}

#[test]
fn a_sidebar_without_key_is_refused_by_the_letter_and_passed_over_leniently() {
    let inner = "<sidebars-by-val><entry/><entry entity='1'/></sidebars-by-val>";
    assert_eq!(
        after(Mode::Strict, &[&document("partial 6", inner)]),
        "refused; missing-entity; bob eve; uncertain needed 5"
    );
    assert_eq!(
        after(Mode::Lenient, &[&document("partial 6", inner)]),
        "applied; missing-entity; bob eve; current - 6"
    );
}

/// CONF-20, CONF-23
#[test]
fn sidebars_by_reference_are_keyed_by_their_uri() {
    let by_ref = |state: &str, uris: &str| {
        let entries: String = uris
            .split_whitespace()
            .map(|uri| {
                let (uri, text) = uri.split_once('=').unwrap_or((uri, ""));
                format!("<entry><uri>{uri}</uri><display-text>{text}</display-text></entry>")
            })
            .collect();
        format!("<sidebars-by-ref state='{state}'>{entries}</sidebars-by-ref>")
    };
    for (state, inner, expected) in [
        ("partial", String::new(), "a=1 b=1"),
        ("partial", by_ref("full", "c=2 a=2 a=3"), "c=2 a=3"),
        ("partial", by_ref("partial", "b=2 c=2"), "a=1 b=2 c=2"),
        ("partial", by_ref("deleted", "c=2"), ""),
        ("full", String::new(), ""),
        ("full", by_ref("partial", "c=2"), "c=2"),
    ] {
        for mode in BOTH {
            let mut conference = conference(mode);
            apply(
                &mut conference,
                &document("full 1", &by_ref("full", "a=1 b=1")),
            );
            apply(&mut conference, &document(&format!("{state} 2"), &inner));
            let held: Vec<String> = conference
                .info()
                .sidebars_by_ref
                .iter()
                .map(|entry| {
                    format!(
                        "{}={}",
                        entry.uri,
                        entry.display_text.as_deref().unwrap_or("-")
                    )
                })
                .collect();
            assert_eq!(held.join(" "), expected, "{state} {inner}");
        }
    }
}

#[test]
fn the_order_of_keyed_entries_is_no_difference() {
    let endpoint = |entity: &str, media: [&str; 2]| {
        format!(
            "<endpoint entity='{entity}'><media id='{}'/><media id='{}'/></endpoint>",
            media[0], media[1]
        )
    };
    let kim = |a: String, b: String| format!("<user entity='sip:kim@x'>{a}{b}</user>");
    let one = kim(endpoint("a", ["1", "2"]), endpoint("b", ["1", "2"])) + &named("bob");
    let other = named("bob") + &kim(endpoint("b", ["2", "1"]), endpoint("a", ["2", "1"]));
    for mode in BOTH {
        let mut conference = conference(mode);
        apply(&mut conference, &document("full 3", &users("full", &one)));
        let applied = apply(&mut conference, &document("full 3", &users("full", &other)));
        assert_eq!(applied.outcome, Outcome::Unchanged);
        let applied = apply(&mut conference, &document("full 4", &users("full", &other)));
        assert_eq!(changes(&applied), "");
    }
}

#[test]
fn an_extension_of_a_known_vendor_is_got_over() {
    let inner = "<e:conference-times xmlns:e='linphone:xml:ns:conference-info-linphone-extension'><e:ephemeral/></e:conference-times>\
        <users xmlns:m='http://schemas.microsoft.com/rtc/2005/08/confinfoextensions'><user entity='sip:a@x'>\
        <screen_image_url xmlns='urn:ag-projects:xml:ns:conference-info'>http://x</screen_image_url>\
        <endpoint entity='e' m:session-type='focus'><m:roles><m:entry>x</m:entry></m:roles></endpoint>\
        <nickname xmlns='urn:ietf:params:xml:ns:xcon-conference-info'>n</nickname></user></users>";
    for mode in BOTH {
        let mut conference = conference(mode);
        let applied = apply(&mut conference, &document("full 1", inner));
        assert_eq!(verdict(&conference, &applied), "applied; ; a; current - 1");
    }
}
