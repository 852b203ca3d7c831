//! One user's way to an XDMS: carries operations out, answers challenges, keeps what saves a round trip.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use rollmark_core::digest::Credentials;

use crate::capabilities::Capabilities;
use crate::client::{
    Authenticated, Exchange, Failure, Fetched, Operation, Outcome, Settings, Step, Target,
};
use crate::document::DocumentError;
use crate::http::{Http, HttpError};
use crate::selector::{DocumentSelector, INDEX, XCAP_CAPS, XcapRoot};

/// What the host answers when a key is to be bootstrapped (GBA, TS 33.222): given the realm, it resolves to the B-TID as user
/// name and Ks_NAF as password, or to nothing (XDM-15).
pub type Bootstrap =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Option<Credentials>> + Send>> + Send + Sync>;

/// Why an operation on an XDMS came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum XdmsError {
    /// No response.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A response that is neither what was asked for nor "there is none".
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A document that cannot be read.
    #[error("{url}: {source}")]
    Document {
        /// Where it is.
        url: String,
        /// Why.
        source: DocumentError,
    },
    /// A block list that cannot be read.
    #[error("{url}: {source}")]
    Unreadable {
        /// Where it is.
        url: String,
        /// Why.
        source: crate::rules::RulesError,
    },
    /// The system has no random numbers for a digest answer.
    #[error("the system gives no random numbers, which authentication needs")]
    Random,
}

impl XdmsError {
    /// Whether the same may succeed soon without anybody doing anything.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Failure(failure) => failure.is_temporary(),
            Self::Document { .. } | Self::Unreadable { .. } | Self::Random => false,
        }
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Failure(failure) => failure.retry_after(),
            _ => None,
        }
    }

    /// Whether the server says that this user may not.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Failure(Failure::Forbidden { .. }))
    }

    /// Whether a server that does not know the application usage may have answered so; one that is `probed` may stumble
    /// over it as well (XDM-25).
    pub(crate) fn may_be_unknown_usage(&self, probed: bool) -> bool {
        match self {
            Self::Failure(Failure::Unavailable { status, .. }) => {
                *status == 501 || (probed && *status == 500)
            }
            Self::Failure(failure) => matches!(
                failure,
                Failure::Forbidden { .. }
                    | Failure::MethodNotAllowed { .. }
                    | Failure::UnexpectedStatus { .. }
            ),
            _ => false,
        }
    }
}

/// Carries out operations for one user on one XDMS, one after the other.
#[derive(Clone)]
pub struct Connection {
    http: Http,
    settings: Settings,
    bootstrap: Option<Bootstrap>,
    authenticated: Option<Authenticated>,
}

/// Shows no credentials.
impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// A way to the XDMS with these settings.
    pub fn new(http: Http, settings: Settings) -> Self {
        Self {
            http,
            settings,
            bootstrap: None,
            authenticated: None,
        }
    }

    /// The same for a host that bootstraps keys.
    #[must_use]
    pub fn with_bootstrap(mut self, bootstrap: Bootstrap) -> Self {
        self.settings.gba = true;
        self.bootstrap = Some(bootstrap);
        self
    }

    /// Whether there is a password that could be sent.
    pub(crate) fn has_credentials(&self) -> bool {
        self.settings.credentials.is_some()
    }

    /// Carries one operation out. What the digest session has counted is lost when the call is dropped, never used twice.
    ///
    /// # Errors
    /// [`XdmsError::Http`] and [`XdmsError::Random`]; what the server says is the outcome.
    pub async fn perform(&mut self, operation: Operation) -> Result<Outcome, XdmsError> {
        let authenticated = self.authenticated.take();
        let (mut exchange, mut request) =
            Exchange::start(self.settings.clone(), operation, authenticated);
        loop {
            let response = self.http.send(&request).await?;
            let mut step = exchange.handle_response(&response, cnonce()?);
            request = loop {
                match step {
                    Step::Send(next) => break next,
                    Step::Done(outcome) => {
                        self.authenticated = exchange.into_authenticated();
                        return Ok(outcome);
                    }
                    Step::Bootstrap { realm } => {
                        let key = match &self.bootstrap {
                            Some(bootstrap) => bootstrap(realm).await,
                            None => None,
                        };
                        step = exchange.handle_key(key, cnonce()?);
                    }
                }
            };
        }
    }
    /// Fetches a document or node; none if there is none.
    ///
    /// # Errors
    /// Any [`XdmsError`] but [`XdmsError::Document`].
    pub async fn get(&mut self, target: Target) -> Result<Option<Fetched>, XdmsError> {
        match self.perform(Operation::get(target.clone(), None)).await? {
            Outcome::Fetched(fetched) => Ok(Some(fetched)),
            Outcome::NotFound => Ok(None),
            outcome => Err(failure_of(outcome, &target).into()),
        }
    }

    /// What the server can do (RFC 4825 §12, XDM-42); none if it does not say.
    ///
    /// # Errors
    /// [`XdmsError`].
    pub async fn capabilities(
        &mut self,
        root: &XcapRoot,
    ) -> Result<Option<Capabilities>, XdmsError> {
        let selector = DocumentSelector::global(root.clone(), XCAP_CAPS, INDEX);
        let Ok(selector) = selector else {
            return Ok(None);
        };
        let Some(fetched) = self.get(Target::document(&selector)).await? else {
            return Ok(None);
        };
        let capabilities =
            Capabilities::parse(&fetched.body).map_err(|source| XdmsError::Document {
                url: selector.url().into(),
                source,
            })?;
        Ok(Some(capabilities))
    }
}

/// What an outcome that nobody asked for is called.
pub(crate) fn failure_of(outcome: Outcome, target: &Target) -> Failure {
    let status = match outcome {
        Outcome::Failed(failure) => return failure,
        Outcome::Fetched(_) | Outcome::Written(_) => 200,
        Outcome::NotModified => 304,
        Outcome::NotFound => 404,
        Outcome::Conflict(_) => 409,
        Outcome::PreconditionFailed => 412,
    };
    Failure::UnexpectedStatus {
        url: crate::client::place(target.url().as_str()).to_owned(),
        status,
    }
}

/// 16 random octets in hex.
fn cnonce() -> Result<String, XdmsError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| XdmsError::Random)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}
