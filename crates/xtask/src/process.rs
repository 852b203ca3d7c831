//! This process: what the system says of it, its runtime, how it ends.

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::scale::Fault;

/// A runtime with a thread for each of two cores, as the goals are stated for.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

/// The exit status of a job, which is named where it failed.
pub(crate) fn ended(job: &str, result: Result<(), Fault>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {job}: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Resident memory in bytes; 0 where the system does not tell.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

/// Bytes allocated and not freed.
pub(crate) fn allocated() -> u64 {
    let stats = crate::ALLOCATOR.stats();
    stats
        .bytes_allocated
        .saturating_sub(stats.bytes_deallocated) as u64
}
