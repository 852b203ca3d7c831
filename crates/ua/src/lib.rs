//! Reference SIP user agent: transports, outbound proxy, TLS, registration by digest or AKA, IM sessions; the plugin is added to it as to any
//! softphone (RFC 3261 §8, §10, §18, TS 24.229 §5.1.1).

pub mod aka;
mod dns;
mod options;
pub mod register;
mod registration;
pub mod session;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ezk_sip_core::Endpoint;
use rollmark::core::host::SendFailure;
use rollmark::core::message::Response;
use rollmark::record::Recorder;
use rollmark::{Account, Conferences, Registration, local_ip_towards};
use rollmark_ezk::{ConferencePlugin, Connections, Requests};
use tokio::sync::mpsc;

pub use registration::{Feeding, Registering, Status};
use session::{Caller, Session, SessionLayer, Table};
pub use tls::{TlsError, authorities};

/// How SIP messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// One connection, shared by everything.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// What the user agent can be set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `HOST:PORT` of the outbound proxy; none resolves the conference's own domain (RFC 3263).
    pub server: Option<String>,
    /// How to reach it.
    pub transport: Transport,
    /// PEM file of the authorities that may sign the server's certificate; TLS needs it.
    pub ca: Option<PathBuf>,
}

/// Why the user agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The server's name has no address.
    #[error("the server {server:?} cannot be found: {error}; check --server HOST:PORT")]
    Resolve {
        /// As given.
        server: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// No socket.
    #[error("no UDP socket on {address}: {error}; check the machine's network")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running user agent.
#[derive(Debug)]
pub struct UserAgent {
    /// The handle of the plugin for the account it was started with.
    pub conferences: Conferences,
    endpoint: Endpoint,
    requests: Requests,
    sessions: Arc<Table>,
    /// What is known without a registration.
    facts: Registration,
    transport: Transport,
}

impl UserAgent {
    /// Starts it for an account, on the present tokio runtime.
    ///
    /// # Errors
    /// When the server's name, a socket or the TLS set-up fails.
    pub async fn start(settings: Settings, account: Account) -> Result<Self, StartError> {
        Self::begin(settings, account, None).await
    }

    /// The same, with its plugin recorded from the start ([`Conferences::start_recorded`]).
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_recorded(
        settings: Settings,
        account: Account,
        recorder: &Recorder,
    ) -> Result<Self, StartError> {
        Self::begin(settings, account, Some(recorder)).await
    }

    async fn begin(
        settings: Settings,
        account: Account,
        recorder: Option<&Recorder>,
    ) -> Result<Self, StartError> {
        let address = SocketAddr::new(local_ip(settings.server.as_deref()).await?, 0);
        let mut builder = Endpoint::builder();
        if let Some(resolver) = dns::without_dns() {
            builder.set_dns_resolver(resolver);
        }
        builder
            .bind_udp(address)
            .await
            .map_err(|error| StartError::Bind { address, error })?;
        let mut connections = Connections::default();
        if settings.transport == Transport::Tls {
            connections = connections.tls(tls::connector(settings.ca.as_deref())?);
        }
        let (plugin, conferences) = match recorder {
            Some(recorder) => ConferencePlugin::recorded(account, connections, recorder),
            None => ConferencePlugin::with_connections(account, connections),
        };
        let requests = plugin.requests();
        builder.add_layer(plugin);
        let sessions = Arc::<Table>::default();
        builder.add_layer(SessionLayer::new(sessions.clone(), requests.clone()));
        let endpoint = builder.build();
        let facts = Registration {
            // The plugin names the address of the flow it uses.
            contact: String::new(),
            outbound_proxy: settings
                .server
                .map(|server| proxy(&server, settings.transport)),
            protected: settings.transport == Transport::Tls,
            ..Registration::default()
        };
        conferences.set_registration(facts.clone());
        Ok(Self {
            conferences,
            endpoint,
            requests,
            sessions,
            facts,
            transport: settings.transport,
        })
    }

    /// Registers an identity and keeps that up; [`Registering::feed`] lets the plugin know. Contact, outbound proxy and
    /// protection are the user agent's own. No security agreement is offered: there is no IPsec here. `aka` is where the SIM of the
    /// settings came from: the sequence number is kept there.
    ///
    /// # Errors
    /// When the identity names no home domain.
    pub fn register(
        &self,
        settings: register::Settings,
        aka: Option<aka::AkaFile>,
    ) -> Result<Registering, register::Fault> {
        let facts = Registration {
            outbound_proxy: self.facts.outbound_proxy.clone(),
            protected: self.facts.protected,
            ..settings.facts
        };
        Registering::start(
            self.endpoint.clone(),
            self.requests.clone(),
            register::Settings { facts, ..settings },
            aka,
        )
    }

    /// Calls a conference: its focus, once met, says where the conference is watched (RFC 4579 §3, §5.1). If there is no final response
    /// when `give_up` resolves the call is cancelled. [`Caller::registration`] is as registered, or [`Self::facts`].
    ///
    /// # Errors
    /// When there is no session.
    pub async fn join(
        &self,
        conference: &str,
        caller: &Caller,
        give_up: impl Future<Output = ()>,
    ) -> Result<Session, session::Fault> {
        let (table, requests) = (&self.sessions, &self.requests);
        session::join(table, &self.endpoint, requests, conference, caller, give_up).await
    }

    /// The address at which `user` is called over the flow to the outbound proxy.
    ///
    /// # Errors
    /// When there is no outbound proxy, or it cannot be reached.
    pub async fn contact(&self, user: &str) -> Result<String, SendFailure> {
        let proxy = self.facts.outbound_proxy.as_deref();
        let proxy = proxy.ok_or(SendFailure::Unreachable)?;
        self.requests.contact(&self.endpoint, proxy, user).await
    }

    /// Asks what `uri` can do, by way of the outbound proxy where there is one; an answer of whatever status shows that the way
    /// there works (RFC 3261 §11). Many servers do not answer strangers.
    ///
    /// # Errors
    /// When there is no answer (Timer F: 32 s; give up earlier by dropping this), or the server cannot be reached.
    pub async fn options(&self, uri: &str) -> Result<Response, SendFailure> {
        let next_hop = self.facts.outbound_proxy.as_deref().unwrap_or(uri);
        options::ask(&self.endpoint, &self.requests, uri, next_hop).await
    }

    /// Accepts whoever invites from now on, in the name of `caller`; until then an INVITE is answered 480. Several identities may do
    /// so: the one that was called has the session (IMS-35). What is not taken from here is hung up with it.
    #[must_use]
    pub fn invitations(&self, caller: Caller) -> mpsc::UnboundedReceiver<Session> {
        self.sessions.invitations(caller)
    }

    /// Outbound proxy and protection, as the settings gave them: the facts of a user who is not registered.
    #[must_use]
    pub fn facts(&self) -> &Registration {
        &self.facts
    }

    /// The same by way of another outbound proxy (`HOST:PORT`), reached by the same transport.
    #[must_use]
    pub fn facts_by(&self, server: &str) -> Registration {
        Registration {
            outbound_proxy: Some(proxy(server, self.transport)),
            ..self.facts.clone()
        }
    }

    /// The ezk endpoint, to add more to it.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// URI of an outbound proxy, a loose router.
fn proxy(server: &str, transport: Transport) -> String {
    let transport = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    format!("sip:{server}{transport};lr")
}

/// The local address from which the server is reached; any address when there is none to ask for.
async fn local_ip(server: Option<&str>) -> Result<IpAddr, StartError> {
    let Some(server) = server else {
        return Ok(Ipv4Addr::UNSPECIFIED.into());
    };
    let resolve = |error| StartError::Resolve {
        server: server.to_owned(),
        error,
    };
    let address = tokio::net::lookup_host(server)
        .await
        .map_err(resolve)?
        .next()
        .ok_or_else(|| resolve(std::io::ErrorKind::NotFound.into()))?;
    let any: IpAddr = if address.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    Ok(local_ip_towards(address).unwrap_or(any))
}
