//! Any event package: what is sent, how NOTIFYs are matched, what comes of their bodies (RFC 6665 §5).

use core::time::Duration;

use rollmark_core::account::AccountSettings;
use rollmark_core::conference::RosterState;
use rollmark_core::engine::{Body, Engine, PackageSettings, WatchError, WatchId, What};
use rollmark_core::host::{Action, Answer, Capabilities, SubscriptionId};
use rollmark_core::message::{Headers, Request};
use rollmark_core::profile::Registration;

const NOW: Duration = Duration::from_secs(7);
const DIFF: &str = "application/xcap-diff+xml";

fn settings() -> PackageSettings {
    PackageSettings {
        event: "xcap-diff;diff-processing=no-patching".into(),
        accept: vec![DIFF.into()],
        body: Some(Body {
            content_type: "application/resource-lists+xml".into(),
            bytes: b"<resource-lists/>".to_vec(),
        }),
        expires: Some(7200),
    }
}

fn engine(capabilities: Capabilities, settings: PackageSettings) -> (Engine, WatchId) {
    let mut engine = Engine::new(capabilities, [1; 32]);
    let account = engine.add_account(
        AccountSettings::new("sip:alice@example.org"),
        Registration {
            contact: "sip:alice@192.0.2.1".into(),
            ..Registration::default()
        },
    );
    let id = engine
        .watch_package(NOW, account, "sip:alice@xdms.example.org", settings)
        .unwrap();
    (engine, id)
}

fn subscribe(engine: &mut Engine) -> Request {
    match engine.poll_action() {
        Some(Action::Send { request, .. }) => request,
        other => panic!("{other:?}"),
    }
}

/// A NOTIFY that answers `subscribe`.
fn notify(subscribe: &Request, cseq: u32, event: &str, content: &str, body: &str) -> Request {
    let value = |name| subscribe.headers.get(name).unwrap().to_string();
    let headers: Headers = [
        ("Call-ID", value("Call-ID")),
        ("To", value("From")),
        ("From", "<sip:alice@xdms.example.org>;tag=n".into()),
        ("CSeq", format!("{cseq} NOTIFY")),
        ("Event", event.into()),
        ("Contact", "<sip:xdms@192.0.2.9>".into()),
        ("Subscription-State", "active;expires=7200".into()),
        ("Content-Type", content.into()),
    ]
    .into_iter()
    .collect();
    Request {
        method: "NOTIFY".into(),
        uri: "sip:alice@192.0.2.1".into(),
        headers,
        body: body.as_bytes().to_vec(),
    }
}

fn documents(engine: &mut Engine, id: WatchId) -> Vec<(String, String)> {
    std::iter::from_fn(|| engine.poll_event())
        .filter(|event| event.watch == id)
        .filter_map(|event| match event.what {
            What::Document { content_type, body } => {
                Some((content_type, String::from_utf8(body.to_vec()).unwrap()))
            }
            _ => None,
        })
        .collect()
}

/// SUB-01, SUB-02: the package's own Event, Accept, Expires and body are sent, and again on the refresh, but not to end it.
#[test]
fn a_package_asks_in_its_own_words() {
    let (mut engine, id) = engine(Capabilities::TRANSACTION, settings());
    let initial = subscribe(&mut engine);
    let is_whole = |request: &Request, expires: &str| {
        let value = |name| request.headers.get(name).unwrap_or_default();
        assert_eq!(value("Event"), "xcap-diff;diff-processing=no-patching");
        assert_eq!(value("Accept"), DIFF);
        assert_eq!(value("Expires"), expires);
        assert_eq!(request.headers.all("Event").count(), 1);
    };
    is_whole(&initial, "7200");
    assert_eq!(initial.body, b"<resource-lists/>");
    assert_eq!(
        initial.headers.get("Content-Type"),
        Some("application/resource-lists+xml")
    );
    engine.handle_request(NOW, &notify(&initial, 1, "xcap-diff", DIFF, "<d/>"));
    let at = engine.poll_timeout().unwrap();
    engine.handle_timeout(at);
    let refresh = subscribe(&mut engine);
    is_whole(&refresh, "7200");
    assert_eq!(refresh.body, initial.body);
    engine.unsubscribe(at, id);
    let last = subscribe(&mut engine);
    is_whole(&last, "0");
    assert!(last.body.is_empty() && last.headers.get("Content-Type").is_none());
}

/// SUB-23, SUB-28, SUB-34: matched byte by byte whatever the other parameters; other types are refused with what is wanted.
#[test]
fn a_package_is_matched_and_its_documents_come_out() {
    let (mut engine, id) = engine(Capabilities::TRANSACTION, settings());
    let initial = subscribe(&mut engine);
    let mut answer = |cseq, event: &str, content: &str| {
        engine
            .handle_request(NOW, &notify(&initial, cseq, event, content, "<d/>"))
            .map(|answer: Answer| {
                (
                    answer.status,
                    answer.headers.get("Accept").map(String::from),
                )
            })
    };
    assert_eq!(answer(1, "conference", DIFF), Some((481, None)));
    assert_eq!(answer(2, "xcap-diff;x=y", DIFF), Some((200, None)));
    assert_eq!(answer(3, "Xcap-Diff", DIFF), Some((489, None)));
    assert_eq!(answer(4, "conference", DIFF), Some((489, None)));
    assert_eq!(answer(5, "xcap-diff;id=1", DIFF), Some((481, None)));
    assert_eq!(
        answer(6, "xcap-diff", "text/plain"),
        Some((415, Some(DIFF.into())))
    );
    assert_eq!(
        answer(7, "xcap-diff", "Application/XCAP-diff+xml;charset=utf-8"),
        Some((200, None))
    );
    let told = documents(&mut engine, id);
    assert_eq!(
        told,
        [(DIFF.into(), "<d/>".into()), (DIFF.into(), "<d/>".into())]
    );
    assert!(engine.roster(id).is_none());
    assert_eq!(engine.state(id).unwrap().roster, RosterState::None);
}

/// SUB-23: an id that was asked for is part of the name.
#[test]
fn an_id_of_our_own_is_insisted_on() {
    let (mut engine, id) = engine(
        Capabilities::TRANSACTION,
        PackageSettings {
            event: "reg;id=7".into(),
            accept: Vec::new(),
            body: None,
            expires: None,
        },
    );
    let initial = subscribe(&mut engine);
    assert!(initial.headers.get("Accept").is_none());
    assert_eq!(initial.headers.get("Expires"), Some("3600"));
    let mut answer = |cseq, event: &str| {
        engine
            .handle_request(NOW, &notify(&initial, cseq, event, "text/plain", "x"))
            .unwrap()
            .status
    };
    assert_eq!(answer(1, "reg"), 481);
    assert_eq!(answer(2, "reg;id=7"), 200);
    assert_eq!(documents(&mut engine, id).len(), 1);
}

/// SW-12: hosts that own the dialog get the same words and hand over the same documents.
#[test]
fn a_dialog_host_gets_event_accept_and_body() {
    let (mut engine, id) = engine(Capabilities::DIALOG, settings());
    let Some(Action::Subscribe {
        subscription,
        headers,
        body,
        ..
    }) = engine.poll_action()
    else {
        panic!("no SUBSCRIBE");
    };
    assert_eq!(headers.get("Accept"), Some(DIFF));
    assert_eq!(body, b"<resource-lists/>");
    let told = |engine: &mut Engine, id: SubscriptionId, event: &str| {
        let headers: Headers = [
            ("Event", event),
            ("Subscription-State", "active"),
            ("Content-Type", DIFF),
        ]
        .into_iter()
        .collect();
        engine
            .handle_notification(NOW, id, &headers, b"<d/>")
            .status
    };
    assert_eq!(told(&mut engine, subscription, "xcap-diff"), 200);
    assert_eq!(told(&mut engine, subscription, "conference"), 489);
    assert_eq!(documents(&mut engine, id).len(), 1);
}

/// An Event value that names nothing is refused before anything is sent.
#[test]
fn an_event_that_names_no_package_is_refused() {
    let mut engine = Engine::new(Capabilities::TRANSACTION, [1; 32]);
    let account = engine.add_account(AccountSettings::new("sip:a@x"), Registration::default());
    let refused = engine.watch_package(
        NOW,
        account,
        "sip:b@x",
        PackageSettings {
            event: ";id=1".into(),
            ..settings()
        },
    );
    assert!(
        matches!(refused, Err(WatchError::Event { .. })),
        "{refused:?}"
    );
    assert_eq!(engine.poll_action(), None);
}
