//! Detailed conflict reports: the body of a 409 (RFC 4825 §11).

use crate::well_formed::Fault;

/// MIME type of the report (RFC 4825 §15.2.4).
pub(crate) const CONTENT_TYPE: &str = "application/xcap-error+xml";

/// The report for a body that is no document.
pub(crate) fn report(fault: Fault) -> String {
    let element = match fault {
        Fault::NotWellFormed => "not-well-formed",
        Fault::NotUtf8 => "not-utf-8",
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\"><{element} phrase=\"{fault}\"/></xcap-error>"
    )
}
