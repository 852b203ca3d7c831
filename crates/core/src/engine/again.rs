//! Requests that are sent once more in the same attempt, because the server said what was wrong with them: challenges,
//! redirections, option tags, another name of the conference (RFC 3261 §8.1.3.4, §8.1.3.5, §22; SUB-12, SUB-16, SUB-19).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::watch::Watch;
use super::{Engine, Purpose, Sent};
use crate::header;
use crate::message::{Headers, Response};
use crate::profile::Mode;
use crate::registration::Mechanism;
use crate::subscription::{EndReason, Step};
use crate::uri::{self, Scheme, Uri};

/// Redirection targets tried in one attempt, at most (SUB-19).
pub const MAX_REDIRECTS: usize = 5;
/// Requests sent once more between two that succeed, whatever the server finds wrong with them (SEC-18).
pub const MAX_AGAIN: u8 = 12;

/// What error responses taught in the present attempt.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    /// Requests sent once more since the last that succeeded.
    again: u8,
    /// Redirection targets that were tried.
    tried: Vec<String>,
    /// Those that were not: preference and URI, best first.
    left: Vec<(u16, String)>,
    /// Option tags that the server does not know (420).
    without: Vec<String>,
    /// An option that the server demands, and that is now said to be supported (421).
    supported: Option<String>,
}

impl Learnt {
    /// A request succeeded: only what later requests must heed is kept. False when that is nothing.
    pub(super) fn succeeded(&mut self) -> bool {
        self.again = 0;
        self.left = Vec::new();
        self.tried = Vec::new();
        !self.without.is_empty() || self.supported.is_some()
    }

    /// Applies what was learnt to the headers of a request.
    pub(super) fn apply(&self, headers: &mut Headers) {
        for name in ["Require", "Proxy-Require"] {
            if !header::tokens(headers.all(name)).any(|tag| self.leaves_out(tag)) {
                continue;
            }
            let kept: Vec<&str> = header::tokens(headers.all(name))
                .filter(|tag| !self.leaves_out(tag))
                .collect();
            let kept = kept.join(", ");
            if kept.is_empty() {
                headers.remove(name);
            } else {
                headers.set(name, kept);
            }
        }
        if let Some(option) = &self.supported {
            headers.push("Supported", option);
        }
    }

    fn leaves_out(&self, tag: &str) -> bool {
        self.without.iter().any(|out| out.eq_ignore_ascii_case(tag))
    }
}

impl Engine {
    /// True when the request was sent once more, so that the error is no outcome yet.
    pub(super) fn asked_again(
        &mut self,
        now: Duration,
        sent: Sent,
        watch: &mut Watch,
        response: &Response,
    ) -> bool {
        // Whoever is on his way out does not start anew.
        if watch.subscription.is_leaving() && sent.purpose != Purpose::Unsubscribe {
            return false;
        }
        if watch.learnt().again >= MAX_AGAIN {
            return false;
        }
        let again = match response.status {
            401 | 407 => self.answers_challenge(watch, response),
            300..=302 if sent.purpose == Purpose::Initial => {
                self.notes_contacts(watch, response) && self.redirected(watch)
            }
            404 if sent.purpose == Purpose::Initial => {
                self.redirected(watch) || self.turns_to_group(sent.watch, watch)
            }
            420 => self.leaves_options_out(sent.purpose, watch, response),
            421 => self.offers_option(watch, response),
            489 if sent.purpose == Purpose::Initial && watch.package.says_otherwise() => true,
            400..=599 if sent.purpose == Purpose::Initial && response.status != 423 => {
                self.redirected(watch)
            }
            _ => false,
        };
        if again {
            watch.learnt().again += 1;
            self.send_again(now, sent, watch);
        }
        again
    }

    /// The target of a redirection cannot be reached: true when there is another one.
    pub(super) fn asked_elsewhere(&mut self, now: Duration, sent: Sent, watch: &mut Watch) -> bool {
        let again = sent.purpose == Purpose::Initial
            && !watch.subscription.is_leaving()
            && self.redirected(watch);
        if again {
            self.send_again(now, sent, watch);
        }
        again
    }

    fn send_again(&mut self, now: Duration, sent: Sent, watch: &mut Watch) {
        match sent.purpose {
            Purpose::Initial => watch.subscription.ask_again(now),
            Purpose::Refresh => watch.subscription.repeat(Step::Refresh {
                expires: sent.expires,
            }),
            Purpose::Unsubscribe => watch.subscription.repeat(Step::Unsubscribe),
        }
    }

    /// Takes the challenges; false when they cannot be answered, or were already (SUB-12).
    fn answers_challenge(&mut self, watch: &mut Watch, response: &Response) -> bool {
        let has_credentials = self.accounts.get(&watch.account).is_some_and(|account| {
            let access = watch.access(account);
            // The P-CSCF knows who is at the other end of an IPsec association (IMS-37).
            let is_known = access.mode == Mode::Ims
                && access.registration.mechanism == Some(Mechanism::IpsecAka);
            account.settings.credentials.is_some() && !is_known
        });
        let dialog = watch.dialog.as_mut().filter(|_| has_credentials);
        dialog.is_some_and(|dialog| dialog.handle_challenge(response, &mut self.random))
    }

    /// Adds the Contacts of a redirection to the targets not tried yet, in the order of preference; false where
    /// redirections are not followed (IMS-45).
    fn notes_contacts(&mut self, watch: &mut Watch, response: &Response) -> bool {
        let follows = self
            .accounts
            .get(&watch.account)
            .map(|account| watch.access(account))
            .is_some_and(|access| access.profile.follows_redirections(access.mode));
        if !follows {
            return false;
        }
        let target = watch.uri.clone();
        let original = Uri::parse(&target).ok();
        let secure = original
            .as_ref()
            .is_some_and(|uri| uri.scheme() == Scheme::Sips);
        let learnt = watch.learnt();
        for contact in header::contacts(response.headers.all("Contact")) {
            let Ok(uri) = Uri::parse(&contact.uri) else {
                continue;
            };
            let usable = match uri.scheme() {
                Scheme::Sips => true,
                Scheme::Sip => !secure,
                _ => false,
            };
            let known = learnt
                .tried
                .iter()
                .map(String::as_str)
                .chain(learnt.left.iter().map(|(_, uri)| uri.as_str()))
                .filter_map(|text| Uri::parse(text).ok())
                .chain(original.clone())
                .any(|other| uri::equal(&uri, &other));
            if usable && !known && learnt.left.len() < MAX_REDIRECTS {
                learnt.left.push((contact.q(), contact.uri.to_string()));
            }
        }
        learnt
            .left
            .sort_by_key(|(preference, _)| core::cmp::Reverse(*preference));
        true
    }

    /// Turns to the next target of a redirection; false when there is none, or enough were tried.
    fn redirected(&mut self, watch: &mut Watch) -> bool {
        let learnt = watch.learnt();
        if learnt.left.is_empty() || learnt.tried.len() >= MAX_REDIRECTS {
            return false;
        }
        let (_, uri) = learnt.left.remove(0);
        learnt.tried.push(uri);
        true
    }

    /// 420: once without the option tags that the server names, if any was sent and may be left out.
    fn leaves_options_out(
        &mut self,
        purpose: Purpose,
        watch: &mut Watch,
        response: &Response,
    ) -> bool {
        if !watch.learnt().without.is_empty() {
            return false;
        }
        let Some(account) = self.accounts.get(&watch.account) else {
            return false;
        };
        let profile = &watch.access(account).profile.clone();
        let (sent, _) = self.content(watch, purpose, 1);
        let required = |tag: &str| {
            let lists = |name| header::lists(sent.all(name), tag);
            lists("Require") || lists("Proxy-Require")
        };
        let unknown: Vec<String> = header::tokens(response.headers.all("Unsupported"))
            .filter(|tag| required(tag))
            .map(ToString::to_string)
            .collect();
        if unknown.is_empty() || unknown.iter().any(|tag| !profile.may_leave_out(tag)) {
            return false;
        }
        watch.learnt().without = unknown;
        true
    }

    /// 421: once with the option that the server demands, if it is supported.
    fn offers_option(&mut self, watch: &mut Watch, response: &Response) -> bool {
        let Some(account) = self.accounts.get(&watch.account) else {
            return false;
        };
        let profile = &watch.access(account).profile.clone();
        let demanded: Vec<&str> = header::tokens(response.headers.all("Require")).collect();
        let supported = !demanded.is_empty() && demanded.iter().all(|tag| profile.supports(tag));
        if !supported || watch.learnt().supported.is_some() {
            return false;
        }
        watch.learnt().supported = Some(demanded.join(", "));
        true
    }

    /// What is asked next: the target itself, or that of a redirection.
    pub(super) fn target_of(watch: &Watch) -> &str {
        watch
            .learnt
            .as_ref()
            .and_then(|learnt| learnt.tried.last())
            .map_or(&watch.uri, String::as_str)
    }

    /// How it ends for a user who asked for anonymity: a refusal may well be about that (OMA-37).
    pub(super) fn reason_of(&self, watch: &Watch, reason: EndReason) -> EndReason {
        let anonymous = self
            .accounts
            .get(&watch.account)
            .is_some_and(|account| account.settings.anonymous);
        match reason {
            EndReason::Forbidden if anonymous => EndReason::AnonymityRefused,
            reason => reason,
        }
    }
}
