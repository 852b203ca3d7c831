//! `rollmark watch` on a core that wants its users registered (TS 24.229 §5.1.1, RFC 3261 §10).

use rollmark::Registration;
use rollmark::core::digest::Credentials;
use rollmark::core::registration::SipCore;
use rollmark_ua::aka::AkaFile;
use rollmark_ua::register::{Fault as RegisterFault, Settings};
use rollmark_ua::{Registering, UserAgent};

use crate::args::{Mode, Watch};
use crate::fault::Fault;
use crate::watch::{PATIENCE, stopped};

/// What came of registering.
pub(crate) enum Outcome {
    Registered(Box<Registered>),
    /// The server registers nobody, which is how a plain server shows.
    Nobody,
    /// The user did not wait for it.
    Stopped,
}

/// A registration that has come about.
pub(crate) struct Registered {
    pub(crate) registering: Registering,
    facts: Registration,
}

impl Registered {
    /// Whether the core is an IMS, where an XDMS is behind an Aggregation Proxy (XDM-10).
    pub(crate) fn is_ims(&self) -> bool {
        self.facts.sip_core().0 == SipCore::Ims
    }

    /// What is known of it now.
    pub(crate) fn facts(&self) -> &Registration {
        &self.facts
    }

    /// The identity to use: another than the given one when the core bars that one (IMS-04).
    pub(crate) fn usable_identity(&self, args: &Watch, given: &str) -> Result<String, Fault> {
        let usable = self.facts.usable_identity(given).map(str::to_owned);
        usable.ok_or_else(|| Fault::NoIdentity {
            server: server(args, given),
            identity: crate::text::safe(given),
        })
    }
}

fn server(args: &Watch, identity: &str) -> String {
    crate::text::safe(args.server.as_deref().unwrap_or(identity))
}

/// Whether to register before subscribing.
pub(crate) fn is_asked_for(args: &Watch) -> bool {
    match args.mode {
        Some(Mode::Auto) => args.identity.is_some(),
        Some(Mode::Sip) => false,
        None => args.aka_file.is_some(),
    }
}

/// Registers, unless the server registers nobody or the user stops it.
pub(crate) async fn register(
    agent: &UserAgent,
    args: &Watch,
    identity: &str,
    credentials: Option<&Credentials>,
) -> Result<Outcome, Fault> {
    let aka = match &args.aka_file {
        Some(path) => Some(AkaFile::open(path)?),
        None => None,
    };
    let settings = Settings {
        private_identity: args.user.clone(),
        password: credentials.map(|credentials| credentials.password.clone()),
        sim: aka.as_ref().map(|aka| (aka.sim.clone(), aka.sqn)),
        // A private identity has the form of a mail address; a registrar of plain SIP is not told one that it did not ask for.
        announce: aka.is_some() || args.user.as_ref().is_some_and(|user| user.contains('@')),
        ..Settings::new(identity)
    };
    let failed = |fault| Fault::Register {
        server: server(args, identity),
        fault,
    };
    let mut registering = agent.register(settings, aka).map_err(failed)?;
    let settled = tokio::select! {
        settled = registering.settled() => settled,
        () = stopped(None) => {
            registering.deregister(PATIENCE).await;
            return Ok(Outcome::Stopped);
        }
    };
    match settled {
        Ok(facts) => {
            let (core, evidence) = facts.sip_core();
            tracing::info!(core = core.as_str(), %evidence, "registered");
            let registered = Registered { registering, facts };
            Ok(Outcome::Registered(Box::new(registered)))
        }
        Err(
            RegisterFault::Refused { status: 405, .. }
            | RegisterFault::Unavailable { status: 501, .. },
        ) => {
            tracing::info!("plain SIP: the server registers nobody");
            Ok(Outcome::Nobody)
        }
        Err(fault) => Err(failed(fault)),
    }
}
