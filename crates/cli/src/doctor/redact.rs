//! Names of users taken out of a report: one name is replaced by the same word wherever it stands (SEC-14, SEC-16).

use std::cell::RefCell;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;

/// Replaces user parts of URIs and addresses, and numbers. Hosts stay: without them a report is of no use.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    on: bool,
    words: RefCell<HashMap<String, String>>,
    /// Names that are replaced where they stand alone, too.
    alone: RefCell<Vec<String>>,
}

/// Schemes whose URIs name users.
const SCHEMES: [&str; 6] = ["sip", "sips", "im", "pres", "mailto", "xmpp"];

impl Redactor {
    /// One that replaces, or one that does nothing.
    pub(crate) fn new(on: bool) -> Self {
        Self {
            on,
            ..Self::default()
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// This name is to be replaced even where it stands alone.
    pub(crate) fn know(&self, name: &str) {
        let name = name.split('@').next().unwrap_or_default();
        if self.on && !name.is_empty() {
            self.word(name);
            self.alone.borrow_mut().push(name.to_lowercase());
        }
    }

    fn word(&self, user: &str) -> String {
        let mut words = self.words.borrow_mut();
        let key = percent_decode_str(user).decode_utf8_lossy().to_lowercase();
        let next = words.len() + 1;
        words
            .entry(key)
            .or_insert_with(|| format!("user{next}"))
            .clone()
    }

    /// The text without names of users.
    pub(crate) fn text(&self, text: &str) -> String {
        if !self.on {
            return text.to_owned();
        }
        let text = self.addresses(text);
        let text = self.numbers(&text);
        let alone = self.alone.borrow();
        alone
            .iter()
            .fold(text, |text, name| self.by_itself(&text, name))
    }

    /// What stands before each `@`, plain or escaped.
    fn addresses(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((at, length)) = separator(rest) {
            let start = start_of_user(&rest[..at]);
            out.push_str(&rest[..start]);
            if start < at {
                out.push_str(&self.word(&rest[start..at]));
            }
            out.push_str(&rest[at..at + length]);
            rest = &rest[at + length..];
        }
        out + rest
    }

    /// Numbers of tel: URIs, plain or escaped.
    fn numbers(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        loop {
            let lower = rest.to_ascii_lowercase();
            let next = ["tel:", "tel%3a"]
                .into_iter()
                .filter_map(|scheme| lower.find(scheme).map(|at| at + scheme.len()))
                .min();
            let Some(start) = next else {
                return out + rest;
            };
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let of_number = |c: char| c.is_ascii_hexdigit() || "+-.()*#%".contains(c);
            let end = rest.find(|c| !of_number(c)).unwrap_or(rest.len());
            let number = percent_decode_str(&rest[..end]).decode_utf8_lossy();
            let number: String = number.chars().filter(|c| !"-.()".contains(*c)).collect();
            if !number.is_empty() {
                out.push_str(&self.word(&number));
            }
            rest = &rest[end..];
        }
    }

    /// A name where it is a word of its own.
    fn by_itself(&self, text: &str, name: &str) -> String {
        // Where case makes the lengths differ nothing is looked for, rather than cut in the middle of a character.
        let lower = text.to_ascii_lowercase();
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        while let Some(at) = lower[from..].find(name).map(|at| from + at) {
            let end = at + name.len();
            let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            out.push_str(&text[from..at]);
            if touches(text[..at].chars().next_back()) || touches(text[end..].chars().next()) {
                out.push_str(&text[at..end]);
            } else {
                out.push_str(&self.word(name));
            }
            from = end;
        }
        out + &text[from..]
    }
}

/// The next `@`: where, and how long it is.
fn separator(text: &str) -> Option<(usize, usize)> {
    let plain = text.find('@').map(|at| (at, 1));
    let escaped = text.find("%40").map(|at| (at, 3));
    [plain, escaped].into_iter().flatten().min()
}

/// Where the user part begins that ends the text: behind the scheme of a URI, else as far as a name goes.
fn start_of_user(text: &str) -> usize {
    let ends_word = |c: char| c.is_whitespace() || "<>\"'".contains(c);
    let word = text
        .char_indices()
        .rfind(|(_, c)| ends_word(*c))
        .map_or(0, |(at, c)| at + c.len_utf8());
    let lower = text[word..].to_ascii_lowercase();
    let behind_scheme = [":", "%3a"]
        .into_iter()
        .flat_map(|colon| lower.match_indices(colon))
        .filter(|(at, _)| {
            let scheme = lower[..*at].rsplit(|c: char| !c.is_ascii_alphanumeric());
            scheme
                .into_iter()
                .next()
                .is_some_and(|scheme| SCHEMES.contains(&scheme))
        })
        .map(|(at, colon)| at + colon.len())
        .max();
    if let Some(behind) = behind_scheme {
        return word + behind;
    }
    let of_name = |c: char| c.is_alphanumeric() || "-_.!~*%&+$#".contains(c);
    text[word..]
        .char_indices()
        .rev()
        .take_while(|(_, c)| of_name(*c))
        .last()
        .map_or(text.len(), |(at, _)| word + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEC-14, SEC-16: what was equal stays equal, and hosts stay.
    #[test]
    fn one_name_is_one_word_wherever_it_stands() {
        let redactor = Redactor::new(true);
        redactor.know("alice.private@ims.test");
        for (text, expected) in [
            ("<sip:alice@ims.test>;tag=1", "<sip:user2@ims.test>;tag=1"),
            (
                "http://x:80/resource-lists/users/sip:Alice@ims.test/index",
                "http://x:80/resource-lists/users/sip:user2@ims.test/index",
            ),
            (
                "http://x/users/sip%3Aalice%40ims.test/index",
                "http://x/users/sip%3Auser2%40ims.test/index",
            ),
            (
                "alice@ims.test,realm=bob@ims.test",
                "user2@ims.test,realm=user3@ims.test",
            ),
            ("sip:192.0.2.1:5060;lr stays", "sip:192.0.2.1:5060;lr stays"),
            ("sip:+15550100@x is", "sip:user4@x is"),
            (
                "TEL:+1-555-0100 and tel%3A%2B15550100",
                "TEL:user4 and tel%3Auser4",
            ),
            (
                "the user name Alice.Private, yes",
                "the user name user1, yes",
            ),
            ("malice.privateer", "malice.privateer"),
            ("sips:a/b;c=d@x:5061", "sips:user5@x:5061"),
            ("@ first, <sip:@x>", "@ first, <sip:@x>"),
            ("", ""),
        ] {
            assert_eq!(redactor.text(text), expected, "{text}");
        }
        assert_eq!(Redactor::new(false).text("sip:alice@x"), "sip:alice@x");
    }
}
