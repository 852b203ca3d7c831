//! Who is marked as blocked, and why (OMA-15, XDM-32, XDM-52, URI-20…22).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rollmark_tests::process::run_dir;
use rollmark_tests::watch::binary;
use serde_json::{Value, json};

use crate::command::{delta, files, full, outcome, story, users};

/// A block-list file.
fn list(content: &str) -> PathBuf {
    let path = run_dir("block-list").join("blocked");
    std::fs::write(&path, content).expect("a block list is written");
    path
}

fn run(lists: &[&Path], options: &[&str], documents: &[String]) -> Output {
    let mut command = Command::new(binary());
    command.arg("roster").arg("--json").args(options);
    for list in lists {
        command.arg("--block-list").arg(list);
    }
    command.args(files(documents));
    command.output().expect("rollmark runs")
}

fn marks(outcome: &Value) -> Vec<(&str, &str)> {
    let users = outcome["users"].as_array().expect("users");
    users
        .iter()
        .map(|user| {
            (
                user["entity"].as_str().unwrap_or("?"),
                user["mark"].as_str().unwrap_or("?"),
            )
        })
        .collect()
}

const LISTS: &str = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>\
    <list name='oma_blockedcontacts'><entry uri='sip:b@X;transport=tcp'/>\
    <external anchor='http://xdms.x/resource-lists/users/sip:a@x/index/~~/resource-lists/list%5b@name=%22more%22%5d'/></list>\
    <list name='more'><entry uri='tel:+1-555'/></list></resource-lists>";

#[test]
fn each_mark_has_its_cases_and_a_block_says_why() {
    let lines = list("# nobody nice\r\n  sip:b@X:5060  \r\nsip:other@y\n");
    let body = full(
        1,
        "<user entity='sip:a@x'/><user entity='sip:b@x'/><user entity='sip:d@x'/>\
         <user entity='sip:anonymous@anonymous.invalid'/>\
         <user entity='sip:e@x'><associated-aors><entry><uri>sip:other@y</uri></entry></associated-aors></user>\
         <user entity='sip:f@x'><display-text>sip:b@x</display-text></user>\
         <user xmlns:l='urn:l' l:yourown='true' entity='sip:other@y'/>",
    );
    let found = run(&[&lines], &["--me", "sip:a@X"], &[body]);
    assert!(found.stderr.is_empty(), "{found:?}");
    let found = outcome(&found);
    assert_eq!(
        marks(&found),
        [
            ("sip:a@x", "self"),
            ("sip:b@x", "blocked"),
            ("sip:d@x", "clear"),
            ("sip:anonymous@anonymous.invalid", "anonymous"),
            ("sip:e@x", "blocked"),
            ("sip:f@x", "clear"),
            ("sip:other@y", "self"),
        ]
    );
    let source = format!("file:{}", lines.display());
    assert_eq!(
        found["users"][1]["blocked_by"],
        json!({"source": source, "list": null, "rule": null, "entry": "sip:b@X:5060",
               "via": "entity", "steps": ["host-case", "default-port"]})
    );
    assert_eq!(found["users"][4]["blocked_by"]["via"], "associated-aor");
    assert_eq!(found["users"][0]["blocked_by"], Value::Null);
    assert_eq!(story(&found), ["1 roster", "1 blocked b", "1 blocked e"]);
}

#[test]
fn resource_lists_name_their_list_and_references_are_the_users_own() {
    let lists = list(LISTS);
    let body = full(
        1,
        "<user entity='sip:b@x'/><user entity='sip:+1555@h'/><user entity='sip:d@x'/>",
    );
    for (options, other) in [
        (&[][..], "clear"),
        (&["--me", "sip:a@x"], "clear"),
        (&["--me", "sip:z@x"], "unknown"),
    ] {
        let found = run(&[&lists], options, std::slice::from_ref(&body));
        let said = String::from_utf8_lossy(&found.stderr).into_owned();
        assert_eq!(said.is_empty(), other == "clear", "{said}");
        let found = outcome(&found);
        let reference = if other == "clear" {
            "blocked"
        } else {
            "unknown"
        };
        assert_eq!(
            marks(&found),
            [
                ("sip:b@x", "blocked"),
                ("sip:+1555@h", reference),
                ("sip:d@x", other)
            ],
            "{options:?}"
        );
        assert_eq!(
            found["users"][0]["blocked_by"]["list"],
            "oma_blockedcontacts"
        );
    }
}

#[test]
fn nobody_is_clear_unless_every_list_was_read_whole() {
    let body = [full(1, &users("b d"))];
    let good = list("sip:b@x\n");
    let empty = list("");
    let broken = list("<resource-lists");
    let missing = Path::new("/nonexistent/list");
    for (lists, expected, lines) in [
        (&[][..], ["unknown", "unknown"], 0),
        (&[good.as_path()], ["blocked", "clear"], 0),
        (&[&empty], ["clear", "clear"], 0),
        (&[&good, &empty], ["blocked", "clear"], 0),
        (&[missing], ["unknown", "unknown"], 1),
        (&[&good, missing], ["blocked", "unknown"], 1),
        (&[&broken, &good], ["blocked", "unknown"], 1),
    ] {
        let found = run(lists, &[], &body);
        let said = String::from_utf8_lossy(&found.stderr).into_owned();
        assert_eq!(said.lines().count(), lines, "{said}");
        let found = outcome(&found);
        let found: Vec<&str> = marks(&found).iter().map(|(_, mark)| *mark).collect();
        assert_eq!(found, expected, "{lists:?}");
    }
}

#[test]
fn the_first_list_in_order_is_named() {
    let (first, second) = (list("sip:b@x"), list("sip:b@x"));
    let found = outcome(&run(&[&second, &first], &[], &[full(1, &users("b"))]));
    let source = format!("file:{}", second.display());
    assert_eq!(found["users"][0]["blocked_by"]["source"], source);
}

#[test]
fn endpoints_count_only_when_asked_for() {
    let lines = list("sip:dev@x\n");
    let body = [full(
        1,
        "<user entity='sip:b@x'><endpoint entity='sip:dev@x'/></user>",
    )];
    for (options, mark, via) in [
        (&[][..], "clear", Value::Null),
        (&["--match-endpoints"], "blocked", json!("endpoint")),
    ] {
        let found = outcome(&run(&[&lines], options, &body));
        assert_eq!(found["users"][0]["mark"], mark);
        assert_eq!(found["users"][0]["blocked_by"]["via"], via);
    }
}

#[test]
fn a_blocked_user_who_joins_gives_joined_then_blocked() {
    let lines = list("sip:b@x\nsip:gone@x\n");
    let found = outcome(&run(
        &[&lines],
        &[],
        &[
            full(1, &users("a ~gone")),
            delta(2, &users("b d")),
            delta(3, &users("-b gone")),
        ],
    ));
    assert_eq!(
        story(&found),
        [
            "1 roster",
            "2 joined b",
            "2 joined d",
            "2 blocked b",
            "3 left b departed gone",
            "3 joined gone",
            "3 blocked gone",
        ]
    );
    let blocked = &found["events"][3];
    assert_eq!(blocked["document"], 2);
    assert_eq!(blocked["user"]["mark"], "blocked");
    assert_eq!(blocked["user"]["blocked_by"]["entry"], "sip:b@x");
}

#[test]
fn a_present_user_who_gains_a_blocked_address_is_updated_then_blocked() {
    let lines = list("sip:z@y\n");
    let with = |aor: &str| {
        format!(
            "<user entity='sip:b@x'><associated-aors><entry><uri>{aor}</uri></entry></associated-aors></user>"
        )
    };
    let found = outcome(&run(
        &[&lines],
        &[],
        &[
            full(1, &with("sip:c@y")),
            delta(2, &with("sip:z@Y")),
            delta(3, &with("sip:c@y")),
        ],
    ));
    assert_eq!(
        story(&found),
        [
            "1 roster",
            "2 updated b associated_aors mark",
            "2 blocked b",
            "3 updated b associated_aors mark",
            "3 unblocked b",
        ]
    );
}
