//! Settings of how an XDMS is asked, against the embedded one and against servers that keep silent.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};

use rollmark_xdms::{DigestAlgorithm, Settings, User, Xdms};
use serde_json::Value;

use crate::Configured;

const ME: &str = "sip:alice@example.org";

fn nothing_there() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn lists(inner: &str) -> String {
    format!(
        "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>{inner}</resource-lists>"
    )
}

async fn xdms(document: &str) -> Xdms {
    let server = Xdms::start(Settings::new(nothing_there()))
        .await
        .expect("an XDMS");
    server
        .put("resource-lists", ME, "index", document.to_owned())
        .expect("a document");
    server
}

/// Runs while the runtime serves.
async fn object(settings: String, args: &'static [&'static str]) -> Value {
    let run = move || Configured::new(&settings).object(args);
    tokio::task::spawn_blocking(run).await.expect("an outcome")
}

fn entries(blocked: &Value) -> Vec<&str> {
    let entries = blocked["entries"].as_array().expect("entries");
    entries
        .iter()
        .filter_map(|entry| entry["entry"].as_str())
        .collect()
}

/// XDM-43, XDM-48: nested lists, and other servers that lists lead to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_of_lists_is_a_setting() {
    let other = xdms(&lists(
        "<list name='more'><entry uri='sip:carol@x'/></list>",
    ))
    .await;
    let anchor = format!(
        "{}/resource-lists/users/sip:bob@example.org/index/~~/resource-lists/list%5B@name=%22more%22%5D",
        other.root()
    );
    let theirs = lists("<list name='more'><entry uri='sip:carol@x'/></list>");
    other
        .put("resource-lists", "sip:bob@example.org", "index", theirs)
        .expect("a document");
    let own = xdms(&lists(&format!(
        "<list name='oma_blockedcontacts'><entry uri='sip:bob@x'/><external anchor='{anchor}'/></list>\
         <list name='mine'><list name='oma_blockedcontacts'><entry uri='sip:dave@x'/></list></list>"
    )))
    .await;
    let base = format!("as = '{ME}'\nxcap-root = '{}'\n", own.root());
    for (settings, expected) in [
        (String::new(), &["sip:bob@x"][..]),
        (
            "nested-list-names = true".into(),
            &["sip:bob@x", "sip:dave@x"],
        ),
        (
            format!("foreign-xcap-root = ['{}']", other.root()),
            &["sip:bob@x", "sip:carol@x"],
        ),
    ] {
        let blocked = object(format!("{base}{settings}"), &["xdm", "blocked"]).await;
        let mut found = entries(&blocked);
        found.sort_unstable();
        assert_eq!(found, expected, "{settings}");
    }
}

/// SEC-13: time-outs and the largest document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patience_and_size_are_settings() {
    let failure = |settings: String| async move {
        let run = move || Configured::new(&settings).run(&["xdm", "get", "resource-lists"]);
        let output = tokio::task::spawn_blocking(run).await.expect("an outcome");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };
    // It accepts connections, and says nothing.
    let silent = TcpListener::bind(nothing_there()).expect("a listener");
    let at = silent.local_addr().expect("its address");
    let (whole, connecting) = tokio::join!(
        failure(format!(
            "as = '{ME}'\nxcap-root = 'http://{at}'\nxcap-timeout = 1"
        )),
        // TLS is part of the connection, and never comes about.
        failure(format!(
            "as = '{ME}'\nxcap-root = 'https://{at}'\nxcap-connect-timeout = 1"
        )),
    );
    for text in [whole, connecting] {
        assert!(
            text.contains("1 s") || text.contains("time") || text.contains("answer"),
            "{text}"
        );
    }
    let server = xdms(&lists(
        "<list name='oma_blockedcontacts'><entry uri='sip:bob@x'/></list>",
    ))
    .await;
    let base = format!("as = '{ME}'\nxcap-root = '{}'\n", server.root());
    let text = failure(format!("{base}xcap-max-document = 50")).await;
    assert!(text.contains("50"), "{text}");
    let fetched = object(
        format!("{base}xcap-max-document = 500"),
        &["xdm", "get", "resource-lists"],
    )
    .await;
    assert!(
        fetched["body"]
            .as_str()
            .is_some_and(|body| body.contains("sip:bob@x"))
    );
}

/// XDM-11, SEC-10, SEC-12: which realm and which algorithms are answered, and what the proxy is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_an_xdms_is_answered_is_a_setting() {
    let start = async |algorithms: Vec<DigestAlgorithm>| {
        let settings = Settings {
            users: vec![User::new("alice", "sesame").xui(ME)],
            realm: "xcap.example.org".into(),
            algorithms,
            ..Settings::new(nothing_there())
        };
        let server = Xdms::start(settings).await.expect("an XDMS");
        server
            .put("resource-lists", ME, "index", lists(""))
            .expect("a document");
        server
    };
    let old = start(vec![DigestAlgorithm::Md5]).await;
    let new = start(vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5]).await;
    for (server, more, reached) in [
        (&old, "", true),
        (&old, "xcap-no-md5 = true", false),
        (&new, "xcap-no-md5 = true", true),
        (&new, "xcap-realm = 'xcap.example.org'", true),
        (&new, "xcap-realm = 'other.example.org'", false),
    ] {
        let settings = format!(
            "as = '{ME}'\nxcap-root = '{}'\nxcap-user = 'alice'\nxcap-password-file = 'secret'\n{more}",
            server.root()
        );
        let run = move || {
            Configured::new(&settings).with("secret", "sesame\n").run(&[
                "xdm",
                "get",
                "resource-lists",
            ])
        };
        let output = tokio::task::spawn_blocking(run).await.expect("an outcome");
        assert_eq!(output.status.success(), reached, "{more}: {output:?}");
    }
    // What is asked, as a server sees it that says nothing.
    let silent = TcpListener::bind(nothing_there()).expect("a listener");
    let at = silent.local_addr().expect("an address");
    let settings = format!(
        "as = '{ME}'\nxcap-root = 'http://{at}'\nxcap-timeout = 30\nxcap-preferred-identity = 'tel:+15550100'"
    );
    let run = move || Configured::new(&settings).run(&["xdm", "get", "resource-lists"]);
    let running = tokio::task::spawn_blocking(run);
    let asked = tokio::task::spawn_blocking(move || {
        let (stream, _) = silent.accept().expect("a connection");
        let lines = BufReader::new(stream)
            .lines()
            .map(|line| line.expect("UTF-8"));
        lines
            .take_while(|line| !line.is_empty())
            .collect::<Vec<_>>()
    });
    let asked = asked.await.expect("a request").join("\n").to_lowercase();
    assert!(
        asked.contains("x-xcap-preferred-identity: \"tel:+15550100\""),
        "{asked}"
    );
    assert_eq!(running.await.expect("an outcome").status.code(), Some(1));
}
