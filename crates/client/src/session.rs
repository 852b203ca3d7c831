//! An IM session as the host reports it to the plugin (OMA-05, OMA-06, RFC 4579 §3.4).

use rollmark_core::account::AccountId;
use rollmark_core::message::Headers;
use rollmark_core::session::{ImSession, Role, SessionId};

/// An IM session that has begun. What the host does not know stays `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who began it.
    pub role: Role,
    /// IM Session Identity: the URI of the focus's Contact as it stood there (OMA-05).
    pub identity: String,
    /// IM Group Identity: the address of the group, asked once when the server does not know the session identity (OMA-06).
    pub group: Option<String>,
    /// That Contact had `isfocus`.
    pub is_focus: Option<bool>,
    /// Allow-Events of the other side named `conference`.
    pub allows_conference: Option<bool>,
}

impl Session {
    /// What the headers say of the 2xx to the user's INVITE, or of the INVITE that the user has accepted. None without a
    /// Contact.
    #[must_use]
    pub fn met(role: Role, headers: &Headers) -> Option<Self> {
        // Names are given by the driver.
        let session = ImSession::met(SessionId(0), AccountId::default(), role, headers)?;
        Some(Self {
            role,
            identity: session.identity,
            group: None,
            is_focus: session.is_focus,
            allows_conference: session.allows_conference,
        })
    }

    /// The same session, of a group with this address.
    #[must_use]
    pub fn of_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }
}
