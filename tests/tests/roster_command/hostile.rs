//! Documents made to do harm: refused whole, in bounded time, and never raw on a terminal (SEC-06…09).

use crate::command::{brief, delta, full, json, run, users};

/// A full document with something before its users.
fn around(before: &str) -> Vec<u8> {
    full(1, &users("a"))
        .replacen("<users>", &format!("{before}<users>"), 1)
        .into_bytes()
}

#[test]
fn malformed_bodies_are_refused_by_name_and_keep_the_roster() {
    let good = full(1, &users("a"));
    let entities = "<!DOCTYPE c [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>";
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("white space alone", b" \r\n".to_vec()),
        ("white space beyond the limit", vec![b' '; (4 << 20) + 1]),
        ("cut off", good.as_bytes()[..good.len() - 9].to_vec()),
        ("text", b"503 Service Unavailable".to_vec()),
        ("two documents", [good.as_bytes(), good.as_bytes()].concat()),
        ("a DOCTYPE", format!("<!DOCTYPE c>{good}").into_bytes()),
        (
            "entities",
            format!("{entities}{}", good.replace("sip:a@x", "&b;")).into_bytes(),
        ),
        (
            "an unknown entity",
            good.replace("sip:a@x", "&nbsp;").into_bytes(),
        ),
        ("an unbound prefix", around("<p:x/>")),
        (
            "cut off inside a character",
            good.replace("sip:a@x", "sip:\u{e9}")
                .into_bytes()
                .into_iter()
                .filter(|&b| b != 0xa9)
                .collect(),
        ),
        (
            "another encoding",
            format!("<?xml version='1.0' encoding='iso-8859-1'?>{good}").into_bytes(),
        ),
        (
            "UTF-16",
            good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        ("NUL", good.replace("sip:a@x", "sip:\0@x").into_bytes()),
        (
            "elements too deep",
            around(&format!("{}{}", "<x>".repeat(64), "</x>".repeat(64))),
        ),
        (
            "too many attributes",
            around(&format!(
                "<x {}/>",
                (0..65).map(|i| format!("a{i}='' ")).collect::<String>()
            )),
        ),
        ("one attribute twice", around("<x a='1' a='2'/>")),
        (
            "a text too long",
            around(&format!(
                "<conference-description><subject>{}</subject></conference-description>",
                "x".repeat((64 << 10) + 1)
            )),
        ),
        (
            "too many users",
            full(
                2,
                &(0..20_001)
                    .map(|i| format!("<user entity='sip:{i}@x'/>"))
                    .collect::<String>(),
            )
            .into_bytes(),
        ),
        (
            "too many endpoints",
            full(
                2,
                &format!(
                    "<user entity='sip:a@x'>{}</user>",
                    (0..65)
                        .map(|i| format!("<endpoint entity='{i}'/>"))
                        .collect::<String>()
                ),
            )
            .into_bytes(),
        ),
    ];
    for mode in [&["--strict"][..], &[]] {
        for (what, body) in &bodies {
            let outcome = json(mode, &[good.as_bytes(), body]);
            assert_eq!(
                brief(&outcome),
                "a | uncertain v1 ! | malformed-body",
                "{what} {mode:?}"
            );
            let outcome = json(mode, &[body]);
            assert_eq!(
                brief(&outcome),
                "| none ! | malformed-body",
                "{what} {mode:?}"
            );
        }
    }
}

#[test]
fn what_is_at_a_limit_is_read() {
    let good = full(1, &users("a"));
    let mut padded = vec![b' '; (4 << 20) - good.len()];
    padded.extend_from_slice(good.as_bytes());
    for body in [
        padded,
        around(&format!("{}{}", "<x>".repeat(63), "</x>".repeat(63))),
        format!("\u{feff}\n<?xml version='1.0' encoding='utf-8'?>{good}").into_bytes(),
    ] {
        assert_eq!(brief(&json(&[], &[body])), "a | current v1 |");
    }
}

#[test]
fn nothing_that_turns_text_around_or_acts_on_a_terminal_comes_out_raw() {
    let name = "\u{202e}eve\u{2066}\u{200f}\u{7f}\u{85}\u{9b}31m";
    let documents = [
        full(
            1,
            &format!("<user entity='sip:{name}@x'><display-text>{name}</display-text></user>"),
        ),
        delta(9, "").replace("sip:c@x", &format!("sip:{name}@x")),
    ];
    for options in [&["--json"][..], &[]] {
        let output = run(options, &documents);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let raw = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{2066}\u{200f}".contains(*c));
        assert_eq!(raw, None, "{text:?}");
    }
    let outcome = json(&[], &documents);
    assert_eq!(outcome["users"][0]["display_text"], name);
}

#[test]
fn a_roster_grows_over_documents_only_up_to_the_limit() {
    let many = |from: u32, to: u32| -> String {
        (from..to)
            .map(|i| format!("<user entity='sip:{i}@x'/>"))
            .collect()
    };
    let outcome = json(
        &[],
        &[
            full(1, &many(0, 15_000)),
            delta(2, &many(15_000, 20_000)),
            delta(3, &many(20_000, 20_001)),
        ],
    );
    assert_eq!(outcome["users"].as_array().map(Vec::len), Some(20_000));
    assert_eq!(outcome["version"], 2);
    assert_eq!(outcome["deviations"][0]["code"], "malformed-body");
}
