//! When a registration is renewed, and how long a failed one waits.

use std::time::Duration;

/// A life above this is renewed [`EARLY`] before its end, any other half-way (TS 24.229 §5.1.1.4.1).
const LONG_LIFE: Duration = Duration::from_secs(1200);
/// How long before its end a long life is renewed.
const EARLY: Duration = Duration::from_secs(600);
/// Wait after the first failure, doubled with each further one (RFC 5626 §4.5: base-time).
const BASE: Duration = Duration::from_secs(30);
/// Longest wait between two attempts (RFC 5626 §4.5: max-time).
const LONGEST: Duration = Duration::from_secs(1800);

/// How long after an answer the registration is renewed.
pub(super) fn renew_after(life: Duration) -> Duration {
    if life > LONG_LIFE {
        life - EARLY
    } else {
        life / 2
    }
}

/// How long to wait after so many failures in a row: between half of the upper bound and the whole, by `random`.
pub(super) fn wait(failures: u32, random: u32) -> Duration {
    let bound = BASE
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST);
    bound / 2 + bound.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TS 24.229 §5.1.1.4.1.
    #[test]
    fn a_long_life_is_renewed_ten_minutes_early_a_short_one_half_way() {
        for (life, renewed) in [
            (600_000, 599_400),
            (1201, 601),
            (1200, 600),
            (20, 10),
            (1, 0),
        ] {
            assert_eq!(renew_after(Duration::from_secs(life)).as_secs(), renewed);
        }
    }

    /// RFC 5626 §4.5.
    #[test]
    fn waits_grow_to_half_an_hour_and_differ() {
        for (failures, least, most) in [
            (1, 15, 30),
            (2, 30, 60),
            (6, 480, 960),
            (7, 900, 1800),
            (u32::MAX, 900, 1800),
        ] {
            assert_eq!(wait(failures, 0).as_secs(), least);
            assert_eq!(wait(failures, u32::MAX).as_secs(), most);
        }
    }
}
