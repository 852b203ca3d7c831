//! Rules with a validity: rosters are marked anew when one begins or ends (XDM-60).

use core::time::Duration;

use super::Engine;
use crate::account::AccountId;
use crate::blocklist::Changed;
use crate::wall_time::WallTime;

/// How long the engine goes by the wall time it was told before it wants to hear it again, while it waits for a validity
/// to begin or end: clocks are set, and the host's monotonic time may stand still while it is suspended (SW-14).
pub const WALL_TIME_TRUST: Duration = Duration::from_secs(300);

impl Engine {
    /// Tells the wall time. Only rules of block lists depend on it, and only those with a validity: without it their outcome
    /// is unknown. To be called at the start, before a block list is handed in, when a clock was set, and whenever
    /// [`Self::wants_wall_time`] says so.
    pub fn set_wall_time(&mut self, now: Duration, wall_time: WallTime) {
        let now = self.at(now);
        self.wall_time = Some((now, wall_time));
        let mut accounts: alloc::vec::Vec<AccountId> = self.accounts.keys().copied().collect();
        accounts.sort_unstable();
        for id in accounts {
            let Some(account) = self.accounts.get_mut(&id) else {
                continue;
            };
            let changed = account.lists.set_wall_time(wall_time);
            if changed == Changed::Everything {
                self.remark(id, &changed);
            }
        }
        self.arm_rules();
    }

    /// True when a validity begins or ends by now, as far as the engine can tell: the wall time should be told before
    /// [`Self::handle_timeout`] is called. Otherwise the engine reckons from the one it was told last.
    #[must_use]
    pub fn wants_wall_time(&self, now: Duration) -> bool {
        self.rules_due.is_some_and(|due| due <= now)
    }

    /// Sets the timer for the next validity that begins or ends.
    pub(super) fn arm_rules(&mut self) {
        let Some((at, wall_time)) = self.wall_time else {
            return;
        };
        let lists = self.accounts.values().map(|account| &account.lists);
        let next = lists.filter_map(|lists| lists.next_boundary()).min();
        self.rules_due =
            next.map(|next| at.saturating_add(next.since(wall_time).min(WALL_TIME_TRUST)));
    }

    /// The timer may have come.
    pub(super) fn handle_rules_timeout(&mut self, now: Duration) {
        if self.wants_wall_time(now)
            && let Some((at, wall_time)) = self.wall_time
        {
            self.set_wall_time(now, wall_time.after(now.saturating_sub(at)));
        }
    }
}
