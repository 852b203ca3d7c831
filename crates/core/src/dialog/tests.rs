//! Sequence numbers at their end, and the parts of the dialog that no short scenario reaches (RFC 3261 §8.1.1.5, §12).

use alloc::vec::Vec;

use super::*;

fn dialog() -> Dialog {
    Dialog::new(
        "<sip:alice@example.org>".into(),
        "sip:room@example.org".into(),
        Vec::new(),
        &mut Random::new([1; 32]),
    )
}

fn cseq(dialog: &mut Dialog) -> u32 {
    let (request, _) = dialog.request(Headers::new(), Vec::new(), None);
    let cseq = request.headers.get("CSeq").and_then(header::cseq);
    cseq.unwrap().0
}

/// A dialog is given up before its numbers are used up, with some left for its end; none is ever too high.
#[test]
fn sequence_numbers_have_an_end() {
    let mut dialog = dialog();
    assert_eq!(cseq(&mut dialog), 1);
    assert_eq!(cseq(&mut dialog), 2);
    assert!(!dialog.is_exhausted());
    dialog.local_cseq = CSEQ_MAX - CSEQ_RESERVE - 1;
    assert!(!dialog.is_exhausted());
    cseq(&mut dialog);
    assert!(dialog.is_exhausted());
    for _ in 0..2 * CSEQ_RESERVE {
        assert!(cseq(&mut dialog) <= CSEQ_MAX);
    }
}

/// A body is part of what is authorised, where the server asks for that (RFC 7616 §3.4.3).
#[test]
fn the_body_is_protected() {
    let response = Response {
        status: 401,
        reason: String::new(),
        headers: [(
            "WWW-Authenticate",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        )]
        .into_iter()
        .collect(),
        body: Vec::new(),
    };
    let credentials = Credentials {
        username: "alice".into(),
        password: "secret".into(),
    };
    let answer = |body: &[u8]| {
        let mut dialog = dialog();
        assert!(dialog.handle_challenge(&response, &mut Random::new([2; 32])));
        let (request, _) = dialog.request(Headers::new(), body.into(), Some(&credentials));
        request.headers.get("Authorization").unwrap().to_string()
    };
    assert_eq!(answer(b"one"), answer(b"one"));
    assert_ne!(answer(b"one"), answer(b"two"));
}

/// SEC-18: no more realms are answered than there is room for, in one response or over several.
#[test]
fn realms_without_end_have_one() {
    let mut dialog = dialog();
    let mut random = Random::new([3; 32]);
    let mut answered = 0;
    for n in 0..20 {
        let challenge = format!("Digest realm=\"r{n}\", nonce=\"n\"");
        let response = Response {
            status: 407,
            reason: String::new(),
            headers: [("Proxy-Authenticate", challenge)].into_iter().collect(),
            body: Vec::new(),
        };
        answered += usize::from(dialog.handle_challenge(&response, &mut random));
    }
    assert_eq!(answered, MAX_AUTHORIZATIONS);
    assert_eq!(dialog.authorizations.len(), MAX_AUTHORIZATIONS);
}

/// SUB-12: an answer that is refused is the last; a nonce that is stale is answered once more.
#[test]
fn a_challenge_is_answered_once_and_a_stale_nonce_once_more() {
    for (stale, most) in [("", 1), (", stale=true", 2)] {
        let challenge = format!("Digest realm=\"r\", nonce=\"n\"{stale}");
        let response = Response {
            status: 401,
            reason: String::new(),
            headers: [("WWW-Authenticate", challenge)].into_iter().collect(),
            body: Vec::new(),
        };
        let (mut dialog, mut random) = (dialog(), Random::new([4; 32]));
        let answers = (0..5).filter(|_| dialog.handle_challenge(&response, &mut random));
        assert_eq!(answers.count(), most, "a challenge{stale}");
    }
}

/// SUB-39, SUB-52: a 2xx moves the target of its own dialog; that of another fork moves nothing.
#[test]
fn a_success_moves_the_target_of_its_own_dialog() {
    let mut dialog = dialog();
    for (tag, contact, target) in [
        ("f", "<sip:a@192.0.2.1>", "sip:a@192.0.2.1"),
        ("f", "<sip:b@192.0.2.1>", "sip:b@192.0.2.1"),
        ("g", "<sip:c@192.0.2.1>", "sip:b@192.0.2.1"),
    ] {
        let taken = dialog.handle_success(&Response {
            status: 200,
            reason: String::new(),
            headers: [
                ("To", format!("<sip:room@example.org>;tag={tag}")),
                ("Contact", contact.to_string()),
            ]
            .into_iter()
            .collect(),
            body: Vec::new(),
        });
        assert_eq!(taken.other_fork, tag == "g");
        assert_eq!(&*dialog.remote_target, target);
    }
}
