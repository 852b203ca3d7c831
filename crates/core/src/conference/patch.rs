//! Partial users and endpoints onto held ones (RFC 4575 §4.6; CONF-26–CONF-31).

use alloc::string::String;
use alloc::sync::Arc;

use super::document::State;
use super::groups::UserGroups;
use super::record::{Record, has_extensions};
use super::refusal::Refusal;
use super::settings::Limits;

/// A partial user on the row held, or on nothing: only what came is replaced.
///
/// # Errors
/// The user would go over a limit.
pub(super) fn patch_user(
    held: Option<&Record>,
    new: &Record,
    limits: &Limits,
) -> Result<Record, Refusal> {
    let mut patch = UserGroups::new(new.text(), false);
    let Some(held) = held else {
        patch
            .endpoints
            .retain(|endpoint| endpoint.state != State::Deleted);
        for endpoint in &mut patch.endpoints {
            endpoint.state = State::Full;
        }
        return Ok(pack(&patch, new.text().len()));
    };
    let mut user = UserGroups::new(held.text(), true);
    user.set(&patch);
    for mut endpoint in patch.endpoints {
        let at = user
            .endpoints
            .iter()
            .position(|held| held.entity == endpoint.entity);
        let held = at.and_then(|at| user.endpoints.get_mut(at));
        match (held, endpoint.state) {
            (Some(held), State::Full) => *held = endpoint,
            (Some(held), State::Partial) => {
                held.set(&endpoint);
                if held.media.len() > limits.media {
                    return Err(Refusal::TooManyMedia);
                }
            }
            (Some(_), State::Deleted) => {
                user.endpoints.retain(|held| held.entity != endpoint.entity)
            }
            (None, State::Deleted) => {}
            (None, State::Full | State::Partial) => {
                endpoint.state = State::Full;
                user.endpoints.push(endpoint);
            }
        }
    }
    if user.endpoints.len() > limits.endpoints {
        return Err(Refusal::TooManyEndpoints);
    }
    Ok(pack(&user, held.text().len() + new.text().len()))
}

/// The row held with the extension data of another that says the same otherwise; nothing when that is the same too.
pub(super) fn with_extensions(held: &Record, new: &Record) -> Option<Record> {
    if !has_extensions(held.text()) && !has_extensions(new.text()) {
        return None;
    }
    let mut user = UserGroups::new(held.text(), true);
    user.take_extensions(UserGroups::new(new.text(), true))
        .then(|| pack(&user, held.text().len() + new.text().len()))
}

/// A segment of its own for one user.
fn pack(user: &UserGroups<'_>, capacity: usize) -> Record {
    let mut text = String::with_capacity(capacity);
    user.write(&mut text);
    let end = text.len();
    Record::new(Arc::from(text), 0, end)
}
