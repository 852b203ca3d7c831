//! The command line: subcommands and options. No secret is taken on it; passwords come from files.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) use crate::options::{Account, Lists, Mode};
use crate::options::{Documents, Identities, RuleReading};

/// Shows who is in an IM conference, live, and which of them you have blocked.
#[derive(Debug, Parser)]
#[command(
    name = "rollmark",
    version,
    after_help = "Logs: set ROLLMARK_LOG=debug (or rollmark=trace …)."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plays a conference on embedded servers and watches it: nothing to install, nothing to configure
    Demo(Demo),
    /// Subscribes to a conference and shows its roster live
    Watch(Box<Watch>),
    /// Checks a SIP or IMS core, a conference server and an XDMS step by step, and says what to do about each fault
    Doctor(Box<crate::doctor::args::Doctor>),
    /// Applies conference-info documents offline and prints the roster they come to
    Roster(Roster),
    /// Shows the effective block list, fetches documents, asks what an XDMS can do
    Xdm(crate::xdm::args::Xdm),
    /// Puts a user on your block list, in a file or on the XDMS
    Block(crate::xdm::args::Edit),
    /// Takes a user off your block list, in a file or on the XDMS
    Unblock(crate::xdm::args::Edit),
    /// Says whether a roster URI and a block-list entry denote the same user, and why
    Match(Match),
    /// Says what the rules of a common-policy document come to for each URI, and why
    Rules(Rules),
    /// Plays a recording again, by its own clock: the event stream of the run
    Replay(crate::replay::Replay),
    /// Tells the story of a recording or a capture, message by message, with the clause behind each step and what is odd
    Explain(crate::explain::Explain),
    /// Prints a commented configuration file with every option
    Config,
    /// Prints what makes a shell complete commands, options and files
    Completions(crate::generate::Completions),
    /// Prints the manual page, or writes one for each command into a folder
    Man(crate::generate::Man),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = crate::screen::help())]
pub(crate) struct Demo {
    /// The kind of SIP core to play
    #[arg(long, value_enum, default_value_t = DemoMode::Sip)]
    pub(crate) mode: DemoMode,
    /// Seconds between two steps of the script
    #[arg(long, value_name = "SECONDS", default_value_t = 0.8, value_parser = pace)]
    pub(crate) pace: f64,
    #[command(flatten)]
    pub(crate) record: crate::record::Record,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Lines of text, also where standard output is a terminal, which shows a live screen otherwise
    #[arg(long)]
    pub(crate) plain: bool,
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(pace) if (0.05..=60.0).contains(&pace) => Ok(pace),
        _ => Err("give seconds from 0.05 to 60".into()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoMode {
    /// Plain SIP (RFC 3261)
    Sip,
    /// An IMS core (TS 24.229): registration, Service-Route, public identities
    Ims,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = crate::screen::help())]
pub(crate) struct Watch {
    /// The conference: IM Session Identity or IM Group Identity (a sip: or sips: URI)
    pub(crate) conference: String,
    #[command(flatten)]
    pub(crate) account: Account,
    #[command(flatten)]
    pub(crate) lists: Lists,
    /// Life of the subscription to ask for, in seconds
    #[arg(long, value_name = "S", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) expires: u32,
    /// Watch for so long, then unsubscribe
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: Option<u64>,
    /// Enter the IM session first and watch the focus that answers; leave it at the end
    #[arg(long, requires = "identity", conflicts_with = "anonymous")]
    pub(crate) join: bool,
    #[command(flatten)]
    pub(crate) record: crate::record::Record,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Lines of text, also where standard output is a terminal, which shows a live screen otherwise
    #[arg(long)]
    pub(crate) plain: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Roster {
    /// conference-info documents, as bodies of consecutive NOTIFYs; @resubscribe among them begins a new subscription
    #[arg(required = true, value_name = "DOC", value_hint = ValueHint::FilePath)]
    pub(crate) documents: Vec<PathBuf>,
    /// Block list in a file: plain lines, resource-lists or common-policy XML (may be repeated)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) block_list: Vec<PathBuf>,
    /// Your public identity: your own row is never blocked
    #[arg(long, value_name = "URI")]
    pub(crate) me: Option<String>,
    /// The conference subscribed to; without it the one that the first applied document names
    #[arg(long, value_name = "URI")]
    pub(crate) conference: Option<String>,
    /// Endpoint entities take part in matching with the block list
    #[arg(long)]
    pub(crate) match_endpoints: bool,
    /// Lists within the list of blocked contacts are block lists, too, by their name
    #[arg(long, hide_short_help = true)]
    pub(crate) nested_list_names: bool,
    #[command(flatten)]
    pub(crate) reading: Documents,
    #[command(flatten)]
    pub(crate) identities: Identities,
    #[command(flatten)]
    pub(crate) rules: RuleReading,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Match {
    /// URI of a roster user
    #[arg(allow_hyphen_values = true)]
    pub(crate) uri: String,
    /// Entry of a block list
    #[arg(allow_hyphen_values = true)]
    pub(crate) entry: String,
    #[command(flatten)]
    pub(crate) identities: Identities,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rules {
    /// common-policy document: access-rules, pres-rules, pocrules
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) rules: PathBuf,
    /// URIs of users
    #[arg(required = true, value_name = "URI")]
    pub(crate) uris: Vec<String>,
    /// File with the members of an external list, by its anchor or its name (may be repeated)
    #[arg(long, value_name = "NAME=FILE", value_parser = crate::rules::list_file)]
    pub(crate) list: Vec<crate::rules::ListFile>,
    /// When, for rules that hold only for a while: a time of RFC 3339; without it now
    #[arg(long, value_name = "TIME", value_parser = crate::rules::time)]
    pub(crate) at: Option<rollmark::core::wall_time::WallTime>,
    #[command(flatten)]
    pub(crate) identities: Identities,
    #[command(flatten)]
    pub(crate) reading: RuleReading,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}
