//! A user packed into one text: items one behind another, in segments that many users share.
//!
//! A full document of many users becomes a few segments instead of an allocation per text. A segment lives as long as a
//! user in it is held anywhere; as segments are small ([`SEGMENT`]), what is dead in them is bounded. Everything in a
//! segment is UTF-8, lengths included, so that texts are borrowed from it without being checked again.

use alloc::string::String;
use alloc::sync::Arc;

/// Bytes after which a segment is closed.
pub(super) const SEGMENT: usize = 8 * 1024;

/// What an item says. In a record items stand in this order; those of an endpoint, and of a medium in it, repeat.
pub(super) mod tag {
    /// `entity` of the user: the first item of every record.
    pub(in super::super) const ENTITY: u8 = 1;
    /// A flag ([`super::YES`], [`super::NO`]).
    pub(in super::super) const YOURS: u8 = 2;
    pub(in super::super) const DISPLAY_TEXT: u8 = 3;
    /// There are `associated-aors`; each entry begins with its URI.
    pub(in super::super) const AORS: u8 = 4;
    pub(in super::super) const AOR_URI: u8 = 5;
    pub(in super::super) const AOR_DISPLAY_TEXT: u8 = 6;
    pub(in super::super) const AOR_PURPOSE: u8 = 7;
    /// There are `roles`.
    pub(in super::super) const ROLES: u8 = 8;
    pub(in super::super) const ROLE: u8 = 9;
    /// There are `languages`.
    pub(in super::super) const LANGUAGES: u8 = 10;
    pub(in super::super) const LANGUAGE: u8 = 11;
    pub(in super::super) const CASCADED_FOCUS: u8 = 12;

    /// An endpoint begins; its `entity`.
    pub(in super::super) const ENDPOINT: u8 = 13;
    /// Only in what is to be merged: the endpoint is not a full one ([`super::PARTIAL`], [`super::DELETED`]).
    pub(in super::super) const STATE: u8 = 14;
    pub(in super::super) const ENDPOINT_DISPLAY_TEXT: u8 = 15;
    /// There is `referred`; `when`, `reason`, `by` follow under [`WHEN`], [`REASON`], [`BY`]. So with the other two.
    pub(in super::super) const REFERRED: u8 = 16;
    pub(in super::super) const STATUS: u8 = 17;
    pub(in super::super) const JOINING_METHOD: u8 = 18;
    pub(in super::super) const JOINING_INFO: u8 = 19;
    pub(in super::super) const DISCONNECTION_METHOD: u8 = 20;
    pub(in super::super) const DISCONNECTION_INFO: u8 = 21;
    /// There is `call-info`.
    pub(in super::super) const CALL_INFO: u8 = 22;
    /// A medium begins; its `id`.
    pub(in super::super) const MEDIA: u8 = 23;
    /// A medium without `id` begins.
    pub(in super::super) const MEDIA_UNNAMED: u8 = 24;
    /// An element of another namespace in the endpoint; its local name.
    pub(in super::super) const ENDPOINT_EXTENSION: u8 = 25;
    /// The same in the user, behind all endpoints.
    pub(in super::super) const EXTENSION: u8 = 26;

    /// From here on: parts of what stands before.
    pub(in super::super) const WHEN: u8 = 32;
    pub(in super::super) const REASON: u8 = 33;
    pub(in super::super) const BY: u8 = 34;
    pub(in super::super) const CALL_DISPLAY_TEXT: u8 = 35;
    pub(in super::super) const CALL_ID: u8 = 36;
    pub(in super::super) const FROM_TAG: u8 = 37;
    pub(in super::super) const TO_TAG: u8 = 38;
    pub(in super::super) const MEDIA_DISPLAY_TEXT: u8 = 39;
    pub(in super::super) const MEDIA_TYPE: u8 = 40;
    pub(in super::super) const MEDIA_LABEL: u8 = 41;
    pub(in super::super) const MEDIA_SRC_ID: u8 = 42;
    pub(in super::super) const MEDIA_STATUS: u8 = 43;
    pub(in super::super) const EXTENSION_NAMESPACE: u8 = 44;
    /// An extension element as it stands in the document.
    pub(in super::super) const EXTENSION_XML: u8 = 45;
}

/// With this bit in its tag an item is a word: one byte, its place in [`WORDS`], instead of length and text.
const WORD: u8 = 0x40;
/// More digits of a length follow. A digit has six bits, the lowest first.
const MORE: u8 = 0x40;

/// Texts that come so often that a byte stands for them.
const WORDS: [&str; 24] = [
    "connected",
    "disconnected",
    "on-hold",
    "muted-via-focus",
    "pending",
    "alerting",
    "dialing-in",
    "dialing-out",
    "disconnecting",
    "dialed-in",
    "dialed-out",
    "focus-owner",
    "departed",
    "booted",
    "failed",
    "busy",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
    "true",
    "false",
    "partial",
    "deleted",
];

/// Words that may stand in one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    first: u8,
    end: u8,
}

/// RFC 4575 §5.7.3.
pub(super) const ENDPOINT_STATUS: Words = Words { first: 0, end: 9 };
/// RFC 4575 §5.7.4.
pub(super) const JOINING_METHOD: Words = Words { first: 9, end: 12 };
/// RFC 4575 §5.7.6.
pub(super) const DISCONNECTION_METHOD: Words = Words { first: 12, end: 16 };
/// RFC 4575 §5.8.5.
pub(super) const MEDIA_STATUS: Words = Words { first: 16, end: 20 };
pub(super) const YES: Word = Word(20);
pub(super) const NO: Word = Word(21);
pub(super) const PARTIAL: Word = Word(22);
pub(super) const DELETED: Word = Word(23);

/// A word of [`WORDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u8);

impl Word {
    pub(super) fn as_str(self) -> &'static str {
        WORDS.get(usize::from(self.0)).copied().unwrap_or_default()
    }
}

impl Words {
    pub(super) fn find(self, text: &str) -> Option<Word> {
        let all = WORDS.get(usize::from(self.first)..usize::from(self.end))?;
        let at = all.iter().position(|word| *word == text)?;
        u8::try_from(at).ok().map(|at| Word(self.first + at))
    }
}

/// Appends an item.
#[inline]
pub(super) fn put(out: &mut String, tag: u8, text: &str) {
    out.push(char::from(tag));
    let mut rest = text.len();
    while rest >= usize::from(MORE) {
        out.push(char::from(rest as u8 & (MORE - 1) | MORE));
        rest >>= 6;
    }
    out.push(char::from(rest as u8));
    out.push_str(text);
}

/// Appends an item that is a word.
#[inline]
pub(super) fn put_word(out: &mut String, tag: u8, word: Word) {
    out.push(char::from(tag | WORD));
    out.push(char::from(word.0));
}

/// One item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub(super) tag: u8,
    pub(super) text: &'a str,
}

/// The items of a text in which there is nothing else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items<'a>(pub(super) &'a str);

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let bytes = self.0.as_bytes();
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        if first & WORD != 0 {
            self.0 = self.0.get(2..)?;
            let (tag, text) = (first & !WORD, Word(second).as_str());
            return Some(Item { tag, text });
        }
        let mut length = usize::from(second & (MORE - 1));
        let mut start = 2;
        if second & MORE != 0 {
            let mut shift = 6;
            loop {
                let digit = *bytes.get(start)?;
                length |= usize::from(digit & (MORE - 1)) << shift;
                start += 1;
                shift += 6;
                if digit & MORE == 0 {
                    break;
                }
            }
        }
        let (item, rest) = self.0.split_at_checked(start + length)?;
        self.0 = rest;
        let text = item.get(start..)?;
        Some(Item { tag: first, text })
    }
}

/// An item together with those that are parts of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group<'a> {
    pub(super) tag: u8,
    pub(super) text: &'a str,
    /// All items of the group.
    pub(super) run: &'a str,
}

impl<'a> Group<'a> {
    /// The text of a part.
    pub(super) fn part(&self, tag: u8) -> Option<&'a str> {
        let mut items = Items(self.run);
        items.next();
        part(items, self.tag, tag)
    }
}

/// The text of a part of that which begins with `head`, which has just been read. Parts stand in order.
pub(super) fn part<'a>(mut items: Items<'a>, head: u8, tag: u8) -> Option<&'a str> {
    let mut last = head;
    items
        .find(|item| {
            let done = item.tag >= tag || item.tag <= last;
            last = item.tag;
            done
        })
        .filter(|item| item.tag == tag)
        .map(|item| item.text)
}

/// The groups of a text in which there are only whole ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups<'a>(pub(super) &'a str);

impl<'a> Iterator for Groups<'a> {
    type Item = Group<'a>;

    fn next(&mut self) -> Option<Group<'a>> {
        let mut items = Items(self.0);
        let Item { tag, text } = items.next()?;
        let mut end = items;
        while let Some(part) = items.next()
            && is_part(part.tag)
        {
            end = items;
        }
        let (run, rest) = self.0.split_at_checked(self.0.len() - end.0.len())?;
        self.0 = rest;
        Some(Group { tag, text, run })
    }
}

fn is_part(tag: u8) -> bool {
    matches!(
        tag,
        tag::AOR_URI | tag::AOR_DISPLAY_TEXT | tag::AOR_PURPOSE | tag::ROLE | tag::LANGUAGE
    ) || tag >= tag::WHEN
}

/// There is extension data in a record.
pub(super) fn has_extensions(text: &str) -> bool {
    Items(text).any(|item| is_extension(item.tag))
}

/// The item is extension data.
pub(super) fn is_extension(tag: u8) -> bool {
    matches!(
        tag,
        tag::ENDPOINT_EXTENSION | tag::EXTENSION | tag::EXTENSION_NAMESPACE | tag::EXTENSION_XML
    )
}

/// A user as held: a piece of a segment.
#[derive(Debug, Clone)]
pub(super) struct Record {
    segment: Arc<str>,
    start: usize,
    end: usize,
}

impl Record {
    /// The piece from `start` to `end` of a segment; it must hold whole items, the first an [`tag::ENTITY`].
    pub(super) fn new(segment: Arc<str>, start: usize, end: usize) -> Self {
        Self {
            segment,
            start,
            end,
        }
    }

    /// All items.
    pub(super) fn text(&self) -> &str {
        self.segment.get(self.start..self.end).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn segment(&self) -> &Arc<str> {
        &self.segment
    }

    /// The key of the user.
    #[inline]
    pub(super) fn entity(&self) -> &str {
        Items(self.text()).next().map_or("", |item| item.text)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn items_come_out_as_they_went_in_whatever_their_length() {
        for length in [0, 1, 63, 64, 65, 4095, 4096, 70_000, 300_000] {
            let long: String = core::iter::repeat_n('é', length).collect();
            let mut out = String::new();
            put(&mut out, tag::ENTITY, &long);
            put_word(&mut out, tag::STATUS, Word(3));
            put(&mut out, tag::BY, "x");
            let items: Vec<_> = Items(&out).map(|item| (item.tag, item.text)).collect();
            let expected = [
                (tag::ENTITY, &*long),
                (tag::STATUS, "muted-via-focus"),
                (tag::BY, "x"),
            ];
            assert!(items == expected, "{length}");
        }
    }

    #[test]
    fn a_group_takes_its_parts_with_it() {
        let mut out = String::new();
        for tag in [tag::ENTITY, tag::ROLES, tag::ROLE, tag::ROLE, tag::STATUS] {
            put(&mut out, tag, "x");
        }
        let runs: Vec<_> = Groups(&out).map(|g| (g.tag, g.run.len())).collect();
        assert_eq!(runs, [(tag::ENTITY, 3), (tag::ROLES, 9), (tag::STATUS, 3)]);
    }

    #[test]
    fn words_are_found_in_their_own_place_only() {
        assert_eq!(
            ENDPOINT_STATUS.find("disconnecting").map(Word::as_str),
            Some("disconnecting")
        );
        assert_eq!(ENDPOINT_STATUS.find("dialed-in"), None);
        assert_eq!(
            MEDIA_STATUS.find("inactive").map(Word::as_str),
            Some("inactive")
        );
        assert_eq!(DISCONNECTION_METHOD.find("sendrecv"), None);
        assert_eq!(DELETED.as_str(), "deleted");
        assert_eq!((YES.as_str(), NO.as_str()), ("true", "false"));
        assert_eq!(PARTIAL.as_str(), "partial");
    }
}
