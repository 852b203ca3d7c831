//! A run played again: the same events at the same times, told as they were told.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rollmark_core::engine::{Engine, WatchId, What};
use rollmark_core::host::{Action, Capabilities};
use rollmark_core::record::{RecordedAccount, Returned};
use serde_json::Value;

use super::json;
use super::read::{Fault, Line, Wire};
use crate::conferences::Event;

/// Plays the lines of a recording, one after the other.
#[derive(Debug)]
pub struct Player {
    engine: Engine,
    /// Events of each watch that were not told yet.
    pending: HashMap<WatchId, VecDeque<What>>,
}

/// What a line came to.
#[derive(Debug, Default)]
pub struct Played {
    /// What an input gave back.
    pub returned: Option<Returned>,
    /// What the host was to do.
    pub actions: Vec<Action>,
    /// What a consumer was told.
    pub told: Option<Told>,
}

/// An event as a consumer was told it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Of which watch.
    pub watch: WatchId,
    /// The event.
    pub event: Event,
    /// It was about documents that are followed: no event of a conference's stream.
    pub is_of_documents: bool,
}

impl Player {
    /// For a recording with this first line.
    #[must_use]
    pub fn new(capabilities: Capabilities, seed: [u8; 32]) -> Self {
        Self {
            engine: Engine::new(capabilities, seed),
            pending: HashMap::new(),
        }
    }

    /// The engine, to be looked at.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Plays a line.
    ///
    /// # Errors
    /// When an event was recorded that does not come now.
    pub fn play(&mut self, line: &Line) -> Result<Played, Fault> {
        let mut played = Played::default();
        match &line.wire {
            Wire::Input(input) => {
                // Whatever nobody was told by now, nobody is; but ends wait for the last answer to leave.
                for pending in self.pending.values_mut() {
                    pending.retain(|what| matches!(what, What::Ended { .. }));
                }
                self.pending.retain(|_, pending| !pending.is_empty());
                let returned = input.apply(&mut self.engine, &mut RecordedAccount::settings);
                played.returned = Some(returned);
                played.actions = std::iter::from_fn(|| self.engine.poll_action()).collect();
                while let Some(event) = self.engine.poll_event() {
                    let pending = self.pending.entry(event.watch).or_default();
                    pending.push_back(event.what);
                }
            }
            Wire::Note(kind, note) => {
                let differs = || Fault::Differs { line: line.number };
                let watch = note.get("watch").and_then(Value::as_u64).map(WatchId);
                let name = note.get("event").and_then(Value::as_str);
                let (Some(watch), Some(name)) = (watch, name) else {
                    return Ok(played);
                };
                let what = match kind.as_str() {
                    "told" | "lost" => {
                        let next = self.pending.get_mut(&watch).and_then(VecDeque::pop_front);
                        next.ok_or_else(differs)?
                    }
                    "again" => match name {
                        "state" => What::State(self.engine.state(watch).ok_or_else(differs)?),
                        _ => {
                            let roster = self.engine.roster(watch).ok_or_else(differs)?;
                            What::Roster(roster.rows().collect())
                        }
                    },
                    _ => return Ok(played),
                };
                if json::event(&what).0 != name {
                    return Err(differs());
                }
                if kind == "lost" {
                    return Ok(played);
                }
                let conference = note.get("conference").and_then(Value::as_str);
                played.told = Some(Told {
                    watch,
                    event: Event {
                        at: line.at,
                        conference: Arc::from(conference.unwrap_or_default()),
                        what,
                    },
                    is_of_documents: note.contains_key("documents"),
                });
            }
        }
        Ok(played)
    }
}
