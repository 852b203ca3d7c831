//! Subscriptions that follow IM sessions: when they begin, whom they ask, when they end (OMA-01…06, OMA-39, SUB-71).

use core::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::engine::{Engine, WatchError, WatchId};
use rollmark_core::host::{Action, Capabilities};
use rollmark_core::message::Headers;
use rollmark_core::session::{DEFAULT_SESSION_PATIENCE, ImSession, Role, SessionId};
use rollmark_core::subscription::EndReason;

use crate::world::{ROOM, World, document, registration, s};

const GROUP: &str = "sip:group@example.org";

fn session(number: u64, account: AccountId) -> ImSession {
    ImSession {
        id: SessionId(number),
        account,
        role: Role::ClientOriginated,
        identity: ROOM.into(),
        group: None,
        is_focus: Some(true),
        allows_conference: None,
    }
}

fn begin(engine: &mut Engine, now: Duration, session: &ImSession) -> WatchId {
    engine
        .handle_session_started(now, session)
        .unwrap()
        .unwrap()
}

/// A world whose only watch follows session 1.
fn with(set: impl FnOnce(&mut ImSession)) -> World {
    World::begun(
        |_| {},
        |engine, now, account| {
            let mut session = session(1, account);
            set(&mut session);
            begin(engine, now, &session)
        },
    )
}

fn active() -> (World, crate::world::Sent) {
    let mut world = with(|_| {});
    let first = world.sent();
    world.respond(&first, 200, &[("Expires", "3600")]);
    world.notify(&first, "active;expires=3600", &document(1), &[]);
    (world, first)
}

fn end(world: &mut World) {
    let now = world.now;
    world.engine.handle_session_ended(now, SessionId(1));
    world.pass(Duration::ZERO);
}

/// OMA-01…05: a session that is reported is subscribed to by itself, out of its dialog: Request-URI and To are the URI of
/// the Contact with what routing needs, no To tag.
#[test]
fn a_session_is_subscribed_to_by_the_contact_of_its_focus() {
    for role in [Role::ClientOriginated, Role::ClientInvited] {
        let headers: Headers = [
            (
                "Contact",
                "\"IM; <x>\" <sip:s1@srv.example.org;gr=urn:x;transport=tcp>;isfocus;+g.oma.sip-im",
            ),
            ("Allow-Events", "presence, conference"),
        ]
        .into_iter()
        .collect();
        let mut world = World::begun(
            |_| {},
            |engine, now, account| {
                let session = ImSession::met(SessionId(7), account, role, &headers).unwrap();
                assert_eq!(session.is_focus, Some(true));
                assert_eq!(session.allows_conference, Some(true));
                begin(engine, now, &session)
            },
        );
        let sent = world.sent();
        let identity = "sip:s1@srv.example.org;gr=urn:x;transport=tcp";
        assert_eq!(sent.request.method, "SUBSCRIBE");
        assert_eq!(sent.request.uri, identity);
        assert_eq!(sent.get("To"), format!("<{identity}>"));
        assert_eq!(sent.get("CSeq"), "1 SUBSCRIBE");
        assert!(world.is_quiet());
        assert_eq!(world.engine.session_watch(SessionId(7)), Some(world.id));
    }
}

/// OMA-02: two sessions, and two conferences: no Call-ID and no tag serves twice.
#[test]
fn every_subscription_has_a_dialog_of_its_own() {
    let mut world = with(|_| {});
    let one = world.sent();
    let mut other = session(2, world.account);
    other.identity = "sip:other@conf.example.org".into();
    begin(&mut world.engine, world.now, &other);
    let two = world.sent();
    assert_ne!(one.get("Call-ID"), two.get("Call-ID"));
    assert_ne!(one.get("From"), two.get("From"));
}

/// OMA-01: the switch turns it off; nothing is sent, then or later.
#[test]
fn the_switch_turns_it_off() {
    let mut settings = AccountSettings::new("sip:alice@example.org");
    settings.sessions.subscribe = false;
    let mut engine = Engine::new(Capabilities::TRANSACTION, [1; 32]);
    let account = engine.add_account(settings, registration());
    let session = session(1, account);
    assert_eq!(engine.handle_session_started(s(1), &session), Ok(None));
    engine.handle_session_ended(s(2), SessionId(1));
    assert!(engine.poll_action().is_none());
    assert_eq!(engine.poll_timeout(), None);
}

/// IMS-46: where nothing says that the other side is a focus, the setting decides.
#[test]
fn without_isfocus_the_setting_decides() {
    for (is_focus, allows_conference, group, without_focus, subscribes) in [
        (Some(false), None, None, false, false),
        (Some(false), Some(false), None, false, false),
        (Some(false), None, None, true, true),
        (Some(false), Some(true), None, false, true),
        (Some(false), None, Some(GROUP), false, true),
        (None, None, None, false, true),
        (Some(true), Some(false), None, false, true),
    ] {
        let mut settings = AccountSettings::new("sip:alice@example.org");
        settings.sessions.without_focus = without_focus;
        let mut engine = Engine::new(Capabilities::TRANSACTION, [1; 32]);
        let account = engine.add_account(settings, registration());
        let session = ImSession {
            is_focus,
            allows_conference,
            group: group.map(Into::into),
            ..session(1, account)
        };
        let watch = engine.handle_session_started(s(1), &session).unwrap();
        assert_eq!(watch.is_some(), subscribes, "{session:?}");
        assert_eq!(engine.poll_action().is_some(), subscribes, "{session:?}");
    }
}

/// OMA-03, OMA-06: 404 for the session identity turns to the group identity, once, in a dialog of its own; 404 again is
/// the end.
#[test]
fn the_group_identity_is_asked_once_after_404() {
    let mut world = with(|session| session.group = Some(GROUP.into()));
    let first = world.sent();
    assert_eq!(first.request.uri, ROOM);
    world.respond(&first, 404, &[]);
    let second = world.sent();
    assert_eq!(second.request.uri, GROUP);
    assert_eq!(second.get("To"), format!("<{GROUP}>"));
    assert_ne!(first.get("Call-ID"), second.get("Call-ID"));
    assert_eq!(world.engine.target(world.id), Some(GROUP));
    world.respond(&second, 404, &[]);
    assert!(world.is_quiet());
    assert_eq!(world.ended(), Some(EndReason::NotFound));
}

/// OMA-06: the subscription to the group works like any other, and ends with the session.
#[test]
fn the_subscription_to_the_group_ends_with_the_session() {
    let mut world = with(|session| session.group = Some(GROUP.into()));
    let first = world.sent();
    world.respond(&first, 404, &[]);
    let second = world.sent();
    world.respond(&second, 200, &[("Expires", "3600")]);
    let answer = world.notify(&second, "active;expires=3600", &document(1), &[]);
    assert_eq!(answer.map(|answer| answer.status), Some(200));
    end(&mut world);
    world.pass(DEFAULT_SESSION_PATIENCE);
    assert_eq!(world.sent().get("Expires"), "0");
}

/// OMA-06: a session identity that SIP cannot ask for leaves the group identity; without one the fault is named.
#[test]
fn an_identity_that_cannot_be_asked_leaves_the_group() {
    let mut world = with(|session| {
        session.identity = "tel:+1".into();
        session.group = Some(GROUP.into());
    });
    assert_eq!(world.sent().request.uri, GROUP);
    let mut bad = session(2, world.account);
    bad.identity = "tel:+2".into();
    let fault = world.engine.handle_session_started(world.now, &bad);
    assert!(matches!(fault, Err(WatchError::Scheme { .. })), "{fault:?}");
    assert!(world.is_quiet());
}

/// SUB-71, OMA-18: the session is over and the server says nothing: after a short time Expires: 0 leaves in the
/// subscription's dialog, and its last NOTIFY is answered.
#[test]
fn a_session_that_ends_is_followed_by_expires_0() {
    let (mut world, first) = active();
    end(&mut world);
    assert!(world.is_quiet(), "the server has its time");
    assert_eq!(world.wake(), DEFAULT_SESSION_PATIENCE);
    let last = world.sent();
    assert_eq!(last.get("Expires"), "0");
    assert_eq!(last.get("Call-ID"), first.get("Call-ID"));
    world.respond(&last, 200, &[]);
    let answer = world.notify(&first, "terminated;reason=timeout", "", &[]);
    assert_eq!(answer.map(|answer| answer.status), Some(200));
    assert_eq!(world.ended(), Some(EndReason::Unsubscribed));
    assert!(world.is_quiet());
}

/// OMA-39: BYE first, then the server's terminated NOTIFY: 200, and nothing is asked for anew, whatever the reason would
/// say at another time.
#[test]
fn a_terminated_notify_after_bye_is_answered_and_is_the_end() {
    for reason in [
        "",
        ";reason=noresource",
        ";reason=deactivated",
        ";reason=probation;retry-after=1",
    ] {
        let (mut world, first) = active();
        end(&mut world);
        let state = format!("terminated{reason}");
        let answer = world.notify(&first, &state, "", &[]);
        assert_eq!(answer.map(|answer| answer.status), Some(200), "{reason}");
        assert!(world.ended().is_some(), "{reason}");
        world.pass(s(7200));
        assert!(world.is_quiet(), "{reason}");
    }
}

/// SUB-71: a session that ends while its subscription waits for its next attempt, or for the first answer.
#[test]
fn a_session_that_ends_in_between_leaves_nothing_behind() {
    let (mut world, first) = active();
    let state = "terminated;reason=probation;retry-after=60";
    world.notify(&first, state, "", &[]);
    end(&mut world);
    assert_eq!(world.ended(), Some(EndReason::Unsubscribed));
    world.pass(s(7200));
    assert!(world.is_quiet());

    let mut world = with(|_| {});
    let first = world.sent();
    end(&mut world);
    world.pass(DEFAULT_SESSION_PATIENCE);
    world.respond(&first, 200, &[("Expires", "3600")]);
    assert_eq!(world.sent().get("Expires"), "0");
    world.pass(s(7200));
    assert_eq!(world.ended(), Some(EndReason::Unsubscribed));
    assert!(world.is_quiet());
}

/// SW-15: sessions of one conference share a subscription, which ends with the last of them, also when another one begins
/// in the server's time.
#[test]
fn sessions_of_one_conference_share_a_subscription() {
    let (mut world, _) = active();
    let two = session(2, world.account);
    assert_eq!(begin(&mut world.engine, world.now, &two), world.id);
    // Reported twice: nothing new.
    assert_eq!(begin(&mut world.engine, world.now, &two), world.id);
    end(&mut world);
    world.pass(s(60));
    assert!(world.is_quiet());
    let now = world.now;
    world.engine.handle_session_ended(now, SessionId(2));
    let three = session(3, world.account);
    assert_eq!(begin(&mut world.engine, now, &three), world.id);
    world.pass(s(60));
    assert!(world.is_quiet());
    let now = world.now;
    world.engine.handle_session_ended(now, SessionId(3));
    world.pass(DEFAULT_SESSION_PATIENCE);
    assert_eq!(world.sent().get("Expires"), "0");
    // On its way out it is no one's any more.
    let four = session(4, world.account);
    assert_ne!(begin(&mut world.engine, world.now, &four), world.id);
}

/// SW-15: another account in the same conference, a subscription that the user made himself, and a session that moves:
/// each is apart.
#[test]
fn accounts_and_the_users_own_subscriptions_are_apart() {
    let (mut world, _) = active();
    let settings = AccountSettings::new("sip:carol@example.org");
    let carol = world.engine.add_account(settings, registration());
    let own = world.engine.watch(world.now, world.account, ROOM).unwrap();
    assert!(world.sent().get("From").contains("alice"));
    let hers = begin(&mut world.engine, world.now, &session(2, carol));
    assert!(world.sent().get("From").contains("carol"));
    assert!(own != world.id && hers != world.id && own != hers);
    end(&mut world);
    world.pass(DEFAULT_SESSION_PATIENCE);
    assert_eq!(world.sent().get("Expires"), "0");
    assert!(world.is_quiet(), "the others go on");

    let mut moved = session(2, carol);
    moved.identity = "sip:other@conf.example.org".into();
    let there = begin(&mut world.engine, world.now, &moved);
    assert_ne!(there, hers);
    assert_eq!(world.sent().request.uri, "sip:other@conf.example.org");
    assert_eq!(world.engine.session_watch(SessionId(2)), Some(there));
}

/// OMA-03, OMA-06, SUB-71: the same on a host that owns dialogs.
#[test]
fn a_dialog_host_is_asked_the_same() {
    let mut engine = Engine::new(Capabilities::DIALOG, [1; 32]);
    let account = engine.add_account(
        AccountSettings::new("sip:alice@example.org"),
        registration(),
    );
    let mut session = session(1, account);
    session.group = Some(GROUP.into());
    begin(&mut engine, s(1), &session);
    let Some(Action::Subscribe {
        subscription,
        target,
        ..
    }) = engine.poll_action()
    else {
        panic!("a SUBSCRIBE is due");
    };
    assert_eq!(target, ROOM);
    let response = rollmark_core::message::Response {
        status: 404,
        reason: String::new(),
        headers: Headers::new(),
        body: Vec::new(),
    };
    let fact = rollmark_core::host::Fact::DialogResponse {
        subscription,
        response,
    };
    engine.handle_fact(s(2), fact);
    let next: Vec<_> = core::iter::from_fn(|| engine.poll_action()).collect();
    let asked = next.iter().find_map(|action| match action {
        Action::Subscribe { target, .. } => Some(target.as_str()),
        _ => None,
    });
    assert_eq!(asked, Some(GROUP), "{next:?}");
    assert!(next.contains(&Action::Forget { subscription }), "{next:?}");
}

/// OMA-05: without a Contact there is nothing to ask.
#[test]
fn a_session_without_contact_is_none() {
    let mut engine = Engine::new(Capabilities::TRANSACTION, [1; 32]);
    let account = engine.add_account(
        AccountSettings::new("sip:alice@example.org"),
        registration(),
    );
    let headers = Headers::new();
    assert_eq!(
        ImSession::met(SessionId(1), account, Role::ClientInvited, &headers),
        None
    );
    let bare: Headers = [("m", "<sip:peer@192.0.2.1>")].into_iter().collect();
    let met = ImSession::met(SessionId(1), account, Role::ClientInvited, &bare).unwrap();
    assert_eq!((met.is_focus, met.allows_conference), (Some(false), None));
    assert!(!met.is_conference());
}
