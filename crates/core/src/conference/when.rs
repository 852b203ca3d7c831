//! Dates of `when` elements: xs:dateTime (CONF-54).

use crate::wall_time::WallTime;

/// True when `text` is an xs:dateTime: any offset or none, any fraction.
pub(super) fn is_date_time(text: &str) -> bool {
    WallTime::parse(text).is_some()
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
