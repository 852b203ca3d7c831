//! Standard output: the event stream as JSON lines or as text, and a pipe that may close (CLI contract).

use std::io::{self, IsTerminal, Write};

use rollmark::Event;

use crate::fault::Fault;
use crate::screen::{self, Screen, Wishes};
use crate::text::Text;

/// How events are shown.
#[derive(Debug)]
pub(crate) enum Show {
    Json,
    Text(Text),
    Screen(Screen),
}

impl Show {
    /// The screen where a person sits at a terminal and wants it, with what its keys ask for; else lines.
    pub(crate) fn new(json: bool, plain: bool, conference: &str) -> (Self, Option<Wishes>) {
        if json {
            return (Self::Json, None);
        }
        match (!plain).then(|| Screen::start(conference)).flatten() {
            Some((screen, wishes)) => (Self::Screen(screen), Some(wishes)),
            None => (Self::Text(Text::default()), None),
        }
    }

    /// What is being done before there is a subscription.
    pub(crate) fn doing(&self, what: &'static str) {
        if let Self::Screen(screen) = self {
            screen.doing(what);
        }
    }

    /// Shows what passes between the plugin and the SIP stack, where there is room for it.
    pub(crate) fn messages(&self, conferences: &rollmark::Conferences) {
        if matches!(self, Self::Screen(_)) {
            tokio::spawn(screen::request::follow(conferences.messages()));
        }
    }

    /// Whether it shows how long the subscription lives yet.
    pub(crate) fn wants_life(&self) -> bool {
        matches!(self, Self::Screen(_))
    }

    /// How long it lives yet.
    pub(crate) fn life(&self, life: Option<std::time::Duration>) {
        if let Self::Screen(screen) = self {
            screen.life(life);
        }
    }

    /// Writes an event. False when the reader has gone away.
    pub(crate) fn event(&mut self, event: &Event) -> bool {
        let lines = match self {
            Self::Json => vec![crate::json::line(event)],
            Self::Text(text) => text.lines(event),
            Self::Screen(screen) => return screen.event(event),
        };
        let mut out = io::stdout().lock();
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "{line}"))
            .and_then(|()| out.flush())
            .is_ok()
    }

    /// Writes a line that is for people only.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Json => {}
            Self::Text(_) => {
                let _ = writeln!(io::stdout().lock(), "{line}");
            }
            Self::Screen(screen) => screen.say(line),
        }
    }
}

/// One line on what is wrong, where the command goes on nevertheless.
pub(crate) fn complain(line: &str) {
    if !screen::complain(line) {
        fault(line);
    }
}

/// One line on standard error, which may have gone away.
pub(crate) fn fault(line: &str) {
    let _ = writeln!(io::stderr(), "rollmark: {line}");
}

/// Writes the outcome of a one-shot command. A reader that has gone away is no failure.
pub(crate) fn outcome(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Fault::Output(error)),
        _ => Ok(()),
    }
}

/// Where logs go: standard error, but what the screen covers goes to its own log.
pub(crate) struct Log;

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr();
        if stderr.is_terminal() && screen::say(&String::from_utf8_lossy(octets)) {
            return Ok(octets.len());
        }
        stderr.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
