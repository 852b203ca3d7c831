//! A fetch against scripted responses: challenges, redirects, conditional requests, refusals.

use std::time::Duration;

use super::*;
use crate::client::MAX_RETRY_AFTER;
use crate::selector::XcapRoot;

const ROOT: &str = "https://xcap.home.example/root";
const URL: &str =
    "https://xcap.home.example/root/resource-lists/users/sip:alice@home.example/index";
const MD5: &str = r#"Digest realm="home", nonce="n1", qop="auth""#;

fn settings() -> Settings {
    Settings {
        credentials: Some(Credentials {
            username: "alice".into(),
            password: "pa55".into(),
        }),
        ..Settings::default()
    }
}

fn start(settings: Settings, etag: Option<&str>) -> (Fetch, HttpRequest) {
    let root = XcapRoot::parse(ROOT).unwrap();
    let selector = DocumentSelector::resource_lists(root, "sip:alice@home.example").unwrap();
    Fetch::start(settings, selector, etag.map(str::to_owned), None)
}

fn response(status: u16, headers: &[(&str, &str)]) -> HttpResponse {
    HttpResponse {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        body: b"<resource-lists/>".to_vec(),
    }
}

fn challenge(value: &str) -> HttpResponse {
    response(401, &[("www-authenticate", value)])
}

/// The next request, or how the fetch ended instead.
fn sent(step: Step) -> HttpRequest {
    match step {
        Step::Send(request) => request,
        Step::Done(outcome) => panic!("{outcome:?}"),
    }
}

fn failed(step: Step) -> Failure {
    match step {
        Step::Done(Outcome::Failed(failure)) => failure,
        step => panic!("{step:?}"),
    }
}

/// XDM-10, XDM-17, XDM-18, XDM-20, XDM-21.
#[test]
fn the_first_request_is_a_conditional_get_with_our_name_and_no_credentials() {
    let (_, request) = start(settings(), Some("W/\"a"));
    assert_eq!((request.method, request.url.as_str()), ("GET", URL));
    assert_eq!(request.header("if-none-match"), Some("W/\"a"));
    assert!(
        request
            .header("User-Agent")
            .unwrap()
            .starts_with("XDM-client/OMA1.1 rollmark/")
    );
    assert_eq!(request.headers.len(), 2);
    assert!(request.body.is_empty());

    let ims = Settings {
        intended_identity: Some("sip:a\"\r\n@home".into()),
        ..Settings::default()
    };
    let (_, request) = start(ims, None);
    assert_eq!(
        request.header("X-3GPP-Intended-Identity"),
        Some("\"sip:a@home\"")
    );
    assert_eq!(request.header("If-None-Match"), None);
}

/// XDM-20, XDM-21, XDM-22, XDM-24.
#[test]
fn each_answer_about_the_document_is_told_apart() {
    let document = |etag: Option<&str>| {
        Outcome::Document(Document {
            body: b"<resource-lists/>".to_vec(),
            etag: etag.map(str::to_owned),
        })
    };
    let rl = (
        "Content-Type",
        "Application/Resource-Lists+XML; charset=\"utf-8\"",
    );
    for (response, expected) in [
        (
            response(200, &[rl, ("etag", "W/\"x\"")]),
            document(Some("W/\"x\"")),
        ),
        (
            response(200, &[rl, ("ETag", "bare")]),
            document(Some("bare")),
        ),
        (
            response(200, &[("content-type", "text/xml")]),
            document(None),
        ),
        (response(200, &[]), document(None)),
        (response(304, &[]), Outcome::NotModified),
        (response(404, &[]), Outcome::NoDocument),
    ] {
        let (mut fetch, _) = start(settings(), Some("\"e\""));
        match fetch.handle_response(&response, "c".into()) {
            Step::Done(outcome) => assert_eq!(outcome, expected, "{response:?}"),
            step => panic!("{step:?}"),
        }
    }
}

/// XDM-22, XDM-26, XDM-27.
#[test]
fn each_refusal_has_its_name() {
    type Check = fn(&Failure) -> bool;
    let table: [(HttpResponse, Check); 8] = [
        (
            response(200, &[("Content-Type", "text/html")]),
            |f| matches!(f, Failure::ContentType { got, .. } if got == "text/html"),
        ),
        (response(403, &[]), |f| {
            matches!(f, Failure::Forbidden { .. })
        }),
        (response(500, &[]), |f| {
            matches!(
                f,
                Failure::Unavailable {
                    status: 500,
                    retry_after: None,
                    ..
                }
            )
        }),
        (response(429, &[]), |f| {
            matches!(f, Failure::Unavailable { .. })
        }),
        (response(304, &[]), |f| {
            matches!(f, Failure::UnexpectedStatus { .. })
        }),
        (response(204, &[]), |f| {
            matches!(f, Failure::UnexpectedStatus { .. })
        }),
        (
            challenge("Basic realm=\"home\""),
            |f| matches!(f, Failure::NoUsableChallenge { offered, .. } if offered == "Basic"),
        ),
        (
            challenge("Digest realm=\"h\", nonce=\"n\", algorithm=SHA3"),
            |f| matches!(f, Failure::NoUsableChallenge { offered, .. } if offered == "Digest SHA3"),
        ),
    ];
    for (response, check) in table {
        let (mut fetch, _) = start(settings(), None);
        let failure = failed(fetch.handle_response(&response, "c".into()));
        assert!(check(&failure), "{failure}");
        assert!(failure.to_string().contains(URL), "{failure}");
    }
    let (mut fetch, _) = start(Settings::default(), None);
    let failure = failed(fetch.handle_response(&challenge(MD5), "c".into()));
    assert!(
        matches!(&failure, Failure::CredentialsMissing { realm, .. } if realm == "home"),
        "{failure}"
    );
}

#[test]
fn retry_after_is_read_in_both_forms_and_capped() {
    let date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for (headers, expected) in [
        (vec![("Retry-After", "120")], Some(Duration::from_secs(120))),
        (
            vec![date, ("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT")],
            Some(Duration::from_secs(30)),
        ),
        (
            vec![date, ("Retry-After", "Sun, 06 Nov 1994 08:00:00 GMT")],
            Some(Duration::ZERO),
        ),
        (vec![("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT")], None),
        (vec![("Retry-After", "soon")], None),
        (vec![("Retry-After", "99999999999")], Some(MAX_RETRY_AFTER)),
        (vec![], None),
    ] {
        let (mut fetch, _) = start(settings(), None);
        let failure = failed(fetch.handle_response(&response(503, &headers), "c".into()));
        assert_eq!(failure.retry_after(), expected, "{headers:?}");
        assert!(failure.is_temporary());
    }
}

/// XDM-14.
#[test]
fn a_challenge_is_answered_and_the_session_serves_the_next_fetch() {
    let (mut fetch, _) = start(settings(), Some("\"e\""));
    let request = sent(fetch.handle_response(&challenge(MD5), "c1".into()));
    let answer = request.header("Authorization").unwrap();
    assert!(
        answer.contains("nonce=\"n1\"") && answer.contains("cnonce=\"c1\""),
        "{answer}"
    );
    assert!(
        answer.contains("uri=\"/root/resource-lists/users/sip:alice@home.example/index\""),
        "{answer}"
    );
    assert_eq!(request.header("If-None-Match"), Some("\"e\""));

    let info = response(304, &[("Authentication-Info", "nextnonce=\"n2\"")]);
    let step = fetch.handle_response(&info, "unused".into());
    assert!(matches!(step, Step::Done(Outcome::NotModified)));

    let root = XcapRoot::parse(ROOT).unwrap();
    let selector = DocumentSelector::resource_lists(root, "sip:alice@home.example").unwrap();
    let (mut fetch, request) = Fetch::start(settings(), selector, None, fetch.into_session());
    let answer = request.header("Authorization").unwrap();
    assert!(
        answer.contains("nonce=\"n2\"") && answer.contains("nc=00000001"),
        "{answer}"
    );
    // A session that has grown old is no wrong password.
    let request = sent(fetch.handle_response(&challenge(MD5), "c3".into()));
    assert!(
        request
            .header("Authorization")
            .unwrap()
            .contains("cnonce=\"c3\"")
    );
}

/// XDM-14, XDM-26, RFC 7616 §3.3.
#[test]
fn a_second_challenge_means_wrong_password_unless_the_nonce_was_stale() {
    let stale = challenge(r#"Digest realm="home", nonce="n2", qop="auth", stale=true"#);

    let (mut fetch, _) = start(settings(), None);
    sent(fetch.handle_response(&challenge(MD5), "c1".into()));
    let failure = failed(fetch.handle_response(&challenge(MD5), "c2".into()));
    assert_eq!(
        failure,
        Failure::WrongPassword {
            url: URL.into(),
            realm: "home".into(),
            username: "alice".into(),
        }
    );
    assert!(fetch.into_session().is_none());

    let (mut fetch, _) = start(settings(), None);
    sent(fetch.handle_response(&challenge(MD5), "c1".into()));
    let request = sent(fetch.handle_response(&stale, "c2".into()));
    assert!(
        request
            .header("Authorization")
            .unwrap()
            .contains("nonce=\"n2\"")
    );
    let failure = failed(fetch.handle_response(&stale, "c3".into()));
    assert!(matches!(failure, Failure::AlwaysStale { .. }), "{failure}");
}

/// SEC-10.
#[test]
fn the_policy_decides_about_md5() {
    let strict = Settings {
        policy: Policy {
            md5: false,
            ..Policy::default()
        },
        ..settings()
    };
    let (mut fetch, _) = start(strict.clone(), None);
    let failure = failed(fetch.handle_response(&challenge(MD5), "c".into()));
    assert!(
        matches!(failure, Failure::NoUsableChallenge { .. }),
        "{failure}"
    );

    let (mut fetch, _) = start(strict, None);
    let both = challenge(&format!("{MD5}, {MD5}, algorithm=SHA-256"));
    let request = sent(fetch.handle_response(&both, "c".into()));
    assert!(
        request
            .header("Authorization")
            .unwrap()
            .contains("algorithm=SHA-256")
    );
}

/// XDM-31, SEC-12.
#[test]
fn redirects_are_followed_on_the_same_host_over_tls_and_nowhere_else() {
    for (location, expected) in [
        (
            "/new/index?a=b#c",
            Some("https://xcap.home.example/new/index?a=b"),
        ),
        (
            "https://u:p@XCAP.home.example:8443/x",
            Some("https://xcap.home.example:8443/x"),
        ),
        ("http://xcap.home.example/x", None),
        ("https://elsewhere.example/x", None),
        ("//elsewhere.example/x", None),
        ("javascript:alert(1)", None),
        ("https://", None),
    ] {
        let (mut fetch, _) = start(settings(), None);
        let step = fetch.handle_response(&response(302, &[("Location", location)]), "c".into());
        match (step, expected) {
            (Step::Send(request), Some(expected)) => assert_eq!(request.url, expected),
            (Step::Done(Outcome::Failed(Failure::RedirectRefused { to, .. })), None) => {
                assert!(!to.is_empty(), "{location}");
            }
            (step, _) => panic!("{location}: {step:?}"),
        }
    }
    let (mut fetch, _) = start(settings(), None);
    let failure = failed(fetch.handle_response(&response(301, &[]), "c".into()));
    assert!(
        matches!(failure, Failure::RedirectRefused { .. }),
        "{failure}"
    );
}

/// SEC-12, SEC-18.
#[test]
fn credentials_do_not_follow_a_redirect_to_another_port_and_circles_end() {
    let (mut fetch, _) = start(settings(), None);
    sent(fetch.handle_response(&challenge(MD5), "c1".into()));
    let elsewhere = response(307, &[("Location", "https://xcap.home.example:8443/x")]);
    let request = sent(fetch.handle_response(&elsewhere, "c2".into()));
    assert_eq!(request.header("Authorization"), None);
    let failure = failed(fetch.handle_response(&challenge(MD5), "c3".into()));
    assert!(
        matches!(failure, Failure::CredentialsNotForOrigin { .. }),
        "{failure}"
    );

    let (mut fetch, _) = start(settings(), None);
    let circle = response(302, &[("Location", URL)]);
    for _ in 0..MAX_REDIRECTS {
        sent(fetch.handle_response(&circle, "c".into()));
    }
    let failure = failed(fetch.handle_response(&circle, "c".into()));
    assert!(
        matches!(failure, Failure::TooManyRedirects { .. }),
        "{failure}"
    );
}

/// SEC-14.
#[test]
fn neither_credentials_nor_the_list_show_in_debug_output() {
    let (mut fetch, _) = start(settings(), None);
    let request = sent(fetch.handle_response(&challenge(MD5), "c1".into()));
    let list = response(200, &[]);
    let step = fetch.handle_response(&list, "c2".into());
    let shown = format!("{request:?} {list:?} {step:?} {fetch:?}");
    for secret in ["pa55", "Digest ", "<resource-lists"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
