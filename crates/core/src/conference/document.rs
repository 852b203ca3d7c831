//! A conference-info document as read, before it is merged (RFC 4575 §4.4).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::info::{ConferenceState, Description, HostInfo, InfoExtension, UriEntry};
use super::record::Record;

/// The effective `state` of an element: under a full parent everything is full but what is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Full,
    Partial,
    Deleted,
}

#[derive(Debug)]
pub(super) struct Document {
    pub(super) entity: Option<Box<str>>,
    pub(super) state: State,
    pub(super) version: Option<u32>,
    pub(super) parts: Parts,
}

/// The children of `conference-info` or of a sidebar entry; `None` what is absent.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) description: Option<Description>,
    pub(super) host_info: Option<HostInfo>,
    pub(super) state: Option<ConferenceState>,
    pub(super) users: Option<Users>,
    pub(super) sidebars_by_ref: Option<(State, Vec<UriEntry>)>,
    pub(super) sidebars_by_val: Option<(State, Vec<ListedSidebar>)>,
    pub(super) extensions: Vec<InfoExtension>,
}

#[derive(Debug)]
pub(super) struct Users {
    pub(super) state: State,
    pub(super) listed: Vec<Listed>,
}

/// A user as listed.
#[derive(Debug)]
pub(super) struct Listed {
    /// Of a deleted user only the key.
    pub(super) record: Record,
    pub(super) state: State,
}

impl Listed {
    pub(super) fn entity(&self) -> &str {
        self.record.entity()
    }
}

#[derive(Debug)]
pub(super) struct ListedSidebar {
    pub(super) entity: Box<str>,
    pub(super) state: State,
    pub(super) parts: Parts,
}
