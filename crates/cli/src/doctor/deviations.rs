//! What each departure of a server means, in one line, with the clause that has it otherwise.

use rollmark::core::conference::DeviationCode as Code;

/// What it means, and what the server is to do.
pub(crate) fn meaning(code: Code) -> &'static str {
    match code {
        Code::NoNamespace => {
            "the document names no XML namespace: put conference-info into urn:ietf:params:xml:ns:conference-info (RFC 4575 §4.2)"
        }
        Code::NotConferenceInfo => {
            "the document is of another kind: its root must be conference-info (RFC 4575 §4.2)"
        }
        Code::MalformedBody => {
            "the document cannot be read as XML: send well-formed XML in UTF-8, without DOCTYPE (RFC 4575 §4.1)"
        }
        Code::MissingEntity => {
            "the document does not say which conference it is about: set the attribute entity (RFC 4575 §5.2)"
        }
        Code::EntityWithoutScheme => {
            "the document names the conference without sip: or sips: in the attribute entity (RFC 4575 §5.2)"
        }
        Code::EntityMismatch => {
            "the document is about another conference than the one subscribed to: the attribute entity must be its URI (RFC 4575 §5.2)"
        }
        Code::MissingVersion => {
            "the document has no readable version: without it lost documents cannot be noticed (RFC 4575 §4.3)"
        }
        Code::VersionNotIncreasing => {
            "a version is not above the one before: count one up with each document of a subscription (RFC 4575 §5.2)"
        }
        Code::VersionGap => {
            "a version is missing: a document was lost on the way, or the server counts for all its subscribers together (RFC 4575 §4.6)"
        }
        Code::PartialFirst => {
            "the first document of a subscription is partial: it must be full (RFC 4575 §3.5, RFC 6665 §4.2.2)"
        }
        Code::UsersFullInPartial => {
            "a partial document says that its users are all there are, and lists but those that changed: set state=\"partial\" on users (RFC 4575 §4.4)"
        }
        Code::UserWithoutEntity => {
            "a user has no URI, by which he is known: set the attribute entity (RFC 4575 §4.5)"
        }
        Code::DuplicateEntity => {
            "two users of one document have the same URI, by which they are known (RFC 4575 §4.5)"
        }
        Code::EndpointWithoutEntity => {
            "an endpoint has no URI, by which it is known: set the attribute entity (RFC 4575 §4.5)"
        }
        Code::MediaWithoutId => "a medium has no id, by which it is known (RFC 4575 §4.5)",
        Code::UnknownValue => "an element has a value that the schema does not know (RFC 4575 §6)",
        Code::KeySpelling => {
            "a user is named by another spelling of his URI than before: spell it the same way each time (RFC 4575 §4.5)"
        }
        Code::NotifyBeforeResponse => {
            "a NOTIFY came before the answer to the SUBSCRIBE: allowed, but many clients stumble (RFC 6665 §4.1.3)"
        }
        Code::NotifyWithoutState => "a NOTIFY has no Subscription-State (RFC 6665 §4.1.3)",
        Code::CseqOrder => {
            "NOTIFYs came out of order: send the next one only after the answer to the one before (RFC 6665 §4.2.2, RFC 3261 §12.2.1.1)"
        }
        Code::ContactMissing => {
            "a message that makes a dialog has no Contact, so nothing can be sent back (RFC 3261 §12.1.1)"
        }
        Code::EventId => "a NOTIFY has an id on Event that was not asked for (RFC 6665 §8.2.1)",
        Code::WrongContentType => {
            "the body is of a type that was not asked for: send application/conference-info+xml (RFC 4575 §3.5, RFC 6665 §4.2.2)"
        }
        Code::ExpiresLongerThanAsked => {
            "a longer life was granted than asked for (RFC 6665 §4.2.1.1)"
        }
        Code::ExpiresTooShort => {
            "so short a life was granted that nobody can keep up with it (RFC 6665 §4.2.1.1)"
        }
        Code::UnknownState => {
            "Subscription-State is none of active, pending and terminated (RFC 6665 §4.1.3)"
        }
        Code::ErrorAfterNotify => {
            "a NOTIFY came, and then an error to the SUBSCRIBE that it belongs to (RFC 6665 §4.1.2.4)"
        }
        Code::RecordRoute => {
            "Record-Route holds something that no request can be sent by (RFC 3261 §16.6)"
        }
        Code::ForeignFlow => {
            "a NOTIFY came by another way than through the P-CSCF (TS 24.229 §5.1.1.1A)"
        }
        Code::AcceptedThenSilent => {
            "the subscription was accepted, and then no NOTIFY came (RFC 6665 §4.2.1.2)"
        }
        Code::MessageTooLarge => {
            "a message is too large for the SIP stack of this host, so it was not read: send partial documents, or fewer details of each user (RFC 3261 §18.1.1, RFC 4575 §3.5)"
        }
        _ => "a departure that this version of the doctor has no words for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_departure_is_explained_with_its_clause() {
        for code in Code::ALL {
            assert!(meaning(*code).contains(" §"), "{code}");
        }
    }
}
