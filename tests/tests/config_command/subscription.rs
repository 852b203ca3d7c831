//! Settings of the subscription, as a server sees them that is scripted here.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use rollmark_tests::watch::{Watch, binary};
use serde_json::Value;

use crate::{Configured, document, users};

/// As long as a busy machine may need.
const PATIENCE: Duration = Duration::from_secs(30);
const ROOM: &str = "sip:room@example.org";

/// A SIP server on a socket, and who is watched through it.
struct Server {
    socket: UdpSocket,
    /// Requests that were there already, by their Via.
    seen: Vec<String>,
}

/// A request, and where it came from.
struct Request {
    text: String,
    from: SocketAddr,
}

impl Request {
    fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// The lines of a header.
    fn all(&self, name: &str) -> Vec<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let lines = head
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let of_name = lines.filter(|(known, _)| known.trim().eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.trim()).collect()
    }

    #[track_caller]
    fn one(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [one] => one,
            ref found => panic!("{found:?} of {name} in {}", self.text),
        }
    }
}

impl Server {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Self {
            socket,
            seen: Vec::new(),
        }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// The settings that lead here.
    fn settings(&self, more: &str) -> Configured {
        let server = self.addr();
        Configured::new(&format!(
            "as = 'sip:alice@example.org'\nserver = '{server}'\n{more}"
        ))
        .with("secret", "sesame\n")
    }

    /// The next request that is none of before sent again.
    #[track_caller]
    fn request(&mut self) -> Request {
        let mut octets = [0; 8192];
        loop {
            let (length, from) = self
                .socket
                .recv_from(&mut octets)
                .expect("a request in time");
            let text = String::from_utf8_lossy(&octets[..length]).into_owned();
            let request = Request { text, from };
            let via = request
                .all("Via")
                .first()
                .copied()
                .unwrap_or_default()
                .to_owned();
            if request.text.starts_with("SIP/2.0") || self.seen.contains(&via) {
                continue;
            }
            self.seen.push(via);
            return request;
        }
    }

    fn answer(&self, request: &Request, status: &str, more: &str) {
        let lines = |name: &str| -> String {
            let lines = request.all(name).into_iter();
            lines.map(|value| format!("{name}: {value}\r\n")).collect()
        };
        let kept: String = ["Via", "From", "Call-ID", "CSeq"].map(lines).concat();
        let to = request.one("To");
        let tag = if to.contains(";tag=") {
            ""
        } else {
            ";tag=focus"
        };
        let text =
            format!("SIP/2.0 {status}\r\n{kept}To: {to}{tag}\r\n{more}Content-Length: 0\r\n\r\n");
        self.socket
            .send_to(text.as_bytes(), request.from)
            .expect("an answer");
    }

    fn accept(&self, request: &Request, expires: u32) {
        let contact = self.addr();
        self.answer(
            request,
            "200 OK",
            &format!("Contact: <sip:{contact}>\r\nExpires: {expires}\r\n"),
        );
    }

    /// A NOTIFY in the dialog of that SUBSCRIBE.
    fn notify(&self, subscribe: &Request, cseq: u32, more: &str, body: &str) {
        self.notify_state(subscribe, cseq, "active;expires=3600", more, body);
    }

    fn notify_state(&self, subscribe: &Request, cseq: u32, state: &str, more: &str, body: &str) {
        let here = self.addr();
        let target = subscribe.one("Contact");
        let target = target.split(['<', '>']).nth(1).unwrap_or(target);
        let call_id = subscribe.one("Call-ID");
        let (to, from) = (subscribe.one("From"), subscribe.one("To"));
        let tag = if from.contains(";tag=") {
            ""
        } else {
            ";tag=focus"
        };
        let length = body.len();
        let text = format!(
            "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{cseq}x\r\nMax-Forwards: 70\r\n\
             From: {from}{tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:{here}>\r\n\
             Event: conference\r\nSubscription-State: {state}\r\n{more}\
             Content-Type: application/conference-info+xml\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.socket
            .send_to(text.as_bytes(), subscribe.from)
            .expect("a NOTIFY");
    }
}

fn watch(configured: &Configured) -> Watch {
    Watch::start(&["watch", ROOM, "--config", &configured.config()])
}

/// The SUBSCRIBE that goes out with these settings; it is refused, which ends the watch.
#[track_caller]
fn subscribe(settings: &str) -> Request {
    let mut server = Server::new();
    let configured = server.settings(settings);
    let mut watch = watch(&configured);
    let mut request = server.request();
    while request.method() == "REGISTER" {
        let contact = request.all("Contact").first().copied().unwrap_or_default();
        let contact = contact.split(';').next().unwrap_or_default();
        let known = format!(
            "Contact: {contact};expires=600\r\nService-Route: <sip:orig@scscf.example.org;lr>\r\n"
        );
        let ims = match settings.contains("'ims'") {
            true => "P-Associated-URI: <sip:alice@example.org>\r\n",
            false => "",
        };
        server.answer(&request, "200 OK", &format!("{known}{ims}"));
        request = server.request();
    }
    assert_eq!(request.method(), "SUBSCRIBE", "{}", request.text);
    server.answer(&request, "403 Forbidden", "");
    if settings.contains("mode") {
        // The registration is ended, too.
        let end = server.request();
        assert_eq!(end.method(), "REGISTER", "{}", end.text);
        server.answer(&end, "200 OK", "");
    }
    drop(watch.finish());
    request
}

/// OMA-22, OMA-24, OMA-25, SW-03, SUB-03, SUB-72: what goes into the SUBSCRIBE, each with the setting and without.
#[test]
fn what_a_subscribe_says_is_a_setting() {
    let plain = subscribe("");
    assert_eq!(plain.one("Expires"), "3600");
    assert!(plain.one("From").contains("sip:alice@example.org"));
    assert!(plain.one("Accept-Contact").contains(";require;explicit"));
    assert!(!plain.one("User-Agent").contains("Bench"));
    assert_eq!(plain.one("Event"), "conference");
    for absent in ["Privacy", "P-Preferred-Identity"] {
        assert!(plain.all(absent).is_empty(), "{}", plain.text);
    }

    let set = subscribe(
        "expires = 600\naccept-contact = 'lenient'\nproduct = 'Bench/7'\ntrusted-proxy = true\nmax-rate = 2\nmin-rate = 0.01",
    );
    assert_eq!(set.one("Expires"), "600");
    let preference = set.one("Accept-Contact");
    assert!(
        preference.contains("g.oma.sip-im") && !preference.contains("explicit"),
        "{preference}"
    );
    assert_eq!(set.one("User-Agent"), "IM-client/OMA1.0 Bench/7");
    assert!(
        set.one("P-Preferred-Identity")
            .contains("sip:alice@example.org")
    );
    let event = set.one("Event");
    assert!(
        event.contains("max-rate=2") && event.contains("min-rate=0.01"),
        "{event}"
    );

    let anonymous = subscribe("anonymous = true\naccept-contact = 'none'");
    assert_eq!(anonymous.one("Privacy"), "id");
    assert!(
        !anonymous.one("From").contains("alice"),
        "{}",
        anonymous.text
    );
    assert!(anonymous.all("Accept-Contact").is_empty());
}

/// IMS-26, SW-02: the operator's service in IMS mode; the Service-Route in plain mode, followed or not.
#[test]
fn what_a_registered_user_says_is_a_setting() {
    let ims = "mode = 'ims'\nuser = 'alice@example.org'\npassword-file = 'secret'\n";
    let urn = "urn:urn-7:3gpp-service.ims.icsi.example";
    let (without, with) = (subscribe(ims), subscribe(&format!("{ims}icsi = '{urn}'")));
    assert!(without.all("P-Preferred-Service").is_empty());
    assert_eq!(with.one("P-Preferred-Service"), urn);
    assert_eq!(with.all("Accept-Contact").len(), 2, "{}", with.text);

    let plain = "mode = 'auto'\nuser = 'alice@example.org'\npassword-file = 'secret'\n";
    let (followed, not) = (
        subscribe(plain),
        subscribe(&format!("{plain}no-service-route = true")),
    );
    let has_route = |request: &Request| {
        request
            .all("Route")
            .iter()
            .any(|route| route.contains("scscf"))
    };
    assert!(
        has_route(&followed) && !has_route(&not),
        "{}\n{}",
        followed.text,
        not.text
    );
}

/// SUB-20: how often a server that fails is tried, and whether one that is not there is.
#[test]
fn how_often_it_is_tried_is_a_setting() {
    let mut server = Server::new();
    let configured = server.settings("max-attempts = 1");
    let mut watched = watch(&configured);
    // One may fail; by default ten may.
    for _ in 0..2 {
        let request = server.request();
        server.answer(&request, "503 Service Unavailable", "");
    }
    let outcome = watched.finish();
    assert_eq!(outcome.status, Some(1));
    outcome.assert_one_line(&["too many failures"]);

    // Nobody listens there, and a connection shows it at once.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = free.local_addr().expect("an address");
    drop(free);
    let gone =
        |more: &str| Configured::new(&format!("server = '{nobody}'\ntransport = 'tcp'\n{more}"));
    let mut once = watch(&gone(""));
    let outcome = once.finish();
    assert_eq!(
        (outcome.status, outcome.ended_reason()),
        (Some(1), "unreachable")
    );
    let mut again = watch(&gone("retry-unreachable = true"));
    again.wait_for("a retry", |event| {
        event["retry_in"].as_f64().is_some_and(|wait| wait > 0.0)
    });
}

/// SUB-41: T1 makes Timer N, which ends a subscription without NOTIFY.
#[test]
fn how_long_a_notify_is_waited_for_is_a_setting() {
    let mut server = Server::new();
    let configured = server.settings("t1 = 10\nmax-attempts = 1");
    let mut watched = watch(&configured);
    let request = server.request();
    server.accept(&request, 3600);
    // 0.64 s; with the default it would be 32 s, which is more than the run may last.
    let outcome = watched.finish_within(Duration::from_secs(25));
    assert_eq!(outcome.status, Some(1));
    assert!(
        outcome.stderr.iter().any(|line| line.contains("NOTIFY")),
        "{outcome:?}"
    );
}

/// SUB-73, XDM-72: a refresh names the state that is held; one more identity is the user's own.
#[test]
fn what_is_known_already_is_a_setting() {
    let mut server = Server::new();
    let configured = server
        .settings(
            "suppress = true\nexpires = 6\nalso = ['tel:+12125551234']\nblock-list = 'blocked.txt'",
        )
        .with("blocked.txt", "tel:+12125551234\n");
    let mut watched = watch(&configured);
    let request = server.request();
    server.accept(&request, 6);
    let body = document(&users(&[
        "sip:alice@example.org",
        "tel:+12125551234",
        "sip:bob@example.org",
    ]));
    server.notify(&request, 1, "SIP-ETag: held1\r\n", &body);
    let roster = watched.wait_for("a roster", |event| event["event"] == "roster");
    assert_eq!(
        crate::marks(&roster),
        [
            "sip:alice@example.org self",
            "tel:+12125551234 self",
            "sip:bob@example.org clear"
        ]
    );
    // Half-way through the life of 6 s.
    let refresh = server.request();
    assert_eq!(
        refresh.one("Suppress-If-Match"),
        "held1",
        "{}",
        refresh.text
    );
}

/// One file serves a whole session: the conference stands in it, and what is on the command line wins.
#[test]
fn the_conference_may_stand_in_the_file() {
    let mut server = Server::new();
    let configured =
        server.settings("conference = 'sip:book-club@example.org'\nexpires = 600\njson = true");
    let config = configured.config();
    let mut watched = Watch::start(&["watch", "--expires", "700", "--config", &config]);
    let request = server.request();
    assert!(
        request
            .text
            .starts_with("SUBSCRIBE sip:book-club@example.org "),
        "{}",
        request.text
    );
    assert_eq!(request.one("Expires"), "700");
    server.answer(&request, "403 Forbidden", "");
    let outcome = watched.finish();
    let conference = |event: &Value| event["conference"] == "sip:book-club@example.org";
    assert!(
        outcome.events.iter().all(conference) && outcome.status == Some(1),
        "{outcome:?}"
    );
}

/// CLI contract, SUB-66: whoever reads the events goes away, as `head` does: the subscription is ended properly, and nothing is said.
#[test]
fn a_reader_that_goes_away_ends_the_subscription() {
    for json in [true, false] {
        let mut server = Server::new();
        let configured = server.settings("");
        let mut command = Command::new(binary());
        command.args(["watch", ROOM, "--config", &configured.config()]);
        command.args(json.then_some("--json"));
        let piped = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null());
        let mut child = piped.spawn().expect("rollmark runs");
        let request = server.request();
        server.accept(&request, 3600);
        server.notify(&request, 1, "", &document(&users(&["sip:bob@example.org"])));
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let shows = |line: io::Result<String>| line.expect("UTF-8").contains("sip:bob@example.org");
        assert!(lines.by_ref().any(shows), "the roster is shown");
        drop(lines);
        // The next line finds nobody.
        let joined = document(&users(&["sip:carol@example.org"]))
            .replace("state='full' version='1'", "state='partial' version='2'")
            .replace("<users>", "<users state='partial'>");
        server.notify(&request, 2, "", &joined);
        let end = server.request();
        assert_eq!(
            (end.method(), end.one("Expires")),
            ("SUBSCRIBE", "0"),
            "{}",
            end.text
        );
        server.accept(&end, 0);
        server.notify_state(&request, 3, "terminated;reason=timeout", "", "");
        let ended = child.wait_with_output().expect("an end");
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(ended.stderr.is_empty(), "{ended:?}");
    }
}
