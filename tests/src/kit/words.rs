//! The engine's events as the words of the kit.

use rollmark_core::engine::What;

/// One event as a line.
pub fn words(what: &What) -> String {
    let on = |verb: &str, entity: &str| format!("{verb} {entity}");
    match what {
        What::State(state) => {
            let why = state.why.map_or("", |why| why.as_str());
            format!("state {} {why}", state.shown.as_str())
        }
        What::Conference(_) => "conference".into(),
        What::Roster(_) => "roster".into(),
        What::Left { row, .. } => on("left", row.user.entity()),
        What::NotJoined { row, .. } => on("not-joined", row.user.entity()),
        What::Joined(row) => on("joined", row.user.entity()),
        What::Updated { row, .. } => on("updated", row.user.entity()),
        What::Listed(row) => on("listed", row.user.entity()),
        What::Unlisted(row) => on("unlisted", row.user.entity()),
        What::Blocked(row) => on("blocked", row.user.entity()),
        What::Unblocked(row) => on("unblocked", row.user.entity()),
        What::BlockList { source, .. } => on("block-list", source),
        What::Deviation { code, .. } => on("deviation", code.as_str()),
        What::DocumentsChanged(_) | What::DocumentsUncertain => "documents".into(),
        What::Document { .. } => "document".into(),
        What::Ended { reason, .. } => on("ended", reason.as_str()),
    }
}
