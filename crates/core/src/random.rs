//! Randomness of the engine: one generator seeded by the host, so that a run can be replayed (SEC-01).

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// Generator of tags, Call-IDs, cnonces and jitter. Names follow from the whole seed, jitter from its second half alone: a
/// recording that must not show the names of a run keeps its times with another first half ([`crate::record::Redactor`]).
#[derive(Debug)]
pub(crate) struct Random {
    names: ChaCha12Rng,
    jitter: ChaCha12Rng,
    drawn: u64,
}

/// An unguessable name: a tag, a Call-ID, a cnonce. 96 bits, above the 64 that SEC-01 advises; written as 24 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Token([u8; 12]);

impl Token {
    /// Reads a token of ours; none for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut token = [0; 12];
        let digits = text.as_bytes();
        if digits.len() != token.len() * 2 {
            return None;
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        for (byte, pair) in token.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = value(*high)? << 4 | value(*low)?;
        }
        Some(Self(token))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Random {
    /// Octets of the seed that only names follow from.
    pub(crate) const NAMES_HALF: usize = 16;

    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut half = seed;
        let (first, _) = half.split_at_mut(Self::NAMES_HALF);
        first.fill(0);
        Self {
            names: ChaCha12Rng::from_seed(seed),
            jitter: ChaCha12Rng::from_seed(half),
            drawn: 0,
        }
    }

    /// How many names were drawn.
    pub(crate) fn drawn(&self) -> u64 {
        self.drawn
    }

    /// A token never used before.
    pub(crate) fn name(&mut self) -> Token {
        self.drawn += 1;
        let mut token = [0; 12];
        for word in token.chunks_exact_mut(4) {
            word.copy_from_slice(&self.names.next_u32().to_le_bytes());
        }
        Token(token)
    }

    /// The same as text.
    pub(crate) fn token(&mut self) -> String {
        self.name().to_string()
    }

    /// The duration shortened by up to `percent` per cent.
    pub(crate) fn shorten(&mut self, duration: Duration, percent: u32) -> Duration {
        // In whole numbers, so that every machine computes the same.
        let share = u128::from(self.jitter.next_u32()) * u128::from(percent.min(100));
        let cut = duration.as_nanos().saturating_mul(share) / (100u128 << 32);
        duration.saturating_sub(Duration::from_nanos(u64::try_from(cut).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_tokens_and_no_token_twice() {
        let (mut a, mut b) = (Random::new([7; 32]), Random::new([7; 32]));
        let first = a.token();
        assert_eq!(first.len(), 24);
        assert_eq!(first, b.token());
        assert_ne!(first, a.token());
    }

    #[test]
    fn the_first_half_of_the_seed_changes_names_and_no_jitter() {
        let mut other = [7; 32];
        other[..Random::NAMES_HALF].fill(9);
        let (mut a, mut b) = (Random::new([7; 32]), Random::new(other));
        assert_ne!(a.token(), b.token());
        let d = Duration::from_secs(100);
        for _ in 0..10 {
            assert_eq!(a.shorten(d, 10), b.shorten(d, 10));
        }
        assert_eq!(a.drawn(), 1);
    }

    #[test]
    fn a_token_is_read_as_it_is_written_and_nothing_else_is_one() {
        let token = Random::new([7; 32]).name();
        assert_eq!(Token::parse(&token.to_string()), Some(token));
        let upper = token.to_string().to_ascii_uppercase();
        for other in [
            "",
            "0123",
            "z23456789012345678901234",
            &upper,
            "0123456789abcdef0123456789",
        ] {
            assert_eq!(Token::parse(other), None, "{other}");
        }
    }

    #[test]
    fn jitter_only_shortens_and_stays_in_its_bound() {
        let mut random = Random::new([1; 32]);
        for _ in 0..1000 {
            let d = random.shorten(Duration::from_secs(100), 10);
            assert!(d <= Duration::from_secs(100) && d >= Duration::from_secs(90));
        }
    }
}
