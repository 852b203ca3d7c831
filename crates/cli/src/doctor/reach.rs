//! Whether the server is there: its name, its port, its certificate (RFC 3261 §18, RFC 3263 §4).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use rollmark::core::host::SendFailure;
use rollmark::core::uri::Uri;
use rollmark_ua::UserAgent;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::oneshot;

use super::args::{Doctor, split_host_port};
use super::check::{Examination, Finding, Id, failed, note, ok};
use super::tls;
use crate::options::Transport;

const RFC3263: &str = "RFC 3263 §4.2";
const TRANSPORT: &str = "RFC 3261 §18.1";
const TLS: &str = "RFC 3261 §26.3.1, RFC 5922 §7";

/// Where requests go.
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// It was named by --server, not by the conference's URI.
    pub(crate) is_server: bool,
}

impl Place {
    /// None where the settings name no host, which they do.
    pub(crate) fn of(args: &Doctor) -> Option<Self> {
        if let Some(server) = &args.account.server {
            let (host, port) = split_host_port(server).ok()?;
            return Some(Self {
                host,
                port,
                is_server: true,
            });
        }
        let uri = Uri::parse(&args.conference).ok()?;
        let text = uri.as_str();
        let behind = text.rsplit_once('@').map_or(text, |(_, behind)| behind);
        let end = behind.find([';', '?']).unwrap_or(behind.len());
        let usual = match args.account.transport {
            Transport::Tls => 5061,
            Transport::Udp | Transport::Tcp => 5060,
        };
        let port = split_host_port(&behind[..end]).map_or(usual, |(_, port)| port);
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        Some(Self {
            host,
            port,
            is_server: false,
        })
    }
}

/// Looks the name up on a thread of its own, which nobody waits for when it takes too long.
async fn look_up(host: &str, port: u16, patience: Duration) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = oneshot::channel();
    let host = host.to_owned();
    std::thread::spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        let _ = sender.send(found.map(Iterator::collect));
    });
    match tokio::time::timeout(patience, receiver).await {
        Ok(Ok(found)) => found,
        _ => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer from DNS in {} s", patience.as_secs()),
        )),
    }
}

/// Looks the server's name up; its addresses, none when that failed.
pub(crate) async fn resolution(
    found: &mut Examination,
    place: &Place,
    patience: Duration,
) -> Vec<SocketAddr> {
    let since = Instant::now();
    if let Ok(ip) = place.host.parse::<IpAddr>() {
        let did = format!("read {}", place.host);
        found.add(
            Id::Resolution,
            since,
            did,
            "",
            ok("an address already: nothing to look up"),
        );
        return vec![(ip, place.port).into()];
    }
    let did = format!("looked up {} (A, AAAA)", place.host);
    let (addresses, finding) = match look_up(&place.host, place.port, patience).await {
        Ok(addresses) if !addresses.is_empty() => {
            let mut ips: Vec<String> = Vec::new();
            for address in &addresses {
                let ip = address.ip().to_string();
                if !ips.contains(&ip) {
                    ips.push(ip);
                }
            }
            (addresses, ok(ips.join(", ")))
        }
        outcome => {
            let why = match outcome {
                Err(error) => error.to_string(),
                Ok(_) => "there is no address".into(),
            };
            let host = &place.host;
            (
                Vec::new(),
                unresolved(place, format!("{host} cannot be found: {why}")),
            )
        }
    };
    found.add(Id::Resolution, since, did, RFC3263, finding);
    addresses
}

fn unresolved(place: &Place, got: String) -> Finding {
    match place.is_server {
        true => failed(
            got,
            "check the name given with --server, and the DNS of this machine; an address will do, too",
        ),
        // It may have SRV records alone, which are not looked at here.
        false => note(
            format!(
                "{got}; SRV records are not looked at here, the next checks show whether there are any"
            ),
            "name the proxy with --server HOST:PORT, or check the domain of the conference and the DNS of this machine",
        ),
    }
}

/// Connects to the first address that takes it.
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    patience: Duration,
) -> Result<TcpStream, String> {
    let mut refusals = Vec::new();
    for address in addresses {
        match tokio::time::timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => refusals.push(format!("{address}: {}", words(&error))),
            Err(_) => refusals.push(format!("{address}: no answer in {} s", patience.as_secs())),
        }
    }
    Err(refusals.join("; "))
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refuses the connection".into(),
        _ => error.to_string(),
    }
}

/// TCP, and over it TLS. False when there is no way to the server.
pub(crate) async fn stream(
    found: &mut Examination,
    args: &Doctor,
    place: &Place,
    addresses: &[SocketAddr],
    patience: Duration,
) -> bool {
    let since = Instant::now();
    let did = format!("connected to {} port {} (TCP)", place.host, place.port);
    let connection = match connect(addresses, patience).await {
        Ok(connection) => {
            let peer = connection.peer_addr();
            let got = peer.map_or_else(
                |_| "connected".into(),
                |peer| format!("connected to {peer}"),
            );
            found.add(Id::Transport, since, did, TRANSPORT, ok(got));
            connection
        }
        Err(refusals) => {
            let mend = "check host and port given with --server, that the server listens there by TCP, and firewalls on the way";
            found.add(Id::Transport, since, did, TRANSPORT, failed(refusals, mend));
            found.skip(Id::Tls, "there is no connection");
            return false;
        }
    };
    if args.account.transport != Transport::Tls {
        found.skip(Id::Tls, "TCP was asked for (--transport)");
        return true;
    }
    let since = Instant::now();
    let did = format!(
        "TLS handshake with {}, nothing was sent over it",
        place.host
    );
    let finding = match rollmark_ua::authorities(args.account.ca.as_deref()) {
        Ok(roots) => tls::examine(connection, &place.host, roots, patience).await,
        Err(error) => failed(
            error.to_string(),
            "name the PEM file of the server's authority with --ca",
        ),
    };
    let well = !finding.has_failed();
    found.add(Id::Tls, since, did, TLS, finding);
    well
}

/// Whether somebody is there who takes datagrams. False when nobody is.
pub(crate) async fn datagrams(
    found: &mut Examination,
    agent: &UserAgent,
    place: &Place,
    addresses: &[SocketAddr],
    patience: Duration,
) -> bool {
    let since = Instant::now();
    let host = match place.host.contains(':') {
        true => format!("[{}]", place.host),
        false => place.host.clone(),
    };
    let uri = format!("sip:{host}:{}", place.port);
    let did = format!("asked {uri} for its abilities (OPTIONS over UDP)");
    let finding = tokio::select! {
        answer = agent.options(&uri) => match answer {
            Ok(response) => {
                let server = response.headers.get("Server").or(response.headers.get("User-Agent"));
                let server = server.map_or_else(String::new, |server| format!(", by {server}"));
                ok(format!("{} {}{server}", response.status, response.reason))
            }
            Err(SendFailure::Unreachable) => failed(
                format!("{uri} cannot be reached: no datagram can be sent there"),
                "check host and port given with --server, and the network of this machine",
            ),
            Err(SendFailure::NoAnswer) => silent(patience),
        },
        () = refusal(addresses.first().copied()) => failed(
            "the machine says that nobody listens at this port (ICMP: port unreachable)",
            "check the port given with --server, and that the server listens there by UDP; or try --transport tcp",
        ),
        () = tokio::time::sleep(patience) => silent(patience),
    };
    let well = !finding.has_failed();
    found.add(Id::Transport, since, did, TRANSPORT, finding);
    found.skip(Id::Tls, "UDP was asked for (--transport)");
    well
}

fn silent(patience: Duration) -> Finding {
    note(
        format!(
            "no answer in {} s; some servers never answer strangers",
            patience.as_secs()
        ),
        "if the next checks get no answer either: check host and port, firewalls on the way, and try --transport tcp",
    )
}

/// Resolves when the other machine says that nobody listens there. A socket of its own sees that; it sends line ends, which
/// every server passes over (RFC 3261 §7.5).
async fn refusal(address: Option<SocketAddr>) {
    /// Between two of them; one may get lost.
    const AGAIN: Duration = Duration::from_millis(500);
    let Some(address) = address else {
        return std::future::pending().await;
    };
    let any: IpAddr = match address.is_ipv4() {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    };
    let Ok(socket) = UdpSocket::bind((any, 0)).await else {
        return std::future::pending().await;
    };
    if socket.connect(address).await.is_err() {
        return std::future::pending().await;
    }
    let mut buffer = [0; 16];
    loop {
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if socket
            .send(b"\r\n\r\n")
            .await
            .is_err_and(|error| refused(&error))
        {
            return;
        }
        match tokio::time::timeout(AGAIN, socket.recv(&mut buffer)).await {
            Ok(Err(error)) if refused(&error) => return,
            Ok(Err(_)) => tokio::time::sleep(AGAIN).await,
            Ok(Ok(_)) | Err(_) => {}
        }
    }
}
