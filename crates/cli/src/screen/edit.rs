//! Blocking and unblocking from the screen: on the list of one's own on the XDMS, or in a file (XDM-29, XDM-30). What came
//! of it is told on the screen.

use std::path::PathBuf;

use rollmark_xdm::edit::{Change, EditError, Edited, edit_file};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Edit, answer};
use crate::source::XdmsInUse;
use crate::text::safe;

/// Where a user's own block lists are.
#[derive(Clone, Default)]
pub(crate) struct Lists {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) xdms: Option<XdmsInUse>,
    pub(crate) identity: Option<String>,
}

/// Carries out what is wished, one after the other. Never ends.
pub(crate) async fn run(edits: Option<UnboundedReceiver<Edit>>, lists: Lists) {
    if let Some(mut edits) = edits {
        while let Some(edit) = edits.recv().await {
            answer(&carry_out(&edit, &lists).await);
        }
    }
    std::future::pending().await
}

/// What came of it.
async fn carry_out(edit: &Edit, lists: &Lists) -> String {
    let (change, uri) = (edit.change, &edit.uri);
    let (source, edited) = match place(edit, lists) {
        Ok(Place::Xdms(xdms)) => {
            let edited = xdms.edit(change, uri).await;
            // Not every XDMS has a notifier that tells.
            xdms.ask();
            edited
        }
        Ok(Place::File(path)) => {
            let edited = edit_file(path, change, uri, lists.identity.as_deref());
            (format!("file:{}", path.display()), edited)
        }
        Err(why) => return why,
    };
    told(change, edited, &source)
}

fn told(change: Change, edited: Result<Edited, EditError>, source: &str) -> String {
    match edited {
        Ok(edited) => crate::xdm::came_to(change, &edited, source),
        Err(error) => {
            let not = match change {
                Change::Block => "not blocked",
                Change::Unblock => "not unblocked",
            };
            format!("{not}: {}", safe(&error.to_string()))
        }
    }
}

enum Place<'a> {
    Xdms(&'a XdmsInUse),
    File(&'a PathBuf),
}

/// Who is blocked is unblocked where he is; to block, the XDMS comes first, whose list holds on all devices.
fn place<'a>(edit: &Edit, lists: &'a Lists) -> Result<Place<'a>, String> {
    let file = match &edit.source {
        None => lists.files.first(),
        Some(source) => {
            let named = |path: &&PathBuf| *source == format!("file:{}", path.display());
            lists.files.iter().find(named)
        }
    };
    let is_elsewhere = edit
        .source
        .as_ref()
        .is_some_and(|source| !source.starts_with("xdms:"));
    match (&lists.xdms, file) {
        (Some(xdms), _) if !is_elsewhere => Ok(Place::Xdms(xdms)),
        (_, Some(path)) => Ok(Place::File(path)),
        _ => Err(
            "there is no block list that could be changed; start with --block-list FILE or --xcap-root URL"
                .to_owned(),
        ),
    }
}
