//! Documents that are followed beside a conference, in front of a notifier that the test plays (RFC 5875, XDM-73…79).

use std::time::Duration;

use rollmark::core::header;
use rollmark::core::host::{Action, Fact, TransactionId};
use rollmark::core::message::{Headers, Request, Response};
use rollmark::core::subscription::EndReason;
use rollmark::{Account, Capabilities, Conferences, DocumentNews, Documents, Port, SubscribeError};

const DEADLINE: Duration = Duration::from_secs(20);
const NOTIFIER: &str = "sip:alice@example.org";
const LISTS: &str = "resource-lists/users/sip:alice@example.org/index";

async fn within<T>(what: impl Future<Output = T>) -> T {
    let what = tokio::time::timeout(DEADLINE, what).await;
    what.expect("nothing came in time")
}

async fn sent(port: &mut Port) -> (TransactionId, Request) {
    match within(port.next_action()).await {
        Some(Action::Send {
            transaction,
            request,
            ..
        }) => (transaction, request),
        other => panic!("{other:?}"),
    }
}

fn respond(port: &Port, transaction: TransactionId, status: u16) {
    let mut headers = Headers::new();
    headers.push("To", "<sip:alice@example.org>;tag=n");
    headers.push("Contact", "<sip:xdms@192.0.2.9>");
    port.reporter().fact(Fact::Response {
        transaction,
        response: Response {
            status,
            reason: String::new(),
            headers,
            body: Vec::new(),
        },
    });
}

async fn notify(port: &Port, subscribe: &Request, cseq: u32, state: &str, body: &str) {
    let mut headers = Headers::new();
    headers.push("From", "<sip:alice@example.org>;tag=n");
    headers.push("To", subscribe.headers.get("From").unwrap());
    headers.push("Call-ID", subscribe.headers.get("Call-ID").unwrap());
    headers.push("CSeq", format!("{cseq} NOTIFY"));
    headers.push("Event", "xcap-diff");
    headers.push("Subscription-State", state);
    if !body.is_empty() {
        headers.push("Content-Type", "application/xcap-diff+xml");
    }
    let request = Request {
        method: "NOTIFY".into(),
        uri: "sip:alice@192.0.2.1".into(),
        headers,
        body: body.as_bytes().to_vec(),
    };
    let answer = within(port.reporter().request(request)).await;
    assert_eq!(answer.expect("it is ours").status, 200);
}

async fn next(documents: &mut Documents) -> String {
    match within(documents.next()).await {
        Some(DocumentNews::Changed(diff)) => format!("changed {}", diff.changes.len()),
        Some(DocumentNews::Ended { reason, status }) => format!("{} {status:?}", reason.as_str()),
        Some(DocumentNews::Lost { .. }) => "lost".into(),
        Some(other) => format!("{other:?}").to_lowercase(),
        None => "over".into(),
    }
}

fn start() -> (Conferences, Port) {
    Conferences::start(Capabilities::TRANSACTION, Account::new(NOTIFIER))
}

const DIFF: &str = "<xcap-diff xmlns='urn:ietf:params:xml:ns:xcap-diff' xcap-root='http://x/'>\
    <document sel='resource-lists/users/sip:alice@example.org/index' new-etag='1'/></xcap-diff>";

/// XDM-73…77, SW-16: followed, told, in doubt, other documents, lost and followed again, dropped.
#[tokio::test]
async fn documents_are_followed_from_the_first_notify_to_the_last() {
    let (conferences, mut port) = start();
    let mut documents = conferences
        .follow_documents(NOTIFIER, vec![LISTS.into()])
        .await
        .unwrap();
    let (transaction, subscribe) = sent(&mut port).await;
    respond(&port, transaction, 200);
    notify(&port, &subscribe, 1, "active;expires=3600", "").await;
    assert_eq!(next(&mut documents).await, "following");
    notify(&port, &subscribe, 2, "active", DIFF).await;
    assert_eq!(next(&mut documents).await, "changed 1");
    notify(&port, &subscribe, 3, "active", "<html>").await;
    assert_eq!(next(&mut documents).await, "uncertain");

    documents.set(vec!["a/users/b/c".into()]).await.unwrap();
    let (transaction, refresh) = sent(&mut port).await;
    assert!(
        String::from_utf8(refresh.body)
            .unwrap()
            .contains("a/users/b/c")
    );
    respond(&port, transaction, 200);
    notify(&port, &subscribe, 4, "active", DIFF).await;
    assert_eq!(next(&mut documents).await, "changed 1");
    assert!(documents.set(vec!["http://x/".into()]).await.is_err());

    // The notifier starts anew: what changed in between is not told.
    notify(&port, &subscribe, 5, "terminated;reason=deactivated", "").await;
    let (transaction, subscribe) = sent(&mut port).await;
    assert!(
        String::from_utf8(subscribe.body.clone())
            .unwrap()
            .contains("a/users/b/c")
    );
    respond(&port, transaction, 200);
    notify(&port, &subscribe, 1, "active;expires=3600", "").await;
    let mut news = next(&mut documents).await;
    if news == "lost" {
        news = next(&mut documents).await;
    }
    assert_eq!(news, "following");

    drop(documents);
    let (_, last) = sent(&mut port).await;
    let expires = last.headers.get("Expires").and_then(header::delta_seconds);
    assert_eq!(expires, Some(0));
}

/// XDM-79: a notifier that is none is told as such, once, and that is the end.
#[tokio::test]
async fn a_server_without_a_notifier_is_told() {
    let (conferences, mut port) = start();
    for (status, reason) in [(489, EndReason::Unsupported), (404, EndReason::NotFound)] {
        let mut documents = conferences
            .follow_documents(NOTIFIER, vec![LISTS.into()])
            .await
            .unwrap();
        let (transaction, _) = sent(&mut port).await;
        respond(&port, transaction, status);
        if status == 489 {
            let (transaction, _) = sent(&mut port).await;
            respond(&port, transaction, status);
        }
        let expected = format!("{} Some({status})", reason.as_str());
        assert_eq!(next(&mut documents).await, expected);
        assert_eq!(next(&mut documents).await, "over");
    }
    let refused = conferences
        .follow_documents("tel:+1", vec![LISTS.into()])
        .await;
    assert!(matches!(refused, Err(SubscribeError::Watch(_))));
    let refused = conferences.follow_documents(NOTIFIER, Vec::new()).await;
    assert!(matches!(refused, Err(SubscribeError::Watch(_))));
}

/// SUB-32: who does not read holds up no NOTIFY, and learns that he missed something.
#[tokio::test]
async fn who_does_not_read_is_told_that_all_is_in_doubt() {
    let (conferences, mut port) = start();
    let mut documents = conferences
        .follow_documents(NOTIFIER, vec![LISTS.into()])
        .await
        .unwrap();
    let (transaction, subscribe) = sent(&mut port).await;
    respond(&port, transaction, 200);
    for cseq in 1..=2000 {
        notify(&port, &subscribe, cseq, "active;expires=3600", DIFF).await;
    }
    let mut read = 0;
    while next(&mut documents).await != "uncertain" {
        read += 1;
        assert!(read < 2000);
    }
    notify(&port, &subscribe, 2001, "active", "").await;
    notify(&port, &subscribe, 2002, "active", DIFF).await;
    assert_eq!(next(&mut documents).await, "changed 1");
}
