//! `rollmark rules`: what a policy comes to for each user, and why (RFC 4745, RFC 5025, OMA; XDM-34, XDM-36, XDM-56…71).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rollmark_tests::process::run_dir;
use rollmark_tests::watch::binary;
use serde_json::Value;

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = run_dir("rules").join(name);
    std::fs::write(&path, content).expect("a file is written");
    path
}

fn policy(rules: &str) -> PathBuf {
    let text = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<cr:ruleset xmlns:cr='urn:ietf:params:xml:ns:common-policy' \
         xmlns:ocp='urn:oma:xml:xdm:common-policy' xmlns:e='urn:oma:xml:xdm:extensions' \
         xmlns:pr='urn:ietf:params:xml:ns:pres-rules' xmlns:poc='urn:oma:xml:poc:poc-rules'>{rules}</cr:ruleset>"
    );
    file("policy.xml", text.as_bytes())
}

fn rule(id: &str, conditions: &str, action: &str) -> String {
    let action = match action {
        "" => String::new(),
        "block" | "confirm" | "polite-block" | "allow" => {
            format!("<pr:sub-handling>{action}</pr:sub-handling>")
        }
        "reject" | "pass" | "accept" => format!("<poc:allow-invite>{action}</poc:allow-invite>"),
        _ => format!("<e:allow-reject-invite>{action}</e:allow-reject-invite>"),
    };
    format!(
        "<cr:rule id='{id}'><cr:conditions>{conditions}</cr:conditions><cr:actions>{action}</cr:actions></cr:rule>"
    )
}

fn one(uri: &str) -> String {
    format!("<cr:identity><cr:one id='{uri}'/></cr:identity>")
}

fn external(anchor: &str) -> String {
    format!("<ocp:external-list><ocp:entry anc='{anchor}'/></ocp:external-list>")
}

const ANCHOR: &str = "http://xcap.x/resource-lists/users/sip:a@x/index/~~/resource-lists/list%5B@name=%22friends%22%5D";

fn run(policy: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("rules").arg(policy).args(args);
    command.output().expect("rollmark runs")
}

/// `outcome rule class` for each URI.
#[track_caller]
fn results(policy: &Path, args: &[&str]) -> Vec<String> {
    let output = run(policy, &[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let object: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let results = object["results"].as_array().expect("results");
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    results
        .iter()
        .map(|result| {
            assert!(!word(&result["why"]).is_empty());
            let [outcome, rule, class] =
                ["outcome", "rule", "class"].map(|name| word(&result[name]));
            format!("{outcome} {rule} {class}")
        })
        .collect()
}

/// XDM-34, XDM-36, XDM-63, XDM-66…XDM-68, XDM-71: each class, each kind of action, each outcome.
#[test]
fn each_user_gets_the_outcome_of_his_rules() {
    let rules = [
        rule("id", &one("sip:eve@X"), "block"),
        rule("friend", &one("sip:bob@x"), "accept"),
        rule("rejected", &one("tel:+1-555"), "true"),
        rule("polite", &one("sip:pat@x"), "polite-block"),
        rule("poc", &one("sip:poc@x"), "reject"),
        rule("asks", &one("sip:ask@x"), "confirm"),
        rule("silent", &one("sip:silent@x"), ""),
        rule(
            "domain",
            "<cr:identity><cr:many domain='evil.example'/></cr:identity>",
            "block",
        ),
        rule("anonymous", "<ocp:anonymous-request/>", "block"),
        rule("unknown", "<cr:weather/>", "block"),
    ];
    let path = policy(&rules.concat());
    let users = [
        ("sip:eve@x;transport=tcp", "blocked id identity"),
        ("sips:bob@x", "allowed friend identity"),
        (
            "sip:+1555@any.example;user=phone",
            "blocked rejected identity",
        ),
        ("sip:pat@x", "polite-blocked polite identity"),
        ("sip:poc@x", "blocked poc identity"),
        ("sip:ask@x", "allowed asks identity"),
        ("sip:silent@x", "no-rule - -"),
        ("sip:any@evil.example", "blocked domain identity"),
        ("sip:any@sub.evil.example", "no-rule - -"),
        (
            "sip:anonymous@anonymous.invalid",
            "blocked anonymous anonymous-request",
        ),
        ("sip:nobody@x", "no-rule - -"),
    ];
    let uris: Vec<&str> = users.iter().map(|(uri, _)| *uri).collect();
    let expected: Vec<&str> = users.iter().map(|(_, expected)| *expected).collect();
    assert_eq!(results(&path, &uris), expected);
}

/// XDM-56, XDM-64, XDM-66: the first rule that has the deciding value is named; one without identity has no class.
#[test]
fn the_first_rule_with_the_deciding_value_is_named() {
    let path = policy(
        &[
            rule("low", &one("sip:b@x"), "block"),
            rule("all", "", "allow"),
            rule("too", &one("sip:b@x"), "allow"),
        ]
        .concat(),
    );
    assert_eq!(results(&path, &["sip:b@x"]), ["allowed all -"]);
}

/// XDM-60, RFC 4745 §7.4.
#[test]
fn a_rule_holds_while_it_is_valid() {
    let while_ = "<cr:validity><cr:from>2026-03-01T08:00:00+01:00</cr:from><cr:until>2026-03-01T08:00:00Z</cr:until></cr:validity>";
    let path = policy(&rule("r", while_, "block"));
    for (at, expected) in [
        ("2026-03-01T06:59:59Z", "no-rule - -"),
        ("2026-03-01T07:00:00Z", "blocked r -"),
        ("2026-03-01 08:59:59.999+01:00", "blocked r -"),
        ("2026-03-01T08:00:00z", "no-rule - -"),
    ] {
        assert_eq!(results(&path, &["sip:b@x", "--at", at]), [expected], "{at}");
    }
    let ever = "<cr:validity><cr:from>2000-01-01T00:00:00Z</cr:from><cr:until>9999-01-01T00:00:00Z</cr:until></cr:validity>";
    let path = policy(&rule("r", ever, "block"));
    assert_eq!(results(&path, &["sip:b@x"]), ["blocked r -"]);
}

/// XDM-52, XDM-62: lists by anchor or by name, of lines or of resource-lists; without one it is not known.
#[test]
fn external_lists_are_given_as_files() {
    let path = policy(
        &[
            rule("list", &external(ANCHOR), "block"),
            rule("id", &one("sip:id@x"), "allow"),
        ]
        .concat(),
    );
    let users = ["sip:bob@x", "sip:carol@x", "sip:id@x"];
    let known = [
        "blocked list external-list",
        "no-rule - -",
        "allowed id identity",
    ];
    assert_eq!(
        results(&path, &users),
        ["unknown - -", "unknown - -", "allowed id identity"]
    );
    let lines = file("lines", b"# friends\r\n im:bob@X\n");
    let lists = file(
        "lists.xml",
        b"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='other'><entry uri='sip:carol@x'/></list>\
          <list name='friends'><entry uri='sip:bob@x'/></list></resource-lists>",
    );
    let only = file(
        "only.xml",
        b"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list><entry uri='sip:bob@x'/></list></resource-lists>",
    );
    for list in [&lines, &lists, &only] {
        for name in ["friends", ANCHOR] {
            let option = format!("{name}={}", list.display());
            let args = [&users[..], &["--list", &option]].concat();
            assert_eq!(results(&path, &args), known, "{option}");
        }
    }
    // A list that cannot be read is unknown, and that is told.
    for name in ["/nonexistent", &path.display().to_string()] {
        let option = format!("friends={name}");
        let output = run(&path, &["--list", &option, "sip:bob@x"]);
        assert_eq!(output.status.code(), Some(0));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("friends") && told.contains(name), "{told}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("unknown"));
    }
}

/// SEC-06, SEC-08: rules that cannot be read are no rules that block nobody.
#[test]
fn what_is_no_policy_fails_by_its_name() {
    for (content, named) in [
        (&b"sip:bob@x\n"[..], "root element"),
        (b"", "root element"),
        (b"<html/>", "html"),
        (
            b"<!DOCTYPE a><ruleset xmlns='urn:ietf:params:xml:ns:common-policy'/>",
            "DOCTYPE",
        ),
        (
            b"<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'>\xff</ruleset>",
            "UTF-8",
        ),
        (
            b"<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'><rule>",
            "cut off",
        ),
    ] {
        let path = file("not-a-policy", content);
        let output = run(&path, &["sip:bob@x", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(named) && told.lines().count() == 1, "{told}");
    }
    let gone = run(Path::new("/nonexistent"), &["sip:bob@x"]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    let path = policy("");
    for wrong in [
        &[][..],
        &["sip:b@x", "--at", "noon"],
        &["sip:b@x", "--list", "friends"],
    ] {
        assert_eq!(run(&path, wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// SEC-09: nothing of a document reaches the terminal as it is.
#[test]
fn people_are_told_why() {
    let path = policy(&rule("a\u{202e}b", &one("sip:bob@x"), "block"));
    let output = run(&path, &["sip:bob@x"]);
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(
        told.contains("sip:bob@x: blocked") && told.contains("sub-handling block"),
        "{told}"
    );
    assert!(!told.contains('\u{202e}'), "{told}");
}

/// OMA-15…17, SW-17, XDM-68, XDM-71: the same policy as a block list of a roster.
#[test]
fn a_policy_marks_a_roster() {
    let path = policy(
        &[
            rule("id", &one("sip:eve@X"), "block"),
            rule(
                "domain",
                "<cr:identity><cr:many domain='Evil.Example'/></cr:identity>",
                "true",
            ),
            rule("anonymous", "<ocp:anonymous-request/>", "reject"),
        ]
        .concat(),
    );
    let user = |entity: &str| {
        format!(
            "<user entity='{entity}'><endpoint entity='{entity}'><status>connected</status></endpoint></user>"
        )
    };
    let users: String = [
        "sip:eve@x",
        "sip:any@evil.example",
        "sip:me@evil.example",
        "sip:anonymous@anonymous.invalid",
        "sip:bob@x",
    ]
    .map(user)
    .concat();
    let document = file(
        "document.xml",
        format!(
            "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info' entity='sip:c@x' state='full' version='1'><users>{users}</users></conference-info>"
        )
        .as_bytes(),
    );
    let marks = |policy: &Path| -> Vec<String> {
        let mut command = Command::new(binary());
        command.args([
            "roster",
            "--json",
            "--me",
            "sip:me@evil.example",
            "--block-list",
        ]);
        let output = command
            .arg(policy)
            .arg(&document)
            .output()
            .expect("rollmark runs");
        let object: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let users = object["users"].as_array().expect("users").clone();
        users
            .iter()
            .map(|user| {
                let by = &user["blocked_by"];
                let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
                let [mark, rule, entry, list, via] = [
                    &user["mark"],
                    &by["rule"],
                    &by["entry"],
                    &by["list"],
                    &by["via"],
                ]
                .map(word);
                format!("{mark} {rule} {entry} {list} {via}")
            })
            .collect()
    };
    assert_eq!(
        marks(&path),
        [
            "blocked id sip:eve@X - entity",
            "blocked domain Evil.Example - entity",
            "self - - - -",
            "blocked anonymous * - entity",
            "clear - - - -",
        ]
    );
    let open = policy(
        &[
            rule("list", &external(ANCHOR), "block"),
            rule("bob", &one("sip:bob@x"), "allow"),
        ]
        .concat(),
    );
    assert_eq!(
        marks(&open),
        [
            "unknown - - - -",
            "unknown - - - -",
            "self - - - -",
            "anonymous - - - -",
            "clear - - - -"
        ]
    );
}
