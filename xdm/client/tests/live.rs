//! Sources that a notifier wakes: what is asked for and what is not, and which documents it is to tell of (XDM-75…81).
#![cfg(feature = "reqwest")]

mod server;

use std::time::Duration;

use rollmark_core::blocklist::{SourceState, Update};
use rollmark_core::xcap_diff::Diff;
use rollmark_xdm::client::Settings;
use rollmark_xdm::selector::{DocumentSelector, XcapRoot};
use rollmark_xdm::source::{Followed, Polling, WORD_BURST, XdmsSource};
use rollmark_xdm::{Connection, Http, HttpSettings};
use server::{DEADLINE, Reply, Server, document, reply};

const ME: &str = "sip:alice@home.example";
const OWN: &str = "resource-lists/users/sip:alice@home.example/index";

fn source(server: &Server) -> XdmsSource {
    let http = Http::new(&HttpSettings::default()).unwrap();
    let connection = Connection::new(http, Settings::default());
    let root = XcapRoot::parse(&server.root).unwrap();
    let selector = DocumentSelector::resource_lists(root, ME).unwrap();
    XdmsSource::new(connection, selector, Polling::default())
}

async fn next(source: &mut XdmsSource) -> Update {
    let update = tokio::time::timeout(DEADLINE, source.next()).await;
    update.expect("news in time")
}

fn diff(root: &str, documents: &str) -> Diff {
    let text = format!(
        "<xcap-diff xmlns='urn:ietf:params:xml:ns:xcap-diff' xcap-root='{root}/'>{documents}</xcap-diff>"
    );
    Diff::read(text.as_bytes()).unwrap()
}

fn not_modified() -> Reply {
    reply("304 Not Modified", &[], "")
}

/// Nothing is asked for, and there is no news.
async fn quiet(source: &mut XdmsSource, server: &mut Server) {
    let news = tokio::time::timeout(Duration::from_millis(100), source.next()).await;
    assert!(news.is_err(), "{news:?}");
    assert!(server.requests().is_empty());
}

/// XDM-75, XDM-80: held → nothing; another entity tag → asked for by the old one; only retagged → the new one is used from
/// then on; gone → 404, a known empty list.
#[tokio::test]
async fn a_change_is_fetched_at_once_and_what_is_held_is_not() {
    let mut server = Server::start([document("\"1\"", &["sip:a@x"])]).await;
    let root = server.root.clone();
    let mut source = source(&server);
    let mut followed = Followed::new([source.control()]);
    assert_eq!(followed.documents(), [OWN]);
    assert_eq!(next(&mut source).await.state, SourceState::Fresh);
    server.request().await;

    followed.take(&diff(
        &root,
        &format!("<document sel='{OWN}' new-etag='1'/>"),
    ));
    followed.take(&diff(
        &root,
        "<document sel='other/users/x/y' new-etag='7'/>",
    ));
    quiet(&mut source, &mut server).await;

    server.add(document("\"2\"", &["sip:a@x", "sip:b@x"]));
    let changed = format!("<document sel='{OWN}' previous-etag='1' new-etag='2'/>");
    followed.take(&diff(&root, &changed));
    let update = next(&mut source).await;
    assert_eq!(update.list.unwrap().entries.len(), 2);
    assert_eq!(
        server.request().await.header("If-None-Match"),
        Some("\"1\"")
    );

    let retagged = format!(
        "<document sel='{OWN}' previous-etag='2' new-etag='3'><body-not-changed/></document>"
    );
    followed.take(&diff(&root, &retagged));
    quiet(&mut source, &mut server).await;
    server.add(not_modified());
    followed.ask_all();
    let request = tokio::select! {
        update = next(&mut source) => panic!("{update:?}"),
        request = server.request() => request,
    };
    assert_eq!(request.header("If-None-Match"), Some("\"3\""));

    // It does not follow from what is held: the XDMS is asked.
    server.add(document("\"9\"", &["sip:a@x"]));
    let unknown = retagged.replace("'3'", "'9'").replace("'2'", "'8'");
    followed.take(&diff(&root, &unknown));
    let update = next(&mut source).await;
    assert_eq!(update.list.unwrap().entries.len(), 1);

    server.add(reply("404 Not Found", &[], ""));
    let removed = format!("<document sel='{OWN}' previous-etag='9'/>");
    followed.take(&diff(&root, &removed));
    let update = next(&mut source).await;
    assert_eq!(update.state, SourceState::Empty);
    assert!(update.list.unwrap().entries.is_empty());
}

/// XDM-75, SEC-12: an entity tag that HTTP cannot carry is not kept.
#[tokio::test]
async fn an_entity_tag_with_a_line_break_is_not_sent() {
    let mut server = Server::start([document("\"1\"", &["sip:a@x"])]).await;
    let mut source = source(&server);
    let mut followed = Followed::new([source.control()]);
    followed.documents();
    next(&mut source).await;
    server.request().await;
    let retagged = format!(
        "<document sel='{OWN}' previous-etag='1' new-etag='x&#13;&#10;Evil: 1'><body-not-changed/></document>"
    );
    server.add(not_modified());
    followed.take(&diff(&server.root, &retagged));
    let request = tokio::select! {
        update = next(&mut source) => panic!("{update:?}"),
        request = server.request() => request,
    };
    assert_eq!(request.header("If-None-Match"), Some("\"1\""));
    assert_eq!(request.header("Evil"), None);
}

/// XDM-45, XDM-73: documents that references lead to are followed as soon as they are known, and wake the source.
#[tokio::test]
async fn documents_that_references_led_to_are_followed_too() {
    let mut server = Server::start([]).await;
    let root = server.root.clone();
    let friend = "resource-lists/users/sip:bob@home.example/index";
    let list = format!(
        "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='oma_blockedcontacts'>\
         <external anchor='{root}/{friend}/~~/resource-lists/list%5B1%5D'/></list></resource-lists>"
    );
    let lists = |etag: &str, body: &str, kind: &str| {
        let (etag, kind) = (format!("ETag: {etag}"), format!("Content-Type: {kind}"));
        reply("200 OK", &[&kind, &etag], body)
    };
    server.add(lists("\"1\"", &list, "application/resource-lists+xml"));
    let shared = |who: &str| format!("<list><entry uri='{who}'/></list>");
    server.add(lists(
        "\"b1\"",
        &shared("sip:eve@x"),
        "application/xcap-el+xml",
    ));
    let mut source = source(&server);
    let mut followed = Followed::new([source.control()]);
    assert_eq!(followed.documents(), [OWN]);
    next(&mut source).await;
    tokio::time::timeout(DEADLINE, followed.documents_changed())
        .await
        .expect("there is another document");
    assert_eq!(followed.documents(), [OWN, friend]);

    server.request().await;
    server.request().await;
    server.add(not_modified());
    server.add(lists(
        "\"b2\"",
        &shared("sip:trudy@x"),
        "application/xcap-el+xml",
    ));
    let changed = "<document sel='resource-lists/users/sip%3abob@home.example/index' previous-etag='b1' new-etag='b2'/>";
    followed.take(&diff(&root, changed));
    let update = next(&mut source).await;
    assert_eq!(&*update.list.unwrap().entries[0].uri, "sip:trudy@x");
    // A source that has gone is forgotten.
    drop(source);
    followed.documents_changed().await;
    assert_eq!(followed.documents(), [""; 0]);
    let waited = tokio::time::timeout(Duration::from_millis(100), followed.documents_changed());
    assert!(waited.await.is_err());
}

/// SEC-18: a notifier that speaks without end brings about a few requests, not as many.
#[tokio::test]
async fn words_without_end_do_not_become_requests_without_end() {
    let mut server = Server::start([document("\"1\"", &["sip:a@x"])]).await;
    for _ in 0..1000 {
        server.add(not_modified());
    }
    let mut source = source(&server);
    let followed = Followed::new([source.control()]);
    next(&mut source).await;
    server.request().await;
    let words = async {
        for _ in 0..70 {
            followed.ask_all();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        update = source.next() => panic!("{update:?}"),
        () = words => {}
    }
    let requests = server.requests().len();
    let most = WORD_BURST as usize + 2;
    assert!((2..=most).contains(&requests), "{requests}");
}
