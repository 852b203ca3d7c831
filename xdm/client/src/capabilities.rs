//! What an XDMS can do, and which documents a user has there: xcap-caps (RFC 4825 §12, XDM-42) and OMA's
//! xcap-directory (XDM-41).

use crate::document::{Document, DocumentError, Id};
use crate::selector::{XCAP_CAPS, XCAP_DIRECTORY, default_namespace};

/// Most names taken of each kind, most folders and documents.
pub const MAX_NAMES: usize = 1000;

/// What a server says it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Application usages.
    pub auids: Vec<String>,
    /// Extensions of XCAP.
    pub extensions: Vec<String>,
    /// XML namespaces.
    pub namespaces: Vec<String>,
}

impl Capabilities {
    /// Reads an xcap-caps document. Servers that leave one of the lists out are understood.
    pub fn parse(octets: &[u8]) -> Result<Self, DocumentError> {
        let namespace = default_namespace(XCAP_CAPS).unwrap_or_default();
        let document = root(
            octets,
            namespace,
            "xcap-caps",
            "{urn:ietf:params:xml:ns:xcap-caps}xcap-caps",
        )?;
        let names = |list: &str, item: &str| {
            let lists = document.children(Document::ROOT);
            lists
                .filter(|(_, element)| element.is(namespace, list))
                .flat_map(|(id, _)| document.children(id))
                .filter(|(_, element)| element.is(namespace, item))
                .map(|(_, element)| element.text.trim().to_owned())
                .filter(|name| !name.is_empty())
                .take(MAX_NAMES)
                .collect()
        };
        Ok(Self {
            auids: names("auids", "auid"),
            extensions: names("extensions", "extension"),
            namespaces: names("namespaces", "namespace"),
        })
    }

    /// Whether the server has this application usage.
    pub fn has(&self, auid: &str) -> bool {
        self.auids.iter().any(|known| known == auid)
    }
}

/// The documents of a user, by application usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// In the order of the server.
    pub folders: Vec<Folder>,
}

/// The documents of one application usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// The application usage.
    pub auid: String,
    /// Why the server cannot say what is in it; the documents are then unknown, not none.
    pub error: Option<String>,
    /// The documents.
    pub documents: Vec<Listed>,
}

/// A document in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its URL or path, as written.
    pub uri: String,
    /// Its entity tag, as written.
    pub etag: String,
}

impl Directory {
    /// Reads an xcap-directory document.
    pub fn parse(octets: &[u8]) -> Result<Self, DocumentError> {
        let namespace = default_namespace(XCAP_DIRECTORY).unwrap_or_default();
        let document = root(
            octets,
            namespace,
            "xcap-directory",
            "{urn:oma:xml:xdm:xcap-directory}xcap-directory",
        )?;
        let folders = document.children(Document::ROOT);
        let folder = |id: Id, auid: &str| {
            let mut folder = Folder {
                auid: auid.into(),
                ..Folder::default()
            };
            for (_, child) in document.children(id).take(MAX_NAMES) {
                let text = |name: &str| child.attribute(name).unwrap_or_default().to_owned();
                if child.is(namespace, "entry") {
                    folder.documents.push(Listed {
                        uri: text("uri"),
                        etag: text("etag"),
                    });
                } else if child.is(namespace, "error-code") {
                    folder.error = Some(child.text.trim().to_owned());
                }
            }
            folder
        };
        Ok(Self {
            folders: folders
                .filter(|(_, element)| element.is(namespace, "folder"))
                .take(MAX_NAMES)
                .map(|(id, element)| folder(id, element.attribute("auid").unwrap_or_default()))
                .collect(),
        })
    }

    /// The folder of an application usage.
    pub fn folder(&self, auid: &str) -> Option<&Folder> {
        self.folders.iter().find(|folder| folder.auid == auid)
    }
}

/// Whether two spellings are of one entity tag: servers write other quotes into the directory than into the header, or
/// none (XDM-41).
pub fn same_etag(a: &str, b: &str) -> bool {
    let bare = |text: &str| -> (bool, String) {
        let text = text.trim();
        let (weak, text) = match text.strip_prefix("W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        (weak, text.trim_matches(['"', '\'']).to_owned())
    };
    bare(a) == bare(b)
}

fn root(
    octets: &[u8],
    namespace: &str,
    name: &str,
    expected: &'static str,
) -> Result<Document, DocumentError> {
    let document = Document::parse(octets)?;
    match document.element(Document::ROOT) {
        Some(root) if !root.is(namespace, name) => Err(DocumentError::Root {
            found: root.expanded_name(),
            expected,
        }),
        _ => Ok(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-42, RFC 4825 §12.
    #[test]
    fn capabilities_are_read_with_whatever_prefix_and_with_lists_missing() {
        let caps = Capabilities::parse(
            b"<c:xcap-caps xmlns:c='urn:ietf:params:xml:ns:xcap-caps'>\n <c:auids><c:auid> resource-lists </c:auid>\
              <c:auid>xcap-caps</c:auid><c:auid/></c:auids><x xmlns='urn:x'/>\
              <c:namespaces><c:namespace>urn:n</c:namespace></c:namespaces></c:xcap-caps>",
        )
        .unwrap();
        assert_eq!(caps.auids, ["resource-lists", "xcap-caps"]);
        assert_eq!(caps.namespaces, ["urn:n"]);
        assert_eq!(caps.extensions, [""; 0]);
        assert!(caps.has("resource-lists") && !caps.has("Resource-Lists"));
        let error = Capabilities::parse(b"<xcap-caps/>").unwrap_err();
        assert!(matches!(error, DocumentError::Root { .. }), "{error}");
    }

    /// XDM-41.
    #[test]
    fn a_directory_names_documents_and_folders_that_cannot_be_told() {
        let directory = Directory::parse(
            b"<xcap-directory xmlns='urn:oma:xml:xdm:xcap-directory'>\
              <folder auid='resource-lists'><entry uri='http://x/resource-lists/users/sip%3Aa%40b/index' etag=\"W/'1-2'\" size='9'/></folder>\
              <folder auid='groups'><error-code>404</error-code></folder></xcap-directory>",
        )
        .unwrap();
        let lists = directory.folder("resource-lists").unwrap();
        assert_eq!(lists.error, None);
        assert_eq!(lists.documents.len(), 1);
        assert!(same_etag(&lists.documents[0].etag, "W/\"1-2\""));
        let groups = directory.folder("groups").unwrap();
        assert_eq!(groups.error.as_deref(), Some("404"));
        assert_eq!(directory.folder("other"), None);
    }

    /// XDM-21, XDM-41.
    #[test]
    fn entity_tags_are_one_whatever_their_quotes_but_weak_is_not_strong() {
        for (a, b, same) in [
            ("\"a\"", "a", true),
            ("'a'", "\"a\"", true),
            ("W/'a'", "W/\"a\"", true),
            ("W/a", "a", false),
            ("\"a\"", "\"A\"", false),
        ] {
            assert_eq!(same_etag(a, b), same, "{a} {b}");
        }
    }
}
