//! Documents that are followed on the same SIP stack: a notifier tells which changed (RFC 5875; XDM-73…79).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollmark_core::engine::{WatchId, What};
use rollmark_core::subscription::{EndReason, Shown};
use rollmark_core::xcap_diff::{Diff, ListError};
use tokio::sync::{mpsc, oneshot};

use crate::conferences::Event;
use crate::driver::Command;

/// News of documents that are followed.
#[derive(Clone, Debug)]
pub enum DocumentNews {
    /// Changes are told from now on. Those of before are not: ask for each document, by its entity tag.
    Following,
    /// These changed, or were found to be there.
    Changed(Arc<Diff>),
    /// Something was told that could not be read, or was missed: ask for each document.
    Uncertain,
    /// Nothing is told for now; the notifier is tried again. Until then, look at the documents now and then (XDM-79).
    Lost {
        /// Time to the next attempt.
        retry_in: Option<Duration>,
    },
    /// Nothing is told any more: look at the documents now and then (XDM-79).
    Ended {
        /// Why.
        reason: EndReason,
        /// The status code behind it, where there is one.
        status: Option<u16>,
    },
}

/// Documents that are followed. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Documents {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) id: WatchId,
    pub(crate) queue: mpsc::Receiver<Event>,
    pub(crate) lagged: Arc<AtomicBool>,
    pub(crate) follows: bool,
}

impl Documents {
    /// The next news; none after [`DocumentNews::Ended`]. Cancel-safe.
    pub async fn next(&mut self) -> Option<DocumentNews> {
        loop {
            let event = match self.queue.try_recv() {
                Ok(event) => event,
                Err(_) if self.lagged.swap(false, Ordering::AcqRel) => {
                    let _ = self.commands.send(Command::Resynchronise(self.id));
                    return Some(DocumentNews::Uncertain);
                }
                Err(_) => self.queue.recv().await?,
            };
            if let Some(news) = self.news(event.what) {
                return Some(news);
            }
        }
    }

    fn news(&mut self, what: What) -> Option<DocumentNews> {
        match what {
            What::State(state) => match state.shown {
                Shown::Active if !std::mem::replace(&mut self.follows, true) => {
                    Some(DocumentNews::Following)
                }
                Shown::Active => None,
                Shown::Stale => {
                    self.follows = false;
                    let retry_in = state.retry_in;
                    Some(DocumentNews::Lost { retry_in })
                }
                Shown::Subscribing | Shown::Pending | Shown::Terminated => {
                    self.follows = false;
                    None
                }
            },
            What::DocumentsChanged(diff) => Some(DocumentNews::Changed(diff)),
            What::DocumentsUncertain => Some(DocumentNews::Uncertain),
            What::Ended { reason, status } => Some(DocumentNews::Ended { reason, status }),
            _ => None,
        }
    }

    /// Follows other documents from now on, in the same subscription.
    ///
    /// # Errors
    /// When they cannot be asked for; those before stay followed.
    pub async fn set(&self, documents: Vec<String>) -> Result<(), ListError> {
        let (reply, result) = oneshot::channel();
        let command = Command::Documents(self.id, documents, reply);
        let _ = self.commands.send(command);
        // A driver that has ended follows nothing, whatever the documents.
        result.await.unwrap_or(Ok(()))
    }

    /// Ends the subscription; news go on until [`DocumentNews::Ended`].
    pub fn unsubscribe(&self) {
        let _ = self.commands.send(Command::Unsubscribe(self.id));
    }
}

impl Drop for Documents {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}
