//! The documents and their entity tags, in memory (RFC 4825 §8.5).

use std::collections::HashMap;

use axum::body::Bytes;
use thiserror::Error;
use tokio::sync::broadcast;

use crate::selector::Selector;
use crate::well_formed::{self, Fault};

/// Changes kept for a receiver that lags behind; older ones are lost to it.
pub const CHANGE_BACKLOG: usize = 256;

/// A document as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Strong entity tag, with quotes; a new one for every PUT, never used twice by a server.
    pub etag: String,
    /// Content-Type.
    pub content_type: String,
    /// The octets that were put.
    pub body: Bytes,
}

/// A document was created (no `old`), replaced, or deleted (no `new`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentChange {
    /// Where, decoded and below the XCAP root: `AUID/users/XUI/DOCUMENT`.
    pub path: String,
    /// Entity tag before.
    pub old: Option<String>,
    /// Entity tag after.
    pub new: Option<String>,
}

/// A document could not be put.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PutError {
    /// The body is no document; 409 over HTTP (RFC 4825 §8.2.2).
    #[error("document {path} is {fault}: nothing was stored")]
    Conflict {
        /// Where it was to be put.
        path: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The application usage has another MIME type; 415 over HTTP (RFC 4825 §8.2.2).
    #[error("document {path} cannot be {given}: its application usage wants {wanted}")]
    ContentType {
        /// Where it was to be put.
        path: String,
        /// The type that came with it.
        given: String,
        /// The type of the application usage.
        wanted: &'static str,
    },
}

/// The MIME type that an application usage defines (RFC 4826 §3.4.4, §4.4.4; RFC 5025 §9.3), if known here.
pub(crate) fn usage_type(auid: &str) -> Option<&'static str> {
    match auid {
        "resource-lists" => Some("application/resource-lists+xml"),
        "rls-services" => Some("application/rls-services+xml"),
        "pres-rules" | "org.openmobilealliance.pres-rules" => Some("application/auth-policy+xml"),
        _ => None,
    }
}

#[derive(Debug)]
pub(crate) struct Store {
    documents: HashMap<Selector, Document>,
    /// Differs from server to server, so that a restarted one does not repeat a tag.
    epoch: u64,
    count: u64,
    changes: broadcast::Sender<DocumentChange>,
}

impl Store {
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            documents: HashMap::new(),
            epoch,
            count: 0,
            changes: broadcast::Sender::new(CHANGE_BACKLOG),
        }
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<DocumentChange> {
        self.changes.subscribe()
    }

    pub(crate) fn document(&self, selector: &Selector) -> Option<&Document> {
        self.documents.get(selector)
    }

    /// Stores a document and gives its entity tag. Without a type it gets that of its application usage.
    pub(crate) fn put(
        &mut self,
        selector: Selector,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<String, PutError> {
        let path = selector.path();
        let usage = usage_type(&selector.auid);
        if let (Some(wanted), Some(given)) = (usage, content_type) {
            let essence = given.split(';').next().unwrap_or_default().trim();
            if !essence.eq_ignore_ascii_case(wanted) {
                let given = given.to_owned();
                return Err(PutError::ContentType {
                    path,
                    given,
                    wanted,
                });
            }
        }
        well_formed::check(&body).map_err(|fault| PutError::Conflict {
            path: path.clone(),
            fault,
        })?;
        self.count += 1;
        let etag = format!("\"{:x}-{:x}\"", self.epoch, self.count);
        let document = Document {
            etag: etag.clone(),
            content_type: content_type
                .or(usage)
                .unwrap_or("application/xml")
                .to_owned(),
            body,
        };
        let old = self.documents.insert(selector, document);
        self.tell(path, old.map(|old| old.etag), Some(etag.clone()));
        Ok(etag)
    }

    /// Deletes a document; false if there is none.
    pub(crate) fn delete(&mut self, selector: &Selector) -> bool {
        let Some(old) = self.documents.remove(selector) else {
            return false;
        };
        self.tell(selector.path(), Some(old.etag), None);
        true
    }

    fn tell(&self, path: String, old: Option<String>, new: Option<String>) {
        // Fails only if nobody listens.
        let _ = self.changes.send(DocumentChange { path, old, new });
    }
}
