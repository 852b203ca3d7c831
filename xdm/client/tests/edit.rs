//! Blocking and unblocking on an XDMS, against a scripted server: what goes out, and what each refusal comes to (XDM-29).
#![cfg(feature = "reqwest")]

mod server;

use std::time::Duration;

use rollmark_core::digest::Credentials;
use rollmark_xdm::client::{Reason, Settings};
use rollmark_xdm::edit::{Change, EditError, Edited, edit_xdms};
use rollmark_xdm::selector::{DocumentSelector, XcapRoot};
use rollmark_xdm::{Connection, Http, HttpSettings};
use server::{DEADLINE, Reply, Request, Server, document, reply};

const PATH: &str = "/xcap/resource-lists/users/sip:alice@home.example/index";
const LIST: &str = "/~~/resource-lists/list%5B@name=%22oma_blockedcontacts%22%5D";

/// What a change of a scripted server's list comes to, and the requests that it took.
async fn edit(
    change: Change,
    uri: &str,
    replies: impl IntoIterator<Item = Reply>,
) -> (Result<Edited, EditError>, Vec<Request>) {
    let mut server = Server::start(replies).await;
    let settings = Settings {
        credentials: Some(Credentials {
            username: "alice".into(),
            password: "pa55".into(),
        }),
        ..Settings::default()
    };
    let http = Http::new(&HttpSettings {
        timeout: Duration::from_secs(5),
        ..HttpSettings::default()
    });
    let mut connection = Connection::new(http.unwrap(), settings);
    let root = XcapRoot::parse(&server.root).unwrap();
    let selector = DocumentSelector::resource_lists(root, "sip:alice@home.example").unwrap();
    let result = tokio::time::timeout(DEADLINE, edit_xdms(&mut connection, &selector, change, uri));
    let result = result.await.expect("an end in time");
    (result, server.requests())
}

fn lines(requests: &[Request]) -> Vec<String> {
    let line = |request: &Request| request.line().trim_end_matches(" HTTP/1.1").to_owned();
    requests.iter().map(line).collect()
}

fn done(result: Result<Edited, EditError>) -> (String, bool) {
    let edited = result.expect("done");
    (edited.entry, edited.changed)
}

/// XDM-30, RFC 4825 §7.11.
#[tokio::test]
async fn a_document_that_is_missing_is_made_if_it_still_is() {
    let replies = [
        reply("404 Not Found", &[], ""),
        reply("201 Created", &["ETag: \"e1\""], ""),
    ];
    let (result, requests) = edit(Change::Block, "sip:Bob@X.example;lr", replies).await;
    assert_eq!(done(result), ("sip:Bob@x.example".into(), true));
    assert_eq!(
        lines(&requests),
        [format!("GET {PATH}"), format!("PUT {PATH}")]
    );
    let put = &requests[1];
    assert_eq!(put.header("If-None-Match"), Some("*"));
    assert_eq!(
        put.header("Content-Type"),
        Some("application/resource-lists+xml")
    );
    let list = rollmark_xdm::resource_lists::parse(put.body.as_bytes(), None).unwrap();
    assert_eq!(list.entries.len(), 1);
    assert_eq!(&*list.entries[0].uri, "sip:Bob@x.example");

    // Nothing is there to take him off.
    let replies = [reply("404 Not Found", &[], "")];
    let (result, requests) = edit(Change::Unblock, "sip:bob@x", replies).await;
    assert_eq!(done(result), ("sip:bob@x".into(), false));
    assert_eq!(requests.len(), 1);
}

/// XDM-21, XDM-22, XDM-29, XDM-30.
#[tokio::test]
async fn an_entry_is_put_and_deleted_by_the_documents_entity_tag() {
    let replies = [
        document("W/odd", &["sip:a@x"]),
        reply("201 Created", &[], ""),
    ];
    let (result, requests) = edit(Change::Block, "sip:b'c@x", replies).await;
    assert_eq!(done(result), ("sip:b'c@x".into(), true));
    assert_eq!(
        lines(&requests)[1],
        format!("PUT {PATH}{LIST}/entry%5B@uri=%22sip:b%27c@x%22%5D")
    );
    assert_eq!(requests[1].header("If-Match"), Some("W/odd"));
    assert_eq!(
        requests[1].header("Content-Type"),
        Some("application/xcap-el+xml")
    );
    assert_eq!(
        requests[1].body,
        "<entry xmlns=\"urn:ietf:params:xml:ns:resource-lists\" uri=\"sip:b&apos;c@x\"/>"
    );

    let replies = [
        document("\"e\"", &["sip:a@x", "SIP:B@X"]),
        reply("200 OK", &[], ""),
    ];
    let (result, requests) = edit(Change::Unblock, "sip:B@x", replies).await;
    assert_eq!(done(result), ("SIP:B@X".into(), true));
    assert_eq!(
        lines(&requests)[1],
        format!("DELETE {PATH}{LIST}/entry%5B@uri=%22SIP:B@X%22%5D")
    );
    assert_eq!(requests[1].header("If-Match"), Some("\"e\""));

    let replies = [document("\"e\"", &["sip:a@x;user=ip"])];
    let (result, requests) = edit(Change::Block, "sip:a@x", replies).await;
    assert_eq!(done(result), ("sip:a@x;user=ip".into(), false));
    assert_eq!(requests.len(), 1, "nothing is written twice");
}

/// XDM-29.
#[tokio::test]
async fn a_race_that_is_lost_is_run_once_more_on_what_is_there_then() {
    let lost = || reply("412 Precondition Failed", &[], "");
    let replies = [
        document("\"e1\"", &["sip:a@x"]),
        lost(),
        document("\"e2\"", &["sip:a@x", "sip:b@x"]),
        reply("200 OK", &[], ""),
    ];
    let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
    assert!(done(result).1);
    assert_eq!(requests[1].header("If-Match"), Some("\"e1\""));
    assert_eq!(requests[3].header("If-Match"), Some("\"e2\""));

    // Somebody else did it.
    let replies = [
        document("\"e1\"", &[]),
        lost(),
        document("\"e2\"", &["sip:c@x"]),
    ];
    let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
    assert!(!done(result).1);
    assert_eq!(requests.len(), 3);
    let replies = [
        document("\"e1\"", &["sip:c@x"]),
        reply("404 Not Found", &[], ""),
        document("\"e2\"", &[]),
    ];
    let (result, _) = edit(Change::Unblock, "sip:c@x", replies).await;
    assert!(!done(result).1);

    // Made by somebody else meanwhile.
    let replies = [
        reply("404 Not Found", &[], ""),
        lost(),
        document("\"e2\"", &["sip:a@x"]),
        reply("201 Created", &[], ""),
    ];
    let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
    assert!(done(result).1);
    assert!(requests[3].line().contains("/~~/"), "{:?}", requests[3]);

    let replies = [
        document("\"e1\"", &[]),
        lost(),
        document("\"e2\"", &[]),
        lost(),
    ];
    let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
    let error = result.unwrap_err();
    assert!(matches!(error, EditError::Raced { .. }), "{error}");
    assert_eq!(requests.len(), 4, "and no more");
}

/// XDM-28.
#[tokio::test]
async fn a_conflict_is_told_with_its_reason() {
    let body = "<xcap-error xmlns='urn:ietf:params:xml:ns:xcap-error'>\
                <uniqueness-failure phrase='twice'><exists field='resource-lists/list/entry/@uri'/></uniqueness-failure></xcap-error>";
    for (content_type, body, element) in [
        (
            "application/xcap-error+xml",
            body,
            Some("uniqueness-failure"),
        ),
        ("text/html", "<html>no</html>", None),
    ] {
        let content_type = format!("Content-Type: {content_type}");
        let replies = [
            document("\"e1\"", &[]),
            reply("409 Conflict", &[&content_type], body),
        ];
        let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
        let error = result.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(PATH) && !text.contains("sip:c@x"), "{text}");
        match &error {
            EditError::Conflict { conflict, .. } => {
                assert_eq!(conflict.reason.element(), element);
                assert_eq!(conflict.reason == Reason::Unspecified, element.is_none());
            }
            _ => panic!("{error}"),
        }
        assert_eq!(requests.len(), 2);
    }
}

/// XDM-29: a server that changes whole documents only gets one.
#[tokio::test]
async fn where_nodes_cannot_be_written_the_document_is() {
    for refusal in [
        "405 Method Not Allowed",
        "415 Unsupported Media Type",
        "501 Not Implemented",
    ] {
        let replies = [
            document("\"e1\"", &["sip:a@x"]),
            reply(refusal, &[], ""),
            reply("200 OK", &[], ""),
        ];
        let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
        assert!(done(result).1);
        assert_eq!(lines(&requests)[2], format!("PUT {PATH}"));
        assert_eq!(requests[2].header("If-Match"), Some("\"e1\""));
        let list = rollmark_xdm::resource_lists::parse(requests[2].body.as_bytes(), None);
        assert_eq!(list.unwrap().entries.len(), 2);
    }
}

/// XDM-14, XDM-26, XDM-28: each refusal has its name, and nothing is written after it.
#[tokio::test]
async fn what_is_refused_is_named_and_left_alone() {
    let challenge = "WWW-Authenticate: Digest realm=\"home\", nonce=\"n1\", qop=\"auth,auth-int\"";
    let challenged = || reply("401 Unauthorized", &[challenge], "");
    let here = || document("\"e1\"", &["sip:a@x"]);
    let html = reply("200 OK", &["Content-Type: text/html"], "<html/>");
    let rules = reply(
        "200 OK",
        &[],
        "<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'/>",
    );
    for (replies, said, count) in [
        (vec![here(), reply("403 Forbidden", &[], "")], "(403)", 2),
        (vec![here(), reply("413 Too Large", &[], "")], "(413)", 2),
        (
            vec![here(), reply("405 No", &[], ""), reply("405 No", &[], "")],
            "(405)",
            3,
        ),
        (
            vec![here(), reply("503 Later", &[], "")],
            "out of service",
            2,
        ),
        (
            vec![challenged(), challenged()],
            "refuses user name \"alice\"",
            2,
        ),
        (vec![html], "text/html", 1),
        (vec![rules], "ruleset", 1),
        (vec![here(), Reply::Octets(Vec::new())], "broke off", 2),
    ] {
        let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
        let error = result.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(
            error.contains(PATH) && !error.contains("sip:c@x") && !error.contains("pa55"),
            "{error}"
        );
        assert_eq!(requests.len(), count, "{error}");
    }
    // A password is asked for in the middle: the change goes out again, whole.
    let replies = [here(), challenged(), reply("200 OK", &[], "")];
    let (result, requests) = edit(Change::Block, "sip:c@x", replies).await;
    assert!(done(result).1);
    assert_eq!(requests[1].header("Authorization"), None);
    assert!(
        requests[2]
            .header("Authorization")
            .unwrap()
            .contains("qop=auth")
    );
    assert_eq!(requests[1].body, requests[2].body);
}

/// XDM-45, XDM-52.
#[tokio::test]
async fn a_list_that_only_refers_elsewhere_is_not_written_to() {
    let anchor = "http://xcap.home.example/resource-lists/users/sip:alice@home.example/index/~~/resource-lists/list%5B2%5D";
    let body = format!(
        "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='oma_blockedcontacts'>\
         <external anchor='{anchor}'/></list><list name='rcs_blockedcontacts'><entry uri='sip:a@x'/></list></resource-lists>"
    );
    let held = || reply("200 OK", &["ETag: e"], &body);
    for (change, uri) in [(Change::Block, "sip:c@x"), (Change::Unblock, "sip:a@x")] {
        let (result, requests) = edit(change, uri, [held()]).await;
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains(anchor) && error.contains("nothing was written"),
            "{error}"
        );
        assert_eq!(requests.len(), 1, "{error}");
    }
    for uri in [
        "",
        "::::",
        "sip:anonymous@anonymous.invalid",
        "sip:a@x\r\nX: y",
    ] {
        let (result, requests) = edit(Change::Block, uri, []).await;
        assert!(result.is_err() && requests.is_empty(), "{uri}");
    }
}
