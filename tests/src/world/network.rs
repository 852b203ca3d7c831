//! What is on its way between host and notifier, and the transactions at both ends (RFC 3261 §17).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rollmark_core::message::{Request, Response};

use super::dice::Dice;

/// T1 of both ends (RFC 3261 §17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// Longest pause between two repetitions of a request.
const T2: Duration = Duration::from_secs(4);
/// Timer F.
pub const TIMER_F: Duration = Duration::from_secs(32);
/// Server transactions that are remembered for repetitions.
const REMEMBERED: usize = 64;

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The user agent that is the engine's host.
    Host,
    /// The notifier.
    Notifier,
}

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Messages lost, in per cent.
    pub loss: u32,
    /// Messages doubled, in per cent.
    pub doubles: u32,
    /// Longest way; each message takes its own time, so that later ones overtake.
    pub delay: Duration,
    /// A connection: nothing is lost, doubled, overtaken or repeated.
    pub reliable: bool,
}

impl Weather {
    /// Nothing goes wrong.
    pub const FAIR: Self = Self {
        loss: 0,
        doubles: 0,
        delay: Duration::from_millis(20),
        reliable: false,
    };
}

/// A message on the wire; the branch names its transaction.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

#[derive(Debug)]
struct Packet {
    to: End,
    branch: u64,
    message: Message,
}

/// A request that awaits its response.
#[derive(Debug)]
struct Client {
    from: End,
    request: Request,
    repeat_at: Option<Duration>,
    pause: Duration,
    ends_at: Duration,
}

/// What an end is told.
#[derive(Debug)]
pub enum Arrival {
    /// A request that was not there before.
    Request(End, u64, Request),
    /// The final response to a request of this end.
    Response(End, u64, Response),
    /// Timer F: there will be none.
    NoAnswer(End, u64),
}

/// The network with the transactions at its ends.
#[derive(Debug)]
pub struct Network {
    /// How bad it is.
    pub weather: Weather,
    /// The host's transaction layer takes repetitions away. False: the engine sees them.
    pub host_absorbs: bool,
    packets: BTreeMap<(Duration, u64), Packet>,
    clients: BTreeMap<u64, Client>,
    /// Responses of server transactions, for repetitions; none while there is none.
    servers: BTreeMap<(End, u64), Option<Response>>,
    order: VecDeque<(End, u64)>,
    number: u64,
    last: BTreeMap<End, Duration>,
}

impl Network {
    /// A network without traffic.
    #[must_use]
    pub fn new(weather: Weather, host_absorbs: bool) -> Self {
        Self {
            weather,
            host_absorbs,
            packets: BTreeMap::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            order: VecDeque::new(),
            number: 0,
            last: BTreeMap::new(),
        }
    }

    /// Starts a client transaction.
    pub fn request(&mut self, now: Duration, from: End, request: Request, dice: &mut Dice) -> u64 {
        self.number += 1;
        let branch = self.number;
        let repeat_at = (!self.weather.reliable).then_some(now + T1);
        self.clients.insert(
            branch,
            Client {
                from,
                request: request.clone(),
                repeat_at,
                pause: T1,
                ends_at: now + TIMER_F,
            },
        );
        self.put(now, other(from), branch, Message::Request(request), dice);
        branch
    }

    /// Starts a client transaction whose request goes where nobody answers.
    pub fn request_to_nowhere(&mut self, now: Duration, from: End, request: Request) -> u64 {
        self.number += 1;
        let ends_at = now + TIMER_F;
        self.clients.insert(
            self.number,
            Client {
                from,
                request,
                repeat_at: None,
                pause: T1,
                ends_at,
            },
        );
        self.number
    }

    /// Answers a request: once, and again for each of its repetitions.
    pub fn respond(
        &mut self,
        now: Duration,
        from: End,
        branch: u64,
        response: Response,
        dice: &mut Dice,
    ) {
        if let Some(held) = self.servers.get_mut(&(from, branch)) {
            *held = Some(response.clone());
        }
        self.put(now, other(from), branch, Message::Response(response), dice);
    }

    /// Requests of this end that were delivered and not answered.
    #[must_use]
    pub fn unanswered(&self, end: End) -> usize {
        let open = |((at, _), held): (&(End, u64), &Option<Response>)| *at == end && held.is_none();
        self.servers.iter().filter(|held| open(*held)).count()
    }

    fn put(&mut self, now: Duration, to: End, branch: u64, message: Message, dice: &mut Dice) {
        let weather = self.weather;
        if weather.reliable {
            let last = self.last.get(&to).copied().unwrap_or_default();
            let at = (now + weather.delay / 2).max(last);
            self.last.insert(to, at);
            self.number += 1;
            let packet = Packet {
                to,
                branch,
                message,
            };
            self.packets.insert((at, self.number), packet);
            return;
        }
        let copies = 1 + u32::from(dice.percent(weather.doubles));
        for _ in 0..copies {
            if dice.percent(weather.loss) {
                continue;
            }
            self.number += 1;
            let at = now + dice.up_to(weather.delay);
            let packet = Packet {
                to,
                branch,
                message: message.clone(),
            };
            self.packets.insert((at, self.number), packet);
        }
    }

    /// When something happens next.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let packet = self.packets.keys().next().map(|(at, _)| *at);
        let timers = self.clients.values().map(|client| {
            client
                .repeat_at
                .map_or(client.ends_at, |at| at.min(client.ends_at))
        });
        packet.into_iter().chain(timers).min()
    }

    /// Does one thing that is due; none when nothing is.
    pub fn step(&mut self, now: Duration, dice: &mut Dice) -> Option<Vec<Arrival>> {
        if let Some(entry) = self.packets.first_entry()
            && entry.key().0 <= now
        {
            let packet = entry.remove();
            return Some(self.arrive(now, packet, dice).into_iter().collect());
        }
        let due =
            |client: &Client| client.ends_at <= now || client.repeat_at.is_some_and(|at| at <= now);
        let branch = *self.clients.iter().find(|(_, client)| due(client))?.0;
        let client = self.clients.get_mut(&branch)?;
        let from = client.from;
        if client.ends_at <= now {
            self.clients.remove(&branch);
            return Some(vec![Arrival::NoAnswer(from, branch)]);
        }
        client.pause = (client.pause * 2).min(T2);
        client.repeat_at = Some(now + client.pause);
        let request = client.request.clone();
        self.put(now, other(from), branch, Message::Request(request), dice);
        Some(Vec::new())
    }

    fn arrive(&mut self, now: Duration, packet: Packet, dice: &mut Dice) -> Option<Arrival> {
        let Packet {
            to,
            branch,
            message,
        } = packet;
        match message {
            Message::Request(request) => {
                match self.servers.get(&(to, branch)) {
                    Some(Some(response)) if to == End::Notifier || self.host_absorbs => {
                        let response = response.clone();
                        self.put(now, other(to), branch, Message::Response(response), dice);
                        return None;
                    }
                    Some(None) => return None,
                    _ => {}
                }
                if self.servers.insert((to, branch), None).is_none() {
                    self.order.push_back((to, branch));
                    if self.order.len() > REMEMBERED
                        && let Some(oldest) = self.order.pop_front()
                    {
                        self.servers.remove(&oldest);
                    }
                }
                Some(Arrival::Request(to, branch, request))
            }
            Message::Response(response) => {
                let client = self.clients.remove(&branch)?;
                Some(Arrival::Response(client.from, branch, response))
            }
        }
    }

    /// Connections broke: what was on its way is lost, and whoever awaits a response by one gets none.
    pub fn break_off(&mut self) {
        self.packets.clear();
    }
}

fn other(end: End) -> End {
    match end {
        End::Host => End::Notifier,
        End::Notifier => End::Host,
    }
}
