//! Configuration keys (SW-16). What is wrong is told in one line: which key, what it says, what it may say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollmark_core::blocklist::{SourceState, Update};
use rollmark_core::digest::{Credentials, Secret};
use rollmark_core::registration::check_access_network;
use rollmark_core::uri::Uri;
use rollmark_xdm::selector::XcapRoot;
use rollmark_xdm::{Http, HttpSettings, file};

use crate::lists::Xdms;

/// File with the block list: one URI a line, or a resource-lists document.
pub(crate) const BLOCK_LIST: &str = "conference_block_list";
/// XCAP root of the XDMS with the block list.
pub(crate) const XCAP_ROOT: &str = "conference_xcap_root";
/// User name for the XDMS; without it the account's own name and password are used.
pub(crate) const XCAP_USER: &str = "conference_xcap_user";
/// File whose first line is the password for the XDMS.
pub(crate) const XCAP_PASSWORD_FILE: &str = "conference_xcap_password_file";
/// PEM file with certificates to be trusted besides the system's.
pub(crate) const XCAP_CA: &str = "conference_xcap_ca";
/// Seconds between two requests to the XDMS.
pub(crate) const XCAP_INTERVAL: &str = "conference_xcap_interval";
/// Seconds to subscribe for.
pub(crate) const EXPIRES: &str = "conference_expires";
/// T1 in milliseconds (RFC 3261 §17.1.1.1); the server is given up after 64 times that.
pub(crate) const T1: &str = "conference_t1";
/// Which kind of SIP core this is.
pub(crate) const MODE: &str = "conference_mode";
/// What the registrar says is read from baresip's trace.
pub(crate) const TRACE_TAP: &str = "conference_trace_tap";
/// Service-Route, where the trace is not read.
pub(crate) const SERVICE_ROUTE: &str = "conference_service_route";
/// P-Associated-URI, where the trace is not read.
pub(crate) const ASSOCIATED_URI: &str = "conference_associated_uri";
/// P-Access-Network-Info.
pub(crate) const ACCESS_NETWORK: &str = "conference_access_network";

/// Which rules requests follow (SW-01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// RFC 3261.
    #[default]
    Sip,
    /// TS 24.229.
    Ims,
    /// As the registration says.
    Auto,
}

impl Mode {
    /// Reads `sip`, `ims` or `auto`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "sip" => Self::Sip,
            "ims" => Self::Ims,
            "auto" => Self::Auto,
            _ => return None,
        })
    }

    /// The word that [`Self::parse`] reads.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Ims => "ims",
            Self::Auto => "auto",
        }
    }
}

/// What the configuration says.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) block_list: Option<PathBuf>,
    pub(crate) xdms: Option<Xdms>,
    /// For the XDMS.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) expires: Option<u32>,
    pub(crate) t1: Option<Duration>,
    pub(crate) mode: Mode,
    pub(crate) trace_tap: bool,
    pub(crate) service_route: Option<Vec<String>>,
    pub(crate) associated: Option<Vec<String>>,
    pub(crate) access_network: Option<String>,
    /// What is wrong with it, to be logged; the default holds instead.
    pub(crate) faults: Vec<String>,
}

impl Settings {
    /// Reads the keys; `value` gives the value of one.
    pub(crate) fn read(value: impl Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader {
            value,
            faults: Vec::new(),
        };
        let credentials = reader.credentials();
        let block_list = (reader.value)(BLOCK_LIST).map(PathBuf::from);
        let xdms = reader.xdms();
        let expires = reader.number(EXPIRES, 1..=604_800);
        let t1 = reader.number(T1, 10..=10_000);
        let mode = reader.word(MODE, "sip, ims or auto", Mode::parse);
        let trace_tap = reader.word(TRACE_TAP, "yes or no", |text| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        });
        let service_route = reader.uris(SERVICE_ROUTE);
        let associated = reader.uris(ASSOCIATED_URI);
        let access_network = reader.parsed(ACCESS_NETWORK, |text| {
            check_access_network(text).map(|()| text.to_owned())
        });
        Self {
            block_list,
            xdms,
            credentials,
            expires,
            t1: t1.map(|ms| Duration::from_millis(ms.into())),
            mode: mode.unwrap_or_default(),
            trace_tap: trace_tap.unwrap_or_default(),
            service_route,
            associated,
            access_network,
            faults: reader.faults,
        }
    }
}

struct Reader<V> {
    value: V,
    faults: Vec<String>,
}

impl<V: Fn(&str) -> Option<String>> Reader<V> {
    fn number(&mut self, key: &str, limit: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let allowed = format!("a number from {} to {}", limit.start(), limit.end());
        self.word(key, &allowed, |text| {
            text.parse().ok().filter(|number| limit.contains(number))
        })
    }

    /// A value of few.
    fn word<T>(&mut self, key: &str, allowed: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = (self.value)(key)?;
        let read = read(text.trim());
        if read.is_none() {
            self.faults.push(format!(
                "{key} is {text:?}, but it may be {allowed}; the default is used"
            ));
        }
        read
    }

    /// A value whose reader says what is wrong.
    fn parsed<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = (self.value)(key)?;
        let read = read(text.trim());
        read.map_err(|fault| self.faults.push(format!("{key}: {fault}; it is left out")))
            .ok()
    }

    fn uris(&mut self, key: &str) -> Option<Vec<String>> {
        self.parsed(key, |text| {
            let uris: Vec<String> = text
                .split(',')
                .map(|uri| uri.trim().to_owned())
                .filter(|uri| !uri.is_empty())
                .collect();
            for uri in &uris {
                let bare = uri
                    .trim_start_matches('<')
                    .split('>')
                    .next()
                    .unwrap_or_default();
                if Uri::parse(bare).is_err() {
                    return Err(format!(
                        "{uri:?} is no SIP URI; allowed are SIP URIs with commas between them"
                    ));
                }
            }
            Ok(uris)
        })
    }

    fn xdms(&mut self) -> Option<Xdms> {
        let root = self.parsed(XCAP_ROOT, XcapRoot::parse)?;
        let interval = self.number(XCAP_INTERVAL, 300..=86_400);
        let ca_file = (self.value)(XCAP_CA).map(PathBuf::from);
        let http = Http::new(&HttpSettings {
            ca_file,
            ..HttpSettings::default()
        });
        let http = http.map_err(|fault| {
            self.faults
                .push(format!("{XCAP_CA}: {fault}; no XDMS is asked"));
        });
        Some(Xdms {
            root,
            http: http.ok()?,
            interval: interval.map(|seconds| Duration::from_secs(seconds.into())),
        })
    }

    fn credentials(&mut self) -> Option<Credentials> {
        let user = (self.value)(XCAP_USER);
        let path = (self.value)(XCAP_PASSWORD_FILE);
        let (Some(username), Some(path)) = (&user, &path) else {
            if user.is_some() != path.is_some() {
                self.faults.push(format!(
                    "{XCAP_USER} and {XCAP_PASSWORD_FILE} belong together; the account's own name and password are used"
                ));
            }
            return None;
        };
        let text = std::fs::read_to_string(path).map_err(|fault| {
            self.faults.push(format!(
                "{XCAP_PASSWORD_FILE}: {path} cannot be read: {fault}; the account's own name and password are used"
            ));
        });
        Some(Credentials {
            username: username.clone(),
            password: Secret::from(text.ok()?.lines().next().unwrap_or_default()),
        })
    }
}

/// Reads a block-list file: one that cannot be read makes users `unknown`, never `clear` (SW-17).
pub(crate) fn block_list(path: &Path) -> (Update, Option<String>) {
    let read = std::fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|octets| file::parse(&octets, None).map_err(|error| error.to_string()));
    let (state, list, fault) = match read {
        Ok(list) if !list.complete => (SourceState::Incomplete, Some(list), None),
        Ok(list) if list.entries.is_empty() && list.rules.is_none() => {
            (SourceState::Empty, Some(list), None)
        }
        Ok(list) => (SourceState::Fresh, Some(list), None),
        Err(error) => {
            let path = path.display();
            let fault = format!("the block list {path} cannot be used: {error}; see {BLOCK_LIST}");
            (SourceState::Unavailable, None, Some(fault))
        }
    };
    let etag = None;
    (Update { state, list, etag }, fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_named_and_the_default_holds() {
        let wrong = [
            (EXPIRES, "soon", "a number from 1 to 604800"),
            (T1, "9", "a number from 10 to 10000"),
            (MODE, "volte", "sip, ims or auto"),
            (TRACE_TAP, "1", "yes or no"),
            (SERVICE_ROUTE, "sip:a@b, nonsense", "SIP URIs with commas"),
            (ACCESS_NETWORK, "=", "access type"),
            (XCAP_ROOT, "ftp://x", "http"),
            (XCAP_USER, "alice", XCAP_PASSWORD_FILE),
        ];
        for (key, text, allowed) in wrong {
            let read = Settings::read(|asked| (asked == key).then(|| text.to_owned()));
            assert_eq!(read.faults.len(), 1, "{key}: {read:?}");
            let fault = &read.faults[0];
            assert!(fault.contains(key) && fault.contains(allowed), "{fault}");
            assert!(!fault.contains('\n'), "{fault}");
            assert_eq!((read.expires, read.t1, read.mode), (None, None, Mode::Sip));
        }
    }

    #[test]
    fn a_list_that_is_not_there_is_unavailable() {
        let (update, fault) = block_list(Path::new("/nowhere/blocked.txt"));
        assert_eq!(update.state, SourceState::Unavailable);
        assert!(fault.is_some_and(|fault| fault.contains("/nowhere/blocked.txt")));
    }
}
