//! Embedded XDMS and embedded IM server, wired: a change of a document over HTTP becomes a NOTIFY (RFC 5875, RFC 5874).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rollmark_im_server::{ImServer, Settings};
use rollmark_xdms::{Xdms, xcap_diff};
use tokio::net::UdpSocket;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(10);
const ALICE: &str = "sip:alice@example.org";
const LISTS: &str = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>";
/// Spelled in the subscriber's own way: he gets it back so, octet by octet (RFC 5875 §4.6).
const WATCHED: &str = "resource-lists/users/sip%3Aalice%40example.org/index";

/// Feeds the notifier with the changes of the XDMS.
async fn wire(server: &ImServer, xdms: Arc<Xdms>) {
    let mut changes = xdms.changes();
    let known = xdms.clone();
    let notifier = server
        .notify_documents("sip:xdms@example.org", move |watched| {
            known.xcap_diff(watched)
        })
        .unwrap();
    tokio::spawn(async move {
        loop {
            match changes.recv().await {
                Ok(change) => notifier.changed(|watched| {
                    let seen = change.seen_by(watched)?;
                    Some(xcap_diff(xdms.root(), [&seen]))
                }),
                Err(RecvError::Lagged(_)) => {
                    notifier.changed(|watched| Some(xdms.xcap_diff(watched)))
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// The body of the next NOTIFY, which is answered.
async fn notify(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_535];
    let length = timeout(DEADLINE, socket.recv(&mut buffer))
        .await
        .expect("a NOTIFY in time")
        .unwrap();
    let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("NOTIFY "), "{head}");
    let kept = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name)
    });
    let kept: String = kept.map(|line| format!("{line}\r\n")).collect();
    let answer = format!("SIP/2.0 200 OK\r\n{kept}Content-Length: 0\r\n\r\n");
    socket.send(answer.as_bytes()).await.unwrap();
    body.to_owned()
}

async fn subscribe(socket: &UdpSocket, server: SocketAddr) {
    let local = socket.local_addr().unwrap();
    let body = format!(
        "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list><entry uri=\"{WATCHED}\"/></list></resource-lists>"
    );
    let text = format!(
        "SUBSCRIBE sip:xdms@example.org SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{}\r\nMax-Forwards: 70\r\n\
         From: <{ALICE}>;tag=1\r\nTo: <sip:xdms@example.org>\r\nCall-ID: {local}\r\nCSeq: 1 SUBSCRIBE\r\n\
         Contact: <sip:alice@{local}>\r\nEvent: xcap-diff;diff-processing=no-patching\r\n\
         Accept: application/xcap-diff+xml\r\nExpires: 600\r\nContent-Type: application/resource-lists+xml\r\n\
         Content-Length: {}\r\n\r\n{body}",
        local.port(),
        body.len()
    );
    socket.connect(server).await.unwrap();
    socket.send(text.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let length = timeout(DEADLINE, socket.recv(&mut buffer))
        .await
        .expect("a response in time")
        .unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200 "));
}

/// The (new-etag, previous-etag) of the one document that is told.
fn told(body: &str, root: &str) -> Vec<(Option<String>, Option<String>)> {
    let document = roxmltree::Document::parse(body).unwrap();
    let diff = document.root_element();
    assert_eq!(
        diff.tag_name().namespace(),
        Some("urn:ietf:params:xml:ns:xcap-diff")
    );
    assert_eq!(
        diff.attribute("xcap-root"),
        Some(format!("{root}/").as_str())
    );
    let documents = diff.children().map(|told| {
        assert_eq!(
            (told.tag_name().name(), told.attribute("sel")),
            ("document", Some(WATCHED))
        );
        let tag = |name| told.attribute(name).map(|tag| format!("\"{tag}\""));
        (tag("new-etag"), tag("previous-etag"))
    });
    documents.collect()
}

/// XDM-73…77: nothing there, made, changed, another document, deleted.
#[tokio::test]
async fn a_change_on_the_xdms_reaches_the_subscriber() {
    let xdms = Arc::new(Xdms::bind("127.0.0.1:0".parse().unwrap()).await.unwrap());
    let server = ImServer::bind(Settings::default()).await.unwrap();
    wire(&server, xdms.clone()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    subscribe(&socket, server.udp_addr()).await;
    let root = xdms.root();
    assert_eq!(told(&notify(&socket).await, root), []);
    let made = xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    assert_eq!(
        told(&notify(&socket).await, root),
        [(Some(made.clone()), None)]
    );
    xdms.put("resource-lists", ALICE, "other", LISTS).unwrap();
    xdms.put("resource-lists", "sip:bob@example.org", "index", LISTS)
        .unwrap();
    let changed = xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    assert_eq!(
        told(&notify(&socket).await, root),
        [(Some(changed.clone()), Some(made))]
    );
    assert!(xdms.delete("resource-lists", ALICE, "index"));
    assert_eq!(told(&notify(&socket).await, root), [(None, Some(changed))]);
    let again = xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    assert_eq!(
        told(&notify(&socket).await, root),
        [(Some(again.clone()), None)]
    );

    let second = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    subscribe(&second, server.udp_addr()).await;
    assert_eq!(told(&notify(&second).await, root), [(Some(again), None)]);
}
