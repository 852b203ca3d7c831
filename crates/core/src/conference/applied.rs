//! What applying a document comes to, and how far the roster on show can be trusted.

use alloc::vec::Vec;

use super::change::Change;
use super::deviation::Deviation;
use super::refusal::Refusal;

/// The result of [`Conference::apply`](super::Conference::apply).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// What became of the document.
    pub outcome: Outcome,
    /// This is the first roster of all: to be shown as a whole; there are no `changes`.
    pub first: bool,
    /// Something about the conference itself changed: [`Conference::info`](super::Conference::info).
    pub info_changed: bool,
    /// What changed in the roster, in the order left, not joined, unlisted, joined, listed, updated.
    pub changes: Vec<Change>,
    /// Departures of the notifier met for the first time in this subscription.
    pub deviations: Vec<Deviation>,
    /// It showed that a document before it was missed; the deviation is told once only.
    pub gap: bool,
}

impl Applied {
    pub(super) fn only(outcome: Outcome) -> Self {
        Self {
            outcome,
            first: false,
            info_changed: false,
            changes: Vec::new(),
            deviations: Vec::new(),
            gap: false,
        }
    }
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Outcome {
    /// It was applied, though it may have changed nothing.
    Applied,
    /// A full document that is not newer and says what is held. It answers a request for full state.
    Unchanged,
    /// It was well-formed but not applied: not newer, or not following on what is held.
    Discarded,
    /// Nothing of it can be used; the former state is untouched.
    Refused(Refusal),
    /// The conference is gone (RFC 4575 §4.6): the roster is empty, the subscription is to be ended.
    Ended,
    /// It came after the end of the conference.
    Ignored,
    /// There was no document: the body is empty.
    #[default]
    Empty,
}

/// How far the roster on show can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RosterState {
    /// There is none.
    #[default]
    None,
    /// All that was told is in it.
    Current,
    /// Something is known to be missing.
    Stale,
    /// It may be wrong: a body was refused, a guess was made, or a partial document had no version.
    Uncertain,
    /// The conference is gone.
    Ended,
}

impl RosterState {
    /// The word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Current => "current",
            Self::Stale => "stale",
            Self::Uncertain => "uncertain",
            Self::Ended => "ended",
        }
    }
}

/// Why full state is to be asked for by a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// To confirm a guess; documents go on being applied meanwhile.
    Wanted,
    /// Until it comes, nothing that does not follow on the held version is applied.
    Needed,
}
