//! One conference watched by a transaction host whose server the test plays, message by message.

use std::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::engine::{Engine, Event, WatchId, What};
use rollmark_core::header;
use rollmark_core::host::{
    Action, Answer, Capabilities, Fact, Flow, SendFailure, TransactionId, Trouble,
};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::registration::Registration;
use rollmark_core::subscription::Shown;

use super::notifier::{Part, Truth, document};

/// The conference of all scenes.
pub const ROOM: &str = "sip:room@example.org;gr=urn:x";
/// The user of all scenes.
pub const ALICE: &str = "sip:alice@example.org";
/// Where she is reached.
pub const CONTACT: &str = "sip:alice@192.0.2.1:5060";
/// The focus.
pub const FOCUS: &str = "<sip:focus@198.51.100.7:5070>;isfocus";

/// A request that the engine sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// To be answered by.
    pub transaction: TransactionId,
    /// The request.
    pub request: Request,
    /// Where it goes.
    pub next_hop: String,
}

impl Sent {
    /// The one value of a header; "" without one.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.request.headers.get(name).unwrap_or_default()
    }

    /// The sequence number.
    ///
    /// # Panics
    /// Without one.
    #[must_use]
    pub fn cseq(&self) -> u32 {
        header::cseq(self.get("CSeq")).expect("a CSeq").0
    }

    /// True for a request that makes a dialog.
    #[must_use]
    pub fn is_initial(&self) -> bool {
        header::tag(self.get("To")).is_none()
    }

    /// The Route values, topmost first.
    #[must_use]
    pub fn routes(&self) -> Vec<&str> {
        self.request.headers.all("Route").collect()
    }
}

/// A NOTIFY to be: as it should be, but for what is set.
#[derive(Clone, Debug)]
pub struct Notify {
    headers: Headers,
    body: Vec<u8>,
}

impl Notify {
    /// In the dialog of a request, `active`, with this body.
    #[must_use]
    pub fn of(sent: &Sent, body: &str) -> Self {
        let mut headers = Headers::new();
        headers.push("From", format!("<{ROOM}>;tag=focus"));
        headers.push("To", sent.get("From"));
        headers.push("Call-ID", sent.get("Call-ID"));
        headers.push("CSeq", "0 NOTIFY");
        headers.push("Event", "conference");
        headers.push("Subscription-State", "active");
        headers.push("Contact", FOCUS);
        if !body.is_empty() {
            headers.push("Content-Type", "application/conference-info+xml");
        }
        headers.push("Content-Length", body.len().to_string());
        Self {
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    /// With this Subscription-State.
    #[must_use]
    pub fn state(self, state: &str) -> Self {
        self.with("Subscription-State", state)
    }

    /// With this value of a header instead.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name, value);
        self
    }

    /// With one more line of a header.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }
}

/// An engine and what is around it.
#[derive(Debug)]
pub struct Stage {
    /// The engine.
    pub engine: Engine,
    /// The simulated time.
    pub now: Duration,
    /// The account.
    pub account: AccountId,
    /// What is watched.
    pub watch: WatchId,
    /// By which way the requests of the server come.
    pub flow: Flow,
    /// What the host was told to be wrong with its registration.
    pub troubles: Vec<Trouble>,
    sent: Vec<Sent>,
    cseq: u32,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// Alice watches the room; her SUBSCRIBE is on its way.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with other settings.
    #[must_use]
    pub fn with(set: impl FnOnce(&mut AccountSettings)) -> Self {
        Self::registered(set, |_| {})
    }

    /// The same with other facts of her registration.
    ///
    /// # Panics
    /// When the room cannot be watched.
    #[must_use]
    pub fn registered(
        set: impl FnOnce(&mut AccountSettings),
        facts: impl FnOnce(&mut Registration),
    ) -> Self {
        let mut engine = Engine::new(Capabilities::TRANSACTION, [42; 32]);
        let mut settings = AccountSettings::new(ALICE);
        set(&mut settings);
        let mut registration = Registration {
            contact: CONTACT.into(),
            ..Registration::default()
        };
        facts(&mut registration);
        let account = engine.add_account(settings, registration);
        let now = Duration::from_secs(1000);
        let watch = engine.watch(now, account, ROOM).expect("a SIP URI");
        let mut stage = Self {
            engine,
            now,
            account,
            watch,
            flow: Flow::Unknown,
            troubles: Vec::new(),
            sent: Vec::new(),
            cseq: 0,
        };
        stage.drain();
        stage
    }

    /// The same, accepted and told of users 1 and 2; the SUBSCRIBE that did it.
    #[must_use]
    pub fn active() -> (Self, Sent) {
        let mut stage = Self::new();
        let first = stage.begin();
        (stage, first)
    }

    /// Accepts the SUBSCRIBE that is on its way for an hour, and tells of users 1 and 2.
    pub fn begin(&mut self) -> Sent {
        let first = self.expect();
        self.respond(&first, 200, &[("Expires", "3600")]);
        let answer =
            self.notify(Notify::of(&first, &full(1, &[1, 2])).state("active;expires=3600"));
        assert_eq!(answer, 200);
        self.told();
        first
    }

    /// Accepts the SUBSCRIBE that is on its way, and tells of these users.
    pub fn begin_with(&mut self, users: &[u8]) -> Sent {
        let first = self.expect();
        self.respond(&first, 200, &[("Expires", "3600")]);
        let body = full(1, users);
        let answer = self.notify(Notify::of(&first, &body).state("active;expires=3600"));
        assert_eq!(answer, 200);
        first
    }

    /// The oldest request that was not looked at.
    pub fn sent(&mut self) -> Option<Sent> {
        (!self.sent.is_empty()).then(|| self.sent.remove(0))
    }

    /// The same, which must be there.
    ///
    /// # Panics
    /// When nothing was sent.
    pub fn expect(&mut self) -> Sent {
        self.sent().expect("a request is due")
    }

    /// Answers a request. What is named here replaces To, Contact and the rest; "" leaves it out.
    pub fn respond(&mut self, sent: &Sent, status: u16, headers: &[(&str, &str)]) {
        let mut all = Headers::new();
        all.push("To", format!("<{ROOM}>;tag=focus"));
        if status < 300 {
            all.push("Contact", FOCUS);
        }
        let mut named: Vec<&str> = Vec::new();
        for (name, value) in headers {
            if !named.contains(name) {
                all.remove(name);
                named.push(name);
            }
            if !value.is_empty() {
                all.push(*name, value);
            }
        }
        self.answer_request(sent, status, "", all, "");
    }

    /// Answers a request with exactly these headers, this reason phrase and this body.
    pub fn answer_request(
        &mut self,
        sent: &Sent,
        status: u16,
        reason: &str,
        headers: Headers,
        body: &str,
    ) {
        let response = Response {
            status,
            reason: reason.into(),
            headers,
            body: body.into(),
        };
        let fact = Fact::Response {
            transaction: sent.transaction,
            response,
        };
        self.engine.handle_fact(self.now, fact);
        self.drain();
    }

    /// No final response comes.
    pub fn fail(&mut self, sent: &Sent, failure: SendFailure) {
        let fact = Fact::Failed {
            transaction: sent.transaction,
            failure,
        };
        self.engine.handle_fact(self.now, fact);
        self.drain();
    }

    /// Sends a NOTIFY with the next CSeq; the status it is answered with, 481 when nobody takes it.
    pub fn notify(&mut self, notify: Notify) -> u16 {
        self.answer(notify).map_or(481, |answer| answer.status)
    }

    /// The same; the answer.
    pub fn answer(&mut self, mut notify: Notify) -> Option<Answer> {
        if notify.headers.get("CSeq") == Some("0 NOTIFY") {
            self.cseq += 1;
            notify.headers.set("CSeq", format!("{} NOTIFY", self.cseq));
        }
        self.request("NOTIFY", notify)
    }

    /// Sends any request as it is.
    pub fn request(&mut self, method: &str, message: Notify) -> Option<Answer> {
        let request = Request {
            method: method.into(),
            uri: CONTACT.into(),
            headers: message.headers,
            body: message.body,
        };
        let answer = self.engine.handle_request_by(self.now, self.flow, &request);
        self.drain();
        answer
    }

    /// What the user was told since the last call, in few words.
    pub fn told(&mut self) -> Vec<String> {
        self.events().iter().filter_map(words).collect()
    }

    /// What the user was told since the last call.
    pub fn events(&mut self) -> Vec<What> {
        std::iter::from_fn(|| self.engine.poll_event())
            .map(|Event { what, .. }| what)
            .collect()
    }

    /// The state that is shown.
    ///
    /// # Panics
    /// Before any was told.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.engine.state(self.watch).expect("a state").shown
    }

    /// The users held.
    #[must_use]
    pub fn users(&self) -> Vec<String> {
        let rows = self.engine.roster(self.watch).into_iter();
        rows.flat_map(|roster| roster.rows())
            .map(|row| row.user.entity().to_string())
            .collect()
    }

    /// Lets time pass until the engine wakes up by itself; how long that was.
    ///
    /// # Panics
    /// When no timer runs.
    pub fn wake(&mut self) -> Duration {
        let at = self.engine.poll_timeout().expect("a timer runs");
        let slept = at.saturating_sub(self.now);
        self.now = self.now.max(at);
        self.engine.handle_timeout(self.now);
        self.drain();
        slept
    }

    /// Lets time pass, and the engine wake up on the way.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.engine.poll_timeout().is_some_and(|at| at <= until) {
            self.wake();
        }
        self.now = until;
    }

    /// The same in seconds.
    pub fn pass_secs(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// Time jumps: what was due on the way comes late.
    pub fn jump(&mut self, time: Duration) {
        self.now += time;
        while self.engine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now);
        }
        self.drain();
    }

    /// Does something to the engine at this time.
    pub fn on<R>(&mut self, action: impl FnOnce(&mut Engine, Duration, WatchId) -> R) -> R {
        let result = action(&mut self.engine, self.now, self.watch);
        self.drain();
        result
    }

    /// The user wants no more.
    pub fn unsubscribe(&mut self) {
        self.on(Engine::unsubscribe);
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            if let Action::Register { trouble, .. } = action {
                self.troubles.push(trouble);
                continue;
            }
            let Action::Send {
                transaction,
                request,
                next_hop,
            } = action
            else {
                panic!("a transaction host was asked for {action:?}");
            };
            self.sent.push(Sent {
                transaction,
                request,
                next_hop,
            });
        }
    }
}

/// An event in few words; none for those about which no scene asks.
fn words(what: &What) -> Option<String> {
    Some(match what {
        What::State(state) => match state.why {
            Some(why) => format!("{} {}", state.shown.as_str(), why.as_str()),
            None => state.shown.as_str().into(),
        },
        What::Roster(rows) => format!("roster {}", rows.len()),
        What::Joined(row) => format!("joined {}", row.user.entity()),
        What::Left { row, .. } => format!("left {}", row.user.entity()),
        What::Blocked(row) => format!("blocked {}", row.user.entity()),
        What::Unblocked(row) => format!("unblocked {}", row.user.entity()),
        What::Deviation { code, .. } => format!("deviation {}", code.as_str()),
        What::Ended { reason, .. } => format!("ended {}", reason.as_str()),
        _ => return None,
    })
}

/// A full document with these users, all connected.
#[must_use]
pub fn full(version: u32, users: &[u8]) -> String {
    let truth: Truth = users.iter().map(|user| (*user, Part::Connected)).collect();
    document(ROOM, version, &truth, None)
}

/// A partial document that adds these users.
#[must_use]
pub fn partial(version: u32, users: &[u8]) -> String {
    let truth: Truth = users.iter().map(|user| (*user, Part::Connected)).collect();
    document(ROOM, version, &truth, Some(&Truth::new()))
}
