//! A server that means no good, over real sockets, and the ezk host with two conferences there: the one that is attacked,
//! and one that must go on whatever happens to the other (SEC-18, SEC-19).

use std::collections::{HashSet, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rollmark::core::digest::Credentials;
use rollmark::{Account, What};
use rollmark_ua::UserAgent;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::kit::message::{Message, param, uri_of};
use crate::kit::wire::Transport;
use crate::kit::{ALICE, ROOM, document};

/// The conference that must go on.
pub const WELL: &str = "sip:well@example.org";
/// How long something that must come is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at the sockets.
const TICK: Duration = Duration::from_millis(2);

/// The server's sockets; nothing of what it sends is checked.
#[derive(Debug)]
struct Sockets {
    udp: Option<UdpSocket>,
    peer: Option<SocketAddr>,
    tcp: Option<TcpListener>,
    connections: Vec<(TcpStream, Vec<u8>)>,
    address: SocketAddr,
}

impl Sockets {
    fn listen(transport: Transport) -> Self {
        let here = (Ipv4Addr::LOCALHOST, 0);
        let (mut udp, mut tcp) = (None, None);
        let address = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(here).expect("a UDP port");
                socket
                    .set_nonblocking(true)
                    .expect("a socket that looks up");
                udp.insert(socket).local_addr()
            }
            Transport::Tcp => {
                let listener = TcpListener::bind(here).expect("a TCP port");
                listener
                    .set_nonblocking(true)
                    .expect("a listener that looks up");
                tcp.insert(listener).local_addr()
            }
        };
        Self {
            udp,
            peer: None,
            tcp,
            connections: Vec::new(),
            address: address.expect("a bound socket has an address"),
        }
    }

    /// Looks once.
    fn poll(&mut self) -> Option<Message> {
        if let Some(udp) = &self.udp {
            let mut buffer = vec![0; 65_536];
            let (length, from) = udp.recv_from(&mut buffer).ok()?;
            buffer.truncate(length);
            self.peer = Some(from);
            return Message::take(&mut buffer, false);
        }
        if let Some((stream, _)) = self.tcp.as_ref().and_then(|tcp| tcp.accept().ok()) {
            stream
                .set_nonblocking(true)
                .expect("a stream that looks up");
            self.connections.push((stream, Vec::new()));
        }
        let mut piece = [0; 65_536];
        let mut at = 0;
        while at < self.connections.len() {
            let (stream, buffer) = &mut self.connections[at];
            if let Some(message) = Message::take(buffer, true) {
                // The connection that spoke last is the one in use.
                let last = self.connections.remove(at);
                self.connections.push(last);
                return Some(message);
            }
            match stream.read(&mut piece) {
                Ok(0) => drop(self.connections.remove(at)),
                Ok(length) => buffer.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => at += 1,
                Err(_) => drop(self.connections.remove(at)),
            }
        }
        None
    }

    fn send(&mut self, bytes: &[u8]) {
        if let (Some(udp), Some(peer)) = (&self.udp, self.peer) {
            // A full buffer loses it, as a network does.
            let _ = udp.send_to(bytes, peer);
        } else if let Some((stream, _)) = self.connections.last_mut() {
            let mut left = bytes;
            let deadline = Instant::now() + PATIENCE;
            while !left.is_empty() && Instant::now() < deadline {
                match stream.write(left) {
                    Ok(written) => left = &left[written..],
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        std::thread::park_timeout(TICK);
                    }
                    Err(_) => return,
                }
            }
        }
    }
}

/// A NOTIFY to be sent, with whatever is wrong in it.
#[derive(Clone, Debug)]
pub struct Notify {
    /// The message as far as it is made.
    pub message: Message,
}

impl Notify {
    /// The same without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.message.headers.retain(|(n, _)| n != name);
        self
    }

    /// The same with another value of this header.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut other = self.without(name);
        other.message.headers.push((name.into(), value.into()));
        other
    }

    /// The same with a document.
    #[must_use]
    pub fn document(self, text: &str) -> Self {
        let mut other = self.with("Content-Type", "application/conference-info+xml");
        other.message.body = text.as_bytes().to_vec();
        other
    }
}

/// Server and host, and what was told so far.
pub struct Scene {
    sockets: Sockets,
    told: Receiver<(&'static str, String)>,
    heard: Vec<(&'static str, String)>,
    log: Log,
    /// The SUBSCRIBE of the conference that goes on.
    well: Option<Message>,
    versions: u32,
    cseq: u32,
    seen: HashSet<String>,
    answers: Vec<Message>,
    waiting: VecDeque<Message>,
    /// SUBSCRIBEs of the attacked conference so far, repetitions not counted.
    pub asked: usize,
    /// All messages from the host so far.
    pub messages: usize,
    runtime: Option<tokio::runtime::Runtime>,
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene")
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("told {:#?}\nlog\n{}", self.heard, self.log.text());
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Scene {
    /// Starts both; the well-behaved conference is active, and the first SUBSCRIBE of the other is on its way. Timer N is
    /// 64 times `t1`.
    pub fn start(transport: Transport, t1: Duration) -> Self {
        Self::start_logging(transport, t1, "info")
    }

    /// The same with a log of this level.
    pub fn start_logging(transport: Transport, t1: Duration, level: &str) -> Self {
        let sockets = Sockets::listen(transport);
        let log = Log::default();
        let (teller, told) = channel();
        let (maker, level) = (log.clone(), level.to_owned());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || {
                let maker = maker.clone();
                let subscriber = tracing_subscriber::fmt()
                    .with_ansi(false)
                    .with_env_filter(tracing_subscriber::EnvFilter::new(&level))
                    .with_writer(move || maker.clone())
                    .finish();
                // The thread is the runtime's own, and keeps it to its end.
                std::mem::forget(subscriber.set_default());
            })
            .build()
            .expect("a runtime");
        let settings = rollmark_ua::Settings {
            server: Some(sockets.address.to_string()),
            transport: match transport {
                Transport::Udp => rollmark_ua::Transport::Udp,
                Transport::Tcp => rollmark_ua::Transport::Tcp,
            },
            ca: None,
        };
        let mut account = Account::new(ALICE);
        account.subscription.t1 = t1;
        account.credentials = Some(Credentials {
            username: "alice".into(),
            password: "wonderland".to_owned().into(),
        });
        runtime.spawn(play(settings, account, teller));
        let mut scene = Self {
            sockets,
            told,
            heard: Vec::new(),
            log,
            well: None,
            versions: 1,
            cseq: 0,
            seen: HashSet::new(),
            answers: Vec::new(),
            waiting: VecDeque::new(),
            asked: 0,
            messages: 0,
            runtime: Some(runtime),
        };
        scene.told(WELL, "roster");
        scene
    }

    /// The server's Contact, or its Record-Route.
    pub fn own_uri(&self, user: &str) -> String {
        let transport = if self.sockets.udp.is_some() {
            ""
        } else {
            ";transport=tcp"
        };
        format!("sip:{user}{}{transport}", self.sockets.address)
    }

    /// The next SUBSCRIBE of the attacked conference; the other one is served on the way.
    pub fn next(&mut self, within: Duration) -> Option<Message> {
        let waiting = self.waiting.pop_front();
        waiting.or_else(|| self.pump(within))
    }

    fn pump(&mut self, within: Duration) -> Option<Message> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(message) = self.sockets.poll() {
                self.messages += 1;
                if message.status().is_some() {
                    self.answers.push(message);
                } else if message.method() == "SUBSCRIBE" {
                    if uri_of(message.get("To").unwrap_or_default()) == WELL {
                        self.serve(message);
                        continue;
                    }
                    let id = format!("{:?} {}", message.get("Call-ID"), message.cseq());
                    if self.seen.insert(id) {
                        self.asked += 1;
                        return Some(message);
                    }
                }
                continue;
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::park_timeout(TICK);
        }
    }

    /// What a good server does.
    fn serve(&mut self, subscribe: Message) {
        self.respond(&subscribe, 200, &[]);
        let users = format!("first{}", self.versions);
        self.versions += 1;
        let text = document(self.versions, "full", &[&users]).replace(ROOM, WELL);
        let notify = self
            .notify(&subscribe, "active;expires=3600")
            .document(&text);
        self.send(&notify.message);
        self.well = Some(subscribe);
    }

    /// The next SUBSCRIBE of the attacked conference, which must come.
    #[track_caller]
    pub fn asked(&mut self) -> Message {
        match self.next(PATIENCE) {
            Some(message) => message,
            None => panic!("no SUBSCRIBE came"),
        }
    }

    /// How many SUBSCRIBEs come in this time when each is answered so.
    pub fn count(&mut self, time: Duration, mut answer: impl FnMut(&mut Self, &Message)) -> usize {
        let (mut count, deadline) = (0, Instant::now() + time);
        while let Some(asked) = self.next(deadline.saturating_duration_since(Instant::now())) {
            answer(self, &asked);
            count += 1;
        }
        count
    }

    /// Sends these bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.sockets.send(bytes);
    }

    /// Sends these bytes over the connection in use, and waits until the host has read them: it answers the keep-alive that they
    /// follow (RFC 5626 §4.4.1).
    ///
    /// # Panics
    /// When it does not.
    pub fn send_and_see_read(&mut self, bytes: &[u8]) {
        self.send_raw(&[b"\r\n\r\n", bytes].concat());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(message) = self.pump(Duration::ZERO) {
                self.waiting.push_back(message);
            }
            if let Some((_, buffer)) = self.sockets.connections.last_mut()
                && buffer.starts_with(b"\r\n")
            {
                buffer.drain(..2);
                return;
            }
            assert!(Instant::now() < deadline, "the keep-alive was not answered");
            std::thread::park_timeout(TICK);
        }
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Message) {
        self.sockets.send(&message.bytes());
    }

    /// Answers a SUBSCRIBE; a 2xx has what it must have unless `headers` say otherwise (an empty value leaves it out).
    pub fn respond(&mut self, asked: &Message, status: u16, headers: &[(&str, &str)]) {
        let mut response = asked.response(status, "focus");
        if status < 300 {
            let contact = format!("<{}>", self.own_uri("focus@"));
            let expires = asked.get("Expires").unwrap_or("3600").to_owned();
            for (name, value) in [("Contact", contact), ("Expires", expires)] {
                if !headers.iter().any(|(n, _)| *n == name) {
                    response = response.with(name, value);
                }
            }
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            response
                .headers
                .retain(|(n, _)| n != name || *name == "Record-Route");
            response = response.with(name, *value);
        }
        self.send(&response);
    }

    /// A NOTIFY in the dialog of a SUBSCRIBE, right in every way so far.
    pub fn notify(&mut self, asked: &Message, state: &str) -> Notify {
        self.cseq += 1;
        let (wire, via) = if self.sockets.udp.is_some() {
            ("UDP", "")
        } else {
            ("TCP", "t")
        };
        let to = asked.get("To").unwrap_or_default();
        let from = if param(to, "tag").is_some() {
            to.to_owned()
        } else {
            format!("{to};tag=focus")
        };
        let address = self.sockets.address;
        let branch = format!("z9hG4bKh{via}{}", self.cseq);
        let message = Message {
            first: format!(
                "NOTIFY {} SIP/2.0",
                uri_of(asked.get("Contact").unwrap_or_default())
            ),
            ..Message::default()
        }
        .with("Via", format!("SIP/2.0/{wire} {address};branch={branch}"))
        .with("Max-Forwards", "70")
        .with("From", from)
        .with("To", asked.get("From").unwrap_or_default())
        .with("Call-ID", asked.get("Call-ID").unwrap_or_default())
        .with("CSeq", format!("{} NOTIFY", self.cseq))
        .with("Contact", format!("<{}>", self.own_uri("focus@")))
        .with("Event", "conference")
        .with("Subscription-State", state);
        Notify { message }
    }

    /// Sends a NOTIFY; the status it is answered with, or none.
    pub fn delivered(&mut self, notify: &Notify, within: Duration) -> Option<u16> {
        self.send(&notify.message);
        self.answered(notify, within)
    }

    /// The status a NOTIFY is answered with.
    pub fn answered(&mut self, notify: &Notify, within: Duration) -> Option<u16> {
        let branch = |message: &Message| param(message.get("Via")?, "branch").map(str::to_owned);
        let mine = branch(&notify.message);
        let deadline = Instant::now() + within;
        loop {
            if let Some(place) = self
                .answers
                .iter()
                .position(|answer| branch(answer) == mine)
            {
                return self.answers.remove(place).status();
            }
            if Instant::now() >= deadline {
                return None;
            }
            if let Some(asked) = self.pump(Duration::ZERO) {
                self.waiting.push_back(asked);
            }
            std::thread::park_timeout(TICK);
        }
    }

    /// Accepts and notifies of bob, until that is told.
    pub fn active(&mut self) -> Message {
        let asked = self.asked();
        self.respond(&asked, 200, &[]);
        self.versions += 1;
        let text = document(self.versions, "full", &["bob"]);
        let notify = self.notify(&asked, "active;expires=3600").document(&text);
        assert_eq!(self.delivered(&notify, PATIENCE), Some(200));
        self.told(ROOM, "roster");
        asked
    }

    /// The attacked conference still works: somebody who joins is told, if need be after a refresh that is answered.
    #[track_caller]
    pub fn recovers(&mut self, asked: &Message, user: &str) {
        let words = format!("joined sip:{user}@example.org");
        let deadline = Instant::now() + PATIENCE;
        let mut dialog = asked.clone();
        let mut there = false;
        while Instant::now() < deadline {
            self.versions += 1;
            // In turn, so that he joins whatever was held before.
            let users = if there { &["bob", user][..] } else { &["bob"] };
            there = !there;
            let text = document(self.versions, "full", users);
            let notify = self.notify(&dialog, "active;expires=3600").document(&text);
            self.send(&notify.message);
            if let Some(again) = self.next(Duration::from_millis(300)) {
                self.respond(&again, 200, &[]);
                dialog = again;
            }
            if self.has_told(ROOM, &words) {
                return;
            }
        }
        panic!("{words:?} was not told");
    }

    /// The other conference goes on: somebody who joins there is told.
    #[track_caller]
    pub fn well_goes_on(&mut self) {
        let user = format!("late{}", self.cseq);
        let words = format!("joined sip:{user}@example.org");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.versions += 1;
            let text = document(self.versions, "full", &[&user]).replace(ROOM, WELL);
            let well = self.well.clone().expect("it was subscribed to first");
            let notify = self.notify(&well, "active;expires=3600").document(&text);
            self.send(&notify.message);
            if let Some(again) = self.next(Duration::from_millis(100)) {
                // What the attacked one asks meanwhile stays unanswered.
                drop(again);
            }
            if self.has_told(WELL, &words) {
                return;
            }
        }
        panic!("{words:?} was not told");
    }

    fn hear(&mut self) {
        self.heard.extend(self.told.try_iter());
    }

    /// Whether this was told.
    pub fn has_told(&mut self, conference: &str, words: &str) -> bool {
        self.hear();
        self.heard
            .iter()
            .any(|(of, line)| *of == conference && line.starts_with(words))
    }

    /// Waits until this is told, and serves meanwhile; SUBSCRIBEs of the attacked conference wait for [`Scene::next`].
    #[track_caller]
    pub fn told(&mut self, conference: &str, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_told(conference, words) {
            assert!(
                Instant::now() < deadline,
                "{words:?} was not told of {conference}"
            );
            if let Some(message) = self.pump(TICK) {
                self.waiting.push_back(message);
            }
        }
    }

    /// Whether the log says this.
    pub fn logged(&self, words: &str) -> bool {
        self.log.text().contains(words)
    }

    /// The whole log.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Breaks the connection.
    pub fn hang_up(&mut self) {
        if let Some((stream, _)) = self.sockets.connections.pop() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// The user: he watches both conferences.
async fn play(
    settings: rollmark_ua::Settings,
    account: Account,
    teller: Sender<(&'static str, String)>,
) {
    let phone = UserAgent::start(settings, account)
        .await
        .expect("ezk starts");
    let conferences = &phone.conferences;
    let mut well = conferences.subscribe(WELL).await.expect("a SIP URI");
    let mut room = None;
    loop {
        let attacked = async {
            match &mut room {
                Some(room) => rollmark::Conference::next(room).await,
                None => std::future::pending().await,
            }
        };
        let (of, event) = tokio::select! {
            event = well.next() => (WELL, event),
            event = attacked => (ROOM, event),
        };
        let Some(event) = event else {
            if of == ROOM {
                room = None;
                continue;
            }
            return;
        };
        let first = room.is_none() && of == WELL && matches!(event.what, What::Roster(_));
        if teller.send((of, crate::kit::words(&event.what))).is_err() {
            return;
        }
        if first {
            room = Some(conferences.subscribe(ROOM).await.expect("a SIP URI"));
        }
    }
}

/// What was logged.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no writer panics")).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no writer panics")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
