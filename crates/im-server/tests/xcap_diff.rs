//! The notifier of document changes over real sockets, seen by a subscriber of bare text (RFC 5875).

mod raw;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use raw::{DEADLINE, ROOM, Subscriber};
use rollmark_im_server::{
    Conference, CreateError, DocumentNotifier, ImServer, MAX_WATCHED, Settings,
};
use tokio::time::timeout;

const NOTIFIER: &str = "sip:xdms@example.org";
const INDEX: &str = "resource-lists/users/sip:alice@example.org/index";
const LIST_TYPE: &str = "Content-Type: application/resource-lists+xml\r\n";

/// A server whose documents are a line of text; what is watched is written in front of it.
async fn start(settings: Settings) -> (ImServer, DocumentNotifier, Arc<Mutex<String>>) {
    let server = ImServer::bind(settings).await.unwrap();
    let text = Arc::new(Mutex::new("one".to_owned()));
    let known = text.clone();
    let current = move |watched: &[String]| {
        format!(
            "<all watched=\"{}\">{}</all>",
            watched.join(" "),
            known.lock().unwrap()
        )
    };
    let notifier = server.notify_documents(NOTIFIER, current).unwrap();
    (server, notifier, text)
}

fn list(uris: &[&str]) -> String {
    let entries: String = uris
        .iter()
        .map(|uri| format!("<entry uri=\"{uri}\"/>"))
        .collect();
    format!(
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
    )
}

async fn watcher(server: &ImServer) -> Subscriber {
    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.target = NOTIFIER.into();
    watcher.to = format!("<{NOTIFIER}>");
    watcher.event = "xcap-diff;diff-processing=no-patching".into();
    watcher.extra = format!("Accept: application/xcap-diff+xml\r\n{LIST_TYPE}");
    watcher.body = list(&[INDEX]);
    watcher
}

/// Tells a change to whoever watches the document.
fn change(notifier: &DocumentNotifier, uri: &str, body: &str) {
    notifier.changed(|watched| {
        watched
            .iter()
            .any(|own| own == uri)
            .then(|| body.to_owned())
    });
}

/// XDM-73, XDM-74, XDM-77 (RFC 5875 §4.4, §4.7; RFC 6665 §4.2.1).
#[tokio::test]
async fn documents_are_watched_from_the_first_state_to_the_end() {
    let (server, notifier, text) = start(Settings::default()).await;
    let mut watcher = watcher(&server).await;
    let response = watcher.subscribe(600).await;
    assert_eq!(response.start, "SIP/2.0 200 OK");
    assert_eq!(
        response.header("Contact"),
        format!("<sip:xdms@{}>", server.udp_addr())
    );
    let first = watcher.notify().await;
    assert_eq!(first.header("Event"), "xcap-diff");
    assert_eq!(first.header("Subscription-State"), "active;expires=600");
    assert_eq!(first.header("Content-Type"), "application/xcap-diff+xml");
    assert_eq!(first.body, format!("<all watched=\"{INDEX}\">one</all>"));
    assert_eq!(notifier.subscribers(), 1);

    change(&notifier, "another", "<no/>");
    change(&notifier, INDEX, "<change/>");
    let changed = watcher.notify().await;
    assert_eq!(
        (changed.body.as_str(), changed.cseq()),
        ("<change/>", first.cseq() + 1)
    );

    // A refresh without a body keeps the list, and one with a list replaces it.
    *text.lock().unwrap() = "two".into();
    watcher.body = String::new();
    watcher.subscribe(600).await;
    assert_eq!(
        watcher.notify().await.body,
        format!("<all watched=\"{INDEX}\">two</all>")
    );
    watcher.body = list(&["other", "other"]);
    watcher.subscribe(600).await;
    assert_eq!(
        watcher.notify().await.body,
        "<all watched=\"other\">two</all>"
    );
    change(&notifier, INDEX, "<no/>");
    change(&notifier, "other", "<other/>");
    assert_eq!(watcher.notify().await.body, "<other/>");

    watcher.subscribe(0).await;
    let last = watcher.notify().await;
    assert_eq!(
        last.header("Subscription-State"),
        "terminated;reason=timeout"
    );
    assert_eq!(notifier.subscribers(), 0);
}

/// XDM-77 (RFC 5875 §4.7): no NOTIFY before the last one was answered.
#[tokio::test]
async fn changes_come_one_after_the_other() {
    let (server, notifier, text) = start(Settings::default()).await;
    let mut watcher = watcher(&server).await;
    watcher.subscribe(600).await;
    let first = watcher.notify_unanswered().await;
    change(&notifier, INDEX, "<a/>");
    change(&notifier, INDEX, "<b/>");
    // The first is sent again, and nothing else comes: only its answer lets the next go.
    let again = watcher.notify_unanswered().await;
    assert_eq!(again.cseq(), first.cseq());
    watcher.answer(&first, "200 OK").await;
    assert_eq!(next_new(&mut watcher, first.cseq()).await.body, "<a/>");
    let second = watcher.notify_unanswered().await;
    assert_eq!(second.body, "<b/>");

    // Refused, the subscriber is out of step: the next change tells him everything.
    watcher.answer(&second, "500 Not Now").await;
    *text.lock().unwrap() = "all".into();
    let told = async {
        loop {
            change(&notifier, INDEX, "<c/>");
            let next = timeout(Duration::from_millis(200), watcher.notify());
            if let Ok(next) = next.await {
                break next;
            }
        }
    };
    let told = timeout(DEADLINE, told).await.unwrap();
    assert_eq!(told.body, format!("<all watched=\"{INDEX}\">all</all>"));
}

/// The next NOTIFY that is no retransmission of the one with this CSeq, answered.
async fn next_new(watcher: &mut Subscriber, before: u32) -> raw::Message {
    loop {
        let notify = watcher.notify().await;
        if notify.cseq() > before {
            return notify;
        }
    }
}

/// RFC 6665 §4.2.1.4.
#[tokio::test]
async fn a_watch_ends_with_its_time() {
    let (server, notifier, _) = start(Settings::default()).await;
    let mut watcher = watcher(&server).await;
    watcher.subscribe(1).await;
    watcher.notify().await;
    let last = watcher.notify().await;
    assert_eq!(
        last.header("Subscription-State"),
        "terminated;reason=timeout"
    );
    assert_eq!(notifier.subscribers(), 0);
}

/// RFC 5875 §4.4; RFC 6665 §4.2.1.1.
#[tokio::test]
async fn what_is_no_watch_is_refused() {
    let (server, notifier, _) = start(Settings::default()).await;
    server
        .create_conference(ROOM, Conference::new("Talk"))
        .unwrap();
    let uris: Vec<String> = (0..=MAX_WATCHED).map(|n| n.to_string()).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    for (target, event, extra, body, status) in [
        (NOTIFIER, "xcap-diff", LIST_TYPE, "", "400"),
        (NOTIFIER, "xcap-diff", LIST_TYPE, "<a/>", "400"),
        (
            NOTIFIER,
            "xcap-diff",
            "Content-Type: text/plain\r\n",
            "a",
            "415",
        ),
        (
            NOTIFIER,
            "xcap-diff",
            LIST_TYPE,
            list(&uris).as_str(),
            "413",
        ),
        (
            NOTIFIER,
            "xcap-diff",
            "Accept: text/plain\r\nContent-Type: application/resource-lists+xml\r\n",
            list(&[INDEX]).as_str(),
            "406",
        ),
        (NOTIFIER, "conference", "", "", "404"),
        (ROOM, "xcap-diff", LIST_TYPE, list(&[INDEX]).as_str(), "404"),
        (NOTIFIER, "ua-profile", "", "", "489"),
    ] {
        let mut watcher = watcher(&server).await;
        watcher.target = target.into();
        watcher.event = event.into();
        watcher.extra = extra.into();
        watcher.body = body.into();
        let refused = watcher.subscribe(600).await;
        assert!(
            refused.start.starts_with(&format!("SIP/2.0 {status} ")),
            "{target} {event} {body}: {}",
            refused.start
        );
    }
    assert_eq!(notifier.subscribers(), 0);
    let again = server.notify_documents(NOTIFIER, |_| String::new());
    assert!(matches!(again, Err(CreateError::Exists { .. })));
    let nowhere = server.notify_documents("xdms", |_| String::new());
    assert!(matches!(nowhere, Err(CreateError::Uri { .. })));
}
