//! A connection over a pipe, on a simulated clock where nothing leaves the process.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use ezk_sip_core::{Endpoint, IncomingRequest, Layer, MayTake};
use ezk_sip_types::{Method, StatusCode};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Headers, Request};
use rollmark::{Account, Capabilities, Conferences};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::connection::{Connection, Kind};
use super::duct::Ducts;
use super::wire::Lost;

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes OPTIONS, as a softphone's own layer may.
struct Options;

#[async_trait]
impl Layer for Options {
    fn name(&self) -> &'static str {
        "options"
    }

    async fn receive(&self, endpoint: &Endpoint, request: MayTake<'_, IncomingRequest>) {
        if request.line.method == Method::OPTIONS {
            let mut request = request.take();
            let response = endpoint.create_response(&request, StatusCode::OK, None);
            let transaction = endpoint.create_server_tsx(&mut request);
            transaction.respond(response).await.expect("it is sent");
        }
    }
}

struct Stage {
    connection: Connection,
    server: DuplexStream,
    lost: watch::Receiver<u64>,
    ducts: Ducts,
    _plugin: (Conferences, rollmark::Port),
}

impl Stage {
    fn new() -> Self {
        let mut builder = Endpoint::builder();
        let nothing = ResolverConfig::default();
        let dns =
            TokioResolver::builder_with_config(nothing, TokioRuntimeProvider::default()).build();
        builder.set_dns_resolver(dns.expect("a resolver that knows nothing"));
        builder.add_layer(Options);
        let account = Account::new("sip:alice@example.org");
        let plugin = Conferences::start(Capabilities::TRANSACTION, account);
        let count = watch::Sender::new(0);
        let lost = Lost {
            count: count.clone(),
            reporter: plugin.1.reporter(),
            too_large: std::sync::Arc::default(),
        };
        let (ours, server) = duplex(4096);
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let what = (Kind::Tls, at("192.0.2.1:4000"), at("192.0.2.9:5061"));
        let ducts = Ducts::default();
        Self {
            connection: Connection::start(ours, what, builder.build(), ducts.clone(), lost),
            server,
            lost: count.subscribe(),
            ducts,
            _plugin: plugin,
        }
    }

    /// Reads until these words came.
    async fn read_until(&mut self, words: &str) -> String {
        let mut text = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&text).contains(words) {
                let length = self.server.read_buf(&mut text).await.expect("a pipe");
                assert_ne!(length, 0, "closed");
            }
        };
        let came = timeout(PATIENCE, read).await;
        let text = String::from_utf8(text).expect("it is text");
        assert!(came.is_ok(), "{words:?} did not come: {text}");
        text
    }
}

fn subscribe() -> Request {
    let headers = [("Call-ID", "1"), ("CSeq", "1 SUBSCRIBE")];
    Request {
        method: "SUBSCRIBE".into(),
        uri: "sip:room@example.org".into(),
        headers: headers.into_iter().collect::<Headers>(),
        body: Vec::new(),
    }
}

/// RFC 5626 §4.4.1: whoever has answered keep-alives and does not any more is gone; whoever never did may live.
#[tokio::test(start_paused = true)]
async fn a_server_that_no_longer_answers_keep_alives_is_given_up() {
    let mut stage = Stage::new();
    sleep(Duration::from_secs(600)).await;
    assert!(stage.connection.is_open(), "it never answered any");
    let mut pings = [0; 80];
    stage
        .server
        .read_exact(&mut pings)
        .await
        .expect("keep-alives");
    assert_eq!(pings, *b"\r\n\r\n".repeat(20).as_slice());
    stage.server.write_all(b"\r\n").await.expect("a pipe");
    let answered = Instant::now();
    stage.lost.changed().await.expect("it is told");
    assert!(!stage.connection.is_open());
    let took = answered.elapsed();
    assert!(took <= Duration::from_secs(42), "{took:?}");
}

/// RFC 5626 §3.5.1: a keep-alive is answered, whatever pieces it comes in.
#[tokio::test(start_paused = true)]
async fn keep_alives_are_answered() {
    let mut stage = Stage::new();
    for piece in [&b"\r\n\r\n"[..], b"\r", b"\n\r", b"\n"] {
        stage.server.write_all(piece).await.expect("a pipe");
    }
    let mut pongs = [0; 4];
    stage.server.read_exact(&mut pongs).await.expect("pongs");
    assert_eq!(&pongs, b"\r\n\r\n");
}

/// RFC 3261 §17.1.2.2: no answer is Timer F; nothing heard at all since the request is the end of the connection.
#[tokio::test(start_paused = true)]
async fn silence_after_a_request_ends_the_connection() {
    let mut stage = Stage::new();
    let mut one = stage
        .connection
        .ask(&subscribe(), true)
        .await
        .expect("sent");
    sleep(Duration::from_secs(20)).await;
    stage.server.write_all(b"\r\n").await.expect("a pipe");
    assert_eq!(one.next().await, None);
    assert!(stage.connection.is_open(), "something else was heard");

    let started = Instant::now();
    let mut two = stage
        .connection
        .ask(&subscribe(), true)
        .await
        .expect("sent");
    assert_eq!(two.next().await, None);
    stage.lost.changed().await.expect("it is told");
    assert!(!stage.connection.is_open());
    assert_eq!(started.elapsed().as_secs(), 32);
    let after = stage.connection.ask(&subscribe(), true).await;
    assert_eq!(after.err(), Some(SendFailure::Unreachable));
}

/// SEC-18: a Content-Length that is too long does not stop the connection for ever.
#[tokio::test(start_paused = true)]
async fn a_message_that_never_ends_ends_the_connection() {
    let mut stage = Stage::new();
    let begun = b"NOTIFY sip:a SIP/2.0\r\nl: 900000\r\n\r\nfor ever";
    stage.server.write_all(begun).await.expect("a pipe");
    let started = Instant::now();
    stage.lost.changed().await.expect("it is told");
    assert!((15..18).contains(&started.elapsed().as_secs()));
    assert!(!stage.connection.is_open());
}

/// RFC 3261 §17.1.3: a response finds its request by branch and method, and no other.
#[tokio::test(start_paused = true)]
async fn a_response_finds_its_request() {
    let mut stage = Stage::new();
    let mut asked = stage
        .connection
        .ask(&subscribe(), true)
        .await
        .expect("sent");
    let text = stage.read_until("\r\n\r\n").await;
    let via = text.lines().find(|line| line.starts_with("Via: "));
    let via = via.expect("a Via");
    assert!(via.starts_with("Via: SIP/2.0/TLS 192.0.2.1:4000;branch=z9hG4bK"));
    let answer = |status: u16, vias: &str, cseq: &str| {
        format!("SIP/2.0 {status} x\r\n{vias}\r\nCSeq: {cseq}\r\nl: 0\r\n\r\n")
    };
    for text in [
        answer(200, "Via: SIP/2.0/TLS x;branch=z9hG4bKother", "1 SUBSCRIBE"),
        answer(200, via, "1 INVITE"),
        answer(
            200,
            &format!("{via}\r\nVia: SIP/2.0/TLS x;branch=b"),
            "1 SUBSCRIBE",
        ),
        answer(100, via, "1 SUBSCRIBE"),
        answer(202, via, "1 SUBSCRIBE"),
    ] {
        stage
            .server
            .write_all(text.as_bytes())
            .await
            .expect("a pipe");
    }
    for status in [100, 202] {
        let response = asked.next().await.expect("a response");
        assert_eq!(response.status, status);
    }
}

/// SW-11: what is not for the plugin goes to the other layers, and their answer to the server; what ezk cannot read is refused.
#[tokio::test]
async fn what_is_not_for_the_plugin_goes_to_ezk() {
    let mut stage = Stage::new();
    let request = |method: &str, from: &str, branch: &str| {
        format!(
            "{method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.9:5061;branch={branch}\r\nFrom: {from};tag=a\r\n\
             To: <sip:alice@example.org>;tag=b\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for (method, from, branch, expected) in [
        (
            "OPTIONS",
            "<sip:x@y>",
            "z9hG4bK1",
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.9:5061;branch=z9hG4bK1\r\n",
        ),
        ("MESSAGE", "<sip:x@y>", "z9hG4bK2", "SIP/2.0 481 "),
        ("OPTIONS", "<tel:+1>", "z9hG4bK3", "SIP/2.0 400 "),
        (
            "OPTIONS",
            "\"a \\\"b\\\"\" <sip:x@y>",
            "z9hG4bK4",
            "SIP/2.0 400 ",
        ),
        // Not of any dialog of ours.
        ("NOTIFY", "<sip:x@y>", "z9hG4bK5", "SIP/2.0 481 "),
    ] {
        let text = request(method, from, branch);
        stage
            .server
            .write_all(text.as_bytes())
            .await
            .expect("a pipe");
        let answer = stage.read_until("\r\n\r\n").await;
        assert!(answer.starts_with(expected), "{answer}");
        assert!(answer.contains(branch), "{answer}");
    }
    assert_eq!(stage.ducts.count(), 1);
    drop(stage.server);
    let gone = async {
        while stage.ducts.count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone)
        .await
        .expect("the duct ends with the connection");
}

/// SEC-18: a server that writes a burst and reads nothing meanwhile is not waited for while it waits for us.
#[tokio::test]
async fn a_burst_is_taken_whole_before_its_answers_are_read() {
    const BURST: usize = 3_000;
    let mut stage = Stage::new();
    let write = async {
        for n in 0..BURST {
            // Refused without ezk, as a NOTIFY is answered.
            let text = format!(
                "OPTIONS sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.9:5061;branch=z9hG4bK{n}\r\nFrom: <tel:+1>;tag=a\r\n\
                 To: <sip:alice@example.org>\r\nCall-ID: c{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            stage
                .server
                .write_all(text.as_bytes())
                .await
                .expect("a pipe");
        }
    };
    let written = timeout(PATIENCE, write).await;
    written.expect("it is read whether or not the answers are");
    stage
        .read_until(&format!("branch=z9hG4bK{}\r\n", BURST - 1))
        .await;
}
