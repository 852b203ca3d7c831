//! `cargo xtask soak`: conferences watched for a while, with joins, leaves, gaps and dead connections; at the end every
//! roster is right and the memory of who watches has not grown.

pub(crate) mod phones;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use rollmark_im_server::network::LossyLink;
use rollmark_im_server::{Conference as Room, Focus, ImServer, Settings, User};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::other_self::OtherSelf;
use crate::process;
use crate::scale::Fault;

/// Life of a subscription in seconds.
const LIFE: u32 = 30;
/// Conferences; each is watched over TCP and over UDP.
const ROOMS: usize = 6;
/// People who come and go in each.
const PEOPLE: u64 = 20;
/// From one change to the next.
const PACE: Duration = Duration::from_millis(25);
/// A NOTIFY is lost at every so many changes.
const GAP_EVERY: u64 = 23;
/// All connections die at this change for the first time, so that a short soak has one.
const FIRST_DEATH: u64 = 60;
/// How long rosters may take to be right once nothing changes any more.
const SETTLE: Duration = Duration::from_secs(60);
/// Bytes allocated at the end, at most: the user agents, and what they keep of each NOTIFY over UDP for 32 s (RFC 3261 §17.2.2).
const MOST_ALLOCATED: u64 = 4_000_000;
/// From one look at them to the next.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Memory at the end, as a share of that after a fifth of the time.
const MOST_GROWTH: f64 = 1.05;
/// Memory is looked at so often, last at the end.
const SAMPLES: u32 = 10;
/// A fifth of less than this says nothing: transactions of UDP are kept for 32 s.
const SHORTEST_JUDGED: u64 = 240;

/// `cargo xtask soak`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Seconds from one death of all connections to the next
    #[arg(long, default_value_t = 90.0)]
    death_every: f64,
}

/// Runs it and prints what came of it.
pub(crate) fn run(options: &Options) -> ExitCode {
    let runtime = process::runtime().map_err(Fault::from);
    process::ended(
        "soak",
        runtime.and_then(|runtime| runtime.block_on(soak(options))),
    )
}

async fn soak(options: &Options) -> Result<(), Fault> {
    let seconds = options.seconds.max(1);
    let death_every = (options.death_every / PACE.as_secs_f64()) as u64;
    let death_every = death_every.max(FIRST_DEATH + 1);
    let server = ImServer::bind(Settings {
        max_expires: LIFE,
        ..Settings::default()
    })
    .await?;
    let relay = Relay::start(server.tcp_addr()).await?;
    server.advertise_tcp(relay.address);
    let link = LossyLink::bind(server.udp_addr()).await?;
    server.advertise_udp(link.addr());
    let mut rooms = Vec::new();
    for number in 0..ROOMS {
        let conference = Room::new("Soak").user(User::connected("sip:alice@im.example"));
        rooms.push(server.create_conference(&room(number), conference)?);
    }
    let mut phones = OtherSelf::start(&[
        "soak-phones".into(),
        ROOMS.to_string(),
        relay.address.to_string(),
        link.addr().to_string(),
    ])?;
    settled(&rooms, &mut phones).await?;

    let (mut changes, mut deaths) = (0u64, 0u64);
    let mut memory: Vec<Memory> = Vec::new();
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let start = Instant::now();
    let mut ticks = tokio::time::interval(PACE);
    while start.elapsed() < Duration::from_secs(seconds) {
        ticks.tick().await;
        // xorshift: the same changes in every run.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        if changes % GAP_EVERY == GAP_EVERY - 1 {
            link.lose_next_notify();
        }
        if changes % death_every == FIRST_DEATH {
            deaths += relay.cut();
        }
        let room = &rooms[(dice >> 32) as usize % ROOMS];
        come_or_go(room, dice % PEOPLE)?;
        changes += 1;
        if start.elapsed() * SAMPLES >= Duration::from_secs(seconds) * (memory.len() as u32 + 1) {
            memory.push(Memory::of(&mut phones)?);
        }
    }
    let gaps = link.lost();
    // What was lost at the very end shows with the next change.
    for room in &rooms {
        come_or_go(room, PEOPLE)?;
    }
    settled(&rooms, &mut phones).await?;
    println!(
        "soak               {seconds} s, {changes} joins and leaves, {gaps} gaps, {deaths} dead connections, {} SUBSCRIBEs",
        server.accepted()
    );
    println!("rosters            all {} are right", 2 * ROOMS);
    let growth = grown(&memory);
    phones.ask("stop")?;
    let allocated = memory.last().map_or(0, |memory| memory.allocated);
    if allocated > MOST_ALLOCATED {
        return Err(
            format!("{allocated} bytes are allocated: at most {MOST_ALLOCATED} are due").into(),
        );
    }
    if seconds < SHORTEST_JUDGED {
        println!("                   growth is not judged: that takes {SHORTEST_JUDGED} s");
    } else if growth > MOST_GROWTH {
        return Err(format!("memory grew: at most {MOST_GROWTH} times is due").into());
    }
    if gaps == 0 || (deaths == 0 && changes > FIRST_DEATH) {
        return Err("no gap, or no dead connection: that was no soak".into());
    }
    Ok(())
}

/// What the user agents hold at one moment, in bytes.
#[derive(Clone, Copy, Debug)]
struct Memory {
    resident: u64,
    allocated: u64,
}

impl Memory {
    fn of(phones: &mut OtherSelf) -> Result<Self, Fault> {
        let answer = phones.ask("memory")?;
        let (resident, allocated) = answer.split_once(' ').ok_or("two numbers are due")?;
        Ok(Self {
            resident: resident.parse()?,
            allocated: allocated.parse()?,
        })
    }
}

/// Prints what is held at each moment; by how much the resident memory has grown since a fifth of the time.
fn grown(memory: &[Memory]) -> f64 {
    let row = |of: fn(&Memory) -> u64| -> String {
        let shown = memory
            .iter()
            .map(|memory| format!(" {:.1}", of(memory) as f64 / 1e6));
        shown.collect()
    };
    println!(
        "resident memory   {} MB, at each tenth of the time",
        row(|memory| memory.resident)
    );
    println!("allocated         {} MB", row(|memory| memory.allocated));
    let (Some(early), Some(last)) = (memory.get(1), memory.last()) else {
        return 1.0;
    };
    let growth = |of: fn(&Memory) -> u64| of(last) as f64 / of(early).max(1) as f64;
    let resident = growth(|memory| memory.resident);
    println!(
        "                   at the end {resident:.3} times what was resident after a fifth, {:.3} times what was allocated",
        growth(|memory| memory.allocated)
    );
    resident
}

/// URI of a conference.
fn room(number: usize) -> String {
    format!("sip:room{number}@im.example")
}

/// Somebody who is in goes, somebody who is out comes.
fn come_or_go(room: &Focus, person: u64) -> Result<(), Fault> {
    let entity = format!("sip:user{person}@im.example");
    room.change(|conference| {
        if conference.users().iter().any(|user| user.entity == entity) {
            conference.remove(&entity)
        } else {
            conference.join(User::connected(&entity))
        }
    })?;
    Ok(())
}

/// Waits until each roster is that of its conference, over TCP and over UDP.
async fn settled(rooms: &[Focus], phones: &mut OtherSelf) -> Result<(), Fault> {
    let mut due = Vec::new();
    for room in rooms {
        let conference = room.conference()?;
        let users = conference.users().iter().map(|user| user.entity.clone());
        let users: BTreeSet<String> = users.collect();
        let users = users.into_iter().collect::<Vec<_>>().join(",");
        due.extend([users.clone(), users]);
    }
    let due = due.join(" ");
    let deadline = Instant::now() + SETTLE;
    loop {
        let shown = phones.ask("rosters")?;
        if shown == due {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("a roster is wrong: {shown} are shown, {due} are due").into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A TCP relay whose connections can be cut.
struct Relay {
    address: SocketAddr,
    open: Arc<Mutex<Vec<AbortHandle>>>,
    accept: AbortHandle,
}

impl Relay {
    async fn start(server: SocketAddr) -> Result<Self, Fault> {
        let listener = TcpListener::bind((server.ip(), 0)).await?;
        let address = listener.local_addr()?;
        let open: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let made = open.clone();
        let accept = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let connection = tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(server).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
                let mut open = made.lock().unwrap_or_else(PoisonError::into_inner);
                open.push(connection.abort_handle());
            }
        });
        Ok(Self {
            address,
            open,
            accept: accept.abort_handle(),
        })
    }

    /// Cuts all connections; how many there were.
    fn cut(&self) -> u64 {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = open.iter().filter(|connection| !connection.is_finished());
        let count = alive.count() as u64;
        for connection in open.drain(..) {
            connection.abort();
        }
        count
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accept.abort();
        self.cut();
    }
}
