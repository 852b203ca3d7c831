//! What is remembered for a while and then forgotten by itself: ended transactions (RFC 3261 §17, Timers J and K).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// Values by key, each for the same time, at most so many; beyond that the oldest goes.
#[derive(Debug)]
pub(crate) struct Remembered<V> {
    lifetime: Duration,
    capacity: usize,
    values: HashMap<String, (Instant, V)>,
    ages: VecDeque<(Instant, String)>,
}

impl<V> Remembered<V> {
    pub(crate) fn new(lifetime: Duration, capacity: usize) -> Self {
        Self {
            lifetime,
            capacity,
            values: HashMap::new(),
            ages: VecDeque::new(),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.forget(self.capacity);
        self.values.get_mut(key).map(|(_, value)| value)
    }

    pub(crate) fn insert(&mut self, key: String, value: V) {
        self.forget(self.capacity.saturating_sub(1));
        let now = Instant::now();
        self.ages.push_back((now, key.clone()));
        self.values.insert(key, (now, value));
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    /// Drops what is too old, and the oldest until no more than this are left.
    fn forget(&mut self, most: usize) {
        let now = Instant::now();
        while let Some((at, key)) = self.ages.front() {
            if self.ages.len() <= most && now.duration_since(*at) < self.lifetime {
                return;
            }
            // A key that came back meanwhile has a younger place in line.
            if self.values.get(key).is_some_and(|(since, _)| since == at) {
                self.values.remove(key);
            }
            self.ages.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_too_old_or_too_much_is_forgotten() {
        let mut remembered = Remembered::new(Duration::from_secs(32), 2);
        for key in ["a", "b", "c"] {
            remembered.insert(key.into(), key);
        }
        assert_eq!(remembered.get_mut("a"), None);
        assert_eq!(remembered.get_mut("b"), Some(&mut "b"));
        assert_eq!(remembered.get_mut("c"), Some(&mut "c"));
        tokio::time::advance(Duration::from_secs(31)).await;
        remembered.remove("c");
        remembered.insert("c".into(), "again");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(remembered.get_mut("b"), None);
        assert_eq!(remembered.get_mut("c"), Some(&mut "again"));
    }
}
