//! Recordings: `--record`, and `rollmark replay`, which tells what was told (SEC-16).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rollmark_tests::focus::Focus;
use rollmark_tests::lab::Lab;
use rollmark_tests::process::{Ended, PATIENCE, Process, run_dir};
use rollmark_tests::replaced::replaced;
use rollmark_tests::roster::{deviations, events};
use rollmark_tests::watch::{Watch, binary};
use serde_json::Value;

/// A redacted recording of `rollmark demo`.
const DEMO: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/data/recordings/demo.recording"
);

fn run(args: &[&str]) -> Ended {
    let mut command = Command::new(binary());
    command.args(args).env_remove("RUST_BACKTRACE");
    Process::start(&mut command, "Run ./tests/run").finish(PATIENCE)
}

fn replay(path: &Path) -> Ended {
    run(&["replay", &path.display().to_string(), "--json"])
}

fn file(name: &str) -> PathBuf {
    run_dir("recordings").join(name)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the words of an event stream are in another. Sentences of the program's own are looked at apart: words in them may be
/// somebody's, too.
fn renamed(told: &[String], again: &[String]) -> HashMap<String, String> {
    let apart = |lines: &[String]| {
        let (mut sentences, mut rest) = (Vec::new(), String::new());
        for line in lines {
            let mut event: Value = serde_json::from_str(line).expect("an event");
            let event = event.as_object_mut().expect("an object");
            sentences.push(event.remove("mode_reason"));
            event.remove("detail");
            rest.push_str(&format!("{}\n", Value::Object(event.clone())));
        }
        (sentences, rest)
    };
    let ((sentences, told), (again_sentences, again)) = (apart(told), apart(again));
    assert_eq!(sentences, again_sentences);
    replaced(&told, &again).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Plays the demo, recorded; its event stream and the file.
fn demo(name: &str, args: &[&str]) -> (Vec<String>, PathBuf) {
    let path = file(name);
    let shown = path.display().to_string();
    let recorded = ["demo", "--pace", "0.1", "--json", "--record", &shown];
    let ended = run(&[&recorded[..], args].concat());
    assert_eq!(
        (ended.status, &*ended.stderr),
        (Some(0), &[][..]),
        "{ended:#?}"
    );
    (ended.stdout, path)
}

/// Byte for byte the event stream of the run, where names are kept.
#[test]
fn a_replay_tells_what_was_told_byte_for_byte() {
    for mode in ["sip", "ims"] {
        let (told, path) = demo(&format!("kept-{mode}"), &["--no-redact", "--mode", mode]);
        let ended = replay(&path);
        assert_eq!(
            (ended.status, &*ended.stderr),
            (Some(0), &[][..]),
            "{ended:#?}"
        );
        assert_eq!(ended.stdout, told);
        assert!(told.len() > 20, "{told:#?}");
    }
}

/// SEC-16: without asking, nobody is named; the event stream is that of the run under other names.
#[test]
fn a_recording_names_nobody_and_its_replay_tells_the_same_of_others() {
    let (told, path) = demo("replaced", &[]);
    let ended = replay(&path);
    assert_eq!(
        (ended.status, &*ended.stderr),
        (Some(0), &[][..]),
        "{ended:#?}"
    );
    let words = renamed(&told, &ended.stdout);
    let recording = text(&path).to_lowercase();
    for name in ["alice", "mallory", "trudy", "book", "whale", "spoilers"] {
        assert!(!recording.contains(name), "{name} is in the recording");
        assert_ne!(words[name], name);
    }
    for plain in ["blocked", "connected", "oma_blockedcontacts", "booted"] {
        assert_eq!(words[plain], plain);
    }
}

/// The same for people: text as `watch` prints it.
#[test]
fn a_replay_without_json_is_for_people() {
    let ended = run(&["replay", DEMO]);
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let text = ended.stdout.join("\n");
    assert!(
        text.contains("users are here:") && text.contains("BLOCKED"),
        "{text}"
    );
}

/// A recording is a test fixture: that of the demo comes to the demo's story, by whatever names.
#[test]
fn the_recorded_demo_comes_to_its_story() {
    let ended = replay(Path::new(DEMO));
    assert_eq!(
        (ended.status, &*ended.stderr),
        (Some(0), &[][..]),
        "{ended:#?}"
    );
    let stream: Vec<Value> = ended
        .stdout
        .iter()
        .map(|line| serde_json::from_str(line).expect("an event"))
        .collect();
    let count = |name| events(&stream, name).count();
    assert_eq!(
        (count("roster"), count("joined"), count("blocked")),
        (1, 4, 3),
        "{stream:#?}"
    );
    assert_eq!((count("left"), count("ended")), (4, 1), "{stream:#?}");
    assert!(deviations(&stream).contains(&"version-gap"), "{stream:#?}");
    let (_, opening) = events(&stream, "roster").next().unwrap();
    assert_eq!(opening["users"].as_array().map(Vec::len), Some(4));
}

/// SEC-16: what is asked of a server with a password leaves neither the password nor an answer that it could be found by, in
/// either kind of recording; and what Kamailio does comes again.
#[test]
fn a_recording_against_kamailio_holds_no_secret_and_comes_again() {
    const ROOM: &str = "room";
    let lab = Lab::start(&[]);
    let mut focus = Focus::enter(&lab, ROOM);
    focus.step("blocked:mallory").step("full:bob,mallory");
    let password = lab.file("alice.password", "alicepw\n");
    let (room, alice, server, root) = (
        Lab::uri(ROOM),
        Lab::uri("alice"),
        lab.server(),
        lab.xcap_root(),
    );
    for (name, more) in [
        ("kamailio-kept", &["--no-redact"][..]),
        ("kamailio-replaced", &[]),
    ] {
        let path = file(name);
        let shown = path.display().to_string();
        let account = [
            "watch", &room, "--as", &alice, "--server", &server, "--user", "alice",
        ];
        let secrets = [
            "--password-file",
            &password,
            "--xcap-root",
            &root,
            "--xcap-user",
            "alice",
        ];
        let rest = ["--xcap-password-file", &password, "--record", &shown];
        let mut watch = Watch::start(&[&account[..], &secrets, &rest, more].concat());
        watch.wait_user("blocked", &Lab::uri("mallory"));
        watch.interrupt();
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(0), "{outcome:#?}");
        assert_eq!(outcome.stderr, [""; 0]);

        let recording = text(&path);
        assert!(
            recording.contains("Authorization"),
            "nothing was authenticated: {recording}"
        );
        assert!(
            !recording.contains("alicepw"),
            "the password is in the recording"
        );
        for (line, message) in recording.lines().enumerate() {
            for param in ["response=", "cnonce=", "rspauth="] {
                for (at, _) in message.match_indices(param) {
                    let value = message[at + param.len()..].trim_start_matches(['\\', '"']);
                    assert!(value.starts_with('*'), "line {}: {message}", line + 1);
                }
            }
        }
        let ended = replay(&path);
        assert_eq!(
            (ended.status, &*ended.stderr),
            (Some(0), &[][..]),
            "{ended:#?}"
        );
        let told: Vec<String> = outcome.events.iter().map(Value::to_string).collect();
        if more.is_empty() {
            renamed(&told, &ended.stdout);
            assert!(
                !recording.contains("mallory") && !recording.contains("alice"),
                "{recording}"
            );
        } else {
            assert_eq!(ended.stdout, told);
        }
    }
}

/// Status 1 and one line, with the number of the line; what is whole is told before.
#[test]
fn a_recording_that_is_bad_is_told_as_far_as_it_goes_and_one_line_says_where() {
    let whole = text(Path::new(DEMO));
    let told = replay(Path::new(DEMO)).stdout;
    let lines: Vec<&str> = whole.lines().collect();
    let middle = format!("line {}", lines.len() / 2);
    let half = lines[..lines.len() / 2].join("\n");
    let no_end = lines[..lines.len() - 1].join("\n");
    let newer = whole.replacen(":1,", ":2,", 1);
    let cases = [
        ("half", half.as_str(), &["cut off", &*middle][..]),
        ("no-end", &*no_end, &["cut off", "line"]),
        ("newer", &newer, &["version 2", "version 1"]),
        ("none", "<conference-info/>\n", &["no recording"]),
        ("empty", "", &["no recording"]),
    ];
    for (name, content, words) in cases {
        let path = file(name);
        fs::write(&path, content).unwrap();
        let ended = replay(&path);
        assert_eq!(ended.status, Some(1), "{name}: {ended:#?}");
        let [line] = &ended.stderr[..] else {
            panic!("{name}: {ended:#?}");
        };
        for word in words.iter().chain(&[name]) {
            assert!(line.contains(word), "{name}: {word:?} in {line:?}");
        }
        assert_eq!(ended.stdout, told[..ended.stdout.len()], "{name}");
        assert_eq!(
            ended.stdout.is_empty(),
            !words.contains(&"cut off"),
            "{name}"
        );
    }
    let missing = replay(&file("missing"));
    assert_eq!(
        (missing.status, missing.stderr.len()),
        (Some(1), 1),
        "{missing:#?}"
    );
}

/// A disk that is full ends the recording with one line, and nothing else; a file that cannot be made ends the command.
#[test]
fn a_recording_that_cannot_be_written_ends_no_watch() {
    let ended = run(&["demo", "--pace", "0.1", "--json", "--record", "/dev/full"]);
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let [line] = &ended.stderr[..] else {
        panic!("{ended:#?}");
    };
    assert!(
        line.contains("/dev/full ends here") && line.contains("No space"),
        "{line}"
    );
    assert!(
        ended.stdout.last().unwrap().contains("\"ended\""),
        "{ended:#?}"
    );

    let ended = run(&["demo", "--json", "--record", "/nowhere/at/all"]);
    assert_eq!(
        (ended.status, ended.stderr.len(), ended.stdout.len()),
        (Some(1), 1, 0),
        "{ended:#?}"
    );
    assert!(ended.stderr[0].contains("/nowhere/at/all"), "{ended:#?}");
    assert_eq!(run(&["demo", "--no-redact"]).status, Some(2));
}
