//! `rollmark explain`: the story of a recording or of a capture, message by message, with clauses and what is odd.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rollmark_tests::pcap::{self, FORMS, Form, LINKS, Link, Side};
use rollmark_tests::process::{Ended, PATIENCE, Process, run_dir};
use rollmark_tests::watch::binary;
use serde_json::Value;

const DEMO: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/data/recordings/demo.recording"
);
const US: Side = Side {
    host: 1,
    port: 40_001,
};
const THEM: Side = Side {
    host: 2,
    port: 7_777,
};
const LITTLE: Form = Form::Classic {
    big: false,
    nanos: false,
};

fn explain(path: &Path, more: &[&str]) -> Ended {
    let mut command = Command::new(binary());
    command.arg("explain").arg(path).args(more);
    command.env_remove("RUST_BACKTRACE");
    Process::start(&mut command, "Run ./tests/run").finish(PATIENCE)
}

fn written(name: &str, octets: &[u8]) -> PathBuf {
    let path = run_dir("explain").join(name);
    fs::write(&path, octets).unwrap();
    path
}

fn story(path: &Path, more: &[&str]) -> Vec<Value> {
    let ended = explain(path, &[&["--json"], more].concat());
    assert_eq!(
        (ended.status, &*ended.stderr),
        (Some(0), &[][..]),
        "{ended:#?}"
    );
    let lines = ended.stdout.iter();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Whether a list of an entry has a text with these words in it.
fn has(entry: &Value, list: &str, words: &str) -> bool {
    let lines = entry[list].as_array().into_iter().flatten();
    lines
        .filter_map(Value::as_str)
        .any(|line| line.contains(words))
}

fn request(method: &str, cseq: u32, tags: (&str, &str), more: &str, body: &str) -> String {
    let (from, to) = match method {
        "NOTIFY" => ("sip:room@x.example", "sip:me@x.example"),
        _ => ("sip:me@x.example", "sip:room@x.example"),
    };
    let tag = |tag: &str| {
        if tag.is_empty() {
            String::new()
        } else {
            format!(";tag={tag}")
        }
    };
    format!(
        "{method} {to} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{method}{cseq}{}\r\nMax-Forwards: 70\r\n\
         From: <{from}>{}\r\nTo: <{to}>{}\r\nCall-ID: call\r\nCSeq: {cseq} {method}\r\nEvent: conference\r\n\
         Contact: <sip:c@192.0.2.9>\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len(),
        tag(tags.0),
        tag(tags.1),
        body.len()
    )
}

fn answer(status: &str, cseq: &str, more: &str) -> String {
    format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{cseq}\r\nFrom: <sip:me@x.example>;tag=a\r\n\
         To: <sip:room@x.example>;tag=b\r\nCall-ID: call\r\nCSeq: {cseq}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn document(version: u32, state: &str, users: &[&str]) -> String {
    let users: String = users
        .iter()
        .map(|user| format!("<user entity=\"sip:{user}@x.example\" state=\"full\"><endpoint entity=\"sip:{user}@h\"><status>connected</status></endpoint></user>"))
        .collect();
    format!(
        "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"sip:room@x.example\" state=\"{state}\" \
         version=\"{version}\"><users state=\"{state}\">{users}</users></conference-info>"
    )
}

/// A NOTIFY of a subscription that is active.
fn notify(cseq: u32, body: &str) -> String {
    let more = "Subscription-State: active;expires=600\r\nContent-Type: application/conference-info+xml\r\n";
    request("NOTIFY", cseq, ("b", "a"), more, body)
}

/// Who sent what: true from us.
fn conversation() -> Vec<(bool, String)> {
    vec![
        (
            true,
            request("SUBSCRIBE", 1, ("a", ""), "Expires: 600\r\n", ""),
        ),
        (false, notify(1, &document(1, "full", &["bob", "carol"]))),
        (false, answer("200 OK", "1 SUBSCRIBE", "Expires: 900\r\n")),
        (true, answer("200 OK", "1 NOTIFY", "")),
        (false, notify(2, &document(2, "partial", &["dave"]))),
        (false, notify(3, &document(5, "partial", &["erin"]))),
        (
            true,
            request("SUBSCRIBE", 2, ("a", "b"), "Expires: 600\r\n", ""),
        ),
        (false, notify(4, &document(6, "full", &["bob", "erin"]))),
        (true, answer("481 Gone", "4 NOTIFY", "")),
        (
            false,
            request(
                "NOTIFY",
                5,
                ("b", "a"),
                "Subscription-State: terminated;reason=noresource\r\n",
                "",
            ),
        ),
    ]
}

/// The conversation as packets, by UDP or TCP; over TCP cut up, out of order and sent twice.
fn packets(link: Link, six: bool, by_tcp: bool) -> Vec<(Duration, Vec<u8>)> {
    let mut packets = Vec::new();
    let mut sequences = [7u32, u32::MAX - 100];
    for (second, (ours, message)) in (1..).zip(conversation()) {
        let (from, to) = if ours { (US, THEM) } else { (THEM, US) };
        let at = Duration::from_millis(1_000_000 + second * 250);
        let mut put = |protocol, payload: Vec<u8>| {
            packets.push((
                at,
                link.packet(&pcap::ip(six, protocol, from, to, &payload)),
            ));
        };
        if !by_tcp {
            put(17, pcap::udp(from, to, message.as_bytes()));
            continue;
        }
        let sequence = &mut sequences[usize::from(ours)];
        if second <= 2 {
            put(6, pcap::tcp(from, to, sequence.wrapping_sub(1), 2, b""));
        }
        let (one, rest) = message.as_bytes().split_at(50);
        let (two, three) = rest.split_at(100);
        for (offset, part) in [(150, three), (0, one), (0, one), (50, two)] {
            put(
                6,
                pcap::tcp(from, to, sequence.wrapping_add(offset), 0x18, part),
            );
        }
        *sequence = sequence.wrapping_add(message.len() as u32);
    }
    packets
}

/// What every way of capturing the conversation comes to.
fn is_the_story(entries: &[Value]) {
    let [
        subscribe,
        first,
        ok,
        taken,
        dave,
        gap,
        refresh,
        whole,
        refused,
        last,
        summary,
    ] = entries
    else {
        panic!("{entries:#?}");
    };
    assert_eq!(subscribe["message"], "SUBSCRIBE sip:room@x.example");
    assert!(
        subscribe["is"]
            .as_str()
            .unwrap()
            .contains("subscribes to sip:room@x.example"),
        "{subscribe:#}"
    );
    assert!(
        has(subscribe, "clauses", "RFC 6665 §4.1.2.1"),
        "{subscribe:#}"
    );
    assert_eq!(
        subscribe["odd"].as_array().unwrap().len(),
        0,
        "{subscribe:#}"
    );
    assert!(
        has(first, "made", "2 users are here") && has(first, "made", "sip:carol@x.example"),
        "{first:#}"
    );
    assert!(has(first, "odd", "before the answer"), "{first:#}");
    assert!(
        (first["t"].as_f64().unwrap() - 0.25).abs() < 1e-6,
        "{first:#}"
    );
    assert!(has(ok, "odd", "900 s, more than the 600 s"), "{ok:#}");
    assert!(has(ok, "odd", "no Contact"), "{ok:#}");
    assert!(
        taken["is"].as_str().unwrap().ends_with("taken"),
        "{taken:#}"
    );
    assert!(has(dave, "made", "+ sip:dave@x.example joined"), "{dave:#}");
    assert!(
        has(gap, "odd", "version-gap") && has(gap, "odd", "RFC 4575 §4.6"),
        "{gap:#}"
    );
    assert!(
        has(gap, "made", "whole state is to be asked for"),
        "{gap:#}"
    );
    assert!(
        refresh["is"].as_str().unwrap().contains("refreshes"),
        "{refresh:#}"
    );
    assert!(
        has(whole, "made", "sip:carol@x.example left (vanished)"),
        "{whole:#}"
    );
    assert!(has(whole, "made", "sip:erin@x.example joined"), "{whole:#}");
    assert!(has(refused, "odd", "481"), "{refused:#}");
    assert!(
        last["is"].as_str().unwrap().contains("noresource"),
        "{last:#}"
    );
    assert_eq!(last["conference"], "sip:room@x.example");
    assert_eq!(summary["summary"]["messages"], 10);
    assert_eq!(summary["summary"]["without_sip"], 0);
}

/// SUB-21, SUB-30, SUB-45: however it was captured, the conversation has one story: six forms of files, seven of links, both
/// versions of IP, UDP and TCP.
#[test]
fn a_capture_has_one_story_whatever_its_form() {
    for (index, form) in FORMS.into_iter().enumerate() {
        for (number, link) in LINKS.into_iter().enumerate() {
            // Each form with each link, the rest in turn: what they do is apart from each other.
            let (six, by_tcp) = ((index + number) % 2 == 1, (index / 2 + number) % 2 == 1);
            let name = format!("{index}-{number}");
            let octets = pcap::file(form, link.number(), &packets(link, six, by_tcp));
            let entries = story(&written(&name, &octets), &[]);
            is_the_story(&entries);
            let way = entries[0]["way"].as_str().unwrap();
            let expected = match (six, by_tcp) {
                (false, false) => "192.0.2.1:40001 → 192.0.2.2:7777 UDP",
                (false, true) => "192.0.2.1:40001 → 192.0.2.2:7777 TCP",
                (true, false) => "[2001:db8::1]:40001 → [2001:db8::2]:7777 UDP",
                (true, true) => "[2001:db8::1]:40001 → [2001:db8::2]:7777 TCP",
            };
            assert_eq!(way, expected, "{form:?} {link:?}");
        }
    }
}

/// SUB-27, SUB-29, SUB-30, SUB-31, SUB-34: NOTIFYs that something is wrong with are told with the answer that is due, and the
/// roster is not touched by them.
#[test]
fn what_is_odd_is_told_with_its_clause() {
    let full = notify(4, &document(1, "full", &["bob"]));
    let late = notify(3, &document(9, "full", &["mallory"]));
    let other_event = notify(6, "").replace("Event: conference", "Event: presence");
    let no_state = notify(7, "").replace("Subscription-State", "X-State");
    let no_contact = notify(8, "").replace("Contact", "X-Contact");
    let bad_type = notify(9, "hello").replace("conference-info+xml", "pidf+xml");
    let bare =
        "NOTIFY sip:me@x.example SIP/2.0\r\nCall-ID: call\r\nEvent: conference\r\n\r\n".to_owned();
    let stray =
        notify(1, &document(1, "full", &["bob"])).replace("Call-ID: call", "Call-ID: other");
    let messages = [
        (
            request("SUBSCRIBE", 1, ("a", ""), "Expires: 10\r\n", ""),
            "",
        ),
        (full.clone(), ""),
        (full, "retransmission"),
        (late, "CSeq 3 is below 4"),
        (
            notify(4, &document(3, "full", &["eve"])).replace("branch=", "branch=other"),
            "taken once",
        ),
        (other_event, "SUB-23"),
        (no_state, "400 is due"),
        (no_contact, "no Contact"),
        (bad_type, "415 is due"),
        (bare, "no Via, From, To, CSeq"),
        (stray, "SUB-27"),
    ];
    let packets: Vec<_> = (1..)
        .zip(&messages)
        .map(|(second, (message, _))| {
            let ip = pcap::ip(
                false,
                17,
                THEM,
                US,
                &pcap::udp(THEM, US, message.as_bytes()),
            );
            (Duration::from_secs(second), ip)
        })
        .collect();
    let path = written("odd", &pcap::file(LITTLE, 101, &packets));
    let entries = story(&path, &[]);
    for (entry, (message, odd)) in entries.iter().zip(&messages) {
        assert!(
            odd.is_empty() || has(entry, "odd", odd),
            "{odd} for {message}: {entry:#}"
        );
    }
    for entry in &entries[2..10] {
        let made = entry["made"].as_array().map_or(0, Vec::len);
        assert_eq!(made, 0, "{entry:#}");
    }
    // As people read it.
    let text = explain(&path, &[]).stdout.join("\n");
    assert!(
        text.contains("ODD   its CSeq 3 is below 4") && text.contains("made  "),
        "{text}"
    );
}

/// RFC 6665 §4.4.1: a NOTIFY after the end, and one after the last expiry.
#[test]
fn what_comes_after_the_end_is_told() {
    let messages = [
        (0, request("SUBSCRIBE", 1, ("a", ""), "Expires: 10\r\n", "")),
        (
            1,
            answer(
                "200 OK",
                "1 SUBSCRIBE",
                "Expires: 10\r\nContact: <sip:c@h>\r\n",
            ),
        ),
        (
            60,
            notify(1, &document(1, "full", &["bob"])).replace(";expires=600", ""),
        ),
        (
            61,
            request(
                "NOTIFY",
                2,
                ("b", "a"),
                "Subscription-State: terminated;reason=timeout\r\n",
                "",
            ),
        ),
        (62, notify(3, "")),
    ];
    let packets: Vec<_> = messages
        .iter()
        .map(|(second, message)| {
            let ip = pcap::ip(
                false,
                17,
                THEM,
                US,
                &pcap::udp(THEM, US, message.as_bytes()),
            );
            (Duration::from_secs(*second), ip)
        })
        .collect();
    let entries = story(&written("after", &pcap::file(LITTLE, 101, &packets)), &[]);
    assert!(
        has(&entries[2], "odd", "expired 49.0 s before"),
        "{entries:#?}"
    );
    assert!(has(&entries[4], "odd", "had ended already"), "{entries:#?}");
}

/// RFC 3261 §16.6: a capture at a proxy has each message twice, which is nothing odd and is read once.
#[test]
fn a_message_that_a_proxy_passes_on_is_told_as_that() {
    let client = Side {
        host: 3,
        port: 5060,
    };
    let packets: Vec<_> = conversation()
        .into_iter()
        .flat_map(|(ours, message)| {
            let (first, second) = match ours {
                true => ((client, US), (US, THEM)),
                false => ((THEM, US), (US, client)),
            };
            [first, second].map(|(from, to)| {
                let ip = pcap::ip(
                    false,
                    17,
                    from,
                    to,
                    &pcap::udp(from, to, message.as_bytes()),
                );
                (Duration::from_secs(1), ip)
            })
        })
        .collect();
    let entries = story(&written("proxy", &pcap::file(LITTLE, 101, &packets)), &[]);
    assert_eq!(entries.len(), 21);
    for pair in entries[..20].chunks(2) {
        assert!(
            pair[1]["is"]
                .as_str()
                .unwrap()
                .contains("a proxy passes it on"),
            "{pair:#?}"
        );
        assert_eq!(
            pair[1]["odd"].as_array().map(Vec::len),
            Some(0),
            "{pair:#?}"
        );
    }
    let joined = entries.iter().filter(|entry| has(entry, "made", "joined"));
    assert_eq!(joined.count(), 2, "{entries:#?}");
}

/// One conference of several, in captures and recordings.
#[test]
fn one_conference_can_be_told_alone() {
    let own = conversation().into_iter().map(|(_, message)| message);
    let others = conversation()
        .into_iter()
        .map(|(_, message)| message.replace("room", "other").replace("call", "call2"));
    let register = request("REGISTER", 9, ("r", ""), "", "");
    let packets: Vec<_> = own
        .chain(others)
        .chain([register])
        .map(|message| {
            let ip = pcap::ip(
                false,
                17,
                THEM,
                US,
                &pcap::udp(THEM, US, message.as_bytes()),
            );
            (Duration::from_secs(1), ip)
        })
        .collect();
    let path = written("several", &pcap::file(LITTLE, 101, &packets));
    assert_eq!(story(&path, &[]).len(), 22);
    let alone = story(
        &path,
        &["--conference", "sip:other@X.example;transport=tcp"],
    );
    assert_eq!(alone.len(), 11, "{alone:#?}");
    assert!(
        alone[..10]
            .iter()
            .all(|entry| entry["conference"] == "sip:other@x.example"),
        "{alone:#?}"
    );
}

/// The demo's recording: what rollmark did and why, blocked users with their entry, the gap with its clause.
#[test]
fn a_recording_is_told_with_what_rollmark_made_of_it() {
    let entries = story(Path::new(DEMO), &[]);
    let find = |words: &str| {
        let mut found = entries.iter().filter(|entry| {
            entry["message"]
                .as_str()
                .is_some_and(|message| message.starts_with(words))
        });
        found
            .next()
            .unwrap_or_else(|| panic!("no {words}: {entries:#?}"))
    };
    assert!(has(find("GET http"), "clauses", "RFC 4825"));
    assert!(has(find("SUBSCRIBE"), "clauses", "RFC 6665 §4.1.2.1"));
    let first = find("NOTIFY");
    assert!(
        has(first, "made", "BLOCKED by entry") && has(first, "made", "answered 200"),
        "{first:#}"
    );
    let gap = entries
        .iter()
        .find(|entry| has(entry, "odd", "version-gap"))
        .expect("a gap");
    assert!(
        gap["message"].as_str().unwrap().starts_with("NOTIFY"),
        "{gap:#}"
    );
    assert!(has(gap, "made", "roster stale"), "{gap:#}");
    let conference = first["conference"].as_str().unwrap();
    let alone = story(Path::new(DEMO), &["--conference", conference]);
    assert!(
        alone.len() > 10 && alone.len() < entries.len(),
        "{}",
        alone.len()
    );
}

/// Status 1 and one line for what cannot be read; what is whole is told before.
#[test]
fn what_cannot_be_read_is_told_in_one_line() {
    let packets = packets(Link::RawIp, false, false);
    let whole = pcap::file(LITTLE, 101, &packets);
    let recording = fs::read_to_string(DEMO).unwrap();
    let cases: [(&str, &[u8], &str, bool); 6] = [
        (
            "link",
            &pcap::file(LITTLE, 147, &packets),
            "link type 147",
            false,
        ),
        (
            "link-ng",
            &pcap::file(FORMS[4], 147, &packets),
            "link type 147",
            false,
        ),
        (
            "cut",
            &whole[..whole.len() - 5],
            "cut off after packet 9",
            true,
        ),
        (
            "text",
            b"hello, world\n",
            "neither a recording nor a capture",
            false,
        ),
        ("empty", b"", "neither a recording nor a capture", false),
        (
            "recording",
            &recording.as_bytes()[..recording.len() / 2],
            "cut off at line",
            true,
        ),
    ];
    for (name, octets, words, told) in cases {
        let ended = explain(&written(name, octets), &["--json"]);
        assert_eq!(ended.status, Some(1), "{name}: {ended:#?}");
        let [line] = &ended.stderr[..] else {
            panic!("{name}: {ended:#?}");
        };
        assert!(
            line.contains(words) && line.contains(name),
            "{name}: {line}"
        );
        assert_eq!(ended.stdout.len() > 2, told, "{name}: {ended:#?}");
    }
}
