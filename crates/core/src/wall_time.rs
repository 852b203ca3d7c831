//! Wall time, as rules and documents write it: xs:dateTime, RFC 3339.

use core::time::Duration;

/// A moment of wall time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds. The core never asks for it; it
/// comes in from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From the time since 1970-01-01T00:00:00Z, as a host's clock gives it.
    #[must_use]
    pub fn from_unix(since: Duration) -> Self {
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// This moment and so much more.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How long it is from `earlier` to this moment; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Reads an xs:dateTime: any year, offset or none, which is taken for UTC, any fraction. A fraction of a
    /// millisecond counts as a whole one, so that no moment is before its own text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let digits = text.iter().position(|b| !b.is_ascii_digit())?;
        let (year, rest) = text.split_at_checked(digits)?;
        if digits < 4 || (digits > 4 && year.starts_with(b"0")) {
            return None;
        }
        // The last four digits decide about leap years, as 400 divides 10,000; others only say "far away".
        let year = year.iter().fold(0, |year: i64, digit| {
            let year = year * 10 + i64::from(digit - b'0');
            if year > FAR {
                FAR + year % 10_000
            } else {
                year
            }
        });
        let (month, rest) = two_digits(rest.strip_prefix(b"-")?)?;
        let (day, rest) = two_digits(rest.strip_prefix(b"-")?)?;
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = match month {
            2 => 28 + i64::from(leap),
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
        let mut millis = 0;
        if let Some(after) = rest.strip_prefix(b".") {
            let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
            let (fraction, behind) = after.split_at_checked(digits).filter(|_| digits > 0)?;
            let digit = |at: usize| fraction.get(at).map_or(0, |digit| i64::from(digit - b'0'));
            millis = digit(0) * 100 + digit(1) * 10 + digit(2);
            let more = fraction.iter().skip(3).any(|&digit| digit != b'0');
            millis += i64::from(more);
            rest = behind;
        }
        let midnight = hour == 24 && minute == 0 && second == 0 && millis == 0;
        if (hour > 23 && !midnight) || minute > 59 || second > 59 {
            return None;
        }
        let offset = match rest {
            [] | b"Z" => 0,
            [sign @ (b'+' | b'-'), offset @ ..] => {
                let (hours, rest) = two_digits(offset)?;
                let (minutes, rest) = two_digits(rest.strip_prefix(b":")?)?;
                let offset = hours * 60 + minutes;
                if !rest.is_empty() || offset > 14 * 60 || minutes > 59 {
                    return None;
                }
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        let year = if negative { -year } else { year };
        let minutes = (days_before(year, month, day) * 24 + hour) * 60 + minute - offset;
        Some(Self((minutes * 60 + second) * 1000 + millis))
    }
}

/// Years beyond this are all the same: far away.
const FAR: i64 = 1_000_000;

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the leap day is
/// their last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days from 0000-03-01 to 1970-01-01.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// Two digits and what stands behind them.
fn two_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds from GNU `date -u +%s`.
    #[test]
    fn dates_are_the_moments_that_the_calendar_says() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00", 0),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2003-08-15T10:20:00.000-05:00", 1_060_960_800),
            ("2004-02-29T24:00:00Z", 1_078_099_200),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("1900-03-01T00:00:00Z", -2_203_891_200),
            ("2026-11-25T21:04:48+14:00", 1_795_590_288),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
        ] {
            let read = WallTime::parse(text).expect(text);
            assert_eq!(read.unix_millis(), seconds * 1000, "{text}");
        }
    }

    #[test]
    fn fractions_count_and_never_make_a_moment_earlier() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.5Z", 500),
            ("1970-01-01T00:00:00.12Z", 120),
            ("1970-01-01T00:00:00.1234Z", 124),
            ("1970-01-01T00:00:00.1230000Z", 123),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(WallTime::parse(text), Some(WallTime(millis)), "{text}");
        }
    }

    #[test]
    fn years_beyond_all_reason_are_far_away_and_harmless() {
        let far = WallTime::parse("99999999999999999999-01-01T00:00:00Z").unwrap();
        let near = WallTime::parse("9999-01-01T00:00:00Z").unwrap();
        let past = WallTime::parse("-99999999999999999999-01-01T00:00:00Z").unwrap();
        assert!(past < near && near < far);
        assert_eq!(near.since(far), Duration::ZERO);
        assert_eq!(near.after(Duration::from_secs(1)).since(near).as_secs(), 1);
        assert_eq!(near.after(Duration::MAX), WallTime(i64::MAX));
    }
}
