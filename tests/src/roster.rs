//! An event stream read as a user reads it: who is there, who is blocked, what went wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The events called `name`, with their place in the stream.
pub fn events<'a>(
    stream: &'a [Value],
    name: &'a str,
) -> impl Iterator<Item = (usize, &'a Value)> + 'a {
    stream
        .iter()
        .enumerate()
        .filter(move |(_, e)| e["event"] == name)
}

/// The entity of the user that an event is about; empty when it is about none.
pub fn entity(event: &Value) -> &str {
    event["user"]["entity"].as_str().unwrap_or("")
}

/// The codes of all deviations, in order.
pub fn deviations(stream: &[Value]) -> Vec<&str> {
    events(stream, "deviation")
        .filter_map(|(_, e)| e["code"].as_str())
        .collect()
}

/// The roster that the first `roster` event and the events after it add up to: present users and
/// their marks.
///
/// # Panics
/// When the stream contradicts itself: a first event about users that is not `roster`, a join of
/// who is there, a leave of who is not, a mark that comes or goes twice, a mark on someone absent.
#[track_caller]
pub fn roster(stream: &[Value]) -> BTreeMap<String, String> {
    let mut known = false;
    let mut present: BTreeMap<String, String> = BTreeMap::new();
    let mut announced: BTreeSet<String> = BTreeSet::new();
    for event in stream {
        let name = event["event"].as_str().unwrap_or("");
        let who = entity(event).to_owned();
        let mark = event["user"]["mark"].as_str().unwrap_or("").to_owned();
        assert!(
            known || who.is_empty(),
            "{name} {who} before the first roster: {stream:#?}"
        );
        match name {
            "roster" => {
                present = event["users"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|u| u["present"] == true)
                    .map(|u| (text(&u["entity"]), text(&u["mark"])))
                    .collect();
                // The first is followed by a `blocked` for each; a later one resynchronises.
                let blocked = present
                    .iter()
                    .filter(|(_, mark)| known && *mark == "blocked");
                announced = blocked.map(|(who, _)| who.clone()).collect();
                known = true;
            }
            "joined" => {
                let again = present.insert(who.clone(), mark);
                assert!(again.is_none(), "{who} joined twice: {stream:#?}");
            }
            "left" => {
                announced.remove(&who);
                let gone = present.remove(&who);
                assert!(
                    gone.is_some(),
                    "{who} left without being there: {stream:#?}"
                );
            }
            "updated" => {
                if let Some(old) = present.get_mut(&who) {
                    *old = mark;
                }
            }
            "blocked" => {
                let old = present.get_mut(&who);
                let old = old.unwrap_or_else(|| panic!("{who} blocked, not there: {stream:#?}"));
                *old = mark;
                assert_eq!(old, "blocked", "{who}: {stream:#?}");
                assert!(
                    announced.insert(who.clone()),
                    "{who} blocked twice: {stream:#?}"
                );
            }
            "unblocked" => {
                assert!(announced.remove(&who), "{who} was not blocked: {stream:#?}");
                present.insert(who, mark);
            }
            _ => {}
        }
    }
    present
}

/// The story of a stream as `event subject` lines, for comparing two: all events but those whose
/// moment depends on the block list's arrival (`block_list`, an update of the mark alone), and
/// each state once until it changes.
pub fn story(stream: &[Value]) -> Vec<String> {
    let mut story: Vec<String> = Vec::new();
    let mut state = String::new();
    for event in stream {
        let name = event["event"].as_str().unwrap_or("");
        let subject = match name {
            "block_list" => continue,
            "updated" if event["fields"] == serde_json::json!(["mark"]) => continue,
            "state" => {
                let now = text(&event["state"]);
                if now == state {
                    continue;
                }
                state.clone_from(&now);
                now
            }
            "deviation" => text(&event["code"]),
            "ended" => text(&event["reason"]),
            "roster" => {
                let users = event["users"].as_array().into_iter().flatten();
                let mut users: Vec<_> = users.map(|u| text(&u["entity"])).collect();
                users.sort();
                users.join(" ")
            }
            _ => entity(event).to_owned(),
        };
        story.push(format!("{name} {subject}"));
    }
    story
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(event: &str, entity: &str, mark: &str) -> Value {
        json!({"event": event, "user": {"entity": entity, "mark": mark}})
    }

    fn opening() -> Value {
        json!({"event": "roster", "users": [
            {"entity": "sip:a@x", "present": true, "mark": "blocked"},
            {"entity": "sip:b@x", "present": false, "mark": "clear"}]})
    }

    #[test]
    fn events_add_up_to_the_roster_a_user_sees() {
        let stream = [
            opening(),
            user("blocked", "sip:a@x", "blocked"),
            user("joined", "sip:c@x", "clear"),
            user("blocked", "sip:c@x", "blocked"),
            user("left", "sip:a@x", "blocked"),
        ];
        let expected = BTreeMap::from([("sip:c@x".to_owned(), "blocked".to_owned())]);
        assert_eq!(roster(&stream), expected);
        assert_eq!(story(&stream)[0], "roster sip:a@x sip:b@x");
    }

    #[test]
    fn streams_that_contradict_themselves_are_refused() {
        let joined = || user("joined", "sip:c@x", "clear");
        let contradictions = [
            vec![joined()],
            vec![opening(), joined(), joined()],
            vec![opening(), user("left", "sip:b@x", "clear")],
            vec![opening(), user("blocked", "sip:b@x", "blocked")],
            vec![opening(), user("unblocked", "sip:a@x", "clear")],
        ];
        for stream in contradictions {
            assert!(
                std::panic::catch_unwind(|| roster(&stream)).is_err(),
                "taken for a true one: {stream:#?}"
            );
        }
    }
}
