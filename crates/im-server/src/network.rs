//! The test network: a UDP relay on loopback that loses the NOTIFY it is told to lose.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Longest datagram relayed: no UDP datagram is longer.
const MAX_DATAGRAM: usize = 65_535;

/// Clients relayed at a time; datagrams of further ones are dropped.
pub const MAX_CLIENTS: usize = 256;

/// NOTIFYs remembered as passed; a NOTIFY older than that is not sent again any more.
const MAX_PASSED: usize = 10_000;

/// A UDP path between clients and one server.
///
/// Every client gets a socket of its own towards the server, so that what the server sends to the source of a SUBSCRIBE
/// comes back to the client that sent it. Datagrams pass unchanged. Ends when dropped.
#[derive(Debug)]
pub struct LossyLink {
    addr: SocketAddr,
    losses: Arc<Losses>,
    relay: AbortHandle,
}

impl LossyLink {
    /// Opens a path to the server, on loopback and a free port.
    ///
    /// # Errors
    /// What the system says if no socket can be bound.
    pub async fn bind(server: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(loopback(server)).await?);
        let addr = socket.local_addr()?;
        let losses = Arc::new(Losses {
            due: Mutex::default(),
            lost: watch::Sender::new(0),
        });
        let relay = tokio::spawn(relay(socket, server, losses.clone())).abort_handle();
        Ok(Self {
            addr,
            losses,
            relay,
        })
    }

    /// What clients use in place of the server's address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Loses the next new NOTIFY to any client, with all its retransmissions. Called twice, loses two.
    ///
    /// A NOTIFY is known by Call-ID and CSeq; one that has passed before is not new.
    pub fn lose_next_notify(&self) {
        self.losses.due().pending += 1;
    }

    /// How many NOTIFY requests were lost so far, retransmissions not counted.
    pub fn lost(&self) -> u64 {
        *self.losses.lost.borrow()
    }

    /// Waits until that many NOTIFY requests were lost.
    pub async fn wait_lost(&self, count: u64) {
        let mut lost = self.losses.lost.subscribe();
        // The sender lives as long as this link, so there is no error to come.
        let _ = lost.wait_for(|lost| *lost >= count).await;
    }
}

impl Drop for LossyLink {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

#[derive(Debug)]
struct Losses {
    due: Mutex<Due>,
    lost: watch::Sender<u64>,
}

/// Call-ID and CSeq.
type RequestId = (Vec<u8>, Vec<u8>);

#[derive(Debug, Default)]
struct Due {
    pending: usize,
    passed: HashSet<RequestId>,
    doomed: HashSet<RequestId>,
}

impl Losses {
    fn due(&self) -> std::sync::MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this datagram to a client may pass.
    fn passes(&self, datagram: &[u8]) -> bool {
        let Some(id) = notify_id(datagram) else {
            return true;
        };
        let mut due = self.due();
        if due.doomed.contains(&id) {
            return false;
        }
        if due.pending == 0 || due.passed.contains(&id) {
            if due.passed.len() >= MAX_PASSED {
                due.passed.clear();
            }
            due.passed.insert(id);
            return true;
        }
        due.pending -= 1;
        due.doomed.insert(id);
        drop(due);
        self.lost.send_modify(|lost| *lost += 1);
        false
    }
}

/// Call-ID and CSeq of a NOTIFY request; `None` for anything else.
fn notify_id(datagram: &[u8]) -> Option<RequestId> {
    if !datagram.starts_with(b"NOTIFY ") {
        return None;
    }
    let (mut call_id, mut cseq) = (None, None);
    for line in datagram.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = || value.get(1..).map(|value| value.trim_ascii().to_vec());
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"Call-ID") || name.eq_ignore_ascii_case(b"i") {
            call_id = value();
        } else if name.eq_ignore_ascii_case(b"CSeq") {
            cseq = value();
        }
    }
    Some((call_id?, cseq?))
}

/// Client to server; starts the way back for every new client.
async fn relay(socket: Arc<UdpSocket>, server: SocketAddr, losses: Arc<Losses>) {
    let mut upstreams: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    // Dropped, and so aborted, with this task.
    let mut ways_back = JoinSet::new();
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        // An error here is that of an earlier send to a client who is gone.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let upstream = match upstreams.get(&client) {
            Some(upstream) => upstream.clone(),
            None if upstreams.len() >= MAX_CLIENTS => continue,
            None => match connect(server).await {
                Ok(upstream) => {
                    let upstream = Arc::new(upstream);
                    upstreams.insert(client, upstream.clone());
                    let back = way_back(upstream.clone(), socket.clone(), client, losses.clone());
                    ways_back.spawn(back);
                    upstream
                }
                Err(error) => {
                    tracing::warn!(%error, %server, "test network has no socket for {client}");
                    continue;
                }
            },
        };
        if let Err(error) = upstream
            .send(buffer.get(..length).unwrap_or_default())
            .await
        {
            tracing::debug!(%error, "test network could not pass a datagram to the server");
        }
    }
}

/// Server to one client.
async fn way_back(
    upstream: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    losses: Arc<Losses>,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let Ok(length) = upstream.recv(&mut buffer).await else {
            continue;
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        if !losses.passes(datagram) {
            tracing::debug!(%client, "test network lost a NOTIFY");
            continue;
        }
        if let Err(error) = socket.send_to(datagram, client).await {
            tracing::debug!(%error, "test network could not pass a datagram to {client}");
        }
    }
}

async fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let upstream = UdpSocket::bind(loopback(server)).await?;
    upstream.connect(server).await?;
    Ok(upstream)
}

/// A free port on loopback, of the server's address family.
fn loopback(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::LOCALHOST, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::LOCALHOST, 0).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses() -> Losses {
        Losses {
            due: Mutex::default(),
            lost: watch::Sender::new(0),
        }
    }

    fn notify(cseq: u32) -> Vec<u8> {
        format!("NOTIFY sip:a@h SIP/2.0\r\ncall-id : x\r\nCSeq:{cseq} NOTIFY\r\n\r\nCSeq: 9")
            .into_bytes()
    }

    #[test]
    fn one_notify_is_lost_with_its_retransmissions_and_no_other() {
        let losses = losses();
        assert!(losses.passes(&notify(1)));
        losses.due().pending += 1;
        assert!(losses.passes(&notify(1)), "a retransmission of what passed");
        assert!(losses.passes(b"SIP/2.0 200 OK\r\nCSeq: 2 SUBSCRIBE\r\n\r\n"));
        assert!(!losses.passes(&notify(2)));
        assert!(
            !losses.passes(&notify(2)),
            "a retransmission of the lost one"
        );
        assert!(losses.passes(&notify(3)));
        assert_eq!(*losses.lost.borrow(), 1);
    }

    #[test]
    fn headers_are_read_in_short_form_and_not_from_the_body() {
        let id = notify_id(b"NOTIFY sip:a SIP/2.0\ni: x\nCSeq: 4 NOTIFY\n\nCall-ID: y");
        assert_eq!(id, Some((b"x".to_vec(), b"4 NOTIFY".to_vec())));
        assert_eq!(notify_id(b"NOTIFY sip:a SIP/2.0\r\n\r\nCSeq: 1"), None);
        assert_eq!(notify_id(b"\r\n\r\n"), None);
    }
}
