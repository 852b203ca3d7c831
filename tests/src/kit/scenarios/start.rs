//! From the first SUBSCRIBE to the first roster (RFC 6665 §4.1.2.1, §4.1.2.4).

use std::time::Duration;

use super::super::notifier::Asked;
use super::super::{Setup, Stage, digest, document};

/// OMA-01, OMA-13, OMA-16, SUB-01: a roster, somebody comes, somebody goes.
pub(super) fn plain_subscription(stage: &mut Stage) {
    let first = stage.active();
    assert_eq!(
        stage.host.roster(),
        ["sip:bob@example.org", "sip:eve@example.org"]
    );
    stage.notify(
        &first,
        "active;expires=3500",
        &document(2, "partial", &["dan"]),
    );
    stage.told("joined sip:dan@example.org");
    stage.notify(
        &first,
        "active;expires=3400",
        &document(3, "full", &["dan", "eve"]),
    );
    stage.told("left sip:bob@example.org");
    assert_eq!(
        stage.host.roster(),
        ["sip:dan@example.org", "sip:eve@example.org"]
    );
    stage.never("deviation");
    stage.close(Some(&first));
}

/// SUB-21, SUB-24: the NOTIFY that makes the dialog overtakes the response.
pub(super) fn notify_before_the_response(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    stage.notify(
        &first,
        "active;expires=3600",
        &document(1, "full", &["bob"]),
    );
    stage.told("state active");
    stage.told("roster");
    stage.notifier.respond(&first, 200, &[]);
    stage.notify(
        &first,
        "active;expires=3600",
        &document(2, "partial", &["dan"]),
    );
    stage.told("joined sip:dan@example.org");
    assert_eq!(
        stage.host.roster(),
        ["sip:bob@example.org", "sip:dan@example.org"]
    );
    stage.close(Some(&first));
}

/// SUB-10: 423 is followed once, with at least what the server wants.
pub(super) fn interval_too_brief(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    stage
        .notifier
        .respond(&first, 423, &[("Min-Expires", "7200")]);
    let second = stage.asked_anew("the longer SUBSCRIBE");
    assert!(second.expires >= 7200, "{:#?}", second.message);
    stage.notifier.respond(&second, 200, &[]);
    stage.notify(
        &second,
        "active;expires=7200",
        &document(1, "full", &["bob"]),
    );
    stage.told("roster");
    stage.close(Some(&second));
}

/// OMA-31, SUB-17: 403 ends it, and is not asked again.
pub(super) fn forbidden(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    stage.notifier.respond(&first, 403, &[]);
    stage.told("ended forbidden");
    stage.silent(Duration::from_millis(1500));
    stage.close(None);
}

pub(super) fn with_password(setup: &mut Setup) {
    setup.credentials = Some(("alice".into(), "se-cret".into()));
}

fn challenged(stage: &mut Stage, asked: &Asked, nonce: &str) -> Asked {
    let challenge =
        format!("Digest realm=\"example.org\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5");
    stage
        .notifier
        .respond(asked, 401, &[("WWW-Authenticate", &challenge)]);
    let again = stage.asked_anew("the SUBSCRIBE with credentials");
    assert_eq!(again.call_id(), asked.call_id(), "RFC 3261 §8.1.3.5");
    again
}

/// SUB-12: a challenge is answered with the account's password.
pub(super) fn challenge(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    let again = challenged(stage, &first, "one");
    digest::check(&again.message, "alice", "se-cret", "one");
    stage.notifier.respond(&again, 200, &[]);
    stage.notify(
        &again,
        "active;expires=3600",
        &document(1, "full", &["bob"]),
    );
    stage.told("roster");
    stage.close(Some(&again));
}

/// SUB-12: a password that is refused ends it; it is not tried on and on.
pub(super) fn wrong_password(stage: &mut Stage) {
    stage.host.subscribe();
    let mut asked = stage.asked_anew("the first SUBSCRIBE");
    let challenge = "Digest realm=\"example.org\", nonce=\"n\", qop=\"auth\", algorithm=MD5";
    let mut tries = 0;
    loop {
        stage
            .notifier
            .respond(&asked, 401, &[("WWW-Authenticate", challenge)]);
        tries += 1;
        match stage.notifier.poll(Duration::from_millis(1500)) {
            Some(again) => asked = again,
            None => break,
        }
    }
    assert!((2..=3).contains(&tries), "{tries} requests");
    stage.told("ended authentication-failed");
    stage.close(None);
}

/// RFC 6665 §8.3.1: 202 is as good as 200.
pub(super) fn accepted_with_202(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    stage.notifier.respond(&first, 202, &[]);
    stage.notify(
        &first,
        "active;expires=3600",
        &document(1, "full", &["bob"]),
    );
    stage.told("roster");
    stage.close(Some(&first));
}

/// SUB-20, SUB-42: a dead server is given up after Timer N and tried again, in another dialog.
pub(super) fn silence_then_service(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    let again = stage.asked_anew("the next attempt");
    assert_ne!(again.call_id(), first.call_id());
    stage.notifier.respond(&again, 200, &[]);
    stage.notify(
        &again,
        "active;expires=3600",
        &document(1, "full", &["bob"]),
    );
    stage.told("roster");
    stage.close(Some(&again));
}

/// SUB-41, SUB-42: a 2xx without a NOTIFY is no subscription.
pub(super) fn accepted_without_notify(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    stage.notifier.respond(&first, 200, &[]);
    let mut again = stage.asked("the next attempt");
    // A host that owns dialogs may end the useless one first.
    if !again.initial && again.expires == 0 {
        stage.notifier.respond(&again, 481, &[]);
        again = stage.asked("the next attempt");
    }
    assert!(
        again.initial && again.call_id() != first.call_id(),
        "{:#?}",
        again.message
    );
    stage.notifier.respond(&again, 200, &[]);
    stage.notify(
        &again,
        "active;expires=3600",
        &document(1, "full", &["bob"]),
    );
    stage.told("roster");
    stage.close(Some(&again));
}

/// SUB-54: pending, then active, in one dialog.
pub(super) fn pending_first(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    stage.notifier.respond(&first, 202, &[]);
    stage.notify(&first, "pending;expires=3600", "");
    stage.told("state pending");
    stage.notify(
        &first,
        "active;expires=3600",
        &document(1, "full", &["bob"]),
    );
    stage.told("state active");
    stage.told("roster");
    stage.close(Some(&first));
}

/// SUB-68: whoever leaves before there is an answer is out as soon as there is one.
pub(super) fn unsubscribe_before_the_answer(stage: &mut Stage) {
    stage.host.subscribe();
    let first = stage.asked_anew("the first SUBSCRIBE");
    stage.host.unsubscribe();
    stage.notifier.respond(&first, 200, &[]);
    stage.notify(
        &first,
        "active;expires=3600",
        &document(1, "full", &["bob"]),
    );
    stage.see_off(&first);
    stage.told("ended unsubscribed");
    stage.close(None);
}
