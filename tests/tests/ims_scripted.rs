//! `rollmark watch` and a P-CSCF that does not do what it should (TS 24.229 §5.1.1, §5.1.2A; bad input of IMS mode).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use rollmark_tests::ims::{ImsLab, values};
use rollmark_tests::pcscf::Pcscf;
use rollmark_tests::process::{PATIENCE, Process};
use rollmark_tests::watch::{Watch, binary};

const ROUTE: &str = "Service-Route: <sip:orig@192.0.2.7;lr>";
const ALICE: &str = "P-Associated-URI: <sip:alice@ims.test>";
const ACCESS: &str = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000001";
/// How long it is listened for what must not come.
const PAUSE: Duration = Duration::from_millis(700);

fn args(server: &str, more: &[&str]) -> Vec<String> {
    let (room, alice) = (ImsLab::uri("conf-room"), ImsLab::uri("alice"));
    let args = ["watch", &room, "--as", &alice, "--server", server];
    args.iter().chain(more).map(ToString::to_string).collect()
}

fn watch(core: &Pcscf, more: &[&str]) -> Watch {
    Watch::start(&args(&core.addr(), more))
}

/// Subscribes, sees bob, and ends; the SUBSCRIBE.
fn see_bob(core: &mut Pcscf, watch: &mut Watch) -> String {
    let subscribe = core.expect("SUBSCRIBE ");
    core.accept(&subscribe);
    let notify = core.notification(&subscribe, "active;expires=600", &["bob"], &[]);
    core.notify(&notify);
    watch.wait_for("the first roster", |e| e["event"] == "roster");
    watch.interrupt();
    core.see_out(&subscribe);
    subscribe
}

/// IMS-04: nobody is watched under an identity that the core bars; the binding goes.
#[test]
fn no_identity_that_may_be_used() {
    for associated in ["P-Associated-URI: <>, nonsense", "P-Associated-URI:"] {
        let mut core = Pcscf::start();
        let mut watch = watch(&core, &["--mode", "ims"]);
        core.register(&[ROUTE, associated]);
        core.deregister();
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(1), "{outcome:#?}");
        assert!(outcome.events.is_empty(), "{outcome:#?}");
        outcome.assert_one_line(&[&core.addr(), "none of the identities", "P-Associated-URI"]);
    }
}

/// IMS-07, IMS-09: a Service-Route that is missing or has a hole is none, and that is said.
#[test]
fn a_service_route_that_cannot_be_used() {
    for (route, said) in [
        (
            "Service-Route: <sip:orig@192.0.2.7;lr>, <http://nowhere>",
            "left out",
        ),
        ("X-Nothing: here", "no Service-Route"),
    ] {
        let mut core = Pcscf::start();
        let mut watch = watch(&core, &["--mode", "ims"]);
        core.register(&[route, ALICE]);
        let subscribe = see_bob(&mut core, &mut watch);
        assert_eq!(
            values(&subscribe, "Route"),
            [format!("<sip:{};lr>", core.addr())]
        );
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(0), "{outcome:#?}");
        outcome.assert_one_line(&[&core.addr(), "Service-Route", said]);
    }
}

/// IMS-45: what leads around the P-CSCF is reported, not followed.
#[test]
fn redirections_are_not_followed() {
    let elsewhere = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    let contact = format!(
        "Contact: <sip:focus@{}>",
        elsewhere.local_addr().expect("it is bound")
    );
    for status in ["302 Moved Temporarily", "305 Use Proxy"] {
        let mut core = Pcscf::start();
        let mut watch = watch(&core, &["--mode", "ims"]);
        core.register(&[ROUTE, ALICE]);
        let subscribe = core.expect("SUBSCRIBE ");
        core.answer(&subscribe, status, &[&contact]);
        core.deregister();
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(1), "{outcome:#?}");
        outcome.assert_one_line(&[&core.addr(), "redirects", &status[..3]]);
    }
    // The registration itself likewise.
    let mut core = Pcscf::start();
    let mut watch = watch(&core, &["--mode", "ims"]);
    let register = core.expect("REGISTER ");
    core.answer(&register, "305 Use Proxy", &[&contact]);
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    outcome.assert_one_line(&[&core.addr(), "redirects", "305"]);

    elsewhere.set_nonblocking(true).expect("a socket can");
    let mut buffer = [0; 16];
    assert!(elsewhere.recv(&mut buffer).is_err(), "somebody went there");
}

/// IMS-01: a server that registers nobody is no IMS core; --mode ims says so, --mode auto takes it for plain SIP.
#[test]
fn nobody_is_registered_here() {
    let mut core = Pcscf::start();
    let mut forced = watch(&core, &["--mode", "ims"]);
    let register = core.expect("REGISTER ");
    core.answer(&register, "405 Method Not Allowed", &[]);
    let outcome = forced.finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    outcome.assert_one_line(&[&core.addr(), "405"]);
    core.expect_silence(PAUSE);
}

/// SW-01, SW-02, SW-10, IMS-18: where the user is is not told before it shows that the core is an IMS, and never to another.
#[test]
fn auto_decides_by_the_answer_and_says_why() {
    // Both signs of an S-CSCF.
    let mut core = Pcscf::start();
    let more = ["--mode", "auto", "--access-network", ACCESS];
    let mut ims = watch(&core, &more);
    let register = core.register(&[ROUTE, ALICE]);
    assert!(
        values(&register, "P-Access-Network-Info").is_empty(),
        "{register}"
    );
    let subscribe = see_bob(&mut core, &mut ims);
    assert_eq!(values(&subscribe, "P-Access-Network-Info"), [ACCESS]);
    assert_eq!(
        values(&subscribe, "P-Preferred-Identity"),
        ["<sip:alice@ims.test>"]
    );
    let outcome = ims.finish();
    let active = outcome.events.iter().find(|e| e["state"] == "active");
    let active = active.expect("it was active");
    assert_eq!(active["mode"], "ims", "{active:#}");
    let reason = active["mode_reason"].as_str().unwrap_or_default();
    assert!(reason.contains("P-Associated-URI"), "{active:#}");

    // One of them, as plain registrars give it, too.
    for (answer, word) in [
        (&[ROUTE][..], "no P-Associated-URI"),
        (&[ALICE][..], "no Service-Route"),
        (&[][..], "neither"),
    ] {
        let mut core = Pcscf::start();
        let mut plain = watch(&core, &more);
        let register = core.register(answer);
        let subscribe = see_bob(&mut core, &mut plain);
        for message in [&register, &subscribe] {
            for absent in [
                "P-Access-Network-Info",
                "P-Preferred-Identity",
                "Security-Verify",
            ] {
                assert!(values(message, absent).is_empty(), "{absent}: {message}");
            }
        }
        let outcome = plain.finish();
        let active = outcome.events.iter().find(|e| e["state"] == "active");
        let active = active.expect("it was active");
        assert_eq!(active["mode"], "sip", "{active:#}");
        let reason = active["mode_reason"].as_str().unwrap_or_default();
        assert!(reason.contains(word), "{active:#}");
        assert_eq!(outcome.stderr, [""; 0]);
    }
}

/// SW-10: a person reads it, too.
#[test]
fn the_mode_is_told_to_people() {
    let mut core = Pcscf::start();
    let mut command = Command::new(binary());
    command.args(args(&core.addr(), &["--mode", "ims"]));
    let mut process = Process::start(&mut command, "Run ./tests/run");
    core.register(&[ROUTE, ALICE]);
    let subscribe = core.expect("SUBSCRIBE ");
    core.accept(&subscribe);
    let notify = core.notification(&subscribe, "active;expires=600", &["bob"], &[]);
    core.notify(&notify);
    let text = loop {
        let line = process.line("word of the mode").expect("it goes on");
        if line.contains("IMS") {
            break line;
        }
    };
    assert!(text.contains("without security association"), "{text}");
    assert!(text.contains("the account is set to it"), "{text}");
    process.interrupt();
    core.see_out(&subscribe);
    assert_eq!(process.finish(PATIENCE).status, Some(0));
}

/// IMS-22, IMS-34: who the server claims to be is nobody's word that counts on a way without protection.
#[test]
fn a_forged_asserted_identity_is_ignored() {
    let mut core = Pcscf::start();
    let mut watch = watch(&core, &["--mode", "ims"]);
    core.register(&[ROUTE, ALICE]);
    let subscribe = core.expect("SUBSCRIBE ");
    core.accept(&subscribe);
    let forged = ["P-Asserted-Identity: <sip:forged@evil.test>"];
    let notify = core.notification(&subscribe, "active;expires=600", &["bob"], &forged);
    core.notify(&notify);
    watch.wait_for("the first roster", |e| e["event"] == "roster");
    watch.interrupt();
    core.see_out(&subscribe);
    let outcome = watch.finish();
    let stream = format!("{:?}", outcome.events);
    assert!(!stream.contains("forged"), "{stream}");
    assert!(stream.contains("sip:bob@ims.test"), "{stream}");
}

/// IMS-19: what would begin a header of its own is refused before anything is sent.
#[test]
fn access_network_info_with_a_line_break() {
    let core = Pcscf::start();
    for text in [
        "3GPP-E-UTRAN-FDD\r\nX-Evil: 1",
        "3GPP\n2",
        "no type, but words",
    ] {
        let outcome = watch(&core, &["--mode", "ims", "--access-network", text]).finish();
        assert_eq!(outcome.status, Some(2), "{outcome:#?}");
        let said = outcome.stderr.join("\n");
        assert!(said.contains("access network info"), "{said}");
    }
}

/// IMS-39 and its kin: a P-CSCF that knows of no registration is registered with once more, and asked once more; not for ever.
#[test]
fn a_p_cscf_that_forgot_the_user_is_registered_with_once_more() {
    const FORGOT: &str = "403 Forbidden - You must register first with a S-CSCF";
    let mut core = Pcscf::start();
    let mut served = watch(&core, &["--mode", "ims"]);
    let first = core.register(&[ROUTE, ALICE]);
    let refused = core.expect("SUBSCRIBE ");
    core.answer(&refused, FORGOT, &[]);
    let again = core.register(&["Service-Route: <sip:orig@192.0.2.8;lr>", ALICE]);
    assert_eq!(values(&again, "Call-ID"), values(&first, "Call-ID"));
    let subscribe = see_bob(&mut core, &mut served);
    // IMS-06: by the new way.
    let route = values(&subscribe, "Route")[1];
    assert_eq!(route, "<sip:orig@192.0.2.8;lr>");
    let outcome = served.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");

    let mut core = Pcscf::start();
    let mut refused_again = watch(&core, &["--mode", "ims"]);
    for _ in 0..2 {
        core.register(&[ROUTE, ALICE]);
        let subscribe = core.expect("SUBSCRIBE ");
        core.answer(&subscribe, FORGOT, &[]);
    }
    core.deregister();
    let outcome = refused_again.finish();
    assert_eq!(outcome.status, Some(1), "{outcome:#?}");
    outcome.assert_one_line(&[&core.addr(), "403"]);
}

/// IMS-39, IMS-41: a stale agreement and a lost S-CSCF likewise.
#[test]
fn a_core_that_wants_a_new_registration_gets_one() {
    for status in ["494 Security Agreement Required", "503 Service Unavailable"] {
        let mut core = Pcscf::start();
        let mut watch = watch(&core, &["--mode", "ims"]);
        core.register(&[ROUTE, ALICE]);
        let refused = core.expect("SUBSCRIBE ");
        core.answer(&refused, status, &[]);
        core.register(&[ROUTE, ALICE]);
        see_bob(&mut core, &mut watch);
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(0), "{status}: {outcome:#?}");
    }
}

/// IMS-32, SEC-03: a NOTIFY that does not come from the P-CSCF changes nothing, though it names the dialog.
#[test]
fn a_notify_from_elsewhere_is_refused() {
    let mut core = Pcscf::start();
    let mut watch = watch(&core, &["--mode", "ims"]);
    core.register(&[ROUTE, ALICE]);
    let subscribe = core.expect("SUBSCRIBE ");
    core.accept(&subscribe);
    let notify = core.notification(&subscribe, "active;expires=600", &["bob"], &[]);
    core.notify(&notify);
    watch.wait_for("the first roster", |e| e["event"] == "roster");

    let elsewhere = UdpSocket::bind("127.0.0.2:0").expect("all of 127.0.0.0/8 is loopback");
    elsewhere
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout above zero");
    let forged = core.notification(&subscribe, "terminated;reason=noresource", &[], &[]);
    let forged = forged.replace(
        &format!("SIP/2.0/UDP {}", core.addr()),
        &format!(
            "SIP/2.0/UDP {}",
            elsewhere.local_addr().expect("it is bound")
        ),
    );
    elsewhere
        .send_to(forged.as_bytes(), core.peer())
        .expect("loopback takes it");
    let mut buffer = [0; 2048];
    let length = elsewhere.recv(&mut buffer).expect("an answer");
    let answer = String::from_utf8_lossy(&buffer[..length]);
    assert!(!answer.starts_with("SIP/2.0 2"), "{answer}");

    // The true one goes on.
    let notify = core.notification(&subscribe, "active;expires=600", &["bob", "carol"], &[]);
    core.notify(&notify);
    watch.wait_user("joined", &ImsLab::uri("carol"));
    watch.interrupt();
    core.see_out(&subscribe);
    let outcome = watch.finish();
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(outcome.ended_reason(), "unsubscribed");
}

/// The next connection.
fn connection(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener can");
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok((connection, _)) = listener.accept() {
            connection.set_nonblocking(false).expect("a connection can");
            return connection;
        }
        assert!(Instant::now() < deadline, "nobody connects");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// IMS-29, RFC 3261 §8.1.1.6, §18.1.1: a long route set makes a request too large for a datagram: it goes by TCP, where the server
/// takes that. Max-Forwards is 70.
#[test]
fn a_large_request_goes_by_tcp() {
    let hop = |name: usize| format!("<sip:orig@{}{name}.ims.test;lr>", "x".repeat(180));
    let route = (0..8).map(hop).collect::<Vec<_>>().join(", ");
    let route = format!("Service-Route: {route}");
    for more in [&["--mode", "ims"][..], &["--mode", "ims", "--join"]] {
        // A port that is free for both.
        let mut cores = (0..20).map(|_| Pcscf::start());
        let both = cores.find_map(|core| Some((TcpListener::bind(core.addr()).ok()?, core)));
        let (listener, mut core) = both.expect("loopback has one");
        let mut watch = watch(&core, more);
        core.register(&[&route, ALICE]);
        let mut connection = connection(&listener);
        connection
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout above zero");
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut piece = [0; 4096];
            let length = connection.read(&mut piece).expect("the request");
            request.extend_from_slice(&piece[..length]);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let method = if more.contains(&"--join") {
            "INVITE "
        } else {
            "SUBSCRIBE "
        };
        assert!(
            request.starts_with(method) && request.len() > 1300,
            "{request}"
        );
        assert_eq!(values(&request, "Max-Forwards"), ["70"]);
        assert_eq!(values(&request, "Route").len(), 9, "{request}");
        let answer = Pcscf::answer_to(&request, "403 Forbidden", &[]);
        connection.write_all(answer.as_bytes()).expect("it listens");
        core.deregister();
        let outcome = watch.finish();
        assert_eq!(outcome.status, Some(1), "{outcome:#?}");
        outcome.assert_one_line(&["403"]);
    }
}
