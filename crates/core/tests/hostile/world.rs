//! A transaction or dialog host on a simulated clock, with one conference that is watched.

use core::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::digest::Credentials;
use rollmark_core::engine::{Engine, Event, WatchId};
use rollmark_core::host::{Action, Capabilities, Fact, TransactionId};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::Registration;

/// A full document with bob.
pub(super) const BODY: &str = "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@x' version='1'>\
    <users><user entity='sip:bob@x'/></users></conference-info>";

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) account: AccountId,
    pub(super) conference: WatchId,
    pub(super) now: Duration,
    cseq: u32,
}

pub(super) fn world(capabilities: Capabilities) -> World {
    let mut engine = Engine::new(capabilities, [7; 32]);
    let account = engine.add_account(
        AccountSettings {
            credentials: Some(Credentials {
                username: "me".into(),
                password: "secret".into(),
            }),
            ..AccountSettings::new("sip:me@x")
        },
        Registration {
            contact: "sip:me@192.0.2.2".into(),
            ..Registration::default()
        },
    );
    let now = Duration::from_secs(1000);
    let conference = engine.watch(now, account, "sip:c@x").unwrap();
    World {
        engine,
        account,
        conference,
        now,
        cseq: 0,
    }
}

impl World {
    pub(super) fn actions(&mut self) -> Vec<Action> {
        core::iter::from_fn(|| self.engine.poll_action()).collect()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.engine.poll_event()).collect()
    }

    /// The requests sent since last asked.
    pub(super) fn sent(&mut self) -> Vec<(TransactionId, Request)> {
        let sent = |action| match action {
            Action::Send {
                transaction,
                request,
                ..
            } => Some((transaction, request)),
            _ => None,
        };
        self.actions().into_iter().filter_map(sent).collect()
    }

    pub(super) fn respond(
        &mut self,
        transaction: TransactionId,
        status: u16,
        more: &[(&str, &str)],
    ) {
        let fact = Fact::Response {
            transaction,
            response: response(status, more),
        };
        self.engine.handle_fact(self.now, fact);
    }

    /// A NOTIFY in the dialog of `subscribe`, whose body is said to be `missing` bytes longer than it is; the answer.
    pub(super) fn notify(
        &mut self,
        subscribe: &Request,
        state: &str,
        body: &[u8],
        missing: usize,
    ) -> u16 {
        self.cseq += 1;
        let value = |name| subscribe.headers.get(name).unwrap();
        let headers: Headers = [
            ("Call-ID", value("Call-ID").to_string()),
            ("To", value("From").to_string()),
            ("From", "<sip:c@x>;tag=f".into()),
            ("CSeq", format!("{} NOTIFY", self.cseq)),
            ("Event", "conference".into()),
            ("Contact", "<sip:c@192.0.2.1>".into()),
            ("Subscription-State", state.into()),
            ("Content-Type", "application/conference-info+xml".into()),
            ("Content-Length", (body.len() + missing).to_string()),
        ]
        .into_iter()
        .collect();
        let request = Request {
            method: "NOTIFY".into(),
            uri: "sip:me@192.0.2.2".into(),
            headers,
            body: body.into(),
        };
        self.engine
            .handle_request(self.now, &request)
            .unwrap()
            .status
    }
}

pub(super) fn response(status: u16, more: &[(&str, &str)]) -> Response {
    let usual = [("To", "<sip:c@x>;tag=f"), ("Contact", "<sip:c@192.0.2.1>")];
    Response {
        status,
        reason: String::new(),
        headers: usual.iter().chain(more).copied().collect(),
        body: Vec::new(),
    }
}
