//! Elements, attributes and namespace bindings (RFC 4825 §7.4…7.11, §8.2…8.5, §10).

mod http;

use http::{ALICE, ATT, EL, INDEX, Response, TYPE, request, xdms};
use rollmark_xdms::Xdms;

const BODY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<rl:resource-lists xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:x=\"urn:x\">\r\n  \
     <rl:list name=\"friends\"  x:colour='red'>\r\n    <!-- one -->\r\n    <rl:entry uri=\"sip:bob@example.org\"><rl:display-name>B\u{f6}b</rl:display-name></rl:entry>\r\n    \
     <rl:entry uri=\"sip:carol@example.org\"/>\r\n  </rl:list>\r\n  <list xmlns=\"urn:ietf:params:xml:ns:resource-lists\" name=\"a/b\"/>\r\n</rl:resource-lists>\r\n";

async fn with_lists() -> Xdms {
    let xdms = xdms().await;
    xdms.put("resource-lists", ALICE, "index", BODY).unwrap();
    xdms
}

fn path(node: &str) -> String {
    format!("{INDEX}/~~/{node}")
}

async fn get(xdms: &Xdms, node: &str) -> Response {
    request(xdms, "GET", &path(node), "", "").await
}

fn text(xdms: &Xdms) -> String {
    let document = xdms.document("resource-lists", ALICE, "index").unwrap();
    String::from_utf8(document.body.to_vec()).unwrap()
}

/// XDM-06, XDM-07, XDM-21, XDM-22, XDM-23 (RFC 4825 §7.6, §7.9, §8.3).
#[tokio::test]
async fn nodes_are_fetched_as_they_stand_in_the_document() {
    let xdms = with_lists().await;
    let whole = request(&xdms, "GET", INDEX, "", "").await;
    let carol = "<rl:entry uri=\"sip:carol@example.org\"/>";
    for (node, kind, body) in [
        (
            "resource-lists/list%5B@name=%22friends%22%5D/entry%5B2%5D",
            "el",
            carol,
        ),
        (
            "resource-lists/list%5b1%5d/entry%5b@uri='sip:carol@example.org'%5d",
            "el",
            carol,
        ),
        (
            "resource-lists/*%5B1%5D/*%5B@uri=%22sip%3Acarol%40example.org%22%5D",
            "el",
            carol,
        ),
        (
            "resource-lists/list%5B1%5D/entry%5B1%5D/display-name",
            "el",
            "<rl:display-name>B\u{f6}b</rl:display-name>",
        ),
        (
            "resource-lists/list%5B@name=%22a/b%22%5D/@name",
            "att",
            "\"a/b\"",
        ),
        (
            "resource-lists/list%5B@name=%22a%2Fb%22%5D/@name",
            "att",
            "\"a/b\"",
        ),
        (
            "resource-lists/list%5B1%5D/@y:colour?xmlns(y=urn:x)",
            "att",
            "'red'",
        ),
        (
            "z:resource-lists/z:list%5B@y:colour=%22red%22%5D/@name?xmlns(z=urn:ietf:params:xml:ns:resource-lists)xmlns(y=urn:x)",
            "att",
            "\"friends\"",
        ),
        (
            "resource-lists/list%5B2%5D/namespace::*",
            "ns",
            "<list xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:x=\"urn:x\"/>",
        ),
        (
            "resource-lists/list%5B1%5D/namespace::*",
            "ns",
            "<rl:list xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:x=\"urn:x\"/>",
        ),
    ] {
        let fetched = get(&xdms, node).await;
        assert_eq!(
            (fetched.status, fetched.body.as_str()),
            (200, body),
            "{node}"
        );
        let content_type = format!("application/xcap-{kind}+xml");
        assert_eq!(
            fetched.header("Content-Type"),
            Some(content_type.as_str()),
            "{node}"
        );
        assert_eq!(fetched.etag(), whole.etag(), "one tag for all nodes");
    }
    let encoded = format!("{INDEX}/%7E%7e/resource-lists/list%5B2%5D/@name");
    assert_eq!(
        request(&xdms, "GET", &encoded, "", "").await.body,
        "\"a/b\""
    );
    for node in [
        "resource-lists/list",
        "resource-lists/list%5B3%5D",
        "resource-lists/list%5B2%5D/@x",
        "other",
        "resource-lists/entry",
        "*/*",
    ] {
        assert_eq!(get(&xdms, node).await.status, 404, "{node}");
    }
    let nobody = "/xcap-root/resource-lists/users/sip:nobody@example.org/index/~~/resource-lists";
    assert_eq!(request(&xdms, "GET", nobody, "", "").await.status, 404);
    let head = request(&xdms, "HEAD", &path("resource-lists/list%5B2%5D"), "", "").await;
    assert_eq!(
        (head.status, head.body.as_str(), head.etag()),
        (200, "", whole.etag())
    );
}

/// XDM-21, XDM-30 (RFC 4825 §7.4, §7.5, §8.2.7, §8.5).
#[tokio::test]
async fn an_element_is_put_replaced_and_deleted_and_the_rest_stays() {
    let xdms = with_lists().await;
    let before = xdms
        .document("resource-lists", ALICE, "index")
        .unwrap()
        .etag;
    let dave =
        "resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:dave@example.org%22%5D";
    let element = "<rl:entry uri=\"sip:dave@example.org\"/>";
    let created = request(&xdms, "PUT", &path(dave), EL, element).await;
    assert_eq!(
        (created.status, created.body.as_str()),
        (201, ""),
        "{}",
        created.head
    );
    assert_eq!(created.header("Location"), Some(path(dave).as_str()));
    let carol = "<rl:entry uri=\"sip:carol@example.org\"/>";
    assert_eq!(
        text(&xdms),
        BODY.replace(carol, &format!("{carol}{element}"))
    );
    let fetched = get(&xdms, dave).await;
    assert_eq!(
        (fetched.body.as_str(), fetched.etag()),
        (element, created.etag())
    );
    assert_ne!(created.etag(), before);
    let fetched = request(&xdms, "GET", INDEX, "", "").await;
    assert_eq!(fetched.etag(), created.etag());

    let named =
        "<rl:entry uri='sip:dave@example.org'><rl:display-name>D</rl:display-name></rl:entry>";
    let replaced = request(&xdms, "PUT", &path(dave), EL, format!("{named}\n")).await;
    assert_eq!((replaced.status, replaced.body.as_str()), (200, ""));
    assert_ne!(replaced.etag(), created.etag());
    assert_eq!(get(&xdms, dave).await.body, named);

    let deleted = request(&xdms, "DELETE", &path(dave), "", "").await;
    assert_eq!(deleted.status, 200);
    assert_ne!(deleted.etag(), replaced.etag());
    assert_eq!(text(&xdms), BODY);
    assert_eq!(get(&xdms, INDEX).await.status, 404);
    assert_eq!(
        request(&xdms, "GET", INDEX, "", "").await.etag(),
        deleted.etag()
    );
    assert_eq!(
        request(&xdms, "DELETE", &path(dave), "", "").await.status,
        404
    );
}

/// RFC 4825 §7.7, §7.8.
#[tokio::test]
async fn an_attribute_is_put_replaced_and_deleted() {
    let xdms = with_lists().await;
    let size = "resource-lists/list%5B1%5D/@x:size?xmlns(x=urn:x)";
    let created = request(&xdms, "PUT", &path(size), ATT, "\"9\"").await;
    assert_eq!(created.status, 201);
    assert_eq!(
        text(&xdms),
        BODY.replace("x:colour='red'", "x:colour='red' x:size=\"9\"")
    );
    let replaced = request(&xdms, "PUT", &path(size), ATT, "'10'").await;
    assert_eq!(replaced.status, 200);
    assert_eq!(get(&xdms, size).await.body, "'10'");
    let deleted = request(&xdms, "DELETE", &path(size), "", "").await;
    assert_eq!((deleted.status, text(&xdms).as_str()), (200, BODY));
    assert_eq!(
        request(&xdms, "DELETE", &path(size), "", "").await.status,
        404
    );
    let renamed = request(
        &xdms,
        "PUT",
        &path("resource-lists/list%5B1%5D/@name"),
        ATT,
        "\"enemies\"",
    )
    .await;
    assert_eq!(renamed.status, 200);
    assert_eq!(text(&xdms), BODY.replace("\"friends\"", "\"enemies\""));
}

/// XDM-28 (RFC 4825 §8.2, §8.4, §11): each is refused by name, and nothing changes.
#[tokio::test]
async fn what_cannot_be_done_to_a_node_is_a_conflict_by_name() {
    let xdms = with_lists().await;
    let friends = "resource-lists/list%5B@name=%22friends%22%5D";
    let entry = |rest: &str| format!("{friends}/entry%5B@uri=%22sip:dave@example.org%22%5D{rest}");
    let dave = "<rl:entry uri=\"sip:dave@example.org\"/>";
    for (method, node, headers, body, name) in [
        ("PUT", entry(""), EL, "<rl:entry>", "not-xml-frag"),
        (
            "PUT",
            entry(""),
            EL,
            "<p:entry uri=\"sip:dave@example.org\"/>",
            "not-xml-frag",
        ),
        (
            "PUT",
            entry(""),
            EL,
            "<rl:entry uri=\"sip:eve@example.org\"/>",
            "cannot-insert",
        ),
        (
            "PUT",
            entry(""),
            EL,
            "<entry uri=\"sip:dave@example.org\"/>",
            "cannot-insert",
        ),
        ("PUT", format!("{friends}/entry"), EL, dave, "cannot-insert"),
        (
            "PUT",
            format!("{friends}/entry%5B9%5D"),
            EL,
            dave,
            "cannot-insert",
        ),
        (
            "PUT",
            format!("{friends}/entry%5B3%5D"),
            EL,
            "<rl:entry uri=\"sip:bob@example.org\"/>",
            "uniqueness-failure",
        ),
        (
            "PUT",
            format!("{friends}/unknown"),
            EL,
            "<rl:unknown/>",
            "schema-validation-error",
        ),
        (
            "PUT",
            format!("{friends}/x:unknown%5B@a=%221%22%5D/x:y?xmlns(x=urn:x)"),
            EL,
            "<x:y/>",
            "no-parent",
        ),
        (
            "PUT",
            format!("{friends}/@other"),
            ATT,
            "\"1\"",
            "schema-validation-error",
        ),
        (
            "PUT",
            format!("{friends}/@name"),
            ATT,
            "\"foes\"",
            "cannot-insert",
        ),
        (
            "PUT",
            "resource-lists/list%5B1%5D/@name".into(),
            ATT,
            "foes",
            "not-xml-att-value",
        ),
        (
            "PUT",
            "resource-lists/list%5B1%5D/@name".into(),
            ATT,
            "\"a/b\"",
            "uniqueness-failure",
        ),
        ("PUT", entry("/@uri"), ATT, "\"1\"", "no-parent"),
        (
            "DELETE",
            format!("{friends}/entry%5B1%5D"),
            "",
            "",
            "cannot-delete",
        ),
        (
            "DELETE",
            format!("{friends}/entry%5B1%5D/@uri"),
            "",
            "",
            "schema-validation-error",
        ),
        (
            "DELETE",
            "resource-lists".into(),
            "",
            "",
            "schema-validation-error",
        ),
    ] {
        let refused = request(&xdms, method, &path(&node), headers, body).await;
        // An element in the wrong namespace is not the one that is selected.
        assert_eq!(refused.conflict(), name, "{method} {node} {body}");
        assert_eq!(text(&xdms), BODY, "{method} {node}");
    }
    let refused = request(
        &xdms,
        "PUT",
        &path(&entry("")),
        EL,
        b"<rl:entry uri=\"sip:dave@example.org\">\xE9</rl:entry>",
    )
    .await;
    assert_eq!(refused.conflict(), "not-utf-8");
    let refused = request(
        &xdms,
        "PUT",
        &path("resource-lists/list%5B1%5D/@name"),
        ATT,
        b"\"\xE9\"",
    )
    .await;
    assert_eq!(refused.conflict(), "not-utf-8");
    for (node, wrong) in [
        (entry(""), TYPE),
        (entry(""), ""),
        (format!("{friends}/@name"), EL),
    ] {
        assert_eq!(
            request(&xdms, "PUT", &path(&node), wrong, dave)
                .await
                .status,
            415,
            "{node}"
        );
    }
    for method in ["PUT", "DELETE"] {
        let node = path(&format!("{friends}/namespace::*"));
        let refused = request(&xdms, method, &node, EL, dave).await;
        assert_eq!(refused.status, 405, "RFC 4825 §8.2, §8.4");
        assert!(refused.header("Allow").unwrap().contains("GET"));
    }
    assert_eq!(
        request(&xdms, "DELETE", &path("resource-lists/list"), "", "")
            .await
            .status,
        404
    );
}

/// RFC 4825 §11.1: the closest ancestor there is, percent-encoded, with the bindings its prefixes need.
#[tokio::test]
async fn a_missing_parent_comes_with_the_closest_that_exists() {
    let xdms = xdms().await;
    let root = xdms.root().to_owned();
    let home = format!("{root}/resource-lists/users/sip:alice@example.org");
    let no_document = request(&xdms, "PUT", &path("resource-lists/list"), EL, "<list/>").await;
    assert_eq!(no_document.conflict(), "no-parent");
    assert!(
        no_document
            .body
            .contains(&format!("<ancestor>{home}/</ancestor>")),
        "{}",
        no_document.body
    );
    xdms.put("resource-lists", ALICE, "index", BODY).unwrap();
    for (node, ancestor) in [
        ("other/list", ""),
        (
            "resource-lists/list%5B@name=%22foes%22%5D/entry",
            "/~~/resource-lists",
        ),
        (
            "resource-lists/list%5B@name=%22a/b%22%5D/list/entry",
            "/~~/resource-lists/list%5B@name=%22a/b%22%5D",
        ),
        (
            "z:resource-lists/z:list%5B9%5D/@name?xmlns(z=urn:ietf:params:xml:ns:resource-lists)",
            "/~~/z:resource-lists?xmlns(z=urn:ietf:params:xml:ns:resource-lists)",
        ),
    ] {
        let kind = if node.contains("/@name") && !node.contains("entry") {
            ATT
        } else {
            EL
        };
        let refused = request(&xdms, "PUT", &path(node), kind, "<entry/>").await;
        assert_eq!(refused.conflict(), "no-parent", "{node}");
        let ancestor = format!("<ancestor>{home}/index{ancestor}</ancestor>");
        assert!(
            refused.body.contains(&ancestor),
            "{ancestor} in {}",
            refused.body
        );
    }
}

/// XDM-20, XDM-29 (RFC 4825 §7.11, §8.2.6): conditions on a node are conditions on its document.
#[tokio::test]
async fn conditions_hold_for_nodes() {
    let xdms = with_lists().await;
    let node = path("resource-lists/list%5B@name=%22new%22%5D");
    let element = "<rl:list name=\"new\"/>";
    let old = xdms
        .document("resource-lists", ALICE, "index")
        .unwrap()
        .etag;
    let none = format!("{EL}If-None-Match: *\r\n");
    assert_eq!(
        request(&xdms, "PUT", &node, &none, element).await.status,
        412,
        "no conditional insertion"
    );
    let on_old = format!("{EL}If-Match: \"other\", {old}\r\n");
    let created = request(&xdms, "PUT", &node, &on_old, element).await;
    assert_eq!(created.status, 201);
    assert_eq!(
        request(&xdms, "PUT", &node, &on_old, element).await.status,
        412
    );
    let on_old = format!("If-Match: {old}\r\n");
    assert_eq!(
        request(&xdms, "DELETE", &node, &on_old, "").await.status,
        412
    );
    let held = format!("If-None-Match: {}\r\n", created.etag());
    let unchanged = request(&xdms, "GET", &node, &held, "").await;
    assert_eq!(
        (unchanged.status, unchanged.body.as_str(), unchanged.etag()),
        (304, "", created.etag())
    );
    let on_new = format!("If-Match: {}\r\n", created.etag());
    assert_eq!(
        request(&xdms, "DELETE", &node, &on_new, "").await.status,
        200
    );
}

/// Two hundred clients that add each their own entry, without conditions, all succeed.
#[tokio::test]
async fn changes_of_many_at_once_are_all_kept() {
    let xdms = std::sync::Arc::new(with_lists().await);
    let clients: Vec<_> = (0..200)
        .map(|n| {
            let xdms = xdms.clone();
            tokio::spawn(async move {
                let node = path(&format!(
                    "resource-lists/list%5B1%5D/entry%5B@uri=%22sip:u{n}@h%22%5D"
                ));
                let element = format!("<rl:entry uri=\"sip:u{n}@h\"/>");
                request(&xdms, "PUT", &node, EL, element).await.status
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.unwrap(), 201);
    }
    assert_eq!(text(&xdms).matches("<rl:entry uri=\"sip:u").count(), 200);
}
