//! Input that is malformed, contradictory or hostile: after each the state that the clauses give, few requests, and one
//! event that says what was wrong (SEC-04, SEC-18, SEC-19).

use std::time::Duration;

use rollmark_core::subscription::Shown;
use rollmark_tests::world::stage::{Notify, ROOM, Sent, Stage, full, partial};

const FOCUS: &str = "sip:focus@198.51.100.7:5070";

/// How often a deviation was told.
fn told(stage: &mut Stage, code: &str) -> usize {
    let code = format!("deviation {code}");
    stage.told().iter().filter(|told| **told == code).count()
}

fn refresh(stage: &mut Stage) -> Sent {
    stage.wake();
    let refresh = stage.expect();
    assert!(!refresh.is_initial());
    refresh
}

/// OMA-12, SUB-52: a Contact that is missing, or that no request can be sent to, leaves the target as it was.
#[test]
fn a_contact_that_cannot_be_used_moves_nothing() {
    for contact in [
        "",
        "*",
        "<>",
        "<tel:+1>",
        "<http://example.org/>",
        "<sip:>",
        "focus",
        "<sip:a@b",
    ] {
        let (mut stage, first) = Stage::active();
        for _ in 0..3 {
            let notify = Notify::of(&first, "");
            let notify = match contact {
                "" => notify.without("Contact"),
                _ => notify.with("Contact", contact),
            };
            assert_eq!(stage.notify(notify), 200, "{contact}");
        }
        assert_eq!(stage.shown(), Shown::Active, "{contact}");
        assert_eq!(told(&mut stage, "contact-missing"), 1, "{contact}");
        assert_eq!(refresh(&mut stage).request.uri, FOCUS, "{contact}");
    }
}

/// SUB-50, SUB-52: a Contact where nobody is costs one refresh; then there is a new subscription at the conference's URI.
#[test]
fn a_contact_that_leads_nowhere_is_left_with_the_dialog() {
    let (mut stage, first) = Stage::active();
    stage.notify(Notify::of(&first, "").with("Contact", "<sip:focus@203.0.113.66>"));
    let lost = refresh(&mut stage);
    assert_eq!(lost.request.uri, "sip:focus@203.0.113.66");
    stage.fail(&lost, rollmark_core::host::SendFailure::NoAnswer);
    stage.pass_secs(2);
    let again = stage.expect();
    assert!(again.is_initial());
    assert_eq!(again.request.uri, ROOM);
    assert!(stage.sent().is_none());
}

/// SUB-24: a Record-Route that no request can be sent by is left out and told, once.
#[test]
fn a_record_route_that_is_absurd_is_left_out() {
    let long = "<sip:p@192.0.2.11;lr>, ".repeat(5000) + "<sip:p@192.0.2.11;lr>";
    for route in [
        "<sip:\\>",
        "<tel:+1>",
        "<>",
        ", ,",
        "<sip:a@b",
        "*",
        long.as_str(),
    ] {
        let mut stage = Stage::new();
        let first = stage.expect();
        stage.respond(&first, 200, &[("Expires", "3600")]);
        let notify = Notify::of(&first, &full(1, &[1])).with("Record-Route", route);
        assert_eq!(stage.notify(notify), 200);
        assert_eq!(stage.shown(), Shown::Active);
        let count = told(&mut stage, "record-route");
        assert!(count <= 1);
        let refresh = refresh(&mut stage);
        assert!(refresh.routes().len() <= 64, "{}", refresh.routes().len());
        assert!(
            refresh
                .routes()
                .iter()
                .all(|route| route.contains("sip:p@"))
        );
        assert!(refresh.next_hop.starts_with("sip:"), "{}", refresh.next_hop);
    }
}

/// SUB-22: without tags there is no dialog, and nothing changes.
#[test]
fn a_notify_without_tags_changes_nothing() {
    for made in [false, true] {
        for (name, value, status) in [
            ("From", format!("<{ROOM}>"), 400),
            ("To", "<sip:alice@example.org>".to_string(), 481),
        ] {
            let (mut stage, first) = if made {
                Stage::active()
            } else {
                let mut stage = Stage::new();
                let first = stage.expect();
                stage.told();
                (stage, first)
            };
            let notify = Notify::of(&first, &full(7, &[5])).with(name, &value);
            assert_eq!(stage.notify(notify), status, "{name}");
            assert_eq!(stage.users().len(), if made { 2 } else { 0 });
            assert_eq!(stage.told(), Vec::<String>::new());
        }
    }
}

/// SUB-25, SUB-39: a 2xx without To tag makes no dialog; the NOTIFY does.
#[test]
fn a_2xx_without_tag_is_made_good_by_the_notify() {
    let mut stage = Stage::new();
    let first = stage.expect();
    stage.respond(
        &first,
        200,
        &[("To", &format!("<{ROOM}>")), ("Expires", "3600")],
    );
    assert_eq!(stage.notify(Notify::of(&first, &full(1, &[1]))), 200);
    assert_eq!(stage.shown(), Shown::Active);
    assert_eq!(refresh(&mut stage).get("To"), format!("<{ROOM}>;tag=focus"));
}

/// SUB-30: a CSeq at its limit, beyond it, or none at all.
#[test]
fn sequence_numbers_at_and_beyond_their_limit() {
    let (mut stage, first) = Stage::active();
    let at = |cseq: &str, body: &str| Notify::of(&first, body).with("CSeq", cseq);
    for cseq in [
        "",
        "NOTIFY",
        "4294967296 NOTIFY",
        "99999999999999999999 NOTIFY",
        "-1 NOTIFY",
        "x NOTIFY",
    ] {
        assert_eq!(stage.notify(at(cseq, &partial(2, &[3]))), 400, "{cseq}");
        assert_eq!(stage.users().len(), 2, "{cseq}");
    }
    assert_eq!(
        stage.notify(at("2147483647 NOTIFY", &partial(2, &[3]))),
        200
    );
    assert_eq!(stage.users().len(), 3);
    // Nothing higher can come any more: what is lower is refused, and told once.
    stage.told();
    assert_eq!(stage.notify(at("3 NOTIFY", &partial(3, &[4]))), 500);
    assert_eq!(stage.notify(at("4 NOTIFY", &partial(3, &[4]))), 500);
    assert_eq!(told(&mut stage, "cseq-order"), 1);
    // The next refresh finds out whether the server is well.
    assert!(!refresh(&mut stage).is_initial());
}

/// SUB-42, SEC-18: silence after 202, over and over: attempts at growing distances, one word for it, and an end.
#[test]
fn silence_after_202_is_borne_a_bounded_number_of_times() {
    let mut stage = Stage::new();
    let mut attempts = 0;
    loop {
        if let Some(sent) = stage.sent() {
            attempts += 1;
            stage.respond(&sent, 202, &[("Expires", "3600")]);
        } else if stage.engine.poll_timeout().is_some() {
            stage.wake();
        } else {
            break;
        }
    }
    assert_eq!(attempts, 11);
    let told = stage.told();
    assert_eq!(told.last().unwrap(), "ended gave-up");
    assert!(
        told.iter().any(|told| told.ends_with("no-notify")),
        "{told:?}"
    );
}

/// SUB-39: another To tag in each answer to a refresh ends its transaction, and nothing else.
#[test]
fn another_tag_in_the_answer_to_a_refresh_changes_nothing() {
    let (mut stage, first) = Stage::active();
    let sent = refresh(&mut stage);
    let foreign = [
        ("To", "<sip:room@example.org>;tag=other"),
        ("Contact", "<sip:other@192.0.2.66>"),
        ("Expires", "3600"),
    ];
    stage.respond(&sent, 200, &foreign);
    assert_eq!(stage.notify(Notify::of(&first, &partial(2, &[3]))), 200);
    assert_eq!(stage.shown(), Shown::Active);
    stage.unsubscribe();
    let last = stage.expect();
    assert_eq!(last.request.uri, FOCUS);
    assert_eq!(last.get("To"), format!("<{ROOM}>;tag=focus"));
}

/// SUB-10, SEC-18: 423 to and fro on refreshes.
#[test]
fn a_server_that_wants_ever_longer_lives_is_followed_once_a_refresh() {
    let (mut stage, _) = Stage::active();
    let mut requests = 0;
    let until = stage.now + Duration::from_secs(3600);
    while stage.now < until && stage.engine.poll_timeout().is_some() {
        match stage.sent() {
            Some(sent) => {
                requests += 1;
                let more = sent.get("Expires").parse::<u32>().unwrap() + 1;
                stage.respond(&sent, 423, &[("Min-Expires", &more.to_string())]);
            }
            None => {
                stage.wake();
            }
        }
    }
    assert!((2..=40).contains(&requests), "{requests}");
}

/// SUB-19, SEC-18: a redirection to where the request came to.
#[test]
fn a_redirection_in_a_circle_ends() {
    let mut stage = Stage::new();
    let first = stage.expect();
    stage.respond(&first, 302, &[("Contact", &format!("<{ROOM}>"))]);
    assert!(stage.sent().is_none());
    assert_eq!(stage.told().last().unwrap(), "ended redirected");
}

/// SUB-47, SEC-18: a life of no time, or of a second, draws no flood and is told.
#[test]
fn a_life_of_a_second_draws_no_flood() {
    for life in ["0", "1"] {
        let mut stage = Stage::new();
        let first = stage.expect();
        stage.respond(&first, 200, &[("Expires", life)]);
        let state = format!("active;expires={life}");
        stage.notify(Notify::of(&first, &full(1, &[1])).state(&state));
        let mut requests = 0;
        let end = stage.now + Duration::from_secs(60);
        while stage.now < end {
            stage.wake();
            while let Some(sent) = stage.sent() {
                requests += 1;
                stage.respond(&sent, 200, &[("Expires", life)]);
                stage.notify(Notify::of(&sent, &full(requests + 1, &[1])).state(&state));
            }
        }
        assert!((10..=30).contains(&requests), "{life}: {requests}");
        assert_eq!(told(&mut stage, "expires-too-short"), 1, "{life}");
    }
}

/// SUB-17: a NOTIFY, and then an error to the SUBSCRIBE: unless another fork sent it, the error counts.
#[test]
fn an_error_after_a_notify_counts_unless_it_is_of_another_fork() {
    for (tag, lives) in [("focus", false), ("other", true)] {
        let mut stage = Stage::new();
        let first = stage.expect();
        stage.notify(Notify::of(&first, &full(1, &[1])));
        stage.told();
        stage.respond(&first, 403, &[("To", &format!("<{ROOM}>;tag={tag}"))]);
        assert_eq!(stage.shown() == Shown::Active, lives, "{tag}");
        // The dialog that is kept is asked at once whether it is one.
        let asked = stage.sent();
        assert_eq!(asked.is_some_and(|sent| !sent.is_initial()), lives, "{tag}");
        let told = stage.told();
        assert!(
            told.contains(&"deviation error-after-notify".to_string()),
            "{told:?}"
        );
        let ended = told.last().is_some_and(|told| told == "ended forbidden");
        assert_eq!(ended, !lives, "{told:?}");
    }
}

/// SEC-01, SEC-04: whoever does not know the tag ends nothing, however often he tries.
#[test]
fn a_spoofed_end_needs_the_tag() {
    let (mut stage, first) = Stage::active();
    for guess in 0..1000 {
        let notify = Notify::of(&first, "")
            .state("terminated;reason=rejected")
            .with("To", &format!("<sip:alice@example.org>;tag={guess:024x}"));
        assert_eq!(stage.notify(notify), 481);
    }
    assert_eq!(stage.shown(), Shown::Active);
    assert_eq!(stage.told(), Vec::<String>::new());
}

/// SEC-19: headers of any bytes and sizes are an answer, never the end of the host.
#[test]
fn no_header_takes_the_host_down() {
    let long = "a".repeat(100_000);
    let values = [
        "",
        " ",
        ";",
        "\"",
        "<",
        ">;;;=",
        "é\u{202e}",
        "0",
        "4294967296",
        ",,,,",
        long.as_str(),
    ];
    let names = [
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Event",
        "Subscription-State",
        "Contact",
        "Record-Route",
        "Content-Type",
        "Content-Length",
        "Content-Encoding",
        "SIP-ETag",
    ];
    for name in names {
        for value in values {
            let (mut stage, first) = Stage::active();
            let status = stage.notify(Notify::of(&first, &full(2, &[3])).with(name, value));
            assert!((200..700).contains(&status), "{name}");
            assert!(stage.engine.poll_timeout().is_none_or(|at| at >= stage.now));
        }
    }
    for name in [
        "To",
        "Contact",
        "Expires",
        "Record-Route",
        "Min-Expires",
        "Retry-After",
        "WWW-Authenticate",
    ] {
        for value in values {
            for status in [200, 202, 302, 401, 407, 420, 421, 423, 503] {
                let mut stage = Stage::new();
                let first = stage.expect();
                stage.respond(&first, status, &[(name, value)]);
                assert!(stage.engine.poll_timeout().is_none_or(|at| at >= stage.now));
            }
        }
    }
}

/// What is printed for a log shows no password.
#[test]
fn nothing_secret_is_printed() {
    let stage = Stage::with(|settings| {
        settings.credentials = Some(rollmark_core::digest::Credentials {
            username: "alice".into(),
            password: "open sesame".into(),
        });
    });
    assert!(!format!("{:?}", stage.engine).contains("sesame"));
}
