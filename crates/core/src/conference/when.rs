//! Dates of `when` elements: xs:dateTime (CONF-54).

/// True when `text` is an xs:dateTime: any offset or none, any fraction.
pub(super) fn is_date_time(text: &str) -> bool {
    parse(text).is_some()
}

fn parse(text: &str) -> Option<()> {
    let text = text.as_bytes();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = text.iter().position(|b| !b.is_ascii_digit())?;
    let (year, rest) = text.split_at_checked(digits)?;
    if digits < 4 || (digits > 4 && year.starts_with(b"0")) {
        return None;
    }
    // The last four digits decide about leap years, as 400 divides 10,000.
    let last = year.get(digits - 4..)?.iter();
    let year = last.fold(0, |year, digit| year * 10 + u32::from(digit - b'0'));
    let (month, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    let (day, rest) = two_digits(rest.strip_prefix(b"-")?)?;
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    let (hour, rest) = two_digits(rest.strip_prefix(b"T")?)?;
    let (minute, rest) = two_digits(rest.strip_prefix(b":")?)?;
    let (second, mut rest) = two_digits(rest.strip_prefix(b":")?)?;
    if let Some(after) = rest.strip_prefix(b".") {
        let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
        rest = after.get(digits..).filter(|_| digits > 0)?;
    }
    let midnight = hour == 24 && minute == 0 && second == 0;
    if (hour > 23 && !midnight) || minute > 59 || second > 59 {
        return None;
    }
    match rest {
        [] | b"Z" => Some(()),
        [b'+' | b'-', offset @ ..] => {
            let (hours, rest) = two_digits(offset)?;
            let (minutes, rest) = two_digits(rest.strip_prefix(b":")?)?;
            (rest.is_empty() && hours * 60 + minutes <= 14 * 60 && minutes <= 59).then_some(())
        }
        _ => None,
    }
}

/// Two digits and what stands behind them.
fn two_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_with_any_offset_and_fraction_are_told_from_garbage() {
        for (text, expected) in [
            ("2005-03-04T20:00:00Z", true),
            ("2005-03-04T20:00:00", true),
            ("2005-03-04T20:00:00+02:00", true),
            ("2005-03-04T20:00:00.123-14:00", true),
            ("2004-02-29T24:00:00Z", true),
            ("12005-01-01T00:00:00Z", true),
            ("2005-02-29T20:00:00Z", false),
            ("2005-13-04T20:00:00Z", false),
            ("2005-03-04T20:00:60Z", false),
            ("2005-03-04T24:00:01Z", false),
            ("2005-03-04T20:00:00+14:01", false),
            ("2005-03-04T20:00:00.Z", false),
            ("2005-03-04 20:00:00Z", false),
            ("2005-3-4T20:00:00Z", false),
            ("1110000000", false),
            ("", false),
            ("é-T-é", false),
        ] {
            assert_eq!(is_date_time(text), expected, "{text}");
        }
    }
}
