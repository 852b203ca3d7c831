//! A softphone outside the workspace that adds the plugin to its own ezk endpoint: it is built as its developer builds
//! it, and run against the embedded IM server.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rollmark_im_server::{Conference, ImServer, Settings, User};
use rollmark_tests::process::{PATIENCE, Process, build_dir};

/// Builds the sample with its own lock file, which takes its versions from the workspace's, into the same folder: what is
/// alike is built once.
fn build() -> Command {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("embedding");
    let target = build_dir().join("..");
    std::fs::copy(sample.join("../../Cargo.lock"), sample.join("Cargo.lock"))
        .expect("the lock file can be copied");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--offline", "--manifest-path"])
        .arg(sample.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Command::new(target.join("debug/rollmark-embedding"))
}

/// Sends a request of somebody else to the softphone and gives the status line of the answer.
fn ask(address: &str, method: &str, more: &str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let here = socket.local_addr().expect("an address");
    let request = format!(
        "{method} sip:alice@{address} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:carol@im.example>;tag=1\r\nTo: <sip:alice@im.example>;tag=2\r\n\
         Call-ID: {method}@im.example\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    );
    socket.send_to(request.as_bytes(), address).expect("sent");
    let mut answer = [0; 2048];
    let length = socket.recv(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]);
    answer.lines().next().unwrap_or_default().to_owned()
}

fn wait(phone: &mut Process, wanted: &str) -> String {
    loop {
        match phone.line(wanted) {
            Some(line) if line.starts_with(wanted) => return line,
            Some(_) => {}
            None => panic!("it ended without {wanted:?}: {}", phone.transcript()),
        }
    }
}

/// SW-15: two accounts on one endpoint, never mixed; the softphone's own layers, before and after the plugin, get what is
/// theirs, and the plugin ends with Expires: 0 on both.
#[tokio::test(flavor = "multi_thread")]
async fn a_softphone_of_its_own_adds_the_plugin_among_its_layers_for_two_accounts() {
    let server = ImServer::bind(Settings::default()).await.expect("a server");
    let conference = |name: &str, users: [&str; 2]| {
        let uri = format!("sip:{name}@{}", server.udp_addr());
        let content = users.iter().fold(Conference::new(name), |c, user| {
            c.user(User::connected(format!("sip:{user}@im.example")))
        });
        let focus = server
            .create_conference(&uri, content)
            .expect("a conference");
        (uri, focus)
    };
    let (books, of_alice) = conference("books", ["alice", "mallory"]);
    let (films, of_bob) = conference("films", ["bob", "dave"]);

    let mut command = tokio::task::spawn_blocking(build).await.expect("built");
    command.args([&books, &films]);
    let phone = tokio::task::spawn_blocking(move || {
        let mut phone = Process::start(&mut command, "cargo builds it");
        let address = wait(&mut phone, "listening").replace("listening ", "");
        wait(
            &mut phone,
            "alice sees sip:alice@im.example, sip:mallory@im.example",
        );
        (phone, address)
    });
    let (mut phone, address) = phone.await.expect("it starts");
    let mut subscribers = of_bob.subscribers().expect("the conference is open");
    let both = subscribers.wait_for(|count| *count == 1);
    tokio::time::timeout(PATIENCE, both)
        .await
        .expect("bob subscribes")
        .expect("the conference is open");
    of_bob
        .join(User::connected("sip:mallory@im.example"))
        .expect("mallory joins");

    let phone = tokio::task::spawn_blocking(move || {
        wait(&mut phone, "bob sees");
        // The layers of the softphone's own.
        assert_eq!(ask(&address, "OPTIONS", ""), "SIP/2.0 200 OK");
        assert_eq!(ask(&address, "MESSAGE", ""), "SIP/2.0 200 OK");
        let other = "Event: message-summary\r\nSubscription-State: active\r\n";
        assert_eq!(ask(&address, "NOTIFY", other), "SIP/2.0 200 OK");
        phone
    });
    let mut phone = phone.await.expect("it answers");
    phone.close_stdin();
    let ended = tokio::task::spawn_blocking(move || phone.finish(Duration::from_secs(10)));
    let ended = ended.await.expect("it ends");

    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let said = |line: &str| ended.stdout.iter().any(|said| said == line);
    // Only bob has blocked mallory, only alice is in the same room with him from the start.
    assert!(
        said("alice sees sip:alice@im.example, sip:mallory@im.example"),
        "{ended:#?}"
    );
    assert!(
        said("bob sees join sip:mallory@im.example BLOCKED")
            || said(
                "bob sees sip:bob@im.example, sip:dave@im.example, sip:mallory@im.example BLOCKED"
            ),
        "{ended:#?}"
    );
    let mixed = |line: &&String| line.starts_with("alice") && line.contains("bob@");
    assert_eq!(ended.stdout.iter().find(mixed), None);
    assert!(
        said("alice ended unsubscribed") && said("bob ended unsubscribed"),
        "{ended:#?}"
    );
    // Nothing of the plugin's passes it.
    assert!(said("after the plugin: MESSAGE 1, NOTIFY 1"), "{ended:#?}");
    for focus in [of_alice, of_bob] {
        let left = *focus
            .subscribers()
            .expect("the conference is open")
            .borrow();
        assert_eq!(left, 0);
    }
}
