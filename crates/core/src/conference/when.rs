//! Dates of `when` elements: xs:dateTime (CONF-54).

/// True when `text` is an xs:dateTime: any offset or none, any fraction.
pub(super) fn is_date_time(text: &str) -> bool {
    parse(text).is_some()
}

fn parse(text: &str) -> Option<()> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (date, time) = text.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    if date.next().is_some() || year.len() < 4 || (year.len() > 4 && year.starts_with('0')) {
        return None;
    }
    if !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (month, day) = (two_digits(month)?, two_digits(day)?);
    // The last four digits decide about leap years, as 400 divides 10,000.
    let year: u32 = year.get(year.len() - 4..)?.parse().ok()?;
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
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at_checked(zone)?;
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    if fraction.is_some_and(|f| f.is_empty() || !f.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let mut clock = clock.split(':');
    let (hour, minute, second) = (
        two_digits(clock.next()?)?,
        two_digits(clock.next()?)?,
        two_digits(clock.next()?)?,
    );
    let midnight = hour == 24 && minute == 0 && second == 0;
    if clock.next().is_some() || (hour > 23 && !midnight) || minute > 59 || second > 59 {
        return None;
    }
    match zone.strip_prefix(['+', '-']) {
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
            (hours * 60 + minutes <= 14 * 60 && minutes <= 59).then_some(())
        }
        None => (zone.is_empty() || zone == "Z").then_some(()),
    }
}

fn two_digits(text: &str) -> Option<u32> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
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
