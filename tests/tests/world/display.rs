//! What the user sees: roster, marks, several conferences (OMA-14…17, SW-11…18).

use rollmark_core::account::AccountSettings;
use rollmark_core::blocklist::{SourceState, Update, plain};
use rollmark_core::engine::What;
use rollmark_core::host::{Action, Capabilities, Fact, HostKind};
use rollmark_core::message::{Headers, Response};
use rollmark_core::subscription::Shown;
use rollmark_tests::world::notifier::entity;
use rollmark_tests::world::stage::{FOCUS, Notify, ROOM, Stage, full, partial};

fn list(text: &str) -> Update {
    Update {
        state: SourceState::Fresh,
        list: Some(plain::parse(text)),
        etag: None,
    }
}

fn marks(stage: &Stage) -> Vec<String> {
    let roster = stage.engine.roster(stage.watch).unwrap();
    roster
        .rows()
        .map(|row| row.mark.as_str().to_string())
        .collect()
}

/// OMA-14…17, SW-16, SW-18: two lists, before or after the roster, before or after a join: the same marks, and an event for
/// whoever was there already.
#[test]
fn every_order_of_lists_and_documents_ends_the_same() {
    let steps: [fn(&mut Stage, &Notify); 4] = [
        |stage, _| {
            let account = stage.account;
            stage.on(|engine, _, _| engine.handle_block_list(account, "file", list(&entity(1))));
        },
        |stage, _| {
            let account = stage.account;
            stage.on(|engine, _, _| engine.handle_block_list(account, "xdms", list(&entity(3))));
        },
        |stage, first| {
            assert_eq!(stage.notify(first.clone()), 200);
        },
        |_, _| {},
    ];
    for order in [
        [0, 1, 2, 3],
        [2, 0, 1, 3],
        [0, 2, 1, 3],
        [2, 1, 0, 3],
        [1, 2, 0, 3],
        [1, 0, 2, 3],
    ] {
        let mut stage = Stage::with(|settings| {
            settings.sources = vec!["file".into(), "xdms".into()];
        });
        let sent = stage.expect();
        stage.respond(&sent, 200, &[("Expires", "3600")]);
        let notify = Notify::of(&sent, &full(1, &[1, 2]));
        for step in order {
            steps[step](&mut stage, &notify);
        }
        assert_eq!(stage.notify(Notify::of(&sent, &partial(2, &[3]))), 200);
        assert_eq!(marks(&stage), ["blocked", "clear", "blocked"], "{order:?}");
        let told = stage.told();
        let expected = [
            format!("blocked {}", entity(1)),
            format!("joined {}", entity(3)),
        ];
        let there = told.contains(&expected[0]) || told.contains(&"roster 2".to_string());
        assert!(there && told.contains(&expected[1]), "{order:?} {told:?}");
        // SEC-15: nobody else learns of it.
        assert!(stage.sent().is_none());
    }
}

/// SW-17: blocked, clear, unknown while no list is there, and self.
#[test]
fn every_user_has_one_of_four_marks() {
    let mut stage = Stage::with(|settings| {
        settings.also = vec![entity(2)];
        settings.sources = vec!["file".into()];
    });
    let sent = stage.expect();
    stage.notify(Notify::of(&sent, &full(1, &[1, 2, 3])));
    assert_eq!(marks(&stage), ["unknown", "self", "unknown"]);
    let account = stage.account;
    let both = format!("{}\n{}", entity(1), entity(2));
    stage.on(|engine, _, _| engine.handle_block_list(account, "file", list(&both)));
    assert_eq!(marks(&stage), ["blocked", "self", "clear"]);
}

/// SW-15: two accounts in one conference, and one account in two: dialogs, rosters and lists are each one's own.
#[test]
fn accounts_and_conferences_are_kept_apart() {
    let (mut stage, first) = Stage::active();
    let other = stage.on(|engine, now, _| {
        let account = engine.add_account(
            AccountSettings::new("sip:bob@example.org"),
            rollmark_core::registration::Registration {
                contact: "sip:bob@192.0.2.9".into(),
                ..Default::default()
            },
        );
        engine.handle_block_list(account, "file", list(&entity(1)));
        engine.watch(now, account, ROOM).unwrap()
    });
    let theirs = stage.expect();
    assert!(theirs.get("From").starts_with("<sip:bob@"));
    assert!(theirs.get("Contact").contains("sip:bob@192.0.2.9"));
    let account = stage.account;
    let third =
        stage.on(|engine, now, _| engine.watch(now, account, "sip:other@example.org").unwrap());
    let second = stage.expect();
    for (sent, users) in [(&theirs, &[1, 2, 3][..]), (&second, &[9])] {
        stage.respond(sent, 200, &[("Expires", "3600")]);
        let notify = Notify::of(sent, &full(1, users)).with("CSeq", "1 NOTIFY");
        assert_eq!(stage.notify(notify), 200);
    }
    let count = |stage: &Stage, id| stage.engine.roster(id).unwrap().rows().count();
    assert_eq!(count(&stage, stage.watch), 2);
    assert_eq!((count(&stage, other), count(&stage, third)), (3, 1));
    assert_eq!(
        marks(&stage),
        ["unknown", "unknown"],
        "the list is not ours"
    );
    stage.unsubscribe();
    assert_eq!(stage.expect().get("Call-ID"), first.get("Call-ID"));
    let state = stage.engine.state(other).unwrap();
    assert_eq!(state.shown, Shown::Active);
}

/// CONF-11, CONF-12, OMA-39: after a loss the roster stays and is compared with the new one, whose versions begin anew.
#[test]
fn nobody_seems_to_come_or_go_while_a_subscription_is_replaced() {
    let (mut stage, first) = Stage::active();
    stage.notify(Notify::of(&first, &partial(2, &[3])));
    stage.told();
    stage.notify(Notify::of(&first, "").state("terminated;reason=deactivated"));
    let again = stage.expect();
    stage.respond(&again, 200, &[("Expires", "3600")]);
    stage.notify(Notify::of(&again, &full(0, &[1, 2, 4])));
    let told = stage.told();
    let people: Vec<_> = told.iter().filter(|told| told.contains("sip:")).collect();
    assert_eq!(
        people,
        [
            &format!("left {}", entity(3)),
            &format!("joined {}", entity(4))
        ]
    );
    assert!(
        !told.iter().any(|told| told.starts_with("roster")),
        "{told:?}"
    );
}

/// SW-11, SW-12: a host that owns its dialogs gives parsed NOTIFYs; one that also refreshes is asked for nothing else, and
/// no timer runs for it.
#[test]
fn hosts_that_own_dialogs_give_notifications_only() {
    for capabilities in [Capabilities::DIALOG, Capabilities::WATCHING] {
        let mut engine = rollmark_core::engine::Engine::new(capabilities, [1; 32]);
        let account = engine.add_account(AccountSettings::new("sip:me@x"), Default::default());
        let now = std::time::Duration::from_secs(1);
        let id = engine.watch(now, account, ROOM).unwrap();
        let Some(Action::Subscribe {
            subscription,
            target,
            ..
        }) = engine.poll_action()
        else {
            panic!("no dialog is asked for");
        };
        assert_eq!(target, ROOM);
        let headers: Headers = [
            ("Event", "conference"),
            ("Subscription-State", "active;expires=600"),
            ("Contact", FOCUS),
            ("Content-Type", "application/conference-info+xml"),
        ]
        .into_iter()
        .collect();
        let response = Response {
            status: 200,
            reason: String::new(),
            headers: Headers::new(),
            body: Vec::new(),
        };
        engine.handle_fact(
            now,
            Fact::DialogResponse {
                subscription,
                response,
            },
        );
        let body = full(1, &[1]);
        let answer = engine.handle_notification(now, subscription, &headers, body.as_bytes());
        assert_eq!(answer.status, 200);
        assert_eq!(engine.roster(id).unwrap().rows().count(), 1);
        let told: Vec<_> = std::iter::from_fn(|| engine.poll_event()).collect();
        assert!(
            told.iter()
                .any(|event| matches!(event.what, What::Roster(_)))
        );
        let timer = engine.poll_timeout().is_some();
        assert_eq!(
            timer,
            capabilities.kind == HostKind::Dialog,
            "{capabilities:?}"
        );
    }
}
