//! A SIP core with its conference server, and an XDMS, that are healthy but for what a script says: whom a doctor examines.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::kit::message::{Message, param, uri_of};
use crate::kit::wire::{Socket, Transport, Wire};
use crate::kit::{ALICE, document};

/// Between two looks whether the patient is still wanted.
const TICK: Duration = Duration::from_millis(50);
/// The type of conference documents.
pub const CONFERENCE_INFO: &str = "application/conference-info+xml";

/// What the server does with one request.
pub type Reply = fn(&mut Talk, &Message);

/// What it does with each kind of request.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// OPTIONS.
    pub options: Reply,
    /// REGISTER, also that which removes the binding.
    pub register: Reply,
    /// SUBSCRIBE to the conference that makes a dialog.
    pub subscribe: Reply,
    /// SUBSCRIBE in the dialog.
    pub refresh: Reply,
    /// SUBSCRIBE with Expires: 0.
    pub unsubscribe: Reply,
    /// SUBSCRIBE to changes of documents.
    pub documents: Reply,
}

/// Nothing is wrong with it.
pub const HEALTHY: Script = Script {
    options: |talk, asked| talk.answer(asked, 200, &[]),
    register: |talk, asked| talk.register(asked, &[]),
    subscribe: |talk, asked| {
        talk.accept(asked);
        talk.notify_full(asked);
    },
    refresh: |talk, asked| {
        talk.accept(asked);
        talk.notify_full(asked);
    },
    unsubscribe: |talk, asked| {
        talk.accept(asked);
        talk.notify(asked, "terminated;reason=timeout", None);
    },
    documents: |talk, asked| talk.answer(asked, 489, &[]),
};

/// Nothing is said.
pub const SILENT: Reply = |_, _| {};

/// The server's end of the wire.
#[derive(Debug)]
pub struct Talk {
    wire: Socket,
    address: String,
    cseq: u32,
    /// Version of the newest document.
    pub version: u32,
    /// REGISTERs so far.
    pub registers: u32,
    /// Initial SUBSCRIBEs to the conference so far.
    pub subscribes: u32,
}

impl Talk {
    /// Answers a request.
    pub fn answer(&mut self, asked: &Message, status: u16, headers: &[(&str, &str)]) {
        let mut response = asked.response(status, "focus");
        for (name, value) in headers {
            response = response.with(name, *value);
        }
        self.wire.send(&response, None);
    }

    /// The server's own URI.
    pub fn own(&self) -> String {
        let transport = match self.wire.transport() {
            "TCP" => ";transport=tcp",
            _ => "",
        };
        format!("<sip:focus@{}{transport}>", self.address)
    }

    /// 200 to a SUBSCRIBE, with all that belongs to it.
    pub fn accept(&mut self, asked: &Message) {
        let expires = asked.get("Expires").unwrap_or("3600").to_owned();
        let contact = self.own();
        self.answer(asked, 200, &[("Contact", &contact), ("Expires", &expires)]);
    }

    /// 200 to a REGISTER: its binding, and these headers.
    pub fn register(&mut self, asked: &Message, headers: &[(&str, &str)]) {
        let contact = asked.get("Contact").unwrap_or_default().to_owned();
        let contact = format!("{contact};expires=600");
        let mut all = headers.to_vec();
        if asked.get("Expires") != Some("0") {
            all.push(("Contact", &contact));
        }
        self.answer(asked, 200, &all);
    }

    /// A NOTIFY in the dialog of a SUBSCRIBE; content type and body where there is one.
    pub fn notify(&mut self, asked: &Message, state: &str, content: Option<(&str, &str)>) {
        self.cseq += 1;
        let to = asked.get("To").unwrap_or_default();
        let from = match param(to, "tag") {
            Some(_) => to.to_owned(),
            None => format!("{to};tag=focus"),
        };
        let contact = asked.get("Contact").unwrap_or_default().to_owned();
        let (wire, address) = (self.wire.transport(), &self.address);
        let mut notify = Message {
            first: format!("NOTIFY {} SIP/2.0", uri_of(&contact)),
            ..Message::default()
        }
        .with(
            "Via",
            format!("SIP/2.0/{wire} {address};branch=z9hG4bKp{}", self.cseq),
        )
        .with("Max-Forwards", "70")
        .with("From", from)
        .with("To", asked.get("From").unwrap_or_default())
        .with("Call-ID", asked.get("Call-ID").unwrap_or_default())
        .with("CSeq", format!("{} NOTIFY", self.cseq))
        .with("Contact", self.own())
        .with("Event", asked.get("Event").unwrap_or_default())
        .with("Subscription-State", state);
        if let Some((content_type, body)) = content {
            notify = notify.with("Content-Type", content_type);
            notify.body = body.as_bytes().to_vec();
        }
        self.wire.send(&notify, Some(&contact));
    }

    /// A NOTIFY with the next version of the whole conference: alice and bob.
    pub fn notify_full(&mut self, asked: &Message) {
        self.version += 1;
        let text = document(self.version, "full", &["alice", "bob"]);
        self.notify(asked, "active;expires=3600", Some((CONFERENCE_INFO, &text)));
    }
}

/// A running SIP core.
#[derive(Debug)]
pub struct Core {
    /// `127.0.0.1:PORT`.
    pub address: String,
    asked: Arc<Mutex<Vec<(String, String)>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Core {
    /// Methods of the requests so far, each with its Expires.
    ///
    /// # Panics
    /// When the script did.
    pub fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().expect("the script goes on").clone()
    }

    /// Starts one that does what the script says.
    pub fn start(transport: Transport, script: Script) -> Self {
        let wire = Socket::listen(transport);
        let address = wire.address();
        let over = Arc::new(AtomicBool::new(false));
        let talk = Talk {
            wire,
            address: address.clone(),
            cseq: 0,
            version: 0,
            registers: 0,
            subscribes: 0,
        };
        let asked = Arc::<Mutex<_>>::default();
        let (wanted, heard) = (over.clone(), asked.clone());
        let thread = std::thread::spawn(move || play(talk, &script, &wanted, &heard));
        Self {
            address,
            asked,
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let panicked = self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err());
        assert!(!panicked || std::thread::panicking(), "the script panicked");
    }
}

fn play(mut talk: Talk, script: &Script, over: &AtomicBool, heard: &Mutex<Vec<(String, String)>>) {
    let mut seen = HashSet::new();
    while !over.load(Ordering::Relaxed) {
        let Some(message) = talk.wire.receive(TICK) else {
            continue;
        };
        let id = format!("{:?} {:?}", message.get("Call-ID"), message.get("CSeq"));
        if message.status().is_some() || !seen.insert(id) {
            continue;
        }
        let expires = message.get("Expires").unwrap_or_default();
        let request = (message.method().to_owned(), expires.to_owned());
        heard.lock().expect("nobody panics with it").push(request);
        let reply = match message.method() {
            "OPTIONS" => script.options,
            "REGISTER" => {
                talk.registers += 1;
                script.register
            }
            "SUBSCRIBE" => {
                let event = message.get("Event").unwrap_or_default();
                let in_dialog = param(message.get("To").unwrap_or_default(), "tag").is_some();
                if !event.starts_with("conference") {
                    script.documents
                } else if message.get("Expires") == Some("0") {
                    script.unsubscribe
                } else if in_dialog {
                    script.refresh
                } else {
                    talk.subscribes += 1;
                    script.subscribe
                }
            }
            _ => continue,
        };
        reply(&mut talk, &message);
    }
}

/// What is wrong with an XDMS.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// The root is right, and there are capabilities; false: 404 to everything.
    pub root: bool,
    /// The user's list; none is no document.
    pub document: Option<&'static str>,
    /// Status to each PUT and DELETE; none does it.
    pub refuses: Option<u16>,
    /// Entity tags are given.
    pub tags: bool,
    /// If-Match and If-None-Match are honoured.
    pub conditions: bool,
    /// A challenge to everybody; no password is good enough.
    pub challenge: Option<&'static str>,
    /// Status to GET of the document in place of what is there.
    pub get: Option<u16>,
    /// The user's access rules; none are there without.
    pub rules: Option<&'static str>,
    /// The type of the document.
    pub content_type: &'static str,
}

/// A list of one user.
pub const LIST: &str = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"oma_blockedcontacts\">\
     <entry uri=\"sip:mallory@example.org\"/></list></resource-lists>";

/// Nothing is wrong with it.
pub const GOOD: Store = Store {
    root: true,
    document: Some(LIST),
    refuses: None,
    tags: true,
    conditions: true,
    challenge: None,
    get: None,
    rules: None,
    content_type: "application/resource-lists+xml",
};

/// A running XDMS, which knows one document.
#[derive(Debug)]
pub struct Xdms {
    /// Its XCAP root.
    pub root: String,
    address: std::net::SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<String>>>,
}

impl Xdms {
    /// Starts one.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn start(store: Store) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let over = Arc::new(AtomicBool::new(false));
        let wanted = over.clone();
        let thread = std::thread::spawn(move || {
            let mut held = store.document.map(str::to_owned);
            let mut version = 1;
            while let Ok((stream, _)) = listener.accept() {
                if wanted.load(Ordering::Relaxed) {
                    break;
                }
                // A connection that breaks off is asked for anew.
                let _ = serve(stream, &store, &mut held, &mut version);
            }
            held
        });
        Self {
            root: format!("http://{address}/root"),
            address,
            over,
            thread: Some(thread),
        }
    }

    /// Ends it: the document as it was left.
    pub fn left(mut self) -> Option<String> {
        self.end()
    }

    fn end(&mut self) -> Option<String> {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect(self.address);
        self.thread
            .take()
            .and_then(|thread| thread.join().ok().flatten())
    }
}

impl Drop for Xdms {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(
    mut stream: TcpStream,
    store: &Store,
    held: &mut Option<String>,
    version: &mut u32,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let mut pairs = lines.iter().filter_map(|line| line.split_once(':'));
        let found = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let length = header("Content-Length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut words = lines.first().map_or("", |line| line.as_str()).split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let tag = format!("\"v{version}\"");
    let allowed = match (header("If-Match"), header("If-None-Match")) {
        _ if !store.conditions => true,
        (Some(wanted), _) => held.is_some() && wanted == tag,
        (None, Some(_)) => held.is_none(),
        (None, None) => true,
    };
    let own = format!("/root/resource-lists/users/{ALICE}/index");
    let is_own = path.replace("%3A", ":").replace("%40", "@") == own;
    let mut headers = Vec::new();
    let (status, content): (u16, &str) = if let Some(challenge) = store.challenge {
        headers.push(format!("WWW-Authenticate: {challenge}"));
        (401, "")
    } else if !store.root {
        (404, "")
    } else if path == "/root/xcap-caps/global/index" {
        headers.push("Content-Type: application/xcap-caps+xml".to_owned());
        (
            200,
            "<xcap-caps xmlns=\"urn:ietf:params:xml:ns:xcap-caps\"><auids><auid>resource-lists</auid><auid>xcap-caps</auid></auids>\
             <namespaces/></xcap-caps>",
        )
    } else if let (true, Some(rules)) = (path.ends_with("/access-rules"), store.rules) {
        headers.push("Content-Type: application/auth-policy+xml".to_owned());
        (200, rules)
    } else if !is_own {
        (404, "")
    } else {
        match (method, &*held, store.refuses) {
            ("GET", ..) if store.get.is_some() => (store.get.unwrap_or(500), ""),
            ("GET", None, _) => (404, ""),
            ("GET", Some(document), _) => {
                headers.push(format!("Content-Type: {}", store.content_type));
                (200, document.as_str())
            }
            (_, _, Some(status)) => (status, ""),
            _ if !allowed => (412, ""),
            ("PUT", ..) => {
                *held = Some(String::from_utf8_lossy(&body).into_owned());
                *version += 1;
                (200, "")
            }
            ("DELETE", ..) => {
                *held = None;
                (200, "")
            }
            _ => (405, ""),
        }
    };
    if store.tags && is_own && held.is_some() && status == 200 {
        headers.push(format!("ETag: \"v{version}\""));
    }
    let mut answer = format!(
        "HTTP/1.1 {status} As The Script Says\r\nContent-Length: {}\r\nConnection: close\r\n",
        content.len()
    );
    for header in headers {
        answer += &format!("{header}\r\n");
    }
    stream.write_all(format!("{answer}\r\n{content}").as_bytes())
}
