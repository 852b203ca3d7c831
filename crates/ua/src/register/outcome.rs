//! What a final response means: 2xx, 423, refusals, and when another attempt is made (RFC 3261 §10.2, TS 24.229 §5.1.1).

use std::time::Duration;

use rand_core::Rng;
use rollmark::core::header;
use rollmark::core::message::Response;
use rollmark::core::registration::{Mechanism, RegistrationState};

use super::{Fault, Output, Phase, Registrar, timing};

impl Registrar {
    pub(super) fn accepted(&mut self, now: Duration, response: &Response) {
        let contact = self.contact().to_owned();
        let faults = self.facts.handle_answer(
            &response.headers,
            &contact,
            self.settings.instance.as_deref(),
            self.asking,
        );
        self.facts.contact = contact;
        self.outputs.extend(faults.into_iter().map(Output::Odd));
        let granted = self.facts.expires.unwrap_or_default();
        if granted == 0 {
            self.bound = false;
            self.failed(now, Fault::NoBinding, None);
            return;
        }
        self.bound = true;
        self.failures = 0;
        if let Some(info) = response.headers.get("Authentication-Info") {
            self.authority.handle_authentication_info(info);
        }
        self.facts.mechanism = match &self.agreement {
            Some(agreement) => Some(agreement.mechanism),
            None if self.authority.has_answered() => Some(Mechanism::Digest),
            None => None,
        };
        let life = Duration::from_secs(granted.into());
        self.renew_at = Some(now + timing::renew_after(life));
        self.expires_at = Some(now + life);
        self.tell();
    }

    /// 423: asks once more, for as long as the registrar wants (RFC 3261 §10.2.8).
    pub(super) fn lengthen(&mut self, response: &Response) -> bool {
        let least = response
            .headers
            .get("Min-Expires")
            .and_then(header::delta_seconds);
        match least {
            Some(least) if response.status == 423 && !self.lengthened && least > self.asking => {
                self.lengthened = true;
                self.asking = least;
                self.send(least);
                true
            }
            _ => false,
        }
    }

    /// What a final response that is neither 2xx nor a challenge means, and how long it says to wait.
    pub(super) fn refused(&self, response: &Response) -> (Fault, Option<Duration>) {
        let (status, reason) = (response.status, response.reason.clone());
        let wait = response
            .headers
            .get("Retry-After")
            .and_then(header::retry_after)
            .map(|seconds| Duration::from_secs(seconds.into()));
        let fault = match status {
            _ if self.attempt.forged => Fault::NetworkNotAuthentic,
            300..400 => Fault::Redirected(status),
            420 => Fault::Extension(
                response
                    .headers
                    .get("Unsupported")
                    .unwrap_or("?")
                    .to_owned(),
            ),
            421 => Fault::NoAgreement("421"),
            494 => Fault::NoAgreement("494"),
            423 => Fault::IntervalTooBrief,
            408 | 500..600 => Fault::Unavailable { status, reason },
            _ if wait.is_some() => Fault::Unavailable { status, reason },
            _ => Fault::Refused { status, reason },
        };
        (fault, wait)
    }

    pub(super) fn failed(&mut self, now: Duration, fault: Fault, wait: Option<Duration>) {
        let ending = self.phase == Phase::Ending;
        self.phase = Phase::Idle;
        if ending {
            // Whatever the registrar says, nothing more is to be done about it.
            self.bound = false;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let retry_in = fault
            .passes()
            .then(|| wait.unwrap_or_else(|| timing::wait(self.failures, self.random.next_u32())));
        self.renew_at = retry_in.map(|wait| now + wait);
        if !fault.passes() {
            // Nobody renews it any more; a registration that a re-registration was refused for is void.
            self.expires_at = None;
            self.drop_agreement();
            self.facts.end();
            self.tell();
        } else if self.facts.state != RegistrationState::Active {
            self.drop_agreement();
            self.facts.state = RegistrationState::Pending;
            self.tell();
        }
        self.outputs.push_back(Output::Failed { fault, retry_in });
    }
}
