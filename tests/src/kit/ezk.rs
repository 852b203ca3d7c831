//! ezk with the plugin, as the reference user agent runs it: an adapter that must pass the kit.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rollmark::core::blocklist::{Mark, SourceState, Update, plain};
use rollmark::core::digest::Credentials;
use rollmark::{Account, Conference, What};
use rollmark_ua::UserAgent;
use tokio::sync::mpsc;

use super::notifier::{Form, Notifier};
use super::wire::{Socket, Transport};
use super::{ALICE, Abilities, Adapter, Host, ROOM, STOP_PATIENCE, Setup};

/// The adapter for ezk, over one transport.
#[derive(Clone, Copy, Debug)]
pub struct Ezk(pub Transport);

impl Adapter for Ezk {
    fn abilities(&self) -> Abilities {
        Abilities {
            form: Form {
                contact_tag: true,
                accept_contact: true,
                farewells: false,
            },
            refreshes_on_demand: true,
            chooses_answer: true,
            sees_final_notify: true,
            connections: self.0 == Transport::Tcp,
            own_time_out: true,
            digest: true,
        }
    }

    fn start(&self, setup: &Setup) -> (Box<dyn Host>, Notifier) {
        let notifier = Notifier::new(Socket::listen(self.0), self.abilities().form);
        let (commands, inbox) = mpsc::unbounded_channel();
        let (teller, lines) = channel();
        let (setup, server) = (setup.clone(), notifier.address());
        let transport = match self.0 {
            Transport::Udp => rollmark_ua::Transport::Udp,
            Transport::Tcp => rollmark_ua::Transport::Tcp,
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            let settings = rollmark_ua::Settings {
                server: Some(server),
                transport,
                ca: None,
            };
            runtime.block_on(play(settings, &setup, inbox, teller));
            runtime.shutdown_timeout(STOP_PATIENCE);
        });
        let host = Softphone {
            commands,
            lines,
            thread: Some(thread),
            rows: BTreeMap::new(),
            said: Vec::new(),
        };
        (Box::new(host), notifier)
    }
}

#[derive(Debug)]
enum Command {
    Subscribe,
    Unsubscribe,
    NetworkChanged,
    Stop,
}

/// A line, and what it does to the roster that is shown.
#[derive(Debug)]
struct Told {
    line: String,
    all: bool,
    rows: Vec<(String, bool)>,
    gone: Option<String>,
}

#[derive(Debug)]
struct Softphone {
    commands: mpsc::UnboundedSender<Command>,
    lines: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
    rows: BTreeMap<String, bool>,
    said: Vec<String>,
}

impl Softphone {
    fn take(&mut self, told: Told) -> String {
        if told.all {
            self.rows.clear();
        }
        self.rows.extend(told.rows);
        if let Some(gone) = told.gone {
            self.rows.remove(&gone);
        }
        self.said.push(told.line.clone());
        told.line
    }
}

impl Host for Softphone {
    fn subscribe(&mut self) {
        self.commands.send(Command::Subscribe).expect("ezk runs");
    }

    fn unsubscribe(&mut self) {
        self.commands.send(Command::Unsubscribe).expect("ezk runs");
    }

    fn network_changed(&mut self) {
        self.commands
            .send(Command::NetworkChanged)
            .expect("ezk runs");
    }

    fn stop(&mut self) {
        self.commands.send(Command::Stop).expect("ezk runs");
    }

    fn told(&mut self, within: Duration) -> Option<String> {
        let told = self.lines.recv_timeout(within).ok()?;
        Some(self.take(told))
    }

    fn roster(&mut self) -> Vec<String> {
        let mut rows: Vec<_> = self
            .rows
            .iter()
            .map(|(uri, blocked)| format!("{}{uri}", if *blocked { "!" } else { "" }))
            .collect();
        rows.sort();
        rows
    }

    fn ended(&mut self, within: Duration) -> bool {
        loop {
            match self.lines.recv_timeout(within) {
                Ok(told) => drop(self.take(told)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
        let thread = self.thread.take().expect("it ends once");
        thread.join().expect("ezk ends without a panic");
        true
    }

    fn transcript(&self) -> String {
        format!("ezk told\n  {}", self.said.join("\n  "))
    }
}

/// The user at the softphone.
async fn play(
    settings: rollmark_ua::Settings,
    setup: &Setup,
    mut commands: mpsc::UnboundedReceiver<Command>,
    teller: Sender<Told>,
) {
    let mut account = Account::new(ALICE);
    account.subscription.expires = setup.expires;
    account.subscription.t1 = setup.t1;
    account.credentials = setup
        .credentials
        .clone()
        .map(|(username, password)| Credentials {
            username,
            password: password.into(),
        });
    let phone = UserAgent::start(settings, account)
        .await
        .expect("ezk starts");
    if !setup.blocked.is_empty() {
        let list = plain::parse(&setup.blocked.join("\n"));
        let update = Update {
            state: SourceState::Fresh,
            list: Some(list),
            etag: None,
        };
        phone.conferences.set_block_list("memory", update);
    }
    let mut conference: Option<Conference> = None;
    loop {
        let next = async {
            match &mut conference {
                Some(conference) => conference.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Subscribe) => {
                    let subscribed = phone.conferences.subscribe(ROOM).await;
                    conference = Some(subscribed.expect("a SIP URI"));
                }
                Some(Command::Unsubscribe) => {
                    if let Some(conference) = &conference {
                        conference.unsubscribe();
                    }
                }
                Some(Command::NetworkChanged) => phone.conferences.network_changed(),
                Some(Command::Stop) => {
                    phone.conferences.stop(STOP_PATIENCE).await;
                    while let Some(conference) = &mut conference {
                        let Some(event) = conference.next().await else { return };
                        tell(&teller, event.what);
                    }
                    return;
                }
                None => return,
            },
            event = next => match event {
                Some(event) => tell(&teller, event.what),
                None => conference = None,
            }
        }
    }
}

fn tell(teller: &Sender<Told>, what: What) {
    let mut told = Told {
        line: super::words::words(&what),
        all: false,
        rows: Vec::new(),
        gone: None,
    };
    let shown = |row: &rollmark::Row| {
        (
            row.user.entity().to_owned(),
            matches!(row.mark, Mark::Blocked(_)),
        )
    };
    match &what {
        What::Roster(rows) => {
            told.all = true;
            told.rows = rows.iter().map(shown).collect();
        }
        What::Joined(row)
        | What::Blocked(row)
        | What::Unblocked(row)
        | What::Updated { row, .. } => {
            told.rows.push(shown(row));
        }
        What::Left { row, .. } => told.gone = Some(row.user.entity().to_owned()),
        _ => {}
    }
    // The scenario may be over.
    let _ = teller.send(told);
}
