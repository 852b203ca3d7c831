//! NOTIFYs over loopback to an ezk host with the plugin, beside the engine alone (P9).

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;

use cpu_time::ThreadTime;
use rollmark::Account;
use rollmark_core::header;
use rollmark_core::message::Headers;
use rollmark_ua::{Settings, Transport, UserAgent};
use tokio::sync::mpsc;

use super::documents::{self, Detail};
use super::many::{self, Many};
use super::{jobs, timing};

/// NOTIFYs of one slice.
const SLICE: usize = 200;
/// Slices of each side.
const ROUNDS: usize = 25;
/// The longest that a message on loopback may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found: medians.
pub(super) struct Ratio {
    /// Engine ÷ host.
    pub(super) ratio: f64,
    /// Seconds of CPU time per NOTIFY.
    pub(super) engine: f64,
    /// Seconds of CPU time per NOTIFY.
    pub(super) host: f64,
}

/// What goes wrong around the measurement.
type Fault = Box<dyn std::error::Error>;

/// Measures both by turns, with the same documents.
pub(super) fn ratio() -> Result<Ratio, Fault> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let host = Host::start(socket.local_addr()?);
    let mut notifier = Notifier::accept(socket)?;
    let document = documents::full(many::USERS, Detail::Brief, jobs::SEED);
    notifier.notify(&document)?;

    let mut many = Many::idle(1);
    let request = many.dialogs[0].notify(&document);
    many::take(&mut many.engine, &request);

    let (mut ratios, mut engines, mut hosts) = (Vec::new(), Vec::new(), Vec::new());
    let partials: Vec<String> = many::partials(SLICE * (ROUNDS + 1)).collect();
    for (round, partials) in partials.chunks(SLICE).enumerate() {
        let before = host.taken()?;
        for partial in partials {
            notifier.notify(partial)?;
        }
        let host = (host.taken()? - before).as_secs_f64() / SLICE as f64;
        let dialog = &mut many.dialogs[0];
        let requests: Vec<_> = partials.iter().map(|p| dialog.notify(p)).collect();
        let (engine, events) = timing::once(|| {
            let events = requests.iter().map(|r| many::take(&mut many.engine, r));
            events.sum::<usize>()
        });
        if events < SLICE {
            return Err(format!("{events} events of {SLICE} NOTIFYs").into());
        }
        let engine = engine / SLICE as f64;
        // The first round only warms up.
        if round > 0 {
            ratios.push(engine / host);
            engines.push(engine);
            hosts.push(host);
        }
    }
    Ok(Ratio {
        ratio: timing::median(ratios),
        engine: timing::median(engines),
        host: timing::median(hosts),
    })
}

/// A user agent on a thread of its own, with all its tasks, so that the thread's time is the host's.
struct Host {
    samples: mpsc::UnboundedSender<std_mpsc::Sender<Duration>>,
}

impl Host {
    /// Starts one that subscribes to [`documents::CONFERENCE`] by way of `server`.
    fn start(server: SocketAddr) -> Self {
        let (samples, inbox) = mpsc::unbounded_channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(run(server, inbox));
        });
        Self { samples }
    }

    /// CPU time of the host up to now.
    fn taken(&self) -> Result<Duration, Fault> {
        let (reply, answer) = std_mpsc::channel();
        self.samples.send(reply)?;
        Ok(answer.recv_timeout(PATIENCE)?)
    }
}

async fn run(server: SocketAddr, mut samples: mpsc::UnboundedReceiver<std_mpsc::Sender<Duration>>) {
    let start = ThreadTime::now();
    let settings = Settings {
        server: Some(server.to_string()),
        transport: Transport::Udp,
        ca: None,
    };
    let agent = UserAgent::start(settings, Account::new("sip:alice@example.com"))
        .await
        .expect("a user agent on loopback");
    let mut conference = agent
        .conferences
        .subscribe(documents::CONFERENCE)
        .await
        .expect("a conference URI");
    loop {
        tokio::select! {
            event = conference.next() => assert!(event.is_some(), "the subscription ended"),
            sample = samples.recv() => match sample {
                Some(reply) => { let _ = reply.send(start.elapsed()); }
                None => return,
            },
        }
    }
}

/// The other end of the subscription.
struct Notifier {
    socket: UdpSocket,
    peer: SocketAddr,
    local: SocketAddr,
    contact: String,
    from: String,
    to: String,
    call_id: String,
    cseq: u32,
}

impl Notifier {
    /// Waits for the SUBSCRIBE and accepts it.
    fn accept(socket: UdpSocket) -> Result<Self, Fault> {
        let mut datagram = [0; 65_535];
        let (length, peer) = socket.recv_from(&mut datagram)?;
        let text = std::str::from_utf8(&datagram[..length])?;
        let mut lines = text.split("\r\n");
        let method = lines.next().unwrap_or_default();
        if !method.starts_with("SUBSCRIBE ") {
            return Err(format!("{method:?} is no SUBSCRIBE").into());
        }
        let headers: Headers = lines.filter_map(|line| line.split_once(':')).collect();
        let get = |name| {
            let value = headers.get(name);
            value.ok_or_else(|| Fault::from(format!("a SUBSCRIBE without {name}")))
        };
        let contact = header::Address::parse(get("Contact")?).ok_or("no Contact")?;
        let local = socket.local_addr()?;
        let notifier = Self {
            contact: contact.uri,
            from: format!("{};tag=focus0123456789", get("To")?),
            to: get("From")?.into(),
            call_id: get("Call-ID")?.into(),
            cseq: 0,
            socket,
            peer,
            local,
        };
        let answer = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:focus@{local}>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
            get("Via")?,
            notifier.to,
            notifier.from,
            notifier.call_id,
            get("CSeq")?
        );
        notifier.socket.send_to(answer.as_bytes(), peer)?;
        Ok(notifier)
    }

    /// Sends a document and waits until it is answered.
    fn notify(&mut self, document: &str) -> Result<(), Fault> {
        self.cseq += 1;
        let local = self.local;
        let message = format!(
            "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{:08}\r\nMax-Forwards: 69\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} NOTIFY\r\nContact: <sip:focus@{local}>\r\n\
             Event: conference\r\nSubscription-State: active;expires=3600\r\n\
             Content-Type: application/conference-info+xml\r\nContent-Length: {}\r\n\r\n{document}",
            self.contact,
            self.cseq,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            document.len()
        );
        self.socket.send_to(message.as_bytes(), self.peer)?;
        let mut datagram = [0; 65_535];
        let (length, _) = self.socket.recv_from(&mut datagram)?;
        if !datagram[..length].starts_with(b"SIP/2.0 200 ") {
            let text = String::from_utf8_lossy(&datagram[..length]);
            return Err(format!("NOTIFY {} is answered by {text}", self.cseq).into());
        }
        Ok(())
    }
}
