//! One user on one SIP core: identity, credentials, registration facts, profile, block lists (SW-01, SW-15).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::access::Access;
use crate::blocklist::BlockLists;
use crate::blocklist::rules::RuleSettings;
use crate::conference;
use crate::digest::Credentials;
use crate::engine::WatchId;
use crate::profile::{Mode, ModeReason, Plain, Profile, Registration};
use crate::session;
use crate::subscription;
use crate::uri::{IdentityRules, Uri};

/// Servers of which an account remembers how long a life must at least be (SUB-11, SEC-18).
pub const MAX_LEARNT_SERVERS: usize = 256;

/// Names an account of an engine; the default names none.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub u32);

/// What an account can be set to.
#[derive(Debug)]
pub struct AccountSettings {
    /// The user's public identity: URI for From, and never marked as blocked (XDM-72).
    pub identity: String,
    /// More identities of the same user.
    pub also: Vec<String>,
    /// Answers to digest challenges, for hosts that do not answer by themselves (SUB-12).
    pub credentials: Option<Credentials>,
    /// The SIP core the account is on: [`Plain`], [`Ims`](crate::profile::Ims), [`Auto`](crate::profile::Auto) or an
    /// operator's own.
    pub profile: Box<dyn Profile>,
    /// Life, timers, retries.
    pub subscription: subscription::Settings,
    /// How documents are read.
    pub conference: conference::Settings,
    /// Names of the block-list sources that will report, in order of precedence (XDM-32). A source is known, and its list
    /// not, from the start.
    pub sources: Vec<String>,
    /// The user wants to stay anonymous: From names nobody, `Privacy: id` asks the network to tell nobody either, and
    /// User-Agent names no product (OMA-25, SEC-17). Contact stays as the registration gives it, for NOTIFYs must arrive
    /// there (RFC 3323 §4.1.1.3).
    pub anonymous: bool,
    /// Endpoint URIs take part in block matching (URI-20).
    pub match_endpoints: bool,
    /// What is done about IM sessions that the host reports (OMA-01, IMS-46).
    pub sessions: session::Settings,
    /// How rules of block lists are read (XDM-61, XDM-69).
    pub rules: RuleSettings,
    /// What makes two URIs one user, when rosters and block lists are compared (URI-04, URI-05, URI-14).
    pub identities: IdentityRules,
}

impl AccountSettings {
    /// The defaults for a user: plain SIP, lenient reading, no list.
    #[must_use]
    pub fn new(identity: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            also: Vec::new(),
            credentials: None,
            profile: Box::new(Plain::default()),
            subscription: subscription::Settings::default(),
            conference: conference::Settings::default(),
            sources: Vec::new(),
            anonymous: false,
            match_endpoints: false,
            sessions: session::Settings::default(),
            rules: RuleSettings::default(),
            identities: IdentityRules::default(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: AccountSettings,
    pub(crate) access: Arc<Access>,
    /// The host was asked to register anew.
    pub(crate) is_registering: bool,
    /// When the registration is over, unless it is renewed.
    pub(crate) lapses_at: Option<Duration>,
    /// The subscription to the account's own registration state.
    pub(crate) own_watch: Option<WatchId>,
    /// Of the settings, shared by all subscriptions.
    pub(crate) subscription: Arc<subscription::Settings>,
    /// Min-Expires by host of the server, as learnt from 423 (SUB-11).
    min_expires: BTreeMap<Box<str>, u32>,
    pub(crate) lists: BlockLists,
    /// Sources that have reported.
    pub(crate) heard: BTreeSet<String>,
}

impl Account {
    pub(crate) fn new(mut settings: AccountSettings, registration: Registration) -> Self {
        let mut lists = BlockLists::new(settings.identities);
        lists.match_endpoints(settings.match_endpoints);
        lists.set_rule_settings(settings.rules.clone());
        let mut own: Vec<&str> = Vec::with_capacity(1 + settings.also.len());
        own.push(&settings.identity);
        own.extend(settings.also.iter().map(String::as_str));
        lists.set_own(&own);
        for source in &settings.sources {
            lists.configure(source);
        }
        let profile = core::mem::replace(&mut settings.profile, Box::new(Plain::default()));
        let (identity, anonymous) = (&settings.identity, settings.anonymous);
        let access = Access::new(profile.into(), registration, identity, anonymous, None);
        Self {
            subscription: Arc::new(settings.subscription.clone()),
            access: Arc::new(access),
            is_registering: false,
            lapses_at: None,
            own_watch: None,
            min_expires: BTreeMap::new(),
            settings,
            lists,
            heard: BTreeSet::new(),
        }
    }

    /// The way to a SIP core for this user, by a profile and facts.
    pub(crate) fn access_by(
        &self,
        profile: Arc<dyn Profile>,
        registration: Registration,
        present: Option<(Mode, ModeReason)>,
    ) -> Access {
        let (identity, anonymous) = (&self.settings.identity, self.settings.anonymous);
        Access::new(profile, registration, identity, anonymous, present)
    }

    /// Life to ask of the server of this target: what is wanted, or what it was learnt to insist on (SUB-11).
    pub(crate) fn life(&self, target: &str, wanted: u32) -> u32 {
        let learnt = server(target).and_then(|server| self.min_expires.get(&*server));
        learnt.copied().unwrap_or(0).max(wanted)
    }

    /// The server of this target insists on a life of so many seconds.
    pub(crate) fn learn(&mut self, target: &str, min_expires: u32) {
        let Some(server) = server(target) else { return };
        if self.min_expires.len() < MAX_LEARNT_SERVERS || self.min_expires.contains_key(&*server) {
            self.min_expires.insert(server, min_expires);
        }
    }
}

/// The host that answers for a target.
fn server(target: &str) -> Option<Box<str>> {
    let uri = Uri::parse(target).ok()?;
    Some(uri.host()?.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SUB-11, SEC-18: what a server insists on is remembered by its host, and not of servers without end.
    #[test]
    fn a_learnt_life_is_kept_for_its_server_alone() {
        let settings = AccountSettings::new("sip:a@x");
        let mut account = Account::new(settings, Registration::default());
        account.learn("sip:one@Conf.example.org", 7200);
        assert_eq!(account.life("sip:two@conf.example.org:5070", 3600), 7200);
        assert_eq!(account.life("sip:two@conf.example.org", 9000), 9000);
        assert_eq!(account.life("sip:two@other.example.org", 3600), 3600);
        for n in 0..MAX_LEARNT_SERVERS * 2 {
            account.learn(&alloc::format!("sip:a@h{n}.example.org"), 7200);
        }
        assert_eq!(account.min_expires.len(), MAX_LEARNT_SERVERS);
        account.learn("sip:one@conf.example.org", 1800);
        assert_eq!(account.life("sip:two@conf.example.org", 0), 1800);
    }
}
