//! A P-CSCF and notifier that the test itself plays, message by message, over UDP: for what a real core does not do.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::ims::{ImsLab, values};
use crate::process::PATIENCE;

/// The played server. Repeated requests are passed over; nobody answers by himself.
#[derive(Debug)]
pub struct Pcscf {
    socket: UdpSocket,
    seen: HashSet<String>,
    /// Where the user agent sends from.
    peer: Option<SocketAddr>,
    cseq: u32,
}

impl Pcscf {
    /// On a free port.
    ///
    /// # Panics
    /// When loopback has none.
    pub fn start() -> Self {
        Self {
            socket: UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port"),
            seen: HashSet::new(),
            peer: None,
            cseq: 0,
        }
    }

    /// `127.0.0.1:PORT`.
    ///
    /// # Panics
    /// Never: it is bound.
    pub fn addr(&self) -> String {
        let addr = self.socket.local_addr().expect("it is bound");
        addr.to_string()
    }

    /// The next message that begins so.
    ///
    /// # Panics
    /// When another comes, or none.
    pub fn expect(&mut self, start: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let message = self.receive(deadline);
        let message = message.unwrap_or_else(|| panic!("no {start} in {PATIENCE:?}"));
        assert!(message.starts_with(start), "{start} is due: {message}");
        message
    }

    /// Where the user agent sends from.
    ///
    /// # Panics
    /// When nothing has come from it.
    pub fn peer(&self) -> SocketAddr {
        self.peer.expect("it has sent something")
    }

    /// Asserts that nothing new comes for a while.
    ///
    /// # Panics
    /// When something does.
    pub fn expect_silence(&mut self, pause: Duration) {
        let message = self.receive(Instant::now() + pause);
        assert_eq!(message, None, "nothing more is due");
    }

    fn receive(&mut self, deadline: Instant) -> Option<String> {
        let mut buffer = vec![0; 65_535];
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            self.socket
                .set_read_timeout(Some(left))
                .expect("a timeout above zero");
            let Ok((length, peer)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let id = format!("{:?} {:?}", values(&message, "Via"), message.lines().next());
            if !message.trim().is_empty() && self.seen.insert(id) {
                self.peer = Some(peer);
                if message.starts_with("SUBSCRIBE ") && values(&message, "Event") == ["reg"] {
                    // A core without registration state; nobody asks it twice.
                    self.answer(&message, "489 Bad Event", &[]);
                    continue;
                }
                return Some(message);
            }
        }
    }

    /// Answers a request, with more header lines.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn answer(&self, request: &str, status: &str, more: &[&str]) {
        self.send(&Self::answer_to(request, status, more));
    }

    /// The answer to a request, with more header lines.
    pub fn answer_to(request: &str, status: &str, more: &[&str]) -> String {
        let mut answer = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in values(request, name) {
                let tag = if name == "To" && !value.contains(";tag=") {
                    ";tag=server"
                } else {
                    ""
                };
                answer += &format!("{name}: {value}{tag}\r\n");
            }
        }
        for line in more {
            answer += &format!("{line}\r\n");
        }
        answer + "Content-Length: 0\r\n\r\n"
    }

    /// Takes the next REGISTER, with these header lines beside Contact in the answer; gives the request.
    pub fn register(&mut self, more: &[&str]) -> String {
        let request = self.expect("REGISTER ");
        let contact = values(&request, "Contact")[0];
        let contact = format!("Contact: {contact};expires=600");
        let lines: Vec<&str> = more.iter().copied().chain([contact.as_str()]).collect();
        self.answer(&request, "200 OK", &lines);
        request
    }

    /// Takes the REGISTER that removes the binding.
    pub fn deregister(&mut self) {
        let request = self.expect("REGISTER ");
        assert_eq!(values(&request, "Expires"), ["0"], "{request}");
        self.answer(&request, "200 OK", &[]);
    }

    /// Accepts a SUBSCRIBE.
    pub fn accept(&self, request: &str) {
        let expires = format!("Expires: {}", values(request, "Expires")[0]);
        let contact = format!("Contact: <sip:focus@{}>", self.addr());
        self.answer(request, "200 OK", &[&expires, &contact]);
    }

    /// A NOTIFY in the dialog that a SUBSCRIBE made, with these users and more header lines.
    ///
    /// # Panics
    /// When the SUBSCRIBE has no Contact.
    pub fn notification(
        &mut self,
        subscribe: &str,
        state: &str,
        users: &[&str],
        more: &[&str],
    ) -> String {
        self.cseq += 1;
        let contact = values(subscribe, "Contact")[0];
        let target = contact.trim_start_matches('<').split('>').next();
        let rows: String = users
            .iter()
            .map(|name| {
                let uri = ImsLab::uri(name);
                format!("<user entity=\"{uri}\"><endpoint entity=\"{uri}\"><status>connected</status></endpoint></user>")
            })
            .collect();
        let body = format!(
            "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"{}\" state=\"full\" version=\"{}\"><users>{rows}</users></conference-info>",
            ImsLab::uri("conf-room"),
            self.cseq
        );
        let to = values(subscribe, "From")[0];
        let from = values(subscribe, "To")[0].replace(";tag=server", "");
        let mut message = format!(
            "NOTIFY {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKn{}\r\nMax-Forwards: 70\r\nFrom: {from};tag=server\r\n\
             To: {to}\r\nCall-ID: {}\r\nCSeq: {} NOTIFY\r\nContact: <sip:focus@{}>\r\nEvent: conference\r\n\
             Subscription-State: {state}\r\nContent-Type: application/conference-info+xml\r\n",
            target.expect("a URI"),
            self.addr(),
            self.cseq,
            values(subscribe, "Call-ID")[0],
            self.cseq,
            self.addr(),
        );
        for line in more {
            message += &format!("{line}\r\n");
        }
        message + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// Sends one and gives the answer's first line.
    ///
    /// # Panics
    /// When something else comes than an answer.
    pub fn notify(&mut self, notification: &str) -> String {
        self.send(notification);
        let answer = self.expect("SIP/2.0 ");
        assert!(values(&answer, "CSeq")[0].ends_with("NOTIFY"), "{answer}");
        answer
    }

    /// Sends a message to where the user agent sends from.
    ///
    /// # Panics
    /// When nothing has come from it.
    pub fn send(&self, message: &str) {
        let sent = self.socket.send_to(message.as_bytes(), self.peer());
        sent.expect("loopback takes it");
    }

    /// Takes the unsubscribe, with the last NOTIFY, and the end of the registration.
    pub fn see_out(&mut self, subscribe: &str) {
        let last = self.expect("SUBSCRIBE ");
        assert_eq!(values(&last, "Expires"), ["0"], "{last}");
        self.accept(&last);
        let farewell = self.notification(subscribe, "terminated;reason=timeout", &[], &[]);
        self.notify(&farewell);
        self.deregister();
    }
}
