//! Rates of notifications: `max-rate`, `min-rate`, `adaptive-min-rate` of Event and Subscription-State (RFC 6446 §9.2).

use core::fmt;
use core::time::Duration;

use super::lex;

/// Billionths of a notification per second in one per second.
const ONE: u64 = 1_000_000_000;

/// Notifications per second, never none at all. `Display` writes the parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Billionths of a notification per second: digits after the ninth decimal are dropped.
    billionths: u64,
}

impl Rate {
    /// One notification in this time; none for no time, and for one over 31 years.
    #[must_use]
    pub fn every(interval: Duration) -> Option<Self> {
        let rate = (u128::from(ONE) * u128::from(ONE)).checked_div(interval.as_nanos())?;
        let billionths = u64::try_from(rate).ok()?.min(ONE * ONE);
        (billionths > 0).then_some(Self { billionths })
    }

    /// Time from one notification to the next at this rate.
    #[must_use]
    pub const fn interval(self) -> Duration {
        // Never zero by construction, and the quotient fits.
        match (ONE * ONE).checked_div(self.billionths) {
            Some(nanoseconds) => Duration::from_nanos(nanoseconds),
            None => Duration::MAX,
        }
    }

    /// Reads `digits[.digits]`, also in quotes; none for anything else and for zero.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let value = lex::unquoted(lex::trim(value));
        let (whole, decimals) = value.split_once('.').unwrap_or((&value, "0"));
        let digital = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digital(whole) || !digital(decimals) {
            return None;
        }
        let decimals = decimals
            .bytes()
            .chain(core::iter::repeat(b'0'))
            .take(9)
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
        // No more than one each nanosecond, so that an interval is never zero.
        let billionths = whole
            .saturating_mul(ONE)
            .saturating_add(decimals)
            .min(ONE * ONE);
        (billionths > 0).then_some(Self { billionths })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.billionths / ONE)?;
        let mut decimals = self.billionths % ONE;
        let mut digits = 9;
        if decimals == 0 {
            return Ok(());
        }
        while decimals.is_multiple_of(10) {
            decimals /= 10;
            digits -= 1;
        }
        write!(f, ".{decimals:0digits$}")
    }
}
