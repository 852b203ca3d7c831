//! Documents that the server makes itself: xcap-caps (RFC 4825 §12) and xcap-directory (OMA XDM).

use quick_xml::escape::escape;

use crate::address::{Owner, Selector};
use crate::store::{Document, Store, short_digest};
use crate::usage::{CAPS, CAPS_AUID, DIRECTORY, DIRECTORY_AUID, Usage, of};

/// The document of that name, made for the moment.
pub(crate) fn document(store: &Store, root: &str, selector: &Selector) -> Option<Document> {
    let body = match (
        selector.auid.as_str(),
        &selector.owner,
        selector.document.as_str(),
    ) {
        (CAPS_AUID, Owner::Global, "index") => caps(store.usages()),
        (DIRECTORY_AUID, Owner::User(xui), "directory.xml") => directory(store, root, xui),
        _ => return None,
    };
    let usage = of(store.usages(), selector)?;
    Some(Document {
        etag: format!("\"{}\"", short_digest(body.as_bytes())),
        content_type: usage.content_type().to_owned(),
        body: body.into(),
    })
}

/// XDM-42. Namespaces are listed when documents in them are checked against their schema.
fn caps(usages: &[Usage]) -> String {
    let auids = usages
        .iter()
        .map(|usage| format!("<auid>{}</auid>", escape(usage.auid())));
    let namespaces = usages
        .iter()
        .filter_map(Usage::checked_namespace)
        .chain([CAPS]);
    let namespaces = namespaces.map(|namespace| format!("<namespace>{namespace}</namespace>"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <xcap-caps xmlns=\"{CAPS}\"><auids>{}</auids><extensions/><namespaces>{}</namespaces></xcap-caps>",
        auids.collect::<String>(),
        namespaces.collect::<String>(),
    )
}

/// XDM-41: what a user has, folder by folder, with entity tags as text (without their quotes).
fn directory(store: &Store, root: &str, xui: &str) -> String {
    let mut folders = String::new();
    let mut open = None;
    // In the order of their selectors, so that a folder is in one piece.
    for (selector, document) in store.documents_of(xui) {
        if open != Some(&selector.auid) {
            if open.is_some() {
                folders.push_str("</folder>");
            }
            folders.push_str(&format!(
                "<folder auid=\"{}\">",
                escape(selector.auid.as_str())
            ));
            open = Some(&selector.auid);
        }
        let uri = format!("{root}/{}", selector.uri());
        folders.push_str(&format!(
            "<entry uri=\"{}\" etag=\"{}\" size=\"{}\"/>",
            escape(uri.as_str()),
            escape(document.etag.trim_matches('"')),
            document.body.len()
        ));
    }
    if open.is_some() {
        folders.push_str("</folder>");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-directory xmlns=\"{DIRECTORY}\">{folders}</xcap-directory>"
    )
}
