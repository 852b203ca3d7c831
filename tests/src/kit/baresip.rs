//! Debian's baresip with the module in it: an adapter that must pass the kit.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::notifier::{Form, Notifier};
use super::wire::{Socket, Transport};
use super::{ALICE, Abilities, Adapter, Host, PATIENCE, ROOM, Setup};
use crate::lab::INSTALL;
use crate::process::{build_dir, labs_dir, run_dir};

/// Where Debian keeps baresip's own modules.
const MODULES: &str = "/usr/lib/baresip/modules";

/// The real softphone, headless, over one transport.
#[derive(Clone, Copy, Debug)]
pub struct Baresip(pub Transport);

/// The same with baresip 4.x, as `cargo xtask baresip4` has installed it.
#[derive(Clone, Copy, Debug)]
pub struct Baresip4(pub Transport);

impl Adapter for Baresip4 {
    fn abilities(&self) -> Abilities {
        Baresip(self.0).abilities()
    }

    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier) {
        let notifier = Notifier::new(Socket::listen(self.0), self.abilities().form);
        let dir = configure(setup, &notifier.address(), self.0, &["conference.so"]);
        let python = build_dir().with_file_name("baresip4").join("bin/python");
        let mut command = Command::new(python);
        command.arg(labs_dir().join("baresip4/host.py")).arg(&dir);
        (Box::new(Softphone::start(&mut command)), notifier)
    }
}

impl Adapter for Baresip {
    fn abilities(&self) -> Abilities {
        Abilities {
            form: Form {
                contact_tag: false,
                accept_contact: true,
                farewells: true,
            },
            refreshes_on_demand: true,
            chooses_answer: true,
            sees_final_notify: true,
            connections: false,
            own_time_out: true,
            digest: true,
        }
    }

    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier) {
        let notifier = Notifier::new(Socket::listen(self.0), self.abilities().form);
        let modules = ["stdio.so", "account.so", "menu.so", "conference.so"];
        let dir = configure(setup, &notifier.address(), self.0, &modules);
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&dir);
        (Box::new(Softphone::start(&mut command)), notifier)
    }
}

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

/// Makes the folder of one run: configuration, account, modules.
fn configure(setup: &Setup, server: &str, transport: Transport, wanted: &[&str]) -> PathBuf {
    let dir = run_dir("baresip");
    let write = |name: &str, text: &str| {
        fs::write(dir.join(name), text).unwrap_or_else(|e| panic!("{name}: {e}"));
    };
    let modules = dir.join("modules");
    fs::create_dir(&modules).expect("a folder for modules");
    let link = |from: &Path, name: &str| symlink(from, modules.join(name)).expect("a link");
    let mut loaded = String::new();
    for name in wanted {
        match *name {
            "conference.so" => link(&module(), name),
            _ => link(&Path::new(MODULES).join(name), name),
        }
        let application = if *name == "stdio.so" { "" } else { "_app" };
        loaded += &format!("module{application} {name}\n");
    }
    let transport = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
    };
    let (user, password) = setup.credentials.clone().unwrap_or_default();
    write(
        "accounts",
        &format!(
            "<{ALICE}>;auth_user={user};auth_pass={password};outbound=\"sip:{server}{transport}\";regint=0;answermode=manual\n"
        ),
    );
    let blocked = dir.join("blocked.txt");
    write("blocked.txt", &setup.blocked.join("\n"));
    let list = if setup.blocked.is_empty() {
        String::new()
    } else {
        format!("conference_block_list {}\n", blocked.display())
    };
    write(
        "config",
        &format!(
            "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nmodule_path {}\n{loaded}conference_expires {}\n\
             conference_t1 {}\n{list}",
            modules.display(),
            setup.expires,
            setup.t1.as_millis(),
        ),
    );
    dir
}

/// A running baresip. Dropping it ends it.
#[derive(Debug)]
struct Softphone {
    child: Child,
    /// Its log is on standard output, what a command prints on standard error.
    log: Receiver<String>,
    printed: Receiver<String>,
    said: Vec<String>,
    events: VecDeque<String>,
}

impl Softphone {
    fn start(command: &mut Command) -> Self {
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
            events: VecDeque::new(),
        };
        phone.log_until("baresip is ready.");
        phone
    }

    fn type_in(&mut self, command: &str) {
        let keys = self.child.stdin.as_mut().expect("it is piped");
        let typed = writeln!(keys, "/{command}").and_then(|()| keys.flush());
        typed.unwrap_or_else(|e| panic!("{e} on typing {command}\n{}", self.transcript()));
    }

    /// Takes one line of the log: an event of the module, or one of baresip's own.
    fn listen(&mut self, within: Duration) -> bool {
        let Ok(line) = self.log.recv_timeout(within) else {
            return false;
        };
        let event = line.strip_prefix(&format!("conference {ROOM}: "));
        self.events.extend(event.map(str::to_owned));
        self.said.push(line);
        true
    }

    fn log_until(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said.iter().any(|line| line.contains(words)) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                self.listen(left),
                "no {words:?} from baresip\n{}",
                self.transcript()
            );
        }
    }

    /// The next line that a command prints and that `wanted` is true for.
    fn printed(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
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
}

impl Host for Softphone {
    fn subscribe(&mut self) {
        self.type_in(&format!("conf_watch {ROOM}"));
        self.printed("that it watches", |line| line.starts_with("watching "));
    }

    fn unsubscribe(&mut self) {
        self.type_in(&format!("conf_leave {ROOM}"));
        self.printed("that it leaves", |line| line.starts_with("leaving 1 "));
    }

    fn network_changed(&mut self) {
        self.type_in("conf_refresh");
    }

    fn stop(&mut self) {
        // As a terminal or a session manager closes it: by its own process id.
        let kill = format!("kill -TERM {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.is_ok_and(|status| status.success()), "{kill}");
    }

    fn told(&mut self, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if !self.listen(deadline.saturating_duration_since(Instant::now())) {
                return None;
            }
        }
    }

    fn roster(&mut self) -> Vec<String> {
        self.type_in("conf_list");
        let prefix = format!("conference {ROOM}: ");
        let head = self.printed("the roster", |line| line.starts_with(&prefix));
        let count = head[prefix.len()..].split(' ').next().unwrap_or_default();
        let count: usize = count.parse().expect("a number of users");
        let mut rows: Vec<String> = (0..count)
            .map(|_| {
                let row = self.printed("a row", |line| line.starts_with("  "));
                let blocked = row.starts_with("  ! ");
                let uri = row[4..].split(' ').next().unwrap_or_default();
                format!("{}{uri}", if blocked { "!" } else { "" })
            })
            .collect();
        rows.sort();
        rows
    }

    fn ended(&mut self, within: Duration) -> bool {
        while self.listen(within) {}
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

    fn transcript(&self) -> String {
        format!("baresip said\n  {}", self.said.join("\n  "))
    }
}

impl Drop for Softphone {
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
