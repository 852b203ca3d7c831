//! Registration and switching: what becomes of the subscriptions of an account when the way to its SIP core changes
//! (IMS-01, IMS-04…07, SW-01…07, SW-09, SW-10).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::watch::Watch;
use super::{Engine, Package, WatchId};
use crate::access::Access;
use crate::account::AccountId;
use crate::host::{Action, Trouble};
use crate::profile::{Mode, Profile, Registration};
use crate::reginfo::{Fate, Reginfo};
use crate::registration::RegistrationState;
use crate::subscription::{Cause, EndReason};

/// After a switch the new subscription is made once this time has passed without another (SW-09).
pub const SWITCH_SETTLE: Duration = Duration::from_millis(500);
/// A host that is asked to register anew and reports nothing is waited for so long; then the attempt counts as failed.
pub const REGISTER_PATIENCE: Duration = Duration::from_secs(180);

impl Engine {
    /// The host's registration facts changed. New dialogs are made by them; dialogs that are there keep their route set
    /// and get the facts of the moment (IMS-06, IMS-16).
    ///
    /// In IMS mode nothing is sent without an active registration: what is wanted waits for it (IMS-01), and the end of a
    /// registration ends its subscriptions here without a word to anybody (IMS-05); they are made again with the next one.
    /// A change of the mode or of the identity in use has the subscriptions made anew, as by [`Engine::switch`].
    pub fn set_registration(
        &mut self,
        now: Duration,
        account: AccountId,
        registration: Registration,
    ) {
        let now = self.at(now);
        let Some(held) = self.accounts.get_mut(&account) else {
            return;
        };
        let old = &held.access.registration;
        // News of the access network say nothing of the registration itself.
        let only_access = *old != registration
            && *old
                == Registration {
                    access_network: old.access_network.clone(),
                    cellular_network: old.cellular_network.clone(),
                    access_network_unprotected: old.access_network_unprotected,
                    ..registration.clone()
                };
        let active = registration.state == RegistrationState::Active;
        let answered = active && !only_access && core::mem::take(&mut held.is_registering);
        if !only_access {
            let lapses = registration.expires.filter(|_| active);
            let at = lapses.map(|life| now.saturating_add(Duration::from_secs(life.into())));
            self.lapse_at(account, at);
        }
        self.put_registration(now, account, registration, answered);
    }

    /// Puts an account on another SIP core while it runs: another profile, another registration. Old subscriptions are
    /// ended in their own mode where their way still works (SW-05), and without a word where it does not (SW-07); new ones
    /// are made in the new mode [`SWITCH_SETTLE`] after the last of several switches (SW-09). Rosters stay, as stale.
    pub fn switch(
        &mut self,
        now: Duration,
        account: AccountId,
        profile: Box<dyn Profile>,
        registration: Registration,
    ) {
        let now = self.at(now);
        let Some(held) = self.accounts.get_mut(&account) else {
            return;
        };
        held.is_registering = false;
        let lapses = registration
            .expires
            .filter(|_| registration.state == RegistrationState::Active);
        let at = lapses.map(|life| now.saturating_add(Duration::from_secs(life.into())));
        let access = held.access_by(profile.into(), registration, None);
        let lives = held.access.lives();
        self.lapse_at(account, at);
        self.change_access(now, account, access, Moved::All { lives }, false);
    }

    /// The mode that an account is in, and why (SW-10).
    #[must_use]
    pub fn mode(&self, account: AccountId) -> Option<(Mode, crate::profile::ModeReason)> {
        let access = &self.accounts.get(&account)?.access;
        Some((access.mode, access.reason))
    }

    fn put_registration(
        &mut self,
        now: Duration,
        account: AccountId,
        registration: Registration,
        answered: bool,
    ) {
        let Some(held) = self.accounts.get(&account) else {
            return;
        };
        let old = held.access.clone();
        let present = Some((old.mode, old.reason));
        let access = held.access_by(old.profile.clone(), registration, present);
        let moved = if old.mode == access.mode && old.from == access.from {
            Moved::None
        } else {
            // The end of the registration is the end of the old way, too.
            Moved::All {
                lives: old.lives() && access.lives(),
            }
        };
        self.change_access(now, account, access, moved, answered);
    }

    fn change_access(
        &mut self,
        now: Duration,
        account: AccountId,
        access: Access,
        moved: Moved,
        answered: bool,
    ) {
        let Some(held) = self.accounts.get_mut(&account) else {
            return;
        };
        let old = core::mem::replace(&mut held.access, Arc::new(access));
        let access = held.access.clone();
        let mut gone = Vec::new();
        for id in self.all_of(account) {
            let Some(watch) = self.watches.get(&id) else {
                continue;
            };
            let is_pinned = watch.pinned.is_some();
            let is_own = matches!(watch.package, Package::Registration(_));
            match moved {
                _ if watch.subscription.is_ended() => {}
                _ if is_pinned => {}
                Moved::None if is_own && access.gate().is_some() => self.abandon(now, id),
                Moved::None => self
                    .with(now, id, |engine, watch| match access.gate() {
                        Some(why) => watch.subscription.hold(why, None),
                        None => engine.registered(now, watch, answered),
                    })
                    .unwrap_or_default(),
                Moved::All { lives } if is_own && !lives => self.abandon(now, id),
                Moved::All { lives } if is_own || watch.subscription.is_leaving() => {
                    self.with(now, id, |_, watch| {
                        if lives {
                            watch.pinned = Some(old.clone());
                            watch.subscription.unsubscribe(now);
                        } else {
                            watch.subscription.abandon(EndReason::Unsubscribed);
                        }
                    });
                }
                Moved::All { lives } => {
                    let old = old.clone();
                    let away = self.with(now, id, |engine, watch| {
                        engine.move_watch(now, watch, &old, lives)
                    });
                    gone.extend(away.flatten().map(|away| (id, away)));
                }
            }
        }
        if !gone.is_empty() {
            for sent in self.by_transaction.values_mut() {
                if let Some((_, away)) = gone.iter().find(|(id, _)| *id == sent.watch) {
                    sent.watch = *away;
                }
            }
            for (_, away) in gone {
                self.with(now, away, |_, watch| watch.subscription.unsubscribe(now));
            }
        }
        self.follow_registration(now, account);
        self.tell_states(now, account);
    }

    /// The state of each subscription says the mode and its reason (SW-10).
    fn tell_states(&mut self, now: Duration, account: AccountId) {
        for id in self.all_of(account) {
            self.with(now, id, |engine, watch| {
                let told = watch.state.as_ref();
                let Some((why, retry_in)) = told.map(|state| (state.why, state.retry_in)) else {
                    return;
                };
                if !watch.subscription.is_ended() {
                    let shown = watch.subscription.shown();
                    engine.tell_state(id, watch, shown, why, retry_in);
                }
            });
        }
    }

    /// There is a registration: what was held for it goes on. After one that was asked for, what is live asks anew.
    fn registered(&self, now: Duration, watch: &mut Watch, answered: bool) {
        if watch.recovery.awaited {
            if !answered {
                return;
            }
            watch.recovery.awaited = false;
            watch.recovery.last = Some(now);
            if watch.subscription.is_live() {
                watch.resync.lost();
                return;
            }
        }
        watch.subscription.resume(now);
    }

    /// Takes a watch to the new core. What it had goes on under another name until it has ended, which is returned.
    fn move_watch(
        &mut self,
        now: Duration,
        watch: &mut Watch,
        old: &Arc<Access>,
        lives: bool,
    ) -> Option<WatchId> {
        watch.recovery = Recovery::default();
        watch.package.begin_subscription();
        let at = now.saturating_add(SWITCH_SETTLE);
        let mut away = None;
        if watch.subscription.expects_notify() {
            if lives && !watch.subscription.is_once() {
                away = Some(self.send_away(watch, old));
            } else {
                self.forget_dialog(watch);
                watch.dialog = None;
                watch.handle = None;
                watch.attempt = watch.attempt.wrapping_add(1);
                let asked = watch.subscription.asked();
                watch.subscription = watch.subscription.successor(asked);
            }
        }
        watch.subscription.start_at(now, at, Cause::Switched);
        away
    }

    fn send_away(&mut self, watch: &mut Watch, old: &Arc<Access>) -> WatchId {
        let id = WatchId(self.fresh_id());
        let next = watch.subscription.successor(watch.subscription.asked());
        let mut away = watch.away(old.clone());
        away.subscription = core::mem::replace(&mut watch.subscription, next);
        if let Some(dialog) = &away.dialog {
            self.by_call_id.insert(dialog.call_id, id);
        }
        if let Some(handle) = away.handle {
            self.by_subscription.insert(handle, id);
        }
        // Answers to what was asked before are those of the one that goes.
        watch.attempt = watch.attempt.wrapping_add(1);
        self.watches.insert(id, Box::new(away));
        id
    }

    /// Ends a watch without a word to anybody.
    fn abandon(&mut self, now: Duration, id: WatchId) {
        self.with(now, id, |_, watch| {
            watch.subscription.abandon(EndReason::Unsubscribed);
        });
    }

    /// Subscribes to the account's own registration state where that is wanted and not done.
    pub(super) fn follow_registration(&mut self, now: Duration, account: AccountId) {
        let Some(held) = self.accounts.get(&account) else {
            return;
        };
        let access = held.access.clone();
        let is_held = access.mode == Mode::Ims && access.lives();
        let life = access.registration.expires.filter(|_| is_held);
        if let Some(life) = life.filter(|_| held.lapses_at.is_none()) {
            // Of an account that was added with it.
            let at = now.saturating_add(Duration::from_secs(life.into()));
            self.lapse_at(account, Some(at));
        }
        let Some(held) = self.accounts.get(&account) else {
            return;
        };
        let wanted = access.mode == Mode::Ims
            && access.gate().is_none()
            && access.profile.watches_registration()
            && self.deadline.is_none();
        let is_done = |id: &WatchId| {
            let watch = self.watches.get(id);
            watch.is_some_and(|watch| watch.pinned.is_none() && !watch.subscription.is_ended())
        };
        if !wanted || held.own_watch.as_ref().is_some_and(is_done) {
            return;
        }
        let Some(identity) = access.identity.clone() else {
            return;
        };
        let package = Package::Registration(None);
        let mut watch = Watch::new(
            account,
            held,
            &identity,
            package,
            self.capabilities.kind,
            false,
        );
        watch.is_quiet = true;
        let id = WatchId(self.fresh_id());
        self.watches.insert(id, Box::new(watch));
        if let Some(held) = self.accounts.get_mut(&account) {
            held.own_watch = Some(id);
        }
        self.with(now, id, |_, watch| watch.subscription.start(now));
    }

    /// The registrar told what became of the registration (IMS-05).
    pub(super) fn registration_told(&mut self, now: Duration, account: AccountId, told: &Reginfo) {
        let Some(held) = self.accounts.get(&account) else {
            return;
        };
        let access = held.access.clone();
        let Some(identity) = &access.identity else {
            return;
        };
        let contact = &access.registration.contact;
        let mut registration = access.registration.clone();
        match told.fate(identity, contact) {
            Fate::Over { anew } => {
                registration.end();
                self.lapse_at(account, None);
                self.put_registration(now, account, registration, false);
                if anew {
                    self.ask_to_register(account, Trouble::Deactivated);
                }
                return;
            }
            Fate::Shortened(seconds) => {
                let at = now.saturating_add(Duration::from_secs(seconds.into()));
                let held = self.accounts.get(&account).and_then(|held| held.lapses_at);
                self.lapse_at(account, Some(held.map_or(at, |held| held.min(at))));
                self.ask_to_register(account, Trouble::Shortened);
            }
            Fate::Kept => {}
        }
        told.update(&mut registration, identity);
        if registration != access.registration {
            self.put_registration(now, account, registration, false);
        }
    }

    /// Asks the host to register anew, unless it was asked already.
    pub(super) fn ask_to_register(&mut self, account: AccountId, trouble: Trouble) {
        if let Some(held) = self.accounts.get_mut(&account)
            && !core::mem::replace(&mut held.is_registering, true)
        {
            self.actions
                .push_back(Action::Register { account, trouble });
        }
    }

    fn lapse_at(&mut self, account: AccountId, at: Option<Duration>) {
        let Some(held) = self.accounts.get_mut(&account) else {
            return;
        };
        if let Some(old) = core::mem::replace(&mut held.lapses_at, at) {
            self.lapses.remove(&(old, account));
        }
        self.lapses.extend(at.map(|at| (at, account)));
    }

    /// Registrations whose life is over and that the host did not renew (IMS-05).
    pub(super) fn lapse(&mut self, now: Duration) {
        while let Some((at, account)) = self.lapses.first().copied().filter(|(at, _)| *at <= now) {
            self.lapses.remove(&(at, account));
            let Some(held) = self.accounts.get_mut(&account) else {
                continue;
            };
            held.lapses_at = None;
            if held.access.mode == Mode::Sip {
                continue;
            }
            let mut registration = held.access.registration.clone();
            registration.end();
            self.put_registration(now, account, registration, false);
        }
    }

    fn all_of(&self, account: AccountId) -> Vec<WatchId> {
        let of = self
            .watches
            .iter()
            .filter(|(_, watch)| watch.account == account);
        let mut ids: Vec<_> = of.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}

/// What becomes of the subscriptions of an account.
#[derive(Clone, Copy, Debug)]
enum Moved {
    /// They stay.
    None,
    /// They are made anew.
    All {
        /// The old way still works.
        lives: bool,
    },
}

/// Where a watch stands with re-registrations that it asked for.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// One is awaited.
    pub(super) awaited: bool,
    /// When the last one came.
    pub(super) last: Option<Duration>,
    /// A 503 with a short Retry-After was waited for.
    pub(super) has_waited: bool,
}
