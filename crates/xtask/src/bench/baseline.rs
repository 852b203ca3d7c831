//! Counts recorded in the tree, so that a change that costs more is seen when it is made.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// Counts by name.
pub(super) type Counts = BTreeMap<String, f64>;

/// How far a count of instructions may be off: hash tables are seeded anew in every process.
const TOLERANCE: f64 = 0.01;

#[derive(Serialize, Deserialize)]
struct Baseline {
    /// Instructions are those that this compiler made.
    compiler: String,
    /// And on such a processor: memchr and the C library choose their code by what it can do.
    processor: String,
    counts: Counts,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("baseline.json")
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| {
        info.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim() == name)
            .map_or("?", |(_, value)| value.trim())
    };
    let flags = value("flags").split(' ').count();
    format!(
        "{}, family {}, model {}, {flags} flags",
        value("model name"),
        value("cpu family"),
        value("model")
    )
}

/// Writes the counts down; what was done, in words.
pub(super) fn record(counts: &Counts) -> String {
    let baseline = Baseline {
        compiler: compiler(),
        processor: processor(),
        counts: counts.clone(),
    };
    let text = serde_json::to_string_pretty(&baseline).unwrap_or_default();
    match std::fs::write(path(), text + "\n") {
        Ok(()) => format!("recorded in {}", path().display()),
        Err(fault) => format!("not recorded: {}: {fault}", path().display()),
    }
}

/// What has changed since the counts were recorded, in words. Instructions of another compiler or
/// processor are not compared.
pub(super) fn compare(counts: &Counts) -> Vec<String> {
    let recorded: Baseline = match std::fs::read_to_string(path())
        .map_err(|fault| fault.to_string())
        .and_then(|text| serde_json::from_str(&text).map_err(|fault| fault.to_string()))
    {
        Ok(recorded) => recorded,
        Err(fault) => return vec![format!("no counts to compare with: {fault}")],
    };
    let same_machine = recorded.compiler == compiler() && recorded.processor == processor();
    counts
        .iter()
        .filter(|(name, _)| same_machine || !name.contains("instructions"))
        .filter_map(|(name, &count)| {
            let before = *recorded.counts.get(name)?;
            let change = count / before - 1.0;
            (change.abs() > TOLERANCE).then(|| {
                format!(
                    "{name}: {before:.1} before, {count:.1} now ({:+.1} %); if that is meant: cargo xtask bench --record",
                    change * 100.0
                )
            })
        })
        .collect()
}
