//! How a NOTIFY is matched, ordered, answered and taken (RFC 6665 §4.1.3, §4.4.1).

use std::time::Duration;

use rollmark_core::subscription::Shown;
use rollmark_tests::world::stage::{Notify, ROOM, Stage, full, partial};

const U1: &str = "sip:user1@example.org";
const U2: &str = "sip:user2@example.org";
const U3: &str = "sip:user3@example.org";

/// SUB-21, OMA-13: a NOTIFY that is there before the response counts at once, and the response after it as well.
#[test]
fn a_notify_before_the_response_is_taken_at_once() {
    let mut stage = Stage::new();
    let first = stage.expect();
    assert_eq!(stage.notify(Notify::of(&first, &full(1, &[1]))), 200);
    assert_eq!(stage.shown(), Shown::Active);
    assert_eq!(stage.users(), [U1]);
    stage.pass_secs(1);
    stage.respond(&first, 200, &[("Expires", "3600")]);
    assert_eq!(stage.notify(Notify::of(&first, &partial(2, &[2]))), 200);
    assert_eq!(stage.users(), [U1, U2]);
    stage.wake();
    assert!(!stage.expect().is_initial());
}

/// SUB-22, SUB-23, SUB-27, SUB-28, SEC-01: Call-ID, our tag and Event, byte by byte; each varied alone.
#[test]
fn a_notify_matches_by_call_id_tag_and_event() {
    type Change = fn(Notify) -> Notify;
    let rows: [(Change, u16, u16); 9] = [
        (|n| n, 200, 200),
        (|n| n.with("Event", "conference;max-rate=1"), 200, 200),
        (|n| n.with("Call-ID", "another"), 481, 481),
        (
            |n| n.with("To", "<sip:alice@example.org>;tag=guess"),
            481,
            481,
        ),
        (|n| n.with("To", "<sip:alice@example.org>"), 481, 481),
        (|n| n.with("Event", "Conference"), 481, 489),
        (|n| n.with("Event", "presence"), 481, 489),
        (|n| n.with("Event", "conference;id=1"), 481, 481),
        (|n| n.without("Event"), 481, 489),
    ];
    for (number, (change, before, after)) in rows.into_iter().enumerate() {
        let mut stage = Stage::new();
        let first = stage.expect();
        let status = stage.notify(change(Notify::of(&first, &full(1, &[1]))));
        assert_eq!(status, before, "row {number}, no dialog yet");
        assert_eq!(
            stage.users().len(),
            usize::from(before == 200),
            "row {number}"
        );

        let (mut stage, first) = Stage::active();
        let status = stage.notify(change(Notify::of(&first, &full(2, &[3]))));
        assert_eq!(status, after, "row {number}, in the dialog");
        let expected: &[&str] = if after == 200 { &[U3] } else { &[U1, U2] };
        assert_eq!(stage.users(), expected, "row {number}");
        assert_eq!(stage.shown(), Shown::Active);
    }
}

/// SUB-24: route set in the order of the NOTIFY, target of the NOTIFY, whatever the 2xx said.
#[test]
fn route_set_and_target_come_from_the_notify() {
    let mut stage = Stage::new();
    let first = stage.expect();
    let other = [
        ("Record-Route", "<sip:x@192.0.2.77;lr>"),
        ("Contact", "<sip:old@192.0.2.78>"),
    ];
    stage.respond(&first, 200, &other);
    let notify = Notify::of(&first, &full(1, &[1]))
        .and(
            "Record-Route",
            "<sip:p1@192.0.2.11;lr>, <sip:p2@192.0.2.12;lr>",
        )
        .and("Record-Route", "<sip:p3@192.0.2.13;lr>");
    assert_eq!(stage.notify(notify), 200);
    stage.wake();
    let refresh = stage.expect();
    let routes = [
        "<sip:p1@192.0.2.11;lr>",
        "<sip:p2@192.0.2.12;lr>",
        "<sip:p3@192.0.2.13;lr>",
    ];
    assert_eq!(refresh.routes(), routes);
    assert_eq!(refresh.request.uri, "sip:focus@198.51.100.7:5070");
    assert_eq!(refresh.next_hop, "sip:p1@192.0.2.11;lr");
}

/// SUB-25: a 2xx alone makes a dialog for the time being, its Record-Route reversed; it is confirmed by the NOTIFY.
#[test]
fn a_2xx_alone_makes_a_provisional_dialog() {
    let mut stage = Stage::new();
    let first = stage.expect();
    let routes = [
        ("Record-Route", "<sip:p1@192.0.2.11;lr>"),
        ("Record-Route", "<sip:p2@192.0.2.12;lr>"),
        ("Expires", "3600"),
    ];
    stage.respond(&first, 200, &routes);
    stage.unsubscribe();
    let last = stage.expect();
    assert_eq!(last.get("To"), format!("<{ROOM}>;tag=focus"));
    assert_eq!(
        last.routes(),
        ["<sip:p2@192.0.2.12;lr>", "<sip:p1@192.0.2.11;lr>"]
    );
    assert_eq!(last.get("Expires"), "0");
}

/// SUB-26: `terminated` as the first NOTIFY makes no dialog, and its body is shown.
#[test]
fn a_first_notify_may_be_the_last() {
    let mut stage = Stage::new();
    let first = stage.expect();
    stage.respond(&first, 200, &[("Expires", "3600")]);
    let notify = Notify::of(&first, &full(1, &[1])).state("terminated;reason=noresource");
    assert_eq!(stage.notify(notify), 200);
    assert_eq!(stage.users(), [U1]);
    assert_eq!(stage.told().last().unwrap(), "ended noresource");
    assert_eq!(stage.notify(Notify::of(&first, &full(2, &[2]))), 481);
    assert!(stage.sent().is_none());
}

/// SUB-29: without Subscription-State it is refused, and nothing of it counts.
#[test]
fn a_notify_without_state_is_refused() {
    let (mut stage, first) = Stage::active();
    let notify = Notify::of(&first, &full(2, &[3])).without("Subscription-State");
    assert_eq!(stage.notify(notify), 400);
    assert_eq!(stage.users(), [U1, U2]);
    assert_eq!(stage.told(), ["deviation notify-without-state"]);
}

/// SUB-30: what is older than what was taken is refused; a number may be left out.
#[test]
fn an_older_notify_is_refused_and_gaps_are_fine() {
    let (mut stage, first) = Stage::active();
    let at = |cseq: &str, body: String| Notify::of(&first, &body).with("CSeq", cseq);
    assert_eq!(stage.notify(at("9 NOTIFY", partial(2, &[3]))), 200);
    assert_eq!(stage.notify(at("8 NOTIFY", full(3, &[1]))), 500);
    assert_eq!(stage.users(), [U1, U2, U3]);
    assert_eq!(stage.notify(at("10 NOTIFY", full(3, &[1]))), 200);
    assert_eq!(stage.users(), [U1]);
}

/// SUB-31: the same NOTIFY once more gets the same answer and is taken once.
#[test]
fn a_repeated_notify_is_taken_once() {
    let (mut stage, first) = Stage::active();
    for (cseq, notify, status) in [
        ("5 NOTIFY", Notify::of(&first, &partial(2, &[3])), 200),
        (
            "6 NOTIFY",
            Notify::of(&first, "text").with("Content-Type", "text/plain"),
            415,
        ),
    ] {
        assert_eq!(stage.notify(notify.clone().with("CSeq", cseq)), status);
        stage.told();
        assert_eq!(stage.notify(notify.with("CSeq", cseq)), status);
        assert_eq!(stage.told(), Vec::<String>::new());
    }
    assert_eq!(stage.users().len(), 3);
    // By its number it is known, not by what is in it.
    let again = Notify::of(&first, &partial(3, &[4])).with("CSeq", "6 NOTIFY");
    assert_eq!(stage.notify(again), 415);
    assert_eq!(stage.users().len(), 3);
}

/// SUB-32, SEC-19: the answer is there before anybody looks at an event; nothing waits for anybody.
#[test]
fn an_answer_waits_for_nobody() {
    let mut stage = Stage::new();
    let first = stage.expect();
    // The user looks at nothing, the block list never comes.
    stage.on(|engine, _, _| {
        let account = rollmark_core::engine::Engine::watches(engine);
        assert_eq!(account.len(), 1);
    });
    for version in 1..200 {
        let answer = stage.notify(Notify::of(&first, &full(version, &[(version % 7) as u8])));
        assert_eq!(answer, 200);
    }
}

/// SUB-34: a type or encoding that was not asked for is refused with what would do; the subscription stays.
#[test]
fn a_body_that_was_not_asked_for_is_refused_with_what_would_do() {
    let (mut stage, first) = Stage::active();
    let text = Notify::of(&first, "bob").with("Content-Type", "text/plain");
    let answer = stage.answer(text).unwrap();
    assert_eq!(answer.status, 415);
    assert_eq!(
        answer.headers.get("Accept"),
        Some("application/conference-info+xml")
    );
    let zipped = Notify::of(&first, &full(2, &[3])).with("Content-Encoding", "gzip");
    let answer = stage.answer(zipped).unwrap();
    assert_eq!(answer.status, 415);
    assert_eq!(answer.headers.get("Accept-Encoding"), Some("identity"));
    assert_eq!(stage.shown(), Shown::Active);
    assert_eq!(stage.users(), [U1, U2]);
    assert_eq!(stage.told(), ["deviation wrong-content-type"]);
}

/// SUB-35: case and parameters of the type do not matter, and a multipart body is searched.
#[test]
fn the_type_is_found_in_any_spelling_and_in_parts() {
    for media in [
        "Application/Conference-Info+XML",
        "application/conference-info+xml;charset=\"utf-8\"",
        "application/conference-info+xml ; charset=UTF-8",
    ] {
        let (mut stage, first) = Stage::active();
        let notify = Notify::of(&first, &full(2, &[3])).with("Content-Type", media);
        assert_eq!(stage.notify(notify), 200, "{media}");
        assert_eq!(stage.users(), [U3], "{media}");
    }
    let (mut stage, first) = Stage::active();
    let body = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/conference-info+xml\r\n\r\n{}\r\n--b--\r\n",
        full(2, &[3])
    );
    let notify = Notify::of(&first, &body).with("Content-Type", "multipart/mixed;boundary=\"b\"");
    assert_eq!(stage.notify(notify), 200);
    assert_eq!(stage.users(), [U3]);
}

/// SUB-36: without a body the state still counts, and the roster stays.
#[test]
fn an_empty_body_changes_the_state_alone() {
    let (mut stage, first) = Stage::active();
    assert_eq!(stage.notify(Notify::of(&first, "").state("pending")), 200);
    assert_eq!(stage.shown(), Shown::Pending);
    assert_eq!(stage.users(), [U1, U2]);
}

/// SUB-37, SUB-70: what is no XML is answered with 200 and asked for again: once, for the life as it is.
#[test]
fn a_malformed_body_draws_one_refresh() {
    let (mut stage, first) = Stage::active();
    for _ in 0..5 {
        assert_eq!(stage.notify(Notify::of(&first, "<conference-info")), 200);
    }
    let refresh = stage.expect();
    assert!(!refresh.is_initial() && refresh.get("Expires") != "0");
    assert!(stage.sent().is_none(), "once");
    assert_eq!(stage.users(), [U1, U2]);
    stage.respond(&refresh, 200, &[("Expires", "3600")]);
    stage.notify(Notify::of(&first, &full(7, &[3])));
    assert_eq!(stage.users(), [U3]);
    let told = stage.told();
    let bad = told
        .iter()
        .filter(|told| *told == "deviation malformed-body");
    assert_eq!(bad.count(), 1, "{told:?}");
}

/// SUB-38, SUB-39: of forks the first is ours; another one gets 481, and its 2xx only ends the request.
#[test]
fn one_fork_is_ours_and_the_others_are_not() {
    let mut stage = Stage::new();
    let first = stage.expect();
    assert_eq!(stage.notify(Notify::of(&first, &full(1, &[1]))), 200);
    let fork = Notify::of(&first, &full(1, &[2])).with("From", "<sip:room@example.org>;tag=fork");
    assert_eq!(stage.notify(fork.clone()), 481);
    let theirs = [
        ("To", "<sip:room@example.org>;tag=fork"),
        ("Contact", "<sip:fork@192.0.2.66>"),
        ("Record-Route", "<sip:fork@192.0.2.67;lr>"),
        ("Expires", "3600"),
    ];
    stage.respond(&first, 200, &theirs);
    assert_eq!(stage.notify(fork), 481);
    assert_eq!(stage.users(), [U1]);
    stage.wake();
    let refresh = stage.expect();
    assert_eq!(refresh.get("To"), format!("<{ROOM}>;tag=focus"));
    assert_eq!(refresh.request.uri, "sip:focus@198.51.100.7:5070");
    assert!(refresh.routes().is_empty());
}

/// SUB-40: a CANCEL is answered and changes nothing, in no state, and none is ever sent.
#[test]
fn a_cancel_changes_nothing_and_none_is_sent() {
    let mut stage = Stage::new();
    let first = stage.expect();
    let answer = stage.request("CANCEL", Notify::of(&first, ""));
    assert_eq!(answer.map(|answer| answer.status), Some(200));
    stage.unsubscribe();
    assert!(
        stage.sent().is_none(),
        "no CANCEL for a request under way (SUB-68)"
    );
    let (mut stage, first) = Stage::active();
    stage.request("CANCEL", Notify::of(&first, ""));
    assert_eq!((stage.shown(), stage.users().len()), (Shown::Active, 2));
}

/// SUB-52: whatever names a new Contact in the dialog moves the target.
#[test]
fn the_target_follows_the_newest_contact() {
    let (mut stage, first) = Stage::active();
    let moved = Notify::of(&first, "").with("Contact", "<sip:focus@198.51.100.7:6060>");
    stage.notify(moved);
    stage.wake();
    let refresh = stage.expect();
    assert_eq!(refresh.request.uri, "sip:focus@198.51.100.7:6060");
    let contact = ("Contact", "<sip:focus@198.51.100.8>");
    stage.respond(&refresh, 200, &[contact, ("Expires", "3600")]);
    stage.unsubscribe();
    assert_eq!(stage.expect().request.uri, "sip:focus@198.51.100.8");
}

/// SUB-74: a hundred in a second, then nothing for an hour: all are taken, none is missed.
#[test]
fn bursts_and_silence_are_both_fine() {
    let (mut stage, first) = Stage::active();
    for version in 2..102 {
        stage.now += Duration::from_millis(10);
        let notify = Notify::of(&first, &partial(version, &[(version % 50) as u8 + 3]));
        assert_eq!(stage.notify(notify), 200);
    }
    assert_eq!(stage.users().len(), 52);
    assert!(stage.sent().is_none());
    stage.pass_secs(2900);
    assert_eq!(stage.shown(), Shown::Active);
}
