//! The module in Debian's baresip against Kamailio: what its user reads, whatever happens around it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use rollmark_tests::baresip::{ALL, Phone, folder, module, write_config};
use rollmark_tests::focus::Focus;
use rollmark_tests::kit::baresip::Baresip;
use rollmark_tests::kit::notifier::{Body, Notifier};
use rollmark_tests::kit::wire::{Socket, Transport};
use rollmark_tests::kit::{Adapter, digest, document};
use rollmark_tests::lab::Lab;
use rollmark_tests::process::PATIENCE;

/// An account line; nothing registers.
fn account(name: &str, password: &str, server: &str) -> String {
    let uri = Lab::uri(name);
    format!(
        "<{uri}>;auth_user={name};auth_pass={password};outbound=\"sip:{server}\";regint=0;answermode=manual\n"
    )
}

/// alice's softphone at the lab, with these keys besides.
fn alice(lab: &Lab, keys: &str) -> PathBuf {
    let dir = folder(&account("alice", "alicepw", &lab.server()), &ALL);
    write_config(&dir, keys, &ALL);
    dir
}

/// Keys for alice's list on the lab's XDMS.
fn xdms(lab: &Lab) -> String {
    let password = lab.file("alice.xcap-password", "alicepw\n");
    format!(
        "conference_xcap_root {}\nconference_xcap_user alice\nconference_xcap_password_file {password}\n",
        lab.xcap_root()
    )
}

fn enter(lab: &Lab, room: &str) -> Focus {
    let mut focus = Focus::enter(lab, room);
    focus.step("full:bob,mallory");
    focus
}

/// One whole life: watch, joins and leaves, marks and their changes, the module unloaded and loaded again, the end while
/// subscribed.
fn life(lab: &Lab, focus: &mut Focus, phone: &mut Phone, room: &str) {
    let uri = Lab::uri(room);
    let who = |name: &str| Lab::uri(name);
    focus.step("blocked:mallory").step("full:bob,mallory");
    phone.asked(&format!("conf_watch {uri}"), &format!("watching {uri}"));
    phone.heard("state active");
    phone.heard("roster of 2 users");
    phone.heard(&format!("blocked {}", who("mallory")));
    let row = phone.asked("conf_list", "  ! ");
    let marked = row.contains(&who("mallory")) && row.contains("BLOCKED by");
    assert!(marked, "{row}");

    focus.step("add:dave");
    phone.heard(&format!("joined {}", who("dave")));
    focus.step("del:bob");
    phone.heard(&format!("left {}", who("bob")));

    // The list changes by hand of the user, and by somebody else.
    phone.type_in(&format!("conf_block {}", who("dave")));
    phone.heard("is blocked from now on, by http://");
    phone.heard(&format!("blocked {}", who("dave")));
    phone.asked("conf_blocked", &format!("  ! {}", who("dave")));
    phone.type_in(&format!("conf_unblock {}", who("mallory")));
    phone.heard("is blocked no more");
    phone.heard(&format!("unblocked {}", who("mallory")));
    focus.step("blocked:mallory");
    phone.type_in("conf_refresh");
    phone.heard(&format!("blocked {}", who("mallory")));
    phone.heard(&format!("unblocked {}", who("dave")));

    // The module goes and comes while the softphone runs.
    phone.type_in("rmmod conference.so");
    phone.heard("unloading module");
    lab.wait_seen(room, "expires-0");
    phone.type_in("insmod conference.so");
    phone.asked("conf_list", "no conference is watched");
    phone.asked(&format!("conf_watch {uri}"), "watching");
    phone.heard("roster of 2 users");
    phone.terminate();
    phone.heard("ended unsubscribed");
}

/// SW-16, SW-18, XDM-29: the whole, with a block list on an XDMS.
#[test]
fn a_user_sees_who_is_there_and_whom_he_has_blocked() {
    let lab = Lab::start(&[]);
    let mut focus = Focus::enter(&lab, "room");
    let mut phone = Phone::open(&alice(&lab, &xdms(&lab)));
    life(&lab, &mut focus, &mut phone, "room");
    let status = phone.end();
    assert!(status.success(), "{status}\n{}", phone.transcript());
    assert!(phone.has_ended());
    lab.wait_seen("room", "final-200");
}

/// The same under valgrind: no errors, nothing definitely lost.
#[test]
fn no_memory_is_lost() {
    let lab = Lab::start(&[]);
    let mut focus = Focus::enter(&lab, "room");
    let dir = alice(&lab, &xdms(&lab));
    let log = dir.join("valgrind.log");
    let mut command = Command::new("valgrind");
    command
        .args(["--leak-check=full", "--errors-for-leak-kinds=definite"])
        .args(["--show-leak-kinds=definite", "--error-exitcode=99"])
        .arg(format!("--log-file={}", log.display()))
        .arg("baresip")
        .arg("-f")
        .arg(&dir);
    let mut phone = Phone::start(&mut command);
    life(&lab, &mut focus, &mut phone, "room");
    let status = phone.end();
    let report = std::fs::read_to_string(&log).expect("valgrind writes a report");
    assert!(status.success(), "{status}\n{report}");
    assert!(report.contains("ERROR SUMMARY: 0 errors"), "{report}");
}

/// A list in a file: made by the first block, read again when an editor changes it.
#[test]
fn a_list_in_a_file_is_kept_and_followed() {
    let lab = Lab::start(&[]);
    let mut focus = enter(&lab, "room");
    let list = lab.dir().join("blocked.txt");
    let keys = format!("conference_block_list {}\n", list.display());
    let mut phone = Phone::open(&alice(&lab, &keys));
    phone.heard("cannot be used");
    phone.asked(&format!("conf_watch {}", Lab::uri("room")), "watching");
    phone.heard("roster of 2 users");
    phone.type_in("conf_block sip:mallory@LAB.test");
    phone.heard("sip:mallory@lab.test is blocked from now on");
    phone.heard(": blocked sip:mallory@lab.test");
    phone.asked("conf_blocked", "  ! sip:mallory@lab.test");
    std::fs::write(&list, format!("{}\n", Lab::uri("bob"))).expect("the list can be written");
    phone.heard(&format!("blocked {}", Lab::uri("bob")));
    focus.step("add:dave");
    phone.heard(&format!("joined {}", Lab::uri("dave")));
}

/// Several accounts, and a password that was wrong at first.
#[test]
fn each_account_has_its_own_subscriptions() {
    let lab = Lab::start(&[]);
    let _focus = enter(&lab, "room");
    let accounts =
        account("alice", "alicepw", &lab.server()) + &account("bob", "wrong", &lab.server());
    let dir = folder(&accounts, &ALL);
    write_config(&dir, "", &ALL);
    let mut phone = Phone::open(&dir);
    let (room, bob) = (Lab::uri("room"), Lab::uri("bob"));
    phone.asked(
        &format!("conf_watch {room} {}", Lab::uri("nobody")),
        "no account",
    );
    phone.asked(&format!("conf_watch {room} {bob}"), "watching");
    phone.heard("ended");
    phone.asked(
        &format!("conf_watch {room} {}", Lab::uri("alice")),
        "watching",
    );
    phone.heard("roster of 2 users");
    phone.type_in(&format!("uadel {bob}"));
    phone.type_in(&format!(
        "uanew {}",
        account("bob", "bobpw", &lab.server()).trim()
    ));
    phone.asked(&format!("conf_watch {room} {bob}"), "watching");
    phone.heard("roster of 2 users");
    phone.terminate();
    phone.heard("ended unsubscribed");
    assert!(phone.end().success(), "{}", phone.transcript());
}

/// A notifier that the test plays, and alice's softphone at it.
fn played(password: &str, keys: &str) -> (Notifier, Phone) {
    let form = Baresip(Transport::Udp).abilities().form;
    let notifier = Notifier::new(Socket::listen(Transport::Udp), form);
    let dir = folder(&account("alice", password, &notifier.address()), &ALL);
    write_config(&dir, keys, &ALL);
    let phone = Phone::open(&dir);
    (notifier, phone)
}

/// SUB-12: the password changes while a conference is watched: the account is made anew with it, and the challenges of the very
/// subscription are answered with it.
#[test]
fn a_new_password_holds_for_what_is_watched() {
    let (mut notifier, mut phone) = played("old-one", "");
    let challenge = |nonce: &str| {
        format!("Digest realm=\"lab.test\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5")
    };
    phone.asked("conf_watch sip:room@example.org", "watching");
    let asked = notifier.poll(PATIENCE).expect("a SUBSCRIBE");
    notifier.respond(&asked, 401, &[("WWW-Authenticate", &challenge("one"))]);
    let first = notifier.poll(PATIENCE).expect("one with credentials");
    digest::check(&first.message, "alice", "old-one", "one");
    notifier.respond(&first, 200, &[]);
    let kind = "application/conference-info+xml";
    let text = &document(1, "full", &["bob"]);
    let body = Some(Body { kind, text });
    notifier.notify(&first, "active;expires=3600", body, PATIENCE);
    phone.heard("roster of 1 user");

    phone.type_in(&format!("uadel {}", Lab::uri("alice")));
    let renewed = account("alice", "new-one", &notifier.address());
    phone.type_in(&format!("uanew {}", renewed.trim()));
    phone.type_in("conf_refresh");
    let refresh = notifier.poll(PATIENCE).expect("a refresh");
    assert!(!refresh.initial && refresh.call_id() == first.call_id());
    notifier.respond(&refresh, 401, &[("WWW-Authenticate", &challenge("two"))]);
    let again = notifier.poll(PATIENCE).expect("it with credentials");
    assert_eq!(again.call_id(), first.call_id());
    digest::check(&again.message, "alice", "new-one", "two");
    notifier.respond(&again, 200, &[]);
    let text = &document(2, "full", &["bob", "dave"]);
    let body = Some(Body { kind, text });
    notifier.notify(&again, "active;expires=3600", body, PATIENCE);
    phone.heard("joined sip:dave@example.org");

    // It changes once more: what libre remembers is refused, so the account is asked anew.
    phone.type_in(&format!("uadel {}", Lab::uri("alice")));
    let renewed = account("alice", "newest", &notifier.address());
    phone.type_in(&format!("uanew {}", renewed.trim()));
    phone.type_in("conf_refresh");
    let refresh = notifier.poll(PATIENCE).expect("another refresh");
    notifier.respond(&refresh, 401, &[("WWW-Authenticate", &challenge("three"))]);
    let last = notifier.poll(PATIENCE).expect("it with the newest");
    digest::check(&last.message, "alice", "newest", "three");
    notifier.respond(&last, 200, &[]);
}

/// IMS-06, IMS-16, IMS-21, SW-03: what the registrar said is told by configuration: it is in the SUBSCRIBE on the wire, and in none once
/// the mode is plain SIP.
#[test]
fn facts_of_an_ims_core_by_configuration() {
    let access = "IEEE-802.11;i-wlan-node-id=000000000001";
    let keys = format!(
        "conference_mode ims\nconference_service_route <sip:orig@192.0.2.7;lr>\n\
         conference_associated_uri sip:other@lab.test,sip:alice@lab.test\nconference_access_network {access}\n"
    );
    let (mut notifier, mut phone) = played("x", &keys);
    phone.asked("conf_watch sip:room@example.org", "watching");
    let asked = notifier.poll(PATIENCE).expect("a SUBSCRIBE");
    let message = &asked.message;
    let routes: Vec<_> = message.all("Route").collect();
    let pcscf = format!("sip:{}", notifier.address());
    assert_eq!(routes.len(), 2, "{message:#?}");
    assert!(routes[0].contains(&pcscf), "{routes:?}");
    assert_eq!(routes[1], "<sip:orig@192.0.2.7;lr>");
    assert_eq!(
        message.get("P-Preferred-Identity"),
        Some("<sip:alice@lab.test>")
    );
    assert_eq!(message.get("P-Access-Network-Info"), Some(access));
    notifier.respond(&asked, 404, &[]);
    phone.heard("ended not-found");

    phone.asked("conf_mode sip", "mode sip");
    phone.asked("conf_watch sip:room@example.org", "watching");
    let asked = notifier.poll(PATIENCE).expect("a SUBSCRIBE");
    for name in ["P-Preferred-Identity", "P-Access-Network-Info"] {
        assert_eq!(asked.message.get(name), None);
    }
    notifier.respond(&asked, 404, &[]);
    phone.heard("ended not-found");
}

/// What a user may get wrong: a line says what and the softphone lives on.
#[test]
fn nothing_wrong_ends_the_softphone() {
    let keys = "conference_expires soon\nconference_mode volte\nconference_trace_tap 1\nconference_xcap_root http://127.0.0.1:1/xcap\n";
    // A registrar that nobody plays.
    let accounts =
        "<sip:alice@lab.test>;auth_pass=x;outbound=\"sip:127.0.0.1:1;transport=tcp\";regint=60\n";
    let dir = folder(accounts, &ALL);
    write_config(&dir, keys, &ALL);
    let mut phone = Phone::open(&dir);
    for key in [
        "conference_expires",
        "conference_mode",
        "conference_trace_tap",
    ] {
        let seen = phone.transcript();
        let line = seen.lines().find(|line| line.contains(key));
        assert!(
            line.is_some_and(|line| line.contains("may be")),
            "{key}\n{seen}"
        );
    }
    let long = "x".repeat(3000);
    for (typed, answer) in [
        ("conf_watch", "which conference?"),
        ("conf_watch nonsense", "nonsense"),
        ("conf_watch %s%n%p", "%s%n%p"),
        (long.as_str(), ""),
        ("conf_leave sip:room@lab.test", "is not watched"),
        ("conf_leave", "no conference is watched"),
        ("conf_block", "whom?"),
        ("conf_block ::::", "names nobody"),
        ("conf_mode volte", "there are sip, ims and auto"),
        ("conf_mode", "mode sip"),
        ("conf_mode ims", "mode ims"),
        ("conf_mode sip", "mode sip"),
    ] {
        phone.asked(typed, answer);
    }
    phone.asked("conf_block sip:bob@lab.test", "asked for");
    phone.heard("block list: http://127.0.0.1:1/xcap");
    phone.asked("conf_blocked", "unavailable, 0 entries");
    phone.asked("conf_watch sip:room@lab.test", "watching");
    phone.heard("state subscribing unreachable, next attempt");
    phone.asked("conf_list", "not known yet");
    // A fault inside the module is told, and is not the softphone's end.
    phone.type_in("conf_mode panic");
    phone.heard("a fault inside the module");
    phone.asked("conf_mode", "mode sip");
}

/// The same commands by the command line and by ctrl_tcp.
#[test]
fn commands_are_there_in_every_front_end() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("loopback has a free port").port();
    let modules = [&ALL[..], &["ctrl_tcp.so"]].concat();
    let dir = folder(&account("alice", "x", "127.0.0.1:9"), &modules);
    write_config(
        &dir,
        &format!("ctrl_tcp_listen 127.0.0.1:{port}\n"),
        &modules,
    );
    let mut command = Command::new("baresip");
    command.args(["-e", "/conf_mode auto", "-f"]).arg(&dir);
    let _phone = Phone::start(&mut command);
    let mut control = TcpStream::connect(("127.0.0.1", port)).expect("ctrl_tcp listens");
    control
        .set_read_timeout(Some(PATIENCE))
        .expect("above zero");
    let asked = r#"{"command":"conf_mode"}"#;
    write!(control, "{}:{asked},", asked.len()).expect("ctrl_tcp reads");
    let mut answer = [0; 1000];
    let length = control.read(&mut answer).expect("ctrl_tcp answers");
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.contains("mode auto"), "what -e has set: {answer}");
}

/// Without an account it says so.
#[test]
fn a_softphone_without_an_account_is_told_so() {
    let dir = folder("", &ALL);
    write_config(&dir, "", &ALL);
    let mut phone = Phone::open(&dir);
    phone.asked("conf_watch sip:room@lab.test", "baresip has no account");
    phone.asked("conf_block sip:bob@lab.test", "baresip has no account");
}

/// Loaded by -m, before there are user agents: it says so, and baresip goes on without it.
#[test]
fn loaded_too_early_it_says_so() {
    let dir = folder("", &ALL);
    write_config(&dir, "", &["stdio.so", "account.so", "menu.so"]);
    let mut command = Command::new("baresip");
    command
        .current_dir(dir.join("modules"))
        .args(["-m", "conference.so", "-f"])
        .arg(&dir);
    let mut phone = Phone::start(&mut command);
    assert!(
        phone.transcript().contains("loaded too early"),
        "{}",
        phone.transcript()
    );
    phone.type_in("insmod conference.so");
    phone.asked("conf_list", "no conference is watched");
}

/// In a program that is no baresip it refuses to work, and says why.
#[test]
fn in_an_unknown_program_it_is_not_loaded() {
    let python = "import ctypes, sys\n\
        class Module(ctypes.Structure):\n    _fields_ = [('name', ctypes.c_char_p), ('type', ctypes.c_char_p), ('init', ctypes.CFUNCTYPE(ctypes.c_int))]\n\
        sys.exit(Module.in_dll(ctypes.CDLL(sys.argv[1]), 'exports').init())\n";
    let output = Command::new("python3")
        .args(["-c", python])
        .arg(module())
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(38), "{said}");
    assert!(
        said.contains("conference: not loaded") && said.contains("not known"),
        "{said}"
    );
}

/// NOTIFYs with any body: the roster stays, the softphone lives on.
#[test]
fn any_body_of_a_notify_is_survived() {
    let form = Baresip(Transport::Udp).abilities().form;
    let mut notifier = Notifier::new(Socket::listen(Transport::Udp), form);
    let dir = folder(&account("alice", "x", &notifier.address()), &ALL);
    write_config(&dir, "", &ALL);
    let mut phone = Phone::open(&dir);
    phone.asked("conf_watch sip:room@example.org", "watching");
    let first = notifier.poll(PATIENCE).expect("a SUBSCRIBE");
    notifier.respond(&first, 200, &[("Expires", "3600")]);
    let good = document(1, "full", &["bob"]);
    let long = "\u{20ac}\0<".repeat(8_000);
    let cut = &good[..good.len() / 2];
    let bodies = [
        "", " ", "\0", "%s%n", "<", "<a/>", "\u{feff}", cut, &long, &good,
    ];
    let conference = "application/conference-info+xml";
    for (kind, text) in [conference, "multipart/mixed", "a/nonsense", "text/plain"]
        .into_iter()
        .flat_map(|kind| bodies.map(|text| (kind, text)))
    {
        let body = Some(Body { kind, text });
        let status = notifier.notify(&first, "active;expires=3600", body, PATIENCE);
        assert!((200..600).contains(&status), "{kind:?} {text:?}: {status}");
    }
    phone.asked("conf_list", "sip:bob@example.org");
    phone.asked("conf_mode", "mode sip");
}
