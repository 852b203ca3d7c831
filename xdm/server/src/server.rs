//! The server itself: its socket, and the documents seen from code.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};

use crate::access::Access;
use crate::address::{ROOT, Selector};
use crate::diff::xcap_diff;
use crate::digest::Guard;
use crate::http::router;
use crate::listener::{Peer, TlsError, TlsListener};
use crate::settings::Settings;
use crate::store::{Document, DocumentChange, FolderError, PutError, Store};
use crate::usage::Usage;

/// The server could not start.
#[derive(Debug, Error)]
pub enum XdmsError {
    /// The address could not be bound.
    #[error("XDMS cannot listen on {addr}: {source}; choose a free port, or port 0")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS.
    #[error("XDMS cannot serve TLS: {0}")]
    Tls(#[from] TlsError),
    /// The folder cannot be used.
    #[error("XDMS: {0}")]
    Folder(#[from] FolderError),
    /// The system has no random numbers for nonces.
    #[error("XDMS has no random numbers: {0}")]
    Random(getrandom::Error),
}

/// What the requests share.
pub(crate) struct Shared {
    store: Mutex<Store>,
    pub(crate) access: Access,
    /// The XCAP root URI, without a slash at the end.
    pub(crate) root: String,
}

impl Shared {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// XDMS in this process, over HTTP or HTTPS.
///
/// Dropping it closes the listener and the idle connections; a request that is being answered is answered to the end.
pub struct Xdms {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Its end ends the server.
    _running: oneshot::Sender<()>,
}

impl fmt::Debug for Xdms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xdms")
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
}

impl Xdms {
    /// An open server in memory; port 0 takes a free port. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`XdmsError`].
    pub async fn bind(addr: SocketAddr) -> Result<Self, XdmsError> {
        Self::start(Settings::new(addr)).await
    }

    /// Listens. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`XdmsError`].
    pub async fn start(settings: Settings) -> Result<Self, XdmsError> {
        let wanted = settings.addr;
        let fault = |source| XdmsError::Bind {
            addr: wanted,
            source,
        };
        let acceptor = settings
            .tls
            .as_ref()
            .map(|files| files.acceptor())
            .transpose()?;
        let usages = usages(settings.usages);
        let store = Store::open(usages, settings.folder.as_deref(), settings.max_documents)?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(XdmsError::Random)?;
        let guard = Guard::new(
            &settings.realm,
            &settings.algorithms,
            settings.nonce_lifetime,
            secret,
        );
        let listener = TcpListener::bind(wanted).await.map_err(fault)?;
        let addr = listener.local_addr().map_err(fault)?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let authority = match settings.host {
            Some(host) => format!("{host}:{}", addr.port()),
            None => addr.to_string(),
        };
        let shared = Arc::new(Shared {
            store: Mutex::new(store),
            access: Access::new(settings.users, settings.fronts, guard),
            root: format!("{scheme}://{authority}/{ROOT}"),
        });
        let service: IntoMakeServiceWithConnectInfo<_, Peer> =
            router(shared.clone()).into_make_service_with_connect_info();
        let (running, ended) = oneshot::channel::<()>();
        // Nothing is ever sent: the error says that the server was dropped.
        let ended = async { drop(ended.await) };
        match acceptor {
            None => {
                let server = axum::serve(listener, service).with_graceful_shutdown(ended);
                tokio::spawn(async move { report(server.await) });
            }
            Some(acceptor) => {
                let listener = TlsListener::new(listener, acceptor).map_err(fault)?;
                let server = axum::serve(listener, service).with_graceful_shutdown(ended);
                tokio::spawn(async move { report(server.await) });
            }
        }
        Ok(Self {
            addr,
            shared,
            _running: running,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The XCAP root URI, without a slash at the end (RFC 4825 §6.1).
    pub fn root(&self) -> &str {
        &self.shared.root
    }

    /// Creates or replaces a document of a user, and gives its new entity tag.
    ///
    /// # Errors
    /// [`PutError`]: what a PUT over HTTP would be refused for.
    pub fn put(
        &self,
        auid: &str,
        xui: &str,
        document: &str,
        body: impl Into<Bytes>,
    ) -> Result<String, PutError> {
        let selector = Selector::user(auid, xui, document);
        self.shared.store().put(selector, body.into())
    }

    /// Creates or replaces a document of the global tree, and gives its new entity tag.
    ///
    /// # Errors
    /// [`PutError`]: what a PUT over HTTP would be refused for.
    pub fn put_global(
        &self,
        auid: &str,
        document: &str,
        body: impl Into<Bytes>,
    ) -> Result<String, PutError> {
        self.shared
            .store()
            .put(Selector::global(auid, document), body.into())
    }

    /// Deletes a document of a user; false if there was none, or if the folder does not let it go.
    pub fn delete(&self, auid: &str, xui: &str, document: &str) -> bool {
        let selector = Selector::user(auid, xui, document);
        self.shared
            .store()
            .delete(&selector)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, path = selector.path(), "a document could not be deleted");
                false
            })
    }

    /// The document of a user as it is.
    pub fn document(&self, auid: &str, xui: &str, document: &str) -> Option<Document> {
        let selector = Selector::user(auid, xui, document);
        self.shared.store().document(&selector).cloned()
    }

    /// Every change from now on, by code or over HTTP.
    pub fn changes(&self) -> broadcast::Receiver<DocumentChange> {
        self.shared.store().changes()
    }

    /// The documents that are there now among those watched, as if each had just come (`new` alone): what the first notification of
    /// an xcap-diff subscription tells (RFC 5875 §4.7). For what `watched` holds see [`watches`](crate::watches).
    pub fn current(&self, watched: &[impl AsRef<str>]) -> Vec<DocumentChange> {
        let store = self.shared.store();
        let states = store
            .documents()
            .map(|(selector, document)| DocumentChange {
                path: selector.path(),
                uri: selector.uri(),
                old: None,
                new: Some(document.etag.clone()),
            });
        states.filter_map(|state| state.seen_by(watched)).collect()
    }

    /// The xcap-diff document of [`Xdms::current`] (RFC 5874).
    pub fn xcap_diff(&self, watched: &[impl AsRef<str>]) -> String {
        xcap_diff(self.root(), &self.current(watched))
    }

    /// Every digest nonce is stale from now on (RFC 7616 §3.3).
    pub fn expire_nonces(&self) {
        self.shared.access.expire_nonces();
    }
}

/// The usual application usages and those of the settings, which come first.
fn usages(mut usages: Vec<Usage>) -> Vec<Usage> {
    for usual in Usage::usual() {
        if usages.iter().all(|known| known.auid() != usual.auid()) {
            usages.push(usual);
        }
    }
    usages
}

fn report(ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::warn!(%error, "XDMS ended");
    }
}
