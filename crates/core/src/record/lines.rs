//! How each input is written as lines and read from them.

use alloc::string::String;
use alloc::vec::Vec;

use super::Fault;
use super::account::{describe_profile, describe_registration};
use super::block::Block;
use super::fields::{Value, words};
use super::input::Input;
use crate::account::AccountId;
use crate::blocklist::{SourceState, Update};
use crate::engine::{Body, PackageSettings, WatchId};
use crate::host::{Fact, Flow, HostKind, SendFailure, SubscriptionId, TransactionId};
use crate::message::{Headers, Request, Response};
use crate::session::{ImSession, Role, SessionId};

words!(HostKind {
    Transaction = "transaction",
    Dialog = "dialog",
    Watching = "watching",
});
words!(Role {
    ClientOriginated = "client-originated",
    ClientInvited = "client-invited",
});
words!(Flow { Unknown = "unknown", Registered = "registered", Foreign = "foreign" });
words!(SendFailure { NoAnswer = "no-answer", Unreachable = "unreachable" });
words!(SourceState {
    Fresh = "fresh",
    Stale = "stale",
    Incomplete = "incomplete",
    Unavailable = "unavailable",
    Empty = "empty",
});

macro_rules! numbers {
    ($($type:ident($number:ty)),*) => {$(
        impl Value for $type {
            fn write(&self) -> Option<String> {
                self.0.write()
            }
            fn read(text: &str) -> Option<Self> {
                <$number>::read(text).map(Self)
            }
        }
    )*};
}

numbers!(
    AccountId(u32),
    WatchId(u64),
    TransactionId(u64),
    SubscriptionId(u64),
    SessionId(u64)
);

impl Input {
    /// As lines of a recording.
    #[must_use]
    pub fn text(&self) -> String {
        self.clone().lines()
    }

    /// The same without a copy: one description serves both ways, so it wants to be able to write.
    pub(super) fn lines(&mut self) -> String {
        let mut block = Block::to_write();
        // Writing finds no fault.
        let _ = self.describe(&mut block);
        block.text(self.kind())
    }

    /// What is on its lines, in both directions.
    pub(super) fn describe(&mut self, block: &mut Block) -> Result<(), Fault> {
        match self {
            Self::Account {
                account,
                registration,
            } => {
                account.describe(&mut block.fields)?;
                describe_registration(registration, &mut block.fields)
            }
            Self::Registration {
                now,
                account,
                registration,
            } => {
                block.fields.value("at", now)?;
                block.fields.value("account", account)?;
                describe_registration(registration, &mut block.fields)
            }
            Self::Switch {
                now,
                account,
                profile,
                settings,
                registration,
            } => {
                block.fields.value("at", now)?;
                block.fields.value("account", account)?;
                block.fields.value("profile", profile)?;
                describe_profile(settings, &mut block.fields)?;
                describe_registration(registration, &mut block.fields)
            }
            Self::Watch {
                now,
                account,
                target,
                once,
            } => {
                block.fields.value("at", now)?;
                block.fields.value("account", account)?;
                block.fields.value("target", target)?;
                block.fields.value("once", once)
            }
            Self::WatchPackage {
                now,
                account,
                target,
                settings,
                once,
            } => {
                block.fields.value("at", now)?;
                block.fields.value("account", account)?;
                block.fields.value("target", target)?;
                block.fields.value("once", once)?;
                describe_package(settings, block)
            }
            Self::SessionStarted { now, session } => {
                let ImSession {
                    id,
                    account,
                    role,
                    identity,
                    group,
                    is_focus,
                    allows_conference,
                } = session;
                block.fields.value("at", now)?;
                block.fields.value("session", id)?;
                block.fields.value("account", account)?;
                block.fields.value("role", role)?;
                block.fields.value("identity", identity)?;
                block.fields.value("group", group)?;
                block.fields.value("is-focus", is_focus)?;
                block.fields.value("allows-conference", allows_conference)
            }
            Self::SessionEnded { now, session } => {
                block.fields.value("at", now)?;
                block.fields.value("session", session)
            }
            Self::WatchDocuments {
                now,
                account,
                target,
                documents,
            } => {
                block.fields.value("at", now)?;
                block.fields.value("account", account)?;
                block.fields.value("target", target)?;
                block.fields.values("document", documents);
                Ok(())
            }
            Self::Documents {
                now,
                watch,
                documents,
            } => {
                block.fields.value("at", now)?;
                block.fields.value("watch", watch)?;
                block.fields.values("document", documents);
                Ok(())
            }
            Self::Refresh { now, watch } | Self::Unsubscribe { now, watch } => {
                block.fields.value("at", now)?;
                block.fields.value("watch", watch)
            }
            Self::Stop { now, patience } => {
                block.fields.value("at", now)?;
                block.fields.value("patience", patience)
            }
            Self::Remove { watch } => block.fields.value("watch", watch),
            Self::Source { account, source } => {
                block.fields.value("account", account)?;
                block.fields.value("source", source)
            }
            Self::BlockList {
                account,
                source,
                update: Update { state, list, etag },
            } => {
                block.fields.value("account", account)?;
                block.fields.value("source", source)?;
                block.fields.value("state", state)?;
                block.fields.value("etag", etag)?;
                block.list(list)
            }
            Self::Fact { now, fact } => {
                block.fields.value("at", now)?;
                describe_fact(fact, block)
            }
            Self::Request {
                now,
                flow,
                request:
                    Request {
                        method,
                        uri,
                        headers,
                        body,
                    },
            } => {
                block.fields.value("at", now)?;
                block.fields.value("flow", flow)?;
                block.fields.value("method", method)?;
                block.fields.value("uri", uri)?;
                block.message(headers, body)
            }
            Self::Notification {
                now,
                subscription,
                headers,
                body,
            } => {
                block.fields.value("at", now)?;
                block.fields.value("subscription", subscription)?;
                block.message(headers, body)
            }
            Self::WallTime { now, wall_time } => {
                block.fields.value("at", now)?;
                block.fields.value("unix-ms", wall_time)
            }
            Self::Timeout { now } => block.fields.value("at", now),
        }
    }
}

fn describe_package(settings: &mut PackageSettings, block: &mut Block) -> Result<(), Fault> {
    let PackageSettings {
        event,
        accept,
        body,
        expires,
    } = settings;
    block.fields.value("event", event)?;
    block.fields.values("accept", accept);
    block.fields.value("expires", expires)?;
    let (mut content_type, mut bytes) = match body.take() {
        Some(Body {
            content_type,
            bytes,
        }) => (Some(content_type), bytes),
        None => (None, Vec::new()),
    };
    block.fields.value("content-type", &mut content_type)?;
    block.message(&mut Headers::new(), &mut bytes)?;
    *body = content_type.map(|content_type| Body {
        content_type,
        bytes,
    });
    Ok(())
}

fn describe_fact(fact: &mut Fact, block: &mut Block) -> Result<(), Fault> {
    match fact {
        Fact::Response {
            transaction,
            response,
        } => {
            block.fields.value("transaction", transaction)?;
            describe_response(response, block)
        }
        Fact::Failed {
            transaction,
            failure,
        } => {
            block.fields.value("transaction", transaction)?;
            block.fields.value("failure", failure)
        }
        Fact::DialogResponse {
            subscription,
            response,
        } => {
            block.fields.value("subscription", subscription)?;
            describe_response(response, block)
        }
        Fact::DialogFailed {
            subscription,
            failure,
        } => {
            block.fields.value("subscription", subscription)?;
            block.fields.value("failure", failure)
        }
        Fact::FlowLost | Fact::TooLarge => Ok(()),
        Fact::Terminated { subscription } => block.fields.value("subscription", subscription),
    }
}

fn describe_response(response: &mut Response, block: &mut Block) -> Result<(), Fault> {
    let Response {
        status,
        reason,
        headers,
        body,
    } = response;
    block.fields.value("status", status)?;
    block.fields.value("reason", reason)?;
    block.message(headers, body)
}
