//! The real baresip with our module in it, headless: its folder, its log, what its commands print.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::lab::INSTALL;
use crate::process::{PATIENCE, build_dir, run_dir};

/// Where Debian keeps baresip's own modules.
const MODULES: &str = "/usr/lib/baresip/modules";

/// All modules that a headless softphone needs, ours the last.
pub const ALL: [&str; 4] = ["stdio.so", "account.so", "menu.so", "conference.so"];

/// The module as cargo has built it: `target/debug/libconference.so`.
///
/// # Panics
/// When it has not been built.
pub fn module() -> PathBuf {
    let module = build_dir().join("libconference.so");
    assert!(
        module.exists(),
        "{} is missing: build it with `cargo build -p rollmark-baresip`, or run ./tests/run",
        module.display()
    );
    module
}

/// Makes the folder of one run: accounts and modules; the configuration follows.
///
/// # Panics
/// When it cannot be made.
pub fn folder(accounts: &str, wanted: &[&str]) -> PathBuf {
    let dir = run_dir("baresip");
    fs::write(dir.join("accounts"), accounts).expect("a file of a folder just made");
    let modules = dir.join("modules");
    fs::create_dir(&modules).expect("a folder for modules");
    for name in wanted {
        let from = match *name {
            "conference.so" => module(),
            _ => Path::new(MODULES).join(name),
        };
        symlink(from, modules.join(name)).expect("a link");
    }
    dir
}

/// Writes the configuration: where to listen, these modules, these keys of ours.
///
/// # Panics
/// When it cannot be written.
pub fn write_config(dir: &Path, keys: &str, load: &[&str]) {
    let modules = dir.join("modules");
    let mut text = format!(
        "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nmodule_path {}\n",
        modules.display()
    );
    for name in load {
        let application = if *name == "stdio.so" { "" } else { "_app" };
        text += &format!("module{application} {name}\n");
    }
    fs::write(dir.join("config"), text + keys).expect("a file of a folder just made");
}

/// A running baresip. Dropping it ends it.
#[derive(Debug)]
pub struct Phone {
    child: Child,
    /// Its log is on standard output, what a command prints on standard error.
    log: Receiver<String>,
    printed: Receiver<String>,
    said: Vec<String>,
    /// How many lines of the log [`Phone::heard`] has been through.
    through: usize,
}

impl Phone {
    /// Starts Debian's baresip on such a folder.
    pub fn open(dir: &Path) -> Self {
        Self::start(Command::new("baresip").arg("-f").arg(dir))
    }

    /// Starts a baresip and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} does not start: {e}. {INSTALL}"));
        let log = lines(child.stdout.take().expect("it is piped"));
        let printed = lines(child.stderr.take().expect("it is piped"));
        let mut phone = Self {
            child,
            log,
            printed,
            said: Vec::new(),
            through: 0,
        };
        let deadline = Instant::now() + PATIENCE;
        while !phone
            .said
            .iter()
            .any(|line| line.contains("baresip is ready."))
        {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                phone.line(left).is_some(),
                "not ready\n{}",
                phone.transcript()
            );
        }
        phone
    }

    /// Types a command.
    ///
    /// # Panics
    /// When it has ended.
    pub fn type_in(&mut self, command: &str) {
        let keys = self.child.stdin.as_mut().expect("it is piped");
        let typed = writeln!(keys, "/{command}").and_then(|()| keys.flush());
        typed.unwrap_or_else(|e| panic!("{e} on typing {command}\n{}", self.transcript()));
    }

    /// The next line of its log, if one comes within this time.
    pub fn line(&mut self, within: Duration) -> Option<String> {
        let line = self.log.recv_timeout(within).ok()?;
        self.said.push(line.clone());
        Some(line)
    }

    /// The next line of its log with these words, behind the one that was given last.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn heard(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(line) = self.said.get(self.through) {
                self.through += 1;
                if line.contains(words) {
                    return line.clone();
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let more = self.line(left).is_some();
            assert!(more, "no {words:?} from baresip\n{}", self.transcript());
        }
    }

    /// The next line that a command prints and that `wanted` is true for.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn printed(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.printed.recv_timeout(left) {
                Ok(line) if wanted(&line) => return line,
                Ok(_) => {}
                Err(_) => panic!("baresip did not print {what}\n{}", self.transcript()),
            }
        }
    }

    /// Types a command; the next line that it prints with these words.
    #[track_caller]
    pub fn asked(&mut self, command: &str, words: &str) -> String {
        self.type_in(command);
        self.printed(words, |line| line.contains(words))
    }

    /// Ends it as a terminal or a session manager does: by its own process id.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.is_ok_and(|status| status.success()), "{kill}");
    }

    /// Whether it has ended; if so, well.
    ///
    /// # Panics
    /// When it has ended otherwise, or had a fault inside our module.
    pub fn has_ended(&mut self) -> bool {
        let Some(status) = self.child.try_wait().expect("a child can be asked") else {
            return false;
        };
        assert!(
            status.success(),
            "baresip ended with {status}\n{}",
            self.transcript()
        );
        let fault = self.said.iter().find(|line| line.contains("fault inside"));
        assert!(fault.is_none(), "{}", self.transcript());
        true
    }

    /// Waits until it has ended, with whatever status.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        // Its log ends with it.
        while self
            .line(deadline.saturating_duration_since(Instant::now()))
            .is_some()
        {}
        assert!(
            Instant::now() < deadline,
            "it lives on\n{}",
            self.transcript()
        );
        self.child.wait().expect("a child can be waited for")
    }

    /// What it printed and nobody asked for yet, until its end: for [`Phone::end`] of a program that reports there.
    pub fn rest(&mut self) -> Vec<String> {
        self.printed.iter().collect()
    }

    /// All that its log said.
    pub fn transcript(&self) -> String {
        format!("baresip said\n  {}", self.said.join("\n  "))
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        // Both fail only for a child that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line)
                .trim_end_matches('\r')
                .to_owned();
            if to.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
