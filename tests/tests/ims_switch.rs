//! From an IMS core to a plain one and back while a roster is on the screen (SW-01…10): the IMS lab and the Kamailio lab, the same
//! room on both.

use rollmark_tests::focus::Focus;
use rollmark_tests::ims::{ALICE_AKA, ImsLab, values};
use rollmark_tests::lab::Lab;
use rollmark_tests::watch::Watch;
use serde_json::Value;

const ROOM: &str = "conf-room";

fn comings_and_goings(events: &[Value]) -> Vec<String> {
    let names = ["joined", "left", "listed", "unlisted", "not_joined"];
    events
        .iter()
        .filter(|e| names.iter().any(|name| e["event"] == *name))
        .map(|e| format!("{} {}", e["event"], e["user"]["entity"]))
        .collect()
}

/// The next state of this mode with a live subscription and a whole roster.
fn settled(watch: &mut Watch, mode: &str) -> Value {
    watch.wait_for(&format!("a whole roster by {mode}"), |e| {
        e["event"] == "state"
            && e["mode"] == mode
            && e["state"] == "active"
            && e["roster_state"] == "current"
    })
}

#[test]
fn ims_to_plain_and_back_with_a_live_roster() {
    let ims = ImsLab::start(&[]);
    let plain = Lab::start(&[("LAB_DOMAIN", "ims.test"), ("LAB_AUTH", "none")]);
    ims.publish(ROOM, &[("bob", "connected"), ("carol", "connected")]);
    let mut focus = Focus::enter(&plain, ROOM);
    focus.step("full:bob,carol");
    let aka = ims.file("alice.aka", ALICE_AKA);
    let list = ims.file("blocked.txt", &ImsLab::uri("carol"));
    let (room, alice) = (ImsLab::uri(ROOM), ImsLab::uri("alice"));
    let (pcscf, server) = (ims.strict_pcscf(), plain.server());
    let args = [
        "watch",
        &room,
        "--as",
        &alice,
        "--server",
        &pcscf,
        "--sip-server",
        &server,
        "--mode",
        "ims",
        "--aka-file",
        &aka,
        "--block-list",
        &list,
        "--access-network",
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000001",
    ];
    let mut watch = Watch::start(&args);
    settled(&mut watch, "ims");
    watch.wait_user("blocked", &ImsLab::uri("carol"));

    watch.switch();
    let stale = watch.wait_for("a stale roster", |e| {
        e["event"] == "state" && e["mode"] == "sip"
    });
    assert_ne!(stale["roster_state"], "current", "{stale:#}");
    settled(&mut watch, "sip");
    // SW-05: the old subscription was ended in its own mode, by its own way.
    let last = ims.wait_received("as", "SUBSCRIBE", |m| values(m, "Expires") == ["0"]);
    assert!(!values(&last, "P-Access-Network-Info").is_empty(), "{last}");
    plain.wait_seen(ROOM, "expires-3600");

    // Nobody joined or left by the switch, and who joins now is seen there.
    assert_eq!(comings_and_goings(watch.events()), [""; 0]);
    focus.step("add:dave");
    watch.wait_user("joined", &ImsLab::uri("dave"));

    // Back: dave is not in the IMS core's room.
    watch.switch();
    settled(&mut watch, "ims");
    plain.wait_seen(ROOM, "expires-0");
    watch.wait_user("left", &ImsLab::uri("dave"));
    ims.publish(
        ROOM,
        &[
            ("bob", "connected"),
            ("carol", "connected"),
            ("erin", "connected"),
        ],
    );
    watch.wait_user("joined", &ImsLab::uri("erin"));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.stderr, [""; 0]);
    let expected: Vec<_> = ["joined dave", "left dave", "joined erin"]
        .iter()
        .filter_map(|words| words.split_once(' '))
        .map(|(what, who)| format!("{:?} {:?}", what, ImsLab::uri(who)))
        .collect();
    assert_eq!(comings_and_goings(&outcome.events), expected);
    // Registered once, and at the end no more.
    let registers = ims.received("pcscf", "REGISTER");
    let first = registers
        .iter()
        .filter(|m| values(m, "CSeq") == ["1 REGISTER"]);
    assert_eq!(first.count(), 1);
    ims.wait_received("scscf", "REGISTER", |m| values(m, "Expires") == ["0"]);
}

/// SW-01, SW-09: begun as plain SIP, registered only when it is wanted; ten switches settle on the last.
#[test]
fn plain_to_ims_and_many_switches() {
    let ims = ImsLab::start(&[]);
    let plain = Lab::start(&[("LAB_DOMAIN", "ims.test"), ("LAB_AUTH", "none")]);
    ims.publish(ROOM, &[("bob", "connected")]);
    let mut focus = Focus::enter(&plain, ROOM);
    focus.step("full:bob");
    let password = ims.file("bob.password", "bob-secret");
    let (room, bob) = (ImsLab::uri(ROOM), ImsLab::uri("bob"));
    let (pcscf, server) = (ims.strict_pcscf(), plain.server());
    let args = [
        "watch",
        &room,
        "--as",
        &bob,
        "--server",
        &pcscf,
        "--sip-server",
        &server,
        "--user",
        "bob@ims.test",
        "--password-file",
        &password,
    ];
    let mut watch = Watch::start(&args);
    settled(&mut watch, "sip");
    assert_eq!(ims.received("pcscf", "REGISTER"), [""; 0]);
    watch.switch();
    settled(&mut watch, "ims");
    plain.wait_seen(ROOM, "expires-0");
    let mut wanted = "ims";
    for _ in 0..5 {
        wanted = if wanted == "ims" { "sip" } else { "ims" };
        watch.switch();
        watch.wait_for("the switch", |e| {
            e["event"] == "state" && e["mode"] == wanted
        });
    }
    settled(&mut watch, "sip");
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(comings_and_goings(&outcome.events), [""; 0]);
    assert_eq!(outcome.stderr, [""; 0]);
}
