//! What a block-list source says, as values: entries, completeness, state (OMA-17, XDM-32, XDM-52).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::rules::RuleSet;

/// The content of one source at one moment. Its `Debug` shows how many are blocked, not who (SEC-14).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BlockList {
    /// Who is blocked, in the order of the source.
    pub entries: Vec<Entry>,
    /// False when a reference or a part could not be read: entries still mark, their absence proves nothing (XDM-52).
    pub complete: bool,
    /// The rules of a common-policy document: whom they block is blocked as well. Whom they do not know for lack of an
    /// external list is unknown, whatever `complete` says (XDM-52, XDM-68).
    pub rules: Option<Arc<RuleSet>>,
}

impl fmt::Debug for BlockList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockList")
            .field("entries", &self.entries.len())
            .field("complete", &self.complete)
            .field("rules", &self.rules.as_ref().map(|set| set.rules.len()))
            .finish()
    }
}

/// One blocked identity. Its `Debug` shows where it came from, not whom it names (SEC-14).
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The URI as written in the source.
    pub uri: Arc<str>,
    /// Name of the top-level list that led to the entry; none for plain lines.
    pub list: Option<Arc<str>>,
    /// Id of the rule, for entries that come from a common-policy document.
    pub rule: Option<Arc<str>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("of_list", &self.list.is_some())
            .field("of_rule", &self.rule.is_some())
            .finish_non_exhaustive()
    }
}

/// How far a source can be trusted at the moment (CLI event `block_list`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Read whole, and not empty.
    Fresh,
    /// The last good list is in use; the source could not be asked since.
    Stale,
    /// Read, but a part of it could not be resolved.
    Incomplete,
    /// Never read: nothing is known.
    Unavailable,
    /// Known to be empty.
    Empty,
}

/// News from a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The state from now on.
    pub state: SourceState,
    /// The new list; none keeps the one that is held.
    pub list: Option<BlockList>,
    /// Entity tag of the document, byte for byte (RFC 4825 §8.5).
    pub etag: Option<String>,
}
