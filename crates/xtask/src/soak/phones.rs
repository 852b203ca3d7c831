//! The user agents of `cargo xtask soak`, in a process of their own, so that its memory is theirs.

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rollmark::{Account, Conference, What};
use rollmark_ua::{Transport, UserAgent};
use tokio::sync::watch;

use super::{LIFE, room};
use crate::process;
use crate::scale::Fault;

/// `cargo xtask soak-phones`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Conferences
    rooms: usize,
    /// Where the server is reached over TCP
    tcp: SocketAddr,
    /// Where it is reached over UDP
    udp: SocketAddr,
}

/// Watches until standard input ends.
pub(crate) fn run(options: &Options) -> ExitCode {
    process::ended("user agents", watch(options))
}

fn watch(options: &Options) -> Result<(), Fault> {
    let runtime = process::runtime()?;
    let mut rosters = Vec::new();
    let phones = runtime.block_on(async {
        let phones = [
            phone(Transport::Tcp, options.tcp).await?,
            phone(Transport::Udp, options.udp).await?,
        ];
        for number in 0..options.rooms {
            for phone in &phones {
                let conference = phone.conferences.subscribe(&room(number)).await?;
                rosters.push(follow(conference));
            }
        }
        Ok::<_, Fault>(phones)
    })?;
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        match line?.as_str() {
            // One word for each: the users, in order, or nothing while there is no roster.
            "rosters" => {
                let shown = rosters.iter().map(|roster| match &*roster.borrow() {
                    Some(users) => users.iter().cloned().collect::<Vec<_>>().join(","),
                    None => "-".into(),
                });
                writeln!(out, "{}", shown.collect::<Vec<_>>().join(" "))?;
            }
            "memory" => writeln!(out, "{} {}", process::resident(), process::allocated())?,
            "stop" => {
                runtime.block_on(async {
                    for phone in &phones {
                        phone.conferences.stop(Duration::from_secs(5)).await;
                    }
                });
                writeln!(out, "stopped")?;
            }
            other => return Err(format!("unknown command {other:?}").into()),
        }
        out.flush()?;
    }
    Ok(())
}

async fn phone(transport: Transport, server: SocketAddr) -> Result<UserAgent, Fault> {
    let mut account = Account::new("sip:alice@im.example");
    account.subscription.expires = LIFE;
    let settings = rollmark_ua::Settings {
        server: Some(server.to_string()),
        transport,
        ca: None,
    };
    Ok(UserAgent::start(settings, account).await?)
}

/// What one subscriber shows, as its events tell it.
fn follow(mut conference: Conference) -> watch::Receiver<Option<BTreeSet<String>>> {
    let (shown, present) = watch::channel(None);
    tokio::spawn(async move {
        let name = |row: &rollmark::Row| row.user.entity().to_owned();
        while let Some(event) = conference.next().await {
            shown.send_modify(|shown: &mut Option<BTreeSet<String>>| match &event.what {
                What::Roster(rows) => {
                    let present = rows.iter().filter(|row| row.user.present());
                    *shown = Some(present.map(name).collect());
                }
                What::Joined(row) => {
                    shown.get_or_insert_default().insert(name(row));
                }
                What::Left { row, .. } => {
                    shown.get_or_insert_default().remove(&name(row));
                }
                _ => {}
            });
        }
        shown.send_replace(None);
    });
    present
}
