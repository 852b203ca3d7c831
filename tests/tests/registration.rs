//! `rollmark watch --mode auto` on plain SIP: a registrar of Kamailio's, and servers that register nobody (RFC 3261 §10,
//! RFC 3608, SW-01, SW-02).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use rollmark_tests::focus::Focus;
use rollmark_tests::ims::values;
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
    let mut args = watch_args(&lab, "room", transport, "alicepw");
    if transport == "tls" {
        let server = args.iter_mut().find(|arg| **arg == lab.server());
        *server.expect("the server is named") = lab.tls_server();
        args.extend(["--ca".to_owned(), lab.ca()]);
    }
    let mut watch = Watch::start(&args);
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
fn the_same_over_tls() {
    on_a_plain_registrar("tls", "MD5");
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

/// One request of a connection, without body.
fn read_request(connection: &mut TcpStream) -> String {
    connection
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout above zero");
    let mut text = String::new();
    let mut octet = [0];
    while !text.ends_with("\r\n\r\n") {
        connection.read_exact(&mut octet).expect("a whole request");
        text.push(char::from(octet[0]));
        if text.trim().is_empty() {
            // Keep-alives may come before it.
            text.clear();
        }
    }
    text
}

fn accept(connection: &mut TcpStream, request: &str) {
    let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
    for name in ["Via", "From", "To", "Call-ID", "CSeq", "Contact"] {
        let tag = if name == "To" && request.starts_with("SUBSCRIBE") {
            ";tag=s"
        } else {
            ""
        };
        answer += &format!("{name}: {}{tag}\r\n", values(request, name)[0]);
    }
    answer += "Expires: 3600\r\nContent-Length: 0\r\n\r\n";
    connection.write_all(answer.as_bytes()).expect("it listens");
}

/// RFC 5626 §4.2.1: what was registered over a connection that is lost is registered anew over the next.
#[test]
fn a_lost_connection_is_registered_anew() {
    let registrar = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let server = registrar.local_addr().expect("it is bound").to_string();
    let (room, alice) = (Lab::uri("room"), Lab::uri("alice"));
    let args = ["watch", &room, "--as", &alice, "--server", &server];
    let mut watch = Watch::start(&[&args[..], &["--transport", "tcp", "--mode", "auto"]].concat());
    let (mut first, _) = registrar.accept().expect("a connection");
    let register = read_request(&mut first);
    accept(&mut first, &register);
    let subscribe = read_request(&mut first);
    assert!(subscribe.starts_with("SUBSCRIBE "), "{subscribe}");
    accept(&mut first, &subscribe);
    drop(first);

    let (mut second, peer) = registrar.accept().expect("another connection");
    let again = loop {
        let request = read_request(&mut second);
        if request.starts_with("REGISTER ") {
            break request;
        }
    };
    assert_eq!(values(&again, "Call-ID"), values(&register, "Call-ID"));
    assert_eq!(values(&again, "CSeq"), ["2 REGISTER"]);
    let contact = values(&again, "Contact")[0];
    assert!(contact.contains(&peer.to_string()), "{contact} from {peer}");
    accept(&mut second, &again);
    watch.interrupt();
    let ended = loop {
        let request = read_request(&mut second);
        if request.starts_with("REGISTER ") {
            break request;
        }
    };
    assert_eq!(values(&ended, "Expires"), ["0"]);
    accept(&mut second, &ended);
    watch.finish();
}
