//! One operation under way: conditional, authenticated, redirected (RFC 4825 §7, RFC 7616, XDM-10…31).

use rollmark_core::digest::{Challenge, Credentials, Policy, Session};
use url::Url;

use super::failure::retry_after;
use super::message::place;
use super::operation::{Method, Operation};
use super::{Conflict, Failure, HttpRequest, HttpResponse};
use crate::root::drop_userinfo;

/// `User-Agent` of every request (XDM-17).
pub const USER_AGENT: &str = concat!("XDM-client/OMA1.1 rollmark/", env!("CARGO_PKG_VERSION"));
/// Product that is added to it where the host bootstraps keys (TS 24.109, XDM-15).
pub const GBA_PRODUCT: &str = "3gpp-gba";
/// Most redirects followed in one exchange.
pub const MAX_REDIRECTS: u8 = 3;

/// How requests to an XDMS are made.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// User name and password for digest; none answers no challenge.
    pub credentials: Option<Credentials>,
    /// The only realm whose challenges are answered with [`Self::credentials`]; none for whichever the server of the
    /// root names (SEC-12).
    pub realm: Option<String>,
    /// Which digest algorithms may be answered (SEC-10).
    pub policy: Policy,
    /// Public identity for `X-3GPP-Intended-Identity`, which an Aggregation Proxy of an IMS core wants (XDM-10); none in
    /// plain mode (XDM-18). It must be of the user whose documents are asked for (XDM-13).
    pub intended_identity: Option<String>,
    /// Public identity for `X-XCAP-Preferred-Identity`, for aggregation proxies outside 3GPP (XDM-11).
    pub preferred_identity: Option<String>,
    /// The host can bootstrap keys: challenges of the realm `3GPP-bootstrapping@…` become [`Step::Bootstrap`] (XDM-15).
    pub gba: bool,
}

/// What to do after a response.
#[derive(Debug)]
pub enum Step {
    /// Send this and hand in its response.
    Send(HttpRequest),
    /// Get a B-TID and the key for this realm by GBA (TS 33.222) and hand them to [`Exchange::handle_key`].
    Bootstrap {
        /// The realm, `3GPP-bootstrapping@HOST` or `3GPP-bootstrapping-uicc@HOST`.
        realm: String,
    },
    /// The exchange is over.
    Done(Outcome),
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 200 to a GET: the document or node.
    Fetched(Fetched),
    /// 304: the copy with the entity tag given is still good (XDM-20).
    NotModified,
    /// 404: there is no such document, which is an empty one, or no such node (XDM-24).
    NotFound,
    /// 200, 201 or 204 to a PUT or DELETE.
    Written(Written),
    /// 412: the condition does not hold; somebody else was faster (XDM-29).
    PreconditionFailed,
    /// 409: the change makes no good document (XDM-28).
    Conflict(Conflict),
    /// Nothing is known about the document, and nothing was changed (XDM-26, XDM-27).
    Failed(Failure),
}

/// A document or node as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body.
    pub body: Vec<u8>,
    /// Entity tag of the document, as it came (XDM-21).
    pub etag: Option<String>,
    /// Content type, as it came.
    pub content_type: Option<String>,
}

/// Leaves the body out: the block list is private (SEC-14).
impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched")
            .field("body", &self.body.len())
            .field("etag", &self.etag)
            .field("content_type", &self.content_type)
            .finish()
    }
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// 201: it was not there before. Some servers never say so.
    pub created: bool,
    /// New entity tag of the document, as it came; none after its deletion, or from a server that does not say.
    pub etag: Option<String>,
}

/// One operation under way.
pub struct Exchange {
    settings: Settings,
    operation: Operation,
    url: Url,
    session: Option<Session>,
    /// A challenge that waits for its key.
    pending: Option<Challenge>,
    /// Credentials that belong to the session.
    key: Option<Credentials>,
    /// Challenges answered in this exchange.
    answers: u8,
    redirects: u8,
}

/// What an exchange leaves for the next one with the same root: it saves a round trip.
#[derive(Clone, Debug)]
pub struct Authenticated {
    session: Session,
    key: Option<Credentials>,
}

/// Leaves out what names a node or a body (SEC-14).
impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("method", &self.operation.method)
            .field("url", &self.place())
            .field("answers", &self.answers)
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}

impl Exchange {
    /// Where it goes, without the node: names of nodes can be those of blocked users (SEC-14).
    fn place(&self) -> String {
        place(self.url.as_str()).to_owned()
    }

    /// Begins an exchange with its first request. `authenticated` is what [`Exchange::into_authenticated`] gave after an
    /// earlier exchange with the same root.
    pub fn start(
        settings: Settings,
        operation: Operation,
        authenticated: Option<Authenticated>,
    ) -> (Self, HttpRequest) {
        let (session, key) = match authenticated {
            Some(Authenticated { session, key }) => (Some(session), key),
            None => (None, None),
        };
        let mut exchange = Self {
            url: operation.target().url().clone(),
            settings,
            operation,
            session,
            pending: None,
            key,
            answers: 0,
            redirects: 0,
        };
        let request = exchange.request();
        (exchange, request)
    }

    /// What the next exchange with the same root can go on with.
    pub fn into_authenticated(self) -> Option<Authenticated> {
        let key = self.key;
        self.session.map(|session| Authenticated { session, key })
    }

    /// Takes the response to the last request. `cnonce` is fresh random text, 16 octets or more in hex or
    /// base64, used if the response is a challenge.
    pub fn handle_response(&mut self, response: &HttpResponse, cnonce: String) -> Step {
        // Only what the root's own server says about the next nonce counts.
        if let Some(session) = &mut self.session
            && self.operation.target().root().is_origin_of(&self.url)
            && let Some(info) = response.header("Authentication-Info")
        {
            session.handle_authentication_info(info);
        }
        let url = || self.place();
        let get = self.operation.method == Method::Get;
        let failure = match response.status {
            200 if get => match self.check_content_type(response) {
                Ok(()) => {
                    let header = |name| response.header(name).map(str::to_owned);
                    return Step::Done(Outcome::Fetched(Fetched {
                        body: response.body.clone(),
                        etag: header("ETag"),
                        content_type: header("Content-Type"),
                    }));
                }
                Err(failure) => failure,
            },
            status @ (200 | 201 | 204) if !get => {
                return Step::Done(Outcome::Written(Written {
                    created: status == 201,
                    etag: response.header("ETag").map(str::to_owned),
                }));
            }
            304 if get && self.operation.is_conditional() => {
                return Step::Done(Outcome::NotModified);
            }
            404 => return Step::Done(Outcome::NotFound),
            409 if !get => return Step::Done(Outcome::Conflict(Conflict::of(response))),
            412 if self.operation.is_conditional() => {
                return Step::Done(Outcome::PreconditionFailed);
            }
            401 => match self.handle_challenge(response, cnonce) {
                Ok(step) => return step,
                Err(failure) => failure,
            },
            301 | 302 | 307 | 308 => match self.handle_redirect(response) {
                Ok(request) => return Step::Send(request),
                Err(failure) => failure,
            },
            303 if get => match self.handle_redirect(response) {
                Ok(request) => return Step::Send(request),
                Err(failure) => failure,
            },
            403 => Failure::Forbidden { url: url() },
            405 => Failure::MethodNotAllowed {
                url: url(),
                method: self.operation.method.as_str(),
            },
            413 => Failure::TooLarge { url: url() },
            415 => Failure::MediaTypeRefused {
                url: url(),
                sent: self.operation.target().media_type(),
            },
            status @ (408 | 429 | 500..=599) => Failure::Unavailable {
                url: url(),
                status,
                retry_after: retry_after(response),
            },
            status => Failure::UnexpectedStatus { url: url(), status },
        };
        Step::Done(Outcome::Failed(failure))
    }

    /// Takes what [`Step::Bootstrap`] asked for: the B-TID as user name, Ks_NAF as password; none if there is no key.
    pub fn handle_key(&mut self, key: Option<Credentials>, cnonce: String) -> Step {
        let url = self.place();
        let Some(challenge) = self.pending.take() else {
            return Step::Done(Outcome::Failed(Failure::NoKey { url }));
        };
        if key.is_none() {
            return Step::Done(Outcome::Failed(Failure::NoKey { url }));
        }
        self.key = key;
        match self.answer(&challenge, cnonce) {
            Ok(request) => Step::Send(request),
            Err(failure) => Step::Done(Outcome::Failed(failure)),
        }
    }

    /// The request for the present URL.
    fn request(&mut self) -> HttpRequest {
        let agent = match self.settings.gba {
            true => format!("{USER_AGENT} {GBA_PRODUCT}"),
            false => USER_AGENT.into(),
        };
        let mut headers = vec![("User-Agent", agent)];
        headers.extend(self.operation.headers());
        let method = self.operation.method.as_str();
        // SEC-12: who the user is goes nowhere but to the configured root's server.
        if self.operation.target().root().is_origin_of(&self.url) {
            let identities = [
                ("X-3GPP-Intended-Identity", &self.settings.intended_identity),
                (
                    "X-XCAP-Preferred-Identity",
                    &self.settings.preferred_identity,
                ),
            ];
            for (name, identity) in identities {
                headers.extend(identity.as_deref().map(|text| (name, quoted(text))));
            }
            let credentials = self.key.as_ref().or(self.settings.credentials.as_ref());
            if let (Some(session), Some(credentials)) = (&mut self.session, credentials) {
                let target = match self.url.query() {
                    Some(query) => format!("{}?{query}", self.url.path()),
                    None => self.url.path().to_owned(),
                };
                let body = &self.operation.body;
                let answer = session.authorize(credentials, method, &target, body);
                headers.push(("Authorization", answer));
            }
        }
        HttpRequest {
            method,
            url: self.url.to_string(),
            headers,
            body: self.operation.body.clone(),
        }
    }

    /// Answers a 401: once, and once more when the nonce was stale (RFC 7616 §3.3).
    fn handle_challenge(
        &mut self,
        response: &HttpResponse,
        cnonce: String,
    ) -> Result<Step, Failure> {
        let url = self.place();
        let challenges = Challenge::all(response.headers_named("WWW-Authenticate"));
        let at_home = self.operation.target().root().is_origin_of(&self.url);
        let gba = |challenge: &&Challenge| self.settings.gba && is_bootstrapping(&challenge.realm);
        let bootstrapping: Vec<_> = challenges.iter().filter(gba).cloned().collect();
        if self.settings.credentials.is_none() && bootstrapping.is_empty() {
            let realm = challenges.first().map(|challenge| challenge.realm.clone());
            let realm = realm.unwrap_or_default();
            return Err(match at_home {
                true => Failure::CredentialsMissing { url, realm },
                false => Failure::CredentialsNotForOrigin { url },
            });
        }
        if !at_home {
            return Err(Failure::CredentialsNotForOrigin { url });
        }
        let candidates = match bootstrapping.is_empty() {
            true => &challenges,
            false => &bootstrapping,
        };
        let Some(challenge) = self.settings.policy.choose(candidates).cloned() else {
            return Err(Failure::NoUsableChallenge {
                url,
                offered: offered(response, &challenges),
            });
        };
        if bootstrapping.is_empty()
            && let Some(realm) = &self.settings.realm
            && *realm != challenge.realm
        {
            return Err(Failure::OtherRealm {
                url,
                realm: challenge.realm,
                configured: realm.clone(),
            });
        }
        match (self.answers, challenge.stale) {
            (0, _) | (1, true) => {}
            (_, false) => {
                self.session = None;
                let credentials = self.key.take().or(self.settings.credentials.clone());
                return Err(Failure::WrongPassword {
                    url,
                    realm: challenge.realm,
                    username: credentials.map(|own| own.username).unwrap_or_default(),
                });
            }
            (_, true) => return Err(Failure::AlwaysStale { url }),
        }
        // A stale nonce says that the key was right.
        let has_key = challenge.stale && self.key.is_some();
        if !bootstrapping.is_empty() && !has_key {
            let realm = challenge.realm.clone();
            self.pending = Some(challenge);
            return Ok(Step::Bootstrap { realm });
        }
        if bootstrapping.is_empty() {
            self.key = None;
        }
        self.answer(&challenge, cnonce).map(Step::Send)
    }

    fn answer(&mut self, challenge: &Challenge, cnonce: String) -> Result<HttpRequest, Failure> {
        let url = self.place();
        let session =
            Session::new(challenge, cnonce).map_err(|source| Failure::Challenge { url, source })?;
        self.session = Some(session);
        self.answers += 1;
        Ok(self.request())
    }

    fn handle_redirect(&mut self, response: &HttpResponse) -> Result<HttpRequest, Failure> {
        let url = self.place();
        let target = response
            .header("Location")
            .and_then(|location| self.url.join(location.trim()).ok());
        let Some(mut target) = target else {
            let to = "nowhere".into();
            return Err(Failure::RedirectRefused { url, to });
        };
        drop_userinfo(&mut target);
        target.set_fragment(None);
        if target.scheme() != "https" || target.host() != self.url.host() {
            let to = target.into();
            return Err(Failure::RedirectRefused { url, to });
        }
        if self.redirects == MAX_REDIRECTS {
            return Err(Failure::TooManyRedirects { url });
        }
        self.redirects += 1;
        self.url = target;
        Ok(self.request())
    }

    /// XDM-22. A missing type and the general ones of XML are let pass: the document itself is checked later.
    fn check_content_type(&self, response: &HttpResponse) -> Result<(), Failure> {
        match response.header("Content-Type") {
            Some(value) if !self.operation.target().accepts(value) => Err(Failure::ContentType {
                url: self.place(),
                got: value.split(';').next().unwrap_or_default().trim().into(),
                expected: self.operation.target().media_type(),
            }),
            _ => Ok(()),
        }
    }
}

/// Whether a realm asks for a key bootstrapped by GBA, in the phone or on its card (TS 24.109, XDM-15).
fn is_bootstrapping(realm: &str) -> bool {
    let (name, host) = realm.split_once('@').unwrap_or((realm, ""));
    !host.is_empty()
        && ["3GPP-bootstrapping", "3GPP-bootstrapping-uicc"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

/// An identity in double quotes, without what could end them or the header (SEC-09).
fn quoted(identity: &str) -> String {
    let plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
    let identity: String = identity.chars().filter(plain).collect();
    format!("\"{identity}\"")
}

/// Names of schemes and algorithms offered, for a person to read.
fn offered(response: &HttpResponse, challenges: &[Challenge]) -> String {
    let digests = challenges.iter().map(|challenge| {
        let algorithm = challenge.algorithm_name.as_deref().unwrap_or("MD5");
        format!("Digest {algorithm}")
    });
    let others = response
        .headers_named("WWW-Authenticate")
        .filter_map(|value| value.split_ascii_whitespace().next())
        .filter(|scheme| !scheme.eq_ignore_ascii_case("Digest"))
        .map(str::to_owned);
    let all: Vec<String> = digests.chain(others).collect();
    match all.is_empty() {
        true => "nothing".into(),
        false => all.join(", "),
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
