//! Next hops by DNS, and the next server where one is dead, against a name server in the test (RFC 3263).

use std::net::Ipv4Addr;
use std::str::FromStr as _;
use std::time::Duration;

use ezk_sip_core::Endpoint;
use ezk_sip_types::uri::SipUri;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use rollmark::Account;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::flow::Flow;
use crate::stream::candidates;
use crate::{ConferencePlugin, Connections, Requests};

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

type Zone = Vec<(&'static str, RData)>;

fn name(text: &str) -> Name {
    let mut name = Name::from_utf8(text).expect("a name");
    name.set_fqdn(true);
    name
}

fn srv(priority: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, 0, port, name(target)))
}

fn naptr(order: u16, preference: u16, service: &str, target: &str) -> RData {
    let bytes = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
    let none = Vec::new().into_boxed_slice();
    let (flags, service) = (bytes("s"), bytes(service));
    RData::NAPTR(NAPTR::new(
        order,
        preference,
        flags,
        service,
        none,
        name(target),
    ))
}

fn a(last: u8) -> RData {
    RData::A(A(Ipv4Addr::new(127, 0, 0, last)))
}

/// A resolver that asks a name server with these records.
async fn resolver(zone: Zone) -> TokioResolver {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let socket = socket.expect("a port");
    let port = socket.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let Ok(asked) = Message::from_vec(&buffer[..length]) else {
                continue;
            };
            let query = asked.queries[0].clone();
            let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
            answer.add_query(query.clone());
            for (owner, data) in &zone {
                if name(owner) == query.name && data.record_type() == query.query_type {
                    let record = Record::from_rdata(name(owner), 60, data.clone());
                    answer.add_answer(record);
                }
            }
            if answer.answers.is_empty() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            let bytes = answer.to_vec().expect("it can be written");
            let _ = socket.send_to(&bytes, from).await;
        }
    });
    let mut udp = ConnectionConfig::udp();
    udp.port = port;
    let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![udp]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.build().expect("a resolver")
}

/// RFC 3263 §4.1, §4.2: what the URI says counts, then NAPTR, then SRV, then the address alone; each in its order.
#[tokio::test]
async fn a_uri_leads_to_its_servers_in_order() {
    let resolver = resolver(vec![
        ("full.test", naptr(20, 1, "SIP+D2U", "_sip._udp.full.test")),
        ("full.test", naptr(10, 2, "SIP+D2T", "_sip._tcp.full.test")),
        (
            "full.test",
            naptr(10, 1, "SIPS+D2T", "_sips._tcp.full.test"),
        ),
        ("full.test", naptr(5, 1, "E2U+sip", "nothing.test")),
        ("_sips._tcp.full.test", srv(1, 5071, "one.test")),
        ("_sip._tcp.full.test", srv(2, 5062, "two.test")),
        ("_sip._tcp.full.test", srv(1, 5061, "one.test")),
        ("_sip._udp.full.test", srv(1, 5063, "two.test")),
        ("full.test", a(9)),
        ("_sip._udp.part.test", srv(1, 5064, "two.test")),
        ("_sip._tcp.part.test", srv(1, 5065, "one.test")),
        ("bare.test", a(3)),
        ("one.test", a(1)),
        ("two.test", a(2)),
    ])
    .await;
    for (uri, takes_tls, expected) in [
        (
            "sip:full.test",
            true,
            "Tls 127.0.0.1:5071, Tcp 127.0.0.1:5061, Tcp 127.0.0.2:5062, Udp 127.0.0.2:5063",
        ),
        (
            "sip:full.test;transport=tcp",
            false,
            "Tcp 127.0.0.1:5061, Tcp 127.0.0.2:5062",
        ),
        ("sips:full.test", true, "Tls 127.0.0.1:5071"),
        ("sip:full.test:5070", false, "Udp 127.0.0.9:5070"),
        (
            "sip:full.test:5070;transport=tcp",
            false,
            "Tcp 127.0.0.9:5070",
        ),
        (
            "sip:part.test",
            false,
            "Udp 127.0.0.2:5064, Tcp 127.0.0.1:5065",
        ),
        ("sip:bare.test", false, "Udp 127.0.0.3:5060"),
        ("sip:bare.test;transport=tls", true, "Tls 127.0.0.3:5061"),
        ("sip:192.0.2.1", false, "Udp 192.0.2.1:5060"),
        (
            "sip:[2001:db8::1]:9;transport=TCP",
            false,
            "Tcp [2001:db8::1]:9",
        ),
        ("sips:192.0.2.1;transport=tcp", true, "Tls 192.0.2.1:5061"),
        ("sip:unknown.test", false, ""),
    ] {
        let uri_read = SipUri::from_str(uri).expect("a URI");
        let found = candidates(Some(&resolver), &uri_read, takes_tls).await;
        let words: Vec<String> = found
            .iter()
            .map(|c| format!("{:?} {}", c.protocol, c.address))
            .collect();
        assert_eq!(words.join(", "), expected, "{uri}");
    }
}

/// An endpoint that knows no DNS by itself, and the plugin with this zone.
async fn endpoint(zone: Zone) -> (Endpoint, rollmark::Conferences, Requests) {
    let mut builder = Endpoint::builder();
    let nothing = ResolverConfig::default();
    let dns = TokioResolver::builder_with_config(nothing, TokioRuntimeProvider::default()).build();
    builder.set_dns_resolver(dns.expect("a resolver that knows nothing"));
    let here = (Ipv4Addr::LOCALHOST, 0).into();
    builder.bind_udp(here).await.expect("a port");
    let connections = Connections::default().resolver(resolver(zone).await);
    let account = Account::new("sip:alice@pair.test");
    let (plugin, conferences) = ConferencePlugin::with_connections(account, connections);
    let requests = plugin.requests();
    builder.add_layer(plugin);
    (builder.build(), conferences, requests)
}

/// RFC 3263 §4.3: over UDP a server that did not answer gives way to the next one, until each had its turn.
#[tokio::test]
async fn a_silent_server_gives_way_to_the_next() {
    let zone = vec![
        ("_sip._udp.pair.test", srv(1, 5061, "one.test")),
        ("_sip._udp.pair.test", srv(2, 5062, "one.test")),
        ("one.test", a(1)),
    ];
    let (endpoint, _conferences, requests) = endpoint(zone).await;
    for port in [5061, 5062, 5061] {
        for _ in 0..2 {
            let flow = requests.flow(&endpoint, "sip:room@pair.test").await;
            let Ok(Flow::Ezk(flow)) = flow else {
                panic!("a flow over UDP");
            };
            assert_eq!(flow.destination, ([127, 0, 0, 1], port).into());
        }
        requests.forget("sip:pair.test").await;
    }
}

/// The whole of the next SUBSCRIBE that comes here.
async fn subscribed(listener: &TcpListener) -> (TcpStream, String) {
    let read = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let length = stream.read_buf(&mut text).await.expect("a SUBSCRIBE");
            assert_ne!(length, 0, "closed");
        }
        let text = String::from_utf8(text).expect("it is text");
        (stream, text)
    };
    timeout(PATIENCE, read).await.expect("a SUBSCRIBE comes")
}

/// RFC 3263 §4.3, SUB-09: the server that is used dies, with its port: the conference is subscribed to at the next one. And a server
/// that is dead from the start costs nothing but an attempt.
#[tokio::test]
async fn a_dead_server_is_followed_by_the_next() {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (dead, one, two) = tokio::join!(listen(), listen(), listen());
    let (dead, one, two) = (
        dead.expect("a port"),
        one.expect("a port"),
        two.expect("a port"),
    );
    let port = |listener: &TcpListener| listener.local_addr().expect("it is bound").port();
    let zone = vec![
        ("_sip._tcp.pair.test", srv(1, port(&dead), "one.test")),
        ("_sip._tcp.pair.test", srv(2, port(&one), "one.test")),
        ("_sip._tcp.pair.test", srv(3, port(&two), "one.test")),
        ("one.test", a(1)),
    ];
    drop(dead);
    let (_endpoint, conferences, _requests) = endpoint(zone).await;
    let _conference = conferences.subscribe("sip:room@pair.test").await;
    let (stream, first) = subscribed(&one).await;
    assert!(
        first.starts_with("SUBSCRIBE sip:room@pair.test SIP/2.0\r\nVia: SIP/2.0/TCP "),
        "{first}"
    );
    drop((one, stream));
    let (_stream, second) = subscribed(&two).await;
    assert!(
        second.starts_with("SUBSCRIBE sip:room@pair.test SIP/2.0\r\n"),
        "{second}"
    );
}

/// SEC-03, IMS-32: over a connection the very connection counts, so a datagram from the same address is foreign; over UDP it is the
/// address of the next hop that counts.
#[tokio::test]
async fn a_message_is_judged_by_the_way_it_came() {
    let (endpoint, _conferences, requests) = endpoint(Vec::new()).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port");
    let server = listener.local_addr().expect("it is bound");
    let way = async |uri: &str| match requests.flow(&endpoint, uri).await {
        Ok(flow) => flow,
        Err(error) => panic!("{uri}: {error:?}"),
    };
    let udp = SipUri::from_str("sip:127.0.0.9:5060").expect("a URI");
    let (udp, _) = endpoint.select_transport(&udp).await.expect("the socket");
    let judged = |from: [u8; 4]| requests.judge(&udp, (from, 5060).into());
    assert_eq!(judged([127, 0, 0, 1]), rollmark::Flow::Unknown);
    way(&format!("sip:{server};transport=tcp")).await;
    assert_eq!(judged([127, 0, 0, 1]), rollmark::Flow::Foreign);
    way("sip:127.0.0.2:5060").await;
    assert_eq!(judged([127, 0, 0, 1]), rollmark::Flow::Foreign);
    assert_eq!(judged([127, 0, 0, 2]), rollmark::Flow::Registered);
}
