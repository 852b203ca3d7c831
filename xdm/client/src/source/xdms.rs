//! A document on an XDMS as a source: fetched, then asked for again with its entity tag (XDM-20…27, XDM-32…52, XDM-79…81).

use std::path::Path;
use std::time::Duration;

use rollmark_core::blocklist::Update;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::control::{Word, XdmsControl};
use super::copies::Copies;
use super::fetching::{Reading, State};
use super::live::Reads;
use super::polling::Polling;
use crate::connection::Connection;
use crate::selector::{
    ACCESS_RULES, ACCESS_RULES_DOCUMENT, DocumentSelector, INDEX, OMA_PRES_RULES,
    OMA_PRES_RULES_DOCUMENT, RESOURCE_LISTS, SegmentError, XcapRoot,
};

/// Between two requests that words bring about, on average (SEC-18).
pub const WORD_PAUSE: Duration = Duration::from_secs(1);
/// Requests that words may bring about in a row, before that pause is kept.
pub const WORD_BURST: u32 = 5;

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
            state: State::new(connection, selector, polling),
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
            #[cfg(feature = "metrics")]
            if let Some(age) = self.age() {
                crate::metrics::aged(self.state.selector.auid(), age);
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
