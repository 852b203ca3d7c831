//! One user on one SIP core: identity, credentials, registration facts, profile, block lists (SW-01, SW-15).

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::blocklist::BlockLists;
use crate::conference;
use crate::digest::Credentials;
use crate::profile::{Plain, Profile, Registration};
use crate::subscription;
use crate::uri::IdentityRules;

/// Names an account of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub(crate) u32);

/// What an account can be set to.
#[derive(Debug)]
pub struct AccountSettings {
    /// The user's public identity: URI for From, and never marked as blocked (XDM-72).
    pub identity: String,
    /// More identities of the same user.
    pub also: Vec<String>,
    /// Answers to digest challenges, for hosts that do not answer by themselves (SUB-12).
    pub credentials: Option<Credentials>,
    /// The SIP core the account is on.
    pub profile: Box<dyn Profile>,
    /// Life, timers, retries.
    pub subscription: subscription::Settings,
    /// How documents are read.
    pub conference: conference::Settings,
    /// Names of the block-list sources that will report, in order of precedence (XDM-32). A source is known, and its list
    /// not, from the start.
    pub sources: Vec<String>,
    /// Endpoint URIs take part in block matching (URI-20).
    pub match_endpoints: bool,
}

impl AccountSettings {
    /// The defaults for a user: plain SIP, lenient reading, no list.
    #[must_use]
    pub fn new(identity: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            also: Vec::new(),
            credentials: None,
            profile: Box::new(Plain),
            subscription: subscription::Settings::default(),
            conference: conference::Settings::default(),
            sources: Vec::new(),
            match_endpoints: false,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: AccountSettings,
    pub(crate) registration: Registration,
    pub(crate) lists: BlockLists,
    /// Sources that have reported.
    pub(crate) heard: BTreeSet<String>,
}

impl Account {
    pub(crate) fn new(settings: AccountSettings, registration: Registration) -> Self {
        let mut lists = BlockLists::new(IdentityRules::default());
        lists.match_endpoints(settings.match_endpoints);
        let mut own: Vec<&str> = Vec::with_capacity(1 + settings.also.len());
        own.push(&settings.identity);
        own.extend(settings.also.iter().map(String::as_str));
        lists.set_own(&own);
        for source in &settings.sources {
            lists.configure(source);
        }
        Self {
            settings,
            registration,
            lists,
            heard: BTreeSet::new(),
        }
    }
}
