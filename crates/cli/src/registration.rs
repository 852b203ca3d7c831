//! `rollmark watch` on a core that wants its users registered (TS 24.229 §5.1.1, RFC 3261 §10).

use rollmark::core::digest::Credentials;
use rollmark_ua::aka::AkaFile;
use rollmark_ua::register::{Fault as RegisterFault, Settings};
use rollmark_ua::{Registering, UserAgent};

use crate::args::{Mode, Watch};
use crate::fault::Fault;

/// A registration that has come about.
pub(crate) struct Registered {
    pub(crate) registering: Registering,
    /// The identity to use.
    pub(crate) identity: String,
}

/// Whether to register before subscribing.
pub(crate) fn is_asked_for(args: &Watch) -> bool {
    match args.mode {
        Some(Mode::Auto) => args.identity.is_some(),
        Some(Mode::Sip) => false,
        None => args.aka_file.is_some(),
    }
}

/// Registers; none where the server registers nobody, which is how a plain server shows.
pub(crate) async fn register(
    agent: &UserAgent,
    args: &Watch,
    identity: &str,
    credentials: Option<&Credentials>,
) -> Result<Option<Registered>, Fault> {
    let server = || {
        let server = args.server.as_deref().unwrap_or(identity);
        crate::text::safe(server)
    };
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
        server: server(),
        fault,
    };
    let mut registering = agent.register(settings, aka).map_err(failed)?;
    let facts = match registering.settled().await {
        Ok(facts) => facts,
        Err(
            RegisterFault::Refused { status: 405, .. }
            | RegisterFault::Unavailable { status: 501, .. },
        ) => {
            tracing::info!("plain SIP: the server registers nobody");
            return Ok(None);
        }
        Err(fault) => return Err(failed(fault)),
    };
    let (core, evidence) = facts.sip_core();
    tracing::info!(core = core.as_str(), %evidence, "registered");
    let usable = facts.usable_identity(identity).map(str::to_owned);
    let identity = usable.ok_or_else(|| Fault::NoIdentity {
        server: server(),
        identity: crate::text::safe(identity),
    })?;
    Ok(Some(Registered {
        registering,
        identity,
    }))
}
