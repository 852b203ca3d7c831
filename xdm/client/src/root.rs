//! The XCAP root, below which all documents of an XDMS are (RFC 4825 §6.1).

use percent_encoding::utf8_percent_encode;
use url::Url;

use crate::node::NodeSelector;
use crate::selector::SEGMENT;

/// Where the XCAP resources of a home domain begin (RFC 4825 §6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XcapRoot {
    /// Without query, fragment, userinfo and trailing slash.
    url: Url,
}

/// Why a text is no XCAP root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Not an absolute URL.
    #[error("the XCAP root {text:?} is not a URL ({source}): write it as https://HOST/PATH")]
    Url {
        /// The text given.
        text: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Neither `https` nor `http`.
    #[error("the XCAP root has the scheme {scheme:?}: only https and http can be fetched")]
    Scheme {
        /// The scheme given.
        scheme: String,
    },
    /// A query or fragment, which would cut the path off (XDM-02).
    #[error("the XCAP root {text:?} has a query or fragment: leave out what follows the path")]
    Query {
        /// The text given.
        text: String,
    },
}

impl XcapRoot {
    /// Reads a configured root. Userinfo in it is ignored (SEC-12), trailing slashes make no difference (XDM-02).
    pub fn parse(text: &str) -> Result<Self, RootError> {
        let mut url = Url::parse(text.trim()).map_err(|source| RootError::Url {
            text: text.into(),
            source,
        })?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(RootError::Scheme {
                scheme: url.scheme().into(),
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RootError::Query { text: text.into() });
        }
        drop_userinfo(&mut url);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { url })
    }

    /// The root to try when none is configured: `https://xcap.DOMAIN` (RFC 4825 §6.1, XDM-01).
    pub fn assumed(domain: &str) -> Result<Self, RootError> {
        Self::parse(&format!("https://xcap.{domain}"))
    }

    /// Whether a URL has scheme, host and port of the root: only there do credentials go (SEC-12).
    pub fn is_origin_of(&self, url: &Url) -> bool {
        self.url.origin() == url.origin()
    }

    /// Whether a URL lies below the root's path.
    pub(crate) fn is_above(&self, url: &Url) -> bool {
        let base = self.url.path().trim_end_matches('/');
        let below = url.path().strip_prefix(base);
        below.is_some_and(|rest| rest.starts_with('/'))
    }

    /// Path segments of the root.
    pub(crate) fn depth(&self) -> usize {
        let segments = self.url.path().split('/');
        segments.filter(|segment| !segment.is_empty()).count()
    }

    /// The URL of a document below the root, and of a node in it (XDM-02, XDM-05, XDM-06).
    pub(crate) fn url_of(&self, segments: &[&str], node: Option<&NodeSelector>) -> Url {
        let mut path = self.url.path().trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, SEGMENT));
        }
        let mut url = self.url.clone();
        if let Some(node) = node {
            path += "/~~/";
            path += &node.encoded();
            url.set_query(node.query().as_deref());
        }
        url.set_path(&path);
        url
    }

    /// Whether requests go over TLS.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }
}

/// Takes user name and password out of a URL: they must not be sent, shown or logged (SEC-12).
pub(crate) fn drop_userinfo(url: &mut Url) {
    // Both fail only for URLs without host, which have no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}
