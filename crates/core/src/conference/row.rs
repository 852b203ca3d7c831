//! A row of the user table as held: its fields, who is present (CONF-48–CONF-51), what counts as the same content.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::info::UriEntry;

pub(super) type Text = Option<Box<str>>;
/// A text that mostly is one of a few known words.
pub(super) type Word = Option<Cow<'static, str>>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UserData {
    pub(super) entity: Box<str>,
    pub(super) display_text: Text,
    pub(super) associated_aors: Option<Vec<UriEntry>>,
    pub(super) roles: Option<Vec<Box<str>>>,
    pub(super) languages: Option<Vec<Box<str>>>,
    pub(super) cascaded_focus: Text,
    pub(super) yours: Option<bool>,
    pub(super) endpoints: Vec<EndpointData>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EndpointData {
    pub(super) entity: Box<str>,
    pub(super) display_text: Text,
    pub(super) referred: Option<ExecutionData>,
    pub(super) status: Word,
    pub(super) joining_method: Word,
    pub(super) joining_info: Option<ExecutionData>,
    pub(super) disconnection_method: Word,
    pub(super) disconnection_info: Option<ExecutionData>,
    pub(super) media: Vec<MediaData>,
    pub(super) call_info: Option<CallData>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExecutionData {
    pub(super) when: Text,
    pub(super) reason: Text,
    pub(super) by: Text,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MediaData {
    pub(super) id: Text,
    pub(super) display_text: Text,
    pub(super) media_type: Text,
    pub(super) label: Text,
    pub(super) src_id: Text,
    pub(super) status: Word,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct CallData {
    pub(super) display_text: Text,
    pub(super) call_id: Text,
    pub(super) from_tag: Text,
    pub(super) to_tag: Text,
}

impl fmt::Debug for CallData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallInfo(..)")
    }
}

/// Where somebody stands with the conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    /// All endpoints are disconnected.
    Left,
    /// A status that RFC 4575 does not know.
    Unknown,
    /// On the way in.
    Expected,
    /// In the conference, or leaving it just now.
    Present,
}

impl EndpointData {
    fn presence(&self) -> Presence {
        match self.status.as_deref() {
            None => Presence::Present,
            Some("connected" | "on-hold" | "muted-via-focus" | "disconnecting") => {
                Presence::Present
            }
            Some("pending" | "dialing-in" | "dialing-out" | "alerting") => Presence::Expected,
            Some("disconnected") => Presence::Left,
            Some(_) => Presence::Unknown,
        }
    }

    pub(super) fn disconnected(&self) -> bool {
        self.presence() == Presence::Left
    }

    /// Same content: the order of media with ids does not count.
    fn same(&self, other: &Self) -> bool {
        let Self {
            entity,
            display_text,
            referred,
            status,
            joining_method,
            joining_info,
            disconnection_method,
            disconnection_info,
            media,
            call_info,
        } = self;
        *entity == other.entity
            && *display_text == other.display_text
            && *referred == other.referred
            && *status == other.status
            && *joining_method == other.joining_method
            && *joining_info == other.joining_info
            && *disconnection_method == other.disconnection_method
            && *disconnection_info == other.disconnection_info
            && *call_info == other.call_info
            && same_media(media, &other.media)
    }
}

fn same_media(a: &[MediaData], b: &[MediaData]) -> bool {
    fn unnamed(media: &[MediaData]) -> impl Iterator<Item = &MediaData> {
        media.iter().filter(|medium| medium.id.is_none())
    }
    a == b
        || (a.len() == b.len()
            && unnamed(a).eq(unnamed(b))
            && a.iter()
                .filter(|medium| medium.id.is_some())
                .all(|x| b.iter().any(|y| x == y)))
}

/// Same content: the order of endpoints does not count.
pub(super) fn same_endpoints(a: &[EndpointData], b: &[EndpointData]) -> bool {
    a.len() == b.len()
        && a.iter().enumerate().all(|(at, x)| {
            // Equal order is the usual case.
            let twin = b.get(at).filter(|y| y.entity == x.entity);
            twin.or_else(|| b.iter().find(|y| y.entity == x.entity))
                .is_some_and(|y| x.same(y))
        })
}

impl UserData {
    /// Where the user stands: present by any endpoint or by having none, else on the way by any, and gone only by all.
    pub(super) fn presence(&self) -> Presence {
        // The order of the variants is the order in which an endpoint outweighs the others.
        self.endpoints
            .iter()
            .map(EndpointData::presence)
            .max()
            .unwrap_or(Presence::Present)
    }

    pub(super) fn status(&self) -> Option<&str> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.presence() == Presence::Present)
            .or(self.endpoints.last())
            .and_then(|endpoint| endpoint.status.as_deref())
    }
}
