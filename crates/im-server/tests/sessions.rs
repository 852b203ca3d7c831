//! Calls to the focus, by a caller of bare text (RFC 4579 §5.1, RFC 3261 §13, §14.2, §15).

mod raw;

use std::net::SocketAddr;

use raw::{DEADLINE, ROOM, Subscriber};
use rollmark_im_server::{
    Conference, DisconnectionMethod, FinalDocument, Focus, ImServer, InviteError, JoiningMethod,
    MAX_SESSIONS, Settings, Status,
};
use tokio::net::UdpSocket;
use tokio::time::timeout;

const SDP: &str = "v=0\r\nm=message 9 TCP/MSRP *\r\na=path:msrp://127.0.0.1:9/x;tcp\r\n";

struct Phone {
    socket: UdpSocket,
    local: SocketAddr,
    to: String,
    target: String,
    cseq: u32,
    call: usize,
}

impl Phone {
    async fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        let local = socket.local_addr().unwrap();
        Self {
            socket,
            local,
            to: format!("<{ROOM}>"),
            target: ROOM.into(),
            cseq: 0,
            call: 0,
        }
    }

    async fn send(&mut self, method: &str, body: &str) {
        if method != "ACK" {
            self.cseq += 1;
        }
        let Self {
            local,
            to,
            target,
            cseq,
            call,
            ..
        } = self;
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{method}-{cseq}-{port}-{call}\r\nMax-Forwards: 70\r\n\
             From: \"Al\" <sip:al@example.org;x=1>;tag=a1\r\nTo: {to}\r\nCall-ID: call-{call}-{local}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:al@{local}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
            port = local.port()
        );
        self.socket.send(text.as_bytes()).await.unwrap();
    }

    async fn receive(&self) -> String {
        let mut buffer = vec![0; 65_535];
        let length = timeout(DEADLINE, self.socket.recv(&mut buffer)).await;
        buffer.truncate(length.expect("a message in time").unwrap());
        String::from_utf8(buffer).unwrap()
    }

    /// The next message that begins so; repetitions of what came before are passed over.
    async fn expect(&self, start: &str) -> String {
        loop {
            let text = self.receive().await;
            if text.starts_with(start) {
                return text;
            }
        }
    }

    async fn join(&mut self) -> String {
        self.send("INVITE", SDP).await;
        let text = self.expect("SIP/2.0 200").await;
        self.to = header(&text, "To").to_owned();
        let contact = header(&text, "Contact");
        let (uri, _) = contact.trim_start_matches('<').split_once('>').unwrap();
        self.target = uri.to_owned();
        text
    }
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map_or("", |(_, value)| value.trim())
}

async fn start(settings: Settings) -> (ImServer, Focus) {
    let server = ImServer::bind(settings).await.unwrap();
    let focus = server
        .create_conference(ROOM, Conference::new("Talk"))
        .unwrap();
    (server, focus)
}

/// OMA-05: the answer names the focus and a session identity, by which the conference can be watched; BYE ends it.
#[tokio::test]
async fn a_caller_is_let_in_and_departs() {
    let (server, focus) = start(Settings::default()).await;
    let mut phone = Phone::new(server.udp_addr()).await;
    let answer = phone.join().await;
    let contact = header(&answer, "Contact");
    assert!(
        contact.starts_with("<sip:room-") && contact.contains(";gr="),
        "{contact}"
    );
    assert!(contact.ends_with(">;isfocus"), "{contact}");
    assert!(header(&answer, "Allow-Events").contains("conference"));
    assert_eq!(header(&answer, "Content-Type"), "application/sdp");
    assert!(answer.contains("m=message ") && answer.contains("a=path:msrp://"));
    // Without an ACK the answer comes again (RFC 3261 §13.3.1.4).
    assert_eq!(phone.expect("SIP/2.0 200").await, answer);
    phone.send("ACK", "").await;
    let user = focus.conference().unwrap().users()[0].clone();
    assert_eq!(user.entity, "sip:al@example.org");
    assert_eq!(user.display_text.as_deref(), Some("Al"));
    assert_eq!(
        user.endpoints[0].joining_method,
        Some(JoiningMethod::DialedIn)
    );
    assert_eq!(user.endpoints[0].status, Some(Status::Connected));

    let mut watcher = Subscriber::udp(server.udp_addr()).await;
    watcher.target = phone.target.clone();
    watcher.subscribe(600).await;
    assert!(watcher.notify().await.body.contains("sip:al@example.org"));

    phone.send("INVITE", SDP).await;
    phone.expect("SIP/2.0 488").await;
    phone.send("ACK", "").await;
    phone.send("BYE", "").await;
    phone.expect("SIP/2.0 200").await;
    let left = watcher.notify().await;
    assert!(left.body.contains("departed"), "{}", left.body);
    phone.send("BYE", "").await;
    phone.expect("SIP/2.0 481").await;
}

/// Each refusal by its own status, and nothing of it in the roster.
#[tokio::test]
async fn who_cannot_be_let_in_is_refused() {
    let (server, focus) = start(Settings::default()).await;
    let call = async |target: &str, body: &str, status: &str| {
        let mut phone = Phone::new(server.udp_addr()).await;
        phone.target = target.into();
        phone.send("INVITE", body).await;
        phone.expect(&format!("SIP/2.0 {status}")).await;
        phone.send("ACK", "").await;
    };
    call("sip:other@example.org", SDP, "404").await;
    call(ROOM, "", "488").await;
    call(ROOM, "v=0\r\nm=audio 9 RTP/AVP 0\r\n", "488").await;
    focus
        .change(|conference| {
            conference.locked = true;
            Ok(())
        })
        .unwrap();
    call(ROOM, SDP, "403").await;
    assert!(focus.conference().unwrap().users().is_empty());
}

/// The end of a conference, and being put out, end sessions with BYE.
#[tokio::test]
async fn the_focus_hangs_up() {
    for boots in [true, false] {
        let (server, focus) = start(Settings::default()).await;
        let mut phone = Phone::new(server.udp_addr()).await;
        phone.join().await;
        phone.send("ACK", "").await;
        if boots {
            focus.boot("sip:al@example.org", None).unwrap();
        } else {
            focus.end(FinalDocument::None).unwrap();
        }
        let bye = phone.expect("BYE ").await;
        assert_eq!(header(&bye, "From"), phone.to);
        assert_eq!(header(&bye, "To"), "\"Al\" <sip:al@example.org;x=1>;tag=a1");
        assert_eq!(header(&bye, "Call-ID"), format!("call-0-{}", phone.local));
    }
}

/// A user who is called: ringing, then busy; and one whom nobody knows.
#[tokio::test]
async fn who_does_not_take_a_call_is_shown_so() {
    let (server, focus) = start(Settings::default()).await;
    let phone = Phone::new(server.udp_addr()).await;
    let target = format!("sip:al@{}", phone.local);
    let invite = async { server.invite(ROOM, "sip:al@example.org", &target).await };
    let answers = async {
        let call = phone.expect("INVITE ").await;
        assert!(header(&call, "Contact").ends_with(";isfocus"), "{call}");
        for status in ["180 Ringing", "486 Busy Here"] {
            let mut text = format!("SIP/2.0 {status}\r\n");
            for name in ["Via", "From", "Call-ID", "CSeq"] {
                text.push_str(&format!("{name}: {}\r\n", header(&call, name)));
            }
            text.push_str(&format!(
                "To: {};tag=b\r\nContent-Length: 0\r\n\r\n",
                header(&call, "To")
            ));
            phone.socket.send(text.as_bytes()).await.unwrap();
        }
        phone.expect("ACK ").await;
    };
    let (invited, ()) = tokio::join!(invite, answers);
    let refused = InviteError::Refused {
        entity: "sip:al@example.org".into(),
        status: 486,
    };
    assert_eq!(invited, Err(refused));
    let user = focus.conference().unwrap().users()[0].clone();
    let ended = user.endpoints[0].disconnection.clone().unwrap();
    assert_eq!(ended.method, DisconnectionMethod::Busy);
    assert_eq!(user.endpoints[0].status, Some(Status::Disconnected));
    let nowhere = server
        .invite("sip:other@example.org", "sip:al@example.org", &target)
        .await;
    assert!(matches!(nowhere, Err(InviteError::NoConference { .. })));
    let nobody = server.invite(ROOM, "sip:al@example.org", "mailto:al").await;
    assert!(matches!(nobody, Err(InviteError::Uri { .. })));
}

/// The bound on sessions.
#[tokio::test]
async fn a_full_server_is_busy() {
    let (server, _focus) = start(Settings::default()).await;
    let mut phone = Phone::new(server.udp_addr()).await;
    for call in 0..=MAX_SESSIONS {
        (phone.call, phone.cseq) = (call, 0);
        (phone.to, phone.target) = (format!("<{ROOM}>"), ROOM.into());
        if call < MAX_SESSIONS {
            phone.join().await;
            phone.send("ACK", "").await;
        } else {
            phone.send("INVITE", SDP).await;
            phone.expect("SIP/2.0 486").await;
        }
    }
}
