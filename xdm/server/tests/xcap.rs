//! XCAP over a bare TCP connection (RFC 4825 §7, §8, §11).

use std::net::SocketAddr;
use std::time::Duration;

use rollmark_xdms::{DocumentChange, MAX_BODY, PutError, Xdms};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(10);
const INDEX: &str = "/xcap-root/resource-lists/users/sip:alice@example.org/index";
const TYPE: &str = "Content-Type: application/resource-lists+xml\r\n";
const LISTS: &str = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>";

struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn etag(&self) -> &str {
        self.header("ETag").expect("ETag")
    }
}

async fn xdms() -> Xdms {
    Xdms::bind("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// One request on a connection of its own.
async fn request(to: &Xdms, method: &str, path: &str, headers: &str, body: &str) -> Response {
    timeout(DEADLINE, exchange(to.addr(), method, path, headers, body))
        .await
        .expect("an answer in time")
}

async fn exchange(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Response {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let length = match method {
        "PUT" => format!("Content-Length: {}\r\n", body.len()),
        _ => String::new(),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{length}{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses a long body may close before it has read it all.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    Response {
        status: head[9..12].parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn a_document_is_created_fetched_replaced_and_deleted() {
    let xdms = xdms().await;
    assert_eq!(xdms.root(), format!("http://{}/xcap-root", xdms.addr()));
    let nothing = request(&xdms, "GET", INDEX, "", "").await;
    assert_eq!(nothing.status, 404);

    // RFC 4825 §7.1, §8.2.7
    let created = request(&xdms, "PUT", INDEX, TYPE, LISTS).await;
    assert_eq!((created.status, created.body.as_str()), (201, ""));
    let escaped = INDEX.replace(':', "%3A").replace('@', "%40");
    let fetched = request(&xdms, "GET", &escaped, "", "").await;
    assert_eq!((fetched.status, fetched.body.as_str()), (200, LISTS));
    assert_eq!(fetched.etag(), created.etag());
    let content_type = fetched.header("Content-Type");
    assert_eq!(content_type, Some("application/resource-lists+xml"));
    assert_eq!(fetched.header("Cache-Control"), Some("no-cache"));
    let head = request(&xdms, "HEAD", INDEX, "", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.etag(), created.etag());

    let replaced = request(&xdms, "PUT", INDEX, TYPE, "<resource-lists/>").await;
    assert_eq!((replaced.status, replaced.body.as_str()), (200, ""));
    assert_ne!(replaced.etag(), created.etag());
    assert!(replaced.etag().starts_with('"'), "a strong tag");

    let deleted = request(&xdms, "DELETE", INDEX, "", "").await;
    assert_eq!((deleted.status, deleted.header("ETag")), (200, None));
    assert_eq!(request(&xdms, "GET", INDEX, "", "").await.status, 404);
    assert_eq!(request(&xdms, "DELETE", INDEX, "", "").await.status, 404);

    let again = request(&xdms, "PUT", INDEX, TYPE, LISTS).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.etag(), created.etag(), "no tag is used twice");
}

#[tokio::test]
async fn conditions_are_kept() {
    // RFC 4825 §7.11, §8.2.6
    let xdms = xdms().await;
    let none = "If-None-Match: *\r\n";
    let put = |headers: String| {
        let headers = format!("{TYPE}{headers}");
        let xdms = &xdms;
        async move { request(xdms, "PUT", INDEX, &headers, LISTS).await }
    };
    assert_eq!(put("If-Match: *\r\n".into()).await.status, 412);
    let first = put(none.into()).await;
    assert_eq!(first.status, 201);
    assert_eq!(put(none.into()).await.status, 412);
    let old = format!("If-Match: {}\r\n", first.etag());
    let second = put(old.clone()).await;
    assert_eq!(second.status, 200);
    assert_eq!(put(old.clone()).await.status, 412);
    assert_eq!(request(&xdms, "DELETE", INDEX, &old, "").await.status, 412);

    let known = format!("If-None-Match: {}\r\n", second.etag());
    let unchanged = request(&xdms, "GET", INDEX, &known, "").await;
    assert_eq!((unchanged.status, unchanged.body.as_str()), (304, ""));
    assert_eq!(unchanged.etag(), second.etag());
    let outdated = format!("If-None-Match: {}\r\n", first.etag());
    let changed = request(&xdms, "GET", INDEX, &outdated, "").await;
    assert_eq!((changed.status, changed.body.as_str()), (200, LISTS));

    let new = format!("If-Match: {}\r\n", second.etag());
    assert_eq!(request(&xdms, "DELETE", INDEX, &new, "").await.status, 200);
    // RFC 9110 §13.2.1
    assert_eq!(request(&xdms, "DELETE", INDEX, &new, "").await.status, 404);
}

#[tokio::test]
async fn a_body_that_is_no_document_is_a_conflict_and_changes_nothing() {
    // RFC 4825 §8.2.2, §11
    let xdms = xdms().await;
    let etag = xdms.put("resource-lists", "sip:alice@example.org", "index", LISTS);
    let broken = request(&xdms, "PUT", INDEX, TYPE, "<resource-lists>").await;
    assert_eq!(broken.status, 409);
    assert_eq!(
        broken.header("Content-Type"),
        Some("application/xcap-error+xml")
    );
    assert!(
        broken
            .body
            .contains("<xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\"><not-well-formed"),
        "{}",
        broken.body
    );
    let latin = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><resource-lists/>";
    let encoding = request(&xdms, "PUT", INDEX, TYPE, latin).await;
    assert_eq!(encoding.status, 409);
    assert!(encoding.body.contains("<not-utf-8"), "{}", encoding.body);
    let text = request(&xdms, "PUT", INDEX, "Content-Type: text/plain\r\n", LISTS).await;
    assert_eq!(text.status, 415);
    let by_code = xdms.put("resource-lists", "sip:alice@example.org", "index", "<a>");
    assert!(matches!(by_code, Err(PutError::Conflict { .. })));

    let kept = request(&xdms, "GET", INDEX, "", "").await;
    assert_eq!(kept.etag(), etag.unwrap());
    assert_eq!(kept.body, LISTS);
}

#[tokio::test]
async fn what_is_not_served_is_refused() {
    let xdms = xdms().await;
    xdms.put("resource-lists", "sip:alice@example.org", "index", LISTS)
        .unwrap();
    let node = format!("{INDEX}/~~/resource-lists");
    for (method, path, status) in [
        ("GET", "/", 404),
        (
            "PUT",
            "/xcap-root/resource-lists/users/sip:alice@example.org",
            404,
        ),
        (
            "GET",
            "/resource-lists/users/sip:alice@example.org/index",
            404,
        ),
        (
            "GET",
            "/xcap-root/resource-lists/users/sip:bob@example.org/index",
            404,
        ),
        ("GET", node.as_str(), 501),
        ("POST", INDEX, 405),
    ] {
        let answer = request(&xdms, method, path, "", LISTS).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    let post = request(&xdms, "POST", INDEX, "", "").await;
    assert_eq!(post.header("Allow"), Some("GET, HEAD, PUT, DELETE"));
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let xdms = xdms().await;
    let document = |length: usize| format!("<a>{}</a>", " ".repeat(length - "<a></a>".len()));
    let fits = request(&xdms, "PUT", INDEX, TYPE, &document(MAX_BODY)).await;
    assert_eq!(fits.status, 201);
    let long = request(&xdms, "PUT", INDEX, TYPE, &document(MAX_BODY + 1)).await;
    assert_eq!(long.status, 413);
}

#[tokio::test]
async fn other_usages_keep_the_type_they_came_with() {
    let xdms = xdms().await;
    let path = "/xcap-root/org.example.notes/users/a/notes";
    request(
        &xdms,
        "PUT",
        path,
        "Content-Type: application/x+xml\r\n",
        "<n/>",
    )
    .await;
    let fetched = request(&xdms, "GET", path, "", "").await;
    assert_eq!(fetched.header("Content-Type"), Some("application/x+xml"));
    xdms.put("org.example.notes", "a", "notes", "<n/>").unwrap();
    let fetched = request(&xdms, "GET", path, "", "").await;
    assert_eq!(fetched.header("Content-Type"), Some("application/xml"));
}

#[tokio::test]
async fn every_change_is_told_with_the_tags_before_and_after() {
    let xdms = xdms().await;
    let mut changes = xdms.changes();
    let first = xdms
        .put("resource-lists", "sip:alice@example.org", "index", LISTS)
        .unwrap();
    let replaced = request(&xdms, "PUT", INDEX, TYPE, LISTS).await;
    let second = replaced.etag().to_owned();
    assert!(xdms.delete("resource-lists", "sip:alice@example.org", "index"));
    let path = "resource-lists/users/sip:alice@example.org/index";
    for (old, new) in [
        (None, Some(first.clone())),
        (Some(first), Some(second.clone())),
        (Some(second), None),
    ] {
        let expected = DocumentChange {
            path: path.into(),
            old,
            new,
        };
        let told = timeout(DEADLINE, changes.recv()).await.unwrap();
        assert_eq!(told.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections_and_its_port() {
    let xdms = xdms().await;
    let addr = xdms.addr();
    let mut idle = TcpStream::connect(addr).await.unwrap();
    let ask = format!("GET / HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    idle.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(DEADLINE, idle.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    drop(xdms);
    let mut rest = Vec::new();
    let end = timeout(DEADLINE, idle.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the idle connection stays open");
    assert!(TcpStream::connect(addr).await.is_err());
}
