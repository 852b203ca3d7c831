//! What is examined: the settings, as a report names them, never a secret among them (SEC-16).

use std::time::{Instant, SystemTime};

use super::args::Doctor;
use crate::options::{Mode, Transport};
use crate::registration;

/// What is examined, and since when.
pub(crate) struct Subject {
    pub(crate) since: Instant,
    /// Of the beginning, RFC 3339, UTC.
    pub(crate) time: String,
    /// Setting and value, in the words of the options.
    pub(crate) rows: Vec<(&'static str, String)>,
}

impl Subject {
    pub(crate) fn of(args: &Doctor) -> Self {
        let mut rows = vec![("conference", args.conference.clone())];
        let mut row = |name, value: &Option<String>| {
            if let Some(value) = value {
                rows.push((name, value.clone()));
            }
        };
        row("as", &args.account.identity);
        row("server", &args.account.server);
        row("user", &args.account.user);
        row(
            "xcap-root",
            &args.lists.xcap_root.as_deref().map(without_userinfo),
        );
        row("xcap-user", &args.lists.xcap_user);
        row("xcap-notifier", &args.lists.xcap_notifier);
        rows.push((
            "transport",
            transport(args.account.transport).to_lowercase(),
        ));
        let mode = match registration::mode(&args.account) {
            Mode::Auto => "auto",
            Mode::Sip => "sip",
            Mode::Ims => "ims",
        };
        rows.push(("mode", mode.to_owned()));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            since: Instant::now(),
            time: rfc3339(now.unwrap_or_default().as_secs()),
            rows,
        }
    }
}

/// The word for people.
pub(crate) fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    }
}

/// A URL without user name and password.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Seconds since 1970 as a date and time (the proleptic Gregorian calendar).
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March have their odd day at the end.
    let days = days + 719_468;
    let era = days / 146_097;
    let day = days % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        era * 400 + year + next,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_a_date() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    /// SEC-16.
    #[test]
    fn a_password_in_a_url_is_left_out() {
        let url = |text| without_userinfo(text);
        assert_eq!(url("https://a:secret@x/root"), "https://x/root");
        assert_eq!(url("https://x/users/sip:a@b"), "https://x/users/sip:a@b");
    }
}
