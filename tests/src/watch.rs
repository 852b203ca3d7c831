//! The built `rollmark` binary and its event stream (`--json`).

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::process::{PATIENCE, Process, build_dir};

/// The binary under test: `ROLLMARK_BIN`, else the one that cargo has built beside this test.
///
/// # Panics
/// When there is none.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("ROLLMARK_BIN")
        .map_or_else(|| build_dir().join("rollmark"), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: build it with `cargo build -p rollmark-cli`, or run ./tests/run",
        path.display()
    );
    path
}

/// A running `rollmark … --json`. Dropping it kills it.
#[derive(Debug)]
pub struct Watch {
    process: Process,
    events: Vec<Value>,
    next: usize,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status; `None` when a signal killed it.
    pub status: Option<i32>,
    /// The whole event stream.
    pub events: Vec<Value>,
    /// The lines on standard error.
    pub stderr: Vec<String>,
}

impl Watch {
    /// Runs `rollmark ARGS --json`.
    pub fn start<S: AsRef<str>>(args: &[S]) -> Self {
        let mut command = Command::new(binary());
        command.args(args.iter().map(AsRef::as_ref)).arg("--json");
        // Whoever runs the tests may have asked for logs; standard error is part of the contract.
        command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
        Self {
            process: Process::start(&mut command, "Run ./tests/run"),
            events: Vec::new(),
            next: 0,
        }
    }

    /// The next event for which `matches` is true, from the one after the last found; `what`
    /// names it for the text of a failure.
    ///
    /// # Panics
    /// When it does not come: the text has every line so far and standard error.
    pub fn wait_for(&mut self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        loop {
            while self.next < self.events.len() {
                let event = &self.events[self.next];
                self.next += 1;
                if matches(event) {
                    return event.clone();
                }
            }
            assert!(
                self.read(what),
                "ended without: {what}\n{}",
                self.process.transcript()
            );
        }
    }

    /// The next event called `name`, about the user `entity`.
    pub fn wait_user(&mut self, name: &str, entity: &str) -> Value {
        self.wait_for(&format!("{name} {entity}"), |e| {
            e["event"] == name && e["user"]["entity"] == entity
        })
    }

    /// The next `state` event with this state.
    pub fn wait_state(&mut self, state: &str) -> Value {
        self.wait_for(&format!("state {state}"), |e| {
            e["event"] == "state" && e["state"] == state
        })
    }

    /// Waits for a line on standard error that has `words` in it.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_error(&mut self, words: &str) {
        self.process.wait_error(words);
    }

    /// Everything read so far.
    pub fn events(&self) -> &[Value] {
        &self.events
    }

    /// Sends it SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.process.interrupt();
    }

    /// Tells it to switch to the other SIP core (SIGUSR1).
    pub fn switch(&self) {
        self.process.signal("USR1");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that lasts longer than [`PATIENCE`], when a line is not a JSON object, or when the
    /// program panicked.
    pub fn finish(&mut self) -> Outcome {
        self.finish_within(PATIENCE)
    }

    /// Waits for its end, at most `limit`. See [`Watch::finish`].
    pub fn finish_within(&mut self, limit: Duration) -> Outcome {
        let ended = self.process.finish(limit);
        while self.read("the rest") {}
        let panicked = ended.stderr.iter().any(|line| line.contains("panicked at"));
        assert!(!panicked, "it panicked\n{}", self.process.transcript());
        Outcome {
            status: ended.status,
            events: self.events.clone(),
            stderr: ended.stderr,
        }
    }

    /// Takes one line of the stream; false at its end.
    fn read(&mut self, what: &str) -> bool {
        let Some(line) = self.process.line(what) else {
            return false;
        };
        match serde_json::from_str(&line) {
            Ok(event @ Value::Object(_)) => self.events.push(event),
            other => panic!("not an event: {other:?}\n{}", self.process.transcript()),
        }
        true
    }
}

impl Outcome {
    /// Asserts that standard error is one line which has all of `words` in it, letter case aside;
    /// `a|b` stands for either.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn assert_one_line(&self, words: &[&str]) {
        let lines: Vec<_> = self.stderr.iter().filter(|l| !l.is_empty()).collect();
        let [line] = lines[..] else {
            panic!("one line on standard error is due, with {words:?}: {self:#?}");
        };
        for word in words {
            assert!(
                word.split('|')
                    .any(|w| line.to_lowercase().contains(&w.to_lowercase())),
                "{word:?} is not in {line:?}"
            );
        }
    }

    /// The `reason` of the `ended` event.
    ///
    /// # Panics
    /// When the stream does not close with exactly one such event.
    #[track_caller]
    pub fn ended_reason(&self) -> &str {
        let ended = self.events.iter().filter(|e| e["event"] == "ended").count();
        let last = self.events.last();
        assert!(
            ended == 1 && last.is_some_and(|e| e["event"] == "ended"),
            "the stream does not close with one `ended`: {self:#?}"
        );
        last.and_then(|e| e["reason"].as_str())
            .unwrap_or_else(|| panic!("`ended` without reason: {self:#?}"))
    }
}
