//! The engine as the driver has it: what goes in is written down first, where there is a recorder.

use std::ops::Deref;
use std::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::Update;
use rollmark_core::engine::{Engine, Event, WatchError, WatchId};
use rollmark_core::host::{Action, Answer, Capabilities, Fact, Flow, SubscriptionId};
use rollmark_core::message::{Headers, Request};
use rollmark_core::profile::Profile;
use rollmark_core::record::{Input, ProfileName, RecordedAccount};
use rollmark_core::registration::Registration;
use rollmark_core::session::{ImSession, SessionId};
use rollmark_core::wall_time::WallTime;
use rollmark_core::xcap_diff::{DocumentList, ListError};

use super::Recorder;

/// An engine, recorded or not.
#[derive(Debug)]
pub(crate) struct Driven {
    engine: Engine,
    recorder: Option<Recorder>,
}

/// Whatever only looks at the engine.
impl Deref for Driven {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Driven {
    pub(crate) fn new(
        capabilities: Capabilities,
        seed: [u8; 32],
        recorder: Option<Recorder>,
    ) -> Self {
        Self {
            engine: Engine::new(capabilities, seed),
            recorder: recorder.filter(|recorder| recorder.begin(capabilities, seed)),
        }
    }

    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    fn note(&self, at: Duration, input: impl FnOnce() -> Input) {
        if let Some(recorder) = &self.recorder {
            recorder.input(at, &input(), &self.engine);
        }
    }

    pub(crate) fn add_account(
        &mut self,
        now: Duration,
        settings: AccountSettings,
        registration: Registration,
    ) -> AccountId {
        self.note(now, || Input::Account {
            account: Box::new(RecordedAccount::of(&settings)),
            registration: Box::new(registration.clone()),
        });
        self.engine.add_account(settings, registration)
    }

    pub(crate) fn set_registration(
        &mut self,
        now: Duration,
        account: AccountId,
        registration: Registration,
    ) {
        self.note(now, || Input::Registration {
            now,
            account,
            registration: Box::new(registration.clone()),
        });
        self.engine.set_registration(now, account, registration);
    }

    pub(crate) fn switch(
        &mut self,
        now: Duration,
        account: AccountId,
        profile: Box<dyn Profile>,
        registration: Registration,
    ) {
        self.note(now, || Input::Switch {
            now,
            account,
            profile: ProfileName::of(&*profile),
            settings: Box::new(profile.settings().cloned().unwrap_or_default()),
            registration: Box::new(registration.clone()),
        });
        self.engine.switch(now, account, profile, registration);
    }

    pub(crate) fn watch(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
    ) -> Result<WatchId, WatchError> {
        self.note(now, || Input::Watch {
            now,
            account,
            target: target.into(),
            once: false,
        });
        self.engine.watch(now, account, target)
    }

    pub(crate) fn watch_documents(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
        documents: &[String],
    ) -> Result<WatchId, WatchError> {
        self.note(now, || Input::WatchDocuments {
            now,
            account,
            target: target.into(),
            documents: documents.to_vec(),
        });
        self.engine.watch_documents(now, account, target, documents)
    }

    pub(crate) fn set_documents(
        &mut self,
        now: Duration,
        watch: WatchId,
        documents: &[String],
    ) -> Result<(), ListError> {
        DocumentList::new(documents)?;
        self.note(now, || Input::Documents {
            now,
            watch,
            documents: documents.to_vec(),
        });
        self.engine.set_documents(now, watch, documents)
    }

    pub(crate) fn handle_session_started(
        &mut self,
        now: Duration,
        session: &ImSession,
    ) -> Result<Option<WatchId>, WatchError> {
        self.note(now, || Input::SessionStarted {
            now,
            session: session.clone(),
        });
        self.engine.handle_session_started(now, session)
    }

    pub(crate) fn handle_session_ended(&mut self, now: Duration, session: SessionId) {
        self.note(now, || Input::SessionEnded { now, session });
        self.engine.handle_session_ended(now, session);
    }

    pub(crate) fn refresh(&mut self, now: Duration, watch: WatchId) {
        self.note(now, || Input::Refresh { now, watch });
        self.engine.refresh(now, watch);
    }

    pub(crate) fn unsubscribe(&mut self, now: Duration, watch: WatchId) {
        self.note(now, || Input::Unsubscribe { now, watch });
        self.engine.unsubscribe(now, watch);
    }

    pub(crate) fn stop(&mut self, now: Duration, patience: Duration) {
        self.note(now, || Input::Stop { now, patience });
        self.engine.stop(now, patience);
    }

    pub(crate) fn remove(&mut self, now: Duration, watch: WatchId) {
        self.note(now, || Input::Remove { watch });
        self.engine.remove(watch);
    }

    pub(crate) fn add_source(&mut self, now: Duration, account: AccountId, source: &str) {
        self.note(now, || Input::Source {
            account,
            source: source.into(),
        });
        self.engine.add_source(account, source);
    }

    pub(crate) fn handle_block_list(
        &mut self,
        now: Duration,
        account: AccountId,
        source: &str,
        update: Update,
    ) {
        self.note(now, || Input::BlockList {
            account,
            source: source.into(),
            update: update.clone(),
        });
        self.engine.handle_block_list(account, source, update);
    }

    pub(crate) fn handle_fact(&mut self, now: Duration, fact: Fact) {
        self.note(now, || Input::Fact {
            now,
            fact: fact.clone(),
        });
        self.engine.handle_fact(now, fact);
    }

    pub(crate) fn handle_request_by(
        &mut self,
        now: Duration,
        flow: Flow,
        request: &Request,
    ) -> Option<Answer> {
        self.note(now, || Input::Request {
            now,
            flow,
            request: request.clone(),
        });
        let answer = self.engine.handle_request_by(now, flow, request);
        if let Some(recorder) = &self.recorder {
            recorder.answered(now, answer.as_ref());
        }
        answer
    }

    pub(crate) fn handle_notification(
        &mut self,
        now: Duration,
        subscription: SubscriptionId,
        headers: &Headers,
        body: &[u8],
    ) -> Answer {
        self.note(now, || Input::Notification {
            now,
            subscription,
            headers: headers.clone(),
            body: body.to_vec(),
        });
        let answer = self
            .engine
            .handle_notification(now, subscription, headers, body);
        if let Some(recorder) = &self.recorder {
            recorder.answered(now, Some(&answer));
        }
        answer
    }

    pub(crate) fn set_wall_time(&mut self, now: Duration, wall_time: WallTime) {
        self.note(now, || Input::WallTime { now, wall_time });
        self.engine.set_wall_time(now, wall_time);
    }

    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        self.note(now, || Input::Timeout { now });
        self.engine.handle_timeout(now);
    }

    pub(crate) fn poll_action(&mut self, now: Duration) -> Option<Action> {
        let action = self.engine.poll_action()?;
        if let Some(recorder) = &self.recorder {
            recorder.sent(now, &action, &self.engine);
        }
        Some(action)
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.engine.poll_event()
    }
}
