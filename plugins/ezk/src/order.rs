//! The order of NOTIFYs, restored by CSeq: ezk handles every message in a task of its own (RFC 3261 §12.2.2).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// How long a NOTIFY waits for the one before it. Inversions within the process are far shorter; a NOTIFY that is really
/// lost costs its successor this much, once.
const GRACE: Duration = Duration::from_millis(50);
/// Dialogs remembered; beyond that the memory starts anew, which costs order, never a NOTIFY.
const MAX_DIALOGS: usize = 200_000;

/// CSeq last handled in each dialog, by Call-ID.
#[derive(Debug, Default)]
pub(crate) struct Order(Mutex<HashMap<String, watch::Sender<u32>>>);

/// The right to be handled now; the next in line follows when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    done: watch::Sender<u32>,
    cseq: u32,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.done.send_if_modified(|last| {
            let newer = self.cseq > *last;
            *last = (*last).max(self.cseq);
            newer
        });
    }
}

impl Order {
    fn dialogs(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the NOTIFY before this one has been handled, or the grace is over.
    pub(crate) async fn turn(&self, call_id: &str, cseq: u32) -> Turn {
        let done = {
            let mut dialogs = self.dialogs();
            if dialogs.len() >= MAX_DIALOGS && !dialogs.contains_key(call_id) {
                dialogs.clear();
            }
            dialogs
                .entry(call_id.to_owned())
                // The first NOTIFY may have any number.
                .or_insert_with(|| watch::Sender::new(cseq.saturating_sub(1)))
                .clone()
        };
        let mut last = done.subscribe();
        let before = cseq.saturating_sub(1);
        let _ = tokio::time::timeout(GRACE, last.wait_for(|last| *last >= before)).await;
        Turn { done, cseq }
    }

    /// The dialog is none of ours, or gone.
    pub(crate) fn forget(&self, call_id: &str) {
        self.dialogs().remove(call_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn a_notify_that_overtook_another_is_handled_after_it() {
        let order = Arc::new(Order::default());
        drop(order.turn("c", 5).await);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for cseq in [8, 7, 6] {
            let (order, seen) = (order.clone(), seen.clone());
            tasks.push(tokio::spawn(async move {
                let turn = order.turn("c", cseq).await;
                seen.lock().unwrap().push(cseq);
                drop(turn);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), [6, 7, 8]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_notify_holds_up_its_successor_no_longer_than_the_grace() {
        let order = Order::default();
        drop(order.turn("c", 1).await);
        let before = tokio::time::Instant::now();
        drop(order.turn("c", 3).await);
        assert_eq!(before.elapsed().as_millis(), GRACE.as_millis());
        drop(order.turn("c", 4).await);
        assert_eq!(before.elapsed().as_millis(), GRACE.as_millis());
    }
}
