//! Options of `rollmark xdm`, `block` and `unblock`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::options::{Identities, ListReading, XcapHttp};

#[derive(Debug, Args)]
pub(crate) struct Xdm {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the effective block list with its sources
    Blocked(Blocked),
    /// Fetches a document or a node of one
    Get(Get),
    /// Shows what the XDMS can do (xcap-caps)
    Caps(Caps),
}

#[derive(Debug, Args)]
pub(crate) struct Blocked {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Block list in a file (may be repeated)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) block_list: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ListReading,
    #[command(flatten)]
    pub(crate) identities: Identities,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// What to fetch: AUID/users/XUI/DOCUMENT or AUID/global/DOCUMENT below the XCAP root, a node in it behind /~~/;
    /// an AUID alone is your own document of that kind
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) place: Place,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Caps {
    #[command(flatten)]
    pub(crate) place: Place,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// Whom: a sip: or tel: URI
    #[arg(allow_hyphen_values = true)]
    pub(crate) uri: String,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The block list in a file; without it that on the XDMS
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "xcap_root")]
    pub(crate) block_list: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// An XDMS, and who asks it.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Your public identity (a SIP or tel URI): whose documents are meant
    #[arg(long = "as", value_name = "URI")]
    pub(crate) identity: Option<String>,
    /// XCAP root of the XDMS; without it https://xcap.DOMAIN of your identity is tried
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) xcap_root: Option<String>,
    /// User name for the XDMS
    #[arg(long, value_name = "NAME", requires = "xcap_password_file")]
    pub(crate) xcap_user: Option<String>,
    /// File whose first line is the password for the XDMS
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "xcap_user")]
    pub(crate) xcap_password_file: Option<PathBuf>,
    /// PEM file of the authority that signed the XDMS's certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) xcap_ca: Option<PathBuf>,
    /// The kind of core: an IMS core's Aggregation Proxy is told your identity
    #[arg(long, value_enum, default_value_t = Core::Sip)]
    pub(crate) mode: Core,
    #[command(flatten)]
    pub(crate) http: XcapHttp,
}

/// The kind of core that an XDMS belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Core {
    /// Plain XCAP with digest
    Sip,
    /// Behind an Aggregation Proxy
    Ims,
}
