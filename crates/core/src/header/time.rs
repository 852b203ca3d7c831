//! Seconds: Expires, Min-Expires, Retry-After (RFC 3261 §20.19, §20.23, §20.33).

use super::lex;

/// Reads delta-seconds, as in Expires and Min-Expires. Blanks, parameters and a comment after the digits are passed
/// over; a number that does not fit is `u32::MAX`; anything else, a date for example, is none.
#[must_use]
pub fn delta_seconds(value: &str) -> Option<u32> {
    let value = lex::trim(value);
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, rest) = value.split_at_checked(end)?;
    if digits.is_empty() || !rest.starts_with(ends_number) && !rest.is_empty() {
        return None;
    }
    // Only digits are left, so the one possible failure is overflow.
    Some(digits.parse().unwrap_or(u32::MAX))
}

fn ends_number(c: char) -> bool {
    lex::is_blank(c) || matches!(c, ';' | '(' | ',')
}

/// Reads Retry-After: seconds to wait; the comment and the `duration` of availability are not used.
#[must_use]
pub fn retry_after(value: &str) -> Option<u32> {
    delta_seconds(value)
}
