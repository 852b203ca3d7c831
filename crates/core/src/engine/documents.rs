//! The xcap-diff package: documents of an XDMS are watched, and their changes told (RFC 5875, XDM-73…77).

use alloc::format;
use alloc::sync::Arc;
use core::time::Duration;

use super::package::{Body, Package};
use super::{Engine, WatchError, WatchId, What};
use crate::account::AccountId;
use crate::conference::{Deviation, DeviationCode};
use crate::roster::News;
use crate::xcap_diff::{self, Diff, DocumentList, ListError};

/// Documents that are watched.
#[derive(Debug)]
pub(crate) struct Documents {
    /// What the notifier is asked for.
    pub(super) body: Body,
    /// It was asked for something else last.
    pub(super) is_new: bool,
    /// The notifier takes no parameter of Event.
    plain: bool,
    /// An unreadable document was told of in this subscription.
    unreadable: bool,
}

impl Documents {
    fn new(list: &DocumentList) -> Self {
        Self {
            body: list.body(),
            is_new: false,
            plain: false,
            unreadable: false,
        }
    }

    /// Event value to send.
    pub(super) fn event(&self) -> &'static str {
        if self.plain {
            xcap_diff::PLAIN_EVENT
        } else {
            xcap_diff::EVENT
        }
    }

    /// 489, which servers answer that compare Event with its parameters: true when it is worth asking without (RFC 5875
    /// §4.3).
    pub(super) fn leaves_parameter_out(&mut self) -> bool {
        !core::mem::replace(&mut self.plain, true)
    }

    pub(super) fn begin_subscription(&mut self) {
        self.unreadable = false;
    }

    /// What cannot be read is no fault that the notifier could mend by another answer than 200 (XDM-77).
    pub(super) fn read(&mut self, body: &[u8]) -> News {
        let mut news = News::default();
        match Diff::read(body) {
            Ok(diff) => news.events.push(What::DocumentsChanged(Arc::new(diff))),
            Err(error) => {
                news.events.push(What::DocumentsUncertain);
                if !core::mem::replace(&mut self.unreadable, true) {
                    news.deviations.push(Deviation {
                        code: DeviationCode::MalformedBody,
                        detail: format!("an xcap-diff document tells nothing: {error}"),
                    });
                }
            }
        }
        news
    }
}

impl Engine {
    /// Watches documents of an XDMS: `notifier` is whom to ask, often the user's own identity (XDM-74), `documents` are URIs
    /// relative to its XCAP root. Changes come out as [`What::DocumentsChanged`]. One dialog at most (XDM-77).
    ///
    /// # Errors
    /// When `notifier` is no SIP URI, the documents cannot be asked for, or the account does not exist.
    pub fn watch_documents(
        &mut self,
        now: Duration,
        account: AccountId,
        notifier: &str,
        documents: &[impl AsRef<str>],
    ) -> Result<WatchId, WatchError> {
        let list = DocumentList::new(documents)?;
        let package = Package::Documents(Documents::new(&list).into());
        self.begin(now, account, notifier, package, false)
    }

    /// Watches other documents from now on, in the same subscription: the notifier is asked at once, or as soon as there is
    /// a dialog (RFC 5875 §4.7). Does nothing to a watch of another kind.
    ///
    /// # Errors
    /// When the documents cannot be asked for; those before stay watched.
    pub fn set_documents(
        &mut self,
        now: Duration,
        id: WatchId,
        documents: &[impl AsRef<str>],
    ) -> Result<(), ListError> {
        let now = self.at(now);
        let body = DocumentList::new(documents)?.body();
        self.with(now, id, |_, watch| {
            if let Package::Documents(documents) = &mut watch.package
                && documents.body != body
            {
                documents.body = body;
                documents.is_new = true;
            }
        });
        Ok(())
    }
}
