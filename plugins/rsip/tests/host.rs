//! The transaction host on a simulated clock, its wire in memory (RFC 3261 §17.1.2, §17.2.2, §18.2; RFC 3581).

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollmark::core::digest::Credentials;
use rollmark::{Account, Conference, Conferences, State, What};
use rollmark_rsip::{Flow, Host, Wire, read};
use rsip::{Method, SipMessage, Transport};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const ROOM: &str = "sip:room@example.org";
const ROSTER: &str = "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"sip:room@example.org\" \
     state=\"full\" version=\"1\"><users><user entity=\"sip:bob@example.org\"/></users></conference-info>";

fn flow(transport: Transport) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5070".parse().unwrap(),
        remote: "192.0.2.2:5060".parse().unwrap(),
    }
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    message: SipMessage,
    to: Flow,
}

/// A wire that hands over what it is given.
#[derive(Clone, Debug)]
struct Memory {
    transport: Transport,
    sent: mpsc::UnboundedSender<Sent>,
    broken: Arc<Mutex<bool>>,
}

impl Wire for Memory {
    async fn route(&self, _next_hop: &str, _length: usize) -> io::Result<Flow> {
        Ok(flow(self.transport))
    }

    async fn send(&self, message: &SipMessage, to: Flow) -> io::Result<()> {
        if *self.broken.lock().unwrap() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        // What goes over the wire is what rsip prints and reads.
        let message = read(&rollmark_rsip::bytes(message)).unwrap();
        let at = Instant::now();
        let _ = self.sent.send(Sent { at, message, to });
        Ok(())
    }
}

struct Scene {
    host: Host<Memory>,
    conferences: Conferences,
    conference: Conference,
    sent: mpsc::UnboundedReceiver<Sent>,
    broken: Arc<Mutex<bool>>,
}

async fn scene(transport: Transport) -> Scene {
    scene_as(transport, Account::new("sip:alice@example.org")).await
}

async fn scene_as(transport: Transport, account: Account) -> Scene {
    let (sender, sent) = mpsc::unbounded_channel();
    let broken = Arc::default();
    let wire = Memory {
        transport,
        sent: sender,
        broken: Arc::clone(&broken),
    };
    let (host, conferences) = Host::start(account, wire);
    let conference = conferences.subscribe(ROOM).await.unwrap();
    Scene {
        host,
        conferences,
        conference,
        sent,
        broken,
    }
}

impl Scene {
    async fn next(&mut self) -> Sent {
        let sent = timeout(Duration::from_secs(100), self.sent.recv()).await;
        sent.expect("a message is sent").unwrap()
    }

    async fn request(&mut self) -> (rsip::Request, Sent) {
        let sent = self.next().await;
        match &sent.message {
            SipMessage::Request(request) => (request.clone(), sent),
            SipMessage::Response(_) => panic!("a request is due: {sent:?}"),
        }
    }

    async fn response(&mut self) -> (rsip::Response, Sent) {
        let sent = self.next().await;
        match &sent.message {
            SipMessage::Response(response) => (response.clone(), sent),
            SipMessage::Request(_) => panic!("a response is due: {sent:?}"),
        }
    }

    async fn receive(&self, text: &str) -> Option<SipMessage> {
        self.receive_by(text, flow(Transport::Udp)).await
    }

    async fn receive_by(&self, text: &str, from: Flow) -> Option<SipMessage> {
        self.host
            .receive(read(text.as_bytes()).unwrap(), from)
            .await
    }

    async fn told(&mut self, wanted: impl Fn(&What) -> bool) -> What {
        let search = async {
            loop {
                let event = self.conference.next().await.expect("an event");
                if wanted(&event.what) {
                    return event.what;
                }
            }
        };
        timeout(Duration::from_secs(100), search).await.unwrap()
    }

    async fn state(&mut self) -> State {
        match self
            .told(|what| matches!(what, What::State(state) if state.why.is_some()))
            .await
        {
            What::State(state) => state,
            _ => unreachable!(),
        }
    }
}

fn header(message: &rsip::Headers, name: &str) -> String {
    let all = message.iter().map(rollmark_rsip::convert::header_from_rsip);
    let mut found = all.filter(|(n, _)| n.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value).unwrap_or_default()
}

/// A response to a request of the host's.
fn answer(request: &rsip::Request, line: &str, more: &str) -> String {
    let of = |name| header(&request.headers, name);
    format!(
        "SIP/2.0 {line}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=focus\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: 0\r\n\r\n",
        of("Via"),
        of("From"),
        of("To"),
        of("Call-ID"),
        of("CSeq"),
    )
}

/// A NOTIFY in the dialog of that SUBSCRIBE.
fn notify(request: &rsip::Request, via: &str, cseq: u32, body: &str) -> String {
    let of = |name| header(&request.headers, name);
    format!(
        "NOTIFY sip:alice@192.0.2.1:5070 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nRecord-Route: <sip:p1.example.org;lr>\r\n\
         From: {};tag=focus\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:focus@192.0.2.2:5060>\r\n\
         Event: conference\r\nSubscription-State: active;expires=3600\r\n\
         Content-Type: application/conference-info+xml\r\nContent-Length: {}\r\n\r\n{body}",
        of("To"),
        of("From"),
        of("Call-ID"),
        body.len(),
    )
}

const VIA: &str = "SIP/2.0/UDP 10.0.0.9:5080;branch=z9hG4bKn1;rport";

/// Timer E doubles to T2, Timer F ends it: RFC 3261 §17.1.2.2.
#[tokio::test(start_paused = true)]
async fn over_udp_a_request_is_repeated_at_growing_intervals_until_timer_f() {
    let mut scene = scene(Transport::Udp).await;
    let (first, sent) = scene.request().await;
    let mut at = vec![];
    for _ in 0..10 {
        let (again, later) = scene.request().await;
        assert_eq!(again, first);
        at.push((later.at - sent.at).as_millis());
    }
    let expected = [
        500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500,
    ];
    assert_eq!(at, expected);
    assert!(scene.state().await.why.is_some());
    // Timer F of 32 s, or Timer N of the same length.
    let ended = Instant::now() - sent.at;
    assert_eq!(ended, Duration::from_secs(32));
}

#[tokio::test(start_paused = true)]
async fn a_provisional_response_slows_repetition_down() {
    let mut scene = scene(Transport::Udp).await;
    let (first, sent) = scene.request().await;
    assert_eq!(scene.receive(&answer(&first, "100 Trying", "")).await, None);
    let mut at = vec![];
    for _ in 0..3 {
        at.push((scene.request().await.1.at - sent.at).as_millis());
    }
    assert_eq!(at, [500, 4500, 8500]);
}

#[tokio::test(start_paused = true)]
async fn over_a_connection_nothing_is_sent_twice() {
    let mut scene = scene(Transport::Tcp).await;
    let (request, first) = scene.request().await;
    let via = header(&request.headers, "Via");
    assert!(
        via.starts_with("SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bK"),
        "{via}"
    );
    assert_eq!(
        header(&request.headers, "Contact")
            .split('>')
            .next()
            .unwrap(),
        "<sip:alice@192.0.2.1:5070;transport=tcp"
    );
    // The next request is another one, after the failure of the first.
    let (next, later) = scene.request().await;
    assert!(later.at - first.at >= Duration::from_secs(32));
    assert_ne!(header(&next.headers, "Via"), via);
}

#[tokio::test(start_paused = true)]
async fn a_final_response_ends_it_and_is_absorbed_when_it_comes_again() {
    let mut scene = scene(Transport::Udp).await;
    let (request, _) = scene.request().await;
    assert!(header(&request.headers, "Via").ends_with(";rport"));
    let ok = answer(
        &request,
        "200 OK",
        "Expires: 3600\r\nContact: <sip:focus@192.0.2.2:5060>\r\n",
    );
    // Another branch, another method, a second Via: not ours.
    let stranger = ok.replace("z9hG4bK", "z9hG4bKx");
    assert!(scene.receive(&stranger).await.is_some());
    assert!(
        scene
            .receive(&ok.replace("SUBSCRIBE", "OPTIONS"))
            .await
            .is_some()
    );
    let two = ok.replace("Via: ", "Via: SIP/2.0/UDP a;branch=z9hG4bK1, ");
    assert!(scene.receive(&two).await.is_some());

    assert_eq!(scene.receive(&ok).await, None);
    assert_eq!(scene.receive(&ok).await, None);
    // Timer K over: nobody's.
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(scene.receive(&ok).await.is_some());
    assert!(scene.sent.try_recv().is_err(), "nothing is sent again");
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_answered_by_a_new_transaction() {
    let mut account = Account::new("sip:alice@example.org");
    account.credentials = Some(Credentials {
        username: "alice".into(),
        password: "secret".into(),
    });
    let mut scene = scene_as(Transport::Udp, account).await;
    let (first, _) = scene.request().await;
    let challenge = "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n\", qop=\"auth\"\r\n";
    scene
        .receive(&answer(&first, "401 Unauthorized", challenge))
        .await;
    let (second, _) = scene.request().await;
    assert_ne!(
        header(&first.headers, "Via"),
        header(&second.headers, "Via")
    );
    let credentials = header(&second.headers, "Authorization");
    assert!(
        credentials.contains("uri=\"sip:room@example.org\""),
        "{credentials}"
    );
}

/// RFC 3261 §17.2.2, §18.2.1; RFC 3581 §4.
#[tokio::test(start_paused = true)]
async fn a_notify_is_answered_once_and_its_repetitions_alike() {
    let mut scene = scene(Transport::Udp).await;
    let (request, _) = scene.request().await;
    scene
        .receive(&answer(&request, "200 OK", "Expires: 3600\r\n"))
        .await;
    let notify = notify(
        &request,
        &format!("{VIA}, SIP/2.0/UDP 10.0.0.10;branch=z9hG4bK2"),
        1,
        ROSTER,
    );
    let from = Flow {
        remote: "198.51.100.9:4000".parse().unwrap(),
        ..flow(Transport::Udp)
    };
    assert_eq!(scene.receive_by(&notify, from).await, None);
    let (first, sent) = scene.response().await;
    assert_eq!(first.status_code.code(), 200);
    assert_eq!(sent.to, from);
    let vias: Vec<_> = first
        .headers
        .iter()
        .filter(|h| matches!(h, rsip::Header::Via(_)))
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        vias,
        [
            "Via: SIP/2.0/UDP 10.0.0.9:5080;branch=z9hG4bKn1;rport=4000;received=198.51.100.9",
            "Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bK2",
        ]
    );
    assert_eq!(
        header(&first.headers, "Record-Route"),
        "<sip:p1.example.org;lr>"
    );
    assert_eq!(header(&first.headers, "Content-Length"), "0");
    scene
        .told(|what| matches!(what, What::Roster(rows) if rows.len() == 1))
        .await;

    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(scene.receive_by(&notify, from).await, None);
    assert_eq!(scene.response().await.0, first);
}

#[tokio::test(start_paused = true)]
async fn without_rport_the_answer_goes_to_the_port_of_sent_by() {
    let mut scene = scene(Transport::Udp).await;
    let (request, _) = scene.request().await;
    let via = "SIP/2.0/UDP 10.0.0.9:5080;branch=z9hG4bKn1";
    let from = Flow {
        remote: "198.51.100.9:4000".parse().unwrap(),
        ..flow(Transport::Udp)
    };
    scene
        .receive_by(&notify(&request, via, 1, ROSTER), from)
        .await;
    assert_eq!(
        scene.response().await.1.to.remote.to_string(),
        "198.51.100.9:5080"
    );
}

#[tokio::test(start_paused = true)]
async fn a_notify_without_a_branch_of_rfc_3261_is_known_by_its_headers() {
    let mut scene = scene(Transport::Udp).await;
    let (request, _) = scene.request().await;
    let text = notify(&request, "SIP/2.0/UDP 10.0.0.9;rport", 1, ROSTER);
    for _ in 0..2 {
        assert_eq!(scene.receive(&text).await, None);
        assert_eq!(scene.response().await.0.status_code.code(), 200);
    }
    // A lower CSeq is refused, so it is another request (RFC 3261 §12.2.2).
    assert_eq!(
        scene.receive(&text.replace("CSeq: 1 ", "CSeq: 0 ")).await,
        None
    );
    assert_eq!(scene.response().await.0.status_code.code(), 500);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_plugins_comes_back_and_is_answered_once() {
    let mut scene = scene(Transport::Udp).await;
    let (request, _) = scene.request().await;
    let foreign = notify(&request, VIA, 1, ROSTER).replace("Call-ID: ", "Call-ID: other-");
    let Some(SipMessage::Request(back)) = scene.receive(&foreign).await else {
        panic!("it is not the plugin's");
    };
    let from = flow(Transport::Udp);
    scene.host.answer(&back, from, 481).await;
    let first = scene.response().await.0;
    assert_eq!(first.status_code.code(), 481);
    assert_eq!(scene.receive(&foreign).await, None);
    assert_eq!(scene.response().await.0, first);

    // Other methods are the stack's, ACK has no answer; a To without tag gets one.
    let options = "OPTIONS sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKo\r\n\
        From: <sip:b@x>;tag=1\r\nTo: <sip:alice@x>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let Some(SipMessage::Request(mut options)) = scene.receive(options).await else {
        panic!("it is not the plugin's");
    };
    scene.host.answer(&options, from, 405).await;
    let to = header(&scene.response().await.0.headers, "To");
    assert!(to.starts_with("<sip:alice@x>;tag="), "{to}");
    options.method = Method::Ack;
    scene.host.answer(&options, from, 405).await;
    let no_way_back = rsip::Request {
        headers: rsip::Headers::default(),
        method: Method::Notify,
        ..options
    };
    assert!(
        scene
            .host
            .receive(no_way_back.clone().into(), from)
            .await
            .is_some()
    );
    scene.host.answer(&no_way_back, from, 481).await;
    assert!(scene.sent.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_and_what_is_lost_is_tried_anew() {
    let mut scene = scene(Transport::Tcp).await;
    let (first, _) = scene.request().await;
    scene.host.lost(flow(Transport::Tcp));
    assert!(scene.state().await.why.is_some());
    let (second, _) = scene.request().await;
    assert_ne!(
        header(&first.headers, "Call-ID"),
        header(&second.headers, "Call-ID")
    );
    *scene.broken.lock().unwrap() = true;
    scene.host.lost(flow(Transport::Tcp));
    assert!(scene.state().await.why.is_some());
    tokio::time::advance(Duration::from_secs(600)).await;
    *scene.broken.lock().unwrap() = false;
    scene.request().await;
    // Nothing runs on once the plugin has been stopped.
    scene.conferences.stop(Duration::from_secs(5)).await;
    drop(scene.conference);
    drop(scene.host);
}
