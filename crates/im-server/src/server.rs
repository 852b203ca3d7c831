//! The server itself: its settings, its sockets, its conferences and subscriptions.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ezk_sip_core::Endpoint as SipEndpoint;
use ezk_sip_core::EndpointBuilder;
use ezk_sip_types::host::HostPort;
use ezk_sip_types::uri::SipUri;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::conference::Conference;
use crate::focus::{FinalDocument, Focus, TerminationReason};
use crate::notifier::NotifierLayer;
use crate::registrar::{Ims, RegistrarLayer};
use crate::session::{InviteError, Session, SessionLayer, invite};
use crate::subscription::{DialogId, Subscription};
use crate::xcap_diff::{DocumentNotifier, Documents};

/// How often expired subscriptions are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(200);

/// How often another free port is tried when the one that UDP got is taken for TCP.
const BIND_ATTEMPTS: usize = 16;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen, with UDP and TCP on the same port; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Answer an accepted SUBSCRIBE with 202 as in RFC 3265, not with 200.
    pub answer_202: bool,
    /// Longest subscription granted, in seconds; also what a SUBSCRIBE without Expires gets.
    pub max_expires: u32,
    /// Shortest subscription granted, in seconds; 423 below it (RFC 6665 §4.2.1.1 allows that only below an hour).
    pub min_expires: u32,
    /// A session identity, the Contact of the focus, cannot be subscribed to: 404. The conference URI can.
    pub forgets_session_identities: bool,
    /// A session that ends ends the subscriptions of its user to the conference, too (RFC 4579 §3.4 leaves that open).
    pub ends_subscription_with_session: bool,
    /// The server is an IMS core as well: users register, and a request of nobody registered goes no further. None: plain SIP.
    pub ims: Option<Ims>,
}

impl Default for Settings {
    /// Loopback, a free port, 200, up to an hour, no lower limit, plain SIP.
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            answer_202: false,
            max_expires: 3600,
            min_expires: 0,
            forgets_session_identities: false,
            ends_subscription_with_session: false,
            ims: None,
        }
    }
}

/// The server could not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The address could not be bound.
    #[error("IM server cannot listen on {addr}: {source}; choose a free port, or port 0")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no random numbers for the dialog tags.
    #[error("IM server got no random numbers from the system: {0}")]
    Random(getrandom::Error),
}

/// A conference, or a notifier of documents, could not be created.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CreateError {
    /// The conference URI cannot be read.
    #[error("URI {uri} is not a SIP URI with a user: write sip:room@example.org")]
    Uri {
        /// What was given.
        uri: String,
    },
    /// There is one already.
    #[error("{uri} exists already: end it first, or take another")]
    Exists {
        /// What was given.
        uri: String,
    },
}

/// Conference focus and notifier in this process, on real sockets.
///
/// Dropping the server ends it: nothing is sent any more, requests stay unanswered. The sockets themselves stay open
/// until the runtime ends, because the SIP endpoint below has no shutdown; take a free port for each server.
#[derive(Debug)]
pub struct ImServer {
    shared: Arc<Shared>,
    addr: SocketAddr,
    sweep: AbortHandle,
    endpoint: SipEndpoint,
}

impl ImServer {
    /// Listens with UDP and TCP. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let seed = getrandom::u64().map_err(ServerError::Random)?;
        let (mut builder, addr) = listen(settings.addr).await?;
        let ims = settings.ims.clone();
        let shared = Arc::new(Shared::new(settings, seed));
        if let Some(ims) = ims {
            builder.add_layer(RegistrarLayer::new(shared.clone(), ims));
        }
        builder.add_layer(NotifierLayer::new(shared.clone()));
        builder.add_layer(SessionLayer::new(shared.clone()));
        let endpoint = builder.build();
        let sweep = tokio::spawn(sweep(shared.clone())).abort_handle();
        Ok(Self {
            shared,
            addr,
            sweep,
            endpoint,
        })
    }

    /// Address of the UDP socket.
    pub fn udp_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Address of the TCP listener.
    pub fn tcp_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Names another address in the Contact of the server over UDP, as that of a [`LossyLink`](crate::network::LossyLink),
    /// so that requests within a dialog take that way too.
    pub fn advertise_udp(&self, addr: SocketAddr) {
        self.shared.state().advertised_udp = Some(addr);
    }

    /// Names another address in the Contact of the server over TCP, as that of a relay whose connections can be cut.
    pub fn advertise_tcp(&self, addr: SocketAddr) {
        self.shared.state().advertised_tcp = Some(addr);
    }

    /// SUBSCRIBEs accepted so far, refreshes included.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Opens a conference. Its URI is compared by user, host and port; URI parameters do not count.
    ///
    /// # Errors
    /// [`CreateError`].
    pub fn create_conference(
        &self,
        uri: &str,
        conference: Conference,
    ) -> Result<Focus, CreateError> {
        let key = key(uri)?;
        let mut state = self.shared.state();
        if state.conferences.contains_key(&key) {
            return Err(CreateError::Exists {
                uri: uri.to_owned(),
            });
        }
        let entry = Entry {
            uri: uri.to_owned(),
            conference,
            count: 0,
            subscribers: watch::Sender::new(0),
        };
        state.conferences.insert(key.clone(), entry);
        Ok(Focus::new(self.shared.clone(), key))
    }

    /// Calls a user into a conference: an INVITE to `target`, the address of his user agent. In the roster he is `entity`, ringing
    /// and then connected by `dialed-out`, or disconnected by what went wrong.
    ///
    /// # Errors
    /// [`InviteError`].
    pub async fn invite(
        &self,
        conference: &str,
        entity: &str,
        target: &str,
    ) -> Result<(), InviteError> {
        invite(&self.shared, &self.endpoint, conference, entity, target).await
    }

    /// Notifies at this URI of changes of documents on an XDMS (event package `xcap-diff`, RFC 5875); whoever has the documents tells
    /// the changes to what this returns.
    ///
    /// `current` writes the xcap-diff document (RFC 5874) of what is there among these URIs, relative to the XCAP root, as the
    /// subscriber wrote them. It must not call this server.
    ///
    /// # Errors
    /// [`CreateError`].
    pub fn notify_documents(
        &self,
        uri: &str,
        current: impl Fn(&[String]) -> String + Send + Sync + 'static,
    ) -> Result<DocumentNotifier, CreateError> {
        let key = key(uri)?;
        if self.shared.state().documents.contains_key(&key) {
            return Err(CreateError::Exists {
                uri: uri.to_owned(),
            });
        }
        Ok(DocumentNotifier::new(self.shared.clone(), key, current))
    }
}

impl Drop for ImServer {
    fn drop(&mut self) {
        self.sweep.abort();
        self.shared.stopped.send_replace(true);
        let mut state = self.shared.state();
        state.subscriptions.clear();
        state.conferences.clear();
        state.sessions.clear();
        state.identities.clear();
        state.documents.clear();
    }
}

/// The key of a conference, or of a notifier, by its URI.
fn key(uri: &str) -> Result<ConferenceKey, CreateError> {
    let parsed: Option<SipUri> = uri.parse().ok();
    let key = parsed.and_then(|parsed| ConferenceKey::of(&parsed));
    key.ok_or_else(|| CreateError::Uri {
        uri: uri.to_owned(),
    })
}

/// Binds UDP and TCP to the same port.
async fn listen(addr: SocketAddr) -> Result<(EndpointBuilder, SocketAddr), ServerError> {
    let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..BIND_ATTEMPTS {
        let mut builder = SipEndpoint::builder();
        if let Some(resolver) = crate::dns::without_dns() {
            builder.set_dns_resolver(resolver);
        }
        let udp = builder
            .bind_udp(addr)
            .await
            .map_err(|source| ServerError::Bind { addr, source })?;
        // ezk does not tell which port a listener got, so TCP is given the port of UDP.
        match builder.listen_tcp(udp.bound()).await {
            Ok(()) => return Ok((builder, udp.bound())),
            Err(error) => failure = error,
        }
        if addr.port() != 0 {
            break;
        }
    }
    Err(ServerError::Bind {
        addr,
        source: failure,
    })
}

/// Ends subscriptions whose time is over (RFC 6665 §4.2.1.4).
async fn sweep(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        shared.state().expire(Instant::now());
    }
}

/// What identifies a conference in a Request-URI: user, host in lower case, port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConferenceKey {
    /// User, escaped as in the URI.
    pub(crate) user: String,
    host_port: String,
}

impl ConferenceKey {
    pub(crate) fn of(uri: &SipUri) -> Option<Self> {
        // The user part has no public type in ezk; as text it has one escaping, whatever the request had.
        let text = format!("{uri:?}");
        let (_, address) = text.split_once(':')?;
        let (user, _) = address.rsplit_once('@')?;
        let HostPort { host, port } = &uri.host_port;
        let mut host_port = host.to_string().to_ascii_lowercase();
        if let Some(port) = port {
            host_port.push_str(&format!(":{port}"));
        }
        Some(Self {
            user: user.to_owned(),
            host_port,
        })
    }
}

impl fmt::Display for ConferenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sip:{}@{}", self.user, self.host_port)
    }
}

/// One conference and the number of its subscriptions.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) uri: String,
    pub(crate) conference: Conference,
    /// Counted along, for there may be many.
    count: usize,
    pub(crate) subscribers: watch::Sender<usize>,
}

/// Conferences and subscriptions. Changed under one lock, so that every subscription sees every change once and in order.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) advertised_udp: Option<SocketAddr>,
    pub(crate) advertised_tcp: Option<SocketAddr>,
    pub(crate) conferences: HashMap<ConferenceKey, Entry>,
    pub(crate) documents: HashMap<ConferenceKey, Documents>,
    pub(crate) subscriptions: HashMap<DialogId, Subscription>,
    pub(crate) sessions: HashMap<DialogId, Session>,
    /// Conferences by their IM Session Identities.
    pub(crate) identities: HashMap<ConferenceKey, ConferenceKey>,
}

impl State {
    /// Takes a subscription out, to be changed and then settled.
    pub(crate) fn take(&mut self, id: &DialogId) -> Option<Subscription> {
        let subscription = self.subscriptions.remove(id)?;
        if let Some(entry) = self.entry_of(&subscription) {
            entry.count -= 1;
        }
        Some(subscription)
    }

    /// Keeps a subscription that was just made or refreshed, or lets it go.
    pub(crate) fn settle(&mut self, subscription: Subscription, keep: bool) {
        let key = subscription.conference().clone();
        if keep {
            if let Some(entry) = self.entry_of(&subscription) {
                entry.count += 1;
            }
            let id = subscription.dialog.id.clone();
            self.subscriptions.insert(id, subscription);
        }
        self.tell_subscribers(&key);
    }

    /// Forgets a subscription without a final NOTIFY.
    pub(crate) fn remove(&mut self, id: &DialogId) {
        if let Some(subscription) = self.take(id) {
            self.tell_subscribers(subscription.conference());
        }
    }

    /// The conference of a subscription; none of one to documents.
    fn entry_of(&mut self, subscription: &Subscription) -> Option<&mut Entry> {
        if subscription.watch.is_some() {
            return None;
        }
        self.conferences.get_mut(subscription.conference())
    }

    /// Ends the subscriptions to a conference that `select` picks, each with a final NOTIFY.
    pub(crate) fn terminate(
        &mut self,
        key: &ConferenceKey,
        select: impl Fn(&Subscription) -> bool,
        reason: TerminationReason,
        retry_after: Option<Duration>,
        document: FinalDocument,
    ) {
        let Some(entry) = self.conferences.get_mut(key) else {
            return;
        };
        self.subscriptions.retain(|_, subscription| {
            let ends = subscription.watch.is_none()
                && subscription.conference() == key
                && select(subscription);
            if ends {
                entry.count -= 1;
                subscription.notify_terminated(entry, reason, retry_after, document);
            }
            !ends
        });
        self.tell_subscribers(key);
    }

    fn expire(&mut self, now: Instant) {
        let expired = |subscription: &Subscription| subscription.expires_at() <= now;
        self.subscriptions.retain(|_, subscription| {
            let ends = subscription.watch.is_some() && expired(subscription);
            if ends {
                subscription.end_watch();
            }
            !ends
        });
        let mut keys: Vec<ConferenceKey> = Vec::new();
        for subscription in self.subscriptions.values().filter(|s| expired(s)) {
            if !keys.contains(subscription.conference()) {
                keys.push(subscription.conference().clone());
            }
        }
        for key in keys {
            let (reason, document) = (TerminationReason::Timeout, FinalDocument::Full);
            self.terminate(&key, expired, reason, None, document);
        }
    }

    fn tell_subscribers(&self, key: &ConferenceKey) {
        if let Some(entry) = self.conferences.get(key) {
            entry.subscribers.send_if_modified(|known| {
                let changed = *known != entry.count;
                *known = entry.count;
                changed
            });
        }
    }
}

/// What the server, its layer in the SIP endpoint and the foci share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    tag_seed: u64,
    tag_count: AtomicU64,
    /// SUBSCRIBEs accepted.
    pub(crate) accepted: AtomicU64,
    /// True once the server was dropped.
    pub(crate) stopped: watch::Sender<bool>,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, tag_seed: u64) -> Self {
        Self {
            settings,
            tag_seed,
            tag_count: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            stopped: watch::Sender::new(false),
            state: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a closure given to `Focus::change` leaves the state as it was before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new dialog tag: not to be guessed from outside, unique in the server (RFC 3261 §19.3).
    pub(crate) fn new_tag(&self) -> String {
        let count = self.tag_count.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{count:x}", self.tag_seed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }
}
