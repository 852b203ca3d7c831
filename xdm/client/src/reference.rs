//! References into XDM documents: anchors and `ref`s (RFC 4826 §3.1).

use quick_xml::escape;
use url::Url;

use crate::document::{Document, Id};
use crate::node::{NodeKind, NodeSelector};
use crate::resource_lists::NAMESPACE;
use crate::root::drop_userinfo;
use crate::selector::{INDEX, RESOURCE_LISTS, XcapRoot, unescape};

/// Most octets of an anchor or `ref` that is read.
pub const MAX_REFERENCE: usize = 4096;

/// The last name of a list that an anchor tells: of `…/list[@name="a"]/list[@name="b"]` it is `b`. Also of an anchor that is
/// no full reference.
pub(crate) fn list_name(anchor: &str) -> Option<String> {
    let anchor = unescape(anchor.trim())?;
    let (_, behind) = anchor.rsplit_once("@name=")?;
    let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = behind.get(1..)?.split_once(quote)?;
    Some(escape::unescape(name).ok()?.into_owned())
}

/// A reference that could be read: which document, and which node in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Where it points, for a reference that is a URL.
    url: Option<Url>,
    /// Path segments before `~~`, unescaped.
    document: Vec<String>,
    node: NodeSelector,
}

impl Reference {
    /// Reads an `anchor` (absolute URL) or a `ref` (relative to the XCAP root). None if it is not a reference
    /// to an element of a resource-lists document.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_REFERENCE {
            return None;
        }
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (url, path) = match path.split_once("://") {
            Some((_, rest)) => (Url::parse(text).ok(), rest.split_once('/')?.1),
            None => (None, path),
        };
        let mut document = Vec::new();
        let mut rest = path;
        loop {
            // Only the first `~~` separates, escaped or not (XDM-06).
            let (segment, behind) = rest.split_once('/')?;
            let segment = unescape(segment)?;
            rest = behind;
            if segment == "~~" {
                break;
            }
            document.push(segment);
        }
        let node = NodeSelector::parse(rest, query).ok()?;
        (node.kind() == NodeKind::Element).then_some(Self {
            url,
            document,
            node,
        })
    }

    /// Whether it is a URL, not relative to a root.
    pub(crate) fn is_url(&self) -> bool {
        self.url.is_some()
    }

    /// The node selector.
    pub(crate) fn node(&self) -> &NodeSelector {
        &self.node
    }

    /// Whether the document is the resource-lists document of that user, on whatever host (XDM-46, XDM-47).
    /// Without a user any user's is taken.
    pub(crate) fn is_within(&self, xui: Option<&str>) -> bool {
        let Some([auid, tree, user, document]) = self.document.last_chunk() else {
            return false;
        };
        auid == RESOURCE_LISTS
            && tree == "users"
            && document == INDEX
            && xui.is_none_or(|xui| xui == user)
    }

    /// Where to GET the node: under the root where the reference is relative, points below it, or names one of this
    /// user's documents on the server behind the root (XDM-47, XDM-49); else where it points itself.
    pub(crate) fn location(&self, root: &XcapRoot, xui: Option<&str>) -> Option<Location> {
        let Some(url) = &self.url else {
            let segments = self.document.iter().map(String::as_str);
            return Some(Location::UnderRoot(self.under(root, segments)));
        };
        if root.is_origin_of(url) && root.is_above(url) {
            let below = self.document.iter().skip(root.depth());
            return Some(Location::UnderRoot(
                self.under(root, below.map(String::as_str)),
            ));
        }
        if let Some([auid, tree, user, document]) = self.document.last_chunk()
            && auid == RESOURCE_LISTS
            && tree == "users"
            && Some(user.as_str()) == xui
        {
            let tail = [auid, tree, user, document].map(String::as_str);
            return Some(Location::UnderRoot(self.under(root, tail.into_iter())));
        }
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let mut url = url.clone();
        drop_userinfo(&mut url);
        url.set_fragment(None);
        Some(Location::Foreign(url))
    }

    fn under<'a>(&self, root: &XcapRoot, document: impl Iterator<Item = &'a str>) -> Url {
        let segments: Vec<_> = document.filter(|segment| !segment.is_empty()).collect();
        root.url_of(&segments, Some(&self.node))
    }

    /// The one element that the steps lead to; none if there is none or more than one (RFC 4825 §6.3).
    pub(crate) fn find(&self, document: &Document) -> Option<Id> {
        self.node.find(document, Some(NAMESPACE))
    }
}

/// Where the node of a reference is had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// Below the configured root.
    UnderRoot(Url),
    /// On another server, or elsewhere on this one (XDM-48).
    Foreign(Url),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XDM-46, XDM-47, XDM-49; RFC 3986 §6.2.2.2.
    #[test]
    fn a_reference_points_into_the_document_held_by_the_tail_of_its_path() {
        let own = Some("sip:me@h.example");
        for (path, xui, expected) in [
            (
                "http://x/a/b/resource-lists/users/sip:me@h.example/index",
                own,
                true,
            ),
            (
                "https://x:1/resource-lists/users/sip%3Ame%40h.example/%69ndex",
                own,
                true,
            ),
            ("resource-lists/users/sip:me@h.example/index", own, true),
            ("/resource-lists/users/sip:me@h.example/index", own, true),
            (
                "http://x/resource-lists/users/sip:you@h.example/index",
                own,
                false,
            ),
            (
                "http://x/resource-lists/users/sip:you@h.example/index",
                None,
                true,
            ),
            (
                "http://x/resource-lists/users/sip:me@h.example/other",
                own,
                false,
            ),
            (
                "http://x/resource-lists/global/sip:me@h.example/index",
                own,
                false,
            ),
            (
                "http://x/rls-services/users/sip:me@h.example/index",
                own,
                false,
            ),
            ("index", own, false),
        ] {
            for separator in ["~~", "%7E%7E", "%7e~"] {
                let text = format!("{path}/{separator}/resource-lists/list[1]");
                let reference = Reference::parse(&text).expect(&text);
                assert_eq!(reference.is_within(xui), expected, "{text}");
            }
        }
        assert_eq!(
            Reference::parse("http://x/resource-lists/users/sip:me@h/index"),
            None
        );
        assert_eq!(Reference::parse("http://x"), None);
        assert_eq!(Reference::parse("%ff/~~/resource-lists"), None);
    }
}
