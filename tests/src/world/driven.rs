//! An engine, recorded or not: writing down costs as much as the run itself, and only runs that fail need it.

use std::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::Update;
use rollmark_core::engine::{Engine, Event, WatchError, WatchId};
use rollmark_core::host::{Action, Answer, Capabilities, Fact};
use rollmark_core::message::Request;
use rollmark_core::profile::Profile;
use rollmark_core::record::Recorder;
use rollmark_core::registration::Registration;
use rollmark_core::session::{ImSession, SessionId};

/// An engine that is driven by a world.
#[derive(Debug)]
pub(super) enum Driven {
    Plain(Box<Engine>),
    Recorded(Box<Recorder>),
}

macro_rules! either {
    ($self:ident, $held:ident => $call:expr) => {
        match $self {
            Self::Plain($held) => $call,
            Self::Recorded($held) => $call,
        }
    };
}

impl Driven {
    pub(super) fn new(capabilities: Capabilities, seed: [u8; 32], recorded: bool) -> Self {
        if recorded {
            Self::Recorded(Box::new(Recorder::new(capabilities, seed)))
        } else {
            Self::Plain(Box::new(Engine::new(capabilities, seed)))
        }
    }

    pub(super) fn get(&self) -> &Engine {
        match self {
            Self::Plain(engine) => engine,
            Self::Recorded(recorder) => recorder.engine(),
        }
    }

    pub(super) fn add_account(
        &mut self,
        settings: AccountSettings,
        registration: Registration,
    ) -> AccountId {
        either!(self, held => held.add_account(settings, registration))
    }

    pub(super) fn watch(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
    ) -> Result<WatchId, WatchError> {
        either!(self, held => held.watch(now, account, target))
    }

    pub(super) fn session_started(
        &mut self,
        now: Duration,
        session: ImSession,
    ) -> Result<Option<WatchId>, WatchError> {
        match self {
            Self::Plain(engine) => engine.handle_session_started(now, &session),
            Self::Recorded(recorder) => recorder.handle_session_started(now, session),
        }
    }

    pub(super) fn session_ended(&mut self, now: Duration, session: SessionId) {
        either!(self, held => held.handle_session_ended(now, session));
    }

    pub(super) fn set_registration(
        &mut self,
        now: Duration,
        account: AccountId,
        registration: Registration,
    ) {
        either!(self, held => held.set_registration(now, account, registration));
    }

    pub(super) fn switch(
        &mut self,
        now: Duration,
        account: AccountId,
        profile: Box<dyn Profile>,
        registration: Registration,
    ) {
        either!(self, held => held.switch(now, account, profile, registration));
    }

    pub(super) fn unsubscribe(&mut self, now: Duration, watch: WatchId) {
        either!(self, held => held.unsubscribe(now, watch));
    }

    pub(super) fn stop(&mut self, now: Duration, patience: Duration) {
        either!(self, held => held.stop(now, patience));
    }

    pub(super) fn handle_block_list(&mut self, account: AccountId, source: &str, update: Update) {
        either!(self, held => held.handle_block_list(account, source, update));
    }

    pub(super) fn handle_fact(&mut self, now: Duration, fact: Fact) {
        either!(self, held => held.handle_fact(now, fact));
    }

    pub(super) fn handle_request(&mut self, now: Duration, request: &Request) -> Option<Answer> {
        match self {
            Self::Plain(engine) => engine.handle_request(now, request),
            Self::Recorded(recorder) => recorder.handle_request(now, request.clone()),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        either!(self, held => held.handle_timeout(now));
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        either!(self, held => held.poll_timeout())
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        either!(self, held => held.poll_action())
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        either!(self, held => held.poll_event())
    }
}
