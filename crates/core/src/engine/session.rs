//! Subscriptions that follow the host's IM sessions: they begin and end with them (OMA-01…06, SUB-71, RFC 4579 §3.4).
//!
//! Sessions of one account with the same IM Session Identity, octet by octet, share one subscription, which ends with the
//! last of them. A conference that the user watches by himself is another one: it does not end with a session. Nothing is
//! shared between accounts (SW-15). The subscription is a dialog of its own, never one inside the session's (IMS-48).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use hashbrown::HashMap;

use super::watch::Watch;
use super::{Engine, WatchError, WatchId};
use crate::account::AccountId;
use crate::session::{ImSession, SessionId};

/// The sessions whose conferences are watched, by watch.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<WatchId, Followed>);

/// One subscription and the sessions that it follows.
#[derive(Debug)]
struct Followed {
    account: AccountId,
    identity: String,
    sessions: Vec<SessionId>,
    /// IM Group Identity, until it is asked.
    group: Option<String>,
    /// The last session is over; then the subscription is ended from here, unless the server does it (SUB-71).
    until: Option<Duration>,
}

impl Sessions {
    /// When the patience with the server of this watch is over.
    pub(super) fn due(&self, id: WatchId) -> Option<Duration> {
        self.0.get(&id)?.until
    }

    pub(super) fn forget(&mut self, id: WatchId) {
        self.0.remove(&id);
    }

    fn watch_of(&self, session: SessionId) -> Option<WatchId> {
        let mut all = self.0.iter();
        all.find_map(|(id, followed)| followed.sessions.contains(&session).then_some(*id))
    }
}

impl Engine {
    /// The host reports a session that has begun: its conference is subscribed to unless the account's settings say
    /// otherwise (OMA-01, IMS-46). None when they do. May come before or after the ACK (IMS-47). A session that is reported
    /// again with another identity moves there.
    ///
    /// # Errors
    /// As for [`Engine::watch`], when neither the session identity nor the group identity can be asked.
    pub fn handle_session_started(
        &mut self,
        now: Duration,
        session: &ImSession,
    ) -> Result<Option<WatchId>, WatchError> {
        let now = self.at(now);
        let Some(account) = self.accounts.get(&session.account) else {
            return Err(WatchError::NoAccount);
        };
        let settings = &account.settings.sessions;
        let wanted = settings.subscribe && (settings.without_focus || session.is_conference());
        if let Some(id) = self.session_watch(session.id) {
            let same = self.sessions.0.get(&id).is_some_and(|followed| {
                followed.account == session.account && followed.identity == session.identity
            });
            if same && wanted {
                return Ok(Some(id));
            }
            self.handle_session_ended(now, session.id);
        }
        if !wanted {
            return Ok(None);
        }
        if let Some(id) = self.shared(session) {
            if let Some(followed) = self.sessions.0.get_mut(&id) {
                followed.sessions.push(session.id);
                followed.until = None;
                if followed.group.is_none() {
                    followed.group.clone_from(&session.group);
                }
            }
            self.with(now, id, |_, watch| watch.subscription.close(false));
            return Ok(Some(id));
        }
        let mut group = session.group.clone();
        let id = match self.watch(now, session.account, &session.identity) {
            Ok(id) => id,
            Err(error) => match group.take() {
                Some(group) => self.watch(now, session.account, &group)?,
                None => return Err(error),
            },
        };
        self.sessions.0.insert(
            id,
            Followed {
                account: session.account,
                identity: session.identity.clone(),
                sessions: [session.id].into(),
                group: group.filter(|group| *group != session.identity),
                until: None,
            },
        );
        Ok(Some(id))
    }

    /// The host reports the end of a session, whoever sent the BYE. The server has a short time to end the subscription,
    /// then it is ended from here; its last NOTIFY is answered in either case (OMA-39, SUB-71). A session that is not known is
    /// none of a conference.
    pub fn handle_session_ended(&mut self, now: Duration, session: SessionId) {
        let now = self.at(now);
        let Some(id) = self.sessions.watch_of(session) else {
            return;
        };
        let Some(followed) = self.sessions.0.get_mut(&id) else {
            return;
        };
        followed.sessions.retain(|other| *other != session);
        if !followed.sessions.is_empty() {
            return;
        }
        let patience = self
            .accounts
            .get(&followed.account)
            .map(|account| account.settings.sessions.patience);
        followed.until = Some(now.saturating_add(patience.unwrap_or_default()));
        self.with(now, id, |_, watch| watch.subscription.close(true));
    }

    /// What is watched for a session; none where nothing is, or not any more.
    #[must_use]
    pub fn session_watch(&self, session: SessionId) -> Option<WatchId> {
        let id = self.sessions.watch_of(session)?;
        self.is_going_on(id).then_some(id)
    }

    fn is_going_on(&self, id: WatchId) -> bool {
        self.watches
            .get(&id)
            .is_some_and(|watch| !watch.subscription.is_ended() && !watch.subscription.is_leaving())
    }

    /// The subscription for another session of the same conference and account.
    fn shared(&self, session: &ImSession) -> Option<WatchId> {
        let mut all = self.sessions.0.iter();
        let (id, _) = all.find(|(id, followed)| {
            followed.account == session.account
                && followed.identity == session.identity
                && self.is_going_on(**id)
        })?;
        Some(*id)
    }

    /// 404 for the session identity: the group identity is asked, once, by a request in a dialog of its own; false where
    /// there is none. The user sees the subscription go on under the other URI.
    pub(super) fn turns_to_group(&mut self, id: WatchId, watch: &mut Watch) -> bool {
        let followed = self.sessions.0.get_mut(&id);
        let Some(group) = followed.and_then(|followed| followed.group.take()) else {
            return false;
        };
        self.forget_dialog(watch);
        watch.dialog = None;
        watch.uri = group.into();
        watch.begin_attempt();
        true
    }

    /// Ends the subscription of a session whose server did not do it in time (SUB-71).
    pub(super) fn handle_session_timeout(&mut self, now: Duration, id: WatchId, watch: &mut Watch) {
        let Some(followed) = self.sessions.0.get_mut(&id) else {
            return;
        };
        if followed.until.is_some_and(|at| at <= now) {
            followed.until = None;
            watch.subscription.unsubscribe(now);
        }
    }
}
