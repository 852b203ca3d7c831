//! The block list on an XDMS: fetched, changed by its entity tag, and once more if somebody else was faster (XDM-29).

use super::document::{NoPlan, NodeChange, Plan, new_document, plan};
use super::{Change, EditError, Edited, canonical_entry};
use crate::client::{Condition, Failure, Operation, Outcome, Target};
use crate::connection::{Connection, failure_of};
use crate::resource_lists::OMA_BLOCKED;
use crate::selector::DocumentSelector;

/// Puts a user on the list in a resource-lists document on an XDMS, or takes him off. List and document are made where
/// they are missing. The change goes by the document's entity tag; if it was changed meanwhile, it is fetched again and
/// the change made on what is there then, once.
///
/// # Errors
/// [`EditError`]; the document is then as it was, unless the connection broke after the request.
pub async fn edit_xdms(
    connection: &mut Connection,
    selector: &DocumentSelector,
    change: Change,
    uri: &str,
) -> Result<Edited, EditError> {
    let entry = canonical_entry(uri)?;
    let document = Target::document(selector);
    for _ in 0..2 {
        let held = connection.get(document.clone()).await?;
        let (operation, whole, edited) = match &held {
            None if change == Change::Unblock => {
                return Ok(Edited {
                    entry,
                    changed: false,
                    list: None,
                });
            }
            None => {
                let put = Operation::put(document.clone(), new_document(&entry), Condition::Absent);
                let edited = Edited {
                    entry: entry.clone(),
                    changed: true,
                    list: Some(OMA_BLOCKED.into()),
                };
                (put, None, edited)
            }
            Some(held) => {
                let planned = plan(&held.body, change, &entry, selector.xui());
                let (plan, edited) = planned.map_err(|no| match no {
                    NoPlan::Refused(refused) => refused,
                    NoPlan::Unreadable(source) => EditError::Document {
                        url: selector.url().into(),
                        source,
                    },
                })?;
                let Some(Plan { text, node }) = plan else {
                    return Ok(edited);
                };
                // A server without entity tags cannot be asked to take care.
                let condition = || {
                    let etag = held.etag.clone();
                    etag.map_or(Condition::Always, Condition::Unchanged)
                };
                let whole = Operation::put(document.clone(), text, condition());
                match node {
                    Some(NodeChange::Put(node, body)) => {
                        let target = Target::node(selector, node);
                        (
                            Operation::put(target, body, condition()),
                            Some(whole),
                            edited,
                        )
                    }
                    Some(NodeChange::Delete(node)) => {
                        let target = Target::node(selector, node);
                        (Operation::delete(target, condition()), Some(whole), edited)
                    }
                    None => (whole, None, edited),
                }
            }
        };
        let target = operation.target().clone();
        let mut outcome = connection.perform(operation).await?;
        if let (Outcome::Failed(failure), Some(whole)) = (&outcome, whole)
            && takes_no_nodes(failure)
        {
            outcome = connection.perform(whole).await?;
        }
        return match outcome {
            Outcome::Written(_) => Ok(edited),
            // Somebody else has changed it, or taken the very entry out.
            Outcome::PreconditionFailed | Outcome::NotFound => continue,
            Outcome::Conflict(conflict) => Err(EditError::Conflict {
                url: selector.url().into(),
                conflict,
            }),
            other => Err(crate::connection::XdmsError::from(failure_of(other, &target)).into()),
        };
    }
    Err(EditError::Raced {
        url: selector.url().into(),
    })
}

/// Whether a server may have answered so because it changes whole documents only.
fn takes_no_nodes(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::MethodNotAllowed { .. }
            | Failure::MediaTypeRefused { .. }
            | Failure::Unavailable { status: 501, .. }
    )
}
