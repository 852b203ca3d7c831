//! The scripted notifier: the server side of every scenario, and the judge of what the host sends (RFC 6665 §4.2).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::ROOM;
use super::message::{Message, param, uri_of};
use super::wire::Wire;

/// A SUBSCRIBE as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// All of it.
    pub message: Message,
    /// It makes a dialog: its To has no tag.
    pub initial: bool,
    /// Seconds asked for.
    pub expires: u32,
}

impl Asked {
    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        self.message.get("Call-ID").unwrap_or_default()
    }
}

/// What a host adds to or leaves out of its SUBSCRIBEs by its nature; everything else is judged.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Contact carries the feature tag of OMA SIMPLE IM.
    pub contact_tag: bool,
    /// The first request carries Accept-Contact.
    pub accept_contact: bool,
    /// It says goodbye (Expires: 0) in a dialog that the server has ended already.
    pub farewells: bool,
}

/// A body of a NOTIFY.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Its Content-Type.
    pub kind: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// The notifier of one scenario.
#[derive(Debug)]
pub struct Notifier {
    wire: Box<dyn Wire>,
    form: Form,
    /// By Call-ID: CSeq of the last SUBSCRIBE and what it was answered with.
    answered: HashMap<String, (u32, Option<Message>)>,
    /// Dialogs that the script has ended: whatever comes in them is answered 481.
    over: Vec<String>,
    waiting: VecDeque<Message>,
    answers: Vec<Message>,
    cseq: u32,
    /// What went over the wire, for the text of a failure.
    pub seen: Vec<String>,
}

impl Notifier {
    /// A notifier on a wire.
    pub fn new(wire: impl Wire + 'static, form: Form) -> Self {
        Self {
            wire: Box::new(wire),
            form,
            answered: HashMap::new(),
            over: Vec::new(),
            waiting: VecDeque::new(),
            answers: Vec::new(),
            cseq: 0,
            seen: Vec::new(),
        }
    }

    /// Where it is reached: `HOST:PORT`.
    pub fn address(&self) -> String {
        self.wire.address()
    }

    /// Its Contact, and its entry in Record-Route.
    fn own_uri(&self, user: &str) -> String {
        let transport = if self.wire.transport() == "TCP" {
            ";transport=tcp"
        } else {
            ""
        };
        format!("sip:{user}{}{transport}", self.wire.address())
    }

    /// Loses the host's connection.
    pub fn hang_up(&mut self) {
        self.wire.hang_up();
    }

    /// The next SUBSCRIBE within this time, judged; repetitions are answered as before and not told.
    pub fn poll(&mut self, within: Duration) -> Option<Asked> {
        if let Some(message) = self.waiting.pop_front() {
            return Some(self.judge(message));
        }
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self
                .wire
                .receive(left.max(Duration::from_millis(1)).min(within))?;
            if let Some(message) = self.take(message) {
                return Some(self.judge(message));
            }
        }
    }

    /// Sorts what came: a new SUBSCRIBE is returned.
    fn take(&mut self, message: Message) -> Option<Message> {
        self.seen.push(format!("< {}", summary(&message)));
        if message.status().is_some() {
            self.answers.push(message);
            return None;
        }
        if message.method() != "SUBSCRIBE" {
            // Registration is none of the kit's business, and neither is ACK.
            match message.method() {
                "ACK" => {}
                "REGISTER" | "OPTIONS" => self.send(message.response(200, "r"), None),
                _ => self.send(message.response(405, "r"), None),
            }
            return None;
        }
        let call_id = message.get("Call-ID").unwrap_or_default().to_owned();
        if self.over.contains(&call_id) {
            let expires = message.get("Expires");
            assert!(
                self.form.farewells && expires == Some("0"),
                "nothing may come in a dialog that has ended: {message:#?}"
            );
            self.send(message.response(481, "focus"), None);
            return None;
        }
        let cseq = message.cseq();
        match self.answered.get(&call_id) {
            Some((last, answer)) if *last == cseq => {
                if let Some(answer) = answer.clone() {
                    self.send(answer, None);
                }
                return None;
            }
            Some((last, _)) => assert!(cseq > *last, "CSeq went back: {message:#?}"),
            None => {}
        }
        self.answered.insert(call_id, (cseq, None));
        Some(message)
    }

    fn send(&mut self, message: Message, contact: Option<&str>) {
        self.seen.push(format!("> {}", summary(&message)));
        self.wire.send(&message, contact);
    }

    /// What every SUBSCRIBE must look like (RFC 3261 §8.1.1, §12.2.1.1, RFC 6665 §4.1.2.1, RFC 4575 §3, OMA-21, OMA-22).
    fn judge(&mut self, message: Message) -> Asked {
        let fault = |what: &str| -> ! { panic!("{what}: {message:#?}") };
        let one = |name: &str| {
            let mut all = message.all(name);
            match (all.next(), all.next()) {
                (Some(value), None) => value,
                _ => fault(&format!("exactly one {name} is due")),
            }
        };
        let via = message.get("Via").unwrap_or_default();
        if !param(via, "branch").is_some_and(|b| b.starts_with("z9hG4bK")) {
            fault("Via needs a branch of RFC 3261");
        }
        let hops = one("Max-Forwards").parse::<u8>();
        if !hops.is_ok_and(|hops| (1..=70).contains(&hops)) {
            fault("Max-Forwards is 70 at most");
        }
        if param(one("From"), "tag").is_none_or(str::is_empty) {
            fault("From needs a tag");
        }
        if one("CSeq").split_whitespace().nth(1) != Some("SUBSCRIBE") {
            fault("CSeq names another method");
        }
        if one("Event") != "conference" {
            fault("the event package is conference, without id");
        }
        let accept: Vec<_> = message.all("Accept").collect();
        if !accept.join(",").contains("application/conference-info+xml") {
            fault("Accept must name the document type");
        }
        let contact = one("Contact");
        if !contact.starts_with('<') || uri_of(contact).is_empty() {
            fault("Contact needs a URI in angle brackets");
        }
        if self.form.contact_tag && !contact.contains("+g.oma.sip-im") {
            fault("Contact lacks the feature tag");
        }
        let Ok(expires) = one("Expires").parse() else {
            fault("Expires is a number of seconds")
        };
        let tag = param(one("To"), "tag");
        let initial = tag.is_none();
        if uri_of(one("To")) != ROOM {
            fault("To is the conference");
        }
        if initial {
            if message.uri() != ROOM {
                fault("the Request-URI of the first request is the conference");
            }
            if self.form.accept_contact {
                one("Accept-Contact");
            }
        } else {
            if tag != Some("focus") {
                fault("To needs the server's tag");
            }
            if message.uri() != self.own_uri("focus@") {
                fault("the Request-URI in the dialog is the server's Contact");
            }
            if message.all("Accept-Contact").count() > 1 {
                fault("headers may not be doubled");
            }
            // The Record-Route of every NOTIFY and 2xx here.
            if uri_of(one("Route")) != format!("{};lr", self.own_uri("")) {
                fault("the Route in the dialog is the server's Record-Route");
            }
        }
        Asked {
            initial,
            expires,
            message,
        }
    }

    /// Answers a SUBSCRIBE. A 2xx carries Contact and Record-Route, and grants what was asked for unless `headers` do.
    pub fn respond(&mut self, asked: &Asked, status: u16, headers: &[(&str, &str)]) {
        let mut response = asked.message.response(status, "focus");
        if (200..300).contains(&status) {
            response = response
                .with("Contact", format!("<{}>", self.own_uri("focus@")))
                .with("Record-Route", format!("<{};lr>", self.own_uri("")));
            if !headers.iter().any(|(name, _)| *name == "Expires") {
                response = response.with("Expires", asked.expires.to_string());
            }
        }
        for (name, value) in headers {
            response = response.with(name, *value);
        }
        let call_id = asked.call_id().to_owned();
        if matches!(status, 403..=404 | 423 | 481) {
            // Without a dialog there is nothing more to come, 423 aside.
            if status != 423 {
                self.over.push(call_id.clone());
            }
        }
        let cseq = asked.message.cseq();
        self.answered
            .insert(call_id, (cseq, Some(response.clone())));
        self.send(response, None);
    }

    /// Sends a NOTIFY in the dialog of a SUBSCRIBE and returns the status it is answered with.
    ///
    /// # Panics
    /// When it is not answered within `within`, or the answer is not its own.
    pub fn notify(
        &mut self,
        asked: &Asked,
        state: &str,
        body: Option<Body<'_>>,
        within: Duration,
    ) -> u16 {
        self.cseq += 1;
        let contact = asked.message.get("Contact").unwrap_or_default().to_owned();
        let from = asked.message.get("To").unwrap_or_default();
        let from = match param(from, "tag") {
            Some(_) => from.to_owned(),
            None => format!("{from};tag=focus"),
        };
        let mut notify = Message {
            first: format!("NOTIFY {} SIP/2.0", uri_of(&contact)),
            ..Message::default()
        }
        .with(
            "Via",
            format!(
                "SIP/2.0/{} {};branch=z9hG4bKn{}",
                self.wire.transport(),
                self.wire.address(),
                self.cseq
            ),
        )
        .with("Max-Forwards", "70")
        .with("Record-Route", format!("<{};lr>", self.own_uri("")))
        .with("From", from)
        .with("To", asked.message.get("From").unwrap_or_default())
        .with("Call-ID", asked.call_id())
        .with("CSeq", format!("{} NOTIFY", self.cseq))
        .with("Contact", format!("<{}>", self.own_uri("focus@")))
        .with("Event", "conference")
        .with("Subscription-State", state);
        if let Some(body) = body {
            notify = notify.with("Content-Type", body.kind);
            notify.body = body.text.as_bytes().to_vec();
        }
        if state.starts_with("terminated") {
            self.over.push(asked.call_id().to_owned());
        }
        self.send(notify.clone(), Some(&contact));
        let deadline = Instant::now() + within;
        loop {
            let mine = |answer: &Message| answer.get("CSeq") == notify.get("CSeq");
            if let Some(place) = self.answers.iter().position(mine) {
                let answer = self.answers.remove(place);
                for name in ["From", "To", "Call-ID", "Via"] {
                    // A tag may be added where there was none; here all are there already.
                    let (sent, back) = (notify.get(name), answer.get(name));
                    let same = if name == "Via" {
                        let branch = |via: Option<&str>| {
                            via.and_then(|v| param(v, "branch")).map(str::to_owned)
                        };
                        branch(sent) == branch(back)
                    } else {
                        sent == back
                    };
                    assert!(same, "the answer must copy {name}: {answer:#?}");
                }
                return answer.status().unwrap_or_default();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1)).min(within);
            let Some(message) = self.wire.receive(left) else {
                panic!("no answer to the NOTIFY {}", summary(&notify));
            };
            if let Some(request) = self.take(message) {
                self.waiting.push_back(request);
            }
        }
    }
}

fn summary(message: &Message) -> String {
    let header = |name: &str| match message.get(name) {
        Some(value) => format!(" {name}={value}"),
        None => String::new(),
    };
    let names = ["CSeq", "Call-ID", "Expires", "Subscription-State", "To"];
    let headers: String = names.into_iter().map(header).collect();
    format!("{}{headers}", message.first)
}
