//! The embedded IMS core: who is not registered, or goes around the Service-Route, comes no further (TS 24.229 §5.2.6.3).

use std::net::UdpSocket;
use std::time::Duration;

use rollmark_im_server::{Conference, ImServer, Ims, Settings, User};

const ALICE: &str = "sip:alice@im.example";
const ROUTE: &str = "sip:orig@scscf.im.example;lr";

struct UserAgent {
    socket: UdpSocket,
    server: String,
    cseq: u32,
}

impl UserAgent {
    /// Sends a request with these header lines and gives the final response.
    fn ask(&mut self, method: &str, uri: &str, to: &str, more: &[&str]) -> String {
        self.cseq += 1;
        let (own, n) = (self.socket.local_addr().unwrap(), self.cseq);
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\n\
             From: <{ALICE}>;tag=a\r\nTo: <{to}>\r\nCall-ID: c{n}@x\r\nCSeq: {n} {method}\r\n\
             Contact: <sip:alice@{own}>\r\nContent-Length: 0\r\n"
        );
        for line in more {
            text += &format!("{line}\r\n");
        }
        text += "\r\n";
        self.socket.send_to(text.as_bytes(), &self.server).unwrap();
        let mut buffer = [0; 65_535];
        loop {
            let (length, _) = self.socket.recv_from(&mut buffer).expect("an answer");
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if answer.starts_with("SIP/2.0 ") && answer.contains(&format!("CSeq: {n} ")) {
                return answer;
            }
        }
    }

    fn subscribe(&mut self, more: &[&str]) -> String {
        let room = "sip:room@im.example";
        let lines = [&["Event: conference", "Expires: 600"], more].concat();
        self.ask("SUBSCRIBE", room, room, &lines)
    }

    fn register(&mut self, identity: &str, expires: &str) -> String {
        self.ask("REGISTER", "sip:im.example", identity, &[expires])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_passes_unregistered_or_around_the_service_route() {
    let server = ImServer::bind(Settings {
        ims: Some(Ims {
            associated: vec![ALICE.into()],
            service_route: ROUTE.into(),
        }),
        ..Settings::default()
    })
    .await
    .unwrap();
    let room = Conference::new("Room").user(User::connected("sip:bob@im.example"));
    server
        .create_conference("sip:room@im.example", room)
        .unwrap();
    let address = server.udp_addr().to_string();
    let talk = move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let first = format!("Route: <sip:{address};lr>");
        let mut agent = UserAgent {
            socket,
            server: address,
            cseq: 0,
        };
        let second = format!("Route: <{ROUTE}>");
        let good = [first.as_str(), second.as_str()];
        assert!(
            agent
                .subscribe(&good)
                .contains("403 You Must Register First")
        );
        assert!(
            agent
                .register("sip:mallory@im.example", "Expires: 600")
                .contains(" 403 ")
        );

        let answer = agent.register(ALICE, "Expires: 600000");
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        assert!(
            answer.contains(&format!("Service-Route: <{ROUTE}>")),
            "{answer}"
        );
        assert!(
            answer.contains(&format!("P-Associated-URI: <{ALICE}>")),
            "{answer}"
        );
        assert!(answer.contains(";expires=3600"), "{answer}");

        for wrong in [
            &[][..],
            &[first.as_str()],
            &[second.as_str(), first.as_str()],
        ] {
            let answer = agent.subscribe(wrong);
            assert!(answer.contains("400 Not Following"), "{answer}");
        }
        let other = [
            good[0],
            good[1],
            "P-Preferred-Identity: <sip:mallory@im.example>",
        ];
        assert!(agent.subscribe(&other).contains("403 Not Your Identity"));
        assert!(agent.subscribe(&good).starts_with("SIP/2.0 200"));

        assert!(
            agent
                .register(ALICE, "Expires: 0")
                .starts_with("SIP/2.0 200")
        );
        assert!(agent.subscribe(&good).contains(" 403 "));
    };
    tokio::task::spawn_blocking(talk).await.unwrap();
}
