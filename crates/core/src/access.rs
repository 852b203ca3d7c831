//! How an account gets to its SIP core: profile, registration facts, and what follows from the two (SW-01, SW-04, IMS-03).

use alloc::string::String;
use alloc::sync::Arc;

use crate::host::Flow;
use crate::message::Headers;
use crate::profile::{Facts, Kind, Mode, ModeReason, Profile, Registration};
use crate::registration::RegistrationState;
use crate::subscription::Cause;

/// From of a user who wants to stay anonymous (RFC 3323 §4.1.1.3).
pub(crate) const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// Never changed: a change makes a new one, so that a message is wholly of one of them (SW-04).
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) profile: Arc<dyn Profile>,
    pub(crate) registration: Registration,
    pub(crate) mode: Mode,
    pub(crate) reason: ModeReason,
    /// The identity in use; none when every one is barred.
    pub(crate) identity: Option<Arc<str>>,
    /// From without tag.
    pub(crate) from: Arc<str>,
    anonymous: bool,
}

impl Access {
    /// `present` is the mode so far: while a registration is being made, or after its end, it stays.
    pub(crate) fn new(
        profile: Arc<dyn Profile>,
        registration: Registration,
        wanted: &str,
        anonymous: bool,
        present: Option<(Mode, ModeReason)>,
    ) -> Self {
        let is_decisive = matches!(
            registration.state,
            RegistrationState::Active | RegistrationState::Unknown
        );
        let (mode, reason) = match present {
            Some(present) if profile.is_automatic() && !is_decisive => present,
            _ => profile.mode(&registration),
        };
        let identity = match mode {
            Mode::Sip => Some(wanted),
            Mode::Ims => registration.usable_identity(wanted),
        };
        let identity: Option<Arc<str>> = identity.map(Into::into);
        let from = if anonymous {
            ANONYMOUS.into()
        } else {
            let uri: &str = identity.as_deref().unwrap_or(wanted);
            ["<", uri, ">"].concat().into()
        };
        Self {
            profile,
            registration,
            mode,
            reason,
            identity,
            from,
            anonymous,
        }
    }

    fn facts(&self, of_session: bool) -> Facts<'_> {
        Facts {
            mode: self.mode,
            registration: &self.registration,
            identity: self.identity.as_deref().unwrap_or_default(),
            anonymous: self.anonymous,
            of_session,
        }
    }

    /// Why nothing may be sent by this way now (IMS-01, IMS-04).
    pub(crate) fn gate(&self) -> Option<Cause> {
        let state = self.registration.state;
        let closed = match self.mode {
            Mode::Ims => state != RegistrationState::Active,
            Mode::Sip => self.profile.is_automatic() && state == RegistrationState::Pending,
        };
        if closed {
            return Some(Cause::NotRegistered);
        }
        self.identity.is_none().then_some(Cause::NoIdentity)
    }

    /// What was made by this way can be ended by it (SW-07).
    pub(crate) fn lives(&self) -> bool {
        match self.mode {
            Mode::Ims => self.registration.state == RegistrationState::Active,
            Mode::Sip => self.registration.state != RegistrationState::Ended,
        }
    }

    /// Whether a request that came by such a flow is to be trusted: in IMS mode the next hop's alone (IMS-32, SEC-03).
    pub(crate) fn trusts(&self, flow: Flow) -> bool {
        match (self.mode, flow) {
            (Mode::Sip, _) | (Mode::Ims, Flow::Registered) => true,
            (Mode::Ims, Flow::Foreign) => false,
            (Mode::Ims, Flow::Unknown) => !self.registration.protected,
        }
    }

    /// Route set to preload.
    pub(crate) fn route(&self) -> alloc::vec::Vec<String> {
        self.profile.route(&self.facts(true))
    }

    /// Adds the profile's headers to a message.
    pub(crate) fn decorate(&self, kind: Kind, of_session: bool, headers: &mut Headers) {
        let facts = self.facts(of_session);
        self.profile.decorate(kind, &facts, headers);
    }
}
