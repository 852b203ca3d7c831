//! Reading users, endpoints and media (RFC 4575 §5.6–§5.8).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::deviation::DeviationCode;
use super::document::{EndpointPatch, Listed, State};
use super::read::{Source, trim};
use super::read_parts::MEDIA_STATUS;
use super::refusal::Refusal;
use super::row::{CallData, EndpointData, ExecutionData, MediaData, UserData};
use super::when::is_date_time;
use crate::xml::Namespace;

/// RFC 4575 §5.7.3.
const ENDPOINT_STATUS: &[&str] = &[
    "connected",
    "disconnected",
    "on-hold",
    "muted-via-focus",
    "pending",
    "alerting",
    "dialing-in",
    "dialing-out",
    "disconnecting",
];
/// RFC 4575 §5.7.4.
const JOINING_METHOD: &[&str] = &["dialed-in", "dialed-out", "focus-owner"];
/// RFC 4575 §5.7.6.
const DISCONNECTION_METHOD: &[&str] = &["departed", "booted", "failed", "busy"];

impl Source<'_, '_> {
    /// The user just begun; `None` when it is passed over.
    pub(super) fn read_user(&mut self, under_full: bool) -> Result<Option<Listed>, Refusal> {
        let Some(entity) = self.key("entity") else {
            if self.strict() {
                return Err(Refusal::UserWithoutEntity);
            }
            self.report.add(DeviationCode::UserWithoutEntity, || {
                String::from("a user has no entity; it is passed over")
            });
            self.xml.skip()?;
            return Ok(None);
        };
        let state = self.state(under_full);
        if state == State::Deleted {
            self.xml.skip()?;
            return Ok(Some(Listed::Deleted(entity)));
        }
        let mut user = UserData {
            entity,
            yours: self.yours(),
            ..UserData::default()
        };
        let mut patches: Vec<EndpointPatch> = Vec::new();
        let mut endpoints = 0;
        while let Some(child) = self.child()? {
            match child {
                "display-text" => self.text_into(&mut user.display_text)?,
                "associated-aors" => self.uris_into(&mut user.associated_aors)?,
                "roles" if user.roles.is_none() => user.roles = Some(self.read_roles()?),
                "languages" => self.list_into(&mut user.languages)?,
                "cascaded-focus" => self.token_into(&mut user.cascaded_focus)?,
                "endpoint" => {
                    endpoints += 1;
                    if endpoints > self.settings.limits.endpoints {
                        return Err(Refusal::TooManyEndpoints);
                    }
                    let patch = self.read_endpoint(state == State::Full, &user.entity)?;
                    if state == State::Full {
                        set_endpoint(&mut user.endpoints, patch);
                    } else {
                        match patches
                            .iter_mut()
                            .find(|held| held.data.entity == patch.data.entity)
                        {
                            Some(held) => *held = patch,
                            None => patches.push(patch),
                        }
                    }
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(Some(match state {
            State::Full => Listed::Full(user),
            _ => Listed::Partial(user, patches),
        }))
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

    fn read_roles(&mut self) -> Result<Vec<Box<str>>, Refusal> {
        let mut roles = Vec::new();
        while let Some(child) = self.child()? {
            if child == "entry" {
                roles.push(Box::from(self.text()?));
            } else {
                self.xml.skip()?;
            }
        }
        Ok(roles)
    }

    fn read_endpoint(&mut self, under_full: bool, user: &str) -> Result<EndpointPatch, Refusal> {
        let entity = self.key("entity");
        if entity.is_none() {
            if self.strict() {
                return Err(Refusal::EndpointWithoutEntity);
            }
            self.report.add(DeviationCode::EndpointWithoutEntity, || {
                format!("an endpoint of {user:?} has no entity")
            });
        }
        let mut patch = EndpointPatch {
            state: self.state(under_full),
            data: EndpointData {
                entity: entity.unwrap_or_default(),
                ..EndpointData::default()
            },
            all_media: false,
        };
        if patch.state == State::Deleted {
            self.xml.skip()?;
            return Ok(patch);
        }
        let it = &mut patch.data;
        let mut media = 0;
        while let Some(child) = self.child()? {
            match child {
                "display-text" => self.text_into(&mut it.display_text)?,
                "referred" if it.referred.is_none() => it.referred = Some(self.read_execution()?),
                "status" => self.word_into(&mut it.status, "status", ENDPOINT_STATUS)?,
                "joining-method" => {
                    self.word_into(&mut it.joining_method, "joining-method", JOINING_METHOD)?;
                }
                "joining-info" if it.joining_info.is_none() => {
                    it.joining_info = Some(self.read_execution()?);
                }
                "disconnection-method" => self.word_into(
                    &mut it.disconnection_method,
                    "disconnection-method",
                    DISCONNECTION_METHOD,
                )?,
                "disconnection-info" if it.disconnection_info.is_none() => {
                    it.disconnection_info = Some(self.read_execution()?);
                }
                "media" => {
                    media += 1;
                    if media > self.settings.limits.media {
                        return Err(Refusal::TooManyMedia);
                    }
                    let medium = self.read_media(user)?;
                    patch.all_media |= medium.id.is_none();
                    set_media(&mut it.media, medium);
                }
                "call-info" if it.call_info.is_none() => {
                    it.call_info = Some(self.read_call_info()?);
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(patch)
    }

    fn read_execution(&mut self) -> Result<ExecutionData, Refusal> {
        let mut it = ExecutionData::default();
        while let Some(child) = self.child()? {
            match child {
                "when" => self.value_into(&mut it.when, "when", |text| {
                    is_date_time(text).then(|| text.into())
                })?,
                "reason" => self.text_into(&mut it.reason)?,
                "by" => self.token_into(&mut it.by)?,
                _ => self.xml.skip()?,
            }
        }
        Ok(it)
    }

    fn read_media(&mut self, user: &str) -> Result<MediaData, Refusal> {
        let id = self.key("id");
        if id.is_none() {
            if self.strict() {
                return Err(Refusal::MediaWithoutId);
            }
            self.report.add(DeviationCode::MediaWithoutId, || {
                format!("a medium of {user:?} has no id")
            });
        }
        let mut it = MediaData {
            id,
            ..MediaData::default()
        };
        while let Some(child) = self.child()? {
            match child {
                "display-text" => self.text_into(&mut it.display_text)?,
                "type" => self.token_into(&mut it.media_type)?,
                "label" => self.text_into(&mut it.label)?,
                "src-id" => self.text_into(&mut it.src_id)?,
                "status" => self.word_into(&mut it.status, "media status", MEDIA_STATUS)?,
                _ => self.xml.skip()?,
            }
        }
        Ok(it)
    }

    fn read_call_info(&mut self) -> Result<CallData, Refusal> {
        let mut it = CallData::default();
        let mut seen = false;
        while let Some(child) = self.child()? {
            if child != "sip" || seen {
                self.xml.skip()?;
                continue;
            }
            seen = true;
            while let Some(child) = self.child()? {
                match child {
                    "display-text" => self.text_into(&mut it.display_text)?,
                    "call-id" => self.text_into(&mut it.call_id)?,
                    "from-tag" => self.text_into(&mut it.from_tag)?,
                    "to-tag" => self.text_into(&mut it.to_tag)?,
                    _ => self.xml.skip()?,
                }
            }
        }
        Ok(it)
    }
}

/// Of two endpoints with one key the last counts; one that is deleted is left out.
fn set_endpoint(endpoints: &mut Vec<EndpointData>, patch: EndpointPatch) {
    let held = endpoints
        .iter()
        .position(|held| held.entity == patch.data.entity);
    match (held, patch.state) {
        (Some(at), State::Deleted) => {
            endpoints.remove(at);
        }
        (None, State::Deleted) => {}
        (Some(at), _) => {
            if let Some(slot) = endpoints.get_mut(at) {
                *slot = patch.data;
            }
        }
        (None, _) => endpoints.push(patch.data),
    }
}

/// Of two media with one id the last counts; those without id are all kept.
pub(super) fn set_media(media: &mut Vec<MediaData>, medium: MediaData) {
    let held = media
        .iter_mut()
        .find(|held| held.id.is_some() && held.id == medium.id);
    match held {
        Some(held) => *held = medium,
        None => media.push(medium),
    }
}
