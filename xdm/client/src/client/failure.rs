//! Why a document could not be had: the answers of an XDMS that are neither document nor "no document" (XDM-26, XDM-27).

use std::time::{Duration, SystemTime};

use rollmark_core::digest::Unanswerable;

use super::HttpResponse;

/// Longest wait that a `Retry-After` can ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The XDMS answered, but neither with the document nor with "there is none".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 401, and no credentials are configured.
    #[error("{url} asks for a user name and password (realm {realm:?}): configure them")]
    CredentialsMissing {
        /// What was asked for.
        url: String,
        /// Realm of the first challenge; empty if it has none.
        realm: String,
    },
    /// 401 on another origin than the configured root's: credentials do not go there (SEC-12).
    #[error(
        "{url} asks for a password, but it is not the configured XCAP root's server: configure that root to use it"
    )]
    CredentialsNotForOrigin {
        /// Who asked.
        url: String,
    },
    /// 401 to a fresh digest answer.
    #[error("{url} refuses user name {username:?} with its password (realm {realm:?}): check both")]
    WrongPassword {
        /// What was asked for.
        url: String,
        /// The realm.
        realm: String,
        /// The user name.
        username: String,
    },
    /// 401 without a digest challenge that the policy allows; Basic is never answered (SEC-10).
    #[error(
        "{url} offers no way to authenticate that may be used (offered: {offered:?}): digest with MD5 or SHA-256 is needed"
    )]
    NoUsableChallenge {
        /// What was asked for.
        url: String,
        /// Schemes and algorithms offered.
        offered: String,
    },
    /// The challenge chosen cannot be answered.
    #[error("{url} cannot be answered: {source}")]
    Challenge {
        /// What was asked for.
        url: String,
        /// Why.
        source: Unanswerable,
    },
    /// The server called a nonce stale that it had just given.
    #[error("{url} calls each new nonce stale: authentication on that server does not work")]
    AlwaysStale {
        /// What was asked for.
        url: String,
    },
    /// 403.
    #[error(
        "{url} is not allowed for this user: check the XUI and the user's rights on the XDMS (403)"
    )]
    Forbidden {
        /// What was asked for.
        url: String,
    },
    /// A redirect that leads elsewhere or off TLS (XDM-31).
    #[error(
        "{url} redirects to {to}, which is not https on the same host: if that is the right place, configure it as XCAP root"
    )]
    RedirectRefused {
        /// What was asked for.
        url: String,
        /// Where it leads, or `nowhere`.
        to: String,
    },
    /// More redirects than [`MAX_REDIRECTS`](super::MAX_REDIRECTS).
    #[error("{url} redirects in circles: check the XCAP root")]
    TooManyRedirects {
        /// The last one asked.
        url: String,
    },
    /// 405: the server does not change this.
    #[error("{url} does not take {method} (405): the server keeps this document or node as it is")]
    MethodNotAllowed {
        /// What was asked for.
        url: String,
        /// The method.
        method: &'static str,
    },
    /// 413.
    #[error("{url} takes no document that large (413): shorten it")]
    TooLarge {
        /// What was asked for.
        url: String,
    },
    /// 415.
    #[error("{url} does not take content of type {sent} (415): check the XCAP root")]
    MediaTypeRefused {
        /// What was asked for.
        url: String,
        /// Type sent.
        sent: &'static str,
    },
    /// 401 of another realm than the configured one (SEC-12).
    #[error(
        "{url} asks for a password for the realm {realm:?}, but {configured:?} is configured: it is not sent; check the realm"
    )]
    OtherRealm {
        /// What was asked for.
        url: String,
        /// The realm.
        realm: String,
        /// The realm that is configured.
        configured: String,
    },
    /// The host has no bootstrapped key for the server (XDM-15).
    #[error("{url} wants a key bootstrapped by GBA, and there is none: check the SIM and the BSF")]
    NoKey {
        /// What was asked for.
        url: String,
    },
    /// 5xx, 408 or 429: the server cannot serve now (XDM-27).
    #[error("{url} is out of service at the moment ({status}): asked again later")]
    Unavailable {
        /// What was asked for.
        url: String,
        /// Status code.
        status: u16,
        /// Wait asked for by the server, at most [`MAX_RETRY_AFTER`].
        retry_after: Option<Duration>,
    },
    /// 200 with a body of another kind (XDM-22).
    #[error("{url} is of type {got:?}, not {expected}: check the XCAP root")]
    ContentType {
        /// What was asked for.
        url: String,
        /// Type received.
        got: String,
        /// Type of the documents of this AUID.
        expected: &'static str,
    },
    /// Any other status.
    #[error("{url} answers with status {status}, which has no meaning here: check the XCAP root")]
    UnexpectedStatus {
        /// What was asked for.
        url: String,
        /// Status code.
        status: u16,
    },
}

impl Failure {
    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same request may succeed soon without anybody doing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// `Retry-After` of a response: seconds, or a date, which counts from the server's own `Date`
/// (RFC 9110 §10.2.3).
pub(super) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let value = response.header("Retry-After")?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = |text: &str| -> Option<SystemTime> { httpdate::parse_http_date(text).ok() };
            let now = date(response.header("Date")?)?;
            date(value)?.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}
