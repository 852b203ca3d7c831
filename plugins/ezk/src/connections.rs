//! How the plugin reaches servers over TCP and TLS, and whom it asks for their addresses (RFC 3261 §18, RFC 3263).

use hickory_resolver::TokioResolver;

use crate::flows::Flows;
use crate::stream::Connecting;

/// Who makes connections, and with what. The default: the plugin makes its own over TCP, by the system's DNS; TLS is left to
/// the endpoint.
#[derive(Clone)]
pub struct Connections {
    own: Option<Connecting>,
    resolver: Option<TokioResolver>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Connections");
        debug.field("own", &self.own).finish_non_exhaustive()
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            own: Some(Connecting::default()),
            resolver: TokioResolver::builder_tokio()
                .ok()
                .and_then(|builder| builder.build().ok()),
        }
    }
}

impl Connections {
    /// The endpoint's own connections, shared with whatever else uses them: for a softphone whose server wants SUBSCRIBE on the
    /// connection that it registered over. They have the limits of ezk's: no message over 65,535 bytes, and one that comes in
    /// two pieces costs the connection.
    #[must_use]
    pub fn of_endpoint() -> Self {
        Self {
            own: None,
            ..Self::default()
        }
    }

    /// Makes connections over TLS, too, and checks the server's certificate as this connector says.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, connector: tokio_rustls::TlsConnector) -> Self {
        self.own.get_or_insert_default().tls = Some(connector);
        self
    }

    /// Asks this resolver in place of the system's.
    #[must_use]
    pub fn resolver(mut self, resolver: TokioResolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    pub(crate) fn into_flows(self) -> Flows {
        Flows::new(self.own, self.resolver)
    }
}
