//! Documents in the shapes that servers are known to send; each is a room of its own under `tests/data`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use rollmark_tests::watch::binary;
use serde_json::{Value, json};

use crate::command::{brief, outcome, story};

fn paths(room: &str, documents: usize) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/conference-info");
    match documents {
        1 => vec![folder.join(format!("{room}.xml"))],
        n => (1..=n)
            .map(|at| folder.join(format!("{room}-{at}.xml")))
            .collect(),
    }
}

#[track_caller]
fn roster(options: &[&str], room: &str, documents: usize) -> Value {
    let output = Command::new(binary())
        .args(["roster", "--json"])
        .args(options)
        .args(paths(room, documents))
        .output()
        .expect("rollmark runs");
    outcome(&output)
}

#[test]
fn rosters_come_out_as_a_person_would_read_them() {
    let mut wrong = Vec::new();
    for (room, documents, strict, lenient) in [
        (
            "bare-users",
            4,
            "ivy@people.example (sage@people.example) | current v3 |",
            "fern@people.example ivy@people.example (sage@people.example) | uncertain v3 ! | users-full-in-partial",
        ),
        (
            "version-0",
            3,
            "| none ! | media-without-id",
            "(caller@bridge.example) dispatcher@bridge.example medic@bridge.example | current v0 | media-without-id version-not-increasing",
        ),
        (
            "shared-counter",
            3,
            "1002@pbx.example 1003@pbx.example | current v24 |",
            "1002@pbx.example 1003@pbx.example | current v24 |",
        ),
        (
            "no-scheme",
            1,
            "alto@voice.example bass@voice.example | current v4 | entity-without-scheme",
            "alto@voice.example bass@voice.example | current v4 | entity-without-scheme",
        ),
        (
            "group-chat",
            1,
            "tel:+33-1-99-00-11-22 +33199003344@ims.example;user=phone (+33199005566@ims.example) | current v1 |",
            "tel:+33-1-99-00-11-22 +33199003344@ims.example;user=phone (+33199005566@ims.example) | current v1 |",
        ),
        (
            "anonymous",
            2,
            "counsellor@care.example | current v2 | duplicate-entity",
            "anonymous@anonymous.invalid counsellor@care.example | current v2 |",
        ),
        (
            "foreign-users",
            1,
            "chair@corp.example | current v1 |",
            "chair@corp.example | current v1 |",
        ),
        (
            "host-case",
            2,
            "ada@Rooms.Example bea@Rooms.Example | current v2 |",
            "bea@Rooms.Example | current v2 | key-spelling",
        ),
        (
            "lingering",
            4,
            "+4470011@ims.example (+4470022@ims.example) | current v4 |",
            "+4470011@ims.example (+4470022@ims.example) | current v4 |",
        ),
        (
            "nickname",
            1,
            "emily@chat.example | current v1 |",
            "emily@chat.example | current v1 |",
        ),
        (
            "extensions",
            1,
            "kim@office.example | current v1 |",
            "kim@office.example | current v1 |",
        ),
        (
            "no-version",
            1,
            "| none ! | missing-version",
            "kofi@chat.example | current | missing-version",
        ),
    ] {
        for (options, expected) in [(&["--strict"][..], strict), (&[], lenient)] {
            let found = brief(&roster(options, room, documents));
            if found != expected {
                wrong.push(format!(
                    "{room} {options:?}\n  due   {expected}\n  found {found}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_events_of_a_room_add_up_to_its_users() {
    for (room, documents) in [
        ("bare-users", 4),
        ("version-0", 3),
        ("shared-counter", 3),
        ("host-case", 2),
        ("lingering", 4),
    ] {
        let found = roster(&[], room, documents);
        let events = found["events"].as_array().expect("events");
        let users = found["users"].as_array().expect("users").iter();
        let present: BTreeMap<String, String> = users
            .filter(|user| user["present"] == true)
            .map(|user| (text(&user["entity"]), text(&user["mark"])))
            .collect();
        assert_eq!(rollmark_tests::roster::roster(events), present, "{room}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn deltas_with_bare_users_tell_who_came_and_who_left() {
    assert_eq!(
        story(&roster(&[], "bare-users", 4)),
        [
            "1 conference",
            "1 roster",
            "2 joined sip:ivy@people.example",
            "3 left sip:moss@people.example departed gone",
            "4 listed sip:sage@people.example",
            "4 updated sip:ivy@people.example roles",
        ]
        .map(|line| line.replace("sip:", ""))
    );
}

#[test]
fn a_server_that_never_counts_is_followed() {
    assert_eq!(
        story(&roster(&[], "version-0", 3)),
        [
            "1 conference",
            "1 roster",
            "2 conference",
            "2 joined dispatcher@bridge.example",
            "3 left caller@bridge.example departed kept",
            "3 joined medic@bridge.example",
        ]
    );
}

#[test]
fn whoever_lingers_in_the_list_has_left_once() {
    assert_eq!(
        story(&roster(&[], "lingering", 4)),
        [
            "1 roster",
            "2 joined +4470022@ims.example",
            "3 left +4470022@ims.example booted kept",
        ]
    );
}

#[test]
fn texts_are_kept_as_written_and_words_without_their_blanks() {
    let found = roster(&[], "group-chat", 1);
    assert_eq!(found["info"]["subject"], "\n      Sunday\n      walk\n    ");
    assert_eq!(found["info"]["maximum_user_count"], 10);
    let claire = &found["users"][0];
    assert_eq!(claire["status"], "connected");
    assert_eq!(claire["endpoints"][0]["media"][0]["status"], "sendrecv");
    assert_eq!(found["users"][1]["mark"], "self");
    assert_eq!(found["users"][2]["present"], false);
}

#[test]
fn foreign_data_is_never_taken_for_ours() {
    let found = roster(&[], "nickname", 1);
    assert_eq!(found["users"][0]["display_text"], Value::Null);
    let found = roster(&[], "extensions", 1);
    assert_eq!(found["users"][0]["roles"], json!(["presenter"]));
    let found = roster(&[], "foreign-users", 1);
    assert_eq!(
        found["users"][0]["endpoints"].as_array().map(Vec::len),
        Some(1)
    );
    let found = roster(&[], "no-version", 1);
    assert_eq!(found["info"]["subject"], "");
}

#[test]
fn anonymous_users_are_shown_one_by_one_and_marked_so() {
    let found = roster(&[], "anonymous", 2);
    assert_eq!(found["users"][0]["mark"], "anonymous");
    assert_eq!(
        found["users"][0]["endpoints"][0]["entity"],
        "sip:anonymous2@anonymous.invalid"
    );
    let first: Vec<&Value> = found["events"][0]["users"]
        .as_array()
        .expect("users")
        .iter()
        .map(|u| &u["mark"])
        .collect();
    assert_eq!(first, ["anonymous", "anonymous", "unknown"]);
}
