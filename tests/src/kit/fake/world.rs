//! The world of a fake host: the engine, a clock, memory for a wire, and what the host does with actions.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use rollmark_core::account::AccountSettings;
use rollmark_core::blocklist::{SourceState, Update, plain};
use rollmark_core::digest::Credentials;
use rollmark_core::engine::{Engine, WatchId};
use rollmark_core::host::{
    Action, Capabilities, Fact, HostKind, SendFailure, SubscriptionId, TransactionId,
};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::Registration;

use super::dialog::Dialog;
use crate::kit::message::{Message, param};
use crate::kit::{ALICE, Setup};

/// Where the fake host is reached.
pub(super) const HERE: &str = "192.0.2.1:5060";
/// Where its server is.
pub(super) const THERE: &str = "198.51.100.7:5060";
/// Timer F of a host that times out by itself (RFC 3261 §17.1.2.2).
pub(super) const TIMER_F: Duration = Duration::from_secs(32);
/// A host that refreshes does so after this share of the life.
pub(super) const HOST_REFRESHES_AT: f64 = 0.9;
#[derive(Debug)]
pub(super) struct World {
    pub(super) capabilities: Capabilities,
    pub(super) engine: Engine,
    pub(super) now: Duration,
    pub(super) account: rollmark_core::account::AccountId,
    pub(super) watch: Option<WatchId>,
    pub(super) sent: VecDeque<Message>,
    pub(super) transactions: HashMap<String, TransactionId>,
    pub(super) dialogs: HashMap<SubscriptionId, Dialog>,
    pub(super) credentials: Option<(String, String)>,
    pub(super) branches: u64,
    pub(super) said: Vec<String>,
}

impl World {
    pub(super) fn new(capabilities: Capabilities, setup: &Setup) -> Self {
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
    pub(super) fn wake(&mut self, until: Duration) -> bool {
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

    pub(super) fn failed(&mut self, id: SubscriptionId) {
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

    pub(super) fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bK{}", self.branches)
    }

    pub(super) fn transmit(&mut self, mut message: Message) -> Message {
        let via = format!("SIP/2.0/UDP {HERE};branch={}", self.branch());
        message.headers.insert(0, ("Via".into(), via));
        self.sent.push_back(message.clone());
        message
    }

    pub(super) fn drain(&mut self) {
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

    /// The host gets a message.
    pub(super) fn receive(&mut self, message: &Message) {
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

    pub(super) fn reply(&mut self, request: &Message, status: u16) {
        self.sent.push_back(request.response(status, "x"));
    }
}

pub(super) fn pairs(headers: &Headers) -> Vec<(String, String)> {
    let pair = |h: &rollmark_core::message::Header| (h.name.to_string(), h.value.to_string());
    headers.iter().map(pair).collect()
}

pub(super) fn headers(message: &Message) -> Headers {
    let pairs = message.headers.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

pub(super) fn response(message: &Message, status: u16) -> Response {
    Response {
        status,
        reason: String::new(),
        headers: headers(message),
        body: Vec::new(),
    }
}
