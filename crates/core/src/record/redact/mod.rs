//! A recording that names nobody: every user, host, number, address, name of a dialog and text of people is replaced, one
//! for one, by another of the same length and shape (SEC-16).
//!
//! What was equal stays equal under each comparison of [`crate::uri`], what differed still differs, and lengths stay: a
//! replay comes to the same verdicts, in the same order, at the same times. Names that the engine draws follow from the
//! first half of the seed, its times from the second, so such a recording has another first half, and the tags and Call-IDs
//! of the run are those that a replay draws from it.

mod header;
#[cfg(test)]
mod tests;
mod uri;
mod words;
mod xml;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Input, RecordedAccount};
use crate::blocklist::rules::{Condition, Except, RuleSet, Who};
use crate::blocklist::{BlockList, Update};
use crate::engine::{Engine, PackageSettings};
use crate::host::{Action, Fact};
use crate::message::{Headers, Request, Response};
use crate::random::{Random, Token};
use crate::registration::Registration;
use words::Words;

/// Words that one recording replaces, at most; [`Redactor::is_full`] says when it has come to that.
pub const MAX_WORDS: usize = 500_000;

/// Replaces whatever names somebody, the same by the same.
#[derive(Debug)]
pub struct Redactor {
    words: Words,
    names: Names,
    keeps: bool,
}

/// The names that the engine draws, and those that a replay draws.
#[derive(Debug)]
struct Names {
    real: Random,
    other: Random,
    known: BTreeMap<Token, String>,
}

impl Names {
    fn other(&self, text: &str) -> Option<String> {
        self.known.get(&Token::parse(text)?).cloned()
    }
}

impl Redactor {
    /// For a run with this seed; `key` is fresh randomness of its own, from which the replacements follow.
    #[must_use]
    pub fn new(seed: [u8; 32], key: [u8; 32]) -> Self {
        Self {
            words: Words::new(key),
            names: Names {
                real: Random::new(seed),
                other: Random::new(Self::seed(seed, key)),
                known: BTreeMap::new(),
            },
            keeps: false,
        }
    }

    /// Replaces nobody, and leaves out what a password or a key could be found by.
    #[must_use]
    pub fn of_secrets() -> Self {
        Self {
            keeps: true,
            ..Self::new([0; 32], [0; 32])
        }
    }

    /// The seed that a recording tells in place of the run's own.
    #[must_use]
    pub fn seed(seed: [u8; 32], key: [u8; 32]) -> [u8; 32] {
        // Not octets of the key itself, which must not be known from the recording.
        let mut fresh = Random::new(key);
        let mut other = seed;
        let (first, _) = other.split_at_mut(Random::NAMES_HALF);
        for octets in first.chunks_mut(8) {
            let name = fresh.token();
            for (octet, digits) in octets.iter_mut().zip(name.as_bytes().chunks_exact(2)) {
                let digits = core::str::from_utf8(digits).unwrap_or_default();
                *octet = u8::from_str_radix(digits, 16).unwrap_or_default();
            }
        }
        other
    }

    /// True once [`MAX_WORDS`] are replaced: the recording must end.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.words.len() > MAX_WORDS || self.names.known.len() > MAX_WORDS
    }

    /// Learns the names that the engine of the run has drawn so far. To be called before what may hold one is replaced.
    pub fn follow(&mut self, engine: &Engine) {
        let count = engine.names_drawn();
        while !self.keeps && self.names.real.drawn() < count && !self.is_full() {
            let other = self.names.other.token();
            self.names.known.insert(self.names.real.name(), other);
        }
    }

    /// A URI, a user at a host, a phone number.
    #[must_use]
    pub fn identity(&mut self, text: &str) -> String {
        match self.keeps {
            true => text.into(),
            false => self.uri(text),
        }
    }

    /// The name of a block-list source.
    #[must_use]
    pub fn source_of(&mut self, name: &str) -> String {
        match self.keeps {
            true => name.into(),
            false => self.source(name),
        }
    }

    /// Any text of people.
    #[must_use]
    pub fn text(&mut self, text: &str) -> String {
        match self.keeps {
            true => text.into(),
            false => text
                .split_inclusive(' ')
                .map(|word| self.uri(word))
                .collect(),
        }
    }

    /// The input as a recording may have it.
    #[must_use]
    pub fn input(&mut self, input: &Input) -> Input {
        let mut input = input.clone();
        self.in_place(&mut input);
        input
    }

    /// An action likewise.
    #[must_use]
    pub fn action(&mut self, action: &Action) -> Action {
        let mut action = action.clone();
        match &mut action {
            Action::Send {
                request, next_hop, ..
            } => {
                self.request(request);
                self.replace(next_hop);
            }
            Action::Subscribe {
                target,
                route,
                headers,
                body,
                ..
            } => {
                self.replace(target);
                self.routes(route);
                self.message(headers, body);
            }
            Action::Refresh { headers, body, .. } => self.message(headers, body),
            Action::Unsubscribe { headers, .. } => self.message(headers, &mut Vec::new()),
            Action::Register { .. } | Action::Forget { .. } => {}
        }
        action
    }

    fn in_place(&mut self, input: &mut Input) {
        match input {
            Input::Account {
                account,
                registration,
            } => {
                self.account(account);
                self.registration(registration);
            }
            Input::Registration { registration, .. } | Input::Switch { registration, .. } => {
                self.registration(registration);
            }
            Input::Watch { target, .. } => self.replace(target),
            Input::WatchPackage {
                target, settings, ..
            } => {
                self.replace(target);
                let PackageSettings { body, .. } = settings;
                if let Some(body) = body {
                    let headers = [("Content-Type", &body.content_type)].into_iter().collect();
                    body.bytes = self.body(&headers, &body.bytes);
                }
            }
            Input::SessionStarted { session, .. } => {
                self.replace(&mut session.identity);
                if let Some(group) = &mut session.group {
                    self.replace(group);
                }
            }
            Input::WatchDocuments {
                target, documents, ..
            } => {
                self.replace(target);
                self.paths(documents);
            }
            Input::Documents { documents, .. } => self.paths(documents),
            Input::Source { source, .. } => self.source_name(source),
            Input::BlockList { source, update, .. } => {
                self.source_name(source);
                self.update(update);
            }
            Input::Fact { fact, .. } => match fact {
                Fact::Response { response, .. } | Fact::DialogResponse { response, .. } => {
                    self.response(response);
                }
                Fact::Failed { .. }
                | Fact::DialogFailed { .. }
                | Fact::FlowLost
                | Fact::TooLarge
                | Fact::Terminated { .. } => {}
            },
            Input::Request { request, .. } => self.request(request),
            Input::Notification { headers, body, .. } => self.message(headers, body),
            Input::SessionEnded { .. }
            | Input::Refresh { .. }
            | Input::Unsubscribe { .. }
            | Input::Stop { .. }
            | Input::Remove { .. }
            | Input::WallTime { .. }
            | Input::Timeout { .. } => {}
        }
    }

    fn replace(&mut self, text: &mut String) {
        *text = self.identity(text);
    }

    fn shared(&mut self, text: &mut Arc<str>) {
        *text = self.identity(text).into();
    }

    fn paths(&mut self, documents: &mut [String]) {
        if !self.keeps {
            for document in documents {
                *document = self.path(document);
            }
        }
    }

    fn source_name(&mut self, name: &mut String) {
        if !self.keeps {
            *name = self.source(name);
        }
    }

    fn routes(&mut self, routes: &mut [String]) {
        if !self.keeps {
            for route in routes {
                *route = self.addresses(route);
            }
        }
    }

    fn message(&mut self, headers: &mut Headers, body: &mut Vec<u8>) {
        *body = self.body(headers, body);
        *headers = self.headers(headers);
    }

    fn request(&mut self, request: &mut Request) {
        self.replace(&mut request.uri);
        self.message(&mut request.headers, &mut request.body);
    }

    fn response(&mut self, response: &mut Response) {
        response.reason = self.reason(&response.reason);
        self.message(&mut response.headers, &mut response.body);
    }

    fn account(&mut self, account: &mut RecordedAccount) {
        self.replace(&mut account.identity);
        for also in &mut account.also {
            self.replace(also);
        }
        if let Some(username) = &mut account.username {
            self.replace(username);
        }
        for source in &mut account.sources {
            self.source_name(source);
        }
    }

    fn registration(&mut self, registration: &mut Registration) {
        let Registration {
            state: _,
            contact,
            outbound_proxy,
            protected_proxy,
            protected: _,
            service_route,
            path,
            associated,
            registered,
            public_gruu,
            temporary_gruu,
            mechanism: _,
            security_server: _,
            access_network,
            cellular_network,
            access_network_unprotected: _,
            outbound: _,
            expires: _,
            home_domain,
            told_core: _,
        } = registration;
        if self.keeps {
            return;
        }
        *contact = self.addresses(contact);
        for uri in [
            outbound_proxy,
            protected_proxy,
            registered,
            public_gruu,
            temporary_gruu,
        ]
        .into_iter()
        .flatten()
        {
            *uri = self.addresses(uri);
        }
        for list in [service_route, path, associated].into_iter().flatten() {
            self.routes(list);
        }
        for network in [access_network, cellular_network].into_iter().flatten() {
            *network = self.access_network(network);
        }
        if let Some(domain) = home_domain {
            *domain = self.host(domain);
        }
    }

    fn update(&mut self, update: &mut Update) {
        if self.keeps {
            return;
        }
        if let Some(etag) = &mut update.etag {
            *etag = self.escaped_words(etag);
        }
        let Some(BlockList { entries, rules, .. }) = &mut update.list else {
            return;
        };
        for entry in entries {
            self.shared(&mut entry.uri);
            for name in [&mut entry.list, &mut entry.rule].into_iter().flatten() {
                *name = self.list_name(name).into();
            }
        }
        if let Some(rules) = rules {
            let mut own: RuleSet = (**rules).clone();
            for rule in &mut own.rules {
                rule.id = self.escaped_words(&rule.id).into();
                for condition in &mut rule.conditions {
                    self.condition(condition);
                }
            }
            *rules = Arc::new(own);
        }
    }

    fn condition(&mut self, condition: &mut Condition) {
        match condition {
            Condition::Identity(parts) => {
                for part in parts {
                    match part {
                        Who::One(uri) => self.shared(uri),
                        Who::Many { domain, except } => {
                            if let Some(domain) = domain {
                                *domain = self.host(domain).into();
                            }
                            for except in except {
                                match except {
                                    Except::Id(uri) => self.shared(uri),
                                    Except::Domain(domain) => {
                                        *domain = self.host(domain).into();
                                    }
                                }
                            }
                        }
                    }
                }
            }
            Condition::ExternalList(lists) => {
                for list in lists {
                    self.shared(&mut list.anchor);
                    if let Some(name) = &mut list.name {
                        *name = self.list_name(name).into();
                    }
                    for uri in list
                        .members
                        .iter_mut()
                        .flat_map(|members| &mut members.uris)
                    {
                        self.shared(uri);
                    }
                }
            }
            Condition::Sphere(_)
            | Condition::Validity(_)
            | Condition::OtherIdentity
            | Condition::AnonymousRequest
            | Condition::Services(_)
            | Condition::Unknown => {}
        }
    }
}

/// A run once more, with everybody replaced.
///
/// The recording must be of the engine whose seed it tells.
#[must_use]
pub fn redacted(recording: &super::Recording, key: [u8; 32]) -> super::Recording {
    let mut redactor = Redactor::new(recording.seed, key);
    let mut engine = Engine::new(recording.capabilities, recording.seed);
    let mut inputs = Vec::with_capacity(recording.inputs.len());
    for input in &recording.inputs {
        redactor.follow(&engine);
        inputs.push(redactor.input(input));
        let _ = input.apply(&mut engine, &mut RecordedAccount::settings);
        while engine.poll_action().is_some() {}
        while engine.poll_event().is_some() {}
    }
    super::Recording {
        capabilities: recording.capabilities,
        seed: Redactor::seed(recording.seed, key),
        inputs,
    }
}
