//! The verdict on a roster user: who is asked about, what comes out (SW-17, URI-20).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::uri::Steps;

/// What identifies a roster user. Its display text never does (URI-21). Its `Debug` shows how many URIs, not which (SEC-16).
#[derive(Clone, Default)]
pub struct Candidates<'a> {
    /// `user@entity`.
    pub entity: &'a str,
    /// The URIs of `associated-aors`.
    pub associated_aors: Vec<&'a str>,
    /// `endpoint@entity` of each endpoint; used only with [`super::BlockLists::match_endpoints`], and only those that are
    /// URIs with a user part.
    pub endpoints: Vec<&'a str>,
    /// The row is the IM user's own.
    pub yours: bool,
    /// The focus hides who this is; a host under .invalid is found without it (RFC 4575 §5.6).
    pub anonymous: bool,
}

impl fmt::Debug for Candidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidates")
            .field("associated_aors", &self.associated_aors.len())
            .field("endpoints", &self.endpoints.len())
            .field("yours", &self.yours)
            .field("anonymous", &self.anonymous)
            .finish_non_exhaustive()
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// On a list.
    Blocked(Arc<BlockedBy>),
    /// On no list, and all lists are known whole.
    Clear,
    /// On no list that is known, but not all are known whole, or there is none.
    Unknown,
    /// The IM user himself, never blocked.
    Own,
    /// Nobody can tell who it is (URI-22).
    Anonymous,
}

impl Mark {
    /// Name as printed by the command line.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Blocked(_) => "blocked",
            Self::Clear => "clear",
            Self::Unknown => "unknown",
            Self::Own => "self",
            Self::Anonymous => "anonymous",
        }
    }

    /// What blocks, when the mark is [`Mark::Blocked`].
    #[must_use]
    pub fn blocked_by(&self) -> Option<&BlockedBy> {
        match self {
            Self::Blocked(by) => Some(by),
            _ => None,
        }
    }
}

/// The reason of a block (XDM-32). Its `Debug` shows where it came from, not whom it names (SEC-16).
#[derive(Clone, PartialEq, Eq)]
pub struct BlockedBy {
    /// Name of the source.
    pub source: Arc<str>,
    /// Top-level list that led to the entry; none for plain lines.
    pub list: Option<Arc<str>>,
    /// Id of the rule, for entries of a common-policy document.
    pub rule: Option<Arc<str>>,
    /// The entry as written, without a password (URI-06).
    pub entry: Arc<str>,
    /// What of the user matched.
    pub via: Via,
    /// What was done to the two URIs to see that they match.
    pub steps: Steps,
}

impl fmt::Debug for BlockedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockedBy")
            .field("source", &self.source)
            .field("of_list", &self.list.is_some())
            .field("of_rule", &self.rule.is_some())
            .field("via", &self.via)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// Which of a user's URIs matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `user@entity`.
    Entity,
    /// One of `associated-aors`.
    AssociatedAor,
    /// `endpoint@entity`.
    Endpoint,
}

impl Via {
    /// Name as printed by the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::AssociatedAor => "associated-aor",
            Self::Endpoint => "endpoint",
        }
    }
}
