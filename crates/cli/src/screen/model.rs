//! What the screen shows, as values: events and keys go in, nothing is read or written here. `now` is the time since the
//! screen began (OMA-14…17, OMA-19).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rollmark::core::conference::Info;
use rollmark::{Event, Row, SourceState, State, What};

use super::request::Sent;
use super::view::View;
use crate::text::{self, Text};

/// Lines of the log that are kept.
pub(crate) const LOG_LINES: usize = 500;
/// Users who have left that are kept for the filter `left`.
pub(crate) const MOST_LEFT: usize = 1000;
/// Deviations that are kept; core tells each once.
const MOST_DEVIATIONS: usize = 100;

/// How long an answer stands where there is no room for the log.
const SAID: Duration = Duration::from_secs(5);

/// What a line of the log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something happened.
    Plain,
    /// Somebody blocked is here.
    Blocked,
    /// Something is wrong.
    Trouble,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// A block-list source as it last reported.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) state: SourceState,
    pub(crate) entries: usize,
    pub(crate) etag: Option<String>,
    /// When it reported.
    pub(crate) at: Duration,
}

/// A user who has left.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) row: Row,
    /// How he left.
    pub(crate) cause: &'static str,
    /// When.
    pub(crate) at: Duration,
}

/// Everything that can be seen, and how it is looked at.
#[derive(Debug)]
pub(crate) struct Model {
    /// The conference as asked for, then as subscribed to.
    pub(crate) conference: String,
    /// Before there is a subscription: what is being done.
    pub(crate) doing: &'static str,
    /// The user wants to leave, and the server is being told.
    pub(crate) leaving: bool,
    pub(crate) state: Option<State>,
    pub(crate) info: Option<Arc<Info>>,
    /// Life of the subscription that was left at a time.
    life: Option<(Duration, Duration)>,
    pub(crate) rows: HashMap<u64, Row>,
    pub(crate) left: HashMap<u64, Left>,
    /// Somebody has had a role, so there is something to show.
    pub(crate) has_roles: bool,
    pub(crate) sources: Vec<Source>,
    /// Code and detail.
    pub(crate) deviations: Vec<(&'static str, String)>,
    pub(crate) log: VecDeque<Line>,
    pub(crate) request: Option<Sent>,
    /// What is to be told on standard error once the screen is gone.
    pub(crate) complaints: Vec<String>,
    pub(crate) view: View,
    /// The last answer to a key, and when it was given.
    said: Option<(Duration, String)>,
    text: Text,
}

impl Model {
    pub(crate) fn new(conference: &str) -> Self {
        Self {
            conference: conference.to_owned(),
            doing: "starting",
            leaving: false,
            state: None,
            info: None,
            life: None,
            rows: HashMap::new(),
            left: HashMap::new(),
            has_roles: false,
            sources: Vec::new(),
            deviations: Vec::new(),
            log: VecDeque::new(),
            request: None,
            complaints: Vec::new(),
            view: View::default(),
            said: None,
            text: Text::default(),
        }
    }

    /// Takes an event in.
    pub(crate) fn event(&mut self, now: Duration, event: &Event) {
        if *self.conference != *event.conference {
            event.conference.as_ref().clone_into(&mut self.conference);
        }
        self.tell(event);
        match &event.what {
            What::State(state) => {
                self.state = Some(state.clone());
            }
            What::Conference(info) => self.info = Some(info.clone()),
            What::Roster(rows) => {
                self.rows.clear();
                for row in rows {
                    self.keep(row, true);
                }
                self.view.changed();
            }
            What::Left { row, cause, kept } => self.gone(now, row, cause.as_str(), *kept),
            What::NotJoined { row, kept, .. } => self.keep(row, *kept),
            What::Joined(row) => {
                self.left
                    .retain(|_, left| left.row.user.entity() != row.user.entity());
                self.keep(row, true);
            }
            What::Updated { row, .. }
            | What::Listed(row)
            | What::Blocked(row)
            | What::Unblocked(row) => self.keep(row, true),
            What::Unlisted(row) => self.keep(row, false),
            What::BlockList {
                source,
                state,
                entries,
                etag,
            } => {
                let told = Source {
                    name: source.clone(),
                    state: *state,
                    entries: *entries,
                    etag: etag.clone(),
                    at: now,
                };
                match self.sources.iter_mut().find(|held| held.name == *source) {
                    Some(held) => *held = told,
                    None => self.sources.push(told),
                }
            }
            What::Deviation { code, detail } => {
                if self.deviations.len() < MOST_DEVIATIONS {
                    self.deviations.push((code.as_str(), text::flat(detail)));
                }
            }
            What::DocumentsChanged(_) | What::DocumentsUncertain | What::Document { .. } => {}
            What::Ended { .. } => self.life = None,
        }
    }

    fn keep(&mut self, row: &Row, kept: bool) {
        if kept {
            self.has_roles |= row.user.roles().next().is_some();
            self.rows.insert(row.user.row(), row.clone());
        } else {
            self.rows.remove(&row.user.row());
        }
        self.view.changed();
    }

    fn gone(&mut self, now: Duration, row: &Row, cause: &'static str, kept: bool) {
        self.keep(row, kept);
        if self.left.len() >= MOST_LEFT
            && let Some(oldest) = self
                .left
                .iter()
                .min_by_key(|(number, left)| (left.at, **number))
                .map(|(number, _)| *number)
        {
            self.left.remove(&oldest);
        }
        let left = Left {
            row: row.clone(),
            cause,
            at: now,
        };
        self.left.insert(row.user.row(), left);
    }

    /// The lines of the log for an event, which are those of the text stream; a roster is on show anyway.
    fn tell(&mut self, event: &Event) {
        let kind = match &event.what {
            What::Blocked(_) => Kind::Blocked,
            What::Deviation { .. } => Kind::Trouble,
            What::BlockList { state, .. }
                if !matches!(state, SourceState::Fresh | SourceState::Empty) =>
            {
                Kind::Trouble
            }
            _ => Kind::Plain,
        };
        let lines = match &event.what {
            What::Roster(rows) => {
                let here = rows.iter().filter(|row| row.user.present()).count();
                vec![format!(
                    "{}{}",
                    text::time(event.at),
                    text::how_many_here(here)
                )]
            }
            _ => self.text.lines(event),
        };
        for text in lines {
            self.log(text, kind);
        }
    }

    fn log(&mut self, text: String, kind: Kind) {
        while self.log.len() >= LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(Line { text, kind });
    }

    /// Tells something that is for people only.
    pub(crate) fn say(&mut self, now: Duration, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let line = text::flat(line);
            self.log(format!("{}{line}", text::time(now)), Kind::Plain);
        }
    }

    /// Answers a key.
    pub(crate) fn answer(&mut self, now: Duration, text: &str) {
        self.say(now, text);
        self.said = Some((now, text::flat(text)));
    }

    /// What was answered just now, for a screen without a log.
    pub(crate) fn said(&self, now: Duration) -> Option<&str> {
        let (at, said) = self.said.as_ref()?;
        (now.saturating_sub(*at) < SAID).then_some(said)
    }

    /// Tells what is wrong; it is told once more on standard error at the end.
    pub(crate) fn complain(&mut self, now: Duration, text: &str) {
        let line = text::flat(text);
        self.log(format!("{}{line}", text::time(now)), Kind::Trouble);
        self.said = Some((now, line));
        if self.complaints.len() < LOG_LINES {
            self.complaints.push(text.to_owned());
        }
    }

    /// Takes in how long the subscription lives yet; none while there is none.
    pub(crate) fn set_life(&mut self, now: Duration, life: Option<Duration>) {
        self.life = life.map(|life| (now, life));
    }

    /// How long the subscription lives yet.
    pub(crate) fn life(&self, now: Duration) -> Option<Duration> {
        self.life
            .map(|(at, life)| (at + life).saturating_sub(now.max(at)))
    }

    /// Users who are here, and how many of them are blocked.
    pub(crate) fn here(&self) -> (usize, usize) {
        let here = self.rows.values().filter(|row| row.user.present());
        here.fold((0, 0), |(here, blocked), row| {
            (here + 1, blocked + usize::from(is_blocked(row)))
        })
    }

    /// The row with this number: in the roster, else among those who have left.
    pub(crate) fn row(&self, number: u64) -> Option<&Row> {
        let left = || self.left.get(&number).map(|left| &left.row);
        self.rows.get(&number).or_else(left)
    }

    /// The selected user.
    pub(crate) fn selected(&self) -> Option<&Row> {
        self.view.selected().and_then(|number| self.row(number))
    }
}

pub(crate) fn is_blocked(row: &Row) -> bool {
    row.mark.blocked_by().is_some()
}
