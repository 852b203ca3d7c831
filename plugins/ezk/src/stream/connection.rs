//! One connection to a server: requests and their responses by branch (RFC 3261 §17.1.3, §18.1.2).

use std::collections::{HashMap, VecDeque};
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
use rollmark::{Answering, Reporter};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::duct::Ducts;
use super::message;
use super::wire::{Answerer, End, Lost, Reader, UNANSWERED, write_all};

/// Timer F (RFC 3261 §17.1.2.2).
pub(super) const TIMER_F: Duration = Duration::from_secs(32);
/// Messages that wait to be written; who has one more waits, too (SEC-18), answers included, and then nothing more is read. A
/// server that reads nothing itself while what it writes is not taken, as many do, would then wait for us as we for it until
/// the patience with its reading is over: a burst of refreshes of all that is watched must not come to that.
const OUTBOX: usize = 65_536;
/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Tls,
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

    pub(super) fn reporter(&self) -> &Reporter {
        &self.reporter
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
    pub(super) fn take(&self, response: Response) -> Option<Response> {
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
    pub(super) fn overdue(&self, now: Instant, heard: Instant) -> bool {
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
        let reader = Reader::new(shared.clone(), outbox.downgrade(), asked);
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
