//! Options of `rollmark doctor`: those of `watch` for account, server, mode and XDMS, and its own.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, ValueHint};
use rollmark::core::uri::Uri;

use crate::options::{Account, Lists};

/// Longest wait for a single answer unless told otherwise, in seconds: Timer F is 32 s, which nobody waits for at a desk.
const PATIENCE: u64 = 6;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 when no check failed, 1 when one did, 2 wrong use.",
    // Taken, so that the command line of watch can be taken over as it is; of no use here.
    mut_arg("sip_server", |arg| arg.hide(true)),
    mut_arg("block_list", |arg| arg.hide(true)),
    mut_arg("sip_xcap_root", |arg| arg.hide(true)),
    mut_arg("xcap_cache", |arg| arg.hide(true)),
    mut_arg("xcap_poll", |arg| arg.hide(true)),
    mut_arg("match_endpoints", |arg| arg.hide(true)),
)]
pub(crate) struct Doctor {
    /// The conference: IM Session Identity or IM Group Identity (a sip: or sips: URI)
    #[arg(value_parser = conference)]
    pub(crate) conference: String,
    #[command(flatten)]
    pub(crate) account: Account,
    #[command(flatten)]
    pub(crate) lists: Lists,
    /// Life of the subscription to ask for, in seconds
    #[arg(long, value_name = "S", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) expires: u32,
    /// Longest wait for each answer, in seconds
    #[arg(long, value_name = "S", default_value_t = PATIENCE, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) patience: u64,
    /// Also checks that the block list on the XDMS can be changed: writes the document as it is, on condition that nobody else did
    #[arg(long, requires = "xcap_root")]
    pub(crate) check_write: bool,
    /// Writes a page (HTML) to send to the operator: one file, nothing else needed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// Replaces who is named by user1, user2 …, the same one by the same; hosts and addresses stay
    #[arg(long)]
    pub(crate) redact: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

impl Doctor {
    /// Ends the process with the status for wrong use where these options make no examination.
    pub(crate) fn check(&self) {
        let wrong = |what: String| {
            crate::config::command()
                .error(ErrorKind::ValueValidation, what)
                .exit()
        };
        if let Some(server) = &self.account.server
            && let Err(advice) = split_host_port(server)
        {
            wrong(format!("--server {server:?} names no server: {advice}"))
        }
        if self.lists.xcap_root.is_some() && self.account.identity.is_none() {
            wrong("--as is needed, to know whose documents on the XDMS are meant".into())
        }
    }
}

fn conference(text: &str) -> Result<String, String> {
    let uri = Uri::parse(text).map_err(|error| error.to_string())?;
    match uri.host() {
        Some(_) => Ok(text.to_owned()),
        None => Err("give a sip: or sips: URI".into()),
    }
}

/// Host, without the brackets of an IPv6 address, and port.
pub(crate) fn split_host_port(text: &str) -> Result<(String, u16), String> {
    let advice = || "give HOST:PORT, for example sip.example.org:5060".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(advice)?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() {
        return Err(advice());
    }
    Ok((host.to_owned(), port.parse().map_err(|_| advice())?))
}
