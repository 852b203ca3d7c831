//! A softphone on tokio with the plugin in it, whatever its SIP stack: a host of the kit.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rollmark::core::blocklist::{Mark, SourceState, Update, plain};
use rollmark::core::digest::Credentials;
use rollmark::{Account, Conference, Conferences, What};
use tokio::sync::mpsc;

use super::{ALICE, Host, ROOM, STOP_PATIENCE, Setup};

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

/// A host on a thread and tokio runtime of its own.
#[derive(Debug)]
pub(super) struct Softphone {
    name: &'static str,
    commands: mpsc::UnboundedSender<Command>,
    lines: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
    rows: BTreeMap<String, bool>,
    said: Vec<String>,
}

impl Softphone {
    /// Starts it. `begin` loads the plugin into a SIP stack, for this account; what it gives beside the handle lives as
    /// long as the softphone.
    pub(super) fn start<B, Stack>(name: &'static str, setup: &Setup, begin: B) -> Self
    where
        B: AsyncFnOnce(Account) -> (Conferences, Stack) + Send + 'static,
    {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (teller, lines) = channel();
        let setup = setup.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let (conferences, stack) = begin(account(&setup)).await;
                play(conferences, &setup, inbox, teller).await;
                drop(stack);
            });
            runtime.shutdown_timeout(STOP_PATIENCE);
        });
        Self {
            name,
            commands,
            lines,
            thread: Some(thread),
            rows: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    fn command(&self, command: Command) {
        self.commands.send(command).expect("the softphone runs");
    }

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
        self.command(Command::Subscribe);
    }

    fn unsubscribe(&mut self) {
        self.command(Command::Unsubscribe);
    }

    fn network_changed(&mut self) {
        self.command(Command::NetworkChanged);
    }

    fn stop(&mut self) {
        self.command(Command::Stop);
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
        thread.join().expect("the softphone ends without a panic");
        true
    }

    fn transcript(&self) -> String {
        format!("{} told\n  {}", self.name, self.said.join("\n  "))
    }
}

fn account(setup: &Setup) -> Account {
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
    account
}

/// The user at the softphone.
async fn play(
    conferences: Conferences,
    setup: &Setup,
    mut commands: mpsc::UnboundedReceiver<Command>,
    teller: Sender<Told>,
) {
    if !setup.blocked.is_empty() {
        let list = plain::parse(&setup.blocked.join("\n"));
        let update = Update {
            state: SourceState::Fresh,
            list: Some(list),
            etag: None,
        };
        conferences.set_block_list("memory", update);
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
                    let subscribed = conferences.subscribe(ROOM).await;
                    conference = Some(subscribed.expect("a SIP URI"));
                }
                Some(Command::Unsubscribe) => {
                    if let Some(conference) = &conference {
                        conference.unsubscribe();
                    }
                }
                Some(Command::NetworkChanged) => conferences.network_changed(),
                Some(Command::Stop) => {
                    conferences.stop(STOP_PATIENCE).await;
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
