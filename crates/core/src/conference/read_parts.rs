//! Reading what a document says about the conference itself (RFC 4575 §5.3–§5.5, §5.9).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::deviation::DeviationCode;
use super::document::{Listed, ListedSidebar, Parts, State, Users};
use super::info::{
    AvailableMedium, ConferenceState, Description, HostInfo, InfoExtension, UriEntry,
};
use super::read::{Child, Source};
use super::record::{Record, SEGMENT};
use super::refusal::Refusal;
use super::settings::MAX_EXTENSIONS;
use crate::xml::Name;

/// RFC 4575 §5.8.5.
pub(super) const MEDIA_STATUS: &[&str] = &["sendrecv", "sendonly", "recvonly", "inactive"];

/// Where users stand in what is packed, with their states.
type Pieces = SmallVec<[(State, usize, usize); 4]>;

impl<'a> Source<'a, '_> {
    /// The children of the root or of a sidebar entry, whichever is open.
    pub(super) fn read_parts(&mut self, full: bool) -> Result<Parts, Refusal> {
        let mut parts = Parts::default();
        while let Some(child) = self.child_or_foreign()? {
            let child = match child {
                Child::Ours(child) => child,
                Child::Foreign(name) => {
                    self.keep_extension(&mut parts.extensions, name, false)?;
                    continue;
                }
            };
            match child {
                "conference-description" if parts.description.is_none() => {
                    let description = self.read_description(&mut parts.extensions)?;
                    parts.description = Some(description);
                }
                "host-info" if parts.host_info.is_none() => {
                    parts.host_info = Some(self.read_host_info()?);
                }
                "conference-state" if parts.state.is_none() => {
                    parts.state = Some(self.read_conference_state()?);
                }
                "users" if parts.users.is_none() => parts.users = Some(self.read_users(full)?),
                "sidebars-by-ref" if parts.sidebars_by_ref.is_none() => {
                    let state = self.state(full);
                    parts.sidebars_by_ref = Some((state, self.read_references(state)?));
                }
                "sidebars-by-val" if parts.sidebars_by_val.is_none() => {
                    let state = self.state(full);
                    parts.sidebars_by_val = Some((state, self.read_sidebars(state)?));
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(parts)
    }

    /// An element of another namespace; those above the limits are passed over.
    fn keep_extension(
        &mut self,
        extensions: &mut Vec<InfoExtension>,
        name: Name<'a>,
        in_description: bool,
    ) -> Result<(), Refusal> {
        if let Some(xml) = self.foreign()?
            && extensions.len() < MAX_EXTENSIONS
        {
            extensions.push(InfoExtension {
                in_description,
                namespace: self.xml.namespace_name(name.namespace).into(),
                local: name.local.into(),
                xml: xml.into(),
            });
        }
        Ok(())
    }

    fn read_description(
        &mut self,
        extensions: &mut Vec<InfoExtension>,
    ) -> Result<Description, Refusal> {
        let mut it = Description::default();
        while let Some(child) = self.child_or_foreign()? {
            let child = match child {
                Child::Ours(child) => child,
                Child::Foreign(name) => {
                    self.keep_extension(extensions, name, true)?;
                    continue;
                }
            };
            match child {
                "display-text" => self.text_into(&mut it.display_text)?,
                "subject" => self.text_into(&mut it.subject)?,
                "free-text" => self.text_into(&mut it.free_text)?,
                "keywords" => self.list_into(&mut it.keywords)?,
                "conf-uris" => self.uris_into(&mut it.conf_uris)?,
                "service-uris" => self.uris_into(&mut it.service_uris)?,
                "maximum-user-count" => {
                    self.value_into(&mut it.maximum_user_count, "maximum-user-count", |text| {
                        text.parse().ok()
                    })?
                }
                "available-media" if it.available_media.is_none() => {
                    it.available_media = Some(self.read_available_media()?);
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(it)
    }

    fn read_available_media(&mut self) -> Result<Vec<AvailableMedium>, Refusal> {
        let mut media = Vec::new();
        while let Some(child) = self.child()? {
            if child != "entry" {
                self.xml.skip()?;
                continue;
            }
            let mut it = AvailableMedium {
                label: self.attribute("label").map(Into::into),
                ..AvailableMedium::default()
            };
            while let Some(child) = self.child()? {
                match child {
                    "display-text" => self.text_into(&mut it.display_text)?,
                    "type" => self.token_into(&mut it.media_type)?,
                    "status" => self.word_into(&mut it.status, "media status", MEDIA_STATUS)?,
                    _ => self.xml.skip()?,
                }
            }
            media.push(it);
        }
        Ok(media)
    }

    fn read_host_info(&mut self) -> Result<HostInfo, Refusal> {
        let mut it = HostInfo::default();
        while let Some(child) = self.child()? {
            match child {
                "display-text" => self.text_into(&mut it.display_text)?,
                "web-page" => self.token_into(&mut it.web_page)?,
                "uris" => self.uris_into(&mut it.uris)?,
                _ => self.xml.skip()?,
            }
        }
        Ok(it)
    }

    fn read_conference_state(&mut self) -> Result<ConferenceState, Refusal> {
        fn boolean(text: &str) -> Option<bool> {
            match text {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            }
        }
        let mut it = ConferenceState::default();
        while let Some(child) = self.child()? {
            match child {
                "user-count" => {
                    self.value_into(&mut it.user_count, "user-count", |text| text.parse().ok())?;
                }
                "active" => self.value_into(&mut it.active, "active", boolean)?,
                "locked" => self.value_into(&mut it.locked, "locked", boolean)?,
                _ => self.xml.skip()?,
            }
        }
        Ok(it)
    }

    /// A list of URIs: always replaced whole, whatever its state (CONF-20). An entry without URI is passed over.
    pub(super) fn uris_into(&mut self, slot: &mut Option<Vec<UriEntry>>) -> Result<(), Refusal> {
        if slot.is_some() {
            return Ok(self.xml.skip()?);
        }
        let mut uris = Vec::new();
        while let Some(child) = self.child()? {
            if child == "entry" {
                uris.extend(self.read_uri(false)?);
            } else {
                self.xml.skip()?;
            }
        }
        *slot = Some(uris);
        Ok(())
    }

    fn read_uri(&mut self, is_key: bool) -> Result<Option<UriEntry>, Refusal> {
        let mut uri = None;
        let mut it = UriEntry::default();
        while let Some(child) = self.child()? {
            match child {
                "uri" if is_key => self.text_into(&mut uri)?,
                "uri" => self.token_into(&mut uri)?,
                "display-text" => self.text_into(&mut it.display_text)?,
                "purpose" => self.text_into(&mut it.purpose)?,
                _ => self.xml.skip()?,
            }
        }
        Ok(uri.map(|uri| UriEntry { uri, ..it }))
    }

    /// The entries of `sidebars-by-ref`; of two with one key the last counts.
    fn read_references(&mut self, state: State) -> Result<Vec<UriEntry>, Refusal> {
        let mut entries: Vec<UriEntry> = Vec::new();
        if state == State::Deleted {
            self.xml.skip()?;
            return Ok(entries);
        }
        while let Some(child) = self.child()? {
            if child != "entry" {
                self.xml.skip()?;
                continue;
            }
            let Some(entry) = self.read_uri(true)? else {
                continue;
            };
            match entries.iter_mut().find(|held| held.uri == entry.uri) {
                Some(held) => *held = entry,
                None => entries.push(entry),
            }
            if entries.len() > self.settings.limits.sidebars {
                return Err(Refusal::TooManySidebars);
            }
        }
        Ok(entries)
    }

    /// The entries of `sidebars-by-val`; of two with one key the last counts.
    fn read_sidebars(&mut self, state: State) -> Result<Vec<ListedSidebar>, Refusal> {
        let mut entries: Vec<ListedSidebar> = Vec::new();
        if state == State::Deleted {
            self.xml.skip()?;
            return Ok(entries);
        }
        while let Some(child) = self.child()? {
            if child != "entry" {
                self.xml.skip()?;
                continue;
            }
            let Some(entity) = self.key("entity") else {
                if self.strict() {
                    return Err(Refusal::MissingEntity);
                }
                self.report.add(DeviationCode::MissingEntity, || {
                    String::from("an entry of sidebars-by-val has no entity; it is passed over")
                });
                self.xml.skip()?;
                continue;
            };
            let state = self.state(state == State::Full);
            let parts = if state == State::Deleted {
                self.xml.skip()?;
                Parts::default()
            } else {
                self.read_parts(state == State::Full)?
            };
            let entry = ListedSidebar {
                entity,
                state,
                parts,
            };
            match entries.iter_mut().find(|held| held.entity == entry.entity) {
                Some(held) => *held = entry,
                None => entries.push(entry),
            }
            if entries.len() > self.settings.limits.sidebars {
                return Err(Refusal::TooManySidebars);
            }
        }
        Ok(entries)
    }

    fn read_users(&mut self, full: bool) -> Result<Users, Refusal> {
        let state = self.state(full);
        let mut listed = Vec::new();
        if state == State::Deleted {
            self.xml.skip()?;
            return Ok(Users { state, listed });
        }
        self.packed
            .reserve(self.xml.remaining().min(SEGMENT + SEGMENT / 2));
        let mut pieces = Pieces::new();
        // Word for word, users under full `users` are full; leniently, what they say themselves shows a delta.
        let under_full = full || (self.strict() && state == State::Full);
        while let Some(child) = self.child()? {
            if child == "user" {
                self.users += 1;
                if self.users > self.settings.limits.users {
                    return Err(Refusal::TooManyUsers);
                }
                let start = self.packed.len();
                if let Some(state) = self.read_user(under_full)? {
                    pieces.push((state, start, self.packed.len()));
                }
                if self.packed.len() >= SEGMENT {
                    self.close_segment(&mut pieces, &mut listed);
                }
            } else {
                self.xml.skip()?;
            }
        }
        self.close_segment(&mut pieces, &mut listed);
        Ok(Users { state, listed })
    }

    /// Makes a segment of what is packed, and users of its pieces.
    fn close_segment(&mut self, pieces: &mut Pieces, listed: &mut Vec<Listed>) {
        if pieces.is_empty() {
            return;
        }
        let segment: Arc<str> = Arc::from(self.packed.as_str());
        self.packed.clear();
        listed.extend(pieces.drain(..).map(|(state, start, end)| Listed {
            record: Record::new(segment.clone(), start, end),
            state,
        }));
    }
}
