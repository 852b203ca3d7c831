//! IM sessions end to end: the user calls a conference or is called by it, over real sockets, and the conference is watched by
//! itself (OMA-01…06, OMA-39, SUB-71, SW-15, RFC 4579).

use std::time::Duration;

use rollmark::{Account, Conference, Conferences, Event, Session, What};
use rollmark_core::profile::Plain;
use rollmark_im_server as im;
use rollmark_tests::watch::Watch;
use rollmark_ua::session::{Caller, Fault, MAX_SESSIONS};
use rollmark_ua::{Settings, Transport, UserAgent};
use tokio::runtime::Runtime;

const ROOM: &str = "sip:room@im.test";
const ALICE: &str = "sip:alice@im.test";
const BOB: &str = "sip:bob@im.test";
const DEADLINE: Duration = Duration::from_secs(20);

struct Stage {
    runtime: Runtime,
    server: im::ImServer,
    room: im::Focus,
}

impl Stage {
    fn with(settings: im::Settings) -> Self {
        let runtime = Runtime::new().unwrap();
        let _guard = runtime.enter();
        let server = runtime.block_on(im::ImServer::bind(settings)).unwrap();
        let conference = im::Conference::new("Talk").user(im::User::connected(BOB));
        let room = server.create_conference(ROOM, conference).unwrap();
        drop(_guard);
        Self {
            runtime,
            server,
            room,
        }
    }

    fn new() -> Self {
        Self::with(im::Settings::default())
    }

    fn join(&self, transport: &str) -> Watch {
        self.join_as(transport, ROOM, ALICE)
    }

    fn join_as(&self, transport: &str, room: &str, identity: &str) -> Watch {
        let server = self.server.udp_addr().to_string();
        Watch::start(&[
            "watch",
            room,
            "--as",
            identity,
            "--server",
            &server,
            "--transport",
            transport,
            "--join",
        ])
    }

    fn status_of(
        &self,
        entity: &str,
    ) -> Vec<(Option<im::Status>, Option<im::DisconnectionMethod>)> {
        let mut conference = self.room.conference().unwrap();
        let user = conference.user_mut(entity).unwrap();
        let endpoints = user.endpoints.iter();
        endpoints
            .map(|e| (e.status, e.disconnection.as_ref().map(|d| d.method)))
            .collect()
    }
}

fn first_roster(watch: &mut Watch) -> Vec<String> {
    let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
    let users = first["users"].as_array().into_iter().flatten();
    users
        .map(|u| u["entity"].as_str().unwrap_or("").to_owned())
        .collect()
}

/// OMA-01…05, SUB-71, SW-13: INVITE first, then the session identity of the focus is watched; at the end BYE and Expires: 0.
fn joins_and_leaves(transport: &str) {
    let stage = Stage::new();
    let mut watch = stage.join(transport);
    let active = watch.wait_state("active");
    let conference = active["conference"].as_str().unwrap();
    assert!(
        conference.starts_with("sip:room-") && conference.contains(";gr="),
        "{active:#}"
    );
    assert_eq!(first_roster(&mut watch), [BOB, ALICE]);
    let endpoints = stage.room.conference().unwrap().users()[1]
        .endpoints
        .clone();
    assert_eq!(
        endpoints[0].joining_method,
        Some(im::JoiningMethod::DialedIn)
    );
    stage
        .room
        .join(im::User::connected("sip:carol@im.test"))
        .unwrap();
    watch.wait_user("joined", "sip:carol@im.test");
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "unsubscribed");
    let departed = (
        Some(im::Status::Disconnected),
        Some(im::DisconnectionMethod::Departed),
    );
    assert_eq!(stage.status_of(ALICE), [departed]);
    assert_eq!(*stage.room.subscribers().unwrap().borrow(), 0);
}

#[test]
fn a_user_joins_and_leaves_over_udp() {
    joins_and_leaves("udp");
}

#[test]
fn a_user_joins_and_leaves_over_tcp() {
    joins_and_leaves("tcp");
}

/// `--seconds` ends both, too, and the text names the session.
#[test]
fn the_time_is_over_for_session_and_subscription() {
    let stage = Stage::new();
    let server = stage.server.udp_addr().to_string();
    let mut watch = Watch::start(&[
        "watch",
        ROOM,
        "--as",
        ALICE,
        "--server",
        &server,
        "--join",
        "--seconds",
        "1",
    ]);
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "unsubscribed");
    assert_eq!(stage.status_of(ALICE)[0].0, Some(im::Status::Disconnected));
}

/// OMA-38, OMA-39: the focus ends the conference: terminated NOTIFY and BYE, both answered.
fn the_focus_ends_it(transport: &str) {
    let stage = Stage::new();
    let mut watch = stage.join(transport);
    first_roster(&mut watch);
    stage.room.end(im::FinalDocument::None).unwrap();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "noresource");
}

#[test]
fn the_focus_ends_the_conference_over_udp() {
    the_focus_ends_it("udp");
}

#[test]
fn the_focus_ends_the_conference_over_tcp() {
    the_focus_ends_it("tcp");
}

/// SUB-71: the focus hangs up on the user but goes on notifying him: after a short time he unsubscribes by himself.
#[test]
fn who_is_put_out_unsubscribes() {
    let stage = Stage::new();
    let mut watch = stage.join("udp");
    first_roster(&mut watch);
    stage.room.boot(ALICE, None).unwrap();
    let left = watch.wait_user("left", ALICE);
    assert_eq!(left["cause"], "booted", "{left:#}");
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "unsubscribed");
    assert_eq!(*stage.room.subscribers().unwrap().borrow(), 0);
}

/// OMA-39: BYE first; the server ends the subscription by itself, and that NOTIFY is answered.
#[test]
fn after_bye_the_servers_last_notify_is_taken() {
    let stage = Stage::with(im::Settings {
        ends_subscription_with_session: true,
        ..im::Settings::default()
    });
    let agent = stage.runtime.block_on(agent(&stage, ALICE));
    stage.runtime.block_on(async {
        let session = agent
            .join(ROOM, &caller(&agent, ALICE), never())
            .await
            .unwrap();
        let mut conference = watch(&agent.conferences, &session, None).await;
        roster(&mut conference).await;
        session.leave(DEADLINE).await;
        conference.session_ended();
        let before = tokio::time::Instant::now();
        let reason = ended(&mut conference).await;
        // Not by Expires: 0, which would come after the patience with the server.
        assert_eq!(reason, "noresource");
        assert!(before.elapsed() < Duration::from_secs(2));
    });
}

/// OMA-06: 404 for the session identity: the conference that was called is asked for, once.
#[test]
fn a_session_identity_that_is_not_known_leads_to_the_group() {
    for transport in ["udp", "tcp"] {
        let stage = Stage::with(im::Settings {
            forgets_session_identities: true,
            ..im::Settings::default()
        });
        let mut watch = stage.join(transport);
        let active = watch.wait_state("active");
        assert_eq!(active["conference"], ROOM, "{active:#}");
        assert_eq!(first_roster(&mut watch), [BOB, ALICE]);
        watch.interrupt();
        assert_eq!(watch.finish().status, Some(0));
    }
}

/// No such conference, a locked one, and nobody there: one line, status 1, nothing left behind.
#[test]
fn who_is_not_let_in_is_told() {
    let stage = Stage::new();
    let mut watch = stage.join_as("udp", "sip:other@im.test", ALICE);
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(1));
    outcome.assert_one_line(&["sip:other@im.test", "404"]);
    stage
        .room
        .change(|conference| {
            conference.locked = true;
            Ok(())
        })
        .unwrap();
    let outcome = stage.join("tcp").finish();
    assert_eq!(outcome.status, Some(1));
    outcome.assert_one_line(&[ROOM, "403"]);
    assert_eq!(stage.room.conference().unwrap().users().len(), 1);
}

fn never() -> impl Future<Output = ()> {
    std::future::pending()
}

async fn agent(stage: &Stage, identity: &str) -> UserAgent {
    agent_over(Transport::Udp, stage, identity).await
}

async fn agent_over(transport: Transport, stage: &Stage, identity: &str) -> UserAgent {
    let settings = Settings {
        server: Some(stage.server.udp_addr().to_string()),
        transport,
        ca: None,
    };
    UserAgent::start(settings, Account::new(identity))
        .await
        .unwrap()
}

fn caller(agent: &UserAgent, identity: &str) -> Caller {
    Caller {
        identity: identity.into(),
        credentials: None,
        registration: agent.facts().clone(),
        profile: Box::new(Plain::default()),
    }
}

async fn watch(
    conferences: &Conferences,
    session: &rollmark_ua::session::Session,
    group: Option<&str>,
) -> Conference {
    let mut met = Session::met(session.role(), session.headers()).unwrap();
    met.group = group.map(str::to_owned);
    assert_eq!(met.is_focus, Some(true));
    let conference = conferences.session_started(met).await.unwrap();
    conference.expect("it is watched by itself")
}

async fn next(conference: &mut Conference) -> Event {
    let event = tokio::time::timeout(DEADLINE, conference.next()).await;
    event.expect("an event in time").expect("it goes on")
}

async fn roster(conference: &mut Conference) -> Vec<String> {
    loop {
        if let What::Roster(rows) = next(conference).await.what {
            return rows
                .iter()
                .map(|row| row.user.entity().to_owned())
                .collect();
        }
    }
}

async fn ended(conference: &mut Conference) -> &'static str {
    loop {
        if let What::Ended { reason, .. } = next(conference).await.what {
            return reason.as_str();
        }
    }
}

/// OMA-05, RFC 4579 §5.5: the focus calls the user; the Contact of its INVITE is what is watched. The focus ends it.
fn invited_and_watches(transport: Transport) {
    let stage = Stage::new();
    stage.runtime.block_on(async {
        let agent = agent_over(transport, &stage, ALICE).await;
        let target = agent.contact("alice").await.unwrap();
        let by_tcp = target.contains("transport=tcp");
        assert_eq!(by_tcp, transport == Transport::Tcp, "{target}");
        // Nobody takes calls yet.
        let refused = stage.server.invite(ROOM, ALICE, &target).await;
        assert!(
            matches!(refused, Err(im::InviteError::Refused { status: 480, .. })),
            "{refused:?}"
        );
        let mut invitations = agent.invitations(caller(&agent, ALICE));
        stage.server.invite(ROOM, ALICE, &target).await.unwrap();
        let mut session = invitations.recv().await.unwrap();
        assert_eq!(session.role(), rollmark::Role::ClientInvited);
        let mut conference = watch(&agent.conferences, &session, None).await;
        assert_eq!(roster(&mut conference).await, [BOB, ALICE]);
        let endpoints = stage.room.conference().unwrap().users()[1]
            .endpoints
            .clone();
        assert_eq!(endpoints.len(), 1, "{endpoints:?}");
        assert_eq!(
            endpoints[0].joining_method,
            Some(im::JoiningMethod::DialedOut)
        );
        stage.room.end(im::FinalDocument::None).unwrap();
        tokio::time::timeout(DEADLINE, session.ended())
            .await
            .expect("BYE");
        conference.session_ended();
        assert_eq!(ended(&mut conference).await, "noresource");
    });
}

#[test]
fn a_user_is_invited_over_udp_and_watches() {
    invited_and_watches(Transport::Udp);
}

#[test]
fn a_user_is_invited_over_tcp_and_watches() {
    invited_and_watches(Transport::Tcp);
}

/// SW-15: several conferences and two accounts at once: each has its own roster, and leaving one ends no other.
#[test]
fn several_conferences_and_accounts_are_never_mixed() {
    let stage = Stage::new();
    let lobby = im::Conference::new("Lobby").user(im::User::connected("sip:dave@im.test"));
    stage
        .server
        .create_conference("sip:lobby@im.test", lobby)
        .unwrap();
    stage.runtime.block_on(async {
        let agent = agent(&stage, ALICE).await;
        let hers = &agent.conferences;
        let his = hers
            .add_account(Account::new("sip:erin@im.test"))
            .await
            .unwrap();
        his.set_registration(agent.facts().clone());
        let one = agent
            .join(ROOM, &caller(&agent, ALICE), never())
            .await
            .unwrap();
        let mut room = watch(hers, &one, None).await;
        assert_eq!(roster(&mut room).await, [BOB, ALICE]);
        let two = agent
            .join("sip:lobby@im.test", &caller(&agent, ALICE), never())
            .await
            .unwrap();
        let mut lobby = watch(hers, &two, None).await;
        assert_eq!(roster(&mut lobby).await, ["sip:dave@im.test", ALICE]);
        let three = agent
            .join(ROOM, &caller(&agent, "sip:erin@im.test"), never())
            .await
            .unwrap();
        let mut room_for_erin = watch(&his, &three, None).await;
        assert_eq!(
            roster(&mut room_for_erin).await,
            [BOB, ALICE, "sip:erin@im.test"]
        );
        one.leave(DEADLINE).await;
        room.session_ended();
        assert_eq!(ended(&mut room).await, "unsubscribed");
        stage
            .room
            .join(im::User::connected("sip:carol@im.test"))
            .unwrap();
        loop {
            if let What::Joined(row) = next(&mut room_for_erin).await.what {
                assert_eq!(row.user.entity(), "sip:carol@im.test");
                break;
            }
        }
        drop((two, three, lobby));
    });
}

/// A user whose application takes no calls any more is called: the call is answered, and after its ACK hung up.
#[test]
fn a_call_that_nobody_takes_is_hung_up() {
    let stage = Stage::new();
    stage.runtime.block_on(async {
        let agent = agent(&stage, ALICE).await;
        let target = agent.contact("alice").await.unwrap();
        drop(agent.invitations(caller(&agent, ALICE)));
        stage.server.invite(ROOM, ALICE, &target).await.unwrap();
        let departed = async {
            while stage.status_of(ALICE)[0].0 != Some(im::Status::Disconnected) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, departed).await.expect("BYE");
        let departed = Some(im::DisconnectionMethod::Departed);
        assert_eq!(stage.status_of(ALICE)[0].1, departed);
    });
}

/// The bound on sessions: the next call of ours is not made, and who calls is told that we are busy.
#[test]
fn sessions_have_a_bound() {
    let stage = Stage::new();
    stage.runtime.block_on(async {
        let agent = agent(&stage, ALICE).await;
        let (target, alice) = (agent.contact("alice").await.unwrap(), caller(&agent, ALICE));
        let mut held = Vec::new();
        for _ in 0..MAX_SESSIONS {
            held.push(agent.join(ROOM, &alice, never()).await.unwrap());
        }
        let more = agent.join(ROOM, &alice, never()).await;
        assert_eq!(more.err(), Some(Fault::TooMany));
        let _invitations = agent.invitations(caller(&agent, ALICE));
        let refused = stage.server.invite(ROOM, "sip:al@im.test", &target).await;
        assert!(
            matches!(refused, Err(im::InviteError::Refused { status: 486, .. })),
            "{refused:?}"
        );
        held.pop().unwrap().leave(DEADLINE).await;
        agent.join(ROOM, &alice, never()).await.unwrap();
    });
}
