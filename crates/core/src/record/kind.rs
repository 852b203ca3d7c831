//! Kinds of lines: the first word of each input, and the input of each kind that says nothing yet.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::account::ProfileName;
use super::input::Input;
use crate::account::AccountId;
use crate::blocklist::{SourceState, Update};
use crate::engine::{PackageSettings, WatchId};
use crate::host::{Fact, Flow, SendFailure, SubscriptionId, TransactionId};
use crate::message::{Headers, Request, Response};
use crate::session::{ImSession, Role, SessionId};
use crate::wall_time::WallTime;

/// Kinds of lines, each of one kind of input.
#[cfg(test)]
pub(super) const KINDS: [&str; 26] = [
    "account",
    "registration",
    "switch",
    "watch",
    "watch-package",
    "session-started",
    "session-ended",
    "watch-documents",
    "documents",
    "refresh",
    "unsubscribe",
    "stop",
    "remove",
    "source",
    "block-list",
    "response",
    "failed",
    "dialog-response",
    "dialog-failed",
    "flow-lost",
    "too-large",
    "terminated",
    "request",
    "notification",
    "wall-time",
    "timeout",
];

impl Input {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Account { .. } => "account",
            Self::Registration { .. } => "registration",
            Self::Switch { .. } => "switch",
            Self::Watch { .. } => "watch",
            Self::WatchPackage { .. } => "watch-package",
            Self::SessionStarted { .. } => "session-started",
            Self::SessionEnded { .. } => "session-ended",
            Self::WatchDocuments { .. } => "watch-documents",
            Self::Documents { .. } => "documents",
            Self::Refresh { .. } => "refresh",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Stop { .. } => "stop",
            Self::Remove { .. } => "remove",
            Self::Source { .. } => "source",
            Self::BlockList { .. } => "block-list",
            Self::Fact { fact, .. } => match fact {
                Fact::Response { .. } => "response",
                Fact::Failed { .. } => "failed",
                Fact::DialogResponse { .. } => "dialog-response",
                Fact::DialogFailed { .. } => "dialog-failed",
                Fact::FlowLost => "flow-lost",
                Fact::TooLarge => "too-large",
                Fact::Terminated { .. } => "terminated",
            },
            Self::Request { .. } => "request",
            Self::Notification { .. } => "notification",
            Self::WallTime { .. } => "wall-time",
            Self::Timeout { .. } => "timeout",
        }
    }

    /// An input of a kind that says nothing yet.
    pub(super) fn blank(kind: &str) -> Option<Self> {
        let now = Duration::ZERO;
        let account = AccountId(0);
        let watch = WatchId(0);
        let transaction = TransactionId(0);
        let subscription = SubscriptionId(0);
        let failure = SendFailure::NoAnswer;
        let response = Response {
            status: 0,
            reason: String::new(),
            headers: Headers::new(),
            body: Vec::new(),
        };
        let fact = |fact| Self::Fact { now, fact };
        Some(match kind {
            "account" => Self::Account {
                account: Box::default(),
                registration: Box::default(),
            },
            "registration" => Self::Registration {
                now,
                account,
                registration: Box::default(),
            },
            "switch" => Self::Switch {
                now,
                account,
                profile: ProfileName::default(),
                settings: Box::default(),
                registration: Box::default(),
            },
            "watch" => Self::Watch {
                now,
                account,
                target: String::new(),
                once: false,
            },
            "watch-package" => Self::WatchPackage {
                now,
                account,
                target: String::new(),
                settings: PackageSettings {
                    event: String::new(),
                    accept: Vec::new(),
                    body: None,
                    expires: None,
                },
                once: false,
            },
            "session-started" => Self::SessionStarted {
                now,
                session: ImSession {
                    id: SessionId(0),
                    account,
                    role: Role::ClientOriginated,
                    identity: String::new(),
                    group: None,
                    is_focus: None,
                    allows_conference: None,
                },
            },
            "session-ended" => Self::SessionEnded {
                now,
                session: SessionId(0),
            },
            "watch-documents" => Self::WatchDocuments {
                now,
                account,
                target: String::new(),
                documents: Vec::new(),
            },
            "documents" => Self::Documents {
                now,
                watch,
                documents: Vec::new(),
            },
            "refresh" => Self::Refresh { now, watch },
            "unsubscribe" => Self::Unsubscribe { now, watch },
            "stop" => Self::Stop {
                now,
                patience: Duration::ZERO,
            },
            "remove" => Self::Remove { watch },
            "source" => Self::Source {
                account,
                source: String::new(),
            },
            "block-list" => Self::BlockList {
                account,
                source: String::new(),
                update: Update {
                    state: SourceState::Unavailable,
                    list: None,
                    etag: None,
                },
            },
            "response" => fact(Fact::Response {
                transaction,
                response,
            }),
            "failed" => fact(Fact::Failed {
                transaction,
                failure,
            }),
            "dialog-response" => fact(Fact::DialogResponse {
                subscription,
                response,
            }),
            "dialog-failed" => fact(Fact::DialogFailed {
                subscription,
                failure,
            }),
            "flow-lost" => fact(Fact::FlowLost),
            "too-large" => fact(Fact::TooLarge),
            "terminated" => fact(Fact::Terminated { subscription }),
            "request" => Self::Request {
                now,
                flow: Flow::Unknown,
                request: Request {
                    method: String::new(),
                    uri: String::new(),
                    headers: Headers::new(),
                    body: Vec::new(),
                },
            },
            "notification" => Self::Notification {
                now,
                subscription,
                headers: Headers::new(),
                body: Vec::new(),
            },
            "wall-time" => Self::WallTime {
                now,
                wall_time: WallTime::from_unix_millis(0),
            },
            "timeout" => Self::Timeout { now },
            _ => return None,
        })
    }
}
