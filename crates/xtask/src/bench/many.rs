//! Many subscriptions in one engine of a transaction host: what an idle one holds (P8), what a NOTIFY takes (P9, P10).

use std::time::Duration;

use rollmark_core::account::AccountSettings;
use rollmark_core::engine::Engine;
use rollmark_core::host::{Action, Capabilities, Fact};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::Registration;
use rollmark_core::{header, host::TransactionId};

use super::documents::{self, Act, Detail};
use super::{counting, jobs};

/// Users of the roster of a notified subscription.
pub(super) const USERS: usize = 20;
/// How many of the subscriptions have a roster and are notified by turns.
const NOTIFIED: usize = 50;

/// Most NOTIFYs of [`notify`].
const MOST_TIMES: usize = 512;

/// One subscription as the notifier knows it.
pub(super) struct Dialog {
    from: String,
    to: String,
    call_id: String,
    cseq: u32,
}

impl Dialog {
    /// The next NOTIFY, with a document or without body.
    pub(super) fn notify(&mut self, body: &str) -> Request {
        self.cseq += 1;
        let mut headers = Headers::new();
        headers.push("From", &self.from);
        headers.push("To", &self.to);
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", format!("{} NOTIFY", self.cseq));
        headers.push("Max-Forwards", "69");
        headers.push("Contact", "<sip:focus@192.0.2.2:5060>");
        headers.push("Event", "conference");
        headers.push("Subscription-State", "active;expires=3600");
        if !body.is_empty() {
            headers.push("Content-Type", "application/conference-info+xml");
        }
        headers.push("Content-Length", body.len().to_string());
        Request {
            method: "NOTIFY".into(),
            uri: "sip:alice@192.0.2.1:5060".into(),
            headers,
            body: body.as_bytes().to_vec(),
        }
    }
}

/// An engine that watches conferences, and the notifier's end of them.
pub(super) struct Many {
    pub(super) engine: Engine,
    pub(super) dialogs: Vec<Dialog>,
}

const NOW: Duration = Duration::from_secs(1);

impl Many {
    /// So many active subscriptions without roster.
    pub(super) fn idle(subscriptions: usize) -> Self {
        let mut engine = Engine::new(Capabilities::TRANSACTION, [0; 32]);
        let account = engine.add_account(
            AccountSettings::new("sip:alice@example.com"),
            Registration {
                contact: "sip:alice@192.0.2.1:5060".into(),
                outbound_proxy: Some("sip:192.0.2.3:5060;lr".into()),
                ..Registration::default()
            },
        );
        let mut dialogs = Vec::with_capacity(subscriptions);
        for number in 0..subscriptions {
            let uri = format!("sip:conf{number:06}@example.com");
            if let Err(fault) = engine.watch(NOW, account, &uri) {
                panic!("{fault}");
            }
            let Some(Action::Send {
                transaction,
                request,
                ..
            }) = engine.poll_action()
            else {
                panic!("the engine does not subscribe");
            };
            dialogs.push(accept(&mut engine, transaction, &request));
            while engine.poll_event().is_some() {}
        }
        let mut many = Self { engine, dialogs };
        for number in 0..subscriptions {
            let request = many.dialogs[number].notify("");
            take(&mut many.engine, &request);
        }
        many
    }

    /// The same, of which [`NOTIFIED`] spread evenly have a roster; their numbers.
    pub(super) fn notified(subscriptions: usize) -> (Self, Vec<usize>) {
        let mut many = Self::idle(subscriptions);
        let document = documents::full(USERS, Detail::Brief, jobs::SEED);
        let step = (subscriptions / NOTIFIED).max(1);
        let numbers: Vec<usize> = (0..subscriptions).step_by(step).take(NOTIFIED).collect();
        for &number in &numbers {
            let request = many.dialogs[number].notify(&document);
            assert!(take(&mut many.engine, &request) > 0, "no roster is told");
        }
        (many, numbers)
    }
}

/// The notifier's 200 to a SUBSCRIBE.
fn accept(engine: &mut Engine, transaction: TransactionId, request: &Request) -> Dialog {
    let get = |name| request.headers.get(name).unwrap_or_default();
    let to = format!("{};tag=focus0123456789", get("To"));
    let mut headers = Headers::new();
    headers.push("To", &to);
    headers.push("Contact", "<sip:focus@192.0.2.2:5060>");
    headers.push("Expires", "3600");
    let response = Response {
        status: 200,
        reason: "OK".into(),
        headers,
        body: Vec::new(),
    };
    assert!(header::tag(get("From")).is_some());
    let dialog = Dialog {
        from: to,
        to: get("From").into(),
        call_id: get("Call-ID").into(),
        cseq: 0,
    };
    engine.handle_fact(
        NOW,
        Fact::Response {
            transaction,
            response,
        },
    );
    dialog
}

/// What a host does with a NOTIFY; the number of events.
pub(super) fn take(engine: &mut Engine, request: &Request) -> usize {
    let answer = engine.handle_request(NOW, request);
    assert!(
        answer.is_some_and(|answer| answer.status == 200),
        "a NOTIFY is refused"
    );
    while engine.poll_action().is_some() {}
    let events = std::iter::from_fn(|| engine.poll_event()).count();
    assert!(engine.poll_timeout().is_some(), "no refresh is due");
    events
}

/// Bytes that one idle subscription without roster holds, its share of the engine's tables included.
pub(super) fn held(subscriptions: usize) -> f64 {
    let (_, bytes, many) = counting::allocations(|| {
        let Many { engine, dialogs } = Many::idle(subscriptions);
        drop(dialogs);
        engine
    });
    drop(many);
    bytes as f64 / subscriptions as f64
}

/// Partial documents of one user each, every one with an effect however small the roster.
pub(super) fn partials(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|step| {
        let (act, i) = match step % 4 {
            2 => (Act::Add, USERS + step),
            3 => (Act::Delete, USERS + step - 1),
            _ => (Act::Rename, step % USERS),
        };
        documents::partial(step + 2, act, i)
    })
}

/// NOTIFYs of one user each, by turns; the number of events.
pub(super) fn notify(subscriptions: usize, times: usize) -> usize {
    let (mut many, numbers) = Many::notified(subscriptions);
    // As many for every number of times, so that what comes before is the same.
    let requests: Vec<Request> = partials(MOST_TIMES.div_ceil(NOTIFIED))
        .flat_map(|partial| {
            let dialogs = &mut many.dialogs;
            let requests = numbers.iter().map(|&n| dialogs[n].notify(&partial));
            requests.collect::<Vec<_>>()
        })
        .collect();
    let requests = requests.iter().take(times);
    requests.map(|r| take(&mut many.engine, r)).sum()
}
