//! Document selectors: which document a request path names (RFC 4825 §6.2).

/// The path segment below which everything lives (RFC 4825 §6.1).
pub(crate) const ROOT: &str = "xcap-root";

/// The segment between a document selector and a node selector (RFC 4825 §6.3).
const NODE_SEPARATOR: &str = "~~";

/// A document in the tree of a user. Compared decoded, so that `%40` and `@` name the same user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Selector {
    pub(crate) auid: String,
    pub(crate) xui: String,
    pub(crate) document: String,
}

/// What a request path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A whole document.
    Document(Selector),
    /// Something within a document.
    Node,
    /// Nothing that this server has.
    Unknown,
}

impl Selector {
    pub(crate) fn new(auid: &str, xui: &str, document: &str) -> Self {
        Self {
            auid: auid.to_owned(),
            xui: xui.to_owned(),
            document: document.to_owned(),
        }
    }

    /// The decoded path below the XCAP root, `AUID/users/XUI/DOCUMENT`.
    pub(crate) fn path(&self) -> String {
        format!("{}/users/{}/{}", self.auid, self.xui, self.document)
    }
}

impl Target {
    /// Reads the path of a request, as it stands in the request line.
    pub(crate) fn of(path: &str) -> Self {
        let decoded: Option<Vec<String>> = path.split('/').map(percent_decode).collect();
        let segments: Vec<&str> = match &decoded {
            Some(segments) => segments.iter().map(String::as_str).collect(),
            None => return Self::Unknown,
        };
        match segments.as_slice() {
            ["", ROOT, auid, "users", xui, document]
                if [auid, xui, document].iter().all(|part| !part.is_empty()) =>
            {
                Self::Document(Selector::new(auid, xui, document))
            }
            ["", ROOT, _, "users", _, _, NODE_SEPARATOR, ..] => Self::Node,
            _ => Self::Unknown,
        }
    }
}

/// Decodes one path segment (RFC 3986 §2.1); `None` if it is no percent-encoded UTF-8.
fn percent_decode(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_documents_whatever_their_escaping() {
        // RFC 4825 §6.2, RFC 3986 §6.2.2
        let selector = Selector::new("resource-lists", "sip:a@h", "index");
        for path in [
            "/xcap-root/resource-lists/users/sip:a@h/index",
            "/xcap-root/resource-lists/users/sip%3Aa%40h/index",
            "/xcap-root/resource%2Dlists/users/sip%3aa@h/index",
        ] {
            assert_eq!(
                Target::of(path),
                Target::Document(selector.clone()),
                "{path}"
            );
        }
        let slash = Selector::new("resource-lists", "a/b", "index");
        assert_eq!(
            Target::of("/xcap-root/resource-lists/users/a%2Fb/index"),
            Target::Document(slash)
        );
    }

    #[test]
    fn other_paths_name_no_document() {
        for path in [
            "/",
            "*",
            "/xcap-root/resource-lists/users/sip:a@h",
            "/xcap-root/resource-lists/users//index",
            "/xcap-root/resource-lists/global/index",
            "/xcap-root/resource-lists/users/a/dir/index",
            "/other/resource-lists/users/a/index",
            "/xcap-root/resource-lists/users/%zz/index",
            "/xcap-root/resource-lists/users/%ff/index",
            "/xcap-root/resource-lists/users/a/index%4",
        ] {
            assert_eq!(Target::of(path), Target::Unknown, "{path}");
        }
        let node = "/xcap-root/resource-lists/users/a/index/~~/resource-lists";
        assert_eq!(Target::of(node), Target::Node);
    }
}
