//! Who is present, who came and who left, and why (RFC 4575 §5.7; the events of each document).

use crate::command::{count, delta, full, json, root, story, users};

/// A user with endpoints of these statuses; `?` for one without.
fn with(name: &str, statuses: &str) -> String {
    let endpoints: String = statuses
        .split_whitespace()
        .enumerate()
        .map(|(at, status)| match status {
            "?" => format!("<endpoint entity='e{at}'/>"),
            status => format!("<endpoint entity='e{at}'><status>{status}</status></endpoint>"),
        })
        .collect();
    format!("<user entity='sip:{name}@x'>{endpoints}</user>")
}

#[test]
fn presence_and_status_follow_from_the_endpoints() {
    for (statuses, present, status) in [
        ("", true, None),
        ("?", true, None),
        ("connected", true, Some("connected")),
        ("on-hold", true, Some("on-hold")),
        ("muted-via-focus", true, Some("muted-via-focus")),
        ("disconnecting", true, Some("disconnecting")),
        ("pending", false, Some("pending")),
        ("dialing-in", false, Some("dialing-in")),
        ("dialing-out", false, Some("dialing-out")),
        ("alerting", false, Some("alerting")),
        ("disconnected", false, Some("disconnected")),
        ("gone-fishing", false, Some("gone-fishing")),
        ("Connected", false, Some("Connected")),
        ("disconnected on-hold connected", true, Some("on-hold")),
        ("disconnected alerting", false, Some("alerting")),
        ("alerting disconnected", false, Some("disconnected")),
    ] {
        for mode in [&["--strict"][..], &[]] {
            let outcome = json(mode, &[full(1, &with("a", statuses))]);
            let user = &outcome["users"][0];
            assert_eq!(user["present"], present, "{statuses}");
            assert_eq!(user["status"].as_str(), status, "{statuses}");
        }
    }
}

#[test]
fn each_user_gives_one_event_however_it_came_about() {
    let disconnected = |how: &str| {
        format!(
            "<user entity='sip:a@x'><endpoint entity='e0'><status>disconnected</status>{how}</endpoint></user>"
        )
    };
    let reason = |text: &str| {
        disconnected(&format!(
            "<disconnection-method>failed</disconnection-method><disconnection-info><reason>{text}</reason></disconnection-info>"
        ))
    };
    let method = |text: &str| {
        disconnected(&format!(
            "<disconnection-method>{text}</disconnection-method>"
        ))
    };
    for (before, after, expected) in [
        ("connected", disconnected(""), "left a departed kept"),
        ("connected", method("departed"), "left a departed kept"),
        ("connected", method("booted"), "left a booted kept"),
        ("connected", method("failed"), "left a failed kept"),
        ("connected", method("busy"), "left a busy kept"),
        ("connected", method("beamed-up"), "left a departed kept"),
        (
            "connected",
            reason("Reason: SIP;cause=603;text=\"Decline\""),
            "left a declined kept",
        ),
        ("connected", reason("603"), "left a failed kept"),
        ("alerting", method("busy"), "not_joined a busy kept"),
        (
            "dialing-out",
            reason("Reason: SIP ;cause=603"),
            "not_joined a declined kept",
        ),
        ("connected", users("-a"), "left a departed gone"),
        ("alerting", users("-a"), "not_joined a departed gone"),
        ("disconnected", users("-a"), "unlisted a"),
        ("disconnected", with("a", "connected"), "joined a"),
        ("alerting", with("a", "connected"), "joined a"),
        ("disconnected", with("a", "alerting"), "listed a"),
        (
            "connected",
            with("a", "on-hold"),
            "updated a status endpoints",
        ),
    ] {
        let outcome = json(&[], &[full(1, &with("a", before)), delta(2, &after)]);
        let story = story(&outcome);
        assert_eq!(story[0], "1 roster");
        assert_eq!(story[1..], [format!("2 {expected}")], "{before} {after}");
    }
}

#[test]
fn a_full_document_is_compared_with_what_was_shown() {
    let outcome = json(
        &[],
        &[
            full(1, &format!("{}{}", users("a b ~d"), with("e", "pending"))),
            full(
                2,
                &format!("{}{}", users("b n"), with("~o", "disconnected")),
            ),
        ],
    );
    assert_eq!(
        story(&outcome),
        [
            "1 roster",
            "2 left a vanished gone",
            "2 not_joined e vanished gone",
            "2 unlisted d",
            "2 joined n",
            "2 listed ~o",
        ]
    );
}

#[test]
fn a_member_whose_last_device_is_deleted_is_still_here() {
    let outcome = json(
        &[],
        &[
            full(1, &with("a", "connected")),
            delta(
                2,
                "<user entity='sip:a@x' state='partial'><endpoint entity='e0' state='deleted'/></user>",
            ),
        ],
    );
    assert_eq!(outcome["users"][0]["present"], true);
    assert_eq!(outcome["users"][0]["status"], serde_json::Value::Null);
    assert_eq!(story(&outcome)[1], "2 updated a status endpoints");
}

#[test]
fn users_who_are_counted_but_not_listed_are_hidden() {
    for (n, list, hidden) in [(5, "a b ~d", 3), (2, "a b", 0), (1, "a b", 0)] {
        let outcome = json(
            &[],
            &[root(
                "state='full' version='1'",
                &format!("{}<users>{}</users>", count(n), users(list)),
            )],
        );
        assert_eq!(outcome["hidden_users"], hidden, "{n} {list}");
    }
}
