//! Subscription dialog for hosts that give transactions only: tags, CSeq, route set, remote target, credentials
//! (RFC 3261 §12, RFC 6665 §4.4.1).

pub mod routing;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::digest::{self, Challenge, Credentials};
use crate::header;
use crate::message::{Headers, Request, Response};
use crate::random::{Random, Token};
use routing::{record_route, usable_target};

/// Highest sequence number (RFC 3261 §8.1.1.5).
const CSEQ_MAX: u32 = (1 << 31) - 1;
/// Numbers kept for the last words in a dialog when it is given up for want of them.
const CSEQ_RESERVE: u32 = 64;
/// Challenges of different realms that one request is answered for, at most (SEC-18).
const MAX_AUTHORIZATIONS: usize = 4;

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
    /// Without From tag or a CSeq in its range: 400.
    Malformed,
}

/// What a message gave to the dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// It is of another fork and gave nothing (SUB-39).
    pub(crate) other_fork: bool,
    /// Its Contact cannot be sent to, or is missing: the target stays (OMA-12).
    pub(crate) no_target: bool,
    /// A Record-Route cannot be sent by, and was left out.
    pub(crate) bad_route: bool,
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
    pub(crate) call_id: Token,
    pub(crate) local_tag: Token,
    made: Made,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    remote_tag: Option<Box<str>>,
    /// From without tag, of the account.
    local: Arc<str>,
    /// URI of To: what is subscribed to.
    remote: Arc<str>,
    remote_target: Arc<str>,
    /// Raw Route values, topmost first.
    route_set: Box<[Box<str>]>,
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

impl Dialog {
    pub(crate) fn new(
        local: Arc<str>,
        remote: Arc<str>,
        route: Vec<String>,
        random: &mut Random,
    ) -> Self {
        Self {
            call_id: random.name(),
            local_tag: random.name(),
            made: Made::No,
            local_cseq: 0,
            remote_cseq: None,
            remote_tag: None,
            local,
            remote_target: remote.clone(),
            remote,
            route_set: boxed(route),
            authorizations: Vec::new(),
        }
    }

    /// The initial request is to be sent once more: whatever dialog there was is dropped, Call-ID, From tag, CSeq and
    /// credentials stay (RFC 3261 §8.1.3.4, §8.1.3.5; SUB-10, SUB-12, SUB-19).
    pub(crate) fn restart(&mut self, target: &str, route: Vec<String>) {
        self.made = Made::No;
        self.remote_cseq = None;
        self.remote_tag = None;
        self.remote_target = target.into();
        self.route_set = boxed(route);
    }

    /// The remote target: the IM Server's address once the server has named it (OMA-10).
    pub(crate) fn remote_target(&self) -> &Arc<str> {
        &self.remote_target
    }

    pub(crate) fn is_made(&self) -> bool {
        self.made != Made::No
    }

    /// Its sequence numbers are used up: it must be replaced (RFC 3261 §12.2.1.1).
    pub(crate) fn is_exhausted(&self) -> bool {
        self.local_cseq >= CSEQ_MAX - CSEQ_RESERVE
    }

    #[cfg(test)]
    pub(crate) fn use_up(&mut self) {
        self.local_cseq = CSEQ_MAX - CSEQ_RESERVE;
    }

    /// True for a response of another server than the one whose NOTIFY made the dialog.
    pub(crate) fn is_of_other_fork(&self, response: &Response) -> bool {
        let tag = response.headers.get("To").and_then(header::tag);
        self.made == Made::ByNotify
            && tag.is_some_and(|tag| self.remote_tag.as_deref() != Some(tag))
    }

    /// Builds the next request and names its next hop.
    pub(crate) fn request(
        &mut self,
        headers: Headers,
        body: Vec<u8>,
        credentials: Option<&Credentials>,
    ) -> (Request, String) {
        self.local_cseq = self.local_cseq.saturating_add(1).min(CSEQ_MAX);
        let way = routing::way(&self.remote_target, &self.route_set);
        let mut all = Headers::new();
        for route in way.routes {
            all.push("Route", route);
        }
        all.push("Max-Forwards", "70");
        all.push("From", format!("{};tag={}", self.local, self.local_tag));
        all.push(
            "To",
            match &self.remote_tag {
                Some(tag) => format!("<{}>;tag={tag}", self.remote),
                None => format!("<{}>", self.remote),
            },
        );
        all.push("Call-ID", self.call_id.to_string());
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
                let value =
                    authorization
                        .session
                        .authorize(credentials, "SUBSCRIBE", &way.uri, &body);
                all.push(name, value);
            }
        }
        let request = Request {
            method: "SUBSCRIBE".to_string(),
            uri: way.uri,
            headers: all,
            body,
        };
        (request, way.next_hop)
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
    /// transaction (SUB-25, SUB-39, SUB-52).
    pub(crate) fn handle_success(&mut self, response: &Response) -> Taken {
        for authorization in &mut self.authorizations {
            authorization.tries = 0;
        }
        let headers = &response.headers;
        let mut taken = Taken::default();
        match (&self.remote_tag, headers.get("To").and_then(header::tag)) {
            (Some(held), Some(tag)) if **held != *tag => {
                taken.other_fork = true;
                return taken;
            }
            (None, Some(tag)) => {
                self.remote_tag = Some(tag.into());
                self.made = Made::ByResponse;
                (self.route_set, taken.bad_route) = record_route(headers);
                self.route_set.reverse();
            }
            _ => {}
        }
        taken.no_target = !self.take_contact(headers);
        taken
    }

    /// Where a NOTIFY belongs.
    pub(crate) fn standing(&self, headers: &Headers) -> Standing {
        let Some(tag) = headers.get("From").and_then(header::tag) else {
            return Standing::Malformed;
        };
        let cseq = headers.get("CSeq").and_then(header::cseq);
        let Some((cseq, _)) = cseq.filter(|(cseq, _)| *cseq <= CSEQ_MAX) else {
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

    /// Takes tags, CSeq, route set and target from a NOTIFY that belongs here (SUB-24, SUB-52).
    pub(crate) fn handle_notify(&mut self, headers: &Headers) -> Taken {
        let mut taken = Taken::default();
        self.remote_cseq = headers
            .get("CSeq")
            .and_then(header::cseq)
            .map(|(cseq, _)| cseq);
        if self.made != Made::ByNotify {
            let tag = headers.get("From").and_then(header::tag);
            if tag != self.remote_tag.as_deref() {
                self.remote_tag = tag.map(Into::into);
            }
            (self.route_set, taken.bad_route) = record_route(headers);
            self.made = Made::ByNotify;
        }
        taken.no_target = !self.take_contact(headers);
        taken
    }

    fn take_contact(&mut self, headers: &Headers) -> bool {
        let contact = header::addresses(headers.all("Contact")).into_iter().next();
        match contact {
            // As it nearly always is: nothing to read, nothing to keep.
            Some(contact) if contact.uri == *self.remote_target => true,
            Some(contact) if usable_target(&contact.uri, &self.remote) => {
                self.remote_target = contact.uri.into();
                true
            }
            _ => false,
        }
    }
}

fn boxed(route: Vec<String>) -> Box<[Box<str>]> {
    route.into_iter().map(Into::into).collect()
}
