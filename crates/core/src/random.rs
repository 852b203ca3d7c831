//! Randomness of the engine: one generator seeded by the host, so that a run can be replayed (SEC-01).

use alloc::string::String;
use core::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// Generator of tags, Call-IDs, cnonces and jitter.
#[derive(Debug)]
pub(crate) struct Random(ChaCha12Rng);

/// Hex digits of a tag, Call-ID or cnonce: 96 bits, above the 64 that SEC-01 advises.
const TOKEN_WORDS: usize = 3;

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// An unguessable token of 24 hex digits.
    pub(crate) fn token(&mut self) -> String {
        const HEX: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let mut token = String::with_capacity(TOKEN_WORDS * 8);
        for _ in 0..TOKEN_WORDS {
            let mut word = self.0.next_u32();
            for _ in 0..8 {
                token.push(HEX.get((word & 15) as usize).copied().unwrap_or('0'));
                word >>= 4;
            }
        }
        token
    }

    /// The duration shortened by up to `percent` per cent.
    pub(crate) fn shorten(&mut self, duration: Duration, percent: u32) -> Duration {
        let cut = self.0.next_u32() % (percent.min(100) * 100 + 1);
        duration.saturating_sub(duration.mul_f64(f64::from(cut) / 10_000.0))
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
    fn jitter_only_shortens_and_stays_in_its_bound() {
        let mut random = Random::new([1; 32]);
        for _ in 0..1000 {
            let d = random.shorten(Duration::from_secs(100), 10);
            assert!(d <= Duration::from_secs(100) && d >= Duration::from_secs(90));
        }
    }
}
