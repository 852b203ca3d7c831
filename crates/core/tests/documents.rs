//! Documents of an XDMS that are watched: what is asked, what NOTIFYs tell, how they are answered (RFC 5875, XDM-73…77).

use core::time::Duration;

use rollmark_core::account::AccountSettings;
use rollmark_core::conference::DeviationCode;
use rollmark_core::engine::{Engine, WatchError, WatchId, What};
use rollmark_core::host::{Action, Answer, Capabilities, Fact};
use rollmark_core::message::{Headers, Request, Response};
use rollmark_core::profile::Registration;
use rollmark_core::subscription::EndReason;
use rollmark_core::xcap_diff::{Fate, ListError};

const NOTIFIER: &str = "sip:alice@example.org";
const LISTS: &str = "resource-lists/users/sip:alice@example.org/index";
const RULES: &str = "org.openmobilealliance.access-rules/users/sip:alice@example.org/access-rules";

struct World {
    engine: Engine,
    id: WatchId,
    now: Duration,
    cseq: u32,
}

/// A SUBSCRIBE that was sent.
struct Sent {
    transaction: rollmark_core::host::TransactionId,
    request: Request,
}

impl World {
    fn new(documents: &[&str]) -> Self {
        let mut engine = Engine::new(Capabilities::TRANSACTION, [3; 32]);
        let registration = Registration {
            contact: "sip:alice@192.0.2.1".into(),
            ..Registration::default()
        };
        let settings = AccountSettings::new("sip:alice@example.org");
        let account = engine.add_account(settings, registration);
        let now = Duration::from_secs(50);
        let id = engine
            .watch_documents(now, account, NOTIFIER, documents)
            .unwrap();
        Self {
            engine,
            id,
            now,
            cseq: 0,
        }
    }

    fn next(&mut self) -> Option<Sent> {
        match self.engine.poll_action()? {
            Action::Send {
                transaction,
                request,
                ..
            } => Some(Sent {
                transaction,
                request,
            }),
            other => panic!("{other:?}"),
        }
    }

    fn sent(&mut self) -> Sent {
        self.next().expect("a SUBSCRIBE is due")
    }

    fn respond(&mut self, sent: &Sent, status: u16) {
        let headers = [
            ("To", format!("<{NOTIFIER}>;tag=n")),
            ("Contact", "<sip:xdms@192.0.2.9>".into()),
            ("Expires", "3600".into()),
        ];
        let response = Response {
            status,
            reason: String::new(),
            headers: headers.into_iter().collect(),
            body: Vec::new(),
        };
        let fact = Fact::Response {
            transaction: sent.transaction,
            response,
        };
        self.engine.handle_fact(self.now, fact);
    }

    fn notify_from(&mut self, tag: &str, sent: &Sent, body: &[u8]) -> Option<Answer> {
        self.cseq += 1;
        let value = |name| sent.request.headers.get(name).unwrap().to_string();
        let mut headers: Headers = [
            ("Call-ID", value("Call-ID")),
            ("To", value("From")),
            ("From", format!("<{NOTIFIER}>;tag={tag}")),
            ("CSeq", format!("{} NOTIFY", self.cseq)),
            ("Event", "xcap-diff".into()),
            ("Contact", "<sip:xdms@192.0.2.9>".into()),
            ("Subscription-State", "active;expires=3600".into()),
        ]
        .into_iter()
        .collect();
        if !body.is_empty() {
            headers.push("Content-Type", "application/xcap-diff+xml");
        }
        let request = Request {
            method: "NOTIFY".into(),
            uri: "sip:alice@192.0.2.1".into(),
            headers,
            body: body.to_vec(),
        };
        self.engine.handle_request(self.now, &request)
    }

    fn notify(&mut self, sent: &Sent, body: &[u8]) -> u16 {
        let answer = self.notify_from("n", sent, body);
        answer.expect("it is ours").status
    }

    fn active(documents: &[&str]) -> (Self, Sent) {
        let mut world = Self::new(documents);
        let first = world.sent();
        world.respond(&first, 200);
        assert_eq!(world.notify(&first, b""), 200);
        world.told();
        (world, first)
    }

    /// What was told of documents and departures.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(event) = self.engine.poll_event() {
            assert_eq!(event.watch, self.id);
            match event.what {
                What::DocumentsChanged(diff) => {
                    told.extend(diff.changes.iter().map(|change| match &change.fate {
                        Fate::Changed { etag } => format!("{} changed {etag:?}", change.document),
                        Fate::Retagged { previous, etag } => {
                            format!("{} {previous} is {etag}", change.document)
                        }
                        Fate::Removed { .. } => format!("{} removed", change.document),
                    }));
                }
                What::DocumentsUncertain => told.push("uncertain".into()),
                What::Deviation { code, .. } => told.push(code.as_str().into()),
                What::Ended { reason, .. } => told.push(reason.as_str().into()),
                _ => {}
            }
        }
        told
    }

    /// Lets time pass until the engine wakes up.
    fn wake(&mut self) {
        self.now = self.engine.poll_timeout().expect("a timer runs");
        self.engine.handle_timeout(self.now);
    }
}

fn diff(documents: &str) -> Vec<u8> {
    format!(
        "<xcap-diff xmlns='urn:ietf:params:xml:ns:xcap-diff' xcap-root='https://xcap.example.org/'>{documents}</xcap-diff>"
    )
    .into_bytes()
}

/// XDM-73, XDM-74, XDM-78: the golden message.
#[test]
fn the_notifier_is_asked_for_a_flat_list_without_patches() {
    let mut world = World::new(&[RULES, LISTS]);
    let Sent { request, .. } = world.sent();
    assert_eq!(request.method, "SUBSCRIBE");
    assert_eq!(request.uri, NOTIFIER);
    let values = |name| request.headers.all(name).collect::<Vec<_>>();
    for (name, expected) in [
        ("To", "<sip:alice@example.org>"),
        ("Event", "xcap-diff;diff-processing=no-patching"),
        ("Accept", "application/xcap-diff+xml"),
        ("Expires", "3600"),
        ("Content-Type", "application/resource-lists+xml"),
    ] {
        assert_eq!(values(name), [expected], "{name}");
    }
    assert_eq!(
        String::from_utf8(request.body).unwrap(),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list><entry uri=\"{RULES}\"/>\
             <entry uri=\"{LISTS}\"/></list></resource-lists>"
        )
    );
}

/// XDM-75, XDM-77: changes come out in order; what cannot be read is answered 200, and everything is in doubt.
#[test]
fn changes_are_told_and_what_cannot_be_read_puts_all_in_doubt() {
    let (mut world, first) = World::active(&[LISTS]);
    let body = diff(&format!(
        "<document sel='{LISTS}' new-etag='1'/>\
         <document sel='{LISTS}' previous-etag='1' new-etag='2'><body-not-changed/></document>\
         <document sel='{LISTS}' previous-etag='2'/>"
    ));
    assert_eq!(world.notify(&first, &body), 200);
    let changed = format!("{LISTS} changed Some(\"1\")");
    let (retagged, removed) = (format!("{LISTS} 1 is 2"), format!("{LISTS} removed"));
    assert_eq!(world.told(), [changed, retagged, removed]);

    let large = vec![b' '; 10 << 20];
    let many = diff(&"<document sel='a' new-etag='1'/>".repeat(50_000));
    let doctype = b"<!DOCTYPE a><xcap-diff/>";
    for broken in [&b"<html>"[..], &large, &many, doctype] {
        assert_eq!(world.notify(&first, broken), 200);
        let told = world.told();
        assert_eq!(told.first().unwrap(), "uncertain");
        // Said once a subscription, not once a NOTIFY (SEC-18).
        let again = told.iter().any(|what| what == "malformed-body");
        assert_eq!(again, broken == b"<html>", "{told:?}");
    }
    assert_eq!(DeviationCode::MalformedBody.as_str(), "malformed-body");
    // An empty NOTIFY tells nothing: no document is gone because of it.
    assert_eq!(world.notify(&first, b""), 200);
    assert_eq!(world.told(), [""; 0]);
    // It goes on.
    let body = diff(&format!("<document sel='{LISTS}' new-etag='3'/>"));
    assert_eq!(world.notify(&first, &body), 200);
    assert_eq!(world.told(), [format!("{LISTS} changed Some(\"3\")")]);
}

/// XDM-77 (RFC 5875 §4.9): a second notifier that the SUBSCRIBE was forked to gets no dialog, and is not heard.
#[test]
fn only_one_dialog_is_made() {
    let (mut world, first) = World::active(&[LISTS]);
    let body = diff(&format!("<document sel='{LISTS}' new-etag='9'/>"));
    let answer = world.notify_from("other", &first, &body);
    assert_eq!(answer.map(|answer| answer.status), Some(481));
    assert_eq!(world.told(), [""; 0]);
}

/// RFC 5875 §4.7: other documents are asked for in the same dialog, at once, or as soon as there is one; never in vain.
#[test]
fn other_documents_are_asked_for_in_the_same_dialog() {
    let (mut world, first) = World::active(&[LISTS]);
    let list = |sent: &Sent| String::from_utf8(sent.request.body.clone()).unwrap();
    assert!(!list(&first).contains(RULES));
    let (id, now) = (world.id, world.now);
    world.engine.set_documents(now, id, &[LISTS]).unwrap();
    assert!(world.next().is_none(), "nothing new");
    world
        .engine
        .set_documents(now, id, &[LISTS, RULES])
        .unwrap();
    let second = world.sent();
    let call_id = |sent: &Sent| sent.request.headers.get("Call-ID").unwrap().to_string();
    assert_eq!(call_id(&second), call_id(&first));
    assert!(list(&second).contains(RULES) && list(&second).contains(LISTS));
    world.respond(&second, 200);
    assert_eq!(world.notify(&first, b""), 200);
    assert!(world.next().is_none(), "asked once");
    assert_eq!(
        world.engine.set_documents(now, id, &["/"]),
        Err(ListError::Uri { uri: "/".into() })
    );

    let mut early = World::new(&[LISTS]);
    let first = early.sent();
    let (id, now) = (early.id, early.now);
    early.engine.set_documents(now, id, &[RULES]).unwrap();
    assert!(early.next().is_none(), "there is no dialog yet");
    early.respond(&first, 200);
    early.notify(&first, b"");
    assert!(list(&early.sent()).contains(RULES));
}

/// A hostile caller of the API cannot make the notifier be asked without end (SEC-18): changes are gathered.
#[test]
fn changes_of_the_list_in_quick_succession_are_gathered() {
    let (mut world, first) = World::active(&[LISTS]);
    let mut requests = 0;
    for n in 0..100 {
        let (id, now) = (world.id, world.now);
        let name = format!("a/users/u/{n}");
        world.engine.set_documents(now, id, &[&name]).unwrap();
        while let Some(sent) = world.next() {
            requests += 1;
            world.respond(&sent, 200);
            world.notify(&first, b"");
        }
    }
    assert!(requests <= 5, "{requests}");
    world.wake();
    let last = world.sent();
    assert!(
        String::from_utf8(last.request.body)
            .unwrap()
            .contains("a/users/u/99")
    );
}

/// XDM-79: who does not know the package says so, and that is the end of it.
#[test]
fn a_server_without_the_package_ends_it() {
    for (status, reason) in [
        (489, EndReason::Unsupported),
        (404, EndReason::NotFound),
        (403, EndReason::Forbidden),
    ] {
        let mut world = World::new(&[LISTS]);
        let first = world.sent();
        world.respond(&first, status);
        if status == 489 {
            let again = world.sent();
            assert_eq!(again.request.headers.get("Event"), Some("xcap-diff"));
            world.respond(&again, status);
        }
        assert_eq!(world.told(), [reason.as_str()], "{status}");
        assert!(world.next().is_none());
    }
}

/// XDM-73 (RFC 5875 §4.3): a server that compares Event with its parameters is asked without, which means the same.
#[test]
fn a_server_that_takes_no_parameter_is_asked_without() {
    let mut world = World::new(&[LISTS]);
    let first = world.sent();
    world.respond(&first, 489);
    let again = world.sent();
    assert_eq!(again.request.headers.get("Event"), Some("xcap-diff"));
    assert_eq!(again.request.body, first.request.body);
    world.respond(&again, 200);
    let body = diff(&format!("<document sel='{LISTS}' new-etag='1'/>"));
    assert_eq!(world.notify(&again, &body), 200);
    assert_eq!(world.told(), [format!("{LISTS} changed Some(\"1\")")]);
    world.wake();
    let refresh = world.sent();
    assert_eq!(refresh.request.headers.get("Event"), Some("xcap-diff"));
}

/// XDM-74: a notifier that is none is refused before anything is sent.
#[test]
fn what_cannot_be_asked_is_refused() {
    let mut engine = Engine::new(Capabilities::TRANSACTION, [3; 32]);
    let settings = AccountSettings::new("sip:alice@example.org");
    let account = engine.add_account(settings, Registration::default());
    let mut watch = |notifier: &str, documents: &[&str]| {
        engine.watch_documents(Duration::ZERO, account, notifier, documents)
    };
    assert!(matches!(
        watch("tel:+1", &[LISTS]),
        Err(WatchError::Scheme { .. })
    ));
    assert_eq!(
        watch(NOTIFIER, &[]),
        Err(WatchError::Documents(ListError::Empty))
    );
    assert_eq!(engine.poll_action(), None);
}

/// SW-12: a host that owns the dialog is given the same words, and hands over the same NOTIFYs.
#[test]
fn a_dialog_host_watches_documents_too() {
    let mut engine = Engine::new(Capabilities::DIALOG, [3; 32]);
    let settings = AccountSettings::new("sip:alice@example.org");
    let account = engine.add_account(settings, Registration::default());
    let now = Duration::ZERO;
    let id = engine
        .watch_documents(now, account, NOTIFIER, &[LISTS])
        .unwrap();
    let Some(Action::Subscribe {
        subscription,
        target,
        headers,
        body,
        ..
    }) = engine.poll_action()
    else {
        panic!("no SUBSCRIBE");
    };
    assert_eq!(target, NOTIFIER);
    assert_eq!(
        headers.get("Event"),
        Some("xcap-diff;diff-processing=no-patching")
    );
    assert!(String::from_utf8(body).unwrap().contains(LISTS));
    let notify: Headers = [
        ("Event", "xcap-diff"),
        ("Subscription-State", "active;expires=3600"),
        ("Content-Type", "application/xcap-diff+xml"),
    ]
    .into_iter()
    .collect();
    let body = diff(&format!("<document sel='{LISTS}' new-etag='1'/>"));
    let answer = engine.handle_notification(now, subscription, &notify, &body);
    assert_eq!(answer.status, 200);
    let told = core::iter::from_fn(|| engine.poll_event())
        .filter(|event| matches!(event.what, What::DocumentsChanged(_)));
    assert_eq!(told.count(), 1);
    engine.set_documents(now, id, &[RULES]).unwrap();
    let Some(Action::Refresh { body, .. }) = engine.poll_action() else {
        panic!("no refresh");
    };
    assert!(String::from_utf8(body).unwrap().contains(RULES));
}
