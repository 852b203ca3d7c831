//! Who a request comes from, and what he may do (RFC 4825 §5.7, §8; TS 24.109 for X-3GPP-Intended-Identity).

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, HeaderMap};

use crate::address::{Owner, Selector};
use crate::digest::{Guard, Verdict};
use crate::users::User;

const INTENDED_IDENTITY: &str = "x-3gpp-intended-identity";

pub(crate) struct Access {
    users: Vec<User>,
    /// Addresses of fronts (aggregation proxies) that authenticate users themselves.
    fronts: Vec<IpAddr>,
    guard: Mutex<Guard>,
    started: Instant,
}

/// Who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The server asks nobody.
    Anybody,
    User(usize),
    /// As a front says: the XUI.
    Fronted(String),
}

/// A request that may go on to be judged, or not.
#[derive(Debug)]
pub(crate) enum Known {
    /// With a value for Authentication-Info, if digest was used.
    Yes(Identity, Option<String>),
    /// The values of WWW-Authenticate.
    No(Vec<String>),
    /// Only fronts are let in.
    Never,
}

impl Access {
    pub(crate) fn new(users: Vec<User>, fronts: Vec<IpAddr>, guard: Guard) -> Self {
        Self {
            users,
            fronts,
            guard: Mutex::new(guard),
            started: Instant::now(),
        }
    }

    pub(crate) fn expire_nonces(&self) {
        self.lock().expire();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is such a user (RFC 4825 §8: else 404). Without users of its own the server takes any.
    pub(crate) fn recognises(&self, owner: &Owner) -> bool {
        match owner {
            Owner::Global => true,
            Owner::User(xui) => {
                let open = self.users.is_empty() || !self.fronts.is_empty();
                open || self.users.iter().any(|user| user.xuis.contains(xui))
            }
        }
    }

    pub(crate) fn identify(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        method: &str,
        target: &str,
    ) -> Known {
        if self.users.is_empty() && self.fronts.is_empty() {
            return Known::Yes(Identity::Anybody, None);
        }
        if self.fronts.contains(&peer.ip().to_canonical())
            && let Some(xui) = headers.get(INTENDED_IDENTITY).and_then(intended)
        {
            return Known::Yes(Identity::Fronted(xui), None);
        }
        if self.users.is_empty() {
            return Known::Never;
        }
        let now = self.started.elapsed();
        let mut guard = self.lock();
        let given = headers
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default());
        match given.map(|value| guard.weigh(value, method, target, &self.users, now)) {
            Some(Verdict::Granted { user, info }) => Known::Yes(Identity::User(user), Some(info)),
            Some(Verdict::Refused { stale }) => Known::No(guard.challenges(stale, now)),
            None => Known::No(guard.challenges(false, now)),
        }
    }

    /// RFC 4825 §5.7: one's own documents; the global tree for reading.
    pub(crate) fn allows(&self, identity: &Identity, selector: &Selector, writes: bool) -> bool {
        match (identity, &selector.owner) {
            (Identity::Anybody, _) => true,
            (Identity::User(user), _)
                if self.users.get(*user).is_some_and(|user| user.privileged) =>
            {
                true
            }
            (_, Owner::Global) => !writes,
            (Identity::User(user), Owner::User(xui)) => self
                .users
                .get(*user)
                .is_some_and(|user| user.xuis.contains(xui)),
            (Identity::Fronted(own), Owner::User(xui)) => own == xui,
        }
    }
}

/// The identity, in double quotes (XDM-10).
fn intended(value: &HeaderValue) -> Option<String> {
    let value = value.to_str().ok()?.trim();
    let identity = value.strip_prefix('"')?.strip_suffix('"')?;
    (!identity.is_empty() && !identity.contains('"')).then(|| identity.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-10.
    #[test]
    fn an_intended_identity_is_quoted() {
        for (value, identity) in [
            ("\"sip:a@h\"", Some("sip:a@h")),
            ("sip:a@h", None),
            ("\"\"", None),
            ("\"sip:a@h\", \"sip:b@h\"", None),
        ] {
            let value = HeaderValue::from_static(value);
            assert_eq!(intended(&value).as_deref(), identity, "{value:?}");
        }
    }
}
