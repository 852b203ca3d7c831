//! Digest answers against the RFCs' own examples and against values of an independent implementation.

use alloc::string::ToString;
use alloc::vec;

use super::*;
use crate::digest::choose;

fn challenge(value: &str) -> Challenge {
    Challenge::parse(value).expect("a challenge")
}

fn credentials(username: &str, password: impl Into<crate::digest::Secret>) -> Credentials {
    Credentials {
        username: username.to_string(),
        password: password.into(),
    }
}

/// The value of one parameter of an answer, unquoted.
fn param(answer: &str, wanted: &str) -> Option<String> {
    Pieces::of(answer).find_map(|piece| match piece {
        Piece::Param(name, value) if name == wanted => Some(value.into_owned()),
        _ => None,
    })
}

fn response(answer: &str) -> String {
    param(answer, "response").expect("a response")
}

/// One answer to `rest` of a challenge for realm `home.example` with nonce `n1`, cnonce `c1`.
fn alice(rest: &str, body: &[u8]) -> String {
    let challenge = challenge(&format!(r#"Digest realm="home.example", nonce="n1"{rest}"#));
    let mut session = Session::new(&challenge, "c1".into()).expect("answerable");
    session.authorize(
        &credentials("alice", "pa55"),
        "SUBSCRIBE",
        "sip:conf@home.example",
        body,
    )
}

const RFC7616_NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";

/// RFC 7616 §3.9.1.
#[test]
fn the_examples_of_rfc_7616_come_out() {
    for (algorithm, expected) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let challenge = challenge(&format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"{RFC7616_NONCE}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        ));
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let mut session = Session::new(&challenge, cnonce.into()).unwrap();
        let answer = session.authorize(
            &credentials("Mufasa", "Circle of Life"),
            "GET",
            "/dir/index.html",
            b"",
        );
        assert_eq!(
            answer,
            format!(
                "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
                 nonce=\"{RFC7616_NONCE}\", uri=\"/dir/index.html\", response=\"{expected}\", \
                 algorithm={algorithm}, cnonce=\"{cnonce}\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", qop=auth, nc=00000001"
            )
        );
    }
}

/// RFC 2617 §3.5: no algorithm in the challenge, none in the answer.
#[test]
fn the_example_of_rfc_2617_comes_out_and_the_count_goes_up() {
    let challenge = challenge(
        r#"Digest realm="testrealm@host.com", qop="auth,auth-int",
           nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
    );
    let mufasa = credentials("Mufasa", "Circle Of Life");
    let mut session = Session::new(&challenge, "0a4f113b".into()).unwrap();
    let first = session.authorize(&mufasa, "GET", "/dir/index.html", b"");
    assert_eq!(response(&first), "6629fae49393a05397450978507c4ef1");
    assert_eq!(param(&first, "algorithm"), None);
    let second = session.authorize(&mufasa, "GET", "/dir/index.html", b"");
    assert_eq!(response(&second), "15b6bb427e3fecd23a43cb702ce447d5");
    assert_eq!(param(&second, "nc").as_deref(), Some("00000002"));
    assert_eq!(session.nonce_count(), 2);
}

/// RFC 7616 §3.9.2, with the two hashes that its erratum gives: those in its text are of no known function.
#[test]
fn the_example_of_rfc_7616_with_a_hidden_user_name_comes_out() {
    let challenge = challenge(
        "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
         nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
         opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true",
    );
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
    let mut session = Session::new(&challenge, cnonce.into()).unwrap();
    let answer = session.authorize(
        &credentials("J\u{e4}s\u{f8}n Doe", "Secret, or not?"),
        "GET",
        "/doe.json",
        b"",
    );
    assert_eq!(
        param(&answer, "username").as_deref(),
        Some("793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b")
    );
    assert_eq!(
        response(&answer),
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    );
    assert_eq!(param(&answer, "userhash").as_deref(), Some("true"));
}

/// RFC 7616 §3.4.1–3.4.4, RFC 8760 §2.6.
#[test]
fn each_form_of_challenge_gets_its_form_of_answer() {
    let table: [(&str, &[u8], &str, Option<&str>); 7] = [
        ("", b"", "7317598a20fadf7fbc41bdb04751b1ea", None),
        (
            ", qop=\"auth\", algorithm=MD5-sess",
            b"",
            "a289806260f11b57a400282ee6f21137",
            Some("auth"),
        ),
        (
            ", qop=\"auth-int\"",
            b"hello",
            "f0f384b2ea5a97351f0fa7fc5b83df3b",
            Some("auth-int"),
        ),
        // auth is preferred, whatever the order, and does not look at the body.
        (
            ", qop=\"auth-int,auth\", algorithm=md5-sess",
            b"hello",
            "a289806260f11b57a400282ee6f21137",
            Some("auth"),
        ),
        (
            ", qop=auth, algorithm=SHA-256-sess",
            b"",
            "6583b5463b9edc10a8a65772db5c11a81fd3b05f9bc3924026c56744ef6f5826",
            Some("auth"),
        ),
        (
            ", qop=auth, algorithm=SHA-512-256",
            b"",
            "c744b41569f40997cf096a10988c29503d9cb1289bcd517970678bcd1184f6c5",
            Some("auth"),
        ),
        (
            ", qop=auth, algorithm=SHA-512-256, userhash=true",
            b"",
            "c744b41569f40997cf096a10988c29503d9cb1289bcd517970678bcd1184f6c5",
            Some("auth"),
        ),
    ];
    for (rest, body, expected, qop) in table {
        let answer = alice(rest, body);
        assert_eq!(response(&answer), expected, "{rest}");
        assert_eq!(param(&answer, "qop").as_deref(), qop, "{rest}");
        assert_eq!(param(&answer, "nc").is_some(), qop.is_some(), "{rest}");
        assert_eq!(param(&answer, "cnonce").is_some(), qop.is_some(), "{rest}");
    }
}

/// RFC 7616 §3.4.4.
#[test]
fn a_user_name_is_hidden_when_the_server_asks_for_it() {
    let answer = alice(", qop=auth, algorithm=SHA-512-256, userhash=true", b"");
    assert_eq!(
        param(&answer, "username").as_deref(),
        Some("a6f0dc11448495d3da8b7f940478dfa8377c03af3722bd6f1bc6f284469607c9")
    );
    assert_eq!(param(&answer, "userhash").as_deref(), Some("true"));
}

/// RFC 3310 §3.3: RES is any octets, also such as no text could hold.
#[test]
fn a_binary_password_of_a_sim_is_hashed_octet_by_octet() {
    let challenge =
        challenge(r#"Digest realm="home.example", nonce="n1", qop="auth", algorithm=AKAv1-MD5"#);
    assert_eq!(choose(core::slice::from_ref(&challenge)), None);
    let mut session = Session::new(&challenge, "c1".into()).unwrap();
    let res = vec![0x00, 0xff, 0x80, 0x0a, 0x3a, 0x22, 0xc3, 0x28];
    let answer = session.authorize(
        &credentials("user1@home.example", res),
        "REGISTER",
        "sip:home.example",
        b"",
    );
    assert_eq!(response(&answer), "8922b39c43330c5618369e076cf0c875");
    assert_eq!(param(&answer, "algorithm").as_deref(), Some("AKAv1-MD5"));
}

const RFC3310_CHALLENGE: &str = r#"Digest
    realm="RoamingUsers@mobile.biz", nonce="CjPk9mRqNuT25eRkajM09uTl9nM09uTl9nMz5OX25PZz==",
    opaque="5ccc069c403ebaf9f0171e9517f40e41", algorithm=AKAv1-MD5"#;

/// IMS-37, RFC 3310 §6.1: the challenge of its example, answered with RES and with the integrity of the body; each request
/// with its own method and URI.
#[test]
fn a_sim_answers_the_challenge_of_rfc_3310() {
    let challenge = challenge(&format!("{RFC3310_CHALLENGE}, qop=\"auth-int\""));
    let aka = crate::digest::Policy {
        aka: true,
        ..Default::default()
    };
    assert_eq!(
        aka.choose(core::slice::from_ref(&challenge)),
        Some(&challenge)
    );
    let mut session = Session::new(&challenge, "0a4f113b".into()).unwrap();
    let res = vec![0xa5, 0x42, 0x11, 0xd5, 0xe3, 0xba, 0x50, 0xbf];
    let jon = credentials("jon.dough@mobile.biz", res);
    let answer = session.authorize(&jon, "REGISTER", "sip:home.mobile.biz", b"");
    assert_eq!(response(&answer), "68c889a2a947e5cf9e4390b3f3ddc4a2");
    assert_eq!(param(&answer, "auts"), None);
    let other = session.authorize(&jon, "SUBSCRIBE", "sip:conf@mobile.biz", b"");
    assert_eq!(param(&other, "uri").as_deref(), Some("sip:conf@mobile.biz"));
    assert_eq!(param(&other, "nc").as_deref(), Some("00000002"));
    assert_ne!(response(&other), response(&answer));
}

/// RFC 3310 §3.2, §3.4: with AUTS the password is the empty one.
#[test]
fn a_sim_that_is_out_of_step_says_so() {
    let challenge = challenge(&format!("{RFC3310_CHALLENGE}, qop=\"auth\""));
    let mut session = Session::new(&challenge, "0a4f113b".into()).unwrap();
    let answer = session.authorize_with_auts(
        "jon.dough@mobile.biz",
        "5PYxMuX2NOT2NeQ=",
        "REGISTER",
        "sip:home.mobile.biz",
        b"",
    );
    assert_eq!(response(&answer), "f15b3560c93bda0ec3ad1ac752e422ed");
    assert_eq!(param(&answer, "auts").as_deref(), Some("5PYxMuX2NOT2NeQ="));
    assert_eq!(param(&answer, "nc").as_deref(), Some("00000001"));
}

/// RFC 7616 §3.4.5: what is hashed is the text without quotes and escapes, in UTF-8.
#[test]
fn quotes_and_backslashes_are_escaped_on_the_wire_and_hashed_bare() {
    let challenge = challenge(r#"Digest realm="the \"real\" \\ realm", nonce="n1", qop=auth"#);
    let mut session = Session::new(&challenge, "c1".into()).unwrap();
    let answer = session.authorize(
        &credentials(r#"Zoë "Z" \"#, "pa55"),
        "SUBSCRIBE",
        "sip:conf@home.example",
        b"",
    );
    assert!(
        answer.starts_with(r#"Digest username="Zoë \"Z\" \\", realm="the \"real\" \\ realm","#),
        "{answer}"
    );
    assert_eq!(response(&answer), "c6235a6fd208fff40d5918f0204e3d3e");
}

/// SEC-09.
#[test]
fn a_line_break_in_configured_text_does_not_reach_the_wire() {
    let challenge = challenge(r#"Digest realm="home.example", nonce="n1", qop=auth"#);
    let mut session = Session::new(&challenge, "c1\r\nX: 1".into()).unwrap();
    let answer = session.authorize(
        &credentials("alice\r\nRoute: <sip:evil>", "x"),
        "GET",
        "/\n",
        b"",
    );
    assert!(!answer.chars().any(char::is_control), "{answer}");
}

/// RFC 7616 §3.5; A1 of a -sess algorithm stays (§3.4.2).
#[test]
fn nextnonce_takes_the_place_of_the_nonce_and_begins_a_new_count() {
    let challenge =
        challenge(r#"Digest realm="home.example", nonce="n1", qop="auth", algorithm=MD5-sess"#);
    let alice = credentials("alice", "pa55");
    let mut session = Session::new(&challenge, "c1".into()).unwrap();
    session.authorize(&alice, "SUBSCRIBE", "sip:conf@home.example", b"");
    session.handle_authentication_info(r#"qop=auth, rspauth="00", nextnonce="n1""#);
    assert_eq!((session.nonce(), session.nonce_count()), ("n1", 1));
    session.handle_authentication_info(r#"rspauth="00", NextNonce = "n2", nc=00000001"#);
    assert_eq!((session.nonce(), session.nonce_count()), ("n2", 0));
    let answer = session.authorize(&alice, "SUBSCRIBE", "sip:conf@home.example", b"");
    assert_eq!(param(&answer, "nonce").as_deref(), Some("n2"));
    assert_eq!(param(&answer, "nc").as_deref(), Some("00000001"));
    assert_eq!(response(&answer), "ab32d576e4a12a0de364836730293563");
}

#[test]
fn a_challenge_beyond_us_says_what_it_asked_for() {
    let unknown = challenge(r#"Digest realm="r", nonce="n", algorithm=SHA3-512"#);
    let error = Session::new(&unknown, "c".into()).unwrap_err();
    assert!(error.to_string().contains("SHA3-512"), "{error}");
    let error = Session::new(
        &challenge(r#"Digest realm="r", nonce="n", qop="auth-conf""#),
        "c".into(),
    )
    .unwrap_err();
    assert_eq!(error, Unanswerable::Qop { realm: "r".into() });
}
