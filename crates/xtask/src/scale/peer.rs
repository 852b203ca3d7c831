//! The other end of `cargo xtask scale`: the embedded IM server in a process of its own, so that memory and time of the
//! subscriber are its own.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use clap::Args;
use rollmark_im_server::{Conference, Focus, ImServer, Settings, User};

use super::Fault;
use crate::other_self::OtherSelf;
use crate::process;

/// `cargo xtask scale-peer`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Conferences
    rooms: usize,
    /// Longest subscription granted, in seconds
    life: u32,
}

/// URI of a conference.
pub(crate) fn room(number: usize) -> String {
    format!("sip:room{number}@im.example")
}

/// Serves until standard input ends.
pub(crate) fn run(options: &Options) -> ExitCode {
    process::ended("IM server", serve(options))
}

fn serve(options: &Options) -> Result<(), Fault> {
    let runtime = process::runtime()?;
    let _guard = runtime.enter();
    let settings = Settings {
        max_expires: options.life,
        ..Settings::default()
    };
    let server = runtime.block_on(ImServer::bind(settings))?;
    let mut rooms: Vec<Focus> = Vec::new();
    for number in 0..options.rooms {
        let conference = Conference::new("Scale")
            .user(User::connected("sip:alice@im.example"))
            .user(User::connected("sip:bob@im.example"));
        rooms.push(server.create_conference(&room(number), conference)?);
    }
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.tcp_addr())?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["join", number, user] => {
                let focus = rooms.get(number.parse::<usize>()?).ok_or("no such room")?;
                focus.join(User::connected(format!("sip:{user}@im.example")))?;
                writeln!(out, "joined")?;
            }
            ["count"] => {
                let mut held = 0;
                for focus in &rooms {
                    held += *focus.subscribers()?.borrow();
                }
                writeln!(out, "{held} {}", server.accepted())?;
            }
            _ => return Err(format!("unknown command {line:?}").into()),
        }
        out.flush()?;
    }
    Ok(())
}

/// That process, as seen from here.
pub(crate) struct Peer {
    process: OtherSelf,
    /// Where it listens.
    pub(crate) address: String,
}

impl Peer {
    pub(crate) fn start(rooms: usize, life: u32) -> Result<Self, Fault> {
        let arguments = ["scale-peer".into(), rooms.to_string(), life.to_string()];
        let mut process = OtherSelf::start(&arguments)?;
        let address = process.answer()?;
        Ok(Self { process, address })
    }

    /// Lets somebody join.
    pub(crate) fn join(&mut self, room: usize, user: &str) -> Result<(), Fault> {
        self.process.ask(&format!("join {room} {user}")).map(drop)
    }

    /// Subscriptions held, and SUBSCRIBEs accepted so far.
    pub(crate) fn count(&mut self) -> Result<(usize, u64), Fault> {
        let answer = self.process.ask("count")?;
        let (held, accepted) = answer.split_once(' ').ok_or("two numbers are due")?;
        Ok((held.parse()?, accepted.parse()?))
    }
}
