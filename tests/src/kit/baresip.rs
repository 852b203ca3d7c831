//! Debian's baresip with the module in it: an adapter that must pass the kit.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::notifier::{Form, Notifier};
use super::wire::{Socket, Transport};
use super::{ALICE, Abilities, Adapter, Host, ROOM, Setup};
use crate::baresip::{Phone, folder, write_config};
use crate::process::{build_dir, labs_dir};

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

/// Makes the folder of one run: configuration, account, modules.
fn configure(setup: &Setup, server: &str, transport: Transport, wanted: &[&str]) -> PathBuf {
    let transport = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
    };
    let (user, password) = setup.credentials.clone().unwrap_or_default();
    let accounts = format!(
        "<{ALICE}>;auth_user={user};auth_pass={password};outbound=\"sip:{server}{transport}\";regint=0;answermode=manual\n"
    );
    let mut keys = format!(
        "conference_expires {}\nconference_t1 {}\n",
        setup.expires,
        setup.t1.as_millis()
    );
    let dir = folder(&accounts, wanted);
    let blocked = dir.join("blocked.txt");
    if !setup.blocked.is_empty() {
        fs::write(&blocked, setup.blocked.join("\n")).expect("a file of a folder just made");
        keys += &format!("conference_block_list {}\n", blocked.display());
    }
    write_config(&dir, &keys, wanted);
    dir
}

/// A running baresip in the kit.
#[derive(Debug)]
struct Softphone {
    phone: Phone,
    events: VecDeque<String>,
}

impl Softphone {
    fn start(command: &mut Command) -> Self {
        Self {
            phone: Phone::start(command),
            events: VecDeque::new(),
        }
    }

    /// Takes one line of the log: an event of the module, or one of baresip's own.
    fn listen(&mut self, within: Duration) -> bool {
        let Some(line) = self.phone.line(within) else {
            return false;
        };
        let event = line.strip_prefix(&format!("conference {ROOM}: "));
        self.events.extend(event.map(str::to_owned));
        true
    }
}

impl Host for Softphone {
    fn subscribe(&mut self) {
        self.phone.type_in(&format!("conf_watch {ROOM}"));
        self.phone
            .printed("that it watches", |line| line.starts_with("watching "));
    }

    fn unsubscribe(&mut self) {
        self.phone.type_in(&format!("conf_leave {ROOM}"));
        self.phone
            .printed("that it leaves", |line| line.starts_with("leaving 1 "));
    }

    fn network_changed(&mut self) {
        self.phone.type_in("conf_refresh");
    }

    fn stop(&mut self) {
        self.phone.terminate();
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
        self.phone.type_in("conf_list");
        let prefix = format!("conference {ROOM}: ");
        let head = self
            .phone
            .printed("the roster", |line| line.starts_with(&prefix));
        let count = head[prefix.len()..].split(' ').next().unwrap_or_default();
        let count: usize = count.parse().expect("a number of users");
        let mut rows: Vec<String> = (0..count)
            .map(|_| {
                let row = self.phone.printed("a row", |line| line.starts_with("  "));
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
        self.phone.has_ended()
    }

    fn transcript(&self) -> String {
        self.phone.transcript()
    }
}
