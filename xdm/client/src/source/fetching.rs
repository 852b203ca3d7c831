//! What an XDMS source holds, and how it is fetched, confirmed and dropped (XDM-20…27, XDM-52).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rollmark_core::blocklist::{BlockList, Update};
use rollmark_core::xcap_diff::same_etag;
use tokio::time::Instant;

use super::copies::{CacheFile, Copies, Copy};
use super::document::Reader;
use super::held::Held;
use super::live::relative;
use super::polling::Polling;
use crate::client::{Operation, Outcome, Target};
use crate::connection::{Connection, XdmsError, failure_of};
use crate::resource_lists::Options;
use crate::selector::{DocumentSelector, XcapRoot};

/// Longest time spent on fetching what a document refers to; what is missing then makes the list incomplete.
pub const RESOLVING_TIME: Duration = Duration::from_secs(60);

/// How a document is read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Lists within lists are block lists too, by their name (XDM-43). Default: off.
    pub nested: bool,
    /// Other servers that anchors may lead to, asked without credentials (XDM-48). Default: none.
    pub allowed: Vec<XcapRoot>,
}

/// What a fetch brought.
pub(super) enum Brought {
    List(BlockList, Option<String>),
    Same,
}

#[derive(Debug)]
pub(super) struct State {
    connection: Connection,
    pub(super) selector: DocumentSelector,
    pub(super) reading: Reading,
    pub(super) probing: bool,
    polling: Polling,
    cache: Option<CacheFile>,
    pub(super) cache_directory: Option<std::path::PathBuf>,
    pub(super) held: Held,
    pub(super) copies: Option<Copies>,
    failures: u32,
}

impl State {
    /// Nothing read yet.
    pub(super) fn new(
        connection: Connection,
        selector: DocumentSelector,
        polling: Polling,
    ) -> Self {
        Self {
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
        }
    }

    fn url(&self) -> String {
        self.selector.url().into()
    }

    pub(super) fn open_cache(&mut self) {
        let directory = self.cache_directory.as_deref();
        self.cache = directory
            .zip(self.selector.xui())
            .map(|(directory, xui)| CacheFile::new(directory, self.selector.auid(), xui));
    }

    /// The list of an earlier run: in use, but not known to be still right.
    pub(super) fn recall(&mut self) -> Option<Update> {
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

    pub(super) fn switch(
        &mut self,
        connection: Connection,
        selector: DocumentSelector,
    ) -> Option<Update> {
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
    pub(super) fn retag(&mut self, document: &str, previous: &str, etag: &str) -> bool {
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
    pub(super) async fn fetch(&mut self) -> Result<(Brought, Option<Copies>), XdmsError> {
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
    pub(super) fn settle(
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
