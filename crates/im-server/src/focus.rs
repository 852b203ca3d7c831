//! The hand on one conference: every command changes the roster and notifies the subscribers (RFC 4575, RFC 4579 §3).

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use crate::conference::{
    Conference, Disconnection, DisconnectionMethod, RosterError, Status, User,
};
use crate::server::{ConferenceKey, Shared};

/// Why a subscription ended (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TerminationReason {
    /// Subscribe again at once.
    Deactivated,
    /// Subscribe again later.
    Probation,
    /// Authorization was withdrawn.
    Rejected,
    /// Its time is over.
    Timeout,
    /// No authorization in time.
    Giveup,
    /// The conference is no more.
    Noresource,
    /// The state will not change any more.
    Invariant,
}

impl TerminationReason {
    /// The value of the parameter `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Giveup => "giveup",
            Self::Noresource => "noresource",
            Self::Invariant => "invariant",
        }
    }
}

/// The body of a last NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinalDocument {
    /// None.
    None,
    /// The full state.
    Full,
    /// A document with `state="deleted"` (RFC 4575 §4.6).
    Deleted,
}

/// A command to the focus failed; nothing was changed, nobody notified.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FocusError {
    /// The roster does not allow it.
    #[error("{uri}: {source}")]
    Roster {
        /// The conference, as user and host.
        uri: String,
        /// What the roster says.
        source: RosterError,
    },
    /// The conference was ended, or its server dropped.
    #[error("conference {uri} has ended: create it again")]
    Ended {
        /// The conference, as user and host.
        uri: String,
    },
}

/// The focus of one conference. Clones act on the same conference.
#[derive(Clone, Debug)]
pub struct Focus {
    shared: Arc<Shared>,
    key: ConferenceKey,
}

impl Focus {
    pub(crate) fn new(shared: Arc<Shared>, key: ConferenceKey) -> Self {
        Self { shared, key }
    }

    /// Makes any number of changes and tells them in one partial NOTIFY; none is sent if nothing changed.
    ///
    /// If `change` fails, the conference stays as it was. `change` must not call this focus or its server.
    ///
    /// # Errors
    /// [`FocusError`].
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Conference) -> Result<T, RosterError>,
    ) -> Result<T, FocusError> {
        let mut guard = self.shared.state();
        let state = &mut *guard;
        let entry = state
            .conferences
            .get_mut(&self.key)
            .ok_or_else(|| self.ended())?;
        let mut conference = entry.conference.clone();
        let value = change(&mut conference).map_err(|source| FocusError::Roster {
            uri: self.key.to_string(),
            source,
        })?;
        if conference != entry.conference {
            let before = std::mem::replace(&mut entry.conference, conference);
            for subscription in state.subscriptions.values_mut() {
                if *subscription.conference() == self.key {
                    subscription.notify_change(entry, &before);
                }
            }
        }
        Ok(value)
    }

    /// A user comes in, with whatever status the endpoints have.
    ///
    /// # Errors
    /// [`FocusError`].
    pub fn join(&self, user: User) -> Result<(), FocusError> {
        self.change(|conference| conference.join(user))
    }

    /// An endpoint changes its status: answers, is put on hold, leaves with a disconnection.
    ///
    /// # Errors
    /// [`FocusError`].
    pub fn set_status(
        &self,
        entity: &str,
        endpoint: &str,
        status: Status,
        disconnection: Option<Disconnection>,
    ) -> Result<(), FocusError> {
        self.change(|conference| conference.set_status(entity, endpoint, status, disconnection))
    }

    /// A user leaves: his endpoints become `disconnected` by `departed`, he stays in the roster.
    ///
    /// # Errors
    /// [`FocusError`].
    pub fn leave(&self, entity: &str) -> Result<(), FocusError> {
        let departed = DisconnectionMethod::Departed.into();
        self.change(|conference| conference.disconnect(entity, &departed))
    }

    /// A user is put out: his sessions end with BYE, his endpoints become `disconnected` by `booted`, he stays in the roster.
    ///
    /// # Errors
    /// [`FocusError`].
    pub fn boot(&self, entity: &str, reason: Option<&str>) -> Result<(), FocusError> {
        let booted = Disconnection {
            method: DisconnectionMethod::Booted,
            reason: reason.map(str::to_owned),
        };
        self.change(|conference| conference.disconnect(entity, &booted))?;
        self.shared
            .state()
            .hang_up(&self.key, |user| user == entity);
        Ok(())
    }

    /// A user goes from the roster, told as `state="deleted"`.
    ///
    /// # Errors
    /// [`FocusError`].
    pub fn remove(&self, entity: &str) -> Result<(), FocusError> {
        self.change(|conference| conference.remove(entity))
    }

    /// The conference gets another subject.
    ///
    /// # Errors
    /// [`FocusError`].
    pub fn set_subject(&self, subject: impl Into<String>) -> Result<(), FocusError> {
        self.change(|conference| {
            conference.subject = Some(subject.into());
            Ok(())
        })
    }

    /// Sends the full state to every subscriber.
    ///
    /// # Errors
    /// [`FocusError::Ended`].
    pub fn notify_full(&self) -> Result<(), FocusError> {
        let mut guard = self.shared.state();
        let state = &mut *guard;
        let entry = state
            .conferences
            .get(&self.key)
            .ok_or_else(|| self.ended())?;
        for subscription in state.subscriptions.values_mut() {
            if *subscription.conference() == self.key {
                subscription.notify_full(entry);
            }
        }
        Ok(())
    }

    /// Ends every subscription; the conference goes on and can be subscribed to again.
    ///
    /// # Errors
    /// [`FocusError::Ended`].
    pub fn terminate(
        &self,
        reason: TerminationReason,
        retry_after: Option<Duration>,
        document: FinalDocument,
    ) -> Result<(), FocusError> {
        let mut state = self.shared.state();
        if !state.conferences.contains_key(&self.key) {
            return Err(self.ended());
        }
        state.terminate(&self.key, |_| true, reason, retry_after, document);
        Ok(())
    }

    /// Ends the conference: sessions end with BYE, subscriptions end with `noresource`, later SUBSCRIBE requests get 404.
    ///
    /// # Errors
    /// [`FocusError::Ended`].
    pub fn end(&self, document: FinalDocument) -> Result<(), FocusError> {
        let reason = TerminationReason::Noresource;
        let mut state = self.shared.state();
        state.terminate(&self.key, |_| true, reason, None, document);
        state.hang_up(&self.key, |_| true);
        state.identities.retain(|_, key| *key != self.key);
        match state.conferences.remove(&self.key) {
            Some(_) => Ok(()),
            None => Err(self.ended()),
        }
    }

    /// The conference as it is.
    ///
    /// # Errors
    /// [`FocusError::Ended`].
    pub fn conference(&self) -> Result<Conference, FocusError> {
        match self.shared.state().conferences.get(&self.key) {
            Some(entry) => Ok(entry.conference.clone()),
            None => Err(self.ended()),
        }
    }

    /// Number of subscriptions, to be read or waited for. The channel closes when the conference ends.
    ///
    /// # Errors
    /// [`FocusError::Ended`].
    pub fn subscribers(&self) -> Result<watch::Receiver<usize>, FocusError> {
        match self.shared.state().conferences.get(&self.key) {
            Some(entry) => Ok(entry.subscribers.subscribe()),
            None => Err(self.ended()),
        }
    }

    fn ended(&self) -> FocusError {
        FocusError::Ended {
            uri: self.key.to_string(),
        }
    }
}
