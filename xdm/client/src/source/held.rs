//! What a source holds: the last good list, its state, the last error; and whether a change is worth telling.

use rollmark_core::blocklist::{BlockList, SourceState, Update};

/// The list of a source and how far it can be trusted.
#[derive(Default)]
pub(super) struct Held {
    list: Option<BlockList>,
    /// As told last; none before the first update.
    state: Option<SourceState>,
    error: Option<String>,
}

/// Shows how many are blocked, not who (SEC-14).
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held")
            .field(
                "entries",
                &self.list.as_ref().map(|list| list.entries.len()),
            )
            .field("state", &self.state)
            .field("error", &self.error)
            .finish()
    }
}

impl Held {
    /// Takes a list that was read; an update if list or state changed.
    pub(super) fn take(&mut self, list: BlockList, etag: Option<String>) -> Option<Update> {
        self.error = None;
        let state = state_of(&list);
        let new = (self.list.as_ref() != Some(&list)).then(|| list.clone());
        self.list = Some(list);
        self.tell(state, new, etag)
    }

    /// The list held is still what the source has.
    #[cfg(feature = "reqwest")]
    pub(super) fn confirm(&mut self, etag: Option<String>) -> Option<Update> {
        self.error = None;
        let state = state_of(self.list.as_ref()?);
        self.tell(state, None, etag)
    }

    /// Takes a list from an earlier run: it is in use, but may be out of date.
    #[cfg(feature = "reqwest")]
    pub(super) fn recall(&mut self, list: BlockList, etag: Option<String>) -> Update {
        let state = SourceState::Stale;
        self.list = Some(list.clone());
        self.state = Some(state);
        Update {
            state,
            list: Some(list),
            etag,
        }
    }

    /// The list held is somebody else's: nothing is known any more (SW-08).
    #[cfg(feature = "reqwest")]
    pub(super) fn forget(&mut self) -> Update {
        *self = Self {
            state: Some(SourceState::Unavailable),
            ..Self::default()
        };
        Update {
            state: SourceState::Unavailable,
            list: Some(BlockList::default()),
            etag: None,
        }
    }

    /// The source could not be read: the last good list stays in use (XDM-27).
    pub(super) fn fail(&mut self, error: String) -> Option<Update> {
        self.error = Some(error);
        let state = match self.list {
            Some(_) => SourceState::Stale,
            None => SourceState::Unavailable,
        };
        self.tell(state, None, None)
    }

    pub(super) fn last_error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn tell(
        &mut self,
        state: SourceState,
        list: Option<BlockList>,
        etag: Option<String>,
    ) -> Option<Update> {
        let changed = list.is_some() || self.state != Some(state);
        self.state = Some(state);
        changed.then_some(Update { state, list, etag })
    }
}

/// The state that a list says by itself.
fn state_of(list: &BlockList) -> SourceState {
    let rules = list.rules.as_ref();
    let complete = list.complete && rules.is_none_or(|set| set.is_complete());
    let empty = list.entries.is_empty() && rules.is_none_or(|set| set.rules.is_empty());
    match (complete, empty) {
        (false, _) => SourceState::Incomplete,
        (true, true) => SourceState::Empty,
        (true, false) => SourceState::Fresh,
    }
}
