//! One run of the doctor, and what it must be in any case.

use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{ALICE, ROOM};
use rollmark_tests::patient::{Core, Script};
use rollmark_tests::process::run_dir;
use rollmark_tests::watch::{Outcome, Watch};
use serde_json::Value;

/// All checks, in their order: part of the contract of `--json`.
const IDS: [&str; 23] = [
    "resolution",
    "transport",
    "tls",
    "registration",
    "mode",
    "service-route",
    "identities",
    "subscribe",
    "first-notify",
    "body",
    "refresh",
    "unsubscribe",
    "deviations",
    "xcap-root",
    "xcap-caps",
    "xcap-authentication",
    "xcap-document",
    "xcap-list",
    "xcap-references",
    "xcap-rules",
    "xcap-write",
    "xcap-diff",
    "deregistration",
];

/// What a run came to.
pub(crate) struct Examination {
    name: String,
    outcome: Outcome,
    report: Value,
}

impl Examination {
    /// Runs `rollmark doctor ARGS --json`. What holds of every run is asserted here.
    #[track_caller]
    pub(crate) fn run<S: AsRef<str>>(name: &str, args: &[S]) -> Self {
        let args: Vec<&str> = ["doctor"]
            .into_iter()
            .chain(args.iter().map(AsRef::as_ref))
            .collect();
        let mut outcome = Watch::start(&args).finish();
        assert_eq!(outcome.events.len(), 1, "{name}: one object: {outcome:#?}");
        let examination = Self {
            name: name.to_owned(),
            report: outcome.events.remove(0),
            outcome,
        };
        examination.is_sound();
        examination
    }

    #[track_caller]
    fn is_sound(&self) {
        let checks = self.report["checks"].as_array().expect("checks");
        let ids: Vec<_> = checks
            .iter()
            .map(|check| check["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, IDS, "{}", self.name);
        for check in checks {
            let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
            let (got, did, mend) = (text("got"), text("did"), text("mend"));
            match check["state"].as_str().unwrap() {
                "ok" => assert!(
                    !got.is_empty() && !did.is_empty() && mend.is_empty(),
                    "{check:#}"
                ),
                "note" | "failed" => {
                    assert!(
                        !got.is_empty() && !did.is_empty() && !mend.is_empty(),
                        "{check:#}"
                    );
                }
                "skipped" => assert!(got.starts_with("not tried, because "), "{check:#}"),
                other => panic!("{other}: {check:#}"),
            }
        }
        let failed = self.failed();
        let status = if failed.is_empty() { 0 } else { 1 };
        assert_eq!(
            self.outcome.status,
            Some(status),
            "{}: {:#?}",
            self.name,
            self.outcome
        );
        assert_eq!(
            self.report["summary"]["failed_checks"]
                .as_array()
                .unwrap()
                .len(),
            failed.len()
        );
        if failed.is_empty() {
            assert_eq!(self.outcome.stderr, [""; 0], "{}", self.name);
        } else {
            self.outcome.assert_one_line(&["failed"]);
        }
    }

    pub(crate) fn check(&self, id: &str) -> &Value {
        let mut checks = self.report["checks"].as_array().unwrap().iter();
        checks
            .find(|check| check["id"] == id)
            .expect("a known check")
    }

    fn of_state(&self, state: &str) -> Vec<&str> {
        let checks = self.report["checks"].as_array().unwrap().iter();
        let found = checks.filter(|check| check["state"] == state);
        found.map(|check| check["id"].as_str().unwrap()).collect()
    }

    pub(crate) fn failed(&self) -> Vec<&str> {
        self.of_state("failed")
    }

    pub(crate) fn report(&self) -> &Value {
        &self.report
    }

    /// Asserts that exactly these checks failed, and exactly these were noted.
    #[track_caller]
    pub(crate) fn assert_states(&self, failed: &[&str], noted: &[&str]) {
        assert_eq!(self.failed(), failed, "{}: {:#}", self.name, self.report);
        assert_eq!(
            self.of_state("note"),
            noted,
            "{}: {:#}",
            self.name,
            self.report
        );
    }

    /// Asserts that finding and mending of a check have these words in them.
    #[track_caller]
    pub(crate) fn assert_words(&self, id: &str, words: &[&str]) {
        let check = self.check(id);
        let text = format!("{} {}", check["got"], check["mend"]);
        for word in words {
            assert!(
                text.contains(word),
                "{}: {word:?} is not in {check:#}",
                self.name
            );
        }
    }

    /// Asserts that a check was not tried, and why.
    #[track_caller]
    pub(crate) fn assert_skipped(&self, id: &str, because: &str) {
        let check = self.check(id);
        assert_eq!(check["state"], "skipped", "{}: {check:#}", self.name);
        assert!(
            check["got"].as_str().unwrap().contains(because),
            "{}: {check:#}",
            self.name
        );
    }
}

/// A fault, and what the doctor must say of it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    /// Options beside conference, identity and server.
    pub(crate) args: &'static [&'static str],
    pub(crate) failed: &'static [&'static str],
    pub(crate) noted: &'static [&'static str],
    /// Words of finding or mending, by check.
    pub(crate) words: &'static [(&'static str, &'static [&'static str])],
}

impl Row {
    /// Runs the doctor on a core of this script.
    #[track_caller]
    fn hold(&self) {
        let core = Core::start(Transport::Udp, self.script);
        let mut args = vec![ROOM, "--as", ALICE, "--server", &core.address];
        args.extend(self.args);
        if !self.args.contains(&"--patience") {
            // Nothing here is waited for to its end.
            args.extend(["--patience", "30"]);
        }
        let found = Examination::run(self.name, &args);
        found.assert_states(self.failed, self.noted);
        for (id, words) in self.words {
            found.assert_words(id, words);
        }
    }
}

/// Goes through the rows, some at a time.
pub(crate) fn hold_all(rows: &[Row]) {
    all(rows, Row::hold);
}

/// Does something with each of them, some at a time; fails with those that failed.
pub(crate) fn all<T: Sync>(rows: &[T], hold: impl Fn(&T) + Sync) {
    const AT_A_TIME: usize = 6;
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(row) = rows.get(place) else { return };
                    hold(row);
                }
            });
        }
    });
}

/// A file with this content; its path.
pub(crate) fn file(name: &str, content: &str) -> String {
    let path = run_dir("doctor").join(name);
    std::fs::write(&path, content).expect("a file in a fresh folder");
    path.display().to_string()
}
