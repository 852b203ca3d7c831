//! Faults of an XDMS: root, password, document, references, writing, changes told (RFC 4825, RFC 4826, RFC 5875).

use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{ALICE, ROOM};
use rollmark_tests::patient::{Core, GOOD, HEALTHY, LIST, Script, Store, Xdms};

use crate::examination::{Examination, all, file};

struct Row {
    name: &'static str,
    store: Store,
    failed: &'static [&'static str],
    noted: &'static [&'static str],
    words: &'static [(&'static str, &'static [&'static str])],
    /// What is there afterwards.
    left: Option<&'static str>,
}

/// An XDMS that asks nobody for a password is worth a note.
const OPEN: &[&str] = &["xcap-authentication"];
const REFERENCE: &str = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"oma_blockedcontacts\">\
     <entry-ref ref=\"resource-lists/users/sip:team@example.org/index/~~/resource-lists/list%5b1%5d/entry%5b1%5d\"/></list></resource-lists>";

/// XDM-16…30, XDM-52: each fault is where it is; whatever is wrong, the document stays as it was.
#[test]
fn an_xdms_with_a_fault() {
    let of = |name, store, failed, noted, words| Row {
        name,
        store,
        failed,
        noted,
        words,
        left: store.document,
    };
    let rows = [
        of(
            "healthy",
            GOOD,
            &[],
            OPEN,
            &[
                ("xcap-caps", &["resource-lists, xcap-caps"]),
                ("xcap-list", &["1 entry"]),
                ("xcap-write", &["written as it was", "412"]),
                ("xcap-authentication", &["asks nobody for a password"]),
            ],
        ),
        of(
            "wrong root",
            Store {
                root: false,
                ..GOOD
            },
            &["xcap-root"],
            &[],
            &[("xcap-root", &["404", "path of --xcap-root", "AUIDs"])],
        ),
        of(
            "a password is wanted",
            Store {
                challenge: Some("Digest realm=\"x\", nonce=\"n\", qop=\"auth\""),
                ..GOOD
            },
            &["xcap-authentication"],
            &[],
            &[(
                "xcap-authentication",
                &["--xcap-user and --xcap-password-file"],
            )],
        ),
        of(
            "no document",
            Store {
                document: None,
                ..GOOD
            },
            &[],
            &["xcap-authentication", "xcap-document"],
            &[
                ("xcap-document", &["nobody is blocked", "XUI"]),
                ("xcap-write", &["made, and removed again"]),
            ],
        ),
        of(
            "somebody else's document",
            Store {
                get: Some(403),
                ..GOOD
            },
            &["xcap-document"],
            &[],
            &[("xcap-document", &["403", "XUI", "--xcap-user"])],
        ),
        of(
            "a web page",
            Store {
                content_type: "text/html",
                ..GOOD
            },
            &["xcap-document"],
            OPEN,
            &[("xcap-document", &["text/html", "--xcap-root"])],
        ),
        of(
            "a malformed list",
            Store {
                document: Some("<resource-lists"),
                ..GOOD
            },
            &["xcap-list"],
            OPEN,
            &[("xcap-list", &["the document", "put right"])],
        ),
        of(
            "another document",
            Store {
                document: Some("<presence xmlns='urn:ietf:params:xml:ns:pidf'/>"),
                ..GOOD
            },
            &["xcap-list"],
            OPEN,
            &[("xcap-list", &["root element", "pidf"])],
        ),
        of(
            "a reference that leads nowhere",
            Store {
                document: Some(REFERENCE),
                ..GOOD
            },
            &["xcap-references"],
            OPEN,
            &[("xcap-references", &["reference"])],
        ),
        of(
            "rules that cannot be read",
            Store {
                rules: Some("<ruleset"),
                ..GOOD
            },
            &["xcap-rules"],
            OPEN,
            &[("xcap-rules", &["access-rules", "known to be clear"])],
        ),
        of(
            "no entity tag",
            Store {
                tags: false,
                ..GOOD
            },
            &[],
            &["xcap-authentication", "xcap-document"],
            &[("xcap-document", &["no ETag", "undo that of another"])],
        ),
        of(
            "writing is forbidden",
            Store {
                refuses: Some(403),
                ..GOOD
            },
            &["xcap-write"],
            OPEN,
            &[("xcap-write", &["403", "change his own list"])],
        ),
        of(
            "writing is not there",
            Store {
                refuses: Some(405),
                ..GOOD
            },
            &["xcap-write"],
            OPEN,
            &[("xcap-write", &["405", "PUT and DELETE"])],
        ),
        of(
            "conditions are not looked at",
            Store {
                conditions: false,
                ..GOOD
            },
            &["xcap-write"],
            OPEN,
            &[("xcap-write", &["If-Match", "honour If-Match"])],
        ),
    ];
    all(&rows, |row| {
        let core = Core::start(Transport::Udp, HEALTHY);
        let xdms = Xdms::start(row.store);
        let args = [
            ROOM,
            "--as",
            ALICE,
            "--server",
            &core.address,
            "--xcap-root",
            &xdms.root,
            "--check-write",
            "--patience",
            "30",
        ];
        let found = Examination::run(row.name, &args);
        found.assert_states(row.failed, row.noted);
        for (id, words) in row.words {
            found.assert_words(id, words);
        }
        if row.name == "no entity tag" {
            found.assert_skipped("xcap-write", "no entity tag");
        }
        assert_eq!(xdms.left().as_deref(), row.left, "{}", row.name);
    });
}

/// SEC-10: Basic is never answered.
#[test]
fn an_xdms_that_wants_the_password_itself() {
    let core = Core::start(Transport::Udp, HEALTHY);
    let xdms = Xdms::start(Store {
        challenge: Some("Basic realm=\"x\""),
        ..GOOD
    });
    let password = file("password", "secret\n");
    let args = [
        ROOM,
        "--as",
        ALICE,
        "--server",
        &core.address,
        "--xcap-root",
        &xdms.root,
        "--xcap-user",
        "alice",
        "--xcap-password-file",
        &password,
        "--patience",
        "30",
    ];
    let found = Examination::run("basic", &args);
    found.assert_states(&["xcap-authentication"], &[]);
    found.assert_words(
        "xcap-authentication",
        &["Basic", "have the XDMS offer digest"],
    );
}

/// Nothing is written unless that is asked for.
#[test]
fn writing_is_tried_only_when_asked_for() {
    let core = Core::start(Transport::Udp, HEALTHY);
    let xdms = Xdms::start(Store {
        refuses: Some(500),
        ..GOOD
    });
    let args = [
        ROOM,
        "--as",
        ALICE,
        "--server",
        &core.address,
        "--xcap-root",
        &xdms.root,
        "--patience",
        "30",
    ];
    let found = Examination::run("read only", &args);
    found.assert_states(&[], OPEN);
    found.assert_skipped("xcap-write", "not asked for (--check-write)");
    found.assert_skipped("xcap-diff", "--xcap-notifier");
    assert_eq!(xdms.left().as_deref(), Some(LIST));
}

/// A server that is not there.
#[test]
fn an_xdms_that_cannot_be_reached() {
    let core = Core::start(Transport::Udp, HEALTHY);
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (root, words) in [
        (
            format!("http://{free}/root"),
            ["refuses the connection", "XDMS runs"],
        ),
        (
            "http://nowhere.invalid/root".into(),
            ["nowhere.invalid", "DNS"],
        ),
        ("gopher://x".into(), ["gopher", "https://HOST/PATH"]),
    ] {
        let args = [
            ROOM,
            "--as",
            ALICE,
            "--server",
            &core.address,
            "--xcap-root",
            &root,
            "--patience",
            "30",
        ];
        let found = Examination::run(&root, &args);
        found.assert_states(&["xcap-root"], &[]);
        found.assert_words("xcap-root", &words);
        found.assert_skipped("xcap-list", "the X");
    }
}

/// XDM-73…79: who tells of changes, or does not.
#[test]
fn changes_that_are_not_told() {
    let rows: [(&str, Script, &[&str]); 3] = [
        (
            "489",
            HEALTHY,
            &["489", "event package xcap-diff", "seen minutes later"],
        ),
        (
            "404",
            Script {
                documents: |talk, asked| talk.answer(asked, 404, &[]),
                ..HEALTHY
            },
            &["404", "check --xcap-notifier"],
        ),
        (
            "403",
            Script {
                documents: |talk, asked| talk.answer(asked, 403, &[]),
                ..HEALTHY
            },
            &["403", "follow his own documents"],
        ),
    ];
    all(&rows, |(name, script, words)| {
        let core = Core::start(Transport::Udp, *script);
        let xdms = Xdms::start(GOOD);
        let args = [
            ROOM,
            "--as",
            ALICE,
            "--server",
            &core.address,
            "--xcap-root",
            &xdms.root,
            "--xcap-notifier",
            ALICE,
            "--patience",
            "30",
        ];
        let found = Examination::run(name, &args);
        found.assert_states(&["xcap-diff"], OPEN);
        found.assert_words("xcap-diff", words);
    });
}
