//! The dialog of an IM session, without I/O: INVITE with its challenges, ACK, BYE, and what the peer sends in it
//! (RFC 3261 §12, §13, §15, §22).

use rollmark::core::digest::{self, Challenge, Credentials};
use rollmark::core::header::{self, Address};
use rollmark::core::message::{Headers, Request, Response};

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
    /// Raw Route values, topmost first.
    route: Vec<String>,
    cseq: u32,
    /// CSeq of the last INVITE, which its ACK repeats.
    invite_cseq: u32,
    remote_cseq: Option<u32>,
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
            route,
            cseq: 0,
            invite_cseq: 0,
            remote_cseq: None,
            authorizations: Vec::new(),
            challenges: 0,
        }
    }

    /// For an INVITE that was received and will be accepted (RFC 3261 §12.1.1); none if it lacks what a dialog needs.
    pub(super) fn invited(invite: &Request, local_tag: String) -> Option<Self> {
        let headers = &invite.headers;
        let contact = header::addresses(headers.all("Contact"))
            .into_iter()
            .next()?;
        header::tag(headers.get("From")?)?;
        Some(Self {
            local: format!("{};tag={local_tag}", headers.get("To")?),
            local_tag,
            call_id: headers.get("Call-ID")?.to_owned(),
            remote: headers.get("From")?.to_owned(),
            target: contact.uri,
            route: record_route(headers),
            cseq: 0,
            invite_cseq: 0,
            remote_cseq: headers
                .get("CSeq")
                .and_then(header::cseq)
                .map(|(cseq, _)| cseq),
            authorizations: Vec::new(),
            challenges: 0,
        })
    }

    /// To of the 2xx to a received INVITE.
    pub(super) fn local(&self) -> &str {
        &self.local
    }

    /// The URI of the next hop.
    pub(super) fn next_hop(&self) -> String {
        let first = self.route.first().and_then(|route| Address::parse(route));
        first.map_or_else(|| self.target.clone(), |first| first.uri)
    }

    /// The next request in it: an INVITE, an ACK (with the CSeq of its INVITE) or a BYE.
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
        let mut headers = Headers::new();
        for route in &self.route {
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
                let value = held
                    .session
                    .authorize(credentials, method, &self.target, &body);
                headers.push(held.header, value);
            }
        }
        Request {
            method: method.to_owned(),
            uri: self.target.clone(),
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
        let contact = header::addresses(headers.all("Contact")).into_iter().next();
        let to = headers.get("To").filter(|to| header::tag(to).is_some());
        let (Some(contact), Some(to)) = (contact, to) else {
            return Outcome::Refused(Fault::NoContact);
        };
        self.remote = to.to_owned();
        self.target = contact.uri;
        self.route = record_route(headers);
        self.route.reverse();
        self.challenges = 0;
        Outcome::Begun
    }

    /// Whether another 2xx, which a fork or a loss brings, is of this very dialog.
    pub(super) fn is_repeated(&self, response: &Response) -> bool {
        (200..300).contains(&response.status)
            && response.headers.get("To").and_then(header::tag) == header::tag(&self.remote)
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
        let Some((cseq, _)) = headers.get("CSeq").and_then(header::cseq) else {
            return 400;
        };
        if self.remote_cseq.is_some_and(|last| cseq < last) {
            return 500;
        }
        self.remote_cseq = Some(cseq);
        200
    }
}

fn record_route(headers: &Headers) -> Vec<String> {
    headers
        .all("Record-Route")
        .flat_map(header::split_list)
        .map(str::to_owned)
        .collect()
}
