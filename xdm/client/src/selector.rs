//! Document selectors: XCAP root, AUID, XUI and document name as a URL (RFC 4825 §6.1, §6.2).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str};
use url::Url;

use crate::node::NodeSelector;
pub use crate::root::{RootError, XcapRoot};

/// AUID of block lists and other URI lists (RFC 4826 §3.4.1, XDM-37).
pub const RESOURCE_LISTS: &str = "resource-lists";
/// Name of the one document of the AUID that clients agree on (RFC 4826 §3.4.7).
pub const INDEX: &str = "index";

/// AUID of the OMA access rules (XDM-34).
pub const ACCESS_RULES: &str = "org.openmobilealliance.access-rules";
/// Name of the one document of [`ACCESS_RULES`] (XDM-34).
pub const ACCESS_RULES_DOCUMENT: &str = "access-rules";
/// AUID of the OMA presence rules (XDM-33).
pub const OMA_PRES_RULES: &str = "org.openmobilealliance.pres-rules";
/// Name of the one document of [`OMA_PRES_RULES`].
pub const OMA_PRES_RULES_DOCUMENT: &str = "pres-rules";
/// AUID of the presence rules of the IETF (RFC 5025 §9.1).
pub const PRES_RULES: &str = "pres-rules";
/// AUID of what a server can do (RFC 4825 §12.1).
pub const XCAP_CAPS: &str = "xcap-caps";
/// AUID of the list of a user's documents (XDM-41).
pub const XCAP_DIRECTORY: &str = "org.openmobilealliance.xcap-directory";
/// Name of the one document of [`XCAP_DIRECTORY`].
pub const XCAP_DIRECTORY_DOCUMENT: &str = "directory.xml";

/// Content type of the documents of an application usage (RFC 4825 §8.3, XDM-22), if known here.
pub fn media_type(auid: &str) -> Option<&'static str> {
    match auid {
        RESOURCE_LISTS => Some(crate::resource_lists::MEDIA_TYPE),
        "rls-services" => Some("application/rls-services+xml"),
        PRES_RULES | OMA_PRES_RULES | ACCESS_RULES => Some("application/auth-policy+xml"),
        XCAP_CAPS => Some("application/xcap-caps+xml"),
        XCAP_DIRECTORY => Some("application/vnd.oma.xcap-directory+xml"),
        _ => None,
    }
}

/// Default document namespace of an application usage (RFC 4825 §6.4), if known here.
pub fn default_namespace(auid: &str) -> Option<&'static str> {
    match auid {
        RESOURCE_LISTS => Some(crate::resource_lists::NAMESPACE),
        "rls-services" => Some("urn:ietf:params:xml:ns:rls-services"),
        PRES_RULES | OMA_PRES_RULES => Some("urn:ietf:params:xml:ns:pres-rules"),
        ACCESS_RULES => Some("urn:ietf:params:xml:ns:common-policy"),
        XCAP_CAPS => Some("urn:ietf:params:xml:ns:xcap-caps"),
        XCAP_DIRECTORY => Some("urn:oma:xml:xdm:xcap-directory"),
        _ => None,
    }
}

/// What a path segment may not hold plain (RFC 3986 §3.3): all but unreserved, sub-delims, `:` and `@`.
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Names one document on an XDMS (RFC 4825 §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSelector {
    root: XcapRoot,
    auid: String,
    xui: Option<String>,
    document: String,
}

/// A part of a document selector that no path segment can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be the {part} of an XCAP document: it must not be empty, \".\" or \"..\"")]
pub struct SegmentError {
    /// Which part: `AUID`, `XUI` or `document name`.
    pub part: &'static str,
    /// The text given.
    pub text: String,
}

impl DocumentSelector {
    /// A document in the tree of one user; `xui` is his public identity, unescaped (XDM-03, XDM-04).
    pub fn user(
        root: XcapRoot,
        auid: &str,
        xui: &str,
        document: &str,
    ) -> Result<Self, SegmentError> {
        Ok(Self {
            root,
            auid: segment("AUID", auid)?,
            xui: Some(segment("XUI", xui)?),
            document: segment("document name", document)?,
        })
    }

    /// A document in the global tree (XDM-03).
    pub fn global(root: XcapRoot, auid: &str, document: &str) -> Result<Self, SegmentError> {
        Ok(Self {
            root,
            auid: segment("AUID", auid)?,
            xui: None,
            document: segment("document name", document)?,
        })
    }

    /// The resource-lists document of a user (RFC 4826 §3.4.7, XDM-37).
    pub fn resource_lists(root: XcapRoot, xui: &str) -> Result<Self, SegmentError> {
        Self::user(root, RESOURCE_LISTS, xui, INDEX)
    }

    /// The root the document is under.
    pub fn root(&self) -> &XcapRoot {
        &self.root
    }

    /// The application usage.
    pub fn auid(&self) -> &str {
        &self.auid
    }

    /// Whose document it is, unescaped; none in the global tree.
    pub fn xui(&self) -> Option<&str> {
        self.xui.as_deref()
    }

    /// The document's URL, with what a path segment may not hold percent-encoded (XDM-05).
    pub fn url(&self) -> Url {
        self.url_with(None)
    }

    /// The URL of a node in the document (RFC 4825 §6.3).
    pub fn node_url(&self, node: &NodeSelector) -> Url {
        self.url_with(Some(node))
    }

    fn url_with(&self, node: Option<&NodeSelector>) -> Url {
        let (auid, document) = (self.auid.as_str(), self.document.as_str());
        match &self.xui {
            Some(xui) => self.root.url_of(&[auid, "users", xui, document], node),
            None => self.root.url_of(&[auid, "global", document], node),
        }
    }

    /// Reads a path below the root, percent-encoded or not: document, and the node behind `~~` if there is one.
    pub fn parse(root: XcapRoot, path: &str) -> Result<(Self, Option<NodeSelector>), PathError> {
        let bad = || PathError::Shape { path: path.into() };
        let (path_part, query) = path.split_once('?').unwrap_or((path, ""));
        let mut segments = Vec::new();
        let mut node = None;
        let mut rest = Some(path_part.trim_matches('/'));
        while let Some(text) = rest {
            let (segment, behind) = match text.split_once('/') {
                Some((segment, behind)) => (segment, Some(behind)),
                None => (text, None),
            };
            let segment = unescape(segment).ok_or_else(bad)?;
            if segment == "~~" {
                node = Some(NodeSelector::parse(behind.unwrap_or_default(), query)?);
                break;
            }
            segments.push(segment);
            rest = behind;
        }
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let document = match segments.as_slice() {
            [auid, "users", xui, document] => Self::user(root, auid, xui, document)?,
            [auid, "global", document] => Self::global(root, auid, document)?,
            _ => return Err(bad()),
        };
        Ok((document, node))
    }
}

/// Why a path names nothing on an XDMS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not of the form of a document selector.
    #[error(
        "{path:?} names no document: write it as AUID/users/XUI/DOCUMENT or AUID/global/DOCUMENT, a node behind /~~/"
    )]
    Shape {
        /// The path given.
        path: String,
    },
    /// A part that no segment can hold.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Something behind `~~` that is no node selector.
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
}

/// Percent-decoded text; none if the octets are not UTF-8.
pub(crate) fn unescape(text: &str) -> Option<String> {
    percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(|text| text.into_owned())
}

fn segment(part: &'static str, text: &str) -> Result<String, SegmentError> {
    match text {
        "" | "." | ".." => Err(SegmentError {
            part,
            text: text.into(),
        }),
        text => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(root: &str, xui: &str) -> String {
        DocumentSelector::resource_lists(XcapRoot::parse(root).unwrap(), xui)
            .unwrap()
            .url()
            .into()
    }

    /// XDM-01, XDM-02, XDM-03, RFC 4825 §6.1.
    #[test]
    fn root_and_path_are_joined_with_one_slash() {
        for (root, expected) in [
            ("https://x.example", "https://x.example"),
            ("https://x.example/", "https://x.example"),
            ("https://x.example/xcap-root", "https://x.example/xcap-root"),
            (
                "https://X.example:443/xcap-root//",
                "https://x.example/xcap-root",
            ),
            ("http://127.0.0.1:8080/a/b/", "http://127.0.0.1:8080/a/b"),
            ("https://[::1]:5443", "https://[::1]:5443"),
            ("https://alice:secret@x.example/", "https://x.example"),
        ] {
            assert_eq!(
                url(root, "sip:alice@home.example"),
                format!("{expected}/resource-lists/users/sip:alice@home.example/index")
            );
        }
        let root = XcapRoot::assumed("home.example").unwrap();
        assert_eq!(
            DocumentSelector::global(root, "xcap-caps", "index")
                .unwrap()
                .url()
                .as_str(),
            "https://xcap.home.example/xcap-caps/global/index"
        );
    }

    /// XDM-04, XDM-05.
    #[test]
    fn the_users_identity_stays_one_path_segment() {
        for (xui, expected) in [
            ("sip:alice@home.example", "sip:alice@home.example"),
            ("tel:+15550100", "tel:+15550100"),
            (
                "sip:+15550100@home.example;user=phone",
                "sip:+15550100@home.example;user=phone",
            ),
            ("sip:a/b?c#d@home.example", "sip:a%2Fb%3Fc%23d@home.example"),
            ("sip:a%20b@home.example", "sip:a%2520b@home.example"),
            ("sip:zoë@home.example", "sip:zo%C3%AB@home.example"),
            (
                "sip:a\\b\r\n@[2001:db8::1]",
                "sip:a%5Cb%0D%0A@%5B2001:db8::1%5D",
            ),
            ("sip:../..@h", "sip:..%2F..@h"),
        ] {
            assert_eq!(
                url("https://x.example", xui),
                format!("https://x.example/resource-lists/users/{expected}/index")
            );
        }
    }

    /// XDM-03, XDM-05, XDM-06, XDM-37; the two spellings of a path are one.
    #[test]
    fn a_path_below_the_root_is_read_with_or_without_percent_encoding() {
        let root = || XcapRoot::parse("https://x.example/r").unwrap();
        for path in [
            "resource-lists/users/sip:a@b/index/~~/resource-lists/list[@name=\"l\"]",
            "/resource-lists/users/sip%3Aa%40b/%69ndex/%7E%7E/resource-lists/list%5B@name=%22l%22%5D",
        ] {
            let (selector, node) = DocumentSelector::parse(root(), path).unwrap();
            assert_eq!(
                (selector.auid(), selector.xui()),
                ("resource-lists", Some("sip:a@b"))
            );
            let url = selector.node_url(&node.unwrap());
            assert_eq!(
                url.as_str(),
                "https://x.example/r/resource-lists/users/sip:a@b/index/~~/resource-lists/list%5B@name=%22l%22%5D"
            );
        }
        let (caps, node) = DocumentSelector::parse(root(), "xcap-caps/global/index").unwrap();
        assert_eq!(
            (caps.url().as_str(), node),
            ("https://x.example/r/xcap-caps/global/index", None)
        );
        for path in [
            "",
            "a",
            "a/b",
            "a/users/b",
            "a/other/b/c",
            "a/users/b/c/d",
            "a/users/./c",
            "a/users/b/c/~~/[",
        ] {
            assert!(DocumentSelector::parse(root(), path).is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_no_root_or_no_segment_is_refused_by_name() {
        type Check = fn(&RootError) -> bool;
        let table: [(&str, Check); 6] = [
            ("", |e| matches!(e, RootError::Url { .. })),
            ("x.example/xcap", |e| matches!(e, RootError::Url { .. })),
            ("https://", |e| matches!(e, RootError::Url { .. })),
            ("ftp://x.example/", |e| {
                matches!(e, RootError::Scheme { .. })
            }),
            ("https://x.example/?a=b", |e| {
                matches!(e, RootError::Query { .. })
            }),
            ("https://x.example/#f", |e| {
                matches!(e, RootError::Query { .. })
            }),
        ];
        for (text, check) in table {
            let error = XcapRoot::parse(text).unwrap_err();
            assert!(check(&error), "{text}: {error}");
        }
        let root = XcapRoot::assumed("home.example").unwrap();
        for xui in ["", ".", ".."] {
            let error = DocumentSelector::resource_lists(root.clone(), xui).unwrap_err();
            assert_eq!((error.part, error.text.as_str()), ("XUI", xui));
        }
    }

    #[test]
    fn loopback_is_known_by_address_and_by_name() {
        for (root, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]/", true),
            ("http://localhost/x", true),
            ("http://localhost.example", false),
            ("http://192.0.2.1", false),
        ] {
            assert_eq!(
                XcapRoot::parse(root).unwrap().is_loopback(),
                expected,
                "{root}"
            );
        }
    }

    proptest! {
        /// XDM-05: whatever the user part, the server reads back the XUI that was meant.
        #[test]
        fn every_xui_is_read_back_from_the_third_segment_of_the_path(xui in "\\PC{1,20}") {
            prop_assume!(!matches!(xui.as_str(), "." | ".."));
            let root = XcapRoot::parse("https://x.example").unwrap();
            let url = DocumentSelector::resource_lists(root, &xui).unwrap().url();
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert_eq!(unescape(segments[2]), Some(xui));
        }
    }
}
