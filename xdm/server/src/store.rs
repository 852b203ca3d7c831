//! The documents and their entity tags, in memory or also in a folder (RFC 4825 §8.5).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::sync::broadcast;

use crate::address::{Owner, Selector};
use crate::conflict::Conflict;
use crate::folder::Folder;
use crate::http::MAX_BODY;
use crate::tree::{Flaw, Tree};
use crate::usage::{self, Usage};

/// Changes kept for a receiver that lags behind; older ones are lost to it.
pub const CHANGE_BACKLOG: usize = 256;

/// Documents that a server holds if nothing else is set; 507 beyond it.
pub const MAX_DOCUMENTS: usize = 10_000;

/// A document as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Strong entity tag, with quotes; a new one for every change, never used twice by a server.
    pub etag: String,
    /// Content-Type.
    pub content_type: String,
    /// The octets that were put.
    pub body: Bytes,
}

/// A document was created (no `old`), changed, or deleted (no `new`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentChange {
    /// Where, decoded and below the XCAP root: `AUID/users/XUI/DOCUMENT` or `AUID/global/DOCUMENT`.
    pub path: String,
    /// The same as it stands in a URI, relative to the XCAP root: the `sel` of an xcap-diff document (XDM-76).
    pub uri: String,
    /// Entity tag before.
    pub old: Option<String>,
    /// Entity tag after.
    pub new: Option<String>,
}

/// A document could not be put.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PutError {
    /// The document is refused; 409 over HTTP (RFC 4825 §8.2).
    #[error("document {path}: {conflict}: nothing was stored")]
    Conflict {
        /// Where it was to be put.
        path: String,
        /// What is wrong with it.
        conflict: Conflict,
    },
    /// The server knows no application usage of this name, or makes its documents itself; 404 or 405 over HTTP.
    #[error(
        "document {path}: this server stores nothing for application usage {auid}: add it to the settings"
    )]
    Usage {
        /// Where it was to be put.
        path: String,
        /// The AUID.
        auid: String,
    },
    /// As many documents as the server may hold; 507 over HTTP.
    #[error(
        "document {path}: the server holds {limit} documents, as many as it may: delete some, or raise the limit"
    )]
    Full {
        /// Where it was to be put.
        path: String,
        /// How many that is.
        limit: usize,
    },
    /// The folder does not take it; 500 over HTTP.
    #[error("document {path} could not be written: {error}; look at the folder's rights and space")]
    Folder {
        /// Where it was to be put.
        path: String,
        /// What the system said.
        error: String,
    },
}

/// The documents of a folder could not be read.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The system refuses.
    #[error("cannot use the folder {}: {source}", .folder.display())]
    System {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no document of its application usage.
    #[error("{}: {conflict}; repair it or take it out of the folder", .file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        conflict: Conflict,
    },
}

#[derive(Debug)]
pub(crate) struct Store {
    documents: BTreeMap<Selector, Document>,
    usages: Vec<Usage>,
    folder: Option<Folder>,
    max_documents: usize,
    /// Of the last change, in nanoseconds since 1970; always rising.
    last: u64,
    changes: broadcast::Sender<DocumentChange>,
}

impl Store {
    pub(crate) fn open(
        usages: Vec<Usage>,
        folder: Option<&Path>,
        max_documents: usize,
    ) -> Result<Self, FolderError> {
        let mut store = Self {
            documents: BTreeMap::new(),
            usages,
            folder: None,
            max_documents,
            last: 0,
            changes: broadcast::Sender::new(CHANGE_BACKLOG),
        };
        if let Some(path) = folder {
            let fault = |source| FolderError::System {
                folder: path.to_owned(),
                source,
            };
            let folder = Folder::open(path).map_err(fault)?;
            for stored in folder.documents(MAX_BODY).map_err(fault)? {
                let Some(usage) = usage::of(&store.usages, &stored.selector) else {
                    tracing::warn!(file = %stored.path.display(), "no application usage of this name: passed over");
                    continue;
                };
                let conflict = check(usage, &stored.body).err();
                if let Some(conflict) = conflict {
                    return Err(FolderError::Document {
                        file: stored.path,
                        conflict,
                    });
                }
                let document = document(usage, stored.changed, stored.body.into());
                store.last = store.last.max(stored.changed);
                store.documents.insert(stored.selector, document);
            }
            store.folder = Some(folder);
        }
        Ok(store)
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<DocumentChange> {
        self.changes.subscribe()
    }

    pub(crate) fn document(&self, selector: &Selector) -> Option<&Document> {
        self.documents.get(selector)
    }

    pub(crate) fn usages(&self) -> &[Usage] {
        &self.usages
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = (&Selector, &Document)> {
        self.documents.iter()
    }

    pub(crate) fn documents_of<'a>(
        &'a self,
        xui: &'a str,
    ) -> impl Iterator<Item = (&'a Selector, &'a Document)> {
        let own = move |selector: &Selector| matches!(&selector.owner, Owner::User(known) if known == xui);
        self.documents
            .iter()
            .filter(move |(selector, _)| own(selector))
    }

    /// Stores a document and gives its entity tag.
    pub(crate) fn put(&mut self, selector: Selector, body: Bytes) -> Result<String, PutError> {
        let path = selector.path();
        let usage = usage::of(&self.usages, &selector).filter(|usage| !usage.is_made());
        let Some(usage) = usage else {
            let auid = selector.auid;
            return Err(PutError::Usage { path, auid });
        };
        let refused = |conflict| PutError::Conflict {
            path: path.clone(),
            conflict,
        };
        if body.len() > MAX_BODY {
            let what = format!("longer than {MAX_BODY} octets");
            return Err(refused(Conflict::Constraint(what)));
        }
        check(usage, &body).map_err(refused)?;
        let known = self.documents.get(&selector);
        if known.is_none() && self.documents.len() >= self.max_documents {
            let limit = self.max_documents;
            return Err(PutError::Full { path, limit });
        }
        let changed = now().max(self.last + 1);
        if let Some(folder) = &self.folder {
            folder
                .write(&selector, &body, changed)
                .map_err(|error| PutError::Folder {
                    path: path.clone(),
                    error: error.to_string(),
                })?;
        }
        self.last = changed;
        let document = document(usage, changed, body);
        let etag = document.etag.clone();
        let old = known.map(|known| known.etag.clone());
        let told = DocumentChange {
            path,
            uri: selector.uri(),
            old,
            new: Some(etag.clone()),
        };
        self.documents.insert(selector, document);
        self.tell(told);
        Ok(etag)
    }

    /// Deletes a document; false if there is none.
    pub(crate) fn delete(&mut self, selector: &Selector) -> std::io::Result<bool> {
        if !self.documents.contains_key(selector) {
            return Ok(false);
        }
        if let Some(folder) = &self.folder {
            folder.delete(selector)?;
        }
        let old = self.documents.remove(selector).map(|old| old.etag);
        self.tell(DocumentChange {
            path: selector.path(),
            uri: selector.uri(),
            old,
            new: None,
        });
        Ok(true)
    }

    fn tell(&self, change: DocumentChange) {
        // Fails only if nobody listens.
        let _ = self.changes.send(change);
    }
}

/// The tag is the time of the change and a digest of the body: it outlives a restart, and a folder that keeps coarse times.
fn document(usage: &Usage, changed: u64, body: Bytes) -> Document {
    Document {
        etag: format!("\"{changed:x}-{}\"", short_digest(&body)),
        content_type: usage.content_type().to_owned(),
        body,
    }
}

pub(crate) fn short_digest(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn check(usage: &Usage, body: &[u8]) -> Result<(), Conflict> {
    usage.check(&check_text(body)?)
}

/// Reads a body as a document (RFC 4825 §8.2.2).
pub(crate) fn check_text(body: &[u8]) -> Result<Tree, Conflict> {
    let text = std::str::from_utf8(body).map_err(|_| Conflict::NotUtf8)?;
    Tree::document(text).map_err(|flaw| match flaw {
        Flaw::Encoding => Conflict::NotUtf8,
        Flaw::NotWellFormed { .. } => Conflict::NotWellFormed(flaw.to_string()),
        Flaw::TooDeep | Flaw::TooManyElements => Conflict::Constraint(flaw.to_string()),
    })
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
