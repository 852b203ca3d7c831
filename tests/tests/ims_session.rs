//! `rollmark watch --join` on a real IMS core: the IM session goes by P-CSCF and S-CSCF to its focus, an application server that is
//! the embedded IM server, and the conference is watched by the same way (TS 24.229 §5.1.2A, §5.1.3, TS 24.147 §5.3.1).

use rollmark_im_server as im;
use rollmark_tests::ims::{ALICE_AKA, ImsLab, values};
use rollmark_tests::watch::Watch;
use tokio::runtime::Runtime;

const ACCESS: &str = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000001";

/// A core and the focus of one conference behind it; bob is in it.
fn stage(runtime: &Runtime) -> (im::ImServer, im::Focus, ImsLab) {
    let _guard = runtime.enter();
    let server = runtime.block_on(im::ImServer::bind(im::Settings::default()));
    let server = server.expect("loopback has a free port");
    let talk = im::Conference::new("Talk").user(im::User::connected(ImsLab::uri("bob")));
    let room = server.create_conference(&ImsLab::uri("live-room"), talk);
    let room = room.expect("there is none of that name");
    let lab = ImsLab::start(&[("LAB_FOCUS", &server.udp_addr().to_string())]);
    (server, room, lab)
}

fn join(server: &str, more: &[&str]) -> Watch {
    let room = ImsLab::uri("live-room");
    let args = [
        "watch", &room, "--join", "--mode", "ims", "--server", server,
    ];
    Watch::start(&[&args, more].concat())
}

/// IMS-16, IMS-17, IMS-21, IMS-30, IMS-31, IMS-46, IMS-48, IMS-49, OMA-05: alice enters by AKA; each request of her session has what
/// the profile says, at the port that forgives nothing; she sees who is there, who comes, and leaves.
#[test]
fn a_session_by_aka() {
    let runtime = Runtime::new().expect("a runtime");
    let (_server, room, lab) = stage(&runtime);
    let (alice, aka) = (ImsLab::uri("alice"), lab.file("alice.aka", ALICE_AKA));
    let who = [
        "--as",
        &alice,
        "--user",
        "alice@ims.test",
        "--aka-file",
        &aka,
    ];
    let more = [&who[..], &["--access-network", ACCESS]].concat();
    let mut watch = join(&lab.strict_pcscf(), &more);
    let active = watch.wait_state("active");
    assert_eq!(active["mode"], "ims", "{active:#}");
    let identity = active["conference"].as_str().expect("a URI").to_owned();
    assert!(
        identity.starts_with("sip:live-room-") && identity.contains(";gr="),
        "{active:#}"
    );
    let first = watch.wait_for("the first roster", |e| e["event"] == "roster");
    let users: Vec<_> = first["users"].as_array().into_iter().flatten().collect();
    assert_eq!(users.len(), 2, "{first:#}");
    assert_eq!(
        (&users[1]["entity"], &users[1]["mark"]),
        (&alice.as_str().into(), &"self".into())
    );
    room.join(im::User::connected(ImsLab::uri("carol")))
        .expect("the room is open");
    watch.wait_user("joined", &ImsLab::uri("carol"));
    watch.interrupt();
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "unsubscribed");
    assert_eq!(outcome.stderr, [""; 0]);

    let invite = lab.wait_received("pcscf", "INVITE", |_| true);
    let subscribe = lab.wait_received("pcscf", "SUBSCRIBE", |m| {
        values(m, "CSeq") == ["1 SUBSCRIBE"]
    });
    assert!(
        subscribe.starts_with(&format!("SUBSCRIBE {identity} ")),
        "{subscribe}"
    );
    assert_ne!(values(&invite, "Call-ID"), values(&subscribe, "Call-ID"));
    // Both begin a dialog, by the same way and as the same user.
    for name in [
        "Route",
        "P-Preferred-Identity",
        "Accept-Contact",
        "Contact",
        "P-Access-Network-Info",
        "Privacy",
    ] {
        assert_eq!(values(&invite, name), values(&subscribe, name), "{invite}");
    }
    assert_eq!(
        values(&invite, "P-Preferred-Identity"),
        [format!("<{alice}>")]
    );
    assert_eq!(
        values(&invite, "Accept-Contact"),
        ["*;+g.oma.sip-im;require;explicit"]
    );
    assert_eq!(values(&invite, "P-Access-Network-Info"), [ACCESS]);
    assert_eq!(values(&invite, "Route").len(), 2, "{invite}");
    assert!(
        values(&invite, "Contact")[0].contains("+g.oma.sip-im"),
        "{invite}"
    );
    // IMS-11: one socket sends and receives.
    let sent_by = values(&invite, "Via")[0]
        .trim_start_matches("SIP/2.0/UDP ")
        .split(';')
        .next();
    let contact = values(&invite, "Contact")[0].split(['@', '>', ';']).nth(1);
    assert_eq!(sent_by, contact, "{invite}");

    let ack = lab.wait_received("pcscf", "ACK", |m| m.contains(&identity));
    let bye = lab.wait_received("pcscf", "BYE", |_| true);
    assert!(bye.starts_with(&format!("BYE {identity} ")), "{bye}");
    for request in [&ack, &bye] {
        assert_eq!(values(request, "Call-ID"), values(&invite, "Call-ID"));
        assert!(
            values(request, "P-Preferred-Identity").is_empty(),
            "{request}"
        );
        assert!(values(request, "Accept-Contact").is_empty(), "{request}");
        // The dialog's own route set, not what was preloaded.
        let routes = values(request, "Route");
        assert!(
            !routes.is_empty() && !routes.iter().any(|r| r.contains("orig@")),
            "{request}"
        );
    }
    assert!(values(&ack, "P-Access-Network-Info").is_empty(), "{ack}");
    assert_eq!(values(&bye, "P-Access-Network-Info"), [ACCESS]);
    // What the core makes of it.
    let asserted = lab.wait_received("scscf", "INVITE", |_| true);
    assert_eq!(
        values(&asserted, "P-Asserted-Identity"),
        [format!("<{alice}>")]
    );
    lab.wait_deregistered("alice@ims.test");
}

/// OMA-38, OMA-39: bob, by digest over one TCP connection; the focus ends the conference: BYE and the last NOTIFY come by the core.
#[test]
fn a_session_by_digest_over_tcp_that_the_focus_ends() {
    let runtime = Runtime::new().expect("a runtime");
    let (_server, room, lab) = stage(&runtime);
    let (bob, secret) = (ImsLab::uri("bob"), lab.file("bob.password", "bob-secret\n"));
    let who = [
        "--as",
        &bob,
        "--user",
        "bob@ims.test",
        "--password-file",
        &secret,
        "--transport",
        "tcp",
    ];
    let mut watch = join(&lab.pcscf(), &who);
    watch.wait_for("the first roster", |e| e["event"] == "roster");
    room.end(im::FinalDocument::None).expect("the room is open");
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "noresource");
    lab.wait_deregistered("bob@ims.test");
}

/// IMS-36: a conference that the focus does not know, and a user without a service: told in one line, and the binding goes.
#[test]
fn who_is_not_let_in_by_the_core_is_told() {
    let runtime = Runtime::new().expect("a runtime");
    let (_server, room, lab) = stage(&runtime);
    for (user, status) in [("bob", "403"), ("carol", "604")] {
        room.change(|conference| {
            conference.locked = true;
            Ok(())
        })
        .expect("the room is open");
        let secret = lab.file("password", &format!("{user}-secret\n"));
        let (uri, private) = (ImsLab::uri(user), format!("{user}@ims.test"));
        let who = ["--as", &uri, "--user", &private, "--password-file", &secret];
        let outcome = join(&lab.strict_pcscf(), &who).finish();
        assert_eq!(outcome.status, Some(1), "{outcome:#?}");
        outcome.assert_one_line(&["live-room", status]);
        lab.wait_deregistered(&private);
    }
}
