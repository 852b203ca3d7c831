//! Whole documents (RFC 4825 §7.1…7.3, §7.11, §8.1…8.5).

mod http;

use http::{ALICE, DEADLINE, INDEX, LISTS, TYPE, request, xdms};
use rollmark_xdms::{DocumentChange, MAX_BODY, MAX_SELECTOR, PutError, Settings, Usage, Xdms};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// XDM-21, XDM-22, XDM-24.
#[tokio::test]
async fn a_document_is_created_fetched_replaced_and_deleted() {
    let xdms = xdms().await;
    assert_eq!(xdms.root(), format!("http://{}/xcap-root", xdms.addr()));
    let nothing = request(&xdms, "GET", INDEX, "", "").await;
    assert_eq!(nothing.status, 404);

    // RFC 4825 §7.1, §8.2.7
    let created = request(&xdms, "PUT", INDEX, TYPE, LISTS).await;
    assert_eq!((created.status, created.body.as_str()), (201, ""));
    assert_eq!(created.header("Location"), Some(INDEX));
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

    let replaced = request(&xdms, "PUT", INDEX, TYPE, LISTS).await;
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

/// XDM-20, XDM-29.
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

/// XDM-28.
#[tokio::test]
async fn a_body_that_is_no_document_is_a_conflict_and_changes_nothing() {
    // RFC 4825 §8.2.2, §8.2.5, §11; RFC 4826 §3.4.5
    let xdms = xdms().await;
    let etag = xdms.put("resource-lists", ALICE, "index", LISTS);
    let broken = request(&xdms, "PUT", INDEX, TYPE, "<resource-lists>").await;
    assert_eq!(broken.conflict(), "not-well-formed");
    let latin = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><resource-lists/>";
    let encoding = request(&xdms, "PUT", INDEX, TYPE, latin).await;
    assert_eq!(encoding.conflict(), "not-utf-8");
    let octets = request(
        &xdms,
        "PUT",
        INDEX,
        TYPE,
        b"<resource-lists>\xE9</resource-lists>",
    )
    .await;
    assert_eq!(octets.conflict(), "not-utf-8");
    let charset = "Content-Type: application/resource-lists+xml; charset=\"ISO-8859-1\"\r\n";
    assert_eq!(
        request(&xdms, "PUT", INDEX, charset, LISTS)
            .await
            .conflict(),
        "not-utf-8"
    );
    let other = request(&xdms, "PUT", INDEX, TYPE, "<a/>").await;
    assert_eq!(other.conflict(), "schema-validation-error");
    let lists = |content: &str| LISTS.replace("/>", &format!(">{content}</resource-lists>"));
    let twice = lists("<list name=\"a\"/><list name=\"a\"/>");
    let twice = request(&xdms, "PUT", INDEX, TYPE, twice).await;
    assert_eq!(twice.conflict(), "uniqueness-failure");
    let field = "<exists field=\"resource-lists/list%5B2%5D/@name\"/>";
    assert!(twice.body.contains(field), "{}", twice.body);
    let anchor = lists("<list><external anchor=\"sip:a@h\"/></list>");
    let anchor = request(&xdms, "PUT", INDEX, TYPE, anchor).await;
    assert_eq!(anchor.conflict(), "constraint-failure");
    for headers in [
        "",
        "Content-Type: application/xml\r\n",
        "Content-Type: application/resource-lists+xml\r\nContent-Encoding: gzip\r\n",
    ] {
        let refused = request(&xdms, "PUT", INDEX, headers, LISTS).await;
        assert_eq!(refused.status, 415, "{headers}");
    }
    let part = format!("{TYPE}Content-Range: bytes 0-1/2\r\n");
    assert_eq!(request(&xdms, "PUT", INDEX, &part, LISTS).await.status, 400);
    let text = request(&xdms, "PUT", INDEX, "Content-Type: text/plain\r\n", LISTS).await;
    assert_eq!(text.status, 415);
    let by_code = xdms.put("resource-lists", ALICE, "index", "<a>");
    assert!(matches!(by_code, Err(PutError::Conflict { .. })));

    let kept = request(&xdms, "GET", INDEX, "", "").await;
    assert_eq!(kept.etag(), etag.unwrap());
    assert_eq!(kept.body, LISTS);
}

/// RFC 4825 §8: another root, an application usage that is not known, a name without directory, an extension.
#[tokio::test]
async fn what_is_not_served_is_refused() {
    let xdms = xdms().await;
    xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    let extension = format!("{INDEX}/~~/resource-lists/text()");
    let unbound = format!("{INDEX}/~~/p:resource-lists");
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
        (
            "GET",
            "/xcap-root/resource-lists/users/sip:alice@example.org/dir/index",
            404,
        ),
        (
            "DELETE",
            "/xcap-root/resource-lists/users/sip:alice@example.org/dir/index",
            404,
        ),
        (
            "GET",
            "/xcap-root/org.example.unknown/users/sip:alice@example.org/index",
            404,
        ),
        (
            "PUT",
            "/xcap-root/org.example.unknown/users/sip:alice@example.org/index",
            404,
        ),
        ("GET", "/xcap-root/resource-lists/users/%zz/index", 400),
        ("GET", extension.as_str(), 404),
        ("PUT", extension.as_str(), 404),
        ("GET", unbound.as_str(), 400),
        ("PUT", unbound.as_str(), 400),
    ] {
        let answer = request(&xdms, method, path, TYPE, LISTS).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    let deeper = "/xcap-root/resource-lists/users/sip:alice@example.org/dir/index";
    let lost = request(&xdms, "PUT", deeper, TYPE, LISTS).await;
    assert_eq!(lost.conflict(), "no-parent");
    let home = format!(
        "<ancestor>{}/resource-lists/users/sip:alice@example.org/</ancestor>",
        xdms.root()
    );
    assert!(lost.body.contains(&home), "{}", lost.body);
}

/// RFC 4825 §8.1; RFC 9110 §9.3.7.
#[tokio::test]
async fn methods_that_are_not_ours_are_answered_with_ours() {
    let xdms = xdms().await;
    let node = format!("{INDEX}/~~/resource-lists");
    let bindings = format!("{node}/namespace::*");
    let all = Some("GET, HEAD, PUT, DELETE, OPTIONS");
    let reading = Some("GET, HEAD, OPTIONS");
    for (method, path, status, allow) in [
        ("POST", INDEX, 405, all),
        ("PATCH", INDEX, 405, all),
        ("POST", node.as_str(), 405, all),
        ("POST", bindings.as_str(), 405, reading),
        ("PUT", "/xcap-root/xcap-caps/global/index", 405, reading),
        ("DELETE", "/xcap-root/xcap-caps/global/index", 405, reading),
        ("OPTIONS", INDEX, 200, all),
        ("OPTIONS", node.as_str(), 200, all),
        ("OPTIONS", "/xcap-root/xcap-caps/global/index", 200, reading),
        ("OPTIONS", "*", 200, all),
    ] {
        let answer = request(&xdms, method, path, "", "").await;
        assert_eq!(
            (answer.status, answer.header("Allow")),
            (status, allow),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn requests_and_documents_have_limits() {
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    settings.usages = vec![Usage::new("org.example.notes", "application/x+xml", None)];
    settings.max_documents = 2;
    let xdms = Xdms::start(settings).await.unwrap();
    let notes = |name: &str| format!("/xcap-root/org.example.notes/users/a/{name}");
    let kind = "Content-Type: application/x+xml\r\n";
    let document = |length: usize| format!("<a>{}</a>", " ".repeat(length - "<a></a>".len()));
    let fits = request(&xdms, "PUT", &notes("long"), kind, document(MAX_BODY)).await;
    assert_eq!(fits.status, 201);
    let long = request(&xdms, "PUT", &notes("long"), kind, document(MAX_BODY + 1)).await;
    assert_eq!(long.status, 413);
    let el = "Content-Type: application/xcap-el+xml\r\n";
    let grown = request(&xdms, "PUT", &notes("long/~~/a/b"), el, "<b/>").await;
    assert_eq!(grown.conflict(), "constraint-failure");

    let path = notes(&"n".repeat(MAX_SELECTOR - notes("").len()));
    assert_eq!(request(&xdms, "GET", &path, "", "").await.status, 404);
    assert_eq!(
        request(&xdms, "GET", &format!("{path}n"), "", "")
            .await
            .status,
        414
    );

    assert_eq!(
        request(&xdms, "PUT", &notes("two"), kind, "<n/>")
            .await
            .status,
        201
    );
    assert_eq!(
        request(&xdms, "PUT", &notes("three"), kind, "<n/>")
            .await
            .status,
        507
    );
    assert_eq!(
        request(&xdms, "PUT", &notes("two"), kind, "<m/>")
            .await
            .status,
        200
    );
    assert_eq!(
        request(&xdms, "DELETE", &notes("two"), "", "").await.status,
        200
    );
    assert_eq!(
        request(&xdms, "PUT", &notes("three"), kind, "<n/>")
            .await
            .status,
        201
    );
    let fetched = request(&xdms, "GET", &notes("three"), "", "").await;
    assert_eq!(fetched.header("Content-Type"), Some("application/x+xml"));
}

/// XDM-03: the global tree.
#[tokio::test]
async fn global_documents_are_served_too() {
    let xdms = xdms().await;
    let etag = xdms.put_global("resource-lists", "index", LISTS).unwrap();
    let path = "/xcap-root/resource-lists/global/index";
    let fetched = request(&xdms, "GET", path, "", "").await;
    assert_eq!((fetched.status, fetched.etag()), (200, etag.as_str()));
    assert_eq!(request(&xdms, "DELETE", path, "", "").await.status, 200);
}

/// XDM-25, XDM-42 (RFC 4825 §12).
#[tokio::test]
async fn the_server_says_what_it_can() {
    let xdms = xdms().await;
    let caps = request(&xdms, "GET", "/xcap-root/xcap-caps/global/index", "", "").await;
    assert_eq!(
        caps.header("Content-Type"),
        Some("application/xcap-caps+xml")
    );
    for named in [
        "<auid>xcap-caps</auid>",
        "<auid>resource-lists</auid>",
        "<auid>org.openmobilealliance.access-rules</auid>",
        "<namespace>urn:ietf:params:xml:ns:xcap-caps</namespace>",
        "<namespace>urn:ietf:params:xml:ns:resource-lists</namespace>",
    ] {
        assert!(caps.body.contains(named), "{named} in {}", caps.body);
    }
    let known = format!("If-None-Match: {}\r\n", caps.etag());
    assert_eq!(
        request(
            &xdms,
            "GET",
            "/xcap-root/xcap-caps/global/index",
            &known,
            ""
        )
        .await
        .status,
        304
    );
    let node = "/xcap-root/xcap-caps/global/index/~~/xcap-caps/auids/auid%5B1%5D";
    assert_eq!(
        request(&xdms, "GET", node, "", "").await.body,
        "<auid>xcap-caps</auid>"
    );
    let user = "/xcap-root/xcap-caps/users/sip:alice@example.org/index";
    assert_eq!(request(&xdms, "GET", user, "", "").await.status, 404);
}

/// XDM-41.
#[tokio::test]
async fn the_directory_lists_the_documents_of_a_user() {
    let xdms = xdms().await;
    let path = "/xcap-root/org.openmobilealliance.xcap-directory/users/sip:alice@example.org/directory.xml";
    let empty = request(&xdms, "GET", path, "", "").await;
    assert_eq!(empty.status, 200);
    assert!(!empty.body.contains("<folder"), "{}", empty.body);
    let etag = xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    xdms.put("resource-lists", ALICE, "a b", LISTS).unwrap();
    xdms.put("resource-lists", "sip:bob@example.org", "other", LISTS)
        .unwrap();
    let rules = "<ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\"/>";
    xdms.put("pres-rules", ALICE, "index", rules).unwrap();
    let listed = request(&xdms, "GET", path, "", "").await;
    assert_eq!(
        listed.header("Content-Type"),
        Some("application/vnd.oma.xcap-directory+xml")
    );
    assert_ne!(listed.etag(), empty.etag());
    let root = xdms.root();
    let entry = format!(
        "<entry uri=\"{root}/resource-lists/users/sip:alice@example.org/index\" etag=\"{}\" size=\"{}\"/></folder>",
        etag.trim_matches('"'),
        LISTS.len()
    );
    assert!(
        listed
            .body
            .contains("<folder auid=\"resource-lists\"><entry uri="),
        "{}",
        listed.body
    );
    assert!(listed.body.contains(&entry), "{}", listed.body);
    assert!(
        listed.body.contains("/sip:alice@example.org/a%20b\""),
        "{}",
        listed.body
    );
    assert_eq!(listed.body.matches("<folder").count(), 2);
    assert!(!listed.body.contains("bob"), "{}", listed.body);
}

#[tokio::test]
async fn every_change_is_told_with_the_tags_before_and_after() {
    let xdms = xdms().await;
    let mut changes = xdms.changes();
    let first = xdms.put("resource-lists", ALICE, "index", LISTS).unwrap();
    let replaced = request(&xdms, "PUT", INDEX, TYPE, LISTS).await;
    let second = replaced.etag().to_owned();
    assert!(xdms.delete("resource-lists", ALICE, "index"));
    let path = "resource-lists/users/sip:alice@example.org/index";
    for (old, new) in [
        (None, Some(first.clone())),
        (Some(first), Some(second.clone())),
        (Some(second), None),
    ] {
        let expected = DocumentChange::new(path, old.as_deref(), new.as_deref());
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
