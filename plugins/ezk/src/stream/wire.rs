//! What goes in and out of a connection: frames are read and taken, NOTIFYs answered in their order, keep-alives sent and awaited
//! (RFC 5626 §4.4.1).

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ezk_sip_core::Endpoint;
use rollmark::core::host::{Answer, Fact};
use rollmark::core::message::Request;
use rollmark::{Answering, Flow, Reporter};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::connection::{Outgoing, Shared, TIMER_F};
use super::duct::{Duct, Ducts};
use super::frame::{Frame, FrameFault, Framer};
use super::message::{self, Message};

/// A server that takes nothing for so long is gone.
const WRITE_PATIENCE: Duration = TIMER_F;
/// Between keep-alives. RFC 5626 §4.4.1 wants no more than 120 s.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// A server that has answered keep-alives before answers within this time (RFC 5626 §4.4.1).
const PONG_PATIENCE: Duration = Duration::from_secs(10);
/// A message that is not whole so long after its first byte has a wrong length, or trickles in (SEC-18).
const WHOLE_WITHIN: Duration = Duration::from_secs(15);
/// Between looks at what is overdue.
const TICK: Duration = Duration::from_secs(1);
/// NOTIFYs that wait for their answer; then nothing more is read (SEC-18).
pub(super) const UNANSWERED: usize = 256;
/// Read at a time.
const PIECE: usize = 16 * 1024;

/// Who is told of the end of connections.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) count: watch::Sender<u64>,
    pub(crate) reporter: Reporter,
    /// Servers whose messages were too large, as told.
    pub(crate) too_large: Arc<Mutex<HashSet<SocketAddr>>>,
}

impl Lost {
    pub(super) fn tell(&self, remote: SocketAddr, end: &End) {
        let is_size = matches!(end, End::Fault(FrameFault::Head | FrameFault::Body(_)));
        let mut told = self
            .too_large
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if is_size {
            self.reporter.fact(Fact::TooLarge);
        }
        if is_size && told.insert(remote) {
            tracing::error!(
                %remote, why = %end,
                "the connection was closed: have the server send smaller documents. It is tried again, ever more rarely"
            );
        } else {
            tracing::warn!(%remote, why = %end, "the connection was closed; refreshing on a new one");
        }
        drop(told);
        self.count.send_modify(|count| *count += 1);
        self.reporter.fact(Fact::FlowLost);
    }
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error(transparent)]
    Fault(#[from] FrameFault),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Known(&'static str),
}

/// Writes what is sent until the last handle is gone; then, or when it cannot, says why it ends.
pub(super) async fn write_all(
    mut write: impl AsyncWrite + Unpin,
    mut outbox: mpsc::Receiver<Outgoing>,
) -> End {
    let mut batch = Vec::new();
    loop {
        if outbox.recv_many(&mut batch, 64).await == 0 {
            let _ = timeout(PONG_PATIENCE, write.shutdown()).await;
            return End::Known("nobody uses it any more");
        }
        let all = async {
            match batch.as_slice() {
                [one] => write.write_all(&one.bytes).await?,
                many => {
                    let parts: Vec<&[u8]> = many.iter().map(|one| &*one.bytes).collect();
                    write.write_all(&parts.concat()).await?;
                }
            }
            write.flush().await
        };
        match timeout(WRITE_PATIENCE, all).await {
            Ok(Ok(())) => batch.drain(..).for_each(|one| drop(one.answers)),
            Ok(Err(error)) => return error.into(),
            Err(_) => return End::Known("the server took nothing for 32 s"),
        }
    }
}

/// What came and is to be answered, in its order.
#[derive(Debug)]
pub(super) enum Asked {
    /// Offered to the plugin; its answer is awaited.
    Offered(Request, rollmark::Offered),
    /// For ezk's layers.
    Foreign(Message),
}

pub(super) struct Reader {
    pub(super) shared: Arc<Shared>,
    outbox: mpsc::WeakSender<Outgoing>,
    asked: mpsc::Sender<Asked>,
    /// When a keep-alive was sent that is not answered yet.
    pinged: Option<Instant>,
    answers_pings: bool,
    heard: Instant,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        outbox: mpsc::WeakSender<Outgoing>,
        asked: mpsc::Sender<Asked>,
    ) -> Self {
        Self {
            shared,
            outbox,
            asked,
            pinged: None,
            answers_pings: false,
            heard: Instant::now(),
        }
    }

    /// Reads until the connection ends; says why.
    pub(super) async fn run(mut self, mut read: impl AsyncRead + Unpin) -> End {
        let mut framer = Framer::default();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_ping = Instant::now() + KEEP_ALIVE;
        let mut begun: Option<Instant> = None;
        loop {
            framer.buffer().reserve(PIECE);
            tokio::select! {
                length = read.read_buf(framer.buffer()) => match length {
                    Ok(0) => return io::Error::from(io::ErrorKind::UnexpectedEof).into(),
                    Ok(_) => self.heard = Instant::now(),
                    Err(error) => return error.into(),
                },
                now = tick.tick() => {
                    if self.shared.overdue(now, self.heard) {
                        return End::Known("nothing at all came for 32 s (Timer F)");
                    }
                    if self.pinged.is_some_and(|at| self.answers_pings && now > at + PONG_PATIENCE) {
                        return End::Known("a keep-alive was not answered (RFC 5626)");
                    }
                    if begun.is_some_and(|at| now > at + WHOLE_WITHIN) {
                        return End::Known("a message is incomplete 15 s after its first byte");
                    }
                    if now >= next_ping {
                        next_ping = now + KEEP_ALIVE;
                        self.pinged.get_or_insert(now);
                        self.write_line_ends("\r\n\r\n");
                    }
                    continue;
                }
            }
            loop {
                match framer.next() {
                    Ok(None) => break,
                    Ok(Some(frame)) => {
                        begun = None;
                        if !self.take(frame).await {
                            return End::Known("the plugin has ended");
                        }
                    }
                    Err(fault) => return fault.into(),
                }
            }
            if framer.buffer().is_empty() {
                begun = None;
            } else {
                begun.get_or_insert(self.heard);
            }
        }
    }

    /// False when nobody answers any more.
    async fn take(&mut self, frame: Frame) -> bool {
        let (head, body) = match frame {
            Frame::Message { head, body } => (head, body),
            Frame::LineEnd => {
                self.answers_pings |= self.pinged.take().is_some();
                return true;
            }
            Frame::Ping => {
                self.write_line_ends("\r\n");
                return true;
            }
        };
        let message = match Message::read(&head, &body) {
            Ok(message) => message,
            Err(fault) => {
                tracing::warn!(remote = %self.shared.remote(), %fault, "it is ignored");
                return true;
            }
        };
        let asked = match message {
            Message::Response(response) => match self.shared.take(response) {
                None => return true,
                Some(response) => Asked::Foreign(Message::Response(response)),
            },
            Message::Request(request) if is_for_the_plugin(&request) => {
                let offered = self
                    .shared
                    .reporter()
                    .request_by(Flow::Registered, request.clone());
                Asked::Offered(request, offered)
            }
            Message::Request(request) => Asked::Foreign(Message::Request(request)),
        };
        self.asked.send(asked).await.is_ok()
    }

    /// Left out when there is much to be written: that shows as well that we live.
    fn write_line_ends(&self, text: &'static str) {
        if let Some(outbox) = self.outbox.upgrade() {
            let _ = outbox.try_send(Outgoing {
                bytes: Bytes::from_static(text.as_bytes()),
                answers: None,
            });
        }
    }
}

fn is_for_the_plugin(request: &Request) -> bool {
    let to = request.headers.get("To");
    request.method == "NOTIFY" && to.is_some_and(|to| rollmark::core::header::tag(to).is_some())
}

pub(super) struct Answerer {
    pub(super) shared: Arc<Shared>,
    pub(super) outbox: mpsc::WeakSender<Outgoing>,
    pub(super) endpoint: Endpoint,
    pub(super) ducts: Ducts,
    pub(super) duct: Option<Duct>,
}

impl Answerer {
    pub(super) async fn run(mut self, mut asked: mpsc::Receiver<Asked>) {
        while let Some(asked) = asked.recv().await {
            match asked {
                Asked::Offered(request, offered) => match offered.await {
                    Some(answer) => {
                        let bytes = message::response(&request, &answer, self.shared.remote());
                        self.write(bytes, Some(answer)).await;
                    }
                    None => self.pass_on(Message::Request(request)).await,
                },
                Asked::Foreign(message) => self.pass_on(message).await,
            }
        }
    }

    async fn write(&self, bytes: Bytes, answers: Option<Answering>) {
        if let Some(outbox) = self.outbox.upgrade() {
            // Nobody is there to be answered once it fails.
            let _ = outbox.send(Outgoing { bytes, answers }).await;
        }
    }

    /// Gives ezk what is not for the plugin; what ezk could not read is refused here.
    async fn pass_on(&mut self, message: Message) {
        if matches!(message, Message::Response(_)) && self.duct.is_none() {
            tracing::debug!(remote = %self.shared.remote(), "a response to no request is ignored");
            return;
        }
        let duct = match self.duct.take().filter(Duct::is_open) {
            Some(duct) => duct,
            None => {
                let (shared, outbox) = (self.shared.clone(), self.outbox.clone());
                match Duct::open(&self.endpoint, &self.ducts, shared, outbox).await {
                    Ok(duct) => duct,
                    Err(error) => {
                        tracing::error!(%error, "no way to hand a message on to ezk");
                        self.refuse(&message, 503).await;
                        return;
                    }
                }
            }
        };
        let passed = duct.pass_on(&self.endpoint, &message);
        self.duct = Some(duct);
        if let Err(fault) = passed {
            tracing::warn!(remote = %self.shared.remote(), %fault, "it is refused");
            self.refuse(&message, 400).await;
        }
    }

    async fn refuse(&self, message: &Message, status: u16) {
        if let Message::Request(request) = message
            && request.method != "ACK"
        {
            let answer = Answer::new(status);
            let bytes = message::response(request, &answer, self.shared.remote());
            self.write(bytes, None).await;
        }
    }
}
