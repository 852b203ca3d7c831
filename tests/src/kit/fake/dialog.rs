//! Dialogs of a fake host that owns them: their requests, responses and NOTIFYs, told to the engine as facts (SW-12).

use std::time::Duration;

use rollmark_core::host::{Fact, HostKind, SubscriptionId};

use super::world::{HOST_REFRESHES_AT, TIMER_F, World, headers, response};
use crate::kit::message::{Message, param, uri_of};
use crate::kit::{ALICE, digest};

/// A dialog of a host that owns dialogs.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    pub(super) tag: String,
    pub(super) remote: String,
    pub(super) target: String,
    pub(super) routes: Vec<String>,
    pub(super) cseq: u32,
    /// Headers given first, which some hosts repeat in each request.
    pub(super) first: Vec<(String, String)>,
    pub(super) expires: String,
    /// The request under way, and how often it has been tried.
    pub(super) pending: Option<(Message, u8)>,
    pub(super) deadline: Option<Duration>,
    pub(super) refresh_at: Option<Duration>,
    pub(super) forgotten: bool,
    pub(super) leaving: bool,
}

impl World {
    /// Sends a SUBSCRIBE of a dialog.
    pub(super) fn request(&mut self, id: SubscriptionId, headers: Vec<(String, String)>) {
        let whole =
            self.capabilities.per_request_headers && self.capabilities.kind == HostKind::Dialog;
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        dialog.cseq += 1;
        let headers = if whole || dialog.cseq == 1 {
            headers
        } else {
            // Those given first, with another life.
            let mut own = dialog.first.clone();
            own.retain(|(name, _)| name != "Expires");
            let only: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(
                only,
                ["Expires"],
                "a host that repeats headers is given the life only"
            );
            own.extend(headers);
            own
        };
        let mut message = Message {
            first: format!("SUBSCRIBE {} SIP/2.0", dialog.target),
            ..Message::default()
        };
        for route in &dialog.routes {
            message = message.with("Route", route.clone());
        }
        let mut message = message
            .with("Max-Forwards", "70")
            .with("From", format!("<{ALICE}>;tag={}", dialog.tag))
            .with("To", dialog.remote.clone())
            .with("Call-ID", dialog.call_id.clone())
            .with("CSeq", format!("{} SUBSCRIBE", dialog.cseq));
        message.headers.extend(headers);
        self.send_in(id, message, 0);
    }

    pub(super) fn send_in(&mut self, id: SubscriptionId, message: Message, tries: u8) {
        let message = self.transmit(message);
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.pending = Some((message, tries));
            dialog.deadline = Some(self.now + TIMER_F);
        }
    }

    /// Credentials for a challenge, once.
    pub(super) fn authorized(
        &self,
        request: &Message,
        response: &Message,
        tries: u8,
    ) -> Option<Message> {
        let (user, password) = self.credentials.as_ref().filter(|_| tries == 0)?;
        let challenge = response.get("WWW-Authenticate")?;
        let (realm, nonce) = (
            digest::value(challenge, "realm")?,
            digest::value(challenge, "nonce")?,
        );
        let proof = digest::response(
            (request.method(), request.uri()),
            (user, realm, password),
            (nonce, "00000001", "c"),
        );
        let value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{}\", response=\"{proof}\", \
             qop=auth, nc=00000001, cnonce=\"c\"",
            request.uri()
        );
        let mut again = request.clone();
        again.headers.retain(|(name, _)| name != "Via");
        for (name, value) in &mut again.headers {
            if name == "CSeq" {
                *value = format!("{} SUBSCRIBE", request.cseq() + 1);
            }
        }
        Some(again.with("Authorization", value))
    }

    pub(super) fn dialog_of(&self, message: &Message, own: &str) -> Option<SubscriptionId> {
        let tag = param(message.get(own)?, "tag")?;
        let mine = |d: &Dialog| Some(d.call_id.as_str()) == message.get("Call-ID") && d.tag == tag;
        self.dialogs
            .iter()
            .find(|(_, d)| mine(d))
            .map(|(id, _)| *id)
    }

    /// A response in a dialog of the host.
    pub(super) fn answered(&mut self, message: &Message, status: u16) {
        let Some(id) = self.dialog_of(message, "From") else {
            return;
        };
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        let Some((request, tries)) = dialog.pending.take_if(|(r, _)| r.cseq() == message.cseq())
        else {
            return;
        };
        dialog.deadline = None;
        if status == 401
            && let Some(again) = self.authorized(&request, message, tries)
        {
            if let Some(dialog) = self.dialogs.get_mut(&id) {
                dialog.cseq += 1;
            }
            return self.send_in(id, again, tries + 1);
        }
        let watching = self.capabilities.kind == HostKind::Watching;
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        if dialog.forgotten {
            self.dialogs.remove(&id);
            return;
        }
        let first = param(&dialog.remote, "tag").is_none();
        if (200..300).contains(&status) {
            Self::settle(dialog, message, "To", true);
            if watching && !dialog.leaving {
                Self::refresh_later(dialog, self.now, message.get("Expires"));
            }
            if watching && dialog.leaving {
                // Its own Timer N: the engine has none for such a host.
                dialog.deadline = Some(self.now + TIMER_F);
            }
            if !self.capabilities.sees_2xx {
                return;
            }
        } else if watching && !first {
            // It is gone; such a host says no more than that.
            self.dialogs.remove(&id);
            return self
                .engine
                .handle_fact(self.now, Fact::Terminated { subscription: id });
        }
        let response = response(message, status);
        let fact = Fact::DialogResponse {
            subscription: id,
            response,
        };
        self.engine.handle_fact(self.now, fact);
    }

    pub(super) fn refresh_later(dialog: &mut Dialog, now: Duration, expires: Option<&str>) {
        if let Some(life) = expires.and_then(|e| e.parse::<u32>().ok()) {
            dialog.refresh_at =
                Some(now + Duration::from_secs(life.into()).mul_f64(HOST_REFRESHES_AT));
        }
    }

    /// Tag, target and routes of the other side.
    pub(super) fn settle(dialog: &mut Dialog, message: &Message, remote: &str, reversed: bool) {
        if param(&dialog.remote, "tag").is_none() {
            dialog.remote = message.get(remote).unwrap_or_default().to_owned();
            dialog.routes = message.all("Record-Route").map(str::to_owned).collect();
            if reversed {
                dialog.routes.reverse();
            }
        }
        if let Some(contact) = message.get("Contact") {
            dialog.target = uri_of(contact).to_owned();
        }
    }

    /// A NOTIFY for a host that owns dialogs.
    pub(super) fn notified(&mut self, message: &Message) {
        let Some(id) = self.dialog_of(message, "To") else {
            return self.reply(message, 481);
        };
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        Self::settle(dialog, message, "From", false);
        let state = message.get("Subscription-State").unwrap_or_default();
        let last = state.starts_with("terminated");
        if self.capabilities.kind == HostKind::Watching && !dialog.leaving {
            Self::refresh_later(dialog, self.now, param(state, "expires"));
        }
        if dialog.forgotten || (last && dialog.leaving && !self.capabilities.sees_final_notify) {
            // The host's own affair.
            self.dialogs.remove(&id);
            return self.reply(message, 200);
        }
        if last {
            dialog.refresh_at = None;
        }
        let answer =
            self.engine
                .handle_notification(self.now, id, &headers(message), &message.body);
        let status = if self.capabilities.chooses_answer {
            answer.status
        } else {
            assert_eq!(answer.status, 200, "the engine knows that it cannot refuse");
            200
        };
        self.reply(message, status);
    }
}
