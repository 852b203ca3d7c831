//! A lab that its `lab-start.sh` holds: started on ports and in a folder of its own, stopped and removed with this value.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{PATIENCE, Process, labs_dir, run_dir};

/// A lab that runs. Dropping it stops it and removes its folder.
#[derive(Debug)]
pub(crate) struct Held {
    process: Process,
    values: BTreeMap<String, String>,
}

impl Held {
    /// Starts the lab of this name; `settings` are the environment variables at the top of its `lab-start.sh`.
    ///
    /// Free ports are chosen a moment before they are bound, so a clash is forgiven, twice.
    ///
    /// # Panics
    /// When it does not come up; the text says what to `install`.
    pub(crate) fn start(name: &str, settings: &[(&str, &str)], install: &str) -> Self {
        Self::attempt(name, settings, install)
            .or_else(|_| Self::attempt(name, settings, install))
            .or_else(|_| Self::attempt(name, settings, install))
            .unwrap_or_else(|said| panic!("the lab {name} did not start. {install}\n{said}"))
    }

    fn attempt(name: &str, settings: &[(&str, &str)], install: &str) -> Result<Self, String> {
        let dir = run_dir(name);
        let mut command = Command::new(labs_dir().join(name).join("lab-start.sh"));
        command
            .arg("--hold")
            .env("LAB_DIR", &dir)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(settings.iter().copied());
        let mut process = Process::start(&mut command, install);
        let mut values = BTreeMap::new();
        while let Some(line) = process.line("sign of life from the lab") {
            if line == "ready" {
                return Ok(Self { process, values });
            }
            if let Some((key, value)) = line.split_once('=') {
                values.insert(key.to_owned(), value.to_owned());
            }
        }
        process.finish(PATIENCE);
        Err(process.transcript())
    }

    /// What the script told under this key.
    ///
    /// # Panics
    /// When it told none.
    pub(crate) fn value(&self, key: &str) -> &str {
        self.values
            .get(key)
            .unwrap_or_else(|| panic!("the lab told no {key}\n{}", self.process.transcript()))
    }

    /// `127.0.0.1:PORT`, the port being told under this key.
    pub(crate) fn address(&self, key: &str) -> String {
        format!("127.0.0.1:{}", self.value(key))
    }

    /// Its run folder.
    pub(crate) fn dir(&self) -> &Path {
        Path::new(self.value("LAB_DIR"))
    }

    /// Writes a file into the run folder and gives its path. Who reads it meanwhile reads it whole, as it was or as it is.
    ///
    /// # Panics
    /// When it cannot be written.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        static WRITTEN: AtomicU32 = AtomicU32::new(0);
        let path = self.dir().join(name);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let draft = self.dir().join(format!("{name}.{number}"));
        std::fs::write(&draft, content)
            .and_then(|()| std::fs::rename(&draft, &path))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path.display().to_string()
    }

    /// The log of one of its servers; empty when there is none.
    pub(crate) fn log(&self, server: &str) -> String {
        std::fs::read_to_string(self.dir().join(format!("{server}.log"))).unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // End of input is the script's sign to stop every server, which it does in bounded time.
        self.process.close_stdin();
        while self.process.running_after(PATIENCE) {}
    }
}
