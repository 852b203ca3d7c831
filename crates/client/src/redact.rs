//! What a log must not show of anybody: identities, access networks, call-info (RFC 7315 §6.4, SEC-16).

use std::fmt;

use rollmark_core::host::{Action, Fact};
use rollmark_core::message::{Headers, Request, Response};

/// Headers whose values a log may show: they name nobody and nothing of his.
const SHOWN: [&str; 10] = [
    "Accept",
    "Content-Type",
    "CSeq",
    "Event",
    "Expires",
    "Max-Forwards",
    "Min-Expires",
    "Require",
    "Retry-After",
    "Subscription-State",
];

/// What goes into a log, without what it says of people: the one way in which this project's crates log a URI, a message
/// or an action. Of a URI it leaves scheme, host and port; of a message the method or status and the headers that name
/// nobody, the other ones by name only; of a body its length.
#[derive(Clone, Copy)]
pub struct Redacted<T>(pub T);

impl fmt::Display for Redacted<&str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once(':') else {
            return f.write_str("***");
        };
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return write!(f, "{scheme}:***");
        }
        // The last @ ends the user; an escaped one is %40.
        let (user, host) = match rest.rsplit_once('@') {
            Some((_, host)) => ("***@", host),
            None => ("", rest),
        };
        let host = host.split([';', '?', '>']).next().unwrap_or_default();
        write!(f, "{scheme}:{user}{host}")
    }
}

impl fmt::Debug for Redacted<&str> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Redacted<&Headers> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for header in self.0.iter() {
            let shown = SHOWN
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&header.name));
            let value = if shown { &header.value } else { "***" };
            map.entry(&header.name, &format_args!("{value}"));
        }
        map.finish()
    }
}

impl fmt::Debug for Redacted<&Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request {
            method,
            uri,
            headers,
            body,
        } = self.0;
        let uri = Redacted(uri.as_str());
        let (headers, length) = (Redacted(headers), body.len());
        write!(f, "{method} {uri} {headers:?} body of {length} bytes")
    }
}

impl fmt::Debug for Redacted<&Response> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, headers) = (self.0.status, Redacted(&self.0.headers));
        write!(f, "{status} {headers:?}")
    }
}

impl fmt::Debug for Redacted<&Action> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Action::Send {
                transaction,
                request,
                next_hop,
            } => {
                let (request, next_hop) = (Redacted(request), Redacted(next_hop.as_str()));
                write!(f, "send {} by {next_hop}: {request:?}", transaction.0)
            }
            Action::Subscribe {
                subscription,
                target,
                headers,
                ..
            } => {
                let (target, headers) = (Redacted(target.as_str()), Redacted(headers));
                write!(f, "subscribe {} to {target} {headers:?}", subscription.0)
            }
            Action::Refresh {
                subscription,
                headers,
                ..
            } => write!(f, "refresh {} {:?}", subscription.0, Redacted(headers)),
            Action::Unsubscribe {
                subscription,
                headers,
            } => write!(f, "unsubscribe {} {:?}", subscription.0, Redacted(headers)),
            Action::Forget { subscription } => write!(f, "forget {}", subscription.0),
            Action::Register { trouble, .. } => write!(f, "register: {trouble:?}"),
        }
    }
}

impl fmt::Debug for Redacted<&Fact> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Fact::Response {
                transaction,
                response,
            } => write!(f, "answer to {}: {:?}", transaction.0, Redacted(response)),
            Fact::DialogResponse {
                subscription,
                response,
            } => write!(f, "answer in {}: {:?}", subscription.0, Redacted(response)),
            other => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollmark_core::host::TransactionId;

    /// SEC-16: whatever spelling, nobody's name is left.
    #[test]
    fn a_redacted_uri_names_nobody() {
        for (uri, shown) in [
            ("sip:alice@example.org;user=phone", "sip:***@example.org"),
            (
                "sips:a:secret@example.org:5061?x=alice",
                "sips:***@example.org:5061",
            ),
            ("sip:example.org;lr", "sip:example.org"),
            ("tel:+12125551234", "tel:***"),
            ("alice", "***"),
            ("sip:a@b@alice.example", "sip:***@alice.example"),
        ] {
            assert_eq!(Redacted(uri).to_string(), shown);
        }
    }

    /// SEC-16: identities, P-Access-Network-Info and documents are not in what is logged of an action.
    #[test]
    fn a_redacted_action_names_nobody() {
        let headers: Headers = [
            ("From", "\"Alice Liddell\" <sip:alice@example.org>;tag=1"),
            ("To", "<sip:bookclub@example.org>"),
            (
                "P-Access-Network-Info",
                "3GPP-UTRAN-TDD;utran-cell-id-3gpp=C359",
            ),
            ("P-Preferred-Identity", "<tel:+12125551234>"),
            ("Authorization", "Digest username=\"alice\""),
            ("Contact", "<sip:alice@192.0.2.1>"),
            ("Call-ID", "callid77"),
            ("Expires", "3600"),
        ]
        .into_iter()
        .collect();
        let action = Action::Send {
            transaction: TransactionId(7),
            request: Request {
                method: "SUBSCRIBE".into(),
                uri: "sip:bookclub@example.org".into(),
                headers,
                body: b"alice".to_vec(),
            },
            next_hop: "sip:alice@192.0.2.9;lr".into(),
        };
        let text = format!("{:?}", Redacted(&action));
        for secret in [
            "lice",
            "bookclub",
            "utran",
            "C359",
            "1212",
            "callid77",
            "192.0.2.1>",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for shown in ["SUBSCRIBE", "Expires", "3600", "From", "192.0.2.9"] {
            assert!(text.contains(shown), "{shown} in {text}");
        }
    }
}
