//! Handles for the application: subscribe, block lists, events of a conference (OMA-14, OMA-15, OMA-18).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::Update;
use rollmark_core::engine::{WatchError, WatchId, What};
use rollmark_core::host::{Capabilities, Trouble};
use rollmark_core::profile::{Profile, Registration};
use rollmark_core::session::{ImSession, SessionId};
use tokio::sync::{mpsc, oneshot};

use crate::documents::Documents;
use crate::driver::{self, Command};
use crate::messages::Message;
use crate::port::Port;
use crate::record::Recorder;
use crate::session::Session;
use crate::source::BlockListSource;

/// Events kept for a consumer that does not read; when they are full he gets a fresh roster instead.
pub(crate) const EVENT_QUEUE: usize = 1024;

/// Why a conference could not be subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The request cannot be made.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The plugin was stopped, or its runtime is gone.
    #[error("the plugin has been stopped; start it again to subscribe")]
    Stopped,
}

/// Something that happened in a conference.
#[derive(Clone, Debug)]
pub struct Event {
    /// Time since the plugin started.
    pub at: Duration,
    /// The conference's URI as subscribed to.
    pub conference: Arc<str>,
    /// What happened.
    pub what: What,
}

/// The plugin, for one account. Cheap to clone; the driver ends when the last handle and conference are dropped.
#[derive(Clone, Debug)]
pub struct Conferences {
    commands: mpsc::UnboundedSender<Command>,
    account: AccountId,
}

impl Conferences {
    /// Starts the driver on the present tokio runtime, for one account. The port goes to the adapter of the SIP stack.
    ///
    /// # Panics
    /// Outside a tokio runtime, and when the system has no source of randomness.
    #[must_use]
    pub fn start(capabilities: Capabilities, account: AccountSettings) -> (Self, Port) {
        Self::begin(capabilities, account, None)
    }

    /// The same, recorded from the start: what goes into the plugin and what comes of it is given as lines
    /// ([`crate::record`]). A recorder that has recorded a plugin already records nothing more.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_recorded(
        capabilities: Capabilities,
        account: AccountSettings,
        recorder: &Recorder,
    ) -> (Self, Port) {
        Self::begin(capabilities, account, Some(recorder.clone()))
    }

    fn begin(
        capabilities: Capabilities,
        account: AccountSettings,
        recorder: Option<Recorder>,
    ) -> (Self, Port) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (port, account) = driver::start(capabilities, account, inbox, recorder);
        (Self { commands, account }, port)
    }

    /// Adds another account on the same SIP stack and gives its handle (SW-15).
    ///
    /// # Errors
    /// When the plugin has been stopped.
    pub async fn add_account(&self, settings: AccountSettings) -> Result<Self, SubscribeError> {
        let (reply, account) = oneshot::channel();
        self.command(Command::AddAccount(Box::new(settings), reply));
        Ok(Self {
            commands: self.commands.clone(),
            account: account.await.map_err(|_| SubscribeError::Stopped)?,
        })
    }

    /// Tells what the host knows of its registration; later requests use it. Without a contact the adapter names the
    /// address it sends from.
    pub fn set_registration(&self, registration: Registration) {
        self.command(Command::Registration(self.account, Box::new(registration)));
    }

    /// Puts the account on another SIP core while it runs: plain, IMS, automatic, or an operator's own (SW-05). Old
    /// subscriptions are ended in their own mode where their way still works, new ones are made in the new mode; rosters
    /// stay on screen as stale until then, and nobody is said to have joined or left because of it.
    ///
    /// ```
    /// # async fn example(conferences: rollmark::Conferences) {
    /// use rollmark::core::registration::RegistrationState;
    /// use rollmark::{Ims, Plain, Registration};
    ///
    /// // The softphone has registered with an IMS core.
    /// let registered = Registration {
    ///     state: RegistrationState::Active,
    ///     contact: "sip:alice@192.0.2.1:5060".into(),
    ///     outbound_proxy: Some("sip:pcscf.example.org:4060;lr".into()),
    ///     service_route: Some(vec!["<sip:orig@scscf.example.org;lr>".into()]),
    ///     associated: Some(vec!["sip:alice@example.org".into()]),
    ///     ..Registration::default()
    /// };
    /// conferences.switch(Ims::default(), registered);
    /// // And back to plain SIP.
    /// conferences.switch(Plain::default(), Registration::default());
    /// # }
    /// ```
    pub fn switch(&self, profile: impl Profile + 'static, registration: Registration) {
        let (profile, registration) = (Box::new(profile), Box::new(registration));
        self.command(Command::Switch(self.account, profile, registration));
    }

    /// What is wrong with the account's registration, whenever the host is to register anew; it then tells the new facts
    /// by [`Conferences::set_registration`], and what waits for them goes on (IMS-39…41). A host that does not take these
    /// loses the subscriptions that need it.
    #[must_use]
    pub fn register_requests(&self) -> mpsc::UnboundedReceiver<Trouble> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.command(Command::RegisterRequests(self.account, sender));
        receiver
    }

    /// What passes between the engine and the SIP stack from now on, of all accounts: for a host that shows its user what was
    /// said, or checks a server. Nothing is dropped, so read it; dropping the receiver ends it.
    #[must_use]
    pub fn messages(&self) -> mpsc::UnboundedReceiver<Message> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.command(Command::Messages(sender));
        receiver
    }

    /// The host's network changed: another address, another interface. Every notifier is told at once where to send now
    /// (SUB-09). Connections that are lost need no call; the adapter sees them.
    pub fn network_changed(&self) {
        self.command(Command::NetworkChanged);
    }

    /// Adds a block-list source, after those added before. Its marks come with its first news; until then users are
    /// `unknown`, not `clear`.
    pub fn add_source(&self, source: impl BlockListSource) {
        let name = source.name();
        let commands = self.commands.downgrade();
        let feed = driver::feed(source, commands, self.account, name.clone());
        let feed = tokio::spawn(feed).abort_handle();
        self.command(Command::AddSource(self.account, name, feed));
    }

    /// Sets a list kept by the application itself, under a name of its own.
    pub fn set_block_list(&self, source: impl Into<String>, update: Update) {
        self.command(Command::BlockList(self.account, source.into(), update));
    }

    /// Subscribes to a conference: IM Session Identity or IM Group Identity (OMA-03). Its events begin at once.
    ///
    /// # Errors
    /// When the URI is no SIP URI or the plugin has been stopped.
    pub async fn subscribe(&self, uri: &str) -> Result<Conference, SubscribeError> {
        let (reply, result) = oneshot::channel();
        let (events, queue) = mpsc::channel(EVENT_QUEUE);
        let lagged = Arc::new(AtomicBool::new(false));
        self.command(Command::Subscribe {
            account: self.account,
            uri: uri.to_owned(),
            documents: None,
            events,
            lagged: lagged.clone(),
            reply,
        });
        let id = result.await.map_err(|_| SubscribeError::Stopped)??;
        Ok(Conference {
            commands: self.commands.clone(),
            id,
            session: None,
            queue,
            lagged,
        })
    }

    /// Follows documents of an XDMS, so that a change is known at once (RFC 5875): `notifier` is whom to ask, often the
    /// user's own identity (XDM-74), `documents` are URIs relative to the XCAP root. With the sources of `rollmark-xdm`:
    ///
    /// ```
    /// # use rollmark::{Conferences, DocumentNews, SubscribeError};
    /// # struct Followed;
    /// # impl Followed {
    /// #     fn documents(&mut self) -> Vec<String> { Vec::new() }
    /// #     async fn documents_changed(&mut self) {}
    /// #     fn take(&self, _: &rollmark::core::xcap_diff::Diff) {}
    /// #     fn ask_all(&self) {}
    /// # }
    /// // `followed` is `rollmark_xdm::source::Followed::new(sources.iter().map(XdmsSource::control))`.
    /// async fn follow(conferences: &Conferences, mut followed: Followed) -> Result<(), SubscribeError> {
    ///     let mut documents = conferences
    ///         .follow_documents("sip:alice@example.org", followed.documents())
    ///         .await?;
    ///     loop {
    ///         tokio::select! {
    ///             news = documents.next() => match news {
    ///                 Some(DocumentNews::Changed(diff)) => followed.take(&diff),
    ///                 Some(DocumentNews::Following | DocumentNews::Uncertain) => followed.ask_all(),
    ///                 Some(DocumentNews::Lost { .. }) => {}
    ///                 // The sources go on asking now and then.
    ///                 Some(DocumentNews::Ended { .. }) | None => return Ok(()),
    ///             },
    ///             () = followed.documents_changed() => {
    ///                 let _ = documents.set(followed.documents()).await;
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// When the notifier is no SIP URI, the documents cannot be asked for, or the plugin has been stopped.
    pub async fn follow_documents(
        &self,
        notifier: &str,
        documents: Vec<String>,
    ) -> Result<Documents, SubscribeError> {
        let (reply, result) = oneshot::channel();
        let (events, queue) = mpsc::channel(EVENT_QUEUE);
        let lagged = Arc::new(AtomicBool::new(false));
        self.command(Command::Subscribe {
            account: self.account,
            uri: notifier.to_owned(),
            documents: Some(documents),
            events,
            lagged: lagged.clone(),
            reply,
        });
        let id = result.await.map_err(|_| SubscribeError::Stopped)??;
        Ok(Documents {
            commands: self.commands.clone(),
            id,
            queue,
            lagged,
            follows: false,
        })
    }

    /// The host has an IM session: the conference of its focus is subscribed to by itself, unless the account's settings say
    /// otherwise, which gives none (OMA-01, IMS-46). Tell its end by [`Conference::session_ended`]. Sessions of one conference
    /// share a subscription; each has the events.
    ///
    /// # Errors
    /// When neither identity of the session is a SIP URI, or the plugin has been stopped.
    pub async fn session_started(
        &self,
        session: Session,
    ) -> Result<Option<Conference>, SubscribeError> {
        let (reply, result) = oneshot::channel();
        let (events, queue) = mpsc::channel(EVENT_QUEUE);
        let lagged = Arc::new(AtomicBool::new(false));
        let session = ImSession {
            id: SessionId(0),
            account: self.account,
            role: session.role,
            identity: session.identity,
            group: session.group,
            is_focus: session.is_focus,
            allows_conference: session.allows_conference,
        };
        self.command(Command::SessionStarted {
            session,
            events,
            lagged: lagged.clone(),
            reply,
        });
        let begun = result.await.map_err(|_| SubscribeError::Stopped)??;
        Ok(begun.map(|(id, session)| Conference {
            commands: self.commands.clone(),
            id,
            session: Some(session),
            queue,
            lagged,
        }))
    }

    /// Ends every subscription: Expires: 0, final NOTIFYs answered, at most this long (SW-13). Returns when all is ended.
    pub async fn stop(&self, patience: Duration) {
        let (reply, done) = oneshot::channel();
        self.command(Command::Stop(patience, reply));
        let _ = done.await;
    }

    fn command(&self, command: Command) {
        // A stopped driver answers by dropping the reply.
        let _ = self.commands.send(command);
    }
}

/// One conference that is watched. Dropping it ends the subscription; that of a session, as its end does.
#[derive(Debug)]
pub struct Conference {
    commands: mpsc::UnboundedSender<Command>,
    id: WatchId,
    session: Option<SessionId>,
    queue: mpsc::Receiver<Event>,
    lagged: Arc<AtomicBool>,
}

impl Conference {
    /// The next event; none after [`What::Ended`]. Whoever reads too slowly gets a fresh `State` and `Roster` in place of
    /// what he missed, and never holds up a NOTIFY.
    pub async fn next(&mut self) -> Option<Event> {
        if let Ok(event) = self.queue.try_recv() {
            return Some(event);
        }
        if self.lagged.load(Ordering::Acquire) {
            let _ = self.commands.send(Command::Resynchronise(self.id));
        }
        self.queue.recv().await
    }

    /// The session is over, whoever sent the BYE: the server has a short time to end the subscription, then it is ended from here
    /// (SUB-71). The events go on until [`What::Ended`], unless another session keeps the subscription. Nothing happens to a
    /// conference that was subscribed to without a session.
    pub fn session_ended(&self) {
        if let Some(session) = self.session {
            let _ = self.commands.send(Command::SessionEnded(session));
        }
    }

    /// How long the subscription lives yet, as far as the server has said; none while there is none. It is renewed in time
    /// by itself.
    pub async fn life(&self) -> Option<Duration> {
        let (reply, life) = oneshot::channel();
        let _ = self.commands.send(Command::Life(self.id, reply));
        life.await.ok().flatten()
    }

    /// Asks the server for its state now, as often as is decent (RFC 6665 §4.4.3, SUB-70): what a user expects of pulling a
    /// list down.
    pub fn refresh(&self) {
        let _ = self.commands.send(Command::Refresh(self.id));
    }

    /// Ends the subscription at once, for all sessions that share it; the events go on until [`What::Ended`] (OMA-18).
    pub fn unsubscribe(&self) {
        let _ = self.commands.send(Command::Unsubscribe(self.id));
    }
}

impl Drop for Conference {
    fn drop(&mut self) {
        match self.session {
            Some(_) => self.session_ended(),
            None => self.unsubscribe(),
        }
    }
}
