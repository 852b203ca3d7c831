//! Subscription dialog for hosts that give transactions only: tags, CSeq, route set, remote target, credentials
//! (RFC 3261 §12, RFC 6665 §4.4.1).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::digest::{self, Challenge, Credentials};
use crate::header::{self, Address};
use crate::message::{Headers, Request, Response};
use crate::random::Random;
use crate::uri::Uri;

/// How a NOTIFY stands to the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It makes or continues the dialog.
    Next,
    /// The same request once more (SUB-31).
    Repeated,
    /// Another fork or another dialog: 481 (SUB-38).
    Foreign,
    /// Older than one already seen: 500 (SUB-30).
    OutOfOrder,
    /// Without From tag or CSeq: 400.
    Malformed,
}

/// Who made the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    No,
    /// Provisionally, by a 2xx (RFC 3265 §3.3.4, SUB-25).
    ByResponse,
    /// By a NOTIFY (RFC 6665 §4.4.1, SUB-24).
    ByNotify,
}

#[derive(Debug)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    local: String,
    remote: String,
    remote_tag: Option<String>,
    made: Made,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    /// Raw Route values, topmost first.
    route_set: Vec<String>,
    remote_target: String,
    authorizations: Vec<Authorization>,
}

/// Digest state for one realm; credentials are used again on later requests (SUB-13).
#[derive(Debug)]
struct Authorization {
    proxy: bool,
    realm: String,
    session: digest::Session,
    /// Challenges answered since the last request that succeeded.
    tries: u8,
}

/// Challenges of different realms that one request is answered for, at most (SEC-18).
const MAX_AUTHORIZATIONS: usize = 4;

impl Dialog {
    pub(crate) fn new(local: &str, target: &str, route: Vec<String>, random: &mut Random) -> Self {
        Self {
            call_id: random.token(),
            local_tag: random.token(),
            local: local.to_string(),
            remote: target.to_string(),
            remote_tag: None,
            made: Made::No,
            local_cseq: 0,
            remote_cseq: None,
            route_set: route,
            remote_target: target.to_string(),
            authorizations: Vec::new(),
        }
    }

    /// The remote target: the IM Server's address once the server has named it (OMA-10).
    pub(crate) fn remote_target(&self) -> &str {
        &self.remote_target
    }

    pub(crate) fn is_made(&self) -> bool {
        self.made != Made::No
    }

    /// Builds the next request and names its next hop (RFC 3261 §12.2.1.1: loose and strict routers).
    pub(crate) fn request(
        &mut self,
        headers: Headers,
        body: Vec<u8>,
        credentials: Option<&Credentials>,
    ) -> (Request, String) {
        self.local_cseq += 1;
        let mut routes: Vec<&str> = self.route_set.iter().map(String::as_str).collect();
        let mut uri = self.remote_target.clone();
        let target_route;
        let mut next_hop = uri.clone();
        if let Some(first) = routes.first().and_then(|route| Address::parse(route)) {
            next_hop = first.uri.clone();
            let loose = Uri::parse(&first.uri).is_ok_and(|uri| uri.param("lr").is_some());
            if !loose {
                target_route = format!("<{uri}>");
                routes.remove(0);
                routes.push(&target_route);
                uri = first.uri;
            }
        }
        let mut all = Headers::new();
        for route in routes {
            all.push("Route", route);
        }
        all.push("Max-Forwards", "70");
        all.push("From", format!("<{}>;tag={}", self.local, self.local_tag));
        all.push(
            "To",
            match &self.remote_tag {
                Some(tag) => format!("<{}>;tag={tag}", self.remote),
                None => format!("<{}>", self.remote),
            },
        );
        all.push("Call-ID", &self.call_id);
        all.push("CSeq", format!("{} SUBSCRIBE", self.local_cseq));
        for header in headers.iter() {
            all.push(header.name.clone(), &header.value);
        }
        if let Some(credentials) = credentials {
            for authorization in &mut self.authorizations {
                let name = if authorization.proxy {
                    "Proxy-Authorization"
                } else {
                    "Authorization"
                };
                let value = authorization
                    .session
                    .authorize(credentials, "SUBSCRIBE", &uri, &body);
                all.push(name, value);
            }
        }
        let request = Request {
            method: "SUBSCRIBE".to_string(),
            uri,
            headers: all,
            body,
        };
        (request, next_hop)
    }

    /// Takes the challenges of a 401 or 407. True when the request is worth repeating: a realm not yet answered for this
    /// request, or a stale nonce, once (SUB-12).
    pub(crate) fn handle_challenge(&mut self, response: &Response, random: &mut Random) -> bool {
        let proxy = response.status == 407;
        let name = if proxy {
            "Proxy-Authenticate"
        } else {
            "WWW-Authenticate"
        };
        let challenges = Challenge::all(response.headers.all(name));
        let mut realms: Vec<&str> = Vec::new();
        for challenge in &challenges {
            if !realms.contains(&challenge.realm.as_str()) {
                realms.push(&challenge.realm);
            }
        }
        let mut news = false;
        for realm in realms.into_iter().take(MAX_AUTHORIZATIONS) {
            let of_realm: Vec<Challenge> = challenges
                .iter()
                .filter(|c| c.realm == realm)
                .cloned()
                .collect();
            let Some(challenge) = digest::choose(&of_realm) else {
                continue;
            };
            let Ok(session) = digest::Session::new(challenge, random.token()) else {
                continue;
            };
            let room = self.authorizations.len() < MAX_AUTHORIZATIONS;
            let held = self
                .authorizations
                .iter_mut()
                .find(|a| a.proxy == proxy && a.realm == realm);
            let allowed = if challenge.stale { 2 } else { 1 };
            match held {
                // The answer to this very challenge was refused: the password is wrong.
                Some(held) if held.tries >= allowed => {}
                Some(held) => {
                    held.tries += 1;
                    held.session = session;
                    news = true;
                }
                None if !room => {}
                None => {
                    self.authorizations.push(Authorization {
                        proxy,
                        realm: realm.to_string(),
                        session,
                        tries: 1,
                    });
                    news = true;
                }
            }
        }
        news
    }

    /// Takes a 2xx: it makes the dialog provisionally, confirms it, or belongs to another fork and only ends its
    /// transaction (SUB-25, SUB-39, SUB-52). False when Contact was missing.
    pub(crate) fn handle_success(&mut self, response: &Response) -> bool {
        for authorization in &mut self.authorizations {
            authorization.tries = 0;
        }
        let tag = response.headers.get("To").and_then(header::tag);
        match (&self.remote_tag, tag) {
            (Some(held), Some(tag)) if held != tag => return true,
            (None, Some(tag)) => {
                self.remote_tag = Some(tag.to_string());
                self.made = Made::ByResponse;
                self.route_set = record_route(&response.headers);
                self.route_set.reverse();
            }
            _ => {}
        }
        self.take_contact(&response.headers)
    }

    /// Where a NOTIFY belongs.
    pub(crate) fn standing(&self, headers: &Headers) -> Standing {
        let Some(tag) = headers.get("From").and_then(header::tag) else {
            return Standing::Malformed;
        };
        let Some((cseq, _)) = headers.get("CSeq").and_then(header::cseq) else {
            return Standing::Malformed;
        };
        if self.made == Made::ByNotify && self.remote_tag.as_deref() != Some(tag) {
            return Standing::Foreign;
        }
        match self.remote_cseq {
            Some(last) if self.made == Made::ByNotify && cseq < last => Standing::OutOfOrder,
            Some(last) if self.made == Made::ByNotify && cseq == last => Standing::Repeated,
            _ => Standing::Next,
        }
    }

    /// Takes tags, CSeq, route set and target from a NOTIFY that belongs here (SUB-24, SUB-52). False when Contact was
    /// missing.
    pub(crate) fn handle_notify(&mut self, headers: &Headers) -> bool {
        self.remote_cseq = headers
            .get("CSeq")
            .and_then(header::cseq)
            .map(|(cseq, _)| cseq);
        if self.made != Made::ByNotify {
            self.remote_tag = headers
                .get("From")
                .and_then(header::tag)
                .map(ToString::to_string);
            self.route_set = record_route(headers);
            self.made = Made::ByNotify;
        }
        self.take_contact(headers)
    }

    fn take_contact(&mut self, headers: &Headers) -> bool {
        let contact = header::addresses(headers.all("Contact")).into_iter().next();
        match contact {
            Some(contact) if contact.uri != "*" && Uri::parse(&contact.uri).is_ok() => {
                self.remote_target = contact.uri;
                true
            }
            _ => false,
        }
    }
}

fn record_route(headers: &Headers) -> Vec<String> {
    headers
        .all("Record-Route")
        .flat_map(header::split_list)
        .map(ToString::to_string)
        .collect()
}
