//! The jobs that are timed, counted by instruction and counted by allocation.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::{BlockList, Entry, SourceState, Update};
use rollmark_core::conference::{Applied, Conference, Limits, Outcome, Settings};
use rollmark_core::engine::Engine;
use rollmark_core::host::{Action, Capabilities, Fact};
use rollmark_core::message::{Headers, Response};
use rollmark_core::profile::Registration;
use rollmark_core::xml;

use super::documents::{self, Detail};
use super::{anchors, counting, many};

/// Seed of all documents.
pub(super) const SEED: u64 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Job {
    /// quick-xml, every event.
    Bare,
    /// Our reader, every event.
    Events,
    /// A full document into an empty roster.
    Full,
    /// Partial documents of one user.
    Partial,
    /// Changes of one entry of a block list while a conference is watched.
    Remark,
    /// NOTIFYs of one user while that many conferences are watched.
    Notify,
    /// That many conferences that are watched and held until the process ends, to be looked at with a heap profiler.
    Idle,
}

/// `cargo xtask measure`.
#[derive(Debug, Args)]
pub(crate) struct Measure {
    job: Job,
    /// Users of the roster, for `notify` subscriptions of the engine
    #[arg(long, default_value_t = 1_000)]
    users: usize,
    /// How often
    #[arg(long, default_value_t = 1)]
    times: usize,
}

/// Does the job; all it prints is for keeping the work from being left out.
pub(crate) fn measure(measure: &Measure) -> ExitCode {
    let mut work = 0;
    match measure.job {
        Job::Bare | Job::Events | Job::Full => {
            let document = documents::full(measure.users, Detail::Whole, SEED);
            for _ in 0..measure.times {
                work += match measure.job {
                    Job::Bare => anchors::bare(&document),
                    Job::Events => events(&document),
                    _ => full(&document).len(),
                };
            }
        }
        Job::Remark => {
            let document = documents::full(measure.users, Detail::Brief, SEED);
            let (mut engine, account, _) = watching(&document);
            for time in 0..measure.times {
                engine.handle_block_list(account, LIST, list(&[time % measure.users]));
                // The list, and of the one who was blocked and the one who is: the row, the mark.
                let told = std::iter::from_fn(|| engine.poll_event()).count();
                assert!(told >= 3, "nobody was marked");
                work += told;
            }
        }
        Job::Notify => work += many::notify(measure.users, measure.times),
        Job::Idle => {
            let many::Many { engine, dialogs } = many::Many::idle(measure.users);
            work += dialogs.len();
            std::mem::forget(engine);
        }
        Job::Partial => {
            let document = documents::full(measure.users, Detail::Brief, SEED);
            let mut conference = full(&document);
            // One more than are applied, so that every number of times makes the same documents.
            for partial in documents::partials(measure.users, 512)
                .iter()
                .take(measure.times)
            {
                work += apply(&mut conference, partial).changes.len();
            }
        }
    }
    println!("{}", black_box(work));
    ExitCode::SUCCESS
}

/// Allocations of an engine that is notified of a full document: state, roster, marks, events.
pub(super) fn engine_allocations(document: &str) -> usize {
    watching(document).2
}

/// An engine that watches a conference of which that was told, and has a block list; allocations of the NOTIFY.
fn watching(document: &str) -> (Engine, AccountId, usize) {
    let mut engine = Engine::new(Capabilities::DIALOG, [0; 32]);
    let mut settings = AccountSettings::new("sip:alice@example.com");
    settings.conference = self::settings();
    settings.sources.push(LIST.into());
    let account = engine.add_account(settings, Registration::default());
    let now = Duration::ZERO;
    if let Err(fault) = engine.watch(now, account, documents::CONFERENCE) {
        panic!("{fault}");
    }
    let Some(Action::Subscribe { subscription, .. }) = engine.poll_action() else {
        panic!("the engine does not subscribe");
    };
    let mut headers = Headers::new();
    headers.push("Contact", "<sip:focus@example.com>");
    headers.push("Expires", "3600");
    let response = Response {
        status: 200,
        reason: "OK".into(),
        headers: headers.clone(),
        body: Vec::new(),
    };
    engine.handle_fact(
        now,
        Fact::DialogResponse {
            subscription,
            response,
        },
    );
    headers.push("Event", "conference");
    headers.push("Subscription-State", "active;expires=3600");
    headers.push("Content-Type", "application/conference-info+xml");
    let (allocations, _, answer) = counting::allocations(|| {
        engine.handle_notification(now, subscription, &headers, document.as_bytes())
    });
    assert_eq!(answer.status, 200);
    engine.handle_block_list(account, LIST, list(&[]));
    while engine.poll_event().is_some() {}
    (engine, account, allocations)
}

/// Name of the block list.
const LIST: &str = "list";

fn list(entries: &[usize]) -> Update {
    let entries = entries.iter().map(|&i| Entry {
        uri: documents::uri(i).into(),
        list: None,
        rule: None,
    });
    Update {
        state: SourceState::Fresh,
        list: Some(BlockList {
            entries: entries.collect(),
            complete: true,
            rules: None,
        }),
        etag: None,
    }
}

/// Our reader, every event.
pub(super) fn events(document: &str) -> usize {
    let limits = settings().limits.xml;
    let Ok(mut reader) = xml::Reader::new(document.as_bytes(), limits) else {
        panic!("the document is refused");
    };
    let mut events = 0;
    loop {
        match reader.read() {
            Ok(None) => return events,
            Ok(Some(_)) => events += 1,
            Err(fault) => panic!("the document is refused: {fault}"),
        }
    }
}

/// A full document into an empty roster.
pub(super) fn full(document: &str) -> Conference {
    let mut conference = Conference::new(settings());
    conference.begin_subscription();
    let applied = conference.apply(Duration::ZERO, document.as_bytes());
    assert!(applied.first, "the document is not applied: {applied:?}");
    conference
}

/// A document that changes something.
pub(super) fn apply(conference: &mut Conference, document: &str) -> Applied {
    let applied = conference.apply(Duration::ZERO, document.as_bytes());
    assert_eq!(applied.outcome, Outcome::Applied);
    assert!(!applied.changes.is_empty(), "nothing changed by {document}");
    applied
}

/// Limits that let 100,000 users in.
fn settings() -> Settings {
    Settings {
        limits: Limits {
            xml: xml::Limits {
                body: 1 << 30,
                ..xml::Limits::default()
            },
            users: 1_000_000,
            ..Limits::default()
        },
        ..Settings::default()
    }
}
