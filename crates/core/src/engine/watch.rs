//! What is watched: its subscription, its dialog, its event package, and what was last told of them (RFC 6665 §4.1).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use super::access::Recovery;
use super::again::Learnt;
use super::{Engine, Package, Purpose, Rates, Sent, State, WatchId, What};
use crate::access::Access;
use crate::account::{Account, AccountId};
use crate::conference::DeviationCode;
use crate::dialog::Dialog;
use crate::header;
use crate::host::{Answer, HostKind, SubscriptionId};
use crate::message::Headers;
use crate::subscription::{Cause, EndReason, Shown, Step, Subscription};

/// A request for full state that did not bring it is repeated after this, doubled each time (CONF-09, SEC-18).
pub const RESYNC_BACKOFF_FIRST: Duration = Duration::from_secs(2);
/// Longest pause between two requests for full state.
pub const RESYNC_BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Longest pause between two requests to a server that is asked anew because something was lost, and says nothing: a network that
/// comes back is noticed that soon.
pub const FLOW_LOST_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Subscriptions that are refreshed at once when a flow is lost; the others follow by [`FLOW_LOST_SPACING`].
pub const FLOW_LOST_AT_ONCE: usize = 32;
/// From one refresh to the next of many subscriptions on a flow that was lost, so that their servers are not flooded.
pub const FLOW_LOST_SPACING: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) account: AccountId,
    /// What is subscribed to, as the user named it.
    pub(crate) uri: Arc<str>,
    pub(crate) subscription: Subscription,
    /// Transaction hosts only; none before the first attempt and after a loss.
    pub(crate) dialog: Option<Box<Dialog>>,
    /// Dialog and watching hosts only.
    pub(crate) handle: Option<SubscriptionId>,
    pub(crate) attempt: u32,
    /// The last request of a dialog host: what it was for, and the Expires it asked for.
    pub(crate) last_purpose: Purpose,
    pub(crate) last_expires: u32,
    pub(crate) last_suppressed: bool,
    pub(crate) package: Package,
    pub(crate) server: Option<Arc<str>>,
    pub(crate) last_status: Option<u16>,
    /// Answer to the last NOTIFY, for its repetition (SUB-31).
    pub(crate) last_verdict: Verdict,
    pub(crate) state: Option<State>,
    /// What error responses taught in this attempt.
    pub(super) learnt: Option<Box<Learnt>>,
    /// Entity tag of the state that is held (RFC 5839, SUB-73).
    pub(crate) etag: Option<Box<str>>,
    /// Rates that the notifier said to keep (RFC 6446, SUB-72).
    pub(crate) rates: Option<Box<Rates>>,
    /// SIP-side deviations told in this subscription.
    deviations: u64,
    pub(crate) resync: Resync,
    /// Overrides the reason of the end that we asked for.
    pub(crate) end_as: Option<EndReason>,
    pub(crate) armed: Option<Duration>,
    /// The way it goes on by, where that is not the account's any more (SW-04).
    pub(crate) pinned: Option<Arc<Access>>,
    /// Nothing is told of it: the engine has it for itself.
    pub(crate) is_quiet: bool,
    pub(super) recovery: Recovery,
}

/// How a NOTIFY is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// With this status and nothing more.
    Status(u16),
    /// Its document type was not asked for.
    WrongType,
    /// Its body is encoded.
    Encoded,
}

impl Verdict {
    pub(super) const TAKEN: Self = Self::Status(200);

    /// The answer itself.
    pub(super) fn answer(self, package: &Package) -> Answer {
        match self {
            Self::Status(status) => Answer::new(status),
            Self::WrongType => Answer::new(415).with("Accept", &package.accept()),
            Self::Encoded => Answer::new(415).with("Accept-Encoding", "identity"),
        }
    }
}

/// Requests for full state (RFC 4575 §4.6): one at a time, repeated with back-off.
#[derive(Debug, Default)]
pub(crate) struct Resync {
    outstanding: bool,
    tries: u8,
    not_before: Duration,
    at: Option<Duration>,
    /// A NOTIFY or a flow was lost on the way: the server must be asked once more.
    lost: bool,
    lost_not_before: Duration,
    /// How often it was asked since the server was last heard.
    lost_tries: u8,
}

impl Resync {
    /// Something was lost on the way. Asked at once, and then at most once in [`RESYNC_BACKOFF_FIRST`], for whoever is at
    /// the other end may lose things on purpose (SEC-18). While no NOTIFY comes at all that pause doubles, so that an answer
    /// that breaks each connection does not break one after the other.
    pub(crate) fn lost(&mut self) {
        self.lost = true;
    }

    /// The user asks anew: whatever was lost before, he waits no longer than [`RESYNC_BACKOFF_FIRST`] (SUB-70).
    pub(crate) fn wanted(&mut self, now: Duration) {
        self.lost = true;
        self.lost_tries = 0;
        let soon = now.saturating_add(RESYNC_BACKOFF_FIRST);
        self.lost_not_before = self.lost_not_before.min(soon);
    }

    /// The same for one of many, which asks this much later.
    pub(crate) fn lost_among(&mut self, now: Duration, behind: Duration) {
        self.lost = true;
        self.lost_not_before = self.lost_not_before.max(now.saturating_add(behind));
    }

    /// A NOTIFY came and was read.
    pub(crate) fn notified(&mut self) {
        self.outstanding = false;
        self.lost_tries = 0;
    }

    /// A request leaves in the dialog: what was lost before is asked for by that.
    fn asked(&mut self) {
        self.lost = false;
    }

    /// Decides on the request for what was lost; true when it is to be sent now. While one is under way it waits for the
    /// response, which may come by a flow that is lost already: nothing says that the server has seen the loss.
    fn wants_what_was_lost(&mut self, now: Duration, subscription: &Subscription) -> bool {
        if !self.lost || !subscription.can_ask() {
            return false;
        }
        let not_before = subscription.not_before().max(self.lost_not_before);
        if now < not_before {
            self.at = Some(not_before);
            return false;
        }
        self.lost = false;
        let pause = RESYNC_BACKOFF_FIRST.saturating_mul(1 << self.lost_tries.min(16));
        self.lost_not_before = now.saturating_add(pause.min(FLOW_LOST_PAUSE_MAX));
        self.lost_tries = self.lost_tries.saturating_add(1);
        true
    }

    /// The refresh was answered by a NOTIFY or failed: another one may follow.
    pub(crate) fn answered(&mut self) {
        self.outstanding = false;
    }
}

impl Watch {
    pub(crate) fn new(
        account: AccountId,
        held: &Account,
        uri: &str,
        package: Package,
        kind: HostKind,
        once: bool,
    ) -> Self {
        let settings = held.subscription.clone();
        let subscription = if once {
            Subscription::once(settings, kind)
        } else {
            let wanted = package.expires().unwrap_or(settings.expires);
            Subscription::new(settings, kind, held.life(uri, wanted))
        };
        Self {
            account,
            uri: uri.into(),
            subscription,
            dialog: None,
            handle: None,
            attempt: 0,
            last_purpose: Purpose::Initial,
            last_expires: 0,
            last_suppressed: false,
            package,
            server: None,
            last_status: None,
            last_verdict: Verdict::TAKEN,
            state: None,
            learnt: None,
            etag: None,
            rates: None,
            deviations: 0,
            resync: Resync::default(),
            end_as: None,
            armed: None,
            pinned: None,
            is_quiet: false,
            recovery: Recovery::default(),
        }
    }

    /// By which way its messages go.
    pub(super) fn access<'a>(&'a self, account: &'a Account) -> &'a Access {
        self.pinned.as_ref().unwrap_or(&account.access)
    }

    /// What ends a subscription by its old way while this watch goes on by a new one. The subscription itself is still to
    /// be given to it.
    pub(super) fn away(&mut self, old: Arc<Access>) -> Self {
        Self {
            account: self.account,
            uri: self.uri.clone(),
            subscription: self.subscription.successor(0),
            dialog: self.dialog.take(),
            handle: self.handle.take(),
            attempt: self.attempt,
            last_purpose: self.last_purpose,
            last_expires: self.last_expires,
            last_suppressed: self.last_suppressed,
            package: self.package.without_state(),
            server: self.server.take(),
            last_status: None,
            last_verdict: self.last_verdict,
            state: None,
            learnt: self.learnt.take(),
            etag: None,
            rates: None,
            deviations: 0,
            resync: Resync::default(),
            end_as: None,
            armed: None,
            pinned: Some(old),
            is_quiet: true,
            recovery: Recovery::default(),
        }
    }

    /// True the first time in a subscription.
    pub(crate) fn first_time(&mut self, code: DeviationCode) -> bool {
        let bit = 1u64 << (code as u64 & 63);
        let first = self.deviations & bit == 0;
        self.deviations |= bit;
        first
    }

    pub(crate) fn begin_attempt(&mut self) {
        self.attempt = self.attempt.wrapping_add(1);
        self.learnt = None;
        self.etag = None;
        self.rates = None;
        self.deviations = 0;
        self.resync = Resync {
            lost_not_before: self.resync.lost_not_before,
            lost_tries: self.resync.lost_tries,
            ..Resync::default()
        };
        self.package.begin_subscription();
    }

    /// Notes the last request of a dialog host.
    pub(super) fn asked(&mut self, purpose: Purpose, expires: u32, headers: &Headers) {
        self.last_purpose = purpose;
        self.package.asked();
        self.last_expires = expires;
        self.last_suppressed = headers.get("Suppress-If-Match").is_some();
    }

    /// Takes the server's address from a Contact, where no dialog of ours does; false when there is none (OMA-10).
    pub(super) fn name_server(&mut self, headers: &Headers) -> bool {
        let contact = header::addresses(headers.all("Contact")).into_iter().next();
        if let Some(contact) = &contact
            && self.server.as_deref() != Some(&contact.uri)
        {
            self.server = Some(contact.uri.as_str().into());
        }
        contact.is_some()
    }

    /// What error responses taught in this attempt, to add to it.
    pub(super) fn learnt(&mut self) -> &mut Learnt {
        self.learnt.get_or_insert_default()
    }

    /// True while an answer to this request means something: its attempt goes on.
    pub(super) fn awaits(&self, sent: Sent) -> bool {
        self.attempt == sent.attempt && self.subscription.expects_notify()
    }

    /// Decides on a request for full state; true when it is to be sent now.
    fn wants_full_state(&mut self, now: Duration) -> bool {
        let resync = &mut self.resync;
        resync.at = None;
        if !self.package.wants_full_state() {
            resync.outstanding = false;
            resync.tries = 0;
            return false;
        }
        if resync.outstanding || self.subscription.shown() != Shown::Active {
            return false;
        }
        let not_before = resync.not_before.max(self.subscription.not_before());
        if now < not_before {
            resync.at = Some(not_before);
            return false;
        }
        resync.outstanding = true;
        let pause = RESYNC_BACKOFF_FIRST.saturating_mul(1 << resync.tries.min(16));
        resync.not_before = now.saturating_add(pause.min(RESYNC_BACKOFF_MAX));
        resync.tries = resync.tries.saturating_add(1);
        true
    }
}

impl Engine {
    /// Carries out the steps of a watch, asks for full state where it is needed, arms its timer.
    pub(super) fn settle(&mut self, now: Duration, id: WatchId, watch: &mut Watch) {
        let ended = self.run_steps(id, watch);
        self.finish(now, id, watch, ended);
    }

    /// Carries out the steps; an end is returned, for it is told last.
    pub(super) fn run_steps(&mut self, id: WatchId, watch: &mut Watch) -> Option<EndReason> {
        let mut ended = None;
        while let Some(step) = watch.subscription.poll_step() {
            match step {
                Step::Subscribe { expires } => {
                    let account = self.accounts.get(&watch.account);
                    if let Some(why) = account.and_then(|account| watch.access(account).gate()) {
                        watch.subscription.hold(why, None);
                        continue;
                    }
                    watch.begin_attempt();
                    self.counts.subscribes += 1;
                    self.subscribe(id, watch, expires);
                }
                Step::SubscribeAgain { expires } => self.subscribe_again(id, watch, expires),
                Step::Refresh { expires } => {
                    watch.resync.asked();
                    self.counts.refreshes += 1;
                    self.send_refresh(id, watch, expires);
                }
                Step::Unsubscribe => {
                    watch.resync.asked();
                    self.counts.unsubscribes += 1;
                    self.send_unsubscribe(id, watch);
                }
                Step::Forget => {
                    self.forget_dialog(watch);
                    watch.dialog = None;
                }
                Step::Changed {
                    shown,
                    why,
                    retry_in,
                } => {
                    if why == Some(Cause::NoAnswer) {
                        self.tell_no_answer(watch);
                    }
                    self.tell_state(id, watch, shown, why, retry_in);
                }
                Step::Ended(reason) => {
                    let shown = watch.subscription.shown();
                    let why = watch.state.as_ref().and_then(|state| state.why);
                    self.tell_state(id, watch, shown, why, None);
                    if reason == EndReason::NoAnswer {
                        self.tell_no_answer(watch);
                    }
                    let reason = self.reason_of(watch, reason);
                    ended = Some(watch.end_as.take().unwrap_or(reason));
                }
            }
        }
        ended
    }

    /// The end of each input: full state, end, timer.
    pub(super) fn finish(
        &mut self,
        now: Duration,
        id: WatchId,
        watch: &mut Watch,
        mut ended: Option<EndReason>,
    ) {
        if ended.is_none() {
            if watch.subscription.is_live()
                && !watch.subscription.is_refreshing()
                && watch
                    .dialog
                    .as_ref()
                    .is_some_and(|dialog| dialog.is_exhausted())
            {
                watch.subscription.renew(now, &mut self.random);
            }
            let full_state = watch.wants_full_state(now);
            if watch.resync.wants_what_was_lost(now, &watch.subscription) {
                self.counts.recoveries += 1;
                watch.subscription.ask_anew(now);
            } else if full_state {
                self.counts.resyncs += 1;
                watch.subscription.refresh_now(now);
            }
            ended = self.run_steps(id, watch);
        }
        if let Some(reason) = ended {
            // Nothing is asked for any more.
            watch.resync.at = None;
            if !watch.is_quiet {
                self.tell(
                    id,
                    What::Ended {
                        reason,
                        status: watch.last_status,
                    },
                );
            }
        }
        let wanted = watch
            .subscription
            .poll_timeout()
            .into_iter()
            .chain(watch.resync.at)
            .chain(self.sessions.due(id))
            .min();
        if wanted != watch.armed {
            if let Some(at) = watch.armed {
                self.timers.remove(&(at, id));
            }
            if let Some(at) = wanted {
                self.timers.insert((at, id));
            }
            watch.armed = wanted;
        }
    }

    /// Tells the state if it differs from what was told last.
    pub(super) fn tell_state(
        &mut self,
        id: WatchId,
        watch: &mut Watch,
        shown: Shown,
        why: Option<Cause>,
        retry_in: Option<Duration>,
    ) {
        let Some(account) = self.accounts.get(&watch.account) else {
            return;
        };
        let access = watch.access(account);
        let state = State {
            shown,
            why,
            retry_in,
            server: watch.server.clone(),
            mode: access.mode,
            mode_reason: access.reason,
            protected: access.registration.protected,
            roster: watch.package.roster_state(),
            hidden_users: watch.package.hidden_users(),
        };
        if watch.state.as_ref() != Some(&state) {
            watch.state = Some(state.clone());
            if !watch.is_quiet {
                self.tell(id, What::State(state));
            }
        }
    }

    /// Tells a SIP-side deviation, once a subscription and code.
    pub(super) fn tell_deviation(
        &mut self,
        id: WatchId,
        watch: &mut Watch,
        code: DeviationCode,
        detail: impl Into<String>,
    ) {
        if watch.first_time(code) && !watch.is_quiet {
            self.tell(
                id,
                What::Deviation {
                    code,
                    detail: detail.into(),
                },
            );
        }
    }
}
