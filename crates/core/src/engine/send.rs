//! From the subscriber's steps to what the host sends, and from its responses back (RFC 6665 §4.1.2, SUB-01…20).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::again::Learnt;
use super::watch::Watch;
use super::{Engine, Purpose, Sent, WatchId};
use crate::conference::DeviationCode;
use crate::dialog::{Dialog, Taken};
use crate::header;
use crate::host::{Action, HostKind, SendFailure, SubscriptionId, TransactionId};
use crate::message::{Headers, Response};
use crate::profile::Kind;
use crate::subscription::{Answered, EndReason, LIFE_MIN};

impl Engine {
    /// Headers of a request that do not come from the dialog, and its body.
    pub(super) fn content(
        &self,
        watch: &Watch,
        purpose: Purpose,
        expires: u32,
    ) -> (Headers, Vec<u8>) {
        let mut headers = Headers::new();
        let Some(account) = self.accounts.get(&watch.account) else {
            return (headers, Vec::new());
        };
        let kind = if purpose == Purpose::Initial {
            Kind::Initial
        } else {
            Kind::InDialog
        };
        headers.push("Event", watch.package.event_to_send(&account.subscription));
        let accept = watch.package.accept();
        if !accept.is_empty() {
            headers.push("Accept", accept);
        }
        headers.push("Expires", expires.to_string());
        // Not where the whole state is wanted, for then it is to be sent.
        if let Some(etag) = &watch.etag
            && purpose == Purpose::Refresh
            && !watch.package.wants_full_state()
        {
            headers.push("Suppress-If-Match", etag);
        }
        let access = watch.access(account);
        access.decorate(kind, watch.package.is_of_the_session(), &mut headers);
        protect_contact(&mut headers, &watch.uri);
        let own = [&account.settings.identity, ">"].concat();
        if self.capabilities.kind != HostKind::Transaction
            && kind == Kind::Initial
            && access.from.strip_prefix('<') != Some(&own)
        {
            headers.push("From", &access.from);
        }
        if let Some(learnt) = &watch.learnt {
            learnt.apply(&mut headers);
        }
        match watch
            .package
            .body()
            .filter(|_| purpose != Purpose::Unsubscribe)
        {
            Some(body) => {
                headers.push("Content-Type", &body.content_type);
                (headers, body.bytes.clone())
            }
            None => (headers, Vec::new()),
        }
    }

    pub(super) fn subscribe(&mut self, id: WatchId, watch: &mut Watch, expires: u32) {
        let Some(account) = self.accounts.get(&watch.account) else {
            return;
        };
        let access = watch.access(account);
        let route = access.route();
        if self.capabilities.kind == HostKind::Transaction {
            let from = access.from.clone();
            let dialog = Dialog::new(from, watch.uri.clone(), route, &mut self.random);
            self.by_call_id.insert(dialog.call_id, id);
            watch.dialog = Some(Box::new(dialog));
            self.send(id, watch, Purpose::Initial, expires);
        } else {
            let subscription = SubscriptionId(self.fresh_id());
            self.by_subscription.insert(subscription, id);
            watch.handle = Some(subscription);
            let route = if self.capabilities.explicit_routes {
                route
            } else {
                Vec::new()
            };
            let (headers, body) = self.content(watch, Purpose::Initial, expires);
            watch.asked(Purpose::Initial, expires, &headers);
            self.actions.push_back(Action::Subscribe {
                subscription,
                target: Self::target_of(watch).to_string(),
                route,
                headers,
                body,
            });
        }
    }

    pub(super) fn subscribe_again(&mut self, id: WatchId, watch: &mut Watch, expires: u32) {
        if self.capabilities.kind != HostKind::Transaction || watch.dialog.is_none() {
            self.forget_dialog(watch);
            self.subscribe(id, watch, expires);
            return;
        }
        let Some(account) = self.accounts.get(&watch.account) else {
            return;
        };
        let route = watch.access(account).route();
        let target = Self::target_of(watch).to_string();
        if let Some(dialog) = &mut watch.dialog {
            dialog.restart(&target, route);
        }
        self.send(id, watch, Purpose::Initial, expires);
    }

    pub(super) fn send_refresh(&mut self, id: WatchId, watch: &mut Watch, expires: u32) {
        if self.capabilities.kind == HostKind::Transaction {
            self.send(id, watch, Purpose::Refresh, expires);
        } else if let Some(subscription) = watch.handle {
            let (mut headers, mut body) = self.content(watch, Purpose::Refresh, expires);
            if !self.repeats_nothing() {
                (headers, body) = (life_only(expires), Vec::new());
            }
            watch.asked(Purpose::Refresh, expires, &headers);
            self.actions.push_back(Action::Refresh {
                subscription,
                headers,
                body,
            });
        }
    }

    pub(super) fn send_unsubscribe(&mut self, id: WatchId, watch: &mut Watch) {
        if self.capabilities.kind == HostKind::Transaction {
            self.send(id, watch, Purpose::Unsubscribe, 0);
        } else if let Some(subscription) = watch.handle {
            let headers = if self.repeats_nothing() {
                self.content(watch, Purpose::Unsubscribe, 0).0
            } else {
                life_only(0)
            };
            watch.asked(Purpose::Unsubscribe, 0, &headers);
            self.actions.push_back(Action::Unsubscribe {
                subscription,
                headers,
            });
            if !self.capabilities.sees_final_notify {
                watch.subscription.abandon(EndReason::Unsubscribed);
            }
        }
    }

    /// False for a host that repeats the headers given first: doubled ones would follow.
    fn repeats_nothing(&self) -> bool {
        self.capabilities.per_request_headers && self.capabilities.kind != HostKind::Watching
    }

    /// The dialog is gone: its Call-ID or handle means nothing any more.
    pub(super) fn forget_dialog(&mut self, watch: &Watch) {
        if let Some(dialog) = &watch.dialog {
            self.by_call_id.remove(&dialog.call_id);
        }
        if let Some(subscription) = watch.handle
            && self.by_subscription.remove(&subscription).is_some()
        {
            self.actions.push_back(Action::Forget { subscription });
        }
    }

    fn send(&mut self, id: WatchId, watch: &mut Watch, purpose: Purpose, expires: u32) {
        let (headers, body) = self.content(watch, purpose, expires);
        let suppressed = headers.get("Suppress-If-Match").is_some();
        let credentials = self
            .accounts
            .get(&watch.account)
            .and_then(|account| account.settings.credentials.as_ref());
        let Some(dialog) = &mut watch.dialog else {
            return;
        };
        let (request, next_hop) = dialog.request(headers, body, credentials);
        watch.package.asked();
        let transaction = TransactionId(self.fresh_id());
        self.by_transaction.insert(
            transaction,
            Sent {
                watch: id,
                purpose,
                expires,
                suppressed,
                attempt: watch.attempt,
            },
        );
        self.actions.push_back(Action::Send {
            transaction,
            request,
            next_hop,
        });
    }

    pub(super) fn handle_response(
        &mut self,
        now: Duration,
        transaction: TransactionId,
        response: &Response,
    ) {
        if response.status < 200 {
            return;
        }
        let Some(sent) = self.by_transaction.remove(&transaction) else {
            return;
        };
        self.handle_final(now, sent, response);
    }

    pub(super) fn handle_final(&mut self, now: Duration, sent: Sent, response: &Response) {
        if response.status < 200 {
            return;
        }
        self.with(now, sent.watch, |engine, watch| {
            if !watch.awaits(sent) {
                return;
            }
            // Of one that is being ended the answer to that is what counts.
            if !watch.subscription.is_leaving() || sent.purpose != Purpose::Refresh {
                watch.last_status = (response.status >= 300).then_some(response.status);
            }
            if response.status < 300 {
                engine.accepted(sent, watch, response);
            } else if engine.recovers(now, sent, watch, response)
                || engine.asked_again(now, sent, watch, response)
            {
                return;
            } else if sent.purpose == Purpose::Refresh {
                watch.resync.answered();
            } else if sent.purpose == Purpose::Initial && watch.subscription.is_live() {
                engine.tell_deviation(
                    sent.watch,
                    watch,
                    DeviationCode::ErrorAfterNotify,
                    format!(
                        "the SUBSCRIBE was refused with {} after a NOTIFY for it (RFC 6665 §4.1.2.1)",
                        response.status
                    ),
                );
                let other_fork = watch
                    .dialog
                    .as_ref()
                    .is_some_and(|dialog| dialog.is_of_other_fork(response));
                if other_fork {
                    watch.subscription.doubt(now);
                    return;
                }
            }
            let answer = answered(sent, response);
            if let Some(min) = answer.min_expires.filter(|_| answer.status == 423)
                && let Some(account) = engine.accounts.get_mut(&watch.account)
            {
                account.learn(&watch.uri, min);
            }
            watch
                .subscription
                .handle_response(now, sent.purpose, answer, &mut engine.random);
        });
    }

    fn accepted(&mut self, sent: Sent, watch: &mut Watch, response: &Response) {
        if !watch.learnt.as_deref_mut().is_none_or(Learnt::succeeded) {
            watch.learnt = None;
        }
        let taken = match &mut watch.dialog {
            Some(dialog) => {
                let taken = dialog.handle_success(response);
                watch.server = Some(dialog.remote_target().clone());
                taken
            }
            None => Taken {
                no_target: !watch.name_server(&response.headers),
                ..Taken::default()
            },
        };
        if taken.no_target && sent.purpose == Purpose::Initial {
            self.tell_deviation(
                sent.watch,
                watch,
                DeviationCode::ContactMissing,
                "the 2xx to SUBSCRIBE has no usable Contact (RFC 6665 §4.2.1.1)",
            );
        }
        self.tell_bad_route(sent.watch, watch, taken);
        let granted = response
            .headers
            .get("Expires")
            .and_then(header::delta_seconds);
        if granted.is_some_and(|granted| granted > sent.expires) {
            self.tell_deviation(
                sent.watch,
                watch,
                DeviationCode::ExpiresLongerThanAsked,
                "the 2xx grants a longer life than was asked for (RFC 6665 §4.2.1.1)",
            );
        }
        let too_short = |granted: u32| u64::from(granted) < LIFE_MIN.as_secs();
        if let Some(granted) = granted.filter(|granted| sent.expires > 0 && too_short(*granted)) {
            self.tell_deviation(
                sent.watch,
                watch,
                DeviationCode::ExpiresTooShort,
                format!("the 2xx grants {granted} s, too little to refresh in time (SEC-18)"),
            );
        }
    }

    pub(super) fn tell_bad_route(&mut self, id: WatchId, watch: &mut Watch, taken: Taken) {
        if taken.bad_route {
            self.tell_deviation(
                id,
                watch,
                DeviationCode::RecordRoute,
                "a Record-Route cannot be sent by, or has no end; it was left out (RFC 3261 §12.1)",
            );
        }
    }

    pub(super) fn handle_failure(&mut self, now: Duration, sent: Sent, failure: SendFailure) {
        self.with(now, sent.watch, |engine, watch| {
            if !watch.awaits(sent) {
                return;
            }
            watch.last_status = None;
            if engine.asked_elsewhere(now, sent, watch) {
                return;
            }
            watch.resync.answered();
            watch.subscription.handle_failure(
                now,
                sent.purpose,
                failure.into(),
                &mut engine.random,
            );
        });
    }
}

fn answered(sent: Sent, response: &Response) -> Answered {
    let headers = &response.headers;
    let number = |name| headers.get(name).and_then(header::delta_seconds);
    Answered {
        status: response.status,
        expires: number("Expires"),
        min_expires: number("Min-Expires"),
        retry_after: headers.get("Retry-After").and_then(header::retry_after),
        suppressed: sent.suppressed,
    }
}

/// A protected target is told a protected Contact (RFC 3261 §8.1.1.8, SEC-05).
fn protect_contact(headers: &mut Headers, target: &str) {
    let is_protected = target
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"));
    if let Some(contact) = headers.get("Contact").filter(|_| is_protected)
        && let Some((before, after)) = contact.split_once("<sip:")
    {
        let contact = [before, "<sips:", after].concat();
        headers.set("Contact", contact);
    }
}

/// What a host is given that repeats the other headers by itself.
fn life_only(expires: u32) -> Headers {
    let mut headers = Headers::new();
    headers.push("Expires", expires.to_string());
    headers
}
