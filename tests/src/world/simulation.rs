//! One run from a seed: hours of chaos, then a quiet end at which everything must be right (SEC-18, SW-13…16).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::{Mark, SourceState, Update, plain};
use rollmark_core::digest::Credentials;
use rollmark_core::engine::{Event, WatchId, What};
use rollmark_core::header::{self, Address};
use rollmark_core::host::{Action, Capabilities, Fact, SendFailure, TransactionId};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::{Ims, Plain};
use rollmark_core::record::{Input, RecordedAccount, Recording, STAND_IN_PASSWORD};
use rollmark_core::registration::{Registration, RegistrationState};
use rollmark_core::session::{ImSession, Role, SessionId};
use rollmark_core::subscription::Shown;

use super::dice::Dice;
use super::driven::Driven;
use super::monitor::{MOST_PER_MINUTE, Monitor, Seen};
use super::network::{Arrival, End, Network, Weather};
use super::notifier::{ADDRESS, DOMAIN, MOODS, Manner, Mood, Notifier, Part, Truth, entity};

/// The first moment of every run.
const START: Duration = Duration::from_secs(1000);
/// From then on nothing goes wrong any more.
const QUIET: Duration = Duration::from_secs(1600);
/// By then everything must be right: a life and all pauses between attempts have passed.
const OVER: Duration = Duration::from_secs(9_000);
/// A server that never misbehaved needs no new start: by then what the network has lost was asked for again.
const SOON: Duration = Duration::from_secs(2600);
/// How long a host that stops waits for its servers.
const PATIENCE: Duration = Duration::from_secs(5);
/// Users of a truth.
const USERS: u8 = 7;
/// Steps of a run, far more than any needs.
const MOST_STEPS: usize = 200_000;
/// Timers that may run out at one instant.
const MOST_AT_ONCE: usize = 16;

/// What kind of run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// From which everything follows.
    pub seed: u64,
    /// The only mood that the notifier has until it is quiet; none for many.
    pub mood: Option<Mood>,
    /// Requests allowed in a minute.
    pub most: usize,
    /// Accounts are put on other cores, and registrations come and go.
    pub switches: bool,
}

impl Plan {
    /// A run with everything in it.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self {
            seed,
            mood: None,
            most: MOST_PER_MINUTE,
            switches: false,
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Inputs of the engine.
    pub inputs: usize,
    /// Subscriptions that were active at the end.
    pub active: usize,
    /// Those that had ended.
    pub ended: usize,
    /// Requests in the worst minute.
    pub worst: usize,
    /// NOTIFYs that were taken with 200.
    pub taken: usize,
}

/// A run with its recording.
#[derive(Debug)]
pub struct Recorded {
    /// What it came to.
    pub outcome: Outcome,
    /// The recording.
    pub text: String,
    /// Everything that the engine gave out.
    pub transcript: String,
}

/// A run in which something did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The plan.
    pub plan: Plan,
    /// What did not hold.
    pub fault: String,
    /// The run up to there.
    pub recording: String,
}

impl Failure {
    /// Writes the recording into a directory.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join(format!("world-{}.recording", self.plan.seed));
        std::fs::write(&path, &self.recording).expect("the directory can be written to");
        path
    }
}

/// Runs a plan.
///
/// # Errors
/// What did not hold, with the run recorded.
pub fn run(plan: Plan) -> Result<Outcome, Box<Failure>> {
    let mut world = World::new(plan, false);
    match world.live() {
        Ok(()) => Ok(world.outcome()),
        // Once more, to have it written down: the seed brings it about again.
        Err(_) => run_recorded(plan).map(|recorded| recorded.outcome),
    }
}

/// The same with the recording of a run in which everything held.
///
/// # Errors
/// What did not hold, with the run recorded.
pub fn run_recorded(plan: Plan) -> Result<Recorded, Box<Failure>> {
    let mut world = World::new(plan, true);
    let fault = world.live().err();
    let outcome = world.outcome();
    let Driven::Recorded(mut recorder) = world.engine else {
        unreachable!("it is recorded");
    };
    if let Some(fault) = fault {
        recorder.comment(&format!("seed {}: {fault}", plan.seed));
        return Err(Box::new(Failure {
            plan,
            fault,
            recording: recorder.finish(),
        }));
    }
    Ok(Recorded {
        outcome,
        text: recorder.finish(),
        transcript: world.transcript.unwrap_or_default(),
    })
}

/// Plays a recording under a monitor; everything that the engine gives out.
///
/// # Errors
/// What does not hold.
///
/// # Panics
/// When the text is no recording.
pub fn replay(text: &str, most: usize) -> Result<String, String> {
    let recording = Recording::read(text).unwrap_or_else(|fault| panic!("{fault}"));
    play(&recording, most)
}

/// The same of one that has been read.
///
/// # Errors
/// What does not hold.
pub fn play(recording: &Recording, most: usize) -> Result<String, String> {
    let mut monitor = Monitor::new(most);
    let is_switch = |input: &Input| matches!(input, Input::Switch { .. });
    monitor.switches = recording.inputs.iter().any(is_switch);
    let mut transcript = String::new();
    let mut now = START;
    for step in recording.replay(RecordedAccount::settings) {
        now = step.input.at().unwrap_or(now);
        let seen = Seen::of(&step, now);
        note(&mut transcript, &seen);
        monitor.check(&seen)?;
    }
    Ok(transcript)
}

fn note(transcript: &mut String, seen: &Seen<'_>) {
    if let Some((_, answer)) = seen.answered {
        let _ = writeln!(transcript, "{answer:?}");
    }
    for action in seen.actions {
        let _ = writeln!(transcript, "{action:?}");
    }
    for event in seen.events {
        let _ = writeln!(transcript, "{event:?}");
    }
}

struct Watched {
    id: WatchId,
    account: usize,
    room: String,
    /// It follows this session.
    session: Option<SessionId>,
    /// The rows as the events tell them: present, blocked.
    rows: BTreeMap<String, (bool, bool)>,
}

struct Person {
    id: AccountId,
    identity: String,
    /// What he has registered with.
    facts: Registration,
    /// The users on his list; none while it is not known.
    blocked: Option<BTreeSet<u8>>,
}

struct World {
    plan: Plan,
    dice: Dice,
    now: Duration,
    engine: Driven,
    /// What the engine gave out, of a run that is recorded.
    transcript: Option<String>,
    monitor: Monitor,
    network: Network,
    notifier: Notifier,
    people: Vec<Person>,
    watched: Vec<Watched>,
    pending: BTreeMap<u64, TransactionId>,
    /// Whose host was asked to register anew.
    registering: Vec<AccountId>,
    quiet: bool,
    judged_soon: bool,
    next_whim: Duration,
    outcome: Outcome,
}

impl World {
    fn new(plan: Plan, recorded: bool) -> Self {
        let mut dice = Dice::new(plan.seed);
        let capabilities = Capabilities {
            keeps_order: dice.percent(70),
            ..Capabilities::TRANSACTION
        };
        let weather = Weather {
            loss: dice.pick(&[0, 0, 5, 30]),
            doubles: dice.pick(&[0, 0, 10, 50]),
            delay: Duration::from_millis(dice.pick(&[5, 50, 400, 3000])),
            reliable: dice.percent(25),
        };
        let manner = Manner {
            early: dice.percent(40),
            status: dice.pick(&[200, 200, 202]),
            life: dice.pick(&[60, 600, 3600, 7200]),
            tells_life: dice.percent(70),
            partial: dice.percent(70),
            one_at_a_time: dice.percent(60),
        };
        let rooms = (0..2)
            .map(|room| {
                let users = (0..USERS).filter(|_| dice.percent(50));
                let users = users.collect::<Vec<_>>();
                let truth = users.into_iter().map(|user| (user, dice.pick(&Part::ALL)));
                (format!("sip:room{room}@{DOMAIN}"), truth.collect::<Truth>())
            })
            .collect();
        let seed = dice.seed();
        let mut world = Self {
            plan,
            now: START,
            engine: Driven::new(capabilities, seed, recorded),
            transcript: recorded.then(String::new),
            monitor: Monitor::new(plan.most),
            network: Network::new(weather, dice.percent(70)),
            notifier: Notifier::new(manner, rooms),
            people: Vec::new(),
            watched: Vec::new(),
            pending: BTreeMap::new(),
            registering: Vec::new(),
            quiet: false,
            judged_soon: false,
            next_whim: START,
            outcome: Outcome::default(),
            dice,
        };
        world.monitor.switches = plan.switches;
        for person in 0..1 + usize::from(world.dice.percent(30)) {
            world.add_person(person);
        }
        if let Some(mood) = plan.mood {
            world.notifier.mood = mood;
        }
        world
    }

    fn add_person(&mut self, number: usize) {
        let identity = format!("sip:me{number}@{DOMAIN}");
        let mut settings = AccountSettings::new(&identity);
        settings.subscription.expires = self.dice.pick(&[3600, 3600, 3600, 600]);
        settings.subscription.retry_unreachable = self.dice.percent(80);
        settings.subscription.suppress = self.dice.percent(30);
        if self.dice.percent(60) {
            settings.credentials = Some(Credentials {
                username: "me".into(),
                password: STAND_IN_PASSWORD.into(),
            });
        }
        if self.dice.percent(60) {
            settings.sources = vec!["list".into()];
        }
        let registration = Registration {
            contact: format!("sip:me{number}@192.0.2.1:5060"),
            outbound_proxy: self.dice.percent(20).then(|| format!("sip:{ADDRESS};lr")),
            ..Registration::default()
        };
        let facts = Registration {
            state: RegistrationState::Active,
            outbound_proxy: Some(format!("sip:{ADDRESS};lr")),
            service_route: Some(vec![format!("<sip:orig@{ADDRESS};lr>")]),
            associated: Some(vec![identity.clone()]),
            ..registration.clone()
        };
        let id = self.engine.add_account(settings, registration);
        self.people.push(Person {
            id,
            identity,
            facts,
            blocked: None,
        });
    }

    fn outcome(&mut self) -> Outcome {
        self.outcome.worst = self.monitor.worst;
        self.outcome
    }

    /// Time goes on until the end.
    fn live(&mut self) -> Result<(), String> {
        self.watch()?;
        for _ in 0..MOST_STEPS {
            let times = [
                self.engine.poll_timeout(),
                self.network.next(),
                self.notifier.next(),
                Some(self.next_whim),
            ];
            let next = times.into_iter().flatten().min().unwrap_or(OVER);
            self.now = self.now.max(next);
            if self.now >= OVER {
                self.judge()?;
                return self.stop();
            }
            if self.now >= SOON && !self.judged_soon {
                self.judged_soon = true;
                self.judge_soon()?;
            }
            self.wake()?;
            if self.now >= QUIET && !self.quiet {
                self.become_quiet();
                self.settle(None)?;
            }
            while let Some(id) = self.registering.pop() {
                self.register(id);
                self.settle(None)?;
            }
            self.notifier
                .expire(self.now, &mut self.network, &mut self.dice);
            while let Some(arrivals) = self.network.step(self.now, &mut self.dice) {
                for arrival in arrivals {
                    self.arrive(arrival)?;
                }
            }
            if self.next_whim <= self.now && self.quiet {
                self.next_whim = OVER;
            } else if self.next_whim <= self.now {
                self.whim()?;
            }
        }
        Err("it does not come to an end".into())
    }

    fn wake(&mut self) -> Result<(), String> {
        for _ in 0..MOST_AT_ONCE {
            if self.engine.poll_timeout().is_none_or(|at| at > self.now) {
                return Ok(());
            }
            self.engine.handle_timeout(self.now);
            self.settle(None)?;
        }
        Err("timers run out without end".into())
    }

    fn become_quiet(&mut self) {
        self.quiet = true;
        if self.plan.switches {
            for at in 0..self.people.len() {
                self.register(self.people[at].id);
            }
        }
        self.network.weather = Weather::FAIR;
        self.notifier.manner.life = 3600;
        if self.plan.mood == Some(Mood::Good) {
            self.next_whim = SOON;
            return;
        }
        let silently = self.dice.percent(50);
        self.notifier
            .restart(self.now, silently, &mut self.network, &mut self.dice);
        self.next_whim = OVER;
    }

    /// Something that people, lists, networks or servers do of their own accord.
    fn whim(&mut self) -> Result<(), String> {
        let pauses = [0, 0, 200, 1000, 5000, 30_000, 90_000].map(Duration::from_millis);
        let pause = self.dice.pick(&pauses);
        self.next_whim = self.now + Duration::from_millis(1) + self.dice.up_to(pause);
        if self.plan.switches && self.dice.percent(15) {
            return self.switch();
        }
        match self.dice.below(20) {
            0..=7 => self.change_truth(),
            8..=10 => self.change_list()?,
            11..=14 if self.plan.mood.is_none() => {
                self.notifier.mood = match self.dice.percent(50) {
                    true => Mood::Good,
                    false => self.dice.pick(&MOODS),
                };
            }
            15 => {
                if self.network.weather.reliable {
                    self.network.break_off();
                }
                self.engine.handle_fact(self.now, Fact::FlowLost);
                self.settle(None)?;
            }
            16 if self.watched.len() < 4 => self.watch()?,
            17 if self.dice.percent(40) => {
                let at = self.dice.below(self.watched.len() as u32) as usize;
                let Watched { id, session, .. } = self.watched[at];
                match session {
                    Some(session) => self.engine.session_ended(self.now, session),
                    None => self.engine.unsubscribe(self.now, id),
                }
                self.settle(None)?;
            }
            // The process sleeps; all that was due comes late (SW-14).
            18 if self.dice.percent(30) => self.now += self.dice.up_to(Duration::from_secs(900)),
            19 => {
                let pending: Vec<u64> = self.pending.keys().copied().collect();
                if self.dice.percent(20) && !pending.is_empty() {
                    let transaction = self.pending.remove(&self.dice.pick(&pending));
                    self.fail(transaction, SendFailure::Unreachable)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The host of an account has registered it.
    fn register(&mut self, id: AccountId) {
        let person = self.people.iter().find(|person| person.id == id);
        let facts = person.expect("an account of a person").facts.clone();
        self.engine.set_registration(self.now, id, facts);
    }

    /// Another core, or news of the registration (SW-05, SW-07, SW-09, IMS-05).
    fn switch(&mut self) -> Result<(), String> {
        let at = self.dice.below(self.people.len() as u32) as usize;
        let (id, mut facts) = (self.people[at].id, self.people[at].facts.clone());
        match self.dice.below(6) {
            0 | 1 => self
                .engine
                .switch(self.now, id, Box::new(Ims::default()), facts),
            2 | 3 => self
                .engine
                .switch(self.now, id, Box::new(Plain::default()), facts),
            4 => {
                facts.end();
                self.engine.set_registration(self.now, id, facts);
            }
            _ => self.engine.set_registration(self.now, id, facts),
        }
        self.settle(None)
    }

    fn watch(&mut self) -> Result<(), String> {
        let account = self.dice.below(self.people.len() as u32) as usize;
        let room = format!("sip:room{}@{DOMAIN}", self.dice.below(2));
        // A conference is watched once by one account.
        let taken = |watched: &Watched| {
            watched.account == account
                && watched.room == room
                && !self.monitor.has_ended(watched.id)
        };
        if self.watched.iter().any(taken) {
            return Ok(());
        }
        let session = self
            .dice
            .percent(40)
            .then_some(SessionId(self.watched.len() as u64));
        let id = match session {
            Some(id) => {
                let session = self.session(id, account, &room);
                let watch = self.engine.session_started(self.now, session);
                watch.map(|watch| watch.expect("the conference of a session is watched"))
            }
            None => self.engine.watch(self.now, self.people[account].id, &room),
        };
        let id = id.map_err(|error| error.to_string())?;
        self.watched.push(Watched {
            id,
            account,
            room,
            session,
            rows: BTreeMap::new(),
        });
        self.settle(None)
    }

    /// A session in this room; the server may know the room by its group identity alone (OMA-03, OMA-06).
    fn session(&mut self, id: SessionId, account: usize, room: &str) -> ImSession {
        let group = self.dice.percent(30);
        ImSession {
            id,
            account: self.people[account].id,
            role: self
                .dice
                .pick(&[Role::ClientOriginated, Role::ClientInvited]),
            identity: match group {
                true => format!("sip:session{}@{DOMAIN}", id.0),
                false => room.to_owned(),
            },
            group: group.then(|| room.to_owned()),
            is_focus: Some(true),
            allows_conference: None,
        }
    }

    fn change_truth(&mut self) {
        let room = format!("sip:room{}@{DOMAIN}", self.dice.below(2));
        let user = self.dice.below(u32::from(USERS)) as u8;
        let part = self.dice.pick(&Part::ALL);
        let truth = self.notifier.rooms.entry(room.clone()).or_default();
        if self.dice.percent(40) {
            truth.remove(&user);
        } else {
            truth.insert(user, part);
        }
        self.notifier
            .changed(self.now, &room, &mut self.network, &mut self.dice);
    }

    fn change_list(&mut self) -> Result<(), String> {
        let person = self.dice.below(self.people.len() as u32) as usize;
        let users: BTreeSet<u8> = (0..USERS).filter(|_| self.dice.percent(30)).collect();
        let mut text = String::new();
        for user in &users {
            // Spellings that mean the same person.
            let _ = match self.dice.below(4) {
                0 => writeln!(text, "sip:user{user}@EXAMPLE.org"),
                1 => writeln!(text, "sips:user{user}@example.org:5061;transport=tcp"),
                2 => writeln!(text, "user{user}@{DOMAIN}"),
                _ => writeln!(text, "{}", entity(*user)),
            };
        }
        let update = match self.dice.below(6) {
            0 => Update {
                state: SourceState::Stale,
                list: None,
                etag: None,
            },
            _ => Update {
                state: if users.is_empty() {
                    SourceState::Empty
                } else {
                    SourceState::Fresh
                },
                list: Some(plain::parse(&text)),
                etag: None,
            },
        };
        if update.list.is_some() {
            self.people[person].blocked = Some(users);
        }
        let id = self.people[person].id;
        self.engine.handle_block_list(id, "list", update);
        self.settle(None)
    }

    fn arrive(&mut self, arrival: Arrival) -> Result<(), String> {
        match arrival {
            Arrival::Request(End::Notifier, branch, request) => {
                self.notifier.receive(
                    self.now,
                    branch,
                    &request,
                    &mut self.network,
                    &mut self.dice,
                );
                Ok(())
            }
            Arrival::Response(End::Notifier, branch, response) => {
                let status = Some(response.status);
                self.notifier
                    .answered(self.now, branch, status, &mut self.network, &mut self.dice);
                Ok(())
            }
            Arrival::NoAnswer(End::Notifier, branch) => {
                self.notifier
                    .answered(self.now, branch, None, &mut self.network, &mut self.dice);
                Ok(())
            }
            Arrival::Response(End::Host, branch, response) => {
                let Some(transaction) = self.pending.remove(&branch) else {
                    return Ok(());
                };
                let fact = Fact::Response {
                    transaction,
                    response,
                };
                self.engine.handle_fact(self.now, fact);
                self.settle(None)
            }
            Arrival::NoAnswer(End::Host, branch) => {
                let transaction = self.pending.remove(&branch);
                self.fail(transaction, SendFailure::NoAnswer)
            }
            Arrival::Request(End::Host, branch, request) => {
                let answer = self.engine.handle_request(self.now, &request);
                let mut response = Response {
                    status: 481,
                    reason: String::new(),
                    headers: Headers::new(),
                    body: Vec::new(),
                };
                if let Some(answer) = &answer {
                    response.status = answer.status;
                }
                self.outcome.taken += usize::from(response.status == 200);
                self.network
                    .respond(self.now, End::Host, branch, response, &mut self.dice);
                self.settle(Some((&request, answer.as_ref())))
            }
        }
    }

    fn fail(
        &mut self,
        transaction: Option<TransactionId>,
        failure: SendFailure,
    ) -> Result<(), String> {
        let Some(transaction) = transaction else {
            return Ok(());
        };
        let fact = Fact::Failed {
            transaction,
            failure,
        };
        self.engine.handle_fact(self.now, fact);
        self.settle(None)
    }

    /// Takes what the engine wants and tells, and checks it.
    fn settle(
        &mut self,
        answered: Option<(&Request, Option<&rollmark_core::host::Answer>)>,
    ) -> Result<(), String> {
        self.outcome.inputs += 1;
        let actions: Vec<Action> = std::iter::from_fn(|| self.engine.poll_action()).collect();
        let events: Vec<Event> = std::iter::from_fn(|| self.engine.poll_event()).collect();
        let seen = Seen {
            now: self.now,
            answered,
            actions: &actions,
            events: &events,
            timeout: self.engine.poll_timeout(),
        };
        if let Some(transcript) = &mut self.transcript {
            note(transcript, &seen);
        }
        self.monitor.check(&seen)?;
        for Event { watch, what } in events {
            if let Some(watched) = self.watched.iter_mut().find(|held| held.id == watch) {
                watched.follow(what);
            } else if !matches!(what, What::State(_) | What::BlockList { .. }) {
                // Whoever begins to watch is told his state before he has the name of it.
                return Err(format!("an event of nobody: {what:?}"));
            }
        }
        for action in actions {
            if let Action::Register { account, .. } = action {
                self.registering.push(account);
                continue;
            }
            let Action::Send {
                transaction,
                request,
                next_hop,
            } = action
            else {
                return Err(format!("a transaction host was asked for {action:?}"));
            };
            let branch = if reachable(&next_hop) {
                self.network
                    .request(self.now, End::Host, request, &mut self.dice)
            } else {
                self.network
                    .request_to_nowhere(self.now, End::Host, request)
            };
            self.pending.insert(branch, transaction);
        }
        Ok(())
    }

    /// At the end everything must be right.
    fn judge(&mut self) -> Result<(), String> {
        if self.network.unanswered(End::Host) > 0 {
            return Err("a NOTIFY was never answered".into());
        }
        for watched in &self.watched {
            let name = format!("{:?} of {}", watched.id, watched.room);
            if self.monitor.has_ended(watched.id) {
                self.outcome.ended += 1;
                continue;
            }
            self.outcome.active += 1;
            let engine = self.engine.get();
            let state = engine.state(watched.id).ok_or("a watch without state")?;
            if state.shown != Shown::Active || state.roster.as_str() != "current" {
                return Err(format!("{name} is quiet, and yet {state:?}"));
            }
            let person = &self.people[watched.account];
            let live = self.notifier.live(&person.identity, &watched.room);
            if live != 1 {
                return Err(format!("{name}: the notifier holds {live} subscriptions"));
            }
            self.compare(watched)?;
        }
        Ok(())
    }
}

impl World {
    /// The host stops, and no server answers any more: everything ends in the time given (SW-13).
    fn stop(&mut self) -> Result<(), String> {
        self.engine.stop(self.now, PATIENCE);
        self.settle(None)?;
        self.now += PATIENCE;
        self.wake()?;
        let open = |watched: &&Watched| !self.monitor.has_ended(watched.id);
        if let Some(watched) = self.watched.iter().find(open) {
            return Err(format!("{:?} does not end with its host", watched.id));
        }
        match self.engine.poll_timeout() {
            Some(at) => Err(format!("a timer is left when all is over: {at:?}")),
            None => Ok(()),
        }
    }

    /// Where notifier and engine hold the same subscription, they hold the same roster.
    fn judge_soon(&self) -> Result<(), String> {
        if self.plan.mood != Some(Mood::Good) {
            return Ok(());
        }
        for watched in &self.watched {
            let state = self.engine.get().state(watched.id);
            let is_active = state.is_some_and(|state| state.shown == Shown::Active);
            let identity = &self.people[watched.account].identity;
            let newest = self.monitor.newest(identity, &watched.room);
            let shared = newest.is_some_and(|call_id| self.notifier.holds(call_id));
            if is_active && shared && !self.monitor.has_ended(watched.id) {
                self.compare(watched)
                    .map_err(|fault| format!("before any refresh: {fault}"))?;
            }
        }
        Ok(())
    }

    /// Rows and marks against the truth, and against what the events told.
    fn compare(&self, watched: &Watched) -> Result<(), String> {
        let name = format!("{:?} of {}", watched.id, watched.room);
        let person = &self.people[watched.account];
        let engine = self.engine.get();
        let roster = engine.roster(watched.id).ok_or("a watch without roster")?;
        let rows: BTreeMap<String, (bool, bool)> = roster
            .rows()
            .map(|row| {
                let blocked = matches!(row.mark, Mark::Blocked(_));
                (row.user.entity().to_string(), (row.user.present(), blocked))
            })
            .collect();
        let truth = &self.notifier.rooms[&watched.room];
        let blocked = person.blocked.clone().unwrap_or_default();
        let expected: BTreeMap<String, (bool, bool)> = truth
            .iter()
            .map(|(user, part)| {
                let row = (part.is_present(), blocked.contains(user));
                (entity(*user), row)
            })
            .collect();
        if rows != expected {
            return Err(format!("{name}: held {rows:?}, true {expected:?}"));
        }
        if watched.rows != rows {
            return Err(format!("{name}: told {:?}, held {rows:?}", watched.rows));
        }
        Ok(())
    }
}

impl Watched {
    /// Follows the events as a user's display would.
    fn follow(&mut self, what: What) {
        let row = |row: rollmark_core::roster::Row| {
            let blocked = matches!(row.mark, Mark::Blocked(_));
            (row.user.entity().to_string(), (row.user.present(), blocked))
        };
        match what {
            What::Roster(rows) => self.rows = rows.into_iter().map(row).collect(),
            What::Joined(held) | What::Listed(held) | What::Updated { row: held, .. } => {
                self.rows.extend([row(held)]);
            }
            What::Blocked(held) | What::Unblocked(held) => self.rows.extend([row(held)]),
            What::Left {
                row: held, kept, ..
            }
            | What::NotJoined {
                row: held, kept, ..
            } => {
                let (entity, held) = row(held);
                if kept {
                    self.rows.insert(entity, (false, held.1));
                } else {
                    self.rows.remove(&entity);
                }
            }
            What::Unlisted(held) => {
                self.rows.remove(held.user.entity());
            }
            _ => {}
        }
    }
}

/// Whether a next hop leads to the notifier.
fn reachable(next_hop: &str) -> bool {
    let host = header::addresses([next_hop].into_iter())
        .into_iter()
        .next()
        .map(|Address { uri, .. }| uri);
    host.is_some_and(|uri| uri.contains(ADDRESS) || uri.contains(DOMAIN))
}
