//! What the focus knows about one conference: its subject and who is in it (the data model of RFC 4575 §5).

use thiserror::Error;

/// Connection status of one endpoint (RFC 4575 §5.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Takes part in the conference.
    Connected,
    /// Does not take part; no dialog with the focus.
    Disconnected,
    /// Has a dialog with the focus, neither hears nor is heard.
    OnHold,
    /// Hears the conference, is not heard.
    MutedViaFocus,
    /// Expected to join soon.
    Pending,
    /// Called by the focus and ringing.
    Alerting,
    /// Calling the focus, not in yet.
    DialingIn,
    /// Called by the focus, not in yet.
    DialingOut,
    /// Being disconnected by the focus.
    Disconnecting,
}

impl Status {
    /// The value of the element `<status>`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::OnHold => "on-hold",
            Self::MutedViaFocus => "muted-via-focus",
            Self::Pending => "pending",
            Self::Alerting => "alerting",
            Self::DialingIn => "dialing-in",
            Self::DialingOut => "dialing-out",
            Self::Disconnecting => "disconnecting",
        }
    }

    /// Whether an endpoint of this status takes part in the conference.
    fn takes_part(self) -> bool {
        matches!(self, Self::Connected | Self::OnHold | Self::MutedViaFocus)
    }
}

/// How an endpoint came in (RFC 4575 §5.7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoiningMethod {
    /// It called the focus.
    DialedIn,
    /// The focus called it.
    DialedOut,
    /// It is the focus.
    FocusOwner,
}

impl JoiningMethod {
    /// The value of the element `<joining-method>`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DialedIn => "dialed-in",
            Self::DialedOut => "dialed-out",
            Self::FocusOwner => "focus-owner",
        }
    }
}

/// How an endpoint went out (RFC 4575 §5.7.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectionMethod {
    /// It left.
    Departed,
    /// The focus put it out, or did not let it in.
    Booted,
    /// The focus could not reach it.
    Failed,
    /// It was busy.
    Busy,
}

impl DisconnectionMethod {
    /// The value of the element `<disconnection-method>`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Departed => "departed",
            Self::Booted => "booted",
            Self::Failed => "failed",
            Self::Busy => "busy",
        }
    }
}

/// The end of an endpoint's part in the conference (RFC 4575 §5.7.6, §5.7.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnection {
    /// How it ended.
    pub method: DisconnectionMethod,
    /// Text of `<disconnection-info><reason>`, in the form of RFC 3326 where it came from signalling.
    pub reason: Option<String>,
}

impl From<DisconnectionMethod> for Disconnection {
    fn from(method: DisconnectionMethod) -> Self {
        Self {
            method,
            reason: None,
        }
    }
}

/// One device or session of a user (RFC 4575 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The key: unique among the endpoints of the user.
    pub entity: String,
    /// Text for people.
    pub display_text: Option<String>,
    /// Connection status; `None` leaves the element out.
    pub status: Option<Status>,
    /// How it joined.
    pub joining_method: Option<JoiningMethod>,
    /// How it left, once it has.
    pub disconnection: Option<Disconnection>,
}

impl Endpoint {
    /// An endpoint of the given status that called the focus.
    pub fn new(entity: impl Into<String>, status: Status) -> Self {
        Self {
            entity: entity.into(),
            display_text: None,
            status: Some(status),
            joining_method: Some(JoiningMethod::DialedIn),
            disconnection: None,
        }
    }
}

/// One participant (RFC 4575 §5.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The key: the user's URI, unique in the conference, compared byte by byte (RFC 4575 §4.5).
    pub entity: String,
    /// Name for people.
    pub display_text: Option<String>,
    /// Roles, for people.
    pub roles: Vec<String>,
    /// Devices and sessions, unique by `entity`.
    pub endpoints: Vec<Endpoint>,
}

impl User {
    /// A user without endpoints.
    pub fn new(entity: impl Into<String>) -> Self {
        Self {
            entity: entity.into(),
            display_text: None,
            roles: Vec::new(),
            endpoints: Vec::new(),
        }
    }

    /// A user with one connected endpoint, `ENTITY;gr=1`.
    pub fn connected(entity: impl Into<String>) -> Self {
        Self::with_status(entity, Status::Connected)
    }

    /// A user with one endpoint, `ENTITY;gr=1`, of the given status.
    pub fn with_status(entity: impl Into<String>, status: Status) -> Self {
        let entity = entity.into();
        let endpoint = Endpoint::new(format!("{entity};gr=1"), status);
        Self::new(entity).endpoint(endpoint)
    }

    /// Sets the name for people.
    #[must_use]
    pub fn display_text(mut self, text: impl Into<String>) -> Self {
        self.display_text = Some(text.into());
        self
    }

    /// Adds a role.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Adds an endpoint, or replaces the one with the same key.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.put_endpoint(endpoint);
        self
    }

    /// Adds an endpoint, or replaces the one with the same key.
    pub fn put_endpoint(&mut self, endpoint: Endpoint) {
        match self
            .endpoints
            .iter_mut()
            .find(|known| known.entity == endpoint.entity)
        {
            Some(known) => *known = endpoint,
            None => self.endpoints.push(endpoint),
        }
    }

    /// Whether the user takes part: one endpoint does, or none is shown, or one is shown without a status.
    fn takes_part(&self) -> bool {
        self.endpoints.is_empty()
            || self
                .endpoints
                .iter()
                .any(|endpoint| endpoint.status.is_none_or(Status::takes_part))
    }
}

/// A change that the roster does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RosterError {
    /// The user is in the roster already.
    #[error("user {entity} is in the conference already: remove it first or change its endpoints")]
    UserExists {
        /// The user's key.
        entity: String,
    },
    /// No such user.
    #[error("user {entity} is not in the conference: join it first")]
    UserUnknown {
        /// The key asked for.
        entity: String,
    },
    /// The user has no such endpoint.
    #[error("user {entity} has no endpoint {endpoint}: add it with put_endpoint")]
    EndpointUnknown {
        /// The user's key.
        entity: String,
        /// The endpoint's key asked for.
        endpoint: String,
    },
}

/// One conference: what a full document says about it (RFC 4575 §5.3, §5.5, §5.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conference {
    /// Text for people, as in a directory.
    pub display_text: Option<String>,
    /// Subject.
    pub subject: Option<String>,
    /// Longer description.
    pub free_text: Option<String>,
    /// Whether nobody can join any more.
    pub locked: bool,
    users: Vec<User>,
}

impl Conference {
    /// A conference with a subject and nobody in it.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..Self::default()
        }
    }

    /// Adds a user who is in from the start; the last of two with the same key stays.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.retain(|known| known.entity != user.entity);
        self.users.push(user);
        self
    }

    /// The users in the order in which they came.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Number of users who take part; what `<user-count>` says (RFC 4575 §5.5.1).
    pub fn user_count(&self) -> usize {
        self.users.iter().filter(|user| user.takes_part()).count()
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`RosterError::UserExists`].
    pub fn join(&mut self, user: User) -> Result<(), RosterError> {
        if self.users.iter().any(|known| known.entity == user.entity) {
            return Err(RosterError::UserExists {
                entity: user.entity,
            });
        }
        self.users.push(user);
        Ok(())
    }

    /// The user with this key, to be changed.
    ///
    /// # Errors
    /// [`RosterError::UserUnknown`].
    pub fn user_mut(&mut self, entity: &str) -> Result<&mut User, RosterError> {
        self.users
            .iter_mut()
            .find(|user| user.entity == entity)
            .ok_or_else(|| RosterError::UserUnknown {
                entity: entity.to_owned(),
            })
    }

    /// Takes a user out of the roster; subscribers see `state="deleted"`.
    ///
    /// # Errors
    /// [`RosterError::UserUnknown`].
    pub fn remove(&mut self, entity: &str) -> Result<(), RosterError> {
        self.user_mut(entity)?;
        self.users.retain(|user| user.entity != entity);
        Ok(())
    }

    /// Sets the status of an endpoint, and how it left if it has.
    ///
    /// # Errors
    /// [`RosterError::UserUnknown`], [`RosterError::EndpointUnknown`].
    pub fn set_status(
        &mut self,
        entity: &str,
        endpoint: &str,
        status: Status,
        disconnection: Option<Disconnection>,
    ) -> Result<(), RosterError> {
        let known = self
            .user_mut(entity)?
            .endpoints
            .iter_mut()
            .find(|known| known.entity == endpoint)
            .ok_or_else(|| RosterError::EndpointUnknown {
                entity: entity.to_owned(),
                endpoint: endpoint.to_owned(),
            })?;
        known.status = Some(status);
        known.disconnection = disconnection;
        Ok(())
    }

    /// Disconnects every endpoint of a user in the same way; the user stays in the roster.
    ///
    /// # Errors
    /// [`RosterError::UserUnknown`].
    pub fn disconnect(
        &mut self,
        entity: &str,
        disconnection: &Disconnection,
    ) -> Result<(), RosterError> {
        for endpoint in &mut self.user_mut(entity)?.endpoints {
            endpoint.status = Some(Status::Disconnected);
            endpoint.disconnection = Some(disconnection.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_count_counts_those_who_take_part() {
        // RFC 4575 §5.5.1, §5.7.3
        let count_with = |status| {
            Conference::new("s")
                .user(User::with_status("sip:a@example.org", status))
                .user_count()
        };
        for (status, expected) in [
            (Status::Connected, 1),
            (Status::OnHold, 1),
            (Status::MutedViaFocus, 1),
            (Status::Pending, 0),
            (Status::Alerting, 0),
            (Status::DialingIn, 0),
            (Status::DialingOut, 0),
            (Status::Disconnecting, 0),
            (Status::Disconnected, 0),
        ] {
            assert_eq!(count_with(status), expected, "{status:?}");
        }
        let bare = Conference::new("s").user(User::new("sip:a@example.org"));
        assert_eq!(bare.user_count(), 1, "a user without endpoints counts");
    }

    #[test]
    fn a_change_of_somebody_who_is_not_there_is_refused() {
        let mut conference = Conference::new("s").user(User::connected("sip:a@example.org"));
        assert_eq!(
            conference.join(User::new("sip:a@example.org")),
            Err(RosterError::UserExists {
                entity: "sip:a@example.org".into()
            })
        );
        assert_eq!(
            conference.remove("sip:b@example.org"),
            Err(RosterError::UserUnknown {
                entity: "sip:b@example.org".into()
            })
        );
        assert_eq!(
            conference.set_status("sip:a@example.org", "x", Status::OnHold, None),
            Err(RosterError::EndpointUnknown {
                entity: "sip:a@example.org".into(),
                endpoint: "x".into()
            })
        );
    }
}
