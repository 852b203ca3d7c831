//! Inputs of an engine as values and as text: a run that was recorded can be played again, to the same outputs byte for
//! byte. The engine has no other source of what it does: `now` and the seed come in too.
//!
//! ```text
//! rollmark-recording 1
//! engine kind=transaction sees-final-notify=true keeps-order=true … seed=0707…
//! account identity="sip:me@example.org" … contact="sip:me@192.0.2.2" protected=false
//! watch at=1000 account=1 target="sip:room@example.org" once=false
//! response at=1000.02 transaction=3 status=200 reason=OK
//!   To: <sip:room@example.org>;tag=f
//! request at=1000.03 method=NOTIFY uri="sip:me@192.0.2.2"
//!   CSeq: 1 NOTIFY
//!   |<conference-info …
//! timeout at=4000
//! end inputs=5
//! ```
//! Lines that begin with `#` are for people. A recording holds no password, but what was said of whom: rosters, block
//! lists, addresses; and the seed, from which its dialogs' tags follow.

mod account;
mod block;
mod engine_line;
mod fields;
mod input;
mod kind;
mod lines;
mod parts;
mod read;
mod redact;
mod rules;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::account::{AccountId, AccountSettings};
use crate::blocklist::Update;
use crate::engine::{Engine, Event, PackageSettings, WatchError, WatchId};
use crate::host::{Action, Answer, Capabilities, Fact, Flow, SubscriptionId};
use crate::message::{Headers, Request};
use crate::profile::Profile;
use crate::registration::Registration;
use crate::session::{ImSession, SessionId};
use crate::wall_time::WallTime;
use crate::xcap_diff::{DocumentList, ListError};
pub use account::{ProfileName, RecordedAccount};
pub use input::Input;
pub use parts::{Pairs, Parts, engine_of_parts, engine_parts};
pub use read::{Fault, Recording, Step};
pub use redact::{MAX_WORDS, Redactor, redacted};

/// The first line.
const FIRST_LINE: &str = "rollmark-recording 1";
/// Before headers, bodies and entries.
const INDENT: &str = "  ";
/// Stands in for a password that a recording does not hold.
pub const STAND_IN_PASSWORD: &str = "not recorded";

/// What an input gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Nothing: what follows comes as actions and events.
    Nothing,
    /// The account that was added.
    Account(AccountId),
    /// What is watched from now on, or why not.
    Watch(Result<WatchId, WatchError>),
    /// What is watched for a session, if anything, or why it cannot be.
    Session(Result<Option<WatchId>, WatchError>),
    /// How a request or notification is to be answered; none for a request that is not for the engine.
    Answer(Option<Answer>),
}

/// An engine whose inputs are written down as they come.
#[derive(Debug)]
pub struct Recorder {
    engine: Engine,
    text: String,
    inputs: u64,
}

impl Recorder {
    /// An engine like [`Engine::new`], recorded from the start.
    #[must_use]
    pub fn new(capabilities: Capabilities, seed: [u8; 32]) -> Self {
        Self {
            engine: Engine::new(capabilities, seed),
            text: format!(
                "{FIRST_LINE}\n{}",
                engine_line::engine_line(capabilities, seed)
            ),
            inputs: 0,
        }
    }

    /// The engine, to be looked at.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What was written since this was last called, whole lines: for a file that grows with the run.
    pub fn take_text(&mut self) -> String {
        core::mem::take(&mut self.text)
    }

    /// The rest of the text with its last line; without that a recording counts as cut off.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push_str(&format!("end inputs={}\n", self.inputs));
        self.text
    }

    /// A line for people.
    pub fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.text.push_str("# ");
            self.text.push_str(&fields::escaped(line.as_bytes(), false));
            self.text.push('\n');
        }
    }

    fn write(&mut self, mut input: Input) -> Input {
        self.text.push_str(&input.lines());
        self.inputs += 1;
        input
    }

    fn put(&mut self, input: Input) -> Returned {
        let input = self.write(input);
        input.apply(&mut self.engine, &mut RecordedAccount::settings)
    }

    /// Records and does [`Engine::add_account`].
    pub fn add_account(
        &mut self,
        settings: AccountSettings,
        registration: Registration,
    ) -> AccountId {
        self.write(Input::Account {
            account: Box::new(RecordedAccount::of(&settings)),
            registration: Box::new(registration.clone()),
        });
        self.engine.add_account(settings, registration)
    }

    /// Records and does [`Engine::set_registration`].
    pub fn set_registration(
        &mut self,
        now: Duration,
        account: AccountId,
        registration: Registration,
    ) {
        self.put(Input::Registration {
            now,
            account,
            registration: Box::new(registration),
        });
    }

    /// Records and does [`Engine::switch`].
    pub fn switch(
        &mut self,
        now: Duration,
        account: AccountId,
        profile: Box<dyn Profile>,
        registration: Registration,
    ) {
        self.write(Input::Switch {
            now,
            account,
            profile: ProfileName::of(&*profile),
            settings: Box::new(profile.settings().cloned().unwrap_or_default()),
            registration: Box::new(registration.clone()),
        });
        self.engine.switch(now, account, profile, registration);
    }

    /// Records and does [`Engine::watch`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn watch(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
    ) -> Result<WatchId, WatchError> {
        self.put_watch(Input::Watch {
            now,
            account,
            target: target.into(),
            once: false,
        })
    }

    /// Records and does [`Engine::fetch`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn fetch(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
    ) -> Result<WatchId, WatchError> {
        self.put_watch(Input::Watch {
            now,
            account,
            target: target.into(),
            once: true,
        })
    }

    /// Records and does [`Engine::watch_package`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn watch_package(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
        settings: PackageSettings,
    ) -> Result<WatchId, WatchError> {
        self.put_watch(Input::WatchPackage {
            now,
            account,
            target: target.into(),
            settings,
            once: false,
        })
    }

    /// Records and does [`Engine::fetch_package`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn fetch_package(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
        settings: PackageSettings,
    ) -> Result<WatchId, WatchError> {
        self.put_watch(Input::WatchPackage {
            now,
            account,
            target: target.into(),
            settings,
            once: true,
        })
    }

    /// Records and does [`Engine::watch_documents`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn watch_documents(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
        documents: Vec<String>,
    ) -> Result<WatchId, WatchError> {
        self.put_watch(Input::WatchDocuments {
            now,
            account,
            target: target.into(),
            documents,
        })
    }

    /// Records and does [`Engine::set_documents`], after a look at the documents.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn set_documents(
        &mut self,
        now: Duration,
        watch: WatchId,
        documents: Vec<String>,
    ) -> Result<(), ListError> {
        DocumentList::new(&documents)?;
        self.put(Input::Documents {
            now,
            watch,
            documents,
        });
        Ok(())
    }

    fn put_watch(&mut self, input: Input) -> Result<WatchId, WatchError> {
        match self.put(input) {
            Returned::Watch(watch) => watch,
            _ => Err(WatchError::NoAccount),
        }
    }

    /// Records and does [`Engine::handle_session_started`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn handle_session_started(
        &mut self,
        now: Duration,
        session: ImSession,
    ) -> Result<Option<WatchId>, WatchError> {
        match self.put(Input::SessionStarted { now, session }) {
            Returned::Session(watch) => watch,
            _ => Err(WatchError::NoAccount),
        }
    }

    /// Records and does [`Engine::handle_session_ended`].
    pub fn handle_session_ended(&mut self, now: Duration, session: SessionId) {
        self.put(Input::SessionEnded { now, session });
    }

    /// Records and does [`Engine::refresh`].
    pub fn refresh(&mut self, now: Duration, watch: WatchId) {
        self.put(Input::Refresh { now, watch });
    }

    /// Records and does [`Engine::unsubscribe`].
    pub fn unsubscribe(&mut self, now: Duration, watch: WatchId) {
        self.put(Input::Unsubscribe { now, watch });
    }

    /// Records and does [`Engine::stop`].
    pub fn stop(&mut self, now: Duration, patience: Duration) {
        self.put(Input::Stop { now, patience });
    }

    /// Records and does [`Engine::remove`].
    pub fn remove(&mut self, watch: WatchId) {
        self.put(Input::Remove { watch });
    }

    /// Records and does [`Engine::add_source`].
    pub fn add_source(&mut self, account: AccountId, source: &str) {
        let source = source.into();
        self.put(Input::Source { account, source });
    }

    /// Records and does [`Engine::handle_block_list`].
    pub fn handle_block_list(&mut self, account: AccountId, source: &str, update: Update) {
        let source = source.into();
        self.put(Input::BlockList {
            account,
            source,
            update,
        });
    }

    /// Records and does [`Engine::handle_fact`].
    pub fn handle_fact(&mut self, now: Duration, fact: Fact) {
        self.put(Input::Fact { now, fact });
    }

    /// Records and does [`Engine::handle_request`].
    pub fn handle_request(&mut self, now: Duration, request: Request) -> Option<Answer> {
        self.handle_request_by(now, Flow::Unknown, request)
    }

    /// Records and does [`Engine::handle_request_by`].
    pub fn handle_request_by(
        &mut self,
        now: Duration,
        flow: Flow,
        request: Request,
    ) -> Option<Answer> {
        match self.put(Input::Request { now, flow, request }) {
            Returned::Answer(answer) => answer,
            _ => None,
        }
    }

    /// Records and does [`Engine::handle_notification`].
    pub fn handle_notification(
        &mut self,
        now: Duration,
        subscription: SubscriptionId,
        headers: Headers,
        body: Vec<u8>,
    ) -> Answer {
        match self.put(Input::Notification {
            now,
            subscription,
            headers,
            body,
        }) {
            Returned::Answer(Some(answer)) => answer,
            _ => Answer::new(481),
        }
    }

    /// Records and does [`Engine::set_wall_time`].
    pub fn set_wall_time(&mut self, now: Duration, wall_time: WallTime) {
        self.put(Input::WallTime { now, wall_time });
    }

    /// [`Engine::wants_wall_time`].
    #[must_use]
    pub fn wants_wall_time(&self, now: Duration) -> bool {
        self.engine.wants_wall_time(now)
    }

    /// Records and does [`Engine::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Duration) {
        self.put(Input::Timeout { now });
    }

    /// [`Engine::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.engine.poll_timeout()
    }

    /// [`Engine::poll_action`].
    pub fn poll_action(&mut self) -> Option<Action> {
        self.engine.poll_action()
    }

    /// [`Engine::poll_event`].
    pub fn poll_event(&mut self) -> Option<Event> {
        self.engine.poll_event()
    }
}
