//! The session timer, without I/O: who refreshes a session, and until when it lives without that (RFC 4028).

use std::time::Duration;

use rollmark::core::header;
use rollmark::core::message::Headers;

/// The option tag, in Supported and Require.
pub(super) const OPTION: &str = "timer";
/// A session is refreshed at most so often, whatever the peer wants.
pub(super) const MIN_PAUSE: Duration = Duration::from_secs(1);
/// The session is given up at most so long before its end (RFC 4028 §10).
const EARLY: Duration = Duration::from_secs(32);

/// What a 2xx has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    /// Seconds that the session lives after each refresh.
    pub(super) interval: u32,
    /// It is ours to refresh it.
    pub(super) ours: bool,
}

/// What is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A refresh of ours.
    Refresh,
    /// The end: nobody has refreshed it.
    Expiry,
}

impl SessionTimer {
    /// By a 2xx to a request of ours; none where it sets no timer (RFC 4028 §7.2).
    pub(super) fn accepted(response: &Headers) -> Option<Self> {
        let (interval, refresher) = session_expires(response)?;
        let theirs = refresher.is_some_and(|who| who.eq_ignore_ascii_case("uas"));
        Some(Self {
            interval,
            ours: !theirs,
        })
    }

    /// For a request of the peer: who is asked keeps to what it says, and leaves the refreshing to the peer where it may
    /// (RFC 4028 §9, Table 2).
    pub(super) fn asked(request: &Headers) -> Option<Self> {
        let (interval, refresher) = session_expires(request)?;
        let ours = match refresher {
            Some(who) => who.eq_ignore_ascii_case("uas"),
            None => !is_supported(request),
        };
        Some(Self { interval, ours })
    }

    /// Puts it into the 2xx to that request.
    pub(super) fn answer(self, request: &Headers, response: &mut Headers) {
        let refresher = if self.ours { "uas" } else { "uac" };
        response.push(
            "Session-Expires",
            format!("{};refresher={refresher}", self.interval),
        );
        if is_supported(request) {
            response.push("Require", OPTION);
        }
    }

    /// Puts it into a refresh of ours.
    pub(super) fn ask(self, request: &mut Headers) {
        request.push(
            "Session-Expires",
            format!("{};refresher=uac", self.interval),
        );
    }

    /// What is due how long after the last refresh: ours at half the time, the end a little before it would be
    /// (RFC 4028 §9, §10).
    pub(super) fn due(self) -> (Duration, Due) {
        let interval = Duration::from_secs(self.interval.into());
        if self.ours {
            return ((interval / 2).max(MIN_PAUSE), Due::Refresh);
        }
        let early = EARLY.min(interval / 3);
        (interval.saturating_sub(early), Due::Expiry)
    }
}

/// The least that a 422 wants (RFC 4028 §7.3).
pub(super) fn minimum(response: &Headers) -> Option<u32> {
    let value = response.get("Min-SE")?;
    header::delta_seconds(value.split(';').next()?.trim())
}

fn session_expires(headers: &Headers) -> Option<(u32, Option<&str>)> {
    let value = headers.get("Session-Expires")?;
    let mut parts = value.split(';').map(str::trim);
    let interval = header::delta_seconds(parts.next()?).filter(|interval| *interval > 0)?;
    let refresher = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("refresher");
        is_it.then_some(value.trim())
    });
    Some((interval, refresher))
}

fn is_supported(headers: &Headers) -> bool {
    header::lists(headers.all("Supported"), OPTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Headers {
        lines.iter().copied().collect()
    }

    /// RFC 4028 §9, Table 2, and what stands in the 2xx for it.
    #[test]
    fn who_is_asked_keeps_to_what_the_request_says() {
        for (supported, expires, refresher, require) in [
            ("timer", "1800", "uac", true),
            ("100rel, Timer", "1800;refresher=uac", "uac", true),
            ("timer", "1800 ; Refresher = uas", "uas", true),
            ("", "1800", "uas", false),
        ] {
            let request = headers(&[("Supported", supported), ("Session-Expires", expires)]);
            let timer = SessionTimer::asked(&request).unwrap();
            let mut response = Headers::new();
            timer.answer(&request, &mut response);
            assert_eq!(
                response.get("Session-Expires"),
                Some(&*format!("1800;refresher={refresher}")),
                "{expires}"
            );
            assert_eq!(response.get("Require") == Some("timer"), require);
        }
    }

    /// RFC 4028 §7.2: a 2xx says who refreshes; one without a timer, or with nonsense for one, sets none.
    #[test]
    fn a_2xx_says_who_refreshes() {
        for (expires, timer) in [
            ("90;refresher=uac", Some((90, true))),
            ("90;refresher=uas", Some((90, false))),
            ("90", Some((90, true))),
            ("0;refresher=uas", None),
            ("soon", None),
        ] {
            let found = SessionTimer::accepted(&headers(&[("Session-Expires", expires)]));
            let found = found.map(|timer| (timer.interval, timer.ours));
            assert_eq!(found, timer, "{expires}");
        }
        assert_eq!(SessionTimer::accepted(&Headers::new()), None);
        assert_eq!(minimum(&headers(&[("Min-SE", "120;x")])), Some(120));
    }

    /// RFC 4028 §9, §10: refreshed at half the time, given up 32 s or a third before the end; never more often than
    /// [`MIN_PAUSE`].
    #[test]
    fn what_is_due_when() {
        for (interval, ours, seconds, due) in [
            (1800, true, 900, Due::Refresh),
            (1800, false, 1768, Due::Expiry),
            (90, false, 60, Due::Expiry),
            (1, true, MIN_PAUSE.as_secs(), Due::Refresh),
        ] {
            let timer = SessionTimer { interval, ours };
            assert_eq!(timer.due(), (Duration::from_secs(seconds), due));
        }
    }
}
