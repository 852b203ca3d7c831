//! Partial users and endpoints onto held ones (RFC 4575 §4.6; CONF-26–CONF-31).

use alloc::vec::Vec;

use super::document::{EndpointPatch, State};
use super::read_user::set_media;
use super::refusal::Refusal;
use super::row::{EndpointData, UserData};
use super::settings::Limits;

/// Puts `new` in place of `held` if it is there.
fn set<T>(held: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *held = new;
    }
}

/// A partial user on the row held, or on nothing: only what came is replaced.
///
/// # Errors
/// The user would go over a limit.
pub(super) fn patch_user(
    held: Option<&UserData>,
    new: UserData,
    patches: Vec<EndpointPatch>,
    limits: &Limits,
) -> Result<UserData, Refusal> {
    let Some(held) = held else {
        let endpoints = patches
            .into_iter()
            .filter(|patch| patch.state != State::Deleted)
            .map(|patch| patch.data)
            .collect();
        return Ok(UserData { endpoints, ..new });
    };
    let mut user = held.clone();
    set(&mut user.display_text, new.display_text);
    set(&mut user.associated_aors, new.associated_aors);
    set(&mut user.roles, new.roles);
    set(&mut user.languages, new.languages);
    set(&mut user.cascaded_focus, new.cascaded_focus);
    set(&mut user.yours, new.yours);
    for patch in patches {
        let at = user
            .endpoints
            .iter()
            .position(|held| held.entity == patch.data.entity);
        let held = at.and_then(|at| user.endpoints.get_mut(at));
        match (held, patch.state) {
            (Some(held), State::Full) => *held = patch.data,
            (Some(held), State::Partial) => patch_endpoint(held, patch, limits)?,
            (Some(_), State::Deleted) => user
                .endpoints
                .retain(|held| held.entity != patch.data.entity),
            (None, State::Deleted) => {}
            (None, State::Full | State::Partial) => user.endpoints.push(patch.data),
        }
    }
    if user.endpoints.len() > limits.endpoints {
        return Err(Refusal::TooManyEndpoints);
    }
    Ok(user)
}

fn patch_endpoint(
    held: &mut EndpointData,
    patch: EndpointPatch,
    limits: &Limits,
) -> Result<(), Refusal> {
    let new = patch.data;
    set(&mut held.display_text, new.display_text);
    set(&mut held.referred, new.referred);
    set(&mut held.status, new.status);
    set(&mut held.joining_method, new.joining_method);
    set(&mut held.joining_info, new.joining_info);
    set(&mut held.disconnection_method, new.disconnection_method);
    set(&mut held.disconnection_info, new.disconnection_info);
    set(&mut held.call_info, new.call_info);
    if patch.all_media {
        held.media = new.media;
    } else {
        for medium in new.media {
            set_media(&mut held.media, medium);
        }
    }
    if held.media.len() > limits.media {
        return Err(Refusal::TooManyMedia);
    }
    Ok(())
}
