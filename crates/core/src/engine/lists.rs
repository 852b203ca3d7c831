//! Block lists come in, and rosters are marked anew; the SIP side is not touched (XDM-80, SEC-15, SW-16, SW-17).

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Engine, Event, WatchId, What};
use crate::account::AccountId;
use crate::blocklist::{Changed, SourceStatus, Update};

impl Engine {
    /// State of every block-list source of an account, in order of precedence.
    pub fn sources(&self, account: AccountId) -> impl Iterator<Item = SourceStatus<'_>> {
        self.accounts
            .get(&account)
            .into_iter()
            .flat_map(|account| account.lists.sources())
    }

    /// A block-list source is there and will report; until then its list is not known (SW-17).
    pub fn add_source(&mut self, account: AccountId, source: &str) {
        if let Some(held) = self.accounts.get_mut(&account) {
            let changed = held.lists.configure(source);
            self.remark(account, &changed);
        }
    }

    /// A block-list source reported. Rosters are marked anew at once; the SIP side is not touched (XDM-80, SEC-15).
    pub fn handle_block_list(&mut self, account: AccountId, source: &str, update: Update) {
        let Some(held) = self.accounts.get_mut(&account) else {
            return;
        };
        let changed = held.lists.set(source, update);
        held.heard.insert(source.to_string());
        for id in self.conferences_of(account) {
            self.tell_lists(id, account, Some(source));
        }
        self.remark(account, &changed);
        self.arm_rules();
    }

    /// Tells the state of one source, or of all that have reported.
    pub(super) fn tell_lists(&mut self, id: WatchId, account: AccountId, only: Option<&str>) {
        let Some(held) = self.accounts.get(&account) else {
            return;
        };
        for status in held.lists.sources() {
            if only.map_or_else(
                || held.heard.contains(status.name),
                |only| only == status.name,
            ) {
                self.events.push_back(Event {
                    watch: id,
                    what: What::BlockList {
                        source: Arc::from(status.name),
                        state: status.state,
                        entries: status.entries,
                        etag: status.etag.map(ToString::to_string),
                    },
                });
            }
        }
    }

    /// The conferences of an account that are still watched: nothing is told of one that has ended, nor of lists to
    /// another event package.
    fn conferences_of(&self, account: AccountId) -> Vec<WatchId> {
        let mut ids: Vec<_> = self
            .watches
            .iter()
            .filter(|(_, watch)| {
                watch.account == account
                    && !watch.is_quiet
                    && watch.package.is_marked()
                    && !watch.subscription.is_ended()
            })
            .map(|(id, _)| *id)
            .collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn remark(&mut self, account: AccountId, changed: &Changed) {
        for id in self.conferences_of(account) {
            let (Some(watch), Some(held)) =
                (self.watches.get_mut(&id), self.accounts.get(&account))
            else {
                continue;
            };
            let Some(roster) = watch.package.roster_mut() else {
                continue;
            };
            for what in roster.remark(&held.lists, changed) {
                self.tell(id, what);
            }
        }
    }
}
