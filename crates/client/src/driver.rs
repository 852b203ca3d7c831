//! The one task that owns the engine: commands, reports and time go in, actions and events come out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::Update;
use rollmark_core::engine::{WatchError, WatchId, What};
use rollmark_core::host::{Action, Answer, Capabilities, Fact, Trouble};
use rollmark_core::profile::{Profile, Registration};
use rollmark_core::registration::check_access_network;
use rollmark_core::session::{ImSession, SessionId};
use rollmark_core::wall_time::WallTime;
use rollmark_core::xcap_diff::ListError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::conferences::Event;
use crate::messages::{Message, Passed};
use crate::meter::Meter;
use crate::port::{Answering, Port, Report, Reporter};
use crate::record::{Driven, Recorder};
use crate::redact::Redacted;
use crate::source::BlockListSource;

#[derive(Debug)]
pub(crate) enum Command {
    AddAccount(Box<AccountSettings>, oneshot::Sender<AccountId>),
    AddSource(AccountId, String, AbortHandle),
    BlockList(AccountId, String, Update),
    Life(WatchId, oneshot::Sender<Option<Duration>>),
    Documents(WatchId, Vec<String>, oneshot::Sender<Result<(), ListError>>),
    Messages(mpsc::UnboundedSender<Message>),
    NetworkChanged,
    Refresh(WatchId),
    Registration(AccountId, Box<Registration>),
    RegisterRequests(AccountId, mpsc::UnboundedSender<Trouble>),
    Resynchronise(WatchId),
    SessionEnded(SessionId),
    SessionStarted {
        session: ImSession,
        events: mpsc::Sender<Event>,
        lagged: Arc<AtomicBool>,
        reply: oneshot::Sender<Result<Option<(WatchId, SessionId)>, WatchError>>,
    },
    Stop(Duration, oneshot::Sender<()>),
    Subscribe {
        account: AccountId,
        uri: String,
        /// To be followed there; none for a conference.
        documents: Option<Vec<String>>,
        events: mpsc::Sender<Event>,
        lagged: Arc<AtomicBool>,
        reply: oneshot::Sender<Result<WatchId, WatchError>>,
    },
    Switch(AccountId, Box<dyn Profile>, Box<Registration>),
    Unsubscribe(WatchId),
}

/// The consumer of one conference's events.
#[derive(Debug)]
struct Consumer {
    uri: Arc<str>,
    /// Follows documents, no conference.
    documents: bool,
    /// One of several for the same conference: what ends it for this one alone.
    session: Option<SessionId>,
    events: mpsc::Sender<Event>,
    lagged: Arc<AtomicBool>,
}

impl Consumer {
    /// For a recording.
    fn named(&self, id: WatchId) -> (WatchId, &str, bool) {
        (id, &self.uri, self.documents)
    }

    /// Whether [`Consumer::tell`] will queue it.
    fn takes(&self, what: &What) -> bool {
        let misses = self.lagged.load(Ordering::Acquire) && !matches!(what, What::Ended { .. });
        !misses && self.events.capacity() > 0
    }

    /// Queues an event; a full queue means a fresh roster later, never a wait (SUB-32).
    fn tell(&self, at: Duration, what: What) {
        let event = Event {
            at,
            conference: self.uri.clone(),
            what,
        };
        if self.lagged.load(Ordering::Acquire) && !matches!(event.what, What::Ended { .. }) {
            Meter::dropped();
            return;
        }
        match self.events.try_send(event) {
            Ok(()) => Meter::queued(),
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!(
                    "a consumer of events fell behind; he gets a fresh roster when he reads on"
                );
                Meter::dropped();
                Meter::lagged();
                self.lagged.store(true, Ordering::Release);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }
}

struct Driver {
    engine: Driven,
    started: Instant,
    actions: mpsc::UnboundedSender<Action>,
    /// Several only of a conference that sessions share.
    consumers: HashMap<WatchId, Vec<Consumer>>,
    sessions: u64,
    stopped: Vec<oneshot::Sender<()>>,
    feeds: Vec<AbortHandle>,
    /// Who registers anew, by account.
    registrars: Vec<(AccountId, mpsc::UnboundedSender<Trouble>)>,
    reports: mpsc::WeakUnboundedSender<Report>,
    /// Who wants to see what passes.
    watchers: Vec<mpsc::UnboundedSender<Message>>,
    /// NOTIFYs whose answers have not left yet.
    unanswered: usize,
    /// Ends that are told once they have.
    ended: Vec<rollmark_core::engine::Event>,
    meter: Meter,
}

/// Spawns the driver.
pub(crate) fn start(
    capabilities: Capabilities,
    account: AccountSettings,
    commands: mpsc::UnboundedReceiver<Command>,
    recorder: Option<Recorder>,
) -> (Port, AccountId) {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the system gives no randomness");
    let mut engine = Driven::new(capabilities, seed, recorder);
    engine.set_wall_time(Duration::ZERO, wall_time());
    let account = engine.add_account(Duration::ZERO, account, Registration::default());
    let (actions, action_inbox) = mpsc::unbounded_channel();
    let (reports, report_inbox) = mpsc::unbounded_channel();
    let driver = Driver {
        engine,
        started: Instant::now(),
        actions,
        consumers: HashMap::new(),
        sessions: 0,
        stopped: Vec::new(),
        feeds: Vec::new(),
        registrars: Vec::new(),
        reports: reports.downgrade(),
        watchers: Vec::new(),
        unanswered: 0,
        ended: Vec::new(),
        meter: Meter::default(),
    };
    tokio::spawn(driver.run(commands, report_inbox));
    let port = Port {
        actions: action_inbox,
        reports,
    };
    (port, account)
}

/// Carries the news of a source to the driver, which ends this task when it ends itself.
pub(crate) async fn feed(
    mut source: impl BlockListSource,
    commands: mpsc::WeakUnboundedSender<Command>,
    account: AccountId,
    name: String,
) {
    loop {
        let update = source.next().await;
        let Some(commands) = commands.upgrade() else {
            return;
        };
        let _ = commands.send(Command::BlockList(account, name.clone(), update));
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        for feed in &self.feeds {
            feed.abort();
        }
        if let Some(recorder) = self.engine.recorder() {
            recorder.finish();
        }
    }
}

impl Driver {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut reports: mpsc::UnboundedReceiver<Report>,
    ) {
        let mut open = true;
        loop {
            self.drain();
            if self.consumers.is_empty() {
                for stopped in self.stopped.drain(..) {
                    let _ = stopped.send(());
                }
                if !open {
                    return;
                }
            }
            let wake = self.engine.poll_timeout();
            if let Some(recorder) = self.engine.recorder() {
                recorder.wake(self.now(), wake);
            }
            let wake = wake.map(|at| self.started + at);
            let sleep = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv(), if open => match command {
                    Some(command) => self.handle(command),
                    // The last handle is gone: the subscriptions are ended, then the driver ends.
                    None => {
                        open = false;
                        let now = self.now();
                        self.engine.stop(now, LAST_PATIENCE);
                    }
                },
                report = reports.recv() => match report {
                    Some(report) => self.take(report),
                    // The adapter is gone, and with it every way to the server.
                    None => return,
                },
                () = sleep => {
                    let now = self.now();
                    if self.engine.wants_wall_time(now) {
                        self.engine.set_wall_time(now, wall_time());
                    }
                    self.engine.handle_timeout(now);
                }
            }
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn handle(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::AddAccount(settings, reply) => {
                let account = self
                    .engine
                    .add_account(now, *settings, Registration::default());
                let _ = reply.send(account);
            }
            Command::AddSource(account, name, feed) => {
                self.engine.add_source(now, account, &name);
                self.feeds.push(feed);
            }
            Command::BlockList(account, source, update) => {
                if update
                    .list
                    .as_ref()
                    .is_some_and(|list| list.rules.is_some())
                {
                    self.engine.set_wall_time(now, wall_time());
                }
                self.meter.block_list(update.state);
                self.engine.handle_block_list(now, account, &source, update);
            }
            Command::Documents(id, documents, reply) => {
                let _ = reply.send(self.engine.set_documents(now, id, &documents));
            }
            Command::Life(id, reply) => {
                let _ = reply.send(self.engine.life(now, id));
            }
            Command::Messages(watcher) => self.watchers.push(watcher),
            Command::Refresh(id) => self.engine.refresh(now, id),
            Command::NetworkChanged => self.engine.handle_fact(now, Fact::FlowLost),
            Command::Registration(account, registration) => {
                if let Some(text) = &registration.access_network
                    && let Err(fault) = check_access_network(text)
                {
                    tracing::warn!(%fault, "P-Access-Network-Info is left out");
                }
                self.engine.set_registration(now, account, *registration);
            }
            Command::RegisterRequests(account, requests) => {
                self.registrars.push((account, requests));
            }
            Command::Switch(account, profile, registration) => {
                self.engine.switch(now, account, profile, *registration);
                if let Some((mode, reason)) = self.engine.mode(account) {
                    tracing::info!(mode = mode.as_str(), %reason, "switched");
                }
            }
            Command::Resynchronise(id) => self.resynchronise(id),
            Command::SessionEnded(session) => self.session_ended(now, session),
            Command::SessionStarted {
                mut session,
                events,
                lagged,
                reply,
            } => {
                self.sessions += 1;
                session.id = SessionId(self.sessions);
                let result = self.engine.handle_session_started(now, &session);
                if let Ok(Some(id)) = result {
                    self.meter.subscribed(id, false);
                    let consumer = Consumer {
                        uri: Arc::from(self.engine.target(id).unwrap_or(&session.identity)),
                        documents: false,
                        session: Some(session.id),
                        events,
                        lagged,
                    };
                    let consumers = self.consumers.entry(id).or_default();
                    // Who comes later is told what he missed when he first asks.
                    consumer
                        .lagged
                        .store(!consumers.is_empty(), Ordering::Release);
                    consumers.push(consumer);
                }
                let begun = result.map(|id| id.map(|id| (id, session.id)));
                if reply.send(begun).is_err() {
                    // Nobody waits for it any more.
                    self.session_ended(now, session.id);
                }
            }
            Command::Stop(patience, reply) => {
                self.stopped.push(reply);
                self.engine.stop(now, patience);
            }
            Command::Subscribe {
                account,
                uri,
                documents,
                events,
                lagged,
                reply,
            } => {
                let of_documents = documents.is_some();
                let result = match &documents {
                    Some(documents) => self.engine.watch_documents(now, account, &uri, documents),
                    None => self.engine.watch(now, account, &uri),
                };
                if let Ok(id) = result {
                    self.meter.subscribed(id, of_documents);
                    let consumer = Consumer {
                        uri: Arc::from(uri),
                        documents: of_documents,
                        session: None,
                        events,
                        lagged,
                    };
                    self.consumers.insert(id, vec![consumer]);
                }
                let _ = reply.send(result);
            }
            Command::Unsubscribe(id) => self.engine.unsubscribe(now, id),
        }
    }

    fn take(&mut self, report: Report) {
        let now = self.now();
        match report {
            Report::Fact(fact) => {
                tracing::debug!(fact = ?Redacted(&fact), "from the SIP stack");
                self.passed(now, || Passed::Fact(fact.clone()));
                self.engine.handle_fact(now, fact);
            }
            Report::Request(flow, request, reply) => {
                tracing::debug!(request = ?Redacted(&request), "from the SIP stack");
                self.passed(now, || Passed::Request(request.clone()));
                let answer = self.engine.handle_request_by(now, flow, &request);
                if let Some(answer) = &answer
                    && request.method == "NOTIFY"
                {
                    self.meter.notified(answer.status);
                }
                self.answer(answer, reply);
            }
            Report::Notification(subscription, headers, body, reply) => {
                self.passed(now, || Passed::Notification(headers.clone(), body.clone()));
                let answer = self
                    .engine
                    .handle_notification(now, subscription, &headers, &body);
                self.meter.notified(answer.status);
                self.answer(Some(answer), reply);
            }
            Report::Answered => self.unanswered = self.unanswered.saturating_sub(1),
        }
    }

    fn answer(&mut self, answer: Option<Answer>, reply: oneshot::Sender<Option<Answering>>) {
        self.passed(self.now(), || Passed::Answer(answer.clone()));
        let answering = answer.and_then(|answer| Reporter::answering(&self.reports, answer));
        self.unanswered += usize::from(answering.is_some());
        // Whoever does not wait for it any more drops it, which is an answer, too.
        let _ = reply.send(answering);
    }

    /// Shows what passes to those who want to see it.
    fn passed(&mut self, at: Duration, passed: impl Fn() -> Passed) {
        self.watchers.retain(|watcher| {
            let passed = passed();
            watcher.send(Message { at, passed }).is_ok()
        });
    }

    fn drain(&mut self) {
        let at = self.now();
        while let Some(action) = self.engine.poll_action(at) {
            if let Action::Register { account, trouble } = action {
                self.ask_to_register(account, trouble);
                continue;
            }
            tracing::debug!(action = ?Redacted(&action), "to the SIP stack");
            self.passed(self.now(), || Passed::Action(action.clone()));
            let _ = self.actions.send(action);
        }
        self.meter.counted(self.engine.counts());
        while let Some(event) = self.engine.poll_event() {
            let id = event.watch;
            self.meter.told(id, &event.what);
            if matches!(event.what, What::Ended { .. }) {
                self.ended.push(event);
            } else if let Some(consumers) = self.consumers.get_mut(&id) {
                if let (What::State(_), Some(uri)) = (&event.what, self.engine.target(id)) {
                    // It may have turned to the group identity (OMA-06).
                    for consumer in consumers.iter_mut().filter(|known| *known.uri != *uri) {
                        consumer.uri = uri.into();
                    }
                }
                tell_all(consumers, at, event, self.engine.recorder());
            }
        }
        if self.unanswered > 0 {
            return;
        }
        for event in std::mem::take(&mut self.ended) {
            let id = event.watch;
            if let Some(consumers) = self.consumers.remove(&id) {
                tell_all(&consumers, at, event, self.engine.recorder());
            }
            self.engine.remove(at, id);
        }
    }

    fn ask_to_register(&mut self, account: AccountId, trouble: Trouble) {
        tracing::warn!(%trouble, "the registration is to be made anew");
        self.registrars.retain(|(of, registrar)| {
            if *of == account {
                registrar.send(trouble).is_ok()
            } else {
                !registrar.is_closed()
            }
        });
    }

    /// A consumer has caught up with his queue and missed something: he gets the state and the whole roster.
    fn resynchronise(&mut self, id: WatchId) {
        let at = self.now();
        let consumers = self.consumers.get(&id).into_iter().flatten();
        for consumer in consumers.filter(|consumer| consumer.lagged.load(Ordering::Acquire)) {
            consumer.lagged.store(false, Ordering::Release);
            let state = self.engine.state(id).map(What::State);
            let roster = self.engine.roster(id);
            let roster = roster.map(|roster| What::Roster(roster.rows().collect()));
            for what in state.into_iter().chain(roster) {
                if let Some(recorder) = self.engine.recorder() {
                    recorder.told(at, consumer.named(id), (&what, "again"));
                }
                consumer.tell(at, what);
            }
        }
    }

    /// The last of several consumers follows the subscription to its end; the others have no more events.
    fn session_ended(&mut self, now: Duration, session: SessionId) {
        if let Some(id) = self.engine.session_watch(session)
            && let Some(consumers) = self.consumers.get_mut(&id)
            && consumers.len() > 1
        {
            consumers.retain(|consumer| consumer.session != Some(session));
        }
        self.engine.handle_session_ended(now, session);
    }
}

/// Tells each consumer; the only one of nearly every conference gets the event itself. A recording has what the first one is
/// told.
fn tell_all(
    consumers: &[Consumer],
    at: Duration,
    event: rollmark_core::engine::Event,
    recorder: Option<&Recorder>,
) {
    let rollmark_core::engine::Event { watch, what } = event;
    if let (Some(recorder), Some(first)) = (recorder, consumers.first()) {
        let how = if first.takes(&what) { "told" } else { "lost" };
        recorder.told(at, first.named(watch), (&what, how));
    }
    if let Some((last, others)) = consumers.split_last() {
        for consumer in others {
            consumer.tell(at, what.clone());
        }
        last.tell(at, what);
    }
}

/// What time it is, for rules that hold only for a while.
fn wall_time() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallTime::from_unix(since.unwrap_or_default())
}

/// How long the driver works on proper ends after its last handle is gone.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
