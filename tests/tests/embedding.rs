//! A softphone outside the workspace that adds the plugin to its own ezk endpoint: it is built as its developer builds
//! it, and run against the embedded IM server.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rollmark_im_server::{Conference, ImServer, Settings, User};
use rollmark_tests::kit::message::{Message, param};
use rollmark_tests::process::{PATIENCE, Process, build_dir};

/// The built sample.
fn built() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    Command::new(BUILT.get_or_init(build))
}

/// Builds the sample with its own lock file, which takes its versions from the workspace's, into the same folder: what is
/// alike is built once. Of what it has beside that cargo fetches what is not there yet.
fn build() -> PathBuf {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("embedding");
    let target = build_dir().join("..");
    std::fs::copy(sample.join("../../Cargo.lock"), sample.join("Cargo.lock"))
        .expect("the lock file can be copied");
    let cargo = |more: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--manifest-path"]);
        cargo
            .arg(sample.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target);
        cargo.args(more).output().expect("cargo runs")
    };
    let mut built = cargo(&["--offline"]);
    if !built.status.success() {
        built = cargo(&[]);
    }
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    target.join("debug/rollmark-embedding")
}

/// A registrar that wants a digest, and takes the second REGISTER; gives that.
fn register(socket: &UdpSocket) -> Message {
    let mut buffer = vec![0; 65_535];
    let mut next = || loop {
        let (length, from) = socket.recv_from(&mut buffer).expect("a REGISTER");
        if let Some(message) = Message::take(&mut buffer[..length].to_vec(), false) {
            return (message, from);
        }
    };
    loop {
        let (request, from) = next();
        let wants = "Digest realm=\"im.example\", nonce=\"n1\", qop=\"auth\", algorithm=MD5";
        let answer = match request.get("Authorization") {
            Some(_) => request
                .response(200, "r")
                .with("Contact", request.get("Contact").expect("it has one")),
            None => request.response(401, "r").with("WWW-Authenticate", wants),
        };
        socket.send_to(&answer.bytes(), from).expect("sent");
        if answer.status() == Some(200) {
            return request;
        }
    }
}

/// Sends a request of somebody else to the softphone and gives the status line of the answer.
fn ask(address: &str, method: &str, more: &str) -> String {
    let request = request(address, method, 1, "2", more);
    answer(address, &request).first
}

fn request(address: &str, method: &str, cseq: u32, tag: &str, more: &str) -> Message {
    let mut request = Message {
        first: format!("{method} sip:alice@{address} SIP/2.0"),
        ..Message::default()
    };
    let to = match tag {
        "" => "<sip:alice@im.example>".to_owned(),
        tag => format!("<sip:alice@im.example>;tag={tag}"),
    };
    let id = if cseq == 1 { method } else { "SUBSCRIBE" };
    for (name, value) in [
        ("Max-Forwards", "70"),
        ("From", "<sip:carol@im.example>;tag=1"),
        ("To", &to),
        ("Call-ID", &format!("{id}@im.example")),
        ("CSeq", &format!("{cseq} {method}")),
    ] {
        request = request.with(name, value);
    }
    for line in more.lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        request = request.with(name, value);
    }
    request
}

/// A dialog of the softphone's own: somebody subscribes to the user, and goes on in that dialog.
fn dialog_of_its_own(address: &str) {
    let contact = "Contact: <sip:carol@127.0.0.1:9>\r\nEvent: presence\r\nExpires: 60";
    let begun = answer(address, &request(address, "SUBSCRIBE", 1, "", contact));
    assert_eq!(begun.status(), Some(200), "{begun:#?}");
    let tag = param(begun.get("To").expect("it has one"), "tag").expect("a dialog");
    let other = "Event: presence\r\nSubscription-State: active";
    for (cseq, method, more) in [
        (2, "NOTIFY", other),
        (3, "SUBSCRIBE", contact),
        (4, "NOTIFY", other),
    ] {
        let request = request(address, method, cseq, tag, more);
        assert_eq!(answer(address, &request).status(), Some(200), "{method}");
    }
}

fn answer(address: &str, request: &Message) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let here = socket.local_addr().expect("an address");
    let branch = request.get("CSeq").unwrap_or_default().replace(' ', "");
    let via = format!("SIP/2.0/UDP {here};branch=z9hG4bK{branch};rport");
    let request = request.clone().with("Via", via);
    socket.send_to(&request.bytes(), address).expect("sent");
    let mut answer = vec![0; 65_535];
    let length = socket.recv(&mut answer).expect("an answer");
    answer.truncate(length);
    Message::take(&mut answer, false).expect("a message")
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

#[tokio::test(flavor = "multi_thread")]
async fn a_softphone_of_its_own_adds_the_plugin_among_its_layers_for_two_accounts() {
    embedded("after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_dialog_layer_may_stand_before_the_plugin() {
    embedded("before").await;
}

/// SW-15: two accounts on one endpoint, never mixed; the softphone's own layers, before and after the plugin, get what is
/// theirs, so does the `DialogLayer` of ezk-sip-ua on either side of it, and the plugin ends with Expires: 0 on both. Its registration
/// and digest are its own.
async fn embedded(dialog_layer: &'static str) {
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

    let registrar = UdpSocket::bind("127.0.0.1:0").expect("a UDP port");
    registrar
        .set_read_timeout(Some(PATIENCE))
        .expect("a time-out");
    let uri = format!("sip:{}", registrar.local_addr().expect("an address"));
    let mut command = tokio::task::spawn_blocking(built).await.expect("built");
    command.args([dialog_layer, &uri, &books, &films]);
    let phone = tokio::task::spawn_blocking(move || {
        let mut phone = Process::start(&mut command, "cargo builds it");
        let address = wait(&mut phone, "listening").replace("listening ", "");
        let register = register(&registrar);
        let by = register.get("Authorization").unwrap_or_default();
        assert!(
            by.contains("username=\"alice\"") && by.contains("response="),
            "{by}"
        );
        wait(&mut phone, "registered");
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
        let other = "Event: message-summary\r\nSubscription-State: active";
        assert_eq!(ask(&address, "NOTIFY", other), "SIP/2.0 200 OK");
        dialog_of_its_own(&address);
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
    // Nothing of the plugin's passes it, and nothing of the softphone's dialogs is missing.
    assert!(
        said("after the plugin: MESSAGE 1, NOTIFY 1, SUBSCRIBE 1"),
        "{ended:#?}"
    );
    assert!(
        said("in dialogs of its own: NOTIFY 2, SUBSCRIBE 1"),
        "{ended:#?}"
    );
    for focus in [of_alice, of_bob] {
        let left = *focus
            .subscribers()
            .expect("the conference is open")
            .borrow();
        assert_eq!(left, 0);
    }
}
