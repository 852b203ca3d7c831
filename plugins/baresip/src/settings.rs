//! Configuration keys, and the block list kept in a file (SW-16).

use std::time::Duration;

use rollmark_core::blocklist::{SourceState, Update};
use rollmark_xdm::file;

/// File with the block list: one URI a line.
pub(crate) const BLOCK_LIST: &str = "conference_block_list";
/// Seconds to subscribe for.
pub(crate) const EXPIRES: &str = "conference_expires";
/// T1 in milliseconds (RFC 3261 §17.1.1.1); the server is given up after 64 times that.
pub(crate) const T1: &str = "conference_t1";

/// What the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) block_list: Option<String>,
    pub(crate) expires: Option<u32>,
    pub(crate) t1: Option<Duration>,
    /// What is wrong with it, to be logged; the default holds instead.
    pub(crate) faults: Vec<String>,
}

impl Settings {
    /// Reads the keys; `value` gives the value of one.
    pub(crate) fn read(value: impl Fn(&str) -> Option<String>) -> Self {
        let mut faults = Vec::new();
        let mut number = |key: &str, limit: std::ops::RangeInclusive<u32>| {
            let text = value(key)?;
            match text.trim().parse::<u32>() {
                Ok(number) if limit.contains(&number) => Some(number),
                _ => {
                    let (low, high) = limit.into_inner();
                    faults.push(format!(
                        "{key} {text:?} is no number from {low} to {high}; the default is used"
                    ));
                    None
                }
            }
        };
        Self {
            expires: number(EXPIRES, 1..=604_800),
            t1: number(T1, 10..=10_000).map(|ms| Duration::from_millis(ms.into())),
            block_list: value(BLOCK_LIST),
            faults,
        }
    }
}

/// Reads a block-list file: one that cannot be read makes users `unknown`, never `clear` (SW-17).
pub(crate) fn block_list(path: &str) -> (Update, Option<String>) {
    let read = std::fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|octets| file::parse(&octets, None).map_err(|error| error.to_string()));
    let (state, list, fault) = match read {
        Ok(list) if list.entries.is_empty() => (SourceState::Empty, Some(list), None),
        Ok(list) if !list.complete => (SourceState::Incomplete, Some(list), None),
        Ok(list) => (SourceState::Fresh, Some(list), None),
        Err(error) => {
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
        let read = Settings::read(|key| (key != BLOCK_LIST).then(|| "soon".into()));
        assert_eq!((read.expires, read.t1), (None, None));
        assert!(
            read.faults.len() == 2 && read.faults[0].contains(EXPIRES),
            "{read:?}"
        );
    }

    #[test]
    fn a_list_that_is_not_there_is_unavailable() {
        let (update, fault) = block_list("/nowhere/blocked.txt");
        assert_eq!(update.state, SourceState::Unavailable);
        assert!(fault.is_some_and(|fault| fault.contains("/nowhere/blocked.txt")));
    }
}
