//! The command line: subcommands and options. No secret is taken on it; passwords come from files.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use rollmark::core::digest::Credentials;
use rollmark::core::registration::{AccessNetworkError, check_access_network};

use crate::fault::{self, Fault};

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
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// The kind of SIP core to play
    #[arg(long, value_enum, default_value_t = DemoMode::Sip)]
    pub(crate) mode: DemoMode,
    /// Seconds between two steps of the script
    #[arg(long, value_name = "SECONDS", default_value_t = 0.8, value_parser = pace)]
    pub(crate) pace: f64,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Registers first and decides by what the registrar answers; plain SIP where nobody registers users
    Auto,
    /// Plain SIP (RFC 3261), without registration
    Sip,
    /// An IMS core (TS 24.229): registers first, then subscribes with its headers
    Ims,
}

/// One that can stand in a header (IMS-19).
fn access_network(text: &str) -> Result<String, AccessNetworkError> {
    check_access_network(text).map(|()| text.to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// Who the user is, and how he reaches his SIP core. What every command has that speaks SIP.
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("secret").args(["password_file", "aka_file"]).multiple(true))]
pub(crate) struct Account {
    /// Your public identity (a SIP URI)
    #[arg(long = "as", value_name = "URI", required_if_eq("mode", "ims"))]
    pub(crate) identity: Option<String>,
    /// Outbound proxy, in IMS the P-CSCF; without it the conference's own domain is asked
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// Outbound proxy in plain mode, where that is another SIP core; SIGUSR1, or the key m, switches between the two
    #[arg(long, value_name = "HOST:PORT", requires = "server")]
    pub(crate) sip_server: Option<String>,
    /// How to reach it
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    pub(crate) transport: Transport,
    /// PEM file of the authority that signed the SIP server's certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// User name for digest authentication: in IMS the private identity
    #[arg(long, value_name = "NAME", requires = "secret")]
    pub(crate) user: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// File with the keys of a SIM (lines k = HEX and opc = HEX); the sequence number is kept beside it
    #[arg(long, value_name = "FILE", requires = "identity")]
    pub(crate) aka_file: Option<PathBuf>,
    /// The kind of SIP core [default: auto with --aka-file, else sip]
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// Text for P-Access-Network-Info, and the consent to tell it to an IMS core without security association; never told in plain mode
    #[arg(long, value_name = "TEXT", requires = "identity", value_parser = access_network)]
    pub(crate) access_network: Option<String>,
    /// In IMS mode subscribe to your own registration state (RFC 3680), too, and follow what the network does with it
    #[arg(long, requires = "identity")]
    pub(crate) reg_event: bool,
}

impl Account {
    /// What answers digest challenges of the SIP core.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, Fault> {
        fault::credentials(self.user.as_deref(), self.password_file.as_deref())
    }

    /// How the user agent reaches the SIP core.
    pub(crate) fn agent(&self) -> rollmark_ua::Settings {
        rollmark_ua::Settings {
            server: self.server.clone(),
            transport: match self.transport {
                Transport::Udp => rollmark_ua::Transport::Udp,
                Transport::Tcp => rollmark_ua::Transport::Tcp,
                Transport::Tls => rollmark_ua::Transport::Tls,
            },
            ca: self.ca.clone(),
        }
    }
}

/// Where block lists are: files, and an XDMS. What every command has that looks for blocked users while it speaks SIP.
#[derive(Debug, ClapArgs)]
pub(crate) struct Lists {
    /// Block list in a file: plain lines, resource-lists or common-policy XML (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) block_list: Vec<PathBuf>,
    /// XCAP root of the XDMS that holds your block list
    #[arg(long, value_name = "URL")]
    pub(crate) xcap_root: Option<String>,
    /// Who tells of changes on the XDMS (RFC 5875), a SIP URI: often your own identity [default: in an IMS core your own identity, elsewhere nobody: the XDMS is then asked every 15 minutes]
    #[arg(long, value_name = "URI", requires = "xcap_root")]
    pub(crate) xcap_notifier: Option<String>,
    /// XCAP root in plain mode, where it is another
    #[arg(long, value_name = "URL", requires = "xcap_root")]
    pub(crate) sip_xcap_root: Option<String>,
    /// User name for the XDMS
    #[arg(long, value_name = "NAME", requires_all = ["xcap_root", "xcap_password_file"])]
    pub(crate) xcap_user: Option<String>,
    /// File whose first line is the password for the XDMS
    #[arg(long, value_name = "FILE", requires = "xcap_user")]
    pub(crate) xcap_password_file: Option<PathBuf>,
    /// PEM file of the authority that signed the XDMS's certificate
    #[arg(long, value_name = "FILE", requires = "xcap_root")]
    pub(crate) xcap_ca: Option<PathBuf>,
    /// Folder, yours alone, in which lists from the XDMS are kept until the next run
    #[arg(long, value_name = "DIR", requires = "xcap_root")]
    pub(crate) xcap_cache: Option<PathBuf>,
}

impl Lists {
    /// What answers digest challenges of the XDMS.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, Fault> {
        fault::credentials(
            self.xcap_user.as_deref(),
            self.xcap_password_file.as_deref(),
        )
    }
}

#[derive(Debug, ClapArgs)]
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
    #[arg(long, requires = "identity")]
    pub(crate) join: bool,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Roster {
    /// conference-info documents, as bodies of consecutive NOTIFYs; @resubscribe among them begins a new subscription
    #[arg(required = true, value_name = "DOC")]
    pub(crate) documents: Vec<PathBuf>,
    /// Block list in a file: plain lines, resource-lists or common-policy XML (may be repeated)
    #[arg(long, value_name = "FILE")]
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
    /// RFC 4575 word for word, without concessions to the servers that exist
    #[arg(long)]
    pub(crate) strict: bool,
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
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rules {
    /// common-policy document: access-rules, pres-rules, pocrules
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
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}
