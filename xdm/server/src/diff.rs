//! xcap-diff documents: which documents changed, by their entity tags alone (RFC 5874 §3; no-patching, RFC 5875 §4.2).

use quick_xml::escape::escape;

use crate::percent::{decode, encode_path};
use crate::store::DocumentChange;

/// MIME type of an xcap-diff document (RFC 5874 §6.1).
pub const XCAP_DIFF: &str = "application/xcap-diff+xml";

/// Whether a watcher of this URI, relative to the XCAP root, sees changes of the document at this URI (RFC 5875 §4.3): it is that
/// document, however escaped, or a collection that holds it (a slash at its end).
pub fn watches(watched: &str, document: &str) -> bool {
    let watched = segments(watched);
    let document = segments(document);
    match watched.split_last() {
        Some((last, collection)) if last.is_empty() => {
            document.len() > collection.len() && document.starts_with(collection)
        }
        _ => watched == document,
    }
}

impl DocumentChange {
    /// The change as a watcher of these URIs sees it: with `uri` as he wrote it, octet by octet, unless he watches a collection
    /// (RFC 5875 §4.6). None if he does not see it.
    pub fn seen_by(&self, watched: &[impl AsRef<str>]) -> Option<Self> {
        let mut watched = watched.iter().map(AsRef::as_ref);
        let by = watched.find(|watched| watches(watched, &self.uri))?;
        let mut seen = self.clone();
        if !by.ends_with('/') {
            by.clone_into(&mut seen.uri);
        }
        Some(seen)
    }
}

/// Decoded: a slash that is escaped in a name stays apart from one between names.
fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .map(|segment| decode(segment).unwrap_or_else(|| segment.to_owned()))
        .collect()
}

/// The document that tells of these changes: a new tag alone is a document that came, or that is there; the old alone one that is gone;
/// both one that changed (XDM-75). Entity tags are written without their quotes.
pub fn xcap_diff<'a>(root: &str, changes: impl IntoIterator<Item = &'a DocumentChange>) -> String {
    let mut documents = String::new();
    for change in changes {
        let tag = |name: &str, tag: &Option<String>| match tag {
            Some(tag) => format!(" {name}=\"{}\"", escape(tag.trim_matches('"'))),
            None => String::new(),
        };
        documents.push_str(&format!(
            "<document{}{} sel=\"{}\"/>",
            tag("new-etag", &change.new),
            tag("previous-etag", &change.old),
            escape(change.uri.as_str()),
        ));
    }
    let root = format!("{}/", root.trim_end_matches('/'));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <xcap-diff xmlns=\"urn:ietf:params:xml:ns:xcap-diff\" xcap-root=\"{}\">{documents}</xcap-diff>",
        escape(root.as_str())
    )
}

impl DocumentChange {
    /// A change of a document whose decoded path has no slash in a name.
    pub fn new(path: &str, old: Option<&str>, new: Option<&str>) -> Self {
        Self {
            path: path.to_owned(),
            uri: encode_path(path),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-75, XDM-76.
    #[test]
    fn tags_say_what_became_of_a_document() {
        let path = "resource-lists/users/sip:a@h/a<b";
        let came = DocumentChange::new(path, None, Some("\"1\""));
        let changed = DocumentChange::new(path, Some("\"1\""), Some("\"2\""));
        let gone = DocumentChange::new(path, Some("\"2\""), None);
        let sel = "sel=\"resource-lists/users/sip:a@h/a%3Cb\"";
        let written = xcap_diff("http://h/xcap-root", [&came, &changed, &gone]);
        assert_eq!(
            written.lines().nth(1).unwrap(),
            format!(
                "<xcap-diff xmlns=\"urn:ietf:params:xml:ns:xcap-diff\" xcap-root=\"http://h/xcap-root/\">\
                 <document new-etag=\"1\" {sel}/><document new-etag=\"2\" previous-etag=\"1\" {sel}/>\
                 <document previous-etag=\"2\" {sel}/></xcap-diff>"
            )
        );
    }

    /// XDM-73 (RFC 5875 §4.3).
    #[test]
    fn a_document_or_its_collection_is_watched() {
        let document = "resource-lists/users/sip:a@h/index";
        for (watched, sees) in [
            ("resource-lists/users/sip:a@h/index", true),
            ("resource-lists/users/sip%3Aa%40h/index", true),
            ("resource-lists/users/sip:a@h/", true),
            ("resource-lists/", true),
            ("resource-lists/users/sip:a@h", false),
            ("resource-lists/users/sip:a@h/other", false),
            ("resource-lists/users/sip:a@h/index/", false),
            ("resource-lists/users/sip:b@h/", false),
        ] {
            assert_eq!(watches(watched, document), sees, "{watched}");
            let change = DocumentChange::new(document, None, Some("\"1\""));
            let seen = change.seen_by(&["x", watched]).map(|seen| seen.uri);
            let written = if watched.ends_with('/') {
                document
            } else {
                watched
            };
            assert_eq!(seen, sees.then(|| written.to_owned()), "{watched}");
        }
    }
}
