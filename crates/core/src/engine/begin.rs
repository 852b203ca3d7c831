//! What is asked to be watched, and why it cannot be (OMA-01…06, SUB-69).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::time::Duration;

use super::watch::Watch;
use super::{Engine, Package, PackageSettings, WatchId};
use crate::account::AccountId;
use crate::uri::{Scheme, Uri, UriError};
use crate::xcap_diff::ListError;

/// Why something cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The URI cannot be read.
    #[error("the URI {uri:?} cannot be used: {fault}")]
    Uri {
        /// As given.
        uri: String,
        /// What is wrong with it.
        fault: UriError,
    },
    /// Neither sip: nor sips:.
    #[error("the URI {uri:?} is none that SIP can ask for; give a sip: or sips: URI")]
    Scheme {
        /// As given.
        uri: String,
    },
    /// The account's identity cannot stand in From.
    #[error("the identity {uri:?} cannot be used: {fault}")]
    Identity {
        /// As given.
        uri: String,
        /// What is wrong with it.
        fault: UriError,
    },
    /// The event package cannot be asked for.
    #[error(
        "the Event value {event:?} does not name an event package; give a token such as `conference`"
    )]
    Event {
        /// As given.
        event: String,
    },
    /// The documents cannot be asked for.
    #[error(transparent)]
    Documents(#[from] ListError),
    /// There is no such account in this engine.
    #[error("no such account")]
    NoAccount,
}

impl Engine {
    /// Watches a conference: IM Session Identity or IM Group Identity (OMA-01…03, OMA-06).
    ///
    /// # Errors
    /// When the URI is no SIP URI, or the account does not exist.
    pub fn watch(
        &mut self,
        now: Duration,
        account: AccountId,
        conference: &str,
    ) -> Result<WatchId, WatchError> {
        self.begin(now, account, conference, Package::Conference(None), false)
    }

    /// Asks once for the state of a conference, without staying subscribed: the events of one NOTIFY, and the end
    /// (RFC 6665 §4.4.3, SUB-69). A failure ends it; nothing is tried again.
    ///
    /// # Errors
    /// As for [`Engine::watch`].
    pub fn fetch(
        &mut self,
        now: Duration,
        account: AccountId,
        conference: &str,
    ) -> Result<WatchId, WatchError> {
        self.begin(now, account, conference, Package::Conference(None), true)
    }

    /// Subscribes to an event package that core does not read itself: its documents come out as [`What::Document`](super::What::Document).
    ///
    /// # Errors
    /// When the URI is no SIP URI, the Event value names no package, or the account does not exist.
    pub fn watch_package(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
        settings: impl Into<Arc<PackageSettings>>,
    ) -> Result<WatchId, WatchError> {
        let package = Package::other(settings.into())?;
        self.begin(now, account, target, package, false)
    }

    /// Asks once for the state of a resource of another event package: [`Engine::fetch`] for [`Engine::watch_package`].
    ///
    /// # Errors
    /// As for [`Engine::watch_package`].
    pub fn fetch_package(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
        settings: impl Into<Arc<PackageSettings>>,
    ) -> Result<WatchId, WatchError> {
        let package = Package::other(settings.into())?;
        self.begin(now, account, target, package, true)
    }

    pub(super) fn begin(
        &mut self,
        now: Duration,
        account: AccountId,
        target: &str,
        package: Package,
        once: bool,
    ) -> Result<WatchId, WatchError> {
        let now = self.at(now);
        let uri = Uri::parse(target).map_err(|fault| WatchError::Uri {
            uri: target.to_string(),
            fault,
        })?;
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) {
            return Err(WatchError::Scheme {
                uri: target.to_string(),
            });
        }
        let Some(held) = self.accounts.get(&account) else {
            return Err(WatchError::NoAccount);
        };
        let identity = &held.settings.identity;
        if let Err(fault) = Uri::parse(identity) {
            let uri = identity.clone();
            return Err(WatchError::Identity { uri, fault });
        }
        let kind = self.capabilities.kind;
        let watch = Watch::new(account, held, target, package, kind, once);
        let id = WatchId(self.fresh_id());
        let is_marked = watch.package.is_marked();
        self.watches.insert(id, Box::new(watch));
        if is_marked {
            self.tell_lists(id, account, None);
        }
        self.with(now, id, |_, watch| watch.subscription.start(now));
        self.follow_registration(now, account);
        Ok(id)
    }
}
