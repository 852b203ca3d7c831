//! Plain block lists: one URI a line.

use alloc::sync::Arc;

use super::{BlockList, Entry};

/// Reads a plain list. Blanks at both ends, CR, empty lines, lines that begin with `#` and a byte order mark are passed
/// over; what is left is an entry, whether it is a URI or not. Such a list is always whole.
#[must_use]
pub fn parse(text: &str) -> BlockList {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let entries = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| Entry {
            uri: Arc::from(line),
            list: None,
            rule: None,
        })
        .collect();
    BlockList {
        entries,
        complete: true,
        rules: None,
    }
}
