//! Calls that come to nothing, in front of a focus of bare text: nobody answers, a challenge, a refusal (RFC 3261 §9.1, §22).

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rollmark_tests::process::run_dir;
use rollmark_tests::watch::Watch;

const ROOM: &str = "sip:room@im.test";
const ALICE: &str = "sip:alice@im.test";

struct Focus(UdpSocket);

impl Focus {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(socket)
    }

    fn join(&self, more: &[&str]) -> Watch {
        let server = self.0.local_addr().unwrap().to_string();
        let mut args = vec!["watch", ROOM, "--as", ALICE, "--server", &server, "--join"];
        args.extend(more);
        Watch::start(&args)
    }

    /// The next request.
    fn next(&self) -> (String, SocketAddr) {
        let mut buffer = [0; 65_535];
        let (length, from) = loop {
            match self.0.recv_from(&mut buffer) {
                // A child of the test has ended.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.expect("a request"),
            }
        };
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        (text, from)
    }

    /// The next request of this method; repetitions of others are passed over.
    fn expect(&self, method: &str) -> (String, SocketAddr) {
        loop {
            let next = self.next();
            if next.0.starts_with(&format!("{method} ")) {
                return next;
            }
        }
    }

    fn answer(&self, request: &(String, SocketAddr), status: &str, more: &str) {
        self.answer_with(request, status, more, "");
    }

    fn answer_with(
        &self,
        (request, from): &(String, SocketAddr),
        status: &str,
        more: &str,
        body: &str,
    ) {
        let header = |name| format!("{name}: {}\r\n", header(request, name));
        let text = format!(
            "SIP/2.0 {status}\r\n{}{}To: {};tag=f\r\n{}{}{more}Content-Length: {}\r\n\r\n{body}",
            header("Via"),
            header("From"),
            crate::header(request, "To"),
            header("Call-ID"),
            header("CSeq"),
            body.len(),
        );
        self.0.send_to(text.as_bytes(), from).unwrap();
    }

    fn contact(&self) -> String {
        format!(
            "Contact: <sip:f@{}>;isfocus\r\n",
            self.0.local_addr().unwrap()
        )
    }

    /// Accepts the call, with a stream for messages.
    fn let_in(&self, invite: &(String, SocketAddr)) {
        let more = format!("{}Content-Type: application/sdp\r\n", self.contact());
        let answer = "v=0\r\no=f 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
            m=message 9 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://127.0.0.1:9/f;tcp\r\n";
        self.answer_with(invite, "200 OK", &more, answer);
    }
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map_or("", |(_, value)| value.trim())
}

/// SW-13, RFC 3261 §9.1: who does not wait for the focus cancels his call: the same branch, the same CSeq number, and the 487 is
/// acknowledged.
#[test]
fn a_call_that_is_not_waited_for_is_cancelled() {
    let focus = Focus::new();
    let mut watch = focus.join(&[]);
    let invite = focus.expect("INVITE");
    focus.answer(&invite, "180 Ringing", "");
    watch.interrupt();
    let cancel = focus.expect("CANCEL");
    assert_eq!(header(&cancel.0, "Via"), header(&invite.0, "Via"));
    assert_eq!(header(&cancel.0, "Call-ID"), header(&invite.0, "Call-ID"));
    let number = |text| header(text, "CSeq").split(' ').next().unwrap().to_owned();
    assert_eq!(number(&cancel.0), number(&invite.0));
    focus.answer(&cancel, "200 OK", "");
    focus.answer(&invite, "487 Request Terminated", "");
    focus.expect("ACK");
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert!(outcome.events.is_empty(), "{outcome:#?}");
}

/// RFC 3261 §9.1: before the focus has said a word there is nothing to cancel; its first one is waited for.
#[test]
fn a_call_is_not_cancelled_before_the_focus_has_spoken() {
    let focus = Focus::new();
    let mut watch = focus.join(&[]);
    let invite = focus.expect("INVITE");
    watch.interrupt();
    let again = focus.next();
    assert!(again.0.starts_with("INVITE "), "{}", again.0);
    focus.answer(&invite, "180 Ringing", "");
    let cancel = focus.expect("CANCEL");
    focus.answer(&cancel, "200 OK", "");
    focus.answer(&invite, "487 Request Terminated", "");
    focus.expect("ACK");
    assert_eq!(watch.finish().status, Some(0));
}

/// SW-13: a 2xx that crosses the CANCEL makes a session, which the user does not want any more: it is left at once.
#[test]
fn a_call_that_is_answered_while_it_is_cancelled_is_left() {
    let focus = Focus::new();
    let mut watch = focus.join(&[]);
    let invite = focus.expect("INVITE");
    focus.answer(&invite, "180 Ringing", "");
    watch.interrupt();
    focus.expect("CANCEL");
    focus.let_in(&invite);
    focus.expect("ACK");
    let bye = focus.expect("BYE");
    focus.answer(&bye, "200 OK", "");
    assert_eq!(watch.finish().status, Some(0));
}

/// RFC 3261 §22.2: a challenge is answered with a new CSeq in the same call; a refusal is told in one line.
#[test]
fn a_challenge_is_answered_and_a_refusal_told() {
    let focus = Focus::new();
    let password = run_dir("session").join("password.txt");
    std::fs::write(&password, "secret\n").unwrap();
    let mut watch = focus.join(&[
        "--user",
        "alice",
        "--password-file",
        password.to_str().unwrap(),
    ]);
    let first = focus.expect("INVITE");
    assert_eq!(header(&first.0, "Authorization"), "");
    let challenge = "WWW-Authenticate: Digest realm=\"im.test\", nonce=\"n1\", qop=\"auth\"\r\n";
    focus.answer(&first, "401 Unauthorized", challenge);
    focus.expect("ACK");
    let second = focus.expect("INVITE");
    let answer = header(&second.0, "Authorization");
    assert!(
        answer.contains("username=\"alice\"") && answer.contains("nonce=\"n1\""),
        "{answer}"
    );
    assert_eq!(header(&second.0, "Call-ID"), header(&first.0, "Call-ID"));
    assert_eq!(header(&second.0, "CSeq"), "2 INVITE");
    focus.answer(&second, "486 Busy Here", "");
    focus.expect("ACK");
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    outcome.assert_one_line(&[ROOM, "486"]);
}

/// A focus that lets in without messages is no IM conference: it is left at once, by BYE.
#[test]
fn a_session_without_messages_is_left() {
    let focus = Focus::new();
    let mut watch = focus.join(&[]);
    let invite = focus.expect("INVITE");
    focus.answer(&invite, "200 OK", &focus.contact());
    let ack = focus.expect("ACK");
    assert!(header(&ack.0, "To").ends_with(";tag=f"), "{}", ack.0);
    let bye = focus.expect("BYE");
    assert_eq!(header(&bye.0, "CSeq"), "2 BYE");
    focus.answer(&bye, "200 OK", "");
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    outcome.assert_one_line(&[ROOM, "messages"]);
}
