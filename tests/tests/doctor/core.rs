//! Faults of a conference server, over UDP.

use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{ALICE, ROOM, document};
use rollmark_tests::patient::{CONFERENCE_INFO, Core, HEALTHY, SILENT, Script};

use crate::examination::{Examination, Row, hold_all};

/// Waits that come to their end must be short; all else on the way is there in a moment.
const SHORT: &[&str] = &["--patience", "5"];
const CHALLENGE: (&str, &str) = (
    "WWW-Authenticate",
    "Digest realm=\"example.org\", nonce=\"n\", algorithm=MD5, qop=\"auth\"",
);

/// SUB-10, SUB-12, SUB-13, OMA-30, OMA-31: what answers to the SUBSCRIBE mean.
#[test]
fn a_subscribe_that_is_refused() {
    let of = |name, script, failed: &'static [&'static str], noted, words| Row {
        name,
        script,
        args: &[],
        failed,
        noted,
        words,
    };
    hold_all(&[
        of(
            "healthy",
            HEALTHY,
            &[],
            &[],
            &[(
                "subscribe",
                &["200", "IM server sip:focus@", "Expires: 3600"],
            )],
        ),
        of(
            "403",
            Script {
                subscribe: |talk, asked| {
                    talk.answer(asked, 403, &[("Warning", "399 x \"not yours\"")])
                },
                ..HEALTHY
            },
            &["subscribe"],
            &[],
            &[("subscribe", &["403", "not yours", "--as", "may not watch"])],
        ),
        of(
            "404",
            Script {
                subscribe: |talk, asked| talk.answer(asked, 404, &[]),
                ..HEALTHY
            },
            &["subscribe"],
            &[],
            &[(
                "subscribe",
                &["404", "conference's URI", "initial filter criteria"],
            )],
        ),
        of(
            "489",
            Script {
                subscribe: |talk, asked| talk.answer(asked, 489, &[("Allow-Events", "presence")]),
                ..HEALTHY
            },
            &["subscribe"],
            &[],
            &[(
                "subscribe",
                &["489", "Allow-Events: presence", "event package conference"],
            )],
        ),
        of(
            "423 that can be followed",
            Script {
                subscribe: |talk, asked| match talk.subscribes {
                    1 => talk.answer(asked, 423, &[("Min-Expires", "7200")]),
                    _ => (HEALTHY.subscribe)(talk, asked),
                },
                ..HEALTHY
            },
            &[],
            &["subscribe"],
            &[("subscribe", &["423, Min-Expires: 7200", "--expires 7200"])],
        ),
        of(
            "423 that cannot",
            Script {
                subscribe: |talk, asked| talk.answer(asked, 423, &[]),
                ..HEALTHY
            },
            &["subscribe"],
            &[],
            &[("subscribe", &["423", "Min-Expires"])],
        ),
        of(
            "no password is given",
            Script {
                subscribe: |talk, asked| talk.answer(asked, 401, &[CHALLENGE]),
                ..HEALTHY
            },
            &["subscribe"],
            &[],
            &[(
                "subscribe",
                &["401", "realm example.org", "--user and --password-file"],
            )],
        ),
        of(
            "out of service",
            Script {
                subscribe: |talk, asked| talk.answer(asked, 503, &[("Retry-After", "600")]),
                ..HEALTHY
            },
            &["subscribe"],
            &[],
            &[("subscribe", &["503", "Retry-After: 600", "cannot serve"])],
        ),
        of(
            "2xx without Contact",
            Script {
                subscribe: |talk, asked| {
                    talk.answer(asked, 200, &[("Expires", "3600")]);
                    talk.notify_full(asked);
                },
                ..HEALTHY
            },
            &[],
            &["subscribe", "deviations"],
            &[
                ("subscribe", &["no Contact", "2xx"]),
                ("deviations", &["contact-missing"]),
            ],
        ),
    ]);
}

/// SUB-12: a password that is not accepted.
#[test]
fn a_wrong_password() {
    let password = crate::examination::file("password", "wrong\n");
    let password: &'static str = password.leak();
    let args: &'static [&'static str] = vec!["--user", "alice", "--password-file", password].leak();
    hold_all(&[Row {
        name: "wrong password",
        script: Script {
            subscribe: |talk, asked| talk.answer(asked, 401, &[CHALLENGE]),
            ..HEALTHY
        },
        args,
        failed: &["subscribe"],
        noted: &[],
        words: &[(
            "subscribe",
            &[
                "401",
                "realm example.org",
                "--password-file",
                "not accepted",
            ],
        )],
    }]);
}

/// SUB-40…42, SUB-54, CONF-01…: what NOTIFYs bring, and bring not.
#[test]
fn notifies_and_what_is_in_them() {
    let of = |name, script, args, failed: &'static [&'static str], noted, words| Row {
        name,
        script,
        args,
        failed,
        noted,
        words,
    };
    hold_all(&[
        of(
            "202, then pending",
            Script {
                subscribe: |talk, asked| {
                    let contact = talk.own();
                    talk.answer(asked, 202, &[("Contact", &contact), ("Expires", "3600")]);
                    talk.notify(asked, "pending;expires=3600", None);
                },
                refresh: |talk, asked| {
                    talk.accept(asked);
                    talk.notify(asked, "pending;expires=3600", None);
                },
                ..HEALTHY
            },
            &[],
            &[],
            &["first-notify"],
            &[
                ("first-notify", &["pending", "allow this user"]),
                ("subscribe", &["202"]),
            ],
        ),
        of(
            "accepted, but silent",
            Script {
                subscribe: |talk, asked| talk.accept(asked),
                ..HEALTHY
            },
            SHORT,
            &["first-notify"],
            &[],
            &[(
                "first-notify",
                &["no NOTIFY in 5 s", "--transport tcp", "Contact"],
            )],
        ),
        of(
            "ended at once",
            Script {
                subscribe: |talk, asked| {
                    talk.accept(asked);
                    talk.notify(asked, "terminated;reason=rejected", None);
                },
                ..HEALTHY
            },
            &[],
            &["first-notify"],
            &[],
            &[(
                "first-notify",
                &["terminated;reason=rejected", "conference's owner"],
            )],
        ),
        of(
            "wrong content type",
            Script {
                subscribe: |talk, asked| {
                    talk.accept(asked);
                    talk.notify(asked, "active", Some(("text/plain", "alice and bob")));
                },
                ..HEALTHY
            },
            &[],
            &["body"],
            &["deviations"],
            &[
                (
                    "body",
                    &[
                        "text/plain",
                        "wrong-content-type",
                        "send application/conference-info+xml",
                    ],
                ),
                ("deviations", &["wrong-content-type"]),
            ],
        ),
        of(
            "malformed body",
            Script {
                subscribe: |talk, asked| {
                    talk.accept(asked);
                    talk.notify(asked, "active", Some((CONFERENCE_INFO, "<conference-info")));
                },
                ..HEALTHY
            },
            &[],
            &["body"],
            &["deviations"],
            &[("body", &["malformed-body", "well-formed XML"])],
        ),
        of(
            "another document",
            Script {
                subscribe: |talk, asked| {
                    talk.accept(asked);
                    talk.notify(
                        asked,
                        "active",
                        Some((
                            CONFERENCE_INFO,
                            "<presence xmlns='urn:ietf:params:xml:ns:pidf'/>",
                        )),
                    );
                },
                ..HEALTHY
            },
            &[],
            &["body"],
            &["deviations"],
            &[(
                "body",
                &["not-conference-info", "root must be conference-info"],
            )],
        ),
        of(
            "another conference",
            Script {
                subscribe: |talk, asked| {
                    talk.accept(asked);
                    let text = document(1, "full", &["bob"]).replace(ROOM, "sip:other@example.org");
                    talk.version = 1;
                    talk.notify(asked, "active", Some((CONFERENCE_INFO, &text)));
                },
                ..HEALTHY
            },
            &[],
            &[],
            &["body", "deviations"],
            &[(
                "body",
                &["entity-mismatch", "the attribute entity must be its URI"],
            )],
        ),
        of(
            "a version is left out",
            Script {
                refresh: |talk, asked| {
                    let gap = document(talk.version + 2, "partial", &["carol"]);
                    talk.version += 2;
                    talk.notify(asked, "active", Some((CONFERENCE_INFO, &gap)));
                    talk.accept(asked);
                    talk.notify_full(asked);
                },
                ..HEALTHY
            },
            &[],
            &[],
            &["deviations"],
            &[("deviations", &["version-gap"])],
        ),
        of(
            "the refresh is refused",
            Script {
                refresh: |talk, asked| talk.answer(asked, 481, &[]),
                ..HEALTHY
            },
            &[],
            &["refresh"],
            &[],
            &[(
                "refresh",
                &["481", "forgotten the subscription", "Record-Route"],
            )],
        ),
        of(
            "nothing after the refresh",
            Script {
                refresh: |talk, asked| talk.accept(asked),
                ..HEALTHY
            },
            SHORT,
            &["refresh"],
            &[],
            &[("refresh", &["no NOTIFY in 5 s", "after each SUBSCRIBE"])],
        ),
        of(
            "no last NOTIFY",
            Script {
                unsubscribe: |talk, asked| talk.accept(asked),
                ..HEALTHY
            },
            SHORT,
            &["unsubscribe"],
            &[],
            &[(
                "unsubscribe",
                &["no last NOTIFY", "Subscription-State: terminated"],
            )],
        ),
        of(
            "nobody answers the SUBSCRIBE",
            Script {
                subscribe: SILENT,
                ..HEALTHY
            },
            SHORT,
            &["subscribe"],
            &[],
            &[("subscribe", &["no answer in 5 s", "--transport"])],
        ),
        of(
            "strangers are not answered",
            Script {
                options: SILENT,
                ..HEALTHY
            },
            SHORT,
            &[],
            &["transport"],
            &[("transport", &["no answer in 5 s", "firewalls"])],
        ),
    ]);
}

/// Without --server the conference's own host is asked; and all the same over TCP.
#[test]
fn by_the_conferences_own_host_and_over_tcp() {
    let core = Core::start(Transport::Udp, HEALTHY);
    let room = format!("sip:room@{}", core.address);
    let found = Examination::run("no server", &[&room, "--as", ALICE, "--patience", "30"]);
    // The documents are of the conference by its other name.
    found.assert_states(&[], &["body", "deviations"]);

    let core = Core::start(Transport::Tcp, HEALTHY);
    let args = [
        ROOM,
        "--as",
        ALICE,
        "--server",
        &core.address,
        "--transport",
        "tcp",
        "--patience",
        "30",
    ];
    let found = Examination::run("tcp", &args);
    found.assert_states(&[], &[]);
    found.assert_words("transport", &["connected to", &core.address]);
}
