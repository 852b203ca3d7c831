//! CPU time in pairs: short slices of each job next to each other, and the median of their ratios.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// Rounds of one comparison.
const ROUNDS: usize = 25;
/// The least that one slice takes.
const SLICE: Duration = Duration::from_millis(12);

/// CPU time of one call, in seconds, over at least a slice.
fn slice(job: &mut dyn FnMut() -> usize) -> f64 {
    let start = ThreadTime::now();
    let mut calls = 0_u32;
    loop {
        black_box(job());
        calls += 1;
        let taken = start.elapsed();
        if taken >= SLICE {
            return taken.as_secs_f64() / f64::from(calls);
        }
    }
}

/// CPU time of each job as a multiple of that of the first, and that of the first in seconds: medians over all
/// rounds.
pub(super) fn ratios(jobs: &mut [&mut dyn FnMut() -> usize]) -> (Vec<f64>, f64) {
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); jobs.len()];
    let mut base = Vec::new();
    for round in 0..=ROUNDS {
        let taken: Vec<f64> = jobs.iter_mut().map(|job| slice(job)).collect();
        // The first round only warms up.
        if round > 0 {
            base.push(taken[0]);
            for (ratios, time) in rounds.iter_mut().zip(&taken) {
                ratios.push(time / taken[0]);
            }
        }
    }
    (rounds.into_iter().map(median).collect(), median(base))
}

/// CPU time of one call in seconds.
pub(super) fn once<T>(job: impl FnOnce() -> T) -> (f64, T) {
    let start = ThreadTime::now();
    let result = job();
    (start.elapsed().as_secs_f64(), result)
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
