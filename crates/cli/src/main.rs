//! `rollmark`: a reference softphone and bench tool over the library that softphones embed.

mod args;
mod config;
mod demo;
mod doctor;
mod documents;
mod explain;
mod fault;
mod generate;
mod join;
mod json;
mod matching;
mod offline;
mod offline_text;
mod options;
mod record;
mod registration;
mod replay;
mod rules;
mod screen;
mod show;
mod source;
mod stop;
mod switching;
mod text;
mod watch;
mod xdm;

use std::process::ExitCode;

use args::Command;

/// One thread: the order of messages is kept, and nothing here is heavy.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = config::parse();
    tracing_subscriber::fmt()
        .with_writer(show::Log)
        .with_env_filter(
            std::env::var("ROLLMARK_LOG")
                .ok()
                .and_then(|levels| tracing_subscriber::EnvFilter::try_new(discreet(&levels)).ok())
                .unwrap_or_else(|| tracing_subscriber::EnvFilter::new("off")),
        )
        .init();
    let result = match args.command {
        Command::Demo(demo) => demo::run(&demo).await,
        Command::Watch(watch) => watch::run(&watch).await,
        Command::Doctor(args) => doctor::run(&args).await,
        Command::Roster(roster) => offline::run(&roster).await,
        Command::Rules(rules) => rules::run(&rules),
        Command::Replay(replay) => replay::run(&replay),
        Command::Explain(explain) => explain::run(&explain),
        Command::Match(pair) => matching::run(&pair),
        Command::Config => show::outcome(&config::sample::text()),
        Command::Completions(completions) => generate::completions(&completions),
        Command::Man(man) => generate::man(&man),
        Command::Xdm(xdm) => xdm::run(&xdm).await,
        Command::Block(edit) => xdm::block(&edit).await,
        Command::Unblock(edit) => xdm::unblock(&edit).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            show::fault(&text::safe(&fault.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// The SIP stack logs whole URIs, but for its warnings: more of it must be asked for by name (RFC 7315 §6.4, SEC-16).
fn discreet(levels: &str) -> String {
    if levels.contains("ezk") || levels.contains("off") {
        levels.to_owned()
    } else {
        format!("{levels},ezk_sip_core=warn,ezk_sip_types=warn")
    }
}
