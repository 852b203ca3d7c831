//! What the user types: `/conf_watch URI`, `/conf_list`, `/conf_refresh`, `/conf_leave`.

use crate::adapter::Module;
use crate::show;

/// A command of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Watches a conference.
    Watch,
    /// Shows who is there.
    List,
    /// Tells the server anew where we are: the network changed.
    Refresh,
    /// Leaves a conference, or all of them.
    Leave,
}

/// Carries a command out and gives the text to print.
pub(crate) fn run(module: &mut Module, command: Command, parameter: &str) -> String {
    let uri = parameter.trim();
    match command {
        Command::Watch if uri.is_empty() => {
            "which conference? /conf_watch sip:room@example.org\n".into()
        }
        Command::Watch => match module.watch(uri) {
            Ok(()) => format!("watching {uri}\n"),
            Err(fault) => format!("{fault}\n"),
        },
        Command::List => {
            let lists: String = module
                .rosters()
                .map(|(conference, roster)| show::list(conference, roster))
                .collect();
            if lists.is_empty() {
                "no conference is watched; /conf_watch sip:room@example.org begins\n".into()
            } else {
                lists
            }
        }
        Command::Refresh => {
            module.network_changed();
            "the servers are told where we are\n".into()
        }
        Command::Leave => match module.leave(uri) {
            0 if uri.is_empty() => "no conference is watched\n".into(),
            0 => format!("{uri} is not watched; /conf_list shows what is\n"),
            left => format!("leaving {left} of them\n"),
        },
    }
}
