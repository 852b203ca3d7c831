//! `cargo xtask fuzz`: every fuzz target in turn, by the script beside them.

use std::process::{Command, ExitCode};

use clap::Args;

/// How long.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs the script; its status is ours.
pub(crate) fn run(options: &Options) -> ExitCode {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/run");
    match Command::new(script)
        .arg(options.seconds.to_string())
        .status()
    {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {script} cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}
