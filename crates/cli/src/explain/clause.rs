//! Which clause is behind what a message is, and behind what is odd about it.

use rollmark::core::conference::DeviationCode;
use rollmark::core::header::Reason;

/// Requests that are none of a subscription.
pub(super) fn method(method: &str) -> (&'static str, &'static str) {
    match method {
        "REGISTER" => ("tells the registrar where the user is", "RFC 3261 §10"),
        "INVITE" => ("begins a session, or changes one", "RFC 3261 §13"),
        "ACK" => ("confirms the answer to an INVITE", "RFC 3261 §13.2.2.4"),
        "BYE" => ("ends a session", "RFC 3261 §15"),
        "CANCEL" => ("gives a request up", "RFC 3261 §9"),
        "OPTIONS" => ("asks what the other side can do", "RFC 3261 §11"),
        "MESSAGE" => ("a message of its own, outside the conference", "RFC 3428"),
        "PUBLISH" => ("publishes state to a server", "RFC 3903"),
        "INFO" => ("within a session", "RFC 6086"),
        "PRACK" => ("confirms a provisional answer", "RFC 3262"),
        "UPDATE" => ("changes a session", "RFC 3311"),
        "REFER" => ("asks to turn to somebody", "RFC 3515"),
        _ => ("a request of an extension", "RFC 3261 §7.1"),
    }
}

/// What a first SUBSCRIBE for this package goes by.
pub(super) fn subscribe(package: &str) -> &'static [&'static str] {
    match package {
        "conference" => &["RFC 6665 §4.1.2.1", "RFC 4575 §3"],
        "xcap-diff" => &["RFC 6665 §4.1.2.1", "RFC 5875 §4"],
        "reg" => &["RFC 6665 §4.1.2.1", "RFC 3680 §4"],
        _ => &["RFC 6665 §4.1.2.1"],
    }
}

/// What an answer to SUBSCRIBE says.
pub(super) fn subscribe_status(status: u16) -> (&'static str, &'static [&'static str]) {
    match status {
        100..=199 => ("provisional, which it need not be", &["RFC 3261 §8.1.3"]),
        202 => ("accepted, as good as 200", &["RFC 6665 §4.1.2.1", "OMA-11"]),
        204 => ("no state has changed", &["RFC 5839 §7.1", "SUB-44"]),
        200..=299 => (
            "accepted; the first NOTIFY makes the dialog",
            &["RFC 6665 §4.1.2.1", "RFC 6665 §4.4.1"],
        ),
        300..=399 => ("to be asked elsewhere", &["RFC 3261 §8.1.3.4", "SUB-19"]),
        401 | 407 => ("a password is wanted", &["RFC 3261 §22", "SUB-12"]),
        403 => ("not allowed", &["RFC 3261 §21.4.4"]),
        404 => ("no such conference", &["RFC 3261 §21.4.5", "SUB-48"]),
        406 => (
            "the documents are of another type",
            &["RFC 3261 §21.4.7", "SUB-15"],
        ),
        420 | 421 => (
            "an extension is wanted, or not known",
            &["RFC 3261 §21.4.15", "SUB-16"],
        ),
        423 => (
            "the life asked for is too short",
            &["RFC 3261 §21.4.17", "SUB-10"],
        ),
        481 => (
            "the server does not know the subscription; it is over",
            &["RFC 6665 §4.1.2.2", "SUB-48"],
        ),
        489 => (
            "the event package is not known there",
            &["RFC 6665 §8.3.2", "SUB-14"],
        ),
        494 => ("the security agreement is stale", &["RFC 3329 §2.3.1"]),
        500..=599 => ("the server has failed", &["RFC 3261 §21.5", "SUB-49"]),
        _ => ("refused", &["RFC 6665 §4.1.2.1", "SUB-17"]),
    }
}

/// What an answer to NOTIFY says.
pub(super) fn notify_status(status: u16) -> &'static str {
    match status {
        200..=299 => "taken",
        400 => "it could not be read as one",
        401 | 407 => "a password is wanted",
        415 => "its body is of a type that was not asked for",
        481 => "the subscriber knows of no such subscription; the notifier must end it",
        489 => "the event package is another one",
        500 => "it came out of order",
        _ => "not taken",
    }
}

/// Why a subscription ended.
pub(super) fn reason(reason: &Reason) -> &'static str {
    match reason {
        Reason::Deactivated => {
            "to be subscribed anew at once (deactivated, RFC 6665 §4.1.3, SUB-56)"
        }
        Reason::Probation => "to be subscribed anew later (probation, RFC 6665 §4.1.3, SUB-57)",
        Reason::Rejected => "not allowed any more (rejected, RFC 6665 §4.1.3, SUB-58)",
        Reason::Timeout => "it was not refreshed, or was ended (timeout, RFC 6665 §4.1.3, SUB-59)",
        Reason::Giveup => "the notifier came to no decision (giveup, RFC 6665 §4.1.3, SUB-60)",
        Reason::Noresource => "the conference is over (noresource, RFC 6665 §4.1.3, SUB-61)",
        Reason::Invariant => "the state will not change (invariant, RFC 6665 §4.1.3, SUB-62)",
        Reason::Other(_) => "a reason that no standard knows (RFC 6665 §4.1.3, SUB-63)",
    }
}

/// The clause that a deviation departs from.
pub(super) fn deviation(code: DeviationCode) -> &'static str {
    match code {
        DeviationCode::NoNamespace => "RFC 4575 §4.2",
        DeviationCode::MalformedBody => "RFC 4575 §4, SUB-37",
        DeviationCode::MissingEntity | DeviationCode::EntityWithoutScheme => "RFC 4575 §5.2",
        DeviationCode::MissingVersion => "RFC 4575 §4.3",
        DeviationCode::VersionNotIncreasing => "RFC 4575 §5.2",
        DeviationCode::VersionGap | DeviationCode::PartialFirst => "RFC 4575 §4.6",
        DeviationCode::UsersFullInPartial => "RFC 4575 §4.4",
        DeviationCode::UserWithoutEntity
        | DeviationCode::DuplicateEntity
        | DeviationCode::EndpointWithoutEntity
        | DeviationCode::MediaWithoutId
        | DeviationCode::KeySpelling => "RFC 4575 §4.5",
        DeviationCode::UnknownValue => "RFC 4575 §6",
        DeviationCode::NotifyBeforeResponse | DeviationCode::ErrorAfterNotify => {
            "RFC 6665 §4.1.2.4, SUB-21"
        }
        DeviationCode::NotifyWithoutState => "RFC 6665 §4.1.3, SUB-29",
        DeviationCode::CseqOrder => "RFC 3261 §12.2.2, SUB-30",
        DeviationCode::ContactMissing => "RFC 3261 §12.1.1, OMA-12",
        DeviationCode::EventId => "RFC 6665 §8.2.1, SUB-23",
        DeviationCode::WrongContentType => "RFC 6665 §4.1.3, SUB-34",
        DeviationCode::ExpiresLongerThanAsked | DeviationCode::ExpiresTooShort => {
            "RFC 6665 §4.2.1.1, SUB-45"
        }
        DeviationCode::UnknownState => "RFC 6665 §4.1.3, SUB-65",
        DeviationCode::RecordRoute => "RFC 3261 §12.1.1, SUB-24",
        DeviationCode::ForeignFlow => "SEC-03",
        DeviationCode::AcceptedThenSilent => "RFC 6665 §4.1.2.4, SUB-42",
        _ => "RFC 4575 §4",
    }
}
