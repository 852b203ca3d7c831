//! The story of a recording: it is played, and what each line comes to is told.

use std::collections::HashMap;
use std::io::BufRead;
use std::time::Duration;

use rollmark::What;
use rollmark::core::host::{Action, Fact};
use rollmark::core::message::{Headers, Request, Response};
use rollmark::core::record::Input;
use rollmark::record::{Fault, Line, Player, Reader, Told, Wire};
use serde_json::{Map, Value};

use super::follow::{Follower, deviation_line};
use super::message::{Message, Start};
use super::story::Entry;

/// Where rollmark stands in what is told.
const US: &str = "rollmark";

/// Plays a recording; `tell` is given each entry. The entries of what is whole come before a fault.
pub(super) fn read<R: BufRead>(
    reader: Reader<R>,
    mut tell: impl FnMut(Entry),
) -> Result<(), Fault> {
    let mut story = Story {
        player: Player::new(reader.capabilities, reader.seed),
        follower: Follower::new(false),
        sent: HashMap::new(),
    };
    // What an input comes to is told behind it: its own entry, then those of the requests that it led to.
    let mut group: Vec<Entry> = Vec::new();
    for line in reader {
        match line.and_then(|line| story.line(&line, &mut group)) {
            Ok(before) => before.into_iter().for_each(&mut tell),
            Err(fault) => {
                group.into_iter().for_each(tell);
                return Err(fault);
            }
        }
    }
    group.into_iter().for_each(tell);
    Ok(())
}

struct Story {
    player: Player,
    follower: Follower,
    /// Headers of requests that have no answer yet.
    sent: HashMap<u64, Headers>,
}

impl Story {
    /// Adds to the group; where the line begins one, the group before it is given back.
    fn line(&mut self, line: &Line, group: &mut Vec<Entry>) -> Result<Vec<Entry>, Fault> {
        let played = self.player.play(line)?;
        let mut before = Vec::new();
        match &line.wire {
            Wire::Input(input) => {
                if let Some(entry) = self.input(line.at, input) {
                    before = std::mem::replace(group, vec![entry]);
                }
                for action in &played.actions {
                    group.extend(self.action(line.at, action));
                }
            }
            Wire::Note(kind, note) => match kind.as_str() {
                "xcap" => before = std::mem::replace(group, vec![xcap(line.at, note)]),
                "answered" => {
                    if let (Some(entry), Some(status)) = (group.first_mut(), note.get("status")) {
                        entry.made.push(match status.as_u64() {
                            Some(status) => format!("answered {status}"),
                            None => "not for rollmark: left to the softphone".into(),
                        });
                    }
                }
                _ => {}
            },
        }
        if let Some(told) = &played.told {
            if group.is_empty() {
                group.push(Entry {
                    at: line.at,
                    ..Entry::default()
                });
            }
            if let Some(entry) = group.first_mut() {
                add(told, entry);
            }
        }
        Ok(before)
    }

    fn input(&mut self, at: Duration, input: &Input) -> Option<Entry> {
        let plain = |what: String, is: &str, clauses: &[&'static str]| {
            Some(Entry {
                at,
                what,
                is: is.into(),
                clauses: clauses.to_vec(),
                ..Entry::default()
            })
        };
        match input {
            Input::Account { account, .. } => plain(
                format!("account {}", account.identity),
                "a user, and how he reaches his SIP core",
                &[],
            ),
            Input::Registration { registration, .. } => {
                let state = match registration.outbound_proxy.as_deref() {
                    Some(proxy) => format!("registration facts; requests go by {proxy}"),
                    None => "registration facts".into(),
                };
                plain(
                    state,
                    "what the softphone knows of its registration",
                    &["RFC 3261 §10"],
                )
            }
            Input::Switch { .. } => plain(
                "switch to another SIP core".into(),
                "old subscriptions are ended in their own mode, new ones begin",
                &["SW-05"],
            ),
            Input::Watch { target, .. } => {
                let mut entry = plain(
                    format!("watch {target}"),
                    "the user wants to see a conference",
                    &["OMA-01"],
                )?;
                entry.conference = Some(target.clone());
                Some(entry)
            }
            Input::SessionStarted { session, .. } => plain(
                format!("IM session with {}", session.identity),
                "its conference is subscribed to",
                &["OMA-01", "OMA-05"],
            ),
            Input::SessionEnded { .. } => plain(
                "IM session over".into(),
                "the subscription ends with it",
                &["SUB-71"],
            ),
            Input::Unsubscribe { .. } => plain(
                "unsubscribe".into(),
                "the user has seen enough",
                &["OMA-18", "SUB-66"],
            ),
            Input::Stop { .. } => plain(
                "stop".into(),
                "all subscriptions are ended",
                &["SW-13", "SUB-66"],
            ),
            Input::Refresh { .. } => plain("refresh".into(), "the user asks anew", &["SUB-70"]),
            Input::WatchDocuments { target, .. } => plain(
                format!("follow documents at {target}"),
                "changes of block lists are to be told at once",
                &["RFC 5875", "XDM-73"],
            ),
            Input::BlockList { source, update, .. } => {
                let entries = update.list.as_ref().map_or(0, |list| list.entries.len());
                let state = crate::json::source_state(update.state);
                plain(
                    format!("block list {source}: {state}, {entries} entries"),
                    "who is blocked, from one source",
                    &["OMA-17", "XDM-32"],
                )
            }
            Input::Timeout { .. } => plain(
                "a timer fires".into(),
                "what was to be done by now is done",
                &["RFC 6665 §4.1.2.4"],
            ),
            Input::Fact { fact, .. } => self.fact(at, fact),
            Input::Request { request, .. } => Some(self.request(
                at,
                &request.method,
                &request.uri,
                &request.headers,
                &request.body,
            )),
            Input::Notification { headers, body, .. } => {
                Some(self.request(at, "NOTIFY", "", headers, body))
            }
            Input::WatchPackage { .. }
            | Input::Documents { .. }
            | Input::Remove { .. }
            | Input::Source { .. }
            | Input::WallTime { .. } => None,
        }
    }

    fn request(
        &mut self,
        at: Duration,
        method: &str,
        uri: &str,
        headers: &Headers,
        body: &[u8],
    ) -> Entry {
        let message = Message {
            start: Start::Request {
                method: method.into(),
                uri: uri.into(),
            },
            headers: headers.clone(),
            body: body.to_vec(),
            is_cut: false,
        };
        let mut entry = self.follower.take(at, format!("→ {US}"), &message);
        // Hosts leave out what they have used themselves, and dialog hosts more than that.
        entry
            .odd
            .retain(|odd| !odd.starts_with("it has no Via") && !odd.starts_with("it has no From"));
        entry
    }

    fn fact(&mut self, at: Duration, fact: &Fact) -> Option<Entry> {
        let plain = |what: &str, is: &str, clause| {
            Some(Entry {
                at,
                what: what.into(),
                is: is.into(),
                clauses: vec![clause],
                ..Entry::default()
            })
        };
        let (response, asked) = match fact {
            Fact::Response {
                transaction,
                response,
            } => (response, self.sent.remove(&transaction.0)),
            Fact::DialogResponse { response, .. } => (response, None),
            Fact::Failed { .. } | Fact::DialogFailed { .. } => {
                let mut entry = plain(
                    "a request failed",
                    "no answer came, or it could not be sent",
                    "RFC 3261 §8.1.3.1",
                )?;
                entry
                    .odd
                    .push("the server does not answer, or cannot be reached".into());
                return Some(entry);
            }
            Fact::FlowLost => {
                let mut entry = plain(
                    "the connection is lost, or the network is another one",
                    "notifiers are told where to send now",
                    "SUB-09",
                )?;
                entry.odd.push("what was told meanwhile is missing".into());
                return Some(entry);
            }
            Fact::TooLarge => {
                let mut entry = plain(
                    "a message is larger than the softphone takes",
                    "what it said is lost",
                    "SEC-18",
                )?;
                entry
                    .odd
                    .push("have the server send smaller documents".into());
                return Some(entry);
            }
            Fact::Terminated { .. } => {
                return plain(
                    "the softphone has ended a dialog",
                    "nothing comes in it any more",
                    "RFC 6665 §4.4.1",
                );
            }
        };
        Some(self.response(at, response, asked))
    }

    fn response(&mut self, at: Duration, response: &Response, asked: Option<Headers>) -> Entry {
        let mut headers = response.headers.clone();
        // Whatever the host has not handed on.
        for name in ["Call-ID", "CSeq", "From", "Via"] {
            if headers.get(name).is_none() {
                let value = asked.as_ref().and_then(|asked| asked.get(name));
                if let Some(value) = value {
                    headers.push(name, value);
                }
            }
        }
        let message = Message {
            start: Start::Response {
                status: response.status,
                reason: response.reason.clone(),
            },
            headers,
            body: response.body.clone(),
            is_cut: false,
        };
        let mut entry = self.follower.take(at, format!("→ {US}"), &message);
        entry
            .odd
            .retain(|odd| !odd.starts_with("it has no Via") && !odd.starts_with("it has no From"));
        entry
    }

    fn action(&mut self, at: Duration, action: &Action) -> Option<Entry> {
        match action {
            Action::Send {
                transaction,
                request,
                next_hop,
            } => {
                let Request {
                    method,
                    uri,
                    headers,
                    body,
                } = request;
                self.sent.insert(transaction.0, headers.clone());
                let message = Message {
                    start: Start::Request {
                        method: method.clone(),
                        uri: uri.clone(),
                    },
                    headers: headers.clone(),
                    body: body.clone(),
                    is_cut: false,
                };
                let mut entry = self
                    .follower
                    .take(at, format!("{US} → {next_hop}"), &message);
                // The host adds these (RFC 3261 §8.1.1.7), and perhaps the address of the flow.
                entry.odd.retain(|odd| {
                    !odd.starts_with("it has no Via") && !odd.starts_with("it has no Contact")
                });
                Some(entry)
            }
            Action::Register { trouble, .. } => Some(Entry {
                at,
                way: format!("{US} → softphone"),
                what: "register anew".into(),
                is: trouble.to_string(),
                clauses: vec!["IMS-39"],
                odd: vec!["the registration does not work any more".into()],
                ..Entry::default()
            }),
            Action::Subscribe { target, .. } => Some(Entry {
                at,
                way: format!("{US} → softphone"),
                what: format!("SUBSCRIBE {target}"),
                is: "subscribes, in a dialog of the softphone".into(),
                clauses: vec!["RFC 6665 §4.1.2.1"],
                conference: Some(target.clone()),
                ..Entry::default()
            }),
            Action::Refresh { .. } | Action::Unsubscribe { .. } | Action::Forget { .. } => None,
        }
    }
}

/// What a consumer was told.
fn add(told: &Told, entry: &mut Entry) {
    if entry.conference.is_none() && !told.is_of_documents {
        entry.conference = Some(told.event.conference.to_string());
    }
    match &told.event.what {
        What::Deviation { code, detail } => entry.odd.push(deviation_line(*code, detail)),
        What::State(state) => {
            let why = state.why.map(rollmark::core::subscription::describe);
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            let wait = state
                .retry_in
                .map(|wait| format!("; next try in {:.1} s", wait.as_secs_f64()));
            let (shown, wait) = (state.shown.as_str(), wait.unwrap_or_default());
            entry.made.push(match told.is_of_documents {
                true => format!("documents: subscription {shown}{why}{wait}"),
                false => format!(
                    "subscription {shown}, roster {}{why}{wait}",
                    state.roster.as_str()
                ),
            });
        }
        what => entry.made.extend(crate::text::body(what)),
    }
}

fn xcap(at: Duration, note: &Map<String, Value>) -> Entry {
    let text = |name: &str| note.get(name).and_then(Value::as_str).unwrap_or_default();
    let status = note.get("status").and_then(Value::as_u64);
    let mut entry = Entry {
        at,
        way: format!("{US} → XDMS"),
        what: format!("{} {}", text("method"), text("url")),
        is: match text("method") {
            "GET" => "reads a document of the user's XDMS".into(),
            _ => "changes a document of the user's XDMS".into(),
        },
        clauses: vec![match text("method") {
            "GET" => "RFC 4825 §7.7",
            "DELETE" => "RFC 4825 §7.4",
            _ => "RFC 4825 §7.1",
        }],
        ..Entry::default()
    };
    match status {
        Some(status) => {
            entry.made.push(format!("answered {status}"));
            match status {
                200..=299 | 304 => {}
                401 => entry.made.push("a password is wanted (RFC 7616)".into()),
                404 => entry
                    .made
                    .push("there is no such document: it blocks nobody".into()),
                409 | 412 => entry.odd.push(format!(
                    "the change was not taken ({status}) [RFC 4825 §11, §7.11]"
                )),
                _ => entry
                    .odd
                    .push(format!("the XDMS refused or failed ({status})")),
            }
        }
        None => entry
            .odd
            .push(format!("no answer: {}", crate::text::safe(text("fault")))),
    }
    entry
}
