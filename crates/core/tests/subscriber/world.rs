//! A transaction host on a simulated clock, in front of a notifier whose every message the test writes.

use core::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::digest::Credentials;
use rollmark_core::engine::{Engine, WatchId, What};
use rollmark_core::host::{Action, Answer, Capabilities, Fact, SendFailure, TransactionId};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::Registration;
use rollmark_core::subscription::EndReason;

pub(crate) const ROOM: &str = "sip:room@conf.example.org";
pub(crate) const TYPE: &str = "application/conference-info+xml";

pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A full document with bob.
pub(crate) fn document(version: u32) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='{ROOM}' state='full' \
         version='{version}'><users><user entity='sip:bob@x'/></users></conference-info>"
    )
}

pub(crate) struct Sent {
    pub(crate) transaction: TransactionId,
    pub(crate) request: Request,
    pub(crate) next_hop: String,
}

impl Sent {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.request.headers.get(name).unwrap_or_default()
    }

    pub(crate) fn routes(&self) -> Vec<&str> {
        self.request.headers.all("Route").collect()
    }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) account: AccountId,
    pub(crate) id: WatchId,
    pub(crate) now: Duration,
    pub(crate) told: Vec<What>,
    pub(crate) cseq: u32,
}

pub(crate) fn registration() -> Registration {
    Registration {
        contact: "sip:alice@192.0.2.1".into(),
        ..Registration::default()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, ROOM)
    }

    pub(crate) fn with(set: impl FnOnce(&mut AccountSettings), room: &str) -> Self {
        Self::begun(set, |engine, now, account| {
            engine.watch(now, account, room).unwrap()
        })
    }

    /// Not by `watch`, but by what `begin` does.
    pub(crate) fn begun(
        set: impl FnOnce(&mut AccountSettings),
        begin: impl FnOnce(&mut Engine, Duration, AccountId) -> WatchId,
    ) -> Self {
        let mut settings = AccountSettings::new("sip:alice@example.org");
        settings.credentials = Some(Credentials {
            username: "alice".into(),
            password: "secret".into(),
        });
        set(&mut settings);
        let mut engine = Engine::new(Capabilities::TRANSACTION, [5; 32]);
        let account = engine.add_account(settings, registration());
        let now = s(1000);
        let id = begin(&mut engine, now, account);
        Self {
            engine,
            account,
            id,
            now,
            told: Vec::new(),
            cseq: 0,
        }
    }

    /// Subscribed and active for an hour, by a proxy that stays in the way.
    pub(crate) fn active() -> (Self, Sent) {
        Self::active_with(|_| {})
    }

    pub(crate) fn active_with(set: impl FnOnce(&mut AccountSettings)) -> (Self, Sent) {
        let mut world = Self::with(set, ROOM);
        let first = world.sent();
        world.respond(&first, 200, &[("Expires", "3600")]);
        let answer = world.notify(&first, "active;expires=3600", &document(1), &[]);
        assert_eq!(answer.map(|answer| answer.status), Some(200));
        (world, first)
    }

    fn settle(&mut self) {
        self.told
            .extend(core::iter::from_fn(|| self.engine.poll_event()).map(|event| event.what));
    }

    /// The oldest request not looked at yet.
    pub(crate) fn next(&mut self) -> Option<Sent> {
        match self.engine.poll_action()? {
            Action::Send {
                transaction,
                request,
                next_hop,
            } => Some(Sent {
                transaction,
                request,
                next_hop,
            }),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn sent(&mut self) -> Sent {
        self.next().expect("a request is due")
    }

    pub(crate) fn is_quiet(&mut self) -> bool {
        self.next().is_none()
    }

    /// The notifier answers; its own headers replace the usual ones.
    pub(crate) fn respond(&mut self, sent: &Sent, status: u16, more: &[(&str, &str)]) {
        let usual = [
            ("To", "<sip:room@conf.example.org>;tag=focus"),
            ("Contact", "<sip:focus@192.0.2.9>"),
        ];
        let response = Response {
            status,
            reason: String::new(),
            headers: headers(&usual, more),
            body: Vec::new(),
        };
        let transaction = sent.transaction;
        self.engine.handle_fact(
            self.now,
            Fact::Response {
                transaction,
                response,
            },
        );
        self.settle();
    }

    pub(crate) fn fail(&mut self, sent: &Sent, failure: SendFailure) {
        let transaction = sent.transaction;
        self.engine.handle_fact(
            self.now,
            Fact::Failed {
                transaction,
                failure,
            },
        );
        self.settle();
    }

    /// A request of the notifier in the dialog of `sent`; its own headers replace the usual ones, "" takes one away.
    pub(crate) fn request(
        &mut self,
        method: &str,
        sent: &Sent,
        state: &str,
        body: &str,
        more: &[(&str, &str)],
    ) -> Option<Answer> {
        self.cseq += 1;
        let cseq = format!("{} {method}", self.cseq);
        let usual = [
            ("Call-ID", sent.get("Call-ID")),
            ("To", sent.get("From")),
            ("From", "<sip:room@conf.example.org>;tag=focus"),
            ("CSeq", &cseq),
            ("Event", "conference"),
            ("Contact", "<sip:focus@192.0.2.9>"),
            ("Subscription-State", state),
            ("Content-Type", TYPE),
        ];
        let request = Request {
            method: method.into(),
            uri: "sip:alice@192.0.2.1".into(),
            headers: headers(&usual, more),
            body: body.as_bytes().to_vec(),
        };
        let answer = self.engine.handle_request(self.now, &request);
        self.settle();
        answer
    }

    pub(crate) fn notify(
        &mut self,
        sent: &Sent,
        state: &str,
        body: &str,
        more: &[(&str, &str)],
    ) -> Option<Answer> {
        self.request("NOTIFY", sent, state, body, more)
    }

    /// Lets time pass until the engine wakes up; gives how long that was.
    pub(crate) fn wake(&mut self) -> Duration {
        let at = self.engine.poll_timeout().expect("a timer runs");
        assert!(at >= self.now, "a timer in the past");
        let slept = at - self.now;
        self.now = at;
        self.engine.handle_timeout(at);
        self.settle();
        slept
    }

    /// Lets time pass, and the engine wake up on the way.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.engine.poll_timeout().is_some_and(|at| at <= until) {
            self.wake();
        }
        self.now = until;
        self.settle();
    }

    pub(crate) fn ended(&self) -> Option<EndReason> {
        self.told.iter().find_map(|what| match what {
            What::Ended { reason, .. } => Some(*reason),
            _ => None,
        })
    }

    pub(crate) fn deviations(&self) -> Vec<&'static str> {
        self.told
            .iter()
            .filter_map(|what| match what {
                What::Deviation { code, .. } => Some(code.as_str()),
                _ => None,
            })
            .collect()
    }
}

fn headers(usual: &[(&str, &str)], more: &[(&str, &str)]) -> Headers {
    let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
    usual
        .iter()
        .filter(|(name, _)| !replaced(name))
        .chain(more)
        .filter(|(_, value)| !value.is_empty())
        .copied()
        .collect()
}
