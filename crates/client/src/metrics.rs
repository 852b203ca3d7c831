//! What can be measured of the plugin, by name (feature `metrics`): counters, gauges and times for the recorder of the `metrics` facade
//! that the host has installed, whatever exporter that is. No name, value or label says anything of a user, a conference or a list.
//!
//! ```
//! // Before the plugin is started: the recorder of the exporter; here one that keeps nothing.
//! metrics::set_global_recorder(metrics::NoopRecorder).expect("the only recorder");
//! // Then what each number is, for exporters that tell.
//! rollmark::metrics::describe();
//! ```
//!
//! The whole table, with that of `rollmark-xdm`, is docs/metrics.md.

use metrics::Unit;

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// As it is now.
    Gauge,
    /// Single values, of which a recorder makes a distribution.
    Histogram,
}

/// A number that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels; their values are of small fixed sets.
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

impl Metric {
    /// Seconds for times, else a count.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        match self.kind {
            Kind::Histogram => Unit::Seconds,
            Kind::Counter | Kind::Gauge => Unit::Count,
        }
    }
}

pub(crate) const SUBSCRIPTIONS: &str = "rollmark_subscriptions";
pub(crate) const FIRST_ROSTER: &str = "rollmark_first_roster_seconds";
pub(crate) const SUBSCRIBES: &str = "rollmark_subscribes_total";
pub(crate) const REFRESHES: &str = "rollmark_refreshes_total";
pub(crate) const RESYNCS: &str = "rollmark_resyncs_total";
pub(crate) const RECOVERIES: &str = "rollmark_recoveries_total";
pub(crate) const UNSUBSCRIBES: &str = "rollmark_unsubscribes_total";
pub(crate) const ENDED: &str = "rollmark_ended_total";
pub(crate) const NOTIFIES: &str = "rollmark_notifies_total";
pub(crate) const GAPS: &str = "rollmark_gaps_total";
pub(crate) const DEVIATIONS: &str = "rollmark_deviations_total";
pub(crate) const BLOCK_LISTS: &str = "rollmark_block_list_reports_total";
pub(crate) const EVENTS: &str = "rollmark_events_total";
pub(crate) const DROPPED: &str = "rollmark_events_dropped_total";
pub(crate) const LAGGED: &str = "rollmark_consumers_lagged_total";

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        labels,
        meaning,
    }
}

/// All that this crate measures.
pub const METRICS: [Metric; 15] = [
    metric(
        SUBSCRIPTIONS,
        Kind::Gauge,
        &["package", "state"],
        "subscriptions there are; package conference or xcap-diff, state as in the event stream",
    ),
    metric(
        FIRST_ROSTER,
        Kind::Histogram,
        &[],
        "from the wish to subscribe to the first roster",
    ),
    metric(
        SUBSCRIBES,
        Kind::Counter,
        &[],
        "attempts to subscribe; a request repeated for a challenge, a redirection or a longer life counts once",
    ),
    metric(REFRESHES, Kind::Counter, &[], "refreshes, whatever for"),
    metric(
        RESYNCS,
        Kind::Counter,
        &[],
        "refreshes that ask for the whole state, because what is held has a gap or may be wrong",
    ),
    metric(
        RECOVERIES,
        Kind::Counter,
        &[],
        "refreshes because the way to the server, or a message on it, was lost",
    ),
    metric(
        UNSUBSCRIBES,
        Kind::Counter,
        &[],
        "subscriptions ended from here",
    ),
    metric(
        ENDED,
        Kind::Counter,
        &["reason"],
        "subscriptions that are over; reason as in the event stream",
    ),
    metric(
        NOTIFIES,
        Kind::Counter,
        &["status"],
        "NOTIFYs, by what they were answered with",
    ),
    metric(
        GAPS,
        Kind::Counter,
        &[],
        "documents that showed that one before them was missed",
    ),
    metric(
        DEVIATIONS,
        Kind::Counter,
        &["code"],
        "departures of servers from the RFCs, each once a subscription; code as in the event stream",
    ),
    metric(
        BLOCK_LISTS,
        Kind::Counter,
        &["state"],
        "reports of block-list sources; state as in the event stream",
    ),
    metric(EVENTS, Kind::Counter, &[], "events queued for consumers"),
    metric(
        DROPPED,
        Kind::Counter,
        &[],
        "events that were not queued, because a consumer had fallen behind: he gets a fresh roster instead",
    ),
    metric(
        LAGGED,
        Kind::Counter,
        &[],
        "times that a consumer fell behind",
    ),
];

/// Tells the recorder what each number is.
pub fn describe() {
    for metric in METRICS {
        let (name, unit, meaning) = (metric.name, metric.unit(), metric.meaning);
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(name, unit, meaning),
            Kind::Gauge => metrics::describe_gauge!(name, unit, meaning),
            Kind::Histogram => metrics::describe_histogram!(name, unit, meaning),
        }
    }
}
