//! IM sessions as a host reports them: who began one, and by which URIs its conference is asked for (OMA-01…06, RFC 4579
//! §3.4, §4, TS 24.147 §5.3.1).

use alloc::string::String;
use core::time::Duration;

use crate::account::AccountId;
use crate::header;
use crate::message::Headers;

/// How long the server has to end a subscription by itself once its session is over; then it is ended from here (SUB-71).
pub const DEFAULT_SESSION_PATIENCE: Duration = Duration::from_secs(2);

/// Names a session of the host. The host chooses it, once for each session of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Who began a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user's own INVITE.
    ClientOriginated,
    /// The user was invited.
    ClientInvited,
}

/// An IM session that has begun. The facts that the host does not know stay `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImSession {
    /// The host's name for it.
    pub id: SessionId,
    /// Whose session it is.
    pub account: AccountId,
    /// Who began it.
    pub role: Role,
    /// IM Session Identity: the URI of the focus's Contact as it stood there, with the parameters that routing needs
    /// (OMA-05).
    pub identity: String,
    /// IM Group Identity: the address of the group, where there is one (OMA-06). It is asked once when the server does not
    /// know the session identity.
    pub group: Option<String>,
    /// That Contact had `isfocus` (RFC 3840 §10.2, RFC 4579 §5.4.3). Without it the other side may be a single user.
    pub is_focus: Option<bool>,
    /// Allow-Events of the other side named `conference` (RFC 4579 §3.4).
    pub allows_conference: Option<bool>,
}

impl ImSession {
    /// The session that a 2xx to the user's INVITE makes, or the INVITE that the user has accepted: its headers say the
    /// rest (OMA-05). None when there is no Contact, which leaves nothing to ask.
    #[must_use]
    pub fn met(id: SessionId, account: AccountId, role: Role, headers: &Headers) -> Option<Self> {
        let contact = header::addresses(headers.all("Contact"))
            .into_iter()
            .next()?;
        let mut events = headers.all("Allow-Events").peekable();
        let allows_conference = events
            .peek()
            .is_some()
            .then(|| header::lists(events, "conference"));
        Some(Self {
            id,
            account,
            role,
            is_focus: Some(contact.param("isfocus").is_some()),
            identity: contact.uri,
            group: None,
            allows_conference,
        })
    }

    /// The other side is the focus of a conference, as far as is known: it says so, it offers conference state, or the
    /// session is that of a group.
    #[must_use]
    pub fn is_conference(&self) -> bool {
        self.is_focus != Some(false) || self.allows_conference == Some(true) || self.group.is_some()
    }
}

/// What an account does about its IM sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Subscribes by itself to the conference of each session (OMA-01). False: only [`crate::engine::Engine::watch`] does.
    pub subscribe: bool,
    /// Does so although nothing says that the other side is a focus (IMS-46). A single user will refuse.
    pub without_focus: bool,
    /// How long the server has to end the subscription of a session that is over, before it is ended from here (SUB-71).
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subscribe: true,
            without_focus: false,
            patience: DEFAULT_SESSION_PATIENCE,
        }
    }
}
