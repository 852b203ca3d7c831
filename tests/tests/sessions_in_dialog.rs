//! What happens in an IM session between its INVITE and its BYE, with the other side played message by message (RFC 3261 §12…15,
//! RFC 3311, RFC 4028).

use std::time::Duration;

use rollmark::{Account, Conference, What};
use rollmark_core::profile::{Ims, Plain};
use rollmark_tests::kit::message::{Message, uri_of};
use rollmark_tests::kit::wire::Transport as Wire;
use rollmark_tests::session::PlayedFocus;
use rollmark_tests::watch::Watch;
use rollmark_ua::session::{Caller, Session};
use rollmark_ua::{Settings, Transport, UserAgent};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const ROOM: &str = "sip:room@im.test";
const ALICE: &str = "sip:alice@im.test";
const BOB: &str = "sip:bob@im.test";
const DEADLINE: Duration = Duration::from_secs(20);
const TRANSPORTS: [Wire; 2] = [Wire::Udp, Wire::Tcp];

/// A user agent and the focus that it is in a session with.
struct Stage {
    runtime: Runtime,
    agent: UserAgent,
    focus: PlayedFocus,
}

impl Stage {
    fn new(wire: Wire) -> Self {
        let runtime = Runtime::new().unwrap();
        let focus = PlayedFocus::listen(wire);
        let settings = Settings {
            server: Some(focus.address()),
            transport: match wire {
                Wire::Udp => Transport::Udp,
                Wire::Tcp => Transport::Tcp,
            },
            ca: None,
        };
        let agent = UserAgent::start(settings, Account::new(ALICE));
        Self {
            agent: runtime.block_on(agent).unwrap(),
            runtime,
            focus,
        }
    }

    fn caller(&self) -> Caller {
        Caller {
            identity: ALICE.into(),
            credentials: None,
            registration: self.agent.facts().clone(),
            profile: Box::new(Plain::default()),
        }
    }

    /// Calls; the focus lets the user in with these headers.
    fn call(&mut self, more: &[(&str, &str)]) -> (Session, Message) {
        let caller = self.caller();
        let (runtime, agent, focus) = (&self.runtime, &self.agent, &mut self.focus);
        std::thread::scope(|scope| {
            let join = agent.join(ROOM, &caller, std::future::pending());
            let joined = scope.spawn(|| runtime.block_on(join));
            let ack = focus.let_in(more);
            (joined.join().unwrap().unwrap(), ack)
        })
    }

    fn leave(&self, session: Session) -> JoinHandle<()> {
        self.runtime.spawn(session.leave(DEADLINE))
    }

    fn wait(&self, left: JoinHandle<()>) {
        let left = self
            .runtime
            .block_on(async { tokio::time::timeout(DEADLINE, left).await });
        left.expect("it is over in time").unwrap();
    }
}

fn is_offer(message: &Message) -> bool {
    String::from_utf8_lossy(&message.body).contains("m=message 9 TCP/MSRP *\r\n")
}

/// RFC 3261 §11, §14.2, RFC 3311 §5.2, RFC 4028 §9: the focus refreshes, asks, and proposes what cannot be: each is answered, and
/// the session goes on.
#[test]
fn what_the_focus_asks_in_a_session_is_answered() {
    for wire in TRANSPORTS {
        let mut stage = Stage::new(wire);
        let (mut session, _) = stage.call(&[]);
        let focus = &mut stage.focus;
        let timer = [("Supported", "timer"), ("Session-Expires", "1800")];
        let refresh = focus.offer("INVITE", &timer);
        let answer = focus.ask(&refresh);
        assert_eq!(answer.status(), Some(200));
        assert_eq!(answer.get("Session-Expires"), Some("1800;refresher=uac"));
        assert_eq!(answer.get("Require"), Some("timer"));
        assert!(
            is_offer(&answer) && answer.get("Contact").is_some(),
            "{answer:#?}"
        );
        focus.acknowledge(&refresh);
        // Without an offer it wants ours, which has not changed.
        let bare = focus.in_dialog("INVITE", &[]);
        let ours = focus.ask(&bare);
        assert_eq!((ours.status(), &ours.body), (Some(200), &answer.body));
        assert_eq!(ours.get("Session-Expires"), None);
        focus.acknowledge(&bare);

        let update = focus.in_dialog("UPDATE", &timer);
        let answer = focus.ask(&update);
        assert_eq!((answer.status(), answer.body.len()), (Some(200), 0));
        assert_eq!(answer.get("Session-Expires"), Some("1800;refresher=uac"));
        let options = focus.in_dialog("OPTIONS", &[]);
        let answer = focus.ask(&options);
        assert_eq!(answer.status(), Some(200));
        for (name, word) in [
            ("Allow", "UPDATE"),
            ("Accept", "application/sdp"),
            ("Supported", "timer"),
        ] {
            assert!(
                answer.get(name).unwrap_or_default().contains(word),
                "{answer:#?}"
            );
        }

        let mut audio = focus.offer("INVITE", &[]);
        audio.body = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n".to_vec();
        assert_eq!(focus.ask(&audio).status(), Some(488));
        let info = focus.in_dialog("INFO", &[]);
        let answer = focus.ask(&info);
        assert_eq!(answer.status(), Some(405));
        assert!(
            answer
                .get("Allow")
                .is_some_and(|allow| allow.contains("BYE"))
        );
        let unknown = focus.in_dialog("UPDATE", &[("Require", "timer, x-later")]);
        let answer = focus.ask(&unknown);
        assert_eq!(
            (answer.status(), answer.get("Unsupported")),
            (Some(420), Some("x-later"))
        );
        // One that comes late changes nothing.
        let mut late = focus.in_dialog("UPDATE", &[]);
        for (name, value) in &mut late.headers {
            if name == "CSeq" {
                *value = "1 UPDATE".into();
            }
        }
        assert_eq!(focus.ask(&late).status(), Some(500));

        let bye = focus.in_dialog("BYE", &[]);
        assert_eq!(focus.ask(&bye).status(), Some(200));
        let over = async { tokio::time::timeout(DEADLINE, session.ended()).await };
        stage.runtime.block_on(over).expect("it is over");
    }
}

/// RFC 4028 §7.4, §10, RFC 3311: the refreshing is ours: at half the time, by UPDATE, for longer where the focus wants that; a focus
/// that does not know of the session is sent BYE.
#[test]
fn a_session_is_refreshed_by_update() {
    let mut stage = Stage::new(Wire::Udp);
    let allow = ("Allow", "INVITE, ACK, BYE, UPDATE");
    let (mut session, _) = stage.call(&[("Session-Expires", "2;refresher=uac"), allow]);
    let focus = &mut stage.focus;
    let first = focus.expect("UPDATE");
    assert_eq!(first.get("Session-Expires"), Some("2;refresher=uac"));
    assert_eq!(first.get("Supported"), Some("timer"));
    assert!(
        first.body.is_empty() && first.get("Contact").is_some(),
        "{first:#?}"
    );
    focus.answer(&first, 422, &[("Min-SE", "6")]);
    let second = focus.expect_that("another UPDATE", |m| m.cseq() > first.cseq());
    assert_eq!(second.get("Session-Expires"), Some("6;refresher=uac"));
    focus.answer(&second, 200, &[("Session-Expires", "6;refresher=uac")]);
    let third = focus.expect_that("the next UPDATE", |m| m.cseq() > second.cseq());
    // Not now: it is tried once more before the time is over.
    focus.answer(&third, 500, &[]);
    let fourth = focus.expect_that("one more UPDATE", |m| m.cseq() > third.cseq());
    focus.answer(&fourth, 481, &[]);
    let bye = focus.expect("BYE");
    focus.answer(&bye, 200, &[]);
    let over = async { tokio::time::timeout(DEADLINE, session.ended()).await };
    stage.runtime.block_on(over).expect("it is over");
}

/// RFC 4028 §7.4: where the focus takes no UPDATE the same INVITE is sent again, and its ACK goes where the 2xx says.
#[test]
fn a_session_is_refreshed_by_invite() {
    let mut stage = Stage::new(Wire::Tcp);
    let allow = ("Allow", "INVITE, ACK, BYE");
    let (session, _) = stage.call(&[("Session-Expires", "2;refresher=uac"), allow]);
    let focus = &mut stage.focus;
    let refresh = focus.expect_that("an INVITE", |m| m.first.starts_with("INVITE sip:s1@"));
    assert!(is_offer(&refresh), "{refresh:#?}");
    // Two offers at once.
    let crossing = focus.offer("INVITE", &[]);
    assert_eq!(focus.ask(&crossing).status(), Some(491));
    let elsewhere = focus.contact("s2");
    let expires = ("Session-Expires", "1800;refresher=uas");
    focus.answer(&refresh, 200, &[("Contact", &elsewhere), expires]);
    let ack = focus.expect("ACK");
    assert_eq!(
        (ack.cseq(), ack.uri()),
        (refresh.cseq(), uri_of(&elsewhere))
    );
    let left = stage.leave(session);
    let bye = stage.focus.expect("BYE");
    assert_eq!(bye.uri(), uri_of(&elsewhere));
    stage.focus.answer(&bye, 200, &[]);
    stage.wait(left);
}

/// RFC 4028 §10: a focus that should refresh the session and does not is left.
#[test]
fn a_session_that_nobody_refreshes_is_left() {
    let mut stage = Stage::new(Wire::Udp);
    let (mut session, _) = stage.call(&[("Session-Expires", "1800;refresher=uas")]);
    let refresh = [
        ("Supported", "timer"),
        ("Session-Expires", "1;refresher=uac"),
    ];
    let update = stage.focus.in_dialog("UPDATE", &refresh);
    assert_eq!(stage.focus.ask(&update).status(), Some(200));
    let bye = stage.focus.expect("BYE");
    stage.focus.answer(&bye, 200, &[]);
    let over = async { tokio::time::timeout(DEADLINE, session.ended()).await };
    stage.runtime.block_on(over).expect("it is over");
}

/// RFC 3261 §15.1.2: both hang up at the same time: each BYE is answered, and the session is over.
#[test]
fn a_bye_crosses_ours() {
    for wire in TRANSPORTS {
        let mut stage = Stage::new(wire);
        let (session, _) = stage.call(&[]);
        let left = stage.leave(session);
        let ours = stage.focus.expect("BYE");
        let update = stage.focus.in_dialog("UPDATE", &[]);
        assert_eq!(stage.focus.ask(&update).status(), Some(481));
        let theirs = stage.focus.in_dialog("BYE", &[]);
        assert_eq!(stage.focus.ask(&theirs).status(), Some(200));
        stage.focus.answer(&ours, 481, &[]);
        stage.wait(left);
    }
}

/// RFC 3261 §12.2.1.1, §16.12.1.2: the proxy before the focus is a strict router.
#[test]
fn a_strict_router_is_on_the_way() {
    let mut stage = Stage::new(Wire::Udp);
    let router = format!("sip:{}", stage.focus.address());
    let routes = format!("<sip:192.0.2.7;lr>, <{router}>");
    let (session, ack) = stage.call(&[("Record-Route", &routes)]);
    let focus = uri_of(&stage.focus.contact("s1")).to_owned();
    let left = stage.leave(session);
    let bye = stage.focus.expect("BYE");
    for request in [&ack, &bye] {
        assert_eq!(request.uri(), router);
        let routes: Vec<_> = request.all("Route").collect();
        assert_eq!(routes, ["<sip:192.0.2.7;lr>", &format!("<{focus}>")]);
    }
    stage.focus.answer(&bye, 200, &[]);
    stage.wait(left);
}

async fn roster(conference: &mut Conference) -> Vec<String> {
    let rows = async {
        loop {
            let event = conference.next().await.expect("it goes on");
            if let What::Roster(rows) = event.what {
                return rows;
            }
        }
    };
    let rows = tokio::time::timeout(DEADLINE, rows)
        .await
        .expect("a roster in time");
    rows.iter()
        .map(|row| row.user.entity().to_owned())
        .collect()
}

/// IMS-47, RFC 3261 §13.3.1.4: the user is called, and subscribes before the ACK or after it: both lead to the roster and to a session
/// that goes on.
#[test]
fn a_subscription_may_overtake_the_ack() {
    for ack_first in [true, false] {
        let mut stage = Stage::new(Wire::Udp);
        let mut invitations = stage.agent.invitations(stage.caller());
        let target = stage
            .runtime
            .block_on(stage.agent.contact("alice"))
            .unwrap();
        let timer = [
            ("Supported", "timer"),
            ("Session-Expires", "1800;refresher=uac"),
        ];
        let answer = stage.focus.call(&target, &timer);
        assert_eq!(answer.status(), Some(200), "{answer:#?}");
        assert_eq!(answer.get("Session-Expires"), Some("1800;refresher=uac"));
        let session = stage.runtime.block_on(invitations.recv()).unwrap();
        if ack_first {
            stage.focus.acknowledge_call();
        }
        let met = rollmark::Session::met(session.role(), session.headers()).unwrap();
        let started = stage.agent.conferences.session_started(met);
        let mut conference = stage.runtime.block_on(started).unwrap().unwrap();
        let subscribe = stage.focus.expect("SUBSCRIBE");
        assert_eq!(subscribe.uri(), uri_of(&stage.focus.contact("s1")));
        stage
            .focus
            .accept(&subscribe, "active;expires=600", 1, &[BOB, ALICE]);
        assert_eq!(
            stage.runtime.block_on(roster(&mut conference)),
            [BOB, ALICE]
        );
        if !ack_first {
            // The 200 comes again until then.
            let again = |m: &Message| m.status() == Some(200) && m.get("CSeq") == Some("1 INVITE");
            stage.focus.expect_that("the 200 again", again);
            stage.focus.acknowledge_call();
        }
        let options = stage.focus.in_dialog("OPTIONS", &[]);
        assert_eq!(stage.focus.ask(&options).status(), Some(200));
        let left = stage.leave(session);
        let bye = stage.focus.expect("BYE");
        stage.focus.answer(&bye, 200, &[]);
        stage.wait(left);
    }
}

/// IMS-35: two identities take calls: an IMS core says by P-Called-Party-ID which was called; elsewhere that is not heard, and To
/// decides.
#[test]
fn the_identity_that_was_called_has_the_session() {
    const ERIN: &str = "sip:erin@im.test";
    for ims in [true, false] {
        let mut stage = Stage::new(Wire::Udp);
        let caller = |identity: &str| Caller {
            identity: identity.into(),
            profile: match ims {
                true => Box::new(Ims::default()),
                false => Box::new(Plain::default()),
            },
            ..stage.caller()
        };
        let mut of_erin = stage.agent.invitations(caller(ERIN));
        let mut of_alice = stage.agent.invitations(caller(ALICE));
        let target = stage.runtime.block_on(stage.agent.contact("x")).unwrap();
        let called = format!("<{ERIN};x=y>");
        let answer = stage.focus.call(&target, &[("P-Called-Party-ID", &called)]);
        assert_eq!(answer.status(), Some(200), "{answer:#?}");
        stage.focus.acknowledge_call();
        assert_eq!(
            (of_erin.try_recv().is_ok(), of_alice.try_recv().is_ok()),
            (ims, !ims)
        );
        // Nobody holds it any more.
        let bye = stage.focus.expect("BYE");
        stage.focus.answer(&bye, 200, &[]);
    }
}

/// RFC 3261 §8.2.2.3: an option that is not known here, and a call without messages.
#[test]
fn a_call_that_cannot_be_taken_is_refused() {
    for (more, status, header) in [
        (("Require", "100rel"), 420, ("Unsupported", "100rel")),
        (("Contact", "<tel:+15550100>"), 400, ("CSeq", "1 INVITE")),
    ] {
        let mut stage = Stage::new(Wire::Udp);
        let _invitations = stage.agent.invitations(stage.caller());
        let target = stage
            .runtime
            .block_on(stage.agent.contact("alice"))
            .unwrap();
        let answer = stage.focus.call(&target, &[more]);
        assert_eq!(answer.status(), Some(status), "{answer:#?}");
        assert_eq!(answer.get(header.0), Some(header.1));
    }
}

/// OMA-05, RFC 4579 §5.2: the focus moves in mid-session: what is watched is its new session identity, and the old subscription ends.
#[test]
fn the_subscription_follows_a_focus_that_moves() {
    for wire in TRANSPORTS {
        let mut focus = PlayedFocus::listen(wire);
        let server = focus.address();
        let transport = match wire {
            Wire::Udp => "udp",
            Wire::Tcp => "tcp",
        };
        let args = [
            "watch",
            ROOM,
            "--as",
            ALICE,
            "--server",
            &server,
            "--transport",
            transport,
            "--join",
        ];
        let mut watch = Watch::start(&args);
        focus.let_in(&[]);
        let first = focus.expect("SUBSCRIBE");
        assert_eq!(first.uri(), uri_of(&focus.contact("s1")));
        focus.accept(&first, "active;expires=600", 1, &[BOB]);
        watch.wait_for("the first roster", |e| e["event"] == "roster");

        let elsewhere = focus.contact("s2");
        let update = focus.in_dialog("UPDATE", &[("Contact", &elsewhere)]);
        assert_eq!(focus.ask(&update).status(), Some(200));
        let second = focus.expect_that("the other SUBSCRIBE", |m| {
            m.method() == "SUBSCRIBE" && m.uri() == uri_of(&elsewhere)
        });
        focus.accept(&second, "active;expires=600", 1, &[BOB, ALICE]);
        let moved = watch.wait_for("the roster there", |e| {
            e["event"] == "roster" && e["users"].as_array().is_some_and(|users| users.len() == 2)
        });
        assert_eq!(moved["conference"], uri_of(&elsewhere), "{moved:#}");
        let is_end = |m: &Message, of: &Message| {
            m.method() == "SUBSCRIBE"
                && m.get("Expires") == Some("0")
                && m.get("Call-ID") == of.get("Call-ID")
        };
        let end = focus.expect_that("the end of the first", |m| is_end(m, &first));
        focus.accept(&end, "terminated;reason=timeout", 2, &[BOB]);

        watch.interrupt();
        // Both at once, in whatever order.
        let (mut bye, mut end) = (false, false);
        while !(bye && end) {
            let next = focus.expect_that("the end", |m| m.method() == "BYE" || is_end(m, &second));
            if next.method() == "BYE" {
                assert_eq!(next.uri(), uri_of(&elsewhere));
                focus.answer(&next, 200, &[]);
                bye = true;
            } else {
                focus.accept(&next, "terminated;reason=timeout", 2, &[BOB]);
                end = true;
            }
        }
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(0), "{outcome:#?}");
        assert_eq!(outcome.ended_reason(), "unsubscribed");
    }
}
