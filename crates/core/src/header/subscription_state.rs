//! Subscription-State (RFC 6665 §4.1.3, §8.2.3; RFC 6446 §9.2).

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::{Rate, delta_seconds, lex};

/// A Subscription-State value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    /// The state itself.
    pub state: Substate,
    /// Why the subscription ended.
    pub reason: Option<Reason>,
    /// Seconds that the subscription still lasts.
    pub expires: Option<u32>,
    /// Seconds to wait before a new subscription.
    pub retry_after: Option<u32>,
    /// Most notifications per second that the notifier will send.
    pub max_rate: Option<Rate>,
    /// Fewest notifications per second that it will send.
    pub min_rate: Option<Rate>,
    /// The same, averaged over time.
    pub adaptive_min_rate: Option<Rate>,
}

/// The state token; case does not matter (SUB-65).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Substate {
    /// The subscription was accepted.
    Active,
    /// The notifier waits for a decision.
    Pending,
    /// The subscription is over.
    Terminated,
    /// A state of an extension, as written.
    Other(String),
}

/// The reason token of a terminated subscription; case does not matter (SUB-65).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Subscribe anew at once, elsewhere.
    Deactivated,
    /// Subscribe anew later.
    Probation,
    /// The notifier refuses.
    Rejected,
    /// It was not refreshed in time.
    Timeout,
    /// The notifier could not get a decision.
    Giveup,
    /// The resource is no more.
    Noresource,
    /// The state will not change any more.
    Invariant,
    /// A reason of an extension, as written.
    Other(String),
}

impl SubscriptionState {
    /// Reads a value; none when it does not begin with a token. Parameters without a readable value are as absent.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (state, params) = lex::split_once(value, b';').unwrap_or((value, ""));
        let mut read = Self {
            state: Substate::parse(state)?,
            reason: None,
            expires: None,
            retry_after: None,
            max_rate: None,
            min_rate: None,
            adaptive_min_rate: None,
        };
        let seconds = |value| delta_seconds(&lex::unquoted(value));
        // Of several parameters of one name the first that can be read counts.
        for (name, value) in lex::raw_params(params) {
            let Some(value) = value else { continue };
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            match name {
                _ if is("expires") => read.expires = read.expires.or_else(|| seconds(value)),
                _ if is("reason") => read.reason = read.reason.or_else(|| Reason::parse(value)),
                _ if is("retry-after") => {
                    read.retry_after = read.retry_after.or_else(|| seconds(value));
                }
                _ if is("max-rate") => {
                    read.max_rate = read.max_rate.or_else(|| Rate::parse(value));
                }
                _ if is("min-rate") => {
                    read.min_rate = read.min_rate.or_else(|| Rate::parse(value));
                }
                _ if is("adaptive-min-rate") => {
                    read.adaptive_min_rate = read.adaptive_min_rate.or_else(|| Rate::parse(value));
                }
                _ => {}
            }
        }
        Some(read)
    }
}

impl Substate {
    fn parse(text: &str) -> Option<Self> {
        let text = lex::trim(text);
        let known = [Self::Active, Self::Pending, Self::Terminated];
        lex::is_token(text).then(|| {
            known
                .into_iter()
                .find(|state| state.as_str().eq_ignore_ascii_case(text))
                .unwrap_or_else(|| Self::Other(text.to_owned()))
        })
    }

    /// The token, in lower case for the known ones.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Terminated => "terminated",
            Self::Other(text) => text,
        }
    }
}

impl Reason {
    /// Reads a reason token, also one in quotes; none for an empty one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = lex::unquoted(lex::trim(text));
        let known = [
            Self::Deactivated,
            Self::Probation,
            Self::Rejected,
            Self::Timeout,
            Self::Giveup,
            Self::Noresource,
            Self::Invariant,
        ];
        if text.is_empty() {
            return None;
        }
        known
            .into_iter()
            .find(|reason| reason.as_str().eq_ignore_ascii_case(&text))
            .or(Some(Self::Other(text)))
    }

    /// The token, in lower case for the known ones.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Giveup => "giveup",
            Self::Noresource => "noresource",
            Self::Invariant => "invariant",
            Self::Other(text) => text,
        }
    }
}
