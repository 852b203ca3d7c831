//! Presence, one event a user, and causes: CONF-44, CONF-48–CONF-54, CONF-58.

use super::*;

/// CONF-48, CONF-51
#[test]
fn the_status_of_an_endpoint_decides_who_is_present() {
    let cases = [
        ("connected", true, false, ""),
        ("on-hold", true, false, ""),
        ("muted-via-focus", true, false, ""),
        ("disconnecting", true, false, ""),
        ("\n connected ", true, false, ""),
        ("pending", false, true, ""),
        ("dialing-in", false, true, ""),
        ("dialing-out", false, true, ""),
        ("alerting", false, true, ""),
        ("disconnected", false, false, ""),
        ("connect-fail", false, false, "unknown-value"),
        ("Connected", false, false, "unknown-value"),
    ];
    for mode in BOTH {
        for (status, present, expected, code) in cases {
            let mut conference = conference(mode);
            let applied = apply(
                &mut conference,
                &document("full 1", &users("full", &with_status("kim", status))),
            );
            let kim = conference.user("sip:kim@x").unwrap();
            assert_eq!(
                (kim.present(), kim.expected()),
                (present, expected),
                "{status}"
            );
            assert_eq!(kim.status(), Some(status.trim()));
            assert_eq!(codes(&applied), code);
        }
    }
}

/// CONF-49
#[test]
fn several_endpoints_make_one_status() {
    let endpoint = |(at, status): (usize, &str)| match status {
        "-" => format!("<endpoint entity='{at}'/>"),
        _ => format!("<endpoint entity='{at}'><status>{status}</status></endpoint>"),
    };
    for (statuses, present, expected, status) in [
        ("", true, false, None),
        ("-", true, false, None),
        (
            "disconnected on-hold connected",
            true,
            false,
            Some("on-hold"),
        ),
        ("disconnected - connected", true, false, None),
        ("pending disconnected", false, true, Some("disconnected")),
        ("disconnected pending", false, true, Some("pending")),
        ("odd pending", false, true, Some("pending")),
        ("odd disconnected", false, false, Some("disconnected")),
        (
            "disconnected disconnected",
            false,
            false,
            Some("disconnected"),
        ),
    ] {
        let endpoints: String = statuses
            .split_whitespace()
            .enumerate()
            .map(endpoint)
            .collect();
        let inner = format!("<user entity='sip:kim@x'>{endpoints}</user>");
        let mut conference = conference(Mode::Lenient);
        apply(&mut conference, &document("full 1", &users("full", &inner)));
        let kim = conference.user("sip:kim@x").unwrap();
        assert_eq!(
            (kim.present(), kim.expected(), kim.status()),
            (present, expected, status),
            "{statuses}"
        );
    }
}

/// The changes when kim goes from one state of affairs to the next; "" for absent.
fn step(mode: Mode, from: &str, to: &str) -> String {
    let mut conference = conference(mode);
    apply(&mut conference, &document("full 1", &users("full", from)));
    changes(&apply(
        &mut conference,
        &document("full 2", &users("full", to)),
    ))
}

/// CONF-58
#[test]
fn one_event_says_what_became_of_a_user() {
    let is = |status: &str| with_status("kim", status);
    let none = String::new();
    let cases = [
        (none.clone(), is("connected"), "joined kim"),
        (none.clone(), is("pending"), "listed kim"),
        (none.clone(), is("disconnected"), "listed kim"),
        (none.clone(), is("odd"), "listed kim"),
        (is("connected"), is("connected"), ""),
        (
            is("connected"),
            is("on-hold"),
            "updated kim status+endpoints",
        ),
        (
            is("connected"),
            is("disconnecting"),
            "updated kim status+endpoints",
        ),
        (
            is("connected"),
            is("disconnected"),
            "left kim departed kept",
        ),
        (is("connected"), is("pending"), "left kim departed kept"),
        (is("connected"), is("odd"), "left kim departed kept"),
        (is("connected"), none.clone(), "left kim vanished gone"),
        (is("pending"), is("connected"), "joined kim"),
        (is("pending"), is("alerting"), "listed kim"),
        (
            is("pending"),
            is("disconnected"),
            "not_joined kim departed kept",
        ),
        (is("pending"), is("odd"), "listed kim"),
        (is("pending"), none.clone(), "not_joined kim vanished gone"),
        (is("disconnected"), is("connected"), "joined kim"),
        (is("disconnected"), is("pending"), "listed kim"),
        (is("disconnected"), none.clone(), "unlisted kim"),
        (is("odd"), is("disconnected"), "listed kim"),
        (is("odd"), none, "unlisted kim"),
    ];
    for mode in BOTH {
        for (from, to, expected) in &cases {
            assert_eq!(step(mode, from, to), *expected, "{from} → {to}");
        }
    }
}

/// CONF-53
#[test]
fn the_cause_is_what_the_endpoint_says_that_was_disconnected_last() {
    let left = |method: &str, reason: &str| {
        format!(
            "<user entity='sip:kim@x'><endpoint entity='e'><status>disconnected</status>{method}\
             <disconnection-info><reason>{reason}</reason></disconnection-info></endpoint></user>"
        )
    };
    let method = |text: &str| format!("<disconnection-method>{text}</disconnection-method>");
    for (to, expected) in [
        (left("", ""), "departed"),
        (left(&method("departed"), ""), "departed"),
        (left(&method("booted"), ""), "booted"),
        (left(&method("busy"), ""), "busy"),
        (left(&method(" failed "), ""), "failed"),
        (
            left(&method("failed"), "Reason: SIP;cause=603;text=\"Decline\""),
            "declined",
        ),
        (left(&method("failed"), "Reason: SIP;cause=486"), "failed"),
        (left(&method("failed"), "cause=603"), "failed"),
        (left(&method("booted"), "Reason: SIP;cause=603"), "booted"),
        (left(&method("evaporated"), ""), "departed"),
    ] {
        for mode in BOTH {
            let from = with_status("kim", "connected");
            assert_eq!(
                step(mode, &from, &to),
                format!("left kim {expected} kept"),
                "{to}"
            );
            let from = with_status("kim", "dialing-out");
            assert_eq!(
                step(mode, &from, &to),
                format!("not_joined kim {expected} kept"),
                "{to}"
            );
        }
    }
}

#[test]
fn an_endpoint_that_had_gone_before_does_not_give_the_cause() {
    let user = |a: &str, b: &str| {
        format!(
            "<user entity='sip:kim@x'><endpoint entity='b'>{b}</endpoint><endpoint entity='a'>{a}</endpoint></user>"
        )
    };
    let booted = "<status>disconnected</status><disconnection-method>booted</disconnection-method>";
    let busy = "<status>disconnected</status><disconnection-method>busy</disconnection-method>";
    let there = "<status>connected</status>";
    for mode in BOTH {
        assert_eq!(
            step(mode, &user(booted, there), &user(booted, busy)),
            "left kim busy kept"
        );
        let mut conference = conference(mode);
        apply(
            &mut conference,
            &document("full 1", &users("full", &user(booted, there))),
        );
        let gone = "<user entity='sip:kim@x' state='partial'><endpoint entity='b' state='deleted'/></user>";
        let applied = apply(
            &mut conference,
            &document("partial 2", &users("partial", gone)),
        );
        assert_eq!(changes(&applied), "left kim departed kept");
    }
}

#[test]
fn leaving_with_one_of_two_devices_is_no_leaving() {
    let two = "<user entity='sip:kim@x'><endpoint entity='a'/><endpoint entity='b'/></user>";
    let gone = |entity: &str| {
        format!(
            "<user entity='sip:kim@x' state='partial'><endpoint entity='{entity}' state='deleted'/></user>"
        )
    };
    for mode in BOTH {
        let mut conference = conference(mode);
        apply(&mut conference, &document("full 1", &users("full", two)));
        let applied = apply(
            &mut conference,
            &document("partial 2", &users("partial", &gone("a"))),
        );
        assert_eq!(changes(&applied), "updated kim endpoints");
        // Without any device he is a member all the same.
        let applied = apply(
            &mut conference,
            &document("partial 3", &users("partial", &gone("b"))),
        );
        assert_eq!(changes(&applied), "updated kim endpoints");
        assert_eq!(roster(&conference), "kim");
    }
}

/// CONF-50
#[test]
fn an_endpoint_without_status_keeps_the_former_one_in_a_partial() {
    let partial = "<user entity='sip:kim@x' state='partial'><endpoint entity='e' state='partial'>\
                   <display-text>d</display-text></endpoint></user>";
    for mode in BOTH {
        let mut conference = conference(mode);
        apply(
            &mut conference,
            &document("full 1", &users("full", &with_status("kim", "pending"))),
        );
        let applied = apply(
            &mut conference,
            &document("partial 2", &users("partial", partial)),
        );
        assert_eq!(
            (changes(&applied).as_str(), roster(&conference).as_str()),
            ("listed kim", "(kim)")
        );
        let full = partial.replace("endpoint entity='e' state='partial'", "endpoint entity='e'");
        let applied = apply(
            &mut conference,
            &document("partial 3", &users("partial", &full)),
        );
        assert_eq!(changes(&applied), "joined kim");
    }
}

#[test]
fn changes_come_in_one_order_of_kinds() {
    let from = named("a b")
        + &with_status("c", "pending")
        + &with_status("d", "disconnected")
        + &with_status("e", "pending");
    let to = "<user entity='sip:b@x'><display-text>B</display-text></user>".to_string()
        + &with_status("e", "alerting")
        + &named("f")
        + &with_status("g", "pending");
    assert_eq!(
        step(Mode::Lenient, &from, &to),
        "left a vanished gone, not_joined c vanished gone, unlisted d, joined f, listed e, listed g, updated b display_text"
    );
}

/// CONF-41
#[test]
fn user_count_raises_no_event_but_tells_of_hidden_users() {
    let state = |count: u32| {
        format!("<conference-state><user-count>{count}</user-count></conference-state>")
    };
    for mode in BOTH {
        let mut conference = conference(mode);
        let inner = users("full", &(named("bob") + &with_status("eve", "pending")));
        apply(&mut conference, &document("full 1", &(inner + &state(33))));
        assert_eq!(conference.hidden_users(), 32);
        let applied = apply(&mut conference, &document("partial 2", &state(1)));
        assert_eq!(
            (changes(&applied).as_str(), applied.info_changed),
            ("", true)
        );
        assert_eq!(conference.hidden_users(), 0);
        apply(&mut conference, &document("partial 3", &state(0)));
        assert_eq!(conference.hidden_users(), 0);
    }
}
