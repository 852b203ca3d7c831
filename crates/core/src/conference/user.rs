//! A user of the roster as shown to the outside (RFC 4575 §5.6–§5.8). Texts are as received.

use core::fmt;

use super::key;
use super::record::{Group, Groups, Items, NO, Record, tag};
use super::row::{self, Presence};

/// One user of a roster as it stood when this was handed out. Cheap to clone; equal when every known field is.
///
/// It keeps up to a few kilobytes alive: the neighbours with which it came in one document.
#[derive(Clone)]
pub struct User {
    record: Record,
    number: u64,
    presence: Presence,
}

impl User {
    pub(super) fn new(number: u64, presence: Presence, record: Record) -> Self {
        Self {
            record,
            number,
            presence,
        }
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// The same user in another segment.
    pub(super) fn move_to(&mut self, record: Record) {
        self.record = record;
    }

    pub(super) fn text(&self) -> &str {
        self.record.text()
    }

    pub(super) fn presence(&self) -> Presence {
        self.presence
    }

    /// The number of the row, in order of first appearance. It stays while the row stays and is never given again: it
    /// tells anonymous rows of one key apart.
    pub fn row(&self) -> u64 {
        self.number
    }

    /// The key: a URI in most cases (RFC 4575 §5.6).
    pub fn entity(&self) -> &str {
        self.record.entity()
    }

    /// `display-text`: for people only, never an identity (CONF-44).
    pub fn display_text(&self) -> Option<&str> {
        find(self.text(), tag::DISPLAY_TEXT)
    }

    /// In the conference: an endpoint is connected, on hold, muted, leaving or without status, or there is none at all
    /// (CONF-48, CONF-49).
    pub fn present(&self) -> bool {
        self.presence == Presence::Present
    }

    /// Not in the conference yet: an endpoint is pending, dialing in or out, or alerted, and none is in it.
    pub fn expected(&self) -> bool {
        self.presence == Presence::Expected
    }

    /// The status of the first endpoint that makes the user present, else of the last one; `None` when that has none.
    pub fn status(&self) -> Option<&str> {
        row::status(self.text())
    }

    /// `roles` (RFC 4575 §5.6.3): for people.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.list(tag::ROLE)
    }

    /// `languages` (RFC 4575 §5.6.4), one by one.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.list(tag::LANGUAGE)
    }

    fn list(&self, tag: u8) -> impl Iterator<Item = &str> {
        Items(self.text())
            .take_while(|item| item.tag < tag::ENDPOINT)
            .filter(move |item| item.tag == tag)
            .map(|item| item.text)
    }

    /// `associated-aors` (RFC 4575 §5.6.2): further URIs of the same user.
    pub fn associated_aors(&self) -> impl Iterator<Item = AssociatedAor<'_>> {
        let mut items = Items(self.text());
        core::iter::from_fn(move || {
            let uri = items
                .by_ref()
                .take_while(|item| item.tag < tag::ENDPOINT)
                .find(|item| item.tag == tag::AOR_URI)?;
            Some(AssociatedAor {
                uri: uri.text,
                display_text: part(items, tag::AOR_URI, tag::AOR_DISPLAY_TEXT),
                purpose: part(items, tag::AOR_URI, tag::AOR_PURPOSE),
            })
        })
    }

    /// `cascaded-focus` (RFC 4575 §5.6.5): a conference that can be subscribed to.
    pub fn cascaded_focus(&self) -> Option<&str> {
        find(self.text(), tag::CASCADED_FOCUS)
    }

    /// The endpoints, in the order in which they first appeared.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint<'_>> {
        let mut items = Items(self.text());
        core::iter::from_fn(move || {
            let entity = items.find(|item| item.tag == tag::ENDPOINT)?.text;
            Some(Endpoint {
                entity,
                rest: items.0,
            })
        })
    }

    /// Elements of other namespaces in the user, for hosts that know them (CONF-60, CONF-62).
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'_>> {
        extensions(Items(self.text()), tag::EXTENSION)
    }

    /// The server has marked this as the row of the one who is subscribed (`yourown`).
    pub fn is_yours(&self) -> bool {
        find(self.text(), tag::YOURS).is_some_and(|word| word != NO.as_str())
    }

    /// The host of the key is `invalid` or under `.invalid`: nobody known (CONF-42).
    pub fn is_anonymous(&self) -> bool {
        key::is_anonymous(self.entity())
    }
}

/// An element of another namespace than RFC 4575's, as it stands in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Name of its namespace; empty for none.
    pub namespace: &'a str,
    /// Its local name.
    pub local: &'a str,
    /// The element, from its start tag to its end tag. Prefixes that are bound outside of it stay so.
    pub xml: &'a str,
}

fn extensions<'a>(mut items: Items<'a>, tag: u8) -> impl Iterator<Item = Extension<'a>> {
    core::iter::from_fn(move || {
        let key = items.find(|item| item.tag == tag)?.text;
        let (namespace, local) = key.rsplit_once(' ').unwrap_or_default();
        let xml = items.next().map_or("", |item| item.text);
        Some(Extension {
            namespace,
            local,
            xml,
        })
    })
}

/// The text of an item of the user or endpoint whose items `text` begins with.
fn find(text: &str, tag: u8) -> Option<&str> {
    let mut groups = Groups(text);
    groups
        .find(|group| group.tag >= tag)
        .filter(|group| group.tag == tag)
        .map(|group| group.text)
}

/// The text of a part of that which begins with `head`, which has just been read. Parts stand in order.
fn part<'a>(mut items: Items<'a>, head: u8, tag: u8) -> Option<&'a str> {
    let mut last = head;
    items
        .find(|item| {
            let done = item.tag >= tag || item.tag <= last;
            last = item.tag;
            done
        })
        .filter(|item| item.tag == tag)
        .map(|item| item.text)
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.text() == other.text()
    }
}

impl Eq for User {}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct List<F>(F);
        impl<I: Iterator<Item: fmt::Debug>, F: Fn() -> I> fmt::Debug for List<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.0()).finish()
            }
        }
        f.debug_struct("User")
            .field("row", &self.number)
            .field("entity", &self.entity())
            .field("presence", &self.presence)
            .field("display_text", &self.display_text())
            .field("associated_aors", &List(|| self.associated_aors()))
            .field("roles", &List(|| self.roles()))
            .field("languages", &List(|| self.languages()))
            .field("cascaded_focus", &self.cascaded_focus())
            .field("is_yours", &self.is_yours())
            .field("endpoints", &List(|| self.endpoints()))
            .finish()
    }
}

/// An entry of `associated-aors` (RFC 4575 §5.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssociatedAor<'a> {
    /// `uri`.
    pub uri: &'a str,
    /// `display-text`.
    pub display_text: Option<&'a str>,
    /// `purpose`: any text (CONF-38).
    pub purpose: Option<&'a str>,
}

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

impl<'a> Group<'a> {
    fn part(&self, tag: u8) -> Option<&'a str> {
        let mut items = Items(self.run);
        items.next();
        part(items, self.tag, tag)
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
