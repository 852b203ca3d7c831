//! `rollmark roster`: documents at hand become a roster, as they would from the NOTIFYs of a subscription (RFC 4575).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollmark::core::blocklist::BlockLists;
use rollmark::core::conference::{Need, Outcome};
use rollmark::core::roster::Roster;
use rollmark::core::subscription::EndReason;
use rollmark::{BlockListSource, SourceState, What};
use serde_json::{Value, json};

use crate::args::Roster as Args;
use crate::fault::Fault;
use crate::offline_text;
use crate::show;
use crate::source::{self, FirstNews};

/// The word among the documents that begins a new subscription. A file of that name can be given as `./@resubscribe`.
const RESUBSCRIBE: &str = "@resubscribe";

/// One of the words on the command line, and what it came to.
pub(crate) enum Step {
    Resubscribed,
    Document(Document),
}

/// A document, and what it did.
pub(crate) struct Document {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) path: PathBuf,
    pub(crate) outcome: Outcome,
    /// What it leaves to be asked for.
    pub(crate) need: Option<Need>,
    /// In the order of the event stream.
    pub(crate) events: Vec<What>,
    pub(crate) deviations: Vec<rollmark::core::conference::Deviation>,
}

/// Runs the command.
pub(crate) async fn run(args: &Args) -> Result<(), Fault> {
    let lists = lists(args).await;
    let settings = args.reading.settings();
    let mut roster = Roster::new(settings, args.conference.as_deref());
    roster.begin_subscription();
    let mut steps = Vec::new();
    let mut number = 0;
    for path in &args.documents {
        if path.as_os_str() == RESUBSCRIBE {
            roster.begin_subscription();
            steps.push(Step::Resubscribed);
            continue;
        }
        let body = read(path, settings.limits.xml.body).map_err(|error| Fault::Document {
            path: path.clone(),
            error,
        })?;
        number += 1;
        steps.push(Step::Document(apply(
            &mut roster,
            &lists,
            number,
            path,
            &body,
        )));
    }
    show::outcome(&if args.json {
        json(&roster, &steps)
    } else {
        offline_text::text(&roster, &lists, &steps)
    })
}

/// The block lists in the order given. One that cannot be read is told on standard error and proves nothing.
async fn lists(args: &Args) -> BlockLists {
    let mut lists = BlockLists::new(args.identities.rules());
    lists.match_endpoints(args.match_endpoints);
    lists.set_own(args.me.as_slice());
    lists.set_rule_settings(args.rules.settings());
    lists.set_wall_time(crate::rules::now());
    for path in &args.block_list {
        let mut source = source::file(
            path.clone(),
            args.me.as_deref(),
            args.nested_list_names,
            &mut FirstNews::default(),
        );
        let update = source.next().await;
        if update.state == SourceState::Incomplete {
            eprintln!(
                "rollmark: block list: {} refers to what cannot be read offline; whom that may block is shown as unknown",
                crate::text::safe(&path.display().to_string())
            );
        }
        lists.set(&source.name(), update);
    }
    lists
}

/// Reads a document, but not more of it than is needed to see that it is over the limit.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(bound).read_to_end(&mut body)?;
    Ok(body)
}

fn apply(
    roster: &mut Roster,
    lists: &BlockLists,
    number: usize,
    path: &Path,
    body: &[u8],
) -> Document {
    // There is no time offline: all documents come at one moment.
    let news = roster.apply(Duration::ZERO, body, lists);
    let mut events = news.events;
    if news.outcome == Outcome::Ended {
        events.push(What::Ended {
            reason: EndReason::Deleted,
            status: None,
        });
    }
    Document {
        number,
        path: path.to_owned(),
        outcome: news.outcome,
        need: roster.full_state(),
        events,
        deviations: news.deviations,
    }
}

/// The outcome for programs: one object.
fn json(roster: &Roster, steps: &[Step]) -> String {
    let documents = || {
        steps.iter().filter_map(|step| match step {
            Step::Document(document) => Some(document),
            Step::Resubscribed => None,
        })
    };
    let events: Vec<Value> = documents()
        .flat_map(|document| document.events.iter().map(|what| event(document, what)))
        .collect();
    let deviations: Vec<Value> = documents()
        .flat_map(|document| {
            document.deviations.iter().map(|deviation| {
                json!({
                    "code": deviation.code.as_str(),
                    "document": document.number,
                    "detail": deviation.detail,
                })
            })
        })
        .collect();
    let users: Vec<Value> = roster.rows().map(|row| crate::json::user(&row)).collect();
    let object = json!({
        "conference": roster.uri(),
        "version": roster.version(),
        "state": roster.state().as_str(),
        "needs_full_state": roster.full_state().is_some(),
        "hidden_users": roster.hidden_users(),
        "info": crate::json::info(roster.info()),
        "users": users,
        "events": events,
        "deviations": deviations,
    });
    crate::json::escape(&object.to_string())
}

fn event(document: &Document, what: &What) -> Value {
    let (name, more) = crate::json::body(what);
    let mut event = json!({ "document": document.number, "event": name });
    if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
        event.extend(more);
    }
    event
}
