//! The server ends a subscription: each reason has a rule of its own (RFC 6665 §4.1.3, SUB-56…64).

use std::time::{Duration, Instant};

use super::super::{Stage, document};

/// It is subscribed to again, in another dialog, and nobody seems to come or go.
fn again(stage: &mut Stage, state: &str, word: &str) {
    let first = stage.active();
    let before = Instant::now();
    stage.notify(&first, state, "");
    let told = stage.told("state");
    assert!(told.contains(word), "{told:?}");
    let again = stage.asked_anew("the new subscription");
    if state.contains("retry-after") && stage.host.is_real() {
        let waited = before.elapsed();
        assert!(waited >= Duration::from_secs(1), "too early: {waited:?}");
    }
    assert_ne!(again.call_id(), first.call_id());
    stage.notifier.respond(&again, 200, &[]);
    stage.notify(
        &again,
        "active;expires=3600",
        &document(0, "full", &["bob", "eve"]),
    );
    stage.told("state active");
    stage.notify(
        &again,
        "active;expires=3600",
        &document(1, "partial", &["dan"]),
    );
    stage.told("joined sip:dan@example.org");
    stage.never("left");
    stage.close(Some(&again));
}

/// It is over, and not asked for again.
fn over(stage: &mut Stage, reason: &str) {
    let first = stage.active();
    stage.notify(&first, &format!("terminated;reason={reason}"), "");
    stage.told(&format!("ended {reason}"));
    stage.silent(Duration::from_millis(1500));
    stage.close(None);
}

/// SUB-56: at once.
pub(super) fn deactivated(stage: &mut Stage) {
    again(stage, "terminated;reason=deactivated", "deactivated");
}

/// SUB-59: at once.
pub(super) fn timeout(stage: &mut Stage) {
    again(stage, "terminated;reason=timeout", "timeout");
}

/// SUB-57: after Retry-After.
pub(super) fn probation(stage: &mut Stage) {
    again(
        stage,
        "terminated;reason=probation;retry-after=1",
        "probation",
    );
}

/// SUB-60: after Retry-After.
pub(super) fn giveup(stage: &mut Stage) {
    again(stage, "terminated;reason=giveup;retry-after=1", "giveup");
}

/// SUB-58: never.
pub(super) fn rejected(stage: &mut Stage) {
    over(stage, "rejected");
}

/// SUB-61: never.
pub(super) fn noresource(stage: &mut Stage) {
    over(stage, "noresource");
}

/// SUB-62: never; what was told is final.
pub(super) fn invariant(stage: &mut Stage) {
    over(stage, "invariant");
}

/// SUB-63, SUB-64: an unknown reason is retried after Retry-After.
pub(super) fn unknown(stage: &mut Stage) {
    again(
        stage,
        "terminated;reason=full-moon;retry-after=1",
        "terminated",
    );
}
