//! The dialog of an IM session, without I/O: INVITE with its challenges, ACK, UPDATE, BYE, and what the peer sends in it
//! (RFC 3261 §12, §13, §15, §22, RFC 3311).

use rollmark::core::digest::{self, Challenge, Credentials};
use rollmark::core::header::{self, Address};
use rollmark::core::message::{Headers, Request, Response};
use rollmark::core::routing::{self, Way};

use super::Fault;

/// Challenges answered for one INVITE or BYE, at most: one for each realm on the way, and a stale nonce.
const MAX_CHALLENGES: u8 = 4;

/// What a response to our INVITE comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A provisional response: wait on.
    Proceeding,
    /// The request is to be sent again, with an answer to the challenge.
    Again,
    /// The session has begun: ACK it.
    Begun,
    /// It has not, and will not.
    Refused(Fault),
}

#[derive(Debug)]
struct Authorization {
    header: &'static str,
    realm: String,
    session: digest::Session,
}

/// One dialog, from our INVITE or the peer's.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    pub(super) local_tag: String,
    /// From of our requests.
    local: String,
    /// To of our requests, with tag once there is one.
    remote: String,
    target: String,
    /// That Contact had `isfocus`.
    is_focus: bool,
    /// Raw Route values, topmost first.
    route: Vec<Box<str>>,
    cseq: u32,
    /// CSeq of the last INVITE, which its ACK repeats.
    invite_cseq: u32,
    remote_cseq: Option<u32>,
    /// CSeq of the last INVITE of the peer, which its ACK repeats.
    remote_invite_cseq: Option<u32>,
    authorizations: Vec<Authorization>,
    challenges: u8,
}

impl Dialog {
    /// For an INVITE of ours to `target`, by way of a route set that is known beforehand.
    pub(super) fn inviting(
        identity: &str,
        target: &str,
        route: Vec<String>,
        call_id: String,
        local_tag: String,
    ) -> Self {
        Self {
            local: format!("<{identity}>;tag={local_tag}"),
            call_id,
            local_tag,
            remote: format!("<{target}>"),
            target: target.to_owned(),
            is_focus: false,
            route: route.into_iter().map(String::into_boxed_str).collect(),
            cseq: 0,
            invite_cseq: 0,
            remote_cseq: None,
            remote_invite_cseq: None,
            authorizations: Vec::new(),
            challenges: 0,
        }
    }

    /// For an INVITE that was received and will be accepted (RFC 3261 §12.1.1); none if it lacks what a dialog needs.
    pub(super) fn invited(invite: &Request, local_tag: String) -> Option<Self> {
        let headers = &invite.headers;
        let contact = contact(headers)?;
        header::tag(headers.get("From")?)?;
        let cseq = headers.get("CSeq").and_then(header::cseq);
        let remote_cseq = cseq.map(|(cseq, _)| cseq);
        Some(Self {
            local: format!("{};tag={local_tag}", headers.get("To")?),
            local_tag,
            call_id: headers.get("Call-ID")?.to_owned(),
            remote: headers.get("From")?.to_owned(),
            is_focus: contact.param("isfocus").is_some(),
            target: contact.uri,
            route: routing::record_route(headers).0.into_vec(),
            cseq: 0,
            invite_cseq: 0,
            remote_cseq,
            remote_invite_cseq: remote_cseq,
            authorizations: Vec::new(),
            challenges: 0,
        })
    }

    /// To of the 2xx to a received INVITE.
    pub(super) fn local(&self) -> &str {
        &self.local
    }

    fn way(&self) -> Way {
        routing::way(&self.target, &self.route)
    }

    /// The URI of the next hop.
    pub(super) fn next_hop(&self) -> String {
        self.way().next_hop
    }

    /// The next request in it, an ACK with the CSeq of its INVITE. A strict router on the way is the Request-URI (RFC 3261
    /// §12.2.1.1).
    pub(super) fn request(
        &mut self,
        method: &str,
        more: &Headers,
        body: Vec<u8>,
        credentials: Option<&Credentials>,
    ) -> Request {
        if method != "ACK" {
            self.cseq += 1;
        }
        if method == "INVITE" {
            self.invite_cseq = self.cseq;
        }
        let cseq = if method == "ACK" {
            self.invite_cseq
        } else {
            self.cseq
        };
        let way = self.way();
        let mut headers = Headers::new();
        for route in &way.routes {
            headers.push("Route", route);
        }
        headers.push("Max-Forwards", "70");
        headers.push("From", &self.local);
        headers.push("To", &self.remote);
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", format!("{cseq} {method}"));
        for header in more.iter() {
            headers.push(header.name.clone(), &header.value);
        }
        if let Some(credentials) = credentials {
            // An ACK carries the credentials of its INVITE (RFC 3261 §22.1); nobody challenges it.
            for held in &mut self.authorizations {
                let value = held.session.authorize(credentials, method, &way.uri, &body);
                headers.push(held.header, value);
            }
        }
        Request {
            method: method.to_owned(),
            uri: way.uri,
            headers,
            body,
        }
    }

    /// Takes a response to our INVITE.
    pub(super) fn handle_response(
        &mut self,
        response: &Response,
        has_credentials: bool,
        cnonce: &str,
    ) -> Outcome {
        match response.status {
            ..=199 => Outcome::Proceeding,
            200..=299 => self.accepted(response),
            401 | 407 if !has_credentials => Outcome::Refused(Fault::NoSecret),
            401 | 407 if self.answers(response, cnonce) => Outcome::Again,
            401 | 407 => Outcome::Refused(Fault::WrongSecret),
            status => Outcome::Refused(Fault::Refused {
                status,
                reason: response.reason.clone(),
            }),
        }
    }

    fn accepted(&mut self, response: &Response) -> Outcome {
        let headers = &response.headers;
        let contact = contact(headers);
        let to = headers.get("To").filter(|to| header::tag(to).is_some());
        let (Some(contact), Some(to)) = (contact, to) else {
            return Outcome::Refused(Fault::NoContact);
        };
        self.remote = to.to_owned();
        self.is_focus = contact.param("isfocus").is_some();
        self.target = contact.uri;
        self.route = routing::record_route(headers).0.into_vec();
        self.route.reverse();
        self.challenges = 0;
        Outcome::Begun
    }

    /// Takes the Contact of a re-INVITE or UPDATE, or of a 2xx to ours (RFC 3261 §12.2, RFC 3311 §5.1). True when the peer is
    /// now reached elsewhere, or has become a focus.
    pub(super) fn refresh_target(&mut self, headers: &Headers) -> bool {
        let Some(contact) = contact(headers) else {
            return false;
        };
        let is_focus = contact.param("isfocus").is_some();
        let moved = contact.uri != self.target || is_focus && !self.is_focus;
        self.is_focus = is_focus;
        self.target = contact.uri;
        moved
    }

    /// A request that was answered with success is over: the next one may be challenged anew.
    pub(super) fn answered(&mut self) {
        self.challenges = 0;
    }

    /// Takes a challenge; false when it cannot be answered, or was already.
    pub(super) fn answers(&mut self, response: &Response, cnonce: &str) -> bool {
        let (asks, answers) = match response.status {
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => ("WWW-Authenticate", "Authorization"),
        };
        let challenges = Challenge::all(response.headers.all(asks));
        let Some(challenge) = digest::choose(&challenges) else {
            return false;
        };
        self.challenges += 1;
        let known = self
            .authorizations
            .iter_mut()
            .find(|held| held.header == answers && held.realm == challenge.realm);
        if self.challenges > MAX_CHALLENGES || known.is_some() && !challenge.stale {
            return false;
        }
        let Ok(session) = digest::Session::new(challenge, cnonce.to_owned()) else {
            return false;
        };
        match known {
            Some(held) => held.session = session,
            None => self.authorizations.push(Authorization {
                header: answers,
                realm: challenge.realm.clone(),
                session,
            }),
        }
        true
    }

    /// The status for a request of the peer in this dialog, before it is carried out (RFC 3261 §12.2.2).
    pub(super) fn receive(&mut self, headers: &Headers) -> u16 {
        let Some((cseq, method)) = headers.get("CSeq").and_then(header::cseq) else {
            return 400;
        };
        if self.remote_cseq.is_some_and(|last| cseq < last) {
            return 500;
        }
        self.remote_cseq = Some(cseq);
        if method == "INVITE" {
            self.remote_invite_cseq = Some(cseq);
        }
        200
    }

    /// Whether an ACK is that of the last INVITE of the peer.
    pub(super) fn acknowledges(&self, headers: &Headers) -> bool {
        let cseq = headers.get("CSeq").and_then(header::cseq);
        cseq.map(|(cseq, _)| cseq) == self.remote_invite_cseq
    }
}

/// The Contact of a message, if requests can be sent there.
fn contact(headers: &Headers) -> Option<Address> {
    let all = header::addresses(headers.all("Contact"));
    let contact = all.into_iter().next()?;
    routing::usable_target(&contact.uri, "").then_some(contact)
}
