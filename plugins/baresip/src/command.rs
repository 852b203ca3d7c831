//! What the user types: `/conf_watch URI`, `/conf_list`, `/conf_block URI` and the rest.

use rollmark_xdm::edit::Change;

use crate::adapter::Module;
use crate::settings::Mode;
use crate::show;

/// A command of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Watches a conference.
    Watch,
    /// Shows who is there.
    List,
    /// Leaves a conference, or all of them.
    Leave,
    /// Puts somebody on the block list.
    Block,
    /// Takes somebody off it.
    Unblock,
    /// Shows who is blocked.
    Blocked,
    /// Shows or sets the kind of SIP core.
    Mode,
    /// Tells servers anew where we are, and asks for block lists: the network changed.
    Refresh,
}

/// Carries a command out and gives the text to print.
pub(crate) fn run(module: &mut Module, command: Command, parameter: &str) -> String {
    let parameter = parameter.trim();
    let (uri, rest) = parameter
        .split_once(char::is_whitespace)
        .unwrap_or((parameter, ""));
    let text = match command {
        Command::Watch if uri.is_empty() => {
            "which conference? /conf_watch sip:room@example.org, and behind it the account if you have several".into()
        }
        Command::Watch => match module.watch(uri, rest.trim()) {
            Ok(()) => format!("watching {uri}"),
            Err(fault) => fault,
        },
        Command::List => {
            let lists: Vec<String> = module
                .rosters()
                .map(|(conference, roster)| show::list(conference, roster))
                .collect();
            if lists.is_empty() {
                "no conference is watched; /conf_watch sip:room@example.org begins".into()
            } else {
                return lists.concat();
            }
        }
        Command::Leave => match module.leave(uri) {
            0 if uri.is_empty() => "no conference is watched".into(),
            0 => format!("{uri} is not watched; /conf_list shows what is"),
            left => format!("leaving {left} of them"),
        },
        Command::Block | Command::Unblock if uri.is_empty() => {
            "whom? give a sip: or tel: URI".into()
        }
        Command::Block => edit(module, Change::Block, uri),
        Command::Unblock => edit(module, Change::Unblock, uri),
        Command::Blocked => {
            let lists: Vec<String> = module
                .known()
                .map(|(owner, source, update)| show::blocked(owner, source, update))
                .collect();
            if lists.is_empty() {
                "no block list has been read".into()
            } else {
                return lists.concat();
            }
        }
        // For the test that a fault stays inside the module.
        Command::Mode if cfg!(debug_assertions) && parameter == "panic" => {
            panic!("a panic was asked for")
        }
        Command::Mode if parameter.is_empty() => format!("mode {}", module.set_mode(None).as_str()),
        Command::Mode => match Mode::parse(parameter) {
            None => format!("there is no mode {parameter:?}; there are sip, ims and auto"),
            mode => format!("mode {}", module.set_mode(mode).as_str()),
        },
        Command::Refresh => {
            module.refresh();
            "the servers are told where we are, and block lists are asked for".into()
        }
    };
    show::printable(&text) + "\n"
}

fn edit(module: &mut Module, change: Change, uri: &str) -> String {
    match module.edit(change, uri) {
        Ok(()) => format!("asked for {uri}; what comes of it is told"),
        Err(fault) => fault,
    }
}
