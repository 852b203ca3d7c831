//! What is to be done on an XDMS: method, place, condition, content (RFC 4825 §7, XDM-20, XDM-22, XDM-30).

use url::Url;

use crate::node::{NodeKind, NodeSelector};
use crate::root::drop_userinfo;
use crate::selector::{DocumentSelector, XcapRoot, default_namespace, media_type};

/// Content type of an element (RFC 4825 §15.2.1).
pub const ELEMENT_TYPE: &str = "application/xcap-el+xml";
/// Content type of an attribute value (RFC 4825 §15.2.2).
pub const ATTRIBUTE_TYPE: &str = "application/xcap-att+xml";
/// Content type of namespace bindings (RFC 4825 §15.2.3).
pub const NAMESPACES_TYPE: &str = "application/xcap-ns+xml";

/// A document, or a node in one: where an operation goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Credentials go only where this root is.
    root: XcapRoot,
    url: Url,
    auid: String,
    node: Option<NodeSelector>,
}

/// Leaves the node out: its name can be a blocked user (SEC-14).
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("url", &super::message::place(self.url.as_str()))
            .finish_non_exhaustive()
    }
}

impl Target {
    /// A whole document.
    pub fn document(selector: &DocumentSelector) -> Self {
        Self {
            root: selector.root().clone(),
            url: selector.url(),
            auid: selector.auid().into(),
            node: None,
        }
    }

    /// An element, an attribute or the namespace bindings of an element in a document.
    pub fn node(selector: &DocumentSelector, node: NodeSelector) -> Self {
        Self {
            root: selector.root().clone(),
            url: selector.node_url(&node),
            auid: selector.auid().into(),
            node: Some(node),
        }
    }

    /// An element that an anchor in a document of this AUID names. Credentials go to `root` only, wherever `url` leads
    /// (XDM-48).
    pub(crate) fn anchor(root: XcapRoot, mut url: Url, auid: &str, node: NodeSelector) -> Self {
        drop_userinfo(&mut url);
        Self {
            root,
            url,
            auid: auid.into(),
            node: Some(node),
        }
    }

    /// The URL, percent-encoded.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The configured root.
    pub fn root(&self) -> &XcapRoot {
        &self.root
    }

    /// Namespace of names without prefix in it (RFC 4825 §6.4, XDM-23), if known.
    pub fn default_namespace(&self) -> Option<&'static str> {
        default_namespace(&self.auid)
    }

    /// Content type of what is there (XDM-22).
    pub fn media_type(&self) -> &'static str {
        match self.node.as_ref().map(NodeSelector::kind) {
            None => media_type(&self.auid).unwrap_or("application/xml"),
            Some(NodeKind::Element) => ELEMENT_TYPE,
            Some(NodeKind::Attribute) => ATTRIBUTE_TYPE,
            Some(NodeKind::Namespaces) => NAMESPACES_TYPE,
        }
    }

    /// Whether an answer of that type can be what was asked for. Parameters are tolerated, and so are the general types
    /// of XML and, for a node, the type of its document, which servers send.
    pub(super) fn accepts(&self, content_type: &str) -> bool {
        let got = content_type.split(';').next().unwrap_or_default().trim();
        let is = |accepted: &str| got.eq_ignore_ascii_case(accepted);
        let usage = media_type(&self.auid);
        is(self.media_type())
            || is("application/xml")
            || is("text/xml")
            || usage.is_some_and(is)
            // An application usage that is not known here: any XML but a web page.
            || (usage.is_none() && got.to_ascii_lowercase().ends_with("+xml") && !is("application/xhtml+xml"))
    }
}

/// Method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Fetches.
    Get,
    /// Creates or replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// On what condition the server is to act (RFC 4825 §7.11). Entity tags go out as they came (XDM-21).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In any case.
    Always,
    /// The document has this entity tag: `If-Match`.
    Unchanged(String),
    /// The document has another entity tag: `If-None-Match`.
    Changed(String),
    /// There is nothing yet: `If-None-Match: *`.
    Absent,
}

/// One thing to be done on an XDMS.
#[derive(Clone, PartialEq, Eq)]
pub struct Operation {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) condition: Condition,
    pub(super) body: Vec<u8>,
}

impl Operation {
    /// Fetches; `etag` is that of the copy held, which makes it conditional (XDM-20).
    pub fn get(target: Target, etag: Option<String>) -> Self {
        Self {
            method: Method::Get,
            target,
            condition: etag.map_or(Condition::Always, Condition::Changed),
            body: Vec::new(),
        }
    }

    /// Creates or replaces a document, an element, or the value of an attribute, which goes in quotes and escaped as in a
    /// tag (RFC 4825 §7.1, §7.4, §7.7).
    pub fn put(target: Target, body: impl Into<Vec<u8>>, condition: Condition) -> Self {
        Self {
            method: Method::Put,
            target,
            condition,
            body: body.into(),
        }
    }

    /// Removes a document, an element or an attribute (RFC 4825 §7.2, §7.5, §7.8).
    pub fn delete(target: Target, condition: Condition) -> Self {
        Self {
            method: Method::Delete,
            target,
            condition,
            body: Vec::new(),
        }
    }

    /// Where it goes.
    pub fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn is_conditional(&self) -> bool {
        self.condition != Condition::Always
    }

    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let condition = match &self.condition {
            Condition::Always => None,
            Condition::Unchanged(etag) => Some(("If-Match", etag.clone())),
            Condition::Changed(etag) => Some(("If-None-Match", etag.clone())),
            Condition::Absent => Some(("If-None-Match", "*".into())),
        };
        let content = (self.method == Method::Put)
            .then(|| ("Content-Type", self.target.media_type().to_owned()));
        condition.into_iter().chain(content).collect()
    }
}

/// Leaves the body out, and with it what the block list holds (SEC-14).
impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operation")
            .field("method", &self.method)
            .field("condition", &self.condition)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}
