//! What a document says about the conference itself (RFC 4575 §5.3–§5.5, §5.9). Texts are as received.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::table::Table;
use super::user::User;

/// A conference, or a sidebar, but for its users. `None`: not told.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Info {
    /// `conference-description` (RFC 4575 §5.3).
    pub description: Option<Description>,
    /// `host-info` (RFC 4575 §5.4).
    pub host_info: Option<HostInfo>,
    /// `conference-state` (RFC 4575 §5.5).
    pub state: Option<ConferenceState>,
    /// `sidebars-by-ref` (RFC 4575 §5.9.1): conferences that can be subscribed to.
    pub sidebars_by_ref: Vec<UriEntry>,
    /// `sidebars-by-val` (RFC 4575 §5.9.2).
    pub sidebars_by_val: Vec<Sidebar>,
    /// Elements of other namespaces in `conference-info` and in `conference-description`, for hosts that know them. They
    /// take no part in saying whether something changed (CONF-60, CONF-62).
    pub extensions: Vec<InfoExtension>,
}

/// An element of another namespace about the conference itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InfoExtension {
    /// It is a child of `conference-description`, not of the root.
    pub in_description: bool,
    /// Name of its namespace; empty for none.
    pub namespace: Box<str>,
    /// Its local name.
    pub local: Box<str>,
    /// The element as it stands in the document. Prefixes that are bound outside of it stay so.
    pub xml: Box<str>,
}

/// `conference-description` (RFC 4575 §5.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// `display-text`.
    pub display_text: Option<Box<str>>,
    /// `subject`.
    pub subject: Option<Box<str>>,
    /// `free-text`.
    pub free_text: Option<Box<str>>,
    /// `keywords`, one by one.
    pub keywords: Option<Vec<Box<str>>>,
    /// `conf-uris` (RFC 4575 §5.3.1).
    pub conf_uris: Option<Vec<UriEntry>>,
    /// `service-uris` (RFC 4575 §5.3.2).
    pub service_uris: Option<Vec<UriEntry>>,
    /// `maximum-user-count` (RFC 4575 §5.3.3): a hint, not enforced.
    pub maximum_user_count: Option<u32>,
    /// `available-media` (RFC 4575 §5.3.4).
    pub available_media: Option<Vec<AvailableMedium>>,
}

/// An entry of `available-media` (RFC 4575 §5.3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AvailableMedium {
    /// `label`.
    pub label: Option<Box<str>>,
    /// `display-text`.
    pub display_text: Option<Box<str>>,
    /// `type`: `audio`, `message` …
    pub media_type: Option<Box<str>>,
    /// `status`: `sendrecv`, `sendonly`, `recvonly`, `inactive`, or another text.
    pub status: Option<Cow<'static, str>>,
}

/// An entry of a list of URIs (RFC 4575 §5.3.1, §5.6.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UriEntry {
    /// `uri`.
    pub uri: Box<str>,
    /// `display-text`.
    pub display_text: Option<Box<str>>,
    /// `purpose`: any text (CONF-38).
    pub purpose: Option<Box<str>>,
}

/// `host-info` (RFC 4575 §5.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostInfo {
    /// `display-text`.
    pub display_text: Option<Box<str>>,
    /// `web-page`. Never opened without an act of the user (CONF-39).
    pub web_page: Option<Box<str>>,
    /// `uris`.
    pub uris: Option<Vec<UriEntry>>,
}

/// `conference-state` (RFC 4575 §5.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConferenceState {
    /// `user-count`: may be above the number of users listed.
    pub user_count: Option<u32>,
    /// `active`.
    pub active: Option<bool>,
    /// `locked`.
    pub locked: Option<bool>,
}

/// A sidebar inside the conference (RFC 4575 §5.9.2).
#[derive(Debug, Clone)]
pub struct Sidebar {
    pub(super) entity: Box<str>,
    pub(super) content: Content,
}

/// All that is held of a conference or a sidebar.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) info: Info,
    pub(super) users: Table,
}

impl Sidebar {
    /// The key, as received.
    pub fn entity(&self) -> &str {
        &self.entity
    }

    /// What is told about the sidebar.
    pub fn info(&self) -> &Info {
        &self.content.info
    }

    /// Its users, in the order in which they first appeared. They are in the main roster too (CONF-59).
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.content.users.iter()
    }
}

impl Sidebar {
    /// Users of the sidebar and of those inside it.
    pub(super) fn user_total(&self) -> usize {
        let inner = self.content.info.sidebars_by_val.iter();
        self.content.users.len() + inner.map(Self::user_total).sum::<usize>()
    }

    /// Bytes of the users of the sidebar and of those inside it.
    pub(super) fn bytes(&self) -> usize {
        let inner = self.content.info.sidebars_by_val.iter();
        self.content.users.bytes() + inner.map(Self::bytes).sum::<usize>()
    }
}

impl Info {
    /// Same content: the order of entries with keys does not count.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.description == other.description
            && self.host_info == other.host_info
            && self.state == other.state
            && same_references(&self.sidebars_by_ref, &other.sidebars_by_ref)
            && same_sidebars(&self.sidebars_by_val, &other.sidebars_by_val)
    }

    /// `user-count` of the conference state.
    pub(super) fn user_count(&self) -> Option<u32> {
        self.state.as_ref().and_then(|state| state.user_count)
    }
}

impl Content {
    fn same(&self, other: &Self) -> bool {
        self.info.same(&other.info) && self.users.same(&other.users)
    }
}

/// Keys are unique in both, so equal lengths and one direction suffice; equal order is the usual case.
pub(super) fn same_references(a: &[UriEntry], b: &[UriEntry]) -> bool {
    a.len() == b.len() && (a == b || a.iter().all(|x| b.iter().any(|y| x == y)))
}

pub(super) fn same_sidebars(a: &[Sidebar], b: &[Sidebar]) -> bool {
    a.len() == b.len()
        && a.iter().all(|x| {
            b.iter()
                .find(|y| x.entity == y.entity)
                .is_some_and(|y| x.content.same(&y.content))
        })
}
