//! A block list over real sockets: digest, entity tags, failures, and what the source says about each.
#![cfg(feature = "reqwest")]

mod server;

use std::time::Duration;

use md5::{Digest, Md5};
use rollmark_core::blocklist::{SourceState, Update};
use rollmark_core::digest::Credentials;
use rollmark_xdm::client::{HttpRequest, Settings};
use rollmark_xdm::selector::{DocumentSelector, XcapRoot};
use rollmark_xdm::source::{Polling, XdmsSource};
use rollmark_xdm::{Connection, Http, HttpError, HttpSettings};
use server::{DEADLINE, Reply, Request, Server, document, reply};
use sha2::Sha256;

const PATH: &str = "/xcap/resource-lists/users/sip:alice@home.example/index";

fn source_at(root: &str, http: &HttpSettings) -> XdmsSource {
    let settings = Settings {
        credentials: Some(Credentials {
            username: "alice".into(),
            password: "pa55".into(),
        }),
        ..Settings::default()
    };
    let root = XcapRoot::parse(root).unwrap();
    let selector = DocumentSelector::resource_lists(root, "sip:alice@home.example").unwrap();
    let pace = Duration::from_millis(20);
    let polling = Polling {
        interval: pace,
        floor: pace,
    };
    XdmsSource::new(
        Connection::new(Http::new(http).unwrap(), settings),
        selector,
        polling,
    )
}

fn source(server: &Server) -> XdmsSource {
    source_at(&server.root, &HttpSettings::default())
}

async fn next(source: &mut XdmsSource) -> Update {
    let update = tokio::time::timeout(DEADLINE, source.next()).await;
    update.expect("news in time")
}

/// State, blocked URIs if there is a new list, entity tag.
fn shown(update: &Update) -> (SourceState, Option<Vec<&str>>, Option<&str>) {
    let list = update.list.as_ref();
    let uris = list.map(|list| list.entries.iter().map(|entry| &*entry.uri).collect());
    (update.state, uris, update.etag.as_deref())
}

/// Whether the `Authorization` of a request is right, worked out from the RFC with plain hashes.
fn is_right<D: Digest>(request: &Request, realm: &str, password: &str) -> bool {
    let header = request.header("Authorization").expect("an Authorization");
    let field = |name: &str| {
        let fields = header.strip_prefix("Digest ").unwrap().split(", ");
        let mut values = fields.filter_map(|field| field.split_once('='));
        let (_, value) = values.find(|(key, _)| *key == name).expect(name);
        value.trim_matches('"').to_owned()
    };
    let h = |text: String| -> String {
        let octets = D::digest(text.as_bytes());
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    };
    let (nonce, nc, cnonce, uri) = (field("nonce"), field("nc"), field("cnonce"), field("uri"));
    let a1 = h(format!("alice:{realm}:{password}"));
    let a2 = h(format!("GET:{uri}"));
    uri == PATH
        && cnonce.len() == 32
        && field("response") == h(format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"))
}

/// XDM-14, XDM-17, XDM-20.
#[tokio::test]
async fn a_list_behind_digest_is_fetched_and_then_asked_for_by_its_entity_tag() {
    for (algorithm, right) in [
        ("MD5", is_right::<Md5> as fn(&Request, &str, &str) -> bool),
        ("SHA-256", is_right::<Sha256>),
    ] {
        let challenge = format!(
            "WWW-Authenticate: Digest realm=\"home\", nonce=\"n1\", qop=\"auth\", algorithm={algorithm}"
        );
        let mut server = Server::start([
            reply("401 Unauthorized", &[&challenge], ""),
            document("\"e1\"", &["sip:bob@x"]),
            reply(
                "304 Not Modified",
                &["Authentication-Info: nextnonce=\"n2\""],
                "",
            ),
            document("W/\"e2\"", &["sip:bob@x", "sip:carol@x"]),
        ])
        .await;
        let mut source = source(&server);
        assert_eq!(source.name(), format!("xdms:{}{}", server.root, &PATH[5..]));

        let update = next(&mut source).await;
        assert_eq!(
            shown(&update),
            (SourceState::Fresh, Some(vec!["sip:bob@x"]), Some("\"e1\""))
        );
        let list = &update.list.as_ref().unwrap().entries[0].list;
        assert_eq!(list.as_deref(), Some("oma_blockedcontacts"));

        let first = server.request().await;
        assert_eq!(first.line(), format!("GET {PATH} HTTP/1.1"));
        assert!(
            first
                .header("User-Agent")
                .unwrap()
                .starts_with("XDM-client/OMA1.1 rollmark/")
        );
        assert_eq!(first.header("Authorization"), None);
        assert!(right(&server.request().await, "home", "pa55"));

        // The 304 in between is no news.
        let update = next(&mut source).await;
        assert_eq!(
            shown(&update),
            (
                SourceState::Fresh,
                Some(vec!["sip:bob@x", "sip:carol@x"]),
                Some("W/\"e2\"")
            )
        );
        let conditional = server.request().await;
        assert_eq!(conditional.header("If-None-Match"), Some("\"e1\""));
        assert!(right(&conditional, "home", "pa55"));
        assert!(
            conditional
                .header("Authorization")
                .unwrap()
                .contains("nc=00000002")
        );
        let last = server.request().await;
        assert!(
            last.header("Authorization")
                .unwrap()
                .contains("nonce=\"n2\"")
        );
        assert!(right(&last, "home", "pa55"));
    }
}

#[tokio::test]
async fn a_stale_nonce_is_answered_again_and_a_wrong_password_is_named() {
    let challenge = "WWW-Authenticate: Digest realm=\"home\", nonce=\"n1\", qop=\"auth\"";
    let stale = "WWW-Authenticate: Digest realm=\"home\", nonce=\"n2\", qop=\"auth\", stale=true";
    let mut server = Server::start([
        reply("401 Unauthorized", &[challenge], ""),
        reply("401 Unauthorized", &[stale], ""),
        document("\"e\"", &[]),
        reply("401 Unauthorized", &[challenge], ""),
        reply("401 Unauthorized", &[challenge], ""),
    ])
    .await;
    let mut source = source(&server);
    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Empty, Some(vec![]), Some("\"e\""))
    );
    for _ in 0..2 {
        server.request().await;
    }
    assert!(is_right::<Md5>(&server.request().await, "home", "pa55"));
    assert_eq!(source.last_error(), None);

    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Stale, None, None)
    );
    let error = source.last_error().unwrap();
    assert!(
        error.contains("refuses user name \"alice\"") && error.contains(PATH),
        "{error}"
    );
    assert!(!error.contains("pa55"), "{error}");
}

/// XDM-24, XDM-27.
#[tokio::test]
async fn the_last_good_list_outlives_a_failure_and_comes_back_fresh() {
    let server = Server::start([
        reply("500 Oops", &[], ""),
        reply("503 Later", &["Retry-After: 0"], ""),
        document("\"e1\"", &["sip:bob@x"]),
        reply("500 Oops", &[], ""),
        reply("200 OK", &["Content-Type: text/html"], "<html/>"),
        reply("304 Not Modified", &[], ""),
        reply("404 Not Found", &[], "nothing here"),
        reply("404 Not Found", &[], "nothing here"),
        document("\"e2\"", &["sip:bob@x"]),
    ])
    .await;
    let mut source = source(&server);
    let mut told = Vec::new();
    for _ in 0..6 {
        let update = next(&mut source).await;
        told.push((
            update.state,
            update.list.map(|list| list.entries.len()),
            update.etag,
        ));
    }
    let e = |etag: &str| Some(etag.to_owned());
    assert_eq!(
        told,
        [
            (SourceState::Unavailable, None, None),
            (SourceState::Fresh, Some(1), e("\"e1\"")),
            (SourceState::Stale, None, None),
            (SourceState::Fresh, None, e("\"e1\"")),
            (SourceState::Empty, Some(0), None),
            (SourceState::Fresh, Some(1), e("\"e2\"")),
        ]
    );
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_no_empty_list() {
    let headers = [
        "Content-Type: application/resource-lists+xml",
        "ETag: \"bad\"",
    ];
    let mut server = Server::start([
        reply("200 OK", &headers, "<!DOCTYPE a><resource-lists/>"),
        document("\"good\"", &["sip:bob@x"]),
    ])
    .await;
    let mut source = source(&server);
    assert_eq!(shown(&next(&mut source).await).0, SourceState::Unavailable);
    assert!(source.last_error().unwrap().contains("DOCTYPE"));
    assert_eq!(shown(&next(&mut source).await).0, SourceState::Fresh);
    server.request().await;
    assert_eq!(server.request().await.header("If-None-Match"), None);
}

/// SEC-12, XDM-31.
#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let server = Server::start([reply(
        "302 Found",
        &["Location: http://127.0.0.1:1/steal"],
        "",
    )])
    .await;
    let mut source = source(&server);
    // A source runs as a task of its own, too.
    let task = tokio::spawn(async move { (next(&mut source).await, source) });
    let (update, source) = task.await.unwrap();
    assert_eq!(update.state, SourceState::Unavailable);
    let error = source.last_error().unwrap();
    assert!(error.contains("http://127.0.0.1:1/steal"), "{error}");
}

#[tokio::test]
async fn a_call_dropped_half_way_loses_nothing() {
    let mut server = Server::start([document("\"e1\"", &["sip:bob@x"])]).await;
    let mut source = source(&server);
    assert_eq!(next(&mut source).await.state, SourceState::Fresh);
    server.request().await;
    // The second request is on its way and gets no answer: the caller turns to something else.
    tokio::select! {
        update = source.next() => panic!("{update:?}"),
        _ = server.request() => {}
    }
    server.add(reply("500 To nobody", &[], ""));
    server.add(document("\"e2\"", &["sip:carol@x"]));
    assert_eq!(
        shown(&next(&mut source).await),
        (
            SourceState::Fresh,
            Some(vec!["sip:carol@x"]),
            Some("\"e2\"")
        )
    );
}

/// How one request fails over the wire.
async fn send_error(root: &str, settings: &HttpSettings) -> HttpError {
    let request = HttpRequest {
        method: "GET",
        url: root.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let http = Http::new(settings).unwrap();
    let result = tokio::time::timeout(DEADLINE, http.send(&request)).await;
    result.expect("an end in time").expect_err("a failure")
}

#[tokio::test]
async fn each_failure_on_the_wire_has_its_name() {
    let impatient = HttpSettings {
        timeout: Duration::from_millis(100),
        ..HttpSettings::default()
    };
    let server = Server::start([Reply::Silence]).await;
    let error = send_error(&server.root, &impatient).await;
    assert!(matches!(error, HttpError::Timeout { .. }), "{error:?}");

    let server = Server::start([Reply::Octets(b"SSH-2.0-nonsense\r\n\r\n".to_vec())]).await;
    let error = send_error(&server.root, &HttpSettings::default()).await;
    assert!(matches!(error, HttpError::Broken { .. }), "{error:?}");

    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let error = send_error(&closed, &HttpSettings::default()).await;
    assert!(
        matches!(error, HttpError::ConnectionRefused { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains(&closed), "{error}");

    // A label too long for DNS: the resolver need not ask anybody.
    let unknown = format!("http://{}.invalid/", "x".repeat(64));
    let error = send_error(&unknown, &HttpSettings::default()).await;
    assert!(matches!(error, HttpError::NameNotFound { .. }), "{error:?}");

    let error = send_error("http://", &HttpSettings::default()).await;
    assert!(
        matches!(error, HttpError::Request { part: "URL", .. }),
        "{error:?}"
    );
}

/// SEC-07.
#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_declared_or_not() {
    let small = HttpSettings {
        max_body: 100,
        ..HttpSettings::default()
    };
    let declared = b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n".to_vec();
    let server = Server::start([Reply::Octets(declared)]).await;
    let error = send_error(&server.root, &small).await;
    assert!(
        matches!(error, HttpError::TooLarge { limit: 100, .. }),
        "{error:?}"
    );

    let endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nxxxxxxxxxxxxxxxx".to_vec();
    let server = Server::start([Reply::Flood(endless)]).await;
    let error = send_error(&server.root, &small).await;
    assert!(
        matches!(error, HttpError::TooLarge { limit: 100, .. }),
        "{error:?}"
    );

    let server = Server::start([reply("200 OK", &[], &"x".repeat(100))]).await;
    let request = HttpRequest {
        method: "GET",
        url: server.root.clone(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let response = Http::new(&small).unwrap().send(&request).await.unwrap();
    assert_eq!((response.status, response.body.len()), (200, 100));
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_named() {
    let with = |path: &str| HttpSettings {
        ca_file: Some(path.into()),
        ..HttpSettings::default()
    };
    let error = Http::new(&with("/no/such/file.pem")).unwrap_err();
    assert!(matches!(error, HttpError::CaFile { .. }), "{error:?}");
    assert!(error.to_string().contains("/no/such/file.pem"), "{error}");
    let error = Http::new(&with(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).unwrap_err();
    assert!(
        matches!(error, HttpError::CaCertificate { .. }),
        "{error:?}"
    );
}
