//! The way of a NOTIFY: matched, ordered, its state taken, its documents merged, answered at once (RFC 6665 §4.1.3).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::watch::{Verdict, Watch};
use super::{Engine, Rates, WatchId, What};
use crate::conference::{DeviationCode, Outcome};
use crate::dialog::Standing;
use crate::header::multipart;
use crate::header::{self, Event, MediaType, SubscriptionState, Substate};
use crate::host::{Answer, Flow, HostKind, SubscriptionId};
use crate::message::{Headers, Request};
use crate::profile::Kind;
use crate::random::Token;
use crate::roster::News;
use crate::subscription::EndReason;

impl Engine {
    /// A transaction host received a request. None: it is not for the engine, and the host goes on with it (481 for a
    /// NOTIFY that nobody takes, SUB-27; a SUBSCRIBE of others, SUB-08).
    pub fn handle_request(&mut self, now: Duration, request: &Request) -> Option<Answer> {
        self.handle_request_by(now, Flow::Unknown, request)
    }

    /// [`Engine::handle_request`] of a host that tells by which way the request came. In IMS mode it is taken from the way
    /// of the registration alone; without that knowledge nothing is taken where the registration is protected (IMS-32,
    /// SEC-03).
    pub fn handle_request_by(
        &mut self,
        now: Duration,
        flow: Flow,
        request: &Request,
    ) -> Option<Answer> {
        let now = self.at(now);
        let headers = &request.headers;
        let call_id = headers.get("Call-ID").and_then(header::call_id)?;
        let id = *self.by_call_id.get(&Token::parse(call_id)?)?;
        let tag = headers.get("To").and_then(header::tag)?;
        // Whoever guesses a Call-ID must also guess our tag (SUB-22, SEC-01).
        let dialog = self.watches.get(&id)?.dialog.as_ref()?;
        if dialog.local_tag != Token::parse(tag)? {
            return None;
        }
        if !self.trusts(id, flow) {
            self.tell_foreign_flow(now, id);
            return Some(Answer::new(403));
        }
        match &*request.method {
            "NOTIFY" => {}
            // The NOTIFY it means has its answer already (RFC 6665 §4.6, SUB-40).
            "CANCEL" => return Some(Answer::new(200)),
            // Nobody is notified here (SUB-08).
            "SUBSCRIBE" => return Some(Answer::new(489)),
            _ => return None,
        }
        self.take(now, id, |engine, watch| {
            let length = headers
                .get("Content-Length")
                .and_then(header::delta_seconds);
            if length.is_some_and(|length| length as usize > request.body.len()) {
                // The rest is lost: not the server's fault, so it is asked for the whole state (RFC 3261 §18.3).
                watch.resync.lost();
                return (Verdict::Status(400), None);
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
        let now = self.at(now);
        let Some(id) = self.by_subscription.get(&subscription).copied() else {
            return Answer::new(481);
        };
        self.take(now, id, |engine, watch| {
            let event = headers.get("Event").and_then(Event::parse);
            if event.is_some_and(|event| !watch.package.is_named(&event)) {
                return (Verdict::Status(489), None);
            }
            watch.name_server(headers);
            engine.notified(now, id, watch, headers, body)
        })
        .unwrap_or_else(|| Answer::new(481))
    }

    fn take(
        &mut self,
        now: Duration,
        id: WatchId,
        action: impl FnOnce(&mut Self, &mut Watch) -> (Verdict, Option<EndReason>),
    ) -> Option<Answer> {
        let mut watch = self.watches.remove(&id)?;
        let (verdict, ended) = action(self, &mut watch);
        self.finish(now, id, &mut watch, ended);
        let mut answer = if self.chooses_answer() {
            verdict.answer(&watch.package)
        } else {
            Answer::new(200)
        };
        if self.chooses_answer()
            && let Some(account) = self.accounts.get(&watch.account)
        {
            let of_session = watch.package.is_of_the_session();
            let access = watch.access(account);
            access.decorate(Kind::Answer, of_session, &mut answer.headers);
        }
        let told = watch.package.take_registration();
        let account = watch.account;
        self.put_back(id, watch);
        if let Some(told) = told {
            self.registration_told(now, account, &told);
        }
        Some(answer)
    }

    fn trusts(&self, id: WatchId, flow: Flow) -> bool {
        let watch = self.watches.get(&id);
        let account = watch.and_then(|watch| self.accounts.get(&watch.account));
        watch
            .zip(account)
            .is_none_or(|(watch, account)| watch.access(account).trusts(flow))
    }

    fn tell_foreign_flow(&mut self, now: Duration, id: WatchId) {
        self.with(now, id, |engine, watch| {
            engine.tell_deviation(
                id,
                watch,
                DeviationCode::ForeignFlow,
                "a request came by another way than the registration's; refused with 403 (TS 24.229 §5.1.1.5.1)",
            );
        });
    }

    fn chooses_answer(&self) -> bool {
        self.capabilities.chooses_answer || self.capabilities.kind == HostKind::Transaction
    }

    /// What becomes of a NOTIFY that is not taken.
    fn refused(&self, status: u16) -> String {
        if self.chooses_answer() {
            format!("refused with {status}")
        } else {
            "passed over, for the host answers by itself".into()
        }
    }

    fn notify_in_dialog(
        &mut self,
        now: Duration,
        id: WatchId,
        watch: &mut Watch,
        headers: &Headers,
        body: &[u8],
    ) -> (Verdict, Option<EndReason>) {
        let Some(dialog) = &mut watch.dialog else {
            return (Verdict::Status(481), None);
        };
        match dialog.standing(headers) {
            Standing::Foreign => return (Verdict::Status(481), None),
            Standing::Malformed => return (Verdict::Status(400), None),
            Standing::Repeated => return (watch.last_verdict, None),
            Standing::OutOfOrder => {
                self.tell_deviation(
                    id,
                    watch,
                    DeviationCode::CseqOrder,
                    "a NOTIFY came with a lower CSeq than one before it (RFC 3261 §12.2.2)",
                );
                return (Verdict::Status(500), None);
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
                return (Verdict::Status(481), None);
            }
            _ if made => return (Verdict::Status(489), None),
            _ => return (Verdict::Status(481), None),
        }
        if headers
            .get("Subscription-State")
            .and_then(SubscriptionState::parse)
            .is_none()
        {
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
            let taken = dialog.handle_notify(headers);
            if taken.no_target {
                self.tell_deviation(
                    id,
                    watch,
                    DeviationCode::ContactMissing,
                    "a NOTIFY has no usable Contact (RFC 6665 §4.2.2)",
                );
            } else {
                watch.server = Some(dialog.remote_target().clone());
            }
            self.tell_bad_route(id, watch, taken);
        }
        let (verdict, ended) = self.notified(now, id, watch, headers, body);
        watch.last_verdict = verdict;
        (verdict, ended)
    }

    fn without_state(&mut self, id: WatchId, watch: &mut Watch) -> (Verdict, Option<EndReason>) {
        let refused = self.refused(400);
        self.tell_deviation(
            id,
            watch,
            DeviationCode::NotifyWithoutState,
            format!("a NOTIFY has no Subscription-State (RFC 6665 §4.1.3); {refused}"),
        );
        (Verdict::Status(400), None)
    }

    fn notified(
        &mut self,
        now: Duration,
        id: WatchId,
        watch: &mut Watch,
        headers: &Headers,
        body: &[u8],
    ) -> (Verdict, Option<EndReason>) {
        let Some(state) = headers
            .get("Subscription-State")
            .and_then(SubscriptionState::parse)
        else {
            return self.without_state(id, watch);
        };
        let (verdict, news) = self.documents(now, watch, headers, body);
        watch.resync.notified();
        if verdict == Verdict::TAKEN {
            self.note_state_held(watch, headers, &state);
        }
        if let Substate::Other(word) = &state.state {
            self.tell_deviation(
                id,
                watch,
                DeviationCode::UnknownState,
                format!("Subscription-State is {word:?}, which no standard knows; it goes on"),
            );
        }
        let terminated = state.state == Substate::Terminated;
        watch
            .subscription
            .handle_notify(now, &state, &mut self.random);
        if !self.capabilities.sees_2xx {
            watch.subscription.responded();
        }
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
        if verdict != Verdict::TAKEN {
            let refused = self.refused(415);
            self.tell_deviation(
                id,
                watch,
                DeviationCode::WrongContentType,
                format!("a NOTIFY carries a body that was not asked for; {refused}"),
            );
        }
        (verdict, ended)
    }

    /// Keeps what the NOTIFY says of the state that it brought: its entity tag (RFC 5839) and the rates (RFC 6446).
    fn note_state_held(&self, watch: &mut Watch, headers: &Headers, state: &SubscriptionState) {
        let suppresses = self
            .accounts
            .get(&watch.account)
            .is_some_and(|account| account.subscription.suppress);
        if suppresses {
            let etag = headers.get("SIP-ETag").and_then(header::entity_tag);
            watch.etag = etag.map(Into::into);
        }
        let rates = Rates {
            max: state.max_rate,
            min: state.min_rate,
        };
        if rates != watch.rates.as_deref().copied().unwrap_or_default() {
            watch.rates = Some(rates.into());
        }
    }

    /// Merges the documents of a body; the answer is 200, or 415 for what cannot be read (SUB-34…36).
    fn documents(
        &mut self,
        now: Duration,
        watch: &mut Watch,
        headers: &Headers,
        body: &[u8],
    ) -> (Verdict, News) {
        let mut news = News::default();
        let is_away = watch.is_quiet && watch.pinned.is_some();
        if body.is_empty() || is_away {
            return (Verdict::TAKEN, news);
        }
        if header::is_encoded(headers.all("Content-Encoding")) {
            return (Verdict::Encoded, news);
        }
        let media = headers.get("Content-Type").and_then(MediaType::parse);
        let bodies = media.map_or_else(Vec::new, |media| {
            multipart::documents(media, body, &|media| watch.package.accepts(media))
        });
        if bodies.is_empty() {
            return (Verdict::WrongType, news);
        }
        let Some(account) = self.accounts.get(&watch.account) else {
            return (Verdict::TAKEN, news);
        };
        for (media, body) in bodies {
            let mut more = watch.package.read(now, &media, body, &watch.uri, account);
            news.events.append(&mut more.events);
            news.deviations.append(&mut more.deviations);
            self.counts.gaps += u64::from(more.gap);
            if news.outcome != Outcome::Ended {
                news.outcome = more.outcome;
            }
        }
        (Verdict::TAKEN, news)
    }
}
