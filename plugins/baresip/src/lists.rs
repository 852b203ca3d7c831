//! The user's block lists, on a thread of their own: a file, and his documents on an XDMS (SW-16, XDM-29, XDM-32, XDM-33).
//!
//! The SIP thread says what it wants and goes on; what comes of it is put into a queue, and `wake` lets the main loop look.
//! Dropping [`Lists`] ends the thread and waits for that, for the file may be unloaded next.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rollmark_core::blocklist::Update;
use rollmark_core::digest::Credentials;
use rollmark_xdm::client::Settings;
use rollmark_xdm::edit::{Change, Edited, edit_file, edit_xdms};
use rollmark_xdm::selector::{DocumentSelector, RESOURCE_LISTS, XcapRoot};
use rollmark_xdm::source::{FILE_POLL, FileSource, Polling, XdmsControl, XdmsSource};
use rollmark_xdm::{Connection, Http};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where the lists are.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) file: Option<PathBuf>,
    pub(crate) xdms: Option<Xdms>,
}

/// An XDMS.
#[derive(Debug)]
pub(crate) struct Xdms {
    pub(crate) root: XcapRoot,
    pub(crate) http: Http,
    /// Time between two requests; none for the usual one.
    pub(crate) interval: Option<Duration>,
}

/// One of the softphone's users, as the XDMS knows him.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// His public identity: the XUI.
    pub(crate) identity: String,
    pub(crate) credentials: Option<Credentials>,
    /// The XDMS is behind an Aggregation Proxy of an IMS core, which is told the identity (XDM-10).
    pub(crate) ims: bool,
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        let secret = |owner: &Self| {
            let held = owner.credentials.as_ref();
            held.map(|held| (held.username.clone(), held.password.as_bytes().to_vec()))
        };
        self.identity == other.identity && self.ims == other.ims && secret(self) == secret(other)
    }
}

/// What the thread reports.
#[derive(Debug)]
pub(crate) enum News {
    /// A list, or its state, changed: of one user, or of all of them.
    List {
        owner: Option<String>,
        source: String,
        update: Update,
    },
    /// A line for the user.
    Said(String),
}

enum Word {
    Owner(Box<Owner>),
    Edit(Change, String, Box<Owner>),
    Again,
}

type Queue = Arc<Mutex<VecDeque<News>>>;

/// The thread, as the SIP thread sees it.
#[derive(Debug)]
pub(crate) struct Lists {
    words: Option<UnboundedSender<Word>>,
    thread: Option<JoinHandle<()>>,
    news: Queue,
    owners: HashMap<String, Owner>,
}

impl Lists {
    /// Starts the thread. `wake` is called on it, and must be quick.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(places: Places, wake: fn()) -> std::io::Result<Self> {
        let (words, heard) = unbounded_channel();
        let news = Queue::default();
        let post = Post {
            news: news.clone(),
            wake,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("block lists".into())
            .spawn(move || runtime.block_on(serve(places, heard, post)))?;
        Ok(Self {
            words: Some(words),
            thread: Some(thread),
            news,
            owners: HashMap::new(),
        })
    }

    /// What has come since the last call.
    pub(crate) fn news(&self) -> Option<News> {
        lock(&self.news).pop_front()
    }

    /// The lists of this user are wanted, with these credentials from now on.
    pub(crate) fn open(&mut self, owner: Owner) {
        if self.owners.get(&owner.identity) != Some(&owner) {
            self.say(Word::Owner(Box::new(owner.clone())));
            self.owners.insert(owner.identity.clone(), owner);
        }
    }

    /// Blocks or unblocks somebody for a user; the result is told as a line.
    pub(crate) fn edit(&mut self, change: Change, uri: &str, owner: Owner) {
        self.open(owner.clone());
        self.say(Word::Edit(change, uri.to_owned(), Box::new(owner)));
    }

    /// All lists are asked for again.
    pub(crate) fn again(&self) {
        self.say(Word::Again);
    }

    fn say(&self, word: Word) {
        let heard = self
            .words
            .as_ref()
            .is_some_and(|words| words.send(word).is_ok());
        if !heard {
            let text = "block lists are not read any more; load the module again";
            lock(&self.news).push_back(News::Said(text.into()));
        }
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        self.words = None;
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong with it.
            let _ = thread.join();
        }
    }
}

fn lock(news: &Queue) -> std::sync::MutexGuard<'_, VecDeque<News>> {
    news.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Post {
    news: Queue,
    wake: fn(),
}

impl Post {
    fn send(&self, news: News) {
        lock(&self.news).push_back(news);
        (self.wake)();
    }
}

/// One user's documents that are read.
struct Held {
    connection: Connection,
    sources: Vec<(DocumentSelector, XdmsControl)>,
}

/// The thread's whole life: until nobody is left who could say a word.
async fn serve(places: Places, mut words: UnboundedReceiver<Word>, post: Post) {
    let (changed, file_words) = unbounded_channel();
    if let Some(path) = places.file.clone() {
        tokio::spawn(read_file(path, file_words, post.clone()));
    }
    let (edits, wanted) = unbounded_channel();
    tokio::spawn(edit(
        wanted,
        places.file.clone(),
        changed.clone(),
        post.clone(),
    ));
    let mut held: HashMap<String, Held> = HashMap::new();
    while let Some(word) = words.recv().await {
        match word {
            Word::Owner(owner) => {
                if let Some(xdms) = &places.xdms {
                    open(xdms, &owner, &mut held, &post);
                }
            }
            Word::Edit(change, uri, owner) => {
                let place = held.get(&owner.identity).and_then(|held| {
                    let mut sources = held.sources.iter();
                    let (selector, control) =
                        sources.find(|(selector, _)| selector.auid() == RESOURCE_LISTS)?;
                    Some((held.connection.clone(), selector.clone(), control.clone()))
                });
                // The task lives as long as this function.
                let _ = edits.send((change, uri, place));
            }
            Word::Again => {
                for (_, control) in held.values().flat_map(|held| &held.sources) {
                    control.changed();
                }
                let _ = changed.send(());
            }
        }
    }
}

/// Reads a user's documents, or goes on reading them in another way.
fn open(xdms: &Xdms, owner: &Owner, held: &mut HashMap<String, Held>, post: &Post) {
    let settings = Settings {
        credentials: owner.credentials.clone(),
        intended_identity: owner.ims.then(|| owner.identity.clone()),
        ..Settings::default()
    };
    let connection = Connection::new(xdms.http.clone(), settings);
    if let Some(held) = held.get_mut(&owner.identity) {
        for (selector, control) in &held.sources {
            control.switch(connection.clone(), selector.clone());
        }
        held.connection = connection;
        return;
    }
    let polling = xdms
        .interval
        .map_or_else(Polling::default, |interval| Polling {
            interval,
            ..Polling::default()
        });
    let sources = match XdmsSource::usual(&connection, &xdms.root, &owner.identity, polling) {
        Ok(sources) => sources,
        Err(fault) => return post.send(News::Said(format!("block list: {fault}"))),
    };
    let mut controls = Vec::new();
    for source in sources {
        controls.push((source.selector().clone(), source.control()));
        tokio::spawn(read_xdms(source, owner.identity.clone(), post.clone()));
    }
    let sources = controls;
    let read = Held {
        connection,
        sources,
    };
    held.insert(owner.identity.clone(), read);
}

async fn read_xdms(mut source: XdmsSource, owner: String, post: Post) {
    let name = source.name();
    // What is wrong with an XDMS is said once, not once a document.
    let tells = source.selector().auid() == RESOURCE_LISTS;
    loop {
        let update = source.next().await;
        let fault = source.last_error().filter(|_| tells).map(str::to_owned);
        post.send(News::List {
            owner: Some(owner.clone()),
            source: name.clone(),
            update,
        });
        if let Some(fault) = fault {
            post.send(News::Said(format!("block list: {fault}")));
        }
    }
}

async fn read_file(path: PathBuf, mut changed: UnboundedReceiver<()>, post: Post) {
    let mut source = FileSource::new(&path, None, FILE_POLL);
    loop {
        tokio::select! {
            update = source.next() => {
                let fault = source.last_error().map(str::to_owned);
                post.send(News::List { owner: None, source: source.name(), update });
                if let Some(fault) = fault {
                    post.send(News::Said(format!("block list: {fault}")));
                }
            }
            // A new source reads at once.
            Some(()) = changed.recv() => source = FileSource::new(&path, None, FILE_POLL),
        }
    }
}

type Wanted = (
    Change,
    String,
    Option<(Connection, DocumentSelector, XdmsControl)>,
);

/// Makes changes, one after the other: on the XDMS where there is one, else in the file.
async fn edit(
    mut wanted: UnboundedReceiver<Wanted>,
    file: Option<PathBuf>,
    changed: UnboundedSender<()>,
    post: Post,
) {
    while let Some((change, uri, place)) = wanted.recv().await {
        let text = match (place, &file) {
            (Some((mut connection, selector, control)), _) => {
                let edited = edit_xdms(&mut connection, &selector, change, &uri).await;
                control.changed();
                edited.map(|edited| done(change, &edited, selector.url().as_str()))
            }
            (None, Some(path)) => {
                let edited = edit_file(path, change, &uri, None);
                // The reader lives as long as the runtime.
                let _ = changed.send(());
                edited.map(|edited| done(change, &edited, &path.display().to_string()))
            }
            (None, None) => continue,
        };
        let text = text.unwrap_or_else(|fault| format!("block list: {fault}"));
        post.send(News::Said(text));
    }
}

fn done(change: Change, edited: &Edited, place: &str) -> String {
    let what = match (change, edited.changed) {
        (Change::Block, true) => "is blocked from now on",
        (Change::Block, false) => "was blocked before",
        (Change::Unblock, true) => "is blocked no more",
        (Change::Unblock, false) => "was not blocked",
    };
    format!("{} {what}, by {place}", edited.entry)
}
