//! Character classes of XML 1.0 (fifth edition) §2.2 and §2.3.

/// May begin a name without colon.
const START: u8 = 1;
/// May stand in a name without colon.
const INNER: u8 = 2;
/// White space (production S).
const SPACE: u8 = 4;

/// Classes of the ASCII characters; others are looked at as characters.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    // Const context: `byte` stays below 128.
    #[allow(clippy::indexing_slicing)]
    while byte < 128 {
        let c = byte as u8;
        if c.is_ascii_alphabetic() || c == b'_' {
            table[byte] = START | INNER;
        } else if c.is_ascii_digit() || c == b'-' || c == b'.' {
            table[byte] = INNER;
        } else if matches!(c, b' ' | b'\t' | b'\r' | b'\n') {
            table[byte] = SPACE;
        }
        byte += 1;
    }
    table
}

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// White space: space, tab, carriage return, line feed.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    class(byte) & SPACE != 0
}

/// The length of the white space that `bytes` begins with.
#[inline]
pub(super) fn space_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|&b| !is_space(b))
        .unwrap_or(bytes.len())
}

/// As [`ncname_len`], up to the first character that is not ASCII.
#[inline]
pub(super) fn ascii_ncname_len(bytes: &[u8]) -> usize {
    if bytes.first().is_none_or(|&b| class(b) & START == 0) {
        return 0;
    }
    bytes
        .iter()
        .position(|&b| class(b) & INNER == 0)
        .unwrap_or(bytes.len())
}

/// The length in bytes of the name without colon (NCName) that `text` begins with; 0 when it begins with none.
#[inline]
pub(super) fn ncname_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ascii = ascii_ncname_len(bytes);
    if bytes.get(ascii).is_none_or(|&b| b < 0x80) {
        return ascii;
    }
    ncname_len_slow(text)
}

fn ncname_len_slow(text: &str) -> usize {
    text.char_indices()
        .find(|&(at, c)| !if at == 0 { starts_name(c) } else { in_name(c) })
        .map_or(text.len(), |(at, _)| at)
}

/// NameStartChar but the colon (§2.3).
fn starts_name(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '_'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// NameChar but the colon (§2.3).
fn in_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Char (§2.2).
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The offset of the first character that XML does not allow.
pub(super) fn first_illegal(text: &str) -> Option<usize> {
    // One pass the compiler can vectorise; the exact place is looked for only when there is one.
    let mut control = false;
    for &b in text.as_bytes() {
        control |= (b < 0x20) & (b != b'\n') & (b != b'\r') & (b != b'\t');
    }
    let illegal = control
        || memchr::memchr(0xEF, text.as_bytes()).is_some_and(|from| {
            // U+FFFE and U+FFFF are EF BF BE and EF BF BF.
            text.as_bytes().get(from..).is_some_and(|rest| {
                memchr::memchr_iter(0xEF, rest).any(|at| {
                    matches!(
                        rest.get(at + 1..at + 3),
                        Some([0xBF, 0xBE]) | Some([0xBF, 0xBF])
                    )
                })
            })
        });
    if !illegal {
        return None;
    }
    text.char_indices()
        .find(|&(_, c)| !is_char(c))
        .map(|(at, _)| at)
}
