//! Which document, and what of it, the path of a request names (RFC 4825 §6, §6.2).

use crate::percent::{decode, encode};

/// The path segment below which everything lives (RFC 4825 §6.1).
pub(crate) const ROOT: &str = "xcap-root";

/// The segment between a document selector and a node selector (RFC 4825 §6).
pub(crate) const NODE_SEPARATOR: &str = "~~";

/// Longest path and query of a request, in octets; 414 beyond it.
pub const MAX_SELECTOR: usize = 8 * 1024;

/// Whose documents they are (RFC 4825 §6.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// The user with this XUI.
    User(String),
    /// Nobody: the global tree.
    Global,
}

/// A document. Compared decoded, so that `%40` and `@` name the same user (XDM-05).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Selector {
    pub(crate) auid: String,
    pub(crate) owner: Owner,
    pub(crate) document: String,
}

impl Selector {
    pub(crate) fn user(auid: &str, xui: &str, document: &str) -> Self {
        Self {
            auid: auid.to_owned(),
            owner: Owner::User(xui.to_owned()),
            document: document.to_owned(),
        }
    }

    pub(crate) fn global(auid: &str, document: &str) -> Self {
        Self {
            auid: auid.to_owned(),
            owner: Owner::Global,
            document: document.to_owned(),
        }
    }

    /// The decoded path below the XCAP root.
    pub(crate) fn path(&self) -> String {
        self.joined(str::to_owned)
    }

    /// The path below the XCAP root as it stands in a URI: a slash in a name is `%2F` there.
    pub(crate) fn uri(&self) -> String {
        self.joined(encode)
    }

    /// The directory it lies in, as it stands in a URI.
    pub(crate) fn directory(&self) -> String {
        match &self.owner {
            Owner::User(xui) => format!("{}/users/{}/", encode(&self.auid), encode(xui)),
            Owner::Global => format!("{}/global/", encode(&self.auid)),
        }
    }

    fn joined(&self, part: fn(&str) -> String) -> String {
        let (auid, document) = (part(&self.auid), part(&self.document));
        match &self.owner {
            Owner::User(xui) => format!("{auid}/users/{}/{document}", part(xui)),
            Owner::Global => format!("{auid}/global/{document}"),
        }
    }
}

/// What a request path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// A document, or with the text behind the separator, still encoded, something within it.
    Document {
        selector: Selector,
        node: Option<&'a str>,
    },
    /// A document in a directory below the owner's: there are none. The selector is that of the first step down.
    Subdirectory { selector: Selector },
    /// Not percent-encoded UTF-8.
    Malformed,
    /// Nothing that this server has.
    Unknown,
}

impl<'a> Address<'a> {
    /// Reads the path of a request, as it stands in the request line.
    pub(crate) fn of(path: &'a str) -> Self {
        let (document, node) = split(path);
        let decoded: Option<Vec<String>> = document.split('/').map(decode).collect();
        let Some(decoded) = decoded else {
            return Self::Malformed;
        };
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let ["", ROOT, below @ ..] = segments.as_slice() else {
            return Self::Unknown;
        };
        if below.iter().any(|part| part.is_empty()) {
            return Self::Unknown;
        }
        match below {
            [auid, "users", xui, document] => Self::Document {
                selector: Selector::user(auid, xui, document),
                node,
            },
            [auid, "global", document] => Self::Document {
                selector: Selector::global(auid, document),
                node,
            },
            [auid, "users", xui, first, _, ..] => Self::Subdirectory {
                selector: Selector::user(auid, xui, first),
            },
            [auid, "global", first, _, ..] => Self::Subdirectory {
                selector: Selector::global(auid, first),
            },
            _ => Self::Unknown,
        }
    }
}

/// Splits at the first separator, however it is spelled (XDM-06).
fn split(path: &str) -> (&str, Option<&str>) {
    let mut start = 0;
    for segment in path.split('/') {
        let end = start + segment.len();
        if start > 0 && decode(segment).as_deref() == Some(NODE_SEPARATOR) {
            let document = path.get(..start - 1).unwrap_or_default();
            return (document, Some(path.get(end + 1..).unwrap_or_default()));
        }
        start = end + 1;
    }
    (path, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-03, XDM-05 (RFC 4825 §6.2, RFC 3986 §6.2.2).
    #[test]
    fn paths_name_documents_whatever_their_escaping() {
        let selector = Selector::user("resource-lists", "sip:a@h", "index");
        for path in [
            "/xcap-root/resource-lists/users/sip:a@h/index",
            "/xcap-root/resource-lists/users/sip%3Aa%40h/index",
            "/xcap-root/resource%2Dlists/users/sip%3aa@h/index",
        ] {
            let selector = selector.clone();
            let node = None;
            assert_eq!(
                Address::of(path),
                Address::Document { selector, node },
                "{path}"
            );
        }
        let slash = Selector::user("resource-lists", "a/b", "index");
        let path = format!("/xcap-root/{}", slash.uri());
        assert_eq!(path, "/xcap-root/resource-lists/users/a%2Fb/index");
        let node = None;
        assert_eq!(
            Address::of(&path),
            Address::Document {
                selector: slash,
                node
            }
        );
        let selector = Selector::global("xcap-caps", "index");
        let path = "/xcap-root/xcap-caps/global/index";
        assert_eq!(Address::of(path), Address::Document { selector, node });
    }

    /// XDM-06: the first separator counts, plain or encoded (RFC 4825 §6).
    #[test]
    fn the_first_separator_splits() {
        for (path, node) in [
            ("/xcap-root/x/users/a/index/~~/r/l", "r/l"),
            ("/xcap-root/x/users/a/index/%7E%7e/r", "r"),
            ("/xcap-root/x/users/a/index/~%7E/r/~~/s", "r/~~/s"),
            ("/xcap-root/x/users/a/index/~~", ""),
        ] {
            let selector = Selector::user("x", "a", "index");
            let node = Some(node);
            assert_eq!(
                Address::of(path),
                Address::Document { selector, node },
                "{path}"
            );
        }
    }

    #[test]
    fn other_paths_name_no_document() {
        for path in [
            "/",
            "*",
            "/xcap-root/resource-lists/users/sip:a@h",
            "/xcap-root/resource-lists/users//index",
            "/xcap-root/resource-lists/users/a/",
            "/xcap-root/resource-lists/others/a/index",
            "/other/resource-lists/users/a/index",
        ] {
            assert_eq!(Address::of(path), Address::Unknown, "{path}");
        }
        for path in [
            "/xcap-root/resource-lists/users/%zz/index",
            "/xcap-root/resource-lists/users/%ff/index",
            "/xcap-root/resource-lists/users/a/index%4",
        ] {
            assert_eq!(Address::of(path), Address::Malformed, "{path}");
        }
        let selector = Selector::user("resource-lists", "a", "dir");
        let path = "/xcap-root/resource-lists/users/a/dir/index";
        assert_eq!(Address::of(path), Address::Subdirectory { selector });
    }
}
