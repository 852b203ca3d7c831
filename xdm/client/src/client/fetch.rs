//! One GET of a document: conditional, authenticated, redirected (RFC 4825 §7.11, RFC 7616, XDM-14…31).

use rollmark_core::digest::{Challenge, Credentials, Policy, Session};
use url::Url;

use super::failure::retry_after;
use super::{Failure, HttpRequest, HttpResponse};
use crate::resource_lists;
use crate::selector::{DocumentSelector, RESOURCE_LISTS, drop_userinfo};

/// `User-Agent` of every request (XDM-17).
pub const USER_AGENT: &str = concat!("XDM-client/OMA1.1 rollmark/", env!("CARGO_PKG_VERSION"));
/// Most redirects followed in one fetch.
pub const MAX_REDIRECTS: u8 = 3;

/// How requests to an XDMS are made.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// User name and password for digest; none answers no challenge.
    pub credentials: Option<Credentials>,
    /// Which digest algorithms may be answered (SEC-10).
    pub policy: Policy,
    /// Public identity for `X-3GPP-Intended-Identity`, which an Aggregation Proxy wants (XDM-10); none in plain mode (XDM-18).
    pub intended_identity: Option<String>,
}

/// What to do after a response.
#[derive(Debug)]
pub enum Step {
    /// Send this and hand in its response.
    Send(HttpRequest),
    /// The fetch is over.
    Done(Outcome),
}

/// How a fetch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 200: the document.
    Document(Document),
    /// 304: the copy with the entity tag given is still good (XDM-20).
    NotModified,
    /// 404: there is no such document, which is an empty one (XDM-24).
    NoDocument,
    /// Nothing is known about the document (XDM-26, XDM-27).
    Failed(Failure),
}

/// A document as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The body.
    pub body: Vec<u8>,
    /// Entity tag, as it came (XDM-21).
    pub etag: Option<String>,
}

/// Leaves the body out: the block list is private (SEC-14).
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("body", &self.body.len())
            .field("etag", &self.etag)
            .finish()
    }
}

/// One fetch under way.
#[derive(Debug)]
pub struct Fetch {
    settings: Settings,
    selector: DocumentSelector,
    url: Url,
    etag: Option<String>,
    session: Option<Session>,
    /// Challenges answered in this fetch.
    answers: u8,
    redirects: u8,
}

impl Fetch {
    /// Begins a fetch with its first request.
    ///
    /// `etag` is that of the copy held, which makes the request conditional. `session` is what
    /// [`Fetch::into_session`] gave after an earlier fetch from the same root: it saves a round trip.
    pub fn start(
        settings: Settings,
        selector: DocumentSelector,
        etag: Option<String>,
        session: Option<Session>,
    ) -> (Self, HttpRequest) {
        let mut fetch = Self {
            url: selector.url(),
            settings,
            selector,
            etag,
            session,
            answers: 0,
            redirects: 0,
        };
        let request = fetch.request();
        (fetch, request)
    }

    /// The digest session, for the next fetch from the same root.
    pub fn into_session(self) -> Option<Session> {
        self.session
    }

    /// Takes the response to the last request. `cnonce` is fresh random text, 16 octets or more in hex or
    /// base64, used if the response is a challenge.
    pub fn handle_response(&mut self, response: &HttpResponse, cnonce: String) -> Step {
        // Only what the root's own server says about the next nonce counts.
        if let Some(session) = &mut self.session
            && self.selector.root().is_origin_of(&self.url)
            && let Some(info) = response.header("Authentication-Info")
        {
            session.handle_authentication_info(info);
        }
        let url = || self.url.to_string();
        let failure = match response.status {
            200 => match self.check_content_type(response) {
                Ok(()) => {
                    return Step::Done(Outcome::Document(Document {
                        body: response.body.clone(),
                        etag: response.header("ETag").map(str::to_owned),
                    }));
                }
                Err(failure) => failure,
            },
            304 if self.etag.is_some() => return Step::Done(Outcome::NotModified),
            404 => return Step::Done(Outcome::NoDocument),
            401 => match self.handle_challenge(response, cnonce) {
                Ok(request) => return Step::Send(request),
                Err(failure) => failure,
            },
            301 | 302 | 303 | 307 | 308 => match self.handle_redirect(response) {
                Ok(request) => return Step::Send(request),
                Err(failure) => failure,
            },
            403 => Failure::Forbidden { url: url() },
            status @ (408 | 429 | 500..=599) => Failure::Unavailable {
                url: url(),
                status,
                retry_after: retry_after(response),
            },
            status => Failure::UnexpectedStatus { url: url(), status },
        };
        Step::Done(Outcome::Failed(failure))
    }

    /// The request for the present URL.
    fn request(&mut self) -> HttpRequest {
        let mut headers = vec![("User-Agent", USER_AGENT.to_owned())];
        if let Some(etag) = &self.etag {
            headers.push(("If-None-Match", etag.clone()));
        }
        if let Some(identity) = &self.settings.intended_identity {
            let plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
            let identity: String = identity.chars().filter(plain).collect();
            headers.push(("X-3GPP-Intended-Identity", format!("\"{identity}\"")));
        }
        // SEC-12: nowhere but to the configured root's server.
        if self.selector.root().is_origin_of(&self.url)
            && let (Some(session), Some(credentials)) =
                (&mut self.session, &self.settings.credentials)
        {
            let target = match self.url.query() {
                Some(query) => format!("{}?{query}", self.url.path()),
                None => self.url.path().to_owned(),
            };
            let answer = session.authorize(credentials, "GET", &target, &[]);
            headers.push(("Authorization", answer));
        }
        HttpRequest {
            method: "GET",
            url: self.url.to_string(),
            headers,
            body: Vec::new(),
        }
    }

    /// Answers a 401: once, and once more when the nonce was stale (RFC 7616 §3.3).
    fn handle_challenge(
        &mut self,
        response: &HttpResponse,
        cnonce: String,
    ) -> Result<HttpRequest, Failure> {
        let url = self.url.to_string();
        let challenges = Challenge::all(response.headers_named("WWW-Authenticate"));
        let Some(credentials) = &self.settings.credentials else {
            let realm = challenges.first().map(|challenge| challenge.realm.clone());
            return Err(Failure::CredentialsMissing {
                url,
                realm: realm.unwrap_or_default(),
            });
        };
        if !self.selector.root().is_origin_of(&self.url) {
            return Err(Failure::CredentialsNotForOrigin { url });
        }
        let Some(challenge) = self.settings.policy.choose(&challenges) else {
            return Err(Failure::NoUsableChallenge {
                url,
                offered: offered(response, &challenges),
            });
        };
        match (self.answers, challenge.stale) {
            (0, _) | (1, true) => {}
            (_, false) => {
                self.session = None;
                return Err(Failure::WrongPassword {
                    url,
                    realm: challenge.realm.clone(),
                    username: credentials.username.clone(),
                });
            }
            (_, true) => return Err(Failure::AlwaysStale { url }),
        }
        let session =
            Session::new(challenge, cnonce).map_err(|source| Failure::Challenge { url, source })?;
        self.session = Some(session);
        self.answers += 1;
        Ok(self.request())
    }

    fn handle_redirect(&mut self, response: &HttpResponse) -> Result<HttpRequest, Failure> {
        let url = self.url.to_string();
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
        let Some(value) = response.header("Content-Type") else {
            return Ok(());
        };
        let expected = match self.selector.auid() {
            RESOURCE_LISTS => resource_lists::MEDIA_TYPE,
            _ => "application/xml",
        };
        let got = value.split(';').next().unwrap_or_default().trim();
        if [expected, "application/xml", "text/xml"]
            .iter()
            .any(|accepted| got.eq_ignore_ascii_case(accepted))
        {
            return Ok(());
        }
        Err(Failure::ContentType {
            url: self.url.to_string(),
            got: got.into(),
            expected,
        })
    }
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
#[path = "fetch_tests.rs"]
mod tests;
