//! Reading users, endpoints and media into packed form (RFC 4575 §5.6–§5.8).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::ops::Range;

use smallvec::SmallVec;

use super::deviation::DeviationCode;
use super::document::State;
use super::groups::UserGroups;
use super::read::{Child, Source, is_space, trim};
use super::record::{
    DELETED, DISCONNECTION_METHOD, ENDPOINT_STATUS, JOINING_METHOD, MEDIA_STATUS, NO, PARTIAL,
    Words, YES, put, put_word, tag,
};
use super::refusal::Refusal;
use super::settings::MAX_EXTENSIONS;
use super::when::is_date_time;
use crate::xml::{Name, Namespace};

/// Which groups of a user or an endpoint have been packed.
#[derive(Debug, Default)]
struct Packed {
    seen: u32,
    last: u8,
    /// They do not stand in the order of their tags, or one has to take the place of another.
    untidy: bool,
}

impl Packed {
    /// True when a group is not there yet: of single elements the first counts.
    fn is_new(&mut self, tag: u8) -> bool {
        let bit = 1 << tag;
        if self.seen & bit != 0 {
            return false;
        }
        self.seen |= bit;
        self.put(tag);
        true
    }

    /// A group that may come more than once.
    fn put(&mut self, tag: u8) {
        self.untidy |= tag < self.last;
        self.last = tag;
    }
}

/// Where the keys of endpoints or media stand that have been packed.
type Keys = SmallVec<[Range<usize>; 4]>;

impl<'a> Source<'a, '_> {
    /// The user just begun, packed at the end of what is packed; nothing when it is passed over.
    pub(super) fn read_user(&mut self, under_full: bool) -> Result<Option<State>, Refusal> {
        let Some(entity) = self.attribute("entity") else {
            if self.strict() {
                return Err(Refusal::UserWithoutEntity);
            }
            self.report.add(DeviationCode::UserWithoutEntity, || {
                String::from("a user has no entity; it is passed over")
            });
            self.xml.skip()?;
            return Ok(None);
        };
        let yours = self.yours();
        let state = self.state(under_full);
        let start = self.packed.len();
        put(&mut self.packed, tag::ENTITY, &entity);
        if state == State::Deleted {
            self.xml.skip()?;
            return Ok(Some(state));
        }
        if let Some(yours) = yours {
            put_word(&mut self.packed, tag::YOURS, if yours { YES } else { NO });
        }
        let mut packed = Packed::default();
        let mut endpoints = Keys::new();
        let mut count = 0;
        let mut extensions = 0;
        while let Some(child) = self.child_or_foreign()? {
            let child = match child {
                Child::Ours(child) => child,
                Child::Foreign(name) => {
                    self.pack_extension(&mut packed, tag::EXTENSION, name, &mut extensions)?;
                    continue;
                }
            };
            match child {
                "display-text" => self.pack_text(&mut packed, tag::DISPLAY_TEXT)?,
                "associated-aors" if packed.is_new(tag::AORS) => self.read_aors()?,
                "roles" if packed.is_new(tag::ROLES) => self.read_roles()?,
                "languages" if packed.is_new(tag::LANGUAGES) => self.read_languages()?,
                "cascaded-focus" => self.pack_token(&mut packed, tag::CASCADED_FOCUS)?,
                "endpoint" => {
                    count += 1;
                    if count > self.settings.limits.endpoints {
                        return Err(Refusal::TooManyEndpoints);
                    }
                    packed.put(tag::ENDPOINT);
                    packed.untidy |=
                        self.read_endpoint(state == State::Full, &entity, &mut endpoints)?;
                }
                _ => self.xml.skip()?,
            }
        }
        if packed.untidy {
            let untidy = self.packed.split_off(start);
            UserGroups::new(&untidy, state == State::Full).write(&mut self.packed);
        }
        Ok(Some(state))
    }

    /// The mark of the user's own row, from whatever namespace it comes (CONF-62).
    fn yours(&self) -> Option<bool> {
        self.xml
            .attributes()
            .iter()
            .find(|attribute| {
                attribute.local == "yourown" && attribute.namespace != Namespace::XMLNS
            })
            .map(|attribute| !matches!(trim(&attribute.value()), "false" | "0"))
    }

    /// An element of another namespace, as it stands; those above the limits are passed over (CONF-60).
    fn pack_extension(
        &mut self,
        packed: &mut Packed,
        tag: u8,
        name: Name<'a>,
        count: &mut usize,
    ) -> Result<(), Refusal> {
        *count += 1;
        if let Some(xml) = self.foreign()?
            && *count <= MAX_EXTENSIONS
        {
            packed.put(tag);
            let namespace = self.xml.namespace_name(name.namespace);
            put(&mut self.packed, tag, name.local);
            put(&mut self.packed, tag::EXTENSION_NAMESPACE, namespace);
            put(&mut self.packed, tag::EXTENSION_XML, xml);
        }
        Ok(())
    }

    /// A text as written, if there is none yet.
    fn pack_text(&mut self, packed: &mut Packed, tag: u8) -> Result<(), Refusal> {
        if !packed.is_new(tag) {
            return Ok(self.xml.skip()?);
        }
        self.put_text(tag)
    }

    /// The text of the open element.
    fn put_text(&mut self, tag: u8) -> Result<(), Refusal> {
        let text = self.plain_text()?;
        put(&mut self.packed, tag, text.unwrap_or(&self.decoded));
        Ok(())
    }

    /// A text without white space at both ends, if there is none yet.
    fn pack_token(&mut self, packed: &mut Packed, tag: u8) -> Result<(), Refusal> {
        if !packed.is_new(tag) {
            return Ok(self.xml.skip()?);
        }
        let text = self.plain_text()?;
        put(&mut self.packed, tag, trim(text.unwrap_or(&self.decoded)));
        Ok(())
    }

    /// A word of an enumeration, if there is none yet; one that is not among `known` is kept as text.
    fn pack_word(
        &mut self,
        packed: &mut Packed,
        tag: u8,
        element: &str,
        known: Words,
    ) -> Result<(), Refusal> {
        if !packed.is_new(tag) {
            return Ok(self.xml.skip()?);
        }
        let text = self.text()?;
        self.put_word(tag, element, known, trim(&text));
        Ok(())
    }

    fn put_word(&mut self, tag: u8, element: &str, known: Words, text: &str) {
        match known.find(text) {
            Some(word) => put_word(&mut self.packed, tag, word),
            None => {
                self.unknown(element, text);
                put(&mut self.packed, tag, text);
            }
        }
    }

    fn put_told(&mut self, tag: u8, text: Option<Cow<'_, str>>) {
        if let Some(text) = text {
            put(&mut self.packed, tag, &text);
        }
    }

    fn put_trimmed(&mut self, tag: u8, text: Option<Cow<'_, str>>) {
        if let Some(text) = text {
            put(&mut self.packed, tag, trim(&text));
        }
    }

    /// The text of the open element, if there is none yet in `slot`.
    fn first_text(&mut self, slot: &mut Option<Cow<'a, str>>) -> Result<(), Refusal> {
        if slot.is_some() {
            return Ok(self.xml.skip()?);
        }
        *slot = Some(self.text()?);
        Ok(())
    }

    /// A list of URIs: always replaced whole, whatever its state (CONF-20). An entry without URI is passed over.
    fn read_aors(&mut self) -> Result<(), Refusal> {
        put(&mut self.packed, tag::AORS, "");
        while let Some(child) = self.child()? {
            if child != "entry" {
                self.xml.skip()?;
                continue;
            }
            let (mut uri, mut display_text, mut purpose) = (None, None, None);
            while let Some(child) = self.child()? {
                match child {
                    "uri" => self.first_text(&mut uri)?,
                    "display-text" => self.first_text(&mut display_text)?,
                    "purpose" => self.first_text(&mut purpose)?,
                    _ => self.xml.skip()?,
                }
            }
            if let Some(uri) = uri {
                put(&mut self.packed, tag::AOR_URI, trim(&uri));
                self.put_told(tag::AOR_DISPLAY_TEXT, display_text);
                self.put_told(tag::AOR_PURPOSE, purpose);
            }
        }
        Ok(())
    }

    fn read_roles(&mut self) -> Result<(), Refusal> {
        put(&mut self.packed, tag::ROLES, "");
        while let Some(child) = self.child()? {
            if child == "entry" {
                self.put_text(tag::ROLE)?;
            } else {
                self.xml.skip()?;
            }
        }
        Ok(())
    }

    fn read_languages(&mut self) -> Result<(), Refusal> {
        put(&mut self.packed, tag::LANGUAGES, "");
        let text = self.text()?;
        for language in text.split(is_space).filter(|item| !item.is_empty()) {
            put(&mut self.packed, tag::LANGUAGE, language);
        }
        Ok(())
    }

    /// The endpoint just begun. True when the user is untidy for it.
    fn read_endpoint(
        &mut self,
        under_full: bool,
        user: &str,
        keys: &mut Keys,
    ) -> Result<bool, Refusal> {
        let entity = self.attribute("entity");
        if entity.is_none() {
            if self.strict() {
                return Err(Refusal::EndpointWithoutEntity);
            }
            self.report.add(DeviationCode::EndpointWithoutEntity, || {
                format!("an endpoint of {user:?} has no entity")
            });
        }
        let state = self.state(under_full);
        let mut packed = Packed::default();
        packed.untidy |= self.put_key(tag::ENDPOINT, &entity.unwrap_or_default(), keys);
        match state {
            State::Full => {}
            State::Partial => put_word(&mut self.packed, tag::STATE, PARTIAL),
            State::Deleted => {
                put_word(&mut self.packed, tag::STATE, DELETED);
                self.xml.skip()?;
                // Under a full user it is not to be kept.
                return Ok(under_full || packed.untidy);
            }
        }
        let mut media = Keys::new();
        let mut count = 0;
        let mut extensions = 0;
        while let Some(child) = self.child_or_foreign()? {
            let child = match child {
                Child::Ours(child) => child,
                Child::Foreign(name) => {
                    let tag = tag::ENDPOINT_EXTENSION;
                    self.pack_extension(&mut packed, tag, name, &mut extensions)?;
                    continue;
                }
            };
            match child {
                "display-text" => self.pack_text(&mut packed, tag::ENDPOINT_DISPLAY_TEXT)?,
                "referred" if packed.is_new(tag::REFERRED) => {
                    self.read_execution(tag::REFERRED)?;
                }
                "status" => {
                    self.pack_word(&mut packed, tag::STATUS, "status", ENDPOINT_STATUS)?;
                }
                "joining-method" => {
                    let tag = tag::JOINING_METHOD;
                    self.pack_word(&mut packed, tag, "joining-method", JOINING_METHOD)?;
                }
                "joining-info" if packed.is_new(tag::JOINING_INFO) => {
                    self.read_execution(tag::JOINING_INFO)?;
                }
                "disconnection-method" => {
                    let tag = tag::DISCONNECTION_METHOD;
                    let known = DISCONNECTION_METHOD;
                    self.pack_word(&mut packed, tag, "disconnection-method", known)?;
                }
                "disconnection-info" if packed.is_new(tag::DISCONNECTION_INFO) => {
                    self.read_execution(tag::DISCONNECTION_INFO)?;
                }
                "media" => {
                    count += 1;
                    if count > self.settings.limits.media {
                        return Err(Refusal::TooManyMedia);
                    }
                    // Named and unnamed ones keep the order in which they came.
                    packed.put(tag::MEDIA);
                    packed.untidy |= self.read_media(user, &mut media)?;
                }
                "call-info" if packed.is_new(tag::CALL_INFO) => self.read_call_info()?,
                _ => self.xml.skip()?,
            }
        }
        Ok(packed.untidy)
    }

    /// Packs a key. True when it is there already.
    fn put_key(&mut self, tag: u8, key: &str, keys: &mut Keys) -> bool {
        let there = keys
            .iter()
            .any(|at| self.packed.get(at.clone()) == Some(key));
        put(&mut self.packed, tag, key);
        let end = self.packed.len();
        keys.push(end - key.len()..end);
        there
    }

    fn read_execution(&mut self, tag: u8) -> Result<(), Refusal> {
        let (mut when, mut reason, mut by) = (None, None, None);
        while let Some(child) = self.child()? {
            match child {
                "when" if when.is_none() => {
                    let text = self.text()?;
                    if is_date_time(trim(&text)) {
                        when = Some(text);
                    } else {
                        self.unknown("when", trim(&text));
                    }
                }
                "reason" => self.first_text(&mut reason)?,
                "by" => self.first_text(&mut by)?,
                _ => self.xml.skip()?,
            }
        }
        put(&mut self.packed, tag, "");
        self.put_trimmed(tag::WHEN, when);
        self.put_told(tag::REASON, reason);
        self.put_trimmed(tag::BY, by);
        Ok(())
    }

    /// The medium just begun. True when the user is untidy for it.
    fn read_media(&mut self, user: &str, keys: &mut Keys) -> Result<bool, Refusal> {
        let untidy = match self.attribute("id") {
            Some(id) => self.put_key(tag::MEDIA, &id, keys),
            None if self.strict() => return Err(Refusal::MediaWithoutId),
            None => {
                self.report.add(DeviationCode::MediaWithoutId, || {
                    format!("a medium of {user:?} has no id")
                });
                put(&mut self.packed, tag::MEDIA_UNNAMED, "");
                false
            }
        };
        let (mut display_text, mut media_type, mut label) = (None, None, None);
        let (mut src_id, mut status) = (None, None);
        while let Some(child) = self.child()? {
            match child {
                "display-text" => self.first_text(&mut display_text)?,
                "type" => self.first_text(&mut media_type)?,
                "label" => self.first_text(&mut label)?,
                "src-id" => self.first_text(&mut src_id)?,
                "status" => self.first_text(&mut status)?,
                _ => self.xml.skip()?,
            }
        }
        self.put_told(tag::MEDIA_DISPLAY_TEXT, display_text);
        self.put_trimmed(tag::MEDIA_TYPE, media_type);
        self.put_told(tag::MEDIA_LABEL, label);
        self.put_told(tag::MEDIA_SRC_ID, src_id);
        if let Some(status) = status {
            let tag = tag::MEDIA_STATUS;
            self.put_word(tag, "media status", MEDIA_STATUS, trim(&status));
        }
        Ok(untidy)
    }

    fn read_call_info(&mut self) -> Result<(), Refusal> {
        put(&mut self.packed, tag::CALL_INFO, "");
        let mut seen = false;
        while let Some(child) = self.child()? {
            if child != "sip" || seen {
                self.xml.skip()?;
                continue;
            }
            seen = true;
            let (mut display_text, mut call_id) = (None, None);
            let (mut from_tag, mut to_tag) = (None, None);
            while let Some(child) = self.child()? {
                match child {
                    "display-text" => self.first_text(&mut display_text)?,
                    "call-id" => self.first_text(&mut call_id)?,
                    "from-tag" => self.first_text(&mut from_tag)?,
                    "to-tag" => self.first_text(&mut to_tag)?,
                    _ => self.xml.skip()?,
                }
            }
            self.put_told(tag::CALL_DISPLAY_TEXT, display_text);
            self.put_told(tag::CALL_ID, call_id);
            self.put_told(tag::FROM_TAG, from_tag);
            self.put_told(tag::TO_TAG, to_tag);
        }
        Ok(())
    }
}
