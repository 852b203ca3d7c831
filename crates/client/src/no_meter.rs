//! The driver's meter where nothing is measured (feature `metrics` is off): nothing, at no cost.

use rollmark_core::blocklist::SourceState;
use rollmark_core::engine::{Counts, WatchId, What};

/// Measures nothing.
#[derive(Debug, Default)]
pub(crate) struct Meter(());

impl Meter {
    pub(crate) const fn subscribed(&self, _: WatchId, _documents: bool) {}
    pub(crate) const fn told(&self, _: WatchId, _: &What) {}
    pub(crate) const fn counted(&self, _: Counts) {}
    pub(crate) const fn notified(&self, _status: u16) {}
    pub(crate) const fn block_list(&self, _: SourceState) {}
    pub(crate) const fn queued() {}
    pub(crate) const fn dropped() {}
    pub(crate) const fn lagged() {}
}
