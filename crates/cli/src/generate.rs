//! `rollmark completions` and `rollmark man`: from the options themselves, so that they are never behind them.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_complete::Shell;

use crate::config;
use crate::fault::Fault;
use crate::show;

const NAME: &str = "rollmark";
/// What the page of the whole says beyond the options.
const MORE: &str = r#".SH "EXIT STATUS"
.TP
0
Done.
.TP
1
Failed. One line on standard error says what happened, where, and what to do.
.TP
2
Wrong use: the command line, or the configuration file.
.SH ENVIRONMENT
.TP
ROLLMARK_LOG
What is logged on standard error, such as debug, or rollmark=trace. Nothing without it. Logs name nobody.
.TP
NO_COLOR
No colours, where it is set.
.SH FILES
.B rollmark config
prints a commented configuration file with every option. No secret stands in it, nor on a command line.
"#;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Prints the script that a shell reads.
pub(crate) fn completions(args: &Completions) -> Result<(), Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut config::command(), NAME, &mut script);
    show::outcome(String::from_utf8_lossy(&script).trim_end())
}

/// Prints the page of the whole, or writes all pages.
pub(crate) fn man(args: &Man) -> Result<(), Fault> {
    let mut command = config::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.dir else {
        let page = page(&command).map_err(Fault::Output)?;
        return show::outcome(String::from_utf8_lossy(&page).trim_end());
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| write_below(&command, folder))
        .map_err(|error| Fault::Written {
            path: folder.clone(),
            error,
        })
}

fn write_below(command: &Command, folder: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    std::fs::write(folder.join(format!("{name}.1")), page(command)?)?;
    command
        .get_subcommands()
        .try_for_each(|below| write_below(below, folder))
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    if command.get_name() == NAME {
        page.extend_from_slice(MORE.as_bytes());
    }
    Ok(page)
}
