//! Whether the block list can be changed, and whether the XDMS takes care that nobody's change is lost. The document is
//! as it was afterwards (RFC 4825 §7.11, §8.2.1, XDM-29).

use std::time::Instant;

use rollmark_xdm::client::{Condition, Failure, Fetched, Operation, Outcome, Target};
use rollmark_xdm::selector::DocumentSelector;
use rollmark_xdm::{Connection, XdmsError};

use super::check::{Examination, Finding, Id, failed, note, ok};
use super::xcap::Xdms;

const WRITE: &str = "RFC 4825 §7.11, §8.2.1, §8.5";
/// A document that blocks nobody.
const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>\n";
/// The entity tag of no document.
const NO_TAG: &str = "\"rollmark-doctor-was-here\"";

/// Writes, on condition, if that was asked for.
pub(crate) async fn examine(
    found: &mut Examination,
    xdms: &Xdms<'_>,
    mut own: Connection,
    list: &DocumentSelector,
    document: Option<&Fetched>,
) {
    if !xdms.args.check_write {
        found.skip(Id::XcapWrite, "it was not asked for (--check-write)");
        return;
    }
    let since = Instant::now();
    let target = Target::document(list);
    let (did, finding) = match document {
        None => (
            format!(
                "PUT {} with an empty list (If-None-Match: *), then DELETE (If-Match)",
                target.url()
            ),
            made(&mut own, &target).await,
        ),
        Some(Fetched { etag: None, .. }) => {
            found.skip(
                Id::XcapWrite,
                "the document has no entity tag, so nobody else's change would be safe",
            );
            return;
        }
        Some(Fetched {
            body,
            etag: Some(etag),
            ..
        }) => (
            format!(
                "PUT {} as it is (If-Match), then the same on a condition that does not hold",
                target.url()
            ),
            kept(&mut own, &target, body, etag).await,
        ),
    };
    found.add(Id::XcapWrite, since, did, WRITE, finding);
}

async fn put(
    own: &mut Connection,
    target: &Target,
    body: &[u8],
    condition: Condition,
) -> Result<Outcome, XdmsError> {
    own.perform(Operation::put(target.clone(), body, condition))
        .await
}

/// There was none: it is made, and taken away again.
async fn made(own: &mut Connection, target: &Target) -> Finding {
    let etag = match put(own, target, EMPTY.as_bytes(), Condition::Absent).await {
        Ok(Outcome::Written(written)) => written.etag,
        Ok(Outcome::PreconditionFailed) => {
            return note(
                "somebody has made the document meanwhile; nothing was written",
                "try again",
            );
        }
        outcome => return refused(outcome),
    };
    let etag = match etag {
        Some(etag) => Some(etag),
        None => match own.get(target.clone()).await {
            Ok(Some(document)) => document.etag,
            _ => None,
        },
    };
    let left = "an empty list, which blocks nobody, is left on the XDMS";
    let Some(etag) = etag else {
        return note(
            format!("the document was made, but has no entity tag, so it was not removed: {left}"),
            "have the XDMS give entity tags",
        );
    };
    match own
        .perform(Operation::delete(
            target.clone(),
            Condition::Unchanged(etag),
        ))
        .await
    {
        Ok(Outcome::Written(_)) => ok("the document was made, and removed again"),
        Ok(outcome) => note(
            format!(
                "the document was made, but not removed ({}): {left}",
                named(&outcome)
            ),
            "have the XDMS let users remove their documents",
        ),
        Err(error) => note(
            format!("the document was made, but not removed: {error}; {left}"),
            "see the log of the XDMS",
        ),
    }
}

/// There is one: it is written as it is.
async fn kept(own: &mut Connection, target: &Target, body: &[u8], etag: &str) -> Finding {
    match put(own, target, body, Condition::Unchanged(etag.to_owned())).await {
        Ok(Outcome::Written(_)) => {}
        Ok(Outcome::PreconditionFailed) => {
            return failed(
                "the XDMS does not know the entity tag that it has just given (412); nothing was written",
                "try again: somebody may have changed the list meanwhile; if it stays so, have the XDMS's entity tags looked at",
            );
        }
        outcome => return refused(outcome),
    }
    match put(own, target, body, Condition::Unchanged(NO_TAG.to_owned())).await {
        Ok(Outcome::PreconditionFailed) => {}
        Ok(Outcome::Written(_)) => {
            return failed(
                "the XDMS took a change on a condition that does not hold (If-Match); the content is as before",
                "have the XDMS honour If-Match (412): without it a change by one device undoes that of another",
            );
        }
        Ok(outcome) => {
            return note(
                format!(
                    "written; on a condition that does not hold it answers {}, not 412",
                    named(&outcome)
                ),
                "have the XDMS answer 412 to a condition that does not hold",
            );
        }
        Err(error) => return note(format!("written; then {error}"), "see the log of the XDMS"),
    }
    match own.get(target.clone()).await {
        Ok(Some(now)) if now.body == body => {
            ok("written as it was; a change on a condition that does not hold is refused (412)")
        }
        Ok(Some(_)) => note(
            "written; the XDMS gives it back in other octets: it was changed meanwhile, or the XDMS writes documents in its own way",
            "nothing, if rollmark xdm blocked still shows whom it should",
        ),
        Ok(None) => failed(
            "written, and then it was not there (404)",
            "see the log of the XDMS",
        ),
        Err(error) => note(format!("written; then {error}"), "see the log of the XDMS"),
    }
}

fn refused(outcome: Result<Outcome, XdmsError>) -> Finding {
    let mend = match &outcome {
        Ok(Outcome::Failed(Failure::Forbidden { .. })) => {
            "have the XDMS let this user change his own list; until then block with --block-list FILE"
        }
        Ok(Outcome::Failed(Failure::MethodNotAllowed { .. })) => {
            "this XDMS, or a proxy before it, only lets lists be read: have PUT and DELETE allowed; until then block with --block-list FILE"
        }
        Ok(Outcome::Failed(Failure::TooLarge { .. })) => {
            "shorten the list, or have the XDMS take longer ones"
        }
        Ok(Outcome::Conflict(_)) => {
            "have the document put right: the XDMS itself does not take it as it is"
        }
        _ => "see the log of the XDMS",
    };
    match outcome {
        Ok(Outcome::Failed(failure)) => failed(failure.to_string(), mend),
        Ok(Outcome::Conflict(conflict)) => failed(
            format!("the XDMS does not take the document (409): {conflict}"),
            mend,
        ),
        Ok(outcome) => failed(format!("the XDMS answers {}", named(&outcome)), mend),
        Err(error) => failed(error.to_string(), mend),
    }
}

fn named(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Fetched(_) | Outcome::Written(_) => "200".into(),
        Outcome::NotModified => "304".into(),
        Outcome::NotFound => "404".into(),
        Outcome::PreconditionFailed => "412".into(),
        Outcome::Conflict(_) => "409".into(),
        Outcome::Failed(failure) => failure.to_string(),
    }
}
