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
