//! Recordings of a run: everything that goes into the engine, and what came of it, as lines of JSON (SEC-16).
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use std::io::Write;
//! use rollmark::record::{Names, Recorder};
//! use rollmark::{Account, Capabilities, Conferences};
//!
//! let (recorder, mut lines) = Recorder::new(Names::Replaced);
//! let account = Account::new("sip:alice@example.org");
//! let (conferences, port) = Conferences::start_recorded(Capabilities::TRANSACTION, account, &recorder);
//! # drop((conferences, port));
//! // Wherever the host keeps it: a file, a buffer that is sent with a bug report.
//! let mut file = std::fs::File::create("run.recording")?;
//! std::thread::spawn(move || {
//!     while let Some(line) = lines.blocking_next() {
//!         if writeln!(file, "{line}").is_err() {
//!             break; // dropping the lines ends the recording, and nothing else
//!         }
//!     }
//! });
//! // At the end:
//! recorder.finish();
//! # Ok(())
//! # }
//! ```
//! A recording never holds up the plugin: lines that are not taken are kept, up to [`MAX_WAITING`] octets of them, then it
//! ends. It has no password and nothing that one could be found by. Users, hosts, addresses, numbers and texts are replaced,
//! each by the same throughout, unless [`Names::Kept`] says otherwise; [`Player`] comes to the same either way.
//!
//! The first line says which version it is, which engine it was and whether names are replaced. In each other one, `t` is
//! the time since the plugin's start in seconds, and `line` says what it is: an input of the engine (`account`,
//! `registration`, `watch`, `request`, `response`, `block-list`, `timeout` …), or what followed, which a replay comes to by
//! itself: `sent`, `answered`, `wake` (when the engine wants to be woken), `told`, `lost` and `again` (events, those that a
//! slow consumer missed, and what he was told in their place), `xcap`, `end`.

mod driven;
mod json;
mod player;
mod read;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rollmark_core::engine::{Engine, WatchId, What};
use rollmark_core::host::{Action, Answer, Capabilities};
use rollmark_core::message::Headers;
use rollmark_core::record::{Input, Redactor};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(crate) use driven::Driven;
pub use player::{Played, Player, Told};
pub use read::{Fault, Line, MAX_LINE, Reader, Wire};

/// The version of the form.
pub const VERSION: u64 = 1;
/// Octets of lines that wait to be taken, at most.
pub const MAX_WAITING: usize = 16 * 1024 * 1024;
/// Lines that wait to be taken, at most.
pub const MAX_LINES: usize = 16 * 1024;

/// What becomes of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Whoever is named is replaced, the same by the same.
    Replaced,
    /// They stay as they are.
    Kept,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// [`Recorder::finish`] was called, or the plugin ended.
    #[error("it is whole")]
    Finished,
    /// The lines were not taken in time.
    #[error("the lines were not taken in time")]
    Behind,
    /// More names than can be replaced.
    #[error("there are more names than can be replaced")]
    Full,
    /// Nobody takes the lines any more.
    #[error("nobody takes the lines any more")]
    Dropped,
}

/// Records one run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Mutex<Tape>>);

/// The lines of a recording as they come, without line ends.
#[derive(Debug)]
pub struct Lines {
    lines: mpsc::Receiver<String>,
    waiting: Arc<AtomicUsize>,
    end: Arc<OnceLock<End>>,
}

#[derive(Debug)]
struct Tape {
    names: Names,
    /// None before the run has begun.
    redactor: Option<Redactor>,
    started: Option<Instant>,
    /// None once it has ended.
    lines: Option<mpsc::Sender<String>>,
    waiting: Arc<AtomicUsize>,
    inputs: u64,
    wake: Option<Duration>,
    end: Arc<OnceLock<End>>,
}

/// A request to an XDMS and its answer, as a recording has them.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The method.
    pub method: &'a str,
    /// The URL.
    pub url: &'a str,
    /// Headers of the request.
    pub headers: &'a [(String, String)],
    /// The answer, or why there was none.
    pub answer: Result<ExchangeAnswer<'a>, &'a str>,
    /// How long it took.
    pub took: Duration,
}

/// What an XDMS answered.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeAnswer<'a> {
    /// The status code.
    pub status: u16,
    /// Names and values.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

impl Recorder {
    /// A recorder and the lines that it gives. It records the one plugin that is started with it.
    #[must_use]
    pub fn new(names: Names) -> (Self, Lines) {
        let (sender, lines) = mpsc::channel(MAX_LINES);
        let waiting = Arc::<AtomicUsize>::default();
        let end = Arc::<OnceLock<End>>::default();
        let tape = Self(Arc::new(Mutex::new(Tape {
            names,
            redactor: None,
            started: None,
            lines: Some(sender),
            waiting: waiting.clone(),
            inputs: 0,
            wake: None,
            end: end.clone(),
        })));
        let lines = Lines {
            lines,
            waiting,
            end,
        };
        (tape, lines)
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the recording with its last line: it is whole up to here.
    pub fn finish(&self) {
        let mut tape = self.tape();
        let mut more = Map::new();
        more.insert("inputs".into(), tape.inputs.into());
        tape.note("end", None, more);
        tape.finish(End::Finished);
    }

    /// Records what was asked of an XDMS.
    pub fn exchange(&self, exchange: &Exchange<'_>) {
        let mut tape = self.tape();
        let Some(redactor) = &mut tape.redactor else {
            return;
        };
        let mut headers_of = |headers: &[(String, String)]| -> Headers {
            let headers: Headers = headers
                .iter()
                .map(|(name, value)| (&**name, value))
                .collect();
            redactor.headers(&headers)
        };
        let mut more = Map::new();
        more.insert("method".into(), exchange.method.into());
        let asked = headers_of(exchange.headers);
        let answered = exchange.answer.map(|answer| headers_of(answer.headers));
        more.insert("url".into(), redactor.identity(exchange.url).into());
        more.insert("asked".into(), json::headers(&asked));
        match (exchange.answer, answered) {
            (Ok(answer), Ok(answered)) => {
                let plain: Headers = answer
                    .headers
                    .iter()
                    .map(|(name, value)| (&**name, value))
                    .collect();
                more.insert("status".into(), answer.status.into());
                more.insert("headers".into(), json::headers(&answered));
                json::body(&redactor.body(&plain, answer.body), &mut more);
            }
            (Err(fault), _) | (_, Err(fault)) => {
                more.insert("fault".into(), redactor.text(fault).into());
            }
        }
        more.insert("took".into(), json::seconds(exchange.took));
        tape.note("xcap", None, more);
    }

    /// The run begins. A recorder that has one already records no other.
    pub(crate) fn begin(&self, capabilities: Capabilities, seed: [u8; 32]) -> bool {
        let mut tape = self.tape();
        if tape.redactor.is_some() {
            return false;
        }
        let (redactor, seed) = match tape.names {
            Names::Kept => (Redactor::of_secrets(), seed),
            Names::Replaced => {
                let mut key = [0; 32];
                if getrandom::fill(&mut key).is_err() {
                    tape.finish(End::Full);
                    return false;
                }
                (Redactor::new(seed, key), Redactor::seed(seed, key))
            }
        };
        tape.redactor = Some(redactor);
        tape.started = Some(Instant::now());
        let line = json::first_line(tape.names, capabilities, seed);
        tape.write(line);
        true
    }

    pub(crate) fn input(&self, at: Duration, input: &Input, engine: &Engine) {
        let mut tape = self.tape();
        if tape.lines.is_none() {
            return;
        }
        let Some(redactor) = &mut tape.redactor else {
            return;
        };
        redactor.follow(engine);
        let input = redactor.input(input);
        let is_full = redactor.is_full();
        tape.inputs += 1;
        tape.write(json::input(at, &input));
        if is_full {
            tape.finish(End::Full);
        }
    }

    pub(crate) fn sent(&self, at: Duration, action: &Action, engine: &Engine) {
        let mut tape = self.tape();
        let goes_on = tape.lines.is_some();
        if let (Some(redactor), true) = (&mut tape.redactor, goes_on) {
            redactor.follow(engine);
            let more = json::action(&redactor.action(action));
            tape.note("sent", Some(at), more);
        }
    }

    pub(crate) fn answered(&self, at: Duration, answer: Option<&Answer>) {
        let mut more = Map::new();
        let status = answer.map_or(Value::Null, |answer| answer.status.into());
        more.insert("status".into(), status);
        self.tape().note("answered", Some(at), more);
    }

    /// When the engine wants to be woken from now on.
    pub(crate) fn wake(&self, at: Duration, wake: Option<Duration>) {
        let mut tape = self.tape();
        if tape.wake != wake {
            tape.wake = wake;
            let mut more = Map::new();
            more.insert("at".into(), wake.map_or(Value::Null, json::seconds));
            tape.note("wake", Some(at), more);
        }
    }

    /// An event was told, or `lost` to a consumer that is slow.
    pub(crate) fn told(
        &self,
        at: Duration,
        consumer: (WatchId, &str, bool),
        (what, how): (&What, &'static str),
    ) {
        let mut tape = self.tape();
        let (watch, conference, documents) = consumer;
        let goes_on = tape.lines.is_some();
        if let (Some(redactor), true) = (&mut tape.redactor, goes_on) {
            let mut more = Map::new();
            more.insert("watch".into(), watch.0.into());
            more.insert("conference".into(), redactor.identity(conference).into());
            if documents {
                more.insert("documents".into(), true.into());
            }
            let (name, who) = json::event(what);
            more.insert("event".into(), name.into());
            if let Some(who) = who {
                more.insert("user".into(), redactor.identity(&who).into());
            }
            tape.note(how, Some(at), more);
        }
    }

    /// Why it has ended; none while it goes on.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.tape().end.get().copied()
    }
}

impl Tape {
    fn note(&mut self, line: &'static str, at: Option<Duration>, more: Map<String, Value>) {
        let Some(started) = self.started else {
            return;
        };
        let at = at.unwrap_or_else(|| started.elapsed());
        self.write(json::line(at, line, more));
    }

    fn write(&mut self, line: String) {
        let Some(lines) = &self.lines else {
            return;
        };
        let length = line.len();
        if self.waiting.fetch_add(length, Ordering::AcqRel) + length > MAX_WAITING {
            return self.finish(End::Behind);
        }
        match lines.try_send(line) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => self.finish(End::Behind),
            Err(mpsc::error::TrySendError::Closed(_)) => self.finish(End::Dropped),
        }
    }

    fn finish(&mut self, end: End) {
        if self.lines.take().is_some() {
            let _ = self.end.set(end);
        }
    }
}

impl Lines {
    fn taken(&self, line: Option<String>) -> Option<String> {
        if let Some(line) = &line {
            self.waiting.fetch_sub(line.len(), Ordering::AcqRel);
        }
        line
    }

    /// The next line; none once the recording has ended and all were taken. Cancel-safe.
    pub async fn next(&mut self) -> Option<String> {
        let line = self.lines.recv().await;
        self.taken(line)
    }

    /// The same for a thread of its own.
    ///
    /// # Panics
    /// On a thread of the runtime.
    pub fn blocking_next(&mut self) -> Option<String> {
        let line = self.lines.blocking_recv();
        self.taken(line)
    }

    /// Whether the next line is there already: until then is the time to write out what was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Why there are no more; none while there may be.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end.get().copied()
    }
}
