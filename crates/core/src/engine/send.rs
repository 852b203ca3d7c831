//! From the subscriber's steps to what the host sends, and from its responses back (RFC 6665 §4.1.2, SUB-01…20).

use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::watch::Watch;
use super::{Engine, Purpose, Sent, WatchId};
use crate::conference::DeviationCode;
use crate::dialog::Dialog;
use crate::header;
use crate::host::{Action, HostKind, SendFailure, SubscriptionId, TransactionId};
use crate::message::{Headers, Response};
use crate::profile::Kind;
use crate::subscription::Answered;

impl Engine {
    /// Headers of a request that do not come from the dialog, and its body.
    fn content(&self, watch: &Watch, kind: Kind, expires: u32) -> (Headers, Vec<u8>) {
        let mut headers = Headers::new();
        headers.push("Event", watch.package.event());
        let accept = watch.package.accept();
        if !accept.is_empty() {
            headers.push("Accept", accept);
        }
        headers.push("Expires", expires.to_string());
        if let Some(account) = self.accounts.get(&watch.account) {
            account
                .settings
                .profile
                .decorate(kind, &account.registration, &mut headers);
        }
        match watch.package.body().filter(|_| expires > 0) {
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
        let route = account.settings.profile.route(&account.registration);
        if self.capabilities.kind == HostKind::Transaction {
            let identity = account.settings.identity.clone();
            let dialog = Dialog::new(&identity, &watch.uri, route, &mut self.random);
            self.by_call_id.insert(dialog.call_id.clone(), id);
            watch.dialog = Some(dialog);
            self.send(id, watch, Purpose::Initial, expires);
        } else {
            let subscription = SubscriptionId(self.fresh_id());
            self.by_subscription.insert(subscription, id);
            watch.handle = Some(subscription);
            watch.last_purpose = Purpose::Initial;
            watch.last_expires = expires;
            let (headers, body) = self.content(watch, Kind::Initial, expires);
            self.actions.push_back(Action::Subscribe {
                subscription,
                target: watch.uri.clone(),
                route,
                headers,
                body,
            });
        }
    }

    pub(super) fn subscribe_again(&mut self, id: WatchId, watch: &mut Watch, expires: u32) {
        if self.capabilities.kind == HostKind::Transaction {
            self.send(id, watch, Purpose::Initial, expires);
        } else {
            self.forget_dialog(watch);
            self.subscribe(id, watch, expires);
        }
    }

    pub(super) fn refresh(&mut self, id: WatchId, watch: &mut Watch, expires: u32) {
        if self.capabilities.kind == HostKind::Transaction {
            self.send(id, watch, Purpose::Refresh, expires);
        } else if let Some(subscription) = watch.handle {
            watch.last_purpose = Purpose::Refresh;
            watch.last_expires = expires;
            let (headers, body) = self.content(watch, Kind::InDialog, expires);
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
            watch.last_purpose = Purpose::Unsubscribe;
            watch.last_expires = 0;
            let (headers, _) = self.content(watch, Kind::InDialog, 0);
            self.actions.push_back(Action::Unsubscribe {
                subscription,
                headers,
            });
            if !self.capabilities.sees_final_notify {
                watch
                    .subscription
                    .abandon(crate::subscription::EndReason::Unsubscribed);
            }
        }
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
        let made = watch.dialog.as_ref().is_some_and(Dialog::is_made);
        let kind = if made { Kind::InDialog } else { Kind::Initial };
        let (headers, body) = self.content(watch, kind, expires);
        let credentials = self
            .accounts
            .get(&watch.account)
            .and_then(|account| account.settings.credentials.as_ref());
        let Some(dialog) = &mut watch.dialog else {
            return;
        };
        let (request, next_hop) = dialog.request(headers, body, credentials);
        let transaction = TransactionId(self.fresh_id());
        self.by_transaction.insert(
            transaction,
            Sent {
                watch: id,
                purpose,
                expires,
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
        self.with(now, sent.watch, |engine, watch| {
            if !watch.awaits(sent) {
                return;
            }
            if matches!(response.status, 401 | 407) && engine.answer(sent, watch, response) {
                return;
            }
            let headers = &response.headers;
            let number = |name| headers.get(name).and_then(header::delta_seconds);
            watch.last_status = (response.status >= 300).then_some(response.status);
            if (200..300).contains(&response.status) {
                engine.accepted(sent, watch, response);
            } else if sent.purpose == Purpose::Refresh {
                watch.resync.answered();
            }
            watch.subscription.handle_response(
                now,
                sent.purpose,
                Answered {
                    status: response.status,
                    expires: number("Expires"),
                    min_expires: number("Min-Expires"),
                    retry_after: headers.get("Retry-After").and_then(header::retry_after),
                },
                &mut engine.random,
            );
        });
    }

    /// Answers a challenge; false when it cannot be, or was already (SUB-12).
    fn answer(&mut self, sent: Sent, watch: &mut Watch, response: &Response) -> bool {
        let has_credentials = self
            .accounts
            .get(&watch.account)
            .is_some_and(|account| account.settings.credentials.is_some());
        let Some(dialog) = watch.dialog.as_mut().filter(|_| has_credentials) else {
            return false;
        };
        if !dialog.handle_challenge(response, &mut self.random) {
            return false;
        }
        self.send(sent.watch, watch, sent.purpose, sent.expires);
        true
    }

    fn accepted(&mut self, sent: Sent, watch: &mut Watch, response: &Response) {
        let has_contact = match &mut watch.dialog {
            Some(dialog) => {
                let has_contact = dialog.handle_success(response);
                watch.server = Some(dialog.remote_target().to_string());
                has_contact
            }
            None => {
                let contact = header::addresses(response.headers.all("Contact"))
                    .into_iter()
                    .next();
                let has_contact = contact.is_some();
                if let Some(contact) = contact {
                    watch.server = Some(contact.uri);
                }
                has_contact
            }
        };
        if !has_contact && sent.purpose == Purpose::Initial {
            self.tell_deviation(
                sent.watch,
                watch,
                DeviationCode::ContactMissing,
                "the 2xx to SUBSCRIBE has no usable Contact (RFC 6665 §4.2.1.1)",
            );
        }
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
    }

    pub(super) fn handle_failure(&mut self, now: Duration, sent: Sent, failure: SendFailure) {
        self.with(now, sent.watch, |engine, watch| {
            if !watch.awaits(sent) {
                return;
            }
            watch.last_status = None;
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
