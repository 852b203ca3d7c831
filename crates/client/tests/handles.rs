//! The plugin's handles in front of a host that the test plays: slow consumers, several conferences, the end.

use std::time::Duration;

use rollmark::core::header;
use rollmark::core::host::{Action, Answer, Fact};
use rollmark::core::message::{Headers, Request, Response};
use rollmark::{Account, Capabilities, Conference, Conferences, Passed, Port, Role, Session, What};

const DEADLINE: Duration = Duration::from_secs(20);

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("nothing came in time")
}

/// The host's side of one subscription.
struct Dialog {
    headers: Headers,
    cseq: u32,
}

/// The next SUBSCRIBE, answered 200.
async fn accept(port: &mut Port) -> (Dialog, u32) {
    let Action::Send {
        transaction,
        request,
        ..
    } = within(port.next_action()).await.expect("a SUBSCRIBE")
    else {
        panic!("a transaction host is asked to send");
    };
    let mut headers = Headers::new();
    headers.push("To", "<sip:room@example.org>;tag=focus");
    headers.push("Contact", "<sip:focus@192.0.2.9>");
    port.reporter().fact(Fact::Response {
        transaction,
        response: Response {
            status: 200,
            reason: "OK".into(),
            headers,
            body: Vec::new(),
        },
    });
    let expires = request
        .headers
        .get("Expires")
        .and_then(header::delta_seconds);
    let dialog = Dialog {
        headers: request.headers,
        cseq: 0,
    };
    (dialog, expires.expect("Expires"))
}

async fn notify(port: &Port, dialog: &mut Dialog, state: &str, body: String) -> Answer {
    dialog.cseq += 1;
    let mut headers = Headers::new();
    headers.push("From", "<sip:room@example.org>;tag=focus");
    headers.push("To", dialog.headers.get("From").unwrap());
    headers.push("Call-ID", dialog.headers.get("Call-ID").unwrap());
    headers.push("CSeq", format!("{} NOTIFY", dialog.cseq));
    headers.push("Event", "conference");
    headers.push("Subscription-State", state);
    headers.push("Content-Type", "application/conference-info+xml");
    let request = Request {
        method: "NOTIFY".into(),
        uri: "sip:alice@192.0.2.1".into(),
        headers,
        body: body.into_bytes(),
    };
    let answering = within(port.reporter().request(request)).await;
    Answer::clone(&answering.expect("it is ours"))
}

fn document(version: u32, state: &str, user: &str, user_state: &str) -> String {
    format!(
        "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:room@example.org' \
         state='{state}' version='{version}'><users state='{state}'><user entity='{user}' state='{user_state}'/>\
         </users></conference-info>"
    )
}

fn start() -> (Conferences, Port) {
    Conferences::start(
        Capabilities::TRANSACTION,
        Account::new("sip:alice@example.org"),
    )
}

/// SUB-32: who does not read holds up no NOTIFY, and gets the whole roster in place of what he missed.
#[tokio::test]
async fn a_slow_consumer_holds_up_nothing_and_is_given_a_fresh_roster() {
    const USERS: u32 = 3000;
    let (conferences, mut port) = start();
    let mut conference = conferences.subscribe("sip:room@example.org").await.unwrap();
    let (mut dialog, _) = accept(&mut port).await;
    let first = document(0, "full", "sip:user0@example.org", "full");
    notify(&port, &mut dialog, "active", first).await;
    for version in 1..USERS {
        let user = format!("sip:user{version}@example.org");
        let joined = document(version, "partial", &user, "full");
        let answer = notify(&port, &mut dialog, "active", joined).await;
        assert_eq!(answer.status, 200);
    }
    let mut rosters = Vec::new();
    let mut read = 0;
    while rosters.last() != Some(&(USERS as usize)) {
        read += 1;
        if let What::Roster(rows) = within(conference.next()).await.unwrap().what {
            rosters.push(rows.len());
        }
    }
    assert_eq!(rosters, [1, USERS as usize]);
    assert!(read < USERS, "the queue is bounded: {read} events");
    // From here on he follows again.
    let left = document(USERS, "partial", "sip:user7@example.org", "deleted");
    notify(&port, &mut dialog, "active", left).await;
    let event = within(conference.next()).await.unwrap();
    assert!(matches!(event.what, What::Left { .. }), "{event:?}");
}

/// OMA-18: dropping the handle of a conference ends its subscription, and no other.
#[tokio::test]
async fn a_dropped_conference_is_unsubscribed() {
    let (conferences, mut port) = start();
    let keep = conferences.subscribe("sip:keep@example.org").await.unwrap();
    let drop_it = conferences.subscribe("sip:drop@example.org").await.unwrap();
    let (_kept, _) = accept(&mut port).await;
    let (mut dropped, _) = accept(&mut port).await;
    let body = document(0, "full", "sip:bob@example.org", "full");
    notify(&port, &mut dropped, "active", body).await;
    drop::<Conference>(drop_it);
    let (last, expires) = accept(&mut port).await;
    assert_eq!(expires, 0);
    assert_eq!(last.headers.get("Call-ID"), dropped.headers.get("Call-ID"));
    drop(keep);
}

/// SW-13: stopping ends everything within its patience, though the server is silent.
#[tokio::test(start_paused = true)]
async fn stopping_is_bounded_when_the_server_is_silent() {
    let (conferences, mut port) = start();
    let mut conference = conferences.subscribe("sip:room@example.org").await.unwrap();
    let silent = port.next_action().await;
    assert!(matches!(silent, Some(Action::Send { .. })));
    conferences.stop(Duration::from_secs(5)).await;
    let mut last = None;
    while let Some(event) = conference.next().await {
        last = Some(event.what);
    }
    assert!(matches!(last, Some(What::Ended { .. })), "{last:?}");
}

fn session(identity: &str) -> Session {
    Session {
        role: Role::ClientOriginated,
        identity: identity.into(),
        group: None,
        is_focus: Some(true),
        allows_conference: None,
    }
}

/// OMA-01, SUB-71, SW-15: sessions of one conference share its subscription: who comes later has the whole roster at once, and
/// it ends with the last of them.
#[tokio::test(start_paused = true)]
async fn sessions_of_a_conference_share_its_subscription() {
    let (conferences, mut port) = start();
    let met = session("sip:room@example.org");
    let mut one = conferences
        .session_started(met.clone())
        .await
        .unwrap()
        .unwrap();
    let (mut dialog, _) = accept(&mut port).await;
    let body = document(0, "full", "sip:bob@example.org", "full");
    notify(&port, &mut dialog, "active", body).await;
    let mut two = conferences.session_started(met).await.unwrap().unwrap();
    let mut rosters = 0;
    for conference in [&mut one, &mut two] {
        while let Some(event) = within(conference.next()).await {
            if let What::Roster(rows) = event.what {
                assert_eq!(rows.len(), 1);
                rosters += 1;
                break;
            }
        }
    }
    assert_eq!(rosters, 2);
    drop(one);
    let body = document(1, "partial", "sip:carol@example.org", "full");
    notify(&port, &mut dialog, "active", body).await;
    let event = within(two.next()).await.unwrap();
    assert!(matches!(event.what, What::Joined(_)), "{event:?}");
    two.session_ended();
    let (last, expires) = accept(&mut port).await;
    assert_eq!(expires, 0);
    assert_eq!(last.headers.get("Call-ID"), dialog.headers.get("Call-ID"));
    notify(
        &port,
        &mut dialog,
        "terminated;reason=timeout",
        String::new(),
    )
    .await;
    let mut last = None;
    while let Some(event) = within(two.next()).await {
        last = Some(event.what);
    }
    assert!(matches!(last, Some(What::Ended { .. })), "{last:?}");
}

/// OMA-01, IMS-46: the switch, and a single user at the other end: nothing is sent.
#[tokio::test]
async fn a_session_is_not_subscribed_to_against_the_settings() {
    let mut account = Account::new("sip:alice@example.org");
    account.sessions.subscribe = false;
    let (conferences, _port) = Conferences::start(Capabilities::TRANSACTION, account);
    let off = conferences
        .session_started(session("sip:room@example.org"))
        .await;
    assert!(off.unwrap().is_none());
    let (conferences, _port) = start();
    let single = Session {
        is_focus: Some(false),
        ..session("sip:bob@192.0.2.7")
    };
    assert!(conferences.session_started(single).await.unwrap().is_none());
    let bad = conferences.session_started(session("tel:+1")).await;
    assert!(bad.is_err());
}

/// SUB-70: a host may ask for the state, and may see all that passes, in its order, before what it comes to.
#[tokio::test]
async fn what_passes_is_shown_and_a_refresh_can_be_asked_for() {
    let (conferences, mut port) = start();
    let mut messages = conferences.messages();
    let mut conference = conferences.subscribe("sip:room@example.org").await.unwrap();
    let (mut dialog, _) = accept(&mut port).await;
    let first = document(0, "full", "sip:bob@example.org", "full");
    notify(&port, &mut dialog, "active", first).await;
    loop {
        let event = within(conference.next()).await.unwrap();
        if matches!(event.what, What::Roster(_)) {
            break;
        }
    }
    let mut passed = Vec::new();
    while let Ok(message) = messages.try_recv() {
        passed.push(match message.passed {
            Passed::Action(Action::Send { request, .. }) => request.method,
            Passed::Fact(Fact::Response { response, .. }) => response.status.to_string(),
            Passed::Request(request) => request.method,
            Passed::Answer(answer) => answer.unwrap().status.to_string(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(passed, ["SUBSCRIBE", "200", "NOTIFY", "200"]);

    conference.refresh();
    let (_, expires) = accept(&mut port).await;
    assert_ne!(expires, 0);
}
