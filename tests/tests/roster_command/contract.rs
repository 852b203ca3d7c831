//! The command itself: the object it prints, its text for people, its exit status.

use std::collections::BTreeSet;
use std::process::Command;

use rollmark_tests::watch::binary;
use serde_json::{Value, json};

use crate::command::{RESUBSCRIBE, delta, files, full, json as outcome, root, run, users};

fn names(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

const WHOLE: &str = "<conference-description><display-text>Books</display-text><subject/><free-text>Bring one</free-text>\
    <keywords>novel whale</keywords>\
    <conf-uris><entry><uri>sip:c@x</uri><display-text>IM</display-text><purpose>participation</purpose></entry></conf-uris>\
    <service-uris><entry><uri>http://x/c</uri><purpose>web-page</purpose></entry></service-uris>\
    <maximum-user-count>9</maximum-user-count>\
    <available-media><entry label='m'><display-text>chat</display-text><type>message</type><status>sendrecv</status></entry></available-media>\
    </conference-description>\
    <host-info><display-text>Ho</display-text><web-page>http://x</web-page><uris><entry><uri>sip:h@x</uri></entry></uris></host-info>\
    <conference-state><user-count>1</user-count><active>true</active><locked>0</locked></conference-state>\
    <users><user entity='sip:a@x'><display-text/>\
    <endpoint entity='e'><display-text>desk</display-text><referred><when>2026-11-22T10:00:00Z</when><by>sip:h@x</by></referred>\
    <status>connected</status><joining-method>dialed-out</joining-method>\
    <media id='1'><type>message</type><label>m</label><status>sendrecv</status></media></endpoint></user></users>";

#[test]
fn every_field_of_the_outcome_is_there() {
    let found = outcome(&[], &[root("state='full' version='6'", WHOLE)]);
    assert_eq!(
        names(&found),
        BTreeSet::from([
            "conference",
            "version",
            "state",
            "needs_full_state",
            "hidden_users",
            "info",
            "users",
            "events",
            "deviations",
        ])
    );
    assert_eq!(
        found["info"],
        json!({
            "display_text": "Books", "subject": "", "free_text": "Bring one", "keywords": ["novel", "whale"],
            "conf_uris": [{"uri": "sip:c@x", "display_text": "IM", "purpose": "participation"}],
            "service_uris": [{"uri": "http://x/c", "display_text": null, "purpose": "web-page"}],
            "maximum_user_count": 9,
            "available_media": [{"label": "m", "display_text": "chat", "type": "message", "status": "sendrecv"}],
            "host_info": {"display_text": "Ho", "web_page": "http://x",
                          "uris": [{"uri": "sip:h@x", "display_text": null, "purpose": null}]},
            "user_count": 1, "active": true, "locked": false,
        })
    );
    assert_eq!(
        found["users"],
        json!([{
            "entity": "sip:a@x", "display_text": "", "present": true, "status": "connected", "roles": [],
            "associated_aors": [], "languages": [],
            "endpoints": [{
                "entity": "e", "display_text": "desk", "status": "connected",
                "referred": {"when": "2026-11-22T10:00:00Z", "reason": null, "by": "sip:h@x"},
                "joining_method": "dialed-out", "joining_info": null,
                "disconnection_method": null, "disconnection_info": null,
                "media": [{"id": "1", "type": "message", "status": "sendrecv", "label": "m"}],
            }],
            "mark": "unknown", "blocked_by": null,
        }])
    );
    assert_eq!(found["events"][0]["event"], "conference");
    assert_eq!(found["events"][0]["info"], found["info"]);
    assert_eq!(found["events"][1]["event"], "roster");
    assert_eq!(found["events"][1]["users"], found["users"]);
}

#[test]
fn what_is_not_known_is_null() {
    let found = outcome(&[], &[""]);
    assert_eq!(found["conference"], Value::Null);
    assert_eq!(found["version"], Value::Null);
    assert_eq!(found["state"], "none");
    assert_eq!(found["needs_full_state"], false);
    let info = found["info"].as_object().expect("info");
    assert_eq!(info.len(), 12);
    assert!(info.values().all(Value::is_null), "{found:#}");
    assert_eq!(found["users"], json!([]));
}

#[test]
fn documents_are_counted_without_resubscriptions() {
    let found = outcome(
        &[],
        &[
            full(1, &users("a")),
            RESUBSCRIBE.to_owned(),
            full(1, &users("a")),
            delta(3, ""),
        ],
    );
    assert_eq!(found["deviations"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["deviations"][0]["code"], "version-gap");
    assert_eq!(found["deviations"][0]["document"], 3);
    assert!(found["deviations"][0]["detail"].is_string());
}

#[test]
fn users_stay_in_the_order_of_their_first_appearance() {
    let found = outcome(
        &[],
        &[
            full(1, &users("b a")),
            full(2, &users("d a b")),
            delta(3, &users("-b")),
            delta(4, &users("b")),
        ],
    );
    let order: Vec<_> = found["users"]
        .as_array()
        .expect("users")
        .iter()
        .map(|u| &u["entity"])
        .collect();
    assert_eq!(order, ["sip:a@x", "sip:d@x", "sip:b@x"]);
}

#[test]
fn a_document_that_cannot_be_read_fails_with_one_line() {
    for path in ["/nonexistent/document.xml", "/"] {
        let output = Command::new(binary())
            .args(["roster", "--json"])
            .args(files(&[full(1, "")]))
            .arg(path)
            .output()
            .expect("rollmark runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty());
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(path), "{said}");
    }
}

#[test]
fn wrong_use_is_status_2() {
    for args in [
        &["roster"][..],
        &["roster", "--nonsense", "x"],
        &["roster", "--me"],
    ] {
        let output = Command::new(binary())
            .args(args)
            .output()
            .expect("rollmark runs");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn people_read_who_is_here_and_what_each_document_did() {
    let output = run(
        &["--me", "sip:a@x"],
        &[
            root(
                "state='full' version='1'",
                "<conference-description><subject>\n  Which book\n  next?</subject></conference-description>\
                 <users><user entity='sip:a@x'><display-text>Alice</display-text></user>\
                 <user entity='sip:b@x'><roles><entry>moderator</entry></roles><endpoint entity='e'><status>on-hold</status></endpoint></user></users>",
            ),
            delta(2, &users("d ~e")),
            delta(4, ""),
            String::from("<x"),
            RESUBSCRIBE.to_owned(),
        ],
    );
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(
        text,
        "\
sip:c@x
Subject: Which book next?
Roster: stale; something is known to be missing

3 users are here:
    Alice <sip:a@x>  (you)
    sip:b@x  on-hold, moderator
    sip:d@x
Listed, but not here:
    sip:e@x  disconnected

What the documents did:
   1 1.xml  conference  subject: Which book next?
            the first roster: 2 users are here
   2 2.xml  + sip:d@x joined
              sip:e@x is listed as disconnected
   3 3.xml  not applied: it does not follow on what is held; full state is needed
   4 4.xml  refused: the body is not readable XML: the document ends too early (at byte 2 of the document)
     a new subscription

Deviations:
   3 version-gap: version 4 after 2
   4 malformed-body: the body is not readable XML: the document ends too early (at byte 2 of the document)
"
    );
}
