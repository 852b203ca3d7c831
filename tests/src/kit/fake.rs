//! A fake host in memory, on a simulated clock: plays transaction, dialog and watching hosts with every capability on
//! and off. It speaks SIP as text to the scripted notifier, as a real one does over a socket.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use rollmark_core::account::AccountSettings;
use rollmark_core::blocklist::{Mark, SourceState, Update, plain};
use rollmark_core::digest::Credentials;
use rollmark_core::engine::{Engine, WatchId};
use rollmark_core::host::{
    Action, Capabilities, Fact, HostKind, SendFailure, SubscriptionId, TransactionId,
};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::Registration;

use super::message::{Message, param, uri_of};
use super::notifier::{Form, Notifier};
use super::wire::Wire;
use super::words::words;
use super::{ALICE, Abilities, Adapter, Host, ROOM, STOP_PATIENCE, Setup, digest};

/// Where the fake host is reached.
const HERE: &str = "192.0.2.1:5060";
/// Where its server is.
const THERE: &str = "198.51.100.7:5060";
/// Timer F of a host that times out by itself (RFC 3261 §17.1.2.2).
const TIMER_F: Duration = Duration::from_secs(32);
/// A host that refreshes does so after this share of the life.
const HOST_REFRESHES_AT: f64 = 0.9;

/// The adapter for a fake host with these capabilities.
#[derive(Clone, Copy, Debug)]
pub struct Fake(pub Capabilities);

impl Adapter for Fake {
    fn abilities(&self) -> Abilities {
        let Self(capabilities) = *self;
        let watching = capabilities.kind == HostKind::Watching;
        Abilities {
            form: Form {
                contact_tag: true,
                accept_contact: true,
                farewells: false,
            },
            refreshes_on_demand: !watching,
            chooses_answer: capabilities.chooses_answer,
            sees_final_notify: capabilities.sees_final_notify,
            connections: false,
            own_time_out: !watching,
            digest: true,
        }
    }

    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier) {
        let world = Rc::new(RefCell::new(World::new(self.0, setup)));
        let notifier = Notifier::new(Memory(world.clone()), self.abilities().form);
        (Box::new(Phone(world)), notifier)
    }
}

/// The wire, seen from the notifier.
#[derive(Debug)]
struct Memory(Rc<RefCell<World>>);

impl Wire for Memory {
    fn address(&self) -> String {
        THERE.into()
    }

    fn transport(&self) -> &'static str {
        "UDP"
    }

    fn send(&mut self, message: &Message, _contact: Option<&str>) {
        self.0.borrow_mut().receive(message);
    }

    fn receive(&mut self, within: Duration) -> Option<Message> {
        let mut world = self.0.borrow_mut();
        let until = world.now + within;
        loop {
            if let Some(message) = world.sent.pop_front() {
                return Some(message);
            }
            if !world.wake(until) {
                return None;
            }
        }
    }
}

/// The user's side.
#[derive(Debug)]
struct Phone(Rc<RefCell<World>>);

impl Host for Phone {
    fn subscribe(&mut self) {
        let mut world = self.0.borrow_mut();
        let (now, account) = (world.now, world.account);
        let watch = world.engine.watch(now, account, ROOM).expect("a SIP URI");
        world.watch = Some(watch);
        world.drain();
    }

    fn unsubscribe(&mut self) {
        let mut world = self.0.borrow_mut();
        let (now, watch) = (world.now, world.watch.expect("it is subscribed"));
        world.engine.unsubscribe(now, watch);
        world.drain();
    }

    fn network_changed(&mut self) {
        let mut world = self.0.borrow_mut();
        let now = world.now;
        world.engine.handle_fact(now, Fact::FlowLost);
        world.drain();
    }

    fn stop(&mut self) {
        let mut world = self.0.borrow_mut();
        let now = world.now;
        world.engine.stop(now, STOP_PATIENCE);
        world.drain();
    }

    fn told(&mut self, within: Duration) -> Option<String> {
        let mut world = self.0.borrow_mut();
        let until = world.now + within;
        loop {
            if let Some(event) = world.engine.poll_event() {
                let line = words(&event.what);
                world.said.push(line.clone());
                return Some(line);
            }
            if !world.wake(until) {
                return None;
            }
        }
    }

    fn roster(&mut self) -> Vec<String> {
        let world = self.0.borrow();
        let roster = world.watch.and_then(|watch| world.engine.roster(watch));
        let shown = |row: rollmark_core::roster::Row| {
            let blocked = matches!(row.mark, Mark::Blocked(_));
            format!("{}{}", if blocked { "!" } else { "" }, row.user.entity())
        };
        let mut rows: Vec<_> = roster
            .into_iter()
            .flat_map(|r| r.rows().map(shown))
            .collect();
        rows.sort();
        rows
    }

    fn ended(&mut self, _within: Duration) -> bool {
        while self.told(Duration::from_secs(60)).is_some() {}
        let mut world = self.0.borrow_mut();
        assert_eq!(
            world.engine.poll_timeout(),
            None,
            "nothing may run any more"
        );
        assert!(
            world.dialogs.is_empty(),
            "every dialog is forgotten: {:?}",
            world.dialogs
        );
        if let Some(watch) = world.watch.take() {
            world.engine.remove(watch);
        }
        assert!(world.engine.watches().is_empty());
        true
    }

    fn transcript(&self) -> String {
        format!(
            "the fake host told\n  {}",
            self.0.borrow().said.join("\n  ")
        )
    }

    fn is_real(&self) -> bool {
        false
    }
}

/// A dialog of a host that owns dialogs.
#[derive(Debug)]
struct Dialog {
    call_id: String,
    tag: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    cseq: u32,
    /// Headers given first, which some hosts repeat in each request.
    first: Vec<(String, String)>,
    expires: String,
    /// The request under way, and how often it has been tried.
    pending: Option<(Message, u8)>,
    deadline: Option<Duration>,
    refresh_at: Option<Duration>,
    forgotten: bool,
    leaving: bool,
}

#[derive(Debug)]
struct World {
    capabilities: Capabilities,
    engine: Engine,
    now: Duration,
    account: rollmark_core::account::AccountId,
    watch: Option<WatchId>,
    sent: VecDeque<Message>,
    transactions: HashMap<String, TransactionId>,
    dialogs: HashMap<SubscriptionId, Dialog>,
    credentials: Option<(String, String)>,
    branches: u64,
    said: Vec<String>,
}

impl World {
    fn new(capabilities: Capabilities, setup: &Setup) -> Self {
        let mut engine = Engine::new(capabilities, [42; 32]);
        let mut settings = AccountSettings::new(ALICE);
        settings.subscription.expires = setup.expires;
        settings.subscription.t1 = setup.t1;
        // A host that answers challenges keeps the password to itself.
        let by_host = capabilities.kind != HostKind::Transaction;
        let given = setup.credentials.clone().filter(|_| !by_host);
        settings.credentials = given.map(|(username, password)| Credentials {
            username,
            password: password.into(),
        });
        let registration = Registration {
            contact: format!("sip:alice@{HERE}"),
            outbound_proxy: Some(format!("sip:{THERE};lr")),
            ..Registration::default()
        };
        let account = engine.add_account(settings, registration);
        if !setup.blocked.is_empty() {
            let update = Update {
                state: SourceState::Fresh,
                list: Some(plain::parse(&setup.blocked.join("\n"))),
                etag: None,
            };
            engine.handle_block_list(account, "memory", update);
        }
        Self {
            capabilities,
            engine,
            now: Duration::from_secs(100),
            account,
            watch: None,
            sent: VecDeque::new(),
            transactions: HashMap::new(),
            dialogs: HashMap::new(),
            credentials: setup.credentials.clone().filter(|_| by_host),
            branches: 0,
            said: Vec::new(),
        }
    }

    /// Lets time pass until something happens, `until` at most; false when that has come.
    fn wake(&mut self, until: Duration) -> bool {
        let timers = self
            .dialogs
            .values()
            .flat_map(|d| [d.deadline, d.refresh_at])
            .flatten();
        let next = self.engine.poll_timeout().into_iter().chain(timers).min();
        let Some(at) = next.filter(|at| *at <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        assert!(at >= self.now, "a timer is in the past");
        self.now = at;
        if self.engine.poll_timeout().is_some_and(|due| due <= at) {
            self.engine.handle_timeout(at);
        }
        let due = |timer: Option<Duration>| timer.is_some_and(|due| due <= at);
        let ids: Vec<_> = self.dialogs.keys().copied().collect();
        for id in ids {
            let Some(dialog) = self.dialogs.get_mut(&id) else {
                continue;
            };
            if due(dialog.deadline) {
                dialog.deadline = None;
                dialog.pending = None;
                self.failed(id);
            } else if due(dialog.refresh_at) {
                dialog.refresh_at = None;
                let expires = dialog.expires.clone();
                self.request(id, vec![("Expires".into(), expires)]);
            }
        }
        self.drain();
        true
    }

    fn failed(&mut self, id: SubscriptionId) {
        let gone = self.dialogs.get(&id).is_some_and(|dialog| dialog.forgotten);
        if gone {
            self.dialogs.remove(&id);
            return;
        }
        let fact = Fact::DialogFailed {
            subscription: id,
            failure: SendFailure::NoAnswer,
        };
        self.engine.handle_fact(self.now, fact);
    }

    fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bK{}", self.branches)
    }

    fn transmit(&mut self, mut message: Message) -> Message {
        let via = format!("SIP/2.0/UDP {HERE};branch={}", self.branch());
        message.headers.insert(0, ("Via".into(), via));
        self.sent.push_back(message.clone());
        message
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Send {
                    transaction,
                    request,
                    next_hop,
                } => {
                    assert_eq!(self.capabilities.kind, HostKind::Transaction);
                    assert!(next_hop.contains(THERE), "{next_hop}");
                    let message = Message {
                        first: format!("{} {} SIP/2.0", request.method, request.uri),
                        headers: pairs(&request.headers),
                        body: request.body,
                    };
                    let message = self.transmit(message);
                    let branch = param(message.get("Via").unwrap_or_default(), "branch");
                    let branch = branch.unwrap_or_default().to_owned();
                    self.transactions.insert(branch, transaction);
                }
                Action::Subscribe {
                    subscription,
                    target,
                    route,
                    headers,
                    ..
                } => {
                    assert_ne!(self.capabilities.kind, HostKind::Transaction);
                    let routes = if self.capabilities.explicit_routes {
                        route
                    } else {
                        assert!(
                            route.is_empty(),
                            "a host with routes of its own is given none"
                        );
                        vec![format!("<sip:{THERE};lr>")]
                    };
                    let dialog = Dialog {
                        call_id: format!("fake-{}", subscription.0),
                        tag: format!("t{}", subscription.0),
                        remote: format!("<{target}>"),
                        target,
                        routes,
                        cseq: 0,
                        expires: headers.get("Expires").unwrap_or_default().into(),
                        first: pairs(&headers),
                        pending: None,
                        deadline: None,
                        refresh_at: None,
                        forgotten: false,
                        leaving: false,
                    };
                    self.dialogs.insert(subscription, dialog);
                    self.request(subscription, pairs(&headers));
                }
                Action::Refresh {
                    subscription,
                    headers,
                    ..
                } => {
                    assert_eq!(self.capabilities.kind, HostKind::Dialog);
                    self.request(subscription, pairs(&headers));
                }
                Action::Unsubscribe {
                    subscription,
                    headers,
                } => {
                    if let Some(dialog) = self.dialogs.get_mut(&subscription) {
                        dialog.leaving = true;
                        dialog.refresh_at = None;
                    }
                    self.request(subscription, pairs(&headers));
                }
                Action::Forget { subscription } => {
                    // What was asked for last is still seen off.
                    let Some(dialog) = self.dialogs.get_mut(&subscription) else {
                        continue;
                    };
                    dialog.forgotten = true;
                    dialog.refresh_at = None;
                    if dialog.pending.is_none() || !dialog.leaving {
                        self.dialogs.remove(&subscription);
                    }
                }
                // This host registers nowhere.
                Action::Register { .. } => {}
            }
        }
    }

    /// Sends a SUBSCRIBE of a dialog.
    fn request(&mut self, id: SubscriptionId, headers: Vec<(String, String)>) {
        let whole =
            self.capabilities.per_request_headers && self.capabilities.kind == HostKind::Dialog;
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        dialog.cseq += 1;
        let headers = if whole || dialog.cseq == 1 {
            headers
        } else {
            // Those given first, with another life.
            let mut own = dialog.first.clone();
            own.retain(|(name, _)| name != "Expires");
            let only: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(
                only,
                ["Expires"],
                "a host that repeats headers is given the life only"
            );
            own.extend(headers);
            own
        };
        let mut message = Message {
            first: format!("SUBSCRIBE {} SIP/2.0", dialog.target),
            ..Message::default()
        };
        for route in &dialog.routes {
            message = message.with("Route", route.clone());
        }
        let mut message = message
            .with("Max-Forwards", "70")
            .with("From", format!("<{ALICE}>;tag={}", dialog.tag))
            .with("To", dialog.remote.clone())
            .with("Call-ID", dialog.call_id.clone())
            .with("CSeq", format!("{} SUBSCRIBE", dialog.cseq));
        message.headers.extend(headers);
        self.send_in(id, message, 0);
    }

    fn send_in(&mut self, id: SubscriptionId, message: Message, tries: u8) {
        let message = self.transmit(message);
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.pending = Some((message, tries));
            dialog.deadline = Some(self.now + TIMER_F);
        }
    }

    /// Credentials for a challenge, once.
    fn authorized(&self, request: &Message, response: &Message, tries: u8) -> Option<Message> {
        let (user, password) = self.credentials.as_ref().filter(|_| tries == 0)?;
        let challenge = response.get("WWW-Authenticate")?;
        let (realm, nonce) = (
            digest::value(challenge, "realm")?,
            digest::value(challenge, "nonce")?,
        );
        let proof = digest::response(
            (request.method(), request.uri()),
            (user, realm, password),
            (nonce, "00000001", "c"),
        );
        let value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{}\", response=\"{proof}\", \
             qop=auth, nc=00000001, cnonce=\"c\"",
            request.uri()
        );
        let mut again = request.clone();
        again.headers.retain(|(name, _)| name != "Via");
        for (name, value) in &mut again.headers {
            if name == "CSeq" {
                *value = format!("{} SUBSCRIBE", request.cseq() + 1);
            }
        }
        Some(again.with("Authorization", value))
    }

    /// The host gets a message.
    fn receive(&mut self, message: &Message) {
        match message.status() {
            Some(status) if self.capabilities.kind == HostKind::Transaction => {
                let branch = param(message.get("Via").unwrap_or_default(), "branch");
                let sent = self.transactions.remove(branch.unwrap_or_default());
                let Some(transaction) = sent else { return };
                let response = response(message, status);
                self.engine.handle_fact(
                    self.now,
                    Fact::Response {
                        transaction,
                        response,
                    },
                );
            }
            Some(status) => self.answered(message, status),
            None if self.capabilities.kind == HostKind::Transaction => {
                let mut headers = headers(message);
                headers.push("Content-Length", message.body.len().to_string());
                let request = Request {
                    method: message.method().into(),
                    uri: message.uri().into(),
                    headers,
                    body: message.body.clone(),
                };
                let answer = self.engine.handle_request(self.now, &request);
                self.reply(message, answer.map_or(481, |answer| answer.status));
            }
            None => self.notified(message),
        }
        self.drain();
    }

    fn reply(&mut self, request: &Message, status: u16) {
        self.sent.push_back(request.response(status, "x"));
    }

    fn dialog_of(&self, message: &Message, own: &str) -> Option<SubscriptionId> {
        let tag = param(message.get(own)?, "tag")?;
        let mine = |d: &Dialog| Some(d.call_id.as_str()) == message.get("Call-ID") && d.tag == tag;
        self.dialogs
            .iter()
            .find(|(_, d)| mine(d))
            .map(|(id, _)| *id)
    }

    /// A response in a dialog of the host.
    fn answered(&mut self, message: &Message, status: u16) {
        let Some(id) = self.dialog_of(message, "From") else {
            return;
        };
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        let Some((request, tries)) = dialog.pending.take_if(|(r, _)| r.cseq() == message.cseq())
        else {
            return;
        };
        dialog.deadline = None;
        if status == 401
            && let Some(again) = self.authorized(&request, message, tries)
        {
            if let Some(dialog) = self.dialogs.get_mut(&id) {
                dialog.cseq += 1;
            }
            return self.send_in(id, again, tries + 1);
        }
        let watching = self.capabilities.kind == HostKind::Watching;
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        if dialog.forgotten {
            self.dialogs.remove(&id);
            return;
        }
        let first = param(&dialog.remote, "tag").is_none();
        if (200..300).contains(&status) {
            Self::settle(dialog, message, "To", true);
            if watching && !dialog.leaving {
                Self::refresh_later(dialog, self.now, message.get("Expires"));
            }
            if watching && dialog.leaving {
                // Its own Timer N: the engine has none for such a host.
                dialog.deadline = Some(self.now + TIMER_F);
            }
            if !self.capabilities.sees_2xx {
                return;
            }
        } else if watching && !first {
            // It is gone; such a host says no more than that.
            self.dialogs.remove(&id);
            return self
                .engine
                .handle_fact(self.now, Fact::Terminated { subscription: id });
        }
        let response = response(message, status);
        let fact = Fact::DialogResponse {
            subscription: id,
            response,
        };
        self.engine.handle_fact(self.now, fact);
    }

    fn refresh_later(dialog: &mut Dialog, now: Duration, expires: Option<&str>) {
        if let Some(life) = expires.and_then(|e| e.parse::<u32>().ok()) {
            dialog.refresh_at =
                Some(now + Duration::from_secs(life.into()).mul_f64(HOST_REFRESHES_AT));
        }
    }

    /// Tag, target and routes of the other side.
    fn settle(dialog: &mut Dialog, message: &Message, remote: &str, reversed: bool) {
        if param(&dialog.remote, "tag").is_none() {
            dialog.remote = message.get(remote).unwrap_or_default().to_owned();
            dialog.routes = message.all("Record-Route").map(str::to_owned).collect();
            if reversed {
                dialog.routes.reverse();
            }
        }
        if let Some(contact) = message.get("Contact") {
            dialog.target = uri_of(contact).to_owned();
        }
    }

    /// A NOTIFY for a host that owns dialogs.
    fn notified(&mut self, message: &Message) {
        let Some(id) = self.dialog_of(message, "To") else {
            return self.reply(message, 481);
        };
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        Self::settle(dialog, message, "From", false);
        let state = message.get("Subscription-State").unwrap_or_default();
        let last = state.starts_with("terminated");
        if self.capabilities.kind == HostKind::Watching && !dialog.leaving {
            Self::refresh_later(dialog, self.now, param(state, "expires"));
        }
        if dialog.forgotten || (last && dialog.leaving && !self.capabilities.sees_final_notify) {
            // The host's own affair.
            self.dialogs.remove(&id);
            return self.reply(message, 200);
        }
        if last {
            dialog.refresh_at = None;
        }
        let answer =
            self.engine
                .handle_notification(self.now, id, &headers(message), &message.body);
        let status = if self.capabilities.chooses_answer {
            answer.status
        } else {
            assert_eq!(answer.status, 200, "the engine knows that it cannot refuse");
            200
        };
        self.reply(message, status);
    }
}

fn pairs(headers: &Headers) -> Vec<(String, String)> {
    let pair = |h: &rollmark_core::message::Header| (h.name.to_string(), h.value.to_string());
    headers.iter().map(pair).collect()
}

fn headers(message: &Message) -> Headers {
    let pairs = message.headers.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn response(message: &Message, status: u16) -> Response {
    Response {
        status,
        reason: String::new(),
        headers: headers(message),
        body: Vec::new(),
    }
}
