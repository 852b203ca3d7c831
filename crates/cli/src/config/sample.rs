//! A commented configuration file with every option, from the options themselves.

use std::collections::BTreeSet;

use clap::{Args, Command};

use super::entry::{Kind, Setting};
use super::{command, configured};
use crate::options::{
    Account, Documents, Identities, ListReading, Lists, RuleReading, Tuning, XcapHttp,
};

/// Column at which comments are wrapped.
const WIDTH: usize = 100;
const HEAD: &str = "\
# Configuration of rollmark: each option by its name. Use it with --config, as in
#     rollmark watch --config rollmark.toml
# and take the # away from what you want to set. What is shown is the default, or an example. The command line wins over this file.
# One file serves all commands: each takes what it knows. Names of files are relative to the folder of this one.
# No secret stands here; a file that only you can read has it, and its name stands here.
";

/// Groups of options in their order, and what is said over them. What is in none of them stands with its command.
fn sections() -> [(&'static str, Command); 8] {
    fn of<T: Args>(title: &'static str) -> (&'static str, Command) {
        (title, T::augment_args(Command::new("group")))
    }
    [
        of::<Account>("You, and the SIP core"),
        of::<Lists>("Block lists: files, and an XDMS"),
        of::<Identities>("Which URIs are one user"),
        of::<RuleReading>("Rules of block lists (common-policy)"),
        of::<ListReading>("resource-lists of the XDMS"),
        of::<XcapHttp>("How long the XDMS may take, and how much it may send"),
        of::<Tuning>("The subscription in detail"),
        of::<Documents>("How conference-info documents are read, and their limits"),
    ]
}

/// The file as it is printed.
pub(crate) fn text() -> String {
    let mut root = command();
    root.build();
    let sections = sections();
    // The smallest group that has it: groups stand in groups.
    let section = |key: &str| {
        let having = sections.iter().enumerate().filter(|(_, (_, group))| {
            let mut keys = Setting::all(group).map(|setting| setting.key());
            keys.any(|known| known == key)
        });
        having.min_by_key(|(_, (_, group))| group.get_arguments().count())
    };
    let mut written = BTreeSet::new();
    let mut alone = Vec::new();
    let mut grouped = vec![String::new(); sections.len()];
    for command in watch_first(&root) {
        let mut rest = String::new();
        for setting in Setting::all(command).filter(|setting| written.insert(setting.key())) {
            let into = match section(setting.key()) {
                Some((at, _)) => &mut grouped[at],
                None => &mut rest,
            };
            *into += &lines(&setting);
        }
        if !rest.is_empty() {
            let name = command.get_bin_name().unwrap_or(command.get_name());
            alone.push(format!("\n# ---- {name}\n{rest}"));
        }
    }
    let grouped = grouped
        .into_iter()
        .zip(&sections)
        .map(|(lines, (title, _))| format!("\n# ---- {title}\n{lines}"));
    // What is of watch alone comes first, then what it shares.
    let at = alone.len().min(1);
    alone.splice(at..at, grouped);
    let mut text = format!("{HEAD}{}", alone.concat());
    text.truncate(text.trim_end().len());
    text
}

/// The commands that take a file, that first for which most files are made.
fn watch_first(root: &Command) -> Vec<&Command> {
    let mut commands = configured(root);
    commands.sort_by_key(|command| command.get_name() != "watch");
    commands
}

/// What is said of an option, and the option itself as a comment.
fn lines(setting: &Setting<'_>) -> String {
    let mut help = setting
        .0
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let choices = setting.0.get_possible_values();
    if setting.kind() == Kind::Choice {
        let names: Vec<&str> = choices
            .iter()
            .map(clap::builder::PossibleValue::get_name)
            .collect();
        help += &format!(" ({})", names.join(", "));
    }
    let mut text = String::from("\n");
    let mut line = String::from("#");
    for word in help.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text += &line;
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    format!("{text}{line}\n# {} = {}\n", setting.key(), value(setting))
}

/// The default, or an example, in TOML.
fn value(setting: &Setting<'_>) -> String {
    let default = setting
        .0
        .get_default_values()
        .first()
        .and_then(|value| value.to_str());
    let value = default.unwrap_or_else(|| example(setting.key(), setting.value_name()));
    match setting.kind() {
        Kind::Flag => "false".into(),
        Kind::Number => value.into(),
        _ if setting.is_repeatable() => format!("[{value:?}]"),
        _ => format!("{value:?}"),
    }
}

/// Something that the option takes; by its key, else by what its value is called.
fn example(key: &str, value_name: &str) -> &'static str {
    match key {
        "conference" => "sip:book-club@conference.example.org",
        "server" => "pcscf.example.org:5060",
        "sip-server" => "proxy.example.org:5060",
        "ca" | "xcap-ca" => "ca.pem",
        "user" | "xcap-user" => "alice@example.org",
        "password-file" => "password.txt",
        "xcap-password-file" => "xcap-password.txt",
        "aka-file" => "sim.txt",
        "mode" => "auto",
        "access-network" => "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=23415d0e1a8f6c",
        "block-list" => "blocked.txt",
        "xcap-root" => "https://xcap.example.org",
        "sip-xcap-root" => "https://xcap.example.net",
        "foreign-xcap-root" => "https://lists.example.net",
        "xcap-cache" => "lists",
        "xcap-poll" => "900",
        "seconds" => "60",
        "max-rate" => "2",
        "min-rate" => "0.01",
        "icsi" => "urn:urn-7:3gpp-service.ims.icsi.example",
        "product" => "Softphone/1.0",
        "sphere" => "work",
        "also" => "tel:+15550100",
        "list" => "friends=friends.txt",
        "at" => "2026-03-01T08:00:00Z",
        _ => match value_name {
            "URI" => "sip:alice@example.org",
            "URL" => "https://example.org",
            "FILE" => "file",
            "DIR" => "folder",
            _ => "1",
        },
    }
}
