//! Between the engine and baresip: facts go in, actions come out; no C here (the host contract, `rollmark_core::host`).
//!
//! Callbacks of baresip only feed the engine. What it wants done is done from the module's timer, when no frame of libre
//! is below, so that an object is never released under its own callback.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rollmark_core::account::{AccountId, AccountSettings};
use rollmark_core::blocklist::Update;
use rollmark_core::engine::{Engine, WatchId, What};
use rollmark_core::host::{Answer, Capabilities, Fact, SendFailure, SubscriptionId};
use rollmark_core::message::{Headers, Response};
use rollmark_core::roster::Roster;
use rollmark_xdm::edit::{Change, canonical_entry};

use crate::deed::Deed;
use crate::lists::{Lists, News, Owner, Places};
use crate::registration::{User, profile};
use crate::settings::{self, Mode, Settings};
use crate::show;

/// What baresip gives a module.
pub(crate) const CAPABILITIES: Capabilities = Capabilities::DIALOG;
/// How long closing the softphone waits for proper ends (SW-13).
const PATIENCE: Duration = Duration::from_secs(4);

/// A conference that is watched.
#[derive(Debug)]
struct Watched {
    uri: String,
    /// URI of the account that watches it.
    account: String,
}

/// What the module asks of baresip while it works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hooks {
    /// An account by its URI; the one in use where that is empty.
    pub(crate) user: fn(&str) -> Option<User>,
    /// Called on another thread: there is news for [`Module::pump`].
    pub(crate) wake: fn(),
}

/// Lists by the user they are of (empty: of all) and the name of their source.
type Known = BTreeMap<(String, String), Update>;

/// The module's state.
#[derive(Debug)]
pub(crate) struct Module {
    engine: Engine,
    started: Instant,
    settings: Settings,
    /// None where no list is configured.
    lists: Option<Lists>,
    has_xdms: bool,
    known: Known,
    accounts: HashMap<String, AccountId>,
    /// Answers to REGISTER by account, as seen in the trace.
    answers: HashMap<String, Headers>,
    watched: HashMap<WatchId, Watched>,
    mode: Mode,
    hooks: Hooks,
}

impl Module {
    pub(crate) fn new(mut settings: Settings, seed: [u8; 32], hooks: Hooks) -> (Self, Vec<String>) {
        let mut faults = std::mem::take(&mut settings.faults);
        let mut known = Known::new();
        if let Some(path) = &settings.block_list {
            // Here and now, so that the first roster has its marks; from then on the lists' own thread looks at it.
            let (update, fault) = settings::block_list(path);
            known.insert((String::new(), format!("file:{}", path.display())), update);
            faults.extend(fault);
        }
        let places = Places {
            file: settings.block_list.clone(),
            xdms: settings.xdms.take(),
        };
        let has_xdms = places.xdms.is_some();
        let wanted = has_xdms || places.file.is_some();
        let lists = wanted.then(|| Lists::start(places, hooks.wake));
        let lists = lists.and_then(|lists| {
            lists
                .map_err(|fault| faults.push(format!("block lists cannot be read: {fault}")))
                .ok()
        });
        let module = Self {
            engine: Engine::new(CAPABILITIES, seed),
            started: Instant::now(),
            mode: settings.mode,
            settings,
            lists,
            has_xdms,
            known,
            accounts: HashMap::new(),
            answers: HashMap::new(),
            watched: HashMap::new(),
            hooks,
        };
        (module, faults)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn user(&self, named: &str) -> Result<User, String> {
        (self.hooks.user)(named).ok_or_else(|| match named {
            "" => "baresip has no account; add one to its accounts file".into(),
            named => format!("baresip has no account {named}; its accounts file has them"),
        })
    }

    /// Watches a conference as one of the accounts, by its URI; as the one in use where none is named.
    pub(crate) fn watch(&mut self, uri: &str, account: &str) -> Result<(), String> {
        let user = self.user(account)?;
        let same = |held: &Watched| held.uri == uri && held.account == user.identity;
        if self.watched.values().any(same) {
            return Err(format!(
                "{uri} is watched already; /conf_leave {uri} ends that"
            ));
        }
        let id = self.account(&user);
        let now = self.now();
        let id = self
            .engine
            .watch(now, id, uri)
            .map_err(|fault| fault.to_string())?;
        let watched = Watched {
            uri: uri.to_owned(),
            account: user.identity,
        };
        self.watched.insert(id, watched);
        Ok(())
    }

    /// The engine's account for a user of baresip, with what is known of him now.
    fn account(&mut self, user: &User) -> AccountId {
        let answer = self.answers.get(&user.identity);
        let registration = user.registration(&self.settings, self.mode, answer);
        if self.has_xdms {
            let owner = self.owner(user);
            if let Some(lists) = &mut self.lists {
                lists.open(owner);
            }
        }
        if let Some(account) = self.accounts.get(&user.identity) {
            let now = self.now();
            self.engine.set_registration(now, *account, registration);
            return *account;
        }
        let mut settings = AccountSettings::new(&user.identity);
        settings.profile = profile(self.mode);
        if let Some(expires) = self.settings.expires {
            settings.subscription.expires = expires;
        }
        if let Some(t1) = self.settings.t1 {
            settings.subscription.t1 = t1;
        }
        let account = self.engine.add_account(settings, registration);
        for ((owner, source), update) in &self.known {
            if owner.is_empty() || *owner == user.identity {
                self.engine
                    .handle_block_list(account, source, update.clone());
            }
        }
        self.accounts.insert(user.identity.clone(), account);
        account
    }

    fn owner(&self, user: &User) -> Owner {
        let configured = self.settings.credentials.clone();
        Owner {
            identity: user.identity.clone(),
            credentials: configured.or_else(|| user.credentials.clone()),
            ims: self.mode == Mode::Ims,
        }
    }

    /// A registration was made, lost or ended, or the accounts changed.
    pub(crate) fn registrations_changed(&mut self) {
        let identities: Vec<String> = self.accounts.keys().cloned().collect();
        for identity in identities {
            if let Some(user) = (self.hooks.user)(&identity) {
                self.account(&user);
            }
        }
    }

    /// An answer to a REGISTER was seen in the trace; the event that tells of it follows.
    pub(crate) fn register_answer(&mut self, identity: String, headers: Headers) {
        self.answers.insert(identity, headers);
    }

    /// The rules that requests follow from now on; empty leaves them. Gives the ones in force.
    pub(crate) fn set_mode(&mut self, mode: Option<Mode>) -> Mode {
        let Some(mode) = mode.filter(|mode| *mode != self.mode) else {
            return self.mode;
        };
        self.mode = mode;
        let now = self.now();
        for (identity, account) in self.accounts.clone() {
            if let Some(user) = (self.hooks.user)(&identity) {
                let answer = self.answers.get(&identity);
                let registration = user.registration(&self.settings, mode, answer);
                self.engine
                    .switch(now, account, profile(mode), registration);
                self.account(&user);
            }
        }
        mode
    }

    /// Blocks or unblocks somebody in the list of the account in use. What comes of it is told as a line.
    pub(crate) fn edit(&mut self, change: Change, uri: &str) -> Result<(), String> {
        canonical_entry(uri).map_err(|fault| fault.to_string())?;
        let user = self.user("")?;
        let owner = self.owner(&user);
        let lists = self.lists.as_mut().ok_or_else(|| {
            format!(
                "no block list is configured; set {} or {}",
                settings::BLOCK_LIST,
                settings::XCAP_ROOT
            )
        })?;
        lists.edit(change, uri, owner);
        Ok(())
    }

    /// The lists: whose, from where, as they are known now.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&str, &str, &Update)> {
        let lists = self.known.iter();
        lists.map(|((owner, source), update)| (owner.as_str(), source.as_str(), update))
    }

    /// Conferences that are watched, each with its roster once there is one.
    pub(crate) fn rosters(&self) -> impl Iterator<Item = (&str, Option<&Roster>)> {
        let mut watched: Vec<_> = self.watched.iter().collect();
        watched.sort_by_key(|(id, _)| **id);
        watched
            .into_iter()
            .map(|(id, watched)| (watched.uri.as_str(), self.engine.roster(*id)))
    }

    /// The servers learn anew where we are, and block lists are asked for again.
    pub(crate) fn refresh(&mut self) {
        let now = self.now();
        self.engine.handle_fact(now, Fact::FlowLost);
        if let Some(lists) = &self.lists {
            lists.again();
        }
    }

    /// Leaves one conference, or all; says how many.
    pub(crate) fn leave(&mut self, uri: &str) -> usize {
        let now = self.now();
        let named = |held: &Watched| uri.is_empty() || held.uri == uri;
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
        let mut deeds = Vec::new();
        while let Some(news) = self.lists.as_ref().and_then(Lists::news) {
            match news {
                News::Said(text) => deeds.push(Deed::Say(show::said(&text))),
                News::List {
                    owner,
                    source,
                    update,
                } => self.list(owner.unwrap_or_default(), source, update),
            }
        }
        let now = self.now();
        if self.engine.poll_timeout().is_some_and(|at| at <= now) {
            self.engine.handle_timeout(now);
        }
        while let Some(action) = self.engine.poll_action() {
            deeds.push(Deed::of(action, |subscription| {
                self.account_of(subscription)
            }));
        }
        while let Some(event) = self.engine.poll_event() {
            let id = event.watch;
            let uri = self.watched.get(&id).map_or("", |held| held.uri.as_str());
            deeds.extend(show::line(uri, &event.what).map(Deed::Say));
            if matches!(event.what, What::Ended { .. }) {
                self.watched.remove(&id);
                self.engine.remove(id);
            }
        }
        deeds
    }

    /// News of a list of one user, or of all.
    fn list(&mut self, owner: String, source: String, update: Update) {
        for (identity, account) in &self.accounts {
            if owner.is_empty() || owner == *identity {
                self.engine
                    .handle_block_list(*account, &source, update.clone());
            }
        }
        let held = self.known.entry((owner, source));
        let held = held.or_insert_with(|| update.clone());
        held.state = update.state;
        if update.list.is_some() {
            held.list = update.list;
        }
    }

    /// URI of the account that a dialog is of.
    fn account_of(&self, subscription: SubscriptionId) -> String {
        let watch = self.engine.watch_of(subscription);
        let watched = watch.and_then(|watch| self.watched.get(&watch));
        watched.map_or_else(String::new, |watched| watched.account.clone())
    }

    /// Time until the engine wants to be woken.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let at = self.engine.poll_timeout()?;
        // A millisecond more than it is, or the timer comes too early.
        Some(at.saturating_sub(self.now()) + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOKS: Hooks = Hooks {
        user: alice,
        wake: || {},
    };

    fn alice(named: &str) -> Option<User> {
        let known = ["", "sip:alice@example.org"].contains(&named);
        known.then(|| User {
            registered: None,
            credentials: None,
            identity: "sip:alice@example.org".into(),
            outbound: Some("sip:127.0.0.1:5070;lr".into()),
        })
    }

    #[test]
    fn a_watch_becomes_a_subscription_of_libre() {
        let (mut module, faults) = Module::new(Settings::default(), [7; 32], HOOKS);
        assert!(faults.is_empty());
        module.watch("sip:room@example.org", "").unwrap();
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
        let (mut module, _) = Module::new(
            Settings::default(),
            [7; 32],
            Hooks {
                user: |_| None,
                ..HOOKS
            },
        );
        assert!(
            module
                .watch("sip:room@example.org", "")
                .unwrap_err()
                .contains("account")
        );
        let (mut module, _) = Module::new(Settings::default(), [7; 32], HOOKS);
        assert!(
            module
                .watch("nonsense", "")
                .unwrap_err()
                .contains("nonsense")
        );
        module.watch("sip:room@example.org", "").unwrap();
        assert!(
            module
                .watch("sip:room@example.org", "")
                .unwrap_err()
                .contains("already")
        );
        assert_eq!(module.leave("sip:other@example.org"), 0);
        assert_eq!(module.leave(""), 1);
    }
}
