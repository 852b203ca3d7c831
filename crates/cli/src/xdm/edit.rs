//! `rollmark block` and `unblock`: in a file, or on the XDMS (XDM-29, XDM-30).

use rollmark_xdm::edit::{Change, Edited, edit_file, edit_xdms};
use rollmark_xdm::selector::DocumentSelector;
use serde_json::json;

use super::args::Edit;
use crate::fault::Fault;
use crate::show;
use crate::text::safe;

/// Runs `rollmark block`.
pub(crate) async fn block(args: &Edit) -> Result<(), Fault> {
    run(args, Change::Block).await
}

/// Runs `rollmark unblock`.
pub(crate) async fn unblock(args: &Edit) -> Result<(), Fault> {
    run(args, Change::Unblock).await
}

async fn run(args: &Edit, change: Change) -> Result<(), Fault> {
    let identity = args.place.identity.as_deref();
    let (source, result) = match &args.block_list {
        Some(path) => (
            format!("file:{}", path.display()),
            edit_file(path, change, &args.uri, identity),
        ),
        None => {
            let root = args.place.root()?;
            let selector = DocumentSelector::resource_lists(root, args.place.xui())
                .map_err(|fault| Fault::Xcap(fault.to_string()))?;
            let mut connection = args.place.connection()?;
            (
                format!("xdms:{}", selector.url()),
                edit_xdms(&mut connection, &selector, change, &args.uri).await,
            )
        }
    };
    let edited = result.map_err(|error| Fault::BlockList(error.to_string()))?;
    show::outcome(&if args.json {
        let object = json!({
            "entry": edited.entry,
            "changed": edited.changed,
            "source": source,
            "list": edited.list,
        });
        crate::json::escape(&object.to_string())
    } else {
        came_to(change, &edited, &source)
    })
}

/// What a change came to, for people.
pub(crate) fn came_to(change: Change, edited: &Edited, source: &str) -> String {
    let what = match (change, edited.changed) {
        (Change::Block, true) => "is blocked now",
        (Change::Block, false) => "was blocked already",
        (Change::Unblock, true) => "is blocked no more",
        (Change::Unblock, false) => "was not blocked",
    };
    let list = edited
        .list
        .as_ref()
        .map_or_else(String::new, |list| format!("{}, ", safe(list)));
    format!("{} {what} ({list}{})", safe(&edited.entry), safe(source))
}
