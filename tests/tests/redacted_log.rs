//! What is in the log of a run: nobody's identity, no access network, no card of a participant (SEC-16).

use std::time::Duration;

use rollmark_tests::hostile::{PATIENCE, Scene};
use rollmark_tests::kit::document;
use rollmark_tests::kit::wire::Transport;

/// Runs a conference with somebody in it at this level, a challenge, an error and a lost subscription included.
fn log(level: &str) -> String {
    let mut scene = Scene::start_logging(Transport::Udp, Duration::from_millis(500), level);
    let asked = scene.asked();
    let challenge = "Digest realm=\"example.org\", nonce=\"n1\", qop=\"auth\"";
    scene.respond(&asked, 401, &[("WWW-Authenticate", challenge)]);
    let asked = scene.asked();
    scene.respond(
        &asked,
        200,
        &[(
            "P-Asserted-Identity",
            "\"Mallory Malone\" <sip:mallory@example.org>",
        )],
    );
    let text = document(1, "full", &["mallory"]);
    let notify = scene
        .notify(&asked, "active;expires=3600")
        .with(
            "P-Access-Network-Info",
            "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=C359A3913B20E",
        )
        .with(
            "Call-Info",
            "<http://www.example.org/mallory/photo.jpg>;purpose=icon",
        )
        .document(&text);
    assert_eq!(scene.delivered(&notify, PATIENCE), Some(200));
    let bad = scene.notify(&asked, "active").with("Via", "");
    scene.send(&bad.message);
    scene.well_goes_on();
    let end = scene.notify(&asked, "terminated;reason=noresource");
    assert_eq!(scene.delivered(&end, PATIENCE), Some(200));
    scene.log()
}

/// Nothing of these may be in a log.
fn names_nobody(log: &str) {
    for secret in [
        "alice",
        "mallory",
        "Mallory",
        "wonderland",
        "room@",
        "well@",
        "C359A",
        "photo.jpg",
        "late",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}

/// SEC-16: the levels that are usual in service.
#[test]
fn a_usual_log_names_nobody() {
    for level in ["info", "warn"] {
        names_nobody(&log(level));
    }
}

/// SEC-16: our own crates name nobody at any level; what they do is there to be read.
#[test]
fn a_detailed_log_names_nobody() {
    let log = log("debug,ezk_sip_core=warn,ezk_sip_types=warn");
    names_nobody(&log);
    for shown in [
        "SUBSCRIBE",
        "NOTIFY",
        "Expires",
        "to the SIP stack",
        "from the SIP stack",
    ] {
        assert!(log.contains(shown), "{shown} is missing\n{log}");
    }
}
