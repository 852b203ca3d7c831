//! Notifiers scripted in SIPp, for what no well-behaved server sends.

use rollmark_tests::lab::Lab;
use rollmark_tests::roster::{deviations, events, roster};
use rollmark_tests::sipp::Sipp;
use rollmark_tests::watch::Watch;

fn watch(sipp: &Sipp, transport: &str) -> Watch {
    let (room, alice) = (Lab::uri("room"), Lab::uri("alice"));
    let server = sipp.server();
    Watch::start(&[
        "watch",
        &room,
        "--as",
        &alice,
        "--server",
        &server,
        "--transport",
        transport,
    ])
}

fn first_roster(watch: &mut Watch) -> Vec<String> {
    let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
    let users = first["users"].as_array().into_iter().flatten();
    users
        .map(|u| u["entity"].as_str().unwrap_or("").to_owned())
        .collect()
}

/// RFC 6665 §4.1.2.4: the NOTIFY that makes the dialog may overtake the response.
fn notify_before_the_response(transport: &str) {
    let mut sipp = Sipp::start("uas_notify_first", transport, 1);
    let mut watch = watch(&sipp, transport);
    watch.wait_state("pending");
    watch.wait_state("active");
    assert_eq!(first_roster(&mut watch), [Lab::uri("bob")]);
    let ended = watch.wait_state("terminated");
    assert_eq!(ended["reason"], "probation", "{ended:#}");
    let retry_in = ended["retry_in"].as_f64();
    let as_told = retry_in.is_some_and(|s| (2.0..3.0).contains(&s));
    assert!(as_told, "retry-after is 2: {ended:#}");
    let judged = sipp.finish();
    assert_eq!(judged.status, Some(0), "{judged:#?}");
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    outcome.ended_reason();
}

#[test]
fn a_notify_before_the_response_is_taken_over_udp() {
    notify_before_the_response("udp");
}

#[test]
fn a_notify_before_the_response_is_taken_over_tcp() {
    notify_before_the_response("tcp");
}

fn version_gap(transport: &str) {
    let mut sipp = Sipp::start("uas_version_gap", transport, 1);
    let mut watch = watch(&sipp, transport);
    assert_eq!(first_roster(&mut watch), ["bob", "carol"].map(Lab::uri));
    watch.wait_user("joined", &Lab::uri("dave"));
    // Versions 3 and 4 are missing: the refresh that SIPp waits for brings the whole roster.
    watch.wait_user("joined", &Lab::uri("erin"));
    watch.wait_user("joined", &Lab::uri("frank"));
    // The server ends it, and says that no retry is due (RFC 6665 §4.1.3, `noresource`).
    let outcome = watch.finish();
    let judged = sipp.finish();
    assert_eq!(judged.status, Some(0), "{judged:#?}");
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    let reason = outcome.ended_reason();
    assert!(reason.contains("noresource"), "{outcome:#?}");
    // A whole document whose version went back: the later NOTIFY is the later truth, and it is told.
    let found = deviations(&outcome.events);
    for code in ["version-gap", "version-not-increasing"] {
        let told = found.iter().filter(|c| **c == code).count();
        assert_eq!(told, 1, "{code} in {found:?}");
    }
    let there: Vec<_> = roster(&outcome.events).into_keys().collect();
    assert_eq!(there, [Lab::uri("stale")]);
}

#[test]
fn a_version_gap_is_repaired_by_a_refresh_over_udp() {
    version_gap("udp");
}

#[test]
fn a_version_gap_is_repaired_by_a_refresh_over_tcp() {
    version_gap("tcp");
}

fn partial_deleted(transport: &str) {
    // Two calls: SIPp is content only if a second subscription follows the deactivated one.
    let mut sipp = Sipp::start("uas_partial_deleted", transport, 2);
    let mut watch = watch(&sipp, transport);
    assert_eq!(first_roster(&mut watch), ["bob", "carol"].map(Lab::uri));
    watch.wait_user("joined", &Lab::uri("dave"));
    let bob = watch.wait_user("left", &Lab::uri("bob"));
    assert_eq!(bob["cause"], "departed", "{bob:#}");
    let ended = watch.wait_state("terminated");
    assert_eq!(ended["reason"], "deactivated", "{ended:#}");
    // The new subscription's whole roster is compared with the old one: carol never left.
    watch.wait_state("active");
    let dave = watch.wait_user("left", &Lab::uri("dave"));
    assert_eq!(dave["cause"], "vanished", "{dave:#}");
    watch.wait_user("joined", &Lab::uri("bob"));
    watch.wait_user("joined", &Lab::uri("dave"));
    watch.wait_user("left", &Lab::uri("bob"));
    let judged = sipp.finish();
    assert_eq!(judged.status, Some(0), "{judged:#?}");
    watch.interrupt();
    let outcome = watch.finish();
    let there: Vec<_> = roster(&outcome.events).into_keys().collect();
    assert_eq!(there, ["carol", "dave"].map(Lab::uri));
    let carol = Lab::uri("carol");
    let named = outcome
        .events
        .iter()
        .filter(|e| e["user"]["entity"] == carol);
    assert_eq!(named.count(), 0, "{outcome:#?}");
    assert_eq!(events(&outcome.events, "roster").count(), 1);
}

#[test]
fn partial_and_deleted_users_and_a_new_subscription_over_udp() {
    partial_deleted("udp");
}

#[test]
fn partial_and_deleted_users_and_a_new_subscription_over_tcp() {
    partial_deleted("tcp");
}

/// A foreign focus takes the INVITE, and in another dialog the SUBSCRIBE to its session identity; a 200 that comes again is
/// acknowledged again; BYE and Expires: 0 at the end.
fn a_foreign_focus(transport: &str) {
    // Two calls by SIPp's count: two Call-IDs.
    let mut sipp = Sipp::start("uas_focus", transport, 2);
    let (room, alice, server) = (Lab::uri("room"), Lab::uri("alice"), sipp.server());
    let mut watch = Watch::start(&[
        "watch",
        &room,
        "--as",
        &alice,
        "--server",
        &server,
        "--transport",
        transport,
        "--join",
    ]);
    assert_eq!(first_roster(&mut watch), ["alice", "bob"].map(Lab::uri));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "unsubscribed");
    let judged = sipp.finish();
    assert_eq!(judged.status, Some(0), "{judged:#?}");
}

/// OMA-02, OMA-05, IMS-48, RFC 4579 §3.4.
#[test]
fn a_foreign_focus_is_joined_and_watched_over_udp() {
    a_foreign_focus("udp");
}

/// OMA-02, OMA-05, IMS-48, RFC 4579 §3.4.
#[test]
fn a_foreign_focus_is_joined_and_watched_over_tcp() {
    a_foreign_focus("tcp");
}
