//! Changes on the XDMS are told by its notifier, where there is one; else the lists are asked for now and then (XDM-73…79).

use rollmark::core::subscription::EndReason;
use rollmark::{Conferences, DocumentNews};
use rollmark_xdm::source::{DEFAULT_POLL, Followed};

use tokio::task::JoinHandle;

use crate::text::safe;
use crate::watch::PATIENCE;

/// Lets the notifier wake the sources; ends with the plugin, or when the notifier tells nothing any more. One line on
/// standard error says so each time it does not.
pub(crate) async fn follow(conferences: Conferences, notifier: String, mut followed: Followed) {
    let mut told = None;
    let mut tell = |what: Option<String>| {
        if let Some(what) = &what
            && told.as_ref() != Some(what)
        {
            crate::show::complain(&format!(
                "block list: {}: {what}; the XDMS is asked every {} minutes instead",
                safe(&notifier),
                DEFAULT_POLL.as_secs() / 60
            ));
        }
        told = what;
    };
    let documents = followed.documents();
    let mut documents = match conferences.follow_documents(&notifier, documents).await {
        Ok(documents) => documents,
        Err(error) => {
            tell(Some(format!("no changes can be asked for: {error}")));
            return;
        }
    };
    loop {
        tokio::select! {
            news = documents.next() => match news {
                Some(DocumentNews::Changed(diff)) => followed.take(&diff),
                Some(DocumentNews::Following) => {
                    tell(None);
                    followed.ask_all();
                }
                Some(DocumentNews::Uncertain) => followed.ask_all(),
                Some(DocumentNews::Lost { .. }) => {
                    tell(Some("it tells of no changes for now".to_owned()));
                }
                Some(DocumentNews::Ended { reason: EndReason::Unsubscribed, .. }) | None => return,
                Some(DocumentNews::Ended { reason, status }) => {
                    tell(Some(why(reason, status)));
                    return;
                }
            },
            () = followed.documents_changed() => {
                if let Err(error) = documents.set(followed.documents()).await {
                    tracing::warn!(%error, "the documents that are followed stay as they were");
                }
            }
        }
    }
}

/// Ends a following properly: Expires: 0, the last NOTIFY answered.
pub(crate) async fn end(following: JoinHandle<()>, conferences: &Conferences) {
    following.abort();
    // What it held is dropped now, and with it the subscription ends.
    let _ = following.await;
    conferences.stop(PATIENCE).await;
}

/// Why a notifier tells nothing.
fn why(reason: EndReason, status: Option<u16>) -> String {
    let code = status.map_or_else(String::new, |status| format!(" ({status})"));
    match reason {
        EndReason::Unsupported => format!("it tells of no changes of documents{code}"),
        EndReason::NotFound => format!("there is no such notifier{code}; check --xcap-notifier"),
        EndReason::Forbidden | EndReason::Rejected => {
            format!("it does not let you follow your documents{code}")
        }
        EndReason::AuthenticationFailed => {
            format!("it does not accept your user name and password{code}")
        }
        EndReason::NoAnswer | EndReason::Unreachable => "no answer".to_owned(),
        EndReason::NoNotify => format!("it accepts, but sends no NOTIFY{code}"),
        reason => format!("it tells of no changes: {}{code}", reason.as_str()),
    }
}
