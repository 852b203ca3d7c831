//! The registration of the user agent: carries out what [`crate::register`] decides, on ezk (RFC 3261 §10).

use std::sync::Arc;
use std::time::Duration;

use ezk_sip_core::Endpoint;
use rollmark::core::host::SendFailure;
use rollmark::core::message::Response;
use rollmark::core::registration::{AnswerFault, RegistrationState};
use rollmark::core::uri::Uri;
use rollmark::{Conferences, Registration};
use rollmark_ezk::Requests;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::aka::AkaFile;
use crate::register::{Fault, Output, Registrar, Settings};

/// Faults of answers that are kept for a person, at most.
const MAX_ODD: usize = 8;
/// Answers that are kept for a person, at most.
const MAX_ANSWERS: usize = 8;

/// Where a registration stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// What is known.
    pub facts: Registration,
    /// What the last attempt failed by, and when the next one follows; none after a success.
    pub fault: Option<(Fault, Option<Duration>)>,
    /// What was wrong in answers that were taken all the same, each once, the first eight.
    pub odd: Vec<AnswerFault>,
    /// Final responses to REGISTER as they came, the last eight, oldest first: challenges among them. They say who answered, and
    /// what a fault does not.
    pub answers: Vec<Arc<Response>>,
}

/// An account that is told what is known of a registration. Dropping this changes nothing.
#[derive(Debug)]
pub struct Feeding([tokio::task::AbortHandle; 2]);

impl Feeding {
    /// Tells it no more: it has been switched to another SIP core.
    pub fn stop(self) {
        for task in self.0 {
            task.abort();
        }
    }
}

enum Command {
    Register,
    NetworkChanged,
    AccessNetwork(Option<String>),
    Deregister,
}

/// A registration that is kept up. Dropping it ends that, without telling the registrar: see [`Self::deregister`].
#[derive(Debug)]
pub struct Registering {
    commands: mpsc::UnboundedSender<Command>,
    status: watch::Receiver<Status>,
}

impl Registering {
    pub(crate) fn start(
        endpoint: Endpoint,
        requests: Requests,
        settings: Settings,
        aka: Option<AkaFile>,
    ) -> Result<Self, Fault> {
        let settings = Settings {
            security_client: Vec::new(),
            instance: settings.instance.or_else(|| Some(instance())),
            ..settings
        };
        let registrar = Registrar::new(settings.clone(), random())?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (told, status) = watch::channel(Status {
            facts: registrar.facts().clone(),
            fault: None,
            odd: Vec::new(),
            answers: Vec::new(),
        });
        let identity = Uri::parse(&settings.identity).ok();
        let user = identity
            .as_ref()
            .and_then(Uri::user)
            .unwrap_or("rollmark")
            .to_owned();
        let task = Task {
            lost: requests.lost(),
            endpoint,
            requests,
            registrar,
            aka,
            user,
            status: told,
            started: Instant::now(),
        };
        tokio::spawn(task.run(inbox));
        Ok(Self { commands, status })
    }

    /// Waits until it is known whether the registration comes about: its facts, or what stands in its way. Later attempts
    /// go on by themselves where the fault [passes](Fault::passes).
    ///
    /// # Errors
    /// The fault of the first attempt.
    pub async fn settled(&mut self) -> Result<Registration, Fault> {
        let settled = |status: &Status| {
            status.facts.state == RegistrationState::Active || status.fault.is_some()
        };
        match self.status.wait_for(settled).await {
            Ok(status) => match &status.fault {
                Some((fault, _)) => Err(fault.clone()),
                None => Ok(status.facts.clone()),
            },
            // The task ends only after a deregistration.
            Err(_) => Err(Fault::Unreachable),
        }
    }

    /// Tells an account of the plugin what is known, now and with each change, until the end or [`Feeding::stop`].
    pub fn feed(&self, conferences: &Conferences) -> Feeding {
        let (conferences, mut status) = (conferences.clone(), self.status.clone());
        let mut requests = conferences.register_requests();
        let tell = move |facts: &Registration| {
            conferences.set_registration(Registration {
                // The plugin names the address of the flow it uses, which is the registered one.
                contact: String::new(),
                ..facts.clone()
            });
        };
        tell(&status.borrow_and_update().facts);
        let commands = self.commands.downgrade();
        let requested = tokio::spawn(async move {
            while requests.recv().await.is_some() {
                // Whoever has ended registers no more.
                let Some(commands) = commands.upgrade() else {
                    return;
                };
                let _ = commands.send(Command::Register);
            }
        });
        let told = tokio::spawn(async move {
            while status.changed().await.is_ok() {
                tell(&status.borrow_and_update().facts);
            }
        });
        Feeding([requested.abort_handle(), told.abort_handle()])
    }

    /// Where it stands, now and with each change.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Registers anew at once: somebody found the registration broken (IMS-39, IMS-41).
    pub fn register_again(&self) {
        let _ = self.commands.send(Command::Register);
    }

    /// The machine has another address; the registrar is told. A lost connection is noticed without this.
    pub fn network_changed(&self) {
        let _ = self.commands.send(Command::NetworkChanged);
    }

    /// The access network is another (IMS-16).
    pub fn set_access_network(&self, info: Option<String>) {
        let _ = self.commands.send(Command::AccessNetwork(info));
    }

    /// Removes the binding; waits for that at most so long.
    pub async fn deregister(mut self, patience: Duration) {
        let _ = self.commands.send(Command::Deregister);
        // The task drops its end when it is done.
        let done = async { while self.status.changed().await.is_ok() {} };
        if tokio::time::timeout(patience, done).await.is_err() {
            tracing::warn!("the registrar did not confirm the end of the registration");
        }
    }
}

struct Task {
    endpoint: Endpoint,
    requests: Requests,
    registrar: Registrar,
    aka: Option<AkaFile>,
    user: String,
    lost: watch::Receiver<u64>,
    status: watch::Sender<Status>,
    started: Instant,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let (answers, mut answered) = mpsc::unbounded_channel();
        let contact = self.contact().await;
        self.registrar.handle_network_change(contact);
        loop {
            if self.carry_out(&answers).await {
                return;
            }
            let wake = self.registrar.next_wake().map(|at| self.started + at);
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(Command::Register) => self.registrar.register(),
                    Some(Command::NetworkChanged) => self.network_changed().await,
                    Some(Command::AccessNetwork(info)) => self.registrar.set_access_network(info),
                    Some(Command::Deregister) => self.registrar.deregister(),
                    // Nobody is interested any more.
                    None => return,
                },
                Some(answer) = answered.recv() => self.answered(answer),
                Ok(()) = self.lost.changed() => self.network_changed().await,
                () = sleep_until(wake) => self.registrar.handle_time(self.started.elapsed()),
            }
        }
    }

    fn answered(&mut self, answer: Result<Response, SendFailure>) {
        let now = self.started.elapsed();
        match answer {
            Ok(response) => {
                let response = Arc::new(response);
                // Seen by who is told next what it came to.
                self.status.send_if_modified(|status| {
                    if status.answers.len() == MAX_ANSWERS {
                        status.answers.remove(0);
                    }
                    status.answers.push(response.clone());
                    false
                });
                self.registrar.handle_response(now, &response);
            }
            Err(failure) => self.registrar.handle_failure(now, failure),
        }
    }

    async fn network_changed(&mut self) {
        let contact = self.contact().await;
        self.registrar.handle_network_change(contact);
    }

    /// The address of the flow; empty, which the adapter fills in later, while there is none.
    async fn contact(&self) -> String {
        let facts = self.registrar.facts();
        let home = facts.home_domain.as_deref().unwrap_or_default();
        let home = format!("sip:{home}");
        let next_hop = facts.outbound_proxy.as_deref().unwrap_or(&home);
        self.requests
            .contact(&self.endpoint, next_hop, &self.user)
            .await
            .unwrap_or_default()
    }

    /// Does what the registrar says; true when it has ended.
    async fn carry_out(
        &mut self,
        answers: &mpsc::UnboundedSender<Result<Response, SendFailure>>,
    ) -> bool {
        while let Some(output) = self.registrar.poll_output() {
            match output {
                Output::KeepSequence(sqn) => {
                    let Some(aka) = self.aka.clone() else {
                        continue;
                    };
                    let kept = tokio::task::spawn_blocking(move || aka.keep(sqn)).await;
                    let why = match kept {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => error.to_string(),
                        Err(error) => error.to_string(),
                    };
                    let now = self.started.elapsed();
                    self.registrar.handle_store_failure(now, why);
                }
                // Nothing was offered: a platform with IPsec drives a registrar of its own.
                Output::Agreed(agreement) => {
                    tracing::error!(?agreement.mechanism, "an agreement that was not asked for");
                }
                Output::Send { request, next_hop } => {
                    let (endpoint, requests, answers) = (
                        self.endpoint.clone(),
                        self.requests.clone(),
                        answers.clone(),
                    );
                    tokio::spawn(async move {
                        let _ = answers.send(requests.send(&endpoint, request, &next_hop).await);
                    });
                }
                Output::Facts(facts) => {
                    let active = facts.state == RegistrationState::Active;
                    self.status.send_modify(|status| {
                        status.facts = *facts;
                        if active {
                            status.fault = None;
                        }
                    });
                }
                Output::Odd(fault) => {
                    tracing::warn!(%fault, "in the answer to REGISTER");
                    self.status.send_if_modified(|status| {
                        let is_news = status.odd.len() < MAX_ODD && !status.odd.contains(&fault);
                        if is_news {
                            status.odd.push(fault);
                        }
                        is_news
                    });
                }
                Output::Failed { fault, retry_in } => {
                    tracing::warn!(%fault, ?retry_in, "no registration");
                    self.status
                        .send_modify(|status| status.fault = Some((fault, retry_in)));
                }
                Output::Ended => return true,
            }
        }
        false
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// # Panics
/// When the system has no source of randomness, as the plugin itself does.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).expect("the system has a source of randomness");
    octets
}

/// A random instance id (RFC 5626 §4.1, RFC 4122 §4.4): two softphones of one user do not take each other's binding.
fn instance() -> String {
    let id = u128::from_be_bytes(random());
    let id = id & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
    format!(
        "<urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}>",
        id >> 96,
        id >> 80 & 0xffff,
        id >> 64 & 0xffff,
        id >> 48 & 0xffff,
        id & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4122 §4.4.
    #[test]
    fn an_instance_id_is_a_random_uuid() {
        let (one, two) = (instance(), instance());
        assert_ne!(one, two);
        assert_eq!(
            one.len(),
            "<urn:uuid:00000000-0000-4000-8000-000000000000>".len()
        );
        assert_eq!(&one[24..25], "4", "{one}");
        assert!("89ab".contains(&one[29..30]), "{one}");
    }
}
