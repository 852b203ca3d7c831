//! The way of a NOTIFY: matched, ordered, its state taken, its documents merged, answered at once (RFC 6665 §4.1.3).

use alloc::vec::Vec;
use core::time::Duration;

use super::watch::Watch;
use super::{Engine, WatchId, What};
use crate::conference::{DeviationCode, Outcome};
use crate::dialog::Standing;
use crate::header::multipart;
use crate::header::{self, Event, MediaType, SubscriptionState, Substate};
use crate::host::{Answer, SubscriptionId};
use crate::message::{Headers, Request};
use crate::roster::News;
use crate::subscription::EndReason;

impl Engine {
    /// A transaction host received a request. None: it is not for the engine, and the host goes on with it (481 for a
    /// NOTIFY that nobody takes, SUB-27).
    pub fn handle_request(&mut self, now: Duration, request: &Request) -> Option<Answer> {
        if request.method != "NOTIFY" {
            return None;
        }
        let headers = &request.headers;
        let id = *self.by_call_id.get(headers.get("Call-ID")?)?;
        let tag = headers.get("To").and_then(header::tag)?;
        // Whoever guesses a Call-ID must also guess our tag (SUB-22, SEC-01).
        let dialog = self.watches.get(&id)?.dialog.as_ref()?;
        if dialog.local_tag != tag {
            return None;
        }
        self.take(now, id, |engine, watch| {
            let length = headers
                .get("Content-Length")
                .and_then(header::delta_seconds);
            if length.is_some_and(|length| length as usize > request.body.len()) {
                // The rest is lost: not the server's fault, so it is asked for the whole state (RFC 3261 §18.3).
                watch.resync.lost();
                return (Answer::new(400), None);
            }
            engine.notify_in_dialog(now, id, watch, headers, &request.body)
        })
    }

    /// A dialog host or watching host received a NOTIFY for one of its dialogs.
    pub fn handle_notification(
        &mut self,
        now: Duration,
        subscription: SubscriptionId,
        headers: &Headers,
        body: &[u8],
    ) -> Answer {
        let Some(id) = self.by_subscription.get(&subscription).copied() else {
            return Answer::new(481);
        };
        self.take(now, id, |engine, watch| {
            let event = headers.get("Event").and_then(Event::parse);
            if event.is_some_and(|event| !watch.package.is_named(&event)) {
                return (Answer::new(489), None);
            }
            if let Some(contact) = header::addresses(headers.all("Contact")).into_iter().next() {
                watch.server = Some(contact.uri);
            }
            engine.notified(now, id, watch, headers, body)
        })
        .unwrap_or_else(|| Answer::new(481))
    }

    fn take(
        &mut self,
        now: Duration,
        id: WatchId,
        action: impl FnOnce(&mut Self, &mut Watch) -> (Answer, Option<EndReason>),
    ) -> Option<Answer> {
        let mut watch = self.watches.remove(&id)?;
        let (answer, ended) = action(self, &mut watch);
        watch.last_answer = answer.status;
        self.finish(now, id, &mut watch, ended);
        self.watches.insert(id, watch);
        Some(answer)
    }

    fn notify_in_dialog(
        &mut self,
        now: Duration,
        id: WatchId,
        watch: &mut Watch,
        headers: &Headers,
        body: &[u8],
    ) -> (Answer, Option<EndReason>) {
        let Some(dialog) = &mut watch.dialog else {
            return (Answer::new(481), None);
        };
        match dialog.standing(headers) {
            Standing::Foreign => return (Answer::new(481), None),
            Standing::Malformed => return (Answer::new(400), None),
            Standing::Repeated => return (Answer::new(watch.last_answer), None),
            Standing::OutOfOrder => {
                self.tell_deviation(
                    id,
                    watch,
                    DeviationCode::CseqOrder,
                    "a NOTIFY came with a lower CSeq than one before it (RFC 3261 §12.2.2)",
                );
                return (Answer::new(500), None);
            }
            Standing::Next => {}
        }
        let made = dialog.is_made();
        match headers.get("Event").and_then(Event::parse) {
            Some(event) if watch.package.is_meant(&event) => {}
            Some(event) if watch.package.is_named(&event) => {
                self.tell_deviation(
                    id,
                    watch,
                    DeviationCode::EventId,
                    "a NOTIFY carries an Event id that was not asked for (RFC 6665 §8.2.1)",
                );
                return (Answer::new(481), None);
            }
            _ if made => return (Answer::new(489), None),
            _ => return (Answer::new(481), None),
        }
        if headers.get("Subscription-State").is_none() {
            return self.without_state(id, watch);
        }
        if !made && self.capabilities.keeps_order {
            self.tell_deviation(
                id,
                watch,
                DeviationCode::NotifyBeforeResponse,
                "the first NOTIFY came before the response to SUBSCRIBE, as RFC 6665 §4.1.2.4 allows",
            );
        }
        if let Some(dialog) = &mut watch.dialog {
            if !dialog.handle_notify(headers) {
                self.tell_deviation(
                    id,
                    watch,
                    DeviationCode::ContactMissing,
                    "a NOTIFY has no usable Contact (RFC 6665 §4.2.2)",
                );
            } else {
                watch.server = Some(dialog.remote_target().into());
            }
        }
        self.notified(now, id, watch, headers, body)
    }

    fn without_state(&mut self, id: WatchId, watch: &mut Watch) -> (Answer, Option<EndReason>) {
        self.tell_deviation(
            id,
            watch,
            DeviationCode::NotifyWithoutState,
            "a NOTIFY has no Subscription-State (RFC 6665 §4.1.3); refused with 400",
        );
        (Answer::new(400), None)
    }

    fn notified(
        &mut self,
        now: Duration,
        id: WatchId,
        watch: &mut Watch,
        headers: &Headers,
        body: &[u8],
    ) -> (Answer, Option<EndReason>) {
        let Some(state) = headers
            .get("Subscription-State")
            .and_then(SubscriptionState::parse)
        else {
            return self.without_state(id, watch);
        };
        let (answer, news) = self.documents(now, watch, headers, body);
        watch.resync.answered();
        let terminated = state.state == Substate::Terminated;
        watch
            .subscription
            .handle_notify(now, &state, &mut self.random);
        if news.outcome == Outcome::Ended && !terminated {
            watch.end_as = Some(EndReason::Deleted);
            watch.subscription.unsubscribe(now);
        }
        // The order of the event stream: state first, the end last.
        let ended = self.run_steps(id, watch);
        let (shown, why) = (
            watch.subscription.shown(),
            watch.state.as_ref().and_then(|state| state.why),
        );
        let retry_in = watch.state.as_ref().and_then(|state| state.retry_in);
        self.tell_state(id, watch, shown, why, retry_in);
        for what in news.events {
            self.tell(id, what);
        }
        for deviation in news.deviations {
            self.tell(
                id,
                What::Deviation {
                    code: deviation.code,
                    detail: deviation.detail,
                },
            );
        }
        if answer.status == 415 {
            self.tell_deviation(
                id,
                watch,
                DeviationCode::WrongContentType,
                "a NOTIFY carries a body that was not asked for; refused with 415",
            );
        }
        (answer, ended)
    }

    /// Merges the documents of a body; the answer is 200, or 415 for what cannot be read (SUB-34…36).
    fn documents(
        &mut self,
        now: Duration,
        watch: &mut Watch,
        headers: &Headers,
        body: &[u8],
    ) -> (Answer, News) {
        let mut news = News::default();
        if body.is_empty() {
            return (Answer::new(200), news);
        }
        if header::is_encoded(headers.all("Content-Encoding")) {
            return (Answer::new(415).with("Accept-Encoding", "identity"), news);
        }
        let media = headers.get("Content-Type").and_then(MediaType::parse);
        let bodies = media.map_or_else(Vec::new, |media| {
            multipart::documents(media, body, &|media| watch.package.accepts(media))
        });
        if bodies.is_empty() {
            return (
                Answer::new(415).with("Accept", &watch.package.accept()),
                news,
            );
        }
        let Some(account) = self.accounts.get(&watch.account) else {
            return (Answer::new(200), news);
        };
        for (media, body) in bodies {
            let mut more = watch.package.read(now, &media, body, &account.lists);
            news.events.append(&mut more.events);
            news.deviations.append(&mut more.deviations);
            if news.outcome != Outcome::Ended {
                news.outcome = more.outcome;
            }
        }
        (Answer::new(200), news)
    }
}
