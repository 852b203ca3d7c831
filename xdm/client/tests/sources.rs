//! Documents on an XDMS as sources: what they refer to, what is kept, what word brings, and bad input (XDM-20…52, XDM-81).
#![cfg(feature = "reqwest")]

mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollmark_core::blocklist::{BlockLists, Candidates, Mark, SourceState, Update};
use rollmark_core::digest::Credentials;
use rollmark_core::uri::IdentityRules;
use rollmark_xdm::client::Settings;
use rollmark_xdm::resource_lists::MAX_FETCHES;
use rollmark_xdm::selector::{DocumentSelector, XcapRoot};
use rollmark_xdm::source::{FileSource, Polling, Reading, XdmsSource};
use rollmark_xdm::{Connection, Http, HttpSettings};
use server::{DEADLINE, Reply, Server, document, reply};
use tokio::sync::Notify;

const ME: &str = "sip:alice@home.example";
const PATH: &str = "/xcap/resource-lists/users/sip:alice@home.example/index";

fn connection() -> Connection {
    let settings = Settings {
        credentials: Some(Credentials {
            username: "alice".into(),
            password: "pa55".into(),
        }),
        ..Settings::default()
    };
    let http = Http::new(&HttpSettings {
        timeout: Duration::from_secs(1),
        ..HttpSettings::default()
    });
    Connection::new(http.unwrap(), settings)
}

fn selector(root: &str, xui: &str) -> DocumentSelector {
    DocumentSelector::resource_lists(XcapRoot::parse(root).unwrap(), xui).unwrap()
}

/// Asks again only on word.
fn patient() -> Polling {
    Polling::default()
}

/// Asks again at once.
fn eager() -> Polling {
    let pace = Duration::from_millis(20);
    Polling {
        interval: pace,
        floor: pace,
    }
}

fn source(server: &Server, polling: Polling) -> XdmsSource {
    XdmsSource::new(connection(), selector(&server.root, ME), polling)
}

async fn next(source: &mut XdmsSource) -> Update {
    let update = tokio::time::timeout(DEADLINE, source.next()).await;
    update.expect("news in time")
}

/// State, and the blocked users of a new list.
fn shown(update: &Update) -> (SourceState, Option<Vec<&str>>) {
    let list = update.list.as_ref();
    let uris = list.map(|list| list.entries.iter().map(|entry| &*entry.uri).collect());
    (update.state, uris)
}

fn lists(etag: &str, inner: &str) -> Reply {
    let body = format!(
        "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='oma_blockedcontacts'>{inner}</list></resource-lists>"
    );
    let etag = format!("ETag: {etag}");
    reply(
        "200 OK",
        &["Content-Type: application/resource-lists+xml", &etag],
        &body,
    )
}

/// An element as a server cuts it out, without its namespace.
fn element(etag: &str, body: &str) -> Reply {
    let etag = format!("ETag: {etag}");
    reply(
        "200 OK",
        &["Content-Type: application/xcap-el+xml", &etag],
        body,
    )
}

fn external(root: &str, xui: &str, list: &str) -> String {
    format!(
        "<external anchor='{root}/resource-lists/users/{xui}/index/~~/resource-lists/list%5B@name=%22{list}%22%5D'/>"
    )
}

/// XDM-09, XDM-20, XDM-23, XDM-45, XDM-47…50.
#[tokio::test]
async fn what_a_list_refers_to_is_fetched_from_the_root_and_nowhere_else() {
    let mut server = Server::start([]).await;
    let root = server.root.clone();
    // Under the root; of this user behind the proxy; of another server; relative; of no list at all.
    let inner = [
        external(&root, "sip:bob@home.example", "shared"),
        "<external anchor='https://xcap.inside.example/resource-lists/users/sip%3Aalice%40home.example/other/~~/resource-lists/list'/>".into(),
        external("http://127.0.0.1:1", "sip:eve@x", "bait"),
        "<entry-ref ref='resource-lists/users/sip:carol@home.example/index/~~/resource-lists/list/entry%5B1%5D'/>".into(),
        "<external anchor='ftp://x/resource-lists/users/u/index/~~/resource-lists/list'/>".into(),
        "<entry uri='sip:own@x'/>".into(),
    ]
    .concat();
    server.add(lists("\"m1\"", &inner));
    server.add(element(
        "\"b1\"",
        "<list name='shared'><entry uri='sip:b1@x'/></list>",
    ));
    server.add(element(
        "\"o1\"",
        "<?xml version='1.0'?><list><entry uri='sip:o1@x'/></list>",
    ));
    server.add(element("\"c1\"", "<entry uri='sip:c1@x'/>"));
    let mut source = source(&server, eager());
    let update = next(&mut source).await;
    assert_eq!(
        shown(&update),
        (
            SourceState::Incomplete,
            Some(vec!["sip:own@x", "sip:b1@x", "sip:o1@x", "sip:c1@x"])
        )
    );
    let entries = &update.list.as_ref().unwrap().entries;
    let named = |entry: &rollmark_core::blocklist::Entry| {
        entry.list.as_deref() == Some("oma_blockedcontacts")
    };
    assert!(entries.iter().all(named), "{entries:?}");
    let nodes = [
        "/xcap/resource-lists/users/sip:bob@home.example/index/~~/resource-lists/list%5B@name=%22shared%22%5D",
        "/xcap/resource-lists/users/sip:alice@home.example/other/~~/resource-lists/list",
        "/xcap/resource-lists/users/sip:carol@home.example/index/~~/resource-lists/list/entry%5B1%5D",
    ];
    assert_eq!(
        server.request().await.line(),
        format!("GET {PATH} HTTP/1.1")
    );
    for node in nodes {
        assert_eq!(
            server.request().await.line(),
            format!("GET {node} HTTP/1.1")
        );
    }

    // The next round asks for each by its own entity tag; a node that has gone is missed, one that fails is remembered.
    server.add(reply("304 Not Modified", &[], ""));
    server.add(reply("304 Not Modified", &[], ""));
    server.add(reply("503 Later", &[], ""));
    server.add(reply("404 Not Found", &[], ""));
    let update = next(&mut source).await;
    assert_eq!(
        shown(&update),
        (
            SourceState::Incomplete,
            Some(vec!["sip:own@x", "sip:b1@x", "sip:o1@x"])
        )
    );
    for etag in ["\"m1\"", "\"b1\"", "\"o1\"", "\"c1\""] {
        assert_eq!(server.request().await.header("If-None-Match"), Some(etag));
    }
}

/// XDM-48, SEC-12.
#[tokio::test]
async fn another_server_is_asked_only_if_allowed_and_never_with_credentials() {
    let mut bait = Server::start([]).await;
    let home = Server::start([lists("m", &external(&bait.root, "sip:bob@x", "l"))]).await;
    let mut wary = source(&home, patient());
    assert_eq!(next(&mut wary).await.state, SourceState::Incomplete);
    assert!(bait.requests().is_empty(), "nobody is asked");

    let mut elsewhere = Server::start([element("e", "<list><entry uri='sip:f@x'/></list>")]).await;
    let challenge = "WWW-Authenticate: Digest realm=\"home\", nonce=\"n1\", qop=\"auth\"";
    let home = Server::start([
        reply("401 Unauthorized", &[challenge], ""),
        lists("m", &external(&elsewhere.root, "sip:bob@x", "l")),
    ])
    .await;
    let reading = Reading {
        allowed: vec![XcapRoot::parse(&elsewhere.root).unwrap()],
        ..Reading::default()
    };
    let mut source = source(&home, patient()).with_reading(reading);
    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Fresh, Some(vec!["sip:f@x"]))
    );
    assert_eq!(elsewhere.request().await.header("Authorization"), None);
}

/// XDM-51, SEC-07: ten thousand references cost a bounded number of requests.
#[tokio::test]
async fn ten_thousand_references_are_not_followed() {
    let mut server = Server::start([]).await;
    let many: String = (0..10_000)
        .map(|n| external(&server.root, "sip:bob@home.example", &n.to_string()))
        .collect();
    // The document itself is below the limit of one document only with short anchors.
    let many = many.replace("/index/~~/resource-lists/list", "/index/~~/r/l");
    let own = "<entry uri='sip:own@x'/>";
    let fits = many.get(..many.len().min(900_000)).unwrap();
    let fits = &fits[..fits.rfind("/>").unwrap() + 2];
    server.add(lists("m", &format!("{own}{fits}")));
    for n in 0..MAX_FETCHES {
        server.add(element(
            "n",
            &format!("<list><entry uri='sip:{n}@x'/></list>"),
        ));
    }
    let mut source = source(&server, patient());
    let update = next(&mut source).await;
    assert_eq!(update.state, SourceState::Incomplete);
    assert_eq!(update.list.unwrap().entries.len(), 1 + MAX_FETCHES);
    assert_eq!(server.requests().len(), 1 + MAX_FETCHES);
}

/// XDM-51: lists that refer to each other across documents.
#[tokio::test]
async fn a_circle_through_another_document_ends() {
    let server = Server::start([]).await;
    let there = external(&server.root, "sip:bob@home.example", "b");
    let here = external(&server.root, ME, "oma_blockedcontacts");
    server.add(lists("m", &format!("<entry uri='sip:a@x'/>{there}")));
    server.add(element(
        "b",
        &format!("<list name='b'><entry uri='sip:b@x'/>{here}{there}</list>"),
    ));
    let mut source = source(&server, patient());
    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Fresh, Some(vec!["sip:a@x", "sip:b@x"]))
    );
}

/// XDM-33, XDM-34, XDM-62: the documents are asked for in order, and rules bring their external lists.
#[tokio::test]
async fn the_usual_documents_are_asked_for_in_order() {
    let mut server = Server::start([]).await;
    let root = XcapRoot::parse(&server.root).unwrap();
    let rules = format!(
        "<cr:ruleset xmlns:cr='urn:ietf:params:xml:ns:common-policy' xmlns:ocp='urn:oma:xml:xdm:common-policy'>\
         <cr:rule id='r'><cr:conditions><ocp:external-list><ocp:entry anc='{}/resource-lists/users/{ME}/index/~~/resource-lists/list'/>\
         </ocp:external-list></cr:conditions></cr:rule></cr:ruleset>",
        server.root
    );
    let rules_type = ["Content-Type: application/auth-policy+xml; charset=ISO-8859-1"];
    server.add(reply("200 OK", &rules_type, &rules));
    server.add(element("l", "<list><entry uri='sip:m@x'/></list>"));
    server.add(document("d", &["sip:b@x"]));
    server.add(reply("404 Not Found", &[], ""));
    let mut sources = XdmsSource::usual(&connection(), &root, ME, patient()).unwrap();
    let mut states = Vec::new();
    for source in &mut sources {
        let update = next(source).await;
        let rules = update.list.as_ref().and_then(|list| list.rules.clone());
        let members = rules.iter().flat_map(|set| set.external_lists());
        let members: Vec<_> = members
            .map(|list| list.members.clone().expect("fetched"))
            .collect();
        if let [members] = members.as_slice() {
            assert!(
                members.complete && *members.uris == ["sip:m@x".into()],
                "{members:?}"
            );
        }
        states.push((update.state, members.len()));
    }
    assert_eq!(
        states,
        [
            (SourceState::Fresh, 1),
            (SourceState::Fresh, 0),
            (SourceState::Empty, 0)
        ]
    );
    let asked: Vec<_> = server.requests();
    let asked: Vec<_> = asked.iter().map(|request| request.line()).collect();
    let documents = [
        "/xcap/org.openmobilealliance.access-rules/users/sip:alice@home.example/access-rules",
        "/xcap/resource-lists/users/sip:alice@home.example/index/~~/resource-lists/list",
        PATH,
        "/xcap/org.openmobilealliance.pres-rules/users/sip:alice@home.example/pres-rules",
    ];
    assert_eq!(asked, documents.map(|path| format!("GET {path} HTTP/1.1")));
}

/// XDM-25, XDM-26: a server without the application usage has no such list; one that refuses it keeps its secret.
#[tokio::test]
async fn a_server_without_the_application_usage_is_told_from_one_that_refuses() {
    let caps = |auid: &str| {
        let body = format!(
            "<xcap-caps xmlns='urn:ietf:params:xml:ns:xcap-caps'><auids><auid>{auid}</auid></auids><namespaces/></xcap-caps>"
        );
        reply(
            "200 OK",
            &["Content-Type: application/xcap-caps+xml"],
            &body,
        )
    };
    let no = || reply("404 Not Found", &[], "");
    let (access, other) = ("org.openmobilealliance.access-rules", "resource-lists");
    for (refusal, second, configured, probing) in [
        (
            "403 Forbidden",
            caps(other),
            SourceState::Empty,
            SourceState::Empty,
        ),
        (
            "403 Forbidden",
            caps(access),
            SourceState::Unavailable,
            SourceState::Unavailable,
        ),
        (
            "403 Forbidden",
            no(),
            SourceState::Unavailable,
            SourceState::Unavailable,
        ),
        (
            "500 Oops",
            caps(access),
            SourceState::Unavailable,
            SourceState::Unavailable,
        ),
        (
            "500 Oops",
            no(),
            SourceState::Unavailable,
            SourceState::Empty,
        ),
        (
            "400 What",
            no(),
            SourceState::Unavailable,
            SourceState::Empty,
        ),
    ] {
        for (probe, expected) in [(false, configured), (true, probing)] {
            let server = Server::start([reply(refusal, &[], ""), second.clone()]).await;
            let root = XcapRoot::parse(&server.root).unwrap();
            let selector = DocumentSelector::user(root, access, ME, "access-rules").unwrap();
            let source = XdmsSource::new(connection(), selector, patient());
            let mut source = if probe { source.probing() } else { source };
            assert_eq!(next(&mut source).await.state, expected, "{refusal} {probe}");
        }
    }
    // No time-out, no password and no lateness of a server says that there is nothing.
    for refusal in ["503 Later", "429 Slowly", "401 Unauthorized"] {
        let server = Server::start([reply(refusal, &[], "")]).await;
        let mut source = source(&server, patient()).probing();
        assert_eq!(
            next(&mut source).await.state,
            SourceState::Unavailable,
            "{refusal}"
        );
    }
}

/// XDM-79, XDM-81: word of a change asks at once, and an answer of before it does not stay.
#[tokio::test]
async fn word_of_a_change_asks_at_once_and_the_newer_answer_stays() {
    let mut server = Server::start([document("\"e1\"", &["sip:a@x"])]).await;
    let mut source = source(&server, patient());
    let control = source.control();
    assert_eq!(next(&mut source).await.state, SourceState::Fresh);
    server.request().await;

    // The first answer is held back until after the change that makes it old.
    let word = Arc::new(Notify::new());
    let Reply::Octets(old) = document("\"e2\"", &["sip:a@x", "sip:old@x"]) else {
        unreachable!()
    };
    server.add(Reply::When(word.clone(), old));
    server.add(document("\"e3\"", &["sip:a@x", "sip:new@x"]));
    control.changed();
    let task = tokio::spawn(async move {
        let mut updates = vec![next(&mut source).await];
        while updates.last().and_then(|u| u.etag.clone()) != Some("\"e3\"".into()) {
            updates.push(next(&mut source).await);
        }
        (updates, source)
    });
    assert_eq!(
        server.request().await.header("If-None-Match"),
        Some("\"e1\"")
    );
    control.changed();
    control.changed();
    word.notify_one();
    assert_eq!(
        server.request().await.header("If-None-Match"),
        Some("\"e2\"")
    );
    let (updates, mut source) = tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
    let last = shown(updates.last().unwrap());
    assert_eq!(
        last,
        (SourceState::Fresh, Some(vec!["sip:a@x", "sip:new@x"]))
    );
    // Two words during one fetch are one more fetch; then it waits again.
    let quiet = tokio::time::timeout(Duration::from_millis(100), source.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(server.requests().is_empty());
}

/// A folder of this test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        Self(directory.join(format!("{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// XDM-20, XDM-27, SEC-14, SW-08.
#[tokio::test]
async fn a_list_is_kept_for_the_next_start_and_for_this_user_only() {
    let scratch = Scratch::new("kept");
    let server = Server::start([document("W/\"e1\"", &["sip:a@x"])]).await;
    let mut first = source(&server, patient()).with_cache(&scratch.0);
    assert_eq!(next(&mut first).await.state, SourceState::Fresh);

    // At the next start the list is there before the XDMS is asked, and stays while it is away.
    let mut server = Server::start([reply("500 Oops", &[], "")]).await;
    let mut moved = source(&server, eager()).with_cache(&scratch.0);
    let kept = next(&mut moved).await;
    assert_eq!(shown(&kept), (SourceState::Stale, Some(vec!["sip:a@x"])));
    assert!(server.requests().is_empty(), "before anybody is asked");
    assert!(moved.age().unwrap() < Duration::from_secs(600));
    let mut lists = BlockLists::new(IdentityRules::default());
    lists.set("xdms", kept);
    assert!(matches!(mark(&lists, "sip:a@x"), Mark::Blocked(_)));

    // Another root has no right to the old root's entity tag; the same root is asked by it.
    // The failure is no news, so the second request is what shows that it is over.
    let asked = async {
        let first = server.request().await;
        server.request().await;
        first
    };
    tokio::select! {
        update = next(&mut moved) => panic!("{update:?}"),
        first = asked => assert_eq!(first.header("If-None-Match"), None),
    }
    assert!(
        moved.last_error().unwrap().contains("ago stays in use"),
        "{:?}",
        moved.last_error()
    );

    // Another user finds nothing of the first.
    let other = selector(&server.root, "sip:bob@home.example");
    let mut other = XdmsSource::new(connection(), other, patient()).with_cache(&scratch.0);
    for _ in 0..2 {
        server.add(reply("404 Not Found", &[], "")); // one is for the request that was given up
    }
    assert_eq!(
        shown(&next(&mut other).await),
        (SourceState::Empty, Some(vec![]))
    );
    let left = std::fs::read_dir(&scratch.0).map_or(0, Iterator::count);
    assert_eq!(left, 0, "and nothing is left on disk");
}

/// XDM-20: the same place is asked by the entity tag that was kept.
#[tokio::test]
async fn a_kept_list_is_confirmed_by_its_entity_tag() {
    let scratch = Scratch::new("confirmed");
    let mut server = Server::start([
        document("\"e1\"", &["sip:a@x"]),
        reply("304 Not Modified", &[], ""),
    ])
    .await;
    let mut first = source(&server, patient()).with_cache(&scratch.0);
    next(&mut first).await;
    server.request().await;
    let mut second = source(&server, patient()).with_cache(&scratch.0);
    assert_eq!(next(&mut second).await.state, SourceState::Stale);
    let confirmed = next(&mut second).await;
    assert_eq!(shown(&confirmed), (SourceState::Fresh, None));
    assert_eq!(
        server.request().await.header("If-None-Match"),
        Some("\"e1\"")
    );
}

/// SW-08: root, headers and credentials change under a list that stays; another user's list goes.
#[tokio::test]
async fn a_switch_keeps_the_list_unless_the_user_changes() {
    let plain = Server::start([document("\"e1\"", &["sip:a@x"])]).await;
    let mut ims = Server::start([document("\"i1\"", &["sip:a@x"])]).await;
    let mut source = source(&plain, patient());
    let control = source.control();
    assert_eq!(next(&mut source).await.state, SourceState::Fresh);

    let settings = Settings {
        intended_identity: Some(ME.into()),
        ..Settings::default()
    };
    let behind = Connection::new(Http::new(&HttpSettings::default()).unwrap(), settings);
    control.switch(behind.clone(), selector(&ims.root, ME));
    // The same list from the other place is no news.
    let task = tokio::spawn(async move { (next(&mut source).await, source) });
    let request = ims.request().await;
    assert_eq!(request.header("If-None-Match"), None);
    assert_eq!(
        request.header("X-3GPP-Intended-Identity"),
        Some("\"sip:alice@home.example\"")
    );

    ims.add(document("\"b1\"", &["sip:b@x"]));
    control.switch(behind, selector(&ims.root, "sip:bob@home.example"));
    let (update, mut source) = task.await.unwrap();
    assert_eq!(shown(&update), (SourceState::Unavailable, Some(vec![])));
    assert_eq!(
        shown(&next(&mut source).await),
        (SourceState::Fresh, Some(vec!["sip:b@x"]))
    );
}

fn mark(lists: &BlockLists, uri: &str) -> Mark {
    lists.mark(&Candidates {
        entity: uri,
        ..Candidates::default()
    })
}

/// OMA-17, XDM-26, XDM-32, XDM-52, SEC-06…SEC-08, SW-17: whatever an XDMS sends, it is a named state of that source, in
/// bounded time, and the other sources stay in force.
#[tokio::test]
async fn bad_input_is_a_named_state_and_leaves_the_other_sources_in_force() {
    let xml = |body: &str| {
        reply(
            "200 OK",
            &["Content-Type: application/resource-lists+xml"],
            body,
        )
    };
    let challenge = "WWW-Authenticate: Digest realm=\"home\", nonce=\"n1\", qop=\"auth\"";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/resource-lists+xml\r\nContent-Length: 104857600\r\n\r\n";
    let part = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<resource-lists>";
    let octets = |body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        Reply::Octets([head.as_bytes(), body].concat())
    };
    let file = Scratch::new("local-list");
    std::fs::write(&file.0, "sip:mallory@x\n").unwrap();
    for (replies, said) in [
        (
            vec![reply(
                "200 OK",
                &["Content-Type: text/html"],
                "<html>Sign in</html>",
            )],
            "text/html",
        ),
        (vec![xml("<html/>")], "root element is \"html\""),
        (vec![xml("")], "no root element"),
        (
            vec![xml(
                "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>",
            )],
            "cut off",
        ),
        (vec![xml("<!DOCTYPE r [<!ENTITY a 'b'>]><r/>")], "DOCTYPE"),
        (
            vec![xml(
                "<?xml version='1.0' encoding='ISO-8859-1'?><resource-lists/>",
            )],
            "ISO-8859-1",
        ),
        (vec![octets(b"<a>\xe9</a>")], "not UTF-8"),
        (vec![Reply::Hang(head.into())], "larger than"),
        (vec![Reply::Hang(part.into())], "did not answer within"),
        (vec![Reply::Silence], "did not answer within"),
        (
            vec![reply("401 Unauthorized", &[challenge], ""); 2],
            "refuses user name",
        ),
        (
            vec![reply("302 Found", &["Location: http://127.0.0.1:1/"], "")],
            "redirects to",
        ),
        (
            vec![reply("200 OK", &["ETag: no quotes"], "{\"json\":true}")],
            "outside its root element",
        ),
    ] {
        let server = Server::start(replies).await;
        let mut source = source(&server, patient());
        let update = next(&mut source).await;
        assert_eq!(update.state, SourceState::Unavailable, "{said}");
        let error = source.last_error().unwrap();
        assert!(error.contains(said) && error.contains(PATH), "{error}");
        assert!(!error.contains("pa55"), "{error}");

        let mut local = FileSource::new(&file.0, None, Duration::from_secs(1));
        let mut lists = BlockLists::new(IdentityRules::default());
        lists.set("xdms", update);
        lists.set("file", local.next().await);
        assert!(matches!(mark(&lists, "sip:mallory@x"), Mark::Blocked(_)));
        assert_eq!(mark(&lists, "sip:bob@x"), Mark::Unknown, "{said}");
    }
    std::fs::remove_file(&file.0).unwrap();
}

/// XDM-15: a host that bootstraps keys is asked for one, once.
#[tokio::test]
async fn a_key_is_bootstrapped_by_the_host() {
    let challenge = "WWW-Authenticate: Digest realm=\"3GPP-bootstrapping@xcap.home.example\", nonce=\"n1\", qop=\"auth\"";
    let mut server = Server::start([
        reply("401 Unauthorized", &[challenge], ""),
        document("e1", &["sip:a@x"]),
        reply("304 Not Modified", &[], ""),
    ])
    .await;
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = asked.clone();
    let http = Http::new(&HttpSettings::default()).unwrap();
    let connection =
        Connection::new(http, Settings::default()).with_bootstrap(Arc::new(move |realm| {
            seen.lock().unwrap().push(realm);
            Box::pin(async {
                Some(Credentials {
                    username: "b-tid@bsf".into(),
                    password: "ks-naf".into(),
                })
            })
        }));
    let mut source = XdmsSource::new(connection, selector(&server.root, ME), patient());
    assert_eq!(next(&mut source).await.state, SourceState::Fresh);
    source.control().changed();
    let quiet = async {
        server.request().await;
        server.request().await;
        server.request().await
    };
    let again = tokio::select! {
        update = next(&mut source) => panic!("{update:?}"),
        again = quiet => again,
    };
    let answer = again.header("Authorization").unwrap();
    assert!(
        answer.contains("b-tid@bsf") && answer.contains("nc=00000002"),
        "{answer}"
    );
    assert!(again.header("User-Agent").unwrap().ends_with(" 3gpp-gba"));
    assert_eq!(
        *asked.lock().unwrap(),
        ["3GPP-bootstrapping@xcap.home.example"]
    );
}
