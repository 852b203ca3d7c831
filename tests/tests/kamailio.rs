//! The main job against Kamailio: RFC 4575 notifications, RFC 6665 subscriptions, an XCAP block list.

use std::collections::{BTreeMap, BTreeSet};

use rollmark_tests::focus::Focus;
use rollmark_tests::lab::Lab;
use rollmark_tests::roster::{deviations, entity, events, roster, story};
use rollmark_tests::watch::{Outcome, Watch};
use serde_json::Value;

/// Arguments of `rollmark watch` for alice in a room of the lab.
fn watch_args(lab: &Lab, room: &str, transport: &str) -> Vec<String> {
    let password = lab.file("alice.password", "alicepw\n");
    let (room, alice) = (Lab::uri(room), Lab::uri("alice"));
    let args = ["watch", &room, "--as", &alice, "--server", &lab.server()];
    let login = ["--transport", transport, "--user", "alice"];
    let mut args: Vec<_> = args.iter().chain(&login).map(ToString::to_string).collect();
    args.extend(["--password-file".to_owned(), password]);
    args
}

/// The same with alice's block list on the lab's XCAP server.
fn watch_args_with_xcap(lab: &Lab, room: &str, transport: &str) -> Vec<String> {
    let mut args = watch_args(lab, room, transport);
    let password = lab.file("alice.xcap-password", "alicepw\n");
    let xcap = ["--xcap-root", &lab.xcap_root(), "--xcap-user", "alice"];
    args.extend(xcap.iter().map(ToString::to_string));
    args.extend(["--xcap-password-file".to_owned(), password]);
    args
}

fn marks<'a>(of: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    of.into_iter()
        .map(|(name, mark)| (Lab::uri(name), mark.to_owned()))
        .collect()
}

fn assert_blocked_by_xcap(event: &Value) {
    let by = &event["user"]["blocked_by"];
    assert_eq!(by["list"], "oma_blockedcontacts", "{event:#}");
    assert_eq!(by["entry"], event["user"]["entity"], "{event:#}");
    let source = by["source"].as_str().unwrap_or("");
    assert!(source.starts_with("xdms:"), "{event:#}");
}

/// Ends a watch by SIGINT; the server must see the unsubscription and the answer to its last NOTIFY.
fn interrupt(lab: &Lab, room: &str, watch: &mut Watch) -> Outcome {
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(
        outcome.stderr, [""; 0],
        "nothing went wrong, nothing to say"
    );
    assert!(!outcome.ended_reason().is_empty());
    let states = events(&outcome.events, "state");
    let last = states.last().map(|(_, e)| &e["state"]);
    assert_eq!(last, Some(&Value::from("terminated")), "{outcome:#?}");
    lab.wait_seen(room, "expires-0");
    lab.wait_seen(room, "final-200");
    outcome
}

/// The main job, over UDP and TCP at once, so that both see the same conference.
fn main_job(settings: &[(&str, &str)]) {
    const ROOM: &str = "room";
    let lab = Lab::start(settings);
    let mut focus = Focus::enter(&lab, ROOM);
    focus.step("blocked:mallory,erin").step("full:bob,mallory");
    let mut watches = ["udp", "tcp"].map(|t| Watch::start(&watch_args_with_xcap(&lab, ROOM, t)));

    // A blocked user who is there from the start.
    for watch in &mut watches {
        let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
        let users = first["users"].as_array().map_or(0, Vec::len);
        assert_eq!(users, 2, "{first:#}");
        assert_blocked_by_xcap(&watch.wait_user("blocked", &Lab::uri("mallory")));
    }

    // A blocked user who joins by a partial notification, and one who is not blocked.
    focus.step("add:erin");
    for watch in &mut watches {
        watch.wait_user("joined", &Lab::uri("erin"));
        assert_blocked_by_xcap(&watch.wait_user("blocked", &Lab::uri("erin")));
    }
    focus.step("add:dave");
    for watch in &mut watches {
        let dave = watch.wait_user("joined", &Lab::uri("dave"));
        assert_eq!(dave["user"]["mark"], "clear", "{dave:#}");
    }

    // A leave by state="deleted".
    focus.step("del:bob");
    for watch in &mut watches {
        let bob = watch.wait_user("left", &Lab::uri("bob"));
        assert_eq!(bob["cause"], "departed", "{bob:#}");
        assert_eq!(bob["row"], "gone", "{bob:#}");
    }

    // A lost NOTIFY: the next one shows the gap, a refresh brings the whole roster.
    focus.step("lost").step("add:frank").step("add:gina");
    for watch in &mut watches {
        watch.wait_user("joined", &Lab::uri("frank"));
        watch.wait_user("joined", &Lab::uri("gina"));
    }

    // The server ends the subscription with reason `deactivated`: a new one begins at once
    // (RFC 6665 §4.1.3), and nobody is said to have come or gone because of it.
    let before: Vec<_> = watches.iter().map(|w| w.events().len()).collect();
    focus.step("end:deactivated");
    for (watch, before) in watches.iter_mut().zip(before) {
        let ended = watch.wait_state("terminated");
        assert_eq!(ended["reason"], "deactivated", "{ended:#}");
        watch.wait_state("active");
        let since = &watch.events()[before..];
        assert!(since.iter().all(|e| entity(e).is_empty()), "{since:#?}");
    }
    focus.step("add:hana");
    for watch in &mut watches {
        watch.wait_user("joined", &Lab::uri("hana"));
    }

    let outcomes = watches.map(|mut watch| interrupt(&lab, ROOM, &mut watch));
    assert_eq!(lab.seen(ROOM, "expires-0"), 2, "one unsubscription each");
    for outcome in &outcomes {
        let clear = ["dave", "frank", "gina", "hana"].map(|name| (name, "clear"));
        let blocked = [("mallory", "blocked"), ("erin", "blocked")];
        let there = marks(clear.into_iter().chain(blocked));
        assert_eq!(roster(&outcome.events), there);
        let found = deviations(&outcome.events);
        let gaps = found.iter().filter(|code| **code == "version-gap").count();
        assert_eq!(gaps, 1, "{found:?}");
        // Each departure from the RFC is told once in each of the two subscriptions; Kamailio's
        // entity without a scheme is one.
        let subscriptions = outcome.events.split(|e| e["state"] == "terminated");
        for told in subscriptions.map(deviations) {
            let codes: BTreeSet<_> = told.iter().collect();
            assert_eq!(codes.len(), told.len(), "{told:?}");
        }
        assert!(found.contains(&"entity-without-scheme"), "{found:?}");
        assert_eq!(events(&outcome.events, "left").count(), 1, "{outcome:#?}");
    }
    let [udp, tcp] = outcomes.map(|outcome| story(&outcome.events));
    assert_eq!(udp, tcp, "the transport makes no difference to the user");
}

#[test]
fn the_roster_and_its_blocked_users_are_shown_live_with_digest_md5() {
    main_job(&[("LAB_AUTH", "www"), ("LAB_AUTH_ALG", "MD5")]);
}

#[test]
fn the_roster_and_its_blocked_users_are_shown_live_with_digest_sha_256() {
    main_job(&[("LAB_AUTH", "www"), ("LAB_AUTH_ALG", "SHA-256")]);
}

#[test]
fn the_roster_and_its_blocked_users_are_shown_live_when_a_proxy_challenges() {
    main_job(&[("LAB_AUTH", "proxy")]);
}

#[test]
fn a_block_list_of_plain_lines_marks_users_and_a_202_is_as_good_as_a_200() {
    let settings = [
        ("LAB_AUTH", "none"),
        ("LAB_RESPOND_200", "0"),
        ("LAB_FIX_ENTITY", "1"),
    ];
    let lab = Lab::start(&settings);
    let list = lab.file("blocked.txt", "# not these\n\nsip:mallory@LAB.TEST\n");
    for transport in ["udp", "tcp"] {
        let room = format!("lines-{transport}");
        let mut focus = Focus::enter(&lab, &room);
        focus.step("full:bob,mallory");
        let mut args = watch_args(&lab, &room, transport);
        args.extend(["--block-list".to_owned(), list.clone()]);
        let mut watch = Watch::start(&args);
        let mallory = watch.wait_user("blocked", &Lab::uri("mallory"));
        let by = &mallory["user"]["blocked_by"];
        assert_eq!(by["source"], format!("file:{list}"), "{mallory:#}");
        assert_eq!(by["list"], Value::Null, "{mallory:#}");
        assert_eq!(by["entry"], "sip:mallory@LAB.TEST", "{mallory:#}");
        let outcome = interrupt(&lab, &room, &mut watch);
        let there = marks([("bob", "clear"), ("mallory", "blocked")]);
        assert_eq!(roster(&outcome.events), there);
        assert_eq!(deviations(&outcome.events), [""; 0]);
    }
}

/// SIP and XCAP over TLS, each trusted by the lab's own authority and by no other.
#[test]
fn everything_can_go_over_tls() {
    let lab = Lab::start(&[]);
    let mut focus = Focus::enter(&lab, "safe");
    focus.step("blocked:mallory").step("full:bob,mallory");
    let mut args = watch_args_with_xcap(&lab, "safe", "tls");
    for arg in &mut args {
        if *arg == lab.server() {
            *arg = lab.tls_server();
        } else if *arg == lab.xcap_root() {
            *arg = lab.secure_xcap_root();
        }
    }
    let trusted = ["--ca", &lab.ca(), "--xcap-ca", &lab.ca()].map(ToString::to_string);
    let mut watch = Watch::start(&[args.clone(), trusted.to_vec()].concat());
    let protected = watch.wait_state("active");
    assert_eq!(protected["protected"], true, "{protected:#}");
    assert_blocked_by_xcap(&watch.wait_user("blocked", &Lab::uri("mallory")));
    focus.step("add:dave");
    watch.wait_user("joined", &Lab::uri("dave"));
    interrupt(&lab, "safe", &mut watch);

    // Another authority: the server is not believed.
    let foreign = Lab::start(&[]);
    args.extend(["--ca".to_owned(), foreign.ca()]);
    let outcome = Watch::start(&args).finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    assert_eq!(events(&outcome.events, "roster").count(), 0, "{outcome:#?}");
}

#[test]
fn a_watch_for_some_seconds_unsubscribes_and_ends_with_status_0() {
    let lab = Lab::start(&[]);
    Focus::enter(&lab, "short").step("full:bob");
    let mut args = watch_args(&lab, "short", "udp");
    args.extend(["--seconds".to_owned(), "3".to_owned()]);
    let outcome = Watch::start(&args).finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    outcome.ended_reason();
    // Without any block list nobody is known to be clear.
    assert_eq!(roster(&outcome.events), marks([("bob", "unknown")]));
    lab.wait_seen("short", "expires-0");
    lab.wait_seen("short", "final-200");
}

#[test]
fn an_interval_too_brief_is_asked_again_with_the_servers_minimum() {
    let lab = Lab::start(&[("LAB_MIN_EXPIRES", "90")]);
    Focus::enter(&lab, "brief").step("full:bob");
    let mut args = watch_args(&lab, "brief", "udp");
    args.extend(["--expires".to_owned(), "60".to_owned()]);
    let mut watch = Watch::start(&args);
    watch.wait_for("the first roster", |e| e["event"] == "roster");
    assert_ne!(lab.seen("brief", "expires-60"), 0, "asked for as told");
    assert_eq!(lab.seen("brief", "expires-90"), 1, "then as the 423 said");
    interrupt(&lab, "brief", &mut watch);
}
