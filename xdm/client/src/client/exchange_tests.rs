//! An exchange against scripted responses: challenges, redirects, conditional requests, refusals.

use std::time::Duration;

use super::*;
use crate::client::MAX_RETRY_AFTER;
use crate::client::{Condition, Target};
use crate::node::NodeSelector;
use crate::selector::{DocumentSelector, XcapRoot};

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

fn selector() -> DocumentSelector {
    let root = XcapRoot::parse(ROOT).unwrap();
    DocumentSelector::resource_lists(root, "sip:alice@home.example").unwrap()
}

fn start(settings: Settings, etag: Option<&str>) -> (Exchange, HttpRequest) {
    let target = Target::document(&selector());
    let operation = Operation::get(target, etag.map(str::to_owned));
    Exchange::start(settings, operation, None)
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
        step => panic!("{step:?}"),
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
        Outcome::Fetched(Fetched {
            body: b"<resource-lists/>".to_vec(),
            etag: etag.map(str::to_owned),
            content_type: None,
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
        (response(404, &[]), Outcome::NotFound),
    ] {
        let (mut fetch, _) = start(settings(), Some("\"e\""));
        match fetch.handle_response(&response, "c".into()) {
            Step::Done(Outcome::Fetched(mut fetched)) => {
                fetched.content_type = None;
                assert_eq!(Outcome::Fetched(fetched), expected, "{response:?}");
            }
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

    let operation = Operation::get(Target::document(&selector()), None);
    let (mut fetch, request) = Exchange::start(settings(), operation, fetch.into_authenticated());
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
    assert!(fetch.into_authenticated().is_none());

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

fn done(step: Step) -> Outcome {
    match step {
        Step::Done(outcome) => outcome,
        step => panic!("{step:?}"),
    }
}

fn entry(uri: &str) -> NodeSelector {
    NodeSelector::new()
        .element("resource-lists")
        .element_with("list", "name", "oma_blockedcontacts")
        .element_with("entry", "uri", uri)
}

/// XDM-07, XDM-20, XDM-21, XDM-29, XDM-30; RFC 4825 §7.
#[test]
fn each_change_goes_out_with_its_method_type_and_condition() {
    let node = |node: NodeSelector| Target::node(&selector(), node);
    let document = || Target::document(&selector());
    let list = "/~~/resource-lists/list%5B@name=%22oma_blockedcontacts%22%5D";
    let table = [
        (
            Operation::put(document(), "<a/>", Condition::Absent),
            (
                "PUT",
                String::new(),
                Some("application/resource-lists+xml"),
                Some(("If-None-Match", "*")),
            ),
        ),
        (
            Operation::put(
                node(entry("sip:a\"b@x")),
                "<entry/>",
                Condition::Unchanged("W/x".into()),
            ),
            (
                "PUT",
                format!("{list}/entry%5B@uri=%27sip:a%22b@x%27%5D"),
                Some("application/xcap-el+xml"),
                Some(("If-Match", "W/x")),
            ),
        ),
        (
            Operation::put(
                node(entry("sip:b@x").attribute("uri")),
                "sip:c@x",
                Condition::Always,
            ),
            (
                "PUT",
                format!("{list}/entry%5B@uri=%22sip:b@x%22%5D/@uri"),
                Some("application/xcap-att+xml"),
                None,
            ),
        ),
        (
            Operation::delete(document(), Condition::Unchanged("\"e\"".into())),
            ("DELETE", String::new(), None, Some(("If-Match", "\"e\""))),
        ),
        (
            Operation::get(node(entry("sip:b@x").namespaces()), None),
            (
                "GET",
                format!("{list}/entry%5B@uri=%22sip:b@x%22%5D/namespace::*"),
                None,
                None,
            ),
        ),
    ];
    for (operation, (method, behind, content_type, condition)) in table {
        let (_, request) = Exchange::start(settings(), operation, None);
        assert_eq!(request.method, method);
        assert_eq!(request.url, format!("{URL}{behind}"));
        assert_eq!(request.header("Content-Type"), content_type);
        for name in ["If-Match", "If-None-Match"] {
            let expected = condition
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value);
            assert_eq!(request.header(name), expected, "{method} {behind}");
        }
        assert_eq!(request.body.is_empty(), method != "PUT");
    }
}

/// XDM-24, XDM-28, XDM-29; RFC 4825 §7.
#[test]
fn each_answer_to_a_change_is_told_apart() {
    type Check = fn(&Outcome) -> bool;
    let table: [(HttpResponse, Check); 11] = [
        (
            response(201, &[("ETag", "\"n\"")]),
            |o| matches!(o, Outcome::Written(Written { created: true, etag: Some(etag) }) if etag == "\"n\""),
        ),
        (response(200, &[("Content-Type", "text/html")]), |o| {
            matches!(
                o,
                Outcome::Written(Written {
                    created: false,
                    etag: None
                })
            )
        }),
        (response(204, &[]), |o| matches!(o, Outcome::Written(_))),
        (response(404, &[]), |o| matches!(o, Outcome::NotFound)),
        (response(409, &[]), |o| matches!(o, Outcome::Conflict(_))),
        (response(412, &[]), |o| {
            matches!(o, Outcome::PreconditionFailed)
        }),
        (response(405, &[]), |o| {
            matches!(
                o,
                Outcome::Failed(Failure::MethodNotAllowed { method: "PUT", .. })
            )
        }),
        (response(413, &[]), |o| {
            matches!(o, Outcome::Failed(Failure::TooLarge { .. }))
        }),
        (response(415, &[]), |o| {
            matches!(o, Outcome::Failed(Failure::MediaTypeRefused { .. }))
        }),
        (response(304, &[]), |o| {
            matches!(o, Outcome::Failed(Failure::UnexpectedStatus { .. }))
        }),
        (response(503, &[]), |o| {
            matches!(o, Outcome::Failed(Failure::Unavailable { .. }))
        }),
    ];
    for (response, check) in table {
        let target = Target::node(&selector(), entry("sip:secret@x"));
        let operation = Operation::put(target, "<entry/>", Condition::Unchanged("e".into()));
        let (mut exchange, _) = Exchange::start(settings(), operation, None);
        let outcome = done(exchange.handle_response(&response, "c".into()));
        assert!(check(&outcome), "{response:?}: {outcome:?}");
        if let Outcome::Failed(failure) = outcome {
            let text = failure.to_string();
            assert!(text.contains(URL) && !text.contains("secret"), "{text}");
        }
    }
    // Without a condition the server has no reason to say that it failed.
    let operation = Operation::delete(Target::document(&selector()), Condition::Always);
    let (mut exchange, _) = Exchange::start(settings(), operation, None);
    let outcome = done(exchange.handle_response(&response(412, &[]), "c".into()));
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

/// XDM-22.
#[test]
fn a_node_comes_with_its_own_type_or_that_of_its_document() {
    let nodes = [
        (entry("a"), "application/xcap-el+xml"),
        (
            entry("a").attribute("uri"),
            "application/xcap-att+xml; charset=utf-8",
        ),
        (entry("a").namespaces(), "Application/XCAP-ns+xml"),
    ];
    for (node, own) in &nodes {
        for (got, good) in [
            (*own, true),
            ("application/resource-lists+xml", true),
            ("application/xml", true),
            ("text/html", false),
            ("application/xhtml+xml", false),
            ("application/auth-policy+xml", false),
        ] {
            let operation = Operation::get(Target::node(&selector(), node.clone()), None);
            let (mut exchange, _) = Exchange::start(settings(), operation, None);
            let step =
                exchange.handle_response(&response(200, &[("Content-Type", got)]), "c".into());
            assert_eq!(
                matches!(done(step), Outcome::Fetched(_)),
                good,
                "{own} {got}"
            );
        }
    }
}

/// XDM-14: auth-int covers the body, whatever the method.
#[test]
fn a_change_is_authenticated_with_its_body_where_the_server_asks_for_it() {
    let answer = |body: &str, qop: &str| {
        let operation = Operation::put(Target::document(&selector()), body, Condition::Always);
        let (mut exchange, _) = Exchange::start(settings(), operation, None);
        let asked = challenge(&format!(r#"Digest realm="home", nonce="n", qop="{qop}""#));
        let request = sent(exchange.handle_response(&asked, "c".into()));
        assert_eq!(
            (request.method, request.body.as_slice()),
            ("PUT", body.as_bytes())
        );
        request.header("Authorization").unwrap().to_owned()
    };
    assert!(answer("<a/>", "auth-int").contains("qop=auth-int"));
    assert_ne!(answer("<a/>", "auth-int"), answer("<b/>", "auth-int"));
    assert_eq!(answer("<a/>", "auth"), answer("<b/>", "auth"));
}

/// SEC-12.
#[test]
fn a_realm_that_is_not_the_configured_one_gets_no_answer() {
    for (realm, good) in [("home", true), ("elsewhere", false)] {
        let settings = Settings {
            realm: Some(realm.into()),
            ..settings()
        };
        let (mut exchange, _) = start(settings, None);
        match exchange.handle_response(&challenge(MD5), "c".into()) {
            Step::Send(_) => assert!(good),
            step => assert!(
                !good && matches!(failed(step), Failure::OtherRealm { .. }),
                "{realm}"
            ),
        }
    }
}

/// XDM-10, XDM-11, XDM-12, XDM-13, XDM-18, SEC-09.
#[test]
fn who_the_user_is_is_told_as_configured_and_to_the_roots_server_only() {
    let asserted = ["X-3GPP-Asserted-Identity", "X-XCAP-Asserted-Identity"];
    let configured = Settings {
        intended_identity: Some("sip:alice@home.example".into()),
        preferred_identity: Some("sip:a\"l\r\n@home.example".into()),
        ..settings()
    };
    let (mut exchange, request) = start(configured, None);
    let names = ["X-3GPP-Intended-Identity", "X-XCAP-Preferred-Identity"];
    assert_eq!(
        names.map(|name| request.header(name)),
        [
            Some("\"sip:alice@home.example\""),
            Some("\"sip:al@home.example\"")
        ]
    );
    let elsewhere = response(307, &[("Location", "https://xcap.home.example:8443/x")]);
    let redirected = sent(exchange.handle_response(&elsewhere, "c".into()));
    let (_, plain) = start(settings(), None);
    for request in [&redirected, &plain] {
        assert_eq!(names.map(|name| request.header(name)), [None, None]);
    }
    for request in [&request, &redirected, &plain] {
        assert_eq!(asserted.map(|name| request.header(name)), [None, None]);
    }
}

/// XDM-15.
#[test]
fn a_bootstrapping_realm_is_answered_with_the_hosts_key() {
    let gba = Settings {
        gba: true,
        credentials: None,
        ..settings()
    };
    let key = || {
        Some(Credentials {
            username: "b-tid@bsf".into(),
            password: "ks-naf".into(),
        })
    };
    for realm in [
        "3GPP-bootstrapping@xcap.home.example",
        "3gpp-bootstrapping-uicc@xcap.home.example",
    ] {
        let asked = challenge(&format!(r#"Digest realm="{realm}", nonce="n", qop="auth""#));
        let (mut exchange, request) = start(gba.clone(), None);
        let agent = request.header("User-Agent").unwrap();
        assert!(
            agent.starts_with("XDM-client/OMA1.1 ") && agent.ends_with(" 3gpp-gba"),
            "{agent}"
        );
        match exchange.handle_response(&asked, "c".into()) {
            Step::Bootstrap { realm: wanted } => assert_eq!(wanted, realm),
            step => panic!("{step:?}"),
        }
        let request = sent(exchange.handle_key(key(), "c".into()));
        assert!(
            request
                .header("Authorization")
                .unwrap()
                .contains("username=\"b-tid@bsf\"")
        );
        assert!(matches!(
            done(exchange.handle_response(&response(200, &[]), "c".into())),
            Outcome::Fetched(_)
        ));
        // The next exchange goes on with the key.
        let operation = Operation::get(Target::document(&selector()), None);
        let (_, request) = Exchange::start(gba.clone(), operation, exchange.into_authenticated());
        assert!(
            request
                .header("Authorization")
                .unwrap()
                .contains("b-tid@bsf")
        );

        let (mut exchange, _) = start(gba.clone(), None);
        exchange.handle_response(&asked, "c".into());
        let failure = failed(exchange.handle_key(None, "c".into()));
        assert!(matches!(failure, Failure::NoKey { .. }), "{failure}");
        // A host without GBA does not send its password there by another name.
        let (mut exchange, request) = start(Settings::default(), None);
        assert!(!request.header("User-Agent").unwrap().contains("gba"));
        let failure = failed(exchange.handle_response(&asked, "c".into()));
        assert!(
            matches!(failure, Failure::CredentialsMissing { .. }),
            "{failure}"
        );
    }
}

/// SEC-14.
#[test]
fn neither_credentials_nor_the_list_show_in_debug_output() {
    let (mut fetch, _) = start(settings(), None);
    let request = sent(fetch.handle_response(&challenge(MD5), "c1".into()));
    let list = response(200, &[]);
    let step = fetch.handle_response(&list, "c2".into());
    let target = Target::node(&selector(), entry("sip:mallory@x"));
    let operation = Operation::put(target, "<entry uri='sip:mallory@x'/>", Condition::Always);
    let operation_shown = format!("{operation:?}");
    let (exchange, put) = Exchange::start(settings(), operation, None);
    let shown =
        format!("{request:?} {list:?} {step:?} {fetch:?} {operation_shown} {exchange:?} {put:?}");
    for secret in ["pa55", "Digest ", "<resource-lists", "mallory"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
