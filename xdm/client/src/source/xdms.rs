//! A document on an XDMS as a source: fetched, then asked for again with its entity tag (XDM-20…27).

use std::time::Duration;

use rollmark_core::blocklist::{BlockList, Update};
use rollmark_core::digest::Session;
use tokio::time::Instant;

use super::held::Held;
use crate::client::{Failure, Fetch, Outcome, Settings, Step};
use crate::document::DocumentError;
use crate::http::{Http, HttpError};
use crate::resource_lists;
use crate::selector::DocumentSelector;

/// Time between two requests, unless set otherwise.
pub const DEFAULT_POLL: Duration = Duration::from_secs(15 * 60);
/// Least time between two requests that a setting can reach, unless the floor is set lower too.
pub const MIN_POLL: Duration = Duration::from_secs(5 * 60);
/// Wait after the first failure; it doubles up to the poll interval.
pub const FIRST_RETRY: Duration = Duration::from_secs(30);

/// How often the XDMS is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Time between two requests. Default [`DEFAULT_POLL`].
    pub interval: Duration,
    /// `interval` is never less than this. Default [`MIN_POLL`]; lower for a server of one's own, in tests and demos.
    pub floor: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            interval: DEFAULT_POLL,
            floor: MIN_POLL,
        }
    }
}

impl Polling {
    /// Wait before the next request, after so many failures in a row (XDM-27, SEC-18).
    fn wait(self, failures: u32, temporary: bool, retry_after: Option<Duration>) -> Duration {
        let interval = self.interval.max(self.floor);
        if failures == 0 || !temporary {
            return interval;
        }
        let doubled = FIRST_RETRY.saturating_mul(2u32.saturating_pow(failures - 1));
        doubled.min(interval).max(retry_after.unwrap_or_default())
    }
}

/// Why the XDMS gave no list.
#[derive(Debug, thiserror::Error)]
pub enum XdmsError {
    /// No response.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A response without document.
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
    /// The system has no random numbers for a digest answer.
    #[error("the system gives no random numbers, which authentication needs")]
    Random,
}

impl XdmsError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Failure(failure) => failure.is_temporary(),
            Self::Document { .. } | Self::Random => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failure(failure) => failure.retry_after(),
            _ => None,
        }
    }
}

/// What a fetch brought.
enum Fetched {
    List(BlockList, Option<String>),
    Same,
}

/// The block list in a user's resource-lists document, kept up to date by polling.
#[derive(Debug)]
pub struct XdmsSource {
    http: Http,
    settings: Settings,
    selector: DocumentSelector,
    polling: Polling,
    held: Held,
    /// Of the list held; none as long as there is none.
    etag: Option<String>,
    session: Option<Session>,
    failures: u32,
    due: Option<Instant>,
}

impl XdmsSource {
    /// A source for one resource-lists document. An `http:` root is taken as consent to go without TLS; with
    /// credentials, off this machine, that is worth a warning (XDM-16).
    pub fn new(
        http: Http,
        settings: Settings,
        selector: DocumentSelector,
        polling: Polling,
    ) -> Self {
        let root = selector.root();
        if settings.credentials.is_some() && !root.is_https() && !root.is_loopback() {
            tracing::warn!(
                "the XCAP root is http: the password is hashed, but the block list goes in the clear; use https"
            );
        }
        Self {
            http,
            settings,
            selector,
            polling,
            held: Held::default(),
            etag: None,
            session: None,
            failures: 0,
            due: None,
        }
    }

    /// `xdms:URL` of the document.
    pub fn name(&self) -> String {
        format!("xdms:{}", self.selector.url())
    }

    /// Why the XDMS could not be asked the last time; none if it could.
    pub fn last_error(&self) -> Option<&str> {
        self.held.last_error()
    }

    /// Waits for news: the first call asks at once, later ones return when list or state changed. A failure
    /// before the first list is unavailable, after it stale. Cancel-safe.
    pub async fn next(&mut self) -> Update {
        loop {
            if let Some(due) = self.due {
                tokio::time::sleep_until(due).await;
            }
            let result = self.fetch().await;
            // From here on nothing waits, so that a dropped call leaves no half of an update behind.
            let update = match result {
                Ok(fetched) => {
                    self.failures = 0;
                    self.due = Some(Instant::now() + self.polling.wait(0, true, None));
                    match fetched {
                        Fetched::List(list, etag) => {
                            self.etag.clone_from(&etag);
                            self.held.take(list, etag)
                        }
                        Fetched::Same => self.held.confirm(self.etag.clone()),
                    }
                }
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    let wait =
                        self.polling
                            .wait(self.failures, error.is_temporary(), error.retry_after());
                    self.due = Some(Instant::now() + wait);
                    let update = self.held.fail(error.to_string());
                    if update.is_some() {
                        tracing::warn!(retry_in = ?wait, "{error}");
                    }
                    update
                }
            };
            if let Some(update) = update {
                return update;
            }
        }
    }

    /// One fetch. The digest session is taken along: dropped half-way it is lost, not used twice with one count.
    async fn fetch(&mut self) -> Result<Fetched, XdmsError> {
        let (mut fetch, mut request) = Fetch::start(
            self.settings.clone(),
            self.selector.clone(),
            self.etag.clone(),
            self.session.take(),
        );
        let outcome = loop {
            let response = self.http.send(&request).await?;
            match fetch.handle_response(&response, cnonce()?) {
                Step::Send(next) => request = next,
                Step::Done(outcome) => break outcome,
            }
        };
        self.session = fetch.into_session();
        match outcome {
            Outcome::Document(document) => {
                let list = resource_lists::parse(&document.body, self.selector.xui()).map_err(
                    |source| XdmsError::Document {
                        url: self.selector.url().into(),
                        source,
                    },
                )?;
                Ok(Fetched::List(list, document.etag))
            }
            Outcome::NotModified => Ok(Fetched::Same),
            Outcome::NoDocument => {
                let list = BlockList {
                    entries: Vec::new(),
                    complete: true,
                    rules: None,
                };
                Ok(Fetched::List(list, None))
            }
            Outcome::Failed(failure) => Err(failure.into()),
        }
    }
}

/// 16 random octets in hex.
fn cnonce() -> Result<String, XdmsError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| XdmsError::Random)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-27, SEC-18.
    #[test]
    fn waits_double_after_failures_up_to_the_interval_and_heed_the_server() {
        let polling = Polling::default();
        let seconds = Duration::from_secs;
        for (failures, temporary, retry_after, expected) in [
            (0, true, None, DEFAULT_POLL),
            (1, true, None, FIRST_RETRY),
            (2, true, None, seconds(60)),
            (3, true, None, seconds(120)),
            (6, true, None, DEFAULT_POLL),
            (u32::MAX, true, None, DEFAULT_POLL),
            (1, true, Some(seconds(3600)), seconds(3600)),
            (1, true, Some(seconds(1)), FIRST_RETRY),
            (1, false, None, DEFAULT_POLL),
        ] {
            assert_eq!(polling.wait(failures, temporary, retry_after), expected);
        }
        let eager = Polling {
            interval: seconds(1),
            ..Polling::default()
        };
        assert_eq!(eager.wait(0, true, None), MIN_POLL);
        let demo = Polling {
            interval: seconds(1),
            floor: seconds(1),
        };
        assert_eq!(demo.wait(0, true, None), seconds(1));
        assert_eq!(demo.wait(9, true, None), seconds(1));
    }
}
