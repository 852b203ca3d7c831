//! Between the engine and baresip: facts go in, actions come out; no C here (the host contract, `rollmark_core::host`).
//!
//! Callbacks of baresip only feed the engine. What it wants done is done from the module's timer, when no frame of libre
//! is below, so that an object is never released under its own callback.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::Update;
use rollmark_core::engine::{Engine, WatchId};
use rollmark_core::host::{Action, Answer, Capabilities, Fact, SendFailure, SubscriptionId};
use rollmark_core::message::{Headers, Response};
use rollmark_core::profile::Registration;
use rollmark_core::roster::Roster;

use crate::settings::{self, Settings};
use crate::show;

/// What baresip gives a module.
pub(crate) const CAPABILITIES: Capabilities = Capabilities::DIALOG;
/// The name of the local list.
const SOURCE: &str = "file";
/// Headers that libre writes by itself.
const WRITTEN_BY_HOST: [&str; 4] = ["Event", "Expires", "Contact", "User-Agent"];
/// How long closing the softphone waits for proper ends (SW-13).
const PATIENCE: Duration = Duration::from_secs(4);

/// The account that the user has chosen in baresip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) identity: String,
    pub(crate) outbound: Option<String>,
}

/// Something for baresip to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Subscribe {
        id: u64,
        target: String,
        routes: Vec<String>,
        event: String,
        expires: u32,
        headers: String,
        contact: String,
    },
    Request {
        id: u64,
        /// Headers and body, ready to be sent.
        text: String,
        contact: String,
    },
    Forget {
        id: u64,
    },
    Say(String),
}

/// The module's state.
#[derive(Debug)]
pub(crate) struct Module {
    engine: Engine,
    started: Instant,
    settings: Settings,
    list: Option<Update>,
    accounts: HashMap<String, AccountId>,
    watched: HashMap<WatchId, String>,
    user: fn() -> Option<User>,
}

impl Module {
    pub(crate) fn new(
        settings: Settings,
        seed: [u8; 32],
        user: fn() -> Option<User>,
    ) -> (Self, Vec<String>) {
        let mut faults = settings.faults.clone();
        let list = settings.block_list.as_deref().map(|path| {
            let (update, fault) = settings::block_list(path);
            faults.extend(fault);
            update
        });
        let module = Self {
            engine: Engine::new(CAPABILITIES, seed),
            started: Instant::now(),
            settings,
            list,
            accounts: HashMap::new(),
            watched: HashMap::new(),
            user,
        };
        (module, faults)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn watch(&mut self, uri: &str) -> Result<(), String> {
        let Some(user) = (self.user)() else {
            return Err("baresip has no account; add one to its accounts file".into());
        };
        if self.watched.values().any(|held| held == uri) {
            return Err(format!(
                "{uri} is watched already; /conf_leave {uri} ends that"
            ));
        }
        let account = self.account(&user);
        let now = self.now();
        let id = self
            .engine
            .watch(now, account, uri)
            .map_err(|fault| fault.to_string())?;
        self.watched.insert(id, uri.to_owned());
        Ok(())
    }

    fn account(&mut self, user: &User) -> AccountId {
        let registration = Registration {
            outbound_proxy: user.outbound.clone(),
            ..Registration::default()
        };
        if let Some(account) = self.accounts.get(&user.identity) {
            self.engine.set_registration(*account, registration);
            return *account;
        }
        let mut settings = AccountSettings::new(&user.identity);
        if let Some(expires) = self.settings.expires {
            settings.subscription.expires = expires;
        }
        if let Some(t1) = self.settings.t1 {
            settings.subscription.t1 = t1;
        }
        let account = self.engine.add_account(settings, registration);
        if let Some(update) = &self.list {
            self.engine
                .handle_block_list(account, SOURCE, update.clone());
        }
        self.accounts.insert(user.identity.clone(), account);
        account
    }

    pub(crate) fn rosters(&self) -> impl Iterator<Item = (&str, &Roster)> {
        let mut watched: Vec<_> = self.watched.iter().collect();
        watched.sort();
        watched
            .into_iter()
            .filter_map(|(id, uri)| Some((uri.as_str(), self.engine.roster(*id)?)))
    }

    pub(crate) fn network_changed(&mut self) {
        let now = self.now();
        self.engine.handle_fact(now, Fact::FlowLost);
    }

    /// Leaves one conference, or all; says how many.
    pub(crate) fn leave(&mut self, uri: &str) -> usize {
        let now = self.now();
        let named = |held: &String| uri.is_empty() || held == uri;
        let mut left = 0;
        for (id, _) in self.watched.iter().filter(|(_, held)| named(held)) {
            self.engine.unsubscribe(now, *id);
            left += 1;
        }
        left
    }

    /// baresip is closed; it waits for us as long as a subscription lives, which is [`PATIENCE`] at most.
    pub(crate) fn stop(&mut self) {
        let now = self.now();
        self.engine.stop(now, PATIENCE);
    }

    pub(crate) fn response(&mut self, id: u64, status: u16, headers: Headers) {
        let now = self.now();
        let response = Response {
            status,
            reason: String::new(),
            headers,
            body: Vec::new(),
        };
        let subscription = SubscriptionId(id);
        self.engine.handle_fact(
            now,
            Fact::DialogResponse {
                subscription,
                response,
            },
        );
    }

    pub(crate) fn failed(&mut self, id: u64, failure: SendFailure) {
        let now = self.now();
        let subscription = SubscriptionId(id);
        self.engine.handle_fact(
            now,
            Fact::DialogFailed {
                subscription,
                failure,
            },
        );
    }

    /// baresip has given a subscription up by itself.
    pub(crate) fn terminated(&mut self, id: u64) {
        let now = self.now();
        let subscription = SubscriptionId(id);
        self.engine
            .handle_fact(now, Fact::Terminated { subscription });
    }

    pub(crate) fn notification(&mut self, id: u64, headers: &Headers, body: &[u8]) -> Answer {
        let now = self.now();
        self.engine
            .handle_notification(now, SubscriptionId(id), headers, body)
    }

    /// All that is due; afterwards the timer is to be set to what [`Self::wait`] says.
    pub(crate) fn pump(&mut self) -> Vec<Deed> {
        let now = self.now();
        if self.engine.poll_timeout().is_some_and(|at| at <= now) {
            self.engine.handle_timeout(now);
        }
        let mut deeds = Vec::new();
        while let Some(action) = self.engine.poll_action() {
            deeds.extend(deed(action));
        }
        while let Some(event) = self.engine.poll_event() {
            let id = event.watch;
            let uri = self.watched.get(&id).map_or("", String::as_str);
            deeds.extend(show::line(uri, &event.what).map(Deed::Say));
            if matches!(event.what, rollmark_core::engine::What::Ended { .. }) {
                self.watched.remove(&id);
                self.engine.remove(id);
            }
        }
        deeds
    }

    /// Time until the engine wants to be woken.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let at = self.engine.poll_timeout()?;
        // A millisecond more than it is, or the timer comes too early.
        Some(at.saturating_sub(self.now()) + Duration::from_millis(1))
    }
}

/// Turns an action into what libre wants.
fn deed(action: Action) -> Option<Deed> {
    Some(match action {
        Action::Subscribe {
            subscription,
            target,
            route,
            headers,
            ..
        } => Deed::Subscribe {
            id: subscription.0,
            target,
            routes: route.iter().map(|route| bare_route(route)).collect(),
            event: headers.get("Event").unwrap_or_default().to_owned(),
            expires: headers
                .get("Expires")
                .and_then(|expires| expires.parse().ok())
                .unwrap_or_default(),
            contact: contact_parameters(&headers),
            headers: lines(&headers, &WRITTEN_BY_HOST),
        },
        Action::Refresh {
            subscription,
            headers,
            body,
        } => request(subscription, &headers, &body),
        Action::Unsubscribe {
            subscription,
            headers,
        } => request(subscription, &headers, &[]),
        Action::Forget { subscription } => Deed::Forget { id: subscription.0 },
        // Only transaction hosts are asked for more.
        other => Deed::Say(format!("conference: baresip cannot do {other:?}")),
    })
}

fn request(subscription: SubscriptionId, headers: &Headers, body: &[u8]) -> Deed {
    let mut text = lines(headers, &["Contact", "User-Agent"]);
    let body = String::from_utf8_lossy(body);
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    Deed::Request {
        id: subscription.0,
        text,
        contact: contact_parameters(headers),
    }
}

fn lines(headers: &Headers, without: &[&str]) -> String {
    headers
        .iter()
        .filter(|header| {
            !without
                .iter()
                .any(|name| header.name.eq_ignore_ascii_case(name))
        })
        .map(|header| format!("{}: {}\r\n", header.name, header.value))
        .collect()
}

/// What stands behind the URI of the Contact; the URI itself is baresip's.
fn contact_parameters(headers: &Headers) -> String {
    let contact = headers.get("Contact").unwrap_or_default();
    contact
        .split_once('>')
        .map_or("", |(_, parameters)| parameters)
        .to_owned()
}

/// libre puts each route between `<` and `;lr>` itself.
fn bare_route(route: &str) -> String {
    let uri = route.trim().trim_start_matches('<');
    let uri = uri.split('>').next().unwrap_or_default();
    uri.strip_suffix(";lr").unwrap_or(uri).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Option<User> {
        Some(User {
            identity: "sip:alice@example.org".into(),
            outbound: Some("sip:127.0.0.1:5070;lr".into()),
        })
    }

    #[test]
    fn a_watch_becomes_a_subscription_of_libre() {
        let (mut module, faults) = Module::new(Settings::default(), [7; 32], alice);
        assert!(faults.is_empty());
        module.watch("sip:room@example.org").unwrap();
        let deeds = module.pump();
        let Some(Deed::Subscribe {
            routes,
            headers,
            contact,
            event,
            ..
        }) = deeds
            .iter()
            .find(|deed| matches!(deed, Deed::Subscribe { .. }))
        else {
            panic!("{deeds:?}");
        };
        assert_eq!(
            (routes.as_slice(), event.as_str()),
            (["sip:127.0.0.1:5070".to_owned()].as_slice(), "conference")
        );
        assert!(
            !headers.contains("\nContact:") && headers.contains("Accept-Contact:"),
            "{headers}"
        );
        assert_eq!(contact, ";+g.oma.sip-im");
        assert!(module.wait().is_some());
    }

    #[test]
    fn what_cannot_be_watched_is_said() {
        let (mut module, _) = Module::new(Settings::default(), [7; 32], || None);
        assert!(
            module
                .watch("sip:room@example.org")
                .unwrap_err()
                .contains("account")
        );
        let (mut module, _) = Module::new(Settings::default(), [7; 32], alice);
        assert!(module.watch("nonsense").unwrap_err().contains("nonsense"));
        module.watch("sip:room@example.org").unwrap();
        assert!(
            module
                .watch("sip:room@example.org")
                .unwrap_err()
                .contains("already")
        );
        assert_eq!(module.leave("sip:other@example.org"), 0);
        assert_eq!(module.leave(""), 1);
    }
}
