//! Registration as a state machine without I/O (RFC 3261 §10, TS 24.229 §5.1.1): time and answers go in, requests and facts
//! come out.
//!
//! One REGISTER is under way at a time. The host sends what [`Registrar::poll_output`] gives, reports the final response or
//! the failure, and calls [`Registrar::handle_time`] at [`Registrar::next_wake`].

mod agreement;
mod authorize;
mod fault;
mod outcome;
mod request;
mod settings;
mod timing;

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use rollmark::Registration;
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Request, Response};
use rollmark::core::registration::{AnswerFault, RegistrationState};
use rollmark::core::uri::Uri;

pub use agreement::Agreement;
pub use fault::Fault;
pub use settings::{EXPIRES, Settings};

use authorize::{Attempt, Authority};

/// What the host is to do or to know, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Keep this sequence number of the SIM before anything that follows is done; if that fails, report
    /// [`Registrar::handle_store_failure`] and send nothing.
    KeepSequence(u64),
    /// Set this up before the next request is sent; if the platform cannot, report a failure.
    Agreed(Box<Agreement>),
    /// Send this, by way of that URI, and report what came of it.
    Send {
        /// The request, whole but for Via and Content-Length.
        request: Request,
        /// URI of the next hop. No Route names it: the P-CSCF is where a REGISTER goes (TS 24.229 §5.1.1.2.1).
        next_hop: String,
    },
    /// What is known now.
    Facts(Box<Registration>),
    /// Something in an answer that was taken all the same is wrong.
    Odd(AnswerFault),
    /// An attempt failed. With `retry_in` another follows by itself; without, nothing does until the host asks.
    Failed {
        /// Why.
        fault: Fault,
        /// When the next attempt is made.
        retry_in: Option<Duration>,
    },
    /// The registration was ended as asked for, or there was none to end; nothing follows.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is under way.
    Idle,
    /// A REGISTER is under way.
    Registering,
    /// A REGISTER that removes the binding is under way.
    Ending,
    /// Nothing ever follows.
    Ended,
}

/// One registration of one identity.
#[derive(Debug)]
pub struct Registrar {
    settings: Settings,
    home: String,
    facts: Registration,
    authority: Authority,
    agreement: Option<Agreement>,
    random: ChaCha12Rng,
    call_id: String,
    tag: String,
    cseq: u32,
    phase: Phase,
    attempt: Attempt,
    /// The life asked for in the present attempt.
    asking: u32,
    /// 423 was answered in the present attempt.
    lengthened: bool,
    /// Asked for while another REGISTER was under way.
    again: bool,
    ending: bool,
    /// There may be a binding at the registrar.
    bound: bool,
    failures: u32,
    renew_at: Option<Duration>,
    expires_at: Option<Duration>,
    outputs: VecDeque<Output>,
}

impl Registrar {
    /// A registration that is not yet begun. The seed must be unguessable and fresh.
    ///
    /// # Errors
    /// When the home domain is neither set nor named by the identity.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Result<Self, Fault> {
        let home = settings
            .home_domain
            .clone()
            .or_else(|| {
                let uri = Uri::parse(&settings.identity).ok()?;
                uri.host().map(str::to_owned)
            })
            .ok_or_else(|| Fault::NoHomeDomain(settings.identity.clone()))?;
        let mut random = ChaCha12Rng::from_seed(seed);
        let (call_id, tag) = (token(&mut random), token(&mut random));
        let facts = Registration {
            state: RegistrationState::Unregistered,
            registered: Some(settings.identity.clone()),
            home_domain: Some(home.clone()),
            ..settings.facts.clone()
        };
        Ok(Self {
            authority: Authority::new(&settings),
            asking: settings.expires,
            settings,
            home,
            facts,
            agreement: None,
            random,
            call_id,
            tag,
            cseq: 0,
            phase: Phase::Idle,
            attempt: Attempt::default(),
            lengthened: false,
            again: false,
            ending: false,
            bound: false,
            failures: 0,
            renew_at: None,
            expires_at: None,
            outputs: VecDeque::new(),
        })
    }

    /// What is known now.
    #[must_use]
    pub fn facts(&self) -> &Registration {
        &self.facts
    }

    /// When [`Self::handle_time`] wants to be called.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        let renew = self.renew_at.filter(|_| self.phase == Phase::Idle);
        [renew, self.expires_at].into_iter().flatten().min()
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Registers, or registers anew: at the start, and whenever somebody finds the registration broken (IMS-39, IMS-41). An
    /// agreement is made anew.
    pub fn register(&mut self) {
        if self.agreement.is_some() {
            // What went over it cannot go on.
            self.facts.state = RegistrationState::Pending;
        }
        self.drop_agreement();
        self.start();
    }

    /// The host has another address or connection: the registrar must learn where to send (RFC 3261 §10.2.4).
    pub fn handle_network_change(&mut self, contact: impl Into<String>) {
        self.settings.facts.contact = contact.into();
        self.register();
    }

    /// The text for P-Access-Network-Info is another; the next request has it.
    pub fn set_access_network(&mut self, info: Option<String>) {
        self.facts.access_network = info;
        self.tell();
    }

    /// Removes the binding (RFC 3261 §10.2.2). [`Output::Ended`] follows; the host bounds how long it waits for it.
    pub fn deregister(&mut self) {
        self.ending = true;
        match self.phase {
            Phase::Idle if self.bound => self.send_ending(),
            Phase::Idle => self.finish(),
            _ => {}
        }
    }

    /// Renews what is due, and notices what has lapsed.
    pub fn handle_time(&mut self, now: Duration) {
        if self.expires_at.is_some_and(|at| at <= now) {
            self.expires_at = None;
            self.bound = false;
            self.drop_agreement();
            self.facts.end();
            self.facts.state = RegistrationState::Pending;
            self.tell();
            // The attempt that is under way, or waits for its time, goes on.
            let retry_in = self.renew_at.map(|at| at.saturating_sub(now));
            self.outputs.push_back(Output::Failed {
                fault: Fault::Lapsed,
                retry_in: Some(retry_in.unwrap_or_default()),
            });
        }
        if self.phase == Phase::Idle && self.renew_at.is_some_and(|at| at <= now) {
            self.start();
        }
    }

    /// A final response to the request under way. Provisional ones mean nothing here.
    pub fn handle_response(&mut self, now: Duration, response: &Response) {
        if response.status < 200 || !matches!(self.phase, Phase::Registering | Phase::Ending) {
            return;
        }
        let accepted = response.status < 300 && !self.attempt.forged;
        if self.phase == Phase::Registering && accepted {
            self.phase = Phase::Idle;
            self.accepted(now, response);
        } else if matches!(response.status, 401 | 407) {
            match self.challenged(response) {
                Ok(()) => return,
                Err(fault) => self.failed(now, fault, None),
            }
        } else if self.phase == Phase::Registering && self.lengthen(response) {
            return;
        } else {
            let (fault, wait) = self.refused(response);
            self.failed(now, fault, wait);
        }
        self.proceed();
    }

    /// The request under way got no final response.
    pub fn handle_failure(&mut self, now: Duration, failure: SendFailure) {
        if !matches!(self.phase, Phase::Registering | Phase::Ending) {
            return;
        }
        let fault = match failure {
            SendFailure::NoAnswer => Fault::NoAnswer,
            SendFailure::Unreachable => Fault::Unreachable,
        };
        self.failed(now, fault, None);
        self.proceed();
    }

    /// The sequence number could not be kept: what was to be sent after it is not.
    pub fn handle_store_failure(&mut self, now: Duration, why: String) {
        self.outputs.clear();
        self.failed(now, Fault::Store(why), None);
        self.proceed();
    }

    fn drop_agreement(&mut self) {
        self.agreement = None;
        self.facts.security_server.clear();
        self.facts.protected_proxy = None;
        self.facts.mechanism = None;
        self.facts.protected = self.settings.facts.protected;
    }

    fn start(&mut self) {
        if self.ending || self.phase == Phase::Ended {
            return;
        }
        if self.phase != Phase::Idle {
            self.again = true;
            return;
        }
        self.renew_at = None;
        self.attempt = Attempt::default();
        self.lengthened = false;
        self.asking = self.settings.expires;
        self.phase = Phase::Registering;
        if self.facts.state != RegistrationState::Active {
            self.facts.state = RegistrationState::Pending;
            self.tell();
        }
        self.send(self.asking);
    }

    /// What was asked for while the last request was under way.
    fn proceed(&mut self) {
        if self.ending {
            if self.bound {
                self.send_ending();
            } else {
                self.finish();
            }
        } else if std::mem::take(&mut self.again) {
            self.start();
        }
    }

    fn send_ending(&mut self) {
        self.phase = Phase::Ending;
        self.attempt = Attempt::default();
        self.send(0);
    }

    fn finish(&mut self) {
        if self.phase == Phase::Ended {
            return;
        }
        self.phase = Phase::Ended;
        self.bound = false;
        self.renew_at = None;
        self.expires_at = None;
        self.drop_agreement();
        self.facts.end();
        self.tell();
        self.outputs.push_back(Output::Ended);
    }

    fn tell(&mut self) {
        self.outputs
            .push_back(Output::Facts(Box::new(self.facts.clone())));
    }
}

/// An unguessable token of 32 hex digits.
fn token(random: &mut ChaCha12Rng) -> String {
    format!("{:016x}{:016x}", random.next_u64(), random.next_u64())
}

#[cfg(test)]
mod tests;
