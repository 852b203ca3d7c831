//! IM sessions of the user agent: it calls a conference or is called by one, keeps the session up, and hangs up (RFC 3261 §13…15,
//! RFC 4028, RFC 4579 §3, RFC 4975 §8). An MSRP stream is offered because that makes it an IM session; no message is sent or read.

mod dialog;
mod hold;
mod incoming;
mod outgoing;
mod sdp;
#[cfg(test)]
mod tests;
mod timer;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ezk_sip_core::Endpoint;
use rollmark::Registration;
use rollmark::core::digest::Credentials;
use rollmark::core::header::{self, Address};
use rollmark::core::message::Headers;
use rollmark::core::profile::{Facts, Kind, Mode, Profile};
use rollmark::core::session::Role;
use rollmark::core::uri::Uri;
use rollmark_ezk::Requests;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use dialog::Dialog;
pub(crate) use incoming::SessionLayer;
pub(crate) use outgoing::join;
use timer::SessionTimer;

/// Sessions at one time; who invites beyond that gets 486.
pub const MAX_SESSIONS: usize = 64;
/// Methods that the user agent takes.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, NOTIFY";

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The focus, or a proxy before it, said no.
    #[error(
        "the conference does not let you in: {status} {reason}; check its URI and your identity, or ask its owner"
    )]
    Refused {
        /// Its status code.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// A challenge, and no password to answer it.
    #[error("the server wants a user name and a password; give both")]
    NoSecret,
    /// The answer to its challenge was refused.
    #[error("the server does not accept the password; check the user name and the password")]
    WrongSecret,
    /// A 2xx that makes no dialog: without Contact or To tag (RFC 3261 §12.1).
    #[error(
        "the server let you in without saying where it is (no Contact or To tag); it cannot be watched"
    )]
    NoContact,
    /// The accepted INVITE has no MSRP stream (RFC 4975 §8).
    #[error(
        "the server let you in without a stream for messages, so this is no IM conference; check its URI"
    )]
    NoMessages,
    /// No final response in time; the INVITE was cancelled.
    #[error("the conference did not answer in time; check the server, or try again")]
    NoAnswer,
    /// Nothing can be sent there.
    #[error("the server cannot be reached; check its address and transport, and whether it runs")]
    Unreachable,
    /// There are [`MAX_SESSIONS`] already.
    #[error("{MAX_SESSIONS} sessions are open; leave one first")]
    TooMany,
}

/// Who calls or is called, and through what.
#[derive(Debug)]
pub struct Caller {
    /// URI for From.
    pub identity: String,
    /// Answers to challenges.
    pub credentials: Option<Credentials>,
    /// What is known of the registration: route, contact.
    pub registration: Registration,
    /// What a request looks like on this core.
    pub profile: Box<dyn Profile>,
}

impl Caller {
    fn facts<'a>(&'a self, registration: &'a Registration) -> Facts<'a> {
        Facts {
            mode: self.profile.mode(registration).0,
            registration,
            identity: &self.identity,
            anonymous: false,
            of_session: true,
        }
    }

    /// Route set of the INVITE.
    fn route(&self) -> Vec<String> {
        self.profile.route(&self.facts(&self.registration))
    }

    fn decorated(&self, kind: Kind, contact: &str) -> Headers {
        let registration = Registration {
            contact: contact.to_owned(),
            ..self.registration.clone()
        };
        let mut headers = Headers::new();
        let facts = self.facts(&registration);
        self.profile.decorate(kind, &facts, &mut headers);
        headers
    }

    /// Headers of an INVITE.
    fn invite(&self, contact: &str) -> Headers {
        let mut headers = self.decorated(Kind::Initial, contact);
        headers.set("Allow", ALLOW);
        headers.set("Supported", timer::OPTION);
        headers
    }

    /// What is said in its dialog.
    fn terms(&self, contact: &str, description: Vec<u8>) -> Terms {
        let mut requests = self.decorated(Kind::InDialog, contact);
        requests.set("Allow", ALLOW);
        requests.set("Supported", timer::OPTION);
        let mut answers = self.decorated(Kind::Answer, contact);
        for header in requests.iter() {
            let name = header.name.as_str();
            if ["Contact", "Allow", "Supported", "Privacy", "User-Agent"].contains(&name) {
                answers.set(name, &header.value);
            }
        }
        Terms {
            credentials: self.credentials.clone(),
            requests,
            answers,
            description,
        }
    }
}

/// What is said in the dialog of a session.
#[derive(Clone, Debug)]
struct Terms {
    credentials: Option<Credentials>,
    /// Headers of requests that may move the target of the dialog.
    requests: Headers,
    /// Headers of 2xx answers to such.
    answers: Headers,
    /// Our session description, which never changes.
    description: Vec<u8>,
}

impl Terms {
    /// Headers of a request that ends the dialog.
    fn bye(&self) -> Headers {
        let mut headers = self.requests.clone();
        for name in ["Contact", "Allow"] {
            headers.remove(name);
        }
        headers
    }

    /// Headers of an ACK: a security agreement holds for it, too; where the user is does not belong into it (RFC 3329 §2.3.1, RFC 3261
    /// §8.2.2.3, IMS-17).
    fn ack(&self) -> Headers {
        let mut headers = Headers::new();
        for header in self.requests.iter() {
            let name = header.name.as_str();
            if ["Security-Verify", "Require", "Proxy-Require", "User-Agent"].contains(&name) {
                headers.push(name, &header.value);
            }
        }
        headers
    }
}

/// One session, until it is left or the peer ends it. Dropping it sends BYE.
#[derive(Debug)]
pub struct Session {
    role: Role,
    headers: Headers,
    ended: watch::Receiver<bool>,
    moved: mpsc::UnboundedReceiver<Headers>,
    leave: mpsc::UnboundedSender<()>,
}

impl Session {
    /// Who began it.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Headers of the 2xx to our INVITE, or of the INVITE that was accepted: they say what the focus is, as
    /// [`rollmark::Session::met`] reads it.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Waits until the peer has ended it, or it was left.
    pub async fn ended(&mut self) {
        let _ = self.ended.wait_for(|ended| *ended).await;
    }

    /// Waits until the other side is reached elsewhere, or has become a focus (RFC 3261 §14, RFC 4579 §5.2): the headers that say so,
    /// as [`Self::headers`] did of what came before. None once the session is over.
    pub async fn moved(&mut self) -> Option<Headers> {
        tokio::select! {
            moved = self.moved.recv() => moved,
            _ = self.ended.wait_for(|ended| *ended) => None,
        }
    }

    /// Hangs up: BYE, whose answer is waited for at most so long.
    pub async fn leave(mut self, patience: Duration) {
        let _ = self.leave.send(());
        if tokio::time::timeout(patience, self.ended()).await.is_err() {
            tracing::warn!("the conference did not answer BYE");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.leave.send(());
    }
}

/// A session as the layer knows it.
#[derive(Debug)]
struct Entry {
    dialog: Dialog,
    terms: Terms,
    ended: watch::Sender<bool>,
    /// The peer has acknowledged our last 2xx.
    acknowledged: watch::Sender<bool>,
    /// The session timer, and when it was last set.
    timer: watch::Sender<(Option<SessionTimer>, Instant)>,
    moved: mpsc::UnboundedSender<Headers>,
    leave: mpsc::UnboundedSender<()>,
    /// The peer takes UPDATE (RFC 3311 §4).
    takes_update: bool,
    /// An INVITE of ours is under way in it.
    inviting: bool,
    /// Our BYE is under way.
    leaving: bool,
}

impl Entry {
    /// The peer may be elsewhere, by these headers of its.
    fn retarget(&mut self, peer: &Headers) {
        if self.dialog.refresh_target(peer) {
            // Fails only when nobody holds the session.
            let _ = self.moved.send(peer.clone());
        }
    }

    /// A refresh by either side has been agreed on, with these headers of the peer.
    fn refreshed(&mut self, peer: &Headers, timer: Option<SessionTimer>) {
        self.retarget(peer);
        self.timer.send_replace((timer, Instant::now()));
    }

    /// No ACK came: the session is over as if it were left (RFC 3261 §13.3.1.4).
    fn give_up(&self) {
        self.acknowledged.send_replace(true);
        let _ = self.leave.send(());
    }
}

/// What calls and the layer share.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By Call-ID and local tag.
    sessions: Mutex<HashMap<(String, String), Entry>>,
    /// Who takes invitations, each in the name of one identity.
    inviting: Mutex<Vec<Invited>>,
}

type Key = (String, String);
type Invited = (Caller, mpsc::UnboundedSender<Session>);

impl Table {
    fn sessions(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inviting(&self) -> MutexGuard<'_, Vec<Invited>> {
        self.inviting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes invitations from now on, in place of whoever did for that identity.
    pub(crate) fn invitations(&self, caller: Caller) -> mpsc::UnboundedReceiver<Session> {
        let (accepted, sessions) = mpsc::unbounded_channel();
        let mut inviting = self.inviting();
        inviting.retain(|(known, _)| known.identity != caller.identity);
        inviting.push((caller, accepted));
        sessions
    }
}

/// Who of them an INVITE is for: by P-Called-Party-ID, which an IMS core puts in, else by To; the first who takes invitations if it is
/// neither (IMS-35, RFC 7315 §4.2).
fn called<'a>(inviting: &'a [Invited], invite: &Headers) -> Option<&'a Invited> {
    let is = |caller: &Caller, name: &str| {
        let called = invite.get(name).and_then(Address::parse);
        called.is_some_and(|called| is_same_user(&called.uri, &caller.identity))
    };
    let by_core = |caller: &Caller| {
        let facts = caller.facts(&caller.registration);
        facts.mode == Mode::Ims && is(caller, "P-Called-Party-ID")
    };
    let find =
        |wanted: &dyn Fn(&Caller) -> bool| inviting.iter().find(|(caller, _)| wanted(caller));
    find(&by_core)
        .or_else(|| find(&|caller| is(caller, "To")))
        .or_else(|| inviting.first())
}

/// The same user at the same host, whatever the parameters.
fn is_same_user(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (Uri::parse(one), Uri::parse(other)) else {
        return false;
    };
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.user() == other.user() && host(&one) == host(&other)
}

/// Where sessions live.
#[derive(Clone, Debug)]
struct Line {
    table: Arc<Table>,
    endpoint: Endpoint,
    requests: Requests,
}

/// Keeps a session that has begun: it is refreshed, it hangs up when told to, and the table forgets it once it is over.
fn keep(
    line: Line,
    dialog: Dialog,
    terms: Terms,
    timer: Option<SessionTimer>,
    role: Role,
    headers: Headers,
) -> (Session, Key, watch::Receiver<bool>) {
    let key = (dialog.call_id.clone(), dialog.local_tag.clone());
    let (ended, is_ended) = watch::channel(false);
    let (acknowledged, is_acknowledged) = watch::channel(role == Role::ClientOriginated);
    let (timer, timers) = watch::channel((timer, Instant::now()));
    let (leave, left) = mpsc::unbounded_channel();
    let (moved, moves) = mpsc::unbounded_channel();
    let entry = Entry {
        dialog,
        terms,
        ended,
        acknowledged,
        timer,
        moved,
        leave: leave.clone(),
        takes_update: header::lists(headers.all("Allow"), "UPDATE"),
        inviting: false,
        leaving: false,
    };
    line.table.sessions().insert(key.clone(), entry);
    let state = hold::State {
        left,
        ended: is_ended.clone(),
        acknowledged: is_acknowledged.clone(),
        timers,
    };
    tokio::spawn(hold::hold(line, key.clone(), state));
    let session = Session {
        role,
        headers,
        ended: is_ended,
        moved: moves,
        leave,
    };
    (session, key, is_acknowledged)
}

/// Where our MSRP stream is said to be: the address of the SIP flow, and a port on which nobody listens, for the peer is not
/// to connect (RFC 6135 §4).
fn stream_address(contact: &str) -> SocketAddr {
    const DISCARD: u16 = 9;
    let uri = Uri::parse(contact).ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse();
    SocketAddr::new(
        ip.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into()),
        DISCARD,
    )
}

/// The user of an identity, for Contact.
fn user_of(identity: &str) -> String {
    let address = Address::parse(identity).map_or_else(|| identity.to_owned(), |a| a.uri);
    let uri = Uri::parse(&address).ok();
    let user = uri.as_ref().and_then(Uri::user);
    user.unwrap_or("rollmark").to_owned()
}

/// # Panics
/// When the system has no source of randomness, as the plugin itself does.
fn random() -> u64 {
    getrandom::u64().expect("the system has a source of randomness")
}

fn token() -> String {
    format!("{:016x}{:016x}", random(), random())
}
