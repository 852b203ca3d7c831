//! The engine under any sequence of inputs on a simulated clock: a hostile server, a clumsy host (RFC 6665 §4.1; SUB-…,
//! SEC-18, SW-11…13).

mod server;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::{SourceState, Update, plain};
use rollmark_core::digest::Credentials;
use rollmark_core::engine::{Engine, WatchId, What};
use rollmark_core::host::{Action, Capabilities, Fact, HostKind, SubscriptionId, TransactionId};
use rollmark_core::profile::Registration;

/// Inputs of one run at most.
const MAX_STEPS: usize = 120;
/// Requests that a server can draw out of one conference in a minute, however it answers (SEC-18). What the host brings
/// about itself, by a lost flow or by unsubscribing, comes on top.
const MESSAGES_PER_MINUTE: usize = 60;
/// Timers that may run out at one instant before time has to go on.
const MAX_AT_ONCE: usize = 16;

/// Target: whatever server and host do, nothing panics; no timer stands in the past, none fires without end; every NOTIFY
/// of a live dialog is answered; a conference ends once, and nothing follows; and a server draws no more than
/// `MESSAGES_PER_MINUTE` requests out of it.
///
/// # Panics
/// When one of these does not hold.
pub fn engine_inputs(input: &[u8]) {
    let mut u = Unstructured::new(input);
    // Choices that have run out end the run.
    if let Ok(mut world) = World::new(&mut u) {
        for _ in 0..MAX_STEPS {
            if u.is_empty() || world.step(&mut u).is_err() {
                break;
            }
            world.settle();
        }
        world.finish();
    }
}

/// The dialog of the last initial request of a conference, on a transaction host.
#[derive(Clone, Debug)]
struct Dialog {
    call_id: String,
    local_tag: String,
    cseq: u32,
}

#[derive(Debug)]
struct World {
    engine: Engine,
    kind: HostKind,
    account: AccountId,
    now: Duration,
    conferences: Vec<WatchId>,
    ended: BTreeSet<WatchId>,
    dialogs: Vec<Dialog>,
    /// Which conference each Call-ID is of, by the target of its requests.
    by_target: BTreeMap<String, WatchId>,
    pending: Vec<(TransactionId, String)>,
    handles: Vec<SubscriptionId>,
    forgotten: BTreeSet<SubscriptionId>,
    targets: BTreeMap<SubscriptionId, WatchId>,
    call_ids: BTreeMap<String, WatchId>,
    sent: BTreeMap<WatchId, VecDeque<Duration>>,
    /// Requests that the host has brought about itself and that are still to come.
    allowed: usize,
    said: Vec<String>,
}

impl World {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let capabilities = *u.choose(&[
            Capabilities::TRANSACTION,
            Capabilities::TRANSACTION,
            Capabilities::DIALOG,
            Capabilities::WATCHING,
        ])?;
        let mut engine = Engine::new(capabilities, [u.arbitrary()?; 32]);
        let mut settings = AccountSettings::new("sip:me@example.com");
        settings.subscription.expires = *u.choose(&[3600, 3600, 60, 1])?;
        settings.subscription.retry_unreachable = u.arbitrary()?;
        settings.subscription.suppress = u.arbitrary()?;
        settings.anonymous = u.arbitrary()?;
        if u.arbitrary()? {
            settings.credentials = Some(Credentials {
                username: "me".into(),
                password: "secret".into(),
            });
        }
        let account = engine.add_account(
            settings,
            Registration {
                contact: "sip:me@192.0.2.2".into(),
                ..Registration::default()
            },
        );
        let mut world = Self {
            engine,
            kind: capabilities.kind,
            account,
            now: Duration::from_secs(1000),
            conferences: Vec::new(),
            ended: BTreeSet::new(),
            dialogs: Vec::new(),
            by_target: BTreeMap::new(),
            pending: Vec::new(),
            handles: Vec::new(),
            forgotten: BTreeSet::new(),
            targets: BTreeMap::new(),
            call_ids: BTreeMap::new(),
            sent: BTreeMap::new(),
            allowed: 0,
            said: Vec::new(),
        };
        world.watch(false);
        world.settle();
        Ok(world)
    }

    fn watch(&mut self, once: bool) {
        let uri = format!("sip:room{}@example.com", self.conferences.len());
        let id = if once {
            self.engine.fetch(self.now, self.account, &uri)
        } else {
            self.engine.watch(self.now, self.account, &uri)
        }
        .expect("a SIP URI can be watched");
        self.by_target.insert(uri, id);
        self.conferences.push(id);
    }

    fn say(&mut self, what: String) {
        self.said.push(format!("{:?}: {what}", self.now));
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=19)? {
            0..=3 => self.let_time_pass(u)?,
            4..=8 => self.respond(u)?,
            9..=15 => self.notify(u)?,
            16 => self.allowing(2, |world| {
                world.say("flow lost, asked anew".into());
                world.engine.handle_fact(world.now, Fact::FlowLost);
                for id in world.engine.watches() {
                    world.engine.refresh(world.now, id);
                }
            }),
            17 => {
                let list = *u.choose(&["sip:bob@x\nsip:eve@x", "", "sip:%%", "sip:bob@X"])?;
                let state = *u.choose(&[
                    SourceState::Fresh,
                    SourceState::Stale,
                    SourceState::Incomplete,
                    SourceState::Unavailable,
                    SourceState::Empty,
                ])?;
                let update = Update {
                    state,
                    list: u.arbitrary::<bool>()?.then(|| plain::parse(list)),
                    etag: None,
                };
                self.say(format!("block list {update:?}"));
                self.engine.handle_block_list(self.account, "list", update);
            }
            18 if self.conferences.len() < 3 => {
                let once = u.ratio(1, 4)?;
                self.watch(once);
            }
            18 => {
                let id = *u.choose(&self.conferences)?;
                self.say(format!("remove {id:?}"));
                self.engine.remove(id);
            }
            _ => match u.int_in_range(0..=7)? {
                0 => self.allowing(4, |world| {
                    world.say("stop".into());
                    world.engine.stop(world.now, Duration::from_secs(5));
                }),
                1..=3 if !self.handles.is_empty() => {
                    let subscription = *u.choose(&self.handles)?;
                    self.say(format!("host lost {subscription:?}"));
                    let fact = Fact::Terminated { subscription };
                    self.engine.handle_fact(self.now, fact);
                }
                _ => {
                    let id = *u.choose(&self.conferences)?;
                    self.allowing(2, |world| {
                        world.say(format!("unsubscribe {id:?}"));
                        world.engine.unsubscribe(world.now, id);
                    });
                }
            },
        }
        Ok(())
    }

    fn allowing(&mut self, count: usize, action: impl FnOnce(&mut Self)) {
        self.allowed += count;
        action(self);
    }

    fn let_time_pass(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let pause = match u.int_in_range(0..=5)? {
            0..=2 => {
                let next = self.engine.poll_timeout();
                next.map_or(Duration::ZERO, |at| at.saturating_sub(self.now))
            }
            3 => Duration::from_millis(u.int_in_range(0..=2000)?),
            4 => Duration::from_secs(u.int_in_range(0..=100)?),
            // A suspension: all timers in between run out late (SW-14).
            _ => Duration::from_secs(u.int_in_range(0..=100_000)?),
        };
        self.now += pause;
        self.say("time".into());
        let due = |world: &Self| world.engine.poll_timeout().filter(|at| *at <= world.now);
        for _ in 0..MAX_AT_ONCE {
            if due(self).is_none() {
                return Ok(());
            }
            self.engine.handle_timeout(self.now);
        }
        assert!(due(self).is_none(), "timers without end\n{}", self.story());
        Ok(())
    }

    /// Takes what the engine wants and tells, and checks it.
    fn settle(&mut self) {
        let mut last_forgotten = None;
        while let Some(action) = self.engine.poll_action() {
            self.say(format!("-> {action:?}"));
            let conference = match &action {
                Action::Send {
                    transaction,
                    request,
                    ..
                } => {
                    let call_id = request
                        .headers
                        .get("Call-ID")
                        .unwrap_or_default()
                        .to_string();
                    if !self.call_ids.contains_key(&call_id) {
                        let from = request
                            .headers
                            .get("From")
                            .and_then(rollmark_core::header::tag);
                        self.call_ids
                            .insert(call_id.clone(), self.by_target[&request.uri]);
                        self.dialogs.push(Dialog {
                            call_id: call_id.clone(),
                            local_tag: from.expect("a request has a From tag").into(),
                            cseq: 1,
                        });
                    }
                    self.pending.push((*transaction, call_id.clone()));
                    self.call_ids[&call_id]
                }
                Action::Subscribe {
                    subscription,
                    target,
                    ..
                } => {
                    self.handles.push(*subscription);
                    // A redirection leads elsewhere, from a dialog that has just been given up.
                    let redirected = || self.targets[&last_forgotten.expect("a dialog before")];
                    let of = self.by_target.get(target).copied();
                    let of = of.unwrap_or_else(redirected);
                    self.targets.insert(*subscription, of);
                    of
                }
                Action::Refresh { subscription, .. } | Action::Unsubscribe { subscription, .. } => {
                    assert!(
                        !self.forgotten.contains(subscription),
                        "a request in a forgotten dialog\n{}",
                        self.story()
                    );
                    self.targets[subscription]
                }
                Action::Forget { subscription } => {
                    last_forgotten = Some(*subscription);
                    self.forgotten.insert(*subscription);
                    continue;
                }
                Action::Register { .. } => continue,
            };
            self.count(conference);
        }
        while let Some(event) = self.engine.poll_event() {
            self.say(format!("<- {:?}", event.what));
            assert!(
                !self.ended.contains(&event.watch),
                "something after the end\n{}",
                self.story()
            );
            if matches!(event.what, What::Ended { .. }) {
                self.ended.insert(event.watch);
            }
        }
        assert!(
            self.engine.poll_timeout().is_none_or(|at| at >= self.now),
            "a timer in the past\n{}",
            self.story()
        );
    }

    fn count(&mut self, conference: WatchId) {
        if self.allowed > 0 {
            self.allowed -= 1;
            return;
        }
        let sent = self.sent.entry(conference).or_default();
        sent.push_back(self.now);
        let minute = Duration::from_secs(60);
        while sent.front().is_some_and(|at| *at + minute <= self.now) {
            sent.pop_front();
        }
        let count = sent.len();
        assert!(
            count <= MESSAGES_PER_MINUTE,
            "{count} messages in a minute\n{}",
            self.story()
        );
    }

    /// The host stops: whatever happened, every conference ends in time (SW-13).
    fn finish(&mut self) {
        self.allowed += 100;
        self.engine.stop(self.now, Duration::from_secs(5));
        self.settle();
        self.now += Duration::from_secs(5);
        self.engine.handle_timeout(self.now);
        self.settle();
        for id in self.engine.watches() {
            assert!(
                self.ended.contains(&id),
                "it does not end\n{}",
                self.story()
            );
            self.engine.remove(id);
        }
        assert!(self.engine.watches().is_empty());
        assert_eq!(
            self.engine.poll_timeout(),
            None,
            "a timer is left\n{}",
            self.story()
        );
    }

    fn story(&self) -> String {
        self.said.join("\n")
    }
}
