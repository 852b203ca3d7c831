//! A notifier of RFC 6665 §4.2 with a truth to tell (RFC 4575), that can be told to misbehave.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use rollmark_core::header;
use rollmark_core::message::{Headers, Request, Response};

use super::dice::Dice;
use super::network::{End, Network};

/// Where it is reached; whatever is sent elsewhere is lost.
pub const ADDRESS: &str = "198.51.100.7";
/// Domain of its conferences.
pub const DOMAIN: &str = "example.org";
/// A place where nobody answers.
const NOWHERE: &str = "sip:focus@203.0.113.66";
const NAMESPACE: &str = "urn:ietf:params:xml:ns:conference-info";

/// How a user of the truth takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// In the conference.
    Connected,
    /// In it as well.
    OnHold,
    /// Not yet in it.
    DialingIn,
    /// No longer in it.
    Disconnected,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Connected,
        Self::OnHold,
        Self::DialingIn,
        Self::Disconnected,
    ];

    /// True for a user who is in the conference (RFC 4575 §5.7.2).
    #[must_use]
    pub fn is_present(self) -> bool {
        matches!(self, Self::Connected | Self::OnHold)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::OnHold => "on-hold",
            Self::DialingIn => "dialing-in",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Who takes part in a conference, by number.
pub type Truth = BTreeMap<u8, Part>;

/// The address of a user of the truth.
#[must_use]
pub fn entity(user: u8) -> String {
    format!("sip:user{user}@{DOMAIN}")
}

/// What it does wrong with every request from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Nothing.
    Good,
    /// Refuses with this status, and Retry-After if there is one.
    Refuses(u16, Option<u32>),
    /// Never answers.
    Silent,
    /// Accepts with 202, and then sends nothing.
    SilentAfterAccepting,
    /// Accepts and ends it at once, with these parameters of `terminated`.
    Ends(&'static str),
    /// Answers 423 and wants one second more each time.
    Brief,
    /// Challenges for another realm each time.
    Challenges,
    /// Finds every nonce stale.
    Stale,
    /// Redirects to another place each time.
    Redirects,
    /// Redirects to where the request came to.
    RedirectsToItself,
    /// Knows no option, or demands one.
    Options(u16),
    /// Grants this many seconds.
    Grants(u32),
    /// Sends versions with gaps after each full document.
    Gaps,
    /// Sends versions that go back.
    OldVersions,
    /// Sends this body.
    Body(&'static str),
    /// Sends a body of this type.
    Type(&'static str),
    /// Sends a body of this encoding.
    Encoded(&'static str),
    /// Sends this Subscription-State, or none.
    State(Option<&'static str>),
    /// Leaves Contact out.
    NoContact,
    /// Names a Contact where nobody is, or that is none.
    Contact(&'static str),
    /// Puts this Record-Route everywhere.
    RecordRoute(&'static str),
    /// Has no From tag in its NOTIFYs.
    NoTag,
    /// Sends this CSeq in its NOTIFYs.
    Cseq(&'static str),
    /// Has another To tag in its 2xx than in its NOTIFYs.
    OtherTag,
    /// Sends each NOTIFY from two forks.
    Forks,
    /// Sends this Event.
    Event(&'static str),
    /// Sends each NOTIFY forty times, each as a new one.
    Burst,
    /// Claims bodies longer than they are.
    CutOff,
}

/// A mood of each kind.
pub const MOODS: [Mood; 54] = [
    Mood::Refuses(403, None),
    Mood::Refuses(404, None),
    Mood::Refuses(408, None),
    Mood::Refuses(480, Some(0)),
    Mood::Refuses(481, None),
    Mood::Refuses(486, Some(3)),
    Mood::Refuses(489, None),
    Mood::Refuses(500, None),
    Mood::Refuses(503, Some(0)),
    Mood::Refuses(503, Some(30)),
    Mood::Refuses(600, Some(1)),
    Mood::Refuses(699, None),
    Mood::Silent,
    Mood::SilentAfterAccepting,
    Mood::Ends(";reason=deactivated"),
    Mood::Ends(";reason=deactivated;retry-after=3600"),
    Mood::Ends(";reason=probation;retry-after=0"),
    Mood::Ends(";reason=giveup"),
    Mood::Ends(";reason=timeout"),
    Mood::Ends(";reason=rejected"),
    Mood::Ends(";reason=noresource"),
    Mood::Ends(";reason=invariant"),
    Mood::Ends(";reason=xyz;retry-after=2"),
    Mood::Ends(""),
    Mood::Brief,
    Mood::Challenges,
    Mood::Stale,
    Mood::Redirects,
    Mood::RedirectsToItself,
    Mood::Options(420),
    Mood::Options(421),
    Mood::Grants(0),
    Mood::Grants(1),
    Mood::Grants(7),
    Mood::Gaps,
    Mood::OldVersions,
    Mood::Body("<"),
    Mood::Body("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
    Mood::Type("text/plain"),
    Mood::Encoded("gzip"),
    Mood::State(None),
    Mood::State(Some("odd;expires=x")),
    Mood::State(Some("active;expires=0")),
    Mood::NoContact,
    Mood::Contact("*"),
    Mood::Contact(NOWHERE),
    Mood::RecordRoute("<sip:\\;lr>, <tel:+1>, ,<sip:a"),
    Mood::NoTag,
    Mood::Cseq("2147483647 NOTIFY"),
    Mood::OtherTag,
    Mood::Forks,
    Mood::Event("presence"),
    Mood::Burst,
    Mood::CutOff,
];

/// How a notifier that behaves does things.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Sends the first NOTIFY before the response (RFC 6665 §4.1.2.4).
    pub early: bool,
    /// Accepts with this.
    pub status: u16,
    /// Longest life granted, in seconds.
    pub life: u32,
    /// Tells the life in Subscription-State.
    pub tells_life: bool,
    /// Sends partial documents for changes.
    pub partial: bool,
    /// Awaits the answer to a NOTIFY before it sends the next one.
    pub one_at_a_time: bool,
}

#[derive(Debug)]
struct Dialog {
    room: String,
    call_id: String,
    /// Headers of its NOTIFYs: From with our tag, To with the subscriber's.
    from: String,
    to: String,
    own_tag: String,
    their_tag: String,
    target: String,
    cseq: u32,
    version: u32,
    told: Truth,
    expires_at: Duration,
    awaited: Option<u64>,
    /// Something is to be told once the last NOTIFY is answered.
    due: bool,
    full: bool,
    ends: Option<&'static str>,
}

/// The notifier.
#[derive(Debug)]
pub struct Notifier {
    /// Who takes part in each conference, by its URI.
    pub rooms: BTreeMap<String, Truth>,
    /// What it does wrong.
    pub mood: Mood,
    /// How it does what it does right.
    pub manner: Manner,
    dialogs: Vec<Dialog>,
    number: u32,
    notifies: BTreeMap<u64, (String, String)>,
}

impl Notifier {
    /// A notifier of these conferences.
    #[must_use]
    pub fn new(manner: Manner, rooms: BTreeMap<String, Truth>) -> Self {
        Self {
            rooms,
            mood: Mood::Good,
            manner,
            dialogs: Vec::new(),
            number: 0,
            notifies: BTreeMap::new(),
        }
    }

    /// Subscriptions that it holds of a subscriber to a conference.
    #[must_use]
    pub fn live(&self, subscriber: &str, room: &str) -> usize {
        let of = |dialog: &&Dialog| {
            dialog.room == room && dialog.to.contains(subscriber) && dialog.ends.is_none()
        };
        self.dialogs.iter().filter(of).count()
    }

    /// Whether it holds a subscription with this Call-ID.
    #[must_use]
    pub fn holds(&self, call_id: &str) -> bool {
        self.dialogs.iter().any(|dialog| dialog.call_id == call_id)
    }

    /// When the next subscription expires.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.dialogs.iter().map(|dialog| dialog.expires_at).min()
    }

    /// Ends what has expired.
    pub fn expire(&mut self, now: Duration, network: &mut Network, dice: &mut Dice) {
        for at in (0..self.dialogs.len()).rev() {
            if self.dialogs[at].expires_at <= now {
                self.dialogs[at].expires_at = Duration::MAX;
                self.dialogs[at].ends = Some(";reason=timeout");
                self.tell(now, at, network, dice);
            }
        }
    }

    /// From now on it behaves: whatever there was is over, silently as after a crash, or with `deactivated`.
    pub fn restart(
        &mut self,
        now: Duration,
        silently: bool,
        network: &mut Network,
        dice: &mut Dice,
    ) {
        self.mood = Mood::Good;
        if silently {
            self.dialogs.clear();
            return;
        }
        for at in (0..self.dialogs.len()).rev() {
            self.dialogs[at].ends = Some(";reason=deactivated");
            self.dialogs[at].awaited = None;
            self.tell(now, at, network, dice);
        }
    }

    /// The truth of a conference changed.
    pub fn changed(&mut self, now: Duration, room: &str, network: &mut Network, dice: &mut Dice) {
        for at in (0..self.dialogs.len()).rev() {
            if self.dialogs[at].room == room {
                self.tell(now, at, network, dice);
            }
        }
    }

    /// A NOTIFY was answered, or not at all.
    pub fn answered(
        &mut self,
        now: Duration,
        branch: u64,
        status: Option<u16>,
        network: &mut Network,
        dice: &mut Dice,
    ) {
        let Some((call_id, own_tag)) = self.notifies.remove(&branch) else {
            return;
        };
        let this = |dialog: &Dialog| dialog.call_id == call_id && dialog.own_tag == own_tag;
        let Some(at) = self.dialogs.iter().position(this) else {
            return;
        };
        if self.dialogs[at].awaited == Some(branch) {
            self.dialogs[at].awaited = None;
        }
        // RFC 6665 §4.2.2: whoever does not know of it, or does not answer, has no subscription.
        if matches!(
            status,
            None | Some(404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
        ) {
            self.dialogs.remove(at);
            return;
        }
        if self.dialogs[at].due {
            self.tell(now, at, network, dice);
        }
    }

    /// A request came.
    pub fn receive(
        &mut self,
        now: Duration,
        branch: u64,
        request: &Request,
        network: &mut Network,
        dice: &mut Dice,
    ) {
        let get = |name| request.headers.get(name).unwrap_or_default();
        let mut answer = |response, network: &mut Network| {
            network.respond(now, End::Notifier, branch, response, dice);
        };
        if request.method != "SUBSCRIBE" || get("Event") != "conference" {
            answer(reply(request, 489, &[]), network);
            return;
        }
        let asked: u32 = header::delta_seconds(get("Expires")).unwrap_or(3600);
        self.number += 1;
        let number = self.number;
        let text;
        match self.mood {
            Mood::Silent => return,
            Mood::Refuses(status, retry_after) => {
                text = retry_after.unwrap_or(0).to_string();
                let headers = [("Retry-After", text.as_str())];
                let headers = if retry_after.is_some() {
                    &headers[..]
                } else {
                    &[]
                };
                answer(reply(request, status, headers), network);
                return;
            }
            Mood::Brief => {
                text = (asked + 1).to_string();
                answer(reply(request, 423, &[("Min-Expires", &text)]), network);
                return;
            }
            Mood::Challenges => {
                text = format!("Digest realm=\"{number}\", nonce=\"n\", qop=\"auth\"");
                answer(reply(request, 401, &[("WWW-Authenticate", &text)]), network);
                return;
            }
            Mood::Stale => {
                text = format!("Digest realm=\"r\", nonce=\"{number}\", stale=true");
                answer(
                    reply(request, 407, &[("Proxy-Authenticate", &text)]),
                    network,
                );
                return;
            }
            Mood::Redirects => {
                text = format!("<sip:room{number}@{DOMAIN}>;q=0.5, <sip:{number}@{DOMAIN}>");
                answer(reply(request, 302, &[("Contact", &text)]), network);
                return;
            }
            Mood::RedirectsToItself => {
                text = format!("<{}>", request.uri);
                answer(reply(request, 301, &[("Contact", &text)]), network);
                return;
            }
            Mood::Options(status) => {
                let headers = [("Unsupported", "eventlist"), ("Require", "eventlist")];
                answer(reply(request, status, &headers), network);
                return;
            }
            _ => {}
        }
        let their_tag = header::tag(get("From")).unwrap_or_default();
        let held = header::tag(get("To")).map(|tag| {
            self.dialogs.iter().position(|dialog| {
                dialog.call_id == get("Call-ID")
                    && dialog.own_tag == tag
                    && dialog.their_tag == their_tag
            })
        });
        let room = to_uri(get("To"));
        let at = match held {
            Some(Some(at)) => at,
            Some(None) => {
                answer(reply(request, 481, &[]), network);
                return;
            }
            None if !self.rooms.contains_key(&room) => {
                answer(reply(request, 404, &[]), network);
                return;
            }
            None => {
                let own_tag = format!("focus{number}");
                self.dialogs.push(Dialog {
                    from: format!("<{room}>;tag={own_tag}"),
                    to: get("From").to_string(),
                    room,
                    call_id: get("Call-ID").to_string(),
                    own_tag,
                    their_tag: their_tag.to_string(),
                    target: String::new(),
                    cseq: dice.below(1000),
                    version: 0,
                    told: Truth::new(),
                    expires_at: Duration::MAX,
                    awaited: None,
                    due: false,
                    full: true,
                    ends: None,
                });
                self.dialogs.len() - 1
            }
        };
        let contact = header::addresses(request.headers.all("Contact"));
        let life = match self.mood {
            Mood::Grants(life) => life,
            _ => asked.min(self.manner.life),
        };
        let dialog = &mut self.dialogs[at];
        if let Some(contact) = contact.into_iter().next() {
            dialog.target = contact.uri;
        }
        dialog.full = true;
        dialog.expires_at = now + Duration::from_secs(u64::from(life.max(1)));
        if asked == 0 {
            dialog.ends = Some(";reason=timeout");
        } else if let Mood::Ends(parameters) = self.mood {
            dialog.ends = Some(parameters);
        }
        let tag = match self.mood {
            Mood::OtherTag => "other",
            _ => dialog.own_tag.as_str(),
        };
        let mut response = reply(request, self.manner.status, &[]);
        response
            .headers
            .set("To", format!("<{}>;tag={tag}", dialog.room));
        response
            .headers
            .push("Expires", life.min(asked).to_string());
        self.address(&mut response.headers);
        if self.mood == Mood::SilentAfterAccepting {
            response.status = 202;
            network.respond(now, End::Notifier, branch, response, dice);
        } else if self.manner.early {
            self.tell(now, at, network, dice);
            network.respond(now, End::Notifier, branch, response, dice);
        } else {
            network.respond(now, End::Notifier, branch, response, dice);
            self.tell(now, at, network, dice);
        }
    }

    /// Contact and Record-Route.
    fn address(&self, headers: &mut Headers) {
        match self.mood {
            Mood::NoContact => {}
            Mood::Contact("*") => headers.push("Contact", "*"),
            Mood::Contact(uri) => headers.push("Contact", format!("<{uri}>")),
            _ => headers.push("Contact", format!("<sip:focus@{ADDRESS}:5070>;isfocus")),
        }
        if let Mood::RecordRoute(value) = self.mood {
            headers.push("Record-Route", value);
        }
    }

    /// Sends a NOTIFY in a dialog, or notes that one is due.
    fn tell(&mut self, now: Duration, at: usize, network: &mut Network, dice: &mut Dice) {
        if self.mood == Mood::SilentAfterAccepting {
            return;
        }
        if self.dialogs[at].awaited.is_some() && self.manner.one_at_a_time {
            self.dialogs[at].due = true;
            return;
        }
        let copies = if self.mood == Mood::Burst { 40 } else { 1 };
        for _ in 0..copies {
            let request = self.notify(now, at);
            let fork = (self.mood == Mood::Forks).then(|| {
                let mut fork = request.clone();
                let from = fork.headers.get("From").unwrap_or_default().to_string();
                fork.headers
                    .set("From", from.replace("tag=focus", "tag=fork"));
                fork
            });
            let branch = network.request(now, End::Notifier, request, dice);
            let dialog = &mut self.dialogs[at];
            dialog.awaited = Some(branch);
            let names = (dialog.call_id.clone(), dialog.own_tag.clone());
            self.notifies.insert(branch, names);
            if let Some(fork) = fork {
                network.request(now, End::Notifier, fork, dice);
            }
        }
        if self.dialogs[at].ends.is_some() {
            self.dialogs.remove(at);
        }
    }

    fn notify(&mut self, now: Duration, at: usize) -> Request {
        let dialog = &mut self.dialogs[at];
        let truth = self.rooms.get(&dialog.room).cloned().unwrap_or_default();
        dialog.cseq += 1;
        dialog.version += 1;
        dialog.due = false;
        let full = dialog.full || !self.manner.partial;
        let version = match self.mood {
            Mood::Gaps if !dialog.full => dialog.version + 7,
            Mood::OldVersions => 1,
            _ => dialog.version,
        };
        // A gap that is real: what it skips is never told.
        dialog.version = version;
        let body = match self.mood {
            Mood::Body(body) => body.to_string(),
            Mood::Gaps if !dialog.full => document(&dialog.room, version, &truth, Some(&truth)),
            _ => {
                let told = (!full).then_some(&dialog.told);
                document(&dialog.room, version, &truth, told)
            }
        };
        dialog.full = false;
        dialog.told = truth;
        let left = dialog.expires_at.saturating_sub(now).as_secs();
        let state = match (dialog.ends, self.mood) {
            (Some(parameters), _) => Some(format!("terminated{parameters}")),
            (None, Mood::State(state)) => state.map(ToString::to_string),
            (None, _) if self.manner.tells_life => Some(format!("active;expires={left}")),
            (None, _) => Some("active".into()),
        };
        let mut headers = Headers::new();
        let from = match self.mood {
            Mood::NoTag => format!("<{}>", dialog.room),
            _ => dialog.from.clone(),
        };
        headers.push("From", from);
        headers.push("To", &dialog.to);
        headers.push("Call-ID", &dialog.call_id);
        let cseq = match self.mood {
            Mood::Cseq(cseq) => cseq.to_string(),
            _ => format!("{} NOTIFY", dialog.cseq),
        };
        headers.push("CSeq", cseq);
        headers.push(
            "Event",
            match self.mood {
                Mood::Event(event) => event,
                _ => "conference",
            },
        );
        if let Some(state) = state {
            headers.push("Subscription-State", state);
        }
        let media = match self.mood {
            Mood::Type(media) => media,
            _ => "application/conference-info+xml",
        };
        headers.push("Content-Type", media);
        if let Mood::Encoded(encoding) = self.mood {
            headers.push("Content-Encoding", encoding);
        }
        let claimed = body.len() + usize::from(self.mood == Mood::CutOff);
        headers.push("Content-Length", claimed.to_string());
        let uri = dialog.target.clone();
        self.address(&mut headers);
        Request {
            method: "NOTIFY".into(),
            uri,
            headers,
            body: body.into_bytes(),
        }
    }
}

/// A document of the whole truth, or of what is new against what was told.
#[must_use]
pub fn document(room: &str, version: u32, truth: &Truth, told: Option<&Truth>) -> String {
    let state = if told.is_some() { "partial" } else { "full" };
    let mut users = String::new();
    for (user, part) in truth {
        if told.is_some_and(|told| told.get(user) == Some(part)) {
            continue;
        }
        let (entity, word) = (entity(*user), part.word());
        let _ = write!(
            users,
            "<user entity='{entity}'><endpoint entity='{entity};gr=1'><status>{word}</status></endpoint></user>"
        );
    }
    for gone in told.iter().flat_map(|told| told.keys()) {
        if !truth.contains_key(gone) {
            let _ = write!(users, "<user entity='{}' state='deleted'/>", entity(*gone));
        }
    }
    format!(
        "<conference-info xmlns='{NAMESPACE}' entity='{room}' state='{state}' version='{version}'>\
         <users state='{state}'>{users}</users></conference-info>"
    )
}

/// A response with what it copies from its request.
fn reply(request: &Request, status: u16, more: &[(&str, &str)]) -> Response {
    let mut headers = Headers::new();
    for name in ["From", "To", "Call-ID", "CSeq"] {
        headers.push(name, request.headers.get(name).unwrap_or_default());
    }
    for (name, value) in more {
        headers.push(*name, value);
    }
    Response {
        status,
        reason: String::new(),
        headers,
        body: Vec::new(),
    }
}

/// The URI in a To header.
fn to_uri(to: &str) -> String {
    let parsed = header::addresses([to].into_iter());
    parsed.into_iter().next().map_or(String::new(), |to| to.uri)
}
