//! Block lists against Kamailio's xcap_server: block, unblock, read, over HTTP and HTTPS with digest (RFC 4825).
//!
//! It is a foreign judge of what goes over the wire; of what it cannot say (201, 409, xcap-caps) the scripted server of
//! `xdm/client/tests` is.

use std::process::{Command, Output};

use rollmark_tests::focus::Focus;
use rollmark_tests::lab::Lab;
use rollmark_tests::watch::{Watch, binary};
use serde_json::Value;

/// Alice at the command line, her block list on the lab's XDMS.
struct Alice {
    lab: Lab,
    options: Vec<String>,
}

impl Alice {
    fn new(secure: bool) -> Self {
        let lab = Lab::start(&[]);
        let password = lab.file("alice.xcap-password", "alicepw\n");
        let root = match secure {
            true => lab.secure_xcap_root(),
            false => lab.xcap_root(),
        };
        let mut options = vec!["--as".to_owned(), Lab::uri("alice")];
        options.extend(["--xcap-root".to_owned(), root]);
        options.extend(["--xcap-user".to_owned(), "alice".to_owned()]);
        options.extend(["--xcap-password-file".to_owned(), password]);
        if secure {
            options.extend(["--xcap-ca".to_owned(), lab.ca()]);
        }
        Self { lab, options }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(args).args(&self.options);
        command.output().expect("rollmark runs")
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let log = self.lab.log();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}\n{log}");
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }

    /// Who is blocked by the resource-lists document.
    #[track_caller]
    fn blocked(&self) -> Vec<String> {
        let answer = self.json(&["xdm", "blocked"]);
        let states: Vec<_> = answer["sources"].as_array().unwrap().iter().collect();
        assert_eq!(states.len(), 3, "{answer:#}");
        for state in states {
            assert!(
                ["fresh", "empty"].contains(&state["state"].as_str().unwrap()),
                "{answer:#}"
            );
        }
        let entries = answer["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["entry"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The whole life of a list, made from nothing.
fn life(secure: bool) {
    let alice = Alice::new(secure);
    assert_eq!(alice.blocked(), [""; 0], "there is no document yet");
    let nothing = alice.json(&["unblock", "sip:mallory@lab.test"]);
    assert_eq!(nothing["changed"], false, "{nothing:#}");

    // The document is made, then entries are put into it by node selectors.
    let users = ["sip:Mallory@LAB.test;transport=tcp", "tel:+1-555-0100"];
    let entries = ["sip:Mallory@lab.test", "tel:+15550100"];
    for (user, entry) in users.iter().zip(entries) {
        let done = alice.json(&["block", user]);
        assert_eq!(done["changed"], true, "{done:#}");
        assert_eq!(done["entry"], entry, "{done:#}");
        assert_eq!(done["list"], "oma_blockedcontacts", "{done:#}");
        let again = alice.json(&["block", user]);
        assert_eq!(again["changed"], false, "{again:#}");
    }
    assert_eq!(alice.blocked(), entries);

    // What is fetched is what was put, whole and by node.
    let document = alice.json(&["xdm", "get", "resource-lists"]);
    assert_eq!(
        document["content_type"], "application/resource-lists+xml",
        "{document:#}"
    );
    assert!(document["etag"].is_string(), "{document:#}");
    let node = alice.json(&[
        "xdm",
        "get",
        "resource-lists/users/sip:alice@lab.test/index/~~/resource-lists/list[@name=\"oma_blockedcontacts\"]/entry[@uri=\"tel:+15550100\"]",
    ]);
    let text = node["body"].as_str().unwrap();
    assert!(
        text.contains("tel:+15550100") && !text.contains("Mallory"),
        "{node:#}"
    );
    assert_eq!(
        node["etag"], document["etag"],
        "one entity tag for a document and its nodes"
    );

    let done = alice.json(&["unblock", "sip:Mallory@lab.test"]);
    assert_eq!(done["changed"], true, "{done:#}");
    assert_eq!(alice.blocked(), [entries[1]]);
    let done = alice.json(&["unblock", "tel:+1-555-0100"]);
    assert_eq!(done["changed"], true, "{done:#}");
    assert_eq!(alice.blocked(), [""; 0]);
}

/// XDM-03…XDM-07, XDM-14, XDM-18, XDM-21, XDM-29, XDM-30, XDM-33.
#[test]
fn a_list_lives_on_a_foreign_server_from_nothing_to_nothing() {
    life(false);
}

/// XDM-16, SEC-13.
#[test]
fn a_list_lives_on_a_foreign_server_behind_tls() {
    life(true);
}

/// XDM-24, XDM-77, XDM-79: a foreign notifier that accepts the subscription and then tells of no document clears no list.
#[test]
fn an_empty_notify_of_a_foreign_notifier_clears_no_list() {
    const ROOM: &str = "room-live";
    let alice = Alice::new(false);
    let done = alice.json(&["block", &Lab::uri("mallory")]);
    assert_eq!(done["changed"], true, "{done:#}");
    let mut focus = Focus::enter(&alice.lab, ROOM);
    focus.step("full:alice,mallory");
    let (room, notifier) = (Lab::uri(ROOM), Lab::uri("alice"));
    let password = alice.lab.file("alice.password", "alicepw\n");
    let mut args = vec!["watch".to_owned(), room];
    args.extend(alice.options.clone());
    for (name, value) in [
        ("--server", alice.lab.server()),
        ("--user", "alice".to_owned()),
        ("--password-file", password),
        ("--xcap-notifier", notifier),
    ] {
        args.extend([name.to_owned(), value]);
    }
    let mut watch = Watch::start(&args);
    watch.wait_user("blocked", &Lab::uri("mallory"));
    // The conference goes on behind the notifier's empty NOTIFY, and ends in its own time.
    focus.step("add:bob");
    watch.wait_user("joined", &Lab::uri("bob"));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.stderr, [""; 0], "it is followed: {outcome:#?}");
    let unblocked = outcome.events.iter().any(|e| e["event"] == "unblocked");
    assert!(!unblocked, "{outcome:#?}");
}

/// XDM-26, SEC-12, SEC-13: what is wrong is told in one line, and nothing is written.
#[test]
fn what_a_foreign_server_refuses_is_named() {
    let alice = Alice::new(true);
    let wrong = alice.lab.file("wrong", "not her password\n");
    let with = |option: &str, value: &str| {
        let mut options = alice.options.clone();
        let at = options.iter().position(|text| text == option).unwrap();
        options[at + 1] = value.to_owned();
        let mut command = Command::new(binary());
        command
            .args(["block", "sip:mallory@lab.test"])
            .args(options);
        let output = command.output().expect("rollmark runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };
    let said = with("--xcap-password-file", &wrong);
    assert!(said.contains("refuses user name \"alice\""), "{said}");
    assert!(!said.contains("not her password"), "{said}");
    let said = with("--as", &Lab::uri("bob"));
    assert!(said.contains("(403)"), "{said}");
    // Without the lab's CA its certificate is nobody's.
    let at = alice.options.iter().position(|text| text == "--xcap-ca");
    let (options, _) = alice.options.split_at(at.unwrap());
    let mut command = Command::new(binary());
    command.args(["xdm", "get", "resource-lists"]).args(options);
    let output = command.output().expect("rollmark runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not trusted"), "{said}");

    // xcap_server has no xcap-caps.
    let output = alice.run(&["xdm", "caps"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(alice.blocked(), [""; 0]);
}
