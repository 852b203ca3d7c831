//! `cargo xtask`: what developers run besides cargo itself.

mod baresip4;
mod bench;
mod clauses;
mod fuzz;
mod mutants;
mod other_self;
mod package;
mod process;
mod scale;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts what is allocated, for the benchmark.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "What developers run besides cargo itself"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the conformance kit with the module in baresip 4.x, from a pinned PyPI wheel
    Baresip4,
    /// Measure speed, size and scale against the goals, side by side with other XML readers
    Bench(bench::Options),
    /// Show which tests show which clause; fail where a clause in scope has none
    Clauses(clauses::Options),
    /// Run every fuzz target in turn, from its seeds
    Fuzz(fuzz::Options),
    /// Do one job of the benchmark a number of times, to be counted from outside
    #[command(hide = true)]
    Measure(bench::Measure),
    /// Hold many subscriptions over one connection: set up, notified, refreshed, ended (P11)
    Scale(scale::Options),
    /// Be the IM server of `scale`; commands come on standard input
    #[command(hide = true)]
    ScalePeer(scale::peer::Options),
    /// Watch conferences for a while, with joins, leaves, gaps and dead connections; see that rosters are right and memory flat
    Soak(soak::Options),
    /// Be the user agents of `soak`; commands come on standard input
    #[command(hide = true)]
    SoakPhones(soak::phones::Options),
    /// Put faults into core's code one by one and see that a test notices each
    Mutants(mutants::Options),
    /// Make target/baresip-module: the stripped baresip module with its configuration, to be copied
    PackageBaresip,
}

fn main() -> ExitCode {
    let levels = std::env::var("ROLLMARK_LOG").unwrap_or_else(|_| "off".into());
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::new(levels))
        .init();
    match Arguments::parse().command {
        Command::Baresip4 => baresip4::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Clauses(options) => clauses::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Measure(measure) => bench::measure(&measure),
        Command::Scale(options) => scale::run(&options),
        Command::ScalePeer(options) => scale::peer::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::SoakPhones(options) => soak::phones::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::PackageBaresip => package::run(),
    }
}
