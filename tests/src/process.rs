//! A child process whose lines are messages: every wait has a deadline, every failure a transcript.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long a wait lasts before it fails. Ample on a busy machine, and longer than Timer F (32 s,
/// RFC 3261 §17.1.2.2), the longest timer that governs anything waited for here.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// The folder that cargo builds into, for this test: `target/debug`.
///
/// # Panics
/// When the test executable does not lie in such a folder.
pub fn build_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("the path of this test is known");
    let deps = exe.parent().expect("a test lies in a folder");
    deps.parent()
        .expect("cargo puts tests in target/debug/deps")
        .to_path_buf()
}

/// A fresh folder for one lab or one run, under cargo's `target/tmp`.
///
/// # Panics
/// When it cannot be made.
pub fn run_dir(name: &str) -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = build_dir()
        .join("../tmp")
        .join(format!("{name}-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    dir.canonicalize()
        .expect("a folder just made can be resolved")
}

/// The folder of the foreign servers' scripts: `tests/labs`.
pub fn labs_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("labs")
}

#[derive(Debug)]
enum Output {
    Stdout(String),
    Stderr(String),
    Closed,
}

/// What a process left behind when it ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The exit status; `None` when a signal killed it.
    pub status: Option<i32>,
    /// All lines of standard output.
    pub stdout: Vec<String>,
    /// All lines of standard error.
    pub stderr: Vec<String>,
}

/// A running child process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    what: String,
    child: Child,
    stdin: Option<ChildStdin>,
    output: Receiver<Output>,
    closed: u8,
    next: usize,
    stdout: Vec<String>,
    stderr: Vec<String>,
}

impl Process {
    /// Starts `command`, all three standard streams piped.
    ///
    /// # Panics
    /// When it cannot be started; `advice` then says what to do.
    pub fn start(command: &mut Command, advice: &str) -> Self {
        let what = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| match e.kind() {
                ErrorKind::NotFound => panic!("not found: {what}\n{advice}"),
                _ => panic!("cannot start {what}: {e}\n{advice}"),
            });
        let (sender, output) = channel();
        let stdout = child.stdout.take().expect("standard output is piped");
        let stderr = child.stderr.take().expect("standard error is piped");
        read_lines(stdout, sender.clone(), Output::Stdout);
        read_lines(stderr, sender, Output::Stderr);
        let stdin = child.stdin.take();
        Self {
            what,
            child,
            stdin,
            output,
            closed: 0,
            next: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes one line to its standard input.
    ///
    /// # Panics
    /// When it no longer reads.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is still open");
        if let Err(e) = writeln!(stdin, "{line}").and_then(|()| stdin.flush()) {
            panic!("{e} on telling it {line:?}\n{}", self.transcript());
        }
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Its next line on standard output; `None` when it has closed both outputs.
    ///
    /// # Panics
    /// When the wait for `what` lasts longer than [`PATIENCE`].
    pub fn line(&mut self, what: &str) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        while self.next == self.stdout.len() {
            if self.closed == 2 {
                return None;
            }
            if !self.listen(deadline) {
                panic!("no {what} in {PATIENCE:?}\n{}", self.transcript());
            }
        }
        self.next += 1;
        Some(self.stdout[self.next - 1].clone())
    }

    /// Waits for a line on standard error that has `words` in it.
    ///
    /// # Panics
    /// When it does not come within [`PATIENCE`].
    pub fn wait_error(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.stderr.iter().any(|line| line.contains(words)) {
            if self.closed == 2 || !self.listen(deadline) {
                panic!("no {words:?} on standard error\n{}", self.transcript());
            }
        }
    }

    /// Waits for output until `pause` has passed. False when the process has closed its outputs.
    pub fn running_after(&mut self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        while self.closed < 2 && self.listen(deadline) {}
        self.closed < 2
    }

    /// Sends it SIGINT, as Ctrl-C does.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(
            status.as_ref().is_ok_and(ExitStatus::success),
            "{kill}: {status:?}\n{}",
            self.transcript()
        );
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that lasts longer than `limit`.
    pub fn finish(&mut self, limit: Duration) -> Ended {
        assert!(
            self.ends_within(limit),
            "still running after {limit:?}\n{}",
            self.transcript()
        );
        let status = self.child.wait().expect("a child can be waited for");
        Ended {
            status: status.code(),
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
        }
    }

    /// All that it has said, for the text of a failure.
    pub fn transcript(&self) -> String {
        format!(
            "{}\nstandard output:\n  {}\nstandard error:\n  {}",
            self.what,
            self.stdout.join("\n  "),
            self.stderr.join("\n  ")
        )
    }

    /// Waits for both outputs to close, which is how a process's end shows as a message.
    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.closed < 2 {
            if !self.listen(deadline) {
                return false;
            }
        }
        true
    }

    /// Takes one piece of output; false when `deadline` passed without any.
    fn listen(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(left) {
            Ok(Output::Stdout(line)) => self.stdout.push(line),
            Ok(Output::Stderr(line)) => self.stderr.push(line),
            Ok(Output::Closed) => self.closed += 1,
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => self.closed = 2,
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(from: impl Read + Send + 'static, to: Sender<Output>, kind: fn(String) -> Output) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line)
                .trim_end_matches('\r')
                .to_owned();
            if to.send(kind(line)).is_err() {
                return;
            }
        }
        let _ = to.send(Output::Closed);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::start(Command::new("sh").args(["-c", script]), "sh is everywhere")
    }

    #[test]
    fn lines_status_and_standard_error_of_a_process_are_kept() {
        let mut process = shell("read x; echo got $x; echo oops >&2; exit 3");
        process.say("hello");
        assert_eq!(process.line("echo").as_deref(), Some("got hello"));
        assert_eq!(process.line("more"), None);
        let ended = process.finish(PATIENCE);
        assert_eq!(ended.status, Some(3));
        assert_eq!(ended.stderr, ["oops"]);
    }

    #[test]
    fn an_interrupted_process_can_end_in_its_own_way() {
        // Not a shell: one that runs in the background cannot trap SIGINT.
        let script = "import signal, sys
signal.signal(signal.SIGINT, lambda *_: (print('bye', flush=True), sys.exit(0)))
print('up', flush=True)
sys.stdin.read()";
        let mut command = Command::new("python3");
        let mut process = Process::start(command.args(["-c", script]), "install python3");
        assert_eq!(process.line("start").as_deref(), Some("up"));
        process.interrupt();
        assert_eq!(process.line("farewell").as_deref(), Some("bye"));
        assert_eq!(process.finish(PATIENCE).status, Some(0));
    }

    #[test]
    #[should_panic(expected = "still running after")]
    fn a_process_that_does_not_end_is_a_failure_with_a_transcript() {
        let mut process = shell("echo here; read x");
        assert_eq!(process.line("start").as_deref(), Some("here"));
        process.finish(Duration::from_millis(10));
    }

    #[test]
    #[should_panic(expected = "install the thing")]
    fn a_missing_program_is_a_failure_that_says_what_to_install() {
        Process::start(&mut Command::new("no-such-program"), "install the thing");
    }
}
