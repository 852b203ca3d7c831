//! The user leaves, or the softphone is closed (RFC 6665 §4.1.2.3, SW-13).

use super::super::{Stage, document};

/// OMA-18, OMA-19, SUB-66: the last NOTIFY is taken, with the roster it brings.
pub(super) fn unsubscribe_with_final_roster(stage: &mut Stage) {
    let first = stage.active();
    stage.host.unsubscribe();
    let last = stage.asked_within(&first, "Expires: 0");
    assert_eq!(last.expires, 0, "{:#?}", last.message);
    stage.notifier.respond(&last, 200, &[]);
    stage.notify_last(&first, &document(2, "full", &["bob"]));
    stage.told("left sip:eve@example.org");
    stage.told("ended unsubscribed");
    stage.close(None);
}

/// SUB-66: the last NOTIFY may be empty.
pub(super) fn unsubscribe_with_empty_final_notify(stage: &mut Stage) {
    let first = stage.active();
    stage.host.unsubscribe();
    stage.see_off(&first);
    stage.told("ended unsubscribed");
    stage.never("left");
    stage.close(None);
}

/// SUB-66: without the last NOTIFY it ends after Timer N.
pub(super) fn unsubscribe_without_final_notify(stage: &mut Stage) {
    let first = stage.active();
    stage.host.unsubscribe();
    let last = stage.asked_within(&first, "Expires: 0");
    stage.notifier.respond(&last, 200, &[]);
    stage.told("ended unsubscribed");
    assert_eq!(stage.count("ended"), 1);
    stage.close(None);
}

/// SUB-67: the server does not know us any more: that is an end, too.
pub(super) fn unsubscribe_answered_481(stage: &mut Stage) {
    let first = stage.active();
    stage.host.unsubscribe();
    let last = stage.asked_within(&first, "Expires: 0");
    stage.notifier.respond(&last, 481, &[]);
    stage.told("ended unsubscribed");
    stage.close(None);
}

/// SW-13: closing the softphone ends the subscription properly.
pub(super) fn stop_while_subscribed(stage: &mut Stage) {
    let first = stage.active();
    stage.host.stop();
    stage.see_off(&first);
    stage.told("ended unsubscribed");
    stage.gone();
}

/// SW-13: a server that is dead holds up the closing for a bounded time only.
pub(super) fn stop_with_a_dead_server(stage: &mut Stage) {
    let first = stage.active();
    stage.host.stop();
    let last = stage.asked_within(&first, "Expires: 0");
    assert_eq!(last.expires, 0, "{:#?}", last.message);
    stage.told("ended unsubscribed");
    stage.gone();
}

/// SW-13: where nothing is subscribed, closing takes no time and sends nothing.
pub(super) fn stop_while_waiting(stage: &mut Stage) {
    let first = stage.active();
    stage.notify(&first, "terminated;reason=probation;retry-after=3000", "");
    stage.told("state terminated");
    stage.host.stop();
    stage.told("ended unsubscribed");
    stage.gone();
    stage.silent(std::time::Duration::from_millis(500));
}
