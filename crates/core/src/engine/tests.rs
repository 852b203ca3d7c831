//! What no outside can bring about in a short time: the end of a dialog's sequence numbers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::message::{Headers, Request, Response};

fn sent(engine: &mut Engine) -> Option<(TransactionId, Request)> {
    match engine.poll_action()? {
        Action::Send {
            transaction,
            request,
            ..
        } => Some((transaction, request)),
        other => panic!("{other:?}"),
    }
}

/// RFC 3261 §12.2.1.1: a dialog whose sequence numbers run out is replaced, and the old one is forgotten (SUB-51).
#[test]
fn a_dialog_without_numbers_is_replaced() {
    let mut engine = Engine::new(Capabilities::TRANSACTION, [1; 32]);
    let account = engine.add_account(AccountSettings::new("sip:a@x"), Registration::default());
    let now = Duration::from_secs(1);
    let id = engine.watch(now, account, "sip:room@x").unwrap();
    let (transaction, first) = sent(&mut engine).unwrap();
    let from = first.headers.get("From").unwrap();
    let notify = |cseq: u32| Request {
        method: "NOTIFY".into(),
        uri: "sip:a@x".into(),
        headers: [
            ("Call-ID", first.headers.get("Call-ID").unwrap()),
            ("To", from),
            ("From", "<sip:room@x>;tag=f"),
            ("CSeq", &format!("{cseq} NOTIFY")),
            ("Event", "conference"),
            ("Contact", "<sip:f@y>"),
            ("Subscription-State", "active"),
        ]
        .into_iter()
        .collect(),
        body: Vec::new(),
    };
    assert!(engine.handle_request(now, &notify(1)).is_some());
    let dialog = engine
        .watches
        .get_mut(&id)
        .unwrap()
        .dialog
        .as_mut()
        .unwrap();
    dialog.use_up();
    let response = Response {
        status: 200,
        reason: String::new(),
        headers: Headers::new(),
        body: Vec::new(),
    };
    engine.handle_fact(
        now,
        Fact::Response {
            transaction,
            response,
        },
    );
    let (_, anew) = sent(&mut engine).unwrap();
    assert_eq!(anew.headers.get("CSeq"), Some("1 SUBSCRIBE"));
    assert_ne!(anew.headers.get("Call-ID"), first.headers.get("Call-ID"));
    assert!(sent(&mut engine).is_none());
    assert!(engine.handle_request(now, &notify(2)).is_none());
}

/// A subscription and its dialog stay small, for there may be a million of them.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_subscription_is_small() {
    let held = size_of::<Watch>() + size_of::<crate::dialog::Dialog>();
    assert!(held <= 600, "{held} bytes");
}

/// An engine whose watches are live, each with the request that made its dialog.
fn live(count: usize, now: Duration) -> (Engine, Vec<Request>) {
    let mut engine = Engine::new(Capabilities::TRANSACTION, [1; 32]);
    let account = engine.add_account(AccountSettings::new("sip:a@x"), Registration::default());
    let mut requests = Vec::new();
    for n in 0..count {
        let room = format!("sip:room{n}@x");
        engine.watch(now, account, &room).unwrap();
        let (transaction, request) = sent(&mut engine).unwrap();
        let response = Response {
            status: 200,
            reason: String::new(),
            headers: [
                ("To", "<sip:room@x>;tag=f"),
                ("Contact", "<sip:f@y>"),
                ("Expires", "3600"),
            ]
            .into_iter()
            .collect(),
            body: Vec::new(),
        };
        let fact = Fact::Response {
            transaction,
            response,
        };
        engine.handle_fact(now, fact);
        assert!(engine.handle_request(now, &notify(&request, 1)).is_some());
        requests.push(request);
    }
    (engine, requests)
}

fn notify(subscribe: &Request, cseq: u32) -> Request {
    Request {
        method: "NOTIFY".into(),
        uri: "sip:a@x".into(),
        headers: [
            ("Call-ID", subscribe.headers.get("Call-ID").unwrap()),
            ("To", subscribe.headers.get("From").unwrap()),
            ("From", "<sip:room@x>;tag=f"),
            ("CSeq", &format!("{cseq} NOTIFY")),
            ("Event", "conference"),
            ("Contact", "<sip:f@y>"),
            ("Subscription-State", "active"),
        ]
        .into_iter()
        .collect(),
        body: Vec::new(),
    }
}

fn drained(engine: &mut Engine) -> Vec<(TransactionId, Request)> {
    core::iter::from_fn(|| sent(engine)).collect()
}

/// SEC-18, SUB-09: many subscriptions on one flow that is lost are refreshed one after the other, each once, the first few
/// at once.
#[test]
fn a_lost_flow_of_many_does_not_flood_the_server() {
    const COUNT: usize = 500;
    let now = Duration::from_secs(1);
    let (mut engine, _) = live(COUNT, now);
    drained(&mut engine);
    engine.handle_fact(now, Fact::FlowLost);
    assert_eq!(drained(&mut engine).len(), FLOW_LOST_AT_ONCE);
    let end = now + FLOW_LOST_SPACING * COUNT as u32;
    let mut rest = 0;
    while let Some(at) = engine.poll_timeout().filter(|at| *at <= end) {
        engine.handle_timeout(at);
        let now = drained(&mut engine).len();
        assert!(now <= 1, "{now} at {at:?}");
        rest += now;
    }
    assert_eq!(rest, COUNT - FLOW_LOST_AT_ONCE);
}

/// SEC-18: when each refresh is what breaks the connection, they become rare; a NOTIFY that comes makes them quick again.
#[test]
fn a_flow_that_is_lost_after_each_refresh_is_asked_ever_less() {
    let mut now = Duration::from_secs(1);
    let (mut engine, requests) = live(1, now);
    drained(&mut engine);
    let lose = |engine: &mut Engine, now: Duration| {
        engine.handle_fact(now, Fact::FlowLost);
        let mut at = now;
        loop {
            if let Some((transaction, _)) = drained(engine).pop() {
                // The response came, the NOTIFY did not.
                let response = Response {
                    status: 200,
                    reason: String::new(),
                    headers: [("Expires", "3600"), ("To", "<sip:room@x>;tag=f")]
                        .into_iter()
                        .collect(),
                    body: Vec::new(),
                };
                engine.handle_fact(
                    at,
                    Fact::Response {
                        transaction,
                        response,
                    },
                );
                return at;
            }
            at = engine.poll_timeout().unwrap();
            engine.handle_timeout(at);
        }
    };
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let at = lose(&mut engine, now);
        pauses.push((at - now).as_secs());
        now = at;
    }
    let longest = FLOW_LOST_PAUSE_MAX.as_secs();
    assert_eq!(pauses, [0, 2, 4, 8, 16, longest, longest]);
    assert!(
        engine
            .handle_request(now, &notify(&requests[0], 2))
            .is_some()
    );
    let at = lose(&mut engine, now);
    let next = lose(&mut engine, at);
    assert_eq!((next - at).as_secs(), 2);
}
