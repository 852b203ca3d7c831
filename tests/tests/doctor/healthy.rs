//! Healthy cores, real and embedded: no check fails.

use std::sync::Arc;

use rollmark_im_server::{Conference, ImServer, Settings, User};
use rollmark_tests::focus::Focus;
use rollmark_tests::ims::{ALICE_AKA, ImsLab};
use rollmark_tests::kit::{ALICE, ROOM};
use rollmark_tests::lab::Lab;
use rollmark_xdms::Xdms;

use crate::examination::{Examination, file};

/// Kamailio: digest, UDP and TLS, and its XDMS over HTTP and HTTPS; the password is then wrong.
#[test]
fn kamailio_is_healthy_and_a_wrong_password_is_found() {
    let lab = Lab::start(&[]);
    let mut focus = Focus::enter(&lab, "room1");
    focus.step("blocked:mallory").step("full:bob,mallory");
    let password = lab.file("password", "alicepw\n");
    let wrong = lab.file("wrong", "not that\n");
    let (room, alice) = (Lab::uri("room1"), Lab::uri("alice"));
    let args =
        |server: &str, root: &str, password: &str, xcap: &str, more: &[&str]| -> Vec<String> {
            let args = [
                &room,
                "--as",
                &alice,
                "--server",
                server,
                "--user",
                "alice",
                "--password-file",
                password,
                "--xcap-root",
                root,
                "--xcap-user",
                "alice",
                "--xcap-password-file",
                xcap,
                "--patience",
                "30",
                "--check-write",
            ];
            args.iter().chain(more).map(ToString::to_string).collect()
        };
    let found = Examination::run(
        "udp",
        &args(&lab.server(), &lab.xcap_root(), &password, &password, &[]),
    );
    // Kamailio writes the entity without scheme, and has no capabilities.
    found.assert_states(&[], &["deviations", "xcap-caps"]);
    found.assert_words("deviations", &["entity-without-scheme"]);
    found.assert_words("subscribe", &["realm lab.test", "Server: kamailio-lab"]);
    found.assert_words("body", &["2 users"]);
    found.assert_words("xcap-list", &["1 entry"]);
    found.assert_words("xcap-write", &["written as it was"]);
    let explained = &found.report()["deviations"][0];
    assert_eq!(explained["code"], "entity-without-scheme");
    assert!(
        explained["meaning"]
            .as_str()
            .unwrap()
            .contains("RFC 4575 §5.2"),
        "{explained:#}"
    );
    let secret = found.report().to_string();
    for part in ["alicepw", "response=", "mallory"] {
        assert!(!secret.contains(part), "{part}: {secret}");
    }

    let ca = lab.ca();
    let tls = ["--transport", "tls", "--ca", &ca, "--xcap-ca", &ca];
    let found = Examination::run(
        "tls",
        &args(
            &lab.tls_server(),
            &lab.secure_xcap_root(),
            &password,
            &password,
            &tls,
        ),
    );
    found.assert_states(&[], &["deviations", "xcap-caps"]);
    found.assert_words("tls", &["TLS 1.3", "certificate for", "until"]);
    found.assert_words("xcap-root", &["TLS 1.3", "certificate for"]);

    let found = Examination::run(
        "wrong passwords",
        &args(&lab.server(), &lab.xcap_root(), &wrong, &wrong, &[]),
    );
    found.assert_states(&["subscribe", "xcap-authentication"], &[]);
    found.assert_words("subscribe", &["realm lab.test", "not accepted"]);
    found.assert_words(
        "xcap-authentication",
        &["realm \\\"lab.test\\\"", "--xcap-password-file"],
    );
    found.assert_skipped("xcap-write", "does not let this user in");
}

/// The IMS lab: AKA; then with a wrong key, and an identity that the HSS does not know. No fault leaves a registration behind.
#[test]
fn an_ims_core_is_healthy_and_a_wrong_key_is_found() {
    let lab = ImsLab::start(&[]);
    lab.publish("conf-room", &[("bob", "connected"), ("carol", "connected")]);
    let room = ImsLab::uri("conf-room");
    let aka = lab.file("alice.aka", ALICE_AKA);
    let wrong = lab.file("wrong.aka", &ALICE_AKA.replace("k = 46", "k = 47"));
    let run = |name, who: &str, aka: &str, more: &[&str]| {
        let identity = ImsLab::uri(who);
        let server = lab.pcscf();
        let args = [
            &room,
            "--as",
            &identity,
            "--server",
            &server,
            "--aka-file",
            aka,
            "--patience",
            "30",
        ];
        let args: Vec<&str> = args.iter().copied().chain(more.iter().copied()).collect();
        Examination::run(name, &args)
    };
    let found = run("healthy", "alice", &aka, &["--mode", "auto"]);
    assert_eq!(found.failed(), [""; 0], "{:#}", found.report());
    found.assert_words(
        "registration",
        &["realm ims.test", "AKAv1-MD5", "S-CSCF behind"],
    );
    found.assert_words("mode", &["IMS", "Service-Route and a P-Associated-URI"]);
    found.assert_words("service-route", &["sip:"]);
    found.assert_words("identities", &["sip:alice@ims.test is among them"]);
    found.assert_words("body", &["2 users"]);
    found.assert_words("deregistration", &["200"]);
    lab.wait_deregistered("alice@ims.test");

    let found = run("wrong key", "alice", &wrong, &["--mode", "ims"]);
    found.assert_states(&["registration"], &[]);
    found.assert_words(
        "registration",
        &["not made with this SIM's key", "k and opc", "HSS"],
    );
    found.assert_skipped("subscribe", "the registration failed");

    let found = run("unknown", "nobody", &aka, &["--mode", "ims"]);
    found.assert_states(&["registration"], &[]);
    found.assert_words("registration", &["403", "--as"]);
}

/// The servers of `rollmark demo`, with a notifier of the XDMS.
#[tokio::test(flavor = "multi_thread")]
async fn embedded_servers_are_healthy() {
    let password = file("password", "wonderland\n");
    let mut settings = rollmark_xdms::Settings::new("127.0.0.1:0".parse().unwrap());
    settings.users = vec![rollmark_xdms::User::new("alice", "wonderland").xui(ALICE)];
    let xdms = Arc::new(Xdms::start(settings).await.unwrap());
    let server = ImServer::bind(Settings::default()).await.unwrap();
    let room = Conference::new("Room").user(User::connected("sip:bob@example.org"));
    let _focus = server.create_conference(ROOM, room).unwrap();
    let told = xdms.clone();
    let _notifier = server
        .notify_documents(ALICE, move |watched| told.xcap_diff(watched))
        .unwrap();
    let address = server.udp_addr().to_string();
    let root = xdms.root().to_owned();
    let args: Vec<String> = [
        ROOM,
        "--as",
        ALICE,
        "--server",
        &address,
        "--xcap-root",
        &root,
        "--xcap-user",
        "alice",
        "--xcap-password-file",
        &password,
        "--xcap-notifier",
        ALICE,
        "--check-write",
        "--patience",
        "30",
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    let found = tokio::task::spawn_blocking(move || {
        let found = Examination::run("embedded", &args);
        found.assert_states(&[], &["xcap-document"]);
        found.assert_words("xcap-document", &["nobody is blocked"]);
        found.assert_words("xcap-diff", &["told from now on"]);
        found.assert_words("xcap-write", &["made, and removed again"]);
        found
    })
    .await
    .unwrap();
    assert!(
        xdms.document("resource-lists", ALICE, "index").is_none(),
        "{:#}",
        found.report()
    );
}
