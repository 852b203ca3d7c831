//! How a server is set up.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::digest::DigestAlgorithm;
use crate::listener::TlsFiles;
use crate::store::MAX_DOCUMENTS;
use crate::usage::Usage;
use crate::users::User;

/// What a server is started with: [`Settings::new`], and the fields that are to differ.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The host name in the XCAP root URI, if not the address: what the certificate is for.
    pub host: Option<String>,
    /// Users to authenticate by digest, each for his own documents. With none, and no fronts, everybody may do everything.
    pub users: Vec<User>,
    /// Digest realm.
    pub realm: String,
    /// What is offered, strongest first.
    pub algorithms: Vec<DigestAlgorithm>,
    /// How long a nonce is good for; past half of it the next one is sent along.
    pub nonce_lifetime: Duration,
    /// Addresses of fronts (aggregation proxies) that are believed in what they say in X-3GPP-Intended-Identity (XDM-10).
    pub fronts: Vec<IpAddr>,
    /// Serve HTTPS instead of HTTP.
    pub tls: Option<TlsFiles>,
    /// Keep the documents here too, across restarts.
    pub folder: Option<PathBuf>,
    /// Application usages beside the usual ones; of two with one AUID the one given here counts.
    pub usages: Vec<Usage>,
    /// Most documents.
    pub max_documents: usize,
}

impl Settings {
    /// An open server that keeps its documents in memory.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            host: None,
            users: Vec::new(),
            realm: "xcap".to_owned(),
            algorithms: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
            nonce_lifetime: Duration::from_secs(300),
            fronts: Vec::new(),
            tls: None,
            folder: None,
            usages: Vec::new(),
            max_documents: MAX_DOCUMENTS,
        }
    }
}
