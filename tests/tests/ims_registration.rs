//! `rollmark watch` on an IMS core: registration by AKA and digest, and what comes of it (TS 24.229 §5.1.1, RFC 3310).

use std::fs;

use rollmark_tests::ims::{ALICE_AKA, ImsLab, values};
use rollmark_tests::watch::{Outcome, Watch};
use serde_json::json;

const ROOM: &str = "conf-room";

/// Arguments of `rollmark watch` for a room of the lab.
fn watch_args(server: &str, who: &str, more: &[&str]) -> Vec<String> {
    let (room, identity) = (ImsLab::uri(ROOM), ImsLab::uri(who));
    let args = ["watch", &room, "--as", &identity, "--server", server];
    args.iter().chain(more).map(ToString::to_string).collect()
}

fn alice(lab: &ImsLab, server: &str, more: &[&str]) -> Vec<String> {
    let file = lab.file("alice.aka", ALICE_AKA);
    watch_args(server, "alice", &[&["--aka-file", &file], more].concat())
}

fn with_password(lab: &ImsLab, who: &str, password: &str) -> Vec<String> {
    let file = lab.file(&format!("{who}.password"), password);
    let user = format!("{who}@ims.test");
    let login = ["--user", &user, "--password-file", &file, "--mode", "auto"];
    watch_args(&lab.pcscf(), who, &login)
}

/// Sees bob, sees carol join and leave, ends by SIGINT; the binding must be gone.
fn see_joins_and_leaves(lab: &ImsLab, args: &[String]) {
    lab.publish(ROOM, &[("bob", "connected")]);
    let mut watch = Watch::start(args);
    let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
    assert_eq!(first["users"][0]["entity"], ImsLab::uri("bob"), "{first:#}");
    lab.publish(ROOM, &[("bob", "connected"), ("carol", "connected")]);
    watch.wait_user("joined", &ImsLab::uri("carol"));
    lab.publish(ROOM, &[("bob", "connected")]);
    watch.wait_user("left", &ImsLab::uri("carol"));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.stderr, [""; 0]);
}

/// No binding is left: the S-CSCF told the HSS so (User-Deregistration, type 5).
fn assert_deregistered(lab: &ImsLab, impi: &str) {
    lab.wait_received("scscf", "REGISTER", |message| {
        values(message, "Expires") == ["0"] && values(message, "Authorization")[0].contains(impi)
    });
    lab.wait_deregistered(impi);
}

/// IMS-01, IMS-02, IMS-06: through the P-CSCF that forgives no wrong route, over UDP; the sequence number outlives the
/// program, and the next run goes on from it.
#[test]
fn alice_registers_by_aka_and_sees_joins_and_leaves() {
    let lab = ImsLab::start(&[]);
    let args = alice(&lab, &lab.strict_pcscf(), &[]);
    see_joins_and_leaves(&lab, &args);
    assert_deregistered(&lab, "alice@ims.test");

    // IMS-08: Route is the P-CSCF and the Service-Route, one URI a line; Path is in none.
    let subscribe = lab.wait_received("pcscf", "SUBSCRIBE", |_| true);
    let expected = [
        format!("<sip:{};lr>", lab.strict_pcscf()),
        format!("<sip:orig@{};lr>", lab.scscf()),
    ];
    assert_eq!(values(&subscribe, "Route"), expected);
    let register = &lab.received("pcscf", "REGISTER")[0];
    assert_eq!(values(register, "Supported"), ["path, gruu"]);
    // IMS-18, IMS-25: no consent, no agreement.
    for absent in [
        "P-Access-Network-Info",
        "Security-Client",
        "Require",
        "Route",
    ] {
        assert!(values(register, absent).is_empty(), "{absent}: {register}");
    }

    let kept = fs::read_to_string(lab.dir().join("alice.aka.sqn")).expect("it is kept");
    assert_ne!(kept.trim(), "000000000000");
    see_joins_and_leaves(&lab, &args);
    let resynchronised = lab.hss_log().iter().any(|line| line.contains("re-sync"));
    assert!(!resynchronised, "{:#?}", lab.hss_log());
}

/// The same on one TCP connection: registration, subscription and NOTIFYs.
#[test]
fn alice_registers_over_tcp() {
    let lab = ImsLab::start(&[]);
    let args = alice(&lab, &lab.pcscf(), &["--transport", "tcp"]);
    see_joins_and_leaves(&lab, &args);
    assert_deregistered(&lab, "alice@ims.test");
    let contact = |message: &str| {
        let contact = values(message, "Contact")[0].to_owned();
        contact.split('>').next().unwrap_or_default().to_owned()
    };
    let register = &lab.received("pcscf", "REGISTER")[0];
    let subscribe = &lab.received("pcscf", "SUBSCRIBE")[0];
    assert_eq!(contact(register), contact(subscribe), "one connection");
    assert!(contact(register).contains("transport=tcp"));
}

#[test]
fn bob_registers_by_digest() {
    let lab = ImsLab::start(&[]);
    see_joins_and_leaves(&lab, &with_password(&lab, "bob", "bob-secret"));
    assert_deregistered(&lab, "bob@ims.test");
    // TS 24.229 §5.1.1.2.3: the first REGISTER names the private identity already.
    let first = &lab.received("pcscf", "REGISTER")[0];
    let authorization = values(first, "Authorization")[0];
    assert!(
        authorization.contains("username=\"bob@ims.test\""),
        "{first}"
    );
    assert!(authorization.contains("response=\"\""), "{first}");
}

/// RFC 3310 §3.4: a SIM ahead of the HSS tells it so, and is believed.
#[test]
fn a_sim_out_of_step_resynchronises() {
    let lab = ImsLab::start(&[]);
    let args = alice(&lab, &lab.pcscf(), &[]);
    lab.file("alice.aka.sqn", "0000ffff0000\n");
    see_joins_and_leaves(&lab, &args);
    let log = lab.hss_log();
    assert!(
        log.iter()
            .any(|line| line.contains("re-sync") && line.contains("SQN=4294901760")),
        "{log:#?}"
    );
    let kept = fs::read_to_string(lab.dir().join("alice.aka.sqn")).expect("it is kept");
    // One step of 32 for the registration, one for its end.
    assert_eq!(kept.trim(), "0000ffff0040");
}

fn refused(args: &[String]) -> Outcome {
    let outcome = Watch::start(args).finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    assert!(
        outcome.events.is_empty(),
        "nothing was subscribed to: {outcome:#?}"
    );
    outcome
}

/// Each ends with one line that says what to look at, and without a SUBSCRIBE (IMS-01).
#[test]
fn registrations_that_the_core_or_the_sim_refuses() {
    let lab = ImsLab::start(&[]);
    let server = lab.pcscf();
    // A wrong password, and a user whom the HSS does not know.
    for who in ["bob", "mallory"] {
        let outcome = refused(&with_password(&lab, who, "wrong"));
        outcome.assert_one_line(&[&server, "403", "user name", "secret"]);
    }
    // A SIM with another key: the network looks forged.
    let key = lab.file("other.aka", &ALICE_AKA.replace("465b", "0000"));
    let outcome = refused(&watch_args(&server, "alice", &["--aka-file", &key]));
    outcome.assert_one_line(&[&server, "SIM", "k and opc"]);
    // A password where the core asks for AKA.
    let outcome = refused(&with_password(&lab, "alice", "whatever"));
    outcome.assert_one_line(&[&server, "AKAv1-MD5", "AKA file"]);
    // A key file that is none.
    let junk = lab.file("junk.aka", "k = 12\n");
    let outcome = refused(&watch_args(&server, "alice", &["--aka-file", &junk]));
    outcome.assert_one_line(&["junk.aka", "line 1", "32 hex digits"]);
    // A sequence number that cannot be read is not taken for none.
    let good = lab.file("good.aka", ALICE_AKA);
    lab.file("good.aka.sqn", "garbage");
    let outcome = refused(&watch_args(&server, "alice", &["--aka-file", &good]));
    outcome.assert_one_line(&["good.aka.sqn", "sequence number"]);
    assert_eq!(lab.received("pcscf", "SUBSCRIBE"), [""; 0]);
}

#[test]
fn a_core_that_is_not_there() {
    let outcome = refused(&watch_args(
        "127.0.0.1:9",
        "alice",
        &["--transport", "tcp", "--mode", "auto"],
    ));
    outcome.assert_one_line(&["127.0.0.1:9", "cannot be reached", "transport"]);
}

/// IMS-03, IMS-04: dave's first identity is barred; he is seen under the first that is not.
#[test]
fn a_barred_identity_is_not_used() {
    let lab = ImsLab::start(&[]);
    see_joins_and_leaves(&lab, &with_password(&lab, "dave", "dave-secret"));
    let subscribe = lab.wait_received("as", "SUBSCRIBE", |_| true);
    let public = ImsLab::uri("dave.public");
    assert!(
        values(&subscribe, "From")[0].starts_with(&format!("<{public}>")),
        "{subscribe}"
    );
    assert_eq!(
        values(&subscribe, "P-Asserted-Identity"),
        [format!("<{public}>")]
    );
}

/// TS 24.229 §5.1.1.4.1: a short life is renewed half-way, and again; the subscription does not notice.
#[test]
fn a_registration_is_renewed_before_it_lapses() {
    let lab = ImsLab::start(&[("LAB_MAX_EXPIRES", "12")]);
    lab.publish(ROOM, &[("bob", "connected")]);
    let mut watch = Watch::start(&alice(&lab, &lab.pcscf(), &[]));
    watch.wait_for("the first roster", |e| e["event"] == "roster");
    // Two REGISTERs make it, two each renew it; the first life is over by the second renewal.
    let renewed = |message: &str| values(message, "CSeq")[0] == "6 REGISTER";
    lab.wait_received("scscf", "REGISTER", renewed);
    lab.publish(ROOM, &[("bob", "connected"), ("carol", "connected")]);
    watch.wait_user("joined", &ImsLab::uri("carol"));
    let user = lab.hss(&json!({"cmd": "user", "impi": "alice@ims.test"}));
    assert_eq!(user["registered"], true, "{user:#}");
    watch.interrupt();
    assert_eq!(watch.finish().status, Some(0));
    assert_deregistered(&lab, "alice@ims.test");
}
