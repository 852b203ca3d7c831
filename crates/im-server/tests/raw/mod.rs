//! A subscriber made of text and a bare socket: knows nothing of the stack below the server.

#![allow(dead_code, reason = "each test file uses its share")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How long a test waits for a message that must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) const ROOM: &str = "sip:room@example.org";

/// A received message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) start: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Message {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("end of headers");
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("header");
            (name.trim().to_owned(), value.trim().to_owned())
        });
        Self {
            start,
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    pub(crate) fn cseq(&self) -> u32 {
        let (number, _) = self.header("CSeq").split_once(' ').unwrap();
        number.parse().unwrap()
    }

    /// State and version of the document, which must be well-formed.
    pub(crate) fn document(&self) -> (String, u32) {
        use quick_xml::events::Event;
        assert_eq!(
            self.header("Content-Type"),
            "application/conference-info+xml"
        );
        let mut reader = quick_xml::Reader::from_str(&self.body);
        let mut root = None;
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Start(element) | Event::Empty(element) => {
                    let attributes: Vec<(String, String)> = element
                        .attributes()
                        .map(|attribute| attribute.expect("attribute"))
                        .map(|a| {
                            (
                                a.key.as_ref().to_owned(),
                                a.normalized_value(quick_xml::XmlVersion::Explicit1_0)
                                    .unwrap()
                                    .into(),
                            )
                        })
                        .collect();
                    root.get_or_insert(attributes);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let root = root.expect("root element");
        let attribute = |name: &str| {
            let found = root.iter().find(|(key, _)| key == name);
            found.expect("attribute of the root").1.clone()
        };
        assert_eq!(attribute("entity"), ROOM);
        (attribute("state"), attribute("version").parse().unwrap())
    }
}

/// Where the messages go.
enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// One subscriber with one dialog.
pub(crate) struct Subscriber {
    wire: Wire,
    local: SocketAddr,
    call_id: String,
    cseq: u32,
    /// Request-URI; the Contact of the notifier once there is a dialog.
    pub(crate) target: String,
    /// To value; with the tag of the notifier once there is a dialog.
    pub(crate) to: String,
    /// Lines put into every SUBSCRIBE.
    pub(crate) extra: String,
    pub(crate) event: String,
    /// Body of every SUBSCRIBE.
    pub(crate) body: String,
}

impl Subscriber {
    pub(crate) async fn udp(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        let local = socket.local_addr().unwrap();
        Self::new(Wire::Udp(socket), local)
    }

    pub(crate) async fn tcp(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        let local = stream.local_addr().unwrap();
        Self::new(Wire::Tcp(stream, Vec::new()), local)
    }

    fn new(wire: Wire, local: SocketAddr) -> Self {
        Self {
            wire,
            local,
            call_id: format!("call-{local}"),
            cseq: 0,
            target: ROOM.into(),
            to: format!("<{ROOM};transport=tcp>"),
            extra: String::new(),
            event: "conference".into(),
            body: String::new(),
        }
    }

    /// Sends a SUBSCRIBE.
    pub(crate) async fn send_subscribe(&mut self, expires: u32) {
        self.cseq += 1;
        let Self {
            local,
            call_id,
            cseq,
            target,
            to,
            extra,
            event,
            body,
            wire,
        } = self;
        let (name, parameter) = match wire {
            Wire::Udp(_) => ("UDP", ""),
            Wire::Tcp(..) => ("TCP", ";transport=tcp"),
        };
        let text = format!(
            "SUBSCRIBE {target} SIP/2.0\r\nVia: SIP/2.0/{name} {local};branch=z9hG4bK-{cseq}-{}\r\n\
             Max-Forwards: 70\r\nFrom: \"W\" <sip:watcher@example.org:5070>;tag=w1\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:watcher@{local}{parameter}>\r\n\
             Event: {event}\r\nExpires: {expires}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            local.port(),
            body.len()
        );
        self.send(&text).await;
    }

    /// Sends a SUBSCRIBE and takes the response; takes over the dialog if it is accepted.
    pub(crate) async fn subscribe(&mut self, expires: u32) -> Message {
        self.send_subscribe(expires).await;
        let response = self.receive().await;
        assert!(response.start.starts_with("SIP/2.0 "), "{response:?}");
        if response.start.starts_with("SIP/2.0 20") {
            self.to = response.header("To").to_owned();
            let contact = response.header("Contact");
            let (_, uri) = contact.split_once('<').expect("Contact");
            self.target = uri.split_once('>').expect("Contact").0.to_owned();
        }
        response
    }

    /// The next message, a NOTIFY, left unanswered.
    pub(crate) async fn notify_unanswered(&mut self) -> Message {
        let message = self.receive().await;
        assert!(message.start.starts_with("NOTIFY "), "{message:?}");
        message
    }

    /// The next message, a NOTIFY, answered with 200.
    pub(crate) async fn notify(&mut self) -> Message {
        let message = self.notify_unanswered().await;
        self.answer(&message, "200 OK").await;
        message
    }

    pub(crate) async fn answer(&mut self, request: &Message, status: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in request.all(name) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        self.send(&text).await;
    }

    async fn send(&mut self, text: &str) {
        match &mut self.wire {
            Wire::Udp(socket) => drop(socket.send(text.as_bytes()).await.unwrap()),
            Wire::Tcp(stream, _) => stream.write_all(text.as_bytes()).await.unwrap(),
        }
    }

    /// Whether no datagram has come that was not taken yet.
    pub(crate) async fn nothing_waits(&self) -> bool {
        match &self.wire {
            Wire::Udp(socket) => socket.try_recv(&mut [0]).is_err(),
            Wire::Tcp(..) => panic!("for datagrams only"),
        }
    }

    async fn receive(&mut self) -> Message {
        let text = tokio::time::timeout(DEADLINE, async {
            match &mut self.wire {
                Wire::Udp(socket) => {
                    let mut buffer = vec![0; 65_535];
                    let length = socket.recv(&mut buffer).await.unwrap();
                    String::from_utf8(buffer[..length].to_vec()).unwrap()
                }
                Wire::Tcp(stream, buffer) => read_stream(stream, buffer).await,
            }
        });
        Message::parse(&text.await.expect("a message in time"))
    }
}

/// One message of a stream, cut by its Content-Length; keep-alives are skipped.
async fn read_stream(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> String {
    loop {
        while buffer.starts_with(b"\r\n") {
            buffer.drain(..2);
        }
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.split("\r\n").find_map(|line| {
                let value = line.strip_prefix("Content-Length:")?;
                value.trim().parse::<usize>().ok()
            });
            let end = head.len() + 4 + length.expect("Content-Length");
            if buffer.len() >= end {
                let message: Vec<u8> = buffer.drain(..end).collect();
                return String::from_utf8(message).unwrap();
            }
        }
        assert_ne!(
            stream.read_buf(buffer).await.unwrap(),
            0,
            "connection closed"
        );
    }
}
