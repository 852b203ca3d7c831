//! What SIP messages are to the subscriptions that they belong to, and what is odd about them (RFC 6665, RFC 4575).

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use rollmark::What;
use rollmark::core::blocklist::BlockLists;
use rollmark::core::conference::{DeviationCode, Need, Outcome, Settings};
use rollmark::core::header::{self, Event, MediaType, SubscriptionState, Substate};
use rollmark::core::message::Headers;
use rollmark::core::roster::Roster;
use rollmark::core::uri::IdentityRules;

use super::clause;
use super::message::{Message, Start};
use super::story::Entry;

/// Subscriptions that are followed at a time; the oldest is forgotten for one more.
pub(super) const MAX_SUBSCRIPTIONS: usize = 256;
/// Octets of one roster, at most, and of a name that is kept.
const MAX_ROSTER: usize = 8 * 1024 * 1024;
const MAX_NAME: usize = 4096;
/// Messages of late by which one that comes again is known.
const MAX_RECENT: usize = 8192;
/// The event package.
const CONFERENCE: &str = "conference";
/// Life that is meant where nothing is said (SUB-04).
const DEFAULT_LIFE: u32 = 3600;

/// The last SUBSCRIBE of a subscription.
struct Asked {
    number: u32,
    expires: Option<u32>,
    answered: bool,
    /// A NOTIFY came before the answer.
    early: bool,
    in_dialog: bool,
}

/// One subscription, by its Call-ID.
#[derive(Default)]
struct Subscription {
    /// What is subscribed to.
    target: String,
    package: String,
    event: String,
    asked: Option<Asked>,
    /// Its NOTIFYs: the last number.
    notified: Option<u32>,
    /// When it ends unless it is refreshed.
    expires: Option<Duration>,
    terminated: bool,
    roster: Option<Roster>,
}

/// Follows them all.
pub(super) struct Follower {
    subscriptions: HashMap<String, Subscription>,
    order: VecDeque<String>,
    recent: HashSet<u64>,
    /// Where messages were first seen, by what they are: sums of both, as texts may be long.
    legs: HashMap<u64, u64>,
    leg_order: VecDeque<u64>,
    recent_order: VecDeque<u64>,
    /// Documents are read here; else somebody else does.
    reads: bool,
    lists: BlockLists,
}

impl Follower {
    pub(super) fn new(reads: bool) -> Self {
        Self {
            subscriptions: HashMap::new(),
            order: VecDeque::new(),
            recent: HashSet::new(),
            legs: HashMap::new(),
            leg_order: VecDeque::new(),
            recent_order: VecDeque::new(),
            reads,
            lists: BlockLists::new(IdentityRules::default()),
        }
    }

    /// What this message is, who sent it by `way`, at this time.
    pub(super) fn take(&mut self, at: Duration, way: String, message: &Message) -> Entry {
        let mut entry = Entry {
            at,
            what: first_line(&message.start),
            ..Entry::default()
        };
        let again = self.was_there(&way, message);
        let passed_on = self.is_passed_on(&way, message);
        entry.way = way;
        if again {
            entry.odd.push("it was sent before: a retransmission, whose answer was lost or late [RFC 3261 §17.1]".into());
        }
        if message.is_cut {
            entry.odd.push("the message is cut short, or larger than is read: Content-Length says more [RFC 3261 §18.3]".into());
        }
        common(&message.headers, &mut entry);
        let cseq = message.headers.get("CSeq").and_then(header::cseq);
        let call_id = short(message.headers.get("Call-ID").unwrap_or_default());
        if passed_on {
            entry.conference = self.conference(&call_id);
            entry.is = "the message before on its next way, as a proxy passes it on".into();
            entry.clauses.push("RFC 3261 §16.6");
            return entry;
        }
        match &message.start {
            Start::Request { method, uri } => match method.as_str() {
                "SUBSCRIBE" => self.subscribe(&call_id, cseq, uri, message, again, &mut entry),
                "NOTIFY" => self.notify(&call_id, cseq, message, again, &mut entry),
                other => {
                    let (is, clause) = clause::method(other);
                    entry.is = is.into();
                    entry.clauses.push(clause);
                }
            },
            Start::Response { status, .. } => match cseq {
                Some((number, "SUBSCRIBE")) => {
                    self.answered(&call_id, number, *status, message, &mut entry);
                }
                Some((_, "NOTIFY")) => {
                    entry.conference = self.conference(&call_id);
                    entry.is =
                        format!("the answer to a NOTIFY: {}", clause::notify_status(*status));
                    entry.clauses.push("RFC 6665 §4.1.3");
                    if *status >= 300 {
                        entry
                            .odd
                            .push(format!("the subscriber did not take the NOTIFY ({status})"));
                    }
                }
                Some((_, method)) => {
                    entry.is = format!("an answer to {method}");
                    entry.clauses.push("RFC 3261 §8.1.3");
                }
                None => entry.is = "an answer".into(),
            },
        }
        entry
    }

    fn was_there(&mut self, way: &str, message: &Message) -> bool {
        let headers = &message.headers;
        let part = |name| headers.get(name).unwrap_or_default();
        let start = first_line(&message.start);
        let tag = headers.get("To").and_then(header::tag).unwrap_or_default();
        let key = [way, &start, part("Via"), part("CSeq"), part("Call-ID"), tag].join("\n");
        let key = sum(&key);
        if !self.recent.insert(key) {
            // A message without Via tells nothing of that.
            return headers.get("Via").is_some();
        }
        self.recent_order.push_back(key);
        if self.recent_order.len() > MAX_RECENT
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        false
    }

    /// The same message was there between others.
    fn is_passed_on(&mut self, way: &str, message: &Message) -> bool {
        let part = |name| message.headers.get(name).unwrap_or_default();
        if part("CSeq").is_empty() || part("Call-ID").is_empty() {
            return false;
        }
        let kind = match &message.start {
            Start::Request { method, .. } => method.clone(),
            Start::Response { status, .. } => status.to_string(),
        };
        let tags = ["From", "To"].map(|name| header::tag(part(name)).unwrap_or_default());
        let key = [&kind, part("CSeq"), part("Call-ID"), tags[0], tags[1]].join("\n");
        let (key, way) = (sum(&key), sum(way));
        if let Some(first) = self.legs.get(&key) {
            return *first != way;
        }
        self.legs.insert(key, way);
        self.leg_order.push_back(key);
        if self.leg_order.len() > MAX_RECENT
            && let Some(oldest) = self.leg_order.pop_front()
        {
            self.legs.remove(&oldest);
        }
        false
    }

    fn conference(&self, call_id: &str) -> Option<String> {
        let subscription = self.subscriptions.get(call_id)?;
        (subscription.package == CONFERENCE).then(|| subscription.target.clone())
    }

    fn begin(&mut self, call_id: &str, target: String, event: &str) {
        if self.order.len() == MAX_SUBSCRIPTIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.subscriptions.remove(&oldest);
        }
        self.order.push_back(call_id.to_owned());
        let (target, event) = (short(&target), &*short(event));
        let package = Event::parse(event).map_or("", |event| event.package);
        self.subscriptions.insert(
            call_id.to_owned(),
            Subscription {
                target,
                package: package.to_owned(),
                event: event.to_owned(),
                ..Subscription::default()
            },
        );
    }

    fn subscribe(
        &mut self,
        call_id: &str,
        cseq: Option<(u32, &str)>,
        uri: &str,
        message: &Message,
        again: bool,
        entry: &mut Entry,
    ) {
        let headers = &message.headers;
        let event = headers.get("Event").unwrap_or_default();
        let expires = headers.get("Expires").and_then(header::delta_seconds);
        let in_dialog = headers.get("To").and_then(header::tag).is_some();
        let known = self.subscriptions.contains_key(call_id);
        if !known {
            let target = if in_dialog {
                to_of(headers)
            } else {
                uri.to_owned()
            };
            self.begin(call_id, target, event);
        }
        entry.conference = self.conference(call_id);
        let Some(subscription) = self.subscriptions.get_mut(call_id) else {
            return;
        };
        let life = expires.map_or_else(|| "no Expires".to_owned(), |s| format!("{s} s"));
        let (is, clauses): (String, &[&'static str]) = match (in_dialog, expires) {
            (false, Some(0)) => (
                format!(
                    "asks once for the state of {}, without a subscription that lasts",
                    subscription.target
                ),
                &["RFC 6665 §4.4.3", "SUB-69"],
            ),
            (false, _) if known => (
                format!("the first SUBSCRIBE once more, as the answer asked for ({life})"),
                &["RFC 3261 §8.1.3.5", "SUB-12"],
            ),
            (false, _) => (
                format!(
                    "subscribes to {} (package {}), for {life}",
                    subscription.target, subscription.package
                ),
                clause::subscribe(&subscription.package),
            ),
            (true, Some(0)) => (
                "ends the subscription; a last NOTIFY is due".to_owned(),
                &["RFC 6665 §4.1.2.3", "SUB-66"],
            ),
            (true, _) => (
                format!("refreshes the subscription, for {life}: the whole state is told anew"),
                &["RFC 6665 §4.1.2.2", "SUB-47", "SUB-70"],
            ),
        };
        entry.is = is;
        entry.clauses.extend(clauses);
        if headers.get("Event").is_none() {
            entry
                .odd
                .push("it has no Event, which it must have [RFC 6665 §4.1.2.1, SUB-01]".into());
        }
        if headers.get("Contact").is_none() {
            entry.odd.push(
                "it has no Contact, so no NOTIFY can find back [RFC 3261 §8.1.1.8, SUB-09]".into(),
            );
        }
        if expires.is_none() {
            entry
                .odd
                .push("it has no Expires; 3600 is meant [RFC 4575 §3.3, SUB-04]".into());
        }
        if in_dialog && !known {
            entry
                .odd
                .push("its subscription began before the capture".into());
        }
        if in_dialog && subscription.terminated {
            entry
                .odd
                .push("the subscription had ended already; 481 is due [RFC 6665 §4.1.2.2]".into());
        }
        if let (Some((number, _)), Some(before)) =
            (cseq, subscription.asked.as_ref().map(|asked| asked.number))
            && number <= before
            && !again
        {
            entry.odd.push(format!(
                "its CSeq {number} is not above {before} [RFC 3261 §12.2.1.1]"
            ));
        }
        if let Some((number, _)) = cseq
            && !again
        {
            subscription.asked = Some(Asked {
                number,
                expires,
                answered: false,
                early: false,
                in_dialog,
            });
            if !in_dialog && known {
                subscription.terminated = false;
            }
        }
    }

    fn answered(
        &mut self,
        call_id: &str,
        number: u32,
        status: u16,
        message: &Message,
        entry: &mut Entry,
    ) {
        let headers = &message.headers;
        entry.conference = self.conference(call_id);
        let (is, clause) = clause::subscribe_status(status);
        entry.is = format!("the answer to a SUBSCRIBE: {is}");
        entry.clauses.extend(clause);
        let at = entry.at;
        let Some(subscription) = self.subscriptions.get_mut(call_id) else {
            entry
                .odd
                .push("the SUBSCRIBE that it answers is not in the trace".into());
            return;
        };
        let Some(Asked {
            number: asked,
            expires: wanted,
            answered,
            in_dialog,
            early: _,
        }) = &mut subscription.asked
        else {
            return;
        };
        if *asked != number {
            entry.odd.push(format!(
                "it answers CSeq {number}, the last SUBSCRIBE was {asked} [RFC 3261 §17.1.3]"
            ));
            return;
        }
        if status >= 200 {
            *answered = true;
        }
        if status / 100 == 2 && *in_dialog {
            entry.is = "the answer to a SUBSCRIBE: accepted".into();
        }
        match status {
            200..300 => {
                let granted = headers.get("Expires").and_then(header::delta_seconds);
                match (granted, *wanted) {
                    (None, _) => entry.odd.push("it has no Expires, which it must have [RFC 6665 §4.2.1.1]".into()),
                    (Some(granted), Some(wanted)) if granted > wanted => entry.odd.push(format!(
                        "it grants {granted} s, more than the {wanted} s asked for [RFC 6665 §4.2.1.1, SUB-45]"
                    )),
                    _ => {}
                }
                if headers.get("Contact").is_none() {
                    entry.odd.push(
                        "it has no Contact, which it must have [RFC 3261 §12.1.1, OMA-12]".into(),
                    );
                }
                let life = granted.or(*wanted).unwrap_or(DEFAULT_LIFE);
                if life > 0 {
                    subscription.expires =
                        Some(at.saturating_add(Duration::from_secs(life.into())));
                }
            }
            423 if headers.get("Min-Expires").is_none() => {
                entry.odd.push(
                    "it has no Min-Expires, so nobody can do better [RFC 3261 §21.4.17, SUB-10]"
                        .into(),
                );
            }
            300.. if subscription.notified.is_some() && ends_refresh(status) => {
                subscription.terminated = true;
            }
            _ => {}
        }
        if status >= 300 && !matches!(status, 401 | 407) {
            entry.odd.push(format!(
                "it is refused: {status} {}",
                phrase(&message.start)
            ));
        }
    }

    fn notify(
        &mut self,
        call_id: &str,
        cseq: Option<(u32, &str)>,
        message: &Message,
        again: bool,
        entry: &mut Entry,
    ) {
        let headers = &message.headers;
        let event = headers.get("Event").unwrap_or_default();
        let known = self.subscriptions.contains_key(call_id);
        if !known {
            let from = headers.get("From").and_then(header::Address::parse);
            self.begin(
                call_id,
                from.map(|from| from.uri).unwrap_or_default(),
                event,
            );
            entry.odd.push("it belongs to no SUBSCRIBE of this trace; a subscriber that does not know it answers 481 [RFC 6665 §4.1.3, SUB-27]".into());
        }
        entry.conference = self.conference(call_id);
        let (reads, at) = (self.reads, entry.at);
        let Some(subscription) = self.subscriptions.get_mut(call_id) else {
            return;
        };
        let state = headers
            .get("Subscription-State")
            .and_then(SubscriptionState::parse);
        entry.clauses.push("RFC 6665 §4.1.3");
        entry.is = match &state {
            Some(state) => notified(state, &subscription.package, entry),
            None => {
                entry.odd.push("it has no Subscription-State, which it must have: 400 is due [RFC 6665 §4.1.3, SUB-29]".into());
                "a notification that does not say how the subscription stands".into()
            }
        };
        let own = Event::parse(&subscription.event);
        let is_same =
            own.is_some_and(|own| Event::parse(event).is_some_and(|event| own.matches(&event)));
        if known && !is_same {
            entry.odd.push(format!(
                "its Event {event:?} is not that of the SUBSCRIBE, {:?} [RFC 6665 §8.2.1, SUB-23, SUB-28]",
                subscription.event
            ));
        }
        if headers.get("Contact").is_none() {
            entry
                .odd
                .push("it has no Contact, which it must have [RFC 3261 §12.1.2, SUB-24]".into());
        }
        if let Some(asked) = &mut subscription.asked
            && !asked.answered
            && !std::mem::replace(&mut asked.early, true)
        {
            entry.odd.push("it comes before the answer to the SUBSCRIBE, as it may [RFC 6665 §4.1.2.4, SUB-21]".into());
        }
        if subscription.terminated && !again {
            entry.odd.push(
                "the subscription had ended already; 481 is due [RFC 6665 §4.1.3, SUB-27]".into(),
            );
        }
        if let Some(expires) = subscription.expires
            && at > expires
            && !subscription.terminated
        {
            let late = (at - expires).as_secs_f64();
            entry.odd.push(format!("the subscription expired {late:.1} s before, unless a refresh is missing here [RFC 6665 §4.4.1]"));
        }
        let mut is_new = !again && state.is_some() && is_same;
        match (cseq, subscription.notified) {
            (None, _) => entry
                .odd
                .push("it has no readable CSeq: 400 is due [RFC 3261 §8.1.1.5]".into()),
            (Some((number, _)), Some(before)) if number < before => {
                is_new = false;
                entry.odd.push(format!("its CSeq {number} is below {before}: it came late, and 500 is due [RFC 3261 §12.2.2, SUB-30]"));
            }
            (Some((number, _)), Some(before)) if number == before && !again => {
                is_new = false;
                entry.odd.push(format!("its CSeq {number} was there: the same NOTIFY once more, taken once [RFC 3261 §12.2.2, SUB-31]"));
            }
            (Some((number, _)), _) => subscription.notified = Some(number),
        }
        if let Some(state) = &state {
            subscription.terminated |= state.state == Substate::Terminated;
            if let Some(seconds) = state.expires {
                subscription.expires = Some(at.saturating_add(Duration::from_secs(seconds.into())));
            }
        }
        let is_conference = subscription.package == CONFERENCE;
        if is_conference && !message.body.is_empty() {
            entry.clauses.push("RFC 4575 §4");
        }
        if !reads || !is_new || !is_conference {
            return;
        }
        let target = subscription.target.clone();
        let roster = subscription.roster.get_or_insert_with(|| {
            let mut settings = Settings::default();
            settings.limits.store = MAX_ROSTER;
            let mut roster = Roster::new(settings, Some(&target));
            roster.begin_subscription();
            roster
        });
        if message.body.is_empty() {
            return;
        }
        let kind = headers.get("Content-Type").and_then(MediaType::parse);
        let wanted = |media: &MediaType| {
            media.kind == "application" && media.subtype == "conference-info+xml"
        };
        let found = kind.map(|kind| header::multipart::documents(kind, &message.body, &wanted));
        match found.filter(|found| !found.is_empty()) {
            Some(found) => {
                for (_, document) in found {
                    read(roster, at, document, &self.lists, entry);
                }
            }
            None => entry.odd.push(format!(
                "its body is {:?}, not application/conference-info+xml: 415 is due [RFC 6665 §4.1.3, SUB-34]",
                headers.get("Content-Type").unwrap_or_default()
            )),
        }
    }
}

/// Gives a document to the roster.
fn read(roster: &mut Roster, at: Duration, document: &[u8], lists: &BlockLists, entry: &mut Entry) {
    let news = roster.apply(at, document, lists);
    match news.outcome {
        Outcome::Unchanged => entry.made.push("the whole state, as it is known".into()),
        Outcome::Discarded => entry
            .made
            .push("the document is not applied: it does not follow on what is held".into()),
        Outcome::Refused(_) => entry
            .made
            .push("nothing of the document can be used; the roster stays".into()),
        Outcome::Ended => entry.made.push("the conference is over".into()),
        Outcome::Ignored => entry
            .made
            .push("a document after the end of the conference".into()),
        _ => {}
    }
    for what in &news.events {
        if !matches!(what, What::Deviation { .. }) {
            entry.made.extend(crate::text::body(what));
        }
    }
    if roster.full_state() == Some(Need::Needed) {
        entry.made.push("something is missing: the whole state is to be asked for by a refresh (RFC 4575 §4.6, SUB-70)".into());
    }
    for deviation in &news.deviations {
        entry
            .odd
            .push(deviation_line(deviation.code, &deviation.detail));
    }
}

/// A deviation, with the clause behind it.
pub(super) fn deviation_line(code: DeviationCode, detail: &str) -> String {
    let clause = clause::deviation(code);
    format!(
        "{}: {} [{clause}]",
        code.as_str(),
        crate::text::safe(detail)
    )
}

fn notified(state: &SubscriptionState, package: &str, entry: &mut Entry) -> String {
    match &state.state {
        Substate::Active => {
            format!("tells the state of the {package} package; the subscription is active")
        }
        Substate::Pending => {
            entry.clauses.push("SUB-54");
            "the notifier has not decided yet (pending)".into()
        }
        Substate::Terminated => {
            entry.clauses.extend(["RFC 6665 §4.4.1", "SUB-55"]);
            let reason = state.reason.as_ref().map(clause::reason);
            format!(
                "the last notification: {}",
                reason.unwrap_or("no reason is given")
            )
        }
        Substate::Other(other) => {
            entry.odd.push(format!(
                "no standard knows the state {:?} [RFC 6665 §4.1.3, SUB-65]",
                crate::text::safe(other)
            ));
            "a notification".into()
        }
    }
}

/// What stands for a text that is only to be known again.
fn sum(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// At most [`MAX_NAME`] octets of it.
fn short(text: &str) -> String {
    let end = (0..=MAX_NAME.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

/// What every message must have.
fn common(headers: &Headers, entry: &mut Entry) {
    let missing: Vec<&str> = ["Via", "From", "To", "Call-ID", "CSeq"]
        .into_iter()
        .filter(|name| headers.get(name).is_none())
        .collect();
    if !missing.is_empty() {
        entry.odd.push(format!(
            "it has no {}, which every message must have [RFC 3261 §8.1.1]",
            missing.join(", ")
        ));
    }
}

fn to_of(headers: &Headers) -> String {
    let to = headers.get("To").and_then(header::Address::parse);
    to.map(|to| to.uri).unwrap_or_default()
}

fn ends_refresh(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}

fn phrase(start: &Start) -> String {
    match start {
        Start::Response { reason, .. } => crate::text::safe(reason),
        Start::Request { .. } => String::new(),
    }
}

fn first_line(start: &Start) -> String {
    match start {
        Start::Request { method, uri } => format!("{method} {uri}"),
        Start::Response { status, reason } => format!("{status} {reason}"),
    }
}
