//! Clause ids in text: `SUB-42`, `SUB-56…64`, `CONF-19–CONF-35`, `SUB-21/22`, and `sub_42` in the name of a function.

/// Areas of the catalogue; another word before a number is no clause.
pub(super) const AREAS: [&str; 8] = ["OMA", "SUB", "CONF", "IMS", "XDM", "URI", "SEC", "SW"];

/// What may stand between the ends of a range.
const THROUGH: [&str; 4] = ["…", "–", "...", "..="];

/// An id in its usual spelling.
pub(super) fn id(area: &str, number: u32) -> String {
    format!("{area}-{number:02}")
}

/// Every id that a text names, with the line it stands in, counted from zero.
pub(super) fn in_text(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let mut at = 0;
        while let Some((start, area)) = next_area(text, at) {
            let rest = &text[start + area.len() + 1..];
            let (first, mut length) = number(rest);
            at = start + area.len() + 1 + length;
            let Some(first) = first else {
                continue;
            };
            found.push((line, id(area, first)));
            let mut last = first;
            loop {
                let rest = &text[at..];
                let Some((through, skip)) = joint(rest) else {
                    break;
                };
                // The second end may repeat the area.
                let repeated = rest[skip..]
                    .strip_prefix(area)
                    .is_some_and(|rest| rest.starts_with('-'));
                let skip = skip + if repeated { area.len() + 1 } else { 0 };
                let next;
                (next, length) = number(&rest[skip..]);
                let Some(next) = next else {
                    break;
                };
                let from = if through { last + 1 } else { next };
                found.extend((from..=next).map(|number| (line, id(area, number))));
                last = next;
                at += skip + length;
            }
        }
    }
    found
}

/// Ids in the name of a function.
pub(super) fn in_name(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    words
        .windows(2)
        .filter_map(|pair| {
            let area = AREAS.iter().find(|area| area.to_lowercase() == pair[0])?;
            let number = pair[1].parse().ok().filter(|_| pair[1].len() >= 2)?;
            Some(id(area, number))
        })
        .collect()
}

/// The next `AREA-` that begins a word.
fn next_area(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let found = AREAS.iter().filter_map(|area| {
        let mut at = from;
        while let Some(offset) = text[at..].find(area) {
            let start = at + offset;
            at = start + area.len();
            let whole = !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '-');
            if whole && text[at..].starts_with('-') {
                return Some((start, *area));
            }
        }
        None
    });
    found.min()
}

/// Digits at the start, and how many.
fn number(text: &str) -> (Option<u32>, usize) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    (text[..length].parse().ok(), length)
}

/// `…` and its like, or the `/` of a short list; true for a range.
fn joint(text: &str) -> Option<(bool, usize)> {
    let range = THROUGH.iter().find(|word| text.starts_with(**word));
    range
        .map(|word| (true, word.len()))
        .or_else(|| text.starts_with('/').then_some((false, 1)))
}
