//! From a connection of the plugin's to ezk's layers and back. ezk answers by a handle of one of its own transports alone, so it
//! gets one: a connection within the process, over which nothing ever comes in.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ezk_sip_core::Endpoint;
use ezk_sip_core::transport::{ReceivedMessage, TpHandle, TransportState};
use ezk_sip_types::header::typed::{CSeq, CallID, FromTo, Via};
use ezk_sip_types::msg::MessageLine;
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Headers as EzkHeaders, Name};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connection::{Kind, Outgoing, Shared};
use super::frame::{Frame, Framer};
use super::message::Message;
use crate::convert;

/// Nothing leaves the machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// What stands behind the ducts in use, by the address of ezk's end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ducts(Arc<Mutex<HashMap<SocketAddr, Arc<Shared>>>>);

impl Ducts {
    fn table(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<Shared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.table().len()
    }

    /// The true local address of what came by this handle, and what it is.
    pub(crate) fn behind(&self, handle: &TpHandle) -> Option<(SocketAddr, Kind)> {
        let table = self.table();
        let shared = table.get(&handle.bound())?;
        Some((shared.local(), shared.kind()))
    }
}

/// Why ezk cannot be given a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ezk cannot read the {0} of a message that is not for the plugin")]
pub(crate) struct Unreadable(&'static str);

#[derive(Debug)]
pub(super) struct Duct {
    handle: TpHandle,
    source: SocketAddr,
}

impl Duct {
    pub(super) async fn open(
        endpoint: &Endpoint,
        ducts: &Ducts,
        shared: Arc<Shared>,
        outbox: mpsc::WeakSender<Outgoing>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let uri = format!("sip:{};transport=tcp", listener.local_addr()?);
        let uri = SipUri::from_str(&uri).map_err(io::Error::other)?;
        let made = timeout(PATIENCE, async {
            let (handle, _) = endpoint
                .select_transport(&uri)
                .await
                .map_err(io::Error::other)?;
            loop {
                let (stream, peer) = listener.accept().await?;
                // Anybody on the machine could have come first.
                if peer == handle.bound() {
                    return Ok::<_, io::Error>((handle, stream));
                }
            }
        });
        let (handle, stream) = made.await??;
        let bound = handle.bound();
        let source = shared.remote();
        ducts.table().insert(bound, shared.clone());
        let ducts = ducts.clone();
        tokio::spawn(async move {
            pump(stream, &shared, outbox, bound).await;
            ducts.table().remove(&bound);
        });
        Ok(Self { handle, source })
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(*self.handle.watch_state().borrow(), TransportState::Ok)
    }

    /// Lets ezk receive a message. One that it would drop or panic on is not given to it.
    pub(super) fn pass_on(&self, endpoint: &Endpoint, message: &Message) -> Result<(), Unreadable> {
        let (line, body) = match message {
            Message::Request(request) => {
                let line = format!("{} {} SIP/2.0", request.method, request.uri);
                (line, &request.body)
            }
            Message::Response(response) => {
                let line = format!("SIP/2.0 {} {}", response.status, response.reason);
                (line, &response.body)
            }
        };
        let line = MessageLine::from_str(&line).map_err(|_| Unreadable("first line"))?;
        let mut headers = EzkHeaders::new();
        for header in message.headers().iter() {
            headers.insert(convert::name(&header.name), header.value.as_str());
        }
        let via = headers.get_named::<Vec<Via>>();
        if via.map_or(true, |via| via.is_empty()) {
            return Err(Unreadable("Via"));
        }
        for (name, text) in [(Name::FROM, "From"), (Name::TO, "To")] {
            headers.get::<FromTo>(name).map_err(|_| Unreadable(text))?;
        }
        headers
            .get_named::<CallID>()
            .map_err(|_| Unreadable("Call-ID"))?;
        headers
            .get_named::<CSeq>()
            .map_err(|_| Unreadable("CSeq"))?;
        endpoint.receive(ReceivedMessage::new(
            self.source,
            Bytes::new(),
            self.handle.clone(),
            line,
            headers,
            Bytes::copy_from_slice(body),
        ));
        Ok(())
    }
}

/// Carries what ezk writes to the connection, until either ends.
async fn pump(
    mut stream: TcpStream,
    shared: &Shared,
    outbox: mpsc::WeakSender<Outgoing>,
    bound: SocketAddr,
) {
    let mut framer = Framer::default();
    let mut closed = shared.watch_closed();
    loop {
        tokio::select! {
            length = stream.read_buf(framer.buffer()) => {
                if !matches!(length, Ok(1..)) {
                    return;
                }
            }
            _ = closed.wait_for(|closed| *closed) => return,
        }
        loop {
            match framer.next() {
                Ok(Some(Frame::Message { head, body })) => {
                    let Some(outbox) = outbox.upgrade() else {
                        return;
                    };
                    let bytes = named(shared, bound, &head, &body);
                    let outgoing = Outgoing {
                        bytes,
                        answers: None,
                    };
                    if outbox.send(outgoing).await.is_err() {
                        return;
                    }
                }
                // The connection has keep-alives of its own.
                Ok(Some(Frame::LineEnd | Frame::Ping)) => {}
                Ok(None) => break,
                Err(fault) => {
                    tracing::error!(%fault, "what ezk wrote cannot be sent");
                    return;
                }
            }
        }
    }
}

/// A request of a layer's names the true address in its Via; anything else stays as it is.
fn named(shared: &Shared, bound: SocketAddr, head: &[u8], body: &[u8]) -> Bytes {
    let theirs = format!("SIP/2.0/TCP {bound}");
    let place = head
        .windows(theirs.len())
        .position(|part| part == theirs.as_bytes());
    let mut bytes = BytesMut::with_capacity(head.len() + body.len() + 16);
    match place.filter(|_| !head.starts_with(b"SIP/2.0 ")) {
        Some(place) => {
            let ours = format!("SIP/2.0/{} {}", shared.protocol(), shared.local());
            bytes.extend_from_slice(&head[..place]);
            bytes.extend_from_slice(ours.as_bytes());
            bytes.extend_from_slice(&head[place + theirs.len()..]);
        }
        None => bytes.extend_from_slice(head),
    }
    bytes.extend_from_slice(body);
    bytes.freeze()
}
