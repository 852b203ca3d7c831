//! Counts that are the same on every run: instructions by valgrind, allocations and bytes by the allocator.

use std::process::{Command, Stdio};

use stats_alloc::Region;

use crate::ALLOCATOR;

/// Allocations and reallocations made by `job`, and the bytes that are held because of what it gives.
pub(super) fn allocations<T>(job: impl FnOnce() -> T) -> (usize, isize, T) {
    let region = Region::new(ALLOCATOR);
    let result = job();
    let change = region.change();
    let held = change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed();
    (change.allocations + change.reallocations, held, result)
}

/// Instructions of one more time of a job: the difference between few and many times, so that what comes before does
/// not count. `None` without valgrind.
pub(super) fn instructions(job: &str, users: usize, few: usize, many: usize) -> Option<f64> {
    let (low, high) = (total(job, users, few)?, total(job, users, many)?);
    Some((high - low) / (many - few) as f64)
}

/// Instructions of the whole process.
fn total(job: &str, users: usize, times: usize) -> Option<f64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ])
        .arg(std::env::current_exe().ok()?)
        .args(["measure", job])
        .args(["--users", &users.to_string()])
        .args(["--times", &times.to_string()])
        .stdout(Stdio::null())
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "the job failed:\n{report}");
    let line = report.lines().find(|line| line.contains("I   refs:"))?;
    let digits: String = line
        .rsplit(':')
        .next()?
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}
