//! The other side of an IM session, played message by message over a real socket: for what the embedded IM server does not do
//! (RFC 3261 §12…15).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::kit::message::{Message, param, uri_of};
use crate::kit::wire::{Socket, Transport, Wire};
use crate::process::PATIENCE;

/// The tag of the played side.
const TAG: &str = "f";

/// The played focus.
#[derive(Debug)]
pub struct PlayedFocus {
    wire: Socket,
    /// The INVITE of the session, whoever sent it.
    invite: Message,
    /// Contact of the user agent.
    peer: String,
    calls: bool,
    cseq: u32,
    /// Requests that came while an answer was waited for, oldest first.
    kept: VecDeque<Message>,
}

impl PlayedFocus {
    /// Listens on a free port.
    pub fn listen(transport: Transport) -> Self {
        Self {
            wire: Socket::listen(transport),
            invite: Message::default(),
            peer: String::new(),
            calls: false,
            cseq: 0,
            kept: VecDeque::new(),
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.wire.address()
    }

    /// A Contact of it, for this user.
    pub fn contact(&self, user: &str) -> String {
        let transport = match self.wire.transport() {
            "TCP" => ";transport=tcp",
            _ => "",
        };
        format!("<sip:{user}@{}{transport}>;isfocus", self.address())
    }

    /// The next request of this method; others are passed over.
    ///
    /// # Panics
    /// When none comes.
    pub fn expect(&mut self, method: &str) -> Message {
        self.expect_that(method, |message| message.method() == method)
    }

    /// The next message for which `matches` is true; others are passed over.
    ///
    /// # Panics
    /// When none comes.
    pub fn expect_that(&mut self, what: &str, matches: impl Fn(&Message) -> bool) -> Message {
        while let Some(message) = self.kept.pop_front() {
            if matches(&message) {
                return message;
            }
        }
        self.receive(what, matches, |_| {})
    }

    /// The answer for which `matches` is true; requests that come meanwhile are kept for later.
    fn expect_answer(&mut self, what: &str, matches: impl Fn(&Message) -> bool) -> Message {
        let mut kept = std::mem::take(&mut self.kept);
        let answer = self.receive(what, matches, |message| {
            if message.status().is_none() {
                kept.push_back(message.clone());
            }
        });
        self.kept = kept;
        answer
    }

    fn receive(
        &mut self,
        what: &str,
        matches: impl Fn(&Message) -> bool,
        mut pass: impl FnMut(&Message),
    ) -> Message {
        let deadline = Instant::now() + PATIENCE;
        let mut passed = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.wire.receive(left.max(Duration::from_millis(1)));
            let message = message.unwrap_or_else(|| panic!("no {what}; {passed:#?}"));
            if matches(&message) {
                return message;
            }
            pass(&message);
            passed.push(message.first);
        }
    }

    /// Answers a request, with more headers.
    pub fn answer(&mut self, request: &Message, status: u16, more: &[(&str, &str)]) {
        let answer = more
            .iter()
            .fold(request.response(status, TAG), |answer, (name, value)| {
                answer.with(name, *value)
            });
        self.wire.send(&answer, None);
    }

    /// Takes the INVITE and accepts it, with more headers; its ACK.
    pub fn let_in(&mut self, more: &[(&str, &str)]) -> Message {
        let invite = self.expect("INVITE");
        let mut answer = invite
            .response(200, TAG)
            .with("Contact", self.contact("s1"))
            .with("Content-Type", "application/sdp");
        for (name, value) in more {
            answer = answer.with(name, *value);
        }
        answer.body = self.description();
        self.peer = invite.get("Contact").unwrap_or_default().to_owned();
        self.invite = invite;
        self.wire.send(&answer, None);
        self.expect("ACK")
    }

    /// Calls the user agent at this Contact, with more headers; its answer.
    pub fn call(&mut self, target: &str, more: &[(&str, &str)]) -> Message {
        self.calls = true;
        self.peer = format!("<{target}>");
        let invite = self
            .request("INVITE", "f-1", more)
            .with("Content-Type", "application/sdp");
        self.invite = Message {
            body: self.description(),
            ..invite
        };
        self.cseq = 1;
        let invite = self.invite.clone();
        let answer = self.ask(&invite);
        if let Some(contact) = answer.get("Contact") {
            self.peer = contact.to_owned();
        }
        if let Some(to) = answer.get("To") {
            let invited = self
                .invite
                .headers
                .iter_mut()
                .find(|(name, _)| name == "To");
            invited.expect("an INVITE has a To").1 = to.to_owned();
        }
        answer
    }

    /// The ACK of an INVITE of ours.
    pub fn acknowledge(&mut self, invite: &Message) {
        let mut ack = self.in_dialog("ACK", &[]);
        self.cseq -= 1;
        let cseq = ack.headers.iter_mut().find(|(name, _)| name == "CSeq");
        cseq.expect("it has one").1 = format!("{} ACK", invite.cseq());
        let peer = self.peer.clone();
        self.wire.send(&ack, Some(&peer));
    }

    /// The ACK of the INVITE that made the session.
    pub fn acknowledge_call(&mut self) {
        let invite = self.invite.clone();
        self.acknowledge(&invite);
    }

    /// The next request in the session.
    pub fn in_dialog(&mut self, method: &str, more: &[(&str, &str)]) -> Message {
        self.cseq += 1;
        let branch = format!("f-{}-{method}", self.cseq);
        self.request(method, &branch, more)
    }

    /// The next request in the session, with an offer of messages.
    pub fn offer(&mut self, method: &str, more: &[(&str, &str)]) -> Message {
        let request = self
            .in_dialog(method, more)
            .with("Content-Type", "application/sdp");
        Message {
            body: self.description(),
            ..request
        }
    }

    fn request(&self, method: &str, branch: &str, more: &[(&str, &str)]) -> Message {
        let side = |name: &str| self.invite.get(name).unwrap_or_default().to_owned();
        let (from, to, call_id) = match (self.calls, self.invite.headers.is_empty()) {
            (true, true) => (
                format!("<sip:room@im.test>;tag={TAG}"),
                "<sip:alice@im.test>".to_owned(),
                format!("played-{}", self.address()),
            ),
            (true, false) => (side("From"), side("To"), side("Call-ID")),
            (false, _) => (
                format!("{};tag={TAG}", side("To")),
                side("From"),
                side("Call-ID"),
            ),
        };
        let number = self.cseq.max(1);
        let request = Message {
            first: format!("{method} {} SIP/2.0", uri_of(&self.peer)),
            ..Message::default()
        };
        let via = format!(
            "SIP/2.0/{} {};branch=z9hG4bK{branch}",
            self.wire.transport(),
            self.address()
        );
        let request = request
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", from)
            .with("To", to)
            .with("Call-ID", call_id)
            .with("CSeq", format!("{number} {method}"));
        let named = more.iter().any(|(name, _)| *name == "Contact");
        let request = if named || matches!(method, "ACK" | "BYE") {
            request
        } else {
            request.with("Contact", self.contact("s1"))
        };
        more.iter()
            .fold(request, |request, (name, value)| request.with(name, *value))
    }

    /// Sends a request and gives its final answer.
    pub fn ask(&mut self, request: &Message) -> Message {
        let peer = self.peer.clone();
        self.wire.send(request, Some(&peer));
        let cseq = request.get("CSeq").map(str::to_owned);
        let answers = |message: &Message| {
            message.status().is_some_and(|status| status >= 200)
                && message.get("CSeq").map(str::to_owned) == cseq
        };
        self.expect_answer("answer", answers)
    }

    /// Accepts a SUBSCRIBE and notifies of these users; the dialog is the SUBSCRIBE's own.
    pub fn accept(
        &mut self,
        subscribe: &Message,
        state: &str,
        cseq: u32,
        users: &[&str],
    ) -> Message {
        let target = subscribe.uri().to_owned();
        let expires = subscribe.get("Expires").unwrap_or_default().to_owned();
        let contact = format!("<{target}>");
        self.answer(
            subscribe,
            200,
            &[("Expires", &expires), ("Contact", &contact)],
        );
        let rows: String = users
            .iter()
            .map(|user| {
                format!(
                    "<user entity=\"{user}\"><endpoint entity=\"{user}\"><status>connected</status></endpoint></user>"
                )
            })
            .collect();
        let to = subscribe.get("To").unwrap_or_default();
        let tagged = match param(to, "tag") {
            Some(_) => to.to_owned(),
            None => format!("{to};tag={TAG}"),
        };
        let peer = subscribe.get("Contact").unwrap_or_default().to_owned();
        let mut notify = Message {
            first: format!("NOTIFY {} SIP/2.0", uri_of(&peer)),
            ..Message::default()
        }
        .with(
            "Via",
            format!(
                "SIP/2.0/{} {};branch=z9hG4bKn-{cseq}-{}",
                self.wire.transport(),
                self.address(),
                subscribe.get("Call-ID").unwrap_or_default()
            ),
        )
        .with("Max-Forwards", "70")
        .with("From", tagged)
        .with("To", subscribe.get("From").unwrap_or_default())
        .with("Call-ID", subscribe.get("Call-ID").unwrap_or_default())
        .with("CSeq", format!("{cseq} NOTIFY"))
        .with("Contact", contact)
        .with("Event", "conference")
        .with("Subscription-State", state)
        .with("Content-Type", "application/conference-info+xml");
        notify.body = format!(
            "<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" entity=\"{target}\" state=\"full\" \
             version=\"{cseq}\"><users>{rows}</users></conference-info>"
        )
        .into_bytes();
        self.wire.send(&notify, Some(&peer));
        let number = format!("{cseq} NOTIFY");
        let call_id = notify.get("Call-ID").map(str::to_owned);
        self.expect_answer("answer to NOTIFY", move |message| {
            message.get("CSeq") == Some(&number)
                && message.get("Call-ID").map(str::to_owned) == call_id
        })
    }

    fn description(&self) -> Vec<u8> {
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n\
             a=accept-types:message/cpim\r\na=path:msrp://{}/s1;tcp\r\n",
            self.address()
        )
        .into_bytes()
    }
}
