//! Where block lists come from: a file, an XDMS, memory, an app's own store (OMA-17, XDM-32).

use std::future::Future;

use rollmark_core::blocklist::Update;

/// One source of blocked identities. Several are united; each mark names the source it comes from.
pub trait BlockListSource: Send + 'static {
    /// Name shown with marks, such as `file:blocked.txt`.
    fn name(&self) -> String;

    /// Waits for the next news: the first call gives what is known now, later ones what changed. Must be safe to drop
    /// while it waits. A source that will never change again may wait for ever.
    fn next(&mut self) -> impl Future<Output = Update> + Send;
}
