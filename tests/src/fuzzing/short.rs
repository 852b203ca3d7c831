//! Inputs of a fixed seed for the short form of the fuzz targets.

use arbitrary::Unstructured;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use super::{headers, markup, uris};

/// What the inputs of a target look like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// XML documents, most of them nearly right.
    Markup,
    /// Pairs of URIs, a line each.
    Uris,
    /// Header values.
    Headers,
    /// Bytes that the target itself reads as choices.
    Choices {
        /// Bytes at most.
        longest: usize,
    },
}

/// Bytes of choices behind an input of one of the other shapes.
const CHOICES: usize = 256;

/// `count` inputs of a shape; the same seed gives the same ones.
pub fn inputs(shape: Shape, seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    (0..count).map(move |_| {
        let longest = match shape {
            Shape::Choices { longest } => longest,
            _ => CHOICES,
        };
        let length = 1 + random.next_u32() as usize % longest;
        let mut choices = vec![0; length];
        random.fill_bytes(&mut choices);
        let mut u = Unstructured::new(&choices);
        match shape {
            Shape::Markup => markup::document(&mut u),
            Shape::Uris => uris::pair(&mut u),
            Shape::Headers => headers::value(&mut u),
            Shape::Choices { .. } => Ok(choices),
        }
        .unwrap_or_default()
    })
}
