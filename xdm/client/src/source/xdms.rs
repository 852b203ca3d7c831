//! A document on an XDMS as a source: fetched, then asked for again with its entity tag (XDM-20…27, XDM-32…52, XDM-79…81).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rollmark_core::blocklist::{BlockList, Update};
use rollmark_core::xcap_diff::same_etag;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::copies::{CacheFile, Copies, Copy};
use super::document::Reader;
use super::held::Held;
use super::live::{Reads, relative};
use crate::client::{Operation, Outcome, Target};
use crate::connection::{Connection, XdmsError, failure_of};
use crate::resource_lists::Options;
use crate::selector::{
    ACCESS_RULES, ACCESS_RULES_DOCUMENT, DocumentSelector, INDEX, OMA_PRES_RULES,
    OMA_PRES_RULES_DOCUMENT, RESOURCE_LISTS, SegmentError, XcapRoot,
};

/// Time between two requests, unless set otherwise.
pub const DEFAULT_POLL: Duration = Duration::from_secs(15 * 60);
/// Least time between two requests that a setting can reach, unless the floor is set lower too.
pub const MIN_POLL: Duration = Duration::from_secs(5 * 60);
/// Wait after the first failure; it doubles up to the poll interval.
pub const FIRST_RETRY: Duration = Duration::from_secs(30);

/// How often the XDMS is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Time between two requests. Default [`DEFAULT_POLL`].
    pub interval: Duration,
    /// `interval` is never less than this. Default [`MIN_POLL`]; lower for a server of one's own, in tests and demos.
    pub floor: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            interval: DEFAULT_POLL,
            floor: MIN_POLL,
        }
    }
}

impl Polling {
    /// Wait before the next request, after so many failures in a row (XDM-27, SEC-18).
    fn wait(self, failures: u32, temporary: bool, retry_after: Option<Duration>) -> Duration {
        let interval = self.interval.max(self.floor);
        if failures == 0 || !temporary {
            return interval;
        }
        let doubled = FIRST_RETRY.saturating_mul(2u32.saturating_pow(failures - 1));
        doubled.min(interval).max(retry_after.unwrap_or_default())
    }
}

/// Longest time spent on fetching what a document refers to; what is missing then makes the list incomplete.
pub const RESOLVING_TIME: Duration = Duration::from_secs(60);

/// Between two requests that words bring about, on average (SEC-18).
pub const WORD_PAUSE: Duration = Duration::from_secs(1);
/// Requests that words may bring about in a row, before that pause is kept.
pub const WORD_BURST: u32 = 5;

/// How a document is read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Lists within lists are block lists too, by their name (XDM-43). Default: off.
    pub nested: bool,
    /// Other servers that anchors may lead to, asked without credentials (XDM-48). Default: none.
    pub allowed: Vec<XcapRoot>,
}

/// What a fetch brought.
enum Brought {
    List(BlockList, Option<String>),
    Same,
}

/// One word to a running source.
#[derive(Debug)]
enum Word {
    Changed,
    Retagged {
        document: String,
        previous: String,
        etag: String,
    },
    Switch(Box<(Connection, DocumentSelector)>),
}

/// Speaks to an [`XdmsSource`] that is in use elsewhere.
#[derive(Clone, Debug)]
pub struct XdmsControl {
    words: mpsc::UnboundedSender<Word>,
    pub(super) reads: watch::Receiver<Reads>,
}

impl XdmsControl {
    /// The document may have changed: it is asked for at once, by its entity tag. This is for notifications of changes
    /// (RFC 5875).
    pub fn changed(&self) {
        // A source that has gone has nothing to ask for.
        let _ = self.words.send(Word::Changed);
    }

    /// A document that is read has another entity tag, but is what it was (XDM-75).
    pub(super) fn retagged(&self, document: String, previous: String, etag: String) {
        let _ = self.words.send(Word::Retagged {
            document,
            previous,
            etag,
        });
    }

    /// From now on the document is had otherwise: by another root, other identity headers, other credentials (SW-08). The
    /// list stays in use, unless the document is another user's: then it is dropped, and its copy on disk with it.
    pub fn switch(&self, connection: Connection, selector: DocumentSelector) {
        let _ = self
            .words
            .send(Word::Switch(Box::new((connection, selector))));
    }
}

/// The block list in a user's document, kept up to date by polling and by word from [`XdmsControl`].
#[derive(Debug)]
pub struct XdmsSource {
    state: State,
    words: mpsc::UnboundedReceiver<Word>,
    control: XdmsControl,
    reads: watch::Sender<Reads>,
    /// A word wants the document to be asked for.
    again: bool,
    due: Option<Instant>,
    /// When words have all their credit again.
    credit: Instant,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    selector: DocumentSelector,
    reading: Reading,
    probing: bool,
    polling: Polling,
    cache: Option<CacheFile>,
    cache_directory: Option<std::path::PathBuf>,
    held: Held,
    copies: Option<Copies>,
    failures: u32,
}

impl XdmsSource {
    /// A source for one document. An `http:` root is taken as consent to go without TLS; with credentials, off this
    /// machine, that is worth a warning (XDM-16).
    pub fn new(connection: Connection, selector: DocumentSelector, polling: Polling) -> Self {
        let root = selector.root();
        if connection.has_credentials() && !root.is_https() && !root.is_loopback() {
            tracing::warn!(
                "the XCAP root is http: the password is hashed, but the block list goes in the clear; use https"
            );
        }
        let (sender, words) = mpsc::unbounded_channel();
        let (reads, told) = watch::channel(Reads::of(&selector, None, false));
        Self {
            state: State {
                connection,
                selector,
                reading: Reading::default(),
                probing: false,
                polling,
                cache: None,
                cache_directory: None,
                held: Held::default(),
                copies: None,
                failures: 0,
            },
            words,
            control: XdmsControl {
                words: sender,
                reads: told,
            },
            reads,
            again: false,
            due: None,
            credit: Instant::now(),
        }
    }

    /// Sources for all documents in which a user's XDMS can hold a block list, in the order in which they count: access rules,
    /// resource-lists, presence rules (XDM-33). The rules are looked for as [`Self::probing`] says.
    ///
    /// # Errors
    /// When the XUI is empty, or a dot.
    pub fn usual(
        connection: &Connection,
        root: &XcapRoot,
        xui: &str,
        polling: Polling,
    ) -> Result<Vec<Self>, SegmentError> {
        let source = |(auid, document)| {
            let selector = DocumentSelector::user(root.clone(), auid, xui, document)?;
            let source = Self::new(connection.clone(), selector, polling);
            Ok(match auid {
                RESOURCE_LISTS => source,
                _ => source.probing(),
            })
        };
        let documents = [
            (ACCESS_RULES, ACCESS_RULES_DOCUMENT),
            (RESOURCE_LISTS, INDEX),
            (OMA_PRES_RULES, OMA_PRES_RULES_DOCUMENT),
        ];
        documents.into_iter().map(source).collect()
    }

    /// Reads the document in another way than by default.
    #[must_use]
    pub fn with_reading(mut self, reading: Reading) -> Self {
        self.state.reading = reading;
        self
    }

    /// The document is one of those looked for by default, not one that somebody configured: a server that answers as one
    /// that does not know such documents, and does not say in xcap-caps that it does, has none (XDM-25, XDM-33). A refusal
    /// remains one (XDM-26).
    #[must_use]
    pub fn probing(mut self) -> Self {
        self.state.probing = true;
        self
    }

    /// Keeps what was read in a folder, for the user only, and uses it at the next start until the XDMS answers (SEC-14).
    /// The folder is of one account: what is there of another user is removed (SW-08).
    #[must_use]
    pub fn with_cache(mut self, directory: &Path) -> Self {
        self.state.cache_directory = Some(directory.to_owned());
        self.state.open_cache();
        self
    }

    /// `xdms:URL` of the document.
    pub fn name(&self) -> String {
        format!("xdms:{}", self.state.selector.url())
    }

    /// The document, as it was named at first.
    pub fn selector(&self) -> &DocumentSelector {
        &self.state.selector
    }

    /// Why the XDMS could not be asked the last time; none if it could.
    pub fn last_error(&self) -> Option<&str> {
        self.state.held.last_error()
    }

    /// How long ago the list in use was last known to be right; none without a list.
    pub fn age(&self) -> Option<Duration> {
        self.state.copies.as_ref().map(Copies::age)
    }

    /// A handle for words to this source.
    pub fn control(&self) -> XdmsControl {
        self.control.clone()
    }

    /// Waits for news. The first call gives the list kept from an earlier run, if there is one, or asks at once; later ones
    /// return when list or state changed. A failure before the first list is unavailable, after it stale. Cancel-safe.
    pub async fn next(&mut self) -> Update {
        loop {
            while let Ok(word) = self.words.try_recv() {
                if let Some(update) = self.heed(word) {
                    return update;
                }
            }
            if self.due.is_none()
                && let Some(update) = self.state.recall()
            {
                self.due = Some(Instant::now());
                self.tell_reads(false);
                return update;
            }
            if let Some(due) = self.due {
                let due = match self.again {
                    true => due.min(self.next_word()),
                    false => due,
                };
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    Some(word) = self.words.recv() => match self.heed(word) {
                        Some(update) => return update,
                        None => continue,
                    },
                }
            }
            if std::mem::take(&mut self.again) {
                self.credit = self.credit.max(Instant::now()) + WORD_PAUSE;
            }
            let Self {
                state,
                words,
                again,
                ..
            } = self;
            let brought = {
                let mut fetch = std::pin::pin!(state.fetch());
                loop {
                    tokio::select! {
                        brought = &mut fetch => break Ok(brought),
                        Some(word) = words.recv() => match word {
                            // What is under way may be of before the change: it is asked for again after it (XDM-81).
                            Word::Changed | Word::Retagged { .. } => *again = true,
                            // Its answer would be one of before the switch (XDM-81).
                            switch @ Word::Switch(_) => break Err(switch),
                        },
                    }
                }
            };
            // From here on nothing waits, so that a dropped call leaves no half of an update behind.
            let update = match brought {
                Ok(result) => {
                    let confirmed = result.is_ok();
                    let (update, wait) = self.state.settle(result);
                    self.tell_reads(confirmed);
                    self.due = Some(Instant::now() + wait);
                    update
                }
                Err(switch) => self.heed(switch),
            };
            if let Some(update) = update {
                return update;
            }
        }
    }

    fn heed(&mut self, word: Word) -> Option<Update> {
        match word {
            Word::Changed => self.again = true,
            Word::Retagged {
                document,
                previous,
                etag,
            } => {
                self.again |= !self.state.retag(&document, &previous, &etag);
                let confirmed = self.reads.borrow().is_confirmed();
                self.tell_reads(confirmed);
            }
            Word::Switch(to) => {
                let (connection, selector) = *to;
                self.due = Some(Instant::now());
                let update = self.state.switch(connection, selector);
                self.tell_reads(false);
                return update;
            }
        }
        None
    }

    /// When a word may bring about a request: at once, unless words have done so too often.
    fn next_word(&self) -> Instant {
        let now = Instant::now();
        self.credit
            .checked_sub(WORD_PAUSE * (WORD_BURST - 1))
            .map_or(now, |at| at.max(now))
    }

    /// Tells which documents are read, if that or their entity tags changed.
    fn tell_reads(&self, confirmed: bool) {
        let copies = self.state.copies.as_ref();
        let reads = Reads::of(&self.state.selector, copies, confirmed);
        self.reads.send_if_modified(|told| {
            let changed = *told != reads;
            *told = reads;
            changed
        });
    }
}

impl State {
    fn url(&self) -> String {
        self.selector.url().into()
    }

    fn open_cache(&mut self) {
        let directory = self.cache_directory.as_deref();
        self.cache = directory
            .zip(self.selector.xui())
            .map(|(directory, xui)| CacheFile::new(directory, self.selector.auid(), xui));
    }

    /// The list of an earlier run: in use, but not known to be still right.
    fn recall(&mut self) -> Option<Update> {
        let copies = self.cache.as_ref()?.load()?;
        let (list, _) = self.read_held(&copies)?;
        let etag = copies.document.etag.clone();
        self.copies = Some(copies);
        Some(self.held.recall(list, etag))
    }

    /// The list that copies come to, without asking anybody.
    fn read_held(&self, copies: &Copies) -> Option<(BlockList, ())> {
        let mut reading = begin(&self.selector, &self.reading, &copies.document.body).ok()?;
        while let Some(target) = reading.next_target() {
            let copy = copies.nodes.get(target.url().as_str());
            reading.take(copy.map(|copy| copy.body.as_slice()));
        }
        Some((reading.finish(), ()))
    }

    fn switch(&mut self, connection: Connection, selector: DocumentSelector) -> Option<Update> {
        let same = self.selector.xui() == selector.xui() && self.selector.auid() == selector.auid();
        self.connection = connection;
        self.selector = selector;
        self.failures = 0;
        if same {
            return None;
        }
        if let Some(cache) = &self.cache {
            cache.remove();
        }
        self.open_cache();
        self.copies = None;
        Some(self.held.forget())
    }

    /// Takes another entity tag of a document that is what it was (XDM-75); false when that cannot be relied on.
    fn retag(&mut self, document: &str, previous: &str, etag: &str) -> bool {
        let root = super::live::root_of(&self.selector);
        let own = self.url();
        let Some(copies) = self.copies.as_mut().filter(|copies| copies.url == own) else {
            return false;
        };
        let Some(etag) = entity_tag(etag) else {
            return false;
        };
        let held = std::iter::once((&copies.url, &mut copies.document)).chain(&mut copies.nodes);
        let mut of = held.filter(|(url, _)| relative(&root, url).as_deref() == Some(document));
        let known = of.all(|(_, copy)| {
            let known = copy
                .etag
                .as_deref()
                .is_some_and(|held| same_etag(held, previous) || same_etag(held, &etag));
            if known {
                copy.etag = Some(etag.clone());
            }
            known
        });
        if let Some(cache) = &self.cache {
            cache.store(Some(copies));
        }
        known
    }

    /// One round of fetching, nothing of which counts before it is over.
    async fn fetch(&mut self) -> Result<(Brought, Option<Copies>), XdmsError> {
        let url = self.url();
        // An entity tag is of one place; after a switch it says nothing (XDM-21).
        let held = self.copies.as_ref().filter(|copies| copies.url == url);
        let etag = held.and_then(|held| held.document.etag.clone());
        let target = Target::document(&self.selector);
        let outcome = self
            .connection
            .perform(Operation::get(target.clone(), etag))
            .await;
        let outcome = outcome.and_then(|outcome| match outcome {
            Outcome::Fetched(_) | Outcome::NotModified | Outcome::NotFound => Ok(outcome),
            other => Err(failure_of(other, &target).into()),
        });
        let document = match outcome {
            Ok(Outcome::Fetched(fetched)) => Copy {
                etag: fetched.etag,
                body: fetched.body,
            },
            Ok(Outcome::NotModified) => match held {
                Some(held) if held.nodes.is_empty() => {
                    let at = SystemTime::now();
                    return Ok((Brought::Same, Some(Copies { at, ..held.clone() })));
                }
                Some(held) => held.document.clone(),
                None => return Err(failure_of(Outcome::NotModified, &target).into()),
            },
            Ok(_) => return Ok((nothing(), None)),
            Err(error) if error.may_be_unknown_usage(self.probing) => {
                // A server that does not have the application usage has no such list (XDM-25).
                let root = self.selector.root().clone();
                let known = match self.connection.capabilities(&root).await {
                    Ok(Some(known)) if !known.auids.is_empty() => {
                        Some(known.has(self.selector.auid()))
                    }
                    _ => None,
                };
                let absent = match known {
                    Some(known) => !known,
                    None => self.probing && !error.is_refusal(),
                };
                return match absent {
                    true => Ok((nothing(), None)),
                    false => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        let mut reading = begin(&self.selector, &self.reading, &document.body)?;
        let end = Instant::now() + RESOLVING_TIME;
        let mut nodes = BTreeMap::new();
        while let Some(target) = reading.next_target() {
            let url = target.url().as_str().to_owned();
            let old = self
                .copies
                .as_ref()
                .and_then(|copies| copies.nodes.get(&url))
                .cloned();
            let etag = old.as_ref().and_then(|old| old.etag.clone());
            let fetch = self.connection.perform(Operation::get(target, etag));
            let Ok(outcome) = tokio::time::timeout_at(end, fetch).await else {
                break; // the rest is incomplete
            };
            match (outcome, old) {
                (Ok(Outcome::Fetched(fetched)), _) => {
                    reading.take(Some(&fetched.body));
                    let (etag, body) = (fetched.etag, fetched.body);
                    nodes.insert(url, Copy { etag, body });
                }
                (Ok(Outcome::NotModified), Some(old)) => {
                    reading.take(Some(&old.body));
                    nodes.insert(url, old);
                }
                (Ok(Outcome::Failed(_)) | Err(_), Some(old)) => {
                    reading.take_old(&old.body);
                    nodes.insert(url, old);
                }
                _ => reading.take(None),
            }
        }
        let etag = document.etag.clone();
        let copies = Copies {
            url,
            document,
            nodes,
            at: SystemTime::now(),
        };
        Ok((Brought::List(reading.finish(), etag), Some(copies)))
    }

    /// Takes what a fetch brought; the wait before the next one.
    fn settle(
        &mut self,
        result: Result<(Brought, Option<Copies>), XdmsError>,
    ) -> (Option<Update>, Duration) {
        match result {
            Ok((brought, copies)) => {
                self.failures = 0;
                if let Some(cache) = &self.cache {
                    cache.store(copies.as_ref());
                }
                self.copies = copies;
                let update = match brought {
                    Brought::List(list, etag) => self.held.take(list, etag),
                    Brought::Same => {
                        let copies = self.copies.as_ref();
                        self.held
                            .confirm(copies.and_then(|copies| copies.document.etag.clone()))
                    }
                };
                (update, self.polling.wait(0, true, None))
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let wait =
                    self.polling
                        .wait(self.failures, error.is_temporary(), error.retry_after());
                let text = match &self.copies {
                    Some(copies) => format!(
                        "{error}; the list read {} ago stays in use",
                        super::ago(copies.age())
                    ),
                    None => error.to_string(),
                };
                let update = self.held.fail(text);
                if update.is_some() {
                    tracing::warn!(retry_in = ?wait, "{error}");
                }
                (update, wait)
            }
        }
    }
}

/// An entity tag as HTTP writes it (RFC 9110 §8.8.3), of one that may lack its quotation marks.
fn entity_tag(told: &str) -> Option<String> {
    let bare = told.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let bare = bare.unwrap_or(told);
    let opaque = |c: char| c != '"' && !c.is_whitespace() && !c.is_control();
    bare.chars().all(opaque).then(|| format!("\"{bare}\""))
}

/// A known empty list (XDM-24).
fn nothing() -> Brought {
    let list = BlockList {
        entries: Vec::new(),
        complete: true,
        rules: None,
    };
    Brought::List(list, None)
}

/// Begins to read a document of a user.
fn begin(selector: &DocumentSelector, reading: &Reading, body: &[u8]) -> Result<Reader, XdmsError> {
    let options = Options {
        own_xui: selector.xui().map(str::to_owned),
        nested: reading.nested,
    };
    let root = selector.root().clone();
    Reader::begin(body, options, root, reading.allowed.clone()).map_err(|source| {
        XdmsError::Unreadable {
            url: selector.url().into(),
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-27, SEC-18.
    #[test]
    fn waits_double_after_failures_up_to_the_interval_and_heed_the_server() {
        let polling = Polling::default();
        let seconds = Duration::from_secs;
        for (failures, temporary, retry_after, expected) in [
            (0, true, None, DEFAULT_POLL),
            (1, true, None, FIRST_RETRY),
            (2, true, None, seconds(60)),
            (3, true, None, seconds(120)),
            (6, true, None, DEFAULT_POLL),
            (u32::MAX, true, None, DEFAULT_POLL),
            (1, true, Some(seconds(3600)), seconds(3600)),
            (1, true, Some(seconds(1)), FIRST_RETRY),
            (1, false, None, DEFAULT_POLL),
        ] {
            assert_eq!(polling.wait(failures, temporary, retry_after), expected);
        }
        let eager = Polling {
            interval: seconds(1),
            ..Polling::default()
        };
        assert_eq!(eager.wait(0, true, None), MIN_POLL);
        let demo = Polling {
            interval: seconds(1),
            floor: seconds(1),
        };
        assert_eq!(demo.wait(0, true, None), seconds(1));
        assert_eq!(demo.wait(9, true, None), seconds(1));
    }
}
