//! One connection to a server: requests and their responses by branch (RFC 3261 §17.1.3, §18.1.2), NOTIFYs in the order of the
//! wire, keep-alives (RFC 5626 §4.4.1).

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ezk_sip_core::Endpoint;
use ezk_sip_core::transaction::TsxKey;
use ezk_sip_types::Method;
use rollmark::core::host::{Fact, SendFailure, TransactionId};
use rollmark::core::message::{Request, Response};
use rollmark::{Answering, Flow, Reporter};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::duct::{Duct, Ducts};
use super::frame::{Frame, FrameFault, Framer};
use super::message::{self, Message};

/// Timer F (RFC 3261 §17.1.2.2).
const TIMER_F: Duration = Duration::from_secs(32);
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
/// Messages that wait to be written; who has one more waits, too (SEC-18), answers included, and then nothing more is read. A
/// server that reads nothing itself while what it writes is not taken, as many do, would then wait for us as we for it until
/// [`WRITE_PATIENCE`] is over: a burst of refreshes of all that is watched must not come to that.
const OUTBOX: usize = 65_536;
/// NOTIFYs that wait for their answer; then nothing more is read (SEC-18).
const UNANSWERED: usize = 256;
/// Read at a time.
const PIECE: usize = 16 * 1024;

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Tls,
}

/// Who is told of the end of connections.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) count: watch::Sender<u64>,
    pub(crate) reporter: Reporter,
    /// Servers whose messages were too large, as told.
    pub(crate) too_large: Arc<Mutex<HashSet<SocketAddr>>>,
}

impl Lost {
    fn tell(&self, remote: SocketAddr, end: &End) {
        let is_size = matches!(end, End::Fault(FrameFault::Head | FrameFault::Body(_)));
        let mut told = self
            .too_large
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
enum End {
    #[error(transparent)]
    Fault(#[from] FrameFault),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Known(&'static str),
}

/// A message to be written; the NOTIFY it answers is done with once it is.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) bytes: Bytes,
    pub(super) answers: Option<Answering>,
}

/// Who waits for responses.
#[derive(Debug)]
enum Waiting {
    /// The plugin is told in the order of the wire.
    Plugin(TransactionId),
    /// A request of the host's.
    Host(mpsc::UnboundedSender<Response>),
}

#[derive(Debug)]
struct Open {
    method: String,
    waiting: Waiting,
}

/// Requests without a final response.
#[derive(Debug, Default)]
struct Table {
    open: HashMap<String, Open>,
    /// By when each must be answered, in that order.
    due: VecDeque<(Instant, String)>,
    closed: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    kind: Kind,
    local: SocketAddr,
    remote: SocketAddr,
    table: Mutex<Table>,
    closed: watch::Sender<bool>,
    reporter: Reporter,
}

/// A connection in use. Cheap to clone; it is closed with its last handle.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    outbox: mpsc::Sender<Outgoing>,
}

/// Responses to a request; the request is forgotten with this.
#[derive(Debug)]
pub(crate) struct Responses {
    shared: Arc<Shared>,
    branch: String,
    inbox: mpsc::UnboundedReceiver<Response>,
}

impl Responses {
    /// The next one; none once the connection is lost.
    pub(crate) async fn next(&mut self) -> Option<Response> {
        self.inbox.recv().await
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        self.shared.table().open.remove(&self.branch);
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn local(&self) -> SocketAddr {
        // Without the scope of a link-local address, which no URI can have.
        SocketAddr::new(self.local.ip(), self.local.port())
    }

    pub(super) fn protocol(&self) -> &'static str {
        match self.kind {
            Kind::Tcp => "TCP",
            Kind::Tls => "TLS",
        }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn watch_closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// Takes a response; gives back one that nobody here waits for.
    fn take(&self, response: Response) -> Option<Response> {
        let vias = message::vias(&response.headers);
        // More than one Via: it is for somebody else (RFC 3261 §8.1.3.3).
        let [via] = vias.as_slice() else {
            return Some(response);
        };
        let Some(branch) = message::param(via, "branch") else {
            return Some(response);
        };
        let mut table = self.table();
        let is_its = |open: &Open| message::cseq_method(&response.headers) == Some(&open.method);
        match table.open.get(branch).filter(|open| is_its(open)) {
            None => return Some(response),
            Some(Open {
                waiting: Waiting::Host(inbox),
                ..
            }) => {
                // Whoever gave up is told nothing.
                let _ = inbox.send(response);
                return None;
            }
            Some(_) if response.status < 200 => return None,
            Some(_) => {}
        }
        let open = table.open.remove(branch);
        drop(table);
        if let Some(Waiting::Plugin(transaction)) = open.map(|open| open.waiting) {
            self.reporter.fact(Fact::Response {
                transaction,
                response,
            });
        }
        None
    }

    /// Requests whose time is over have failed; true when one of them is older than what was heard last.
    fn overdue(&self, now: Instant, heard: Instant) -> bool {
        let mut is_dead = false;
        let mut table = self.table();
        while table.due.front().is_some_and(|(at, _)| *at <= now) {
            let Some((at, branch)) = table.due.pop_front() else {
                break;
            };
            let Some(open) = table.open.remove(&branch) else {
                continue;
            };
            is_dead |= heard + TIMER_F < at;
            tracing::warn!(remote = %self.remote, "no answer (Timer F)");
            self.fail(open.waiting, SendFailure::NoAnswer);
        }
        is_dead
    }

    fn fail(&self, waiting: Waiting, failure: SendFailure) {
        if let Waiting::Plugin(transaction) = waiting {
            self.reporter.fact(Fact::Failed {
                transaction,
                failure,
            });
        }
    }

    fn close(&self) {
        let open = {
            let mut table = self.table();
            table.closed = true;
            table.due.clear();
            std::mem::take(&mut table.open)
        };
        self.closed.send_replace(true);
        for open in open.into_values() {
            self.fail(open.waiting, SendFailure::Unreachable);
        }
    }
}

impl Connection {
    /// Takes over a connection that was made.
    pub(crate) fn start(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        (kind, local, remote): (Kind, SocketAddr, SocketAddr),
        endpoint: Endpoint,
        ducts: Ducts,
        lost: Lost,
    ) -> Self {
        let (outbox, to_write) = mpsc::channel(OUTBOX);
        let shared = Arc::new(Shared {
            kind,
            local,
            remote,
            table: Mutex::default(),
            closed: watch::Sender::new(false),
            reporter: lost.reporter.clone(),
        });
        let (read, write) = tokio::io::split(stream);
        let mut writer = tokio::spawn(write_all(write, to_write));
        let (asked, to_answer) = mpsc::channel(UNANSWERED);
        let answerer = Answerer {
            shared: shared.clone(),
            outbox: outbox.downgrade(),
            endpoint,
            ducts,
            duct: None,
        };
        let answerer = tokio::spawn(answerer.run(to_answer));
        let reader = Reader {
            shared: shared.clone(),
            outbox: outbox.downgrade(),
            asked,
            pinged: None,
            answers_pings: false,
            heard: Instant::now(),
        };
        tokio::spawn(async move {
            let shared = reader.shared.clone();
            let end = tokio::select! {
                end = reader.run(read) => end,
                end = &mut writer => end.unwrap_or_else(|error| End::Io(io::Error::other(error))),
            };
            writer.abort();
            answerer.abort();
            shared.close();
            lost.tell(remote, &end);
        });
        Self { shared, outbox }
    }

    pub(crate) fn is_open(&self) -> bool {
        !*self.shared.closed.borrow()
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.shared.local()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.shared.kind
    }

    /// Via of a request with a new branch, or that of an earlier one.
    fn via(&self, branch: &str) -> String {
        let (protocol, local) = (self.shared.protocol(), self.local());
        format!("SIP/2.0/{protocol} {local};branch={branch}")
    }

    /// Sends a request of the plugin's, which is told what becomes of it.
    pub(crate) async fn perform(
        &self,
        request: &Request,
        transaction: TransactionId,
    ) -> Result<(), SendFailure> {
        let waiting = Waiting::Plugin(transaction);
        let branch = self.begin(request, waiting, true).await?;
        tracing::trace!(branch, "sent");
        Ok(())
    }

    /// Sends a request, and gives its responses.
    pub(crate) async fn ask(
        &self,
        request: &Request,
        expires: bool,
    ) -> Result<Responses, SendFailure> {
        let (responses, inbox) = mpsc::unbounded_channel();
        let branch = self
            .begin(request, Waiting::Host(responses), expires)
            .await?;
        Ok(Responses {
            shared: self.shared.clone(),
            branch,
            inbox,
        })
    }

    /// Sends what is no transaction of its own, with the branch of an earlier request or a new one: ACK, CANCEL.
    pub(crate) async fn tell(
        &self,
        request: &Request,
        of: Option<&Responses>,
    ) -> Result<(), SendFailure> {
        let branch = of.map_or_else(new_branch, |of| of.branch.clone());
        let bytes =
            message::request(request, &self.via(&branch)).ok_or(SendFailure::Unreachable)?;
        self.write(bytes).await
    }

    /// In the table before it is sent: the answer may be there at once.
    async fn begin(
        &self,
        request: &Request,
        waiting: Waiting,
        expires: bool,
    ) -> Result<String, SendFailure> {
        let branch = new_branch();
        let Some(bytes) = message::request(request, &self.via(&branch)) else {
            tracing::error!("the Request-URI cannot be sent: it has white space");
            return Err(SendFailure::Unreachable);
        };
        {
            let mut table = self.shared.table();
            if table.closed {
                return Err(SendFailure::Unreachable);
            }
            let method = request.method.clone();
            table.open.insert(branch.clone(), Open { method, waiting });
            if expires {
                let due = (Instant::now() + TIMER_F, branch.clone());
                table.due.push_back(due);
            }
        }
        let sent = self.write(bytes).await;
        // One that was closed meanwhile has told of it already.
        if sent.is_err() && self.shared.table().open.remove(&branch).is_some() {
            return Err(SendFailure::Unreachable);
        }
        Ok(branch)
    }

    async fn write(&self, bytes: Bytes) -> Result<(), SendFailure> {
        let outgoing = Outgoing {
            bytes,
            answers: None,
        };
        let sent = self.outbox.send(outgoing).await;
        sent.map_err(|_| SendFailure::Unreachable)
    }
}

fn new_branch() -> String {
    // Any method but INVITE and ACK gives the same.
    TsxKey::client(&Method::OPTIONS).branch().to_string()
}

/// Writes what is sent until the last handle is gone; then, or when it cannot, says why it ends.
async fn write_all(
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
enum Asked {
    /// Offered to the plugin; its answer is awaited.
    Offered(Request, rollmark::Offered),
    /// For ezk's layers.
    Foreign(Message),
}

struct Reader {
    shared: Arc<Shared>,
    outbox: mpsc::WeakSender<Outgoing>,
    asked: mpsc::Sender<Asked>,
    /// When a keep-alive was sent that is not answered yet.
    pinged: Option<Instant>,
    answers_pings: bool,
    heard: Instant,
}

impl Reader {
    /// Reads until the connection ends; says why.
    async fn run(mut self, mut read: impl AsyncRead + Unpin) -> End {
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
                tracing::warn!(remote = %self.shared.remote, %fault, "it is ignored");
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
                    .reporter
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

struct Answerer {
    shared: Arc<Shared>,
    outbox: mpsc::WeakSender<Outgoing>,
    endpoint: Endpoint,
    ducts: Ducts,
    duct: Option<Duct>,
}

impl Answerer {
    async fn run(mut self, mut asked: mpsc::Receiver<Asked>) {
        while let Some(asked) = asked.recv().await {
            match asked {
                Asked::Offered(request, offered) => match offered.await {
                    Some(answer) => {
                        let bytes = message::response(&request, &answer, self.shared.remote);
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
            tracing::debug!(remote = %self.shared.remote, "a response to no request is ignored");
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
            tracing::warn!(remote = %self.shared.remote, %fault, "it is refused");
            self.refuse(&message, 400).await;
        }
    }

    async fn refuse(&self, message: &Message, status: u16) {
        if let Message::Request(request) = message
            && request.method != "ACK"
        {
            let answer = rollmark::core::host::Answer::new(status);
            let bytes = message::response(request, &answer, self.shared.remote);
            self.write(bytes, None).await;
        }
    }
}
