//! An account as it is recorded: its settings without the password, its profile by name.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::fields::{Fields, words};
use super::{Fault, STAND_IN_PASSWORD};
use crate::account::AccountSettings;
use crate::blocklist::rules::RuleSettings;
use crate::conference;
use crate::digest::Credentials;
use crate::profile::{self, Auto, ContactPreference, Ims, Mode, Plain, Profile};
use crate::registration::{Mechanism, Registration, RegistrationState, SipCore};
use crate::session;
use crate::subscription;
use crate::uri::IdentityRules;
use crate::xml;

words!(conference::Mode { Strict = "strict", Lenient = "lenient" });
words!(RegistrationState {
    Unknown = "unknown",
    Unregistered = "unregistered",
    Pending = "pending",
    Active = "active",
    Ended = "ended",
});
words!(Mechanism {
    IpsecAka = "ipsec-aka",
    Tls = "tls",
    Digest = "digest",
    Giba = "giba",
    Nass = "nass",
});
words!(ContactPreference { Strict = "strict", Lenient = "lenient", None = "none" });
words!(ProfileName { Plain = "sip", Ims = "ims", Auto = "auto", Other = "other" });
words!(SipCore { Sip = "sip", Ims = "ims" });

/// Which profile an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProfileName {
    /// [`Plain`].
    #[default]
    Plain,
    /// [`Ims`].
    Ims,
    /// [`Auto`].
    Auto,
    /// An operator's own.
    Other,
}

impl ProfileName {
    /// Of this profile.
    #[must_use]
    pub fn of(profile: &dyn Profile) -> Self {
        let mode = profile.mode(&Registration::default()).0;
        match (profile.settings(), profile.is_automatic(), mode) {
            (None, ..) => Self::Other,
            (Some(_), true, _) => Self::Auto,
            (Some(_), false, Mode::Sip) => Self::Plain,
            (Some(_), false, Mode::Ims) => Self::Ims,
        }
    }

    /// The profile with these settings; [`Plain`] for an operator's own.
    #[must_use]
    pub fn profile(self, settings: profile::Settings) -> Box<dyn Profile> {
        match self {
            Self::Plain | Self::Other => Box::new(Plain(settings)),
            Self::Ims => Box::new(Ims(settings)),
            Self::Auto => Box::new(Auto(settings)),
        }
    }
}

/// An account as it is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedAccount {
    /// As [`AccountSettings::identity`].
    pub identity: String,
    /// As [`AccountSettings::also`].
    pub also: Vec<String>,
    /// The user name of the credentials. The password is not recorded.
    pub username: Option<String>,
    /// Which profile.
    pub profile: ProfileName,
    /// What the profile is set to; the defaults of an operator's own.
    pub profile_settings: profile::Settings,
    /// As [`AccountSettings::subscription`].
    pub subscription: subscription::Settings,
    /// As [`AccountSettings::conference`].
    pub conference: conference::Settings,
    /// As [`AccountSettings::sources`].
    pub sources: Vec<String>,
    /// As [`AccountSettings::anonymous`].
    pub anonymous: bool,
    /// As [`AccountSettings::match_endpoints`].
    pub match_endpoints: bool,
    /// As [`AccountSettings::sessions`].
    pub sessions: session::Settings,
    /// As [`AccountSettings::rules`].
    pub rules: RuleSettings,
    /// As [`AccountSettings::identities`].
    pub identities: IdentityRules,
}

impl RecordedAccount {
    /// What there is to record of these settings.
    #[must_use]
    pub fn of(settings: &AccountSettings) -> Self {
        // Without `..`: whoever adds a setting is asked here whether a replay needs it.
        let AccountSettings {
            identity,
            also,
            credentials,
            profile,
            subscription,
            conference,
            sources,
            anonymous,
            match_endpoints,
            sessions,
            rules,
            identities,
        } = settings;
        Self {
            identity: identity.clone(),
            also: also.clone(),
            username: credentials.as_ref().map(|held| held.username.clone()),
            profile: ProfileName::of(&**profile),
            profile_settings: profile.settings().cloned().unwrap_or_default(),
            subscription: subscription.clone(),
            conference: *conference,
            sources: sources.clone(),
            anonymous: *anonymous,
            match_endpoints: *match_endpoints,
            sessions: sessions.clone(),
            rules: rules.clone(),
            identities: *identities,
        }
    }

    /// The settings once more, with [`STAND_IN_PASSWORD`], and [`Plain`] for an operator's own profile. Who replays a
    /// recording made with such a one sets that, and the password where the answers to challenges are to be the same.
    #[must_use]
    pub fn settings(&self) -> AccountSettings {
        AccountSettings {
            identity: self.identity.clone(),
            also: self.also.clone(),
            credentials: self.username.clone().map(|username| Credentials {
                username,
                password: STAND_IN_PASSWORD.into(),
            }),
            profile: self.profile.profile(self.profile_settings.clone()),
            subscription: self.subscription.clone(),
            conference: self.conference,
            sources: self.sources.clone(),
            anonymous: self.anonymous,
            match_endpoints: self.match_endpoints,
            sessions: self.sessions.clone(),
            rules: self.rules.clone(),
            identities: self.identities,
        }
    }

    pub(super) fn describe(&mut self, fields: &mut Fields) -> Result<(), Fault> {
        fields.value("identity", &mut self.identity)?;
        fields.values("also", &mut self.also);
        fields.value("username", &mut self.username)?;
        fields.value("profile", &mut self.profile)?;
        describe_profile(&mut self.profile_settings, fields)?;
        let subscription::Settings {
            expires,
            t1,
            max_attempts,
            retry_unreachable,
            max_rate,
            min_rate,
            suppress,
            host_refreshes,
        } = &mut self.subscription;
        fields.value("expires", expires)?;
        fields.value("t1", t1)?;
        fields.value("max-attempts", max_attempts)?;
        fields.value("retry-unreachable", retry_unreachable)?;
        fields.value("max-rate", max_rate)?;
        fields.value("min-rate", min_rate)?;
        fields.value("suppress", suppress)?;
        fields.value("host-refreshes", host_refreshes)?;
        let conference::Settings { mode, limits } = &mut self.conference;
        fields.value("reading", mode)?;
        let conference::Limits {
            xml,
            users,
            endpoints,
            media,
            sidebars,
            store,
        } = limits;
        let xml::Limits {
            body,
            depth,
            attributes,
            text,
            namespaces,
        } = xml;
        fields.value("max-body", body)?;
        fields.value("max-depth", depth)?;
        fields.value("max-attributes", attributes)?;
        fields.value("max-text", text)?;
        fields.value("max-namespaces", namespaces)?;
        fields.value("max-users", users)?;
        fields.value("max-endpoints", endpoints)?;
        fields.value("max-media", media)?;
        fields.value("max-sidebars", sidebars)?;
        fields.value("max-store", store)?;
        fields.values("source", &mut self.sources);
        fields.value("anonymous", &mut self.anonymous)?;
        fields.value("match-endpoints", &mut self.match_endpoints)?;
        let session::Settings {
            subscribe,
            without_focus,
            patience,
        } = &mut self.sessions;
        fields.value("follow-sessions", subscribe)?;
        fields.value("without-focus", without_focus)?;
        fields.value("session-patience", patience)?;
        let RuleSettings {
            polite_block,
            sphere,
        } = &mut self.rules;
        fields.value("polite-block", polite_block)?;
        fields.value("sphere", sphere)?;
        let IdentityRules { strict, plus_user } = &mut self.identities;
        fields.value("strict-uris", strict)?;
        // By its opposite: a recording that says nothing of it was made with the default.
        let mut no_plus_user = !*plus_user;
        fields.value("no-plus-user", &mut no_plus_user)?;
        *plus_user = !no_plus_user;
        Ok(())
    }
}

pub(super) fn describe_profile(
    settings: &mut profile::Settings,
    fields: &mut Fields,
) -> Result<(), Fault> {
    let profile::Settings {
        accept_contact,
        icsi,
        product,
        service_route,
        trusted_proxy,
        watch_registration,
    } = settings;
    fields.value("accept-contact", accept_contact)?;
    fields.value("icsi", icsi)?;
    fields.value("product", product)?;
    fields.value("follow-service-route", service_route)?;
    fields.value("trusted-proxy", trusted_proxy)?;
    fields.value("watch-registration", watch_registration)
}

pub(super) fn describe_registration(
    registration: &mut Registration,
    fields: &mut Fields,
) -> Result<(), Fault> {
    let Registration {
        state,
        contact,
        outbound_proxy,
        protected_proxy,
        protected,
        service_route,
        path,
        associated,
        registered,
        public_gruu,
        temporary_gruu,
        mechanism,
        security_server,
        access_network,
        cellular_network,
        access_network_unprotected,
        outbound,
        expires,
        home_domain,
        told_core,
    } = registration;
    fields.value("registration", state)?;
    fields.value("contact", contact)?;
    fields.value("outbound-proxy", outbound_proxy)?;
    fields.value("protected-proxy", protected_proxy)?;
    fields.value("protected", protected)?;
    fields.known_values("service-route", "no-service-route", service_route)?;
    fields.known_values("path", "no-path", path)?;
    fields.known_values("associated", "no-associated", associated)?;
    fields.value("registered", registered)?;
    fields.value("public-gruu", public_gruu)?;
    fields.value("temporary-gruu", temporary_gruu)?;
    fields.value("mechanism", mechanism)?;
    fields.values("security-server", security_server);
    fields.value("access-network", access_network)?;
    fields.value("cellular-network", cellular_network)?;
    fields.value("access-network-unprotected", access_network_unprotected)?;
    fields.value("outbound", outbound)?;
    fields.value("registration-expires", expires)?;
    fields.value("home-domain", home_domain)?;
    fields.value("core", told_core)
}
