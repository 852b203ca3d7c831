//! The jobs that are timed, counted by instruction and counted by allocation.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rollmark_core::conference::{Applied, Conference, Limits, Outcome, Settings};
use rollmark_core::xml;

use super::anchors;
use super::documents::{self, Detail};

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
}

/// `cargo xtask measure`.
#[derive(Debug, Args)]
pub(crate) struct Measure {
    job: Job,
    /// Users of the roster
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
