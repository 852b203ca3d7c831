//! A user of the roster as shown to the outside (RFC 4575 §5.6–§5.8). Texts are as received.

use alloc::sync::Arc;
use core::fmt;

use super::info::UriEntry;
use super::key;
use super::row::{CallData, EndpointData, ExecutionData, MediaData, Presence, UserData};

/// One user of a roster as it stood when this was handed out. Cheap to clone; equal when every known field is.
#[derive(Clone)]
pub struct User(Arc<Row>);

#[derive(PartialEq, Eq)]
struct Row {
    number: u64,
    presence: Presence,
    data: UserData,
}

impl User {
    pub(super) fn new(number: u64, data: UserData) -> Self {
        let presence = data.presence();
        Self(Arc::new(Row {
            number,
            presence,
            data,
        }))
    }

    pub(super) fn data(&self) -> &UserData {
        &self.0.data
    }

    pub(super) fn presence(&self) -> Presence {
        self.0.presence
    }

    /// The number of the row, in order of first appearance. It stays while the row stays and is never given again: it
    /// tells anonymous rows of one key apart.
    pub fn row(&self) -> u64 {
        self.0.number
    }

    /// The key: a URI in most cases (RFC 4575 §5.6).
    pub fn entity(&self) -> &str {
        &self.0.data.entity
    }

    /// `display-text`: for people only, never an identity (CONF-44).
    pub fn display_text(&self) -> Option<&str> {
        self.0.data.display_text.as_deref()
    }

    /// In the conference: an endpoint is connected, on hold, muted, leaving or without status, or there is none at all
    /// (CONF-48, CONF-49).
    pub fn present(&self) -> bool {
        self.0.presence == Presence::Present
    }

    /// Not in the conference yet: an endpoint is pending, dialing in or out, or alerted, and none is in it.
    pub fn expected(&self) -> bool {
        self.0.presence == Presence::Expected
    }

    /// The status of the first endpoint that makes the user present, else of the last one; `None` when that has none.
    pub fn status(&self) -> Option<&str> {
        self.0.data.status()
    }

    /// `roles` (RFC 4575 §5.6.3): for people.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.data.roles.iter().flatten().map(|role| &**role)
    }

    /// `languages` (RFC 4575 §5.6.4), one by one.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.0.data.languages.iter().flatten().map(|tag| &**tag)
    }

    /// `associated-aors` (RFC 4575 §5.6.2): further URIs of the same user.
    pub fn associated_aors(&self) -> impl Iterator<Item = &UriEntry> {
        self.0.data.associated_aors.iter().flatten()
    }

    /// `cascaded-focus` (RFC 4575 §5.6.5): a conference that can be subscribed to.
    pub fn cascaded_focus(&self) -> Option<&str> {
        self.0.data.cascaded_focus.as_deref()
    }

    /// The endpoints, in the order in which they first appeared.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint<'_>> {
        self.0.data.endpoints.iter().map(Endpoint)
    }

    /// The server has marked this as the row of the one who is subscribed (`yourown`).
    pub fn is_yours(&self) -> bool {
        self.0.data.yours == Some(true)
    }

    /// The host of the key is `invalid` or under `.invalid`: nobody known (CONF-42).
    pub fn is_anonymous(&self) -> bool {
        key::is_anonymous(self.entity())
    }
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for User {}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("row", &self.0.number)
            .field("presence", &self.0.presence)
            .field("data", &self.0.data)
            .finish()
    }
}

/// A device or session of a user (RFC 4575 §5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint<'a>(&'a EndpointData);

impl<'a> Endpoint<'a> {
    /// The key; empty for an endpoint without one.
    pub fn entity(&self) -> &'a str {
        &self.0.entity
    }

    /// `display-text`.
    pub fn display_text(&self) -> Option<&'a str> {
        self.0.display_text.as_deref()
    }

    /// `referred` (RFC 4575 §5.7.2).
    pub fn referred(&self) -> Option<Execution<'a>> {
        self.0.referred.as_ref().map(Execution)
    }

    /// `status` (RFC 4575 §5.7.3), or whatever text the server wrote.
    pub fn status(&self) -> Option<&'a str> {
        self.0.status.as_deref()
    }

    /// `joining-method` (RFC 4575 §5.7.4), or whatever text the server wrote.
    pub fn joining_method(&self) -> Option<&'a str> {
        self.0.joining_method.as_deref()
    }

    /// `joining-info` (RFC 4575 §5.7.5).
    pub fn joining_info(&self) -> Option<Execution<'a>> {
        self.0.joining_info.as_ref().map(Execution)
    }

    /// `disconnection-method` (RFC 4575 §5.7.6), or whatever text the server wrote.
    pub fn disconnection_method(&self) -> Option<&'a str> {
        self.0.disconnection_method.as_deref()
    }

    /// `disconnection-info` (RFC 4575 §5.7.7).
    pub fn disconnection_info(&self) -> Option<Execution<'a>> {
        self.0.disconnection_info.as_ref().map(Execution)
    }

    /// The media streams (RFC 4575 §5.8).
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        self.0.media.iter().map(Media)
    }

    /// `call-info` (RFC 4575 §5.7.9): neither to be shown nor logged by default (CONF-57).
    pub fn call_info(&self) -> Option<CallInfo<'a>> {
        self.0.call_info.as_ref().map(CallInfo)
    }
}

/// When, why and by whom something was done (RFC 4575 §5.7.2, §5.7.5, §5.7.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution<'a>(&'a ExecutionData);

impl<'a> Execution<'a> {
    /// `when`, an xs:dateTime.
    pub fn when(&self) -> Option<&'a str> {
        self.0.when.as_deref()
    }

    /// `reason`: text, or a Reason header field (RFC 3326) when it begins with `Reason:`.
    pub fn reason(&self) -> Option<&'a str> {
        self.0.reason.as_deref()
    }

    /// `by`: a URI.
    pub fn by(&self) -> Option<&'a str> {
        self.0.by.as_deref()
    }
}

/// A media stream of an endpoint (RFC 4575 §5.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media<'a>(&'a MediaData);

impl<'a> Media<'a> {
    /// The key; `None` for a medium without one.
    pub fn id(&self) -> Option<&'a str> {
        self.0.id.as_deref()
    }

    /// `display-text`.
    pub fn display_text(&self) -> Option<&'a str> {
        self.0.display_text.as_deref()
    }

    /// `type`: `message` for instant messages.
    pub fn media_type(&self) -> Option<&'a str> {
        self.0.media_type.as_deref()
    }

    /// `label`.
    pub fn label(&self) -> Option<&'a str> {
        self.0.label.as_deref()
    }

    /// `src-id`.
    pub fn src_id(&self) -> Option<&'a str> {
        self.0.src_id.as_deref()
    }

    /// `status` from the participant's view: `recvonly` is a muted one. Or whatever text the server wrote.
    pub fn status(&self) -> Option<&'a str> {
        self.0.status.as_deref()
    }
}

/// The SIP dialog of an endpoint with the focus (RFC 4575 §5.7.9). Its `Debug` tells nothing (CONF-57).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallInfo<'a>(&'a CallData);

impl<'a> CallInfo<'a> {
    /// `display-text`.
    pub fn display_text(&self) -> Option<&'a str> {
        self.0.display_text.as_deref()
    }

    /// `call-id`.
    pub fn call_id(&self) -> Option<&'a str> {
        self.0.call_id.as_deref()
    }

    /// `from-tag`.
    pub fn from_tag(&self) -> Option<&'a str> {
        self.0.from_tag.as_deref()
    }

    /// `to-tag`.
    pub fn to_tag(&self) -> Option<&'a str> {
        self.0.to_tag.as_deref()
    }
}

impl fmt::Debug for CallInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}
