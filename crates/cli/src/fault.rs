//! What can go wrong on the command line, one line each: what happened, where, what to do.

use std::io::Read;
use std::path::{Path, PathBuf};

use rollmark::core::digest::{Credentials, Secret};
use rollmark::core::subscription::EndReason;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the password file {path} cannot be used: {error}; its first line must be the password", path = .path.display())]
    Password {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the document {path} cannot be read: {error}; give files with the bodies of NOTIFYs", path = .path.display())]
    Document {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the rules {path} cannot be used: {error}; give a common-policy document", path = .path.display())]
    Rules { path: PathBuf, error: String },
    #[error("standard output cannot be written: {0}; nothing is complete there")]
    Output(std::io::Error),
    #[error("{path} cannot be written: {error}; give a folder that you may write to", path = .path.display())]
    Written {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the recording {path} cannot be {done}: {error}", path = .path.display())]
    Recording {
        path: PathBuf,
        done: &'static str,
        error: String,
    },
    #[error("XCAP: {0}")]
    Xcap(String),
    #[error("{0}")]
    Doctor(String),
    #[error("block list: {0}")]
    BlockList(String),
    #[error(transparent)]
    Start(#[from] rollmark_ua::StartError),
    #[error(transparent)]
    Aka(#[from] rollmark_ua::aka::AkaFileError),
    #[error("{server}: {fault}")]
    Register {
        server: String,
        fault: rollmark_ua::register::Fault,
    },
    #[error(
        "{server}: the core lets none of the identities of {identity} be used; the operator must add one (P-Associated-URI)"
    )]
    NoIdentity { server: String, identity: String },
    #[error("{at}: {fault}")]
    Join {
        at: String,
        fault: rollmark_ua::session::Fault,
    },
    #[error(transparent)]
    Subscribe(#[from] rollmark::SubscribeError),
    #[error("{0}")]
    Ended(String),
    #[error(
        "the screen has failed, and the subscription was ended; --plain does without it, and the lines above say what happened"
    )]
    Screen,
    #[error("the demo's own {what} failed: {error}")]
    Demo { what: &'static str, error: String },
}

/// A user name with the password in a file; none without both.
pub(crate) fn credentials(
    user: Option<&str>,
    password_file: Option<&Path>,
) -> Result<Option<Credentials>, Fault> {
    let (Some(user), Some(path)) = (user, password_file) else {
        return Ok(None);
    };
    Ok(Some(Credentials {
        username: user.to_owned(),
        password: password(path)?,
    }))
}

/// A larger password file holds no password.
const MAX_PASSWORD_FILE: u64 = 64 << 10;

/// Reads the first line of a password file.
fn password(path: &Path) -> Result<Secret, Fault> {
    let refused = |error| Fault::Password {
        path: path.to_owned(),
        error,
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PASSWORD_FILE).read_to_string(&mut text))
        .map_err(refused)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(refused(std::io::Error::other("its first line is empty")));
    }
    if line.contains(char::is_control) {
        let why = "its first line has control characters";
        return Err(refused(std::io::Error::other(why)));
    }
    Ok(Secret::from(line))
}

/// Where a subscription was going.
pub(crate) struct Place<'a> {
    pub(crate) conference: &'a str,
    pub(crate) server: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
}

/// The line for a subscription that ended otherwise than it should; none for a proper end.
pub(crate) fn ended(reason: EndReason, status: Option<u16>, place: &Place<'_>) -> Option<Fault> {
    let conference = crate::text::safe(place.conference);
    let at = match place.server {
        Some(server) => format!("{server} ({conference})"),
        None => conference.clone(),
    };
    let code = status.map_or_else(String::new, |status| format!(" ({status})"));
    let line = match reason {
        EndReason::Unsubscribed
        | EndReason::Fetched
        | EndReason::NoResource
        | EndReason::Deleted
        | EndReason::Invariant => return None,
        EndReason::Rejected => format!(
            "{conference}: the server ended the subscription and does not allow another (rejected); ask the conference's owner"
        ),
        EndReason::NotFound => format!(
            "{at}: there is no such conference{code}; check the conference URI, or whether it has begun"
        ),
        EndReason::Forbidden => format!(
            "{at}: you may not watch this conference{code}; check --as and --user, or ask the conference's owner"
        ),
        EndReason::Unsupported => format!(
            "{at}: the server does not offer conference state{code}; nothing can be shown of this conference"
        ),
        EndReason::AuthenticationFailed => match place.user {
            Some(user) => format!(
                "{at}: the server does not accept the password of {user:?}{code}; check --user and --password-file"
            ),
            None => format!(
                "{at}: the server wants a user name and a password{code}; add --user and --password-file"
            ),
        },
        EndReason::AnonymityRefused => format!(
            "{at}: you may not watch this conference anonymously{code}; try it under your name, or ask the conference's owner"
        ),
        EndReason::Redirected => format!(
            "{at}: the server redirects elsewhere{code}, and nothing more is to be found there; watch the new address itself"
        ),
        EndReason::IntervalTooBrief => format!(
            "{at}: the server wants a longer subscription than it says itself{code}; try another --expires"
        ),
        EndReason::Refused => {
            format!("{at}: the server refused the subscription{code}; it will not be tried again")
        }
        EndReason::Unreachable => format!(
            "{at}: the server refused the connection or cannot be reached; check --server and --transport, and whether it runs"
        ),
        EndReason::NoAnswer => format!(
            "{at}: no answer from the server; check --server and --transport, and whether it runs"
        ),
        EndReason::NoNotify => format!(
            "{at}: the server accepted the subscription{code} but sent no NOTIFY; it may not reach this machine, try --transport tcp"
        ),
        EndReason::GaveUp => {
            format!("{at}: too many failures in a row{code}; check the server, then try again")
        }
    };
    Some(Fault::Ended(line))
}
