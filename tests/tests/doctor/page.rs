//! The page, the text, and wrong use.

use std::process::{Command, Output};

use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{ALICE, ROOM};
use rollmark_tests::patient::{Core, HEALTHY, Script};
use rollmark_tests::process::{PATIENCE, Process, run_dir};
use rollmark_tests::watch::binary;

fn doctor(args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command
        .arg("doctor")
        .args(args)
        .env_remove("RUST_BACKTRACE");
    command.output().expect("rollmark runs")
}

/// SEC-09, SEC-14, SEC-16: what a server says is text on the page; nothing is fetched by it; secrets are not in it; names
/// are replaced when asked for.
#[test]
fn the_page_can_be_sent_to_an_operator() {
    let evil = Script {
        subscribe: |talk, asked| {
            talk.answer(
                asked,
                403,
                &[
                    ("Warning", "399 x \"<script>alert(1)</script>\""),
                    ("Server", "<b>'x'</b>"),
                ],
            );
        },
        ..HEALTHY
    };
    let core = Core::start(Transport::Udp, evil);
    let dir = run_dir("doctor");
    let (report, password) = (dir.join("report.html"), dir.join("password"));
    std::fs::write(&password, "the secret\n").unwrap();
    // What was there is replaced, to its end.
    std::fs::write(&report, "x".repeat(1_000_000)).unwrap();
    let report_name = report.display().to_string();
    let password = password.display().to_string();
    let args = [
        ROOM,
        "--as",
        ALICE,
        "--server",
        &core.address,
        "--user",
        "alice.private",
        "--password-file",
        &password,
        "--patience",
        "30",
        "--report",
        &report_name,
    ];
    let output = doctor(&args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"),
        "{page}"
    );
    for absent in [
        "<script",
        "<b>'x'",
        "the secret",
        "xxxx",
        "http-equiv=\"refresh",
        "<link",
        "<img",
    ] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
    for present in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "name=\"viewport\"",
        "prefers-color-scheme: dark",
        "@media print",
        "default-src 'none'",
        "1 of 4 checks failed",
        ROOM,
        ALICE,
        "--redact",
    ] {
        assert!(page.contains(present), "{present}: {page}");
    }
    let again = [&args[..], &["--redact"]].concat();
    let output = doctor(&again);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let page = std::fs::read_to_string(&report).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for said in [&page, &text] {
        assert!(!said.contains("alice") && !said.contains("room@"), "{said}");
        assert!(
            said.contains("user1") && said.contains("@example.org"),
            "{said}"
        );
    }
}

/// A person reads it: a word a check, no colours into a file, what was not tried in one line.
#[test]
fn the_text_is_calm() {
    let script = Script {
        subscribe: |talk, asked| talk.answer(asked, 404, &[]),
        ..HEALTHY
    };
    let core = Core::start(Transport::Udp, script);
    let output = doctor(&[
        ROOM,
        "--as",
        ALICE,
        "--server",
        &core.address,
        "--patience",
        "30",
    ]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "{text}");
    let begins = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (begins("ok "), begins("FAILED "), begins("note ")),
        (3, 1, 0),
        "{text}"
    );
    assert!(text.contains("mend: check the conference's URI"), "{text}");
    assert!(text.contains("First NOTIFY, "), "{text}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        error,
        "rollmark: one check failed: SUBSCRIBE; what to do stands beside it\n"
    );
}

/// Wrong use is status 2, before anything is sent; what is wrong on this machine is one line, too.
#[test]
fn wrong_use_and_files_that_are_not_there() {
    for args in [
        &["nobody"][..],
        &[],
        &[ROOM, "--server", "host-without-port"],
        &[ROOM, "--server", ":5060"],
        &[ROOM, "--patience", "0"],
        &[ROOM, "--mode", "ims"],
        &[ROOM, "--check-write"],
        &[ROOM, "--user", "alice"],
    ] {
        let output = doctor(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    }
    let missing = "/nowhere/at/all";
    for args in [
        &[ROOM, "--user", "a", "--password-file", missing][..],
        &[ROOM, "--as", ALICE, "--aka-file", missing],
        &[ROOM, "--report", missing],
    ] {
        let output = doctor(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(missing), "{error}");
    }
}

/// SW-13: whoever stops it leaves neither a subscription nor a registration behind.
#[test]
fn an_examination_that_is_stopped_ends_what_it_began() {
    let script = Script {
        register: |talk, asked| {
            talk.register(
                asked,
                &[
                    ("Service-Route", "<sip:orig@192.0.2.7;lr>"),
                    ("P-Associated-URI", "<sip:alice@example.org>"),
                ],
            );
        },
        // Accepted, and nothing follows.
        subscribe: |talk, asked| talk.accept(asked),
        ..HEALTHY
    };
    let core = Core::start(Transport::Udp, script);
    let mut command = Command::new(binary());
    command.args(["doctor", ROOM, "--as", ALICE, "--server", &core.address]);
    command.args(["--mode", "ims", "--patience", "60"]);
    let mut process = Process::start(&mut command, "Run ./tests/run");
    while !process
        .line("the SUBSCRIBE")
        .unwrap()
        .starts_with("ok      SUBSCRIBE")
    {}
    process.interrupt();
    let ended = process.finish(PATIENCE);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .concat()
            .contains("stopped before all was checked"),
        "{ended:?}"
    );
    let asked = core.asked();
    for last in ["REGISTER", "SUBSCRIBE"] {
        let ends = |(method, expires): &&(String, String)| method == last && expires == "0";
        assert_eq!(asked.iter().filter(ends).count(), 1, "{asked:?}");
    }
}
