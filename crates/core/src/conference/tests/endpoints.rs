//! Endpoints and media by their keys: CONF-26–CONF-31.

use super::*;

/// The endpoints and media of kim as `entity:status[id=type …]`.
fn devices(conference: &Conference) -> String {
    let kim = conference.user("sip:kim@x").unwrap();
    let endpoints: Vec<String> = kim
        .endpoints()
        .map(|endpoint| {
            let media: Vec<String> = endpoint
                .media()
                .map(|m| {
                    format!(
                        "{}={}",
                        m.id().unwrap_or("-"),
                        m.media_type().unwrap_or("-")
                    )
                })
                .collect();
            format!(
                "{}:{}[{}]",
                endpoint.entity(),
                endpoint.status().unwrap_or("-"),
                media.join(" ")
            )
        })
        .collect();
    endpoints.join(" ")
}

/// CONF-23, CONF-26, CONF-28, CONF-30, CONF-31
#[test]
fn endpoints_and_media_are_merged_by_their_keys() {
    let start = "<user entity='sip:kim@x'><display-text>Kim</display-text><roles><entry>r</entry></roles>\
        <endpoint entity='a'><display-text>A</display-text><status>connected</status>\
          <media id='1'><type>message</type><label>l</label></media><media id='2'><type>audio</type></media></endpoint>\
        <endpoint entity='b'><status>on-hold</status></endpoint></user>";
    let part = |inner: &str| format!("<user entity='sip:kim@x' state='partial'>{inner}</user>");
    // (partial or full user, endpoints after it)
    let both = [
        (part("<display-text>K</display-text>"), "a:connected[1=message 2=audio] b:on-hold[]"),
        ("<user entity='sip:kim@x'><endpoint entity='b'/></user>".into(), "b:-[]"),
        (part("<endpoint entity='a' state='deleted'><status>pending</status></endpoint>"), "b:on-hold[]"),
        (part("<endpoint entity='z' state='deleted'/>"), "a:connected[1=message 2=audio] b:on-hold[]"),
        (part("<endpoint entity='a'><status>pending</status></endpoint>"), "a:pending[] b:on-hold[]"),
        (
            part("<endpoint entity='a' state='partial'><media id='1'><type>video</type></media><media id='3'/></endpoint>"),
            "a:connected[1=video 2=audio 3=-] b:on-hold[]",
        ),
        (
            part("<endpoint entity='b' state='partial'><status>disconnecting</status></endpoint>"),
            "a:connected[1=message 2=audio] b:disconnecting[]",
        ),
        (
            part("<endpoint entity='c' state='partial'><status>alerting</status></endpoint>"),
            "a:connected[1=message 2=audio] b:on-hold[] c:alerting[]",
        ),
        (
            part("<endpoint entity='b'/><endpoint entity='b'><status>pending</status></endpoint>"),
            "a:connected[1=message 2=audio] b:pending[]",
        ),
        (
            "<user entity='sip:kim@x'><endpoint entity='b'><media id='1'/><media id='1'><type>t</type></media></endpoint>\
             <endpoint entity='c' state='partial'/><endpoint entity='d' state='deleted'/></user>".into(),
            "b:-[1=t] c:-[]",
        ),
    ];
    let lenient = [
        (
            part("<endpoint><status>pending</status></endpoint>"),
            "a:connected[1=message 2=audio] b:on-hold[] :pending[]",
        ),
        (
            part("<endpoint/><endpoint><status>alerting</status></endpoint>"),
            "a:connected[1=message 2=audio] b:on-hold[] :alerting[]",
        ),
        (
            part(
                "<endpoint entity='a' state='partial'><media><type>x</type></media><media id='1'/><media/></endpoint>",
            ),
            "a:connected[-=x 1=- -=-] b:on-hold[]",
        ),
    ];
    for mode in BOTH {
        let cases = both
            .iter()
            .chain(lenient.iter().filter(|_| mode == Mode::Lenient));
        for (inner, expected) in cases {
            let mut conference = conference(mode);
            apply(&mut conference, &document("full 1", &users("full", start)));
            let applied = apply(
                &mut conference,
                &document("partial 2", &users("partial", inner)),
            );
            assert_eq!(outcome(&applied), "applied");
            assert_eq!(devices(&conference), *expected, "{mode:?} {inner}");
        }
    }
}

/// CONF-31
#[test]
fn a_medium_that_comes_again_is_replaced_whole() {
    let mut conference = conference(Mode::Strict);
    let media = |inner: &str, state: &str| {
        users(
            "partial",
            &format!(
                "<user entity='sip:kim@x' state='{state}'><endpoint entity='a' state='{state}'><media id='1'>{inner}</media></endpoint></user>"
            ),
        )
    };
    apply(
        &mut conference,
        &document(
            "full 1",
            &media("<type>message</type><label>l</label>", "full"),
        ),
    );
    apply(
        &mut conference,
        &document("partial 2", &media("<type>message</type>", "partial")),
    );
    let kim = conference.user("sip:kim@x").unwrap();
    let medium = kim.endpoints().next().unwrap().media().next().unwrap();
    assert_eq!(
        (medium.media_type(), medium.label()),
        (Some("message"), None)
    );
}
