//! What must hold after every input, in a world and in the replay of its recording (RFC 6665 §4.1, SEC-18).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rollmark_core::engine::{Event, WatchId, What};
use rollmark_core::header;
use rollmark_core::host::{Action, Answer};
use rollmark_core::message::Request;
use rollmark_core::record::{Input, Returned, Step};

/// Requests of one subscriber for one conference in any minute, whatever its server does.
pub const MOST_PER_MINUTE: usize = 45;

const MINUTE: Duration = Duration::from_secs(60);

/// What an input brought about.
#[derive(Debug)]
pub struct Seen<'a> {
    /// When.
    pub now: Duration,
    /// The request that came, and its answer.
    pub answered: Option<(&'a Request, Option<&'a Answer>)>,
    /// What the host was asked to do.
    pub actions: &'a [Action],
    /// What the user was told.
    pub events: &'a [Event],
    /// When the engine wants to be woken.
    pub timeout: Option<Duration>,
}

impl<'a> Seen<'a> {
    /// A step of a replay.
    #[must_use]
    pub fn of(step: &'a Step<'a>, now: Duration) -> Self {
        let answered = match (step.input, &step.returned) {
            (Input::Request { request, .. }, Returned::Answer(answer)) => {
                Some((request, answer.as_ref()))
            }
            _ => None,
        };
        Self {
            now,
            answered,
            actions: &step.actions,
            events: &step.events,
            timeout: step.timeout,
        }
    }
}

/// Knows the rules, and who broke one.
#[derive(Debug)]
pub struct Monitor {
    most: usize,
    sent: BTreeMap<(String, String), VecDeque<Duration>>,
    /// Call-ID of the newest attempt by subscriber and conference.
    newest: BTreeMap<(String, String), String>,
    owners: BTreeMap<String, (String, String)>,
    branches: BTreeSet<u64>,
    ended: BTreeSet<WatchId>,
    /// Accounts are switched: an older dialog may still be seen off (SW-09).
    pub switches: bool,
    /// Requests in the worst minute so far.
    pub worst: usize,
}

impl Monitor {
    /// A monitor that allows so many requests in a minute.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            sent: BTreeMap::new(),
            newest: BTreeMap::new(),
            owners: BTreeMap::new(),
            branches: BTreeSet::new(),
            ended: BTreeSet::new(),
            switches: false,
            worst: 0,
        }
    }

    /// True once the end of this was told.
    #[must_use]
    pub fn has_ended(&self, watch: WatchId) -> bool {
        self.ended.contains(&watch)
    }

    /// Call-ID of the newest attempt of a subscriber at a conference.
    #[must_use]
    pub fn newest(&self, subscriber: &str, room: &str) -> Option<&str> {
        let key = (format!("<{subscriber}>"), format!("<{room}>"));
        self.newest.get(&key).map(String::as_str)
    }

    /// Checks what an input brought about.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub fn check(&mut self, seen: &Seen<'_>) -> Result<(), String> {
        if let Some(at) = seen.timeout
            && at < seen.now
        {
            return Err(format!("a timer in the past: {at:?} at {:?}", seen.now));
        }
        if let Some((request, answer)) = seen.answered {
            self.check_answer(request, answer)?;
        }
        for action in seen.actions {
            if let Action::Send {
                transaction,
                request,
                ..
            } = action
            {
                if !self.branches.insert(transaction.0) {
                    return Err(format!("{transaction:?} names two requests"));
                }
                self.check_request(seen.now, request)?;
            }
        }
        for Event { watch, what } in seen.events {
            if self.ended.contains(watch) {
                return Err(format!("something after the end of {watch:?}: {what:?}"));
            }
            if matches!(what, What::Ended { .. }) {
                self.ended.insert(*watch);
            }
        }
        Ok(())
    }

    fn check_request(&mut self, now: Duration, request: &Request) -> Result<(), String> {
        let get = |name| request.headers.get(name).unwrap_or_default().to_string();
        for name in [
            "From",
            "To",
            "Call-ID",
            "CSeq",
            "Event",
            "Expires",
            "Contact",
            "Max-Forwards",
        ] {
            if request.headers.all(name).count() != 1 {
                return Err(format!("a SUBSCRIBE without one {name}: {request:?}"));
            }
        }
        let uri = |value: String| value.split(";tag=").next().unwrap_or_default().to_string();
        let key = (uri(get("From")), uri(get("To")));
        let call_id = get("Call-ID");
        if header::tag(&get("To")).is_none() {
            self.newest.insert(key.clone(), call_id.clone());
        } else if self.newest.get(&key) != Some(&call_id)
            && !(self.switches && get("Expires") == "0")
        {
            return Err(format!(
                "two dialogs at once: a request in an older one: {request:?}"
            ));
        }
        self.owners.insert(call_id, key.clone());
        let sent = self.sent.entry(key).or_default();
        sent.push_back(now);
        while sent.front().is_some_and(|at| *at + MINUTE <= now) {
            sent.pop_front();
        }
        self.worst = self.worst.max(sent.len());
        if sent.len() > self.most {
            return Err(format!("{} requests within a minute", sent.len()));
        }
        Ok(())
    }

    fn check_answer(&self, request: &Request, answer: Option<&Answer>) -> Result<(), String> {
        let Some(answer) = answer else {
            // The host answers 481.
            return Ok(());
        };
        if !(200..700).contains(&answer.status) {
            return Err(format!("a NOTIFY answered with {}", answer.status));
        }
        for name in ["Event", "Subscription-State"] {
            if answer.headers.get(name).is_some() {
                return Err(format!("{name} in an answer"));
            }
        }
        let call_id = request.headers.get("Call-ID").unwrap_or_default();
        let key = self.owners.get(call_id);
        let newest = key.and_then(|key| self.newest.get(key));
        if answer.status < 300 && newest.map(String::as_str) != Some(call_id) && !self.switches {
            return Err(format!("two dialogs at once: a NOTIFY taken in {call_id}"));
        }
        Ok(())
    }
}
