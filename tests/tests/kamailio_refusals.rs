//! What a user sees when a server refuses, is not there, or the block list cannot be read.

use std::time::Duration;

use rollmark_tests::focus::Focus;
use rollmark_tests::lab::Lab;
use rollmark_tests::roster::{events, roster};
use rollmark_tests::sipp::free_port;
use rollmark_tests::watch::{Outcome, Watch};
use serde_json::Value;

/// A watch as alice of `conference` at `server`, with `more` options.
fn watch(
    lab: &Lab,
    conference: &str,
    server: &str,
    transport: &str,
    password: &str,
    more: &[&str],
) -> Watch {
    let password = lab.file(&format!("{password}.password"), &format!("{password}\n"));
    let (conference, alice) = (Lab::uri(conference), Lab::uri("alice"));
    let mut args = vec!["watch", &conference, "--as", &alice, "--server", server];
    args.extend(["--transport", transport, "--user", "alice"]);
    args.extend(["--password-file", &password]);
    args.extend(more);
    Watch::start(&args)
}

fn assert_failed(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    outcome.ended_reason();
    assert_eq!(events(&outcome.events, "roster").count(), 0, "{outcome:#?}");
    outcome.assert_one_line(words);
}

#[test]
fn a_refused_subscription_ends_with_a_line_that_names_the_refusal_and_the_conference() {
    let lab = Lab::start(&[]);
    let refusals = ["404", "403", "489"];
    for transport in ["udp", "tcp"] {
        // All at once: each is a program of its own.
        let mut watches = refusals.map(|code| {
            let room = format!("fault-{code}-{transport}");
            watch(&lab, &room, &lab.server(), transport, "alicepw", &[])
        });
        for (code, watch) in refusals.iter().zip(&mut watches) {
            let room = Lab::uri(&format!("fault-{code}-{transport}"));
            assert_failed(&watch.finish(), &[code, &room]);
        }
    }
}

#[test]
fn a_wrong_password_ends_with_a_line_that_says_so_and_is_not_tried_on_and_on() {
    for auth in ["www", "proxy"] {
        let lab = Lab::start(&[("LAB_AUTH", auth)]);
        let mut udp = watch(&lab, "room", &lab.server(), "udp", "wrong", &[]);
        let mut tcp = watch(&lab, "room", &lab.server(), "tcp", "wrong", &[]);
        let place = format!("{}|{}", lab.server(), Lab::uri("room"));
        for watch in [&mut udp, &mut tcp] {
            assert_failed(&watch.finish(), &["password", &place]);
        }
    }
}

#[test]
fn a_server_that_is_not_there_ends_with_a_line_that_names_its_address() {
    let lab = Lab::start(&[]);
    let nobody = format!("127.0.0.1:{}", free_port());
    // The first may try again until its time is up; neither may hang past Timer F (32 s).
    let mut refused = watch(&lab, "room", &nobody, "tcp", "alicepw", &["--seconds", "3"]);
    let silent = ["--seconds", "2"];
    let mut silent = watch(&lab, "drop-room", &lab.server(), "udp", "alicepw", &silent);
    let limit = Duration::from_secs(2 + 32 + 8);
    assert_failed(&refused.finish_within(limit), &[&nobody, "refused"]);
    assert_failed(&silent.finish_within(limit), &[&lab.server()]);
}

#[test]
fn tls_without_the_ca_that_signed_the_server_ends_with_a_word_about_the_ca_option() {
    let lab = Lab::start(&[]);
    let server = lab.tls_server();
    let outcome = watch(&lab, "room", &server, "tls", "alicepw", &[]).finish();
    // Wrong use, or a failed handshake.
    assert!(matches!(outcome.status, Some(1 | 2)), "{outcome:#?}");
    assert!(outcome.stderr.join(" ").contains("--ca"), "{outcome:#?}");
}

/// Watches a room of one user with alice's block list at `root` until it is told how the list
/// is; gives the state of the list and how the watch ended.
fn block_list(lab: &Lab, root: &str, password: &str) -> (String, Outcome) {
    let room = "listed";
    let xcap = lab.file("xcap.password", password);
    let xcap = [
        "--xcap-root",
        root,
        "--xcap-user",
        "alice",
        "--xcap-password-file",
        &xcap,
    ];
    let mut watch = watch(lab, room, &lab.server(), "udp", "alicepw", &xcap);
    let first = watch.wait_for("block_list", |e| e["event"] == "block_list");
    let state = first["state"].as_str().unwrap_or("").to_owned();
    let source = first["source"].as_str().unwrap_or("").to_owned();
    assert!(source.starts_with("xdms:"), "{first:#}");
    // The roster may have come before it.
    if !watch.events().iter().any(|e| e["event"] == "roster") {
        watch.wait_for("roster", |e| e["event"] == "roster");
    }
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "the conference is still watched");
    (state, outcome)
}

fn mark_of_bob(outcome: &Outcome) -> String {
    let there = roster(&outcome.events);
    there.get(&Lab::uri("bob")).cloned().unwrap_or_default()
}

#[test]
fn a_block_list_that_cannot_be_read_leaves_marks_unknown_and_is_named_in_a_line() {
    let lab = Lab::start(&[]);
    Focus::enter(&lab, "listed").step("full:bob");
    let down = format!("http://127.0.0.1:{}/xcap-root", free_port());
    for (root, password) in [(down, "alicepw\n"), (lab.xcap_root(), "wrong\n")] {
        let (state, outcome) = block_list(&lab, &root, password);
        assert_eq!(state, "unavailable", "{outcome:#?}");
        assert_eq!(mark_of_bob(&outcome), "unknown", "{outcome:#?}");
        outcome.assert_one_line(&[&root]);
    }
}

#[test]
fn a_wrong_xcap_root_is_named_in_a_line() {
    let lab = Lab::start(&[]);
    Focus::enter(&lab, "listed").step("full:bob");
    let root = format!("http://{}/elsewhere", lab.http());
    let (state, outcome) = block_list(&lab, &root, "alicepw\n");
    // A 404 on the document means an empty list (RFC 4825 §8.3); the line says what to check.
    assert!(["empty", "unavailable"].contains(&&*state), "{outcome:#?}");
    outcome.assert_one_line(&[&root]);
}

#[test]
fn a_block_list_document_without_entries_marks_nobody_and_everybody_is_clear() {
    let lab = Lab::start(&[]);
    Focus::enter(&lab, "listed")
        .step("blocked:")
        .step("full:bob");
    let (_, outcome) = block_list(&lab, &lab.xcap_root(), "alicepw\n");
    assert_eq!(mark_of_bob(&outcome), "clear", "{outcome:#?}");
    let lists = events(&outcome.events, "block_list");
    let entries: Vec<_> = lists.map(|(_, e)| e["entries"].clone()).collect();
    assert_eq!(entries.last(), Some(&Value::from(0)), "{outcome:#?}");
}
