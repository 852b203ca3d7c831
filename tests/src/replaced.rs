//! Two texts that are the same but for names: each word of one stands for one of the other, wherever it stands (SEC-16).

use std::collections::HashMap;

/// What the words between quotes of `one` are in `other`, letter case aside; all else is the same. Numbers of up to three digits
/// are not looked at.
///
/// # Errors
/// Where the texts differ in more than their words, or a word stands for two, or two for one.
pub fn replaced(one: &str, other: &str) -> Result<HashMap<String, String>, String> {
    let mut there: HashMap<String, String> = HashMap::new();
    let mut back: HashMap<String, String> = HashMap::new();
    for (number, (a, b)) in one.lines().zip(other.lines()).enumerate() {
        let differ = |why: &str| format!("line {}: {why}:\n{a}\n{b}", number + 1);
        let (words, others) = (pieces(a), pieces(b));
        if words.len() != others.len() {
            return Err(differ("of other parts"));
        }
        let mut quoted = false;
        for (word, other) in words.into_iter().zip(others) {
            if !word.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                if word != other {
                    return Err(differ(&format!("{word:?} is {other:?}")));
                }
                let escaped = word.matches("\\\"").count();
                quoted ^= (word.matches('"').count() - escaped) % 2 == 1;
                continue;
            }
            // Octets of addresses and of bodies, and what is a number otherwise.
            let is_short = |text: &str| text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
            if is_short(word) && is_short(other) && word.len() == other.len() {
                continue;
            }
            if !quoted && word != other {
                return Err(differ(&format!("{word} is {other}")));
            }
            if !quoted {
                continue;
            }
            let (word, other) = (word.to_lowercase(), other.to_lowercase());
            let known = there.entry(word.clone()).or_insert_with(|| other.clone());
            if *known != other {
                return Err(differ(&format!("{word} is {known} and {other}")));
            }
            // A word of the program's own; that something else may have become it by chance is no fault.
            if word == other {
                continue;
            }
            let known = back.entry(other.clone()).or_insert_with(|| word.clone());
            if *known != word {
                return Err(differ(&format!("{other} is {known} and {word}")));
            }
        }
    }
    match one.lines().count() == other.lines().count() {
        true => Ok(there),
        false => Err("one of the two has more lines".into()),
    }
}

/// Runs of letters, digits and low lines, and what is between them.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let kind = is_word(c);
        let end = rest
            .find(|c: char| is_word(c) != kind)
            .unwrap_or(rest.len());
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    pieces
}
