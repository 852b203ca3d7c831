//! Files that are wrong, and a reader that goes away: one clear line, and the status of the CLI contract.

use std::io::Read;
use std::process::{Command, Stdio};

use rollmark_tests::watch::binary;

use crate::Configured;

/// The status, and the one line on standard error.
#[track_caller]
fn told(settings: &str, args: &[&str]) -> (i32, String) {
    let configured = Configured::new(settings);
    let output = configured.run(args);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty());
    let line = text.trim_end().replace(&configured.config(), "FILE");
    (output.status.code().expect("a status"), line)
}

#[test]
fn what_is_wrong_with_a_file_is_one_line_and_wrong_use() {
    let watch = ["watch", "sip:room@example.org"];
    for (settings, line) in [
        (
            "as = 'sip:a@x'\nsevrer = 'x'",
            "rollmark: FILE:2:1: there is no option sevrer; did you mean server?",
        ),
        (
            "expires = '5'",
            "rollmark: FILE:1:11: expires wants a number, without quotes",
        ),
        (
            "password = 'geheim'",
            "rollmark: FILE:1:1: password looks like a secret, which does not stand in a configuration file; put it into a file that only you can read, and give its name as password-file",
        ),
    ] {
        assert_eq!(told(settings, &watch), (2, line.to_owned()));
    }
    // What a secret is set to is not shown.
    assert!(!told("password = 'geheim'", &watch).1.contains("geheim"));
    // Control characters of a file do not reach the terminal.
    let (_, line) = told("\"a\\u001b[2Jb\" = 1", &watch);
    assert!(!line.contains('\u{1b}'), "{line:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure() {
    let output = Command::new(binary())
        .args([
            "watch",
            "sip:room@example.org",
            "--config",
            "/nowhere/r.toml",
        ])
        .output()
        .expect("rollmark runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.starts_with("rollmark: the configuration /nowhere/r.toml cannot be read: "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

/// A reader that has gone away before anything was printed: done, in silence.
#[test]
fn a_pipe_that_closes_is_no_failure() {
    for args in [
        &["config"][..],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["man"],
    ] {
        let mut child = Command::new(binary())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rollmark runs");
        drop(child.stdout.take());
        let mut text = String::new();
        let mut stderr = child.stderr.take().expect("standard error");
        stderr.read_to_string(&mut text).expect("UTF-8");
        assert_eq!(text, "", "{args:?}");
        assert_eq!(child.wait().expect("an end").code(), Some(0), "{args:?}");
    }
}

/// Files that a command is told of and cannot use: one line each, with what to do; nothing is sent to anybody.
#[test]
fn files_that_cannot_be_used_are_told() {
    let configured =
        Configured::new("as = 'sip:alice@example.org'\nserver = '127.0.0.1:1'\ntransport = 'tcp'")
            .with("empty", "")
            .with("text", "nothing of use\n");
    let file = |name: &str| configured.path(name).display().to_string();
    let (empty, text, folder) = (file("empty"), file("text"), file(""));
    let password = ["--user", "alice", "--password-file"];
    let aka = ["--user", "alice@example.org", "--aka-file"];
    let cases: [(&[&str], &str, &str); 8] = [
        (
            &password,
            "/nowhere",
            "the password file /nowhere cannot be used: No such file",
        ),
        (
            &password,
            &empty,
            "its first line is empty; its first line must be the password",
        ),
        (&password, &folder, "cannot be used: Is a directory"),
        (
            &password,
            "/dev/zero",
            "its first line has control characters",
        ),
        (
            &aka,
            "/nowhere",
            "the AKA file /nowhere cannot be read: No such file",
        ),
        (&aka, &text, "line 1 of the AKA file"),
        (
            &["--transport", "tls", "--ca"],
            &text,
            "no usable certificate; give a PEM file with certificates",
        ),
        (
            &["--xcap-root", "https://127.0.0.1:1", "--xcap-ca"],
            "/nowhere",
            "the CA file /nowhere cannot be read: No such file",
        ),
    ];
    for (options, name, line) in cases {
        let args = [&["watch", "sip:room@example.org"], options, &[name]].concat();
        let output = configured.run(&args);
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        assert!(
            told.lines().count() == 1 && told.contains(line),
            "{args:?}: {told}"
        );
    }
}
