//! Standard output: the event stream as JSON lines or as text, and a pipe that may close (CLI contract).

use std::io::{self, Write};

use rollmark::Event;

use crate::fault::Fault;
use crate::text::Text;

/// How events are shown.
#[derive(Debug)]
pub(crate) enum Show {
    Json,
    Text(Text),
}

impl Show {
    pub(crate) fn new(json: bool) -> Self {
        if json {
            Self::Json
        } else {
            Self::Text(Text::default())
        }
    }

    /// Writes an event. False when the reader has gone away.
    pub(crate) fn event(&mut self, event: &Event) -> bool {
        let lines = match self {
            Self::Json => vec![crate::json::line(event)],
            Self::Text(text) => text.lines(event),
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
        if matches!(self, Self::Text(_)) {
            let _ = writeln!(io::stdout().lock(), "{line}");
        }
    }
}

/// Writes the outcome of a one-shot command. A reader that has gone away is no failure.
pub(crate) fn outcome(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Fault::Output(error)),
        _ => Ok(()),
    }
}
