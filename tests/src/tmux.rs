//! A real terminal: a tmux server of its own with one pane, looked at until what is due is there.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::process::PATIENCE;

/// How often the pane is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A pane in which a shell runs. Dropping it ends its server, and with it whatever runs there.
#[derive(Debug)]
pub struct Pane {
    server: String,
}

impl Pane {
    /// A pane of that size in which `sh` runs `script`, and then waits, so that what it left can be looked at.
    ///
    /// # Panics
    /// When there is no tmux.
    pub fn start(columns: u16, lines: u16, script: &str) -> Self {
        Self::with(
            columns,
            lines,
            &["sh", "-c", &format!("{script}\nexec cat")],
        )
    }

    /// A pane in which `command` runs.
    ///
    /// # Panics
    /// When there is no tmux.
    pub fn with(columns: u16, lines: u16, command: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let pane = Self {
            server: format!("rollmark-{}-{count}", std::process::id()),
        };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let mut args = vec!["-f", "/dev/null", "new-session", "-d"];
        args.extend(["-x", &columns, "-y", &lines]);
        args.extend(command);
        pane.tmux(&args);
        pane
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = self.try_tmux(args);
        let (told, failed) = (&output.stdout, &output.stderr);
        assert!(
            output.status.success(),
            "tmux {args:?}: {}\nRun ./tests/run",
            String::from_utf8_lossy(failed)
        );
        String::from_utf8_lossy(told).into_owned()
    }

    fn try_tmux(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        // What is meant is neither the terminal of these tests nor a wish of whoever runs them.
        for name in ["TMUX", "NO_COLOR", "ROLLMARK_LOG", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command
            .env("LC_ALL", "C.UTF-8")
            .args(["-u", "-L", &self.server])
            .args(args)
            .output()
            .unwrap_or_else(|e| panic!("tmux: {e}\nRun ./tests/run"))
    }

    /// What is seen.
    pub fn seen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What is seen, with the escapes for colours and the like.
    pub fn seen_with_escapes(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Waits until all of these words are seen; gives what was.
    ///
    /// # Panics
    /// When they do not come within [`PATIENCE`].
    #[track_caller]
    pub fn wait(&self, words: &[&str]) -> String {
        self.wait_until(&format!("{words:?}"), |seen| {
            words.iter().all(|words| seen.contains(words))
        })
    }

    /// Waits until what is seen is as it should be; `what` names that.
    ///
    /// # Panics
    /// When that does not come within [`PATIENCE`].
    #[track_caller]
    pub fn wait_until(&self, what: &str, matches: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen();
            if matches(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "no {what} in\n{seen}");
            std::thread::sleep(LOOK);
        }
    }

    /// Presses keys, by tmux's names.
    pub fn press(&self, keys: &[&str]) {
        let mut args = vec!["send-keys"];
        args.extend(keys);
        self.tmux(&args);
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, lines: u16) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &lines]);
    }

    /// Whether a program has the whole screen, as an editor does, and whether the cursor is hidden.
    pub fn is_taken(&self) -> (bool, bool) {
        let told = self.tmux(&["display", "-p", "#{alternate_on} #{cursor_flag}"]);
        (told.starts_with('1'), told.trim().ends_with('0'))
    }

    /// The terminal goes away.
    pub fn kill(&self) {
        let _ = self.try_tmux(&["kill-server"]);
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.kill();
    }
}
