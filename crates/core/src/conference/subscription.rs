//! What is remembered of a notifier during one subscription, and when full state is wanted of it.

use alloc::boxed::Box;
use core::time::Duration;

use hashbrown::{HashMap, HashSet};

use super::applied::Need;
use super::deviation::Report;
use super::document::{Listed, State};
use super::merge::Reading;

/// Full state is not wanted oftener than this for the sake of one more unproven guess.
pub const GUESS_INTERVAL: Duration = Duration::from_secs(600);

/// What is forgotten when a subscription begins.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    /// The version of the last document applied.
    pub(super) local: Option<u32>,
    /// A full document was applied.
    pub(super) based: bool,
    pub(super) need: Option<Need>,
    pub(super) report: Report,
    /// Length and hash of the last document received, if it was a partial one.
    pub(super) last_partial: Option<(usize, u64)>,
    /// A full document without version was seen.
    pub(super) versionless: bool,
    /// Full state was asked for because of a partial document without version.
    pub(super) versionless_asked: bool,
    /// What this notifier was proven to mean by full users in a partial document.
    pub(super) proven: Option<Reading>,
    /// The last document was a guess: the keys it listed.
    pub(super) guess: Option<HashSet<Box<str>>>,
    pub(super) guess_asked: Option<Duration>,
}

impl Subscription {
    /// A guess was made that a full document would confirm.
    pub(super) fn want_for_guess(&mut self, now: Duration) {
        let recently = self
            .guess_asked
            .is_some_and(|asked| now.saturating_sub(asked) < GUESS_INTERVAL);
        if !recently {
            self.guess_asked = Some(now);
            self.need = self.need.max(Some(Need::Wanted));
        }
    }

    /// A partial document without version was applied, and what may have been lost before it nobody knows. A notifier
    /// whose full documents have no version either is asked once only.
    pub(super) fn want_for_version(&mut self) {
        if !(self.versionless && self.versionless_asked) {
            self.versionless_asked = true;
            self.need = self.need.max(Some(Need::Wanted));
        }
    }
}

/// True when the users listed, those deleted left out, have just these keys. Of users with one key the last counts.
pub(super) fn same_keys<'l>(
    keys: &HashSet<Box<str>>,
    listed: impl Iterator<Item = &'l Listed>,
) -> bool {
    let last: HashMap<&str, bool> = listed
        .map(|user| (user.entity(), user.state == State::Deleted))
        .collect();
    let mut meant = last.iter().filter(|&(_, deleted)| !deleted);
    meant.clone().count() == keys.len() && meant.all(|(key, _)| keys.contains(*key))
}
