//! Words and what stands for them: of the same length and the same classes of characters, one for one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// Words that name nobody and mean something where they stand; nothing else ever becomes one of them.
const KEPT: [&str; 13] = [
    "anonymous",
    "com",
    "example",
    "invalid",
    "local",
    "localhost",
    "net",
    "org",
    "sip",
    "sips",
    "tel",
    "test",
    "www",
];
const CONSONANTS: &str = "bcdfghjklmnpqrstvwxyz";
const VOWELS: &str = "aeiou";
/// Attempts at a word that can be spoken, then at any; after that the next free one is taken.
const SPOKEN: usize = 60;
const DRAWN: usize = 200;

/// The tables.
#[derive(Debug)]
pub(super) struct Words {
    rng: ChaCha12Rng,
    words: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    octets: BTreeMap<u8, u8>,
    octets_taken: BTreeSet<u8>,
    idn: BTreeMap<String, (String, String)>,
}

/// What may stand at one place of a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Fixed(char),
    Digit,
    FirstDigit,
    HexLetter,
    Letter,
    /// Letters beyond ASCII by their length in UTF-8: the first of a range, and how many.
    Beyond(u32, u32),
}

impl Class {
    fn of(c: char, all_hex: bool, first_of_number: bool) -> Self {
        match c {
            '0' if first_of_number => Self::Fixed('0'),
            '0'..='9' if first_of_number => Self::FirstDigit,
            '0'..='9' => Self::Digit,
            'a'..='f' if all_hex => Self::HexLetter,
            'a'..='z' => Self::Letter,
            c => match c.len_utf8() {
                2 => Self::Beyond(0x430, 32),
                3 => Self::Beyond(0x4e00, 20_000),
                4 => Self::Beyond(0x20000, 40_000),
                _ => Self::Fixed(c),
            },
        }
    }

    fn count(self) -> u32 {
        match self {
            Self::Fixed(_) => 1,
            Self::Digit => 10,
            Self::FirstDigit => 9,
            Self::HexLetter => 6,
            Self::Letter => 26,
            Self::Beyond(_, count) => count,
        }
    }

    fn char(self, index: u32) -> char {
        let code = match self {
            Self::Fixed(c) => return c,
            Self::Digit => 0x30 + index,
            Self::FirstDigit => 0x31 + index,
            Self::HexLetter | Self::Letter => 0x61 + index,
            Self::Beyond(first, _) => first + index,
        };
        char::from_u32(code).unwrap_or('x')
    }
}

/// A word that could be a local phone number: letters among its digits included (RFC 3966 §3).
fn is_hex(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Words {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self {
            rng: ChaCha12Rng::from_seed(seed),
            words: KEPT.map(|word| (word.into(), word.into())).into(),
            taken: KEPT.map(Into::into).into(),
            octets: [(0, 0), (127, 127)].into(),
            octets_taken: [0, 127].into(),
            idn: BTreeMap::new(),
        }
    }

    /// How many have an entry.
    pub(super) fn len(&self) -> usize {
        self.words.len() + self.idn.len()
    }

    fn below(&mut self, count: u32) -> u32 {
        let share = u64::from(self.rng.next_u32()) * u64::from(count);
        (share >> 32) as u32
    }

    /// What stands for a word of letters and digits; ASCII case does not tell words apart, and is kept.
    pub(super) fn word(&mut self, word: &str) -> String {
        let key = word.to_ascii_lowercase();
        let other = match self.words.get(&key) {
            Some(other) => other.clone(),
            None => {
                let other = self.invent(&key);
                self.taken.insert(other.clone());
                self.words.insert(key, other.clone());
                other
            }
        };
        let case = |(from, to): (char, char)| match from.is_ascii_uppercase() {
            true => to.to_ascii_uppercase(),
            false => to,
        };
        word.chars().zip(other.chars()).map(case).collect()
    }

    fn is_free(&self, key: &str, other: &str, hex: bool) -> bool {
        other != key
            && !self.taken.contains(other)
            && is_hex(other) == hex
            && !other.contains("regist")
    }

    fn invent(&mut self, key: &str) -> String {
        let hex = is_hex(key);
        let number = key.bytes().all(|b| b.is_ascii_digit());
        let classes: Vec<Class> = key
            .chars()
            .enumerate()
            .map(|(at, c)| Class::of(c, hex, number && at == 0))
            .collect();
        let mut indices = Vec::new();
        for attempt in 0..DRAWN {
            indices.clear();
            let (mut other, mut vowel) = (String::with_capacity(key.len()), false);
            for class in &classes {
                let index = self.below(class.count());
                indices.push(index);
                if *class == Class::Letter && attempt < SPOKEN {
                    let letters = if vowel { VOWELS } else { CONSONANTS };
                    let at = self.below(letters.len() as u32) as usize;
                    other.extend(letters.chars().nth(at));
                } else {
                    other.push(class.char(index));
                }
                vowel = !vowel;
            }
            if self.is_free(key, &other, hex) {
                return other;
            }
        }
        // The words of this shape are nearly used up: the next free one, at last perhaps itself.
        let mut last = String::from(key);
        for _ in 0..100_000 {
            for (class, index) in classes.iter().zip(&mut indices) {
                *index += 1;
                if *index < class.count() {
                    break;
                }
                *index = 0;
            }
            let other: String = classes
                .iter()
                .zip(&indices)
                .map(|(class, index)| class.char(*index))
                .collect();
            if self.is_free(key, &other, hex) {
                return other;
            }
            if !self.taken.contains(&other) && is_hex(&other) == hex {
                last = other;
            }
        }
        last
    }

    /// An octet of an IPv4 address, with as many digits.
    fn octet(&mut self, octet: u8) -> u8 {
        if let Some(other) = self.octets.get(&octet) {
            return *other;
        }
        let (first, count) = match octet {
            0..=9 => (1u8, 9),
            10..=99 => (10, 90),
            100..=255 => (100, 156),
        };
        let start = self.below(count);
        let free = (0..count)
            .map(|step| first.saturating_add(((start + step) % count) as u8))
            .filter(|other| !self.octets_taken.contains(other));
        let other = free
            .clone()
            .find(|other| *other != octet)
            .or_else(|| free.clone().next());
        let other = other.unwrap_or(octet);
        self.octets_taken.insert(other);
        self.octets.insert(octet, other);
        other
    }

    /// An IPv4 address; loopback and the unspecified one stay.
    pub(super) fn ipv4(&mut self, address: Ipv4Addr) -> Ipv4Addr {
        if address.is_loopback() || address.is_unspecified() {
            return address;
        }
        Ipv4Addr::from(address.octets().map(|octet| self.octet(octet)))
    }

    /// An IPv6 address as it is written, without brackets; none for another text.
    pub(super) fn ipv6(&mut self, text: &str) -> Option<String> {
        let address: Ipv6Addr = text.parse().ok()?;
        if address.is_loopback() || address.is_unspecified() {
            return Some(text.into());
        }
        let groups: Vec<String> = text
            .split(':')
            .map(|group| match group.parse::<Ipv4Addr>() {
                Ok(tail) => alloc::format!("{}", self.ipv4(tail)),
                Err(_) => self.group(group),
            })
            .collect();
        Some(groups.join(":"))
    }

    /// Four digits of an IPv6 address: those that are zero in front stay.
    fn group(&mut self, group: &str) -> String {
        let value = group.trim_start_matches('0');
        let zeros = group.get(..group.len() - value.len()).unwrap_or_default();
        if value.is_empty() {
            return group.into();
        }
        // Words of hexadecimal digits become such words; a mark keeps them apart from the others.
        let key = alloc::format!("{}:", value.to_ascii_lowercase());
        let other = match self.words.get(&key) {
            Some(other) => other.clone(),
            None => {
                let other = loop {
                    let digits: String = value
                        .char_indices()
                        .map(|(at, c)| {
                            let digit = match (c.is_ascii_digit(), at) {
                                (true, 0) => 1 + self.below(9),
                                (true, _) => self.below(10),
                                (false, _) => 10 + self.below(6),
                            };
                            char::from_digit(digit, 16).unwrap_or('1')
                        })
                        .collect();
                    let other = alloc::format!("{digits}:");
                    if self.taken.insert(other.clone()) {
                        break other;
                    }
                };
                self.words.insert(key, other.clone());
                other
            }
        };
        let mut text = String::from(zeros);
        text.extend(other.chars().zip(value.chars()).map(|(to, from)| {
            match from.is_ascii_uppercase() {
                true => to.to_ascii_uppercase(),
                false => to,
            }
        }));
        text
    }

    /// A label of an internationalised host name, in the form in which it was written; none for another label.
    pub(super) fn idn_label(&mut self, label: &str) -> Option<String> {
        let is_ascii = label.is_ascii();
        let prefix = label.get(..4).unwrap_or_default();
        if is_ascii && !prefix.eq_ignore_ascii_case("xn--") {
            return None;
        }
        let key = idna::domain_to_ascii(label).ok()?;
        if !key.starts_with("xn--") {
            return None;
        }
        let (unicode, ascii) = match self.idn.get(&key) {
            Some(known) => known.clone(),
            None => {
                let invented = self.invent("abcdefgh");
                self.taken.insert(invented.clone());
                let unicode = alloc::format!("é{invented}");
                let ascii = idna::domain_to_ascii(&unicode).ok()?;
                self.idn.insert(key, (unicode.clone(), ascii.clone()));
                (unicode, ascii)
            }
        };
        let capital = label.chars().any(char::is_uppercase);
        Some(match (is_ascii, capital) {
            (true, true) => ascii.to_ascii_uppercase(),
            (true, false) => ascii,
            (false, true) => unicode.to_uppercase(),
            (false, false) => unicode,
        })
    }
}
