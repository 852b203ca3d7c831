//! A user of the roster as shown to the outside (RFC 4575 §5.6). Texts are as received.

use core::fmt;

use super::endpoint::Endpoint;
use super::key;
use super::record::{Groups, Item, Items, NO, Record, is_extension, part, tag};
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
            Some(Endpoint::new(entity, items.0))
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

pub(super) fn extensions<'a>(mut items: Items<'a>, tag: u8) -> impl Iterator<Item = Extension<'a>> {
    core::iter::from_fn(move || {
        let local = items.find(|item| item.tag == tag)?.text;
        let mut next = || items.next().map_or("", |item| item.text);
        Some(Extension {
            local,
            namespace: next(),
            xml: next(),
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

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        fn known(text: &str) -> impl Iterator<Item = Item<'_>> {
            Items(text).filter(|item| !is_extension(item.tag))
        }
        self.number == other.number
            && (self.text() == other.text() || known(self.text()).eq(known(other.text())))
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
