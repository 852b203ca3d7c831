//! Everything that can be put into an engine, and how each of these is written.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::account::{ProfileName, RecordedAccount, describe_profile, describe_registration};
use super::block::Block;
use super::fields::{Fields, Value, words};
use super::{Fault, Returned};
use crate::account::{AccountId, AccountSettings};
use crate::blocklist::{SourceState, Update};
use crate::engine::{Body, Engine, PackageSettings, WatchId};
use crate::host::{Capabilities, Fact, Flow, HostKind, SendFailure, SubscriptionId, TransactionId};
use crate::message::{Headers, Request, Response};
use crate::profile;
use crate::registration::Registration;
use crate::session::{ImSession, Role, SessionId};
use crate::wall_time::WallTime;

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

/// One input, as it went into an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// [`Engine::add_account`].
    Account {
        /// The settings.
        account: Box<RecordedAccount>,
        /// The registration.
        registration: Box<Registration>,
    },
    /// [`Engine::set_registration`].
    Registration {
        /// When.
        now: Duration,
        /// Of which account.
        account: AccountId,
        /// The facts from now on.
        registration: Box<Registration>,
    },
    /// [`Engine::switch`].
    Switch {
        /// When.
        now: Duration,
        /// Which account.
        account: AccountId,
        /// To which profile; [`ProfileName::Other`] is played as a plain one.
        profile: ProfileName,
        /// What that is set to.
        settings: Box<profile::Settings>,
        /// The facts from now on.
        registration: Box<Registration>,
    },
    /// [`Engine::watch`], [`Engine::fetch`].
    Watch {
        /// When.
        now: Duration,
        /// By which account.
        account: AccountId,
        /// The conference.
        target: String,
        /// Only its present state.
        once: bool,
    },
    /// [`Engine::watch_package`], [`Engine::fetch_package`].
    WatchPackage {
        /// When.
        now: Duration,
        /// By which account.
        account: AccountId,
        /// Whom to ask.
        target: String,
        /// Which package.
        settings: PackageSettings,
        /// Only its present state.
        once: bool,
    },
    /// [`Engine::handle_session_started`].
    SessionStarted {
        /// When.
        now: Duration,
        /// The session.
        session: ImSession,
    },
    /// [`Engine::handle_session_ended`].
    SessionEnded {
        /// When.
        now: Duration,
        /// Which session.
        session: SessionId,
    },
    /// [`Engine::watch_documents`].
    WatchDocuments {
        /// When.
        now: Duration,
        /// By which account.
        account: AccountId,
        /// Whom to ask.
        target: String,
        /// Which documents.
        documents: Vec<String>,
    },
    /// [`Engine::set_documents`].
    Documents {
        /// When.
        now: Duration,
        /// Of which watch.
        watch: WatchId,
        /// Which documents from now on.
        documents: Vec<String>,
    },
    /// [`Engine::refresh`].
    Refresh {
        /// When.
        now: Duration,
        /// What is asked for anew.
        watch: WatchId,
    },
    /// [`Engine::unsubscribe`].
    Unsubscribe {
        /// When.
        now: Duration,
        /// What is no longer watched.
        watch: WatchId,
    },
    /// [`Engine::stop`].
    Stop {
        /// When.
        now: Duration,
        /// How long is waited for the end.
        patience: Duration,
    },
    /// [`Engine::remove`].
    Remove {
        /// What is forgotten.
        watch: WatchId,
    },
    /// [`Engine::add_source`].
    Source {
        /// Of which account.
        account: AccountId,
        /// Its name.
        source: String,
    },
    /// [`Engine::handle_block_list`].
    BlockList {
        /// Of which account.
        account: AccountId,
        /// Name of the source.
        source: String,
        /// What it reported.
        update: Update,
    },
    /// [`Engine::handle_fact`].
    Fact {
        /// When.
        now: Duration,
        /// What the host reported.
        fact: Fact,
    },
    /// [`Engine::handle_request`], [`Engine::handle_request_by`].
    Request {
        /// When.
        now: Duration,
        /// By which way.
        flow: Flow,
        /// What came.
        request: Request,
    },
    /// [`Engine::handle_notification`].
    Notification {
        /// When.
        now: Duration,
        /// In which dialog.
        subscription: SubscriptionId,
        /// Headers of the NOTIFY.
        headers: Headers,
        /// Its body.
        body: Vec<u8>,
    },
    /// [`Engine::set_wall_time`].
    WallTime {
        /// When.
        now: Duration,
        /// What time it is.
        wall_time: WallTime,
    },
    /// [`Engine::handle_timeout`].
    Timeout {
        /// When.
        now: Duration,
    },
}

/// Kinds of lines, each of one kind of input.
#[cfg(test)]
pub(super) const KINDS: [&str; 25] = [
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
    "terminated",
    "request",
    "notification",
    "wall-time",
    "timeout",
];

impl Input {
    /// Puts it into an engine. `settings` completes a recorded account: by its profile and its password.
    pub fn apply(
        &self,
        engine: &mut Engine,
        settings: &mut dyn FnMut(&RecordedAccount) -> AccountSettings,
    ) -> Returned {
        match self {
            Self::Account {
                account,
                registration,
            } => {
                let id = engine.add_account(settings(account), (**registration).clone());
                return Returned::Account(id);
            }
            Self::Registration {
                now,
                account,
                registration,
            } => engine.set_registration(*now, *account, (**registration).clone()),
            Self::Switch {
                now,
                account,
                profile,
                settings,
                registration,
            } => {
                let profile = profile.profile((**settings).clone());
                engine.switch(*now, *account, profile, (**registration).clone());
            }
            Self::Watch {
                now,
                account,
                target,
                once,
            } => {
                return Returned::Watch(if *once {
                    engine.fetch(*now, *account, target)
                } else {
                    engine.watch(*now, *account, target)
                });
            }
            Self::WatchPackage {
                now,
                account,
                target,
                settings,
                once,
            } => {
                let settings = settings.clone();
                return Returned::Watch(if *once {
                    engine.fetch_package(*now, *account, target, settings)
                } else {
                    engine.watch_package(*now, *account, target, settings)
                });
            }
            Self::SessionStarted { now, session } => {
                return Returned::Session(engine.handle_session_started(*now, session));
            }
            Self::SessionEnded { now, session } => engine.handle_session_ended(*now, *session),
            Self::WatchDocuments {
                now,
                account,
                target,
                documents,
            } => {
                let watch = engine.watch_documents(*now, *account, target, documents);
                return Returned::Watch(watch);
            }
            Self::Documents {
                now,
                watch,
                documents,
            } => {
                // What cannot be asked for changes nothing, as it did when it was recorded.
                let _ = engine.set_documents(*now, *watch, documents);
            }
            Self::Refresh { now, watch } => engine.refresh(*now, *watch),
            Self::Unsubscribe { now, watch } => engine.unsubscribe(*now, *watch),
            Self::Stop { now, patience } => engine.stop(*now, *patience),
            Self::Remove { watch } => engine.remove(*watch),
            Self::Source { account, source } => engine.add_source(*account, source),
            Self::BlockList {
                account,
                source,
                update,
            } => engine.handle_block_list(*account, source, update.clone()),
            Self::Fact { now, fact } => engine.handle_fact(*now, fact.clone()),
            Self::Request { now, flow, request } => {
                return Returned::Answer(engine.handle_request_by(*now, *flow, request));
            }
            Self::Notification {
                now,
                subscription,
                headers,
                body,
            } => {
                let answer = engine.handle_notification(*now, *subscription, headers, body);
                return Returned::Answer(Some(answer));
            }
            Self::WallTime { now, wall_time } => engine.set_wall_time(*now, *wall_time),
            Self::Timeout { now } => engine.handle_timeout(*now),
        }
        Returned::Nothing
    }

    /// When it went in; none for what has no time of its own.
    #[must_use]
    pub fn at(&self) -> Option<Duration> {
        match self {
            Self::Account { .. }
            | Self::Remove { .. }
            | Self::Source { .. }
            | Self::BlockList { .. } => None,
            Self::Registration { now, .. }
            | Self::Switch { now, .. }
            | Self::Watch { now, .. }
            | Self::WatchPackage { now, .. }
            | Self::SessionStarted { now, .. }
            | Self::SessionEnded { now, .. }
            | Self::Unsubscribe { now, .. }
            | Self::Refresh { now, .. }
            | Self::Stop { now, .. }
            | Self::Fact { now, .. }
            | Self::Request { now, .. }
            | Self::Notification { now, .. }
            | Self::WallTime { now, .. }
            | Self::WatchDocuments { now, .. }
            | Self::Documents { now, .. }
            | Self::Timeout { now } => Some(*now),
        }
    }

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
        Fact::FlowLost => Ok(()),
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

/// The second line: what the engine was made with.
pub(super) fn engine_line(mut capabilities: Capabilities, mut seed: [u8; 32]) -> String {
    let mut fields = Fields::to_write();
    // Writing finds no fault.
    let _ = describe_engine(&mut capabilities, &mut seed, &mut fields);
    alloc::format!("engine {}\n", fields.text())
}

pub(super) fn describe_engine(
    capabilities: &mut Capabilities,
    seed: &mut [u8; 32],
    fields: &mut Fields,
) -> Result<(), Fault> {
    let Capabilities {
        kind,
        sees_final_notify,
        keeps_order,
        sees_2xx,
        per_request_headers,
        explicit_routes,
        chooses_answer,
    } = capabilities;
    fields.value("kind", kind)?;
    fields.value("sees-final-notify", sees_final_notify)?;
    fields.value("keeps-order", keeps_order)?;
    fields.value("sees-2xx", sees_2xx)?;
    fields.value("per-request-headers", per_request_headers)?;
    fields.value("explicit-routes", explicit_routes)?;
    fields.value("chooses-answer", chooses_answer)?;
    fields.value("seed", seed)
}
