//! What rsip's parser reads otherwise than ours, case by case; the limits that the crate's documentation names.

mod shared;

use rollmark::core::header::{Address, addresses, cseq, delta_seconds};
use rollmark::core::uri::Uri;
use rollmark_rsip::{ReadError, convert, read};
use rsip::prelude::*;
use rsip::{Header, SipMessage};

use shared::joined;

/// What rsip makes of a header's value; "error" where it makes nothing.
fn theirs(name: &str, value: &str) -> String {
    let shown = |display: Option<&str>, uri: &rsip::Uri, params: &[rsip::Param]| {
        let joined =
            |params: &[rsip::Param]| params.iter().map(ToString::to_string).collect::<String>();
        let host = uri.host().to_string();
        line(
            display,
            uri.user(),
            &host,
            &joined(&uri.params),
            &joined(params),
        )
    };
    let read = match convert::header_to_rsip(name, value) {
        Header::From(from) => from
            .typed()
            .map(|a| shown(a.display_name.as_deref(), &a.uri, &a.params)),
        Header::Contact(contact) => contact
            .typed()
            .map(|a| shown(a.display_name.as_deref(), &a.uri, &a.params)),
        Header::RecordRoute(route) => route.typed().map(|list| {
            let all = list.uris().iter().map(|a| shown(None, &a.uri, &a.params));
            all.collect::<Vec<_>>().join(" and ")
        }),
        Header::CSeq(cseq) => cseq.typed().map(|cseq| cseq.to_string()),
        Header::Expires(expires) => expires.seconds().map(|seconds| seconds.to_string()),
        other => panic!("{other} is not compared"),
    };
    read.unwrap_or_else(|_| "error".to_owned())
}

/// What we make of it.
fn ours(name: &str, value: &str) -> String {
    let error = || "error".to_owned();
    let shown = |address: &Address| match Uri::parse(&address.uri) {
        Ok(uri) => {
            let host = uri.host().or(uri.number()).unwrap_or_default();
            let params = address
                .params
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()));
            line(
                address.display.as_deref(),
                uri.user(),
                host,
                &joined(uri.params()),
                &joined(params),
            )
        }
        Err(_) => error(),
    };
    match name {
        "CSeq" => cseq(value).map_or_else(error, |(number, method)| format!("{number} {method}")),
        "Expires" => delta_seconds(value).map_or_else(error, |seconds| seconds.to_string()),
        _ => {
            let all = addresses(std::iter::once(value));
            all.iter().map(shown).collect::<Vec<_>>().join(" and ")
        }
    }
}

fn line(
    display: Option<&str>,
    user: Option<&str>,
    host: &str,
    uri_params: &str,
    params: &str,
) -> String {
    let user = user.map(|user| format!("{user} at ")).unwrap_or_default();
    let display = display.unwrap_or_default();
    format!("[{display}] {user}{host}{uri_params} {params}")
        .trim_end()
        .to_owned()
}

/// Values that RFC 3261 allows and that rsip reads otherwise than we do: what is different, header, value, rsip's reading,
/// ours. Every one of them is rsip's fault or limit.
const DIFFERENCES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "a dot in the user",
        "From",
        "<sip:alice.smith@example.org>;tag=1",
        "[] alice.smith@example.org ;tag=1",
        "[] alice.smith at example.org ;tag=1",
    ),
    (
        "IPv6 address",
        "From",
        "<sip:alice@[2001:db8::1]:5070>;tag=1",
        "error",
        "[] alice at [2001:db8::1] ;tag=1",
    ),
    (
        "tel URI",
        "From",
        "<tel:+12125551212>;tag=1",
        "error",
        "[] +12125551212 ;tag=1",
    ),
    (
        "URI headers",
        "Contact",
        "<sip:a@example.org?subject=x>",
        "[] a at example.org?subject=x",
        "[] a at example.org",
    ),
    (
        "capitals in a parameter's name",
        "From",
        "<sip:a@example.org>;TAG=1",
        "[] a at example.org ;tag=1",
        "[] a at example.org ;TAG=1",
    ),
    (
        "quoted display name",
        "From",
        "\"A\" <sip:a@example.org>;tag=1",
        "[\"A\"] a at example.org ;tag=1",
        "[A] a at example.org ;tag=1",
    ),
    (
        "escaped quote in the display name",
        "From",
        "\"A \\\"B\\\" C\" <sip:a@example.org>;tag=1",
        "[\"A \\\"B\\\" C\"] a at example.org ;tag=1",
        "[A \"B\" C] a at example.org ;tag=1",
    ),
    (
        "angle bracket in the display name",
        "From",
        "\"A <B\" <sip:a@example.org>;tag=1",
        "[\"A] B\" <sip at example.org ;tag=1",
        "[A <B] a at example.org ;tag=1",
    ),
    (
        "blank before a parameter",
        "From",
        "<sip:a@example.org> ;tag=1",
        "error",
        "[] a at example.org ;tag=1",
    ),
    (
        "blank after a semicolon",
        "From",
        "<sip:a@example.org>; tag=1",
        "error",
        "[] a at example.org ;tag=1",
    ),
    (
        "quoted parameter",
        "Contact",
        "<sip:a@example.org>;+sip.instance=\"<urn:uuid:1>\"",
        "error",
        "[] a at example.org ;+sip.instance=<urn:uuid:1>",
    ),
    (
        "colon in a URI parameter",
        "Contact",
        "<sip:a@example.org;gr=urn:uuid:1>;q=0.5",
        "[] a at example.org;gr=urn ;q=0.5",
        "[] a at example.org;gr=urn:uuid:1 ;q=0.5",
    ),
    (
        "several contacts",
        "Contact",
        "<sip:a@example.org>, <sip:b@example.org>",
        "error",
        "[] a at example.org and [] b at example.org",
    ),
    ("star", "Contact", "*", "[] *", ""),
    (
        "transport in small letters",
        "Contact",
        "<sip:a@example.org>;transport=tcp",
        "[] a at example.org ;transport=TCP",
        "[] a at example.org ;transport=tcp",
    ),
    (
        "unknown transport",
        "Contact",
        "<sip:a@example.org>;transport=quic",
        "error",
        "[] a at example.org ;transport=quic",
    ),
    (
        "quoted parameter of a route",
        "Record-Route",
        "<sip:p1.example.org;lr>;x=\"a,b\"",
        "error",
        "[] p1.example.org;lr ;x=a,b",
    ),
    ("tab in CSeq", "CSeq", "7\tNOTIFY", "error", "7 NOTIFY"),
    ("unknown method", "CSeq", "7 PING", "error", "7 PING"),
    (
        "method in small letters",
        "CSeq",
        "7 notify",
        "7 NOTIFY",
        "7 notify",
    ),
    (
        "expires with a parameter",
        "Expires",
        "3600;x",
        "error",
        "3600",
    ),
    (
        "expires beyond 32 bits",
        "Expires",
        "4294967296",
        "error",
        "4294967295",
    ),
];

#[test]
fn every_known_difference_is_as_listed() {
    for (what, name, value, rsip, core) in DIFFERENCES {
        assert_ne!(rsip, core, "{what}: no difference");
        assert_eq!(theirs(name, value), *rsip, "rsip: {what}: {value}");
        assert_eq!(ours(name, value), *core, "core: {what}: {value}");
    }
}

const LINE: &str = "NOTIFY sip:alice@example.org SIP/2.0\r\n";
const HEADERS: &str = "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nCSeq: 1 NOTIFY\r\n";

/// Messages that RFC 3261 allows, or that are met all the same, and that rsip's parser refuses whole.
#[test]
fn what_rsip_refuses_whole_is_read() {
    let messages: [(&str, Vec<u8>); 8] = [
        (
            "folded line",
            format!("{LINE}{HEADERS}Event: conference\r\n ;id=1\r\n\r\n").into(),
        ),
        (
            "blank before the colon",
            format!("{LINE}{HEADERS}Event : conference\r\n\r\n").into(),
        ),
        (
            "lone LF",
            format!("{LINE}{HEADERS}\r\n").replace('\r', "").into(),
        ),
        (
            "line without colon",
            format!("{LINE}{HEADERS}nonsense\r\n\r\n").into(),
        ),
        (
            "no UTF-8",
            [
                LINE.as_bytes(),
                HEADERS.as_bytes(),
                b"Subject: \xff\r\n\r\n",
            ]
            .concat(),
        ),
        (
            "line end before it",
            format!("\r\n{LINE}{HEADERS}\r\n").into(),
        ),
        (
            "tel Request-URI",
            format!("{LINE}{HEADERS}\r\n")
                .replace("sip:alice@example.org", "tel:+12125551212")
                .into(),
        ),
        (
            "IPv6 Request-URI",
            format!("{LINE}{HEADERS}\r\n")
                .replace("alice@example.org", "[2001:db8::1]")
                .into(),
        ),
    ];
    for (what, message) in messages {
        assert!(
            SipMessage::try_from(message.clone()).is_err(),
            "rsip reads it: {what}"
        );
        let SipMessage::Request(request) = read(&message).unwrap() else {
            panic!("a request: {what}");
        };
        assert!(
            request.via_header().is_ok() && request.cseq_header().is_ok(),
            "{what}"
        );
    }
}

/// Messages that rsip's parser takes, and misreads.
#[test]
fn what_rsip_misreads_whole_is_read() {
    let request = |message: SipMessage| rsip::Request::try_from(message).unwrap();
    let both = |text: &str| {
        (
            request(SipMessage::try_from(text).unwrap()),
            read(text.as_bytes()).map(request),
        )
    };
    let (theirs, ours) = both(&format!("{LINE}{HEADERS}\r\n").replace("Via:", "v:"));
    assert!(theirs.via_header().is_err());
    assert!(ours.unwrap().via_header().is_ok());
    let (theirs, ours) = both(&format!("{LINE}{HEADERS}Content-Length: 3\r\n\r\n123456"));
    assert_eq!(
        (theirs.body, ours.unwrap().body),
        (b"123456".to_vec(), b"123".to_vec())
    );
    // A short number passes for a port.
    let (theirs, ours) =
        both(&format!("{LINE}{HEADERS}\r\n").replace("sip:alice@example.org", "tel:112"));
    assert_eq!(theirs.uri.host().to_string(), "tel");
    assert_eq!(ours.unwrap().uri.host().to_string(), "tel:112");
    let (theirs, ours) = both(&format!("{LINE}{HEADERS}Event: confe"));
    assert!(theirs.cseq_header().is_err());
    assert_eq!(ours, Err(ReadError::Incomplete));
}
