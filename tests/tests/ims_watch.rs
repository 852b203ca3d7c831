//! `rollmark watch --mode ims` on a real IMS core: who comes and goes, who is blocked, and what the core refuses (TS 24.229).

use rollmark_tests::ims::{ALICE_AKA, ImsLab, values};
use rollmark_tests::watch::{Outcome, Watch};
use serde_json::json;

const ROOM: &str = "conf-room";

/// Arguments of `rollmark watch --mode ims` for a room of the lab: alice by AKA, the others by digest.
fn args(lab: &ImsLab, room: &str, who: &str, server: &str, more: &[&str]) -> Vec<String> {
    let (conference, identity) = (ImsLab::uri(room), ImsLab::uri(who));
    let user = format!("{who}@ims.test");
    let secret = if who == "alice" {
        let file = lab.file("alice.aka", ALICE_AKA);
        ["--aka-file".to_owned(), file]
    } else {
        let file = lab.file(&format!("{who}.password"), &format!("{who}-secret\n"));
        ["--password-file".to_owned(), file]
    };
    let args = [
        "watch",
        &conference,
        "--as",
        &identity,
        "--server",
        server,
        "--mode",
        "ims",
        "--user",
        &user,
    ];
    let all = args.iter().map(ToString::to_string).chain(secret);
    all.chain(more.iter().map(ToString::to_string)).collect()
}

/// Bob and carol are there, carol is blocked; dave comes and goes, erin, who is blocked, comes: all of it is seen, through a
/// refresh, and nothing else.
fn see_it_all(lab: &ImsLab, who: &str, server: &str, more: &[&str]) -> Outcome {
    let (bob, carol, dave, erin) = (
        ("bob", "connected"),
        ("carol", "connected"),
        ("dave", "connected"),
        ("erin", "connected"),
    );
    let room = format!("{ROOM}-{who}");
    lab.publish(&room, &[bob, carol]);
    let list = lab.file(
        "blocked.txt",
        &format!("{}\n{}\n", ImsLab::uri("carol"), ImsLab::uri("erin")),
    );
    let more = [&["--block-list", &list, "--expires", "8"], more].concat();
    let mut watch = Watch::start(&args(lab, &room, who, server, &more));
    let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
    let marks: Vec<_> = first["users"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|user| (user["entity"].as_str(), user["mark"].as_str()))
        .collect();
    let (bob_uri, carol_uri) = (ImsLab::uri("bob"), ImsLab::uri("carol"));
    let bobs_mark = if who == "bob" { "self" } else { "clear" };
    assert_eq!(
        marks,
        [
            (Some(bob_uri.as_str()), Some(bobs_mark)),
            (Some(carol_uri.as_str()), Some("blocked"))
        ]
    );
    lab.publish(&room, &[bob, carol, dave]);
    watch.wait_user("joined", &ImsLab::uri("dave"));
    // Refreshed by way of the Record-Route, and still live.
    lab.wait_received("as", "SUBSCRIBE", |message| {
        values(message, "CSeq") == ["2 SUBSCRIBE"] && message.contains(&room)
    });
    lab.publish(&room, &[bob, carol]);
    watch.wait_user("left", &ImsLab::uri("dave"));
    lab.publish(&room, &[bob, carol, erin]);
    watch.wait_user("joined", &ImsLab::uri("erin"));
    watch.wait_user("blocked", &ImsLab::uri("erin"));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "unsubscribed");
    assert_eq!(outcome.stderr, [""; 0]);
    for state in outcome.events.iter().filter(|e| e["event"] == "state") {
        assert_eq!(state["mode"], "ims", "{state:#}");
    }
    let comings = |name: &str| outcome.events.iter().filter(|e| e["event"] == name).count();
    assert_eq!((comings("joined"), comings("left")), (2, 1), "{outcome:#?}");
    lab.wait_received("as", "SUBSCRIBE", |message| {
        values(message, "Expires") == ["0"] && message.contains(&room)
    });
    let impi = format!("{who}@ims.test");
    lab.wait_received("scscf", "REGISTER", |message| {
        values(message, "Expires") == ["0"] && values(message, "Authorization")[0].contains(&impi)
    });
    outcome
}

/// AKA, by the port that forgives nothing.
#[test]
fn joins_leaves_marks_refresh_and_end_by_aka() {
    let lab = ImsLab::start(&[]);
    see_it_all(&lab, "alice", &lab.strict_pcscf(), &[]);
}

/// Digest, over one TCP connection.
#[test]
fn joins_leaves_marks_refresh_and_end_by_digest_over_tcp() {
    let lab = ImsLab::start(&[]);
    see_it_all(&lab, "bob", &lab.pcscf(), &["--transport", "tcp"]);
}

/// IMS-05 over TCP: its own registration is watched up to its end, whose NOTIFY comes beside the answer to REGISTER; the binding goes,
/// each time.
#[test]
fn the_registration_is_watched_over_tcp_to_its_end() {
    let lab = ImsLab::start(&[]);
    lab.publish(ROOM, &[("bob", "connected")]);
    let more = ["--transport", "tcp", "--reg-event"];
    for _ in 0..3 {
        let mut watch = Watch::start(&args(&lab, ROOM, "alice", &lab.pcscf(), &more));
        watch.wait_for("the first roster", |e| e["event"] == "roster");
        watch.interrupt();
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(0), "{outcome:#?}");
        assert_eq!(outcome.stderr, [""; 0]);
        lab.wait_deregistered("alice@ims.test");
    }
    lab.wait_received("scscf", "SUBSCRIBE", |m| values(m, "Event") == ["reg"]);
}

/// Ends with one line; the binding goes.
fn refused(lab: &ImsLab, room: &str, who: &str) -> Outcome {
    let outcome = Watch::start(&args(lab, room, who, &lab.pcscf(), &[])).finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    lab.wait_deregistered(&format!("{who}@ims.test"));
    outcome
}

/// IMS-36: what the application server refuses is told, and nobody registers anew for it.
#[test]
fn refusals_of_the_application_server() {
    let lab = ImsLab::start(&[]);
    refused(&lab, "conf-missing", "bob").assert_one_line(&["no such conference", "404"]);
    refused(&lab, "conf-private", "bob").assert_one_line(&["may not watch", "403"]);
    // Without filter criteria the request goes to the home network's entry, which knows no such user.
    refused(&lab, ROOM, "carol").assert_one_line(&["no such conference", "604"]);
    let registers = lab.received("pcscf", "REGISTER");
    // Three watches, each registered once and deregistered.
    let first: Vec<_> = registers
        .iter()
        .filter(|message| values(message, "CSeq") == ["1 REGISTER"])
        .collect();
    assert_eq!(first.len(), 3, "{registers:#?}");
    assert!(
        !registers
            .iter()
            .any(|m| values(m, "CSeq") == ["5 REGISTER"]),
        "{registers:#?}"
    );
}

/// IMS-03, IMS-04, IMS-21: dave's first identity is barred; he is known under the first that is not.
#[test]
fn a_barred_identity_is_replaced() {
    let lab = ImsLab::start(&[]);
    let public = ImsLab::uri("dave.public");
    lab.publish(ROOM, &[("dave.public", "connected")]);
    let mut watch = Watch::start(&args(&lab, ROOM, "dave", &lab.strict_pcscf(), &[]));
    let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
    assert_eq!(first["users"][0]["mark"], "self", "{first:#}");
    watch.interrupt();
    assert_eq!(watch.finish().status, Some(0));
    for subscribe in lab.received("pcscf", "SUBSCRIBE") {
        if values(&subscribe, "CSeq") == ["1 SUBSCRIBE"] {
            let preferred = values(&subscribe, "P-Preferred-Identity");
            assert_eq!(preferred, [format!("<{public}>")], "{subscribe}");
        }
        let from = values(&subscribe, "From")[0];
        assert!(from.starts_with(&format!("<{public}>")), "{subscribe}");
    }
}

/// An application server that hangs: the S-CSCF answers 408 for it; that is told, and it is tried again, not at once.
#[test]
fn an_application_server_that_hangs() {
    let lab = ImsLab::start(&[]);
    let mut watch = Watch::start(&args(&lab, "conf-silent", "bob", &lab.pcscf(), &[]));
    let refused = watch.wait_for("the refusal", |e| {
        e["event"] == "state" && !e["reason"].is_null()
    });
    let wait = refused["retry_in"].as_f64().unwrap_or_default();
    assert!(wait > 0.1, "{refused:#}");
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    let last = outcome.events.last().expect("the end");
    assert_eq!(last["status"], 408, "{last:#}");
    outcome.assert_one_line(&[&lab.pcscf(), "no answer"]);
}

/// IMS-05: the network ends the registration; rollmark learns it from the registration event package, and nothing is sent for a
/// subscription that is void by that.
#[test]
fn the_network_ends_the_registration() {
    let lab = ImsLab::start(&[]);
    lab.publish(ROOM, &[("bob", "connected")]);
    let more = ["--reg-event"];
    let mut watch = Watch::start(&args(&lab, ROOM, "alice", &lab.strict_pcscf(), &more));
    watch.wait_for("the first roster", |e| e["event"] == "roster");
    lab.wait_received("scscf", "SUBSCRIBE", |m| values(m, "Event") == ["reg"]);
    lab.hss(&json!({"cmd": "rtr", "impi": "alice@ims.test", "reason": "test"}));
    let told = watch.wait_for("the end of the registration", |e| {
        e["event"] == "state" && e["reason"] == "not-registered"
    });
    // Who was there stays on the screen.
    assert_eq!(told["state"], "stale", "{told:#}");
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(
        outcome
            .events
            .iter()
            .filter(|e| e["event"] == "left")
            .count(),
        0
    );
    let ended = lab.received("pcscf", "SUBSCRIBE");
    let is_end =
        |m: &&String| values(m, "Event") == ["conference"] && values(m, "Expires") == ["0"];
    assert_eq!(ended.iter().find(is_end), None);
}
