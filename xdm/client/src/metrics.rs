//! What can be measured of an XCAP client, by name (feature `metrics`), for the recorder of the `metrics` facade that the host has
//! installed. No name, value or label says anything of a user, a list or a server.
//!
//! The whole table, with that of `rollmark`, is docs/metrics.md.

use std::time::Duration;

use metrics::{Unit, describe_histogram, histogram};

use crate::http::HttpError;
use crate::selector::{
    ACCESS_RULES, OMA_PRES_RULES, PRES_RULES, RESOURCE_LISTS, XCAP_CAPS, XCAP_DIRECTORY,
};

/// A distribution of times, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its labels; their values are of small fixed sets.
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

const REQUEST: &str = "rollmark_xcap_request_seconds";
const LIST_AGE: &str = "rollmark_xcap_list_age_seconds";

/// All that this crate measures.
pub const METRICS: [Metric; 2] = [
    Metric {
        name: REQUEST,
        labels: &["method", "status"],
        meaning: "from an HTTP request to the end of its answer; status 2xx, 304, 3xx, 401, 404, 4xx, 5xx, or none without an answer",
    },
    Metric {
        name: LIST_AGE,
        labels: &["auid"],
        meaning: "how long ago the document in use was last known to be right, whenever the XDMS is about to be asked for it again",
    },
];

/// Tells the recorder what each number is.
pub fn describe() {
    for metric in METRICS {
        describe_histogram!(metric.name, Unit::Seconds, metric.meaning);
    }
}

/// A request was carried out, or not.
pub(crate) fn requested(method: &str, outcome: Result<u16, &HttpError>, took: Duration) {
    let method = match method {
        "GET" => "GET",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let status = match outcome {
        Ok(304) => "304",
        Ok(401) => "401",
        Ok(404) => "404",
        Ok(200..300) => "2xx",
        Ok(300..400) => "3xx",
        Ok(400..500) => "4xx",
        Ok(_) => "5xx",
        Err(_) => "none",
    };
    histogram!(REQUEST, "method" => method, "status" => status).record(took.as_secs_f64());
}

/// A document in use is about to be asked for again.
pub(crate) fn aged(auid: &str, age: Duration) {
    let known = [
        RESOURCE_LISTS,
        ACCESS_RULES,
        OMA_PRES_RULES,
        PRES_RULES,
        XCAP_CAPS,
        XCAP_DIRECTORY,
    ];
    let auid = known
        .into_iter()
        .find(|known| *known == auid)
        .unwrap_or("other");
    histogram!(LIST_AGE, "auid" => auid).record(age.as_secs_f64());
}
