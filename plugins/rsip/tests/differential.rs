//! rsip's parser and ours on the same well-formed messages: both read them alike.

mod shared;

use std::fmt::Display;

use proptest::prelude::*;
use rollmark::core::header::{Address, Event, addresses, cseq, delta_seconds, tag};
use rollmark::core::uri::Uri;
use rollmark_rsip::{bytes, convert, read};
use rsip::prelude::*;
use rsip::typed::{CSeq, Contact, From, RecordRoute, To};
use rsip::{Header, SipMessage};

use shared::joined;

/// A message within rsip's ability, by the values of its headers.
#[derive(Clone, Debug)]
struct Written {
    method: &'static str,
    uri: String,
    from: String,
    to: String,
    call_id: String,
    cseq: u32,
    contact: String,
    expires: u32,
    record_route: String,
    event: String,
    body: String,
}

impl Written {
    fn text(&self) -> String {
        let Self {
            method,
            uri,
            from,
            to,
            call_id,
            cseq,
            contact,
            expires,
            record_route,
            event,
            body,
        } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             Record-Route: {record_route}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: {contact}\r\nEvent: {event}\r\nSubscription-State: active;expires={expires}\r\n\
             Expires: {expires}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9.!%*_+`'~-]{0,11}"
}

fn uri() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z]([a-z0-9-]{0,6}[a-z0-9])?(\\.[a-z]{2,6}){0,2}",
        any::<[u8; 4]>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
    ];
    let user = "([a-z0-9_+-]{1,10}(:[a-z0-9]{1,5})?@)?";
    let port = prop_oneof![
        Just(String::new()),
        (1..=u16::MAX).prop_map(|p| format!(":{p}"))
    ];
    let param = prop_oneof![
        Just(";lr".to_owned()),
        Just(";transport=TCP".to_owned()),
        Just(";user=phone".to_owned()),
        Just(";maddr=192.0.2.7".to_owned()),
        "[a-z]{1,6}".prop_map(|name| format!(";x{name}")),
        "[a-z]{1,6}=[a-zA-Z0-9-]{1,6}".prop_map(|param| format!(";x{param}")),
    ];
    let params = prop::collection::vec(param, 0..3).prop_map(|params| params.concat());
    (prop::bool::ANY, user, host, port, params).prop_map(|(secure, user, host, port, params)| {
        let scheme = if secure { "sips" } else { "sip" };
        format!("{scheme}:{user}{host}{port}{params}")
    })
}

/// An address in angle brackets, with or without a display name.
fn address(params: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let display = prop_oneof![
        Just(String::new()),
        "[A-Z][a-z]{0,8} ",
        "\"[A-Za-z0-9 ;,:@.]{1,12}\" ",
    ];
    (display, uri(), params).prop_map(|(display, uri, params)| format!("{display}<{uri}>{params}"))
}

fn tagged() -> impl Strategy<Value = String> {
    let params = (token(), "(;x[a-z]{1,5}(=[a-z0-9]{1,5})?)?");
    address(params.prop_map(|(tag, other)| format!(";tag={tag}{other}")))
}

fn written() -> impl Strategy<Value = Written> {
    let methods = prop::sample::select(vec!["SUBSCRIBE", "NOTIFY", "OPTIONS", "REGISTER"]);
    let contact = prop_oneof![
        Just(String::new()),
        any::<u32>().prop_map(|s| format!(";expires={s}")),
        (0..=1000u16).prop_map(|q| format!(";q={}.{:03}", q / 1000, q % 1000)),
    ];
    let route = (uri(), "(;x[a-z]{1,5}(=[a-z0-9]{1,5})?)?")
        .prop_map(|(uri, params)| format!("<{uri}>{params}"));
    let routes = prop::collection::vec(route, 1..4).prop_map(|routes| routes.join(", "));
    let event = ("[a-z]{1,9}(\\.[a-z]{1,5})?", prop::option::of(token())).prop_map(
        |(package, id)| match id {
            Some(id) => format!("{package};id={id}"),
            None => package,
        },
    );
    let names = (
        methods,
        uri(),
        tagged(),
        tagged(),
        "[a-z0-9]{1,8}@[a-z0-9]{1,8}",
    );
    let rest = (
        any::<u32>(),
        address(contact),
        any::<u32>(),
        routes,
        event,
        "[ -~]{0,40}",
    );
    (names, rest).prop_map(
        |(
            (method, uri, from, to, call_id),
            (cseq, contact, expires, record_route, event, body),
        )| {
            Written {
                method,
                uri,
                from,
                to,
                call_id,
                cseq,
                contact,
                expires,
                record_route,
                event,
                body,
            }
        },
    )
}

/// User, host, port and parameters of a URI of rsip's are those that we read.
fn same_uri(theirs: &rsip::Uri, text: &str) {
    let ours = Uri::parse(text).unwrap();
    assert_eq!(theirs.user(), ours.user(), "{text}");
    assert_eq!(theirs.host().to_string(), ours.host().unwrap(), "{text}");
    assert_eq!(
        theirs.port().map(|port| *port.value()),
        ours.port(),
        "{text}"
    );
    let params = joined(ours.params());
    assert_eq!(
        theirs
            .params
            .iter()
            .map(ToString::to_string)
            .collect::<String>(),
        params,
        "{text}"
    );
    assert_eq!(theirs.to_string(), text);
}

/// The same address: display name, URI, parameters.
fn same_address<P: Display>(display: Option<&str>, uri: &rsip::Uri, params: &[P], value: &str) {
    let ours = Address::parse(value).unwrap();
    // rsip leaves the quotes on.
    let display = display.map(|d| d.trim_matches('"').to_owned());
    assert_eq!(display.filter(|d| !d.is_empty()), ours.display, "{value}");
    same_uri(uri, &ours.uri);
    let written = joined(
        ours.params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref())),
    );
    assert_eq!(
        params.iter().map(ToString::to_string).collect::<String>(),
        written,
        "{value}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// What both can read they read alike.
    #[test]
    fn well_formed_messages_are_read_alike(written in written()) {
        let text = written.text();
        let message = SipMessage::try_from(text.as_str()).unwrap();
        // Our own reader of whole messages makes the same of it, and printing loses nothing.
        prop_assert_eq!(&read(text.as_bytes()).unwrap(), &message);
        prop_assert_eq!(bytes(&message), text.as_bytes());

        let request = rsip::Request::try_from(message).unwrap();
        let neutral = convert::request_from_rsip(&request);
        same_uri(&request.uri, &neutral.uri);
        prop_assert_eq!(neutral.method.as_str(), written.method);
        prop_assert_eq!(neutral.body.as_slice(), written.body.as_bytes());

        let from: From = request.from_header().unwrap().typed().unwrap();
        prop_assert_eq!(from.tag().map(|tag| tag.value()), tag(&written.from));
        same_address(from.display_name.as_deref(), &from.uri, &from.params, &written.from);
        let to: To = request.to_header().unwrap().typed().unwrap();
        prop_assert_eq!(to.tag().map(|tag| tag.value()), tag(&written.to));
        same_address(to.display_name.as_deref(), &to.uri, &to.params, &written.to);
        let contact: Contact = request.contact_header().unwrap().typed().unwrap();
        same_address(contact.display_name.as_deref(), &contact.uri, &contact.params, &written.contact);

        let theirs: CSeq = request.cseq_header().unwrap().typed().unwrap();
        let ours = cseq(neutral.headers.get("CSeq").unwrap()).unwrap();
        prop_assert_eq!((theirs.seq, theirs.method.to_string()), (ours.0, ours.1.to_owned()));
        prop_assert_eq!(request.call_id_header().unwrap().value(), written.call_id.as_str());

        let expires = request.expires_header().unwrap();
        prop_assert_eq!(expires.seconds().ok(), delta_seconds(expires.value()));
        let record_route: RecordRoute = request.record_route_header().unwrap().typed().unwrap();
        let ours = addresses(neutral.headers.all("Record-Route"));
        prop_assert_eq!(record_route.uris().len(), ours.len());
        for (theirs, ours) in record_route.uris().iter().zip(&ours) {
            same_uri(&theirs.uri, &ours.uri);
            prop_assert_eq!(theirs.params.len(), ours.params.len());
        }
        let event = neutral.headers.get("Event").unwrap();
        prop_assert_eq!(event, written.event.as_str());
        let (package, id) = written.event.split_once(";id=").map_or((written.event.as_str(), None), |(p, i)| (p, Some(i)));
        prop_assert_eq!(Event::parse(event).unwrap(), Event { package, id });
        // rsip has the type, and its parser never makes it.
        let state = format!("active;expires={}", written.expires);
        prop_assert_eq!(neutral.headers.get("Subscription-State"), Some(state.as_str()));
        let untyped = request.headers.iter().any(|h| matches!(h, Header::SubscriptionState(_)));
        prop_assert!(!untyped);
    }

    /// There and back: nothing of a message is lost.
    #[test]
    fn conversion_there_and_back_loses_nothing(written in written()) {
        let message = read(written.text().as_bytes()).unwrap();
        let neutral = convert::request_from_rsip(&message.try_into().unwrap());
        let there = convert::request_to_rsip(&neutral).unwrap();
        prop_assert_eq!(convert::request_from_rsip(&there), neutral);
    }

    /// Bytes of any kind: no panic, and what is read prints as something that is read alike.
    #[test]
    fn any_bytes_are_read_or_refused(mut text in written().prop_map(|w| w.text().into_bytes()), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        for (place, byte) in edits {
            let place = place.index(text.len());
            text[place] = byte;
        }
        if let Ok(message) = read(&text) {
            let again = read(&bytes(&message));
            prop_assert_eq!(again.as_ref(), Ok(&message));
        }
    }
}
