//! Block lists of plain lines: an entry is added at the end or taken out, all other lines stay as they are.

use super::{Change, Edited, names};

/// The new text, if it is to be written, and what that comes to.
pub(super) fn edit(text: &str, change: Change, entry: &str) -> (Option<String>, Edited) {
    let is_entry = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        !line.is_empty() && !line.starts_with('#') && names(line, entry)
    };
    let there = text.lines().find(|line| is_entry(line));
    let edited = |changed| Edited {
        entry: there.map_or(entry, str::trim).to_owned(),
        changed,
        list: None,
    };
    match (change, there) {
        (Change::Block, Some(_)) | (Change::Unblock, None) => (None, edited(false)),
        (Change::Block, None) => {
            let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
            let gap = match text.is_empty() || text.ends_with('\n') || text == "\u{feff}" {
                true => "",
                false => end,
            };
            (Some(format!("{text}{gap}{entry}{end}")), edited(true))
        }
        (Change::Unblock, Some(_)) => {
            let mut kept = String::with_capacity(text.len());
            for line in text.split_inclusive('\n') {
                match is_entry(line) {
                    // The mark at the beginning of the file is not the entry's.
                    true if line.starts_with('\u{feff}') => kept.push('\u{feff}'),
                    true => {}
                    false => kept.push_str(line),
                }
            }
            (Some(kept), edited(true))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lines_stay_as_they_are() {
        for (before, entry, blocked) in [
            ("", "sip:a@x", "sip:a@x\n"),
            (
                "# mine\n\nsip:b@x",
                "sip:a@x",
                "# mine\n\nsip:b@x\nsip:a@x\n",
            ),
            (
                "\u{feff}# mine\r\n",
                "sip:a@x",
                "\u{feff}# mine\r\nsip:a@x\r\n",
            ),
            ("\u{feff}", "sip:a@x", "\u{feff}sip:a@x\n"),
        ] {
            let (after, edited) = edit(before, Change::Block, entry);
            assert_eq!(after.as_deref(), Some(blocked));
            assert!(edited.changed && edited.entry == entry);
            let (again, edited) = edit(blocked, Change::Block, entry);
            assert!(again.is_none() && !edited.changed);
            let (without, edited) = edit(blocked, Change::Unblock, entry);
            assert!(edited.changed);
            assert_eq!(edit(&without.unwrap(), Change::Unblock, entry).0, None);
        }
    }

    #[test]
    fn every_line_that_names_the_user_goes_and_no_other() {
        let text = "\u{feff}SIP:a@X;transport=tcp\n# sip:a@x\n  sip:a@x\nsip:aa@x\na@x\n";
        let (after, edited) = edit(text, Change::Unblock, "sip:a@x");
        assert_eq!(after.as_deref(), Some("\u{feff}# sip:a@x\nsip:aa@x\n"));
        assert!(edited.changed);
    }
}
