//! The words between subscriber, engine and user: steps, causes, ends, states (RFC 6665 §4.1, OMA-19).

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::header::Reason;

/// Which of its requests a response belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The SUBSCRIBE that makes the dialog.
    Initial,
    /// A SUBSCRIBE in the dialog that keeps it.
    Refresh,
    /// The SUBSCRIBE with Expires: 0.
    Unsubscribe,
}

/// What the engine is to do or to show next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a SUBSCRIBE that makes a new dialog: new Call-ID and From tag (SUB-51).
    Subscribe {
        /// Seconds to ask for.
        expires: u32,
    },
    /// Send the initial SUBSCRIBE once more, in the same attempt (423, redirection, option tags; SUB-10, SUB-16, SUB-19).
    SubscribeAgain {
        /// Seconds to ask for.
        expires: u32,
    },
    /// Send a SUBSCRIBE in the dialog.
    Refresh {
        /// Seconds to ask for.
        expires: u32,
    },
    /// Send the SUBSCRIBE with Expires: 0 in the dialog (SUB-66).
    Unsubscribe,
    /// The dialog is gone: its NOTIFYs get 481 from now on (SUB-42).
    Forget,
    /// The state to be shown changed.
    Changed {
        /// The state from now on.
        shown: Shown,
        /// Why, where there is a reason.
        why: Option<Cause>,
        /// Time until the next attempt, where one will be made.
        retry_in: Option<Duration>,
    },
    /// It is over; nothing follows.
    Ended(EndReason),
}

/// Why a subscription or an attempt was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The notifier said `terminated` with this reason.
    Terminated(TerminatedReason),
    /// An error response.
    Status(u16),
    /// No answer: Timer F of the host's transaction (RFC 3261 §17.1.2.2).
    NoAnswer,
    /// The request could not be sent.
    Unreachable,
    /// Accepted, but no NOTIFY came: Timer N (RFC 6665 §4.1.2.2).
    NoNotify,
    /// The life ran out, as after a suspension (SW-14).
    Expired,
    /// There is no registration to send by (IMS-01, IMS-05).
    NotRegistered,
    /// Every identity of the user is barred (IMS-04).
    NoIdentity,
    /// The account was put on another SIP core (SW-05).
    Switched,
}

/// The reasons of `terminated` as plain values (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminatedReason {
    /// `deactivated`
    Deactivated,
    /// `probation`
    Probation,
    /// `rejected`
    Rejected,
    /// `timeout`
    Timeout,
    /// `giveup`
    Giveup,
    /// `noresource`
    NoResource,
    /// `invariant`
    Invariant,
    /// Another word, or none.
    Other,
}

impl From<Option<&Reason>> for TerminatedReason {
    fn from(reason: Option<&Reason>) -> Self {
        match reason {
            Some(Reason::Deactivated) => Self::Deactivated,
            Some(Reason::Probation) => Self::Probation,
            Some(Reason::Rejected) => Self::Rejected,
            Some(Reason::Timeout) => Self::Timeout,
            Some(Reason::Giveup) => Self::Giveup,
            Some(Reason::Noresource) => Self::NoResource,
            Some(Reason::Invariant) => Self::Invariant,
            Some(Reason::Other(_)) | None => Self::Other,
        }
    }
}

impl Cause {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminated(reason) => match reason {
                TerminatedReason::Deactivated => "deactivated",
                TerminatedReason::Probation => "probation",
                TerminatedReason::Rejected => "rejected",
                TerminatedReason::Timeout => "timeout",
                TerminatedReason::Giveup => "giveup",
                TerminatedReason::NoResource => "noresource",
                TerminatedReason::Invariant => "invariant",
                TerminatedReason::Other => "terminated",
            },
            Self::Status(_) => "refused",
            Self::NoAnswer => "no-answer",
            Self::Unreachable => "unreachable",
            Self::NoNotify => "no-notify",
            Self::Expired => "expired",
            Self::NotRegistered => "not-registered",
            Self::NoIdentity => "no-identity",
            Self::Switched => "switched",
        }
    }
}

/// Why a subscription ended for good (OMA-19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user or the host wanted it.
    Unsubscribed,
    /// `terminated;reason=noresource`: the conference is over (SUB-61).
    NoResource,
    /// `terminated;reason=rejected`: the user may not watch it (SUB-58).
    Rejected,
    /// `terminated;reason=invariant`: what was told is final (SUB-62).
    Invariant,
    /// The document said `state="deleted"` (CONF-15).
    Deleted,
    /// 404, 410 or 604: no such session or group (OMA-30).
    NotFound,
    /// 403 (OMA-31).
    Forbidden,
    /// 489, 406 or 415: the server does not do this event package or document type (SUB-14, SUB-15).
    Unsupported,
    /// 401 or 407 that could not be answered, or was repeated (SUB-12).
    AuthenticationFailed,
    /// 3xx.
    Redirected,
    /// 423 twice, or without Min-Expires (SUB-10).
    IntervalTooBrief,
    /// 403 to a request that asked for anonymity (OMA-37).
    AnonymityRefused,
    /// Another error response.
    Refused,
    /// What was to be fetched once is there (SUB-69).
    Fetched,
    /// The server could not be reached.
    Unreachable,
    /// The server did not answer.
    NoAnswer,
    /// The server accepted and then sent no NOTIFY (SUB-42).
    NoNotify,
    /// Too many failures in a row (SUB-20).
    GaveUp,
}

impl EndReason {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::NoResource => "noresource",
            Self::Rejected => "rejected",
            Self::Invariant => "invariant",
            Self::Deleted => "deleted",
            Self::NotFound => "not-found",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::AuthenticationFailed => "authentication-failed",
            Self::Redirected => "redirected",
            Self::IntervalTooBrief => "interval-too-brief",
            Self::AnonymityRefused => "anonymity-refused",
            Self::Refused => "refused",
            Self::Fetched => "fetched",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no-answer",
            Self::NoNotify => "no-notify",
            Self::GaveUp => "gave-up",
        }
    }
}

/// The state to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Asked, and no NOTIFY yet.
    Subscribing,
    /// Waiting for permission (SUB-54).
    Pending,
    /// Accepted and notified.
    Active,
    /// Lost, and tried again later: what is shown is old.
    Stale,
    /// Over.
    Terminated,
}

impl Shown {
    /// The word for event streams.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscribing => "subscribing",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Stale => "stale",
            Self::Terminated => "terminated",
        }
    }
}

/// What a response says that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Status code.
    pub(crate) status: u16,
    /// Expires of a 2xx, in seconds.
    pub(crate) expires: Option<u32>,
    /// Min-Expires of a 423, in seconds.
    pub(crate) min_expires: Option<u32>,
    /// Retry-After, in seconds.
    pub(crate) retry_after: Option<u32>,
    /// The request named the state that is held, so that 204 means that no NOTIFY follows (RFC 5839 §7.1).
    pub(crate) suppressed: bool,
}

/// Names a cause in a sentence for people.
#[must_use]
pub fn describe(cause: Cause) -> String {
    match cause {
        Cause::Terminated(_) => format!("the notifier ended it ({})", cause.as_str()),
        Cause::Status(status) => format!("the server answered {status}"),
        Cause::NoAnswer => "the server did not answer".into(),
        Cause::Unreachable => "the server could not be reached".into(),
        Cause::NoNotify => "the server accepted but sent no NOTIFY".into(),
        Cause::Expired => "it expired".into(),
        Cause::NotRegistered => "there is no registration; register with the IMS core".into(),
        Cause::NoIdentity => "every identity of the user is barred by the core".into(),
        Cause::Switched => "the account was put on another SIP core".into(),
    }
}
