//! A packed user taken apart into the groups that are merged and compared (RFC 4575 §4.6), and put together again.

use alloc::string::String;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::document::State;
use super::record::{DELETED, Group, Groups, Items, NO, PARTIAL, put, put_word, tag};
use super::settings::MAX_EXTENSIONS;

/// A user: each group as the run of its items, empty what is not told.
#[derive(Debug, Default)]
pub(super) struct UserGroups<'a> {
    pub(super) entity: &'a str,
    fields: [&'a str; FIELDS],
    pub(super) endpoints: SmallVec<[EndpointGroups<'a>; 2]>,
    extensions: Vec<ExtensionGroup<'a>>,
}

/// An element of another namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ExtensionGroup<'a> {
    local: &'a str,
    namespace: &'a str,
    run: &'a str,
}

impl<'a> ExtensionGroup<'a> {
    fn new(group: Group<'a>) -> Self {
        Self {
            local: group.text,
            namespace: Items(group.run).nth(1).map_or("", |item| item.text),
            run: group.run,
        }
    }

    /// Elements of one name take each other's place.
    fn is_like(&self, other: &Self) -> bool {
        (self.local, self.namespace) == (other.local, other.namespace)
    }
}

/// Tags from [`tag::YOURS`] to [`tag::CASCADED_FOCUS`].
const FIELDS: usize = (tag::CASCADED_FOCUS - tag::YOURS + 1) as usize;
/// Tags from [`tag::ENDPOINT_DISPLAY_TEXT`] to [`tag::CALL_INFO`].
const ENDPOINT_FIELDS: usize = (tag::CALL_INFO - tag::ENDPOINT_DISPLAY_TEXT + 1) as usize;

/// An endpoint of a user.
#[derive(Debug)]
pub(super) struct EndpointGroups<'a> {
    pub(super) entity: &'a str,
    pub(super) state: State,
    fields: [&'a str; ENDPOINT_FIELDS],
    pub(super) media: SmallVec<[MediumGroup<'a>; 4]>,
    extensions: Vec<ExtensionGroup<'a>>,
}

/// A medium of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MediumGroup<'a> {
    id: Option<&'a str>,
    run: &'a str,
}

impl<'a> UserGroups<'a> {
    /// Takes `text` apart, in whatever order its groups are: of single groups the first counts, of endpoints and of
    /// media with one key the last, in the place of the first. With `full`, endpoints that are deleted are left out.
    pub(super) fn new(text: &'a str, full: bool) -> Self {
        let mut user = Self::default();
        // The endpoint that groups belong to.
        let mut at = 0;
        for group in Groups(text) {
            match group.tag {
                tag::ENTITY => user.entity = group.text,
                tag::YOURS..=tag::CASCADED_FOCUS => set_first(&mut user.fields, tag::YOURS, group),
                tag::ENDPOINT => at = user.set_endpoint(group.text),
                tag::EXTENSION => user.extensions.push(ExtensionGroup::new(group)),
                tag::STATE if full && group.text == DELETED.as_str() => {
                    user.endpoints.remove(at);
                }
                _ => {
                    if let Some(endpoint) = user.endpoints.get_mut(at) {
                        endpoint.take(group);
                    }
                }
            }
        }
        user
    }

    /// An empty endpoint of that key, in the place of the one that is there. Its place.
    fn set_endpoint(&mut self, entity: &'a str) -> usize {
        let new = EndpointGroups {
            entity,
            state: State::Full,
            fields: Default::default(),
            media: SmallVec::new(),
            extensions: Vec::new(),
        };
        let at = self.endpoints.iter().position(|held| held.entity == entity);
        match at.and_then(|at| self.endpoints.get_mut(at)) {
            Some(held) => *held = new,
            None => self.endpoints.push(new),
        }
        at.unwrap_or(self.endpoints.len() - 1)
    }

    /// Puts what `new` tells in place of what this tells.
    pub(super) fn set(&mut self, new: &Self) {
        set_told(&mut self.fields, &new.fields);
        set_extensions(&mut self.extensions, &new.extensions);
    }

    /// Takes the extension data of the same user as told elsewhere. True when it differs.
    pub(super) fn take_extensions(&mut self, other: Self) -> bool {
        let mut differs = self.extensions != other.extensions;
        self.extensions = other.extensions;
        for new in other.endpoints {
            let twin = self
                .endpoints
                .iter_mut()
                .find(|held| held.entity == new.entity);
            if let Some(held) = twin {
                differs |= held.extensions != new.extensions;
                held.extensions = new.extensions;
            }
        }
        differs
    }

    /// Packs it.
    pub(super) fn write(&self, out: &mut String) {
        put(out, tag::ENTITY, self.entity);
        out.extend(self.fields);
        for endpoint in &self.endpoints {
            put(out, tag::ENDPOINT, endpoint.entity);
            match endpoint.state {
                State::Full => {}
                State::Partial => put_word(out, tag::STATE, PARTIAL),
                State::Deleted => put_word(out, tag::STATE, DELETED),
            }
            out.extend(endpoint.fields);
            out.extend(endpoint.media.iter().map(|medium| medium.run));
            out.extend(endpoint.extensions.iter().map(|extension| extension.run));
        }
        out.extend(self.extensions.iter().map(|extension| extension.run));
    }

    /// The run of a group; empty when it is not told.
    pub(super) fn field(&self, tag: u8) -> &'a str {
        field(&self.fields, tag::YOURS, tag)
    }

    /// The entries of a list, without regard to whether an empty list is told or none.
    pub(super) fn list(&self, tag: u8) -> &'a str {
        let mut items = Items(self.field(tag));
        items.next();
        items.0
    }

    /// The mark of the user's own row.
    pub(super) fn is_yours(&self) -> bool {
        let yours = Items(self.field(tag::YOURS)).next();
        yours.is_some_and(|item| item.text != NO.as_str())
    }

    /// Same content: the order of endpoints does not count.
    pub(super) fn same_endpoints(&self, other: &Self) -> bool {
        let (a, b) = (&self.endpoints, &other.endpoints);
        a.len() == b.len()
            && a.iter().enumerate().all(|(at, x)| {
                // Equal order is the usual case.
                let twin = b.get(at).filter(|y| y.entity == x.entity);
                twin.or_else(|| b.iter().find(|y| y.entity == x.entity))
                    .is_some_and(|y| x.same(y))
            })
    }
}

impl<'a> EndpointGroups<'a> {
    fn take(&mut self, group: Group<'a>) {
        match group.tag {
            tag::STATE if group.text == PARTIAL.as_str() => self.state = State::Partial,
            tag::STATE => self.state = State::Deleted,
            tag::MEDIA => self.set_medium(MediumGroup {
                id: Some(group.text),
                run: group.run,
            }),
            tag::MEDIA_UNNAMED => self.set_medium(MediumGroup {
                id: None,
                run: group.run,
            }),
            tag::ENDPOINT_EXTENSION => self.extensions.push(ExtensionGroup::new(group)),
            _ => set_first(&mut self.fields, tag::ENDPOINT_DISPLAY_TEXT, group),
        }
    }

    /// Of two media with one id the last counts; those without id are all kept.
    fn set_medium(&mut self, medium: MediumGroup<'a>) {
        let mut held = self.media.iter_mut();
        match held.find(|held| held.id.is_some() && held.id == medium.id) {
            Some(held) => *held = medium,
            None => self.media.push(medium),
        }
    }

    /// Puts what `new` tells in place of what this tells; a medium without id puts all media in place of those held.
    pub(super) fn set(&mut self, new: &Self) {
        set_told(&mut self.fields, &new.fields);
        set_extensions(&mut self.extensions, &new.extensions);
        if new.media.iter().any(|medium| medium.id.is_none()) {
            self.media.clone_from(&new.media);
        } else {
            for medium in &new.media {
                self.set_medium(*medium);
            }
        }
    }

    /// Same content: the order of media with ids does not count.
    fn same(&self, other: &Self) -> bool {
        self.entity == other.entity
            && self.fields == other.fields
            && same_media(&self.media, &other.media)
    }
}

fn same_media(a: &[MediumGroup<'_>], b: &[MediumGroup<'_>]) -> bool {
    fn unnamed<'m>(media: &'m [MediumGroup<'m>]) -> impl Iterator<Item = &'m MediumGroup<'m>> {
        media.iter().filter(|medium| medium.id.is_none())
    }
    a == b
        || (a.len() == b.len()
            && unnamed(a).eq(unnamed(b))
            && a.iter()
                .filter(|medium| medium.id.is_some())
                .all(|x| b.contains(x)))
}

/// The place of a tag among fields of which `first` is the first.
fn place(first: u8, tag: u8) -> usize {
    usize::from(tag.wrapping_sub(first))
}

fn field<'a>(fields: &[&'a str], first: u8, tag: u8) -> &'a str {
    fields.get(place(first, tag)).copied().unwrap_or_default()
}

fn set_first<'a>(fields: &mut [&'a str], first: u8, group: Group<'a>) {
    if let Some(field) = fields.get_mut(place(first, group.tag))
        && field.is_empty()
    {
        *field = group.run;
    }
}

/// An extension element is atomic: those of a name take the place of those of that name (CONF-61).
fn set_extensions<'a>(held: &mut Vec<ExtensionGroup<'a>>, new: &[ExtensionGroup<'a>]) {
    held.retain(|held| !new.iter().any(|new| new.is_like(held)));
    held.extend(new);
    // The newest are kept: partial documents without end must not make a user grow (SEC-07).
    held.drain(..held.len().saturating_sub(MAX_EXTENSIONS));
}

fn set_told<'a>(held: &mut [&'a str], new: &[&'a str]) {
    for (held, new) in held.iter_mut().zip(new) {
        if !new.is_empty() {
            *held = new;
        }
    }
}
