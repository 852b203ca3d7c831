//! Reading a conference-info document: the root and the common ground of its elements (RFC 4575 §4.1–§4.5, §6).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::deviation::{DeviationCode, Report};
use super::document::{Document, State};
use super::key;
use super::refusal::Refusal;
use super::settings::{MAX_EXTENSION, Mode, Settings};
use crate::xml::{Event, Name, Namespace, Reader};

pub(super) type Text = Option<Box<str>>;
/// A text that mostly is one of a few known words.
pub(super) type Word = Option<Cow<'static, str>>;

/// The namespace of RFC 4575 §4.2.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:conference-info";

/// Reads `body` to its end. Departures go to `report`; `conference` is the URI subscribed to, if known.
///
/// # Errors
/// The document is refused. A body that is not well-formed is refused as such whatever else is wrong with it.
pub(super) fn read(
    body: &[u8],
    settings: &Settings,
    conference: Option<&str>,
    report: &mut Report,
) -> Result<Document, Refusal> {
    let mut xml = Reader::new(body, settings.limits.xml)?;
    let known = xml.namespace(NAMESPACE)?;
    let mut source = Source {
        xml,
        ours: known,
        unqualified: false,
        settings,
        users: 0,
        packed: String::new(),
        decoded: String::new(),
        report,
    };
    let result = source.read_root(conference);
    if !matches!(result, Err(Refusal::Malformed(_))) {
        // Also behind a refusal: only a well-formed document can be refused for what it says.
        while source.xml.read()?.is_some() {}
    }
    result
}

/// A document being read.
pub(super) struct Source<'a, 'r> {
    pub(super) xml: Reader<'a>,
    ours: Namespace,
    /// Elements in no namespace are ours too.
    unqualified: bool,
    pub(super) settings: &'r Settings,
    /// Users read so far, those in sidebars included.
    pub(super) users: usize,
    /// The users read last, packed: what will be a segment.
    pub(super) packed: String,
    /// The text decoded last.
    pub(super) decoded: String,
    pub(super) report: &'r mut Report,
}

/// A child element.
pub(super) enum Child<'a> {
    /// Of RFC 4575; its local name.
    Ours(&'a str),
    /// Of another namespace.
    Foreign(Name<'a>),
}

impl<'a> Source<'a, '_> {
    pub(super) fn strict(&self) -> bool {
        self.settings.mode == Mode::Strict
    }

    fn read_root(&mut self, conference: Option<&str>) -> Result<Document, Refusal> {
        let Some(Event::Start(root)) = self.xml.read()? else {
            return Err(Refusal::NotConferenceInfo);
        };
        if root.local != "conference-info"
            || !matches!(root.namespace, Namespace::NONE) && root.namespace != self.ours
        {
            return Err(Refusal::NotConferenceInfo);
        }
        if root.namespace == Namespace::NONE {
            if self.strict() {
                return Err(Refusal::NoNamespace);
            }
            self.report.add(DeviationCode::NoNamespace, || {
                String::from("conference-info is in no namespace")
            });
            self.unqualified = true;
        }
        let state = self.state(false);
        let version = self
            .attribute("version")
            .and_then(|text| trim(&text).parse().ok());
        let entity = self.root_entity(conference)?;
        let parts = if state == State::Deleted {
            self.xml.skip()?;
            super::document::Parts::default()
        } else {
            self.read_parts(state == State::Full)?
        };
        Ok(Document {
            entity,
            state,
            version,
            parts,
        })
    }

    fn root_entity(&mut self, conference: Option<&str>) -> Result<Option<Box<str>>, Refusal> {
        let Some(entity) = self.key("entity") else {
            if self.strict() {
                return Err(Refusal::MissingEntity);
            }
            self.report.add(DeviationCode::MissingEntity, || {
                String::from("conference-info has no entity")
            });
            return Ok(None);
        };
        if !key::has_scheme(&entity) {
            self.report
                .add(DeviationCode::EntityWithoutScheme, || format!("{entity:?}"));
        }
        if let Some(conference) = conference
            && !key::same_conference(&entity, conference)
        {
            self.report.add(DeviationCode::EntityMismatch, || {
                format!("subscribed to {conference:?}, told about {entity:?}")
            });
        }
        Ok(Some(entity))
    }

    fn is_ours(&self, name: &Name<'_>) -> bool {
        name.namespace == self.ours || (self.unqualified && name.namespace == Namespace::NONE)
    }

    /// The next child element, of ours or of another namespace; `None` when the open element has ended.
    pub(super) fn child_or_foreign(&mut self) -> Result<Option<Child<'a>>, Refusal> {
        loop {
            match self.xml.read_markup()? {
                Some(Event::Start(name)) if self.is_ours(&name) => {
                    return Ok(Some(Child::Ours(name.local)));
                }
                Some(Event::Start(name)) => return Ok(Some(Child::Foreign(name))),
                Some(Event::Text(_)) => {}
                Some(Event::End) | None => return Ok(None),
            }
        }
    }

    /// The foreign element just begun, as it stands; none when it is longer than what is kept (CONF-60).
    pub(super) fn foreign(&mut self) -> Result<Option<&'a str>, Refusal> {
        let xml = self.xml.skip_raw()?;
        Ok((xml.len() <= MAX_EXTENSION).then_some(xml))
    }

    /// The next child element of ours, foreign ones passed over; `None` when the open element has ended.
    pub(super) fn child(&mut self) -> Result<Option<&'a str>, Refusal> {
        loop {
            match self.xml.read_markup()? {
                Some(Event::Start(name)) if self.is_ours(&name) => return Ok(Some(name.local)),
                Some(Event::Start(_)) => self.xml.skip()?,
                Some(Event::Text(_)) => {}
                Some(Event::End) | None => return Ok(None),
            }
        }
    }

    /// The text of the open element without that of its children, up to its end.
    #[inline]
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, Refusal> {
        Ok(match self.plain_text()? {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.decoded.clone()),
        })
    }

    /// As [`Source::text`]; `None` when the text had to be decoded, which is then in `decoded`.
    #[inline]
    pub(super) fn plain_text(&mut self) -> Result<Option<&'a str>, Refusal> {
        match self.xml.read_plain() {
            Some(text) => Ok(Some(text)),
            None => self.decode_text().map(|()| None),
        }
    }

    fn decode_text(&mut self) -> Result<(), Refusal> {
        self.decoded.clear();
        loop {
            match self.xml.read()? {
                Some(Event::Text(piece)) => piece.push_to(&mut self.decoded),
                Some(Event::Start(_)) => self.xml.skip()?,
                Some(Event::End) | None => return Ok(()),
            }
        }
    }

    /// The text of the open element as written, if `slot` is still empty: of a single element the first counts.
    pub(super) fn text_into(&mut self, slot: &mut Text) -> Result<(), Refusal> {
        if slot.is_some() {
            return Ok(self.xml.skip()?);
        }
        *slot = Some(self.text()?.into());
        Ok(())
    }

    /// As [`Source::text_into`], without white space at both ends.
    pub(super) fn token_into(&mut self, slot: &mut Text) -> Result<(), Refusal> {
        if slot.is_some() {
            return Ok(self.xml.skip()?);
        }
        *slot = Some(trim(&self.text()?).into());
        Ok(())
    }

    /// A list of texts separated by white space.
    pub(super) fn list_into(&mut self, slot: &mut Option<Vec<Box<str>>>) -> Result<(), Refusal> {
        if slot.is_some() {
            return Ok(self.xml.skip()?);
        }
        let text = self.text()?;
        *slot = Some(
            text.split(is_space)
                .filter(|item| !item.is_empty())
                .map(Box::from)
                .collect(),
        );
        Ok(())
    }

    /// A word of an enumeration; one that is not among `known` is kept as text.
    pub(super) fn word_into(
        &mut self,
        slot: &mut Word,
        element: &str,
        known: &[&'static str],
    ) -> Result<(), Refusal> {
        if slot.is_some() {
            return Ok(self.xml.skip()?);
        }
        let text = self.text()?;
        let text = trim(&text);
        *slot = Some(match known.iter().find(|word| **word == text) {
            Some(word) => Cow::Borrowed(*word),
            None => {
                self.unknown(element, text);
                Cow::Owned(String::from(text))
            }
        });
        Ok(())
    }

    /// A value that `parse` understands; another one is dropped.
    pub(super) fn value_into<T>(
        &mut self,
        slot: &mut Option<T>,
        element: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<(), Refusal> {
        if slot.is_some() {
            return Ok(self.xml.skip()?);
        }
        let text = self.text()?;
        *slot = parse(trim(&text));
        if slot.is_none() {
            self.unknown(element, trim(&text));
        }
        Ok(())
    }

    pub(super) fn unknown(&mut self, name: &str, text: &str) {
        self.report
            .add(DeviationCode::UnknownValue, || format!("{name}: {text:?}"));
    }

    /// An attribute of ours (in no namespace) of the element just begun.
    #[inline]
    pub(super) fn attribute(&self, local: &str) -> Option<Cow<'a, str>> {
        self.xml
            .attributes()
            .iter()
            .find(|attribute| attribute.local == local && attribute.namespace == Namespace::NONE)
            .map(|attribute| attribute.value())
    }

    /// A key, as written; `None` when the attribute is missing.
    pub(super) fn key(&self, local: &str) -> Option<Box<str>> {
        self.attribute(local).map(Box::from)
    }

    /// The effective state of the element just begun.
    pub(super) fn state(&mut self, under_full: bool) -> State {
        let Some(text) = self.attribute("state") else {
            return State::Full;
        };
        match trim(&text) {
            "full" => State::Full,
            "deleted" => State::Deleted,
            "partial" if under_full => State::Full,
            "partial" => State::Partial,
            other => {
                self.unknown("state", other);
                State::Full
            }
        }
    }
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Without XML white space at both ends.
pub(super) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let space = |b: Option<&u8>| b.is_some_and(|&b| is_space(char::from(b)));
    if space(bytes.first()) || space(bytes.last()) {
        text.trim_matches(is_space)
    } else {
        text
    }
}
