//! The configuration file: options by their names, put in front of those of the command line, which win (CLI contract).

mod entry;
mod file;
mod merge;
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory, FromArgMatches, ValueHint, value_parser};

use crate::args::Args;

/// The option that names the file.
const OPTION: &str = "config";
/// Commands that have something to set.
const COMMANDS: [&str; 11] = [
    "demo", "watch", "doctor", "roster", "match", "rules", "block", "unblock", "blocked", "get",
    "caps",
];
/// Over the options that are of use to few.
const HEADING: &str = "Fine tuning, best kept in a configuration file";

/// The command line: what the derived one has, and `--config` where there is something to set.
pub(crate) fn command() -> Command {
    finish(Args::command())
}

fn finish(command: Command) -> Command {
    let takes_file = COMMANDS.contains(&command.get_name());
    let command = command
        .mut_subcommands(finish)
        // Groups of options would else pass their heading on to what follows them.
        .mut_args(|arg| match arg.is_hide_short_help_set() {
            true => arg.help_heading(HEADING),
            false => arg,
        });
    match takes_file {
        true => command.arg(
            Arg::new(OPTION)
                .long(OPTION)
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .value_parser(value_parser!(PathBuf))
                .help("TOML file with options by these names; the command line wins over it"),
        ),
        false => command,
    }
}

/// Every command that takes a configuration file.
fn configured(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().flat_map(configured);
    let own = COMMANDS.contains(&command.get_name()).then_some(command);
    own.into_iter().chain(below).collect()
}

/// Reads the command line, and the file that it names. Ends the process with a line on standard error and status 2 where
/// either is wrong, with 1 where the file cannot be read, and with help where that was asked for.
pub(crate) fn parse() -> Args {
    let words: Vec<OsString> = std::env::args_os().collect();
    match merge::words(&words) {
        Ok(merged) => read(&merged).unwrap_or_else(|fault| fault.exit()),
        Err(fault) => {
            eprintln!("rollmark: {}", crate::text::safe(&fault.to_string()));
            std::process::exit(fault.exit_status())
        }
    }
}

fn read(words: &[OsString]) -> Result<Args, clap::Error> {
    let mut matches = command().try_get_matches_from(words)?;
    Args::from_arg_matches_mut(&mut matches).map_err(|fault| fault.format(&mut command()))
}
