//! Everything that can be put into an engine.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Returned;
use super::account::{ProfileName, RecordedAccount};
use crate::account::{AccountId, AccountSettings};
use crate::blocklist::Update;
use crate::engine::{Engine, PackageSettings, WatchId};
use crate::host::{Fact, Flow, SubscriptionId};
use crate::message::{Headers, Request};
use crate::profile;
use crate::registration::Registration;
use crate::session::{ImSession, SessionId};
use crate::wall_time::WallTime;

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
}
