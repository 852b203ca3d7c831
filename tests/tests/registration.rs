//! `rollmark watch --mode auto` on plain SIP: a registrar of Kamailio's, and servers that register nobody (RFC 3261 §10,
//! RFC 3608, SW-01, SW-02).

use std::net::UdpSocket;
use std::time::Duration;

use rollmark_tests::focus::Focus;
use rollmark_tests::lab::Lab;
use rollmark_tests::process::PATIENCE;
use rollmark_tests::watch::Watch;

fn watch_args(lab: &Lab, room: &str, transport: &str, password: &str) -> Vec<String> {
    let password = lab.file("alice.password", password);
    let (room, alice) = (Lab::uri(room), Lab::uri("alice"));
    let args = ["watch", &room, "--as", &alice, "--server", &lab.server()];
    let more = [
        "--transport",
        transport,
        "--user",
        "alice",
        "--mode",
        "auto",
    ];
    let mut args: Vec<_> = args.iter().chain(&more).map(ToString::to_string).collect();
    args.extend(["--password-file".to_owned(), password]);
    args
}

/// SW-02: registered, subscribed by way of the Service-Route, and ended: the binding too.
fn on_a_plain_registrar(transport: &str, algorithm: &str) {
    let lab = Lab::start(&[("LAB_REGISTRAR", "1"), ("LAB_AUTH_ALG", algorithm)]);
    let mut focus = Focus::enter(&lab, "room");
    focus.step("full:bob");
    let mut watch = Watch::start(&watch_args(&lab, "room", transport, "alicepw"));
    let active = watch.wait_state("active");
    assert_eq!(active["mode"], "sip", "no P-Associated-URI: {active:#}");
    focus.step("add:dave");
    watch.wait_user("joined", &Lab::uri("dave"));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.stderr, [""; 0]);
    assert_eq!(lab.seen("alice", "registered-600000"), 1, "answered once");
    assert_eq!(lab.seen("alice", "registered-0"), 1);
}

#[test]
fn a_user_of_a_plain_registrar_is_registered_while_he_watches() {
    on_a_plain_registrar("udp", "MD5");
}

#[test]
fn the_same_over_tcp_with_sha_256() {
    on_a_plain_registrar("tcp", "SHA-256");
}

/// A server that answers 405 to REGISTER is watched without.
#[test]
fn a_server_that_registers_nobody_is_plain_sip() {
    let lab = Lab::start(&[]);
    Focus::enter(&lab, "room").step("full:bob");
    let mut watch = Watch::start(&watch_args(&lab, "room", "udp", "alicepw"));
    let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
    assert_eq!(first["users"][0]["entity"], Lab::uri("bob"), "{first:#}");
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.stderr, [""; 0]);
}

#[test]
fn a_wrong_password_is_said_before_anything_is_subscribed_to() {
    let lab = Lab::start(&[("LAB_REGISTRAR", "1")]);
    Focus::enter(&lab, "room").step("full:bob");
    let outcome = Watch::start(&watch_args(&lab, "room", "udp", "wrong")).finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    assert!(outcome.events.is_empty(), "{outcome:#?}");
    outcome.assert_one_line(&[&lab.server(), "challenge", "secret"]);
}

/// SW-13: a registrar that says nothing holds nobody up.
#[test]
fn ctrl_c_ends_a_registration_that_is_not_answered() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    silent
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout above zero");
    let server = silent.local_addr().expect("it is bound").to_string();
    let alice = Lab::uri("alice");
    let args = [
        "watch",
        &Lab::uri("room"),
        "--as",
        &alice,
        "--server",
        &server,
    ];
    let mut watch = Watch::start(&[&args[..], &["--mode", "auto"]].concat());
    let mut request = [0; 2048];
    let length = silent.recv(&mut request).expect("a REGISTER");
    assert!(request[..length].starts_with(b"REGISTER sip:lab.test SIP/2.0"));
    watch.interrupt();
    let outcome = watch.finish_within(Duration::from_secs(15));
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert!(outcome.events.is_empty(), "{outcome:#?}");
}
