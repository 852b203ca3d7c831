//! Users, endpoints and media: keys, states, and full users in partial documents (RFC 4575 §4.4–4.6).

use crate::command::{ambiguous, brief, check, count, delta, full, json, root, users};

#[test]
fn states_of_users_are_followed() {
    let ab = || full(1, &users("a b"));
    check(&[
        (
            "partial users: each by its own state",
            vec![
                ab(),
                delta(2, &format!("{}<user entity='sip:b@x' state='partial'><roles><entry>host</entry></roles></user>", users("-a ~d"))),
            ],
            "b (d) | current v2 |",
            "b (d) | current v2 |",
        ),
        (
            "an unknown user is deleted in vain",
            vec![ab(), delta(2, &users("-z"))],
            "a b | current v2 |",
            "a b | current v2 |",
        ),
        (
            "a partial user who is unknown is added",
            vec![ab(), delta(2, "<user entity='sip:n@x' state='partial'/>")],
            "a b n | current v2 |",
            "a b n | current v2 |",
        ),
        (
            "deleted children under a full parent are left out",
            vec![root("state='full' version='1'", &format!("<users state='partial'>{}</users>", users("a -b")))],
            "a | current v1 |",
            "a | current v1 |",
        ),
        (
            "users deleted",
            vec![ab(), root("state='partial' version='2'", &format!("<users state='deleted'>{}</users>", users("d")))],
            "| current v2 |",
            "| current v2 |",
        ),
        (
            "no users in a full document",
            vec![ab(), root("state='full' version='2'", "")],
            "| current v2 |",
            "| current v2 |",
        ),
        (
            "no users in a partial document",
            vec![ab(), root("state='partial' version='2'", "")],
            "a b | current v2 |",
            "a b | current v2 |",
        ),
        (
            "unknown state counts as full",
            vec![ab(), delta(2, "<user entity='sip:a@x' state='?'/>")],
            "a b | current v2 | unknown-value",
            "a b | current v2 | unknown-value",
        ),
        (
            "an empty entity is a key",
            vec![full(1, "<user entity=''/>")],
            " | current v1 |",
            " | current v1 |",
        ),
    ].map(|(what, documents, strict, lenient)| (what, documents, strict.trim_start(), lenient.trim_start())));
}

#[test]
fn keys_that_are_missing_or_doubled() {
    check(&[
        (
            "user without entity",
            vec![full(1, &format!("<user/>{}", users("a")))],
            "| none ! | user-without-entity",
            "a | current v1 | user-without-entity",
        ),
        (
            "endpoint without entity",
            vec![full(1, "<user entity='sip:a@x'><endpoint/></user>")],
            "| none ! | endpoint-without-entity",
            "a | current v1 | endpoint-without-entity",
        ),
        (
            "media without id",
            vec![full(
                1,
                "<user entity='sip:a@x'><endpoint entity='e'><media/></endpoint></user>",
            )],
            "| none ! | media-without-id",
            "a | current v1 | media-without-id",
        ),
        (
            "two users of one entity: the last",
            vec![full(1, &users("a b ~a"))],
            "(a) b | current v1 | duplicate-entity",
            "(a) b | current v1 | duplicate-entity",
        ),
        (
            "so in a partial document, deletion included",
            vec![full(1, &users("a b")), delta(2, &users("a -a d d"))],
            "b d | current v2 | duplicate-entity",
            "b d | current v2 | duplicate-entity",
        ),
        (
            "anonymous doubles are rows of their own",
            vec![full(
                1,
                "<user entity='sip:u@anonymous.invalid'/><user entity='sip:u@anonymous.invalid'/><user entity='sip:anonymous@x'/><user entity='sip:anonymous@x'/>",
            )],
            "u@anonymous.invalid anonymous | current v1 | duplicate-entity",
            "u@anonymous.invalid u@anonymous.invalid anonymous anonymous | current v1 |",
        ),
        (
            "of which a later deletion means the first",
            vec![
                full(1, &users("anonymous ~anonymous")),
                delta(2, &users("-anonymous")),
            ],
            "| current v2 | duplicate-entity",
            "(anonymous) | current v2 |",
        ),
        (
            "a deletion in another spelling of the host",
            vec![
                full(1, &users("a")),
                delta(2, "<user entity='SIP:a@X' state='deleted'/>"),
            ],
            "a | current v2 |",
            "| current v2 | key-spelling",
        ),
        (
            "a partial user in another spelling, and escapes",
            vec![
                full(1, &users("a")),
                delta(
                    2,
                    "<user entity='sip:%61@X' state='partial'><endpoint entity='sip:a@a-pc.x'><status>disconnected</status></endpoint></user>",
                ),
            ],
            "a (%61@X) | current v2 |",
            "(a) | current v2 | key-spelling",
        ),
        (
            "another port is another user",
            vec![
                full(1, &users("a")),
                delta(2, "<user entity='sip:a@x:5060' state='deleted'/>"),
            ],
            "a | current v2 |",
            "a | current v2 |",
        ),
        (
            "a number in another writing",
            vec![
                full(1, "<user entity='tel:+1-212-555'/>"),
                delta(2, "<user entity='tel:+1212555' state='deleted'/>"),
            ],
            "tel:+1-212-555 | current v2 |",
            "| current v2 | key-spelling",
        ),
        (
            "two rows of one URI: neither is meant",
            vec![
                full(1, "<user entity='sip:a@x'/><user entity='sip:a@X'/>"),
                delta(2, "<user entity='sip:%61@x' state='deleted'/>"),
            ],
            "a a@X | current v2 |",
            "a a@X | current v2 |",
        ),
        (
            "a full user in another spelling is a row of his own",
            vec![full(1, &users("a")), delta(2, "<user entity='sip:a@X'/>")],
            "a a@X | current v2 |",
            "a a@X | current v2 |",
        ),
    ]);
}

#[test]
fn full_users_in_a_partial_document_are_read_as_the_document_shows() {
    let ab = || full(1, &users("a b"));
    check(&[
        (
            "a deleted user shows a delta",
            vec![ab(), ambiguous(2, "", &users("-a"))],
            "| current v2 |",
            "b | current v2 | users-full-in-partial",
        ),
        (
            "a partial user shows a delta",
            vec![
                ab(),
                ambiguous(2, "", "<user entity='sip:d@x' state='partial'/>"),
            ],
            "d | current v2 |",
            "a b d | current v2 | users-full-in-partial",
        ),
        (
            "the count after merging shows a delta",
            vec![ab(), ambiguous(2, &count(3), &users("d"))],
            "d | current v2 |",
            "a b d | current v2 | users-full-in-partial",
        ),
        (
            "the count of those listed shows a replacement",
            vec![ab(), ambiguous(2, &count(1), &users("d"))],
            "d | current v2 |",
            "d | current v2 |",
        ),
        (
            "everybody listed: both readings are one",
            vec![ab(), ambiguous(2, "", &users("a ~b d"))],
            "a (b) d | current v2 |",
            "a (b) d | current v2 |",
        ),
        (
            "nothing shows it: merged, and full state is wanted",
            vec![ab(), ambiguous(2, "", &users("d"))],
            "d | current v2 |",
            "a b d | uncertain v2 ! | users-full-in-partial",
        ),
        (
            "the next full document proves a delta",
            vec![
                ab(),
                ambiguous(2, "", &users("d")),
                full(3, &users("a b d")),
                ambiguous(4, "", &users("e")),
            ],
            "e | current v4 |",
            "a b d e | current v4 | users-full-in-partial",
        ),
        (
            "or a replacement",
            vec![
                ab(),
                ambiguous(2, "", &users("d")),
                full(3, &users("d")),
                ambiguous(4, "", &users("e")),
            ],
            "e | current v4 |",
            "e | current v4 | users-full-in-partial",
        ),
        (
            "or neither; offline it is not asked again",
            vec![
                ab(),
                ambiguous(2, "", &users("d")),
                full(3, &users("z")),
                ambiguous(4, "", &users("e")),
            ],
            "e | current v4 |",
            "z e | uncertain v4 | users-full-in-partial",
        ),
        (
            "the newest proof counts",
            vec![
                ab(),
                ambiguous(2, &count(3), &users("d")),
                ambiguous(3, &count(1), &users("e")),
                ambiguous(4, "", &users("f")),
            ],
            "f | current v4 |",
            "f | current v4 | users-full-in-partial",
        ),
    ]);
}

#[test]
fn merging_goes_down_to_media_and_lists_are_replaced_whole() {
    let held = full(
        1,
        "<user entity='sip:a@x'><display-text>A</display-text><associated-aors><entry><uri>sip:a1@x</uri></entry></associated-aors>\
         <roles><entry>host</entry></roles><languages>en de</languages>\
         <endpoint entity='e1'><status>connected</status><joining-method>dialed-in</joining-method>\
         <joining-info><when>2026-11-22T10:00:00Z</when><reason>invited</reason><by>sip:b@x</by></joining-info>\
         <media id='1'><type>audio</type><status>sendrecv</status></media><media id='2'><type>message</type></media></endpoint>\
         <endpoint entity='e2'><status>on-hold</status></endpoint></user>",
    );
    let change = delta(
        2,
        "<user entity='sip:a@x' state='partial'><associated-aors state='partial'><entry><uri>sip:a2@x</uri></entry></associated-aors>\
         <endpoint entity='e1' state='partial'><media id='1'><type>audio</type><status>recvonly</status></media></endpoint>\
         <endpoint entity='e2' state='deleted'/></user>",
    );
    for mode in [&["--strict"][..], &[]] {
        let outcome = json(mode, &[held.clone(), change.clone()]);
        let user = &outcome["users"][0];
        assert_eq!(user["display_text"], "A");
        assert_eq!(user["associated_aors"], serde_json::json!(["sip:a2@x"]));
        assert_eq!(user["roles"], serde_json::json!(["host"]));
        assert_eq!(user["languages"], serde_json::json!(["en", "de"]));
        assert_eq!(
            user["endpoints"],
            serde_json::json!([{
                "entity": "e1", "display_text": null, "status": "connected", "referred": null,
                "joining_method": "dialed-in",
                "joining_info": {"when": "2026-11-22T10:00:00Z", "reason": "invited", "by": "sip:b@x"},
                "disconnection_method": null, "disconnection_info": null,
                "media": [
                    {"id": "1", "type": "audio", "status": "recvonly", "label": null},
                    {"id": "2", "type": "message", "status": null, "label": null},
                ],
            }])
        );
    }
}

#[test]
fn leniently_the_unnamed_endpoint_and_unnamed_media_are_kept_apart() {
    let held = full(
        1,
        "<user entity='sip:a@x'><endpoint><status>connected</status><media><type>audio</type></media><media><type>text</type></media></endpoint></user>",
    );
    let change = delta(
        2,
        "<user entity='sip:a@x' state='partial'><endpoint state='partial'><media><type>message</type></media></endpoint></user>",
    );
    let outcome = json(&[], &[held, change]);
    let endpoint = &outcome["users"][0]["endpoints"][0];
    assert_eq!(endpoint["entity"], "");
    assert_eq!(endpoint["status"], "connected");
    assert_eq!(
        endpoint["media"],
        serde_json::json!([{"id": null, "type": "message", "status": null, "label": null}])
    );
    assert_eq!(
        brief(&outcome),
        "a | current v2 | endpoint-without-entity media-without-id"
    );
}
