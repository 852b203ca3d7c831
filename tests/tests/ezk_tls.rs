//! TLS of the ezk host: whom it trusts, and what follows when a connection dies (SEC-05, SEC-13, SUB-09).

use std::path::PathBuf;
use std::time::Duration;

use rollmark::core::subscription::Cause;
use rollmark::{Account, Conference, What};
use rollmark_tests::kit::ROOM;
use rollmark_tests::kit::message::param;
use rollmark_tests::scripted::{Identity, Scripted, accepted};
use rollmark_ua::{Settings, Transport, UserAgent};

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A notifier behind TLS: each SUBSCRIBE brings one user more.
async fn server(identity: &Identity) -> Scripted {
    let mut version = 0;
    Scripted::tcp(Some(identity), move |asked, here| {
        version += 1;
        let users = ["bob", "carol", "dave"];
        let users = users.get(..version as usize).unwrap_or(&users);
        accepted(asked, here, version, users)
    })
    .await
}

async fn watch(server: &Scripted, ca_pem: &str, name: &str) -> (UserAgent, Conference) {
    let file = format!("rollmark-ezk-tls-{}-{name}.pem", std::process::id());
    let ca: PathBuf = std::env::temp_dir().join(file);
    std::fs::write(&ca, ca_pem).expect("a file");
    let settings = Settings {
        server: Some(server.address.to_string()),
        transport: Transport::Tls,
        ca: Some(ca.clone()),
    };
    let phone = UserAgent::start(settings, Account::new("sip:alice@example.org")).await;
    std::fs::remove_file(ca).expect("it was written");
    let phone = phone.expect("ezk starts");
    let conference = phone.conferences.subscribe(ROOM).await;
    (phone, conference.expect("a SIP URI"))
}

async fn told(conference: &mut Conference, mut is: impl FnMut(&What) -> bool) {
    let wait = async {
        loop {
            let event = conference.next().await.expect("it goes on");
            if is(&event.what) {
                return;
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, wait).await;
    told.expect("it is told in time");
}

/// SUB-09: a dead connection is made anew, with its handshake, and who came meanwhile is shown; the Contact is that of TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_connection_is_made_anew() {
    let identity = Identity::of("127.0.0.1");
    let server = server(&identity).await;
    let (_phone, mut conference) = watch(&server, &identity.ca_pem, "dead").await;
    told(
        &mut conference,
        |what| matches!(what, What::Roster(rows) if rows.len() == 1),
    )
    .await;
    for (connection, user) in [(2, "sip:carol@example.org"), (3, "sip:dave@example.org")] {
        server.cut();
        told(
            &mut conference,
            |what| matches!(what, What::Joined(row) if row.user.entity() == user),
        )
        .await;
        assert_eq!(server.connections(), connection);
    }
    for request in server.requests() {
        let via = request.get("Via").expect("a Via");
        assert!(via.starts_with("SIP/2.0/TLS 127.0.0.1:"), "{via}");
        let contact = request.get("Contact").expect("a Contact");
        assert!(contact.contains(";transport=tls>"), "{contact}");
        assert!(param(via, "branch").is_some_and(|branch| branch.starts_with("z9hG4bK")));
    }
}

/// SEC-13: a certificate of another name: nothing is sent, and it is told that the server cannot be reached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_name_is_refused() {
    let identity = Identity::of("other.example");
    let server = server(&identity).await;
    let (_phone, conference) = watch(&server, &identity.ca_pem, "name").await;
    refused(&server, conference).await;
}

/// SEC-13: a certificate by an authority that was not given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_authority_is_refused() {
    let server = server(&Identity::of("127.0.0.1")).await;
    let other = Identity::of("127.0.0.1");
    let (_phone, conference) = watch(&server, &other.ca_pem, "ca").await;
    refused(&server, conference).await;
}

async fn refused(server: &Scripted, mut conference: Conference) {
    told(
        &mut conference,
        |what| matches!(what, What::State(state) if state.why == Some(Cause::Unreachable)),
    )
    .await;
    assert_eq!(server.requests(), [], "nothing may be sent");
}
