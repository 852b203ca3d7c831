//! Fake hosts for the engine: one that has transactions only, one that owns dialogs, both in front of the same small
//! notifier on a simulated clock (the host contract, `rollmark_core::host`).

use std::collections::VecDeque;
use std::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::engine::{Engine, Event, WatchId, What};
use rollmark_core::header;
use rollmark_core::host::{
    Action, Answer, Capabilities, Fact, HostKind, SubscriptionId, TransactionId,
};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::Registration;
use rollmark_core::subscription::Shown;

/// The conference of all scenarios.
pub const ROOM: &str = "sip:room@example.org";
/// The user of all scenarios.
pub const ALICE: &str = "sip:alice@example.org";

/// What the notifier saw of a request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What names the dialog: its Call-ID, or the handle of a dialog host.
    pub dialog: String,
    /// Expires of the request.
    pub expires: u32,
    /// True for a request that makes a dialog.
    pub initial: bool,
    headers: Headers,
    reply: Reply,
}

#[derive(Clone, Debug)]
enum Reply {
    Transaction(TransactionId),
    Dialog(SubscriptionId),
}

/// What is unusual about a NOTIFY.
#[derive(Default)]
struct Odd<'a> {
    length: Option<usize>,
    from_tag: Option<&'a str>,
    to_tag: Option<&'a str>,
}

/// An engine, a fake host in front of it, and a notifier that the test plays.
pub struct World {
    /// The engine under test.
    pub engine: Engine,
    /// The simulated time.
    pub now: Duration,
    /// The conference that is watched.
    pub conference: WatchId,
    /// The account that watches it.
    pub account: AccountId,
    kind: HostKind,
    asked: VecDeque<Asked>,
    forgotten: Vec<String>,
    cseq: u32,
}

impl World {
    /// Watches [`ROOM`] with a host of this kind.
    ///
    /// # Panics
    /// When the engine refuses to.
    pub fn new(capabilities: Capabilities) -> Self {
        Self::with(capabilities, |_| {})
    }

    /// The same with other settings of the account.
    ///
    /// # Panics
    /// When the engine refuses to.
    pub fn with(capabilities: Capabilities, set: impl FnOnce(&mut AccountSettings)) -> Self {
        let mut engine = Engine::new(capabilities, [42; 32]);
        let registration = Registration {
            contact: "sip:alice@192.0.2.1:5060".into(),
            ..Registration::default()
        };
        let mut settings = AccountSettings::new(ALICE);
        set(&mut settings);
        let account = engine.add_account(settings, registration);
        let now = Duration::from_secs(100);
        let conference = engine.watch(now, account, ROOM).expect("a SIP URI");
        let mut world = Self {
            engine,
            now,
            conference,
            account,
            kind: capabilities.kind,
            asked: VecDeque::new(),
            forgotten: Vec::new(),
            cseq: 0,
        };
        world.drain();
        world
    }

    /// Every event since the last call.
    pub fn events(&mut self) -> Vec<What> {
        std::iter::from_fn(|| self.engine.poll_event())
            .map(|Event { what, .. }| what)
            .collect()
    }

    /// The oldest request that the notifier has not looked at.
    pub fn asked(&mut self) -> Option<Asked> {
        self.asked.pop_front()
    }

    /// The oldest request, which must be there.
    ///
    /// # Panics
    /// When nothing was asked.
    pub fn expect(&mut self) -> Asked {
        self.asked().expect("a SUBSCRIBE is due")
    }

    /// The notifier answers a request.
    pub fn respond(&mut self, asked: &Asked, status: u16, headers: &[(&str, &str)]) {
        let mut all: Headers = headers.iter().copied().collect();
        all.push("To", format!("<{ROOM}>;tag=focus"));
        all.push("Contact", "<sip:focus@198.51.100.7:5070>");
        let response = Response {
            status,
            reason: String::new(),
            headers: all,
            body: Vec::new(),
        };
        let fact = match asked.reply {
            Reply::Transaction(transaction) => Fact::Response {
                transaction,
                response,
            },
            Reply::Dialog(subscription) => Fact::DialogResponse {
                subscription,
                response,
            },
        };
        self.engine.handle_fact(self.now, fact);
        self.drain();
    }

    /// The notifier sends a NOTIFY in the dialog of a request; none when the engine does not take it.
    pub fn notify(&mut self, asked: &Asked, state: &str, body: &str) -> Option<Answer> {
        self.send(asked, state, body, &Odd::default())
    }

    /// The same with a Content-Length of its own.
    pub fn notify_with(
        &mut self,
        asked: &Asked,
        state: &str,
        body: &str,
        length: usize,
    ) -> Option<Answer> {
        let odd = Odd {
            length: Some(length),
            ..Odd::default()
        };
        self.send(asked, state, body, &odd)
    }

    /// The same from another fork: with this From tag.
    pub fn notify_from(
        &mut self,
        asked: &Asked,
        tag: &str,
        state: &str,
        body: &str,
    ) -> Option<Answer> {
        let odd = Odd {
            from_tag: Some(tag),
            ..Odd::default()
        };
        self.send(asked, state, body, &odd)
    }

    /// The same to another dialog: with this To tag.
    pub fn notify_to(
        &mut self,
        tag: &str,
        asked: &Asked,
        state: &str,
        body: &str,
    ) -> Option<Answer> {
        let odd = Odd {
            to_tag: Some(tag),
            ..Odd::default()
        };
        self.send(asked, state, body, &odd)
    }

    fn send(&mut self, asked: &Asked, state: &str, body: &str, odd: &Odd<'_>) -> Option<Answer> {
        self.cseq += 1;
        let mut headers = Headers::new();
        headers.push("Event", "conference");
        headers.push("Subscription-State", state);
        headers.push("Contact", "<sip:focus@198.51.100.7:5070>");
        headers.push("CSeq", format!("{} NOTIFY", self.cseq));
        let length = odd.length.unwrap_or(body.len());
        headers.push("Content-Length", length.to_string());
        if !body.is_empty() {
            headers.push("Content-Type", "application/conference-info+xml");
        }
        let answer = match &asked.reply {
            Reply::Transaction(_) => {
                let from = asked.headers.get("From").unwrap_or_default();
                let tag = odd.to_tag.or(header::tag(from)).unwrap_or_default();
                let fork = odd.from_tag.unwrap_or("focus");
                headers.push("From", format!("<{ROOM}>;tag={fork}"));
                headers.push("To", format!("<{ALICE}>;tag={tag}"));
                headers.push("Call-ID", &asked.dialog);
                let request = Request {
                    method: "NOTIFY".into(),
                    uri: "sip:alice@192.0.2.1:5060".into(),
                    headers,
                    body: body.as_bytes().to_vec(),
                };
                self.engine.handle_request(self.now, &request)
            }
            Reply::Dialog(subscription) => Some(self.engine.handle_notification(
                self.now,
                *subscription,
                &headers,
                body.as_bytes(),
            )),
        };
        self.drain();
        answer
    }

    /// The state of the subscription as last told.
    ///
    /// # Panics
    /// When nothing was told yet.
    pub fn state(&self) -> Shown {
        self.engine.state(self.conference).expect("a state").shown
    }

    /// Lets time pass until the engine wakes up by itself.
    ///
    /// # Panics
    /// When no timer runs, or one is in the past.
    pub fn wake(&mut self) -> Duration {
        let at = self.engine.poll_timeout().expect("a timer runs");
        assert!(at >= self.now, "a timer is in the past");
        let slept = at - self.now;
        self.now = at;
        self.engine.handle_timeout(at);
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

    /// The host loses its connection.
    pub fn lose_flow(&mut self) {
        self.engine.handle_fact(self.now, Fact::FlowLost);
        self.drain();
    }

    /// Ends the subscription.
    pub fn unsubscribe(&mut self) {
        self.engine.unsubscribe(self.now, self.conference);
        self.drain();
    }

    /// Dialogs that the host was told to forget.
    pub fn forgotten(&self) -> &[String] {
        &self.forgotten
    }

    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            match (self.kind, action) {
                (
                    HostKind::Transaction,
                    Action::Send {
                        transaction,
                        request,
                        next_hop,
                    },
                ) => {
                    assert_eq!(request.method, "SUBSCRIBE");
                    assert!(next_hop.starts_with("sip:"), "{next_hop}");
                    let to = request.headers.get("To").unwrap_or_default();
                    self.asked.push_back(Asked {
                        dialog: request.headers.get("Call-ID").unwrap_or_default().into(),
                        expires: expires(&request.headers),
                        initial: header::tag(to).is_none(),
                        headers: request.headers,
                        reply: Reply::Transaction(transaction),
                    });
                }
                (
                    HostKind::Dialog,
                    Action::Subscribe {
                        subscription,
                        target,
                        headers,
                        ..
                    },
                ) => {
                    assert_eq!(target, ROOM);
                    self.ask(subscription, headers, true);
                }
                (
                    HostKind::Dialog,
                    Action::Refresh {
                        subscription,
                        headers,
                        ..
                    }
                    | Action::Unsubscribe {
                        subscription,
                        headers,
                    },
                ) => self.ask(subscription, headers, false),
                (HostKind::Dialog, Action::Forget { subscription }) => {
                    self.forgotten.push(format!("{subscription:?}"));
                }
                (kind, action) => panic!("a {kind:?} host was asked for {action:?}"),
            }
        }
    }

    fn ask(&mut self, subscription: SubscriptionId, headers: Headers, initial: bool) {
        self.asked.push_back(Asked {
            dialog: format!("{subscription:?}"),
            expires: expires(&headers),
            initial,
            headers,
            reply: Reply::Dialog(subscription),
        });
    }
}

fn expires(headers: &Headers) -> u32 {
    headers
        .get("Expires")
        .and_then(header::delta_seconds)
        .unwrap_or(u32::MAX)
}

/// A conference-info document with these users, all connected.
pub fn document(version: u32, state: &str, users: &[&str]) -> String {
    let users: String = users
        .iter()
        .map(|user| {
            format!(
                "<user entity='sip:{user}@example.org'><endpoint entity='sip:{user}@example.org;gr=1'>\
                 <status>connected</status></endpoint></user>"
            )
        })
        .collect();
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='{ROOM}' state='{state}' \
         version='{version}'><users state='{state}'>{users}</users></conference-info>"
    )
}
