//! What carries messages between the scripted notifier and a host: a real socket, or memory on a simulated clock.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::message::{Message, uri_of};

/// Messages in both directions.
pub trait Wire: Debug {
    /// Where the notifier is reached: `HOST:PORT`.
    fn address(&self) -> String;
    /// `UDP` or `TCP`, for Via.
    fn transport(&self) -> &'static str;
    /// Sends a response where its request came from, or a request to this Contact.
    fn send(&mut self, message: &Message, contact: Option<&str>);
    /// The next message, or none if none comes within this time.
    fn receive(&mut self, within: Duration) -> Option<Message>;
    /// Closes the connection of the latest message, as a NAT does; nothing where there are no connections.
    fn hang_up(&mut self) {}
}

/// How messages travel over a real socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Connections made by the host.
    Tcp,
}

/// How often the readers look whether the socket is still wanted.
const TICK: Duration = Duration::from_millis(100);

/// A socket of its own on loopback. Dropping it ends its threads.
#[derive(Debug)]
pub struct Socket {
    address: SocketAddr,
    udp: Option<UdpSocket>,
    /// The connection that brought the latest message, and the address that sent the latest datagram.
    last: Arc<Mutex<(Option<TcpStream>, Option<SocketAddr>)>>,
    messages: Receiver<Message>,
    closed: Arc<AtomicBool>,
}

impl Socket {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub fn listen(transport: Transport) -> Self {
        let (sender, messages) = channel();
        let last = Arc::new(Mutex::new((None, None)));
        let closed = Arc::new(AtomicBool::new(false));
        let here = (Ipv4Addr::LOCALHOST, 0);
        let (address, udp) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(here).expect("a UDP port of 127.0.0.1");
                socket.set_read_timeout(Some(TICK)).expect("a timeout");
                let reader = socket.try_clone().expect("a second handle");
                let (last, closed) = (last.clone(), closed.clone());
                std::thread::spawn(move || read_datagrams(&reader, &sender, &last, &closed));
                (socket.local_addr(), Some(socket))
            }
            Transport::Tcp => {
                let listener = TcpListener::bind(here).expect("a TCP port of 127.0.0.1");
                let address = listener.local_addr();
                listener
                    .set_nonblocking(true)
                    .expect("a listener that looks up");
                let (last, closed) = (last.clone(), closed.clone());
                std::thread::spawn(move || accept(&listener, &sender, &last, &closed));
                (address, None)
            }
        };
        Self {
            address: address.expect("a bound socket has an address"),
            udp,
            last,
            messages,
            closed,
        }
    }
}

type Last = Mutex<(Option<TcpStream>, Option<SocketAddr>)>;

fn read_datagrams(socket: &UdpSocket, to: &Sender<Message>, last: &Last, closed: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !closed.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        if let Some(message) = Message::take(&mut buffer[..length].to_vec(), false) {
            last.lock().expect("no reader panics").1 = Some(from);
            if to.send(message).is_err() {
                return;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    to: &Sender<Message>,
    last: &Arc<Last>,
    closed: &Arc<AtomicBool>,
) {
    while !closed.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::park_timeout(TICK / 10);
            continue;
        };
        let (to, last, closed) = (to.clone(), last.clone(), closed.clone());
        std::thread::spawn(move || read_stream(stream, &to, &last, &closed));
    }
}

fn read_stream(mut stream: TcpStream, to: &Sender<Message>, last: &Last, closed: &AtomicBool) {
    let ready =
        stream.set_nonblocking(false).is_ok() && stream.set_read_timeout(Some(TICK)).is_ok();
    let (mut buffer, mut piece) = (Vec::new(), vec![0; 65_536]);
    while ready && !closed.load(Ordering::Relaxed) {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => buffer.extend_from_slice(&piece[..length]),
            Err(e)
                if matches!(
                    e.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(_) => return,
        }
        while let Some(message) = Message::take(&mut buffer, true) {
            last.lock().expect("no reader panics").0 = stream.try_clone().ok();
            if to.send(message).is_err() {
                return;
            }
        }
    }
}

impl Wire for Socket {
    fn address(&self) -> String {
        self.address.to_string()
    }

    fn transport(&self) -> &'static str {
        if self.udp.is_some() { "UDP" } else { "TCP" }
    }

    fn send(&mut self, message: &Message, contact: Option<&str>) {
        let mut last = self.last.lock().expect("no reader panics");
        if let Some(udp) = &self.udp {
            let to = match contact {
                Some(contact) => Some(host_port(contact)),
                None => last.1,
            };
            let to = to.expect("a response goes where its request came from");
            udp.send_to(&message.bytes(), to)
                .expect("a datagram can be sent");
        } else {
            let stream = last.0.as_mut().expect("the host has connected");
            // A connection that the host has closed shows as a message that does not come.
            let _ = stream.write_all(&message.bytes());
        }
    }

    fn receive(&mut self, within: Duration) -> Option<Message> {
        self.messages.recv_timeout(within).ok()
    }

    fn hang_up(&mut self) {
        let last = self.last.lock().expect("no reader panics").0.take();
        if let Some(stream) = last {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// The address in a Contact, which must be reachable as it stands (RFC 3261 §8.1.1.8).
fn host_port(contact: &str) -> SocketAddr {
    let uri = uri_of(contact);
    let rest = uri.split_once('@').map_or(uri, |(_, rest)| rest);
    let rest = rest.split([';', '?']).next().unwrap_or_default();
    rest.parse()
        .unwrap_or_else(|_| panic!("nobody can be reached at the Contact {contact:?}"))
}
