//! A subscription that lives: refreshes, other networks, odd documents, block lists (RFC 6665 §4.1.2.2, RFC 4575 §4.6).

use std::time::Duration;

use super::super::notifier::Body;
use super::super::{PATIENCE, Setup, Stage, document};

/// SUB-47: the subscription is refreshed before it runs out.
pub(super) fn refresh_in_time(stage: &mut Stage) {
    let first = stage.active_for(8);
    for version in 2..4 {
        let refresh = stage.asked_within(&first, "a refresh");
        assert!(refresh.expires > 0, "{:#?}", refresh.message);
        stage.notifier.respond(&refresh, 200, &[("Expires", "8")]);
        stage.notify(
            &first,
            "active;expires=8",
            &document(version, "full", &["bob", "eve"]),
        );
    }
    stage.notify(
        &first,
        "active;expires=3600",
        &document(4, "partial", &["dan"]),
    );
    stage.told("joined sip:dan@example.org");
    stage.never("left");
    stage.never("state stale");
    stage.close(Some(&first));
}

/// SUB-48, SUB-51, CONF-12: the server has forgotten us: a new dialog, and nobody seems to come or go.
pub(super) fn refresh_answered_481(stage: &mut Stage) {
    let first = stage.active_for(8);
    let refresh = stage.asked_within(&first, "a refresh");
    stage.notifier.respond(&refresh, 481, &[]);
    let again = stage.asked_anew("a new subscription");
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
    stage.never("joined sip:bob@example.org");
    stage.close(Some(&again));
}

/// SUB-49: other errors leave the subscription as it is, and it is tried again before it runs out.
pub(super) fn refresh_answered_500(stage: &mut Stage) {
    let first = stage.active_for(12);
    let refresh = stage.asked_within(&first, "a refresh");
    stage.notifier.respond(&refresh, 500, &[]);
    let again = stage.asked_within(&first, "the next try");
    stage.notifier.respond(&again, 200, &[("Expires", "3600")]);
    stage.notify(
        &first,
        "active;expires=3600",
        &document(2, "partial", &["dan"]),
    );
    stage.told("joined sip:dan@example.org");
    stage.never("state stale");
    stage.close(Some(&first));
}

/// SUB-09: after a change of network the server is told where we are, in the same dialog.
pub(super) fn network_change(stage: &mut Stage) {
    let first = stage.active();
    stage.host.network_changed();
    let refresh = stage.asked_within(&first, "a refresh for the new network");
    assert!(refresh.expires > 0, "{:#?}", refresh.message);
    stage.notifier.respond(&refresh, 200, &[]);
    stage.notify(
        &refresh,
        "active;expires=3600",
        &document(2, "full", &["bob", "dan"]),
    );
    stage.told("joined sip:dan@example.org");
    // Once more: the answer to the first may not have been seen by then (SEC-18 bounds how soon the next one comes).
    stage.host.network_changed();
    let refresh = stage.asked_within(&first, "a refresh for the next network");
    stage.notifier.respond(&refresh, 200, &[]);
    stage.notify(
        &refresh,
        "active;expires=3600",
        &document(3, "full", &["bob", "dan"]),
    );
    stage.close(Some(&refresh));
}

/// SUB-09: a connection that is lost is made anew, and the server told.
pub(super) fn lost_connection(stage: &mut Stage) {
    let first = stage.active();
    stage.notifier.hang_up();
    let refresh = stage.asked_within(&first, "a refresh on a new connection");
    stage.notifier.respond(&refresh, 200, &[]);
    stage.notify(
        &refresh,
        "active;expires=3600",
        &document(2, "full", &["bob", "dan"]),
    );
    stage.told("joined sip:dan@example.org");
    stage.close(Some(&refresh));
}

/// SUB-37: what cannot be read costs nobody his place in the roster, and the whole state is asked for.
pub(super) fn malformed_body(stage: &mut Stage) {
    let first = stage.active();
    let broken = document(2, "full", &["mallory"]).replace("</users>", "<users>");
    stage.notify(&first, "active;expires=3600", &broken);
    stage.told("deviation");
    if stage.abilities.refreshes_on_demand {
        let refresh = stage.asked_within(&first, "the whole state");
        assert!(refresh.expires > 0, "{:#?}", refresh.message);
        stage.notifier.respond(&refresh, 200, &[]);
    }
    stage.notify(
        &first,
        "active;expires=3600",
        &document(3, "full", &["bob", "eve", "dan"]),
    );
    stage.told("joined sip:dan@example.org");
    stage.never("left");
    stage.never("joined sip:mallory@example.org");
    stage.close(Some(&first));
}

/// SUB-34: a body of another type is refused with 415, and the subscription goes on.
pub(super) fn wrong_type(stage: &mut Stage) {
    let first = stage.active();
    let body = Body {
        kind: "text/plain",
        text: "bob is here",
    };
    let status = stage
        .notifier
        .notify(&first, "active;expires=3600", Some(body), PATIENCE);
    assert_eq!(status, 415);
    stage.told("deviation wrong-content-type");
    stage.notify(
        &first,
        "active;expires=3600",
        &document(2, "partial", &["dan"]),
    );
    stage.told("joined sip:dan@example.org");
    stage.close(Some(&first));
}

/// CONF-08, CONF-09: a gap in the versions is repaired by one refresh.
pub(super) fn version_gap(stage: &mut Stage) {
    let first = stage.active();
    for version in [3, 4, 5] {
        stage.notify(
            &first,
            "active;expires=3600",
            &document(version, "partial", &["dan"]),
        );
    }
    let refresh = stage.asked_within(&first, "the whole state");
    assert!(refresh.expires > 0, "{:#?}", refresh.message);
    stage.silent(Duration::from_millis(500));
    stage.notifier.respond(&refresh, 200, &[]);
    stage.notify(
        &first,
        "active;expires=3600",
        &document(6, "full", &["bob", "eve", "dan"]),
    );
    stage.told("joined sip:dan@example.org");
    assert_eq!(stage.count("deviation version-gap"), 1);
    stage.close(Some(&first));
}

pub(super) fn with_block_list(setup: &mut Setup) {
    setup.blocked = vec![
        "sip:eve@example.org".into(),
        "sip:mallory@example.org".into(),
    ];
}

/// SW-16…18, SEC-15: whoever is blocked is marked, when he is there and when he comes; the server hears nothing of it.
pub(super) fn block_list_marks(stage: &mut Stage) {
    let first = stage.active();
    assert_eq!(
        stage.host.roster(),
        ["!sip:eve@example.org", "sip:bob@example.org"]
    );
    stage.notify(
        &first,
        "active;expires=3600",
        &document(2, "partial", &["mallory", "dan"]),
    );
    stage.told("blocked sip:mallory@example.org");
    let there = stage.host.roster();
    assert!(there.contains(&"sip:dan@example.org".into()), "{there:?}");
    assert!(
        there.contains(&"!sip:mallory@example.org".into()),
        "{there:?}"
    );
    stage.never("blocked sip:bob@example.org");
    stage.silent(Duration::from_millis(200));
    stage.close(Some(&first));
}

/// CONF-15: the document itself says that the conference is over.
pub(super) fn ended_by_the_document(stage: &mut Stage) {
    let first = stage.active();
    let over = document(2, "deleted", &[]);
    stage.notify(&first, "active;expires=3600", &over);
    stage.see_off(&first);
    stage.told("ended deleted");
    stage.close(None);
}
