//! `cargo xtask clauses`: which test shows which clause of the catalogue in `tests/clauses.tsv`.

mod catalogue;
mod ids;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::Args;

use catalogue::{Clause, Scope};

/// What to print.
#[derive(Args)]
pub(crate) struct Options {
    /// Print no table, only what is wrong
    #[arg(long)]
    check: bool,
}

/// Clauses, the tests that name each of them, and what is wrong.
#[derive(Debug, Default)]
struct Report {
    clauses: BTreeMap<String, Clause>,
    /// Id → `file:function`.
    shown: BTreeMap<String, BTreeSet<String>>,
    faults: Vec<String>,
}

/// Prints the table; fails when a clause in scope has no test, or a test names what is no clause.
pub(crate) fn run(options: &Options) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = match sources(&root).and_then(|sources| {
        let catalogue = fs::read_to_string(root.join("tests/clauses.tsv"))?;
        Ok(report(&catalogue, &sources))
    }) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("xtask: the sources cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    if !options.check {
        print!("{}", report.table());
    }
    for fault in &report.faults {
        eprintln!("{fault}");
    }
    println!("{}", report.summary());
    if report.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Every Rust source of the workspace by its path from the root, in order.
fn sources(root: &Path) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = directory.join(&name);
            if entry.file_type()?.is_dir() {
                let name = name.to_string_lossy();
                if name != "target" && !name.starts_with('.') {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(root.join(&path))?;
                found.push((path.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// True for a file that is test code as a whole: in a `tests` directory of a package, or named like one.
fn is_test_code(path: &str) -> bool {
    // The package `tests` itself is support code but for its own `tests`.
    let path = path.strip_prefix("tests/").unwrap_or(path);
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    parts.contains(&"tests") || file == "tests.rs" || file.ends_with("_tests.rs")
}

fn report(catalogue: &str, sources: &[(String, String)]) -> Report {
    let mut report = Report::default();
    match catalogue::read(catalogue) {
        Ok(clauses) => report.clauses = clauses,
        Err(faults) => {
            let faults = faults.into_iter();
            report.faults = faults
                .map(|fault| format!("tests/clauses.tsv: {fault}"))
                .collect();
            return report;
        }
    }
    for (path, text) in sources {
        // The checker's own tests are about ids, and show no clause.
        if path.starts_with("crates/xtask/") {
            continue;
        }
        match source::read(text, is_test_code(path)) {
            Ok(shown) => report.add(path, shown),
            Err(fault) => report.faults.push(format!("{path} {fault}")),
        }
    }
    for (id, clause) in &report.clauses {
        if clause.scope == Scope::Now && !report.shown.contains_key(id) {
            let words = &clause.words;
            report.faults.push(format!(
                "{id} ({words}) is in scope and no test names it: write the test, or set its scope in tests/clauses.tsv"
            ));
        }
    }
    report
}

impl Report {
    fn add(&mut self, path: &str, shown: source::Shown) {
        for (test, ids) in shown.tests {
            for (id, line) in ids {
                if !self.clauses.contains_key(&id) {
                    self.faults.push(format!(
                        "{path}:{line}: the test {test} names {id}, which is no clause of tests/clauses.tsv"
                    ));
                }
                self.shown
                    .entry(id)
                    .or_default()
                    .insert(format!("{path}:{test}"));
            }
        }
        for (id, line) in shown.loose {
            self.faults.push(format!(
                "{path}:{line}: {id} is named in test code but by no test: move the comment to the test that shows it"
            ));
        }
    }

    /// Clause → tests.
    fn table(&self) -> String {
        let mut table = String::new();
        for (id, clause) in &self.clauses {
            let scope = match clause.scope {
                Scope::Now => "now",
                Scope::Later => "later",
                Scope::Not => "not",
            };
            table += &format!(
                "{id:<8}{scope:<6}{:<5}{:<11}{}\n",
                clause.mode, clause.level, clause.words
            );
            for test in self.shown.get(id).into_iter().flatten() {
                table += &format!("        {test}\n");
            }
        }
        table
    }

    fn summary(&self) -> String {
        let count = |scope| {
            self.clauses
                .values()
                .filter(|clause| clause.scope == scope)
                .count()
        };
        let shown = self
            .clauses
            .iter()
            .filter(|(id, clause)| clause.scope == Scope::Now && self.shown.contains_key(*id));
        format!(
            "{} of {} clauses in scope are named by a test; {} later, {} not",
            shown.count(),
            count(Scope::Now),
            count(Scope::Later),
            count(Scope::Not)
        )
    }
}
