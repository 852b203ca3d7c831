//! A machine without DNS: addresses still work (RFC 3263 §4).

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

/// A resolver that knows nothing, where the system has no DNS: ezk panics without one.
pub(crate) fn without_dns() -> Option<TokioResolver> {
    if TokioResolver::builder_tokio().is_ok() {
        return None;
    }
    let nothing = ResolverConfig::default();
    TokioResolver::builder_with_config(nothing, TokioRuntimeProvider::default())
        .build()
        .ok()
}
