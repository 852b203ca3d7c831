//! Whether somebody tells of changes on the XDMS (RFC 5875, XDM-73…79).

use std::time::Instant;

use rollmark::core::subscription::EndReason;
use rollmark::{Conferences, DocumentNews};

use super::check::{Examination, Id, failed, ok};
use super::xcap::Xdms;

const FOLLOW: &str = "RFC 5875 §4";

/// Follows the documents for a moment.
pub(crate) async fn examine(
    found: &mut Examination,
    xdms: &Xdms<'_>,
    conferences: Option<&Conferences>,
    documents: Option<Vec<String>>,
    ims: bool,
) {
    let Some(documents) = documents else {
        let because = match xdms.args.lists.xcap_root {
            Some(_) => "the XCAP root cannot be used",
            None => "no XDMS is named (--xcap-root)",
        };
        found.skip(Id::XcapDiff, because);
        return;
    };
    let own = xdms.identity.filter(|_| ims);
    let Some(notifier) = xdms.args.lists.xcap_notifier.as_deref().or(own) else {
        found.skip(Id::XcapDiff, "nobody is named who tells of changes (--xcap-notifier); the XDMS is asked now and then instead");
        return;
    };
    let Some(conferences) = conferences else {
        found.skip(Id::XcapDiff, "there is no way to the SIP core, see above");
        return;
    };
    let since = Instant::now();
    let did = format!(
        "SUBSCRIBE {notifier} (Event: xcap-diff) for {} documents",
        documents.len()
    );
    let fall_back = "without it changes on other devices are seen minutes later";
    let finding = match conferences.follow_documents(notifier, documents).await {
        Err(error) => failed(error.to_string(), "give a sip: URI with --xcap-notifier"),
        Ok(mut news) => match tokio::time::timeout(xdms.patience, news.next()).await {
            Ok(Some(DocumentNews::Following | DocumentNews::Changed(_))) => {
                ok("changes are told from now on")
            }
            Ok(Some(DocumentNews::Uncertain)) => failed(
                "a document came that cannot be read",
                format!("have the notifier send xcap-diff documents (RFC 5874); {fall_back}"),
            ),
            Ok(Some(DocumentNews::Lost { .. })) => failed(
                "the notifier cannot serve this now",
                format!("see the log of the notifier; {fall_back}"),
            ),
            Ok(Some(DocumentNews::Ended { reason, status })) => {
                let status = status.map_or_else(String::new, |status| format!("{status}, "));
                failed(
                    format!("refused: {status}{}", reason.as_str()),
                    format!("{}; {fall_back}", mending(reason)),
                )
            }
            Ok(None) => failed("it ended", fall_back),
            Err(_) => failed(
                format!("no NOTIFY in {} s", xdms.patience.as_secs()),
                format!(
                    "see whether the notifier runs, and its NOTIFYs reach this machine; {fall_back}"
                ),
            ),
        },
    };
    found.add(Id::XcapDiff, since, did, FOLLOW, finding);
}

fn mending(reason: EndReason) -> &'static str {
    match reason {
        EndReason::NotFound => "check --xcap-notifier: there is nobody of that name",
        EndReason::Unsupported => {
            "whoever answers does not offer the event package xcap-diff: name the notifier with --xcap-notifier (in IMS have the initial filter criteria lead there)"
        }
        EndReason::Forbidden | EndReason::Rejected => {
            "have the notifier let this user follow his own documents"
        }
        EndReason::AuthenticationFailed => "check --user and --password-file",
        _ => "see the log of the notifier",
    }
}
