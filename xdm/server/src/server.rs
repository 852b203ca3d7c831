//! The server itself: its socket, and the documents seen from code.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};

use crate::http::{lock, router};
use crate::selector::{ROOT, Selector};
use crate::store::{Document, DocumentChange, PutError, Store};

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
}

/// XDMS in this process, over HTTP.
///
/// Dropping it closes the listener and the idle connections; a request that is being answered is answered to the end.
#[derive(Debug)]
pub struct Xdms {
    addr: SocketAddr,
    root: String,
    store: Arc<Mutex<Store>>,
    /// Its end ends the server.
    _running: oneshot::Sender<()>,
}

impl Xdms {
    /// Listens; port 0 takes a free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`XdmsError`].
    pub async fn bind(addr: SocketAddr) -> Result<Self, XdmsError> {
        let fault = |source| XdmsError::Bind { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(fault)?;
        let addr = listener.local_addr().map_err(fault)?;
        let store = Arc::new(Mutex::new(Store::new(epoch())));
        let router = router(store.clone());
        let (running, ended) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let server = axum::serve(listener, router).with_graceful_shutdown(async {
                // Nothing is ever sent: the error says that the server was dropped.
                let _ = ended.await;
            });
            if let Err(error) = server.await {
                tracing::warn!(%error, "XDMS ended");
            }
        });
        Ok(Self {
            addr,
            root: format!("http://{addr}/{ROOT}"),
            store,
            _running: running,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The XCAP root URI, without a slash at the end (RFC 4825 §6.1).
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Creates or replaces a document, with the MIME type of its application usage, and gives its new entity tag.
    ///
    /// # Errors
    /// [`PutError::Conflict`].
    pub fn put(
        &self,
        auid: &str,
        xui: &str,
        document: &str,
        body: impl Into<Bytes>,
    ) -> Result<String, PutError> {
        let selector = Selector::new(auid, xui, document);
        lock(&self.store).put(selector, None, body.into())
    }

    /// Deletes a document; false if there was none.
    pub fn delete(&self, auid: &str, xui: &str, document: &str) -> bool {
        lock(&self.store).delete(&Selector::new(auid, xui, document))
    }

    /// The document as it is.
    pub fn document(&self, auid: &str, xui: &str, document: &str) -> Option<Document> {
        lock(&self.store)
            .document(&Selector::new(auid, xui, document))
            .cloned()
    }

    /// Every change from now on, by code or over HTTP.
    pub fn changes(&self) -> broadcast::Receiver<DocumentChange> {
        lock(&self.store).changes()
    }
}

/// Nanoseconds since 1970, cut to 64 bits: enough to tell two servers apart.
fn epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}
