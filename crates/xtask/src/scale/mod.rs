//! `cargo xtask scale`: many subscriptions in one process over one TCP connection of the ezk host (P11).

pub(crate) mod peer;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use cpu_time::ProcessTime;
use peer::{Peer, room};
use rollmark::core::subscription::{EndReason, Shown};
use rollmark::{Account, Conference, What};
use rollmark_ua::{Transport, UserAgent};

use crate::process;

/// What goes wrong around the measurement.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Subscriptions of one conference.
const ROOM: usize = 500;
/// Requests on their way at a time while subscriptions are set up and ended.
const WINDOW: usize = 200;
/// So many are set up as fast as it goes; the others at [`PACE`], or their refreshes would come as fast, too.
const UNPACED: usize = 10_000;
/// Subscriptions a second.
const PACE: usize = 2_000;
/// Longest wait for one event.
const PATIENCE: Duration = Duration::from_secs(60);
/// Life of a subscription for each of so many, at least [`LIFE_MIN`]: set-up is over before the first refresh.
const PER_SECOND: usize = 500;
/// Shortest life in seconds.
const LIFE_MIN: u32 = 6;

/// `cargo xtask scale`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many
    #[arg(long, default_value_t = 100_000)]
    subscriptions: usize,
    /// Seconds that each is granted; they are refreshed at half of that. By default long enough for setting all of them up
    #[arg(long)]
    life: Option<u32>,
}

/// Runs it and prints what came of it.
pub(crate) fn run(options: &Options) -> ExitCode {
    let runtime = process::runtime().map_err(Fault::from);
    process::ended(
        "scale",
        runtime.and_then(|runtime| runtime.block_on(measure(options))),
    )
}

async fn measure(options: &Options) -> Result<(), Fault> {
    let count = options.subscriptions.max(1);
    let life = (count / PER_SECOND) as u32;
    let life = options.life.unwrap_or(life).max(LIFE_MIN);
    let rooms = count.div_ceil(ROOM);
    let mut server = Peer::start(rooms, life)?;
    let mut account = Account::new("sip:alice@im.example");
    account.subscription.expires = life;
    let settings = rollmark_ua::Settings {
        server: Some(server.address.clone()),
        transport: Transport::Tcp,
        ca: None,
    };
    let phone = UserAgent::start(settings, account).await?;
    println!("{count} subscriptions of {life} s to {rooms} conferences over one TCP connection");
    let before = (process::resident(), process::allocated());

    let start = Instant::now();
    let mut held: Vec<Conference> = Vec::with_capacity(count);
    let mut waiting = 0;
    let mut first = None;
    let mut unpaced = None;
    for number in 0..count {
        if number >= UNPACED {
            let unpaced = *unpaced.get_or_insert_with(|| start.elapsed());
            let due =
                start + unpaced + Duration::from_secs(1) * (number - UNPACED) as u32 / PACE as u32;
            if due > Instant::now() + Duration::from_millis(5) {
                tokio::time::sleep_until(due.into()).await;
            }
        }
        let uri = room(number / ROOM);
        held.push(phone.conferences.subscribe(&uri).await?);
        if held.len() - waiting > WINDOW {
            wait_for_roster(&mut held[waiting]).await?;
            waiting += 1;
        }
        if number + 1 == ROOM && count >= 2 * ROOM {
            // What a NOTIFY takes while there are few.
            for conference in &mut held[waiting..] {
                wait_for_roster(conference).await?;
            }
            waiting = held.len();
            first = Some(notified(&mut server, 0..1, &mut held).await?);
        }
    }
    for conference in &mut held[waiting..] {
        wait_for_roster(conference).await?;
    }
    let set_up = Instant::now();
    match unpaced {
        Some(time) => {
            rate("set up", UNPACED, time);
            rate("  and at a pace", count - UNPACED, start.elapsed() - time);
        }
        None => rate("set up", count, start.elapsed()),
    }
    let (resident, allocated) = (
        process::resident().saturating_sub(before.0),
        process::allocated().saturating_sub(before.1),
    );
    println!(
        "memory             {:.1} kB resident, {:.1} kB allocated for each subscription, with the transactions of a moment",
        resident as f64 / count as f64 / 1e3,
        allocated as f64 / count as f64 / 1e3,
    );
    expect_held(&mut server, count)?;

    let from = usize::from(first.is_some());
    let took = notified(&mut server, from..rooms, &mut held).await?;
    rate("notified", took.notified, took.time);
    println!("CPU                {:.0} µs a NOTIFY", took.cpu * 1e6);
    if let Some(first) = first {
        println!(
            "                   {:.2} times what it takes with {ROOM} subscriptions",
            took.cpu / first.cpu
        );
    }

    refreshed(
        &mut server,
        count,
        set_up + Duration::from_secs(life.into()),
    )
    .await?;
    let lost = lost(&mut held).await;
    expect_held(&mut server, count)?;
    println!(
        "memory             {:.1} kB resident, {:.1} kB allocated for each subscription, at rest",
        process::resident().saturating_sub(before.0) as f64 / count as f64 / 1e3,
        process::allocated().saturating_sub(before.1) as f64 / count as f64 / 1e3,
    );

    let start = Instant::now();
    let mut leaving = VecDeque::new();
    for conference in held {
        conference.unsubscribe();
        leaving.push_back(conference);
        if leaving.len() > WINDOW
            && let Some(mut conference) = leaving.pop_front()
        {
            wait_for_end(&mut conference).await?;
        }
    }
    for mut conference in leaving {
        wait_for_end(&mut conference).await?;
    }
    rate("ended", count, start.elapsed());
    expect_held(&mut server, 0)?;
    if lost > 0 {
        return Err(format!("{lost} of {count} subscriptions were lost on the way").into());
    }
    println!("lost               none");
    Ok(())
}

fn rate(what: &str, count: usize, time: Duration) {
    let seconds = time.as_secs_f64();
    println!(
        "{what:18} {count} in {seconds:.1} s, {:.0} a second",
        count as f64 / seconds
    );
}

fn expect_held(server: &mut Peer, count: usize) -> Result<(), Fault> {
    let (held, _) = server.count()?;
    if held == count {
        Ok(())
    } else {
        Err(format!("the server holds {held} subscriptions, {count} are due").into())
    }
}

struct Notified {
    notified: usize,
    time: Duration,
    /// Seconds of CPU time of this process for each.
    cpu: f64,
}

/// Somebody joins each of these conferences, the next one when the last subscriber has heard of it.
async fn notified(
    server: &mut Peer,
    rooms: std::ops::Range<usize>,
    held: &mut [Conference],
) -> Result<Notified, Fault> {
    let (start, cpu) = (Instant::now(), ProcessTime::now());
    let mut notified = 0;
    for number in rooms {
        server.join(number, "carol")?;
        let end = held.len().min((number + 1) * ROOM);
        for conference in &mut held[number * ROOM..end] {
            wait_for(conference, |what| matches!(what, What::Joined(_))).await?;
            notified += 1;
        }
    }
    Ok(Notified {
        notified,
        time: start.elapsed(),
        cpu: cpu.elapsed().as_secs_f64() / notified.max(1) as f64,
    })
}

/// Waits until every subscription must have been refreshed or have run out, and counts how that goes. Of few, all set up at
/// once, none is left once each was refreshed.
async fn refreshed(server: &mut Peer, count: usize, until: Instant) -> Result<(), Fault> {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let (start, (_, before)) = (Instant::now(), server.count()?);
    let mut least = count;
    let (mut last, mut peak) = ((Instant::now(), before), 0.0f64);
    while Instant::now() < until {
        ticks.tick().await;
        let (held, accepted) = server.count()?;
        least = least.min(held);
        let time = last.0.elapsed().as_secs_f64();
        if time >= 1.0 {
            peak = peak.max((accepted - last.1) as f64 / time);
            last = (Instant::now(), accepted);
        }
        if count < UNPACED && accepted >= 2 * count as u64 {
            break;
        }
    }
    let (_, accepted) = server.count()?;
    let refreshes = accepted - count as u64;
    let mean = (accepted - before) as f64 / start.elapsed().as_secs_f64();
    println!(
        "refreshed          {refreshes} times, {mean:.0} a second, {peak:.0} in the busiest second"
    );
    if least < count {
        return Err(format!("the server held {least} of {count} subscriptions at one time").into());
    }
    if refreshes < count as u64 {
        return Err("not every subscription was refreshed".into());
    }
    Ok(())
}

/// How many conferences told anything but that all is well.
async fn lost(held: &mut [Conference]) -> usize {
    let mut lost = 0;
    for conference in held {
        let mut well = true;
        // What is there already comes without a wait.
        while let Ok(event) = tokio::time::timeout(Duration::ZERO, conference.next()).await {
            well &= match event.map(|event| event.what) {
                Some(What::State(state)) => state.shown == Shown::Active,
                Some(What::Ended { .. }) | None => {
                    lost += 1;
                    break;
                }
                Some(_) => true,
            };
        }
        lost += usize::from(!well);
    }
    lost
}

async fn wait_for_roster(conference: &mut Conference) -> Result<(), Fault> {
    wait_for(conference, |what| matches!(what, What::Roster(_))).await
}

async fn wait_for_end(conference: &mut Conference) -> Result<(), Fault> {
    wait_for(conference, |what| {
        let unsubscribed = EndReason::Unsubscribed;
        matches!(what, What::Ended { reason, status: None } if *reason == unsubscribed)
    })
    .await
}

async fn wait_for(conference: &mut Conference, is: impl Fn(&What) -> bool) -> Result<(), Fault> {
    loop {
        let event = tokio::time::timeout(PATIENCE, conference.next())
            .await
            .map_err(|_| "a conference fell silent")?
            .ok_or("a conference ended")?;
        if is(&event.what) {
            return Ok(());
        }
        if let What::Ended { reason, status } = event.what {
            return Err(format!("a conference ended: {} {status:?}", reason.as_str()).into());
        }
    }
}
