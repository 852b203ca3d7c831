//! Departures of a notifier from its standards, each reported once per subscription.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What a notifier does otherwise than its standards say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum DeviationCode {
            $($(#[$doc])* $variant,)*
        }

        impl DeviationCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it is written in reports.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The root `conference-info` is in no namespace (RFC 4575 §4.2).
    NoNamespace = "no-namespace",
    /// The root is not `conference-info` of RFC 4575.
    NotConferenceInfo = "not-conference-info",
    /// Not well-formed, not UTF-8, with a DOCTYPE, or over a limit.
    MalformedBody = "malformed-body",
    /// The conference is not named by the root (RFC 4575 §5.2), or a sidebar not by its entry.
    MissingEntity = "missing-entity",
    /// The root names the conference without scheme.
    EntityWithoutScheme = "entity-without-scheme",
    /// The root names another conference than the one subscribed to.
    EntityMismatch = "entity-mismatch",
    /// No readable version (RFC 4575 §4.3).
    MissingVersion = "missing-version",
    /// A version that is not above the one held (RFC 4575 §5.2).
    VersionNotIncreasing = "version-not-increasing",
    /// A partial document with a version above the next one (RFC 4575 §4.6).
    VersionGap = "version-gap",
    /// A partial document before any full one.
    PartialFirst = "partial-first",
    /// `users` said to be full in a partial document, around what was read as a delta.
    UsersFullInPartial = "users-full-in-partial",
    /// A user without key (RFC 4575 §4.5).
    UserWithoutEntity = "user-without-entity",
    /// Two users of one key in a document (RFC 4575 §4.5).
    DuplicateEntity = "duplicate-entity",
    /// An endpoint without key (RFC 4575 §4.5).
    EndpointWithoutEntity = "endpoint-without-entity",
    /// A medium without key (RFC 4575 §4.5).
    MediaWithoutId = "media-without-id",
    /// A value that the schema does not know (RFC 4575 §6).
    UnknownValue = "unknown-value",
    /// A user named by another spelling of its key (RFC 4575 §4.5).
    KeySpelling = "key-spelling",
    /// A NOTIFY before the response to the SUBSCRIBE.
    NotifyBeforeResponse = "notify-before-response",
    /// A NOTIFY without Subscription-State.
    NotifyWithoutState = "notify-without-state",
    /// NOTIFYs out of CSeq order.
    CseqOrder = "cseq-order",
    /// A message without the Contact it must have.
    ContactMissing = "contact-missing",
    /// An `id` on Event that was not asked for.
    EventId = "event-id",
    /// A body of a type that was not accepted.
    WrongContentType = "wrong-content-type",
    /// A longer duration than asked for.
    ExpiresLongerThanAsked = "expires-longer-than-asked",
    /// A life so short that nobody can keep up with it.
    ExpiresTooShort = "expires-too-short",
    /// A Subscription-State that no standard knows.
    UnknownState = "unknown-state",
    /// A NOTIFY, and then an error to the SUBSCRIBE that it belongs to.
    ErrorAfterNotify = "error-after-notify",
    /// A Record-Route that no request can be sent by.
    RecordRoute = "record-route",
    /// A request for an IMS subscription by another way than the registration's.
    ForeignFlow = "foreign-flow",
    /// A subscription accepted but never notified.
    AcceptedThenSilent = "accepted-then-silent",
    /// A message larger than the host takes.
    MessageTooLarge = "message-too-large",
}

impl fmt::Display for DeviationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One departure, as first met in a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Its kind.
    pub code: DeviationCode,
    /// What was met, for people.
    pub detail: String,
}

/// The codes met in a subscription, and those that the document at hand adds.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    seen: u32,
    new: Vec<Deviation>,
}

impl Report {
    /// Notes a departure; `detail` is made only when the code is met for the first time.
    pub(super) fn add(&mut self, code: DeviationCode, detail: impl FnOnce() -> String) {
        let bit = 1 << code as u32;
        if self.seen & bit == 0 {
            self.seen |= bit;
            self.new.push(Deviation {
                code,
                detail: detail(),
            });
        }
    }

    /// The departures noted since the last call.
    pub(super) fn drain(&mut self) -> Vec<Deviation> {
        core::mem::take(&mut self.new)
    }

    /// Forgets what the document at hand has added.
    pub(super) fn retract(&mut self) {
        for deviation in core::mem::take(&mut self.new) {
            self.seen &= !(1 << deviation.code as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_text_and_a_bit_of_its_own() {
        let mut texts: Vec<_> = DeviationCode::ALL.iter().map(|c| c.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), DeviationCode::ALL.len());
        assert!(DeviationCode::ALL.iter().all(|code| (*code as u32) < 32));
    }

    #[test]
    fn a_code_is_reported_once_unless_retracted() {
        let mut report = Report::default();
        report.add(DeviationCode::VersionGap, || "first".into());
        report.add(DeviationCode::VersionGap, || "second".into());
        assert_eq!(report.drain().len(), 1);
        report.add(DeviationCode::UnknownValue, || "third".into());
        report.retract();
        report.add(DeviationCode::VersionGap, || "fourth".into());
        report.add(DeviationCode::UnknownValue, || "fifth".into());
        let details: Vec<_> = report.drain().into_iter().map(|d| d.detail).collect();
        assert_eq!(details, ["fifth"]);
    }
}
