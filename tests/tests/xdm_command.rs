//! `rollmark xdm`, `block`, `unblock`: what they print, how they end, against files and the embedded XDMS.

use std::net::SocketAddr;
use std::process::{Command, Output};

use rollmark_tests::process::run_dir;
use rollmark_tests::watch::binary;
use rollmark_xdms::{Settings, User, Xdms};
use serde_json::{Value, json};

const ME: &str = "sip:alice@example.org";

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(args);
    command.output().expect("rollmark runs")
}

#[track_caller]
fn object(args: &[&str]) -> Value {
    let output = run(&[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// What went wrong, in one line.
#[track_caller]
fn failure(args: &[&str]) -> String {
    let output = run(args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[track_caller]
fn text(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// XDM-30, XDM-32, SEC-14, URI-24, URI-25.
#[test]
fn a_file_is_edited_and_shown() {
    let file = run_dir("block").join("blocked.txt");
    let list = ["--block-list", file.to_str().unwrap()];
    let with = |args: &[&'static str]| -> Vec<String> {
        args.iter().chain(&list).map(ToString::to_string).collect()
    };
    let with = |args: &[&'static str]| {
        with(args)
            .leak()
            .iter()
            .map(|arg| &**arg)
            .collect::<Vec<_>>()
    };
    let source = format!("file:{}", file.display());

    let done = object(&with(&["block", "sip:Bob@Example.ORG;lr"]));
    assert_eq!(
        done,
        json!({"entry": "sip:Bob@example.org", "changed": true, "source": source, "list": null})
    );
    std::fs::write(&file, "# mine\nsip:Bob@example.org\n::::\nsip:t-!.*!@x\n").unwrap();
    assert!(text(&with(&["block", "sip:Bob@example.org"])).contains("was blocked already"));
    let shown = object(&with(&["xdm", "blocked"]));
    assert_eq!(
        shown["sources"],
        json!([{"source": source, "state": "fresh", "entries": 3, "etag": null, "error": null}])
    );
    assert_eq!(
        shown["entries"][0],
        json!({"entry": "sip:Bob@example.org", "identity": "sip:Bob@example.org", "source": source, "list": null, "rule": null})
    );
    let shown = text(&with(&["xdm", "blocked"]));
    assert!(
        shown.contains("matches only its own octets") && shown.contains("not expanded"),
        "{shown}"
    );
    assert!(text(&with(&["unblock", "sip:Bob@example.org"])).contains("is blocked no more"));
    assert!(text(&with(&["unblock", "sip:Bob@example.org"])).contains("was not blocked"));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "# mine\n::::\nsip:t-!.*!@x\n"
    );

    std::fs::write(&file, "<html/>").unwrap();
    let said = failure(&with(&["block", "sip:carol@x"]));
    assert!(
        said.contains("blocked.txt") && said.contains("html"),
        "{said}"
    );
    let output = run(&with(&["xdm", "blocked"]));
    assert_eq!(
        output.status.code(),
        Some(1),
        "nothing could be read: {output:?}"
    );
}

/// Wrong use has a status of its own.
#[test]
fn wrong_use_is_told_from_failure() {
    for args in [
        &["xdm"][..],
        &["xdm", "blocked"],
        &["xdm", "get"],
        &["xdm", "caps"],
        &[
            "xdm",
            "get",
            "resource-lists",
            "--xcap-root",
            "http://127.0.0.1:1",
        ],
        &["block"],
        &["block", "sip:a@x"],
        &["block", "sip:a@x", "--xcap-user", "alice"],
        &[
            "block",
            "sip:a@x",
            "--block-list",
            "f",
            "--xcap-root",
            "http://x",
        ],
        &["unblock", "sip:a@x", "--as", "tel:+1555"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    }
}

/// XDM-14, XDM-24, XDM-26, XDM-28…30, XDM-33, XDM-42.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_on_the_embedded_xdms_is_made_shown_and_emptied() {
    let mut settings = Settings::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    settings.users = vec![User::new("alice", "pa55").xui(ME)];
    let xdms = Xdms::start(settings).await.unwrap();
    let dir = run_dir("xdm");
    let password = dir.join("password");
    std::fs::write(&password, "pa55\n").unwrap();
    let options = [
        "--as",
        ME,
        "--xcap-root",
        xdms.root(),
        "--xcap-user",
        "alice",
        "--xcap-password-file",
        password.to_str().unwrap(),
    ];
    let with = |args: &[&'static str]| [args, &options].concat();

    let caps = object(&with(&["xdm", "caps"]));
    let auids = caps["auids"].as_array().unwrap();
    assert!(auids.contains(&json!("resource-lists")), "{caps:#}");
    assert!(text(&with(&["xdm", "caps"])).contains("  resource-lists\n"));

    let said = failure(&with(&["xdm", "get", "resource-lists"]));
    assert!(said.contains("(404)"), "{said}");
    let done = object(&with(&["block", "tel:+1-555-0100"]));
    assert_eq!(done["list"], "oma_blockedcontacts", "{done:#}");
    let done = object(&with(&["block", "sip:o'b%22[1]@x.example"]));
    let odd = done["entry"].as_str().unwrap().to_owned();
    let shown = object(&with(&["xdm", "blocked"]));
    let sources = shown["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 3, "{shown:#}");
    assert!(sources[1]["etag"].is_string(), "{shown:#}");
    let entries: Vec<_> = shown["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["entry"])
        .collect();
    assert_eq!(entries, [&json!("tel:+15550100"), &json!(odd)]);

    let document = object(&with(&["xdm", "get", "resource-lists"]));
    assert_eq!(document["content_type"], "application/resource-lists+xml");
    let held = xdms.document("resource-lists", ME, "index").unwrap();
    assert_eq!(
        document["body"].as_str().unwrap().as_bytes(),
        &held.body[..]
    );
    assert_eq!(document["etag"], held.etag);
    let node =
        "resource-lists/users/sip:alice@example.org/index/~~/resource-lists/list/entry[1]/@uri";
    assert_eq!(
        text(&with(&["xdm", "get", node])).trim().trim_matches('"'),
        "tel:+15550100"
    );

    assert_eq!(
        object(&with(&["unblock", "tel:+15550100"]))["changed"],
        true
    );
    let mut args = with(&["unblock"]);
    args.insert(1, &odd);
    assert_eq!(object(&args)["changed"], true);
    assert_eq!(object(&with(&["xdm", "blocked"]))["entries"], json!([]));

    std::fs::write(&password, "wrong\n").unwrap();
    let said = failure(&with(&["block", "sip:carol@x"]));
    assert!(
        said.contains("\"alice\"") && !said.contains("wrong\n"),
        "{said}"
    );
    let output = run(&with(&["xdm", "blocked"]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.starts_with(b"xdms:"), "{output:?}");
}
