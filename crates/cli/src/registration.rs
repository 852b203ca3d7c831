//! `rollmark watch` on a core that wants its users registered (TS 24.229 §5.1.1, RFC 3261 §10).

use rollmark::Registration;
use rollmark::core::digest::Credentials;
use rollmark::core::profile::{Auto, Ims, Plain, Profile};
use rollmark::core::registration::{AnswerFault, SipCore};
use rollmark_ua::aka::AkaFile;
use rollmark_ua::register::{Fault as RegisterFault, Settings};
use rollmark_ua::{Registering, Status, UserAgent};

use crate::args::{Account, Mode};
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
    pub(crate) fn usable_identity(&self, account: &Account, given: &str) -> Result<String, Fault> {
        let usable = self.facts.usable_identity(given).map(str::to_owned);
        usable.ok_or_else(|| Fault::NoIdentity {
            server: server(account, given),
            identity: crate::text::safe(given),
        })
    }
}

fn server(account: &Account, identity: &str) -> String {
    crate::text::safe(account.server.as_deref().unwrap_or(identity))
}

/// The mode asked for; a SIM is of no use to plain SIP.
pub(crate) fn mode(account: &Account) -> Mode {
    let by_secret = match account.aka_file {
        Some(_) => Mode::Auto,
        None => Mode::Sip,
    };
    account.mode.unwrap_or(by_secret)
}

/// What decides the headers in a mode (SW-01).
pub(crate) fn profile(mode: Mode, account: &Account) -> Box<dyn Profile> {
    let settings = account.profile_settings();
    match mode {
        Mode::Auto => Box::new(Auto(settings)),
        Mode::Sip => Box::new(Plain(settings)),
        Mode::Ims => Box::new(Ims(settings)),
    }
}

/// Whether to register before subscribing.
pub(crate) fn is_asked_for(account: &Account) -> bool {
    mode(account) != Mode::Sip && account.identity.is_some()
}

/// Tells a person what goes wrong with a registration while it is kept up, and what is odd in the answers; each once.
async fn tell(server: String, mut status: tokio::sync::watch::Receiver<Status>, mut told: usize) {
    let mut last = None;
    loop {
        {
            let status = status.borrow_and_update();
            for fault in &status.odd[told.min(status.odd.len())..] {
                say(&server, &fault.to_string());
            }
            told = status.odd.len();
            if status.fault != last {
                if let Some((fault, retry_in)) = &status.fault {
                    let next = match retry_in {
                        Some(wait) => format!("; next try in {:.0} s", wait.as_secs_f64()),
                        None => String::new(),
                    };
                    say(&server, &format!("{fault}{next}"));
                }
                last.clone_from(&status.fault);
            }
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

fn say(server: &str, line: &str) {
    crate::show::complain(&format!("{server}: {}", crate::text::safe(line)));
}

/// Registers, unless the server registers nobody or the user stops it.
pub(crate) async fn register(
    agent: &UserAgent,
    account: &Account,
    identity: &str,
    credentials: Option<&Credentials>,
    mode: Mode,
) -> Result<Outcome, Fault> {
    let aka = match &account.aka_file {
        Some(path) => Some(AkaFile::open(path)?),
        None => None,
    };
    let settings = Settings {
        private_identity: account.user.clone(),
        password: credentials.map(|credentials| credentials.password.clone()),
        sim: aka.as_ref().map(|aka| (aka.sim.clone(), aka.sqn)),
        // A private identity has the form of a mail address; a registrar of plain SIP is not told one that it did not ask for.
        announce: aka.is_some() || account.user.as_ref().is_some_and(|user| user.contains('@')),
        facts: Registration {
            // Whether it is an IMS shows later, and nobody else is told where the user is.
            access_network: account.access_network.clone().filter(|_| mode == Mode::Ims),
            access_network_unprotected: account.access_network.is_some(),
            told_core: (mode == Mode::Ims).then_some(SipCore::Ims),
            ..Registration::default()
        },
        ..Settings::new(identity)
    };
    let failed = |fault| Fault::Register {
        server: server(account, identity),
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
            if core == SipCore::Ims && mode == Mode::Auto && account.access_network.is_some() {
                registering.set_access_network(account.access_network.clone());
                let known = |status: &Status| status.facts.access_network.is_some();
                let _ = registering.status().wait_for(known).await;
            }
            let status = registering.status();
            let odds = status.borrow().odd.clone();
            // An identity that is missing ends it, with a line of its own.
            let ends = |fault: &&AnswerFault| {
                core == SipCore::Sip || !matches!(fault, AnswerFault::NoIdentity)
            };
            for fault in odds.iter().filter(ends) {
                say(&server(account, identity), &fault.to_string());
            }
            let no_route = facts.service_route.as_ref().is_some_and(Vec::is_empty);
            if core == SipCore::Ims && no_route && odds.is_empty() {
                let line = "the registrar gave no Service-Route; requests go by the P-CSCF alone, and the core may refuse them";
                say(&server(account, identity), line);
            }
            tokio::spawn(tell(server(account, identity), status, odds.len()));
            let registered = Registered { registering, facts };
            Ok(Outcome::Registered(Box::new(registered)))
        }
        Err(
            RegisterFault::Refused { status: 405, .. }
            | RegisterFault::Unavailable { status: 501, .. },
        ) if mode == Mode::Auto => {
            tracing::info!("plain SIP: the server registers nobody");
            Ok(Outcome::Nobody)
        }
        Err(fault) => Err(failed(fault)),
    }
}
