//! `rollmark demo`: the main job with nothing installed, read from its event stream.

use std::collections::BTreeSet;
use std::process::Command;

use rollmark_tests::process::{PATIENCE, Process};
use rollmark_tests::roster::{deviations, entity, events, roster};
use rollmark_tests::watch::{Watch, binary};
use serde_json::Value;

/// All users that a stream names.
fn everybody(stream: &[Value]) -> BTreeSet<&str> {
    let rosters = events(stream, "roster").filter_map(|(_, e)| e["users"].as_array());
    let listed = rosters.flatten().filter_map(|u| u["entity"].as_str());
    let named = stream.iter().map(entity).filter(|who| !who.is_empty());
    listed.chain(named).collect()
}

#[test]
fn the_demo_shows_joins_leaves_blocked_users_and_a_repaired_gap_and_ends_by_itself() {
    shows_the_play(&["demo", "--pace", "0.2"], "sip");
}

/// The same play on an IMS core: registered first, then subscribed by way of the Service-Route, or the core would refuse.
#[test]
fn the_demo_plays_an_ims_core_as_well() {
    shows_the_play(&["demo", "--mode", "ims", "--pace", "0.2"], "ims");
}

fn shows_the_play(args: &[&str], mode: &str) {
    let outcome = Watch::start(args).finish();
    let stream = &outcome.events;
    for (_, state) in events(stream, "state") {
        assert_eq!(state["mode"], mode, "{state:#}");
    }
    assert_eq!(outcome.stderr, [""; 0]);
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    outcome.ended_reason();

    let users = everybody(stream);
    assert_eq!(users.len(), 8, "{users:?}");
    roster(stream);

    // Three blocked users, each with the entry on the XDMS that blocks him.
    let (first, opening) = events(stream, "roster").next().expect("a roster");
    let at_start: BTreeSet<_> = opening["users"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|u| u["present"] == true)
        .filter_map(|u| u["entity"].as_str())
        .collect();
    let mut stories = Vec::new();
    for (place, event) in events(stream, "blocked") {
        let by = &event["user"]["blocked_by"];
        let source = by["source"].as_str().unwrap_or("");
        assert!(source.starts_with("xdms:"), "{event:#}");
        assert!(
            by["entry"].as_str().is_some_and(|e| !e.is_empty()),
            "{event:#}"
        );
        let who = entity(event);
        let joined = events(&stream[..place], "joined")
            .filter(|(_, e)| entity(e) == who)
            .last();
        let came = joined.map_or(first, |(at, _)| at);
        stories.push(match joined {
            _ if stream[came..place].iter().any(|e| shows_clear(e, who)) => "put on the list",
            Some(_) => "joined later",
            None => "there from the start",
        });
        assert!(joined.is_some() || at_start.contains(who), "{event:#}");
    }
    stories.sort_unstable();
    let expected = ["joined later", "put on the list", "there from the start"];
    assert_eq!(stories, expected, "{outcome:#?}");

    let causes: BTreeSet<_> = events(stream, "left")
        .filter_map(|(_, e)| e["cause"].as_str())
        .collect();
    assert!(
        causes.contains("departed") && causes.contains("booted"),
        "{causes:?}"
    );

    // One lost notification; afterwards the roster is whole again.
    let gaps: Vec<_> = events(stream, "deviation")
        .filter(|(_, e)| e["code"] == "version-gap")
        .collect();
    assert_eq!(gaps.len(), 1, "{:?}", deviations(stream));
    let whole = stream[gaps[0].0..]
        .iter()
        .any(|e| e["event"] == "roster" || e["roster_state"] == "current");
    assert!(whole, "no whole roster after the gap: {outcome:#?}");

    let subjects: BTreeSet<_> = events(stream, "conference")
        .filter_map(|(_, e)| e["info"]["subject"].as_str())
        .collect();
    assert!(subjects.len() >= 2, "a subject change is due: {subjects:?}");
}

/// Whether an event shows a user as not blocked.
fn shows_clear(event: &Value, who: &str) -> bool {
    let users = event["users"].as_array().into_iter().flatten();
    users
        .chain([&event["user"]])
        .any(|u| u["entity"] == who && u["mark"] == "clear")
}

#[test]
fn the_demo_told_as_text_names_blocked_users_and_ends_with_status_0() {
    let mut command = Command::new(binary());
    command.args(["demo", "--pace", "0.2"]);
    let ended = Process::start(&mut command, "Run ./tests/run").finish(PATIENCE);
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let text = ended.stdout.join("\n");
    assert!(text.to_lowercase().contains("blocked"), "{ended:#?}");
    assert!(
        !ended.stderr.iter().any(|l| l.contains("panicked")),
        "{ended:#?}"
    );
}
