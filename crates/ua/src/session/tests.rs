//! The dialog of a session, message by message (RFC 3261 §12, §13, §15, §22).

use rollmark::core::digest::Credentials;
use rollmark::core::message::{Headers, Request, Response};

use super::Fault;
use super::dialog::{Dialog, Outcome};

const ROOM: &str = "sip:room@example.org";

fn inviting(route: &[&str]) -> Dialog {
    let route = route.iter().map(|route| (*route).to_owned()).collect();
    Dialog::inviting(
        "sip:alice@example.org",
        ROOM,
        route,
        "c1".into(),
        "a1".into(),
    )
}

fn response(status: u16, headers: &[(&str, &str)]) -> Response {
    Response {
        status,
        reason: "Why".into(),
        headers: headers.iter().copied().collect(),
        body: Vec::new(),
    }
}

fn send(dialog: &mut Dialog, method: &str, credentials: Option<&Credentials>) -> Request {
    dialog.request(method, &Headers::new(), Vec::new(), credentials)
}

fn credentials() -> Credentials {
    Credentials {
        username: "alice".into(),
        password: "secret".into(),
    }
}

const ACCEPTED: [(&str, &str); 4] = [
    ("To", "<sip:room@example.org>;tag=f1"),
    ("Contact", "<sip:s1@192.0.2.9;gr=x>;isfocus"),
    (
        "Record-Route",
        "<sip:p2.example.org;lr>, <sip:p1.example.org;lr>",
    ),
    ("Record-Route", "<sip:p0.example.org;lr>"),
];

/// RFC 3261 §12.1.2, §12.2.1.1, §13.2.2.4: tags, target and the route set turned around; the ACK has the CSeq of its INVITE.
#[test]
fn an_invite_that_is_accepted_makes_a_dialog() {
    let mut dialog = inviting(&["<sip:proxy.example.org;lr>"]);
    assert_eq!(dialog.next_hop(), "sip:proxy.example.org;lr");
    let invite = send(&mut dialog, "INVITE", None);
    assert_eq!(invite.uri, ROOM);
    assert_eq!(invite.headers.get("To"), Some("<sip:room@example.org>"));
    assert_eq!(
        invite.headers.get("Route"),
        Some("<sip:proxy.example.org;lr>")
    );
    let ringing = response(180, &[]);
    assert_eq!(
        dialog.handle_response(&ringing, false, "n"),
        Outcome::Proceeding
    );
    let accepted = response(200, &ACCEPTED);
    assert_eq!(
        dialog.handle_response(&accepted, false, "n"),
        Outcome::Begun
    );
    let ack = send(&mut dialog, "ACK", None);
    assert_eq!(ack.uri, "sip:s1@192.0.2.9;gr=x");
    assert_eq!(ack.headers.get("CSeq"), Some("1 ACK"));
    assert_eq!(ack.headers.get("To"), Some("<sip:room@example.org>;tag=f1"));
    let routes: Vec<_> = ack.headers.all("Route").collect();
    let turned = [
        "<sip:p0.example.org;lr>",
        "<sip:p1.example.org;lr>",
        "<sip:p2.example.org;lr>",
    ];
    assert_eq!(routes, turned);
    assert_eq!(dialog.next_hop(), "sip:p0.example.org;lr");
    let bye = send(&mut dialog, "BYE", None);
    assert_eq!(bye.headers.get("CSeq"), Some("2 BYE"));
}

/// RFC 3261 §22.2, §22.3: each realm is answered once, a proxy's beside a server's; a stale nonce once more; no loop.
#[test]
fn challenges_are_answered_within_bounds() {
    let credentials = credentials();
    let mut dialog = inviting(&[]);
    send(&mut dialog, "INVITE", Some(&credentials));
    let proxy = response(
        407,
        &[("Proxy-Authenticate", "Digest realm=\"p\", nonce=\"1\"")],
    );
    let server = response(
        401,
        &[("WWW-Authenticate", "Digest realm=\"s\", nonce=\"2\"")],
    );
    assert_eq!(dialog.handle_response(&proxy, true, "n"), Outcome::Again);
    assert_eq!(dialog.handle_response(&server, true, "n"), Outcome::Again);
    let invite = send(&mut dialog, "INVITE", Some(&credentials));
    assert_eq!(invite.headers.get("CSeq"), Some("2 INVITE"));
    let proxied = invite.headers.get("Proxy-Authorization").unwrap();
    assert!(proxied.contains("realm=\"p\"") && proxied.contains("username=\"alice\""));
    assert!(
        invite
            .headers
            .get("Authorization")
            .unwrap()
            .contains("realm=\"s\"")
    );
    let stale = response(
        401,
        &[(
            "WWW-Authenticate",
            "Digest realm=\"s\", nonce=\"3\", stale=true",
        )],
    );
    assert_eq!(dialog.handle_response(&stale, true, "n"), Outcome::Again);
    let wrong = Outcome::Refused(Fault::WrongSecret);
    assert_eq!(dialog.handle_response(&server, true, "n"), wrong);
    let mut last = dialog.handle_response(&stale, true, "n");
    for _ in 0..10 {
        last = dialog.handle_response(&stale, true, "n");
    }
    assert_eq!(last, wrong);
    let mut nobody = inviting(&[]);
    let no_secret = Outcome::Refused(Fault::NoSecret);
    assert_eq!(nobody.handle_response(&server, false, "n"), no_secret);
}

/// What is no session, each by its name.
#[test]
fn refusals_and_broken_answers_are_told_apart() {
    let refused = Fault::Refused {
        status: 486,
        reason: "Why".into(),
    };
    for (response, fault) in [
        (response(486, &[]), refused),
        (response(200, &ACCEPTED[..1]), Fault::NoContact),
        (response(200, &ACCEPTED[1..]), Fault::NoContact),
    ] {
        let mut dialog = inviting(&[]);
        send(&mut dialog, "INVITE", None);
        let outcome = dialog.handle_response(&response, false, "n");
        assert_eq!(outcome, Outcome::Refused(fault));
    }
}

fn invite(leave_out: &str) -> Request {
    let headers = [
        ("From", "\"Focus\" <sip:room@example.org>;tag=f1"),
        ("To", "<sip:alice@example.org:5070;transport=tcp>"),
        ("Call-ID", "c9"),
        ("CSeq", "7 INVITE"),
        ("Contact", "<sip:s1@192.0.2.9>;isfocus"),
        (
            "Record-Route",
            "<sip:p1.example.org;lr>,<sip:p2.example.org;lr>",
        ),
    ];
    Request {
        method: "INVITE".into(),
        uri: "sip:alice@192.0.2.1".into(),
        headers: headers
            .iter()
            .filter(|(name, _)| *name != leave_out)
            .copied()
            .collect(),
        body: Vec::new(),
    }
}

/// RFC 3261 §12.1.1: the other side of the dialog, the route set as it came.
#[test]
fn an_invite_that_is_received_makes_a_dialog() {
    let mut dialog = Dialog::invited(&invite(""), "a1".into()).unwrap();
    assert_eq!(
        dialog.local(),
        "<sip:alice@example.org:5070;transport=tcp>;tag=a1"
    );
    let bye = send(&mut dialog, "BYE", None);
    assert_eq!(bye.uri, "sip:s1@192.0.2.9");
    assert_eq!(bye.headers.get("From"), Some(dialog.local()));
    assert_eq!(
        bye.headers.get("To"),
        Some("\"Focus\" <sip:room@example.org>;tag=f1")
    );
    let routes: Vec<_> = bye.headers.all("Route").collect();
    assert_eq!(
        routes,
        ["<sip:p1.example.org;lr>", "<sip:p2.example.org;lr>"]
    );
    for missing in ["From", "To", "Call-ID", "Contact"] {
        assert!(
            Dialog::invited(&invite(missing), "a1".into()).is_none(),
            "{missing}"
        );
    }
}

/// RFC 3261 §12.2.2: what comes late is refused, and nothing of it is carried out.
#[test]
fn requests_of_the_peer_are_taken_in_order() {
    let mut dialog = Dialog::invited(&invite(""), "a1".into()).unwrap();
    for (cseq, status) in [("6 BYE", 500), ("9 BYE", 200), ("8 BYE", 500), ("x", 400)] {
        let headers: Headers = [("CSeq", cseq)].into_iter().collect();
        assert_eq!(dialog.receive(&headers), status, "{cseq}");
    }
    assert_eq!(dialog.receive(&Headers::new()), 400);
}

/// RFC 3261 §12.2.1.1, §16.12.1.2: a route set that begins with a strict router: it is the Request-URI of ACK and BYE, and the
/// focus the last Route; for the answer to a challenge, too.
#[test]
fn a_strict_router_is_the_request_uri() {
    let mut dialog = inviting(&["<sip:proxy.example.org;lr>"]);
    send(&mut dialog, "INVITE", None);
    let accepted = response(
        200,
        &[
            ACCEPTED[0],
            ("Contact", "<sip:s1@192.0.2.9;gr=x?Subject=a>;isfocus"),
            ("Record-Route", "<sip:p1.example.org;lr>"),
            ("Record-Route", "<sip:p0.example.org;transport=tcp>"),
        ],
    );
    assert_eq!(
        dialog.handle_response(&accepted, false, "n"),
        Outcome::Begun
    );
    let next_hop = "sip:p0.example.org;transport=tcp";
    assert_eq!(dialog.next_hop(), next_hop);
    for method in ["ACK", "BYE"] {
        let request = send(&mut dialog, method, None);
        assert_eq!(request.uri, next_hop);
        let routes: Vec<_> = request.headers.all("Route").collect();
        let focus = "<sip:s1@192.0.2.9;gr=x?Subject=a>";
        assert_eq!(routes, ["<sip:p1.example.org;lr>", focus]);
    }
    let challenge = response(
        407,
        &[("Proxy-Authenticate", "Digest realm=\"p\", nonce=\"1\"")],
    );
    assert!(dialog.answers(&challenge, "n"));
    let bye = send(&mut dialog, "BYE", Some(&credentials()));
    let answer = bye.headers.get("Proxy-Authorization").unwrap();
    assert!(answer.contains(&format!("uri=\"{next_hop}\"")), "{answer}");
}

/// RFC 3261 §12.2.1.1: who was called sends by a strict router, too.
#[test]
fn who_was_called_sends_by_a_strict_router() {
    let mut called = invite("Record-Route");
    called.headers.push(
        "Record-Route",
        "<sip:p1.example.org>, <sip:p2.example.org;lr>",
    );
    let mut dialog = Dialog::invited(&called, "a1".into()).unwrap();
    let bye = send(&mut dialog, "BYE", None);
    assert_eq!(bye.uri, "sip:p1.example.org");
    let routes: Vec<_> = bye.headers.all("Route").collect();
    assert_eq!(routes, ["<sip:p2.example.org;lr>", "<sip:s1@192.0.2.9>"]);
}

/// RFC 3261 §12.2, RFC 3311 §5.1: a Contact in the dialog moves its target; one that nothing can be sent to does not.
#[test]
fn a_contact_moves_the_target() {
    let mut dialog = Dialog::invited(&invite(""), "a1".into()).unwrap();
    for (contact, moved) in [
        ("<sip:s1@192.0.2.9>;isfocus", false),
        ("<sip:s2@192.0.2.9>;isfocus", true),
        ("<tel:+15550100>", false),
        ("<sip:s2@192.0.2.9>", false),
        ("<sip:s2@192.0.2.9>;isfocus", true),
    ] {
        let headers: Headers = [("Contact", contact)].into_iter().collect();
        assert_eq!(dialog.refresh_target(&headers), moved, "{contact}");
    }
    assert!(!dialog.refresh_target(&Headers::new()));
    assert_eq!(send(&mut dialog, "BYE", None).uri, "sip:s2@192.0.2.9");
}

/// RFC 3261 §13.3.1.4: an ACK is that of the INVITE with its number.
#[test]
fn an_ack_has_the_number_of_its_invite() {
    let mut dialog = Dialog::invited(&invite(""), "a1".into()).unwrap();
    let ack = |number: &str| -> Headers { [("CSeq", number)].into_iter().collect() };
    assert!(dialog.acknowledges(&ack("7 ACK")));
    assert_eq!(dialog.receive(&ack("8 INVITE")), 200);
    assert!(!dialog.acknowledges(&ack("7 ACK")));
    assert!(dialog.acknowledges(&ack("8 ACK")));
}
