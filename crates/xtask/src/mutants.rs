//! `cargo xtask mutants`: small faults put into the code of an area one by one; a test must notice each (cargo-mutants).
//!
//! The unit tests of core go first, for they are quick; what they miss is tried again with the scenarios that play on a
//! simulated clock. Faults that no test can notice are listed, each with its reason, in `.cargo/mutants.toml`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Args, ValueEnum};

/// Where faults are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Area {
    /// Subscription state machine.
    Subscription,
    /// Dialogs for transaction hosts.
    Dialog,
    /// Header readers.
    Header,
}

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Areas of core, by space; all by default
    areas: Vec<Area>,
    /// Only this part of the faults, for runs in pieces: 0/4 is the first of four
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only list the faults
    #[arg(long)]
    list: bool,
}

/// Scenario files that need neither network nor server.
const SCENARIOS: [&str; 2] = ["hosts", "world"];

/// Exit status of cargo-mutants when faults were missed, and when tests ran too long.
const SURVIVED: [i32; 2] = [2, 3];

impl Area {
    const ALL: [Self; 3] = [Self::Subscription, Self::Dialog, Self::Header];

    fn name(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Dialog => "dialog",
            Self::Header => "header",
        }
    }
}

/// Runs cargo-mutants on every area; fails when a fault survives.
pub(crate) fn run(options: &Options) -> ExitCode {
    let version = Command::new("cargo")
        .args(["mutants", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !version.is_ok_and(|status| status.success()) {
        eprintln!(
            "xtask: cargo-mutants is missing; install it: cargo install --locked cargo-mutants"
        );
        return ExitCode::FAILURE;
    }
    let areas = match &*options.areas {
        [] => &Area::ALL[..],
        areas => areas,
    };
    let mut ok = true;
    for &area in areas {
        ok &= check(area, options);
    }
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// True when every fault in the area is noticed.
fn check(area: Area, options: &Options) -> bool {
    if let Err(error) = std::fs::create_dir_all(output(area)) {
        eprintln!("xtask: {}: {error}", output(area).display());
        return false;
    }
    let mut quick = mutants(area, options);
    if options.list {
        return status(quick.arg("--list")) == Some(0);
    }
    quick.args(["--", "--lib"]);
    if area == Area::Header {
        // The readers' own tests: others read headers by them and would only be slower.
        quick.arg("header::");
        return report(area, status(&mut quick));
    }
    match status(&mut quick) {
        Some(code) if SURVIVED.contains(&code) => {}
        other => return report(area, other),
    }
    let mut thorough = mutants(area, options);
    thorough.args(["--iterate", "--test-package", "rollmark-core"]);
    thorough.args(["--test-package", "rollmark-tests", "--", "--lib"]);
    let scenarios = root().join("tests/tests");
    for scenario in SCENARIOS {
        if scenarios.join(scenario).exists()
            || scenarios.join(scenario).with_extension("rs").exists()
        {
            thorough.args(["--test", scenario]);
        }
    }
    report(area, status(&mut thorough))
}

/// The command for an area, up to the arguments of the tests.
fn mutants(area: Area, options: &Options) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(root())
        .args(["mutants", "--package", "rollmark-core", "--jobs", "1"])
        .args(["--file", &format!("crates/core/src/{}.rs", area.name())])
        .args(["--file", &format!("crates/core/src/{}/**", area.name())])
        .arg("--output")
        .arg(output(area))
        // Only failing matters, not where.
        .env("CARGO_PROFILE_DEV_DEBUG", "none");
    if let Some(shard) = &options.shard {
        command.args(["--shard", shard]);
    }
    command
}

fn output(area: Area) -> PathBuf {
    root().join("target/mutants").join(area.name())
}

fn status(command: &mut Command) -> Option<i32> {
    match command.status() {
        Ok(status) => status.code(),
        Err(error) => {
            eprintln!("xtask: cargo cannot be run: {error}");
            None
        }
    }
}

fn report(area: Area, code: Option<i32>) -> bool {
    let name = area.name();
    match code {
        Some(0) => println!("{name}: every fault is noticed"),
        Some(code) if SURVIVED.contains(&code) => println!(
            "{name}: faults that no test notices are in {0}/mutants.out/missed.txt and timeout.txt; write a test, or list \
             a fault that changes nothing in .cargo/mutants.toml with its reason",
            output(area).display()
        ),
        _ => println!("{name}: cargo mutants did not get to its end; see above"),
    }
    code == Some(0)
}
