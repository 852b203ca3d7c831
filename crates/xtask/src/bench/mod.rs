//! `cargo xtask bench`: speed, size and scale as ratios taken side by side in one run, or as exact counts.
//!
//! CPU time is only ever compared within one process on one core, in short slices next to each other; instructions
//! and allocations are counted. The document is one of 1,000 users of about 1 kB each unless said otherwise, and
//! "bare" is a loop that reads every event of it with quick-xml and does nothing with it.

mod anchors;
mod baseline;
mod blocking;
mod churn;
mod counting;
mod documents;
mod host;
mod jobs;
mod many;
mod timing;

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use clap::Args;
use documents::Detail;
pub(crate) use jobs::{Measure, measure};
use serde_json::json;

/// Users of the usual document.
const USERS: usize = 1_000;

/// `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Print JSON: {"P1":{"value":0.93,"goal":1.0,"ok":true},…}
    #[arg(long)]
    json: bool,
    /// Only these rows, by comma
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only what is the same on every run, and compare the counts with those recorded; for continuous integration
    #[arg(long)]
    check: bool,
    /// Record the counts of this run for `--check`
    #[arg(long)]
    record: bool,
}

/// A row of the table.
struct Row {
    id: &'static str,
    what: &'static str,
    value: f64,
    goal: Goal,
    /// Shown beside the figure.
    note: String,
}

#[derive(Clone, Copy)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    fn ok(&self) -> bool {
        match self.goal {
            Goal::AtMost(goal) => self.value <= goal,
            Goal::AtLeast(goal) => self.value >= goal,
        }
    }
}

/// Measures, prints, and fails when a goal is missed or a recorded count has changed.
pub(crate) fn run(options: &Options) -> ExitCode {
    if let Some(exit) = on_one_core() {
        return exit;
    }
    let mut bench = Bench {
        wanted: options.only.iter().map(|id| id.to_uppercase()).collect(),
        counted_only: options.check || options.record,
        rows: Vec::new(),
        counts: baseline::Counts::new(),
        notes: Vec::new(),
    };
    bench.measure();
    let mut ok = bench.rows.iter().all(Row::ok);
    if options.record {
        bench.notes.push(baseline::record(&bench.counts));
    } else if options.check {
        let changes = baseline::compare(&bench.counts);
        ok &= changes.is_empty();
        bench.notes.extend(changes);
    }
    if options.json {
        bench.print_json();
    } else {
        bench.print();
    }
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the same command on one core and without the allocator giving memory back in between; `None` when that is so
/// already or cannot be had.
fn on_one_core() -> Option<ExitCode> {
    const MARK: &str = "XTASK_ON_ONE_CORE";
    if std::env::var_os(MARK).is_some() {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let cores = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let last = cores.trim().rsplit([',', '-']).next()?;
    let fault = Command::new("taskset")
        .args(["-c", last])
        .arg(std::env::current_exe().ok()?)
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .env("MALLOC_TRIM_THRESHOLD_", "1000000000")
        .env("MALLOC_MMAP_THRESHOLD_", "1000000000")
        .env("MALLOC_TOP_PAD_", "16000000")
        .exec();
    eprintln!("not pinned to one core, so times mean less: taskset: {fault}");
    None
}

struct Bench {
    wanted: BTreeSet<String>,
    /// Leave out what is timed.
    counted_only: bool,
    rows: Vec<Row>,
    counts: baseline::Counts,
    notes: Vec<String>,
}

impl Bench {
    fn wants(&self, id: &str) -> bool {
        self.wanted.is_empty() || self.wanted.contains(id)
    }

    fn timed(&self, id: &str) -> bool {
        !self.counted_only && self.wants(id)
    }

    fn row(&mut self, id: &'static str, what: &'static str, value: f64, goal: Goal, note: String) {
        self.rows.push(Row {
            id,
            what,
            value,
            goal,
            note,
        });
    }

    fn measure(&mut self) {
        if self.timed("P1") {
            self.full_time();
        }
        if self.wants("P2") {
            self.full_instructions();
        }
        if self.wants("P3") {
            let document = documents::full(USERS, Detail::Whole, jobs::SEED);
            let (ours, _, _) = counting::allocations(|| jobs::full(&document));
            let (plain, _, _) = counting::allocations(|| anchors::structs(&document));
            let engine = jobs::engine_allocations(&document);
            self.counts.insert("full_allocations".into(), ours as f64);
            let per_user = |count: usize| count as f64 / USERS as f64;
            self.row(
                "P3",
                "allocations per user, full document",
                per_user(ours),
                Goal::AtMost(0.5),
                format!(
                    "in the engine with marks {:.2}, serde structs {:.1}",
                    per_user(engine),
                    per_user(plain)
                ),
            );
        }
        if self.wants("P3A") {
            self.partial_allocations();
        }
        if self.wants("P4") {
            let document = documents::full(10_000, Detail::Whole, jobs::SEED);
            let (_, ours, _conference) = counting::allocations(|| jobs::full(&document));
            let (_, plain, structs) = counting::allocations(|| anchors::structs(&document));
            let users = structs.users.user.len() as f64;
            self.row(
                "P4",
                "heap held per user ÷ structs of Strings, 10,000 users",
                ours as f64 / plain as f64,
                Goal::AtMost(0.35),
                format!(
                    "{:.0} B and {:.0} B",
                    ours as f64 / users,
                    plain as f64 / users
                ),
            );
        }
        if self.wants("P5") {
            self.partial_instructions();
        }
        if self.timed("P5B") {
            self.row(
                "P5b",
                "worst partial document ÷ full one, 100,000 users, CPU time",
                churn::worst(100_000),
                Goal::AtMost(0.02),
                String::new(),
            );
        }
        if self.wants("P6") {
            let (wrong, hits) = blocking::differences(10_000, 10_000);
            self.row(
                "P6a",
                "block verdicts other than by comparing every pair",
                wrong as f64,
                Goal::AtMost(0.0),
                format!("{hits} of 10,000 users are blocked"),
            );
        }
        if self.wants("P7") {
            self.remark_instructions();
        }
        if self.timed("P6") {
            let verdicts = blocking::verdicts(10_000, 10_000);
            self.row(
                "P6",
                "comparing every pair ÷ block verdict, 10,000 users × 10,000 entries, CPU time",
                verdicts.gain,
                Goal::AtLeast(1_000.0),
                String::new(),
            );
            self.row(
                "P6b",
                "block verdict with 100,000 entries ÷ with 10,000, CPU time",
                verdicts.growth,
                Goal::AtMost(1.5),
                String::new(),
            );
        }
        self.subscriptions();
    }

    /// P8 to P10: what one subscription holds, and what its NOTIFYs take.
    fn subscriptions(&mut self) {
        if self.wants("P8") {
            let held = many::held(5_000);
            self.counts.insert("idle_subscription_bytes".into(), held);
            self.row(
                "P8",
                "kB of heap, idle subscription with its dialog, without roster, one of 5,000",
                held / 1_000.0,
                Goal::AtMost(2.0),
                format!("{held:.0} B"),
            );
        }
        if self.timed("P9") {
            match host::ratio() {
                Ok(host::Ratio {
                    ratio,
                    engine,
                    host,
                }) => self.row(
                    "P9",
                    "engine per NOTIFY of one user ÷ ezk host's whole CPU time for it",
                    ratio,
                    Goal::AtMost(0.15),
                    format!("{:.1} µs and {:.1} µs", engine * 1e6, host * 1e6),
                ),
                Err(fault) => panic!("the ezk host: {fault}"),
            }
        }
        if self.wants("P10") {
            self.notify_instructions();
        }
    }

    fn notify_instructions(&mut self) {
        let notify = |subscriptions| counting::instructions("notify", subscriptions, 50, 250);
        let Some((few, many)) = (|| Some((notify(100)?, notify(100_000)?)))() else {
            return self.no_valgrind("P10");
        };
        self.counts.insert("notify_instructions".into(), few);
        self.row(
            "P10",
            "instructions, NOTIFY of one user, 100,000 subscriptions ÷ 100",
            many / few,
            Goal::AtMost(1.3),
            format!("{many:.0} and {few:.0}"),
        );
    }

    fn remark_instructions(&mut self) {
        let change = |users| counting::instructions("remark", users, 20, 120);
        let Some((small, large)) = (|| Some((change(1_000)?, change(10_000)?)))() else {
            return self.no_valgrind("P7");
        };
        self.counts.insert("remark_instructions".into(), small);
        self.row(
            "P7",
            "instructions, one entry of a block list changes, roster of 10,000 ÷ of 1,000",
            large / small,
            Goal::AtMost(1.1),
            format!("{large:.0} and {small:.0}"),
        );
    }

    fn full_time(&mut self) {
        let document = documents::full(USERS, Detail::Whole, jobs::SEED);
        let (ratios, bare) = timing::ratios(&mut [
            &mut || anchors::bare(&document),
            &mut || jobs::full(&document).len(),
            &mut || jobs::events(&document),
            &mut || anchors::tree(&document),
            &mut || anchors::structs(&document).users.user.len(),
        ]);
        self.row(
            "P1",
            "full document to roster and events ÷ bare, CPU time",
            ratios[1],
            Goal::AtMost(1.0),
            format!(
                "our reader alone {:.2}, roxmltree {:.2}, serde structs {:.2}; bare {:.0} ns a user of {} B",
                ratios[2],
                ratios[3],
                ratios[4],
                bare * 1e9 / USERS as f64,
                document.len() / USERS
            ),
        );
        self.notes
            .push("libxml2 is not measured: it takes a system library".into());
    }

    fn full_instructions(&mut self) {
        let per_user = |job| Some(counting::instructions(job, USERS, 2, 12)? / USERS as f64);
        let Some((bare, events, full)) =
            (|| Some((per_user("bare")?, per_user("events")?, per_user("full")?)))()
        else {
            return self.no_valgrind("P2");
        };
        self.counts
            .insert("full_instructions_per_user".into(), full);
        self.row(
            "P2",
            "instructions per user, full document ÷ bare",
            full / bare,
            Goal::AtMost(0.95),
            format!("{full:.0}, of them our reader {events:.0}; bare {bare:.0}"),
        );
    }

    fn partial_allocations(&mut self) {
        let document = documents::full(USERS, Detail::Whole, jobs::SEED);
        let mut conference = jobs::full(&document);
        let mut most = 0;
        let mut total = 0;
        let partials = documents::partials(USERS, 400);
        for (step, partial) in partials.iter().enumerate() {
            let (count, _, _) = counting::allocations(|| jobs::apply(&mut conference, partial));
            // Tables that grow are seldom; in the steady state there are none.
            if step >= 200 {
                most = most.max(count);
                total += count;
            }
        }
        self.counts
            .insert("partial_allocations".into(), total as f64);
        self.row(
            "P3a",
            "allocations, partial document of one user, the most",
            most as f64,
            Goal::AtMost(12.0),
            format!("{:.1} on average", total as f64 / 200.0),
        );
    }

    fn partial_instructions(&mut self) {
        let partial = |users| counting::instructions("partial", users, 20, 220);
        let Some((small, large)) = (|| Some((partial(1_000)?, partial(100_000)?)))() else {
            return self.no_valgrind("P5");
        };
        self.counts.insert("partial_instructions".into(), small);
        self.row(
            "P5",
            "instructions, partial of one user, roster of 100,000 ÷ of 1,000",
            large / small,
            Goal::AtMost(1.1),
            format!("{large:.0} and {small:.0}"),
        );
    }

    fn no_valgrind(&mut self, id: &str) {
        self.notes
            .push(format!("{id} is not measured: valgrind does not run here"));
    }

    fn print(&self) {
        for row in &self.rows {
            let (sign, goal) = match row.goal {
                Goal::AtMost(goal) => ('≤', goal),
                Goal::AtLeast(goal) => ('≥', goal),
            };
            let verdict = if row.ok() { "ok" } else { "MISSED" };
            println!(
                "{:4} {:9.3}  {sign} {goal:<6} {verdict:6}  {}{}{}",
                row.id,
                row.value,
                row.what,
                if row.note.is_empty() { "" } else { ": " },
                row.note
            );
        }
        for note in &self.notes {
            println!("{note}");
        }
    }

    fn print_json(&self) {
        let rows = self.rows.iter().map(|row| {
            let (Goal::AtMost(goal) | Goal::AtLeast(goal)) = row.goal;
            let value = json!({"value": row.value, "goal": goal, "ok": row.ok()});
            (row.id.to_owned(), value)
        });
        println!("{}", serde_json::Value::Object(rows.collect()));
        for note in &self.notes {
            eprintln!("{note}");
        }
    }
}
