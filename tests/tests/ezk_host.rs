//! What the ezk host does beside the conformance kit: large requests, rport, IPv6, identities that ezk cannot carry
//! (RFC 3261 §18.1.1, RFC 3581, SEC-19).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use rollmark::core::digest::Credentials;
use rollmark::core::subscription::Cause;
use rollmark::{Account, Conference, What};
use rollmark_im_server::{Conference as Room, ImServer, Settings, User};
use rollmark_tests::hostile::Scene;
use rollmark_tests::kit::message::{Message, param};
use rollmark_tests::kit::wire::Transport as Wire;
use rollmark_tests::kit::{ROOM, digest};
use rollmark_tests::scripted::{Scripted, accepted};
use rollmark_ua::{Transport, UserAgent};

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

async fn phone(server: SocketAddr, transport: Transport, identity: &str) -> UserAgent {
    let settings = rollmark_ua::Settings {
        server: Some(server.to_string()),
        transport,
        ca: None,
    };
    let started = UserAgent::start(settings, Account::new(identity)).await;
    started.expect("ezk starts")
}

async fn told(conference: &mut Conference, is: impl Fn(&What) -> bool) {
    let wait = async {
        loop {
            let event = conference.next().await.expect("it goes on");
            if is(&event.what) {
                return;
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, wait).await;
    told.expect("it is told in time");
}

/// A conference whose SUBSCRIBE is larger than a datagram should be.
fn long_room() -> String {
    format!("sip:{}@example.org", "room".repeat(150))
}

/// The next datagram.
async fn datagram(socket: &UdpSocket) -> Message {
    let socket = socket.try_clone().expect("a second handle");
    let read = tokio::task::spawn_blocking(move || {
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut buffer = vec![0; 65_536];
        let (length, _) = socket.recv_from(&mut buffer).expect("a SUBSCRIBE comes");
        buffer.truncate(length);
        Message::take(&mut buffer, false).expect("it is a message")
    });
    read.await.expect("no panic")
}

/// RFC 3261 §18.1.1: over 1300 bytes by TCP, with the Contact of UDP, where NOTIFYs come; a small one stays UDP, and asks
/// for its answer where it came from (RFC 3581 §3).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_requests_go_by_tcp() {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP port");
    let address = udp.local_addr().expect("it is bound");
    let tcp = TcpListener::bind(address).expect("the same port of TCP");
    let phone = phone(address, Transport::Udp, "sip:alice@example.org").await;

    let _long = phone
        .conferences
        .subscribe(&long_room())
        .await
        .expect("a SIP URI");
    let read = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = tcp.accept().expect("a connection comes");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let (mut buffer, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let length = std::io::Read::read(&mut stream, &mut piece).expect("a SUBSCRIBE comes");
            assert_ne!(length, 0, "the connection was closed");
            buffer.extend_from_slice(&piece[..length]);
            if let Some(message) = Message::take(&mut buffer, true) {
                return message;
            }
        }
    });
    let large = read.await.expect("no panic");
    let via = large.get("Via").expect("Via is there");
    assert!(via.starts_with("SIP/2.0/TCP "), "{via}");
    let contact = large.get("Contact").expect("Contact is there");
    assert!(!contact.contains("transport=tcp"), "{contact}");

    let _short = phone
        .conferences
        .subscribe("sip:room@example.org")
        .await
        .expect("a SIP URI");
    let small = datagram(&udp).await;
    assert_eq!(small.uri(), "sip:room@example.org");
    let via = small.get("Via").expect("Via is there");
    assert!(via.starts_with("SIP/2.0/UDP 127.0.0.1:"), "{via}");
    assert_eq!(param(via, "rport"), Some(""), "{via}");
}

/// RFC 3261 §18.1.1: a server that takes no connection is sent the datagram after all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_requests_fall_back_to_udp() {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP port");
    let address = udp.local_addr().expect("it is bound");
    let phone = phone(address, Transport::Udp, "sip:alice@example.org").await;
    let _long = phone
        .conferences
        .subscribe(&long_room())
        .await
        .expect("a SIP URI");
    let large = datagram(&udp).await;
    assert_eq!(large.uri(), long_room());
    assert!(large.bytes().len() > 1300);
}

/// An identity that ezk cannot carry fails at once, not after 32 s of silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tel_identity_is_refused_at_once() {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP port");
    let address = udp.local_addr().expect("it is bound");
    let phone = phone(address, Transport::Udp, "tel:+12125551234").await;
    let mut conference = phone
        .conferences
        .subscribe("sip:room@example.org")
        .await
        .expect("a SIP URI");
    told(
        &mut conference,
        |what| matches!(what, What::State(state) if state.why == Some(Cause::Unreachable)),
    )
    .await;
    udp.set_nonblocking(true).expect("a socket that looks up");
    assert!(udp.recv_from(&mut [0; 100]).is_err(), "nothing may be sent");
}

/// SEC-18: a roster of 300 KiB in one NOTIFY over TCP, of which ezk itself takes 64, is shown, and so is who joins then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_roster_is_shown_over_tcp() {
    const USERS: usize = 1_200;
    let server = ImServer::bind(Settings::default()).await;
    let server = server.expect("an IM server");
    let room = (0..USERS).fold(Room::new("Large"), |room, n| {
        room.user(User::connected(format!(
            "sip:somebody{n}@{}.example.org",
            "department".repeat(5)
        )))
    });
    let focus = server.create_conference("sip:room@example.org", room);
    let focus = focus.expect("a conference");
    let phone = phone(server.tcp_addr(), Transport::Tcp, "sip:alice@example.org").await;
    let mut conference = phone
        .conferences
        .subscribe("sip:room@example.org")
        .await
        .expect("a SIP URI");
    told(
        &mut conference,
        |what| matches!(what, What::Roster(rows) if rows.len() == USERS),
    )
    .await;
    focus
        .join(User::connected("sip:carol@example.org"))
        .expect("she joins");
    told(&mut conference, |what| matches!(what, What::Joined(_))).await;
    assert_eq!(server.accepted(), 1, "nothing was asked again");
}

/// SUB-09 over IPv6, by UDP and TCP: Contact and Via are addresses that NOTIFYs reach.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conferences_are_watched_over_ipv6() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let server = ImServer::bind(Settings {
            addr: (Ipv6Addr::LOCALHOST, 0).into(),
            ..Settings::default()
        })
        .await
        .expect("an IM server on ::1");
        let room = Room::new("Six").user(User::connected("sip:bob@example.org"));
        let focus = server.create_conference("sip:room@example.org", room);
        let focus = focus.expect("a conference");
        let phone = phone(server.udp_addr(), transport, "sip:alice@example.org").await;
        let mut conference = phone
            .conferences
            .subscribe("sip:room@example.org")
            .await
            .expect("a SIP URI");
        told(
            &mut conference,
            |what| matches!(what, What::Roster(rows) if rows.len() == 1),
        )
        .await;
        focus
            .join(User::connected("sip:carol@example.org"))
            .expect("she joins");
        told(&mut conference, |what| matches!(what, What::Joined(_))).await;
        phone.conferences.network_changed();
        focus
            .join(User::connected("sip:dave@example.org"))
            .expect("he joins");
        told(&mut conference, |what| matches!(what, What::Joined(_))).await;
        conference.unsubscribe();
        told(&mut conference, |what| matches!(what, What::Ended { .. })).await;
    }
}

/// SUB-31, RFC 3261 §17.2.2: a NOTIFY that comes again is answered as it was, although a newer one has been taken meanwhile
/// and its place in the order is behind that.
#[test]
fn a_notify_that_comes_again_late_is_answered_as_before() {
    let mut scene = Scene::start(Wire::Udp, Duration::from_millis(500));
    let asked = scene.active();
    let (older, newer) = (
        scene.notify(&asked, "active;expires=3600"),
        scene.notify(&asked, "active;expires=3000"),
    );
    assert_eq!(scene.delivered(&older, PATIENCE), Some(200));
    assert_eq!(scene.delivered(&newer, PATIENCE), Some(200));
    for _ in 0..3 {
        assert_eq!(scene.delivered(&older, PATIENCE), Some(200));
    }
    assert!(!scene.has_told("sip:room@example.org", "deviation"));
}

/// SUB-12, RFC 7616 §3.3, §3.4: a nonce is used again with the next count, and a stale one is renewed with the same password, unseen by the
/// user; over UDP and TCP.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_is_counted_and_renewed() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut version = 0;
        let script = move |asked: &Message, here: &str| {
            let challenge = |nonce: &str, more: &str| {
                let value = format!(
                    "Digest realm=\"example.org\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5{more}"
                );
                vec![asked.response(401, "focus").with("WWW-Authenticate", value)]
            };
            let credentials = asked.get("Authorization").unwrap_or_default();
            let is = |nonce: &str, count: &str| {
                let proves = credentials.contains(&format!("nonce=\"{nonce}\""))
                    && credentials.contains(&format!("nc={count}"));
                if proves {
                    digest::check(asked, "alice", "wonderland", nonce);
                }
                proves
            };
            match version {
                _ if credentials.is_empty() => return challenge("first", ""),
                0 if is("first", "00000001") => {}
                1 if is("first", "00000002") => {}
                2 if is("first", "00000003") => return challenge("second", ", stale=true"),
                2 if is("second", "00000001") => {}
                3 if is("second", "00000002") => {}
                _ => return vec![asked.response(403, "focus")],
            }
            version += 1;
            let users = ["bob", "carol", "dave", "erin"];
            let users = users.get(..version as usize).unwrap_or(&users);
            accepted(asked, here, version, users)
        };
        let server = match transport {
            Transport::Udp => Scripted::udp(script).await,
            _ => Scripted::tcp(None, script).await,
        };
        let settings = rollmark_ua::Settings {
            server: Some(server.address.to_string()),
            transport,
            ca: None,
        };
        let mut account = Account::new("sip:alice@example.org");
        account.credentials = Some(Credentials {
            username: "alice".into(),
            password: "wonderland".to_owned().into(),
        });
        let phone = UserAgent::start(settings, account)
            .await
            .expect("ezk starts");
        let mut conference = phone.conferences.subscribe(ROOM).await.expect("a SIP URI");
        told(
            &mut conference,
            |what| matches!(what, What::Roster(rows) if rows.len() == 1),
        )
        .await;
        for user in ["carol", "dave", "erin"] {
            let entity = format!("sip:{user}@example.org");
            phone.conferences.network_changed();
            told(&mut conference, |what| {
                assert!(
                    !matches!(what, What::State(state) if state.why.is_some()),
                    "nothing of it is told: {what:?}"
                );
                matches!(what, What::Joined(row) if row.user.entity() == entity)
            })
            .await;
        }
    }
}
