//! Words to a source that is in use elsewhere: a change, another entity tag, another place (XDM-75, XDM-79…81).

use tokio::sync::{mpsc, watch};

use super::live::Reads;
use crate::connection::Connection;
use crate::selector::DocumentSelector;

/// One word to a running source.
#[derive(Debug)]
pub(super) enum Word {
    Changed,
    Retagged {
        document: String,
        previous: String,
        etag: String,
    },
    Switch(Box<(Connection, DocumentSelector)>),
}

/// Speaks to an [`XdmsSource`](super::XdmsSource) that is in use elsewhere.
#[derive(Clone, Debug)]
pub struct XdmsControl {
    pub(super) words: mpsc::UnboundedSender<Word>,
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
