//! Challenges of a registrar: digest by password, AKA by the SIM, agreement with the P-CSCF (RFC 3261 §22, RFC 3310, TS 24.229
//! §5.1.1.5).

use rollmark::core::digest::{Algorithm, Challenge, Credentials, Policy, Secret, Session};
use rollmark::core::message::Response;
use rollmark::core::registration::Mechanism;

use super::{Agreement, Fault, Output, Phase, Registrar, Settings, token};
use crate::aka::{Answer, Sim};

/// Challenges with a stale nonce that are answered in one attempt.
const MAX_STALE: u8 = 2;

/// What has happened in one attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    /// A challenge was answered.
    answered: bool,
    stale: u8,
    /// The network was told the SIM's sequence number.
    resynchronised: bool,
    /// The network was told that its challenge is not believed; nothing it says now makes a registration.
    pub(super) forged: bool,
    /// The P-CSCF agreed on nothing and asked for digest: no header of an agreement is sent (IMS-25).
    pub(super) plain: bool,
}

/// Who answers challenges, and the session that the last answer opened.
#[derive(Debug)]
pub(super) struct Authority {
    username: String,
    password: Option<Secret>,
    sim: Option<(Sim, u64)>,
    session: Option<(Session, Credentials, &'static str)>,
}

impl Authority {
    pub(super) fn new(settings: &Settings) -> Self {
        let identity = &settings.identity;
        let bare = identity
            .split_once(':')
            .map_or(identity.as_str(), |(_, rest)| rest);
        let bare = bare.split([';', '?']).next().unwrap_or_default();
        Self {
            username: settings
                .private_identity
                .clone()
                .unwrap_or_else(|| bare.to_owned()),
            password: settings.password.clone(),
            sim: settings.sim.clone(),
            session: None,
        }
    }

    pub(super) fn has_answered(&self) -> bool {
        self.session.is_some()
    }

    /// The header that authorizes the next request without being asked.
    pub(super) fn authorize(&mut self, uri: &str) -> Option<(&'static str, String)> {
        let (session, credentials, name) = self.session.as_mut()?;
        Some((name, session.authorize(credentials, "REGISTER", uri, &[])))
    }

    /// Authorization that only names the private identity (TS 24.229 §5.1.1.2.2).
    pub(super) fn announce(&self, home: &str) -> String {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "Digest username=\"{}\", realm=\"{home}\", nonce=\"\", uri=\"sip:{home}\", response=\"\"",
            quoted(&self.username)
        )
    }

    pub(super) fn handle_authentication_info(&mut self, value: &str) {
        if let Some((session, ..)) = &mut self.session {
            session.handle_authentication_info(value);
        }
    }

    /// The topmost challenge that can be answered here (SEC-10).
    fn choose(&self, challenges: &[Challenge]) -> Result<Challenge, Fault> {
        let mine: Vec<Challenge> = challenges
            .iter()
            .filter(|challenge| match challenge.algorithm {
                Some(Algorithm::AkaV1Md5) => self.sim.is_some(),
                Some(algorithm) => !algorithm.is_aka() && self.password.is_some(),
                None => false,
            })
            .cloned()
            .collect();
        let policy = Policy {
            aka: true,
            ..Policy::default()
        };
        policy.choose(&mine).cloned().ok_or_else(|| {
            let names: Vec<&str> = challenges
                .iter()
                .map(|challenge| challenge.algorithm_name.as_deref().unwrap_or("MD5"))
                .collect();
            Fault::NoSecret(if names.is_empty() {
                "something other than digest".to_owned()
            } else {
                names.join(" or ")
            })
        })
    }
}

impl Registrar {
    /// Answers a 401 or 407 and sends the request again, or says why not.
    pub(super) fn challenged(&mut self, response: &Response) -> Result<(), Fault> {
        if self.attempt.forged {
            return Err(Fault::NetworkNotAuthentic);
        }
        let (asks, answers) = match response.status {
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => ("WWW-Authenticate", "Authorization"),
        };
        let challenges = Challenge::all(response.headers.all(asks));
        let challenge = self.authority.choose(&challenges)?;
        if self.attempt.answered {
            self.attempt.stale += 1;
            if !challenge.stale || self.attempt.stale > MAX_STALE {
                return Err(Fault::WrongSecret);
            }
        }
        let aka = challenge.algorithm == Some(Algorithm::AkaV1Md5);
        let agreement = self.agree(response, aka)?;
        let mut session = Session::new(&challenge, token(&mut self.random))
            .map_err(|unanswerable| Fault::NoSecret(unanswerable.to_string()))?;
        let mut credentials = Credentials {
            username: self.authority.username.clone(),
            password: Secret::from(""),
        };
        let uri = self.request_uri();
        let mut keys = None;
        if let (true, Some((sim, last))) = (aka, &mut self.authority.sim) {
            match sim.answer(&challenge.nonce, *last) {
                Answer::Authentic { res, ck, ik, sqn } => {
                    *last = sqn;
                    self.outputs.push_back(Output::KeepSequence(sqn));
                    credentials.password = res;
                    keys = Some((ck, ik));
                }
                Answer::Resynchronise { .. } if self.attempt.resynchronised => {
                    return Err(Fault::Sequence);
                }
                Answer::Resynchronise { auts } => {
                    self.attempt.resynchronised = true;
                    let username = &self.authority.username;
                    let value = session.authorize_with_auts(username, &auts, "REGISTER", &uri, &[]);
                    self.repeat(Some((answers, value)));
                    return Ok(());
                }
                Answer::Forged => {
                    // TS 24.229 §5.1.1.5.3: the network is told, without response and auts.
                    self.attempt.forged = true;
                    self.authority.session = None;
                    let value = self.authority.announce(&self.home).replace(
                        "nonce=\"\"",
                        &format!("nonce=\"{}\"", challenge.nonce.replace(['"', '\\'], "")),
                    );
                    self.repeat(Some((answers, value)));
                    return Ok(());
                }
                Answer::Malformed => return Err(Fault::Challenge),
            }
        } else if let Some(password) = &self.authority.password {
            credentials.password = password.clone();
        }
        self.attempt.answered = true;
        if let Some(mut agreement) = agreement {
            agreement.keys = keys;
            self.facts.security_server.clone_from(&agreement.server);
            self.facts.protected_proxy = self.protected_proxy(&agreement);
            self.facts.protected = true;
            self.facts.mechanism = Some(agreement.mechanism);
            self.outputs
                .push_back(Output::Agreed(Box::new(agreement.clone())));
            self.agreement = Some(agreement);
        }
        self.authority.session = Some((session, credentials, answers));
        let authorization = self.authority.authorize(&uri);
        self.repeat(authorization);
        Ok(())
    }

    fn repeat(&mut self, authorization: Option<(&'static str, String)>) {
        let expires = if self.phase == Phase::Ending {
            0
        } else {
            self.asking
        };
        self.send_with(expires, authorization);
    }

    fn protected_proxy(&self, agreement: &Agreement) -> Option<String> {
        let proxy = self.facts.outbound_proxy.clone();
        agreement.proxy(&proxy.unwrap_or_else(|| self.request_uri()))
    }

    /// The agreement that a challenge brings, when one was offered (RFC 3329 §2.3.1, TS 24.229 §5.1.1.5.1).
    fn agree(&mut self, response: &Response, aka: bool) -> Result<Option<Agreement>, Fault> {
        if self.settings.security_client.is_empty() {
            return Ok(None);
        }
        let agreed = Agreement::choose(&self.settings.security_client, &response.headers);
        match (agreed, &self.agreement) {
            // Challenged over the association that exists: a new set may be agreed on only by a new AKA run.
            (Some(fresh), Some(held)) if fresh.server != held.server && !aka => {
                Err(Fault::AgreementChanged)
            }
            // Without a port of its own there is nothing that the association could protect.
            (Some(fresh), _)
                if fresh.mechanism == Mechanism::IpsecAka
                    && self.protected_proxy(&fresh).is_none() =>
            {
                Err(Fault::NoAgreement(
                    "Security-Server names no protected port",
                ))
            }
            (Some(fresh), _) => Ok(Some(fresh)),
            (None, Some(_)) => Ok(None),
            (None, None) if aka => {
                Err(Fault::NoAgreement("no common mechanism in Security-Server"))
            }
            // Digest without agreement: none of the three headers (IMS-25).
            (None, None) => {
                self.attempt.plain = true;
                Ok(None)
            }
        }
    }
}
