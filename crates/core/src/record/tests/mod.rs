//! Recordings: what is written is read again, a replay gives the same outputs, faults are named.

mod inputs;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use self::inputs::{input, text};
use super::kind::KINDS;
use super::*;
use crate::blocklist::{BlockList, Entry, SourceState};
use crate::digest::Credentials;
use crate::message::Response;

const SEED: [u8; 32] = [0xa7; 32];

/// A few inputs of a run, each of its own kind where there are several.
fn run() -> (Recorder, Vec<String>) {
    let mut recorder = Recorder::new(Capabilities::TRANSACTION, SEED);
    let mut outputs = Vec::new();
    let settings = AccountSettings {
        credentials: Some(Credentials {
            username: "me".into(),
            password: "open sesame".into(),
        }),
        sources: vec!["list".into()],
        ..AccountSettings::new("sip:me@example.org")
    };
    let registration = Registration {
        contact: "sip:me@192.0.2.2".into(),
        ..Registration::default()
    };
    let now = Duration::from_millis(1_000_020);
    let account = recorder.add_account(settings, registration);
    let watch = recorder.watch(now, account, "sip:room@example.org");
    let watch = watch.expect("a SIP URI");
    let mut sent = None;
    while let Some(action) = recorder.poll_action() {
        outputs.push(format!("{action:?}"));
        if let Action::Send {
            transaction,
            request,
            ..
        } = action
        {
            sent = Some((transaction, request));
        }
    }
    let (transaction, request) = sent.expect("a SUBSCRIBE");
    recorder.comment("the server answers\nat once");
    let to = "<sip:room@example.org>;tag=f";
    let response = Response {
        status: 200,
        reason: "OK".into(),
        headers: [("To", to), ("Contact", "<sip:f@192.0.2.1>")]
            .into_iter()
            .collect(),
        body: Vec::new(),
    };
    let fact = Fact::Response {
        transaction,
        response,
    };
    recorder.handle_fact(now, fact);
    let own = |name| request.headers.get(name).unwrap_or_default();
    let notify = Request {
        method: "NOTIFY".into(),
        uri: "sip:me@192.0.2.2".into(),
        headers: [
            ("Call-ID", own("Call-ID")),
            ("To", own("From")),
            ("From", to),
            ("CSeq", "1 NOTIFY"),
            ("Event", "conference"),
            ("Contact", "<sip:f@192.0.2.1>"),
            ("Subscription-State", "active;expires=60"),
            ("Content-Type", "application/conference-info+xml"),
        ]
        .into_iter()
        .collect(),
        body: b"<conference-info xmlns='urn:ietf:params:xml:ns:conference-info'\r\n entity='sip:room@example.org' \
                version='1'><users><user entity='sip:bob@x'/></users></conference-info>\n"
            .to_vec(),
    };
    let answer = recorder.handle_request(now, notify);
    outputs.push(format!("{answer:?}"));
    let entry = Entry {
        uri: Arc::from("sip:bob@x"),
        list: None,
        rule: Some(Arc::from("a rule")),
    };
    let list = BlockList {
        entries: vec![entry],
        complete: true,
        rules: None,
    };
    let update = Update {
        state: SourceState::Fresh,
        list: Some(list),
        etag: Some("\"x\"".into()),
    };
    recorder.handle_block_list(account, "list", update);
    recorder.handle_timeout(now + Duration::from_secs(40));
    recorder.unsubscribe(now + Duration::from_secs(41), watch);
    recorder.stop(now + Duration::from_secs(42), Duration::from_secs(5));
    while let Some(action) = recorder.poll_action() {
        outputs.push(format!("{action:?}"));
    }
    while let Some(event) = recorder.poll_event() {
        outputs.push(format!("{event:?}"));
    }
    outputs.sort();
    (recorder, outputs)
}

#[test]
fn a_run_that_is_played_again_gives_the_same_outputs() {
    let (recorder, expected) = run();
    let text = recorder.finish();
    let recording = Recording::read(&text).unwrap();
    assert_eq!(recording.inputs.len(), 8);
    let mut outputs = Vec::new();
    for step in recording.replay(RecordedAccount::settings) {
        if let Returned::Answer(answer) = step.returned {
            outputs.push(format!("{answer:?}"));
        }
        outputs.extend(step.actions.iter().map(|action| format!("{action:?}")));
        outputs.extend(step.events.iter().map(|event| format!("{event:?}")));
    }
    outputs.sort();
    assert_eq!(outputs, expected);
    assert!(expected.iter().any(|output| output.contains("Blocked(")));
}

#[test]
fn a_recording_holds_no_password_and_can_be_read_by_people() {
    let (mut recorder, _) = run();
    let part = recorder.take_text();
    let text = part + &recorder.finish();
    assert!(!text.contains("sesame"), "{text}");
    for line in [
        "rollmark-recording 1",
        "# at once",
        "watch at=1000.02 account=1 target=\"sip:room@example.org\" once=false",
        "  CSeq: 1 NOTIFY",
        "  |<conference-info xmlns='urn:ietf:params:xml:ns:conference-info'\\r",
        "  entry uri=\"sip:bob@x\" rule=\"a rule\"",
        "timeout at=1040.02",
        "end inputs=8",
    ] {
        assert!(text.lines().any(|held| held == line), "{line}\n{text}");
    }
    assert!(text.contains("username=me "));
}

#[test]
fn every_kind_of_input_is_known_by_its_word() {
    for kind in KINDS {
        let input = Input::blank(kind).unwrap();
        assert_eq!(input.kind(), kind);
        assert_eq!(once_more(&input), input, "{kind}");
    }
}

fn once_more(input: &Input) -> Input {
    let text = Recorder::new(Capabilities::DIALOG, SEED).finish();
    let (head, _) = text.split_once("end ").unwrap();
    let text = format!("{head}{}end inputs=1\n", input.text());
    let recording = Recording::read(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    assert_eq!(
        (recording.capabilities, recording.seed),
        (Capabilities::DIALOG, SEED)
    );
    let [input] = &recording.inputs[..] else {
        panic!("one input");
    };
    input.clone()
}

#[test]
fn faults_are_named_with_their_line() {
    let (recorder, _) = run();
    let text = recorder.finish();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let line_of = |word: &str| {
        1 + text
            .lines()
            .position(|line| line.starts_with(word))
            .unwrap()
    };
    let (watch, timeout) = (line_of("watch"), line_of("timeout"));
    for (text, expected) in [
        (String::new(), Fault::NoRecording),
        (replaced("rollmark-recording 1", "{}"), Fault::NoRecording),
        (
            replaced("recording 1\n", "recording 2\n"),
            Fault::Version {
                version: "2".into(),
            },
        ),
        (
            replaced("timeout at=", "time-out at="),
            Fault::UnknownInput {
                line: timeout,
                kind: "time-out".into(),
            },
        ),
        (
            replaced("timeout at=", "timeout why=x at="),
            Fault::UnknownField {
                line: timeout,
                field: "why".into(),
            },
        ),
        (
            replaced("watch at=1000.02 ", "watch "),
            Fault::MissingField {
                line: watch,
                field: "at",
            },
        ),
        (
            replaced("watch at=1000.02 ", "watch at=noon "),
            Fault::BadValue {
                line: watch,
                field: "at",
                value: "noon".into(),
            },
        ),
        (
            replaced("timeout at=", "timeout at"),
            Fault::Syntax { line: timeout },
        ),
        (
            replaced("timeout ", "engine kind=dialog\ntimeout "),
            Fault::Engine { line: timeout },
        ),
        (
            replaced("inputs=8", "inputs=9"),
            Fault::CutOff { inputs: 8 },
        ),
        (replaced("end inputs=8\n", ""), Fault::CutOff { inputs: 8 }),
    ] {
        assert_eq!(Recording::read(&text), Err(expected.clone()));
        assert!(!expected.to_string().is_empty());
    }
}

/// Wherever a file ends too early, that is told, and what was whole can be played.
#[test]
fn a_recording_that_was_cut_off_is_reported_wherever_it_ends() {
    let (recorder, _) = run();
    let text = recorder.finish();
    let whole = Recording::read(&text).unwrap();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        assert!(Recording::read(&text[..end]).is_err(), "{end}");
        if let Ok((part, fault)) = Recording::read_part(&text[..end]) {
            let inputs = part.inputs.len();
            assert!(fault.is_some(), "{end}");
            // A cut between two lines of a body cannot be seen.
            let sure = inputs.saturating_sub(usize::from(text[..end].ends_with('\n')));
            assert_eq!(part.inputs[..sure], whole.inputs[..sure], "{end}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_input_is_read_as_it_was_written(input in input()) {
        prop_assert_eq!(once_more(&input), input);
    }

    #[test]
    fn any_input_is_the_same_once_it_was_in_parts(input in input()) {
        prop_assert_eq!(Input::of_parts(7, input.parts()), Ok(input));
    }

    /// Whatever came, it can be replaced, and the same by the same.
    #[test]
    fn any_input_can_be_replaced(input in input()) {
        let once = Redactor::new(SEED, [1; 32]).input(&input);
        prop_assert_eq!(once.kind(), input.kind());
        prop_assert_eq!(Redactor::new(SEED, [1; 32]).input(&input), once);
        prop_assert_eq!(Redactor::of_secrets().input(&input).at(), input.at());
    }

    #[test]
    fn no_text_makes_the_reader_panic(lines in proptest::collection::vec(text(), 0..6), at in any::<u16>()) {
        let (recorder, _) = run();
        let whole = recorder.finish();
        let mut at = usize::from(at) % whole.len();
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        let damaged = format!("{}{}{}", &whole[..at], lines.join("\n"), &whole[at..]);
        let _ = Recording::read_part(&damaged).map(|(part, _)| {
            part.replay(RecordedAccount::settings).count()
        });
    }
}

/// The profile is the host's: a replay may be given another one.
#[test]
fn a_replay_is_completed_with_the_hosts_own_profile_and_password() {
    let (recorder, _) = run();
    let recording = Recording::read(&recorder.finish()).unwrap();
    let mut asked = Vec::new();
    let steps = recording.replay(|account| {
        asked.push((account.profile, account.username.clone()));
        AccountSettings {
            profile: Box::new(crate::profile::Plain::default()),
            ..account.settings()
        }
    });
    assert_eq!(steps.count(), 8);
    assert_eq!(asked, [(ProfileName::Plain, Some("me".to_string()))]);
}
