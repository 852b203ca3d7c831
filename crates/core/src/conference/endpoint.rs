//! An endpoint of a user as shown to the outside (RFC 4575 §5.7, §5.8). Texts are as received.

use core::fmt;

use super::record::{Group, Groups, Items, tag};
use super::user::{Extension, extensions};

/// A device or session of a user (RFC 4575 §5.7).
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    entity: &'a str,
    /// What stands behind the key, other endpoints included.
    rest: &'a str,
}

impl<'a> Endpoint<'a> {
    /// Elements of other namespaces in the endpoint, for hosts that know them (CONF-60, CONF-62).
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        self.groups()
            .filter(|group| group.tag == tag::ENDPOINT_EXTENSION)
            .filter_map(|group| extensions(Items(group.run), tag::ENDPOINT_EXTENSION).next())
    }

    /// The endpoint of that key; `rest` is what stands behind it.
    pub(super) fn new(entity: &'a str, rest: &'a str) -> Self {
        Self { entity, rest }
    }

    /// The key; empty for an endpoint without one.
    pub fn entity(&self) -> &'a str {
        self.entity
    }

    fn groups(&self) -> impl Iterator<Item = Group<'a>> + use<'a> {
        Groups(self.rest).take_while(|group| group.tag != tag::ENDPOINT)
    }

    fn group(&self, tag: u8) -> Option<Group<'a>> {
        self.groups()
            .find(|group| group.tag >= tag)
            .filter(|group| group.tag == tag)
    }

    fn text(&self, tag: u8) -> Option<&'a str> {
        self.group(tag).map(|group| group.text)
    }

    /// `display-text`.
    pub fn display_text(&self) -> Option<&'a str> {
        self.text(tag::ENDPOINT_DISPLAY_TEXT)
    }

    /// `referred` (RFC 4575 §5.7.2).
    pub fn referred(&self) -> Option<Execution<'a>> {
        self.group(tag::REFERRED).map(Execution)
    }

    /// `status` (RFC 4575 §5.7.3), or whatever text the server wrote.
    pub fn status(&self) -> Option<&'a str> {
        self.text(tag::STATUS)
    }

    /// `joining-method` (RFC 4575 §5.7.4), or whatever text the server wrote.
    pub fn joining_method(&self) -> Option<&'a str> {
        self.text(tag::JOINING_METHOD)
    }

    /// `joining-info` (RFC 4575 §5.7.5).
    pub fn joining_info(&self) -> Option<Execution<'a>> {
        self.group(tag::JOINING_INFO).map(Execution)
    }

    /// `disconnection-method` (RFC 4575 §5.7.6), or whatever text the server wrote.
    pub fn disconnection_method(&self) -> Option<&'a str> {
        self.text(tag::DISCONNECTION_METHOD)
    }

    /// `disconnection-info` (RFC 4575 §5.7.7).
    pub fn disconnection_info(&self) -> Option<Execution<'a>> {
        self.group(tag::DISCONNECTION_INFO).map(Execution)
    }

    /// The media streams (RFC 4575 §5.8).
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        self.groups()
            .filter(|group| matches!(group.tag, tag::MEDIA | tag::MEDIA_UNNAMED))
            .map(Media)
    }

    /// `call-info` (RFC 4575 §5.7.9): neither to be shown nor logged by default (CONF-57).
    pub fn call_info(&self) -> Option<CallInfo<'a>> {
        self.group(tag::CALL_INFO).map(CallInfo)
    }
}

impl PartialEq for Endpoint<'_> {
    fn eq(&self, other: &Self) -> bool {
        let runs = |endpoint: &Self| endpoint.groups().map(|group| group.run);
        self.entity == other.entity && runs(self).eq(runs(other))
    }
}

impl Eq for Endpoint<'_> {}

impl fmt::Debug for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("entity", &self.entity)
            .field("display_text", &self.display_text())
            .field("referred", &self.referred())
            .field("status", &self.status())
            .field("joining_method", &self.joining_method())
            .field("joining_info", &self.joining_info())
            .field("disconnection_method", &self.disconnection_method())
            .field("disconnection_info", &self.disconnection_info())
            .field("media", &self.media().collect::<alloc::vec::Vec<_>>())
            .field("call_info", &self.call_info())
            .finish()
    }
}

/// When, why and by whom something was done (RFC 4575 §5.7.2, §5.7.5, §5.7.7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Execution<'a>(Group<'a>);

impl<'a> Execution<'a> {
    /// `when`, an xs:dateTime.
    pub fn when(&self) -> Option<&'a str> {
        self.0.part(tag::WHEN)
    }

    /// `reason`: text, or a Reason header field (RFC 3326) when it begins with `Reason:`.
    pub fn reason(&self) -> Option<&'a str> {
        self.0.part(tag::REASON)
    }

    /// `by`: a URI.
    pub fn by(&self) -> Option<&'a str> {
        self.0.part(tag::BY)
    }
}

impl fmt::Debug for Execution<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("when", &self.when())
            .field("reason", &self.reason())
            .field("by", &self.by())
            .finish()
    }
}

/// A media stream of an endpoint (RFC 4575 §5.8).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Media<'a>(Group<'a>);

impl<'a> Media<'a> {
    /// The key; `None` for a medium without one.
    pub fn id(&self) -> Option<&'a str> {
        (self.0.tag == tag::MEDIA).then_some(self.0.text)
    }

    /// `display-text`.
    pub fn display_text(&self) -> Option<&'a str> {
        self.0.part(tag::MEDIA_DISPLAY_TEXT)
    }

    /// `type`: `message` for instant messages.
    pub fn media_type(&self) -> Option<&'a str> {
        self.0.part(tag::MEDIA_TYPE)
    }

    /// `label`.
    pub fn label(&self) -> Option<&'a str> {
        self.0.part(tag::MEDIA_LABEL)
    }

    /// `src-id`.
    pub fn src_id(&self) -> Option<&'a str> {
        self.0.part(tag::MEDIA_SRC_ID)
    }

    /// `status` from the participant's view: `recvonly` is a muted one. Or whatever text the server wrote.
    pub fn status(&self) -> Option<&'a str> {
        self.0.part(tag::MEDIA_STATUS)
    }
}

impl fmt::Debug for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("id", &self.id())
            .field("display_text", &self.display_text())
            .field("media_type", &self.media_type())
            .field("label", &self.label())
            .field("src_id", &self.src_id())
            .field("status", &self.status())
            .finish()
    }
}

/// The SIP dialog of an endpoint with the focus (RFC 4575 §5.7.9). Its `Debug` tells nothing (CONF-57).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallInfo<'a>(Group<'a>);

impl<'a> CallInfo<'a> {
    /// `display-text`.
    pub fn display_text(&self) -> Option<&'a str> {
        self.0.part(tag::CALL_DISPLAY_TEXT)
    }

    /// `call-id`.
    pub fn call_id(&self) -> Option<&'a str> {
        self.0.part(tag::CALL_ID)
    }

    /// `from-tag`.
    pub fn from_tag(&self) -> Option<&'a str> {
        self.0.part(tag::FROM_TAG)
    }

    /// `to-tag`.
    pub fn to_tag(&self) -> Option<&'a str> {
        self.0.part(tag::TO_TAG)
    }
}

impl fmt::Debug for CallInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallInfo(..)")
    }
}
