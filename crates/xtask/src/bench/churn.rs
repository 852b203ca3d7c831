//! The worst single partial document (P5): a large roster that empties and fills again, one user at a time.

use super::documents::{self, Act, Detail};
use super::{jobs, timing};

/// Runs whose least time counts for each document, so that only what the document itself costs is left.
const RUNS: usize = 3;

/// The longest of all partial documents ÷ a full one, on a roster of `users`.
pub(super) fn worst(users: usize) -> f64 {
    let document = documents::full(users, Detail::Whole, jobs::SEED);
    let leave = (0..users * 6 / 10).map(|i| (Act::Delete, i));
    let come = (users..users * 16 / 10).map(|i| (Act::Add, i));
    let steps: Vec<(Act, usize)> = leave.chain(come).collect();
    let mut least = vec![f64::INFINITY; steps.len()];
    let mut full = f64::INFINITY;
    for _ in 0..RUNS {
        let (taken, mut conference) = timing::once(|| jobs::full(&document));
        full = full.min(taken);
        for (at, &(act, i)) in steps.iter().enumerate() {
            let partial = documents::partial(at + 2, act, i);
            let (taken, _) = timing::once(|| jobs::apply(&mut conference, &partial));
            least[at] = least[at].min(taken);
        }
    }
    least.into_iter().fold(0.0, f64::max) / full
}
