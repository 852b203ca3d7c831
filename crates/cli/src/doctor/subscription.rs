//! The subscription to the conference: asked for, notified, refreshed, ended (RFC 6665 §4.1, RFC 4575).

use std::time::{Duration, Instant};

use rollmark::core::conference::DeviationCode as Code;
use rollmark::core::digest::Challenge;
use rollmark::core::header::{self, MediaType, Substate};
use rollmark::core::host::SendFailure;
use rollmark::core::message::{Request, Response};
use rollmark::core::subscription::EndReason;

use super::args::Doctor;
use super::check::{Departure, Examination, Finding, Id, failed, note, ok};
use super::course::{Course, Deviation, Entry, Seen, state_of};
use super::deviations::meaning;

const SUBSCRIBE: &str = "RFC 6665 §4.1.2.1";
const NOTIFY: &str = "RFC 6665 §4.2.1.2, §4.2.2";
const BODY: &str = "RFC 4575 §3.5, §4, §5";
const REFRESH: &str = "RFC 6665 §4.1.2.2, §4.2.1";
const UNSUBSCRIBE: &str = "RFC 6665 §4.1.2.3, §4.2.1.4";
const REPORTED: &str = "RFC 4575, RFC 6665";

/// The checks of this part.
pub(crate) const PART: [Id; 6] = [
    Id::Subscribe,
    Id::FirstNotify,
    Id::Body,
    Id::Refresh,
    Id::Unsubscribe,
    Id::Deviations,
];

/// Goes through the life of the subscription.
pub(crate) async fn examine(
    found: &mut Examination,
    args: &Doctor,
    course: &mut Course,
    patience: Duration,
) {
    if !subscribe(found, args, course, patience).await {
        course.conference.unsubscribe();
        found.skip_all(&PART[1..], "the SUBSCRIBE failed");
        return;
    }
    let notified = first_notify(found, course, patience).await;
    match notified {
        Notified::Active | Notified::Pending => {
            body(found, course, patience, notified == Notified::Pending).await;
        }
        Notified::Over => found.skip(Id::Body, "the server ended the subscription"),
        Notified::No => found.skip(Id::Body, "there was no NOTIFY"),
    }
    let alive = matches!(notified, Notified::Active | Notified::Pending) && course.ended.is_none();
    let refreshed = match alive {
        true => refresh(found, course, patience).await,
        false => {
            found.skip(Id::Refresh, "there is no subscription");
            false
        }
    };
    if refreshed {
        unsubscribe(found, course, patience).await;
    } else {
        // Accepted, though something was missing: it is not left behind.
        course.conference.unsubscribe();
        let because = match alive {
            true => "the refresh failed",
            false => "there is no subscription",
        };
        found.skip(Id::Unsubscribe, because);
        let farewell = patience.min(Duration::from_secs(2));
        course
            .until(farewell, |course| course.ended.is_some())
            .await;
    }
    deviations(found, course);
}

/// True when it was accepted.
async fn subscribe(
    found: &mut Examination,
    args: &Doctor,
    course: &mut Course,
    patience: Duration,
) -> bool {
    let since = Instant::now();
    let settled = course
        .until(patience, |course| {
            course.accepted(0).is_some() || course.is_lost()
        })
        .await;
    let sent = course.entries.iter().find_map(|entry| match &entry.seen {
        Seen::Sent(request) => Some((entry.at, request)),
        _ => None,
    });
    let did = match sent {
        Some((_, request)) => format!(
            "SUBSCRIBE {} (Event: conference, Expires: {})",
            request.uri,
            request.headers.get("Expires").unwrap_or("?")
        ),
        None => format!("SUBSCRIBE {}", args.conference),
    };
    let challenged = challenged(course);
    let finding = if let Some((_, entry, response)) = course.accepted(0) {
        let after = entry.at.saturating_sub(sent.map_or(entry.at, |(at, _)| at));
        granted(args, response, after, &challenged, course)
    } else if !settled {
        let seconds = patience.as_secs();
        let got = match (course.responses(0).last(), course.notifies(0).next()) {
            (_, Some(_)) => format!("a NOTIFY came, but no answer to the SUBSCRIBE in {seconds} s"),
            (Some((_, _, response)), None) => {
                format!(
                    "{} {}{challenged}, then no answer in {seconds} s",
                    response.status, response.reason
                )
            }
            (None, None) => format!("no answer in {seconds} s"),
        };
        failed(got, NO_ANSWER)
    } else {
        refused(args, course, &challenged)
    };
    let accepted = course.accepted(0).is_some();
    found.add(Id::Subscribe, since, did, SUBSCRIBE, finding);
    accepted
}

const NO_ANSWER: &str = "check --server and --transport and the checks above; if those are well, the way from the proxy to the conference server (in IMS the initial filter criteria) leads nowhere";

/// Who asked for a password.
fn challenged(course: &Course) -> String {
    let mut who: Vec<String> = Vec::new();
    for (_, _, response) in course.responses(0) {
        let (name, whose) = match response.status {
            401 => ("WWW-Authenticate", "the server"),
            407 => ("Proxy-Authenticate", "a proxy"),
            _ => continue,
        };
        let realm = Challenge::all(response.headers.all(name))
            .into_iter()
            .next();
        let text = match realm {
            Some(challenge) => format!("{whose} of realm {}", challenge.realm),
            None => whose.to_owned(),
        };
        if !who.contains(&text) {
            who.push(text);
        }
    }
    match who.as_slice() {
        [] => String::new(),
        who => format!(", after a challenge by {}", who.join(" and ")),
    }
}

fn granted(
    args: &Doctor,
    response: &Response,
    after: Duration,
    challenged: &str,
    course: &Course,
) -> Finding {
    let headers = &response.headers;
    let contact = header::addresses(headers.all("Contact")).into_iter().next();
    let expires = headers.get("Expires").and_then(header::delta_seconds);
    let mut got = format!(
        "{} {} after {}{challenged}",
        response.status,
        response.reason,
        milliseconds(after)
    );
    match &contact {
        Some(contact) => got += &format!("; IM server {}", contact.uri),
        None => got += "; no Contact",
    }
    match expires {
        Some(seconds) => got += &format!("; Expires: {seconds}"),
        None => got += "; no Expires",
    }
    if let Some(server) = headers.get("Server") {
        got += &format!("; Server: {server}");
    }
    let lengthened = course
        .responses(0)
        .find(|(_, _, response)| response.status == 423);
    if contact.is_none() || expires.is_none() {
        return note(
            got,
            "have the server put Contact and Expires into its 2xx (RFC 6665 §4.2.1.1, RFC 3261 §12.1.1)",
        );
    }
    if let Some((_, _, short)) = lengthened {
        let least = short.headers.get("Min-Expires").unwrap_or("?");
        return note(
            format!("{got}; first 423, Min-Expires: {least}"),
            format!("ask for that much at once: --expires {least}"),
        );
    }
    if expires.is_some_and(|seconds| seconds > args.expires) {
        return note(
            format!("{got}, which is longer than the {} asked for", args.expires),
            "have the server grant what is asked for, or less",
        );
    }
    if response.status == 202 {
        return ok(format!("{got} (202 is the same as 200)"));
    }
    ok(got)
}

/// What a SUBSCRIBE that came to nothing came to.
fn refused(args: &Doctor, course: &Course, challenged: &str) -> Finding {
    let last = course.responses(0).last().map(|(_, _, response)| response);
    let got = match last {
        Some(response) => {
            let mut got = format!("{} {}{challenged}", response.status, response.reason);
            for name in [
                "Warning",
                "Retry-After",
                "Min-Expires",
                "Allow-Events",
                "Server",
                "Contact",
            ] {
                if let Some(value) = response.headers.get(name) {
                    got += &format!("; {name}: {value}");
                }
            }
            got
        }
        None => String::new(),
    };
    let Some((reason, _)) = course.ended else {
        // It would be tried again.
        return match (last, course.failure(0)) {
            (Some(_), _) => failed(
                got,
                "the server cannot serve this now: see whether it and what is behind it run, then try again",
            ),
            (None, Some(SendFailure::Unreachable)) => {
                failed("the request could not be sent", NO_ANSWER)
            }
            (None, _) => failed("no answer", NO_ANSWER),
        };
    };
    let mend = match reason {
        EndReason::NotFound => {
            "check the conference's URI, and whether it has begun; in IMS also the initial filter criteria: without one the request goes to the I-CSCF, which knows no such user"
        }
        EndReason::Forbidden | EndReason::Rejected => {
            "check --as and --user; then ask the conference's owner, or have the policy of the conference server changed: this user may not watch"
        }
        EndReason::Unsupported => {
            "this server does not offer the event package conference with application/conference-info+xml (RFC 4575): check that the request reaches the conference server (in IMS the initial filter criteria for SUBSCRIBE with Event: conference)"
        }
        EndReason::AuthenticationFailed if args.account.user.is_none() => {
            "the server wants a user name and a password: give --user and --password-file"
        }
        EndReason::AuthenticationFailed => {
            "check --user and the first line of --password-file: they are not accepted"
        }
        EndReason::AnonymityRefused => "give your identity with --as",
        EndReason::Redirected => {
            "watch the address in Contact itself, or have the server not redirect"
        }
        EndReason::IntervalTooBrief => {
            "try a longer --expires; have the server say with its 423 how long it wants (Min-Expires)"
        }
        EndReason::Unreachable => "check --server and --transport and the checks above",
        EndReason::NoAnswer => NO_ANSWER,
        _ => "have the log of the conference server looked at: it does not say why it refuses",
    };
    match got.as_str() {
        "" => failed(format!("it ended: {}", reason.as_str()), mend),
        _ => failed(got, mend),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Notified {
    Active,
    Pending,
    /// The server ended it by its first NOTIFY.
    Over,
    No,
}

async fn first_notify(
    found: &mut Examination,
    course: &mut Course,
    patience: Duration,
) -> Notified {
    let since = Instant::now();
    course
        .until(patience, |course| {
            (course.notifies(0).next().is_some() && course.answered().is_some())
                || course.ended.is_some()
        })
        .await;
    let did = "waited for the NOTIFY that must follow the 2xx at once";
    let accepted = course.accepted(0).map(|(_, entry, _)| entry.at);
    let Some((entry, notify)) = course.notifies(0).next() else {
        let got = format!("accepted, but no NOTIFY in {} s", patience.as_secs());
        let mend = "NOTIFYs go to the Contact of the SUBSCRIBE: check that the server, and the proxies on its Record-Route, reach this machine there (NAT, firewalls), or try --transport tcp; then the log of the conference server";
        found.add(Id::FirstNotify, since, did, NOTIFY, failed(got, mend));
        return Notified::No;
    };
    let when = match accepted {
        Some(at) if entry.at >= at => format!("{} after the 2xx", milliseconds(entry.at - at)),
        Some(at) => format!("{} before the 2xx", milliseconds(at - entry.at)),
        None => "without a 2xx".to_owned(),
    };
    let raw = notify.headers.get("Subscription-State").unwrap_or("(none)");
    let got = format!("{when}; Subscription-State: {raw}");
    let (notified, finding) = match state_of(notify).map(|state| state.state) {
        Some(Substate::Terminated) => (
            Notified::Over,
            failed(
                got,
                "the server ends the subscription at once: the reason says why; ask the conference's owner, or see the server's log",
            ),
        ),
        Some(Substate::Pending) => (
            Notified::Pending,
            note(
                got,
                "somebody must allow this user to watch: the roster comes once the conference's owner does, or its policy is changed",
            ),
        ),
        Some(Substate::Active) => (Notified::Active, ok(got)),
        _ => (
            Notified::Active,
            note(
                got,
                "have the server send Subscription-State: active, pending or terminated",
            ),
        ),
    };
    found.add(Id::FirstNotify, since, did, NOTIFY, finding);
    notified
}

/// What is wrong with a body that gives no roster.
const BODY_FAULTS: [Code; 8] = [
    Code::WrongContentType,
    Code::MalformedBody,
    Code::NotConferenceInfo,
    Code::NoNamespace,
    Code::MissingEntity,
    Code::EntityMismatch,
    Code::MissingVersion,
    Code::PartialFirst,
];

/// What was found wrong with the document of a NOTIFY that came then, before the next one.
fn body_fault(course: &Course, since: Duration, until: Duration) -> Option<&Deviation> {
    course.deviations.iter().find(|deviation| {
        (since..until).contains(&deviation.at) && BODY_FAULTS.contains(&deviation.code)
    })
}

/// When the first document came and when the next NOTIFY did.
fn first_document(course: &Course) -> Option<(Duration, Duration, &Request)> {
    let mut notifies = course
        .notifies(0)
        .skip_while(|(_, notify)| notify.body.is_empty());
    let (entry, notify) = notifies.next()?;
    let next = notifies.next().map_or(Duration::MAX, |(next, _)| next.at);
    Some((entry.at, next, notify))
}

async fn body(found: &mut Examination, course: &mut Course, patience: Duration, pending: bool) {
    let since = Instant::now();
    let told = |course: &Course| {
        let fault = first_document(course)
            .is_some_and(|(at, next, _)| body_fault(course, at, next).is_some());
        let nothing = pending && first_document(course).is_none();
        course.roster.is_some() || course.is_lost() || fault || nothing
    };
    course.until(patience, told).await;
    let did = "read the conference-info document of the first NOTIFY";
    let Some((at, next, notify)) = first_document(course) else {
        if pending {
            let because =
                "the subscription is pending: there is no document before somebody allows it";
            found.skip(Id::Body, because);
            return;
        }
        let got = format!("no document in {} s", patience.as_secs());
        let mend = "see whether the conference has begun; then have the server send its full state with the first NOTIFY of an active subscription";
        found.add(Id::Body, since, did, BODY, failed(got, mend));
        return;
    };
    let described = described(notify);
    let fault = body_fault(course, at, next);
    let finding = match (course.roster, fault) {
        (Some((told, users)), fault) if told < next => {
            let hidden = course.state.as_ref().map_or(0, |state| state.hidden_users);
            let plural = if users == 1 { "" } else { "s" };
            let hidden = match hidden {
                0 => String::new(),
                hidden => format!(", {hidden} more counted, but not listed"),
            };
            let got = format!("{described}: {users} user{plural}{hidden}");
            match fault {
                None => ok(got),
                Some(fault) => note(
                    format!(
                        "{got}; read all the same, though: {} ({})",
                        fault.detail, fault.code
                    ),
                    meaning(fault.code),
                ),
            }
        }
        (later, Some(fault)) => {
            let later = match later {
                Some(_) => "; the state was asked for again, and then there was a roster",
                None => "",
            };
            let got = format!("{described}: {} ({}){later}", fault.detail, fault.code);
            failed(got, meaning(fault.code))
        }
        (_, None) => failed(
            format!("{described}: it gives no roster"),
            "have the document looked at: conference-info of RFC 4575, full, of this conference",
        ),
    };
    found.add(Id::Body, since, did, BODY, finding);
}

fn described(notify: &Request) -> String {
    let content_type = notify.headers.get("Content-Type");
    let name = content_type.map_or("no Content-Type", |text| text);
    let name = match MediaType::parse(name) {
        Some(media) => format!("{}/{}", media.kind, media.subtype),
        None => name.to_owned(),
    };
    format!("{name}, {} octets", notify.body.len())
}

/// True when the subscription is still there.
async fn refresh(found: &mut Examination, course: &mut Course, patience: Duration) -> bool {
    let since = Instant::now();
    let mark = course.entries.len();
    course.conference.refresh();
    // What the server answers in the end; what follows a refusal is a new subscription.
    let answered = course
        .until(patience, |course| {
            decided(course, mark).is_some() || course.failure(mark).is_some() || course.is_lost()
        })
        .await;
    let did = "SUBSCRIBE in the dialog, and waited for the NOTIFY that must follow";
    let last = course.responses(mark).last();
    let refused = decided(course, mark)
        .or(last.filter(|_| course.is_lost()))
        .filter(|(_, _, response)| response.status >= 300)
        .map(|(_, _, response)| (response.status, response.reason.clone()));
    let (alive, finding) = if let Some((status, reason)) = refused {
        let mend = match status {
            481 => {
                "the server has forgotten the subscription: check that requests in the dialog take its route (Record-Route, Contact) to the same server, and that it keeps its subscriptions"
            }
            401 | 407 => {
                "the server does not accept the password in the dialog that it accepted before: see its log"
            }
            _ => {
                "a subscription that cannot be refreshed ends when its life is over: see the log of the conference server"
            }
        };
        (
            status != 481 && !course.is_lost(),
            failed(format!("{status} {reason}"), mend),
        )
    } else if let Some((place, entry, response)) = decided(course, mark) {
        let status = format!("{} {}", response.status, response.reason);
        let at = entry.at;
        let expires = response
            .headers
            .get("Expires")
            .map_or_else(String::new, |seconds| format!("; Expires: {seconds}"));
        let sent = course.entries[..place]
            .iter()
            .rposition(|entry| matches!(entry.seen, Seen::Sent(_)));
        let sent = sent.unwrap_or(mark);
        course
            .until(patience, |course| {
                course.notifies(sent).next().is_some() || course.is_lost()
            })
            .await;
        match course.notifies(sent).next() {
            Some((entry, _)) => {
                let when = entry.at.saturating_sub(at);
                (
                    true,
                    ok(format!(
                        "{status}{expires}; NOTIFY {} after it",
                        milliseconds(when)
                    )),
                )
            }
            None => {
                let got = format!(
                    "{status}{expires}; but no NOTIFY in {} s",
                    patience.as_secs()
                );
                (
                    true,
                    failed(
                        got,
                        "have the server send the state after each SUBSCRIBE: lost documents are asked for in this way",
                    ),
                )
            }
        }
    } else {
        let got = match (answered, course.failure(mark)) {
            (_, Some(SendFailure::Unreachable)) => {
                "the request in the dialog could not be sent".to_owned()
            }
            _ if course.is_lost() => "the server ended the subscription meanwhile".to_owned(),
            _ => format!("no answer in {} s", patience.as_secs()),
        };
        let mend = "check that requests in the dialog find their way: Contact and Record-Route of the 2xx must name addresses that can be reached from here, or through the proxy";
        (false, failed(got, mend))
    };
    found.add(Id::Refresh, since, did, REFRESH, finding);
    alive
}

/// The first answer from that entry on that is not followed by the same request.
fn decided(course: &Course, from: usize) -> Option<(usize, &Entry, &Response)> {
    let mut responses = course.responses(from);
    responses.find(|(_, _, response)| !matches!(response.status, 401 | 407 | 423))
}

async fn unsubscribe(found: &mut Examination, course: &mut Course, patience: Duration) {
    let since = Instant::now();
    let mark = course.entries.len();
    course.conference.unsubscribe();
    let farewell = |course: &Course| course.notifies(mark).any(|(_, notify)| is_last(notify));
    course
        .until(patience, |course| {
            course.ended.is_some() && (farewell(course) || course.responses(mark).next().is_some())
        })
        .await;
    let did = "SUBSCRIBE with Expires: 0, and waited for the last NOTIFY";
    let answer = course
        .responses(mark)
        .last()
        .map(|(_, _, response)| response);
    let status = answer.map(|response| format!("{} {}", response.status, response.reason));
    let last = course.notifies(mark).find(|(_, notify)| is_last(notify));
    let seconds = patience.as_secs();
    let finding = match (status, last) {
        (Some(status), Some((_, notify))) if answer.is_some_and(|answer| answer.status < 300) => {
            let state = notify.headers.get("Subscription-State").unwrap_or_default();
            ok(format!("{status}; last NOTIFY: {state}"))
        }
        (Some(status), None) if answer.is_some_and(|answer| answer.status < 300) => failed(
            format!("{status}; but no last NOTIFY (Subscription-State: terminated) in {seconds} s"),
            "have the server answer each SUBSCRIBE with Expires: 0 by a NOTIFY with Subscription-State: terminated",
        ),
        (Some(status), _) => failed(
            status,
            "see the log of the conference server: the end of a subscription cannot be refused",
        ),
        (None, Some(_)) => note(
            "the last NOTIFY came, but no answer to the SUBSCRIBE",
            "have the server answer the SUBSCRIBE, too",
        ),
        (None, None) => failed(
            format!("no answer in {seconds} s"),
            "check that requests in the dialog find their way to the conference server",
        ),
    };
    found.add(Id::Unsubscribe, since, did, UNSUBSCRIBE, finding);
}

fn is_last(notify: &Request) -> bool {
    state_of(notify).is_some_and(|state| state.state == Substate::Terminated)
}

fn deviations(found: &mut Examination, course: &Course) {
    if course.notifies(0).next().is_none() && course.deviations.is_empty() {
        found.skip(Id::Deviations, "there was no NOTIFY");
        return;
    }
    let since = Instant::now();
    let did = "compared all that the server sent with its standards";
    for deviation in &course.deviations {
        let departure = Departure {
            code: deviation.code.as_str(),
            detail: found.presentable(&deviation.detail),
            meaning: meaning(deviation.code),
        };
        found.departures.push(departure);
    }
    let codes: Vec<_> = found
        .departures
        .iter()
        .map(|departure| departure.code)
        .collect();
    let finding = match codes.as_slice() {
        [] => ok("none"),
        codes => note(
            codes.join(", "),
            "rollmark copes with them, other clients may not; each is explained at the end",
        ),
    };
    found.add(Id::Deviations, since, did, REPORTED, finding);
}

fn milliseconds(time: Duration) -> String {
    match time.as_millis() {
        0 => "less than 1 ms".into(),
        milliseconds => format!("{milliseconds} ms"),
    }
}
